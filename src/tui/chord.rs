//! A key press as people write it: `q`, `G`, `ctrl-p`, `shift-tab`, `f5`, `space`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt;
use std::str::FromStr;

/// A key with its modifiers. Shift is part of a letter (`G`), not beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

const NAMED: &[(&str, KeyCode)] = &[
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("space", KeyCode::Char(' ')),
];

const MODIFIERS: [(&str, KeyModifiers); 3] = [
    ("ctrl-", KeyModifiers::CONTROL),
    ("alt-", KeyModifiers::ALT),
    ("shift-", KeyModifiers::SHIFT),
];

impl Chord {
    fn new(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let known = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT;
        let (mut code, mut modifiers) = (code, modifiers & known);
        match code {
            KeyCode::BackTab => {
                code = KeyCode::Tab;
                modifiers |= KeyModifiers::SHIFT;
            }
            KeyCode::Char(char) if modifiers.contains(KeyModifiers::CONTROL) => {
                // Terminals without the newer keyboard protocol cannot tell the cases apart.
                code = KeyCode::Char(char.to_ascii_lowercase());
            }
            KeyCode::Char(char) if modifiers.contains(KeyModifiers::SHIFT) => {
                code = KeyCode::Char(char.to_uppercase().next().unwrap_or(char));
                modifiers -= KeyModifiers::SHIFT;
            }
            _ => {}
        }
        Self { code, modifiers }
    }
}

impl From<KeyEvent> for Chord {
    fn from(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }
}

/// Why a text names no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no key; keys are written q, G, ?, enter, esc, space, tab, f5, ctrl-p, alt-left, shift-tab"
)]
pub struct BadChord(String);

impl FromStr for Chord {
    type Err = BadChord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rest = text.trim();
        let mut modifiers = KeyModifiers::NONE;
        while let Some((prefix, modifier)) = MODIFIERS.iter().find(|(prefix, _)| {
            rest.len() > prefix.len()
                && rest.is_char_boundary(prefix.len())
                && rest[..prefix.len()].eq_ignore_ascii_case(prefix)
        }) {
            modifiers |= *modifier;
            rest = &rest[prefix.len()..];
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(char), None) if !char.is_control() => KeyCode::Char(char),
            (Some('f' | 'F'), Some(_))
                if rest[1..].parse::<u8>().is_ok_and(|n| (1..=24).contains(&n)) =>
            {
                KeyCode::F(rest[1..].parse().unwrap_or(1))
            }
            _ => NAMED
                .iter()
                .find(|(name, _)| rest.eq_ignore_ascii_case(name))
                .map(|(_, code)| *code)
                .ok_or_else(|| BadChord(text.to_owned()))?,
        };
        Ok(Self::new(code, modifiers))
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (prefix, modifier) in MODIFIERS {
            if self.modifiers.contains(modifier) {
                f.write_str(prefix)?;
            }
        }
        if let Some((name, _)) = NAMED.iter().find(|(_, code)| *code == self.code) {
            return f.write_str(name);
        }
        match self.code {
            KeyCode::Char(char) => write!(f, "{char}"),
            KeyCode::F(number) => write!(f, "f{number}"),
            other => write!(f, "{other}"),
        }
    }
}

impl Chord {
    /// As hints show it: short, with arrows for arrows.
    pub fn short(&self) -> String {
        let text = self.to_string();
        let rest = text.trim_start_matches("ctrl-");
        let short = match rest {
            "left" => "←",
            "right" => "→",
            "up" => "↑",
            "down" => "↓",
            "enter" => "⏎",
            "esc" => "esc",
            other => other,
        };
        if rest.len() < text.len() { format!("^{short}") } else { short.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_common_spellings_are_read() {
        for text in ["q", "G", "?", "ctrl-p", "alt-left", "shift-tab", "f5", "space", "-", "ctrl--"]
        {
            assert_eq!(text.parse::<Chord>().unwrap().to_string(), text);
        }
        for text in ["", "ctrl-", "hyper-x", "f0", "f25", "enterr", "\u{7}"] {
            assert!(text.parse::<Chord>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_terminals_send_is_one_key() {
        let chord = |code, modifiers| Chord::from(KeyEvent::new(code, modifiers));
        assert_eq!(chord(KeyCode::Char('g'), KeyModifiers::SHIFT), "G".parse().unwrap());
        assert_eq!(chord(KeyCode::Char('G'), KeyModifiers::SHIFT), "G".parse().unwrap());
        assert_eq!(chord(KeyCode::Char('G'), KeyModifiers::NONE), "G".parse().unwrap());
        assert_eq!(chord(KeyCode::BackTab, KeyModifiers::SHIFT), "shift-tab".parse().unwrap());
        assert_eq!(chord(KeyCode::Char('P'), KeyModifiers::CONTROL), "ctrl-p".parse().unwrap());
    }

    proptest! {
        #[test]
        fn any_key_can_be_written_and_read_again(char in "[!-~äß日]", bits in 0_u8..8) {
            let modifiers = KeyModifiers::from_bits_truncate(bits);
            let chord = Chord::from(KeyEvent::new(KeyCode::Char(char.chars().next().unwrap()), modifiers));
            prop_assert_eq!(chord.to_string().parse::<Chord>(), Ok(chord));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,12}") {
            let _ = text.parse::<Chord>();
        }
    }
}
