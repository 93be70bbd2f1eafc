//! The statements on resources, tags and events that changes and snapshots share.

use super::{Event, RawRow, Row, StoreError};
use crate::domain::time::Timestamp;
use crate::store::Changed;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

/// In the order in which [`from_sql`] reads them.
pub(super) const COLUMNS: &str =
    "id, name, parent, status, created, modified, revision, private, body";

/// Reads a row of [`COLUMNS`].
pub(super) fn from_sql(kind: &str, row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    let private = match row.get_ref(7)?.as_bytes_or_null().map_err(rusqlite::Error::from)? {
        Some(text) => serde_json::from_slice(text)?,
        None => Value::Null,
    };
    let body = row.get_ref(8)?.as_bytes().map_err(rusqlite::Error::from)?;
    Ok(Row {
        kind: kind.to_owned(),
        name: row.get(1)?,
        parent: row.get(2)?,
        status: row.get(3)?,
        created: Timestamp::from_millis(row.get(4)?),
        modified: Timestamp::from_millis(row.get(5)?),
        revision: row.get(6)?,
        private,
        body: serde_json::from_slice(body)?,
    })
}

pub(super) fn get(
    connection: &Connection,
    kind: &str,
    name: &str,
) -> Result<Option<Row>, StoreError> {
    Ok(get_any_case(connection, kind, name)?.filter(|row| row.name == name))
}

pub(super) fn get_any_case(
    connection: &Connection,
    kind: &str,
    name: &str,
) -> Result<Option<Row>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, parent, status, created, modified, revision, private, body
         FROM resource WHERE kind = ?1 AND lower = ?2",
    )?;
    let mut rows = statement.query(params![kind, name.to_lowercase()])?;
    rows.next()?.map(|row| from_sql(kind, row)).transpose()
}

/// Calls `tell` with up to `limit` rows of a kind whose lower-cased names follow `after`, in the
/// order of these; returns where to go on when there may be more.
pub(super) fn each_raw(
    connection: &Connection,
    kind: &str,
    after: &str,
    limit: usize,
    mut tell: impl FnMut(RawRow<'_>) -> Result<(), StoreError>,
) -> Result<Option<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT lower, name, parent, status, created, modified, revision, body
         FROM resource INDEXED BY resource_by_name
         WHERE kind = ?1 AND lower > ?2 ORDER BY lower LIMIT ?3",
    )?;
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![kind, after, most])?;
    let (mut count, mut last) = (0, String::new());
    while let Some(row) = rows.next()? {
        let text =
            |column: usize| -> Result<&str, rusqlite::Error> { Ok(row.get_ref(column)?.as_str()?) };
        tell(RawRow {
            name: text(1)?,
            parent: text(2)?,
            status: text(3)?,
            created: Timestamp::from_millis(row.get(4)?),
            modified: Timestamp::from_millis(row.get(5)?),
            revision: row.get(6)?,
            body: text(7)?,
        })?;
        count += 1;
        if count == limit {
            last = text(0)?.to_owned();
        }
    }
    Ok((count == limit).then_some(last))
}

pub(super) fn count(connection: &Connection, kind: &str) -> Result<u64, StoreError> {
    let count = connection
        .prepare_cached("SELECT count FROM tally WHERE kind = ?1")?
        .query_row([kind], |row| row.get(0))
        .optional()?;
    Ok(count.unwrap_or(0))
}

pub(super) fn kinds(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT kind FROM tally WHERE count > 0 ORDER BY kind")?;
    let kinds = statement.query_map([], |row| row.get(0))?;
    Ok(kinds.collect::<Result<_, _>>()?)
}

pub(super) fn tags(
    connection: &Connection,
    arn: &str,
) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT key, value FROM tag WHERE resource = ?1 AND arn = ?2 ORDER BY key",
    )?;
    let tags =
        statement.query_map([tagged(arn).as_str(), arn], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(tags.collect::<Result<_, _>>()?)
}

/// The part of an ARN that is its resource, `<kind>/<name>` in lower case; the whole of anything else.
pub(super) fn tagged(arn: &str) -> String {
    arn.splitn(6, ':').nth(5).unwrap_or(arn).to_lowercase()
}

/// The revisions of the oldest event kept and of the newest; zeros before the first.
pub(super) fn revisions(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT min(revision) FROM event), (SELECT max(revision) FROM event)",
    )?;
    let (oldest, newest): (Option<u64>, Option<u64>) =
        statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((oldest.unwrap_or(0), newest.unwrap_or(0)))
}

/// Events after `since`, oldest first; `None` when they are no longer all kept, or when `since`
/// lies in the future of this store.
pub(super) fn events(
    connection: &Connection,
    since: u64,
    limit: usize,
) -> Result<Option<Vec<Event>>, StoreError> {
    let (oldest, newest) = revisions(connection)?;
    if since > newest || since.saturating_add(1) < oldest {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached(
        "SELECT revision, at, kind, name, change, status FROM event
         WHERE revision > ?1 ORDER BY revision LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let since = i64::try_from(since).unwrap_or(i64::MAX);
    let events = statement.query_map(params![since, limit], |row| {
        Ok(Event {
            revision: row.get(0)?,
            at: Timestamp::from_millis(row.get(1)?),
            kind: row.get(2)?,
            name: row.get(3)?,
            change: Changed::from_code(row.get(4)?),
            status: row.get(5)?,
        })
    })?;
    Ok(Some(events.collect::<Result<_, _>>()?))
}
