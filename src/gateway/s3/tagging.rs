//! Tags of objects: in a header when an object is written, in documents afterwards.

use super::backend::{Backend, Reply};
use super::error::{S3Result, invalid_argument, no_such_version, refuse};
use crate::api::codec::pairs;
use crate::api::error::AwsError;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

const TAGS_MOST: usize = 10;
const KEY_MOST: usize = 128;
const VALUE_MOST: usize = 256;

pub(super) type Tags = BTreeMap<String, String>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Addressed {
    bucket: String,
    key: String,
    version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutTagging {
    #[serde(flatten)]
    addressed: Addressed,
    tagging: Tagging,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tagging {
    tag_set: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

impl Backend {
    pub(super) fn tags(&self, input: &Addressed) -> S3Result<Reply> {
        check_version(input.version_id.as_deref())?;
        let object = self.objects.head(&input.bucket, &input.key).map_err(refuse)?;
        let tags = object.about.tags.iter();
        let tags: Vec<_> = tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        Ok(json!({ "TagSet": tags }).into())
    }

    pub(super) async fn tag(&self, input: PutTagging) -> S3Result<Reply> {
        let PutTagging { addressed: Addressed { bucket, key, version_id }, tagging } = input;
        check_version(version_id.as_deref())?;
        let tags = tagging.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect();
        let tags = checked(tags, || {
            AwsError::new(400, "InvalidTag", "Cannot provide multiple Tags with the same key")
        })?;
        let amend = self.objects.amend(&bucket, &key, |about| about.tags = tags);
        amend.await.map_err(refuse)?;
        Ok(Reply::default())
    }

    pub(super) async fn untag(&self, input: Addressed) -> S3Result<Reply> {
        check_version(input.version_id.as_deref())?;
        let amend = self.objects.amend(&input.bucket, &input.key, |about| about.tags.clear());
        amend.await.map_err(refuse)?;
        Ok(Reply::default())
    }
}

/// Buckets have no versions here: an object is its own `null` version.
pub(super) fn check_version(version: Option<&str>) -> S3Result<()> {
    match version {
        None | Some("null") => Ok(()),
        // All that AWS gives out have 32 characters.
        Some(version) if version.len() == 32 => Err(no_such_version(version)),
        Some(version) => Err(invalid_argument("Invalid version id specified")
            .with("ArgumentName", "versionId")
            .with("ArgumentValue", version)),
    }
}

/// The tags of `x-amz-tagging`: `a=1&b=2`.
pub(super) fn of_header(text: &str) -> S3Result<Tags> {
    checked(pairs(text, true).collect(), || {
        invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query \
             parameters without tag name duplicates.",
        )
        .with("ArgumentName", "x-amz-tagging")
        .with("ArgumentValue", text)
    })
}

fn checked(tags: Vec<(String, String)>, twice: impl Fn() -> AwsError) -> S3Result<Tags> {
    if tags.len() > TAGS_MOST {
        return Err(AwsError::new(400, "BadRequest", "Object tags cannot be greater than 10"));
    }
    let mut kept = Tags::new();
    for (key, value) in tags {
        let invalid = |what: &str| {
            AwsError::new(400, "InvalidTag", format!("The {what} you have provided is invalid"))
                .with("TagKey", key.as_str())
        };
        if key.is_empty() || key.chars().count() > KEY_MOST || key.starts_with("aws:") {
            return Err(invalid("TagKey"));
        }
        if value.chars().count() > VALUE_MOST {
            return Err(invalid("TagValue"));
        }
        if kept.insert(key, value).is_some() {
            return Err(twice());
        }
    }
    Ok(kept)
}
