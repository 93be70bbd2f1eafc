//! Work that nobody should wait for: copying the write-ahead log into the database, removing files
//! that no row names any more. One thread, asked by whoever notices the need.

use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);
/// How long the write-ahead log must have been left alone before its file is cut.
const QUIET: Duration = Duration::from_secs(1);
/// The file may stay as large as this, for the next burst.
pub(super) const WAL_KEPT: u64 = 8 * 1024 * 1024;

pub(super) enum Chore {
    /// Copy the write-ahead log into the database.
    Checkpoint,
    /// Anything else that must not hold up the writer.
    Run(Box<dyn FnOnce() + Send>),
    /// Do this every hour.
    Hourly(Box<dyn Fn() + Send>),
    /// The store closes: the thread ends when it has done what was asked before.
    Stop,
}

/// Where chores are left; clones leave them with the same thread.
#[derive(Clone)]
pub(super) struct Housekeeper {
    chores: Sender<Chore>,
    /// A checkpoint is asked for already.
    pending: Arc<AtomicBool>,
}

/// The thread's own end.
pub(super) struct Chores {
    path: PathBuf,
    chores: Receiver<Chore>,
    pending: Arc<AtomicBool>,
}

impl Housekeeper {
    pub fn new(path: &Path) -> (Self, Chores) {
        let (sender, receiver) = channel();
        let pending = Arc::new(AtomicBool::new(false));
        let here = Self { chores: sender, pending: Arc::clone(&pending) };
        (here, Chores { path: path.to_owned(), chores: receiver, pending })
    }

    pub fn ask(&self, chore: Chore) {
        if matches!(chore, Chore::Checkpoint) && self.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        // Once the store is closed nobody listens; the next opening sweeps what is left.
        let _ = self.chores.send(chore);
    }
}

impl Chores {
    /// Works until it is told to stop.
    pub fn run(self) {
        let mut connection = None;
        let mut hourly: Vec<Box<dyn Fn() + Send>> = Vec::new();
        let mut next = Instant::now() + HOUR;
        // When to cut the write-ahead log's file; after a checkpoint that nothing has followed.
        let mut cut: Option<Instant> = None;
        loop {
            let until = cut.map_or(next, |cut| cut.min(next));
            let chore =
                match self.chores.recv_timeout(until.saturating_duration_since(Instant::now())) {
                    Ok(chore) => chore,
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => {
                        if cut.take_if(|cut| *cut <= Instant::now()).is_some() {
                            cut = self.cut(&mut connection);
                        }
                        if next <= Instant::now() {
                            hourly.iter().for_each(|work| work());
                            next = Instant::now() + HOUR;
                        }
                        continue;
                    }
                };
            match chore {
                Chore::Hourly(work) => hourly.push(work),
                Chore::Run(work) => work(),
                Chore::Stop => break,
                Chore::Checkpoint => {
                    self.pending.store(false, Ordering::Release);
                    if let Err(error) = checkpoint(&mut connection, &self.path) {
                        tracing::warn!(%error, "the write-ahead log was not copied");
                    }
                    cut = Some(Instant::now() + QUIET);
                }
            }
        }
    }

    /// Cuts the write-ahead log's file when a burst has left it large. Says when to try again, if a
    /// reader or the writer was in the way.
    fn cut(&self, connection: &mut Option<Connection>) -> Option<Instant> {
        let log = self.path.with_extension("db-wal");
        if std::fs::metadata(log).is_ok_and(|log| log.len() <= WAL_KEPT) {
            return None;
        }
        match truncate(connection, &self.path) {
            Ok(true) => None,
            Ok(false) => Some(Instant::now() + QUIET),
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log was not cut");
                None
            }
        }
    }
}

fn connected<'a>(
    connection: &'a mut Option<Connection>,
    path: &Path,
) -> rusqlite::Result<&'a mut Connection> {
    Ok(match connection {
        Some(connection) => connection,
        None => connection.insert(Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?),
    })
}

fn checkpoint(connection: &mut Option<Connection>, path: &Path) -> rusqlite::Result<()> {
    connected(connection, path)?.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Whether the file was cut. Waits for nobody: it would hold up the writer meanwhile.
fn truncate(connection: &mut Option<Connection>, path: &Path) -> rusqlite::Result<bool> {
    let connection = connected(connection, path)?;
    connection.busy_timeout(Duration::ZERO)?;
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}
