//! Bodies on their way in: bounded, in time, hashed where a signature covers them, aws-chunked
//! undone, trailers kept.

use super::budget::{self, Budget, Held};
use super::door::Words;
use super::gauges::Gauges;
use super::limits::Limits;
use crate::api::error::AwsError;
use crate::serving::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use sha2::{Digest, Sha256};
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

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

pub(super) fn stream(
    body: impl http_body::Body<Data = Bytes, Error = hyper::Error> + Send + 'static,
) -> Body {
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

/// What a body is taken in under.
#[derive(Clone, Copy)]
pub(super) struct Intake<'a> {
    pub(super) limits: &'a Limits,
    pub(super) budget: &'a Budget,
    pub(super) gauges: &'a Gauges,
    pub(super) words: Words,
}

/// A whole body of at most `limit` bytes, refused before it is read when it says that it is larger,
/// and the room that it takes. It waits for that room before it is read.
pub(super) async fn collect(
    headers: &HeaderMap,
    mut body: Arriving,
    limit: usize,
    Intake { limits, budget, gauges, words }: Intake<'_>,
) -> Result<(Bytes, Held), AwsError> {
    let length = declared_length(headers);
    if length.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit as u64));
    }
    let crowded = || {
        Gauges::count(&gauges.crowded, 1);
        budget::crowded(words)
    };
    let known = usize::try_from(length.unwrap_or(0)).unwrap_or(limit);
    let mut held = budget.take(known, limits.memory_wait).await.ok_or_else(crowded)?;
    let read = async {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            if first.len() + all.len() + data.len() > limit {
                return Err(too_large(limit as u64));
            }
            let bytes = first.len() + all.len() + data.len();
            if length.is_none() && !held.grow(budget, bytes) {
                return Err(crowded());
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
        Ok(body) => body.map(|body| (body, held)),
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

/// A request's body on its way to whoever reads it. What a reader leaves of it goes back, so that the
/// connection can be used once more, or be closed with a word.
pub(super) struct Arriving {
    incoming: Option<Incoming>,
    left: Left,
}

/// What a body's reader has left of it.
#[derive(Clone, Default)]
pub(super) struct Left(Arc<Mutex<Option<Incoming>>>);

/// So much of a body that nobody wanted is read away, for so long.
const READ_AWAY: u64 = 256 * 1024;
const READ_AWAY_TIME: Duration = Duration::from_secs(1);

impl Arriving {
    pub(super) fn new(incoming: Incoming) -> (Self, Left) {
        let left = Left::default();
        (Self { incoming: Some(incoming), left: left.clone() }, left)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let mut left = self.left.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = self.incoming.take();
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.incoming {
            Some(incoming) => Pin::new(incoming).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map(http_body::Body::size_hint).unwrap_or_default()
    }
}

impl Left {
    /// Whether the next request on the connection can follow: the body has been read, by now or to
    /// its end here. One that is still being read is its reader's affair. `awaits_leave`: the client
    /// sends the body only once it is asked for it.
    pub(super) async fn is_done(&self, awaits_leave: bool) -> bool {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut incoming) = left else { return true };
        if http_body::Body::is_end_stream(&incoming) {
            return true;
        }
        if awaits_leave || http_body::Body::size_hint(&incoming).lower() > READ_AWAY {
            return false;
        }
        let read = async {
            let mut bytes = 0;
            while let Some(frame) = incoming.frame().await {
                let Ok(frame) = frame else { return false };
                bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if bytes > READ_AWAY {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(READ_AWAY_TIME, read).await.unwrap_or(false)
    }
}
