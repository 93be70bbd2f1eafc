//! One endpoint whose live stream is followed: its fleet, and per variant what has come lately, by
//! the second.

use super::counts::Counts;
use super::fleet::{Deployment, Instance};
use super::judged::Judged;
use super::pace::{Counters, Pace, Rates};
use super::traffic::VARIANTS;
use crate::domain::distribution::Distribution;
use crate::tui::widgets::trace::Trace;
use serde::Deserialize;
use serde_json::Value;
use std::collections::VecDeque;

/// Seconds that the histograms show.
pub const WINDOW: f64 = 60.0;
/// Seconds that slices are kept.
pub const KEPT: f64 = 300.0;
/// Seconds of a slice; lines are a hair early or late.
const SLICE: f64 = 0.99;
/// Histograms are read this often at most; lines come ten times a second.
const READ: f64 = 0.25;
/// Seconds without a line after which what came meanwhile belongs to no second.
const GAP: f64 = 5.0;

/// An endpoint as its live stream tells of it.
#[derive(Debug, Default)]
pub struct Watched {
    pub name: String,
    /// When the last line was written, in epoch seconds.
    pub at: f64,
    pub status: String,
    pub config: String,
    pub failure: Option<String>,
    pub variants: Vec<Variant>,
    /// The one that is under way.
    pub deployment: Option<Deployment>,
    pub last_deployment: Option<Deployment>,
    /// Why the stream has ended.
    pub ended: Option<String>,
    /// Goes up whenever the histograms say something else.
    pub version: u64,
    /// When the split was changed last, in epoch seconds.
    pub split_at: Option<f64>,
    /// What can be said of the variants, and when that was.
    pub judged: Vec<Judged>,
    pub(super) judged_at: f64,
}

/// One variant.
#[derive(Debug)]
pub struct Variant {
    pub name: String,
    /// By weight, 0 to 1.
    pub share: f64,
    pub in_flight: u64,
    /// Requests whose caller went away.
    pub abandoned: u64,
    pub instances: Vec<Instance>,
    /// The last ones that ended.
    pub ended: Vec<Instance>,
    /// All since the region's life began.
    pub counters: Counters,
    pub pace: Pace,
    /// Requests and percentiles by the second: x in epoch milliseconds, latencies in microseconds.
    pub rate: Trace,
    pub p50: Trace,
    pub p99: Trace,
    /// When the histogram was read last, and the counters and the histogram then.
    read_at: f64,
    read_counters: Counters,
    read: Counts,
    /// What the present slice began with.
    open: (f64, Counters, Counts),
    slices: VecDeque<Slice>,
    /// The sum of the slices within the window, and how many those are.
    window: Counts,
    windowed: usize,
    /// Requests since the split was changed last, where the region tells.
    since_split: Option<u64>,
    /// All since the present configuration and split: what a verdict counts.
    tally: Tally,
}

/// What has come since a moment, up to the present slice.
#[derive(Debug, Default)]
struct Tally {
    /// Epoch seconds; 0 for the endpoint's beginning.
    from: f64,
    counters: Counters,
    counts: Counts,
}

/// A second of the region's history.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Second<'a> {
    /// Its end, in epoch seconds.
    at: f64,
    span: f64,
    requests: u64,
    errors_4xx: u64,
    errors_5xx: u64,
    #[serde(borrow)]
    histogram: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct HistoryLine<'a> {
    #[serde(borrow)]
    variants: Vec<PastLine<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PastLine<'a> {
    #[serde(borrow)]
    variant: &'a str,
    #[serde(borrow)]
    seconds: Vec<Second<'a>>,
}

#[derive(Debug)]
struct Slice {
    from: f64,
    to: f64,
    counters: Counters,
    counts: Counts,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct EndpointLine<'a> {
    #[serde(borrow)]
    endpoint: Option<&'a str>,
    at: f64,
    #[serde(borrow)]
    status: Option<&'a str>,
    #[serde(borrow)]
    config: Option<&'a str>,
    #[serde(borrow)]
    failure_reason: Option<&'a str>,
    #[serde(borrow)]
    variants: Vec<VariantLine<'a>>,
    deployment: Option<Deployment>,
    last_deployment: Option<Deployment>,
    weights_changed: Option<f64>,
    #[serde(borrow)]
    history: Option<HistoryLine<'a>>,
    #[serde(borrow)]
    ended: Option<&'a str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VariantLine<'a> {
    variant: &'a str,
    share: f64,
    in_flight: u64,
    invocations: u64,
    invocations_since_shift: Option<u64>,
    abandoned: u64,
    errors_4xx: u64,
    errors_5xx: u64,
    #[serde(borrow)]
    model_latency: LatencyLine<'a>,
    instances_detail: Vec<Instance>,
    instances_ended: Vec<Instance>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct LatencyLine<'a> {
    #[serde(borrow)]
    histogram: Option<&'a str>,
}

impl Watched {
    /// Takes in a line; false when it cannot be read.
    pub(super) fn take(&mut self, line: &Value) -> bool {
        let Ok(line) = EndpointLine::deserialize(line) else { return false };
        if let Some(why) = line.ended {
            self.ended = Some(why.to_owned());
            return true;
        }
        // A line of something else: the beat of a stream that has nothing to say.
        let Some(name) = line.endpoint else { return true };
        let at = line.at;
        let of = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let config = of(line.config);
        let first = self.name.is_empty();
        let moved = line.weights_changed.is_some() && line.weights_changed != self.split_at;
        // A deployment that has ended before this was watched: what it left behind cannot be told
        // from what is counted now, so that a verdict begins here, or where the history says.
        let renewed = match first {
            true => line.last_deployment.is_some(),
            false => config != self.config || moved,
        };
        let deployed = line.last_deployment.as_ref().and_then(|one| one.ended);
        let begun = [line.weights_changed, deployed].into_iter().flatten().fold(0.0, f64::max);
        self.split_at = line.weights_changed.or(self.split_at);
        (self.name, self.status, self.config) = (name.to_owned(), of(line.status), config);
        self.failure = line.failure_reason.filter(|why| !why.is_empty()).map(str::to_owned);
        (self.ended, self.at) = (None, at);
        let settled = self.deployment.is_some() && line.deployment.is_none();
        (self.deployment, self.last_deployment) = (line.deployment, line.last_deployment);
        self.variants.retain(|known| line.variants.iter().any(|one| one.variant == known.name));
        for one in line.variants.into_iter().take(VARIANTS) {
            let found = self.variants.iter().position(|known| known.name == one.variant);
            let index = found.unwrap_or_else(|| {
                self.variants.push(Variant::new(one.variant));
                self.variants.len() - 1
            });
            let variant = &mut self.variants[index];
            let past = line.history.as_ref().map(|history| {
                let own = history.variants.iter().find(|past| past.variant == variant.name);
                own.map_or(&[][..], |past| past.seconds.as_slice())
            });
            // Only a first line brings what is older than a moment.
            let past = past.filter(|_| found.is_none() || at - variant.read_at > GAP);
            let anew = renewed || settled;
            if variant.take(at, one, found.is_none(), anew) {
                self.version += 1;
            }
            if let Some(past) = past {
                variant.fill(at, past, begun);
                self.version += 1;
            } else if anew {
                variant.count_anew(at);
                self.version += 1;
            }
        }
        true
    }

    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    /// What all variants have now.
    pub fn rates(&self, now: f64) -> Rates {
        self.variants.iter().fold(Rates::default(), |all, one| all.plus(one.pace.rates(now)))
    }

    /// Each variant's share of the requests of the last `seconds`, but only since the split was changed
    /// last, 0 to 1; `None` without any.
    pub fn observed(&self, seconds: f64) -> Option<Vec<f64>> {
        let lately = |one: &Variant| match one.since_split {
            Some(count) if self.split_at.is_some_and(|split| self.at - split < seconds) => count,
            _ => one.lately(seconds).invocations,
        };
        let counts: Vec<u64> = self.variants.iter().map(lately).collect();
        let all: u64 = counts.iter().sum();
        (all > 0).then(|| counts.iter().map(|one| *one as f64 / all as f64).collect())
    }
}

impl Variant {
    fn new(name: &str) -> Self {
        let trace = || Trace::new(KEPT as usize * 2);
        Self {
            name: name.to_owned(),
            share: 0.0,
            in_flight: 0,
            abandoned: 0,
            instances: Vec::new(),
            ended: Vec::new(),
            counters: Counters::default(),
            pace: Pace::default(),
            rate: trace(),
            p50: trace(),
            p99: trace(),
            read_at: f64::NEG_INFINITY,
            read_counters: Counters::default(),
            read: Counts::default(),
            open: (0.0, Counters::default(), Counts::default()),
            slices: VecDeque::new(),
            window: Counts::default(),
            windowed: 0,
            since_split: None,
            tally: Tally::default(),
        }
    }

    /// Takes in its part of a line; true when the histograms have changed. `now`: whether or not it
    /// is time to read them again.
    fn take(&mut self, at: f64, line: VariantLine<'_>, first: bool, now: bool) -> bool {
        let counters = Counters {
            invocations: line.invocations,
            errors_4xx: line.errors_4xx,
            errors_5xx: line.errors_5xx,
        };
        (self.share, self.in_flight, self.abandoned) = (line.share, line.in_flight, line.abandoned);
        (self.instances, self.ended) = (line.instances_detail, line.instances_ended);
        self.since_split = line.invocations_since_shift;
        // Lines come ten times a second, also of an endpoint at rest.
        self.pace.take_anew(at, counters);
        let restarted = counters.since(self.counters).is_none();
        self.counters = counters;
        let back = at < self.read_at;
        let due = at - self.read_at >= READ || at - self.open.0 >= SLICE;
        if !(first || now || restarted || back || due) {
            return false;
        }
        let lost = at - self.read_at > GAP;
        // One that cannot be read tells nothing new.
        let read = line.model_latency.histogram.and_then(Counts::decode);
        let read = read.unwrap_or_else(|| self.read.clone());
        let restarted = restarted || read.since(&self.read).is_none();
        if restarted && !first {
            // The region began again: all of it is new.
            self.tally = Tally { from: at, ..Tally::default() };
        }
        if first || restarted || back || lost {
            self.begin_anew(at, restarted && !first, back, &read);
        }
        (self.read_at, self.read_counters, self.read) = (at, counters, read);
        if at - self.open.0 >= SLICE {
            self.close(at);
        }
        true
    }

    /// Goes on from here: what has come since the last line belongs to no second.
    fn begin_anew(&mut self, at: f64, restarted: bool, back: bool, read: &Counts) {
        if back || restarted {
            self.slices.clear();
            (self.window, self.windowed) = (Counts::default(), 0);
        } else if self.read_at > self.open.0 {
            self.close(self.read_at);
        }
        if back {
            for trace in [&mut self.rate, &mut self.p50, &mut self.p99] {
                *trace = Trace::new(KEPT as usize * 2);
            }
        }
        let (counters, counts) = match restarted {
            true => (Counters::default(), Counts::default()),
            false => {
                // It belongs to no second, but to the whole.
                self.tally.counters.add(self.counters.since(self.open.1).unwrap_or_default());
                self.tally.counts.add(&read.since(&self.open.2).unwrap_or_default());
                (self.counters, read.clone())
            }
        };
        self.open = (at, counters, counts);
        self.expire(at);
    }

    fn close(&mut self, at: f64) {
        let (from, counters, counts) = &self.open;
        let more = self.read_counters.since(*counters).unwrap_or_default();
        let new = self.read.since(counts).unwrap_or_default();
        let (x, span) = (at * 1000.0, (at - from).max(0.001));
        let latency = new.distribution();
        let quantile = |part| latency.quantile(part).map_or(f64::NAN, |value| value as f64);
        self.rate.push(x, more.invocations as f64 / span);
        self.p50.push(x, quantile(0.5));
        self.p99.push(x, quantile(0.99));
        self.tally.counters.add(more);
        self.tally.counts.add(&new);
        let slice = Slice { from: *from, to: at, counters: more, counts: new };
        self.open = (at, self.read_counters, self.read.clone());
        self.keep(slice);
    }

    fn keep(&mut self, slice: Slice) {
        let to = slice.to;
        self.window.add(&slice.counts);
        self.windowed += 1;
        self.slices.push_back(slice);
        self.expire(to);
    }

    /// A verdict counts from here on.
    fn count_anew(&mut self, at: f64) {
        if self.read_at > self.open.0 {
            self.close(self.read_at);
        }
        self.tally = Tally { from: at, ..Tally::default() };
    }

    /// Takes in what the region remembers, in place of what is known here: seconds with requests, the
    /// oldest first. A verdict counts from `begun` on, or from where the history begins.
    fn fill(&mut self, at: f64, past: &[Second<'_>], begun: f64) {
        self.slices.clear();
        (self.window, self.windowed) = (Counts::default(), 0);
        for trace in [&mut self.rate, &mut self.p50, &mut self.p99] {
            *trace = Trace::new(KEPT as usize * 2);
        }
        let from = if begun > at - KEPT { begun } else { at - KEPT };
        self.tally = Tally { from, ..Tally::default() };
        let mut last = at - KEPT;
        for second in past.iter().filter(|second| second.at > at - KEPT && second.at <= at) {
            let began = (second.at - second.span.max(0.001)).max(last);
            self.rests(last, began);
            let counts = Counts::decode(second.histogram).unwrap_or_default();
            let counters = Counters {
                invocations: second.requests,
                errors_4xx: second.errors_4xx,
                errors_5xx: second.errors_5xx,
            };
            let (x, latency) = (second.at * 1000.0, counts.distribution());
            let quantile = |part| latency.quantile(part).map_or(f64::NAN, |value| value as f64);
            self.rate.push(x, second.requests as f64 / (second.at - began).max(0.001));
            self.p50.push(x, quantile(0.5));
            self.p99.push(x, quantile(0.99));
            // The second in which the split was changed belongs to neither side.
            if began >= from {
                self.tally.counters.add(counters);
                self.tally.counts.add(&counts);
            }
            last = second.at;
            self.keep(Slice { from: began, to: last, counters, counts });
        }
        self.rests(last, at);
        self.open = (at, self.read_counters, self.read.clone());
        self.expire(at);
    }

    /// Nothing came between: the curves say so.
    fn rests(&mut self, from: f64, to: f64) {
        if to - from > 2.0 * SLICE {
            for at in [from + SLICE, to] {
                self.rate.push(at * 1000.0, 0.0);
                self.p50.push(at * 1000.0, f64::NAN);
                self.p99.push(at * 1000.0, f64::NAN);
            }
        }
    }

    fn expire(&mut self, at: f64) {
        while self.windowed > 0 {
            let Some(oldest) = self.slices.get(self.slices.len() - self.windowed) else { break };
            if oldest.to > at - WINDOW {
                break;
            }
            self.window.remove(&oldest.counts);
            self.windowed -= 1;
        }
        while self.slices.front().is_some_and(|slice| slice.to <= at - KEPT) {
            self.slices.pop_front();
        }
    }

    /// Latencies of the last minute.
    pub fn latency(&self) -> Distribution {
        let mut counts = self.window.clone();
        counts.add(&self.read.since(&self.open.2).unwrap_or_default());
        counts.distribution()
    }

    /// Everything since the present configuration and split began: what a verdict may be built on.
    pub fn since_base(&self) -> (Counters, Distribution) {
        let mut counters = self.tally.counters;
        counters.add(self.counters.since(self.open.1).unwrap_or_default());
        let mut counts = self.tally.counts.clone();
        counts.add(&self.read.since(&self.open.2).unwrap_or_default());
        (counters, counts.distribution())
    }

    /// From when on `since_base` counts, in epoch seconds; `None` for the endpoint's beginning.
    pub fn base_at(&self) -> Option<f64> {
        (self.tally.from > 0.0).then_some(self.tally.from)
    }

    /// What has come in the last `seconds`, of at most [`KEPT`].
    pub fn lately(&self, seconds: f64) -> Counters {
        let from = self.read_at - seconds;
        let mut sum = self.counters.since(self.open.1).unwrap_or_default();
        for slice in self.slices.iter().rev().take_while(|slice| slice.to > from) {
            // One that began before counts for the part that lies within.
            let part = ((slice.to - from) / (slice.to - slice.from).max(0.001)).clamp(0.0, 1.0);
            let of = |number: u64| (number as f64 * part).round() as u64;
            sum.add(Counters {
                invocations: of(slice.counters.invocations),
                errors_4xx: of(slice.counters.errors_4xx),
                errors_5xx: of(slice.counters.errors_5xx),
            });
        }
        sum
    }

    /// Slices that are kept.
    pub fn seconds(&self) -> usize {
        self.slices.len()
    }
}
