//! Lays out `/opt/ml` below a container's root as SageMaker does, from the region's S3 objects,
//! and carries artifacts and checkpoints back.
//!
//! Everything here blocks on files: call it from `spawn_blocking`.

use super::archive::{ArchiveError, Caps, Tally};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The region's S3, as far as containers need it. Keys are listed in S3's (UTF-8 binary) order.
pub trait Objects: Send + Sync + 'static {
    /// Every key of `bucket` that starts with `prefix`; `None` when the bucket does not exist.
    fn list(&self, bucket: &str, prefix: &str) -> std::io::Result<Option<Vec<ObjectEntry>>>;
    /// `None` when there is no such object.
    fn open(&self, bucket: &str, key: &str) -> std::io::Result<Option<Box<dyn Read + Send>>>;
    /// Stores what `write` writes as one object, whole or not at all.
    fn put(
        &self,
        bucket: &str,
        key: &str,
        write: &mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>,
    ) -> std::io::Result<()>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEntry {
    pub key: String,
    pub bytes: u64,
}

/// Why `/opt/ml` could not be laid out or carried back.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The caller's doing; the text is a `FailureReason` without its `ClientError: `.
    #[error("{0}")]
    Client(String),
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

/// The hosts of a training job and which of them this container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// `algo-1`, `algo-2`, … with the instance type and group of each.
    pub groups: Vec<InstanceGroup>,
    /// Index over all groups' instances in order, from 0.
    pub current: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceGroup {
    /// `homogeneousCluster` for jobs without groups.
    pub name: String,
    pub instance_type: String,
    pub count: u32,
}

/// What a training container is given.
pub struct Training<'a> {
    /// The container's root; `opt/ml` is made below it.
    pub root: &'a Path,
    pub hyperparameters: &'a BTreeMap<String, String>,
    /// `InputDataConfig` as CreateTrainingJob's caller sent it (validated).
    pub channels: &'a [Value],
    /// `AlgorithmSpecification.TrainingInputMode`, the default of channels without their own.
    pub input_mode: &'a str,
    pub host: &'a Host,
    pub caps: Caps,
}

/// The Pipe channels' writers. Dropping it ends them, whether or not anyone still reads.
#[derive(Default)]
pub struct Feeds {}

/// What laying out brought.
pub struct LaidOut {
    pub feeds: Feeds,
    pub downloaded: Tally,
}

/// Makes `/opt/ml` for one training container: configuration, channels, empty output folders.
pub fn training(
    objects: &std::sync::Arc<dyn Objects>,
    training: &Training<'_>,
) -> Result<LaidOut, LayoutError> {
    let _ = (objects, training);
    Ok(LaidOut { feeds: Feeds::default(), downloaded: Tally::default() })
}

/// The environment of a training container, on top of the caller's own `Environment`.
pub struct TrainingEnvironment<'a> {
    pub job_name: &'a str,
    pub job_arn: &'a str,
    pub region: &'a str,
    pub hyperparameters: &'a BTreeMap<String, String>,
    pub channels: &'a [Value],
    pub host: &'a Host,
    pub environment: &'a BTreeMap<String, String>,
}

impl TrainingEnvironment<'_> {
    pub fn variables(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

/// Where a model's files come from (`ModelDataUrl` or `ModelDataSource.S3DataSource`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSource {
    /// `s3://bucket/key`.
    pub uri: String,
    pub form: ModelForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelForm {
    /// One tar.gz object: `ModelDataUrl`, or `S3Object` + `Gzip`.
    Archive,
    /// One object as it is: `S3Object` + `None`.
    Object,
    /// Every object below a prefix as it is: `S3Prefix` + `None`.
    Prefix,
}

impl ModelSource {
    /// From a `ContainerDefinition`; `None` when it names no model data.
    pub fn of(container: &Value) -> Option<Self> {
        let _ = container;
        None
    }
}

/// Makes `/opt/ml/model` below `root` for a serving container.
pub fn serving(
    objects: &dyn Objects,
    root: &Path,
    model: Option<&ModelSource>,
    caps: Caps,
) -> Result<Tally, LayoutError> {
    let _ = (objects, root, model, caps);
    Ok(Tally::default())
}

/// Packs `opt/ml/model` below `root` and stores it at `uri` (`…/output/model.tar.gz`).
pub fn store_model(objects: &dyn Objects, root: &Path, uri: &str) -> Result<Tally, LayoutError> {
    let _ = (objects, root, uri);
    Ok(Tally::default())
}

/// Packs `opt/ml/output/data` below `root` and stores it at `uri` (`…/output/output.tar.gz`);
/// `None` when there is nothing in it.
pub fn store_output(
    objects: &dyn Objects,
    root: &Path,
    uri: &str,
) -> Result<Option<Tally>, LayoutError> {
    let _ = (objects, root, uri);
    Ok(None)
}

/// `opt/ml/output/failure` below `root`: its first 1,024 characters, when it is there.
pub fn failure(root: &Path) -> Option<String> {
    let _ = root;
    None
}

/// Brings the checkpoints below `uri` to the local path (`/opt/ml/checkpoints` by default).
pub fn restore_checkpoints(
    objects: &dyn Objects,
    root: &Path,
    local_path: &str,
    uri: &str,
    caps: Caps,
) -> Result<Tally, LayoutError> {
    let _ = (objects, root, local_path, uri, caps);
    Ok(Tally::default())
}

/// Stores checkpoints that are new or changed since the last call with the same `seen`.
#[derive(Default)]
pub struct CheckpointSync {}

impl CheckpointSync {
    pub fn run(
        &mut self,
        objects: &dyn Objects,
        root: &Path,
        local_path: &str,
        uri: &str,
    ) -> Result<Tally, LayoutError> {
        let _ = (objects, root, local_path, uri);
        Ok(Tally::default())
    }
}
