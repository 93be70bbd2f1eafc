//! Drives every unfinished training job to its end, whatever happened to the region meanwhile.
//!
//! One task a job. It is poked by each event of its row and now and then by a timer, looks at the
//! row, and does what is next; it keeps nothing in memory that the row and the job's work folder do
//! not hold as well, so that after a crash the next region goes on from there. Whose turn it is
//! decides [`Admission`], in the order in which the jobs were created.

use super::super::admission::{Admission, machine};
use super::super::{Region, work};
use super::artifact;
use super::attempt::{self, Ended};
use super::machine::{Secondary, Status};
use super::record::{self, Outcome, Record, Stop};
use super::spec::Spec;
use crate::domain::kind;
use crate::domain::time::Timestamp;
use crate::store::{Changed, Query, Row, Sort, StoreError};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How often all rows are looked at, in case an event was missed.
const ROUND: Duration = Duration::from_secs(30);
/// How long a job whose step failed by the store's fault rests before it tries again.
const REST: Duration = Duration::from_secs(1);
/// How often the region may die under a job before the job is given up, unless its
/// `RetryStrategy` says otherwise.
const MOST_INTERRUPTIONS: u32 = 25;

/// What the jobs' tasks share.
pub(super) struct Yard {
    pub region: Arc<Region>,
    /// By lower-cased name; the jobs that have a task.
    pokes: Mutex<HashMap<String, Arc<Notify>>>,
    /// Jobs whose task has just ended: one of that name may have been created meanwhile.
    left: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps all training jobs going until the region stops.
pub async fn reconcile(region: Arc<Region>) {
    let mut events = region.store().subscribe();
    let mut stopping = region.stopping();
    *lock(region.admission()) = Admission::new(machine());
    let yard = Arc::new(Yard { pokes: Mutex::default(), left: Mutex::default(), region });
    let mut jobs = JoinSet::new();
    yard.adopt_all(&mut jobs);
    let mut round = tokio::time::interval_at(tokio::time::Instant::now() + ROUND, ROUND);
    while !*stopping.borrow() {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) if event.kind == kind::TRAINING_JOB => match event.change {
                    Changed::Created => yard.adopt(&event.name, &mut jobs),
                    Changed::Updated | Changed::Deleted => yard.poke(&event.name),
                },
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => yard.adopt_all(&mut jobs),
                Err(RecvError::Closed) => break,
            },
            Some(_) = jobs.join_next() => yard.adopt_left(&mut jobs),
            _ = round.tick() => yard.adopt_all(&mut jobs),
            _ = stopping.changed() => {}
        }
    }
    while jobs.join_next().await.is_some() {}
}

/// The names of the work folders that unfinished jobs may still need.
pub fn work_folders(region: &Region) -> Result<Vec<String>, StoreError> {
    let folders = unfinished(region)?.into_iter().filter_map(|row| {
        let record = Record::of(row, region.now(), region.steady())?;
        let instances = Spec::read(&record.row.body).instances();
        let name = record.row.name;
        Some((0..instances).map(move |at| folder(&name, record.private.attempts, at)))
    });
    Ok(folders.flatten().collect())
}

fn folder(job: &str, attempt: u32, instance: u32) -> String {
    format!("{job}-{attempt}-algo-{}", instance + 1)
}

/// Jobs that have not ended, oldest first.
fn unfinished(region: &Region) -> Result<Vec<Row>, StoreError> {
    region.store().read(|snapshot| {
        let mut all = Vec::new();
        for status in [Status::InProgress, Status::Stopping] {
            let mut query = Query {
                kind: kind::TRAINING_JOB.into(),
                status: Some(status.name().into()),
                sort: Sort::Created,
                ascending: true,
                limit: 1000,
                ..Query::default()
            };
            loop {
                let page = snapshot.list(&query)?;
                all.extend(page.rows);
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
        }
        all.sort_by_key(|row| row.created);
        Ok(all)
    })
}

impl Yard {
    /// Gives every unfinished job a task, oldest first, and pokes those that have one.
    fn adopt_all(self: &Arc<Self>, jobs: &mut JoinSet<()>) {
        match unfinished(&self.region) {
            Ok(rows) => rows.into_iter().for_each(|row| self.adopt_row(row, jobs)),
            Err(fault) => tracing::error!(%fault, "cannot read the training jobs"),
        }
    }

    /// By its name in any case: tasks are known by lower-cased names.
    fn adopt(self: &Arc<Self>, name: &str, jobs: &mut JoinSet<()>) {
        let row =
            self.region.store().read(|snapshot| snapshot.get_any_case(kind::TRAINING_JOB, name));
        match row {
            Ok(Some(row)) => self.adopt_row(row, jobs),
            Ok(None) => {}
            Err(fault) => tracing::error!(%fault, name, "cannot read a training job"),
        }
    }

    /// Looks once more at jobs whose task has ended.
    fn adopt_left(self: &Arc<Self>, jobs: &mut JoinSet<()>) {
        let left = std::mem::take(&mut *lock(&self.left));
        left.iter().for_each(|name| self.adopt(name, jobs));
    }

    fn adopt_row(self: &Arc<Self>, row: Row, jobs: &mut JoinSet<()>) {
        if Status::parse(&row.status).is_none_or(Status::is_terminal) {
            return;
        }
        let key = row.name.to_lowercase();
        let poke = {
            let mut pokes = lock(&self.pokes);
            if let Some(poke) = pokes.get(&key) {
                poke.notify_one();
                return;
            }
            let poke = Arc::new(Notify::new());
            pokes.insert(key.clone(), Arc::clone(&poke));
            poke
        };
        let region = &self.region;
        let Some(record) = Record::of(row, region.now(), region.steady()) else {
            lock(&self.pokes).remove(&key);
            return;
        };
        if record.private.outcome.is_none() && record.progress.status() == Status::InProgress {
            // Asked here and not in the task, so that turns come in the order of creation.
            let demand = Spec::read(&record.row.body).demand(&self.region);
            lock(self.region.admission()).request(&key, demand);
        }
        let seat = Seat { yard: Arc::clone(self), key };
        let job = Job { seat, name: record.row.name, poke };
        jobs.spawn(job.run());
    }

    fn poke(&self, name: &str) {
        if let Some(poke) = lock(&self.pokes).get(&name.to_lowercase()) {
            poke.notify_one();
        }
    }

    fn is_admitted(&self, key: &str) -> bool {
        lock(self.region.admission()).is_running(key)
    }

    fn leave(&self, key: &str) {
        let next = lock(self.region.admission()).release(key);
        let mut pokes = lock(&self.pokes);
        pokes.remove(key);
        lock(&self.left).push(key.to_owned());
        for admitted in next {
            if let Some(poke) = pokes.get(&admitted) {
                poke.notify_one();
            }
        }
    }
}

/// A job's place among the others; given up however its task ends.
struct Seat {
    yard: Arc<Yard>,
    key: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.yard.leave(&self.key);
    }
}

/// One job's task.
pub(super) struct Job {
    seat: Seat,
    pub name: String,
    pub poke: Arc<Notify>,
}

/// What a step led to.
enum Next {
    Again,
    Over,
}

impl Job {
    async fn run(self) {
        let mut stopping = self.region().stopping();
        while !*stopping.borrow() {
            match self.step().await {
                Ok(Next::Again) => {}
                Ok(Next::Over) => break,
                Err(fault) => {
                    tracing::error!(%fault, job = self.name, "a training job's step failed");
                    tokio::select! {
                        () = tokio::time::sleep(REST) => {}
                        _ = stopping.changed() => {}
                    }
                }
            }
        }
    }

    pub fn region(&self) -> &Arc<Region> {
        &self.seat.yard.region
    }

    /// The folder of one instance's container in one attempt.
    pub fn root(&self, attempt: u32, instance: u32) -> PathBuf {
        self.region().dir().join("work").join(self.container_id(attempt, instance))
    }

    pub fn container_id(&self, attempt: u32, instance: u32) -> String {
        folder(&self.name, attempt, instance)
    }

    /// Looks at the row and does what is next.
    async fn step(&self) -> Result<Next, StoreError> {
        let Some(record) = record::load(self.region(), &self.name)? else {
            return Ok(Next::Over);
        };
        let (secondary, outcome) = (record.progress.secondary(), record.private.outcome.clone());
        if secondary.is_terminal() {
            return Ok(Next::Over);
        }
        if let Some(outcome) = outcome {
            return self.upload(&record, outcome).await;
        }
        match secondary {
            Secondary::Stopping => self.stopped(&record).await,
            Secondary::Starting | Secondary::Pending | Secondary::Restarting => {
                self.start(&record).await
            }
            _ => self.interrupted(&record).await,
        }
    }

    /// Waits for the job's turn, then makes an attempt.
    async fn start(&self, record: &Record) -> Result<Next, StoreError> {
        let spec = Spec::read(&record.row.body);
        if !self.seat.yard.is_admitted(&self.seat.key) {
            return self.wait_for_turn(record, &spec).await;
        }
        Ok(match attempt::run(self, record, &spec).await? {
            Ended::Again => Next::Again,
            Ended::RegionStops => Next::Over,
        })
    }

    async fn wait_for_turn(&self, record: &Record, spec: &Spec) -> Result<Next, StoreError> {
        if record.progress.secondary() != Secondary::Pending {
            let _ = self
                .change(|record| {
                    record.progress.taken_up();
                    record.enter(Secondary::Pending)
                })
                .await?;
            return Ok(Next::Again);
        }
        let mut stopping = self.region().stopping();
        let given_up = sleep_for(attempt::wait_left(record, spec, self.region()));
        tokio::select! {
            () = self.poke.notified() => {}
            () = told(&mut stopping) => {}
            () = given_up => {
                let _ = self
                    .change(|record| {
                        record.private.stop = Some(Stop::MaxWait);
                        record.enter(Secondary::Stopping)
                    })
                    .await?;
            }
        }
        Ok(Next::Again)
    }

    /// A stop with no container to stop: what an attempt before a crash left is still carried off.
    async fn stopped(&self, record: &Record) -> Result<Next, StoreError> {
        let left = (0..Spec::read(&record.row.body).instances())
            .any(|instance| self.root(record.private.attempts, instance).is_dir());
        let _ = self
            .change(move |record| {
                let to = record.private.stop.unwrap_or(Stop::Requested).terminal();
                if left {
                    record.private.outcome = Some(Outcome::Stopped);
                    record.enter(Secondary::Uploading)
                } else {
                    record.finish(to, None)
                }
            })
            .await?;
        Ok(Next::Again)
    }

    /// The region died (or stopped) while an attempt was under way.
    async fn interrupted(&self, record: &Record) -> Result<Next, StoreError> {
        let spec = Spec::read(&record.row.body);
        if record.progress.secondary() != Secondary::Interrupted {
            // Both by the former life's clock: what was set since then is no time on instances.
            let began = record.private.began.unwrap_or_default();
            let alive = work::life(self.region()).before.map_or(began, |at| at.max(began));
            let limit = spec.retries.unwrap_or(MOST_INTERRUPTIONS);
            let _ = self.change(move |record| interrupt(record, alive, limit)).await?;
            return Ok(Next::Again);
        }
        attempt::salvage(self, record, &spec).await;
        let _ = self.change(|record| record.enter(Secondary::Restarting)).await?;
        Ok(Next::Again)
    }

    /// Carries the artifacts off and ends the job.
    async fn upload(&self, record: &Record, outcome: Outcome) -> Result<Next, StoreError> {
        let spec = Spec::read(&record.row.body);
        let uploaded = artifact::upload(self, record, &spec, &outcome).await;
        let attempts = record.private.attempts;
        let _ = self
            .change(move |record| {
                let failure = match (outcome, uploaded) {
                    (Outcome::Failed(reason), _) | (_, Err(reason)) => Some(reason),
                    _ => None,
                };
                let to = match (&failure, record.private.stop) {
                    (Some(_), _) => Secondary::Failed,
                    (None, Some(stop)) => stop.terminal(),
                    (None, None) => Secondary::Completed,
                };
                record.finish(to, failure)
            })
            .await?;
        artifact::clear(self, attempts, spec.instances()).await;
        Ok(Next::Again)
    }

    pub async fn change<T: Send + 'static>(
        &self,
        edit: impl FnOnce(&mut Record) -> Result<T, super::machine::NoWay> + Send + 'static,
    ) -> Result<Option<Result<T, super::machine::NoWay>>, StoreError> {
        record::change(self.region(), &self.name, edit).await
    }
}

fn interrupt(
    record: &mut Record,
    alive: Timestamp,
    limit: u32,
) -> Result<(), super::machine::NoWay> {
    record.private.leave_instances(alive);
    record.private.interruptions += 1;
    if record.private.interruptions > limit {
        let reason = format!(
            "InternalServerError: the region ended {} times while this job ran, which is as often \
             as it is tried again. If the job itself uses up the machine's memory, give it less data \
             or a smaller model; RetryStrategy sets how often it is tried.",
            record.private.interruptions
        );
        return record.finish(Secondary::Failed, Some(reason));
    }
    record.enter(Secondary::Interrupted)
}

/// Returns once the region stops, also when it has been told so already.
pub(super) async fn told(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Sleeps for as long, or for ever when there is no limit.
pub(super) async fn sleep_for(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}
