//! What lies in a folder that could run or that would steer what runs.

use super::TrustError;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Names that are kept of each kind, and entries that are looked at.
const NAMES: usize = 20;
const ENTRIES: usize = 10_000;

/// More than any `workspace.toml` that a person writes.
const SETTINGS: u64 = 1 << 20;

/// Settings that reach beyond the folder: into the network, the machine, other files.
const REACHING: [&str; 5] = ["engine", "instances", "isolation", "network", "port"];

/// Names, at most twenty of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// `*.brush` beside `workspace.toml`; they run only when asked.
    pub scripts: Vec<String>,
    /// Code that jobs and endpoints could run.
    pub containers: Vec<String>,
    /// Buckets whose files would be copied in.
    pub buckets: Vec<String>,
    /// `name = value` of settings that reach beyond the folder, or why they cannot be read.
    pub settings: Vec<String>,
    /// A region's own folder.
    pub kept: Option<Kept>,
    /// Names beyond those that are kept.
    pub more: usize,
}

/// Whose `.sagebrush` it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Own,
    /// Another user's, by id; no region starts on it.
    Another(u32),
    /// Not even a folder; no region starts on it.
    NoFolder,
}

impl Found {
    /// Follows no links, and reads nothing but names and `workspace.toml`.
    pub(super) fn look(folder: &Path) -> Result<Self, TrustError> {
        let mut found = Self::default();
        for name in names(folder)? {
            match name.as_str() {
                "containers" => found.containers = inside(folder, &name, &mut found.more)?,
                "buckets" => found.buckets = inside(folder, &name, &mut found.more)?,
                "workspace.toml" => found.settings = settings(&folder.join(&name)),
                ".sagebrush" => found.kept = Some(kept(&folder.join(&name))?),
                script if Path::new(script).extension().is_some_and(|end| end == "brush") => {
                    keep(&mut found.scripts, name, &mut found.more);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Kind and names, for people.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let kept = self.kept.map(|kept| match kept {
            Kept::Own => "of this user".to_owned(),
            Kept::Another(user) => format!("of user {user}"),
            Kept::NoFolder => "not a folder".to_owned(),
        });
        [
            ("scripts", self.scripts.join(", ")),
            ("containers/", self.containers.join(", ")),
            ("buckets/", self.buckets.join(", ")),
            ("workspace.toml", self.settings.join(", ")),
            (".sagebrush", kept.unwrap_or_default()),
            ("and", if self.more > 0 { format!("{} more", self.more) } else { String::new() }),
        ]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .collect()
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> =
            self.lines().into_iter().map(|(what, names)| format!("{what} ({names})")).collect();
        f.write_str(&lines.join(", "))
    }
}

fn keep(names: &mut Vec<String>, name: String, more: &mut usize) {
    if names.len() < NAMES { names.push(name) } else { *more += 1 }
}

/// The folder's entries by name; none when it is missing.
fn names(folder: &Path) -> Result<Vec<String>, TrustError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(TrustError::io(folder, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| TrustError::io(folder, error))?;
        if names.len() == ENTRIES {
            return Err(TrustError::TooMany { path: folder.to_owned() });
        }
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// What lies in one of the folders by convention; the folder itself when it is a link.
fn inside(folder: &Path, name: &str, more: &mut usize) -> Result<Vec<String>, TrustError> {
    let path = folder.join(name);
    let facts = fs::symlink_metadata(&path).map_err(|error| TrustError::io(&path, error))?;
    if facts.is_symlink() {
        return Ok(vec!["a symbolic link".into()]);
    }
    let mut kept = Vec::new();
    if facts.is_dir() {
        for name in names(&path)? {
            keep(&mut kept, name, more);
        }
    }
    Ok(kept)
}

fn settings(path: &Path) -> Vec<String> {
    let read = || -> Result<toml::Table, String> {
        let facts = fs::symlink_metadata(path).map_err(|error| error.to_string())?;
        if !facts.is_file() || facts.len() > SETTINGS {
            return Err("not a file of reasonable size".into());
        }
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        text.parse().map_err(|_| "cannot be read".into())
    };
    match read() {
        Ok(table) => REACHING
            .iter()
            .filter_map(|name| table.get(*name).map(|value| format!("{name} = {value}")))
            .collect(),
        Err(why) => vec![why],
    }
}

fn kept(path: &Path) -> Result<Kept, TrustError> {
    let facts = fs::symlink_metadata(path).map_err(|error| TrustError::io(path, error))?;
    let own = rustix::process::geteuid().as_raw();
    Ok(match facts.is_dir() {
        false => Kept::NoFolder,
        true if facts.uid() == own => Kept::Own,
        true => Kept::Another(facts.uid()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_found_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("containers/mine")).unwrap();
        fs::create_dir_all(at("buckets/iris")).unwrap();
        fs::create_dir(at(".sagebrush")).unwrap();
        fs::write(at("b.brush"), "").unwrap();
        fs::write(at("a.brush"), "").unwrap();
        fs::write(at("notes.txt"), "").unwrap();
        fs::write(
            at("workspace.toml"),
            "name = \"x\"\nport = 80\n[network]\nallow = [\"packages.example\"]\n",
        )
        .unwrap();
        let found = Found::look(folder.path()).unwrap();
        assert_eq!(found.scripts, ["a.brush", "b.brush"]);
        assert_eq!((found.containers.len(), found.buckets.len()), (1, 1));
        assert_eq!(found.settings, ["network = { allow = [\"packages.example\"] }", "port = 80"]);
        assert_eq!(found.kept, Some(Kept::Own));
        assert!(found.to_string().starts_with("scripts (a.brush, b.brush), containers/ (mine)"));
    }

    #[test]
    fn links_and_odd_things_are_told_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let link = |name: &str| {
            std::os::unix::fs::symlink("/etc", folder.path().join(name)).unwrap();
        };
        link("containers");
        link(".sagebrush");
        link("workspace.toml");
        let found = Found::look(folder.path()).unwrap();
        assert_eq!(found.containers, ["a symbolic link"]);
        assert_eq!(found.kept, Some(Kept::NoFolder));
        assert_eq!(found.settings, ["not a file of reasonable size"]);
    }

    #[test]
    fn many_names_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        for index in 0..NAMES + 3 {
            fs::write(folder.path().join(format!("{index:02}.brush")), "").unwrap();
        }
        let found = Found::look(folder.path()).unwrap();
        assert_eq!((found.scripts.len(), found.more), (NAMES, 3));
    }
}
