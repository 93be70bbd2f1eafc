//! Latencies as counts of the values that came up. A histogram of the data plane holds a counter for
//! each of 27,000 buckets; of one second's traffic some hundreds have something in them, and of
//! those alone five minutes can be kept for every variant.

use crate::domain::distribution::Distribution;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use std::cmp::Ordering;

/// Values per power of two, as `domain::histogram` has them.
const SLOTS: u64 = 1024;
/// Longer texts are no histogram of ours.
const LONGEST: usize = 4 << 20;

/// How often each bucket of values came up, in ascending order; buckets of three significant digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bucket and count; a count stays at its greatest beyond four billion.
    entries: Vec<(u32, u32)>,
}

impl Counts {
    /// Out of an HdrHistogram in base64 of its V2 encoding.
    pub fn decode(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = STANDARD.decode(text).ok()?;
        let histogram: Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).ok()?;
        Some(Self::from(&histogram))
    }

    /// How many values.
    pub fn len(&self) -> u64 {
        self.entries.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many different ones.
    pub fn distinct(&self) -> usize {
        self.entries.len()
    }

    /// What has come since `earlier`; `None` where something has become less: that was another life.
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        let mut entries = Vec::new();
        let mut before = earlier.entries.iter().peekable();
        for (bucket, count) in &self.entries {
            match before.peek().map(|(other, _)| other.cmp(bucket)) {
                Some(Ordering::Less) => return None,
                Some(Ordering::Equal) => {
                    let known = before.next().map_or(0, |(_, known)| *known);
                    match count.checked_sub(known)? {
                        0 => {}
                        more => entries.push((*bucket, more)),
                    }
                }
                _ => entries.push((*bucket, *count)),
            }
        }
        before.peek().is_none().then_some(Self { entries })
    }

    pub fn add(&mut self, other: &Self) {
        self.join(other, u32::saturating_add);
    }

    /// Takes out what was added before.
    pub fn remove(&mut self, other: &Self) {
        self.join(other, u32::saturating_sub);
    }

    fn join(&mut self, other: &Self, how: fn(u32, u32) -> u32) {
        let mut joined = Vec::with_capacity(self.entries.len() + other.entries.len());
        let (mut own, mut others) =
            (self.entries.iter().peekable(), other.entries.iter().peekable());
        loop {
            let entry = match (own.peek(), others.peek()) {
                (None, None) => break,
                (Some((a, count)), None) => {
                    own.next();
                    (*a, *count)
                }
                (Some((a, count)), Some((b, _))) if a < b => {
                    own.next();
                    (*a, *count)
                }
                (Some((a, count)), Some((b, other))) if a == b => {
                    own.next();
                    others.next();
                    (*a, how(*count, *other))
                }
                (_, Some((b, other))) => {
                    others.next();
                    (*b, how(0, *other))
                }
            };
            if entry.1 > 0 {
                joined.push(entry);
            }
        }
        self.entries = joined;
    }

    /// To be drawn and compared.
    pub fn distribution(&self) -> Distribution {
        Distribution::of_buckets(self.entries.iter().map(|(bucket, count)| {
            let (low, high) = values(*bucket);
            (low, high, u64::from(*count))
        }))
    }
}

impl From<&Histogram<u64>> for Counts {
    fn from(histogram: &Histogram<u64>) -> Self {
        let mut entries: Vec<(u32, u32)> = Vec::new();
        for step in histogram.iter_recorded() {
            let bucket = bucket(step.value_iterated_to());
            let count = u32::try_from(step.count_at_value()).unwrap_or(u32::MAX);
            match entries.last_mut() {
                // A histogram of finer buckets than ours.
                Some((last, sum)) if *last == bucket => *sum = sum.saturating_add(count),
                _ => entries.push((bucket, count)),
            }
        }
        Self { entries }
    }
}

/// Below 2048 each value is a bucket; above, each power of two has 1024 of them.
fn bucket(value: u64) -> u32 {
    let shift = u64::from((u64::BITS - value.leading_zeros()).saturating_sub(11));
    // At most 54 · 1024 + 2047.
    (shift * SLOTS + (value >> shift)) as u32
}

/// The first and the last value of a bucket.
fn values(bucket: u32) -> (u64, u64) {
    let bucket = u64::from(bucket);
    if bucket < 2 * SLOTS {
        return (bucket, bucket);
    }
    let shift = bucket / SLOTS - 1;
    let low = (bucket - shift * SLOTS) << shift;
    (low, low + ((1 << shift) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::histogram;
    use proptest::prelude::*;

    fn histogram_of(values: &[u64]) -> Histogram<u64> {
        let mut sum = histogram::empty();
        values.iter().for_each(|value| sum.saturating_record(*value));
        sum
    }

    fn counts(values: &[u64]) -> Counts {
        Counts::from(&histogram_of(values))
    }

    fn latencies() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(prop_oneof![0..3_000_u64, 0..90_000_000_u64], 0..120)
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_values(value in prop_oneof![any::<u64>(), 0..9_000_u64]) {
            let (low, high) = values(bucket(value));
            prop_assert!(low <= value && value <= high);
            prop_assert!((high - low) as f64 <= value as f64 / 1000.0);
        }

        #[test]
        fn drawn_as_the_histogram_is(values in latencies()) {
            let histogram = histogram_of(&values);
            prop_assert_eq!(counts(&values).distribution(), Distribution::from(&histogram));
            prop_assert_eq!(counts(&values).len(), values.len() as u64);
        }

        #[test]
        fn what_came_since_is_what_was_recorded_since(first in latencies(), second in latencies()) {
            let all: Vec<u64> = first.iter().chain(&second).copied().collect();
            let since = counts(&all).since(&counts(&first));
            prop_assert_eq!(since, Some(counts(&second)));
            let mut sum = counts(&first);
            sum.add(&counts(&second));
            prop_assert_eq!(&sum, &counts(&all));
            sum.remove(&counts(&first));
            prop_assert_eq!(sum, counts(&second));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Counts::decode(&text);
            let _ = Counts::decode(&STANDARD.encode(bytes));
        }
    }

    #[test]
    fn another_life_is_told_apart() {
        assert_eq!(counts(&[5]).since(&counts(&[5, 5])), None);
        assert_eq!(counts(&[5]).since(&counts(&[4])), None);
        assert_eq!(counts(&[5]).since(&counts(&[9])), None);
        assert_eq!(counts(&[]).since(&counts(&[9])), None);
    }
}
