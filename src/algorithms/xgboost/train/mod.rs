//! A training job: channels in, log lines out, the model and its checkpoints on disk.

mod checkpoint;
mod cross_validation;
mod data;
#[cfg(test)]
mod tests;

use super::fit::{Round, Sets, Settings, fit};
use super::hyperparameters::Hyperparameters;
use super::log::Log;
use super::version::{Form, Version};
use super::{Booster, MODEL_FILE, binary, model};
use crate::algorithms::data::{Format, Labelled};
use crate::algorithms::{Channel, Failure, TrainingInput};
use checkpoint::Keeper;
pub use cross_validation::CrossValidation;
use cross_validation::Scores;
use std::fmt::Write as _;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::sync_channel;

pub(super) fn train(
    version: Version,
    job: &TrainingInput,
    log: &mut dyn Write,
) -> Result<(), Failure> {
    train_with(version, job, &mut Keeper::new(), log)
}

fn train_with(
    version: Version,
    job: &TrainingInput,
    keeper: &mut Keeper,
    log: &mut dyn Write,
) -> Result<(), Failure> {
    let mut log = Log(log);
    log.head(version)?;
    let hyperparameters = Hyperparameters::read(version, &job.hyperparameters)?;
    for note in &hyperparameters.notes {
        log.info(note)?;
    }
    let (train_channel, validation_channel) = data::channels(job)?;
    if !leads(job, [Some(train_channel), validation_channel], &mut log)? {
        return Ok(());
    }
    let threads = threads(hyperparameters.threads);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("trees-{number}"))
        .build()
        .map_err(|error| Failure::internal(format!("cannot start {threads} threads: {error}")))?;
    let (train, validation) =
        matrices(version, &hyperparameters, train_channel, validation_channel, &mut log)?;
    let columns = train.features.columns();
    log.info(&format!("tree_method hist on {threads} threads"))?;
    let settings = &hyperparameters.settings;
    settings.check_columns(columns)?;
    for set in std::iter::once(&train).chain(&validation) {
        settings.check(set).map_err(as_the_library)?;
        data::check_values(set)?;
    }
    one_class(version, settings, std::iter::once(&train).chain(&validation), &mut log)?;
    if settings.early_stopping.is_some() && validation.is_none() {
        log.info("early_stopping_rounds has no effect: there is no validation channel to watch")?;
    }
    let mut run = Run { version, job, settings, pool: &pool, keeper, log };
    if let Some(plan) = hyperparameters.cross_validation {
        return cross_validation::run(&mut run, plan, &train, validation.as_ref());
    }
    let started = std::time::Instant::now();
    let sets = Sets { train: &train, shown: None, validation: validation.as_ref() };
    let (booster, _) = run.fit(&sets, job.checkpoint_dir.as_deref())?;
    let seconds = started.elapsed().as_secs_f64();
    run.log
        .info(&format!("Fitting took {seconds:.3} s; the model has {} rounds", booster.rounds()))?;
    if version.library() < (1, 3) {
        run.log.info(
            "The model is written for Booster.load_model; the container of this release pickles it instead",
        )?;
    }
    run.keeper.save(&job.model_dir.join(MODEL_FILE), &artifact(version, &booster))
}

/// The rows of both channels, and what the container says while it reads them.
fn matrices(
    version: Version,
    hyperparameters: &Hyperparameters,
    train: &Channel,
    validation: Option<&Channel>,
    log: &mut Log<'_>,
) -> Result<(Labelled, Option<Labelled>), Failure> {
    for channel in std::iter::once(train).chain(validation) {
        if data::format(channel)? == Format::Csv {
            log.delimiter(channel)?;
        }
        log.files(version, channel)?;
    }
    let train = data::read(train, hyperparameters, None)?;
    let (rows, columns) = (train.features.rows(), train.features.columns());
    let width = match version.library() {
        (0, _) | (1, 0..2) => String::new(),
        _ => format!(" and {columns} columns"),
    };
    log.info(&format!("Train matrix has {rows} rows{width}"))?;
    let validation = validation
        .map(|channel| data::read(channel, hyperparameters, Some(columns)))
        .transpose()?;
    if let Some(set) = &validation {
        log.info(&format!("Validation matrix has {} rows", set.features.rows()))?;
    }
    Ok((train, validation))
}

/// The model in a form that the library of this version reads.
fn artifact(version: Version, booster: &Booster) -> Vec<u8> {
    match version.form() {
        Form::Binary => binary::write(booster),
        Form::Json => model::write_json(booster, version.library()),
        Form::Ubjson => model::write(booster),
    }
}

/// Metrics of order say nothing of rows of one class: said in the library's words, which ended the training
/// before version 1.4.
fn one_class<'a>(
    version: Version,
    settings: &Settings,
    sets: impl IntoIterator<Item = &'a Labelled>,
    log: &mut Log<'_>,
) -> Result<(), Failure> {
    let asked = settings.metrics.iter().any(|(_, metric)| metric.is_of_order());
    if !asked || !settings.objective.kind.name().starts_with("binary:") {
        return Ok(());
    }
    let mixed = |set: &Labelled| {
        set.labels.iter().any(|label| *label > 0.0) && set.labels.iter().any(|label| *label < 1.0)
    };
    if sets.into_iter().all(mixed) {
        return Ok(());
    }
    if version.library() < (1, 4) {
        return Err(Failure::client(
            "Check failed: !auc_error AUC: the dataset only contains pos or neg samples",
        ));
    }
    log.warning(
        "Dataset is empty, or contains only positive or negative samples. auc and aucpr are nan there",
    )
}

/// What the container takes for the user's error when the library says it; the rest is the algorithm's.
const USER_ERRORS: [&str; 4] = [
    "label must be in [0,1] for logistic regression",
    "label must be in [0, num_class)",
    "PoissonRegression: label must be nonnegative",
    "TweedieRegression: label must be nonnegative",
];

fn as_the_library(failure: Failure) -> Failure {
    match failure {
        Failure::Client(text) if !USER_ERRORS.iter().any(|known| text.contains(known)) => {
            Failure::Algorithm(format!("XGB train call failed with exception:\n {text}"))
        }
        other => other,
    }
}

/// A job on its way through its rounds.
struct Run<'a, 'b> {
    version: Version,
    job: &'a TrainingInput,
    settings: &'a Settings,
    pool: &'a rayon::ThreadPool,
    keeper: &'a mut Keeper,
    log: Log<'b>,
}

impl Run<'_, '_> {
    /// Fits inside the pool, from the latest checkpoint on where there is one. Each finished round is
    /// logged here, as the log is not shared among threads.
    fn fit(
        &mut self,
        sets: &Sets<'_>,
        checkpoints: Option<&Path>,
    ) -> Result<(Booster, Scores), Failure> {
        let Self { job, settings, pool, keeper, log, .. } = self;
        let settings: &Settings = settings;
        let columns = sets.train.features.columns();
        let resumed = checkpoint::resume(checkpoints, settings, columns, log)?;
        let mut last = Scores::new();
        let (told, lines) = sync_channel::<String>(0);
        let (answer, answers) = sync_channel::<Result<ControlFlow<()>, Failure>>(0);
        let gone = || Failure::internal("the thread that writes the log is gone");
        let scores = &mut last;
        let each_round = move |round: &Round<'_>| {
            if round.is_last {
                *scores = round.scores.to_vec();
            }
            told.send(line(settings, round)).map_err(|_| gone())?;
            let flow = answers.recv().map_err(|_| gone())??;
            if let Some(folder) = checkpoints {
                let is_last = round.is_last || flow.is_break();
                keeper.checkpoint(folder, round.number, round.booster, is_last)?;
            }
            Ok(flow)
        };
        let booster = std::thread::scope(|scope| {
            let fitting =
                scope.spawn(move || pool.install(move || fit(settings, sets, resumed, each_round)));
            for line in lines {
                if answer.send(log_round(job, log, &line)).is_err() {
                    break;
                }
            }
            fitting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        Ok((booster, last))
    }
}

/// Logs the round's line; tells whether to go on.
fn log_round(
    job: &TrainingInput,
    log: &mut Log<'_>,
    line: &str,
) -> Result<ControlFlow<()>, Failure> {
    log.line(line)?;
    if job.stop.requested() {
        log.info("Training was asked to stop; the model so far is kept")?;
        return Ok(ControlFlow::Break(()));
    }
    Ok(ControlFlow::Continue(()))
}

/// A round's line as the real container prints it: tabs come out of its log driver as `#011`.
fn line(settings: &Settings, round: &Round<'_>) -> String {
    let mut line = format!("[{}]", round.number);
    for (set, scores) in round.scores {
        for ((metric, _), score) in settings.metrics.iter().zip(scores) {
            let score = if score.is_nan() { "nan".to_owned() } else { format!("{score:.5}") };
            let _ = write!(line, "#011{set}-{metric}:{score}");
        }
    }
    line
}

/// Whether this instance trains. Trees are not grown over several instances: where each has all the
/// data the leader grows them alone; where each has a shard nobody could.
fn leads(
    job: &TrainingInput,
    channels: [Option<&Channel>; 2],
    log: &mut Log<'_>,
) -> Result<bool, Failure> {
    let hosts = job.resources.hosts.len();
    if hosts <= 1 {
        log.info("Single node training.")?;
        return Ok(true);
    }
    if let Some(channel) = channels.into_iter().flatten().find(|channel| channel.sharded) {
        return Err(Failure::client(format!(
            "The channel {} is sharded over {hosts} instances (ShardedByS3Key), and Sagebrush's own xgboost \
             does not train over several instances: a model of one shard would not be the model of the data. \
             Use one instance, or FullyReplicated.",
            channel.name
        )));
    }
    let leader = job.resources.hosts.first().map_or("algo-1", String::as_str);
    if job.resources.is_leader() {
        log.info(&format!(
            "{hosts} instances, each with all of the data: {leader} trains alone, the others do nothing"
        ))?;
        Ok(true)
    } else {
        log.info(&format!(
            "{leader} has the same data and trains alone; this instance does nothing"
        ))?;
        Ok(false)
    }
}

/// Threads to train with: those asked for, no more than the instance type's vCPUs or this machine's cores.
fn threads(asked: Option<usize>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let instance = std::env::var("SM_NUM_CPUS").ok().and_then(|count| count.trim().parse().ok());
    [asked, instance].into_iter().flatten().fold(cores, usize::min).max(1)
}
