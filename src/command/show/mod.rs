//! AWS calls as code that does the same on AWS, ready to copy: what `--show` prints, and what the
//! workbench shows of a resource or of the last action.
//!
//! Calls that need another one's effect (an invocation of an endpoint that was just made) get the
//! client's own waiter between them, so that what is printed runs as it stands.

mod awscli;
mod boto3;
mod brush;
mod order;
mod template;

pub use brush::line as brush_line;

use super::grammar::Language;
use super::session::RecordedCall;
use serde_json::Value;

/// Code for the calls, in their order.
pub fn code(language: Language, calls: &[RecordedCall]) -> String {
    noted(language, calls, &[])
}

/// The same below comments. A template that describes nothing is nothing but a comment.
pub fn noted(language: Language, calls: &[RecordedCall], notes: &[String]) -> String {
    let code = match language {
        Language::Boto3 => boto3::code(calls),
        Language::Cli => awscli::code(calls),
        Language::Cfn => template::code(calls),
        Language::Brush => brush::code(calls),
    };
    // JSON knows no comments.
    if language == Language::Cfn {
        return code;
    }
    let comments: String = notes.iter().map(|note| format!("# {note}\n")).collect();
    if comments.is_empty() { code } else { format!("{comments}\n{code}") }
}

/// What is printed for one call, or between two.
enum Step<'a> {
    Call(&'a RecordedCall),
    Wait(Wait<'a>),
}

/// What has to have happened before the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait<'a> {
    InService(&'a str),
    Deleted(&'a str),
    JobDone(&'a str),
}

impl<'a> Wait<'a> {
    /// boto3's waiter, the CLI's waiter, and the member that names the resource.
    fn waiter(self) -> (&'static str, &'static str, &'static str, &'a str) {
        match self {
            Self::InService(name) => {
                ("endpoint_in_service", "endpoint-in-service", "EndpointName", name)
            }
            Self::Deleted(name) => ("endpoint_deleted", "endpoint-deleted", "EndpointName", name),
            Self::JobDone(name) => (
                "training_job_completed_or_stopped",
                "training-job-completed-or-stopped",
                "TrainingJobName",
                name,
            ),
        }
    }
}

fn steps(calls: &[RecordedCall]) -> Vec<Step<'_>> {
    let mut steps = Vec::with_capacity(calls.len());
    for (at, call) in calls.iter().enumerate() {
        steps.push(Step::Call(call));
        let later = &calls[at + 1..];
        if let Some(wait) = needed(call, later) {
            steps.push(Step::Wait(wait));
        }
    }
    steps
}

/// What a later call needs this one to have brought about.
fn needed<'a>(call: &'a RecordedCall, later: &[RecordedCall]) -> Option<Wait<'a>> {
    let member = |call: &'a RecordedCall, name: &str| call.input.get(name).and_then(Value::as_str);
    let mentioned = |name: &str, value: &str| {
        later.iter().any(|call| call.input.get(name).and_then(Value::as_str) == Some(value))
    };
    match call.operation.as_str() {
        "CreateEndpoint" | "UpdateEndpoint" | "UpdateEndpointWeightsAndCapacities" => {
            let name = member(call, "EndpointName")?;
            mentioned("EndpointName", name).then_some(Wait::InService(name))
        }
        "DeleteEndpoint" => {
            let name = member(call, "EndpointName")?;
            mentioned("EndpointName", name).then_some(Wait::Deleted(name))
        }
        "CreateTrainingJob" => {
            let name = member(call, "TrainingJobName")?;
            mentioned("TrainingJobName", name).then_some(Wait::JobDone(name))
        }
        _ => None,
    }
}

/// A word as a POSIX shell takes it whole.
pub fn shell_word(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@%+=,".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(service: &str, operation: &str, input: Value) -> RecordedCall {
        RecordedCall { service: service.into(), operation: operation.into(), input }
    }

    #[test]
    fn words_are_whole_for_a_shell() {
        assert_eq!(shell_word("/work/iris"), "/work/iris");
        assert_eq!(shell_word("/my work/it's"), r"'/my work/it'\''s'");
        assert_eq!(shell_word("$(rm -rf)"), "'$(rm -rf)'");
        assert_eq!(shell_word(""), "''");
    }

    fn calls() -> Vec<RecordedCall> {
        vec![
            call(
                "sagemaker",
                "CreateModel",
                json!({"ModelName": "it's", "EnableNetworkIsolation": false,
                    "PrimaryContainer": {"Image": "i", "Environment": {}}}),
            ),
            call("s3", "PutObject", json!({"Bucket": "b", "Key": "a b", "Body": "fileb://data/x"})),
        ]
    }

    #[test]
    fn code_is_what_people_would_write() {
        insta::assert_snapshot!("boto3", code(Language::Boto3, &calls()));
        insta::assert_snapshot!("cli", code(Language::Cli, &calls()));
        insta::assert_snapshot!("cfn", code(Language::Cfn, &calls()));
        insta::assert_snapshot!("brush", code(Language::Brush, &calls()));
    }

    #[test]
    fn what_needs_another_call_s_effect_waits_for_it() {
        let calls = [
            call(
                "sagemaker",
                "CreateEndpoint",
                json!({"EndpointName": "e", "EndpointConfigName": "c"}),
            ),
            call(
                "sagemaker-runtime",
                "InvokeEndpoint",
                json!({"EndpointName": "e", "Body": "1,2\n"}),
            ),
            call("sagemaker", "DeleteEndpoint", json!({"EndpointName": "e"})),
        ];
        insta::assert_snapshot!("boto3_waits", code(Language::Boto3, &calls));
        insta::assert_snapshot!("cli_waits", code(Language::Cli, &calls));
        insta::assert_snapshot!("brush_waits", code(Language::Brush, &calls));
    }

    #[test]
    fn templates_have_valid_names_and_say_what_is_left_out() {
        let calls = [
            call(
                "sagemaker",
                "CreateEndpoint",
                json!({"EndpointName": "e", "EndpointConfigName": "c"}),
            ),
            call("sagemaker", "CreateTrainingJob", json!({"TrainingJobName": "j"})),
            call("iam", "CreateRole", json!({"RoleName": "r", "AssumeRolePolicyDocument": "{}"})),
        ];
        let template: Value = serde_json::from_str(&code(Language::Cfn, &calls)).unwrap();
        let endpoint = &template["Resources"]["Endpoint1"];
        assert_eq!(endpoint["Properties"], json!({"EndpointConfigName": "c"}));
        assert_eq!(template["Resources"]["Role2"]["DependsOn"], "Endpoint1");
        assert_eq!(
            template["Resources"]["Role2"]["Properties"]["AssumeRolePolicyDocument"],
            json!({})
        );
        let told = template["Description"].as_str().unwrap();
        assert!(told.contains("CreateTrainingJob") && told.contains("EndpointName"), "{told}");
        let none = code(Language::Cfn, &calls[1..2]);
        assert!(none.lines().all(|line| line.starts_with('#')), "{none}");
    }

    #[test]
    fn comments_stand_above_the_code() {
        let notes = ["a note".to_owned()];
        assert!(noted(Language::Boto3, &calls(), &notes).starts_with("# a note\n\nimport boto3"));
        assert!(!noted(Language::Cfn, &calls(), &notes).contains("a note"));
    }
}
