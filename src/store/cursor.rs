//! Where a page of a list ended, and its text form: the NextToken that callers hand back.
//!
//! A token is bound to the list it came from. With another sort order or another filter it would
//! silently skip or repeat rows, so it is refused instead.

use super::row::{Query, Sort};
use crate::domain::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use std::str::FromStr;

/// Where a page ended. Opaque; `to_string()` is its NextToken and `parse()` reads one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// What the sort order compares, as text.
    pub(super) key: String,
    /// The row's id, which breaks ties.
    pub(super) id: i64,
    /// A digest of the query that the page answered.
    pub(super) scope: u32,
}

/// A token that this list did not give out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the NextToken is not one that this list returned with the same filters and sort order")]
pub struct BadCursor;

const VERSION: u8 = 1;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(self.key.len() + 17);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.scope.to_be_bytes());
        bytes.extend_from_slice(&self.id.to_be_bytes());
        bytes.extend_from_slice(self.key.as_bytes());
        let sum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&sum.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let (body, sum) = bytes.split_last_chunk::<4>().ok_or(BadCursor)?;
        if crc32fast::hash(body) != u32::from_be_bytes(*sum) {
            return Err(BadCursor);
        }
        let (&[version], rest) = body.split_first_chunk::<1>().ok_or(BadCursor)?;
        let (scope, rest) = rest.split_first_chunk::<4>().ok_or(BadCursor)?;
        let (id, key) = rest.split_first_chunk::<8>().ok_or(BadCursor)?;
        if version != VERSION {
            return Err(BadCursor);
        }
        Ok(Self {
            key: std::str::from_utf8(key).map_err(|_| BadCursor)?.to_owned(),
            id: i64::from_be_bytes(*id),
            scope: u32::from_be_bytes(*scope),
        })
    }
}

/// A digest of all in a query that decides which rows it answers and in what order; not of where
/// its page begins and how long it is.
pub(super) fn scope(query: &Query) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let mut text = |value: Option<&str>| {
        hasher.update(&value.map_or(u64::MAX, |value| value.len() as u64).to_be_bytes());
        hasher.update(value.unwrap_or_default().as_bytes());
    };
    text(Some(&query.kind));
    text(query.parent.as_deref());
    text(query.status.as_deref());
    text(query.name_contains.as_deref());
    for time in
        [query.created_after, query.created_before, query.modified_after, query.modified_before]
    {
        hasher.update(&time.map_or(i64::MIN, Timestamp::as_millis).to_be_bytes());
    }
    let sort = match query.sort {
        Sort::Created => 0,
        Sort::Modified => 1,
        Sort::Name => 2,
        Sort::Status => 3,
    };
    hasher.update(&[sort, u8::from(query.ascending)]);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_as_what_it_was() {
        let cursor = Cursor { key: "churn-ä/7".into(), id: 42, scope: 7 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn a_token_that_was_tampered_with_is_refused() {
        let token = Cursor { key: "1700000000000".into(), id: 42, scope: 7 }.to_string();
        for position in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[position] = if other[position] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(other.parse::<Cursor>(), Err(BadCursor), "{other}");
        }
        for short in ["", "A", "AQ", "not a token", "AAAAAA"] {
            assert_eq!(short.parse::<Cursor>(), Err(BadCursor), "{short}");
        }
    }

    #[test]
    fn the_scope_tells_queries_apart() {
        let query = Query { kind: "model".into(), ..Query::default() };
        let other = [
            Query { kind: "endpoint".into(), ..query.clone() },
            Query { ascending: true, ..query.clone() },
            Query { sort: Sort::Name, ..query.clone() },
            Query { status: Some(String::new()), ..query.clone() },
            Query { parent: Some(String::new()), ..query.clone() },
            Query { name_contains: Some("a".into()), ..query.clone() },
        ];
        for other in &other {
            assert_ne!(scope(&query), scope(other), "{other:?}");
        }
        assert_eq!(scope(&query), scope(&Query { limit: 7, ..query.clone() }));
    }
}
