//! The rows of one kind, with a short memory of which of them changed, so that a table of ten
//! thousand need not be sorted anew because one endpoint changed its status.

use super::super::row::{Key, Row, key};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Changes remembered; a table that is further behind reads everything anew.
const REMEMBERED: usize = 4096;

#[derive(Debug, Default)]
pub struct Rows {
    rows: HashMap<Key, Arc<Row>>,
    /// Goes up with every change.
    version: u64,
    changed: VecDeque<Key>,
    /// Which life of the rows this is: another one after everything was forgotten.
    epoch: u64,
    /// Whether names that differ in case alone are two, as S3's are and AWS's others are not.
    exact: bool,
}

/// What happened to the rows since somebody looked.
pub enum Changes<'a> {
    Nothing,
    /// These changed, in this order; one may come several times.
    These(Vec<&'a Key>),
    /// Too much, or all of it.
    Everything,
}

impl Rows {
    /// For names whose case counts.
    pub fn exact() -> Self {
        Self { exact: true, ..Self::default() }
    }

    fn key(&self, name: &str) -> Key {
        if self.exact { name.into() } else { key(name) }
    }

    pub fn put(&mut self, row: Row) {
        let key = self.key(&row.name);
        self.rows.insert(Arc::clone(&key), Arc::new(row));
        self.note(key);
    }

    pub fn remove(&mut self, name: &str) -> Option<Arc<Row>> {
        let (key, row) = self.rows.remove_entry(&*self.key(name))?;
        self.note(key);
        Some(row)
    }

    /// Forgets all and takes these instead.
    pub fn replace(&mut self, rows: Vec<Row>) {
        self.clear();
        let rows = rows.into_iter();
        self.rows = rows.map(|row| (self.key(&row.name), Arc::new(row))).collect();
    }

    pub fn clear(&mut self) {
        self.rows.clear();
        self.changed.clear();
        self.version += 1;
        self.epoch += 1;
    }

    fn note(&mut self, key: Key) {
        self.version += 1;
        self.changed.push_back(key);
        if self.changed.len() > REMEMBERED {
            self.changed.pop_front();
        }
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Row>> {
        self.rows.get(name).or_else(|| self.rows.get(&*self.key(name)))
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// In no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Arc<Row>)> {
        self.rows.iter()
    }

    /// Sorted by name.
    pub fn sorted(&self) -> Vec<&Arc<Row>> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_unstable_by(|a, b| a.0.cmp(b.0));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// `(epoch, version)`: what to remember for `since`.
    pub fn mark(&self) -> (u64, u64) {
        (self.epoch, self.version)
    }

    pub fn since(&self, mark: (u64, u64)) -> Changes<'_> {
        let (epoch, version) = mark;
        if epoch != self.epoch || version > self.version {
            return Changes::Everything;
        }
        let behind = (self.version - version) as usize;
        if behind == 0 {
            return Changes::Nothing;
        }
        if behind > self.changed.len() {
            return Changes::Everything;
        }
        Changes::These(self.changed.range(self.changed.len() - behind..).collect())
    }
}
