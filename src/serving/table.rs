//! What the region publishes for an endpoint: a value, complete and immutable. To change anything
//! is to publish another one.

use super::MAX_BODY_BYTES;
use crate::engine::Address;
use std::time::Duration;

/// An endpoint as the data plane sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointTable {
    /// As its creator wrote it, and as requests must write it.
    pub name: String,
    pub variants: Vec<VariantTable>,
}

/// A production variant and its fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantTable {
    pub name: String,
    /// The share of traffic is this over the sum of all weights. Zero is legal; negative, NaN and
    /// infinite weights count as zero.
    pub weight: f64,
    pub routing: Routing,
    pub instances: Vec<InstanceTarget>,
    /// How long the container may take to answer: [`VariantTable::TIMEOUT`] unless configured.
    pub container_timeout: Duration,
    /// How long a streamed answer may take as a whole: [`VariantTable::STREAM_TIMEOUT`].
    pub stream_timeout: Duration,
    /// The largest request, and the largest answer that is not streamed.
    pub max_body_bytes: u64,
}

impl VariantTable {
    /// What AWS gives a container.
    pub const TIMEOUT: Duration = Duration::from_secs(60);
    /// What AWS gives a streaming container.
    pub const STREAM_TIMEOUT: Duration = Duration::from_secs(8 * 60);

    /// A variant with AWS's defaults: random routing, 60 s to answer, 8 minutes to stream.
    pub fn new(name: &str, weight: f64, instances: Vec<InstanceTarget>) -> Self {
        Self {
            name: name.to_owned(),
            weight,
            routing: Routing::default(),
            instances,
            container_timeout: Self::TIMEOUT,
            stream_timeout: Self::STREAM_TIMEOUT,
            max_body_bytes: MAX_BODY_BYTES,
        }
    }
}

/// How a variant's instances share its requests (`RoutingConfig.RoutingStrategy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Routing {
    /// AWS's default.
    #[default]
    Random,
    LeastOutstanding,
}

/// One healthy container. `id` is the container's: a container started anew has a new id, so that
/// tables which name the same id share its count of requests in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceTarget {
    pub id: String,
    pub address: Address,
    /// Of the container's log stream; `ModelError` names it.
    pub log_stream_arn: String,
}
