//! Python with boto3.

use super::order::{self, Syntax};
use super::{Step, steps};
use crate::command::call::kebab;
use crate::command::session::RecordedCall;
use serde_json::{Value, json};

pub(super) fn code(calls: &[RecordedCall]) -> String {
    let mut code = String::from("import boto3\n");
    let mut services: Vec<&str> = Vec::new();
    for call in calls {
        if !services.contains(&call.service.as_str()) {
            services.push(&call.service);
            let name = variable(&call.service);
            code.push_str(&format!("{name} = boto3.client({})\n", quoted(&call.service)));
        }
    }
    code.push('\n');
    for step in steps(calls) {
        code.push_str(&match step {
            Step::Call(call) => line(call),
            Step::Wait(wait) => {
                let (waiter, _, member, name) = wait.waiter();
                format!(
                    "sagemaker.get_waiter({}).wait({member}={})\n",
                    quoted(waiter),
                    quoted(name)
                )
            }
        });
    }
    code
}

fn line(call: &RecordedCall) -> String {
    let method = kebab(&call.operation).replace('-', "_");
    let shape = order::input(&call.service, &call.operation);
    let arguments = match &call.input {
        Value::Object(members) if !members.is_empty() => {
            let lines = order::members(shape, members).into_iter().map(|(name, value, shape)| {
                let value =
                    opened(name, value).unwrap_or_else(|| Syntax::Python.literal(value, shape, 1));
                format!("    {name}={value},\n")
            });
            format!("\n{}", lines.collect::<String>())
        }
        _ => String::new(),
    };
    format!("{}.{method}({arguments})\n", variable(&call.service))
}

fn variable(service: &str) -> String {
    service.replace('-', "_")
}

/// A body that came from a file is opened, not quoted.
fn opened(name: &str, value: &Value) -> Option<String> {
    let path = value.as_str()?.strip_prefix("fileb://").filter(|_| name == "Body")?;
    Some(format!("open({}, 'rb')", quoted(path)))
}

fn quoted(text: &str) -> String {
    Syntax::Python.literal(&json!(text), None, 0)
}
