//! Putting, getting and deleting objects.

use super::backend::Backend;
use super::bucket::unimplemented_header;
use super::checks::{Claims, kind_text, show_checksum};
use super::condition::{ReadConditions, of_write, to_s3};
use super::error::{custom, invalid_argument, refuse};
use crate::store::objects::{About, Algorithm, Checksum, Draft, Object};
use futures::StreamExt;
use http::{Extensions, HeaderMap, StatusCode};
use s3s::dto::{
    ChecksumMode, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput,
    DeletedObject, ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    PutObjectInput, PutObjectOutput, Range, StreamingBlob, Timestamp, TimestampFormat,
};
use s3s::{S3Error, S3Request, S3Result, s3_error};
use std::io;

/// User metadata, names and values together.
const METADATA_MOST: usize = 2 * 1024;
const KEY_MOST: usize = 1_024;

/// Which part of an object an answer holds.
struct Window {
    start: u64,
    length: u64,
    /// `None` when it is the whole.
    range: Option<String>,
    parts: Option<i32>,
}

impl Backend {
    pub(super) async fn put(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<PutObjectOutput> {
        let (input, headers, extensions) = (request.input, request.headers, request.extensions);
        let beyond = input.tagging.is_some()
            || input.object_lock_mode.is_some()
            || input.object_lock_legal_hold_status.is_some()
            || input.sse_customer_algorithm.is_some()
            || input.website_redirect_location.is_some()
            || input.write_offset_bytes.is_some();
        if beyond {
            return Err(unimplemented_header());
        }
        check_key(&input.key)?;
        let condition = of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let about = about(&headers, input.metadata.unwrap_or_default())?;
        // Before the bytes are taken in, which may be many.
        self.objects.bucket(&input.bucket).map_err(refuse)?;
        let claims = Claims::of(&headers, &extensions)?;
        let kept = claims.algorithm().unwrap_or(Algorithm::Crc64Nvme);
        let (sealed, checksum) = verified(self, input.body, &claims, kept, &extensions).await?;
        let about = About { checksum: Some(checksum), ..about };
        let object = self
            .objects
            .put(&input.bucket, &input.key, sealed, about, condition)
            .await
            .map_err(refuse)?;
        let mut output = PutObjectOutput {
            e_tag: Some(ETag::Strong(object.etag)),
            ..PutObjectOutput::default()
        };
        if let Some(checksum) = object.about.checksum {
            output.checksum_type = Some(kind_text(checksum.kind));
            show_checksum!(output, checksum.algorithm, checksum.value);
        }
        Ok(output)
    }

    /// Streams a body into a new file.
    pub(super) async fn receive(
        &self,
        body: Option<StreamingBlob>,
        algorithms: &[Algorithm],
    ) -> S3Result<Draft> {
        let draft = self.objects.draft(algorithms).map_err(|error| refuse(error.into()))?;
        let Some(body) = body else { return Ok(draft) };
        let stream = body.map(|chunk| chunk.map_err(Interrupted::Body));
        draft.fill(stream).await.map_err(|interrupted| match interrupted {
            Interrupted::Body(error) => super::broken_body(&*error),
            Interrupted::Disk(error) => refuse(error.into()),
        })
    }

    pub(super) fn get(&self, input: &GetObjectInput) -> S3Result<GetObjectOutput> {
        if input.sse_customer_algorithm.is_some() {
            return Err(unimplemented_header());
        }
        let head = self.objects.head(&input.bucket, &input.key).map_err(refuse)?;
        conditions(input).check(&head)?;
        let (object, reader) = self.objects.open(&input.bucket, &input.key).map_err(refuse)?;
        conditions(input).check(&object)?;
        let window = self.window(&object, input.range, input.part_number)?;
        let reader = reader.range(window.start, window.length);
        let output = GetObjectOutput {
            body: Some(StreamingBlob::wrap(reader.into_stream())),
            accept_ranges: Some("bytes".into()),
            cache_control: object.about.cache_control,
            content_disposition: object.about.content_disposition,
            content_encoding: object.about.content_encoding,
            content_language: object.about.content_language,
            content_length: i64::try_from(window.length).ok(),
            content_type: object.about.content_type,
            e_tag: Some(ETag::Strong(object.etag)),
            expires: object.about.expires.as_deref().and_then(http_date),
            last_modified: Some(to_s3(object.modified)),
            metadata: Some(object.about.user.into_iter().collect()),
            parts_count: window.parts,
            ..GetObjectOutput::default()
        };
        let whole = window.range.is_none();
        let mut output = GetObjectOutput { content_range: window.range, ..output };
        if let Some(checksum) = shown(object.about.checksum, input.checksum_mode.as_ref(), whole) {
            output.checksum_type = Some(kind_text(checksum.kind));
            show_checksum!(output, checksum.algorithm, checksum.value);
        }
        Ok(output)
    }

    pub(super) fn head(&self, input: &HeadObjectInput) -> S3Result<HeadObjectOutput> {
        if input.sse_customer_algorithm.is_some() {
            return Err(unimplemented_header());
        }
        let object = self.objects.head(&input.bucket, &input.key).map_err(refuse)?;
        let conditions = ReadConditions {
            if_match: input.if_match.clone(),
            if_unmodified_since: input.if_unmodified_since.clone(),
            if_none_match: input.if_none_match.clone(),
            if_modified_since: input.if_modified_since.clone(),
        };
        conditions.check(&object)?;
        let window = self.window(&object, input.range, input.part_number)?;
        let mut output = HeadObjectOutput {
            accept_ranges: Some("bytes".into()),
            cache_control: object.about.cache_control,
            content_disposition: object.about.content_disposition,
            content_encoding: object.about.content_encoding,
            content_language: object.about.content_language,
            content_length: i64::try_from(window.length).ok(),
            content_type: object.about.content_type,
            e_tag: Some(ETag::Strong(object.etag)),
            expires: object.about.expires.as_deref().and_then(http_date),
            last_modified: Some(to_s3(object.modified)),
            metadata: Some(object.about.user.into_iter().collect()),
            parts_count: window.parts,
            ..HeadObjectOutput::default()
        };
        let whole = window.range.is_none();
        output.content_range = window.range;
        if let Some(checksum) = shown(object.about.checksum, input.checksum_mode.as_ref(), whole) {
            output.checksum_type = Some(kind_text(checksum.kind));
            show_checksum!(output, checksum.algorithm, checksum.value);
        }
        Ok(output)
    }

    /// The part of the object that a range or a part number asks for.
    fn window(&self, object: &Object, range: Option<Range>, part: Option<i32>) -> S3Result<Window> {
        let window = |span: std::ops::Range<u64>, parts| Window {
            start: span.start,
            length: span.end - span.start,
            range: Some(format!(
                "bytes {}-{}/{}",
                span.start,
                span.end.saturating_sub(1),
                object.size
            )),
            parts,
        };
        match (range, part) {
            (None, None) => Ok(Window { start: 0, length: object.size, range: None, parts: None }),
            (Some(_), Some(_)) => Err(s3_error!(
                InvalidRequest,
                "Cannot specify both Range header and partNumber query parameter"
            )),
            (Some(range), None) => {
                let span = range.check(object.size).map_err(|_| {
                    s3_error!(InvalidRange, "The requested range is not satisfiable")
                })?;
                Ok(window(span, None))
            }
            (None, Some(number)) => {
                let sizes = self.objects.part_sizes(object).map_err(refuse)?;
                let count = i32::try_from(sizes.len()).ok().filter(|count| *count > 0);
                let sizes = if sizes.is_empty() { vec![object.size] } else { sizes };
                let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
                let index = index.filter(|index| *index < sizes.len()).ok_or_else(|| {
                    custom(
                        "InvalidPartNumber",
                        "The requested partnumber is not satisfiable",
                        StatusCode::RANGE_NOT_SATISFIABLE,
                    )
                })?;
                let start = sizes[..index].iter().sum();
                if object.size == 0 {
                    return Ok(Window { start: 0, length: 0, range: None, parts: count });
                }
                Ok(window(start..start + sizes[index], count))
            }
        }
    }

    pub(super) async fn delete(&self, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
        if input.version_id.as_ref().is_some_and(|version| version != "null") {
            return Err(invalid_argument("Invalid version id specified"));
        }
        self.objects.delete(&input.bucket, vec![input.key]).await.map_err(refuse)?;
        Ok(DeleteObjectOutput::default())
    }

    pub(super) async fn delete_many(
        &self,
        input: DeleteObjectsInput,
    ) -> S3Result<DeleteObjectsOutput> {
        let objects = input.delete.objects;
        if objects.is_empty() || objects.len() > 1_000 {
            return Err(s3_error!(
                MalformedXML,
                "The XML you provided was not well-formed or did not validate against our \
                 published schema"
            ));
        }
        let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
        self.objects.delete(&input.bucket, keys.clone()).await.map_err(refuse)?;
        let deleted = keys
            .into_iter()
            .map(|key| DeletedObject { key: Some(key), ..DeletedObject::default() })
            .collect();
        let told = input.delete.quiet != Some(true);
        Ok(DeleteObjectsOutput {
            deleted: told.then_some(deleted),
            ..DeleteObjectsOutput::default()
        })
    }
}

/// Why a body did not arrive whole.
enum Interrupted {
    Body(s3s::StdError),
    Disk(io::Error),
}

impl From<io::Error> for Interrupted {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

fn conditions(input: &GetObjectInput) -> ReadConditions {
    ReadConditions {
        if_match: input.if_match.clone(),
        if_unmodified_since: input.if_unmodified_since.clone(),
        if_none_match: input.if_none_match.clone(),
        if_modified_since: input.if_modified_since.clone(),
    }
}

/// The checksum goes out when it is asked for, and only with the whole that it is of.
fn shown(checksum: Option<Checksum>, mode: Option<&ChecksumMode>, whole: bool) -> Option<Checksum> {
    checksum.filter(|_| whole && mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED))
}

pub(super) fn check_key(key: &str) -> S3Result<()> {
    if key.len() > KEY_MOST {
        return Err(s3_error!(KeyTooLongError, "Your key is too long"));
    }
    Ok(())
}

/// What the headers say of an object, as they were sent.
pub(super) fn about(
    headers: &HeaderMap,
    metadata: std::collections::HashMap<String, String>,
) -> S3Result<About> {
    let size: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > METADATA_MOST {
        return Err(s3_error!(
            MetadataTooLarge,
            "Your metadata headers exceed the maximum allowed metadata size"
        ));
    }
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(About {
        content_type: text("content-type").or_else(|| Some("binary/octet-stream".into())),
        cache_control: text("cache-control"),
        content_disposition: text("content-disposition"),
        content_encoding: text("content-encoding"),
        content_language: text("content-language"),
        expires: text("expires"),
        user: metadata.into_iter().collect(),
        checksum: None,
    })
}

fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, text).ok()
}

/// A body whose checksum was verified, as a file.
pub(super) async fn verified(
    backend: &Backend,
    body: Option<StreamingBlob>,
    claims: &Claims,
    kept: Algorithm,
    extensions: &Extensions,
) -> Result<(crate::store::objects::Sealed, Checksum), S3Error> {
    let draft = backend.receive(body, &claims.algorithms(kept)).await?;
    let sealed = draft.seal().map_err(|error| refuse(error.into()))?;
    let checksum = claims.verify(&sealed, kept, extensions)?;
    Ok((sealed, checksum))
}
