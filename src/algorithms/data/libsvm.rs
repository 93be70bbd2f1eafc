//! `label[:weight] [qid:query] index:value …`, one row a line; indices count from 0, as XGBoost reads them.

use super::error::excerpt;
use super::{Block, DataError, Labels, Layout, Problem};

/// Reads whole lines, block by block, and knows in which line it is.
pub struct Reader {
    layout: Layout,
    line: usize,
}

impl Reader {
    pub fn new(layout: Layout) -> Self {
        Self { layout, line: 0 }
    }

    /// Reads `text`, which holds whole lines; the last one may lack its line feed.
    pub fn read(&mut self, text: &[u8], block: &mut Block) -> Result<(), DataError> {
        let Ok(text) = std::str::from_utf8(text) else {
            return Err(DataError::new(Problem::NotText));
        };
        for line in text.split('\n') {
            self.line += 1;
            let content = line.split('#').next().unwrap_or_default().trim();
            if !content.is_empty() {
                self.row(content, block)?;
            }
        }
        if text.ends_with('\n') {
            self.line -= 1;
        }
        Ok(())
    }

    fn row(&mut self, content: &str, block: &mut Block) -> Result<(), DataError> {
        let mut fields = content.split_ascii_whitespace().peekable();
        let bare = fields.peek().is_some_and(|first| !first.contains(':'));
        if self.layout.labels == Labels::Required || bare {
            self.label(fields.next().unwrap_or_default(), block)?;
        }
        let mut features = Vec::with_capacity(fields.size_hint().0);
        for (position, field) in fields.enumerate() {
            if let Some(query) = field.strip_prefix("qid:").filter(|_| position == 0) {
                let query = query.parse().map_err(|_| self.not_a_number(field, position + 2))?;
                block.push_query(query);
                continue;
            }
            features.push(pair(field).ok_or_else(|| self.not_a_number(field, position + 2))?);
        }
        block.sparse_row(features, None, self.line)
    }

    fn label(&self, field: &str, block: &mut Block) -> Result<(), DataError> {
        let (label, weight) = match field.split_once(':') {
            Some((label, weight)) => (label, Some(weight)),
            None => (field, None),
        };
        let number = |text: &str| {
            text.parse::<f32>()
                .ok()
                .filter(|value| !value.is_nan())
                .ok_or_else(|| self.not_a_number(field, 1))
        };
        block.push_label(number(label)?);
        if let Some(weight) = weight {
            block.push_weight(number(weight)?);
        }
        Ok(())
    }

    fn not_a_number(&self, field: &str, column: usize) -> DataError {
        DataError::at(self.line, Problem::NotANumber { value: excerpt(field), column })
    }
}

#[inline]
fn pair(field: &str) -> Option<(u32, f32)> {
    let (index, value) = field.split_once(':')?;
    let index = index.parse().ok().filter(|index| *index < u32::MAX)?;
    Some((index, value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithms::data::{Format, parse};
    use proptest::prelude::*;

    #[test]
    fn absent_features_are_what_the_layout_says() {
        let layout = Layout { absent: f32::NAN, ..Layout::TRAINING };
        let rows = parse(Format::LibSvm, b"1:2 0:5 2:7\n0:1 1:3 # a comment\n", layout).unwrap();
        assert_eq!((rows.labels, rows.weights), (vec![1.0, 0.0], vec![2.0, 1.0]));
        assert_eq!(rows.features.columns(), 3);
        assert_eq!(rows.features.row(0)[0], 5.0);
        assert!(rows.features.row(0)[1].is_nan() && rows.features.row(1)[2].is_nan());
    }

    #[test]
    fn invocations_may_leave_the_label_out() {
        let layout = Layout { labels: Labels::Optional, ..Layout::inference(Some(3)) };
        let rows = parse(Format::LibSvm, b"0:5 2:7\n1 1:3\n", layout).unwrap();
        assert_eq!(rows.features.values(), [5.0, 0.0, 7.0, 0.0, 3.0, 0.0]);
        assert!(parse(Format::LibSvm, b"0:5 3:7\n", layout).is_err());
    }

    #[test]
    fn rows_of_a_query_are_together() {
        let text = b"1 qid:7 0:5\n0 qid:7 0:3\n1 qid:2 0:4\n0 qid:7 0:1\n";
        let rows = parse(Format::LibSvm, text, Layout::TRAINING).unwrap();
        assert_eq!(rows.queries, [0, 2, 3, 4]);
        assert_eq!(rows.features.values(), [5.0, 3.0, 4.0, 1.0]);
        let error = parse(Format::LibSvm, b"1 qid:7 0:5\n0 0:3\n", Layout::TRAINING).unwrap_err();
        assert!(error.to_string().contains("1 of 2 rows with a qid"), "{error}");
        assert!(parse(Format::LibSvm, b"1 qid:x 0:5\n", Layout::TRAINING).is_err());
        assert!(parse(Format::LibSvm, b"1 0:5 qid:1\n", Layout::TRAINING).is_err());
    }

    #[test]
    fn a_huge_index_is_refused_without_the_memory_for_it() {
        let error = parse(Format::LibSvm, b"1 4000000000:1\n", Layout::TRAINING).unwrap_err();
        assert!(matches!(error.problem, Problem::TooLarge { .. }), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-0-9.:#qid\n ]{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let layout = Layout::inference(Some(4));
            let _ = parse(Format::LibSvm, text.as_bytes(), layout);
            let _ = parse(Format::LibSvm, &bytes, Layout { labels: Labels::Required, ..layout });
        }
    }
}
