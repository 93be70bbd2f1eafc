//! The list of trusted folders, in the user's state folder.

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Folders that are remembered; the oldest go first.
const MOST: usize = 1000;

/// A file of so many bytes is not one of ours.
const SIZE: u64 = 8 << 20;

#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} has too many entries to look through; use a folder of its own")]
    TooMany { path: PathBuf },
    #[error("{path} could have been written by others: {why}")]
    Foreign { path: PathBuf, why: String },
    #[error("{path} is no list of trusted folders: {problem}; move it away")]
    Broken { path: PathBuf, problem: String },
    #[error("{path} cannot be trusted: {why}")]
    Shared { path: PathBuf, why: String },
    #[error("neither XDG_STATE_HOME nor HOME says where trust is kept")]
    NoHome,
}

impl TrustError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// A folder as it was when it was trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    path: String,
    device: u64,
    inode: u64,
    /// When, for people who read the file.
    since: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Entries {
    folders: Vec<Entry>,
}

/// Where the list is.
#[derive(Clone, Debug)]
pub struct TrustList {
    path: PathBuf,
}

impl TrustList {
    /// This user's, in `$XDG_STATE_HOME` or `~/.local/state`.
    pub fn of_user(env: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let folder = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = folder("XDG_STATE_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
        Some(Self::at(state.join("sagebrush/trusted.json")))
    }

    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether the folder was trusted and is still the same.
    pub fn holds(&self, folder: &Path) -> Result<bool, TrustError> {
        let entries = self.read()?;
        if entries.folders.is_empty() {
            return Ok(false);
        }
        match identify(folder) {
            Ok(entry) => Ok(entries.folders.iter().any(|known| same(known, &entry))),
            Err(TrustError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(false)
            }
            Err(TrustError::Shared { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub fn add(&self, folder: &Path) -> Result<(), TrustError> {
        let entry = identify(folder)?;
        self.change(|folders| {
            folders.retain(|known| known.path != entry.path);
            folders.push(entry);
            folders.drain(..folders.len().saturating_sub(MOST));
            true
        })
        .map(|_| ())
    }

    /// False when it was not there. The folder may be gone.
    pub fn remove(&self, folder: &Path) -> Result<bool, TrustError> {
        let path = folder.canonicalize().or_else(|_| std::path::absolute(folder));
        let path = path.map_err(|error| TrustError::io(folder, error))?;
        self.change(|folders| {
            let before = folders.len();
            folders.retain(|known| Path::new(&known.path) != path);
            folders.len() != before
        })
    }

    /// Changes the list while nobody else does, and puts the new one in its place whole.
    fn change(&self, change: impl FnOnce(&mut Vec<Entry>) -> bool) -> Result<bool, TrustError> {
        let failed = |error| TrustError::io(&self.path, error);
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(failed)?;
        let lock = self.lock().map_err(failed)?;
        let mut entries = self.read()?;
        let changed = change(&mut entries.folders);
        if changed {
            // A temporary file has the mode 0600 and keeps it.
            let mut file = tempfile::NamedTempFile::new_in(parent).map_err(failed)?;
            let json = serde_json::to_vec_pretty(&entries)
                .map_err(|error| failed(io::Error::other(error)))?;
            file.write_all(&json).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
            file.persist(&self.path).map_err(|error| failed(error.error))?;
        }
        drop(lock);
        Ok(changed)
    }

    fn lock(&self) -> io::Result<File> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.path.with_extension("lock"))?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    fn read(&self) -> Result<Entries, TrustError> {
        let failed = |error| TrustError::io(&self.path, error);
        let facts = match fs::symlink_metadata(&self.path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Entries::default()),
            Err(error) => return Err(failed(error)),
        };
        let foreign = |why: String| Err(TrustError::Foreign { path: self.path.clone(), why });
        if !facts.is_file() {
            return foreign("it is not a regular file".into());
        }
        if facts.uid() != rustix::process::geteuid().as_raw() {
            return foreign(format!("it belongs to user {}", facts.uid()));
        }
        if facts.mode() & 0o022 != 0 {
            return foreign(format!("its mode is {:04o}", facts.mode() & 0o7777));
        }
        let broken = |problem| TrustError::Broken { path: self.path.clone(), problem };
        if facts.len() > SIZE {
            return Err(broken("it is too long".into()));
        }
        let text = fs::read_to_string(&self.path).map_err(failed)?;
        serde_json::from_str(&text).map_err(|error| broken(error.to_string()))
    }
}

fn same(one: &Entry, other: &Entry) -> bool {
    (&one.path, one.device, one.inode) == (&other.path, other.device, other.inode)
}

/// The folder by its place without links, and by what it is there.
fn identify(folder: &Path) -> Result<Entry, TrustError> {
    let path = folder.canonicalize().map_err(|error| TrustError::io(folder, error))?;
    let facts = fs::metadata(&path).map_err(|error| TrustError::io(&path, error))?;
    let refuse = |why: String| Err(TrustError::Shared { path: path.clone(), why });
    if !facts.is_dir() {
        return refuse("it is not a folder".into());
    }
    let own = rustix::process::geteuid().as_raw();
    if facts.uid() != own && facts.uid() != 0 {
        return refuse(format!("it belongs to user {}", facts.uid()));
    }
    if facts.mode() & 0o002 != 0 {
        return refuse("everybody can write to it".into());
    }
    let Some(name) = path.to_str() else { return refuse("its name is not UTF-8".into()) };
    Ok(Entry {
        path: name.to_owned(),
        device: facts.dev(),
        inode: facts.ino(),
        since: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn list(state: &tempfile::TempDir) -> TrustList {
        TrustList::at(state.path().join("sagebrush/trusted.json"))
    }

    #[test]
    fn the_list_is_its_users_alone() {
        let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let list = list(&state);
        list.add(folder.path()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&list.path), 0o600);
        assert_eq!(mode(list.path.parent().unwrap()), 0o700);
        fs::set_permissions(&list.path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(list.holds(folder.path()), Err(TrustError::Foreign { .. })));
    }

    #[test]
    fn a_list_that_is_a_link_or_no_list_trusts_nothing() {
        let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let list = list(&state);
        list.add(folder.path()).unwrap();
        let elsewhere = state.path().join("elsewhere");
        fs::rename(&list.path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &list.path).unwrap();
        assert!(matches!(list.holds(folder.path()), Err(TrustError::Foreign { .. })));
        fs::remove_file(&list.path).unwrap();
        fs::write(&list.path, "{").unwrap();
        assert!(matches!(list.holds(folder.path()), Err(TrustError::Broken { .. })));
    }

    #[test]
    fn a_folder_that_everybody_can_write_to_is_never_trusted() {
        let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let list = list(&state);
        list.add(folder.path()).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!list.holds(folder.path()).unwrap());
        assert!(matches!(list.add(folder.path()), Err(TrustError::Shared { .. })));
    }

    #[test]
    fn the_list_is_bounded_and_keeps_the_newest() {
        let (state, folders) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let list = list(&state);
        list.add(folders.path()).unwrap();
        let entry = list.read().unwrap().folders[0].clone();
        let many = (0..MOST).map(|at| Entry { path: format!("/{at}"), ..entry.clone() });
        list.change(|folders| {
            folders.splice(.., many);
            true
        })
        .unwrap();
        list.add(folders.path()).unwrap();
        let entries = list.read().unwrap().folders;
        assert_eq!((entries.len(), entries[0].path.as_str()), (MOST, "/1"));
        assert!(list.holds(folders.path()).unwrap());
    }

    #[test]
    fn several_at_once_lose_nothing() {
        let (state, folders) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let list = list(&state);
        std::thread::scope(|scope| {
            for name in 0..8 {
                let (list, path) = (&list, folders.path().join(name.to_string()));
                scope.spawn(move || {
                    fs::create_dir(&path).unwrap();
                    list.add(&path).unwrap();
                });
            }
        });
        assert_eq!(list.read().unwrap().folders.len(), 8);
    }

    #[test]
    fn the_state_folder_is_the_users() {
        let home = |name: &str| (name == "HOME").then(|| "/h".to_owned());
        let list = TrustList::of_user(home).unwrap();
        assert_eq!(list.path, Path::new("/h/.local/state/sagebrush/trusted.json"));
        assert!(TrustList::of_user(|_| None).is_none());
    }
}
