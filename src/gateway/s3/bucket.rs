//! Buckets.

use super::backend::Backend;
use super::condition::to_s3;
use super::error::{invalid_argument, refuse};
use crate::store::objects::ObjectError;
use s3s::dto::{
    Bucket, BucketLocationConstraint, CreateBucketInput, CreateBucketOutput, DeleteBucketInput,
    DeleteBucketOutput, GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput,
    HeadBucketOutput, ListBucketsInput, ListBucketsOutput, Owner,
};
use s3s::{S3Error, S3Result, s3_error};
use sha2::Digest as _;

/// The AWS region that has no location constraint, and where creating one's bucket again succeeds.
const CLASSIC: &str = "us-east-1";
const BUCKETS_MOST: usize = 10_000;

impl Backend {
    pub(super) async fn create(&self, input: CreateBucketInput) -> S3Result<CreateBucketOutput> {
        let constraint = input
            .create_bucket_configuration
            .and_then(|configuration| configuration.location_constraint);
        self.check_location(constraint.as_ref().map(BucketLocationConstraint::as_str))?;
        if input.object_lock_enabled_for_bucket == Some(true) {
            return Err(unimplemented_header());
        }
        match self.objects.create_bucket(&input.bucket).await {
            Err(ObjectError::BucketExists(_)) if self.place.region == CLASSIC => {}
            outcome => outcome.map_err(refuse)?,
        }
        Ok(CreateBucketOutput { location: Some(format!("/{}", input.bucket)) })
    }

    /// A bucket lies where the region is, and nowhere else.
    fn check_location(&self, constraint: Option<&str>) -> S3Result<()> {
        let region = self.place.region.as_str();
        match constraint.filter(|constraint| !constraint.is_empty()) {
            None if region == CLASSIC => Ok(()),
            Some(CLASSIC) => Err(s3_error!(
                InvalidLocationConstraint,
                "The specified location-constraint is not valid"
            )),
            Some(constraint) if constraint == region => Ok(()),
            constraint => Err(s3_error!(
                IllegalLocationConstraintException,
                "The {} location constraint is incompatible for the region specific endpoint this \
                 request was sent to.",
                constraint.unwrap_or("unspecified")
            )),
        }
    }

    pub(super) async fn remove_bucket(
        &self,
        input: DeleteBucketInput,
    ) -> S3Result<DeleteBucketOutput> {
        self.objects.delete_bucket(&input.bucket).await.map_err(refuse)?;
        Ok(DeleteBucketOutput {})
    }

    pub(super) fn look_at_bucket(&self, input: &HeadBucketInput) -> S3Result<HeadBucketOutput> {
        self.objects.bucket(&input.bucket).map_err(refuse)?;
        Ok(HeadBucketOutput {
            bucket_region: Some(self.place.region.clone()),
            ..HeadBucketOutput::default()
        })
    }

    pub(super) fn location(
        &self,
        input: &GetBucketLocationInput,
    ) -> S3Result<GetBucketLocationOutput> {
        self.objects.bucket(&input.bucket).map_err(refuse)?;
        let region = &self.place.region;
        let constraint =
            (region != CLASSIC).then(|| BucketLocationConstraint::from(region.clone()));
        Ok(GetBucketLocationOutput { location_constraint: constraint })
    }

    pub(super) fn list_all(&self, input: ListBucketsInput) -> S3Result<ListBucketsOutput> {
        let limit = match input.max_buckets {
            None => BUCKETS_MOST,
            Some(limit) => usize::try_from(limit)
                .ok()
                .filter(|limit| (1..=BUCKETS_MOST).contains(limit))
                .ok_or_else(|| {
                    invalid_argument("Argument max-buckets must be an integer between 1 and 10000")
                })?,
        };
        let prefix = input.prefix.clone().unwrap_or_default();
        let elsewhere =
            input.bucket_region.as_ref().is_some_and(|region| *region != self.place.region);
        let after = input.continuation_token.unwrap_or_default();
        let mut found = self.objects.buckets(&after, usize::MAX).map_err(refuse)?;
        found.retain(|bucket| bucket.name.starts_with(&prefix) && !elsewhere);
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|bucket| bucket.name.clone());
        let buckets = found
            .into_iter()
            .map(|bucket| Bucket {
                bucket_region: Some(self.place.region.clone()),
                creation_date: Some(to_s3(bucket.created)),
                name: Some(bucket.name),
            })
            .collect();
        Ok(ListBucketsOutput {
            buckets: Some(buckets),
            continuation_token: last.filter(|_| more),
            owner: Some(self.owner()),
            prefix: input.prefix,
        })
    }

    /// The account's canonical user: 64 hex digits, made from its number.
    pub(super) fn owner(&self) -> Owner {
        let id = hex::encode(sha2::Sha256::digest(self.place.account.as_bytes()));
        Owner { display_name: None, id: Some(id) }
    }
}

pub(super) fn unimplemented_header() -> S3Error {
    s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented")
}
