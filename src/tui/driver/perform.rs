//! Does what update asked for, each as a task of its own that answers with a message.

use super::follow::Follower;
use super::{load, logs, object};
use crate::client::{CallError, Client, Invocation};
use crate::command::{self, CommandError, Outcome, Progress, RecordedCall, Session, rows};
use crate::tui::effect::Effect;
use crate::tui::msg::{Answer, Credentials, Failure, Load, Msg, Secret, Ticket};
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

pub(super) struct Performer {
    client: watch::Receiver<Option<Client>>,
    told: mpsc::Sender<Msg>,
    /// Where relative paths of commands start.
    base: PathBuf,
    follower: Follower,
    running: HashMap<Ticket, AbortHandle>,
    loads: BTreeMap<String, AbortHandle>,
}

/// What the performer cannot do: it is the terminal's.
pub(super) enum Left {
    Quit { stop: bool },
    Copy(String),
    Edit { ticket: Ticket, suffix: String, text: String },
    Mouse(bool),
    Trust,
    Start,
    Suspend,
    Redraw,
}

impl Performer {
    pub(super) fn new(
        client: watch::Receiver<Option<Client>>,
        told: mpsc::Sender<Msg>,
        base: PathBuf,
    ) -> Self {
        let follower = Follower::new(client.clone(), told.clone());
        let (running, loads) = Default::default();
        Self { client, told, base, follower, running, loads }
    }

    /// Starts the effect, or hands back what is not the performer's.
    pub(super) fn perform(&mut self, effect: Effect) -> Option<Left> {
        self.running.retain(|_, task| !task.is_finished());
        match effect {
            Effect::Quit { stop } => return Some(Left::Quit { stop }),
            Effect::Copy(text) => return Some(Left::Copy(text)),
            Effect::Edit { ticket, suffix, text } => {
                return Some(Left::Edit { ticket, suffix, text });
            }
            Effect::Mouse(on) => return Some(Left::Mouse(on)),
            Effect::Trust => return Some(Left::Trust),
            Effect::Start => return Some(Left::Start),
            Effect::Suspend => return Some(Left::Suspend),
            Effect::Redraw => return Some(Left::Redraw),
            Effect::Follow(wants) => self.follower.follow(&wants),
            Effect::Cancel(ticket) => self.cancel(ticket),
            Effect::Load { endpoint, rows, label, users, per_second } => {
                self.load(endpoint, rows, label, users, per_second);
            }
            Effect::Run { ticket, words } => self.run(ticket, words),
            Effect::Save { ticket, path, text } => self.save(ticket, &path, text),
            Effect::Credentials => self.credentials(),
            other => self.ask(other),
        }
        None
    }

    /// A client that is there now; commands do not wait for a region that has gone.
    fn client(&self) -> Result<Client, Failure> {
        self.client.borrow().clone().ok_or_else(|| Failure {
            code: "NoRegion".into(),
            message: "No region answers. It is looked for; `sagebrush serve` starts it".into(),
        })
    }

    fn start(
        &mut self,
        ticket: Ticket,
        work: impl Future<Output = (Result<Value, Failure>, Vec<RecordedCall>)> + Send + 'static,
    ) {
        let told = self.told.clone();
        let task = tokio::spawn(async move {
            let (outcome, calls) = work.await;
            let _ = told.send(Msg::Answer { ticket, answer: Answer { outcome, calls } }).await;
        });
        self.running.insert(ticket, task.abort_handle());
    }

    /// Without a region there is no key to tell of; whoever asked asks again.
    fn credentials(&self) {
        if let Ok(client) = self.client() {
            let known = client.credentials();
            let (access_key, secret) =
                (known.access_key.clone(), Secret::new(known.secret_key.clone()));
            let _ = self.told.try_send(Msg::Credentials(Credentials { access_key, secret }));
        }
    }

    fn cancel(&mut self, ticket: Ticket) {
        let Some(task) = self.running.remove(&ticket) else { return };
        task.abort();
        let failure = Failure { code: "Cancelled".into(), message: "ended on request".into() };
        self.start(ticket, async move { (Err(failure), Vec::new()) });
    }

    fn run(&mut self, ticket: Ticket, words: Vec<String>) {
        let client = self.client();
        let base = self.base.clone();
        let progress = Arc::new(Teller { ticket, told: self.told.clone() });
        self.start(ticket, async move {
            let client = match client {
                Ok(client) => client,
                Err(failure) => return (Err(failure), Vec::new()),
            };
            let mut session = Session::new(client, base, progress);
            let (outcome, calls) = command::run_noting(&mut session, &words).await;
            (outcome.as_ref().map(document).map_err(failed), calls)
        });
    }

    fn save(&mut self, ticket: Ticket, path: &str, text: String) {
        let path = self.base.join(path);
        self.start(ticket, async move {
            let outcome = tokio::fs::write(&path, text).await;
            let shown = path.display().to_string();
            let outcome = outcome
                .map(|()| json!({"summary": format!("wrote {shown}")}))
                .map_err(|error| failure("File", format!("{shown}: {error}")));
            (outcome, Vec::new())
        });
    }

    fn load(
        &mut self,
        endpoint: String,
        rows: String,
        label: Option<usize>,
        users: usize,
        per_second: u32,
    ) {
        if let Some(task) = self.loads.remove(&endpoint) {
            task.abort();
        }
        let told = self.told.clone();
        let over = |last_error: Option<String>| {
            Msg::Load(Load { endpoint: endpoint.clone(), last_error, ..Load::default() })
        };
        let client = match self.client() {
            Ok(client) if users > 0 => client,
            Ok(_) => {
                let _ = told.try_send(over(None));
                return;
            }
            Err(failure) => {
                let _ = told.try_send(over(Some(failure.message)));
                return;
            }
        };
        let base = self.base.clone();
        let key = endpoint.clone();
        let task = tokio::spawn(async move {
            let progress = Arc::new(command::Quiet);
            let mut session = Session::new(client.clone(), base, progress);
            let read = session.read(&rows).await;
            let parsed =
                read.and_then(|bytes| rows::parse(&String::from_utf8_lossy(&bytes), label));
            match parsed {
                Ok(rows) => {
                    load::send(client, load::Plan { endpoint, rows, users, per_second }, told)
                        .await;
                }
                Err(error) => {
                    let last_error = Some(error.to_string());
                    let load = Load { endpoint, last_error, ..Load::default() };
                    let _ = told.send(Msg::Load(load)).await;
                }
            }
        });
        self.loads.insert(key, task.abort_handle());
    }

    /// Effects that are one question to the region.
    fn ask(&mut self, effect: Effect) {
        let ticket = match &effect {
            Effect::Call { ticket, .. }
            | Effect::Post { ticket, .. }
            | Effect::Invoke { ticket, .. }
            | Effect::Objects { ticket, .. }
            | Effect::Preview { ticket, .. }
            | Effect::LogGroups { ticket }
            | Effect::LogStreams { ticket, .. }
            | Effect::SearchLogs { ticket, .. } => *ticket,
            _ => return,
        };
        let client = self.client();
        self.start(ticket, async move {
            match client {
                Ok(client) => answer(&client, effect).await,
                Err(failure) => (Err(failure), Vec::new()),
            }
        });
    }
}

impl Drop for Performer {
    fn drop(&mut self) {
        self.running.values().chain(self.loads.values()).for_each(AbortHandle::abort);
    }
}

async fn answer(client: &Client, effect: Effect) -> (Result<Value, Failure>, Vec<RecordedCall>) {
    let mut calls = Vec::new();
    let outcome = match effect {
        Effect::Call { service, operation, input, .. } => {
            let answer = client.call(&service, &operation, &input).await;
            calls.push(RecordedCall { service, operation, input });
            answer
        }
        Effect::Post { path, .. } => client.internal_post(&path).await,
        Effect::Invoke { endpoint, variant, content_type, accept, body, .. } => {
            let input = invocation_input(&endpoint, variant.as_deref(), &content_type, &body);
            calls.push(RecordedCall {
                service: "sagemaker-runtime".into(),
                operation: "InvokeEndpoint".into(),
                input,
            });
            let body = Bytes::from(body);
            invoke(client, Invocation { endpoint, variant, content_type, accept, body }).await
        }
        Effect::Objects { bucket, prefix, .. } => object::level(client, &bucket, &prefix).await,
        Effect::Preview { bucket, key, .. } => object::preview(client, &bucket, &key).await,
        Effect::LogGroups { .. } => logs::groups(client).await,
        Effect::LogStreams { group, .. } => logs::streams(client, &group).await,
        Effect::SearchLogs { group, pattern, .. } => logs::search(client, &group, &pattern).await,
        _ => Ok(Value::Null),
    };
    (outcome.map_err(|error| refused(&error)), calls)
}

fn invocation_input(
    endpoint: &str,
    variant: Option<&str>,
    content_type: &str,
    body: &str,
) -> Value {
    let mut input = json!({"EndpointName": endpoint, "ContentType": content_type, "Body": body});
    if let Some(variant) = variant {
        input["TargetVariant"] = variant.into();
    }
    input
}

async fn invoke(client: &Client, invocation: Invocation) -> Result<Value, CallError> {
    let answer = client.invoke(invocation).await?;
    let micros = u64::try_from(answer.elapsed.as_micros()).unwrap_or(u64::MAX);
    let text = String::from_utf8_lossy(&answer.body);
    Ok(json!({
        "variant": answer.variant, "content_type": answer.content_type, "body": text,
        "micros": micros, "bytes": answer.body.len(),
    }))
}

fn document(outcome: &Outcome) -> Value {
    let tables: Vec<Value> = outcome
        .tables
        .iter()
        .map(|table| json!({"title": table.title, "columns": table.columns, "rows": table.rows}))
        .collect();
    json!({
        "summary": outcome.summary, "tables": tables, "value": outcome.value,
        "capture": outcome.capture,
    })
}

fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: code.into(), message: message.into() }
}

fn refused(error: &CallError) -> Failure {
    let code = match error {
        CallError::Aws(error) => error.code.to_string(),
        CallError::Unreachable { .. } => "NoRegion".into(),
        CallError::Protocol(_) => "Protocol".into(),
        CallError::File { .. } => "File".into(),
    };
    Failure { code, message: error.to_string() }
}

fn failed(error: &CommandError) -> Failure {
    match error {
        CommandError::Call(error) => refused(error),
        CommandError::Usage(_) => failure("Usage", error.to_string()),
        CommandError::Expectation { .. } => failure("Expectation", error.to_string()),
        _ => failure("Failed", error.to_string()),
    }
}

/// Tells the workbench how far a command has come. What does not fit is only progress.
struct Teller {
    ticket: Ticket,
    told: mpsc::Sender<Msg>,
}

impl Progress for Teller {
    fn step(&self, done: u64, total: u64, what: &str) {
        let what = what.to_owned();
        let _ = self.told.try_send(Msg::Progress { ticket: self.ticket, done, total, what });
    }

    fn line(&self, text: &str) {
        let line = text.to_owned();
        if self.told.try_send(Msg::Said { ticket: self.ticket, line }).is_err() {
            let what = "lines of commands".into();
            let _ = self.told.try_send(Msg::Dropped { what, count: 1 });
        }
    }
}
