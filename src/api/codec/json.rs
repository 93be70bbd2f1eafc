//! awsJson 1.0 and 1.1: the document is the body, the operation stands in `X-Amz-Target`.

use super::{Encoded, answer, errors};
use crate::api::error::AwsError;
use crate::api::model::{Operation, Protocol, Service};
use crate::api::shaping;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use serde_json::{Map, Value};

pub(super) fn content_type(protocol: Protocol) -> HeaderValue {
    HeaderValue::from_static(match protocol {
        Protocol::AwsJson10 => "application/x-amz-json-1.0",
        Protocol::AwsJson11 => "application/x-amz-json-1.1",
        Protocol::RestJson => "application/json",
        Protocol::Query => "text/xml",
        Protocol::RestXml => "application/xml",
        Protocol::Cbor => "application/cbor",
    })
}

/// The document of a body; an empty body is an empty document.
pub(super) fn parse(body: &[u8]) -> Result<Value, AwsError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body)
        .map_err(|error| super::serialization(format!("The body is not valid JSON: {error}")))
}

pub(super) fn decode_input(
    service: &Service,
    operation: &Operation,
    body: &[u8],
) -> Result<Value, AwsError> {
    let document = parse(body)?;
    Ok(match operation.input {
        Some(shape) => shaping::prune(service, shape, document),
        None => Value::Object(Map::new()),
    })
}

pub(super) fn encode_output(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    document: Value,
    request_id: &str,
) -> Response<Bytes> {
    let shaped = match operation.output {
        Some(shape) => shaping::shape(service, shape, document),
        None => Value::Object(Map::new()),
    };
    answer(operation.http.status, content_type(protocol), request_id, shaped.to_string().into())
}

pub(super) fn encode_error(
    protocol: Protocol,
    service: &Service,
    error: &AwsError,
    request_id: &str,
) -> Response<Bytes> {
    let names = errors::names(service, &error.code);
    let mut body = errors::members(service, error);
    body.insert("__type".to_owned(), names.shape.clone().into());
    let body = Value::Object(body).to_string();
    let mut response = answer(error.status, content_type(protocol), request_id, body.into());
    errors::add_query_error(service, error, &names, response.headers_mut());
    response
}

pub(super) fn encode_input(
    protocol: Protocol,
    service: &Service,
    operation: &Operation,
    document: &Value,
) -> Result<Encoded, AwsError> {
    let prefix = service.target_prefix.unwrap_or(service.name);
    let target = HeaderValue::from_str(&format!("{prefix}.{}", operation.name))
        .map_err(|error| super::serialization(error.to_string()))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, content_type(protocol));
    headers.insert(HeaderName::from_static("x-amz-target"), target);
    let body = match document {
        Value::Null => "{}".to_owned(),
        document => document.to_string(),
    };
    Ok(Encoded { method: Method::POST, target: "/".to_owned(), headers, body: body.into() })
}
