//! `aws-chunked` bodies: S3's clients send an object in chunks, each with a signature of its own
//! that continues the one before, and checksums in trailers behind the last.
//!
//! The decoder takes bytes as they come and gives the object's bytes as they are known. A chunk's
//! signature stands before its bytes but can only be checked behind them: whoever stores them must
//! not commit before [`Decoder::finish`] has succeeded.

use super::{
    Dialect, EMPTY_SHA256, PayloadHash, Presented, Scope, SignatureError, keyed, sha256_hex,
    signing_key, stamp,
};
use bytes::{Buf, Bytes, BytesMut};
use hmac::Mac;
use sha2::{Digest, Sha256};

/// A chunk's header or a trailer is no longer than this.
const LONGEST_LINE: usize = 8 * 1024;
const MOST_TRAILERS: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    #[error("The body is not aws-chunked: {0}")]
    Malformed(String),
    #[error("A chunk's signature does not match")]
    Signature,
    #[error(
        "You did not provide the number of bytes specified by the x-amz-decoded-content-length \
         header: {declared} declared, {received} received"
    )]
    Length { declared: u64, received: u64 },
    #[error("The request body terminated unexpectedly")]
    Incomplete,
}

impl ChunkError {
    /// In S3's words.
    pub fn to_aws(&self) -> crate::api::error::AwsError {
        match self {
            Self::Signature => SignatureError::Mismatch.in_words_of(Dialect::S3),
            Self::Malformed(_) => error("InvalidRequest", self),
            Self::Length { .. } | Self::Incomplete => error("IncompleteBody", self),
        }
    }
}

fn error(code: &'static str, text: &ChunkError) -> crate::api::error::AwsError {
    crate::api::error::AwsError::new(400, code, text.to_string())
}

/// Signs and checks one chunk after the other.
struct Chain {
    key: Vec<u8>,
    scope: Scope,
    stamp: String,
    previous: String,
}

impl Chain {
    fn check(&mut self, kind: &str, hashes: &str, signature: &str) -> Result<(), ChunkError> {
        let Self { key, scope, stamp, previous } = self;
        let text = format!("AWS4-HMAC-SHA256-{kind}\n{stamp}\n{scope}\n{previous}\n{hashes}");
        let given = hex::decode(signature).map_err(|_| ChunkError::Signature)?;
        // Compares in constant time.
        keyed(key, text.as_bytes()).verify_slice(&given).map_err(|_| ChunkError::Signature)?;
        self.previous = signature.to_ascii_lowercase();
        Ok(())
    }
}

enum State {
    /// Before a chunk's size.
    Header,
    Data {
        left: u64,
    },
    /// The line end behind a chunk.
    DataEnd,
    Trailers,
    Done,
}

/// An incremental decoder of one body.
pub struct Decoder {
    state: State,
    buffer: BytesMut,
    /// Only where chunks are signed.
    chain: Option<Chain>,
    signed_trailer: bool,
    chunk_signature: String,
    chunk_hash: Sha256,
    received: u64,
    declared: Option<u64>,
    trailers: Vec<(String, String)>,
    trailer_signature: Option<String>,
}

impl Decoder {
    /// For a request whose own signature has been verified. `None` when its body is not chunked.
    /// `decoded_length` is `x-amz-decoded-content-length`.
    pub fn of(
        presented: &Presented,
        secret_key: &str,
        decoded_length: Option<u64>,
    ) -> Option<Self> {
        let (signed, signed_trailer) = match presented.payload.as_ref()? {
            PayloadHash::StreamingSigned { trailer } => (true, *trailer),
            PayloadHash::StreamingUnsignedTrailer => (false, false),
            PayloadHash::Sha256(_) | PayloadHash::Unsigned => return None,
        };
        let chain = signed.then(|| Chain {
            key: signing_key(secret_key, &presented.scope),
            scope: presented.scope.clone(),
            stamp: stamp(presented.signed_at),
            previous: presented.signature.to_ascii_lowercase(),
        });
        Some(Self { signed_trailer, ..Self::with(chain, decoded_length) })
    }

    /// For a body that is chunked but whose signatures nobody asks for.
    pub fn unsigned(decoded_length: Option<u64>) -> Self {
        Self::with(None, decoded_length)
    }

    fn with(chain: Option<Chain>, declared: Option<u64>) -> Self {
        Self {
            state: State::Header,
            buffer: BytesMut::new(),
            chain,
            signed_trailer: false,
            chunk_signature: String::new(),
            chunk_hash: Sha256::new(),
            received: 0,
            declared,
            trailers: Vec::new(),
            trailer_signature: None,
        }
    }

    /// Takes what has come and gives the decoded bytes in it, in order.
    pub fn push(&mut self, mut input: Bytes) -> Result<Vec<Bytes>, ChunkError> {
        let mut out = Vec::new();
        loop {
            match self.state {
                State::Data { left } => {
                    if input.is_empty() {
                        return Ok(out);
                    }
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let bytes = input.split_to(take);
                    if self.chain.is_some() {
                        self.chunk_hash.update(&bytes);
                    }
                    self.received += take as u64;
                    out.push(bytes);
                    let left = left - take as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data { left } };
                }
                State::Done => {
                    if input.iter().any(|byte| !byte.is_ascii_whitespace()) {
                        return Err(malformed("bytes follow its end"));
                    }
                    return Ok(out);
                }
                State::Header | State::DataEnd | State::Trailers => {
                    let Some(line) = self.line(&mut input)? else { return Ok(out) };
                    self.take_line(&line)?;
                }
            }
        }
    }

    /// A whole line without its end; `None` when more must come.
    fn line(&mut self, input: &mut Bytes) -> Result<Option<String>, ChunkError> {
        let found = input.iter().position(|byte| *byte == b'\n');
        let take = found.map_or(input.len(), |at| at + 1);
        if self.buffer.len() + take > LONGEST_LINE {
            return Err(malformed("a line is too long"));
        }
        self.buffer.extend_from_slice(&input[..take]);
        input.advance(take);
        if found.is_none() {
            return Ok(None);
        }
        let line = self.buffer.split();
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| malformed("a line is not text"))?;
        Ok(Some(line.to_owned()))
    }

    fn take_line(&mut self, line: &str) -> Result<(), ChunkError> {
        match self.state {
            State::Header => self.header(line),
            State::DataEnd if line.is_empty() => {
                self.state = State::Header;
                self.chunk_done()
            }
            State::DataEnd => Err(malformed("a chunk is longer than its size")),
            State::Trailers if line.is_empty() => self.trailers_done(),
            State::Trailers => self.trailer(line),
            State::Data { .. } | State::Done => Ok(()),
        }
    }

    /// `1f;chunk-signature=…`.
    fn header(&mut self, line: &str) -> Result<(), ChunkError> {
        let (size, extensions) = line.split_once(';').unwrap_or((line, ""));
        let all_hex = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16).ok().filter(|_| all_hex);
        let size = size.ok_or_else(|| malformed("a chunk's size cannot be read"))?;
        if self.chain.is_some() {
            let signature = extensions.trim().strip_prefix("chunk-signature=");
            let signature = signature.ok_or_else(|| malformed("a chunk is not signed"))?;
            signature.clone_into(&mut self.chunk_signature);
        }
        if size > 0 {
            let expected = self.received.checked_add(size);
            let expected = expected.ok_or_else(|| malformed("a chunk is too large"))?;
            if let Some(declared) = self.declared.filter(|declared| expected > *declared) {
                return Err(ChunkError::Length { declared, received: expected });
            }
            self.state = State::Data { left: size };
            return Ok(());
        }
        self.state = State::Trailers;
        self.chunk_done()
    }

    fn chunk_done(&mut self) -> Result<(), ChunkError> {
        let Some(chain) = &mut self.chain else { return Ok(()) };
        let hash = hex::encode(self.chunk_hash.finalize_reset());
        chain.check("PAYLOAD", &format!("{EMPTY_SHA256}\n{hash}"), &self.chunk_signature)
    }

    fn trailer(&mut self, line: &str) -> Result<(), ChunkError> {
        let (name, value) =
            line.split_once(':').ok_or_else(|| malformed("a trailer has no colon"))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if name == "x-amz-trailer-signature" {
            self.trailer_signature = Some(value);
            return Ok(());
        }
        if self.trailers.len() == MOST_TRAILERS {
            return Err(malformed("too many trailers"));
        }
        self.trailers.push((name, value));
        Ok(())
    }

    fn trailers_done(&mut self) -> Result<(), ChunkError> {
        self.state = State::Done;
        let Some(chain) = self.chain.as_mut().filter(|_| self.signed_trailer) else {
            return Ok(());
        };
        let signature = self.trailer_signature.take().ok_or(ChunkError::Signature)?;
        let text: String =
            self.trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        chain.check("TRAILER", &sha256_hex(text.as_bytes()), &signature)
    }

    /// The trailers, once the body has ended and everything in it was checked.
    pub fn finish(mut self) -> Result<Vec<(String, String)>, ChunkError> {
        // Some clients leave out the empty line behind a body that has no trailers.
        if matches!(self.state, State::Trailers)
            && self.buffer.is_empty()
            && self.trailers.is_empty()
            && !self.signed_trailer
        {
            self.state = State::Done;
        }
        if !matches!(self.state, State::Done) {
            return Err(ChunkError::Incomplete);
        }
        match self.declared {
            Some(declared) if declared != self.received => {
                Err(ChunkError::Length { declared, received: self.received })
            }
            _ => Ok(self.trailers),
        }
    }
}

fn malformed(what: &str) -> ChunkError {
    ChunkError::Malformed(what.to_owned())
}
