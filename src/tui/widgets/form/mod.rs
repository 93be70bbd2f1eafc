//! A form for any operation, drawn from the shapes of the API: required members first, enums as
//! choices, booleans as switches, structures that open, lists and maps that grow. What is typed is
//! checked at every key against the very constraints that the region checks, in AWS's words.
//!
//! Optional structures are not there until they are opened, so that a form stays as small as what is
//! said in it, and shapes that contain themselves end.

mod choices;
mod describe;
mod draw;
mod edit;
mod field;
mod rows;
#[cfg(test)]
mod tests;

use super::typing;
use crate::api::model::{self, Operation, Service};
use crate::api::validation;
use crate::domain::words::counted;
use choices::Popup;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use field::{Body, Field, Group, GroupKind, Seed};
use ratatui::layout::{Position, Rect};
use rows::{Part, Stop};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a key did to the form.
#[derive(Clone, Debug, PartialEq)]
pub enum FormEvent {
    Stay,
    /// The document, which the validation passes.
    Submit(Value),
    Cancel,
}

/// The state of a form.
#[derive(Debug)]
pub struct Form {
    service: &'static Service,
    operation: &'static Operation,
    root: Field,
    focus: Stop,
    popup: Option<Popup>,
    /// Names that exist, by the member that refers to them.
    offers: BTreeMap<String, Vec<String>>,
    problems: usize,
    /// A submit was tried: all that is missing is told.
    tried: bool,
    message: Option<String>,
    height: u16,
    top: usize,
}

impl Form {
    /// A form for the operation, filled with what the document has; `None` when there is no such
    /// operation. Members that the model does not know are kept, as JSON.
    pub fn new(service: &str, operation: &str, presets: &Value) -> Option<Self> {
        let service = model::service(service)?;
        let operation = service.operation(operation)?;
        let root = match operation.input {
            Some(shape) => {
                let seed =
                    Seed { name: operation.name.into(), shape, required: true, sensitive: false };
                let presets = presets.as_object().filter(|presets| !presets.is_empty());
                let presets = presets.map(|presets| Value::Object(presets.clone()));
                Field::new(service, seed, presets.as_ref(), 0)
            }
            None => Field {
                name: operation.name.into(),
                shape: None,
                required: false,
                sensitive: false,
                touched: false,
                problem: None,
                body: Body::Group(Group {
                    kind: GroupKind::Structure,
                    set: true,
                    open: true,
                    fields: Vec::new(),
                    keys: Vec::new(),
                }),
            },
        };
        let mut form = Self {
            service,
            operation,
            root,
            focus: Stop::default(),
            popup: None,
            offers: BTreeMap::new(),
            problems: 0,
            tried: false,
            message: None,
            height: 24,
            top: 0,
        };
        form.settle();
        Some(form)
    }

    pub fn operation(&self) -> &'static str {
        self.operation.name
    }

    /// Names to choose from wherever this member is asked for; anything else may still be typed.
    pub fn offer(&mut self, member: &str, names: Vec<String>) {
        self.offers.insert(member.to_owned(), names);
    }

    /// The document as it stands.
    pub fn value(&self) -> Value {
        self.root.value(self.service).unwrap_or_else(|| Value::Object(serde_json::Map::new()))
    }

    /// Problems left.
    pub fn problems(&self) -> usize {
        self.problems
    }

    /// Tells how large the form will be drawn.
    pub fn resize(&mut self, _width: u16, height: u16) {
        self.height = height;
        self.top = self.top_for(&self.rows(), height);
    }

    pub fn key(&mut self, key: KeyEvent) -> FormEvent {
        if key.kind == KeyEventKind::Release {
            return FormEvent::Stay;
        }
        self.message = None;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('s') if control => return self.submit(),
            KeyCode::Esc if self.popup.take().is_none() => return FormEvent::Cancel,
            KeyCode::Esc => {}
            KeyCode::Char('n') if control => self.add(),
            KeyCode::Char('d') if control => self.remove(),
            KeyCode::Char('t') if control => self.toggle_json(),
            KeyCode::Char(' ') if control => self.open_popup(true),
            KeyCode::Tab => {
                self.take_typed();
                self.step(1);
            }
            KeyCode::BackTab => {
                self.popup = None;
                self.step(-1);
            }
            KeyCode::Down => self.vertical(1),
            KeyCode::Up => self.vertical(-1),
            KeyCode::PageDown => self.vertical(10),
            KeyCode::PageUp => self.vertical(-10),
            KeyCode::Home if control => self.step(i64::MIN),
            KeyCode::End if control => self.step(i64::MAX),
            KeyCode::Enter => self.enter(),
            _ => self.other(key),
        }
        self.settle();
        FormEvent::Stay
    }

    /// What the wheel does: moves from row to row, or through the choices that are shown.
    pub fn scroll(&mut self, rows: i64) {
        self.vertical(rows);
        self.settle();
    }

    /// Inserts what was pasted into the field under the cursor.
    pub fn paste(&mut self, pasted: &str) {
        if let Some(input) = self.input() {
            typing::paste(input, pasted);
            self.typed();
        }
        self.settle();
    }

    /// Goes to the field drawn there; what opens or switches does so at once.
    pub fn click(&mut self, area: Rect, at: Position) {
        self.message = None;
        if let Some(choice) = self.choice_at(area, at) {
            self.take(&choice);
            self.settle();
            return;
        }
        self.popup = None;
        if let Some(stop) = self.stop_at(area, at) {
            self.go(stop);
            if self.input().is_none() {
                self.enter();
            } else if self.is_enum() {
                self.open_popup(true);
            }
        }
        self.settle();
    }

    fn submit(&mut self) -> FormEvent {
        self.popup = None;
        self.tried = true;
        self.settle();
        if let Some(path) = self.first_problem() {
            self.message = Some(format!("{} left", counted(self.problems as u64, "problem")));
            self.go(Stop { path, part: Part::Value });
            self.settle();
            return FormEvent::Stay;
        }
        let document = self.value();
        match self.checked(&document) {
            None => FormEvent::Submit(document),
            told => {
                self.message = told;
                FormEvent::Stay
            }
        }
    }

    /// What the region would say to the document; tokens that a client makes count as made.
    fn checked(&self, document: &Value) -> Option<String> {
        let mut document = document.clone();
        if let (Some(input), Value::Object(object)) =
            (self.service.input(self.operation), &mut document)
        {
            for member in input.members.iter().filter(|member| member.idempotency_token) {
                let made = || Value::from("00000000-0000-4000-8000-000000000000");
                object.entry(member.name).or_insert_with(made);
            }
        }
        let checked = validation::check(self.service, self.operation, &document);
        checked.err().map(|error| error.to_string())
    }

    /// After any change: problems are counted anew, and the focus is on something that is there.
    fn settle(&mut self) {
        self.problems = self.root.check(self.service);
        let rows = self.rows();
        let stops = rows::stops(&rows);
        if !stops.contains(&self.focus) {
            let mut path = self.focus.path.clone();
            let found = loop {
                let at = stops.iter().find(|stop| stop.path.starts_with(&path));
                if at.is_some() || path.pop().is_none() {
                    break at;
                }
            };
            let next = found.or_else(|| stops.first()).cloned().unwrap_or_default();
            self.go(next);
        }
        self.top = self.top_for(&self.rows(), self.height);
    }
}

/// Going about.
impl Form {
    fn go(&mut self, stop: Stop) {
        if let Some(field) = self.root.at_mut(&self.focus.path) {
            field.touched = true;
        }
        self.popup = None;
        self.focus = stop;
    }

    fn step(&mut self, by: i64) {
        let stops = rows::stops(&self.rows());
        let here = stops.iter().position(|stop| *stop == self.focus).unwrap_or(0);
        let last = stops.len().saturating_sub(1);
        let step = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
        let to = match by {
            // Tab goes round, so that the first field is one key from the last.
            1 if here == last => 0,
            -1 if here == 0 => last,
            1.. => here.saturating_add(step).min(last),
            _ => here.saturating_sub(step),
        };
        if let Some(stop) = stops.get(to) {
            self.go(stop.clone());
        }
    }

    /// Through the choices when they are shown, else from row to row.
    fn vertical(&mut self, by: i64) {
        let count = self.choices().len();
        if let Some(popup) = &mut self.popup {
            popup.step(by, count);
            return;
        }
        let rows = self.rows();
        let row = rows.iter().position(|row| row.path == self.focus.path && row.has(&self.focus));
        let last = rows.len().saturating_sub(1);
        let step = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
        let here = row.unwrap_or(0);
        let to = if by < 0 { here.saturating_sub(step) } else { (here + step).min(last) };
        if let Some(row) = rows.get(to)
            && to != here
        {
            self.go(row.stop());
        }
    }

    /// Where something is wrong first; folds around it open.
    fn first_problem(&mut self) -> Option<Vec<usize>> {
        let mut path = Vec::new();
        self.root.find_problem(&mut path).then_some(path)
    }
}
