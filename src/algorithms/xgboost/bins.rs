//! Features cut into bins at their quantiles: what the histograms count over.

use crate::algorithms::Matrix;
use rayon::prelude::*;

/// Rows that one task works on.
const BLOCK: usize = 1024;
/// Columns that are read together: as many values lie in a cache line.
const BATCH: usize = 16;

/// Where each feature's bins end.
///
/// Bin `b` of a feature holds the values from the cut before it up to, without it, cut `b`; the last
/// cut lies above every value, as XGBoost places it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cuts {
    /// The cuts of feature `f` are `values[starts[f]..starts[f + 1]]`.
    starts: Vec<usize>,
    values: Vec<f32>,
    /// A value below every value of the feature: the condition of a split that sends all values right.
    floors: Vec<f32>,
    /// Whether some row has no value of the feature.
    missing: Vec<bool>,
}

struct FeatureCuts {
    cuts: Vec<f32>,
    floor: f32,
    missing: bool,
}

impl Cuts {
    /// Cuts every column of `matrix` into at most `max_bin` bins of about equal weight; a column of
    /// no more distinct values than that gets a bin for each.
    pub fn of(matrix: &Matrix, weights: &[f32], max_bin: usize) -> Self {
        let numbers: Vec<usize> = (0..matrix.columns()).collect();
        let batches = numbers.chunks(BATCH);
        let columns = batches.flat_map(|batch| cut_batch(matrix, batch, weights, max_bin.max(2)));
        let mut cuts =
            Self { starts: vec![0], values: Vec::new(), floors: Vec::new(), missing: Vec::new() };
        for column in columns {
            cuts.values.extend(column.cuts);
            cuts.starts.push(cuts.values.len());
            cuts.floors.push(column.floor);
            cuts.missing.push(column.missing);
        }
        cuts
    }

    pub fn features(&self) -> usize {
        self.floors.len()
    }

    /// The ends of the feature's bins.
    pub fn of_feature(&self, feature: usize) -> &[f32] {
        &self.values[self.starts[feature]..self.starts[feature + 1]]
    }

    pub fn floor(&self, feature: usize) -> f32 {
        self.floors[feature]
    }

    pub fn has_missing(&self, feature: usize) -> bool {
        self.missing[feature]
    }

    /// The slots that the feature takes in a histogram: its bins, and one for rows without a value.
    fn slots(&self, feature: usize) -> usize {
        self.of_feature(feature).len() + usize::from(self.missing[feature])
    }

    /// The bin of a value; a missing one's comes after the last.
    fn bin(&self, feature: usize, value: f32) -> usize {
        let cuts = self.of_feature(feature);
        if value.is_nan() {
            return cuts.len();
        }
        let bin = cuts.partition_point(|cut| *cut <= value);
        // Only infinity lies at or above the last cut.
        bin.min(cuts.len().saturating_sub(1))
    }
}

/// Cuts neighbouring columns. Their values are first laid out column by column, in one walk over the rows.
fn cut_batch(
    matrix: &Matrix,
    batch: &[usize],
    weights: &[f32],
    max_bin: usize,
) -> Vec<FeatureCuts> {
    let (rows, Some(&first)) = (matrix.rows(), batch.first()) else { return Vec::new() };
    let mut columns = vec![0.0; rows * batch.len()];
    let blocks = blocks_of(&mut columns, rows);
    let values = matrix.values().par_chunks(matrix.columns() * BLOCK);
    blocks.into_par_iter().zip(values).for_each(|(mut block, values)| {
        for (row, values) in values.chunks_exact(matrix.columns()).enumerate() {
            for (column, value) in block.iter_mut().zip(&values[first..]) {
                column[row] = *value;
            }
        }
    });
    // A matrix without rows has columns, too.
    let column = |place: usize| &columns[place * rows..(place + 1) * rows];
    let places = (0..batch.len()).into_par_iter();
    places.map(|place| cut_column(column(place), weights, max_bin)).collect()
}

/// The parts that each block of rows has of columns that lie one after the other.
fn blocks_of<T>(columns: &mut [T], rows: usize) -> Vec<Vec<&mut [T]>> {
    let mut blocks: Vec<Vec<&mut [T]>> = (0..rows.div_ceil(BLOCK)).map(|_| Vec::new()).collect();
    for column in columns.chunks_mut(rows.max(1)) {
        for (block, part) in blocks.iter_mut().zip(column.chunks_mut(BLOCK)) {
            block.push(part);
        }
    }
    blocks
}

fn cut_column(values: &[f32], weights: &[f32], max_bin: usize) -> FeatureCuts {
    let mut keys: Vec<(u32, f32)> = Vec::new();
    let mut plain: Vec<u32> = Vec::new();
    for (row, value) in values.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
        match weights.get(row) {
            Some(weight) => keys.push((key(*value), *weight)),
            None => plain.push(key(*value)),
        }
    }
    plain.sort_unstable();
    keys.sort_unstable_by_key(|(key, _)| *key);
    let present = plain.len() + keys.len();
    let mut runs: Vec<(u32, f64)> = Vec::new();
    let weighted = keys.into_iter().map(|(key, weight)| (key, f64::from(weight)));
    for (key, weight) in plain.into_iter().map(|key| (key, 1.0)).chain(weighted) {
        match runs.last_mut() {
            Some((last, sum)) if *last == key => *sum += weight,
            _ => runs.push((key, weight)),
        }
    }
    let missing = present < values.len();
    let lowest = runs.first().map_or(0.0, |(key, _)| value(*key));
    let highest = runs.last().map_or(0.0, |(key, _)| value(*key));
    // A slot for missing values must not push 256 bins beyond what a byte can name.
    let bins = if missing && max_bin == 256 { 255 } else { max_bin };
    let mut cuts = inner_cuts(&runs, bins);
    let end = highest + (highest.abs() + 1e-5);
    cuts.push(if end.is_finite() { end } else { f32::MAX });
    FeatureCuts { cuts, floor: lowest - (lowest.abs() + 1e-5), missing }
}

/// The cuts between the first and the last bin, ascending.
fn inner_cuts(runs: &[(u32, f64)], max_bin: usize) -> Vec<f32> {
    if runs.len() <= max_bin {
        return runs.iter().skip(1).map(|(key, _)| value(*key)).collect();
    }
    let total: f64 = runs.iter().map(|(_, weight)| weight).sum();
    let mut cuts = Vec::with_capacity(max_bin);
    let (mut below, mut next) = (0.0, 1);
    for (index, (key, weight)) in runs.iter().enumerate() {
        let mid = below + weight / 2.0;
        let mut due = false;
        while next < max_bin && total * next as f64 / max_bin as f64 <= mid {
            due = true;
            next += 1;
        }
        if due && index > 0 {
            cuts.push(value(*key));
        }
        below += weight;
    }
    cuts
}

/// An order-preserving name for a float; both zeros have one.
fn key(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

fn value(key: u32) -> f32 {
    f32::from_bits(if key >> 31 == 1 { key & !(1 << 31) } else { !key })
}

/// Every value's bin.
#[derive(Clone, Debug)]
pub struct Binned {
    pub cuts: Cuts,
    /// Slots reserved for each feature in a histogram; a power of two.
    pub stride: usize,
    pub codes: Codes,
}

/// Bins as bytes where they fit, which is where histograms are built fastest.
#[derive(Clone, Debug)]
pub enum Codes {
    Narrow(Table<u8>),
    Wide(Table<u32>),
}

/// Bins in both orders: a histogram reads whole rows, the parting of a node one column.
#[derive(Clone, Debug)]
pub struct Table<T> {
    pub by_row: Vec<T>,
    pub by_column: Vec<T>,
}

impl Binned {
    pub fn of(matrix: &Matrix, cuts: Cuts) -> Self {
        let widest = (0..cuts.features()).map(|feature| cuts.slots(feature)).max().unwrap_or(1);
        let stride = widest.next_power_of_two().max(8);
        let codes = if stride <= 256 {
            Codes::Narrow(encode(matrix, &cuts, |bin| u8::try_from(bin).unwrap_or(u8::MAX)))
        } else {
            Codes::Wide(encode(matrix, &cuts, |bin| u32::try_from(bin).unwrap_or(u32::MAX)))
        };
        Self { cuts, stride, codes }
    }

    pub fn features(&self) -> usize {
        self.cuts.features()
    }
}

fn encode<T: Copy + Default + Send + Sync>(
    matrix: &Matrix,
    cuts: &Cuts,
    code: impl Fn(usize) -> T + Sync,
) -> Table<T> {
    let (rows, columns) = (matrix.rows(), matrix.columns().max(1));
    let mut by_row = vec![T::default(); matrix.values().len()];
    let mut by_column = by_row.clone();
    let blocks = blocks_of(&mut by_column, rows).into_par_iter();
    let by_rows = by_row.par_chunks_mut(columns * BLOCK);
    let values = matrix.values().par_chunks(columns * BLOCK);
    blocks.zip(by_rows).zip(values).for_each(|((mut block, codes), values)| {
        let pairs = codes.chunks_exact_mut(columns).zip(values.chunks_exact(columns));
        for (row, (codes, values)) in pairs.enumerate() {
            for (feature, (slot, value)) in codes.iter_mut().zip(values).enumerate() {
                let code = code(cuts.bin(feature, *value));
                *slot = code;
                block[feature][row] = code;
            }
        }
    });
    Table { by_row, by_column }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn few_values_get_a_bin_each_and_the_first_cut_is_the_second_value() {
        let matrix = Matrix::new(1, vec![3.0, 1.0, f32::NAN, 2.0, 1.0]).unwrap();
        let cuts = Cuts::of(&matrix, &[], 256);
        assert_eq!(cuts.of_feature(0)[..2], [2.0, 3.0]);
        assert!(cuts.of_feature(0)[2] > 3.0);
        assert!(cuts.has_missing(0));
        let Codes::Narrow(codes) = Binned::of(&matrix, cuts).codes else { panic!("bytes suffice") };
        assert_eq!(codes.by_row, [2, 0, 3, 1, 0]);
        assert_eq!(codes.by_column, codes.by_row);
    }

    #[test]
    fn columns_hold_what_rows_hold() {
        let matrix = Matrix::new(2, vec![1.0, 9.0, 2.0, 8.0, 3.0, 7.0]).unwrap();
        let binned = Binned::of(&matrix, Cuts::of(&matrix, &[], 256));
        let Codes::Narrow(codes) = binned.codes else { panic!("bytes suffice") };
        assert_eq!(codes.by_row, [0, 2, 1, 1, 2, 0]);
        assert_eq!(codes.by_column, [0, 1, 2, 2, 1, 0]);
    }

    #[test]
    fn a_column_without_any_value_has_one_empty_bin() {
        let matrix = Matrix::new(1, vec![f32::NAN, f32::NAN]).unwrap();
        let binned = Binned::of(&matrix, Cuts::of(&matrix, &[], 256));
        let Codes::Narrow(codes) = binned.codes else { panic!("bytes suffice") };
        assert_eq!(codes.by_row, [1, 1]);
    }

    #[test]
    fn weight_pulls_the_cuts_to_where_it_lies() {
        let values: Vec<f32> = (0_u16..1000).map(f32::from).collect();
        let weights: Vec<f32> = (0..1000).map(|row| if row < 100 { 100.0 } else { 0.1 }).collect();
        let matrix = Matrix::new(1, values).unwrap();
        let cuts = Cuts::of(&matrix, &weights, 16);
        assert!(cuts.of_feature(0).iter().filter(|cut| **cut < 101.0).count() >= 14);
    }

    #[test]
    fn more_bins_than_a_byte_can_name_are_held_wider() {
        let matrix = Matrix::new(1, (0_u16..2000).map(f32::from).collect()).unwrap();
        let binned = Binned::of(&matrix, Cuts::of(&matrix, &[], 1024));
        assert_eq!(binned.stride, 1024);
        assert!(matches!(binned.codes, Codes::Wide(_)));
    }

    proptest! {
        #[test]
        fn a_value_lies_between_the_cuts_of_its_bin(
            values in prop::collection::vec(prop_oneof![9 => -1e6_f32..1e6, 1 => Just(f32::NAN)], 1..400),
            max_bin in 2_usize..40,
        ) {
            let matrix = Matrix::new(1, values.clone()).unwrap();
            let cuts = Cuts::of(&matrix, &[], max_bin);
            let ends = cuts.of_feature(0);
            prop_assert!(ends.len() <= max_bin);
            prop_assert!(ends.is_sorted_by(|a, b| a < b));
            for value in values {
                let bin = cuts.bin(0, value);
                if value.is_nan() {
                    prop_assert_eq!(bin, ends.len());
                } else {
                    prop_assert!(value < ends[bin] && (bin == 0 || value >= ends[bin - 1]));
                    prop_assert!(value > cuts.floor(0));
                }
            }
        }

        #[test]
        fn many_distinct_values_fill_the_bins_evenly(rows in 500_usize..3000) {
            let values: Vec<f32> = (0..rows).map(|row| ((row * 7919) % 10_007) as f32).collect();
            let matrix = Matrix::new(1, values).unwrap();
            let binned = Binned::of(&matrix, Cuts::of(&matrix, &[], 16));
            let Codes::Narrow(codes) = binned.codes else { panic!("bytes suffice") };
            let mut counts = [0_usize; 16];
            for code in codes.by_row { counts[usize::from(code)] += 1; }
            let fair = rows / 16;
            prop_assert!(counts.iter().all(|count| count.abs_diff(fair) <= fair / 2 + 2), "{:?}", counts);
        }

        #[test]
        fn keys_sort_as_the_floats_do(a in -1e30_f32..1e30, b in -1e30_f32..1e30) {
            prop_assert_eq!(a < b, key(a) < key(b));
            prop_assert_eq!(value(key(a)), a);
        }
    }
}
