//! Text from outside on its way to the screen: nothing in a name, a log or an answer may steer the
//! terminal or spill over its cell.

use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Characters that reorder or hide what stands around them, or take no place themselves. Those that
/// choose between a text's and a picture's look of the one before stay.
const fn hidden(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// The text on one line: tabs and line ends become spaces, control characters their pictures (`␛`), and
/// what would reorder or hide its neighbours `·`.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|char| char.is_control() || hidden(char)) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            '\t' => cleaned.push_str("    "),
            '\n' => {
                if cleaned.ends_with('␍') {
                    cleaned.pop();
                }
                cleaned.push(' ');
            }
            '\u{0}'..='\u{1f}' => {
                cleaned.push(char::from_u32(0x2400 + char as u32).unwrap_or('·'));
            }
            '\u{7f}' => cleaned.push('␡'),
            _ if char.is_control() || hidden(char) => cleaned.push('·'),
            _ => cleaned.push(char),
        }
    }
    Cow::Owned(cleaned)
}

/// Columns that the text takes.
pub fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text in at most `columns`, with `…` where it was cut.
pub fn fit(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    let mut fitted = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let wide = width(grapheme);
        if used + wide > columns - 1 {
            break;
        }
        fitted.push_str(grapheme);
        used += wide;
    }
    fitted.push('…');
    Cow::Owned(fitted)
}

/// The text in at most `columns`, its middle left out: names often differ at their ends.
pub fn fit_middle(text: &str, columns: usize) -> String {
    if width(text) <= columns || columns < 8 {
        return fit(text, columns).into_owned();
    }
    let tail = columns / 2;
    let mut rest = text;
    while width(rest) > tail {
        let mut chars = rest.chars();
        chars.next();
        rest = chars.as_str();
    }
    format!("{}{rest}", fit(text, columns - width(rest)))
}

/// Words in lines of so many columns; a word that is longer than a line goes on in the next.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if width(last) + 1 + width(word) <= columns => {
                last.push(' ');
                last.push_str(word);
                continue;
            }
            _ => lines.push(String::new()),
        }
        for grapheme in word.graphemes(true) {
            let Some(last) = lines.last_mut() else { break };
            if last.is_empty() || width(last) + width(grapheme) <= columns {
                last.push_str(grapheme);
            } else {
                lines.push(grapheme.to_owned());
            }
        }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// The text in exactly `columns`: cut, or filled with spaces to the right.
pub fn pad(text: &str, columns: usize) -> String {
    let mut padded = fit(text, columns).into_owned();
    padded.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&padded))));
    padded
}

/// The text in exactly `columns`, filled with spaces to the left.
pub fn pad_left(text: &str, columns: usize) -> String {
    let fitted = fit(text, columns);
    let mut padded = " ".repeat(columns.saturating_sub(width(&fitted)));
    padded.push_str(&fitted);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_wrap_and_long_ones_go_on() {
        assert_eq!(wrapped("", 10), [""]);
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a /very/long/path b", 6), ["a", "/very/", "long/p", "ath b"]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!(wrapped("ab", 0), ["a", "b"]);
    }

    #[test]
    fn control_sequences_become_harmless() {
        assert_eq!(clean("plain"), "plain");
        assert_eq!(clean("\u{1b}[31mred\u{7}"), "␛[31mred␇");
        assert_eq!(clean("a\tb"), "a    b");
        assert_eq!(clean("a\r\nb\nc\rd"), "a b c␍d");
        assert_eq!(clean("abc\u{202e}gpj.exe"), "abc·gpj.exe");
        assert_eq!(clean("\u{9b}31m"), "·31m");
    }

    #[test]
    fn wide_characters_are_cut_between() {
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(pad("日本語", 5), "日本…");
        assert_eq!(pad("é", 3), "é  ");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(fit_middle("endpoint-of-tuesday", 11), "endpo…esday");
        assert_eq!(fit_middle("short", 11), "short");
    }

    proptest! {
        #[test]
        fn padding_is_exact(text in "\\PC{0,20}", columns in 0_usize..30) {
            prop_assert_eq!(width(&pad(&clean(&text), columns)), columns);
            prop_assert_eq!(width(&pad_left(&clean(&text), columns)), columns);
        }

        #[test]
        fn nothing_that_steers_is_left(text in any::<String>()) {
            prop_assert!(!clean(&text).chars().any(|char| char.is_control() || hidden(char)));
        }
    }
}
