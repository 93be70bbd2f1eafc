//! A histogram condensed to what was really recorded, to be asked for quantiles and counts in a few
//! steps each. An HdrHistogram answers either by walking thousands of counters, most of them zero;
//! a drawing asks hundreds of times a frame and a comparison thousands of times.

use hdrhistogram::Histogram;

/// One bucket with something in it: the values `low..=high`, told apart no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    low: u64,
    high: u64,
    /// How many values lie in this bucket and all before it.
    through: u64,
}

impl Bucket {
    fn ends_by(&self, value: f64) -> bool {
        self.high as f64 + 1.0 <= value
    }
}

/// The first bucket from the `from`-th on of which `before` does not hold, in steps that double.
fn onwards(buckets: &[Bucket], from: usize, before: impl Fn(&Bucket) -> bool) -> usize {
    let (mut low, mut step) = (from.min(buckets.len()), 1);
    while buckets.get(low + step - 1).is_some_and(&before) {
        low += step;
        step *= 2;
    }
    let high = (low + step - 1).min(buckets.len());
    low + buckets[low..high].partition_point(before)
}

/// Counts of values (latencies in microseconds, mostly) in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    buckets: Vec<Bucket>,
}

impl From<&Histogram<u64>> for Distribution {
    fn from(histogram: &Histogram<u64>) -> Self {
        let mut through = 0_u64;
        let buckets = histogram.iter_recorded().map(|step| {
            let value = step.value_iterated_to();
            through = through.saturating_add(step.count_at_value());
            Bucket { low: histogram.lowest_equivalent(value), high: value, through }
        });
        Self { buckets: buckets.collect() }
    }
}

impl Distribution {
    /// Of buckets in ascending order: their first value, their last, how many values lie there.
    pub fn of_buckets(buckets: impl Iterator<Item = (u64, u64, u64)>) -> Self {
        let mut through = 0_u64;
        let buckets = buckets.filter(|(.., count)| *count > 0).map(|(low, high, count)| {
            through = through.saturating_add(count);
            Bucket { low, high, through }
        });
        Self { buckets: buckets.collect() }
    }

    /// How many values were recorded.
    pub fn len(&self) -> u64 {
        self.buckets.last().map_or(0, |bucket| bucket.through)
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// How many buckets hold something.
    pub fn buckets(&self) -> usize {
        self.buckets.len()
    }

    pub fn min(&self) -> Option<u64> {
        self.buckets.first().map(|bucket| bucket.low)
    }

    pub fn max(&self) -> Option<u64> {
        self.buckets.last().map(|bucket| bucket.high)
    }

    /// The value that a share `quantile` (0 to 1) of the recorded ones does not exceed: the upper end
    /// of its bucket, as HdrHistogram has it. `None` when nothing was recorded.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let rank = self.rank(quantile);
        let index = self.buckets.partition_point(|bucket| bucket.through < rank);
        self.buckets.get(index.min(self.buckets.len().saturating_sub(1))).map(|bucket| bucket.high)
    }

    /// How many values lie below `value`; within a bucket they count as evenly spread.
    pub fn below(&self, value: f64) -> f64 {
        let index = self.buckets.partition_point(|bucket| bucket.ends_by(value));
        self.below_in(index, value)
    }

    /// The same for many values in ascending order, each sought from where the one before was found.
    pub fn below_each(&self, ascending: &[f64]) -> Vec<f64> {
        let mut index = 0;
        let find = |value: &f64| {
            index = onwards(&self.buckets, index, |bucket| bucket.ends_by(*value));
            self.below_in(index, *value)
        };
        ascending.iter().map(find).collect()
    }

    /// The quantiles (0 to 1, ascending), likewise; empty when nothing was recorded.
    pub fn quantile_each(&self, ascending: &[f64]) -> Vec<u64> {
        let last = self.buckets.len().saturating_sub(1);
        let mut index = 0;
        let find = |quantile: &f64| {
            let rank = self.rank(*quantile);
            index = onwards(&self.buckets, index, |bucket| bucket.through < rank);
            self.buckets.get(index.min(last)).map(|bucket| bucket.high)
        };
        ascending.iter().filter_map(find).collect()
    }

    /// How many of the values have to be counted to reach a quantile.
    fn rank(&self, quantile: f64) -> u64 {
        (quantile.clamp(0.0, 1.0) * self.len() as f64).ceil().max(1.0) as u64
    }

    /// How many lie below `value`, of which the bucket is the nth.
    fn below_in(&self, index: usize, value: f64) -> f64 {
        let before = self.counted_before(index);
        let Some(bucket) = self.buckets.get(index) else { return before };
        let width = (bucket.high - bucket.low) as f64 + 1.0;
        let part = ((value - bucket.low as f64) / width).clamp(0.0, 1.0);
        before + part * (bucket.through as f64 - before)
    }

    /// The share (0 to 1) of values in `from..to`; zero when nothing was recorded.
    pub fn share(&self, from: f64, to: f64) -> f64 {
        match self.len() {
            0 => 0.0,
            all => ((self.below(to) - self.below(from)) / all as f64).max(0.0),
        }
    }

    /// The upper end of the nth bucket.
    pub(super) fn value(&self, index: usize) -> Option<u64> {
        self.buckets.get(index).map(|bucket| bucket.high)
    }

    /// How many values lie in the buckets before the nth.
    pub(super) fn counted_before(&self, index: usize) -> f64 {
        let before = index.checked_sub(1).and_then(|before| self.buckets.get(before));
        before.map_or(0.0, |bucket| bucket.through as f64)
    }

    /// The first bucket by whose end `rank` values are reached.
    pub(super) fn reached(&self, rank: f64) -> usize {
        let index = self.buckets.partition_point(|bucket| (bucket.through as f64) < rank);
        index.min(self.buckets.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::histogram::empty;
    use proptest::prelude::*;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = empty();
        values.iter().for_each(|value| histogram.saturating_record(*value));
        histogram
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_histogram(
            values in prop::collection::vec(prop_oneof![0..5_000_u64, 0..9_000_000_u64], 1..300),
            quantile in 0.0..=1.0_f64,
        ) {
            let histogram = histogram(&values);
            let condensed = Distribution::from(&histogram);
            prop_assert_eq!(condensed.len(), values.len() as u64);
            // HdrHistogram rounds the rank up a little past the product; one rank of grace.
            let step = 1.0 / values.len() as f64;
            let near = [quantile, (quantile - step).max(0.0), (quantile + step).min(1.0)];
            let found = condensed.quantile(quantile).unwrap();
            prop_assert!(near.iter().any(|q| histogram.value_at_quantile(*q) == found));
            prop_assert_eq!(condensed.quantile(1.0), Some(histogram.max()));
        }

        #[test]
        fn asking_for_many_answers_as_asking_for_each(
            values in prop::collection::vec(prop_oneof![0..50_u64, 0..9_000_000_u64], 0..300),
            mut edges in prop::collection::vec(prop_oneof![0.0..60.0_f64, 0.0..9e6_f64], 0..60),
        ) {
            let condensed = Distribution::from(&histogram(&values));
            edges.sort_by(f64::total_cmp);
            let each: Vec<f64> = edges.iter().map(|edge| condensed.below(*edge)).collect();
            prop_assert_eq!(condensed.below_each(&edges), each);
            let parts: Vec<f64> = edges.iter().map(|edge| edge / 9e6).collect();
            let each: Vec<u64> = parts.iter().filter_map(|part| condensed.quantile(*part)).collect();
            prop_assert_eq!(condensed.quantile_each(&parts), each);
        }

        #[test]
        fn shares_of_parts_add_up(
            values in prop::collection::vec(0..90_000_u64, 1..200),
            cut in 0.0..90_000.0_f64,
        ) {
            let condensed = Distribution::from(&histogram(&values));
            let whole = condensed.share(0.0, cut) + condensed.share(cut, 1e6);
            prop_assert!((whole - 1.0).abs() < 1e-9);
            let exact = values.iter().filter(|value| (**value as f64) < cut).count() as f64;
            let in_doubt = values.iter().filter(|value| (**value as f64 - cut).abs() < 130.0).count();
            prop_assert!((condensed.below(cut) - exact).abs() <= in_doubt as f64);
        }
    }

    #[test]
    fn nothing_recorded_has_no_quantile() {
        let none = Distribution::from(&empty());
        assert!(none.is_empty());
        assert_eq!((none.quantile(0.5), none.min(), none.max()), (None, None, None));
        assert!(none.share(0.0, 1e9).abs() < f64::EPSILON);
    }
}
