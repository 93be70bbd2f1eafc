//! One regression tree, in the arrays of XGBoost's model format.

/// A node's parent when it has none, as XGBoost writes it.
pub const NO_PARENT: i32 = i32::MAX;
/// A leaf's children.
pub const NO_CHILD: i32 = -1;

/// A binary tree of numerical splits; node 0 is the root.
///
/// Each array has one entry per node. A row goes left when its value is below the condition, to the
/// default side when it has no value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    pub left: Vec<i32>,
    pub right: Vec<i32>,
    pub parent: Vec<i32>,
    pub feature: Vec<u32>,
    /// The split's threshold, or, of a leaf, what it adds to the margin.
    pub condition: Vec<f32>,
    pub default_left: Vec<bool>,
    pub base_weight: Vec<f32>,
    pub loss_change: Vec<f32>,
    pub sum_hessian: Vec<f32>,
}

/// A split as it is written into a tree.
#[derive(Clone, Copy, Debug)]
pub struct Expansion {
    pub feature: u32,
    pub condition: f32,
    pub default_left: bool,
    pub loss_change: f32,
    /// The weight of the node that splits, not scaled by the learning rate.
    pub base_weight: f32,
    /// Hessian and value (scaled by the learning rate) of the left leaf that comes to be.
    pub left: (f32, f32),
    /// The same of the right leaf.
    pub right: (f32, f32),
}

impl Tree {
    /// A tree of one leaf.
    pub fn stump(value: f32, hessian: f32) -> Self {
        let mut tree = Self::default();
        tree.push_leaf(NO_PARENT, value, hessian);
        tree
    }

    fn push_leaf(&mut self, parent: i32, value: f32, hessian: f32) -> usize {
        self.left.push(NO_CHILD);
        self.right.push(NO_CHILD);
        self.parent.push(parent);
        self.feature.push(0);
        self.condition.push(value);
        self.default_left.push(false);
        self.base_weight.push(value);
        self.loss_change.push(0.0);
        self.sum_hessian.push(hessian);
        self.left.len() - 1
    }

    /// Splits the leaf `node`; answers its left child's number, the right child's is one more.
    pub fn expand(&mut self, node: usize, split: &Expansion) -> usize {
        let parent = i32::try_from(node).unwrap_or(NO_PARENT);
        let left = self.push_leaf(parent, split.left.1, split.left.0);
        let right = self.push_leaf(parent, split.right.1, split.right.0);
        self.left[node] = i32::try_from(left).unwrap_or(NO_CHILD);
        self.right[node] = i32::try_from(right).unwrap_or(NO_CHILD);
        self.feature[node] = split.feature;
        self.condition[node] = split.condition;
        self.default_left[node] = split.default_left;
        self.loss_change[node] = split.loss_change;
        self.base_weight[node] = split.base_weight;
        left
    }

    pub fn nodes(&self) -> usize {
        self.left.len()
    }

    /// What this tree adds to the margin of `row`; a feature beyond the row's end has no value.
    pub fn predict(&self, row: &[f32]) -> f32 {
        let mut node = 0;
        while self.left[node] != NO_CHILD {
            let value = row.get(self.feature[node] as usize).copied().unwrap_or(f32::NAN);
            let left =
                if value.is_nan() { self.default_left[node] } else { value < self.condition[node] };
            node = if left { self.left[node] } else { self.right[node] } as usize;
        }
        self.condition[node]
    }

    /// Whether every node is part of it and a walk from the root ends at a leaf.
    #[cfg(test)]
    pub fn is_sound(&self) -> bool {
        self.clone().settled().as_ref() == Some(self)
    }

    /// Multiplies what every leaf adds.
    pub fn scale(&mut self, factor: f32) {
        for (condition, left) in self.condition.iter_mut().zip(&self.left) {
            if *left == NO_CHILD {
                *condition *= factor;
            }
        }
    }

    /// The tree, if a walk from the root always ends at a leaf: what a file must be checked for before
    /// [`Tree::predict`] may walk it. Nodes that no walk reaches (the library's pruning leaves such
    /// behind) become leaves.
    pub fn settled(mut self) -> Option<Self> {
        let nodes = self.nodes();
        let lengths = [
            self.right.len(),
            self.parent.len(),
            self.feature.len(),
            self.condition.len(),
            self.default_left.len(),
            self.base_weight.len(),
            self.loss_change.len(),
            self.sum_hessian.len(),
        ];
        if nodes == 0 || lengths.iter().any(|length| *length != nodes) {
            return None;
        }
        let mut met = vec![false; nodes];
        let mut ahead = vec![0_i32];
        while let Some(node) = ahead.pop() {
            let place = usize::try_from(node).ok().filter(|place| *place < nodes)?;
            if std::mem::replace(&mut met[place], true) {
                return None;
            }
            match (self.left[place], self.right[place]) {
                (NO_CHILD, _) => self.right[place] = NO_CHILD,
                (left, right) => ahead.extend([left, right]),
            }
        }
        for (place, _) in met.iter().enumerate().filter(|(_, met)| !**met) {
            (self.left[place], self.right[place]) = (NO_CHILD, NO_CHILD);
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(condition: f32, default_left: bool) -> Expansion {
        Expansion {
            feature: 0,
            condition,
            default_left,
            loss_change: 1.0,
            base_weight: 0.5,
            left: (1.0, -1.0),
            right: (1.0, 1.0),
        }
    }

    #[test]
    fn a_row_at_the_condition_goes_right_and_one_without_a_value_to_the_default() {
        let mut tree = Tree::stump(0.0, 2.0);
        assert_eq!(tree.predict(&[7.0]), 0.0);
        assert_eq!(tree.expand(0, &split(2.0, true)), 1);
        assert_eq!(tree.predict(&[1.9]), -1.0);
        assert_eq!(tree.predict(&[2.0]), 1.0);
        assert_eq!(tree.predict(&[f32::NAN]), -1.0);
        assert_eq!(tree.predict(&[]), -1.0);
        assert_eq!(tree.clone().settled(), Some(tree));
    }

    #[test]
    fn a_tree_that_leads_back_to_its_root_is_none() {
        let mut tree = Tree::stump(0.0, 2.0);
        tree.expand(0, &split(2.0, false));
        for (left, right) in [(0, 2), (9, 2), (-5, 2), (2, 2), (1, 2)] {
            (tree.left[1], tree.right[1]) = (left, right);
            assert_eq!(tree.clone().settled(), None, "{left} {right}");
        }
        assert_eq!(Tree::default().settled(), None);
    }

    #[test]
    fn nodes_that_were_pruned_are_no_part_of_it() {
        let mut tree = Tree::stump(0.0, 2.0);
        tree.expand(0, &split(2.0, false));
        tree.expand(1, &split(1.0, false));
        // The first split is taken back, and what it led to is left behind.
        (tree.left[0], tree.right[0], tree.left[3]) = (NO_CHILD, NO_CHILD, -7);
        let mut settled = tree.settled().unwrap();
        assert_eq!(settled.left, [NO_CHILD; 5]);
        settled.scale(0.5);
        assert_eq!(settled.condition[0], 1.0);
    }
}
