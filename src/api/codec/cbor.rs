//! `smithy-rpc-v2-cbor`: the document as CBOR, the operation in the path.
//!
//! CBOR has what JSON lacks, so this is where a document's conventions are translated: byte strings
//! for blobs, tag 1 for timestamps, real infinities.

use super::{Encoded, answer, errors, json, scalar, serialization};
use crate::api::error::AwsError;
use crate::api::model::{Kind, Operation, Protocol, Service, ShapeId};
use crate::api::shaping;
use bytes::Bytes;
use ciborium::Value as Cbor;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response};
use serde_json::{Map, Value};

const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const RPC_V2: HeaderValue = HeaderValue::from_static("rpc-v2-cbor");
/// No model nests deeper.
const DEEPEST: usize = 96;
const EPOCH_SECONDS: u64 = 1;

pub(super) fn decode_input(
    service: &Service,
    operation: &Operation,
    body: &[u8],
) -> Result<Value, AwsError> {
    match operation.input {
        Some(shape) if !body.is_empty() => {
            let document = decode(service, Some(shape), parse(body)?)?;
            Ok(shaping::prune(service, shape, document))
        }
        _ => Ok(Value::Object(Map::new())),
    }
}

pub(super) fn decode_output(
    service: &Service,
    operation: &Operation,
    body: &[u8],
) -> Result<Value, AwsError> {
    match operation.output {
        Some(shape) if !body.is_empty() => decode(service, Some(shape), parse(body)?),
        _ => Ok(Value::Object(Map::new())),
    }
}

fn parse(body: &[u8]) -> Result<Cbor, AwsError> {
    let broken = |what: String| serialization(format!("The body is not valid CBOR: {what}"));
    let mut rest = body;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEEPEST)
        .map_err(|error| broken(error.to_string()))?;
    if rest.is_empty() { Ok(value) } else { Err(broken("bytes follow its end".to_owned())) }
}

/// A document by the shape where one is known. A value that is not of its shape becomes the JSON that
/// is nearest to it, for validation to refuse with AWS's words.
fn decode(service: &Service, shape: Option<ShapeId>, value: Cbor) -> Result<Value, AwsError> {
    let kind = shape.map(|shape| &service.get(shape).kind);
    Ok(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(flag) => flag.into(),
        Cbor::Text(text) if matches!(kind, Some(Kind::Blob { .. })) => {
            let found = format!("a text of {} bytes", text.len());
            return Err(serialization(format!("{found} cannot be converted to Blob")));
        }
        Cbor::Text(text) => text.into(),
        Cbor::Bytes(bytes) if matches!(kind, Some(Kind::Blob { .. }) | None) => {
            scalar::blob(&bytes)
        }
        Cbor::Bytes(_) => {
            return Err(serialization("A byte string found where not expected".to_owned()));
        }
        Cbor::Integer(number) => match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => number.into(),
            (_, Ok(number)) => number.into(),
            _ => return Err(serialization("A number is out of range".to_owned())),
        },
        Cbor::Float(number) => real(number),
        Cbor::Tag(EPOCH_SECONDS, inner) => decode(service, None, *inner)?,
        Cbor::Tag(tag, _) => {
            return Err(serialization(format!("Tag {tag} found where not expected")));
        }
        Cbor::Array(items) => {
            let element = match kind {
                Some(Kind::List { member, .. }) => Some(member.shape),
                _ => None,
            };
            items
                .into_iter()
                .map(|item| decode(service, element, item))
                .collect::<Result<Vec<_>, _>>()?
                .into()
        }
        Cbor::Map(entries) => {
            let mut document = Map::new();
            for (key, value) in entries {
                let Cbor::Text(key) = key else {
                    return Err(serialization("A map's key is not a text".to_owned()));
                };
                let inner = match kind {
                    Some(Kind::Structure(structure)) => structure.member(&key).map(|m| m.shape),
                    Some(Kind::Map { value, .. }) => Some(value.shape),
                    _ => None,
                };
                let value = decode(service, inner, value)?;
                document.insert(key, value);
            }
            document.into()
        }
        _ => return Err(serialization("Unexpected field type".to_owned())),
    })
}

fn real(number: f64) -> Value {
    if number.is_nan() {
        "NaN".into()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else {
        number.into()
    }
}

fn encode(service: &Service, shape: ShapeId, value: &Value) -> Cbor {
    match (&service.get(shape).kind, value) {
        (Kind::Structure(structure), Value::Object(object)) => Cbor::Map(
            structure
                .members
                .iter()
                .filter_map(|member| {
                    let value = object.get(member.name).filter(|value| !value.is_null())?;
                    Some((Cbor::Text(member.name.into()), encode(service, member.shape, value)))
                })
                .collect(),
        ),
        (Kind::List { member, .. }, Value::Array(items)) => {
            Cbor::Array(items.iter().map(|item| encode(service, member.shape, item)).collect())
        }
        (Kind::Map { value: entry, .. }, Value::Object(object)) => Cbor::Map(
            object
                .iter()
                .map(|(key, value)| (Cbor::Text(key.clone()), encode(service, entry.shape, value)))
                .collect(),
        ),
        (Kind::Blob { .. }, value) => {
            scalar::bytes(value).map_or_else(|| plain(value), Cbor::Bytes)
        }
        (Kind::Timestamp { .. }, Value::Number(number)) => {
            let seconds = Cbor::Float(number.as_f64().unwrap_or_default());
            Cbor::Tag(EPOCH_SECONDS, Box::new(seconds))
        }
        (Kind::Float { .. } | Kind::Double { .. }, value) => match value {
            Value::Number(number) => Cbor::Float(number.as_f64().unwrap_or_default()),
            Value::String(word) => match word.as_str() {
                "NaN" => Cbor::Float(f64::NAN),
                "Infinity" => Cbor::Float(f64::INFINITY),
                "-Infinity" => Cbor::Float(f64::NEG_INFINITY),
                _ => plain(value),
            },
            value => plain(value),
        },
        (_, value) => plain(value),
    }
}

/// A value as it stands, without a shape to go by.
fn plain(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(flag) => Cbor::Bool(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Cbor::Integer(whole.into()),
            (_, Some(whole)) => Cbor::Integer(whole.into()),
            _ => Cbor::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(plain).collect()),
        Value::Object(object) => Cbor::Map(
            object.iter().map(|(key, value)| (Cbor::Text(key.clone()), plain(value))).collect(),
        ),
    }
}

fn write(value: &Cbor) -> Bytes {
    let mut out = Vec::new();
    if let Err(error) = ciborium::ser::into_writer(value, &mut out) {
        tracing::error!("a document cannot be written as CBOR: {error}");
    }
    out.into()
}

fn respond(status: u16, request_id: &str, body: &Cbor) -> Response<Bytes> {
    let content_type = json::content_type(Protocol::Cbor);
    let mut response = answer(status, content_type, request_id, write(body));
    response.headers_mut().insert(SMITHY_PROTOCOL, RPC_V2);
    response
}

pub(super) fn encode_output(
    service: &Service,
    operation: &Operation,
    document: Value,
    request_id: &str,
) -> Response<Bytes> {
    let body = match operation.output {
        Some(shape) => encode(service, shape, &shaping::shape(service, shape, document)),
        None => Cbor::Map(Vec::new()),
    };
    respond(operation.http.status, request_id, &body)
}

pub(super) fn encode_error(
    service: &Service,
    error: &AwsError,
    request_id: &str,
) -> Response<Bytes> {
    let names = errors::names(service, &error.code);
    let mut members = errors::members(service, error);
    members.insert("__type".to_owned(), names.shape.clone().into());
    let mut response = respond(error.status, request_id, &plain(&Value::Object(members)));
    errors::add_query_error(service, error, &names, response.headers_mut());
    response
}

pub(super) fn decode_error_body(service: &Service, body: &[u8]) -> Value {
    parse(body).and_then(|value| decode(service, None, value)).unwrap_or(Value::Null)
}

pub(super) fn encode_input(service: &Service, operation: &Operation, document: &Value) -> Encoded {
    let body = match operation.input {
        Some(shape) => write(&encode(service, shape, document)),
        None => Bytes::new(),
    };
    let mut headers = HeaderMap::new();
    headers.insert(SMITHY_PROTOCOL, RPC_V2);
    headers.insert(ACCEPT, json::content_type(Protocol::Cbor));
    headers.insert(CONTENT_TYPE, json::content_type(Protocol::Cbor));
    let prefix = service.target_prefix.unwrap_or(service.name);
    let target = format!("/service/{prefix}/operation/{}", operation.name);
    Encoded { method: Method::POST, target, headers, body }
}
