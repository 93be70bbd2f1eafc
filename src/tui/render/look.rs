//! The colours of a picture where cells leave them to the terminal.

use crate::tui::colour::{Rgb, ansi_index, indexed};
use crate::tui::theme::Theme;
use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

/// A terminal's own colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    pub background: Rgb,
    pub foreground: Rgb,
    pub ansi: [Rgb; 16],
}

const fn rgb(hex: u32) -> Rgb {
    [(hex >> 16) as u8, (hex >> 8) as u8, hex as u8]
}

const DARK: Look = Look {
    background: rgb(0x17_1b18),
    foreground: rgb(0xd6_dad3),
    ansi: [
        rgb(0x2a_302b),
        rgb(0xd9_705f),
        rgb(0x8f_c97f),
        rgb(0xe0_b25b),
        rgb(0x6f_b1d8),
        rgb(0xc7_9fc9),
        rgb(0x7f_b6c9),
        rgb(0xd6_dad3),
        rgb(0x6b_756c),
        rgb(0xe9_8a7a),
        rgb(0xa9_dd9a),
        rgb(0xf0_c97a),
        rgb(0x8f_c6e6),
        rgb(0xd9_b8db),
        rgb(0x9b_cfe0),
        rgb(0xf4_f7f2),
    ],
};

const LIGHT: Look = Look {
    background: rgb(0xfb_fcf9),
    foreground: rgb(0x2b_322c),
    ansi: [
        rgb(0x2b_322c),
        rgb(0xb0_2a1c),
        rgb(0x2b_7a2b),
        rgb(0x9a_6200),
        rgb(0x1c_6ea4),
        rgb(0x7a_3d86),
        rgb(0x0f_6a86),
        rgb(0xb4_bcb2),
        rgb(0x7f_877e),
        rgb(0xd0_402f),
        rgb(0x3c_973c),
        rgb(0xb8_7a10),
        rgb(0x2f_86c0),
        rgb(0x96_53a3),
        rgb(0x1f_86a6),
        rgb(0xff_ffff),
    ],
};

/// A cell's colours and letters, with everything decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Paint {
    pub foreground: Rgb,
    pub background: Rgb,
    pub bold: bool,
    pub italic: bool,
    pub underlined: bool,
    pub crossed_out: bool,
    pub hidden: bool,
}

impl Look {
    /// The terminal that the theme is made for.
    pub fn of(theme: &Theme) -> Self {
        let base = if theme.light { LIGHT } else { DARK };
        let own = |color: Option<Color>, usual: Rgb| match color {
            Some(Color::Rgb(red, green, blue)) => [red, green, blue],
            _ => usual,
        };
        Self {
            background: own(theme.text.bg, base.background),
            foreground: own(theme.text.fg, base.foreground),
            ansi: base.ansi,
        }
    }

    fn colour(&self, color: Color, default: Rgb) -> Rgb {
        match color {
            Color::Rgb(red, green, blue) => [red, green, blue],
            Color::Indexed(index) => indexed(index, &self.ansi),
            named => ansi_index(named).map_or(default, |index| self.ansi[usize::from(index)]),
        }
    }

    pub(super) fn paint(&self, cell: &Cell) -> Paint {
        let has = |modifier| cell.modifier.contains(modifier);
        let mut foreground = self.colour(cell.fg, self.foreground);
        let mut background = self.colour(cell.bg, self.background);
        if has(Modifier::REVERSED) {
            std::mem::swap(&mut foreground, &mut background);
        }
        if has(Modifier::DIM) {
            foreground = mix(foreground, background, 45);
        }
        Paint {
            foreground,
            background,
            bold: has(Modifier::BOLD),
            italic: has(Modifier::ITALIC),
            underlined: has(Modifier::UNDERLINED),
            crossed_out: has(Modifier::CROSSED_OUT),
            hidden: has(Modifier::HIDDEN),
        }
    }
}

/// So many per cent of the way from one colour to the other.
pub(super) fn mix(one: Rgb, other: Rgb, percent: u16) -> Rgb {
    std::array::from_fn(|at| {
        let mixed = (u16::from(one[at]) * (100 - percent) + u16::from(other[at]) * percent) / 100;
        u8::try_from(mixed).unwrap_or(u8::MAX)
    })
}

/// `#rgb` where that says it, else `#rrggbb`.
pub(super) fn hex([red, green, blue]: Rgb) -> String {
    if [red, green, blue].iter().all(|part| part >> 4 == part & 15) {
        return format!("#{:x}{:x}{:x}", red & 15, green & 15, blue & 15);
    }
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Style;

    #[test]
    fn cells_take_what_they_leave_open_from_the_terminal() {
        let look = Look::of(Theme::named("dark").unwrap());
        let paint = |style| look.paint(Cell::default().set_style(style));
        let plain = paint(Style::new());
        assert_eq!((plain.foreground, plain.background), (look.foreground, look.background));
        let reversed = paint(Style::new().add_modifier(Modifier::REVERSED));
        assert_eq!((reversed.foreground, reversed.background), (look.background, look.foreground));
        assert_eq!(paint(Style::new().fg(Color::Indexed(196))).foreground, [255, 0, 0]);
        assert_eq!(paint(Style::new().fg(Color::Red)).foreground, look.ansi[1]);
    }

    #[test]
    fn high_contrast_is_black_and_white() {
        let look = Look::of(Theme::named("high-contrast").unwrap());
        assert_eq!((hex(look.foreground), hex(look.background)), ("#fff".into(), "#000".into()));
        assert_eq!(hex([0x12, 0x33, 0x44]), "#123344");
        assert_eq!(mix([0, 0, 0], [200, 100, 50], 50), [100, 50, 25]);
    }
}
