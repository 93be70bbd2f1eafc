//! The user's preferences: a configuration file, under the command line and over the defaults.
//!
//! A mistake in the file is refused with its line, since a setting that is silently ignored is looked
//! for elsewhere; what can be said about what was meant is said.

mod parse;
mod suggest;

pub use parse::{ConfigError, Problem};

use crate::tui::chord::Chord;
use crate::tui::colour::Depth;
use crate::tui::theme::{THEMES, Theme};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// In which time zone times are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    #[default]
    Local,
    Utc,
}

/// One chord, or several one after the other, such as `g g`.
pub type Keys = Vec<Chord>;

/// What a file or the command line says; what it leaves out is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub theme: Option<&'static Theme>,
    pub mouse: Option<bool>,
    pub read_only: Option<bool>,
    /// Log lines kept in memory for each stream that is followed.
    pub log_lines: Option<usize>,
    pub editor: Option<String>,
    pub clock: Option<Clock>,
    /// By action (`global.palette`): all keys that it has then; none unbinds it.
    pub keys: BTreeMap<String, Vec<Keys>>,
}

/// Bounds of `log_lines`: a screen of them, and what 200 bytes each make a quarter of a gigabyte of.
pub const LOG_LINES: std::ops::RangeInclusive<usize> = 100..=1_000_000;

/// What is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Preferences {
    pub theme: &'static Theme,
    pub mouse: bool,
    pub read_only: bool,
    pub log_lines: usize,
    pub editor: Option<String>,
    pub clock: Clock,
    pub keys: BTreeMap<String, Vec<Keys>>,
}

impl Config {
    /// Reads the text of a file. `actions` are the names that `[keys]` may bind.
    pub fn parse(text: &str, actions: &[&str]) -> Result<Self, Problem> {
        parse::parse(text, actions)
    }

    /// Reads the file that the command line or the environment names, which must exist, or the usual
    /// one, which need not. Also tells which one was read.
    pub fn load(
        named: Option<&Path>,
        env: impl Fn(&str) -> Option<String>,
        actions: &[&str],
    ) -> Result<(Self, Option<PathBuf>), ConfigError> {
        let Some((path, required)) = place(named, env) else {
            return Ok((Self::default(), None));
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => match Self::parse(&text, actions) {
                Ok(config) => Ok((config, Some(path))),
                Err(problem) => Err(ConfigError::Wrong { path, problem }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound && !required => {
                Ok((Self::default(), None))
            }
            Err(source) => Err(ConfigError::Io { path, source }),
        }
    }

    /// This where it says something, the other where it does not.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        let mut keys = other.keys;
        keys.extend(self.keys);
        Self {
            theme: self.theme.or(other.theme),
            mouse: self.mouse.or(other.mouse),
            read_only: self.read_only.or(other.read_only),
            log_lines: self.log_lines.or(other.log_lines),
            editor: self.editor.or(other.editor),
            clock: self.clock.or(other.clock),
            keys,
        }
    }
}

impl Preferences {
    /// Command line over file over defaults. `NO_COLOR`, or a terminal without colours, chooses
    /// the theme `plain` unless the command line names another; sixteen colours choose the theme
    /// made of them unless anything names another.
    pub fn resolve(
        line: Config,
        file: Config,
        depth: Depth,
        env: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let no_colour =
            depth == Depth::Mono || env("NO_COLOR").is_some_and(|value| !value.is_empty());
        let named = |name| Theme::named(name).unwrap_or(&THEMES[0]);
        let theme = match (line.theme, file.theme) {
            (Some(theme), _) => theme,
            (None, _) if no_colour => named("plain"),
            (None, Some(theme)) => theme,
            (None, None) if depth == Depth::Sixteen => named("sixteen"),
            (None, None) => &THEMES[0],
        };
        let chosen = line.over(file);
        Self {
            theme,
            mouse: chosen.mouse.unwrap_or(true),
            read_only: chosen.read_only.unwrap_or(false),
            log_lines: chosen.log_lines.unwrap_or(100_000),
            editor: chosen.editor,
            clock: chosen.clock.unwrap_or_default(),
            keys: chosen.keys,
        }
    }
}

/// Where the file is, and whether somebody asked for that very one.
fn place(named: Option<&Path>, env: impl Fn(&str) -> Option<String>) -> Option<(PathBuf, bool)> {
    if let Some(path) = named {
        return Some((path.to_owned(), true));
    }
    let path = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = path("SAGEBRUSH_CONFIG") {
        return Some((path, true));
    }
    // The specification has relative paths ignored.
    let folder = path("XDG_CONFIG_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| path("HOME").map(|home| home.join(".config")))?;
    Some((folder.join("sagebrush").join("config.toml"), false))
}

/// A file with everything in it at its default, to start from.
pub fn sample() -> String {
    let themes: Vec<&str> = THEMES.iter().map(|theme| theme.name).collect();
    format!(
        "# Sagebrush's workbench. What is left out has the value shown here.\n\
         # theme = \"{}\"          # {}\n\
         # mouse = true\n\
         # read_only = false\n\
         # log_lines = 100000      # kept for each stream that is followed\n\
         # editor = \"vi\"           # else $VISUAL, $EDITOR\n\
         # clock = \"local\"         # or utc\n\
         \n\
         # [keys]                  # all keys of an action; [] unbinds it\n\
         # \"global.palette\" = [\":\", \"ctrl-p\"]\n",
        themes[0],
        themes.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [&str; 3] = ["global.help", "global.palette", "endpoints.apply"];

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_command_line_goes_over_the_file() {
        let file =
            Config::parse("mouse = false\nlog_lines = 500\ntheme = \"light\"", &ACTIONS).unwrap();
        let line = Config { mouse: Some(true), theme: Theme::named("dark"), ..Config::default() };
        let preferences = Preferences::resolve(line, file, Depth::TrueColour, env(&[]));
        assert!(preferences.mouse);
        assert_eq!((preferences.log_lines, preferences.theme.name), (500, "dark"));
        assert_eq!(preferences.clock, Clock::Local);
    }

    #[test]
    fn the_theme_follows_what_can_be_shown() {
        let theme = |line: Option<&str>, file: Option<&str>, depth, pairs: &[(&str, &str)]| {
            let config = |name: Option<&str>| Config {
                theme: name.and_then(Theme::named),
                ..Config::default()
            };
            Preferences::resolve(config(line), config(file), depth, env(pairs)).theme.name
        };
        let no_colour = [("NO_COLOR", "1")];
        assert_eq!(theme(None, None, Depth::TrueColour, &[]), "dark");
        assert_eq!(theme(None, Some("light"), Depth::TrueColour, &no_colour), "plain");
        assert_eq!(theme(Some("light"), None, Depth::TrueColour, &no_colour), "light");
        assert_eq!(theme(None, Some("light"), Depth::TrueColour, &[("NO_COLOR", "")]), "light");
        assert_eq!(theme(None, None, Depth::Sixteen, &[]), "sixteen");
        assert_eq!(theme(None, Some("light"), Depth::Sixteen, &[]), "light");
        assert_eq!(theme(None, Some("light"), Depth::Mono, &[]), "plain");
    }

    #[test]
    fn the_file_is_found_where_it_belongs() {
        let place = |named: Option<&str>, pairs: &[(&str, &str)]| {
            place(named.map(Path::new), env(pairs))
                .map(|(path, required)| (path.display().to_string(), required))
        };
        let all = [("SAGEBRUSH_CONFIG", "/e"), ("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(place(Some("f"), &all), Some(("f".into(), true)));
        assert_eq!(place(None, &all), Some(("/e".into(), true)));
        assert_eq!(place(None, &all[1..]), Some(("/x/sagebrush/config.toml".into(), false)));
        assert_eq!(
            place(None, &all[2..]),
            Some(("/h/.config/sagebrush/config.toml".into(), false))
        );
        let relative = [("XDG_CONFIG_HOME", "x"), ("HOME", "/h")];
        assert_eq!(
            place(None, &relative),
            Some(("/h/.config/sagebrush/config.toml".into(), false))
        );
        assert_eq!(place(None, &[]), None);
    }

    #[test]
    fn a_file_that_was_asked_for_must_exist() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.toml");
        let error = Config::load(Some(&path), env(&[]), &ACTIONS).unwrap_err();
        assert!(matches!(error, ConfigError::Io { .. }));
        let home = folder.path().display().to_string();
        assert_eq!(Config::load(None, env(&[("HOME", &home)]), &ACTIONS).unwrap().1, None);
        std::fs::write(&path, "mouse = 1").unwrap();
        let error = Config::load(Some(&path), env(&[]), &ACTIONS).unwrap_err().to_string();
        assert!(error.contains("none.toml:1:9: mouse"), "{error}");
    }

    #[test]
    fn the_sample_is_a_file_that_reads() {
        let live: String = sample()
            .lines()
            .map(|line| {
                line.strip_prefix("# ").filter(|rest| rest.contains(['=', '['])).unwrap_or(line)
            })
            .filter(|line| !line.starts_with("# "))
            .map(|line| format!("{line}\n"))
            .collect();
        let config = Config::parse(&live, &ACTIONS).unwrap();
        assert_eq!(config.theme, Some(&THEMES[0]));
        assert_eq!(config.keys["global.palette"].len(), 2);
        let blank = Config { editor: None, keys: BTreeMap::new(), ..config };
        let sampled = Preferences::resolve(blank, Config::default(), Depth::TrueColour, env(&[]));
        let usual =
            Preferences::resolve(Config::default(), Config::default(), Depth::TrueColour, env(&[]));
        assert_eq!(sampled, usual, "the sample shows the defaults");
    }
}
