//! The weighted pick: a variant's share is its weight over the sum of all weights.

/// The weights of an endpoint's variants, ready to pick from.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Running sums; an entry equal to the one before it has no share.
    sums: Vec<f64>,
}

impl Weights {
    /// Negative, NaN and infinite weights count as zero.
    pub fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let sums = weights
            .into_iter()
            .scan(0.0, |sum, weight| {
                if weight.is_finite() && weight > 0.0 {
                    *sum += weight;
                }
                Some(*sum)
            })
            .collect();
        Self { sums }
    }

    fn total(&self) -> f64 {
        self.sums.last().copied().unwrap_or(0.0)
    }

    /// The share of the `index`-th, 0 to 1; zero for all when no weight is above zero.
    pub fn share(&self, index: usize) -> f64 {
        let below = index.checked_sub(1).map_or(0.0, |before| self.sums[before]);
        let own = self.sums.get(index).map_or(0.0, |sum| sum - below);
        if self.total() > 0.0 { own / self.total() } else { 0.0 }
    }

    /// Picks by a draw in `[0, 1)`. `None` when no weight is above zero: then nothing has a share,
    /// and only a request that names its variant can be served.
    pub fn pick(&self, unit: f64) -> Option<usize> {
        let total = self.total();
        if total <= 0.0 {
            return None;
        }
        let mark = unit.clamp(0.0, 1.0) * total;
        let index = self.sums.partition_point(|sum| *sum <= mark);
        // A draw so near to one that the product rounds up to the total falls to the last share.
        let last = self.sums.partition_point(|sum| *sum < total);
        Some(index.min(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::seed::Seed;
    use proptest::prelude::*;

    fn weights() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(prop_oneof![Just(0.0), 0.0..100.0_f64, 1e-9..1e-6_f64], 1..10)
    }

    proptest! {
        #[test]
        fn never_picks_what_has_no_weight(weights in weights(), unit in 0.0..1.0_f64) {
            let table = Weights::new(weights.iter().copied());
            match table.pick(unit) {
                Some(index) => prop_assert!(weights[index] > 0.0),
                None => prop_assert!(weights.iter().all(|weight| *weight == 0.0)),
            }
        }

        #[test]
        fn shares_sum_to_one(weights in weights()) {
            let table = Weights::new(weights.iter().copied());
            let sum: f64 = (0..weights.len()).map(|index| table.share(index)).sum();
            let expected = if weights.iter().any(|weight| *weight > 0.0) { 1.0 } else { 0.0 };
            prop_assert!((sum - expected).abs() < 1e-9);
        }

        #[test]
        fn draws_follow_the_shares(weights in weights(), seed: u64) {
            let table = Weights::new(weights.iter().copied());
            let draws = 4_000_u64;
            let mut counts = vec![0_u64; weights.len()];
            for n in 0..draws {
                if let Some(index) = table.pick(Seed(seed).unit(n)) {
                    counts[index] += 1;
                }
            }
            for (index, count) in counts.iter().enumerate() {
                let share = table.share(index);
                let expected = share * draws as f64;
                // Six standard deviations: one false alarm in half a billion.
                let spread = 6.0 * (draws as f64 * share * (1.0 - share)).sqrt() + 1.0;
                prop_assert!((*count as f64 - expected).abs() <= spread);
            }
        }

        #[test]
        fn only_proportions_matter(weights in weights(), unit in 0.0..1.0_f64) {
            let once = Weights::new(weights.iter().copied());
            let scaled = Weights::new(weights.iter().map(|weight| weight * 4.0));
            prop_assert_eq!(once.pick(unit), scaled.pick(unit));
        }
    }

    #[test]
    fn one_is_the_last_share_and_not_a_zero_after_it() {
        assert_eq!(Weights::new([1.0, 3.0, 0.0]).pick(1.0), Some(1));
    }

    #[test]
    fn odd_weights_count_as_zero() {
        let table = Weights::new([f64::NAN, -1.0, f64::INFINITY, 2.0]);
        assert_eq!(table.pick(0.0), Some(3));
    }

    #[test]
    fn nothing_is_picked_when_all_is_zero() {
        assert_eq!(Weights::new([0.0, 0.0]).pick(0.5), None);
        assert_eq!(Weights::new([]).pick(0.5), None);
    }
}
