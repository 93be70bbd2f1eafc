//! A page of a search: the best results by a key of any type, and where the next page begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;

/// A result's place in the order: by its key, and by its name among equal keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Null where the resource does not have the property: last in either order.
    pub key: Value,
    pub name: String,
}

#[derive(Serialize, Deserialize)]
struct Token {
    of: String,
    after: Position,
}

impl Position {
    /// The `NextToken` of the page that follows this position.
    pub fn token(&self, fingerprint: &str) -> String {
        let token = Token { of: fingerprint.to_owned(), after: self.clone() };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
    }

    /// Reads a token; `None` when it is none of this search's.
    pub fn of_token(text: &str, fingerprint: &str) -> Option<Self> {
        let token: Token = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        (token.of == fingerprint).then_some(token.after)
    }

    fn order(&self, other: &Self, ascending: bool) -> Ordering {
        let keys = match (self.key.is_null(), other.key.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => compare(&self.key, &other.key),
        };
        let ordering = keys.then_with(|| self.name.cmp(&other.name));
        if ascending || self.key.is_null() { ordering } else { ordering.reverse() }
    }
}

/// Values of one property have one type; others are told apart by their text, so that the order is
/// whole whatever the documents hold.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().unwrap_or_default().total_cmp(&b.as_f64().unwrap_or_default())
        }
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (a, b) => a.to_string().cmp(&b.to_string()),
    }
}

/// What tells one search from another: all of the call but the token and the page's size.
pub fn fingerprint(input: &Value) -> String {
    let mut question = input.clone();
    if let Some(members) = question.as_object_mut() {
        members.remove("NextToken");
        members.remove("MaxResults");
    }
    hex::encode(&Sha256::digest(question.to_string())[..8])
}

/// The first results after a position, as many as a page holds.
pub struct Page {
    limit: usize,
    ascending: bool,
    after: Option<Position>,
    /// In order; one more than the page holds when there are more.
    best: Vec<(Position, Value)>,
    total: u64,
}

impl Page {
    pub fn new(limit: usize, ascending: bool, after: Option<Position>) -> Self {
        Self { limit, ascending, after, best: Vec::new(), total: 0 }
    }

    /// Counts a result, and keeps it when it belongs on this page as far as is known.
    pub fn take(&mut self, position: Position, document: Value) {
        self.total += 1;
        let ascending = self.ascending;
        let is_before = self
            .after
            .as_ref()
            .is_some_and(|after| position.order(after, ascending) != Ordering::Greater);
        if is_before {
            return;
        }
        let at = self
            .best
            .partition_point(|(other, _)| other.order(&position, ascending) == Ordering::Less);
        if at <= self.limit {
            self.best.insert(at, (position, document));
            self.best.truncate(self.limit + 1);
        }
    }

    /// How many results there are on all pages.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The page's documents, and the last one's position when there are more.
    pub fn cut(mut self) -> (Vec<Value>, Option<Position>) {
        let more = self.best.len() > self.limit;
        self.best.truncate(self.limit);
        let last = self.best.last().filter(|_| more).map(|(position, _)| position.clone());
        (self.best.into_iter().map(|(_, document)| document).collect(), last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(ascending: bool) -> Vec<String> {
        let mut page = Page::new(10, ascending, None);
        for (name, key) in [
            ("a", json!(2)),
            ("b", Value::Null),
            ("c", json!(10)),
            ("d", json!(2)),
            ("e", Value::Null),
        ] {
            page.take(Position { key, name: name.into() }, json!(name));
        }
        page.cut().0.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_lacks_the_property_comes_last() {
        assert_eq!(names(true), ["a", "d", "c", "b", "e"]);
        assert_eq!(names(false), ["c", "d", "a", "b", "e"]);
    }

    #[test]
    fn a_token_is_for_its_own_search() {
        let position = Position { key: json!("k"), name: "n".into() };
        let (one, other) = (json!({"Resource": "A", "MaxResults": 1}), json!({"Resource": "B"}));
        let token = position.token(&fingerprint(&one));
        let later = json!({"Resource": "A", "MaxResults": 7, "NextToken": token});
        assert_eq!(Position::of_token(&token, &fingerprint(&later)), Some(position));
        assert_eq!(Position::of_token(&token, &fingerprint(&other)), None);
        assert_eq!(Position::of_token("!", &fingerprint(&one)), None);
    }
}
