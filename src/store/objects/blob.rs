//! Bytes that objects share, counted by reference.

use super::error::ObjectError;
use super::files::{FileId, Files};
use crate::store::Change;
use rusqlite::{Connection, params};
use std::sync::Arc;

/// The bytes of an object: one file, or the extents that a multipart upload was completed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    pub id: i64,
    /// How many extents; 0 says that it is the file of its own id.
    pub extents: u32,
}

/// A file and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub file: FileId,
    pub size: u64,
}

pub(super) fn insert(change: &mut Change<'_>, blob: Blob, size: u64) -> Result<(), ObjectError> {
    change.grow()?;
    change
        .connection
        .prepare_cached("INSERT INTO blob (id, refs, size, extents) VALUES (?1, 1, ?2, ?3)")?
        .execute(params![blob.id, size, blob.extents])?;
    Ok(())
}

/// One more object has these bytes.
pub(super) fn share(change: &mut Change<'_>, blob: Blob) -> Result<(), ObjectError> {
    change.mark()?;
    change
        .connection
        .prepare_cached("UPDATE blob SET refs = refs + 1 WHERE id = ?1")?
        .execute([blob.id])?;
    Ok(())
}

/// One object less has these bytes; the last one takes the files along once it is committed.
pub(super) fn release(
    change: &mut Change<'_>,
    files: &Arc<Files>,
    blob: Blob,
) -> Result<(), ObjectError> {
    change.mark()?;
    let left: i64 = change
        .connection
        .prepare_cached("UPDATE blob SET refs = refs - 1 WHERE id = ?1 RETURNING refs")?
        .query_row([blob.id], |row| row.get(0))?;
    if left > 0 {
        return Ok(());
    }
    let extents = extents(change.connection, blob, 0)?;
    change.connection.prepare_cached("DELETE FROM blob WHERE id = ?1")?.execute([blob.id])?;
    change.connection.prepare_cached("DELETE FROM extent WHERE blob = ?1")?.execute([blob.id])?;
    let files = Arc::clone(files);
    change.afterwards(move || {
        files.discard(blob.id, extents.into_iter().map(|extent| extent.file).collect());
    });
    Ok(())
}

/// The files of a blob in order; `size` is that of the whole.
pub(super) fn extents(
    connection: &Connection,
    blob: Blob,
    size: u64,
) -> Result<Vec<Extent>, ObjectError> {
    if blob.extents == 0 {
        return Ok(vec![Extent { file: FileId(blob.id), size }]);
    }
    let mut statement = connection
        .prepare_cached("SELECT file, size FROM extent WHERE blob = ?1 ORDER BY number")?;
    let extents = statement
        .query_map([blob.id], |row| Ok(Extent { file: FileId(row.get(0)?), size: row.get(1)? }))?;
    Ok(extents.collect::<Result<_, _>>()?)
}
