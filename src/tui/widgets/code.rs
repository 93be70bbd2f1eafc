//! Colours for code that the workbench itself wrote: Python, shell lines, templates, scripts. One
//! small scanner serves them all, line by line, since no string in them runs over a line's end.

use crate::tui::text::clean;
use crate::tui::theme::Theme;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

const KEYWORDS: &[&str] =
    &["import", "True", "False", "None", "true", "false", "null", "open", "aws", "call", "wait"];

/// A line with its colours.
pub fn line(text: &str, theme: &Theme) -> Line<'static> {
    if text.trim_start().starts_with('#') {
        return Line::styled(clean(text).into_owned(), theme.comment);
    }
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (length, style) = token(rest, spans.is_empty(), theme);
        let (token, after) = rest.split_at(length);
        spans.push(Span::styled(clean(token).into_owned(), style));
        rest = after;
    }
    Line::from(spans)
}

/// Bytes of the token that the text begins with, at least one character, and how it looks.
fn token(text: &str, first: bool, theme: &Theme) -> (usize, Style) {
    let Some(char) = text.chars().next() else { return (text.len(), theme.text) };
    match char {
        '"' => quoted(text, theme),
        '\'' => match text[1..].find('\'') {
            // JSON in a shell's quotes keeps its own colours.
            Some(end) if !text[1..].starts_with(['{', '[']) => (end + 2, theme.string),
            _ => (1, theme.key),
        },
        '-' if text.starts_with("--") => {
            (span(text, |char| word(char) || char == '-'), theme.member)
        }
        '0'..='9' => (span(text, |char| char.is_ascii_alphanumeric() || char == '.'), theme.number),
        _ if word(char) => {
            let length = span(text, word);
            let name = &text[..length];
            let style = if KEYWORDS.contains(&name) || (first && name == "bucket") {
                theme.keyword
            } else if text[length..].starts_with('=') {
                theme.member
            } else {
                theme.text
            };
            (length, style)
        }
        '\\' => (1, theme.faint),
        _ => (span(text, char::is_whitespace).max(char.len_utf8()), theme.text),
    }
}

/// A string, or the name of a member where a colon follows.
fn quoted(text: &str, theme: &Theme) -> (usize, Style) {
    let mut escaped = false;
    for (at, char) in text.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let member = text[at + 1..].trim_start().starts_with(':');
                return (at + 1, if member { theme.member } else { theme.string });
            }
            _ => {}
        }
    }
    (text.len(), theme.string)
}

/// What may stand within a name; an address or a file's name is one word.
fn word(char: char) -> bool {
    char.is_alphanumeric() || "_./:@%+".contains(char)
}

fn span(text: &str, of: impl Fn(char) -> bool) -> usize {
    text.find(|char| !of(char)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::THEMES;
    use proptest::prelude::*;

    fn styles(text: &str) -> Vec<(String, Style)> {
        let spans = line(text, &THEMES[0]).spans;
        spans.into_iter().map(|span| (span.content.into_owned(), span.style)).collect()
    }

    #[test]
    fn members_strings_and_numbers_differ() {
        let theme = &THEMES[0];
        let found = styles(r#"    ModelName="a \" b", "Count": 3"#);
        let style = |text: &str| found.iter().find(|(token, _)| token == text).unwrap().1;
        assert_eq!(style("ModelName"), theme.member);
        assert_eq!(style(r#""a \" b""#), theme.string);
        assert_eq!(style("\"Count\""), theme.member);
        assert_eq!(style("3"), theme.number);
        assert_eq!(line("# note", theme).style, theme.comment);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "\\PC{0,60}") {
            let whole: String = line(&text, &THEMES[0]).spans.iter().map(|span| span.content.as_ref()).collect();
            prop_assert_eq!(whole, clean(&text).into_owned());
        }
    }
}
