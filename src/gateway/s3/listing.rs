//! ListObjectsV2 and ListObjects.

use super::about::{class, quoted, time};
use super::backend::{Backend, Reply};
use super::checks::kind_text;
use super::error::{S3Result, invalid_argument, refuse};
use crate::store::objects::{self, List};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

const KEYS_MOST: i64 = 1_000;

/// What `encoding-type=url` leaves as it is.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Asked {
    bucket: String,
    prefix: Option<String>,
    delimiter: Option<String>,
    encoding_type: Option<String>,
    max_keys: Option<i64>,
    marker: Option<String>,
    continuation_token: Option<String>,
    start_after: Option<String>,
    fetch_owner: Option<bool>,
}

impl Asked {
    /// An empty delimiter is none.
    fn delimiter(&self) -> Option<&str> {
        self.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())
    }

    fn list(&self) -> List {
        List {
            prefix: self.prefix.clone().unwrap_or_default(),
            delimiter: self.delimiter().map(str::to_owned),
            ..List::default()
        }
    }
}

impl Backend {
    pub(super) fn list_v2(&self, input: &Asked) -> S3Result<Reply> {
        let from = input.continuation_token.as_deref().map(position).transpose()?;
        // A token says better where to begin.
        let start_after = input.start_after.clone().filter(|_| from.is_none());
        let list = List { start_after, from, ..input.list() };
        let (found, max_keys) = self.find(&input.bucket, list, input.max_keys)?;
        let encode = Encoder::of(input.encoding_type.as_deref());
        let owner = (input.fetch_owner == Some(true)).then(|| self.owner());
        let count = found.objects.len() + found.common_prefixes.len();
        Ok(json!({
            "Name": input.bucket,
            "Prefix": encode.text(input.prefix.as_deref().unwrap_or_default()),
            "MaxKeys": max_keys,
            "KeyCount": count,
            "ContinuationToken": input.continuation_token,
            "IsTruncated": found.next.is_some(),
            "NextContinuationToken": found.next.as_deref().map(token),
            "CommonPrefixes": encode.prefixes(&found.common_prefixes),
            "Contents": encode.objects(&found.objects, owner.as_ref()),
            "Delimiter": input.delimiter().map(|delimiter| encode.text(delimiter)),
            "EncodingType": input.encoding_type,
            "StartAfter": input.start_after.as_deref().map(|after| encode.text(after)),
        })
        .into())
    }

    pub(super) fn list_v1(&self, input: &Asked) -> S3Result<Reply> {
        let marker = input.marker.clone().unwrap_or_default();
        let mut list = List { start_after: input.marker.clone(), ..input.list() };
        // A marker that is a common prefix, as NextMarker may be, stands for all keys below it.
        if input.delimiter().is_some_and(|end| marker.ends_with(end)) {
            list.from = objects::successor(marker.as_bytes());
        }
        let (found, max_keys) = self.find(&input.bucket, list, input.max_keys)?;
        let encode = Encoder::of(input.encoding_type.as_deref());
        let owner = self.owner();
        let last = [
            found.objects.last().map(|object| object.key.as_str()),
            found.common_prefixes.last().map(String::as_str),
        ];
        let last = last.into_iter().flatten().max().map(|last| encode.text(last));
        let next_marker = last.filter(|_| found.next.is_some() && input.delimiter().is_some());
        Ok(json!({
            "Name": input.bucket,
            "Prefix": encode.text(input.prefix.as_deref().unwrap_or_default()),
            "Marker": encode.text(&marker),
            "MaxKeys": max_keys,
            "IsTruncated": found.next.is_some(),
            "NextMarker": next_marker,
            "CommonPrefixes": encode.prefixes(&found.common_prefixes),
            "Contents": encode.objects(&found.objects, Some(&owner)),
            "Delimiter": input.delimiter().map(|delimiter| encode.text(delimiter)),
            "EncodingType": input.encoding_type,
        })
        .into())
    }

    fn find(
        &self,
        bucket: &str,
        list: List,
        max_keys: Option<i64>,
    ) -> S3Result<(objects::Listing, i64)> {
        let max_keys = page("maxKeys", max_keys)?;
        if max_keys == 0 {
            self.objects.bucket(bucket).map_err(refuse)?;
            return Ok((objects::Listing::default(), 0));
        }
        let limit = usize::try_from(max_keys).unwrap_or(0);
        let found = self.objects.list(bucket, &List { limit, ..list }).map_err(refuse)?;
        Ok((found, max_keys))
    }
}

/// How much a page holds: at most a thousand, whatever more is asked for.
pub(super) fn page(argument: &str, asked: Option<i64>) -> S3Result<i64> {
    match asked.unwrap_or(KEYS_MOST) {
        asked if (0..=i64::from(i32::MAX)).contains(&asked) => Ok(asked.min(KEYS_MOST)),
        asked => Err(invalid_argument(format!(
            "Argument {argument} must be an integer between 0 and 2147483647"
        ))
        .with("ArgumentName", argument)
        .with("ArgumentValue", asked.to_string())),
    }
}

/// Writes keys as the caller wants them: as they are, or so that XML can hold any of them.
pub(super) struct Encoder {
    url: bool,
}

impl Encoder {
    pub fn of(encoding: Option<&str>) -> Self {
        Self { url: encoding == Some("url") }
    }

    pub fn text(&self, text: &str) -> String {
        if self.url { utf8_percent_encode(text, PLAIN).to_string() } else { text.to_owned() }
    }

    pub fn prefixes(&self, prefixes: &[String]) -> Vec<Value> {
        prefixes.iter().map(|text| json!({ "Prefix": self.text(text) })).collect()
    }

    fn objects(&self, found: &[objects::Object], owner: Option<&Value>) -> Vec<Value> {
        let show = |object: &objects::Object| {
            let checksum = object.about.checksum.as_ref();
            json!({
                "Key": self.text(&object.key),
                "Size": object.size,
                "LastModified": time(object.modified),
                "ETag": quoted(&object.etag),
                "StorageClass": class(&object.about),
                "ChecksumType": checksum.map(|checksum| kind_text(checksum.kind)),
                "ChecksumAlgorithm": checksum.map(|checksum| [checksum.algorithm.name()]),
                "Owner": owner,
            })
        };
        found.iter().map(show).collect()
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
        _ => Err(invalid_argument("The continuation token provided is incorrect")
            .with("ArgumentName", "continuation-token")
            .with("ArgumentValue", token)),
    }
}
