//! A log that is read: the pane with its keys, its search and filter lines, copying and exporting.
//! The screen of logs and that of a job hold one each.

use crate::domain::words::counted;
use crate::tui::effect::Effect;
use crate::tui::keymap::Binding;
use crate::tui::layers::Prompt as Ask;
use crate::tui::msg::{LogLine, Logs};
use crate::tui::theme::Theme;
use crate::tui::view::{Outbox, Scene, Tone};
use crate::tui::widgets::filter::{Filter, Prompt, PromptEvent};
use crate::tui::widgets::log::{Entry, LogPane};
use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::HashMap;

/// Lines asked for of those already there.
pub const TAIL: usize = 10_000;
/// Streams whose last line is remembered.
const STREAMS: usize = 8192;
/// Columns that an unwrapped line moves by.
const PAN: i64 = 8;

pub static KEYS: &[Binding] = &[
    Binding::new("search", &["/"], "Search: text, regex.*, !not, -f fuzzy; n and N go on")
        .hint("search"),
    Binding::new("next-hit", &["n"], "Next match"),
    Binding::new("previous-hit", &["N"], "Match before"),
    Binding::new("log-filter", &["&"], "Show only lines that match").hint("only"),
    Binding::new("follow", &["f"], "Follow the end, or stay here").hint("follow"),
    Binding::new("wrap", &["w"], "Wrap long lines, or cut them"),
    Binding::new("times", &["t"], "With times, or without"),
    Binding::new("origins", &["o"], "With names of streams, or without"),
    Binding::new("select", &["v"], "Select lines; up and down extend it").hint("select"),
    Binding::new("copy-lines", &["y"], "Copy the selected lines"),
    Binding::new("export", &["x"], "Write all lines to a file").hint("export"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Typing {
    Search,
    Only,
}

/// The last line known of a stream.
#[derive(Clone, Copy)]
struct Last {
    position: u64,
    at: i64,
}

#[derive(Default)]
pub struct Reader {
    pane: LogPane,
    typing: Option<(Typing, Prompt)>,
    search: String,
    only: String,
    last: HashMap<String, Last>,
    /// Batches of lines that the region could not hand over in time.
    missed: u64,
    /// Whether old lines are still looked through for a search or filter.
    working: bool,
    /// A time to go to once its line is there.
    sought: Option<i64>,
}

impl Reader {
    /// Of something that mostly has one stream, whose name says nothing new.
    pub fn of_one() -> Self {
        let mut reader = Self::default();
        reader.pane.toggle_names();
        reader
    }

    /// Goes to the first line of that time when it comes, with what led there lit up.
    pub fn sought(at: i64, words: &str) -> Self {
        let mut reader = Self { sought: Some(at), search: words.to_owned(), ..Self::default() };
        reader.pane.set_search(Filter::parse(words).ok());
        reader
    }

    /// Takes in lines whose stream is wanted. What a stream that began anew tells again is left out.
    pub fn push(&mut self, logs: &Logs, wanted: impl Fn(&str) -> bool) {
        self.missed += logs.missed;
        let new = |line: &&LogLine| wanted(&line.stream);
        let mut lines: Vec<&LogLine> = logs.lines.iter().filter(new).collect();
        lines.retain(|line| self.is_new(line));
        // Streams come one after the other; a reader wants them in the order of time.
        lines.sort_by_key(|line| line.timestamp);
        let entry = |line: &LogLine| Entry {
            at: line.timestamp,
            stream: line.stream.clone(),
            message: line.message.clone(),
        };
        let entries: Vec<Entry> = lines.into_iter().map(entry).collect();
        self.pane.push(&entries);
    }

    fn is_new(&mut self, line: &LogLine) -> bool {
        let (position, at) = (line.position, line.timestamp);
        if let Some(last) = self.last.get_mut(&line.stream) {
            // A stream that was deleted and made again counts from 0, but later.
            if position <= last.position && at <= last.at {
                return false;
            }
            *last = Last { position, at };
            return true;
        }
        if self.last.len() >= STREAMS {
            self.last.clear();
        }
        self.last.insert(line.stream.clone(), Last { position, at });
        true
    }

    /// Brings searches on, and tells the pane how large it will be.
    pub fn settle(&mut self, area: Rect, scene: &Scene<'_>) {
        self.pane.prefer(scene.zone, scene.log_lines);
        self.pane.resize(area.width, self.lines(area).height);
        if let Some(at) = self.sought
            && self.pane.counts().0 > 0
            && self.pane.go_to_time(at)
        {
            self.sought = None;
        }
        self.working = self.pane.work();
    }

    /// Where the lines stand: all but the row in which one types.
    fn lines(&self, area: Rect) -> Rect {
        let typing = u16::from(self.typing.is_some()).min(area.height);
        Rect { height: area.height - typing, ..area }
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, theme: &Theme) {
        let lines = self.lines(area);
        self.pane.draw(buffer, lines, theme);
        if let Some((_, prompt)) = &self.typing
            && area.height > 0
        {
            let row = Rect { y: lines.bottom(), height: 1, ..area };
            prompt.draw(buffer, row, theme);
        }
    }

    /// What the pane's rule says: what was missed.
    pub fn note(&self) -> String {
        match self.missed {
            0 => String::new(),
            1 => "▲ 1 batch missed: it came too fast".to_owned(),
            missed => format!("▲ {missed} batches missed: they came too fast"),
        }
    }

    pub fn typing(&self) -> bool {
        self.typing.is_some()
    }

    pub fn typed(&mut self, key: KeyEvent) -> bool {
        let Some((_, prompt)) = &mut self.typing else { return false };
        let event = prompt.key(key);
        self.prompted(event);
        true
    }

    pub fn pasted(&mut self, text: &str) {
        if let Some((_, prompt)) = &mut self.typing {
            let event = prompt.paste(text);
            self.prompted(event);
        }
    }

    fn prompted(&mut self, event: PromptEvent) {
        let Some((typing, prompt)) = &self.typing else { return };
        let typing = *typing;
        match event {
            PromptEvent::Stay => return,
            PromptEvent::Changed => {
                if let Some(filter) = prompt.filter() {
                    self.apply(typing, filter);
                }
                return;
            }
            PromptEvent::Accept => {
                let text = prompt.text().to_owned();
                match typing {
                    Typing::Search => self.search = text,
                    Typing::Only => self.only = text,
                }
            }
            PromptEvent::Cancel => {
                // As it was before one began to type.
                let before = if typing == Typing::Search { &self.search } else { &self.only };
                if let Ok(filter) = Filter::parse(before) {
                    self.apply(typing, filter);
                }
            }
        }
        self.typing = None;
    }

    fn apply(&mut self, typing: Typing, filter: Filter) {
        match typing {
            Typing::Search => self.pane.set_search(Some(filter)),
            Typing::Only => self.pane.set_filter(Some(filter)),
        }
    }

    /// Acts on actions of the contexts `log` and `scroll`; `file` is what an export is called if one
    /// does not say otherwise.
    pub fn act(&mut self, action: &str, file: &str, out: &mut Outbox) -> bool {
        match action {
            "search" => self.typing = Some((Typing::Search, Prompt::new("/", &self.search))),
            "log-filter" => self.typing = Some((Typing::Only, Prompt::new("&", &self.only))),
            "next-hit" => self.hit(true, out),
            "previous-hit" => self.hit(false, out),
            "follow" => self.pane.toggle_follow(),
            "wrap" => self.pane.toggle_wrap(),
            "times" => self.pane.toggle_timestamps(),
            "origins" => self.pane.toggle_names(),
            "select" => self.pane.toggle_selection(),
            "copy-lines" => self.copy(out),
            "export" => self.export(file, out),
            "up" => self.pane.scroll(-1),
            "down" => self.pane.scroll(1),
            "left" => self.pane.pan(-PAN),
            "right" => self.pane.pan(PAN),
            "page-up" => self.pane.page(-1),
            "page-down" => self.pane.page(1),
            "top" => self.pane.home(),
            "bottom" => self.pane.end(),
            "back" => return self.clear(),
            _ => return false,
        }
        true
    }

    fn hit(&mut self, next: bool, out: &mut Outbox) {
        if self.pane.hits().is_none() {
            out.notice(Tone::Info, "Nothing is searched for; / searches");
        } else if next {
            self.pane.next_hit();
        } else {
            self.pane.previous_hit();
        }
    }

    /// Takes back what was laid over the lines, the last first; false when there was nothing.
    fn clear(&mut self) -> bool {
        if self.pane.clear_selection() {
            return true;
        }
        if !self.search.is_empty() || self.pane.hits().is_some() {
            self.search.clear();
            self.pane.set_search(None);
            return true;
        }
        if !self.only.is_empty() {
            self.only.clear();
            self.pane.set_filter(None);
            return true;
        }
        false
    }

    fn copy(&mut self, out: &mut Outbox) {
        match self.pane.selected_text() {
            Some(text) => {
                let lines = counted(text.lines().count() as u64, "line");
                out.notice(Tone::Good, format!("Copied {lines}"));
                out.effect(Effect::Copy(text));
                self.pane.clear_selection();
            }
            None => out.notice(Tone::Info, "v selects lines first; x writes all of them to a file"),
        }
    }

    fn export(&mut self, file: &str, out: &mut Outbox) {
        let text = self.pane.export_text();
        let lines = text.lines().count();
        if lines == 0 {
            out.notice(Tone::Info, "There are no lines to write");
            return;
        }
        let lines = counted(lines as u64, "line");
        let hint = format!("{lines}, as shown; a file of that name is replaced");
        let then = move |path: &str, out: &mut Outbox| {
            let (ticket, path) = (out.ticket(), path.to_owned());
            out.effect(Effect::Save { ticket, path, text });
        };
        out.push(Ask::new("Write the lines to", then).with(file).hint(hint));
    }

    /// A mouse event over the pane.
    pub fn mouse(&mut self, event: MouseEvent, area: Rect) -> bool {
        let lines = self.lines(area);
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::ScrollUp => self.pane.scroll(-3),
            MouseEventKind::ScrollDown => self.pane.scroll(3),
            MouseEventKind::Down(MouseButton::Left) => self.pane.click(lines, at),
            MouseEventKind::Drag(MouseButton::Left) => self.pane.drag(lines, at),
            _ => return false,
        }
        true
    }

    /// Whether it still looks for a line to go to.
    pub fn is_seeking(&self) -> bool {
        self.sought.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::state::{Options, State};

    fn logs(lines: &[(&str, u64, i64)]) -> Logs {
        let line = |(stream, position, timestamp): &(&str, u64, i64)| LogLine {
            stream: (*stream).to_owned(),
            position: *position,
            timestamp: *timestamp,
            message: format!("{stream} {position}"),
        };
        Logs { group: "g".into(), lines: lines.iter().map(line).collect(), missed: 0 }
    }

    fn text(reader: &Reader) -> String {
        reader.pane.export_text()
    }

    #[test]
    fn lines_told_twice_are_there_once() {
        let mut reader = Reader::default();
        let first = logs(&[("a", 0, 1), ("a", 1, 1), ("b", 0, 0)]);
        reader.push(&first, |_| true);
        reader.push(&first, |_| true);
        reader.push(&logs(&[("a", 1, 1), ("a", 2, 1)]), |_| true);
        assert_eq!(reader.pane.counts().0, 4);
        assert!(text(&reader).lines().next().unwrap().ends_with("b 0"), "{}", text(&reader));
        reader.push(&logs(&[("a", 0, 9)]), |_| true);
        assert_eq!(reader.pane.counts().0, 5, "a stream made anew counts anew");
    }

    #[test]
    fn other_streams_stay_out() {
        let mut reader = Reader::default();
        reader.push(&logs(&[("blue/1", 0, 1), ("blue-2/1", 0, 1)]), |it| it.starts_with("blue/"));
        assert_eq!(reader.pane.counts().0, 1);
    }

    #[test]
    fn as_many_lines_are_kept_as_the_configuration_says() {
        let mut reader = Reader::default();
        let options = Options { log_lines: 2, ..Options::default() };
        reader.settle(Rect::new(0, 0, 40, 10), &State::new(options, 0).unwrap().scene());
        reader.push(&logs(&[("a", 0, 1), ("a", 1, 2), ("a", 2, 3)]), |_| true);
        assert_eq!(reader.pane.counts().0, 2);
    }

    #[test]
    fn escape_takes_back_one_thing_at_a_time() {
        let mut reader = Reader::default();
        reader.push(&logs(&[("a", 0, 1), ("a", 1, 2)]), |_| true);
        let state = State::new(Options::default(), 0).unwrap();
        reader.settle(Rect::new(0, 0, 40, 10), &state.scene());
        let mut out = Outbox::default();
        reader.act("search", "f", &mut out);
        reader.pasted("a 1");
        reader.typed(crossterm::event::KeyCode::Enter.into());
        reader.act("select", "f", &mut out);
        assert_eq!(reader.pane.hits(), Some((1, 1)));
        assert!(reader.act("back", "f", &mut out) && reader.pane.hits().is_some());
        assert!(reader.act("back", "f", &mut out) && reader.pane.hits().is_none());
        assert!(!reader.act("back", "f", &mut out));
    }
}
