//! What keys do to the field under the cursor: typing, switching, opening, adding, removing.

use super::Form;
use super::field::{Body, Field, Group, GroupKind, Seed};
use super::rows::{Part, Stop};
use crate::api::model::{Kind, Text};
use crate::tui::widgets::typing;
use crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;

impl Form {
    /// The line that is typed into, when there is one.
    pub(super) fn input(&mut self) -> Option<&mut Input> {
        let (key, parent) = match self.focus.part {
            Part::Key => {
                let (at, parent) = self.focus.path.split_last()?;
                (Some(*at), parent)
            }
            Part::Value => (None, &self.focus.path[..]),
            Part::Add => return None,
        };
        let field = self.root.at_mut(parent)?;
        match (&mut field.body, key) {
            (Body::Group(group), Some(at)) => group.keys.get_mut(at),
            (Body::Text { input, .. } | Body::Json(input), None) => Some(input),
            (Body::Group(group), None) if group.kind == GroupKind::Union && group.set => {
                group.keys.first_mut()
            }
            _ => None,
        }
    }

    pub(super) fn field(&self) -> Option<&Field> {
        self.root.at(&self.focus.path)
    }

    pub(super) fn text(&self) -> Option<&Text> {
        if self.focus.part != Part::Value {
            return None;
        }
        let shape = self.field().filter(|field| matches!(field.body, Body::Text { .. }))?.shape?;
        match &self.service.get(shape).kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether only one of the choices will do.
    pub(super) fn is_enum(&self) -> bool {
        let union = self.field().and_then(Field::group);
        self.text().is_some_and(|text| !text.values.is_empty())
            || (self.focus.part == Part::Value
                && union.is_some_and(|group| group.kind == GroupKind::Union && group.set))
    }

    pub(super) fn enter(&mut self) {
        if let Some(choice) = self.highlighted() {
            self.take(&choice);
            self.step(1);
            return;
        }
        self.popup = None;
        if self.focus.part == Part::Add {
            self.add();
            return;
        }
        let empty = self.input().is_some_and(|input| input.value().is_empty());
        if empty && self.is_enum() {
            self.open_popup(true);
        } else if self.input().is_some() {
            self.step(1);
        } else {
            self.toggle();
        }
    }

    pub(super) fn other(&mut self, key: KeyEvent) {
        if self.input().is_none() {
            self.switch(key.code);
            return;
        }
        let before = self.input().map(|input| input.value().to_owned());
        if let Some(input) = self.input() {
            typing::edit(input, key);
        }
        if before != self.input().map(|input| input.value().to_owned()) {
            self.typed();
        }
    }

    pub(super) fn typed(&mut self) {
        if let Some(field) = self.root.at_mut(&self.focus.path) {
            field.touched = true;
            if let Body::Text { blank, .. } = &mut field.body {
                *blank = false;
            }
        }
        self.chosen();
        self.open_popup(false);
    }

    /// Keys on a field without text: switches, groups.
    pub(super) fn switch(&mut self, code: KeyCode) {
        let path = self.focus.path.clone();
        let part = self.focus.part;
        let service = self.service;
        let Some(field) = self.root.at_mut(&path) else { return };
        match (&mut field.body, code) {
            (Body::Switch(state), KeyCode::Char('y' | 't' | '1')) => *state = Some(true),
            (Body::Switch(state), KeyCode::Char('n' | 'f' | '0')) => *state = Some(false),
            (Body::Switch(state), KeyCode::Backspace | KeyCode::Delete) => *state = None,
            (Body::Switch(_), KeyCode::Char(' ') | KeyCode::Left | KeyCode::Right) => self.toggle(),
            (Body::Group(_), KeyCode::Char(' ')) if part == Part::Value => self.toggle(),
            (Body::Group(_), KeyCode::Char(' ' | '+')) => self.add(),
            (Body::Group(group), KeyCode::Right) if !group.open => self.toggle(),
            (Body::Group(group), KeyCode::Left) if group.open && part == Part::Value => {
                group.open = false;
                if group.is_untouched(service) && !field.required {
                    field.clear(service, path.len());
                }
            }
            (_, KeyCode::Left) if !path.is_empty() => {
                let parent = path[..path.len() - 1].to_vec();
                if !parent.is_empty() {
                    self.go(Stop { path: parent, part: Part::Value });
                }
            }
            _ => {}
        }
    }

    /// Switches a switch, opens or folds a group. A group that is folded again with nothing in it is
    /// as if it had never been opened.
    pub(super) fn toggle(&mut self) {
        let path = self.focus.path.clone();
        let service = self.service;
        let Some(field) = self.root.at_mut(&path) else { return };
        let (required, shape) = (field.required, field.shape);
        match &mut field.body {
            Body::Switch(state) => {
                *state = match *state {
                    None => Some(true),
                    Some(true) => Some(false),
                    Some(false) if required => Some(true),
                    Some(false) => None,
                };
            }
            Body::Group(group) if !group.set => {
                if let Some(shape) = shape {
                    group.fill(service, shape, path.len());
                }
                if group.kind.grows() && group.fields.is_empty() {
                    self.add();
                }
            }
            Body::Group(group) => {
                group.open = !group.open;
                if !group.open && group.is_untouched(service) && !required {
                    field.clear(service, path.len());
                }
            }
            Body::Text { .. } | Body::Json(_) => {}
        }
        if let Some(field) = self.root.at_mut(&path) {
            field.touched = true;
        }
    }

    /// Adds to the nearest list or map around the cursor and goes to what was added.
    pub(super) fn add(&mut self) {
        self.popup = None;
        let Some(mut path) = self.nearest(|group| group.kind.grows()) else { return };
        let (service, depth) = (self.service, path.len());
        let Some(field) = self.root.at_mut(&path) else { return };
        let Some(shape) = field.shape else { return };
        let seed =
            Seed { name: field.name.clone(), shape, required: true, sensitive: field.sensitive };
        let Some(group) = field.group_mut() else { return };
        group.push(service, &seed, None, depth);
        let part = if group.kind == GroupKind::Map { Part::Key } else { Part::Value };
        path.push(group.fields.len() - 1);
        self.go(Stop { path, part });
    }

    /// Removes the item or entry under the cursor; any other field is unset.
    pub(super) fn remove(&mut self) {
        self.popup = None;
        let path = self.focus.path.clone();
        let service = self.service;
        if let Some((at, parent)) = path.split_last()
            && let Some(group) = self.root.at_mut(parent).and_then(Field::group_mut)
            && group.kind.grows()
        {
            group.remove(*at);
            let left = group.fields.len();
            let mut path = parent.to_vec();
            if left > 0 {
                path.push((*at).min(left - 1));
            }
            self.go(Stop { path, part: Part::Value });
        } else if !path.is_empty()
            && let Some(field) = self.root.at_mut(&path)
        {
            field.clear(service, path.len());
        }
    }

    /// Edits the field as JSON, or by its own fields again when the JSON fits them.
    pub(super) fn toggle_json(&mut self) {
        self.popup = None;
        let path = self.focus.path.clone();
        let service = self.service;
        let Some(field) = self.root.at_mut(&path) else { return };
        let Some(shape) = field.shape.filter(|_| !path.is_empty()) else { return };
        let value = field.value(service);
        if !matches!(field.body, Body::Json(_)) {
            let text = value.map(|value| value.to_string()).unwrap_or_default();
            field.body = Body::Json(Input::new(text));
        } else if field.problem.as_ref().is_none_or(|problem| !problem.starts_with("not JSON")) {
            let seed = Seed {
                name: field.name.clone(),
                shape,
                required: field.required,
                sensitive: field.sensitive,
            };
            *field = Field::new(service, seed, value.as_ref(), path.len());
            if matches!(field.body, Body::Json(_)) {
                self.message = Some("this JSON does not fit the fields".to_owned());
            }
        } else {
            self.message.clone_from(&field.problem);
        }
        self.focus.part = Part::Value;
    }

    /// The path of the nearest group around the cursor, itself included.
    pub(super) fn nearest(&self, wanted: impl Fn(&Group) -> bool) -> Option<Vec<usize>> {
        let mut path = self.focus.path.clone();
        loop {
            if self.root.at(&path).and_then(Field::group).is_some_and(&wanted) {
                return Some(path);
            }
            path.pop()?;
        }
    }
}
