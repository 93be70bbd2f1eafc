//! Runs containers: the `Engine` trait and its engines, `/opt/ml`, archives, limits, container logs.
//!
//! A container is started as `<image> train` or `<image> serve` with SageMaker's folders below its
//! root. What kind of isolation an engine has is its own matter; whoever starts a container sees
//! its address, its exit and its output.

pub mod archive;
pub(crate) mod beneath;
pub mod image;
mod lines;
pub mod opt_ml;
pub mod own_code;
pub mod process;
mod runtime_dir;

use own_code::OwnCode;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// What a container is started with.
pub struct ContainerSpec {
    /// Unique in the region; names folders and processes in `doctor` and logs.
    pub id: String,
    pub image: Image,
    /// What of the caller's own is to run in the place of what the image holds.
    pub own_code: Option<OwnCode>,
    pub mode: Mode,
    /// The folder that holds the container's `opt/ml`.
    pub root: PathBuf,
    /// All that the container sees; nothing of the region's own environment is passed on.
    pub environment: BTreeMap<String, String>,
    pub limits: Limits,
    /// Every line of stdout and stderr, in order.
    pub output: Arc<dyn Output>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// An algorithm inside this binary.
    BuiltIn {
        /// `xgboost` or `linear-learner`.
        algorithm: String,
        /// The image's repository and tag (`sagemaker-xgboost:1.7-1`), by which an algorithm knows what
        /// release it is.
        release: String,
    },
    /// Anything else, by its full URI.
    Foreign(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Train,
    Serve,
}

/// The instance type's size, as far as the engine's rung can imitate it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub vcpus: f64,
    pub memory_mib: u64,
}

/// Where a container's lines go. A slow sink blocks the container's pipe; it loses no line.
pub trait Output: Send + Sync + 'static {
    fn line(&self, line: &str);
}

/// Where a serving container listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    Tcp(std::net::SocketAddr),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The exit code, or `None` when a signal ended it.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    /// The last lines it printed, oldest first; its last words.
    pub last_words: Vec<String>,
}

/// A running container. Dropping the handle kills what is still running.
#[async_trait::async_trait]
pub trait Container: Send + Sync + 'static {
    fn id(&self) -> &str;
    /// `Some` for serving containers.
    fn address(&self) -> Option<Address>;
    /// Holds `Some` once the container has ended and all its output has been delivered.
    fn exit(&self) -> watch::Receiver<Option<Exit>>;
    /// SIGTERM, then SIGKILL after `grace`; returns when it is gone.
    async fn stop(&self, grace: Duration);
    /// SIGKILL at once, as a crash would end it; [`Container::exit`] tells when it is gone.
    fn kill(&self);
    /// The process that leads it, while it runs, where the engine knows one.
    fn pid(&self) -> Option<u32>;
    /// CPU seconds used so far and resident bytes now, when they can be read.
    fn usage(&self) -> Option<Usage>;
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
}

#[async_trait::async_trait]
pub trait Engine: Send + Sync + 'static {
    /// `process`, `sandbox` or `docker`.
    fn name(&self) -> &'static str;
    /// Which of an instance's limits the containers really have, in one plain sentence.
    fn limits_in_force(&self) -> &'static str {
        "limits: none; latency is not imitated"
    }
    async fn start(&self, spec: ContainerSpec) -> Result<Arc<dyn Container>, EngineError>;
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The image is not one this engine can run; the text says what would.
    #[error("{0}")]
    Image(String),
    #[error("cannot start container {id}: {source}")]
    Start { id: String, source: std::io::Error },
}
