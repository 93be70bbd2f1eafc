//! A regular expression of the model, compiled on first use: all at once they would cost a third of a
//! second and tens of megabytes.

use regex::{Regex, RegexBuilder};
use std::fmt;
use std::sync::OnceLock;

/// AWS's source text, for messages, and what it means in the syntax of `regex`.
pub struct Pattern {
    /// As AWS's messages quote it.
    pub source: Box<str>,
    matches: Option<Box<str>>,
    /// Conditions that stood as look-aheads at the front of the source.
    also: Vec<Box<str>>,
    never: Vec<Box<str>>,
    compiled: OnceLock<Result<Compiled, regex::Error>>,
}

struct Compiled {
    whole: Regex,
    also: Vec<Regex>,
    never: Vec<Regex>,
}

/// Some patterns count to thousands of Unicode characters.
const SIZE_LIMIT: usize = 64 << 20;

impl Pattern {
    pub(super) fn new(
        source: Box<str>,
        matches: Option<Box<str>>,
        also: Vec<Box<str>>,
        never: Vec<Box<str>>,
    ) -> Self {
        Self { source, matches, also, never, compiled: OnceLock::new() }
    }

    /// Whether the whole value matches, as AWS asks. Fails only for a damaged model.
    pub fn matches(&self, value: &str) -> Result<bool, &regex::Error> {
        let compiled = self.compiled.get_or_init(|| self.compile()).as_ref()?;
        Ok(compiled.whole.is_match(value)
            && compiled.also.iter().all(|condition| condition.is_match(value))
            && !compiled.never.iter().any(|condition| condition.is_match(value)))
    }

    fn compile(&self) -> Result<Compiled, regex::Error> {
        let build = |text: String| RegexBuilder::new(&text).size_limit(SIZE_LIMIT).build();
        let front = |texts: &[Box<str>]| {
            texts.iter().map(|text| build(format!("^(?:{text})"))).collect::<Result<Vec<_>, _>>()
        };
        let whole = self.matches.as_deref().unwrap_or(&self.source);
        Ok(Compiled {
            whole: build(format!("^(?:{whole})$"))?,
            also: front(&self.also)?,
            never: front(&self.never)?,
        })
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.source)
    }
}
