//! The one thread that writes. It takes whatever waits, runs each change in the same transaction
//! (with a savepoint of its own), commits once, tells the followers, and answers everybody.

use super::change::{Afterwards, Change};
use super::housekeeper::{Chore, Housekeeper};
use super::space::Space;
use super::{Event, StoreError, resource};
use crate::domain::time::{Clock, Timestamp};
use futures::channel::oneshot;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use tokio::sync::{broadcast, watch};

/// How many changes one commit holds at most: those who came first do not wait for all who follow.
const GROUP: usize = 256;
/// How many events stay readable. A follower that fell further behind has to start anew.
const EVENTS_KEPT: u64 = 65_536;
/// How many events are trimmed at a time.
const EVENTS_TRIMMED: u64 = 1_024;
/// From here on the write-ahead log is copied into the database, beside the writer.
const WAL_PAGES: i32 = 1_000;
/// From here on the writer stops for it: a log that only grows would fill the disk.
const WAL_PAGES_MOST: i32 = 32_000;

/// A change waiting for its turn, whatever it returns.
pub(super) trait Job: Send {
    /// Runs the change; `false` asks for what it wrote to be undone.
    fn run(&mut self, change: &mut Change<'_>) -> bool;
    /// Its caller is answered: with what it returned, or with why that was not committed.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

/// A change and whoever waits for its outcome.
struct Waiting<F, T, E> {
    change: Option<F>,
    outcome: Option<Result<T, E>>,
    /// Not one of tokio's: those count against the budget of the task that polls them, and a thread
    /// that blocks on one inside a runtime would wait for ever once that is spent.
    caller: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Waiting<F, T, E>
where
    F: FnOnce(&mut Change<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, change: &mut Change<'_>) -> bool {
        let Some(run) = self.change.take() else { return false };
        // What a panic leaves behind is rolled back, so nobody sees a broken invariant.
        let outcome = catch_unwind(AssertUnwindSafe(|| run(change)))
            .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
        self.outcome.insert(outcome).is_ok()
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let outcome = match (failure, self.outcome) {
            (None, Some(outcome)) | (Some(_), Some(outcome @ Err(_))) => outcome,
            (Some(failure), _) => Err(failure.into()),
            (None, None) => Err(StoreError::Closed.into()),
        };
        // Whoever stopped waiting does not need the answer.
        let _ = self.caller.send(outcome);
    }
}

/// Puts a change in the queue. Its length is bounded by the number of callers, each of whom waits.
pub(super) fn submit<T, E>(
    queue: &Sender<Box<dyn Job>>,
    change: impl FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
) -> oneshot::Receiver<Result<T, E>>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (caller, outcome) = oneshot::channel();
    // When the writer is gone the caller's end is dropped here, which tells them.
    let _ = queue.send(Box::new(Waiting { change: Some(change), outcome: None, caller }));
    outcome
}

/// What came of a group.
struct Committed {
    events: Vec<Event>,
    afterwards: Vec<Afterwards>,
    /// Those of its changes that a full disk had no room for; the rest is committed.
    refused: Vec<usize>,
}

pub(super) struct Writer {
    pub connection: Connection,
    pub clock: Arc<dyn Clock>,
    pub followers: broadcast::Sender<Arc<Event>>,
    /// The newest committed revision.
    pub revision: watch::Sender<u64>,
    pub housekeeper: Housekeeper,
    space: Arc<Space>,
    /// How long the write-ahead log was after the last commit, in pages.
    pub wal_pages: Arc<std::sync::atomic::AtomicI32>,
    oldest: u64,
    newest: u64,
    last: Timestamp,
}

impl Writer {
    pub fn new(
        mut connection: Connection,
        clock: Arc<dyn Clock>,
        followers: broadcast::Sender<Arc<Event>>,
        revision: watch::Sender<u64>,
        housekeeper: Housekeeper,
        space: Arc<Space>,
    ) -> rusqlite::Result<Self> {
        let (oldest, newest) = resource::revisions(&connection)?;
        revision.send_replace(newest);
        let wal_pages = Arc::new(std::sync::atomic::AtomicI32::new(0));
        let seen = Arc::clone(&wal_pages);
        connection.wal_hook(Some(move |_: &mut _, pages| {
            seen.store(pages, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        }))?;
        let last = Timestamp::default();
        Ok(Self {
            connection,
            clock,
            followers,
            revision,
            housekeeper,
            space,
            wal_pages,
            oldest,
            newest,
            last,
        })
    }

    /// Works until the last handle on the store is gone, and the queue empty.
    pub fn run(mut self, queue: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            while group.len() < GROUP
                && let Ok(next) = queue.try_recv()
            {
                group.push(next);
            }
            self.commit(group);
        }
    }

    fn commit(&mut self, mut group: Vec<Box<dyn Job>>) {
        self.space.look();
        match self.transact(&mut group) {
            Ok(Committed { events, afterwards, refused }) => {
                let changed = !events.is_empty();
                for event in events {
                    // Fails when nobody follows, which is no failure.
                    let _ = self.followers.send(Arc::new(event));
                }
                if changed {
                    self.revision.send_replace(self.newest);
                }
                for then in afterwards {
                    then();
                }
                for (index, job) in group.into_iter().enumerate() {
                    job.answer(refused.contains(&index).then_some(StoreError::Full));
                }
            }
            Err(error) => {
                tracing::error!(%error, "a group of {} changes was not committed", group.len());
                if !self.connection.is_autocommit() {
                    let _ = self.connection.execute_batch("ROLLBACK");
                }
                for job in group {
                    job.answer(Some(match &error {
                        StoreError::Full => StoreError::Full,
                        StoreError::Damaged(what) => StoreError::Damaged(what.clone()),
                        error => StoreError::Commit(error.to_string()),
                    }));
                }
            }
        }
        self.tend_log();
    }

    fn transact(&mut self, group: &mut [Box<dyn Job>]) -> Result<Committed, StoreError> {
        // Rows sort by their times, so those never run backwards even when the clock does.
        self.last = self.last.max(self.clock.now());
        let shared = group.len() > 1;
        let (mut events, mut afterwards) = (Vec::new(), Vec::new());
        let mut newest = self.newest;
        let mut kept = false;
        let mut refused = Vec::new();
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for (index, job) in group.iter_mut().enumerate() {
            let mut change = Change::new(&self.connection, self.last, newest, shared);
            let mut keep = job.run(&mut change);
            if keep && change.grows && self.space.is_full() {
                refused.push(index);
                keep = false;
            }
            if change.marked {
                if !keep {
                    self.connection.prepare_cached("ROLLBACK TO change")?.execute([])?;
                }
                self.connection.prepare_cached("RELEASE change")?.execute([])?;
            }
            if keep {
                newest = change.revision;
                events.append(&mut change.events);
                afterwards.append(&mut change.afterwards);
                kept = true;
            }
        }
        let oldest = self.trim(newest)?;
        let end = if kept || shared { "COMMIT" } else { "ROLLBACK" };
        self.connection.prepare_cached(end)?.execute([])?;
        self.newest = newest;
        self.oldest = oldest;
        if let Some(reset) = events.iter().rfind(|event| event.is_reset()) {
            self.oldest = reset.revision;
        }
        Ok(Committed { events, afterwards, refused })
    }

    /// Drops the oldest events beyond those kept, now and then.
    fn trim(&self, newest: u64) -> Result<u64, StoreError> {
        if newest.saturating_sub(self.oldest) < EVENTS_KEPT + EVENTS_TRIMMED {
            return Ok(self.oldest);
        }
        let oldest = newest - EVENTS_KEPT;
        self.connection
            .prepare_cached("DELETE FROM event WHERE revision < ?1")?
            .execute([oldest])?;
        Ok(oldest)
    }

    fn tend_log(&self) {
        let pages = self.wal_pages.load(std::sync::atomic::Ordering::Relaxed);
        if pages >= WAL_PAGES_MOST {
            // Busy readers make it fail; then the next commit tries again.
            let _ = self.connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
        } else if pages >= WAL_PAGES {
            self.housekeeper.ask(Chore::Checkpoint);
        }
    }
}
