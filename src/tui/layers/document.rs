//! One resource, whole: what Describe answers, as JSON or YAML, kept current while one reads.

use crate::tui::effect::Effect;
use crate::tui::frame::dialog;
use crate::tui::keymap::Binding;
use crate::tui::mirror::noun;
use crate::tui::row::Row;
use crate::tui::view::{Outbox, Scene, Tone, View};
use crate::tui::widgets::document::Document as Viewer;
use crate::tui::widgets::filter::{Prompt, PromptEvent};
use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::sync::Arc;

pub(super) static KEYS: &[Binding] = &[
    Binding::new("format", &["v", "f"], "JSON or YAML").hint("json/yaml"),
    Binding::new("fold", &["space", "enter"], "Fold or unfold what is under the cursor")
        .hint("fold"),
    Binding::new("fold-all", &["-"], "Fold all"),
    Binding::new("unfold-all", &["+", "="], "Unfold all"),
    Binding::new("search", &["/"], "Search: text or regex, !inverse, -f fuzzy").hint("search"),
    Binding::new("next-hit", &["n"], "To the next hit"),
    Binding::new("previous-hit", &["N"], "To the hit before"),
    Binding::new("copy-part", &["y"], "Copy what is under the cursor").hint("copy"),
    Binding::new("copy-path", &["p"], "Copy its path"),
    Binding::new("copy-all", &["Y"], "Copy all of it"),
];

pub struct Document {
    row: Arc<Row>,
    viewer: Viewer,
    search: Option<Prompt>,
    /// The row is not there any more; this is what it was.
    gone: bool,
}

impl Document {
    pub fn of_row(row: &Arc<Row>) -> Self {
        let viewer = Viewer::json(&row.body);
        Self { row: Arc::clone(row), viewer, search: None, gone: false }
    }

    fn inner(area: Rect) -> Rect {
        Rect {
            x: area.x + 1.min(area.width),
            y: area.y + 1.min(area.height),
            width: area.width.saturating_sub(2),
            height: area.height.saturating_sub(3),
        }
    }

    fn copy(out: &mut Outbox, text: String, what: &str) {
        out.notice(Tone::Good, format!("Copied {what}"));
        out.effect(Effect::Copy(text));
    }
}

impl View for Document {
    fn name(&self) -> &'static str {
        "document"
    }

    fn title(&self) -> String {
        format!("{} {}", noun(&self.row.kind), self.row.name)
    }

    fn shares(&self) -> &'static [&'static str] {
        &["scroll"]
    }

    fn area(&self, window: Rect) -> Rect {
        Rect { y: window.y + 1, height: window.height.saturating_sub(2), ..window }
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let gone = if self.gone { " (deleted)" } else { "" };
        let title = format!("{}{gone}", self.title());
        let inner = dialog(frame, area, &title, "esc close · ? keys", scene.theme);
        let body = Self::inner(area);
        self.viewer.draw(frame.buffer_mut(), body, scene.theme);
        let foot =
            Rect { y: inner.bottom().saturating_sub(1), height: 1.min(inner.height), ..inner };
        match &self.search {
            Some(prompt) => prompt.draw(frame.buffer_mut(), foot, scene.theme),
            None => {
                let hits = match self.viewer.hits() {
                    Some((at, count)) => format!("hit {at} of {count}   "),
                    None => String::new(),
                };
                let line = Line::styled(format!(" {hits}"), scene.theme.dim);
                frame.render_widget(line, foot);
            }
        }
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        let body = Self::inner(area);
        self.viewer.resize(body.width, body.height);
        match scene.mirror.row(&self.row.kind, &self.row.name) {
            Some(row) if !Arc::ptr_eq(row, &self.row) => {
                self.row = Arc::clone(row);
                self.viewer.update(&row.body);
                self.gone = false;
            }
            Some(_) => self.gone = false,
            // What never was in the mirror (objects, log groups) cannot go from it.
            None => self.gone = !scene.mirror.rows(&self.row.kind).is_empty(),
        }
    }

    fn typing(&self) -> bool {
        self.search.is_some()
    }

    fn typed(&mut self, key: KeyEvent, _scene: &Scene<'_>, _out: &mut Outbox) -> bool {
        let Some(prompt) = &mut self.search else { return false };
        match prompt.key(key) {
            PromptEvent::Stay => {}
            PromptEvent::Changed => self.viewer.set_search(prompt.filter()),
            PromptEvent::Accept => self.search = None,
            PromptEvent::Cancel => {
                self.search = None;
                self.viewer.set_search(None);
            }
        }
        true
    }

    fn pasted(&mut self, text: &str, _scene: &Scene<'_>, _out: &mut Outbox) {
        if let Some(prompt) = &mut self.search {
            prompt.paste(text);
            self.viewer.set_search(prompt.filter());
        }
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "up" => self.viewer.scroll(-1),
            "down" => self.viewer.scroll(1),
            "left" => self.viewer.pan(-4),
            "right" => self.viewer.pan(4),
            "page-up" => self.viewer.page(-1),
            "page-down" => self.viewer.page(1),
            "top" => self.viewer.home(),
            "bottom" => self.viewer.end(),
            "format" => self.viewer.toggle_format(),
            "fold" => self.viewer.toggle_fold(),
            "fold-all" => self.viewer.fold_all(),
            "unfold-all" => self.viewer.unfold_all(),
            "search" => self.search = Some(Prompt::new("/", "")),
            "next-hit" => self.viewer.next_hit(),
            "previous-hit" => self.viewer.previous_hit(),
            "copy-part" => Self::copy(out, self.viewer.copy(), "what is under the cursor"),
            "copy-all" => Self::copy(out, self.viewer.copy_all(), "all of it"),
            "copy-path" => match self.viewer.path() {
                Some(path) => Self::copy(out, path.clone(), &path),
                None => return false,
            },
            "describe" | "quit" => out.close(),
            _ => return false,
        }
        true
    }

    fn mouse(
        &mut self,
        event: MouseEvent,
        area: Rect,
        _scene: &Scene<'_>,
        _out: &mut Outbox,
    ) -> bool {
        match event.kind {
            MouseEventKind::ScrollDown => self.viewer.scroll(3),
            MouseEventKind::ScrollUp => self.viewer.scroll(-3),
            MouseEventKind::Down(MouseButton::Left) => {
                self.viewer.click(Self::inner(area), (event.column, event.row).into());
            }
            _ => return false,
        }
        true
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        vec![Arc::clone(&self.row)]
    }
}
