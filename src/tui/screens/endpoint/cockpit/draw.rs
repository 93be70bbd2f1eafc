//! A pane with its border: what it is, what it shows of what, and whether it has the keys.

use super::Cockpit;
use crate::tui::screens::endpoint::panes::Pane;
use crate::tui::screens::endpoint::{fleet, verdict};
use crate::tui::view::Scene;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType};

impl Cockpit {
    pub(super) fn draw_pane(
        &self,
        pane: Pane,
        area: Rect,
        tabbed: bool,
        frame: &mut Frame<'_>,
        scene: &Scene<'_>,
    ) {
        let theme = scene.theme;
        let focused = self.pane == pane;
        let border = if focused { theme.focus } else { theme.border };
        let mut block = Block::bordered().border_type(BorderType::Rounded).border_style(border);
        block = if tabbed && pane != Pane::Variants {
            block.title(self.tabs(scene))
        } else {
            let style = if focused { theme.title } else { theme.dim };
            block.title(Span::styled(format!(" {} ", pane.title()), style))
        };
        let note = match pane {
            Pane::Variants => Some("last 60 s".to_owned()),
            Pane::Latency => Some(self.look.title()),
            _ => None,
        };
        if let Some(note) = note.filter(|note| usize::from(area.width) > note.len() + 50) {
            block = block.title(Line::styled(format!(" {note} "), theme.dim).right_aligned());
        }
        let inner = block.inner(area);
        frame.render_widget(block, area);
        match pane {
            Pane::Variants => self.weights(scene).draw(frame, inner, scene),
            Pane::Latency => self.look.draw(self.board(scene), frame, inner, scene),
            Pane::Verdict => {
                let judged = self.watched(scene).map_or(&[][..], |watched| &watched.judged);
                verdict::draw(judged, &self.variants, frame, inner, scene);
            }
            Pane::Fleet => {
                let selected = focused.then_some(self.instance);
                let watched = self.watched(scene);
                fleet::draw(watched, &self.variants, selected, frame, inner, scene);
            }
            Pane::Invoke => self.invoke.draw(frame, inner, scene),
        }
    }

    /// ` Latency │ Verdict │ Fleet │ Invoke `.
    fn tabs(&self, scene: &Scene<'_>) -> Line<'static> {
        let theme = scene.theme;
        let mut spans = Vec::new();
        for pane in Pane::ALL.into_iter().skip(1) {
            if !spans.is_empty() {
                spans.push(Span::styled("│", theme.faint));
            }
            let here = pane == self.below;
            let text =
                if here { format!(" ▸{} ", pane.title()) } else { format!(" {} ", pane.title()) };
            spans.push(Span::styled(text, if here { theme.title } else { theme.dim }));
        }
        Line::from(spans)
    }
}
