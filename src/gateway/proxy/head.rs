//! The first head of a connection, read whole and bounded before anything else is decided; and what
//! was read too far, put back before the rest.

use super::Refusal;
use bytes::{Buf, Bytes, BytesMut};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// Headers that a head may have.
const HEADERS: usize = 128;

/// Reads until an empty line; what follows it stays in the buffer.
///
/// Returns the buffer and how long the head in it is; `None` when the stream ended first.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    most: usize,
) -> io::Result<Option<(BytesMut, usize)>> {
    let mut buffer = BytesMut::with_capacity(1024);
    let mut searched: usize = 0;
    loop {
        let from = searched.saturating_sub(3);
        let tail = buffer.get(from..).unwrap_or_default();
        if let Some(at) = tail.windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok(Some((buffer, from + at + 4)));
        }
        searched = buffer.len();
        if searched >= most {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the head is too long"));
        }
        buffer.reserve(1024);
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// A request's line and the credentials for a proxy, if it brought some.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) authorization: Option<String>,
}

pub(super) fn request(head: &[u8]) -> Result<Request, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed
        .parse(head)
        .map_err(|error| Refusal::new(400, format!("The request cannot be read: {error}")))?;
    let authorization = parsed
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("proxy-authorization"))
        .map(|header| String::from_utf8_lossy(header.value).into_owned());
    Ok(Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        authorization,
    })
}

/// Status and reason of an answer.
pub(super) fn answer(head: &[u8]) -> io::Result<(u16, String)> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    parsed.parse(head).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok((parsed.code.unwrap_or_default(), parsed.reason.unwrap_or_default().to_owned()))
}

/// A stream whose first bytes have been read already.
pub(super) struct Prefixed<S> {
    first: Bytes,
    rest: S,
}

impl<S> Prefixed<S> {
    pub(super) fn new(first: Bytes, rest: S) -> Self {
        Self { first, rest }
    }
}

impl<S: AsyncRead + Unpin> Prefixed<S> {
    /// The next byte, which stays where it is; `None` at the end.
    pub(super) async fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.first.is_empty() {
            let mut byte = [0];
            if self.rest.read(&mut byte).await? == 0 {
                return Ok(None);
            }
            self.first = Bytes::copy_from_slice(&byte);
        }
        Ok(self.first.first().copied())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.rest).poll_read(cx, buffer);
        }
        let take = self.first.len().min(buffer.remaining());
        buffer.put_slice(self.first.get(..take).unwrap_or_default());
        self.first.advance(take);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.rest).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_head_is_read_to_its_empty_line_and_no_further() {
        let mut stream: &[u8] =
            b"CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: Basic x\r\n\r\n\x16tls";
        let (mut buffer, length) = read(&mut stream, 1024).await.unwrap().unwrap();
        let head = buffer.split_to(length);
        assert_eq!(&buffer[..], b"\x16tls");
        let parsed = request(&head).unwrap();
        assert_eq!((parsed.method.as_str(), parsed.target.as_str()), ("CONNECT", "a:1"));
        assert_eq!(parsed.authorization.as_deref(), Some("Basic x"));
    }

    #[tokio::test]
    async fn a_head_without_an_end_is_bounded() {
        let endless = [b'a'; 4096];
        assert!(read(&mut &endless[..], 1024).await.is_err());
        assert!(read(&mut &b"GET / HTTP/1.1\r\n"[..], 1024).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn first_bytes_come_first() {
        let mut stream = Prefixed::new(Bytes::from_static(b"ab"), &b"cd"[..]);
        assert_eq!(stream.peek().await.unwrap(), Some(b'a'));
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "abcd");
        assert_eq!(stream.peek().await.unwrap(), None);
    }
}
