//! Multipart uploads. Parts are files like any other; completing one names them in order and
//! copies nothing.

use super::about::{About, Checksum, ChecksumKind, Object};
use super::blob::{self, Blob};
use super::digest::Algorithm;
use super::draft::Sealed;
use super::files::{FileId, Files};
use super::object::{self, Condition};
use super::{ObjectError, Objects, bucket};
use crate::domain::time::Timestamp;
use crate::store::Change;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Digest as _;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The least size of all parts but the last.
const LEAST: u64 = 5 * 1024 * 1024;

/// Names an upload under way; its text is S3's UploadId.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadId(i64);

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
    file: FileId,
}

/// A part as the caller names it on completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPart {
    pub number: u32,
    /// Without quotes.
    pub etag: String,
    pub checksum: Option<(Algorithm, String)>,
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
                change.mark()?;
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

    /// Makes the named parts, in their order, the object. `promised` is the checksum that the
    /// caller expects of the whole.
    pub async fn complete_upload(
        &self,
        (bucket, key, id): (&str, &str, UploadId),
        named: Vec<CompletedPart>,
        promised: Option<(Algorithm, String)>,
        condition: Condition,
    ) -> Result<Object, ObjectError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let files = Arc::clone(&self.files);
        let blob = files.new_id().0;
        self.store
            .write(move |change| {
                let bucket = bucket::id(change.connection, &bucket)?;
                let upload = upload(change.connection, bucket, &key, id)?;
                let all = parts(change.connection, id, 0)?;
                let chosen = choose(&all, &named)?;
                let checksum = checksum_of(&upload, &chosen, promised)?;
                let object = Object {
                    key,
                    size: chosen.iter().map(|part| part.size).sum(),
                    modified: change.now(),
                    etag: composite_etag(&chosen),
                    about: About { checksum, ..upload.about },
                    blob: Blob { id: blob, extents: chosen.len() as u32 },
                };
                blob::insert(change, object.blob, object.size)?;
                let mut extent = change
                    .connection
                    .prepare_cached("INSERT INTO extent VALUES (?1, ?2, ?3, ?4)")?;
                for (number, part) in chosen.iter().enumerate() {
                    extent.execute(params![blob, number as i64, part.file.0, part.size])?;
                }
                drop(extent);
                object::place(change, &files, bucket, &object, &condition)?;
                let kept: Vec<_> = chosen.iter().map(|part| part.number).collect();
                let left = all.iter().filter(|part| !kept.contains(&part.number));
                forget(change, &files, id, left.map(|part| part.file).collect())?;
                Ok(object)
            })
            .await
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

fn upload(
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

fn parts(
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
    change.mark()?;
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
fn forget(
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

/// The parts that the caller names, when they are in order, there, the same, and large enough.
fn choose<'a>(all: &'a [Part], named: &[CompletedPart]) -> Result<Vec<&'a Part>, ObjectError> {
    if !named.is_sorted_by(|one, next| one.number < next.number) {
        return Err(ObjectError::InvalidPartOrder);
    }
    let mut chosen = Vec::with_capacity(named.len());
    for (place, name) in named.iter().enumerate() {
        let part = all
            .binary_search_by_key(&name.number, |part| part.number)
            .ok()
            .map(|index| &all[index])
            .filter(|part| part.etag == name.etag)
            .filter(|part| name.checksum.is_none() || name.checksum == part.checksum)
            .ok_or(ObjectError::InvalidPart(name.number))?;
        if part.size < LEAST && place + 1 < named.len() {
            return Err(ObjectError::PartTooSmall { number: part.number, size: part.size });
        }
        chosen.push(part);
    }
    Ok(chosen)
}

/// The MD5 of the parts' MD5s, and how many parts there are.
fn composite_etag(parts: &[&Part]) -> String {
    let mut md5 = md5::Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}

/// The checksum of the whole from those of its parts, checked against what the caller promised.
fn checksum_of(
    upload: &Upload,
    parts: &[&Part],
    promised: Option<(Algorithm, String)>,
) -> Result<Option<Checksum>, ObjectError> {
    let Some((algorithm, kind)) = upload.checksum else { return Ok(None) };
    let mut sums = Vec::with_capacity(parts.len());
    for part in parts {
        match &part.checksum {
            Some((found, sum)) if *found == algorithm => sums.push((sum.as_str(), part.size)),
            _ => return Err(ObjectError::InvalidPart(part.number)),
        }
    }
    let value = match kind {
        ChecksumKind::FullObject => algorithm.combine(sums),
        ChecksumKind::Composite => {
            let digests = sums.iter().map(|(sum, _)| STANDARD.decode(sum).unwrap_or_default());
            let whole = algorithm.of(&digests.collect::<Vec<_>>().concat());
            Some(format!("{whole}-{}", parts.len()))
        }
    };
    let value = value.ok_or(ObjectError::ChecksumMismatch(algorithm.name()))?;
    if let Some((promised, sum)) = promised
        && (promised != algorithm || value.split('-').next() != sum.split('-').next())
    {
        return Err(ObjectError::ChecksumMismatch(promised.name()));
    }
    Ok(Some(Checksum { algorithm, kind, value }))
}
