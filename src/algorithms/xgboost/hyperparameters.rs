//! From hyperparameters to what a fit does: defaults, what goes with what, and what is not done here.

use super::constraints;
use super::declared::{Checked, check};
use super::fit::{EarlyStopping, Settings};
use super::grow::{GrowPolicy, Growth};
use super::metric::Metric;
use super::objective::{Kind, Objective};
use super::split::Regularization;
use super::train::CrossValidation;
use super::version::Version;
use crate::algorithms::Failure;
use std::collections::BTreeMap;

/// A training job's hyperparameters, all settled.
#[derive(Clone, Debug)]
pub struct Hyperparameters {
    pub settings: Settings,
    /// Of a job that trains a model for each fold.
    pub cross_validation: Option<CrossValidation>,
    /// Whether the csv column behind the label is the row's weight.
    pub csv_weights: bool,
    /// Threads asked for.
    pub threads: Option<usize>,
    /// What the log is to say of values that do not do what their names promise.
    pub notes: Vec<String>,
}

impl Hyperparameters {
    /// Reads them as the container would; what it takes and this crate does not do is refused.
    pub fn read(version: Version, given: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let checked = check(version, given)?;
        let objective = objective(&checked)?;
        refuse_undone(&checked)?;
        let parallel_trees = checked.count("num_parallel_tree").unwrap_or(1);
        if parallel_trees > 1 && objective.refits_leaves() {
            return Err(Failure::client(
                "Boosting random forest is not supported for current objective. (num_parallel_tree with \
                 reg:absoluteerror)",
            ));
        }
        let settings = Settings {
            objective,
            growth: growth(&checked)?,
            rounds: checked.count("num_round").unwrap_or(0),
            parallel_trees,
            subsample: checked.number("subsample").unwrap_or(1.0) as f32,
            max_bin: max_bin(&checked)?,
            base_score: base_score(version, &checked, &objective)?,
            seed: checked.number("seed").unwrap_or(0.0) as i64 as u64,
            metrics: metrics(version, &checked, &objective)?,
            early_stopping: None,
        };
        let early_stopping = early_stopping(&checked, &settings);
        Ok(Self {
            settings: Settings { early_stopping, ..settings },
            cross_validation: checked.count("_kfold").map(|folds| CrossValidation {
                folds,
                repeats: checked.count("_num_cv_round").unwrap_or(1),
            }),
            csv_weights: checked.text("csv_weights") == Some("1"),
            threads: checked.count("nthread"),
            notes: notes(version, &checked),
        })
    }
}

fn objective(checked: &Checked) -> Result<Objective, Failure> {
    let name = checked.text("objective").unwrap_or("reg:squarederror");
    let kind = Kind::named(name).filter(|kind| kind.trains()).ok_or_else(|| {
        Failure::client(format!(
            "Hyperparameter objective: {name} is not implemented in Sagebrush's own xgboost. These are: \
             reg:squarederror, reg:squaredlogerror, reg:absoluteerror, reg:pseudohubererror, reg:logistic, \
             reg:gamma, reg:tweedie, count:poisson, binary:logistic, binary:logitraw, binary:hinge, multi:softmax, \
             multi:softprob, rank:pairwise, rank:ndcg, rank:map."
        ))
    })?;
    let number = |name, default: f32| checked.number(name).map_or(default, |value| value as f32);
    let plain = Objective::new(kind);
    let mut objective = Objective {
        scale_pos_weight: number("scale_pos_weight", 1.0),
        tweedie_variance_power: number("tweedie_variance_power", plain.tweedie_variance_power),
        ..plain
    };
    if kind == Kind::Poisson {
        objective.max_delta_step = number("max_delta_step", plain.max_delta_step);
    }
    match (objective.is_multiclass(), checked.count("num_class")) {
        (true, None) => {
            Err(Failure::client("Require input for parameter 'num_class' for multi-classification"))
        }
        (true, Some(classes)) if classes > 1 << 16 => Err(Failure::client(format!(
            "Hyperparameter num_class: {classes} classes are more than the 65536 that fit here."
        ))),
        (true, Some(classes)) => Ok(Objective { num_class: classes, ..objective }),
        (false, Some(_)) => Err(Failure::client(
            "Do not need to setup parameter 'num_class' for learning task other than multi-classification.",
        )),
        (false, None) => Ok(objective),
    }
}

/// Refuses what the container accepts, but what would not be done if it were accepted here.
fn refuse_undone(checked: &Checked) -> Result<(), Failure> {
    let undone = |name: &str, value: &str, advice: &str| {
        Err(Failure::client(format!(
            "Hyperparameter {name}: {value} is not implemented in Sagebrush's own xgboost. {advice}"
        )))
    };
    let only = [
        ("booster", "gbtree", "Use gbtree or remove it."),
        ("process_type", "default", "Remove it: trees are grown, not updated."),
        ("sampling_method", "uniform", "Use uniform or remove it."),
        ("dsplit", "row", "Remove it: data is not split by columns."),
        ("use_dask_gpu_training", "false", "Remove it: trees are grown on the CPU."),
    ];
    for (name, done, advice) in only {
        if let Some(value) = checked.text(name).filter(|value| *value != done) {
            return undone(name, value, advice);
        }
    }
    match checked.text("updater") {
        None => Ok(()),
        Some(value) => {
            undone("updater", value, "Remove it: trees are grown by grow_quantile_histmaker.")
        }
    }
}

fn growth(checked: &Checked) -> Result<Growth, Failure> {
    let number = |name, default: f64| checked.number(name).unwrap_or(default);
    let share = |name| checked.number(name).unwrap_or(1.0) as f32;
    let count = |name, default: u32| {
        checked.count(name).map_or(default, |count| u32::try_from(count).unwrap_or(u32::MAX))
    };
    let poisson = checked.text("objective") == Some("count:poisson");
    Ok(Growth {
        policy: match checked.text("grow_policy") {
            Some("lossguide") => GrowPolicy::Lossguide,
            _ => GrowPolicy::Depthwise,
        },
        max_depth: count("max_depth", 6),
        max_leaves: count("max_leaves", 0),
        learning_rate: number("eta", 0.3) as f32,
        min_split_loss: number("gamma", 0.0) as f32,
        rules: Regularization {
            lambda: f64::from(number("lambda", 1.0) as f32),
            alpha: f64::from(number("alpha", 0.0) as f32),
            min_child_weight: f64::from(number("min_child_weight", 1.0) as f32),
            max_delta_step: f64::from(
                number("max_delta_step", if poisson { 0.7 } else { 0.0 }) as f32
            ),
        },
        colsample_bytree: share("colsample_bytree"),
        colsample_bylevel: share("colsample_bylevel"),
        colsample_bynode: share("colsample_bynode"),
        monotone: constraints::monotone(checked)?,
        interactions: constraints::interactions(checked)?,
    })
}

fn max_bin(checked: &Checked) -> Result<usize, Failure> {
    match checked.count("max_bin").unwrap_or(256) {
        bins @ 0..2 => Err(Failure::client(format!(
            "value {bins} for Parameter max_bin should be greater equal to 2"
        ))),
        bins if bins > 1 << 16 => Err(Failure::client(format!(
            "Hyperparameter max_bin: {bins} bins are more than the 65536 that fit here."
        ))),
        bins => Ok(bins),
    }
}

fn base_score(
    version: Version,
    checked: &Checked,
    objective: &Objective,
) -> Result<Option<f32>, Failure> {
    let score = checked.number("base_score").map(|score| score as f32);
    if let Some(score) = score {
        objective.check_base_score(score)?;
    }
    let score = score.or_else(|| version.base_score(objective.kind));
    // Before 1.3 this objective started from a probability, as its sibling without `raw` does.
    let logit = objective.kind == Kind::LogitRaw && version.library() < (1, 3);
    let sibling = Objective::new(Kind::BinaryLogistic);
    Ok(if logit { score.map(|score| sibling.margin_of(score)) } else { score })
}

/// The metrics to log: those named and the tuning job's, or the objective's own.
fn metrics(
    version: Version,
    checked: &Checked,
    objective: &Objective,
) -> Result<Vec<(String, Metric)>, Failure> {
    let mut names: Vec<String> = checked
        .list("eval_metric")
        .unwrap_or_default()
        .into_iter()
        .map(|name| name.split('@').map(str::trim).collect::<Vec<_>>().join("@"))
        .collect();
    if let Some(tuned) = tuned(checked) {
        names.push(tuned.to_owned());
        names.sort_unstable();
    }
    let mut metrics: Vec<(String, Metric)> = Vec::new();
    for name in names {
        let metric = metric(&name, objective)?;
        if metrics.iter().all(|(known, _)| *known != metric.0) {
            metrics.push(metric);
        }
    }
    // The library's own metric is logged, and first, unless another of the library's is named.
    if metrics.iter().all(|(_, metric)| metric.is_custom(version)) {
        let usual = metric(objective.default_metric(), objective)?;
        metrics.retain(|(name, _)| *name != usual.0);
        metrics.insert(0, usual);
    }
    Ok(metrics)
}

fn metric(name: &str, objective: &Objective) -> Result<(String, Metric), Failure> {
    let metric = Metric::named(name).ok_or_else(|| {
        Failure::client(format!(
            "Hyperparameter eval_metric: {name} is not implemented in Sagebrush's own xgboost."
        ))
    })?;
    let classifies = objective.kind.name().starts_with("binary:") || objective.kind.ranks();
    if metric == Metric::Auc && !classifies {
        return Err(Failure::client(
            "Metric 'auc' can only be applied for classification and ranking problems.",
        ));
    }
    if let Some(why) = metric.mismatch(objective) {
        return Err(Failure::client(format!(
            "Hyperparameter eval_metric: {name} does not go with {}: {why}.",
            objective.kind.name()
        )));
    }
    let name = match metric {
        // The library names it with its power.
        Metric::TweedieNloglik => format!("{name}@{}", objective.tweedie_variance_power),
        // And this one with its threshold where it is another than usual.
        Metric::Error(0.5) => "error".to_owned(),
        Metric::Error(threshold) => format!("error@{threshold}"),
        _ => name.to_owned(),
    };
    Ok((name, metric))
}

fn tuned(checked: &Checked) -> Option<&str> {
    checked.text("_tuning_objective_metric")?.strip_prefix("validation:")
}

/// The tuning job's metric is watched, or else the last that was named; none is when none was named.
fn early_stopping(checked: &Checked, settings: &Settings) -> Option<EarlyStopping> {
    let rounds = checked.count("early_stopping_rounds")?;
    let named = tuned(checked).or_else(|| checked.list("eval_metric")?.last().copied())?;
    let place = settings
        .metrics
        .iter()
        .position(|(known, metric)| known == named || Metric::named(named) == Some(*metric));
    let metric = place.unwrap_or(settings.metrics.len().saturating_sub(1));
    // The container looks the whole name up: with an @ it is none of those it would maximise.
    let maximize = !named.contains('@') && settings.metrics[metric].1.is_maximized();
    Some(EarlyStopping { rounds, metric, maximize })
}

/// One sentence for each value that does not do what its name says.
fn notes(version: Version, checked: &Checked) -> Vec<String> {
    let mut notes = Vec::new();
    let ranks = checked.text("objective").is_some_and(|objective| objective.starts_with("rank:"));
    if ranks && version.library() < (2, 0) {
        notes.push(
            "rows are ranked and scored as XGBoost 2.0 and later do it; the library of this image pairs them at \
             random and scores map over the whole query"
                .to_owned(),
        );
    }
    if let Some(metric) = tuned(checked) {
        notes.push(format!("Setting up HPO optimized metric to be : {metric}"));
    }
    match checked.text("tree_method") {
        Some(method @ ("exact" | "approx")) => notes.push(format!(
            "tree_method={method}: the histogram method (hist) runs here instead; it is as good, but not the same"
        )),
        Some("gpu_hist") => {
            notes.push("tree_method=gpu_hist: hist runs here, on the CPU".to_owned());
        }
        _ => {}
    }
    let names_metric = checked.text("eval_metric").is_some() || tuned(checked).is_some();
    if checked.text("early_stopping_rounds").is_some() && !names_metric {
        notes.push(
            "early_stopping_rounds has no effect: neither eval_metric nor a tuning job names the metric to watch"
                .to_owned(),
        );
    }
    if checked.text("_num_cv_round").is_some() && checked.text("_kfold").is_none() {
        notes.push("_num_cv_round has no effect: it belongs to _kfold".to_owned());
    }
    if checked.text("interaction_constraints").is_some() {
        notes.push(
            "interaction_constraints hold, columns counted from 0; in AWS's containers from 1.7-1 on they end the \
             training (Constrained features are not a subset of training data feature names)"
                .to_owned(),
        );
    }
    if checked.text("predictor") == Some("gpu_predictor") {
        notes.push("predictor=gpu_predictor: predictions are made on the CPU here".to_owned());
    }
    let without_effect = [
        ("silent", "the log says the same at every verbosity"),
        ("verbosity", "the log says the same at every verbosity"),
        ("sketch_eps", "quantiles follow max_bin"),
        ("refresh_leaf", "it belongs to the updater refresh"),
        ("sample_type", "it belongs to booster dart"),
        ("normalize_type", "it belongs to booster dart"),
        ("rate_drop", "it belongs to booster dart"),
        ("one_drop", "it belongs to booster dart"),
        ("skip_drop", "it belongs to booster dart"),
        ("lambda_bias", "it belongs to booster gblinear"),
        ("aft_loss_distribution", "it belongs to objective survival:aft"),
        ("aft_loss_distribution_scale", "it belongs to objective survival:aft"),
        ("single_precision_histogram", "histograms are always in double precision"),
        ("deterministic_histogram", "histograms are always deterministic"),
        ("prob_buffer_row", "the library has dropped it"),
        ("save_model_on_termination", "the model so far is always kept when training is stopped"),
    ];
    for (name, why) in without_effect {
        if checked.text(name).is_some() {
            notes.push(format!("{name} has no effect: {why}"));
        }
    }
    if checked.text("tweedie_variance_power").is_some()
        && checked.text("objective") != Some("reg:tweedie")
    {
        notes.push(
            "tweedie_variance_power has no effect: it belongs to objective reg:tweedie".to_owned(),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn read(pairs: &[(&str, &str)]) -> Result<Hyperparameters, Failure> {
        let mut given: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        given.entry("num_round".to_owned()).or_insert_with(|| "5".to_owned());
        Hyperparameters::read(Version::NEWEST, &given)
    }

    #[test]
    fn defaults_are_the_librarys() {
        let Hyperparameters { settings, csv_weights, notes, .. } = read(&[]).unwrap();
        assert_eq!(settings.objective.kind, Kind::SquaredError);
        assert_eq!((settings.growth.max_depth, settings.growth.learning_rate), (6, 0.3));
        assert_eq!(
            (settings.growth.rules.lambda, settings.growth.rules.min_child_weight),
            (1.0, 1.0)
        );
        assert_eq!((settings.max_bin, settings.base_score), (256, None));
        assert_eq!(settings.metrics, [("rmse".to_owned(), Metric::Rmse)]);
        assert!(!csv_weights && notes.is_empty());
    }

    #[rstest]
    #[case(&[("objective", "multi:softmax")], "Require input for parameter 'num_class' for multi-classification")]
    #[case(&[("objective", "binary:logistic"), ("num_class", "2")], "Do not need to setup parameter 'num_class'")]
    #[case(&[("objective", "survival:cox")], "objective: survival:cox is not implemented")]
    #[case(&[("booster", "dart")], "booster: dart is not implemented")]
    #[case(&[("monotone_constraints", "(1,0)")], "monotone_constraints can be used only when the tree_method")]
    #[case(&[("objective", "reg:absoluteerror"), ("num_parallel_tree", "2")], "Boosting random forest is not supported")]
    #[case(&[("max_bin", "1")], "max_bin should be greater equal to 2")]
    #[case(&[("eval_metric", "auc")], "Metric 'auc' can only be applied for classification")]
    #[case(&[("eval_metric", "mlogloss")], "mlogloss does not go with reg:squarederror")]
    #[case(&[("eval_metric", "ndcg@0")], "ndcg@0 is not implemented")]
    #[case(&[("eval_metric", "cox-nloglik")], "cox-nloglik is not implemented")]
    #[case(&[("objective", "binary:logistic"), ("base_score", "1")], "base_score must be in (0,1) for logistic loss")]
    fn what_does_not_go_together_or_is_not_done_is_refused(
        #[case] given: &[(&str, &str)],
        #[case] text: &str,
    ) {
        let failure = read(given).unwrap_err().to_string();
        assert!(failure.starts_with("ClientError: ") && failure.contains(text), "{failure}");
    }

    #[test]
    fn the_tuning_jobs_metric_joins_the_others_and_is_watched() {
        let settings = read(&[
            ("eval_metric", "rmse,mae"),
            ("_tuning_objective_metric", "validation:mae"),
            ("early_stopping_rounds", "4"),
        ])
        .unwrap()
        .settings;
        let names: Vec<&str> = settings.metrics.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["rmse", "mae"]);
        assert_eq!(
            settings.early_stopping,
            Some(EarlyStopping { rounds: 4, metric: 1, maximize: false })
        );
    }

    #[test]
    fn the_last_metric_is_watched_when_nothing_is_tuned() {
        let settings =
            read(&[("eval_metric", "rmse, mae"), ("early_stopping_rounds", "4")]).unwrap().settings;
        assert_eq!(
            settings.early_stopping,
            Some(EarlyStopping { rounds: 4, metric: 1, maximize: false })
        );
    }

    #[test]
    fn an_older_image_says_that_it_ranks_as_later_ones() {
        let given = [("objective", "rank:ndcg"), ("num_round", "5")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let notes = |tag: &str| {
            let version = Version::of_image(&format!("sagemaker-xgboost:{tag}"));
            Hyperparameters::read(version, &given).unwrap().notes
        };
        assert!(notes("1.7-1")[0].contains("as XGBoost 2.0 and later"));
        assert!(notes("3.0-5").is_empty());
    }

    #[test]
    fn nothing_is_watched_when_no_metric_is_named_and_that_is_said() {
        let read = read(&[("early_stopping_rounds", "4")]).unwrap();
        assert_eq!(read.settings.early_stopping, None);
        assert!(read.notes[0].contains("early_stopping_rounds has no effect"), "{:?}", read.notes);
    }

    #[test]
    fn the_librarys_metric_stands_before_the_containers_own() {
        let settings = read(&[("objective", "binary:logistic"), ("eval_metric", "accuracy")])
            .unwrap()
            .settings;
        let names: Vec<&str> = settings.metrics.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["logloss", "accuracy"]);
    }

    #[rstest]
    #[case("mae", "rmse mae", "mae")]
    #[case("error@0.50,error@.3", "error error@0.3", "error error@0.3")]
    fn metrics_are_logged_as_the_release_logs_them(
        #[case] given: &str,
        #[case] newest: &str,
        #[case] oldest: &str,
    ) {
        let objective =
            if given.contains("error") { "binary:logistic" } else { "reg:squarederror" };
        let given = [("num_round", "5"), ("objective", objective), ("eval_metric", given)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (image, names) in [("sagemaker-xgboost", newest), ("sagemaker-xgboost:1.0-1", oldest)] {
            let read = Hyperparameters::read(Version::of_image(image), &given.clone().into());
            let metrics = read.unwrap().settings.metrics;
            let logged: Vec<&str> = metrics.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(logged.join(" "), names);
        }
    }

    #[test]
    fn what_has_no_effect_is_said() {
        let notes = read(&[("tree_method", "exact"), ("rate_drop", "0.5")]).unwrap().notes;
        assert!(notes[0].contains("histogram method (hist) runs here"));
        assert!(notes[1].contains("rate_drop has no effect"));
    }

    #[test]
    fn before_version_2_training_starts_from_one_half() {
        let given = BTreeMap::from([("num_round".to_owned(), "5".to_owned())]);
        let start = |tag: &str| {
            let version = Version::of_image(&format!("sagemaker-xgboost:{tag}"));
            Hyperparameters::read(version, &given).unwrap().settings.base_score
        };
        assert_eq!([start("1.7-1"), start("3.0-5")], [Some(0.5), None]);
    }
}
