//! AWS's query protocol, requests: a form whose keys are paths (`Tags.member.1.Key=a`).

use super::{Encoded, scalar, uri};
use crate::api::error::AwsError;
use crate::api::model::{Kind, Member, Operation, Service, Structure, TimestampFormat};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// No model nests deeper; a longer path is an attack on the stack.
const DEEPEST: usize = 48;

/// A parameter of a form, by its exact name.
pub(super) fn parameter(form: &[u8], name: &str) -> Option<String> {
    let form = std::str::from_utf8(form).ok()?;
    uri::pairs(form, true).find(|(key, _)| key == name).map(|(_, value)| value)
}

#[derive(Default)]
struct Node {
    value: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    /// The children of a list or map in the order of their numbers, gaps and all.
    fn numbered(&self) -> Result<Vec<&Node>, AwsError> {
        let mut numbered = Vec::with_capacity(self.children.len());
        for (key, child) in &self.children {
            let at: u32 = key.parse().map_err(|_| {
                malformed(format!("{key} is not the number of an element of a list or map"))
            })?;
            numbered.push((at, child));
        }
        numbered.sort_by_key(|(at, _)| *at);
        Ok(numbered.into_iter().map(|(_, child)| child).collect())
    }
}

fn malformed(message: String) -> AwsError {
    AwsError::new(400, "MalformedInput", message)
}

pub(super) fn decode_input(
    service: &Service,
    operation: &Operation,
    query: &str,
    body: &[u8],
) -> Result<Value, AwsError> {
    let body =
        std::str::from_utf8(body).map_err(|_| malformed("The body is not UTF-8".to_owned()))?;
    let mut root = Node::default();
    for (key, value) in uri::pairs(query, true).chain(uri::pairs(body, true)) {
        let mut node = &mut root;
        for (depth, part) in key.split('.').enumerate() {
            if depth == DEEPEST {
                return Err(malformed("A parameter's name has too many parts".to_owned()));
            }
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.value = Some(value);
    }
    match service.input(operation) {
        Some(structure) => decode_structure(service, structure, &root),
        None => Ok(Value::Object(Map::new())),
    }
}

fn decode_structure(
    service: &Service,
    structure: &Structure,
    node: &Node,
) -> Result<Value, AwsError> {
    let mut document = Map::new();
    for member in &structure.members {
        if let Some(node) = node.children.get(member.wire_name()) {
            document.insert(member.name.to_owned(), decode(service, member, node)?);
        }
    }
    Ok(Value::Object(document))
}

fn decode(service: &Service, member: &Member, node: &Node) -> Result<Value, AwsError> {
    match &service.get(member.shape).kind {
        Kind::Structure(structure) => decode_structure(service, structure, node),
        // A list or map with nothing below it (`Tags=`) is how clients spell an empty one.
        Kind::List { member: element, flattened, .. } => {
            let inner = if *flattened || member.flattened {
                Some(node)
            } else {
                node.children.get(element.wire_name())
            };
            let items = inner.map_or_else(|| Ok(Vec::new()), Node::numbered)?;
            items.into_iter().map(|item| decode(service, element, item)).collect()
        }
        Kind::Map { key, value, flattened, .. } => {
            let inner = if *flattened || member.flattened {
                Some(node)
            } else {
                node.children.get("entry")
            };
            let mut document = Map::new();
            for entry in inner.map_or_else(|| Ok(Vec::new()), Node::numbered)? {
                let name = entry.children.get(key.wire_name()).and_then(|node| node.value.clone());
                let name = name.ok_or_else(|| {
                    malformed(format!("An entry of {} has no {}", member.name, key.wire_name()))
                })?;
                let entry = entry.children.get(value.wire_name());
                let entry = entry.map_or(Ok(Value::Null), |node| decode(service, value, node))?;
                document.insert(name, entry);
            }
            Ok(Value::Object(document))
        }
        _ => match &node.value {
            Some(text) => scalar::from_text(service, member, text).map_err(malformed),
            None => Err(malformed("Start of structure or map found where not expected".into())),
        },
    }
}

pub(super) fn encode_input(service: &Service, operation: &Operation, document: &Value) -> Encoded {
    let mut form = Form::default();
    form.add("Action", operation.name);
    form.add("Version", service.api_version);
    if let Some(structure) = service.input(operation) {
        encode_structure(service, structure, document, "", &mut form);
    }
    let mut headers = HeaderMap::new();
    let content_type = "application/x-www-form-urlencoded; charset=utf-8";
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Encoded { method: Method::POST, target: "/".to_owned(), headers, body: form.0.into() }
}

#[derive(Default)]
struct Form(String);

impl Form {
    fn add(&mut self, key: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.extend(utf8_percent_encode(key, uri::UNRESERVED));
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, uri::UNRESERVED));
    }
}

fn below(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn encode_structure(
    service: &Service,
    structure: &Structure,
    document: &Value,
    prefix: &str,
    form: &mut Form,
) {
    for member in &structure.members {
        if let Some(value) = document.get(member.name).filter(|value| !value.is_null()) {
            encode(service, member, value, &below(prefix, member.wire_name()), form);
        }
    }
}

fn encode(service: &Service, member: &Member, value: &Value, key: &str, form: &mut Form) {
    match (&service.get(member.shape).kind, value) {
        (Kind::Structure(structure), value) => {
            encode_structure(service, structure, value, key, form);
        }
        (Kind::List { .. }, Value::Array(items)) if items.is_empty() => form.add(key, ""),
        (Kind::List { member: element, flattened, .. }, Value::Array(items)) => {
            let key = if *flattened || member.flattened {
                key.to_owned()
            } else {
                below(key, element.wire_name())
            };
            for (at, item) in items.iter().enumerate() {
                encode(service, element, item, &format!("{key}.{}", at + 1), form);
            }
        }
        (Kind::Map { key: name, value: entry, flattened, .. }, Value::Object(object)) => {
            let key =
                if *flattened || member.flattened { key.to_owned() } else { below(key, "entry") };
            for (at, (text, value)) in object.iter().enumerate() {
                form.add(&format!("{key}.{}.{}", at + 1, name.wire_name()), text);
                let key = format!("{key}.{}.{}", at + 1, entry.wire_name());
                encode(service, entry, value, &key, form);
            }
        }
        (_, value) => {
            if let Some(text) = scalar::to_text(service, member, value, TimestampFormat::Iso8601) {
                form.add(key, &text);
            }
        }
    }
}
