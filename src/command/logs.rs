//! `logs`: what containers print, of a job, an endpoint or any log group.

use super::grammar::LogsArgs;
use super::outcome::{CommandError, Outcome};
use super::session::{Session, text};
use crate::client::CallError;
use crate::domain::time::Timestamp;
use serde_json::{Value, json};

/// Where SageMaker's containers log, by what they belong to.
const GROUPS: [(&str, &str, &str); 2] = [
    ("DescribeTrainingJob", "TrainingJobName", "/aws/sagemaker/TrainingJobs"),
    ("DescribeEndpoint", "EndpointName", "/aws/sagemaker/Endpoints"),
];

/// A group, and the prefix that its streams must have.
struct Source {
    group: String,
    prefix: Option<String>,
}

pub async fn run(session: &mut Session, args: &LogsArgs) -> Result<Outcome, CommandError> {
    let source = source(session, &args.of).await?;
    if args.follow {
        return follow(session, args, &source).await;
    }
    let events = read(session, args, &source).await?;
    let skipped = events.len().saturating_sub(args.lines);
    let lines: Vec<String> =
        events[skipped..].iter().map(|event| line(event, args.timestamps)).collect();
    let summary = match (lines.is_empty(), skipped) {
        (true, _) => format!("nothing has been logged to {} yet", source.group),
        (false, 0) => lines.join("\n"),
        (false, skipped) => {
            format!("… {skipped} earlier lines; -n shows more\n{}", lines.join("\n"))
        }
    };
    Ok(Outcome::said(summary).with_value(events[skipped..].to_vec().into()))
}

async fn source(session: &mut Session, of: &str) -> Result<Source, CommandError> {
    if of.starts_with('/') {
        return Ok(Source { group: of.to_owned(), prefix: None });
    }
    for (operation, member, group) in GROUPS {
        match session.client.call("sagemaker", operation, &json!({member: of})).await {
            Ok(found) => {
                let name = text(&found, &format!("/{member}")).to_owned();
                return Ok(match member {
                    "EndpointName" => Source { group: format!("{group}/{name}"), prefix: None },
                    _ => Source { group: group.to_owned(), prefix: Some(format!("{name}/")) },
                });
            }
            Err(CallError::Aws(_)) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(CommandError::Failed(format!(
        "there is no training job, endpoint or log group called {of} (groups begin with a `/`)"
    )))
}

async fn read(
    session: &mut Session,
    args: &LogsArgs,
    source: &Source,
) -> Result<Vec<Value>, CommandError> {
    let mut events = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut input = json!({"logGroupName": source.group});
        if let Some(stream) = &args.stream {
            input["logStreamNames"] = json!([stream]);
        } else if let Some(prefix) = &source.prefix {
            input["logStreamNamePrefix"] = prefix.as_str().into();
        }
        if let Some(filter) = &args.filter {
            input["filterPattern"] = filter.as_str().into();
        }
        if let Some(token) = &token {
            input["nextToken"] = token.as_str().into();
        }
        let answer = match session.call("logs", "FilterLogEvents", input).await {
            Err(CallError::Aws(error)) if error.code == "ResourceNotFoundException" => {
                return Ok(events);
            }
            other => other?,
        };
        events.extend(answer.get("events").and_then(Value::as_array).cloned().unwrap_or_default());
        // Only the last lines are shown: earlier ones need not pile up.
        if events.len() > args.lines.saturating_mul(4).max(10_000) {
            events.drain(..events.len() - args.lines);
        }
        match answer.get("nextToken").and_then(Value::as_str) {
            Some(next) => token = Some(next.to_owned()),
            None => return Ok(events),
        }
    }
}

/// Prints lines as they come until interrupted.
async fn follow(
    session: &mut Session,
    args: &LogsArgs,
    source: &Source,
) -> Result<Outcome, CommandError> {
    use crate::client::encode;
    let mut path = format!("logs?group={}", encode(&source.group));
    if let Some(prefix) = &source.prefix {
        path.push_str(&format!("&prefix={}", encode(prefix)));
    }
    if let Some(stream) = &args.stream {
        path.push_str(&format!("&stream={}", encode(stream)));
    }
    if let Some(filter) = &args.filter {
        path.push_str(&format!("&filter={}", encode(filter)));
    }
    let mut lines = session.client.lines(&path).await?;
    while let Some(event) = lines.next().await? {
        if event.get("message").is_some() {
            session.progress.line(&line(&event, args.timestamps));
        }
    }
    Ok(Outcome::default())
}

fn line(event: &Value, timestamps: bool) -> String {
    let message = text(event, "/message");
    if !timestamps {
        return message.to_owned();
    }
    let at = event.pointer("/timestamp").and_then(Value::as_i64).unwrap_or(0);
    format!("{} {message}", Timestamp::from_millis(at).to_rfc3339())
}
