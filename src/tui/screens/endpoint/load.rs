//! Asks what traffic to send of one's own: which rows, which column is the label, how many users,
//! how fast.

use crate::tui::effect::Effect;
use crate::tui::frame::{centred, dialog};
use crate::tui::text::{pad_left, width};
use crate::tui::view::{Outbox, Scene, Tone, View};
use crate::tui::widgets::typing;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use tui_input::Input;

/// More users than that are a load test, which is a screen of its own.
const MOST_USERS: usize = 256;

const FIELDS: [(&str, &str); 4] = [
    ("rows", "a CSV file, or s3://bucket/key"),
    ("label", "its column from 0; empty: none"),
    ("users", "each one request at a time"),
    ("per second", "of all together; 0: no pause"),
];

pub(super) struct LoadPrompt {
    endpoint: String,
    fields: [Input; 4],
    /// What the fields began with.
    begun: [String; 4],
    at: usize,
    problem: Option<String>,
}

impl LoadPrompt {
    /// `rows` is where labelled rows are known to be, if anywhere.
    pub(super) fn new(endpoint: &str, rows: Option<&str>) -> Self {
        let rows = rows.unwrap_or("data/test.csv");
        let begun = [rows, "0", "4", "50"].map(str::to_owned);
        let fields = begun.clone().map(Input::new);
        Self { endpoint: endpoint.to_owned(), fields, begun, at: 0, problem: None }
    }

    fn effect(&self) -> Result<Effect, String> {
        let text = |field: usize| self.fields[field].value().trim();
        let number = |field: usize| {
            let not = |_| format!("{} has to be a whole number", FIELDS[field].0);
            text(field).parse::<usize>().map_err(not)
        };
        if text(0).is_empty() {
            return Err("which rows? a file such as data/test.csv".into());
        }
        let users = number(2)?;
        if users == 0 || users > MOST_USERS {
            return Err(format!("1 to {MOST_USERS} users"));
        }
        Ok(Effect::Load {
            endpoint: self.endpoint.clone(),
            rows: text(0).to_owned(),
            label: if text(1).is_empty() { None } else { Some(number(1)?) },
            users,
            per_second: u32::try_from(number(3)?).unwrap_or(u32::MAX),
        })
    }
}

impl View for LoadPrompt {
    fn name(&self) -> &'static str {
        "load-prompt"
    }

    fn title(&self) -> String {
        "Send traffic".into()
    }

    fn area(&self, window: Rect) -> Rect {
        centred(window, 76, 8)
    }

    fn typing(&self) -> bool {
        true
    }

    fn unsaved(&self) -> bool {
        self.fields.iter().zip(&self.begun).any(|(field, begun)| field.value() != begun)
    }

    fn typed(&mut self, key: KeyEvent, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c' | 'z' | 'l') if control => return false,
            KeyCode::Esc => out.close(),
            KeyCode::Tab | KeyCode::Down => self.at = (self.at + 1) % FIELDS.len(),
            KeyCode::BackTab | KeyCode::Up => self.at = (self.at + FIELDS.len() - 1) % FIELDS.len(),
            KeyCode::Enter => match self.effect() {
                Ok(effect) => {
                    out.effect(effect);
                    out.close();
                    out.notice(Tone::Good, format!("Sending rows to {}; t ends it", self.endpoint));
                }
                Err(problem) => self.problem = Some(problem),
            },
            _ => {
                self.problem = None;
                return typing::edit(&mut self.fields[self.at], key);
            }
        }
        true
    }

    fn pasted(&mut self, text: &str, _scene: &Scene<'_>, _out: &mut Outbox) {
        typing::paste(&mut self.fields[self.at], text);
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let title = format!("Send traffic to {}", self.endpoint);
        let inner = dialog(frame, area, &title, "enter sends · tab next · esc closes", theme);
        let buffer = frame.buffer_mut();
        for (index, (name, about)) in FIELDS.iter().enumerate() {
            let row = Rect { y: inner.y + index as u16, height: 1, ..inner }.intersection(inner);
            if row.is_empty() || row.width < 16 {
                continue;
            }
            let here = index == self.at;
            let mark = if here { "▸" } else { " " };
            let label = format!("{mark} {} ", pad_left(name, 10));
            let style = if here { theme.focus } else { theme.dim };
            buffer.set_stringn(row.x, row.y, &label, usize::from(row.width), style);
            let x = row.x + width(&label) as u16;
            let room = row.right().saturating_sub(x);
            let field = Rect { x, width: room.min(26), ..row };
            typing::draw(&self.fields[index], buffer, field, theme.text, here);
            let x = x + 27;
            let room = usize::from(row.right().saturating_sub(x));
            buffer.set_stringn(x.min(row.right()), row.y, about, room, theme.faint);
        }
        let last = Rect { y: inner.y + FIELDS.len() as u16, height: 1, ..inner };
        if let Some(problem) = self.problem.as_ref().filter(|_| inner.height > FIELDS.len() as u16)
        {
            frame.render_widget(Line::styled(format!("  ✖ {problem}"), theme.bad), last);
        }
    }
}
