//! Signature Version 4: what AWS clients prove themselves with, in all the forms they use.
//!
//! A signature covers the method, path, query, the headers that it names and a hash of the body. It
//! comes in a header or in the query (presigned, with an expiry), and for S3 the body may be signed
//! chunk by chunk ([`chunked`]). S3 signs the path as it was sent; all others encode it once more.

mod canonical;
pub mod chunked;
mod error;
mod presented;
mod second;

pub use error::{Dialect, SignatureError};
pub use presented::{Presented, presented};
pub use second::{Second, named_key, second};

use super::codec::uri::UNRESERVED;
use crate::domain::time::Timestamp;
use canonical::{Canonical, Path};
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use percent_encoding::utf8_percent_encode;
use sha2::{Digest, Sha256};
use std::fmt;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// Of nothing at all.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What signs a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// `20260102/us-east-1/sagemaker/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `YYYYMMDD`.
    pub date: String,
    pub region: String,
    pub service: String,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, region, service } = self;
        write!(f, "{date}/{region}/{service}/aws4_request")
    }
}

/// What `x-amz-content-sha256` says of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadHash {
    /// Lower-case hex of the whole body's SHA-256.
    Sha256(String),
    /// `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`, with `-TRAILER` when signed trailers follow.
    StreamingSigned { trailer: bool },
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    StreamingUnsignedTrailer,
}

impl PayloadHash {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sha256(hash) => hash,
            Self::Unsigned => "UNSIGNED-PAYLOAD",
            Self::StreamingSigned { trailer: false } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            Self::StreamingSigned { trailer: true } => "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            Self::StreamingUnsignedTrailer => "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "UNSIGNED-PAYLOAD" => Self::Unsigned,
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Self::StreamingSigned { trailer: false },
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Self::StreamingSigned { trailer: true },
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Self::StreamingUnsignedTrailer,
            hash if hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Self::Sha256(hash.to_ascii_lowercase())
            }
            _ => return None,
        })
    }
}

/// Lower-case hex of a SHA-256.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[allow(clippy::expect_used)] // HMAC takes keys of any length.
fn keyed(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac
}

/// The key of one day, region and service.
fn signing_key(secret_key: &str, scope: &Scope) -> Vec<u8> {
    let first = format!("AWS4{secret_key}").into_bytes();
    [scope.date.as_str(), &scope.region, &scope.service, "aws4_request"]
        .iter()
        .fold(first, |key, part| keyed(&key, part.as_bytes()).finalize().into_bytes().to_vec())
}

fn string_to_sign(stamp: &str, scope: &Scope, canonical_request: &str) -> String {
    let hash = sha256_hex(canonical_request.as_bytes());
    format!("{ALGORITHM}\n{stamp}\n{scope}\n{hash}")
}

/// `20260102T030405Z`.
fn stamp(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map(|at| at.strftime("%Y%m%dT%H%M%SZ").to_string())
        .unwrap_or_default()
}

/// Signs: adds `x-amz-date`, the token, `x-amz-content-sha256` for S3 and `authorization` to `headers`,
/// which must hold `host` already. `path` and `query` are raw.
#[allow(clippy::too_many_arguments)] // A request has this many parts.
pub fn sign(
    method: &Method,
    path: &str,
    query: &str,
    headers: &mut HeaderMap,
    payload: &PayloadHash,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
) {
    let stamp = stamp(now);
    let scope = Scope {
        date: stamp[..8.min(stamp.len())].to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    let mut put = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    put(DATE, &stamp);
    if let Some(token) = &credentials.session_token {
        put(SECURITY_TOKEN, token);
    }
    if service == "s3" || !matches!(payload, PayloadHash::Sha256(_)) {
        put(CONTENT_SHA256, payload.as_str());
    }
    headers.remove(AUTHORIZATION);
    let mut names: Vec<&str> = headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| {
            !matches!(*name, "user-agent" | "expect" | "connection" | "transfer-encoding")
        })
        .collect();
    names.sort_unstable();
    let signed_headers = names.join(";");
    let canonical = Canonical { method, path, query, headers, presigned: false }.request(
        Path::of(service),
        &names,
        payload.as_str(),
    );
    let key = signing_key(&credentials.secret_key, &scope);
    let to_sign = string_to_sign(&stamp, &scope, &canonical);
    let signature = hex::encode(keyed(&key, to_sign.as_bytes()).finalize().into_bytes());
    let text = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
        credentials.access_key
    );
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
}

/// The query of a presigned request, which holds for `expires_in` seconds (at most a week) for whoever
/// has it. `query` is what the request has already; `host` is the only header it signs.
#[allow(clippy::too_many_arguments)] // A request has this many parts.
pub fn presign(
    method: &Method,
    host: &str,
    path: &str,
    query: &str,
    expires_in: u32,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
) -> String {
    let stamp = stamp(now);
    let scope = Scope {
        date: stamp[..8.min(stamp.len())].to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    let credential = format!("{}/{scope}", credentials.access_key);
    let mut query = query.to_owned();
    let expires = expires_in.to_string();
    let mut add = |name: &str, value: &str| {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        query.extend(utf8_percent_encode(value, UNRESERVED));
    };
    add("X-Amz-Algorithm", ALGORITHM);
    add("X-Amz-Credential", &credential);
    add("X-Amz-Date", &stamp);
    add("X-Amz-Expires", &expires);
    add("X-Amz-SignedHeaders", "host");
    if let Some(token) = &credentials.session_token {
        add("X-Amz-Security-Token", token);
    }
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::from_str(host).ok().map(|host| (http::header::HOST, host)));
    let payload = if service == "s3" { PayloadHash::Unsigned.as_str() } else { EMPTY_SHA256 };
    let headers = &headers;
    let canonical = Canonical { method, path, query: &query, headers, presigned: true }.request(
        Path::of(service),
        &["host"],
        payload,
    );
    let key = signing_key(&credentials.secret_key, &scope);
    let to_sign = string_to_sign(&stamp, &scope, &canonical);
    let signature = keyed(&key, to_sign.as_bytes()).finalize().into_bytes();
    format!("{query}&X-Amz-Signature={}", hex::encode(signature))
}

#[cfg(test)]
mod tests;
