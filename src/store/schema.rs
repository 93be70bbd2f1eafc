//! The database's schema as numbered files, applied in order; `user_version` says how far it got.

use super::OpenError;
use rusqlite::Connection;
use std::path::Path;

/// Each file is applied once and never edited after a release.
const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_region.sql"), include_str!("migrations/0002_buckets.sql")];

/// "SAGE": tells the region's database from any other that lies in its place.
const APPLICATION_ID: i64 = 0x5341_4745;

/// Whether the database at `path` is the region's, and not beyond this binary. Changes nothing.
pub(super) fn inspect(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let pragma = |sql| connection.query_row(sql, [], |row| row.get(0));
    let read = || -> rusqlite::Result<(u32, i64, i64)> {
        let tables =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let found = u32::try_from(pragma("PRAGMA user_version")?).unwrap_or(u32::MAX);
        Ok((found, pragma("PRAGMA application_id")?, tables))
    };
    let (found, application, tables) =
        read().map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })?;
    if application != APPLICATION_ID && (found > 0 || tables > 0) {
        return Err(OpenError::Unsafe {
            path: path.to_owned(),
            why: "it is a database of something else; move it away".into(),
        });
    }
    let known = MIGRATIONS.len() as u32;
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

/// Brings the database to the schema this binary knows, one migration a transaction.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found: usize = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for (number, migration) in (1_u32..).zip(MIGRATIONS).skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
