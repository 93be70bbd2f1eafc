//! `GET /_sagebrush/endpoints/<name>/live`: what there is of an endpoint right now and what the data
//! plane measures on it, ten times a second.
//!
//! ```text
//! {"endpoint":"demo","at":1767225600.1,"status":"Updating","config":"demo-1",
//!  "failure_reason":null,"weights_changed":1767225540.2,
//!  "variants":[{"variant":"blue","share":0.9,"instances":1,
//!   "in_flight":3,"invocations":1200,"invocations_since_shift":300,"abandoned":0,"errors_4xx":0,
//!   "errors_5xx":2,
//!   "model_latency":{"count":1200,"min":…,"mean":…,"max":…,"p50":…,"p90":…,"p95":…,"p99":…,
//!     "p999":…,"histogram":"<base64>"},"overhead_latency":{…},
//!   "instances_detail":[{"id":"i-0f…","fleet":"old","config":"demo-1","state":"in service",
//!     "since":…,"pids":[4711],"address":"unix:/run/…","in_flight":3,"restarts":0,
//!     "pings":[{"at":…,"outcome":"ok","took_us":310},{"at":…,"outcome":"status","status":500,
//!       "took_us":420},{"at":…,"outcome":"silent","took_us":2000000},
//!       {"at":…,"outcome":"broken","why":"…","took_us":90}]}],
//!   "instances_ended":[{…,"state":"ended","why":"It was ended by signal 9 without a word."}]}, …],
//!  "deployment":{"policy":"BLUE_GREEN","routing":"CANARY","stage":"Baking","since":…,"until":…,
//!   "began":…,"ended":null,"traffic":0.1,"shift":1,"shifts":2,"old_config":"demo-1",
//!   "new_config":"demo-2","rollback_reason":null},
//!  "last_deployment":{…,"stage":"RolledBack","rollback_reason":"…","ended":…},
//!  "history":{"variants":[{"variant":"blue","seconds":[{"at":1767225599.0,"span":1.0,
//!     "requests":120,"abandoned":0,"errors_4xx":0,"errors_5xx":2,"histogram":"<base64>"}, …]}],
//!   "instances":[{"id":"i-0f…","variant":"blue","seconds":[…]}],
//!   "marks":[{"at":…,"mark":"weights","shares":{"blue":0.9,"green":0.1}},
//!     {"at":…,"mark":"in service","variant":"blue","instance":"i-0f…"},
//!     {"at":…,"mark":"out of service","variant":"blue","instance":"i-0f…"},
//!     {"at":…,"mark":"deployment","stage":"Baking","traffic":0.1,"old_config":"demo-1",
//!      "new_config":"demo-2"}]}}
//! {"ended":"endpoint demo is gone"}
//! ```
//!
//! It can be followed from the moment at which the endpoint is created: `status` is its row's, and
//! instances are shown from their start on. Counters and histograms run since the endpoint was first
//! published and never go back, while it is not taken out of service; whoever wants an interval
//! subtracts two lines. Latencies are in microseconds, times in epoch seconds. `histogram` is an
//! HdrHistogram in its V2 encoding, so percentiles of intervals are exact to its three digits.
//!
//! `history` is in the first line, with the last five minutes, and in each line after which there is
//! more: append it. `seconds` are oldest first; those in which nothing ended are left out. `at` is
//! the second's end, `span` its real length. Its `histogram` holds the model latencies of that second
//! with two significant digits. `weights_changed` is when the traffic was last split in another way
//! (null before the endpoint is published), `invocations_since_shift` what each variant has had since.
//!
//! An instance's `state` is `starting`, `in service`, `unhealthy` (its last ping is overdue or failed:
//! it gets requests only when no other serves), `stopping` (it finishes what is in flight) or `ended`; its `fleet` is `current`, or `old` and `new` as a
//! deployment has them; `restarts` says how many before it stood in its place. Of its pings the last
//! thirty are kept, of ended instances the last sixteen. `deployment` is there while one runs, then
//! it becomes `last_deployment` until the region ends; `routing` is null for a rolling update. Its
//! stages are `Creating`, `ActivatingTraffic`, `Baking`, `WaitingForTermination`, `RollingBack`,
//! `Completed` and `RolledBack`; `until` tells when a wait is over.

use super::fleet::{self, Fleet};
use super::history;
use super::internal::{Tap, line};
use crate::api::error::AwsError;
use crate::domain::kind;
use crate::serving::{Cursor, VariantStatistics};
use crate::store::Event;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::Stream;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::time::{Interval, MissedTickBehavior, interval};

const EVERY: Duration = Duration::from_millis(100);

struct Live {
    tap: Tap,
    endpoint: String,
    events: Receiver<Arc<Event>>,
    /// What the row said when it was last read; `None` once it is gone.
    row: Option<RowFacts>,
    ticks: Option<Interval>,
    history: Cursor,
    begun: bool,
    ended: bool,
}

/// What a line tells of the endpoint's row.
struct RowFacts {
    name: String,
    status: String,
    config: Value,
    failure: Value,
}

pub(super) async fn stream(
    tap: Tap,
    endpoint: String,
) -> Result<impl Stream<Item = Bytes> + Send + 'static, AwsError> {
    // Subscribed before the row is read, so that no change of it falls between.
    let events = tap.region.store().subscribe();
    let mut live = Live {
        tap,
        endpoint,
        events,
        row: None,
        ticks: None,
        history: Cursor::default(),
        begun: false,
        ended: false,
    };
    live.read().await;
    if live.row.is_none() {
        return Err(AwsError::new(
            404,
            "ResourceNotFound",
            format!("There is no endpoint {}.", live.endpoint.escape_default()),
        ));
    }
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
        if self.has_changed() {
            self.read().await;
        }
        if let Some(row) = &self.row {
            let mut document = self.document(row);
            if let Some(history) = self.news() {
                document["history"] = history;
            }
            return Some(line(&document));
        }
        self.ended = true;
        Some(line(&json!({ "ended": format!("endpoint {} is gone", self.endpoint) })))
    }

    /// What has become history since the last line; all of it at first.
    fn news(&mut self) -> Option<Value> {
        let plane = self.tap.region.plane();
        let recent = plane
            .endpoint(&self.endpoint)
            .map(|endpoint| plane.recent_of(&endpoint, &mut self.history))
            .unwrap_or_default();
        let first = !std::mem::replace(&mut self.begun, true);
        let is_news = first || !recent.samples.is_empty() || !recent.marks.is_empty();
        is_news.then(|| history::of_endpoint(&recent))
    }

    /// Whether the row may have changed since it was read.
    fn has_changed(&mut self) -> bool {
        let mut changed = false;
        loop {
            match self.events.try_recv() {
                Ok(event) => {
                    let own = event.kind == kind::ENDPOINT && event.name == self.endpoint;
                    changed |= own || event.is_reset();
                }
                Err(TryRecvError::Lagged(_)) => changed = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return changed,
            }
        }
    }

    /// Reads the row, off the worker's thread, which has invocations to forward.
    async fn read(&mut self) {
        let (store, name) = (self.tap.region.store().clone(), self.endpoint.clone());
        let read = move || store.read(|snapshot| snapshot.get(kind::ENDPOINT, &name));
        match self.tap.main.spawn_blocking(read).await {
            Ok(Ok(row)) => {
                self.row = row.map(|row| RowFacts {
                    name: row.name,
                    status: row.status,
                    config: row.body.get("EndpointConfigName").cloned().unwrap_or_default(),
                    failure: row.body.get("FailureReason").cloned().unwrap_or_default(),
                });
            }
            // What was read before still stands; the next event brings another try.
            Ok(Err(fault)) => tracing::error!(%fault, "cannot read an endpoint's row"),
            Err(_shut_down) => {}
        }
    }

    fn document(&self, row: &RowFacts) -> Value {
        let region = &self.tap.region;
        let shown = region.boards().get(&self.endpoint).map(|board| board.shown());
        let published = region.plane().endpoint(&self.endpoint);
        let loads = published.as_ref().map(|published| published.loads()).unwrap_or_default();
        let weights_changed = published.as_ref().map(|all| all.weights_changed().as_secs_f64());
        let mut variants = published.map(|published| published.statistics()).unwrap_or_default();
        let fleet = shown.as_ref().map(|shown| Fleet { shown, loads: &loads });
        // Those that take no requests yet, or none any more.
        for name in fleet.iter().flat_map(Fleet::variants) {
            if !variants.iter().any(|known| known.variant == name) {
                variants.push(VariantStatistics::none(name));
            }
        }
        let mut document = json!({
            "endpoint": row.name,
            "at": region.now().as_secs_f64(),
            "status": row.status,
            "config": row.config,
            "failure_reason": row.failure,
            "weights_changed": weights_changed,
            "variants": variants.iter().map(|of| variant(of, fleet.as_ref())).collect::<Vec<_>>(),
        });
        if let Some(shown) = &shown {
            for (member, of) in
                [("deployment", &shown.deployment), ("last_deployment", &shown.last_deployment)]
            {
                if let Some(of) = of {
                    document[member] = fleet::deployment(of);
                }
            }
        }
        document
    }
}

fn variant(of: &VariantStatistics, fleet: Option<&Fleet<'_>>) -> Value {
    let (detail, ended) = fleet.map(|fleet| fleet.instances(&of.variant)).unwrap_or_default();
    json!({
        "variant": of.variant,
        "share": of.share,
        "instances": of.instances,
        "in_flight": of.in_flight,
        "invocations": of.invocations,
        "invocations_since_shift": of.invocations.saturating_sub(of.before_shift),
        "abandoned": of.abandoned,
        "errors_4xx": of.errors_4xx,
        "errors_5xx": of.errors_5xx,
        "model_latency": latency(&of.model_latency),
        "overhead_latency": latency(&of.overhead_latency),
        "instances_detail": detail,
        "instances_ended": ended,
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
