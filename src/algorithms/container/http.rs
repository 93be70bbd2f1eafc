//! HTTP/1.1 as a container needs it: one request after the other on a blocking connection.
//!
//! A thread that blocks in `read` and answers with one `write` is the shortest way from bytes to
//! prediction to bytes: two system calls a request, no queue between threads, no task to wake.

use std::io::{Read, Write};

/// Batch transform may send up to 100 MB at once (MaxPayloadInMB); real-time bodies end at 6 MB, which
/// the region sees to.
const LARGEST_BODY: usize = 100 << 20;
const LARGEST_HEAD: usize = 64 << 10;
const MOST_HEADERS: usize = 96;
/// Answers up to this size go out in one write together with their head.
const ONE_WRITE: usize = 64 << 10;
/// What a connection keeps between requests; a large body's memory is given back.
const KEPT: usize = 256 << 10;

/// A request's head, as far as a container looks at it. The texts lie in the connection's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Ping,
    Invocations,
    ExecutionParameters,
    /// A known path with a method it does not have.
    WrongMethod,
    Unknown,
}

/// What a request is answered with.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

/// One request: its route, the two headers that matter, its body.
pub(super) struct Request<'a> {
    pub(super) route: Route,
    pub(super) content_type: Option<&'a str>,
    pub(super) accept: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// Positions of what the head holds, so that the buffer may grow while the body arrives.
struct Head {
    route: Route,
    length: usize,
    content_type: Option<(usize, usize)>,
    accept: Option<(usize, usize)>,
    body: Framing,
    keep_alive: bool,
    expects_continue: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

/// Why a connection ends: the peer left, or sent what cannot be answered in order.
enum End {
    Closed,
    Malformed(u16, &'static str),
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        Self::Closed
    }
}

/// Answers requests until the peer leaves or sends nonsense.
pub(super) fn converse(
    stream: &mut (impl Read + Write),
    mut respond: impl FnMut(&Request<'_>, &mut Answer),
) {
    let mut connection =
        Connection { stream, buffer: Vec::with_capacity(8 << 10), out: Vec::new() };
    let mut answer = Answer { status: 200, content_type: "text/plain", body: Vec::new() };
    loop {
        match connection.exchange(&mut answer, &mut respond) {
            Ok(true) => {}
            Ok(false) | Err(End::Closed) => return,
            Err(End::Malformed(status, text)) => {
                answer.status = status;
                answer.content_type = "text/plain";
                answer.body.clear();
                answer.body.extend_from_slice(text.as_bytes());
                let _ = connection.write(&answer, false);
                return;
            }
        }
    }
}

struct Connection<'a, S> {
    stream: &'a mut S,
    /// What was read and not yet answered, from the head of the request on.
    buffer: Vec<u8>,
    out: Vec<u8>,
}

impl<S: Read + Write> Connection<'_, S> {
    /// One request and its answer; `false` when the connection is to be closed after it.
    fn exchange(
        &mut self,
        answer: &mut Answer,
        respond: &mut impl FnMut(&Request<'_>, &mut Answer),
    ) -> Result<bool, End> {
        let head = self.head()?;
        if head.expects_continue && self.buffer.len() == head.length {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let (chunked, consumed) = match head.body {
            Framing::Length(length) => {
                if length > LARGEST_BODY {
                    return Err(End::Malformed(413, "the body is larger than 100 MB"));
                }
                self.fill_to(head.length + length)?;
                (None, head.length + length)
            }
            Framing::Chunked => {
                let (body, end) = self.chunks(head.length)?;
                (Some(body), end)
            }
        };
        let text =
            |(start, end): (usize, usize)| std::str::from_utf8(&self.buffer[start..end]).ok();
        let request = Request {
            route: head.route,
            content_type: head.content_type.and_then(text),
            accept: head.accept.and_then(text),
            body: chunked.as_deref().unwrap_or(&self.buffer[head.length..consumed]),
        };
        answer.body.clear();
        respond(&request, answer);
        self.write(answer, head.keep_alive)?;
        self.forget(consumed, answer);
        Ok(head.keep_alive)
    }

    /// Drops the answered request, keeping what the peer sent after it.
    fn forget(&mut self, consumed: usize, answer: &mut Answer) {
        if consumed == self.buffer.len() {
            self.buffer.clear();
        } else {
            self.buffer.drain(..consumed);
        }
        self.buffer.shrink_to(KEPT);
        self.out.shrink_to(KEPT);
        answer.body.shrink_to(KEPT);
    }

    fn head(&mut self) -> Result<Head, End> {
        loop {
            if !self.buffer.is_empty()
                && let Some(head) = parse_head(&self.buffer)?
            {
                return Ok(head);
            }
            if self.buffer.len() > LARGEST_HEAD {
                return Err(End::Malformed(431, "the request's head is larger than 64 KB"));
            }
            self.more(4 << 10)?;
        }
    }

    /// Reads once, up to `room` bytes.
    fn more(&mut self, room: usize) -> Result<(), End> {
        let held = self.buffer.len();
        let room = room.max(self.buffer.capacity() - held).clamp(1, 1 << 20);
        self.buffer.resize(held + room, 0);
        let read = loop {
            match self.stream.read(&mut self.buffer[held..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                outcome => break outcome,
            }
        };
        self.buffer.truncate(held + *read.as_ref().unwrap_or(&0));
        if read? == 0 { Err(End::Closed) } else { Ok(()) }
    }

    fn fill_to(&mut self, length: usize) -> Result<(), End> {
        while self.buffer.len() < length {
            self.more(length - self.buffer.len())?;
        }
        Ok(())
    }

    /// The body of a chunked request that starts at `at`, and where it ends.
    fn chunks(&mut self, mut at: usize) -> Result<(Vec<u8>, usize), End> {
        const BAD: End = End::Malformed(400, "the chunked body is malformed");
        let mut body = Vec::new();
        loop {
            let end = self.line_end(at)?;
            let line = std::str::from_utf8(&self.buffer[at..end]).map_err(|_| BAD)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            if size.is_empty() || size.starts_with('+') {
                return Err(BAD);
            }
            let size = usize::from_str_radix(size, 16).map_err(|_| BAD)?;
            if size > LARGEST_BODY - body.len() {
                return Err(End::Malformed(413, "the body is larger than 100 MB"));
            }
            at = end + 2;
            if size == 0 {
                break;
            }
            self.fill_to(at + size + 2)?;
            body.extend_from_slice(&self.buffer[at..at + size]);
            if &self.buffer[at + size..at + size + 2] != b"\r\n" {
                return Err(BAD);
            }
            at += size + 2;
        }
        // Trailers carry nothing for a container; an empty line ends them.
        loop {
            let end = self.line_end(at)?;
            let empty = end == at;
            at = end + 2;
            if empty {
                return Ok((body, at));
            }
        }
    }

    /// Where the line that starts at `at` ends, its CR LF not counted.
    fn line_end(&mut self, at: usize) -> Result<usize, End> {
        loop {
            if let Some(found) =
                self.buffer[at.min(self.buffer.len())..].windows(2).position(|pair| pair == b"\r\n")
            {
                return Ok(at + found);
            }
            if self.buffer.len() > at + LARGEST_HEAD {
                return Err(End::Malformed(400, "the chunked body is malformed"));
            }
            self.more(4 << 10)?;
        }
    }

    fn write(&mut self, answer: &Answer, keep_alive: bool) -> std::io::Result<()> {
        self.out.clear();
        self.out.extend_from_slice(status_line(answer.status).as_bytes());
        // An answer without content has no length either.
        if answer.status != 204 {
            self.out.extend_from_slice(b"Content-Type: ");
            self.out.extend_from_slice(answer.content_type.as_bytes());
            self.out.extend_from_slice(b"\r\nContent-Length: ");
            write!(self.out, "{}\r\n", answer.body.len())?;
        }
        let end: &[u8] = if keep_alive { b"\r\n" } else { b"Connection: close\r\n\r\n" };
        self.out.extend_from_slice(end);
        if answer.body.len() <= ONE_WRITE {
            self.out.extend_from_slice(&answer.body);
            return self.stream.write_all(&self.out);
        }
        self.stream.write_all(&self.out)?;
        self.stream.write_all(&answer.body)
    }
}

fn status_line(status: u16) -> &'static str {
    match status {
        200 => "HTTP/1.1 200 OK\r\n",
        204 => "HTTP/1.1 204 No Content\r\n",
        404 => "HTTP/1.1 404 Not Found\r\n",
        405 => "HTTP/1.1 405 Method Not Allowed\r\n",
        406 => "HTTP/1.1 406 Not Acceptable\r\n",
        413 => "HTTP/1.1 413 Payload Too Large\r\n",
        415 => "HTTP/1.1 415 Unsupported Media Type\r\n",
        431 => "HTTP/1.1 431 Request Header Fields Too Large\r\n",
        500 => "HTTP/1.1 500 Internal Server Error\r\n",
        503 => "HTTP/1.1 503 Service Unavailable\r\n",
        _ => "HTTP/1.1 400 Bad Request\r\n",
    }
}

fn parse_head(buffer: &[u8]) -> Result<Option<Head>, End> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(End::Malformed(400, "the request is not HTTP/1.1")),
    };
    let mut head = Head {
        route: route(request.method.unwrap_or_default(), request.path.unwrap_or_default()),
        length,
        content_type: None,
        accept: None,
        body: Framing::Length(0),
        keep_alive: request.version == Some(1),
        expects_continue: false,
    };
    let mut lengths = 0;
    for header in request.headers.iter() {
        // Positions, since the buffer moves when the body makes it grow.
        let start = header.value.as_ptr().addr() - buffer.as_ptr().addr();
        let place = Some((start, start + header.value.len()));
        let named = |name: &str| header.name.eq_ignore_ascii_case(name);
        if named("content-type") {
            head.content_type = place;
        } else if named("accept") {
            head.accept = place;
        } else if named("content-length") {
            lengths += 1;
            head.body = Framing::Length(digits(header.value)?);
        } else if named("transfer-encoding") {
            lengths += 1;
            if !header.value.eq_ignore_ascii_case(b"chunked") {
                return Err(End::Malformed(400, "only Transfer-Encoding: chunked is understood"));
            }
            head.body = Framing::Chunked;
        } else if named("connection") {
            if header.value.eq_ignore_ascii_case(b"close") {
                head.keep_alive = false;
            } else if header.value.eq_ignore_ascii_case(b"keep-alive") {
                head.keep_alive = true;
            }
        } else if named("expect") {
            head.expects_continue = header.value.eq_ignore_ascii_case(b"100-continue");
        }
    }
    if lengths > 1 {
        return Err(End::Malformed(400, "the request states its length more than once"));
    }
    Ok(Some(head))
}

fn digits(value: &[u8]) -> Result<usize, End> {
    std::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(End::Malformed(400, "Content-Length is not a number"))
}

fn route(method: &str, path: &str) -> Route {
    let path = path.split('?').next().unwrap_or_default();
    match (method, path) {
        ("POST", "/invocations") => Route::Invocations,
        ("GET" | "HEAD", "/ping") => Route::Ping,
        ("GET", "/execution-parameters") => Route::ExecutionParameters,
        (_, "/invocations" | "/ping" | "/execution-parameters") => Route::WrongMethod,
        _ => Route::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A peer that sends `sent` in pieces and keeps what it is answered.
    struct Peer {
        sent: Vec<u8>,
        piece: usize,
        answered: Vec<u8>,
    }

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.piece.min(buffer.len()).min(self.sent.len());
            buffer[..count].copy_from_slice(&self.sent[..count]);
            self.sent.drain(..count);
            Ok(count)
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.answered.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Echoes bodies.
    fn talk(sent: &[u8], piece: usize) -> String {
        let mut peer = Peer { sent: sent.to_vec(), piece, answered: Vec::new() };
        converse(&mut peer, |request, answer| {
            answer.status = 200;
            answer.content_type = "text/plain";
            let kind = request.content_type.unwrap_or("-");
            write!(answer.body, "{:?} {kind} ", request.route).unwrap();
            answer.body.extend_from_slice(request.body);
        });
        String::from_utf8_lossy(&peer.answered).into_owned()
    }

    #[test]
    fn requests_follow_each_other_on_one_connection() {
        let sent = b"GET /ping HTTP/1.1\r\n\r\nPOST /invocations HTTP/1.1\r\nContent-Type: text/csv\r\n\
            Content-Length: 3\r\n\r\n1,2GET /x?y HTTP/1.1\r\nConnection: close\r\n\r\nGET /ping HTTP/1.1\r\n\r\n";
        for piece in [1, 7, 4096] {
            let answered = talk(sent, piece);
            let bodies: Vec<_> = answered
                .split("\r\n\r\n")
                .skip(1)
                .map(|rest| rest.split("HTTP").next().unwrap())
                .collect();
            assert_eq!(bodies, ["Ping - ", "Invocations text/csv 1,2", "Unknown - "]);
            assert!(answered.contains("Connection: close"));
        }
    }

    #[test]
    fn chunked_bodies_are_put_together() {
        let sent = b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n\
            3\r\n1,2\r\n4;x=y\r\n,3,4\r\n0\r\nTrailer: t\r\n\r\nGET /ping HTTP/1.1\r\n\r\n";
        for piece in [1, 4096] {
            let answered = talk(sent, piece);
            assert!(answered.contains("Invocations - 1,2,3,4"), "{answered}");
            assert!(answered.ends_with("Ping - "), "{answered}");
        }
        assert!(talk(sent, 1).starts_with("HTTP/1.1 100 Continue\r\n\r\n"));
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        for head in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Content-Length: 3\r\nContent-Length: 4",
            "Content-Length: +3",
            "Transfer-Encoding: gzip, chunked",
        ] {
            let sent = format!("POST /invocations HTTP/1.1\r\n{head}\r\n\r\n1,2");
            assert!(talk(sent.as_bytes(), 4096).starts_with("HTTP/1.1 400"), "{head}");
        }
        let large = b"POST /invocations HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n";
        assert!(talk(large, 4096).starts_with("HTTP/1.1 413"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1usize..64) {
            talk(&bytes, piece);
            let mut framed = b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            framed.extend_from_slice(&bytes);
            talk(&framed, piece);
        }
    }
}
