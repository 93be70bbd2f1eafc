//! Parts the rows of a node by its split.

use crate::algorithms::xgboost::bins::{Binned, Codes};
use crate::algorithms::xgboost::split::Split;
use rayon::prelude::*;

/// Rows below which one thread parts a node.
const WORTH_SHARING: usize = 1 << 15;

/// Moves the rows that go left before those that go right, each in their order; answers how many go left.
pub fn partition(data: &Binned, split: &Split, rows: &mut [u32], scratch: &mut [u32]) -> usize {
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
