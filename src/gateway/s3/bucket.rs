//! Buckets.

use super::about::time;
use super::address;
use super::backend::{Backend, Reply};
use super::error::{S3Result, invalid_argument, invalid_bucket_name, refuse, unimplemented};
use crate::api::error::AwsError;
use crate::api::model::{self, Kind};
use crate::store::objects::ObjectError;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Digest as _;

/// The AWS region that has no location constraint, and where creating one's bucket again succeeds.
const CLASSIC: &str = "us-east-1";
const BUCKETS_MOST: i64 = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateBucket {
    bucket: String,
    #[serde(rename = "ACL")]
    acl: Option<String>,
    #[serde(default)]
    create_bucket_configuration: Configuration,
    object_lock_enabled_for_bucket: Option<bool>,
    object_ownership: Option<String>,
    bucket_namespace: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Configuration {
    location_constraint: Option<String>,
    location: Option<Value>,
    bucket: Option<Value>,
    tags: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfBucket {
    bucket: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListBuckets {
    max_buckets: Option<i64>,
    continuation_token: Option<String>,
    prefix: Option<String>,
    bucket_region: Option<String>,
}

impl Backend {
    pub(super) async fn create(&self, input: CreateBucket) -> S3Result<Reply> {
        if !address::may_be_new_bucket(&input.bucket) {
            return Err(invalid_bucket_name(&input.bucket));
        }
        input.check()?;
        let constraint = input.create_bucket_configuration.location_constraint;
        self.check_location(constraint.as_deref())?;
        match self.objects.create_bucket(&input.bucket).await {
            Err(ObjectError::BucketExists(_)) if self.place.region == CLASSIC => {}
            outcome => outcome.map_err(refuse)?,
        }
        Ok(json!({ "Location": format!("/{}", input.bucket) }).into())
    }

    /// A bucket lies where the region is, and nowhere else.
    fn check_location(&self, constraint: Option<&str>) -> S3Result<()> {
        let region = self.place.region.as_str();
        // An old name of one of them.
        let constraint = constraint.map(|name| if name == "EU" { "eu-west-1" } else { name });
        match constraint.filter(|constraint| !constraint.is_empty()) {
            None if region == CLASSIC => Ok(()),
            Some(constraint) if constraint == region && region != CLASSIC => Ok(()),
            Some(constraint) if constraint == CLASSIC || !is_place(constraint) => {
                Err(AwsError::new(
                    400,
                    "InvalidLocationConstraint",
                    "The specified location-constraint is not valid",
                )
                .with("LocationConstraint", constraint))
            }
            constraint => Err(AwsError::new(
                400,
                "IllegalLocationConstraintException",
                format!(
                    "The {} location constraint is incompatible for the region specific endpoint \
                     this request was sent to.",
                    constraint.unwrap_or("unspecified")
                ),
            )),
        }
    }

    pub(super) async fn remove_bucket(&self, input: OfBucket) -> S3Result<Reply> {
        self.objects.delete_bucket(&input.bucket).await.map_err(refuse)?;
        Ok(Reply::default())
    }

    pub(super) fn look_at_bucket(&self, input: &OfBucket) -> S3Result<Reply> {
        self.objects.bucket(&input.bucket).map_err(refuse)?;
        Ok(json!({
            "BucketRegion": self.place.region,
            "BucketArn": format!("arn:aws:s3:::{}", input.bucket),
            "AccessPointAlias": false,
        })
        .into())
    }

    pub(super) fn location(&self, input: &OfBucket) -> S3Result<Reply> {
        self.objects.bucket(&input.bucket).map_err(refuse)?;
        let region = &self.place.region;
        Ok(json!({ "LocationConstraint": (region != CLASSIC).then_some(region) }).into())
    }

    pub(super) fn list_all(&self, input: ListBuckets) -> S3Result<Reply> {
        let limit = input.max_buckets.unwrap_or(BUCKETS_MOST);
        let limit = usize::try_from(limit).ok().filter(|_| (1..=BUCKETS_MOST).contains(&limit));
        let limit = limit.ok_or_else(|| {
            invalid_argument("Argument max-buckets must be an integer between 1 and 10000")
                .with("ArgumentName", "max-buckets")
        })?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let elsewhere = input.bucket_region.is_some_and(|region| region != self.place.region);
        let after = input.continuation_token.unwrap_or_default();
        let mut found = self.objects.buckets(&after, usize::MAX).map_err(refuse)?;
        found.retain(|bucket| bucket.name.starts_with(&prefix) && !elsewhere);
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|bucket| bucket.name.clone());
        let buckets: Vec<_> = found
            .into_iter()
            .map(|bucket| {
                json!({
                    "Name": bucket.name,
                    "CreationDate": time(bucket.created),
                    "BucketRegion": self.place.region,
                })
            })
            .collect();
        Ok(json!({
            "Buckets": buckets,
            "ContinuationToken": last.filter(|_| more),
            "Owner": self.owner(),
            "Prefix": input.prefix,
        })
        .into())
    }

    /// The account's canonical user: 64 hex digits, made from its number.
    pub(super) fn owner(&self) -> Value {
        json!({ "ID": hex::encode(sha2::Sha256::digest(self.place.account.as_bytes())) })
    }
}

impl CreateBucket {
    /// What a bucket can be here: its owner's, without locks, in the global namespace.
    fn check(&self) -> S3Result<()> {
        if self.acl.as_deref().is_some_and(|acl| acl != "private") {
            return Err(AwsError::new(
                400,
                "InvalidBucketAclWithObjectOwnership",
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
            ));
        }
        if self.object_lock_enabled_for_bucket == Some(true) {
            return Err(unimplemented("header", "x-amz-bucket-object-lock-enabled"));
        }
        if self.object_ownership.as_deref().is_some_and(|it| it != "BucketOwnerEnforced") {
            return Err(unimplemented("header", "x-amz-object-ownership"));
        }
        if self.bucket_namespace.as_deref().is_some_and(|it| it != "global") {
            return Err(unimplemented("header", "x-amz-bucket-namespace"));
        }
        let Configuration { location, bucket, tags, .. } = &self.create_bucket_configuration;
        for (element, name) in [(location, "Location"), (bucket, "Bucket"), (tags, "Tags")] {
            if element.is_some() {
                return Err(unimplemented("document", name));
            }
        }
        Ok(())
    }
}

/// Whether AWS has a region of this name where buckets can be.
fn is_place(name: &str) -> bool {
    let shape = model::service("s3").and_then(|service| service.shape("BucketLocationConstraint"));
    matches!(shape.map(|shape| &shape.kind), Some(Kind::String(text)) if text.values.contains(&name))
}
