//! One resource, whole. The viewer shows what Describe answers.

use crate::tui::frame::dialog;
use crate::tui::keymap::Binding;
use crate::tui::row::Row;
use crate::tui::text::clean;
use crate::tui::view::{Outbox, Scene, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use std::sync::Arc;

pub(super) static KEYS: &[Binding] = &[];

pub struct Document {
    row: Arc<Row>,
    scroll: u16,
}

impl Document {
    pub fn of_row(row: &Arc<Row>) -> Self {
        Self { row: Arc::clone(row), scroll: 0 }
    }
}

impl View for Document {
    fn name(&self) -> &'static str {
        "document"
    }

    fn title(&self) -> String {
        self.row.name.clone()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["scroll"]
    }

    fn area(&self, window: Rect) -> Rect {
        Rect { y: window.y + 1, height: window.height.saturating_sub(2), ..window }
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let inner = dialog(frame, area, &self.row.name, "esc close", scene.theme);
        let text = serde_json::to_string_pretty(&self.row.body).unwrap_or_default();
        let lines: Vec<Line<'_>> = text.lines().map(|line| Line::raw(clean(line))).collect();
        frame.render_widget(Paragraph::new(lines).scroll((self.scroll, 0)), inner);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, _out: &mut Outbox) -> bool {
        match action {
            "up" => self.scroll = self.scroll.saturating_sub(1),
            "down" => self.scroll = self.scroll.saturating_add(1),
            _ => return false,
        }
        true
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        vec![Arc::clone(&self.row)]
    }
}
