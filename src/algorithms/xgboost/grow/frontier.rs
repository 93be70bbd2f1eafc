//! The leaves of a growing tree that may still split, in the order in which they are to.

use super::columns::Path;
use crate::algorithms::xgboost::histogram::{Histogram, Sums};
use crate::algorithms::xgboost::split::{Bounds, Node, Split};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

/// A leaf that may still split.
pub struct Candidate {
    pub node: usize,
    pub depth: u32,
    /// Its part of the tree's rows.
    pub rows: Range<usize>,
    pub sums: Sums,
    /// The gain of its weight, which a split must exceed.
    pub gain: f32,
    pub bounds: Bounds,
    pub path: Path,
    pub split: Option<Split>,
    pub histogram: Option<Histogram>,
}

impl Candidate {
    /// What a search for its best split reads.
    pub fn as_node(&self) -> Node {
        Node { sums: self.sums, gain: self.gain, bounds: self.bounds }
    }
}

/// Two children whose splits are not known yet, and their parent's histogram.
pub struct Family {
    pub left: Candidate,
    pub right: Candidate,
    pub parent: Option<Histogram>,
}

/// How a tree chooses the leaf that splits next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrowPolicy {
    Depthwise,
    Lossguide,
}

pub enum Frontier {
    /// The next level, its nodes in order.
    Level(Vec<Candidate>),
    /// The one whose split lowers the loss most comes first.
    Best(BinaryHeap<ByChange>),
}

impl Frontier {
    pub fn new(policy: GrowPolicy) -> Self {
        match policy {
            GrowPolicy::Depthwise => Self::Level(Vec::new()),
            GrowPolicy::Lossguide => Self::Best(BinaryHeap::new()),
        }
    }

    pub fn push(&mut self, candidate: Candidate) {
        match self {
            Self::Level(level) => level.push(candidate),
            Self::Best(heap) => heap.push(ByChange(candidate)),
        }
    }

    /// What splits next, together; `None` when nothing is left.
    pub fn pop(&mut self) -> Option<Vec<Candidate>> {
        match self {
            Self::Level(level) => {
                let next = std::mem::take(level);
                (!next.is_empty()).then_some(next)
            }
            Self::Best(heap) => heap.pop().map(|best| vec![best.0]),
        }
    }
}

/// A candidate, ordered by how much its split lowers the loss; of equals the older one is greater.
pub struct ByChange(Candidate);

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
