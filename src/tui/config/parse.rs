//! The file's text, read by hand over its spans, so that every refusal has its line.

use super::suggest::nearest;
use super::{Clock, Config, Keys, LOG_LINES};
use crate::tui::chord;
use crate::tui::theme::{THEMES, Theme};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A mistake and where it is, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    pub line: usize,
    pub column: usize,
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}:{problem}")]
    Wrong { path: PathBuf, problem: Problem },
}

const SETTINGS: [&str; 7] = ["theme", "mouse", "read_only", "log_lines", "editor", "clock", "keys"];

/// The text, and where in it something is.
struct Source<'a>(&'a str);

impl Source<'_> {
    fn problem(&self, span: Range<usize>, what: impl Into<String>) -> Problem {
        let before = self.0.get(..span.start).unwrap_or(self.0);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Problem {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            what: what.into(),
        }
    }
}

pub(super) fn parse(text: &str, actions: &[&str]) -> Result<Config, Problem> {
    let source = Source(text);
    let table = DeTable::parse(text).map_err(|error| {
        source.problem(error.span().unwrap_or_default(), error.message().to_owned())
    })?;
    let mut config = Config::default();
    for (key, value) in table.get_ref() {
        let name = key.get_ref().as_ref();
        match name {
            "theme" => config.theme = Some(theme(&source, value)?),
            "mouse" => config.mouse = Some(truth(&source, name, value)?),
            "read_only" => config.read_only = Some(truth(&source, name, value)?),
            "log_lines" => config.log_lines = Some(lines(&source, value)?),
            "editor" => config.editor = Some(editor(&source, value)?),
            "clock" => config.clock = Some(clock(&source, value)?),
            "keys" => config.keys = keys(&source, value, actions)?,
            _ => {
                let what = format!("unknown setting `{name}`{}", meant(name, SETTINGS));
                return Err(source.problem(key.span(), what));
            }
        }
    }
    Ok(config)
}

/// `; did you mean …`, or all there is when that is little.
fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("; did you mean `{near}`?");
    }
    let all: Vec<&str> = known.into_iter().collect();
    if all.is_empty() || all.len() > 10 {
        return String::new();
    }
    format!("; there are {}", all.join(", "))
}

fn string<'a>(
    source: &Source<'_>,
    name: &str,
    value: &'a Spanned<DeValue<'_>>,
) -> Result<&'a str, Problem> {
    value
        .get_ref()
        .as_str()
        .ok_or_else(|| source.problem(value.span(), format!("{name} is a text in quotes")))
}

fn truth(source: &Source<'_>, name: &str, value: &Spanned<DeValue<'_>>) -> Result<bool, Problem> {
    value
        .get_ref()
        .as_bool()
        .ok_or_else(|| source.problem(value.span(), format!("{name} is true or false")))
}

fn theme(source: &Source<'_>, value: &Spanned<DeValue<'_>>) -> Result<&'static Theme, Problem> {
    let name = string(source, "theme", value)?;
    Theme::named(name).ok_or_else(|| {
        let known: Vec<&str> = THEMES.iter().map(|theme| theme.name).collect();
        source.problem(value.span(), format!("no theme `{name}`{}", meant(name, known)))
    })
}

fn lines(source: &Source<'_>, value: &Spanned<DeValue<'_>>) -> Result<usize, Problem> {
    let number = value.get_ref().as_integer().and_then(|integer| {
        usize::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
    });
    number.filter(|number| LOG_LINES.contains(number)).ok_or_else(|| {
        let (least, most) = (LOG_LINES.start(), LOG_LINES.end());
        source.problem(value.span(), format!("log_lines is a number from {least} to {most}"))
    })
}

fn editor(source: &Source<'_>, value: &Spanned<DeValue<'_>>) -> Result<String, Problem> {
    let command = string(source, "editor", value)?.trim();
    if command.is_empty() || command.contains(char::is_control) {
        return Err(source.problem(value.span(), "editor is a command, such as `code --wait`"));
    }
    Ok(command.to_owned())
}

fn clock(source: &Source<'_>, value: &Spanned<DeValue<'_>>) -> Result<Clock, Problem> {
    match string(source, "clock", value)? {
        "local" => Ok(Clock::Local),
        "utc" => Ok(Clock::Utc),
        other => Err(source.problem(value.span(), format!("clock is local or utc, not `{other}`"))),
    }
}

fn keys(
    source: &Source<'_>,
    value: &Spanned<DeValue<'_>>,
    actions: &[&str],
) -> Result<BTreeMap<String, Vec<Keys>>, Problem> {
    let Some(table) = value.get_ref().as_table() else {
        return Err(source.problem(value.span(), "keys is a table: `[keys]` on a line of its own"));
    };
    let mut found = BTreeMap::new();
    bindings(source, table, "", actions, &mut found)?;
    Ok(found.into_iter().map(|(name, (_, keys))| (name, keys)).collect())
}

/// `"global.palette"`, `global.palette` and `[keys.global]` with `palette` in it mean the same.
fn bindings(
    source: &Source<'_>,
    table: &DeTable<'_>,
    prefix: &str,
    actions: &[&str],
    found: &mut BTreeMap<String, (Range<usize>, Vec<Keys>)>,
) -> Result<(), Problem> {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        if let Some(inner) = value.get_ref().as_table() {
            bindings(source, inner, &format!("{name}."), actions, found)?;
            continue;
        }
        if !actions.contains(&name.as_str()) {
            let what = format!("no action `{name}`{}", meant(&name, actions.iter().copied()));
            return Err(source.problem(key.span(), what));
        }
        let several = match value.get_ref().as_array() {
            Some(array) => {
                array.iter().map(|one| sequence(source, &name, one)).collect::<Result<_, _>>()?
            }
            None => vec![sequence(source, &name, value)?],
        };
        if let Some((first, _)) = found.insert(name.clone(), (key.span(), several)) {
            // The table is in the order of its names; the second is the one further down.
            let second = if first.start > key.span().start { first } else { key.span() };
            return Err(source.problem(second, format!("{name} is bound twice")));
        }
    }
    Ok(())
}

fn sequence(
    source: &Source<'_>,
    name: &str,
    value: &Spanned<DeValue<'_>>,
) -> Result<Keys, Problem> {
    let text = value.get_ref().as_str().ok_or_else(|| {
        let what =
            format!("the keys of {name} are texts, such as `\"ctrl-p\"` or `[\"g g\", \"f5\"]`");
        source.problem(value.span(), what)
    })?;
    chord::sequence(text).map_err(|error| source.problem(value.span(), format!("{name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    const ACTIONS: [&str; 3] = ["global.help", "global.palette", "endpoints.apply"];

    #[test]
    fn a_whole_file_is_read() {
        let text = "theme = \"Light\"\nmouse = false\nread_only = true\nlog_lines = 50_000\n\
                    editor = \"code --wait\"\nclock = \"utc\"\n\n[keys]\n\
                    \"global.help\" = [\"?\", \"f1\"]\nglobal.palette = \"ctrl-p\"\n\
                    [keys.endpoints]\napply = []\n";
        let config = parse(text, &ACTIONS).unwrap();
        assert_eq!(config.theme.unwrap().name, "light");
        assert_eq!((config.mouse, config.read_only), (Some(false), Some(true)));
        assert_eq!((config.log_lines, config.clock), (Some(50_000), Some(Clock::Utc)));
        assert_eq!(config.editor.as_deref(), Some("code --wait"));
        assert_eq!(config.keys["global.help"].len(), 2);
        assert_eq!(config.keys["global.palette"][0], ["ctrl-p".parse().unwrap()]);
        assert!(config.keys["endpoints.apply"].is_empty());
    }

    #[rstest]
    #[case("\nmuose = true", "2:1: unknown setting `muose`; did you mean `mouse`?")]
    #[case(
        "colour = 1",
        "1:1: unknown setting `colour`; there are theme, mouse, read_only, log_lines, editor, clock, keys"
    )]
    #[case("theme = \"ligth\"", "1:9: no theme `ligth`; did you mean `light`?")]
    #[case("mouse = \"yes\"", "1:9: mouse is true or false")]
    #[case("log_lines = 7", "1:13: log_lines is a number from 100 to 1000000")]
    #[case("log_lines = -1", "1:13: log_lines is a number from 100 to 1000000")]
    #[case("editor = \"\"", "1:10: editor is a command, such as `code --wait`")]
    #[case("clock = \"mars\"", "1:9: clock is local or utc, not `mars`")]
    #[case("keys = 1", "1:8: keys is a table: `[keys]` on a line of its own")]
    #[case(
        "[keys]\nglobal.hepl = \"?\"",
        "2:8: no action `global.hepl`; did you mean `global.help`?"
    )]
    #[case(
        "[keys]\n\"global.help\" = \"crtl-p\"",
        "2:17: global.help: `crtl-p` is no key; keys are written like `g`, `ctrl-p`, `f5`, `shift-tab`, `?`"
    )]
    #[case(
        "[keys]\n\"global.help\" = [1]",
        "2:18: the keys of global.help are texts, such as `\"ctrl-p\"` or `[\"g g\", \"f5\"]`"
    )]
    #[case(
        "[keys]\n\"global.help\" = \"?\"\nglobal.help = \"f1\"",
        "3:8: global.help is bound twice"
    )]
    fn mistakes_are_told_with_their_place(#[case] text: &str, #[case] told: &str) {
        assert_eq!(parse(text, &ACTIONS).unwrap_err().to_string(), told);
    }

    #[test]
    fn what_is_no_toml_has_its_line_too() {
        let problem = parse("mouse = true\ntheme = \n", &ACTIONS).unwrap_err();
        assert_eq!(problem.line, 2, "{problem}");
    }

    proptest! {
        #[test]
        fn every_text_is_read_or_refused(text in "([a-z_]{1,9}|theme|keys|\\[keys\\]|=|\"|\\.|é|\n| |1|true){0,20}") {
            if let Err(problem) = parse(&text, &ACTIONS) {
                prop_assert!(problem.line <= text.matches('\n').count() + 1);
            }
        }
    }
}
