//! REST with JSON: members travel in the path, the query, headers and the body.

use super::errors::{self, Names};
use super::{Encoded, Head, answer, json, scalar, serialization, uri};
use crate::api::error::AwsError;
use crate::api::model::{
    Kind, Location, Member, Operation, Protocol, Service, Structure, TimestampFormat,
};
use crate::api::shaping;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value};

pub(super) fn decode_input(
    service: &Service,
    operation: &Operation,
    head: &Head<'_>,
    body: Option<&[u8]>,
) -> Result<Value, AwsError> {
    let Some(structure) = service.input(operation) else { return Ok(Value::Object(Map::new())) };
    let mut document = match body {
        Some(body) => decode_body(service, structure, body)?,
        None => Map::new(),
    };
    let reading = Reading { plus_is_space: false, lenient: false };
    decode_bindings(service, operation, structure, head, reading, &mut document)?;
    Ok(Value::Object(document))
}

/// How the text in path, query and headers is read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) plus_is_space: bool,
    /// Text that is not what its member takes stays text.
    pub(super) lenient: bool,
}

/// The members that do not travel in the body.
pub(super) fn decode_bindings(
    service: &Service,
    operation: &Operation,
    structure: &Structure,
    head: &Head<'_>,
    reading: Reading,
    document: &mut Map<String, Value>,
) -> Result<(), AwsError> {
    for (label, text) in uri::decode(operation.http.uri, head.path).unwrap_or_default() {
        let at_label =
            |member: &&Member| member.location == Location::Uri && member.wire_name() == label;
        if let Some(member) = structure.members.iter().find(at_label) {
            let value = text_value(service, member, &text, reading.lenient)?;
            document.insert(member.name.to_owned(), value);
        }
    }
    for (key, text) in uri::pairs(head.query, reading.plus_is_space) {
        let in_query =
            |member: &&Member| member.location == Location::Query && member.wire_name() == key;
        if let Some(member) = structure.members.iter().find(in_query) {
            add_query(service, member, &text, reading.lenient, document)?;
        }
    }
    decode_headers(service, structure, head.headers, reading.lenient, document)
}

fn text_value(
    service: &Service,
    member: &Member,
    text: &str,
    lenient: bool,
) -> Result<Value, AwsError> {
    if let Kind::List { member: element, .. } = &service.get(member.shape).kind {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return items.map(|item| text_value(service, element, item, lenient)).collect();
    }
    scalar::from_text(service, member, text)
        .or_else(|error| if lenient { Ok(text.into()) } else { Err(error) })
        .map_err(serialization)
}

/// A repeated parameter is a list.
fn add_query(
    service: &Service,
    member: &Member,
    text: &str,
    lenient: bool,
    document: &mut Map<String, Value>,
) -> Result<(), AwsError> {
    if let Kind::List { member: element, .. } = &service.get(member.shape).kind {
        let value = text_value(service, element, text, lenient)?;
        let slot = document.entry(member.name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(items) = slot {
            items.push(value);
        }
        return Ok(());
    }
    document.insert(member.name.to_owned(), text_value(service, member, text, lenient)?);
    Ok(())
}

pub(super) fn decode_headers(
    service: &Service,
    structure: &Structure,
    headers: &HeaderMap,
    lenient: bool,
    document: &mut Map<String, Value>,
) -> Result<(), AwsError> {
    // A header that is no UTF-8 is read byte by byte, so that validation can say what is wrong. One
    // that is sent twice is a list.
    let text = |name: &str| {
        let values = headers.get_all(name).iter();
        let texts: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        (!texts.is_empty()).then(|| texts.join(","))
    };
    for member in &structure.members {
        match member.location {
            Location::Header => {
                if let Some(text) = text(member.wire_name()) {
                    let value = text_value(service, member, &text, lenient)?;
                    document.insert(member.name.to_owned(), value);
                }
            }
            Location::Headers => {
                let prefix = member.wire_name().to_ascii_lowercase();
                let found: Map<String, Value> = headers
                    .keys()
                    .filter_map(|name| {
                        let rest = name.as_str().strip_prefix(&prefix)?;
                        Some((rest.to_owned(), text(name.as_str())?.into()))
                    })
                    .collect();
                if !found.is_empty() {
                    document.insert(member.name.to_owned(), found.into());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn decode_body(
    service: &Service,
    structure: &Structure,
    body: &[u8],
) -> Result<Map<String, Value>, AwsError> {
    if let Some(payload) = structure.payload_member() {
        let value = match &service.get(payload.shape).kind {
            Kind::Blob { .. } => scalar::blob(body),
            Kind::String(_) => String::from_utf8(body.to_vec())
                .map_err(|_| serialization("The body is not UTF-8".to_owned()))?
                .into(),
            Kind::Structure(structure) if structure.event_stream => return Ok(Map::new()),
            _ if body.is_empty() => return Ok(Map::new()),
            _ => shaping::prune(service, payload.shape, json::parse(body)?),
        };
        return Ok(Map::from_iter([(payload.name.to_owned(), value)]));
    }
    if !structure.members.iter().any(|member| member.location == Location::Body) {
        return Ok(Map::new());
    }
    match json::parse(body)? {
        Value::Object(wire) => Ok(structure
            .members
            .iter()
            .filter(|member| member.location == Location::Body)
            .filter_map(|member| {
                let value = wire.get(member.wire_name())?.clone();
                let value = shaping::prune(service, member.shape, value);
                (!value.is_null()).then(|| (member.name.to_owned(), value))
            })
            .collect()),
        _ => Err(serialization("Unexpected field type".to_owned())),
    }
}

/// The body of a message and its content type.
fn encode_body(
    service: &Service,
    structure: &Structure,
    document: &Value,
) -> (Bytes, Option<HeaderValue>) {
    let json_type = json::content_type(Protocol::RestJson);
    if let Some(payload) = structure.payload_member() {
        let value = document.get(payload.name);
        return match &service.get(payload.shape).kind {
            Kind::Blob { .. } => {
                let bytes = value.and_then(scalar::bytes).unwrap_or_default();
                (bytes.into(), Some(HeaderValue::from_static("application/octet-stream")))
            }
            Kind::String(_) => {
                let text = value.and_then(Value::as_str).unwrap_or_default().to_owned();
                (text.into(), Some(HeaderValue::from_static("text/plain")))
            }
            _ => (value.map(Value::to_string).unwrap_or_default().into(), Some(json_type)),
        };
    }
    let in_body: Map<String, Value> = structure
        .members
        .iter()
        .filter(|member| member.location == Location::Body)
        .filter_map(|member| {
            Some((member.wire_name().to_owned(), document.get(member.name)?.clone()))
        })
        .collect();
    (Value::Object(in_body).to_string().into(), Some(json_type))
}

pub(super) fn encode_headers(
    service: &Service,
    structure: &Structure,
    document: &Value,
    headers: &mut HeaderMap,
) -> Result<(), AwsError> {
    for member in &structure.members {
        let Some(value) = document.get(member.name).filter(|value| !value.is_null()) else {
            continue;
        };
        match (member.location, value) {
            (Location::Header, value) => {
                put(headers, member.wire_name(), &header_text(service, member, value))?;
            }
            (Location::Headers, Value::Object(entries)) => {
                for (name, value) in entries {
                    let name = format!("{}{name}", member.wire_name());
                    put(headers, &name, value.as_str().unwrap_or_default())?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn header_text(service: &Service, member: &Member, value: &Value) -> String {
    match (&service.get(member.shape).kind, value) {
        (Kind::List { member: element, .. }, Value::Array(items)) => {
            let texts: Vec<_> =
                items.iter().map(|item| header_text(service, element, item)).collect();
            texts.join(",")
        }
        _ => scalar::to_text(service, member, value, TimestampFormat::Rfc822).unwrap_or_default(),
    }
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), AwsError> {
    let refused = |what: String| serialization(format!("{name} cannot be a header: {what}"));
    let key = HeaderName::try_from(name).map_err(|error| refused(error.to_string()))?;
    // What came as UTF-8 goes out as it came.
    let value =
        HeaderValue::from_bytes(value.as_bytes()).map_err(|error| refused(error.to_string()))?;
    headers.insert(key, value);
    Ok(())
}

pub(super) fn encode_output(
    service: &Service,
    operation: &Operation,
    document: Value,
    request_id: &str,
) -> Response<Bytes> {
    let json_type = json::content_type(Protocol::RestJson);
    let (Some(shape), Some(structure)) = (operation.output, service.output(operation)) else {
        return answer(operation.http.status, json_type, request_id, Bytes::from_static(b"{}"));
    };
    let document = shaping::shape(service, shape, document);
    let (body, content_type) = encode_body(service, structure, &document);
    let mut response =
        answer(operation.http.status, content_type.unwrap_or(json_type), request_id, body);
    if let Err(error) = encode_headers(service, structure, &document, response.headers_mut()) {
        return encode_error(service, &error, request_id);
    }
    response
}

pub(super) fn encode_error(
    service: &Service,
    error: &AwsError,
    request_id: &str,
) -> Response<Bytes> {
    let Names { shape, .. } = errors::names(service, &error.code);
    let body = Value::Object(errors::members(service, error)).to_string();
    let content_type = json::content_type(Protocol::RestJson);
    let mut response = answer(error.status, content_type, request_id, body.into());
    if let Ok(value) = HeaderValue::from_str(&shape) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), value);
    }
    response
}

pub(super) fn encode_input(
    service: &Service,
    operation: &Operation,
    document: &Value,
) -> Result<Encoded, AwsError> {
    let body = service.input(operation).map(|input| encode_body(service, input, document));
    encode_request(service, operation, document, body.unwrap_or_default())
}

/// A request with its body and the body's content type.
pub(super) fn encode_request(
    service: &Service,
    operation: &Operation,
    document: &Value,
    (body, content_type): (Bytes, Option<HeaderValue>),
) -> Result<Encoded, AwsError> {
    let method = Method::from_bytes(operation.http.method.as_bytes())
        .map_err(|error| serialization(error.to_string()))?;
    let mut headers = HeaderMap::new();
    let Some(structure) = service.input(operation) else {
        let target = operation.http.uri.to_owned();
        return Ok(Encoded { method, target, headers, body });
    };
    let of = |location| {
        structure.members.iter().filter(move |member: &&Member| member.location == location)
    };
    let mut missing = "a label";
    let path = uri::encode(operation.http.uri, |label| {
        let member = of(Location::Uri).find(|member| member.wire_name() == label)?;
        missing = member.name;
        let value = document.get(member.name)?;
        scalar::to_text(service, member, value, TimestampFormat::Iso8601)
    });
    let mut target = path.ok_or_else(|| {
        AwsError::validation(format!(
            "{missing} is part of the address of {}: give it a value that is not empty",
            operation.name
        ))
    })?;
    for member in of(Location::Query) {
        let Some(value) = document.get(member.name) else { continue };
        let texts: Vec<String> = match (&service.get(member.shape).kind, value) {
            (Kind::List { member: element, .. }, Value::Array(items)) => items
                .iter()
                .filter_map(|v| scalar::to_text(service, element, v, TimestampFormat::Iso8601))
                .collect(),
            (_, value) => {
                let text = scalar::to_text(service, member, value, TimestampFormat::Iso8601);
                text.into_iter().collect()
            }
        };
        for text in texts {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.extend(utf8_percent_encode(member.wire_name(), uri::UNRESERVED));
            target.push('=');
            target.extend(utf8_percent_encode(&text, uri::UNRESERVED));
        }
    }
    headers.extend(content_type.map(|value| (CONTENT_TYPE, value)));
    encode_headers(service, structure, document, &mut headers)?;
    Ok(Encoded { method, target, headers, body })
}

pub(super) fn decode_output(
    service: &Service,
    operation: &Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, AwsError> {
    let Some(structure) = service.output(operation) else { return Ok(Value::Object(Map::new())) };
    let mut document = decode_body(service, structure, body)?;
    decode_headers(service, structure, headers, false, &mut document)?;
    for member in &structure.members {
        if member.location == Location::StatusCode {
            document.insert(member.name.to_owned(), status.as_u16().into());
        }
    }
    Ok(Value::Object(document))
}
