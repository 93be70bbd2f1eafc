//! How strings and numbers are written in JSON and YAML, so that what is copied reads back as it was.
//!
//! The viewer draws a document row by row with folds, which no serialiser does; what remains of YAML
//! is the quoting. It is careful rather than pretty: what any version of YAML could take for
//! something else than a string is quoted.

use std::fmt::Write as _;

/// A string in JSON's quotes.
pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A string as a YAML scalar: plain where that is safe, else in single quotes, or in double quotes
/// when it holds what only escapes can say.
pub(super) fn yaml(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    if text.chars().all(is_printable) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut out = String::with_capacity(text.len() + 8);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ if is_printable(char) => out.push(char),
            _ => {
                let code = u32::from(char);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
    out
}

/// A number as YAML 1.1 and 1.2 both read it: `1e300` is a string to the former, `1.0e+300` is not.
pub(super) fn yaml_number(number: &str) -> String {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else {
        return number.to_owned();
    };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

fn is_plain(text: &str) -> bool {
    let starts = text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '/');
    let ends = !text.ends_with([' ', ':']);
    let inner = |char: char| char.is_ascii_alphanumeric() || " _./@%+=:,()<>*-".contains(char);
    starts && ends && text.chars().all(inner) && !text.contains(": ") && !is_word(text)
}

/// What some version of YAML takes for a boolean or null.
fn is_word(text: &str) -> bool {
    const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// What YAML allows to stand unescaped on one line; narrower than the standard where its readers
/// disagree.
const fn is_printable(char: char) -> bool {
    matches!(char,
        ' '..='~' | '\u{a0}'..='\u{1fff}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205f}'
        | '\u{2070}'..='\u{d7ff}' | '\u{e000}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fefe}'
        | '\u{ff00}'..='\u{ffef}' | '\u{10000}'..='\u{1fffd}')
}
