//! The configuration files and environment variables from which a container learns its job.

use super::channel::{Channel, Mode};
use super::{Checkpoints, LayoutError, Training};
use crate::engine::beneath::{Beneath, Relative};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// The hosts of a training job and which of them this container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub groups: Vec<InstanceGroup>,
    /// Index over all groups' instances in order, from 0: `algo-1` is 0.
    pub current: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceGroup {
    /// [`InstanceGroup::HOMOGENEOUS`] for jobs without groups.
    pub name: String,
    pub instance_type: String,
    pub count: u32,
}

impl InstanceGroup {
    pub const HOMOGENEOUS: &'static str = "homogeneousCluster";
}

impl Host {
    /// Group, its first host's index, host's index for every host in order.
    fn all(&self) -> impl Iterator<Item = (&InstanceGroup, u32)> {
        self.groups.iter().flat_map(|group| (0..group.count).map(move |_| group)).zip(0..)
    }

    fn own_group(&self) -> Option<&InstanceGroup> {
        self.all().find(|(_, index)| *index == self.current).map(|(group, _)| group)
    }

    /// The name of this host's group.
    pub fn group(&self) -> &str {
        self.own_group().map_or(InstanceGroup::HOMOGENEOUS, |group| &group.name)
    }

    pub fn name(&self) -> String {
        format!("algo-{}", self.current + 1)
    }

    /// This host's position among those of the named groups (all when none is named), and their
    /// number.
    pub(super) fn among(&self, groups: &[String]) -> (usize, usize) {
        let members: Vec<u32> = self
            .all()
            .filter(|(group, _)| groups.is_empty() || groups.contains(&group.name))
            .map(|(_, index)| index)
            .collect();
        let position = members.iter().position(|index| *index == self.current);
        (position.unwrap_or(0), members.len().max(1))
    }

    /// `resourceconfig.json`.
    fn document(&self) -> Value {
        let name = |index: u32| format!("algo-{}", index + 1);
        let hosts = |of: &InstanceGroup| -> Vec<String> {
            let own = self.all().filter(|(group, _)| std::ptr::eq(*group, of));
            own.map(|(_, index)| name(index)).collect()
        };
        let groups: Vec<Value> = self
            .groups
            .iter()
            .map(|group| {
                json!({
                    "instance_group_name": group.name,
                    "instance_type": group.instance_type,
                    "hosts": hosts(group),
                })
            })
            .collect();
        json!({
            "current_host": self.name(),
            "current_instance_type": self.own_group().map(|group| &group.instance_type),
            "current_group_name": self.group(),
            "hosts": self.all().map(|(_, index)| name(index)).collect::<Vec<_>>(),
            "instance_groups": groups,
            "network_interface_name": "eth0",
        })
    }
}

/// `inputdataconfig.json`'s member for a channel.
fn channel_document(channel: &Channel) -> Value {
    let mut document = Map::new();
    if let Some(content_type) = &channel.content_type {
        document.insert("ContentType".into(), json!(content_type));
    }
    let mode = match channel.mode {
        Mode::File => "File",
        Mode::FastFile => "FastFile",
        Mode::Pipe => "Pipe",
    };
    document.insert("TrainingInputMode".into(), json!(mode));
    let distribution = if channel.sharded { "ShardedByS3Key" } else { "FullyReplicated" };
    document.insert("S3DistributionType".into(), json!(distribution));
    let wrapper = if channel.record_io { "RecordIO" } else { "None" };
    document.insert("RecordWrapperType".into(), json!(wrapper));
    // A pipe is fed decompressed; files arrive as they are stored.
    if channel.gzip && channel.mode != Mode::Pipe {
        document.insert("CompressionType".into(), json!("Gzip"));
    }
    Value::Object(document)
}

/// Writes the files of `input/config`.
pub(super) fn write(
    ml: &Beneath,
    training: &Training<'_>,
    channels: &[Channel],
) -> Result<(), LayoutError> {
    let own = channels.iter().filter(|channel| channel.is_for(training.host));
    let inputs: Map<String, Value> =
        own.map(|channel| (channel.name.clone(), channel_document(channel))).collect();
    put(ml, "input/config/hyperparameters.json", &json!(training.hyperparameters))?;
    put(ml, "input/config/inputdataconfig.json", &Value::Object(inputs))?;
    if let Some(Checkpoints { uri, local_path }) = training.checkpoints {
        let document = json!({"S3Uri": uri, "LocalPath": local_path});
        put(ml, "input/config/checkpointconfig.json", &document)?;
    }
    put(ml, "input/config/resourceconfig.json", &training.host.document())
}

fn put(ml: &Beneath, path: &str, document: &Value) -> Result<(), LayoutError> {
    let name = Relative::parse(Path::new(path))
        .map_err(|why| LayoutError::Client(format!("{path} {why}")))?;
    ml.create(&name, false)
        .and_then(|mut file| file.write_all(document.to_string().as_bytes()))
        .map_err(LayoutError::io(path))
}

/// What a training container's environment is made of.
pub struct TrainingEnvironment<'a> {
    pub job_name: &'a str,
    pub job_arn: &'a str,
    pub region: &'a str,
    pub hyperparameters: &'a BTreeMap<String, String>,
    pub channels: &'a [Value],
    pub host: &'a Host,
    /// `Environment` of CreateTrainingJob.
    pub environment: &'a BTreeMap<String, String>,
}

impl TrainingEnvironment<'_> {
    /// The caller's own variables, and above them those that SageMaker sets.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let names: Vec<&str> =
            self.channels.iter().filter_map(|channel| channel["ChannelName"].as_str()).collect();
        let resources = self.host.document();
        let mut variables = self.environment.clone();
        let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
        set("TRAINING_JOB_NAME", self.job_name.to_owned());
        set("TRAINING_JOB_ARN", self.job_arn.to_owned());
        set("AWS_REGION", self.region.to_owned());
        set("AWS_DEFAULT_REGION", self.region.to_owned());
        set("SAGEMAKER_REGION", self.region.to_owned());
        set("SM_CURRENT_HOST", self.host.name());
        set("SM_HOSTS", resources["hosts"].to_string());
        set("SM_CURRENT_INSTANCE_GROUP", self.host.group().to_owned());
        set("SM_RESOURCE_CONFIG", resources.to_string());
        set("SM_NETWORK_INTERFACE_NAME", "eth0".to_owned());
        set("SM_HPS", json!(self.hyperparameters).to_string());
        set("SM_CHANNELS", json!(names).to_string());
        set("SM_INPUT_DIR", "/opt/ml/input".to_owned());
        set("SM_INPUT_CONFIG_DIR", "/opt/ml/input/config".to_owned());
        set("SM_MODEL_DIR", "/opt/ml/model".to_owned());
        set("SM_OUTPUT_DIR", "/opt/ml/output".to_owned());
        set("SM_OUTPUT_DATA_DIR", "/opt/ml/output/data".to_owned());
        for name in names {
            let variable = format!("SM_CHANNEL_{}", name.to_uppercase().replace(['-', '.'], "_"));
            set(&variable, format!("/opt/ml/input/data/{name}"));
        }
        variables
    }
}

/// A serving container's environment: the model's own `Environment`, and above it what SageMaker
/// sets.
pub fn serving_environment(
    environment: &BTreeMap<String, String>,
    region: &str,
) -> BTreeMap<String, String> {
    let mut variables = environment.clone();
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION", "SAGEMAKER_REGION"] {
        variables.insert(name.to_owned(), region.to_owned());
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        let group = |name: &str, count| InstanceGroup {
            name: name.into(),
            instance_type: format!("ml.{name}"),
            count,
        };
        Host { groups: vec![group("cpu", 1), group("gpu", 2)], current: 2 }
    }

    #[test]
    fn resources_name_hosts_and_groups() {
        assert_eq!(
            host().document(),
            json!({
                "current_host": "algo-3",
                "current_instance_type": "ml.gpu",
                "current_group_name": "gpu",
                "hosts": ["algo-1", "algo-2", "algo-3"],
                "instance_groups": [
                    {"instance_group_name": "cpu", "instance_type": "ml.cpu", "hosts": ["algo-1"]},
                    {"instance_group_name": "gpu", "instance_type": "ml.gpu",
                     "hosts": ["algo-2", "algo-3"]},
                ],
                "network_interface_name": "eth0",
            })
        );
    }

    #[test]
    fn only_a_job_with_checkpoints_is_told_where_they_go() {
        let written = |checkpoints| {
            let root = tempfile::tempdir().unwrap();
            let ml = Beneath::open(root.path()).unwrap();
            ml.create_dir(&Relative::parse(Path::new("input/config")).unwrap()).unwrap();
            let training = Training {
                root: root.path(),
                hyperparameters: &BTreeMap::new(),
                channels: &[],
                input_mode: "File",
                checkpoints,
                host: &host(),
                caps: crate::engine::archive::Caps::default(),
            };
            write(&ml, &training, &[]).unwrap();
            std::fs::read(root.path().join("input/config/checkpointconfig.json")).ok()
        };
        assert_eq!(written(None), None);
        let told = written(Some(Checkpoints { uri: "s3://b/c", local_path: "/opt/ml/kept" }));
        let told: Value = serde_json::from_slice(&told.unwrap()).unwrap();
        assert_eq!(told, json!({"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/kept"}));
    }

    #[test]
    fn the_job_overrides_the_callers_variables() {
        let own = BTreeMap::from([
            ("TRAINING_JOB_NAME".to_owned(), "forged".to_owned()),
            ("MINE".to_owned(), "kept".to_owned()),
        ]);
        let channels = [json!({"ChannelName": "my-train"})];
        let variables = TrainingEnvironment {
            job_name: "job",
            job_arn: "arn",
            region: "us-east-1",
            hyperparameters: &BTreeMap::new(),
            channels: &channels,
            host: &host(),
            environment: &own,
        }
        .variables();
        assert_eq!(variables["TRAINING_JOB_NAME"], "job");
        assert_eq!(variables["MINE"], "kept");
        assert_eq!(variables["SM_CHANNEL_MY_TRAIN"], "/opt/ml/input/data/my-train");
        assert_eq!(variables["SM_HOSTS"], r#"["algo-1","algo-2","algo-3"]"#);
    }
}
