//! Features as one dense block: small rows are read fastest when they lie side by side.

/// Rows of equally many features, row-major; NaN marks a value that is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    columns: usize,
    values: Vec<f32>,
}

/// A matrix with a label for each of its rows (and weights, where the format carries them).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labelled {
    pub features: Matrix,
    /// As many as rows.
    pub labels: Vec<f32>,
    /// As many as rows, or empty when every row counts the same.
    pub weights: Vec<f32>,
    /// Where the rows of each query start, and where the last one ends; empty when no row names its query.
    pub queries: Vec<usize>,
}

impl Labelled {
    /// The rows at these places, without their queries.
    pub fn rows(&self, places: &[usize]) -> Self {
        let values = places.iter().flat_map(|place| self.features.row(*place)).copied().collect();
        let of = |values: &[f32]| {
            places.iter().filter_map(|place| values.get(*place)).copied().collect()
        };
        Self {
            features: Matrix { columns: self.features.columns, values },
            labels: of(&self.labels),
            weights: of(&self.weights),
            queries: Vec::new(),
        }
    }

    /// These rows and then those of another set of as many columns. Where only one of them has weights,
    /// the rows of the other count once.
    pub fn joined(&self, other: &Self) -> Self {
        let join = |a: &[f32], b: &[f32]| [a, b].concat();
        let weights = |set: &Self| match set.weights.as_slice() {
            [] => vec![1.0; set.labels.len()],
            weights => weights.to_vec(),
        };
        let unweighted = self.weights.is_empty() && other.weights.is_empty();
        let end = self.labels.len();
        let queries = match (self.queries.as_slice(), other.queries.as_slice()) {
            ([], []) => Vec::new(),
            (own, []) => own.iter().copied().chain([end + other.labels.len()]).collect(),
            ([], more) => std::iter::once(0).chain(more.iter().map(|start| end + start)).collect(),
            (own, more) => {
                own.iter().copied().chain(more.iter().skip(1).map(|start| end + start)).collect()
            }
        };
        Self {
            features: Matrix {
                columns: self.features.columns,
                values: join(&self.features.values, &other.features.values),
            },
            labels: join(&self.labels, &other.labels),
            weights: if unweighted { Vec::new() } else { join(&weights(self), &weights(other)) },
            queries,
        }
    }
}

impl Matrix {
    /// `None` when the values do not make whole rows of `columns`.
    pub fn new(columns: usize, values: Vec<f32>) -> Option<Self> {
        let whole =
            if columns == 0 { values.is_empty() } else { values.len().is_multiple_of(columns) };
        whole.then_some(Self { columns, values })
    }

    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }

    pub fn iter_rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.columns.max(1))
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Back to the block of values, so that its memory can be used again.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_and_joined_with_all_that_belongs_to_them() {
        let set = |first: f32, weights: Vec<f32>, queries| Labelled {
            features: Matrix::new(2, vec![first, 1.0, first + 1.0, 2.0]).unwrap(),
            labels: vec![first, first + 1.0],
            weights,
            queries,
        };
        let joined = set(0.0, vec![], vec![0, 1, 2]).joined(&set(5.0, vec![3.0, 4.0], vec![0, 2]));
        assert_eq!(joined.labels, [0.0, 1.0, 5.0, 6.0]);
        assert_eq!(joined.weights, [1.0, 1.0, 3.0, 4.0]);
        assert_eq!(joined.queries, [0, 1, 2, 4]);
        let taken = joined.rows(&[3, 0]);
        assert_eq!(taken.features.values(), [6.0, 2.0, 0.0, 1.0]);
        assert_eq!((taken.labels, taken.weights), (vec![6.0, 0.0], vec![4.0, 1.0]));
    }
}
