//! RecordIO-wrapped protobuf: MXNet's framing around SageMaker's `Record` messages.
//!
//! A frame is the magic number, a word of flag (upper 3 bits) and length (lower 29), the content, and
//! zeros up to a multiple of four; a record that held the magic number itself is cut there into
//! several frames. The message is read by hand: a map of tensors needs no generated code, and
//! its numbers go straight into the block.

use super::{Block, DataError, Labels, Problem};
use std::io::Read;

const MAGIC: u32 = 0xced7_230a;
/// A single record larger than this is refused: its length word is likelier wrong than meant.
const LONGEST_RECORD: usize = 1 << 28;
const FORMAT: &str = "application/x-recordio-protobuf";

/// Reads a request's body, or a whole file, from memory.
pub fn read(body: &[u8], block: &mut Block) -> Result<(), DataError> {
    read_from(body, block)
}

/// Reads records until the end of `source`.
pub fn read_from(mut source: impl Read, block: &mut Block) -> Result<(), DataError> {
    let mut record = Vec::new();
    let mut index = 0;
    loop {
        index += 1;
        match next_record(&mut source, &mut record) {
            Ok(true) => message(&record, block, index)?,
            Ok(false) => return Ok(()),
            Err(problem) => return Err(DataError::at(index, problem)),
        }
    }
}

fn malformed(what: impl Into<String>) -> Problem {
    DataError::malformed(FORMAT, what)
}

/// The next whole record, put together from its frames; `false` at the end.
fn next_record(source: &mut impl Read, record: &mut Vec<u8>) -> Result<bool, Problem> {
    record.clear();
    let mut within = false;
    loop {
        let mut head = [0; 8];
        match fill(source, &mut head)? {
            0 if !within => return Ok(false),
            8 => {}
            _ => return Err(malformed("the data ends within a record")),
        }
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if word(0) != MAGIC {
            let what = format!("{:#010x} stands where RecordIO's magic number should", word(0));
            return Err(malformed(what));
        }
        let (flag, length) = (word(4) >> 29, (word(4) & 0x1fff_ffff) as usize);
        if record.len() + length > LONGEST_RECORD {
            return Err(malformed(format!("a record of {length} bytes")));
        }
        if within {
            // The cut took the magic number away; it belongs to the content.
            record.extend_from_slice(&MAGIC.to_le_bytes());
        }
        frame(source, length, record)?;
        match (flag, within) {
            (0, false) | (3, true) => return Ok(true),
            (1, false) | (2, true) => within = true,
            _ => return Err(malformed("the parts of a record are out of order")),
        }
    }
}

/// Reads the frame's content and its padding. Memory grows with what comes, not with what is announced.
fn frame(source: &mut impl Read, length: usize, record: &mut Vec<u8>) -> Result<(), Problem> {
    let read = source
        .by_ref()
        .take(length as u64)
        .read_to_end(record)
        .map_err(|error| Problem::Io(error.to_string()))?;
    if read < length {
        return Err(malformed("the data ends within a record"));
    }
    let padding = length.next_multiple_of(4) - length;
    // The last frame's padding may be missing: some writers leave it out.
    fill(source, &mut [0; 3][..padding])?;
    Ok(())
}

/// Fills the buffer as far as the source goes.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Problem> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem::Io(error.to_string())),
        }
    }
    Ok(filled)
}

/// A `Record`: field 1 is the map of features, field 2 the map of labels.
fn message(record: &[u8], block: &mut Block, line: usize) -> Result<(), DataError> {
    let place = |problem| DataError::at(line, problem);
    let mut features = None;
    let mut label = None;
    let mut wire = Wire(record);
    while let Some((field, content)) = wire.field().map_err(place)? {
        match (field, content) {
            (1, Content::Bytes(entry)) => take(entry, &mut features, "features").map_err(place)?,
            (2, Content::Bytes(entry)) => take(entry, &mut label, "labels").map_err(place)?,
            // uid, metadata and configuration carry nothing that training uses.
            _ => {}
        }
    }
    let features = features
        .ok_or_else(|| place(malformed("a record without features under the key \"values\"")))?;
    match (label.as_ref().and_then(|tensor| tensor.values.first()), block.layout().labels) {
        (_, Labels::None) | (None, Labels::Optional) => {}
        (Some(label), _) if !label.is_nan() => block.push_label(*label),
        _ => return Err(place(Problem::NoLabel)),
    }
    tensor_row(block, &features.values, &features.keys, &features.shape, line)
}

/// Keeps the map's entry named `values`, or its only one.
fn take(entry: &[u8], kept: &mut Option<Tensor>, of: &str) -> Result<(), Problem> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    let mut wire = Wire(entry);
    while let Some((field, content)) = wire.field()? {
        match (field, content) {
            (1, Content::Bytes(bytes)) => key = bytes,
            (2, Content::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    if kept.is_some() && key != b"values" {
        return Err(malformed(format!("a record with several {of}; only \"values\" is used here")));
    }
    *kept = Some(tensor(value)?);
    Ok(())
}

/// Float32Tensor, Float64Tensor or Int32Tensor, as numbers.
#[derive(Default)]
struct Tensor {
    values: Vec<f32>,
    keys: Vec<u32>,
    shape: Vec<u64>,
}

/// A `Value`: one tensor of fields 2, 3, 7; bytes (9) hold no numbers.
fn tensor(value: &[u8]) -> Result<Tensor, Problem> {
    let mut wire = Wire(value);
    let mut tensor = Tensor::default();
    while let Some((kind, content)) = wire.field()? {
        let Content::Bytes(body) = content else { continue };
        if kind == 9 {
            return Err(malformed("a record whose features are bytes (images), not numbers"));
        }
        if ![2, 3, 7].contains(&kind) {
            continue;
        }
        let mut inner = Wire(body);
        while let Some((field, content)) = inner.field()? {
            match field {
                1 => numbers(kind, content, &mut tensor.values)?,
                2 => integers(content, |key| {
                    tensor.keys.push(u32::try_from(key).unwrap_or(u32::MAX - 1));
                })?,
                3 => integers(content, |size| tensor.shape.push(size))?,
                _ => {}
            }
        }
    }
    Ok(tensor)
}

/// The repeated `values`, packed or one by one.
fn numbers(kind: u64, content: Content<'_>, values: &mut Vec<f32>) -> Result<(), Problem> {
    match (kind, content) {
        (2, Content::Bytes(packed)) => {
            let (whole, rest) = packed.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(malformed("a tensor whose bytes do not make whole numbers"));
            }
            values.extend(whole.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        (2, Content::Fixed32(bits)) => values.push(f32::from_bits(bits)),
        (3, Content::Bytes(packed)) => {
            let (whole, rest) = packed.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(malformed("a tensor whose bytes do not make whole numbers"));
            }
            values.extend(whole.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32));
        }
        (3, Content::Fixed64(bits)) => values.push(f64::from_bits(bits) as f32),
        (7, content) => integers(content, |value| values.push(value as i32 as f32))?,
        _ => return Err(malformed("a tensor with values of another type than its own")),
    }
    Ok(())
}

/// Repeated varints, packed or one by one.
fn integers(content: Content<'_>, mut each: impl FnMut(u64)) -> Result<(), Problem> {
    match content {
        Content::Varint(value) => each(value),
        Content::Bytes(packed) => {
            let mut wire = Wire(packed);
            while !wire.0.is_empty() {
                each(wire.varint()?);
            }
        }
        _ => return Err(malformed("keys or a shape that are no integers")),
    }
    Ok(())
}

/// A tensor as a row: dense without keys, sparse with one key for each value.
pub(super) fn tensor_row(
    block: &mut Block,
    values: &[f32],
    keys: &[u32],
    shape: &[u64],
    line: usize,
) -> Result<(), DataError> {
    let width = shape.last().map(|size| usize::try_from(*size).unwrap_or(usize::MAX));
    if keys.is_empty() && (!values.is_empty() || width.is_none_or(|width| width == 0)) {
        for value in values {
            block.push(*value);
        }
        return block.end_row(line);
    }
    if keys.len() != values.len() {
        let what = format!("{} keys for {} values", keys.len(), values.len());
        return Err(DataError::at(line, malformed(what)));
    }
    let features = keys.iter().copied().zip(values.iter().copied()).collect();
    block.sparse_row(features, width, line)
}

/// One field of a message.
#[derive(Clone, Copy)]
enum Content<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(&'a [u8]),
}

/// The protobuf wire format, read field by field.
struct Wire<'a>(&'a [u8]);

impl<'a> Wire<'a> {
    fn field(&mut self) -> Result<Option<(u64, Content<'a>)>, Problem> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let content = match tag & 7 {
            0 => Content::Varint(self.varint()?),
            1 => Content::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                Content::Bytes(self.bytes(length)?)
            }
            5 => Content::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(malformed("a record that is no protobuf message")),
        };
        Ok(Some((tag >> 3, content)))
    }

    fn varint(&mut self) -> Result<u64, Problem> {
        let mut value = 0;
        for (position, byte) in self.0.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * position);
            if byte & 0x80 == 0 {
                self.0 = &self.0[position + 1..];
                return Ok(value);
            }
        }
        Err(malformed("a record that ends within a number"))
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| malformed("a record that ends within a field"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or_else(|| malformed("a record that ends within a number"))?;
        self.0 = rest;
        Ok(*taken)
    }
}

/// Appends a record whose labels are these named values, as serving answers `Accept:
/// application/x-recordio-protobuf`.
pub fn write_labels(labels: &[(&str, &[f32])], out: &mut Vec<u8>) {
    let mut record = Vec::new();
    for (name, values) in labels {
        write_entry(2, name, values, &mut record);
    }
    write_frame(&record, out);
}

/// One map entry: field `map` holds { 1: name, 2: Value { 2: Float32Tensor { 1: packed values } } }.
fn write_entry(map: u8, name: &str, values: &[f32], record: &mut Vec<u8>) {
    let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor = delimited(1, &packed);
    let value = delimited(2, &tensor);
    let entry = [delimited(1, name.as_bytes()), delimited(2, &value)].concat();
    record.extend_from_slice(&delimited(map, &entry));
}

fn delimited(field: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
    out
}

/// Frames a record; content that holds the magic number at a word's start is cut there, as MXNet's reader expects.
fn write_frame(record: &[u8], out: &mut Vec<u8>) {
    let magic = MAGIC.to_le_bytes();
    let cuts: Vec<usize> = (0..record.len().saturating_sub(3))
        .step_by(4)
        .filter(|at| record[*at..*at + 4] == magic)
        .collect();
    let mut start = 0;
    for (index, end) in cuts.iter().copied().chain([record.len()]).enumerate() {
        let flag: u32 = match (cuts.is_empty(), index) {
            (true, _) => 0,
            (false, 0) => 1,
            (false, _) if index == cuts.len() => 3,
            _ => 2,
        };
        let part = &record[start..end];
        out.extend_from_slice(&magic);
        out.extend_from_slice(&(flag << 29 | part.len() as u32).to_le_bytes());
        out.extend_from_slice(part);
        out.resize(out.len().next_multiple_of(4), 0);
        start = end + 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithms::data::{Format, Layout, parse};
    use proptest::prelude::*;

    fn record(features: &[f32], label: &[f32]) -> Vec<u8> {
        let (mut message, mut framed) = (Vec::new(), Vec::new());
        write_entry(1, "values", features, &mut message);
        write_entry(2, "values", label, &mut message);
        write_frame(&message, &mut framed);
        framed
    }

    #[test]
    fn sparse_records_are_spread() {
        let tensor =
            [delimited(1, &5f32.to_le_bytes()), delimited(2, &[2]), delimited(3, &[4])].concat();
        let entry = [delimited(1, b"values"), delimited(2, &delimited(2, &tensor))].concat();
        let mut framed = Vec::new();
        write_frame(&delimited(1, &entry), &mut framed);
        let rows = parse(Format::RecordIo, &framed, Layout::inference(Some(4))).unwrap();
        assert_eq!(rows.features.values(), [0.0, 0.0, 5.0, 0.0]);
    }

    #[test]
    fn labels_are_required_for_training_only() {
        let framed = record(&[1.0, 2.0], &[]);
        assert!(parse(Format::RecordIo, &framed, Layout::inference(None)).is_ok());
        let error = parse(Format::RecordIo, &framed, Layout::TRAINING).unwrap_err();
        assert_eq!((error.line, error.problem), (Some(1), Problem::NoLabel));
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        let mut framed = record(&[1.0], &[1.0]);
        framed[4..8].copy_from_slice(&0x0fff_ffffu32.to_le_bytes());
        assert!(parse(Format::RecordIo, &framed, Layout::TRAINING).is_err());
        let error = parse(Format::RecordIo, b"1,2,3\n4,5,6\n", Layout::TRAINING).unwrap_err();
        assert!(error.to_string().contains("magic number"), "{error}");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(rows in prop::collection::vec((prop::collection::vec(any::<u32>(), 3), -9f32..9.0), 1..8), magic in 0usize..3) {
            let mut framed = Vec::new();
            let mut expected = Vec::new();
            for (bits, label) in &rows {
                let mut features: Vec<f32> = bits.iter().map(|bits| f32::from_bits(*bits)).collect();
                // A value whose bytes are the magic number, so that frames are cut.
                features[magic] = f32::from_bits(MAGIC);
                framed.extend(record(&features, &[*label]));
                expected.extend(features.iter().map(|value| value.to_bits()));
            }
            let read = parse(Format::RecordIo, &framed, Layout::TRAINING).unwrap();
            let bits: Vec<u32> = read.features.values().iter().map(|value| value.to_bits()).collect();
            prop_assert_eq!(bits, expected);
            prop_assert_eq!(read.labels, rows.iter().map(|row| row.1).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), flips in prop::collection::vec((0usize..80, any::<u8>()), 0..6)) {
            let _ = parse(Format::RecordIo, &bytes, Layout::TRAINING);
            let mut framed = Vec::new();
            write_frame(&bytes, &mut framed);
            let _ = parse(Format::RecordIo, &framed, Layout::TRAINING);
            let mut damaged = record(&[1.0, 2.0, 3.0], &[1.0]);
            for (at, value) in flips {
                let at = at % damaged.len();
                damaged[at] = value;
            }
            let _ = parse(Format::RecordIo, &damaged, Layout::inference(None));
        }
    }
}
