//! The wire protocols, both as the server speaks them and as a client does.
//!
//! Each turns bytes into a document (`serde_json::Value` in the awsJson convention) and back, driven
//! by the model alone. What a request is, by its headers and path, says [`identify`].

use super::error::AwsError;
use super::model::{Operation, Protocol, Service};
use bytes::Bytes;
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
pub fn identify(_head: &Head<'_>, _body: &[u8]) -> Identified {
    Identified::Nothing
}

/// The input document of a request: decoded, not yet validated.
pub fn decode_input(
    _protocol: Protocol,
    _service: &Service,
    _operation: &Operation,
    _head: &Head<'_>,
    _body: &[u8],
) -> Result<Value, AwsError> {
    Err(AwsError::new(501, "NotImplemented", "codec"))
}

/// Like [`decode_input`] for an operation whose body is a payload to be streamed: all members but the
/// payload. Validate it with [`super::validation::check_head`].
pub fn decode_input_head(
    _service: &Service,
    _operation: &Operation,
    _head: &Head<'_>,
) -> Result<Value, AwsError> {
    Err(AwsError::new(501, "NotImplemented", "codec"))
}

/// The answer: the document shaped to the operation's output, with `x-amzn-RequestId`.
pub fn encode_output(
    _protocol: Protocol,
    _service: &Service,
    _operation: &Operation,
    _document: Value,
    _request_id: &str,
) -> Response<Bytes> {
    Response::new(Bytes::new())
}

/// An error as the service's clients expect it in this protocol.
pub fn encode_error(
    _protocol: Protocol,
    _service: &Service,
    _error: &AwsError,
    _request_id: &str,
) -> Response<Bytes> {
    Response::new(Bytes::new())
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

/// The client's side of [`decode_input`].
pub fn encode_input(
    _protocol: Protocol,
    _service: &Service,
    _operation: &Operation,
    _document: &Value,
) -> Result<Encoded, AwsError> {
    Err(AwsError::new(501, "NotImplemented", "codec"))
}

/// The client's side of [`encode_output`].
pub fn decode_output(
    _protocol: Protocol,
    _service: &Service,
    _operation: &Operation,
    _status: StatusCode,
    _headers: &HeaderMap,
    _body: &[u8],
) -> Result<Value, AwsError> {
    Err(AwsError::new(501, "NotImplemented", "codec"))
}

/// The client's side of [`encode_error`]: whatever is there becomes an error, however odd.
pub fn decode_error(
    _protocol: Protocol,
    _service: &Service,
    status: StatusCode,
    _headers: &HeaderMap,
    _body: &[u8],
) -> AwsError {
    AwsError::new(status.as_u16(), "InternalFailure", "codec")
}
