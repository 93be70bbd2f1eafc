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

    /// Whether every child lies behind its parent and inside the tree, so that a walk from the root
    /// ends: what a file must be checked for before [`Tree::predict`] may walk it.
    pub fn is_sound(&self) -> bool {
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
        let inside = |parent: usize, child: i32| {
            usize::try_from(child).is_ok_and(|child| child > parent && child < nodes)
        };
        nodes > 0
            && lengths.iter().all(|length| *length == nodes)
            && (0..nodes).all(|node| match (self.left[node], self.right[node]) {
                (NO_CHILD, NO_CHILD) => true,
                (left, right) => inside(node, left) && inside(node, right),
            })
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
        assert!(tree.is_sound());
    }

    #[test]
    fn a_tree_that_leads_back_to_its_root_is_unsound() {
        let mut tree = Tree::stump(0.0, 2.0);
        tree.expand(0, &split(2.0, false));
        tree.left[1] = 0;
        tree.right[1] = 2;
        assert!(!tree.is_sound());
        tree.left[1] = 9;
        assert!(!tree.is_sound());
        assert!(!Tree::default().is_sound());
    }
}
