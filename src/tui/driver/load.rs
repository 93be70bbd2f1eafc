//! Live traffic of one's own: labelled rows sent to an endpoint by a few users, each one request at a
//! time, and what came of it by variant. A row counts once for each variant, however often it is
//! sent: a model that is right about it is no more right the second time.

use crate::client::{CallError, Client, Invocation};
use crate::command::rows::{self, LabelledRow};
use crate::tui::msg::{Load, Msg};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

/// How often the tally is told.
const TELL: Duration = Duration::from_millis(250);
/// After a refusal, so that an endpoint that is not there yet is not hammered.
const PAUSE: Duration = Duration::from_millis(100);

/// What is sent where.
pub(super) struct Plan {
    pub(super) endpoint: String,
    pub(super) rows: Vec<LabelledRow>,
    pub(super) users: usize,
    /// Requests a second of all users together; 0 sends as fast as answers come.
    pub(super) per_second: u32,
}

#[derive(Default)]
struct Tally {
    requests: u64,
    errors: u64,
    correct: BTreeMap<String, Checked>,
    last_error: Option<String>,
}

/// What a variant made of the rows.
#[derive(Default)]
struct Checked {
    /// By row, whether it was counted.
    seen: Vec<bool>,
    right: u64,
    all: u64,
}

/// Sends until it is aborted or nobody listens.
pub(super) async fn send(client: Client, plan: Plan, told: mpsc::Sender<Msg>) {
    let tally = Arc::new(Mutex::new(Tally::default()));
    let plan = Arc::new(plan);
    let next = Arc::new(AtomicUsize::new(0));
    let mut users = tokio::task::JoinSet::new();
    for _ in 0..plan.users.max(1) {
        users.spawn(user(client.clone(), Arc::clone(&plan), Arc::clone(&next), Arc::clone(&tally)));
    }
    let mut ticks = tokio::time::interval(TELL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let load = tally.lock().unwrap_or_else(PoisonError::into_inner).load(&plan.endpoint);
        if told.send(Msg::Load(load)).await.is_err() {
            return;
        }
    }
}

async fn user(client: Client, plan: Arc<Plan>, next: Arc<AtomicUsize>, tally: Arc<Mutex<Tally>>) {
    let each = match plan.per_second {
        0 => None,
        rate => Some(Duration::from_secs_f64(plan.users.max(1) as f64 / f64::from(rate))),
    };
    let mut turns = each.map(|each| {
        let mut turns = tokio::time::interval(each);
        turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
        turns
    });
    loop {
        if let Some(turns) = &mut turns {
            turns.tick().await;
        }
        let index = next.fetch_add(1, Ordering::Relaxed) % plan.rows.len().max(1);
        let Some(row) = plan.rows.get(index) else { return };
        let answer = client
            .invoke(Invocation {
                endpoint: plan.endpoint.clone(),
                variant: None,
                content_type: "text/csv".into(),
                accept: Some("application/json".into()),
                body: Bytes::from(row.features.clone().into_bytes()),
            })
            .await;
        let refused = answer.is_err();
        tally.lock().unwrap_or_else(PoisonError::into_inner).take(index, row, answer);
        if refused {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Checked {
    fn take(&mut self, index: usize, right: bool) {
        if self.seen.len() <= index {
            self.seen.resize(index + 1, false);
        }
        if !std::mem::replace(&mut self.seen[index], true) {
            self.all += 1;
            self.right += u64::from(right);
        }
    }
}

impl Tally {
    fn take(
        &mut self,
        index: usize,
        row: &LabelledRow,
        answer: Result<crate::client::InvocationAnswer, CallError>,
    ) {
        self.requests += 1;
        match answer {
            Ok(answer) => {
                let Some(label) = row.label else { return };
                let prediction = rows::predictions(&answer.body).ok().and_then(|mut all| all.pop());
                if let Some(prediction) = prediction {
                    let checked = self.correct.entry(answer.variant).or_default();
                    checked.take(index, prediction.class() == label);
                }
            }
            Err(error) => {
                self.errors += 1;
                self.last_error = Some(error.to_string());
            }
        }
    }

    fn load(&self, endpoint: &str) -> Load {
        Load {
            endpoint: endpoint.to_owned(),
            running: true,
            requests: self.requests,
            errors: self.errors,
            correct: self
                .correct
                .iter()
                .map(|(variant, checked)| (variant.clone(), checked.right, checked.all))
                .collect(),
            last_error: self.last_error.clone(),
        }
    }
}
