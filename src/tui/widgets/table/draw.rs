//! How a table looks: a header with the sorted column marked, the visible rows, a line below for the
//! filter and the counts.

use super::{Column, Table};
use crate::tui::msg::Link;
use crate::tui::text::{clean, pad, pad_left, width};
use crate::tui::view::Scene;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

/// The mark's column at the left.
const GUTTER: u16 = 2;
/// More columns than that no cell asks for.
const WIDEST: u16 = 80;

impl Table {
    /// Which columns are shown, and where.
    pub(super) fn spans(&self, area: Rect) -> Vec<(usize, Rect)> {
        let mut shown: Vec<(usize, &Column)> = self.columns.iter().enumerate().collect();
        let room = area.width.saturating_sub(GUTTER);
        let need = |shown: &[(usize, &Column)]| -> u16 {
            shown
                .iter()
                .fold(0, |sum: u16, (at, column)| sum.saturating_add(self.least(*at, column) + 2))
        };
        while need(&shown) > room.saturating_add(2) {
            let last = shown.iter().map(|(_, column)| column.rank).max().unwrap_or(0);
            let Some(at) = shown.iter().rposition(|(_, column)| column.rank == last && last > 0)
            else {
                break;
            };
            shown.remove(at);
        }
        let columns = self.columns_of(&shown, room.saturating_add(2));
        let mut x = area.x.saturating_add(GUTTER);
        let mut spans = Vec::with_capacity(shown.len());
        for ((index, _), columns) in shown.into_iter().zip(columns) {
            let right = area.x.saturating_add(area.width);
            let columns = columns.min(right.saturating_sub(x));
            if columns == 0 {
                break;
            }
            spans.push((index, Rect { x, y: area.y, width: columns, height: 1 }));
            x = x.saturating_add(columns + 2);
        }
        spans
    }

    /// Columns that it needs at least; the title of the sorted one with its arrow is never cut.
    fn least(&self, index: usize, column: &Column) -> u16 {
        let title = column.title.len() as u16 + 2;
        if index == self.sort { column.least.max(title) } else { column.least }
    }

    /// How wide each is, of so many columns with the gaps. Those that grow take what their cells need
    /// first, so that none is cut beside an empty one, and share the rest.
    fn columns_of(&self, shown: &[(usize, &Column)], room: u16) -> Vec<u16> {
        let need = |index: usize, column: &Column| {
            let cells = self.needs.get(index).copied().unwrap_or(column.least);
            // Its title and the mark of the sorted one.
            cells.max(column.title.len() as u16 + 2)
        };
        let mut widths: Vec<u16> = shown
            .iter()
            .map(|(index, column)| {
                let least = self.least(*index, column);
                if column.grow == 0 { least } else { least.min(need(*index, column)) }
            })
            .collect();
        let taken = widths.iter().fold(0_u16, |sum, width| sum.saturating_add(width + 2));
        let mut spare = room.saturating_sub(taken);
        for (width, (index, column)) in widths.iter_mut().zip(shown) {
            if column.grow > 0 {
                let more = need(*index, column).saturating_sub(*width).min(spare);
                *width += more;
                spare -= more;
            }
        }
        let parts: u16 = shown.iter().map(|(_, column)| column.grow).sum();
        for (width, (_, column)) in widths.iter_mut().zip(shown) {
            let part = u32::from(spare) * u32::from(column.grow);
            *width += part.checked_div(u32::from(parts)).unwrap_or(0) as u16;
        }
        widths
    }

    /// Learns how wide the cells are that are seen. What a column needs only grows: columns that
    /// move under the eye are worse than some that are too wide.
    pub(super) fn measure(&mut self, scene: &Scene<'_>) {
        self.needs.resize(self.columns.len(), 0);
        let seen = self.entries.iter().skip(self.offset).take(self.height.max(1));
        for entry in seen {
            for (need, column) in self.needs.iter_mut().zip(self.columns) {
                if column.grow > 0 {
                    let cell = (column.cell)(&entry.row, scene);
                    let columns = u16::try_from(width(&clean(&cell.text))).unwrap_or(u16::MAX);
                    *need = (*need).max(columns.min(WIDEST));
                }
            }
        }
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let spans = self.spans(area);
        self.draw_header(buffer, &spans, scene);
        let height = usize::from(area.height.saturating_sub(2));
        // Where the window is other than the last settled one, the cursor is visible all the same.
        let least = (self.cursor + 1).saturating_sub(height.max(1));
        let offset = self.offset.clamp(least, self.cursor.max(least));
        for (line, index) in (offset..self.entries.len()).take(height).enumerate() {
            let y = area.y + 1 + line as u16;
            self.draw_row(buffer, Rect { y, height: 1, ..area }, &spans, index, scene);
        }
        if self.entries.is_empty() && height > 0 {
            let words = if self.filter.is_some() && self.total > 0 {
                "Nothing matches the filter; Esc clears it"
            } else if self.arriving {
                match scene.mirror.link {
                    Some(Link::Lost { .. } | Link::Failed { .. }) => "No region answers",
                    _ => "Loading…",
                }
            } else {
                self.empty.as_ref()
            };
            let at = Rect {
                x: area.x + GUTTER.min(area.width),
                y: area.y + 1,
                width: area.width.saturating_sub(GUTTER),
                height: area.height.saturating_sub(2),
            };
            ratatui::widgets::Paragraph::new(words)
                .style(scene.theme.dim)
                .wrap(ratatui::widgets::Wrap { trim: true })
                .render(at, buffer);
        }
        if area.height > 1 {
            let foot = Rect { y: area.bottom() - 1, height: 1, ..area };
            self.foot(scene).render(foot, buffer);
        }
    }

    fn draw_header(&self, buffer: &mut Buffer, spans: &[(usize, Rect)], scene: &Scene<'_>) {
        for (index, span) in spans {
            let column = &self.columns[*index];
            let sorted = *index == self.sort;
            let arrow = match (sorted, self.ascending) {
                (false, _) => "",
                (true, true) => " ▲",
                (true, false) => " ▼",
            };
            let title = format!("{}{arrow}", column.title);
            let columns = usize::from(span.width);
            let text = if column.right { pad_left(&title, columns) } else { pad(&title, columns) };
            let style = if sorted { scene.theme.title } else { scene.theme.dim };
            buffer.set_stringn(span.x, span.y, text, columns, style);
        }
    }

    fn draw_row(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        spans: &[(usize, Rect)],
        index: usize,
        scene: &Scene<'_>,
    ) {
        let Some(entry) = self.entries.get(index) else { return };
        let marked = self.marked.contains(&entry.key);
        let cursor = index == self.cursor;
        for (column_index, span) in spans {
            let column = &self.columns[*column_index];
            let cell = (column.cell)(&entry.row, scene);
            let columns = usize::from(span.width);
            let text = clean(&cell.text);
            let text = if column.right { pad_left(&text, columns) } else { pad(&text, columns) };
            let style = if marked { scene.theme.marked } else { cell.style };
            buffer.set_stringn(span.x, area.y, text, columns, style);
        }
        let gutter = match (cursor, marked) {
            (true, true) => "▌*",
            (true, false) => "▌",
            (false, true) => " *",
            (false, false) => return,
        };
        if cursor {
            buffer.set_style(area, scene.theme.selected);
        }
        let style = if marked { scene.theme.marked } else { scene.theme.focus };
        buffer.set_stringn(area.x, area.y, gutter, usize::from(GUTTER.min(area.width)), style);
    }

    fn foot(&self, scene: &Scene<'_>) -> Line<'static> {
        let theme = scene.theme;
        let mut spans = vec![Span::raw("  ")];
        let filter = self.input.value().to_owned();
        if self.typing {
            let cursor = self.input.visual_cursor();
            let (before, after) = split_at_width(&filter, cursor);
            let mut rest = after.chars();
            let under = rest.next().unwrap_or(' ').to_string();
            spans.push(Span::styled("/", theme.key));
            spans.push(Span::styled(clean(before).into_owned(), theme.text));
            spans.push(Span::styled(clean(&under).into_owned(), theme.selected));
            spans.push(Span::styled(clean(rest.as_str()).into_owned(), theme.text));
            spans.push(Span::styled("  text or regex · !inverse · -f fuzzy", theme.faint));
        } else if !filter.is_empty() {
            spans.push(Span::styled("/", theme.key));
            spans.push(Span::styled(clean(&filter).into_owned(), theme.found));
        }
        if let Some(problem) = &self.problem {
            spans.push(Span::styled(format!("  {}", clean(problem)), theme.bad));
        }
        let counts = if self.entries.len() == self.total {
            format!("{}", self.total)
        } else {
            format!("{} of {}", self.entries.len(), self.total)
        };
        let marked = match self.marked.len() {
            0 => String::new(),
            marked => format!(" · {marked} marked"),
        };
        spans.push(Span::styled(format!("  {counts}{marked}"), theme.faint));
        Line::from(spans)
    }
}

fn split_at_width(text: &str, columns: usize) -> (&str, &str) {
    let mut used = 0;
    for (at, char) in text.char_indices() {
        if used >= columns {
            return text.split_at(at);
        }
        used += width(char.encode_utf8(&mut [0; 4]));
    }
    (text, "")
}
