//! Buckets as rows, for those who follow the region: name, times, and what they hold.
//!
//! Making and deleting a bucket are events like any other resource's. What happens to its objects is
//! told by one event for whatever has happened since the last one, so that a thousand uploads a
//! second are no flood ([`Objects::tell_changed`]).

use super::Objects;
use crate::domain::kind;
use crate::domain::time::Timestamp;
use crate::store::{Changed, RawRow, Row, StoreError};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Notify;

const COLUMNS: &str = "name, created, modified, revision, objects, bytes";

fn from_sql(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let name: String = row.get(0)?;
    let created = Timestamp::from_millis(row.get(1)?);
    let body = json!({
        "Name": name,
        "Arn": format!("arn:aws:s3:::{name}"),
        "CreationDate": created.to_document(),
        "Objects": row.get::<_, u64>(4)?,
        "Bytes": row.get::<_, u64>(5)?,
    });
    let mut found = Row::new(kind::BUCKET, &name, created, body);
    found.modified = Timestamp::from_millis(row.get(2)?);
    found.revision = row.get(3)?;
    Ok(found)
}

pub(in crate::store) fn get(
    connection: &Connection,
    name: &str,
) -> Result<Option<Row>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM bucket WHERE name = ?1"))?;
    Ok(statement.query_row([name], from_sql).optional()?)
}

pub(in crate::store) fn count(connection: &Connection) -> Result<u64, StoreError> {
    Ok(connection.prepare_cached("SELECT count(*) FROM bucket")?.query_row([], |row| row.get(0))?)
}

/// As [`crate::store::Snapshot::each_raw`].
pub(in crate::store) fn each_raw(
    connection: &Connection,
    after: &str,
    limit: usize,
    mut tell: impl FnMut(RawRow<'_>) -> Result<(), StoreError>,
) -> Result<Option<String>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM bucket WHERE name > ?1 ORDER BY name LIMIT ?2"
    ))?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![after, most], from_sql)?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    for row in &rows {
        tell(RawRow {
            name: &row.name,
            parent: "",
            status: "",
            created: row.created,
            modified: row.modified,
            revision: row.revision,
            body: &row.body.to_string(),
        })?;
    }
    Ok(rows.last().filter(|_| rows.len() == limit).map(|last| last.name.clone()))
}

impl Objects {
    /// Wakes when objects have changed.
    pub fn touched(&self) -> Arc<Notify> {
        Arc::clone(&self.files.touched)
    }

    /// Tells followers of every bucket whose content has changed since they were last told; returns
    /// how many those were. What a crash kept from being told is told by the next region.
    pub async fn tell_changed(&self) -> Result<usize, StoreError> {
        let untold = |connection: &Connection| -> Result<Vec<String>, StoreError> {
            let mut statement = connection
                .prepare_cached("SELECT name FROM bucket WHERE told <> changes ORDER BY name")?;
            let names = statement.query_map([], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        };
        if self.store.read(|snapshot| untold(snapshot.connection))?.is_empty() {
            return Ok(0);
        }
        self.store
            .write(move |change| {
                let names = untold(change.connection)?;
                let count = names.len();
                for name in names {
                    change.mark()?;
                    change.tell(
                        kind::BUCKET.to_owned(),
                        name.clone(),
                        Changed::Updated,
                        String::new(),
                    )?;
                    change
                        .connection
                        .prepare_cached(
                            "UPDATE bucket SET told = changes, modified = ?2, revision = ?3
                             WHERE name = ?1",
                        )?
                        .execute(params![name, change.now().as_millis(), change.revision])?;
                }
                Ok(count)
            })
            .await
    }
}
