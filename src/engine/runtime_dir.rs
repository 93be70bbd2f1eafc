//! The short-pathed private folder that holds the listening sockets of serving containers.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A Unix socket's path ends at 107 bytes; this leaves room for a file name.
const MAX_DIR: usize = 90;

/// A folder of this process's own below `$XDG_RUNTIME_DIR`, or `/tmp` where there is none:
/// `sagebrush-<user>-<process>-<n>`.
pub fn for_this_process() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute() && dir.as_os_str().len() < 50 && is_ours(dir))
        // Not `TMPDIR`: macOS's is long.
        .unwrap_or_else(|| PathBuf::from("/tmp"));
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    base.join(format!("{}{}-{n}", prefix(), std::process::id()))
}

fn prefix() -> String {
    format!("sagebrush-{}-", rustix::process::getuid().as_raw())
}

fn is_ours(dir: &Path) -> bool {
    dir.symlink_metadata()
        .is_ok_and(|meta| meta.is_dir() && meta.uid() == rustix::process::getuid().as_raw())
}

/// Makes `dir` with mode 0700, or checks that it is a folder of ours and closes it to others.
pub(super) fn make(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().len() > MAX_DIR {
        let text = format!(
            "{} is too long for the sockets inside it (at most {MAX_DIR} bytes); set \
             XDG_RUNTIME_DIR to a shorter folder",
            dir.display()
        );
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    sweep(dir);
    if let Some(parent) = dir.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_ours(dir) => {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(io::Error::new(
            ErrorKind::PermissionDenied,
            format!("{} belongs to somebody else", dir.display()),
        )),
        other => other,
    }
}

/// Removes the folders that processes of ours left beside `dir` when they were killed.
fn sweep(dir: &Path) {
    let prefix = prefix();
    for entry in dir.parent().and_then(|base| fs::read_dir(base).ok()).into_iter().flatten() {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        let Some(left) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else {
            continue;
        };
        let owner = left.split('-').next().and_then(|pid| pid.parse().ok());
        let Some(owner) = owner.and_then(rustix::process::Pid::from_raw) else { continue };
        let gone = rustix::process::test_kill_process(owner) == Err(rustix::io::Errno::SRCH);
        if gone && is_ours(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_private_and_swept_when_its_process_is_gone() {
        let base = tempfile::tempdir().unwrap();
        let gone = base.path().join(format!("{}{}-0", prefix(), i32::MAX - 1));
        let alive = base.path().join(format!("{}{}-7", prefix(), std::process::id()));
        fs::create_dir(&gone).unwrap();
        fs::create_dir(&alive).unwrap();
        let own = base.path().join("own");
        make(&own).unwrap();
        assert_eq!(own.metadata().unwrap().mode() & 0o777, 0o700);
        assert!(!gone.exists() && alive.exists());
        make(&own).unwrap();
    }

    #[test]
    fn refuses_a_symlink_and_a_long_path() {
        let base = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/tmp", base.path().join("link")).unwrap();
        assert!(make(&base.path().join("link")).is_err());
        let long = base.path().join("x".repeat(100));
        assert!(make(&long).unwrap_err().to_string().contains("too long"));
    }
}
