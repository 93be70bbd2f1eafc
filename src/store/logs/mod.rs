//! Logs: groups and streams as rows, their events in append-only segment files with an index.
//!
//! An event's *position* is its number in its stream, and never changes. Readers get events by time,
//! those of one time by position; the two together are the tokens of readers that walk forwards and
//! backwards. Appending writes to the stream's file before
//! it returns: a slow disk slows the appender, and no line is lost. A tail that a crash tore off is
//! cut when the stream is next used. What rows say of a stream (its last event, its bytes) is
//! brought up to date when somebody asks, not with every line.

mod catalog;
mod filter;
mod order;
mod segment;
mod stream;

pub use catalog::{Group, GroupKept, StreamInfo, StreamOrder, StreamPage, Streams};
pub use filter::{Filter, Filtered, Found};
pub use order::Place;
pub use stream::{LogWriter, Read, Slice, Start};

pub(super) use catalog::write_figures;
pub(super) use stream::Open;

use super::{Store, StoreError};
use crate::domain::time::{Clock, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};
use tokio::sync::broadcast;

/// Looks through all segments below a folder of logs: how many there are, and what is damaged.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn damage(root: &Path) -> io::Result<(u64, Vec<String>)> {
    let (mut segments, mut found) = (0, Vec::new());
    for stream in fs::read_dir(root)? {
        let stream = stream?.path();
        if !stream.is_dir() {
            continue;
        }
        for file in fs::read_dir(&stream)? {
            let path = file?.path();
            if path.extension().is_none_or(|extension| extension != "log") {
                continue;
            }
            segments += 1;
            let lost = segment::lost(&path)?;
            if lost > 0 {
                let shown = path.strip_prefix(root).unwrap_or(&path).display();
                found.push(format!("logs/{shown}: {lost} damaged records are left out"));
            }
        }
    }
    Ok((segments, found))
}

/// How many batches a follower may fall behind before it is told how many it missed.
const FOLLOWED: usize = 1_024;

/// What a caller appends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    pub timestamp: Timestamp,
    pub message: String,
}

/// An event as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number in its stream: 0, 1, 2 …
    pub position: u64,
    pub timestamp: Timestamp,
    pub ingested: Timestamp,
    pub message: String,
}

/// A batch that was just appended, for followers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub group: String,
    pub stream: String,
    /// The position of the first event.
    pub position: u64,
    pub events: Vec<LogEvent>,
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("log group {0} does not exist")]
    NoSuchGroup(String),
    #[error("log stream {0} does not exist")]
    NoSuchStream(String),
    #[error("log group {0} exists already")]
    GroupExists(String),
    #[error("log stream {0} exists already")]
    StreamExists(String),
    #[error("the token is not one that this list returned")]
    BadToken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<std::io::Error> for LogError {
    fn from(error: std::io::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The region's logs. Clones are cheap.
#[derive(Clone)]
pub struct Logs {
    store: Store,
    open: Arc<Open>,
    clock: Arc<dyn Clock>,
}

impl Logs {
    pub(super) fn new(store: Store, open: Arc<Open>, clock: Arc<dyn Clock>) -> Self {
        Self { store, open, clock }
    }

    /// What is appended from now on. A receiver that lags is told how many batches it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Batch>> {
        self.open.followers.subscribe()
    }
}

#[cfg(test)]
mod tests;
