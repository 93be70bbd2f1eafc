//! `GET /_sagebrush/watch`: the region's resources, then every change of them as it is committed.
//!
//! A watcher that applies every line in order (rows and `created`, `updated` put a row in place of
//! the one of the same kind and lower-cased name, `deleted` takes it out, `resync` forgets all)
//! holds the region's state after each.
//!
//! ```text
//! {"snapshot":41,"rows":2}                      revision 41, about 2 rows follow
//! {"kind":"model","name":"a","arn":…,"parent":"","status":"","created":…,"modified":…,"revision":7}
//! {"kind":"endpoint","name":"e",…}
//! {"ready":41}                                  the snapshot is whole
//! {"revision":42,"at":…,"change":"updated","kind":"endpoint","name":"e","status":"InService",…}
//! {"revision":43,"at":…,"change":"deleted","kind":"model","name":"a"}
//! {"heartbeat":43}
//! {"resync":"…why…"}                            a snapshot follows
//! ```
//!
//! S3's buckets are rows of kind `bucket` among the others, with `body`
//! `{"Name","Arn","CreationDate","Objects":3,"Bytes":120}`; how a bucket fills is told by at most one
//! line of it every quarter of a second.
//!
//! Times are epoch seconds. With `since=R` the deltas after revision R come at once, without a
//! snapshot; when they are not all kept any more, a resync comes instead. With `bodies=1` every row
//! carries `body`, what Describe answers.
//!
//! Nothing is queued for a watcher: each reads the store at its own pace, one page ahead of what its
//! socket takes, so a slow one costs no memory and falls back to a resync when it is too far behind.
//! The pages of a snapshot are read one after the other; what changes meanwhile comes again as a
//! delta, because deltas begin at the revision at which the first page was read.

use super::gauges::Gauges;
use super::internal::{Query, Tap, line};
use crate::api::error::AwsError;
use crate::domain::arn::Place;
use crate::store::{Changed, Event, RawRow, Row, Snapshot, Store, StoreError};
use bytes::Bytes;
use futures::Stream;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// Rows read at once for a snapshot, and events for deltas.
const PAGE: usize = 1000;

struct Watcher {
    tap: Tap,
    bodies: bool,
    poke: Receiver<Arc<Event>>,
    step: Step,
}

/// Where a watcher stands.
enum Step {
    /// A snapshot is to begin.
    Begin,
    /// The snapshot's rows of `kinds` follow, in the first of them those behind `after`.
    Rows {
        revision: u64,
        kinds: Vec<String>,
        after: String,
    },
    /// Events after the revision are to be read.
    Deltas(u64),
    /// There were none yet.
    Wait(u64),
    End,
}

enum Woken {
    Change,
    Silence,
    Closing,
}

pub(super) fn stream(
    tap: Tap,
    query: &Query<'_>,
) -> Result<impl Stream<Item = Bytes> + Send + 'static, AwsError> {
    let since = query.number("since")?;
    // Subscribed before anything is read, so that no change falls between.
    let poke = tap.region.store().subscribe();
    let step = since.map_or(Step::Begin, Step::Deltas);
    let watcher = Watcher { bodies: query.flag("bodies"), poke, step, tap };
    Ok(futures::stream::unfold(watcher, |mut watcher| async move {
        let chunk = watcher.next().await?;
        Some((chunk, watcher))
    }))
}

impl Watcher {
    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let (chunk, next) = match std::mem::replace(&mut self.step, Step::End) {
                Step::End => return None,
                Step::Wait(since) => match self.wait().await {
                    Woken::Change => (Bytes::new(), Step::Deltas(since)),
                    Woken::Silence => (line(&json!({ "heartbeat": since })), Step::Wait(since)),
                    Woken::Closing => return None,
                },
                step => self.read(step).await,
            };
            self.step = next;
            if !chunk.is_empty() {
                return Some(chunk);
            }
        }
    }

    async fn wait(&mut self) -> Woken {
        let poke = tokio::select! {
            poke = self.poke.recv() => poke,
            () = tokio::time::sleep(self.tap.limits.heartbeat) => return Woken::Silence,
            _ = self.tap.closing.wait_for(|closing| *closing) => return Woken::Closing,
        };
        if matches!(poke, Err(RecvError::Closed)) {
            return Woken::Closing;
        }
        // The events themselves are read from the store: these only say that there are some.
        while matches!(self.poke.try_recv(), Ok(_) | Err(TryRecvError::Lagged(_))) {}
        Woken::Change
    }

    /// Reads off the worker's thread, which has invocations to forward.
    async fn read(&self, step: Step) -> (Bytes, Step) {
        let store = self.tap.region.store().clone();
        let (place, bodies) = (self.tap.region.place().clone(), self.bodies);
        let read = self.tap.main.spawn_blocking(move || page(&store, step, &place, bodies)).await;
        match read {
            Ok(Ok((chunk, step))) => {
                if matches!(step, Step::Begin) {
                    Gauges::count(&self.tap.gauges.resyncs, 1);
                }
                (chunk, step)
            }
            Ok(Err(fault)) => (line(&json!({ "error": fault.to_string() })), Step::End),
            Err(_shut_down) => (Bytes::new(), Step::End),
        }
    }
}

fn page(
    store: &Store,
    step: Step,
    place: &Place,
    bodies: bool,
) -> Result<(Bytes, Step), StoreError> {
    let mut lines = Lines { place, bodies, text: Vec::new() };
    let next = store.read(|snapshot| match step {
        Step::Begin => lines.begin(snapshot),
        Step::Rows { revision, kinds, after } => lines.rows(snapshot, revision, kinds, after),
        Step::Deltas(since) => lines.deltas(snapshot, since),
        other => Ok(other),
    })?;
    Ok((lines.text.into(), next))
}

/// A row as watchers see it.
#[derive(Serialize)]
struct RowLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Changed>,
    kind: &'a str,
    name: &'a str,
    #[serde(flatten)]
    row: Option<RowFacts<'a>>,
}

#[derive(Serialize)]
struct RowFacts<'a> {
    arn: String,
    parent: &'a str,
    status: &'a str,
    created: f64,
    modified: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a Value>,
}

/// Lines being written.
struct Lines<'a> {
    place: &'a Place,
    bodies: bool,
    text: Vec<u8>,
}

impl Lines<'_> {
    fn begin(&mut self, snapshot: &Snapshot<'_>) -> Result<Step, StoreError> {
        let revision = snapshot.revision()?;
        let kinds = snapshot.kinds()?;
        let counts: Result<Vec<u64>, _> = kinds.iter().map(|kind| snapshot.count(kind)).collect();
        let rows: u64 = counts?.iter().sum();
        self.put(&json!({ "snapshot": revision, "rows": rows }))?;
        self.rows(snapshot, revision, kinds, String::new())
    }

    fn rows(
        &mut self,
        snapshot: &Snapshot<'_>,
        revision: u64,
        mut kinds: Vec<String>,
        mut after: String,
    ) -> Result<Step, StoreError> {
        let mut room = PAGE;
        while let Some(kind) = kinds.first().cloned() {
            if room == 0 {
                return Ok(Step::Rows { revision, kinds, after });
            }
            // By name, which does not change: a row that is touched meanwhile keeps its place.
            let mut told = 0;
            let next = snapshot.each_raw(&kind, &after, room, |row| {
                told += 1;
                self.raw_row(&kind, &row)
            })?;
            room = room.saturating_sub(told);
            if next.is_none() {
                kinds.remove(0);
            }
            after = next.unwrap_or_default();
        }
        self.put(&json!({ "ready": revision }))?;
        Ok(Step::Deltas(revision))
    }

    fn deltas(&mut self, snapshot: &Snapshot<'_>, since: u64) -> Result<Step, StoreError> {
        let Some(events) = snapshot.events(since, PAGE)? else {
            return self.resync("changes since then are no longer all kept");
        };
        for event in &events {
            if event.is_reset() {
                return self.resync("the region was reset");
            }
            // The row as it is now: if that is newer than the event, its own event follows.
            match snapshot.get(&event.kind, &event.name)? {
                Some(row) if event.change != Changed::Deleted => self.row(&row, event)?,
                _ => self.put(&RowLine::of(event, None))?,
            }
        }
        Ok(events.last().map_or(Step::Wait(since), |event| Step::Deltas(event.revision)))
    }

    fn resync(&mut self, why: &str) -> Result<Step, StoreError> {
        self.put(&json!({ "resync": why }))?;
        Ok(Step::Begin)
    }

    /// A row of the snapshot. Its document goes through as the text that it is.
    fn raw_row(&mut self, kind: &str, row: &RawRow<'_>) -> Result<(), StoreError> {
        // Few kinds bring ARNs of their own.
        let own = if row.body.contains("\"Arn\":") {
            serde_json::from_str::<Value>(row.body)?
                .get("Arn")
                .and_then(Value::as_str)
                .map(str::to_owned)
        } else {
            None
        };
        let line = RowLine {
            revision: Some(row.revision),
            at: None,
            change: None,
            kind,
            name: row.name,
            row: Some(RowFacts {
                arn: own.unwrap_or_else(|| self.place.sagemaker(kind, row.name)),
                parent: row.parent,
                status: row.status,
                created: row.created.as_secs_f64(),
                modified: row.modified.as_secs_f64(),
                body: None,
            }),
        };
        serde_json::to_writer(&mut self.text, &line)?;
        if self.bodies {
            self.text.pop();
            self.text.extend_from_slice(b",\"body\":");
            self.text.extend_from_slice(row.body.as_bytes());
            self.text.push(b'}');
        }
        self.text.push(b'\n');
        Ok(())
    }

    /// A row that an event tells of, as it is now.
    fn row(&mut self, row: &Row, event: &Event) -> Result<(), StoreError> {
        let arn = match row.body.get("Arn").and_then(Value::as_str) {
            Some(arn) => arn.to_owned(),
            None => self.place.sagemaker(&row.kind, &row.name),
        };
        let facts = RowFacts {
            arn,
            parent: &row.parent,
            status: &row.status,
            created: row.created.as_secs_f64(),
            modified: row.modified.as_secs_f64(),
            body: self.bodies.then_some(&row.body),
        };
        self.put(&RowLine { name: &row.name, ..RowLine::of(event, Some(facts)) })
    }

    fn put(&mut self, value: &impl Serialize) -> Result<(), StoreError> {
        serde_json::to_writer(&mut self.text, value)?;
        self.text.push(b'\n');
        Ok(())
    }
}

impl<'a> RowLine<'a> {
    fn of(event: &'a Event, row: Option<RowFacts<'a>>) -> Self {
        // A row that is gone already was changed before it went; watchers need not know.
        let change = if row.is_some() { event.change } else { Changed::Deleted };
        Self {
            revision: Some(event.revision),
            at: Some(event.at.as_secs_f64()),
            change: Some(change),
            kind: &event.kind,
            name: &event.name,
            row,
        }
    }
}
