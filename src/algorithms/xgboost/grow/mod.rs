//! Grows one tree: level by level, or always where the loss falls most.

mod columns;
mod frontier;
mod partition;
#[cfg(test)]
mod tests;
mod workspace;

pub use frontier::GrowPolicy;
pub use workspace::Workspace;

use super::bins::Binned;
use super::histogram::{self, Sums};
use super::objective::Gradient;
use super::split::{self, Bounds, Regularization, Rules, Split};
use super::tree::{Expansion, Tree};
use columns::{ColumnSet, Columns, Path};
use frontier::{Candidate, Family, Frontier};
use partition::partition;
use rayon::prelude::*;
use std::ops::Range;
use workspace::Pool;

/// The least a split must lower the loss, as in XGBoost.
const LEAST_CHANGE: f32 = 1e-6;
/// Rows whose contributions one task adds.
const CHUNK: usize = 1 << 14;

/// How a tree grows; names and meanings are XGBoost's.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    pub policy: GrowPolicy,
    /// 0 for no bound.
    pub max_depth: u32,
    /// 0 for no bound.
    pub max_leaves: u32,
    pub learning_rate: f32,
    pub min_split_loss: f32,
    pub rules: Regularization,
    pub colsample_bytree: f32,
    pub colsample_bylevel: f32,
    pub colsample_bynode: f32,
    /// Whether predictions may only rise (1) or only fall (-1) with a feature; features beyond the
    /// end are free. Empty for no constraint at all.
    pub monotone: Vec<i8>,
    /// Sets of features that may meet on a path; empty for no constraint.
    pub interactions: Vec<Vec<usize>>,
}

/// A grown tree, and where the rows it grew on ended.
pub struct Grown<'a> {
    pub tree: Tree,
    /// Ascending within each leaf.
    rows: &'a [u32],
    /// A leaf's node and its part of `rows`.
    leaves: Vec<(usize, Range<usize>)>,
}

impl Grown<'_> {
    /// Adds to each row's margin the value of its leaf.
    pub fn contribute(&self, margins: &mut [f32]) {
        margins.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, margins)| {
            let start = chunk * CHUNK;
            let end = start + margins.len();
            for (node, range) in &self.leaves {
                let rows = &self.rows[range.clone()];
                let first = rows.partition_point(|row| (*row as usize) < start);
                let value = self.tree.condition[*node];
                for &row in rows[first..].iter().take_while(|row| (**row as usize) < end) {
                    margins[row as usize - start] += value;
                }
            }
        });
    }

    /// Gives each leaf the value that `value` finds for its rows.
    pub fn refit(&mut self, value: impl Fn(&[u32]) -> f32 + Sync) {
        let rows = self.rows;
        let of_leaf = |(node, range): &(usize, Range<usize>)| (*node, value(&rows[range.clone()]));
        let values: Vec<(usize, f32)> = self.leaves.par_iter().map(of_leaf).collect();
        for (node, value) in values {
            self.tree.condition[node] = value;
        }
    }
}

/// Grows a tree on the rows of `data` that the workspace holds, in ascending order.
pub fn grow<'a>(
    data: &Binned,
    growth: &Growth,
    gradients: &[Gradient],
    workspace: &'a mut Workspace,
    random: &mut fastrand::Rng,
) -> Grown<'a> {
    let columns = Columns::new(data.features(), growth, random);
    let Workspace { rows, scratch, pool } = workspace;
    scratch.resize(rows.len(), 0);
    let rules = Rules { regularization: growth.rules, monotone: &growth.monotone };
    let grower = Grower { data, growth, rules, gradients, columns, pool };
    let (tree, leaves) = grower.run(rows, scratch, random);
    Grown { tree, rows, leaves }
}

type Leaves = Vec<(usize, Range<usize>)>;

struct Grower<'a> {
    data: &'a Binned,
    growth: &'a Growth,
    rules: Rules<'a>,
    gradients: &'a [Gradient],
    columns: Columns,
    pool: &'a Pool,
}

impl Grower<'_> {
    fn run(
        mut self,
        rows: &mut [u32],
        scratch: &mut [u32],
        random: &mut fastrand::Rng,
    ) -> (Tree, Leaves) {
        let sums = histogram::sum(rows, self.gradients);
        let weight = self.rules.weight(sums, Bounds::NONE);
        let mut tree = Tree::stump(weight * self.growth.learning_rate, sums[1] as f32);
        let mut root = Candidate {
            node: 0,
            depth: 0,
            rows: 0..rows.len(),
            sums,
            gain: self.rules.gain(sums, Bounds::NONE),
            bounds: Bounds::NONE,
            path: Path::default(),
            split: None,
            histogram: None,
        };
        let columns = self.columns.for_node(0, random);
        self.count(&mut root, rows, true);
        self.evaluate(&mut root, &columns);
        let mut frontier = Frontier::new(self.growth.policy);
        let mut leaves = Vec::new();
        let mut leaf_count = 1;
        frontier.push(root);
        while let Some(next) = frontier.pop() {
            let batch = self.admit(next, &mut leaves, &mut leaf_count);
            let families = self.split(batch, &mut tree, rows, scratch);
            for child in self.settle(families, rows, &mut leaves, random) {
                frontier.push(child);
            }
        }
        (tree, leaves)
    }

    /// Those candidates that do split; the others become leaves.
    fn admit(
        &self,
        candidates: Vec<Candidate>,
        leaves: &mut Leaves,
        leaf_count: &mut u32,
    ) -> Vec<Candidate> {
        let mut batch = Vec::new();
        for candidate in candidates {
            let room = self.growth.max_leaves == 0 || *leaf_count < self.growth.max_leaves;
            if candidate.split.is_some() && room {
                *leaf_count += 1;
                batch.push(candidate);
            } else {
                self.pool.give_back(candidate.histogram);
                leaves.push((candidate.node, candidate.rows));
            }
        }
        batch
    }

    /// Writes the batch's splits into the tree and parts its rows; answers pairs of children, each
    /// with the histogram of its parent.
    fn split(
        &self,
        batch: Vec<Candidate>,
        tree: &mut Tree,
        rows: &mut [u32],
        scratch: &mut [u32],
    ) -> Vec<Family> {
        // Candidates of a batch lie in the order of their rows, so that each can be handed its own part.
        let mut parts = Vec::with_capacity(batch.len());
        let (mut rest, mut spare, mut at) = (rows, scratch, 0);
        for candidate in &batch {
            let (_, tail) = std::mem::take(&mut rest).split_at_mut(candidate.rows.start - at);
            let (part, tail) = tail.split_at_mut(candidate.rows.len());
            rest = tail;
            let (_, tail) = std::mem::take(&mut spare).split_at_mut(candidate.rows.start - at);
            let (room, tail) = tail.split_at_mut(candidate.rows.len());
            spare = tail;
            at = candidate.rows.end;
            parts.push((part, room, candidate.split));
        }
        let part = |(part, room, split): (&mut [u32], &mut [u32], Option<Split>)| match split {
            Some(split) => partition(self.data, &split, part, room),
            None => 0,
        };
        let middles: Vec<usize> = if batch.len() == 1 {
            parts.into_iter().map(part).collect()
        } else {
            parts.into_par_iter().map(part).collect()
        };
        let pairs = batch.into_iter().zip(middles);
        pairs.filter_map(|(parent, middle)| self.children(tree, parent, middle)).collect()
    }

    fn children(&self, tree: &mut Tree, parent: Candidate, middle: usize) -> Option<Family> {
        let split = parent.split?;
        let rate = self.growth.learning_rate;
        let weight = |sums: Sums| self.rules.weight(sums, parent.bounds);
        let (left_weight, right_weight) = (weight(split.left), weight(split.right));
        let left = tree.expand(
            parent.node,
            &Expansion {
                feature: split.feature,
                condition: split.condition,
                default_left: split.default_left,
                loss_change: split.loss_change,
                base_weight: weight(parent.sums),
                left: (split.left[1] as f32, left_weight * rate),
                right: (split.right[1] as f32, right_weight * rate),
            },
        );
        let middle = parent.rows.start + middle;
        let direction = self.rules.direction(split.feature as usize);
        let (left_bounds, right_bounds) =
            parent.bounds.parted(direction, left_weight, right_weight);
        let path = parent.path.through(split.feature, &self.growth.interactions);
        let child = |node, rows, sums, bounds| Candidate {
            node,
            depth: parent.depth + 1,
            rows,
            sums,
            // Of the weight as it was before this split bound it more closely, as in the library.
            gain: self.rules.gain(sums, parent.bounds),
            bounds,
            path: path.clone(),
            split: None,
            histogram: None,
        };
        Some(Family {
            left: child(left, parent.rows.start..middle, split.left, left_bounds),
            right: child(left + 1, middle..parent.rows.end, split.right, right_bounds),
            parent: parent.histogram,
        })
    }

    /// Finds the children's best splits; those that can have none become leaves.
    fn settle(
        &mut self,
        families: Vec<Family>,
        rows: &[u32],
        leaves: &mut Leaves,
        random: &mut fastrand::Rng,
    ) -> Vec<Candidate> {
        let mut drawn = Vec::with_capacity(families.len());
        for family in families {
            let depth = family.left.depth;
            if self.growth.max_depth > 0 && depth >= self.growth.max_depth {
                self.pool.give_back(family.parent);
                leaves.push((family.left.node, family.left.rows));
                leaves.push((family.right.node, family.right.rows));
                continue;
            }
            let left = family.left.path.admit(self.columns.for_node(depth, random));
            let right = family.right.path.admit(self.columns.for_node(depth, random));
            drawn.push((family, left, right));
        }
        let grower = &*self;
        // Many families are work enough for all threads without sharing out the features of each.
        let share = drawn.len() < 2 * rayon::current_num_threads();
        let settle = |(mut family, left, right): (Family, ColumnSet, ColumnSet)| {
            grower.count_family(&mut family, rows, share);
            grower.evaluate(&mut family.left, &left);
            grower.evaluate(&mut family.right, &right);
            [family.left, family.right]
        };
        if drawn.len() == 1 {
            drawn.into_iter().flat_map(settle).collect()
        } else {
            drawn.into_par_iter().flat_map_iter(settle).collect()
        }
    }

    /// Counts the smaller child, and takes it from the parent to have the other.
    fn count_family(&self, family: &mut Family, rows: &[u32], share: bool) {
        let (small, large) = if family.left.rows.len() <= family.right.rows.len() {
            (&mut family.left, &mut family.right)
        } else {
            (&mut family.right, &mut family.left)
        };
        self.count(small, rows, share);
        match (family.parent.take(), &small.histogram) {
            (Some(mut parent), Some(child)) => {
                histogram::subtract(&mut parent, child);
                large.histogram = Some(parent);
            }
            (parent, _) => {
                self.pool.give_back(parent);
                self.count(large, rows, share);
            }
        }
    }

    fn count(&self, candidate: &mut Candidate, rows: &[u32], share: bool) {
        let mut sums = self.pool.take();
        let rows = &rows[candidate.rows.clone()];
        histogram::build(self.data, rows, self.gradients, share, &mut sums);
        candidate.histogram = Some(sums);
    }

    /// Finds the candidate's best split; a histogram that nobody needs any more is given back.
    fn evaluate(&self, candidate: &mut Candidate, columns: &ColumnSet) {
        let Some(sums) = &candidate.histogram else { return };
        let node = candidate.as_node();
        let of_feature = |feature: usize| {
            let slots = &sums[feature * self.data.stride..(feature + 1) * self.data.stride];
            split::best_of_feature(&self.rules, &self.data.cuts, feature, slots, &node)
        };
        let better = |a: Option<Split>, b: Option<Split>| match a {
            Some(split) => Some(split.better(b)),
            None => b,
        };
        let features = columns.as_slice();
        let best = if features.len() * self.data.stride < 1 << 12 {
            features.iter().map(|feature| of_feature(*feature)).fold(None, better)
        } else {
            features
                .par_iter()
                .with_min_len(4)
                .map(|feature| of_feature(*feature))
                .reduce(|| None, better)
        };
        candidate.split = best.filter(|split| {
            split.loss_change > LEAST_CHANGE
                && split.loss_change >= self.growth.min_split_loss
                && split.left[1] != 0.0
                && split.right[1] != 0.0
        });
        if candidate.split.is_none() || !self.pool.may_keep() {
            self.pool.give_back(candidate.histogram.take());
        }
    }
}
