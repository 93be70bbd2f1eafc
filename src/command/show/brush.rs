//! Sagebrush's own command language.

use super::{Step, steps};
use crate::command::call::kebab;
use crate::command::session::RecordedCall;
use serde_json::Value;

/// Options longer than this together stand on lines of their own.
const WIDE: usize = 72;

pub(super) fn code(calls: &[RecordedCall]) -> String {
    let lines = steps(calls).into_iter().map(|step| match step {
        Step::Call(call) => format!("{}\n", of_call(call)),
        Step::Wait(wait) => format!("wait {}\n", word(wait.waiter().3)),
    });
    lines.collect()
}

/// A command's words as a line of a script.
pub fn line(words: &[String]) -> String {
    words.iter().map(|text| word(text)).collect::<Vec<_>>().join(" ")
}

fn of_call(call: &RecordedCall) -> String {
    let member = |name: &str| call.input.get(name).and_then(Value::as_str);
    let text = |name: &str| member(name).unwrap_or_default();
    let uri = |key: &str| format!("s3://{}/{}", text("Bucket"), text(key));
    let words: Vec<String> = match (call.service.as_str(), call.operation.as_str()) {
        ("s3", "CreateBucket") => vec!["bucket".into(), "create".into(), text("Bucket").into()],
        ("s3", "DeleteBucket") => vec!["bucket".into(), "delete".into(), text("Bucket").into()],
        ("s3", "ListBuckets") => vec!["bucket".into(), "list".into()],
        ("s3", "ListObjectsV2") => vec!["bucket".into(), "list".into(), uri("Prefix")],
        ("s3", "PutObject") => {
            let file = text("Body").trim_start_matches("fileb://").to_owned();
            vec!["upload".into(), file, uri("Key")]
        }
        ("s3", "GetObject") => vec!["download".into(), uri("Key")],
        ("s3", "HeadBucket") => vec!["describe".into(), "bucket".into(), text("Bucket").into()],
        ("s3", "HeadObject") => vec!["describe".into(), "object".into(), uri("Key")],
        ("s3", "DeleteObject") => vec!["delete".into(), "object".into(), uri("Key")],
        ("s3", other) => return format!("# no verb does {other}"),
        ("sagemaker-runtime", "InvokeEndpoint") => {
            let mut words = vec!["invoke".to_owned(), text("EndpointName").to_owned()];
            for (option, name) in [
                ("--body", "Body"),
                ("--content-type", "ContentType"),
                ("--variant", "TargetVariant"),
                ("--accept", "Accept"),
            ] {
                if let Some(value) = member(name) {
                    words.extend([option.to_owned(), value.to_owned()]);
                }
            }
            words
        }
        _ => return operation(call),
    };
    line(&words)
}

/// `call SERVICE OPERATION`, its members as options, unless one looks like the name of a file.
fn operation(call: &RecordedCall) -> String {
    let head = format!("call {} {}", call.service, call.operation);
    let Value::Object(members) = &call.input else { return head };
    let named = |text: &str| text.starts_with('@') || text.starts_with("file://");
    if members.values().any(|value| value.as_str().is_some_and(named)) {
        return format!("{head} {}", word(&call.input.to_string()));
    }
    let shape = super::order::input(&call.service, &call.operation);
    let options: Vec<String> = super::order::members(shape, members)
        .into_iter()
        .map(|(name, value, _)| match value {
            Value::String(text) => format!("--{} {}", kebab(name), word(text)),
            Value::Bool(flag) => format!("--{}={flag}", kebab(name)),
            other => format!("--{} {}", kebab(name), word(&other.to_string())),
        })
        .collect();
    let length = head.len() + options.iter().map(|option| option.len() + 1).sum::<usize>();
    let between = if length <= WIDE { " " } else { " \\\n    " };
    options.iter().fold(head, |line, option| line + between + option)
}

/// A word as a script takes it whole: as it stands, in single quotes, or, where it holds one or ends
/// a line, in double ones.
fn word(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@%+=,".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if !text.contains(['\'', '\n', '\r']) {
        return format!("'{text}'");
    }
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '\n' => quoted.push_str("\\n"),
            '"' | '\\' | '$' => quoted.extend(['\\', char]),
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}
