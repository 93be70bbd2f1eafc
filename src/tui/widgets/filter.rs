//! The filter behind `/`: which rows are shown, and what in them is lit up.
//!
//! It follows the habits of k9s. Text with no special characters is looked for as it stands (so a
//! dot is a dot: `ml.m5.large`); with any of `^ $ * + ? ( ) [ ] { } | \` it is a regular expression,
//! found anywhere in the row. `!text` keeps what does not match; `-f text` matches fuzzily, best
//! rows first. Case counts only when a capital letter is typed.

use super::typing;
use crate::tui::text;
use crate::tui::theme::Theme;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use regex::{Regex, RegexBuilder};
use std::cell::RefCell;
use std::ops::Range;
use tui_input::Input;
use unicode_segmentation::UnicodeSegmentation;

/// Bytes that a compiled expression may take: `(a{1000}){1000}` is refused, not waited for.
const SIZE_LIMIT: usize = 1 << 20;
/// Bytes of a filter's text.
const LONGEST: usize = 1024;
const SPECIAL: &[char] = &['^', '$', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '\\'];

/// A filter that was understood.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Everything,
    Found(Regex),
    NotFound(Regex),
    Fuzzy(Box<Pattern>),
}

thread_local! {
    /// Scratch memory of about 135 KB, too much to have in each filter.
    static MATCHER: RefCell<(Matcher, Vec<char>)> =
        RefCell::new((Matcher::new(Config::DEFAULT), Vec::new()));
}

impl Filter {
    /// Reads what was typed after `/`; the error says what is wrong with the expression.
    pub fn parse(typed: &str) -> Result<Self, String> {
        if typed.len() > LONGEST {
            return Err(format!("a filter takes at most {LONGEST} bytes"));
        }
        let kind = if let Some(needle) = typed.strip_prefix("-f").filter(starts_word) {
            match needle.trim() {
                "" => Kind::Everything,
                needle => Kind::Fuzzy(Box::new(Pattern::parse(
                    needle,
                    CaseMatching::Smart,
                    Normalization::Smart,
                ))),
            }
        } else if let Some(unwanted) = typed.strip_prefix('!') {
            if unwanted.is_empty() { Kind::Everything } else { Kind::NotFound(regex(unwanted)?) }
        } else if typed.is_empty() {
            Kind::Everything
        } else {
            Kind::Found(regex(typed)?)
        };
        Ok(Self { text: typed.to_owned(), kind })
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it keeps every row.
    pub fn is_empty(&self) -> bool {
        matches!(self.kind, Kind::Everything)
    }

    /// Whether it keeps what it does not find.
    pub fn is_inverse(&self) -> bool {
        matches!(self.kind, Kind::NotFound(_))
    }

    /// Whether rows are best shown in the order of their [`score`](Self::score).
    pub fn is_fuzzy(&self) -> bool {
        matches!(self.kind, Kind::Fuzzy(_))
    }

    /// Whether the row is shown. The cheapest question, for rows that are not drawn.
    pub fn keeps(&self, row: &str) -> bool {
        match &self.kind {
            Kind::Everything => true,
            Kind::Found(regex) => regex.is_match(row),
            Kind::NotFound(regex) => !regex.is_match(row),
            Kind::Fuzzy(_) => self.score(row).is_some(),
        }
    }

    /// Whether something in the row is to be lit up, without saying where.
    pub fn lights(&self, row: &str) -> bool {
        match &self.kind {
            Kind::Everything | Kind::NotFound(_) => false,
            Kind::Found(_) | Kind::Fuzzy(_) => self.keeps(row),
        }
    }

    /// How well the row matches, more is better; `None` when it is not shown. All rows of a filter
    /// that is not fuzzy match equally well.
    pub fn score(&self, row: &str) -> Option<u32> {
        match &self.kind {
            Kind::Fuzzy(pattern) => MATCHER.with_borrow_mut(|(matcher, chars)| {
                pattern.score(Utf32Str::new(row, chars), matcher)
            }),
            _ => self.keeps(row).then_some(0),
        }
    }

    /// The bytes of the row to light up, in order and apart; `None` when the row is not shown. An
    /// inverse filter lights up nothing.
    pub fn matches(&self, row: &str) -> Option<Vec<Range<usize>>> {
        match &self.kind {
            Kind::Everything => Some(Vec::new()),
            Kind::NotFound(regex) => (!regex.is_match(row)).then(Vec::new),
            Kind::Found(regex) => {
                let found = regex.find_iter(row).map(|found| found.range());
                let ranges: Vec<_> = found.filter(|range| !range.is_empty()).collect();
                // An expression such as `^` matches without anything to light up.
                (!ranges.is_empty() || regex.is_match(row)).then_some(ranges)
            }
            Kind::Fuzzy(pattern) => MATCHER.with_borrow_mut(|(matcher, chars)| {
                let mut places = Vec::new();
                pattern.indices(Utf32Str::new(row, chars), matcher, &mut places)?;
                Some(joined(row, places))
            }),
        }
    }

    /// The places of the rows that are shown: in their own order, or best first when fuzzy.
    pub fn select<'a>(&self, rows: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
        let rows = rows.into_iter().enumerate();
        if !self.is_fuzzy() {
            return rows.filter(|(_, row)| self.keeps(row)).map(|(at, _)| at).collect();
        }
        let mut scored: Vec<(u32, usize)> =
            rows.filter_map(|(at, row)| Some((self.score(row)?, at))).collect();
        scored.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.into_iter().map(|(_, at)| at).collect()
    }
}

/// `-f` is a prefix only as a word of its own: `-foo` is text.
fn starts_word(rest: &&str) -> bool {
    rest.is_empty() || rest.starts_with(' ')
}

fn regex(typed: &str) -> Result<Regex, String> {
    let special = typed.contains(SPECIAL);
    let source = if special { typed.to_owned() } else { regex::escape(typed) };
    RegexBuilder::new(&source)
        .case_insensitive(!capital(typed, special))
        .size_limit(SIZE_LIMIT)
        .dfa_size_limit(SIZE_LIMIT)
        .nest_limit(50)
        .build()
        .map_err(|error| reason(&error))
}

/// Whether a capital was typed; that of `\S` or `\W` is none.
fn capital(typed: &str, special: bool) -> bool {
    let mut escaped = false;
    typed.chars().any(|char| {
        let counts = !escaped && char.is_uppercase();
        escaped = special && char == '\\' && !escaped;
        counts
    })
}

/// The last line of the parser's message, which is the one that says why.
fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the expression is too large".to_owned(),
        error => {
            let told = error.to_string();
            let last = told.lines().last().unwrap_or_default().trim();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

/// Byte ranges of graphemes, neighbours joined. The matcher counts graphemes of rows that are not
/// ASCII, and bytes, which is the same, of those that are.
fn joined(row: &str, mut places: Vec<u32>) -> Vec<Range<usize>> {
    places.sort_unstable();
    places.dedup();
    let mut wanted = places.into_iter().map(|place| place as usize).peekable();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (place, (start, grapheme)) in row.grapheme_indices(true).enumerate() {
        let Some(next) = wanted.peek() else { break };
        if place != *next {
            continue;
        }
        wanted.next();
        let end = start + grapheme.len();
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    ranges
}

/// What a key did to the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptEvent {
    Stay,
    /// The text is another one; when it can be read, [`Prompt::filter`] is the new filter.
    Changed,
    /// Enter: keep the filter and give the keys back.
    Accept,
    /// Esc: as it was before.
    Cancel,
}

/// The line in which a filter, or what to search for, is typed.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    /// What stands before the text: `/`.
    label: String,
    input: Input,
    error: Option<String>,
}

impl Prompt {
    pub fn new(label: &str, text: &str) -> Self {
        let mut prompt =
            Self { label: label.to_owned(), input: Input::new(text.to_owned()), error: None };
        prompt.error = Filter::parse(text).err();
        prompt
    }

    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Why the text is no filter.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// `None` while the text is no filter; the one before is then best kept.
    pub fn filter(&self) -> Option<Filter> {
        Filter::parse(self.text()).ok()
    }

    pub fn key(&mut self, key: KeyEvent) -> PromptEvent {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return PromptEvent::Cancel,
            KeyCode::Char('c' | 'g') if control => return PromptEvent::Cancel,
            KeyCode::Enter if self.error.is_none() => return PromptEvent::Accept,
            // As in vim: erasing an empty line leaves it.
            KeyCode::Backspace if self.text().is_empty() => return PromptEvent::Cancel,
            _ => {}
        }
        let before = self.text().to_owned();
        typing::edit(&mut self.input, key);
        self.changed(&before)
    }

    pub fn paste(&mut self, pasted: &str) -> PromptEvent {
        let before = self.text().to_owned();
        typing::paste(&mut self.input, pasted);
        self.changed(&before)
    }

    fn changed(&mut self, before: &str) -> PromptEvent {
        if self.text() == before {
            return PromptEvent::Stay;
        }
        self.error = Filter::parse(self.text()).err();
        PromptEvent::Changed
    }

    /// Draws on the first row of the area: label, text, and at the right what is wrong or a hint.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        buf.set_style(Rect { height: 1, ..area }, theme.text);
        let width = usize::from(area.width);
        let (x, _) = buf.set_stringn(area.x, area.y, &self.label, width, theme.key);
        let left = area.right().saturating_sub(x);
        let used = typing::draw(
            &self.input,
            buf,
            Rect { x, width: left, height: 1, ..area },
            theme.text,
            true,
        );
        let (note, style) = match &self.error {
            Some(error) => (format!("✖ {error}"), theme.bad),
            None if self.text().is_empty() => {
                ("text · regex.* · !not · -f fuzzy".to_owned(), theme.faint)
            }
            None => return,
        };
        let room = usize::from(left.saturating_sub(used + 2));
        if room >= 8 {
            let note = text::fit(&note, room).into_owned();
            let x = area.right() - u16::try_from(text::width(&note)).unwrap_or(0);
            buf.set_stringn(x, area.y, note, room, style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn lit(filter: &str, row: &str) -> Option<Vec<String>> {
        let ranges = Filter::parse(filter).unwrap().matches(row)?;
        Some(ranges.into_iter().map(|range| row[range].to_owned()).collect())
    }

    #[rstest]
    #[case("", "anything", Some(&[][..]))]
    #[case("iris", "iris-live, IRIS", Some(&["iris", "IRIS"][..]))]
    #[case("Iris", "iris-live", None)]
    #[case("ml.m5", "ml-m5.large", None)]
    #[case("ml.m5", "ml.m5.large", Some(&["ml.m5"][..]))]
    #[case("ml.*5", "ml-m5.large", Some(&["ml-m5"][..]))]
    #[case("^iris", "my-iris", None)]
    #[case("in(serv|prog)", "InService", Some(&["InServ"][..]))]
    #[case(r"\S+live", "iris-LIVE", Some(&["iris-LIVE"][..]))]
    #[case("!failed", "Completed", Some(&[][..]))]
    #[case("!failed", "Failed", None)]
    #[case("!", "Failed", Some(&[][..]))]
    #[case("-f tlv", "tumor-live", Some(&["t", "l", "v"][..]))]
    #[case("-f", "tumor-live", Some(&[][..]))]
    #[case("-f xyz", "tumor-live", None)]
    #[case("-foo", "a-foo", Some(&["-foo"][..]))]
    #[case("-f ソウ", "データソース ウ", Some(&["ソ", "ウ"][..]))]
    #[case("^", "x", Some(&[][..]))]
    fn filters_follow_the_habits_of_k9s(
        #[case] filter: &str,
        #[case] row: &str,
        #[case] expected: Option<&[&str]>,
    ) {
        let expected = expected.map(|texts| texts.iter().map(|&text| text.to_owned()).collect());
        assert_eq!(lit(filter, row), expected);
        assert_eq!(Filter::parse(filter).unwrap().keeps(row), expected.is_some());
    }

    #[rstest]
    #[case("(open", "unclosed group")]
    #[case("a**{", "repetition")]
    #[case("(a{1000}){1000}", "the expression is too large")]
    #[case("!(", "unclosed group")]
    fn a_bad_expression_says_why(#[case] filter: &str, #[case] reason: &str) {
        let error = Filter::parse(filter).unwrap_err();
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains('\n'));
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert!(Filter::parse(&"a".repeat(LONGEST)).is_ok());
        assert!(Filter::parse(&"a".repeat(LONGEST + 1)).is_err());
    }

    #[test]
    fn fuzzy_rows_come_best_first_and_others_in_their_order() {
        let rows = ["t-u-m-o-r", "xgboost", "tumor-live"];
        assert_eq!(Filter::parse("-f tumor").unwrap().select(rows), [2, 0]);
        assert_eq!(Filter::parse("o").unwrap().select(rows), [0, 1, 2]);
        assert_eq!(Filter::parse("!x").unwrap().select(rows), [0, 2]);
    }

    fn typed(prompt: &mut Prompt, text: &str) -> PromptEvent {
        let mut last = PromptEvent::Stay;
        for char in text.chars() {
            last = prompt.key(KeyEvent::new(KeyCode::Char(char), KeyModifiers::NONE));
        }
        last
    }

    #[test]
    fn enter_waits_until_the_expression_is_whole() {
        let mut prompt = Prompt::new("/", "");
        assert_eq!(typed(&mut prompt, "(a"), PromptEvent::Changed);
        assert!(prompt.filter().is_none());
        assert_eq!(prompt.key(KeyCode::Enter.into()), PromptEvent::Stay);
        typed(&mut prompt, ")");
        assert_eq!(prompt.key(KeyCode::Enter.into()), PromptEvent::Accept);
        assert_eq!(prompt.filter().unwrap().text(), "(a)");
        assert_eq!(prompt.key(KeyCode::Esc.into()), PromptEvent::Cancel);
    }

    fn drawn(prompt: &Prompt, width: u16) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
        let area = buf.area;
        prompt.draw(&mut buf, area, Theme::named("dark").unwrap());
        buf.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn the_prompt_shows_hints_and_errors_where_there_is_room() {
        let lines = [
            drawn(&Prompt::new("/", ""), 40),
            drawn(&Prompt::new("/", "(ab"), 40),
            drawn(&Prompt::new("/", "(ab"), 10),
            drawn(&Prompt::new("/", "iris"), 40),
        ];
        insta::assert_snapshot!(lines.map(|line| format!("|{line}|")).join("\n"));
    }

    proptest! {
        #[test]
        fn ranges_are_in_order_and_cut_no_character(filter in "(!|-f )?\\PC{0,8}", row in "\\PC{0,40}") {
            let Ok(filter) = Filter::parse(&filter) else { return Ok(()) };
            let ranges = filter.matches(&row);
            prop_assert_eq!(ranges.is_some(), filter.keeps(&row));
            let mut end = 0;
            for range in ranges.unwrap_or_default() {
                prop_assert!(range.start >= end && range.end > range.start);
                prop_assert!(row.get(range.clone()).is_some());
                end = range.end;
            }
        }
    }
}
