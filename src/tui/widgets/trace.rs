//! Points in order, kept so that a drawing never looks at more of them than it has columns.
//!
//! Beside the points lie the least and the greatest of each eight, each sixty-four, and so on: the
//! extent of any stretch is found in a few dozen steps, of a thousand points or of a hundred thousand.

use std::ops::Range;

const FAN: usize = 8;

/// A bounded curve: x ascends; a y that is no number is a gap.
#[derive(Clone, Debug)]
pub struct Trace {
    /// x and y side by side: whoever looks one up mostly wants the other, and a miss of the cache is
    /// what a look costs.
    points: Vec<(f64, f64)>,
    /// Level n holds the extents of 8^(n+1) points each.
    levels: Vec<Vec<(f64, f64)>>,
    capacity: usize,
    dropped: u64,
}

impl Trace {
    /// Of at most `capacity` points; when full, the older half goes.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(2);
        Self { points: Vec::new(), levels: Vec::new(), capacity, dropped: 0 }
    }

    /// Adds a point after all others. One that lies before the last, or nowhere, is dropped.
    pub fn push(&mut self, x: f64, y: f64) {
        if !x.is_finite() || self.points.last().is_some_and(|(last, _)| x < *last) {
            self.dropped += 1;
            return;
        }
        if self.points.len() == self.capacity {
            self.drop_older_half();
        }
        self.append(x, if y.is_finite() { y } else { f64::NAN });
    }

    /// How many points were dropped since the beginning.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub fn len(&self) -> usize {
        self.points.len()
    }

    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The nth point.
    pub fn point(&self, index: usize) -> Option<(f64, f64)> {
        self.points.get(index).copied()
    }

    /// The last point that is no gap.
    pub fn last(&self) -> Option<(f64, f64)> {
        self.points.iter().rfind(|(_, y)| !y.is_nan()).copied()
    }

    /// The x of the first and the last point.
    pub fn span(&self) -> Option<(f64, f64)> {
        Some((self.points.first()?.0, self.points.last()?.0))
    }

    /// The points with `from <= x < to`.
    pub fn between(&self, from: f64, to: f64) -> Range<usize> {
        let start = self.points.partition_point(|(x, _)| *x < from);
        start..start + self.points[start..].partition_point(|(x, _)| *x < to)
    }

    /// The first point from the `from`-th on that does not lie before `x`, sought around `guess` in
    /// steps that double: points mostly lie evenly, and each one looked at afar is a cache miss.
    pub(super) fn next_from(&self, from: usize, guess: usize, x: f64) -> usize {
        let from = from.min(self.points.len());
        let before = |index: usize| self.points.get(index).is_some_and(|(near, _)| *near < x);
        let (mut low, mut high) = (guess.clamp(from, self.points.len()), self.points.len());
        let mut step = 1;
        if before(low) {
            while before(low + step) {
                low += step;
                step *= 2;
            }
            high = high.min(low + step);
        } else {
            high = low;
            while low > from && !before(low - 1) {
                high = low;
                low = low.saturating_sub(step).max(from);
                step *= 2;
            }
        }
        low + self.points[low..high].partition_point(|(near, _)| *near < x)
    }

    /// The least and the greatest y of a stretch of points; `None` when there is none but gaps.
    pub fn extent(&self, points: Range<usize>) -> Option<(f64, f64)> {
        let (mut start, mut end) = (points.start, points.end.min(self.points.len()));
        let mut found = NOTHING;
        for (_, y) in &self.points[start.min(end)..end.min(start.next_multiple_of(FAN))] {
            found = join(found, (*y, *y));
        }
        start = start.next_multiple_of(FAN);
        while start < end && !end.is_multiple_of(FAN) {
            end -= 1;
            let (_, y) = self.points[end];
            found = join(found, (y, y));
        }
        (start, end) = (start / FAN, end / FAN);
        for (index, level) in self.levels.iter().enumerate() {
            let top = index + 1 == self.levels.len();
            while start < end && (top || !start.is_multiple_of(FAN)) {
                found = join(found, level[start]);
                start += 1;
            }
            while start < end && !end.is_multiple_of(FAN) {
                end -= 1;
                found = join(found, level[end]);
            }
            (start, end) = (start / FAN, end / FAN);
            if start >= end {
                break;
            }
        }
        (found.0 <= found.1).then_some(found)
    }

    /// The extent of a stretch that may take in up to seven points more at either end: enough for a
    /// drawing where they are a small part of a dot.
    pub(super) fn rough_extent(&self, points: Range<usize>) -> Option<(f64, f64)> {
        if points.len() < FAN * FAN {
            return self.extent(points);
        }
        let start = points.start / FAN * FAN;
        self.extent(start..points.end.next_multiple_of(FAN).min(self.points.len()))
    }

    fn append(&mut self, x: f64, y: f64) {
        let index = self.points.len();
        self.points.push((x, y));
        let mut block = index / FAN;
        for level in 0.. {
            if level == self.levels.len() {
                // A level of its own only once there is a second block to tell from the first.
                if block == 0 && level > 0 {
                    break;
                }
                let below = level.checked_sub(1).map(|below| &self.levels[below]);
                let first = below.map_or(NOTHING, |below| {
                    below.iter().take(FAN).fold(NOTHING, |sum, extent| join(sum, *extent))
                });
                self.levels.push(if level == 0 { Vec::new() } else { vec![first] });
            }
            let extents = &mut self.levels[level];
            if block == extents.len() {
                extents.push((y, y));
            } else {
                extents[block] = join(extents[block], (y, y));
            }
            block /= FAN;
        }
    }

    fn drop_older_half(&mut self) {
        let half = self.points.len() / 2;
        self.dropped += half as u64;
        let newer = self.points.split_off(half);
        self.points.clear();
        self.levels.clear();
        for (x, y) in newer {
            self.append(x, y);
        }
    }
}

const NOTHING: (f64, f64) = (f64::INFINITY, f64::NEG_INFINITY);

/// Both extents in one; `min` and `max` pass over what is no number.
fn join(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0.min(b.0), a.1.max(b.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn extents_are_those_of_the_points(
            ys in prop::collection::vec(prop_oneof![9 => -100.0..100.0_f64, 1 => Just(f64::NAN)], 0..1500),
            from in 0_usize..1600,
            length in 0_usize..1600,
        ) {
            let mut trace = Trace::new(10_000);
            ys.iter().enumerate().for_each(|(x, y)| trace.push(x as f64, *y));
            let end = (from + length).min(ys.len());
            let stretch = ys.get(from..end).unwrap_or_default();
            let expected = stretch.iter().fold(NOTHING, |sum, y| join(sum, (*y, *y)));
            let expected = (expected.0 <= expected.1).then_some(expected);
            prop_assert_eq!(trace.extent(from..from + length), expected);
        }

        #[test]
        fn bounded_and_counted(capacity in 0_usize..50, pushes in 0_usize..500) {
            let mut trace = Trace::new(capacity);
            (0..pushes).for_each(|x| trace.push(x as f64, x as f64));
            prop_assert!(trace.len() <= capacity.max(2));
            prop_assert_eq!(trace.len() as u64 + trace.dropped(), pushes as u64);
            prop_assert_eq!(trace.last().map(|(x, _)| x), pushes.checked_sub(1).map(|x| x as f64));
        }
    }

    #[test]
    fn looking_on_finds_what_looking_over_all_does() {
        let mut trace = Trace::new(1_000);
        (0..300).for_each(|n| trace.push(f64::from(n / 3), 0.0));
        for from in 0..=300 {
            for x in [-1.0, 0.0, 0.5, 7.0, 50.0, 98.5, 99.0, 500.0] {
                let all = trace.points.partition_point(|(other, _)| *other < x).max(from);
                for guess in [0, from, from + 7, 150, 299, 300, 9_999] {
                    assert_eq!(trace.next_from(from, guess, x), all, "{from} {guess} {x}");
                }
            }
        }
    }

    #[test]
    fn what_goes_back_is_dropped() {
        let mut trace = Trace::new(10);
        trace.push(2.0, 1.0);
        trace.push(1.0, 1.0);
        trace.push(f64::NAN, 1.0);
        assert_eq!((trace.len(), trace.dropped()), (1, 2));
        assert_eq!(trace.between(0.0, 5.0), 0..1);
    }
}
