//! Checks a document against its shape and says every failure in AWS's text.
//!
//! AWS answers in two steps, and so does this: a value of the wrong JSON type ends the request at
//! once with a `SerializationException` ([`types`]); after that all broken constraints are counted
//! and told in one error, whose code differs from service to service.

mod constraints;
mod render;
mod s3;
mod types;

use super::error::AwsError;
use super::model::{Kind, Operation, Protocol, Service, ShapeId};
use constraints::Checker;
use serde_json::Value;
pub(super) use types::type_name;

/// Checks an operation's whole input. First the types (`SerializationException` at the first wrong
/// one, as AWS), then every constraint, all failures counted in one error with the service's own code.
pub fn check(service: &Service, operation: &Operation, input: &Value) -> Result<(), AwsError> {
    run(service, operation, input, None)
}

/// Like [`check`], without the payload member, for bodies that are streamed and not decoded.
pub fn check_head(service: &Service, operation: &Operation, input: &Value) -> Result<(), AwsError> {
    let payload = service.input(operation).and_then(|structure| structure.payload);
    run(service, operation, input, payload)
}

fn run(
    service: &Service,
    operation: &Operation,
    input: &Value,
    skipped: Option<&str>,
) -> Result<(), AwsError> {
    let Some(shape) = operation.input else { return Ok(()) };
    if service.speaks(Protocol::RestXml) {
        return s3::check(service, operation, input, skipped);
    }
    types::check(service, shape, input)
        .map_err(|message| AwsError::new(400, "SerializationException", message))?;
    let Some(structure) = service.structure(shape) else { return Ok(()) };
    let mut checker = Checker::new(service);
    checker.structure(structure, input, skipped);
    match checker.finish() {
        None => Ok(()),
        Some(message) => Err(AwsError::new(400, failure_code(service), message)),
    }
}

/// What one value of a shape breaks, in AWS's words, for a form that checks as one types. What is inside
/// of a structure, list or map is not looked at.
pub fn broken(service: &Service, shape: ShapeId, value: &Value) -> Vec<String> {
    let container = matches!(
        (&service.get(shape).kind, value),
        (Kind::Structure(_) | Kind::Map { .. }, Value::Object(_))
            | (Kind::List { .. }, Value::Array(_))
    );
    if !container && let Err(message) = types::check(service, shape, value) {
        return vec![message];
    }
    constraints::told_of(service, shape, value)
}

/// What each service calls a request that breaks its model.
pub fn failure_code(service: &Service) -> &'static str {
    match service.name {
        "sagemaker-runtime" | "sts" | "iam" | "cloudformation" | "cloudwatch" => "ValidationError",
        "logs" | "ecr" => "InvalidParameterException",
        "s3" => "InvalidArgument",
        _ => "ValidationException",
    }
}

#[cfg(test)]
mod tests;
