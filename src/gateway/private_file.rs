//! Files of the region's secrets: only its user can read them, and what others could have written
//! or read is not believed.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Secrets are short.
const MOST: u64 = 64 * 1024;

/// Why a private file is not used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path} is not safe to use: {why}")]
    Unsafe { path: PathBuf, why: &'static str },
}

impl PrivateFileError {
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}

/// The text of a file that belongs to this user and that nobody else can read or write.
pub(super) fn read(path: &Path) -> Result<String, PrivateFileError> {
    let io = |source| PrivateFileError::Io { path: path.to_owned(), source };
    let mut text = String::new();
    open(path)?.take(MOST).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}

/// Writes the file whole or not at all; an older one is replaced.
pub(super) fn write(path: &Path, text: &str) -> Result<(), PrivateFileError> {
    let write = || {
        // A file of this kind is made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(|_| ()).map_err(|source| PrivateFileError::Io { path: path.to_owned(), source })
}

#[cfg(unix)]
fn open(path: &Path) -> Result<File, PrivateFileError> {
    use rustix::fs::{Mode, OFlags};
    use std::os::unix::fs::MetadataExt;
    let io = |source| PrivateFileError::Io { path: path.to_owned(), source };
    let unsafe_to_use = |why| PrivateFileError::Unsafe { path: path.to_owned(), why };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => return Err(unsafe_to_use("it is a symbolic link")),
        Err(errno) => return Err(io(errno.into())),
    };
    let facts = file.metadata().map_err(io)?;
    if !facts.is_file() {
        return Err(unsafe_to_use("it is not a regular file"));
    }
    if facts.uid() != rustix::process::geteuid().as_raw() {
        return Err(unsafe_to_use("it belongs to another user"));
    }
    if facts.mode() & 0o077 != 0 {
        return Err(unsafe_to_use("others may read or write it; `chmod 600` it, or remove it"));
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open(path: &Path) -> Result<File, PrivateFileError> {
    File::open(path).map_err(|source| PrivateFileError::Io { path: path.to_owned(), source })
}
