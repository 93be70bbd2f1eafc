//! One attempt at a training job: input laid out, containers run, artifacts carried back.

use super::super::{Region, log_sink::LogSink, objects, work};
use super::artifact::{blocking, clear};
use super::machine::Secondary;
use super::metrics::{Definitions, Gathered};
use super::monitor::{self, Monitor};
use super::reconciler::{Job, sleep_for, told};
use super::record::{self, Outcome, Record, Stop};
use super::spec::{Checkpoints, Spec};
use crate::engine::archive::Caps;
use crate::engine::opt_ml::{
    self, CheckpointSync, Feeds, LayoutError, Objects, Training, TrainingEnvironment,
};
use crate::engine::{Container, ContainerSpec, EngineError, Exit, Mode};
use crate::store::StoreError;
use futures::StreamExt;
use futures::future::{BoxFuture, join_all};
use futures::stream::FuturesUnordered;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The log group of all training jobs.
pub(super) const LOG_GROUP: &str = "/aws/sagemaker/TrainingJobs";
/// From SIGTERM to SIGKILL when a job is stopped.
const STOP_GRACE: Duration = Duration::from_secs(120);
/// The same when the whole region stops: the job goes on from its checkpoints another time.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// How often new checkpoints are carried off.
const BEAT: Duration = Duration::from_secs(3);
/// How often its metrics and what it uses are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How an attempt ended.
pub(super) enum Ended {
    /// The row says what is next.
    Again,
    RegionStops,
}

/// How long a spot job may still wait and run; `None` without a limit.
pub(super) fn wait_left(record: &Record, spec: &Spec, region: &Region) -> Option<Duration> {
    let limit = spec.max_wait?;
    let began = work::life(region).began;
    let waited = match record.private.created.filter(|created| *created >= began) {
        Some(created) => region.steady().since(created),
        // Created in another life of the region, whose clock is gone with it.
        None => region.now().since(record.row.created),
    };
    Some(limit.saturating_sub(waited))
}

/// Runs the job's containers once, from the input to the point where the artifacts are to be
/// carried off or the job has failed.
pub(super) async fn run(job: &Job, record: &Record, spec: &Spec) -> Result<Ended, StoreError> {
    let downloads = !spec.channels.is_empty() || spec.checkpoints.is_some();
    let began = job
        .change(move |record| {
            record.progress.taken_up();
            if downloads {
                record.enter(Secondary::Downloading)?;
            }
            record.private.attempts += 1;
            record.private.began = Some(record.steady);
            if record.row.body.get("TrainingStartTime").is_none() {
                record.set("TrainingStartTime", record.now.to_document());
            }
            Ok(record.private.attempts)
        })
        .await?;
    let Some(Ok(attempt)) = began else { return Ok(Ended::Again) };
    let feeds = match lay_out(job, spec, attempt).await {
        Ok(feeds) => feeds,
        Err(error) => return fail(job, spec, layout_reason(&error)).await,
    };
    if !matches!(job.change(|record| record.enter(Secondary::Training)).await?, Some(Ok(()))) {
        clear(job, attempt, spec.instances()).await;
        return Ok(Ended::Again);
    }
    let definitions =
        Definitions::compile(&spec.definitions).unwrap_or_else(|_| Definitions::none());
    let monitor = monitor_of(job, record, attempt).await;
    let gathered = Arc::new(Gathered::new(definitions, Arc::clone(&monitor)));
    let containers = match start(job, spec, attempt, &gathered).await {
        Ok(containers) => containers,
        Err(EngineError::Image(text)) => {
            return fail(job, spec, format!("ClientError: {text}")).await;
        }
        Err(error) => return fail(job, spec, format!("InternalServerError: {error}")).await,
    };
    let mut watch = Watch::new(job, spec, attempt, containers, (monitor, Arc::clone(&gathered)));
    let ended = watch.until_ended(record).await?;
    drop(feeds);
    watch.keep_checkpoints().await;
    match ended {
        All::Ended(failed) => conclude(job, spec, attempt, failed, &gathered).await,
        All::RegionStops => {
            let _ = job
                .change(|record| {
                    record.private.leave_instances(record.steady);
                    record.enter(Secondary::Interrupted)
                })
                .await?;
            Ok(Ended::RegionStops)
        }
    }
}

/// The job's monitor. In a new life of the region it knows from the log what came before.
async fn monitor_of(job: &Job, record: &Record, attempt: u32) -> Arc<Monitor> {
    let (monitor, is_new) = job.region().monitors().open(&job.name, record.row.created);
    if is_new && attempt > 1 {
        let (region, row) = (Arc::clone(job.region()), record.row.clone());
        match blocking(move || monitor::from_log(&region, &row)).await {
            Ok(Ok(earlier)) => monitor.precede(&earlier),
            Ok(Err(fault)) => tracing::warn!(%fault, job = job.name, "cannot read earlier metrics"),
            Err(fault) => tracing::warn!(%fault, job = job.name, "cannot read earlier metrics"),
        }
    }
    monitor
}

/// Makes the containers' folders and fills them.
async fn lay_out(job: &Job, spec: &Spec, attempt: u32) -> Result<Vec<Feeds>, LayoutError> {
    let objects = objects::of(job.region());
    let roots: Vec<PathBuf> =
        (0..spec.instances()).map(|instance| job.root(attempt, instance)).collect();
    let spec = spec.clone();
    blocking(move || {
        roots
            .iter()
            .zip(0..)
            .map(|(root, index)| lay_out_one(&objects, &spec, root, index))
            .collect()
    })
    .await?
}

fn lay_out_one(
    objects: &Arc<dyn Objects>,
    spec: &Spec,
    root: &Path,
    index: u32,
) -> Result<Feeds, LayoutError> {
    std::fs::create_dir_all(root)
        .map_err(|source| LayoutError::Io { path: root.to_owned(), source })?;
    let training = Training {
        root,
        hyperparameters: &spec.hyperparameters,
        channels: &spec.channels,
        input_mode: &spec.input_mode,
        checkpoints: spec.checkpoints.as_ref().map(|checkpoints| opt_ml::Checkpoints {
            uri: &checkpoints.uri,
            local_path: &checkpoints.local_path,
        }),
        host: &spec.host(index),
        caps: Caps::default(),
    };
    let laid_out = opt_ml::training(objects, &training)?;
    if let Some(Checkpoints { uri, local_path }) = &spec.checkpoints {
        opt_ml::restore_checkpoints(&**objects, root, local_path, uri, Caps::default())?;
    }
    Ok(laid_out.feeds)
}

async fn start(
    job: &Job,
    spec: &Spec,
    attempt: u32,
    gathered: &Arc<Gathered>,
) -> Result<Vec<Arc<dyn Container>>, EngineError> {
    let region = job.region();
    let epoch = region.now().as_millis() / 1000;
    let starts = (0..spec.instances()).map(|index| async move {
        let stream = format!("{}/algo-{}-{epoch}", spec.name, index + 1);
        let tap = Arc::clone(gathered);
        let output = LogSink::open(region, LOG_GROUP, &stream).await;
        let environment = TrainingEnvironment {
            job_name: &spec.name,
            job_arn: &spec.arn,
            region: &region.place().region,
            hyperparameters: &spec.hyperparameters,
            channels: &spec.channels,
            host: &spec.host(index),
            environment: &spec.environment,
        }
        .variables();
        region
            .engine()
            .start(ContainerSpec {
                id: job.container_id(attempt, index),
                image: spec.image.clone(),
                own_code: spec.own_code.clone(),
                mode: Mode::Train,
                root: job.root(attempt, index),
                environment,
                limits: spec.limits(region, index),
                output: Arc::new(output.tapped(move |line, at| tap.line(line, at))),
            })
            .await
    });
    futures::future::try_join_all(starts).await
}

/// How the wait for an attempt's containers ended.
enum All {
    /// All of them have; the first that failed by itself, with its instance, is what the job fails of.
    Ended(Option<(u32, Exit)>),
    RegionStops,
}

/// An attempt's running containers.
struct Watch<'a> {
    job: &'a Job,
    spec: &'a Spec,
    containers: Vec<Arc<dyn Container>>,
    roots: Vec<PathBuf>,
    /// One for each root.
    sync: Vec<CheckpointSync>,
    monitor: Arc<Monitor>,
    gathered: Arc<Gathered>,
    /// The metrics that the row shows.
    shown: Vec<Value>,
}

impl<'a> Watch<'a> {
    fn new(
        job: &'a Job,
        spec: &'a Spec,
        attempt: u32,
        containers: Vec<Arc<dyn Container>>,
        (monitor, gathered): (Arc<Monitor>, Arc<Gathered>),
    ) -> Self {
        let roots: Vec<PathBuf> =
            (0..spec.instances()).map(|instance| job.root(attempt, instance)).collect();
        let sync = roots.iter().map(|_| CheckpointSync::default()).collect();
        Self { job, spec, containers, roots, sync, monitor, gathered, shown: Vec::new() }
    }

    /// Waits until every container has ended, stopping them when the job is to stop, when its time
    /// is up, or when one of them has failed.
    async fn until_ended(&mut self, record: &Record) -> Result<All, StoreError> {
        let mut exits: FuturesUnordered<_> = self
            .containers
            .iter()
            .enumerate()
            .map(|(index, each)| ended(index, each.exit()))
            .collect();
        let mut first_failure = None;
        let mut stop: Option<BoxFuture<'static, ()>> = None;
        let mut stopping = self.job.region().stopping();
        let ran = Duration::from_millis(record.private.ran_ms);
        let runtime = sleep_for(Some(self.spec.max_runtime.saturating_sub(ran)));
        let wait = sleep_for(wait_left(record, self.spec, self.job.region()));
        tokio::pin!(runtime, wait);
        let mut look = tokio::time::interval(LOOK);
        let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + BEAT, BEAT);
        loop {
            tokio::select! {
                Some((index, exit)) = exits.next() => {
                    // The others are stopped because of the first: what they end of is no reason.
                    if exit.code != Some(0) && first_failure.is_none() {
                        first_failure = Some((u32::try_from(index).unwrap_or_default(), exit));
                        stop.get_or_insert_with(|| self.stop(STOP_GRACE));
                    }
                    if exits.is_empty() {
                        return Ok(All::Ended(first_failure));
                    }
                }
                () = self.job.poke.notified() => {
                    if stop.is_none() && self.is_to_stop()? {
                        stop = Some(self.stop(STOP_GRACE));
                    }
                }
                () = &mut runtime, if stop.is_none() => {
                    self.time_is_up(Stop::MaxRuntime).await?;
                    stop = Some(self.stop(STOP_GRACE));
                }
                () = &mut wait, if stop.is_none() => {
                    self.time_is_up(Stop::MaxWait).await?;
                    stop = Some(self.stop(STOP_GRACE));
                }
                () = async { if let Some(stop) = stop.as_mut() { stop.await } },
                    if stop.is_some() && !exits.is_empty() => {
                    stop = Some(Box::pin(std::future::pending()));
                }
                _ = beat.tick() => self.keep_checkpoints().await,
                _ = look.tick() => self.look().await?,
                () = told(&mut stopping) => {
                    self.stop(SHUTDOWN_GRACE).await;
                    return Ok(All::RegionStops);
                }
            }
        }
    }

    /// Reads what the containers use, and has the row show what has been printed.
    async fn look(&mut self) -> Result<(), StoreError> {
        let (now, steady) = (self.job.region().now(), self.job.region().steady());
        for (index, container) in self.containers.iter().enumerate() {
            if let Some(usage) = container.usage() {
                let host = format!("algo-{}", index + 1);
                self.monitor.usage(&host, container.pid(), usage, (now, steady));
            }
        }
        let metrics = self.gathered.document();
        if metrics != self.shown {
            self.shown.clone_from(&metrics);
            let _ = self
                .job
                .change(move |record| {
                    record.set("FinalMetricDataList", metrics);
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }

    fn stop(&self, grace: Duration) -> BoxFuture<'static, ()> {
        let containers = self.containers.clone();
        Box::pin(async move {
            join_all(containers.iter().map(|container| container.stop(grace))).await;
        })
    }

    /// Whether the row says so, or is gone.
    fn is_to_stop(&self) -> Result<bool, StoreError> {
        let record = record::load(self.job.region(), &self.job.name)?;
        Ok(record.is_none_or(|record| record.progress.secondary() == Secondary::Stopping))
    }

    async fn time_is_up(&self, why: Stop) -> Result<(), StoreError> {
        let _ = self
            .job
            .change(move |record| {
                record.enter(Secondary::Stopping)?;
                record.private.stop.get_or_insert(why);
                Ok(())
            })
            .await?;
        Ok(())
    }

    /// Carries new checkpoints off.
    async fn keep_checkpoints(&mut self) {
        let Some(checkpoints) = self.spec.checkpoints.clone() else { return };
        let objects = objects::of(self.job.region());
        let roots = self.roots.clone();
        let mut sync = std::mem::take(&mut self.sync);
        let synced = blocking(move || {
            let result = carry_checkpoints(&*objects, &roots, &checkpoints, &mut sync);
            (sync, result)
        })
        .await;
        match synced {
            Ok((sync, result)) => {
                self.sync = sync;
                if let Err(error) = result {
                    tracing::warn!(%error, job = self.job.name, "cannot store checkpoints");
                }
            }
            Err(error) => tracing::error!(%error, job = self.job.name, "storing checkpoints broke"),
        }
    }
}

async fn ended(index: usize, mut exit: watch::Receiver<Option<Exit>>) -> (usize, Exit) {
    let ended = exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
    // An engine that goes away without a word took its container with it.
    let lost = || Exit { code: None, signal: None, last_words: Vec::new() };
    (index, ended.unwrap_or_else(lost))
}

fn carry_checkpoints(
    objects: &dyn Objects,
    roots: &[PathBuf],
    checkpoints: &Checkpoints,
    sync: &mut [CheckpointSync],
) -> Result<(), LayoutError> {
    for (root, sync) in roots.iter().zip(sync).filter(|(root, _)| root.is_dir()) {
        sync.run(objects, root, &checkpoints.local_path, &checkpoints.uri)?;
    }
    Ok(())
}

/// All containers have ended: notes how, before anything is uploaded.
async fn conclude(
    job: &Job,
    spec: &Spec,
    attempt: u32,
    failed: Option<(u32, Exit)>,
    gathered: &Gathered,
) -> Result<Ended, StoreError> {
    let metrics = gathered.document();
    let outcome = match failed {
        None => Outcome::Succeeded,
        Some((instance, Exit { code, signal, last_words })) => {
            let root = job.root(attempt, instance);
            let failure = blocking(move || opt_ml::failure(&root)).await.ok().flatten();
            let reason = record::failure_reason(failure.as_deref(), &last_words, code, signal);
            Outcome::Failed(reason)
        }
    };
    if let Outcome::Failed(reason) = &outcome
        && reason.starts_with("InternalServerError")
        && retried(job, spec).await?
    {
        return Ok(Ended::Again);
    }
    let _ = job
        .change(move |record| {
            let stopped = record.progress.secondary() == Secondary::Stopping;
            record.enter(Secondary::Uploading)?;
            record.private.outcome = Some(if stopped { Outcome::Stopped } else { outcome });
            if !metrics.is_empty() {
                record.set("FinalMetricDataList", metrics);
            }
            Ok(())
        })
        .await?;
    Ok(Ended::Again)
}

/// The attempt came to nothing before a container ran.
async fn fail(job: &Job, spec: &Spec, reason: String) -> Result<Ended, StoreError> {
    if reason.starts_with("InternalServerError") && retried(job, spec).await? {
        return Ok(Ended::Again);
    }
    let attempts = job
        .change(move |record| {
            if record.progress.secondary() == Secondary::Stopping {
                let to = record.private.stop.unwrap_or(Stop::Requested).terminal();
                record.finish(to, None)?;
            } else {
                record.finish(Secondary::Failed, Some(reason))?;
            }
            Ok(record.private.attempts)
        })
        .await?;
    if let Some(Ok(attempts)) = attempts {
        clear(job, attempts, spec.instances()).await;
    }
    Ok(Ended::Again)
}

/// Begins the job anew after a fault of the region's own, as often as its `RetryStrategy` allows.
async fn retried(job: &Job, spec: &Spec) -> Result<bool, StoreError> {
    let Some(limit) = spec.retries else { return Ok(false) };
    let begun = job
        .change(move |record| {
            if record.private.retries >= limit {
                return Ok(false);
            }
            record.private.retries += 1;
            record.private.leave_instances(record.steady);
            record.enter(Secondary::Interrupted)?;
            record.enter(Secondary::Starting)?;
            Ok(true)
        })
        .await?;
    Ok(matches!(begun, Some(Ok(true))))
}

fn layout_reason(error: &LayoutError) -> String {
    match error {
        LayoutError::Client(_) | LayoutError::Archive(_) => format!("ClientError: {error}"),
        LayoutError::Io { .. } => format!("InternalServerError: {error}"),
    }
}

/// Carries off the checkpoints of an attempt that was cut off, and its folders away.
pub(super) async fn salvage(job: &Job, record: &Record, spec: &Spec) {
    let attempt = record.private.attempts;
    if let Some(checkpoints) = spec.checkpoints.clone() {
        let objects = objects::of(job.region());
        let roots: Vec<PathBuf> =
            (0..spec.instances()).map(|instance| job.root(attempt, instance)).collect();
        let carried = blocking(move || {
            let mut sync: Vec<_> = roots.iter().map(|_| CheckpointSync::default()).collect();
            carry_checkpoints(&*objects, &roots, &checkpoints, &mut sync)
        })
        .await;
        if let Ok(Err(error)) | Err(error) = carried {
            tracing::warn!(%error, job = job.name, "cannot store an interrupted job's checkpoints");
        }
    }
    clear(job, attempt, spec.instances()).await;
}
