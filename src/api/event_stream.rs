//! `application/vnd.amazon.eventstream`: frames of headers and a payload, each with two CRCs.
//!
//! ```text
//! total length 4 | headers length 4 | CRC of these 8 | headers | payload | CRC of all before
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The frame's own parts: the prelude with its CRC and the CRC at the end.
const OVERHEAD: usize = 16;
/// What the format allows at most.
const LONGEST: u32 = 16 << 20;
/// The type of a header's value: a string.
const STRING: u8 = 7;

/// A frame. Headers of other types than string are read as text where that is possible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub headers: Vec<(String, String)>,
    pub payload: Bytes,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the checksum of a frame's prelude does not match")]
    PreludeChecksum,
    #[error("the checksum of a frame does not match")]
    MessageChecksum,
    #[error(
        "a frame of {0} bytes is longer than the 16 MiB that the format allows, or shorter than its \
         parts"
    )]
    Length(u32),
    #[error("a frame's headers cannot be read")]
    Headers,
}

/// One frame. Header names longer than 255 and values longer than 65,535 bytes are cut; a payload
/// must be shorter than 16 MiB, which is for the caller to see to.
pub fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut block = BytesMut::new();
    for (name, value) in headers {
        let (name, value) = (cut(name, usize::from(u8::MAX)), cut(value, usize::from(u16::MAX)));
        block.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        block.put_slice(name.as_bytes());
        block.put_u8(STRING);
        block.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        block.put_slice(value.as_bytes());
    }
    let total = OVERHEAD + block.len() + payload.len();
    let mut frame = BytesMut::with_capacity(total);
    frame.put_u32(u32::try_from(total).unwrap_or(u32::MAX));
    frame.put_u32(u32::try_from(block.len()).unwrap_or(u32::MAX));
    frame.put_u32(crc32fast::hash(&frame));
    frame.put_slice(&block);
    frame.put_slice(payload);
    frame.put_u32(crc32fast::hash(&frame));
    frame.freeze()
}

fn cut(text: &str, longest: usize) -> &str {
    let end = (0..=longest.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Takes the first whole frame off the front of `buffer`; `None` while it is not all there.
pub fn decode(buffer: &mut BytesMut) -> Result<Option<Message>, FrameError> {
    let Some(mut prelude) = buffer.get(..12) else { return Ok(None) };
    let crc = crc32fast::hash(&prelude[..8]);
    let (total, headers) = (prelude.get_u32(), prelude.get_u32());
    if prelude.get_u32() != crc {
        return Err(FrameError::PreludeChecksum);
    }
    let (length, headers) = (total as usize, headers as usize);
    if total > LONGEST + OVERHEAD as u32 || length < OVERHEAD || headers > length - OVERHEAD {
        return Err(FrameError::Length(total));
    }
    if buffer.len() < length {
        return Ok(None);
    }
    let frame = buffer.split_to(length).freeze();
    let end = length - 4;
    if crc32fast::hash(&frame[..end]) != (&frame[end..]).get_u32() {
        return Err(FrameError::MessageChecksum);
    }
    let payload = frame.slice(12 + headers..end);
    let headers = read_headers(frame.slice(12..12 + headers)).ok_or(FrameError::Headers)?;
    Ok(Some(Message { headers, payload }))
}

fn read_headers(mut block: Bytes) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while block.has_remaining() {
        let length = usize::from(block.try_get_u8().ok()?);
        let name = text(&mut block, length)?;
        let value = match block.try_get_u8().ok()? {
            0 => "true".to_owned(),
            1 => "false".to_owned(),
            2 => block.try_get_i8().ok()?.to_string(),
            3 => block.try_get_i16().ok()?.to_string(),
            4 => block.try_get_i32().ok()?.to_string(),
            // A long, or a timestamp in milliseconds.
            5 | 8 => block.try_get_i64().ok()?.to_string(),
            6 => {
                let length = usize::from(block.try_get_u16().ok()?);
                hex::encode(bytes(&mut block, length)?)
            }
            STRING => {
                let length = usize::from(block.try_get_u16().ok()?);
                text(&mut block, length)?
            }
            9 => hex::encode(bytes(&mut block, 16)?),
            _ => return None,
        };
        headers.push((name, value));
    }
    Some(headers)
}

fn bytes(block: &mut Bytes, length: usize) -> Option<Bytes> {
    (block.remaining() >= length).then(|| block.split_to(length))
}

fn text(block: &mut Bytes, length: usize) -> Option<String> {
    String::from_utf8(bytes(block, length)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_formats_own_example_reads() {
        // The empty message of AWS's test vectors.
        let empty = hex::decode("000000100000000005c248eb7d98c8ff").unwrap();
        assert_eq!(encode(&[], b""), empty);
        // One header, `content-type: application/json`, and the payload {'foo':'bar'}.
        let message = hex::decode(
            "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f\
             6e7b27666f6f273a27626172277d8d9c08b1",
        )
        .unwrap();
        let mut buffer = BytesMut::from(&message[..]);
        let read = decode(&mut buffer).unwrap().unwrap();
        assert_eq!(read.header("content-type"), Some("application/json"));
        assert_eq!(read.payload, &b"{'foo':'bar'}"[..]);
        assert_eq!(encode(&[("content-type", "application/json")], b"{'foo':'bar'}"), message);
        assert!(buffer.is_empty());
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let frame = encode(&[(":event-type", "PayloadPart")], b"hello");
        for bit in 0..frame.len() * 8 {
            let mut buffer = BytesMut::from(&frame[..]);
            buffer[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&mut buffer).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_refused_before_waiting_for_them() {
        for (total, headers) in [(0u32, 0u32), (15, 0), (20, 5), (u32::MAX, 0), (17 << 20, 0)] {
            let mut buffer = BytesMut::new();
            buffer.put_u32(total);
            buffer.put_u32(headers);
            buffer.put_u32(crc32fast::hash(&buffer));
            assert_eq!(decode(&mut buffer), Err(FrameError::Length(total)));
        }
    }

    #[test]
    fn headers_longer_than_they_may_be_are_cut_at_a_character() {
        let name = "é".repeat(200);
        let frame = encode(&[(&name, &"v".repeat(70_000))], b"");
        let read = decode(&mut BytesMut::from(&frame[..])).unwrap().unwrap();
        assert_eq!(read.headers, [("é".repeat(127), "v".repeat(65_535))]);
    }

    proptest! {
        #[test]
        fn frames_survive_in_any_pieces(
            messages in prop::collection::vec(
                (prop::collection::vec(("[a-z:-]{1,20}", "\\PC{0,40}"), 0..4),
                 prop::collection::vec(any::<u8>(), 0..200)), 0..5),
            step in 1usize..64
        ) {
            let mut wire = Vec::new();
            for (headers, payload) in &messages {
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                wire.extend(encode(&headers, payload));
            }
            let (mut buffer, mut read) = (BytesMut::new(), Vec::new());
            for part in wire.chunks(step) {
                buffer.extend_from_slice(part);
                while let Some(message) = decode(&mut buffer).unwrap() {
                    read.push((message.headers, message.payload.to_vec()));
                }
            }
            prop_assert_eq!(read, messages);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&mut BytesMut::from(&bytes[..]));
        }
    }
}
