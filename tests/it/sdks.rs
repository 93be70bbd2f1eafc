//! Programs written for AWS with SageMaker's own SDKs, unchanged: `sagebrush exec` is all that leads
//! them here. Version 2 and version 3 exclude each other, so each has an environment.

use crate::python;
use crate::region::{Region, sagebrush};
use rstest::rstest;
use std::path::Path;

#[rstest]
#[case::version_2("sdk_v2")]
#[case::version_3("sdk_v3")]
fn the_sdk_runs_unmodified(#[case] name: &str) {
    let interpreter = python::venv_of(name);
    let region = Region::start();
    // The SDKs read settings of the user's, and write beside the program.
    let home = region.folder().join("home");
    std::fs::create_dir(&home).unwrap();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/clients/{name}.py"));
    let mut command = sagebrush();
    command.arg("exec").arg("-w").arg(region.folder()).args(["--offline", "--"]);
    command.arg(interpreter).arg(program).current_dir(&home).env("HOME", &home);
    command.env_remove("AWS_CONFIG_FILE").env_remove("AWS_SHARED_CREDENTIALS_FILE");
    let output = python::succeed(&mut command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim().lines().next_back(), Some("ok"), "{said}");
}
