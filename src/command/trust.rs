//! Whose folders may be opened: opening a folder runs nothing of it until it was trusted once.
//!
//! Trust is the user's, so it is kept with the user and not in the folder, where a repository could
//! bring it along. It is for a folder by its place and its inode: another folder put in its place is
//! not trusted. What a person types is consent for that call: `serve`, `run SCRIPT`, and verbs, which
//! are refused only where they would start a region that someone else has prepared.

mod found;
mod list;

pub use found::{Found, Kept};
pub use list::{TrustError, TrustList};

use super::workspace::Workspace;
use super::{CommandError, Outcome, Table};
use serde_json::json;
use std::path::Path;

/// What is known of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    Trusted,
    /// Not trusted, and this lies there.
    New(Found),
    /// Nothing in it could run.
    Empty,
}

impl Trust {
    /// Looks at the folder, which need not exist.
    pub fn of(folder: &Path, list: Option<&TrustList>) -> Result<Self, TrustError> {
        if let Some(list) = list
            && list.holds(folder)?
        {
            return Ok(Self::Trusted);
        }
        let found = Found::look(folder)?;
        Ok(if found.is_empty() { Self::Empty } else { Self::New(found) })
    }

    /// Looks at the folder with this user's list.
    pub fn of_user(folder: &Path) -> Result<Self, TrustError> {
        Self::of(folder, TrustList::of_user(env).as_ref())
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl From<TrustError> for CommandError {
    fn from(error: TrustError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Before a command starts a region that does not run: fails where the folder holds one already that
/// was never trusted. Its endpoints and jobs would come to life again.
pub fn before_start(workspace: &Workspace) -> Result<(), CommandError> {
    match Trust::of_user(&workspace.folder)? {
        Trust::New(found) if found.kept.is_some() => Err(CommandError::Failed(format!(
            "{} holds a region that this user has not trusted: {found}. `sagebrush trust` trusts the \
             folder, `sagebrush serve` starts it this once",
            workspace.folder.display()
        ))),
        _ => Ok(()),
    }
}

/// Before a region starts that was asked for: the folder's first is trusted from then on, since all
/// that it will keep is this user's doing. Before, so that a start that fails leaves no region behind
/// that nobody trusts; a list that cannot be written keeps nobody from starting.
pub fn on_first_start(workspace: &Workspace) -> Result<(), CommandError> {
    if std::fs::symlink_metadata(workspace.kept()).is_ok() {
        return Ok(());
    }
    workspace.make().map_err(|error| CommandError::Failed(error.to_string()))?;
    if let Err(error) = trust(&workspace.folder) {
        tracing::debug!(%error, "the folder is not remembered as trusted");
    }
    Ok(())
}

/// Trusts the folder.
pub fn trust(folder: &Path) -> Result<(), TrustError> {
    TrustList::of_user(env).ok_or(TrustError::NoHome)?.add(folder)
}

/// Trusts the folder no longer; false when it was not trusted.
pub fn revoke(folder: &Path) -> Result<bool, TrustError> {
    TrustList::of_user(env).ok_or(TrustError::NoHome)?.remove(folder)
}

/// `sagebrush trust [--revoke]`.
pub fn command(folder: &Path, revoked: bool) -> Result<Outcome, CommandError> {
    let shown = folder.display();
    if revoked {
        let was = revoke(folder)?;
        let said = if was { "is trusted no longer" } else { "was not trusted" };
        let value = json!({"Folder": folder, "Trusted": false});
        return Ok(Outcome::said(format!("{shown} {said}")).with_value(value));
    }
    let found = Found::look(folder)?;
    trust(folder)?;
    let mut table = Table::new("", &["what", "found"]);
    for (what, names) in found.lines() {
        table.push([what.to_owned(), names]);
    }
    let outcome = Outcome::said(format!("{shown} is trusted"))
        .with_value(json!({"Folder": folder, "Trusted": true}));
    Ok(if table.rows.is_empty() { outcome } else { outcome.with_table(table) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Fixture {
        folder: tempfile::TempDir,
        _state: tempfile::TempDir,
        list: TrustList,
    }

    fn fixture() -> Fixture {
        let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let list = TrustList::at(state.path().join("sagebrush/trusted.json"));
        Fixture { folder, _state: state, list }
    }

    fn of(fixture: &Fixture) -> Trust {
        Trust::of(fixture.folder.path(), Some(&fixture.list)).unwrap()
    }

    #[test]
    fn a_folder_in_which_nothing_runs_needs_no_trust() {
        let fixture = fixture();
        fs::create_dir(fixture.folder.path().join("data")).unwrap();
        fs::write(fixture.folder.path().join("workspace.toml"), "name = \"iris\"\n").unwrap();
        assert_eq!(of(&fixture), Trust::Empty);
        let none = fixture.folder.path().join("none");
        assert_eq!(Trust::of(&none, Some(&fixture.list)).unwrap(), Trust::Empty);
    }

    #[test]
    fn what_could_run_is_told_until_it_is_trusted() {
        let fixture = fixture();
        fs::write(fixture.folder.path().join("demo.brush"), "say hello").unwrap();
        let Trust::New(found) = of(&fixture) else { panic!("not new") };
        assert_eq!(found.scripts, ["demo.brush"]);
        fixture.list.add(fixture.folder.path()).unwrap();
        assert_eq!(of(&fixture), Trust::Trusted);
        assert!(fixture.list.remove(fixture.folder.path()).unwrap());
        assert!(!fixture.list.remove(fixture.folder.path()).unwrap());
        assert!(matches!(of(&fixture), Trust::New(_)));
    }

    #[test]
    fn another_folder_in_its_place_is_not_trusted() {
        let fixture = fixture();
        let (place, away) = (fixture.folder.path().join("a"), fixture.folder.path().join("b"));
        fs::create_dir(&place).unwrap();
        fixture.list.add(&place).unwrap();
        fs::rename(&place, &away).unwrap();
        fs::create_dir(&place).unwrap();
        fs::write(place.join("demo.brush"), "").unwrap();
        assert!(matches!(Trust::of(&place, Some(&fixture.list)).unwrap(), Trust::New(_)));
        assert!(!fixture.list.holds(&away).unwrap(), "nor the same one elsewhere");
    }

    #[test]
    fn a_link_to_a_trusted_folder_is_that_folder() {
        let fixture = fixture();
        let (place, link) = (fixture.folder.path().join("a"), fixture.folder.path().join("link"));
        fs::create_dir(&place).unwrap();
        fixture.list.add(&link).unwrap_err();
        std::os::unix::fs::symlink(&place, &link).unwrap();
        fixture.list.add(&place).unwrap();
        assert!(fixture.list.holds(&link).unwrap());
    }
}
