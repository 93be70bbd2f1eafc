//! Selecting lines, by keys or by dragging, and copying what is selected or shown.

use super::{LogPane, ansi};
use crate::tui::text;
use ratatui::layout::{Position, Rect};
use std::fmt::Write as _;

/// From where one began to where one is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection {
    pub(super) anchor: u64,
    pub(super) cursor: u64,
}

impl LogPane {
    /// Starts a selection at the current match or the last line in sight, or ends it.
    pub fn toggle_selection(&mut self) {
        if self.selection.take().is_some() {
            return;
        }
        let (top, bottom) =
            (self.top(self.page).0, self.bottom().min(self.len().saturating_sub(1)));
        let in_sight = |number: &u64| (top..=bottom).contains(&self.place_of(*number));
        let start = self.hit.filter(in_sight).or_else(|| self.number(bottom));
        self.selection = start.map(|line| Selection { anchor: line, cursor: line });
        if let Some(line) = start {
            self.hold(line);
        }
    }

    /// Ends the selection; says whether there was one.
    pub fn clear_selection(&mut self) -> bool {
        self.selection.take().is_some()
    }

    pub fn is_selecting(&self) -> bool {
        self.selection.is_some()
    }

    /// Starts a selection at the line drawn at this position of the area; a click elsewhere ends it.
    pub fn click(&mut self, area: Rect, at: Position) {
        self.selection =
            self.line_at(area, at).map(|line| Selection { anchor: line, cursor: line });
        if let Some(selection) = self.selection {
            self.hold(selection.anchor);
        }
    }

    /// Extends the selection to the line drawn there.
    pub fn drag(&mut self, area: Rect, at: Position) {
        if let (Some(line), Some(selection)) = (self.line_at(area, at), &mut self.selection) {
            selection.cursor = line;
        }
    }

    /// The selected lines as text, with times and names when these are shown.
    pub fn selected_text(&self) -> Option<String> {
        let (first, last) = self.selected()?;
        Some(self.text_of(self.place_of(first), self.place_of(last + 1)))
    }

    /// All shown lines as text.
    pub fn export_text(&self) -> String {
        self.text_of(0, self.len())
    }

    pub(super) fn selected(&self) -> Option<(u64, u64)> {
        let Selection { anchor, cursor } = self.selection?;
        Some((anchor.min(cursor), anchor.max(cursor)))
    }

    /// While lines are being selected they must not run away.
    fn hold(&mut self, line: u64) {
        if self.is_following() {
            let top = self.top(self.page);
            self.pause(top);
        }
        self.show(line);
    }

    pub(super) fn extend(&mut self, lines: i64) {
        let Some(selection) = self.selection else { return };
        let from = self.place_of(selection.cursor);
        let step = usize::try_from(lines.unsigned_abs()).unwrap_or(usize::MAX);
        let to = if lines < 0 { from.saturating_sub(step) } else { from.saturating_add(step) };
        if let Some(cursor) = self.number(to.min(self.len().saturating_sub(1))) {
            self.selection = Some(Selection { cursor, ..selection });
            self.show(cursor);
        }
    }

    fn text_of(&self, from: usize, to: usize) -> String {
        let mut out = String::new();
        for line in (from..to).filter_map(|index| self.line(index)) {
            if self.times {
                let at = jiff::Timestamp::from_millisecond(line.at).unwrap_or_default();
                let _ = write!(out, "{at:.3} ");
            }
            if self.names {
                let _ = write!(out, "{} ", line.stream.name);
            }
            out.push_str(&text::clean(&ansi::plain(&line.message)));
            out.push('\n');
        }
        out
    }
}
