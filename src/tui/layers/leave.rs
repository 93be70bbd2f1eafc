//! On leaving: whether the region stays.

use crate::domain::kind;
use crate::tui::effect::Effect;
use crate::tui::frame::{centred, dialog};
use crate::tui::keymap::Binding;
use crate::tui::mirror::Mirror;
use crate::tui::view::{Outbox, Scene, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

pub(super) static KEYS: &[Binding] = &[
    Binding::new("keep", &["k", "enter", "q"], "Leave, and let the region go on").hint("keep it"),
    Binding::new("stop", &["s"], "Leave, and stop the region").hint("stop it"),
    Binding::new("stay", &["esc", "n"], "Stay here").hint("stay"),
];

pub struct Leave {
    endpoints: usize,
    jobs: usize,
}

impl Leave {
    pub fn new(mirror: &Mirror) -> Self {
        let running = |kind: &str, status: &str| {
            mirror.rows(kind).iter().filter(|(_, row)| row.status == status).count()
        };
        Self {
            endpoints: running(kind::ENDPOINT, "InService"),
            jobs: running(kind::TRAINING_JOB, "InProgress"),
        }
    }
}

impl View for Leave {
    fn name(&self) -> &'static str {
        "leave"
    }

    fn title(&self) -> String {
        "Leave".into()
    }

    fn area(&self, window: Rect) -> Rect {
        centred(window, 60, 9)
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let inner = dialog(frame, area, "Leave", "esc stays here", theme);
        let key = |key: &'static str, words: &'static str| {
            Line::from(vec![Span::styled(format!("  {key}  "), theme.key), Span::raw(words)])
        };
        let holds = format!(
            "The region runs: {} endpoints in service, {} jobs under way.",
            self.endpoints, self.jobs
        );
        let lines = vec![
            Line::raw(holds),
            Line::raw(""),
            key("k", "keep it running; `sagebrush` comes back to it"),
            key("s", "stop it; nothing is lost, it goes on next time"),
        ];
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), inner);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "keep" => out.effect(Effect::Quit { stop: false }),
            "stop" => out.effect(Effect::Quit { stop: true }),
            "stay" => out.close(),
            _ => return false,
        }
        true
    }
}
