//! `call SERVICE OPERATION`: any operation, its members as the AWS CLI writes them.

use super::grammar::CallArgs;
use super::outcome::{CommandError, Outcome};
use super::session::Session;
use crate::api::model::{self, Kind, Service, ShapeId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

pub async fn run(session: &mut Session, args: &CallArgs) -> Result<Outcome, CommandError> {
    let known = service(&args.service)?;
    let operation = operation_name(&args.service, &args.operation);
    if args.members.iter().any(|member| member == "--help" || member == "-h") {
        return help(&args.service, &operation);
    }
    let input = input(session, &args.service, &operation, &args.members)?;
    let mut answer = session.call(&args.service, &operation, input).await?;
    readable(known, &operation, &mut answer);
    let shown = match &answer {
        Value::Object(members) if members.is_empty() => "done".to_owned(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    };
    let capture = captured(&answer);
    let outcome = Outcome::said(shown).with_value(answer);
    Ok(match capture {
        Some(text) => outcome.capturing(text),
        None => outcome,
    })
}

/// What `as $name` takes of an answer: its ARN, or else its only text.
fn captured(answer: &Value) -> Option<String> {
    let members = answer.as_object()?;
    let texts = || members.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let arns = texts().filter(|(name, _)| name.ends_with("Arn")).map(|(_, text)| text);
    only(arns).or_else(|| only(texts().map(|(_, text)| text))).map(str::to_owned)
}

/// The one text, when there is just one.
fn only<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    texts.next().filter(|_| texts.next().is_none())
}

/// Bytes that are text are shown as the text.
fn readable(service: &Service, operation: &str, answer: &mut Value) {
    let output = service.operation(operation).and_then(|operation| operation.output);
    let Some(Kind::Structure(output)) = output.map(|output| &service.get(output).kind) else {
        return;
    };
    let blobs = output
        .members
        .iter()
        .filter(|member| matches!(service.get(member.shape).kind, Kind::Blob { .. }));
    for member in blobs {
        if let Some(value) = answer.get_mut(member.name)
            && let Some(bytes) = value.as_str().and_then(|text| STANDARD.decode(text).ok())
            && let Ok(text) = String::from_utf8(bytes)
        {
            *value = Value::String(text);
        }
    }
}

fn service(name: &str) -> Result<&'static Service, CommandError> {
    model::service(name).ok_or_else(|| {
        CommandError::Usage(match name {
            "s3" | "s3api" => "S3 has verbs of its own: bucket, upload and download".to_owned(),
            _ => format!(
                "there is no service `{name}` here; there are {}",
                model::SERVICES.join(", ")
            ),
        })
    })
}

/// `describe-endpoint` is `DescribeEndpoint`, whatever its capitals (`create-auto-ml-job`).
fn operation_name(service: &str, operation: &str) -> String {
    let plain = |text: &str| text.replace('-', "").to_ascii_lowercase();
    let wanted = plain(operation);
    model::service(service)
        .and_then(|service| service.operations().find(|known| plain(known.name) == wanted))
        .map_or_else(|| operation.to_owned(), |known| known.name.to_owned())
}

fn input(
    session: &Session,
    service: &str,
    operation: &str,
    words: &[String],
) -> Result<Value, CommandError> {
    let mut input = Map::new();
    let known = model::service(service);
    let shape = known.and_then(|service| service.operation(operation)?.input);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--") else {
            match serde_json::from_str(&literal(session, word)?) {
                Ok(Value::Object(members)) => input.extend(members),
                _ => {
                    return Err(CommandError::Usage(format!(
                        "`{word}` is neither a member (--kebab-case VALUE) nor an input as a JSON object"
                    )));
                }
            }
            continue;
        };
        let (name, given) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option, None),
        };
        if let Some(plain) = name.strip_prefix("no-")
            && let Some((member, Some(Kind::Boolean))) = member(known, shape, plain)
        {
            input.insert(member.to_owned(), Value::Bool(false));
            continue;
        }
        let (member, kind) = member(known, shape, name).ok_or_else(|| {
            CommandError::Usage(format!(
                "{operation} has no member for --{name}; `call {service} {operation} --help` lists them"
            ))
        })?;
        let text = match (given, kind) {
            (Some(text), _) => text,
            (None, Some(Kind::Boolean)) => "true".to_owned(),
            (None, _) => words
                .next()
                .cloned()
                .ok_or_else(|| CommandError::Usage(format!("--{name} needs a value")))?,
        };
        input.insert(member.to_owned(), value(&literal(session, &text)?, kind));
    }
    Ok(input.into())
}

/// `@file` and `file://path` are the file's text.
fn literal(session: &Session, text: &str) -> Result<String, CommandError> {
    let Some(path) = text.strip_prefix('@').or_else(|| text.strip_prefix("file://")) else {
        return Ok(text.to_owned());
    };
    let path = session.path(path.as_ref());
    std::fs::read_to_string(&path)
        .map_err(|error| CommandError::io(path.display().to_string(), error))
}

/// The member of an option and its shape's kind: `--endpoint-name` is `EndpointName`.
fn member<'a>(
    service: Option<&'a Service>,
    input: Option<ShapeId>,
    option: &str,
) -> Option<(&'a str, Option<&'a Kind>)> {
    let plain = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
    let wanted = plain(option);
    let service = service?;
    let Kind::Structure(structure) = &service.get(input?).kind else { return None };
    let found = structure.members.iter().find(|member| plain(member.name) == wanted)?;
    Some((found.name, Some(&service.get(found.shape).kind)))
}

/// A text where the shape is a text, else JSON; what is no JSON goes as it stands, for the region
/// to judge.
fn value(text: &str, kind: Option<&Kind>) -> Value {
    match kind {
        Some(Kind::String(_)) => Value::String(text.to_owned()),
        // A document holds bytes as base64.
        Some(Kind::Blob { .. }) => Value::String(STANDARD.encode(text)),
        Some(Kind::List { .. }) if !text.trim_start().starts_with('[') => {
            Value::Array(text.split(',').map(|part| Value::String(part.to_owned())).collect())
        }
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}

/// The members of an operation's input, from the model.
fn help(name: &str, operation: &str) -> Result<Outcome, CommandError> {
    let known = service(name)?;
    let Some(operation) = known.operation(operation) else {
        let names: Vec<&str> = known.operations().map(|operation| operation.name).collect();
        return Ok(Outcome::said(names.join("\n")));
    };
    let mut table = super::outcome::Table::new("", &["option", "member", "type", ""]);
    let members = operation.input.map(|input| &known.get(input).kind);
    if let Some(Kind::Structure(structure)) = members {
        for member in &structure.members {
            let kind = &known.get(member.shape).kind;
            let required = if member.required { "required" } else { "" };
            table.push([
                format!("--{}", kebab(member.name)),
                member.name.to_owned(),
                type_name(kind).to_owned(),
                required.to_owned(),
            ]);
        }
    }
    Ok(Outcome::said(format!("{name} {}", operation.name)).with_table(table))
}

fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Structure(_) => "structure",
        Kind::List { .. } => "list",
        Kind::Map { .. } => "map",
        Kind::String(_) => "string",
        Kind::Integer { .. } | Kind::Long { .. } => "integer",
        Kind::Float { .. } | Kind::Double { .. } => "number",
        Kind::Boolean => "boolean",
        Kind::Timestamp { .. } => "timestamp",
        Kind::Blob { .. } => "blob",
    }
}

/// `EndpointName` as the AWS CLI spells it: `endpoint-name`; runs of capitals stay together.
pub fn kebab(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut kebab = String::new();
    for (index, &char) in chars.iter().enumerate() {
        let after_lower = index > 0 && !chars[index - 1].is_ascii_uppercase();
        let before_lower = chars.get(index + 1).is_some_and(char::is_ascii_lowercase);
        if char.is_ascii_uppercase() && index > 0 && (after_lower || before_lower) {
            kebab.push('-');
        }
        kebab.push(char.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_variable_takes_the_arn_or_the_only_text() {
        let taken = |answer: Value| captured(&answer);
        assert_eq!(taken(json!({"ModelArn": "a"})).as_deref(), Some("a"));
        assert_eq!(taken(json!({"Name": "n", "EndpointArn": "a", "B": 1})).as_deref(), Some("a"));
        assert_eq!(taken(json!({"Token": "t", "Count": 2})).as_deref(), Some("t"));
        assert_eq!(taken(json!({"A": "1", "B": "2"})), None);
        assert_eq!(taken(json!({"AArn": "1", "BArn": "2"})), None);
    }

    #[test]
    fn options_are_the_awscli_s() {
        assert_eq!(kebab("EndpointName"), "endpoint-name");
        assert_eq!(kebab("KMSKeyId"), "kms-key-id");
        assert_eq!(kebab("S3Uri"), "s3-uri");
        assert_eq!(operation_name("sagemaker", "describe-endpoint"), "DescribeEndpoint");
        assert_eq!(operation_name("sagemaker", "NoSuch"), "NoSuch");
    }
}
