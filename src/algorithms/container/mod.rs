//! The container's runtime, shared by all algorithms: `train` and `serve` under SageMaker's contract.
//!
//! It runs as a process of its own, whose start is the largest part of an endpoint's way to
//! InService: nothing here starts a runtime, reads an environment file or builds a table before the
//! first `/ping` is answered.

mod http;
mod listener;
mod serve;
mod train;
mod watch;

use super::{Algorithm, Failure};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Runs `<algorithm> train` or `<algorithm> serve` with the folders of `/opt/ml` below `root`, as the
/// release that an image's repository and tag name; the newest when `release` is empty.
///
/// Exit code 0 is success; 1 is the algorithm's error, told in `opt/ml/output/failure` when
/// training and in the last line of the log.
pub fn main(algorithm: &str, mode: &str, root: &Path, release: &str) -> ExitCode {
    let Some(found) = super::find(algorithm, release) else {
        let known: Vec<_> = super::names().collect();
        say(&format!("{algorithm} is not built in; these are: {}", known.join(", ")));
        return ExitCode::FAILURE;
    };
    match mode {
        "train" => train::run(found.as_ref(), root),
        "serve" => serve::run(found.as_ref(), root),
        _ => {
            say(&format!("a container is started as train or serve, not as {mode}"));
            ExitCode::FAILURE
        }
    }
}

/// One line to the container's log. A reader that is gone is the watchdog's matter.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The same images run a user's own program when one is named; this engine has no Python to run it.
fn refuse_script_mode(algorithm: &dyn Algorithm, named: Option<&str>) -> Result<(), Failure> {
    let environment = std::env::var("SAGEMAKER_PROGRAM").ok();
    let program = named.or(environment.as_deref()).map(str::trim).filter(|name| !name.is_empty());
    match program {
        Some(program) => Err(Failure::Client(format!(
            "script mode is not in this engine: sagemaker_program names {program:?}, but here {} is \
             the built-in algorithm alone. Leave the program out to use the algorithm, or run the \
             script in a container of your own.",
            algorithm.name()
        ))),
        None => Ok(()),
    }
}
