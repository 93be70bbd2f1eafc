//! What a training job's description says, in the words and figures that its screens show.

use crate::command::show::shell_word;
use crate::domain::instance::{Catalog, Price};
use crate::domain::money::{Money, Total};
use crate::domain::time::Timestamp;
use crate::engine::{Image, image};
use crate::tui::format;
use crate::tui::row::Row;
use crate::tui::view::Scene;
use crate::tui::widgets::timeline::{Ending, Stage};
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;

/// The group that all training jobs log to; a job's streams begin with its name and a slash.
pub const LOG_GROUP: &str = "/aws/sagemaker/TrainingJobs";

/// Instances of one type.
pub struct Machines {
    pub instance_type: String,
    pub count: u32,
}

/// The algorithm's name where it is one of ours or AWS's, else the image's repository and tag.
pub fn algorithm(row: &Row) -> Cow<'_, str> {
    let uri = row.at("/AlgorithmSpecification/TrainingImage");
    if uri.is_empty() {
        return Cow::Borrowed(row.at("/AlgorithmSpecification/AlgorithmName"));
    }
    match image::resolve(uri) {
        Image::BuiltIn { algorithm, .. } => Cow::Owned(algorithm),
        Image::Foreign(_) => Cow::Borrowed(uri.split_once('/').map_or(uri, |(_, name)| name)),
    }
}

/// Whether it is one of the algorithms inside this binary.
pub fn is_built_in(row: &Row) -> bool {
    let uri = row.at("/AlgorithmSpecification/TrainingImage");
    matches!(image::resolve(uri), Image::BuiltIn { .. })
}

pub fn is_over(row: &Row) -> bool {
    matches!(row.status.as_str(), "Completed" | "Failed" | "Stopped")
}

/// What it does right now, or how it ended.
pub fn stage(row: &Row) -> &str {
    let secondary = row.text("SecondaryStatus");
    match row.status.as_str() {
        // An ended job's second status says more only where it was not its own doing.
        "Stopped" if secondary.starts_with("Max") => secondary,
        "InProgress" | "Stopping" if !secondary.is_empty() => secondary,
        status => status,
    }
}

fn time(row: &Row, member: &str) -> Option<Timestamp> {
    row.body.get(member).and_then(Timestamp::from_document)
}

/// From its creation until it ended, or now.
pub fn elapsed(row: &Row, now: i64) -> Duration {
    let created = time(row, "CreationTime").or_else(|| Timestamp::from_secs_f64(row.created));
    let ended = if is_over(row) {
        time(row, "TrainingEndTime").or_else(|| time(row, "LastModifiedTime"))
    } else {
        None
    };
    let until = ended.unwrap_or(Timestamp::from_millis(now));
    created.map_or(Duration::ZERO, |created| until.since(created))
}

/// Seconds that are billed: as Describe says once it has ended, before that those on instances so
/// far. `None` for a job that never had an instance.
pub fn billable(row: &Row, now: i64) -> Option<u64> {
    if let Some(seconds) = row.number("BillableTimeInSeconds") {
        return Some(seconds as u64);
    }
    let started = time(row, "TrainingStartTime").filter(|_| !is_over(row))?;
    let span = Timestamp::from_millis(now).since(started);
    Some(u64::try_from(span.as_millis().div_ceil(1000)).unwrap_or(u64::MAX))
}

pub fn machines(row: &Row) -> Vec<Machines> {
    let config = &row.body["ResourceConfig"];
    let of = |group: &Value| {
        let count = group.get("InstanceCount").and_then(Value::as_u64).unwrap_or(1);
        let instance_type = group.get("InstanceType").and_then(Value::as_str)?.to_owned();
        Some(Machines { instance_type, count: u32::try_from(count).unwrap_or(u32::MAX) })
    };
    match config.get("InstanceGroups").and_then(Value::as_array) {
        Some(groups) => groups.iter().filter_map(of).collect(),
        None => of(config).into_iter().collect(),
    }
}

pub fn price(instance_type: &str) -> Option<&'static Price> {
    Catalog::builtin().get(instance_type).and_then(|known| known.training.as_ref())
}

/// What the bill says; before it has come, billable seconds at list prices. `None` when nothing has
/// run yet.
pub fn cost(row: &Row, scene: &Scene<'_>) -> Option<Total> {
    let listed = listed(row, scene.now)?;
    Some(scene.mirror.bill.job(&row.name).map_or(listed, |account| account.total))
}

fn listed(row: &Row, now: i64) -> Option<Total> {
    let span = Duration::from_secs(billable(row, now)?);
    let mut total = Total { known: Money::ZERO, unpriced: 0 };
    for machines in machines(row) {
        match price(&machines.instance_type) {
            Some(price) => total.known += price.cost(span, machines.count),
            None => total.unpriced += 1,
        }
    }
    Some(total)
}

/// `1 × ml.m5.large`.
pub fn machines_line(row: &Row) -> String {
    let of = |machines: &Machines| format!("{} × {}", machines.count, machines.instance_type);
    machines(row).iter().map(of).collect::<Vec<_>>().join(", ")
}

/// The metric that sums it up: what a tuning would go by, else validation's, else the last.
pub fn final_metric(row: &Row) -> Option<(&str, f64)> {
    let metrics = row.list("FinalMetricDataList");
    let named = |metric: &'_ Value| {
        let name = metric.get("MetricName").and_then(Value::as_str);
        name.zip(metric.get("Value").and_then(Value::as_f64)).map(|(name, _)| name.to_owned())
    };
    let chosen = metrics
        .iter()
        .position(|metric| {
            named(metric).is_some_and(|name| {
                name.starts_with("validation:") && !name.ends_with("objective_loss")
            })
        })
        .or_else(|| {
            metrics
                .iter()
                .position(|metric| named(metric).is_some_and(|name| name.starts_with("validation")))
        })
        .or(metrics.len().checked_sub(1))?;
    let metric = metrics.get(chosen)?;
    Some((metric.get("MetricName")?.as_str()?, metric.get("Value")?.as_f64()?))
}

/// What came of it: its metric, or why it failed.
pub fn result(row: &Row) -> String {
    if row.status == "Failed" {
        return row.text("FailureReason").to_owned();
    }
    if row.status == "Stopped" && stage(row) != "Stopped" {
        return "stopped at its longest allowed time".to_owned();
    }
    final_metric(row)
        .map(|(name, value)| format!("{} {name}", format::compact(value)))
        .unwrap_or_default()
}

/// Its statuses one after the other, the end included.
pub fn stages(row: &Row) -> Vec<Stage<'_>> {
    let entries = row.list("SecondaryStatusTransitions");
    let stage = |entry: &'_ Value| {
        let at = |member: &str| entry.get(member).and_then(Timestamp::from_document);
        Some((at("StartTime")?, at("EndTime")))
    };
    entries
        .iter()
        .filter_map(|entry| {
            let name = entry.get("Status").and_then(Value::as_str)?;
            let (started, ended) = stage(entry)?;
            let ending = match name {
                "Completed" => Some(Ending::Completed),
                "Failed" => Some(Ending::Failed),
                "Stopped" | "MaxRuntimeExceeded" | "MaxWaitTimeExceeded" => Some(Ending::Stopped),
                _ => None,
            };
            let ended = if ending.is_some() { None } else { ended };
            Some(Stage { name, started, ended, ending })
        })
        .collect()
}

/// What the service says of the stage it is in.
pub fn message(row: &Row) -> &str {
    row.list("SecondaryStatusTransitions")
        .last()
        .and_then(|entry| entry.get("StatusMessage"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Rounds or epochs that its hyperparameters ask for, when they say so.
pub fn rounds(row: &Row) -> Option<u64> {
    ["num_round", "num_boost_round", "epochs", "num_epochs"].iter().find_map(|name| {
        let text = row.body.get("HyperParameters")?.get(name)?.as_str()?;
        text.parse().ok().filter(|rounds| *rounds > 0)
    })
}

/// The command that would train the same again under another name.
pub fn train_line(row: &Row, name: &str) -> String {
    let mut words = vec!["train".to_owned(), name.to_owned()];
    let uri = row.at("/AlgorithmSpecification/TrainingImage");
    words.push(if is_built_in(row) { algorithm(row).into_owned() } else { uri.to_owned() });
    if let Some(machines) = machines(row).first() {
        words.extend(["--on".to_owned(), machines.instance_type.clone()]);
        if machines.count > 1 {
            words.extend(["--count".to_owned(), machines.count.to_string()]);
        }
    }
    for channel in row.list("InputDataConfig") {
        let text = |pointer: &str| channel.pointer(pointer).and_then(Value::as_str);
        let uri = text("/DataSource/S3DataSource/S3Uri").unwrap_or_default();
        words.push("--input".to_owned());
        words.push(format!("{}={uri}", text("/ChannelName").unwrap_or_default()));
    }
    let types: Vec<&str> = row
        .list("InputDataConfig")
        .iter()
        .filter_map(|channel| channel.get("ContentType").and_then(Value::as_str))
        .collect();
    if let Some(first) = types.first().filter(|first| **first != "text/csv") {
        words.extend(["--content-type".to_owned(), (*first).to_owned()]);
    }
    words.extend(["--to".to_owned(), row.at("/OutputDataConfig/S3OutputPath").to_owned()]);
    let settings = row.body.get("HyperParameters").and_then(Value::as_object);
    for (name, value) in settings.into_iter().flatten() {
        words
            .extend(["--set".to_owned(), format!("{name}={}", value.as_str().unwrap_or_default())]);
    }
    if !is_built_in(row) {
        let metrics = row.body.pointer("/AlgorithmSpecification/MetricDefinitions");
        for metric in metrics.and_then(Value::as_array).into_iter().flatten() {
            let text = |member: &str| metric.get(member).and_then(Value::as_str);
            let (name, regex) = (text("Name").unwrap_or_default(), text("Regex"));
            words.extend(["--metric".to_owned(), format!("{name}={}", regex.unwrap_or_default())]);
        }
    }
    words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

/// `blue` → `blue-2`, `blue-2` → `blue-3`, the first that is free.
pub fn next_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let (stem, from) = match name.rsplit_once('-') {
        Some((stem, digits)) if !stem.is_empty() => match digits.parse::<u32>() {
            // A long number is a time, not a count.
            Ok(number) if digits.len() < 4 => (stem, number.saturating_add(1)),
            _ => (name, 2),
        },
        _ => (name, 2),
    };
    let stem: String = stem.chars().take(58).collect();
    (from..from.saturating_add(1000))
        .map(|number| format!("{stem}-{number}"))
        .find(|name| !taken(name))
        .unwrap_or(stem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing::bench as testing;

    #[test]
    fn a_jobs_facts_are_read_from_its_description() {
        let row = testing::job("green", "Completed", "Completed");
        assert_eq!(algorithm(&row), "xgboost");
        assert_eq!(machines_line(&row), "1 × ml.m5.large");
        assert_eq!(billable(&row, testing::NOW), Some(34));
        let cost = listed(&row, testing::NOW).unwrap();
        assert_eq!(format::total(cost), "$0.0011");
        assert_eq!(result(&row), "0.181 validation:mlogloss");
        assert_eq!(stages(&row).len(), 5);
        assert_eq!(rounds(&row), Some(40));
    }

    #[test]
    fn a_running_job_is_billed_up_to_now() {
        let row = testing::job("hpo-7", "InProgress", "Training");
        assert_eq!(stage(&row), "Training");
        assert_eq!(billable(&row, testing::NOW), Some(31));
        assert_eq!(elapsed(&row, testing::NOW).as_secs(), 32);
        let waiting = testing::job("late", "InProgress", "Pending");
        assert_eq!(billable(&waiting, testing::NOW), None);
    }

    #[test]
    fn the_same_again_as_a_command() {
        let row = testing::job("green", "Completed", "Completed");
        assert_eq!(
            train_line(&row, "green-2"),
            "train green-2 xgboost --on ml.m5.large --input train=s3://iris/train.csv \
             --input validation=s3://iris/test.csv --to s3://iris/models \
             --set num_class=3 --set num_round=40 --set objective=multi:softprob"
        );
        assert_eq!(shell_word("it's [0-9]+"), r"'it'\''s [0-9]+'");
    }

    #[test]
    fn names_count_on() {
        let taken = |name: &str| name == "blue-2";
        assert_eq!(next_name("blue", taken), "blue-3");
        assert_eq!(next_name("blue-7", taken), "blue-8");
        assert_eq!(next_name("job-20261128", taken), "job-20261128-2");
        assert_eq!(next_name("-", taken), "--2");
    }
}
