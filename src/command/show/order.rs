//! Documents as literals of Python or JSON, their members in the order of the API's model: names
//! first, as AWS's own examples have them.

use crate::api::model::{self, Kind, Service, ShapeId};
use serde_json::{Map, Value};

/// A shape of a service; `None` where the model says nothing (S3, free-form values).
pub(super) type Shape = Option<(&'static Service, ShapeId)>;

/// The shape of an operation's input.
pub(super) fn input(service: &str, operation: &str) -> Shape {
    let known = model::service(service)?;
    Some((known, known.operation(operation)?.input?))
}

/// The members with their shapes, in order.
pub(super) fn members(shape: Shape, members: &Map<String, Value>) -> Vec<(&str, &Value, Shape)> {
    let kind = shape.map(|(service, id)| (service, &service.get(id).kind));
    let mut ordered: Vec<(usize, &str, &Value, Shape)> = members
        .iter()
        .map(|(name, value)| match kind {
            Some((service, Kind::Structure(structure))) => {
                let at = structure.members.iter().position(|member| member.name == name);
                let shape = at.map(|at| (service, structure.members[at].shape));
                (at.unwrap_or(usize::MAX), name.as_str(), value, shape)
            }
            Some((service, Kind::Map { value: inner, .. })) => {
                (0, name.as_str(), value, Some((service, inner.shape)))
            }
            _ => (0, name.as_str(), value, None),
        })
        .collect();
    ordered.sort_by_key(|(at, ..)| *at);
    ordered.into_iter().map(|(_, name, value, shape)| (name, value, shape)).collect()
}

fn item(shape: Shape) -> Shape {
    let (service, id) = shape?;
    match &service.get(id).kind {
        Kind::List { member, .. } => Some((service, member.shape)),
        _ => None,
    }
}

/// What a literal is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Python,
    Json,
}

impl Syntax {
    fn scalar(self, value: &Value) -> String {
        match (self, value) {
            (Self::Python, Value::Null) => "None".into(),
            (Self::Python, Value::Bool(true)) => "True".into(),
            (Self::Python, Value::Bool(false)) => "False".into(),
            // JSON's escapes are Python's, bar surrogate pairs, which Rust never writes.
            _ => value.to_string(),
        }
    }

    /// What parts two entries, and what ends the last.
    const fn commas(self) -> (&'static str, &'static str) {
        match self {
            Self::Python => (",\n", ",\n"),
            Self::Json => (",\n", "\n"),
        }
    }

    /// The value over as many lines as it needs, its first one at `depth` steps from the left.
    pub(super) fn literal(self, value: &Value, shape: Shape, depth: usize) -> String {
        let entries: Vec<String> = match value {
            Value::Array(items) => {
                let shape = item(shape);
                items.iter().map(|item| self.literal(item, shape, depth + 1)).collect()
            }
            Value::Object(found) => members(shape, found)
                .into_iter()
                .map(|(name, value, shape)| {
                    let name = Value::from(name).to_string();
                    format!("{name}: {}", self.literal(value, shape, depth + 1))
                })
                .collect(),
            scalar => return self.scalar(scalar),
        };
        let (open, close) = if value.is_array() { ("[", "]") } else { ("{", "}") };
        if entries.is_empty() {
            return format!("{open}{close}");
        }
        let (inner, outer) = ("    ".repeat(depth + 1), "    ".repeat(depth));
        let (between, last) = self.commas();
        let lines: Vec<String> =
            entries.into_iter().map(|entry| format!("{inner}{entry}")).collect();
        format!("{open}\n{}{last}{outer}{close}", lines.join(between))
    }
}
