//! The store's handle, a change under way, and a reader's view. (Interface; bodies to come.)
#![expect(
    clippy::unimplemented,
    unused_variables,
    reason = "the interface lands before its bodies"
)]

use super::{Event, OpenError, Page, Query, Row, StoreError};
use crate::domain::time::{Clock, Timestamp};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::broadcast;

/// How much a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Acknowledged changes survive the death of the process (SIGKILL included).
    #[default]
    Process,
    /// They survive a power cut too: every commit is synced to the disk.
    Full,
}

/// A handle on the workspace's store; clones share it.
#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Opens (and makes, and migrates) the store in `dir`, the workspace's `.sagebrush` folder.
    pub fn open(
        dir: &Path,
        clock: Arc<dyn Clock>,
        durability: Durability,
    ) -> Result<Self, OpenError> {
        unimplemented!()
    }

    /// Runs `change` on the writer thread inside a transaction of its own and returns what it
    /// returned once that is committed. An `Err` rolls back all that it did.
    pub async fn write<T, E>(
        &self,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        unimplemented!()
    }

    /// Runs a query on a pooled reader, on the calling thread; it sees all that was acknowledged.
    pub fn read<T, E: From<StoreError>>(
        &self,
        query: impl FnOnce(&Snapshot<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        unimplemented!()
    }

    /// Committed events from now on. A receiver that lags is told how many it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        unimplemented!()
    }
}

/// A transaction under way on the writer thread. Reads see what it has written so far.
pub struct Change<'a> {
    _marker: std::marker::PhantomData<&'a ()>,
}

impl Change<'_> {
    /// The time of this change; the same for all that it writes.
    pub fn now(&self) -> Timestamp {
        unimplemented!()
    }

    pub fn get(&self, kind: &str, name: &str) -> Result<Option<Row>, StoreError> {
        unimplemented!()
    }

    /// `StoreError::Exists` when the name is taken.
    pub fn insert(&mut self, row: Row) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Writes status, times, body, private and parent of a row that exists. The row's `modified`
    /// is set to `now()`.
    pub fn update(&mut self, row: &Row) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// False when there was none. Its tags go with it.
    pub fn delete(&mut self, kind: &str, name: &str) -> Result<bool, StoreError> {
        unimplemented!()
    }

    pub fn list(&self, query: &Query) -> Result<Page, StoreError> {
        unimplemented!()
    }

    /// The next number of a counter that never goes back: 1, 2, 3 …
    pub fn next(&mut self, counter: &str) -> Result<u64, StoreError> {
        unimplemented!()
    }

    pub fn tags(&self, arn: &str) -> Result<Vec<(String, String)>, StoreError> {
        unimplemented!()
    }

    /// Adds or overwrites.
    pub fn tag(&mut self, arn: &str, tags: &[(String, String)]) -> Result<(), StoreError> {
        unimplemented!()
    }

    pub fn untag(&mut self, arn: &str, keys: &[String]) -> Result<(), StoreError> {
        unimplemented!()
    }
}

/// A consistent view for reading.
pub struct Snapshot<'a> {
    _marker: std::marker::PhantomData<&'a ()>,
}

impl Snapshot<'_> {
    pub fn get(&self, kind: &str, name: &str) -> Result<Option<Row>, StoreError> {
        unimplemented!()
    }

    pub fn list(&self, query: &Query) -> Result<Page, StoreError> {
        unimplemented!()
    }

    pub fn count(&self, kind: &str) -> Result<u64, StoreError> {
        unimplemented!()
    }

    pub fn tags(&self, arn: &str) -> Result<Vec<(String, String)>, StoreError> {
        unimplemented!()
    }

    /// The revision of the newest event.
    pub fn revision(&self) -> Result<u64, StoreError> {
        unimplemented!()
    }

    /// Events after `since`, oldest first; `None` when they are no longer all kept.
    pub fn events(&self, since: u64, limit: usize) -> Result<Option<Vec<Event>>, StoreError> {
        unimplemented!()
    }
}
