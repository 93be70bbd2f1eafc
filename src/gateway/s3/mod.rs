//! S3 over the region's objects: `s3s` speaks the protocol, this room has the behaviour.
//!
//! What comes in was let in already: path style, aws-chunked undone, trailers in an extension. `s3s`
//! verifies no checksum, so each one that a client sends is verified here, before anything is
//! committed: those of object bodies while they stream to the disk, those of the small documents of
//! other calls before `s3s` parses them.

mod backend;
mod bucket;
mod checks;
mod condition;
mod copy;
mod error;
mod listing;
mod multipart;
mod object;

use crate::domain::arn::Place;
use crate::domain::time::{Clock, SystemClock};
use crate::serving::Body;
use crate::store::Store;
use bytes::{Bytes, BytesMut};
use checks::{Claims, PayloadHash};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3Result, s3_error};

/// The longest document that a call sends (a thousand keys of 1,024 bytes each, escaped).
const DOCUMENT_MOST: usize = 8 * 1024 * 1024;

/// S3, answering one request at a time; clones share everything.
#[derive(Clone)]
pub struct Service {
    s3: S3Service,
}

/// S3 over a store's objects. Takes requests that were authenticated already: path style, bodies
/// decoded, with [`super::Trailers`] in the extensions where there may be some.
pub fn service(store: &Store, place: &Place) -> Service {
    let backend = backend::Backend { objects: store.objects(), place: place.clone() };
    Service { s3: S3ServiceBuilder::new(backend).build() }
}

impl Service {
    /// Answers a request. Whatever is wrong with it is an answer too.
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        let is_head = request.method() == Method::HEAD;
        let answered = match prepare(request).await {
            Ok(request) => self.s3.call(request).await,
            Err(error) => {
                error.to_http_response().map_err(|error| s3s::HttpError::new(error.into()))
            }
        };
        let response = answered.unwrap_or_else(|error| {
            let error: s3s::StdError = error.into();
            tracing::error!(%error, "S3 found no answer");
            let mut response = Response::new(s3s::Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        });
        let bodiless = is_head || response.status() == StatusCode::NOT_MODIFIED;
        response.map(|body| {
            if bodiless {
                http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
            } else {
                body.boxed_unsync()
            }
        })
    }
}

/// Takes off what `s3s` would want to check by itself, and verifies documents.
async fn prepare(request: Request<Body>) -> S3Result<Request<s3s::Body>> {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(AUTHORIZATION);
    plain_encoding(&mut parts.headers);
    parts.uri = without_signature(&parts.uri)?;
    if let Some(hash) = PayloadHash::of(&parts.headers) {
        parts.extensions.insert(hash);
    }
    // Its other values describe an encoding that is undone by now.
    parts.headers.remove("x-amz-content-sha256");
    check_address(parts.uri.path())?;
    let has_key = parts.uri.path().trim_start_matches('/').contains('/');
    if parts.method == Method::PUT && has_key {
        return Ok(Request::from_parts(parts, s3s::Body::http_body_unsync(body)));
    }
    let document = document(body).await?;
    Claims::of(&parts.headers, &parts.extensions)?.verify_document(&document, &parts.extensions)?;
    // `s3s` wants to know the length of what it parses.
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
    Ok(Request::from_parts(parts, s3s::Body::from(document)))
}

/// `s3s` refuses the same, without a word.
fn check_address(path: &str) -> S3Result<()> {
    let decoded = percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| s3_error!(InvalidURI, "Couldn't parse the specified URI."))?;
    let path = decoded.strip_prefix('/').unwrap_or(&decoded);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    if !bucket.is_empty() && !s3s::path::check_bucket_name(bucket) {
        return Err(s3_error!(InvalidBucketName, "The specified bucket is not valid."));
    }
    if !s3s::path::check_key(key) {
        return Err(s3_error!(KeyTooLongError, "Your key is too long"));
    }
    Ok(())
}

async fn document(mut body: Body) -> S3Result<Bytes> {
    let mut document = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken_body(&*error))?;
        let Ok(data) = frame.into_data() else { continue };
        if document.len() + data.len() > DOCUMENT_MOST {
            return Err(s3_error!(
                MaxMessageLengthExceeded,
                "Your request was too big. A document of this call has at most 8 MiB."
            ));
        }
        document.extend_from_slice(&data);
    }
    Ok(document.freeze())
}

/// The body broke off, or was not what its framing or its signature promised. The gateway says so
/// with an error in AWS's terms, which keeps its code here.
pub(super) fn broken_body(error: &(dyn std::error::Error + Send + Sync + 'static)) -> S3Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<crate::api::error::AwsError>() {
            let code = s3s::S3ErrorCode::from_bytes(error.code.as_bytes())
                .unwrap_or(s3s::S3ErrorCode::InvalidRequest);
            let mut answer = S3Error::with_message(code, error.message.clone());
            if let Ok(status) = StatusCode::from_u16(error.status) {
                answer.set_status_code(status);
            }
            return answer;
        }
        cause = error.source();
    }
    s3_error!(
        IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header"
    )
}

/// Drops `aws-chunked`, which is undone, and keeps what other encodings the object has.
fn plain_encoding(headers: &mut HeaderMap) {
    let decoded = headers.remove(HeaderName::from_static("x-amz-decoded-content-length"));
    let Some(encoding) = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()) else {
        if let Some(length) = decoded {
            headers.insert(CONTENT_LENGTH, length);
        }
        return;
    };
    let kept: Vec<_> =
        encoding.split(',').map(str::trim).filter(|name| *name != "aws-chunked").collect();
    let kept = kept.join(",");
    headers.remove(CONTENT_ENCODING);
    if let Ok(value) = HeaderValue::from_str(&kept)
        && !kept.is_empty()
    {
        headers.insert(CONTENT_ENCODING, value);
    }
    if let Some(length) = decoded {
        headers.insert(CONTENT_LENGTH, length);
    }
}

/// The URI without the query parameters of a presigned one. Whether the caller may come in was
/// settled before, and the signature of the fourth version with it; of the second one, which boto3
/// still makes for some addresses, only its end is looked at.
fn without_signature(uri: &Uri) -> S3Result<Uri> {
    const FOURTH: [&str; 7] = [
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-signedheaders",
        "x-amz-signature",
        "x-amz-security-token",
    ];
    const SECOND: [&str; 3] = ["awsaccesskeyid", "signature", "expires"];
    let Some(query) = uri.query() else { return Ok(uri.clone()) };
    let pairs: Vec<(String, &str)> = query
        .split('&')
        .map(|pair| (pair.split('=').next().unwrap_or_default().to_ascii_lowercase(), pair))
        .collect();
    let has = |wanted: &str| pairs.iter().any(|(name, _)| name == wanted);
    let second = SECOND.iter().all(|name| has(name));
    if second {
        let end = pairs.iter().find(|(name, _)| name == "expires");
        let end = end.and_then(|(_, pair)| pair.split_once('=')?.1.parse::<i64>().ok());
        if end.is_none_or(|end| end < SystemClock.now().as_millis() / 1_000) {
            return Err(s3_error!(AccessDenied, "Request has expired"));
        }
    }
    let is_signature = |name: &str| FOURTH.contains(&name) || second && SECOND.contains(&name);
    let kept: Vec<_> =
        pairs.iter().filter(|(name, _)| !is_signature(name)).map(|(_, pair)| *pair).collect();
    let path = uri.path();
    let target =
        if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) };
    target.parse().map_err(|_| s3_error!(InvalidURI, "Couldn't parse the specified URI."))
}

#[cfg(test)]
mod tests;
