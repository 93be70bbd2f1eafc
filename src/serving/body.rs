//! The bodies of an invocation on their way through: counted, limited, and booked when they end.

use super::instance::Flight;
use super::recorder::{Outcome, Recorders};
use super::{Body, BodyError, MAX_BODY_BYTES, pool};
use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// What the forwarder wants to know of a request body that hyper holds.
pub(super) struct Upload {
    began: Instant,
    /// Microseconds from `began` until the container had been handed the whole request; 0: not yet.
    done_after: AtomicU64,
    too_large: AtomicBool,
    /// The caller, not the container, is what the body waits for.
    starved: AtomicBool,
    /// The body, when it came in one piece that is not too large to keep.
    piece: OnceLock<Bytes>,
    pieces: AtomicU64,
}

/// The largest body that is kept until the answer comes, to be sent once more if it has to be.
const KEPT_BYTES: usize = 1024 * 1024;

impl Upload {
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            done_after: AtomicU64::new(0),
            too_large: AtomicBool::new(false),
            starved: AtomicBool::new(false),
            piece: OnceLock::new(),
            pieces: AtomicU64::new(0),
        }
    }

    pub fn is_done(&self) -> bool {
        self.done_after.load(Ordering::Acquire) != 0
    }

    pub fn is_too_large(&self) -> bool {
        self.too_large.load(Ordering::Acquire)
    }

    /// When the container's time to answer ends, as far as that can be said now. It does not run
    /// while the caller is still sending.
    pub fn deadline(&self, patience: Duration) -> Instant {
        match self.done_after.load(Ordering::Acquire) {
            0 if self.starved.load(Ordering::Acquire) => Instant::now() + patience,
            done => self.began + Duration::from_micros(done) + patience,
        }
    }

    /// The whole body once more, if it is still at hand.
    pub fn whole(&self) -> Option<Body> {
        let piece = match self.pieces.load(Ordering::Acquire) {
            _ if !self.is_done() => return None,
            0 => Bytes::new(),
            1 => self.piece.get()?.clone(),
            _ => return None,
        };
        Some(http_body_util::Full::new(piece).map_err(|never| match never {}).boxed_unsync())
    }

    fn keep(&self, piece: &Bytes) {
        if self.pieces.fetch_add(1, Ordering::AcqRel) == 0 && piece.len() <= KEPT_BYTES {
            let _ = self.piece.set(piece.clone());
        }
    }

    fn finish(&self) {
        let after = self.began.elapsed().as_micros().max(1);
        self.done_after.store(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Release);
    }
}

/// The caller's body on its way to the container.
pub(super) struct Request {
    body: Body,
    bytes: u64,
    /// How long it may be, when its length is not announced.
    limit: u64,
    upload: Arc<Upload>,
}

impl Request {
    pub fn new(body: Body, upload: Arc<Upload>) -> Self {
        if body.is_end_stream() {
            upload.finish();
        }
        Self { body, bytes: 0, limit: MAX_BODY_BYTES, upload }
    }

    /// Lets at most `limit` bytes through.
    pub fn limit_to(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// No body at all.
    pub fn empty() -> Self {
        let body = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
        Self::new(body, Arc::new(Upload::new()))
    }
}

impl http_body::Body for Request {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.upload.starved.store(frame.is_pending(), Ordering::Release);
        let frame = ready!(frame);
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            self.bytes += data.len() as u64;
            if self.bytes > self.limit {
                self.upload.too_large.store(true, Ordering::Release);
                return Poll::Ready(Some(Err("the request is too large".into())));
            }
            self.upload.keep(data);
        }
        if frame.is_none() || self.body.is_end_stream() {
            self.upload.finish();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The booking of one invocation: in flight until dropped, measured when it ends.
pub(super) struct Booking {
    /// Until the answer is complete; whoever holds its body longer holds nothing up.
    flight: Option<Flight>,
    pub recorders: Arc<Recorders>,
    pub received: Instant,
    /// The time in which only the container could make progress.
    pub model: Duration,
    settled: bool,
}

impl Booking {
    pub fn new(flight: Flight, recorders: Arc<Recorders>, received: Instant) -> Self {
        Self { flight: Some(flight), recorders, received, model: Duration::ZERO, settled: false }
    }

    /// Records how it ended, once.
    pub fn settle(&mut self, status: u16) {
        if !std::mem::replace(&mut self.settled, true) {
            let whole = self.received.elapsed();
            let outcome = Outcome {
                status,
                model_micros: micros(self.model),
                overhead_micros: micros(whole.saturating_sub(self.model)),
            };
            self.recorders.record(outcome);
            if let Some(flight) = &self.flight {
                flight.instance.interval.record(outcome);
            }
        }
    }

    /// Ends it without a trace: the request went elsewhere.
    pub fn cancel(mut self) {
        self.settled = true;
    }
}

impl Drop for Booking {
    fn drop(&mut self) {
        if !self.settled {
            self.recorders.record_abandoned();
            if let Some(flight) = &self.flight {
                flight.instance.interval.record_abandoned();
            }
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the container did not complete its answer in time")]
    TimedOut,
    #[error("the container's answer is longer than {0} bytes")]
    TooLarge(u64),
    #[error("the connection to the container broke: {0}")]
    Connection(hyper::Error),
}

/// The container's answer on its way to the caller. A slow caller is waited for: nothing is read
/// ahead but what the connection's buffer holds.
pub(super) struct Answer {
    incoming: Incoming,
    status: u16,
    booking: Booking,
    upload: Arc<Upload>,
    /// Goes back to the pool at the end.
    sender: Option<SendRequest<Request>>,
    /// How much longer the container may keep us waiting, over the whole answer.
    patience: Duration,
    limit: u64,
    bytes: u64,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Answer {
    pub fn new(
        response: Response<Incoming>,
        booking: Booking,
        upload: Arc<Upload>,
        sender: SendRequest<Request>,
        patience: Duration,
        limit: u64,
    ) -> Self {
        let mut answer = Self {
            status: response.status().as_u16(),
            incoming: response.into_body(),
            booking,
            upload,
            sender: Some(sender),
            patience,
            limit,
            bytes: 0,
            waiting: None,
        };
        if answer.incoming.is_end_stream() {
            answer.end();
        }
        answer
    }

    /// Books it as it stands: for whoever has read enough of an error.
    pub fn settle(&mut self) {
        self.booking.settle(self.status);
    }

    /// Gives up on an answer that cannot be passed on.
    pub fn refuse(&mut self) {
        self.booking.settle(0);
        self.sender = None;
    }

    /// Complete: before the caller can know, so that whoever reads statistics next finds it.
    fn end(&mut self) {
        self.booking.settle(self.status);
        if let Some(flight) = self.booking.flight.take()
            && let Some(sender) = self.sender.take()
            && self.upload.is_done()
        {
            pool::give_back(&flight.instance, sender);
        }
    }

    fn fail(&mut self, why: Broken) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.booking.settle(0);
        self.sender = None;
        Poll::Ready(Some(Err(why)))
    }

    /// Time that passed since the container was last found without data counts as its own.
    fn stop_waiting(&mut self) {
        if let Some((since, _)) = self.waiting.take() {
            let waited = since.elapsed();
            self.booking.model += waited;
            self.patience = self.patience.saturating_sub(waited);
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
            let patience = self.patience;
            let (_, sleep) = self
                .waiting
                .get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(patience))));
            ready!(sleep.as_mut().poll(context));
            self.stop_waiting();
            return self.fail(Broken::TimedOut);
        };
        self.stop_waiting();
        match frame {
            None => {
                self.end();
                Poll::Ready(None)
            }
            Some(Err(error)) => self.fail(Broken::Connection(error)),
            Some(Ok(frame)) => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if self.bytes > self.limit {
                    let limit = self.limit;
                    return self.fail(Broken::TooLarge(limit));
                }
                if self.incoming.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
