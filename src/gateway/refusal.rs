//! What the gateway itself refuses, in AWS's form: a code that clients know, the reason, the remedy.

use super::budget;
use super::door::Words;
use super::framing::Fault;
use crate::api::error::AwsError;
use crate::serving::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

/// Framing that is malformed or can be read in more than one way.
pub(super) fn framing(fault: Fault) -> AwsError {
    if fault == Fault::Crowded {
        return budget::crowded(Words::Json);
    }
    AwsError::new(
        fault.status(),
        "MalformedRequest",
        format!(
            "The request was refused before it was read: {fault}. The connection is closed; send \
             plain HTTP/1.1."
        ),
    )
}

pub(super) fn slow_head() -> AwsError {
    AwsError::new(408, "RequestTimeout", "The request's headers did not arrive in time.")
}

pub(super) fn full(capacity: usize) -> AwsError {
    AwsError::new(
        503,
        "ServiceUnavailable",
        format!(
            "The region serves {capacity} connections already, which is all it may. Close some, or \
             raise the limit of open files (`ulimit -n`), and try again."
        ),
    )
}

/// The share of those who are not the owner is taken.
pub(super) fn full_of_strangers(most: usize) -> AwsError {
    AwsError::new(
        503,
        "ServiceUnavailable",
        format!(
            "The region serves {most} connections that are not its own user's already, which is all \
             that others have. Close some and try again."
        ),
    )
}

pub(super) fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A whole answer as bytes, for connections that hyper does not serve (any more).
pub(super) fn raw(error: &AwsError) -> Vec<u8> {
    let body = serde_json::json!({ "__type": error.code, "message": error.message }).to_string();
    let reason = http::StatusCode::from_u16(error.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error");
    format!(
        "HTTP/1.1 {} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         x-amzn-ErrorType: {}\r\nx-amzn-RequestId: {}\r\nConnection: close\r\n\r\n{body}",
        error.status,
        body.len(),
        error.code,
        request_id(),
    )
    .into_bytes()
}

/// An error of `/_sagebrush/`.
pub(super) fn plain(error: &AwsError) -> Response<Body> {
    let body = serde_json::json!({ "__type": error.code, "message": error.message }).to_string();
    answer(error, "application/json", body)
}

/// An error of the query protocol or of rest-xml, of a service without a model.
pub(super) fn xml(error: &AwsError, request_id: &str) -> Response<Body> {
    let [code, message] = escaped(error);
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ErrorResponse><Error><Type>Sender</Type><Code>\
         {code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId>\
         </ErrorResponse>"
    );
    answer(error, "text/xml", body)
}

/// An error as EC2 alone puts it.
pub(super) fn ec2(error: &AwsError, request_id: &str) -> Response<Body> {
    let [code, message] = escaped(error);
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
         <Message>{message}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
    );
    answer(error, "text/xml", body)
}

fn escaped(error: &AwsError) -> [String; 2] {
    [&error.code, error.message.as_str()].map(|text| quick_xml::escape::escape(text).into_owned())
}

fn answer(error: &AwsError, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(super::payload::full(body.into()));
    *response.status_mut() =
        StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
