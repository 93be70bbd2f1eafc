//! Where S3 is mounted: what the door has dealt with is taken off a request, and what is left is
//! the backend's.
//!
//! s3s would answer NotImplemented to a signature that it has no provider for, and undoes
//! aws-chunked only while it checks one. So a request reaches it in path style, without signature,
//! its body decoded and its declared hash checked on the way; trailers are in an extension
//! ([`Trailers`]).

use super::door::{Entry, virtual_host_bucket};
use super::limits::Limits;
use super::payload::{self, Trailers};
use crate::api::error::AwsError;
use crate::api::signing::chunked::{ChunkError, Decoder};
use crate::serving::{Body, BodyError};
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, HOST, HeaderName, TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, Uri};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::service::S3Service;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

/// Query parameters of a presigned request, of Signature Version 4 and 2.
const PRESIGNED: &[&str] = &[
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
    "AWSAccessKeyId",
    "Signature",
    "Expires",
];
const CONTENT_SHA256: &str = "x-amz-content-sha256";
const DECODED_LENGTH: &str = "x-amz-decoded-content-length";

/// S3 of one region.
pub(super) struct Objects {
    service: S3Service,
}

impl Objects {
    pub(super) fn new(service: S3Service) -> Self {
        Self { service }
    }

    pub(super) async fn answer(
        &self,
        parts: Parts,
        body: Incoming,
        entry: &Entry,
        limits: &Limits,
    ) -> Result<Response<Body>, AwsError> {
        let spoiled = Spoiled::default();
        let request = prepare(parts, body, entry, limits, &spoiled)?;
        let answer = self.service.call(request.map(s3s::Body::http_body_unsync)).await;
        // The backend only sees that the body broke off; why is known here.
        if let Some(error) = spoiled.0.get() {
            return Err(error.clone());
        }
        match answer {
            Ok(answer) => Ok(answer.map(BodyExt::boxed_unsync)),
            Err(error) => {
                tracing::error!(?error, "S3 failed at a request");
                Err(AwsError::new(
                    500,
                    "InternalError",
                    "We encountered an internal error. Please try again.",
                ))
            }
        }
    }
}

/// Why a body could not be read to its end.
#[derive(Clone, Default)]
struct Spoiled(Arc<OnceLock<AwsError>>);

impl Spoiled {
    fn with(&self, error: AwsError) -> BodyError {
        let text = error.to_string();
        let _ = self.0.set(error);
        text.into()
    }
}

fn prepare(
    mut parts: Parts,
    body: Incoming,
    entry: &Entry,
    limits: &Limits,
    spoiled: &Spoiled,
) -> Result<Request<Body>, AwsError> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let declared = text(CONTENT_SHA256).map(str::to_owned);
    let decoded_length = match text(DECODED_LENGTH).map(str::parse::<u64>) {
        Some(Err(_)) => return Err(invalid("x-amz-decoded-content-length is not a number.")),
        Some(Ok(length)) => Some(length),
        None => None,
    };
    let streaming = declared.as_deref().is_some_and(|hash| hash.starts_with("STREAMING-"));
    let length = if streaming { decoded_length } else { payload::declared_length(&parts.headers) };
    if length.is_some_and(|length| length > limits.object_bytes) {
        return Err(AwsError::new(
            400,
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed object size of one request, 5 GB; \
             use a multipart upload.",
        ));
    }
    let decoder = streaming.then(|| {
        entry
            .proven()
            .zip(entry.secret_key())
            .and_then(|(presented, secret)| Decoder::of(presented, secret, decoded_length))
            .unwrap_or_else(|| Decoder::unsigned(decoded_length))
    });
    let hash = declared.filter(|hash| hash.len() == 64 && hex::decode(hash).is_ok());
    parts.uri = path_style(&parts)?;
    strip(&mut parts.headers, streaming, length);
    let trailers = Trailers::default();
    parts.extensions.insert(trailers.clone());
    let checked = Checked {
        inner: body,
        decoder,
        ready: VecDeque::new(),
        hash: hash.map(|hash| (hash.to_ascii_lowercase(), Sha256::new())),
        taken: 0,
        length,
        limit: limits.object_bytes,
        trailers,
        spoiled: spoiled.clone(),
        ended: false,
    };
    Ok(Request::from_parts(parts, checked.boxed_unsync()))
}

fn invalid(message: &str) -> AwsError {
    AwsError::new(400, "InvalidArgument", message)
}

/// Takes off what the door and the decoder have dealt with.
fn strip(headers: &mut HeaderMap, streaming: bool, length: Option<u64>) {
    headers.remove(AUTHORIZATION);
    for name in [CONTENT_SHA256, DECODED_LENGTH, "x-amz-security-token"] {
        headers.remove(name);
    }
    if !streaming {
        return;
    }
    headers.remove(CONTENT_LENGTH);
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        headers.remove(TRANSFER_ENCODING);
    }
    let encodings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|encoding| encoding.trim().to_owned())
        .filter(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    headers.remove(CONTENT_ENCODING);
    if let Ok(rest) = HeaderValue::from_str(&encodings.join(","))
        && !rest.is_empty()
    {
        headers.insert(CONTENT_ENCODING, rest);
    }
}

/// The address with the host's bucket in the path and without a signature's parameters.
fn path_style(parts: &Parts) -> Result<Uri, AwsError> {
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let mut text = String::new();
    if let Some(bucket) = virtual_host_bucket(host) {
        text.push('/');
        text.push_str(&bucket);
    }
    text.push_str(parts.uri.path());
    let kept: Vec<&str> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !pair.is_empty() && !PRESIGNED.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
        .collect();
    if !kept.is_empty() {
        text.push('?');
        text.push_str(&kept.join("&"));
    }
    text.parse().map_err(|_not_a_uri| invalid("The address cannot be read."))
}

/// A body on its way to the backend: decoded, its hash and length checked. It ends well only when
/// all of it was as declared.
struct Checked {
    inner: Incoming,
    decoder: Option<Decoder>,
    /// Decoded and not yet handed on.
    ready: VecDeque<Bytes>,
    /// The declared hash of the body as sent, and what has been hashed of it.
    hash: Option<(String, Sha256)>,
    taken: u64,
    /// How long the object is, where that is known beforehand.
    length: Option<u64>,
    limit: u64,
    trailers: Trailers,
    spoiled: Spoiled,
    ended: bool,
}

impl Checked {
    fn take(&mut self, data: Bytes) -> Result<(), AwsError> {
        if let Some((_, hash)) = &mut self.hash {
            hash.update(&data);
        }
        match &mut self.decoder {
            Some(decoder) => {
                let decoded = decoder.push(data).map_err(|error| ChunkError::to_aws(&error))?;
                self.ready.extend(decoded.into_iter().filter(|bytes| !bytes.is_empty()));
            }
            None => self.ready.push_back(data),
        }
        self.taken += self.ready.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        if self.taken > self.limit {
            return Err(AwsError::new(
                400,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed object size of one request.",
            ));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), AwsError> {
        if let Some(decoder) = self.decoder.take() {
            let trailers = decoder.finish().map_err(|error| ChunkError::to_aws(&error))?;
            self.set_trailers(trailers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        }
        if let Some((declared, hash)) = self.hash.take()
            && hex::encode(hash.finalize()) != declared
        {
            return Err(AwsError::new(
                400,
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ));
        }
        Ok(())
    }

    fn set_trailers<'a>(&self, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
        let trailers: HeaderMap = pairs
            .filter_map(|(name, value)| {
                Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?))
            })
            .collect();
        if !trailers.is_empty() {
            self.trailers.set(trailers);
        }
    }
}

impl http_body::Body for Checked {
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
                return Poll::Ready(Some(Err(this.spoiled.with(error))));
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
