//! Values as AWS's messages quote them: Java's `toString`, without anything sensitive.

use crate::api::model::{Kind, Member, Service};
use serde_json::Value;
use std::fmt::Write as _;

/// A message quotes at most this much of one value: a request may be megabytes long.
const LONGEST: usize = 1024;
const REDACTED: &str = "*** Sensitive Data Redacted ***";

/// The text between the quotes, or `None` when the member must not be shown.
pub(super) fn value(service: &Service, member: &Member, value: &Value) -> Option<String> {
    if hidden(service, member) {
        return None;
    }
    let mut text = String::new();
    write(service, member, value, &mut text);
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    Some(text)
}

/// A list of secrets is as secret as they are.
fn hidden(service: &Service, member: &Member) -> bool {
    let shape = service.get(member.shape);
    member.sensitive
        || shape.sensitive
        || match &shape.kind {
            Kind::List { member, .. } => hidden(service, member),
            Kind::Map { key, value, .. } => hidden(service, key) || hidden(service, value),
            _ => false,
        }
}

fn write(service: &Service, member: &Member, value: &Value, out: &mut String) {
    if out.len() > LONGEST {
        return;
    }
    let shape = service.get(member.shape);
    if member.sensitive || shape.sensitive {
        return out.push_str(REDACTED);
    }
    match (&shape.kind, value) {
        (Kind::Structure(structure), Value::Object(object)) => {
            out.push_str(shape.name);
            out.push('(');
            let mut first = true;
            for member in &structure.members {
                if let Some(value) = object.get(member.name) {
                    out.push_str(if first { "" } else { ", " });
                    first = false;
                    push_lower(member.name, out);
                    out.push('=');
                    write(service, member, value, out);
                }
            }
            out.push(')');
        }
        (Kind::List { member, .. }, Value::Array(items)) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                write(service, member, item, out);
            }
            out.push(']');
        }
        (Kind::Map { value: entry, .. }, Value::Object(object)) => {
            out.push('{');
            for (at, (key, value)) in object.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { ", " });
                out.push_str(key);
                out.push('=');
                write(service, entry, value, out);
            }
            out.push('}');
        }
        (_, Value::String(text)) => out.push_str(text),
        (_, other) => {
            let _ = write!(out, "{other}");
        }
    }
}

/// Members stand in paths with a small first letter, whatever follows: `kmsKeyId`, `dBInstance`.
pub(super) fn push_lower(name: &str, out: &mut String) {
    let mut characters = name.chars();
    out.extend(characters.next().map(|first| first.to_ascii_lowercase()));
    out.push_str(characters.as_str());
}
