//! Comma-separated numbers without a header line; in training data the label comes first.

use super::error::excerpt;
use super::{Block, DataError, Delimiter, Labels, Layout, Problem};

/// Reads whole lines, block by block, and knows in which line it is.
pub struct Reader {
    layout: Layout,
    delimiter: Option<u8>,
    line: usize,
}

impl Reader {
    pub fn new(layout: Layout) -> Self {
        let delimiter = (layout.delimiter == Delimiter::Comma).then_some(b',');
        Self { layout, delimiter, line: 0 }
    }

    /// Reads `text`, which holds whole lines; the last one may lack its line feed.
    pub fn read(&mut self, text: &[u8], block: &mut Block) -> Result<(), DataError> {
        let mark = if self.line == 0 { b"\xef\xbb\xbf".as_slice() } else { b"" };
        let text = text.strip_prefix(mark).unwrap_or(text);
        let Ok(text) = std::str::from_utf8(text) else {
            return Err(DataError::new(Problem::NotText));
        };
        for line in text.split('\n') {
            self.line += 1;
            let line = line.strip_suffix('\r').unwrap_or(line);
            if !line.trim().is_empty() {
                self.row(line, block)?;
            }
        }
        // A text that ends in a line feed ends in an empty piece that is no line of its own.
        if text.ends_with('\n') {
            self.line -= 1;
        }
        Ok(())
    }

    fn row(&mut self, line: &str, block: &mut Block) -> Result<(), DataError> {
        let delimiter = char::from(*self.delimiter.get_or_insert_with(|| detect(line)));
        let labelled = self.layout.labels == Labels::Required;
        let leading = usize::from(labelled) + usize::from(labelled && self.layout.csv_weights);
        let mut column = 0;
        for field in line.split(delimiter) {
            column += 1;
            let Some(value) = number(field) else {
                return Err(self.not_a_number(field, column, line, block));
            };
            match column {
                1 if labelled => {
                    if value.is_nan() {
                        return Err(DataError::at(self.line, Problem::NoLabel));
                    }
                    block.push_label(value);
                }
                2 if leading == 2 => block.push_weight(value),
                _ => block.push(value),
            }
        }
        block.end_row(self.line)
    }

    fn not_a_number(&self, field: &str, column: usize, line: &str, block: &Block) -> DataError {
        let problem = if self.line == 1 && block.rows() == 0 {
            Problem::Header { value: excerpt(field), line: excerpt(line) }
        } else {
            Problem::NotANumber { value: excerpt(field), column }
        };
        DataError::at(self.line, problem)
    }
}

/// The delimiter of a file that begins with this line.
pub fn detect(line: &str) -> u8 {
    let line = line.trim();
    [b',', b';', b'\t', b'|', b' ']
        .into_iter()
        .find(|candidate| line.as_bytes().contains(candidate))
        .unwrap_or(b',')
}

/// A field as a number; an empty one is missing (NaN).
#[inline]
fn number(field: &str) -> Option<f32> {
    // Most fields are bare numbers: the detours below are for the others.
    if let Ok(value) = field.parse() {
        return Some(value);
    }
    let field = field.trim();
    let field =
        field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(field).trim();
    if field.is_empty() { Some(f32::NAN) } else { field.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithms::data::{Format, parse};
    use proptest::prelude::*;

    #[test]
    fn the_label_comes_first_and_empty_fields_are_missing() {
        let rows = parse(Format::Csv, b"1,2,,4\r\n0,\"5\", 6,7\n", Layout::TRAINING).unwrap();
        assert_eq!(rows.labels, [1.0, 0.0]);
        assert_eq!(rows.features.columns(), 3);
        assert_eq!(rows.features.row(1), [5.0, 6.0, 7.0]);
        assert!(rows.features.row(0)[1].is_nan());
    }

    #[test]
    fn weights_come_second_when_asked_for() {
        let layout = Layout { csv_weights: true, ..Layout::TRAINING };
        let rows = parse(Format::Csv, b"1,0.5,7\n0,2,8", layout).unwrap();
        assert_eq!(rows.weights, [0.5, 2.0]);
        assert_eq!(rows.features.values(), [7.0, 8.0]);
    }

    #[test]
    fn a_header_is_told_from_a_bad_row() {
        let header = parse(Format::Csv, b"label,age\n1,2\n", Layout::TRAINING).unwrap_err();
        assert!(matches!(header.problem, Problem::Header { .. }), "{header}");
        let row = parse(Format::Csv, b"1,2\n1,old\n", Layout::TRAINING).unwrap_err();
        assert_eq!(row.line, Some(2));
        assert!(row.to_string().contains("'old' in column 2"), "{row}");
        let width = parse(Format::Csv, b"1,2\n1,2,3\n", Layout::TRAINING).unwrap_err();
        assert!(matches!(width.problem, Problem::Width { found: 2, expected: 1, .. }), "{width}");
    }

    #[test]
    fn the_delimiter_is_found_when_it_may_be() {
        let layout = Layout { delimiter: Delimiter::Detect, ..Layout::inference(None) };
        for text in ["1;2", "1\t2", "1|2", "1 2", "1,2"] {
            let rows = parse(Format::Csv, text.as_bytes(), layout).unwrap();
            assert_eq!(rows.features.values(), [1.0, 2.0], "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(Format::Csv, &bytes, Layout::TRAINING);
            let _ = parse(Format::Csv, &bytes, Layout::inference(Some(3)));
        }

        #[test]
        fn what_looks_like_csv_never_makes_it_panic(text in "[-0-9.,;ean\"\r\n ]{0,200}") {
            let layout = Layout { csv_weights: true, delimiter: Delimiter::Detect, ..Layout::TRAINING };
            let _ = parse(Format::Csv, text.as_bytes(), layout);
        }

        #[test]
        fn numbers_come_back_as_written(rows in prop::collection::vec(prop::collection::vec(-1e6f32..1e6, 4), 1..20)) {
            let text: String = rows.iter()
                .map(|row| row.iter().map(f32::to_string).collect::<Vec<_>>().join(",") + "\n")
                .collect();
            let read = parse(Format::Csv, text.as_bytes(), Layout::inference(None)).unwrap();
            prop_assert_eq!(read.features.values(), rows.concat());
        }
    }
}
