//! How good the predictions are, by the names and formulas of XGBoost's `eval_metric`.

#[cfg(test)]
mod tests;

use super::objective::{self, Kind, Objective};
use super::ranking::Ranking;
use super::version::Version;
use crate::algorithms::Failure;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Rows that are summed together.
const BLOCK: usize = 4096;

/// A metric of a data set's predictions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    Rmse,
    Mse,
    Mae,
    Mape,
    Rmsle,
    Mphe,
    R2,
    Logloss,
    /// Misclassified where the prediction is over this threshold.
    Error(f32),
    Merror,
    Mlogloss,
    Auc,
    Aucpr,
    PoissonNloglik,
    GammaNloglik,
    GammaDeviance,
    TweedieNloglik,
    Accuracy,
    BalancedAccuracy,
    F1,
    F1Macro,
    Precision,
    PrecisionMacro,
    Recall,
    RecallMacro,
    Ranking(Ranking),
}

const NAMES: &[(&str, Metric)] = &[
    ("rmse", Metric::Rmse),
    ("mse", Metric::Mse),
    ("mae", Metric::Mae),
    ("mape", Metric::Mape),
    ("rmsle", Metric::Rmsle),
    ("mphe", Metric::Mphe),
    ("r2", Metric::R2),
    ("logloss", Metric::Logloss),
    ("error", Metric::Error(0.5)),
    ("merror", Metric::Merror),
    ("mlogloss", Metric::Mlogloss),
    ("auc", Metric::Auc),
    ("aucpr", Metric::Aucpr),
    ("poisson-nloglik", Metric::PoissonNloglik),
    ("gamma-nloglik", Metric::GammaNloglik),
    ("gamma-deviance", Metric::GammaDeviance),
    ("tweedie-nloglik", Metric::TweedieNloglik),
    ("accuracy", Metric::Accuracy),
    ("balanced_accuracy", Metric::BalancedAccuracy),
    ("f1", Metric::F1Macro),
    ("f1_macro", Metric::F1Macro),
    ("f1_binary", Metric::F1),
    ("precision", Metric::Precision),
    ("precision_macro", Metric::PrecisionMacro),
    // Of rows with one label each, all micro averages are the accuracy.
    ("precision_micro", Metric::Accuracy),
    ("recall", Metric::Recall),
    ("recall_macro", Metric::RecallMacro),
    ("recall_micro", Metric::Accuracy),
];

/// The predictions of a data set with what they are measured against.
pub struct Scored<'a> {
    pub objective: &'a Objective,
    /// Group by group, one entry per row.
    pub margins: &'a [f32],
    pub labels: &'a [f32],
    /// Empty when every row counts the same.
    pub weights: &'a [f32],
    /// Where the rows of each query start, and where the last one ends; empty when they are one.
    pub queries: &'a [usize],
}

impl Metric {
    pub fn named(name: &str) -> Option<Self> {
        if let Some(threshold) = name.strip_prefix("error@") {
            return threshold.trim().parse().ok().map(Self::Error);
        }
        let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, metric)| *metric);
        known.or_else(|| Ranking::named(name).map(Self::Ranking))
    }

    /// Refuses labels that it cannot measure by, in the library's words.
    pub fn check_labels(self, labels: &[f32]) -> Result<(), Failure> {
        match self {
            Self::Ranking(ranking) => ranking.order.check_labels(labels),
            _ => Ok(()),
        }
    }

    /// Whether more is better.
    pub fn is_maximized(self) -> bool {
        matches!(
            self,
            Self::R2
                | Self::Auc
                | Self::Aucpr
                | Self::Accuracy
                | Self::BalancedAccuracy
                | Self::F1
                | Self::F1Macro
                | Self::Precision
                | Self::PrecisionMacro
                | Self::Recall
                | Self::RecallMacro
                | Self::Ranking(_)
        )
    }

    /// Whether it is the SageMaker container's own rather than the library's.
    pub fn is_custom(self, version: Version) -> bool {
        match self {
            Self::Mse | Self::R2 => true,
            Self::Rmse | Self::Mae => version.library() >= (1, 3),
            _ => self.is_of_classes(),
        }
    }

    /// Whether it needs rows of both classes.
    pub fn is_of_order(self) -> bool {
        matches!(self, Self::Auc | Self::Aucpr)
    }

    fn is_of_classes(self) -> bool {
        matches!(
            self,
            Self::Accuracy
                | Self::BalancedAccuracy
                | Self::F1
                | Self::F1Macro
                | Self::Precision
                | Self::PrecisionMacro
                | Self::Recall
                | Self::RecallMacro
        )
    }

    /// What the metric needs of the objective, when it does not go with it.
    pub fn mismatch(self, objective: &Objective) -> Option<&'static str> {
        match self {
            Self::Merror | Self::Mlogloss if !objective.is_multiclass() => {
                Some("it needs a multi-class objective (multi:softmax or multi:softprob)")
            }
            Self::F1 | Self::Precision | Self::Recall if objective.is_multiclass() => {
                Some("Target is multiclass but average='binary'")
            }
            Self::Merror | Self::Mlogloss => None,
            _ if self.is_of_classes() => None,
            _ if objective.is_multiclass() => Some("it cannot measure a multi-class objective"),
            _ => None,
        }
    }

    pub fn evaluate(self, scored: &Scored<'_>) -> f64 {
        match self {
            Self::Auc if !scored.queries.is_empty() => Ranking::auc(scored),
            Self::Auc => auc(scored),
            Self::Ranking(ranking) => ranking.evaluate(scored),
            Self::Aucpr if !scored.queries.is_empty() => Ranking::mean_of_queries(scored, aucpr),
            Self::Aucpr => aucpr(scored),
            Self::R2 => r2(scored),
            Self::Rmse => scored.mean(|p, y| (p - y) * (p - y)).sqrt(),
            Self::Rmsle => scored.mean(|p, y| (p.ln_1p() - y.ln_1p()).powi(2)).sqrt(),
            Self::Merror => {
                scored.mean_rows(
                    |row, label| {
                        if objective::argmax(row) == label as usize { 0.0 } else { 1.0 }
                    },
                )
            }
            Self::Mlogloss => scored.mean_rows(|row, label| {
                -f64::from(row.get(label as usize).copied().unwrap_or(0.0)).max(1e-16).ln()
            }),
            _ if self.is_of_classes() => self.of_classes(&Classes::count(scored)),
            _ => scored.mean(|p, y| self.loss(p, y, scored.objective)),
        }
    }

    /// A row's loss, for those metrics that are the mean of it.
    fn loss(self, p: f64, y: f64, objective: &Objective) -> f64 {
        match self {
            Self::Mse => (p - y) * (p - y),
            Self::Mae => (p - y).abs(),
            Self::Mape => ((p - y) / y).abs(),
            Self::Mphe => (1.0 + (p - y).powi(2)).sqrt() - 1.0,
            Self::Logloss => {
                let log = |p: f64| p.max(1e-16).ln();
                // Most labels are one or the other, and logarithms are dear.
                if y == 0.0 {
                    -log(1.0 - p)
                } else if y == 1.0 {
                    -log(p)
                } else {
                    -(y * log(p) + (1.0 - y) * log(1.0 - p))
                }
            }
            Self::Error(threshold) => {
                if p > f64::from(threshold) {
                    1.0 - y
                } else {
                    y
                }
            }
            Self::PoissonNloglik => {
                let p = p.max(1e-16);
                ln_gamma(y + 1.0) + p - p.ln() * y
            }
            Self::GammaNloglik => y / p.max(1e-6) + p.max(1e-6).ln(),
            Self::GammaDeviance => {
                let (p, y) = (p + 1e-6, y + 1e-6);
                2.0 * ((p / y).ln() + y / p - 1.0)
            }
            Self::TweedieNloglik => {
                let rho = f64::from(objective.tweedie_variance_power);
                let log = p.max(1e-16).ln();
                ((2.0 - rho) * log).exp() / (2.0 - rho)
                    - y * ((1.0 - rho) * log).exp() / (1.0 - rho)
            }
            _ => f64::NAN,
        }
    }

    fn of_classes(self, classes: &Classes) -> f64 {
        match self {
            Self::Accuracy => classes.right / classes.rows,
            Self::BalancedAccuracy => classes.mean_present(|class| class.hits / class.actual),
            Self::F1 => classes.of_positive(Class::f1),
            Self::F1Macro => classes.mean(Class::f1),
            Self::Precision => classes.of_positive(Class::precision),
            Self::PrecisionMacro => classes.mean(Class::precision),
            Self::Recall => classes.of_positive(Class::recall),
            _ => classes.mean(Class::recall),
        }
    }
}

impl Scored<'_> {
    fn weight(&self, row: usize) -> f64 {
        f64::from(self.weights.get(row).copied().unwrap_or(1.0))
    }

    /// What turns margins into what metrics read: probabilities of `multi:*`, predictions otherwise.
    fn link(&self) -> Objective {
        let kind =
            if self.objective.is_multiclass() { Kind::Softprob } else { self.objective.kind };
        Objective { kind, ..*self.objective }
    }

    fn read(&self, link: &Objective, row: usize, values: &mut [f32]) {
        for (group, value) in values.iter_mut().enumerate() {
            *value = self.margins[group * self.labels.len() + row];
        }
        link.transform(values);
    }

    /// The weighted mean of the rows' losses. Blocks of rows are summed apart and then in their
    /// order, so that the mean does not depend on the thread count.
    fn mean_rows(&self, loss: impl Fn(&[f32], f32) -> f64 + Sync) -> f64 {
        let link = self.link();
        let block = |(block, labels): (usize, &[f32])| {
            let mut values = vec![0.0; link.groups()];
            let (mut sum, mut total) = (0.0, 0.0);
            for (offset, &label) in labels.iter().enumerate() {
                let row = block * BLOCK + offset;
                self.read(&link, row, &mut values);
                sum += self.weight(row) * loss(&values, label);
                total += self.weight(row);
            }
            [sum, total]
        };
        let sums: Vec<[f64; 2]> = self.labels.par_chunks(BLOCK).enumerate().map(block).collect();
        let [sum, total] =
            sums.iter().fold([0.0; 2], |all, one| [all[0] + one[0], all[1] + one[1]]);
        sum / total
    }

    fn mean(&self, loss: impl Fn(f64, f64) -> f64 + Sync) -> f64 {
        self.mean_rows(|row, label| loss(f64::from(row[0]), f64::from(label)))
    }

    /// Prediction, label and weight of all rows, highest prediction first.
    fn ranked(&self) -> Vec<(f32, f64, f64)> {
        let (link, mut value) = (self.link(), [0.0]);
        let mut rows: Vec<_> = (0..self.labels.len())
            .map(|row| {
                self.read(&link, row, &mut value);
                (value[0], f64::from(self.labels[row]), self.weight(row))
            })
            .collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        rows
    }

    /// Walks down the ranking: calls `step` with false and true positives before and after each
    /// group of equal predictions; answers all false and true positives.
    fn walk(&self, mut step: impl FnMut([f64; 2], [f64; 2])) -> [f64; 2] {
        let ranked = self.ranked();
        let mut now = [0.0; 2];
        for equal in ranked.chunk_by(|a, b| a.0 == b.0) {
            let before = now;
            for (_, label, weight) in equal {
                now[0] += (1.0 - label) * weight;
                now[1] += label * weight;
            }
            step(before, now);
        }
        now
    }
}

fn auc(scored: &Scored<'_>) -> f64 {
    let mut area = 0.0;
    let [negative, positive] = scored.walk(|before, now| {
        area += (now[0] - before[0]) * (now[1] + before[1]) / 2.0;
    });
    area / (negative * positive)
}

/// The area under precision over recall, between points interpolated as XGBoost interpolates them.
fn aucpr(scored: &Scored<'_>) -> f64 {
    let [negative, positive] = scored.walk(|_, _| ());
    if negative <= 0.0 || positive <= 0.0 {
        return f64::NAN;
    }
    let mut area = 0.0;
    scored.walk(|[fp_before, tp_before], [fp, tp]| {
        let (recall_before, recall) = (tp_before / positive, tp / positive);
        let (a, b) = if tp == tp_before {
            (1.0, 0.0)
        } else {
            let slope = (fp - fp_before) / (tp - tp_before);
            (1.0 + slope, (fp_before - slope * tp_before) / positive)
        };
        area += if b == 0.0 {
            (recall - recall_before) / a
        } else {
            let logs = (a * recall + b).ln() - (a * recall_before + b).ln();
            (recall - recall_before - b / a * logs) / a
        };
    });
    area
}

fn r2(scored: &Scored<'_>) -> f64 {
    let mean = scored.mean(|_, y| y);
    1.0 - scored.mean(|p, y| (p - y) * (p - y)) / scored.mean(|_, y| (y - mean) * (y - mean))
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// The natural logarithm of the gamma function (Lanczos).
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.001_208_650_973_866_179,
        -0.000_005_395_239_384_953,
    ];
    let mut series = 1.000_000_000_190_015;
    for (step, coefficient) in COEFFICIENTS.iter().enumerate() {
        series += coefficient / (x + 1.0 + step as f64);
    }
    let base = x + 5.5;
    (x + 0.5) * base.ln() - base + (2.506_628_274_631_000_5 * series / x).ln()
}

/// How often each class was right, guessed and met.
struct Classes {
    by_label: BTreeMap<u32, Class>,
    right: f64,
    rows: f64,
}

#[derive(Default)]
struct Class {
    hits: f64,
    predicted: f64,
    actual: f64,
}

impl Class {
    fn f1(&self) -> f64 {
        ratio(2.0 * self.hits, self.predicted + self.actual)
    }

    fn precision(&self) -> f64 {
        ratio(self.hits, self.predicted)
    }

    fn recall(&self) -> f64 {
        ratio(self.hits, self.actual)
    }
}

impl Classes {
    fn count(scored: &Scored<'_>) -> Self {
        let mut classes = Self { by_label: BTreeMap::new(), right: 0.0, rows: 0.0 };
        let (link, mut values) = (scored.link(), vec![0.0; scored.objective.groups()]);
        let threshold = if scored.objective.kind == Kind::LogitRaw { 0.0 } else { 0.5 };
        for (row, &label) in scored.labels.iter().enumerate() {
            scored.read(&link, row, &mut values);
            let guess = if scored.objective.is_multiclass() {
                objective::argmax(&values) as u32
            } else {
                u32::from(values[0] > threshold)
            };
            let label = label as u32;
            classes.by_label.entry(guess).or_default().predicted += 1.0;
            classes.by_label.entry(label).or_default().actual += 1.0;
            if guess == label {
                classes.by_label.entry(label).or_default().hits += 1.0;
                classes.right += 1.0;
            }
            classes.rows += 1.0;
        }
        classes
    }

    fn of_positive(&self, of: impl Fn(&Class) -> f64) -> f64 {
        self.by_label.get(&1).map_or(0.0, of)
    }

    fn mean(&self, of: impl Fn(&Class) -> f64) -> f64 {
        self.by_label.values().map(of).sum::<f64>() / self.by_label.len() as f64
    }

    fn mean_present(&self, of: impl Fn(&Class) -> f64) -> f64 {
        let present: Vec<f64> =
            self.by_label.values().filter(|class| class.actual > 0.0).map(of).collect();
        present.iter().sum::<f64>() / present.len() as f64
    }
}
