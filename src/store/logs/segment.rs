//! Segment files: records one after the other, and an index of blocks beside them.
//!
//! A record is its payload's length and CRC-32C, then the payload: timestamp, time of ingestion,
//! message. A record that does not match its checksum is damage: it is left out, in words, and reading
//! goes on behind it. Bytes at the end that no whole record follows are a tail that a crash tore off.

use super::Record;
use crate::domain::time::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Length, checksum.
const HEAD: usize = 8;
/// Timestamp, time of ingestion.
const TIMES: usize = 16;
/// No record is longer; a length beyond it is damage.
const RECORD_MOST: u32 = 64 * 1024 * 1024;
/// A block ends when it has this many bytes.
const BLOCK: u64 = 16 * 1024;

/// A run of records, as a reader loads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Block {
    /// Position of its first record.
    pub first: u64,
    /// Where it begins in the segment.
    pub offset: u64,
    /// The least and greatest timestamp in it.
    pub min: i64,
    pub max: i64,
    /// The greatest timestamp in the stream before it.
    pub before: i64,
}

/// One file of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Segment {
    /// Position of its first record; names the file.
    pub first: u64,
    pub records: u64,
    pub length: u64,
    pub blocks: Vec<Block>,
}

impl Segment {
    pub fn new(first: u64) -> Self {
        Self { first, records: 0, length: 0, blocks: Vec::new() }
    }

    pub fn path(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{:016x}.log", self.first))
    }

    fn index_path(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{:016x}.idx", self.first))
    }

    /// Position after its last record.
    pub fn end(&self) -> u64 {
        self.first + self.records
    }

    /// The greatest timestamp up to its end; none without records.
    pub fn reached(&self) -> Option<i64> {
        self.blocks.last().map(|block| block.before.max(block.max))
    }

    /// Counts a record of `length` bytes at its end. `before` is the greatest timestamp so far.
    pub fn note(&mut self, timestamp: i64, length: u64, before: i64) {
        self.place(Some(timestamp), length, before);
    }

    /// [`Segment::note`]; a record that is damaged has its place and no time.
    fn place(&mut self, timestamp: Option<i64>, length: u64, before: i64) {
        let (min, max) = (timestamp.unwrap_or(i64::MAX), timestamp.unwrap_or(i64::MIN));
        match self.blocks.last_mut() {
            Some(block) if self.length - block.offset < BLOCK => {
                block.min = block.min.min(min);
                block.max = block.max.max(max);
            }
            _ => {
                let (first, offset) = (self.end(), self.length);
                self.blocks.push(Block { first, offset, min, max, before });
            }
        }
        self.records += 1;
        self.length += length;
    }

    pub fn append_to(&self, dir: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).mode(0o600).open(self.path(dir))
    }

    /// The records of block `index`.
    pub fn read(&self, file: &File, index: usize) -> io::Result<Vec<Record>> {
        let Some(block) = self.blocks.get(index) else { return Ok(Vec::new()) };
        let end = self.blocks.get(index + 1).map_or(self.length, |next| next.offset);
        let mut bytes = vec![0; usize::try_from(end - block.offset).unwrap_or(0)];
        file.read_exact_at(&mut bytes, block.offset)?;
        let mut records = Vec::new();
        let (found, _) = scan(&bytes, block.first);
        let lost = found.iter().filter(|one| one.record.is_none()).count();
        if lost > 0 {
            tracing::warn!("{lost} damaged records of a log segment are left out (block {index})");
        }
        records.extend(found.into_iter().filter_map(|one| one.record));
        Ok(records)
    }

    /// Reads a segment that was left by an earlier process: from its index when that is whole, else
    /// record by record, cutting what follows the last whole one.
    pub fn load(dir: &Path, first: u64, before: i64) -> io::Result<Self> {
        let empty = Self::new(first);
        let length = fs::metadata(empty.path(dir))?.len();
        if let Some(indexed) = Self::load_index(dir, first)?
            && indexed.length == length
        {
            return Ok(indexed);
        }
        let mut segment = empty;
        let bytes = fs::read(segment.path(dir))?;
        let mut before = before;
        let (found, torn) = scan(&bytes, 0);
        for one in &found {
            let time = one.record.as_ref().map(|record| record.timestamp.as_millis());
            segment.place(time, one.length as u64, before);
            before = before.max(time.unwrap_or(i64::MIN));
        }
        let lost = found.iter().filter(|one| one.record.is_none()).count();
        if lost > 0 {
            let path = segment.path(dir);
            tracing::warn!("{lost} damaged records of {} are left out", path.display());
        }
        if torn > 0 {
            tracing::warn!("cutting {torn} torn bytes off a log segment");
            let file = OpenOptions::new().write(true).open(segment.path(dir))?;
            file.set_len(segment.length)?;
        }
        Ok(segment)
    }

    fn load_index(dir: &Path, first: u64) -> io::Result<Option<Self>> {
        let bytes = match fs::read(Self::new(first).index_path(dir)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some((body, sum)) = bytes.split_last_chunk::<4>() else { return Ok(None) };
        if crc32c::crc32c(body) != u32::from_le_bytes(*sum) || body.len() % 8 != 0 {
            return Ok(None);
        }
        let mut words = body.chunks_exact(8).map(|word| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(word);
            u64::from_le_bytes(bytes)
        });
        let (Some(records), Some(length)) = (words.next(), words.next()) else { return Ok(None) };
        let mut segment = Self { first, records, length, blocks: Vec::new() };
        while let (Some(first), Some(offset), Some(min), Some(max), Some(before)) =
            (words.next(), words.next(), words.next(), words.next(), words.next())
        {
            let [min, max, before] = [min, max, before].map(u64::cast_signed);
            segment.blocks.push(Block { first, offset, min, max, before });
        }
        Ok(Some(segment))
    }

    /// Writes the index of a segment that nothing more is appended to.
    pub fn seal(&self, dir: &Path) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(20 + self.blocks.len() * 40);
        let mut word = |word: u64| bytes.extend_from_slice(&word.to_le_bytes());
        word(self.records);
        word(self.length);
        for block in &self.blocks {
            word(block.first);
            word(block.offset);
            for time in [block.min, block.max, block.before] {
                word(time.cast_unsigned());
            }
        }
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        options.open(self.index_path(dir))?.write_all(&bytes)
    }

    pub fn remove(&self, dir: &Path) -> io::Result<()> {
        match fs::remove_file(self.index_path(dir)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::remove_file(self.path(dir))
    }
}

/// Appends a record to `buffer` and returns its length.
pub(super) fn encode(buffer: &mut Vec<u8>, timestamp: i64, ingested: i64, message: &str) -> u64 {
    let start = buffer.len();
    let length = TIMES + message.len();
    buffer.reserve(HEAD + length);
    buffer.extend_from_slice(&(length as u32).to_le_bytes());
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&timestamp.to_le_bytes());
    buffer.extend_from_slice(&ingested.to_le_bytes());
    buffer.extend_from_slice(message.as_bytes());
    let sum = crc32c::crc32c(&buffer[start + HEAD..]);
    buffer[start + 4..start + HEAD].copy_from_slice(&sum.to_le_bytes());
    (HEAD + length) as u64
}

/// A record, or the stretch of bytes where a damaged one is.
struct Scanned {
    record: Option<Record>,
    length: usize,
}

/// How far behind a damaged record the next whole one is looked for.
const RESYNC: usize = 1024 * 1024;

/// All records of `bytes`, the first of which has this position, and how many bytes at the end are no
/// record's.
fn scan(bytes: &[u8], mut position: u64) -> (Vec<Scanned>, usize) {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        if let Some((record, length)) = decode(rest, position) {
            found.push(Scanned { record: Some(record), length });
            rest = &rest[length..];
        } else if let Some(length) = damaged(rest) {
            found.push(Scanned { record: None, length });
            rest = &rest[length..];
        } else {
            break;
        }
        position += 1;
    }
    (found, rest.len())
}

/// How long the damage at the beginning of `bytes` is: up to the next whole record. `None` when none
/// follows: then it is a torn tail.
fn damaged(bytes: &[u8]) -> Option<usize> {
    // Mostly the length is sound and the record ends where it says.
    let (length, _) = bytes.split_first_chunk::<4>()?;
    let stated = HEAD + u32::from_le_bytes(*length).min(RECORD_MOST) as usize;
    if bytes.get(stated..).is_some_and(|rest| decode(rest, 0).is_some()) {
        return Some(stated);
    }
    // Checksums of what only looks like a record have a budget.
    let mut budget = 64 * RESYNC;
    for offset in 1..bytes.len().min(RESYNC) {
        let (length, _) = bytes[offset..].split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        if length < TIMES || length > bytes.len() - offset {
            continue;
        }
        budget = budget.checked_sub(length)?;
        if decode(&bytes[offset..], 0).is_some() {
            return Some(offset);
        }
    }
    None
}

/// How many records of a segment's file are damaged.
pub(super) fn lost(path: &Path) -> io::Result<usize> {
    let (found, _) = scan(&fs::read(path)?, 0);
    Ok(found.iter().filter(|one| one.record.is_none()).count())
}

/// The record at the beginning of `bytes` and its length; `None` when it is not whole.
fn decode(bytes: &[u8], position: u64) -> Option<(Record, usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    if length > RECORD_MOST {
        return None;
    }
    let payload = rest.get(..length as usize)?;
    if crc32c::crc32c(payload) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (timestamp, rest) = payload.split_first_chunk::<8>()?;
    let (ingested, message) = rest.split_first_chunk::<8>()?;
    let record = Record {
        position,
        timestamp: Timestamp::from_millis(i64::from_le_bytes(*timestamp)),
        ingested: Timestamp::from_millis(i64::from_le_bytes(*ingested)),
        message: String::from_utf8_lossy(message).into_owned(),
    };
    Some((record, HEAD + payload.len()))
}
