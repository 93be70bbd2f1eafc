//! Who is who in a drawing: a mark, a name and what is worth knowing, as much of it as fits.

use crate::tui::text::{clean, fit, width};
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The mark of the nth series; they repeat with the theme's colours.
pub const fn mark(series: usize) -> &'static str {
    const MARKS: [&str; 6] = ["●", "◆", "▲", "■", "★", "✚"];
    MARKS[series % MARKS.len()]
}

/// Whether a theme's series have no colour to be told apart by.
pub(super) fn colourless(theme: &Theme) -> bool {
    theme.series.iter().all(|style| style.fg.is_none())
}

/// One series in a legend.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    pub series: usize,
    pub name: &'a str,
    /// What matters most first; the last are left out first.
    pub details: Vec<String>,
}

impl Entry<'_> {
    fn width(&self, details: usize) -> usize {
        let detail = |text: &String| width(text) + 1;
        2 + width(&clean(self.name)) + self.details.iter().take(details).map(detail).sum::<usize>()
    }
}

const GAP: usize = 3;

/// One line of entries, all in the same detail.
pub(super) fn draw(buffer: &mut Buffer, row: Rect, theme: &Theme, entries: &[Entry<'_>]) {
    if row.is_empty() || entries.is_empty() {
        return;
    }
    let room = row.width as usize;
    let needed =
        |details| entries.iter().map(|entry| entry.width(details) + GAP).sum::<usize>() - GAP;
    let most = entries.iter().map(|entry| entry.details.len()).max().unwrap_or(0);
    let details = (0..=most).rev().find(|details| needed(*details) <= room).unwrap_or(0);
    let mut column = 0;
    for entry in entries {
        let left = room.saturating_sub(column);
        if left < 4 {
            break;
        }
        let style = theme.series(entry.series);
        let name = clean(entry.name);
        let name = fit(&name, left - 2);
        let (x, y) = (row.x + column as u16, row.y);
        buffer.set_string(x, y, mark(entry.series), style);
        buffer.set_string(x + 2, y, &name, style);
        column += 2 + width(&name);
        for text in entry.details.iter().take(details) {
            buffer.set_stringn(row.x + column as u16 + 1, y, text, room - column, theme.dim);
            column += 1 + width(text);
        }
        column += GAP;
    }
}
