//! Whether a document asks a container to run the caller's own code in the place of what its image
//! holds. Decided here alone, so that no engine ever runs a built-in algorithm instead of a program
//! that somebody sent: an engine that cannot run the program refuses by the words of this type.

use serde_json::Value;
use std::fmt;

/// How much of a command is repeated in an error.
const SHOWN: usize = 200;
/// The channel in which version 3 of the SageMaker SDK sends what starts a script.
const DRIVERS: &str = "sm_drivers";

/// The caller's own code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnCode {
    /// Script mode: the image's framework is to run a program.
    Script {
        /// What asks for it, as `sagemaker_program=train.py`.
        asked: String,
    },
    /// `ContainerEntrypoint` or `ContainerArguments` replace the image's own command.
    Command {
        /// The members with their values.
        asked: String,
    },
}

impl OwnCode {
    /// Of a training job's document.
    pub fn of_training(job: &Value) -> Option<Self> {
        let parameters = &job["HyperParameters"];
        program(parameters, "sagemaker_program")
            .or_else(|| program(&job["Environment"], "SAGEMAKER_PROGRAM"))
            .or_else(|| program(parameters, "sagemaker_submit_directory"))
            .or_else(|| command(&job["AlgorithmSpecification"]))
            .or_else(|| drivers(job))
    }

    /// Of a model's container.
    pub fn of_serving(container: &Value) -> Option<Self> {
        program(&container["Environment"], "SAGEMAKER_PROGRAM")
    }
}

fn program(all: &Value, key: &str) -> Option<OwnCode> {
    // The SDK writes hyperparameters as JSON, a string in quotes.
    let value = all[key].as_str()?.trim_matches('"');
    (!value.is_empty()).then(|| OwnCode::Script { asked: format!("{key}={}", shown(value)) })
}

fn command(algorithm: &Value) -> Option<OwnCode> {
    let mut asked = Vec::new();
    for member in ["ContainerEntrypoint", "ContainerArguments"] {
        let words: Vec<&str> =
            algorithm[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if words.is_empty() {
            continue;
        }
        let words = words.join(" ");
        if words.contains(&format!("/opt/ml/input/data/{DRIVERS}/")) {
            return Some(OwnCode::Script { asked: format!("{member}: {}", shown(&words)) });
        }
        asked.push(format!("{member}: {}", shown(&words)));
    }
    (!asked.is_empty()).then(|| OwnCode::Command { asked: asked.join(", ") })
}

fn drivers(job: &Value) -> Option<OwnCode> {
    let channels = job["InputDataConfig"].as_array()?;
    let sent = channels.iter().any(|channel| channel["ChannelName"] == DRIVERS);
    sent.then(|| OwnCode::Script { asked: format!("channel {DRIVERS}") })
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for OwnCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script { asked } => write!(f, "script mode ({asked})"),
            Self::Command { asked } => write!(f, "a command of the caller's ({asked})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::program(
        json!({"HyperParameters": {"sagemaker_program": "\"train.py\""}}),
        "script mode (sagemaker_program=train.py)")]
    #[case::directory(
        json!({"HyperParameters": {"sagemaker_submit_directory": "s3://b/src.tar.gz"}}),
        "script mode (sagemaker_submit_directory=s3://b/src.tar.gz)")]
    #[case::environment(
        json!({"Environment": {"SAGEMAKER_PROGRAM": "train.py"}}),
        "script mode (SAGEMAKER_PROGRAM=train.py)")]
    #[case::entry_point(
        json!({"AlgorithmSpecification": {
            "ContainerEntrypoint": ["/bin/sh"], "ContainerArguments": ["-c", "exit 7"]}}),
        "a command of the caller's (ContainerEntrypoint: /bin/sh, ContainerArguments: -c exit 7)")]
    #[case::arguments_alone(
        json!({"AlgorithmSpecification": {"ContainerArguments": ["train", "--fast"]}}),
        "a command of the caller's (ContainerArguments: train --fast)")]
    #[case::sdk_v3(
        json!({"AlgorithmSpecification": {
            "ContainerEntrypoint": ["/bin/bash"],
            "ContainerArguments": ["-c", "/opt/ml/input/data/sm_drivers/sm_train.sh"]}}),
        "script mode (ContainerArguments: -c /opt/ml/input/data/sm_drivers/sm_train.sh)")]
    #[case::drivers(
        json!({"InputDataConfig": [{"ChannelName": "code"}, {"ChannelName": "sm_drivers"}]}),
        "script mode (channel sm_drivers)")]
    fn what_asks_for_own_code_is_named(#[case] job: Value, #[case] words: &str) {
        assert_eq!(OwnCode::of_training(&job).unwrap().to_string(), words);
    }

    #[rstest]
    #[case(json!({"HyperParameters": {"num_round": "3"}, "InputDataConfig": [{"ChannelName": "train"}]}))]
    #[case(json!({"Environment": {"SAGEMAKER_PROGRAM": ""}}))]
    #[case(json!({"AlgorithmSpecification": {"ContainerEntrypoint": null}}))]
    fn an_algorithm_s_own_job_asks_for_none(#[case] job: Value) {
        assert_eq!(OwnCode::of_training(&job), None);
    }

    #[test]
    fn a_serving_container_asks_by_its_environment() {
        let container = json!({"Image": "i", "Environment": {"SAGEMAKER_PROGRAM": "serve.py"}});
        let code = OwnCode::of_serving(&container).unwrap();
        assert_eq!(code.to_string(), "script mode (SAGEMAKER_PROGRAM=serve.py)");
        assert_eq!(OwnCode::of_serving(&json!({"Image": "i"})), None);
    }

    #[test]
    fn a_long_command_is_cut() {
        let job = json!({"AlgorithmSpecification": {"ContainerArguments": ["é".repeat(5_000)]}});
        let words = OwnCode::of_training(&job).unwrap().to_string();
        assert!(words.chars().count() < 300 && words.ends_with("…)"), "{words}");
    }
}
