//! What can go wrong with the store, in words for whoever opened or called it.

use super::cursor::BadCursor;
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
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("file: {0}")]
    Io(#[from] std::io::Error),
    #[error("a stored document does not parse: {0}")]
    Document(#[from] serde_json::Error),
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
    #[error("{path} is not safe to use: {why}")]
    Unsafe { path: PathBuf, why: String },
    #[error("{path}: {source}")]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}
