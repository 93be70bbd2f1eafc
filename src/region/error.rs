//! Why the region refuses, and the one place where a refusal becomes AWS's code and text.
//!
//! Handlers say what is wrong in the words of the domain; each service has its own names for the
//! same thing (`ValidationException`, `ValidationError`, `InvalidParameterException`), and those are
//! chosen here alone.

use crate::api::error::AwsError;
use crate::api::{model, validation};
use crate::store::StoreError;
use crate::store::logs::LogError;
use std::borrow::Cow;

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request itself is wrong, by a rule that no shape can state.
    #[error("{0}")]
    Invalid(String),
    /// What it names is not there, where the service has a code of its own for that.
    #[error("{0}")]
    Absent(String),
    /// The name is taken, or what it names is busy.
    #[error("{0}")]
    Taken(String),
    /// More than the account may have.
    #[error("{0}")]
    Limit(String),
    /// It contradicts the state of things: somebody else was faster, or others depend on it.
    #[error("{0}")]
    Conflict(String),
    /// The caller may not.
    #[error("{0}")]
    Denied(String),
    /// A code that the operation's model declares and that is its service's alone (status 400).
    #[error("{1}")]
    Declared(&'static str, String),
    /// The region's own fault.
    #[error("{0}")]
    Store(StoreError),
    /// The region's own fault, in words for its log.
    #[error("{0}")]
    Fault(String),
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        match error {
            LogError::NoSuchGroup(_) => {
                Self::Absent("The specified log group does not exist.".into())
            }
            LogError::NoSuchStream(_) => {
                Self::Absent("The specified log stream does not exist.".into())
            }
            LogError::GroupExists(_) => {
                Self::Taken("The specified log group already exists".into())
            }
            LogError::StreamExists(_) => {
                Self::Taken("The specified log stream already exists".into())
            }
            LogError::BadToken => Self::Invalid("The specified nextToken is invalid.".into()),
            LogError::Store(fault) => fault.into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(fault: StoreError) -> Self {
        match fault {
            StoreError::Cursor(bad) => Self::Invalid(format!("Invalid NextToken: {bad}.")),
            fault => Self::Store(fault),
        }
    }
}

impl Refusal {
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    /// SageMaker's words for a name that is taken: `noun` as in `model`.
    pub fn already_exists(noun: &str, arn: &str) -> Self {
        Self::Invalid(format!("Cannot create already existing {noun} \"{arn}\"."))
    }

    /// SageMaker's words for what is not there; waiters match on the code that goes with them.
    pub fn could_not_find(noun: &str, arn: &str) -> Self {
        Self::Invalid(format!("Could not find {noun} \"{arn}\"."))
    }

    /// The error that `service`'s clients see.
    pub fn to_aws(self, service: &str) -> AwsError {
        let (status, code) = self.code(service);
        if let Self::Store(fault) = &self
            && let Some(words) = fault.for_clients()
        {
            return AwsError::new(status, code, words);
        }
        if let Self::Store(_) | Self::Fault(_) = &self {
            tracing::error!(fault = %self, service, "the region failed a call");
            return AwsError::new(status, code, "The region itself failed; its log says why.");
        }
        AwsError::new(status, code, self.to_string())
    }

    fn code(&self, service: &str) -> (u16, Cow<'static, str>) {
        let sagemaker = !matches!(service, "iam" | "sts" | "logs");
        let (status, code) = match (self, service) {
            (Self::Invalid(_), "iam" | "sts") => (400, "ValidationError"),
            (Self::Invalid(_), "logs") => (400, "InvalidParameterException"),
            (Self::Invalid(_), _) => (400, "ValidationException"),
            (Self::Absent(_), "iam") => (404, "NoSuchEntity"),
            (Self::Absent(_), "logs") => (400, "ResourceNotFoundException"),
            (Self::Absent(_), _) => (400, "ResourceNotFound"),
            (Self::Taken(_), "iam") => (409, "EntityAlreadyExists"),
            (Self::Taken(_), "logs") => (400, "ResourceAlreadyExistsException"),
            (Self::Taken(_), _) => (400, "ResourceInUse"),
            (Self::Limit(_), "iam") => (409, "LimitExceeded"),
            (Self::Limit(_), "logs") => (400, "LimitExceededException"),
            (Self::Limit(_), _) => (400, "ResourceLimitExceeded"),
            (Self::Conflict(_), "iam") => (409, "DeleteConflict"),
            (Self::Conflict(_), "logs") => (400, "OperationAbortedException"),
            (Self::Conflict(_), _) => (400, "ConflictException"),
            (Self::Denied(_), _) => (
                if sagemaker { 400 } else { 403 },
                if sagemaker { "AccessDeniedException" } else { "AccessDenied" },
            ),
            (Self::Declared(code, _), _) => (400, *code),
            (Self::Store(_) | Self::Fault(_), "logs") => (500, "ServiceUnavailableException"),
            (Self::Store(_) | Self::Fault(_), "iam") => (500, "ServiceFailure"),
            (Self::Store(_) | Self::Fault(_), _) => (500, "InternalFailure"),
        };
        (status, Cow::Borrowed(code))
    }
}

/// A store's fault of a name that is taken, in the family's own words; other faults as they are.
pub fn taken(fault: StoreError, refusal: impl FnOnce() -> Refusal) -> Refusal {
    match fault {
        StoreError::Exists { .. } => refusal(),
        fault => fault.into(),
    }
}

/// The answer to an operation that AWS has and this region does not simulate.
///
/// `UnsupportedOperation` with status 400: no SDK retries it (501 is retried by some), and no waiter
/// takes it for an outcome (as `ValidationException` would be for "it is deleted").
pub fn not_simulated(service: &str, operation: &str) -> AwsError {
    AwsError::new(
        400,
        "UnsupportedOperation",
        format!(
            "{operation} of {service} is not simulated by Sagebrush. Nothing was done. \
             `sagebrush coverage` lists what is."
        ),
    )
}

/// The answer to a request that holds a member whose effect is not simulated.
pub fn member_not_simulated(service: &str, operation: &str, member: &str) -> AwsError {
    let code = model::service(service).map_or("ValidationException", validation::failure_code);
    AwsError::new(
        400,
        code,
        format!(
            "{member} of {operation} is not simulated by Sagebrush. Nothing was done; leave it out."
        ),
    )
}
