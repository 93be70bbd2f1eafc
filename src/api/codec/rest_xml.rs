//! REST with XML, which S3 speaks: members travel in the path, the query, headers and the body, as in
//! REST with JSON, and the body is a document or an object's bytes.
//!
//! Text in a header or in the query that is not what its member takes stays as it is: what to say of
//! it is validation's work. A document is read strictly, as S3 does: an element that it does not know
//! could be a wish that nobody would honour.

use super::rest_json::{self, Reading};
use super::xml::{self, Element, Writer};
use super::{Encoded, Head, answer, errors, scalar};
use crate::api::error::AwsError;
use crate::api::model::{Kind, Location, Member, Operation, Service, ShapeId, Structure};
use crate::api::shaping;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value};

const XML: HeaderValue = HeaderValue::from_static("application/xml");
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// The input document; without a body all members but the payload.
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
    let reading = Reading { plus_is_space: true, lenient: true };
    rest_json::decode_bindings(service, operation, structure, head, reading, &mut document)?;
    Ok(Value::Object(document))
}

fn malformed() -> AwsError {
    AwsError::new(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

fn decode_body(
    service: &Service,
    structure: &Structure,
    body: &[u8],
) -> Result<Map<String, Value>, AwsError> {
    let blank = body.iter().all(u8::is_ascii_whitespace);
    if let Some(payload) = structure.payload_member() {
        let value = match &service.get(payload.shape).kind {
            Kind::Blob { .. } => scalar::blob(body),
            Kind::String(_) => String::from_utf8(body.to_vec()).map_err(|_| malformed())?.into(),
            Kind::Structure(inner) if !blank => {
                let root = xml::read(body).map_err(|_| malformed())?;
                if root.name != payload.wire_name() || !known(service, inner, &root) {
                    return Err(malformed());
                }
                xml::decode_structure(service, inner, &root).map_err(|_| malformed())?
            }
            _ => return Ok(Map::new()),
        };
        return Ok(Map::from_iter([(payload.name.to_owned(), value)]));
    }
    if blank || !in_body(structure).any(|_| true) {
        return Ok(Map::new());
    }
    let root = xml::read(body).map_err(|_| malformed())?;
    match xml::decode_structure(service, structure, &root).map_err(|_| malformed())? {
        Value::Object(document) if known(service, structure, &root) => Ok(document),
        _ => Err(malformed()),
    }
}

fn in_body(structure: &Structure) -> impl Iterator<Item = &Member> {
    structure.members.iter().filter(|member| member.location == Location::Body)
}

/// Whether all elements are members, and only those that are lists come more than once.
fn known(service: &Service, structure: &Structure, element: &Element) -> bool {
    element.children.iter().enumerate().all(|(at, child)| {
        let mut members = in_body(structure);
        let Some(member) = members.find(|member| member.wire_name() == child.name) else {
            return false;
        };
        let (flat, inner) = match &service.get(member.shape).kind {
            Kind::List { member: inner, flattened, .. } => (*flattened || member.flattened, inner),
            _ => (false, member),
        };
        let first = !element.children[..at].iter().any(|earlier| earlier.name == child.name);
        if flat {
            return known_value(service, inner.shape, child);
        }
        first && known_value(service, member.shape, child)
    })
}

fn known_value(service: &Service, shape: ShapeId, element: &Element) -> bool {
    match &service.get(shape).kind {
        Kind::Structure(structure) => known(service, structure, element),
        Kind::List { member, .. } => {
            let name = member.location_name.unwrap_or("member");
            let mut items = element.children.iter();
            items.all(|item| item.name == name && known_value(service, member.shape, item))
        }
        Kind::Map { .. } => true,
        _ => element.children.is_empty(),
    }
}

/// What the answer's element is called, where the model does not say.
fn root(operation: &Operation, structure: &Structure) -> String {
    if let Some(payload) = structure.payload_member() {
        return payload.wire_name().to_owned();
    }
    match operation.name {
        "ListBuckets" => "ListAllMyBucketsResult".to_owned(),
        "ListObjects" | "ListObjectsV2" => "ListBucketResult".to_owned(),
        "CreateMultipartUpload" => "InitiateMultipartUploadResult".to_owned(),
        "DeleteObjects" => "DeleteResult".to_owned(),
        "GetObjectTagging" | "GetBucketTagging" => "Tagging".to_owned(),
        "GetBucketLocation" => "LocationConstraint".to_owned(),
        "GetBucketVersioning" => "VersioningConfiguration".to_owned(),
        "GetBucketAcl" | "GetObjectAcl" => "AccessControlPolicy".to_owned(),
        name => format!("{name}Result"),
    }
}

/// GetBucketLocation's member is the text of its document, not an element in it.
fn is_bare(operation: &Operation) -> bool {
    operation.name == "GetBucketLocation"
}

/// The answer. A payload of bytes is the caller's to send: its member is taken from the document only
/// where it is there.
pub(super) fn encode_output(
    service: &Service,
    operation: &Operation,
    document: Value,
    request_id: &str,
) -> Response<Bytes> {
    let (Some(shape), Some(structure)) = (operation.output, service.output(operation)) else {
        return reply(operation.http.status, None, request_id, Bytes::new());
    };
    let document = shaping::shape(service, shape, document);
    let (body, content_type) = encode_body(service, operation, structure, &document);
    let mut response = reply(operation.http.status, content_type, request_id, body);
    let headers = response.headers_mut();
    if let Err(error) = rest_json::encode_headers(service, structure, &document, headers) {
        return encode_error(&error, "", request_id);
    }
    response
}

fn encode_body(
    service: &Service,
    operation: &Operation,
    structure: &Structure,
    document: &Value,
) -> (Bytes, Option<HeaderValue>) {
    let mut writer = Writer::strict();
    if let Some(payload) = structure.payload_member() {
        let Some(value) = document.get(payload.name) else { return (Bytes::new(), None) };
        return match &service.get(payload.shape).kind {
            Kind::Blob { .. } => (scalar::bytes(value).unwrap_or_default().into(), None),
            Kind::Structure(inner) => {
                writer.out.push_str(DECLARATION);
                let root = root(operation, structure);
                writer.open_in(&root, service.xml_namespace);
                writer.structure(service, inner, value);
                writer.close(&root);
                (writer.out.into(), Some(XML))
            }
            _ => (value.as_str().unwrap_or_default().to_owned().into(), None),
        };
    }
    if !in_body(structure).any(|_| true) {
        return (Bytes::new(), None);
    }
    writer.out.push_str(DECLARATION);
    let root = root(operation, structure);
    writer.open_in(&root, service.xml_namespace);
    for member in in_body(structure) {
        match document.get(member.name) {
            Some(value) if is_bare(operation) => writer.text(value.as_str().unwrap_or_default()),
            Some(value) => writer.member(service, member, member.wire_name(), value),
            None => {}
        }
    }
    writer.close(&root);
    (writer.out.into(), Some(XML))
}

/// An error, with the resource that was addressed. Its members are elements beside code and message.
pub(super) fn encode_error(error: &AwsError, resource: &str, request_id: &str) -> Response<Bytes> {
    let mut writer = Writer::strict();
    writer.out.push_str(DECLARATION);
    writer.open("Error");
    writer.leaf("Code", &error.code);
    writer.leaf("Message", &error.message);
    for (name, value) in &error.members {
        match value {
            Value::String(text) => writer.leaf(name, text),
            other => writer.leaf(name, &other.to_string()),
        }
    }
    if !resource.is_empty() {
        writer.leaf("Resource", resource);
    }
    writer.leaf("RequestId", request_id);
    writer.leaf("HostId", &host_id(request_id));
    writer.close("Error");
    reply(error.status, Some(XML), request_id, writer.out.into())
}

/// The second of S3's two names of a request.
fn host_id(request_id: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(request_id)
}

fn reply(
    status: u16,
    content_type: Option<HeaderValue>,
    request_id: &str,
    body: Bytes,
) -> Response<Bytes> {
    let has_type = content_type.is_some();
    let mut response = answer(status, content_type.unwrap_or(XML), request_id, body);
    let headers = response.headers_mut();
    if !has_type {
        headers.remove(CONTENT_TYPE);
    }
    // S3 names a request otherwise, and clients read but one of the names.
    headers.remove("x-amzn-requestid");
    let ids = [("x-amz-request-id", request_id), ("x-amz-id-2", &host_id(request_id))];
    for (name, id) in ids {
        let value = HeaderValue::from_str(id).ok();
        headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
    }
    response
}

pub(super) fn encode_input(
    service: &Service,
    operation: &Operation,
    document: &Value,
) -> Result<Encoded, AwsError> {
    let mut writer = Writer::strict();
    let body = match service.input(operation).and_then(Structure::payload_member) {
        None => (Bytes::new(), None),
        Some(payload) => match (&service.get(payload.shape).kind, document.get(payload.name)) {
            (_, None) => (Bytes::new(), None),
            (Kind::Blob { .. }, Some(value)) => {
                (scalar::bytes(value).unwrap_or_default().into(), None)
            }
            (Kind::Structure(inner), Some(value)) => {
                writer.out.push_str(DECLARATION);
                writer.open_in(payload.wire_name(), service.xml_namespace);
                writer.structure(service, inner, value);
                writer.close(payload.wire_name());
                (writer.out.into(), Some(XML))
            }
            (_, Some(value)) => (value.as_str().unwrap_or_default().to_owned().into(), None),
        },
    };
    rest_json::encode_request(service, operation, document, body)
}

pub(super) fn decode_output(
    service: &Service,
    operation: &Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, AwsError> {
    let Some(structure) = service.output(operation) else { return Ok(Value::Object(Map::new())) };
    let mut document = Map::new();
    let blank = body.iter().all(u8::is_ascii_whitespace);
    match structure.payload_member() {
        Some(payload) => {
            let value = match &service.get(payload.shape).kind {
                Kind::Blob { .. } => Some(scalar::blob(body)),
                Kind::String(_) => Some(String::from_utf8_lossy(body).into_owned().into()),
                Kind::Structure(inner) if !inner.event_stream && !blank => {
                    Some(xml::decode_structure(service, inner, &xml::read(body)?)?)
                }
                _ => None,
            };
            document.extend(value.map(|value| (payload.name.to_owned(), value)));
        }
        None if blank || !in_body(structure).any(|_| true) => {}
        None if is_bare(operation) => {
            let text = xml::read(body)?.text;
            let member = in_body(structure).next().filter(|_| !text.is_empty());
            document.extend(member.map(|member| (member.name.to_owned(), text.into())));
        }
        None => {
            if let Value::Object(read) =
                xml::decode_structure(service, structure, &xml::read(body)?)?
            {
                document = read;
            }
        }
    }
    rest_json::decode_headers(service, structure, headers, true, &mut document)?;
    for member in &structure.members {
        if member.location == Location::StatusCode {
            document.insert(member.name.to_owned(), status.as_u16().into());
        }
    }
    Ok(Value::Object(document))
}

/// The error behind a body; an answer to HEAD has none.
pub(super) fn decode_error(status: StatusCode, body: &[u8]) -> AwsError {
    if body.is_empty() {
        let code = status.as_str().to_owned();
        return AwsError::new(status.as_u16(), code, errors::reason(status));
    }
    xml::decode_error(status, body)
}
