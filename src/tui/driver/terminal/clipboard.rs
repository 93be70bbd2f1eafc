//! Copying by OSC 52: the terminal, also one at the far end of SSH, is asked to put a text on its
//! clipboard. It does not answer, so nothing here claims more than that it was asked.

use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;
use std::fmt;

/// Terminals take sequences up to 100,000 bytes; in base64 that is this many bytes of text.
pub const LIMIT: usize = 74_994;

/// GNU screen cuts strings at 768 bytes.
const SCREEN_CHUNK: usize = 700;

/// What stands between this process and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiplexer {
    None,
    Tmux,
    Screen,
}

impl Multiplexer {
    /// What the environment tells.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| env(name).is_some_and(|value| !value.is_empty());
        match () {
            () if set("TMUX") => Self::Tmux,
            () if set("STY") => Self::Screen,
            () => Self::None,
        }
    }
}

/// A text that was sent to the terminal's clipboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    pub bytes: usize,
    pub through: Multiplexer,
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.through {
            Multiplexer::None => "which takes it if it knows OSC 52",
            Multiplexer::Tmux => "which takes it with tmux's `set -g set-clipboard on`",
            Multiplexer::Screen => "through screen; it takes it if it knows OSC 52",
        };
        write!(f, "{} bytes sent to the terminal's clipboard, {advice}", self.bytes)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(
        "{bytes} bytes are too many: terminals take {LIMIT} at once by OSC 52; write them to a file instead"
    )]
    TooLong { bytes: usize },
    #[error("the terminal is not held now")]
    NotHeld,
    #[error("writing to the terminal: {0}")]
    Io(#[from] std::io::Error),
}

/// The bytes that ask for it.
pub(super) fn sequence(text: &str, through: Multiplexer) -> Result<String, CopyError> {
    if text.len() > LIMIT {
        return Err(CopyError::TooLong { bytes: text.len() });
    }
    let mut plain = String::new();
    CopyToClipboard::to_clipboard_from(text)
        .write_ansi(&mut plain)
        .map_err(std::io::Error::other)?;
    Ok(match through {
        Multiplexer::None => plain,
        // Whichever of tmux's two ways is open: `set-clipboard on` reads the plain sequence,
        // `allow-passthrough on` hands the wrapped one on.
        Multiplexer::Tmux => {
            format!("{plain}\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b"))
        }
        Multiplexer::Screen => screen(&plain),
    })
}

/// In pieces, each in a string of its own that screen hands on; so the sequence must end with BEL,
/// as its other end would end the string.
fn screen(plain: &str) -> String {
    let body = plain.strip_suffix("\x1b\\").unwrap_or(plain).trim_end_matches('\x07');
    let whole = format!("{body}\x07");
    let mut wrapped = String::with_capacity(whole.len() + whole.len() / 100 + 8);
    for chunk in whole.as_bytes().chunks(SCREEN_CHUNK) {
        wrapped.push_str("\x1bP");
        wrapped.push_str(&String::from_utf8_lossy(chunk));
        wrapped.push_str("\x1b\\");
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_travels_as_base64() {
        let plain = sequence("héllo", Multiplexer::None).unwrap();
        assert!(plain.starts_with("\x1b]52;c;aMOpbGxv"), "{plain:?}");
    }

    #[test]
    fn tmux_gets_both_of_its_ways() {
        let both = sequence("x", Multiplexer::Tmux).unwrap();
        assert!(
            both.starts_with("\x1b]52;c;eA==") && both.contains("\x1bPtmux;\x1b\x1b]52;c;eA==")
        );
        assert!(both.ends_with("\x1b\\"));
    }

    #[test]
    fn screen_gets_pieces_that_make_the_whole() {
        let wrapped = sequence(&"a".repeat(3000), Multiplexer::Screen).unwrap();
        let pieces: Vec<&str> = wrapped
            .split_terminator("\x1b\\")
            .map(|piece| piece.strip_prefix("\x1bP").unwrap())
            .collect();
        assert!(pieces.len() > 5 && pieces.iter().all(|piece| piece.len() <= SCREEN_CHUNK));
        let whole = pieces.concat();
        assert!(whole.starts_with("\x1b]52;c;YWFh") && whole.ends_with('\x07'));
    }

    #[test]
    fn what_no_terminal_takes_is_refused_with_words() {
        assert!(sequence(&"a".repeat(LIMIT), Multiplexer::None).is_ok());
        let error = sequence(&"a".repeat(LIMIT + 1), Multiplexer::None).unwrap_err();
        assert!(error.to_string().contains("74995 bytes are too many"), "{error}");
    }

    #[test]
    fn the_environment_tells_the_multiplexer() {
        let only = |set: &'static str| move |name: &str| (name == set).then(|| "1".to_owned());
        assert_eq!(Multiplexer::detect(only("TMUX")), Multiplexer::Tmux);
        assert_eq!(Multiplexer::detect(only("STY")), Multiplexer::Screen);
        assert_eq!(Multiplexer::detect(only("TERM")), Multiplexer::None);
    }
}
