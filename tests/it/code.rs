//! The code that the workbench shows of a resource, run as it is printed: boto3, the AWS CLI and the
//! region's own language each make every kind again, and what they made describes itself as the
//! first did.

use super::python;
use super::region::Region;
use sagebrush::command::RecordedCall;
use sagebrush::command::grammar::Language;
use sagebrush::command::recreate::recreate;
use sagebrush::command::show;
use serde_json::{Value, json};
use std::process::{Command, Output};

/// A kind of row, how `describe` calls it, its name here, and the member that names it; a package's
/// number is its group's to give.
const KINDS: [(&str, &str, &str, &str); 8] = [
    ("role", "role", "SagebrushExecutionRole", "RoleName"),
    ("bucket", "bucket", "iris", "Bucket"),
    ("model-package-group", "group", "iris", "ModelPackageGroupName"),
    ("model-package", "package", "iris/1", ""),
    ("model", "model", "iris-live-blue", "ModelName"),
    ("endpoint-config", "endpoint-config", "iris-live", "EndpointConfigName"),
    ("endpoint", "endpoint", "iris-live", "EndpointName"),
    ("training-job", "training-job", "blue", "TrainingJobName"),
];

const SCRIPT: &str = "
bucket create iris
upload train.csv s3://iris/
train blue linear-learner --input train=s3://iris/train.csv --set predictor_type=multiclass_classifier --set num_classes=3
wait blue
register iris --from blue --description \"it's \\$5, \\\"the first\\\"\"
approve iris/1 --comment fine
deploy iris-live blue=iris/1
";

fn succeed(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

fn region() -> Region {
    let region = Region::start();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/workspaces/iris/data/train.csv");
    std::fs::copy(data, region.folder().join("train.csv")).unwrap();
    run(&region, SCRIPT);
    region
}

fn run(region: &Region, script: &str) {
    let path = region.folder().join("code.brush");
    std::fs::write(&path, script).unwrap();
    succeed(&region.command(&["run", path.to_str().unwrap()]));
}

fn described(region: &Region, kind: &str, name: &str) -> Value {
    let output = region.command(&["-o", "json", "describe", kind, name]);
    succeed(&output);
    let body: Value = serde_json::from_slice(&output.stdout).unwrap();
    body.get("Role").cloned().unwrap_or(body)
}

/// The calls that make the resource again.
fn calls(region: &Region, kind: &str, short: &str, name: &str) -> Vec<RecordedCall> {
    let made = recreate(kind, name, &described(region, short, name), "us-east-1");
    assert_eq!(made.calls.len(), 1, "{kind}");
    made.calls
}

fn renamed(calls: &[RecordedCall], member: &str, name: &str) -> Vec<RecordedCall> {
    let mut calls = calls.to_vec();
    if !member.is_empty() {
        calls[0].input[member] = json!(name);
    }
    calls
}

#[test]
fn what_is_shown_of_every_kind_runs_and_makes_the_same() {
    let region = region();
    let originals = KINDS.map(|(kind, short, name, _)| calls(&region, kind, short, name));
    let languages = [(Language::Boto3, "b"), (Language::Cli, "c"), (Language::Brush, "s")];
    for (at, (language, suffix)) in languages.into_iter().enumerate() {
        let code: Vec<String> = KINDS
            .iter()
            .zip(&originals)
            .map(|((_, _, name, member), calls)| {
                let name = format!("{name}-{suffix}");
                show::code(language, &renamed(calls, member, &name))
            })
            .collect();
        match language {
            Language::Boto3 => {
                let mut python = Command::new(python::venv());
                python::isolated(&mut python);
                region.lead(&mut python);
                python::succeed(python.args(["-c", &code.concat()]));
            }
            Language::Cli => {
                let mut shell = Command::new("sh");
                python::isolated(&mut shell);
                region.lead(&mut shell);
                let path = python::program("aws").parent().unwrap().display().to_string();
                let path = format!("{path}:{}", std::env::var("PATH").unwrap_or_default());
                python::succeed(shell.env("PATH", path).args(["-ec", &code.concat()]));
            }
            _ => run(&region, &code.concat()),
        }
        for ((kind, short, name, member), original) in KINDS.iter().zip(&originals) {
            let name = match member.is_empty() {
                true => format!("iris/{}", at + 2),
                false => format!("{name}-{suffix}"),
            };
            let again = calls(&region, kind, short, &name);
            assert_eq!(again, renamed(original, member, &name), "{kind} by {language:?}");
        }
    }
}

/// An action whose later calls need its earlier ones: the printed code waits between them.
#[test]
fn what_is_shown_of_an_action_runs_with_its_waits() {
    let region = region();
    let call = |service: &str, operation: &str, input: Value| RecordedCall {
        service: service.into(),
        operation: operation.into(),
        input,
    };
    let calls = |name: &str| {
        [
            call(
                "sagemaker",
                "CreateEndpoint",
                json!({"EndpointName": name, "EndpointConfigName": "iris-live"}),
            ),
            call(
                "sagemaker-runtime",
                "InvokeEndpoint",
                json!({"EndpointName": name, "ContentType": "text/csv", "Body": "5.1,3.5,1.4,0.2\n"}),
            ),
            call("sagemaker", "DeleteEndpoint", json!({"EndpointName": name})),
        ]
    };
    let mut python = Command::new(python::venv());
    python::isolated(&mut python);
    region.lead(&mut python);
    python::succeed(python.args(["-c", &show::code(Language::Boto3, &calls("by-boto3"))]));
    let mut shell = Command::new("sh");
    python::isolated(&mut shell);
    region.lead(&mut shell);
    let path = python::program("aws").parent().unwrap().display().to_string();
    let path = format!("{path}:{}", std::env::var("PATH").unwrap_or_default());
    let code = show::code(Language::Cli, &calls("by-cli"));
    let output = python::succeed(shell.env("PATH", path).args(["-ec", &code]));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("ContentType"), "{printed}");
}
