//! Multipart uploads. Parts are files like any other; completing one names them in order and
//! copies nothing.

use super::about::{About, ChecksumKind};
use super::digest::Algorithm;
use super::draft::Sealed;
use super::files::{FileId, Files};
use super::{ObjectError, Objects, bucket};
use crate::domain::time::Timestamp;
use crate::store::Change;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Names an upload under way; its text is S3's UploadId.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadId(pub(super) i64);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for UploadId {
    type Err = ObjectError;

    fn from_str(text: &str) -> Result<Self, ObjectError> {
        let id = (text.len() == 16).then(|| i64::from_str_radix(text, 16).ok()).flatten();
        id.map(Self).ok_or(ObjectError::NoSuchUpload)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    pub id: UploadId,
    pub key: String,
    pub created: Timestamp,
    pub about: About,
    /// What its parts are to be checked with, and how the whole is.
    pub checksum: Option<(Algorithm, ChecksumKind)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub number: u32,
    pub size: u64,
    pub modified: Timestamp,
    pub etag: String,
    pub checksum: Option<(Algorithm, String)>,
    pub(super) file: FileId,
}

/// What an upload's row keeps.
#[derive(Serialize, Deserialize)]
struct Kept {
    about: About,
    checksum: Option<(Algorithm, ChecksumKind)>,
}

impl Objects {
    pub async fn create_upload(
        &self,
        bucket: &str,
        key: &str,
        about: About,
        checksum: Option<(Algorithm, ChecksumKind)>,
    ) -> Result<UploadId, ObjectError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        // Ids of the same series as the files': unique, and ascending in time.
        let id = self.files.new_id().0;
        self.store
            .write(move |change| {
                let bucket = bucket::id(change.connection, &bucket)?;
                change.grow()?;
                change
                    .connection
                    .prepare_cached("INSERT INTO upload VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![
                        id,
                        bucket,
                        key.as_bytes(),
                        change.now().as_millis(),
                        serde_json::to_string(&Kept { about, checksum })?,
                    ])?;
                Ok(UploadId(id))
            })
            .await
    }

    pub fn upload(&self, bucket: &str, key: &str, id: UploadId) -> Result<Upload, ObjectError> {
        self.store.read(|snapshot| {
            let bucket = bucket::id(snapshot.connection, bucket)?;
            upload(snapshot.connection, bucket, key, id)
        })
    }

    /// Uploads under way in the order of their keys and then their age, after a key and an upload
    /// of it.
    pub fn uploads(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<(&str, Option<UploadId>)>,
        limit: usize,
    ) -> Result<Vec<Upload>, ObjectError> {
        self.store.read(|snapshot| {
            let bucket = bucket::id(snapshot.connection, bucket)?;
            let mut statement = snapshot.connection.prepare_cached(
                "SELECT id, key, created, about FROM upload
                 WHERE bucket = ?1 AND key >= ?2 AND (key, id) > (?3, ?4) ORDER BY key, id",
            )?;
            let (after, id) = after.map_or((&[][..], -1), |(key, id)| {
                (key.as_bytes(), id.map_or(i64::MAX, |UploadId(id)| id))
            });
            let mut rows = statement.query(params![bucket, prefix.as_bytes(), after, id])?;
            let mut uploads = Vec::new();
            while let Some(row) = rows.next()? {
                let key = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
                if uploads.len() == limit || !key.starts_with(prefix.as_bytes()) {
                    break;
                }
                uploads.push(upload_from_sql(row)?);
            }
            Ok(uploads)
        })
    }

    /// Makes a sealed file part `number`, in the place of an earlier one.
    pub async fn put_part(
        &self,
        (bucket, key, id): (&str, &str, UploadId),
        number: u32,
        sealed: Sealed,
        checksum: Option<(Algorithm, String)>,
    ) -> Result<Part, ObjectError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let files = Arc::clone(&self.files);
        self.store
            .write(move |change| {
                let bucket = bucket::id(change.connection, &bucket)?;
                upload(change.connection, bucket, &key, id)?;
                let part = Part {
                    number,
                    size: sealed.size,
                    modified: change.now(),
                    etag: hex::encode(sealed.md5),
                    checksum,
                    file: sealed.guard.id,
                };
                insert_part(change, &files, id, &part)?;
                change.afterwards(move || sealed.guard.keep());
                Ok(part)
            })
            .await
    }

    /// At most `limit` parts with numbers above `after`.
    pub fn parts(
        &self,
        (bucket, key, id): (&str, &str, UploadId),
        after: u32,
        limit: usize,
    ) -> Result<Vec<Part>, ObjectError> {
        self.store.read(|snapshot| {
            let bucket = bucket::id(snapshot.connection, bucket)?;
            upload(snapshot.connection, bucket, key, id)?;
            let mut parts = parts(snapshot.connection, id, after)?;
            parts.truncate(limit);
            Ok(parts)
        })
    }

    pub async fn abort_upload(
        &self,
        bucket: &str,
        key: &str,
        id: UploadId,
    ) -> Result<(), ObjectError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let files = Arc::clone(&self.files);
        self.store
            .write(move |change| {
                let bucket = bucket::id(change.connection, &bucket)?;
                upload(change.connection, bucket, &key, id)?;
                let parts = parts(change.connection, id, 0)?;
                forget(change, &files, id, parts.iter().map(|part| part.file).collect())
            })
            .await
    }
}

/// Removes all open uploads of a bucket.
pub(super) fn abort_all(
    change: &mut Change<'_>,
    files: &Arc<Files>,
    bucket: i64,
) -> Result<(), ObjectError> {
    let mut statement =
        change.connection.prepare_cached("SELECT id FROM upload WHERE bucket = ?1")?;
    let ids = statement.query_map([bucket], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    drop(statement);
    for id in ids.into_iter().map(UploadId) {
        let parts = parts(change.connection, id, 0)?;
        forget(change, files, id, parts.iter().map(|part| part.file).collect())?;
    }
    Ok(())
}

pub(super) fn upload(
    connection: &Connection,
    bucket: i64,
    key: &str,
    UploadId(id): UploadId,
) -> Result<Upload, ObjectError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, key, created, about FROM upload WHERE id = ?1 AND bucket = ?2 AND key = ?3",
    )?;
    let mut rows = statement.query(params![id, bucket, key.as_bytes()])?;
    rows.next()?.map_or(Err(ObjectError::NoSuchUpload), upload_from_sql)
}

fn upload_from_sql(row: &rusqlite::Row<'_>) -> Result<Upload, ObjectError> {
    let kept: Kept =
        serde_json::from_str(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)?;
    let key = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(Upload {
        id: UploadId(row.get(0)?),
        key: String::from_utf8_lossy(key).into_owned(),
        created: Timestamp::from_millis(row.get(2)?),
        about: kept.about,
        checksum: kept.checksum,
    })
}

pub(super) fn parts(
    connection: &Connection,
    UploadId(id): UploadId,
    after: u32,
) -> Result<Vec<Part>, ObjectError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, size, modified, etag, checksum, file FROM part
         WHERE upload = ?1 AND number > ?2 ORDER BY number",
    )?;
    let mut rows = statement.query(params![id, after])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        parts.push(Part {
            number: row.get(0)?,
            size: row.get(1)?,
            modified: Timestamp::from_millis(row.get(2)?),
            etag: row.get(3)?,
            checksum: serde_json::from_str(
                row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?,
            )?,
            file: FileId(row.get(5)?),
        });
    }
    Ok(parts)
}

fn insert_part(
    change: &mut Change<'_>,
    files: &Arc<Files>,
    UploadId(id): UploadId,
    part: &Part,
) -> Result<(), ObjectError> {
    change.grow()?;
    let before: Option<i64> = change
        .connection
        .prepare_cached("SELECT file FROM part WHERE upload = ?1 AND number = ?2")?
        .query_row(params![id, part.number], |row| row.get(0))
        .optional()?;
    change
        .connection
        .prepare_cached("INSERT OR REPLACE INTO part VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            id,
            part.number,
            part.file.0,
            part.size,
            part.modified.as_millis(),
            part.etag,
            serde_json::to_string(&part.checksum)?,
        ])?;
    if let Some(file) = before {
        let files = Arc::clone(files);
        change.afterwards(move || files.discard(file, vec![FileId(file)]));
    }
    Ok(())
}

/// Removes an upload and its parts, and once that is committed the files nobody names any more.
pub(super) fn forget(
    change: &mut Change<'_>,
    files: &Arc<Files>,
    UploadId(id): UploadId,
    unused: Vec<FileId>,
) -> Result<(), ObjectError> {
    change.mark()?;
    change.connection.prepare_cached("DELETE FROM part WHERE upload = ?1")?.execute([id])?;
    change.connection.prepare_cached("DELETE FROM upload WHERE id = ?1")?.execute([id])?;
    let files = Arc::clone(files);
    change.afterwards(move || files.discard(id, unused));
    Ok(())
}
