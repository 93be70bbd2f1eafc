//! What the workbench has said: notices stay for a few seconds, and here they can be read later, whole.

use crate::tui::frame::{centred, dialog};
use crate::tui::state::Message;
use crate::tui::text::{clean, wrapped};
use crate::tui::view::{Outbox, Scene, Tone, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

pub struct Messages {
    /// The newest first.
    messages: Vec<Message>,
    down: u16,
    /// Lines that there are at the present width.
    lines: u16,
}

impl Messages {
    pub fn of<'a>(messages: impl DoubleEndedIterator<Item = &'a Message>) -> Self {
        Self { messages: messages.rev().cloned().collect(), down: 0, lines: 0 }
    }

    fn lines(&self, columns: u16, scene: &Scene<'_>) -> Vec<Line<'static>> {
        if self.messages.is_empty() {
            return vec![Line::styled("  Nothing has been said yet", scene.theme.dim)];
        }
        let mut lines = Vec::new();
        for message in &self.messages {
            let clock = scene.clock(message.at);
            let (mark, style) = look(message.tone, scene);
            let room = usize::from(columns).saturating_sub(clock.len() + 5);
            for (at, text) in wrapped(&clean(&message.text), room).into_iter().enumerate() {
                let (clock, mark) = match at {
                    0 => (clock.clone(), mark),
                    _ => (" ".repeat(clock.len()), " "),
                };
                lines.push(Line::from(vec![
                    Span::styled(format!(" {clock} "), scene.theme.dim),
                    Span::styled(format!("{mark} {text}"), style),
                ]));
            }
        }
        lines
    }
}

/// A tone's mark and colour.
pub(crate) fn look(tone: Tone, scene: &Scene<'_>) -> (&'static str, Style) {
    match tone {
        Tone::Info => ("·", scene.theme.text),
        Tone::Good => ("✔", scene.theme.good),
        Tone::Warn => ("▲", scene.theme.warn),
        Tone::Bad => ("✖", scene.theme.bad),
    }
}

impl View for Messages {
    fn name(&self) -> &'static str {
        "messages"
    }

    fn title(&self) -> String {
        "Messages".into()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["scroll"]
    }

    fn area(&self, window: Rect) -> Rect {
        centred(window, 110, window.height.saturating_sub(4))
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let hint = "the newest first · j k scroll · esc close";
        let inner = dialog(frame, area, "Messages", hint, scene.theme);
        let lines = self.lines(inner.width, scene);
        frame.render_widget(Paragraph::new(lines).scroll((self.down, 0)), inner);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        let lines = self.lines(area.width.saturating_sub(2), scene).len();
        self.lines = u16::try_from(lines).unwrap_or(u16::MAX);
        self.down = self.down.min(self.lines.saturating_sub(area.height.saturating_sub(2)));
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "up" => self.down = self.down.saturating_sub(1),
            "down" => self.down = self.down.saturating_add(1),
            "page-up" => self.down = self.down.saturating_sub(15),
            "page-down" => self.down = self.down.saturating_add(15),
            "top" => self.down = 0,
            "bottom" => self.down = u16::MAX,
            "messages" | "drill-in" | "quit" => out.close(),
            _ => return false,
        }
        true
    }
}
