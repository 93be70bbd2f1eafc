//! The operations that S3 has here. The region's table lists them and says what becomes of their
//! members; every other one answers `NotImplemented` with its name.

use super::Call;
use super::error::{S3Result, invalid_request};
use crate::api::error::AwsError;
use crate::domain::arn::Place;
use crate::serving::Body;
use crate::store::objects::Objects;
use http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) struct Backend {
    pub objects: Objects,
    pub place: Place,
}

/// What an operation answers.
#[derive(Default)]
pub(super) struct Reply {
    pub document: Value,
    /// Where it is not the operation's own.
    pub status: Option<StatusCode>,
    /// The payload, where it is streamed.
    pub body: Option<Body>,
    /// `Expires`, which need not be a date.
    pub expires: Option<HeaderValue>,
}

impl From<Value> for Reply {
    fn from(document: Value) -> Self {
        Self { document, ..Self::default() }
    }
}

/// The view that an operation has of its input.
pub(super) fn view<T: DeserializeOwned>(input: Value) -> S3Result<T> {
    serde_json::from_value(input).map_err(|error| invalid_request(error.to_string()))
}

impl Backend {
    pub(super) async fn handle(&self, call: Call) -> S3Result<Reply> {
        match call.operation.name {
            "CreateBucket" => self.create(view(call.input)?).await,
            "DeleteBucket" => self.remove_bucket(view(call.input)?).await,
            "HeadBucket" => self.look_at_bucket(&view(call.input)?),
            "ListBuckets" => self.list_all(view(call.input)?),
            "GetBucketLocation" => self.location(&view(call.input)?),
            "PutObject" => self.put(call).await,
            "GetObject" => self.get(&view(call.input)?),
            "HeadObject" => self.head(&view(call.input)?),
            "CopyObject" => self.copy(call).await,
            "DeleteObject" => self.delete(view(call.input)?).await,
            "DeleteObjects" => self.delete_many(view(call.input)?).await,
            "ListObjects" => self.list_v1(&view(call.input)?),
            "ListObjectsV2" => self.list_v2(&view(call.input)?),
            "CreateMultipartUpload" => self.create_upload(call).await,
            "UploadPart" => self.put_part(call).await,
            "UploadPartCopy" => self.copy_part(view(call.input)?).await,
            "CompleteMultipartUpload" => self.complete(call).await,
            "AbortMultipartUpload" => self.abort(view(call.input)?).await,
            "ListParts" => self.parts(&view(call.input)?),
            "ListMultipartUploads" => self.uploads(&view(call.input)?),
            "GetObjectTagging" => self.tags(&view(call.input)?),
            "PutObjectTagging" => self.tag(view(call.input)?).await,
            "DeleteObjectTagging" => self.untag(view(call.input)?).await,
            name => Err(AwsError::new(500, "InternalError", format!("{name} has no handler"))),
        }
    }
}
