//! One group or stream, followed.

use super::reader::TAIL;
use super::{Reader, Subject, ask};
use crate::tui::effect::Want;
use crate::tui::view::{News, Outbox, Place, Scene, View};
use crate::tui::widgets::pane::{inside, pane};
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::Frame;
use ratatui::layout::Rect;

pub struct Read {
    subject: Subject,
    reader: Reader,
}

impl Read {
    pub fn new(subject: Subject) -> Self {
        let reader = match &subject.found {
            Some((at, words)) => Reader::sought(*at, words),
            None if subject.stream.is_some() => Reader::of_one(),
            None => Reader::default(),
        };
        Self { subject, reader }
    }

    /// `/aws/sagemaker/Endpoints/live` → `live.log`.
    fn file(&self) -> String {
        let name = self.subject.stream.as_deref().unwrap_or(&self.subject.group);
        let safe =
            |char: char| if char.is_alphanumeric() || "-_.".contains(char) { char } else { '-' };
        let name: String = name.trim_matches('/').chars().map(safe).collect();
        let name = if self.subject.stream.is_some() {
            name.as_str()
        } else {
            self.subject.group.rsplit('/').next().unwrap_or(&name)
        };
        format!("{}.log", name.trim_start_matches('.'))
    }
}

impl View for Read {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn place(&self) -> Option<Place> {
        Some(self.subject.place())
    }

    fn title(&self) -> String {
        match &self.subject.stream {
            Some(stream) => stream.clone(),
            None => self.subject.group.clone(),
        }
    }

    fn shares(&self) -> &'static [&'static str] {
        &["log", "scroll"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let title = match &self.subject.stream {
            Some(stream) => format!("{stream} of {}", self.subject.group),
            None => format!("all streams of {}", self.subject.group),
        };
        let note = match (self.reader.note(), self.reader.is_seeking()) {
            (note, false) => note,
            (_, true) => "looking for the line …".to_owned(),
        };
        let inner = pane(frame.buffer_mut(), area, &title, &note, true, scene.theme);
        self.reader.draw(frame.buffer_mut(), inner, scene.theme);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.reader.settle(inside(area), scene);
    }

    fn wants(&self, _scene: &Scene<'_>) -> Vec<Want> {
        let group = self.subject.group.clone();
        let prefix = self.subject.stream.clone().unwrap_or_default();
        vec![Want::Logs { group, prefix, tail: TAIL }]
    }

    fn news(&mut self, news: News<'_>, _scene: &Scene<'_>, _out: &mut Outbox) {
        if let News::Logs(logs) = news
            && logs.group == self.subject.group
        {
            let own = self.subject.stream.as_deref();
            self.reader.push(logs, |stream| own.is_none_or(|own| own == stream));
        }
    }

    fn typing(&self) -> bool {
        self.reader.typing()
    }

    fn typed(&mut self, key: KeyEvent, _scene: &Scene<'_>, _out: &mut Outbox) -> bool {
        self.reader.typed(key)
    }

    fn pasted(&mut self, text: &str, _scene: &Scene<'_>, _out: &mut Outbox) {
        self.reader.pasted(text);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        if action == "search-all" {
            ask("", out);
            return true;
        }
        self.reader.act(action, &self.file(), out)
    }

    fn mouse(
        &mut self,
        event: MouseEvent,
        area: Rect,
        _scene: &Scene<'_>,
        _out: &mut Outbox,
    ) -> bool {
        self.reader.mouse(event, inside(area))
    }
}
