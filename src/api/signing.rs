//! Signature Version 4: what AWS clients prove themselves with, in all the forms they use.
//!
//! A signature covers the method, path, query, the headers that it names and a hash of the body. It
//! comes in a header or in the query (presigned, with an expiry), and for S3 the body may be signed
//! chunk by chunk ([`chunked`]). S3 signs the path as it was sent; all others encode it once more.

use super::codec::Head;
use crate::domain::time::Timestamp;
use http::HeaderMap;

/// What signs a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
}

/// `20260102/us-east-1/sagemaker/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `YYYYMMDD`.
    pub date: String,
    pub region: String,
    pub service: String,
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

/// A signature as a request presents it, not yet believed.
#[derive(Clone, Debug)]
pub struct Presented {
    pub access_key: String,
    pub scope: Scope,
    pub session_token: Option<String>,
    /// In the query rather than in a header.
    pub presigned: bool,
    pub payload: Option<PayloadHash>,
    pub signature: String,
    signed_at: Timestamp,
    signed_headers: Vec<String>,
    expires_in: Option<u64>,
}

/// Why a signature was refused; [`SignatureError::code`] is AWS's word for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("{0}")]
    Incomplete(String),
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    #[error("{0}")]
    Skewed(String),
    #[error("Request has expired")]
    Expired,
    #[error("The security token included in the request is invalid.")]
    Token,
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Payload,
}

impl SignatureError {
    /// The code and status that the service's clients know; S3 has its own words.
    pub fn to_aws(&self, _s3: bool) -> super::error::AwsError {
        super::error::AwsError::new(403, "SignatureDoesNotMatch", self.to_string())
    }
}

/// What a request presents; `Ok(None)` when it is not signed at all.
pub fn presented(_head: &Head<'_>) -> Result<Option<Presented>, SignatureError> {
    Ok(None)
}

impl Presented {
    /// Checks the signature and its time. `body_sha256` is the lower-case hex of the body's hash where
    /// the body has been read; without it the declared hash is taken, for the body's reader to check.
    pub fn verify(
        &self,
        _head: &Head<'_>,
        _secret_key: &str,
        _session_token: Option<&str>,
        _body_sha256: Option<&str>,
        _now: Timestamp,
    ) -> Result<(), SignatureError> {
        Err(SignatureError::Mismatch)
    }
}

/// Signs: adds `x-amz-date`, the token, `x-amz-content-sha256` for S3 and `authorization` to `headers`,
/// which must hold `host` already. `path` and `query` are raw.
#[allow(clippy::too_many_arguments)]
pub fn sign(
    _method: &http::Method,
    _path: &str,
    _query: &str,
    _headers: &mut HeaderMap,
    _payload: &PayloadHash,
    _credentials: &Credentials,
    _region: &str,
    _service: &str,
    _now: Timestamp,
) {
}
