//! `wait`: until training jobs are done and endpoints stand, told by the region's watch stream
//! rather than by asking again and again.

use super::grammar::WaitArgs;
use super::outcome::{CommandError, Outcome, Table};
use super::session::{Session, text};
use crate::client::CallError;
use crate::domain::kind;
use serde_json::{Value, json};
use std::time::Duration;

pub async fn run(session: &mut Session, args: &WaitArgs) -> Result<Outcome, CommandError> {
    let limit = Duration::from_secs(args.timeout);
    let all = async {
        let mut outcomes = Vec::new();
        for name in &args.names {
            outcomes.push(one(session, name).await?);
        }
        Ok::<_, CommandError>(outcomes)
    };
    let outcomes = tokio::time::timeout(limit, all).await.map_err(|_| {
        CommandError::Failed(format!(
            "gave up after {} s; `describe` shows where it stands, --timeout waits longer",
            args.timeout
        ))
    })??;
    let mut whole = Outcome::default();
    for outcome in outcomes {
        if !whole.summary.is_empty() {
            whole.summary.push('\n');
        }
        whole.summary.push_str(&outcome.summary);
        whole.tables.extend(outcome.tables);
        if args.names.len() == 1 {
            whole.value = outcome.value;
        } else if let Value::Array(values) = &mut whole.value {
            values.push(outcome.value);
        } else {
            whole.value = json!([outcome.value]);
        }
    }
    Ok(whole)
}

/// A training job of that name if there is one, else the endpoint.
async fn one(session: &mut Session, name: &str) -> Result<Outcome, CommandError> {
    let input = json!({"TrainingJobName": name});
    match session.client.call("sagemaker", "DescribeTrainingJob", &input).await {
        Ok(_) => training_job(session, name).await,
        Err(CallError::Aws(_)) => {
            let input = json!({"EndpointName": name});
            match session.client.call("sagemaker", "DescribeEndpoint", &input).await {
                Ok(_) => endpoint(session, name).await,
                Err(CallError::Aws(_)) => Err(CommandError::Failed(format!(
                    "there is neither a training job nor an endpoint called {name}"
                ))),
                Err(other) => Err(other.into()),
            }
        }
        Err(other) => Err(other.into()),
    }
}

pub async fn training_job(session: &mut Session, name: &str) -> Result<Outcome, CommandError> {
    let input = json!({"TrainingJobName": name});
    let job = settled(session, kind::TRAINING_JOB, name, "DescribeTrainingJob", &input, |job| {
        matches!(text(job, "/TrainingJobStatus"), "Completed" | "Failed" | "Stopped")
    })
    .await?;
    match text(&job, "/TrainingJobStatus") {
        "Failed" => Err(CommandError::Failed(format!(
            "training job {name} failed: {}\nits log: logs {name}",
            text(&job, "/FailureReason")
        ))),
        status => Ok(finished(name, status, &job)),
    }
}

fn finished(name: &str, status: &str, job: &Value) -> Outcome {
    let billable = job.pointer("/BillableTimeInSeconds").and_then(Value::as_u64);
    let billable = billable.map(|seconds| format!(", {seconds} s billable")).unwrap_or_default();
    let mut outcome = Outcome::said(format!("training job {name}: {status}{billable}"))
        .with_value(without_definitions(job))
        .capturing(text(job, "/TrainingJobArn"));
    let metrics = job.pointer("/FinalMetricDataList").and_then(Value::as_array);
    if let Some(metrics) = metrics.filter(|metrics| !metrics.is_empty()) {
        let mut table = Table::new("", &["metric", "value"]);
        for metric in metrics {
            let value = metric.pointer("/Value").and_then(Value::as_f64).unwrap_or(f64::NAN);
            table.push([text(metric, "/MetricName").to_owned(), format!("{value:.5}")]);
        }
        outcome = outcome.with_table(table);
    }
    outcome
}

/// The job as described, less the regular expressions of its metrics: fifteen kilobytes that nobody
/// waits for. `describe` shows them.
fn without_definitions(job: &Value) -> Value {
    let mut job = job.clone();
    if let Some(Value::Object(algorithm)) = job.get_mut("AlgorithmSpecification") {
        algorithm.remove("MetricDefinitions");
    }
    job
}

pub async fn endpoint(session: &mut Session, name: &str) -> Result<Outcome, CommandError> {
    let input = json!({"EndpointName": name});
    let endpoint = settled(session, kind::ENDPOINT, name, "DescribeEndpoint", &input, |endpoint| {
        matches!(
            text(endpoint, "/EndpointStatus"),
            "InService" | "Failed" | "OutOfService" | "UpdateRollbackFailed"
        )
    })
    .await?;
    match text(&endpoint, "/EndpointStatus") {
        "InService" => {
            let failed = match text(&endpoint, "/FailureReason") {
                "" => String::new(),
                reason => format!(" (its latest update failed: {reason})"),
            };
            Ok(Outcome::said(format!("endpoint {name}: InService{failed}"))
                .capturing(text(&endpoint, "/EndpointArn"))
                .with_value(endpoint))
        }
        status => Err(CommandError::Failed(format!(
            "endpoint {name} is {status}: {}\nits log: logs {name}",
            text(&endpoint, "/FailureReason")
        ))),
    }
}

/// Describes again whenever the region tells of a change, until `done`.
async fn settled(
    session: &mut Session,
    kind: &str,
    name: &str,
    operation: &str,
    input: &Value,
    done: impl Fn(&Value) -> bool,
) -> Result<Value, CommandError> {
    session.note("sagemaker", operation, input.clone());
    let mut watch = session.client.watch_from_now().await?;
    loop {
        let found = session.client.call("sagemaker", operation, input).await?;
        if done(&found) {
            return Ok(found);
        }
        session.progress.step(0, 0, &format!("{name}: {}", standing(&found)));
        watch.changed(kind, name).await?;
    }
}

fn standing(found: &Value) -> &str {
    match text(found, "/SecondaryStatus") {
        "" => text(found, "/EndpointStatus"),
        secondary => secondary,
    }
}
