//! The hyperparameters of SageMaker's XGBoost container: which there are, what they may be, and the
//! words in which it refuses any other.

use super::version::Version;
use crate::algorithms::Failure;
use std::collections::BTreeMap;

/// A hyperparameter's form and range.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    Integer(Interval),
    Continuous(Interval),
    Categorical(&'static [&'static str]),
    /// Values that came with one release after the other.
    Since(&'static [(Version, &'static [&'static str])]),
    /// Tree updaters, separated by commas.
    Updaters,
    /// Metric names, separated by commas.
    Metrics,
    /// A metric name behind `validation:`.
    Objective,
    /// Anything; what is made of it is decided where it is used.
    Text,
}

/// From the lower to the upper bound, each with whether it belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    low: f64,
    with_low: bool,
    high: f64,
    with_high: bool,
}

const fn from(low: f64) -> Interval {
    Interval { low, with_low: true, high: f64::INFINITY, with_high: false }
}

const fn above(low: f64) -> Interval {
    Interval { low, with_low: false, high: f64::INFINITY, with_high: false }
}

impl Interval {
    const fn to(self, high: f64) -> Self {
        Self { high, with_high: true, ..self }
    }

    const fn below(self, high: f64) -> Self {
        Self { high, with_high: false, ..self }
    }

    fn contains(&self, value: f64) -> bool {
        let above = if self.with_low { value >= self.low } else { value > self.low };
        let below = if self.with_high { value <= self.high } else { value < self.high };
        above && (below || (self.high.is_infinite() && value.is_infinite()))
    }

    /// As the container writes it: `[0, 1]`, `(0, +inf)`.
    fn text(&self) -> String {
        let open = if self.with_low { '[' } else { '(' };
        let close = if self.with_high { ']' } else { ')' };
        if self.high.is_infinite() {
            format!("{open}{}, +inf)", self.low)
        } else {
            format!("{open}{}, {}{close}", self.low, self.high)
        }
    }
}

use Rule::{Categorical, Continuous, Integer, Since, Text};

const FLAG: Rule = Integer(from(0.0).to(1.0));
const TRUTH: Rule = Categorical(&["true", "false"]);
const SHARE: Rule = Continuous(above(0.0).to(1.0));

/// Releases with which something came or went.
const R0_72: Version = Version::FIRST;
const R0_90: Version = Version::new(0, 90, 1);
const R0_90_2: Version = Version::new(0, 90, 2);
const R1_0: Version = Version::new(1, 0, 1);
const R1_2: Version = Version::new(1, 2, 1);
const R1_2_2: Version = Version::new(1, 2, 2);
const R1_3: Version = Version::new(1, 3, 1);
const R1_5: Version = Version::new(1, 5, 1);
const R1_7: Version = Version::new(1, 7, 1);

/// Hyperparameters that some release was the first to know.
const CAME: &[(&str, Version)] = &[
    ("verbosity", R0_90),
    ("colsample_bynode", R0_90),
    ("num_parallel_tree", R0_90_2),
    ("monotone_constraints", R1_0),
    ("interaction_constraints", R1_0),
    ("save_model_on_termination", R1_0),
    ("aft_loss_distribution", R1_2),
    ("aft_loss_distribution_scale", R1_2),
    ("single_precision_histogram", R1_2),
    ("deterministic_histogram", R1_2),
    ("_kfold", R1_2_2),
    ("_num_cv_round", R1_2_2),
    ("sampling_method", R1_3),
    ("prob_buffer_row", R1_3),
    ("use_dask_gpu_training", R1_5),
];

/// Hyperparameters that some release knew no more.
const WENT: &[(&str, Version)] = &[("silent", R1_2), ("single_precision_histogram", R1_7)];

/// Whether the release knows the hyperparameter.
fn knows(version: Version, name: &str) -> bool {
    let of = |list: &[(&str, Version)]| {
        list.iter().find(|(known, _)| *known == name).map(|(_, release)| *release)
    };
    of(CAME).is_none_or(|came| version >= came) && of(WENT).is_none_or(|went| version < went)
}

/// Every hyperparameter that some release of the container knows.
const DECLARED: &[(&str, Rule)] = &[
    ("num_round", Integer(from(1.0))),
    ("csv_weights", FLAG),
    ("early_stopping_rounds", Integer(from(1.0))),
    ("booster", Categorical(&["gbtree", "gblinear", "dart"])),
    ("silent", FLAG),
    ("verbosity", Integer(from(0.0).to(3.0))),
    ("nthread", Integer(from(1.0))),
    ("eta", Continuous(from(0.0).to(1.0))),
    ("gamma", Continuous(from(0.0))),
    ("max_depth", Integer(from(0.0))),
    ("min_child_weight", Continuous(from(0.0))),
    ("max_delta_step", Continuous(from(0.0))),
    ("subsample", SHARE),
    ("colsample_bytree", SHARE),
    ("colsample_bylevel", SHARE),
    ("colsample_bynode", SHARE),
    ("lambda", Continuous(from(0.0))),
    ("alpha", Continuous(from(0.0))),
    ("tree_method", Since(&[(R0_72, &["auto", "exact", "approx", "hist"]), (R1_2, &["gpu_hist"])])),
    ("sketch_eps", Continuous(above(0.0).below(1.0))),
    ("scale_pos_weight", Continuous(above(0.0))),
    ("updater", Rule::Updaters),
    ("dsplit", Categorical(&["row", "col"])),
    ("refresh_leaf", FLAG),
    ("process_type", Categorical(&["default", "update"])),
    ("grow_policy", Categorical(&["depthwise", "lossguide"])),
    ("max_leaves", Integer(from(0.0))),
    ("max_bin", Integer(from(0.0))),
    ("predictor", Since(&[(R0_72, &["cpu_predictor"]), (R1_2, &["auto", "gpu_predictor"])])),
    ("monotone_constraints", Text),
    ("interaction_constraints", Text),
    ("sample_type", Categorical(&["uniform", "weighted"])),
    ("normalize_type", Categorical(&["tree", "forest"])),
    ("rate_drop", Continuous(from(0.0).to(1.0))),
    ("one_drop", FLAG),
    ("skip_drop", Continuous(from(0.0).to(1.0))),
    ("lambda_bias", Continuous(from(0.0).to(1.0))),
    ("tweedie_variance_power", Continuous(above(1.0).below(2.0))),
    (
        "objective",
        Since(&[
            (
                R0_72,
                &[
                    "binary:logistic",
                    "binary:logitraw",
                    "binary:hinge",
                    "count:poisson",
                    "multi:softmax",
                    "multi:softprob",
                    "rank:pairwise",
                    "rank:ndcg",
                    "rank:map",
                    "reg:linear",
                    "reg:squarederror",
                    "reg:logistic",
                    "reg:gamma",
                    "reg:tweedie",
                    "survival:cox",
                ],
            ),
            (R1_0, &["reg:squaredlogerror"]),
            (R1_2, &["aft_loss_distribution", "reg:pseudohubererror", "survival:aft"]),
            (R1_7, &["reg:absoluteerror"]),
        ]),
    ),
    ("num_class", Integer(from(2.0))),
    ("base_score", Continuous(from(0.0))),
    ("_kfold", Integer(from(2.0))),
    ("_num_cv_round", Integer(from(1.0))),
    ("_tuning_objective_metric", Rule::Objective),
    ("eval_metric", Rule::Metrics),
    ("seed", Integer(above(-2_147_483_648.0).below(2_147_483_647.0))),
    ("num_parallel_tree", Integer(from(1.0))),
    ("save_model_on_termination", TRUTH),
    ("aft_loss_distribution", Categorical(&["normal", "logistic", "extreme"])),
    ("aft_loss_distribution_scale", Continuous(from(0.0))),
    ("single_precision_histogram", TRUTH),
    ("deterministic_histogram", TRUTH),
    ("sampling_method", Categorical(&["uniform", "gradient_based"])),
    ("prob_buffer_row", Integer(above(1.0))),
    ("use_dask_gpu_training", TRUTH),
];

const ALIASES: &[(&str, &str)] = &[
    ("learning_rate", "eta"),
    ("min_split_loss", "gamma"),
    ("reg_lambda", "lambda"),
    ("reg_alpha", "alpha"),
];

/// The tree updaters that one may name; `grow_local_histmaker` went with 1.7.
const UPDATERS: &[&str] = &[
    "grow_colmaker",
    "distcol",
    "grow_histmaker",
    "grow_local_histmaker",
    "grow_skmaker",
    "sync",
    "refresh",
    "prune",
    "shotgun",
    "coord_descent",
];

fn updaters(version: Version) -> Vec<&'static str> {
    let went = |name: &str| name == "grow_local_histmaker" && version >= R1_7;
    UPDATERS.iter().copied().filter(|name| !went(name)).collect()
}

/// Metrics that came after the first release.
const METRICS_CAME: &[(Version, &[&str])] = &[
    (R1_0, &["rmsle"]),
    (R1_2, &["r2", "aft-nloglik", "interval-regression-accuracy", "mphe"]),
    (R1_2_2, &["f1_binary", "f1_macro"]),
    (
        R1_3,
        &[
            "balanced_accuracy",
            "precision",
            "recall",
            "precision_macro",
            "precision_micro",
            "recall_macro",
            "recall_micro",
            "mape",
        ],
    ),
];

/// The metrics that the release takes.
fn metrics(version: Version) -> Vec<&'static str> {
    let came = |name: &&str| {
        let release = METRICS_CAME.iter().find(|(_, names)| names.contains(name));
        release.is_none_or(|(release, _)| version >= *release)
    };
    METRICS.iter().copied().filter(came).collect()
}

/// The metrics that containers take from 1.3 on.
pub const METRICS: &[&str] = &[
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "map",
    "ndcg",
    "precision",
    "r2",
    "recall",
    "precision_macro",
    "precision_micro",
    "recall_macro",
    "recall_micro",
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
];

/// Hyperparameters under their main names, each of its declared form and within its range.
#[derive(Clone, Debug, Default)]
pub struct Checked(BTreeMap<&'static str, String>);

impl Checked {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A number, known to be one.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.parse().ok()
    }

    /// A count, known to be one. What exceeds it is as good as the most.
    pub fn count(&self, name: &str) -> Option<usize> {
        self.number(name).map(|number| number as usize)
    }

    /// The entries of a list, without their blanks.
    pub fn list(&self, name: &str) -> Option<Vec<&str>> {
        self.text(name).map(|text| text.split(',').map(str::trim).collect())
    }
}

/// Checks what was given as the container does: what is required is there, everything is known, of
/// the right form and in range.
pub fn check(version: Version, given: &BTreeMap<String, String>) -> Result<Checked, Failure> {
    let mut checked = BTreeMap::new();
    for (name, value) in given {
        let alias = ALIASES.iter().find(|(alias, _)| alias == name).map(|(_, main)| *main);
        let main = alias.filter(|_| version >= R0_90_2).unwrap_or(name);
        let known = DECLARED.iter().find(|(declared, _)| *declared == main);
        let Some((declared, _)) = known.filter(|(name, _)| knows(version, name)) else {
            return Err(Failure::client(format!("Extraneous hyperparameter found: {name}")));
        };
        if checked.insert(*declared, value.trim().to_owned()).is_some() {
            return Err(Failure::client(format!(
                "Hyperparameter {main}: given twice, also by its alias. Keep one of them."
            )));
        }
    }
    if !checked.contains_key("num_round") {
        return Err(Failure::client("Missing required hyperparameter: num_round"));
    }
    for (name, rule) in DECLARED {
        if let Some(value) = checked.get_mut(name) {
            check_one(version, name, rule, value)?;
        }
    }
    Ok(Checked(checked))
}

fn check_one(version: Version, name: &str, rule: &Rule, value: &mut String) -> Result<(), Failure> {
    let unreadable = || {
        Failure::client(format!(
            "Hyperparameter {name}: could not parse value (caused by ValueError)"
        ))
    };
    let outside = |value: &str, range: &str| {
        Failure::client(format!("Hyperparameter {name}: {value} is not in {range}"))
    };
    match rule {
        Integer(interval) => {
            let number: i64 = value.parse().map_err(|_| unreadable())?;
            if !interval.contains(number as f64) {
                return Err(outside(&number.to_string(), &interval.text()));
            }
            *value = number.to_string();
        }
        Continuous(interval) => {
            let number: f64 = value.parse().map_err(|_| unreadable())?;
            if !interval.contains(number) {
                return Err(outside(&format!("{number:?}"), &interval.text()));
            }
        }
        Categorical(choices) if !choices.contains(&value.as_str()) => {
            return Err(outside(value, &python_list(choices)));
        }
        Since(choices) => {
            let choices: Vec<&str> = choices
                .iter()
                .filter(|(release, _)| version >= *release)
                .flat_map(|(_, choices)| choices.iter().copied())
                .collect();
            if !choices.contains(&value.as_str()) {
                if value.contains("gpu") {
                    return Err(Failure::client("GPU training is not supported yet."));
                }
                return Err(outside(value, &python_list(&choices)));
            }
        }
        Rule::Updaters => {
            let known = updaters(version);
            let names: Vec<&str> = value.split(',').map(str::trim).collect();
            if !names.iter().all(|updater| known.contains(updater)) {
                return Err(Failure::client(format!(
                    "Hyperparameter {name}: value {} not in range {}",
                    python_list(&names),
                    python_list(&known)
                )));
            }
        }
        Rule::Metrics => {
            let known = metrics(version);
            let names: Vec<&str> = value.split(',').map(str::trim).collect();
            for metric in &names {
                if let Some((base, threshold)) = metric.split_once('@') {
                    check_threshold(metric, base.trim(), threshold.trim())?;
                } else if !known.contains(metric) {
                    return Err(Failure::client(format!(
                        "Hyperparameter {name}: value {} not in range {}",
                        python_list(&names),
                        python_list(&known)
                    )));
                }
            }
        }
        Rule::Objective => {
            let known = metrics(version);
            if !value.strip_prefix("validation:").is_some_and(|metric| known.contains(&metric)) {
                let names: Vec<String> =
                    known.iter().map(|metric| format!("validation:{metric}")).collect();
                return Err(outside(value, &python_list(&names)));
            }
        }
        Categorical(_) | Text => {}
    }
    Ok(())
}

fn check_threshold(metric: &str, base: &str, threshold: &str) -> Result<(), Failure> {
    if !["error", "ndcg", "map"].contains(&base) {
        return Err(Failure::client(format!(
            "Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should \
             be one of these options: 'error', 'ndcg', 'map'."
        )));
    }
    if threshold.parse::<f32>().is_err() {
        return Err(Failure::client(format!(
            "Threshold value 't' in '{base}@t' expects float input."
        )));
    }
    Ok(())
}

/// A list as Python prints one.
fn python_list(texts: &[impl AsRef<str>]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("'{}'", text.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    pub fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut given: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        given.entry("num_round".to_owned()).or_insert_with(|| "5".to_owned());
        given
    }

    #[rstest]
    #[case("num_rounds", "5", "Extraneous hyperparameter found: num_rounds")]
    #[case("num_round", "0", "Hyperparameter num_round: 0 is not in [1, +inf)")]
    #[case(
        "num_round",
        "2.5",
        "Hyperparameter num_round: could not parse value (caused by ValueError)"
    )]
    #[case("eta", "1.5", "Hyperparameter eta: 1.5 is not in [0, 1]")]
    #[case("eta", "fast", "Hyperparameter eta: could not parse value (caused by ValueError)")]
    #[case("subsample", "0", "Hyperparameter subsample: 0.0 is not in (0, 1]")]
    #[case("lambda", "-1", "Hyperparameter lambda: -1.0 is not in [0, +inf)")]
    #[case(
        "tweedie_variance_power",
        "2",
        "Hyperparameter tweedie_variance_power: 2.0 is not in (1, 2)"
    )]
    #[case(
        "booster",
        "tree",
        "Hyperparameter booster: tree is not in ['gbtree', 'gblinear', 'dart']"
    )]
    #[case("eval_metric", "auc@0.5", "Metric 'auc@0.5' is not supported.")]
    #[case("eval_metric", "error@x", "Threshold value 't' in 'error@t' expects float input.")]
    #[case(
        "eval_metric",
        "rmse,speed",
        "Hyperparameter eval_metric: value ['rmse', 'speed'] not in range ['accuracy', 'auc',"
    )]
    #[case(
        "_tuning_objective_metric",
        "train:rmse",
        "train:rmse is not in ['validation:accuracy',"
    )]
    fn refusals_are_in_the_containers_words(
        #[case] name: &str,
        #[case] value: &str,
        #[case] text: &str,
    ) {
        let failure = check(Version::NEWEST, &given(&[(name, value)])).unwrap_err().to_string();
        assert!(failure.contains(text), "{failure}");
    }

    #[test]
    fn rounds_are_required_and_aliases_stand_for_their_names() {
        let failure = check(Version::NEWEST, &BTreeMap::new()).unwrap_err();
        assert_eq!(failure, Failure::client("Missing required hyperparameter: num_round"));
        let checked =
            check(Version::NEWEST, &given(&[("learning_rate", " 0.1 "), ("reg_lambda", "2")]))
                .unwrap();
        assert_eq!(checked.number("eta"), Some(0.1));
        assert_eq!(checked.number("lambda"), Some(2.0));
        assert!(
            check(Version::NEWEST, &given(&[("learning_rate", "0.1"), ("eta", "0.1")])).is_err()
        );
    }

    #[rstest]
    #[case("silent", "1", "0.90-2", "1.2-1")]
    #[case("single_precision_histogram", "true", "1.5-1", "1.7-1")]
    #[case("updater", "grow_local_histmaker,prune", "1.5-1", "1.7-1")]
    #[case("verbosity", "1", "0.90-1", "0.72")]
    #[case("learning_rate", "0.2", "0.90-2", "0.90-1")]
    #[case("monotone_constraints", "(1)", "1.0-1", "0.90-2")]
    #[case("tree_method", "gpu_hist", "1.2-1", "1.0-1")]
    #[case("predictor", "auto", "1.2-1", "1.0-1")]
    #[case("_kfold", "3", "1.2-2", "1.2-1")]
    #[case("sampling_method", "uniform", "1.3-1", "1.2-2")]
    #[case("use_dask_gpu_training", "false", "1.5-1", "1.3-1")]
    #[case("objective", "reg:absoluteerror", "3.0-5", "1.5-1")]
    #[case("objective", "reg:pseudohubererror", "1.2-1", "1.0-1")]
    #[case("eval_metric", "mape", "1.3-1", "1.2-2")]
    #[case("eval_metric", "rmsle", "1.0-1", "0.90-2")]
    #[case("_tuning_objective_metric", "validation:f1_macro", "1.2-2", "1.2-1")]
    fn a_release_takes_what_its_container_takes(
        #[case] name: &str,
        #[case] value: &str,
        #[case] taken: &str,
        #[case] refused: &str,
    ) {
        let given = given(&[(name, value)]);
        let of = |tag: &str| match tag {
            "0.72" => Version::FIRST,
            tag => Version::of_image(&format!("sagemaker-xgboost:{tag}")),
        };
        check(of(taken), &given).unwrap();
        check(of(refused), &given).unwrap_err();
    }

    #[test]
    fn no_release_takes_the_updater_that_it_uses_by_itself() {
        let failure =
            check(Version::NEWEST, &given(&[("updater", "grow_quantile_histmaker")])).unwrap_err();
        assert!(failure.to_string().contains("value ['grow_quantile_histmaker'] not in range"));
    }

    #[test]
    fn every_release_knows_the_metrics_of_its_container() {
        let counts = ["0.90-2", "1.0-1", "1.2-1", "1.2-2", "1.3-1", "3.0-5"]
            .map(|tag| metrics(Version::of_image(&format!("sagemaker-xgboost:{tag}"))).len());
        assert_eq!(counts, [18, 19, 23, 25, 33, 33]);
    }
}
