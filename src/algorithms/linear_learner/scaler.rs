//! Brings features and labels to mean 0 and deviation 1 for training, and weights back for serving.

use crate::algorithms::data::Matrix;

/// Means and deviations: 0 and 1 where nothing is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaler {
    means: Vec<f64>,
    deviations: Vec<f64>,
    pub label_mean: f64,
    pub label_deviation: f64,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaling {
    pub normalize_data: bool,
    pub unbias_data: bool,
    pub normalize_label: bool,
    pub unbias_label: bool,
}

impl Scaler {
    /// Measures the first `points` rows.
    pub fn measure(features: &Matrix, labels: &[f32], points: usize, scaling: Scaling) -> Self {
        let columns = features.columns();
        let rows = features.rows().min(points).max(1) as f64;
        let mut means = vec![0.0; columns];
        let mut squares = vec![0.0; columns];
        for row in features.iter_rows().take(points) {
            for (mean, value) in means.iter_mut().zip(row) {
                *mean += f64::from(*value) / rows;
            }
        }
        for row in features.iter_rows().take(points) {
            for ((square, mean), value) in squares.iter_mut().zip(&means).zip(row) {
                *square += (f64::from(*value) - mean).powi(2) / rows;
            }
        }
        let deviations = squares
            .iter()
            .zip(&means)
            .map(|(square, mean)| deviation(*square, *mean, scaling.normalize_data))
            .collect();
        if !scaling.unbias_data {
            means.fill(0.0);
        }
        let labels = &labels[..labels.len().min(points)];
        let count = labels.len().max(1) as f64;
        let mean = labels.iter().map(|label| f64::from(*label)).sum::<f64>() / count;
        let square =
            labels.iter().map(|label| (f64::from(*label) - mean).powi(2)).sum::<f64>() / count;
        Self {
            means,
            deviations,
            label_mean: if scaling.unbias_label { mean } else { 0.0 },
            label_deviation: deviation(square, mean, scaling.normalize_label),
        }
    }

    /// The features as training sees them.
    pub fn features(&self, features: Matrix) -> Vec<f32> {
        let columns = features.columns().max(1);
        let mut values = features.into_values();
        for row in values.chunks_exact_mut(columns) {
            for ((value, mean), deviation) in row.iter_mut().zip(&self.means).zip(&self.deviations)
            {
                *value = ((f64::from(*value) - mean) / deviation) as f32;
            }
        }
        values
    }

    /// A label as training sees it.
    pub fn label(&self, label: f32) -> f32 {
        ((f64::from(label) - self.label_mean) / self.label_deviation) as f32
    }

    /// Weights and bias for features as they come and labels as they are.
    pub fn unscale(&self, weights: &[f32], bias: f32) -> (Vec<f64>, f64) {
        let weights: Vec<f64> = weights
            .iter()
            .zip(&self.deviations)
            .map(|(weight, deviation)| f64::from(*weight) * self.label_deviation / deviation)
            .collect();
        let shift: f64 = weights.iter().zip(&self.means).map(|(weight, mean)| weight * mean).sum();
        (weights, f64::from(bias) * self.label_deviation + self.label_mean - shift)
    }
}

/// A column that never changes, rounding aside, has nothing to divide by.
fn deviation(square: f64, mean: f64, wanted: bool) -> f64 {
    let deviation = square.sqrt();
    let changes = deviation.is_finite() && deviation > 1e-6 * mean.abs();
    if wanted && changes { deviation } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn unscaled_weights_predict_what_scaled_ones_did(
            rows in prop::collection::vec(prop::collection::vec(-50.0f32..50.0, 3), 2..12),
            weights in prop::collection::vec(-2.0f32..2.0, 3),
            bias in -2.0f32..2.0,
            flags in prop::array::uniform4(any::<bool>()),
        ) {
            let labels: Vec<f32> = rows.iter().map(|row| row[0] * 3.0 + 7.0).collect();
            let features = Matrix::new(3, rows.concat()).unwrap();
            let scaling = Scaling { normalize_data: flags[0], unbias_data: flags[1], normalize_label: flags[2], unbias_label: flags[3] };
            let scaler = Scaler::measure(&features, &labels, 1000, scaling);
            let (raw, raw_bias) = scaler.unscale(&weights, bias);
            let scaled = scaler.features(features.clone());
            for (row, seen) in features.iter_rows().zip(scaled.chunks_exact(3)) {
                let inside: f64 = seen.iter().zip(&weights).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>() + f64::from(bias);
                let expected = inside * scaler.label_deviation + scaler.label_mean;
                let outside: f64 = row.iter().zip(&raw).map(|(x, w)| f64::from(*x) * w).sum::<f64>() + raw_bias;
                prop_assert!((expected - outside).abs() < 1e-3 * (1.0 + expected.abs()), "{expected} {outside}");
            }
        }
    }
}
