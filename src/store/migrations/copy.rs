//! The copy of the database that is made before a migration: a way back to the version that wrote
//! it. There is one copy at most, of the latest migration.

use super::super::OpenError;
use rusqlite::Connection;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What copies are called before the number of the schema that they were made before.
const PREFIX: &str = "region.db.before-";

/// Copies the database at `path` to `region.db.before-<schema>` beside it and removes older copies.
///
/// # Errors
/// When there is no whole copy; then no older one is gone either.
pub(super) fn before(
    connection: &Connection,
    path: &Path,
    schema: u32,
) -> Result<PathBuf, OpenError> {
    let copy = path.with_file_name(format!("{PREFIX}{schema}"));
    let failed =
        |why: String| OpenError::NotCopied { path: path.to_owned(), copy: copy.clone(), why };
    // Under a name of its own until it is whole. A copy that was interrupted is begun again.
    let part = path.with_file_name("region.db.copy");
    remove(&part).map_err(|error| failed(error.to_string()))?;
    connection
        .execute("VACUUM INTO CAST(?1 AS TEXT)", [part.as_os_str().as_bytes()])
        .map_err(|error| failed(error.to_string()))
        .and_then(|_| settle(&part, &copy).map_err(|error| failed(error.to_string())))
        .inspect_err(|_| drop(remove(&part)))?;
    Ok(copy)
}

fn settle(part: &Path, copy: &Path) -> io::Result<()> {
    let file = File::open(part)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.sync_all()?;
    fs::rename(part, copy)?;
    let Some(folder) = copy.parent() else { return Ok(()) };
    for entry in fs::read_dir(folder)?.flatten() {
        let older = entry.file_name().as_bytes().starts_with(PREFIX.as_bytes());
        if older && entry.path() != copy {
            fs::remove_file(entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
