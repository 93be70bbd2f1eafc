//! S3 over the store's objects, spoken by s3s.

use crate::domain::arn::Place;
use crate::serving::Body;
use crate::store::Store;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use s3s::S3;
use s3s::service::{S3Service, S3ServiceBuilder};

struct Backend;

impl S3 for Backend {}

/// S3, answering one request at a time; clones share everything.
#[derive(Clone)]
pub struct Service {
    s3: S3Service,
}

/// S3 over a store's objects. Takes requests that were authenticated already.
pub fn service(_store: &Store, _place: &Place) -> Service {
    Service { s3: S3ServiceBuilder::new(Backend).build() }
}

impl Service {
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        match self.s3.call(request.map(s3s::Body::http_body_unsync)).await {
            Ok(answer) => answer.map(BodyExt::boxed_unsync),
            Err(error) => {
                tracing::error!(?error, "S3 found no answer");
                let mut answer = Response::new(super::payload::full(bytes::Bytes::new()));
                *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                answer
            }
        }
    }
}
