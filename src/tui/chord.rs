//! A key with its modifiers: what a terminal sends and what a person writes, as one value.
//!
//! Terminals send one key in several ways and several keys in one way; both sides come to the same
//! normal form here, so that a binding means the same wherever it is typed. Every key event has a
//! chord, every chord prints, and what it prints reads back as itself.

use crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MediaKeyCode, ModifierKeyCode,
};
use std::fmt;
use std::str::FromStr;

/// A key press in normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChordError {
    #[error("a key is missing")]
    Empty,
    #[error("`{0}` is no key; keys are written like `g`, `ctrl-p`, `f5`, `shift-tab`, `?`")]
    Unknown(String),
}

/// Modifiers in the order in which they are printed, each with all its spellings.
const MODIFIERS: [(KeyModifiers, &[&str]); 6] = [
    (KeyModifiers::CONTROL, &["ctrl", "control", "c"]),
    (KeyModifiers::ALT, &["alt", "option", "opt", "a", "m"]),
    (KeyModifiers::SHIFT, &["shift", "s"]),
    (KeyModifiers::SUPER, &["super", "cmd", "command", "win"]),
    (KeyModifiers::HYPER, &["hyper"]),
    (KeyModifiers::META, &["meta"]),
];

/// Keys that have names; of several names the first is printed.
const NAMED: [(KeyCode, &[&str]); 61] = {
    use KeyCode as K;
    use MediaKeyCode as M;
    use ModifierKeyCode as S;
    [
        (K::Char(' '), &["space", "spc"]),
        (K::Enter, &["enter", "return", "ret"]),
        (K::Esc, &["esc", "escape"]),
        (K::Tab, &["tab"]),
        (K::Backspace, &["backspace", "bs"]),
        (K::Delete, &["delete", "del"]),
        (K::Insert, &["insert", "ins"]),
        (K::Left, &["left"]),
        (K::Right, &["right"]),
        (K::Up, &["up"]),
        (K::Down, &["down"]),
        (K::Home, &["home"]),
        (K::End, &["end"]),
        (K::PageUp, &["pageup", "pgup", "page-up"]),
        (K::PageDown, &["pagedown", "pgdn", "pgdown", "page-down"]),
        (K::Char('-'), &["-", "minus"]),
        (K::Char('+'), &["+", "plus"]),
        (K::CapsLock, &["capslock"]),
        (K::ScrollLock, &["scrolllock"]),
        (K::NumLock, &["numlock"]),
        (K::PrintScreen, &["printscreen"]),
        (K::Pause, &["pause"]),
        (K::Menu, &["menu"]),
        (K::KeypadBegin, &["keypadbegin"]),
        (K::Media(M::Play), &["mediaplay"]),
        (K::Media(M::Pause), &["mediapause"]),
        (K::Media(M::PlayPause), &["mediaplaypause"]),
        (K::Media(M::Reverse), &["mediareverse"]),
        (K::Media(M::Stop), &["mediastop"]),
        (K::Media(M::FastForward), &["mediafastforward"]),
        (K::Media(M::Rewind), &["mediarewind"]),
        (K::Media(M::TrackNext), &["mediatracknext"]),
        (K::Media(M::TrackPrevious), &["mediatrackprevious"]),
        (K::Media(M::Record), &["mediarecord"]),
        (K::Media(M::LowerVolume), &["medialowervolume"]),
        (K::Media(M::RaiseVolume), &["mediaraisevolume"]),
        (K::Media(M::MuteVolume), &["mediamutevolume"]),
        (K::Modifier(S::LeftShift), &["leftshift"]),
        (K::Modifier(S::LeftControl), &["leftcontrol"]),
        (K::Modifier(S::LeftAlt), &["leftalt"]),
        (K::Modifier(S::LeftSuper), &["leftsuper"]),
        (K::Modifier(S::LeftHyper), &["lefthyper"]),
        (K::Modifier(S::LeftMeta), &["leftmeta"]),
        (K::Modifier(S::RightShift), &["rightshift"]),
        (K::Modifier(S::RightControl), &["rightcontrol"]),
        (K::Modifier(S::RightAlt), &["rightalt"]),
        (K::Modifier(S::RightSuper), &["rightsuper"]),
        (K::Modifier(S::RightHyper), &["righthyper"]),
        (K::Modifier(S::RightMeta), &["rightmeta"]),
        (K::Modifier(S::IsoLevel3Shift), &["level3shift"]),
        (K::Modifier(S::IsoLevel5Shift), &["level5shift"]),
        // Names for what is hard to write in a configuration file.
        (K::Char('"'), &["\"", "quote"]),
        (K::Char('\''), &["'", "apostrophe"]),
        (K::Char('\\'), &["\\", "backslash"]),
        (K::Char('`'), &["`", "backtick"]),
        (K::Char('#'), &["#", "hash"]),
        (K::Char(','), &[",", "comma"]),
        (K::Char('.'), &[".", "dot"]),
        (K::Char(':'), &[":", "colon"]),
        (K::Char('/'), &["/", "slash"]),
        (K::Char('?'), &["?", "question"]),
    ]
};

impl Chord {
    /// The chord of a code and modifiers, in normal form.
    pub fn new(code: KeyCode, modifiers: KeyModifiers) -> Self {
        let modifiers = modifiers & KeyModifiers::all();
        match code {
            KeyCode::BackTab => {
                Self { code: KeyCode::Tab, modifiers: modifiers | KeyModifiers::SHIFT }
            }
            KeyCode::Null => {
                Self { code: KeyCode::Char(' '), modifiers: modifiers | KeyModifiers::CONTROL }
            }
            KeyCode::Char(char) => Self::of_char(char, modifiers),
            _ => Self { code, modifiers },
        }
    }

    /// A plain character.
    pub fn char(char: char) -> Self {
        Self::new(KeyCode::Char(char), KeyModifiers::NONE)
    }

    /// What was pressed; `None` when a key was let go.
    pub fn of(event: &KeyEvent) -> Option<Self> {
        (event.kind != KeyEventKind::Release).then(|| Self::new(event.code, event.modifiers))
    }

    /// As a terminal sends it.
    pub fn event(self) -> KeyEvent {
        KeyEvent::new(self.code, self.modifiers)
    }

    pub const fn code(self) -> KeyCode {
        self.code
    }

    pub const fn modifiers(self) -> KeyModifiers {
        self.modifiers
    }

    /// The character that this types, if it types one: no modifier but those that are in it.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(char) if self.modifiers.is_empty() => Some(char),
            _ => None,
        }
    }

    fn of_char(char: char, modifiers: KeyModifiers) -> Self {
        let with = |code, modifiers| Self { code, modifiers };
        // Control characters as such: some terminals and multiplexers let them through.
        match char {
            '\0' => return with(KeyCode::Char(' '), modifiers | KeyModifiers::CONTROL),
            '\t' => return with(KeyCode::Tab, modifiers),
            '\r' | '\n' => return with(KeyCode::Enter, modifiers),
            '\x1b' => return with(KeyCode::Esc, modifiers),
            '\x08' | '\x7f' => return with(KeyCode::Backspace, modifiers),
            '\x01'..='\x1a' => {
                let letter = char::from(char as u8 - 1 + b'a');
                return Self::of_char(letter, modifiers | KeyModifiers::CONTROL);
            }
            '\x1c'..='\x1f' => {
                let digit = char::from(char as u8 - 0x1c + b'4');
                return Self::of_char(digit, modifiers | KeyModifiers::CONTROL);
            }
            _ => {}
        }
        if modifiers.contains(KeyModifiers::CONTROL) {
            return Self::of_control(char, modifiers);
        }
        // The shift is in the character; only a space has none of its own.
        if char == ' ' || !modifiers.contains(KeyModifiers::SHIFT) {
            return with(KeyCode::Char(char), modifiers);
        }
        let mut upper = char.to_uppercase();
        let shifted = match (upper.next(), upper.next()) {
            (Some(only), None) => only,
            _ => char,
        };
        with(KeyCode::Char(shifted), modifiers - KeyModifiers::SHIFT)
    }

    /// With Control, most terminals send one byte for several keys. Each goes to the one that people
    /// name: Ctrl-I is Tab, Ctrl-M Enter, Ctrl-[ Esc, and Ctrl-H, which some send for it, Backspace.
    fn of_control(char: char, modifiers: KeyModifiers) -> Self {
        let shift = modifiers.contains(KeyModifiers::SHIFT);
        let without = modifiers - KeyModifiers::CONTROL;
        let keep = modifiers - KeyModifiers::SHIFT;
        let alone = |code| Self { code, modifiers: without };
        match char {
            'i' | 'I' if !shift => alone(KeyCode::Tab),
            'm' | 'M' if !shift => alone(KeyCode::Enter),
            'h' | 'H' if !shift => alone(KeyCode::Backspace),
            '[' | '3' => Self { code: KeyCode::Esc, modifiers: without - KeyModifiers::SHIFT },
            '?' | '8' => {
                Self { code: KeyCode::Backspace, modifiers: without - KeyModifiers::SHIFT }
            }
            ' ' => Self { code: KeyCode::Char(' '), modifiers },
            '@' | '2' => Self { code: KeyCode::Char(' '), modifiers: keep },
            '4' => Self { code: KeyCode::Char('\\'), modifiers: keep },
            '5' => Self { code: KeyCode::Char(']'), modifiers: keep },
            '6' => Self { code: KeyCode::Char('^'), modifiers: keep },
            '7' | '_' => Self { code: KeyCode::Char('/'), modifiers: keep },
            _ if char.is_ascii_alphabetic() => {
                // Here the shift stays: a capital without it is Caps Lock, or how people write Ctrl.
                let letter =
                    if shift { char.to_ascii_uppercase() } else { char.to_ascii_lowercase() };
                Self { code: KeyCode::Char(letter), modifiers }
            }
            _ => Self { code: KeyCode::Char(char), modifiers: keep },
        }
    }
}

/// Chords one after the other, as many as there are.
pub fn sequences(text: &str) -> Result<Vec<Chord>, ChordError> {
    text.split_whitespace().map(str::parse).collect()
}

impl From<KeyEvent> for Chord {
    fn from(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut code = self.code;
        // `ctrl-shift-p` is how that is written, not `ctrl-shift-P`.
        if let KeyCode::Char(char) = code
            && self.modifiers.contains(KeyModifiers::CONTROL)
        {
            code = KeyCode::Char(char.to_ascii_lowercase());
        }
        for (modifier, names) in MODIFIERS {
            if self.modifiers.contains(modifier) {
                write!(f, "{}-", names[0])?;
            }
        }
        if let Some((_, names)) = NAMED.iter().find(|(named, _)| *named == code) {
            return f.write_str(names[0]);
        }
        match code {
            KeyCode::Char(char) if writable(char) => write!(f, "{char}"),
            KeyCode::Char(char) => write!(f, "u+{:04x}", u32::from(char)),
            KeyCode::F(number) => write!(f, "f{number}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Whether the character can stand for itself in a file.
fn writable(char: char) -> bool {
    !char.is_whitespace()
        && !char.is_control()
        && crate::tui::text::width(char.encode_utf8(&mut [0; 4])) > 0
}

impl FromStr for Chord {
    type Err = ChordError;

    fn from_str(text: &str) -> Result<Self, ChordError> {
        if text.is_empty() {
            return Err(ChordError::Empty);
        }
        let mut rest = text;
        let mut modifiers = KeyModifiers::NONE;
        while let Some((modifier, after)) = leading_modifier(rest) {
            modifiers |= modifier;
            rest = after;
        }
        let code = code(rest).ok_or_else(|| ChordError::Unknown(text.to_owned()))?;
        Ok(Self::new(code, modifiers))
    }
}

/// The modifier in front, and what comes after its `-` or `+`, if anything does.
fn leading_modifier(text: &str) -> Option<(KeyModifiers, &str)> {
    let at = text.find(['-', '+'])?;
    let (name, after) = (&text[..at], &text[at + 1..]);
    if after.is_empty() {
        return None;
    }
    MODIFIERS
        .iter()
        .find(|(_, names)| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
        .map(|(modifier, _)| (*modifier, after))
}

fn code(name: &str) -> Option<KeyCode> {
    let mut chars = name.chars();
    if let (Some(only), None) = (chars.next(), chars.next()) {
        return Some(KeyCode::Char(only));
    }
    let named = |(_, names): &&(KeyCode, &[&str])| {
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    if let Some((code, _)) = NAMED.iter().find(named) {
        return Some(*code);
    }
    if name.eq_ignore_ascii_case("backtab") {
        return Some(KeyCode::BackTab);
    }
    let (head, tail) = name.split_at_checked(1)?;
    if head.eq_ignore_ascii_case("f") && tail.bytes().all(|byte| byte.is_ascii_digit()) {
        return tail.parse().ok().map(KeyCode::F);
    }
    let hex = name.strip_prefix("u+").or_else(|| name.strip_prefix("U+"))?;
    let value = u32::from_str_radix(hex, 16).ok()?;
    char::from_u32(value).map(KeyCode::Char)
}

/// The chords of a sequence such as `g g`, at most four.
pub fn sequence(text: &str) -> Result<Vec<Chord>, ChordError> {
    let chords: Vec<Chord> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    match chords.len() {
        0 => Err(ChordError::Empty),
        1..=4 => Ok(chords),
        _ => Err(ChordError::Unknown(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("ctrl-p", "ctrl-p")]
    #[case("Ctrl+P", "ctrl-p")]
    #[case("C-p", "ctrl-p")]
    #[case("ctrl-shift-p", "ctrl-shift-p")]
    #[case("g", "g")]
    #[case("G", "G")]
    #[case("shift-g", "G")]
    #[case("alt-G", "alt-G")]
    #[case("F5", "f5")]
    #[case("shift-tab", "shift-tab")]
    #[case("backtab", "shift-tab")]
    #[case("?", "?")]
    #[case("shift-?", "?")]
    #[case("-", "-")]
    #[case("ctrl--", "ctrl--")]
    #[case("ctrl-minus", "ctrl--")]
    #[case("ctrl-+", "ctrl-+")]
    #[case("ctrl++", "ctrl-+")]
    #[case("ctrl-i", "tab")]
    #[case("ctrl-m", "enter")]
    #[case("ctrl-[", "esc")]
    #[case("ctrl-h", "backspace")]
    #[case("ctrl-@", "ctrl-space")]
    #[case("ctrl-_", "ctrl-/")]
    #[case("pgup", "pageup")]
    #[case("shift-space", "shift-space")]
    #[case("shift-é", "É")]
    #[case("shift-ß", "ß")]
    #[case("u+00a0", "u+00a0")]
    #[case("meta-alt-super-x", "alt-super-meta-x")]
    fn what_people_write_is_understood(#[case] written: &str, #[case] printed: &str) {
        assert_eq!(written.parse::<Chord>().unwrap().to_string(), printed);
    }

    #[rstest]
    #[case("")]
    #[case("ctrl-")]
    #[case("hello")]
    #[case("f256")]
    #[case("fx")]
    #[case("crtl-p")]
    #[case("u+d800")]
    #[case("f+5")]
    fn what_is_no_key_is_refused(#[case] written: &str) {
        assert!(written.parse::<Chord>().is_err());
    }

    #[test]
    fn one_key_in_two_ways_is_one_chord() {
        let chord = |code, modifiers| Chord::new(code, modifiers);
        let (none, shift, control) =
            (KeyModifiers::NONE, KeyModifiers::SHIFT, KeyModifiers::CONTROL);
        for (one, other) in [
            (chord(KeyCode::Char('G'), shift), chord(KeyCode::Char('G'), none)),
            (chord(KeyCode::Char('g'), shift), chord(KeyCode::Char('G'), none)),
            (chord(KeyCode::BackTab, shift), chord(KeyCode::Tab, shift)),
            (chord(KeyCode::BackTab, none), chord(KeyCode::Tab, shift)),
            (chord(KeyCode::Char('7'), control), chord(KeyCode::Char('/'), control)),
            (chord(KeyCode::Char('\x10'), none), chord(KeyCode::Char('p'), control)),
            (chord(KeyCode::Null, none), chord(KeyCode::Char(' '), control)),
            (chord(KeyCode::Char('\x08'), none), chord(KeyCode::Backspace, none)),
        ] {
            assert_eq!(one, other);
        }
    }

    #[test]
    fn sequences_are_short_lists() {
        let printed =
            |text| sequence(text).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(printed("g g"), ["g", "g"]);
        assert_eq!(printed(" ctrl-x  ctrl-s "), ["ctrl-x", "ctrl-s"]);
        assert!(sequence("").is_err() && sequence("a b c d e").is_err());
    }

    #[test]
    fn letting_go_is_no_press() {
        let event =
            KeyEvent::new_with_kind(KeyCode::Enter, KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(Chord::of(&event), None);
    }

    fn codes() -> impl Strategy<Value = KeyCode> {
        prop_oneof![
            any::<char>().prop_map(KeyCode::Char),
            (0_u32..0x250).prop_filter_map("a scalar", char::from_u32).prop_map(KeyCode::Char),
            any::<u8>().prop_map(KeyCode::F),
            (0..NAMED.len()).prop_map(|at| NAMED[at].0),
            Just(KeyCode::BackTab),
            Just(KeyCode::Null),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn every_key_prints_and_reads_back_as_itself(code in codes(), bits in 0_u8..64) {
            let chord = Chord::new(code, KeyModifiers::from_bits_truncate(bits));
            let printed = chord.to_string();
            prop_assert_eq!(printed.parse::<Chord>(), Ok(chord), "{}", printed);
            prop_assert!(!printed.contains(char::is_whitespace));
            prop_assert_eq!(Chord::new(chord.code, chord.modifiers), chord, "the normal form is its own");
        }

        #[test]
        fn every_text_is_read_or_refused(text in any::<String>()) {
            if let Ok(chord) = text.parse::<Chord>() {
                prop_assert_eq!(chord.to_string().parse::<Chord>(), Ok(chord));
            }
        }

        #[test]
        fn texts_that_are_almost_keys_are_read_or_refused(
            text in "((ctrl|C|alt|shift|s|meta|super)[-+]){0,3}(f[0-9]{1,3}|.|u\\+[0-9a-f]{1,6}|tab|left|[-+]{1,3})"
        ) {
            if let Ok(chord) = text.parse::<Chord>() {
                prop_assert_eq!(chord.to_string().parse::<Chord>(), Ok(chord));
            }
        }
    }
}
