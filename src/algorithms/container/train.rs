//! `train`: reads the job's documents, trains, and says why when that failed.

use super::{refuse_script_mode, say, watch};
use crate::algorithms::{Algorithm, Failure, TrainingInput};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(algorithm: &dyn Algorithm, root: &Path) -> ExitCode {
    // A panic is a bug of ours, yet the job still has to end with a reason.
    let outcome = catch_unwind(AssertUnwindSafe(|| train(algorithm, root))).unwrap_or_else(|_| {
        Err(Failure::internal(
            "the algorithm stopped at a bug in its own code; the log's last lines name the place",
        ))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            fail(root, &algorithm.reason(&failure));
            ExitCode::FAILURE
        }
    }
}

fn train(algorithm: &dyn Algorithm, root: &Path) -> Result<(), Failure> {
    let job = TrainingInput::read(root)?;
    signal_hook::flag::register(signal_hook::consts::SIGTERM, job.stop.flag())
        .map_err(|error| Failure::internal(format!("cannot listen for SIGTERM: {error}")))?;
    watch::stdout()?;
    refuse_script_mode(algorithm, job.text("sagemaker_program"))?;
    for folder in [&job.model_dir, &job.output_dir] {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::internal(format!("cannot create {}: {error}", folder.display()))
        })?;
    }
    let mut log = std::io::stdout().lock();
    algorithm.train(&job, &mut log)?;
    let _ = log.flush();
    Ok(())
}

fn fail(root: &Path, text: &str) {
    say(text);
    let folder = root.join("opt/ml/output");
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("failure"), text));
    if let Err(error) = written {
        say(&format!("cannot write {}: {error}", folder.join("failure").display()));
    }
}
