//! One invocation, from the caller's request to the container's answer.

use super::{Body, Plane, fault};
use crate::api::error::AwsError;
use http::HeaderMap;
use std::time::Instant;

/// A request of `InvokeEndpoint` or `InvokeEndpointWithResponseStream`, authenticated and parsed.
pub struct Invocation {
    pub endpoint: String,
    /// `X-Amzn-SageMaker-Target-Variant`: overrides the split.
    pub target_variant: Option<String>,
    /// The caller's headers. Those that SageMaker passes on are passed on, the rest is not.
    pub headers: HeaderMap,
    /// An exact `size_hint` is passed on as the Content-Length.
    pub body: Body,
    /// Frame the answer as an event stream.
    pub response_stream: bool,
    /// When the request's head had been read; OverheadLatency counts from here.
    pub received: Instant,
}

/// Routes the invocation and streams request and answer. The answer's body holds the request in
/// flight until it is read to its end or dropped.
pub async fn forward(
    plane: &Plane,
    invocation: Invocation,
) -> Result<http::Response<Body>, AwsError> {
    Err(fault::no_endpoint(&invocation.endpoint, plane.place()))
}
