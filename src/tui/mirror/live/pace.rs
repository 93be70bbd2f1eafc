//! How fast counters run, out of the last few times they were told.

use std::collections::VecDeque;

/// Seconds over which a rate is taken: long enough to be calm, short enough to follow a hand.
pub const OVER: f64 = 3.0;
/// Samples are at least so many seconds apart; closer ones replace the last.
const APART: f64 = 0.25;
/// Samples further apart than that have a rest between them.
const BRIDGE: f64 = 2.0;

/// What a variant has had, ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub invocations: u64,
    pub errors_4xx: u64,
    pub errors_5xx: u64,
}

impl Counters {
    /// What has come since; `None` where something has become less.
    pub fn since(self, earlier: Self) -> Option<Self> {
        Some(Self {
            invocations: self.invocations.checked_sub(earlier.invocations)?,
            errors_4xx: self.errors_4xx.checked_sub(earlier.errors_4xx)?,
            errors_5xx: self.errors_5xx.checked_sub(earlier.errors_5xx)?,
        })
    }

    pub fn add(&mut self, other: Self) {
        self.invocations = self.invocations.saturating_add(other.invocations);
        self.errors_4xx = self.errors_4xx.saturating_add(other.errors_4xx);
        self.errors_5xx = self.errors_5xx.saturating_add(other.errors_5xx);
    }

    fn floats(self) -> [f64; 3] {
        [self.invocations as f64, self.errors_4xx as f64, self.errors_5xx as f64]
    }

    pub fn errors(self) -> u64 {
        self.errors_4xx.saturating_add(self.errors_5xx)
    }
}

/// A second's worth of something.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Requests a second.
    pub requests: f64,
    pub errors_4xx: f64,
    pub errors_5xx: f64,
}

impl Rates {
    pub fn errors(self) -> f64 {
        self.errors_4xx + self.errors_5xx
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            errors_4xx: self.errors_4xx + other.errors_4xx,
            errors_5xx: self.errors_5xx + other.errors_5xx,
        }
    }
}

/// The last samples of counters that only go up while nothing restarts. Between two samples nothing
/// is known but the sum; after the last one, that nothing has come.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    /// Epoch seconds, and the counters then; ascending. The first may be older than what a rate is
    /// taken over: it says where that began.
    samples: VecDeque<(f64, Counters)>,
}

impl Pace {
    /// Takes the counters in after nobody listened for a while: what came meanwhile came at no
    /// known rate.
    pub fn take_anew(&mut self, at: f64, counters: Counters) {
        if self.at().is_some_and(|last| at - last > BRIDGE) {
            self.samples.clear();
        }
        self.take(at, counters);
    }

    pub fn take(&mut self, at: f64, counters: Counters) {
        if let Some((last, known)) = self.samples.back() {
            if at < *last || counters.since(*known).is_none() {
                self.samples.clear();
            } else if self.samples.len() > 1 && at - self.samples[self.samples.len() - 2].0 < APART
            {
                self.samples.pop_back();
            }
        }
        self.samples.push_back((at, counters));
        while self.samples.len() > 2 && self.samples[1].0 <= at - OVER {
            self.samples.pop_front();
        }
    }

    /// The rates at a moment, in epoch seconds.
    pub fn rates(&self, now: f64) -> Rates {
        let Some((at, last)) = self.samples.back() else { return Rates::default() };
        // A clock that is a little behind the region's is no reason to show nothing.
        let now = now.max(*at);
        let from = now - OVER;
        let before = self.samples.iter().rposition(|(at, _)| *at <= from);
        let (began, first) = match before {
            Some(index) => (from, self.between(index, from)),
            None => {
                let (began, first) = self.samples.front().copied().unwrap_or((now, *last));
                (began, first.floats())
            }
        };
        let span = (now - began).max(APART);
        let rate = |last: u64, first: f64| (last as f64 - first).max(0.0) / span;
        Rates {
            requests: rate(last.invocations, first[0]),
            errors_4xx: rate(last.errors_4xx, first[1]),
            errors_5xx: rate(last.errors_5xx, first[2]),
        }
    }

    /// What was counted at a moment after the nth sample: on the way to the next one, unless that
    /// came so late that what it brought came with it.
    fn between(&self, index: usize, at: f64) -> [f64; 3] {
        let Some((before, first)) = self.samples.get(index) else { return [0.0; 3] };
        let first = first.floats();
        match self.samples.get(index + 1) {
            Some((after, next)) if after - before <= BRIDGE && after > before => {
                let part = (at - before) / (after - before);
                let next = next.floats();
                std::array::from_fn(|n| first[n] + (next[n] - first[n]) * part)
            }
            _ => first,
        }
    }

    pub fn last(&self) -> Counters {
        self.samples.back().map(|(_, counters)| *counters).unwrap_or_default()
    }

    /// When something was told last.
    pub fn at(&self) -> Option<f64> {
        self.samples.back().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn invoked(invocations: u64) -> Counters {
        Counters { invocations, ..Counters::default() }
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn a_steady_rate_is_that_rate_and_falls_to_nothing_at_rest() {
        let mut pace = Pace::default();
        for half in 0..40_u32 {
            pace.take(f64::from(half) / 2.0, invoked(u64::from(half) * 50));
        }
        assert!(near(pace.rates(19.5).requests, 100.0));
        assert!(near(pace.rates(21.0).requests, 50.0));
        assert!(near(pace.rates(22.5).requests, 0.0));
        assert!(near(pace.rates(400.0).requests, 0.0));
        // Five requests after a long rest are few, not a burst, and not spread over the rest either.
        pace.take(100.0, invoked(39 * 50 + 5));
        assert!(near(pace.rates(100.0).requests, 5.0 / OVER));
    }

    #[test]
    fn what_came_while_nobody_listened_is_no_burst() {
        let mut pace = Pace::default();
        pace.take(0.0, invoked(0));
        pace.take(1.0, invoked(100));
        pace.take_anew(61.0, invoked(6_100));
        assert!(near(pace.rates(61.0).requests, 0.0));
        pace.take_anew(61.5, invoked(6_150));
        assert!(near(pace.rates(61.5).requests, 100.0));
    }

    #[test]
    fn a_region_that_began_again_has_no_negative_rate() {
        let mut pace = Pace::default();
        pace.take(0.0, invoked(1_000));
        pace.take(1.0, invoked(2_000));
        pace.take(2.0, invoked(10));
        assert!(near(pace.rates(2.0).requests, 0.0));
        pace.take(3.0, invoked(20));
        assert!(near(pace.rates(3.0).requests, 10.0));
    }

    proptest! {
        #[test]
        fn any_history_is_bounded_and_never_negative(
            steps in prop::collection::vec((-1.0..3.0_f64, 0..1_000_u64), 0..200), later in 0.0..9.0_f64
        ) {
            let mut pace = Pace::default();
            let (mut at, mut sum) = (1e9, 0);
            for (step, more) in steps {
                at += step;
                sum = if more == 999 { 0 } else { sum + more };
                pace.take(at, invoked(sum));
                prop_assert!(pace.rates(at + later).requests >= 0.0);
            }
            prop_assert!(pace.samples.len() <= (OVER / APART) as usize * 2 + 4);
        }
    }
}
