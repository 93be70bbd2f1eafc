//! Multipart uploads.

use super::backend::Backend;
use super::bucket::unimplemented_header;
use super::checks::{Claims, kind_text, show_checksum};
use super::condition::{of_write, to_s3};
use super::error::{invalid_argument, refuse};
use super::listing::Encoder;
use super::object::{about, check_key, verified};
use crate::store::objects::{self, Algorithm, ChecksumKind, UploadId};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, ChecksumType,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload, Part,
    StorageClass, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Result, s3_error};

const PARTS_MOST: i32 = 10_000;
const PAGE_MOST: i32 = 1_000;

impl Backend {
    pub(super) async fn create_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let input = request.input;
        let beyond = input.tagging.is_some()
            || input.object_lock_mode.is_some()
            || input.object_lock_legal_hold_status.is_some()
            || input.sse_customer_algorithm.is_some()
            || input.website_redirect_location.is_some();
        if beyond {
            return Err(unimplemented_header());
        }
        check_key(&input.key)?;
        let about = about(&request.headers, input.metadata.unwrap_or_default())?;
        let checksum = declared(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref())?;
        let id = self
            .objects
            .create_upload(&input.bucket, &input.key, about, checksum)
            .await
            .map_err(refuse)?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id.to_string()),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: checksum.map(|(_, kind)| kind_text(kind)),
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(super) async fn put_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<UploadPartOutput> {
        let (input, extensions) = (request.input, request.extensions);
        if input.sse_customer_algorithm.is_some() {
            return Err(unimplemented_header());
        }
        let id = upload_id(&input.upload_id)?;
        let number = part_number(input.part_number)?;
        let upload = self.objects.upload(&input.bucket, &input.key, id).map_err(refuse)?;
        let claims = Claims::of(&request.headers, &extensions)?;
        let declared = upload.checksum.map(|(algorithm, _)| algorithm);
        if let (Some(declared), Some(sent)) = (declared, claims.algorithm())
            && declared != sent
        {
            return Err(s3_error!(
                InvalidRequest,
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum \
                 Type: {}",
                declared.name().to_lowercase(),
                sent.name().to_lowercase()
            ));
        }
        let kept = declared.or(claims.algorithm()).unwrap_or(Algorithm::Crc64Nvme);
        let (sealed, checksum) = verified(self, input.body, &claims, kept, &extensions).await?;
        let keep = declared.is_some() || claims.algorithm().is_some();
        let checksum = keep.then_some((checksum.algorithm, checksum.value));
        let whose = (input.bucket.as_str(), input.key.as_str(), id);
        let part = self.objects.put_part(whose, number, sealed, checksum).await.map_err(refuse)?;
        let mut output = UploadPartOutput {
            e_tag: Some(ETag::Strong(part.etag)),
            ..UploadPartOutput::default()
        };
        if let Some((algorithm, value)) = part.checksum {
            show_checksum!(output, algorithm, value);
        }
        Ok(output)
    }

    pub(super) async fn complete(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let input = request.input;
        let id = upload_id(&input.upload_id)?;
        let condition = of_write(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let promised = Claims::of(&request.headers, &request.extensions)?.into_checksum();
        let named = input.multipart_upload.and_then(|parts| parts.parts).unwrap_or_default();
        if named.is_empty() {
            return Err(s3_error!(
                MalformedXML,
                "The XML you provided was not well-formed or did not validate against our \
                 published schema"
            ));
        }
        let named = named.into_iter().map(completed).collect::<S3Result<Vec<_>>>()?;
        let whose = (input.bucket.as_str(), input.key.as_str(), id);
        let object = self
            .objects
            .complete_upload(whose, named, promised, condition)
            .await
            .map_err(refuse)?;
        if input.mpu_object_size.is_some_and(|size| u64::try_from(size) != Ok(object.size)) {
            tracing::debug!("a completed upload has another size than its client said");
        }
        let mut output = CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(object.etag)),
            ..CompleteMultipartUploadOutput::default()
        };
        if let Some(checksum) = object.about.checksum {
            output.checksum_type = Some(kind_text(checksum.kind));
            show_checksum!(output, checksum.algorithm, checksum.value);
        }
        Ok(output)
    }

    pub(super) async fn abort(
        &self,
        input: AbortMultipartUploadInput,
    ) -> S3Result<AbortMultipartUploadOutput> {
        let id = upload_id(&input.upload_id)?;
        self.objects.abort_upload(&input.bucket, &input.key, id).await.map_err(refuse)?;
        Ok(AbortMultipartUploadOutput::default())
    }

    pub(super) fn parts(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let id = upload_id(&input.upload_id)?;
        let upload = self.objects.upload(&input.bucket, &input.key, id).map_err(refuse)?;
        let limit = input.max_parts.unwrap_or(PAGE_MOST).clamp(0, PAGE_MOST);
        let after = input.part_number_marker.unwrap_or(0);
        let whose = (input.bucket.as_str(), input.key.as_str(), id);
        let wanted = usize::try_from(limit).unwrap_or(0);
        let after_number = u32::try_from(after).unwrap_or(0);
        let mut found = self.objects.parts(whose, after_number, wanted + 1).map_err(refuse)?;
        let more = found.len() > wanted;
        found.truncate(wanted);
        let last = found.last().and_then(|part| i32::try_from(part.number).ok());
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(more),
            max_parts: Some(limit),
            part_number_marker: Some(after),
            next_part_number_marker: last.or(Some(0)),
            parts: Some(found.into_iter().map(shown).collect()),
            owner: Some(self.owner()),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            checksum_algorithm: upload
                .checksum
                .map(|(algorithm, _)| ChecksumAlgorithm::from_static(algorithm.name())),
            checksum_type: upload.checksum.map(|(_, kind)| kind_text(kind)),
            ..ListPartsOutput::default()
        })
    }

    pub(super) fn uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> S3Result<ListMultipartUploadsOutput> {
        if input.delimiter.as_ref().is_some_and(|delimiter| !delimiter.is_empty()) {
            return Err(s3_error!(
                NotImplemented,
                "ListMultipartUploads with a delimiter is not implemented"
            ));
        }
        let limit = input.max_uploads.unwrap_or(PAGE_MOST).clamp(1, PAGE_MOST);
        let id = input.upload_id_marker.as_deref().map(upload_id).transpose()?;
        let after = input.key_marker.as_deref().map(|key| (key, id));
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let wanted = usize::try_from(limit).unwrap_or(1);
        let found = self.objects.uploads(&input.bucket, prefix, after, wanted + 1);
        let mut found = found.map_err(refuse)?;
        let more = found.len() > wanted;
        found.truncate(wanted);
        let encode = Encoder::of(input.encoding_type.as_ref());
        let last = found.last().filter(|_| more);
        let (next_key, next_id) =
            (last.map(|upload| encode.text(&upload.key)), last.map(|upload| upload.id.to_string()));
        let owner = self.owner();
        let uploads = found
            .into_iter()
            .map(|upload| MultipartUpload {
                key: Some(encode.text(&upload.key)),
                upload_id: Some(upload.id.to_string()),
                initiated: Some(to_s3(upload.created)),
                owner: Some(owner.clone()),
                storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                checksum_algorithm: upload
                    .checksum
                    .map(|(algorithm, _)| ChecksumAlgorithm::from_static(algorithm.name())),
                checksum_type: upload.checksum.map(|(_, kind)| kind_text(kind)),
                ..MultipartUpload::default()
            })
            .collect();
        Ok(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            encoding_type: input.encoding_type,
            is_truncated: Some(more),
            key_marker: Some(input.key_marker.unwrap_or_default()),
            max_uploads: Some(limit),
            next_key_marker: next_key,
            next_upload_id_marker: next_id,
            prefix: input.prefix,
            upload_id_marker: input.upload_id_marker,
            uploads: Some(uploads),
            ..ListMultipartUploadsOutput::default()
        })
    }
}

pub(super) fn upload_id(text: &str) -> S3Result<UploadId> {
    text.parse().map_err(refuse)
}

pub(super) fn part_number(number: i32) -> S3Result<u32> {
    u32::try_from(number).ok().filter(|_| (1..=PARTS_MOST).contains(&number)).ok_or_else(|| {
        invalid_argument("Part number must be an integer between 1 and 10000, inclusive")
    })
}

/// How an upload's parts and its whole are checked: CRC64NVME can only be of the whole, SHA only of
/// the parts, and what is not said is what AWS takes.
fn declared(
    algorithm: Option<&ChecksumAlgorithm>,
    kind: Option<&ChecksumType>,
) -> S3Result<Option<(Algorithm, ChecksumKind)>> {
    let Some(algorithm) = algorithm else { return Ok(None) };
    let algorithm = Algorithm::parse(algorithm.as_str()).ok_or_else(|| {
        s3_error!(
            InvalidRequest,
            "Checksum algorithm provided is unsupported. Please try again with any of the valid \
             types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
        )
    })?;
    let kind = match kind.map(ChecksumType::as_str) {
        None if algorithm == Algorithm::Crc64Nvme => ChecksumKind::FullObject,
        None | Some(ChecksumType::COMPOSITE) => ChecksumKind::Composite,
        Some(_) => ChecksumKind::FullObject,
    };
    let possible = match kind {
        ChecksumKind::FullObject => algorithm.combines(),
        ChecksumKind::Composite => algorithm != Algorithm::Crc64Nvme,
    };
    if possible {
        return Ok(Some((algorithm, kind)));
    }
    Err(s3_error!(
        InvalidRequest,
        "The {} checksum type cannot be used with the {} checksum algorithm.",
        kind_text(kind).as_str(),
        algorithm.name().to_lowercase()
    ))
}

fn completed(part: CompletedPart) -> S3Result<objects::CompletedPart> {
    let sums = [
        (Algorithm::Crc32, part.checksum_crc32),
        (Algorithm::Crc32c, part.checksum_crc32c),
        (Algorithm::Crc64Nvme, part.checksum_crc64nvme),
        (Algorithm::Sha1, part.checksum_sha1),
        (Algorithm::Sha256, part.checksum_sha256),
    ];
    let checksum = sums.into_iter().find_map(|(algorithm, sum)| Some((algorithm, sum?)));
    let number = part_number(part.part_number.unwrap_or(0))?;
    let etag = part.e_tag.map(|etag| etag.value().to_owned()).unwrap_or_default();
    Ok(objects::CompletedPart { number, etag, checksum })
}

fn shown(part: objects::Part) -> Part {
    let mut shown = Part {
        part_number: i32::try_from(part.number).ok(),
        size: i64::try_from(part.size).ok(),
        e_tag: Some(ETag::Strong(part.etag)),
        last_modified: Some(to_s3(part.modified)),
        ..Part::default()
    };
    if let Some((algorithm, value)) = part.checksum {
        show_checksum!(shown, algorithm, value);
    }
    shown
}
