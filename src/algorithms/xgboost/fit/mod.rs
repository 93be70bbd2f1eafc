//! Boosting: round by round, trees that correct what the model so far gets wrong.

#[cfg(test)]
mod tests;

use super::bins::{Binned, Cuts};
use super::booster::Booster;
use super::grow::{self, Growth, Workspace};
use super::median;
use super::metric::{Metric, Scored};
use super::objective::{Gradient, Objective};
use super::ranking;
use super::tree::Tree;
use crate::algorithms::Failure;
use crate::algorithms::data::Labelled;
use rayon::prelude::*;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

/// What a fit is to do, every value settled.
#[derive(Clone, Debug)]
pub struct Settings {
    pub objective: Objective,
    pub growth: Growth,
    pub rounds: usize,
    /// Trees that a round grows for each group, each with its share of the learning rate.
    pub parallel_trees: usize,
    pub subsample: f32,
    pub max_bin: usize,
    /// `None` to estimate it from the labels.
    pub base_score: Option<f32>,
    pub seed: u64,
    /// By the names they are logged under.
    pub metrics: Vec<(String, Metric)>,
    pub early_stopping: Option<EarlyStopping>,
}

impl Settings {
    /// Refuses labels and weights that the objective or a metric cannot take.
    pub fn check(&self, set: &Labelled) -> Result<(), Failure> {
        self.objective.check_labels(&set.labels)?;
        let ranks = |metric: &Metric| matches!(metric, Metric::Ranking(_));
        if self.objective.kind.ranks() || self.metrics.iter().any(|(_, metric)| ranks(metric)) {
            ranking::check(self.objective.kind, set)?;
        }
        self.metrics.iter().try_for_each(|(_, metric)| metric.check_labels(&set.labels))
    }

    /// Refuses constraints on more features than there are, in the library's words.
    pub fn check_columns(&self, columns: usize) -> Result<(), Failure> {
        if self.growth.monotone.len() > columns {
            return Err(Failure::client(format!(
                "The size of monotone constraint should be less or equal to the number of features. (It is {}, \
                 the data has {columns} features.)",
                self.growth.monotone.len()
            )));
        }
        let beyond = self.growth.interactions.iter().flatten().find(|feature| **feature >= columns);
        match beyond {
            Some(feature) => Err(Failure::client(format!(
                "Hyperparameter interaction_constraints: there is no column {feature}. Columns count from 0, and \
                 the data has {columns}."
            ))),
            None => Ok(()),
        }
    }
}

/// When to end before the last round; it watches the validation data, and does nothing without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyStopping {
    /// Rounds without a better score after which training ends.
    pub rounds: usize,
    /// The place among the metrics of the one that is watched.
    pub metric: usize,
    /// Whether more of it is better.
    pub maximize: bool,
}

/// A round that was finished.
pub struct Round<'a> {
    pub number: usize,
    /// The scores of each data set, in the order of the metrics.
    pub scores: &'a [(&'static str, Vec<f64>)],
    /// The model so far, with the rounds that early stopping will drop.
    pub booster: &'a Booster,
    pub is_last: bool,
}

/// The rows of a fit.
#[derive(Clone, Copy)]
pub struct Sets<'a> {
    pub train: &'a Labelled,
    /// What is scored as `train`, where that is more than the rows that are fitted on.
    pub shown: Option<&'a Labelled>,
    /// What is watched for early stopping.
    pub validation: Option<&'a Labelled>,
}

/// Fits on the training rows, and scores every set after each round. A `resumed` model is boosted further.
///
/// `each_round` is called after each round and may end training. The sets must have passed
/// [`Settings::check`]. With early stopping the model ends with its best round.
pub fn fit<E>(
    settings: &Settings,
    sets: &Sets<'_>,
    resumed: Option<Booster>,
    mut each_round: impl FnMut(&Round<'_>) -> Result<ControlFlow<()>, E>,
) -> Result<Booster, E> {
    let train = sets.train;
    let cuts = Cuts::of(&train.features, &train.weights, settings.max_bin);
    let data = Binned::of(&train.features, cuts);
    let mut booster = resumed.unwrap_or_else(|| start(settings, train));
    let mut margins = Margins::of(&booster, train);
    let others = [("train", sets.shown), ("validation", sets.validation)];
    let others = others.into_iter().filter_map(|(name, set)| Some((name, set?)));
    let mut others: Vec<_> =
        others.map(|(name, set)| (name, set, Margins::of(&booster, set))).collect();
    let mut gradients = vec![[0.0; 2]; margins.values.len()];
    let boosting = Boosting::new(settings, train, &data);
    let mut best = Best::of_resumed(settings, &booster);
    for number in booster.rounds()..settings.rounds {
        let objective = &settings.objective;
        if objective.kind.ranks() {
            ranking::gradients(objective.kind, train, &margins.values, &mut gradients);
        } else {
            objective.gradients(&margins.values, &train.labels, &train.weights, &mut gradients);
        }
        let trees = boosting.round(number, &gradients, &mut margins);
        for (_, set, margins) in &mut others {
            margins.add(&trees, set);
        }
        for (group, trees) in trees.into_iter().enumerate() {
            booster.tree_groups.resize(booster.tree_groups.len() + trees.len(), group);
            booster.trees.extend(trees);
        }
        let mut scores = Vec::new();
        if sets.shown.is_none() {
            scores.push(("train", measure(settings, train, &margins)));
        }
        for (name, set, margins) in &others {
            scores.push((name, measure(settings, set, margins)));
        }
        let stop = match (&settings.early_stopping, sets.validation) {
            (Some(rule), Some(_)) => watch(rule, &scores, number, &mut best, &mut booster),
            _ => false,
        };
        let is_last = stop || number + 1 == settings.rounds;
        let told = each_round(&Round { number, scores: &scores, booster: &booster, is_last })?;
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
    let objective = &settings.objective;
    let estimate = || {
        if objective.kind.ranks() {
            ranking::base_score(objective.kind, train)
        } else {
            objective.estimate_base_score(&train.labels, &train.weights)
        }
    };
    let base_score = settings.base_score.unwrap_or_else(estimate);
    Booster {
        parallel_trees: settings.parallel_trees,
        ..Booster::new(settings.objective, base_score, train.features.columns())
    }
}

/// A group with its gradients and its margins.
type Share<'a> = (usize, (&'a [Gradient], &'a mut [f32]));

/// What every round needs again.
struct Boosting<'a> {
    settings: &'a Settings,
    growth: Growth,
    train: &'a Labelled,
    data: &'a Binned,
    /// As many as trees have grown at once.
    spare: Mutex<Vec<Workspace>>,
}

impl<'a> Boosting<'a> {
    fn new(settings: &'a Settings, train: &'a Labelled, data: &'a Binned) -> Self {
        let growth = Growth {
            learning_rate: settings.growth.learning_rate / settings.parallel_trees as f32,
            ..settings.growth.clone()
        };
        Self { settings, growth, train, data, spare: Mutex::default() }
    }

    /// Grows the round's trees, group by group, and adds them to the margins.
    fn round(
        &self,
        number: usize,
        gradients: &[Gradient],
        margins: &mut Margins,
    ) -> Vec<Vec<Tree>> {
        let rows = self.train.labels.len().max(1);
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let grow = |(group, (gradients, margins)): Share<'_>| -> Vec<Tree> {
            let taken = spare().pop();
            let mut workspace = taken.unwrap_or_else(|| Workspace::new(self.data));
            let one =
                |member| self.tree([number, group, member], gradients, margins, &mut workspace);
            let trees = (0..self.settings.parallel_trees).map(one).collect();
            spare().push(workspace);
            trees
        };
        if self.settings.objective.groups() == 1 {
            return vec![grow((0, (gradients, &mut margins.values)))];
        }
        let shares = gradients.par_chunks(rows).zip(margins.values.par_chunks_mut(rows));
        shares.enumerate().map(grow).collect()
    }

    /// Grows the tree of this round, group and place among the parallel ones.
    fn tree(
        &self,
        [round, group, member]: [usize; 3],
        gradients: &[Gradient],
        margins: &mut [f32],
        workspace: &mut Workspace,
    ) -> Tree {
        let (settings, train) = (self.settings, self.train);
        let place = (member as u64) << 44 ^ ((round as u64) << 20 | group as u64);
        let mut random =
            fastrand::Rng::with_seed(settings.seed ^ place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let sampled = settings.subsample < 1.0;
        if sampled {
            workspace.sample(train.labels.len(), settings.subsample, &mut random);
        } else {
            workspace.take_all(train.labels.len());
        }
        let mut grown = grow::grow(self.data, &self.growth, gradients, workspace, &mut random);
        if settings.objective.refits_leaves() {
            let rate = self.growth.learning_rate;
            grown.refit(|rows| rate * residual_median(train, margins, rows));
        }
        if sampled {
            // Rows that were left out have a margin too.
            let features = train.features.columns();
            let values = train.features.values().par_chunks(features.max(1));
            margins.par_iter_mut().zip(values).with_min_len(1024).for_each(|(margin, row)| {
                *margin += grown.tree.predict(row);
            });
        } else {
            grown.contribute(margins);
        }
        grown.tree
    }
}

/// The median of what the margins of `rows` lack to their labels.
fn residual_median(train: &Labelled, margins: &[f32], rows: &[u32]) -> f32 {
    let pairs = rows.iter().map(|row| {
        let row = *row as usize;
        (train.labels[row] - margins[row], train.weights.get(row).copied())
    });
    median::of_pairs(pairs.collect())
}

fn measure(settings: &Settings, set: &Labelled, margins: &Margins) -> Vec<f64> {
    let scored = Scored {
        objective: &settings.objective,
        margins: &margins.values,
        labels: &set.labels,
        weights: &set.weights,
        queries: &set.queries,
    };
    settings.metrics.par_iter().map(|(_, metric)| metric.evaluate(&scored)).collect()
}

struct Best {
    score: f64,
    round: usize,
}

impl Best {
    /// What an interrupted training had found to be its best round.
    fn of_resumed(settings: &Settings, booster: &Booster) -> Option<Self> {
        settings.early_stopping.as_ref()?;
        let score = booster.attributes.get("best_score")?.parse().ok()?;
        let round = booster.attributes.get("best_iteration")?.parse().ok()?;
        (round < booster.rounds()).then_some(Self { score, round })
    }
}

/// Notes the round's score as the best, or tells that none has been better for long enough.
fn watch(
    rule: &EarlyStopping,
    scores: &[(&'static str, Vec<f64>)],
    round: usize,
    best: &mut Option<Best>,
    booster: &mut Booster,
) -> bool {
    let Some(&score) = scores.last().and_then(|(_, values)| values.get(rule.metric)) else {
        return false;
    };
    let better = best
        .as_ref()
        .is_none_or(|best| if rule.maximize { score > best.score } else { score < best.score });
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
        let forest = booster.forest();
        let mut by_row = vec![0.0; rows * groups];
        let features = set.features.values().par_chunks(set.features.columns().max(1));
        by_row.par_chunks_mut(groups).zip(features).with_min_len(256).for_each(|(margins, row)| {
            forest.margins(row, margins);
        });
        if groups == 1 {
            return Self { values: by_row };
        }
        let mut values = vec![0.0; rows * groups];
        values.par_chunks_mut(rows.max(1)).enumerate().for_each(|(group, values)| {
            for (value, margins) in values.iter_mut().zip(by_row.chunks_exact(groups)) {
                *value = margins[group];
            }
        });
        Self { values }
    }

    /// Adds the trees of each group.
    fn add(&mut self, trees: &[Vec<Tree>], set: &Labelled) {
        let features = set.features.columns().max(1);
        let groups = self.values.par_chunks_mut(set.labels.len().max(1));
        groups.zip(trees).for_each(|(margins, trees)| {
            let rows = set.features.values().par_chunks(features);
            margins.par_iter_mut().zip(rows).with_min_len(1024).for_each(|(margin, row)| {
                for tree in trees {
                    *margin += tree.predict(row);
                }
            });
        });
    }
}
