//! Constraints, walked along the document. Elements of lists and entries of maps that are structures
//! are walked into; when they are scalars AWS tells of the whole list or map in one failure.

use super::render::{self, push_lower};
use crate::api::model::{Kind, Length, Member, Range, Service, ShapeId, Structure, Text};
use crate::domain::words::counted;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt::{Display, Write as _};

/// All failures are counted; those beyond this much text are not told one by one.
const LONGEST: usize = 16 * 1024;

pub(super) struct Checker<'a> {
    service: &'a Service,
    /// Where the walk stands: `productionVariants.1.member`.
    path: String,
    count: usize,
    failures: String,
}

impl<'a> Checker<'a> {
    pub(super) fn new(service: &'a Service) -> Self {
        Self { service, path: String::new(), count: 0, failures: String::new() }
    }

    /// AWS's message when anything failed.
    pub(super) fn finish(self) -> Option<String> {
        let errors = match self.count as u64 {
            0 => return None,
            count => counted(count, "validation error"),
        };
        Some(format!("{errors} detected: {}", self.failures))
    }

    pub(super) fn structure(
        &mut self,
        structure: &Structure,
        value: &Value,
        skipped: Option<&str>,
    ) {
        for member in structure.members.iter().filter(|member| Some(member.name) != skipped) {
            let value = value.get(member.name).filter(|value| !value.is_null());
            if value.is_none() && !member.required {
                continue;
            }
            let stood = self.path.len();
            if stood > 0 {
                self.path.push('.');
            }
            push_lower(member.name, &mut self.path);
            match value {
                Some(value) => self.member(member, value),
                None => self.null(),
            }
            self.path.truncate(stood);
        }
    }

    fn null(&mut self) {
        self.fail("Value null", "Member must not be null");
    }

    fn member(&mut self, member: &Member, value: &Value) {
        let mut broken = Vec::new();
        own(self.service, member.shape, value, &mut broken);
        for constraint in broken.iter().filter(|broken| broken.pattern) {
            self.report(member, value, &constraint.text);
        }
        for constraint in broken.iter().filter(|broken| !broken.pattern) {
            self.report(member, value, &constraint.text);
        }
        self.inside(member, value);
    }

    /// The elements, entries or members below a value that has been checked itself.
    fn inside(&mut self, member: &Member, value: &Value) {
        match (&self.service.get(member.shape).kind, value) {
            (Kind::Structure(structure), _) => self.structure(structure, value, None),
            (Kind::List { member: element, .. }, Value::Array(items)) => {
                let any = |item: &Value| item.is_null() || breaks(self.service, element, item);
                if scalar(self.service, element) {
                    if items.iter().any(any) {
                        let all = constraints_of(self.service, element);
                        let text = format!("Member must satisfy constraint: [{all}]");
                        self.report(member, value, &text);
                    }
                    return;
                }
                for (at, item) in items.iter().enumerate() {
                    let stood = self.path.len();
                    let _ = write!(self.path, ".{}.member", at + 1);
                    if item.is_null() {
                        self.null();
                    } else {
                        self.member(element, item);
                    }
                    self.path.truncate(stood);
                }
            }
            (Kind::Map { key, value: entry, .. }, Value::Object(object)) => {
                self.map(member, key, entry, value, object);
            }
            _ => {}
        }
    }

    fn map(
        &mut self,
        member: &Member,
        key: &Member,
        entry: &Member,
        whole: &Value,
        object: &serde_json::Map<String, Value>,
    ) {
        if object.keys().any(|name| breaks(self.service, key, &Value::String(name.clone()))) {
            let all = constraints_of(self.service, key);
            self.report(member, whole, &format!("Map keys must satisfy constraint: [{all}]"));
        }
        if object.values().any(|value| breaks(self.service, entry, value)) {
            let all = constraints_of(self.service, entry);
            self.report(member, whole, &format!("Map value must satisfy constraint: [{all}]"));
        }
        if !scalar(self.service, entry) {
            for (name, value) in object {
                let stood = self.path.len();
                let _ = write!(self.path, ".{name}.member");
                self.inside(entry, value);
                self.path.truncate(stood);
            }
        }
    }

    fn report(&mut self, member: &Member, value: &Value, constraint: &str) {
        match render::value(self.service, member, value) {
            Some(text) => self.fail(&format!("Value '{text}'"), constraint),
            None => self.fail("Value", constraint),
        }
    }

    fn fail(&mut self, value: &str, constraint: &str) {
        self.count += 1;
        if self.failures.len() < LONGEST {
            let separator = if self.count > 1 { "; " } else { "" };
            let path = &self.path;
            let _ = write!(
                self.failures,
                "{separator}{value} at '{path}' failed to satisfy constraint: {constraint}"
            );
        }
    }
}

struct Broken {
    text: String,
    /// Patterns and enums are told before lengths.
    pattern: bool,
}

/// Constraints that the value itself breaks, not what is inside it.
fn own(service: &Service, shape: ShapeId, value: &Value, broken: &mut Vec<Broken>) {
    match (&service.get(shape).kind, value) {
        (Kind::String(text), Value::String(value)) => string(service, text, value, broken),
        (Kind::List { length, .. }, Value::Array(items)) => sized(*length, items.len(), broken),
        (Kind::Map { length, .. }, Value::Object(object)) => sized(*length, object.len(), broken),
        (Kind::Blob { length }, Value::String(text)) => {
            sized(*length, STANDARD.decode(text).map_or(0, |bytes| bytes.len()), broken);
        }
        (Kind::Integer { range }, value) => {
            let range = Range {
                min: range.min.or(Some(i64::from(i32::MIN))),
                max: range.max.or(Some(i64::from(i32::MAX))),
            };
            whole(range, value, broken);
        }
        (Kind::Long { range }, value) => {
            let range = Range { min: range.min, max: range.max.or(Some(i64::MAX)) };
            whole(range, value, broken);
        }
        (Kind::Float { range } | Kind::Double { range }, value) => {
            // NaN lies within no range, and a string is how JSON spells it.
            let number = value.as_f64().unwrap_or(match value.as_str() {
                Some("Infinity") => f64::INFINITY,
                Some("-Infinity") => f64::NEG_INFINITY,
                _ => f64::NAN,
            });
            bounded(
                *range,
                |max| !number.partial_cmp(&max).is_some_and(Ordering::is_le),
                |min| !number.partial_cmp(&min).is_some_and(Ordering::is_ge),
                broken,
            );
        }
        _ => {}
    }
}

fn breaks(service: &Service, member: &Member, value: &Value) -> bool {
    let mut broken = Vec::new();
    own(service, member.shape, value, &mut broken);
    !broken.is_empty()
}

/// What the value itself breaks, in AWS's words.
pub(super) fn told_of(service: &Service, shape: ShapeId, value: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    own(service, shape, value, &mut broken);
    broken.into_iter().map(|broken| broken.text).collect()
}

fn string(service: &Service, text: &Text, value: &str, broken: &mut Vec<Broken>) {
    let mut pattern = |text| broken.push(Broken { text, pattern: true });
    if !text.values.is_empty() && !text.values.contains(&value) {
        pattern(enumeration(text));
    }
    if let Some(regex) = service.pattern(text) {
        // A pattern that does not compile is caught by a test; until then it refuses nothing.
        if matches!(regex.matches(value), Ok(false)) {
            pattern(format!("Member must satisfy regular expression pattern: {}", regex.source));
        }
    }
    sized(text.length, value.chars().count(), broken);
}

fn sized(length: Length, size: usize, broken: &mut Vec<Broken>) {
    let size = size as u64;
    if length.max.is_some_and(|max| size > max) {
        broken.extend(length.max.map(longest));
    }
    if length.min.is_some_and(|min| size < min) {
        broken.extend(length.min.map(shortest));
    }
}

fn whole(range: Range<i64>, value: &Value, broken: &mut Vec<Broken>) {
    // Beyond i64 there are only numbers that are too large.
    let number = value.as_i64().map_or(i128::MAX, i128::from);
    bounded(range, |max| number > i128::from(max), |min| number < i128::from(min), broken);
}

fn bounded<T: Copy + Display>(
    range: Range<T>,
    above: impl Fn(T) -> bool,
    below: impl Fn(T) -> bool,
    broken: &mut Vec<Broken>,
) {
    if let Some(max) = range.max.filter(|max| above(*max)) {
        broken.push(most(max));
    }
    if let Some(min) = range.min.filter(|min| below(*min)) {
        broken.push(least(min));
    }
}

fn told(text: String) -> Broken {
    Broken { text, pattern: false }
}

fn longest(max: u64) -> Broken {
    told(format!("Member must have length less than or equal to {max}"))
}

fn shortest(min: u64) -> Broken {
    told(format!("Member must have length greater than or equal to {min}"))
}

fn most(max: impl Display) -> Broken {
    told(format!("Member must have value less than or equal to {max}"))
}

fn least(min: impl Display) -> Broken {
    told(format!("Member must have value greater than or equal to {min}"))
}

fn enumeration(text: &Text) -> String {
    format!("Member must satisfy enum value set: [{}]", text.values.join(", "))
}

fn scalar(service: &Service, member: &Member) -> bool {
    let kind = &service.get(member.shape).kind;
    !matches!(kind, Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. })
}

/// All constraints of an element, which AWS lists whichever of them is broken.
fn constraints_of(service: &Service, member: &Member) -> String {
    let mut all: Vec<String> = Vec::new();
    let mut add = |broken: Option<Broken>| all.extend(broken.map(|broken| broken.text));
    match &service.get(member.shape).kind {
        Kind::String(text) => {
            add(text.length.max.map(longest));
            add(text.length.min.map(shortest));
            if let Some(regex) = service.pattern(text) {
                let source = &regex.source;
                add(Some(told(format!(
                    "Member must satisfy regular expression pattern: {source}"
                ))));
            }
            if !text.values.is_empty() {
                add(Some(told(enumeration(text))));
            }
        }
        Kind::List { length, .. } | Kind::Map { length, .. } | Kind::Blob { length } => {
            add(length.max.map(longest));
            add(length.min.map(shortest));
        }
        Kind::Integer { range } => {
            add(range.max.or(Some(i64::from(i32::MAX))).map(most));
            add(range.min.or(Some(i64::from(i32::MIN))).map(least));
        }
        Kind::Long { range } => {
            add(range.max.map(most));
            add(range.min.map(least));
        }
        Kind::Float { range } | Kind::Double { range } => {
            add(range.max.map(most));
            add(range.min.map(least));
        }
        Kind::Structure(_) | Kind::Boolean | Kind::Timestamp { .. } => {}
    }
    if all.is_empty() {
        all.push("Member must not be null".to_owned());
    }
    all.join(", ")
}
