//! The median as XGBoost takes it: between two values where no weights say otherwise.

/// The median of `values`, each with its weight; `weights` is empty when every value counts the same.
pub fn median(values: &[f32], weights: &[f32]) -> f32 {
    let pairs = values.iter().enumerate();
    of_pairs(pairs.map(|(row, value)| (*value, weights.get(row).copied())).collect())
}

/// The same of pairs of a value and its weight, where there are weights; NaN of none.
pub fn of_pairs(mut pairs: Vec<(f32, Option<f32>)>) -> f32 {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (Some(first), Some(last)) = (pairs.first(), pairs.last()) else { return f32::NAN };
    if first.1.is_some() {
        return weighted(&pairs);
    }
    let count = pairs.len() as f64;
    if 0.5 <= 1.0 / (count + 1.0) {
        return first.0;
    }
    if 0.5 >= count / (count + 1.0) {
        return last.0;
    }
    let place = 0.5 * (count + 1.0);
    let below = place.floor() - 1.0;
    let (low, high) = (pairs[below as usize].0, pairs[below as usize + 1].0);
    (f64::from(low) + (place - 1.0 - below) * f64::from(high - low)) as f32
}

/// The first value with half of the weight at or below it.
fn weighted(pairs: &[(f32, Option<f32>)]) -> f32 {
    let mut sum = 0.0_f32;
    let sums: Vec<f32> = pairs
        .iter()
        .map(|(_, weight)| {
            sum += weight.unwrap_or(1.0);
            sum
        })
        .collect();
    let half = (f64::from(sum) * 0.5) as f32;
    let place = sums.partition_point(|sum| *sum < half);
    pairs[place.min(pairs.len() - 1)].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lies_between_two_values_or_on_the_one_that_half_the_weight_reaches() {
        assert_eq!(median(&[3.0, 1.0, 2.0], &[]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0], &[]), 2.5);
        assert_eq!(median(&[7.0], &[]), 7.0);
        assert_eq!(median(&[1.0, 2.0, 3.0], &[1.0, 1.0, 4.0]), 3.0);
        assert_eq!(median(&[1.0, 2.0], &[1.0, 1.0]), 1.0);
        assert!(median(&[], &[]).is_nan());
    }
}
