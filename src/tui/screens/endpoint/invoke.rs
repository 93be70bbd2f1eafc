//! The invoke pane: a payload, where it goes, what came back, and what was sent before.

use crate::tui::effect::Effect;
use crate::tui::format;
use crate::tui::msg::{Answer, Failure, Ticket};
use crate::tui::text::{clean, fit};
use crate::tui::view::{Outbox, Scene};
use crate::tui::widgets::document::Document;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use ratatui_textarea::{TextArea, WrapMode};
use serde_json::Value;
use std::collections::VecDeque;

const CONTENT_TYPES: [&str; 5] =
    ["text/csv", "application/json", "application/jsonlines", "text/libsvm", "text/plain"];
/// Requests one can go back to.
const KEPT: usize = 50;
/// Bytes of a payload that can be edited here; AWS takes 25 MB, a file is the place for those.
const LONGEST: usize = 256 * 1024;

/// What came back.
#[derive(Clone, Debug)]
struct Reply {
    variant: String,
    content_type: String,
    micros: f64,
    bytes: u64,
    body: String,
}

/// A request, and its answer once that is there.
struct Exchange {
    ticket: Ticket,
    body: String,
    content_type: usize,
    target: Option<String>,
    outcome: Option<Result<Reply, Failure>>,
}

pub(super) struct Invoke {
    editor: TextArea<'static>,
    pub(super) editing: bool,
    content_type: usize,
    /// A variant by name, or by weight.
    target: Option<String>,
    /// Newest last.
    history: VecDeque<Exchange>,
    /// Which of them is looked at.
    at: usize,
    answer: Document,
    sample: Option<Ticket>,
    /// Where the payload that stands there came from.
    origin: Option<String>,
    sampled: bool,
}

impl Default for Invoke {
    fn default() -> Self {
        Self {
            editor: editor(""),
            editing: false,
            content_type: 0,
            target: None,
            history: VecDeque::new(),
            at: 0,
            answer: Document::text(""),
            sample: None,
            origin: None,
            sampled: false,
        }
    }
}

fn editor(text: &str) -> TextArea<'static> {
    let mut editor = TextArea::new(text.lines().map(|line| clean(line).into_owned()).collect());
    editor.set_wrap_mode(WrapMode::Glyph);
    editor.set_placeholder_text("a row such as 5.1,3.5,1.4,0.2 or a JSON document");
    editor.set_max_histories(100);
    editor.move_cursor(ratatui_textarea::CursorMove::End);
    editor
}

impl Invoke {
    pub(super) fn body(&self) -> String {
        self.editor.lines().join("\n")
    }

    /// Begins to edit; the first time, with a row of the data that the model was evaluated on.
    pub(super) fn edit(&mut self, data: Option<&str>, out: &mut Outbox) {
        self.editing = true;
        let place = data.and_then(|data| data.strip_prefix("s3://")?.split_once('/'));
        if let Some((bucket, key)) = place
            && !self.sampled
            && self.editor.is_empty()
        {
            let ticket = out.ticket();
            let (bucket, key) = (bucket.to_owned(), key.to_owned());
            self.origin = Some(format!("a row of s3://{bucket}/{key} without its first column"));
            out.effect(Effect::Preview { ticket, bucket, key });
            self.sample = Some(ticket);
        }
        self.sampled = true;
    }

    /// A key while editing; false hands it to the keymap.
    pub(super) fn typed(
        &mut self,
        key: KeyEvent,
        endpoint: &str,
        variants: &[String],
        scene: &Scene<'_>,
        out: &mut Outbox,
    ) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alone = !key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT);
        match key.code {
            KeyCode::Char('c' | 'z' | 'l') if control => return false,
            KeyCode::F(_) | KeyCode::Tab | KeyCode::BackTab => return false,
            KeyCode::Esc => self.editing = false,
            KeyCode::Char('s') if control => self.send(endpoint, scene, out),
            KeyCode::Char('t') if control => self.next_target(variants),
            KeyCode::Char('o') if control => {
                self.content_type = (self.content_type + 1) % CONTENT_TYPES.len();
            }
            KeyCode::Char('p') if control => self.go(self.at.saturating_sub(1)),
            KeyCode::Char('n') if control => self.go(self.at + 1),
            KeyCode::Char('u') if control => {
                self.editor.delete_line_by_head();
            }
            KeyCode::Char('j') if control => self.editor.insert_newline(),
            KeyCode::Enter if alone && !control => self.send(endpoint, scene, out),
            KeyCode::Enter => self.editor.insert_newline(),
            _ if self.length() >= LONGEST && matches!(key.code, KeyCode::Char(_)) => {}
            // The editor shows what it holds as it is.
            KeyCode::Char(char) if clean(&char.to_string()) != char.to_string() => {}
            _ => {
                self.editor.input(key);
                self.origin = None;
            }
        }
        true
    }

    fn length(&self) -> usize {
        self.editor.lines().iter().map(|line| line.len() + 1).sum()
    }

    pub(super) fn pasted(&mut self, text: &str, out: &mut Outbox) {
        if self.length() + text.len() > LONGEST {
            out.notice(
                crate::tui::view::Tone::Warn,
                "That is too long to edit here; `:invoke NAME --file FILE` sends a file",
            );
            return;
        }
        let lines: Vec<_> = text.lines().map(clean).collect();
        self.editor.insert_str(lines.join("\n"));
        self.origin = None;
    }

    fn next_target(&mut self, variants: &[String]) {
        let next = match &self.target {
            None => 0,
            Some(name) => {
                variants.iter().position(|one| one == name).map_or(usize::MAX, |at| at + 1)
            }
        };
        self.target = variants.get(next).cloned();
    }

    fn send(&mut self, endpoint: &str, scene: &Scene<'_>, out: &mut Outbox) {
        if scene.read_only {
            let words = "Read-only: nothing is sent. Start without --read-only to do this";
            return out.notice(crate::tui::view::Tone::Warn, words);
        }
        let body = self.body();
        let ticket = out.ticket();
        out.effect(Effect::Invoke {
            ticket,
            endpoint: endpoint.to_owned(),
            variant: self.target.clone(),
            content_type: CONTENT_TYPES[self.content_type].to_owned(),
            accept: None,
            body: body.clone(),
        });
        let (content_type, target) = (self.content_type, self.target.clone());
        let exchange = Exchange { ticket, body, content_type, target, outcome: None };
        self.history.push_back(exchange);
        if self.history.len() > KEPT {
            self.history.pop_front();
        }
        self.at = self.history.len() - 1;
        self.show();
    }

    /// Looks at another request; its payload is there to be sent again.
    pub(super) fn go(&mut self, to: usize) {
        if self.history.is_empty() {
            return;
        }
        self.at = to.min(self.history.len() - 1);
        let exchange = &self.history[self.at];
        self.editor = editor(&exchange.body);
        (self.content_type, self.target) = (exchange.content_type, exchange.target.clone());
        self.origin = None;
        self.show();
    }

    pub(super) fn step(&mut self, by: i32) {
        let to = if by < 0 { self.at.saturating_sub(1) } else { self.at + 1 };
        self.go(to);
    }

    pub(super) fn scroll(&mut self, rows: i64) {
        self.answer.scroll(rows);
    }

    pub(super) fn answered(&mut self, ticket: Ticket, answer: &Answer) {
        if self.sample == Some(ticket) {
            self.sample = None;
            let row = answer.outcome.as_ref().ok().and_then(sample);
            match row {
                Some(row) if self.editor.is_empty() => self.editor = editor(&row),
                Some(_) => {}
                None => self.origin = None,
            }
            return;
        }
        let found = self.history.iter_mut().find(|exchange| exchange.ticket == ticket);
        if let Some(exchange) = found {
            exchange.outcome = Some(answer.outcome.as_ref().map(reply).map_err(Clone::clone));
            self.show();
        }
    }

    fn show(&mut self) {
        let outcome = self.history.get(self.at).and_then(|exchange| exchange.outcome.as_ref());
        self.answer = match outcome {
            Some(Ok(reply)) => document(reply),
            Some(Err(failure)) => Document::text(failure.message.clone()),
            None => Document::text(""),
        };
    }

    pub(super) fn settle(&mut self, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        self.editor.set_style(theme.text);
        self.editor.set_cursor_line_style(Style::default());
        self.editor.set_placeholder_style(theme.faint);
        let cursor = if self.editing { theme.selected } else { theme.text };
        self.editor.set_cursor_style(cursor);
        let rows = Rows::of(area);
        self.answer.resize(rows.answer.width, rows.answer.height);
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        if area.is_empty() {
            return;
        }
        let rows = Rows::of(area);
        frame.render_widget(self.heading(rows.heading.width, scene), rows.heading);
        if self.editing || !self.editor.is_empty() {
            frame.render_widget(&self.editor, rows.editor);
        } else {
            let words = "i to write a payload; Enter sends it";
            frame.render_widget(Line::styled(words, scene.theme.dim), rows.editor);
        }
        frame.render_widget(self.outcome(rows.status.width, scene), rows.status);
        let outcome = self.history.get(self.at).and_then(|exchange| exchange.outcome.as_ref());
        if let Some(Err(failure)) = outcome {
            let words: Vec<_> =
                failure.message.lines().map(|line| Line::raw(clean(line))).collect();
            let words = Paragraph::new(words).style(scene.theme.bad).wrap(Wrap { trim: false });
            frame.render_widget(words, rows.answer);
        } else if outcome.is_some() {
            self.answer.draw(frame.buffer_mut(), rows.answer, scene.theme);
        }
    }

    fn heading(&self, columns: u16, scene: &Scene<'_>) -> Line<'static> {
        let theme = scene.theme;
        let to = self.target.as_deref().map_or("by weight".into(), |name| clean(name).into_owned());
        let mut spans = vec![
            Span::styled("as ", theme.dim),
            Span::styled(CONTENT_TYPES[self.content_type], theme.text),
            Span::styled("  to ", theme.dim),
            Span::styled(to, theme.accent),
        ];
        let keys =
            [("⏎", "send"), ("^t", "target"), ("^o", "type"), ("^p", "earlier"), ("^u", "clear")];
        let mut used: usize = spans.iter().map(Span::width).sum();
        for (key, what) in keys.iter().filter(|_| self.editing) {
            let columns_of = key.chars().count() + what.len() + 4;
            if used + columns_of > usize::from(columns) {
                break;
            }
            used += columns_of;
            spans.push(Span::styled(format!("   {key}"), theme.key));
            spans.push(Span::styled(format!(" {what}"), theme.dim));
        }
        if let Some(origin) = self.origin.as_ref().filter(|_| !self.editing || columns > 90) {
            let room = usize::from(columns).saturating_sub(used + 3);
            spans.push(Span::styled(format!("   {}", fit(&clean(origin), room)), theme.dim));
        }
        Line::from(spans)
    }

    fn outcome(&self, columns: u16, scene: &Scene<'_>) -> Line<'static> {
        let theme = scene.theme;
        let Some(exchange) = self.history.get(self.at) else { return Line::default() };
        let place = match self.history.len() {
            1 => String::new(),
            all => format!("   {} of {all}", self.at + 1),
        };
        let mut spans = match &exchange.outcome {
            None => vec![Span::styled("◐ waiting for an answer", theme.busy)],
            Some(Ok(reply)) => vec![
                Span::styled("✔ 200 ", theme.good),
                Span::styled(clean(&reply.variant).into_owned(), theme.accent),
                Span::styled(format!("  {}", format::micros(reply.micros)), theme.text),
                Span::styled(
                    format!("  {}  {}", clean(&reply.content_type), format::bytes(reply.bytes)),
                    theme.dim,
                ),
            ],
            Some(Err(failure)) => {
                let text = format!("✖ {}", clean(&failure.code));
                vec![Span::styled(fit(&text, usize::from(columns)).into_owned(), theme.bad)]
            }
        };
        spans.push(Span::styled(place, theme.dim));
        Line::from(spans)
    }
}

/// The parts of the pane: what and where to, the payload, what came back.
struct Rows {
    heading: Rect,
    editor: Rect,
    status: Rect,
    answer: Rect,
}

impl Rows {
    fn of(area: Rect) -> Self {
        let part = |from: u16, rows: u16| {
            let from = from.min(area.height);
            Rect { y: area.y + from, height: rows.min(area.height - from), ..area }
        };
        let editor = (area.height / 3).clamp(1, 6);
        let status = 1 + editor;
        Self {
            heading: part(0, 1),
            editor: part(1, editor),
            status: part(status, 1),
            answer: part(status + 1, area.height),
        }
    }
}

fn reply(answer: &Value) -> Reply {
    let text =
        |member: &str| answer.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |member: &str| answer.get(member).and_then(Value::as_u64).unwrap_or(0);
    Reply {
        variant: text("variant"),
        content_type: text("content_type"),
        micros: number("micros") as f64,
        bytes: number("bytes"),
        body: text("body"),
    }
}

/// Pretty where its shape is known.
fn document(reply: &Reply) -> Document {
    match serde_json::from_str::<Value>(&reply.body) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => Document::json(&value),
        _ => Document::text(reply.body.clone()),
    }
}

/// The first row of numbers in a file, without its label.
fn sample(preview: &Value) -> Option<String> {
    let text = preview.get("text")?.as_str()?;
    let numbers = |line: &&str| {
        line.split(',').all(|cell| cell.trim().parse::<f64>().is_ok()) && line.contains(',')
    };
    let row = text.lines().find(numbers)?;
    row.split_once(',').map(|(_, features)| features.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_sample_is_the_first_row_without_its_label() {
        let of = |text: &str| sample(&json!({"text": text, "size": 9, "more": false}));
        assert_eq!(of("label,a,b\n1,5.1,3.5\n2,4,4\n").as_deref(), Some("5.1,3.5"));
        assert_eq!(of("0,1.5\n").as_deref(), Some("1.5"));
        assert_eq!(of("a,b\n"), None);
        assert_eq!(of("7\n"), None);
        assert_eq!(sample(&json!({"base64": "AAAA"})), None);
    }
}
