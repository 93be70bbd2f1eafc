//! The calls that would make a resource again, from what Describe answers of it.
//!
//! A creating call takes much of what Describe answers under the same names. The model of the API
//! says what: of the body stays what the input's shape has, all the way down. What is named otherwise,
//! what two members say twice, and what the region added by itself is told here, kind by kind.

use super::session::RecordedCall;
use crate::api::model::{self, Kind, Service, ShapeId};
use crate::domain::kind;
use crate::engine::own_code::OwnCode;
use crate::engine::{Image, image};
use serde_json::{Map, Value, json};

/// How a resource could be made again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recreation {
    pub calls: Vec<RecordedCall>,
    /// What the calls do not bring back.
    pub notes: Vec<String>,
}

/// The calls for a resource of that kind (`domain::kind`, or `bucket`, `object`, `folder`,
/// `log-group`) with that body, in an AWS region; none for what nobody creates.
pub fn recreate(kind: &str, name: &str, body: &Value, region: &str) -> Recreation {
    let mut notes = Vec::new();
    let calls = match kind {
        kind::MODEL => vec![fitted("sagemaker", "CreateModel", body)],
        kind::MODEL_PACKAGE_GROUP => vec![fitted("sagemaker", "CreateModelPackageGroup", body)],
        kind::MODEL_PACKAGE => vec![package(body, &mut notes)],
        kind::ENDPOINT_CONFIG => vec![fitted("sagemaker", "CreateEndpointConfig", body)],
        kind::ENDPOINT => vec![endpoint(body, &mut notes)],
        kind::TRAINING_JOB => vec![training_job(body)],
        kind::ROLE => vec![role(body, &mut notes)],
        "bucket" => vec![bucket(name, region, &mut notes)],
        "object" => vec![object("GetObject", name, body)],
        "folder" => vec![object("ListObjectsV2", name, body)],
        "log-group" => vec![log_group(name)],
        _ => Vec::new(),
    };
    Recreation { calls: calls.into_iter().flatten().collect(), notes }
}

fn call(service: &str, operation: &str, input: Value) -> RecordedCall {
    RecordedCall { service: service.into(), operation: operation.into(), input }
}

/// What of the body the operation takes.
fn fitted(service: &str, operation: &str, body: &Value) -> Option<RecordedCall> {
    let known = model::service(service)?;
    let shape = known.operation(operation)?.input?;
    let input = fit(known, shape, body).unwrap_or_else(|| json!({}));
    Some(call(service, operation, input))
}

/// What of a value has a place in a shape. `None` where nothing fits, and for empty lists and maps,
/// which Describe answers for what was never said.
fn fit(service: &Service, shape: ShapeId, value: &Value) -> Option<Value> {
    match (&service.get(shape).kind, value) {
        (Kind::Structure(structure), Value::Object(found)) => {
            let mut fitted = Map::new();
            for member in &structure.members {
                let part = found.get(member.name).and_then(|part| fit(service, member.shape, part));
                match part {
                    Some(part) => {
                        fitted.insert(member.name.to_owned(), part);
                    }
                    None if member.required => return None,
                    None => {}
                }
            }
            Some(fitted.into())
        }
        (Kind::List { member, .. }, Value::Array(items)) => {
            let fitted: Vec<Value> =
                items.iter().filter_map(|item| fit(service, member.shape, item)).collect();
            (!fitted.is_empty()).then(|| fitted.into())
        }
        (Kind::Map { value: inner, .. }, Value::Object(entries)) => {
            let fitted: Map<String, Value> = entries
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), fit(service, inner.shape, value)?)))
                .collect();
            (!fitted.is_empty()).then(|| fitted.into())
        }
        (Kind::String(_) | Kind::Blob { .. }, Value::String(_))
        | (Kind::Boolean, Value::Bool(_))
        | (Kind::Timestamp { .. }, Value::Number(_) | Value::String(_)) => Some(value.clone()),
        (Kind::Float { .. } | Kind::Double { .. }, Value::Number(_)) => Some(value.clone()),
        (Kind::Integer { .. } | Kind::Long { .. }, Value::Number(number)) => {
            let whole = number.as_i64().or_else(|| {
                let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
                Some(float as i64)
            });
            whole.map(Value::from)
        }
        _ => None,
    }
}

fn package(body: &Value, notes: &mut Vec<String>) -> Option<RecordedCall> {
    let mut body = body.clone();
    let versioned = body.get("ModelPackageGroupName").is_some_and(Value::is_string);
    if let Some(members) = body.as_object_mut() {
        if versioned {
            // Describe tells the group's name twice; Create takes one of the two.
            members.remove("ModelPackageName");
            members.remove("CertifyForMarketplace");
            if let Some(version) = members.get("ModelPackageVersion") {
                notes.push(format!(
                    "the group numbers its versions: this makes the next one, not version {version}"
                ));
            }
        }
        if members.contains_key("ApprovalDescription") {
            notes.push("ApprovalDescription is given by UpdateModelPackage alone".into());
        }
    }
    fitted("sagemaker", "CreateModelPackage", &body)
}

fn endpoint(body: &Value, notes: &mut Vec<String>) -> Option<RecordedCall> {
    let mut body = body.clone();
    if let Some(members) = body.as_object_mut()
        && let Some(deployment) = members.remove("LastDeploymentConfig")
    {
        members.insert("DeploymentConfig".into(), deployment);
    }
    let variants = body.get("ProductionVariants").and_then(Value::as_array);
    let weights: Vec<String> = variants
        .into_iter()
        .flatten()
        .filter_map(|variant| {
            let name = variant.get("VariantName")?.as_str()?;
            Some(format!("{name} {}", variant.get("CurrentWeight")?))
        })
        .collect();
    if !weights.is_empty() {
        notes.push(format!(
            "weights and counts come from the configuration; now they are {}",
            weights.join(", ")
        ));
    }
    fitted("sagemaker", "CreateEndpoint", &body)
}

fn training_job(body: &Value) -> Option<RecordedCall> {
    let mut body = body.clone();
    let image = body.pointer("/AlgorithmSpecification/TrainingImage").and_then(Value::as_str);
    let built_in = image.is_some_and(|uri| matches!(image::resolve(uri), Image::BuiltIn { .. }));
    let script = OwnCode::of_training(&body).is_some();
    // The built-in algorithms have metrics of their own, and AWS takes no others for them.
    if built_in
        && !script
        && let Some(algorithm) =
            body.get_mut("AlgorithmSpecification").and_then(Value::as_object_mut)
    {
        algorithm.remove("MetricDefinitions");
    }
    fitted("sagemaker", "CreateTrainingJob", &body)
}

fn role(body: &Value, notes: &mut Vec<String>) -> Option<RecordedCall> {
    let mut body = body.clone();
    let members = body.as_object_mut()?;
    if let Some(arn) = members
        .get("PermissionsBoundary")
        .and_then(|boundary| boundary.get("PermissionsBoundaryArn"))
    {
        let arn = arn.clone();
        members.insert("PermissionsBoundary".into(), arn);
    }
    // GetRole answers policies percent-encoded.
    if let Some(policy) = members.get("AssumeRolePolicyDocument").and_then(Value::as_str)
        && policy.starts_with("%7B")
        && let Ok(decoded) = percent_encoding::percent_decode_str(policy).decode_utf8()
    {
        let decoded = decoded.into_owned();
        members.insert("AssumeRolePolicyDocument".into(), decoded.into());
    }
    notes.push("policies are attached by calls of their own".into());
    fitted("iam", "CreateRole", &body)
}

fn bucket(name: &str, region: &str, notes: &mut Vec<String>) -> Option<RecordedCall> {
    notes.push("a bucket is made empty: its objects are copied by calls of their own".into());
    Some(create_bucket(name, region))
}

/// S3 wants to be told the region, unless it is the one where S3 began.
pub fn create_bucket(name: &str, region: &str) -> RecordedCall {
    let mut input = json!({"Bucket": name});
    if !region.is_empty() && region != "us-east-1" {
        input["CreateBucketConfiguration"] = json!({"LocationConstraint": region});
    }
    call("s3", "CreateBucket", input)
}

/// Rows of objects tell their bucket in the body.
fn object(operation: &str, key: &str, body: &Value) -> Option<RecordedCall> {
    let bucket = body.get("Bucket")?.as_str()?;
    let member = if operation == "GetObject" { "Key" } else { "Prefix" };
    Some(call("s3", operation, json!({"Bucket": bucket, member: key})))
}

fn log_group(name: &str) -> Option<RecordedCall> {
    Some(call("logs", "CreateLogGroup", json!({"logGroupName": name})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::validation;
    use rstest::rstest;

    /// What the region itself makes of a call must be refused by nobody.
    fn valid(recreation: &Recreation) {
        for call in &recreation.calls {
            let Some(service) = model::service(&call.service) else { continue };
            let operation = service.operation(&call.operation).unwrap();
            if let Err(error) = validation::check(service, operation, &call.input) {
                panic!("{}: {error}\n{}", call.operation, call.input);
            }
        }
    }

    fn lines() -> Vec<Value> {
        let text = include_str!("../tui/testing/region.jsonl");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_resource_of_a_region_can_be_made_again() {
        let mut kinds = std::collections::BTreeSet::new();
        for line in lines() {
            let text = |member: &str| line[member].as_str().unwrap();
            let made = recreate(text("kind"), text("name"), &line["body"], "us-east-1");
            assert_eq!(made.calls.len(), 1, "{}", text("kind"));
            valid(&made);
            let printed = made.calls[0].input.to_string();
            for read_only in ["CreationTime", "LastModified", "Status\":", "CreatedBy"] {
                let kept = printed.contains(read_only) && !printed.contains("ModelApprovalStatus");
                assert!(!kept, "{}: {printed}", text("kind"));
            }
            kinds.insert(text("kind").to_owned());
        }
        let all = [
            kind::ENDPOINT,
            kind::ENDPOINT_CONFIG,
            kind::MODEL,
            kind::MODEL_PACKAGE,
            kind::MODEL_PACKAGE_GROUP,
            kind::ROLE,
            kind::TRAINING_JOB,
        ];
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
    }

    /// Whatever members a body has, filled at random from the output's shape, the call is valid as
    /// far as the values are.
    #[rstest]
    #[case("DescribeModel", kind::MODEL)]
    #[case("DescribeModelPackageGroup", kind::MODEL_PACKAGE_GROUP)]
    #[case("DescribeEndpointConfig", kind::ENDPOINT_CONFIG)]
    #[case("DescribeEndpoint", kind::ENDPOINT)]
    #[case("DescribeTrainingJob", kind::TRAINING_JOB)]
    #[case("DescribeModelPackage", kind::MODEL_PACKAGE)]
    fn only_members_of_the_input_stay(#[case] describe: &str, #[case] kind: &str) {
        let service = model::service("sagemaker").unwrap();
        let output = service.output(service.operation(describe).unwrap()).unwrap();
        let mut body = Map::new();
        for member in &output.members {
            body.insert(member.name.to_owned(), json!("x"));
            body.insert(format!("{}X", member.name), json!({"Deep": [1]}));
        }
        let made = recreate(kind, "x", &body.into(), "us-east-1");
        for call in made.calls {
            let input = service.input(service.operation(&call.operation).unwrap()).unwrap();
            for (name, value) in call.input.as_object().unwrap() {
                assert!(input.member(name).is_some(), "{name}");
                assert!(value.is_string(), "{name}");
            }
        }
    }

    #[test]
    fn names_that_differ_are_renamed_and_metrics_of_built_in_algorithms_left_out() {
        let body = json!({"EndpointName": "e", "EndpointConfigName": "c",
            "LastDeploymentConfig": {"RollingUpdatePolicy": {
                "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1.0},
                "WaitIntervalInSeconds": 60}}});
        let made = recreate(kind::ENDPOINT, "e", &body, "us-east-1");
        valid(&made);
        let policy = &made.calls[0].input["DeploymentConfig"]["RollingUpdatePolicy"];
        assert_eq!(policy["MaximumBatchSize"]["Value"], json!(1));
        let role = json!({"RoleName": "r", "Arn": "a", "AssumeRolePolicyDocument": "%7B%7D",
            "PermissionsBoundary": {"PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/p"}});
        let made = recreate(kind::ROLE, "r", &role, "us-east-1");
        valid(&made);
        assert_eq!(made.calls[0].input["AssumeRolePolicyDocument"], "{}");
        assert_eq!(
            made.calls[0].input["PermissionsBoundary"],
            "arn:aws:iam::123456789012:policy/p"
        );
        for line in lines().iter().filter(|line| line["kind"] == kind::TRAINING_JOB) {
            let made = recreate(kind::TRAINING_JOB, "j", &line["body"], "us-east-1");
            assert!(made.calls[0].input["AlgorithmSpecification"]["MetricDefinitions"].is_null());
        }
    }

    #[test]
    fn a_bucket_outside_of_the_first_region_names_its_own() {
        let made = recreate("bucket", "b", &Value::Null, "eu-central-1");
        let place = &made.calls[0].input["CreateBucketConfiguration"]["LocationConstraint"];
        assert_eq!(place, "eu-central-1");
    }
}
