//! A training job's metrics and what its containers use.
//!
//! `GET /_sagebrush/training-jobs/<name>/metrics`: all so far.
//!
//! ```text
//! {"job":"blue","status":"InProgress","at":1767225600.1,"from":"memory",
//!  "metrics":[{"metric":"train:rmse","seen":200,"points":[[1767225599.5,0.25,17], …]}, …],
//!  "usage":[{"host":"algo-1","measured":"process 4711 by /proc/4711/stat","seen":12,
//!    "points":[[1767225599.5,98.7,12.3,104857600], …]}]}
//! ```
//!
//! A metric's points are time, value, and the step, round or epoch that its line names (or null). A
//! usage's points are time, per cent of one core since the reading before (more than 100 with
//! several threads), CPU seconds so far, and resident bytes; a reading is taken every second. Of each
//! series up to a thousand points are kept, thinned evenly; `seen` says how many there were. `from`
//! is `log` for a job that this region has not run in this life: its metrics are read from its log,
//! and nothing is known of what it used.
//!
//! `GET /_sagebrush/training-jobs/<name>/live`: the same as a first line, then whatever comes.
//!
//! ```text
//! {"history":{…as above…}}
//! {"metric":"train:rmse","value":0.24,"step":18,"at":1767225600.2}
//! {"usage":"algo-1","cpu_percent":98.7,"cpu_seconds":13.3,"memory_bytes":104857600,
//!   "measured":"process 4711 by /proc/4711/stat","at":1767225600.5}
//! {"heartbeat":true}
//! {"missed":3}                      readings that came faster than this client read them
//! {"ended":"training job blue is Completed"}
//! ```

use super::gauges::Gauges;
use super::internal::{Internal, Tap, line, store_failed};
use crate::api::error::AwsError;
use crate::domain::kind;
use crate::domain::time::Timestamp;
use crate::region::Region;
use crate::region::training_job::{
    self, Curve, Curves, History, Point, Reading, Used, machine::Status,
};
use crate::store::{Event, Row};
use bytes::Bytes;
use futures::Stream;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

impl Internal {
    pub(super) async fn metrics(&self, job: &str) -> Result<Value, AwsError> {
        let row = row(&self.region, &self.main, job).await?;
        let monitor = self.region.monitors().get(&row.name, row.created);
        match monitor {
            Some(monitor) => Ok(document(&self.region, &row, "memory", &monitor.history())),
            None => {
                let metrics = from_log(&self.region, &self.main, &row).await?;
                let history = History { metrics, ..History::default() };
                Ok(document(&self.region, &row, "log", &history))
            }
        }
    }
}

struct Live {
    tap: Tap,
    job: String,
    first: Option<Bytes>,
    /// `None` for a job that had ended before.
    readings: Option<Receiver<Arc<Reading>>>,
    events: Receiver<Arc<Event>>,
    /// The job's last status, once it has one.
    ended: Option<String>,
    over: bool,
}

enum Woken {
    Reading(Result<Arc<Reading>, RecvError>),
    Event(Result<Arc<Event>, RecvError>),
    Silence,
}

pub(super) async fn stream(
    tap: Tap,
    job: String,
) -> Result<impl Stream<Item = Bytes> + Send + 'static, AwsError> {
    // Subscribed before the row is read, so that no end of it falls between.
    let events = tap.region.store().subscribe();
    let row = row(&tap.region, &tap.main, &job).await?;
    let monitors = tap.region.monitors();
    let monitor = match monitors.get(&row.name, row.created) {
        None if !is_over(&row.status) => Some(monitors.open(&row.name, row.created).0),
        known => known,
    };
    let (from, history, readings) = match monitor {
        Some(monitor) => {
            let (history, readings) = monitor.follow();
            ("memory", history, Some(readings))
        }
        None => {
            let metrics = from_log(&tap.region, &tap.main, &row).await?;
            ("log", History { metrics, ..History::default() }, None)
        }
    };
    let first = line(&json!({ "history": document(&tap.region, &row, from, &history) }));
    let ended = is_over(&row.status).then(|| row.status.clone());
    let live =
        Live { tap, job: row.name, first: Some(first), readings, events, ended, over: false };
    Ok(futures::stream::unfold(live, |mut live| async move {
        let chunk = live.next().await?;
        Some((chunk, live))
    }))
}

impl Live {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            if self.over {
                return None;
            }
            if let Some(status) = self.ended.clone() {
                return Some(self.rest(&status));
            }
            let readings = self.readings.as_mut()?;
            let woken = tokio::select! {
                biased;
                _ = self.tap.closing.wait_for(|closing| *closing) => return None,
                reading = readings.recv() => Woken::Reading(reading),
                event = self.events.recv() => Woken::Event(event),
                () = tokio::time::sleep(self.tap.limits.heartbeat) => Woken::Silence,
            };
            match woken {
                Woken::Silence => return Some(line(&json!({ "heartbeat": true }))),
                Woken::Reading(Ok(reading)) => return Some(line(&told(&reading))),
                Woken::Reading(Err(RecvError::Lagged(missed))) => return Some(self.missed(missed)),
                Woken::Reading(Err(RecvError::Closed)) => self.readings = None,
                Woken::Event(Ok(event)) => self.hear(&event),
                // Among what was missed may have been the job's end.
                Woken::Event(Err(RecvError::Lagged(_))) => self.look().await,
                Woken::Event(Err(RecvError::Closed)) => return None,
            }
        }
    }

    fn hear(&mut self, event: &Event) {
        let own = event.kind == kind::TRAINING_JOB && event.name == self.job;
        if event.is_reset() {
            self.ended = Some("gone".to_owned());
        } else if own && is_over(&event.status) {
            self.ended = Some(event.status.clone());
        }
    }

    async fn look(&mut self) {
        match row(&self.tap.region, &self.tap.main, &self.job).await {
            Ok(row) if is_over(&row.status) => self.ended = Some(row.status),
            Ok(_) => {}
            Err(_gone) => self.ended = Some("gone".to_owned()),
        }
    }

    /// What had come before the end was told, and the end.
    fn rest(&mut self, status: &str) -> Bytes {
        match self.readings.as_mut().map(Receiver::try_recv) {
            Some(Ok(reading)) => return line(&told(&reading)),
            Some(Err(TryRecvError::Lagged(missed))) => return self.missed(missed),
            Some(Err(TryRecvError::Empty | TryRecvError::Closed)) | None => {}
        }
        self.over = true;
        line(&json!({ "ended": format!("training job {} is {status}", self.job) }))
    }

    fn missed(&self, missed: u64) -> Bytes {
        Gauges::count(&self.tap.gauges.readings_missed, missed);
        line(&json!({ "missed": missed }))
    }
}

fn is_over(status: &str) -> bool {
    Status::parse(status).is_some_and(Status::is_terminal)
}

async fn row(region: &Arc<Region>, main: &Handle, job: &str) -> Result<Row, AwsError> {
    let (store, name) = (region.store().clone(), job.to_owned());
    let read = move || store.read(|snapshot| snapshot.get(kind::TRAINING_JOB, &name));
    match main.spawn_blocking(read).await {
        Ok(Ok(Some(row))) => Ok(row),
        Ok(Err(fault)) => Err(store_failed(&fault)),
        Ok(Ok(None)) | Err(_) => Err(AwsError::new(
            404,
            "ResourceNotFound",
            format!("There is no training job {}.", job.escape_default()),
        )),
    }
}

async fn from_log(region: &Arc<Region>, main: &Handle, row: &Row) -> Result<Curves, AwsError> {
    let (region, row) = (Arc::clone(region), row.clone());
    let failed = |why: String| {
        AwsError::new(500, "InternalFailure", format!("The job's log cannot be read: {why}"))
    };
    let read = main.spawn_blocking(move || training_job::metrics_from_log(&region, &row)).await;
    match read {
        Ok(read) => read.map_err(|fault| failed(fault.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn document(region: &Region, row: &Row, from: &str, history: &History) -> Value {
    let metrics = history.metrics.iter().map(|(name, curve)| {
        json!({ "metric": name, "seen": curve.seen(), "points": points(curve, metric_point) })
    });
    let usage = history.usage.iter().map(|(host, (pid, curve))| {
        json!({
            "host": host,
            "measured": measured(*pid),
            "seen": curve.seen(),
            "points": points(curve, usage_point),
        })
    });
    json!({
        "job": row.name,
        "status": row.status,
        "at": region.now().as_secs_f64(),
        "from": from,
        "metrics": metrics.collect::<Vec<_>>(),
        "usage": usage.collect::<Vec<_>>(),
    })
}

fn points<P: Copy>(curve: &Curve<P>, as_json: impl Fn(P) -> Value) -> Vec<Value> {
    curve.points().map(as_json).collect()
}

fn metric_point(point: Point) -> Value {
    json!([seconds(point.at), point.value, point.step])
}

fn usage_point(used: Used) -> Value {
    json!([seconds(used.at), used.cpu_percent, used.cpu_seconds, used.memory_bytes])
}

fn told(reading: &Reading) -> Value {
    match reading {
        Reading::Metric { name, point } => json!({
            "metric": name,
            "value": point.value,
            "step": point.step,
            "at": seconds(point.at),
        }),
        Reading::Usage { host, pid, used } => json!({
            "usage": host,
            "cpu_percent": used.cpu_percent,
            "cpu_seconds": used.cpu_seconds,
            "memory_bytes": used.memory_bytes,
            "measured": measured(*pid),
            "at": seconds(used.at),
        }),
    }
}

fn measured(pid: Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid} by /proc/{pid}/stat"),
        None => "the engine's own figures".to_owned(),
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_secs_f64()
}
