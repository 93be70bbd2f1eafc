//! The wire protocols, both as the server speaks them and as a client does.
//!
//! Each turns bytes into a document (`serde_json::Value` in the awsJson convention) and back, driven
//! by the model alone. What a request is, by its headers and path, says [`identify`].

mod cbor;
mod errors;
mod identify;
mod json;
mod query;
mod rest_json;
mod rest_xml;
mod scalar;
pub(super) mod uri;
mod xml;

pub use uri::pairs;

use super::error::AwsError;
use super::model::{Operation, Protocol, Service};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::Value;

/// What stands before a request's body. Path and query are raw: percent-encoded as they were sent.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    /// Without the question mark; empty when there is none.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
}

impl<'a> Head<'a> {
    pub fn of(parts: &'a http::request::Parts) -> Self {
        Self {
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
        }
    }
}

/// The operation that a request calls.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub service: &'static Service,
    pub operation: &'static Operation,
    pub protocol: Protocol,
}

/// What a request turned out to be.
#[derive(Debug)]
pub enum Identified {
    Call(Target),
    /// It names a service of ours, in a protocol of ours, and an operation that AWS does not have.
    Unknown {
        service: &'static Service,
        protocol: Protocol,
        error: AwsError,
    },
    /// None of the modelled services (S3, `/_sagebrush/`, or nonsense).
    Nothing,
}

/// Which protocol a request speaks and which operation it calls. `body` is read for the query
/// protocol alone (`Action=…&Version=…`); pass an empty slice to ask before the body is there.
pub fn identify(head: &Head<'_>, body: &[u8]) -> Identified {
    identify::identify(head, body)
}

/// The input document of a request: decoded, not yet validated.
pub fn decode_input(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    head: &Head<'_>,
    body: &[u8],
) -> Result<Value, AwsError> {
    match protocol {
        Protocol::AwsJson10 | Protocol::AwsJson11 => json::decode_input(service, operation, body),
        Protocol::RestJson => rest_json::decode_input(service, operation, head, Some(body)),
        Protocol::RestXml => rest_xml::decode_input(service, operation, head, Some(body)),
        Protocol::Query => query::decode_input(service, operation, head.query, body),
        Protocol::Cbor => cbor::decode_input(service, operation, body),
    }
}

/// Like [`decode_input`] for a REST operation whose body is a payload to be streamed: all members but
/// the payload. Validate it with [`super::validation::check_head`].
pub fn decode_input_head(
    service: &Service,
    operation: &Operation,
    head: &Head<'_>,
) -> Result<Value, AwsError> {
    if service.speaks(Protocol::RestXml) {
        return rest_xml::decode_input(service, operation, head, None);
    }
    rest_json::decode_input(service, operation, head, None)
}

/// Which operation of a REST service a request calls: by its method, the form of its path, and the
/// parameters and headers that tell operations of one address apart.
pub fn identify_rest(service: &'static Service, head: &Head<'_>) -> Option<&'static Operation> {
    identify::rest_of(service, head)
}

/// The answer: the document shaped to the operation's output, with `x-amzn-RequestId`.
pub fn encode_output(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    document: Value,
    request_id: &str,
) -> Response<Bytes> {
    match protocol {
        Protocol::AwsJson10 | Protocol::AwsJson11 => {
            json::encode_output(protocol, service, operation, document, request_id)
        }
        Protocol::RestJson => rest_json::encode_output(service, operation, document, request_id),
        Protocol::RestXml => rest_xml::encode_output(service, operation, document, request_id),
        Protocol::Query => xml::encode_output(service, operation, document, request_id),
        Protocol::Cbor => cbor::encode_output(service, operation, document, request_id),
    }
}

/// An error as the service's clients expect it in this protocol.
pub fn encode_error(
    protocol: Protocol,
    service: &Service,
    error: &AwsError,
    request_id: &str,
) -> Response<Bytes> {
    match protocol {
        Protocol::AwsJson10 | Protocol::AwsJson11 => {
            json::encode_error(protocol, service, error, request_id)
        }
        Protocol::RestJson => rest_json::encode_error(service, error, request_id),
        Protocol::RestXml => rest_xml::encode_error(error, "", request_id),
        Protocol::Query => xml::encode_error(service, error, request_id),
        Protocol::Cbor => cbor::encode_error(service, error, request_id),
    }
}

/// [`encode_error`] of a REST service in XML, which also names the resource that was addressed.
pub fn encode_error_of(error: &AwsError, resource: &str, request_id: &str) -> Response<Bytes> {
    rest_xml::encode_error(error, resource, request_id)
}

/// A time as headers have it.
pub fn http_date(at: crate::domain::time::Timestamp) -> Option<String> {
    scalar::rfc822(at)
}

/// A request that a client is about to sign and send.
#[derive(Clone, Debug)]
pub struct Encoded {
    pub method: Method,
    /// Path and query, percent-encoded.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Makes the tokens that AWS's clients make when the caller gives none.
pub fn add_tokens(service: &Service, operation: &Operation, document: &mut Value) {
    let (Some(structure), Value::Object(object)) = (service.input(operation), document) else {
        return;
    };
    for member in structure.members.iter().filter(|member| member.idempotency_token) {
        let slot = object.entry(member.name).or_insert(Value::Null);
        if slot.is_null() {
            *slot = uuid::Uuid::new_v4().to_string().into();
        }
    }
}

/// The client's side of [`decode_input`]. Fails when a member cannot travel where it must, such as a
/// name that is missing from the path.
pub fn encode_input(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    document: &Value,
) -> Result<Encoded, AwsError> {
    match protocol {
        Protocol::AwsJson10 | Protocol::AwsJson11 => {
            json::encode_input(protocol, service, operation, document)
        }
        Protocol::RestJson => rest_json::encode_input(service, operation, document),
        Protocol::RestXml => rest_xml::encode_input(service, operation, document),
        Protocol::Query => Ok(query::encode_input(service, operation, document)),
        Protocol::Cbor => Ok(cbor::encode_input(service, operation, document)),
    }
}

/// The client's side of [`encode_output`].
pub fn decode_output(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, AwsError> {
    match protocol {
        Protocol::AwsJson10 | Protocol::AwsJson11 => json::parse(body),
        Protocol::RestJson => rest_json::decode_output(service, operation, status, headers, body),
        Protocol::RestXml => rest_xml::decode_output(service, operation, status, headers, body),
        Protocol::Query => xml::decode_output(service, operation, body),
        Protocol::Cbor => cbor::decode_output(service, operation, body),
    }
}

/// The client's side of [`encode_error`]: whatever is there becomes an error, however odd.
pub fn decode_error(
    protocol: Protocol,
    service: &Service,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> AwsError {
    match protocol {
        Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RestJson => {
            let body = serde_json::from_slice(body).unwrap_or(Value::Null);
            errors::from_document(status, headers, body)
        }
        Protocol::RestXml => rest_xml::decode_error(status, body),
        Protocol::Query => xml::decode_error(status, body),
        Protocol::Cbor => {
            errors::from_document(status, headers, cbor::decode_error_body(service, body))
        }
    }
}

fn serialization(message: String) -> AwsError {
    AwsError::new(400, "SerializationException", message)
}

/// An answer with the headers that all protocols share.
fn answer(
    status: u16,
    content_type: HeaderValue,
    request_id: &str,
    body: Bytes,
) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}

#[cfg(test)]
mod rest_xml_tests;
#[cfg(test)]
mod tests;
