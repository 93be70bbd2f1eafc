//! The AWS errors of the data plane: the one place of their codes and texts.

use crate::api::error::AwsError;
use crate::domain::arn::Place;
use std::time::Duration;

/// The largest request or answer of an invocation that is not streamed.
pub const MAX_BODY_BYTES: u64 = 6_291_456;
/// The same of a serverless variant.
pub const MAX_SERVERLESS_BODY_BYTES: u64 = 4 * 1024 * 1024;

/// Runtime's word for a request that cannot be served as it is: `ValidationError`, unlike the
/// control plane's `ValidationException`.
fn validation(message: String) -> AwsError {
    AwsError::new(400, "ValidationError", message)
}

pub(super) fn no_endpoint(name: &str, place: &Place) -> AwsError {
    validation(format!("Endpoint {name} of account {} not found.", place.account))
}

pub(super) fn no_variant(endpoint: &str, variant: &str) -> AwsError {
    validation(format!("Variant {variant} not found for endpoint {endpoint}."))
}

pub(super) fn no_weight(endpoint: &str) -> AwsError {
    validation(format!(
        "Endpoint {endpoint} has no production variant with a weight above 0. Raise a weight, or \
         name a variant in X-Amzn-SageMaker-Target-Variant."
    ))
}

pub(super) fn no_components(endpoint: &str) -> AwsError {
    validation(format!(
        "Inference Component Name header is not allowed for endpoint {endpoint}, which has no \
         inference components."
    ))
}

/// The caller's body ended before its announced length.
pub(super) fn incomplete() -> AwsError {
    validation("The request body ended before it was complete.".to_owned())
}

/// AWS refuses oversized bodies before its protocol layer, hence the bare number as a code.
pub(super) fn too_large(limit: u64) -> AwsError {
    AwsError::new(413, "413", format!("HTTP content length exceeded {limit} bytes."))
}

/// Every instance of the variant refused the connection.
pub(super) fn no_instance(endpoint: &str, variant: &str) -> AwsError {
    AwsError::new(
        503,
        "ServiceUnavailable",
        format!(
            "No instance of variant {variant} of endpoint {endpoint} accepts connections right \
             now. Try again."
        ),
    )
}

/// Whose answer is at fault, for [`model_error`]'s text and members.
pub(super) struct Source<'a> {
    pub endpoint: &'a str,
    pub place: &'a Place,
    pub log_stream_arn: &'a str,
}

/// The container answered with an error, or (`status` 0) did not answer.
pub(super) fn model_error(source: &Source<'_>, status: u16, message: Option<&str>) -> AwsError {
    let Source { endpoint, place: Place { account, region }, log_stream_arn } = source;
    let side = if (400..500).contains(&status) { "client" } else { "server" };
    let said = match message {
        Some(text) => format!(" with message \"{text}\""),
        None => " and could not load the entire response body".to_owned(),
    };
    AwsError::new(
        424,
        "ModelError",
        format!(
            "Received {side} error ({status}) from primary{said}. See \
             https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}\
             #logEventViewer:group=/aws/sagemaker/Endpoints/{endpoint} in account {account} for \
             more information."
        ),
    )
    .with("OriginalStatusCode", status)
    .with("OriginalMessage", message.unwrap_or_default())
    .with("LogStreamArn", *log_stream_arn)
}

pub(super) fn timed_out(source: &Source<'_>, after: Duration) -> AwsError {
    tracing::warn!(endpoint = source.endpoint, ?after, "a container did not answer in time");
    model_error(
        source,
        0,
        Some(
            "Your invocation timed out while waiting for a response from container primary. \
             Review the latency metrics for each container in Amazon CloudWatch, resolve the \
             issue, and try again.",
        ),
    )
}

/// The container closed the connection before it had answered.
pub(super) fn broke_off(source: &Source<'_>) -> AwsError {
    model_error(
        source,
        0,
        Some("The container closed the connection before it answered the invocation."),
    )
}
