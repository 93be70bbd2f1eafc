//! Trees that are grown keep to their bounds, their rules and their rows.

use super::super::bins::Cuts;
use super::*;
use crate::algorithms::Matrix;
use proptest::prelude::*;

fn growth(policy: GrowPolicy, max_depth: u32, max_leaves: u32) -> Growth {
    Growth {
        policy,
        max_depth,
        max_leaves,
        learning_rate: 0.5,
        min_split_loss: 0.0,
        rules: Regularization {
            lambda: 1.0,
            alpha: 0.0,
            min_child_weight: 1.0,
            max_delta_step: 0.0,
        },
        colsample_bytree: 1.0,
        colsample_bylevel: 1.0,
        colsample_bynode: 1.0,
        monotone: Vec::new(),
        interactions: Vec::new(),
    }
}

/// Rows of noise whose gradients hang on the first two features.
fn data(rows: usize, features: usize, seed: u64) -> (Matrix, Binned, Vec<Gradient>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let values = (0..rows * features)
        .map(|_| if random.u8(..) < 20 { f32::NAN } else { random.f32() })
        .collect();
    let matrix = Matrix::new(features, values).unwrap();
    let gradients = matrix
        .iter_rows()
        .map(|row| [if row[0] > 0.3 && row[1] <= 0.6 { -1.0 } else { 1.0 } * row[0].max(0.1), 1.0])
        .collect();
    let binned = Binned::of(&matrix, Cuts::of(&matrix, &[], 64));
    (matrix, binned, gradients)
}

/// All rows of the data.
fn all(data: &Binned, rows: usize) -> Workspace {
    let mut workspace = Workspace::new(data);
    workspace.take_all(rows);
    workspace
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_row_ends_in_the_leaf_that_prediction_finds(
        seed in 0_u64..1000, depth in 0_u32..6, lossguide in any::<bool>(),
    ) {
        let policy = if lossguide { GrowPolicy::Lossguide } else { GrowPolicy::Depthwise };
        let (matrix, binned, gradients) = data(400, 3, seed);
        let growth = growth(policy, depth, 20);
        let mut workspace = all(&binned, 400);
        let grown = grow(&binned, &growth, &gradients, &mut workspace, &mut fastrand::Rng::with_seed(1));
        // Each row has the value of one leaf added, and once.
        let mut margins = vec![0.0; 400];
        grown.contribute(&mut margins);
        for (row, margin) in margins.iter().enumerate() {
            prop_assert_eq!(grown.tree.predict(matrix.row(row)), *margin);
        }
        prop_assert_eq!(grown.leaves.iter().map(|(_, rows)| rows.len()).sum::<usize>(), 400);
        for (_, rows) in &grown.leaves {
            prop_assert!(grown.rows[rows.clone()].is_sorted());
        }
        prop_assert!(grown.tree.is_sound());
    }
}

#[test]
fn a_leaf_holds_the_weight_of_its_own_rows() {
    let (_, binned, gradients) = data(3000, 4, 5);
    let growth = growth(GrowPolicy::Depthwise, 4, 0);
    let mut workspace = all(&binned, 3000);
    let grown =
        grow(&binned, &growth, &gradients, &mut workspace, &mut fastrand::Rng::with_seed(1));
    assert!(grown.leaves.len() > 8);
    for (node, rows) in &grown.leaves {
        let mut sums = [0.0; 2];
        for row in &grown.rows[rows.clone()] {
            sums[0] += f64::from(gradients[*row as usize][0]);
            sums[1] += f64::from(gradients[*row as usize][1]);
        }
        let rules = Rules { regularization: growth.rules, monotone: &[] };
        let weight = rules.weight(sums, Bounds::NONE) * growth.learning_rate;
        assert!((grown.tree.condition[*node] - weight).abs() < 1e-4);
        assert!((f64::from(grown.tree.sum_hessian[*node]) - sums[1]).abs() < 1e-2);
    }
}

#[test]
fn bounds_on_depth_leaves_and_gain_hold() {
    let (_, binned, gradients) = data(2000, 3, 7);
    let mut random = fastrand::Rng::with_seed(1);
    let mut leaves = |growth: &Growth| {
        let mut workspace = all(&binned, 2000);
        grow(&binned, growth, &gradients, &mut workspace, &mut random).leaves.len()
    };
    assert!(leaves(&growth(GrowPolicy::Depthwise, 3, 0)) <= 8);
    assert_eq!(leaves(&growth(GrowPolicy::Lossguide, 0, 5)), 5);
    assert_eq!(leaves(&growth(GrowPolicy::Depthwise, 0, 6)), 6);
    let dear = Growth { min_split_loss: 1e9, ..growth(GrowPolicy::Depthwise, 6, 0) };
    assert_eq!(leaves(&dear), 1);
}

#[test]
fn the_tree_does_not_depend_on_the_number_of_threads() {
    let (_, binned, gradients) = data(60_000, 5, 3);
    let growth = Growth { colsample_bynode: 0.6, ..growth(GrowPolicy::Depthwise, 6, 0) };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut workspace = all(&binned, 60_000);
            grow(&binned, &growth, &gradients, &mut workspace, &mut fastrand::Rng::with_seed(9))
                .tree
        })
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn only_sampled_columns_split() {
    let (_, binned, gradients) = data(2000, 8, 11);
    let growth = Growth { colsample_bytree: 0.25, ..growth(GrowPolicy::Depthwise, 5, 0) };
    let mut workspace = all(&binned, 2000);
    let grown =
        grow(&binned, &growth, &gradients, &mut workspace, &mut fastrand::Rng::with_seed(2));
    let mut used: Vec<u32> = (0..grown.tree.nodes())
        .filter(|node| grown.tree.left[*node] != crate::algorithms::xgboost::tree::NO_CHILD)
        .map(|node| grown.tree.feature[node])
        .collect();
    used.sort_unstable();
    used.dedup();
    assert!((1..=2).contains(&used.len()), "{used:?}");
}
