//! Multipart uploads.

use super::Call;
use super::about::{self, Stated, class, quoted, time};
use super::backend::{Backend, Reply, view};
use super::checks::{self, Claims, kind_text};
use super::condition::{of_write, seconds};
use super::error::{
    S3Result, checksum_type, invalid_argument, invalid_request, malformed_xml, of_upload,
    precondition, refuse, unimplemented,
};
use super::listing::{Encoder, page};
use crate::store::objects::{
    Algorithm, ChecksumKind, CompletedPart, Completion, Part, Upload, UploadId,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const PARTS_MOST: i64 = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateUpload {
    bucket: String,
    key: String,
    checksum_algorithm: Option<String>,
    checksum_type: Option<String>,
    #[serde(flatten)]
    stated: Stated,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UploadPart {
    bucket: String,
    key: String,
    upload_id: String,
    part_number: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Complete {
    bucket: String,
    key: String,
    upload_id: String,
    #[serde(default)]
    multipart_upload: Named,
    if_match: Option<String>,
    if_none_match: Option<String>,
    mpu_object_size: Option<i64>,
    checksum_type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Named {
    parts: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Abort {
    bucket: String,
    key: String,
    upload_id: String,
    if_match_initiated_time: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListParts {
    bucket: String,
    key: String,
    upload_id: String,
    max_parts: Option<i64>,
    part_number_marker: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListUploads {
    bucket: String,
    prefix: Option<String>,
    delimiter: Option<String>,
    encoding_type: Option<String>,
    key_marker: Option<String>,
    upload_id_marker: Option<String>,
    max_uploads: Option<i64>,
}

impl Backend {
    pub(super) async fn create_upload(&self, call: Call) -> S3Result<Reply> {
        let input: CreateUpload = view(call.input)?;
        let about = input.stated.about(&call.headers)?;
        let checksum =
            declared(input.checksum_algorithm.as_deref(), input.checksum_type.as_deref())?;
        let mut document = Map::new();
        about::show_encryption(&about, &mut document);
        let begun = self.objects.create_upload(&input.bucket, &input.key, about, checksum);
        let id = begun.await.map_err(refuse)?;
        let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
        put("Bucket", input.bucket.into());
        put("Key", input.key.into());
        put("UploadId", id.to_string().into());
        put("ChecksumAlgorithm", checksum.map(|(algorithm, _)| algorithm.name()).into());
        put("ChecksumType", checksum.map(|(_, kind)| kind_text(kind)).into());
        Ok(Value::Object(document).into())
    }

    pub(super) async fn put_part(&self, call: Call) -> S3Result<Reply> {
        let input: UploadPart = view(call.input)?;
        let failed = of_upload(&input.upload_id);
        let id = input.upload_id.parse().map_err(&failed)?;
        let number = part_number(input.part_number)?;
        let upload = self.objects.upload(&input.bucket, &input.key, id).map_err(&failed)?;
        let claims = Claims::of(&call.headers, &call.extensions)?;
        let declared = upload.checksum.map(|(algorithm, _)| algorithm);
        if let (Some(declared), Some(sent)) = (declared, claims.algorithm())
            && declared != sent
        {
            return Err(checksum_type(Some(declared.name()), sent.name()));
        }
        let kept = declared.or(claims.algorithm()).unwrap_or(Algorithm::Crc64Nvme);
        let (sealed, checksum) = self.verified(call.body, &claims, kept, &call.extensions).await?;
        let keep = declared.is_some() || claims.algorithm().is_some();
        let checksum = keep.then_some((checksum.algorithm, checksum.value));
        let whose = (input.bucket.as_str(), input.key.as_str(), id);
        let part = self.objects.put_part(whose, number, sealed, checksum).await.map_err(&failed)?;
        let mut document = Map::new();
        about::show_encryption(&upload.about, &mut document);
        document.insert("ETag".into(), quoted(&part.etag));
        if let Some((algorithm, value)) = part.checksum {
            document.insert(checks::member(algorithm), value.into());
        }
        Ok(Value::Object(document).into())
    }

    pub(super) async fn complete(&self, call: Call) -> S3Result<Reply> {
        let input: Complete = view(call.input)?;
        let failed = of_upload(&input.upload_id);
        let id: UploadId = input.upload_id.parse().map_err(&failed)?;
        let condition = of_write(input.if_match.as_deref(), input.if_none_match.as_deref())?;
        let promised = Claims::of(&call.headers, &call.extensions)?.into_checksum();
        if input.multipart_upload.parts.is_empty() {
            return Err(malformed_xml());
        }
        let parts = input.multipart_upload.parts.iter().map(completed);
        let parts = parts.collect::<S3Result<Vec<_>>>()?;
        // One that was completed already answers as it did.
        if let Ok(upload) = self.objects.upload(&input.bucket, &input.key, id) {
            check_kind(&upload, input.checksum_type.as_deref())?;
        }
        let size = input.mpu_object_size.map(u64::try_from).transpose();
        let size = size.map_err(|_negative| {
            invalid_request("Value for x-amz-mp-object-size header is invalid.")
        })?;
        let whose = (input.bucket.as_str(), input.key.as_str(), id);
        let completion = Completion { parts, promised, size, condition };
        let done = self.objects.complete_upload(whose, completion).await.map_err(&failed)?;
        let mut document = Map::new();
        about::show_encryption(&done.about, &mut document);
        checks::show(done.about.checksum.as_ref(), &mut document);
        let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
        put("Location", format!("/{}/{}", input.bucket, input.key).into());
        put("Bucket", input.bucket.into());
        put("Key", input.key.into());
        put("ETag", quoted(&done.etag));
        Ok(Value::Object(document).into())
    }

    pub(super) async fn abort(&self, input: Abort) -> S3Result<Reply> {
        let failed = of_upload(&input.upload_id);
        let id = input.upload_id.parse().map_err(&failed)?;
        if let Some(initiated) = seconds(input.if_match_initiated_time.as_ref()) {
            let upload = self.objects.upload(&input.bucket, &input.key, id).map_err(&failed)?;
            if upload.created.as_millis().div_euclid(1_000) != initiated {
                return Err(precondition("x-amz-if-match-initiated-time"));
            }
        }
        self.objects.abort_upload(&input.bucket, &input.key, id).await.map_err(&failed)?;
        Ok(Reply::default())
    }

    pub(super) fn parts(&self, input: &ListParts) -> S3Result<Reply> {
        let failed = of_upload(&input.upload_id);
        let id = input.upload_id.parse().map_err(&failed)?;
        let limit = page("max-parts", input.max_parts)?;
        let after = input.part_number_marker.unwrap_or(0);
        let after = u32::try_from(after).map_err(|_negative| {
            invalid_argument(
                "Argument part-number-marker must be an integer between 0 and 2147483647",
            )
            .with("ArgumentName", "part-number-marker")
            .with("ArgumentValue", after.to_string())
        })?;
        let upload = self.objects.upload(&input.bucket, &input.key, id).map_err(&failed)?;
        let whose = (input.bucket.as_str(), input.key.as_str(), id);
        let wanted = usize::try_from(limit).unwrap_or(0);
        let mut found = self.objects.parts(whose, after, wanted + 1).map_err(&failed)?;
        let more = found.len() > wanted;
        found.truncate(wanted);
        Ok(json!({
            "Bucket": input.bucket,
            "Key": input.key,
            "UploadId": input.upload_id,
            "IsTruncated": more,
            "MaxParts": limit,
            "PartNumberMarker": after,
            "NextPartNumberMarker": found.last().map_or(0, |part| part.number),
            "Parts": found.iter().map(shown).collect::<Vec<_>>(),
            "Initiator": self.owner(),
            "Owner": self.owner(),
            "StorageClass": class(&upload.about),
            "ChecksumAlgorithm": upload.checksum.map(|(algorithm, _)| algorithm.name()),
            "ChecksumType": upload.checksum.map(|(_, kind)| kind_text(kind)),
        })
        .into())
    }

    pub(super) fn uploads(&self, input: &ListUploads) -> S3Result<Reply> {
        let limit = page("max-uploads", input.max_uploads)?;
        let wanted = usize::try_from(limit).unwrap_or(0);
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let marker = input.upload_id_marker.as_deref().filter(|marker| !marker.is_empty());
        let marker = marker.map(str::parse).transpose().map_err(|_no_upload| {
            invalid_argument("Invalid uploadId marker")
                .with("ArgumentName", "upload-id-marker")
                .with("ArgumentValue", marker)
        })?;
        let after = input.key_marker.as_deref().map(|key| (key, marker));
        let found = self.rolled_up(&input.bucket, prefix, delimiter, after, wanted)?;
        let encode = Encoder::of(input.encoding_type.as_deref());
        let owner = self.owner();
        let show = |upload: &Upload| {
            json!({
                "Key": encode.text(&upload.key),
                "UploadId": upload.id.to_string(),
                "Initiated": time(upload.created),
                "Initiator": owner,
                "Owner": owner,
                "StorageClass": class(&upload.about),
                "ChecksumAlgorithm": upload.checksum.map(|(algorithm, _)| algorithm.name()),
                "ChecksumType": upload.checksum.map(|(_, kind)| kind_text(kind)),
            })
        };
        let next = found.next.as_ref();
        Ok(json!({
            "Bucket": input.bucket,
            "EncodingType": input.encoding_type,
            "IsTruncated": found.more,
            "KeyMarker": encode.text(input.key_marker.as_deref().unwrap_or_default()),
            "UploadIdMarker": input.upload_id_marker.as_deref().unwrap_or_default(),
            "MaxUploads": limit,
            "NextKeyMarker": next.map(|(key, _)| encode.text(key)),
            "NextUploadIdMarker": next.map(|(_, id)| id.map(|id| id.to_string())),
            "Prefix": encode.text(prefix),
            "Delimiter": delimiter.map(|delimiter| encode.text(delimiter)),
            "Uploads": found.uploads.iter().map(show).collect::<Vec<_>>(),
            "CommonPrefixes": encode.prefixes(&found.prefixes),
        })
        .into())
    }

    /// A page of open uploads, with those whose keys hold the delimiter rolled up.
    fn rolled_up(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<(&str, Option<UploadId>)>,
        limit: usize,
    ) -> S3Result<Uploads> {
        let mut page = Uploads::default();
        // A marker that is a common prefix stands for all keys below it.
        let passed = after.map(|(key, _)| key).filter(|key| {
            delimiter.is_some_and(|delimiter| key.ends_with(delimiter)) && !key.is_empty()
        });
        for upload in self.objects.uploads(bucket, prefix, after, usize::MAX).map_err(refuse)? {
            if passed.is_some_and(|passed| upload.key.starts_with(passed)) {
                continue;
            }
            let rest = upload.key.get(prefix.len()..).unwrap_or_default();
            let common = delimiter.and_then(|delimiter| {
                let end = rest.find(delimiter)? + delimiter.len();
                Some(upload.key[..prefix.len() + end].to_owned())
            });
            if common.is_some() && common.as_ref() == page.prefixes.last() {
                continue;
            }
            if page.uploads.len() + page.prefixes.len() == limit {
                page.more = true;
                return Ok(page);
            }
            match common {
                Some(common) => {
                    page.next = Some((common.clone(), None));
                    page.prefixes.push(common);
                }
                None => {
                    page.next = Some((upload.key.clone(), Some(upload.id)));
                    page.uploads.push(upload);
                }
            }
        }
        page.next = None;
        Ok(page)
    }
}

#[derive(Default)]
struct Uploads {
    uploads: Vec<Upload>,
    prefixes: Vec<String>,
    more: bool,
    /// Where the next page begins.
    next: Option<(String, Option<UploadId>)>,
}

pub(super) fn part_number(number: i64) -> S3Result<u32> {
    u32::try_from(number).ok().filter(|_| (1..=PARTS_MOST).contains(&number)).ok_or_else(|| {
        invalid_argument("Part number must be an integer between 1 and 10000, inclusive")
            .with("ArgumentName", "partNumber")
            .with("ArgumentValue", number.to_string())
    })
}

/// One of the algorithms that are computed here; AWS has some more of late.
pub(super) fn algorithm(name: &str) -> S3Result<Algorithm> {
    Algorithm::parse(&name.to_ascii_uppercase())
        .ok_or_else(|| unimplemented("header", &format!("the checksum algorithm {name}")))
}

/// How an upload's parts and its whole are checked: CRC64NVME can only be of the whole, SHA only of
/// the parts, and what is not said is what AWS takes.
fn declared(name: Option<&str>, kind: Option<&str>) -> S3Result<Option<(Algorithm, ChecksumKind)>> {
    let Some(name) = name else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(invalid_request(
                "The x-amz-checksum-type header can only be used with the \
                 x-amz-checksum-algorithm header.",
            )),
        };
    };
    let algorithm = algorithm(name)?;
    let kind = match kind {
        None if algorithm == Algorithm::Crc64Nvme => ChecksumKind::FullObject,
        None | Some("COMPOSITE") => ChecksumKind::Composite,
        Some(_) => ChecksumKind::FullObject,
    };
    let possible = match kind {
        ChecksumKind::FullObject => algorithm.combines(),
        ChecksumKind::Composite => algorithm != Algorithm::Crc64Nvme,
    };
    if possible {
        return Ok(Some((algorithm, kind)));
    }
    Err(invalid_request(format!(
        "The {} checksum type cannot be used with the {} checksum algorithm.",
        kind_text(kind),
        algorithm.name().to_lowercase()
    )))
}

/// The kind of checksum that a completion names has to be the upload's own.
fn check_kind(upload: &Upload, named: Option<&str>) -> S3Result<()> {
    let own = upload.checksum.map(|(_, kind)| kind_text(kind));
    match named {
        Some(named) if Some(named) != own => Err(invalid_request(format!(
            "The upload was created using the {} checksum mode. The complete request must use the \
             same checksum mode.",
            own.unwrap_or("null")
        ))),
        _ => Ok(()),
    }
}

fn completed(part: &Map<String, Value>) -> S3Result<CompletedPart> {
    let text = |name: &str| part.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut sums = Algorithm::ALL.into_iter();
    let checksum = sums.find_map(|it| Some((it, text(&checks::member(it))?)));
    let known = |name: &str| Algorithm::ALL.into_iter().any(|it| checks::member(it) == name);
    let other = part.keys().find(|name| name.starts_with("Checksum") && !known(name));
    if let Some(other) = other {
        return Err(unimplemented("document", other));
    }
    let number = part_number(part.get("PartNumber").and_then(Value::as_i64).unwrap_or(0))?;
    let etag = text("ETag").unwrap_or_default().trim_matches('"').to_owned();
    Ok(CompletedPart { number, etag, checksum })
}

fn shown(part: &Part) -> Value {
    let mut shown = json!({
        "PartNumber": part.number,
        "Size": part.size,
        "ETag": quoted(&part.etag),
        "LastModified": time(part.modified),
    });
    if let Some((algorithm, value)) = &part.checksum {
        shown[checks::member(*algorithm)] = value.as_str().into();
    }
    shown
}
