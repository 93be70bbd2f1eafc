//! Where one request ends and the next begins, decided strictly and before anything else sees the
//! bytes.
//!
//! Two programs that read the same bytes and disagree about framing let a request be smuggled past
//! one of them. hyper is lenient where it may be: it takes a bare LF for a line's end, prefers
//! Transfer-Encoding when Content-Length is there as well, and swallows a second equal
//! Content-Length. So every byte goes through this state machine first; what can be read in more
//! than one way never reaches hyper. It also knows what a connection is doing (resting, sending a
//! head, sending a body), which time limits hang on.

use std::fmt;

/// What a connection is sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: the next request has not begun.
    Between,
    Head,
    Body,
}

/// Why the bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    BareLineFeed,
    BareCarriageReturn,
    ControlCharacter,
    FoldedHeader,
    RequestLine,
    HeaderName,
    HeadTooLong,
    TooManyHeaders,
    LengthAndEncoding,
    SeveralLengths,
    Length,
    Encoding,
    EncodingInHttp10,
    Hosts,
    Chunk,
    /// Nothing is wrong with it but that there is no room for so large a head now.
    Crowded,
}

impl Fault {
    pub(super) fn status(self) -> u16 {
        match self {
            Self::HeadTooLong | Self::TooManyHeaders => 431,
            Self::Crowded => 503,
            _ => 400,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BareLineFeed => "a line ends in LF without CR",
            Self::BareCarriageReturn => "a CR stands without LF",
            Self::ControlCharacter => "the head holds a control character",
            Self::FoldedHeader => "a header is folded over several lines",
            Self::RequestLine => "the request line is not `METHOD TARGET HTTP/1.x`",
            Self::HeaderName => "a header's name is empty or holds a character that it may not",
            Self::HeadTooLong => "the request line and headers are too long",
            Self::TooManyHeaders => "there are too many headers",
            Self::LengthAndEncoding => {
                "it has both Content-Length and Transfer-Encoding, so where it ends is ambiguous"
            }
            Self::SeveralLengths => {
                "it has several Content-Length headers, so where it ends is ambiguous"
            }
            Self::Length => "its Content-Length is not a plain decimal number",
            Self::Encoding => "its Transfer-Encoding is not `chunked` alone",
            Self::EncodingInHttp10 => "HTTP/1.0 has no Transfer-Encoding",
            Self::Hosts => "it has no Host header, or several",
            Self::Chunk => "a chunk of its body is malformed",
            Self::Crowded => "there is no room for so large a head now",
        })
    }
}

/// Bytes refused: `good` of them belong to earlier requests and may still be handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) good: usize,
    pub(super) fault: Fault,
}

/// Longest chunk extension and longest trailer section, in bytes.
const CHUNK_LINE: u32 = 256;
const TRAILER_BYTES: u32 = 8 * 1024;
/// Empty lines that may precede a request, as HTTP/1.1 asks servers to allow.
const LEADING_LINES: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between { cr: bool, lines: u32 },
    Head(HeadScan),
    Body { left: u64 },
    ChunkSize { size: u64, digits: u32, length: u32, extension: bool, cr: bool },
    ChunkData { left: u64 },
    ChunkEnd { cr: bool },
    Trailers { length: u32, line: u32, cr: bool },
    Refused(Fault),
}

/// How far into a head the scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HeadScan {
    bytes: usize,
    lines: usize,
    /// Bytes of the line so far.
    line: usize,
    cr: bool,
}

/// Follows one connection's incoming bytes.
pub(super) struct Framer {
    state: State,
    head_bytes: usize,
    headers: usize,
    /// A head that came in several pieces.
    head: Vec<u8>,
    requests: u64,
}

const FRESH: State = State::Between { cr: false, lines: 0 };

impl Framer {
    pub(super) fn new(head_bytes: usize, headers: usize) -> Self {
        Self { state: FRESH, head_bytes, headers, head: Vec::new(), requests: 0 }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.state {
            State::Between { .. } => Phase::Between,
            State::Head(_) => Phase::Head,
            State::Refused(_)
            | State::Body { .. }
            | State::ChunkSize { .. }
            | State::ChunkData { .. }
            | State::ChunkEnd { .. }
            | State::Trailers { .. } => Phase::Body,
        }
    }

    /// Heads that were complete and sound.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// Takes the next bytes of the connection.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        // Where the head under way begins in `bytes`.
        let mut begun = 0;
        let mut at = 0;
        while at < bytes.len() {
            match self.step(bytes, &mut at, &mut begun) {
                Ok(()) => {}
                Err(fault) => {
                    // A malformed chunk belongs to a request that is already being answered: what
                    // precedes it may be handed on. A head is refused as a whole.
                    let good = if self.phase() == Phase::Body { at } else { begun };
                    self.state = State::Refused(fault);
                    return Err(Refused { good: good.min(bytes.len()), fault });
                }
            }
        }
        if let State::Head(_) = self.state {
            self.head.extend_from_slice(bytes.get(begun..).unwrap_or_default());
        }
        Ok(())
    }

    fn step(&mut self, bytes: &[u8], at: &mut usize, begun: &mut usize) -> Result<(), Fault> {
        let Some(&byte) = bytes.get(*at) else { return Ok(()) };
        match &mut self.state {
            State::Refused(fault) => return Err(*fault),
            State::Between { cr, lines } => {
                match (byte, *cr) {
                    (b'\r', false) => *cr = true,
                    (b'\n', true) if *lines < LEADING_LINES => {
                        self.state = State::Between { cr: false, lines: *lines + 1 };
                    }
                    (b'\n', true) => return Err(Fault::RequestLine),
                    (b'\n', false) => return Err(Fault::BareLineFeed),
                    (_, true) => return Err(Fault::BareCarriageReturn),
                    (_, false) => {
                        *begun = *at;
                        self.state = State::Head(HeadScan::default());
                        return Ok(());
                    }
                }
                *at += 1;
                *begun = *at;
            }
            State::Head(scan) => {
                let rest = bytes.get(*at..).unwrap_or_default();
                let (used, whole) = scan.run(rest, self.head_bytes, self.headers)?;
                *at += used;
                if whole {
                    self.finish_head(bytes.get(*begun..*at).unwrap_or_default())?;
                    *begun = *at;
                }
            }
            State::Body { left } => {
                let taken = (*left).min((bytes.len() - *at) as u64);
                *left -= taken;
                *at += taken as usize;
                if *left == 0 {
                    self.state = FRESH;
                }
                *begun = *at;
            }
            State::ChunkData { left } => {
                let taken = (*left).min((bytes.len() - *at) as u64);
                *left -= taken;
                *at += taken as usize;
                if *left == 0 {
                    self.state = State::ChunkEnd { cr: false };
                }
            }
            State::ChunkSize { .. } | State::ChunkEnd { .. } | State::Trailers { .. } => {
                self.state = chunk_step(self.state, byte)?;
                *at += 1;
                *begun = *at;
            }
        }
        Ok(())
    }

    fn finish_head(&mut self, last: &[u8]) -> Result<(), Fault> {
        let body = if self.head.is_empty() {
            judge(last)?
        } else {
            self.head.extend_from_slice(last);
            let body = judge(&self.head)?;
            self.head = Vec::new();
            body
        };
        self.requests += 1;
        self.state = match body {
            Body::Length(0) => FRESH,
            Body::Length(left) => State::Body { left },
            Body::Chunked => CHUNK,
        };
        Ok(())
    }
}

impl HeadScan {
    /// Scans on; returns how many bytes it took and whether the head is whole.
    fn run(
        &mut self,
        bytes: &[u8],
        head_bytes: usize,
        headers: usize,
    ) -> Result<(usize, bool), Fault> {
        for (index, &byte) in bytes.iter().enumerate() {
            self.bytes += 1;
            if self.bytes > head_bytes {
                return Err(Fault::HeadTooLong);
            }
            match byte {
                b'\n' if !self.cr => return Err(Fault::BareLineFeed),
                b'\n' => {
                    if self.line == 0 {
                        return Ok((index + 1, true));
                    }
                    self.cr = false;
                    self.line = 0;
                    self.lines += 1;
                    if self.lines > headers + 1 {
                        return Err(Fault::TooManyHeaders);
                    }
                }
                _ if self.cr => return Err(Fault::BareCarriageReturn),
                b'\r' => self.cr = true,
                b' ' | b'\t' if self.line == 0 && self.lines > 0 => {
                    return Err(Fault::FoldedHeader);
                }
                b'\t' => self.line += 1,
                0..=31 | 127 => return Err(Fault::ControlCharacter),
                _ => self.line += 1,
            }
        }
        Ok((bytes.len(), false))
    }
}

const CHUNK: State =
    State::ChunkSize { size: 0, digits: 0, length: 0, extension: false, cr: false };

/// One byte of a chunk's framing.
fn chunk_step(state: State, byte: u8) -> Result<State, Fault> {
    match state {
        State::ChunkSize { size, digits, length, extension, cr } => {
            let length = length + 1;
            if length > CHUNK_LINE {
                return Err(Fault::Chunk);
            }
            let next = State::ChunkSize { size, digits, length, extension, cr };
            match (byte, cr) {
                (b'\n', true) if digits == 0 => Err(Fault::Chunk),
                (b'\n', true) if size == 0 => Ok(State::Trailers { length: 0, line: 0, cr: false }),
                (b'\n', true) => Ok(State::ChunkData { left: size }),
                (_, true) | (b'\n', false) => Err(Fault::Chunk),
                (b'\r', false) => {
                    Ok(State::ChunkSize { size, digits, length, extension, cr: true })
                }
                (0..=31 | 127, false) => Err(Fault::Chunk),
                (_, false) if extension => Ok(next),
                (b';', false) if digits > 0 => {
                    Ok(State::ChunkSize { size, digits, length, extension: true, cr })
                }
                (_, false) => {
                    let digit = char::from(byte).to_digit(16).ok_or(Fault::Chunk)?;
                    if digits == 15 {
                        return Err(Fault::Chunk);
                    }
                    let size = size * 16 + u64::from(digit);
                    Ok(State::ChunkSize { size, digits: digits + 1, length, extension, cr })
                }
            }
        }
        State::ChunkEnd { cr } => match (byte, cr) {
            (b'\r', false) => Ok(State::ChunkEnd { cr: true }),
            (b'\n', true) => Ok(CHUNK),
            _ => Err(Fault::Chunk),
        },
        State::Trailers { length, line, cr } => {
            let length = length + 1;
            if length > TRAILER_BYTES {
                return Err(Fault::Chunk);
            }
            match (byte, cr) {
                (b'\n', true) if line == 0 => Ok(FRESH),
                (b'\n', true) => Ok(State::Trailers { length, line: 0, cr: false }),
                (_, true) | (b'\n', false) => Err(Fault::Chunk),
                (b'\r', false) => Ok(State::Trailers { length, line, cr: true }),
                (b' ' | b'\t', false) if line == 0 => Err(Fault::Chunk),
                (0..=8 | 10..=31 | 127, false) => Err(Fault::Chunk),
                (_, false) => Ok(State::Trailers { length, line: line + 1, cr: false }),
            }
        }
        other => Ok(other),
    }
}

enum Body {
    Length(u64),
    Chunked,
}

/// What a whole head says about its body.
fn judge(head: &[u8]) -> Result<Body, Fault> {
    let mut lines =
        head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let http10 = request_line(lines.next().unwrap_or_default())?;
    let (mut length, mut encoding, mut hosts) = (None, None, 0);
    for line in lines.take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Fault::HeaderName)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Fault::HeaderName);
        }
        let value = value.trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(plain_number(value).ok_or(Fault::Length)?).is_some() {
                return Err(Fault::SeveralLengths);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if encoding.replace(value).is_some() || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::Encoding);
            }
        } else if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
        }
    }
    match (length, encoding) {
        (Some(_), Some(_)) => Err(Fault::LengthAndEncoding),
        (_, Some(_)) if http10 => Err(Fault::EncodingInHttp10),
        _ if hosts != 1 => Err(Fault::Hosts),
        (_, Some(_)) => Ok(Body::Chunked),
        (length, None) => Ok(Body::Length(length.unwrap_or(0))),
    }
}

/// Whether the request line is HTTP/1.0's.
fn request_line(line: &[u8]) -> Result<bool, Fault> {
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let sound = method.is_some_and(|m| !m.is_empty() && m.iter().all(|byte| is_token(*byte)))
        && target.is_some_and(|t| !t.is_empty() && !t.contains(&b'\t'))
        && words.next().is_none();
    match version {
        Some(b"HTTP/1.1") if sound => Ok(false),
        Some(b"HTTP/1.0") if sound => Ok(true),
        _ => Err(Fault::RequestLine),
    }
}

/// Digits only: no sign, no space, no list.
fn plain_number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
