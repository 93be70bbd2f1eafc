//! On leaving: whether the region stays.

use crate::domain::kind;
use crate::domain::words::counted;
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
    Binding::new("stop", &["s"], "Leave, and stop the region").hint("stop it").changes(),
    Binding::new("stay", &["esc", "n"], "Stay here").hint("stay"),
];

pub struct Leave {
    endpoints: u64,
    jobs: u64,
    /// Endpoints to which the workbench itself sends traffic.
    loads: u64,
    read_only: bool,
}

impl Leave {
    pub fn new(mirror: &Mirror, read_only: bool) -> Self {
        let running = |kind: &str, status: &str| {
            mirror.rows(kind).iter().filter(|(_, row)| row.status == status).count() as u64
        };
        let loads = mirror.loads.values().filter(|load| load.running).count() as u64;
        Self {
            endpoints: running(kind::ENDPOINT, "InService"),
            jobs: running(kind::TRAINING_JOB, "InProgress"),
            loads,
            read_only,
        }
    }

    /// What runs now, and what of it ends with the workbench.
    fn facts(&self) -> Vec<String> {
        let mut facts = vec![format!(
            "The region runs: {} in service, {} under way.",
            counted(self.endpoints, "endpoint"),
            counted(self.jobs, "job")
        )];
        if self.loads > 0 {
            let whose = counted(self.loads, "endpoint");
            facts.push(format!("Your own traffic to {whose} ends when you leave."));
        }
        facts
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
        let facts = u16::try_from(self.facts().len()).unwrap_or(u16::MAX);
        centred(window, 64, facts + 5)
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let inner = dialog(frame, area, "Leave", "esc stays here", theme);
        let key = |key: &'static str, words: &'static str| {
            Line::from(vec![Span::styled(format!("  {key}  "), theme.key), Span::raw(words)])
        };
        let mut lines: Vec<Line<'_>> = self.facts().into_iter().map(Line::raw).collect();
        lines.push(Line::raw(""));
        lines.push(key("k", "keep it running; `sagebrush` comes back to it"));
        lines.push(match self.read_only {
            true => Line::styled("  s  stop it: not in read-only mode", theme.faint),
            false => key("s", "stop it; nothing is lost, it goes on next time"),
        });
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
