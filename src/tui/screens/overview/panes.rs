//! The lower panes of the overview: what needs attention, and what has happened.

use super::{Overview, Pane};
use crate::tui::format;
use crate::tui::mirror::{Note, Severity};
use crate::tui::status::{Mood, mood};
use crate::tui::text::{clean, fit, fit_middle, width, wrapped};
use crate::tui::view::Scene;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

impl Overview {
    pub(super) fn draw_attention(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let title = match self.needing {
            (0, false) => " Needs attention ".to_owned(),
            (count, more) => {
                let more = if more { "+" } else { "" };
                format!(" Needs attention ({}{more}) ", format::count(count as u64))
            }
        };
        let block = self.pane(Pane::Attention, title, scene);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        if self.attention.is_empty() {
            let line = Line::styled(" ✔ Nothing", scene.theme.good);
            frame.render_widget(line, inner);
            return;
        }
        let focused = self.pane == Pane::Attention;
        for (line, (index, words)) in self.attention_lines(inner).into_iter().enumerate() {
            let area = Rect { y: inner.y + line as u16, height: 1, ..inner };
            let Some(item) = self.attention.get(index) else { continue };
            let mood = gravity(item.severity);
            let line = match words {
                Words::First(what, why) => Line::from(vec![
                    Span::styled(format!(" {} ", mood.mark()), mood.style(scene.theme)),
                    Span::styled(what, scene.theme.text),
                    Span::styled(format!("  {why}"), scene.theme.dim),
                ]),
                Words::Rest(why) => Line::styled(format!("     {why}"), scene.theme.dim),
            };
            frame.render_widget(line, area);
            if focused && index == self.attention_at {
                frame.buffer_mut().set_style(area, scene.theme.selected);
            }
        }
    }

    /// The lines of the pane, each with the place of its item. The reason of the one under the cursor is
    /// there whole, and those of the others too where there is room.
    pub(super) fn attention_lines(&self, inner: Rect) -> Vec<(usize, Words)> {
        let (columns, rows) = (usize::from(inner.width), usize::from(inner.height));
        let of = |index: usize, whole: bool| -> Vec<(usize, Words)> {
            let Some(item) = self.attention.get(index) else { return Vec::new() };
            let what = fit(&clean(&item.what), columns / 2).into_owned();
            let room = columns.saturating_sub(width(&what) + 6);
            let why = clean(&item.why).into_owned();
            if !whole || width(&why) <= room {
                let why = fit(&why, room).into_owned();
                return vec![(index, Words::First(what, why))];
            }
            let mut lines = wrapped(&why, room);
            let first = lines.remove(0);
            let rest = wrapped(&lines.join(" "), columns.saturating_sub(6));
            let rest = rest.into_iter().map(|line| (index, Words::Rest(line)));
            [(index, Words::First(what, first))].into_iter().chain(rest).collect()
        };
        let count = self.attention.len().min(self.attention_at + rows.max(1));
        let all: Vec<_> = (0..count).flat_map(|index| of(index, true)).collect();
        if count == self.attention.len() && all.len() <= rows {
            return all;
        }
        let at = self.attention_at;
        let mut lines: Vec<_> = (0..count).flat_map(|index| of(index, index == at)).collect();
        // The end of the one under the cursor is seen.
        let end = lines.iter().rposition(|(index, _)| *index == at).map_or(0, |last| last + 1);
        lines.drain(..end.saturating_sub(rows).min(lines.len()));
        lines.truncate(rows);
        lines
    }

    pub(super) fn draw_events(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let block = self.pane(Pane::Events, " Now ".into(), scene);
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let focused = self.pane == Pane::Events;
        let first =
            if focused { (self.event_at + 1).saturating_sub(usize::from(inner.height)) } else { 0 };
        let notes = scene.mirror.notes.iter().rev().enumerate().skip(first);
        for (line, (index, note)) in notes.take(usize::from(inner.height)).enumerate() {
            let area = Rect { y: inner.y + line as u16, height: 1, ..inner };
            let mood = mood(&note.status);
            let clock = scene.clock((note.at * 1000.0) as i64);
            let room = usize::from(inner.width).saturating_sub(clock.len() + 5);
            let shown = note_in(note, room);
            let line = Line::from(vec![
                Span::styled(format!(" {clock} "), scene.theme.dim),
                Span::styled(format!("{} ", mood.mark()), mood.style(scene.theme)),
                Span::styled(shown, scene.theme.text),
            ]);
            frame.render_widget(line, area);
            if focused && index == self.event_at {
                frame.buffer_mut().set_style(area, scene.theme.selected);
            }
        }
        if scene.mirror.notes.is_empty() {
            let known = scene.mirror.ready || !scene.mirror.connected();
            let words = if known { " Nothing has happened yet" } else { " Loading…" };
            let line = Line::styled(words, scene.theme.dim);
            frame.render_widget(line, inner);
        }
    }
}

/// The note in so many columns: what has happened is kept, the name is shortened.
fn note_in(note: &Note, room: usize) -> String {
    let (text, name) = (clean(&note.text), clean(&note.name));
    if width(&text) <= room || name.is_empty() {
        return fit(&text, room).into_owned();
    }
    // What kind of thing it is goes first.
    let text = text.find(&*name).map_or(&*text, |at| &text[at..]);
    let over = width(text).saturating_sub(room);
    if over == 0 {
        return text.to_owned();
    }
    let least = 8.min(width(&name));
    let short = fit_middle(&name, width(&name).saturating_sub(over).max(least));
    fit(&text.replacen(&*name, &short, 1), room).into_owned()
}

/// A line of the pane of what needs attention.
pub(super) enum Words {
    /// What it is, and the beginning of why.
    First(String, String),
    /// Why, further.
    Rest(String),
}

const fn gravity(severity: Severity) -> Mood {
    match severity {
        Severity::Bad => Mood::Bad,
        Severity::Warn => Mood::Warn,
        Severity::Ask => Mood::Busy,
    }
}
