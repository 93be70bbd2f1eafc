//! What can go wrong with the store, in words for whoever opened or called it.

use super::check;
use super::cursor::BadCursor;
use std::io::ErrorKind;
use std::path::PathBuf;

/// A change or a query failed. Nothing of a failed change remains.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{kind} {name} exists already")]
    Exists { kind: String, name: String },
    #[error("{kind} {name} does not exist")]
    Missing { kind: String, name: String },
    /// A page was asked for with a token that came from another list.
    #[error(transparent)]
    Cursor(#[from] BadCursor),
    #[error("the store is closed")]
    Closed,
    /// The change itself was sound, but its group could not be committed.
    #[error("nothing was written, because the commit failed: {0}")]
    Commit(String),
    /// The code of the change panicked; its transaction was rolled back.
    #[error("a change panicked and was rolled back")]
    Panicked,
    #[error(
        "The disk is full: nothing was written. Free space on the disk of the workspace, or delete objects or \
         resources of this region; deletions still work"
    )]
    Full,
    #[error(
        "The region's data is damaged: {0}. Nothing was changed. `sagebrush doctor` looks at all of it"
    )]
    Damaged(String),
    #[error("database: {0}")]
    Sqlite(rusqlite::Error),
    #[error("file: {0}")]
    Io(std::io::Error),
    #[error("a stored document does not parse: {0}")]
    Document(#[from] serde_json::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ if check::is_damage(&error) => Self::Damaged(format!("the database: {error}")),
            _ => Self::Sqlite(error),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::InvalidData => Self::Damaged(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

impl StoreError {
    /// What a client may read of it: a full disk and damage are the user's to mend.
    pub fn for_clients(&self) -> Option<String> {
        matches!(self, Self::Full | Self::Damaged(_)).then(|| format!("{self}."))
    }
}

/// Why a workspace's store did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "{path} is in use by another region (process {pid}); attach to it, or stop it with `sagebrush stop`"
    )]
    Busy { path: PathBuf, pid: u32 },
    #[error(
        "{path} was written by a newer Sagebrush (schema {found}; this one knows up to {known}); use that version, or another workspace"
    )]
    Newer { path: PathBuf, found: u32, known: u32 },
    #[error(
        "{path} was written by an older Sagebrush. Before it is brought up to date, its database is copied to {copy}, and that failed: {why}. Nothing was changed; free space on the disk or use that version"
    )]
    NotCopied { path: PathBuf, copy: PathBuf, why: String },
    #[error(
        "{path} is missing or empty, though there are {files} files of objects and logs beside it. Put the database \
         back from a copy; or, to give those files up, move {folder} away and start again. Nothing was changed"
    )]
    Lost { path: PathBuf, folder: PathBuf, files: u64 },
    #[error(
        "{path} is damaged ({what}). Put it back from a copy (region.db.before-… beside it is one, from an earlier \
         version); or move the folder away and start again. Nothing was changed"
    )]
    Damaged { path: PathBuf, what: String },
    #[error("{path} is not safe to use: {why}")]
    Unsafe { path: PathBuf, why: String },
    #[error("{path}: {source}")]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}
