//! A resource as the store keeps it, and the questions lists ask.

use super::cursor::Cursor;
use crate::domain::time::Timestamp;
use serde_json::Value;

/// One resource. No two of a kind have names that differ in case alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// One of `domain::kind`.
    pub kind: String,
    /// As the caller wrote it.
    pub name: String,
    /// What it belongs to (a package's group), or empty.
    pub parent: String,
    /// The word of AWS's status enum, or empty for kinds without one.
    pub status: String,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// What Describe answers: the caller's members whole, and those the region adds.
    pub body: Value,
    /// What the region keeps for itself and never shows.
    pub private: Value,
    /// The revision of the event that wrote it; set by the store.
    pub revision: u64,
}

impl Row {
    pub fn new(kind: &str, name: &str, now: Timestamp, body: Value) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
            parent: String::new(),
            status: String::new(),
            created: now,
            modified: now,
            body,
            private: Value::Null,
            revision: 0,
        }
    }
}

/// A row whose document is the text that the store holds.
pub struct RawRow<'a> {
    pub name: &'a str,
    pub parent: &'a str,
    pub status: &'a str,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub revision: u64,
    /// One line of JSON.
    pub body: &'a str,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    #[default]
    Created,
    Modified,
    Name,
    Status,
}

/// A list's question. The default asks for the first page, newest first.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub kind: String,
    pub parent: Option<String>,
    pub status: Option<String>,
    /// Part of the name, in whatever case.
    pub name_contains: Option<String>,
    pub created_after: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub modified_after: Option<Timestamp>,
    pub modified_before: Option<Timestamp>,
    pub sort: Sort,
    pub ascending: bool,
    /// Where the previous page ended.
    pub after: Option<Cursor>,
    /// How many rows a page holds at most; 0 means 100.
    pub limit: usize,
}

#[derive(Clone, Debug, Default)]
pub struct Page {
    pub rows: Vec<Row>,
    /// Present when more rows follow.
    pub next: Option<Cursor>,
}
