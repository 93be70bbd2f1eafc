//! Why a signature is refused, and each service family's word for it.

use crate::api::error::AwsError;
use crate::domain::time::Timestamp;

/// Which codes a service's clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// awsJson, rest-json and CBOR.
    Json,
    Query,
    S3,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The signature's parts cannot be read.
    #[error("{0}")]
    Incomplete(String),
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    /// A header that AWS requires to be signed is not.
    #[error("There were headers present in the request which were not signed: {0}")]
    Unsigned(String),
    /// Signed too long ago, or in the future.
    #[error("{0}")]
    Skewed(String),
    /// A presigned request whose time is over: for how many seconds it held, its end, and when
    /// that was found.
    #[error("Request has expired")]
    Expired { seconds: Option<u64>, end: Timestamp, now: Timestamp },
    /// The credential's scope names another region than this one.
    #[error(
        "Credential should be scoped to a valid region, not '{given}'. This region is '{here}'."
    )]
    Region { given: String, here: String },
    /// It names another service than the request's.
    #[error("Credential should be scoped to correct service: '{0}'.")]
    Service(String),
    #[error("The security token included in the request is invalid.")]
    Token,
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Payload,
}

impl SignatureError {
    /// The code and status that the service's clients know.
    pub fn in_words_of(&self, dialect: Dialect) -> AwsError {
        use Dialect::{Json, Query, S3};
        let (status, code) = match (self, dialect) {
            (Self::Incomplete(_), Json) => (400, "IncompleteSignatureException"),
            (Self::Incomplete(_), Query) => (400, "IncompleteSignature"),
            (Self::Incomplete(_), S3) => (400, "AuthorizationHeaderMalformed"),
            (
                Self::Mismatch
                | Self::Unsigned(_)
                | Self::Skewed(_)
                | Self::Payload
                | Self::Region { .. }
                | Self::Service(_),
                Json,
            ) => (403, "InvalidSignatureException"),
            (
                Self::Mismatch
                | Self::Unsigned(_)
                | Self::Skewed(_)
                | Self::Payload
                | Self::Region { .. }
                | Self::Service(_),
                Query,
            ) => (403, "SignatureDoesNotMatch"),
            (Self::Region { .. } | Self::Service(_), S3) => (400, "AuthorizationHeaderMalformed"),
            (Self::Mismatch, S3) => (403, "SignatureDoesNotMatch"),
            (Self::Unsigned(_), S3) => (403, "AccessDenied"),
            (Self::Skewed(_), S3) => (403, "RequestTimeTooSkewed"),
            (Self::Payload, S3) => (400, "XAmzContentSHA256Mismatch"),
            (Self::Expired { .. }, Json) => (403, "InvalidSignatureException"),
            (Self::Expired { .. }, Query) => (403, "SignatureDoesNotMatch"),
            (Self::Expired { .. }, S3) => (403, "AccessDenied"),
            (Self::Token, Json) => (403, "UnrecognizedClientException"),
            (Self::Token, Query) => (403, "InvalidClientTokenId"),
            (Self::Token, S3) => (403, "InvalidToken"),
        };
        let message = match (self, dialect) {
            (Self::Skewed(_), S3) => {
                "The difference between the request time and the current time is too large."
                    .to_owned()
            }
            (Self::Region { given, here }, S3) => format!(
                "The authorization header is malformed; the region '{given}' is wrong; expecting \
                 '{here}'"
            ),
            (Self::Service(_), S3) => "The authorization header is malformed; incorrect service. \
                 This endpoint belongs to \"s3\"."
                .to_owned(),
            _ => self.to_string(),
        };
        let error = AwsError::new(status, code, message);
        match (self, dialect) {
            (Self::Expired { seconds, end, now }, S3) => {
                let error = match seconds {
                    Some(seconds) => error.with("X-Amz-Expires", seconds.to_string()),
                    None => error,
                };
                error.with("Expires", end.to_rfc3339()).with("ServerTime", now.to_rfc3339())
            }
            _ => error,
        }
    }
}
