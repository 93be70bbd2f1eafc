//! Copying objects, whole or as a part of a multipart upload.

use super::backend::Backend;
use super::bucket::unimplemented_header;
use super::checks::{kind_text, show_checksum};
use super::condition::{ReadConditions, to_s3};
use super::error::{invalid_argument, precondition, refuse};
use super::object::{about, check_key};
use crate::store::objects::{
    About, Algorithm, Checksum, ChecksumKind, Condition, Object, ObjectError,
};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopyPartResult, CopySource, ETag,
    MetadataDirective, UploadPartCopyInput, UploadPartCopyOutput,
};
use s3s::{S3Request, S3Result, s3_error};
use std::io;

impl Backend {
    pub(super) async fn copy(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<CopyObjectOutput> {
        let input = request.input;
        let beyond = input.tagging.is_some()
            || input.object_lock_mode.is_some()
            || input.object_lock_legal_hold_status.is_some()
            || input.sse_customer_algorithm.is_some()
            || input.copy_source_sse_customer_algorithm.is_some()
            || input.website_redirect_location.is_some();
        if beyond {
            return Err(unimplemented_header());
        }
        check_key(&input.key)?;
        let (bucket, key) = source(&input.copy_source)?;
        let replace = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let changed =
            replace || input.storage_class.is_some() || input.server_side_encryption.is_some();
        if !changed && (bucket, key) == (input.bucket.as_str(), input.key.as_str()) {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself \
                 without changing the object's metadata, storage class, website redirect location \
                 or encryption attributes."
            ));
        }
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_unmodified_since: input.copy_source_if_unmodified_since,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
        };
        let new = if replace {
            Some(about(&request.headers, input.metadata.unwrap_or_default())?)
        } else {
            None
        };
        let asked =
            input.checksum_algorithm.as_ref().and_then(|name| Algorithm::parse(name.as_str()));
        let to = (input.bucket.as_str(), input.key.as_str());
        let head = self.objects.head(bucket, key).map_err(refuse)?;
        let has = head.about.checksum.as_ref().map(|checksum| checksum.algorithm);
        let object = if asked.is_some_and(|asked| Some(asked) != has) {
            if !conditions.check_source(&head) {
                return Err(precondition());
            }
            self.copy_bytes((bucket, key), to, new, asked.unwrap_or(Algorithm::Crc64Nvme)).await?
        } else {
            let unless = move |object: &Object| {
                let holds = conditions.check_source(object);
                if holds { Ok(()) } else { Err(ObjectError::Condition(object.key.clone())) }
            };
            self.objects.copy((bucket, key), to, new, unless).await.map_err(refuse)?
        };
        Ok(CopyObjectOutput {
            copy_object_result: Some(result(object)),
            ..CopyObjectOutput::default()
        })
    }

    /// Copies byte by byte, to compute a checksum that the source does not have.
    async fn copy_bytes(
        &self,
        from: (&str, &str),
        to: (&str, &str),
        new: Option<About>,
        algorithm: Algorithm,
    ) -> S3Result<Object> {
        let (object, reader) = self.objects.open(from.0, from.1).map_err(refuse)?;
        let draft = self.objects.draft(&[algorithm]).map_err(|error| refuse(error.into()))?;
        let stream = Box::pin(reader.into_stream());
        let filled: Result<_, io::Error> = draft.fill(stream).await;
        let sealed = filled.and_then(crate::store::objects::Draft::seal);
        let sealed = sealed.map_err(|error| refuse(error.into()))?;
        let checksum = sealed.checksum(algorithm).map(|value| Checksum {
            algorithm,
            kind: ChecksumKind::FullObject,
            value: value.to_owned(),
        });
        let about = About { checksum, ..new.unwrap_or(object.about) };
        let put = self.objects.put(to.0, to.1, sealed, about, Condition::Always);
        put.await.map_err(refuse)
    }

    pub(super) async fn copy_part(
        &self,
        input: UploadPartCopyInput,
    ) -> S3Result<UploadPartCopyOutput> {
        let id = super::multipart::upload_id(&input.upload_id)?;
        let number = super::multipart::part_number(input.part_number)?;
        let upload = self.objects.upload(&input.bucket, &input.key, id).map_err(refuse)?;
        let (bucket, key) = source(&input.copy_source)?;
        let (object, reader) = self.objects.open(bucket, key).map_err(refuse)?;
        let conditions = ReadConditions {
            if_match: input.copy_source_if_match,
            if_unmodified_since: input.copy_source_if_unmodified_since,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
        };
        if !conditions.check_source(&object) {
            return Err(precondition());
        }
        let reader = match input.copy_source_range.as_deref().map(span).transpose()? {
            None => reader,
            Some((first, last)) if last < object.size => reader.range(first, last - first + 1),
            Some(_) => {
                return Err(s3_error!(
                    InvalidArgument,
                    "Range specified is not valid for source object of size: {}",
                    object.size
                ));
            }
        };
        let algorithm = upload.checksum.map(|(algorithm, _)| algorithm);
        let wanted: Vec<_> = algorithm.into_iter().collect();
        let draft = self.objects.draft(&wanted).map_err(|error| refuse(error.into()))?;
        let filled: Result<_, io::Error> = draft.fill(Box::pin(reader.into_stream())).await;
        let sealed = filled.and_then(crate::store::objects::Draft::seal);
        let sealed = sealed.map_err(|error| refuse(error.into()))?;
        let checksum = algorithm
            .and_then(|algorithm| Some((algorithm, sealed.checksum(algorithm)?.to_owned())));
        let whose = (input.bucket.as_str(), input.key.as_str(), id);
        let part = self.objects.put_part(whose, number, sealed, checksum).await.map_err(refuse)?;
        let mut copied = CopyPartResult {
            e_tag: Some(ETag::Strong(part.etag)),
            last_modified: Some(to_s3(part.modified)),
            ..CopyPartResult::default()
        };
        if let Some((algorithm, value)) = part.checksum {
            show_checksum!(copied, algorithm, value);
        }
        Ok(UploadPartCopyOutput {
            copy_part_result: Some(copied),
            ..UploadPartCopyOutput::default()
        })
    }
}

fn result(object: Object) -> CopyObjectResult {
    let mut result = CopyObjectResult {
        e_tag: Some(ETag::Strong(object.etag)),
        last_modified: Some(to_s3(object.modified)),
        ..CopyObjectResult::default()
    };
    if let Some(checksum) = object.about.checksum {
        result.checksum_type = Some(kind_text(checksum.kind));
        show_checksum!(result, checksum.algorithm, checksum.value);
    }
    result
}

fn source(source: &CopySource) -> S3Result<(&str, &str)> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => match version_id.as_deref() {
            None | Some("null") => Ok((bucket, key)),
            Some(_) => Err(invalid_argument("Invalid version id specified")),
        },
        _ => Err(s3_error!(NotImplemented, "Access points are not implemented")),
    }
}

/// `bytes=first-last`, the only form that a copied part knows.
fn span(text: &str) -> S3Result<(u64, u64)> {
    let parsed = text
        .strip_prefix("bytes=")
        .and_then(|span| span.split_once('-'))
        .and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    parsed.filter(|(first, last)| first <= last).ok_or_else(|| {
        invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first \
             and last are the zero-based offsets of the first and last bytes to copy",
        )
    })
}
