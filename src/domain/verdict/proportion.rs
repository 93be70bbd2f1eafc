//! How far two rates (of errors, of right answers) lie apart.
//!
//! Both arms' martingales multiply to one martingale, so a single threshold holds for the pair and
//! nothing is spent on treating the arms apart: the pairs of rates not refuted form a convex set, and
//! its extreme differences are the interval. It excludes zero exactly when no common rate survives.

use super::mixture::{Mixture, ln_likelihood};
use super::{Interval, Rate};

/// Counts as numbers that may be scaled, for forecasts.
#[derive(Clone, Copy, Debug)]
struct Counts {
    hits: f64,
    all: f64,
}

impl Counts {
    fn of(rate: Rate, scale: f64) -> Self {
        Self { hits: rate.hits.min(rate.all) as f64 * scale, all: rate.all as f64 * scale }
    }

    /// The other answer counted: the same data seen from the rate `1 - p`.
    fn mirrored(self) -> Self {
        Self { hits: self.all - self.hits, all: self.all }
    }

    /// The rate at which the negative log-likelihood rises with `slope` > 0: the root in [0, 1] of
    /// `slope·p² + (all − slope)·p − hits`, in the form that does not cancel.
    fn rate_at(self, slope: f64) -> f64 {
        let linear = self.all - slope;
        let root = (linear * linear + 4.0 * slope * self.hits).sqrt();
        let rate = if linear > 0.0 {
            2.0 * self.hits / (linear + root)
        } else {
            (root - linear) / (2.0 * slope)
        };
        rate.clamp(0.0, 1.0)
    }
}

/// The differences `second − first` that are not refuted, at evidence below `threshold` (a natural
/// logarithm), with all counts times `scale`.
pub(super) fn difference(first: Rate, second: Rate, threshold: f64, scale: f64) -> Interval {
    let (first, second) = (Counts::of(first, scale), Counts::of(second, scale));
    Interval {
        low: -farthest(second, first, threshold).min(1.0),
        high: farthest(first, second, threshold).min(1.0),
    }
}

/// The largest `raised − lowered` not refuted. At the set's extreme point both likelihoods fall
/// equally steeply, so the pair is found along that one slope.
fn farthest(lowered: Counts, raised: Counts, threshold: f64) -> f64 {
    let evidence = [lowered, raised]
        .map(|counts| Mixture::UNKNOWN.evidence(counts.hits, counts.all))
        .iter()
        .sum::<f64>();
    let pair = |slope: f64| (1.0 - lowered.mirrored().rate_at(slope), raised.rate_at(slope));
    let refuted = |slope: f64| {
        let (low, high) = pair(slope);
        evidence
            - ln_likelihood(low, lowered.hits, lowered.all)
            - ln_likelihood(high, raised.hits, raised.all)
            >= threshold
    };
    // Slopes are told apart by their logarithm, up to well past every count.
    let (mut below, mut above) = (-20.0_f64, 60.0_f64);
    for _ in 0..50 {
        let middle = f64::midpoint(below, above);
        if refuted(middle.exp()) {
            above = middle;
        } else {
            below = middle;
        }
    }
    let (low, high) = pair(above.exp());
    high - low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(hits: u64, all: u64) -> Rate {
        Rate { hits, all }
    }

    /// The same interval by walking a grid of pairs.
    fn on_a_grid(first: Rate, second: Rate, threshold: f64, steps: u32) -> Interval {
        let grid: Vec<f64> = (0..=steps).map(|n| f64::from(n) / f64::from(steps)).collect();
        let against = |counts: Rate, p: f64| {
            Mixture::UNKNOWN.against(p, counts.hits as f64, counts.all as f64)
        };
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for p in &grid {
            for q in &grid {
                if against(first, *p) + against(second, *q) < threshold {
                    low = low.min(q - p);
                    high = high.max(q - p);
                }
            }
        }
        Interval { low, high }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn agrees_with_a_grid(
            first in (0_u64..=60).prop_flat_map(|all| (0..=all, Just(all))),
            second in (0_u64..=60).prop_flat_map(|all| (0..=all, Just(all))),
            threshold in 2.0..6.0_f64,
        ) {
            let (first, second) = (rate(first.0, first.1), rate(second.0, second.1));
            let found = difference(first, second, threshold, 1.0);
            let grid = on_a_grid(first, second, threshold, 200);
            prop_assert!((found.low - grid.low).abs() < 0.012, "{found:?} {grid:?}");
            prop_assert!((found.high - grid.high).abs() < 0.012, "{found:?} {grid:?}");
        }
    }

    #[test]
    fn nothing_seen_leaves_everything_possible() {
        let all = difference(rate(0, 0), rate(0, 0), 3.0, 1.0);
        assert!(all.low <= -0.999_999 && all.high >= 0.999_999, "{all:?}");
    }

    #[test]
    fn many_clean_requests_narrow_the_interval() {
        let found = difference(rate(0, 20_000), rate(0, 20_000), 4.4, 1.0);
        assert!(found.low < 0.0 && found.high > 0.0 && found.high < 0.001, "{found:?}");
    }
}
