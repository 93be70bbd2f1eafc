//! Linear learner: linear models for regression and classification, trained by mini-batches.
//!
//! Sagebrush's own implementation of the algorithm that AWS ships as `linear-learner`: its
//! hyperparameters, data formats, metric lines and answers, not its code. What differs is said in the
//! log where it happens: the model's file ([`model`]), the batch size on small data, which model
//! settings vary without validation data ([`settings::recipes`]), how shards are combined.

mod candidate;
mod hyperparameters;
mod loss;
mod model;
mod predictor;
mod report;
mod scaler;
mod settings;
mod threshold;
mod trainer;

use super::data::{DataError, Format, Labelled, Layout, media_parameter, read_channel};
use super::{Algorithm, Channel, Failure, InputMode, Predictor, TrainingInput};
use candidate::{Rows, Weighting};
use hyperparameters::Hyperparameters;
use model::LinearModel;
use report::{Measuring, Report, measures};
use scaler::{Scaler, Scaling};
use settings::{Facts, PredictorType, Task};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use trainer::{Data, Plan, Winner, evaluate, fit};

pub struct LinearLearner;

impl Algorithm for LinearLearner {
    fn name(&self) -> &'static str {
        "linear-learner"
    }

    fn train(&self, job: &TrainingInput, log: &mut dyn Write) -> Result<(), Failure> {
        let mut report = Report::new(log, &job.resources.current_host);
        report.info(
            "Sagebrush's own implementation of linear-learner trains here (not AWS's container); the \
             model is written as JSON, not as an MXNet module",
        );
        train(job, &mut report)
    }

    fn load(&self, model_dir: &Path) -> Result<Box<dyn Predictor>, Failure> {
        let model = LinearModel::load(model_dir)?;
        Ok(Box::new(predictor::LinearPredictor::new(model)))
    }
}

fn train(job: &TrainingInput, report: &mut Report<'_>) -> Result<(), Failure> {
    let given = Hyperparameters::check(&job.hyperparameters)?;
    let task = Task::of(&given)?;
    describe(&given, report);
    let channels = channels(job)?;
    if !takes_part(job, channels.train, report) {
        return Ok(());
    }
    let train = read(channels.train, &given, task, report)?;
    let validation =
        channels.validation.map(|channel| read(channel, &given, task, report)).transpose()?;
    let test = channels.test.map(|channel| read(channel, &given, task, report)).transpose()?;
    same_width(&train, validation.as_ref(), "validation")?;
    same_width(&train, test.as_ref(), "test")?;

    let points = given.count("num_point_for_scaler").unwrap_or(usize::MAX);
    let scaler = Scaler::measure(&train.features, &train.labels, points, scaling(&given, task));
    let batch = batch(&given, train.labels.len(), report)?;
    let facts = Facts {
        rows: train.labels.len(),
        columns: train.features.columns(),
        positives: train.labels.iter().filter(|label| **label == 1.0).count(),
        batches: train.labels.len().div_ceil(batch),
        validated: validation.is_some(),
    };
    let task = Task { loss: task.loss.scaled(scaler.label_deviation as f32), ..task };
    let weighting = weighting(&given, task, &train.labels);
    let train = scaled(train, &scaler);
    let validation = validation.map(|rows| scaled(rows, &scaler));
    let plan = plan(&given, task, batch, weighting, facts);
    let recipes = settings::recipes(&given, facts);
    let searched = if facts.validated { "learning rate, wd and l1" } else { "the learning rate" };
    report.info(&format!(
        "{} rows of {} features, {} models in parallel (varying {searched}), mini-batches of {batch}",
        facts.rows,
        facts.columns,
        recipes.len(),
    ));
    let data = Data { train: &train, validation: validation.as_ref(), scaler: &scaler };
    let winner = fit(&plan, &recipes, &data, &job.stop, report)?;

    let measuring = Measuring {
        f_beta: given.number("f_beta").unwrap_or(1.0),
        top_k: given.count("accuracy_top_k").unwrap_or(3),
    };
    tell(task, &winner, &data, test.map(|rows| scaled(rows, &scaler)).as_ref(), measuring, report);
    save(job, task, &winner, &data)
}

/// The configuration as the real container logs it, and what of it has no effect here.
fn describe(given: &Hyperparameters, report: &mut Report<'_>) {
    report.info(&format!("Reading provided configuration: {:?}", given.given()));
    report.info(&format!("Final configuration: {:?}", given.all()));
    let without_effect =
        ["_kvstore", "_num_gpus", "_num_kv_servers", "_enable_profiler", "_log_level"];
    for name in without_effect.into_iter().filter(|name| given.is_given(name)) {
        report.warning(&format!("{name} has no effect in this implementation"));
    }
    if given.is_given("num_classes") && given.text("predictor_type") != "multiclass_classifier" {
        report.warning("num_classes has no effect: it belongs to multiclass_classifier");
    }
}

struct Channels<'a> {
    train: &'a Channel,
    validation: Option<&'a Channel>,
    test: Option<&'a Channel>,
}

fn channels(job: &TrainingInput) -> Result<Channels<'_>, Failure> {
    let named = |name: &str| job.channels.get(name);
    let unknown =
        job.channels.keys().find(|name| !["train", "validation", "test"].contains(&name.as_str()));
    if let Some(name) = unknown {
        return Err(Failure::client(format!(
            "Unable to initialize the algorithm. Failed to validate input data configuration. (caused \
             by ValidationError)\n\nCaused by: Additional properties are not allowed ('{name}' was \
             unexpected). linear-learner takes the channels train, validation and test."
        )));
    }
    let train = named("train").ok_or_else(|| {
        Failure::client(
            "Unable to initialize the algorithm. Failed to validate input data configuration. (caused \
             by ValidationError)\n\nCaused by: 'train' is a required property. Give the job an \
             InputDataConfig with a channel named train.",
        )
    })?;
    Ok(Channels { train, validation: named("validation"), test: named("test") })
}

/// Whether this instance has anything to train, when the job has several.
fn takes_part(job: &TrainingInput, train: &Channel, report: &mut Report<'_>) -> bool {
    let count = job.resources.hosts.len();
    if count <= 1 {
        return true;
    }
    if train.sharded {
        report.info(&format!(
            "{count} instances, the training data sharded over them: each trains on its shard, and the \
             model served is the mean of their models, weighted by rows"
        ));
        return true;
    }
    let leader = job.resources.is_leader();
    report.info(&format!(
        "{count} instances, each with all the training data: {} trains, the others have nothing to add",
        job.resources.hosts[0]
    ));
    leader
}

fn read(
    channel: &Channel,
    given: &Hyperparameters,
    task: Task,
    report: &mut Report<'_>,
) -> Result<Labelled, Failure> {
    let content_type = channel.content_type.as_deref().unwrap_or("application/x-recordio-protobuf");
    let format = Format::of(content_type)
        .filter(|format| matches!(format, Format::Csv | Format::RecordIo))
        .ok_or_else(|| {
            Failure::client(format!(
                "The content type '{content_type}' of channel '{}' is not supported for training. Use \
                 text/csv or application/x-recordio-protobuf.",
                channel.name
            ))
        })?;
    if media_parameter(content_type, "label_size").is_some_and(|size| size != "1") {
        return Err(Failure::client(format!(
            "Channel '{}' is declared '{content_type}', but linear-learner needs exactly one label, in \
             the first column.",
            channel.name
        )));
    }
    if channel.mode == InputMode::Pipe {
        report.info(&format!(
            "Channel {}: one pass of the pipe is read and kept in memory",
            channel.name
        ));
    }
    let columns = given.count("feature_dim");
    let layout = Layout { columns: None, ..Layout::TRAINING };
    let rows = read_channel(channel, format, layout, 0)
        .map_err(|error| unreadable(channel, content_type, &error))?;
    if let Some(expected) = columns
        && rows.features.columns() != expected
    {
        return Err(Failure::client(format!(
            "The data of channel '{}' has {} features, but the hyperparameter feature_dim is {expected}. \
             Correct feature_dim, or set it to 'auto'.",
            channel.name,
            rows.features.columns()
        )));
    }
    check(&rows, channel, task)?;
    Ok(rows)
}

fn unreadable(channel: &Channel, content_type: &str, error: &DataError) -> Failure {
    Failure::client(format!(
        "Unable to read data channel '{}'. Requested content-type is '{content_type}'. Please verify the \
         data matches the requested content-type. (caused by {error})",
        channel.name
    ))
}

/// Refuses labels outside the task's range, and values that no linear model can use.
fn check(rows: &Labelled, channel: &Channel, task: Task) -> Result<(), Failure> {
    let classes = match task.kind {
        PredictorType::Regressor => None,
        PredictorType::BinaryClassifier => Some(2),
        PredictorType::MulticlassClassifier => Some(task.outputs),
    };
    let name = &channel.name;
    for (index, (row, label)) in rows.features.iter_rows().zip(&rows.labels).enumerate() {
        let place = index + 1;
        if !label.is_finite() {
            return Err(Failure::client(format!(
                "Channel '{name}', row {place}: the label is {label}."
            )));
        }
        if let Some(classes) = classes
            && (label.fract() != 0.0 || *label < 0.0 || *label >= classes as f32)
        {
            return Err(Failure::client(format!(
                "Channel '{name}', row {place}: the label {label} is outside of the expected range [0, \
                 {}]. Labels are whole numbers from 0; in csv data they stand in the first column.",
                classes - 1
            )));
        }
        if let Some(column) = row.iter().position(|value| !value.is_finite()) {
            return Err(Failure::client(format!(
                "Channel '{name}', row {place}: feature {} is missing or not finite. linear-learner \
                 needs every value; fill in missing ones before.",
                column + 1
            )));
        }
    }
    Ok(())
}

fn same_width(train: &Labelled, other: Option<&Labelled>, name: &str) -> Result<(), Failure> {
    match other {
        Some(rows) if rows.features.columns() != train.features.columns() => {
            Err(Failure::client(format!(
                "The training data has {} features, that of channel '{name}' has {}. Give both the same \
                 columns.",
                train.features.columns(),
                rows.features.columns()
            )))
        }
        _ => Ok(()),
    }
}

fn scaling(given: &Hyperparameters, task: Task) -> Scaling {
    let regression = task.kind == PredictorType::Regressor;
    Scaling {
        normalize_data: given.flag("normalize_data").unwrap_or(true),
        // Without a bias there is nothing that could make up for a shift.
        unbias_data: task.use_bias && given.flag("unbias_data").unwrap_or(true),
        normalize_label: regression && given.flag("normalize_label").unwrap_or(true),
        unbias_label: regression && task.use_bias && given.flag("unbias_label").unwrap_or(true),
    }
}

/// The rows of a batch: as given; else 1000, or a 128th of small data, so that an epoch has steps to
/// learn by: fifteen epochs of too few steps stop short of the optimum.
fn batch(given: &Hyperparameters, rows: usize, report: &mut Report<'_>) -> Result<usize, Failure> {
    let size = given.count("mini_batch_size").unwrap_or(1000);
    if given.is_given("mini_batch_size") {
        return if size <= rows { Ok(size) } else { Err(too_large_a_batch(size, rows)) };
    }
    let fitting = rows.div_ceil(128).max(4).min(rows).min(size);
    if fitting < size {
        report.warning(&format!(
            "mini_batch_size was not given; its default of {size} is too large for {rows} rows, so it is \
             {fitting} here (AWS's container fails when it exceeds the rows: set it for both)"
        ));
    }
    Ok(fitting)
}

fn too_large_a_batch(size: usize, rows: usize) -> Failure {
    Failure::client(format!(
        "No training data processed. Either the training channel is empty or the mini-batch size is too \
         high. Verify that training data contains non-empty files and the mini-batch size is less than \
         the number of records per training host. (mini_batch_size is {size}, this host has {rows} rows)"
    ))
}

fn weighting(given: &Hyperparameters, task: Task, labels: &[f32]) -> Weighting {
    let balanced = given.flag("balance_multiclass_weights") == Some(true);
    if !balanced || task.kind != PredictorType::MulticlassClassifier {
        return Weighting::Equal;
    }
    let mut counts = vec![0_usize; task.outputs];
    for label in labels {
        counts[*label as usize] += 1;
    }
    let mean = labels.len() as f32 / task.outputs as f32;
    Weighting::Classes(counts.into_iter().map(|count| mean / count.max(1) as f32).collect())
}

fn scaled(rows: Labelled, scaler: &Scaler) -> Rows {
    Rows {
        columns: rows.features.columns(),
        targets: rows.labels.iter().map(|label| scaler.label(*label)).collect(),
        labels: rows.labels,
        features: scaler.features(rows.features),
    }
}

fn plan(
    given: &Hyperparameters,
    task: Task,
    batch: usize,
    weighting: Weighting,
    facts: Facts,
) -> Plan {
    let criterion = settings::criterion(given);
    let named = given.is_given("binary_classifier_model_selection_criteria");
    Plan {
        task,
        batch,
        epochs: given.count("epochs").unwrap_or(15),
        patience: given.count("early_stopping_patience").unwrap_or(3),
        tolerance: given.number("early_stopping_tolerance").unwrap_or(0.001),
        criterion,
        by_criterion: named
            && facts.validated
            && task.kind == PredictorType::BinaryClassifier
            && criterion != settings::Criterion::Loss,
        calibration_rows: given.count("num_calibration_samples").unwrap_or(usize::MAX),
        start: settings::start(given),
        init_bias: given.number("init_bias").unwrap_or(0.0) as f32,
        weighting,
    }
}

/// The measures of the chosen model on every set there is.
fn tell(
    task: Task,
    winner: &Winner,
    data: &Data<'_>,
    test: Option<&Rows>,
    measuring: Measuring,
    report: &mut Report<'_>,
) {
    let sets = [("train", Some(data.train)), ("validation", data.validation), ("test", test)];
    for (name, rows) in sets {
        let Some(rows) = rows else { continue };
        let outcome = evaluate(task, &winner.weights, rows, data.scaler, winner.threshold);
        report.quality(name, &measures(task, rows, &outcome, measuring));
    }
    let chosen = serde_json::to_string(&chosen(winner)).unwrap_or_default();
    report.info(&format!("Best model found for hyperparameters: {chosen}"));
    if test.is_none() {
        report.info("Test data is not provided.");
    }
}

fn chosen(winner: &Winner) -> BTreeMap<String, serde_json::Value> {
    let recipe = winner.recipe;
    let mut chosen = BTreeMap::from([
        ("optimizer".to_owned(), serde_json::json!(recipe.optimizer)),
        ("learning_rate".to_owned(), recipe.learning_rate.into()),
        ("l1".to_owned(), recipe.l1.into()),
        ("wd".to_owned(), recipe.wd.into()),
        ("best_epoch".to_owned(), winner.epoch.into()),
        ("positive_example_weight_mult".to_owned(), recipe.positive_weight.into()),
    ]);
    if let Some(scheduler) = recipe.scheduler {
        chosen.insert("lr_scheduler_step".to_owned(), scheduler.step.into());
        chosen.insert("lr_scheduler_factor".to_owned(), scheduler.factor.into());
        chosen.insert("lr_scheduler_minimum_lr".to_owned(), scheduler.minimum.into());
    }
    chosen
}

fn save(job: &TrainingInput, task: Task, winner: &Winner, data: &Data<'_>) -> Result<(), Failure> {
    let columns = data.train.columns;
    let biases = &winner.weights[task.outputs * columns..];
    let unscaled = winner
        .weights
        .chunks_exact(columns)
        .take(task.outputs)
        .zip(biases)
        .map(|(weights, bias)| data.scaler.unscale(weights, *bias));
    let (weights, biases): (Vec<_>, Vec<_>) = unscaled.unzip();
    let sharded = job.channels.get("train").is_some_and(|channel| channel.sharded);
    let host = job.resources.current_host.clone();
    LinearModel {
        format: model::FORMAT.to_owned(),
        predictor_type: task.kind,
        loss: task.loss.objective().to_owned(),
        feature_dim: columns,
        weights,
        biases,
        threshold: f64::from(winner.threshold),
        rows: data.train.len(),
        hosts: if sharded { job.resources.hosts.clone() } else { vec![host.clone()] },
        host,
        hyperparameters: chosen(winner),
    }
    .save(&job.model_dir)
}
