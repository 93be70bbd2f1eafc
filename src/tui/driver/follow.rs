//! The streams that are looked at now: opened when somebody wants them, ended when nobody does.

use crate::client::{CallError, Client, encode};
use crate::tui::effect::Want;
use crate::tui::msg::{LogLine, Logs, Msg};
use futures::FutureExt;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

/// What is asked again and again is asked this often at most.
const POLL: Duration = Duration::from_millis(1000);
/// After a stream has ended or failed.
const AGAIN: Duration = Duration::from_millis(500);
/// Log lines handed over at once.
const BATCH: usize = 2000;

pub(super) struct Follower {
    client: watch::Receiver<Option<Client>>,
    told: mpsc::Sender<Msg>,
    running: BTreeMap<Want, AbortHandle>,
}

impl Follower {
    pub(super) fn new(client: watch::Receiver<Option<Client>>, told: mpsc::Sender<Msg>) -> Self {
        Self { client, told, running: BTreeMap::new() }
    }

    /// From now on exactly these.
    pub(super) fn follow(&mut self, wants: &BTreeSet<Want>) {
        self.running.retain(|want, task| {
            let wanted = wants.contains(want);
            if !wanted {
                task.abort();
            }
            wanted
        });
        for want in wants {
            if !self.running.contains_key(want) {
                let task = tokio::spawn(keep(want.clone(), self.client.clone(), self.told.clone()));
                self.running.insert(want.clone(), task.abort_handle());
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.running.values().for_each(AbortHandle::abort);
    }
}

/// Follows one thing, over every life of the region.
async fn keep(want: Want, mut client: watch::Receiver<Option<Client>>, told: mpsc::Sender<Msg>) {
    loop {
        let Some(now) = connected(&mut client).await else { return };
        // What a stream says of its end, the link says better.
        let _ = once(&want, &now, &told).await;
        if told.is_closed() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The client, as soon as there is one.
pub(super) async fn connected(client: &mut watch::Receiver<Option<Client>>) -> Option<Client> {
    client.wait_for(Option::is_some).await.ok()?.clone()
}

async fn once(want: &Want, client: &Client, told: &mpsc::Sender<Msg>) -> Result<(), CallError> {
    match want {
        Want::Traffic => stream(client, "live", told, Msg::Traffic).await,
        Want::Cost => poll(client, "cost?lines=0", told, Msg::Cost).await,
        Want::CostLines => poll(client, "cost", told, Msg::Cost).await,
        Want::Engine => poll(client, "engine", told, Msg::Engine).await,
        Want::Endpoint(name) => {
            let path = format!("endpoints/{}/live", encode(name));
            stream(client, &path, told, |line| Msg::Endpoint { name: name.clone(), line }).await
        }
        Want::TrainingJob(name) => {
            let message = |line| Msg::TrainingJob { name: name.clone(), line };
            let path = format!("training-jobs/{}/live", encode(name));
            stream(client, &path, told, message).await
        }
        Want::Logs { group, prefix, tail } => logs(client, group, prefix, *tail, told).await,
    }
}

async fn stream(
    client: &Client,
    path: &str,
    told: &mpsc::Sender<Msg>,
    message: impl Fn(Value) -> Msg,
) -> Result<(), CallError> {
    let mut lines = client.lines(path).await?;
    while let Some(line) = lines.next().await? {
        if line.get("heartbeat").is_none() && told.send(message(line)).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Asks as often as the answer's own time allows: what takes long is asked seldom.
async fn poll(
    client: &Client,
    path: &str,
    told: &mpsc::Sender<Msg>,
    message: impl Fn(Value) -> Msg,
) -> Result<(), CallError> {
    let mut last = Value::Null;
    loop {
        let start = Instant::now();
        let answer = client.internal(path).await?;
        let took = start.elapsed();
        if answer != last {
            last = answer.clone();
            if told.send(message(answer)).await.is_err() {
                return Ok(());
            }
        }
        tokio::time::sleep(POLL.max(took * 50)).await;
    }
}

async fn logs(
    client: &Client,
    group: &str,
    prefix: &str,
    tail: usize,
    told: &mpsc::Sender<Msg>,
) -> Result<(), CallError> {
    let path = format!("logs?group={}&prefix={}&tail={tail}", encode(group), encode(prefix));
    let mut stream = client.lines(&path).await?;
    loop {
        let mut batch = Logs { group: group.to_owned(), lines: Vec::new(), missed: 0 };
        let ended = loop {
            let empty = batch.lines.is_empty() && batch.missed == 0;
            let next = if empty {
                stream.next().await
            } else {
                match stream.next().now_or_never() {
                    Some(next) => next,
                    None => break false,
                }
            };
            match next? {
                None => break true,
                Some(line) => read(&line, &mut batch),
            }
            if batch.lines.len() >= BATCH {
                break false;
            }
        };
        let empty = batch.lines.is_empty() && batch.missed == 0;
        if !empty && told.send(Msg::Logs(batch)).await.is_err() {
            return Ok(());
        }
        if ended {
            return Ok(());
        }
    }
}

fn read(line: &Value, batch: &mut Logs) {
    if let Some(missed) = line.get("missed").and_then(Value::as_u64) {
        batch.missed += missed;
    }
    let text = |member: &str| line.get(member).and_then(Value::as_str);
    if let (Some(stream), Some(message)) = (text("stream"), text("message")) {
        batch.lines.push(LogLine {
            stream: stream.to_owned(),
            position: line.get("position").and_then(Value::as_u64).unwrap_or(0),
            timestamp: line.get("timestamp").and_then(Value::as_i64).unwrap_or(0),
            message: message.to_owned(),
        });
    }
}
