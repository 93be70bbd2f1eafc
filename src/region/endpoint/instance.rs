//! One instance of a variant: its containers started, watched and stopped by a task of its own.
//!
//! The task reports to the endpoint's own task and takes one order from it: to stop. It knows
//! nothing of fleets, traffic or rows.

use super::super::{Region, View, log_sink::LogSink, objects, seeds, training_job};
use super::board::Board;
use super::diary::{Diary, Phase};
use super::record::Variant;
use crate::domain::s3_uri::S3Uri;
use crate::engine::archive::Caps;
use crate::engine::opt_ml::{self, LayoutError, ModelSource};
use crate::engine::own_code::OwnCode;
use crate::engine::{Address, Container, ContainerSpec, Exit, Limits, Mode, image};
use crate::serving::health::{self, Ping, Startup};
use crate::serving::pipeline::{Execution, Pipeline, Stage};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, watch};

/// From SIGTERM to SIGKILL when a serving container is stopped.
const STOP_GRACE: Duration = Duration::from_secs(30);
/// The same when the whole region stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// After this a container that has not answered is called out.
const NOTICE: Duration = Duration::from_secs(5);
/// How often an instance in service is pinged.
const PING_EVERY: Duration = Duration::from_secs(5);
/// A ping that takes longer is overdue: as long as another instance serves, this one gets nothing.
const OVERDUE: Duration = Duration::from_secs(1);
/// From SIGTERM to SIGKILL when it does not answer: it need not be waited for.
const FROZEN_GRACE: Duration = Duration::from_secs(2);
/// So many failed pings in a row make an instance unhealthy.
const FAILED_PINGS: u32 = 3;

/// What an instance's task tells the endpoint's.
#[derive(Debug)]
pub struct Report {
    /// The instance's id.
    pub id: String,
    pub news: News,
}

#[derive(Debug)]
pub enum News {
    /// It answers pings, here.
    Healthy(Address),
    /// It has not answered for so long, and goes on starting.
    Silent(Duration),
    /// It will never serve; the text is a FailureReason.
    Failed(String),
    /// It served, and does not any more.
    Gone(String),
}

/// How an instance is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Serve,
    Stop,
    /// Its containers are killed, and what follows is what follows a crash.
    Kill,
}

/// What an instance is started with.
pub struct Launch {
    pub region: Arc<Region>,
    pub endpoint: String,
    pub variant: Variant,
    pub id: String,
    pub diary: Arc<Diary>,
    pub board: Arc<Board>,
    pub reports: mpsc::UnboundedSender<Report>,
    pub order: watch::Receiver<Order>,
    /// How many instances of the region may be starting at once.
    pub slots: Arc<Semaphore>,
}

/// The log group of an endpoint.
pub fn log_group(endpoint: &str) -> String {
    format!("/aws/sagemaker/Endpoints/{endpoint}")
}

/// The log stream of one container of an instance.
pub fn log_stream(variant: &Variant, id: &str, container: usize) -> String {
    let stream = format!("{}/{id}", variant.name);
    match variant.containers.get(container).filter(|_| variant.containers.len() > 1) {
        Some(several) => format!("{stream}/{}", several.name("ContainerHostname")),
        None => stream,
    }
}

impl Launch {
    fn tell(&self, news: News) {
        let now = self.region.now();
        match &news {
            News::Healthy(address) => self.diary.listens(address.clone(), now),
            News::Silent(_) => {}
            News::Failed(why) | News::Gone(why) => self.diary.ends(why, now),
        }
        let _ = self.reports.send(Report { id: self.id.clone(), news });
    }

    fn container_id(&self, index: usize) -> String {
        let several = self.variant.containers.len() > 1;
        let suffix = if several { format!("-c{}", index + 1) } else { String::new() };
        format!("{}-{}-{}{suffix}", self.endpoint, self.variant.name, self.id)
    }

    fn root(&self, index: usize) -> PathBuf {
        self.region.dir().join("work").join(self.container_id(index))
    }

    /// Starts the instance, watches it until it ends or is told to, and cleans up after it.
    pub async fn run(mut self) {
        self.serve().await;
        self.diary.ends("It was stopped.", self.region.now());
        self.board.ended(Arc::clone(&self.diary));
        let roots: Vec<PathBuf> =
            (0..self.variant.containers.len()).map(|index| self.root(index)).collect();
        let _ = tokio::task::spawn_blocking(move || {
            roots.iter().for_each(|root| drop(std::fs::remove_dir_all(root)));
        })
        .await;
    }

    async fn serve(&mut self) {
        let mut order = self.order.clone();
        let started = {
            let starting = self.start();
            tokio::select! {
                started = starting => started,
                ordered = ordered(&mut order) => {
                    if ordered == Order::Kill {
                        self.tell(News::Failed("It was killed before it had started.".to_owned()));
                    }
                    return;
                }
            }
        };
        let containers = match started {
            Ok(containers) => containers,
            Err(reason) => {
                self.tell(News::Failed(reason));
                return;
            }
        };
        self.diary.runs(containers.iter().filter_map(|each| each.pid()).collect());
        let gone = {
            let watch = self.watch(&containers);
            tokio::pin!(watch);
            tokio::select! {
                () = &mut watch => true,
                ordered = ordered(&mut order) => {
                    if ordered == Order::Kill {
                        containers.iter().for_each(|each| each.kill());
                        watch.await;
                    }
                    false
                },
            }
        };
        self.diary.enter(Phase::Stopping, self.region.now());
        self.stop(&containers, gone).await;
    }

    /// `gone`: it was given up, because a container of it has ended or does not answer.
    async fn stop(&self, containers: &[Arc<dyn Container>], gone: bool) {
        let leaving = *self.region.stopping().borrow();
        let grace = match (leaving, gone) {
            (true, _) => SHUTDOWN_GRACE,
            (false, true) => FROZEN_GRACE,
            (false, false) => STOP_GRACE,
        };
        futures::future::join_all(containers.iter().map(|each| each.stop(grace))).await;
    }

    /// Starts every container, in parallel.
    async fn start(&self) -> Result<Vec<Arc<dyn Container>>, String> {
        let _slot = self.slots.acquire().await;
        let starts = (0..self.variant.containers.len()).map(|index| self.start_container(index));
        futures::future::try_join_all(starts).await
    }

    async fn start_container(&self, index: usize) -> Result<Arc<dyn Container>, String> {
        let container = &self.variant.containers[index];
        if container.text("Mode") == Some("MultiModel") {
            return Err("Multi-model containers (Mode MultiModel) are not simulated by Sagebrush."
                .to_owned());
        }
        let region = &self.region;
        let (group, stream) =
            (log_group(&self.endpoint), log_stream(&self.variant, &self.id, index));
        let (extracted, output) =
            tokio::join!(self.extract(index, container), LogSink::open(region, &group, &stream));
        extracted?;
        let spec = ContainerSpec {
            id: self.container_id(index),
            image: image::resolve(container.name("Image")),
            own_code: OwnCode::of_serving(container),
            mode: Mode::Serve,
            root: self.root(index),
            environment: opt_ml::serving_environment(
                &training_job::text_map(container, "Environment"),
                &region.place().region,
            ),
            limits: self.limits(),
            output: Arc::new(output),
        };
        region.engine().start(spec).await.map_err(|error| error.to_string())
    }

    fn limits(&self) -> Limits {
        let memory =
            self.variant.serverless.as_ref().and_then(|config| config.integer("MemorySizeInMB"));
        if let Some(memory) = memory.and_then(|memory| u64::try_from(memory).ok()) {
            // As with AWS Lambda, 1,769 MB of memory come with one vCPU.
            return Limits { vcpus: memory as f64 / 1769.0, memory_mib: memory };
        }
        let size = training_job::instance_size(&self.region, &self.variant.instance_type);
        Limits { vcpus: size.vcpus, memory_mib: size.memory_mib }
    }

    /// Brings the model's files to where the container looks for them.
    async fn extract(&self, index: usize, container: &Value) -> Result<(), String> {
        let source = ModelSource::of(container);
        let uri = source.as_ref().map(|source| source.uri.clone()).unwrap_or_default();
        self.take_in(&uri).await;
        let objects = objects::of(&self.region);
        let root = self.root(index);
        let laid_out = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&root)
                .map_err(|source| LayoutError::Io { path: root.clone(), source })?;
            opt_ml::serving(&*objects, &root, source.as_ref(), Caps::default())
        })
        .await;
        let name = self.name_of(index);
        match laid_out {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(LayoutError::Archive(why))) => Err(format!(
                "Failed to extract model data archive for container \"{name}\" from URL \
                 \"{uri}\". Please ensure that the object located at the URL is a valid tar.gz \
                 archive. ({why})"
            )),
            Ok(Err(LayoutError::Client(why))) => Err(format!(
                "Failed to download model data for container \"{name}\" from URL: \"{uri}\". \
                 Please ensure that there is an object located at the URL and that the role passed \
                 to CreateModel has permissions to download the object. ({why})"
            )),
            Ok(Err(error)) => Err(format!("The model could not be laid out: {error}")),
            Err(error) => Err(format!("The model could not be laid out: {error}")),
        }
    }

    /// An artifact that is missing may lie in the workspace's own folder.
    async fn take_in(&self, uri: &str) {
        let Ok(S3Uri { bucket, key }) = S3Uri::parse(uri) else { return };
        if self.region.store().objects().head(&bucket, &key).is_ok() {
            return;
        }
        if let Err(fault) = seeds::take_in(&self.region, Some(&bucket)).await {
            tracing::warn!(%fault, bucket, "cannot take the workspace's files into S3");
        }
    }

    fn name_of(&self, index: usize) -> String {
        match self.variant.containers.len() {
            1 => "primary".to_owned(),
            _ => self.variant.containers[index].name("ContainerHostname").to_owned(),
        }
    }

    /// Waits until all containers are healthy, then until one of them is not any more.
    async fn watch(&self, containers: &[Arc<dyn Container>]) {
        let starts = containers.iter().enumerate().map(|(index, each)| self.healthy(index, each));
        // Several containers answer through a server in between, which lives as long as they do.
        let _between =
            match futures::future::try_join_all(starts).await.and_then(|all| self.join(all)) {
                Ok((address, between)) => {
                    self.tell(News::Healthy(address));
                    between
                }
                Err(reason) => {
                    self.tell(News::Failed(reason));
                    return;
                }
            };
        let watches = containers.iter().map(|each| Box::pin(self.until_gone(each)));
        let (why, ..) = futures::future::select_all(watches).await;
        self.tell(News::Gone(why));
    }

    /// The one address of all containers.
    fn join(&self, addresses: Vec<Address>) -> Result<(Address, Option<Pipeline>), String> {
        if let [address] = addresses.as_slice() {
            return Ok((address.clone(), None));
        }
        let execution = if self.variant.direct { Execution::Direct } else { Execution::Serial };
        let stages = self.variant.containers.iter().zip(addresses).map(|(container, address)| {
            Stage { hostname: container.name("ContainerHostname").to_owned(), address }
        });
        let pipeline = Pipeline::start(execution, stages.collect())
            .map_err(|error| format!("The pipeline's containers could not be joined: {error}"))?;
        Ok((pipeline.address(), Some(pipeline)))
    }

    async fn healthy(
        &self,
        index: usize,
        container: &Arc<dyn Container>,
    ) -> Result<Address, String> {
        let Some(address) = container.address() else {
            return Err(format!("Container {} does not listen for requests.", container.id()));
        };
        let deadline = self.variant.startup();
        let startup = health::wait_until_healthy(
            &address,
            container.exit(),
            deadline,
            NOTICE,
            |ping, took| self.diary.pinged(ping.clone(), took, self.region.now()),
            || self.tell(News::Silent(NOTICE)),
        )
        .await;
        let not_healthy = format!(
            "The {} container for production variant {} did not pass the ping health check. Please \
             check CloudWatch logs for this endpoint.",
            self.name_of(index),
            self.variant.name
        );
        match startup {
            Startup::Healthy => Ok(address),
            Startup::Exited(exit) => Err(format!("{not_healthy} {}", last_words(&exit))),
            Startup::TimedOut(ping) => Err(format!(
                "{not_healthy} In {} s it {}.",
                deadline.as_secs(),
                match ping {
                    Ping::Healthy => "was healthy too late".to_owned(),
                    Ping::Status(status) => format!("answered GET /ping with status {status}"),
                    Ping::Silent => "never answered GET /ping".to_owned(),
                    Ping::Broken(why) => format!("could not be reached: {why}"),
                }
            )),
        }
    }

    /// One ping. The data plane knows of it as soon as it is overdue, not when it is given up.
    async fn ping(&self, address: &Address) -> Ping {
        let overdue = |overdue| {
            self.region.plane().set_overdue(&self.endpoint, &self.id, overdue);
        };
        let ping = health::ping(address, health::PING_TIMEOUT);
        tokio::pin!(ping);
        let ping = match tokio::time::timeout(OVERDUE, &mut ping).await {
            Ok(ping) => ping,
            Err(_elapsed) => {
                overdue(true);
                self.diary.enter(Phase::Unhealthy, self.region.now());
                ping.await
            }
        };
        overdue(ping != Ping::Healthy);
        ping
    }

    async fn until_gone(&self, container: &Arc<dyn Container>) -> String {
        let mut exit = container.exit();
        let Some(address) = container.address() else { return "It does not listen.".to_owned() };
        let mut round =
            tokio::time::interval_at(tokio::time::Instant::now() + PING_EVERY, PING_EVERY);
        let mut failed = 0;
        loop {
            tokio::select! {
                words = end_of(&mut exit) => return words,
                _ = round.tick() => {
                    let asked = Instant::now();
                    let ping = self.ping(&address).await;
                    let (took, now) = (asked.elapsed(), self.region.now());
                    failed = if ping == Ping::Healthy { 0 } else { failed + 1 };
                    let phase = if failed == 0 { Phase::InService } else { Phase::Unhealthy };
                    self.diary.pinged(ping, took, now);
                    self.diary.enter(phase, now);
                    if failed == FAILED_PINGS {
                        return format!("It failed {FAILED_PINGS} pings in a row.");
                    }
                }
            }
        }
    }
}

/// Waits for an order to end. Whoever lets go of the instance orders it to stop.
async fn ordered(order: &mut watch::Receiver<Order>) -> Order {
    order.wait_for(|order| *order != Order::Serve).await.map_or(Order::Stop, |order| *order)
}

/// Waits for a container's end and tells how it was.
async fn end_of(exit: &mut watch::Receiver<Option<Exit>>) -> String {
    match exit.wait_for(Option::is_some).await {
        Ok(exit) => exit.as_ref().map(last_words).unwrap_or_default(),
        Err(_) => "Its engine is gone.".to_owned(),
    }
}

/// `It exited with code 1; its last words: "…".`
fn last_words(exit: &Exit) -> String {
    let how = match (exit.code, exit.signal) {
        (Some(code), _) => format!("It exited with code {code}"),
        (None, Some(signal)) => format!("It was ended by signal {signal}"),
        (None, None) => "It ended".to_owned(),
    };
    let words = exit.last_words.join("\n");
    match words.trim() {
        "" => format!("{how} without a word."),
        words => {
            // A FailureReason has 1,024 characters; the end of what was said matters most.
            let count = words.chars().count();
            let tail: String = words.chars().skip(count.saturating_sub(600)).collect();
            format!("{how}; its last words: {tail}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_the_last_ones() {
        let exit = |code, signal, words: &[&str]| Exit {
            code,
            signal,
            last_words: words.iter().map(|&word| word.to_owned()).collect(),
        };
        assert_eq!(
            last_words(&exit(Some(1), None, &["starting", "no model found"])),
            "It exited with code 1; its last words: starting\nno model found"
        );
        assert_eq!(
            last_words(&exit(None, Some(9), &[])),
            "It was ended by signal 9 without a word."
        );
        let long = format!("{}end", "é".repeat(5_000));
        let said = last_words(&exit(Some(2), None, &[&long]));
        assert!(said.ends_with("éend") && said.chars().count() < 700);
    }
}
