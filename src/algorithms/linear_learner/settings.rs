//! What a job asks for, in types: the task, the measure that chooses, and the models trained in parallel.

use super::hyperparameters::Hyperparameters;
use super::loss::Loss;
use crate::algorithms::Failure;
use serde::{Deserialize, Serialize};

/// Models trained in parallel when `num_models` is `auto` and validation data is there to choose by.
const AUTO_MODELS: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictorType {
    BinaryClassifier,
    MulticlassClassifier,
    Regressor,
}

/// What is learnt: how many scores a row gets, and the loss of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Task {
    pub kind: PredictorType,
    pub loss: Loss,
    /// 1, or the number of classes.
    pub outputs: usize,
    pub use_bias: bool,
}

/// How a binary classifier's threshold and model are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Criterion {
    Accuracy,
    FBeta(f64),
    PrecisionAtRecall(f64),
    RecallAtPrecision(f64),
    Loss,
}

impl Criterion {
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::FBeta(_) => "f_beta",
            Self::PrecisionAtRecall(_) => "precision_at_target_recall",
            Self::RecallAtPrecision(_) => "recall_at_target_precision",
            Self::Loss => "loss_function",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    Sgd,
    Adam,
    Rmsprop,
}

/// The learning rate falls by `factor` every `step` batches, to no less than `minimum`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scheduler {
    pub step: u64,
    pub factor: f32,
    pub minimum: f32,
}

/// One model's way of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    pub optimizer: Optimizer,
    pub learning_rate: f32,
    pub l1: f32,
    pub wd: f32,
    pub bias_lr_mult: f32,
    pub bias_wd_mult: f32,
    pub momentum: f32,
    pub beta_1: f32,
    pub beta_2: f32,
    pub scheduler: Option<Scheduler>,
    /// What a positive row counts when a negative one counts 1.
    pub positive_weight: f32,
    pub seed: u64,
}

/// The distribution of first weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    Uniform(f32),
    Normal(f32),
}

/// What the data adds to the hyperparameters.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    pub rows: usize,
    pub columns: usize,
    pub positives: usize,
    pub batches: usize,
    pub validated: bool,
}

impl Task {
    pub fn of(given: &Hyperparameters) -> Result<Self, Failure> {
        let (kind, outputs) = match given.text("predictor_type") {
            "binary_classifier" => (PredictorType::BinaryClassifier, 1),
            "regressor" => (PredictorType::Regressor, 1),
            _ => (PredictorType::MulticlassClassifier, given.count("num_classes").unwrap_or(1)),
        };
        if kind == PredictorType::MulticlassClassifier && outputs < 3 {
            return Err(Failure::client(
                "multiclass_classifier needs the hyperparameter num_classes, an integer from 3 to \
                 1000000. For two classes use binary_classifier.",
            ));
        }
        let use_bias = given.flag("use_bias").unwrap_or(true);
        Ok(Self { kind, loss: loss(given, kind)?, outputs, use_bias })
    }

    /// The threshold when nothing better is found: even odds.
    pub fn even_odds(&self) -> f32 {
        if matches!(self.loss, Loss::Hinge { .. }) { 0.0 } else { 0.5 }
    }
}

fn loss(given: &Hyperparameters, kind: PredictorType) -> Result<Loss, Failure> {
    let number = |name| given.number(name).unwrap_or_default() as f32;
    let loss = match given.text("loss") {
        "auto" => match kind {
            PredictorType::BinaryClassifier => Loss::Logistic,
            PredictorType::MulticlassClassifier => Loss::Softmax,
            PredictorType::Regressor => Loss::Squared,
        },
        "logistic" => Loss::Logistic,
        "hinge_loss" => Loss::Hinge { margin: number("margin") },
        "softmax_loss" => Loss::Softmax,
        "squared_loss" => Loss::Squared,
        "absolute_loss" => Loss::Absolute,
        "eps_insensitive_squared_loss" => {
            Loss::EpsInsensitiveSquared { insensitivity: number("loss_insensitivity") }
        }
        "eps_insensitive_absolute_loss" => {
            Loss::EpsInsensitiveAbsolute { insensitivity: number("loss_insensitivity") }
        }
        "quantile_loss" => Loss::Quantile { quantile: number("quantile") },
        _ => Loss::Huber { delta: number("huber_delta") },
    };
    let fits = match kind {
        PredictorType::BinaryClassifier => matches!(loss, Loss::Logistic | Loss::Hinge { .. }),
        PredictorType::MulticlassClassifier => loss == Loss::Softmax,
        PredictorType::Regressor => {
            !matches!(loss, Loss::Logistic | Loss::Hinge { .. } | Loss::Softmax)
        }
    };
    if fits {
        Ok(loss)
    } else {
        Err(Failure::client(format!(
            "The loss '{}' does not go with predictor_type '{}'. binary_classifier takes logistic or \
             hinge_loss, multiclass_classifier softmax_loss, regressor squared_loss, absolute_loss, \
             eps_insensitive_squared_loss, eps_insensitive_absolute_loss, quantile_loss or huber_loss.",
            given.text("loss"),
            given.text("predictor_type")
        )))
    }
}

pub fn criterion(given: &Hyperparameters) -> Criterion {
    let number = |name| given.number(name).unwrap_or_default();
    match given.text("binary_classifier_model_selection_criteria") {
        "f_beta" => Criterion::FBeta(number("f_beta")),
        "precision_at_target_recall" => Criterion::PrecisionAtRecall(number("target_recall")),
        "recall_at_target_precision" => Criterion::RecallAtPrecision(number("target_precision")),
        "loss_function" => Criterion::Loss,
        _ => Criterion::Accuracy,
    }
}

pub fn start(given: &Hyperparameters) -> Start {
    let number = |name| given.number(name).unwrap_or_default() as f32;
    match given.text("init_method") {
        "normal" => Start::Normal(number("init_sigma")),
        _ => Start::Uniform(number("init_scale")),
    }
}

/// The models to train in parallel: the first by the parameters as given, the others close to them.
///
/// With validation data to judge by, regularization varies too. Without, only the learning rate
/// does: chosen on the training data itself, the least regularized model would always win.
pub fn recipes(given: &Hyperparameters, facts: Facts) -> Vec<Recipe> {
    let optimizer = match given.text("optimizer") {
        "sgd" => Optimizer::Sgd,
        "rmsprop" => Optimizer::Rmsprop,
        _ => Optimizer::Adam,
    };
    let rates = rates(given, optimizer);
    let rows = facts.rows.max(1) as f64;
    let decays = variants(given.number("wd"), 1.0 / rows, &[1.0, 10.0, 0.1, 30.0], facts.validated);
    // Without an l1 of the caller's the first model has none.
    let weak = 0.1 * ((facts.columns as f64 + 1.0).ln() / rows).sqrt();
    let lassos = match given.number("l1") {
        None if facts.validated => vec![0.0, weak],
        None => vec![0.0],
        some => variants(some, 0.0, &[1.0], facts.validated),
    };
    let positives = positive_weights(given, facts);
    let wanted = wanted(given, facts, rates.len());
    let product = lassos.len() * decays.len() * rates.len() * positives.len();
    (0..wanted)
        .map(|index| {
            let mut rest = index % product;
            let mut pick = |of: &[f64]| {
                let value = of[rest % of.len()];
                rest /= of.len();
                value as f32
            };
            let (learning_rate, wd, l1, positive_weight) =
                (pick(&rates), pick(&decays), pick(&lassos), pick(&positives));
            Recipe {
                optimizer,
                learning_rate,
                l1,
                wd,
                bias_lr_mult: given.number("bias_lr_mult").unwrap_or(1.0) as f32,
                bias_wd_mult: given.number("bias_wd_mult").unwrap_or(0.0) as f32,
                momentum: given.number("momentum").unwrap_or(0.9) as f32,
                beta_1: given.number("beta_1").unwrap_or(0.9) as f32,
                beta_2: given.number("beta_2").unwrap_or(0.999) as f32,
                scheduler: scheduler(given, facts, learning_rate),
                positive_weight,
                seed: (index / product) as u64,
            }
        })
        .collect()
}

fn wanted(given: &Hyperparameters, facts: Facts, rates: usize) -> usize {
    // A tuning job searches for itself: the inner search is off.
    if !given.text("_tuning_objective_metric").is_empty() {
        return 1;
    }
    match given.count("num_models") {
        Some(count) => count,
        None if facts.validated => AUTO_MODELS,
        None => rates,
    }
}

fn rates(given: &Hyperparameters, optimizer: Optimizer) -> Vec<f64> {
    let usual = match optimizer {
        Optimizer::Adam => 0.1,
        Optimizer::Rmsprop => 0.03,
        Optimizer::Sgd => 0.01,
    };
    match given.number("learning_rate") {
        Some(rate) => vec![rate, rate / 2.0, rate * 2.0, rate / 4.0],
        None => vec![usual, usual / 3.0, usual / 10.0, usual * 3.0],
    }
}

/// The value as given and some around it; around `usual` when it is for us to choose.
fn variants(given: Option<f64>, usual: f64, factors: &[f64], vary: bool) -> Vec<f64> {
    match given {
        Some(value) if value == 0.0 || !vary => vec![value],
        Some(value) => vec![value, value / 2.0, value * 2.0],
        None if vary => factors.iter().map(|factor| usual * factor).collect(),
        None => vec![usual],
    }
}

fn positive_weights(given: &Hyperparameters, facts: Facts) -> Vec<f64> {
    if given.text("predictor_type") != "binary_classifier" {
        return vec![1.0];
    }
    let negatives = facts.rows.saturating_sub(facts.positives);
    let balanced = negatives as f64 / facts.positives.max(1) as f64;
    match given.text("positive_example_weight_mult") {
        "balanced" => vec![balanced],
        "auto" if facts.validated => vec![1.0, balanced],
        "auto" => vec![1.0],
        _ => vec![given.number("positive_example_weight_mult").unwrap_or(1.0)],
    }
}

/// When left to us, the rate falls to a hundredth over all epochs.
fn scheduler(given: &Hyperparameters, facts: Facts, learning_rate: f32) -> Option<Scheduler> {
    if given.flag("use_lr_scheduler") == Some(false) {
        return None;
    }
    let epochs = given.count("epochs").unwrap_or(1);
    let total = epochs.saturating_mul(facts.batches).max(1) as f64;
    let step = given.count("lr_scheduler_step").map_or((total / 100.0).ceil(), |step| step as f64);
    let factor = given.number("lr_scheduler_factor").unwrap_or_else(|| 0.01_f64.powf(step / total));
    let minimum = given
        .number("lr_scheduler_minimum_lr")
        .map_or_else(|| (learning_rate * 1e-3).min(1e-5), |rate| rate as f32);
    Some(Scheduler { step: step as u64, factor: factor as f32, minimum })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn given(pairs: &[(&str, &str)]) -> Hyperparameters {
        let mut all = BTreeMap::from([("predictor_type".to_owned(), "regressor".to_owned())]);
        all.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Hyperparameters::check(&all).unwrap_or_else(|error| panic!("{error}"))
    }

    const FACTS: Facts =
        Facts { rows: 100, columns: 4, positives: 20, batches: 10, validated: true };

    #[test]
    fn the_first_model_is_trained_as_given() {
        let given =
            given(&[("learning_rate", "0.2"), ("wd", "0.5"), ("l1", "0.25"), ("num_models", "50")]);
        let recipes = recipes(&given, FACTS);
        assert_eq!(recipes.len(), 50);
        assert_eq!((recipes[0].learning_rate, recipes[0].wd, recipes[0].l1), (0.2, 0.5, 0.25));
        for (index, recipe) in recipes.iter().enumerate() {
            assert!(!recipes[..index].contains(recipe), "model {index} is trained twice");
        }
    }

    #[test]
    fn what_is_switched_off_stays_off() {
        let given = given(&[("wd", "0"), ("l1", "0"), ("use_lr_scheduler", "false")]);
        for recipe in recipes(&given, FACTS) {
            assert_eq!((recipe.wd, recipe.l1, recipe.scheduler), (0.0, 0.0, None));
        }
    }

    #[test]
    fn without_validation_regularization_does_not_vary() {
        let recipes = recipes(&given(&[]), Facts { validated: false, ..FACTS });
        assert!(recipes.len() > 1);
        assert!(recipes.iter().all(|recipe| recipe.wd == recipes[0].wd && recipe.l1 == 0.0));
        let tuned = given(&[("_tuning_objective_metric", "validation:mse")]);
        assert_eq!(super::recipes(&tuned, FACTS).len(), 1);
    }

    #[test]
    fn a_loss_of_another_task_is_refused() {
        assert!(Task::of(&given(&[("loss", "logistic")])).is_err());
        assert!(Task::of(&given(&[("predictor_type", "multiclass_classifier")])).is_err());
        let task = Task::of(&given(&[("loss", "huber_loss"), ("huber_delta", "2")]));
        assert_eq!(task.map(|task| task.loss), Ok(Loss::Huber { delta: 2.0 }));
    }
}
