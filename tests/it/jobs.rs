//! Training jobs and endpoints through real clients: `tests/clients/training.py` and `endpoints.py`.

use super::python;
use super::region::Region;

fn runs(script: &str) {
    runs_with(script, "");
}

/// In a workspace of these settings, whose folder the script finds in `WORKSPACE`.
fn runs_with(script: &str, settings: &str) {
    let region = Region::start_with(settings);
    let mut command = python::script(script);
    region.lead(&mut command);
    command.env("WORKSPACE", region.folder());
    let output = python::succeed(&mut command);
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn training_jobs_behave_for_botocore() {
    runs("training.py");
}

#[test]
fn endpoints_behave_for_botocore() {
    runs("endpoints.py");
}

#[test]
fn what_the_sdks_read_is_there() {
    runs("sdk_reads.py");
}

#[test]
fn a_first_look_is_the_last_where_answers_are_held() {
    runs_with("settled.py", "hold = { endpoints = 50000, jobs = 50000 }");
}
