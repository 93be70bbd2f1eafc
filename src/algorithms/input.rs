//! What a training container is given: hyperparameters, channels, resources and folders, read from
//! the documents under `/opt/ml/input/config`.

use super::Failure;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One training job, as its container sees it.
#[derive(Clone, Debug)]
pub struct TrainingInput {
    /// By name, as text: AWS carries every hyperparameter as a string.
    pub hyperparameters: BTreeMap<String, String>,
    /// By name: `train`, `validation`, `test`, …
    pub channels: BTreeMap<String, Channel>,
    pub resources: Resources,
    /// Where the model goes; its content becomes `model.tar.gz`.
    pub model_dir: PathBuf,
    /// Further files; they become `output.tar.gz`.
    pub output_dir: PathBuf,
    /// Present when the job has a CheckpointConfig: what an earlier attempt left there is to be taken up.
    pub checkpoint_dir: Option<PathBuf>,
    pub stop: Stop,
}

/// One channel of `inputdataconfig.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub name: String,
    /// The whole ContentType, parameters included (`text/csv;label_size=0`).
    pub content_type: Option<String>,
    pub mode: InputMode,
    pub compression: Compression,
    pub wrapper: RecordWrapper,
    /// Whether S3 objects were sharded over the instances rather than copied to each.
    pub sharded: bool,
    /// `/opt/ml/input/data/<channel>`: a folder in File and FastFile mode, the stem of the FIFOs'
    /// names (`<channel>_<epoch>`) in Pipe mode.
    pub path: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum InputMode {
    #[default]
    File,
    FastFile,
    Pipe,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Compression {
    #[default]
    None,
    Gzip,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum RecordWrapper {
    #[default]
    None,
    RecordIO,
}

/// `resourceconfig.json`: which instance this is, among which.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Resources {
    pub current_host: String,
    pub hosts: Vec<String>,
}

impl Resources {
    /// Whether this instance writes the model, as the first of the hosts does.
    pub fn is_leader(&self) -> bool {
        self.hosts.first().is_none_or(|first| *first == self.current_host)
    }
}

/// Set once the container is told to stop (SIGTERM).
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether training is to end now, keeping the model so far.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks for the stop.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The flag itself, for a signal handler.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl TrainingInput {
    /// Reads the documents below `root` (`root/opt/ml/input/config/…`).
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let opt_ml = root.join("opt/ml");
        let config = opt_ml.join("input/config");
        let hyperparameters = document(&config.join("hyperparameters.json"))?.unwrap_or_default();
        let declared: BTreeMap<String, ChannelDocument> =
            document(&config.join("inputdataconfig.json"))?.unwrap_or_default();
        let resources = document(&config.join("resourceconfig.json"))?.unwrap_or(Resources {
            current_host: "algo-1".to_owned(),
            hosts: vec!["algo-1".to_owned()],
        });
        let data = opt_ml.join("input/data");
        let channels = declared
            .into_iter()
            .map(|(name, channel)| (name.clone(), channel.resolve(name, &data)))
            .collect();
        let checkpoints: Option<CheckpointDocument> =
            document(&config.join("checkpointconfig.json"))?;
        let checkpoints = checkpoints.map(|config| config.folder(root));
        if let Some(folder) = &checkpoints {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::internal(format!("cannot make {}: {error}", folder.display()))
            })?;
        }
        Ok(Self {
            hyperparameters,
            channels,
            resources,
            model_dir: opt_ml.join("model"),
            output_dir: opt_ml.join("output/data"),
            checkpoint_dir: checkpoints,
            stop: Stop::default(),
        })
    }

    /// A hyperparameter as it was given, surrounding blanks removed.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.hyperparameters.get(name).map(|value| value.trim())
    }

    /// A hyperparameter of any parsable type, `None` when it was not given.
    pub fn parse<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            Failure::client(format!(
                "Hyperparameter {name}: the value {text:?} is not a valid {}. Correct or remove it.",
                kind::<T>()
            ))
        })
    }
}

/// What a person calls the type that a hyperparameter should have had.
fn kind<T>() -> &'static str {
    match std::any::type_name::<T>() {
        "f32" | "f64" => "number",
        "bool" => "boolean (true or false)",
        _ => "integer",
    }
}

/// `checkpointconfig.json`, which only a job with a CheckpointConfig has.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CheckpointDocument {
    local_path: Option<String>,
}

impl CheckpointDocument {
    /// Where the checkpoints lie below the container's root.
    fn folder(self, root: &Path) -> PathBuf {
        let path = self.local_path.unwrap_or_else(|| "/opt/ml/checkpoints".to_owned());
        let names = Path::new(&path).components().filter_map(|component| match component {
            std::path::Component::Normal(name) => Some(name),
            _ => None,
        });
        root.join(names.collect::<PathBuf>())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ChannelDocument {
    content_type: Option<String>,
    training_input_mode: InputMode,
    s3_distribution_type: Option<String>,
    record_wrapper_type: RecordWrapper,
    compression_type: Compression,
}

impl Default for ChannelDocument {
    fn default() -> Self {
        Self {
            content_type: None,
            training_input_mode: InputMode::File,
            s3_distribution_type: None,
            record_wrapper_type: RecordWrapper::None,
            compression_type: Compression::None,
        }
    }
}

impl ChannelDocument {
    fn resolve(self, name: String, data: &Path) -> Channel {
        Channel {
            path: data.join(&name),
            name,
            content_type: self.content_type.filter(|text| !text.trim().is_empty()),
            mode: self.training_input_mode,
            compression: self.compression_type,
            wrapper: self.record_wrapper_type,
            sharded: self.s3_distribution_type.as_deref() == Some("ShardedByS3Key"),
        }
    }
}

/// A JSON document of the configuration folder; `None` when the file is not there.
fn document<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, Failure> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Failure::internal(format!("cannot read {}: {error}", path.display())));
        }
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Failure::internal(format!("{} is not what it should be: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_lie_where_the_jobs_configuration_says_and_nowhere_without_one() {
        let root = tempfile::tempdir().unwrap();
        let config = root.path().join("opt/ml/input/config");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::create_dir_all(root.path().join("opt/ml/checkpoints")).unwrap();
        let folder = || TrainingInput::read(root.path()).unwrap().checkpoint_dir;
        assert_eq!(folder(), None);
        let configure =
            |text: &str| std::fs::write(config.join("checkpointconfig.json"), text).unwrap();
        configure(r#"{"S3Uri": "s3://b/c"}"#);
        assert_eq!(folder(), Some(root.path().join("opt/ml/checkpoints")));
        configure(r#"{"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/kept"}"#);
        let kept = folder().unwrap();
        assert_eq!(kept, root.path().join("opt/ml/kept"));
        assert!(kept.is_dir());
        configure(r#"{"S3Uri": "s3://b/c", "LocalPath": "/../../outside"}"#);
        assert_eq!(folder(), Some(root.path().join("outside")), "it stays below the root");
    }
}
