//! The database's schema as numbered migrations, applied in order; `user_version` says how many have
//! been.
//!
//! A database that an older version wrote is copied before the first of them, and all of them are
//! one transaction: it is either as it was or up to date, whatever happens in between.

mod case;
mod copy;

use super::OpenError;
use rusqlite::Connection;
use std::path::Path;

/// One step of the schema. None is changed after a release.
enum Migration {
    Sql(&'static str),
    /// What SQL alone cannot say.
    Code(fn(&Connection) -> rusqlite::Result<()>),
}

const MIGRATIONS: &[Migration] = &[
    Migration::Sql(include_str!("0001_region.sql")),
    Migration::Sql(include_str!("0002_buckets.sql")),
    Migration::Code(case::restore),
    Migration::Sql(include_str!("0004_log_groups.sql")),
    Migration::Sql(include_str!("0005_completed_uploads.sql")),
];

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
    let known = known();
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    Ok(())
}

/// The schema that this binary writes.
const fn known() -> u32 {
    MIGRATIONS.len() as u32
}

/// Brings the database at `path` to the schema that this binary knows. One that is older is copied
/// beside it first.
///
/// # Errors
/// When the copy or a migration fails; the database is then as it was.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let found: u32 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sqlite)?;
    if found == known() {
        return Ok(());
    }
    if found > 0 {
        let copy = copy::before(connection, path, known())?;
        tracing::warn!(
            "an older Sagebrush wrote {} (schema {found}); it is brought to schema {}. A copy as it \
             was is kept as {}, for going back to that version",
            path.display(),
            known(),
            copy.display()
        );
    }
    apply(connection, MIGRATIONS, found).map_err(sqlite)
}

/// Applies all that follow the first `found`.
fn apply(
    connection: &mut Connection,
    migrations: &[Migration],
    found: u32,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for migration in migrations.iter().skip(found as usize) {
        match migration {
            Migration::Sql(sql) => transaction.execute_batch(sql)?,
            Migration::Code(run) => run(&transaction)?,
        }
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", migrations.len() as u32)?;
    transaction.commit()
}

#[cfg(test)]
mod tests;
