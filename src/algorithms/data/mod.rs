//! Rows: what the algorithms train on and predict from, whatever format they came in.
//!
//! One reader for each format ([`csv`], [`libsvm`], [`json`], [`recordio`]) fills the same block of rows,
//! from a request's body at once or from a channel's files and FIFOs as a stream. Bytes from
//! outside are never trusted: every reader ends in rows or in a [`DataError`] that names the file,
//! the line, what was found there and what to do.

mod block;
mod channel;
pub mod csv;
mod error;
pub mod json;
pub mod libsvm;
mod matrix;
pub mod recordio;

pub use block::Block;
pub use channel::{delimiter, files, read_channel};
pub use error::{DataError, Problem};
pub use matrix::{Labelled, Matrix};

/// The formats that rows come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    LibSvm,
    Json,
    JsonLines,
    RecordIo,
}

impl Format {
    /// The format that a content type stands for; `None` for any other.
    pub fn of(content_type: &str) -> Option<Self> {
        const NAMES: [(&str, Format); 7] = [
            ("text/csv", Format::Csv),
            ("text/libsvm", Format::LibSvm),
            ("text/x-libsvm", Format::LibSvm),
            ("application/json", Format::Json),
            ("application/jsonlines", Format::JsonLines),
            ("application/x-recordio-protobuf", Format::RecordIo),
            ("application/x-jsonlines", Format::JsonLines),
        ];
        let name = media_type(content_type);
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, format)| *format)
    }
}

/// How rows are to be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Whether each row starts with its label (csv, libsvm) or carries one (RecordIO).
    pub labels: Labels,
    /// Whether the csv column after the label is the row's weight.
    pub csv_weights: bool,
    /// What a feature counts that a sparse row does not name: 0, or NaN where absent means missing.
    pub absent: f32,
    /// How many features a row must have; `None` takes it from the data.
    pub columns: Option<usize>,
    pub delimiter: Delimiter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    Required,
    /// Taken when the format can tell that there is one (libsvm), otherwise none is expected.
    Optional,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    Comma,
    /// Whichever of `,` `;` tab `|` blank the first line has, in this order.
    Detect,
}

impl Layout {
    /// Rows with labels, as a training channel holds them.
    pub const TRAINING: Self = Self {
        labels: Labels::Required,
        csv_weights: false,
        absent: 0.0,
        columns: None,
        delimiter: Delimiter::Comma,
    };

    /// Rows of `columns` features without labels, as an invocation carries them.
    pub fn inference(columns: Option<usize>) -> Self {
        Self { labels: Labels::None, columns, ..Self::TRAINING }
    }
}

/// Reads a request's whole body. Rows' labels, where the layout asks for them, come with it.
pub fn parse(format: Format, body: &[u8], layout: Layout) -> Result<Labelled, DataError> {
    let mut block = Block::new(layout);
    match format {
        Format::Csv => csv::Reader::new(layout).read(body, &mut block)?,
        Format::LibSvm => libsvm::Reader::new(layout).read(body, &mut block)?,
        Format::Json => json::read(body, &mut block)?,
        Format::JsonLines => json::read_lines(body, &mut block)?,
        Format::RecordIo => recordio::read(body, &mut block)?,
    }
    block.finish()
}

/// A content type without its parameters and blanks: `text/csv; charset=utf-8` is `text/csv`.
pub fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// A parameter of a content type: `label_size` of `text/csv;label_size=0` is `0`.
pub fn media_parameter<'a>(content_type: &'a str, name: &str) -> Option<&'a str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_read_without_regard_to_case_or_parameters() {
        assert_eq!(Format::of("text/csv"), Some(Format::Csv));
        assert_eq!(Format::of(" Text/CSV ; charset=utf-8"), Some(Format::Csv));
        assert_eq!(Format::of("application/x-parquet"), None);
        assert_eq!(media_parameter("text/csv; label_size=0", "label_size"), Some("0"));
        assert_eq!(media_parameter("text/csv", "label_size"), None);
    }
}
