//! A part of a screen under a rule that names it: the title at the left, a note at the right. The pane
//! that has the keys is told by its mark and its style.

use crate::tui::text::{clean, fit, width};
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the rule on the first row; what it returns is what is below.
pub fn pane(
    buffer: &mut Buffer,
    area: Rect,
    title: &str,
    note: &str,
    focused: bool,
    theme: &Theme,
) -> Rect {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return area;
    }
    let columns = usize::from(area.width);
    let style = if focused { theme.focus } else { theme.border };
    buffer.set_stringn(area.x, area.y, "─".repeat(columns), columns, style);
    let mark = if focused { "▌" } else { "─" };
    buffer.set_stringn(area.x, area.y, mark, columns, style);
    let title = clean(title);
    let title = format!(" {} ", fit(&title, columns.saturating_sub(5)));
    let used = width(&title);
    let title_style = if focused { theme.title } else { theme.text };
    if columns > 4 {
        buffer.set_stringn(area.x + 1, area.y, title, columns - 1, title_style);
    }
    let note = clean(note);
    let needed = width(&note) + 3;
    if !note.is_empty() && used + needed + 2 < columns {
        let x = area.right() - needed as u16;
        buffer.set_stringn(x, area.y, format!(" {note} "), needed, theme.dim);
    }
    inside(area)
}

/// What is left of the area below the rule.
pub fn inside(area: Rect) -> Rect {
    Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widgets::testing;

    #[test]
    fn a_rule_at_any_size() {
        testing::survives_any_size(|area, buffer, theme| {
            let inner = pane(buffer, area, "Metrics · by step", "12 of 40", true, theme);
            assert!(inner.height <= area.height);
        });
    }
}
