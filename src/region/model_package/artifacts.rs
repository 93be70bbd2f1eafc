//! Which image and which artifact a package's containers mean: looked up when the package is made, as
//! AWS does it, so that a package names exact contents whatever tags and keys hold later.

use super::{Refusal, Region, View, family};
use crate::domain::s3_uri::S3Uri;
use crate::engine::image;
use crate::store::objects::{ObjectError, Objects};
use serde_json::Value;
use std::sync::Arc;

/// Members that hold specifications: one, or a list of them.
const SPECIFICATIONS: &[&str] = &[
    "InferenceSpecification",
    "AdditionalInferenceSpecifications",
    "AdditionalInferenceSpecificationsToAdd",
];

/// The document with `ImageDigest` and `ModelDataETag` in each container, where they are known: of a
/// foreign image or an artifact that is not there nothing is.
pub(super) async fn identified(region: &Arc<Region>, mut body: Value) -> Result<Value, Refusal> {
    let objects = region.store().objects();
    tokio::task::spawn_blocking(move || {
        for member in SPECIFICATIONS {
            match body.get_mut(member) {
                Some(Value::Array(several)) => {
                    several.iter_mut().try_for_each(|each| specification(&objects, each))?;
                }
                Some(one) => specification(&objects, one)?,
                None => {}
            }
        }
        Ok(body)
    })
    .await
    .map_err(|error| Refusal::Fault(error.to_string()))?
}

fn specification(objects: &Objects, specification: &mut Value) -> Result<(), Refusal> {
    let containers = specification.get_mut("Containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        if let Some(digest) = image::digest(container.name("Image")) {
            family::default(container, "ImageDigest", digest);
        }
        let place = container.text("ModelDataUrl").and_then(|uri| S3Uri::parse(uri).ok());
        if let Some(S3Uri { bucket, key }) = place
            && let Some(etag) = etag(objects, &bucket, &key)?
        {
            family::set(container, "ModelDataETag", etag);
        }
    }
    Ok(())
}

fn etag(objects: &Objects, bucket: &str, key: &str) -> Result<Option<String>, Refusal> {
    match objects.head(bucket, key) {
        Ok(object) => Ok(Some(object.etag)),
        Err(ObjectError::Store(fault)) => Err(fault.into()),
        Err(_) => Ok(None),
    }
}
