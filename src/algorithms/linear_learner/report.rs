//! The log, line by line as the real container writes it: the metric definitions that clients and
//! tuning jobs bring along are regular expressions over these lines.

use super::candidate::Rows;
use super::loss::{Loss, probabilities, sigmoid};
use super::settings::{PredictorType, Task};
use crate::algorithms::metrics::{Confusion, PerClass, rank, roc_auc};
use std::io::Write;

pub struct Report<'a> {
    log: &'a mut dyn Write,
    host: &'a str,
}

/// A measure as a metric line tells it.
pub struct Measure {
    pub name: String,
    /// `loss` or `score`.
    pub kind: &'static str,
    pub value: f64,
}

/// What measures take from the hyperparameters.
#[derive(Clone, Copy, Debug)]
pub struct Measuring {
    pub f_beta: f64,
    pub top_k: usize,
}

impl<'a> Report<'a> {
    pub fn new(log: &'a mut dyn Write, host: &'a str) -> Self {
        Self { log, host }
    }

    /// One line of the log. Nobody is there to be told when it cannot be written.
    pub fn line(&mut self, level: &str, text: &str) {
        let now = jiff::Timestamp::now().strftime("%m/%d/%Y %H:%M:%S");
        let _ = writeln!(self.log, "[{now} {level} {}] {text}", std::process::id());
    }

    pub fn info(&mut self, text: &str) {
        self.line("INFO", text);
    }

    pub fn warning(&mut self, text: &str) {
        self.line("WARNING", text);
    }

    pub fn epoch_quality(&mut self, epoch: usize, set: &str, objective: &str, value: f64) {
        let host = self.host;
        self.info(&format!(
            "#quality_metric: host={host}, epoch={epoch}, {set} {objective} <loss>={value}"
        ));
    }

    /// A model's loss in an epoch, as the container tells it to programs that read its log.
    pub fn epoch_metrics(
        &mut self,
        epoch: usize,
        model: usize,
        set: &str,
        objective: &str,
        value: f64,
    ) {
        let now = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
        let metrics = serde_json::json!({
            "StartTime": now,
            "EndTime": now,
            "Dimensions": {
                "Algorithm": "Linear Learner",
                "Host": self.host,
                "Operation": "training",
                "epoch": epoch,
                "model": model,
            },
            "Metrics": {
                (format!("{set}_{objective}")): {
                    "sum": value, "count": 1, "min": value, "max": value,
                },
            },
        });
        let _ = writeln!(self.log, "#metrics {metrics}");
    }

    pub fn early_stopping(&mut self, epoch: usize, criterion: &str, value: f64) {
        let host = self.host;
        self.info(&format!(
            "#early_stopping_criteria_metric: host={host}, epoch={epoch}, criteria={criterion}, value={value}"
        ));
    }

    pub fn progress(&mut self, epoch: usize, epochs: usize) {
        let host = self.host;
        let percent = 100.0 * (epoch + 1) as f64 / epochs as f64;
        self.info(&format!("#progress_metric: host={host}, completed {percent} % epochs"));
    }

    pub fn throughput(&mut self, records_per_second: f64) {
        let host = self.host;
        self.info(&format!(
            "#throughput_metric: host={host}, train throughput={records_per_second} records/second"
        ));
    }

    /// The measures of a whole set, as the real container tells them twice.
    pub fn quality(&mut self, set: &str, measures: &[Measure]) {
        let host = self.host;
        for Measure { name, value, .. } in measures {
            self.info(&format!("#{set}_score ({host}) : ('{name}', {value:?})"));
        }
        for Measure { name, kind, value } in measures {
            self.info(&format!("#quality_metric: host={host}, {set} {name} <{kind}>={value:?}"));
        }
    }
}

/// The measures of a model on a set of rows, in the label's own units. `scores` holds, row after row,
/// the raw outputs for features as training sees them.
pub fn measures(task: Task, rows: &Rows, outcome: &Outcome, measuring: Measuring) -> Vec<Measure> {
    let mut measures =
        vec![Measure { name: task.loss.objective().to_owned(), kind: "loss", value: outcome.loss }];
    match task.kind {
        PredictorType::Regressor => regression(rows, outcome, &mut measures),
        PredictorType::BinaryClassifier => binary(rows, outcome, measuring, &mut measures),
        PredictorType::MulticlassClassifier => {
            multiclass(task, rows, outcome, measuring, &mut measures);
        }
    }
    measures
}

/// What a model says of a set of rows.
pub struct Outcome {
    /// The mean objective.
    pub loss: f64,
    /// Predictions in the label's units, the score of a binary classifier, the scores of all classes.
    pub scores: Vec<f32>,
    pub threshold: f32,
}

fn push(measures: &mut Vec<Measure>, kind: &'static str, name: impl Into<String>, value: f64) {
    measures.push(Measure { name: name.into(), kind, value });
}

fn regression(rows: &Rows, outcome: &Outcome, measures: &mut Vec<Measure>) {
    let count = rows.len().max(1) as f64;
    let residuals = || {
        outcome
            .scores
            .iter()
            .zip(&rows.labels)
            .map(|(score, label)| f64::from(*score) - f64::from(*label))
    };
    let squares: f64 = residuals().map(|residual| residual * residual).sum();
    let mean = rows.labels.iter().map(|label| f64::from(*label)).sum::<f64>() / count;
    let spread: f64 = rows.labels.iter().map(|label| (f64::from(*label) - mean).powi(2)).sum();
    let absolute = residuals().map(f64::abs).sum::<f64>() / count;
    push(measures, "loss", "mse", squares / count);
    push(measures, "loss", "absolute_loss", absolute);
    push(measures, "loss", "rmse", (squares / count).sqrt());
    push(measures, "score", "r2", if spread > 0.0 { 1.0 - squares / spread } else { 0.0 });
    push(measures, "loss", "mae", absolute);
}

fn binary(rows: &Rows, outcome: &Outcome, measuring: Measuring, measures: &mut Vec<Measure>) {
    let positive: Vec<bool> = rows.labels.iter().map(|label| *label == 1.0).collect();
    let predicted = outcome.scores.iter().map(|score| *score >= outcome.threshold);
    let counts = Confusion::of(positive.iter().copied().zip(predicted));
    push(measures, "score", "binary_classification_accuracy", counts.accuracy());
    let f_name = format!("binary_f_{:.3}", measuring.f_beta);
    push(measures, "score", f_name, counts.f_beta(measuring.f_beta));
    push(measures, "score", "precision", counts.precision());
    push(measures, "score", "recall", counts.recall());
    if let Some(area) = roc_auc(&outcome.scores, &positive) {
        push(measures, "score", "roc_auc_score", area);
    }
}

fn multiclass(
    task: Task,
    rows: &Rows,
    outcome: &Outcome,
    measuring: Measuring,
    measures: &mut Vec<Measure>,
) {
    let labelled = || outcome.scores.chunks_exact(task.outputs).zip(&rows.labels);
    let count = rows.len().max(1) as f64;
    let pairs = labelled().map(|(scores, label)| (*label as usize, greatest(scores)));
    let classes = PerClass::of(task.outputs, pairs);
    let ranks = || labelled().map(|(scores, label)| rank(scores, *label as usize));
    let within = ranks().filter(|rank| *rank < measuring.top_k).count();
    let gain: f64 = ranks().map(|rank| 1.0 / (rank as f64 + 2.0).log2()).sum();
    push(measures, "score", "multiclass_accuracy", classes.accuracy());
    let top_name = format!("multiclass_top_k_accuracy_{}", measuring.top_k);
    push(measures, "score", top_name, within as f64 / count);
    push(measures, "score", "dcg", gain / count);
    push(measures, "score", "macro_recall", classes.macro_recall());
    push(measures, "score", "macro_precision", classes.macro_precision());
    let f_name = format!("macro_f_{:.3}", measuring.f_beta);
    push(measures, "score", f_name, classes.macro_f_beta(measuring.f_beta));
    push(measures, "score", "multiclass_balanced_accuracy", classes.macro_recall());
    let log_loss: f64 =
        labelled().map(|(scores, label)| -f64::from(scores[*label as usize]).max(1e-15).ln()).sum();
    push(measures, "score", "multiclass_log_loss", log_loss / count);
}

/// The class with the greatest score, the first of equals.
pub fn greatest(scores: &[f32]) -> usize {
    let mut best = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = class;
        }
    }
    best
}

/// Turns raw outputs into what is reported and served: probabilities, margins or plain numbers.
pub fn present(task: Task, outputs: &mut [f32]) {
    match task.loss {
        Loss::Logistic => outputs[0] = sigmoid(outputs[0]),
        Loss::Softmax => {
            probabilities(outputs);
        }
        _ => {}
    }
}
