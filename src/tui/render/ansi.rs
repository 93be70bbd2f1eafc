//! A frame as text with SGR sequences, as few as say it; `cat` shows it as it was.

use super::{columns, rows, symbol, visible};
use crate::tui::colour::ansi_index;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;

/// How the terminal writes at one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pen {
    foreground: Color,
    background: Color,
    modifier: Modifier,
}

/// Modifiers, how each is set and how it is taken back, which bold and dim share.
const CODES: [(Modifier, u8, u8); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

impl Pen {
    fn of(cell: &Cell) -> Self {
        Self { foreground: cell.fg, background: cell.bg, modifier: cell.modifier }
    }

    /// Whether a space written so is seen.
    fn shows_space(self) -> bool {
        let seen = Modifier::REVERSED | Modifier::UNDERLINED | Modifier::CROSSED_OUT;
        self.background != Color::Reset || self.modifier.intersects(seen)
    }

    /// The shortest parameters from this pen to the other.
    fn parameters(self, to: Self) -> String {
        let changed = self.changes(to);
        let mut anew = Self::default().changes(to);
        anew.insert(0, "0".into());
        let (changed, anew) = (changed.join(";"), anew.join(";"));
        if anew.len() < changed.len() { anew } else { changed }
    }

    fn changes(self, to: Self) -> Vec<String> {
        let mut parameters = Vec::new();
        let mut have = self.modifier;
        for (modifier, _, back) in CODES {
            if have.contains(modifier) && !to.modifier.contains(modifier) {
                parameters.push(back.to_string());
                for (other, _, same) in CODES {
                    if same == back {
                        have.remove(other);
                    }
                }
            }
        }
        for (modifier, set, _) in CODES {
            if to.modifier.contains(modifier) && !have.contains(modifier) {
                parameters.push(set.to_string());
            }
        }
        if self.foreground != to.foreground {
            parameters.push(colour(to.foreground, 30));
        }
        if self.background != to.background {
            parameters.push(colour(to.background, 40));
        }
        parameters
    }
}

/// The parameter for a colour; `base` is 30 for letters and 40 for what is behind them.
fn colour(color: Color, base: u16) -> String {
    match color {
        Color::Rgb(red, green, blue) => format!("{};2;{red};{green};{blue}", base + 8),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        named => match ansi_index(named).map(u16::from) {
            Some(index @ 0..8) => (base + index).to_string(),
            Some(index) => (base + 60 + index - 8).to_string(),
            None => (base + 9).to_string(),
        },
    }
}

/// The frame, one line for each row; each line starts and ends with the terminal's own colours.
pub fn ansi(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in rows(buffer) {
        let end = row
            .iter()
            .rposition(|cell| symbol(cell) != " " || Pen::of(cell).shows_space())
            .map_or(0, |last| last + 1);
        let mut pen = Pen::default();
        for (at, cell) in visible(&row[..end]) {
            let next = Pen::of(cell);
            let shown = symbol(cell);
            // A space that shows nothing needs no colours of its own.
            let idle = shown == " " && !next.shows_space() && !pen.shows_space();
            if next != pen && !idle {
                write!(text, "\x1b[{}m", pen.parameters(next)).ok();
                pen = next;
            }
            text.push_str(&shown);
            debug_assert!(at + columns(cell) <= row.len() || columns(cell) > 1);
        }
        if pen != Pen::default() {
            text.push_str("\x1b[0m");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::render::tests::sample;
    use crate::tui::theme::THEMES;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn sequences_are_as_few_as_say_it() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 2));
        let bold = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        buffer.set_string(0, 0, "ab", bold);
        buffer.set_string(3, 0, "cd", bold);
        buffer.set_string(5, 0, "ef", Style::new().fg(Color::Red));
        buffer.set_string(0, 1, "  ", Style::new().bg(Color::Rgb(1, 2, 3)));
        assert_eq!(ansi(&buffer), "\x1b[1;31mab cd\x1b[22mef\x1b[0m\n\x1b[48;2;1;2;3m  \x1b[0m\n");
    }

    /// What a terminal that is fed the text shows.
    fn shown(text: &str, width: u16, height: u16) -> vt100::Parser {
        let mut parser =
            vt100::Parser::new(height.try_into().unwrap(), width.try_into().unwrap(), 0);
        parser.process(text.trim_end_matches('\n').replace('\n', "\r\n").as_bytes());
        parser
    }

    fn same(color: Color, seen: vt100::Color) -> bool {
        match seen {
            vt100::Color::Default => color == Color::Reset,
            vt100::Color::Idx(index) => {
                color == Color::Indexed(index) || ansi_index(color) == Some(index)
            }
            vt100::Color::Rgb(red, green, blue) => color == Color::Rgb(red, green, blue),
        }
    }

    fn check(buffer: &Buffer) {
        let area = buffer.area;
        let parser = shown(&ansi(buffer), area.width, area.height);
        for y in 0..area.height {
            for x in 0..area.width {
                let (cell, seen) = (&buffer[(x, y)], parser.screen().cell(y, x).unwrap());
                if seen.is_wide_continuation() || cell.modifier.contains(Modifier::HIDDEN) {
                    continue;
                }
                let contents = if seen.has_contents() { seen.contents() } else { " " };
                assert_eq!(contents, symbol(cell), "at {x},{y}");
                if contents != " " || Pen::of(cell).shows_space() {
                    assert!(same(cell.fg, seen.fgcolor()), "at {x},{y}: {cell:?} {seen:?}");
                    // The parser has one intensity; bold and dim at once are beyond it.
                    if !cell.modifier.contains(Modifier::BOLD | Modifier::DIM) {
                        assert_eq!(cell.modifier.contains(Modifier::BOLD), seen.bold());
                        assert_eq!(cell.modifier.contains(Modifier::DIM), seen.dim());
                    }
                    assert_eq!(cell.modifier.contains(Modifier::ITALIC), seen.italic());
                }
                assert!(same(cell.bg, seen.bgcolor()), "at {x},{y}: {cell:?} {seen:?}");
                assert_eq!(cell.modifier.contains(Modifier::REVERSED), seen.inverse());
            }
        }
    }

    #[test]
    fn a_terminal_shows_the_frame_again() {
        for theme in &THEMES {
            check(&sample(theme));
        }
    }

    proptest! {
        #[test]
        fn any_styles_arrive(cells in proptest::collection::vec((0_u8..3, any::<u8>(), any::<u16>(), 0_u8..4), 24)) {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 3));
            for (cell, (symbol, index, bits, kind)) in buffer.content.iter_mut().zip(cells) {
                cell.set_symbol(["x", " ", "é"][usize::from(symbol)]);
                // The parser of the test knows neither blinking nor hidden nor crossed out.
                cell.modifier = Modifier::from_bits_truncate(bits)
                    & (Modifier::BOLD | Modifier::ITALIC | Modifier::REVERSED | Modifier::UNDERLINED);
                let color = match kind {
                    0 => Color::Reset,
                    1 => Color::Indexed(index),
                    2 => Color::Rgb(index, 1, 2),
                    _ => Color::LightGreen,
                };
                if bits & 0x8000 == 0 { cell.fg = color } else { cell.bg = color }
            }
            check(&buffer);
        }
    }
}
