//! From a script's text to its steps: words, quotes, comments, continuations, `as $name`.
//!
//! Parsing is apart from running so that a script is refused whole, with the line named, before its
//! first step does anything.

use std::collections::BTreeMap;

/// How long a word may become once its variables are filled in.
const VALUE_MOST: usize = 64 * 1024;

/// What one line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// 1-based line on which the step begins.
    pub line: usize,
    /// The step as written, without the comment.
    pub source: String,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A command's words; `capture` names the variable that takes its value.
    Command { words: Vec<Word>, capture: Option<String> },
    /// `set $name value`.
    Set { name: String, value: Word },
    /// `on error stop|continue`.
    OnError(OnError),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The first failure ends the script.
    #[default]
    Stop,
    /// Failures are counted and reported; the script goes on.
    Continue,
}

/// A word, as pieces of text and variables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Variable(String),
}

/// Why a script did not parse.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ParseError {
    pub line: usize,
    pub problem: String,
}

impl Word {
    /// The word with its variables filled in; the error names the one that is not set.
    pub fn expand(&self, variables: &BTreeMap<String, String>) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Variable(name) => {
                    let value = variables.get(name).ok_or_else(|| {
                        format!(
                            "${name} is not set; give it a value with `set ${name} …`, or end an \
                             earlier command with `as ${name}`"
                        )
                    })?;
                    text.push_str(value);
                }
            }
            if text.len() > VALUE_MOST {
                return Err(format!("a word with its variables has at most {VALUE_MOST} bytes"));
            }
        }
        Ok(text)
    }

    /// The word's text, when no variable is part of it.
    pub fn known(&self) -> Option<String> {
        self.expand(&BTreeMap::new()).ok()
    }

    fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    fn variable(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Variable(name)] => Some(name),
            _ => None,
        }
    }
}

/// Splits a script into steps.
pub fn parse(text: &str) -> Result<Vec<Step>, ParseError> {
    let mut steps = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let line = index + 1;
        let mut source = first.trim_end_matches('\r').to_owned();
        while let Some(stem) = source.strip_suffix('\\') {
            let Some((_, next)) = lines.next() else {
                return Err(problem(line, "the script ends in a `\\` that continues nothing"));
            };
            source = format!("{} {}", stem.trim_end(), next.trim());
        }
        let words = split(&source).map_err(|text| problem(line, text))?;
        if words.is_empty() {
            continue;
        }
        let action = action(words).map_err(|text| problem(line, text))?;
        steps.push(Step { line, source: source.trim().to_owned(), action });
    }
    Ok(steps)
}

fn problem(line: usize, text: impl Into<String>) -> ParseError {
    ParseError { line, problem: text.into() }
}

fn action(mut words: Vec<Word>) -> Result<Action, String> {
    let literal = |index: usize| words.get(index).and_then(Word::literal);
    match (literal(0), literal(1)) {
        (Some("on"), Some("error")) => match (literal(2), words.len()) {
            (Some("stop"), 3) => Ok(Action::OnError(OnError::Stop)),
            (Some("continue"), 3) => Ok(Action::OnError(OnError::Continue)),
            _ => Err("`on error` takes `stop` or `continue`".into()),
        },
        (Some("set"), _) => {
            let name = words.get(1).and_then(Word::variable).map(str::to_owned);
            match (name, words.len()) {
                (Some(name), 3) => Ok(Action::Set { name, value: words.swap_remove(2) }),
                _ => Err("`set` takes a variable and one value: set $name value".into()),
            }
        }
        _ => {
            let capture = capture(&mut words)?;
            Ok(Action::Command { words, capture })
        }
    }
}

/// Takes a trailing `as $name` off the words.
fn capture(words: &mut Vec<Word>) -> Result<Option<String>, String> {
    let count = words.len();
    if count < 3 || words[count - 2].literal() != Some("as") {
        return Ok(None);
    }
    let Some(name) = words[count - 1].variable().map(str::to_owned) else {
        return Ok(None);
    };
    words.truncate(count - 2);
    Ok(Some(name))
}

/// Splits a line into words as a shell would: blanks part them, `'…'` is taken as it stands, `"…"`
/// keeps blanks and fills variables, `\` quotes one character, `#` at a word's start is a comment.
pub fn split(line: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' => words.extend(word.take()),
            '#' if word.is_none() => break,
            '\'' => {
                let target = word.get_or_insert_default();
                target.push_text("");
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(other) => target.push(other),
                        None => return Err("a single quote is not closed".into()),
                    }
                }
            }
            '"' => quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => match chars.next() {
                Some(other) => word.get_or_insert_default().push(other),
                None => return Err("a `\\` quotes nothing".into()),
            },
            '$' => variable(&mut chars, word.get_or_insert_default())?,
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn quoted(chars: &mut Chars<'_>, word: &mut Word) -> Result<(), String> {
    word.push_text("");
    loop {
        match chars.next() {
            Some('"') => return Ok(()),
            Some('\\') => match chars.next() {
                Some('n') => word.push('\n'),
                Some('t') => word.push('\t'),
                Some(other) => word.push(other),
                None => return Err("a double quote is not closed".into()),
            },
            Some('$') => variable(chars, word)?,
            Some(other) => word.push(other),
            None => return Err("a double quote is not closed".into()),
        }
    }
}

/// After a `$`: `name` or `{name}`; a `$` before anything else is itself.
fn variable(chars: &mut Chars<'_>, word: &mut Word) -> Result<(), String> {
    let braced = chars.next_if_eq(&'{').is_some();
    let mut name = String::new();
    while let Some(char) = chars.next_if(|char| char.is_ascii_alphanumeric() || *char == '_') {
        name.push(char);
    }
    if braced && chars.next_if_eq(&'}').is_none() {
        return Err(format!("`${{{name}` is not closed with `}}`"));
    }
    match (name.is_empty(), braced) {
        (false, _) => word.0.push(Piece::Variable(name)),
        (true, false) => word.push('$'),
        (true, true) => return Err("`${}` names no variable".into()),
    }
    Ok(())
}

impl Word {
    fn push(&mut self, char: char) {
        self.push_text(char.encode_utf8(&mut [0; 4]));
    }

    fn push_text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expanded(line: &str) -> Vec<String> {
        let variables = BTreeMap::from([("blue".to_owned(), "iris/1".to_owned())]);
        split(line).unwrap().iter().map(|word| word.expand(&variables).unwrap()).collect()
    }

    #[test]
    fn words_quotes_comments_and_variables() {
        assert_eq!(
            expanded(r#"say "Two  words" 'a $b' c\ d # not this"#),
            ["say", "Two  words", "a $b", "c d"]
        );
        assert_eq!(
            expanded("approve $blue ${blue}x a$ '' #"),
            ["approve", "iris/1", "iris/1x", "a$", ""]
        );
        assert_eq!(expanded("s3://a/b#c"), ["s3://a/b#c"]);
    }

    #[test]
    fn steps_know_their_lines() {
        let steps = parse("# one\n\nsay hi\nregister iris \\\n  --from blue as $blue\n").unwrap();
        assert_eq!(steps.len(), 2);
        assert_eq!((steps[0].line, steps[1].line), (3, 4));
        let Action::Command { words, capture } = &steps[1].action else { panic!() };
        assert_eq!((words.len(), capture.as_deref()), (4, Some("blue")));
    }

    #[test]
    fn a_bad_script_is_refused_with_its_line() {
        for (text, line) in
            [("say hi\nsay \"", 2), ("on error maybe", 1), ("set x 1", 1), ("a \\", 1)]
        {
            assert_eq!(parse(text).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn an_unset_variable_is_named() {
        let words = split("$nope").unwrap();
        assert!(words[0].expand(&BTreeMap::new()).unwrap_err().contains("$nope is not set"));
    }

    proptest! {
        #[test]
        fn quoting_round_trips(words in prop::collection::vec("[^']{0,12}", 1..6)) {
            let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(expanded(&line), words);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
