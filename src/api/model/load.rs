//! Reads a model file. The file names shapes; the model refers to them by index.

use super::{
    Http, Kind, Length, Location, Member, Operation, Pattern, Protocol, Range, Service, Shape,
    ShapeId, Structure, Text, TimestampFormat,
};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{place} refers to {shape}, which the file does not hold")]
    Dangling { place: String, shape: String },
    #[error("{place} has the {what} {word}, which is unknown here")]
    Unknown { place: String, what: &'static str, word: String },
}

/// The pairs of a JSON object in their order: member order is part of the model.
struct Pairs<T>(Vec<(&'static str, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Deserialize<'static>> Deserialize<'static> for Pairs<T> {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<T: Deserialize<'static>> Visitor<'static> for Reader<T> {
            type Value = Pairs<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'static>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawService {
    service: &'static str,
    source: &'static str,
    signing_name: &'static str,
    endpoint_prefix: &'static str,
    service_id: &'static str,
    api_version: &'static str,
    target_prefix: Option<&'static str>,
    xml_namespace: Option<&'static str>,
    json_version: Option<&'static str>,
    protocols: Vec<&'static str>,
    aws_query_compatible: Option<de::IgnoredAny>,
    operations: Pairs<RawOperation>,
    shapes: Pairs<RawShape>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawOperation {
    input: Option<&'static str>,
    output: Option<&'static str>,
    result_wrapper: Option<&'static str>,
    #[serde(default)]
    errors: Vec<&'static str>,
    method: Option<&'static str>,
    uri: Option<&'static str>,
    status: Option<u16>,
    #[serde(default)]
    unsigned: bool,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawShape {
    #[serde(rename = "type")]
    kind: &'static str,
    min: Option<serde_json::Number>,
    max: Option<serde_json::Number>,
    #[serde(rename = "enum", default)]
    values: Vec<&'static str>,
    #[serde(default)]
    required: Vec<&'static str>,
    #[serde(default)]
    members: Pairs<RawReference>,
    member: Option<RawReference>,
    key: Option<RawReference>,
    value: Option<RawReference>,
    payload: Option<&'static str>,
    #[serde(borrow)]
    pattern: Option<Cow<'static, str>>,
    #[serde(rename = "match", borrow)]
    matches: Option<Cow<'static, str>>,
    #[serde(default, borrow)]
    also: Vec<Cow<'static, str>>,
    #[serde(default, borrow)]
    never: Vec<Cow<'static, str>>,
    timestamp_format: Option<&'static str>,
    error: Option<RawError>,
    #[serde(default)]
    flattened: bool,
    #[serde(default)]
    sensitive: bool,
    #[serde(default)]
    streaming: bool,
    #[serde(default)]
    eventstream: bool,
    #[serde(default)]
    exception: bool,
    #[serde(default)]
    fault: bool,
    #[serde(default)]
    union: bool,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawError {
    code: Option<&'static str>,
    http_status_code: Option<u16>,
}

/// Either the name of a shape or an object that says more.
#[derive(Default)]
struct RawReference {
    shape: &'static str,
    location: Option<&'static str>,
    location_name: Option<&'static str>,
    timestamp_format: Option<&'static str>,
    flattened: bool,
    xml_attribute: bool,
    event_payload: bool,
    sensitive: bool,
    idempotency_token: bool,
}

impl Deserialize<'static> for RawReference {
    fn deserialize<D: Deserializer<'static>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'static> for Reader {
            type Value = RawReference;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a shape's name, or an object with it")
            }

            fn visit_borrowed_str<E: de::Error>(
                self,
                shape: &'static str,
            ) -> Result<RawReference, E> {
                Ok(RawReference { shape, ..RawReference::default() })
            }

            fn visit_map<A: MapAccess<'static>>(
                self,
                mut map: A,
            ) -> Result<RawReference, A::Error> {
                let mut raw = RawReference::default();
                while let Some(key) = map.next_key::<&'static str>()? {
                    match key {
                        "shape" => raw.shape = map.next_value()?,
                        "location" => raw.location = map.next_value()?,
                        "locationName" => raw.location_name = map.next_value()?,
                        "timestampFormat" => raw.timestamp_format = map.next_value()?,
                        "flattened" => raw.flattened = map.next_value()?,
                        "xmlAttribute" => raw.xml_attribute = map.next_value()?,
                        "eventpayload" => raw.event_payload = map.next_value()?,
                        "sensitive" => raw.sensitive = map.next_value()?,
                        "idempotencyToken" => raw.idempotency_token = map.next_value()?,
                        _ => drop(map.next_value::<de::IgnoredAny>()?),
                    }
                }
                Ok(raw)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// The model that a file holds.
pub(super) fn parse(text: &'static str) -> Result<Service, LoadError> {
    let raw: RawService = serde_json::from_str(text)?;
    let ids = (0u32..).zip(&raw.shapes.0).map(|(at, (name, _))| (*name, ShapeId(at))).collect();
    let mut linker = Linker { ids, patterns: Vec::new(), pattern_ids: HashMap::new() };
    let operations = raw
        .operations
        .0
        .into_iter()
        .map(|(name, operation)| linker.operation(name, &operation))
        .collect::<Result<Vec<_>, _>>()?;
    let shapes = raw
        .shapes
        .0
        .into_iter()
        .map(|(name, shape)| linker.shape(name, shape))
        .collect::<Result<Vec<_>, _>>()?;
    let protocols = raw
        .protocols
        .iter()
        .map(|word| protocol(word, raw.json_version, raw.service))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Service {
        name: raw.service,
        signing_name: raw.signing_name,
        endpoint_prefix: raw.endpoint_prefix,
        service_id: raw.service_id,
        api_version: raw.api_version,
        target_prefix: raw.target_prefix,
        xml_namespace: raw.xml_namespace,
        protocols,
        query_compatible: raw.aws_query_compatible.is_some(),
        source: raw.source,
        operations,
        shapes,
        patterns: linker.patterns,
        shape_ids: linker.ids,
    })
}

fn protocol(word: &str, json: Option<&str>, service: &str) -> Result<Protocol, LoadError> {
    Ok(match word {
        "json" if json == Some("1.0") => Protocol::AwsJson10,
        "json" => Protocol::AwsJson11,
        "rest-json" => Protocol::RestJson,
        "rest-xml" => Protocol::RestXml,
        "query" => Protocol::Query,
        "smithy-rpc-v2-cbor" => Protocol::Cbor,
        _ => return Err(unknown(service, "protocol", word)),
    })
}

fn unknown(place: &str, what: &'static str, word: &str) -> LoadError {
    LoadError::Unknown { place: place.to_owned(), what, word: word.to_owned() }
}

fn timestamp_format(word: Option<&str>, place: &str) -> Result<Option<TimestampFormat>, LoadError> {
    word.map(|word| match word {
        "unixTimestamp" => Ok(TimestampFormat::UnixSeconds),
        "iso8601" => Ok(TimestampFormat::Iso8601),
        "rfc822" => Ok(TimestampFormat::Rfc822),
        _ => Err(unknown(place, "timestamp format", word)),
    })
    .transpose()
}

struct Linker {
    ids: HashMap<&'static str, ShapeId>,
    patterns: Vec<Pattern>,
    pattern_ids: HashMap<Box<str>, u32>,
}

impl Linker {
    fn id(&self, shape: &str, place: &str) -> Result<ShapeId, LoadError> {
        self.ids
            .get(shape)
            .copied()
            .ok_or_else(|| LoadError::Dangling { place: place.to_owned(), shape: shape.to_owned() })
    }

    fn operation(&self, name: &'static str, raw: &RawOperation) -> Result<Operation, LoadError> {
        Ok(Operation {
            name,
            input: raw.input.map(|shape| self.id(shape, name)).transpose()?,
            output: raw.output.map(|shape| self.id(shape, name)).transpose()?,
            result_wrapper: raw.result_wrapper,
            errors: raw.errors.iter().map(|e| self.id(e, name)).collect::<Result<_, _>>()?,
            http: Http {
                method: raw.method.unwrap_or("POST"),
                uri: raw.uri.unwrap_or("/"),
                status: raw.status.unwrap_or(200),
            },
            unsigned: raw.unsigned,
        })
    }

    fn member(
        &self,
        name: &'static str,
        raw: &RawReference,
        required: bool,
        place: &str,
    ) -> Result<Member, LoadError> {
        let location = match raw.location {
            None => Location::Body,
            Some("uri") => Location::Uri,
            Some("querystring") => Location::Query,
            Some("header") => Location::Header,
            Some("headers") => Location::Headers,
            Some("statusCode") => Location::StatusCode,
            Some(word) => return Err(unknown(place, "location", word)),
        };
        Ok(Member {
            name,
            shape: self.id(raw.shape, place)?,
            required,
            flattened: raw.flattened,
            xml_attribute: raw.xml_attribute,
            location,
            location_name: raw.location_name,
            timestamp_format: timestamp_format(raw.timestamp_format, place)?,
            event_payload: raw.event_payload,
            sensitive: raw.sensitive,
            idempotency_token: raw.idempotency_token,
        })
    }

    fn part(
        &self,
        name: &'static str,
        raw: Option<&RawReference>,
        place: &str,
    ) -> Result<Member, LoadError> {
        let missing = || unknown(place, "missing part", name);
        self.member(name, raw.ok_or_else(missing)?, false, place)
    }

    fn shape(&mut self, name: &'static str, raw: RawShape) -> Result<Shape, LoadError> {
        let length = Length {
            min: raw.min.as_ref().and_then(serde_json::Number::as_u64),
            max: raw.max.as_ref().and_then(serde_json::Number::as_u64),
        };
        let whole = Range {
            min: raw.min.as_ref().and_then(serde_json::Number::as_i64),
            max: raw.max.as_ref().and_then(serde_json::Number::as_i64),
        };
        let real = Range {
            min: raw.min.as_ref().and_then(serde_json::Number::as_f64),
            max: raw.max.as_ref().and_then(serde_json::Number::as_f64),
        };
        let (sensitive, streaming) = (raw.sensitive, raw.streaming);
        let kind = match raw.kind {
            "structure" => Kind::Structure(self.structure(name, &raw)?),
            "list" => Kind::List {
                member: self.part("member", raw.member.as_ref(), name)?,
                length,
                flattened: raw.flattened,
            },
            "map" => Kind::Map {
                key: self.part("key", raw.key.as_ref(), name)?,
                value: self.part("value", raw.value.as_ref(), name)?,
                length,
                flattened: raw.flattened,
            },
            "string" => Kind::String(Box::new(self.text(length, raw))),
            "integer" => Kind::Integer { range: whole },
            "long" => Kind::Long { range: whole },
            "float" => Kind::Float { range: real },
            "double" => Kind::Double { range: real },
            "boolean" => Kind::Boolean,
            "timestamp" => {
                Kind::Timestamp { format: timestamp_format(raw.timestamp_format, name)? }
            }
            "blob" => Kind::Blob { length },
            word => return Err(unknown(name, "type", word)),
        };
        Ok(Shape { name, kind, sensitive, streaming })
    }

    fn structure(&self, name: &'static str, raw: &RawShape) -> Result<Structure, LoadError> {
        let members = raw
            .members
            .0
            .iter()
            .map(|(member, reference)| {
                self.member(member, reference, raw.required.contains(member), name)
            })
            .collect::<Result<_, _>>()?;
        Ok(Structure {
            members,
            payload: raw.payload,
            exception: raw.exception,
            error_code: raw.error.as_ref().and_then(|error| error.code),
            error_status: raw.error.as_ref().and_then(|error| error.http_status_code),
            fault: raw.fault,
            union: raw.union,
            event_stream: raw.eventstream,
        })
    }

    fn text(&mut self, length: Length, raw: RawShape) -> Text {
        let pattern = raw.pattern.map(|source| {
            if let Some(at) = self.pattern_ids.get(source.as_ref()) {
                return *at;
            }
            let at = u32::try_from(self.patterns.len()).unwrap_or(u32::MAX);
            let own = |texts: Vec<Cow<'_, str>>| texts.into_iter().map(Box::from).collect();
            self.patterns.push(Pattern::new(
                Box::from(source.as_ref()),
                raw.matches.map(Box::from),
                own(raw.also),
                own(raw.never),
            ));
            self.pattern_ids.insert(Box::from(source), at);
            at
        });
        Text { length, pattern, values: raw.values }
    }
}
