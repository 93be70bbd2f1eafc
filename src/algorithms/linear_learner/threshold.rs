//! Where a binary classifier's scores turn from 0 to 1: the cut that serves the criterion best.

use super::settings::Criterion;
use crate::algorithms::metrics::Confusion;

/// A cut between scores, and what the criterion makes of it (more is better).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cut {
    /// Rows that score at least this are predicted positive.
    pub threshold: f32,
    pub value: f64,
}

/// The best cut of all. Where cuts tie, the one nearest to `even`, the threshold at even odds: the
/// data says nothing against it.
pub fn best_cut(scores: &[f32], positive: &[bool], criterion: Criterion, even: f32) -> Cut {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let positives = positive.iter().filter(|is| **is).count();
    let mut counts = Confusion {
        true_negatives: positive.len() - positives,
        false_negatives: positives,
        ..Confusion::default()
    };
    // Above the greatest score everything is negative; then row after row turns positive.
    let top = order.first().map_or(even, |row| scores[*row]);
    let mut best: Option<(f64, Cut)> = None;
    let mut consider = |counts: &Confusion, low: f32, high: f32| {
        let threshold = between(low, high, even);
        let (met, value) = judge(counts, criterion);
        let distance = (threshold - even).abs();
        let better = best.as_ref().is_none_or(|(best_met, cut)| {
            (met, value, -distance) > (*best_met, cut.value, -(cut.threshold - even).abs())
        });
        if better {
            best = Some((met, Cut { threshold, value }));
        }
    };
    consider(&counts, top, f32::INFINITY);
    for (position, row) in order.iter().enumerate() {
        if positive[*row] {
            counts.true_positives += 1;
            counts.false_negatives -= 1;
        } else {
            counts.false_positives += 1;
            counts.true_negatives -= 1;
        }
        let next = order.get(position + 1).map_or(f32::NEG_INFINITY, |row| scores[*row]);
        if next < scores[*row] {
            consider(&counts, next, scores[*row]);
        }
    }
    best.map_or(Cut { threshold: even, value: 0.0 }, |(_, cut)| cut)
}

/// The criterion's value, after whether its condition is met (as a number, to be compared first).
fn judge(counts: &Confusion, criterion: Criterion) -> (f64, f64) {
    let (precision, recall) = (counts.precision(), counts.recall());
    match criterion {
        Criterion::Accuracy | Criterion::Loss => (1.0, counts.accuracy()),
        Criterion::FBeta(beta) => (1.0, counts.f_beta(beta)),
        // Out of reach, the nearest to the target is the best there is.
        Criterion::PrecisionAtRecall(target) if recall < target => (recall - target, precision),
        Criterion::PrecisionAtRecall(_) => (1.0, precision),
        Criterion::RecallAtPrecision(target) if precision < target => (precision - target, recall),
        Criterion::RecallAtPrecision(_) => (1.0, recall),
    }
}

/// The threshold in (low, high]: even odds when they lie within, else the middle.
fn between(low: f32, high: f32, even: f32) -> f32 {
    if even > low && even <= high {
        even
    } else if low.is_finite() && high.is_finite() {
        let middle = low + (high - low) / 2.0;
        // Neighbouring floats have no middle; the upper one is in the interval, the lower is not.
        if middle > low { middle } else { high }
    } else if high.is_finite() {
        high
    } else {
        low.next_up()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(scores: &[f32], positive: &[bool], threshold: f32) -> Confusion {
        Confusion::of(positive.iter().copied().zip(scores.iter().map(|score| *score >= threshold)))
    }

    #[test]
    fn even_odds_stay_where_nothing_speaks_against_them() {
        let cut = best_cut(&[0.1, 0.3, 0.8], &[false, false, true], Criterion::Accuracy, 0.5);
        assert_eq!((cut.threshold, cut.value), (0.5, 1.0));
        let shifted = best_cut(&[0.1, 0.2, 0.3], &[false, false, true], Criterion::Accuracy, 0.5);
        assert!((shifted.threshold - 0.25).abs() < 1e-6);
    }

    #[test]
    fn targets_are_held_while_the_other_grows() {
        let scores = [0.9, 0.8, 0.7, 0.6, 0.5];
        let positive = [true, false, true, true, false];
        let cut = best_cut(&scores, &positive, Criterion::PrecisionAtRecall(1.0), 0.5);
        let held = counts(&scores, &positive, cut.threshold);
        assert_eq!((held.recall(), held.precision()), (1.0, 0.75));
        let cut = best_cut(&scores, &positive, Criterion::RecallAtPrecision(1.0), 0.5);
        let held = counts(&scores, &positive, cut.threshold);
        assert_eq!((held.precision(), held.recall()), (1.0, 1.0 / 3.0));
    }

    proptest! {
        #[test]
        fn no_other_threshold_is_more_accurate(rows in prop::collection::vec((0u8..20, any::<bool>()), 1..30)) {
            let scores: Vec<f32> = rows.iter().map(|row| f32::from(row.0) / 20.0).collect();
            let positive: Vec<bool> = rows.iter().map(|row| row.1).collect();
            let cut = best_cut(&scores, &positive, Criterion::Accuracy, 0.5);
            prop_assert_eq!(counts(&scores, &positive, cut.threshold).accuracy(), cut.value);
            for step in -1..=22 {
                let other = step as f32 / 20.0;
                prop_assert!(counts(&scores, &positive, other).accuracy() <= cut.value);
            }
        }
    }
}
