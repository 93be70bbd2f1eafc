//! Reading a stream in the order of event time.
//!
//! Files hold events as they came in, and an event may be older than those before it. Readers get them
//! by time, those of one time as they came in, as CloudWatch answers them. A page is chosen by looking
//! at those blocks alone that may hold one of its events, and never holds more than the page in memory,
//! however the times are mixed.

use super::Record;
use super::segment::{Block, Segment};
use super::stream::EVENT_OVERHEAD;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Where an event is in the order of its stream: by time in epoch milliseconds, then as it came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub time: i64,
    pub position: u64,
}

impl Place {
    pub const FIRST: Self = Self { time: i64::MIN, position: 0 };
    pub const END: Self = Self { time: i64::MAX, position: u64::MAX };

    pub fn of(record: &Record) -> Self {
        Self { time: record.timestamp.as_millis(), position: record.position }
    }

    /// Right behind it: no event lies between.
    #[must_use]
    pub fn next(self) -> Self {
        Self { position: self.position.saturating_add(1), ..self }
    }
}

/// One page that a reader wants.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Wanted {
    /// Forwards: the first event is here or later. Backwards: the last is before this.
    pub start: Place,
    pub backwards: bool,
    /// Epoch milliseconds: at or after this.
    pub from: i64,
    /// Before this.
    pub until: i64,
    pub events: usize,
    /// As CloudWatch counts them. The first event always fits, so that a reader gets on.
    pub bytes: u64,
}

/// A stream's blocks, with what lets a reader pass over most of them.
pub(in crate::store) struct Order {
    segments: Vec<Arc<Segment>>,
    /// Segment and block, as they were written.
    blocks: Vec<(usize, usize)>,
    /// The greatest time up to and with a block.
    reached: Vec<i64>,
    /// The least time from a block on.
    ahead: Vec<i64>,
}

impl Order {
    pub fn of(segments: Vec<Arc<Segment>>) -> Self {
        let mut blocks = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            blocks.extend((0..segment.blocks.len()).map(|block| (index, block)));
        }
        let block = |(segment, block): &(usize, usize)| segments[*segment].blocks[*block];
        let mut most = i64::MIN;
        let reached = blocks.iter().map(|one| {
            most = most.max(block(one).max);
            most
        });
        let reached = reached.collect();
        let mut least = i64::MAX;
        let mut ahead: Vec<i64> = blocks
            .iter()
            .rev()
            .map(|one| {
                least = least.min(block(one).min);
                least
            })
            .collect();
        ahead.reverse();
        Self { segments, blocks, reached, ahead }
    }

    pub fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// Behind all events.
    pub fn end(&self) -> Place {
        match (self.reached.last(), self.segments.last()) {
            (Some(time), Some(segment)) => Place { time: *time, position: segment.end() },
            _ => Place::FIRST,
        }
    }

    fn block(&self, index: usize) -> (usize, usize, Block) {
        let (segment, block) = self.blocks[index];
        (segment, block, self.segments[segment].blocks[block])
    }

    /// The events of a page in their order. `load` reads a segment's block.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn page(
        &self,
        wanted: &Wanted,
        mut load: impl FnMut(usize, usize) -> io::Result<Vec<Record>>,
    ) -> io::Result<Vec<Record>> {
        let mut page = Page::new(*wanted);
        let indices: Box<dyn Iterator<Item = usize>> = if wanted.backwards {
            let last = wanted.until.saturating_sub(1).min(wanted.start.time);
            Box::new((0..self.ahead.partition_point(|least| *least <= last)).rev())
        } else {
            let first = wanted.from.max(wanted.start.time);
            Box::new(self.reached.partition_point(|most| *most < first)..self.blocks.len())
        };
        for index in indices {
            // Nothing that lies further in this direction can be on the page any more.
            let over = match wanted.backwards {
                true => self.reached[index] < page.edge.time,
                false => self.ahead[index] > page.edge.time,
            };
            if over {
                break;
            }
            let (segment, block, about) = self.block(index);
            if page.may_want(&about) {
                load(segment, block)?.into_iter().for_each(|record| page.offer(record));
            }
        }
        Ok(page.chosen.into_values().collect())
    }
}

/// The best candidates so far.
struct Page {
    wanted: Wanted,
    chosen: BTreeMap<Place, Record>,
    bytes: u64,
    /// The nearest event that found no room: nothing from there on is on the page.
    edge: Place,
}

impl Page {
    fn new(wanted: Wanted) -> Self {
        let edge = if wanted.backwards { Place::FIRST } else { Place::END };
        Self { wanted, chosen: BTreeMap::new(), bytes: 0, edge }
    }

    fn may_want(&self, block: &Block) -> bool {
        let Wanted { start, backwards, from, until, .. } = self.wanted;
        let in_span = block.max >= from && block.min < until;
        in_span
            && match backwards {
                true => block.min <= start.time && block.max >= self.edge.time,
                false => block.max >= start.time && block.min <= self.edge.time,
            }
    }

    fn offer(&mut self, record: Record) {
        let place = Place::of(&record);
        let Wanted { start, backwards, from, until, .. } = self.wanted;
        let ahead = if backwards { place < start } else { place >= start };
        let near = if backwards { place > self.edge } else { place < self.edge };
        if !(from..until).contains(&place.time) || !ahead || !near {
            return;
        }
        self.bytes += size(&record);
        self.chosen.insert(place, record);
        while self.chosen.len() > self.wanted.events
            || (self.bytes > self.wanted.bytes && self.chosen.len() > 1)
        {
            let far = if backwards { self.chosen.pop_first() } else { self.chosen.pop_last() };
            let Some((place, record)) = far else { return };
            self.bytes -= size(&record);
            self.edge = place;
        }
    }
}

fn size(record: &Record) -> u64 {
    record.message.len() as u64 + EVENT_OVERHEAD
}
