//! What is minimised: gradients, the link between margin and prediction, and the start of it all.
//!
//! Formulas, clamps and the order of float and double follow XGBoost, so that a model fitted here is
//! near one fitted there, and a model read from there predicts the same.

#[cfg(test)]
mod tests;

use super::median::median;
use crate::algorithms::Failure;
use rayon::prelude::*;

/// First and second derivative of the loss by the margin.
pub type Gradient = [f32; 2];

/// The smallest Hessian that classification lets stand.
const MIN_HESSIAN: f32 = 1e-16;
/// Rows that one task works on.
const CHUNK: usize = 8192;

/// XGBoost's objectives that this crate can at least predict with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    SquaredError,
    SquaredLogError,
    PseudoHuber,
    AbsoluteError,
    RegLogistic,
    BinaryLogistic,
    LogitRaw,
    Hinge,
    Poisson,
    Gamma,
    Tweedie,
    Softmax,
    Softprob,
    RankPairwise,
    RankNdcg,
    RankMap,
    Cox,
}

const NAMES: &[(Kind, &str)] = &[
    (Kind::SquaredError, "reg:squarederror"),
    (Kind::SquaredError, "reg:linear"),
    (Kind::SquaredLogError, "reg:squaredlogerror"),
    (Kind::PseudoHuber, "reg:pseudohubererror"),
    (Kind::AbsoluteError, "reg:absoluteerror"),
    (Kind::RegLogistic, "reg:logistic"),
    (Kind::BinaryLogistic, "binary:logistic"),
    (Kind::LogitRaw, "binary:logitraw"),
    (Kind::Hinge, "binary:hinge"),
    (Kind::Poisson, "count:poisson"),
    (Kind::Gamma, "reg:gamma"),
    (Kind::Tweedie, "reg:tweedie"),
    (Kind::Softmax, "multi:softmax"),
    (Kind::Softprob, "multi:softprob"),
    (Kind::RankPairwise, "rank:pairwise"),
    (Kind::RankNdcg, "rank:ndcg"),
    (Kind::RankMap, "rank:map"),
    (Kind::Cox, "survival:cox"),
];

impl Kind {
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Whether it can be trained with here, not only served.
    pub fn trains(self) -> bool {
        self != Self::Cox
    }

    /// Whether rows are ordered within their queries.
    pub fn ranks(self) -> bool {
        matches!(self, Self::RankPairwise | Self::RankNdcg | Self::RankMap)
    }
}

/// An objective with what it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    pub kind: Kind,
    /// Classes of `multi:*`; not read by the others.
    pub num_class: usize,
    pub scale_pos_weight: f32,
    pub tweedie_variance_power: f32,
    /// Poisson's bound on the Hessian's growth.
    pub max_delta_step: f32,
}

impl Objective {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            num_class: 0,
            scale_pos_weight: 1.0,
            tweedie_variance_power: 1.5,
            max_delta_step: 0.7,
        }
    }

    pub fn is_multiclass(&self) -> bool {
        matches!(self.kind, Kind::Softmax | Kind::Softprob)
    }

    /// Trees of one round, and margins of one row.
    pub fn groups(&self) -> usize {
        if self.is_multiclass() { self.num_class.max(1) } else { 1 }
    }

    /// Values that one row's prediction has.
    pub fn outputs(&self) -> usize {
        if self.kind == Kind::Softprob { self.groups() } else { 1 }
    }

    /// Whether a grown tree's leaves are set to the median of what their rows are off by: the slope of
    /// the loss says which way to go, but not how far.
    pub fn refits_leaves(&self) -> bool {
        self.kind == Kind::AbsoluteError
    }

    /// The metric that is logged when none is named.
    pub fn default_metric(&self) -> &'static str {
        match self.kind {
            Kind::SquaredError => "rmse",
            Kind::SquaredLogError => "rmsle",
            Kind::PseudoHuber => "mphe",
            Kind::AbsoluteError => "mae",
            Kind::RegLogistic => "rmse",
            Kind::BinaryLogistic | Kind::LogitRaw => "logloss",
            Kind::Hinge => "error",
            Kind::Poisson => "poisson-nloglik",
            Kind::Gamma => "gamma-deviance",
            Kind::Tweedie => "tweedie-nloglik",
            Kind::Softmax | Kind::Softprob => "mlogloss",
            Kind::RankPairwise | Kind::RankNdcg => "ndcg@32",
            Kind::RankMap => "map@32",
            Kind::Cox => "cox-nloglik",
        }
    }

    /// Refuses labels that the objective has no loss for, in XGBoost's words.
    pub fn check_labels(&self, labels: &[f32]) -> Result<(), Failure> {
        let (fits, text): (fn(f32, f32) -> bool, String) = match self.kind {
            Kind::RegLogistic | Kind::BinaryLogistic | Kind::LogitRaw => (
                |label, _| (0.0..=1.0).contains(&label),
                "label must be in [0,1] for logistic regression".to_owned(),
            ),
            Kind::Softmax | Kind::Softprob => (
                |label, classes| (0.0..classes).contains(&label) && label.fract() == 0.0,
                format!(
                    "SoftmaxMultiClassObj: label must be in [0, num_class), where num_class is {}.",
                    self.num_class
                ),
            ),
            Kind::Poisson => {
                (|label, _| label >= 0.0, "PoissonRegression: label must be nonnegative".to_owned())
            }
            Kind::Tweedie => {
                (|label, _| label >= 0.0, "TweedieRegression: label must be nonnegative".to_owned())
            }
            Kind::Gamma => {
                (|label, _| label > 0.0, "label must be positive for gamma regression.".to_owned())
            }
            Kind::SquaredLogError => (
                |label, _| label > -1.0,
                "label must be greater than -1 for rmsle so that log(label + 1) can be valid."
                    .to_owned(),
            ),
            Kind::Hinge => (
                |label, _| label == 0.0 || label == 1.0,
                "label must be 0 or 1 for binary:hinge".to_owned(),
            ),
            _ => (|_, _| true, String::new()),
        };
        let classes = self.num_class as f32;
        match labels.iter().find(|label| !label.is_finite() || !fits(**label, classes)) {
            None => Ok(()),
            Some(label) if label.is_finite() => {
                Err(Failure::client(format!("{text} (a row has the label {label})")))
            }
            Some(_) => Err(Failure::client("Label contains NaN, infinity or a value too large.")),
        }
    }

    /// The margin that a prediction of `score` comes from.
    pub fn margin_of(&self, score: f32) -> f32 {
        match self.kind {
            Kind::RegLogistic | Kind::BinaryLogistic => -(1.0 / score - 1.0).ln(),
            Kind::Poisson | Kind::Gamma | Kind::Tweedie | Kind::Cox => score.ln(),
            _ => score,
        }
    }

    /// The prediction that a margin leads to, without the decision that some objectives take then.
    pub fn score_of(&self, margin: f32) -> f32 {
        match self.kind {
            Kind::RegLogistic | Kind::BinaryLogistic => sigmoid(margin),
            Kind::Poisson | Kind::Gamma | Kind::Tweedie | Kind::Cox => margin.exp(),
            _ => margin,
        }
    }

    /// Whether `base_score` may be this; in XGBoost's words when not.
    pub fn check_base_score(&self, score: f32) -> Result<(), Failure> {
        let (fits, text) = match self.kind {
            Kind::RegLogistic | Kind::BinaryLogistic => {
                (score > 0.0 && score < 1.0, "base_score must be in (0,1) for logistic loss.")
            }
            Kind::Poisson | Kind::Gamma | Kind::Tweedie => {
                (score > 0.0, "base_score must be positive for this objective.")
            }
            _ => (score.is_finite(), "base_score must be finite."),
        };
        if fits { Ok(()) } else { Err(Failure::client(format!("{text} (it is {score})"))) }
    }

    /// The base score estimated from the labels, as XGBoost 3.0 estimates it when none is given.
    pub fn estimate_base_score(&self, labels: &[f32], weights: &[f32]) -> f32 {
        if self.is_multiclass() || labels.is_empty() {
            return 0.5;
        }
        let weight = |row: usize| f64::from(weights.get(row).copied().unwrap_or(1.0));
        match self.kind {
            Kind::SquaredLogError | Kind::PseudoHuber => self.newton_step(labels, weights),
            Kind::Hinge => 0.0,
            Kind::AbsoluteError => {
                // The library takes a mean of one median: rounded, it may differ from it.
                let total: f64 = (0..labels.len()).map(weight).sum();
                let median = median(labels, weights);
                (f64::from((f64::from(median) * total) as f32) / total) as f32
            }
            // The library takes the mean only where positives weigh no more than negatives.
            Kind::RegLogistic | Kind::BinaryLogistic | Kind::LogitRaw
                if self.scale_pos_weight != 1.0 =>
            {
                let mut start = [self.newton_step(labels, weights)];
                self.transform(&mut start);
                start[0]
            }
            kind => {
                let (mut sum, mut total) = (0.0, 0.0);
                for (row, &label) in labels.iter().enumerate() {
                    sum += weight(row) * f64::from(label);
                    total += weight(row);
                }
                let mean = (sum / total) as f32;
                match kind {
                    Kind::Poisson | Kind::Gamma | Kind::Tweedie => mean.max(1e-6),
                    // Of one class alone there is no margin.
                    Kind::RegLogistic | Kind::BinaryLogistic => mean.clamp(1e-6, 1.0 - 1e-6),
                    _ => mean,
                }
            }
        }
    }

    /// One Newton step from a margin of 0: the whole data as one leaf.
    fn newton_step(&self, labels: &[f32], weights: &[f32]) -> f32 {
        let mut gradients = vec![[0.0; 2]; labels.len()];
        self.gradients(&vec![0.0; labels.len()], labels, weights, &mut gradients);
        let (mut first, mut second) = (0.0, 0.0);
        for [gradient, hessian] in gradients {
            first += f64::from(gradient);
            second += f64::from(hessian);
        }
        if second <= 0.0 { 0.0 } else { (-first / second) as f32 }
    }

    /// Writes the gradients of every margin. Margins and gradients lie group by group, each with one
    /// entry per row; `weights` is empty when every row counts the same.
    pub fn gradients(
        &self,
        margins: &[f32],
        labels: &[f32],
        weights: &[f32],
        out: &mut [Gradient],
    ) {
        if self.is_multiclass() {
            return self.softmax_gradients(margins, labels, weights, out);
        }
        out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
            let start = chunk * CHUNK;
            for (offset, out) in out.iter_mut().enumerate() {
                let row = start + offset;
                let weight = weights.get(row).copied().unwrap_or(1.0);
                *out = self.gradient(margins[row], labels[row], weight);
            }
        });
    }

    fn gradient(&self, margin: f32, label: f32, weight: f32) -> Gradient {
        match self.kind {
            Kind::SquaredError => [(margin - label) * weight, weight],
            Kind::AbsoluteError => {
                let residual = margin - label;
                [if residual == 0.0 { 0.0 } else { weight.copysign(residual) }, weight]
            }
            Kind::RegLogistic | Kind::BinaryLogistic | Kind::LogitRaw => {
                let weight = if label == 1.0 { weight * self.scale_pos_weight } else { weight };
                let p = sigmoid(margin);
                [(p - label) * weight, (p * (1.0 - p)).max(MIN_HESSIAN) * weight]
            }
            Kind::SquaredLogError => {
                let margin = margin.max(-1.0 + 1e-6);
                let (log, target) = (margin.ln_1p(), label.ln_1p());
                let hessian = ((-log + target + 1.0) / (margin + 1.0).powi(2)).max(1e-6);
                [(log - target) / (margin + 1.0) * weight, hessian * weight]
            }
            Kind::PseudoHuber => {
                let residual = margin - label;
                let scale = 1.0 + residual * residual;
                let root = scale.sqrt();
                [residual / root * weight, weight / (scale * root)]
            }
            Kind::Hinge => {
                let sign = label * 2.0 - 1.0;
                if margin * sign < 1.0 {
                    [-sign * weight, weight]
                } else {
                    [0.0, f32::MIN_POSITIVE]
                }
            }
            Kind::Poisson => {
                [(margin.exp() - label) * weight, (margin + self.max_delta_step).exp() * weight]
            }
            Kind::Gamma => {
                let ratio = label / margin.exp();
                [(1.0 - ratio) * weight, ratio * weight]
            }
            Kind::Tweedie => {
                let rho = self.tweedie_variance_power;
                let (a, b) = (label * ((1.0 - rho) * margin).exp(), ((2.0 - rho) * margin).exp());
                [(b - a) * weight, ((2.0 - rho) * b - (1.0 - rho) * a) * weight]
            }
            _ => [0.0, 0.0],
        }
    }

    fn softmax_gradients(
        &self,
        margins: &[f32],
        labels: &[f32],
        weights: &[f32],
        out: &mut [Gradient],
    ) {
        let (rows, groups) = (labels.len(), self.groups());
        // By row first, as a row's classes share a sum; then to where each class's tree reads them.
        let mut by_row = vec![[0.0_f32; 2]; rows * groups];
        by_row.par_chunks_mut(groups * 1024).enumerate().for_each(|(chunk, block)| {
            let mut probabilities = vec![0.0; groups];
            for (offset, out) in block.chunks_exact_mut(groups).enumerate() {
                let row = chunk * 1024 + offset;
                for (group, probability) in probabilities.iter_mut().enumerate() {
                    *probability = margins[group * rows + row];
                }
                softmax(&mut probabilities);
                let weight = weights.get(row).copied().unwrap_or(1.0);
                for (group, (&p, out)) in probabilities.iter().zip(out).enumerate() {
                    let hessian = (2.0 * p * (1.0 - p) * weight).max(MIN_HESSIAN);
                    let p = if labels[row] as usize == group { p - 1.0 } else { p };
                    *out = [p * weight, hessian];
                }
            }
        });
        out.par_chunks_mut(rows).enumerate().for_each(|(group, out)| {
            for (row, out) in out.iter_mut().enumerate() {
                *out = by_row[row * groups + group];
            }
        });
    }

    /// Turns one row's margins into its prediction, in place; the first [`Objective::outputs`] values count.
    pub fn transform(&self, margins: &mut [f32]) {
        match self.kind {
            Kind::RegLogistic | Kind::BinaryLogistic => margins[0] = sigmoid(margins[0]),
            Kind::Poisson | Kind::Gamma | Kind::Tweedie | Kind::Cox => {
                margins[0] = margins[0].exp();
            }
            Kind::Hinge => margins[0] = if margins[0] > 0.0 { 1.0 } else { 0.0 },
            Kind::Softmax => margins[0] = argmax(margins) as f32,
            Kind::Softprob => softmax(margins),
            _ => {}
        }
    }
}

/// The logistic function in float, clamped as XGBoost clamps it.
pub fn sigmoid(margin: f32) -> f32 {
    let exponent = (-margin).min(88.7);
    1.0 / (exponent.exp() + 1.0 + 1e-16)
}

/// Softmax in float, its sum in double.
fn softmax(values: &mut [f32]) {
    let top = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0_f64;
    for value in values.iter_mut() {
        *value = (*value - top).exp();
        sum += f64::from(*value);
    }
    for value in values {
        *value /= sum as f32;
    }
}

/// The place of the greatest value, the first of equals.
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = place;
        }
    }
    best
}
