//! Gives a document the shape that the model promises, so that a handler may hand back what it has.

use super::model::{Kind, Service, ShapeId};
use serde_json::Value;

/// The document with the members of the shape alone, without nulls and without absent structures.
///
/// A value of the wrong type would make a client's parser fail, so it is left out and logged: it is
/// a fault of the handler that made it.
pub fn shape(service: &Service, shape: ShapeId, document: Value) -> Value {
    let empty = match service.get(shape).kind {
        Kind::List { .. } => Value::Array(Vec::new()),
        _ => Value::Object(serde_json::Map::new()),
    };
    Pass { service, strict: true }.value(shape, document).unwrap_or(empty)
}

/// An input as it arrived without the members that the service does not know and without nulls, both
/// of which AWS ignores. Wrong types stay: to complain of them is validation's work.
pub(super) fn prune(service: &Service, shape: ShapeId, document: Value) -> Value {
    Pass { service, strict: false }.value(shape, document).unwrap_or(Value::Null)
}

struct Pass<'a> {
    service: &'a Service,
    strict: bool,
}

impl Pass<'_> {
    fn value(&self, id: ShapeId, value: Value) -> Option<Value> {
        let shape = self.service.get(id);
        match (&shape.kind, value) {
            (_, Value::Null) => None,
            (Kind::Structure(structure), Value::Object(mut object)) => {
                object.retain(|name, value| !value.is_null() && structure.member(name).is_some());
                for member in &structure.members {
                    let Some(slot) = object.get_mut(member.name) else { continue };
                    match self.value(member.shape, slot.take()) {
                        Some(value) => *slot = value,
                        None => drop(object.remove(member.name)),
                    }
                }
                Some(Value::Object(object))
            }
            (Kind::List { member, .. }, Value::Array(items)) if self.strict => Some(Value::Array(
                items.into_iter().filter_map(|item| self.value(member.shape, item)).collect(),
            )),
            (Kind::List { member, .. }, Value::Array(items)) => Some(Value::Array(
                items
                    .into_iter()
                    .map(|item| self.value(member.shape, item).unwrap_or(Value::Null))
                    .collect(),
            )),
            (Kind::Map { value: entry, .. }, Value::Object(object)) => Some(Value::Object(
                object
                    .into_iter()
                    .filter_map(|(key, value)| Some((key, self.value(entry.shape, value)?)))
                    .collect(),
            )),
            // A whole number goes out as a real one where the shape says so: `1` and `1.0` are two
            // types to a client that parses by the wire.
            (Kind::Float { .. } | Kind::Double { .. }, Value::Number(number)) if self.strict => {
                number.as_f64().map(Value::from)
            }
            (kind, value) if !self.strict || fits(kind, &value) => Some(value),
            (_, value) => {
                let found = super::validation::type_name(&value);
                tracing::error!("an answer holds a {found} where {} belongs; left out", shape.name);
                None
            }
        }
    }
}

/// Whether a scalar of a document can be sent as this kind.
fn fits(kind: &Kind, value: &Value) -> bool {
    match kind {
        Kind::Structure(_) | Kind::List { .. } | Kind::Map { .. } => false,
        Kind::String(_) | Kind::Blob { .. } => value.is_string(),
        Kind::Integer { .. } | Kind::Long { .. } => value.is_i64() || value.is_u64(),
        // NaN and the infinities are strings in JSON.
        Kind::Float { .. } | Kind::Double { .. } => {
            value.is_number() || matches!(value.as_str(), Some("NaN" | "Infinity" | "-Infinity"))
        }
        Kind::Timestamp { .. } => value.is_number(),
        Kind::Boolean => value.is_boolean(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model;
    use serde_json::json;

    fn shaped(name: &str, document: Value) -> Value {
        let sagemaker = model::service("sagemaker").unwrap();
        shape(sagemaker, sagemaker.shape_id(name).unwrap(), document)
    }

    #[test]
    fn only_members_of_the_shape_leave_and_no_nulls() {
        let document = json!({
            "EndpointName": "e", "Secret": 1, "FailureReason": null,
            "ProductionVariants": [
                {"VariantName": "a", "Internal": true, "CurrentWeight": 1, "DeployedImages": [null]},
                null
            ],
            "DataCaptureConfig": null
        });
        let expected = json!({
            "EndpointName": "e",
            "ProductionVariants": [{"VariantName": "a", "CurrentWeight": 1.0, "DeployedImages": []}]
        });
        assert_eq!(shaped("DescribeEndpointOutput", document), expected);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_left_out() {
        let document = json!({"EndpointName": 7, "CreationTime": "yesterday", "EndpointArn": "a"});
        assert_eq!(shaped("DescribeEndpointOutput", document), json!({"EndpointArn": "a"}));
        assert_eq!(shaped("DescribeEndpointOutput", json!("no object")), json!({}));
    }

    #[test]
    fn map_keys_are_data() {
        let document = json!({"HyperParameters": {"max_depth": "3", "none": null}});
        assert_eq!(
            shaped("DescribeTrainingJobResponse", document),
            json!({"HyperParameters": {"max_depth": "3"}})
        );
    }

    #[test]
    fn pruning_keeps_what_validation_must_see() {
        let sagemaker = model::service("sagemaker").unwrap();
        let id = sagemaker.shape_id("CreateModelInput").unwrap();
        let document = json!({"ModelName": 7, "Extra": 1, "Tags": [null, {"Key": "k", "X": 1}]});
        let expected = json!({"ModelName": 7, "Tags": [null, {"Key": "k"}]});
        assert_eq!(prune(sagemaker, id, document), expected);
    }
}
