//! The files that hold objects' bytes: how they are named, who still reads them, when they go.

use super::blob::Extent;
use crate::store::housekeeper::{Chore, Housekeeper};
use crate::store::readers::Readers;
use crate::store::{Change, Durability, StoreError};
use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Names a file. The upper half says in which opening of the store it was made, so that the sweep
/// of what earlier ones left behind cannot meet an upload that is still running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::store) struct FileId(pub i64);

pub(in crate::store) struct Files {
    root: PathBuf,
    boot: u32,
    next: AtomicU32,
    durability: Durability,
    /// Blobs being read, by id: their files stay until the last reader is done.
    pins: Mutex<HashMap<i64, Pin>>,
    housekeeper: Housekeeper,
    closing: Arc<AtomicBool>,
    /// Woken by every commit that changed objects.
    pub touched: Arc<Notify>,
}

#[derive(Default)]
struct Pin {
    readers: usize,
    /// Files to remove when the last reader is done.
    doomed: Vec<FileId>,
}

impl Files {
    pub fn new(
        root: PathBuf,
        boot: u32,
        durability: Durability,
        housekeeper: Housekeeper,
        closing: Arc<AtomicBool>,
    ) -> Self {
        Self {
            root,
            boot,
            next: AtomicU32::new(0),
            durability,
            pins: Mutex::default(),
            housekeeper,
            closing,
            touched: Arc::default(),
        }
    }

    /// Wakes those who follow buckets, once this change is committed.
    pub fn touch(&self, change: &mut Change<'_>) {
        let touched = Arc::clone(&self.touched);
        change.afterwards(move || touched.notify_one());
    }

    pub fn new_id(&self) -> FileId {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        FileId(i64::from(self.boot) << 32 | i64::from(number))
    }

    pub fn path(&self, FileId(id): FileId) -> PathBuf {
        self.root.join(format!("{:02x}", id & 0xff)).join(format!("{id:016x}"))
    }

    pub fn create(&self) -> io::Result<(FileId, File)> {
        let id = self.new_id();
        let path = self.path(id);
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(&self.root);
                match DirBuilder::new().mode(0o700).create(folder) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                    _ => Ok((id, open()?)),
                }
            }
            opened => Ok((id, opened?)),
        }
    }

    pub fn open(&self, id: FileId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Whether the files of an object are there and as long as their rows say; `first` is open already.
    pub(super) fn check(&self, first: &File, extents: &[Extent]) -> io::Result<()> {
        for (index, extent) in extents.iter().enumerate() {
            let found = match index {
                0 => first.metadata(),
                _ => fs::metadata(self.path(extent.file)),
            };
            let length = found?.len();
            if length != extent.size {
                let path = self.path(extent.file);
                tracing::error!(path = %path.display(), length, "an object's file is damaged");
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("an object's file has {length} bytes, and should have {}", extent.size),
                ));
            }
        }
        Ok(())
    }

    /// Has a finished file survive as much as a commit does.
    pub fn make_durable(&self, id: FileId, file: &File) -> io::Result<()> {
        if self.durability == Durability::Full {
            file.sync_all()?;
            let path = self.path(id);
            let folder = path.parent().unwrap_or(&self.root);
            File::open(folder)?.sync_all()?;
            File::open(&self.root)?.sync_all()?;
        }
        Ok(())
    }

    /// Keeps the files of a blob until [`Files::unpin`].
    pub fn pin(&self, blob: i64) {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        pins.entry(blob).or_default().readers += 1;
    }

    pub fn unpin(&self, blob: i64) {
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pin) = pins.get_mut(&blob) else { return };
        pin.readers -= 1;
        if pin.readers == 0
            && let Some(pin) = pins.remove(&blob)
        {
            self.remove(&pin.doomed);
        }
    }

    /// Removes the files of a blob that no row names any more, once nobody reads it.
    pub fn discard(self: &Arc<Self>, blob: i64, files: Vec<FileId>) {
        let here = Arc::clone(self);
        self.housekeeper.ask(Chore::Run(Box::new(move || {
            // The lock is held throughout, so that no reader comes in between two files of a blob.
            let mut pins = here.pins.lock().unwrap_or_else(PoisonError::into_inner);
            match pins.get_mut(&blob) {
                Some(pin) => pin.doomed.extend(files),
                None => here.remove(&files),
            }
        })));
    }

    /// Removes the files of all blobs and parts once `change`, which empties their tables, is
    /// committed.
    pub fn discard_all(self: &Arc<Self>, change: &mut Change<'_>) -> Result<(), StoreError> {
        let mut statement = change.connection.prepare(
            "SELECT blob.id, ifnull(extent.file, blob.id)
             FROM blob LEFT JOIN extent ON extent.blob = blob.id
             UNION ALL SELECT file, file FROM part",
        )?;
        let mut blobs: HashMap<i64, Vec<FileId>> = HashMap::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            blobs.entry(row.get(0)?).or_default().push(FileId(row.get(1)?));
        }
        let here = Arc::clone(self);
        change.afterwards(move || {
            for (blob, files) in blobs {
                here.discard(blob, files);
            }
        });
        Ok(())
    }

    /// Removes files that never became part of anything, or no longer are.
    pub fn remove(&self, files: &[FileId]) {
        for id in files {
            match fs::remove_file(self.path(*id)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%error, "an object's file was not removed; the next start will");
                }
                _ => {}
            }
        }
    }

    /// Removes, in the background, what earlier openings left behind: uploads that were cut off,
    /// and files of objects deleted just before the end.
    pub fn sweep(self: &Arc<Self>, readers: &Arc<Readers>) {
        let (here, readers) = (Arc::clone(self), Arc::clone(readers));
        self.housekeeper.ask(Chore::Run(Box::new(move || match here.orphans(&readers) {
            Ok(orphans) if orphans.is_empty() => {}
            Ok(orphans) => {
                tracing::info!("removing {} files that belong to no object", orphans.len());
                here.remove(&orphans);
            }
            Err(error) => tracing::warn!(%error, "left-over files were not looked for"),
        })));
    }

    fn orphans(&self, readers: &Readers) -> Result<Vec<FileId>, StoreError> {
        let mut orphans = Vec::new();
        for folder in fs::read_dir(&self.root)? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            let earlier = self.earlier(&folder.path())?;
            if self.closing.load(Ordering::Relaxed) {
                return Ok(Vec::new());
            }
            readers.read(|snapshot| -> Result<(), StoreError> {
                let mut named = snapshot.connection.prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM blob WHERE id = ?1 AND extents = 0)
                         OR EXISTS (SELECT 1 FROM extent WHERE file = ?1)
                         OR EXISTS (SELECT 1 FROM part WHERE file = ?1)",
                )?;
                for id in earlier {
                    if !named.query_row([id.0], |row| row.get(0))? {
                        orphans.push(id);
                    }
                }
                Ok(())
            })?;
        }
        Ok(orphans)
    }

    /// Moves the files of openings after `known` out of the way: the database that is here now does not
    /// know of them. Returns how many there were.
    pub fn set_aside(root: &Path, aside: &Path, known: u32) -> io::Result<u64> {
        let mut moved = 0;
        for folder in fs::read_dir(root)? {
            let folder = folder?;
            if !folder.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(folder.path())? {
                let file = file?;
                let name = file.file_name();
                let id = name.to_str().and_then(|name| i64::from_str_radix(name, 16).ok());
                if id.is_some_and(|id| id >> 32 > i64::from(known)) {
                    DirBuilder::new().recursive(true).mode(0o700).create(aside)?;
                    fs::rename(file.path(), aside.join(name))?;
                    moved += 1;
                }
            }
        }
        Ok(moved)
    }

    /// The latest opening that a file below `root` was made in; 0 when there is none.
    pub fn newest_boot(root: &Path) -> u32 {
        let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
        let names =
            entries(root).flat_map(|folder| entries(&folder.path())).map(|file| file.file_name());
        let ids = names.filter_map(|name| i64::from_str_radix(name.to_str()?, 16).ok());
        ids.filter_map(|id| u32::try_from(id >> 32).ok()).max().unwrap_or(0)
    }

    /// The files in a folder that were made before this opening.
    fn earlier(&self, folder: &Path) -> io::Result<Vec<FileId>> {
        let mut found = Vec::new();
        for file in fs::read_dir(folder)? {
            let name = file?.file_name();
            let id = name.to_str().and_then(|name| i64::from_str_radix(name, 16).ok());
            found.extend(id.filter(|id| id >> 32 < i64::from(self.boot)).map(FileId));
        }
        Ok(found)
    }
}
