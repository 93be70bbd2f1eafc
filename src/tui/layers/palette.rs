//! The palette: the whole command language, and every place and action of the present view.

use crate::tui::frame::{centred, dialog};
use crate::tui::text::clean;
use crate::tui::view::{Outbox, Request, Scene, View};
use crossterm::event::{Event, KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::collections::VecDeque;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

pub struct Palette {
    input: Input,
}

impl Palette {
    pub fn new(_history: &VecDeque<String>, _top: Option<&dyn View>) -> Self {
        Self { input: Input::default() }
    }
}

impl Palette {
    /// Begins with a line in it, the cursor at its end.
    #[must_use]
    pub fn with(self, line: String) -> Self {
        Self { input: Input::new(line) }
    }
}

impl View for Palette {
    fn name(&self) -> &'static str {
        "palette"
    }

    fn title(&self) -> String {
        "Command".into()
    }

    fn area(&self, window: Rect) -> Rect {
        centred(window, 90, 3)
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let inner = dialog(frame, area, "Command", "enter runs · esc closes", scene.theme);
        let text = format!(":{}", clean(self.input.value()));
        frame.render_widget(Line::styled(text, scene.theme.text), inner);
    }

    fn typing(&self) -> bool {
        true
    }

    fn typed(&mut self, key: KeyEvent, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match key.code {
            KeyCode::Esc => out.close(),
            KeyCode::Enter => {
                let line = self.input.value().trim().to_owned();
                out.close();
                if !line.is_empty() {
                    out.run(line.split_whitespace());
                    out.requests.push(Request::Ran(line));
                }
            }
            _ => {
                self.input.handle_event(&Event::Key(key));
            }
        }
        true
    }
}
