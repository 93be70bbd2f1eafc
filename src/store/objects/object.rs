//! Putting, finding, copying and deleting objects.

use super::about::{About, Object};
use super::blob::{self, Blob};
use super::draft::{Draft, Sealed};
use super::files::Files;
use super::reader::Reader;
use super::{Algorithm, Checksum, ChecksumKind, ObjectError, Objects, Unmet, bucket};
use crate::domain::time::Timestamp;
use crate::store::Change;
use rusqlite::{Connection, OptionalExtension, params};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// In what state an object has to be for a write to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    #[default]
    Always,
    /// There must be none yet.
    Absent,
    /// It must be there and have this ETag.
    Matches(ETag),
}

/// The ETag that an object has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ETag {
    /// Whatever it is: `*`.
    Any,
    /// Without its quotes.
    Is(String),
}

impl ETag {
    fn matches(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(wanted) => wanted == etag,
        }
    }
}

/// A key to delete, and what the object under it has to be for that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    pub key: String,
    pub etag: Option<ETag>,
    /// To the second, as S3 tells it.
    pub modified: Option<Timestamp>,
    pub size: Option<u64>,
}

impl Deletion {
    /// Deletes whatever lies under a key.
    pub fn of(key: impl Into<String>) -> Self {
        Self { key: key.into(), ..Self::default() }
    }

    fn is_conditional(&self) -> bool {
        self.etag.is_some() || self.modified.is_some() || self.size.is_some()
    }

    fn check(&self, current: &Current) -> Result<(), ObjectError> {
        let seconds = |at: Timestamp| at.as_millis().div_euclid(1_000);
        if self.etag.as_ref().is_some_and(|etag| !etag.matches(&current.etag)) {
            return Err(ObjectError::Condition(Unmet::ETag));
        }
        if self.modified.is_some_and(|at| seconds(at) != seconds(current.modified)) {
            return Err(ObjectError::Condition(Unmet::Modified));
        }
        if self.size.is_some_and(|size| size != current.size) {
            return Err(ObjectError::Condition(Unmet::Size));
        }
        Ok(())
    }
}

/// An object's row, in the order in which [`from_sql`] reads it.
pub(super) const COLUMNS: &str =
    "object.key, object.size, object.modified, object.etag, object.about, blob.id, blob.extents";

pub(super) fn from_sql(row: &rusqlite::Row<'_>) -> Result<Object, ObjectError> {
    let key = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(Object {
        key: String::from_utf8_lossy(key).into_owned(),
        size: row.get(1)?,
        modified: Timestamp::from_millis(row.get(2)?),
        etag: row.get(3)?,
        about: serde_json::from_str(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?,
        blob: Blob { id: row.get(5)?, extents: row.get(6)? },
    })
}

impl Objects {
    /// A new file to write an object's or a part's bytes to. MD5 is always computed, checksums as
    /// asked for.
    pub fn draft(&self, algorithms: &[Algorithm]) -> io::Result<Draft> {
        Draft::new(&self.files, algorithms)
    }

    /// Makes a sealed file the object `key`, in the place of an earlier one.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        sealed: Sealed,
        about: About,
        condition: Condition,
    ) -> Result<Object, ObjectError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let files = Arc::clone(&self.files);
        self.store
            .write(move |change| {
                let object = Object {
                    key,
                    size: sealed.size,
                    modified: change.now(),
                    etag: hex::encode(sealed.md5),
                    about,
                    blob: Blob { id: sealed.guard.id.0, extents: 0 },
                };
                let bucket = bucket::id(change.connection, &bucket)?;
                blob::insert(change, object.blob, object.size)?;
                place(change, &files, bucket, &object, &condition)?;
                // Not before the commit: until then the file is removed with the change.
                change.afterwards(move || sealed.guard.keep());
                Ok(object)
            })
            .await
    }

    /// Puts an object whose bytes are at hand.
    pub async fn put_bytes(
        &self,
        bucket: &str,
        key: &str,
        bytes: &[u8],
        about: About,
    ) -> Result<Object, ObjectError> {
        let mut draft = self.draft(&[Algorithm::Crc64Nvme])?;
        draft.write_all(bytes)?;
        let sealed = draft.seal()?;
        let about = with_default_checksum(about, &sealed);
        self.put(bucket, key, sealed, about, Condition::Always).await
    }

    /// Puts an object from a file or any other reader, on a thread that may block.
    pub fn put_from(
        &self,
        bucket: &str,
        key: &str,
        from: &mut dyn Read,
        about: About,
    ) -> Result<Object, ObjectError> {
        let mut draft = self.draft(&[Algorithm::Crc64Nvme])?;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => draft.write_all(&buffer[..read])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let sealed = draft.seal()?;
        let about = with_default_checksum(about, &sealed);
        let put = self.put(bucket, key, sealed, about, Condition::Always);
        futures::executor::block_on(put)
    }

    pub fn head(&self, bucket: &str, key: &str) -> Result<Object, ObjectError> {
        self.store.read(|snapshot| find(snapshot.connection, bucket, key))
    }

    /// An object and its bytes, which stay as they are until the reader is dropped, whatever
    /// happens to the object meanwhile.
    pub fn open(&self, bucket: &str, key: &str) -> Result<(Object, Reader), ObjectError> {
        loop {
            let (object, extents) = self.store.read(|snapshot| -> Result<_, ObjectError> {
                let object = find(snapshot.connection, bucket, key)?;
                let extents = blob::extents(snapshot.connection, object.blob, object.size)?;
                Ok((object, extents))
            })?;
            match Reader::open(&self.files, object.blob, extents) {
                Ok(reader) => return Ok((object, reader)),
                // It was replaced or deleted since we looked; look again. Were the row still the
                // same, the file would be lost for good.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if self.head(bucket, key)?.blob == object.blob {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// All bytes of an object.
    pub fn read(&self, bucket: &str, key: &str) -> Result<Vec<u8>, ObjectError> {
        let (object, mut reader) = self.open(bucket, key)?;
        let mut bytes = Vec::with_capacity(usize::try_from(object.size).unwrap_or(0));
        reader.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The file that holds an object's bytes, for whoever wants to link or map it; `None` when they
    /// lie in several. It is never written to, and may go when the object does.
    pub fn path(&self, object: &Object) -> Option<PathBuf> {
        let file = super::files::FileId(object.blob.id);
        (object.blob.extents == 0).then(|| self.files.path(file))
    }

    /// The sizes of the parts that an object was uploaded in; empty when it came whole.
    pub fn part_sizes(&self, object: &Object) -> Result<Vec<u64>, ObjectError> {
        if object.blob.extents == 0 {
            return Ok(Vec::new());
        }
        self.store.read(|snapshot| {
            let extents = blob::extents(snapshot.connection, object.blob, object.size)?;
            Ok(extents.into_iter().map(|extent| extent.size).collect())
        })
    }

    /// Makes `to` an object of the same bytes. `about` says what is known of it, all but the
    /// checksum, which goes with the bytes; it sees the source and may refuse it. `condition` is
    /// about the object that is under `to` before.
    pub async fn copy(
        &self,
        from: (&str, &str),
        to: (&str, &str),
        condition: Condition,
        about: impl FnOnce(&Object) -> Result<About, ObjectError> + Send + 'static,
    ) -> Result<Object, ObjectError> {
        let owned = |(bucket, key): (&str, &str)| (bucket.to_owned(), key.to_owned());
        let (from, to) = (owned(from), owned(to));
        let files = Arc::clone(&self.files);
        self.store
            .write(move |change| {
                let bucket = bucket::id(change.connection, &to.0)?;
                let mut object = find(change.connection, &from.0, &from.1)?;
                let about = about(&object)?;
                object.key = to.1;
                object.modified = change.now();
                let checksum = object.about.checksum.take();
                object.about = About { checksum, ..about };
                blob::share(change, object.blob)?;
                place(change, &files, bucket, &object, &condition)?;
                Ok(object)
            })
            .await
    }

    /// Deletes, in one transaction, and says of each key what came of it. What is not there is no
    /// failure, unless a condition was made.
    pub async fn delete(
        &self,
        bucket: &str,
        deletions: Vec<Deletion>,
    ) -> Result<Vec<Result<(), ObjectError>>, ObjectError> {
        let bucket = bucket.to_owned();
        let files = Arc::clone(&self.files);
        self.store
            .write(move |change| {
                let bucket = bucket::id(change.connection, &bucket)?;
                let mut outcomes = Vec::with_capacity(deletions.len());
                for deletion in deletions {
                    outcomes.push(match current(change.connection, bucket, &deletion.key)? {
                        Some(current) => match deletion.check(&current) {
                            Ok(()) => remove(change, &files, bucket, &deletion.key, current.blob)
                                .map(Ok)?,
                            refused => refused,
                        },
                        None if deletion.is_conditional() => {
                            Err(ObjectError::NoSuchKey(deletion.key))
                        }
                        None => Ok(()),
                    });
                }
                Ok(outcomes)
            })
            .await
    }

    /// Changes what is known of an object, not its bytes nor the time of its last change.
    pub async fn amend(
        &self,
        bucket: &str,
        key: &str,
        amend: impl FnOnce(&mut About) + Send + 'static,
    ) -> Result<(), ObjectError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let files = Arc::clone(&self.files);
        self.store
            .write(move |change| {
                let mut object = find(change.connection, &bucket, &key)?;
                amend(&mut object.about);
                change.mark()?;
                change
                    .connection
                    .prepare_cached("UPDATE object SET about = ?3 WHERE bucket = ?1 AND key = ?2")?
                    .execute(params![
                        bucket::id(change.connection, &bucket)?,
                        key.as_bytes(),
                        serde_json::to_string(&object.about)?,
                    ])?;
                files.touch(change);
                Ok(())
            })
            .await
    }
}

fn remove(
    change: &mut Change<'_>,
    files: &Arc<Files>,
    bucket: i64,
    key: &str,
    blob: Blob,
) -> Result<(), ObjectError> {
    change.mark()?;
    change
        .connection
        .prepare_cached("DELETE FROM object WHERE bucket = ?1 AND key = ?2")?
        .execute(params![bucket, key.as_bytes()])?;
    blob::release(change, files, blob)?;
    files.touch(change);
    Ok(())
}

/// S3 keeps a CRC64NVME of what came without a checksum of its own.
fn with_default_checksum(about: About, sealed: &Sealed) -> About {
    let checksum = sealed.checksum(Algorithm::Crc64Nvme).map(|value| Checksum {
        algorithm: Algorithm::Crc64Nvme,
        kind: ChecksumKind::FullObject,
        value: value.to_owned(),
    });
    About { checksum: about.checksum.or(checksum), ..about }
}

pub(super) fn find(
    connection: &Connection,
    bucket: &str,
    key: &str,
) -> Result<Object, ObjectError> {
    let bucket = bucket::id(connection, bucket)?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM object JOIN blob ON blob.id = object.blob
         WHERE object.bucket = ?1 AND object.key = ?2"
    ))?;
    let mut rows = statement.query(params![bucket, key.as_bytes()])?;
    let row = rows.next()?.ok_or_else(|| ObjectError::NoSuchKey(key.to_owned()))?;
    from_sql(row)
}

/// What a condition is checked against: the object under a key now.
struct Current {
    blob: Blob,
    etag: String,
    size: u64,
    modified: Timestamp,
}

fn current(
    connection: &Connection,
    bucket: i64,
    key: &str,
) -> Result<Option<Current>, ObjectError> {
    let mut statement = connection.prepare_cached(
        "SELECT blob.id, blob.extents, object.etag, object.size, object.modified
         FROM object JOIN blob ON blob.id = object.blob
         WHERE object.bucket = ?1 AND object.key = ?2",
    )?;
    let found = statement.query_row(params![bucket, key.as_bytes()], |row| {
        Ok(Current {
            blob: Blob { id: row.get(0)?, extents: row.get(1)? },
            etag: row.get(2)?,
            size: row.get(3)?,
            modified: Timestamp::from_millis(row.get(4)?),
        })
    });
    Ok(found.optional()?)
}

/// Puts the row of an object whose blob is counted already, and lets go of the one before it.
pub(super) fn place(
    change: &mut Change<'_>,
    files: &Arc<Files>,
    bucket: i64,
    object: &Object,
    condition: &Condition,
) -> Result<(), ObjectError> {
    let before = current(change.connection, bucket, &object.key)?;
    match (condition, &before) {
        (Condition::Always, _) | (Condition::Absent, None) => {}
        (Condition::Matches(_), None) => return Err(ObjectError::NoSuchKey(object.key.clone())),
        (Condition::Matches(etag), Some(current)) if etag.matches(&current.etag) => {}
        (Condition::Matches(_), Some(_)) => return Err(ObjectError::Condition(Unmet::ETag)),
        (Condition::Absent, Some(_)) => return Err(ObjectError::Condition(Unmet::Absence)),
    }
    change.mark()?;
    change
        .connection
        .prepare_cached(
            "INSERT INTO object (bucket, key, blob, size, modified, etag, about)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET blob = excluded.blob, size = excluded.size,
                 modified = excluded.modified, etag = excluded.etag, about = excluded.about",
        )?
        .execute(params![
            bucket,
            object.key.as_bytes(),
            object.blob.id,
            object.size,
            object.modified.as_millis(),
            object.etag,
            serde_json::to_string(&object.about)?,
        ])?;
    if let Some(before) = before {
        blob::release(change, files, before.blob)?;
    }
    files.touch(change);
    Ok(())
}
