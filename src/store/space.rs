//! Room on the disk: a reserve that lets deletions and the start work when the disk is full.
//!
//! SQLite needs room to delete: the change goes through its write-ahead log first. So a file of
//! [`RESERVE`] bytes is kept beside the database. When little is left on the disk, the reserve is given
//! back and what adds to the region is refused in words; what takes away, and what keeps the region's
//! own books, goes on. Once there is room again the reserve is made again.

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes of the reserve.
const RESERVE: u64 = 4 * 1024 * 1024;
/// With less than this left the disk counts as full.
const LEAST: u64 = 1024 * 1024;
const NAME: &str = "reserve";

pub(super) struct Space {
    folder: PathBuf,
    /// The reserve has been given back, and nothing may grow.
    full: AtomicBool,
    #[cfg(test)]
    forced: AtomicBool,
}

impl Space {
    /// Makes the reserve, or gives it back at once so that the start has room.
    pub fn open(folder: &Path) -> Self {
        let space = Self {
            folder: folder.to_owned(),
            full: AtomicBool::new(false),
            #[cfg(test)]
            forced: AtomicBool::new(false),
        };
        space.look();
        if !space.is_full() && !space.reserve().exists() {
            space.make();
        }
        space
    }

    fn reserve(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Looks how much is left on the disk. Costs one system call, before every commit.
    pub fn look(&self) {
        let Some(left) = self.left() else { return };
        match self.is_full() {
            false if left < LEAST => {
                self.full.store(true, Ordering::Relaxed);
                tracing::error!(
                    "the disk of {} is full: nothing can be added until there is room",
                    self.folder.display()
                );
                if let Err(error) = fs::remove_file(self.reserve())
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::warn!(%error, "the reserve was not given back");
                }
            }
            true if left >= RESERVE + 2 * LEAST => {
                self.full.store(false, Ordering::Relaxed);
                tracing::warn!("there is room again on the disk of {}", self.folder.display());
                self.make();
            }
            _ => {}
        }
    }

    /// Bytes that this user may still write; `None` where that cannot be told.
    fn left(&self) -> Option<u64> {
        #[cfg(test)]
        if self.forced.load(Ordering::Relaxed) {
            return Some(0);
        }
        let found = statvfs(&self.folder).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }

    #[cfg(test)]
    pub fn force(&self, full: bool) {
        self.forced.store(full, Ordering::Relaxed);
    }

    /// A reserve that cannot be made is no fault: then the disk is small.
    fn make(&self) {
        let made = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            let file = options
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(self.reserve())?;
            fallocate(&file, FallocateFlags::empty(), 0, RESERVE).map_err(io::Error::from)
        };
        if let Err(error) = made() {
            tracing::debug!(%error, "there is no reserve for a full disk");
            let _ = fs::remove_file(self.reserve());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let space = Space::open(dir.path());
        assert!(!space.is_full());
        assert_eq!(fs::metadata(dir.path().join(NAME)).unwrap().len(), RESERVE);
        drop(Space::open(dir.path()));
        assert_eq!(fs::metadata(dir.path().join(NAME)).unwrap().len(), RESERVE);
    }
}
