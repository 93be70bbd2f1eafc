//! The container's runtime, shared by all algorithms: `train` and `serve` under SageMaker's contract.

use std::path::Path;
use std::process::ExitCode;

/// Runs `<algorithm> train` or `<algorithm> serve` with the folders of `/opt/ml` below `root`.
pub fn main(_algorithm: &str, _mode: &str, _root: &Path) -> ExitCode {
    ExitCode::FAILURE
}
