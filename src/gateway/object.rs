//! Where S3 is mounted: a request reaches it in path style, aws-chunked undone and the chunks'
//! signatures checked, what stood behind the body in an extension ([`Trailers`]).

use super::door::Entry;
use super::limits::Limits;
use super::payload::{self, Arriving, Trailers};
use super::s3;
use crate::api::error::AwsError;
use crate::api::signing::chunked::{ChunkError, Decoder};
use crate::domain::host;
use crate::serving::{Body, BodyError};
use bytes::Bytes;
use http::header::{HOST, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

const CONTENT_SHA256: &str = "x-amz-content-sha256";
const DECODED_LENGTH: &str = "x-amz-decoded-content-length";

/// S3 of one region.
pub(super) struct Objects {
    service: s3::Service,
}

impl Objects {
    pub(super) fn new(service: s3::Service) -> Self {
        Self { service }
    }

    pub(super) async fn answer(
        &self,
        parts: Parts,
        body: Arriving,
        entry: &Entry,
        limits: &Limits,
        request_id: &str,
    ) -> Result<Response<Body>, AwsError> {
        let request = prepare(parts, body, entry, limits)?;
        Ok(self.service.call(request, request_id).await)
    }
}

fn prepare(
    mut parts: Parts,
    body: Arriving,
    entry: &Entry,
    limits: &Limits,
) -> Result<Request<Body>, AwsError> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let decoded_length = match text(DECODED_LENGTH).map(str::parse::<u64>) {
        Some(Err(_)) => return Err(invalid("x-amz-decoded-content-length is not a number.")),
        Some(Ok(length)) => Some(length),
        None => None,
    };
    let streaming = text(CONTENT_SHA256).is_some_and(|hash| hash.starts_with("STREAMING-"));
    let length = if streaming { decoded_length } else { payload::declared_length(&parts.headers) };
    if length.is_some_and(|length| length > limits.object_bytes) {
        return Err(too_large());
    }
    let decoder = streaming.then(|| {
        entry
            .proven()
            .zip(entry.secret_key())
            .and_then(|(presented, secret)| Decoder::of(presented, secret, decoded_length))
            .unwrap_or_else(|| Decoder::unsigned(decoded_length))
    });
    if let Some(uri) = path_style(&parts)? {
        parts.uri = uri;
    }
    let trailers = Trailers::default();
    parts.extensions.insert(trailers.clone());
    let decoded = Decoded {
        inner: body,
        decoder,
        ready: VecDeque::new(),
        taken: 0,
        length,
        limit: limits.object_bytes,
        trailers,
        ended: false,
    };
    Ok(Request::from_parts(parts, decoded.boxed_unsync()))
}

fn invalid(message: &str) -> AwsError {
    AwsError::new(400, "InvalidArgument", message)
}

fn too_large() -> AwsError {
    AwsError::new(
        400,
        "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size of one request, 5 GB; use a \
         multipart upload.",
    )
}

/// The address with the bucket that stands in the host put into the path; `None` when there is none.
fn path_style(parts: &Parts) -> Result<Option<Uri>, AwsError> {
    let named = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Some(bucket) = host::bucket(named) else { return Ok(None) };
    let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    format!("/{bucket}{target}")
        .parse()
        .map(Some)
        .map_err(|_not_a_uri| invalid("The address cannot be read."))
}

/// A body on its way to the backend. It ends well only when all of it was as declared; an error is
/// an [`AwsError`] in a box.
struct Decoded {
    inner: Arriving,
    decoder: Option<Decoder>,
    /// Decoded and not yet handed on.
    ready: VecDeque<Bytes>,
    taken: u64,
    /// How long the object is, where that is known beforehand.
    length: Option<u64>,
    limit: u64,
    trailers: Trailers,
    ended: bool,
}

impl Decoded {
    fn take(&mut self, data: Bytes) -> Result<(), AwsError> {
        match &mut self.decoder {
            Some(decoder) => {
                let decoded = decoder.push(data).map_err(|error| ChunkError::to_aws(&error))?;
                self.ready.extend(decoded.into_iter().filter(|bytes| !bytes.is_empty()));
            }
            None => self.ready.push_back(data),
        }
        self.taken += self.ready.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        if self.taken > self.limit { Err(too_large()) } else { Ok(()) }
    }

    fn finish(&mut self) -> Result<(), AwsError> {
        let Some(decoder) = self.decoder.take() else { return Ok(()) };
        let trailers: HeaderMap = decoder
            .finish()
            .map_err(|error| ChunkError::to_aws(&error))?
            .iter()
            .filter_map(|(name, value)| {
                let name = HeaderName::try_from(name.as_str()).ok()?;
                Some((name, HeaderValue::from_str(value).ok()?))
            })
            .collect();
        if !trailers.is_empty() {
            self.trailers.set(trailers);
        }
        Ok(())
    }
}

impl http_body::Body for Decoded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        loop {
            if let Some(bytes) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            let taken = match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                None => {
                    this.ended = true;
                    this.finish()
                }
                Some(Err(error)) => Err(payload::broken(&error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.take(data),
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            this.trailers.set(trailers);
                        }
                        Ok(())
                    }
                },
            };
            if let Err(error) = taken {
                this.ended = true;
                this.ready.clear();
                return Poll::Ready(Some(Err(error.into())));
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
