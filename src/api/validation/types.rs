//! The JSON types of a document, with the words of AWS's own deserialiser.

use crate::api::model::{Kind, Service, ShapeId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The first value of a wrong type, in AWS's words. Nulls count as absent.
pub(super) fn check(service: &Service, id: ShapeId, value: &Value) -> Result<(), String> {
    if value.is_null() {
        return Ok(());
    }
    match &service.get(id).kind {
        Kind::Structure(structure) => {
            let object = value.as_object().ok_or_else(|| not_an_object(value))?;
            let mut set = 0;
            for member in &structure.members {
                if let Some(value) = object.get(member.name).filter(|value| !value.is_null()) {
                    set += 1;
                    check(service, member.shape, value)?;
                }
            }
            if structure.union && set != 1 {
                let name = service.get(id).name;
                return Err(format!("Union {name} must have exactly one member set, found {set}"));
            }
            Ok(())
        }
        Kind::List { member, .. } => {
            let items = value.as_array().ok_or_else(|| not_a_list(value))?;
            items.iter().try_for_each(|item| check(service, member.shape, item))
        }
        Kind::Map { value: entry, .. } => {
            let object = value.as_object().ok_or_else(|| not_an_object(value))?;
            object.values().try_for_each(|value| check(service, entry.shape, value))
        }
        Kind::String(_) => value.as_str().map(drop).ok_or_else(|| mismatch(value, "String")),
        Kind::Integer { .. } => whole(value, "Integer"),
        Kind::Long { .. } => whole(value, "Long"),
        Kind::Float { .. } => real(value, "Float"),
        Kind::Double { .. } => real(value, "Double"),
        Kind::Timestamp { .. } => {
            if value.is_number() {
                Ok(())
            } else {
                Err(mismatch(value, "Timestamp"))
            }
        }
        Kind::Boolean => match value {
            Value::Bool(_) => Ok(()),
            Value::String(_) => Err("Unexpected token received from parser".to_owned()),
            _ => Err(mismatch(value, "Boolean")),
        },
        Kind::Blob { .. } => blob(value),
    }
}

fn whole(value: &Value, target: &str) -> Result<(), String> {
    if value.is_i64() || value.is_u64() { Ok(()) } else { Err(mismatch(value, target)) }
}

fn real(value: &Value, target: &str) -> Result<(), String> {
    match value {
        Value::Number(_) => Ok(()),
        Value::String(word) if matches!(word.as_str(), "NaN" | "Infinity" | "-Infinity") => Ok(()),
        _ => Err(mismatch(value, target)),
    }
}

fn blob(value: &Value) -> Result<(), String> {
    let text = value.as_str().ok_or_else(|| mismatch(value, "Blob"))?;
    if text.len() % 4 != 0 {
        return Err(format!(
            "Base64 encoded length is expected a multiple of 4 bytes but found: {}",
            text.len()
        ));
    }
    STANDARD.decode(text).map(drop).map_err(|error| format!("Invalid Base64 value: {error}"))
}

/// What AWS's parser calls the token that a value begins with.
pub(in crate::api) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

fn mismatch(value: &Value, target: &str) -> String {
    match value {
        Value::Array(_) => format!("Unrecognized collection type class java.lang.{target}"),
        Value::Object(_) => "Start of structure or map found where not expected".to_owned(),
        _ => format!("{} cannot be converted to {target}", type_name(value)),
    }
}

fn not_an_object(value: &Value) -> String {
    match value {
        Value::Array(_) => "Start of list found where not expected".to_owned(),
        _ => "Unexpected field type".to_owned(),
    }
}

fn not_a_list(value: &Value) -> String {
    match value {
        Value::Object(_) => "Start of structure or map found where not expected".to_owned(),
        _ => "Unexpected field type".to_owned(),
    }
}
