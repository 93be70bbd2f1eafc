//! From a workspace's folder to a running region, back to an empty one, and to the end.

use super::admission::{self, Admission};
use super::hold::{self, HoldTimes, Holds};
use super::seeds;
use super::{
    IamOptions, Region, buckets, endpoint, history, iam, sts::Sessions, tasks::Tasks, training_job,
    work,
};
use crate::domain::arn::Place;
use crate::domain::instance::Catalog;
use crate::domain::time::Clock;
use crate::engine::Engine;
use crate::serving::Plane;
use crate::store::{self, Durability, Store};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What a region is opened with.
pub struct RegionOptions {
    /// The workspace's `.sagebrush` folder.
    pub dir: PathBuf,
    pub place: Place,
    pub clock: Arc<dyn Clock>,
    pub durability: Durability,
    pub engine: Arc<dyn Engine>,
    pub instances: Catalog,
    /// Seeds every random choice of the region, so that a run can be repeated.
    pub seed: u64,
    /// By how much AWS's waiting times are shortened: 1.0 is AWS's own time, 60.0 makes a minute a
    /// second.
    pub pace: f64,
    pub iam: IamOptions,
    /// How long Describe waits for a resource in transition to settle.
    pub hold: HoldTimes,
    /// The folder whose files become objects (`buckets/` of the workspace).
    pub seeds: Option<PathBuf>,
}

/// Why a region did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Store(#[from] store::OpenError),
    #[error("cannot read what the store holds: {0}")]
    Read(#[from] store::StoreError),
}

impl Region {
    /// Opens the store and starts what keeps the region's resources running.
    ///
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the store does not open: in use, from a newer version, or not safe to use.
    pub async fn open(options: RegionOptions) -> Result<Arc<Self>, OpenError> {
        let store = Store::open(&options.dir, Arc::clone(&options.clock), options.durability)?;
        let plane = Arc::new(Plane::with_clock(
            options.place.clone(),
            options.seed,
            Arc::clone(&options.clock),
        ));
        let region = Arc::new(Self {
            options,
            store,
            plane,
            boards: Arc::default(),
            admission: Mutex::new(Admission::new(admission::machine())),
            lost_lines: Arc::default(),
            book: Mutex::default(),
            monitors: training_job::Monitors::default(),
            sessions: Sessions::default(),
            access: iam::access::Access::default(),
            holds: Holds::default(),
            tasks: Tasks::new(),
        });
        region.start().await?;
        Ok(region)
    }

    /// Puts in place what every region has and starts the reconcilers.
    async fn start(self: &Arc<Self>) -> Result<(), OpenError> {
        let place = self.place().clone();
        let ready = self.store.write(move |change| iam::ensure_owner_role(change, &place));
        ready.await?;
        self.sessions.load(&self.store, self.now())?;
        work::begin(self)?;
        seeds::take_in(self, None).await?;
        endpoint::publish_known(self)?;
        self.spawn(work::beat(Arc::clone(self)));
        self.spawn(hold::follow(Arc::clone(self)));
        self.spawn(buckets::beat(Arc::clone(self)));
        self.spawn(history::beat(Arc::clone(self)));
        self.spawn(training_job::reconcile(Arc::clone(self)));
        self.spawn(endpoint::reconcile(Arc::clone(self)));
        Ok(())
    }

    /// Empties the region: containers stopped, resources, objects and logs gone.
    ///
    /// # Errors
    /// When the store cannot be emptied.
    pub async fn reset(self: &Arc<Self>) -> Result<(), OpenError> {
        self.tasks.stop().await;
        for endpoint in self.plane.endpoints() {
            self.plane.withdraw(&endpoint.table().name);
        }
        self.store.reset().await?;
        self.tasks.restart();
        self.start().await
    }

    /// Stops the reconcilers and their containers. Resources stay as they are.
    pub async fn shutdown(&self) {
        self.tasks.stop().await;
    }
}
