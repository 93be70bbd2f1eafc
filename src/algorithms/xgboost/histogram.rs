//! Sums of gradients per bin: the inner loop of all training.
//!
//! A histogram reserves the same power of two of slots for each feature, so that a byte, masked,
//! cannot point outside its feature. How sums are formed depends on the number of rows, never on the
//! number of threads, and so the model does not either.

use super::bins::{Binned, Codes};
use super::objective::Gradient;
use rayon::prelude::*;

/// Sums of first and second derivatives, in double as XGBoost holds them.
pub type Sums = [f64; 2];

/// Sums for every slot of every feature.
pub type Histogram = Vec<Sums>;

/// Additions below which sharing them out costs more than it saves.
const WORTH_SHARING: usize = 1 << 15;
/// Rows up to which every sum is formed in the order of the rows. More rows are summed in equal
/// blocks, and the blocks in their order: that depends on their number alone.
const BLOCK: usize = 1 << 15;
/// Blocks there are at most.
const BLOCKS: usize = 64;
/// Slots up to which each block has sums of its own; more of them are shared out, not the rows.
const FEW_SLOTS: usize = 1 << 16;

/// Sums up the gradients of `rows` into `histogram`, whatever it held before. `share` tells whether
/// other threads have nothing else to do.
pub fn build(
    data: &Binned,
    rows: &[u32],
    gradients: &[Gradient],
    share: bool,
    histogram: &mut Histogram,
) {
    let features = data.features();
    histogram.clear();
    histogram.resize(features * data.stride, [0.0; 2]);
    if rows.len() > BLOCK && histogram.len() <= FEW_SLOTS {
        let blocks = rows.par_chunks(width(rows.len()));
        let partial: Vec<Histogram> = blocks
            .map(|rows| {
                let mut sums = vec![[0.0; 2]; features * data.stride];
                accumulate(data, rows, gradients, 0, &mut sums);
                sums
            })
            .collect();
        return add(&partial, histogram);
    }
    let worth = share && rows.len() * features >= WORTH_SHARING;
    let shares = if worth { rayon::current_num_threads().min(features) } else { 1 };
    let width = features.div_ceil(shares.max(1)).max(1);
    let block = |(block, sums): (usize, &mut [Sums])| {
        accumulate(data, rows, gradients, block * width, sums);
    };
    if shares <= 1 {
        block((0, histogram));
    } else {
        histogram.par_chunks_mut(width * data.stride).enumerate().for_each(block);
    }
}

/// How many rows each of the equal blocks has.
fn width(rows: usize) -> usize {
    rows.div_ceil(rows.div_ceil(BLOCK).clamp(1, BLOCKS)).max(1)
}

/// Adds the blocks' sums up, slot by slot in the order of the blocks.
fn add(partial: &[Histogram], histogram: &mut Histogram) {
    const SLOTS: usize = 1024;
    histogram.par_chunks_mut(SLOTS).enumerate().for_each(|(chunk, sums)| {
        for partial in partial {
            for (sum, more) in sums.iter_mut().zip(&partial[chunk * SLOTS..]) {
                sum[0] += more[0];
                sum[1] += more[1];
            }
        }
    });
}

/// The gradients of all `rows` together.
pub fn sum(rows: &[u32], gradients: &[Gradient]) -> Sums {
    let of_block = |rows: &[u32]| {
        let mut sums = [0.0; 2];
        for &row in rows {
            let gradient = gradients[row as usize];
            sums[0] += f64::from(gradient[0]);
            sums[1] += f64::from(gradient[1]);
        }
        sums
    };
    if rows.len() <= BLOCK {
        return of_block(rows);
    }
    let blocks: Vec<Sums> = rows.par_chunks(width(rows.len())).map(of_block).collect();
    blocks.iter().fold([0.0; 2], |all, block| [all[0] + block[0], all[1] + block[1]])
}

/// Sums up the features from `first` on that `sums` has room for.
fn accumulate(
    data: &Binned,
    rows: &[u32],
    gradients: &[Gradient],
    first: usize,
    sums: &mut [Sums],
) {
    match &data.codes {
        Codes::Narrow(codes) => {
            let narrow = match data.stride {
                8 => narrow::<8>,
                16 => narrow::<16>,
                32 => narrow::<32>,
                64 => narrow::<64>,
                128 => narrow::<128>,
                _ => narrow::<256>,
            };
            narrow(&codes.by_row, data.features(), rows, gradients, first, sums);
        }
        Codes::Wide(codes) => {
            let features = data.features();
            for &row in rows {
                let row = row as usize;
                let [gradient, hessian] = gradients[row].map(f64::from);
                let codes = &codes.by_row[row * features + first..(row + 1) * features];
                for (code, sums) in codes.iter().zip(sums.chunks_exact_mut(data.stride)) {
                    let sum = &mut sums[*code as usize];
                    sum[0] += gradient;
                    sum[1] += hessian;
                }
            }
        }
    }
}

fn narrow<const STRIDE: usize>(
    codes: &[u8],
    features: usize,
    rows: &[u32],
    gradients: &[Gradient],
    first: usize,
    sums: &mut [Sums],
) {
    let (sums, _) = sums.as_chunks_mut::<STRIDE>();
    let last = first + sums.len();
    for &row in rows {
        let row = row as usize;
        let [gradient, hessian] = gradients[row].map(f64::from);
        let codes = &codes[row * features + first..row * features + last];
        for (code, sums) in codes.iter().zip(sums.iter_mut()) {
            let sum = &mut sums[usize::from(*code) & (STRIDE - 1)];
            sum[0] += gradient;
            sum[1] += hessian;
        }
    }
}

/// Leaves in `parent` what remains of it without `child`: the histogram of the other child.
pub fn subtract(parent: &mut Histogram, child: &Histogram) {
    for (parent, child) in parent.iter_mut().zip(child) {
        parent[0] -= child[0];
        parent[1] -= child[1];
    }
}

#[cfg(test)]
mod tests {
    use super::super::bins::Cuts;
    use super::*;
    use crate::algorithms::Matrix;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_layout_counts_what_a_plain_loop_counts(
            values in prop::collection::vec(0_u16..600, 12..900),
            max_bin in prop::sample::select(vec![4_usize, 12, 30, 60, 120, 256, 500]),
        ) {
            let rows = values.len() / 3;
            let values = values[..rows * 3].iter().map(|value| f32::from(*value)).collect();
            let matrix = Matrix::new(3, values).unwrap();
            let data = Binned::of(&matrix, Cuts::of(&matrix, &[], max_bin));
            let gradients: Vec<Gradient> = (0..rows).map(|row| [row as f32, 1.0]).collect();
            let taken: Vec<u32> = (0..rows as u32).filter(|row| row % 3 != 1).collect();
            let mut histogram = Histogram::new();
            build(&data, &taken, &gradients, true, &mut histogram);
            for feature in 0..3 {
                let mut expected = vec![[0.0, 0.0]; data.stride];
                for row in &taken {
                    let value = matrix.row(*row as usize)[feature];
                    let bin = data.cuts.of_feature(feature).iter().filter(|cut| **cut <= value).count();
                    expected[bin][0] += f64::from(*row);
                    expected[bin][1] += 1.0;
                }
                prop_assert_eq!(&histogram[feature * data.stride..(feature + 1) * data.stride], &expected[..]);
            }
        }
    }

    #[test]
    fn many_rows_are_summed_in_blocks_to_the_same_sums_on_any_number_of_threads() {
        let rows = 3 * BLOCK + 17;
        let mut random = fastrand::Rng::with_seed(4);
        let matrix = Matrix::new(1, (0..rows).map(|_| random.f32()).collect()).unwrap();
        let data = Binned::of(&matrix, Cuts::of(&matrix, &[], 16));
        let gradients: Vec<Gradient> = (0..rows).map(|_| [random.f32() - 0.5, 1.0]).collect();
        let taken: Vec<u32> = (0..rows as u32).collect();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut histogram = Histogram::new();
            pool.install(|| build(&data, &taken, &gradients, true, &mut histogram));
            (histogram, pool.install(|| sum(&taken, &gradients)))
        };
        let (histogram, all) = with(1);
        assert_eq!((&histogram, all), (&with(3).0, with(3).1));
        assert_eq!(histogram.iter().map(|sums| sums[1]).sum::<f64>(), rows as f64);
        let gradient: f64 = histogram.iter().map(|sums| sums[0]).sum();
        assert!((gradient - all[0]).abs() < 1e-6);
    }

    #[test]
    fn subtraction_leaves_the_sibling() {
        let mut parent = vec![[3.0, 2.0], [5.0, 1.0]];
        subtract(&mut parent, &vec![[1.0, 1.0], [5.0, 1.0]]);
        assert_eq!(parent, [[2.0, 1.0], [0.0, 0.0]]);
    }
}
