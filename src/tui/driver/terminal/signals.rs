//! Signals while the workbench has the terminal.
//!
//! TERM, HUP, INT and QUIT give the terminal back at once and then ask the workbench to end; if it does
//! not within the grace, the signal does what it would have done. CONT takes the terminal again.

use super::hold;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What the terminal's keeper tells the workbench.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A signal asks for the end; the terminal is restored already. The exit code is 128 and more.
    End { signal: i32 },
    /// The process was stopped and goes on: everything has to be drawn anew.
    Resumed,
    /// A thread has panicked; the terminal is restored already and the report written.
    Broken { report: Option<PathBuf> },
}

impl Notice {
    /// The exit code that a shell expects; `None` when this is no end.
    pub fn exit_code(&self) -> Option<u8> {
        match self {
            Self::End { signal } => Some(128_u8.saturating_add(u8::try_from(*signal).unwrap_or(0))),
            Self::Broken { .. } => Some(101),
            Self::Resumed => None,
        }
    }
}

/// Told of notices, on whichever thread finds them: it must not wait.
pub type Listener = Arc<dyn Fn(Notice) + Send + Sync>;

struct Listening {
    listener: Listener,
    grace: Duration,
}

static LISTENING: Mutex<Option<Listening>> = Mutex::new(None);
static ENDING: AtomicBool = AtomicBool::new(false);

/// Starts the thread that takes signals, once for the process: a handler that is taken out again would
/// leave the signal ignored. While nobody listens, signals do what they do without it.
pub(super) fn listen(listener: Listener, grace: Duration) -> io::Result<()> {
    static STARTED: OnceLock<()> = OnceLock::new();
    *LISTENING.lock().unwrap_or_else(PoisonError::into_inner) = Some(Listening { listener, grace });
    if STARTED.get().is_some() {
        return Ok(());
    }
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGCONT])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            take(signal);
        }
    })?;
    STARTED.set(()).ok();
    Ok(())
}

pub(super) fn stop_listening() {
    *LISTENING.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Tells the listener; `None` when there is none, else the grace that it has.
pub(super) fn notify(notice: Notice) -> Option<Duration> {
    let (listener, grace) = {
        let listening = LISTENING.lock().unwrap_or_else(PoisonError::into_inner);
        let listening = listening.as_ref()?;
        (Arc::clone(&listening.listener), listening.grace)
    };
    listener(notice);
    Some(grace)
}

fn take(signal: i32) {
    if signal == SIGCONT {
        if hold::continued().unwrap_or(false) {
            notify(Notice::Resumed);
        }
        return;
    }
    // Ctrl-C and Ctrl-\ while another program has the terminal are for that program.
    if matches!(signal, SIGINT | SIGQUIT) && hold::is_lent() {
        return;
    }
    hold::restore_within(Duration::from_millis(500));
    let asked_before = ENDING.swap(true, Ordering::SeqCst);
    match notify(Notice::End { signal }) {
        Some(grace) if !asked_before => {
            let wait = move || {
                std::thread::sleep(grace);
                emulate_default_handler(signal).ok();
            };
            if std::thread::Builder::new().name("grace".into()).spawn(wait).is_err() {
                emulate_default_handler(signal).ok();
            }
        }
        _ => {
            emulate_default_handler(signal).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_shells() {
        assert_eq!(Notice::End { signal: SIGTERM }.exit_code(), Some(143));
        assert_eq!(Notice::End { signal: SIGHUP }.exit_code(), Some(129));
        assert_eq!(Notice::Broken { report: None }.exit_code(), Some(101));
        assert_eq!(Notice::Resumed.exit_code(), None);
    }
}
