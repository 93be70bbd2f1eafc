//! How many colours the terminal has, and the nearest of them to those that a theme asks for.

use ratatui::buffer::Buffer;
use ratatui::style::Color;

/// What a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// No colour at all.
    Mono,
    Sixteen,
    Indexed,
    TrueColour,
}

impl Depth {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mono => "no colour",
            Self::Sixteen => "16 colours",
            Self::Indexed => "256 colours",
            Self::TrueColour => "true colour",
        }
    }

    /// What the environment tells: `COLORTERM`, `TERM`, the terminal's name, multiplexers.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name| env(name).unwrap_or_default().to_ascii_lowercase();
        let term = value("TERM");
        if term == "dumb" {
            return Self::Mono;
        }
        let by_term = by_term(&term);
        let tmux = !value("TMUX").is_empty();
        // GNU screen knows 256 colours at most, whatever the terminal around it told its children.
        if !tmux && (!value("STY").is_empty() || term.starts_with("screen")) {
            return by_term.min(Self::Indexed);
        }
        if matches!(value("COLORTERM").as_str(), "truecolor" | "24bit") {
            return Self::TrueColour;
        }
        match value("TERM_PROGRAM").as_str() {
            "iterm.app" | "wezterm" | "vscode" | "ghostty" | "rio" | "hyper" => Self::TrueColour,
            "apple_terminal" => Self::Indexed,
            _ if !value("WT_SESSION").is_empty() => Self::TrueColour,
            _ => by_term,
        }
    }
}

fn by_term(term: &str) -> Depth {
    let known = ["xterm-kitty", "xterm-ghostty", "alacritty", "wezterm", "foot", "contour", "rio"];
    if term.ends_with("-direct") || known.iter().any(|name| term.starts_with(name)) {
        return Depth::TrueColour;
    }
    if term.contains("256color") {
        return Depth::Indexed;
    }
    match term {
        "vt100" | "vt102" | "vt220" | "" => Depth::Mono,
        _ => Depth::Sixteen,
    }
}

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// The sixteen colours as xterm has them, for comparing; a terminal's own may differ.
pub const ANSI: [Rgb; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

/// The steps of the 6×6×6 cube.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The colour of an index, the first sixteen from the palette given.
pub fn indexed(index: u8, ansi: &[Rgb; 16]) -> Rgb {
    match index {
        0..=15 => ansi[usize::from(index)],
        16..=231 => {
            let cube = usize::from(index - 16);
            [STEPS[cube / 36], STEPS[cube / 6 % 6], STEPS[cube % 6]]
        }
        232.. => [8 + 10 * (index - 232); 3],
    }
}

/// The place of a named colour among the sixteen.
pub const fn ansi_index(color: Color) -> Option<u8> {
    Some(match color {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        _ => return None,
    })
}

const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

/// How different two colours look: the "redmean" weighting, close to perception and cheap.
fn distance(one: Rgb, other: Rgb) -> u32 {
    let mean = (u32::from(one[0]) + u32::from(other[0])) / 2;
    let square = |at: usize| u32::from(one[at].abs_diff(other[at])).pow(2);
    (((512 + mean) * square(0)) >> 8) + 4 * square(1) + (((767 - mean) * square(2)) >> 8)
}

/// The nearest of the cube and the greys; the first sixteen are the terminal's own and never meant.
pub fn nearest_indexed(rgb: Rgb) -> u8 {
    let step = |value: u8| (0..6).min_by_key(|&at: &usize| STEPS[at].abs_diff(value)).unwrap_or(0);
    let [red, green, blue] = rgb.map(step);
    let cube = u8::try_from(16 + 36 * red + 6 * green + blue).unwrap_or(16);
    let average = rgb.iter().map(|&part| u16::from(part)).sum::<u16>() / 3;
    let grey = u8::try_from((average.saturating_sub(3) / 10).min(23)).unwrap_or(23) + 232;
    let away = |index| distance(indexed(index, &ANSI), rgb);
    if away(grey) < away(cube) { grey } else { cube }
}

/// The one of the sixteen that says the same: hue before nearness, since a muted red is nearest to grey
/// and must stay red; greys by how light they are.
pub fn nearest_ansi(rgb: Rgb) -> Color {
    let most = rgb.iter().copied().max().unwrap_or(0);
    let least = rgb.iter().copied().min().unwrap_or(0);
    if most - least < 32 {
        let sum: u16 = rgb.iter().map(|&part| u16::from(part)).sum();
        return match sum / 3 {
            0..56 => Color::Black,
            56..178 => Color::DarkGray,
            178..242 => Color::Gray,
            _ => Color::White,
        };
    }
    let middle = least + (most - least) / 2;
    let bit = |at: usize| usize::from(rgb[at] > middle) << at;
    let bright = if most >= 230 { 8 } else { 0 };
    NAMED[bright + (bit(0) | bit(1) | bit(2))]
}

/// The colour as a terminal of that depth shows it.
pub fn at_depth(color: Color, depth: Depth) -> Color {
    match (depth, color) {
        (Depth::TrueColour, _) | (_, Color::Reset) => color,
        (Depth::Mono, _) => Color::Reset,
        (Depth::Indexed, Color::Rgb(red, green, blue)) => {
            Color::Indexed(nearest_indexed([red, green, blue]))
        }
        (Depth::Sixteen, Color::Rgb(red, green, blue)) => nearest_ansi([red, green, blue]),
        (Depth::Sixteen, Color::Indexed(index)) => match index {
            0..=15 => NAMED[usize::from(index)],
            _ => nearest_ansi(indexed(index, &ANSI)),
        },
        _ => color,
    }
}

/// Replaces what the terminal cannot show in the whole of a frame. A run of cells of one colour, which
/// most are in, is looked up once.
pub fn degrade(buffer: &mut Buffer, depth: Depth) {
    if depth == Depth::TrueColour {
        return;
    }
    let mut last = [(Color::Reset, Color::Reset); 2];
    for cell in &mut buffer.content {
        for (known, color) in last.iter_mut().zip([&mut cell.fg, &mut cell.bg]) {
            if known.0 != *color {
                *known = (*color, at_depth(*color, depth));
            }
            *color = known.1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use rstest::rstest;

    #[rstest]
    #[case(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Depth::TrueColour)]
    #[case(&[("TERM", "xterm-256color")], Depth::Indexed)]
    #[case(&[("TERM", "xterm")], Depth::Sixteen)]
    #[case(&[("TERM", "linux")], Depth::Sixteen)]
    #[case(&[("TERM", "dumb"), ("COLORTERM", "truecolor")], Depth::Mono)]
    #[case(&[("TERM", "xterm-kitty")], Depth::TrueColour)]
    #[case(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "Apple_Terminal")], Depth::Indexed)]
    #[case(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")], Depth::TrueColour)]
    #[case(&[("TERM", "tmux-256color"), ("TMUX", "/tmp/t"), ("COLORTERM", "truecolor")], Depth::TrueColour)]
    #[case(&[("TERM", "screen-256color"), ("TMUX", "/tmp/t")], Depth::Indexed)]
    #[case(&[("TERM", "screen"), ("STY", "1.pts"), ("COLORTERM", "truecolor")], Depth::Sixteen)]
    #[case(&[("TERM", "screen.xterm-256color"), ("COLORTERM", "truecolor")], Depth::Indexed)]
    #[case(&[("TERM", "vt100")], Depth::Mono)]
    #[case(&[], Depth::Mono)]
    fn the_environment_tells_the_depth(#[case] env: &[(&str, &str)], #[case] depth: Depth) {
        let env = |name: &str| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(Depth::detect(env), depth);
    }

    #[test]
    fn colours_go_to_those_that_look_like_them() {
        assert_eq!(at_depth(Color::Rgb(255, 0, 0), Depth::Indexed), Color::Indexed(196));
        assert_eq!(at_depth(Color::Rgb(0x2c, 0x34, 0x2d), Depth::Indexed), Color::Indexed(236));
        assert_eq!(at_depth(Color::Rgb(0xe2, 0x7d, 0x6d), Depth::Sixteen), Color::Red);
        assert_eq!(at_depth(Color::Rgb(0x3a, 0x46, 0x3c), Depth::Sixteen), Color::DarkGray);
        assert_eq!(at_depth(Color::Rgb(250, 20, 20), Depth::Sixteen), Color::LightRed);
        assert_eq!(at_depth(Color::Indexed(196), Depth::Sixteen), Color::LightRed);
        assert_eq!(at_depth(Color::Rgb(1, 2, 3), Depth::Mono), Color::Reset);
        assert_eq!(at_depth(Color::Green, Depth::Sixteen), Color::Green);
    }

    proptest! {
        #[test]
        fn a_colour_that_exists_is_itself(index in 16_u8..=255) {
            let rgb = indexed(index, &ANSI);
            prop_assert_eq!(indexed(nearest_indexed(rgb), &ANSI), rgb);
        }

        #[test]
        fn what_is_left_can_be_shown(red: u8, green: u8, blue: u8, index: u8) {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
            buffer[(0, 0)].fg = Color::Rgb(red, green, blue);
            buffer[(1, 0)].bg = Color::Indexed(index);
            degrade(&mut buffer, Depth::Sixteen);
            for cell in &buffer.content {
                for color in [cell.fg, cell.bg] {
                    prop_assert!(color == Color::Reset || ansi_index(color).is_some());
                }
            }
        }

        #[test]
        fn no_index_of_the_256_is_nearer(red: u8, green: u8, blue: u8) {
            // Cube and grey ramp are searched apart, so that it is no search at all: the best of both is
            // at most a little worse than the best of all.
            let rgb = [red, green, blue];
            let best = (16..=255).map(|index| distance(indexed(index, &ANSI), rgb)).min().unwrap();
            let found = distance(indexed(nearest_indexed(rgb), &ANSI), rgb);
            prop_assert!(found <= best + best / 2 + 400, "{found} {best}");
        }
    }
}
