//! How much of the region one client may take, and for how long.

use std::time::Duration;

/// What the gateway puts up with. The defaults are for service; tests shorten the times.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Request line and header lines together, in bytes.
    pub head_bytes: usize,
    /// Header lines.
    pub headers: usize,
    /// From a head's first byte to its last.
    pub head_time: Duration,
    /// How long a connection may rest between two requests, or before its first.
    pub idle_time: Duration,
    /// How long a body under way may stand still.
    pub body_stall: Duration,
    /// How long the whole body of a call or an invocation may take; objects are only bound by
    /// [`Limits::body_stall`] and [`Limits::body_rate`].
    pub body_time: Duration,
    /// Bytes per second that a body must bring on average once it has taken `body_time`.
    pub body_rate: u64,
    /// How long a client may leave an answer unread.
    pub write_stall: Duration,
    /// The body of a control plane call, in bytes.
    pub call_bytes: usize,
    /// The body of an invocation, in bytes; AWS's figure.
    pub invocation_bytes: usize,
    /// One object or part sent in one request, in bytes; AWS's figure.
    pub object_bytes: u64,
    /// Connections at once; the next is told to come back later. Less when the process may not open
    /// that many files.
    pub connections: usize,
    /// How many of them may be another local user's; the rest is the owner's alone.
    pub strangers: usize,
    /// How many bytes of requests may be in memory, over all connections.
    pub memory: usize,
    /// How long a body waits for its room in that memory before it is refused.
    pub memory_wait: Duration,
    /// How long a shutdown waits for requests under way.
    pub grace: Duration,
    /// Followers of `/_sagebrush/` streams at once.
    pub watchers: usize,
    /// The longest silence on a `/_sagebrush/` stream.
    pub heartbeat: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 64 * 1024,
            headers: 128,
            head_time: Duration::from_secs(15),
            idle_time: Duration::from_secs(300),
            body_stall: Duration::from_secs(30),
            body_time: Duration::from_secs(60),
            body_rate: 1024,
            write_stall: Duration::from_secs(120),
            call_bytes: 4 * 1024 * 1024,
            invocation_bytes: 6_291_456,
            object_bytes: 5 * 1024 * 1024 * 1024,
            connections: 16_384,
            strangers: 256,
            memory: 256 * 1024 * 1024,
            memory_wait: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            watchers: 256,
            heartbeat: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// For connections that are not known to be the owner's: what an honest client needs.
    pub(super) fn of_strangers(&self) -> Self {
        Self {
            head_bytes: self.head_bytes.min(16 * 1024),
            head_time: self.head_time.min(Duration::from_secs(5)),
            idle_time: self.idle_time.min(Duration::from_secs(15)),
            body_stall: self.body_stall.min(Duration::from_secs(5)),
            body_time: self.body_time.min(Duration::from_secs(15)),
            write_stall: self.write_stall.min(Duration::from_secs(30)),
            ..self.clone()
        }
    }
}
