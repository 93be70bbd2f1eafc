//! A text in the user's own editor: written to a private file, edited, read back.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitStatus};

/// More than anybody edits by hand; the editor may have been told to read something else.
const LIMIT: u64 = 16 << 20;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    pub text: String,
    pub changed: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("`{command}` ended with {status}; the text stays as it was")]
    Failed { command: String, status: ExitStatus },
    #[error("`{command}` could not be started: {source}")]
    Start { command: String, source: io::Error },
    #[error("the text came back longer than {} MiB", LIMIT >> 20)]
    TooLong,
    #[error("the text came back as something other than UTF-8")]
    NotText,
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The editor to run: the configured one, else what the environment names, else `vi`.
pub fn command(configured: Option<&str>, env: impl Fn(&str) -> Option<String>) -> String {
    let chosen = configured.map(str::to_owned).into_iter();
    chosen
        .chain(["VISUAL", "EDITOR"].into_iter().filter_map(env))
        .map(|command| command.trim().to_owned())
        .find(|command| !command.is_empty())
        .unwrap_or_else(|| "vi".into())
}

/// Runs the editor on the text and waits. `suffix` (`.json`) tells it the language. The command is
/// the shell's to read, as git has it: `code --wait` works, and a path with spaces in quotes.
pub(super) fn edit(text: &str, suffix: &str, command: &str) -> Result<Edited, EditError> {
    let mut file =
        tempfile::Builder::new().prefix("sagebrush-").suffix(suffix).rand_bytes(8).tempfile()?;
    file.write_all(text.as_bytes())?;
    // Closed, and read by name afterwards: editors put a new file in its place.
    let path = file.into_temp_path();
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{command} \"$@\""))
        .arg(command)
        .arg(&path)
        .status()
        .map_err(|source| EditError::Start { command: command.to_owned(), source })?;
    if !status.success() {
        return Err(EditError::Failed { command: command.to_owned(), status });
    }
    let edited = read(&path)?;
    Ok(Edited { changed: edited != text, text: edited })
}

fn read(path: &Path) -> Result<String, EditError> {
    if std::fs::metadata(path)?.len() > LIMIT {
        return Err(EditError::TooLong);
    }
    String::from_utf8(std::fs::read(path)?).map_err(|_| EditError::NotText)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An editor made of a line of shell; `$1` is the file.
    fn editor(line: &str) -> String {
        format!("sh -c '{line}' editor")
    }

    #[test]
    fn the_text_comes_back_as_it_was_left() {
        let edited = edit("one\n", ".json", &editor("echo two >> \"$1\"")).unwrap();
        assert_eq!(edited, Edited { text: "one\ntwo\n".into(), changed: true });
        let same = edit("one\n", ".json", "true").unwrap();
        assert!(!same.changed);
    }

    #[test]
    fn an_editor_that_replaces_the_file_is_followed() {
        let line = "echo new > \"$1.tmp\" && mv \"$1.tmp\" \"$1\"";
        assert_eq!(edit("old", ".yaml", &editor(line)).unwrap().text, "new\n");
    }

    #[test]
    fn the_file_is_its_users_alone_and_goes_away() {
        let line = "{ stat -c %a \"$1\"; echo \"$1\"; } > \"$1.tmp\"; mv \"$1.tmp\" \"$1\"";
        let text = edit("secret", ".json", &editor(line)).unwrap().text;
        let (mode, path) = text.trim().split_once('\n').unwrap();
        assert_eq!(mode, "600");
        assert!(path.ends_with(".json") && !Path::new(path).exists(), "{path}");
    }

    #[test]
    fn a_failure_keeps_the_text_and_says_so() {
        let error = edit("x", "", "false").unwrap_err();
        assert!(error.to_string().contains("`false` ended with exit status: 1"), "{error}");
        assert!(matches!(edit("x", "", "/no/such/editor"), Err(EditError::Failed { .. })));
        let bytes = editor("printf \"\\\\377\" > \"$1\"");
        assert!(matches!(edit("x", "", &bytes), Err(EditError::NotText)));
    }

    #[test]
    fn what_is_configured_goes_before_the_environment() {
        let env = |name: &str| match name {
            "VISUAL" => Some("  ".to_owned()),
            "EDITOR" => Some("nano".to_owned()),
            _ => None,
        };
        assert_eq!(command(Some("hx"), env), "hx");
        assert_eq!(command(None, env), "nano");
        assert_eq!(command(None, |_| None), "vi");
    }
}
