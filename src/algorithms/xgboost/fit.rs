//! Boosting: round by round, trees that correct what the model so far gets wrong.

use super::bins::{Binned, Cuts};
use super::booster::Booster;
use super::grow::{self, Growth};
use super::metric::{Metric, Scored};
use super::objective::{Gradient, Objective};
use super::tree::Tree;
use crate::algorithms::data::Labelled;
use rayon::prelude::*;
use std::ops::ControlFlow;

/// What a fit is to do, every value settled.
#[derive(Clone, Debug)]
pub struct Settings {
    pub objective: Objective,
    pub growth: Growth,
    pub rounds: usize,
    pub subsample: f32,
    pub max_bin: usize,
    /// `None` to estimate it from the labels.
    pub base_score: Option<f32>,
    pub seed: u64,
    /// By the names they are logged under.
    pub metrics: Vec<(String, Metric)>,
    pub early_stopping: Option<EarlyStopping>,
}

/// When to end before the last round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyStopping {
    /// Rounds without a better score after which training ends.
    pub rounds: usize,
    /// The place among the metrics of the one that is watched.
    pub metric: usize,
}

/// A round that was finished.
pub struct Round<'a> {
    pub number: usize,
    /// The scores of each data set, in the order of the metrics.
    pub scores: &'a [(&'static str, Vec<f64>)],
    pub booster: &'a Booster,
}

/// Fits on `train`, watching `validation` where there is one. A `resumed` model is boosted further.
///
/// `each_round` is called after each round and may end training. The labels must have passed
/// [`Objective::check_labels`]. With early stopping the model ends with its best round.
pub fn fit<E>(
    settings: &Settings,
    train: &Labelled,
    validation: Option<&Labelled>,
    resumed: Option<Booster>,
    mut each_round: impl FnMut(&Round<'_>) -> Result<ControlFlow<()>, E>,
) -> Result<Booster, E> {
    let cuts = Cuts::of(&train.features, &train.weights, settings.max_bin);
    let data = Binned::of(&train.features, cuts);
    let mut booster = resumed.unwrap_or_else(|| start(settings, train));
    let mut margins = Margins::of(&booster, train);
    let mut watched = validation.map(|set| (set, Margins::of(&booster, set)));
    let mut gradients = vec![[0.0; 2]; margins.values.len()];
    let mut best: Option<Best> = None;
    for number in booster.rounds()..settings.rounds {
        let objective = &settings.objective;
        objective.gradients(&margins.values, &train.labels, &train.weights, &mut gradients);
        let trees = boost(settings, number, train, &data, &gradients, &mut margins);
        if let Some((set, margins)) = &mut watched {
            margins.add(&trees, set);
        }
        for (group, tree) in trees.into_iter().enumerate() {
            booster.trees.push(tree);
            booster.tree_groups.push(group);
        }
        let mut scores = vec![("train", measure(settings, train, &margins))];
        if let Some((set, margins)) = &watched {
            scores.push(("validation", measure(settings, set, margins)));
        }
        let stop = match &settings.early_stopping {
            Some(rule) => watch(rule, settings, &scores, number, &mut best, &mut booster),
            None => false,
        };
        let told = each_round(&Round { number, scores: &scores, booster: &booster })?;
        if stop || told.is_break() {
            break;
        }
    }
    if let Some(best) = best {
        booster.truncate(best.round + 1);
    }
    Ok(booster)
}

fn start(settings: &Settings, train: &Labelled) -> Booster {
    let estimate = || settings.objective.estimate_base_score(&train.labels, &train.weights);
    let base_score = settings.base_score.unwrap_or_else(estimate);
    Booster::new(settings.objective, base_score, train.features.columns())
}

/// Grows the round's trees, one per group, and adds them to the margins.
fn boost(
    settings: &Settings,
    round: usize,
    train: &Labelled,
    data: &Binned,
    gradients: &[Gradient],
    margins: &mut Margins,
) -> Vec<Tree> {
    let rows = train.labels.len();
    let grow = |(group, (gradients, margins)): (usize, (&[Gradient], &mut [f32]))| {
        let place = (round as u64) << 20 | group as u64;
        let mut random =
            fastrand::Rng::with_seed(settings.seed ^ place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let sampled = settings.subsample < 1.0;
        let taken = if sampled { sample(rows, settings.subsample, &mut random) } else { all(rows) };
        let grown = grow::grow(data, &settings.growth, gradients, taken, &mut random);
        if sampled {
            // Rows that were left out have a margin too.
            let features = train.features.columns();
            let values = train.features.values().par_chunks(features.max(1));
            margins.par_iter_mut().zip(values).with_min_len(1024).for_each(|(margin, row)| {
                *margin += grown.tree.predict(row);
            });
        } else {
            grown.contributions(|row, value| margins[row] += value);
        }
        grown.tree
    };
    let groups = settings.objective.groups();
    if groups == 1 {
        return vec![grow((0, (gradients, &mut margins.values)))];
    }
    let shares = gradients.par_chunks(rows.max(1)).zip(margins.values.par_chunks_mut(rows.max(1)));
    shares.enumerate().map(grow).collect()
}

fn all(rows: usize) -> Vec<u32> {
    (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect()
}

/// Each row with probability `share`, and at least one.
fn sample(rows: usize, share: f32, random: &mut fastrand::Rng) -> Vec<u32> {
    let taken: Vec<u32> = all(rows).into_iter().filter(|_| random.f32() < share).collect();
    if taken.is_empty() { all(rows.min(1)) } else { taken }
}

fn measure(settings: &Settings, set: &Labelled, margins: &Margins) -> Vec<f64> {
    let scored = Scored {
        objective: &settings.objective,
        margins: &margins.values,
        labels: &set.labels,
        weights: &set.weights,
    };
    settings.metrics.par_iter().map(|(_, metric)| metric.evaluate(&scored)).collect()
}

struct Best {
    score: f64,
    round: usize,
}

/// Notes the round's score as the best, or tells that none has been better for long enough.
fn watch(
    rule: &EarlyStopping,
    settings: &Settings,
    scores: &[(&'static str, Vec<f64>)],
    round: usize,
    best: &mut Option<Best>,
    booster: &mut Booster,
) -> bool {
    let Some((_, values)) = scores.last() else { return false };
    let (Some(&score), Some((_, metric))) =
        (values.get(rule.metric), settings.metrics.get(rule.metric))
    else {
        return false;
    };
    let better = best.as_ref().is_none_or(|best| {
        if metric.is_maximized() { score > best.score } else { score < best.score }
    });
    if better {
        *best = Some(Best { score, round });
        booster.attributes.insert("best_iteration".to_owned(), round.to_string());
        booster.attributes.insert("best_score".to_owned(), score.to_string());
    }
    best.as_ref().is_some_and(|best| round - best.round >= rule.rounds)
}

/// The margins of a data set's rows, group by group.
struct Margins {
    values: Vec<f32>,
}

impl Margins {
    fn of(booster: &Booster, set: &Labelled) -> Self {
        let (rows, groups) = (set.labels.len(), booster.objective.groups());
        let mut values = vec![0.0; rows * groups];
        let forest = booster.forest();
        let mut margins = vec![0.0; groups];
        for (row, features) in set.features.iter_rows().enumerate() {
            forest.margins(features, &mut margins);
            for (group, margin) in margins.iter().enumerate() {
                values[group * rows + row] = *margin;
            }
        }
        Self { values }
    }

    /// Adds one tree per group.
    fn add(&mut self, trees: &[Tree], set: &Labelled) {
        let features = set.features.columns().max(1);
        let groups = self.values.par_chunks_mut(set.labels.len().max(1));
        groups.zip(trees).for_each(|(margins, tree)| {
            let rows = set.features.values().par_chunks(features);
            margins.par_iter_mut().zip(rows).with_min_len(1024).for_each(|(margin, row)| {
                *margin += tree.predict(row);
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::grow::GrowPolicy;
    use super::super::objective::Kind;
    use super::super::split::Regularization;
    use super::*;
    use crate::algorithms::Matrix;

    pub fn settings(kind: Kind, rounds: usize) -> Settings {
        let objective = Objective { num_class: 3, ..Objective::new(kind) };
        let metric = objective.default_metric();
        Settings {
            objective,
            growth: Growth {
                policy: GrowPolicy::Depthwise,
                max_depth: 4,
                max_leaves: 0,
                learning_rate: 0.3,
                min_split_loss: 0.0,
                rules: Regularization {
                    lambda: 1.0,
                    alpha: 0.0,
                    min_child_weight: 1.0,
                    max_delta_step: 0.0,
                },
                colsample_bytree: 1.0,
                colsample_bylevel: 1.0,
                colsample_bynode: 1.0,
            },
            rounds,
            subsample: 1.0,
            max_bin: 256,
            base_score: None,
            seed: 0,
            metrics: vec![(metric.to_owned(), Metric::named(metric).unwrap())],
            early_stopping: None,
        }
    }

    /// Rows whose class hangs on two features, with some labels flipped.
    fn data(rows: usize, seed: u64, kind: Kind) -> Labelled {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut values = Vec::new();
        let mut labels = Vec::new();
        for _ in 0..rows {
            let row = [random.f32(), random.f32(), random.f32()];
            let class = u8::from(row[0] > 0.5) + u8::from(row[1] > 0.6);
            labels.push(match kind {
                Kind::SquaredError => row[0] * 3.0 + row[1] + random.f32() * 0.1,
                Kind::Softprob => f32::from(class),
                _ => f32::from((class > 0) ^ (random.u8(..) < 25)),
            });
            values.extend(row);
        }
        Labelled { features: Matrix::new(3, values).unwrap(), labels, weights: Vec::new() }
    }

    fn quiet(_: &Round<'_>) -> Result<ControlFlow<()>, ()> {
        Ok(ControlFlow::Continue(()))
    }

    #[test]
    fn training_scores_are_those_of_the_model_that_comes_out() {
        for (kind, subsample) in
            [(Kind::SquaredError, 1.0), (Kind::BinaryLogistic, 0.6), (Kind::Softprob, 1.0)]
        {
            let train = data(600, 1, kind);
            let validation = data(300, 2, kind);
            let settings = Settings { subsample, ..settings(kind, 12) };
            let mut last = Vec::new();
            let booster = fit(&settings, &train, Some(&validation), None, |round| {
                last = round.scores.to_vec();
                quiet(round)
            })
            .unwrap();
            for ((name, scores), set) in last.iter().zip([&train, &validation]) {
                let margins = Margins::of(&booster, set);
                let measured = measure(&settings, set, &margins);
                assert!((scores[0] - measured[0]).abs() < 1e-6, "{kind:?} {name}");
            }
        }
    }

    #[test]
    fn every_kind_of_problem_is_learnt() {
        for (kind, enough) in
            [(Kind::SquaredError, 0.1), (Kind::BinaryLogistic, 0.45), (Kind::Softprob, 0.1)]
        {
            let mut score = f64::MAX;
            let settings = settings(kind, 40);
            fit(&settings, &data(2000, 1, kind), Some(&data(1000, 2, kind)), None, |round| {
                score = round.scores[1].1[0];
                quiet(round)
            })
            .unwrap();
            assert!(score < enough, "{kind:?}: {score}");
        }
    }

    #[test]
    fn early_stopping_keeps_the_best_round_and_names_it() {
        let (train, validation) =
            (data(200, 1, Kind::BinaryLogistic), data(400, 2, Kind::BinaryLogistic));
        let settings = Settings {
            early_stopping: Some(EarlyStopping { rounds: 3, metric: 0 }),
            ..settings(Kind::BinaryLogistic, 200)
        };
        let mut seen = Vec::new();
        let booster = fit(&settings, &train, Some(&validation), None, |round| {
            seen.push(round.scores[1].1[0]);
            quiet(round)
        })
        .unwrap();
        let best = (0..seen.len()).min_by(|a, b| seen[*a].total_cmp(&seen[*b])).unwrap();
        assert_eq!(seen.len(), best + 4, "three rounds without a better one end it");
        assert_eq!(booster.rounds(), best + 1);
        assert_eq!(booster.attributes["best_iteration"], best.to_string());
    }

    #[test]
    fn a_resumed_model_ends_as_one_never_interrupted() {
        let train = data(500, 1, Kind::Softprob);
        let settings = Settings { subsample: 0.7, ..settings(Kind::Softprob, 10) };
        let whole = fit(&settings, &train, None, None, quiet).unwrap();
        let half = Settings { rounds: 4, ..settings.clone() };
        let half = fit(&half, &train, None, None, quiet).unwrap();
        let resumed = fit(&settings, &train, None, Some(half), quiet).unwrap();
        assert_eq!(resumed.trees.len(), whole.trees.len());
        assert_eq!(resumed, whole);
    }

    #[test]
    fn a_stop_ends_training_after_the_round() {
        let train = data(100, 1, Kind::SquaredError);
        let booster = fit(&settings(Kind::SquaredError, 50), &train, None, None, |round| {
            Ok::<_, ()>(if round.number == 6 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })
        .unwrap();
        assert_eq!(booster.rounds(), 7);
    }

    #[test]
    fn a_weight_of_two_is_a_row_given_twice() {
        let twice = {
            let mut set = data(300, 1, Kind::SquaredError);
            let mut values = set.features.values().to_vec();
            values.extend_from_slice(set.features.values());
            set.features = Matrix::new(3, values).unwrap();
            set.labels.extend_from_within(..);
            set
        };
        let weighted = Labelled { weights: vec![2.0; 300], ..data(300, 1, Kind::SquaredError) };
        let settings = settings(Kind::SquaredError, 5);
        let one = fit(&settings, &twice, None, None, quiet).unwrap().forest();
        let other = fit(&settings, &weighted, None, None, quiet).unwrap().forest();
        let rows = data(50, 9, Kind::SquaredError).features;
        for (a, b) in one.predict(&rows).iter().zip(other.predict(&rows)) {
            assert!((a - b).abs() < 1e-4);
        }
    }
}
