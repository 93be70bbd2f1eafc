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
