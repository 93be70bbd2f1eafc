//! The reconciler against containers that succeed, fail, hang, and regions that end under them.

use super::super::testing::Bench;
use super::machine::Secondary;
use crate::domain::kind::TRAINING_JOB;
use crate::domain::time::{ManualClock, Timestamp};
use crate::store::Row;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

async fn create(bench: &Bench, name: &str, image: &str, more: Value) {
    bench.put("data", "train/rows.csv", b"1,2\n").await;
    let mut input = json!({
        "TrainingJobName": name,
        "AlgorithmSpecification": {
            "TrainingImage": image, "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(\\S+)"}],
        },
        "RoleArn": "arn:aws:iam::123456789012:role/role",
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": "s3://data/train"}}}],
        "OutputDataConfig": {"S3OutputPath": "s3://data/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    });
    for (member, value) in more.as_object().unwrap() {
        input[member] = value.clone();
    }
    bench.call("CreateTrainingJob", input).await.unwrap();
}

fn history(row: &Row) -> Vec<&str> {
    row.body["SecondaryStatusTransitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["Status"].as_str().unwrap())
        .collect()
}

async fn until_training(bench: &Bench, name: &str) -> Row {
    until_attempt(bench, name, 1).await
}

/// Waits until the job trains for the n-th time.
async fn until_attempt(bench: &Bench, name: &str, number: usize) -> Row {
    bench
        .until(TRAINING_JOB, name, |row| {
            let begun = history(row).iter().filter(|&&status| status == "Training").count();
            begun == number && row.body["SecondaryStatus"] == "Training"
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_completes_with_its_metrics_and_times() {
    let bench = Bench::new().await;
    create(&bench, "j", "fake/trains", json!({})).await;
    let row = bench.until_status(TRAINING_JOB, "j", "Completed").await;
    assert_eq!(history(&row), ["Starting", "Downloading", "Training", "Uploading", "Completed"]);
    assert_eq!(row.body["FinalMetricDataList"][0]["Value"], 0.5);
    assert_eq!(row.body["BillableTimeInSeconds"], 1);
    assert_eq!(
        row.body["ModelArtifacts"]["S3ModelArtifacts"],
        "s3://data/out/j/output/model.tar.gz"
    );
    for time in ["CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime"] {
        assert!(row.body[time].is_number(), "{time}");
    }
    assert!(bench.region.store().objects().head("data", "out/j/output/model.tar.gz").is_ok());
    let work = bench.region.dir().join("work");
    while std::fs::read_dir(&work).unwrap().next().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let error = bench.call("StopTrainingJob", json!({"TrainingJobName": "j"})).await.unwrap_err();
    assert_eq!(
        error.message,
        "The request was rejected because the training job is in status Completed."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_inputs_are_checked_at_once() {
    let bench = Bench::new().await;
    create(&bench, "j", "fake/trains", json!({})).await;
    let input = bench.call("DescribeTrainingJob", json!({"TrainingJobName": "j"})).await.unwrap();
    let error = bench.call("CreateTrainingJob", input.clone()).await.unwrap_err();
    assert_eq!(error.code, "ResourceInUse");
    assert!(error.message.starts_with("Training job names must be unique within an AWS account"));
    let mut input = input;
    input["TrainingJobName"] = "k".into();
    input["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://data/none".into();
    let error = bench.call("CreateTrainingJob", input).await.unwrap_err();
    assert!(error.message.starts_with("No S3 objects found under S3 URL \"s3://data/none\""));
    let missing = json!({"TrainingJobName": "k"});
    let error = bench.call("DescribeTrainingJob", missing).await.unwrap_err();
    assert_eq!(error.code, "ValidationException");
    assert_eq!(error.message, "Requested resource not found.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_in_the_container_s_own_words() {
    let bench = Bench::new().await;
    create(&bench, "j", "fake/fails", json!({})).await;
    let row = bench.until_status(TRAINING_JOB, "j", "Failed").await;
    assert_eq!(row.body["FailureReason"], "AlgorithmError: the rows do not rhyme, exit code: 1");
    assert_eq!(row.body["SecondaryStatus"], "Failed");
    create(&bench, "k", "fake/foreign", json!({})).await;
    let row = bench.until_status(TRAINING_JOB, "k", "Failed").await;
    assert_eq!(row.body["FailureReason"], "ClientError: fake/foreign does not run in this engine.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_keeps_the_model() {
    let bench = Bench::new().await;
    for (name, image) in [("j", "fake/hangs"), ("k", "fake/stubborn")] {
        create(&bench, name, image, json!({})).await;
        until_training(&bench, name).await;
        bench.call("StopTrainingJob", json!({"TrainingJobName": name})).await.unwrap();
        let row = bench.until_status(TRAINING_JOB, name, "Stopped").await;
        assert_eq!(
            history(&row),
            ["Starting", "Downloading", "Training", "Stopping", "Uploading", "Stopped"]
        );
        let key = format!("out/{name}/output/model.tar.gz");
        assert!(bench.region.store().objects().head("data", &key).is_ok());
    }
}

/// A clock that is set, or a machine that slept, is no time of training. The stamps follow it.
#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_clock_is_no_training_time() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
    let bench = Bench::with_clock(clock.clone()).await;
    let spot = json!({"EnableManagedSpotTraining": true, "StoppingCondition":
        {"MaxRuntimeInSeconds": 3_600, "MaxWaitTimeInSeconds": 7_200}});
    create(&bench, "j", "fake/hangs", spot).await;
    let started = until_training(&bench, "j").await.body["TrainingStartTime"].clone();
    clock.advance(Duration::from_secs(10));
    clock.jump(86_400_000);
    bench.call("StopTrainingJob", json!({"TrainingJobName": "j"})).await.unwrap();
    let row = bench.until_status(TRAINING_JOB, "j", "Stopped").await;
    assert_eq!(row.body["TrainingTimeInSeconds"], 10);
    assert_eq!(row.body["BillableTimeInSeconds"], 10);
    let ended = row.body["TrainingEndTime"].as_f64().unwrap();
    assert_eq!(ended - started.as_f64().unwrap(), 86_410.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_runs_out_over_all_attempts() {
    let bench = Bench::new().await;
    let limit = json!({"StoppingCondition": {"MaxRuntimeInSeconds": 1}});
    create(&bench, "j", "fake/hangs", limit).await;
    let row = bench.until_status(TRAINING_JOB, "j", "Stopped").await;
    assert_eq!(row.body["SecondaryStatus"], "MaxRuntimeExceeded");
    assert!(row.body["TrainingTimeInSeconds"].as_u64().unwrap() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_do_not_fit_wait_their_turn() {
    let bench = Bench::new().await;
    let cores = std::thread::available_parallelism().unwrap().get();
    // Types that the catalog does not know count as one core.
    let all = json!({"ResourceConfig": {"InstanceType": "unknown", "InstanceCount": cores, "VolumeSizeInGB": 1}});
    create(&bench, "first", "fake/hangs", all.clone()).await;
    until_training(&bench, "first").await;
    create(&bench, "second", "fake/trains", all).await;
    let waits = |row: &Row| row.body["SecondaryStatus"] == "Pending";
    let row = bench.until(TRAINING_JOB, "second", waits).await;
    let said = &row.body["SecondaryStatusTransitions"][1]["StatusMessage"];
    assert_eq!(said, "Training job waiting for capacity");
    create(&bench, "third", "fake/trains", json!({})).await;
    bench.until(TRAINING_JOB, "third", waits).await;
    bench.call("StopTrainingJob", json!({"TrainingJobName": "third"})).await.unwrap();
    let row = bench.until_status(TRAINING_JOB, "third", "Stopped").await;
    assert!(row.body.get("TrainingStartTime").is_none());
    assert!(row.body.get("BillableTimeInSeconds").is_none());
    bench.call("StopTrainingJob", json!({"TrainingJobName": "first"})).await.unwrap();
    let row = bench.until_status(TRAINING_JOB, "second", "Completed").await;
    assert_eq!(history(&row)[..3], ["Starting", "Pending", "Downloading"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_job_starts_again() {
    let mut bench = Bench::new().await;
    create(&bench, "j", "fake/hangs", json!({})).await;
    until_training(&bench, "j").await;
    for (attempt, orderly) in [(2, false), (3, true)] {
        bench = if orderly { bench.restart().await } else { bench.crash().await };
        let row = until_attempt(&bench, "j", attempt).await;
        let history = history(&row);
        assert_eq!(
            history[history.len() - 4..],
            ["Interrupted", "Restarting", "Downloading", "Training"]
        );
    }
    bench.call("StopTrainingJob", json!({"TrainingJobName": "j"})).await.unwrap();
    bench.until_status(TRAINING_JOB, "j", "Stopped").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_keeps_dying_fails_with_a_reason() {
    let mut bench = Bench::new().await;
    let twice = json!({"RetryStrategy": {"MaximumRetryAttempts": 2}});
    create(&bench, "j", "fake/hangs", twice.clone()).await;
    for attempt in 1..=3 {
        until_attempt(&bench, "j", attempt).await;
        bench = bench.crash().await;
    }
    let row = bench.until_status(TRAINING_JOB, "j", "Failed").await;
    let reason = row.body["FailureReason"].as_str().unwrap();
    assert!(reason.starts_with("InternalServerError: the region ended 3 times"), "{reason}");

    create(&bench, "k", "fake/faulty", twice).await;
    let row = bench.until_status(TRAINING_JOB, "k", "Failed").await;
    assert_eq!(history(&row).iter().filter(|&&status| status == "Training").count(), 3);
    assert_eq!(row.body["FailureReason"], "InternalServerError: no disk, exit code: 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_has_ended_can_be_deleted() {
    let bench = Bench::new().await;
    create(&bench, "j", "fake/hangs", json!({})).await;
    until_training(&bench, "j").await;
    let name = json!({"TrainingJobName": "j"});
    let error = bench.call("DeleteTrainingJob", name.clone()).await.unwrap_err();
    assert_eq!(error.code, "ResourceInUse");
    bench.call("StopTrainingJob", name.clone()).await.unwrap();
    bench.until_status(TRAINING_JOB, "j", "Stopped").await;
    bench.call("DeleteTrainingJob", name.clone()).await.unwrap();
    let error = bench.call("DeleteTrainingJob", name).await.unwrap_err();
    assert_eq!(error.code, "ResourceNotFound");
    create(&bench, "j", "fake/trains", json!({})).await;
    bench.until_status(TRAINING_JOB, "j", "Completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_instance_that_failed_says_why() {
    let bench = Bench::new().await;
    let two = json!({"ResourceConfig":
        {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}});
    create(&bench, "j", "fake/second-fails", two).await;
    let row = bench.until_status(TRAINING_JOB, "j", "Failed").await;
    assert_eq!(row.body["FailureReason"], "AlgorithmError: the rows do not rhyme, exit code: 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_instances_are_one_job() {
    let bench = Bench::new().await;
    let three = json!({"ResourceConfig": {"InstanceType": "unknown", "InstanceCount": 3, "VolumeSizeInGB": 1}});
    create(&bench, "j", "fake/trains", three).await;
    let row = bench.until_status(TRAINING_JOB, "j", "Completed").await;
    assert_eq!(row.body["SecondaryStatus"], Secondary::Completed.name());
    assert_eq!(bench.engine.started.load(std::sync::atomic::Ordering::SeqCst), 3);
}
