//! Asks before something that cannot be undone, naming what will be affected. Enter is no yes: a key
//! pressed out of habit must not delete anything.

use crate::tui::effect::Effect;
use crate::tui::frame::{centred, dialog};
use crate::tui::keymap::Binding;
use crate::tui::text::{clean, width, wrapped};
use crate::tui::view::{Outbox, Scene, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

pub(super) static KEYS: &[Binding] = &[
    Binding::new("yes", &["y"], "Do it").hint("yes"),
    Binding::new("no", &["n", "enter", "esc", "q"], "Do nothing").hint("no"),
];

/// Columns it has at least, and lines of names at most.
const LEAST: usize = 60;
const MOST: usize = 12;

pub struct Confirm {
    question: String,
    /// What it happens to, each with what that affects.
    names: Vec<String>,
    then: Vec<Effect>,
    /// The dialogs that yes closes, this one included.
    closes: usize,
}

impl Confirm {
    pub fn new(question: impl Into<String>, names: Vec<String>, then: Vec<Effect>) -> Self {
        Self { question: question.into(), names, then, closes: 1 }
    }

    /// Asks whether what was typed into the dialog below may go.
    pub fn discard(title: &str) -> Self {
        let names = vec![format!("{title}: it has not been sent")];
        Self { closes: 2, ..Self::new("Discard what you have typed?", names, Vec::new()) }
    }

    /// The names in lines of so many columns, and how many names the last ones leave out.
    fn lines(&self, columns: usize) -> (Vec<String>, usize) {
        let mut lines = Vec::new();
        for (index, name) in self.names.iter().enumerate() {
            let own = wrapped(&clean(name), columns.saturating_sub(4).max(1));
            if lines.len() + own.len() > MOST {
                return (lines, self.names.len() - index);
            }
            let indented = own.into_iter().enumerate();
            lines.extend(indented.map(|(at, line)| match at {
                0 => format!("  {line}"),
                _ => format!("    {line}"),
            }));
        }
        (lines, 0)
    }

    fn columns(&self, window: Rect) -> usize {
        let longest = self.names.iter().map(|name| width(&clean(name)) + 6).max().unwrap_or(0);
        let columns = longest.max(width(&self.question) + 4).max(LEAST);
        columns.min(usize::from(window.width.saturating_sub(4)))
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
        let columns = self.columns(window);
        let (lines, more) = self.lines(columns.saturating_sub(2));
        let rows = (lines.len() + usize::from(more > 0)).max(1) + 2;
        let cells = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        centred(window, cells(columns), cells(rows))
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let hint = "y yes · n or enter no";
        let inner = dialog(frame, area, &self.question, hint, scene.theme);
        let (names, more) = self.lines(usize::from(inner.width));
        let mut lines: Vec<Line<'_>> =
            names.into_iter().map(|name| Line::styled(name, scene.theme.accent)).collect();
        if more > 0 {
            lines.push(Line::styled(format!("  … and {more} more"), scene.theme.dim));
        }
        frame.render_widget(Paragraph::new(lines), inner);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "yes" => {
                out.effects.append(&mut self.then);
                (0..self.closes).for_each(|_| out.close());
            }
            "no" => out.close(),
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::tui::effect::Effect;
    use crate::tui::testing::{Traffic, feed, press, text, with_region};
    use crate::tui::view::Place;

    #[test]
    fn enter_is_no_and_what_would_be_affected_is_said() {
        let mut state = with_region((100, 30), Place::new("endpoints"));
        let mut requests = Traffic::iris();
        for _ in 0..10 {
            let line = requests.beat(0.5);
            state.now = (requests.at * 1000.0) as i64;
            feed(&mut state, [line]);
        }
        press(&mut state, "D");
        let shown = text(&state);
        assert!(shown.contains("Delete this endpoint?"), "{shown}");
        assert!(shown.contains("iris-live: takes 100/s, 2 instances"), "{shown}");
        assert!(press(&mut state, "enter").is_empty());
        assert!(!text(&state).contains("Delete this endpoint?"));
        press(&mut state, "D");
        assert!(matches!(press(&mut state, "y").as_slice(), [Effect::Run { .. }]));
    }
}
