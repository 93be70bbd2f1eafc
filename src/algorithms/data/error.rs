//! What can be wrong with rows, and where.

use std::fmt;

/// Rows that cannot be used: where, what was found, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataError {
    /// The file's name within its channel; `None` for a request's body.
    pub file: Option<String>,
    /// Counted from 1: lines of text formats, records of RecordIO, instances of JSON.
    pub line: Option<usize>,
    pub problem: Problem,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A first line that holds names rather than numbers.
    Header { value: String, line: String },
    /// A field that is no number; `column` counts from 1, the label included.
    NotANumber { value: String, column: usize },
    /// Rows of different length, or of another length than the model's.
    Width { found: usize, expected: usize, by_model: bool },
    /// A row without the label that training needs.
    NoLabel,
    /// Not a single row.
    NoRows,
    /// Neither files nor FIFOs where the channel should have them.
    NoFiles { place: String },
    /// A gzip file in a channel that is not declared so.
    UnexpectedGzip,
    /// More cells than this engine holds in memory.
    TooLarge { rows: usize, columns: usize },
    /// Text that is not UTF-8.
    NotText,
    /// Anything about the format itself, in its own words.
    Malformed { format: &'static str, what: String },
    /// The file could not be read.
    Io(String),
}

impl DataError {
    pub fn new(problem: Problem) -> Self {
        Self { file: None, line: None, problem }
    }

    pub fn at(line: usize, problem: Problem) -> Self {
        Self { file: None, line: Some(line), problem }
    }

    pub(super) fn malformed(format: &'static str, what: impl Into<String>) -> Problem {
        Problem::Malformed { format, what: what.into() }
    }

    #[must_use]
    pub fn in_file(mut self, file: &str) -> Self {
        self.file.get_or_insert_with(|| file.to_owned());
        self
    }
}

impl std::error::Error for DataError {}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}, line {line}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            (None, Some(line)) => write!(f, "row {line}: ")?,
            (None, None) => {}
        }
        self.problem.fmt(f)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { value, line } => write!(
                f,
                "non-numeric value '{value}' found in the header line '{line}'. CSV data must have \
                 no header line; remove it, and encode any text columns as numbers"
            ),
            Self::NotANumber { value, column } => write!(
                f,
                "'{value}' in column {column} is not a number. Encode text as numbers, or remove the row"
            ),
            Self::Width { found, expected, by_model: true } => write!(
                f,
                "{found} features, but the model was trained with {expected}. Send the features of \
                 the training data, in the same order, without the label"
            ),
            Self::Width { found, expected, by_model: false } => write!(
                f,
                "{found} values, but the rows before have {expected}. Give every row the same columns"
            ),
            Self::NoLabel => f.write_str("no label. Training rows need one"),
            Self::NoRows => f.write_str("no rows. Send at least one"),
            Self::NoFiles { place } => {
                write!(f, "no input in {place}. Check the channel's S3Uri: it must name existing objects")
            }
            Self::UnexpectedGzip => f.write_str(
                "the content is gzip-compressed, but the channel's CompressionType is None. Upload it \
                 uncompressed, or declare CompressionType Gzip",
            ),
            Self::TooLarge { rows, columns } => write!(
                f,
                "{rows} rows of {columns} features are more than fits in memory here. Use fewer rows or columns"
            ),
            Self::NotText => f.write_str("the content is not UTF-8 text. Check its content type"),
            Self::Malformed { format, what } => {
                write!(f, "{what}. Check that the content is {format}")
            }
            Self::Io(what) => write!(f, "cannot be read: {what}"),
        }
    }
}

/// At most 60 characters of what was found, for a message.
pub(super) fn excerpt(text: &str) -> String {
    let mut short: String = text.trim().chars().take(60).collect();
    if short.len() < text.trim().len() {
        short.push('…');
    }
    short
}
