//! Training jobs and endpoints through real clients: `tests/clients/training.py` and `endpoints.py`.

use super::python;
use super::region::Region;

fn runs(script: &str) {
    let region = Region::start();
    let mut command = python::script(script);
    region.lead(&mut command);
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
