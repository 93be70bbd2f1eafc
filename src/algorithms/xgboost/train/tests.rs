//! Training jobs as the container runs them, from channels to the model and its checkpoints.

use super::super::model;
use super::checkpoint::checkpoints;
use super::*;
use crate::algorithms::{Compression, InputMode, RecordWrapper, Resources, Stop};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
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
    hyperparameters.entry("objective".to_owned()).or_insert_with(|| "binary:logistic".to_owned());
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
    run_with(job, &mut Keeper::new())
}

fn run_with(job: &TrainingInput, keeper: &mut Keeper) -> (Result<(), Failure>, String) {
    let mut log = Vec::new();
    let outcome = train_with(Version::NEWEST, job, keeper, &mut log);
    (outcome, String::from_utf8(log).unwrap())
}

/// One that finds a checkpoint due after every round.
fn eager() -> Keeper {
    Keeper::paced(Duration::ZERO, 0)
}

/// One that finds none due before the last round.
fn patient() -> Keeper {
    Keeper::paced(Duration::from_secs(1 << 30), 0)
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
fn a_thousand_rounds_without_checkpoints_write_one_model() {
    let (_root, mut job) = job(&[("num_round", "1000"), ("max_depth", "1")]);
    job.channels.remove("validation");
    let mut keeper = eager();
    run_with(&job, &mut keeper).0.unwrap();
    assert_eq!(keeper.written, 1);
    assert_eq!(trained(&job).rounds(), 1000);
}

#[test]
fn checkpoints_are_written_by_time_and_when_training_ends() {
    let (root, mut job) = job(&[("num_round", "300"), ("max_depth", "1")]);
    job.checkpoint_dir = Some(root.path().to_owned());
    let mut keeper = patient();
    run_with(&job, &mut keeper).0.unwrap();
    assert_eq!(keeper.written, 2, "the checkpoint of the last round, and the model");
    assert_eq!(checkpoints(root.path())[0].0, 299);
    let (root, mut job) = self::job(&[("num_round", "300")]);
    job.checkpoint_dir = Some(root.path().to_owned());
    job.stop.request();
    run_with(&job, &mut patient()).0.unwrap();
    assert_eq!(checkpoints(root.path())[0].0, 0, "a stop leaves a checkpoint, too");
}

#[test]
fn every_fold_has_its_model_and_every_row_what_they_predict() {
    let (root, job) =
        job(&[("_kfold", "3"), ("_num_cv_round", "2"), ("eval_metric", "logloss,error")]);
    let (outcome, log) = run(&job);
    outcome.unwrap();
    let model = |number: usize| job.model_dir.join(format!("{MODEL_FILE}-{number}"));
    let models: Vec<Booster> =
        (0..6).map(|number| model::read(&std::fs::read(model(number)).unwrap()).unwrap()).collect();
    assert!(models.iter().all(|model| model.rounds() == 6));
    assert_ne!(models[0], models[3], "the second round parts the rows otherwise");
    assert!(!job.model_dir.join(MODEL_FILE).exists());
    assert!(log.contains("Run 2-round of 3-fold cross validation with 600 rows"), "{log}");
    let means: Vec<&str> = log.lines().filter(|line| line.starts_with("[6]#011")).collect();
    assert_eq!(means.len(), 3, "of each round and of both: {log}");
    // The mean is that of what the folds' last rounds showed of the whole channels.
    let score = |line: &str, name: &str| -> f64 {
        let text = line.split("#011").find_map(|part| part.strip_prefix(name)).unwrap();
        text.trim_start_matches(':').parse().unwrap()
    };
    let last: Vec<&str> = log.lines().filter(|line| line.starts_with("[5]#011")).collect();
    for name in ["train-logloss", "validation-logloss", "validation-error"] {
        let mean = last[..3].iter().map(|line| score(line, name)).sum::<f64>() / 3.0;
        assert!((mean - score(means[0], name)).abs() < 2e-5, "{name}");
    }
    let predictions = std::fs::read_to_string(root.path().join("output/predictions.csv")).unwrap();
    assert_eq!(predictions.lines().count(), 600);
    let right = |line: &str| {
        let fields: Vec<f64> = line.split(',').map(|field| field.parse().unwrap()).collect();
        fields[0] == fields[2] && (fields[1] > 0.5) == (fields[2] > 0.5)
    };
    assert!(predictions.lines().filter(|line| right(line)).count() > 450);
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
    run_with(&halted, &mut eager()).0.unwrap();
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
        refused("0,1,1\n", "text/csv;label_size=2", &[]).contains("label_size must be equal to 1")
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

#[test]
fn a_channel_without_a_content_type_is_told_of_the_default() {
    let (_root, mut job) = job(&[]);
    job.channels.get_mut("train").unwrap().content_type = None;
    let failure = run(&job).0.unwrap_err().to_string();
    assert!(failure.contains("Failed to load libsvm data with exception:"), "{failure}");
    assert!(failure.contains("channel train has no ContentType, for which libsvm"), "{failure}");
}

#[test]
fn rows_of_one_class_have_no_area_and_the_log_says_so() {
    let (root, job) = job(&[("eval_metric", "auc")]);
    std::fs::write(root.path().join("validation/rows.csv"), "1,0.5,0.5\n1,0.2,0.1\n").unwrap();
    let (outcome, log) = run(&job);
    outcome.unwrap();
    assert!(
        log.contains("WARNING] Dataset is empty, or contains only positive or negative"),
        "{log}"
    );
    assert!(log.contains("validation-auc:nan"), "{log}");
    let old = Version::of_image("sagemaker-xgboost:1.2-2");
    let failure = train_with(old, &job, &mut Keeper::new(), &mut Vec::new()).unwrap_err();
    assert!(failure.to_string().contains("only contains pos or neg samples"), "{failure}");
}

#[test]
fn what_the_library_refuses_is_the_users_error_where_the_container_takes_it_for_one() {
    let refused = |objective: &str| {
        let (root, job) = job(&[("objective", objective), ("eval_metric", "rmse")]);
        std::fs::write(root.path().join("train/rows.csv"), "-3,0.5,0.5\n").unwrap();
        run(&job).0.unwrap_err()
    };
    assert!(matches!(refused("count:poisson"), Failure::Client(_)));
    let gamma = refused("reg:gamma");
    assert!(matches!(gamma, Failure::Algorithm(_)), "{gamma}");
    assert!(gamma.to_string().contains("XGB train call failed with exception"));
}
