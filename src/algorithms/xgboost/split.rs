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
    pub fn weight(&self, sums: Sums) -> f64 {
        let [gradient, hessian] = sums;
        if hessian < self.min_child_weight || hessian <= 0.0 {
            return 0.0;
        }
        let weight = -self.shrunk(gradient) / (hessian + self.lambda);
        if self.max_delta_step == 0.0 {
            weight
        } else {
            weight.clamp(-self.max_delta_step, self.max_delta_step)
        }
    }

    /// Twice how much that weight lowers the loss.
    #[inline]
    pub fn gain(&self, sums: Sums) -> f64 {
        let [gradient, hessian] = sums;
        if hessian < self.min_child_weight || hessian <= 0.0 {
            return 0.0;
        }
        if self.max_delta_step == 0.0 {
            let shrunk = self.shrunk(gradient);
            return shrunk * shrunk / (hessian + self.lambda);
        }
        let weight = self.weight(sums);
        let gain = -(2.0 * gradient * weight + (hessian + self.lambda) * weight * weight);
        gain + self.alpha * weight.abs()
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

/// The best split of a node of these `total` sums by `feature`, whose slots `sums` are.
pub fn best_of_feature(
    rules: &Regularization,
    cuts: &Cuts,
    feature: usize,
    sums: &[Sums],
    total: Sums,
) -> Option<Split> {
    let ends = cuts.of_feature(feature);
    let sums = &sums[..ends.len() + usize::from(cuts.has_missing(feature))];
    let (bins, missing) = sums.split_at(ends.len());
    let some_missing = missing.first().is_some_and(|sum| sum[1] != 0.0);
    let mut scan = Scan { rules, parent_gain: rules.gain(total), feature, best: None };
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
    rules: &'a Regularization,
    parent_gain: f64,
    feature: usize,
    best: Option<Split>,
}

impl Scan<'_> {
    #[inline]
    fn offer(&mut self, left: Sums, right: Sums, bins: usize, condition: f32, default_left: bool) {
        let least = self.rules.min_child_weight;
        if left[1] < least || right[1] < least {
            return;
        }
        let gain = self.rules.gain(left) + self.rules.gain(right) - self.parent_gain;
        let loss_change = gain as f32;
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

    #[test]
    fn missing_rows_go_where_they_lower_the_loss() {
        let matrix = Matrix::new(1, vec![1.0, 2.0, f32::NAN]).unwrap();
        let cuts = Cuts::of(&matrix, &[], 256);
        // The missing row's gradient is like that of the lower bin.
        let sums = [[4.0, 2.0], [-9.0, 2.0], [5.0, 2.0]];
        let split = best_of_feature(&PLAIN, &cuts, 0, &sums, [0.0, 6.0]).unwrap();
        assert!(split.default_left);
        assert_eq!((split.bins_left, split.condition), (1, 2.0));
        assert_eq!((split.left, split.right), ([9.0, 4.0], [-9.0, 2.0]));
    }

    #[test]
    fn a_feature_may_split_those_with_a_value_from_those_without() {
        let matrix = Matrix::new(1, vec![1.0, f32::NAN]).unwrap();
        let cuts = Cuts::of(&matrix, &[], 256);
        let split =
            best_of_feature(&PLAIN, &cuts, 0, &[[4.0, 2.0], [-4.0, 2.0]], [0.0, 4.0]).unwrap();
        assert!(!split.default_left);
        assert!(split.condition > 1.0, "the value itself goes left");
    }

    #[test]
    fn children_below_the_least_weight_are_no_split() {
        let matrix = Matrix::new(1, vec![1.0, 2.0]).unwrap();
        let cuts = Cuts::of(&matrix, &[], 256);
        let sums = [[4.0, 0.5], [-4.0, 2.0]];
        assert_eq!(best_of_feature(&PLAIN, &cuts, 0, &sums, [0.0, 2.5]), None);
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
            let weight = rules.weight([gradient, hessian]);
            prop_assert!(loss(weight) <= loss(other) + 1e-9);
            if step == 0.0 {
                prop_assert!((rules.gain([gradient, hessian]) + 2.0 * loss(weight)).abs() < 1e-6);
            }
        }
    }
}
