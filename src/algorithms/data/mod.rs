//! Rows: what the algorithms train on and predict from, whatever format they came in.

mod matrix;

pub use matrix::{Labelled, Matrix};

/// A content type without its parameters, blanks removed, in lower case only when it was so sent:
/// `text/csv; charset=utf-8` is `text/csv`.
pub fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}
