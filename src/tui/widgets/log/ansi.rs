//! Colours that containers write: SGR sequences become runs of style, mapped through the theme so
//! that they can be read on its background. Every other sequence stays in the text, where
//! [`crate::tui::text::clean`] makes it visible and harmless.

use crate::tui::theme::Theme;
use ratatui::style::{Color, Modifier, Style};
use std::borrow::Cow;
use std::ops::Range;

const ESCAPE: char = '\u{1b}';

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// What the sequences so far ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    foreground: Option<Colour>,
    background: Option<Colour>,
    modifiers: Modifier,
}

/// A stretch of the message in one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Bytes of the message.
    pub(super) range: Range<usize>,
    pub(super) look: Look,
}

/// The message without its colours: what is searched, measured, copied.
pub(super) fn plain(message: &str) -> Cow<'_, str> {
    if !message.as_bytes().contains(&0x1b) {
        return Cow::Borrowed(message);
    }
    let mut plain = String::with_capacity(message.len());
    for run in runs(message) {
        plain.push_str(&message[run.range]);
    }
    plain.into()
}

/// Columns of the message's plain text when it has nothing but printable ASCII, which most have and
/// which needs no closer look.
pub(super) fn ascii_width(message: &str) -> Option<usize> {
    let bytes = message.as_bytes();
    let (mut at, mut width) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            0x20..0x7f => (at, width) = (at + 1, width + 1),
            0x1b => at += sequence(&message[at..])?,
            _ => return None,
        }
    }
    Some(width)
}

/// The message in runs; together they are its [`plain`] text.
pub(super) fn runs(message: &str) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut look = Look::default();
    let mut start = 0;
    let mut from = 0;
    while let Some(found) = message[from..].find(ESCAPE) {
        let at = from + found;
        let Some(length) = sequence(&message[at..]) else {
            from = at + 1;
            continue;
        };
        if at > start {
            runs.push(Run { range: start..at, look });
        }
        look.apply(&message[at + 2..at + length - 1]);
        start = at + length;
        from = start;
    }
    if start < message.len() {
        runs.push(Run { range: start..message.len(), look });
    }
    runs
}

/// Bytes of the SGR sequence that the text begins with.
fn sequence(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|char: char| !matches!(char, '0'..='9' | ';' | ':'))?;
    parameters[end..].starts_with('m').then_some(end + 3)
}

impl Look {
    fn apply(&mut self, parameters: &str) {
        // `38:2::r:g:b` is the standard's way to write what all write as `38;2;r;g;b`.
        let parameters = parameters.replace("::", ":").replace(':', ";");
        let mut codes = parameters.split(';').map(|code| code.parse::<u16>().unwrap_or(0));
        while let Some(code) = codes.next() {
            let modifier = match code {
                1 => Modifier::BOLD,
                2 => Modifier::DIM,
                3 => Modifier::ITALIC,
                4 => Modifier::UNDERLINED,
                7 => Modifier::REVERSED,
                9 => Modifier::CROSSED_OUT,
                _ => Modifier::empty(),
            };
            self.modifiers |= modifier;
            match code {
                0 => *self = Self::default(),
                22 => self.modifiers -= Modifier::BOLD | Modifier::DIM,
                23 => self.modifiers -= Modifier::ITALIC,
                24 => self.modifiers -= Modifier::UNDERLINED,
                27 => self.modifiers -= Modifier::REVERSED,
                29 => self.modifiers -= Modifier::CROSSED_OUT,
                30..=37 => self.foreground = Some(Colour::Indexed((code - 30) as u8)),
                38 => self.foreground = extended(&mut codes),
                39 => self.foreground = None,
                40..=47 => self.background = Some(Colour::Indexed((code - 40) as u8)),
                48 => self.background = extended(&mut codes),
                49 => self.background = None,
                90..=97 => self.foreground = Some(Colour::Indexed((code - 90 + 8) as u8)),
                100..=107 => self.background = Some(Colour::Indexed((code - 100 + 8) as u8)),
                _ => {}
            }
        }
    }

    /// The look on top of the theme's text.
    pub(super) fn style(self, theme: &Theme) -> Style {
        let mut style = theme.text.add_modifier(self.modifiers);
        if let Some(colour) = self.foreground {
            let role = colour.role(theme);
            style = style.add_modifier(role.add_modifier);
            if let Some(shown) = colour.on_background(theme, role) {
                style = style.fg(shown);
            }
        }
        if let Some(colour) = self.background {
            style = match (colour.exact(theme), colour.role(theme).fg) {
                // No colours at all: a background is told by reversing.
                (None, None) => style.add_modifier(Modifier::REVERSED),
                (None, Some(role)) => style.bg(role).fg(Color::Black),
                (Some(exact), _) => style.bg(rgb(exact)).fg(rgb(readable(exact))),
            };
        }
        style
    }
}

/// The colour after 38 or 48: `5;n` or `2;r;g;b`.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<Colour> {
    let mut byte = || codes.next().map(|code| code.min(255) as u8);
    match byte()? {
        5 => Some(Colour::Indexed(byte()?)),
        2 => Some(Colour::Rgb(byte()?, byte()?, byte()?)),
        _ => None,
    }
}

type Triple = (u8, u8, u8);

impl Colour {
    /// One of the first sixteen takes the theme's role that means the same; any other the role of
    /// the nearest of these.
    fn role(self, theme: &Theme) -> Style {
        match self.sixteen() {
            0 | 8 => theme.dim,
            1 | 9 => theme.bad,
            2 | 10 => theme.good,
            3 | 11 => theme.warn,
            4 => theme.member,
            12 => theme.series(0),
            5 | 13 => theme.keyword,
            6 | 14 => theme.busy,
            15 => theme.accent,
            _ => theme.text,
        }
    }

    fn on_background(self, theme: &Theme, role: Style) -> Option<Color> {
        match self.exact(theme) {
            Some(exact) => Some(rgb(legible(exact, background(theme), theme.light))),
            None => role.fg,
        }
    }

    /// The very colour, when it is not one of the first sixteen and the theme has true colours.
    fn exact(self, theme: &Theme) -> Option<Triple> {
        if !matches!(theme.bad.fg, Some(Color::Rgb(..))) {
            return None;
        }
        match self {
            Self::Indexed(0..=15) => theme_triple(self.role(theme).fg?),
            Self::Indexed(index) => Some(cube(index)),
            Self::Rgb(red, green, blue) => Some((red, green, blue)),
        }
    }

    fn sixteen(self) -> u8 {
        let (red, green, blue) = match self {
            Self::Indexed(index @ 0..=15) => return index,
            Self::Indexed(index) => cube(index),
            Self::Rgb(red, green, blue) => (red, green, blue),
        };
        let strongest = red.max(green).max(blue);
        if strongest < 48 {
            return 8;
        }
        let bit =
            |part: u8, mask: u8| if u16::from(part) * 2 > u16::from(strongest) { mask } else { 0 };
        bit(red, 1) | bit(green, 2) | bit(blue, 4)
    }
}

const fn theme_triple(color: Color) -> Option<Triple> {
    match color {
        Color::Rgb(red, green, blue) => Some((red, green, blue)),
        _ => None,
    }
}

/// Colours 16 to 255: a cube of six steps a side, then greys.
fn cube(index: u8) -> Triple {
    if index >= 232 {
        let grey = 8 + (index - 232) * 10;
        return (grey, grey, grey);
    }
    let index = index.saturating_sub(16);
    let step = |level: u8| if level == 0 { 0 } else { 55 + level * 40 };
    (step(index / 36), step(index / 6 % 6), step(index % 6))
}

const fn rgb((red, green, blue): Triple) -> Color {
    Color::Rgb(red, green, blue)
}

/// The theme's background, or what terminals of its kind have.
fn background(theme: &Theme) -> Triple {
    let own = theme.text.bg.and_then(theme_triple);
    own.unwrap_or(if theme.light { (0xfa, 0xfa, 0xf5) } else { (0x18, 0x1b, 0x18) })
}

/// Relative luminance with the gamma of a square, close enough to judge contrast by.
fn luminance((red, green, blue): Triple) -> f32 {
    let part = |value: u8| (f32::from(value) / 255.0) * (f32::from(value) / 255.0);
    0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue)
}

fn contrast(a: Triple, b: Triple) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The colour, moved towards white or black until it stands out from the background.
fn legible(colour: Triple, background: Triple, light: bool) -> Triple {
    const ENOUGH: f32 = 4.0;
    let mut shown = colour;
    for _ in 0..8 {
        if contrast(shown, background) >= ENOUGH {
            break;
        }
        let nearer = |part: u8| if light { part - part / 4 } else { part + (255 - part) / 4 };
        shown = (nearer(shown.0), nearer(shown.1), nearer(shown.2));
    }
    shown
}

/// Black or white, whichever reads better on the colour.
fn readable(background: Triple) -> Triple {
    let (black, white) = ((0, 0, 0), (255, 255, 255));
    if contrast(black, background) >= contrast(white, background) { black } else { white }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::THEMES;
    use proptest::prelude::*;

    fn texts(message: &str) -> Vec<&str> {
        runs(message).into_iter().map(|run| &message[run.range]).collect()
    }

    fn last(message: &str) -> Look {
        runs(message).last().unwrap().look
    }

    #[test]
    fn colours_leave_the_text_and_nothing_else_does() {
        assert_eq!(texts("a\u{1b}[31mb\u{1b}[0mc"), ["a", "b", "c"]);
        assert_eq!(plain("\u{1b}[1;38;5;196mhot\u{1b}[m"), "hot");
        for harmful in ["\u{1b}[2J", "\u{1b}]0;title\u{7}", "\u{1b}[31", "\u{1b}c", "\u{1b}[?25l"] {
            assert_eq!(plain(harmful), harmful);
        }
    }

    #[test]
    fn every_way_to_name_a_colour_is_read() {
        let red = Some(Colour::Indexed(1));
        assert_eq!(last("\u{1b}[31mx").foreground, red);
        assert_eq!(last("\u{1b}[91mx").foreground, Some(Colour::Indexed(9)));
        assert_eq!(last("\u{1b}[41mx").background, red);
        assert_eq!(last("\u{1b}[38;5;200mx").foreground, Some(Colour::Indexed(200)));
        assert_eq!(last("\u{1b}[38;2;1;2;3mx").foreground, Some(Colour::Rgb(1, 2, 3)));
        assert_eq!(last("\u{1b}[38:2::1:2:3mx").foreground, Some(Colour::Rgb(1, 2, 3)));
        assert_eq!(last("\u{1b}[31;39mx").foreground, None);
        let strong = last("\u{1b}[1;4;7mx").modifiers;
        assert_eq!(strong, Modifier::BOLD | Modifier::UNDERLINED | Modifier::REVERSED);
        assert_eq!(last("\u{1b}[1;4m\u{1b}[22mx").modifiers, Modifier::UNDERLINED);
        assert_eq!(last("\u{1b}[1;31mx\u{1b}[my"), Look::default());
    }

    #[test]
    fn no_colour_drowns_in_the_background() {
        for theme in &THEMES {
            for red in (0..=255).step_by(51) {
                for green in (0..=255).step_by(51) {
                    for blue in (0..=255).step_by(51) {
                        let look = Look {
                            foreground: Some(Colour::Rgb(red, green, blue)),
                            ..Look::default()
                        };
                        if let Some(Color::Rgb(r, g, b)) = look.style(theme).fg {
                            let seen = contrast((r, g, b), background(theme));
                            assert!(seen >= 3.0, "{} {red} {green} {blue}: {seen}", theme.name);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_theme_without_colours_gets_none() {
        let theme = Theme::named("plain").unwrap();
        for code in ["31", "41", "38;2;9;9;9", "48;5;200"] {
            let style = last(&format!("\u{1b}[{code}mx")).style(theme);
            assert_eq!((style.fg, style.bg), (None, None), "{code}");
        }
        assert_eq!(
            last("\u{1b}[41mx").style(theme).add_modifier,
            Modifier::REVERSED,
            "a background is still told"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(message in "(\u{1b}|\\[|[0-9;:m]|\\PC){0,40}") {
            let runs = runs(&message);
            prop_assert!(runs.windows(2).all(|two| two[0].range.end <= two[1].range.start));
            let joined: String = runs.iter().map(|run| &message[run.range.clone()]).collect();
            prop_assert_eq!(&joined, &plain(&message));
            let printable = joined.bytes().all(|byte| (0x20..0x7f).contains(&byte));
            prop_assert_eq!(ascii_width(&message), printable.then_some(joined.len()));
        }
    }
}
