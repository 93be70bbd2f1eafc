//! Lays out `/opt/ml` below a container's root as SageMaker does, from the region's S3 objects,
//! and carries artifacts and checkpoints back.
//!
//! Everything here blocks on files: call it from `spawn_blocking`.

mod channel;
mod checkpoint;
mod config;
mod download;
mod model;
mod objects;
mod pipe;

pub use checkpoint::{CheckpointSync, restore_checkpoints};
pub use config::{Host, InstanceGroup, TrainingEnvironment, serving_environment};
pub use model::{ModelForm, ModelSource, failure, serving, store_model, store_output};
pub use objects::{ObjectEntry, Objects};
pub use pipe::Feeds;

use super::archive::{ArchiveError, Caps, Tally};
use super::beneath::{Beneath, Relative};
use crate::domain::s3_uri::BadS3Uri;
use channel::{Channel, Mode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why `/opt/ml` could not be laid out or carried back.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The caller's doing; the text is a `FailureReason` without its `ClientError: `.
    #[error("{0}")]
    Client(String),
    /// An archive that cannot be unpacked, which is its owner's doing.
    #[error("{0}")]
    Archive(String),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl From<BadS3Uri> for LayoutError {
    fn from(bad: BadS3Uri) -> Self {
        Self::Client(format!("{bad}."))
    }
}

impl LayoutError {
    /// For `map_err`: which file or object it was.
    fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// What is wrong with an archive is its owner's doing; a full disk is not.
    fn unpacking(uri: &str) -> impl FnOnce(ArchiveError) -> Self {
        move |error| match error {
            ArchiveError::Write(source) => Self::Io { path: uri.into(), source },
            refused => Self::Archive(format!("{refused}.")),
        }
    }

    /// What is wrong with an archive or with too much data is its owner's doing; the rest is not.
    fn archive(uri: &str) -> impl FnOnce(ArchiveError) -> Self {
        move |error| match error {
            ArchiveError::Write(source) => Self::Io { path: uri.into(), source },
            refused => Self::Client(format!("Failed to download {uri}: {refused}.")),
        }
    }
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
    /// Where checkpoints go, of a job with a CheckpointConfig.
    pub checkpoints: Option<Checkpoints<'a>>,
    pub host: &'a Host,
    pub caps: Caps,
}

/// A job's CheckpointConfig.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoints<'a> {
    pub uri: &'a str,
    pub local_path: &'a str,
}

/// What laying out brought.
pub struct LaidOut {
    /// Keep them as long as the container runs.
    pub feeds: Feeds,
    pub downloaded: Tally,
}

/// The folders of `/opt/ml` that every training container finds, empty.
const FOLDERS: &[&str] =
    &["input/config", "input/data", "model", "output/data", "checkpoints", "code"];

/// Makes `/opt/ml` for one training container: configuration, channels, empty output folders.
///
/// FastFile channels are copied like those of File mode: what a container sees is the same, and the
/// stored objects stay out of its reach.
pub fn training(
    objects: &Arc<dyn Objects>,
    training: &Training<'_>,
) -> Result<LaidOut, LayoutError> {
    let ml = opt_ml(training.root)?;
    for folder in FOLDERS {
        let path = Relative::parse(Path::new(folder))
            .map_err(|why| LayoutError::Client(format!("{folder} {why}")))?;
        ml.create_dir(&path).map_err(LayoutError::io(*folder))?;
    }
    let channels: Vec<Channel> = training
        .channels
        .iter()
        .map(|document| Channel::of(document, training.input_mode))
        .collect::<Result<_, _>>()?;
    config::write(&ml, training, &channels)?;
    let mut laid_out = LaidOut { feeds: Feeds::default(), downloaded: Tally::default() };
    for channel in channels {
        if !channel.is_for(training.host) {
            continue;
        }
        match channel.mode {
            Mode::File | Mode::FastFile => {
                let tally = &mut laid_out.downloaded;
                download::channel(&**objects, &ml, &channel, training.host, tally, training.caps)?;
            }
            Mode::Pipe => {
                let feed = pipe::Feed::start(objects, training.root, channel, training.host)?;
                laid_out.feeds.push(feed);
            }
        }
    }
    Ok(laid_out)
}

/// Makes and opens `opt/ml` below `root`.
fn opt_ml(root: &Path) -> Result<Beneath, LayoutError> {
    let path = root.join("opt/ml");
    std::fs::create_dir_all(&path)
        .and_then(|()| Beneath::open(&path))
        .map_err(LayoutError::io(path))
}
