//! A job's document, read for running it: image, instances, channels, limits in time and place.

use super::super::{Region, View};
use super::record::text_map;
use crate::engine::opt_ml::{Host, InstanceGroup};
use crate::engine::own_code::OwnCode;
use crate::engine::{Image, Limits, image};
use crate::region::admission::Resources;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What one attempt needs to know.
#[derive(Clone, Debug)]
pub struct Spec {
    pub name: String,
    pub arn: String,
    pub image: Image,
    pub own_code: Option<OwnCode>,
    pub hyperparameters: BTreeMap<String, String>,
    pub environment: BTreeMap<String, String>,
    pub channels: Vec<Value>,
    pub input_mode: String,
    pub groups: Vec<InstanceGroup>,
    pub definitions: Vec<Value>,
    pub output: String,
    pub compressed: bool,
    pub checkpoints: Option<Checkpoints>,
    pub max_runtime: Duration,
    pub max_wait: Option<Duration>,
    /// `RetryStrategy.MaximumRetryAttempts`.
    pub retries: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    pub uri: String,
    pub local_path: String,
}

/// What an unknown instance type is taken for.
const UNKNOWN_SIZE: Resources = Resources { vcpus: 1.0, memory_mib: 1024 };

impl Spec {
    pub fn read(body: &Value) -> Self {
        let none = Value::Null;
        let algorithm = body.part("AlgorithmSpecification").unwrap_or(&none);
        let output = body.part("OutputDataConfig").unwrap_or(&none);
        let stopping = body.part("StoppingCondition").unwrap_or(&none);
        let seconds =
            |member| stopping.integer(member).and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            name: body.name("TrainingJobName").to_owned(),
            arn: body.name("TrainingJobArn").to_owned(),
            image: image_of(body),
            own_code: OwnCode::of_training(body),
            hyperparameters: text_map(body, "HyperParameters"),
            environment: text_map(body, "Environment"),
            channels: body.list("InputDataConfig").to_vec(),
            input_mode: algorithm.text("TrainingInputMode").unwrap_or("File").to_owned(),
            groups: groups(body),
            definitions: algorithm.list("MetricDefinitions").to_vec(),
            output: output.name("S3OutputPath").trim_end_matches('/').to_owned(),
            compressed: output.text("CompressionType") != Some("NONE"),
            checkpoints: body.part("CheckpointConfig").map(|config| Checkpoints {
                uri: config.name("S3Uri").to_owned(),
                local_path: config
                    .text("LocalPath")
                    .filter(|path| !path.is_empty())
                    .unwrap_or("/opt/ml/checkpoints")
                    .to_owned(),
            }),
            max_runtime: Duration::from_secs(
                seconds("MaxRuntimeInSeconds").unwrap_or(super::DEFAULT_MAX_RUNTIME.unsigned_abs()),
            ),
            max_wait: seconds("MaxWaitTimeInSeconds").map(Duration::from_secs),
            retries: body
                .part("RetryStrategy")
                .and_then(|retry| retry.integer("MaximumRetryAttempts"))
                .and_then(|count| u32::try_from(count).ok()),
        }
    }

    /// How many containers run, one an instance.
    pub fn instances(&self) -> u32 {
        self.groups.iter().map(|group| group.count).sum()
    }

    pub fn host(&self, current: u32) -> Host {
        Host { groups: self.groups.clone(), current }
    }

    /// The type of the instance at this index over all groups.
    pub fn instance_type(&self, index: u32) -> &str {
        let mut before = 0;
        for group in &self.groups {
            before += group.count;
            if index < before {
                return &group.instance_type;
            }
        }
        ""
    }

    /// CPU and memory of all instances together.
    pub fn demand(&self, region: &Region) -> Resources {
        self.groups.iter().fold(Resources::default(), |sum, group| {
            sum.plus(size(region, &group.instance_type).times(group.count))
        })
    }

    pub fn limits(&self, region: &Region, index: u32) -> Limits {
        let size = size(region, self.instance_type(index));
        Limits { vcpus: size.vcpus, memory_mib: size.memory_mib }
    }
}

pub fn size(region: &Region, instance_type: &str) -> Resources {
    region
        .instances()
        .get(instance_type)
        .map_or(UNKNOWN_SIZE, |known| Resources::new(f64::from(known.vcpus), known.memory_mib))
}

/// The instance groups of the job; a job without groups has one, by the service's name for it.
pub fn groups(body: &Value) -> Vec<InstanceGroup> {
    let none = Value::Null;
    let resources = body.part("ResourceConfig").unwrap_or(&none);
    let group = |document: &Value, name: &str| InstanceGroup {
        name: name.to_owned(),
        instance_type: document.name("InstanceType").to_owned(),
        count: document
            .integer("InstanceCount")
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(1),
    };
    match resources.list("InstanceGroups") {
        [] => vec![group(resources, "homogeneousCluster")],
        several => several.iter().map(|each| group(each, each.name("InstanceGroupName"))).collect(),
    }
}

fn image_of(body: &Value) -> Image {
    let none = Value::Null;
    image::resolve(body.part("AlgorithmSpecification").unwrap_or(&none).name("TrainingImage"))
}

/// The name of the built-in algorithm that the job runs, if it runs one.
pub fn built_in(body: &Value) -> Option<String> {
    match (image_of(body), OwnCode::of_training(body)) {
        (Image::BuiltIn { algorithm, .. }, None) => Some(algorithm),
        _ => None,
    }
}

/// Where the model goes.
pub fn artifact(output: &str, job: &str, compression: &str) -> String {
    if compression == "NONE" {
        format!("{output}/{job}/output/model/")
    } else {
        format!("{output}/{job}/output/model.tar.gz")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn groups_are_counted_through() {
        let spec = Spec::read(&json!({"ResourceConfig": {"InstanceGroups": [
            {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 2},
            {"InstanceGroupName": "b", "InstanceType": "ml.c5.xlarge", "InstanceCount": 1}]}}));
        assert_eq!(spec.instances(), 3);
        let types: Vec<&str> = (0..3).map(|index| spec.instance_type(index)).collect();
        assert_eq!(types, ["ml.m5.large", "ml.m5.large", "ml.c5.xlarge"]);
    }

    #[test]
    fn defaults_are_the_service_s() {
        let spec = Spec::read(&json!({
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            "OutputDataConfig": {"S3OutputPath": "s3://b/out/"},
            "CheckpointConfig": {"S3Uri": "s3://b/c"},
        }));
        assert_eq!(spec.max_runtime, Duration::from_secs(86_400));
        assert_eq!(spec.output, "s3://b/out");
        assert!(spec.compressed);
        assert_eq!(spec.checkpoints.unwrap().local_path, "/opt/ml/checkpoints");
        assert_eq!(spec.groups[0].name, "homogeneousCluster");
    }

    #[test]
    fn artifacts_lie_below_the_job_s_name() {
        assert_eq!(artifact("s3://b/o", "j", "GZIP"), "s3://b/o/j/output/model.tar.gz");
        assert_eq!(artifact("s3://b/o", "j", "NONE"), "s3://b/o/j/output/model/");
    }
}
