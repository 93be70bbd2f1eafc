//! What has happened lately, in words: the events pane, and what needs attention.

use super::noun;
use crate::domain::kind;
use crate::tui::row::Row;
use std::collections::VecDeque;

/// Notes kept.
const KEPT: usize = 500;

/// Something that happened to a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Epoch seconds.
    pub at: f64,
    pub kind: String,
    pub name: String,
    /// The status it came to, if that is what happened.
    pub status: String,
    pub text: String,
}

#[derive(Debug, Default)]
pub struct Notes {
    notes: VecDeque<Note>,
    /// Notes ever made; the difference to `len` has been forgotten.
    pub made: u64,
}

impl Notes {
    /// Newest last.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Note> {
        self.notes.iter()
    }

    pub fn len(&self) -> usize {
        self.notes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    pub(super) fn change(&mut self, at: f64, created: bool, before: Option<&Row>, row: &Row) {
        if row.kind == kind::LEDGER {
            return;
        }
        let noun = noun(&row.kind);
        let approval = |row: &Row| row.text("ModelApprovalStatus").to_owned();
        let secondary = |row: &Row| row.text("SecondaryStatus").to_owned();
        let text = if created && before.is_none() {
            let status = if row.status.is_empty() { "created" } else { &row.status };
            format!("{noun} {}: {status}", row.name)
        } else if before.is_none_or(|before| before.status != row.status) {
            format!("{noun} {}: {}", row.name, row.status)
        } else if before.is_some_and(|before| approval(before) != approval(row)) {
            format!("{noun} {}: {}", row.name, approval(row))
        } else if before.is_some_and(|before| secondary(before) != secondary(row)) {
            format!("{noun} {}: {}", row.name, secondary(row))
        } else {
            return;
        };
        let (kind, name, status) = (row.kind.clone(), row.name.clone(), row.status.clone());
        self.push(Note { at, kind, name, status, text });
    }

    pub(super) fn deletion(&mut self, at: f64, kind: &str, name: &str) {
        if kind == kind::LEDGER {
            return;
        }
        let text = format!("{} {name}: deleted", noun(kind));
        let status = "Deleted".into();
        self.push(Note { at, kind: kind.into(), name: name.into(), status, text });
    }

    pub(super) fn resync(&mut self, why: &str) {
        let at = self.notes.back().map_or(0.0, |note| note.at);
        let text = format!("read everything anew: {why}");
        let (kind, name, status) = Default::default();
        self.push(Note { at, kind, name, status, text });
    }

    fn push(&mut self, note: Note) {
        self.made += 1;
        self.notes.push_back(note);
        if self.notes.len() > KEPT {
            self.notes.pop_front();
        }
    }
}
