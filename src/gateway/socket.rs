//! A connection's bytes on their way to and from hyper: every incoming byte passes the framer, and
//! the pulse taken here tells the connection's driver who is keeping whom waiting.

use super::budget::{Budget, Held};
use super::framing::{Fault, Framer, Phase};
use super::limits::Limits;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection is doing, and since when.
pub(super) struct Pulse {
    limits: Limits,
    beat: Mutex<Beat>,
}

struct Beat {
    phase: Phase,
    /// When the phase began.
    since: Instant,
    /// Requests handed on whose answers are not done.
    in_flight: u32,
    /// When `in_flight` last became zero.
    quiet: Instant,
    /// Since when a body's next bytes are waited for.
    starved: Option<Instant>,
    body_bytes: u64,
    /// The body's reader is to be told that the client is too slow.
    give_up: bool,
    /// Since when the client leaves bytes of an answer unread.
    stalled: Option<Instant>,
}

/// What the time says of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before this point in time; never when `None`.
    Wait(Option<Instant>),
    /// The head is taking too long.
    SlowHead,
    /// The body is: its reader has to be told, which [`Pulse::give_up`] does.
    SlowBody,
    /// The client does not read its answer.
    SlowReader,
    /// Nothing has happened for long enough.
    Idle,
}

impl Pulse {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        let now = Instant::now();
        let beat = Beat {
            phase: Phase::Between,
            since: now,
            in_flight: 0,
            quiet: now,
            starved: None,
            body_bytes: 0,
            give_up: false,
            stalled: None,
        };
        Arc::new(Self { limits, beat: Mutex::new(beat) })
    }

    fn beat(&self) -> MutexGuard<'_, Beat> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no request is under way in any sense.
    pub(super) fn is_resting(&self) -> bool {
        let beat = self.beat();
        beat.in_flight == 0 && beat.phase == Phase::Between
    }

    pub(super) fn is_mid_body(&self) -> bool {
        self.beat().phase == Phase::Body
    }

    pub(super) fn give_up(&self) {
        let mut beat = self.beat();
        beat.give_up = true;
        beat.starved = None;
    }

    pub(super) fn due(&self, now: Instant) -> Due {
        let beat = self.beat();
        let Limits { head_time, idle_time, body_stall, body_time, body_rate, write_stall, .. } =
            self.limits;
        let mut dues: [Option<(Instant, Due)>; 3] = [None; 3];
        if beat.in_flight == 0 {
            let from = beat.since.max(beat.quiet);
            dues[0] = match beat.phase {
                Phase::Between => Some((from + idle_time, Due::Idle)),
                Phase::Head => Some((from + head_time, Due::SlowHead)),
                Phase::Body => None,
            };
        }
        if let (Some(starved), Phase::Body) = (beat.starved, beat.phase) {
            let earned = Duration::from_secs(beat.body_bytes / body_rate.max(1));
            let at = (starved + body_stall).min(beat.since + body_time.max(earned));
            dues[1] = Some((at, Due::SlowBody));
        }
        dues[2] = beat.stalled.map(|stalled| (stalled + write_stall, Due::SlowReader));
        match dues.into_iter().flatten().min_by_key(|(at, _)| *at) {
            Some((at, due)) if at <= now => due,
            next => Due::Wait(next.map(|(at, _)| at)),
        }
    }

    fn read(&self, phase: Phase, new_request: bool, bytes: usize) {
        let mut beat = self.beat();
        beat.starved = None;
        if phase != beat.phase || new_request {
            beat.phase = phase;
            beat.since = Instant::now();
            beat.body_bytes = 0;
        }
        if phase == Phase::Body {
            beat.body_bytes += bytes as u64;
        }
    }

    fn waits_for_bytes(&self) {
        let mut beat = self.beat();
        if beat.phase == Phase::Body && beat.starved.is_none() {
            beat.starved = Some(Instant::now());
        }
    }

    fn wrote(&self, blocked: bool) {
        let mut beat = self.beat();
        if !blocked {
            beat.stalled = None;
        } else if beat.stalled.is_none() {
            beat.stalled = Some(Instant::now());
        }
    }
}

/// A request under way, from its head until its answer's last byte is handed to the socket.
pub(super) struct InFlight(Arc<Pulse>);

impl InFlight {
    pub(super) fn begin(pulse: &Arc<Pulse>) -> Self {
        pulse.beat().in_flight += 1;
        Self(Arc::clone(pulse))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut beat = self.0.beat();
        beat.in_flight = beat.in_flight.saturating_sub(1);
        beat.quiet = Instant::now();
    }
}

/// The socket as hyper sees it.
pub(super) struct Socket<S> {
    stream: S,
    framer: Framer,
    pulse: Arc<Pulse>,
    budget: Option<Arc<Budget>>,
    /// Bytes of the head that is being read, and the room that they take.
    head: usize,
    held: Held,
    fault: Option<Fault>,
}

impl<S> Socket<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>, budget: Option<Arc<Budget>>) -> Self {
        let framer = Framer::new(pulse.limits.head_bytes, pulse.limits.headers);
        Self { stream, framer, pulse, budget, head: 0, held: Held::default(), fault: None }
    }

    /// Whether there is room for the head as it has grown. Nobody has read it yet, so it cannot wait.
    fn has_room(&mut self, arrived: usize) -> bool {
        if self.framer.phase() != Phase::Head {
            self.head = 0;
            self.held = Held::default();
            return true;
        }
        self.head += arrived;
        let Some(budget) = &self.budget else { return true };
        self.held.grow(budget, self.head)
    }

    /// The socket itself, and why its bytes were refused, if they were.
    pub(super) fn into_parts(self) -> (S, Option<Fault>) {
        (self.stream, self.fault)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(fault) = this.fault {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault.to_string())));
        }
        if this.pulse.beat().give_up {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the request's body did not arrive in time",
            )));
        }
        let before = buffer.filled().len();
        let Poll::Ready(answer) = Pin::new(&mut this.stream).poll_read(cx, buffer) else {
            this.pulse.waits_for_bytes();
            return Poll::Pending;
        };
        answer?;
        let requests = this.framer.requests();
        let arrived = buffer.filled().len() - before;
        let fed = this.framer.feed(buffer.filled().get(before..).unwrap_or_default());
        let new_request = this.framer.requests() != requests;
        this.pulse.read(this.framer.phase(), new_request, arrived);
        let (fault, good) = match fed {
            Err(refused) => (refused.fault, refused.good),
            Ok(_) if this.has_room(arrived) => return Poll::Ready(Ok(())),
            Ok(_) => (Fault::Crowded, 0),
        };
        this.fault = Some(fault);
        buffer.set_filled(before + good);
        if good == 0 {
            return Pin::new(this).poll_read(cx, buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let answer = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.pulse.wrote(answer.is_pending());
        answer
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let answer = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.pulse.wrote(answer.is_pending());
        answer
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
