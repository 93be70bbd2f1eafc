//! How far two quantiles lie apart, as a ratio.
//!
//! After Howard and Ramdas ("Sequential estimation of quantiles with applications to A/B-testing and
//! best-arm identification"): whether a value lies at or below the p-quantile is a draw with the
//! known rate p, so the beta-binomial mixture judges each candidate value by how many values lie
//! below it. Values in one bucket are not told apart, which is a tie: the count that a candidate in
//! the bucket would have lies between those at its ends, and the kindest of these is taken.
//!
//! As with rates, the arms' martingales multiply, so one threshold holds for the pair of candidates.

use super::Interval;
use super::mixture::Mixture;
use crate::domain::distribution::Distribution;

/// One arm's candidates for its quantile.
struct Arm<'a> {
    values: &'a Distribution,
    /// Counts are multiplied by it, for forecasts.
    scale: f64,
    rate: f64,
    mixture: Mixture,
    /// The bucket that is refuted least, and how much it is.
    centre: usize,
    least: f64,
}

impl<'a> Arm<'a> {
    fn new(values: &'a Distribution, rate: f64, scale: f64) -> Self {
        let mixture = Mixture::around(rate);
        let mut arm = Self { values, scale, rate, mixture, centre: 0, least: 0.0 };
        // The evidence is convex in the count and least within one of this; counts are whole.
        let all = values.len() as f64;
        let middle = (rate * all).floor();
        let ranks = [middle - 1.0, middle, middle + 1.0, middle + 2.0];
        let judged = ranks.map(|rank| rank.clamp(0.0, all)).map(|rank| (rank, arm.at(rank)));
        if let Some((rank, least)) = judged.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)) {
            arm.centre = values.reached(rank);
            arm.least = least;
        }
        arm
    }

    /// The evidence against a candidate at or below which `rank` values lie.
    fn at(&self, rank: f64) -> f64 {
        let all = self.values.len() as f64;
        self.mixture.against(self.rate, rank * self.scale, all * self.scale)
    }

    /// A bucket's value. A latency of no microsecond counts as one: nothing finer is recorded.
    fn value(&self, index: usize) -> Option<f64> {
        self.values.value(index).map(|value| value.max(1) as f64)
    }

    /// The value and the evidence against the bucket `steps` below the centre; below all is zero.
    fn lower(&self, steps: usize) -> Option<(f64, f64)> {
        match self.centre.checked_sub(steps) {
            Some(index) if steps == 0 => Some((self.value(index)?, self.least)),
            Some(index) => {
                let rank = self.values.counted_before(index + 1);
                Some((self.value(index)?, self.at(rank).max(self.least)))
            }
            None if steps == self.centre + 1 => Some((0.0, self.at(0.0).max(self.least))),
            None => None,
        }
    }

    /// Likewise for the bucket `steps` above the centre; above all is infinity.
    fn upper(&self, steps: usize) -> Option<(f64, f64)> {
        let index = self.centre + steps;
        match self.value(index) {
            Some(value) if steps == 0 => Some((value, self.least)),
            Some(value) => {
                let rank = self.values.counted_before(index);
                Some((value, self.at(rank).max(self.least)))
            }
            None if index == self.values.buckets() => {
                let all = self.values.len() as f64;
                Some((f64::INFINITY, self.at(all).max(self.least)))
            }
            None => None,
        }
    }
}

/// The ratios `second / first` of the `rate`-quantiles that are not refuted, at evidence below
/// `threshold` (a natural logarithm), with all counts times `scale`.
pub(super) fn ratio(
    first: &Distribution,
    second: &Distribution,
    rate: f64,
    threshold: f64,
    scale: f64,
) -> Interval {
    if first.is_empty() || second.is_empty() {
        return Interval { low: 0.0, high: f64::INFINITY };
    }
    let (first, second) = (Arm::new(first, rate, scale), Arm::new(second, rate, scale));
    Interval {
        low: 1.0 / largest(&second, &first, threshold),
        high: largest(&first, &second, threshold),
    }
}

/// The largest `above / below` of the pairs not refuted: for each candidate on the lower side of
/// one arm, from its centre outwards, the highest of the other that the pair can still afford, which
/// only ever moves inwards.
fn largest(below: &Arm<'_>, above: &Arm<'_>, threshold: f64) -> f64 {
    let affordable = |left: f64| move |right: f64| left + right < threshold;
    // Outwards as far as the cheapest partner allows.
    let mut reach = Vec::new();
    let within = affordable(below.least);
    for candidate in (0..).map_while(|steps| above.upper(steps)) {
        if !reach.is_empty() && !within(candidate.1) {
            break;
        }
        reach.push(candidate);
    }
    let mut best = 0.0_f64;
    for (low, against) in (0..).map_while(|steps| below.lower(steps)) {
        let within = affordable(against);
        while reach.len() > 1 && reach.last().is_some_and(|(_, right)| !within(*right)) {
            reach.pop();
        }
        let Some((high, right)) = reach.last() else { break };
        if !within(*right) && best > 0.0 {
            break;
        }
        best = best.max(high / low);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::histogram::empty;
    use proptest::prelude::*;

    fn distribution(values: &[u64]) -> Distribution {
        let mut histogram = empty();
        values.iter().for_each(|value| histogram.saturating_record(*value));
        Distribution::from(&histogram)
    }

    /// The evidence against a candidate, from the raw values: the kindest count between its ends.
    fn against(values: &[u64], candidate: u64, rate: f64) -> f64 {
        let below = values.iter().filter(|value| **value < candidate).count();
        let through = values.iter().filter(|value| **value <= candidate).count();
        (below..=through)
            .map(|count| Mixture::around(rate).against(rate, count as f64, values.len() as f64))
            .fold(f64::INFINITY, f64::min)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn agrees_with_trying_every_pair(
            first in prop::collection::vec(1_u64..40, 1..120),
            second in prop::collection::vec(1_u64..40, 1..120),
            rate in prop_oneof![Just(0.5), Just(0.9), Just(0.99)],
            threshold in 2.0..6.0_f64,
        ) {
            let found = ratio(&distribution(&first), &distribution(&second), rate, threshold, 1.0);
            let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
            for p in 0..=41_u64 {
                for q in 0..=41_u64 {
                    let evidence = against(&first, p, rate) + against(&second, q, rate);
                    // Zero stands for all below the smallest, 41 for all above the greatest.
                    let value = |n: u64, values: &[u64]| match n {
                        n if n < *values.iter().min().unwrap() => 0.0,
                        n if n > *values.iter().max().unwrap() => f64::INFINITY,
                        n => n as f64,
                    };
                    let (p, q) = (value(p, &first), value(q, &second));
                    if evidence < threshold && !(p == q && (p == 0.0 || p.is_infinite())) {
                        low = low.min(q / p);
                        high = high.max(q / p);
                    }
                }
            }
            let near = |a: f64, b: f64| a == b || (a - b).abs() < 1e-9;
            prop_assert!(near(found.low, low) && near(found.high, high), "{found:?} {low} {high}");
        }
    }

    #[test]
    fn a_few_values_say_nothing_about_the_99th_percentile() {
        let values = distribution(&(1..60).collect::<Vec<u64>>());
        assert!(ratio(&values, &values, 0.99, 4.4, 1.0).high.is_infinite());
    }
}
