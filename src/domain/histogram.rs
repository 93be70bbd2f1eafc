//! A histogram that many threads write without locks and one reader merges.
//!
//! HdrHistogram's own concurrent recorder hands values over in phases and waits for every writer
//! to pass; a worker without traffic never would. Here each value is one relaxed increment, and a
//! reader adds the counts up whenever it likes. Buckets are those of an HdrHistogram with three
//! significant digits, so what is read *is* an HdrHistogram of the same values.

use hdrhistogram::Histogram;
use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Values per power of two: 1024 keeps three significant digits.
const SLOTS: usize = 1024;
const SLOT_BITS: u32 = SLOTS.trailing_zeros();
/// Values per power of two of an [`IntervalRecorder`]: 128 keeps two significant digits.
const INTERVAL_SLOTS: usize = 128;
const INTERVAL_BITS: u32 = INTERVAL_SLOTS.trailing_zeros();
/// Ranges of values, each twice as wide as the one before; the last ends at 2^36.
const RANGES: usize = 27;
/// The highest value that is told apart: 19 hours in microseconds.
pub const MAX: u64 = (1 << (SLOT_BITS as usize + RANGES - 1)) - 1;
/// As many ranges as reach [`MAX`] with the smaller slots.
const INTERVAL_RANGES: usize = RANGES + (SLOT_BITS - INTERVAL_BITS) as usize;

type Range = Box<[AtomicU64]>;

/// The shared histogram. A range's counters are made when its first value comes (8 KiB each).
#[derive(Default)]
pub struct Recorder {
    ranges: [OnceLock<Range>; RANGES],
}

impl Recorder {
    pub fn new() -> Self {
        Self { ranges: array::from_fn(|_| OnceLock::new()) }
    }

    /// Counts one value; what lies above [`MAX`] counts as `MAX`.
    pub fn record(&self, value: u64) {
        let (range, slot) = place(value.min(MAX), SLOT_BITS);
        let counters =
            self.ranges[range].get_or_init(|| (0..SLOTS).map(|_| AtomicU64::new(0)).collect());
        counters[slot].fetch_add(1, Ordering::Relaxed);
    }

    /// Adds what was counted so far to `sum`.
    pub fn add_to(&self, sum: &mut Histogram<u64>) {
        for (range, counters) in self.ranges.iter().enumerate() {
            for (slot, counter) in counters.get().into_iter().flatten().enumerate() {
                let count = counter.load(Ordering::Relaxed);
                if count > 0 {
                    // Cannot fail: `empty()` is bounded by MAX, and so is every value here.
                    sum.saturating_record_n(value(range, slot, SLOT_BITS), count);
                }
            }
        }
    }

    pub fn snapshot(&self) -> Histogram<u64> {
        let mut sum = empty();
        self.add_to(&mut sum);
        sum
    }
}

/// An empty histogram of the same shape.
#[expect(clippy::expect_used, reason = "constant bounds, checked by a test")]
pub fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX, 3).expect("constant bounds")
}

/// A histogram of one interval after the other: its reader takes the counts out. It keeps two
/// significant digits, in a sixteenth of the memory.
#[derive(Default)]
pub struct IntervalRecorder {
    ranges: [OnceLock<Box<[AtomicU32]>>; INTERVAL_RANGES],
}

impl IntervalRecorder {
    /// Counts one value; what lies above [`MAX`] counts as `MAX`.
    pub fn record(&self, value: u64) {
        let (range, slot) = place(value.min(MAX), INTERVAL_BITS);
        let counters = self.ranges[range]
            .get_or_init(|| (0..INTERVAL_SLOTS).map(|_| AtomicU32::new(0)).collect());
        counters[slot].fetch_add(1, Ordering::Relaxed);
    }

    /// Moves what was counted since the last call into `sum`. Each value is moved once.
    pub fn take_into(&self, sum: &mut Histogram<u64>) {
        for (range, counters) in self.ranges.iter().enumerate() {
            for (slot, counter) in counters.get().into_iter().flatten().enumerate() {
                // Most are zero: a look is cheaper than a swap, which takes the line from its writer.
                if counter.load(Ordering::Relaxed) > 0 {
                    let count = u64::from(counter.swap(0, Ordering::Relaxed));
                    sum.saturating_record_n(value(range, slot, INTERVAL_BITS), count);
                }
            }
        }
    }
}

/// An empty histogram of the shape that an [`IntervalRecorder`] fills.
#[expect(clippy::expect_used, reason = "constant bounds, checked by a test")]
pub fn empty_interval() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX, 2).expect("constant bounds")
}

/// Range 0 counts the first 2^bits values one by one; range r covers the r-th power of two behind
/// them in steps of 2^(r-1).
fn place(value: u64, bits: u32) -> (usize, usize) {
    let range = (u64::BITS - value.leading_zeros()).saturating_sub(bits) as usize;
    if range == 0 {
        return (0, value as usize);
    }
    let step = range - 1;
    (range, ((value >> step) as usize) & ((1 << bits) - 1))
}

/// The lowest value that falls to a slot.
fn value(range: usize, slot: usize, bits: u32) -> u64 {
    if range == 0 { slot as u64 } else { ((1_u64 << bits) + slot as u64) << (range - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reads_as_an_hdr_histogram_of_the_same_values(
            values in prop::collection::vec(prop_oneof![0..5_000_u64, 0..=MAX], 0..300)
        ) {
            let recorder = Recorder::new();
            let mut reference = empty();
            for value in values {
                recorder.record(value);
                reference.record(value).unwrap();
            }
            let read = recorder.snapshot();
            prop_assert_eq!(read.len(), reference.len());
            for quantile in [0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0] {
                prop_assert_eq!(
                    read.value_at_quantile(quantile), reference.value_at_quantile(quantile)
                );
            }
        }

        #[test]
        fn a_slot_begins_within_a_thousandth_of_its_values(value_in in 0..=MAX) {
            for (bits, parts) in [(SLOT_BITS, 1000.0), (INTERVAL_BITS, 100.0)] {
                let (range, slot) = place(value_in, bits);
                let begins = value(range, slot, bits);
                prop_assert!(begins <= value_in);
                prop_assert!((value_in - begins) as f64 <= value_in as f64 / parts);
            }
        }

        #[test]
        fn intervals_are_taken_out_once(
            first in prop::collection::vec(0..=MAX, 0..50),
            second in prop::collection::vec(0..5_000_u64, 0..50),
        ) {
            let recorder = IntervalRecorder::default();
            for values in [first, second] {
                let mut reference = empty_interval();
                for value in values {
                    recorder.record(value);
                    reference.record(value).unwrap();
                }
                let mut taken = empty_interval();
                recorder.take_into(&mut taken);
                prop_assert_eq!(taken.len(), reference.len());
                for quantile in [0.0, 0.5, 0.99, 1.0] {
                    prop_assert_eq!(
                        taken.value_at_quantile(quantile), reference.value_at_quantile(quantile)
                    );
                }
            }
        }
    }

    #[test]
    fn threads_lose_nothing() {
        let recorder = Recorder::new();
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let recorder = &recorder;
                scope.spawn(move || (0..5_000).for_each(|n| recorder.record(n * (thread + 1))));
            }
        });
        assert_eq!(recorder.snapshot().len(), 20_000);
    }

    #[test]
    fn what_lies_above_counts_as_the_maximum() {
        let recorder = Recorder::new();
        recorder.record(u64::MAX);
        assert_eq!(recorder.snapshot().len(), 1);
        assert!(recorder.snapshot().max() >= MAX);
    }
}
