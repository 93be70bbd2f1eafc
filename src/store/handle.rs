//! The store's handle: opening, writing, reading, following, closing.

use super::change::Change;
use super::folder::Folder;
use super::housekeeper::{Chore, Housekeeper};
use super::logs::{Logs, Open, write_figures};
use super::objects::{Files, Objects};
use super::readers::{self, Readers};
use super::snapshot::Snapshot;
use super::space::Space;
use super::writer::{self, Job, Writer};
use super::{Event, OpenError, StoreError, check, migrations};
use crate::domain::time::Clock;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// How many events a follower may fall behind before it is told that it missed some.
const FOLLOWED: usize = 4_096;
/// KiB of pages the writer keeps.
const CACHE_KIB: i64 = 4_096;

/// The file that notes the latest opening, beside the database that counts them.
const BOOT: &str = "boot";
/// How long a start after a kill may take to check the database.
const CHECKED: Duration = Duration::from_secs(1);

/// How much a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Acknowledged changes survive the death of the process (SIGKILL included).
    #[default]
    Process,
    /// They survive a power cut too: every commit is synced to the disk.
    Full,
}

/// A handle on the workspace's store; clones share it. The last one to go closes it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Option<Sender<Box<dyn Job>>>,
    readers: Arc<Readers>,
    files: Arc<Files>,
    logs: Arc<Open>,
    clock: Arc<dyn Clock>,
    followers: broadcast::Sender<Arc<Event>>,
    revision: watch::Receiver<u64>,
    writer: Option<JoinHandle<()>>,
    chores: Option<JoinHandle<()>>,
    housekeeper: Housekeeper,
    #[cfg(test)]
    space: Arc<Space>,
    /// Tells work in the background that can be left for the next time to stop.
    closing: Arc<AtomicBool>,
    _folder: Folder,
}

impl Store {
    /// Opens (and makes, and migrates) the store in `dir`, the workspace's `.sagebrush` folder.
    pub fn open(
        dir: &Path,
        clock: Arc<dyn Clock>,
        durability: Durability,
    ) -> Result<Self, OpenError> {
        let folder = Folder::open(dir)?;
        let path = folder.path.join("region.db");
        let sqlite = |source| OpenError::Sqlite { path: path.clone(), source };
        let io = |source| OpenError::Io { path: path.clone(), source };
        refuse_lost(&folder, &path)?;
        let space = Arc::new(Space::open(&folder.path));
        #[cfg(test)]
        let kept_space = Arc::clone(&space);
        let connection = connect(&path, durability)?;
        let newest = newest_boot(&folder.path);
        let (known, boot) = next_boot(&connection, newest).map_err(sqlite)?;
        if newest > known {
            let aside = folder.path.join("objects-left");
            let moved =
                Files::set_aside(&folder.path.join("objects"), &aside, known).map_err(io)?;
            tracing::warn!(
                "the database is older than {moved} files of objects beside it (was a copy put back?); \
                 no object names them, and they are kept in {}",
                aside.display()
            );
        }
        std::fs::write(folder.path.join(BOOT), boot.to_string()).map_err(io)?;
        let (followers, _) = broadcast::channel(FOLLOWED);
        let (housekeeper, chores) = Housekeeper::new(&path);
        let closing = Arc::new(AtomicBool::new(false));
        let readers = Arc::new(Readers::new(&path));
        let root = folder.path.join("objects");
        let files =
            Arc::new(Files::new(root, boot, durability, housekeeper.clone(), closing.clone()));
        let logs = Arc::new(Open::new(folder.path.join("logs"), durability));
        let (newest, revision) = watch::channel(0);
        let writer = Writer::new(
            connection,
            Arc::clone(&clock),
            followers.clone(),
            newest,
            housekeeper.clone(),
            space,
        )
        .map_err(sqlite)?;
        let (queue, jobs) = channel();
        let writer = Some(spawn("store-writer", move || writer.run(&jobs)).map_err(io)?);
        let chores = Some(spawn("store-chores", move || chores.run()).map_err(io)?);
        files.sweep(&readers);
        let queue = Some(queue);
        let store = Self {
            inner: Arc::new(Inner {
                queue,
                readers,
                files,
                logs,
                clock,
                followers,
                revision,
                writer,
                chores,
                housekeeper,
                #[cfg(test)]
                space: kept_space,
                closing,
                _folder: folder,
            }),
        };
        store.expire_logs();
        // A life that was cut short may have left a large write-ahead log.
        store.inner.housekeeper.ask(Chore::Checkpoint);
        Ok(store)
    }

    /// Removes expired log events now and every hour. The chore does not keep the store open.
    fn expire_logs(&self) {
        let expire = |store: &Self| {
            if let Err(error) = store.logs().expire(None) {
                tracing::warn!(%error, "expired log events were not removed");
            }
        };
        expire(self);
        let inner = Arc::downgrade(&self.inner);
        self.inner.housekeeper.ask(Chore::Hourly(Box::new(move || {
            if let Some(inner) = inner.upgrade() {
                expire(&Self { inner });
            }
        })));
    }

    /// Runs `change` on the writer thread inside a transaction of its own and returns what it
    /// returned once that is committed. An `Err` rolls back all that it did. The change runs to its
    /// end even when the caller stops waiting.
    pub async fn write<T, E>(
        &self,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let Some(queue) = &self.inner.queue else { return Err(StoreError::Closed.into()) };
        let outcome = writer::submit(queue, change);
        outcome.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    /// [`Store::write`] for threads that may block. Must not run on the writer thread itself.
    pub fn write_blocking<T, E>(
        &self,
        change: impl FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        futures::executor::block_on(self.write(change))
    }

    /// Runs a query on a pooled reader, on the calling thread; it sees all that was acknowledged.
    pub fn read<T, E: From<StoreError>>(
        &self,
        query: impl FnOnce(&Snapshot<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.inner.readers.read(query)
    }

    /// Committed events from now on. A receiver that lags is told how many it missed.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.inner.followers.subscribe()
    }

    /// The newest committed revision, for those who only want to know that there is more: any number
    /// of commits wake a waiting receiver once.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.inner.revision.clone()
    }

    /// Buckets and objects.
    pub fn objects(&self) -> Objects {
        Objects::new(self.clone(), Arc::clone(&self.inner.files))
    }

    /// Log groups, streams and events.
    pub fn logs(&self) -> Logs {
        let inner = &self.inner;
        Logs::new(self.clone(), Arc::clone(&inner.logs), Arc::clone(&inner.clock))
    }

    pub(super) fn housekeeper(&self) -> &Housekeeper {
        &self.inner.housekeeper
    }

    /// Has the disk count as full, or not.
    #[cfg(test)]
    pub(super) fn fill_disk(&self, full: bool) {
        self.inner.space.force(full);
    }

    /// Waits until all chores asked for so far are done.
    #[cfg(test)]
    pub(super) fn settle(&self) {
        let (done, wait) = channel();
        self.inner.housekeeper.ask(Chore::Run(Box::new(move || {
            let _ = done.send(());
        })));
        let _ = wait.recv();
    }

    /// Empties the store: resources, tags, counters, objects and logs. Followers get one event
    /// ([`Event::is_reset`]), and revisions go on growing.
    pub async fn reset(&self) -> Result<(), StoreError> {
        let (files, logs) = (Arc::clone(&self.inner.files), self.logs());
        self.write(move |change| {
            files.discard_all(change)?;
            logs.discard_all(change)?;
            change.clear()
        })
        .await
    }
}

impl Drop for Inner {
    /// Lets the threads finish what was asked of them, and only then lets go of the folder.
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(queue) = self.queue.take() {
            // Nobody waits for it: the writer runs what is queued before it ends.
            let streams = self.logs.all(None);
            let last = writer::submit(&queue, move |change| write_figures(change, &streams));
            drop(last);
        }
        self.readers.close();
        join(self.writer.take());
        // After the writer, whose last commits may have left chores.
        self.housekeeper.ask(Chore::Stop);
        join(self.chores.take());
    }
}

fn join(thread: Option<JoinHandle<()>>) {
    // The last handle may have been held by a change: then this is the writer itself.
    if let Some(thread) = thread
        && thread.thread().id() != std::thread::current().id()
    {
        let _ = thread.join();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// The latest opening that the folder has seen, whatever its database says. Without the note that each
/// opening leaves, the names of objects' files tell.
fn newest_boot(folder: &Path) -> u32 {
    let noted = std::fs::read_to_string(folder.join(BOOT)).ok();
    let noted = noted.and_then(|text| text.trim().parse().ok());
    noted.unwrap_or_else(|| Files::newest_boot(&folder.join("objects")))
}

/// Counts this opening of the store: the openings that the database knows of, and this one. Files of
/// objects can be of later openings than the database knows, where an older copy of it was put back:
/// this one is later than those too.
fn next_boot(connection: &Connection, newest: u32) -> rusqlite::Result<(u32, u32)> {
    let known: u32 = connection.query_row("SELECT number FROM boot", [], |row| row.get(0))?;
    let boot = known.max(newest).saturating_add(1);
    connection.execute("UPDATE boot SET number = ?1", [boot])?;
    Ok((known, boot))
}

/// A database that is gone beside objects and logs is never taken for a new region: the next sweep
/// would remove all of them.
fn refuse_lost(folder: &Folder, path: &Path) -> Result<(), OpenError> {
    let gone = std::fs::metadata(path).map_or(true, |found| found.len() == 0);
    let files = if gone { folder.files() } else { 0 };
    if files > 0 {
        let folder = folder.path.clone();
        return Err(OpenError::Lost { path: path.to_owned(), folder, files });
    }
    Ok(())
}

/// Refuses a database that a killed process left damaged, as far as a second's look can tell.
fn refuse_damaged(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    match check::database(connection, Some(CHECKED)) {
        Ok(Some(found)) if !found.is_empty() => {
            Err(OpenError::Damaged { path: path.to_owned(), what: found.join("; ") })
        }
        Ok(_) => Ok(()),
        Err(source) => Err(OpenError::Sqlite { path: path.to_owned(), source }),
    }
}

/// The writer's connection, with the schema up to date.
fn connect(path: &Path, durability: Durability) -> Result<Connection, OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    // In order, the last process took its write-ahead log along.
    let killed = std::fs::metadata(path.with_extension("db-wal")).is_ok_and(|wal| wal.len() > 0);
    let mut connection = Connection::open(path).map_err(sqlite)?;
    migrations::inspect(&connection, path).map_err(|error| match error {
        OpenError::Sqlite { path, source } if check::is_damage(&source) => {
            OpenError::Damaged { path, what: source.to_string() }
        }
        error => error,
    })?;
    if killed {
        refuse_damaged(&mut connection, path)?;
    }
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Full => "FULL",
    };
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .and_then(|()| connection.pragma_update(None, "synchronous", synchronous))
        .and_then(|()| connection.pragma_update(None, "cache_size", -CACHE_KIB))
        .and_then(|()| connection.pragma_update(None, "temp_store", "MEMORY"))
        .and_then(|()| connection.pragma_update(None, "trusted_schema", false))
        .and_then(|()| connection.pragma_update(None, "wal_autocheckpoint", 0))
        .map_err(sqlite)?;
    migrations::migrate(&mut connection, path)?;
    connection.set_prepared_statement_cache_capacity(readers::STATEMENTS);
    Ok(connection)
}
