//! How training and serving say no: a failure ends the container, a refusal only one invocation.

use std::borrow::Cow;

/// Why a training, or the loading of a model, failed. Its text goes to `/opt/ml/output/failure`,
/// from where the region takes `FailureReason`; the container exits with code 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The caller's data, hyperparameters or model; the text says what to change.
    #[error("ClientError: {0}")]
    Client(String),
    /// What the algorithm's library refuses while it trains.
    #[error("AlgorithmError: {0}")]
    Algorithm(String),
    /// What the caller cannot mend: a full disk, a folder that cannot be written.
    #[error("InternalServerError: {0}")]
    Internal(String),
}

impl Failure {
    pub fn client(text: impl Into<String>) -> Self {
        Self::Client(text.into())
    }

    pub fn internal(text: impl Into<String>) -> Self {
        Self::Internal(text.into())
    }
}

/// An invocation that is answered with something else than predictions, nearly always with an error; the
/// next one may well succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {text}")]
pub struct Refusal {
    /// An HTTP status: 204 where there is nothing to predict, 400 for bad rows, 415 for a content type the algorithm does not read, 406 for
    /// one it does not write, 500 for what is not the client's doing.
    pub status: u16,
    /// The body of the answer.
    pub text: Cow<'static, str>,
}

impl Refusal {
    pub fn new(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, text: text.into() }
    }

    /// The rows are wrong (400); the text says which, and what is wrong with them.
    pub fn bad_request(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, text)
    }

    /// A content type that this algorithm does not read (415).
    pub fn unsupported(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(415, text)
    }
}
