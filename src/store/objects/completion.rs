//! Completing a multipart upload: which parts become the object, what its ETag and its checksum are,
//! and what is answered to a client that asks again.

use super::about::{About, Checksum, ChecksumKind, Object};
use super::blob::{self, Blob};
use super::digest::Algorithm;
use super::multipart::{Part, Upload, UploadId, forget, parts, upload};
use super::object::{self, Condition};
use super::{ObjectError, Objects, bucket};
use crate::store::Change;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Digest as _;
use rusqlite::{Connection, OptionalExtension, params};
use std::sync::Arc;

/// The least size of all parts but the last.
const LEAST: u64 = 5 * 1024 * 1024;
/// The answers of so many completions are kept for clients that ask again.
const REMEMBERED: i64 = 10_000;

/// A part as the caller names it on completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPart {
    pub number: u32,
    /// Without quotes.
    pub etag: String,
    pub checksum: Option<(Algorithm, String)>,
}

/// What a caller asks when it completes an upload.
#[derive(Clone, Debug, Default)]
pub struct Completion {
    pub parts: Vec<CompletedPart>,
    /// The checksum that the caller expects of the whole.
    pub promised: Option<(Algorithm, String)>,
    /// The size that the caller expects of the whole.
    pub size: Option<u64>,
    pub condition: Condition,
}

/// What a completed upload became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    pub etag: String,
    pub about: About,
}

impl Objects {
    /// Makes the named parts, in their order, the object. An upload that was completed from these
    /// parts already answers as it did then.
    pub async fn complete_upload(
        &self,
        (bucket, key, id): (&str, &str, UploadId),
        completion: Completion,
    ) -> Result<Completed, ObjectError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let files = Arc::clone(&self.files);
        let blob = files.new_id().0;
        let Completion { parts: named, promised, size, condition } = completion;
        self.store
            .write(move |change| {
                let bucket = bucket::id(change.connection, &bucket)?;
                let upload = match upload(change.connection, bucket, &key, id) {
                    Err(ObjectError::NoSuchUpload) => {
                        return completed(change.connection, bucket, &key, id, &named);
                    }
                    found => found?,
                };
                let all = parts(change.connection, id, 0)?;
                let chosen = choose(&all, &named)?;
                let checksum = checksum_of(&upload, &chosen, promised)?;
                let whole = chosen.iter().map(|part| part.size).sum();
                if let Some(expected) = size.filter(|size| *size != whole) {
                    return Err(ObjectError::Size { expected, found: whole });
                }
                let object = Object {
                    key,
                    size: whole,
                    modified: change.now(),
                    etag: composite_etag(chosen.iter().map(|part| part.etag.as_str())),
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
                remember(change, bucket, id, &object)?;
                Ok(Completed { etag: object.etag, about: object.about })
            })
            .await
    }
}

/// Keeps the answer to a completion, and lets go of the oldest.
fn remember(
    change: &mut Change<'_>,
    bucket: i64,
    UploadId(id): UploadId,
    object: &Object,
) -> Result<(), ObjectError> {
    change
        .connection
        .prepare_cached("INSERT INTO completed VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            id,
            bucket,
            object.key.as_bytes(),
            object.etag,
            serde_json::to_string(&object.about)?,
        ])?;
    change
        .connection
        .prepare_cached(
            "DELETE FROM completed WHERE upload <=
                 (SELECT upload FROM completed ORDER BY upload DESC LIMIT 1 OFFSET ?1)",
        )?
        .execute([REMEMBERED])?;
    Ok(())
}

/// The answer that an upload's completion had, when it was completed from just these parts.
fn completed(
    connection: &Connection,
    bucket: i64,
    key: &str,
    UploadId(id): UploadId,
    named: &[CompletedPart],
) -> Result<Completed, ObjectError> {
    let mut statement = connection.prepare_cached(
        "SELECT etag, about FROM completed WHERE upload = ?1 AND bucket = ?2 AND key = ?3",
    )?;
    let found = statement
        .query_row(params![id, bucket, key.as_bytes()], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    let (etag, about) = found.ok_or(ObjectError::NoSuchUpload)?;
    if composite_etag(named.iter().map(|part| part.etag.as_str())) != etag {
        return Err(ObjectError::NoSuchUpload);
    }
    Ok(Completed { etag, about: serde_json::from_str(&about)? })
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
fn composite_etag<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let (mut md5, mut count) = (md5::Md5::new(), 0);
    for etag in parts {
        md5.update(hex::decode(etag).unwrap_or_default());
        count += 1;
    }
    format!("{}-{count}", hex::encode(md5.finalize()))
}

/// The checksum of the whole from those of its parts, checked against what the caller promised.
fn checksum_of(
    upload: &Upload,
    parts: &[&Part],
    promised: Option<(Algorithm, String)>,
) -> Result<Option<Checksum>, ObjectError> {
    let declared = upload.checksum.map(|(algorithm, _)| algorithm);
    if let Some((sent, _)) = &promised
        && declared != Some(*sent)
    {
        let declared = declared.map(Algorithm::name);
        return Err(ObjectError::Undeclared { declared, sent: sent.name() });
    }
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
    if promised.is_some_and(|(_, sum)| value.split('-').next() != sum.split('-').next()) {
        return Err(ObjectError::ChecksumMismatch(algorithm.name()));
    }
    Ok(Some(Checksum { algorithm, kind, value }))
}
