//! ListObjectsV2 and ListObjects.

use super::backend::Backend;
use super::checks::kind_text;
use super::condition::to_s3;
use super::error::{invalid_argument, refuse};
use crate::store::objects::{self, List};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::S3Result;
use s3s::dto::{
    ChecksumAlgorithm, CommonPrefix, ETag, EncodingType, ListObjectsInput, ListObjectsOutput,
    ListObjectsV2Input, ListObjectsV2Output, Object, ObjectStorageClass, Owner,
};

const KEYS_MOST: i32 = 1_000;

/// What `encoding-type=url` leaves as it is.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

impl Backend {
    pub(super) fn list_v2(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let from = input.continuation_token.as_deref().map(position).transpose()?;
        let list = List {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            // A token says better where to begin.
            start_after: input.start_after.clone().filter(|_| from.is_none()),
            from,
            limit: 0,
        };
        let (found, max_keys) = self.find(&input.bucket, list, input.max_keys)?;
        let encode = Encoder::of(input.encoding_type.as_ref());
        let owner = (input.fetch_owner == Some(true)).then(|| self.owner());
        let count = found.objects.len() + found.common_prefixes.len();
        Ok(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix.map(|prefix| encode.text(&prefix)),
            max_keys: Some(max_keys),
            key_count: i32::try_from(count).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(found.next.is_some()),
            next_continuation_token: found.next.as_deref().map(token),
            common_prefixes: encode.prefixes(&found.common_prefixes),
            contents: Some(encode.objects(found.objects, owner.as_ref())),
            delimiter: input.delimiter.map(|delimiter| encode.text(&delimiter)),
            encoding_type: input.encoding_type,
            start_after: input.start_after.map(|after| encode.text(&after)),
            request_charged: None,
        })
    }

    pub(super) fn list_v1(&self, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let marker = input.marker.clone().unwrap_or_default();
        let mut list = List {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            start_after: input.marker.clone(),
            from: None,
            limit: 0,
        };
        // A marker that is a common prefix, as NextMarker may be, stands for all keys below it.
        if input.delimiter.as_ref().is_some_and(|end| !end.is_empty() && marker.ends_with(end)) {
            list.from = objects::successor(marker.as_bytes());
        }
        let (found, max_keys) = self.find(&input.bucket, list, input.max_keys)?;
        let encode = Encoder::of(input.encoding_type.as_ref());
        let owner = self.owner();
        let last = [
            found.objects.last().map(|object| object.key.as_str()),
            found.common_prefixes.last().map(String::as_str),
        ];
        let last = last.into_iter().flatten().max().map(|last| encode.text(last));
        let next_marker = last.filter(|_| found.next.is_some() && input.delimiter.is_some());
        Ok(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix.map(|prefix| encode.text(&prefix)),
            marker: Some(encode.text(&marker)),
            max_keys: Some(max_keys),
            is_truncated: Some(found.next.is_some()),
            next_marker,
            common_prefixes: encode.prefixes(&found.common_prefixes),
            contents: Some(encode.objects(found.objects, Some(&owner))),
            delimiter: input.delimiter.map(|delimiter| encode.text(&delimiter)),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }

    fn find(
        &self,
        bucket: &str,
        list: List,
        max_keys: Option<i32>,
    ) -> S3Result<(objects::Listing, i32)> {
        let max_keys = max_keys.unwrap_or(KEYS_MOST);
        if max_keys < 0 {
            return Err(invalid_argument(
                "Argument maxKeys must be an integer between 0 and 2147483647",
            ));
        }
        let max_keys = max_keys.min(KEYS_MOST);
        if max_keys == 0 {
            self.objects.bucket(bucket).map_err(refuse)?;
            return Ok((objects::Listing::default(), 0));
        }
        let limit = usize::try_from(max_keys).unwrap_or(0);
        let found = self.objects.list(bucket, &List { limit, ..list }).map_err(refuse)?;
        Ok((found, max_keys))
    }
}

/// Writes keys as the caller wants them: as they are, or so that XML can hold any of them.
pub(super) struct Encoder {
    url: bool,
}

impl Encoder {
    pub fn of(encoding: Option<&EncodingType>) -> Self {
        Self { url: encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL) }
    }

    pub fn text(&self, text: &str) -> String {
        if self.url { utf8_percent_encode(text, PLAIN).to_string() } else { text.to_owned() }
    }

    pub fn prefixes(&self, prefixes: &[String]) -> Option<Vec<CommonPrefix>> {
        let shown = prefixes.iter().map(|text| CommonPrefix { prefix: Some(self.text(text)) });
        (!prefixes.is_empty()).then(|| shown.collect())
    }

    fn objects(&self, found: Vec<objects::Object>, owner: Option<&Owner>) -> Vec<Object> {
        let show = |object: objects::Object| {
            let checksum = object.about.checksum;
            Object {
                key: Some(self.text(&object.key)),
                size: i64::try_from(object.size).ok(),
                last_modified: Some(to_s3(object.modified)),
                e_tag: Some(ETag::Strong(object.etag)),
                storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                checksum_type: checksum.as_ref().map(|checksum| kind_text(checksum.kind)),
                checksum_algorithm: checksum
                    .map(|sum| vec![ChecksumAlgorithm::from_static(sum.algorithm.name())]),
                owner: owner.cloned(),
                ..Object::default()
            }
        };
        found.into_iter().map(show).collect()
    }
}

fn token(position: &[u8]) -> String {
    let sum = crc32fast::hash(position).to_be_bytes();
    URL_SAFE_NO_PAD.encode([&sum[..], position].concat())
}

fn position(token: &str) -> S3Result<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
    match bytes.split_first_chunk::<4>() {
        Some((sum, position)) if u32::from_be_bytes(*sum) == crc32fast::hash(position) => {
            Ok(position.to_vec())
        }
        _ => Err(invalid_argument("The continuation token provided is incorrect")),
    }
}
