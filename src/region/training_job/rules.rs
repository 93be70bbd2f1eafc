//! What CreateTrainingJob refuses, beyond what the shapes can say.

use super::super::{Refusal, View};
use super::metrics::Definitions;
use crate::domain::s3_uri::S3Uri;
use crate::engine::opt_ml::Objects;
use serde_json::Value;
use std::collections::BTreeSet;

/// 28 days, the longest that a job may run.
const LONGEST_RUN: i64 = 28 * 24 * 3600;

/// Folders that checkpoints may not share.
const RESERVED_PATHS: &[&str] =
    &["/opt/ml/input", "/opt/ml/model", "/opt/ml/output", "/opt/ml/code"];

fn invalid<T>(text: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::invalid(text))
}

/// Checks the members of the call against one another.
pub fn check(input: &Value) -> Result<(), Refusal> {
    if input.has("ServerlessJobConfig") {
        return invalid(
            "Serverless training jobs (ServerlessJobConfig) are not simulated by Sagebrush. \
             Specify AlgorithmSpecification and ResourceConfig.",
        );
    }
    algorithm(input)?;
    channels(input)?;
    resources(input)?;
    stopping(input)?;
    checkpoints(input)?;
    if !input.has("OutputDataConfig") {
        return invalid("OutputDataConfig must be specified.");
    }
    Ok(())
}

fn algorithm(input: &Value) -> Result<(), Refusal> {
    let Some(algorithm) = input.part("AlgorithmSpecification") else {
        return invalid("AlgorithmSpecification must be specified.");
    };
    match (algorithm.has("TrainingImage"), algorithm.has("AlgorithmName")) {
        (true, true) => {
            return invalid(
                "Specify one of either TrainingImage or AlgorithmName in AlgorithmSpecification.",
            );
        }
        (false, true) => {
            return Err(Refusal::could_not_find("algorithm", algorithm.name("AlgorithmName")));
        }
        (false, false) => {
            return invalid(
                "You must specify either TrainingImage or AlgorithmName in AlgorithmSpecification.",
            );
        }
        (true, false) => {}
    }
    let definitions = algorithm.list("MetricDefinitions");
    let mut names = BTreeSet::new();
    for definition in definitions {
        let name = definition.name("Name");
        if !names.insert(name) {
            return invalid(format!("Metric definition names must be unique: {name}."));
        }
    }
    Definitions::compile(definitions).map_err(|error| Refusal::invalid(error.to_string()))?;
    Ok(())
}

fn channels(input: &Value) -> Result<(), Refusal> {
    let mut names = BTreeSet::new();
    let groups: BTreeSet<&str> = input
        .part("ResourceConfig")
        .map(|resources| resources.list("InstanceGroups"))
        .unwrap_or_default()
        .iter()
        .map(|group| group.name("InstanceGroupName"))
        .collect();
    for channel in input.list("InputDataConfig") {
        let name = channel.name("ChannelName");
        if !names.insert(name) {
            return invalid(format!(
                "Channel names must be unique within a training job. Duplicate channel name: {name}."
            ));
        }
        let empty = Value::Null;
        let source = channel.part("DataSource").unwrap_or(&empty);
        match (source.part("S3DataSource"), source.has("FileSystemDataSource")) {
            (Some(s3), false) if !source.has("DatasetSource") => {
                let unknown = s3
                    .list("InstanceGroupNames")
                    .iter()
                    .filter_map(Value::as_str)
                    .find(|group| !groups.contains(group));
                if let Some(group) = unknown {
                    return invalid(format!(
                        "Channel {name} names the instance group {group}, which ResourceConfig \
                         does not have."
                    ));
                }
            }
            (None, true) => {
                return invalid(format!(
                    "Channel {name}: FileSystemDataSource (EFS, FSx) is not simulated by \
                     Sagebrush. Use S3DataSource."
                ));
            }
            (None, false) if source.has("DatasetSource") => {
                return invalid(format!(
                    "Channel {name}: DatasetSource is not simulated by Sagebrush. Use S3DataSource."
                ));
            }
            _ => {
                return invalid(format!(
                    "Channel {name}: exactly one of S3DataSource, FileSystemDataSource and \
                     DatasetSource must be specified in DataSource."
                ));
            }
        }
    }
    Ok(())
}

fn resources(input: &Value) -> Result<(), Refusal> {
    let Some(resources) = input.part("ResourceConfig") else {
        return invalid("ResourceConfig must be specified.");
    };
    if resources.has("InstancePreferences") {
        return invalid(
            "InstancePreferences is not simulated by Sagebrush. Specify InstanceType and \
             InstanceCount, or InstanceGroups.",
        );
    }
    for member in ["SelectedInstanceType", "SelectedInstanceCount"] {
        if resources.part(member).is_some() {
            return invalid(format!("{member} is read-only and cannot be specified."));
        }
    }
    let groups = resources.list("InstanceGroups");
    let single = resources.has("InstanceType") || resources.has("InstanceCount");
    if !groups.is_empty() && single {
        return invalid(
            "InstanceGroups and InstanceType with InstanceCount are mutually exclusive in \
             ResourceConfig.",
        );
    }
    if groups.is_empty() {
        if !resources.has("InstanceType") {
            return invalid("InstanceType must be specified in ResourceConfig.");
        }
        if resources.integer("InstanceCount").unwrap_or(0) < 1 {
            return invalid("InstanceCount in ResourceConfig must be at least 1.");
        }
    }
    let mut names = BTreeSet::new();
    for group in groups {
        let name = group.name("InstanceGroupName");
        if !names.insert(name) {
            return invalid(format!("Instance group names must be unique: {name}."));
        }
        if group.integer("InstanceCount").unwrap_or(0) < 1 {
            return invalid(format!("InstanceCount of instance group {name} must be at least 1."));
        }
    }
    Ok(())
}

fn stopping(input: &Value) -> Result<(), Refusal> {
    let empty = Value::Null;
    let stopping = input.part("StoppingCondition").unwrap_or(&empty);
    let run = stopping.integer("MaxRuntimeInSeconds").unwrap_or(super::DEFAULT_MAX_RUNTIME);
    if run > LONGEST_RUN {
        return invalid(format!("MaxRuntimeInSeconds must be at most {LONGEST_RUN} (28 days)."));
    }
    match (input.flag("EnableManagedSpotTraining"), stopping.integer("MaxWaitTimeInSeconds")) {
        (true, wait) if wait.is_none_or(|wait| wait < run) => invalid(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to \
             MaxRuntimeInSeconds",
        ),
        (false, Some(_)) => invalid(
            "MaxWaitTimeInSeconds can be specified only when EnableManagedSpotTraining is true.",
        ),
        _ => Ok(()),
    }
}

fn checkpoints(input: &Value) -> Result<(), Refusal> {
    let path = input.part("CheckpointConfig").and_then(|config| config.text("LocalPath"));
    let Some(path) = path.filter(|path| !path.is_empty()) else { return Ok(()) };
    let clean = path.trim_end_matches('/');
    let escapes = clean.split('/').any(|part| part == "..");
    let reserved = RESERVED_PATHS.iter().any(|reserved| {
        clean == *reserved || clean.strip_prefix(reserved).is_some_and(|rest| rest.starts_with('/'))
    });
    if !clean.starts_with('/') || escapes || reserved || clean == "/opt/ml" {
        return invalid(format!(
            "LocalPath \"{path}\" in CheckpointConfig cannot be used: it must be an absolute path \
             outside of /opt/ml/input, /opt/ml/model, /opt/ml/output and /opt/ml/code."
        ));
    }
    Ok(())
}

/// The buckets that the channels name.
pub fn buckets(input: &Value) -> BTreeSet<String> {
    let uri = |channel: &Value| {
        let uri = channel.pointer("/DataSource/S3DataSource/S3Uri")?.as_str()?;
        S3Uri::parse(uri).ok().map(|uri| uri.bucket)
    };
    input.list("InputDataConfig").iter().filter_map(uri).collect()
}

/// Looks for the objects that the channels name, as the service does before it accepts a job.
pub fn inputs_exist(input: &Value, objects: &dyn Objects, region: &str) -> Result<(), Refusal> {
    let sources = input.list("InputDataConfig").iter().filter_map(|channel| {
        channel.part("DataSource").and_then(|source| source.part("S3DataSource"))
    });
    for source in sources {
        let uri = source.name("S3Uri");
        let place = S3Uri::parse(uri).map_err(|bad| Refusal::Invalid(format!("S3Uri: {bad}.")))?;
        let found = objects
            .list(&place.bucket, &place.key)
            .map_err(|error| Refusal::Store(error.into()))?
            .is_some_and(|keys| !keys.is_empty());
        if !found {
            return invalid(format!(
                "No S3 objects found under S3 URL \"{uri}\" given in input data source. Please \
                 ensure that the bucket exists in the selected region ({region}), that objects \
                 exist under that S3 prefix, and that the role \"{}\" has \"s3:ListBucket\" \
                 permissions on bucket \"{}\". {}",
                input.name("RoleArn"),
                place.bucket,
                place.how_to_fill(),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn call() -> Value {
        json!({
            "TrainingJobName": "j",
            "AlgorithmSpecification": {"TrainingImage": "xgboost", "TrainingInputMode": "File"},
            "RoleArn": "arn:aws:iam::123456789012:role/r",
            "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource":
                {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train"}}}],
            "OutputDataConfig": {"S3OutputPath": "s3://b/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        })
    }

    fn merged(changes: Value) -> Value {
        fn merge(into: &mut Value, from: Value) {
            match (into, from) {
                (Value::Object(into), Value::Object(from)) => {
                    for (key, value) in from {
                        if value.is_null() {
                            into.remove(&key);
                        } else {
                            merge(into.entry(key).or_insert(Value::Null), value);
                        }
                    }
                }
                (into, from) => *into = from,
            }
        }
        let mut call = call();
        merge(&mut call, changes);
        call
    }

    #[test]
    fn a_plain_call_passes() {
        assert!(check(&call()).is_ok());
    }

    fn channel(name: &str, source: Value) -> Value {
        json!({"ChannelName": name, "DataSource": source})
    }

    fn s3() -> Value {
        json!({"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/x"}})
    }

    #[rstest]
    #[case::no_algorithm(json!({"AlgorithmSpecification": null}), "AlgorithmSpecification")]
    #[case::both_algorithms(
        json!({"AlgorithmSpecification": {"AlgorithmName": "a"}}), "one of either")]
    #[case::neither_algorithm(
        json!({"AlgorithmSpecification": {"TrainingImage": null}}), "must specify either")]
    #[case::unknown_algorithm(
        json!({"AlgorithmSpecification": {"TrainingImage": null, "AlgorithmName": "a"}}), "Could not find")]
    #[case::metric_twice(json!({"AlgorithmSpecification": {"MetricDefinitions": [
        {"Name": "a", "Regex": "x"}, {"Name": "a", "Regex": "y"}]}}), "unique")]
    #[case::bad_pattern(json!({"AlgorithmSpecification": {"MetricDefinitions": [
        {"Name": "a", "Regex": "("}]}}), "regular expression")]
    #[case::channel_twice(
        json!({"InputDataConfig": [channel("a", s3()), channel("a", s3())]}), "Duplicate channel")]
    #[case::no_source(json!({"InputDataConfig": [channel("a", json!({}))]}), "exactly one")]
    #[case::file_system(json!({"InputDataConfig": [channel("a",
        json!({"FileSystemDataSource": {}}))]}), "not simulated")]
    #[case::no_output(json!({"OutputDataConfig": null}), "OutputDataConfig")]
    #[case::no_resources(json!({"ResourceConfig": null}), "ResourceConfig")]
    #[case::no_type(json!({"ResourceConfig": {"InstanceType": null}}), "InstanceType")]
    #[case::no_instances(json!({"ResourceConfig": {"InstanceCount": 0}}), "at least 1")]
    #[case::groups_too(json!({"ResourceConfig": {"InstanceGroups": [
        {"InstanceGroupName": "g", "InstanceType": "ml.m5.large", "InstanceCount": 1}]}}), "exclusive")]
    #[case::too_long(
        json!({"StoppingCondition": {"MaxRuntimeInSeconds": 2_419_201}}), "28 days")]
    #[case::spot_without_wait(json!({"EnableManagedSpotTraining": true}), "MaxWaitTimeInSeconds")]
    #[case::spot_waits_too_short(json!({"EnableManagedSpotTraining": true,
        "StoppingCondition": {"MaxWaitTimeInSeconds": 59}}), "MaxWaitTimeInSeconds")]
    #[case::wait_without_spot(
        json!({"StoppingCondition": {"MaxWaitTimeInSeconds": 61}}), "only when")]
    #[case::checkpoints_in_the_model(json!({"CheckpointConfig":
        {"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/model/x"}}), "LocalPath")]
    #[case::checkpoints_outside(json!({"CheckpointConfig":
        {"S3Uri": "s3://b/c", "LocalPath": "/opt/../etc"}}), "LocalPath")]
    #[case::serverless(json!({"ServerlessJobConfig": {}}), "not simulated")]
    fn refused(#[case] changes: Value, #[case] why: &str) {
        let refusal = check(&merged(changes)).unwrap_err().to_string();
        assert!(refusal.contains(why), "{refusal}");
    }
}
