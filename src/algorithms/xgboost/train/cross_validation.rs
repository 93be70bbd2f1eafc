//! `_kfold`: a model for each fold, the mean of their scores, and what each row's held-out models say.
//!
//! As in the container, the scores are those of the whole channels, not of the held-out rows.

use super::{MODEL_FILE, Run, artifact};
use crate::algorithms::Failure;
use crate::algorithms::data::Labelled;
use crate::algorithms::xgboost::fit::{Sets, Settings};
use crate::algorithms::xgboost::objective::argmax;
use std::fmt::Write as _;

/// How often the rows are parted, and in how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossValidation {
    pub folds: usize,
    pub repeats: usize,
}

/// The last scores of a fold's model, by set and in the order of the metrics.
pub type Scores = Vec<(&'static str, Vec<f64>)>;

/// Trains the model of every fold and saves them, `xgboost-model-0` and on.
pub fn run(
    run: &mut Run<'_, '_>,
    plan: CrossValidation,
    train: &Labelled,
    validation: Option<&Labelled>,
) -> Result<(), Failure> {
    let joined = match validation {
        Some(set) => {
            run.log.info("Read both train and validation data into one DMatrix")?;
            Some(train.joined(set))
        }
        None => None,
    };
    let all = joined.as_ref().unwrap_or(train);
    let CrossValidation { folds, repeats } = plan;
    let rows = all.labels.len();
    run.log
        .info(&format!("Run {repeats}-round of {folds}-fold cross validation with {rows} rows"))?;
    let classes = classifies(run.settings).then_some(all.labels.as_slice());
    check(plan, rows, classes)?;
    if !all.queries.is_empty() {
        return Err(Failure::client(
            "slice does not support group structure: _kfold cannot part rows that name their query (qid).",
        ));
    }
    let mut random = fastrand::Rng::with_seed(run.settings.seed);
    let mut held_out = HeldOut::new(run.settings, rows);
    let mut scores: Vec<Scores> = Vec::new();
    for round in 1..=repeats {
        let folds_of_rows = part(folds, rows, classes, &mut random);
        for fold in 0..folds {
            run.log.info(&format!("Train cross validation fold {}", fold + 1))?;
            let number = scores.len();
            let (outside, inside): (Vec<usize>, Vec<usize>) =
                (0..rows).partition(|row| folds_of_rows[*row] != fold);
            let sets = Sets { train: &all.rows(&outside), shown: Some(train), validation };
            let folder = run.job.checkpoint_dir.as_ref();
            let folder = folder.map(|folder| folder.join(format!("model-{number}")));
            let (booster, last) = run.fit(&sets, folder.as_deref())?;
            let path = run.job.model_dir.join(format!("{MODEL_FILE}-{number}"));
            run.keeper.save(&path, &artifact(run.version, &booster))?;
            held_out.record(&inside, &booster.forest().predict(&all.rows(&inside).features));
            scores.push(last);
            if run.job.stop.requested() {
                return Ok(());
            }
        }
        run.log.info(&format!("The metrics of round {round} cross validation"))?;
        run.log.line(&means(run.settings, &scores[scores.len() - folds..]))?;
    }
    held_out.save(run, &all.labels)?;
    if repeats > 1 {
        run.log.info(&format!("The overall metrics of {repeats}-round cross validation"))?;
        run.log.line(&means(run.settings, &scores))?;
    }
    Ok(())
}

fn classifies(settings: &Settings) -> bool {
    settings.objective.is_multiclass() || settings.objective.kind.name().starts_with("binary:")
}

/// Refuses more folds than rows, or than rows of any class, in scikit-learn's words.
fn check(plan: CrossValidation, rows: usize, classes: Option<&[f32]>) -> Result<(), Failure> {
    let folds = plan.folds;
    if folds > rows {
        return Err(Failure::client(format!(
            "Cannot have number of splits n_splits={folds} greater than the number of samples: n_samples={rows}."
        )));
    }
    let Some(labels) = classes else { return Ok(()) };
    if places(labels).iter().all(|rows| rows.len() < folds) {
        return Err(Failure::client(format!(
            "n_splits={folds} cannot be greater than the number of members in each class."
        )));
    }
    Ok(())
}

/// The rows of each class.
fn places(labels: &[f32]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|a, b| labels[*a].total_cmp(&labels[*b]));
    order.chunk_by(|a, b| labels[*a] == labels[*b]).map(<[usize]>::to_vec).collect()
}

/// A fold for each row, at random, each fold with as many rows and with as many of each class.
fn part(
    folds: usize,
    rows: usize,
    classes: Option<&[f32]>,
    random: &mut fastrand::Rng,
) -> Vec<usize> {
    let groups = classes.map_or_else(|| vec![(0..rows).collect()], places);
    let mut fold_of = vec![0; rows];
    let mut next = 0;
    for group in groups {
        let mut folds_of_group: Vec<usize> = group.iter().map(|_| 0).collect();
        for fold in &mut folds_of_group {
            *fold = next % folds;
            next += 1;
        }
        random.shuffle(&mut folds_of_group);
        for (row, fold) in group.into_iter().zip(folds_of_group) {
            fold_of[row] = fold;
        }
    }
    fold_of
}

/// The means of the folds' last scores, in the form of a round's line, metric after metric.
fn means(settings: &Settings, scores: &[Scores]) -> String {
    let mut line = format!("[{}]", settings.rounds);
    let sets = scores.first().map(Vec::as_slice).unwrap_or_default();
    for (place, (metric, _)) in settings.metrics.iter().enumerate() {
        for (set, (name, _)) in sets.iter().enumerate() {
            let values = scores.iter().filter_map(|fold| fold.get(set)?.1.get(place));
            let mean = values.sum::<f64>() / scores.len() as f64;
            let _ = write!(line, "#011{name}-{metric}:{mean:.5}");
        }
    }
    line
}

/// What the models of the folds that a row was held out of predict for it.
struct HeldOut {
    classification: bool,
    outputs: usize,
    /// By row, one entry a repeat: a prediction, or a class and how sure it is.
    predictions: Vec<Vec<(f64, f64)>>,
}

impl HeldOut {
    fn new(settings: &Settings, rows: usize) -> Self {
        Self {
            classification: classifies(settings),
            outputs: settings.objective.outputs(),
            predictions: vec![Vec::new(); rows],
        }
    }

    fn record(&mut self, rows: &[usize], predictions: &[f32]) {
        for (row, values) in rows.iter().zip(predictions.chunks_exact(self.outputs)) {
            let predicted = if self.outputs > 1 {
                let class = argmax(values);
                (class as f64, f64::from(values[class]))
            } else {
                let value = f64::from(values[0]);
                let class = if value > 0.5 { 1.0 } else { 0.0 };
                (if self.classification { class } else { value }, value)
            };
            self.predictions[*row].push(predicted);
        }
    }

    /// Writes `predictions.csv`, which becomes part of output.tar.gz: the label, and the mean prediction;
    /// or the label, the mean probability and the commonest class.
    fn save(&self, run: &mut Run<'_, '_>, labels: &[f32]) -> Result<(), Failure> {
        let folder = &run.job.output_dir;
        let path = folder.join("predictions.csv");
        run.log.info(&format!("Storing predictions on validation set(s) in {}", path.display()))?;
        let text = self.csv(labels);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| Failure::internal(format!("cannot write {}: {error}", path.display())))
    }

    fn csv(&self, labels: &[f32]) -> String {
        let mut text = String::new();
        for (label, predicted) in labels.iter().zip(&self.predictions) {
            let mean =
                predicted.iter().map(|(_, value)| value).sum::<f64>() / predicted.len() as f64;
            let _ = write!(text, "{label:.6},{mean:.6}");
            if self.classification {
                let _ = write!(text, ",{:.6}", commonest(predicted));
            }
            text.push('\n');
        }
        text
    }
}

/// The class that most of the predictions are, the least of equals.
fn commonest(predicted: &[(f64, f64)]) -> f64 {
    let mut classes: Vec<f64> = predicted.iter().map(|(class, _)| *class).collect();
    classes.sort_by(f64::total_cmp);
    let mut best: &[f64] = &[];
    for equal in classes.chunk_by(|a, b| a == b) {
        if equal.len() > best.len() {
            best = equal;
        }
    }
    best.first().copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn folds_have_as_many_rows_each_and_as_many_of_each_class(
            labels in prop::collection::vec(0_u8..3, 10..200), folds in 2_usize..8, seed in any::<u64>(),
        ) {
            let labels: Vec<f32> = labels.into_iter().map(f32::from).collect();
            for classes in [None, Some(labels.as_slice())] {
                let mut random = fastrand::Rng::with_seed(seed);
                let parted = part(folds, labels.len(), classes, &mut random);
                let spread = |rows: &dyn Fn(usize) -> bool| {
                    let count = |fold| (0..labels.len()).filter(|row| rows(*row) && parted[*row] == fold).count();
                    let counts: Vec<usize> = (0..folds).map(count).collect();
                    counts.iter().max().unwrap() - counts.iter().min().unwrap()
                };
                prop_assert!(spread(&|_| true) <= 1);
                if classes.is_some() {
                    for class in [0.0, 1.0, 2.0] {
                        prop_assert!(spread(&|row| labels[row] == class) <= 1);
                    }
                }
            }
        }
    }

    #[test]
    fn rows_are_written_with_the_mean_and_the_commonest_class() {
        let mut held_out =
            HeldOut { classification: true, outputs: 1, predictions: vec![Vec::new(); 2] };
        for value in [0.75, 0.75, 0.0] {
            held_out.record(&[1, 0], &[value, 0.25]);
        }
        let csv = held_out.csv(&[0.0, 1.0]);
        assert_eq!(csv, "0.000000,0.250000,0.000000\n1.000000,0.500000,1.000000\n");
    }

    #[test]
    fn more_folds_than_there_are_rows_are_refused() {
        let plan = CrossValidation { folds: 4, repeats: 1 };
        assert!(check(plan, 3, None).unwrap_err().to_string().contains("n_samples=3"));
        let labels = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        assert!(check(plan, 6, Some(&labels)).unwrap_err().to_string().contains("n_splits=4"));
        check(plan, 6, None).unwrap();
    }
}
