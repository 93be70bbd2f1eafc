//! An error as AWS puts it on the wire. Only this type knows status numbers; the rooms above choose
//! its code and text in one place each (`region::error`, `gateway`).

use serde_json::{Map, Value};
use std::borrow::Cow;

/// What a client sees: a code that its SDK matches on, a message for people, the HTTP status.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    pub code: Cow<'static, str>,
    pub message: String,
    pub status: u16,
    /// Further members of the error's shape, such as `OriginalStatusCode` of `ModelError`.
    pub members: Map<String, Value>,
}

impl AwsError {
    pub fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self { code: code.into(), message: message.into(), status, members: Map::new() }
    }

    /// SageMaker's word for whatever is wrong with the request itself (400).
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }
}
