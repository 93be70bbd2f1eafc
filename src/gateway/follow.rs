//! `GET /_sagebrush/logs?group=G`: a log group's lines as they are written.
//!
//! ```text
//! {"stream":"blue/i-1","position":17,"timestamp":1767225600123,"message":"…"}
//! {"heartbeat":true}
//! {"missed":3}                        batches that were written faster than this client read them
//! ```
//!
//! `stream=S` wants one stream, `prefix=P` those that begin so, `filter=T` only messages that hold
//! every word of T. `tail=N` begins with up to N lines that are there already, streams one after the
//! other. Timestamps are epoch milliseconds. A client that reads too slowly misses batches and is
//! told how many; they lie in the group, where FilterLogEvents finds them.

use super::gauges::Gauges;
use super::internal::{Query, Tap, line};
use crate::api::error::AwsError;
use crate::store::logs::{Batch, Filter};
use bytes::{BufMut, Bytes, BytesMut};
use futures::Stream;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Most lines of `tail`.
const TAIL_MOST: u64 = 10_000;

struct Follower {
    tap: Tap,
    batches: Receiver<Arc<Batch>>,
    wanted: Wanted,
    /// How many lines of the past are wanted; taken once.
    tail: usize,
    /// What the past has told already: the next position, by stream.
    told: HashMap<String, u64>,
}

#[derive(Clone)]
struct Wanted {
    group: String,
    stream: Option<String>,
    prefix: String,
    words: Vec<String>,
}

impl Wanted {
    fn stream(&self, name: &str) -> bool {
        self.stream.as_deref().is_none_or(|wanted| wanted == name) && name.starts_with(&self.prefix)
    }

    fn message(&self, text: &str) -> bool {
        self.words.iter().all(|word| text.contains(word.as_str()))
    }
}

pub(super) fn stream(
    tap: Tap,
    query: &Query<'_>,
) -> Result<impl Stream<Item = Bytes> + Send + 'static, AwsError> {
    let Some(group) = query.get("group") else {
        return Err(AwsError::validation("Name a log group: logs?group=/aws/sagemaker/…"));
    };
    let filter = query.get("filter").unwrap_or_default();
    let wanted = Wanted {
        group,
        stream: query.get("stream"),
        prefix: query.get("prefix").unwrap_or_default(),
        words: filter.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect(),
    };
    let tail = query.number("tail")?.unwrap_or(0).min(TAIL_MOST) as usize;
    // Subscribed before the past is read, so that no line falls between.
    let batches = tap.region.store().logs().subscribe();
    let follower = Follower { tap, batches, wanted, tail, told: HashMap::new() };
    Ok(futures::stream::unfold(follower, |mut follower| async move {
        let chunk = follower.next().await?;
        Some((chunk, follower))
    }))
}

impl Follower {
    async fn next(&mut self) -> Option<Bytes> {
        let tail = std::mem::take(&mut self.tail);
        if tail > 0 {
            let past = self.past(tail).await;
            if !past.is_empty() {
                return Some(past);
            }
        }
        loop {
            let batch = tokio::select! {
                batch = self.batches.recv() => batch,
                () = tokio::time::sleep(self.tap.limits.heartbeat) => {
                    return Some(line(&json!({ "heartbeat": true })));
                }
                _ = self.tap.closing.wait_for(|closing| *closing) => return None,
            };
            match batch {
                Ok(batch) => {
                    let lines = self.lines(&batch);
                    if !lines.is_empty() {
                        return Some(lines);
                    }
                }
                Err(RecvError::Lagged(missed)) => {
                    Gauges::count(&self.tap.gauges.batches_missed, missed);
                    return Some(line(&json!({ "missed": missed })));
                }
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn lines(&self, batch: &Batch) -> Bytes {
        let mut text = BytesMut::new();
        if batch.group != self.wanted.group || !self.wanted.stream(&batch.stream) {
            return text.freeze();
        }
        let told = self.told.get(&batch.stream).copied().unwrap_or(0);
        for (position, event) in (batch.position..).zip(&batch.events) {
            if position >= told && self.wanted.message(&event.message) {
                let at = event.timestamp.as_millis();
                text.put(line(&event_line(&batch.stream, position, at, &event.message)));
            }
        }
        text.freeze()
    }

    /// The newest lines that are there, oldest first.
    async fn past(&mut self, tail: usize) -> Bytes {
        let (logs, wanted) = (self.tap.region.store().logs(), self.wanted.clone());
        let read = move || {
            let streams = wanted.stream.clone().map(|stream| vec![stream]);
            let prefix = wanted.prefix.clone();
            let mut filter = Filter { streams, prefix, ..Filter::default() };
            let mut newest = VecDeque::new();
            let mut told = HashMap::new();
            loop {
                // Every message is looked at, so that it is known how far the past reaches.
                let Ok(page) = logs.filter(&wanted.group, &filter, |_| true) else { break };
                for found in page.events {
                    // Pages go by time; a stream's last position may come before others of it.
                    let next: &mut u64 = told.entry(found.stream.clone()).or_default();
                    *next = (*next).max(found.record.position + 1);
                    if wanted.message(&found.record.message) {
                        newest.push_back(found);
                        if newest.len() > tail {
                            newest.pop_front();
                        }
                    }
                }
                match page.next {
                    Some(next) => filter.after = Some(next),
                    None => break,
                }
            }
            (newest, told)
        };
        let Ok((newest, told)) = self.tap.main.spawn_blocking(read).await else {
            return Bytes::new();
        };
        self.told = told;
        let mut text = BytesMut::new();
        for found in newest {
            let record = found.record;
            let at = record.timestamp.as_millis();
            text.put(line(&event_line(&found.stream, record.position, at, &record.message)));
        }
        text.freeze()
    }
}

fn event_line(stream: &str, position: u64, timestamp: i64, message: &str) -> Value {
    json!({ "stream": stream, "position": position, "timestamp": timestamp, "message": message })
}
