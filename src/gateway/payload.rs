//! Bodies on their way in: bounded, in time, hashed where a signature covers them, aws-chunked
//! undone, trailers kept.

use super::limits::Limits;
use crate::api::error::AwsError;
use crate::serving::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use std::sync::{Arc, OnceLock};

/// What stood behind a request's body: HTTP trailers, or those of an aws-chunked body, such as
/// `x-amz-checksum-crc32`. The gateway puts one into the extensions of every request that it hands
/// to S3.
#[derive(Clone, Debug, Default)]
pub struct Trailers(Arc<OnceLock<HeaderMap>>);

impl Trailers {
    /// `None` until the body has been read to its end, and when there were none.
    pub fn get(&self) -> Option<&HeaderMap> {
        self.0.get()
    }

    pub(super) fn set(&self, trailers: HeaderMap) {
        let _ = self.0.set(trailers);
    }
}

pub(super) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn stream(body: Incoming) -> Body {
    body.map_err(Into::into).boxed_unsync()
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub(super) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: u64) -> AwsError {
    AwsError::new(
        413,
        "RequestEntityTooLarge",
        format!("The request's body is larger than the {limit} bytes that it may have."),
    )
}

/// A whole body of at most `limit` bytes, refused before it is read when it says that it is larger.
pub(super) async fn collect(
    headers: &HeaderMap,
    mut body: Incoming,
    limit: usize,
    limits: &Limits,
) -> Result<Bytes, AwsError> {
    let length = declared_length(headers);
    if length.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit as u64));
    }
    let read = async {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            if first.len() + all.len() + data.len() > limit {
                return Err(too_large(limit as u64));
            }
            // Most bodies come in one piece and need not be copied.
            if first.is_empty() && all.is_empty() {
                first = data;
                continue;
            }
            if all.is_empty() {
                all.reserve(length.unwrap_or(0) as usize);
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&data);
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    };
    match tokio::time::timeout(limits.body_time, read).await {
        Ok(body) => body,
        Err(_elapsed) => Err(slow()),
    }
}

fn slow() -> AwsError {
    AwsError::new(408, "RequestTimeout", "The request's body did not arrive in time.")
}

/// Why a body broke off, as its client is told.
pub(super) fn broken(error: &hyper::Error) -> AwsError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            if io.kind() == std::io::ErrorKind::TimedOut {
                return slow();
            }
            return AwsError::new(400, "IncompleteBody", format!("The body broke off: {io}."));
        }
        cause = error.source();
    }
    AwsError::new(400, "IncompleteBody", "The request's body ended before it was complete.")
}
