//! The keys of the very view one looks at, made from the keymap.

use crate::tui::frame::{centred, dialog};
use crate::tui::keys;
use crate::tui::text::pad;
use crate::tui::view::{Outbox, Scene, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

pub struct Help {
    contexts: Vec<&'static str>,
    scroll: u16,
}

impl Help {
    pub fn of(contexts: &[&'static str]) -> Self {
        Self { contexts: contexts.to_vec(), scroll: 0 }
    }

    fn lines(&self, scene: &Scene<'_>) -> Vec<Line<'static>> {
        let theme = scene.theme;
        let mut lines = Vec::new();
        for context in &self.contexts {
            let table = keys::table(context);
            if table.is_empty() {
                continue;
            }
            lines.push(Line::styled(heading(context), theme.title));
            for binding in table {
                let chords = scene.keymap.keys(context, binding.action);
                let locked = binding.changes && scene.read_only;
                lines.push(Line::from(vec![
                    Span::styled(format!("  {}", pad(&chords.join(" "), 18)), theme.key),
                    Span::styled(binding.help, if locked { theme.off } else { theme.text }),
                ]));
            }
            lines.push(Line::raw(""));
        }
        lines
    }
}

fn heading(context: &str) -> String {
    match context {
        keys::GLOBAL => "Everywhere".into(),
        keys::GO => "Screens".into(),
        keys::TABLE => "Lists".into(),
        keys::SCROLL => "Moving".into(),
        keys::LOG => "Log lines".into(),
        other => {
            let mut letters = other.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
    }
}

impl View for Help {
    fn name(&self) -> &'static str {
        "help"
    }

    fn title(&self) -> String {
        "Keys".into()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["scroll"]
    }

    fn area(&self, window: Rect) -> Rect {
        centred(window, 86, window.height.saturating_sub(2))
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let hint = "j k scroll · esc close · keys can be changed in the configuration";
        let inner = dialog(frame, area, "Keys", hint, scene.theme);
        frame.render_widget(Paragraph::new(self.lines(scene)).scroll((self.scroll, 0)), inner);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        let lines = u16::try_from(self.lines(scene).len()).unwrap_or(u16::MAX);
        self.scroll = self.scroll.min(lines.saturating_sub(area.height.saturating_sub(2)));
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "up" => self.scroll = self.scroll.saturating_sub(1),
            "down" => self.scroll = self.scroll.saturating_add(1),
            "page-up" => self.scroll = self.scroll.saturating_sub(15),
            "page-down" => self.scroll = self.scroll.saturating_add(15),
            "top" => self.scroll = 0,
            "bottom" => self.scroll = u16::MAX,
            "help" | "quit" => out.close(),
            _ => return false,
        }
        true
    }
}
