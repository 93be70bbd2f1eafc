//! `GET /_sagebrush/endpoints/<name>/live`: what the data plane measures, ten times a second.
//!
//! ```text
//! {"endpoint":"demo","at":1767225600.1,"variants":[{"variant":"blue","share":0.9,"instances":1,
//!   "in_flight":3,"invocations":1200,"abandoned":0,"errors_4xx":0,"errors_5xx":2,
//!   "model_latency":{"count":1200,"min":…,"mean":…,"max":…,"p50":…,"p90":…,"p95":…,"p99":…,
//!     "p999":…,"histogram":"<base64>"},"overhead_latency":{…}}, …]}
//! {"ended":"endpoint demo is not in service"}
//! ```
//!
//! Counters and histograms run since the endpoint was first published and never go back; whoever
//! wants an interval subtracts two lines. Latencies are in microseconds. `histogram` is an
//! HdrHistogram in its V2 encoding, so percentiles of intervals are exact to its three digits.

use super::internal::{Tap, line};
use crate::api::error::AwsError;
use crate::serving::VariantStatistics;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::Stream;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

const EVERY: Duration = Duration::from_millis(100);

struct Live {
    tap: Tap,
    endpoint: String,
    ticks: Option<Interval>,
    ended: bool,
}

pub(super) fn stream(
    tap: Tap,
    endpoint: String,
) -> Result<impl Stream<Item = Bytes> + Send + 'static, AwsError> {
    if tap.region.plane().endpoint(&endpoint).is_none() {
        return Err(AwsError::new(
            404,
            "ResourceNotFound",
            format!("Endpoint {} is not in service.", endpoint.escape_default()),
        ));
    }
    let live = Live { tap, endpoint, ticks: None, ended: false };
    Ok(futures::stream::unfold(live, |mut live| async move {
        let chunk = live.next().await?;
        Some((chunk, live))
    }))
}

impl Live {
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let ticks = self.ticks.get_or_insert_with(|| {
            let mut ticks = interval(EVERY);
            // A client that was slow gets the present, not the past.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            ticks
        });
        tokio::select! {
            _ = ticks.tick() => {}
            _ = self.tap.closing.wait_for(|closing| *closing) => return None,
        }
        match self.tap.region.plane().statistics(&self.endpoint) {
            Some(variants) => Some(line(&json!({
                "endpoint": self.endpoint,
                "at": self.tap.region.now().as_secs_f64(),
                "variants": variants.iter().map(variant).collect::<Vec<_>>(),
            }))),
            None => {
                self.ended = true;
                let why = format!("endpoint {} is not in service", self.endpoint);
                Some(line(&json!({ "ended": why })))
            }
        }
    }
}

fn variant(of: &VariantStatistics) -> Value {
    json!({
        "variant": of.variant,
        "share": of.share,
        "instances": of.instances,
        "in_flight": of.in_flight,
        "invocations": of.invocations,
        "abandoned": of.abandoned,
        "errors_4xx": of.errors_4xx,
        "errors_5xx": of.errors_5xx,
        "model_latency": latency(&of.model_latency),
        "overhead_latency": latency(&of.overhead_latency),
    })
}

fn latency(of: &Histogram<u64>) -> Value {
    let mut encoded = Vec::new();
    // Into a vector; a histogram of bounds that the encoding knows. It cannot fail, and a line
    // without its histogram is still true.
    let encoded =
        V2Serializer::new().serialize(of, &mut encoded).ok().map(|_| STANDARD.encode(&encoded));
    json!({
        "count": of.len(),
        "min": of.min(),
        "mean": of.mean(),
        "max": of.max(),
        "p50": of.value_at_quantile(0.5),
        "p90": of.value_at_quantile(0.9),
        "p95": of.value_at_quantile(0.95),
        "p99": of.value_at_quantile(0.99),
        "p999": of.value_at_quantile(0.999),
        "histogram": encoded,
    })
}
