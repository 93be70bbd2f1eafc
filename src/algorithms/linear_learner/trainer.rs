//! Trains the models in parallel, epoch by epoch, and chooses the best of them.

use super::candidate::{Best, Candidate, Rank, Rows, Weighting, derive, score};
use super::report::{Outcome, Report, present};
use super::scaler::Scaler;
use super::settings::{Criterion, PredictorType, Recipe, Start, Task};
use super::threshold::{Cut, best_cut};
use crate::algorithms::{Failure, Stop};
use std::time::Instant;

/// Below this many multiplications an epoch, threads cost more than they bring.
const WORTH_THREADS: usize = 4_000_000;

/// How training goes.
pub struct Plan {
    pub task: Task,
    pub batch: usize,
    pub epochs: usize,
    pub patience: usize,
    pub tolerance: f64,
    pub criterion: Criterion,
    /// Whether epochs are judged by the criterion (the job named one and there is validation data)
    /// rather than by the loss.
    pub by_criterion: bool,
    pub calibration_rows: usize,
    pub start: Start,
    pub init_bias: f32,
    pub weighting: Weighting,
}

/// The model that training chose.
pub struct Winner {
    pub recipe: Recipe,
    /// For features as training saw them.
    pub weights: Vec<f32>,
    pub threshold: f32,
    pub epoch: usize,
}

/// The rows to learn from and, when there are any, those to judge by.
pub struct Data<'a> {
    pub train: &'a Rows,
    pub validation: Option<&'a Rows>,
    pub scaler: &'a Scaler,
}

/// Trains all recipes side by side.
pub fn fit(
    plan: &Plan,
    recipes: &[Recipe],
    data: &Data<'_>,
    stop: &Stop,
    report: &mut Report<'_>,
) -> Result<Winner, Failure> {
    let new = |recipe: &Recipe| {
        Candidate::new(*recipe, plan.task, data.train.columns, plan.start, plan.init_bias)
    };
    let mut candidates: Vec<Candidate> = recipes.iter().map(new).collect();
    let mut order: Vec<usize> = (0..data.train.len()).collect();
    let mut random = fastrand::Rng::with_seed(0);
    let mut patience = Patience { best: None, waited: 0 };
    let started = Instant::now();
    let mut seen = 0;
    for epoch in 0..plan.epochs {
        random.shuffle(&mut order);
        run_epoch(plan, &mut candidates, data.train, &order, stop);
        // A model whose loss is no number any more is lost; the others go on.
        candidates.retain(|candidate| candidate.is_sound() || candidate.best.is_some());
        if candidates.is_empty() {
            return Err(diverged());
        }
        seen += data.train.len();
        let improved = judge_epoch(plan, &mut candidates, data, epoch, &mut patience, report);
        let text =
            if improved { "Loss improved. Updating best model" } else { "Loss did not improve" };
        report.info(&format!("Epoch {epoch}: {text}"));
        report.progress(epoch, plan.epochs);
        if stop.requested() {
            report.info("Told to stop (SIGTERM): training ends with the best model so far");
            break;
        }
        if patience.waited > plan.patience {
            report.info("Early stop condition met. Stopping training.");
            break;
        }
    }
    report.throughput(seen as f64 / started.elapsed().as_secs_f64().max(1e-9));
    choose(plan, &candidates, data)
}

fn diverged() -> Failure {
    Failure::client(
        "Training diverged: the loss of every model is no longer a finite number. Lower learning_rate, \
         or leave normalize_data on, and check the training data for values of extreme size.",
    )
}

fn run_epoch(plan: &Plan, candidates: &mut [Candidate], rows: &Rows, order: &[usize], stop: &Stop) {
    let work = rows.features.len() * plan.task.outputs * candidates.len();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if work < WORTH_THREADS || cores == 1 {
        return run_batches(plan, candidates, rows, order, stop);
    }
    let share = candidates.len().div_ceil(cores);
    std::thread::scope(|scope| {
        for group in candidates.chunks_mut(share) {
            scope.spawn(|| run_batches(plan, group, rows, order, stop));
        }
    });
}

/// All batches of an epoch for these models; each batch is gathered once for all of them.
fn run_batches(
    plan: &Plan,
    candidates: &mut [Candidate],
    rows: &Rows,
    order: &[usize],
    stop: &Stop,
) {
    let mut features = Vec::with_capacity(plan.batch * rows.columns);
    let mut targets = Vec::with_capacity(plan.batch);
    let mut seen = 0;
    for candidate in candidates.iter_mut() {
        candidate.epoch_loss = 0.0;
    }
    for batch in order.chunks(plan.batch) {
        if stop.requested() && seen > 0 {
            break;
        }
        features.clear();
        targets.clear();
        for row in batch {
            features.extend_from_slice(rows.row(*row));
            targets.push(rows.targets[*row]);
        }
        for candidate in candidates.iter_mut() {
            let loss = candidate.step(&features, &targets, &plan.weighting);
            candidate.epoch_loss += loss * batch.len() as f64;
        }
        seen += batch.len();
    }
    for candidate in candidates.iter_mut() {
        candidate.epoch_loss /= seen.max(1) as f64;
    }
}

/// Ranks every model after an epoch, keeps its best weights, and tells whether the best improved. What is
/// printed is of this epoch and of one model, the one that does best in it: a loss that rises is seen.
fn judge_epoch(
    plan: &Plan,
    candidates: &mut [Candidate],
    data: &Data<'_>,
    epoch: usize,
    patience: &mut Patience,
    report: &mut Report<'_>,
) -> bool {
    let objective = plan.task.loss.objective();
    let mut now: Option<(Rank, f64)> = None;
    for (model, candidate) in candidates.iter_mut().enumerate() {
        if !candidate.is_sound() {
            continue;
        }
        let rank = rank_now(plan, candidate, data);
        report.epoch_metrics(epoch, model, "train", objective, candidate.epoch_loss);
        if data.validation.is_some() {
            report.epoch_metrics(epoch, model, "validation", objective, rank.loss);
        }
        if now.as_ref().is_none_or(|(best, _)| rank.is_better_than(best)) {
            now = Some((rank, candidate.epoch_loss));
        }
        if candidate.best.as_ref().is_none_or(|best| rank.is_better_than(&best.rank)) {
            let weights = candidate.weights.clone();
            candidate.best = Some(Best { rank, weights, epoch });
        }
    }
    let Some((rank, train)) = now else { return false };
    report.epoch_quality(epoch, "train", objective, train);
    if data.validation.is_some() {
        report.epoch_quality(epoch, "validation", objective, rank.loss);
    }
    let (name, value) = if plan.by_criterion {
        (plan.criterion.name(), rank.criterion)
    } else {
        (objective, rank.loss)
    };
    report.early_stopping(epoch, name, if plan.by_criterion { -value } else { value });
    patience.improved(value, plan.tolerance)
}

/// How good a model is as it is after this epoch.
fn rank_now(plan: &Plan, candidate: &Candidate, data: &Data<'_>) -> Rank {
    match data.validation {
        Some(rows) => rank_on(plan, &candidate.weights, rows, data.scaler),
        // On the rows that it learns from, a model's loss is worth no more than with its penalty.
        None => {
            let penalty = candidate.penalty(&candidate.weights);
            Rank { criterion: 0.0, loss: candidate.epoch_loss + penalty }
        }
    }
}

/// How long the best model has not got better.
struct Patience {
    best: Option<f64>,
    waited: usize,
}

impl Patience {
    fn improved(&mut self, value: f64, tolerance: f64) -> bool {
        let improved = self.best.is_none_or(|best| best - value > tolerance * best.abs());
        if improved {
            self.best = Some(value);
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        improved
    }
}

fn rank_on(plan: &Plan, weights: &[f32], rows: &Rows, scaler: &Scaler) -> Rank {
    let outcome = evaluate(plan.task, weights, rows, scaler, plan.task.even_odds());
    let criterion = if plan.by_criterion { -cut(plan, rows, &outcome.scores).value } else { 0.0 };
    Rank { criterion, loss: outcome.loss }
}

fn cut(plan: &Plan, rows: &Rows, scores: &[f32]) -> Cut {
    let count = rows.len().min(plan.calibration_rows);
    let positive: Vec<bool> = rows.labels[..count].iter().map(|label| *label == 1.0).collect();
    best_cut(&scores[..count], &positive, plan.criterion, plan.task.even_odds())
}

/// What weights make of rows, in the label's own units.
pub fn evaluate(
    task: Task,
    weights: &[f32],
    rows: &Rows,
    scaler: &Scaler,
    threshold: f32,
) -> Outcome {
    let mut scores = vec![0.0; rows.len() * task.outputs];
    let mut derivatives = vec![0.0; task.outputs];
    let mut loss = 0.0;
    let each = rows.features.chunks_exact(rows.columns).zip(&rows.targets);
    for ((row, target), outputs) in each.zip(scores.chunks_exact_mut(task.outputs)) {
        score(weights, row, outputs);
        derivatives.copy_from_slice(outputs);
        loss += f64::from(derive(task, &mut derivatives, *target));
        present(task, outputs);
        if task.kind == PredictorType::Regressor {
            outputs[0] =
                (f64::from(outputs[0]) * scaler.label_deviation + scaler.label_mean) as f32;
        }
    }
    let unit = task.loss.unit(scaler.label_deviation);
    Outcome { loss: unit * loss / rows.len().max(1) as f64, scores, threshold }
}

/// The best model by the criterion on the validation data (else the training data), with its threshold.
fn choose(plan: &Plan, candidates: &[Candidate], data: &Data<'_>) -> Result<Winner, Failure> {
    let judged_on = data.validation.unwrap_or(data.train);
    let calibrated =
        plan.task.kind == PredictorType::BinaryClassifier && plan.criterion != Criterion::Loss;
    let mut winner: Option<(Rank, Winner)> = None;
    for candidate in candidates {
        let Some(best) = &candidate.best else { continue };
        let even = plan.task.even_odds();
        let (rank, threshold) = if calibrated {
            let outcome = evaluate(plan.task, &best.weights, judged_on, data.scaler, even);
            let cut = cut(plan, judged_on, &outcome.scores);
            let penalty =
                if data.validation.is_some() { 0.0 } else { candidate.penalty(&best.weights) };
            (Rank { criterion: -cut.value, loss: outcome.loss + penalty }, cut.threshold)
        } else {
            (best.rank, even)
        };
        if winner.as_ref().is_none_or(|(leader, _)| rank.is_better_than(leader)) {
            let chosen = Winner {
                recipe: candidate.recipe,
                weights: best.weights.clone(),
                threshold,
                epoch: best.epoch,
            };
            winner = Some((rank, chosen));
        }
    }
    winner.map(|(_, winner)| winner).ok_or_else(diverged)
}
