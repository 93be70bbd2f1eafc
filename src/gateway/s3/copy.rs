//! Copying objects, whole or as a part of a multipart upload.

use super::Call;
use super::about::{self, Stated, quoted, time};
use super::backend::{Backend, Reply, view};
use super::checks;
use super::condition::{ReadConditions, of_write};
use super::error::{S3Result, invalid_argument, invalid_request, of_upload, precondition, refuse};
use super::tagging::check_version;
use super::{multipart, window};
use crate::store::objects::{
    About, Algorithm, Checksum, ChecksumKind, Condition, Draft, Object, ObjectError, Reader, Sealed,
};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::io;

/// The largest source of one copy.
const SIZE_MOST: u64 = 5 * 1024 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CopyObject {
    bucket: String,
    key: String,
    copy_source: String,
    #[serde(flatten)]
    source: SourceConditions,
    if_match: Option<String>,
    if_none_match: Option<String>,
    metadata_directive: Option<String>,
    tagging_directive: Option<String>,
    checksum_algorithm: Option<String>,
    #[serde(flatten)]
    stated: Stated,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SourceConditions {
    copy_source_if_match: Option<String>,
    copy_source_if_modified_since: Option<Value>,
    copy_source_if_none_match: Option<String>,
    copy_source_if_unmodified_since: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UploadPartCopy {
    bucket: String,
    key: String,
    upload_id: String,
    part_number: i64,
    copy_source: String,
    copy_source_range: Option<String>,
    #[serde(flatten)]
    source: SourceConditions,
}

impl From<SourceConditions> for ReadConditions {
    fn from(source: SourceConditions) -> Self {
        Self {
            if_match: source.copy_source_if_match,
            if_unmodified_since: source.copy_source_if_unmodified_since,
            if_none_match: source.copy_source_if_none_match,
            if_modified_since: source.copy_source_if_modified_since,
        }
    }
}

/// What becomes of what is known of the source: each directive takes it over or replaces it.
struct Plan {
    conditions: ReadConditions,
    stated: About,
    replace: bool,
    replace_tags: bool,
}

impl Plan {
    fn about(&self, source: &Object) -> Result<About, ObjectError> {
        self.conditions.check_source(source).map_err(ObjectError::Source)?;
        let tags = if self.replace_tags { &self.stated.tags } else { &source.about.tags }.clone();
        let known = if self.replace { &self.stated } else { &source.about }.clone();
        // A copy is of the class and the encryption that it was asked to be, whatever the source is.
        let About { storage_class, encryption, redirect, .. } = self.stated.clone();
        Ok(About { storage_class, encryption, redirect, tags, ..known })
    }
}

impl Backend {
    pub(super) async fn copy(&self, call: Call) -> S3Result<Reply> {
        let input: CopyObject = view(call.input)?;
        let from = source(&input.copy_source)?;
        let to = (input.bucket.as_str(), input.key.as_str());
        let condition = of_write(input.if_match.as_deref(), input.if_none_match.as_deref())?;
        let replace = input.metadata_directive.as_deref() == Some("REPLACE");
        let replace_tags = input.tagging_directive.as_deref() == Some("REPLACE");
        let changed = replace || replace_tags || input.stated.changes_itself();
        if !changed && (from.0.as_str(), from.1.as_str()) == to {
            return Err(invalid_request(
                "This copy request is illegal because it is trying to copy an object to itself \
                 without changing the object's metadata, storage class, website redirect location \
                 or encryption attributes.",
            ));
        }
        let conditions = input.source.into();
        let plan =
            Plan { conditions, stated: input.stated.about(&call.headers)?, replace, replace_tags };
        let asked = input.checksum_algorithm.map(|name| multipart::algorithm(&name)).transpose()?;
        let head = self.objects.head(&from.0, &from.1).map_err(refuse)?;
        if head.size > SIZE_MOST {
            return Err(invalid_request(format!(
                "The specified copy source is larger than the maximum allowable size for a copy \
                 source: {SIZE_MOST}"
            )));
        }
        let has = head.about.checksum.as_ref().map(|checksum| checksum.algorithm);
        let from = (from.0.as_str(), from.1.as_str());
        let object = match asked.filter(|asked| Some(*asked) != has) {
            Some(asked) => self.copy_bytes(from, to, &plan, asked, condition).await?,
            None => {
                let copied =
                    self.objects.copy(from, to, condition, move |source| plan.about(source));
                copied.await.map_err(refuse)?
            }
        };
        let mut result = Map::new();
        result.insert("ETag".into(), quoted(&object.etag));
        result.insert("LastModified".into(), time(object.modified));
        checks::show(object.about.checksum.as_ref(), &mut result);
        let mut document = Map::new();
        about::show_encryption(&object.about, &mut document);
        document.insert("CopyObjectResult".into(), result.into());
        Ok(Value::Object(document).into())
    }

    /// Copies byte by byte, to compute a checksum that the source does not have.
    async fn copy_bytes(
        &self,
        from: (&str, &str),
        to: (&str, &str),
        plan: &Plan,
        algorithm: Algorithm,
        condition: Condition,
    ) -> S3Result<Object> {
        let (object, reader) = self.objects.open(from.0, from.1).map_err(refuse)?;
        let about = plan.about(&object).map_err(refuse)?;
        let sealed = self.sealed(reader, &[algorithm]).await?;
        let checksum = sealed.checksum(algorithm).map(|value| Checksum {
            algorithm,
            kind: ChecksumKind::FullObject,
            value: value.to_owned(),
        });
        let put = self.objects.put(to.0, to.1, sealed, About { checksum, ..about }, condition);
        put.await.map_err(refuse)
    }

    async fn sealed(&self, reader: Reader, algorithms: &[Algorithm]) -> S3Result<Sealed> {
        let draft = self.objects.draft(algorithms).map_err(|error| refuse(error.into()))?;
        let filled: Result<_, io::Error> = draft.fill(Box::pin(reader.into_stream())).await;
        filled.and_then(Draft::seal).map_err(|error| refuse(error.into()))
    }

    pub(super) async fn copy_part(&self, input: UploadPartCopy) -> S3Result<Reply> {
        let failed = of_upload(&input.upload_id);
        let id = input.upload_id.parse().map_err(&failed)?;
        let number = multipart::part_number(input.part_number)?;
        let upload = self.objects.upload(&input.bucket, &input.key, id).map_err(&failed)?;
        let (bucket, key) = source(&input.copy_source)?;
        let (object, reader) = self.objects.open(&bucket, &key).map_err(refuse)?;
        ReadConditions::from(input.source).check_source(&object).map_err(precondition)?;
        let reader = match input.copy_source_range.as_deref() {
            None => reader,
            Some(text) => {
                let (start, length) = window::of_copy(text, object.size)?;
                reader.range(start, length)
            }
        };
        let algorithm = upload.checksum.map(|(algorithm, _)| algorithm);
        let wanted: Vec<_> = algorithm.into_iter().collect();
        let sealed = self.sealed(reader, &wanted).await?;
        let checksum = algorithm
            .and_then(|algorithm| Some((algorithm, sealed.checksum(algorithm)?.to_owned())));
        let whose = (input.bucket.as_str(), input.key.as_str(), id);
        let part = self.objects.put_part(whose, number, sealed, checksum).await.map_err(&failed)?;
        let mut result = Map::new();
        result.insert("ETag".into(), quoted(&part.etag));
        result.insert("LastModified".into(), time(part.modified));
        if let Some((algorithm, value)) = part.checksum {
            result.insert(checks::member(algorithm), value.into());
        }
        let mut document = Map::new();
        about::show_encryption(&upload.about, &mut document);
        document.insert("CopyPartResult".into(), json!(result));
        Ok(Value::Object(document).into())
    }
}

/// `bucket/key` or `/bucket/key`, encoded, with a version behind it if need be.
fn source(text: &str) -> S3Result<(String, String)> {
    let (path, version) = match text.split_once("?versionId=") {
        Some((path, version)) => (path, Some(version)),
        None => (text, None),
    };
    check_version(version)?;
    let decoded = percent_decode_str(path).decode_utf8().ok();
    let decoded = decoded.as_deref().map(|path| path.strip_prefix('/').unwrap_or(path));
    let found = decoded.and_then(|path| path.split_once('/')).filter(|(bucket, key)| {
        !bucket.is_empty() && !key.is_empty() && !bucket.starts_with("arn:")
    });
    found.map(|(bucket, key)| (bucket.to_owned(), key.to_owned())).ok_or_else(|| {
        invalid_argument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        )
        .with("ArgumentName", "x-amz-copy-source")
        .with("ArgumentValue", text)
    })
}
