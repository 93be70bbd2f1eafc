//! The terminal while the workbench has it: taken with all that it needs, and given back as it was,
//! exactly once, after a normal end, an error, a panic or a signal.

mod clipboard;
mod editor;
mod hold;
mod report;
mod signals;

pub use clipboard::{Copied, CopyError, LIMIT as COPY_LIMIT, Multiplexer};
pub use editor::{EditError, Edited, command as editor_command};
pub use signals::{Listener, Notice};

use crate::tui::colour::{self, Depth};
use hold::{Modes, State};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How the terminal is taken.
pub struct Options {
    pub mouse: bool,
    pub title: String,
    pub depth: Depth,
    /// Where a report of a panic goes, such as the workspace's `.sagebrush`; the temporary folder
    /// when it is missing or another's.
    pub reports: Option<PathBuf>,
    /// How long the workbench may take to end after a signal asked for it.
    pub grace: Duration,
    /// Told of signals, panics and continuations, from other threads.
    pub listener: Listener,
}

impl Options {
    pub fn new(listener: Listener) -> Self {
        Self {
            mouse: true,
            title: "sagebrush".into(),
            depth: Depth::TrueColour,
            reports: None,
            grace: Duration::from_secs(3),
            listener,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    #[error("the workbench needs a terminal; `sagebrush run` works without one")]
    NoTerminal,
    #[error("this terminal (TERM=dumb) cannot move its cursor; `sagebrush run` works without that")]
    Dumb,
    #[error("taking the terminal: {0}")]
    Io(#[from] io::Error),
}

/// How Ctrl-Z ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspended {
    /// The screen is back.
    Back,
    /// A signal or a panic has ended it meanwhile.
    Ended,
}

/// The screen, held until this is dropped.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Pending>>,
    pending: Pending,
    depth: Depth,
    multiplexer: Multiplexer,
    mouse: bool,
}

impl Screen {
    pub fn enter(options: Options) -> Result<Self, ScreenError> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(ScreenError::NoTerminal);
        }
        if env("TERM").is_some_and(|term| term == "dumb") {
            return Err(ScreenError::Dumb);
        }
        report::install(options.reports);
        signals::listen(options.listener, options.grace)?;
        hold::enter(Modes {
            mouse: options.mouse,
            keyboard: tells_keys_apart(env),
            title: Some(options.title),
        })?;
        let pending = Pending::default();
        // From here on the guard exists: whatever fails, the terminal goes back.
        let terminal = Terminal::new(CrosstermBackend::new(pending.clone())).inspect_err(|_| {
            hold::leave(State::Out);
        })?;
        let multiplexer = Multiplexer::detect(env);
        Ok(Self { terminal, pending, depth: options.depth, multiplexer, mouse: options.mouse })
    }

    /// Draws a frame: only what differs from the last one goes out, in one write that a terminal
    /// shows as a whole. Draws nothing when a signal or panic has taken the screen away.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let depth = self.depth;
        self.terminal.draw(|frame| {
            render(frame);
            colour::degrade(frame.buffer_mut(), depth);
        })?;
        let bytes = self.pending.take();
        let mut whole = Vec::with_capacity(bytes.len() + 16);
        whole.extend_from_slice(b"\x1b[?2026h");
        whole.extend_from_slice(&bytes);
        whole.extend_from_slice(b"\x1b[?2026l");
        hold::commit(&whole)?;
        Ok(())
    }

    /// Forgets what is on the screen, so that the next frame is drawn whole.
    pub fn redraw(&mut self) -> io::Result<()> {
        self.pending.take();
        self.terminal = Terminal::new(CrosstermBackend::new(self.pending.clone()))?;
        hold::commit(b"\x1b[0m\x1b[2J")?;
        Ok(())
    }

    /// Columns and rows.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }

    /// False once a signal or panic has taken the screen away.
    pub fn is_held(&self) -> bool {
        hold::state() == State::In
    }

    pub fn mouse(&self) -> bool {
        self.mouse
    }

    /// Takes the mouse, or gives it back to the terminal for selecting.
    pub fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        hold::set_mouse(on)
    }

    pub fn set_title(&mut self, title: &str) -> io::Result<()> {
        hold::set_title(title)
    }

    /// Asks the terminal to put the text on its clipboard.
    pub fn copy(&mut self, text: &str) -> Result<Copied, CopyError> {
        let sequence = clipboard::sequence(text, self.multiplexer)?;
        if !hold::commit(sequence.as_bytes())? {
            return Err(CopyError::NotHeld);
        }
        Ok(Copied { bytes: text.len(), through: self.multiplexer })
    }

    /// Ctrl-Z: gives the terminal back and stops the whole job, as the terminal itself would, also
    /// a `cargo run` around it. Comes back when the shell continues it, with the screen forgotten.
    pub fn suspend(&mut self) -> io::Result<Suspended> {
        if !hold::leave(State::Suspended) {
            return Ok(Suspended::Ended);
        }
        rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
        // The signal's thread takes the terminal again on SIGCONT. Where no shell could continue
        // it, the kernel does not stop the job, no SIGCONT comes, and the limit ends the wait.
        hold::wait_until_held(Duration::from_millis(250));
        if !hold::reenter(State::Suspended)? {
            return Ok(Suspended::Ended);
        }
        self.redraw()?;
        Ok(Suspended::Back)
    }

    /// Lends the terminal to another program for as long as `work` takes. The input thread must be
    /// paused, or it takes that program's keys.
    pub fn lend<T>(&mut self, work: impl FnOnce() -> T) -> io::Result<T> {
        if !hold::leave(State::Lent) {
            return Err(io::Error::other("the terminal is not held now"));
        }
        let result = work();
        if hold::reenter(State::Lent)? {
            self.redraw()?;
        }
        Ok(result)
    }

    /// Edits a text in the user's editor (see [`editor_command`]), and draws everything anew after.
    pub fn edit(&mut self, text: &str, suffix: &str, command: &str) -> Result<Edited, EditError> {
        self.lend(|| editor::edit(text, suffix, command))?
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        hold::leave(State::Out);
        signals::stop_listening();
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether the terminal is one of those that know Kitty's keyboard protocol. To ask it would cost a
/// round trip before the first frame, and two seconds where nobody answers.
fn tells_keys_apart(env: impl Fn(&str) -> Option<String>) -> bool {
    let value = |name| env(name).unwrap_or_default();
    let set = |name| !value(name).is_empty();
    // A multiplexer stands between; what is outside of it does not count.
    if set("TMUX") || set("STY") || set("ZELLIJ") {
        return false;
    }
    let terms =
        ["xterm-kitty", "xterm-ghostty", "foot", "foot-extra", "wezterm", "alacritty", "rio"];
    let programs = ["ghostty", "WezTerm", "rio"];
    terms.contains(&value("TERM").as_str())
        || programs.contains(&value("TERM_PROGRAM").as_str())
        || set("KITTY_WINDOW_ID")
}

/// Bytes of the frame in the making; flushing is the screen's to do.
#[derive(Clone, Default)]
struct Pending(Arc<Mutex<Vec<u8>>>);

impl Pending {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keyboard_protocol_is_for_terminals_that_know_it() {
        let with = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            }
        };
        assert!(tells_keys_apart(with(&[("TERM", "xterm-kitty")])));
        assert!(tells_keys_apart(with(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "WezTerm")])));
        assert!(!tells_keys_apart(with(&[("TERM", "xterm-256color")])));
        assert!(!tells_keys_apart(with(&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/tmux")])));
    }

    #[test]
    fn without_a_terminal_there_is_no_screen() {
        let options = Options::new(Arc::new(|_| {}));
        // Under a test runner standard output may be a terminal; standard input then is one too.
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            assert!(matches!(Screen::enter(options), Err(ScreenError::NoTerminal)));
        }
    }
}
