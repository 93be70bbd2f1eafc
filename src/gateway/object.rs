//! Where S3 is mounted.

use crate::api::error::AwsError;
use crate::region::Region;
use crate::serving::Body;
use http::{Request, Response};
use std::sync::Arc;

pub(super) struct Objects {}

impl Objects {
    pub(super) fn new(_region: &Arc<Region>) -> Self {
        Self {}
    }

    pub(super) async fn answer(&self, _request: Request<Body>) -> Result<Response<Body>, AwsError> {
        Err(AwsError::new(501, "NotImplemented", "S3"))
    }
}
