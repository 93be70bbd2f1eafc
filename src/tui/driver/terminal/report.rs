//! When the workbench itself breaks: the terminal is given back, what happened is written down, and
//! one line says where.

use super::hold;
use crate::tui::text;
use std::any::Any;
use std::backtrace::Backtrace;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

/// Where reports go; the temporary folder when there is none.
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Installs the hook once, in front of the one that is there; while the terminal is not held that one
/// is asked as before.
pub(super) fn install(folder: Option<PathBuf>) {
    static ONCE: Once = Once::new();
    *FOLDER.lock().unwrap_or_else(PoisonError::into_inner) = folder;
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if hold::restore_within(Duration::from_millis(500)) != hold::State::Out {
                tell(info);
            } else {
                before(info);
            }
        }));
    });
}

fn tell(info: &PanicHookInfo<'_>) {
    let said = said(info.payload());
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let folder = FOLDER.try_lock().ok().and_then(|folder| folder.clone());
    let report = compose(&said, &place, &Backtrace::force_capture().to_string());
    let kept = keep(folder.as_deref(), &report);
    let mut message = format!("sagebrush broke, which is its own fault: {}\n", text::clean(&said));
    match &kept {
        Ok(path) => message += &format!("What it knows of that lies in {}\n", path.display()),
        Err(error) => message += &format!("At {place}; no report could be written: {error}\n"),
    }
    message += "The region is a process of its own and goes on; `sagebrush status` shows it.\n";
    io::stderr().lock().write_all(message.as_bytes()).ok();
    super::signals::notify(super::Notice::Broken { report: kept.ok() });
}

/// What a panic was given to say.
fn said(payload: &dyn Any) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".into())
}

fn compose(said: &str, place: &str, backtrace: &str) -> String {
    let env = |name| std::env::var(name).unwrap_or_default();
    format!(
        "sagebrush {} on {} {}\ntime: {}\nthread: {}\nterminal: TERM={} COLORTERM={} {:?}\n\
         place: {place}\nsaid: {said}\n\n{backtrace}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        jiff::Timestamp::now(),
        std::thread::current().name().unwrap_or("without a name"),
        env("TERM"),
        env("COLORTERM"),
        crossterm::terminal::size().ok(),
    )
}

/// Writes the report for the user alone: into the folder if it is the user's own, else into the
/// temporary one.
fn keep(folder: Option<&Path>, report: &str) -> io::Result<PathBuf> {
    let own = |folder: &&Path| {
        std::fs::symlink_metadata(folder)
            .is_ok_and(|facts| facts.is_dir() && facts.uid() == rustix::process::geteuid().as_raw())
    };
    if let Some(folder) = folder.filter(own)
        && let Ok(path) = write_new(folder, report)
    {
        return Ok(path);
    }
    write_new(&std::env::temp_dir(), report)
}

fn write_new(folder: &Path, report: &str) -> io::Result<PathBuf> {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3f").to_string();
    let path = folder.join(format!("sagebrush-report-{time}-{}.txt", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(report.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_its_users_alone_and_lies_where_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let report = compose("it broke", "src/x.rs:1:1", "0: main");
        let path = keep(Some(folder.path()), &report).unwrap();
        assert_eq!(path.parent(), Some(folder.path()));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("said: it broke") && text.contains("0: main"), "{text}");
    }

    #[test]
    fn a_link_in_the_folders_place_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        let path = keep(Some(&link), "report").unwrap();
        assert_eq!(path.parent(), Some(std::env::temp_dir().as_path()));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_a_panic_said_is_found_in_either_form() {
        assert_eq!(said(&"plain"), "plain");
        assert_eq!(said(&String::from("made")), "made");
        assert_eq!(said(&7_u8), "a panic without words");
    }
}
