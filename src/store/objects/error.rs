//! What can be wrong with a question about objects. S3's codes and texts are chosen in the gateway.

use crate::store::StoreError;
use std::fmt;

/// Which condition did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// There must be no object yet.
    Absence,
    ETag,
    Modified,
    Size,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absence => "absence",
            Self::ETag => "ETag",
            Self::Modified => "time of its last change",
            Self::Size => "size",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    #[error("bucket {0} does not exist")]
    NoSuchBucket(String),
    #[error("object {0} does not exist")]
    NoSuchKey(String),
    #[error("bucket {0} exists already")]
    BucketExists(String),
    #[error("bucket {0} still holds objects")]
    BucketNotEmpty(String),
    #[error("the multipart upload does not exist; it may have been completed or aborted")]
    NoSuchUpload,
    /// A part named on completion was never uploaded, or is another one by now.
    #[error("part {0} of the multipart upload is not the one that was uploaded")]
    InvalidPart(u32),
    #[error("the parts are not in ascending order of their numbers")]
    InvalidPartOrder,
    /// All parts but the last have a least size.
    #[error("part {number} has {size} bytes, which only the last part may have")]
    PartTooSmall { number: u32, size: u64 },
    /// What was put together is not what the caller promised.
    #[error("the {0} checksum of the whole object is another one")]
    ChecksumMismatch(&'static str),
    /// A checksum was promised of an upload that was begun with another one, or with none.
    #[error("the upload was begun with another checksum than {sent}")]
    Undeclared { declared: Option<&'static str>, sent: &'static str },
    /// What was put together has another size than the caller expects.
    #[error("the whole object has {found} bytes, not {expected}")]
    Size { expected: u64, found: u64 },
    /// The object is not in the state that the caller made a condition.
    #[error("the condition on the object's {0} does not hold")]
    Condition(Unmet),
    /// A copy's source is not in the state that the caller made a condition.
    #[error("the condition on the source of the copy does not hold")]
    Source(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<std::io::Error> for ObjectError {
    fn from(error: std::io::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<rusqlite::Error> for ObjectError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<serde_json::Error> for ObjectError {
    fn from(error: serde_json::Error) -> Self {
        Self::Store(error.into())
    }
}
