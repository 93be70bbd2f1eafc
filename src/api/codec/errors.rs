//! What all protocols need of an error: its two names, its members, and reading one back.

use crate::api::error::AwsError;
use crate::api::model::Service;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

/// An error's name in JSON and CBOR, and its code in the query protocol (`NoSuchEntityException` and
/// `NoSuchEntity`). Handlers may use either.
pub(super) struct Names {
    pub(super) shape: String,
    pub(super) code: String,
}

pub(super) fn names(service: &Service, code: &str) -> Names {
    let shape = service.error(code);
    let name = shape.map_or(code, |shape| shape.name);
    let code = shape.and_then(|shape| shape.structure()?.error_code).unwrap_or(name);
    Names { shape: name.to_owned(), code: code.to_owned() }
}

/// The members of an error's body. Some shapes spell the text `Message`, some `message`.
pub(super) fn members(service: &Service, error: &AwsError) -> Map<String, Value> {
    let structure = service.error(&error.code).and_then(|shape| shape.structure());
    let spelling = structure
        .and_then(|structure| {
            structure.members.iter().find(|member| member.name.eq_ignore_ascii_case("message"))
        })
        .map_or("message", |member| member.wire_name());
    let mut members = error.members.clone();
    members.insert(spelling.to_owned(), error.message.clone().into());
    members
}

pub(super) const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// Services that once spoke query alone tell their clients the old code in a header.
pub(super) fn add_query_error(
    service: &Service,
    error: &AwsError,
    names: &Names,
    headers: &mut HeaderMap,
) {
    if service.query_compatible {
        let text = format!("{};{}", names.code, fault(error.status));
        headers.extend(HeaderValue::from_str(&text).ok().map(|value| (QUERY_ERROR, value)));
    }
}

pub(super) fn fault(status: u16) -> &'static str {
    if status >= 500 { "Receiver" } else { "Sender" }
}

/// The error behind a JSON or CBOR body. The code may stand in a header, in `__type` or in `code`,
/// with a namespace before a `#` and a location after a `:`.
pub(super) fn from_document(status: StatusCode, headers: &HeaderMap, body: Value) -> AwsError {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Value::Object(mut members) = body else {
        let code = header("x-amzn-errortype").map_or_else(|| status.as_str(), bare);
        return AwsError::new(status.as_u16(), code.to_owned(), reason(status));
    };
    let of_type = members.remove("__type").or_else(|| members.remove("code"));
    let code = header(QUERY_ERROR.as_str())
        .and_then(|text| text.split(';').next())
        .or_else(|| header("x-amzn-errortype"))
        .or_else(|| of_type.as_ref().and_then(Value::as_str))
        .map_or_else(|| status.as_str(), bare)
        .to_owned();
    let message = ["message", "Message", "errorMessage"]
        .iter()
        .find_map(|name| members.remove(*name))
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_else(|| reason(status));
    AwsError { code: code.into(), message, status: status.as_u16(), members }
}

fn bare(code: &str) -> &str {
    let code = code.split_once(':').map_or(code, |(code, _)| code);
    code.rsplit_once('#').map_or(code, |(_, code)| code)
}

pub(super) fn reason(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("no reason given").to_owned()
}
