//! Searching the streams of a group together, in the order of time.
//!
//! Each stream is walked page by page; a heap picks the stream whose next event is the oldest. Events
//! of one time come as they were ingested.

use super::order::{Order, Place, Wanted};
use super::stream::Stream;
use super::{LogError, Logs, Record};
use crate::domain::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::sync::Arc;

/// How many bytes one search reads before it answers with what it has.
const SEARCHED_MOST: u64 = 64 * 1024 * 1024;
/// How much of a stream a walk holds at a time.
const PAGE_EVENTS: usize = 1000;
const PAGE_BYTES: u64 = 64 * 1024;

/// Which events of a group to find. The default asks for the oldest 10,000 of all streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these streams; `None` means all that begin with `prefix`.
    pub streams: Option<Vec<String>>,
    pub prefix: String,
    /// Only events at or after this.
    pub from: Option<Timestamp>,
    /// Only events before this.
    pub until: Option<Timestamp>,
    /// [`Filtered::next`] of the page before.
    pub after: Option<String>,
    /// 0 means 10,000.
    pub limit: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub stream: String,
    pub record: Record,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filtered {
    pub events: Vec<Found>,
    /// Present when there may be more; the page may hold few events or none even so.
    pub next: Option<String>,
}

/// What events are merged by: time, time of ingestion, stream, position.
type Key = (i64, i64, String, u64);

/// A walk through one stream, in the order of time.
struct Walk {
    name: String,
    stream: Arc<Stream>,
    order: Order,
    /// The next page; `None` when there is none.
    wanted: Option<Wanted>,
    records: VecDeque<Record>,
    read: u64,
}

impl Logs {
    /// Finds events whose messages `matches` accepts.
    pub fn filter(
        &self,
        group: &str,
        filter: &Filter,
        matches: impl Fn(&str) -> bool,
    ) -> Result<Filtered, LogError> {
        let names = match &filter.streams {
            Some(names) => names.clone(),
            None => self.stream_names(group, &filter.prefix)?,
        };
        let after = filter.after.as_deref().map(parse).transpose()?;
        let from = filter.from.map_or(i64::MIN, Timestamp::as_millis);
        let until = filter.until.map_or(i64::MAX, Timestamp::as_millis);
        let limit = if filter.limit == 0 { 10_000 } else { filter.limit };
        let begin = after.as_ref().map_or(from, |(time, ..)| from.max(*time));
        let mut walks = Vec::with_capacity(names.len());
        let mut heap = BinaryHeap::new();
        for name in names {
            let mut walk = Walk::new(self.stream(group, &name)?, name, begin, until);
            if let Some(key) = walk.peek()? {
                heap.push(Reverse((key, walks.len())));
                walks.push(walk);
            }
        }
        let mut filtered = Filtered::default();
        let mut searched = after.clone();
        while let Some(Reverse((key, index))) = heap.pop() {
            let read: u64 = walks.iter().map(|walk| walk.read).sum();
            if filtered.events.len() == limit || read > SEARCHED_MOST {
                filtered.next = searched.as_ref().map(token);
                break;
            }
            let walk = &mut walks[index];
            let Some(record) = walk.records.pop_front() else { continue };
            let is_new = after.as_ref().is_none_or(|after| key > *after);
            if is_new && matches(&record.message) {
                filtered.events.push(Found { stream: walk.name.clone(), record });
            }
            if let Some(next) = walk.peek()? {
                heap.push(Reverse((next, index)));
            }
            if is_new {
                searched = Some(key);
            }
        }
        Ok(filtered)
    }
}

impl Walk {
    /// Begins with the first event at or after `begin`.
    fn new(stream: Arc<Stream>, name: String, begin: i64, until: i64) -> Self {
        let wanted = Wanted {
            start: Place { time: begin, position: 0 },
            backwards: false,
            from: begin,
            until,
            events: PAGE_EVENTS,
            bytes: PAGE_BYTES,
        };
        let order = stream.order();
        Self { name, stream, order, wanted: Some(wanted), records: VecDeque::new(), read: 0 }
    }

    /// The key of the next event, its page loaded.
    fn peek(&mut self) -> io::Result<Option<Key>> {
        if self.records.is_empty()
            && let Some(wanted) = self.wanted.take()
        {
            self.records = self.stream.page(&self.order, &wanted)?.into();
            self.read += self.records.iter().map(|one| one.message.len() as u64).sum::<u64>();
            let next = self.records.back().map(|last| Place::of(last).next());
            self.wanted = next.map(|start| Wanted { start, ..wanted });
        }
        let front = self.records.front();
        Ok(front.map(|record| {
            let times = (record.timestamp.as_millis(), record.ingested.as_millis());
            (times.0, times.1, self.name.clone(), record.position)
        }))
    }
}

fn token((time, ingested, stream, position): &Key) -> String {
    format!("{time}:{ingested}:{position}:{stream}")
}

fn parse(token: &str) -> Result<Key, LogError> {
    let mut parts = token.splitn(4, ':');
    let mut next = || parts.next().ok_or(LogError::BadToken);
    let time = next()?.parse().map_err(|_| LogError::BadToken)?;
    let ingested = next()?.parse().map_err(|_| LogError::BadToken)?;
    let position = next()?.parse().map_err(|_| LogError::BadToken)?;
    Ok((time, ingested, next()?.to_owned(), position))
}
