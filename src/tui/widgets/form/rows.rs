//! The rows of a form and where the cursor can be on them.

use super::Form;
use super::field::{Body, Field, GroupKind};

/// The part of a row that has the cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Part {
    /// The key of a map's entry.
    Key,
    #[default]
    Value,
    /// The row below a list or map that adds to it.
    Add,
}

/// A place for the cursor: a field, by the way to it from the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) path: Vec<usize>,
    pub(super) part: Part,
}

/// One row on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) path: Vec<usize>,
    /// An entry of a map, whose key is typed.
    pub(super) keyed: bool,
    /// Not a field but the row that adds one.
    pub(super) adds: bool,
}

impl Row {
    pub(super) fn has(&self, stop: &Stop) -> bool {
        self.path == stop.path
            && match stop.part {
                Part::Add => self.adds,
                Part::Key => self.keyed,
                Part::Value => !self.adds,
            }
    }

    /// Where the cursor is when it comes to the row.
    pub(super) fn stop(&self) -> Stop {
        let part = if self.adds { Part::Add } else { Part::Value };
        Stop { path: self.path.clone(), part }
    }
}

/// All places in the order of Tab.
pub(super) fn stops(rows: &[Row]) -> Vec<Stop> {
    let mut stops = Vec::with_capacity(rows.len());
    for row in rows {
        if row.keyed {
            stops.push(Stop { path: row.path.clone(), part: Part::Key });
        }
        stops.push(row.stop());
    }
    stops
}

impl Form {
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut path = Vec::new();
        within(&self.root, &mut path, &mut rows);
        rows
    }

    /// The first row shown, so that the cursor is in sight.
    pub(super) fn top_for(&self, rows: &[Row], height: u16) -> usize {
        let height = usize::from(Self::body_height(height)).max(1);
        let here = rows.iter().position(|row| row.has(&self.focus)).unwrap_or(0);
        let lowest = (here + 1).saturating_sub(height);
        self.top.min(rows.len().saturating_sub(height)).clamp(lowest, here)
    }
}

fn within(field: &Field, path: &mut Vec<usize>, rows: &mut Vec<Row>) {
    let Body::Group(group) = &field.body else { return };
    if !(group.set && group.open) {
        return;
    }
    for (at, inner) in group.fields.iter().enumerate() {
        path.push(at);
        rows.push(Row { path: path.clone(), keyed: group.kind == GroupKind::Map, adds: false });
        within(inner, path, rows);
        path.pop();
    }
    if group.kind.grows() {
        rows.push(Row { path: path.clone(), keyed: false, adds: true });
    }
}

impl Field {
    pub(super) fn at(&self, path: &[usize]) -> Option<&Self> {
        path.iter().try_fold(self, |field, at| field.group()?.fields.get(*at))
    }

    pub(super) fn at_mut(&mut self, path: &[usize]) -> Option<&mut Self> {
        path.iter().try_fold(self, |field, at| field.group_mut()?.fields.get_mut(*at))
    }

    /// Extends the path to the first field that has a problem, opening what it is in.
    pub(super) fn find_problem(&mut self, path: &mut Vec<usize>) -> bool {
        if let Body::Group(group) = &mut self.body
            && group.set
        {
            for (at, field) in group.fields.iter_mut().enumerate() {
                path.push(at);
                if field.find_problem(path) {
                    group.open = true;
                    return true;
                }
                path.pop();
            }
        }
        self.problem.is_some() && !path.is_empty()
    }
}
