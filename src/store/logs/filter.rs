//! Searching the streams of a group together, in the order of time.
//!
//! Each stream is walked block by block; a heap picks the stream whose next event is the oldest.
//! Within a stream events keep their order: one whose time lies before that of an earlier event
//! counts as of that earlier time.

use super::segment::Segment;
use super::stream::Stream;
use super::{LogError, Logs, Record};
use crate::domain::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// How many bytes one search reads before it answers with what it has.
const SEARCHED_MOST: u64 = 64 * 1024 * 1024;

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

/// What events are merged by: time, stream, position.
type Key = (i64, String, u64);

/// A walk through one stream.
struct Walk {
    name: String,
    stream: Arc<Stream>,
    segments: VecDeque<(Arc<Segment>, usize)>,
    file: Option<File>,
    records: VecDeque<(i64, Record)>,
    read: u64,
    /// Only blocks with events in this span of time are read.
    span: Range<i64>,
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
            let mut walk = Walk::new(self.stream(group, &name)?, name, begin, from..until);
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
            let Some((_, record)) = walk.records.pop_front() else { continue };
            let time = record.timestamp.as_millis();
            let is_new = after.as_ref().is_none_or(|after| key > *after);
            if is_new && (from..until).contains(&time) && matches(&record.message) {
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
    /// Begins with the first block that may hold an event at or after `begin`.
    fn new(stream: Arc<Stream>, name: String, begin: i64, span: Range<i64>) -> Self {
        let segments = stream.state().segments.clone();
        let skip = segments
            .partition_point(|segment| segment.reached().is_none_or(|reached| reached < begin));
        let mut segments: VecDeque<_> =
            segments.into_iter().skip(skip).map(|segment| (segment, 0)).collect();
        if let Some((segment, block)) = segments.front_mut() {
            *block = segment.blocks.partition_point(|block| block.before.max(block.max) < begin);
        }
        Self { name, stream, segments, file: None, records: VecDeque::new(), read: 0, span }
    }

    /// The key of the next event, its block loaded.
    fn peek(&mut self) -> io::Result<Option<Key>> {
        while self.records.is_empty() {
            let Some((segment, index)) = self.segments.front_mut() else { return Ok(None) };
            let Some(block) = segment.blocks.get(*index) else {
                self.segments.pop_front();
                self.file = None;
                continue;
            };
            if block.max < self.span.start || block.min >= self.span.end {
                *index += 1;
                continue;
            }
            let file = match &self.file {
                Some(file) => file,
                None => match self.stream.open(segment) {
                    Ok(file) => self.file.insert(file),
                    // It expired meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        self.segments.pop_front();
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            let mut reached = block.before;
            for record in segment.read(file, *index)? {
                reached = reached.max(record.timestamp.as_millis());
                self.read += record.message.len() as u64;
                self.records.push_back((reached, record));
            }
            *index += 1;
        }
        let front = self.records.front();
        Ok(front.map(|(time, record)| (*time, self.name.clone(), record.position)))
    }
}

fn token((time, stream, position): &Key) -> String {
    format!("{time}:{position}:{stream}")
}

fn parse(token: &str) -> Result<Key, LogError> {
    let mut parts = token.splitn(3, ':');
    let mut next = || parts.next().ok_or(LogError::BadToken);
    let time = next()?.parse().map_err(|_| LogError::BadToken)?;
    let position = next()?.parse().map_err(|_| LogError::BadToken)?;
    Ok((time, next()?.to_owned(), position))
}
