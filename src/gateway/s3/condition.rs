//! Conditional requests: `If-Match` and its kin, on reading, copying and writing.

use super::error::precondition;
use crate::domain::time::Timestamp;
use crate::store::objects::{Condition, Object};
use http::{HeaderMap, HeaderValue, header};
use s3s::dto::{ETagCondition, Timestamp as S3Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use std::time::{Duration, UNIX_EPOCH};

/// The four conditions of a read, in RFC 9110's order.
#[derive(Default)]
pub(super) struct ReadConditions {
    pub if_match: Option<ETagCondition>,
    pub if_unmodified_since: Option<S3Timestamp>,
    pub if_none_match: Option<ETagCondition>,
    pub if_modified_since: Option<S3Timestamp>,
}

impl ReadConditions {
    /// `NotModified` or `PreconditionFailed` when they do not hold.
    pub fn check(&self, object: &Object) -> S3Result<()> {
        match self.failure(object) {
            None => Ok(()),
            Some(Failure::Precondition) => Err(precondition()),
            Some(Failure::NotModified) => Err(not_modified(object)),
        }
    }

    /// For the source of a copy, where every failure is a failed precondition.
    pub fn check_source(&self, object: &Object) -> bool {
        self.failure(object).is_none()
    }

    fn failure(&self, object: &Object) -> Option<Failure> {
        let modified = seconds(&to_s3(object.modified));
        if let Some(condition) = &self.if_match {
            if !matches(condition, object) {
                return Some(Failure::Precondition);
            }
        } else if self.if_unmodified_since.as_ref().is_some_and(|time| modified > seconds(time)) {
            return Some(Failure::Precondition);
        }
        if let Some(condition) = &self.if_none_match {
            return matches(condition, object).then_some(Failure::NotModified);
        }
        let unmodified =
            self.if_modified_since.as_ref().is_some_and(|time| modified <= seconds(time));
        unmodified.then_some(Failure::NotModified)
    }
}

enum Failure {
    Precondition,
    NotModified,
}

fn matches(condition: &ETagCondition, object: &Object) -> bool {
    condition.as_etag().is_none_or(|etag| etag.value() == object.etag)
}

fn not_modified(object: &Object) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    error.set_status_code(http::StatusCode::NOT_MODIFIED);
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", object.etag)) {
        error.set_headers(HeaderMap::from_iter([(header::ETAG, etag)]));
    }
    error
}

/// The condition of a write. S3 knows `If-None-Match: *` and `If-Match` with an ETag.
pub(super) fn of_write(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Always),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Condition::Matches(etag.value().to_owned())),
        _ => Err(s3_error!(
            NotImplemented,
            "A header you provided implies functionality that is not implemented"
        )),
    }
}

pub(super) fn to_s3(time: Timestamp) -> S3Timestamp {
    let millis = u64::try_from(time.as_millis()).unwrap_or(0);
    S3Timestamp::from(UNIX_EPOCH + Duration::from_millis(millis))
}

/// HTTP's dates have whole seconds.
fn seconds(time: &S3Timestamp) -> i64 {
    let mut text = Vec::new();
    let _ = time.format(s3s::dto::TimestampFormat::EpochSeconds, &mut text);
    let text = String::from_utf8_lossy(&text);
    text.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}
