//! The traffic of the whole region, for lists: a rate for each variant of each endpoint, however many
//! there are.

use super::happening::{Flow, Mark, MarkLine, PastLine, Second};
use super::pace::{Counters, Pace, Rates};
use crate::tui::row::{Key, key};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;

/// Endpoints of which something is kept; those of a region that has more are not told of.
const MOST: usize = 50_000;
/// Happenings kept until somebody asks.
const HAPPENED: usize = 1024;
/// A second is of the present for so many seconds.
const LATELY: f64 = 4.0;
/// No endpoint has more variants.
pub(super) const VARIANTS: usize = 32;

/// One variant in the whole region's stream.
#[derive(Clone, Debug, Default)]
pub struct Beat {
    pub variant: String,
    /// By weight, 0 to 1.
    pub share: f64,
    pub in_flight: u64,
    pub pace: Pace,
    /// The last one in which requests ended.
    second: Option<Second>,
}

/// All endpoints that have had traffic.
#[derive(Debug, Default)]
pub struct Traffic {
    endpoints: HashMap<Key, Vec<Beat>>,
    /// When the last line was written, in epoch seconds.
    pub at: f64,
    flow: Flow,
    /// What has happened and was not asked for yet.
    happened: Vec<(Key, Mark)>,
}

#[derive(Deserialize)]
struct TrafficLine<'a> {
    #[serde(default)]
    at: f64,
    /// The first one of a stream: who listened before did not until now.
    #[serde(default)]
    whole: bool,
    #[serde(borrow, default)]
    endpoints: Vec<EndpointLine<'a>>,
    #[serde(borrow, default)]
    history: Vec<PastLine<'a>>,
}

#[derive(Deserialize)]
struct EndpointLine<'a> {
    endpoint: &'a str,
    #[serde(borrow, default)]
    variants: Vec<VariantLine<'a>>,
}

#[derive(Deserialize)]
struct VariantLine<'a> {
    variant: &'a str,
    #[serde(default)]
    share: f64,
    #[serde(default)]
    in_flight: u64,
    #[serde(default)]
    invocations: u64,
    #[serde(default)]
    errors_4xx: u64,
    #[serde(default)]
    errors_5xx: u64,
}

impl Traffic {
    /// Takes in a line; false when it cannot be read.
    pub(super) fn take(&mut self, line: &Value) -> bool {
        let Ok(line) = TrafficLine::deserialize(line) else { return false };
        self.at = line.at;
        for endpoint in &line.endpoints {
            match self.endpoints.get_mut(endpoint.endpoint) {
                Some(beats) => put(beats, &line, &endpoint.variants),
                None => {
                    let key = key(endpoint.endpoint);
                    if self.endpoints.contains_key(&key) || self.endpoints.len() < MOST {
                        let beats = self.endpoints.entry(key).or_default();
                        put(beats, &line, &endpoint.variants);
                    }
                }
            }
        }
        self.history(&line);
        self.flow.passes(line.at, &mut self.happened);
        true
    }

    /// Time passes: traffic that no second tells of any more has ended.
    pub fn passes(&mut self, now: f64) {
        self.flow.passes(now, &mut self.happened);
    }

    /// What has happened since this was asked last.
    pub fn happened(&mut self) -> Vec<(Key, Mark)> {
        std::mem::take(&mut self.happened)
    }

    /// Median and 99th percentile of the last second, in microseconds, of the variant with the most
    /// requests (percentiles of several do not add up); `None` where there was no request lately.
    pub fn latency(&self, endpoint: &str, now: f64) -> Option<(f64, f64)> {
        let seconds = self.variants(endpoint).iter().filter_map(|beat| beat.second);
        let lately = seconds.filter(|second| now - second.at <= LATELY);
        let most = lately.max_by_key(|second| second.requests)?;
        Some((most.p50, most.p99))
    }

    fn history(&mut self, line: &TrafficLine<'_>) {
        for past in &line.history {
            let key = key(past.endpoint);
            self.flow.take(&key, past, line.at, &mut self.happened);
            for mark in past.marks.iter().filter_map(MarkLine::read) {
                if self.happened.len() < HAPPENED {
                    self.happened.push((Key::clone(&key), mark));
                }
            }
            let Some(beats) = self.endpoints.get_mut(&key) else { continue };
            for beat in beats {
                let own = past.variants.iter().find(|one| one.variant == beat.variant);
                if let Some(second) = own.and_then(|one| one.seconds.last()) {
                    beat.second = Some(*second);
                }
            }
        }
    }

    pub(super) fn forget(&mut self, endpoint: &str) {
        self.endpoints.remove(&*key(endpoint));
        self.flow.forget(&key(endpoint));
    }

    pub(super) fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        self.endpoints.retain(|key, _| exists(key));
    }

    /// The variants of an endpoint, by its name in any case.
    pub fn variants(&self, endpoint: &str) -> &[Beat] {
        let found = self.endpoints.get(endpoint).or_else(|| self.endpoints.get(&*key(endpoint)));
        found.map_or(&[], Vec::as_slice)
    }

    /// What an endpoint has now; `None` when it never had a request that was told of.
    pub fn rates(&self, endpoint: &str, now: f64) -> Option<Rates> {
        let beats = self.variants(endpoint);
        (!beats.is_empty()).then(|| sum(beats, now))
    }

    /// What the whole region has now.
    pub fn total(&self, now: f64) -> Rates {
        self.endpoints.values().fold(Rates::default(), |all, beats| all.plus(sum(beats, now)))
    }

    /// The endpoints with traffic now, the busiest first. Rates within a factor of two count as the same,
    /// and of those the name decides, so that the order does not change with every reading.
    pub fn busiest(&self, now: f64) -> Vec<Key> {
        let mut busy: Vec<(i32, &Key)> = self
            .endpoints
            .iter()
            .map(|(key, beats)| (sum(beats, now).requests, key))
            .filter(|(rate, _)| *rate > 0.0)
            .map(|(rate, key)| (-(rate.log2().floor() as i32), key))
            .collect();
        busy.sort_unstable();
        busy.into_iter().map(|(_, key)| Key::clone(key)).collect()
    }

    /// When an endpoint had its last request that was told of.
    pub fn last_at(&self, endpoint: &str) -> Option<f64> {
        self.variants(endpoint).iter().filter_map(|beat| beat.pace.at()).reduce(f64::max)
    }
}

fn sum(beats: &[Beat], now: f64) -> Rates {
    beats.iter().fold(Rates::default(), |all, beat| all.plus(beat.pace.rates(now)))
}

fn put(beats: &mut Vec<Beat>, from: &TrafficLine<'_>, lines: &[VariantLine<'_>]) {
    beats.retain(|beat| lines.iter().any(|line| line.variant == beat.variant));
    for line in lines.iter().take(VARIANTS) {
        let found = beats.iter_mut().position(|beat| beat.variant == line.variant);
        let index = found.unwrap_or_else(|| {
            beats.push(Beat { variant: line.variant.to_owned(), ..Beat::default() });
            beats.len() - 1
        });
        let beat = &mut beats[index];
        (beat.share, beat.in_flight) = (line.share, line.in_flight);
        let counters = Counters {
            invocations: line.invocations,
            errors_4xx: line.errors_4xx,
            errors_5xx: line.errors_5xx,
        };
        match from.whole {
            true => beat.pace.take_anew(from.at, counters),
            false => beat.pace.take(from.at, counters),
        }
    }
}
