//! The last five minutes of every endpoint, second by second: who has just attached to the region
//! sees what led up to the present, and figures of a past minute need no observer of that minute.
//!
//! Bounded in time ([`SECONDS`]), in bytes ([`BYTES`]; the oldest seconds of the whole plane go
//! first, and are counted) and in marks ([`MARKS`]). A second in which nothing happened takes no room.

use super::instance::Instance;
use super::plane::Endpoint;
use super::recorder::{Interval, Taken};
use crate::domain::histogram;
use crate::domain::time::Timestamp;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many seconds are kept.
pub const SECONDS: u64 = 300;
/// How many bytes they may take together.
pub const BYTES: usize = 32 * 1024 * 1024;
/// How many marks are kept.
pub const MARKS: usize = 4_096;

/// What one variant, or one of its instances, did in one second.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The endpoint's flow: the same from its first publication until it is withdrawn.
    pub(super) flow: u64,
    /// When the second ended.
    pub at: Timestamp,
    /// How long it really was.
    pub span: Duration,
    pub variant: String,
    /// The instance's id; `None` for the variant as a whole.
    pub instance: Option<String>,
    /// Requests that ended in it, whatever became of them.
    pub requests: u32,
    pub abandoned: u32,
    pub errors_4xx: u32,
    pub errors_5xx: u32,
    /// Of their model latencies, in microseconds.
    pub p50: u64,
    pub p99: u64,
    /// Their model latencies: an HdrHistogram of two significant digits in its V2 encoding.
    pub latency: Box<[u8]>,
}

/// Something that happened to an endpoint as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub(super) flow: u64,
    pub at: Timestamp,
    pub event: MarkedEvent,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MarkedEvent {
    /// The traffic is split anew: each variant's share from now on.
    Weights(Vec<(String, f64)>),
    /// An instance takes requests from now on.
    InService { variant: String, instance: String },
    /// It takes none any more.
    OutOfService { variant: String, instance: String },
    /// A deployment has reached a stage; `traffic` is the share that its new fleet has.
    Deployment { stage: &'static str, traffic: f64, old_config: String, new_config: String },
}

/// How far one reader has read. A new one begins five minutes ago.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    second: u64,
    mark: u64,
}

/// What a reader had not read yet, oldest first.
#[derive(Debug, Default)]
pub struct Recent {
    pub samples: Vec<Arc<Sample>>,
    pub marks: Vec<Arc<Mark>>,
}

#[derive(Default)]
pub(super) struct History {
    kept: Mutex<Kept>,
}

struct Kept {
    /// The number of the last second.
    number: u64,
    began: Instant,
    seconds: VecDeque<Second>,
    bytes: usize,
    /// Seconds that were dropped before their time because of [`BYTES`].
    dropped: u64,
    /// The number of the last mark.
    mark: u64,
    marks: VecDeque<(u64, Arc<Mark>)>,
    /// By flow.
    seen: HashMap<u64, Seen>,
    /// Instances whose requests may still end, by their key; in or out of the table.
    tracked: HashMap<u64, Tracked>,
    /// Flows with requests in flight on instances that have left the table.
    late: HashSet<u64>,
}

struct Second {
    number: u64,
    bytes: usize,
    samples: Vec<Arc<Sample>>,
}

struct Seen {
    taken: u64,
    /// Requests were in flight or had just come: their ends are still to be counted.
    warm: bool,
    round: u64,
}

struct Tracked {
    flow: u64,
    variant: String,
    instance: Arc<Instance>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            number: 0,
            began: Instant::now(),
            seconds: VecDeque::new(),
            bytes: 0,
            dropped: 0,
            mark: 0,
            marks: VecDeque::new(),
            seen: HashMap::new(),
            tracked: HashMap::new(),
            late: HashSet::new(),
        }
    }
}

/// One second being written down.
struct Sheet {
    at: Timestamp,
    span: Duration,
    samples: Vec<Arc<Sample>>,
    scratch: Histogram<u64>,
}

impl Sheet {
    fn take(&mut self, interval: &Interval, flow: u64, variant: &str, instance: Option<&str>) {
        self.scratch.reset();
        let taken = interval.take(&mut self.scratch);
        if taken == Taken::default() {
            return;
        }
        let mut latency = Vec::new();
        // Into a vector, of bounds that the encoding knows: it cannot fail.
        let _ = V2Serializer::new().serialize(&self.scratch, &mut latency);
        self.samples.push(Arc::new(Sample {
            flow,
            at: self.at,
            span: self.span,
            variant: variant.to_owned(),
            instance: instance.map(str::to_owned),
            requests: taken.requests,
            abandoned: taken.abandoned,
            errors_4xx: taken.errors_4xx,
            errors_5xx: taken.errors_5xx,
            p50: self.scratch.value_at_quantile(0.5),
            p99: self.scratch.value_at_quantile(0.99),
            latency: latency.into(),
        }));
    }
}

impl Sample {
    fn bytes(&self) -> usize {
        let texts = self.variant.len() + self.instance.as_ref().map_or(0, String::len);
        size_of::<Self>() + texts + self.latency.len()
    }
}

impl History {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a second: what has happened since the last call is written down as of `now`.
    pub fn sample<'a>(&self, endpoints: impl Iterator<Item = &'a Arc<Endpoint>>, now: Timestamp) {
        let mut kept = self.lock();
        kept.number += 1;
        let ended = Instant::now();
        let span = ended.duration_since(std::mem::replace(&mut kept.began, ended));
        let scratch = histogram::empty_interval();
        let mut sheet = Sheet { at: now, span, samples: Vec::new(), scratch };
        let warm = kept.sample_variants(endpoints, &mut sheet);
        kept.sample_instances(&warm, &mut sheet);
        kept.keep(sheet.samples);
        kept.forget(now);
    }

    pub fn mark(&self, mark: Mark) {
        let mut kept = self.lock();
        kept.mark += 1;
        let number = kept.mark;
        kept.marks.push_back((number, Arc::new(mark)));
        if kept.marks.len() > MARKS {
            kept.marks.pop_front();
        }
    }

    /// What is new to the reader, of those flows that it wants.
    pub fn read(&self, cursor: &mut Cursor, wants: impl Fn(u64) -> bool) -> Recent {
        let kept = self.lock();
        let from = kept.seconds.partition_point(|second| second.number <= cursor.second);
        let samples = kept.seconds.range(from..).flat_map(|second| &second.samples);
        let samples = samples.filter(|sample| wants(sample.flow)).cloned().collect();
        let from = kept.marks.partition_point(|(number, _)| *number <= cursor.mark);
        let marks = kept.marks.range(from..).map(|(_, mark)| mark);
        let marks = marks.filter(|mark| wants(mark.flow)).cloned().collect();
        *cursor = Cursor { second: kept.number, mark: kept.mark };
        Recent { samples, marks }
    }

    /// Bytes that are taken, and seconds that went before their time.
    pub fn weight(&self) -> (usize, u64) {
        let kept = self.lock();
        (kept.bytes, kept.dropped)
    }
}

impl Kept {
    /// Every variant that requests may have ended in. Returns the flows that were looked at.
    fn sample_variants<'a>(
        &mut self,
        endpoints: impl Iterator<Item = &'a Arc<Endpoint>>,
        sheet: &mut Sheet,
    ) -> HashSet<u64> {
        let round = self.number;
        let mut warm = HashSet::new();
        for endpoint in endpoints {
            let (flow, taken) = (endpoint.flow_id(), endpoint.taken());
            let fresh = Seen { taken: 0, warm: false, round };
            let seen = self.seen.entry(flow).or_insert(fresh);
            seen.round = round;
            let came = std::mem::replace(&mut seen.taken, taken) != taken;
            if !came && !seen.warm && !self.late.contains(&flow) {
                continue;
            }
            // Looked up before the counters, which a request is added to before it leaves.
            seen.warm = came || endpoint.instances().any(|each| each.in_flight() > 0);
            warm.insert(flow);
            let mut told = HashSet::new();
            for (table, variant) in endpoint.with_tables() {
                // While a deployment runs, a variant is in the table twice, with one recorder.
                if told.insert(&table.name) {
                    sheet.take(&variant.recorders.interval, flow, &table.name, None);
                }
                for instance in &variant.instances {
                    self.tracked.entry(instance.key).or_insert_with(|| Tracked {
                        flow,
                        variant: table.name.clone(),
                        instance: Arc::clone(instance),
                    });
                }
            }
        }
        self.seen.retain(|_, seen| seen.round == round);
        warm
    }

    fn sample_instances(&mut self, warm: &HashSet<u64>, sheet: &mut Sheet) {
        self.late.clear();
        let late = &mut self.late;
        self.tracked.retain(|_, Tracked { flow, variant, instance }| {
            let flying = instance.in_flight() > 0;
            sheet.take(&instance.interval, *flow, variant, Some(&instance.target.id));
            if flying && instance.is_retired() {
                late.insert(*flow);
            }
            flying || (warm.contains(flow) && !instance.is_retired())
        });
    }

    fn keep(&mut self, samples: Vec<Arc<Sample>>) {
        if samples.is_empty() {
            return;
        }
        let bytes = samples.iter().map(|sample| sample.bytes()).sum();
        self.bytes += bytes;
        self.seconds.push_back(Second { number: self.number, bytes, samples });
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(oldest) = self.seconds.front() {
            let aged = oldest.number + SECONDS <= self.number;
            if !aged && self.bytes <= BYTES {
                break;
            }
            self.dropped += u64::from(!aged);
            self.bytes -= oldest.bytes;
            self.seconds.pop_front();
        }
        let span = Duration::from_secs(SECONDS);
        while self.marks.front().is_some_and(|(_, mark)| now.since(mark.at) > span) {
            self.marks.pop_front();
        }
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
