//! Streams in use: appending to them, reading them, finding them again after a restart.

use super::order::{Order, Place, Wanted};
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
pub(super) const EVENT_OVERHEAD: u64 = 26;

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
    /// With the event at a place or the next after it, forwards.
    At(Place),
    /// With the event before a place, backwards.
    Before(Place),
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

/// Events of a stream in the order of their times, those of one time as they came in, and where to go on from either end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    pub events: Vec<Record>,
    /// For [`Start::At`]; the same place again when there was nothing newer.
    pub forward: Place,
    /// For [`Start::Before`].
    pub backward: Place,
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

    /// The blocks as they are now, for reading in the order of time.
    pub fn order(&self) -> Order {
        Order::of(self.state().segments.clone())
    }

    /// The events of one page, in the order of time.
    pub fn page(&self, order: &Order, wanted: &Wanted) -> io::Result<Vec<Record>> {
        let mut files = HashMap::new();
        order.page(wanted, |segment, block| {
            self.load_block(&mut files, order.segments(), segment, block)
        })
    }

    fn read(&self, read: &Read) -> io::Result<Slice> {
        let order = self.order();
        let (start, backwards) = match read.start {
            Start::Head => (Place::FIRST, false),
            Start::Tail => (Place::END, true),
            Start::At(place) => (place, false),
            Start::Before(place) => (place, true),
        };
        let events = self.page(
            &order,
            &Wanted {
                start,
                backwards,
                from: read.from.map_or(i64::MIN, Timestamp::as_millis),
                until: read.until.map_or(i64::MAX, Timestamp::as_millis),
                events: if read.limit == 0 { 10_000 } else { read.limit },
                bytes: if read.bytes == 0 { 1024 * 1024 } else { read.bytes },
            },
        )?;
        let ends = events.first().zip(events.last());
        let (backward, forward) = match ends {
            Some((oldest, newest)) => (Place::of(oldest), Place::of(newest).next()),
            // Nothing more this way: here it goes on when something comes.
            None => {
                let here = start.min(order.end());
                (here, here)
            }
        };
        Ok(Slice { events, forward, backward })
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
