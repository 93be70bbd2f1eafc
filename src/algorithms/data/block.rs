//! The rows read so far: every format's reader pushes into one block.

use super::{DataError, Labelled, Labels, Layout, Matrix, Problem};

/// More values than this are refused rather than left to the kernel's out-of-memory killer (4 GiB).
const MOST_CELLS: usize = 1 << 30;

/// Rows under construction, dense until the first sparse row comes.
pub struct Block {
    layout: Layout,
    /// Fixed by the layout or by the first dense row.
    columns: Option<usize>,
    values: Vec<f32>,
    rows: usize,
    sparse: Vec<Sparse>,
    /// One past the greatest index any sparse row named.
    widest: usize,
    labels: Vec<f32>,
    weights: Vec<f32>,
    /// The query of each row that names one.
    queries: Vec<u64>,
}

/// Named features of the row with this index, kept until all widths are known.
struct Sparse {
    row: usize,
    features: Vec<(u32, f32)>,
}

impl Block {
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            columns: layout.columns,
            values: Vec::new(),
            rows: 0,
            sparse: Vec::new(),
            widest: 0,
            labels: Vec::new(),
            weights: Vec::new(),
            queries: Vec::new(),
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// One feature of the row that [`Block::end_row`] will close.
    #[inline]
    pub fn push(&mut self, value: f32) {
        self.values.push(value);
    }

    /// Closes a dense row and checks its width; `line` is where it ended.
    #[inline]
    pub fn end_row(&mut self, line: usize) -> Result<(), DataError> {
        let dense = self.rows - self.sparse.len();
        let found = self.values.len() - dense * self.columns.unwrap_or(0);
        match self.columns {
            Some(expected) if found == expected => {}
            Some(expected) => {
                let by_model = self.layout.columns.is_some();
                return Err(DataError::at(line, Problem::Width { found, expected, by_model }));
            }
            None => self.columns = Some(found),
        }
        self.rows += 1;
        self.bounded(self.columns.unwrap_or(0), line)
    }

    /// A whole sparse row; the features not named are [`Layout::absent`].
    pub fn sparse_row(
        &mut self,
        features: Vec<(u32, f32)>,
        width: Option<usize>,
        line: usize,
    ) -> Result<(), DataError> {
        let named = features.iter().map(|(index, _)| *index as usize + 1).max().unwrap_or(0);
        let found = width.unwrap_or(named).max(named);
        if let Some(expected) = self.columns
            && found > expected
        {
            let by_model = self.layout.columns.is_some();
            return Err(DataError::at(line, Problem::Width { found, expected, by_model }));
        }
        self.widest = self.widest.max(found);
        self.sparse.push(Sparse { row: self.rows, features });
        self.rows += 1;
        self.bounded(self.columns.unwrap_or(self.widest), line)
    }

    #[inline]
    pub fn push_label(&mut self, label: f32) {
        self.labels.push(label);
    }

    #[inline]
    pub fn push_weight(&mut self, weight: f32) {
        self.weights.push(weight);
    }

    #[inline]
    pub fn push_query(&mut self, query: u64) {
        self.queries.push(query);
    }

    fn bounded(&self, columns: usize, line: usize) -> Result<(), DataError> {
        if self.rows.saturating_mul(columns) > MOST_CELLS {
            return Err(DataError::at(line, Problem::TooLarge { rows: self.rows, columns }));
        }
        Ok(())
    }

    /// All rows, sparse ones spread out.
    pub fn finish(self) -> Result<Labelled, DataError> {
        if self.rows == 0 {
            return Err(DataError::new(Problem::NoRows));
        }
        let columns = self.columns.unwrap_or(self.widest);
        if columns == 0 {
            return Err(DataError::new(DataError::malformed(
                "rows of numbers",
                "rows without features",
            )));
        }
        if self.layout.labels == Labels::Required && self.labels.len() != self.rows {
            return Err(DataError::new(Problem::NoLabel));
        }
        // Optional labels are all there or they are not used.
        let labels = if self.labels.len() == self.rows { self.labels } else { Vec::new() };
        let weights = if self.weights.len() == self.rows { self.weights } else { Vec::new() };
        if !self.queries.is_empty() && self.queries.len() != self.rows {
            let what = format!("{} of {} rows with a qid", self.queries.len(), self.rows);
            return Err(DataError::new(DataError::malformed(
                "a qid in every row or in none",
                what,
            )));
        }
        let queries = starts(&self.queries);
        let values = if self.sparse.is_empty() {
            self.values
        } else {
            spread(&self.values, &self.sparse, self.rows, columns, self.layout.absent)
        };
        let features = Matrix::new(columns, values).ok_or_else(|| {
            DataError::new(DataError::malformed("rows of numbers", "rows of different length"))
        })?;
        Ok(Labelled { features, labels, weights, queries })
    }
}

/// Where the rows of each query start, and where the last one ends: neighbours with the same one are together.
fn starts(queries: &[u64]) -> Vec<usize> {
    let mut end = 0;
    let ends = queries.chunk_by(|a, b| a == b).map(|query| {
        end += query.len();
        end
    });
    if queries.is_empty() { Vec::new() } else { std::iter::once(0).chain(ends).collect() }
}

/// Puts the sparse rows between the dense ones, in the order they came.
fn spread(dense: &[f32], sparse: &[Sparse], rows: usize, columns: usize, absent: f32) -> Vec<f32> {
    let mut values = vec![absent; rows * columns];
    let mut dense = dense.chunks_exact(columns);
    let mut sparse = sparse.iter().peekable();
    for (index, row) in values.chunks_exact_mut(columns).enumerate() {
        if let Some(named) = sparse.next_if(|candidate| candidate.row == index) {
            for (feature, value) in &named.features {
                if let Some(cell) = row.get_mut(*feature as usize) {
                    *cell = *value;
                }
            }
        } else if let Some(source) = dense.next() {
            row.copy_from_slice(source);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_and_dense_rows_mix_in_order() {
        let mut block = Block::new(Layout::inference(Some(3)));
        block.sparse_row(vec![(2, 5.0)], None, 1).unwrap();
        for value in [1.0, 2.0, 3.0] {
            block.push(value);
        }
        block.end_row(2).unwrap();
        block.sparse_row(vec![(0, 7.0)], Some(3), 3).unwrap();
        let rows = block.finish().unwrap().features;
        assert_eq!(rows.values(), [0.0, 0.0, 5.0, 1.0, 2.0, 3.0, 7.0, 0.0, 0.0]);
    }

    #[test]
    fn a_row_of_another_width_than_the_models_is_refused() {
        let mut block = Block::new(Layout::inference(Some(2)));
        block.push(1.0);
        let error = block.end_row(1).unwrap_err();
        assert!(error.to_string().contains("the model was trained with 2"), "{error}");
        let mut block = Block::new(Layout::inference(Some(2)));
        assert!(block.sparse_row(vec![(2, 1.0)], None, 1).is_err());
    }
}
