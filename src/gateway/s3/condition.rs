//! Conditional requests: `If-Match` and its kin, on reading, copying and writing.

use super::error::{S3Result, precondition, unimplemented};
use crate::api::error::AwsError;
use crate::store::objects::{Condition, ETag, Object};
use serde_json::Value;

/// The four conditions of a read, in RFC 9110's order.
#[derive(Default)]
pub(super) struct ReadConditions {
    pub if_match: Option<String>,
    pub if_unmodified_since: Option<Value>,
    pub if_none_match: Option<String>,
    pub if_modified_since: Option<Value>,
}

enum Failure {
    Precondition(&'static str),
    NotModified(&'static str),
}

impl ReadConditions {
    /// `NotModified` or `PreconditionFailed` when they do not hold.
    pub fn check(&self, object: &Object) -> S3Result<()> {
        match self.failure(object) {
            None => Ok(()),
            Some(Failure::Precondition(condition)) => Err(precondition(condition)),
            Some(Failure::NotModified(_)) => Err(AwsError::new(304, "NotModified", "Not Modified")
                .with("ETag", format!("\"{}\"", object.etag))),
        }
    }

    /// For the source of a copy, where every failure is a failed precondition: which one.
    pub fn check_source(&self, object: &Object) -> Result<(), &'static str> {
        match self.failure(object) {
            None => Ok(()),
            Some(Failure::Precondition("If-Match")) => Err("x-amz-copy-source-If-Match"),
            Some(Failure::Precondition(_)) => Err("x-amz-copy-source-If-Unmodified-Since"),
            Some(Failure::NotModified("If-None-Match")) => Err("x-amz-copy-source-If-None-Match"),
            Some(Failure::NotModified(_)) => Err("x-amz-copy-source-If-Modified-Since"),
        }
    }

    fn failure(&self, object: &Object) -> Option<Failure> {
        let modified = object.modified.as_millis().div_euclid(1_000);
        if let Some(tags) = &self.if_match {
            if !matches(tags, &object.etag) {
                return Some(Failure::Precondition("If-Match"));
            }
        } else if seconds(self.if_unmodified_since.as_ref()).is_some_and(|time| modified > time) {
            return Some(Failure::Precondition("If-Unmodified-Since"));
        }
        if let Some(tags) = &self.if_none_match {
            return matches(tags, &object.etag).then_some(Failure::NotModified("If-None-Match"));
        }
        let unmodified =
            seconds(self.if_modified_since.as_ref()).is_some_and(|time| modified <= time);
        unmodified.then_some(Failure::NotModified("If-Modified-Since"))
    }
}

/// Whether one of a list of tags is this one, or any will do.
fn matches(tags: &str, etag: &str) -> bool {
    tags.split(',').any(|tag| match self::etag(tag) {
        ETag::Any => true,
        ETag::Is(tag) => tag == etag,
    })
}

/// A tag without its quotes.
pub(super) fn etag(text: &str) -> ETag {
    let text = text.trim();
    if text == "*" {
        return ETag::Any;
    }
    let text = text.strip_prefix("W/").unwrap_or(text);
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    ETag::Is(inner.unwrap_or(text).to_owned())
}

/// HTTP's dates have whole seconds. Text that is no date makes no condition.
pub(super) fn seconds(time: Option<&Value>) -> Option<i64> {
    Some(time?.as_f64()?.floor() as i64)
}

/// The condition of a write. S3 knows `If-None-Match: *` and `If-Match`, one at a time.
pub(super) fn of_write(if_match: Option<&str>, if_none_match: Option<&str>) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Always),
        (None, Some(tag)) if etag(tag) == ETag::Any => Ok(Condition::Absent),
        (Some(tag), None) => Ok(Condition::Matches(etag(tag))),
        (None, Some(_)) => Err(unimplemented("header", "If-None-Match other than *")),
        (Some(_), Some(_)) => Err(unimplemented("header", "If-Match with If-None-Match")),
    }
}
