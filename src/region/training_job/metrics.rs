//! Reads metrics out of a container's lines, by the regular expressions of `MetricDefinitions`.
//!
//! Built-in algorithms bring their own definitions, as the service's do; the caller's come on top
//! (by name), so that a pattern can be tried out without a container of one's own. CloudWatch shows
//! the tabs that XGBoost prints as `#011`, and published patterns are written for that, so a line is
//! tried both ways.

use super::super::view::View;
use super::curve::{self, Point};
use super::monitor::Monitor;
use crate::algorithms::xgboost::METRICS;
use crate::domain::time::Timestamp;
use regex::Regex;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

const NUMBER: &str = "([-+]?[0-9]*\\.?[0-9]+(?:[eE][-+]?[0-9]+)?)";

/// A definition whose pattern does not compile.
#[derive(Debug, thiserror::Error)]
#[error(
    "The regular expression of the metric definition \"{name}\" cannot be used: {why}. \
     Patterns without look-around and back-references work."
)]
pub struct BadPattern {
    pub name: String,
    pub why: String,
}

/// The definitions of one job, compiled.
#[derive(Debug)]
pub struct Definitions(Vec<(String, Regex)>);

impl Definitions {
    /// From the member `MetricDefinitions`; of two with one name the later counts.
    pub fn compile(definitions: &[Value]) -> Result<Self, BadPattern> {
        let mut compiled: Vec<(String, Regex)> = Vec::with_capacity(definitions.len());
        for definition in definitions {
            let name = definition.name("Name").to_owned();
            let regex = Regex::new(definition.name("Regex")).map_err(|error| BadPattern {
                name: name.clone(),
                why: last_line(&error.to_string()),
            })?;
            compiled.retain(|(earlier, _)| *earlier != name);
            compiled.push((name, regex));
        }
        Ok(Self(compiled))
    }

    /// No definitions at all.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `found` with each metric in the line, in the order of the definitions.
    pub fn scan(&self, line: &str, mut found: impl FnMut(&str, f64)) {
        let shown = if line.contains('\t') {
            Cow::Owned(line.replace('\t', "#011"))
        } else {
            Cow::Borrowed(line)
        };
        for (name, regex) in &self.0 {
            if let Some(value) = value(regex, line).or_else(|| value(regex, &shown)) {
                found(name, value);
            }
        }
    }
}

/// The last match's first group (or all of it, when the pattern has no group) as a number.
fn value(regex: &Regex, line: &str) -> Option<f64> {
    regex
        .captures_iter(line)
        .filter_map(|captures| {
            let text = captures.get(1).or_else(|| captures.get(0))?.as_str().trim();
            text.parse::<f64>().ok().filter(|value| value.is_finite())
        })
        .last()
}

fn last_line(text: &str) -> String {
    let last = text.lines().last().unwrap_or(text).trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// The newest value of every metric, gathered while the containers print.
pub struct Gathered {
    definitions: Definitions,
    /// Where every value goes.
    monitor: Arc<Monitor>,
    latest: Mutex<BTreeMap<String, (f64, Timestamp)>>,
}

impl Gathered {
    pub fn new(definitions: Definitions, monitor: Arc<Monitor>) -> Self {
        Self { definitions, monitor, latest: Mutex::new(BTreeMap::new()) }
    }

    pub fn line(&self, line: &str, at: Timestamp) {
        if self.definitions.is_empty() {
            return;
        }
        let mut step = None;
        self.definitions.scan(line, |name, value| {
            let step = *step.get_or_insert_with(|| curve::step_of(line));
            self.monitor.metric(name, Point { at, value, step });
            let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            latest.insert(name.to_owned(), (value, at));
        });
    }

    /// `FinalMetricDataList`; empty when no line held a metric.
    pub fn document(&self) -> Vec<Value> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest
            .iter()
            .map(|(name, (value, at))| {
                json!({"MetricName": name, "Value": value, "Timestamp": at.to_document()})
            })
            .collect()
    }
}

/// The definitions that a job runs with: the built-in algorithm's own (which may hang on the job's
/// hyperparameters), then the caller's.
pub fn effective(algorithm: Option<&str>, parameters: &Value, caller: &[Value]) -> Vec<Value> {
    let mut all = algorithm.map(|name| built_in(name, parameters)).unwrap_or_default();
    for definition in caller {
        all.retain(|own| own.text("Name") != definition.text("Name"));
        all.push(definition.clone());
    }
    all
}

/// What the service defines for its own algorithm.
fn built_in(algorithm: &str, parameters: &Value) -> Vec<Value> {
    match algorithm {
        "xgboost" => xgboost(parameters.name("eval_metric")),
        "linear-learner" => linear_learner(parameters.name("predictor_type")),
        _ => Vec::new(),
    }
}

/// Every metric of the containers, and those with a threshold (`error@0.3`, `ndcg@5`) that the job names.
fn xgboost(eval_metric: &str) -> Vec<Value> {
    let thresholds = eval_metric.split(',').map(str::trim).filter(|name| name.contains('@'));
    let metrics: BTreeSet<&str> = METRICS.iter().copied().chain(thresholds).collect();
    let named = |set: &str, metric: &str| {
        // The library prints this one with the power that it was given.
        let power = if metric == "tweedie-nloglik" { "(?:@[0-9.]+)?" } else { "" };
        json!({
            "Name": format!("{set}:{metric}"),
            "Regex": format!(
                ".*\\[[0-9]+\\].*#011{set}-{}{power}:{NUMBER}.*", regex::escape(metric)
            ),
        })
    };
    ["train", "validation"]
        .into_iter()
        .flat_map(|set| metrics.iter().map(move |metric| named(set, metric)))
        .collect()
}

/// What AWS declares for linear-learner, as far as the predictor's type has it: every one that is
/// declared is printed, for the channels that there are.
fn linear_learner(predictor: &str) -> Vec<Value> {
    /// The end of the metric's name, what its line says, and for which type of predictor.
    const MEASURES: &[(&str, &str, &str)] = &[
        ("mse", "mse <loss>", "regressor"),
        ("absolute_loss", "absolute_loss <loss>", "regressor"),
        ("rmse", "rmse <loss>", "regressor"),
        ("r2", "r2 <score>", "regressor"),
        (
            "binary_classification_accuracy",
            "binary_classification_accuracy <score>",
            "binary_classifier",
        ),
        ("binary_f_beta", "binary_f_\\S+ <score>", "binary_classifier"),
        ("precision", "precision <score>", "binary_classifier"),
        ("recall", "recall <score>", "binary_classifier"),
        ("roc_auc_score", "roc_auc_score <score>", "binary_classifier"),
        ("multiclass_accuracy", "multiclass_accuracy <score>", "multiclass_classifier"),
        (
            "multiclass_top_k_accuracy",
            "multiclass_top_k_accuracy_\\S+ <score>",
            "multiclass_classifier",
        ),
        ("dcg", "dcg <score>", "multiclass_classifier"),
        ("macro_recall", "macro_recall <score>", "multiclass_classifier"),
        ("macro_precision", "macro_precision <score>", "multiclass_classifier"),
        ("macro_f_beta", "macro_f_\\S+ <score>", "multiclass_classifier"),
    ];
    let metric = |name: String, line: String| json!({"Name": name, "Regex": line});
    let quality = |name: String, rest: &str| {
        metric(name, format!("#quality_metric: host=\\S+, {rest}=(\\S+)"))
    };
    let mut all = vec![
        metric("train:progress".into(), "#progress_metric: host=\\S+, completed (\\S+) %".into()),
        metric(
            "train:throughput".into(),
            "#throughput_metric: host=\\S+, train throughput=(\\S+) records/second".into(),
        ),
    ];
    for set in ["train", "validation", "test"] {
        let last = format!("{set} \\S+_objective <loss>");
        if set == "test" {
            // The test set is measured once, at the end.
            all.push(quality(format!("{set}:objective_loss"), &last));
        } else {
            all.push(quality(format!("{set}:objective_loss"), &format!("epoch=\\S+, {last}")));
            all.push(quality(format!("{set}:objective_loss:final"), &last));
        }
        let of_type = MEASURES.iter().filter(|(_, _, of)| predictor.is_empty() || *of == predictor);
        all.extend(
            of_type
                .map(|(name, line, _)| quality(format!("{set}:{name}"), &format!("{set} {line}"))),
        );
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::monitor::Monitors;
    use super::*;
    use proptest::prelude::*;

    fn definitions(pairs: &[(&str, &str)]) -> Definitions {
        let list: Vec<Value> =
            pairs.iter().map(|(name, regex)| json!({"Name": name, "Regex": regex})).collect();
        Definitions::compile(&list).unwrap()
    }

    fn all(definitions: &Definitions, line: &str) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        definitions.scan(line, |name, value| found.push((name.to_owned(), value)));
        found
    }

    #[test]
    fn the_patterns_that_people_write() {
        let cases: &[(&str, &str, Option<f64>)] = &[
            ("Train_loss=(.*?);", "epoch 3 Train_loss=0.138;  Train_acc=0.9;", Some(0.138)),
            ("loss: ([0-9\\.]+)", "step 1 loss: 0.5 - val_loss: 0.25", Some(0.25)),
            ("'eval_loss': ([0-9]+(.|e\\-)[0-9]+),?", "{'eval_loss': 1e-05, 'x': 1}", Some(1e-5)),
            ("accuracy=\\d+", "accuracy=7", None),
            ("\\d+", "42 steps", Some(42.0)),
            ("loss: (.*)", "loss: nan", None),
            ("loss: (.*)", "nothing here", None),
        ];
        for (pattern, line, value) in cases {
            let found = all(&definitions(&[("m", pattern)]), line);
            assert_eq!(found.first().map(|(_, value)| *value), *value, "{pattern} on {line}");
        }
    }

    #[test]
    fn a_tab_reads_as_cloudwatch_shows_it() {
        let own = Definitions::compile(&effective(Some("xgboost"), &Value::Null, &[])).unwrap();
        for line in [
            "[17]\ttrain-rmse:0.25\tvalidation-rmse:1.5e-1",
            "[17]#011train-rmse:0.25#011validation-rmse:1.5e-1",
        ] {
            assert_eq!(
                all(&own, line),
                [("train:rmse".to_owned(), 0.25), ("validation:rmse".to_owned(), 0.15)]
            );
        }
    }

    #[test]
    fn every_metric_of_the_containers_is_declared() {
        let parameters = json!({"eval_metric": "error@0.3, ndcg@5,logloss"});
        let own = Definitions::compile(&effective(Some("xgboost"), &parameters, &[])).unwrap();
        for printed in METRICS.iter().copied().chain(["error@0.3", "ndcg@5"]) {
            let line = format!("[3]#011train-{printed}:0.5#011validation-{printed}:2e-3");
            let read =
                [(format!("train:{printed}"), 0.5), (format!("validation:{printed}"), 0.002)];
            assert_eq!(all(&own, &line), read);
        }
        assert_eq!(
            all(&own, "[3]#011train-tweedie-nloglik@1.3:4.25"),
            [("train:tweedie-nloglik".to_owned(), 4.25)]
        );
    }

    #[test]
    fn the_linear_learner_s_lines() {
        let own =
            Definitions::compile(&effective(Some("linear-learner"), &Value::Null, &[])).unwrap();
        let line = "[10/27/2026 09:00:01 INFO 1] #quality_metric: host=algo-1, validation \
                    multiclass_accuracy <score>=0.9469825155104343";
        assert_eq!(
            all(&own, line),
            [("validation:multiclass_accuracy".to_owned(), 0.946_982_515_510_434_3)]
        );
    }

    #[test]
    fn a_caller_s_definition_replaces_the_one_of_its_name() {
        let mine = json!({"Name": "train:rmse", "Regex": "mine=(\\d+)"});
        let all = effective(Some("xgboost"), &Value::Null, std::slice::from_ref(&mine));
        assert_eq!(all.iter().filter(|own| own.name("Name") == "train:rmse").count(), 1);
        assert_eq!(all.last(), Some(&mine));
    }

    #[test]
    fn what_cannot_be_compiled_is_named() {
        let list = [json!({"Name": "loss", "Regex": "(?=x)"})];
        let error = Definitions::compile(&list).unwrap_err();
        assert_eq!(error.name, "loss");
        assert!(error.to_string().contains("look-around"), "{error}");
    }

    #[test]
    fn the_last_value_counts_with_its_time() {
        let (monitor, _) = Monitors::default().open("j", Timestamp::from_millis(0));
        let gathered = Gathered::new(definitions(&[("loss", "loss=(\\S+)")]), Arc::clone(&monitor));
        gathered.line("loss=3", Timestamp::from_millis(1_000));
        gathered.line("loss=1.5", Timestamp::from_millis(2_500));
        gathered.line("no loss", Timestamp::from_millis(9_000));
        assert_eq!(
            gathered.document(),
            [json!({"MetricName": "loss", "Value": 1.5, "Timestamp": 2.5})]
        );
        let values: Vec<f64> =
            monitor.history().metrics["loss"].points().map(|point| point.value).collect();
        assert_eq!(values, [3.0, 1.5]);
    }

    proptest! {
        #[test]
        fn any_number_that_is_printed_is_read(value in prop::num::f64::NORMAL, before in "[a-z ]{0,9}") {
            let read = all(&definitions(&[("m", "m=(\\S+)")]), &format!("{before} m={value:e} x"));
            prop_assert_eq!(read, vec![("m".to_owned(), value)]);
        }
    }
}
