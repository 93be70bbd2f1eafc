//! Outcomes as text: tables and lines for people, JSON for programs. Everything that comes from
//! outside (names, logs, answers) is escaped, so that no control sequence reaches the terminal.

use super::outcome::{Outcome, Table};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Text with its control characters made visible; line ends and tabs stay.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' | '\t' => escaped.push(char),
            // Bidirectional controls reorder what follows them, C1 controls begin sequences.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{80}'..='\u{9f}' => {
                escaped.extend(char.escape_unicode());
            }
            control if control.is_control() => escaped.extend(control.escape_default()),
            other => escaped.push(other),
        }
    }
    escaped
}

/// An outcome for people.
pub fn text(outcome: &Outcome) -> String {
    let mut text = String::new();
    if !outcome.summary.is_empty() {
        text.push_str(&escape(&outcome.summary));
        text.push('\n');
    }
    for shown in &outcome.tables {
        text.push_str(&table(shown));
    }
    text
}

/// An outcome for programs: what the operation answered.
pub fn json(outcome: &Outcome) -> String {
    let value = match &outcome.value {
        serde_json::Value::Null => serde_json::json!({"Summary": outcome.summary}),
        value => value.clone(),
    };
    escape_json(&serde_json::to_string_pretty(&value).unwrap_or_default()) + "\n"
}

/// JSON that a terminal can show: what begins sequences or turns the direction of text is written as
/// JSON's own escapes, which every parser reads back as it was.
pub fn escape_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// Columns two spaces apart; those that hold numbers alone are aligned to the right.
pub fn table(table: &Table) -> String {
    let clean = |cell: &String| escape(cell).replace(['\n', '\t'], " ");
    let header: Vec<String> = table.columns.iter().map(clean).collect();
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(clean).collect()).collect();
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let widths: Vec<usize> = (0..header.len())
        .map(|column| {
            let all = rows.iter().map(|row| cell(row, column).width());
            all.chain([header[column].width()]).max().unwrap_or(0)
        })
        .collect();
    let numeric: Vec<bool> = (0..header.len())
        .map(|column| !rows.is_empty() && rows.iter().all(|row| is_quantity(&cell(row, column))))
        .collect();
    let mut text = String::new();
    if !table.title.is_empty() {
        let _ = writeln!(text, "{}", escape(&table.title));
    }
    for row in std::iter::once(&header).chain(&rows) {
        let mut line = String::new();
        for (column, width) in widths.iter().enumerate() {
            let content = cell(row, column);
            let padding = " ".repeat(width.saturating_sub(content.width()));
            let (left, right) =
                if numeric[column] { (padding.as_str(), "") } else { ("", padding.as_str()) };
            let gap = if column == 0 { "  " } else { "   " };
            let _ = write!(line, "{gap}{left}{content}{right}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A number, with or without a unit (`12`, `0.97`, `10.0 %`, `1.25 ms`), or a dash for none.
fn is_quantity(cell: &str) -> bool {
    let number = cell.trim_end_matches(|char: char| char.is_alphabetic() || " %/$".contains(char));
    cell == "-" || (!number.is_empty() && number.parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tables_align_by_what_they_hold() {
        let mut shown = Table::new("", &["variant", "observed", "p50"]);
        shown.push(["blue", "90.0 %", "1.25 ms"]);
        shown.push(["grün", "9.97 %", "-"]);
        assert_eq!(
            table(&shown),
            "  variant   observed       p50\n  blue        90.0 %   1.25 ms\n  grün        9.97 %         -\n"
        );
    }

    #[test]
    fn json_keeps_its_meaning_and_sends_nothing_to_the_terminal() {
        let value = serde_json::json!({"a\u{9b}31m": "\u{202e}evil\u{7f}", "b": "ü\n"});
        let shown = json(&Outcome::default().with_value(value.clone()));
        assert!(!shown.chars().any(|one| one.is_control() && one != '\n'), "{shown:?}");
        assert!(!shown.contains('\u{202e}'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn control_sequences_are_shown_not_sent() {
        assert_eq!(escape("a\u{1b}[31mb\u{9b}\r\u{202e}"), "a\\u{1b}[31mb\\u{9b}\\r\\u{202e}");
    }

    proptest! {
        #[test]
        fn nothing_but_line_ends_and_tabs_gets_through(input in any::<String>()) {
            let escaped = escape(&input);
            prop_assert!(escaped.chars().all(|char| char == '\n' || char == '\t' || !char.is_control()));
        }
    }
}
