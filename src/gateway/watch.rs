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
//! Changes are written in batches: the first at once, further ones at most every 50 ms. Nothing is
//! queued for a watcher: each takes the pages of [`Feed`], which are rendered once for all, at its own
//! pace, so a slow one costs no memory and falls back to a resync when it is too far behind.
//! The pages of a snapshot are read one after the other; what changes meanwhile comes again as a
//! delta, because deltas begin at the revision at which the first page was read.

use super::gauges::Gauges;
use super::internal::{Query, Tap, line};
use super::lines::{Next, Rows};
use crate::api::error::AwsError;
use crate::store::StoreError;
use bytes::Bytes;
use futures::Stream;
use serde_json::json;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

#[cfg(doc)]
use super::feed::Feed;

/// How long changes are gathered after some have been written.
const BATCH: Duration = Duration::from_millis(50);

struct Watcher {
    tap: Tap,
    bodies: bool,
    /// The region's newest revision.
    newest: Receiver<u64>,
    step: Step,
    /// When changes may be written again.
    free: Instant,
}

/// Where a watcher stands.
enum Step {
    /// A snapshot is to begin.
    Begin,
    Rows(Rows),
    /// Changes after the revision are to be written.
    Changes(u64),
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
    // Taken before anything is read, so that no change falls between.
    let newest = tap.region.store().revisions();
    let step = since.map_or(Step::Begin, Step::Changes);
    let bodies = query.flag("bodies");
    let watcher = Watcher { bodies, newest, step, free: Instant::now(), tap };
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
                Step::Wait(since) => match self.wait(since).await {
                    Woken::Change => (Bytes::new(), Step::Changes(since)),
                    Woken::Silence => (line(&json!({ "heartbeat": since })), Step::Wait(since)),
                    Woken::Closing => return None,
                },
                step => self.read(step).await.unwrap_or_else(|fault| {
                    let closed = matches!(fault, StoreError::Closed);
                    let said = line(&json!({ "error": fault.to_string() }));
                    (if closed { Bytes::new() } else { said }, Step::End)
                }),
            };
            self.step = next;
            if !chunk.is_empty() {
                return Some(chunk);
            }
        }
    }

    async fn wait(&mut self, since: u64) -> Woken {
        let free = self.free;
        let change = async {
            tokio::time::sleep_until(free).await;
            self.newest.wait_for(|newest| *newest > since).await.is_ok()
        };
        tokio::select! {
            changed = change => if changed { Woken::Change } else { Woken::Closing },
            () = tokio::time::sleep(self.tap.limits.heartbeat) => Woken::Silence,
            _ = self.tap.closing.wait_for(|closing| *closing) => Woken::Closing,
        }
    }

    async fn read(&mut self, step: Step) -> Result<(Bytes, Step), StoreError> {
        let feed = &self.tap.feed;
        Ok(match step {
            Step::Changes(since) => match feed.after(since, self.bodies).await? {
                None => (Bytes::new(), Step::Wait(since)),
                Some(handed) if handed.resync => {
                    Gauges::count(&self.tap.gauges.resyncs, 1);
                    (handed.text, Step::Begin)
                }
                Some(handed) => {
                    self.free = Instant::now() + BATCH;
                    (handed.text, Step::Wait(handed.to))
                }
            },
            step => {
                let page = feed.read(self.bodies, move |lines, store| {
                    let next = store.read(|snapshot| match step {
                        Step::Rows(rows) => lines.rows(snapshot, rows),
                        _ => lines.begin(snapshot),
                    })?;
                    Ok((Bytes::from(std::mem::take(&mut lines.text)), next))
                });
                let (text, next) = page.await?;
                let next = match next {
                    Next::Rows(rows) => Step::Rows(rows),
                    Next::Changes(revision) => Step::Changes(revision),
                };
                (text, next)
            }
        })
    }
}
