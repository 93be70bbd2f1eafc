//! Deleting objects, one and many, when they are what the caller believes them to be.

use super::backend::{Backend, Reply};
use super::condition::{etag, seconds};
use super::error::{S3Result, invalid_argument, malformed_xml, refuse};
use super::tagging::check_version;
use crate::api::error::AwsError;
use crate::domain::time::Timestamp;
use crate::store::objects::Deletion;
use serde::Deserialize;
use serde_json::{Value, json};

const KEYS_MOST: usize = 1_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteObject {
    bucket: String,
    key: String,
    version_id: Option<String>,
    if_match: Option<String>,
    if_match_last_modified_time: Option<Value>,
    if_match_size: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteObjects {
    bucket: String,
    delete: Delete,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    objects: Vec<Identifier>,
    #[serde(default)]
    quiet: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identifier {
    key: String,
    version_id: Option<String>,
    #[serde(rename = "ETag")]
    etag: Option<String>,
    last_modified_time: Option<Value>,
    size: Option<i64>,
}

impl Backend {
    pub(super) async fn delete(&self, input: DeleteObject) -> S3Result<Reply> {
        check_version(input.version_id.as_deref())?;
        let modified = input.if_match_last_modified_time.as_ref();
        let deletion =
            deletion(input.key, input.if_match.as_deref(), modified, input.if_match_size)?;
        let outcomes = self.objects.delete(&input.bucket, vec![deletion]).await.map_err(refuse)?;
        outcomes.into_iter().collect::<Result<(), _>>().map_err(refuse)?;
        Ok(Reply::default())
    }

    pub(super) async fn delete_many(&self, input: DeleteObjects) -> S3Result<Reply> {
        let Delete { objects, quiet } = input.delete;
        if objects.is_empty() || objects.len() > KEYS_MOST {
            return Err(malformed_xml());
        }
        let (mut deletions, mut failed) = (Vec::new(), Vec::new());
        for Identifier { key, version_id, etag, last_modified_time, size } in objects {
            if let Err(error) = check_version(version_id.as_deref()) {
                failed.push(failure(&key, version_id.as_deref(), &error));
                continue;
            }
            let modified = last_modified_time.as_ref();
            deletions.push((deletion(key, etag.as_deref(), modified, size)?, version_id));
        }
        let (deletions, versions): (Vec<_>, Vec<_>) = deletions.into_iter().unzip();
        let keys: Vec<String> = deletions.iter().map(|deletion| deletion.key.clone()).collect();
        let outcomes = self.objects.delete(&input.bucket, deletions).await.map_err(refuse)?;
        let mut deleted = Vec::new();
        for ((key, version), outcome) in keys.iter().zip(versions).zip(outcomes) {
            match outcome.map_err(refuse) {
                Ok(()) if quiet => {}
                Ok(()) => deleted.push(json!({ "Key": key, "VersionId": version })),
                Err(error) => failed.push(failure(key, version.as_deref(), &error)),
            }
        }
        Ok(json!({ "Deleted": deleted, "Errors": failed }).into())
    }
}

fn failure(key: &str, version: Option<&str>, error: &AwsError) -> Value {
    json!({ "Key": key, "VersionId": version, "Code": error.code, "Message": error.message })
}

fn deletion(
    key: String,
    tag: Option<&str>,
    modified: Option<&Value>,
    size: Option<i64>,
) -> S3Result<Deletion> {
    let size = size.map(u64::try_from).transpose();
    let size = size.map_err(|_negative| invalid_argument("A size is not below zero."))?;
    let modified = seconds(modified).map(|seconds| Timestamp::from_millis(seconds * 1_000));
    Ok(Deletion { key, etag: tag.map(etag), modified, size })
}
