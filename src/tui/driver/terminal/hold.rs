//! What the terminal was asked for and must be given back, exactly once, whichever way the end comes.
//!
//! The main thread, the thread of signals and the panic hook all may have to restore it, so its
//! state is the process's. All bytes go out under one lock, so that nothing is drawn after the
//! terminal was given back; no code of others runs under that lock.

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Who has the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Whoever had it before, for good.
    Out,
    /// The workbench.
    In,
    /// A program that the workbench waits for.
    Lent,
    /// The shell, until it continues this process.
    Suspended,
}

/// What is asked of a terminal besides its alternate screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Modes {
    pub mouse: bool,
    /// Kitty's keyboard protocol, which tells Esc from the start of a sequence.
    pub keyboard: bool,
    pub title: Option<String>,
}

struct Hold {
    state: State,
    modes: Modes,
}

static HOLD: Mutex<Hold> = Mutex::new(Hold {
    state: State::Out,
    modes: Modes { mouse: false, keyboard: false, title: None },
});
static CHANGED: Condvar = Condvar::new();

/// Clicks, wheel and drags in the SGR coding; not every movement (1003), which nothing here needs.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1002l\x1b[?1000l";

impl Modes {
    /// For a terminal that was another's: what it had is put on its stacks.
    fn entering(&self) -> String {
        let keyboard = if self.keyboard { "\x1b[>1u" } else { "" };
        // Kitty has a stack for each screen, so the alternate one comes first.
        format!("\x1b[22;0t{}{keyboard}", self.setting())
    }

    /// For a terminal that was held and whose modes may have been changed by others since.
    fn again(&self) -> String {
        let keyboard = if self.keyboard { "\x1b[=1u" } else { "" };
        format!("{}{keyboard}", self.setting())
    }

    /// What can be said twice.
    fn setting(&self) -> String {
        // Alternate screen, cleared; cursor hidden; pastes bracketed; focus told.
        let mut bytes = String::from("\x1b[?1049h\x1b[2J\x1b[?25l\x1b[?2004h\x1b[?1004h");
        if self.mouse {
            bytes.push_str(MOUSE_ON);
        }
        if let Some(title) = &self.title {
            bytes.push_str(&title_sequence(title));
        }
        bytes
    }

    fn leaving(&self) -> String {
        // A frame that broke off is ended first. The mouse goes off even when this side believes it
        // is: a shell that gets mouse reports is unusable.
        let mut bytes = String::from("\x1b[?2026l");
        bytes.push_str(MOUSE_OFF);
        if self.keyboard {
            bytes.push_str("\x1b[<1u");
        }
        bytes.push_str("\x1b[?1004l\x1b[?2004l\x1b[0m\x1b[?25h\x1b[?1049l\x1b[23;0t");
        bytes
    }
}

/// Sets the window's title; the text cannot end the sequence early.
fn title_sequence(title: &str) -> String {
    format!("\x1b]2;{}\x07", crate::tui::text::clean(title))
}

fn hold() -> MutexGuard<'static, Hold> {
    HOLD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the terminal.
pub(super) fn enter(modes: Modes) -> io::Result<()> {
    let mut hold = hold();
    if hold.state != State::Out {
        return Err(io::Error::other("the workbench has the terminal already"));
    }
    hold.modes = modes;
    take(&mut hold)
}

/// Takes the terminal again if that is still wanted; true when it is held now.
pub(super) fn reenter(from: State) -> io::Result<bool> {
    let mut hold = hold();
    if hold.state == from && from != State::Out {
        take(&mut hold)?;
    }
    Ok(hold.state == State::In)
}

fn take(hold: &mut Hold) -> io::Result<()> {
    // First the line discipline: in the background this stops the process before it writes.
    enable_raw_mode()?;
    let held = hold.state == State::In;
    let bytes = if held { hold.modes.again() } else { hold.modes.entering() };
    if let Err(error) = write(bytes.as_bytes()) {
        disable_raw_mode().ok();
        return Err(error);
    }
    hold.state = State::In;
    CHANGED.notify_all();
    Ok(())
}

/// After the process was stopped and continued from outside: nobody knows what the terminal's modes
/// are by now. True when the screen has to be drawn again.
pub(super) fn continued() -> io::Result<bool> {
    let mut hold = hold();
    match hold.state {
        State::Out | State::Lent => Ok(false),
        State::Suspended => take(&mut hold).map(|()| true),
        State::In => {
            // Raw mode is remembered as on: off first, or it would not be set again.
            disable_raw_mode()?;
            take(&mut hold).map(|()| true)
        }
    }
}

/// Gives the terminal back; true when it was held.
pub(super) fn leave(to: State) -> bool {
    give(&mut hold(), to)
}

/// Like `leave(Out)` for those who must not wait for long: a thread that is stuck in writing to a
/// terminal that takes nothing has the lock. Tells who had the terminal.
pub(super) fn restore_within(limit: Duration) -> State {
    let until = Instant::now() + limit;
    let restore = |mut hold: MutexGuard<'_, Hold>| {
        let before = hold.state;
        give(&mut hold, State::Out);
        before
    };
    loop {
        match HOLD.try_lock() {
            Ok(hold) => return restore(hold),
            Err(TryLockError::Poisoned(poisoned)) => return restore(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => {
                disable_raw_mode().ok();
                return State::In;
            }
        }
    }
}

fn give(hold: &mut Hold, to: State) -> bool {
    let held = hold.state == State::In;
    if held {
        // A terminal that is gone takes no bytes; there is nobody to tell.
        write(hold.modes.leaving().as_bytes()).ok();
        // Mouse reports on their way would be typed into the shell.
        if hold.modes.mouse {
            rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush).ok();
        }
        disable_raw_mode().ok();
    }
    if held || to == State::Out {
        hold.state = to;
        CHANGED.notify_all();
    }
    held
}

/// Waits until the terminal is held again, or for as long as the limit.
pub(super) fn wait_until_held(limit: Duration) {
    let wait = CHANGED.wait_timeout_while(hold(), limit, |hold| hold.state == State::Suspended);
    drop(wait);
}

pub(super) fn state() -> State {
    hold().state
}

/// Whether another program has the terminal; asked by the thread of signals, so it never waits.
pub(super) fn is_lent() -> bool {
    HOLD.try_lock().is_ok_and(|hold| hold.state == State::Lent)
}

/// Writes to the terminal if it is held, in one piece; false when it is not.
pub(super) fn commit(bytes: &[u8]) -> io::Result<bool> {
    let hold = hold();
    if hold.state != State::In {
        return Ok(false);
    }
    write(bytes).map(|()| true)
}

pub(super) fn set_mouse(on: bool) -> io::Result<()> {
    let mut hold = hold();
    hold.modes.mouse = on;
    if hold.state == State::In {
        write(if on { MOUSE_ON } else { MOUSE_OFF }.as_bytes())?;
    }
    Ok(())
}

pub(super) fn set_title(title: &str) -> io::Result<()> {
    let mut hold = hold();
    if hold.modes.title.as_deref() == Some(title) {
        return Ok(());
    }
    hold.modes.title = Some(title.to_owned());
    if hold.state == State::In {
        write(title_sequence(title).as_bytes())?;
    }
    Ok(())
}

/// Straight to standard output: its buffer would be a second place where bytes wait.
fn write(mut bytes: &[u8]) -> io::Result<()> {
    let stdout = io::stdout();
    while !bytes.is_empty() {
        match rustix::io::write(&stdout, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Somebody made the terminal non-blocking; wait as a blocking write would.
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The private modes that a text sets, without those that it takes back.
    fn left_on(text: &str) -> Vec<String> {
        let mut on: Vec<String> = Vec::new();
        for part in text.split("\x1b[?").skip(1) {
            let end = part.find(['h', 'l']).unwrap();
            let mode = part[..end].to_owned();
            on.retain(|other| *other != mode);
            if part.as_bytes()[end] == b'h' {
                on.push(mode);
            }
        }
        on
    }

    #[test]
    fn leaving_takes_back_whatever_entering_set() {
        for mouse in [false, true] {
            for keyboard in [false, true] {
                let modes = Modes { mouse, keyboard, title: Some("iris".into()) };
                let all = modes.entering() + &modes.again() + &modes.leaving();
                // 25 is the cursor: it is there where nobody hides it.
                assert_eq!(left_on(&all), ["25"], "{all:?}");
                assert_eq!(all.matches("\x1b[>1u").count(), all.matches("\x1b[<1u").count());
                assert!(all.contains("\x1b[22;0t") && all.ends_with("\x1b[23;0t"));
            }
        }
    }

    #[test]
    fn a_title_cannot_end_its_sequence() {
        assert_eq!(title_sequence("a\x07\x1b]52;c;eA==\x07"), "\x1b]2;a␇␛]52;c;eA==␇\x07");
    }

    #[test]
    fn nothing_is_written_to_a_terminal_that_is_not_held() {
        assert_eq!(state(), State::Out);
        assert!(!commit(b"lost").unwrap());
        assert!(!leave(State::Lent));
        assert_eq!(state(), State::Out, "what was not held cannot be lent");
        assert!(!reenter(State::Out).unwrap());
    }
}
