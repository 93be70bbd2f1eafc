//! InvokeEndpoint and InvokeEndpointWithResponseStream: straight to the data plane.

use crate::api::codec::{self, Head, Target};
use crate::api::error::AwsError;
use crate::api::validation;
use crate::serving::{self, Body, Invocation, Plane};
use http::Response;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use std::time::Instant;

const TARGET_VARIANT: &str = "x-amzn-sagemaker-target-variant";

/// Headers that choose within an endpoint, and what AWS calls them.
const WITHIN: [(&str, &str); 2] = [
    ("x-amzn-sagemaker-target-model", "Target Model header"),
    ("x-amzn-sagemaker-inference-component", "Inference Component Name header"),
];

/// Whether the data plane answers this operation of `sagemaker-runtime`. The others
/// (`InvokeEndpointAsync`) are the region's to answer.
pub(super) fn is_forwarded(operation: &str) -> bool {
    matches!(operation, "InvokeEndpoint" | "InvokeEndpointWithResponseStream")
}

pub(super) async fn invoke(
    plane: &Plane,
    target: Target,
    parts: &Parts,
    body: Body,
    received: Instant,
) -> Result<Response<Body>, AwsError> {
    let endpoint = endpoint_name(parts.uri.path());
    // A request that names a published endpoint and says nothing else cannot be malformed, and is
    // spared the walk over its shape.
    if plane.endpoint(&endpoint).is_none() || says_more(parts) {
        let head = Head::of(parts);
        let input = codec::decode_input_head(target.service, target.operation, &head)?;
        validation::check_head(target.service, target.operation, &input)?;
        addressed_within(plane, &endpoint, parts)?;
    }
    let target_variant = parts
        .headers
        .get(TARGET_VARIANT)
        .and_then(|variant| variant.to_str().ok())
        .map(str::to_owned);
    let invocation = Invocation {
        endpoint,
        target_variant,
        headers: parts.headers.clone(),
        body,
        response_stream: target.operation.name == "InvokeEndpointWithResponseStream",
        received,
    };
    serving::forward(plane, invocation).await
}

/// Refuses what no endpoint here has: better no answer than one of another model.
fn addressed_within(plane: &Plane, endpoint: &str, parts: &Parts) -> Result<(), AwsError> {
    let named = WITHIN.iter().find(|(header, _)| parts.headers.contains_key(*header));
    match named.filter(|_| plane.endpoint(endpoint).is_some()) {
        Some((_, what)) => Err(AwsError::new(
            400,
            "ValidationError",
            format!("{what} is not allowed for endpoint {endpoint}, which has no such thing."),
        )),
        None => Ok(()),
    }
}

/// `/endpoints/{name}/…`
fn endpoint_name(path: &str) -> String {
    let name = path.split('/').nth(2).unwrap_or_default();
    percent_decode_str(name).decode_utf8_lossy().into_owned()
}

fn says_more(parts: &Parts) -> bool {
    parts.headers.keys().any(|name| name.as_str().starts_with("x-amzn-sagemaker-"))
}
