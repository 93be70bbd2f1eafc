//! What CloudWatch Logs knows: groups, streams, and events that match.

use crate::client::{CallError, Client};
use crate::tui::row::Row;
use serde_json::{Value, json};

/// Events of a search in one group.
const FOUND: usize = 5000;
/// Streams listed of a group; the last written come first.
const STREAMS: usize = 5000;
/// Groups whose streams are counted, for each costs a call of its own.
const COUNTED: usize = 100;
/// Most entries of a page.
const PAGE: usize = 50;

/// All groups as rows. `Streams` counts up to a page of them (`StreamsMore` says that there are
/// others), `LastEvent` is the time of the last one, in epoch milliseconds.
pub(super) async fn groups(client: &Client) -> Result<Value, CallError> {
    let mut groups = Vec::new();
    let mut input = json!({"limit": PAGE});
    loop {
        let page = client.call("logs", "DescribeLogGroups", &input).await?;
        for group in page["logGroups"].as_array().into_iter().flatten() {
            groups.push(group_row(group));
        }
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    for group in groups.iter_mut().take(COUNTED) {
        let input = json!({"logGroupName": group.name, "limit": PAGE, "orderBy": "LastEventTime",
            "descending": true});
        // A group may have gone since it was listed.
        let Ok(page) = client.call("logs", "DescribeLogStreams", &input).await else { continue };
        let streams = page["logStreams"].as_array().map_or(&[][..], Vec::as_slice);
        group.body["Streams"] = streams.len().into();
        group.body["StreamsMore"] = page.get("nextToken").is_some().into();
        if let Some(last) = streams.first().and_then(|stream| stream.get("lastEventTimestamp")) {
            group.body["LastEvent"] = last.clone();
        }
    }
    Ok(json!(groups))
}

fn group_row(group: &Value) -> Row {
    let text = |member: &str| group[member].as_str().unwrap_or_default().to_owned();
    Row {
        kind: "log-group".into(),
        name: text("logGroupName"),
        arn: text("arn"),
        created: group["creationTime"].as_f64().unwrap_or(0.0) / 1000.0,
        body: group.clone(),
        ..Row::default()
    }
}

pub(super) async fn streams(client: &Client, group: &str) -> Result<Value, CallError> {
    let mut streams = Vec::new();
    let mut input = json!({"logGroupName": group, "limit": PAGE, "orderBy": "LastEventTime",
        "descending": true});
    loop {
        let page = client.call("logs", "DescribeLogStreams", &input).await?;
        for stream in page["logStreams"].as_array().into_iter().flatten() {
            let text = |member: &str| stream[member].as_str().unwrap_or_default().to_owned();
            streams.push(Row {
                kind: "log-stream".into(),
                name: text("logStreamName"),
                arn: text("arn"),
                parent: group.to_owned(),
                created: stream["creationTime"].as_f64().unwrap_or(0.0) / 1000.0,
                body: stream.clone(),
                ..Row::default()
            });
        }
        match page.get("nextToken") {
            Some(token) if streams.len() < STREAMS => input["nextToken"] = token.clone(),
            _ => return Ok(json!(streams)),
        }
    }
}

pub(super) async fn search(
    client: &Client,
    group: &str,
    pattern: &str,
) -> Result<Value, CallError> {
    let mut events = Vec::new();
    let mut input = json!({"logGroupName": group, "filterPattern": pattern});
    loop {
        let page = client.call("logs", "FilterLogEvents", &input).await?;
        events.extend(page["events"].as_array().into_iter().flatten().cloned());
        match page.get("nextToken") {
            Some(token) if events.len() < FOUND => input["nextToken"] = token.clone(),
            _ => return Ok(json!(events)),
        }
    }
}
