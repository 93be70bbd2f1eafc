//! One connection's life: wait for its first byte, learn whose it is, let hyper speak HTTP/1, watch
//! the clock, end so that the last answer is read.

use super::budget::Budget;
use super::framing::Fault;
use super::limits::Limits;
use super::refusal;
use super::socket::{Due, InFlight, Pulse, Socket};
use crate::serving::{Body, BodyError};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep_until, timeout};

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Proven to be a process of the region's own user on this machine.
    pub(super) own: bool,
    /// It came through the region's forward proxy, which led a name of AWS's here.
    pub(super) proxied: bool,
}

/// Answers requests. What it returns is sent; it has no way to fail.
pub(super) trait Handler: Send + Sync + 'static {
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// The memory that large heads count against, where there is a bound to it.
    fn budget(&self) -> Option<&Arc<Budget>> {
        None
    }
}

/// How much of what a refused client still sends is read away, and for how long, so that the
/// refusal reaches it before a reset does.
const LINGER_BYTES: usize = 64 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// Serves `stream` until it ends, rests for too long, or `stop` turns true.
pub(super) async fn serve<H: Handler>(
    stream: TcpStream,
    peer: Peer,
    handler: Arc<H>,
    limits: &Limits,
    mut stop: watch::Receiver<bool>,
) {
    // Buffers are made when there is something to put in them: an idle connection costs little.
    tokio::select! {
        readable = stream.readable() => if readable.is_err() { return },
        () = tokio::time::sleep(limits.idle_time) => return,
        _ = stop.wait_for(|stop| *stop) => return,
    }
    let _ = stream.set_nodelay(true);
    converse(stream, peer, handler, limits, stop).await;
}

/// Speaks HTTP/1 over `stream`, whoever made it: a socket, or what TLS left of one.
pub(super) async fn converse<S, H>(
    stream: S,
    peer: Peer,
    handler: Arc<H>,
    limits: &Limits,
    stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let pulse = Pulse::new(limits.clone());
    let budget = handler.budget().cloned();
    let service = service_fn({
        let pulse = Arc::clone(&pulse);
        move |request| {
            let (handler, in_flight) = (Arc::clone(&handler), InFlight::begin(&pulse));
            // Boxed, because hyper gives its socket back only from services that are `Unpin`.
            Box::pin(async move {
                let answer = handler.answer(request, peer).await;
                Ok::<_, Infallible>(answer.map(|body| Tracked { body, _in_flight: in_flight }))
            })
        }
    });
    let mut connection = http1::Builder::new()
        .half_close(true)
        .max_headers(limits.headers)
        .max_buf_size(limits.head_bytes.max(16 * 1024))
        .serve_connection(TokioIo::new(Socket::new(stream, Arc::clone(&pulse), budget)), service);

    let ended = drive(&mut connection, &pulse, stop).await;
    let (stream, fault) = connection.into_parts().io.into_inner().into_parts();
    finish(stream, ended, fault, pulse.is_mid_body()).await;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// hyper is done with it.
    Done,
    /// hyper met an error: the client's end is gone, or its bytes were refused.
    Broken,
    SlowHead,
    SlowReader,
    Idle,
}

/// Polls hyper's connection and the clock until one of them has had enough.
async fn drive<T, S, F>(
    connection: &mut http1::Connection<TokioIo<Socket<T>>, S>,
    pulse: &Pulse,
    mut stop: watch::Receiver<bool>,
) -> Ended
where
    T: AsyncRead + AsyncWrite + Unpin,
    S: hyper::service::Service<
            Request<Incoming>,
            Response = Response<Tracked>,
            Error = Infallible,
            Future = F,
        > + Unpin,
    F: Future<Output = Result<Response<Tracked>, Infallible>> + Unpin,
{
    let mut stopped = pin!(async move { stop.wait_for(|stop| *stop).await.is_ok() });
    let mut stopping = false;
    let mut alarm: Option<Pin<Box<Sleep>>> = None;
    std::future::poll_fn(|cx| {
        loop {
            if !stopping && stopped.as_mut().poll(cx).is_ready() {
                stopping = true;
                Pin::new(&mut *connection).graceful_shutdown();
            }
            if let Poll::Ready(answer) = connection.poll_without_shutdown(cx) {
                return Poll::Ready(if answer.is_ok() { Ended::Done } else { Ended::Broken });
            }
            if stopping && pulse.is_resting() {
                return Poll::Ready(Ended::Idle);
            }
            match pulse.due(Instant::now()) {
                Due::Wait(None) => return Poll::Pending,
                Due::Wait(Some(until)) => {
                    if poll_alarm(&mut alarm, until, cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Due::SlowBody => pulse.give_up(),
                Due::SlowHead => return Poll::Ready(Ended::SlowHead),
                Due::SlowReader => return Poll::Ready(Ended::SlowReader),
                Due::Idle => return Poll::Ready(Ended::Idle),
            }
        }
    })
    .await
}

/// Rings at `until` or before. An alarm that is set already and rings early is left alone: setting
/// it anew for every request would cost more than the odd look at the clock.
fn poll_alarm(
    alarm: &mut Option<Pin<Box<Sleep>>>,
    until: Instant,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let until = tokio::time::Instant::from_std(until);
    let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(until)));
    if alarm.is_elapsed() || alarm.deadline() > until {
        alarm.as_mut().reset(until);
    }
    alarm.as_mut().poll(cx)
}

/// Says a last word where one is due, and closes so that it arrives.
async fn finish<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    ended: Ended,
    fault: Option<Fault>,
    mid_body: bool,
) {
    let word = match (ended, fault) {
        // A malformed chunk is in the body of a request whose handler has answered for it.
        (Ended::Done | Ended::Broken, Some(fault)) if fault != Fault::Chunk => {
            Some(refusal::framing(fault))
        }
        (Ended::SlowHead, _) => Some(refusal::slow_head()),
        _ => None,
    };
    let linger = word.is_some() || (ended == Ended::Done && mid_body);
    if let Some(word) = word {
        let bytes = refusal::raw(&word);
        let _ = timeout(LINGER_TIME, stream.write_all(&bytes)).await;
    }
    if linger {
        read_away(stream).await;
    }
}

/// Closes our half and reads away what still comes: closing over unread bytes would reset the
/// connection, and the reset would overtake the answer.
pub(super) async fn read_away(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = timeout(LINGER_TIME, async {
        stream.shutdown().await?;
        let mut waste = vec![0; 64 * 1024];
        let mut left = LINGER_BYTES;
        while left > 0 {
            match stream.read(&mut waste).await? {
                0 => break,
                n => left = left.saturating_sub(n),
            }
        }
        std::io::Result::Ok(())
    })
    .await;
}

/// An answer's body, with the mark of a request under way until it is sent or dropped.
struct Tracked {
    body: Body,
    _in_flight: InFlight,
}

impl http_body::Body for Tracked {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
