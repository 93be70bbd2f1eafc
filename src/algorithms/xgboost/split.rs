//! Which split of a node lowers the regularised loss most.

use super::bins::Cuts;
use super::histogram::Sums;

/// What regularises weights and splits; names and meanings are XGBoost's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regularization {
    pub lambda: f64,
    pub alpha: f64,
    pub min_child_weight: f64,
    /// 0 for no bound.
    pub max_delta_step: f64,
}

impl Regularization {
    /// The weight that lowers a leaf's loss most.
    #[inline]
    fn weight(&self, sums: Sums) -> f32 {
        let [gradient, hessian] = sums;
        if hessian < self.min_child_weight || hessian <= 0.0 {
            return 0.0;
        }
        let weight = -self.shrunk(gradient) / (hessian + self.lambda);
        let bounded = if self.max_delta_step == 0.0 {
            weight
        } else {
            weight.clamp(-self.max_delta_step, self.max_delta_step)
        };
        bounded as f32
    }

    /// Twice how much the best weight lowers the loss, where nothing bounds that weight.
    #[inline]
    fn gain(&self, [gradient, hessian]: Sums) -> f32 {
        if hessian <= 0.0 {
            return 0.0;
        }
        let shrunk = self.shrunk(gradient);
        (shrunk * shrunk) as f32 / (hessian + self.lambda) as f32
    }

    /// The same for a weight that may be bounded. It has no term of `alpha`, as the library has none.
    #[inline]
    fn gain_of(&self, [gradient, hessian]: Sums, weight: f32) -> f32 {
        if hessian <= 0.0 {
            return 0.0;
        }
        let curvature = hessian as f32 + self.lambda as f32;
        -(2.0 * gradient as f32 * weight + curvature * (weight * weight))
    }

    /// The gradient after the L1 penalty.
    #[inline]
    fn shrunk(&self, gradient: f64) -> f64 {
        if gradient > self.alpha {
            gradient - self.alpha
        } else if gradient < -self.alpha {
            gradient + self.alpha
        } else {
            0.0
        }
    }
}

/// Between which weights a node's leaves must stay, so that predictions rise or fall as they must.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    low: f32,
    high: f32,
}

impl Bounds {
    pub const NONE: Self = Self { low: f32::MIN, high: f32::MAX };

    /// The bounds of both children of a split whose feature has this direction.
    pub fn parted(self, direction: i8, left: f32, right: f32) -> (Self, Self) {
        let middle = (left + right) / 2.0;
        match direction {
            0 => (self, self),
            1.. => (Self { high: middle, ..self }, Self { low: middle, ..self }),
            _ => (Self { low: middle, ..self }, Self { high: middle, ..self }),
        }
    }
}

/// What a split is judged by. Where a gain is rounded to float follows XGBoost, so that of equally
/// good splits the same one wins.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub regularization: Regularization,
    /// By feature 1 where predictions may only rise with it, -1 where they may only fall; empty when
    /// no feature is constrained.
    pub monotone: &'a [i8],
}

impl Rules<'_> {
    pub fn direction(&self, feature: usize) -> i8 {
        self.monotone.get(feature).copied().unwrap_or(0)
    }

    pub fn weight(&self, sums: Sums, bounds: Bounds) -> f32 {
        let weight = self.regularization.weight(sums);
        // Not `clamp`, which panics where a bound is no number.
        if self.monotone.is_empty() { weight } else { weight.max(bounds.low).min(bounds.high) }
    }

    pub fn gain(&self, sums: Sums, bounds: Bounds) -> f32 {
        if self.is_free() {
            self.regularization.gain(sums)
        } else {
            self.regularization.gain_of(sums, self.weight(sums, bounds))
        }
    }

    /// Whether no weight is bounded, which is quicker to judge.
    fn is_free(&self) -> bool {
        self.monotone.is_empty() && self.regularization.max_delta_step == 0.0
    }

    /// The gain of both sides of a split; none where it breaks the feature's direction.
    #[inline]
    fn gain_of_split(&self, left: Sums, right: Sums, bounds: Bounds, direction: i8) -> f32 {
        let (left_weight, right_weight) = (self.weight(left, bounds), self.weight(right, bounds));
        let breaks = match direction {
            0 => false,
            1.. => left_weight > right_weight,
            _ => left_weight < right_weight,
        };
        if breaks {
            return f32::NEG_INFINITY;
        }
        let rules = &self.regularization;
        rules.gain_of(left, left_weight) + rules.gain_of(right, right_weight)
    }
}

/// A node whose best split is sought.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub sums: Sums,
    /// The gain that a split must exceed.
    pub gain: f32,
    pub bounds: Bounds,
}

/// A split of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    pub feature: u32,
    /// Bins below this go left.
    pub bins_left: u32,
    pub condition: f32,
    pub default_left: bool,
    pub loss_change: f32,
    pub left: Sums,
    pub right: Sums,
}

impl Split {
    /// The better of two; of equally good ones that of the lower feature, whatever their order.
    pub fn better(self, other: Option<Self>) -> Self {
        match other {
            Some(other)
                if other.loss_change > self.loss_change
                    || (other.loss_change == self.loss_change && other.feature < self.feature) =>
            {
                other
            }
            _ => self,
        }
    }
}

/// The best split of `node` by `feature`, whose slots `sums` are.
pub fn best_of_feature(
    rules: &Rules<'_>,
    cuts: &Cuts,
    feature: usize,
    sums: &[Sums],
    node: &Node,
) -> Option<Split> {
    let total = node.sums;
    let ends = cuts.of_feature(feature);
    let sums = &sums[..ends.len() + usize::from(cuts.has_missing(feature))];
    let (bins, missing) = sums.split_at(ends.len());
    let some_missing = missing.first().is_some_and(|sum| sum[1] != 0.0);
    let (free, direction) = (rules.is_free(), rules.direction(feature));
    let mut scan = Scan { rules, node, feature, direction, free, best: None };
    // Rows without a value go right: sums grow from the left.
    let mut left = [0.0; 2];
    // The last cut parts only those rows from all others.
    let last = if some_missing { ends.len() } else { ends.len().saturating_sub(1) };
    for (bin, sum) in bins[..last].iter().enumerate() {
        if *sum == [0.0; 2] && bin > 0 {
            continue;
        }
        left = [left[0] + sum[0], left[1] + sum[1]];
        let right = [total[0] - left[0], total[1] - left[1]];
        scan.offer(left, right, bin + 1, ends[bin], false);
    }
    if some_missing {
        // They go left: sums grow from the right.
        let mut right = [0.0; 2];
        for (bin, sum) in bins.iter().enumerate().rev() {
            if *sum == [0.0; 2] && bin + 1 < ends.len() {
                continue;
            }
            right = [right[0] + sum[0], right[1] + sum[1]];
            let left = [total[0] - right[0], total[1] - right[1]];
            let condition = if bin == 0 { cuts.floor(feature) } else { ends[bin - 1] };
            scan.offer(left, right, bin, condition, true);
        }
    }
    scan.best
}

struct Scan<'a> {
    rules: &'a Rules<'a>,
    node: &'a Node,
    feature: usize,
    direction: i8,
    free: bool,
    best: Option<Split>,
}

impl Scan<'_> {
    #[inline]
    fn offer(&mut self, left: Sums, right: Sums, bins: usize, condition: f32, default_left: bool) {
        let regularization = &self.rules.regularization;
        let least = regularization.min_child_weight;
        if left[1] < least || right[1] < least {
            return;
        }
        let gain = if self.free {
            regularization.gain(left) + regularization.gain(right)
        } else {
            self.rules.gain_of_split(left, right, self.node.bounds, self.direction)
        };
        let loss_change = gain - self.node.gain;
        let best = self.best.map_or(0.0, |best| best.loss_change);
        if loss_change > best && loss_change.is_finite() {
            self.best = Some(Split {
                feature: u32::try_from(self.feature).unwrap_or(u32::MAX),
                bins_left: u32::try_from(bins).unwrap_or(u32::MAX),
                condition,
                default_left,
                loss_change,
                left,
                right,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithms::Matrix;
    use proptest::prelude::*;

    const PLAIN: Regularization =
        Regularization { lambda: 1.0, alpha: 0.0, min_child_weight: 1.0, max_delta_step: 0.0 };

    /// The best split of a node of these `total` sums.
    fn best(
        regularization: Regularization,
        monotone: &[i8],
        cuts: &Cuts,
        sums: &[Sums],
        total: Sums,
    ) -> Option<Split> {
        let rules = Rules { regularization, monotone };
        let bounds = Bounds::NONE;
        let node = Node { sums: total, gain: rules.gain(total, bounds), bounds };
        best_of_feature(&rules, cuts, 0, sums, &node)
    }

    #[test]
    fn missing_rows_go_where_they_lower_the_loss() {
        let matrix = Matrix::new(1, vec![1.0, 2.0, f32::NAN]).unwrap();
        let cuts = Cuts::of(&matrix, &[], 256);
        // The missing row's gradient is like that of the lower bin.
        let sums = [[4.0, 2.0], [-9.0, 2.0], [5.0, 2.0]];
        let split = best(PLAIN, &[], &cuts, &sums, [0.0, 6.0]).unwrap();
        assert!(split.default_left);
        assert_eq!((split.bins_left, split.condition), (1, 2.0));
        assert_eq!((split.left, split.right), ([9.0, 4.0], [-9.0, 2.0]));
    }

    #[test]
    fn a_feature_may_split_those_with_a_value_from_those_without() {
        let matrix = Matrix::new(1, vec![1.0, f32::NAN]).unwrap();
        let cuts = Cuts::of(&matrix, &[], 256);
        let split = best(PLAIN, &[], &cuts, &[[4.0, 2.0], [-4.0, 2.0]], [0.0, 4.0]).unwrap();
        assert!(!split.default_left);
        assert!(split.condition > 1.0, "the value itself goes left");
    }

    #[test]
    fn children_below_the_least_weight_are_no_split() {
        let matrix = Matrix::new(1, vec![1.0, 2.0]).unwrap();
        let cuts = Cuts::of(&matrix, &[], 256);
        let sums = [[4.0, 0.5], [-4.0, 2.0]];
        assert_eq!(best(PLAIN, &[], &cuts, &sums, [0.0, 2.5]), None);
    }

    #[test]
    fn a_bounded_weight_has_the_gain_that_the_library_gives_it() {
        let matrix = Matrix::new(1, vec![1.0, 2.0]).unwrap();
        let cuts = Cuts::of(&matrix, &[], 256);
        let rules = Regularization { alpha: 5.0, max_delta_step: 0.5, ..PLAIN };
        let split = best(rules, &[], &cuts, &[[40.0, 20.0], [-60.0, 30.0]], [-20.0, 50.0]).unwrap();
        // Left -(2 * 40 * -0.5 + 21 / 4), right -(2 * -60 * 0.5 + 31 / 4), both at the bound; the parent's
        // weight is 15 / 51. With a term of alpha it would be more.
        let parent = -(2.0 * -20.0 * 15.0 / 51.0 + 51.0 * (15.0 / 51.0_f32).powi(2));
        let expected = (40.0 - 5.25) + (60.0 - 7.75) - parent;
        assert!((split.loss_change - expected).abs() < 1e-4, "{split:?} is not {expected}");
    }

    #[test]
    fn a_split_against_the_features_direction_is_none() {
        let matrix = Matrix::new(1, vec![1.0, 2.0]).unwrap();
        let cuts = Cuts::of(&matrix, &[], 256);
        let split =
            |direction| best(PLAIN, &[direction], &cuts, &[[4.0, 2.0], [-4.0, 2.0]], [0.0, 4.0]);
        assert!(split(1).is_some(), "the right leaf is the higher one");
        assert!(split(0).is_some());
        assert_eq!(split(-1), None);
    }

    #[test]
    fn of_equal_splits_the_lower_feature_wins_in_any_order() {
        let split = |feature| Split {
            feature,
            bins_left: 1,
            condition: 0.0,
            default_left: false,
            loss_change: 1.0,
            left: [0.0; 2],
            right: [0.0; 2],
        };
        assert_eq!(split(1).better(Some(split(0))).feature, 0);
        assert_eq!(split(0).better(Some(split(1))).feature, 0);
    }

    proptest! {
        #[test]
        fn no_weight_is_better_than_the_chosen(
            gradient in -50.0_f64..50.0, hessian in 1.0_f64..50.0,
            lambda in 0.0_f64..5.0, alpha in 0.0_f64..5.0, step in prop::sample::select(vec![0.0, 0.3]),
            other in -0.3_f64..0.3,
        ) {
            let rules = Regularization { lambda, alpha, min_child_weight: 0.0, max_delta_step: step };
            let loss = |w: f64| gradient * w + 0.5 * (hessian + lambda) * w * w + alpha * w.abs();
            let weight = f64::from(rules.weight([gradient, hessian]));
            prop_assert!(loss(weight) <= loss(other) + 1e-4);
            if step == 0.0 {
                let gain = f64::from(rules.gain([gradient, hessian]));
                prop_assert!((gain + 2.0 * loss(weight)).abs() < 1e-3 * (1.0 + gain));
            }
        }
    }
}
