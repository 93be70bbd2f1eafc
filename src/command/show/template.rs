//! A CloudFormation template of the resources that calls create.
//!
//! `assets/cloudformation/properties.json` says which properties a type has. What a call says and
//! CloudFormation cannot hold is left out, and the template's description names it.

use crate::command::session::RecordedCall;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// A description holds at most so many bytes.
const DESCRIPTION: usize = 1024;

static TYPES: LazyLock<Value> = LazyLock::new(types);

#[expect(clippy::expect_used, reason = "an embedded file, read by every test of this module")]
fn types() -> Value {
    let text = include_str!("../../../assets/cloudformation/properties.json");
    let mut facts: Value = serde_json::from_str(text).expect("properties.json parses");
    facts["types"].take()
}

pub(super) fn code(calls: &[RecordedCall]) -> String {
    let mut resources = Map::new();
    let mut left_out = Vec::new();
    let mut last: Option<String> = None;
    for call in calls {
        let Some(kind) = resource_type(&call.service, &call.operation) else {
            if creates(&call.operation) {
                left_out.push(format!("no resource for {}", call.operation));
            }
            continue;
        };
        let stem = kind.rsplit("::").next().unwrap_or("Resource");
        let properties = kept(&prepared(call), &TYPES[kind], stem, &mut left_out);
        let id = format!("{stem}{}", resources.len() + 1);
        let mut resource = json!({"Type": kind, "Properties": properties});
        // They name each other by text: only the order says which must be there first.
        if let Some(last) = last.replace(id.clone()) {
            resource["DependsOn"] = last.into();
        }
        resources.insert(id, resource);
    }
    if resources.is_empty() {
        return empty(&left_out);
    }
    let mut template = json!({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources});
    if !left_out.is_empty() {
        let mut text = format!("CloudFormation has {}", left_out.join(", "));
        while text.len() > DESCRIPTION {
            text.pop();
        }
        template["Description"] = text.into();
    }
    serde_json::to_string_pretty(&template).unwrap_or_default() + "\n"
}

fn empty(left_out: &[String]) -> String {
    if left_out.is_empty() {
        return "# CloudFormation describes what exists; these calls create nothing.\n".into();
    }
    format!("# CloudFormation has {}.\n", left_out.join(", "))
}

fn creates(operation: &str) -> bool {
    operation.starts_with("Create") || operation.starts_with("Put")
}

/// The call's input under CloudFormation's names.
fn prepared(call: &RecordedCall) -> Value {
    let mut input = call.input.clone();
    let Some(members) = input.as_object_mut() else { return input };
    match (call.service.as_str(), call.operation.as_str()) {
        ("s3", _) => return json!({"BucketName": call.input.get("Bucket")}),
        ("iam", _) => {
            if let Some(policy) = members.get_mut("AssumeRolePolicyDocument")
                && let Some(parsed) =
                    policy.as_str().and_then(|text| serde_json::from_str(text).ok())
            {
                *policy = parsed;
            }
        }
        ("logs", _) => {
            *members = std::mem::take(members)
                .into_iter()
                .map(|(name, value)| (capital(&name), value))
                .collect();
        }
        _ => {}
    }
    input
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// What of a value the type's properties hold.
fn kept(value: &Value, known: &Value, path: &str, left_out: &mut Vec<String>) -> Value {
    match (value, known) {
        (Value::Array(items), _) => {
            items.iter().map(|item| kept(item, known, path, left_out)).collect()
        }
        (Value::Object(members), Value::Object(names)) => {
            let mut kept_members = Map::new();
            for (name, value) in members {
                let path = format!("{path}.{name}");
                match names.get(name) {
                    Some(known) => {
                        kept_members.insert(name.clone(), kept(value, known, &path, left_out));
                    }
                    None => {
                        let told = format!("no property {path}");
                        if !left_out.contains(&told) {
                            left_out.push(told);
                        }
                    }
                }
            }
            kept_members.into()
        }
        _ => value.clone(),
    }
}

/// The resource type of a creating call.
fn resource_type(service: &str, operation: &str) -> Option<&'static str> {
    Some(match (service, operation) {
        ("s3", "CreateBucket") => "AWS::S3::Bucket",
        ("iam", "CreateRole") => "AWS::IAM::Role",
        ("logs", "CreateLogGroup") => "AWS::Logs::LogGroup",
        ("sagemaker", "CreateModel") => "AWS::SageMaker::Model",
        ("sagemaker", "CreateEndpointConfig") => "AWS::SageMaker::EndpointConfig",
        ("sagemaker", "CreateEndpoint") => "AWS::SageMaker::Endpoint",
        ("sagemaker", "CreateModelPackage") => "AWS::SageMaker::ModelPackage",
        ("sagemaker", "CreateModelPackageGroup") => "AWS::SageMaker::ModelPackageGroup",
        _ => return None,
    })
}
