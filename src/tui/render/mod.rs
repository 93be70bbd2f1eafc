//! A frame as a file: plain text, text with colours, or a picture of a terminal window.
//!
//! The README's pictures are made so and checked for staleness byte by byte: the same frame gives the
//! same bytes on every machine.

mod ansi;
mod glyph;
mod ink;
mod look;
mod svg;

pub use ansi::ansi;
pub use look::Look;
pub use svg::svg;

use crate::tui::text;
use crate::tui::theme::Theme;
use ratatui::buffer::{Buffer, Cell, CellWidth};

/// What a frame can be drawn as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Txt,
    Ansi,
    Svg,
}

impl Format {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "txt" => Some(Self::Txt),
            "ansi" => Some(Self::Ansi),
            "svg" => Some(Self::Svg),
            _ => None,
        }
    }
}

/// The frame in that format; the theme gives a picture its default colours.
pub fn draw(buffer: &Buffer, format: Format, theme: &Theme, title: &str) -> String {
    match format {
        Format::Txt => txt(buffer),
        Format::Ansi => ansi(buffer),
        Format::Svg => svg(buffer, &Look::of(theme), title),
    }
}

/// The frame's characters, one line for each row, without the space at their ends.
pub fn txt(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in rows(buffer) {
        let start = text.len();
        for (_, cell) in visible(row) {
            text.push_str(&symbol(cell));
        }
        text.truncate(start + text[start..].trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

fn rows(buffer: &Buffer) -> impl Iterator<Item = &[Cell]> {
    let width = usize::from(buffer.area.width).max(1);
    buffer.content.chunks(width).take(usize::from(buffer.area.height))
}

/// The cells of a row that show: those behind a wide character do not.
fn visible(row: &[Cell]) -> impl Iterator<Item = (usize, &Cell)> {
    let mut hidden = 0;
    row.iter().enumerate().filter(move |(_, cell)| {
        if hidden > 0 {
            hidden -= 1;
            return false;
        }
        hidden = columns(cell) - 1;
        true
    })
}

/// Columns that the cell's character takes, at least one.
fn columns(cell: &Cell) -> usize {
    let control = cell.symbol().contains(char::is_control);
    if control { 1 } else { usize::from(cell.symbol().cell_width()).max(1) }
}

/// What the cell shows, with nothing in it that could steer a terminal or a reader.
fn symbol(cell: &Cell) -> std::borrow::Cow<'_, str> {
    match cell.symbol() {
        "" | "\t" => " ".into(),
        other => text::clean(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Modifier, Style};

    /// One of everything that screens are made of.
    pub(in crate::tui::render) fn sample(theme: &Theme) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 64, 16));
        buffer.set_style(buffer.area, theme.text);
        buffer.set_string(0, 0, format!("{:<64}", " sagebrush  iris ▸ Overview"), theme.header);
        buffer.set_string(48, 0, "SIMULATED $0.61/h", theme.header);
        buffer.set_string(
            0,
            1,
            "╭ Variants ──────────────┬ Latency ─────╮╔══╦══╗┏━┳━┓┌┄┬┄┐╒╤╕╓╥╖",
            theme.border,
        );
        buffer.set_string(
            0,
            2,
            "│                        │              │║  ║  ║┃ ┃ ┃┊ ┆ ╎╞╪╡╟╫╢",
            theme.border,
        );
        buffer.set_string(
            0,
            3,
            "├────────────────────────┼──────────────┤╠══╬══╣┣━╋━┫├╌┼╌┤╘╧╛╙╨╜",
            theme.border,
        );
        buffer.set_string(
            0,
            4,
            "╰────────────────────────┴──────────────╯╚══╩══╝┗━┻━┛└┈┴┈┘╱╲╳╭╮╰╯",
            theme.border,
        );
        buffer.set_string(2, 2, "blue ▰▰▰▰▰▱ 90%", theme.series(0));
        buffer.set_string(27, 2, "▁▂▃▄▅▆▇█▇▅▃▁", theme.series(1));
        buffer.set_string(1, 5, "✔ Completed  ✖ AlgorithmError  ◐ 34/200  ▲ 2 h", theme.good);
        buffer.set_string(1, 6, "▏▎▍▌▋▊▉█ ▖▗▘▙▚▛▜▝▞▟ ░▒▓ ▔▕ ▀▄ 🬀🬂🬎🬕🬨🬹🬻", theme.series(2));
        for (row, line) in ["⠉⠒⠤⣀⡠⠔⠊⠉⠒⠤⣀⣿⣿⡇⢸⠁⠂⠄⡀⠈⠐⠠⢀", "⣀⡠⠔⠊⠉⠒⠤⣀⣀⣠⣴⣾⣿⣿⣷⣦⣄⣀"].into_iter().enumerate()
        {
            buffer.set_string(1, 7 + row as u16, line, theme.series(3));
        }
        buffer.set_string(1, 10, "日本語 wide, é ü Ω ж, <escaped> & \"quoted\"", theme.text);
        buffer.set_string(
            1,
            11,
            " selected row                    ",
            theme.text.patch(theme.selected),
        );
        buffer.set_string(40, 11, "reversed", Style::new().add_modifier(Modifier::REVERSED));
        buffer.set_string(50, 11, "red", Style::new().fg(Color::White).bg(Color::Red));
        buffer.set_string(54, 11, "207", Style::new().fg(Color::Indexed(207)));
        buffer.set_string(1, 12, "bold", theme.accent);
        buffer.set_string(6, 12, "italic", theme.comment);
        buffer.set_string(13, 12, "under", theme.text.add_modifier(Modifier::UNDERLINED));
        buffer.set_string(19, 12, "strike", theme.text.add_modifier(Modifier::CROSSED_OUT));
        buffer.set_string(26, 12, "dim", theme.text.add_modifier(Modifier::DIM));
        buffer.set_string(30, 12, "hidden", theme.text.add_modifier(Modifier::HIDDEN));
        buffer.set_string(1, 14, "? help  : command  / filter", theme.key);
        buffer
    }

    #[test]
    fn text_is_what_one_sees() {
        insta::assert_snapshot!(txt(&sample(Theme::named("dark").unwrap())));
    }

    #[test]
    fn formats_have_names() {
        let theme = Theme::named("dark").unwrap();
        let buffer = sample(theme);
        for (name, start) in [("txt", " sagebrush"), ("ansi", "\x1b["), ("svg", "<svg ")] {
            let drawn = draw(&buffer, Format::named(name).unwrap(), theme, "iris");
            assert!(drawn.starts_with(start), "{name}: {}", &drawn[..20]);
        }
        assert_eq!(Format::named("png"), None);
    }

    proptest! {
        #[test]
        fn any_cells_of_any_size_are_drawn(
            width in 0_u16..12, height in 0_u16..5,
            symbols in proptest::collection::vec("\\PC{0,3}|[\\x00-\\x1f]|[─-▟⠀-⣿🬀-🬻]|日", 60),
            bits in any::<u16>(),
        ) {
            let mut buffer = Buffer::empty(Rect::new(3, 7, width, height));
            for (cell, symbol) in buffer.content.iter_mut().zip(&symbols) {
                cell.set_symbol(symbol).modifier = Modifier::from_bits_truncate(bits);
            }
            let theme = Theme::named("dark").unwrap();
            for format in [Format::Txt, Format::Ansi, Format::Svg] {
                let drawn = draw(&buffer, format, theme, "\u{7}<&>");
                prop_assert_eq!(&drawn, &draw(&buffer, format, theme, "\u{7}<&>"));
                let stray = |char: char| char.is_control() && char != '\n' && char != '\x1b';
                prop_assert!(!drawn.contains(stray));
                if format != Format::Ansi {
                    prop_assert!(!drawn.contains('\x1b'));
                }
            }
        }
    }
}
