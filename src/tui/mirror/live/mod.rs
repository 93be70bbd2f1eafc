//! The numbers that move: what the region's traffic stream and the live streams of single endpoints
//! tell, kept so that lists, charts and verdicts can read them at any moment.
//!
//! The streams tell counters and histograms that only grow. What is shown are differences: rates
//! over the last seconds, histograms of the last minute. A counter that has become less means that
//! the region began again; a long silence means that what came meanwhile belongs to no second. Both
//! begin anew instead of showing a leap.

mod counts;
mod fleet;
mod happening;
mod judged;
mod pace;
#[cfg(test)]
mod tests;
mod traffic;
mod watched;

pub use counts::Counts;
pub use fleet::{Deployment, Instance, Ping};
pub use happening::{Happening, Mark};
pub use judged::Judged;
pub use pace::{Counters, Pace, Rates};
pub use traffic::{Beat, Traffic};
pub use watched::{KEPT, Variant, WINDOW, Watched};

use crate::tui::msg::Load;
use crate::tui::row::key;
use serde_json::Value;

/// Endpoints whose details are kept; the one that was heard of least lately goes first.
const WATCHED: usize = 4;

#[derive(Debug, Default)]
pub struct Live {
    pub traffic: Traffic,
    watched: Vec<Watched>,
    /// Lines that could not be read.
    pub unreadable: u64,
}

impl Live {
    /// A line of the whole region's stream.
    pub(super) fn traffic(&mut self, line: &Value) {
        self.unreadable += u64::from(!self.traffic.take(line));
    }

    /// A line of an endpoint's stream.
    pub(super) fn endpoint(&mut self, name: &str, line: &Value, load: Option<&Load>) {
        let found = self.watched.iter().position(|one| one.name.eq_ignore_ascii_case(name));
        // Newest last.
        let mut watched = found.map(|at| self.watched.remove(at)).unwrap_or_default();
        self.unreadable += u64::from(!watched.take(line));
        watched.judge(load);
        if !watched.name.is_empty() {
            self.watched.push(watched);
        }
        if self.watched.len() > WATCHED {
            self.watched.remove(0);
        }
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.traffic.forget(name);
        self.watched.retain(|one| !one.name.eq_ignore_ascii_case(name));
    }

    /// Forgets endpoints that are not there any more; `exists` is asked by the name in lower case.
    pub(super) fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        self.traffic.retain(&exists);
        self.watched.retain(|one| exists(&key(&one.name)));
    }

    /// An endpoint whose stream is or was followed.
    pub fn watched(&self, name: &str) -> Option<&Watched> {
        self.watched.iter().find(|one| one.name.eq_ignore_ascii_case(name))
    }

    /// What an endpoint has now, from whichever stream tells it; `now` in epoch milliseconds. `None`
    /// when nothing was told of it.
    pub fn rates(&self, endpoint: &str, now: i64) -> Option<Rates> {
        let now = now as f64 / 1000.0;
        match self.watched(endpoint) {
            Some(watched) if watched.at >= self.traffic.last_at(endpoint).unwrap_or(0.0) => {
                Some(watched.rates(now))
            }
            _ => self.traffic.rates(endpoint, now),
        }
    }
}
