//! S3's codes and texts for what the store says.

use crate::store::objects::ObjectError;
use http::StatusCode;
use s3s::{S3Error, S3ErrorCode, s3_error};

pub(super) fn refuse(error: ObjectError) -> S3Error {
    match error {
        ObjectError::NoSuchBucket(_) => {
            s3_error!(NoSuchBucket, "The specified bucket does not exist")
        }
        ObjectError::NoSuchKey(_) => s3_error!(NoSuchKey, "The specified key does not exist."),
        ObjectError::BucketExists(_) => s3_error!(
            BucketAlreadyOwnedByYou,
            "Your previous request to create the named bucket succeeded and you already own it."
        ),
        ObjectError::BucketNotEmpty(_) => {
            s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty")
        }
        ObjectError::NoSuchUpload => s3_error!(
            NoSuchUpload,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may \
             have been aborted or completed."
        ),
        ObjectError::InvalidPart(_) => s3_error!(
            InvalidPart,
            "One or more of the specified parts could not be found.  The part may not have been \
             uploaded, or the specified entity tag may not match the part's entity tag."
        ),
        ObjectError::InvalidPartOrder => s3_error!(
            InvalidPartOrder,
            "The list of parts was not in ascending order. Parts must be ordered by part number."
        ),
        ObjectError::PartTooSmall { .. } => s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size"
        ),
        ObjectError::ChecksumMismatch(algorithm) => mismatch(algorithm),
        ObjectError::Condition(_) => precondition(),
        ObjectError::Store(error) => {
            tracing::error!(%error, "an S3 call failed");
            s3_error!(InternalError, "We encountered an internal error. Please try again.")
        }
    }
}

pub(super) fn precondition() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

pub(super) fn mismatch(algorithm: &str) -> S3Error {
    s3_error!(BadDigest, "The {algorithm} you specified did not match the calculated checksum.")
}

pub(super) fn invalid_argument(message: &'static str) -> S3Error {
    s3_error!(InvalidArgument, "{message}")
}

/// An error whose code `s3s` does not list.
pub(super) fn custom(code: &'static str, message: &'static str, status: StatusCode) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(status);
    error
}
