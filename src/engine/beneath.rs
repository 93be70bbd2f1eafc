//! Files below one folder and nowhere else, whatever names and links say.
//!
//! Names come from keys and archives that anybody may have written. A name is first taken apart
//! into plain components; the folders on the way are then opened without following a single
//! symbolic link, by the kernel in one step where it can (`openat2`), else one by one.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

/// A path of plain components: no root, no `..`, nothing that a file system cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Relative(PathBuf);

/// Linux's limits of a component and of a path.
const MAX_COMPONENT: usize = 255;
const MAX_PATH: usize = 4_000;

impl Relative {
    /// `Err` says what is wrong, to follow the path's name in a sentence. Empty and `.` components
    /// are dropped.
    pub fn parse(path: &Path) -> Result<Self, &'static str> {
        let mut plain = PathBuf::new();
        for component in path.components() {
            match component {
                Component::Normal(name) if name.len() > MAX_COMPONENT => {
                    return Err("has a component longer than 255 bytes");
                }
                Component::Normal(name) if name.as_encoded_bytes().contains(&0) => {
                    return Err("holds a NUL byte");
                }
                Component::Normal(name) => plain.push(name),
                Component::CurDir => {}
                Component::ParentDir => return Err("leads out of its folder with `..`"),
                Component::RootDir | Component::Prefix(_) => return Err("is an absolute path"),
            }
        }
        if plain.as_os_str().len() > MAX_PATH {
            return Err("is longer than 4,000 bytes");
        }
        Ok(Self(plain))
    }

    pub fn is_root(&self) -> bool {
        self.0.as_os_str().is_empty()
    }

    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

/// A handle on the folder.
pub(crate) struct Beneath {
    root: OwnedFd,
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Beneath {
    /// The folder must exist and be none by way of a symbolic link.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let root = rustix::fs::open(folder, FOLDER | OFlags::RDONLY, Mode::empty())?;
        Ok(Self { root })
    }

    /// Makes the folder and those above it.
    pub fn create_dir(&self, path: &Relative) -> io::Result<()> {
        self.folder(path.as_path(), true).map(drop)
    }

    /// Makes a new file; what is there already is not touched (`AlreadyExists`).
    pub fn create(&self, path: &Relative, executable: bool) -> io::Result<File> {
        let mode = if executable { 0o755 } else { 0o644 };
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.at(path, true, |folder, name| {
            Ok(rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(mode))?.into())
        })
    }

    /// What lies in a folder, by name: whether it is a folder. Only regular files and folders whose
    /// names are text are told of.
    pub fn entries(&self, path: &Relative) -> io::Result<Vec<(String, bool)>> {
        let folder = self.folder(path.as_path(), false)?;
        let mut found = Vec::new();
        for entry in rustix::fs::Dir::read_from(&folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            let facts = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            match FileType::from_raw_mode(facts.st_mode) {
                FileType::Directory => found.push((name.to_owned(), true)),
                FileType::RegularFile => found.push((name.to_owned(), false)),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Opens a regular file to read.
    pub fn read(&self, path: &Relative) -> io::Result<File> {
        // Not blocking, should it be a FIFO by now.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file: File = self.at(path, false, |folder, name| {
            Ok(rustix::fs::openat(folder, name, flags, Mode::empty())?.into())
        })?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(file)
    }

    #[cfg(not(target_vendor = "apple"))]
    pub fn fifo(&self, path: &Relative) -> io::Result<()> {
        self.at(path, true, |folder, name| {
            let mode = Mode::from_raw_mode(0o600);
            Ok(rustix::fs::mknodat(folder, name, rustix::fs::FileType::Fifo, mode, 0)?)
        })
    }

    #[cfg(target_vendor = "apple")]
    pub fn fifo(&self, _path: &Relative) -> io::Result<()> {
        let text = "Pipe mode needs FIFOs made below a folder's handle, which macOS lacks; use \
                    File mode";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    /// Calls `act` with the open parent folder and the last component's name.
    fn at<T>(
        &self,
        path: &Relative,
        create: bool,
        act: impl FnOnce(BorrowedFd<'_>, &Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let name = path.as_path().file_name().ok_or(io::ErrorKind::InvalidInput)?;
        match path.as_path().parent() {
            Some(parent) if !parent.as_os_str().is_empty() => {
                act(self.folder(parent, create)?.as_fd(), Path::new(name))
            }
            _ => act(self.root.as_fd(), Path::new(name)),
        }
    }

    /// Opens a folder below the root through folders only.
    fn folder(&self, path: &Path, create: bool) -> io::Result<OwnedFd> {
        match self.resolve(path) {
            Ok(folder) => Ok(folder),
            Err(Errno::NOENT) if !create => Err(Errno::NOENT.into()),
            // Also where the kernel does not know `openat2` or a sandbox forbids it.
            Err(Errno::NOENT | Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {
                self.walk(path, create)
            }
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(target_os = "linux")]
    fn resolve(&self, path: &Path) -> Result<OwnedFd, Errno> {
        use rustix::fs::ResolveFlags;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        rustix::fs::openat2(&self.root, path, FOLDER | OFlags::RDONLY, Mode::empty(), resolve)
    }

    #[cfg(not(target_os = "linux"))]
    fn resolve(&self, _path: &Path) -> Result<OwnedFd, Errno> {
        Err(Errno::NOSYS)
    }

    fn walk(&self, path: &Path, create: bool) -> io::Result<OwnedFd> {
        let mut folder = self.root.try_clone()?;
        for name in path.components() {
            let open = |at: &OwnedFd| {
                rustix::fs::openat(at, name.as_os_str(), FOLDER | OFlags::RDONLY, Mode::empty())
            };
            folder = match open(&folder) {
                Err(Errno::NOENT) if create => {
                    match rustix::fs::mkdirat(&folder, name.as_os_str(), Mode::from_raw_mode(0o755))
                    {
                        Ok(()) | Err(Errno::EXIST) => open(&folder)?,
                        Err(error) => return Err(error.into()),
                    }
                }
                other => other?,
            };
        }
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn relative(path: &str) -> Relative {
        Relative::parse(Path::new(path)).unwrap()
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(relative("./a//b/./c").as_path(), Path::new("a/b/c"));
        for bad in ["/etc/passwd", "../x", "a/../../x", "a\0b"] {
            assert!(Relative::parse(Path::new(bad)).is_err(), "{bad}");
        }
        assert!(Relative::parse(Path::new(&"x".repeat(256))).is_err());
        assert!(Relative::parse(Path::new(&"x/".repeat(2_100))).is_err());
    }

    #[test]
    fn both_ways_of_opening_refuse_links() {
        let outside = tempfile::tempdir().unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("link")).unwrap();
        std::fs::create_dir(inside.path().join("real")).unwrap();
        let beneath = Beneath::open(inside.path()).unwrap();
        assert!(beneath.create(&relative("link/x"), false).is_err());
        assert!(beneath.walk(Path::new("link"), true).is_err());
        assert!(beneath.walk(Path::new("real"), false).is_ok());
        assert!(beneath.create_dir(&relative("link")).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_made_once() {
        let inside = tempfile::tempdir().unwrap();
        let beneath = Beneath::open(inside.path()).unwrap();
        beneath.create(&relative("a/b/c"), false).unwrap().write_all(b"x").unwrap();
        let again = beneath.create(&relative("a/b/c"), false).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        // A link that stands where the file goes is not written through either.
        std::os::unix::fs::symlink("/tmp/elsewhere", inside.path().join("l")).unwrap();
        assert!(beneath.create(&relative("l"), false).is_err());
        assert!(beneath.read(&relative("l")).is_err());
        assert!(beneath.read(&relative("a/b")).is_err());
        assert!(beneath.read(&relative("a/b/c")).is_ok());
    }
}
