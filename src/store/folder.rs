//! The workspace's `.sagebrush` folder: made for its owner alone, refused when someone else could
//! have arranged it, and locked so that one process at a time keeps a region in it.

use super::OpenError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A folder that is safe to use, and held until this is dropped.
pub(super) struct Folder {
    pub path: PathBuf,
    /// The lock lives as long as this file is open, and dies with the process whatever its end.
    _lock: File,
}

impl Folder {
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: dir.to_owned(), source };
        match DirBuilder::new().mode(0o700).create(dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => inspect(dir)?,
            Err(error) => return Err(io(error)),
        }
        // What lies inside may have come with a cloned repository: nothing in it is followed.
        for name in ["region.db", "region.db-wal", "region.db-shm", "lock", "reserve", "boot"] {
            refuse_unless(&dir.join(name), "a regular file", fs::FileType::is_file)?;
        }
        // The key and the state belong in nobody's repository.
        let ignore = dir.join(".gitignore");
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&ignore) {
            Ok(mut file) => file.write_all(b"*\n").map_err(io)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io(error)),
        }
        for name in ["objects", "logs"] {
            let path = dir.join(name);
            refuse_unless(&path, "a folder", fs::FileType::is_dir)?;
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(io(error));
                }
                _ => {}
            }
        }
        let path = dir.canonicalize().map_err(io)?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// How many files of objects and logs there are, counted up to a thousand.
    pub fn files(&self) -> u64 {
        let folders =
            ["objects", "logs"].into_iter().flat_map(|name| entries(&self.path.join(name)));
        let files = folders.flat_map(|folder| entries(&folder)).filter(|path| path.is_file());
        files.take(1000).count() as u64
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    found.map(|entry| entry.path()).collect()
}

/// Refuses a folder that another user made or can write to, and closes an own one to others.
fn inspect(dir: &Path) -> Result<(), OpenError> {
    let refuse = |why: String| Err(OpenError::Unsafe { path: dir.to_owned(), why });
    let io = |source| OpenError::Io { path: dir.to_owned(), source };
    let found = fs::symlink_metadata(dir).map_err(io)?;
    if found.file_type().is_symlink() {
        return refuse("it is a symbolic link; put the folder itself there".into());
    }
    if !found.is_dir() {
        return refuse("it is not a folder; move it away".into());
    }
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own {
        return refuse(format!(
            "it belongs to user {}, and this is user {own}; use a workspace of your own",
            found.uid()
        ));
    }
    if found.mode() & 0o022 != 0 {
        return refuse(format!(
            "others can write to it (mode {:04o}); look what is in it, then `chmod 700` it",
            found.mode() & 0o7777
        ));
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).map_err(io)?;
    }
    Ok(())
}

fn refuse_unless(
    path: &Path,
    what: &str,
    is: impl Fn(&fs::FileType) -> bool,
) -> Result<(), OpenError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !is(&found.file_type()) => Err(OpenError::Unsafe {
            path: path.to_owned(),
            why: format!("it is not {what}; move it away"),
        }),
        _ => Ok(()),
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let io = |source| OpenError::Io { path: path.clone(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(io)?;
            let pid = holder.trim().parse().unwrap_or(0);
            return Err(OpenError::Busy { path: dir.to_owned(), pid });
        }
        Err(error) => return Err(io(error.into())),
    }
    file.set_len(0).map_err(io)?;
    file.rewind().map_err(io)?;
    writeln!(file, "{}", std::process::id()).map_err(io)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_new_folder_is_its_owners_alone() {
        let parent = parent();
        let dir = parent.path().join(".sagebrush");
        drop(Folder::open(&dir).unwrap());
        for path in [dir.clone(), dir.join("objects"), dir.join("logs")] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o700);
        }
        assert_eq!(fs::read_to_string(dir.join(".gitignore")).unwrap(), "*\n");
    }

    #[test]
    fn an_own_folder_that_others_may_read_is_closed_to_them() {
        let parent = parent();
        let dir = parent.path().join(".sagebrush");
        DirBuilder::new().mode(0o755).create(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        drop(Folder::open(&dir).unwrap());
        assert_eq!(fs::metadata(dir).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        let parent = parent();
        let dir = parent.path().join(".sagebrush");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(Folder::open(&dir), Err(OpenError::Unsafe { .. })));
    }

    #[test]
    fn links_are_refused_in_its_place_and_inside_it() {
        let parent = parent();
        let real = parent.path().join("real");
        fs::create_dir(&real).unwrap();
        let dir = parent.path().join(".sagebrush");
        std::os::unix::fs::symlink(&real, &dir).unwrap();
        assert!(matches!(Folder::open(&dir), Err(OpenError::Unsafe { .. })));
        for name in ["region.db", "objects", "logs", "lock"] {
            fs::remove_file(&dir).or_else(|_| fs::remove_dir_all(&dir)).unwrap();
            fs::create_dir(&dir).unwrap();
            std::os::unix::fs::symlink(&real, dir.join(name)).unwrap();
            assert!(matches!(Folder::open(&dir), Err(OpenError::Unsafe { .. })), "{name}");
        }
    }

    #[test]
    fn a_second_holder_is_told_who_has_it() {
        let parent = parent();
        let dir = parent.path().join(".sagebrush");
        let first = Folder::open(&dir).unwrap();
        let Err(OpenError::Busy { pid, .. }) = Folder::open(&dir) else { panic!("it opened") };
        assert_eq!(pid, std::process::id());
        drop(first);
        Folder::open(&dir).unwrap();
    }
}
