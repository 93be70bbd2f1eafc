//! What endpoints' tasks show of themselves, and the way in which an operator reaches them.
//!
//! An endpoint's row says what is wanted; a board says what there is right now: instances, the
//! deployment under way, what happened to the last ones. It lives in memory, with the endpoint's
//! task. The gateway reads it; it also carries an operator's experiment ([`Ask`]) to the task.

use super::deployment::Style;
use super::diary::Diary;
use crate::domain::time::Timestamp;
use crate::serving::Retired;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{mpsc, oneshot};

/// How many instances that have ended are remembered, for each endpoint.
const ENDED: usize = 16;
/// How many requests of operators may wait for an endpoint's task.
const ASKS: usize = 16;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The boards of a region's endpoints.
#[derive(Default)]
pub struct Boards {
    /// By name.
    all: Mutex<HashMap<String, Arc<Board>>>,
}

/// One endpoint's board.
pub struct Board {
    face: Mutex<Face>,
    asks: mpsc::Sender<Ask>,
}

#[derive(Default)]
struct Face {
    /// Kept alive by the instances' own tasks, or by `ended`.
    instances: Vec<Weak<Diary>>,
    /// Oldest first.
    ended: VecDeque<Arc<Diary>>,
    /// Where the requests in flight of instances that left the table are counted.
    retired: Vec<Weak<Retired>>,
    deployment: Option<Deployment>,
    last: Option<Deployment>,
}

/// A deployment as it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub style: Style,
    pub old_config: String,
    pub new_config: String,
    /// The number of the new fleet.
    pub fleet: u64,
    pub began: Timestamp,
    pub stage: DeploymentStage,
    pub since: Timestamp,
    /// The share of the traffic that goes to the new fleet.
    pub traffic: f64,
    /// Shifts that have been made, and how many there are.
    pub shifts: (usize, usize),
    /// Until when it bakes or waits, when it does.
    pub until: Option<Timestamp>,
    /// Why it was rolled back.
    pub reason: Option<String>,
    pub ended: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentStage {
    Creating,
    ActivatingTraffic,
    Baking,
    /// All traffic is on the new fleet; the old one stands by to take it back.
    WaitingForTermination,
    RollingBack,
    Completed,
    RolledBack,
}

impl DeploymentStage {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::ActivatingTraffic => "ActivatingTraffic",
            Self::Baking => "Baking",
            Self::WaitingForTermination => "WaitingForTermination",
            Self::RollingBack => "RollingBack",
            Self::Completed => "Completed",
            Self::RolledBack => "RolledBack",
        }
    }
}

/// How an operator has an instance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Out of the table first, its requests finished, SIGTERM.
    Stop,
    /// SIGKILL, as a crash.
    Kill,
}

/// An operator's request to end an instance.
pub struct Ask {
    pub instance: String,
    pub how: How,
    pub answer: oneshot::Sender<Result<Asked, Denied>>,
}

/// What was done about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub variant: String,
    /// Requests that it had in flight.
    pub in_flight: u64,
    /// The instance that takes its place, when that has been started already.
    pub replacement: Option<String>,
    /// It goes on serving until the replacement does.
    pub waits_for_replacement: bool,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Denied {
    #[error("There is no instance {0} of this endpoint that could be stopped.")]
    Absent(String),
    #[error("{0}")]
    Not(String),
    #[error("The endpoint has too many such requests waiting.")]
    Busy,
}

/// What a board shows at one moment.
pub struct Shown {
    /// Those that live, fleet by fleet in the order in which they were started.
    pub instances: Vec<Arc<Diary>>,
    pub ended: Vec<Arc<Diary>>,
    pub deployment: Option<Deployment>,
    pub last_deployment: Option<Deployment>,
    retired: Vec<Arc<Retired>>,
}

impl Shown {
    /// Requests in flight on an instance that has left the table.
    pub fn left_in_flight(&self, id: &str) -> u64 {
        self.retired.iter().map(|retired| retired.in_flight(id)).sum()
    }
}

impl Boards {
    pub fn get(&self, endpoint: &str) -> Option<Arc<Board>> {
        lock(&self.all).get(endpoint).cloned()
    }

    /// A new board; the other end of its requests is the task's.
    pub(super) fn put_up(&self, endpoint: &str) -> (Arc<Board>, mpsc::Receiver<Ask>) {
        let (asks, receiver) = mpsc::channel(ASKS);
        let board = Arc::new(Board { face: Mutex::default(), asks });
        lock(&self.all).insert(endpoint.to_owned(), Arc::clone(&board));
        (board, receiver)
    }

    /// Takes that very board down.
    pub(super) fn take_down(&self, endpoint: &str, board: &Arc<Board>) {
        let mut all = lock(&self.all);
        if all.get(endpoint).is_some_and(|there| Arc::ptr_eq(there, board)) {
            all.remove(endpoint);
        }
    }
}

impl Board {
    /// Asks the endpoint's task to end an instance, and waits for what it says.
    pub async fn ask(&self, instance: &str, how: How) -> Result<Asked, Denied> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { instance: instance.to_owned(), how, answer };
        self.asks.try_send(ask).map_err(|_full| Denied::Busy)?;
        // Dropped unanswered: the endpoint has no instances any more.
        answered.await.unwrap_or_else(|_| Err(Denied::Absent(instance.to_owned())))
    }

    pub fn shown(&self) -> Shown {
        let mut face = lock(&self.face);
        face.instances.retain(|diary| diary.strong_count() > 0);
        face.retired.retain(|retired| retired.strong_count() > 0);
        let ended: Vec<_> = face.ended.iter().cloned().collect();
        let mut instances: Vec<_> = face.instances.iter().filter_map(Weak::upgrade).collect();
        instances.retain(|live| !ended.iter().any(|gone| gone.id == live.id));
        Shown {
            instances,
            ended,
            deployment: face.deployment.clone(),
            last_deployment: face.last.clone(),
            retired: face.retired.iter().filter_map(Weak::upgrade).collect(),
        }
    }

    pub(super) fn starts(&self, diary: &Arc<Diary>) {
        let mut face = lock(&self.face);
        face.instances.retain(|diary| diary.strong_count() > 0);
        face.instances.push(Arc::downgrade(diary));
    }

    pub(super) fn ended(&self, diary: Arc<Diary>) {
        let mut face = lock(&self.face);
        if face.ended.len() == ENDED {
            face.ended.pop_front();
        }
        face.ended.push_back(diary);
    }

    pub(super) fn retires(&self, retired: &Arc<Retired>) {
        let mut face = lock(&self.face);
        face.retired.retain(|retired| retired.strong_count() > 0);
        face.retired.push(Arc::downgrade(retired));
    }

    pub(super) fn deploys(&self, deployment: Deployment) {
        lock(&self.face).deployment = Some(deployment);
    }

    /// Changes the deployment under way; nothing when there is none.
    pub(super) fn deployment(&self, edit: impl FnOnce(&mut Deployment)) {
        if let Some(deployment) = lock(&self.face).deployment.as_mut() {
            edit(deployment);
        }
    }

    /// The deployment has ended, one way or the other.
    pub(super) fn deployed(&self, stage: DeploymentStage, now: Timestamp) {
        let mut face = lock(&self.face);
        if let Some(mut deployment) = face.deployment.take() {
            deployment.stage = stage;
            deployment.since = now;
            deployment.until = None;
            deployment.ended = Some(now);
            face.last = Some(deployment);
        }
    }
}
