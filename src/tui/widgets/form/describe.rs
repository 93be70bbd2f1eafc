//! What a field takes, in words: its type, limits and pattern.

use super::Form;
use super::field::{Body, Field, GroupKind};
use super::rows::Part;
use crate::api::model::{Kind, Range, Service, ShapeId};
use crate::domain::words::counted;
use std::fmt::Display;

/// `string · 1 to 63 characters · [a-zA-Z0-9]…`
pub(super) fn shape(service: &Service, shape: ShapeId) -> String {
    let mut parts = Vec::new();
    match &service.get(shape).kind {
        Kind::String(text) if !text.values.is_empty() => {
            parts.push(format!("one of {} choices", text.values.len()));
        }
        Kind::String(text) => {
            parts.push("string".to_owned());
            parts.extend(limits(text.length, "characters"));
            parts.extend(service.pattern(text).map(|pattern| pattern.source.to_string()));
        }
        Kind::Integer { range } => whole(&mut parts, "whole number", *range),
        Kind::Long { range } => whole(&mut parts, "whole number", *range),
        Kind::Float { range } | Kind::Double { range } => {
            parts.push("number".to_owned());
            parts.extend(limits(*range, ""));
        }
        Kind::Boolean => parts.push("switch: y or n".to_owned()),
        Kind::Timestamp { .. } => {
            parts.push("time: 2026-11-28T07:45:00Z or epoch seconds".to_owned());
        }
        Kind::Blob { length } => {
            parts.push("bytes: text, or base64: and its code".to_owned());
            parts.extend(limits(*length, "bytes"));
        }
        Kind::Structure(structure) if structure.union => {
            parts.push(format!(
                "exactly one of {}",
                counted(structure.members.len() as u64, "member")
            ));
        }
        Kind::Structure(structure) => {
            let required = structure.members.iter().filter(|member| member.required).count();
            parts.push(format!(
                "{}, {required} required",
                counted(structure.members.len() as u64, "member")
            ));
        }
        Kind::List { length, .. } => {
            parts.push("list".to_owned());
            parts.extend(limits(*length, "items"));
        }
        Kind::Map { length, .. } => {
            parts.push("map".to_owned());
            parts.extend(limits(*length, "entries"));
        }
    }
    parts.join(" · ")
}

fn whole(parts: &mut Vec<String>, name: &str, range: Range<i64>) {
    parts.push(name.to_owned());
    parts.extend(limits(range, ""));
}

fn limits<T: Display + PartialEq>(range: Range<T>, of: &str) -> Option<String> {
    let told = match (range.min, range.max) {
        (None, None) => return None,
        (Some(min), Some(max)) if min == max => format!("exactly {min} {of}"),
        (Some(min), Some(max)) => format!("{min} to {max} {of}"),
        (Some(min), None) => format!("at least {min} {of}"),
        (None, Some(max)) => format!("at most {max} {of}"),
    };
    Some(told.trim_end().to_owned())
}

impl Form {
    /// The help line of the field under the cursor.
    pub(super) fn help(&self) -> String {
        let Some(field) = self.field() else { return String::new() };
        let Some(id) = field.shape else {
            return format!("{}: not in the model; sent as this JSON", field.name);
        };
        if self.focus.part == Part::Key {
            return format!("key of {}", field.name);
        }
        let told = shape(self.service, id);
        let name = if field.name.is_empty() { self.operation.name } else { &field.name };
        let required = if field.required { ", required" } else { "" };
        format!("{name}{required}: {told}")
    }

    /// The keys that do something here.
    pub(super) fn hints(&self) -> Vec<(&'static str, &'static str)> {
        let mut hints = Vec::new();
        if self.popup.is_some() {
            return vec![("↑↓", "choose"), ("Enter", "take"), ("Esc", "close")];
        }
        match (self.field().map(|field| &field.body), self.focus.part) {
            (_, Part::Add) => hints.push(("Enter", "add")),
            (Some(Body::Switch(_)), _) => hints.push(("Space", "switch")),
            (Some(Body::Group(group)), _) if group.kind == GroupKind::Union && group.set => {
                hints.push(("Enter", "choose"));
            }
            (Some(Body::Group(group)), _) => {
                hints.push(("Enter", if group.open { "fold" } else { "open" }));
            }
            _ if self.is_enum() => hints.push(("Enter", "choose")),
            _ => hints.push(("Tab", "next")),
        }
        if self.nearest(|group| group.kind.grows()).is_some() {
            hints.push(("^N", "add"));
        }
        hints.push(("^D", self.removes()));
        hints.push(("^T", "JSON"));
        hints.push(("^S", "submit"));
        hints.push(("Esc", "leave"));
        hints
    }

    fn removes(&self) -> &'static str {
        let parent = self.focus.path.split_last().and_then(|(_, parent)| self.root.at(parent));
        let grows = parent.and_then(Field::group).is_some_and(|group| group.kind.grows());
        if grows { "remove" } else { "unset" }
    }
}
