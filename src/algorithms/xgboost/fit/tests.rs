//! Fits whose outcome is known from the data, the settings or another fit.

use super::*;
use crate::algorithms::Matrix;
use crate::algorithms::xgboost::grow::GrowPolicy;
use crate::algorithms::xgboost::objective::Kind;
use crate::algorithms::xgboost::split::Regularization;
use crate::algorithms::xgboost::tree::{NO_CHILD, NO_PARENT};
use proptest::prelude::*;

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
            monotone: Vec::new(),
            interactions: Vec::new(),
        },
        rounds,
        parallel_trees: 1,
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
    Labelled { features: Matrix::new(3, values).unwrap(), labels, ..Labelled::default() }
}

fn of(train: &Labelled) -> Sets<'_> {
    Sets { train, shown: None, validation: None }
}

fn validated<'a>(train: &'a Labelled, validation: &'a Labelled) -> Sets<'a> {
    Sets { validation: Some(validation), ..of(train) }
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
        let booster = fit(&settings, &validated(&train, &validation), None, |round| {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn predictions_rise_and_fall_with_the_features_that_must(
        seed in 0_u64..1000, lossguide in any::<bool>(), step in prop::sample::select(vec![0.0, 0.4]),
    ) {
        let mut settings = settings(Kind::SquaredError, 10);
        // Against what the data says of the second feature.
        settings.growth.monotone = vec![1, -1];
        settings.growth.rules.max_delta_step = step;
        if lossguide {
            settings.growth.policy = GrowPolicy::Lossguide;
            settings.growth.max_leaves = 12;
        }
        let train = data(300, seed, Kind::SquaredError);
        let forest = fit(&settings, &of(&train), None, quiet).unwrap().forest();
        for row in train.features.iter_rows().take(20) {
            for (feature, direction) in [(0, 1.0), (1, -1.0)] {
                let along = (0..20_u8).flat_map(|place| {
                    let mut row = row.to_vec();
                    row[feature] = f32::from(place) / 20.0;
                    row
                });
                let predictions = forest.predict(&Matrix::new(3, along.collect()).unwrap());
                let steps = predictions.windows(2).map(|pair| direction * (pair[1] - pair[0]));
                prop_assert!(steps.into_iter().all(|step| step >= 0.0), "{predictions:?}");
            }
        }
    }

    #[test]
    fn features_of_no_common_set_never_meet_on_a_path(seed in 0_u64..1000) {
        let mut settings = settings(Kind::SquaredError, 6);
        settings.growth.interactions = vec![vec![0, 2], vec![1, 2]];
        let train = data(400, seed, Kind::SquaredError);
        let booster = fit(&settings, &of(&train), None, quiet).unwrap();
        for tree in &booster.trees {
            for leaf in (0..tree.nodes()).filter(|node| tree.left[*node] == NO_CHILD) {
                let mut met = [false; 3];
                let mut node = tree.parent[leaf];
                while node != NO_PARENT {
                    met[tree.feature[node as usize] as usize] = true;
                    node = tree.parent[node as usize];
                }
                prop_assert!(!(met[0] && met[1]), "{tree:?}");
            }
        }
    }
}

#[test]
fn each_round_of_a_forest_has_its_trees_each_with_a_share_of_the_rate() {
    for kind in [Kind::SquaredError, Kind::Softprob] {
        let train = data(400, 1, kind);
        let one = settings(kind, 2);
        let three = Settings { parallel_trees: 3, ..one.clone() };
        let booster = fit(&three, &of(&train), None, quiet).unwrap();
        let groups = one.objective.groups();
        assert_eq!((booster.rounds(), booster.trees.len()), (2, 2 * 3 * groups));
        let round: Vec<usize> = (0..groups).flat_map(|group| [group; 3]).collect();
        assert_eq!(booster.tree_groups, [round.clone(), round].concat());
        // Without sampling the three are alike, and together as good as the one.
        assert_eq!(booster.trees[0], booster.trees[2]);
        let single = fit(&one, &of(&train), None, quiet).unwrap().forest();
        for (a, b) in
            booster.forest().predict(&train.features).iter().zip(single.predict(&train.features))
        {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        // With sampling they are not.
        let sampled = Settings { subsample: 0.5, ..three };
        let sampled = fit(&sampled, &of(&train), None, quiet).unwrap();
        assert_ne!(sampled.trees[0], sampled.trees[1]);
    }
}

#[test]
fn leaves_of_absolute_error_are_medians_of_what_is_left() {
    let train = data(500, 1, Kind::SquaredError);
    let settings = Settings {
        growth: Growth { learning_rate: 1.0, ..settings(Kind::AbsoluteError, 1).growth },
        ..settings(Kind::AbsoluteError, 1)
    };
    let booster = fit(&settings, &of(&train), None, quiet).unwrap();
    assert_eq!(booster.base_score, [median::median(&train.labels, &[])]);
    let forest = booster.forest();
    let predictions = forest.predict(&train.features);
    // In each leaf as many rows lie above its value as below.
    let mut sides: std::collections::BTreeMap<u32, i32> = Default::default();
    for (label, prediction) in train.labels.iter().zip(&predictions) {
        let off = label - prediction;
        let side = if off.abs() < 1e-6 { 0 } else { off.signum() as i32 };
        *sides.entry(prediction.to_bits()).or_default() += side;
    }
    assert!(sides.len() > 4 && sides.values().all(|side| side.abs() <= 1), "{sides:?}");
}

#[test]
fn every_kind_of_problem_is_learnt() {
    for (kind, enough) in
        [(Kind::SquaredError, 0.1), (Kind::BinaryLogistic, 0.45), (Kind::Softprob, 0.1)]
    {
        let mut score = f64::MAX;
        let settings = settings(kind, 40);
        let (train, validation) = (data(2000, 1, kind), data(1000, 2, kind));
        fit(&settings, &validated(&train, &validation), None, |round| {
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
        early_stopping: Some(EarlyStopping { rounds: 3, metric: 0, maximize: false }),
        ..settings(Kind::BinaryLogistic, 200)
    };
    let mut seen = Vec::new();
    let booster = fit(&settings, &validated(&train, &validation), None, |round| {
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
    let whole = fit(&settings, &of(&train), None, quiet).unwrap();
    let half = Settings { rounds: 4, ..settings.clone() };
    let half = fit(&half, &of(&train), None, quiet).unwrap();
    let resumed = fit(&settings, &of(&train), Some(half), quiet).unwrap();
    assert_eq!(resumed.trees.len(), whole.trees.len());
    assert_eq!(resumed, whole);
}

#[test]
fn a_stop_ends_training_after_the_round() {
    let train = data(100, 1, Kind::SquaredError);
    let booster = fit(&settings(Kind::SquaredError, 50), &of(&train), None, |round| {
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
    let one = fit(&settings, &of(&twice), None, quiet).unwrap().forest();
    let other = fit(&settings, &of(&weighted), None, quiet).unwrap().forest();
    let rows = data(50, 9, Kind::SquaredError).features;
    for (a, b) in one.predict(&rows).iter().zip(other.predict(&rows)) {
        assert!((a - b).abs() < 1e-4);
    }
}
