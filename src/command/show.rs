//! `--show`: the AWS calls of a command as code that does the same on AWS.

use super::call::kebab;
use super::grammar::Language;
use super::session::RecordedCall;
use serde_json::{Map, Value, json};

/// Code for the calls, in their order.
pub fn code(language: Language, calls: &[RecordedCall]) -> String {
    match language {
        Language::Boto3 => boto3(calls),
        Language::Cli => cli(calls),
        Language::Cfn => cfn(calls),
    }
}

fn boto3(calls: &[RecordedCall]) -> String {
    let mut code = String::from("import boto3\n");
    let mut services: Vec<&str> = Vec::new();
    for call in calls {
        if !services.contains(&call.service.as_str()) {
            services.push(&call.service);
            let name = variable(&call.service);
            code.push_str(&format!("{name} = boto3.client({})\n", python(&json!(call.service), 0)));
        }
    }
    code.push('\n');
    for call in calls {
        let method = kebab(&call.operation).replace('-', "_");
        let arguments = match &call.input {
            Value::Object(members) if !members.is_empty() => {
                let members = members
                    .iter()
                    .map(|(name, value)| format!("    {name}={},\n", argument(name, value)));
                format!("\n{}", members.collect::<String>())
            }
            _ => String::new(),
        };
        code.push_str(&format!("{}.{method}({arguments})\n", variable(&call.service)));
    }
    code
}

fn variable(service: &str) -> String {
    service.replace('-', "_")
}

/// A body that came from a file is opened, not quoted.
fn argument(name: &str, value: &Value) -> String {
    match value.as_str().and_then(|text| text.strip_prefix("fileb://")) {
        Some(path) if name == "Body" => format!("open({}, 'rb')", python(&json!(path), 1)),
        _ => python(value, 1),
    }
}

/// A value as Python writes it.
fn python(value: &Value, depth: usize) -> String {
    let (inner, outer) = ("    ".repeat(depth + 1), "    ".repeat(depth));
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) if items.is_empty() => "[]".into(),
        Value::Array(items) => {
            let items = items.iter().map(|item| format!("{inner}{},\n", python(item, depth + 1)));
            format!("[\n{}{outer}]", items.collect::<String>())
        }
        Value::Object(members) if members.is_empty() => "{}".into(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                format!("{inner}{}: {},\n", quoted(name), python(value, depth + 1))
            });
            format!("{{\n{}{outer}}}", members.collect::<String>())
        }
    }
}

/// A Python string literal. JSON's escapes are Python's, bar surrogate pairs, which Rust never
/// writes.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn cli(calls: &[RecordedCall]) -> String {
    let mut code = String::new();
    for call in calls {
        code.push_str(&cli_call(call));
        code.push('\n');
    }
    code
}

fn cli_call(call: &RecordedCall) -> String {
    let member = |name: &str| call.input.get(name).and_then(Value::as_str).unwrap_or_default();
    // The CLI has its own words where a body travels.
    match (call.service.as_str(), call.operation.as_str()) {
        ("s3", "PutObject") => {
            let file = member("Body").trim_start_matches("fileb://").to_owned();
            return format!(
                "aws s3api put-object --bucket {} --key {} --body {}",
                shell(member("Bucket")),
                shell(member("Key")),
                shell(&file)
            );
        }
        ("s3", "GetObject") => {
            let name = member("Key").rsplit('/').next().unwrap_or_default().to_owned();
            return format!(
                "aws s3api get-object --bucket {} --key {} {}",
                shell(member("Bucket")),
                shell(member("Key")),
                shell(&name)
            );
        }
        _ => {}
    }
    let service = if call.service == "s3" { "s3api" } else { call.service.as_str() };
    let mut line = format!("aws {service} {}", kebab(&call.operation));
    for (name, value) in call.input.as_object().into_iter().flatten() {
        let option = kebab(name);
        match value {
            Value::Bool(true) => line.push_str(&format!(" --{option}")),
            Value::Bool(false) => line.push_str(&format!(" --no-{option}")),
            Value::String(text) => line.push_str(&format!(" --{option} {}", shell(text))),
            other => line.push_str(&format!(" --{option} {}", shell(&other.to_string()))),
        }
    }
    if call.operation == "InvokeEndpoint" {
        line.push_str(" --cli-binary-format raw-in-base64-out /dev/stdout");
    }
    line
}

/// A word as a POSIX shell takes it whole.
fn shell(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@%+=,".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What CloudFormation can hold of the calls: the resources that they create.
fn cfn(calls: &[RecordedCall]) -> String {
    let mut resources = Map::new();
    let mut left_out = Vec::new();
    for call in calls {
        let Some(kind) = cfn_type(&call.service, &call.operation) else {
            if creates(&call.operation) {
                left_out.push(call.operation.as_str());
            }
            continue;
        };
        let mut properties = call.input.clone();
        if let Some(policy) = properties.get_mut("AssumeRolePolicyDocument")
            && let Some(parsed) = policy.as_str().and_then(|text| serde_json::from_str(text).ok())
        {
            *policy = parsed;
        }
        if kind == "AWS::S3::Bucket" {
            properties = json!({"BucketName": call.input.get("Bucket")});
        }
        let stem = kind.rsplit("::").next().unwrap_or("Resource");
        let id = format!("{stem}{}", resources.len() + 1);
        resources.insert(id, json!({"Type": kind, "Properties": properties}));
    }
    let mut template = json!({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources});
    if !left_out.is_empty() {
        let text = format!("CloudFormation has no resource for {}", left_out.join(", "));
        template["Description"] = text.into();
    }
    serde_json::to_string_pretty(&template).unwrap_or_default() + "\n"
}

fn creates(operation: &str) -> bool {
    operation.starts_with("Create") || operation.starts_with("Put")
}

/// The resource type of a creating call.
fn cfn_type(service: &str, operation: &str) -> Option<&'static str> {
    Some(match (service, operation) {
        ("s3", "CreateBucket") => "AWS::S3::Bucket",
        ("iam", "CreateRole") => "AWS::IAM::Role",
        ("sagemaker", "CreateModel") => "AWS::SageMaker::Model",
        ("sagemaker", "CreateEndpointConfig") => "AWS::SageMaker::EndpointConfig",
        ("sagemaker", "CreateEndpoint") => "AWS::SageMaker::Endpoint",
        ("sagemaker", "CreateModelPackage") => "AWS::SageMaker::ModelPackage",
        ("sagemaker", "CreateModelPackageGroup") => "AWS::SageMaker::ModelPackageGroup",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> Vec<RecordedCall> {
        vec![
            RecordedCall {
                service: "sagemaker".into(),
                operation: "CreateModel".into(),
                input: json!({"ModelName": "it's", "EnableNetworkIsolation": false,
                    "PrimaryContainer": {"Image": "i", "Environment": {}}}),
            },
            RecordedCall {
                service: "s3".into(),
                operation: "PutObject".into(),
                input: json!({"Bucket": "b", "Key": "a b", "Body": "fileb://data/x"}),
            },
        ]
    }

    #[test]
    fn code_is_what_people_would_write() {
        insta::assert_snapshot!("boto3", code(Language::Boto3, &calls()));
        insta::assert_snapshot!("cli", code(Language::Cli, &calls()));
        insta::assert_snapshot!("cfn", code(Language::Cfn, &calls()));
    }
}
