//! A resource as the workbench knows it: a line of the watch stream, or something like one.
//!
//! Buckets, objects and log groups are rows too, so that one table, one filter and one set of keys
//! serve everything that can stand in a list.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// One resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// One of `domain::kind`, or the workbench's own: `bucket`, `object`, `log-group`, `log-stream`.
    pub kind: String,
    pub name: String,
    pub arn: String,
    /// What it belongs to (a package's group), or empty.
    pub parent: String,
    /// The word of AWS's status enum, or empty.
    pub status: String,
    /// Epoch seconds.
    pub created: f64,
    pub modified: f64,
    /// What Describe answers.
    pub body: Value,
}

/// What identifies a row among those of its kind.
pub type Key = Arc<str>;

/// AWS's names are the same in any case.
pub fn key(name: &str) -> Key {
    name.to_lowercase().into()
}

impl Row {
    /// A text member of the body; empty when there is none.
    pub fn text(&self, member: &str) -> &str {
        self.body.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// A text deep in the body, by JSON pointer.
    pub fn at(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// How it stands: a package's approval, everything else's status.
    pub fn standing(&self) -> &str {
        match self.text("ModelApprovalStatus") {
            "" => &self.status,
            approval => approval,
        }
    }

    pub fn number(&self, member: &str) -> Option<f64> {
        self.body.get(member).and_then(Value::as_f64)
    }

    pub fn list(&self, member: &str) -> &[Value] {
        self.body.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}
