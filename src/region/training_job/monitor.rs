//! What is seen of a training job while it runs: its metrics as curves, and what its containers use.
//!
//! A monitor lives in memory. Metrics can be had again from the job's log, which is where they come
//! from ([`from_log`]); what was used cannot, so it is known of the last jobs of this life alone.

use super::super::Region;
use super::curve::{self, Curve, Curves, Point};
use super::metrics::Definitions;
use super::spec::Spec;
use crate::domain::time::Timestamp;
use crate::engine::Usage;
use crate::store::Row;
use crate::store::logs::{Filter, LogError};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// How many jobs' monitors are kept; of those beyond, the ones that nobody holds go.
const JOBS: usize = 64;
/// How many readings a follower may fall behind before it is told that it missed some.
const FOLLOWED: usize = 1024;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a container used at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Used {
    pub at: Timestamp,
    /// The same moment by the steady clock.
    steady: Timestamp,
    /// Of one core, since the reading before; more than 100 with several threads.
    pub cpu_percent: f64,
    pub cpu_seconds: f64,
    pub memory_bytes: u64,
}

/// Something new.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    Metric { name: String, point: Point },
    Usage { host: String, pid: Option<u32>, used: Used },
}

/// All that has been seen so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    pub metrics: Curves,
    /// By host (`algo-1`): the process that was measured, and the readings.
    pub usage: BTreeMap<String, (Option<u32>, Curve<Used>)>,
}

/// One job's monitor.
pub struct Monitor {
    created: Timestamp,
    history: Mutex<History>,
    readings: broadcast::Sender<Arc<Reading>>,
}

impl Monitor {
    fn new(created: Timestamp) -> Self {
        let (readings, _) = broadcast::channel(FOLLOWED);
        Self { created, history: Mutex::default(), readings }
    }

    pub fn history(&self) -> History {
        lock(&self.history).clone()
    }

    /// All so far, and whatever comes after it: nothing is missed or told twice.
    pub fn follow(&self) -> (History, broadcast::Receiver<Arc<Reading>>) {
        let history = lock(&self.history);
        (history.clone(), self.readings.subscribe())
    }

    pub(super) fn metric(&self, name: &str, point: Point) {
        let mut history = lock(&self.history);
        match history.metrics.get_mut(name) {
            Some(curve) => curve.push(point),
            None => history.metrics.entry(name.to_owned()).or_default().push(point),
        }
        // Under the lock, so that a follower's history ends where its readings begin.
        let _ = self.readings.send(Arc::new(Reading::Metric { name: name.to_owned(), point }));
    }

    pub(super) fn usage(
        &self,
        host: &str,
        pid: Option<u32>,
        usage: Usage,
        (now, steady): (Timestamp, Timestamp),
    ) {
        let mut history = lock(&self.history);
        let (measured, curve) = history.usage.entry(host.to_owned()).or_default();
        // A later attempt's process begins anew.
        let before = curve.last().filter(|_| *measured == pid);
        *measured = pid;
        let span =
            before.map(|before| steady.since(before.steady).as_secs_f64()).unwrap_or_default();
        let used = Used {
            at: now,
            steady,
            cpu_percent: match before {
                Some(before) if span > 0.0 => {
                    100.0 * (usage.cpu_seconds - before.cpu_seconds).max(0.0) / span
                }
                _ => 0.0,
            },
            cpu_seconds: usage.cpu_seconds,
            memory_bytes: usage.resident_bytes,
        };
        curve.push(used);
        let _ = self.readings.send(Arc::new(Reading::Usage { host: host.to_owned(), pid, used }));
    }

    /// Puts what is known of earlier attempts before what has come since.
    pub(super) fn precede(&self, earlier: &Curves) {
        let mut history = lock(&self.history);
        let since = std::mem::take(&mut history.metrics);
        history.metrics = join([earlier, &since]);
    }
}

/// The curves of all, point after point in the order of time.
fn join<'a>(all: impl IntoIterator<Item = &'a Curves>) -> Curves {
    let mut points: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
    for (name, curve) in all.into_iter().flatten() {
        points.entry(name).or_default().extend(curve.points());
    }
    let mut joined = Curves::new();
    for (name, mut points) in points {
        points.sort_by_key(|point| point.at);
        let curve = joined.entry(name.to_owned()).or_default();
        points.into_iter().for_each(|point| curve.push(point));
    }
    joined
}

/// The monitors of the jobs that run and of the last ones that did.
#[derive(Default)]
pub struct Monitors {
    all: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// By lower-cased name.
    monitors: HashMap<String, Arc<Monitor>>,
    /// The names, oldest first.
    order: VecDeque<String>,
}

impl Monitors {
    /// The monitor of the job that was created then.
    pub fn get(&self, job: &str, created: Timestamp) -> Option<Arc<Monitor>> {
        let all = lock(&self.all);
        all.monitors.get(&job.to_lowercase()).filter(|there| there.created == created).cloned()
    }

    /// The same, made when there is none; true when it was.
    pub fn open(&self, job: &str, created: Timestamp) -> (Arc<Monitor>, bool) {
        let mut all = lock(&self.all);
        let Kept { monitors, order } = &mut *all;
        let key = job.to_lowercase();
        if let Some(there) = monitors.get(&key).filter(|there| there.created == created) {
            return (Arc::clone(there), false);
        }
        let monitor = Arc::new(Monitor::new(created));
        if monitors.insert(key.clone(), Arc::clone(&monitor)).is_some() {
            order.retain(|known| *known != key);
        }
        order.push_back(key);
        let mut tries = order.len();
        while order.len() > JOBS && tries > 0 {
            tries -= 1;
            let Some(oldest) = order.pop_front() else { break };
            if monitors.get(&oldest).is_some_and(|held| Arc::strong_count(held) > 1) {
                order.push_back(oldest);
            } else {
                monitors.remove(&oldest);
            }
        }
        (monitor, true)
    }
}

/// The job's metrics as its log tells them.
pub fn from_log(region: &Region, row: &Row) -> Result<Curves, LogError> {
    let spec = Spec::read(&row.body);
    let Ok(definitions) = Definitions::compile(&spec.definitions) else {
        return Ok(Curves::new());
    };
    let mut curves = Curves::new();
    let mut filter = Filter { prefix: format!("{}/", row.name), ..Filter::default() };
    // Streams of an earlier job of the same name may still be there.
    filter.from = Some(row.created);
    loop {
        let page = region.store().logs().filter(super::attempt::LOG_GROUP, &filter, |_| true);
        let page = match page {
            Ok(page) => page,
            Err(LogError::NoSuchGroup(_)) => return Ok(curves),
            Err(fault) => return Err(fault),
        };
        for found in page.events {
            let (line, at) = (&found.record.message, found.record.timestamp);
            let mut step = None;
            definitions.scan(line, |name, value| {
                let step = *step.get_or_insert_with(|| curve::step_of(line));
                curves.entry(name.to_owned()).or_default().push(Point { at, value, step });
            });
        }
        match page.next {
            Some(next) => filter.after = Some(next),
            None => return Ok(curves),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_follower_misses_nothing_and_hears_nothing_twice() {
        let monitor = Monitor::new(at(0));
        let point = |value| Point { at: at(1), value, step: None };
        monitor.metric("loss", point(3.0));
        let (history, mut readings) = monitor.follow();
        monitor.metric("loss", point(2.0));
        assert_eq!(history.metrics["loss"].points().collect::<Vec<_>>(), [point(3.0)]);
        let reading = readings.try_recv().unwrap();
        assert_eq!(*reading, Reading::Metric { name: "loss".into(), point: point(2.0) });
        assert!(readings.try_recv().is_err());
    }

    #[test]
    fn cpu_is_what_was_used_since_the_reading_before() {
        let monitor = Monitor::new(at(0));
        let usage = |cpu_seconds| Usage { cpu_seconds, resident_bytes: 7 };
        monitor.usage("algo-1", Some(1), usage(1.0), (at(1_000), at(1_000)));
        monitor.usage("algo-1", Some(1), usage(2.5), (at(99_000), at(2_000)));
        monitor.usage("algo-1", Some(2), usage(0.5), (at(99_500), at(3_000)));
        let history = monitor.history();
        let (pid, curve) = &history.usage["algo-1"];
        let percents: Vec<f64> = curve.points().map(|used| used.cpu_percent).collect();
        assert_eq!((*pid, percents), (Some(2), vec![0.0, 150.0, 0.0]));
    }

    #[test]
    fn a_new_job_of_an_old_name_has_a_monitor_of_its_own() {
        let monitors = Monitors::default();
        let (first, made) = monitors.open("Job", at(1));
        assert!(made);
        assert!(!monitors.open("job", at(1)).1);
        assert!(monitors.get("JOB", at(2)).is_none());
        assert!(monitors.open("job", at(2)).1);
        assert!(monitors.get("job", at(1)).is_none());
        drop(first);
        for number in 0..2 * JOBS {
            monitors.open(&format!("j{number}"), at(3));
        }
        assert!(monitors.get("job", at(2)).is_none());
        assert_eq!(lock(&monitors.all).monitors.len(), JOBS);
    }

    #[test]
    fn earlier_points_come_first() {
        let monitor = Monitor::new(at(0));
        let point = |millis| Point { at: at(millis), value: 1.0, step: None };
        monitor.metric("m", point(5));
        let mut earlier = Curves::new();
        earlier.entry("m".into()).or_default().push(point(2));
        monitor.precede(&earlier);
        assert_eq!(
            monitor.history().metrics["m"].points().collect::<Vec<_>>(),
            [point(2), point(5)]
        );
    }
}
