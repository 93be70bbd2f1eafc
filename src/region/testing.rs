//! A region in a temporary folder with an engine that only pretends, for the tests of reconcilers.
//!
//! What a pretended container does is written in its image's name: `fake/healthy`, `fake/exits`, …

use super::{Call, Caller, HoldTimes, OpenError, Region, RegionOptions};
use crate::api::error::AwsError;
use crate::domain::arn::Place;
use crate::domain::instance::Catalog;
use crate::domain::time::{Clock, SystemClock};
use crate::engine::{
    Address, Container, ContainerSpec, Engine, EngineError, Exit, Image, Mode, Usage, archive,
};
use crate::store::{Durability, Row};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::watch;

/// So long a test waits for what must happen, before it gives up. Nothing is decided by it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pretends to run containers.
#[derive(Default)]
pub struct FakeEngine {
    running: Mutex<Vec<Arc<Fake>>>,
    pub started: AtomicUsize,
}

struct Fake {
    id: String,
    image: String,
    address: Option<Address>,
    exit: watch::Sender<Option<Exit>>,
    stop: watch::Sender<bool>,
    obeys: bool,
}

impl Fake {
    fn end(&self, code: Option<i32>, signal: Option<i32>, words: &[&str]) {
        let last_words = words.iter().map(|&word| word.to_owned()).collect();
        self.exit.send_if_modified(|exit| {
            let first = exit.is_none();
            if first {
                *exit = Some(Exit { code, signal, last_words });
            }
            first
        });
    }
}

#[async_trait::async_trait]
impl Container for Fake {
    fn id(&self) -> &str {
        &self.id
    }

    fn address(&self) -> Option<Address> {
        self.address.clone()
    }

    fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.subscribe()
    }

    async fn stop(&self, grace: Duration) {
        self.stop.send_replace(true);
        if !self.obeys {
            // What ignores SIGTERM is killed; a test need not wait for that.
            let _ = grace;
            self.end(None, Some(9), &[]);
        }
        let _ = self.exit().wait_for(Option::is_some).await;
    }

    fn kill(&self) {
        self.end(None, Some(9), &[]);
    }

    fn pid(&self) -> Option<u32> {
        None
    }

    fn usage(&self) -> Option<Usage> {
        None
    }
}

impl FakeEngine {
    /// Ends every running container of this image, as a crash would.
    pub fn crash(&self, image: &str) -> usize {
        let running = self.running.lock().unwrap();
        let hit = running.iter().filter(|fake| fake.image == image && fake.exit.borrow().is_none());
        hit.map(|fake| fake.end(Some(70), None, &["out of ideas"])).count()
    }

    /// Ends all containers, as real ones end with their region.
    fn end_all(&self) {
        for fake in self.running.lock().unwrap().drain(..) {
            fake.stop.send_replace(true);
            fake.end(None, Some(9), &[]);
        }
    }

    /// How many containers of this image run.
    pub fn running(&self, image: &str) -> usize {
        let running = self.running.lock().unwrap();
        running.iter().filter(|fake| fake.image == image && fake.exit.borrow().is_none()).count()
    }
}

#[async_trait::async_trait]
impl Engine for FakeEngine {
    fn name(&self) -> &'static str {
        "fake"
    }

    async fn start(&self, spec: ContainerSpec) -> Result<Arc<dyn Container>, EngineError> {
        let Image::Foreign(image) = spec.image.clone() else {
            return Err(EngineError::Image("only fake images run here".into()));
        };
        if image == "fake/foreign" {
            return Err(EngineError::Image("fake/foreign does not run in this engine.".into()));
        }
        self.started.fetch_add(1, Ordering::SeqCst);
        let address = (spec.mode == Mode::Serve).then(|| Address::Unix(socket()));
        let fake = Arc::new(Fake {
            id: spec.id.clone(),
            obeys: !matches!(image.as_str(), "fake/stubborn" | "fake/second-fails"),
            image,
            address,
            exit: watch::Sender::new(None),
            stop: watch::Sender::new(false),
        });
        self.running.lock().unwrap().push(Arc::clone(&fake));
        match spec.mode {
            Mode::Serve => drop(tokio::spawn(serve(Arc::clone(&fake)))),
            Mode::Train => {
                // Before anybody can see it run, and stop it.
                work(&fake, &spec);
                drop(tokio::spawn(train(Arc::clone(&fake), spec)));
            }
        }
        Ok(fake)
    }
}

fn socket() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    std::env::temp_dir().join(format!("sbfake-{}-{number}", std::process::id()))
}

async fn serve(fake: Arc<Fake>) {
    let Some(Address::Unix(path)) = fake.address.clone() else { return };
    let listener = UnixListener::bind(&path).unwrap();
    let mut stop = fake.stop.subscribe();
    if fake.image == "fake/exits" {
        fake.end(Some(3), None, &["loading", "no such model"]);
    }
    let status = if fake.image == "fake/sick" { "500 Sick" } else { "200 OK" };
    loop {
        let mut exit = fake.exit.subscribe();
        let connection = tokio::select! {
            connection = listener.accept() => connection.unwrap().0,
            _ = stop.wait_for(|stop| *stop) => break,
            _ = exit.wait_for(Option::is_some) => break,
        };
        if fake.image != "fake/silent" {
            tokio::spawn(answer(connection, status));
        } else {
            // Held open, never answered.
            std::mem::forget(connection);
        }
    }
    let _ = std::fs::remove_file(path);
    fake.end(Some(0), None, &[]);
}

async fn answer(mut connection: tokio::net::UnixStream, status: &str) {
    let mut request = [0; 1024];
    let _ = connection.read(&mut request).await;
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = connection.write_all(text.as_bytes()).await;
}

/// What every fake training leaves.
fn work(fake: &Fake, spec: &ContainerSpec) {
    let opt_ml = spec.root.join("opt/ml");
    for folder in ["model", "output/data", "checkpoints"] {
        std::fs::create_dir_all(opt_ml.join(folder)).unwrap();
    }
    spec.output.line("epoch 1 loss=2.5");
    spec.output.line("epoch 2 loss=0.5");
    std::fs::write(opt_ml.join("model/model.bin"), &fake.id).unwrap();
}

async fn train(fake: Arc<Fake>, spec: ContainerSpec) {
    let opt_ml = spec.root.join("opt/ml");
    match fake.image.as_str() {
        // The first waits for the other, and ends by the signal that follows the other's failure.
        "fake/second-fails" if !fake.id.ends_with("algo-2") => {
            let mut stop = fake.stop.subscribe();
            let _ = stop.wait_for(|stop| *stop).await;
        }
        "fake/fails" | "fake/second-fails" => {
            std::fs::write(opt_ml.join("output/failure"), "the rows do not rhyme").unwrap();
            fake.end(Some(1), None, &["traceback"]);
        }
        "fake/faulty" => {
            std::fs::write(opt_ml.join("output/failure"), "InternalServerError: no disk").unwrap();
            fake.end(Some(1), None, &[]);
        }
        "fake/hangs" | "fake/stubborn" => {
            std::fs::write(opt_ml.join("checkpoints/step-1"), "1").unwrap();
            let mut stop = fake.stop.subscribe();
            let _ = stop.wait_for(|stop| *stop).await;
            if fake.obeys {
                fake.end(Some(0), None, &["stopped in order"]);
            }
        }
        _ => fake.end(Some(0), None, &[]),
    }
}

/// A region whose containers are pretended.
pub struct Bench {
    pub region: Arc<Region>,
    pub engine: Arc<FakeEngine>,
    folder: tempfile::TempDir,
    clock: Arc<dyn Clock>,
}

impl Bench {
    pub async fn new() -> Self {
        Self::made(Arc::new(SystemClock), HoldTimes::default()).await
    }

    /// One whose answers wait for so long.
    pub async fn holding(hold: HoldTimes) -> Self {
        Self::made(Arc::new(SystemClock), hold).await
    }

    pub async fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self::made(clock, HoldTimes::default()).await
    }

    async fn made(clock: Arc<dyn Clock>, hold: HoldTimes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Arc::new(FakeEngine::default());
        let region = open_holding(&folder, &engine, &clock, hold).await;
        Self { region, engine, folder, clock }
    }

    /// Ends the region without a word, as SIGKILL would, and opens another on its folder.
    pub async fn crash(self) -> Self {
        let Self { region, folder, engine, clock } = self;
        region.tasks.abort().await;
        // What an aborted task has spawned ends a moment later. A container that ended before would be
        // noted as if the region had lived to see it.
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while Arc::strong_count(&region) > 1 && std::time::Instant::now() < patience {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        engine.end_all();
        drop((region, engine));
        let engine = Arc::new(FakeEngine::default());
        let region = open(&folder, &engine, &clock).await;
        Self { region, engine, folder, clock }
    }

    /// Ends the region in order and opens another on its folder.
    pub async fn restart(self) -> Self {
        let Self { region, folder, engine, clock } = self;
        region.shutdown().await;
        assert!(engine.running.lock().unwrap().iter().all(|fake| fake.exit.borrow().is_some()));
        drop((region, engine));
        let engine = Arc::new(FakeEngine::default());
        let region = open(&folder, &engine, &clock).await;
        Self { region, engine, folder, clock }
    }

    /// The folder whose files become objects.
    pub fn seeds(&self) -> PathBuf {
        self.folder.path().join("buckets")
    }

    pub async fn call(&self, operation: &'static str, input: Value) -> Result<Value, AwsError> {
        self.region
            .call(Call {
                service: "sagemaker",
                operation,
                input,
                caller: Caller::default(),
                request_id: "test".into(),
            })
            .await
    }

    pub async fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let objects = self.region.store().objects();
        let _ = objects.create_bucket(bucket).await;
        objects.put_bytes(bucket, key, bytes, Default::default()).await.unwrap();
    }

    pub fn row(&self, kind: &str, name: &str) -> Option<Row> {
        self.region.store().read(|snapshot| snapshot.get(kind, name)).unwrap()
    }

    /// Waits until the row is as `wanted`, woken by the store's events.
    pub async fn until(&self, kind: &str, name: &str, wanted: impl Fn(&Row) -> bool) -> Row {
        let mut events = self.region.store().subscribe();
        let look = async {
            loop {
                if let Some(row) = self.row(kind, name)
                    && wanted(&row)
                {
                    return row;
                }
                let _ = events.recv().await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, look).await;
        found.unwrap_or_else(|_| panic!("{kind} {name} stays {:#?}", self.row(kind, name)))
    }

    pub async fn until_status(&self, kind: &str, name: &str, status: &str) -> Row {
        self.until(kind, name, |row| row.status == status).await
    }

    /// Waits until the row is gone.
    pub async fn until_gone(&self, kind: &str, name: &str) {
        let mut events = self.region.store().subscribe();
        let look = async {
            while self.row(kind, name).is_some() {
                let _ = events.recv().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.unwrap();
    }

    /// A model of one container and an endpoint configuration of that model.
    pub async fn config(&self, name: &str, image: &str, more: Value) {
        self.put("models", "model.tar.gz", &empty_archive()).await;
        let role = "arn:aws:iam::123456789012:role/role";
        let container = json!({"Image": image, "ModelDataUrl": "s3://models/model.tar.gz"});
        let model =
            json!({"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": role});
        self.call("CreateModel", model).await.unwrap();
        let mut variant = json!({
            "VariantName": "main", "ModelName": name, "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1, "InitialVariantWeight": 1.0,
        });
        for (member, value) in more.as_object().unwrap() {
            variant[member] = value.clone();
        }
        let config = json!({"EndpointConfigName": name, "ProductionVariants": [variant]});
        self.call("CreateEndpointConfig", config).await.unwrap();
    }
}

/// `model.tar.gz` of a model without files.
fn empty_archive() -> Vec<u8> {
    let mut bytes = Vec::new();
    archive::pack(tempfile::tempdir().unwrap().path(), &mut bytes).unwrap();
    bytes
}

async fn open(
    folder: &tempfile::TempDir,
    engine: &Arc<FakeEngine>,
    clock: &Arc<dyn Clock>,
) -> Arc<Region> {
    open_holding(folder, engine, clock, HoldTimes::default()).await
}

async fn open_holding(
    folder: &tempfile::TempDir,
    engine: &Arc<FakeEngine>,
    clock: &Arc<dyn Clock>,
    hold: HoldTimes,
) -> Arc<Region> {
    loop {
        let engine: Arc<dyn Engine> = Arc::clone(engine) as _;
        let opened = Region::open(RegionOptions {
            dir: folder.path().join(".sagebrush"),
            place: Place::default(),
            clock: Arc::clone(clock),
            durability: Durability::Process,
            engine,
            instances: Catalog::default(),
            seed: 1,
            pace: 1000.0,
            iam: crate::region::IamOptions::default(),
            hold,
            seeds: Some(folder.path().join("buckets")),
        })
        .await;
        match opened {
            Ok(region) => return region,
            // A dropped task may still hold the former region's store for a moment.
            Err(OpenError::Store(crate::store::OpenError::Busy { .. })) => {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}
