//! Show as code: a resource, or what was just done, as boto3, AWS CLI, CloudFormation and `.brush`.

use crate::tui::frame::dialog;
use crate::tui::keymap::Binding;
use crate::tui::row::Row;
use crate::tui::state::Action;
use crate::tui::text::clean;
use crate::tui::view::{Outbox, Scene, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use std::sync::Arc;

pub(super) static KEYS: &[Binding] = &[];

pub struct Code {
    title: String,
    text: String,
}

impl Code {
    pub fn of_action(action: &Action) -> Self {
        Self { title: action.title.clone(), text: String::new() }
    }

    pub fn of_rows(rows: &[Arc<Row>]) -> Self {
        let title = rows.first().map(|row| row.name.clone()).unwrap_or_default();
        Self { title, text: String::new() }
    }
}

impl View for Code {
    fn name(&self) -> &'static str {
        "code"
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let inner = dialog(frame, area, &self.title, "esc close", scene.theme);
        let lines: Vec<Line<'_>> = self.text.lines().map(|line| Line::raw(clean(line))).collect();
        frame.render_widget(Paragraph::new(lines), inner);
    }

    fn act(&mut self, _action: &str, _scene: &Scene<'_>, _out: &mut Outbox) -> bool {
        false
    }
}
