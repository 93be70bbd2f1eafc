//! What is known of an instance while it lives: where it stands, since when, and how it answered
//! its pings. Its own task writes it; whoever shows the endpoint reads it. Nothing is decided by it.

use crate::domain::time::Timestamp;
use crate::engine::Address;
use crate::serving::health::Ping;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many pings are remembered.
pub const PINGS: usize = 30;

/// Where an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its containers are being started or have not been healthy yet.
    Starting,
    InService,
    /// Its last ping is overdue or failed: it gets requests only when no other instance serves, and
    /// after a few of those it is replaced.
    Unhealthy,
    /// It takes no new requests; it finishes those in flight, then ends.
    Stopping,
    Ended,
}

impl Phase {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::InService => "in service",
            Self::Unhealthy => "unhealthy",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
        }
    }
}

/// One ping as it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinged {
    pub at: Timestamp,
    pub outcome: Ping,
    pub took: Duration,
}

/// An instance's diary.
#[derive(Debug)]
pub struct Diary {
    pub id: String,
    pub variant: String,
    /// The number of its fleet among those of this endpoint, in this life of the region.
    pub fleet: u64,
    /// The endpoint configuration that it stems from.
    pub config: String,
    /// How many instances before it stood in its place and were lost or stopped.
    pub restarts: u32,
    page: Mutex<Page>,
}

/// A diary's present content.
#[derive(Clone, Debug)]
pub struct Page {
    pub phase: Phase,
    pub since: Timestamp,
    /// Of its containers, as far as the engine knows them.
    pub pids: Vec<u32>,
    pub address: Option<Address>,
    /// Oldest first, at most [`PINGS`].
    pub pings: VecDeque<Pinged>,
    /// Why it ended, once it has.
    pub why: Option<String>,
}

impl Diary {
    pub fn new(
        id: String,
        variant: String,
        (fleet, config): (u64, String),
        restarts: u32,
        now: Timestamp,
    ) -> Self {
        let page = Page {
            phase: Phase::Starting,
            since: now,
            pids: Vec::new(),
            address: None,
            pings: VecDeque::new(),
            why: None,
        };
        Self { id, variant, fleet, config, restarts, page: Mutex::new(page) }
    }

    fn lock(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn page(&self) -> Page {
        self.lock().clone()
    }

    /// Goes on to `phase`; an instance that is on its way out does not come back.
    pub fn enter(&self, phase: Phase, now: Timestamp) {
        let mut page = self.lock();
        let leaving = matches!(page.phase, Phase::Stopping | Phase::Ended);
        if page.phase != phase && (!leaving || phase == Phase::Ended) {
            page.phase = phase;
            page.since = now;
        }
    }

    pub fn runs(&self, pids: Vec<u32>) {
        self.lock().pids = pids;
    }

    pub fn listens(&self, address: Address, now: Timestamp) {
        self.lock().address = Some(address);
        self.enter(Phase::InService, now);
    }

    pub fn ends(&self, why: &str, now: Timestamp) {
        self.enter(Phase::Ended, now);
        let mut page = self.lock();
        page.pids.clear();
        page.why.get_or_insert_with(|| why.to_owned());
    }

    pub fn pinged(&self, outcome: Ping, took: Duration, now: Timestamp) {
        let mut page = self.lock();
        if page.pings.len() == PINGS {
            page.pings.pop_front();
        }
        page.pings.push_back(Pinged { at: now, outcome, took });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn diary() -> Diary {
        Diary::new("i-1".into(), "main".into(), (1, "c".into()), 0, at(0))
    }

    #[test]
    fn who_leaves_does_not_come_back() {
        let diary = diary();
        diary.listens(Address::Unix("/s".into()), at(5));
        diary.enter(Phase::InService, at(6));
        assert_eq!((diary.page().phase, diary.page().since), (Phase::InService, at(5)));
        diary.enter(Phase::Stopping, at(7));
        diary.enter(Phase::Unhealthy, at(8));
        assert_eq!((diary.page().phase, diary.page().since), (Phase::Stopping, at(7)));
        diary.ends("killed", at(9));
        diary.ends("again", at(10));
        let page = diary.page();
        assert_eq!(
            (page.phase, page.since, page.why),
            (Phase::Ended, at(9), Some("killed".into()))
        );
    }

    #[test]
    fn the_newest_pings_are_kept() {
        let diary = diary();
        for number in 0..100 {
            diary.pinged(Ping::Status(number), Duration::from_micros(7), at(i64::from(number)));
        }
        let pings = diary.page().pings;
        assert_eq!(pings.len(), PINGS);
        assert_eq!(pings.front().unwrap().outcome, Ping::Status(70));
        assert_eq!(pings.back().unwrap().outcome, Ping::Status(99));
    }
}
