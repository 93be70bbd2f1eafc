//! What a version is, read out of what the region keeps of it and of the job that trained it:
//! figures, settings, data, images. Pure reading, so that lists and comparisons say the same.

use crate::domain::kind;
use crate::tui::mirror::Mirror;
use crate::tui::mirror::lineage::{containers, text};
use crate::tui::row::Row;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How `evaluate` files its figures.
const EVALUATION: &str = "evaluation.";
/// How many rows it measured on, which is no figure of the model.
const EVALUATION_ROWS: &str = "rows";

/// A figure of a version.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) source: Source,
}

/// Where a figure comes from: figures of different sources are not the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// `evaluate`, on labelled data through a real endpoint.
    Evaluation,
    /// The last value that its training job reported.
    Training,
    /// Some other number among its metadata.
    Metadata,
}

impl Source {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Evaluation => "evaluated",
            Self::Training => "in training",
            Self::Metadata => "metadata",
        }
    }
}

/// Figures, the evaluation's first.
pub(super) fn figures(package: &Row, job: Option<&Row>) -> Vec<Figure> {
    let mut figures = Vec::new();
    let properties = package.body.get("CustomerMetadataProperties").and_then(Value::as_object);
    for (name, value) in properties.into_iter().flatten() {
        let Some(value) = value.as_str().and_then(number) else { continue };
        let (name, source) = match name.strip_prefix(EVALUATION) {
            Some(EVALUATION_ROWS) => continue,
            Some(name) => (name, Source::Evaluation),
            None => (name.as_str(), Source::Metadata),
        };
        figures.push(Figure { name: name.to_owned(), value, source });
    }
    for metric in job.map_or(&[][..], |job| job.list("FinalMetricDataList")) {
        let value = metric.get("Value").and_then(Value::as_f64);
        if let Some(value) = value.filter(|value| value.is_finite()) {
            let name = text(metric, "MetricName").to_owned();
            figures.push(Figure { name, value, source: Source::Training });
        }
    }
    figures.sort_by(|a, b| {
        (a.source, rank(&a.name), &a.name).cmp(&(b.source, rank(&b.name), &b.name))
    });
    figures
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// What people look at first.
fn rank(name: &str) -> u8 {
    match stem(name) {
        "accuracy" => 0,
        "auc" | "roc_auc_score" => 1,
        "f1" => 2,
        "rmse" => 3,
        _ => 4,
    }
}

/// `merror` of `validation:merror`.
fn stem(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Whether more of it is better; `None` where the name does not tell.
pub(super) fn more_is_better(name: &str) -> Option<bool> {
    let stem = stem(name).to_lowercase();
    let less = ["loss", "error", "rmse", "mse", "mae", "deviance", "nll", "perplexity"];
    let more =
        ["accuracy", "auc", "f1", "f_beta", "precision", "recall", "r2", "map", "ndcg", "dcg"];
    if less.iter().any(|word| stem.contains(word)) {
        return Some(false);
    }
    more.iter().any(|word| stem.contains(word)).then_some(true)
}

/// A figure in few characters that still tell it from its neighbour.
pub(super) fn shown(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if !(0.001..100_000.0).contains(&size) => format!("{value:.3e}"),
        size if size >= 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.4}"),
    }
}

/// Rows that it was evaluated on.
pub(super) fn evaluated_rows(package: &Row) -> Option<f64> {
    number(property(package, &format!("{EVALUATION}{EVALUATION_ROWS}")))
}

/// Data that it was evaluated on.
pub(super) fn evaluated_on(package: &Row) -> &str {
    property(package, "evaluation.data")
}

pub(super) fn property<'a>(package: &'a Row, name: &str) -> &'a str {
    let properties = package.body.get("CustomerMetadataProperties");
    properties.map_or("", |properties| text(properties, name))
}

/// The image of its first container without the registry's host.
pub(super) fn image(package: &Row) -> &str {
    let image = containers(package).first().map_or("", |one| text(one, "Image"));
    image.split_once('/').map_or(image, |(_, name)| name)
}

/// `xgboost` of `sagemaker-xgboost:3.0-5`.
pub(super) fn algorithm(package: &Row) -> &str {
    let image = image(package);
    let name = image.split([':', '@']).next().unwrap_or(image);
    name.strip_prefix("sagemaker-").unwrap_or(name)
}

pub(super) fn version(package: &Row) -> u64 {
    package.number("ModelPackageVersion").map_or(0, |version| version as u64)
}

/// Hyperparameters of the job.
pub(super) fn hyperparameters(job: Option<&Row>) -> BTreeMap<&str, &str> {
    let found = job.and_then(|job| job.body.get("HyperParameters")).and_then(Value::as_object);
    let pairs = found.into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
}

/// Channels of the job with their data.
pub(super) fn channels(job: Option<&Row>) -> BTreeMap<&str, &str> {
    let channels = job.map_or(&[][..], |job| job.list("InputDataConfig"));
    channels
        .iter()
        .filter_map(|channel| {
            let uri = channel.pointer("/DataSource/S3DataSource/S3Uri")?.as_str()?;
            Some((text(channel, "ChannelName"), uri))
        })
        .collect()
}

/// `ml.m5.xlarge ×2`.
pub(super) fn instances(job: Option<&Row>) -> String {
    let Some(resources) = job.and_then(|job| job.body.get("ResourceConfig")) else {
        return String::new();
    };
    let count = resources.get("InstanceCount").and_then(Value::as_u64).unwrap_or(1);
    let kind = text(resources, "InstanceType");
    if count > 1 { format!("{kind} ×{count}") } else { kind.to_owned() }
}

/// Endpoints that serve a version, each with the variant that does.
pub(super) fn served_by(mirror: &Mirror, package: &Row) -> Vec<(Arc<Row>, String)> {
    let mut served = Vec::new();
    for model in mirror.users(package) {
        for config in mirror.users(&model) {
            let variants = crate::tui::mirror::lineage::variants(&config);
            let name = variants
                .filter(|variant| text(variant, "ModelName").eq_ignore_ascii_case(&model.name))
                .map(|variant| text(variant, "VariantName").to_owned())
                .next()
                .unwrap_or_default();
            for endpoint in mirror.users(&config) {
                served.push((endpoint, name.clone()));
            }
        }
    }
    served
}

/// The way of a version: job, models, configurations, endpoints.
pub(super) fn lineage(mirror: &Mirror, package: &Row) -> Vec<Arc<Row>> {
    let mut way: Vec<Arc<Row>> = mirror.job_behind(package).into_iter().collect();
    let models = mirror.users(package);
    let configs: Vec<Arc<Row>> = models.iter().flat_map(|model| mirror.users(model)).collect();
    let endpoints = configs.iter().flat_map(|config| mirror.users(config));
    let rest: Vec<Arc<Row>> = models.iter().chain(&configs).cloned().chain(endpoints).collect();
    for row in rest {
        if !way.iter().any(|known| known.kind == row.kind && known.name == row.name) {
            way.push(row);
        }
    }
    way
}

/// `job blue`, `endpoint iris-live ✔ InService`.
pub(super) fn named(row: &Row) -> String {
    let noun = match row.kind.as_str() {
        kind::TRAINING_JOB => "job",
        other => crate::tui::mirror::noun(other),
    };
    match row.status.as_str() {
        "" => format!("{noun} {}", row.name),
        status => format!("{noun} {} {}", row.name, crate::tui::status::labelled(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing;
    use crate::tui::view::Place;

    #[test]
    fn figures_come_from_the_evaluation_first_and_from_training_after() {
        let state = testing::with_region((80, 24), Place::new("endpoints"));
        let package = testing::row(kind::MODEL_PACKAGE, "iris/1");
        let job = state.mirror.job_behind(&package).unwrap();
        let figures = figures(&package, Some(&job));
        assert_eq!((figures[0].name.as_str(), figures[0].source), ("accuracy", Source::Evaluation));
        assert!(figures.iter().any(|figure| figure.source == Source::Training));
        assert!(figures.iter().all(|figure| figure.name != "rows"));
        assert_eq!(evaluated_rows(&package), Some(45.0));
        let served = served_by(&state.mirror, &package);
        assert_eq!((served[0].0.name.as_str(), served[0].1.as_str()), ("iris-live", "blue"));
        assert_eq!(lineage(&state.mirror, &package).len(), 4);
    }

    #[test]
    fn what_is_better_is_told_by_the_name_or_not_at_all() {
        assert_eq!(more_is_better("validation:merror"), Some(false));
        assert_eq!(more_is_better("accuracy"), Some(true));
        assert_eq!(more_is_better("epochs"), None);
        assert_eq!(shown(0.977_778), "0.9778");
        assert_eq!(shown(0.000_012), "1.200e-5");
    }
}
