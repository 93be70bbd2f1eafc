//! CloudWatch's filter patterns for log lines, as far as they are made of terms.
//!
//! `ERROR timeout` asks for both terms, `"exact phrase"` for what stands in the quotes, `-healthy`
//! for lines without it, `?ERROR ?WARN` for any of them, `%[45]\d\d%` for a match of the regular
//! expression. Case matters. Any-of terms beside others are ignored, as CloudWatch ignores them.

use super::Refusal;
use regex::{Regex, RegexBuilder};

/// A pattern, ready to be matched.
#[derive(Debug)]
pub(super) enum Pattern {
    Terms { all: Vec<String>, none: Vec<String>, any: Vec<String> },
    Expression(Regex),
}

/// How a term counts.
#[derive(Clone, Copy)]
enum Sign {
    All,
    None,
    Any,
}

impl Pattern {
    /// # Errors
    /// For JSON and space-delimited patterns, which are not simulated, and for what is none.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        if text.starts_with('{') || text.starts_with('[') {
            return Err(Refusal::Invalid(format!(
                "Invalid filter pattern: JSON and space-delimited patterns such as {} are not simulated by Sagebrush; use terms, \"quoted phrases\", -exclusions, ?any-of or %regular expressions%.",
                text.chars().take(40).collect::<String>()
            )));
        }
        if let Some(body) = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')) {
            return expression(body);
        }
        let (mut all, mut none, mut any) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((sign, term, after)) = next_term(rest)? {
            match sign {
                Sign::All => all.push(term),
                Sign::None => none.push(term),
                Sign::Any => any.push(term),
            }
            rest = after;
        }
        if !all.is_empty() || !none.is_empty() {
            any.clear();
        }
        Ok(Self::Terms { all, none, any })
    }

    pub(super) fn matches(&self, line: &str) -> bool {
        match self {
            Self::Expression(expression) => expression.is_match(line),
            Self::Terms { all, none, any } => {
                all.iter().all(|term| line.contains(term.as_str()))
                    && !none.iter().any(|term| line.contains(term.as_str()))
                    && (any.is_empty() || any.iter().any(|term| line.contains(term.as_str())))
            }
        }
    }
}

fn expression(body: &str) -> Result<Pattern, Refusal> {
    RegexBuilder::new(body).size_limit(1 << 20).build().map(Pattern::Expression).map_err(|_| {
        Refusal::Invalid(format!("Invalid filter pattern: %{body}% is no regular expression."))
    })
}

/// The first term of `text` and what follows it.
fn next_term(text: &str) -> Result<Option<(Sign, String, &str)>, Refusal> {
    let text = text.trim_start();
    let (sign, text) = match text.chars().next() {
        None => return Ok(None),
        Some('-') => (Sign::None, &text[1..]),
        Some('?') => (Sign::Any, &text[1..]),
        Some(_) => (Sign::All, text),
    };
    let (term, rest) = match text.strip_prefix('"') {
        Some(quoted) => phrase(quoted)?,
        None => word(text)?,
    };
    Ok(Some((sign, term, rest)))
}

/// What stands before the closing quote; `\"` is a quote of the phrase's own.
fn phrase(text: &str) -> Result<(String, &str), Refusal> {
    let mut phrase = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((phrase, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => phrase.push(escaped),
                Some((_, other)) => phrase.extend(['\\', other]),
                None => break,
            },
            other => phrase.push(other),
        }
    }
    Err(Refusal::invalid("Invalid filter pattern: a quotation mark is not closed."))
}

/// Letters, digits and underscores; anything else must be quoted.
fn word(text: &str) -> Result<(String, &str), Refusal> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if word.is_empty() || !word.chars().all(|it| it.is_alphanumeric() || it == '_') {
        return Err(Refusal::Invalid(format!("Invalid character(s) in term '{word}'")));
    }
    Ok((word.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::everything("", "anything", true)]
    #[case::one("ERROR", "[ERROR 400] BAD", true)]
    #[case::case("error", "[ERROR 400] BAD", false)]
    #[case::both("ERROR BAD", "[ERROR 400] BAD", true)]
    #[case::not_both("ERROR GOOD", "[ERROR 400] BAD", false)]
    #[case::phrase(r#""400] BAD""#, "[ERROR 400] BAD", true)]
    #[case::no_phrase(r#""BAD 400""#, "[ERROR 400] BAD", false)]
    #[case::quotes(r#""say \"no\"""#, r#"they say "no""#, true)]
    #[case::without("ERROR -400", "[ERROR 400] BAD", false)]
    #[case::without_other("ERROR -401", "[ERROR 400] BAD", true)]
    #[case::without_phrase(r#"-"400] B""#, "[ERROR 400] BAD", false)]
    #[case::any("?WARN ?ERROR", "[ERROR 400] BAD", true)]
    #[case::none_of_any("?WARN ?INFO", "[ERROR 400] BAD", false)]
    #[case::any_is_ignored_beside_others("?WARN BAD", "[ERROR 400] BAD", true)]
    #[case::expression(r"%ERROR [45]\d\d%", "[ERROR 400] BAD", true)]
    #[case::no_expression(r"%ERROR [56]\d\d%", "[ERROR 400] BAD", false)]
    fn lines(#[case] pattern: &str, #[case] line: &str, #[case] found: bool) {
        assert_eq!(Pattern::parse(pattern).unwrap().matches(line), found);
    }

    #[rstest]
    #[case(r#"{ $.code = 400 }"#, "JSON")]
    #[case("[ip, user, code = 4*]", "JSON")]
    #[case(r#""open"#, "not closed")]
    #[case("a:b", "Invalid character(s) in term 'a:b'")]
    #[case("-", "Invalid character")]
    #[case("%(%", "regular expression")]
    fn refused(#[case] pattern: &str, #[case] why: &str) {
        let refusal = Pattern::parse(pattern).unwrap_err();
        assert!(refusal.to_string().contains(why), "{refusal}");
    }

    proptest! {
        #[test]
        fn any_line_is_found_by_itself_in_quotes(line in "[ -~é]{1,30}") {
            let quoted = line.replace('\\', r"\\").replace('"', r#"\""#);
            let found = Pattern::parse(&format!("\"{quoted}\"")).unwrap().matches(&line);
            prop_assert!(found, "{line}");
        }

        #[test]
        fn no_pattern_panics(pattern in ".{0,40}", line in ".{0,40}") {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                pattern.matches(&line);
            }
        }
    }
}
