//! S3 over the region's objects.
//!
//! What comes in was let in already: path style, aws-chunked undone, trailers in an extension. From
//! here on S3 is a service like any other: its model says which operation a request calls, what its
//! members are and how the answer is written; the region's table says which operations behave and
//! what becomes of each member. Bodies of objects are streamed; each checksum that a client sends is
//! verified before anything is committed, those of documents before they are parsed.

mod about;
mod address;
mod backend;
mod bucket;
mod checks;
mod condition;
mod copy;
mod delete;
mod error;
mod listing;
mod multipart;
mod object;
mod presigned;
mod tagging;
mod window;

use crate::api::codec::{self, Head};
use crate::api::error::AwsError;
use crate::api::model::{self, Kind, Operation, Protocol};
use crate::api::validation;
use crate::domain::arn::Place;
use crate::region::dispatch;
use crate::serving::Body;
use crate::store::Store;
use backend::{Backend, Reply};
use bytes::{Bytes, BytesMut};
use checks::{Claims, PayloadHash};
use error::S3Result;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG, EXPIRES};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use std::sync::Arc;

/// The longest document that a call sends (a thousand keys of 1,024 bytes each, escaped).
const DOCUMENT_MOST: usize = 8 * 1024 * 1024;

/// S3, answering one request at a time; clones share everything.
#[derive(Clone)]
pub struct Service {
    backend: Arc<Backend>,
}

/// S3 over a store's objects. Takes requests that were authenticated already: path style, bodies
/// decoded, with [`super::Trailers`] in the extensions where there may be some.
pub fn service(store: &Store, place: &Place) -> Service {
    Service { backend: Arc::new(Backend { objects: store.objects(), place: place.clone() }) }
}

/// A request that was decoded and checked.
struct Call {
    operation: &'static Operation,
    input: Value,
    headers: HeaderMap,
    extensions: Extensions,
    /// Of operations whose body is an object's bytes.
    body: Option<Body>,
}

impl Service {
    /// Answers a request. Whatever is wrong with it is an answer too.
    pub async fn call(&self, request: Request<Body>, request_id: &str) -> Response<Body> {
        let is_head = request.method() == Method::HEAD;
        let resource = request.uri().path().to_owned();
        let response = match self.answer(request, request_id).await {
            Ok(response) => response,
            Err(error) if error.status == StatusCode::NOT_MODIFIED.as_u16() => not_modified(&error),
            Err(error) => codec::encode_error_of(&error, &resource, request_id).map(full),
        };
        if is_head { response.map(|_| full(Bytes::new())) } else { response }
    }

    async fn answer(&self, request: Request<Body>, request_id: &str) -> S3Result<Response<Body>> {
        let call = self.read(request).await?;
        let operation = call.operation;
        let Reply { document, status, body, expires } = self.backend.handle(call).await?;
        let service = model::service("s3").ok_or_else(error::no_model)?;
        let protocol = Protocol::RestXml;
        let answer = codec::encode_output(protocol, service, operation, document, request_id);
        let (mut parts, bytes) = answer.into_parts();
        if let Some(status) = status {
            parts.status = status;
        }
        parts.headers.extend(expires.map(|value| (EXPIRES, value)));
        Ok(Response::from_parts(parts, body.unwrap_or_else(|| full(bytes))))
    }

    /// From a request to the call that it makes: what it is, its members, and whether they are right.
    async fn read(&self, request: Request<Body>) -> S3Result<Call> {
        let service = model::service("s3").ok_or_else(error::no_model)?;
        let (mut parts, body) = request.into_parts();
        plain_encoding(&mut parts.headers);
        presigned::read(&parts.method, &parts.uri, &mut parts.headers)?;
        if let Some(hash) = PayloadHash::of(&parts.headers) {
            parts.extensions.insert(hash);
        }
        let path = address::path(parts.uri.path())?;
        let head = Head { path, ..Head::of(&parts) };
        let Some(operation) = codec::identify_rest(service, &head) else {
            return Err(error::method_not_allowed(&parts.method));
        };
        let payload = service.input(operation).and_then(|input| input.payload_member());
        let streamed =
            payload.is_some_and(|it| matches!(service.get(it.shape).kind, Kind::Blob { .. }));
        let route = dispatch::table().route("s3", operation.name);
        if streamed && let Some(route) = route {
            let input = codec::decode_input_head(service, operation, &head)?;
            validation::check_head(service, operation, &input)?;
            self.admit(operation, route, &input)?;
            let (headers, extensions) = (parts.headers, parts.extensions);
            return Ok(Call { operation, input, headers, extensions, body: Some(body) });
        }
        // Read to its end even when it is refused, so that a broken one is told of as such.
        let document = document(body).await?;
        let route = route.ok_or_else(|| error::not_simulated(operation.name))?;
        Claims::of(&parts.headers, &parts.extensions)?.verify_document(
            operation,
            &document,
            &parts.extensions,
        )?;
        let protocol = Protocol::RestXml;
        let input = codec::decode_input(protocol, service, operation, &head, &document)?;
        validation::check(service, operation, &input)?;
        self.admit(operation, route, &input)?;
        let (headers, extensions) = (parts.headers, parts.extensions);
        Ok(Call { operation, input, headers, extensions, body: None })
    }

    /// What is refused whatever the operation would do: members without effect, other owners.
    fn admit(&self, operation: &Operation, route: &dispatch::Route, input: &Value) -> S3Result<()> {
        if let Some(member) = route.members.and_then(|members| members.refused_in(input)) {
            return Err(error::refused(operation, member));
        }
        for owner in ["ExpectedBucketOwner", "ExpectedSourceBucketOwner"] {
            let stated = input.get(owner).and_then(Value::as_str);
            if stated.is_some_and(|stated| stated != self.backend.place.account) {
                return Err(error::access_denied());
            }
        }
        let bucket = input.get("Bucket").and_then(Value::as_str);
        match bucket {
            Some(name) if !address::may_be_bucket(name) => Err(error::invalid_bucket_name(name)),
            _ => Ok(()),
        }
    }
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn not_modified(error: &AwsError) -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let etag = error.members.get("ETag").and_then(Value::as_str);
    let etag = etag.and_then(|etag| HeaderValue::from_str(etag).ok());
    response.headers_mut().extend(etag.map(|etag| (ETAG, etag)));
    response
}

async fn document(mut body: Body) -> S3Result<Bytes> {
    let mut document = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_body(&*error))?;
        let Ok(data) = frame.into_data() else { continue };
        if document.len() + data.len() > DOCUMENT_MOST {
            return Err(AwsError::new(
                400,
                "MaxMessageLengthExceeded",
                "Your request was too big. A document of this call has at most 8 MiB.",
            ));
        }
        document.extend_from_slice(&data);
    }
    Ok(document.freeze())
}

/// The body broke off, or was not what its framing or its signature promised. The gateway says so
/// with an error in AWS's terms, which stays as it is.
fn broken_body(error: &(dyn std::error::Error + Send + Sync + 'static)) -> AwsError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<AwsError>() {
            return error.clone();
        }
        cause = error.source();
    }
    AwsError::new(
        400,
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )
}

/// Drops `aws-chunked`, which is undone, and keeps what other encodings the object has.
fn plain_encoding(headers: &mut HeaderMap) {
    if let Some(length) = headers.remove(HeaderName::from_static("x-amz-decoded-content-length")) {
        headers.insert(CONTENT_LENGTH, length);
    }
    let encodings = headers.get_all(CONTENT_ENCODING).iter().filter_map(|it| it.to_str().ok());
    let kept: Vec<_> = encodings
        .flat_map(|encoding| encoding.split(','))
        .map(str::trim)
        .filter(|name| *name != "aws-chunked" && !name.is_empty())
        .collect();
    let kept = kept.join(",");
    headers.remove(CONTENT_ENCODING);
    if let Ok(value) = HeaderValue::from_str(&kept)
        && !kept.is_empty()
    {
        headers.insert(CONTENT_ENCODING, value);
    }
}

#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod member_probes;
#[cfg(test)]
mod member_tests;
#[cfg(test)]
mod tests;
