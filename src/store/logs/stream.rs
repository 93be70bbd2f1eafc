//! Streams in use: appending to them, reading them, finding them again after a restart.

use super::segment::{Segment, encode};
use super::{Batch, FOLLOWED, LogError, LogEvent, Logs, Record};
use crate::domain::time::Timestamp;
use crate::store::Durability;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// A segment is closed when it has this many bytes.
const SEGMENT: u64 = 8 * 1024 * 1024;
/// The oldest segments of a stream go when it has more than this.
const STREAM_MOST: u64 = 1024 * 1024 * 1024;
/// How many streams stay open at a time, beside those somebody holds.
const OPEN_MOST: usize = 256;
/// What CloudWatch counts for an event besides its message.
const EVENT_OVERHEAD: u64 = 26;

/// The streams in use, and who follows them.
pub(in crate::store) struct Open {
    pub(super) root: PathBuf,
    durability: Durability,
    pub(super) followers: broadcast::Sender<Arc<Batch>>,
    streams: Mutex<HashMap<String, HashMap<String, Arc<Stream>>>>,
    /// Held while a stream's files are taken in use: two threads would cut each other's tails.
    loading: Mutex<()>,
}

/// One stream and its files.
pub(in crate::store) struct Stream {
    pub id: i64,
    group: String,
    name: String,
    dir: PathBuf,
    durability: Durability,
    /// The stream was deleted; nothing more is appended.
    gone: AtomicBool,
    state: Mutex<State>,
}

/// What a stream's files hold.
#[derive(Default)]
pub(in crate::store) struct State {
    /// Oldest first. All but the last are closed.
    pub segments: Vec<Arc<Segment>>,
    /// The last segment's file, while something is being appended.
    pub file: Option<File>,
    /// Position of the next event.
    next: u64,
    /// The row says less than this.
    pub dirty: bool,
    /// The row knows that its figures may lag.
    pub marked: bool,
    pub figures: Figures,
}

/// What the row of a stream says of its events. Times are -1 while there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Figures {
    pub first: i64,
    pub last: i64,
    pub ingested: i64,
    pub bytes: u64,
}

impl Default for Figures {
    fn default() -> Self {
        Self { first: -1, last: -1, ingested: -1, bytes: 0 }
    }
}

/// Appends to one stream without looking it up each time. Clones share the stream.
#[derive(Clone)]
pub struct LogWriter {
    stream: Arc<Stream>,
    logs: Logs,
}

/// Where reading a stream begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the oldest event, forwards.
    Head,
    /// With the newest event, backwards.
    #[default]
    Tail,
    /// With the event at a position, forwards.
    At(u64),
    /// With the event before a position, backwards.
    Before(u64),
}

/// Which events of a stream to read. The default is the newest 10,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    pub start: Start,
    /// Only events at or after this.
    pub from: Option<Timestamp>,
    /// Only events before this.
    pub until: Option<Timestamp>,
    /// At most so many; 0 means 10,000.
    pub limit: usize,
    /// At most so many bytes, counted as CloudWatch counts them; 0 means 1 MiB.
    pub bytes: u64,
}

/// Events of a stream, oldest first, and where to go on from either end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    pub events: Vec<Record>,
    /// For [`Start::At`]; the same position again when there was nothing newer.
    pub forward: u64,
    /// For [`Start::Before`].
    pub backward: u64,
}

impl Open {
    pub fn new(root: PathBuf, durability: Durability) -> Self {
        let (followers, _) = broadcast::channel(FOLLOWED);
        Self { root, durability, followers, streams: Mutex::default(), loading: Mutex::default() }
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, Arc<Stream>>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn find(&self, group: &str, stream: &str) -> Option<Arc<Stream>> {
        self.streams().get(group)?.get(stream).cloned()
    }

    /// Every stream in use, of one group or of all.
    pub fn all(&self, group: Option<&str>) -> Vec<Arc<Stream>> {
        let streams = self.streams();
        let groups = streams.iter().filter(|(name, _)| group.is_none_or(|group| group == *name));
        groups.flat_map(|(_, streams)| streams.values().cloned()).collect()
    }

    fn insert(&self, stream: Arc<Stream>) -> Arc<Stream> {
        let mut streams = self.streams();
        let group = streams.entry(stream.group.clone()).or_default();
        group.insert(stream.name.clone(), Arc::clone(&stream));
        stream
    }

    fn is_crowded(&self) -> bool {
        self.streams().values().map(HashMap::len).sum::<usize>() > OPEN_MOST
    }

    /// Lets go of streams that nobody uses and whose rows are up to date.
    fn thin_out(&self) {
        let mut streams = self.streams();
        for group in streams.values_mut() {
            group.retain(|_, stream| {
                let state = stream.state();
                Arc::strong_count(stream) > 1 || state.marked || state.dirty
            });
        }
        streams.retain(|_, group| !group.is_empty());
    }

    /// Ends streams that were deleted: appending to them fails from now on.
    pub fn end(&self, group: Option<&str>, stream: Option<&str>) {
        let mut streams = self.streams();
        for (name, group_streams) in streams.iter_mut() {
            if group.is_none_or(|group| group == name) {
                group_streams.retain(|name, ended| {
                    let keep = stream.is_some_and(|stream| stream != name);
                    if !keep {
                        ended.gone.store(true, Ordering::Release);
                    }
                    keep
                });
            }
        }
    }
}

impl Stream {
    /// Reads what the stream's files hold; cuts a torn tail.
    pub fn load(open: &Open, id: i64, group: &str, name: &str) -> io::Result<Self> {
        let dir = open.root.join(format!("{id:016x}"));
        let mut firsts = Vec::new();
        match fs::read_dir(&dir) {
            Ok(files) => {
                for file in files {
                    let name = file?.file_name();
                    let first = name.to_str().and_then(|name| name.strip_suffix(".log"));
                    firsts.extend(first.and_then(|first| u64::from_str_radix(first, 16).ok()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        firsts.sort_unstable();
        let mut state = State::default();
        for first in firsts {
            let before = state.segments.last().and_then(|segment| segment.reached());
            let segment = Segment::load(&dir, first, before.unwrap_or(-1))?;
            state.next = segment.end();
            state.segments.push(Arc::new(segment));
        }
        Ok(Self {
            id,
            group: group.to_owned(),
            name: name.to_owned(),
            dir,
            durability: open.durability,
            gone: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` while somebody appends.
    pub fn try_state(&self) -> Option<MutexGuard<'_, State>> {
        self.state.try_lock().ok()
    }

    pub fn open(&self, segment: &Segment) -> io::Result<File> {
        File::open(segment.path(&self.dir))
    }

    /// Counts the stream's events anew from its files, for a row that a crash left behind.
    pub fn recount(&self) -> io::Result<Figures> {
        let segments = self.state().segments.clone();
        let mut figures = Figures::default();
        for segment in segments {
            let file = self.open(&segment)?;
            for block in 0..segment.blocks.len() {
                for record in segment.read(&file, block)? {
                    figures.note(record.timestamp, record.ingested, &record.message);
                }
            }
        }
        Ok(figures)
    }

    /// `None` when the row has to be marked first.
    fn append(&self, events: &[LogEvent], now: Timestamp) -> Result<Option<u64>, LogError> {
        let mut state = self.state();
        if self.gone.load(Ordering::Acquire) {
            return Err(LogError::NoSuchStream(self.name.clone()));
        }
        if !state.marked {
            return Ok(None);
        }
        self.roll(&mut state)?;
        let position = state.next;
        let mut buffer = Vec::new();
        let lengths: Vec<u64> = events
            .iter()
            .map(|event| {
                let time = event.timestamp.as_millis();
                encode(&mut buffer, time, now.as_millis(), &event.message)
            })
            .collect();
        let State { segments, file, next, figures, dirty, .. } = &mut *state;
        let (Some(segment), Some(file)) = (segments.last_mut(), file) else {
            return Err(io::Error::other("a log segment was not opened").into());
        };
        if let Err(error) = self.write(file, &buffer) {
            // A half-written batch would be taken for a torn tail, and hide all that follows.
            file.set_len(segment.length)?;
            return Err(error.into());
        }
        let mut before = segment.reached().unwrap_or(figures.last);
        let segment = Arc::make_mut(segment);
        for (event, length) in events.iter().zip(lengths) {
            let time = event.timestamp.as_millis();
            segment.note(time, length, before);
            before = before.max(time);
            figures.note(event.timestamp, now, &event.message);
            *next += 1;
        }
        *dirty = true;
        Ok(Some(position))
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)?;
        if self.durability == Durability::Full {
            file.sync_data()?;
        }
        Ok(())
    }

    /// Has an open segment with room at the end.
    fn roll(&self, state: &mut State) -> io::Result<()> {
        let full = state.segments.last().is_none_or(|segment| segment.length >= SEGMENT);
        if full {
            if let Some(segment) = state.segments.last() {
                segment.seal(&self.dir)?;
            } else {
                match DirBuilder::new().mode(0o700).create(&self.dir) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
            state.segments.push(Arc::new(Segment::new(state.next)));
            state.file = None;
            let bytes: u64 = state.segments.iter().map(|segment| segment.length).sum();
            if bytes > STREAM_MOST {
                tracing::warn!("log stream {} is full; its oldest events go", self.name);
                state.segments.remove(0).remove(&self.dir)?;
            }
        }
        if state.file.is_none()
            && let Some(segment) = state.segments.last()
        {
            state.file = Some(segment.append_to(&self.dir)?);
        }
        Ok(())
    }

    /// Removes closed segments whose events are all older than `cutoff`.
    pub fn expire(&self, cutoff: Timestamp) -> io::Result<()> {
        let mut state = self.state();
        while state.segments.len() > 1
            && state.segments[0].reached().is_none_or(|reached| reached < cutoff.as_millis())
        {
            state.segments.remove(0).remove(&self.dir)?;
            state.dirty = true;
        }
        Ok(())
    }

    /// The records of a block; none when its segment expired meanwhile.
    fn load_block(
        &self,
        files: &mut HashMap<usize, File>,
        segments: &[Arc<Segment>],
        segment: usize,
        block: usize,
    ) -> io::Result<Vec<Record>> {
        let file = match files.entry(segment) {
            Entry::Occupied(file) => file.into_mut(),
            Entry::Vacant(place) => match self.open(&segments[segment]) {
                Ok(file) => place.insert(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(error),
            },
        };
        segments[segment].read(file, block)
    }

    fn read(&self, read: &Read) -> io::Result<Slice> {
        let (segments, next) = {
            let state = self.state();
            (state.segments.clone(), state.next)
        };
        let oldest = segments.first().map_or(next, |segment| segment.first);
        let (start, backwards) = match read.start {
            Start::Head => (oldest, false),
            Start::Tail => (next, true),
            Start::At(position) => (position.clamp(oldest, next), false),
            Start::Before(position) => (position.clamp(oldest, next), true),
        };
        let mut slice = Slice { events: Vec::new(), forward: start, backward: start };
        let mut room = Room::new(read);
        let mut blocks: Vec<(usize, usize)> = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            blocks.extend((0..segment.blocks.len()).map(|block| (index, block)));
        }
        let first = |(segment, block): &(usize, usize)| segments[*segment].blocks[*block].first;
        let mut files = HashMap::new();
        let mut load = |(segment, block): (usize, usize)| -> io::Result<Vec<Record>> {
            self.load_block(&mut files, &segments, segment, block)
        };
        // The block that holds the first event to look at, in the direction of reading.
        let split = blocks.partition_point(|block| first(block) < start + u64::from(!backwards));
        if backwards {
            'back: for block in blocks[..split].iter().rev() {
                if !room.may_hold(&segments[block.0].blocks[block.1]) {
                    continue;
                }
                for record in load(*block)?.into_iter().rev() {
                    if record.position < start && room.wants(&record) {
                        if !room.take(&record) {
                            break 'back;
                        }
                        slice.events.push(record);
                    }
                }
            }
            slice.events.reverse();
        } else {
            'on: for block in &blocks[split.saturating_sub(1)..] {
                if !room.may_hold(&segments[block.0].blocks[block.1]) {
                    continue;
                }
                for record in load(*block)? {
                    if record.position >= start && room.wants(&record) {
                        if !room.take(&record) {
                            break 'on;
                        }
                        slice.events.push(record);
                    }
                }
            }
        }
        if let (Some(oldest), Some(newest)) = (slice.events.first(), slice.events.last()) {
            slice.backward = oldest.position;
            slice.forward = newest.position + 1;
        }
        Ok(slice)
    }
}

/// What a reader still wants.
struct Room {
    from: i64,
    until: i64,
    events: usize,
    bytes: u64,
    empty: bool,
}

impl Room {
    fn new(read: &Read) -> Self {
        Self {
            from: read.from.map_or(i64::MIN, Timestamp::as_millis),
            until: read.until.map_or(i64::MAX, Timestamp::as_millis),
            events: if read.limit == 0 { 10_000 } else { read.limit },
            bytes: if read.bytes == 0 { 1024 * 1024 } else { read.bytes },
            empty: true,
        }
    }

    fn may_hold(&self, block: &super::segment::Block) -> bool {
        block.max >= self.from && block.min < self.until
    }

    fn wants(&self, record: &Record) -> bool {
        (self.from..self.until).contains(&record.timestamp.as_millis())
    }

    /// Whether the record fits; the first always does, so that a reader gets on.
    fn take(&mut self, record: &Record) -> bool {
        let bytes = record.message.len() as u64 + EVENT_OVERHEAD;
        if self.events == 0 || (self.bytes < bytes && !self.empty) {
            return false;
        }
        self.events -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.empty = false;
        true
    }
}

impl Figures {
    fn note(&mut self, timestamp: Timestamp, ingested: Timestamp, message: &str) {
        let time = timestamp.as_millis();
        self.first = if self.first < 0 { time } else { self.first.min(time) };
        self.last = self.last.max(time);
        self.ingested = self.ingested.max(ingested.as_millis());
        self.bytes += message.len() as u64 + EVENT_OVERHEAD;
    }
}

impl LogWriter {
    /// Appends events in their order and returns the position of the first. Returns when they are
    /// written, however slow the disk.
    pub fn append(&self, events: &[LogEvent]) -> Result<u64, LogError> {
        if events.is_empty() {
            return Ok(self.stream.state().next);
        }
        let position = loop {
            match self.stream.append(events, self.logs.clock.now())? {
                Some(position) => break position,
                None => self.logs.mark(&self.stream)?,
            }
        };
        let followers = &self.logs.open.followers;
        if followers.receiver_count() > 0 {
            let batch = Batch {
                group: self.stream.group.clone(),
                stream: self.stream.name.clone(),
                position,
                events: events.to_vec(),
            };
            let _ = followers.send(Arc::new(batch));
        }
        Ok(position)
    }
}

impl Logs {
    /// A writer of a stream that exists.
    pub fn writer(&self, group: &str, stream: &str) -> Result<LogWriter, LogError> {
        Ok(LogWriter { stream: self.stream(group, stream)?, logs: self.clone() })
    }

    /// Appends to a stream that exists; see [`LogWriter::append`].
    pub fn append(&self, group: &str, stream: &str, events: &[LogEvent]) -> Result<u64, LogError> {
        self.writer(group, stream)?.append(events)
    }

    pub fn read(&self, group: &str, stream: &str, read: &Read) -> Result<Slice, LogError> {
        Ok(self.stream(group, stream)?.read(read)?)
    }

    /// A stream in use, or taken in use now.
    pub(super) fn stream(&self, group: &str, name: &str) -> Result<Arc<Stream>, LogError> {
        if let Some(stream) = self.open.find(group, name) {
            return Ok(stream);
        }
        if self.open.is_crowded() {
            self.flush(None)?;
            self.open.thin_out();
        }
        self.load(group, name)
    }

    /// A stream in use, or its files read now.
    pub(super) fn load(&self, group: &str, name: &str) -> Result<Arc<Stream>, LogError> {
        let _loading = self.open.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = self.open.find(group, name) {
            return Ok(stream);
        }
        let row = self.find(group, name)?;
        let stream = Stream::load(&self.open, row.id, group, name)?;
        // Before anyone can append: the figures of a row that lags are counted from the files.
        let figures = if row.open { stream.recount()? } else { row.figures };
        {
            let mut state = stream.state();
            state.figures = figures;
            state.marked = row.open;
            state.dirty = figures != row.figures;
        }
        Ok(self.open.insert(Arc::new(stream)))
    }
}
