//! S3 over the store's objects, spoken by s3s.

use crate::region::Region;
use s3s::S3;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::sync::Arc;

struct Backend;

impl S3 for Backend {}

/// S3 of `region`. Requests come path style and unsigned, bodies decoded; see [`super::object`].
pub(super) fn service(_region: &Arc<Region>) -> S3Service {
    S3ServiceBuilder::new(Backend).build()
}
