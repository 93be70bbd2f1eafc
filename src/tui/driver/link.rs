//! The region: found or started, watched, and found again when it has gone.

use crate::client::Client;
use crate::command::admin;
use crate::command::workspace::Workspace;
use crate::tui::msg::{Line, Link, Msg};
use crate::tui::row::Row;
use futures::FutureExt;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};

/// Lines handed over at once at most.
const BATCH: usize = 2000;
/// How soon, and how seldom at last, a region that went is looked for.
const FIRST: Duration = Duration::from_millis(100);
const SELDOM: Duration = Duration::from_secs(2);

/// Keeps the client current and tells what the watch stream says, until nobody listens. A region is
/// started once the folder is trusted, and again when somebody asks; one that runs is attached to.
pub(super) async fn keep(
    workspace: Workspace,
    (mut trusted, start): (watch::Receiver<bool>, Arc<Notify>),
    known: watch::Sender<Option<Client>>,
    told: mpsc::Sender<Msg>,
) {
    if !*trusted.borrow()
        && matches!(find(&workspace, false).await, Ok(None) | Err(_))
        && trusted.wait_for(|trusted| *trusted).await.is_err()
    {
        return;
    }
    let mut may_start = true;
    let mut pause = FIRST;
    while !told.is_closed() {
        if may_start {
            let _ = told.send(Msg::Link(Link::Starting)).await;
        }
        match find(&workspace, std::mem::take(&mut may_start)).await {
            Ok(Some((client, started_here))) => {
                pause = FIRST;
                known.send_replace(Some(client.clone()));
                let why = follow(&client, started_here, &told).await;
                known.send_replace(None);
                let _ = told.send(Msg::Link(Link::Lost { why })).await;
            }
            Ok(None) => pause = (pause * 2).min(SELDOM),
            Err(why) => {
                let _ = told.send(Msg::Link(Link::Failed { why })).await;
                pause = SELDOM;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = start.notified() => may_start = true,
        }
    }
}

/// Tells of a region that runs, and starts none.
pub(super) async fn look(
    workspace: Workspace,
    known: watch::Sender<Option<Client>>,
    told: mpsc::Sender<Msg>,
) {
    let why = match find(&workspace, false).await {
        Ok(Some((client, _))) => {
            known.send_replace(Some(client.clone()));
            follow(&client, false, &told).await
        }
        Ok(None) => "no region runs in this workspace; `sagebrush serve` starts it".to_owned(),
        Err(why) => why,
    };
    let _ = told.send(Msg::Link(Link::Failed { why })).await;
}

async fn find(workspace: &Workspace, may_start: bool) -> Result<Option<(Client, bool)>, String> {
    if may_start {
        let found = admin::attach_or_start(workspace).await.map_err(|error| error.to_string())?;
        return Ok(Some((found.0, found.1.is_some())));
    }
    let found = admin::attach(workspace).await.map_err(|error| error.to_string())?;
    Ok(found.map(|(client, _, _)| (client, false)))
}

/// Tells of the region until the stream ends; the answer is why it did.
async fn follow(client: &Client, started_here: bool, told: &mpsc::Sender<Msg>) -> String {
    let health = match client.internal("health").await {
        Ok(health) => health,
        Err(error) => return error.to_string(),
    };
    let address = format!("http://{}", client.address());
    let link = Link::Connected { health, address, started_here };
    if told.send(Msg::Link(link)).await.is_err() {
        return "nobody listens".into();
    }
    let mut lines = match client.lines("watch?bodies=1").await {
        Ok(lines) => lines,
        Err(error) => return error.to_string(),
    };
    loop {
        let mut batch = Vec::new();
        let ended = loop {
            // The first is waited for; what has come meanwhile goes with it.
            let next = if batch.is_empty() {
                lines.next().await
            } else {
                match lines.next().now_or_never() {
                    Some(next) => next,
                    None => break None,
                }
            };
            match next {
                Ok(Some(value)) => batch.extend(read(value)),
                Ok(None) => break Some("the region has ended".to_owned()),
                Err(error) => break Some(error.to_string()),
            }
            if batch.len() >= BATCH {
                break None;
            }
        };
        if !batch.is_empty() && told.send(Msg::Region(batch)).await.is_err() {
            return "nobody listens".into();
        }
        if let Some(why) = ended {
            return why;
        }
    }
}

/// A line of the stream; what this version does not know says nothing.
fn read(value: Value) -> Option<Line> {
    let number = |member: &str| value.get(member).and_then(Value::as_u64);
    let text = |member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
    if let Some(revision) = number("snapshot") {
        return Some(Line::Snapshot { revision, rows: number("rows").unwrap_or(0) });
    }
    if let Some(revision) = number("ready") {
        return Some(Line::Ready(revision));
    }
    if let Some(why) = text("resync") {
        return Some(Line::Resync(why));
    }
    if value.get("heartbeat").is_some() {
        return Some(Line::Heartbeat);
    }
    let revision = number("revision")?;
    let at = value.get("at").and_then(Value::as_f64).unwrap_or(0.0);
    let change = text("change");
    if change.as_deref() == Some("deleted") {
        return Some(Line::Deleted { revision, at, kind: text("kind")?, name: text("name")? });
    }
    let row: Row = serde_json::from_value(value).ok()?;
    Some(match change {
        Some(change) => Line::Changed { revision, at, created: change == "created", row },
        None => Line::Row(row),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_line_of_the_stream_is_read() {
        assert_eq!(
            read(json!({"snapshot": 41, "rows": 2})),
            Some(Line::Snapshot { revision: 41, rows: 2 })
        );
        let row = json!({"kind": "model", "name": "a", "arn": "x", "parent": "", "status": "",
            "created": 1.5, "modified": 2.0, "revision": 7, "body": {"ModelName": "a"}});
        let Some(Line::Row(read_row)) = read(row) else { panic!("a row") };
        assert_eq!((read_row.created, read_row.text("ModelName")), (1.5, "a"));
        let changed = json!({"revision": 42, "at": 3.0, "change": "created", "kind": "endpoint",
            "name": "e", "status": "Creating"});
        assert!(matches!(read(changed), Some(Line::Changed { revision: 42, created: true, .. })));
        let gone =
            json!({"revision": 43, "at": 3.0, "change": "deleted", "kind": "model", "name": "a"});
        assert!(matches!(read(gone), Some(Line::Deleted { .. })));
        assert_eq!(read(json!({"heartbeat": 43})), Some(Line::Heartbeat));
        assert_eq!(read(json!({"ready": 41})), Some(Line::Ready(41)));
        assert_eq!(read(json!({"news": "of a later version"})), None);
    }
}
