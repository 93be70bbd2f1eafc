//! The AWS behaviour: one file or folder per resource family; operations, reconcilers, event bus.
//!
//! A call arrives here decoded and checked against its shape. Which handler answers it is one
//! table ([`dispatch`]); what a refusal looks like to a client is one place ([`error`]). A handler
//! reads the few members that its rules need and keeps the caller's document whole, so that
//! Describe gives back all that was sent without a line of code per member.

mod admission;
pub mod bill;
pub mod billing;
mod buckets;
pub mod dispatch;
pub mod endpoint;
pub mod endpoint_config;
pub mod error;
pub mod family;
mod history;
mod hold;
mod iam;
pub mod listing;
mod log_sink;
mod logs;
pub mod model;
pub mod model_package;
pub mod model_package_group;
mod objects;
mod open;
mod recorded;
mod s3;
mod search;
mod seeds;
pub mod sts;
pub mod tag;
mod tasks;
#[cfg(test)]
mod testing;
pub mod training_job;
mod view;
mod work;

pub use admission::{Resources, Turns};
pub use dispatch::{Answer, Behaviour, Call, Caller, Members, Route};
pub use error::Refusal;
pub use hold::HoldTimes;
pub use iam::{IamOptions, Quotas};
pub use open::{OpenError, RegionOptions};
pub use view::View;

use crate::api::error::AwsError;
use crate::domain::arn::Place;
use crate::domain::instance::Catalog;
use crate::domain::time::{Clock, Timestamp};
use crate::engine::Engine;
use crate::serving::Plane;
use crate::store::Store;
use admission::Admission;
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tasks::Tasks;
use tokio::sync::watch;

/// One imitated AWS region of one account: its resources and what keeps them running.
pub struct Region {
    options: RegionOptions,
    store: Store,
    plane: Arc<Plane>,
    boards: Arc<endpoint::Boards>,
    /// Whose turn it is to train.
    admission: Mutex<Admission>,
    lost_lines: Arc<AtomicU64>,
    book: Mutex<bill::Book>,
    monitors: training_job::Monitors,
    sessions: sts::Sessions,
    access: iam::access::Access,
    /// Answers that wait for their resource to settle.
    holds: hold::Holds,
    tasks: Tasks,
}

impl Region {
    /// Answers one call whose input has been checked against its shape.
    ///
    /// # Errors
    /// Whatever AWS would refuse, and `UnsupportedOperation` for what is not simulated.
    pub async fn call(self: &Arc<Self>, call: Call) -> Result<Value, AwsError> {
        let (service, operation) = (call.service, call.operation);
        let Some(route) = dispatch::table().route(service, operation) else {
            return Err(error::not_simulated(service, operation));
        };
        if let Some(member) = route.members.and_then(|members| members.refused_in(&call.input)) {
            return Err(error::member_not_simulated(service, operation, member));
        }
        iam::access::check_passed_roles(self, &call).map_err(|refusal| refusal.to_aws(service))?;
        route.handle(Arc::clone(self), call).await.map_err(|refusal| refusal.to_aws(service))
    }

    /// Whether the operation has a row: what has none is not simulated.
    pub fn simulates(&self, service: &str, operation: &str) -> bool {
        dispatch::table().route(service, operation).is_some()
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The published endpoints, which invocations read.
    pub fn plane(&self) -> &Arc<Plane> {
        &self.plane
    }

    /// What the endpoints' tasks show of themselves.
    pub fn boards(&self) -> &Arc<endpoint::Boards> {
        &self.boards
    }

    /// What is seen of training jobs while they run.
    pub fn monitors(&self) -> &training_job::Monitors {
        &self.monitors
    }

    fn admission(&self) -> &Mutex<Admission> {
        &self.admission
    }

    /// The training jobs that run and those that wait for the machine.
    pub fn turns(&self) -> Turns {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner).turns()
    }

    /// The CPUs and the memory of the machine that stands in for instances.
    pub fn machine(&self) -> Resources {
        admission::machine()
    }

    /// Lines of containers that could not be written to their logs.
    pub fn lost_lines(&self) -> u64 {
        self.lost_lines.load(Ordering::Relaxed)
    }

    pub fn place(&self) -> &Place {
        &self.options.place
    }

    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.options.engine
    }

    /// Instance types, their sizes and their list prices.
    pub fn instances(&self) -> &Catalog {
        &self.options.instances
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.options.clock
    }

    pub fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    /// The clock that spans are measured by: see [`Clock::steady`].
    pub fn steady(&self) -> Timestamp {
        self.options.clock.steady()
    }

    /// The workspace's `.sagebrush` folder.
    pub fn dir(&self) -> &Path {
        &self.options.dir
    }

    /// By how much AWS's waiting times are shortened: 1.0 is AWS's own time.
    pub fn pace(&self) -> f64 {
        self.options.pace
    }

    pub fn options(&self) -> &RegionOptions {
        &self.options
    }

    /// Runs `task` until it ends or the region shuts down. A task watches [`Region::stopping`] and
    /// leaves in order; one that does not is dropped at its next await.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Turns true once the region is being reset or shut down.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.tasks.stopping()
    }
}
