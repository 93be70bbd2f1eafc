//! Buckets.

use super::{ObjectError, Objects, multipart};
use crate::domain::kind;
use crate::domain::time::Timestamp;
use crate::store::{Change, Changed, StoreError};
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    pub name: String,
    pub created: Timestamp,
}

impl Objects {
    /// `ObjectError::BucketExists` when the name is taken. Which names S3 allows is the gateway's
    /// matter.
    pub async fn create_bucket(&self, name: &str) -> Result<(), ObjectError> {
        let name = name.to_owned();
        self.store.write(move |change| create(change, name)).await
    }

    /// Refused while it holds objects. Uploads that are still open go with it.
    pub async fn delete_bucket(&self, name: &str) -> Result<(), ObjectError> {
        let name = name.to_owned();
        let files = Arc::clone(&self.files);
        self.store
            .write(move |change| {
                let id = id(change.connection, &name)?;
                let used: bool = change
                    .connection
                    .prepare_cached("SELECT EXISTS (SELECT 1 FROM object WHERE bucket = ?1)")?
                    .query_row([id], |row| row.get(0))?;
                if used {
                    return Err(ObjectError::BucketNotEmpty(name));
                }
                multipart::abort_all(change, &files, id)?;
                change.mark()?;
                change
                    .connection
                    .prepare_cached("DELETE FROM bucket WHERE id = ?1")?
                    .execute([id])?;
                Ok(change.tell(kind::BUCKET.to_owned(), name, Changed::Deleted, String::new())?)
            })
            .await
    }

    pub fn bucket(&self, name: &str) -> Result<Bucket, ObjectError> {
        let found = self.store.read(|snapshot| -> Result<_, StoreError> {
            let mut statement =
                snapshot.connection.prepare_cached("SELECT created FROM bucket WHERE name = ?1")?;
            Ok(statement.query_row([name], |row| row.get(0)).optional()?)
        })?;
        let created = found.ok_or_else(|| ObjectError::NoSuchBucket(name.to_owned()))?;
        Ok(Bucket { name: name.to_owned(), created: Timestamp::from_millis(created) })
    }

    /// At most `limit` buckets after `after`, in the order of their names.
    pub fn buckets(&self, after: &str, limit: usize) -> Result<Vec<Bucket>, ObjectError> {
        self.store.read(|snapshot| {
            let mut statement = snapshot.connection.prepare_cached(
                "SELECT name, created FROM bucket WHERE name > ?1 ORDER BY name LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let buckets = statement.query_map(params![after, limit], |row| {
                Ok(Bucket { name: row.get(0)?, created: Timestamp::from_millis(row.get(1)?) })
            })?;
            Ok(buckets.collect::<Result<_, _>>()?)
        })
    }
}

fn create(change: &mut Change<'_>, name: String) -> Result<(), ObjectError> {
    change.grow()?;
    let (now, revision) = (change.now().as_millis(), change.revision + 1);
    let inserted = change
        .connection
        .prepare_cached(
            "INSERT INTO bucket (name, created, modified, revision) VALUES (?1, ?2, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![name, now, revision])?;
    if inserted == 0 {
        return Err(ObjectError::BucketExists(name));
    }
    Ok(change.tell(kind::BUCKET.to_owned(), name, Changed::Created, String::new())?)
}

pub(super) fn id(connection: &Connection, name: &str) -> Result<i64, ObjectError> {
    connection
        .prepare_cached("SELECT id FROM bucket WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?
        .ok_or_else(|| ObjectError::NoSuchBucket(name.to_owned()))
}
