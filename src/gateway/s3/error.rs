//! S3's codes and texts, with the details that its errors carry.

use crate::api::error::AwsError;
use crate::api::model::{self, Location, Operation};
use crate::store::objects::{ObjectError, Unmet};
use http::Method;

pub(super) type S3Result<T> = Result<T, AwsError>;

pub(super) fn refuse(error: ObjectError) -> AwsError {
    let new = AwsError::new;
    match error {
        ObjectError::NoSuchBucket(name) => {
            new(404, "NoSuchBucket", "The specified bucket does not exist").with("BucketName", name)
        }
        ObjectError::NoSuchKey(key) => {
            new(404, "NoSuchKey", "The specified key does not exist.").with("Key", key)
        }
        ObjectError::BucketExists(name) => new(
            409,
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        )
        .with("BucketName", name),
        ObjectError::BucketNotEmpty(name) => {
            new(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
                .with("BucketName", name)
        }
        ObjectError::NoSuchUpload => new(
            404,
            "NoSuchUpload",
            "The specified upload does not exist. The upload ID may be invalid, or the upload may \
             have been aborted or completed.",
        ),
        ObjectError::InvalidPart(number) => new(
            400,
            "InvalidPart",
            "One or more of the specified parts could not be found.  The part may not have been \
             uploaded, or the specified entity tag may not match the part's entity tag.",
        )
        .with("PartNumber", number.to_string()),
        ObjectError::InvalidPartOrder => new(
            400,
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ),
        ObjectError::PartTooSmall { number, size } => new(
            400,
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
        )
        .with("ProposedSize", size.to_string())
        .with("MinSizeAllowed", "5242880")
        .with("PartNumber", number.to_string()),
        ObjectError::ChecksumMismatch(algorithm) => mismatch(algorithm),
        ObjectError::Undeclared { declared, sent } => checksum_type(declared, sent),
        ObjectError::Size { .. } => invalid_request(
            "The provided 'x-amz-mp-object-size' header value does not match what was computed.",
        ),
        ObjectError::Condition(unmet) => precondition(match unmet {
            Unmet::Absence => "If-None-Match",
            Unmet::ETag => "If-Match",
            Unmet::Modified => "x-amz-if-match-last-modified-time",
            Unmet::Size => "x-amz-if-match-size",
        }),
        ObjectError::Source(condition) => precondition(condition),
        ObjectError::Store(error) => {
            tracing::error!(%error, "an S3 call failed");
            // A full disk and damage are the user's to mend: S3's own words would hide them.
            let words = error.for_clients();
            let usual = "We encountered an internal error. Please try again.";
            new(500, "InternalError", words.as_deref().unwrap_or(usual))
        }
    }
}

/// With the upload that was named, which the store does not repeat.
pub(super) fn of_upload(upload_id: &str) -> impl Fn(ObjectError) -> AwsError + '_ {
    move |error| {
        let refused = refuse(error);
        match refused.code.as_ref() {
            "NoSuchUpload" | "InvalidPart" | "InvalidPartOrder" => {
                refused.with("UploadId", upload_id)
            }
            _ => refused,
        }
    }
}

pub(super) fn precondition(condition: &str) -> AwsError {
    AwsError::new(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    )
    .with("Condition", condition)
}

pub(super) fn mismatch(algorithm: &str) -> AwsError {
    AwsError::new(
        400,
        "BadDigest",
        format!("The {algorithm} you specified did not match the calculated checksum."),
    )
}

/// `None` is an upload that was begun without a checksum.
pub(super) fn checksum_type(declared: Option<&str>, sent: &str) -> AwsError {
    invalid_request(format!(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        declared.unwrap_or("null").to_lowercase(),
        sent.to_lowercase()
    ))
}

pub(super) fn invalid_argument(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidArgument", message)
}

pub(super) fn invalid_request(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidRequest", message)
}

pub(super) fn malformed_xml() -> AwsError {
    AwsError::new(
        400,
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

pub(super) fn access_denied() -> AwsError {
    AwsError::new(403, "AccessDenied", "Access Denied")
}

pub(super) fn invalid_bucket_name(name: &str) -> AwsError {
    AwsError::new(400, "InvalidBucketName", "The specified bucket is not valid.")
        .with("BucketName", name)
}

pub(super) fn no_such_version(version: &str) -> AwsError {
    AwsError::new(404, "NoSuchVersion", "The specified version does not exist.")
        .with("VersionId", version)
}

pub(super) fn method_not_allowed(method: &Method) -> AwsError {
    AwsError::new(
        405,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
    )
    .with("Method", method.as_str())
}

pub(super) fn not_simulated(operation: &str) -> AwsError {
    AwsError::new(
        501,
        "NotImplemented",
        format!(
            "{operation} is not simulated by Sagebrush. Nothing was done. `sagebrush coverage s3` \
             lists what is."
        ),
    )
}

pub(super) fn no_model() -> AwsError {
    AwsError::new(500, "InternalError", "The model of S3 cannot be read.")
}

/// Something whose effect is not simulated, by the name that the caller gave it.
pub(super) fn unimplemented(what: &str, name: &str) -> AwsError {
    AwsError::new(
        501,
        "NotImplemented",
        format!(
            "A {what} you provided implies functionality that is not implemented: {name} is not \
             simulated by Sagebrush. Nothing was done."
        ),
    )
    .with("Header", name)
}

/// Why a request with this member is refused.
pub(super) fn refused(operation: &Operation, member: &str) -> AwsError {
    let service = model::service("s3");
    let input = service.and_then(|service| service.input(operation));
    let found = input.and_then(|input| input.member(member));
    let name = found.map_or(member, |member| member.wire_name());
    let code = |code: &'static str, message: String| {
        AwsError::new(400, code, message).with("ArgumentName", name)
    };
    if member.starts_with("Grant") && operation.name == "CreateBucket" {
        return code(
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting".into(),
        );
    }
    if member.starts_with("Grant") {
        return acls(name);
    }
    if member.starts_with("ObjectLock") {
        let message = format!("Bucket is missing Object Lock Configuration, so {name} is refused");
        return code("InvalidRequest", message);
    }
    if member == "BypassGovernanceRetention" {
        let message = format!("{name} is only applicable to Object Lock enabled buckets.");
        return code("InvalidArgument", message);
    }
    let what = match found.map(|member| member.location) {
        Some(Location::Query) => "query parameter",
        Some(Location::Body) => "document",
        _ => "header",
    };
    unimplemented(what, name)
}

/// Buckets belong to their owner with all that is in them, as new ones of AWS do.
pub(super) fn acls(name: &str) -> AwsError {
    AwsError::new(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
        .with("ArgumentName", name)
}
