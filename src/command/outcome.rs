//! What a command answers and how it fails, apart from how either is printed.

use crate::client::CallError;
use serde_json::Value;

/// What a command has done, for people and for programs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// One line: what happened.
    pub summary: String,
    pub tables: Vec<Table>,
    /// The same for programs: the AWS answer, or what the recipe found.
    pub value: Value,
    /// What `as $name` takes.
    pub capture: Option<String>,
}

/// A table of text; numbers are aligned to the right where a whole column holds them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// Why a command failed. The exit code is the error's, see `CommandError::exit_code`.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The words do not make a command.
    #[error("{0}")]
    Usage(String),
    /// The region refused, or cannot be reached.
    #[error("{0}")]
    Call(#[from] CallError),
    /// The region did what was asked and it came to nothing: a failed job, a failed endpoint.
    #[error("{0}")]
    Failed(String),
    /// `expect` found something else.
    #[error("expected {expected}, found {found}")]
    Expectation { expected: String, found: String },
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("interrupted")]
    Interrupted,
}

impl CommandError {
    pub fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { what: what.into(), source }
    }

    /// 1 the region refused or the work failed, 2 usage, 3 an expectation, 4 the region cannot be
    /// reached, 5 a file, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Call(CallError::Unreachable { .. }) => 4,
            Self::Call(_) | Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Expectation { .. } => 3,
            Self::Io { .. } => 5,
            Self::Interrupted => 130,
        }
    }
}

impl Outcome {
    pub fn said(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }

    #[must_use]
    pub fn with_value(mut self, value: Value) -> Self {
        self.value = value;
        self
    }

    #[must_use]
    pub fn with_table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    #[must_use]
    pub fn capturing(mut self, value: impl Into<String>) -> Self {
        self.capture = Some(value.into());
        self
    }
}

impl Table {
    pub fn new(title: &str, columns: &[&str]) -> Self {
        Self {
            title: title.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub fn push<S: Into<String>>(&mut self, row: impl IntoIterator<Item = S>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }
}
