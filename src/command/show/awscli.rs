//! The AWS CLI, as a POSIX shell runs it.

use super::order::{self, Shape, Syntax};
use super::{Step, shell_word, steps};
use crate::command::call::kebab;
use crate::command::session::RecordedCall;
use serde_json::Value;

/// JSON longer than this is broken into lines.
const WIDE: usize = 72;

pub(super) fn code(calls: &[RecordedCall]) -> String {
    let mut code = String::new();
    for step in steps(calls) {
        match step {
            Step::Call(call) => code.push_str(&line(call)),
            Step::Wait(wait) => {
                let (_, waiter, member, name) = wait.waiter();
                let (option, name) = (kebab(member), shell_word(name));
                code.push_str(&format!("aws sagemaker wait {waiter} --{option} {name}"));
            }
        }
        code.push('\n');
    }
    code
}

fn line(call: &RecordedCall) -> String {
    let member = |name: &str| call.input.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut words = Vec::new();
    // The CLI has its own words where a body travels.
    match (call.service.as_str(), call.operation.as_str()) {
        ("s3", "PutObject") => {
            for name in ["Bucket", "Key"] {
                words.push(option(name, member(name)));
            }
            words.push(option("Body", member("Body").trim_start_matches("fileb://")));
            return joined("aws s3api put-object", &words);
        }
        ("s3", "GetObject") => {
            for name in ["Bucket", "Key"] {
                words.push(option(name, member(name)));
            }
            words.push(shell_word(member("Key").rsplit('/').next().unwrap_or_default()));
            return joined("aws s3api get-object", &words);
        }
        _ => {}
    }
    let service = if call.service == "s3" { "s3api" } else { call.service.as_str() };
    let command = format!("aws {service} {}", kebab(&call.operation));
    let shape = order::input(&call.service, &call.operation);
    // The CLI would open what looks like the address of a file.
    if call.operation != "InvokeEndpoint" && opens_files(&call.input) {
        words.push(format!("--cli-input-json {}", document(&call.input, shape)));
        return joined(&command, &words);
    }
    if let Value::Object(members) = &call.input {
        for (name, value, shape) in order::members(shape, members) {
            words.push(argument(name, value, shape));
        }
    }
    if call.operation == "InvokeEndpoint" {
        words.push("/dev/stdout".into());
    }
    joined(&command, &words)
}

/// One line if it is short, else a line for each option.
fn joined(command: &str, words: &[String]) -> String {
    let short = words.iter().all(|word| !word.contains('\n'))
        && command.len() + words.iter().map(|word| word.len() + 1).sum::<usize>() <= WIDE;
    let between = if short { " " } else { " \\\n    " };
    words.iter().fold(command.to_owned(), |line, word| line + between + word)
}

fn argument(name: &str, value: &Value, shape: Shape) -> String {
    let name_of_option = kebab(name);
    match value {
        Value::Bool(true) => format!("--{name_of_option}"),
        Value::Bool(false) => format!("--no-{name_of_option}"),
        Value::String(text) => option(name, text),
        other => format!("--{name_of_option} {}", document(other, shape)),
    }
}

/// A text that begins with a dash would be taken for an option.
fn option(name: &str, text: &str) -> String {
    let between = if text.starts_with('-') { "=" } else { " " };
    format!("--{}{between}{}", kebab(name), shell_word(text))
}

fn document(value: &Value, shape: Shape) -> String {
    let compact = value.to_string();
    if compact.len() <= WIDE {
        return shell_word(&compact);
    }
    shell_word(&Syntax::Json.literal(value, shape, 1))
}

fn opens_files(input: &Value) -> bool {
    let opened = ["file://", "fileb://", "http://", "https://"];
    input.as_object().into_iter().flatten().any(|(_, value)| {
        value.as_str().is_some_and(|text| opened.iter().any(|start| text.starts_with(start)))
    })
}
