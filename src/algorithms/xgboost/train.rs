//! A training job: channels in, log lines out, the model and its checkpoints on disk.

use super::fit::{Round, fit};
use super::hyperparameters::Hyperparameters;
use super::{Booster, MODEL_FILE, model};
use crate::algorithms::data::{self, Delimiter, Format, Labelled, Labels, Layout};
use crate::algorithms::{Channel, Failure, InputMode, TrainingInput};
use std::fmt::Write as _;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What the container names a checkpoint, before the round's number.
const CHECKPOINT: &str = "xgboost-checkpoint";
/// Checkpoints that are kept.
const CHECKPOINTS: usize = 5;
/// The content types of training data, in the container's words.
const ACCEPTED: &str = "csv, libsvm, parquet, recordio-protobuf, text/csv, text/libsvm, text/x-libsvm, \
                        application/x-parquet, application/x-recordio-protobuf";

pub(super) fn train(job: &TrainingInput, log: &mut dyn Write) -> Result<(), Failure> {
    let mut log = Log(log);
    log.line(
        "Sagebrush's own xgboost (histogram gradient-boosted trees), not the XGBoost library",
    )?;
    let hyperparameters = Hyperparameters::read(&job.hyperparameters)?;
    for note in &hyperparameters.notes {
        log.info(note)?;
    }
    let (train_channel, validation_channel) = channels(job)?;
    if !leads(job, [Some(train_channel), validation_channel], &mut log)? {
        return Ok(());
    }
    let threads = threads(hyperparameters.threads);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|number| format!("trees-{number}"))
        .build()
        .map_err(|error| Failure::internal(format!("cannot start {threads} threads: {error}")))?;
    let train = read(train_channel, &hyperparameters, None)?;
    let (rows, columns) = (train.features.rows(), train.features.columns());
    log.info(&format!("Train matrix has {rows} rows and {columns} columns"))?;
    let validation = validation_channel
        .map(|channel| read(channel, &hyperparameters, Some(columns)))
        .transpose()?;
    if let Some(set) = &validation {
        log.info(&format!("Validation matrix has {} rows", set.features.rows()))?;
    }
    log.info(&format!("tree_method hist on {threads} threads"))?;
    for set in std::iter::once(&train).chain(&validation) {
        hyperparameters.settings.objective.check_labels(&set.labels)?;
        check_values(set)?;
    }
    let resumed = resume(job, &hyperparameters, columns, &mut log)?;
    let mut diary = Diary { job, hyperparameters: &hyperparameters, log };
    let started = std::time::Instant::now();
    // The log is not shared among threads, so the rounds are told outside of the pool.
    let booster = in_pool(&pool, &mut diary, &train, validation.as_ref(), resumed)?;
    let seconds = started.elapsed().as_secs_f64();
    diary
        .log
        .info(&format!("Fitting took {seconds:.3} s; the model has {} rounds", booster.rounds()))?;
    save(&job.model_dir.join(MODEL_FILE), &booster)
}

/// Fits inside the pool, while each finished round is told here.
fn in_pool(
    pool: &rayon::ThreadPool,
    diary: &mut Diary<'_, '_>,
    train: &Labelled,
    validation: Option<&Labelled>,
    resumed: Option<Booster>,
) -> Result<Booster, Failure> {
    use std::sync::mpsc::sync_channel;
    let settings = &diary.hyperparameters.settings;
    let (told, rounds) = sync_channel::<Told>(0);
    let (answer, answers) = sync_channel::<Result<ControlFlow<()>, Failure>>(0);
    let gone = || Failure::internal("the thread that writes the log is gone");
    std::thread::scope(|scope| {
        let keeps_models = diary.job.checkpoint_dir.is_some();
        let fitting = scope.spawn(move || {
            pool.install(move || {
                fit(settings, train, validation, resumed, |round| {
                    let round = Told {
                        number: round.number,
                        line: line(settings, round),
                        model: keeps_models.then(|| model::write(round.booster)),
                    };
                    told.send(round).map_err(|_| gone())?;
                    answers.recv().map_err(|_| gone())?
                })
            })
        });
        for round in rounds {
            if answer.send(diary.note(&round)).is_err() {
                break;
            }
        }
        fitting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A finished round, on its way to the log.
struct Told {
    number: usize,
    line: String,
    model: Option<Vec<u8>>,
}

/// A round's line as the real container prints it: tabs come out of its log driver as `#011`.
fn line(settings: &super::fit::Settings, round: &Round<'_>) -> String {
    let mut line = format!("[{}]", round.number);
    for (set, scores) in round.scores {
        for ((metric, _), score) in settings.metrics.iter().zip(scores) {
            let score = if score.is_nan() { "nan".to_owned() } else { format!("{score:.5}") };
            let _ = write!(line, "#011{set}-{metric}:{score}");
        }
    }
    line
}

struct Diary<'a, 'b> {
    job: &'a TrainingInput,
    hyperparameters: &'a Hyperparameters,
    log: Log<'b>,
}

impl Diary<'_, '_> {
    /// Writes the round's line and checkpoint; tells whether to go on.
    fn note(&mut self, round: &Told) -> Result<ControlFlow<()>, Failure> {
        self.log.line(&round.line)?;
        if let (Some(folder), Some(model)) = (&self.job.checkpoint_dir, &round.model) {
            checkpoint(folder, round.number, model)?;
        }
        if self.job.stop.requested() {
            self.log.info("Training was asked to stop; the model so far is kept")?;
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The channels, named as the container names them.
fn channels(job: &TrainingInput) -> Result<(&Channel, Option<&Channel>), Failure> {
    let strange =
        job.channels.keys().find(|name| !["train", "validation"].contains(&name.as_str()));
    if let Some(name) = strange {
        return Err(Failure::client(format!("Extraneous channel found: {name}")));
    }
    let train = job
        .channels
        .get("train")
        .ok_or_else(|| Failure::client("Missing required channel: train"))?;
    Ok((train, job.channels.get("validation")))
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

fn read(
    channel: &Channel,
    hyperparameters: &Hyperparameters,
    columns: Option<usize>,
) -> Result<Labelled, Failure> {
    let format = format(channel.content_type.as_deref())?;
    if format == Format::LibSvm && channel.mode == InputMode::Pipe {
        return Err(Failure::client("Pipe mode not supported for LibSVM."));
    }
    let layout = Layout {
        labels: Labels::Required,
        csv_weights: hyperparameters.csv_weights && format == Format::Csv,
        // What a sparse row does not name is missing, as it is for the library.
        absent: f32::NAN,
        columns,
        delimiter: Delimiter::Detect,
    };
    data::read_channel(channel, format, layout, 0).map_err(|error| {
        let name = match format {
            Format::Csv => "csv",
            Format::LibSvm => "libsvm",
            _ => "recordio-protobuf",
        };
        Failure::client(format!("Failed to load {name} data of channel {}: {error}", channel.name))
    })
}

/// The format of a channel; libsvm when its content type is not given, as in the container.
fn format(content_type: Option<&str>) -> Result<Format, Failure> {
    let Some(content_type) = content_type else { return Ok(Format::LibSvm) };
    let format = match data::media_type(content_type).to_ascii_lowercase().as_str() {
        "csv" | "text/csv" => Format::Csv,
        "libsvm" | "text/libsvm" | "text/x-libsvm" => Format::LibSvm,
        "recordio-protobuf" | "application/x-recordio-protobuf" => Format::RecordIo,
        "parquet" | "application/x-parquet" => {
            return Err(Failure::client(format!(
                "{content_type}: parquet is not read by Sagebrush's own xgboost. Convert the data to text/csv."
            )));
        }
        _ => {
            return Err(Failure::client(format!(
                "{content_type} is not an accepted ContentType: {ACCEPTED}."
            )));
        }
    };
    let label_size = data::media_parameter(content_type, "label_size");
    if format == Format::Csv && label_size.is_some_and(|size| size != "1") {
        return Err(Failure::client(format!(
            "{content_type} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
        )));
    }
    Ok(format)
}

/// Refuses what no bin can hold and no average survive.
fn check_values(set: &Labelled) -> Result<(), Failure> {
    if set.features.values().iter().any(|value| value.is_infinite()) {
        return Err(Failure::client(
            "Input data contains `inf` or a value too large, while `missing` is not set to `inf`",
        ));
    }
    let fits = |weight: &f32| weight.is_finite() && *weight >= 0.0;
    if !set.weights.iter().all(fits) {
        return Err(Failure::client("Weights must be positive values."));
    }
    if !set.weights.is_empty() && set.weights.iter().all(|weight| *weight == 0.0) {
        return Err(Failure::client("All weights are 0: no row counts. Give some rows a weight."));
    }
    Ok(())
}

/// The latest checkpoint that an earlier attempt left and that goes with this job.
fn resume(
    job: &TrainingInput,
    hyperparameters: &Hyperparameters,
    columns: usize,
    log: &mut Log<'_>,
) -> Result<Option<Booster>, Failure> {
    let Some(folder) = &job.checkpoint_dir else { return Ok(None) };
    let mut found = checkpoints(folder);
    while let Some((round, path)) = found.pop() {
        let read = std::fs::read(&path).map_err(|error| error.to_string());
        let loaded =
            read.and_then(|bytes| model::read(&bytes).map_err(|failure| failure.to_string()));
        match loaded {
            Ok(booster) if booster.rounds() != round + 1 => {
                log.info(&format!("{} is passed over: it is of another round", path.display()))?;
            }
            Ok(booster)
                if booster.objective != hyperparameters.settings.objective
                    || booster.features != columns =>
            {
                return Err(Failure::client(format!(
                    "The checkpoint {} is of a model with objective {} and {} features, this job's has {} and \
                     {columns}. Use another checkpoint location.",
                    path.display(),
                    booster.objective.kind.name(),
                    booster.features,
                    hyperparameters.settings.objective.kind.name(),
                )));
            }
            Ok(booster) => {
                log.info(&format!("Checkpoint loaded from {}", path.display()))?;
                log.info(&format!("Resuming from iteration {}", round + 1))?;
                return Ok(Some(booster));
            }
            Err(error) => log.info(&format!("{} is passed over: {error}", path.display()))?,
        }
    }
    Ok(None)
}

/// The checkpoints of a folder, by round.
fn checkpoints(folder: &Path) -> Vec<(usize, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let round = name.to_str()?.strip_prefix(CHECKPOINT)?.strip_prefix('.')?;
            Some((round.parse().ok()?, entry.path()))
        })
        .collect();
    found.sort_unstable();
    found
}

fn checkpoint(folder: &Path, round: usize, model: &[u8]) -> Result<(), Failure> {
    // The suffix keeps SageMaker from uploading what is not whole.
    let unfinished = folder.join(format!("{CHECKPOINT}.{round}.sagemaker-ignore"));
    let path = folder.join(format!("{CHECKPOINT}.{round}"));
    let written =
        std::fs::write(&unfinished, model).and_then(|()| std::fs::rename(&unfinished, &path));
    written
        .map_err(|error| Failure::internal(format!("cannot write {}: {error}", path.display())))?;
    let kept = checkpoints(folder);
    for (_, old) in kept.iter().take(kept.len().saturating_sub(CHECKPOINTS)) {
        // One too many does no harm.
        let _ = std::fs::remove_file(old);
    }
    Ok(())
}

fn save(path: &Path, booster: &Booster) -> Result<(), Failure> {
    std::fs::write(path, model::write(booster))
        .map_err(|error| Failure::internal(format!("cannot write {}: {error}", path.display())))
}

/// The container's log.
struct Log<'a>(&'a mut dyn Write);

impl Log<'_> {
    fn line(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.0, "{text}")
            .map_err(|error| Failure::internal(format!("cannot write the log: {error}")))
    }

    /// A line of Python's logging, as the container sets it up.
    fn info(&mut self, text: &str) -> Result<(), Failure> {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%d:%H:%M:%S");
        self.line(&format!("[{time}:INFO] {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithms::{Compression, RecordWrapper, Resources, Stop};
    use std::collections::BTreeMap;
    use tempfile::TempDir;

    /// A job below a folder of its own, its rows separable but for some noise.
    fn job(hyperparameters: &[(&str, &str)]) -> (TempDir, TrainingInput) {
        let root = tempfile::tempdir().unwrap();
        let mut channels = BTreeMap::new();
        for (seed, name) in ["train", "validation"].into_iter().enumerate() {
            let path = root.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("rows.csv"), rows(300, seed as u64)).unwrap();
            channels.insert(name.to_owned(), channel(name, path));
        }
        let model_dir = root.path().join("model");
        std::fs::create_dir(&model_dir).unwrap();
        let mut hyperparameters: BTreeMap<String, String> = hyperparameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        hyperparameters.entry("num_round".to_owned()).or_insert_with(|| "6".to_owned());
        hyperparameters
            .entry("objective".to_owned())
            .or_insert_with(|| "binary:logistic".to_owned());
        let job = TrainingInput {
            hyperparameters,
            channels,
            resources: Resources {
                current_host: "algo-1".to_owned(),
                hosts: vec!["algo-1".to_owned()],
            },
            model_dir,
            output_dir: root.path().join("output"),
            checkpoint_dir: None,
            stop: Stop::default(),
        };
        (root, job)
    }

    fn channel(name: &str, path: PathBuf) -> Channel {
        Channel {
            name: name.to_owned(),
            content_type: Some("text/csv".to_owned()),
            mode: InputMode::File,
            compression: Compression::None,
            wrapper: RecordWrapper::None,
            sharded: false,
            path,
        }
    }

    fn rows(count: usize, seed: u64) -> String {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut text = String::new();
        for _ in 0..count {
            let (a, b) = (random.f32(), random.f32());
            let label = u8::from((a + b > 1.0) ^ (random.u8(..) < 20));
            let _ = writeln!(text, "{label},{a},{b}");
        }
        text
    }

    fn run(job: &TrainingInput) -> (Result<(), Failure>, String) {
        let mut log = Vec::new();
        let outcome = train(job, &mut log);
        (outcome, String::from_utf8(log).unwrap())
    }

    fn trained(job: &TrainingInput) -> Booster {
        model::read(&std::fs::read(job.model_dir.join(MODEL_FILE)).unwrap()).unwrap()
    }

    #[test]
    fn the_log_says_who_trains_and_every_rounds_scores() {
        let (_root, job) = job(&[("eval_metric", "logloss,auc")]);
        let (outcome, log) = run(&job);
        outcome.unwrap();
        assert!(log.starts_with("Sagebrush's own xgboost"), "{log}");
        assert!(log.contains(":INFO] Train matrix has 300 rows and 2 columns"), "{log}");
        // The expression of SageMaker's metric definition for validation:auc.
        let metric = regex::Regex::new(
            r".*\[[0-9]+\].*#011validation-auc:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*",
        )
        .unwrap();
        let scores: Vec<f64> =
            log.lines().filter_map(|line| metric.captures(line)?[1].parse().ok()).collect();
        assert_eq!(scores.len(), 6);
        assert!(scores[5] > 0.8, "{scores:?}");
        assert!(log.contains("[5]#011train-logloss:0."), "{log}");
        assert_eq!(trained(&job).rounds(), 6);
    }

    #[test]
    fn a_stop_keeps_the_model_so_far() {
        let (_root, job) = job(&[("num_round", "500")]);
        job.stop.request();
        let (outcome, log) = run(&job);
        outcome.unwrap();
        assert!(log.contains("asked to stop"));
        assert_eq!(trained(&job).rounds(), 1);
    }

    #[test]
    fn an_interrupted_training_goes_on_from_its_checkpoint() {
        let (_plain_root, plain) = job(&[("num_round", "9"), ("subsample", "0.8")]);
        run(&plain).0.unwrap();
        let (root, mut halted) = job(&[("num_round", "9"), ("subsample", "0.8")]);
        let folder = root.path().join("checkpoints");
        std::fs::create_dir(&folder).unwrap();
        halted.checkpoint_dir = Some(folder.clone());
        halted.hyperparameters.insert("num_round".to_owned(), "7".to_owned());
        run(&halted).0.unwrap();
        let kept: Vec<usize> = checkpoints(&folder).into_iter().map(|(round, _)| round).collect();
        assert_eq!(kept, [2, 3, 4, 5, 6]);
        // The last one was being written when the instance went away.
        std::fs::write(folder.join("xgboost-checkpoint.6"), b"{L\0\0").unwrap();
        halted.hyperparameters.insert("num_round".to_owned(), "9".to_owned());
        let (outcome, log) = run(&halted);
        outcome.unwrap();
        assert!(log.contains("xgboost-checkpoint.6 is passed over"), "{log}");
        assert!(log.contains("Resuming from iteration 6"), "{log}");
        assert!(log.contains("\n[6]#011") && !log.contains("\n[5]#011"), "{log}");
        assert_eq!(trained(&halted), trained(&plain));
    }

    #[test]
    fn a_checkpoint_of_another_job_is_not_taken_up() {
        let (root, mut first) = job(&[]);
        first.checkpoint_dir = Some(root.path().to_owned());
        run(&first).0.unwrap();
        first.hyperparameters.insert("objective".to_owned(), "reg:squarederror".to_owned());
        first.hyperparameters.insert("num_round".to_owned(), "9".to_owned());
        let failure = run(&first).0.unwrap_err().to_string();
        assert!(failure.contains("Use another checkpoint location"), "{failure}");
    }

    #[test]
    fn of_several_instances_the_leader_trains_and_shards_are_refused() {
        let (_root, mut job) = job(&[]);
        job.resources.hosts.push("algo-2".to_owned());
        let (outcome, log) = run(&job);
        outcome.unwrap();
        assert!(log.contains("algo-1 trains alone"), "{log}");
        std::fs::remove_file(job.model_dir.join(MODEL_FILE)).unwrap();
        job.resources.current_host = "algo-2".to_owned();
        let (outcome, log) = run(&job);
        outcome.unwrap();
        assert!(log.contains("this instance does nothing"), "{log}");
        assert!(!job.model_dir.join(MODEL_FILE).exists());
        job.channels.get_mut("train").unwrap().sharded = true;
        let failure = run(&job).0.unwrap_err().to_string();
        assert!(failure.contains("ShardedByS3Key"), "{failure}");
    }

    #[test]
    fn data_that_cannot_be_trained_on_is_refused() {
        let refused = |rows: &str, content_type: &str, more: &[(&str, &str)]| {
            let (root, mut job) = job(more);
            job.channels.remove("validation");
            std::fs::write(root.path().join("train/rows.csv"), rows).unwrap();
            job.channels.get_mut("train").unwrap().content_type = Some(content_type.to_owned());
            run(&job).0.unwrap_err().to_string()
        };
        assert!(
            refused("2,1,1\n", "text/csv", &[])
                .contains("label must be in [0,1] for logistic regression")
        );
        assert!(refused("0,inf,1\n", "text/csv", &[]).contains("`inf`"));
        assert!(refused("0,-1,1,2\n", "text/csv", &[("csv_weights", "1")]).contains("positive"));
        assert!(refused("0,x,1\n", "text/csv", &[]).contains("'x'"));
        assert!(
            refused("0,1,1\n", "text/csv;label_size=2", &[])
                .contains("label_size must be equal to 1")
        );
        assert!(refused("0,1,1\n", "application/x-parquet", &[]).contains("parquet is not read"));
        assert!(
            refused("0,1,1\n", "image/png", &[])
                .contains("image/png is not an accepted ContentType: csv,")
        );
    }

    #[test]
    fn channels_are_those_of_the_container() {
        let (_root, mut job) = job(&[]);
        let train = job.channels.remove("train").unwrap();
        assert_eq!(run(&job).0, Err(Failure::client("Missing required channel: train")));
        job.channels.insert("test".to_owned(), train);
        assert_eq!(run(&job).0, Err(Failure::client("Extraneous channel found: test")));
    }
}
