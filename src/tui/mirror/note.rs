//! What has happened lately, in words: the events pane, and what needs attention.

use super::live::{Happening, Mark};
use super::noun;
use crate::domain::kind;
use crate::tui::format;
use crate::tui::row::Row;
use std::collections::VecDeque;

/// Notes kept.
const KEPT: usize = 500;
/// Seconds within which the same words are the same happening, told by two streams.
const SAME: f64 = 2.0;

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

impl Note {
    /// What the region has marked in an endpoint's history.
    pub(super) fn of_mark(endpoint: &str, mark: &Mark) -> Self {
        let (what, status) = match &mark.what {
            Happening::Begins => ("traffic starts".to_owned(), "InService"),
            Happening::Ends => ("traffic ends".to_owned(), "Stopped"),
            Happening::Weights(shares) => {
                let share = |(name, share): &(String, f64)| {
                    format!("{name} {}", format::compact(share * 100.0))
                };
                let shares: Vec<String> = shares.iter().map(share).collect();
                (format!("split {}", shares.join(", ")), "Updating")
            }
            Happening::InService { variant, instance } => {
                (format!("{variant} gains {instance}"), "InService")
            }
            Happening::OutOfService { variant, instance } => {
                (format!("{variant} loses {instance}"), "Stopped")
            }
            Happening::Deployment { stage, config } => {
                let status = match stage.as_str() {
                    "Completed" => "Completed",
                    "RollingBack" => "RollingBack",
                    "RolledBack" => "Failed",
                    _ => "Updating",
                };
                (format!("deploys {config}: {stage}"), status)
            }
        };
        Self {
            at: mark.at,
            kind: kind::ENDPOINT.to_owned(),
            name: endpoint.to_owned(),
            status: status.to_owned(),
            text: format!("{} {endpoint}: {what}", noun(kind::ENDPOINT)),
        }
    }
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

    /// Something that may be known already: it is noted once, at its place in time.
    pub(super) fn told(&mut self, told: Note) {
        let oldest = self.notes.front().map_or(f64::NEG_INFINITY, |note| note.at);
        let known = |note: &Note| note.text == told.text && (note.at - told.at).abs() < SAME;
        if (self.notes.len() >= KEPT && told.at <= oldest) || self.notes.iter().any(known) {
            return;
        }
        self.made += 1;
        self.notes.insert(self.notes.partition_point(|note| note.at <= told.at), told);
        if self.notes.len() > KEPT {
            self.notes.pop_front();
        }
    }

    /// A row that was there when the workbench opened: what it came to last.
    pub(super) fn told_before(&mut self, row: &Row) {
        if matches!(row.kind.as_str(), kind::LEDGER | kind::ROLE) {
            return;
        }
        let what = match row.standing() {
            "" => "created",
            standing => standing,
        };
        let text = format!("{} {}: {what}", noun(&row.kind), row.name);
        let (kind, name) = (row.kind.clone(), row.name.clone());
        self.told(Note { at: row.modified, kind, name, status: what.to_owned(), text });
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
