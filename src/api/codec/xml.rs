//! AWS's query protocol, answers: XML, `<member>` by `<member>`.

use super::{answer, errors, json, scalar, serialization};
use crate::api::error::AwsError;
use crate::api::model::{
    Kind, Location, Member, Operation, Protocol, Service, Structure, TimestampFormat,
};
use crate::api::shaping;
use bytes::Bytes;
use http::{Response, StatusCode};
use quick_xml::events::Event;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// A reader that nests deeper than this is being attacked.
const DEEPEST: usize = 64;

pub(super) fn encode_output(
    service: &Service,
    operation: &Operation,
    document: Value,
    request_id: &str,
) -> Response<Bytes> {
    let mut writer = Writer::default();
    let response = format!("{}Response", operation.name);
    writer.open_in(&response, service.xml_namespace);
    if let (Some(shape), Some(structure)) = (operation.output, service.output(operation)) {
        let document = shaping::shape(service, shape, document);
        if let Some(wrapper) = operation.result_wrapper {
            writer.open(wrapper);
        }
        writer.structure(service, structure, &document);
        if let Some(wrapper) = operation.result_wrapper {
            writer.close(wrapper);
        }
    }
    writer.open("ResponseMetadata");
    writer.leaf("RequestId", request_id);
    writer.close("ResponseMetadata");
    writer.close(&response);
    let content_type = json::content_type(Protocol::Query);
    answer(operation.http.status, content_type, request_id, writer.out.into())
}

pub(super) fn encode_error(
    service: &Service,
    error: &AwsError,
    request_id: &str,
) -> Response<Bytes> {
    let names = errors::names(service, &error.code);
    let mut writer = Writer::default();
    writer.open_in("ErrorResponse", service.xml_namespace);
    writer.open("Error");
    writer.leaf("Type", errors::fault(error.status));
    writer.leaf("Code", &names.code);
    writer.leaf("Message", &error.message);
    writer.close("Error");
    writer.leaf("RequestId", request_id);
    writer.close("ErrorResponse");
    answer(error.status, json::content_type(Protocol::Query), request_id, writer.out.into())
}

#[derive(Default)]
pub(super) struct Writer {
    pub(super) out: String,
    /// Writes characters that XML cannot hold as references to them, as S3 does: a reader fails then
    /// rather than taking one key for another.
    references: bool,
}

impl Writer {
    pub(super) fn strict() -> Self {
        Self { references: true, ..Self::default() }
    }

    pub(super) fn open(&mut self, name: &str) {
        self.open_in(name, None);
    }

    pub(super) fn open_in(&mut self, name: &str, namespace: Option<&str>) {
        self.out.push('<');
        self.out.push_str(name);
        if let Some(namespace) = namespace {
            self.out.push_str(" xmlns=\"");
            self.text(namespace);
            self.out.push('"');
        }
        self.out.push('>');
    }

    pub(super) fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }

    /// XML 1.0 cannot hold most control characters at all, and readers turn a bare carriage return
    /// into a line feed.
    pub(super) fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                '"' => self.out.push_str("&quot;"),
                '\r' => self.out.push_str("&#xD;"),
                '\t' | '\n' => self.out.push(character),
                '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' if self.references => {
                    let _ = write!(self.out, "&#x{:X};", u32::from(character));
                }
                '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => self.out.push('\u{fffd}'),
                _ => self.out.push(character),
            }
        }
    }

    pub(super) fn structure(&mut self, service: &Service, structure: &Structure, document: &Value) {
        for member in &structure.members {
            if let Some(value) = document.get(member.name) {
                self.member(service, member, member.wire_name(), value);
            }
        }
    }

    pub(super) fn member(&mut self, service: &Service, member: &Member, name: &str, value: &Value) {
        match (&service.get(member.shape).kind, value) {
            (Kind::Structure(structure), value) => {
                self.open(name);
                self.structure(service, structure, value);
                self.close(name);
            }
            (Kind::List { member: element, flattened, .. }, Value::Array(items)) => {
                if *flattened || member.flattened {
                    for item in items {
                        self.member(service, element, name, item);
                    }
                    return;
                }
                self.open(name);
                for item in items {
                    self.member(service, element, element.location_name.unwrap_or("member"), item);
                }
                self.close(name);
            }
            (Kind::Map { key, value: entry, flattened, .. }, Value::Object(object)) => {
                let flat = *flattened || member.flattened;
                if !flat {
                    self.open(name);
                }
                let each = if flat { name } else { "entry" };
                for (text, value) in object {
                    self.open(each);
                    self.leaf(key.wire_name(), text);
                    self.member(service, entry, entry.wire_name(), value);
                    self.close(each);
                }
                if !flat {
                    self.close(name);
                }
            }
            (_, value) => {
                let text = scalar::to_text(service, member, value, TimestampFormat::Iso8601);
                self.leaf(name, &text.unwrap_or_default());
            }
        }
    }
}

/// An element of an answer that was read.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

pub(super) fn read(body: &[u8]) -> Result<Element, AwsError> {
    let broken = |what: String| serialization(format!("The answer is not valid XML: {what}"));
    let text = std::str::from_utf8(body).map_err(|error| broken(error.to_string()))?;
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|error| broken(error.to_string()))? {
            Event::Start(tag) => {
                if open.len() > DEEPEST {
                    return Err(broken("it nests too deep".to_owned()));
                }
                let name = tag.local_name().as_ref().to_owned();
                open.push(Element { name, ..Element::default() });
            }
            Event::Empty(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                if let Some(parent) = open.last_mut() {
                    parent.children.push(Element { name, ..Element::default() });
                }
            }
            Event::End(_) => {
                if let Some(done) = open.pop()
                    && let Some(parent) = open.last_mut()
                {
                    parent.children.push(done);
                }
            }
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text.xml10_content());
                }
            }
            Event::CData(data) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&data.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => character.to_string(),
                    _ => {
                        let name: &str = &reference;
                        quick_xml::escape::resolve_predefined_entity(name)
                            .ok_or_else(|| broken(format!("&{name}; is unknown")))?
                            .to_owned()
                    }
                };
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&character);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let mut root = open.into_iter().next().unwrap_or_default();
    root.children.pop().ok_or_else(|| broken("it is empty".to_owned()))
}

pub(super) fn decode_output(
    service: &Service,
    operation: &Operation,
    body: &[u8],
) -> Result<Value, AwsError> {
    let Some(structure) = service.output(operation) else { return Ok(Value::Object(Map::new())) };
    let root = read(body)?;
    let element = match operation.result_wrapper {
        Some(wrapper) => root.child(wrapper).unwrap_or(&root),
        None => &root,
    };
    decode_structure(service, structure, element)
}

pub(super) fn decode_structure(
    service: &Service,
    structure: &Structure,
    element: &Element,
) -> Result<Value, AwsError> {
    let mut document = Map::new();
    for member in structure.members.iter().filter(|it| it.location == Location::Body) {
        let name = member.wire_name();
        let flat = match &service.get(member.shape).kind {
            Kind::List { flattened, .. } | Kind::Map { flattened, .. } => {
                *flattened || member.flattened
            }
            _ => false,
        };
        let value = if flat {
            let items: Vec<&Element> = element.all(name).collect();
            if items.is_empty() { None } else { Some(decode_items(service, member, &items)?) }
        } else {
            element.child(name).map(|child| decode(service, member, child)).transpose()?
        };
        document.extend(value.map(|value| (member.name.to_owned(), value)));
    }
    Ok(Value::Object(document))
}

fn decode(service: &Service, member: &Member, element: &Element) -> Result<Value, AwsError> {
    match &service.get(member.shape).kind {
        Kind::Structure(structure) => decode_structure(service, structure, element),
        Kind::List { .. } | Kind::Map { .. } => {
            let items: Vec<&Element> = element.children.iter().collect();
            decode_items(service, member, &items)
        }
        _ => scalar::from_text(service, member, &element.text).map_err(serialization),
    }
}

fn decode_items(service: &Service, member: &Member, items: &[&Element]) -> Result<Value, AwsError> {
    match &service.get(member.shape).kind {
        Kind::Map { key, value, .. } => {
            let mut document = Map::new();
            for entry in items {
                let name = entry.child(key.wire_name()).map(|key| key.text.clone());
                let inner = entry.child(value.wire_name());
                if let (Some(name), Some(inner)) = (name, inner) {
                    document.insert(name, decode(service, value, inner)?);
                }
            }
            Ok(Value::Object(document))
        }
        Kind::List { member: element, .. } => {
            items.iter().map(|item| decode(service, element, item)).collect()
        }
        _ => Ok(Value::Null),
    }
}

/// The code, message and status of `<ErrorResponse>`, or of whatever else came.
pub(super) fn decode_error(status: StatusCode, body: &[u8]) -> AwsError {
    let root = read(body).unwrap_or_default();
    let error = root.child("Error").unwrap_or(&root);
    let text = |name: &str| error.child(name).map(|child| child.text.clone());
    let code = text("Code").unwrap_or_else(|| status.as_str().to_owned());
    let message = text("Message").unwrap_or_else(|| errors::reason(status));
    AwsError::new(status.as_u16(), code, message)
}
