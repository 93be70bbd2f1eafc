//! `GET /_sagebrush/live`: where in the region there is traffic, twice a second.
//!
//! ```text
//! {"at":1767225600.1,"whole":true,"endpoints":[{"endpoint":"demo","variants":[{"variant":"blue","share":0.9,
//!   "in_flight":3,"invocations":1200,"errors_4xx":0,"errors_5xx":2}, …]}, …]}
//! {"at":…,"whole":false,"endpoints":[],"history":[{"endpoint":"demo","variants":[{"variant":"blue",
//!   "seconds":[{"at":1767225599.0,"span":1.0,"requests":120,"abandoned":0,"errors_4xx":0,
//!   "errors_5xx":2,"p50":310,"p99":840}, …]}],"marks":[…]}]}
//! {"heartbeat":true}
//! ```
//!
//! `history` is in the first line, with the last five minutes of every endpoint that is there, and in
//! each line after which there is more: append it. Latencies are in microseconds; marks and the rest
//! are those of [`super::live`], which has histograms and instances too.
//!
//! The first line is whole: it tells of every endpoint that has ever taken a request; each further one
//! of those whose numbers have changed since the line before. Nothing is said of those that rest, and nothing
//! at all when all do. Counters run since the endpoint was first published; `share` is the share of
//! traffic by weight. That an endpoint is gone is told by `watch`.

use super::history;
use super::internal::{Tap, line};
use crate::serving::{Cursor, EndpointPulse, Pulse};
use bytes::Bytes;
use futures::Stream;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::time::{Interval, MissedTickBehavior, interval};

const EVERY: Duration = Duration::from_millis(500);

struct Beats {
    tap: Tap,
    pulse: Pulse,
    ticks: Option<Interval>,
    history: Cursor,
    /// When the last line was written; `None` before the first.
    told: Option<Instant>,
}

pub(super) fn stream(tap: Tap) -> impl Stream<Item = Bytes> + Send + 'static {
    let beats =
        Beats { tap, pulse: Pulse::default(), ticks: None, history: Cursor::default(), told: None };
    futures::stream::unfold(beats, |mut beats| async move {
        let chunk = beats.next().await?;
        Some((chunk, beats))
    })
}

impl Beats {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let ticks = self.ticks.get_or_insert_with(|| {
                let mut ticks = interval(EVERY);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                ticks
            });
            tokio::select! {
                _ = ticks.tick() => {}
                _ = self.tap.closing.wait_for(|closing| *closing) => return None,
            }
            let endpoints = self.pulse.beat(self.tap.region.plane());
            let recent = self.tap.region.plane().recent(&mut self.history);
            let silent = self.told.map(|told| told.elapsed());
            let line = if !endpoints.is_empty() || !recent.is_empty() || silent.is_none() {
                let mut document = json!({
                    "at": self.tap.region.now().as_secs_f64(),
                    "whole": silent.is_none(),
                    "endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>(),
                });
                if !recent.is_empty() || silent.is_none() {
                    document["history"] = history::of_plane(&recent);
                }
                line(&document)
            } else if silent.is_some_and(|silent| silent >= self.tap.limits.heartbeat) {
                line(&json!({ "heartbeat": true }))
            } else {
                continue;
            };
            self.told = Some(Instant::now());
            return Some(line);
        }
    }
}

fn endpoint(of: &EndpointPulse) -> Value {
    let variants = of.variants.iter().map(|variant| {
        json!({
            "variant": variant.variant,
            "share": variant.share,
            "in_flight": variant.in_flight,
            "invocations": variant.invocations,
            "errors_4xx": variant.errors_4xx,
            "errors_5xx": variant.errors_5xx,
        })
    });
    json!({ "endpoint": of.endpoint, "variants": variants.collect::<Vec<_>>() })
}
