//! The losses, each with its derivative by the score.

/// What training makes small. Parameters are in the units of the label the loss is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    Logistic,
    Hinge { margin: f32 },
    Softmax,
    Squared,
    Absolute,
    EpsInsensitiveSquared { insensitivity: f32 },
    EpsInsensitiveAbsolute { insensitivity: f32 },
    Quantile { quantile: f32 },
    Huber { delta: f32 },
}

impl Loss {
    /// The objective's name in the log's metrics.
    pub fn objective(self) -> &'static str {
        match self {
            Self::Logistic => "binary_classification_cross_entropy_objective",
            Self::Hinge { .. } => "hinge_loss_objective",
            Self::Softmax => "multiclass_cross_entropy_objective",
            Self::Squared => "mse_objective",
            Self::Absolute => "absolute_loss_objective",
            Self::EpsInsensitiveSquared { .. } => "eps_insensitive_squared_loss_objective",
            Self::EpsInsensitiveAbsolute { .. } => "eps_insensitive_absolute_loss_objective",
            Self::Quantile { .. } => "quantile_loss_objective",
            Self::Huber { .. } => "huber_loss_objective",
        }
    }

    /// The same loss for labels that were divided by `scale`.
    #[must_use]
    pub fn scaled(self, scale: f32) -> Self {
        match self {
            Self::EpsInsensitiveSquared { insensitivity } => {
                Self::EpsInsensitiveSquared { insensitivity: insensitivity / scale }
            }
            Self::EpsInsensitiveAbsolute { insensitivity } => {
                Self::EpsInsensitiveAbsolute { insensitivity: insensitivity / scale }
            }
            Self::Huber { delta } => Self::Huber { delta: delta / scale },
            other => other,
        }
    }

    /// What a loss of scaled labels must be multiplied with, to be one of labels as they came.
    pub fn unit(self, scale: f64) -> f64 {
        match self {
            Self::Logistic | Self::Hinge { .. } | Self::Softmax => 1.0,
            Self::Squared | Self::EpsInsensitiveSquared { .. } | Self::Huber { .. } => {
                scale * scale
            }
            Self::Absolute | Self::EpsInsensitiveAbsolute { .. } | Self::Quantile { .. } => scale,
        }
    }

    /// Loss and derivative of one score against its label (0 or 1 for the binary losses).
    #[inline]
    pub fn of(self, score: f32, label: f32) -> (f32, f32) {
        let residual = score - label;
        match self {
            Self::Logistic | Self::Softmax => {
                // log(1 + e^z) - y z, without overflow on either side.
                let loss = score.max(0.0) - score * label + (-score.abs()).exp().ln_1p();
                (loss, sigmoid(score) - label)
            }
            Self::Hinge { margin } => {
                let sign = 2.0 * label - 1.0;
                let short = margin - sign * score;
                if short > 0.0 { (short, -sign) } else { (0.0, 0.0) }
            }
            Self::Squared => (residual * residual, 2.0 * residual),
            Self::Absolute => (residual.abs(), sign(residual)),
            Self::EpsInsensitiveSquared { insensitivity } => {
                let beyond = (residual.abs() - insensitivity).max(0.0);
                (beyond * beyond, 2.0 * beyond * sign(residual))
            }
            Self::EpsInsensitiveAbsolute { insensitivity } => {
                let beyond = residual.abs() - insensitivity;
                if beyond > 0.0 { (beyond, sign(residual)) } else { (0.0, 0.0) }
            }
            Self::Quantile { quantile } => {
                let slope = if residual < 0.0 { -quantile } else { 1.0 - quantile };
                (slope * residual, slope)
            }
            Self::Huber { delta } => {
                if residual.abs() <= delta {
                    (0.5 * residual * residual, residual)
                } else {
                    (delta * (residual.abs() - 0.5 * delta), delta * sign(residual))
                }
            }
        }
    }
}

/// Loss of a row of class scores; the scores become the derivatives.
#[inline]
pub fn softmax(scores: &mut [f32], label: usize) -> f32 {
    let own = scores[label];
    let greatest = probabilities(scores);
    let loss = greatest.1 + greatest.0 - own;
    scores[label] -= 1.0;
    loss
}

/// Turns scores into probabilities; returns the greatest score and the logarithm of the sum of
/// exponentials above it.
pub fn probabilities(scores: &mut [f32]) -> (f32, f32) {
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - greatest).exp();
        sum += *score;
    }
    for score in scores.iter_mut() {
        *score /= sum;
    }
    (greatest, sum.ln())
}

#[inline]
pub fn sigmoid(score: f32) -> f32 {
    if score >= 0.0 {
        1.0 / (1.0 + (-score).exp())
    } else {
        let power = score.exp();
        power / (1.0 + power)
    }
}

/// 0 at 0, where the losses with a kink have any derivative they like.
fn sign(value: f32) -> f32 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Loss; 8] = [
        Loss::Logistic,
        Loss::Hinge { margin: 1.0 },
        Loss::Squared,
        Loss::Absolute,
        Loss::EpsInsensitiveSquared { insensitivity: 0.3 },
        Loss::EpsInsensitiveAbsolute { insensitivity: 0.3 },
        Loss::Quantile { quantile: 0.9 },
        Loss::Huber { delta: 0.7 },
    ];

    proptest! {
        #[test]
        fn derivatives_are_the_slopes(score in -4.0f32..4.0, positive in any::<bool>()) {
            let label = f32::from(positive);
            for loss in ALL {
                let step = 1e-2;
                let (above, below) = (loss.of(score + step, label).0, loss.of(score - step, label).0);
                let slope = (above - below) / (2.0 * step);
                let derivative = loss.of(score, label).1;
                // Beside a kink the secant lies between the slopes of its two sides.
                let sides = [loss.of(score - step, label).1, loss.of(score + step, label).1];
                let (low, high) = (sides[0].min(sides[1]), sides[0].max(sides[1]));
                prop_assert!(slope >= low - 2e-2 && slope <= high + 2e-2, "{loss:?} at {score}: {slope} not in {low}..{high}");
                prop_assert!(derivative >= low - 1e-3 && derivative <= high + 1e-3, "{loss:?} at {score}");
            }
        }

        #[test]
        fn softmax_is_calm_whatever_the_scores(scores in prop::collection::vec(-1e4f32..1e4, 2..6)) {
            let mut derivatives = scores.clone();
            let loss = softmax(&mut derivatives, 0);
            prop_assert!(loss.is_finite() && loss >= -1e-3);
            prop_assert!(derivatives.iter().sum::<f32>().abs() < 1e-4);
        }
    }
}
