//! Asks before something that cannot be taken back, naming what it will happen to.

use crate::tui::effect::Effect;
use crate::tui::frame::{centred, dialog};
use crate::tui::keymap::Binding;
use crate::tui::text::clean;
use crate::tui::view::{Outbox, Scene, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

pub(super) static KEYS: &[Binding] = &[
    Binding::new("yes", &["y", "enter"], "Do it").hint("yes"),
    Binding::new("no", &["n", "esc", "q"], "Do nothing").hint("no"),
];

pub struct Confirm {
    question: String,
    names: Vec<String>,
    then: Vec<Effect>,
}

impl Confirm {
    pub fn new(question: impl Into<String>, names: Vec<String>, then: Vec<Effect>) -> Self {
        Self { question: question.into(), names, then }
    }
}

impl View for Confirm {
    fn name(&self) -> &'static str {
        "confirm"
    }

    fn title(&self) -> String {
        self.question.clone()
    }

    fn area(&self, window: Rect) -> Rect {
        let names = u16::try_from(self.names.len()).unwrap_or(u16::MAX).min(12);
        centred(window, 64, names + 4)
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let inner = dialog(frame, area, &self.question, "y yes · n no", scene.theme);
        let room = usize::from(inner.height);
        let shown = if self.names.len() > room { room.saturating_sub(1) } else { room };
        let mut lines: Vec<Line<'_>> = self
            .names
            .iter()
            .take(shown)
            .map(|name| Line::styled(format!("  {}", clean(name)), scene.theme.accent))
            .collect();
        if lines.len() < self.names.len() {
            let more = self.names.len() - lines.len();
            lines.push(Line::styled(format!("  … and {more} more"), scene.theme.dim));
        }
        frame.render_widget(Paragraph::new(lines), inner);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "yes" => {
                out.effects.append(&mut self.then);
                out.close();
            }
            "no" => out.close(),
            _ => return false,
        }
        true
    }
}
