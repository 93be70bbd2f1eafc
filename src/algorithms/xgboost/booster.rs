//! A trained model: its trees, what they start from, and how it predicts.

use super::objective::Objective;
use super::tree::{NO_CHILD, Tree};
use crate::algorithms::Matrix;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Rows that one task predicts.
const CHUNK: usize = 256;

/// A gradient-boosted model.
#[derive(Clone, Debug, PartialEq)]
pub struct Booster {
    pub objective: Objective,
    /// As the model format holds it: one value, or one per group, before the link to the margin.
    pub base_score: Vec<f32>,
    pub features: usize,
    /// Round after round, within a round group after group.
    pub trees: Vec<Tree>,
    /// The group that each tree adds to.
    pub tree_groups: Vec<usize>,
    /// Trees that each round has for a group.
    pub parallel_trees: usize,
    /// The weights of booster gblinear, feature by feature and within one group by group, the bias last;
    /// empty with trees.
    pub linear: Vec<f32>,
    /// `best_iteration`, `best_score` and whatever else the model carries.
    pub attributes: BTreeMap<String, String>,
    pub feature_names: Vec<String>,
    pub feature_types: Vec<String>,
}

impl Booster {
    /// A model without trees.
    pub fn new(objective: Objective, base_score: f32, features: usize) -> Self {
        Self {
            objective,
            base_score: vec![base_score],
            features,
            trees: Vec::new(),
            tree_groups: Vec::new(),
            parallel_trees: 1,
            linear: Vec::new(),
            attributes: BTreeMap::new(),
            feature_names: Vec::new(),
            feature_types: Vec::new(),
        }
    }

    /// Boosting rounds that the trees make.
    pub fn rounds(&self) -> usize {
        self.trees.len() / self.trees_per_round()
    }

    fn trees_per_round(&self) -> usize {
        self.objective.groups() * self.parallel_trees.max(1)
    }

    /// Drops the trees of all rounds from `rounds` on.
    pub fn truncate(&mut self, rounds: usize) {
        self.trees.truncate(rounds * self.trees_per_round());
        self.tree_groups.truncate(self.trees.len());
    }

    /// The margin that a group starts from.
    pub fn intercept(&self, group: usize) -> f32 {
        // With a linear booster the library starts every group from the first score.
        let group = if self.linear.is_empty() { group } else { 0 };
        let score = self.base_score.get(group).or(self.base_score.first());
        self.objective.margin_of(score.copied().unwrap_or(0.5))
    }

    /// The model laid out for prediction.
    pub fn forest(&self) -> Forest {
        let mut forest = Forest {
            nodes: Vec::new(),
            roots: Vec::new(),
            linear: self.linear.clone(),
            intercepts: (0..self.objective.groups()).map(|group| self.intercept(group)).collect(),
            objective: self.objective,
        };
        for (tree, &group) in self.trees.iter().zip(&self.tree_groups) {
            forest.push(tree, group);
        }
        forest
    }
}

/// All nodes of all trees in one block, so that a walk touches little memory.
#[derive(Clone, Debug)]
pub struct Forest {
    nodes: Vec<Node>,
    /// A tree's first node and its group.
    roots: Vec<(u32, u32)>,
    linear: Vec<f32>,
    intercepts: Vec<f32>,
    objective: Objective,
}

/// A leaf has itself as children.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// The split's threshold or the leaf's value.
    condition: f32,
    /// The feature, shifted left by one; the lowest bit tells that missing values go left.
    feature: u32,
    left: u32,
    right: u32,
}

impl Forest {
    fn push(&mut self, tree: &Tree, group: usize) {
        let base = self.nodes.len();
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        self.roots.push((number(base), number(group)));
        for node in 0..tree.nodes() {
            let child = |child: i32| {
                let place = if child == NO_CHILD { node } else { child as usize };
                number(base + place)
            };
            self.nodes.push(Node {
                condition: tree.condition[node],
                feature: tree.feature[node] << 1 | u32::from(tree.default_left[node]),
                left: child(tree.left[node]),
                right: child(tree.right[node]),
            });
        }
    }

    /// Values that one row's prediction has.
    pub fn outputs(&self) -> usize {
        self.objective.outputs()
    }

    /// One row's margins; `margins` has one entry per group. Leaves are added one by one from the
    /// intercept on, as XGBoost adds them: float sums depend on their order.
    pub fn margins(&self, row: &[f32], margins: &mut [f32]) {
        margins.copy_from_slice(&self.intercepts);
        if !self.linear.is_empty() {
            return self.add_linear(row, margins);
        }
        for &(root, group) in &self.roots {
            margins[group as usize] += self.leaf(root, row);
        }
    }

    fn add_linear(&self, row: &[f32], margins: &mut [f32]) {
        let groups = margins.len();
        let (weights, bias) = self.linear.split_at(self.linear.len() - groups);
        for (group, margin) in margins.iter_mut().enumerate() {
            let mut sum = bias[group] + *margin;
            for (value, weights) in row.iter().zip(weights.chunks_exact(groups)) {
                if !value.is_nan() {
                    sum += value * weights[group];
                }
            }
            *margin = sum;
        }
    }

    fn leaf(&self, root: u32, row: &[f32]) -> f32 {
        let mut place = root;
        loop {
            let node = &self.nodes[place as usize];
            if node.left == place {
                return node.condition;
            }
            let value = row.get((node.feature >> 1) as usize).copied().unwrap_or(f32::NAN);
            let left = if value.is_nan() { node.feature & 1 == 1 } else { value < node.condition };
            place = if left { node.left } else { node.right };
        }
    }

    /// Predictions of all rows, one after the other.
    pub fn predict(&self, rows: &Matrix) -> Vec<f32> {
        let outputs = self.outputs();
        let mut predictions = vec![0.0; rows.rows() * outputs];
        let width = rows.columns().max(1);
        let block = |(predictions, values): (&mut [f32], &[f32])| {
            let mut margins = vec![0.0; self.intercepts.len()];
            for (prediction, row) in
                predictions.chunks_exact_mut(outputs).zip(values.chunks_exact(width))
            {
                self.margins(row, &mut margins);
                self.objective.transform(&mut margins);
                prediction.copy_from_slice(&margins[..outputs]);
            }
        };
        if rows.rows() <= CHUNK {
            block((&mut predictions, rows.values()));
        } else {
            predictions
                .par_chunks_mut(outputs * CHUNK)
                .zip(rows.values().par_chunks(width * CHUNK))
                .for_each(block);
        }
        predictions
    }
}

#[cfg(test)]
mod tests {
    use super::super::objective::Kind;
    use super::super::tree::Expansion;
    use super::*;

    fn split(feature: u32, value: f32) -> Tree {
        let mut tree = Tree::stump(0.0, 4.0);
        tree.expand(
            0,
            &Expansion {
                feature,
                condition: 0.5,
                default_left: feature == 1,
                loss_change: 1.0,
                base_weight: 0.0,
                left: (2.0, -value),
                right: (2.0, value),
            },
        );
        tree
    }

    #[test]
    fn a_forest_adds_what_its_trees_add() {
        let objective = Objective { num_class: 2, ..Objective::new(Kind::Softmax) };
        let mut booster = Booster::new(objective, 0.5, 2);
        booster.trees = vec![split(0, 1.0), split(1, 2.0), split(1, 0.25), split(0, 0.5)];
        booster.tree_groups = vec![0, 1, 0, 1];
        assert_eq!(booster.rounds(), 2);
        let forest = booster.forest();
        let mut margins = [0.0; 2];
        for row in [[0.0, 0.0], [1.0, f32::NAN], [f32::NAN, 1.0]] {
            forest.margins(&row, &mut margins);
            for (group, margin) in margins.iter().enumerate() {
                let added: f32 = (0..4)
                    .filter(|tree| booster.tree_groups[*tree] == group)
                    .map(|tree| booster.trees[tree].predict(&row))
                    .sum();
                assert_eq!(*margin, 0.5 + added);
            }
        }
        booster.truncate(1);
        assert_eq!((booster.trees.len(), booster.tree_groups.len()), (2, 2));
    }

    #[test]
    fn many_rows_predict_as_each_alone() {
        let mut booster = Booster::new(Objective::new(Kind::BinaryLogistic), 0.5, 1);
        booster.trees = vec![split(0, 1.0)];
        booster.tree_groups = vec![0];
        let forest = booster.forest();
        let values: Vec<f32> = (0_u16..1000).map(|row| f32::from(row % 2)).collect();
        let all = forest.predict(&Matrix::new(1, values.clone()).unwrap());
        for (value, prediction) in values.iter().zip(&all) {
            let alone = forest.predict(&Matrix::new(1, vec![*value]).unwrap());
            assert_eq!(alone, [*prediction]);
        }
        assert!(all[0] < 0.5 && all[1] > 0.5);
    }
}
