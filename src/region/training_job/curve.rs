//! A series of points of bounded length: thinned evenly as it grows, so that the whole stays drawn.

use crate::domain::time::Timestamp;
use std::collections::BTreeMap;

/// How many points a curve keeps at most.
pub const MOST: usize = 1000;

/// A value that was printed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub at: Timestamp,
    pub value: f64,
    /// The round, step or epoch that its line names.
    pub step: Option<u64>,
}

/// Points in the order in which they came.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve<P = Point> {
    /// Every so manyth point is kept.
    stride: u64,
    seen: u64,
    kept: Vec<P>,
    last: Option<P>,
}

/// Curves by the metrics' names.
pub type Curves = BTreeMap<String, Curve>;

impl<P> Default for Curve<P> {
    fn default() -> Self {
        Self { stride: 1, seen: 0, kept: Vec::new(), last: None }
    }
}

impl<P: Copy> Curve<P> {
    pub fn push(&mut self, point: P) {
        if self.seen.is_multiple_of(self.stride) {
            if self.kept.len() == MOST - 1 {
                let mut index = 0_usize;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.kept.push(point);
            }
        }
        self.seen += 1;
        self.last = Some(point);
    }

    /// How many points came, kept or not.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    pub fn last(&self) -> Option<P> {
        self.last
    }

    /// The points that are kept, the first and the newest always among them.
    pub fn points(&self) -> impl Iterator<Item = P> {
        let newest_is_kept = self.seen == 0 || (self.seen - 1).is_multiple_of(self.stride);
        self.kept.iter().copied().chain(self.last.filter(|_| !newest_is_kept))
    }
}

/// The round, step or epoch that a line names: `[17]` at its start as XGBoost prints it, else the
/// number behind the last such word (`epoch=3`, `Step 12/100`, `iteration: 5`).
pub fn step_of(line: &str) -> Option<u64> {
    const WORDS: [&str; 6] = ["epoch", "step", "iteration", "iter", "round", "batch"];
    let leading = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']'));
    if let Some(step) = leading.and_then(|(number, _)| number.trim().parse().ok()) {
        return Some(step);
    }
    let lower = line.to_ascii_lowercase();
    WORDS
        .iter()
        .find_map(|word| lower.match_indices(word).find_map(|(at, _)| number(&lower, at, word)))
}

/// The number that follows the word at `at`, with nothing but marks and spaces between.
fn number(lower: &str, at: usize, word: &str) -> Option<u64> {
    let starts = lower[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
    let rest = lower[at + word.len()..].strip_prefix('s').unwrap_or(&lower[at + word.len()..]);
    let rest = rest.trim_start_matches([' ', '=', ':', '#', '[', '(']);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let after = rest[digits..].chars().next();
    let whole = after.is_none_or(|after| !after.is_alphanumeric() && after != '.');
    (starts && whole).then(|| rest[..digits].parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn steps_are_found_where_people_print_them() {
        for (line, step) in [
            ("[17]\ttrain-rmse:0.25", Some(17)),
            ("[17]#011train-rmse:0.25", Some(17)),
            (
                "[10/27/2026 09:00:01 INFO 1] #quality_metric: host=algo-1, epoch=3, train loss=1",
                Some(3),
            ),
            ("Epoch 3/10 - loss: 0.5", Some(3)),
            ("step: 120 loss 0.1", Some(120)),
            ("Iteration [5] done", Some(5)),
            ("loss=0.5", None),
            ("steps per second 2.5", None),
            ("timestep 7", None),
            ("epoch 0.5 of the way", None),
            ("", None),
        ] {
            assert_eq!(step_of(line), step, "{line}");
        }
    }

    proptest! {
        /// However many points come, few are kept, in order, the first and the newest among them,
        /// and no gap between two is wider than twice another's.
        #[test]
        fn curves_stay_short_and_even(count in 1_u64..20_000) {
            let mut curve = Curve::default();
            (0..count).for_each(|number| curve.push(number));
            let points: Vec<u64> = curve.points().collect();
            prop_assert!(points.len() <= MOST);
            prop_assert!(points.len() as u64 >= count.min(MOST as u64 / 2 - 1));
            prop_assert_eq!((points[0], *points.last().unwrap()), (0, count - 1));
            prop_assert!(points.is_sorted_by(|a, b| a < b));
            let gaps: Vec<u64> = points.windows(2).map(|two| two[1] - two[0]).collect();
            if let Some((_, even)) = gaps.split_last() {
                prop_assert!(even.windows(2).all(|two| two[0] == two[1]));
            }
            prop_assert_eq!(curve.seen(), count);
        }

        #[test]
        fn no_line_is_too_strange(line in ".*") {
            let _ = step_of(&line);
        }
    }
}
