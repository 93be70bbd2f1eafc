//! S3 as unmodified boto3 uses it.

use super::python;
use super::region::Region;

#[test]
fn boto3_puts_gets_lists_copies_and_deletes() {
    let region = Region::start();
    let mut script = python::script("s3.py");
    region.lead(&mut script);
    python::succeed(&mut script);
}
