//! Grows one tree: level by level, or always where the loss falls most.

use super::bins::{Binned, Codes};
use super::histogram::{self, Histogram, Sums};
use super::objective::Gradient;
use super::split::{self, Regularization, Split};
use super::tree::{Expansion, Tree};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// The least a split must lower the loss, as in XGBoost.
const LEAST_CHANGE: f32 = 1e-6;
/// Histograms may hold this many bytes at once; beyond it children are counted anew, not subtracted.
const HISTOGRAM_BYTES: usize = 512 << 20;
/// Rows below which one thread parts a node.
const WORTH_SHARING: usize = 1 << 15;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrowPolicy {
    Depthwise,
    Lossguide,
}

/// How a tree grows; names and meanings are XGBoost's.
#[derive(Clone, Copy, Debug, PartialEq)]
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
}

/// A grown tree, and where the rows it grew on ended.
pub struct Grown {
    pub tree: Tree,
    rows: Vec<u32>,
    /// A leaf's node and its part of `rows`.
    leaves: Vec<(usize, Range<usize>)>,
}

impl Grown {
    /// Calls `add` with every row and what the tree adds to its margin.
    pub fn contributions(&self, mut add: impl FnMut(usize, f32)) {
        for (node, range) in &self.leaves {
            let value = self.tree.condition[*node];
            for &row in &self.rows[range.clone()] {
                add(row as usize, value);
            }
        }
    }
}

/// Grows a tree on `rows` of `data`.
pub fn grow(
    data: &Binned,
    growth: &Growth,
    gradients: &[Gradient],
    rows: Vec<u32>,
    random: &mut fastrand::Rng,
) -> Grown {
    let columns = Columns::new(data.features(), growth, random);
    Grower { data, growth, gradients, columns, pool: Pool::new(data) }.run(rows, random)
}

/// A leaf that may still split.
struct Candidate {
    node: usize,
    depth: u32,
    rows: Range<usize>,
    sums: Sums,
    split: Option<Split>,
    histogram: Option<Histogram>,
}

/// The leaves that may still split, in the order in which they are to.
enum Frontier {
    /// The next level, its nodes in order.
    Level(Vec<Candidate>),
    /// The one whose split lowers the loss most comes first.
    Best(BinaryHeap<ByChange>),
}

impl Frontier {
    fn new(policy: GrowPolicy) -> Self {
        match policy {
            GrowPolicy::Depthwise => Self::Level(Vec::new()),
            GrowPolicy::Lossguide => Self::Best(BinaryHeap::new()),
        }
    }

    fn push(&mut self, candidate: Candidate) {
        match self {
            Self::Level(level) => level.push(candidate),
            Self::Best(heap) => heap.push(ByChange(candidate)),
        }
    }

    /// What splits next, together; `None` when nothing is left.
    fn pop(&mut self) -> Option<Vec<Candidate>> {
        match self {
            Self::Level(level) => {
                let next = std::mem::take(level);
                (!next.is_empty()).then_some(next)
            }
            Self::Best(heap) => heap.pop().map(|best| vec![best.0]),
        }
    }
}

struct ByChange(Candidate);

impl Ord for ByChange {
    fn cmp(&self, other: &Self) -> Ordering {
        let change = |candidate: &Candidate| candidate.split.map_or(0.0, |split| split.loss_change);
        let by_change = change(&self.0).total_cmp(&change(&other.0));
        by_change.then_with(|| other.0.node.cmp(&self.0.node))
    }
}

impl PartialOrd for ByChange {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByChange {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ByChange {}

struct Grower<'a> {
    data: &'a Binned,
    growth: &'a Growth,
    gradients: &'a [Gradient],
    columns: Columns,
    pool: Pool,
}

impl Grower<'_> {
    fn run(mut self, mut rows: Vec<u32>, random: &mut fastrand::Rng) -> Grown {
        let sums = self.sum(&rows);
        let weight = self.growth.rules.weight(sums) as f32;
        let mut tree = Tree::stump(weight * self.growth.learning_rate, sums[1] as f32);
        let mut scratch = vec![0; rows.len()];
        let mut root = Candidate {
            node: 0,
            depth: 0,
            rows: 0..rows.len(),
            sums,
            split: None,
            histogram: None,
        };
        let columns = self.columns.for_node(0, random);
        self.count(&mut root, &rows);
        self.evaluate(&mut root, &columns);
        let mut frontier = Frontier::new(self.growth.policy);
        let mut leaves = Vec::new();
        let mut leaf_count = 1;
        frontier.push(root);
        while let Some(next) = frontier.pop() {
            let batch = self.admit(next, &mut leaves, &mut leaf_count);
            let families = self.split(batch, &mut tree, &mut rows, &mut scratch);
            for child in self.settle(families, &rows, &mut leaves, random) {
                frontier.push(child);
            }
        }
        Grown { tree, rows, leaves }
    }

    fn sum(&self, rows: &[u32]) -> Sums {
        let mut sums = [0.0; 2];
        for &row in rows {
            let gradient = self.gradients[row as usize];
            sums[0] += f64::from(gradient[0]);
            sums[1] += f64::from(gradient[1]);
        }
        sums
    }

    /// Those candidates that do split; the others become leaves.
    fn admit(
        &self,
        candidates: Vec<Candidate>,
        leaves: &mut Vec<(usize, Range<usize>)>,
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
        let (rules, rate) = (&self.growth.rules, self.growth.learning_rate);
        let leaf = |sums: Sums| (sums[1] as f32, rules.weight(sums) as f32 * rate);
        let left = tree.expand(
            parent.node,
            &Expansion {
                feature: split.feature,
                condition: split.condition,
                default_left: split.default_left,
                loss_change: split.loss_change,
                base_weight: rules.weight(parent.sums) as f32,
                left: leaf(split.left),
                right: leaf(split.right),
            },
        );
        let middle = parent.rows.start + middle;
        let child = |node, rows, sums| Candidate {
            node,
            depth: parent.depth + 1,
            rows,
            sums,
            split: None,
            histogram: None,
        };
        Some(Family {
            left: child(left, parent.rows.start..middle, split.left),
            right: child(left + 1, middle..parent.rows.end, split.right),
            parent: parent.histogram,
        })
    }

    /// Finds the children's best splits; those that can have none become leaves.
    fn settle(
        &mut self,
        families: Vec<Family>,
        rows: &[u32],
        leaves: &mut Vec<(usize, Range<usize>)>,
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
            let left = self.columns.for_node(depth, random);
            let right = self.columns.for_node(depth, random);
            drawn.push((family, left, right));
        }
        let grower = &*self;
        let settle = |(mut family, left, right): (Family, ColumnSet, ColumnSet)| {
            grower.count_family(&mut family, rows);
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
    fn count_family(&self, family: &mut Family, rows: &[u32]) {
        let (small, large) = if family.left.rows.len() <= family.right.rows.len() {
            (&mut family.left, &mut family.right)
        } else {
            (&mut family.right, &mut family.left)
        };
        self.count(small, rows);
        match (family.parent.take(), &small.histogram) {
            (Some(mut parent), Some(child)) => {
                histogram::subtract(&mut parent, child);
                large.histogram = Some(parent);
            }
            (parent, _) => {
                self.pool.give_back(parent);
                self.count(large, rows);
            }
        }
    }

    fn count(&self, candidate: &mut Candidate, rows: &[u32]) {
        let mut sums = self.pool.take();
        histogram::build(self.data, &rows[candidate.rows.clone()], self.gradients, &mut sums);
        candidate.histogram = Some(sums);
    }

    /// Finds the candidate's best split; a histogram that nobody needs any more is given back.
    fn evaluate(&self, candidate: &mut Candidate, columns: &ColumnSet) {
        let Some(sums) = &candidate.histogram else { return };
        let of_feature = |feature: usize| {
            let slots = &sums[feature * self.data.stride..(feature + 1) * self.data.stride];
            let rules = &self.growth.rules;
            split::best_of_feature(rules, &self.data.cuts, feature, slots, candidate.sums)
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

/// Two children whose splits are not known yet, and their parent's histogram.
struct Family {
    left: Candidate,
    right: Candidate,
    parent: Option<Histogram>,
}

/// Moves the rows that go left before those that go right, each in their order; answers how many go left.
fn partition(data: &Binned, split: &Split, rows: &mut [u32], scratch: &mut [u32]) -> usize {
    let feature = split.feature as usize;
    let bins = data.cuts.of_feature(feature).len();
    let goes_left: Vec<bool> = (0..data.stride)
        .map(|bin| if bin >= bins { split.default_left } else { bin < split.bins_left as usize })
        .collect();
    let part = |(rows, scratch): (&mut [u32], &mut [u32])| match &data.codes {
        Codes::Narrow(codes) => {
            let column = column(&codes.by_column, data, feature);
            part_chunk(rows, scratch, |row| goes_left[usize::from(column[row])])
        }
        Codes::Wide(codes) => {
            let column = column(&codes.by_column, data, feature);
            part_chunk(rows, scratch, |row| goes_left[column[row] as usize])
        }
    };
    if rows.len() < WORTH_SHARING {
        let left = part((rows, scratch));
        // The right ones lie in reverse at the end of the scratch.
        rows[..left].copy_from_slice(&scratch[..left]);
        for (row, moved) in rows[left..].iter_mut().zip(scratch[left..].iter().rev()) {
            *row = *moved;
        }
        return left;
    }
    let width = rows.len().div_ceil(rayon::current_num_threads() * 2);
    let lefts: Vec<usize> =
        rows.par_chunks_mut(width).zip(scratch.par_chunks_mut(width)).map(part).collect();
    gather(rows, scratch, width, &lefts)
}

/// One feature's bins, row after row.
fn column<'a, T>(codes: &'a [T], data: &Binned, feature: usize) -> &'a [T] {
    let rows = codes.len() / data.features().max(1);
    &codes[feature * rows..(feature + 1) * rows]
}

/// Brings the parted chunks of `scratch` together in `rows`.
fn gather(rows: &mut [u32], scratch: &[u32], width: usize, lefts: &[usize]) -> usize {
    let total = lefts.iter().sum();
    let (mut to_left, mut to_right) = rows.split_at_mut(total);
    let mut moves = Vec::with_capacity(lefts.len());
    for (chunk, &left) in scratch.chunks(width).zip(lefts) {
        let (left_room, rest) = std::mem::take(&mut to_left).split_at_mut(left);
        to_left = rest;
        let (right_room, rest) = std::mem::take(&mut to_right).split_at_mut(chunk.len() - left);
        to_right = rest;
        moves.push((chunk, left_room, right_room));
    }
    moves.into_par_iter().for_each(|(chunk, left_room, right_room)| {
        left_room.copy_from_slice(&chunk[..left_room.len()]);
        for (row, moved) in right_room.iter_mut().zip(chunk.iter().rev()) {
            *row = *moved;
        }
    });
    total
}

/// Parts one chunk without a branch: left ones from the front of `scratch`, right ones from its back.
fn part_chunk(rows: &[u32], scratch: &mut [u32], goes_left: impl Fn(usize) -> bool) -> usize {
    let (mut left, mut right) = (0, scratch.len());
    for &row in rows {
        scratch[left] = row;
        scratch[right - 1] = row;
        let goes_left = usize::from(goes_left(row as usize));
        left += goes_left;
        right -= 1 - goes_left;
    }
    left
}

/// The features that a tree, a level or a node may split by.
struct Columns {
    tree: ColumnSet,
    bylevel: f32,
    bynode: f32,
    levels: Vec<ColumnSet>,
}

/// Ascending feature numbers.
type ColumnSet = Arc<Vec<usize>>;

impl Columns {
    fn new(features: usize, growth: &Growth, random: &mut fastrand::Rng) -> Self {
        let all = ColumnSet::new((0..features).collect());
        Self {
            tree: sample(&all, growth.colsample_bytree, random),
            bylevel: growth.colsample_bylevel,
            bynode: growth.colsample_bynode,
            levels: Vec::new(),
        }
    }

    fn for_node(&mut self, depth: u32, random: &mut fastrand::Rng) -> ColumnSet {
        while self.levels.len() <= depth as usize {
            self.levels.push(sample(&self.tree, self.bylevel, random));
        }
        sample(&self.levels[depth as usize], self.bynode, random)
    }
}

/// A share of the columns, at least one of them.
fn sample(columns: &ColumnSet, share: f32, random: &mut fastrand::Rng) -> ColumnSet {
    if share >= 1.0 {
        return columns.clone();
    }
    let count = ((share * columns.len() as f32) as usize).max(1).min(columns.len());
    let mut taken = random.choose_multiple(columns.iter().copied(), count);
    taken.sort_unstable();
    ColumnSet::new(taken)
}

/// Histograms to be used again, and a bound on how many are kept.
struct Pool {
    free: Mutex<(Vec<Histogram>, usize)>,
    most: usize,
}

impl Pool {
    fn new(data: &Binned) -> Self {
        let bytes = data.features() * data.stride * size_of::<Sums>();
        Self { free: Mutex::default(), most: (HISTOGRAM_BYTES / bytes.max(1)).max(4) }
    }

    fn take(&self) -> Histogram {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.1 += 1;
        free.0.pop().unwrap_or_default()
    }

    fn give_back(&self, histogram: Option<Histogram>) {
        if let Some(histogram) = histogram {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.1 -= 1;
            free.0.push(histogram);
        }
    }

    fn may_keep(&self) -> bool {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).1 <= self.most
    }
}

#[cfg(test)]
mod tests {
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
            .map(|row| {
                [if row[0] > 0.3 && row[1] <= 0.6 { -1.0 } else { 1.0 } * row[0].max(0.1), 1.0]
            })
            .collect();
        let binned = Binned::of(&matrix, Cuts::of(&matrix, &[], 64));
        (matrix, binned, gradients)
    }

    fn all(rows: usize) -> Vec<u32> {
        (0..rows as u32).collect()
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
            let grown = grow(&binned, &growth, &gradients, all(400), &mut fastrand::Rng::with_seed(1));
            let mut seen = [false; 400];
            grown.contributions(|row, value| {
                assert!(!std::mem::replace(&mut seen[row], true), "a row is in two leaves");
                assert_eq!(grown.tree.predict(matrix.row(row)), value);
            });
            prop_assert!(seen.iter().all(|seen| *seen));
            prop_assert!(grown.tree.is_sound());
        }
    }

    #[test]
    fn a_leaf_holds_the_weight_of_its_own_rows() {
        let (_, binned, gradients) = data(3000, 4, 5);
        let growth = growth(GrowPolicy::Depthwise, 4, 0);
        let grown = grow(&binned, &growth, &gradients, all(3000), &mut fastrand::Rng::with_seed(1));
        assert!(grown.leaves.len() > 8);
        for (node, rows) in &grown.leaves {
            let mut sums = [0.0; 2];
            for row in &grown.rows[rows.clone()] {
                sums[0] += f64::from(gradients[*row as usize][0]);
                sums[1] += f64::from(gradients[*row as usize][1]);
            }
            let weight = growth.rules.weight(sums) as f32 * growth.learning_rate;
            assert!((grown.tree.condition[*node] - weight).abs() < 1e-4);
            assert!((f64::from(grown.tree.sum_hessian[*node]) - sums[1]).abs() < 1e-2);
        }
    }

    #[test]
    fn bounds_on_depth_leaves_and_gain_hold() {
        let (_, binned, gradients) = data(2000, 3, 7);
        let mut random = fastrand::Rng::with_seed(1);
        let mut leaves = |growth: &Growth| {
            grow(&binned, growth, &gradients, all(2000), &mut random).leaves.len()
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
                grow(&binned, &growth, &gradients, all(60_000), &mut fastrand::Rng::with_seed(9))
                    .tree
            })
        };
        assert_eq!(with(1), with(4));
    }

    #[test]
    fn only_sampled_columns_split() {
        let (_, binned, gradients) = data(2000, 8, 11);
        let growth = Growth { colsample_bytree: 0.25, ..growth(GrowPolicy::Depthwise, 5, 0) };
        let grown = grow(&binned, &growth, &gradients, all(2000), &mut fastrand::Rng::with_seed(2));
        let mut used: Vec<u32> = (0..grown.tree.nodes())
            .filter(|node| grown.tree.left[*node] != super::super::tree::NO_CHILD)
            .map(|node| grown.tree.feature[node])
            .collect();
        used.sort_unstable();
        used.dedup();
        assert!((1..=2).contains(&used.len()), "{used:?}");
    }
}
