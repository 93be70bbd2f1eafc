//! Points in time as the region stores them, and the clock as an argument.
//!
//! AWS's JSON protocols carry timestamps as epoch seconds with a fraction; the store keeps whole
//! milliseconds, which is what that fraction resolves.

use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// From epoch seconds as AWS's JSON carries them; `None` when not representable.
    pub fn from_secs_f64(seconds: f64) -> Option<Self> {
        let millis = (seconds * 1000.0).round();
        (millis.is_finite() && millis.abs() < 9.0e15).then_some(Self(millis as i64))
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// The member of a document: epoch seconds as a JSON number.
    pub fn to_document(self) -> serde_json::Value {
        serde_json::json!(self.as_secs_f64())
    }

    /// From a document's member; `None` when it is not a number.
    pub fn from_document(value: &serde_json::Value) -> Option<Self> {
        value.as_f64().and_then(Self::from_secs_f64)
    }

    /// RFC 3339 in UTC with milliseconds, as the query protocol and S3 print it.
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0).map(|at| format!("{at:.3}")).unwrap_or_default()
    }

    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time since `earlier`; zero when the clock went backwards.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Where "now" comes from. The system's clock in service, a manual one in tests.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock: for stamps. It jumps when somebody sets it.
    fn now(&self) -> Timestamp;

    /// The monotonic clock, put on the wall clock's scale when the process began: for spans. It
    /// neither jumps nor runs while the machine sleeps. Readings of two processes do not compare.
    fn steady(&self) -> Timestamp;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The wall clock and the monotonic one at the same moment, early in the process.
static ORIGIN: LazyLock<(Timestamp, Instant)> =
    LazyLock::new(|| (SystemClock.now(), Instant::now()));

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn steady(&self) -> Timestamp {
        let (wall, monotonic) = *ORIGIN;
        wall.plus(monotonic.elapsed())
    }
}

/// A clock that moves only when a test moves it.
#[derive(Debug, Default)]
pub struct ManualClock {
    wall: AtomicI64,
    steady: AtomicI64,
}

impl ManualClock {
    pub fn at(start: Timestamp) -> Self {
        let reading = || AtomicI64::new(start.as_millis());
        Self { wall: reading(), steady: reading() }
    }

    /// Lets time pass.
    pub fn advance(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        self.wall.fetch_add(millis, Ordering::SeqCst);
        self.steady.fetch_add(millis, Ordering::SeqCst);
    }

    /// Sets the wall clock by so much, as no time does.
    pub fn jump(&self, millis: i64) {
        self.wall.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Timestamp {
        Timestamp(self.steady.load(Ordering::SeqCst))
    }
}
