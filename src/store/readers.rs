//! Connections for reading. A reader is borrowed for the length of one query; a query that finds
//! none free opens a further one, so readers never wait for each other nor for the writer.

use super::StoreError;
use super::snapshot::Snapshot;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How many idle connections are kept, each with its statements prepared.
const KEPT: usize = 8;
/// Statements a connection keeps prepared.
pub(super) const STATEMENTS: usize = 96;
/// KiB of pages a reader keeps; the system's cache holds the rest.
const CACHE_KIB: i64 = 1_024;

pub(super) struct Readers {
    path: PathBuf,
    free: Mutex<Vec<Connection>>,
}

impl Readers {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), free: Mutex::new(Vec::with_capacity(KEPT)) }
    }

    pub fn read<T, E: From<StoreError>>(
        &self,
        query: impl FnOnce(&Snapshot<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let connection = self.borrow().map_err(StoreError::from)?;
        let outcome = Self::within(&connection, query);
        if connection.is_autocommit() {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            if free.len() < KEPT {
                free.push(connection);
            }
        }
        outcome
    }

    /// One transaction, so that all that the query reads is of one moment.
    fn within<T, E: From<StoreError>>(
        connection: &Connection,
        query: impl FnOnce(&Snapshot<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let run = |sql| -> Result<(), StoreError> {
            connection.prepare_cached(sql)?.execute([])?;
            Ok(())
        };
        run("BEGIN")?;
        let outcome = query(&Snapshot { connection });
        run("COMMIT")?;
        outcome
    }

    fn borrow(&self) -> Result<Connection, rusqlite::Error> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.map_or_else(|| self.connect(), Ok)
    }

    fn connect(&self) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    }

    /// Closes what is idle.
    pub fn close(&self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
