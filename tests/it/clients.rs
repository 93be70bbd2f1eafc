//! Real clients against the region: every operation through botocore, every answer checked against
//! botocore's own output shapes by `tests/clients/strict.py`.

use crate::gate::Gate;
use crate::python;
use rstest::rstest;
use sagebrush::gateway::Limits;

#[rstest]
#[case::model("model.py")]
#[case::registry("registry.py")]
#[case::tags("tags.py")]
#[case::iam("iam.py")]
#[case::sts("sts.py")]
#[case::logs("logs.py")]
#[case::recorded("recorded.py")]
#[case::unsimulated("unsimulated.py")]
#[case::names("names.py")]
#[case::lists("lists.py")]
fn as_botocore_sees_it(#[case] script: &str) {
    let gate = Gate::start(Limits::default());
    let output = python::succeed(
        python::script(script)
            .env("SAGEBRUSH_ENDPOINT", format!("http://{}", gate.address))
            .env("AWS_ACCESS_KEY_ID", &gate.credentials.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &gate.credentials.secret_key),
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ok");
}
