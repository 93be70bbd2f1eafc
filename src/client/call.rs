//! Any operation of any modelled service, by its document.

use super::transport::{Outgoing, Payload};
use super::{CallError, Client};
use crate::api::codec;
use crate::api::error::AwsError;
use crate::api::model;
use serde_json::Value;

impl Client {
    /// Calls `operation` of `service` (`sagemaker`, `DescribeEndpoint`).
    ///
    /// # Errors
    /// `CallError::Aws` for every refusal, those before sending included: an unknown service or
    /// operation, or a document that cannot be written in the service's protocol.
    pub async fn call(
        &self,
        service: &str,
        operation: &str,
        input: &Value,
    ) -> Result<Value, CallError> {
        let known = model::service(service).ok_or_else(|| unknown_service(service))?;
        let operation =
            known.operation(operation).ok_or_else(|| unknown_operation(known, operation))?;
        let protocol = known.protocols.first().copied().ok_or_else(|| unknown_service(service))?;
        let mut input = input.clone();
        codec::add_tokens(known, operation, &mut input);
        let encoded = codec::encode_input(protocol, known, operation, &input)?;
        let outgoing = Outgoing {
            method: encoded.method,
            target: encoded.target,
            headers: encoded.headers,
            body: Payload::Bytes(encoded.body),
            service: known.signing_name,
        };
        let (parts, body) = self.exchange(outgoing).await?.into_parts();
        if parts.status.is_success() {
            let (status, headers) = (parts.status, &parts.headers);
            return Ok(codec::decode_output(protocol, known, operation, status, headers, &body)?);
        }
        let error = codec::decode_error(protocol, known, parts.status, &parts.headers, &body);
        Err(CallError::Aws(error))
    }
}

fn unknown_service(service: &str) -> AwsError {
    let services = model::SERVICES.join(", ");
    AwsError::new(
        400,
        "UnknownService",
        format!("there is no service `{service}` here; there are {services}"),
    )
}

fn unknown_operation(service: &model::Service, operation: &str) -> AwsError {
    let near = service
        .operations()
        .map(|known| known.name)
        .max_by(|a, b| similarity(a, operation).total_cmp(&similarity(b, operation)));
    let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    AwsError::new(
        400,
        "UnknownOperationException",
        format!("{} has no operation `{operation}`{hint}", service.name),
    )
}

/// How much two names share: pairs of neighbouring letters in common (Sørensen and Dice).
fn similarity(a: &str, b: &str) -> f64 {
    let pairs = |text: &str| -> Vec<[u8; 2]> {
        text.to_ascii_lowercase().as_bytes().windows(2).map(|pair| [pair[0], pair[1]]).collect()
    };
    let (left, mut right) = (pairs(a), pairs(b));
    let total = left.len() + right.len();
    let shared = left.iter().filter(|pair| {
        let found = right.iter().position(|other| other == *pair);
        found.map(|at| right.swap_remove(at)).is_some()
    });
    2.0 * shared.count() as f64 / total.max(1) as f64
}
