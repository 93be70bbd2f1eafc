//! The fields of a form: a tree that grows from the shapes of the model as far as it is opened, and
//! the document that it stands for.

use crate::api::model::{Kind, Service, ShapeId};
use crate::api::validation;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use tui_input::Input;

/// Below so many levels a member is edited as JSON.
const DEEPEST: usize = 16;
/// How a blob that is no text is written.
const BASE64: &str = "base64:";

#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: Cow<'static, str>,
    /// `None` for a member that the model does not know, which is kept as it came.
    pub(super) shape: Option<ShapeId>,
    pub(super) required: bool,
    pub(super) sensitive: bool,
    /// Whether one has been in it, so that what is missing may be told.
    pub(super) touched: bool,
    pub(super) problem: Option<String>,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    /// A string, number, timestamp or blob. `blank`: set although nothing stands in it.
    Text {
        input: Input,
        blank: bool,
    },
    Switch(Option<bool>),
    Group(Group),
    /// Anything as JSON text.
    Json(Input),
}

/// What has fields of its own.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) kind: GroupKind,
    pub(super) set: bool,
    pub(super) open: bool,
    pub(super) fields: Vec<Field>,
    /// Of a map, one for each field; of a union, the name of the chosen member.
    pub(super) keys: Vec<Input>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GroupKind {
    Structure,
    Union,
    List,
    Map,
}

impl GroupKind {
    /// Whether fields are added and removed.
    pub(super) fn grows(self) -> bool {
        matches!(self, Self::List | Self::Map)
    }
}

/// What a field is made from.
#[derive(Clone)]
pub(super) struct Seed {
    pub(super) name: Cow<'static, str>,
    pub(super) shape: ShapeId,
    pub(super) required: bool,
    pub(super) sensitive: bool,
}

impl Field {
    pub(super) fn new(service: &Service, seed: Seed, preset: Option<&Value>, depth: usize) -> Self {
        let preset = preset.filter(|value| !value.is_null());
        let shape = service.get(seed.shape);
        let body = if depth > DEEPEST {
            json(preset)
        } else {
            body(service, &seed, preset, depth).unwrap_or_else(|| json(preset))
        };
        Self {
            sensitive: seed.sensitive || shape.sensitive,
            name: seed.name,
            shape: Some(seed.shape),
            required: seed.required,
            touched: false,
            problem: None,
            body,
        }
    }

    fn unknown(name: &str, value: &Value) -> Self {
        Self {
            name: Cow::Owned(name.to_owned()),
            shape: None,
            required: false,
            sensitive: false,
            touched: false,
            problem: None,
            body: json(Some(value)),
        }
    }

    pub(super) fn group(&self) -> Option<&Group> {
        match &self.body {
            Body::Group(group) => Some(group),
            _ => None,
        }
    }

    pub(super) fn group_mut(&mut self) -> Option<&mut Group> {
        match &mut self.body {
            Body::Group(group) => Some(group),
            _ => None,
        }
    }

    /// What the field stands for; `None` when it is not set.
    pub(super) fn value(&self, service: &Service) -> Option<Value> {
        match &self.body {
            Body::Text { input, blank } => {
                let text = input.value();
                if text.is_empty() && !blank {
                    return None;
                }
                Some(scalar(service, self.shape, text))
            }
            Body::Switch(state) => state.map(Value::Bool),
            Body::Json(input) => {
                let text = input.value().trim();
                // What is no JSON is a problem; until it is mended its text stands for it.
                let parse = || serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
                (!text.is_empty()).then(parse)
            }
            Body::Group(group) => group.set.then(|| group.value(service)),
        }
    }

    /// Unsets the field; one that is required starts anew.
    pub(super) fn clear(&mut self, service: &Service, depth: usize) {
        let Some(shape) = self.shape else {
            self.body = Body::Json(Input::default());
            return;
        };
        let seed = Seed {
            name: self.name.clone(),
            shape,
            required: self.required,
            sensitive: self.sensitive,
        };
        *self = Self { touched: true, ..Self::new(service, seed, None, depth) };
    }

    /// Notes what is wrong in this field and those within, and counts it.
    pub(super) fn check(&mut self, service: &Service) -> usize {
        let value = self.value(service);
        let own = self.own_problem(service, value.as_ref());
        let mut count = usize::from(own.is_some());
        self.problem = own;
        if let Body::Group(group) = &mut self.body
            && group.set
        {
            count += group.fields.iter_mut().map(|field| field.check(service)).sum::<usize>();
        }
        count
    }

    fn own_problem(&self, service: &Service, value: Option<&Value>) -> Option<String> {
        let Some(value) = value else {
            return self.required.then(|| "Member must not be null".to_owned());
        };
        if let Body::Json(input) = &self.body
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(input.value())
        {
            return Some(format!("not JSON: {error}"));
        }
        let shape = self.shape?;
        if let Body::Group(group) = &self.body {
            if group.kind == GroupKind::Union && group.fields.is_empty() {
                let name = service.get(shape).name;
                return Some(format!("Union {name} must have exactly one member set, found 0"));
            }
            if let Some(problem) = group.key_problem(service, shape) {
                return Some(problem);
            }
        }
        let broken = validation::broken(service, shape, value);
        (!broken.is_empty()).then(|| broken.join("; "))
    }
}

fn json(preset: Option<&Value>) -> Body {
    Body::Json(Input::new(preset.map(Value::to_string).unwrap_or_default()))
}

/// `None` when the preset does not fit the shape.
fn body(service: &Service, seed: &Seed, preset: Option<&Value>, depth: usize) -> Option<Body> {
    let text = |value: String| Body::Text { blank: value.is_empty(), input: Input::new(value) };
    let empty = || Body::Text { input: Input::default(), blank: false };
    Some(match (&service.get(seed.shape).kind, preset) {
        (Kind::Boolean, preset) => Body::Switch(match preset {
            None => None,
            Some(value) => Some(value.as_bool()?),
        }),
        (Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. }, preset) => {
            Body::Group(Group::new(service, seed, preset, depth)?)
        }
        (_, None) => empty(),
        (Kind::String(_), Some(value)) => text(value.as_str()?.to_owned()),
        (Kind::Blob { .. }, Some(value)) => text(blob_text(value.as_str()?)),
        (_, Some(Value::Number(number))) => text(number.to_string()),
        (Kind::Float { .. } | Kind::Double { .. }, Some(Value::String(word))) => text(word.clone()),
        _ => return None,
    })
}

impl Group {
    fn new(service: &Service, seed: &Seed, preset: Option<&Value>, depth: usize) -> Option<Self> {
        let kind = match &service.get(seed.shape).kind {
            Kind::Structure(structure) if structure.union => GroupKind::Union,
            Kind::Structure(_) => GroupKind::Structure,
            Kind::List { .. } => GroupKind::List,
            Kind::Map { .. } => GroupKind::Map,
            _ => return None,
        };
        let set = seed.required || preset.is_some();
        let mut group =
            Self { kind, set: false, open: false, fields: Vec::new(), keys: Vec::new() };
        match preset {
            None if set => group.fill(service, seed.shape, depth),
            None => {}
            Some(value) => {
                group.set = true;
                group.open = true;
                match (kind, value) {
                    (GroupKind::List, Value::Array(items)) => {
                        for item in items {
                            group.push(service, seed, Some(item), depth);
                        }
                    }
                    (GroupKind::Map, Value::Object(entries)) => {
                        for (key, entry) in entries {
                            group.push(service, seed, Some(entry), depth);
                            group.keys.pop();
                            group.keys.push(Input::new(key.clone()));
                        }
                    }
                    (GroupKind::Union, Value::Object(object)) if object.len() == 1 => {
                        let (name, value) = object.iter().next()?;
                        group.keys = vec![Input::new(name.clone())];
                        group.choose(service, seed.shape, Some(value), depth);
                        group.fields.first()?;
                    }
                    (GroupKind::Structure, Value::Object(object)) => {
                        group.members(service, seed.shape, Some(object), depth);
                    }
                    _ => return None,
                }
            }
        }
        Some(group)
    }

    /// Sets the group and gives it what it needs at least.
    pub(super) fn fill(&mut self, service: &Service, shape: ShapeId, depth: usize) {
        (self.set, self.open) = (true, true);
        match &service.get(shape).kind {
            Kind::Structure(structure) if structure.union => self.keys = vec![Input::default()],
            Kind::Structure(_) => self.members(service, shape, None, depth),
            Kind::List { length, .. } | Kind::Map { length, .. } => {
                let name = Cow::Borrowed("");
                let seed = Seed { name, shape, required: true, sensitive: false };
                for _ in 0..length.min.unwrap_or(0).min(4) {
                    self.push(service, &seed, None, depth);
                }
            }
            _ => {}
        }
    }

    fn members(
        &mut self,
        service: &Service,
        shape: ShapeId,
        presets: Option<&Map<String, Value>>,
        depth: usize,
    ) {
        let Some(structure) = service.structure(shape) else { return };
        let mut members: Vec<_> = structure.members.iter().collect();
        members.sort_by_key(|member| !member.required || member.idempotency_token);
        self.fields = members
            .into_iter()
            .map(|member| {
                let seed = Seed {
                    name: Cow::Borrowed(member.name),
                    shape: member.shape,
                    // A client makes a token where there is none.
                    required: member.required && !member.idempotency_token,
                    sensitive: member.sensitive,
                };
                let preset = presets.and_then(|presets| presets.get(member.name));
                Field::new(service, seed, preset, depth + 1)
            })
            .collect();
        let unknown = presets
            .into_iter()
            .flatten()
            .filter(|(name, value)| !value.is_null() && structure.member(name).is_none());
        self.fields.extend(unknown.map(|(name, value)| Field::unknown(name, value)));
    }

    /// Adds an item or entry.
    pub(super) fn push(
        &mut self,
        service: &Service,
        seed: &Seed,
        preset: Option<&Value>,
        depth: usize,
    ) {
        let part = match &service.get(seed.shape).kind {
            Kind::List { member, .. } => member,
            Kind::Map { value, .. } => {
                self.keys.push(Input::default());
                value
            }
            _ => return,
        };
        (self.set, self.open) = (true, true);
        let part = Seed {
            name: seed.name.clone(),
            shape: part.shape,
            required: true,
            sensitive: part.sensitive,
        };
        self.fields.push(Field::new(service, part, preset, depth + 1));
    }

    pub(super) fn remove(&mut self, at: usize) {
        if at < self.fields.len() {
            self.fields.remove(at);
        }
        if self.kind == GroupKind::Map && at < self.keys.len() {
            self.keys.remove(at);
        }
    }

    /// Gives a union the member whose name is typed, or none.
    pub(super) fn choose(
        &mut self,
        service: &Service,
        shape: ShapeId,
        preset: Option<&Value>,
        depth: usize,
    ) {
        let name = self.keys.first().map_or("", Input::value);
        let member = service.structure(shape).and_then(|structure| structure.member(name));
        if member.is_some() && self.fields.first().is_some_and(|field| field.name == name) {
            return;
        }
        self.fields.clear();
        if let Some(member) = member {
            let seed = Seed {
                name: Cow::Borrowed(member.name),
                shape: member.shape,
                required: true,
                sensitive: member.sensitive,
            };
            self.fields.push(Field::new(service, seed, preset, depth + 1));
        }
    }

    fn value(&self, service: &Service) -> Value {
        match self.kind {
            GroupKind::List => {
                let value = |field: &Field| field.value(service).unwrap_or(Value::Null);
                self.fields.iter().map(value).collect()
            }
            GroupKind::Map => {
                let entries = self.keys.iter().zip(&self.fields);
                let entry = |(key, field): (&Input, &Field)| {
                    (key.value().to_owned(), field.value(service).unwrap_or(Value::Null))
                };
                Value::Object(entries.map(entry).collect())
            }
            GroupKind::Structure | GroupKind::Union => {
                let member = |field: &Field| Some((field.name.to_string(), field.value(service)?));
                Value::Object(self.fields.iter().filter_map(member).collect())
            }
        }
    }

    /// Whether nothing within has been set.
    pub(super) fn is_untouched(&self, service: &Service) -> bool {
        let blank = |field: &Field| match &field.body {
            Body::Group(group) => !group.set || group.is_untouched(service),
            _ => field.value(service).is_none(),
        };
        self.fields.iter().all(blank) && self.keys.iter().all(|key| key.value().is_empty())
    }

    /// What is wrong with the keys of a map.
    fn key_problem(&self, service: &Service, shape: ShapeId) -> Option<String> {
        let Kind::Map { key, .. } = &service.get(shape).kind else { return None };
        let mut seen = std::collections::HashSet::new();
        for input in &self.keys {
            if !seen.insert(input.value()) {
                return Some(format!("the key '{}' is there twice", input.value()));
            }
            let broken = validation::broken(service, key.shape, &Value::from(input.value()));
            if let Some(first) = broken.first() {
                return Some(format!("key '{}': {first}", input.value()));
            }
        }
        None
    }
}

/// The text of a scalar as the document holds it. What cannot be read stays a string, which the
/// validation then refuses in AWS's words.
fn scalar(service: &Service, shape: Option<ShapeId>, text: &str) -> Value {
    let Some(shape) = shape else { return Value::from(text) };
    match &service.get(shape).kind {
        Kind::Integer { .. } | Kind::Long { .. } | Kind::Float { .. } | Kind::Double { .. } => {
            number(text)
        }
        Kind::Timestamp { .. } => match number(text) {
            Value::Number(number) => Value::Number(number),
            _ => moment(text.trim()).unwrap_or_else(|| Value::from(text)),
        },
        Kind::Blob { .. } => match text.strip_prefix(BASE64) {
            Some(encoded) => Value::from(encoded),
            None => Value::from(STANDARD.encode(text)),
        },
        _ => Value::from(text),
    }
}

fn number(text: &str) -> Value {
    serde_json::from_str::<Number>(text.trim()).map_or_else(|_| Value::from(text), Value::Number)
}

/// `2026-11-28`, `2026-11-28T07:45:00Z`: epoch seconds.
fn moment(text: &str) -> Option<Value> {
    let at = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let date = text.parse::<jiff::civil::Date>().ok()?;
        date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    let millis = at.as_millisecond();
    Some(if millis % 1000 == 0 {
        Value::from(millis / 1000)
    } else {
        Value::from(millis as f64 / 1000.0)
    })
}

fn blob_text(encoded: &str) -> String {
    let text = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match text {
        // Only text that comes back as it was; empty means nothing is set.
        Some(text) if !text.starts_with(BASE64) && !text.contains(char::is_control) => text,
        _ => format!("{BASE64}{encoded}"),
    }
}
