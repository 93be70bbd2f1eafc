//! What the plane measures, per variant: written lock-free by each worker thread into a recorder
//! of its own, merged when somebody reads.

use crate::domain::histogram;
use hdrhistogram::Histogram;
use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// How many recorders a variant has at most; threads beyond share them, which is slower and exact.
const WORKERS: usize = 64;

/// What happened to one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The model's status; 0 when it gave none (timeout, broken connection).
    pub status: u16,
    pub model_micros: u64,
    pub overhead_micros: u64,
}

/// A variant's recorders, one for each worker thread that has had traffic of it.
pub(super) struct Recorders {
    workers: [OnceLock<Box<Worker>>; WORKERS],
    /// What the history takes once a second.
    pub interval: Interval,
}

/// What has happened since the history last looked, by worker thread too.
pub(super) struct Interval {
    workers: [OnceLock<Box<Since>>; WORKERS],
}

#[derive(Default)]
struct Since {
    requests: AtomicU32,
    abandoned: AtomicU32,
    errors_4xx: AtomicU32,
    errors_5xx: AtomicU32,
    model: histogram::IntervalRecorder,
}

/// The counters of one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub requests: u32,
    pub abandoned: u32,
    pub errors_4xx: u32,
    pub errors_5xx: u32,
}

impl Default for Interval {
    fn default() -> Self {
        Self { workers: array::from_fn(|_| OnceLock::new()) }
    }
}

impl Interval {
    fn own(&self) -> &Since {
        self.workers[slot()].get_or_init(Box::default)
    }

    pub fn record(&self, outcome: Outcome) {
        let since = self.own();
        since.requests.fetch_add(1, Ordering::Relaxed);
        match outcome.status {
            400..=499 => since.errors_4xx.fetch_add(1, Ordering::Relaxed),
            0 | 500.. => since.errors_5xx.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        since.model.record(outcome.model_micros);
    }

    pub fn record_abandoned(&self) {
        let since = self.own();
        since.requests.fetch_add(1, Ordering::Relaxed);
        since.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    /// Moves out what was recorded since the last call; the latencies go into `model`.
    pub fn take(&self, model: &mut Histogram<u64>) -> Taken {
        let mut sum = Taken::default();
        let take = |counter: &AtomicU32| counter.swap(0, Ordering::Relaxed);
        for since in self.workers.iter().filter_map(OnceLock::get) {
            if since.requests.load(Ordering::Relaxed) == 0 {
                continue;
            }
            sum.requests += take(&since.requests);
            sum.abandoned += take(&since.abandoned);
            sum.errors_4xx += take(&since.errors_4xx);
            sum.errors_5xx += take(&since.errors_5xx);
            since.model.take_into(model);
        }
        sum
    }
}

/// This thread's place among the workers.
fn slot() -> usize {
    thread_local! {
        static SLOT: usize = {
            static NEXT: AtomicUsize = AtomicUsize::new(0);
            NEXT.fetch_add(1, Ordering::Relaxed) % WORKERS
        };
    }
    SLOT.with(|slot| *slot)
}

#[derive(Default)]
struct Worker {
    invocations: AtomicU64,
    abandoned: AtomicU64,
    errors_4xx: AtomicU64,
    errors_5xx: AtomicU64,
    model: histogram::Recorder,
    overhead: histogram::Recorder,
}

/// A variant's figures since its endpoint was first published. All latencies in microseconds.
#[derive(Clone, Debug)]
pub struct VariantStatistics {
    pub variant: String,
    /// The share of traffic that the published weights give it, 0 to 1.
    pub share: f64,
    /// Requests sent to the model, whatever became of them.
    pub invocations: u64,
    /// Of these: the caller went away before the answer was complete. They have no latencies.
    pub abandoned: u64,
    /// The model answered 4xx.
    pub errors_4xx: u64,
    /// The model answered 5xx, or not at all.
    pub errors_5xx: u64,
    /// Of these: sent before the weights last changed. The rest is what the present weights brought.
    pub before_shift: u64,
    /// Being answered right now.
    pub in_flight: u64,
    pub instances: usize,
    /// `ModelLatency`: from sending to the container until its answer was complete.
    pub model_latency: Histogram<u64>,
    /// `OverheadLatency`: the rest of the time from the request's arrival until then.
    pub overhead_latency: Histogram<u64>,
}

impl Default for Recorders {
    fn default() -> Self {
        Self { workers: array::from_fn(|_| OnceLock::new()), interval: Interval::default() }
    }
}

/// A variant's counters alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub invocations: u64,
    pub abandoned: u64,
    pub errors_4xx: u64,
    pub errors_5xx: u64,
}

impl VariantStatistics {
    /// Of a variant that nothing has been sent to.
    pub fn none(variant: &str) -> Self {
        Self {
            variant: variant.to_owned(),
            share: 0.0,
            invocations: 0,
            abandoned: 0,
            errors_4xx: 0,
            errors_5xx: 0,
            before_shift: 0,
            in_flight: 0,
            instances: 0,
            model_latency: histogram::empty(),
            overhead_latency: histogram::empty(),
        }
    }
}

impl Recorders {
    fn own(&self) -> &Worker {
        self.workers[slot()].get_or_init(Box::default)
    }

    /// Counts an invocation that ended. One call, at its end.
    pub(super) fn record(&self, outcome: Outcome) {
        let worker = self.own();
        worker.invocations.fetch_add(1, Ordering::Relaxed);
        match outcome.status {
            400..=499 => worker.errors_4xx.fetch_add(1, Ordering::Relaxed),
            0 | 500.. => worker.errors_5xx.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        worker.model.record(outcome.model_micros);
        worker.overhead.record(outcome.overhead_micros);
        self.interval.record(outcome);
    }

    /// Counts an invocation whose caller did not wait for the end.
    pub(super) fn record_abandoned(&self) {
        let worker = self.own();
        worker.invocations.fetch_add(1, Ordering::Relaxed);
        worker.abandoned.fetch_add(1, Ordering::Relaxed);
        self.interval.record_abandoned();
    }

    /// The counters without the histograms: cheap enough for thousands of variants.
    pub(super) fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for worker in self.workers.iter().filter_map(OnceLock::get) {
            sum.invocations += worker.invocations.load(Ordering::Relaxed);
            sum.abandoned += worker.abandoned.load(Ordering::Relaxed);
            sum.errors_4xx += worker.errors_4xx.load(Ordering::Relaxed);
            sum.errors_5xx += worker.errors_5xx.load(Ordering::Relaxed);
        }
        sum
    }

    /// Adds everything up. Share, gauge and instances are the table's to say.
    pub(super) fn read(&self, variant: &str) -> VariantStatistics {
        let Counts { invocations, abandoned, errors_4xx, errors_5xx } = self.counts();
        let mut sum = VariantStatistics {
            invocations,
            abandoned,
            errors_4xx,
            errors_5xx,
            ..VariantStatistics::none(variant)
        };
        for worker in self.workers.iter().filter_map(OnceLock::get) {
            worker.model.add_to(&mut sum.model_latency);
            worker.overhead.add_to(&mut sum.overhead_latency);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_what_threads_wrote() {
        let recorders = Recorders::default();
        std::thread::scope(|scope| {
            for status in [200, 400, 500, 0] {
                let recorders = &recorders;
                scope.spawn(move || {
                    for micros in 0..100 {
                        let outcome = Outcome { status, model_micros: micros, overhead_micros: 7 };
                        recorders.record(outcome);
                    }
                    recorders.record_abandoned();
                });
            }
        });
        let read = recorders.read("blue");
        assert_eq!((read.invocations, read.abandoned), (404, 4));
        assert_eq!((read.errors_4xx, read.errors_5xx), (100, 200));
        assert_eq!(read.model_latency.len(), 400);
        assert_eq!(read.overhead_latency.max(), 7);
    }
}
