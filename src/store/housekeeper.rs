//! Work that nobody should wait for: copying the write-ahead log into the database, removing files
//! that no row names any more. One thread, asked by whoever notices the need.

use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);

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
        loop {
            let chore =
                match self.chores.recv_timeout(next.saturating_duration_since(Instant::now())) {
                    Ok(chore) => chore,
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => {
                        hourly.iter().for_each(|work| work());
                        next = Instant::now() + HOUR;
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
                }
            }
        }
    }
}

fn checkpoint(connection: &mut Option<Connection>, path: &Path) -> rusqlite::Result<()> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?),
    };
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
