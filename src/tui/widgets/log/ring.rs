//! The lines a pane holds: the newest ones, bounded in number and in bytes, with what was dropped
//! counted. A line keeps its number as long as it lives, so that nothing moves under the reader when
//! older ones go.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// One line on its way into the pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds since the Unix epoch.
    pub at: i64,
    pub stream: String,
    /// As the container wrote it, escape sequences and all; one with line ends becomes several lines.
    pub message: String,
}

/// What a pane may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub lines: usize,
    /// Of messages; what a line costs beside its message is counted too.
    pub bytes: usize,
}

impl Limits {
    /// So many lines: few may be long, many have a bound that a pane may cost.
    pub fn lines(lines: usize) -> Self {
        const MOST: usize = 256 << 20;
        let usual = Self::default();
        let bytes = lines.saturating_mul(usual.bytes / usual.lines);
        Self { lines, bytes: bytes.clamp(usual.bytes, MOST) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { lines: 100_000, bytes: 64 << 20 }
    }
}

/// Bytes of one line that are kept; the rest is cut off and said so in the line.
const LONGEST: usize = 64 * 1024;
/// What a line costs beside its message.
const COST: usize = 64;
/// Names of streams are remembered up to this many, then those without lines are forgotten.
const STREAMS: usize = 4096;

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: String,
    /// Streams differ in colour in the order in which they were first seen.
    pub(super) colour: usize,
    /// Columns of the name.
    pub(super) width: usize,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) at: i64,
    pub(super) stream: Arc<Stream>,
    pub(super) message: Box<str>,
}

#[derive(Debug, Default)]
pub(super) struct Ring {
    limits: Limits,
    lines: VecDeque<Line>,
    /// The number of the first line.
    first: u64,
    bytes: usize,
    /// Lines that went for newer ones.
    dropped: u64,
    streams: HashMap<String, Arc<Stream>>,
    seen: usize,
    /// Columns of the longest name among them.
    widest: usize,
}

impl Ring {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(super) fn push(&mut self, entry: &Entry) {
        let stream = self.stream(&entry.stream);
        let message = entry.message.trim_end_matches(['\n', '\r']);
        for part in message.split('\n') {
            let part = part.strip_suffix('\r').unwrap_or(part);
            self.line(Line { at: entry.at, stream: Arc::clone(&stream), message: cut(part) });
        }
    }

    /// From now on no more than that; whether lines went.
    pub(super) fn limit(&mut self, limits: Limits) -> bool {
        let before = self.first;
        self.limits = limits;
        self.drop_oldest();
        self.first > before
    }

    fn line(&mut self, line: Line) {
        self.bytes += line.message.len() + COST;
        self.lines.push_back(line);
        self.drop_oldest();
    }

    fn drop_oldest(&mut self) {
        while self.lines.len() > self.limits.lines
            || (self.bytes > self.limits.bytes && self.lines.len() > 1)
        {
            let Some(gone) = self.lines.pop_front() else { break };
            self.bytes -= gone.message.len() + COST;
            self.first += 1;
            self.dropped += 1;
        }
    }

    fn stream(&mut self, name: &str) -> Arc<Stream> {
        if let Some(known) = self.streams.get(name) {
            return Arc::clone(known);
        }
        if self.streams.len() >= STREAMS {
            self.streams.retain(|_, stream| Arc::strong_count(stream) > 1);
            self.widest = self.streams.values().map(|stream| stream.width).max().unwrap_or(0);
        }
        let shown = crate::tui::text::clean(name).into_owned();
        let width = crate::tui::text::width(&shown);
        let stream = Arc::new(Stream { name: shown, colour: self.seen, width });
        self.seen += 1;
        self.widest = self.widest.max(width);
        self.streams.insert(name.to_owned(), Arc::clone(&stream));
        stream
    }

    pub(super) fn get(&self, number: u64) -> Option<&Line> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.lines.get(at)
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// One past the last line's number.
    pub(super) fn end(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Columns of the longest stream's name.
    pub(super) fn name_width(&self) -> usize {
        self.widest
    }

    pub(super) fn clear(&mut self) {
        self.first = self.end();
        self.lines.clear();
        self.bytes = 0;
    }
}

fn cut(message: &str) -> Box<str> {
    if message.len() <= LONGEST {
        return Box::from(message);
    }
    let end = (0..=LONGEST).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
    format!("{}… {} more bytes", &message[..end], message.len() - end).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: &str) -> Entry {
        Entry { at: 0, stream: "algo-1".to_owned(), message: message.to_owned() }
    }

    #[test]
    fn a_lower_limit_holds_at_once() {
        let mut ring = Ring::new(Limits::lines(100));
        (0..100).for_each(|at| ring.push(&entry(&at.to_string())));
        ring.limit(Limits::lines(10));
        assert_eq!((ring.first(), ring.len(), ring.dropped()), (90, 10, 90));
        assert_eq!(Limits::lines(100).bytes, Limits::default().bytes, "they may be long ones");
        assert_eq!(Limits::lines(1_000_000).bytes, 256 << 20);
    }

    #[test]
    fn old_lines_go_and_are_counted_while_numbers_stay() {
        let mut ring = Ring::new(Limits { lines: 3, bytes: 1 << 20 });
        for at in 0..5 {
            ring.push(&entry(&at.to_string()));
        }
        assert_eq!((ring.first(), ring.end(), ring.dropped()), (2, 5, 2));
        assert_eq!(&*ring.get(2).unwrap().message, "2");
        assert!(ring.get(1).is_none() && ring.get(5).is_none());
    }

    #[test]
    fn bytes_are_bounded_but_one_line_always_stays() {
        let mut ring = Ring::new(Limits { lines: 100, bytes: 1000 });
        for _ in 0..50 {
            ring.push(&entry(&"x".repeat(100)));
            assert!(ring.bytes() <= 1000);
        }
        ring.push(&entry(&"x".repeat(5000)));
        assert_eq!(ring.len(), 1);
        ring.clear();
        assert_eq!((ring.len(), ring.bytes(), ring.first()), (0, 0, 51));
    }

    #[test]
    fn a_message_of_several_lines_becomes_several() {
        let mut ring = Ring::default();
        ring.push(&entry("Traceback:\r\n  line 1\n\n"));
        let lines: Vec<&str> = (0..ring.end()).map(|at| &*ring.get(at).unwrap().message).collect();
        assert_eq!(lines, ["Traceback:", "  line 1"]);
    }

    #[test]
    fn a_line_beyond_all_measure_says_what_it_lost() {
        let mut ring = Ring::default();
        ring.push(&entry(&"é".repeat(LONGEST)));
        let message = &ring.get(0).unwrap().message;
        assert!(message.ends_with("… 65536 more bytes") && message.len() < LONGEST + 40);
    }

    #[test]
    fn streams_without_lines_are_forgotten() {
        let mut ring = Ring::new(Limits { lines: 10, bytes: 1 << 20 });
        for at in 0..STREAMS + 100 {
            ring.push(&Entry { at: 0, stream: format!("s{at}"), message: String::new() });
        }
        assert!(ring.streams.len() <= STREAMS);
    }
}
