//! The features that a node may split by: those sampled for its tree, its level and itself, less
//! those that the interaction constraints forbid on its path.

use super::Growth;
use std::sync::Arc;

/// Ascending feature numbers.
pub type ColumnSet = Arc<Vec<usize>>;

/// The features that a tree, a level or a node may split by.
pub struct Columns {
    tree: ColumnSet,
    bylevel: f32,
    bynode: f32,
    levels: Vec<ColumnSet>,
}

impl Columns {
    pub fn new(features: usize, growth: &Growth, random: &mut fastrand::Rng) -> Self {
        let all = ColumnSet::new((0..features).collect());
        Self {
            tree: sample(&all, growth.colsample_bytree, random),
            bylevel: growth.colsample_bylevel,
            bynode: growth.colsample_bynode,
            levels: Vec::new(),
        }
    }

    pub fn for_node(&mut self, depth: u32, random: &mut fastrand::Rng) -> ColumnSet {
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

/// The features between the root and a node, and what they leave it to split by.
#[derive(Clone, Default)]
pub struct Path {
    /// Ascending.
    used: Vec<usize>,
    /// Ascending; `None` where every feature is allowed, as it is in the root.
    allowed: Option<ColumnSet>,
}

impl Path {
    /// The path through a split by `feature`. Its end may split by the features of the path itself,
    /// and by those of each set that holds all of the path.
    pub fn through(&self, feature: u32, sets: &[Vec<usize>]) -> Self {
        if sets.is_empty() {
            return Self::default();
        }
        let mut used = self.used.clone();
        used.push(feature as usize);
        sort_out(&mut used);
        let mut allowed = used.clone();
        for set in sets {
            if used.iter().all(|feature| set.contains(feature)) {
                allowed.extend(set);
            }
        }
        sort_out(&mut allowed);
        Self { used, allowed: Some(ColumnSet::new(allowed)) }
    }

    /// Those of `columns` that the path allows.
    pub fn admit(&self, columns: ColumnSet) -> ColumnSet {
        match &self.allowed {
            None => columns,
            Some(allowed) => {
                let is_allowed = |column: &&usize| allowed.binary_search(column).is_ok();
                ColumnSet::new(columns.iter().filter(is_allowed).copied().collect())
            }
        }
    }
}

fn sort_out(features: &mut Vec<usize>) {
    features.sort_unstable();
    features.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_allows_itself_and_the_sets_that_hold_all_of_it() {
        let sets = [vec![0, 1, 2], vec![2, 3], vec![4]];
        let all = ColumnSet::new((0..6).collect());
        let after = |features: &[u32]| {
            let path =
                features.iter().fold(Path::default(), |path, next| path.through(*next, &sets));
            path.admit(all.clone()).to_vec()
        };
        assert_eq!(after(&[]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(after(&[2]), [0, 1, 2, 3]);
        assert_eq!(after(&[2, 3]), [2, 3]);
        assert_eq!(after(&[5]), [5], "a feature of no set meets only itself");
        assert_eq!(Path::default().through(3, &[]).admit(all.clone()), all);
    }
}
