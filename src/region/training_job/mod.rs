//! Training jobs: what may be asked of them, and what brings them to their end.
//!
//! The operations here write rows and nothing else. [`reconciler`] hears of each row and drives it:
//! [`attempt`] lays out the input, runs the containers and carries the artifacts back. Where a job
//! may go from where it is stands in [`machine`].

mod artifact;
mod attempt;
mod curve;
pub mod machine;
mod metrics;
mod monitor;
mod reconciler;
mod record;
mod rules;
mod spec;
#[cfg(test)]
mod tests;

pub use curve::{Curve, Curves, Point};
pub use monitor::{History, Monitor, Monitors, Reading, Used, from_log as metrics_from_log};
pub use reconciler::{reconcile, work_folders};
pub(super) use record::text_map;
pub(super) use spec::size as instance_size;

use super::dispatch::Table;
use super::{
    Answer, Call, Refusal, Region, View, billing, error, family, hold, listing, objects, seeds, tag,
};
use crate::domain::kind;
use crate::domain::time::Timestamp;
use crate::store::{Row, StoreError};
use machine::{Progress, Secondary, Status};
use record::{Record, Stop};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A day, in seconds.
const DEFAULT_MAX_RUNTIME: i64 = 24 * 3600;

/// The members that say what the job is, as far as the region itself looks at them. Whatever else
/// was sent comes back from Describe as it came.
const RECORDED: &str = "VpcConfig, network isolation, traffic encryption, KMS keys, Debugger, \
    Profiler, TensorBoard, experiments, MLflow, warm pools (KeepAlivePeriodInSeconds), training \
    plans, TrainingImageConfig, ModelPackageConfig, SessionChainingConfig and InfraCheckConfig are \
    recorded only. A job with a command or script of the caller's (ContainerEntrypoint, \
    ContainerArguments, sagemaker_program, SAGEMAKER_PROGRAM) fails: built-in algorithms alone run. \
    MetricDefinitions are taken for built-in algorithms too, which AWS refuses. A spot job's \
    discount is not known: BillableTimeInSeconds is its time on instances.";

pub(super) fn rows(table: &mut Table) {
    table
        .service("sagemaker")
        .behaves_but("CreateTrainingJob", RECORDED, create)
        .behaves("DescribeTrainingJob", describe)
        .behaves_but(
            "ListTrainingJobs",
            "StatusEquals filters before the page is cut, not after. No job has a warm pool. Without \
             SortOrder the newest comes first, as AWS's own example has it; its reference says Ascending.",
            list,
        )
        .behaves("StopTrainingJob", stop)
        .behaves("DeleteTrainingJob", delete)
        .behaves_but(
            "UpdateTrainingJob",
            "Profiler and remote debugging are recorded only; there are no warm pools to retain.",
            update,
        );
}

/// A job's time on instances, by instance type.
pub(super) fn instance_time(row: &Row, steady: Timestamp) -> BTreeMap<String, Duration> {
    let mut times = ledger(row).total(steady);
    times.retain(|_, span| !span.is_zero());
    times
}

/// What a job's row says of its time on instances.
pub(super) fn ledger(row: &Row) -> billing::Ledger {
    let (mut settled, mut running) = (BTreeMap::new(), BTreeMap::new());
    let private: record::Private = serde_json::from_value(row.private.clone()).unwrap_or_default();
    for group in spec::groups(&row.body) {
        *settled.entry(group.instance_type.clone()).or_insert(0) +=
            private.ran_ms * u64::from(group.count);
        if private.began.is_some() {
            *running.entry(group.instance_type).or_insert(0) += group.count;
        }
    }
    billing::Ledger::of(settled, running, private.began)
}

fn arn(region: &Region, name: &str) -> String {
    region.place().sagemaker(kind::TRAINING_JOB, name)
}

fn not_found() -> Refusal {
    Refusal::invalid("Requested resource not found.")
}

async fn create(region: Arc<Region>, mut call: Call) -> Answer {
    rules::check(&call.input)?;
    inputs_exist(&region, &call.input).await?;
    let tags = tag::taken_from(&mut call.input)?;
    let name = call.input.name("TrainingJobName").to_owned();
    let arn = arn(&region, &name);
    let body = complete(call.input, &name, &arn);
    let steady = region.steady();
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let now = change.now();
            let mut row = Row::new(kind::TRAINING_JOB, &name, now, body);
            family::set(&mut row.body, "CreationTime", now.to_document());
            if let Some(members) = row.body.as_object_mut() {
                Progress::created(now).write(members);
            }
            family::touched(&mut row.body, now);
            row.status = Status::InProgress.name().to_owned();
            let private = record::Private { created: Some(steady), ..Default::default() };
            row.private = serde_json::to_value(private).map_err(StoreError::Document)?;
            change.insert(row).map_err(|fault| {
                error::taken(fault, || {
                    Refusal::Taken(format!(
                        "Training job names must be unique within an AWS account and region, and \
                         a training job with this name already exists ({arn})"
                    ))
                })
            })?;
            tag::put(change, &arn, &tags)?;
            Ok(json!({"TrainingJobArn": arn}))
        })
        .await
}

/// Refuses a job whose channels name nothing, once the workspace's own files have been looked at.
async fn inputs_exist(region: &Arc<Region>, input: &Value) -> Result<(), Refusal> {
    let look = || {
        let look = (input.clone(), objects::of(region), region.place().region.clone());
        tokio::task::spawn_blocking(move || rules::inputs_exist(&look.0, &*look.1, &look.2))
    };
    let failed = |error| Refusal::Store(StoreError::Io(std::io::Error::other(error)));
    if look().await.map_err(failed)?.is_ok() {
        return Ok(());
    }
    for bucket in rules::buckets(input) {
        seeds::take_in(region, Some(&bucket)).await?;
    }
    look().await.map_err(failed)?
}

/// The caller's document with what the service fills in.
fn complete(mut body: Value, name: &str, arn: &str) -> Value {
    family::set(&mut body, "TrainingJobArn", arn);
    for flag in [
        "EnableNetworkIsolation",
        "EnableInterContainerTrafficEncryption",
        "EnableManagedSpotTraining",
    ] {
        family::default(&mut body, flag, false);
    }
    family::default(&mut body, "StoppingCondition", json!({}));
    family::default(&mut body["StoppingCondition"], "MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME);
    for channel in
        body.get_mut("InputDataConfig").and_then(Value::as_array_mut).into_iter().flatten()
    {
        family::default(channel, "CompressionType", "None");
        family::default(channel, "RecordWrapperType", "None");
        if let Some(source) = channel.pointer_mut("/DataSource/S3DataSource") {
            family::default(source, "S3DataDistributionType", "FullyReplicated");
        }
    }
    let output = body["OutputDataConfig"].name("S3OutputPath").trim_end_matches('/').to_owned();
    family::default(&mut body["OutputDataConfig"], "CompressionType", "GZIP");
    let artifact = spec::artifact(&output, name, body["OutputDataConfig"].name("CompressionType"));
    family::set(&mut body, "ModelArtifacts", json!({"S3ModelArtifacts": artifact}));
    let definitions = metrics::effective(
        spec::built_in(&body).as_deref(),
        &body["HyperParameters"],
        body["AlgorithmSpecification"].list("MetricDefinitions"),
    );
    if !definitions.is_empty() {
        family::set(&mut body["AlgorithmSpecification"], "MetricDefinitions", definitions);
    }
    if spec::built_in(&body).is_some() {
        family::default(
            &mut body["AlgorithmSpecification"],
            "EnableSageMakerMetricsTimeSeries",
            true,
        );
    }
    body
}

fn find(region: &Region, name: &str) -> Result<Row, Refusal> {
    region
        .store()
        .read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.get(kind::TRAINING_JOB, name)?) })?
        .ok_or_else(not_found)
}

async fn describe(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("TrainingJobName");
    let running = |row: &Row| Status::parse(&row.status).is_some_and(|it| !it.is_terminal());
    let longest = region.options().hold.jobs;
    let look = || find(&region, name);
    Ok(document(hold::settled(&region, kind::TRAINING_JOB, longest, running, look).await?))
}

/// What Describe and Search show of a job: the row's document with the members that the service
/// always returns, so that jobs of earlier versions have them too.
pub(super) fn document(row: Row) -> Value {
    let mut body = row.body;
    if let Some(output) = body.get_mut("OutputDataConfig") {
        // The SDK indexes it; without a key the service says "".
        family::default(output, "KmsKeyId", "");
    }
    let profiles =
        body.part("ProfilerConfig").is_some_and(|profiler| !profiler.flag("DisableProfiler"));
    family::default(&mut body, "ProfilingStatus", if profiles { "Enabled" } else { "Disabled" });
    body
}

async fn list(region: Arc<Region>, call: Call) -> Answer {
    let query = listing::query(call.operation, &call.input, kind::TRAINING_JOB)?;
    let plan = call.input.text("TrainingPlanArnEquals").map(str::to_owned);
    let warm = call.input.has("WarmPoolStatusEquals");
    let keep = |row: &Row| {
        !warm
            && plan
                .as_deref()
                .is_none_or(|plan| row.body["ResourceConfig"].text("TrainingPlanArn") == Some(plan))
    };
    region.store().read(|snapshot| {
        listing::filtered(snapshot, &query, "TrainingJobSummaries", keep, |row| row.body)
    })
}

async fn stop(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("TrainingJobName").to_owned();
    let steady = region.steady();
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let row = change.get(kind::TRAINING_JOB, &name)?.ok_or_else(not_found)?;
            let mut record = Record::of(row, change.now(), steady).ok_or_else(not_found)?;
            let status = record.progress.status();
            if status == Status::Stopping {
                return Ok(());
            }
            if status.is_terminal() || record.enter(Secondary::Stopping).is_err() {
                return Err(Refusal::Invalid(format!(
                    "The request was rejected because the training job is in status {}.",
                    status.name()
                )));
            }
            record.private.stop = Some(Stop::Requested);
            Ok(change.update(&record.into_row()?)?)
        })
        .await?;
    Ok(family::nothing())
}

async fn delete(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("TrainingJobName").to_owned();
    let arn = arn(&region, &name);
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let absent = || Refusal::Absent("Requested resource not found.".to_owned());
            let row = change.get(kind::TRAINING_JOB, &name)?.ok_or_else(absent)?;
            let ended = Status::parse(&row.status).is_some_and(Status::is_terminal);
            if !ended {
                return Err(Refusal::Taken(format!(
                    "The training job {arn} cannot be deleted because it is in status {}. Only \
                     jobs that are Completed, Failed or Stopped can be deleted.",
                    row.status
                )));
            }
            billing::keep_training(change, &row)?;
            change.delete(kind::TRAINING_JOB, &name)?;
            Ok(tag::forget(change, &arn)?)
        })
        .await?;
    Ok(family::nothing())
}

async fn update(region: Arc<Region>, call: Call) -> Answer {
    let input = call.input;
    let name = input.name("TrainingJobName").to_owned();
    let arn = arn(&region, &name);
    let steady = region.steady();
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let row = change.get(kind::TRAINING_JOB, &name)?.ok_or_else(not_found)?;
            let mut record = Record::of(row, change.now(), steady).ok_or_else(not_found)?;
            updated(&mut record, &input)?;
            change.update(&record.into_row()?)?;
            Ok(())
        })
        .await?;
    Ok(json!({"TrainingJobArn": arn}))
}

fn updated(record: &mut Record, input: &Value) -> Result<(), Refusal> {
    let status = record.progress.status();
    if input.has("ResourceConfig") {
        return Err(Refusal::invalid(
            "KeepAlivePeriodInSeconds can be updated only for a training job whose warm pool is \
             Available, and this one has none: Sagebrush keeps no warm pools.",
        ));
    }
    if status != Status::InProgress {
        return Err(Refusal::Invalid(format!(
            "The request was rejected because the training job is in status {}.",
            status.name()
        )));
    }
    if let Some(debug) = input.part("RemoteDebugConfig") {
        let secondary = record.progress.secondary();
        if !matches!(secondary, Secondary::Downloading | Secondary::Training) {
            return Err(Refusal::Invalid(format!(
                "RemoteDebugConfig can be updated only while the secondary status is Downloading \
                 or Training; it is {}.",
                secondary.name()
            )));
        }
        record.set("RemoteDebugConfig", debug.clone());
    }
    if let Some(rules) = input.part("ProfilerRuleConfigurations") {
        record.set("ProfilerRuleConfigurations", rules.clone());
    }
    if let Some(Value::Object(profiler)) = input.part("ProfilerConfig") {
        let mut merged = record
            .row
            .body
            .part("ProfilerConfig")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        merged.extend(profiler.clone());
        let disabled = merged.get("DisableProfiler") == Some(&Value::Bool(true));
        record.set("ProfilerConfig", merged);
        record.set("ProfilingStatus", if disabled { "Disabled" } else { "Enabled" });
    }
    Ok(())
}
