//! Whether what is stored is whole: the database, the files of objects, the segments of logs. `doctor`
//! asks for all of it; a start after a kill asks of the database.

use super::logs;
use md5::Digest as _;
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

/// Findings of one sort beyond this many are counted, not told.
const TOLD: usize = 20;

/// What is damaged, in words. Empty when all is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    pub database: Vec<String>,
    pub objects: Vec<String>,
    pub logs: Vec<String>,
    /// How many object files and log segments were read.
    pub looked_at: (u64, u64),
}

impl Damage {
    pub fn is_none(&self) -> bool {
        self.database.is_empty() && self.objects.is_empty() && self.logs.is_empty()
    }
}

/// SQLite's own check of the database's structure. `budget` bounds how long it may take; `None` is told
/// when it ran out before anything was found.
///
/// # Errors
/// When the check could not be run at all.
pub(super) fn database(
    connection: &mut Connection,
    budget: Option<Duration>,
) -> rusqlite::Result<Option<Vec<String>>> {
    if let Some(budget) = budget {
        let end = Instant::now() + budget;
        connection.progress_handler(1_000, Some(move || Instant::now() > end))?;
    }
    let checked = |connection: &Connection| -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare("PRAGMA quick_check(20)")?;
        let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
        lines.filter(|line| !matches!(line, Ok(text) if text == "ok")).collect()
    };
    let found = checked(connection);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if code(&error) == Some(rusqlite::ErrorCode::OperationInterrupted) => Ok(None),
        Err(error) if is_damage(&error) => Ok(Some(vec![error.to_string()])),
        Err(error) => Err(error),
    }
}

fn code(error: &rusqlite::Error) -> Option<rusqlite::ErrorCode> {
    error.sqlite_error_code()
}

/// Whether SQLite says that the file itself is broken.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(code(error), Some(DatabaseCorrupt | NotADatabase))
}

/// Checks everything in a workspace's `.sagebrush` folder. Changes nothing; a region may be running.
///
/// # Errors
/// When the folder or the database cannot be read.
pub fn everything(folder: &Path) -> io::Result<Damage> {
    let mut damage = Damage::default();
    let path = folder.join("region.db");
    let open = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let mut connection = open.map_err(io::Error::other)?;
    match database(&mut connection, None) {
        Ok(found) => damage.database = found.unwrap_or_default(),
        Err(error) => return Err(io::Error::other(error)),
    }
    if damage.database.is_empty() {
        objects(&connection, folder, &mut damage).map_err(io::Error::other)?;
    }
    let (segments, found) = logs::damage(&folder.join("logs"))?;
    damage.looked_at.1 = segments;
    damage.logs = found;
    for findings in [&mut damage.objects, &mut damage.logs] {
        if findings.len() > TOLD {
            let more = findings.len() - TOLD;
            findings.truncate(TOLD);
            findings.push(format!("and {more} more"));
        }
    }
    Ok(damage)
}

/// Every object's files: there, of the right length, and where its ETag is the MD5 of its bytes, that.
fn objects(connection: &Connection, folder: &Path, damage: &mut Damage) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(
        "SELECT bucket.name, object.key, object.etag, ifnull(extent.file, object.blob),
             ifnull(extent.size, object.size), extent.file IS NULL
         FROM object JOIN bucket ON bucket.id = object.bucket
             LEFT JOIN extent ON extent.blob = object.blob",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (bucket, key): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let key = String::from_utf8_lossy(&key);
        let (etag, file, size): (String, i64, u64) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let whole: bool = row.get(5)?;
        damage.looked_at.0 += 1;
        let path = folder
            .join("objects")
            .join(format!("{:02x}", file & 0xff))
            .join(format!("{file:016x}"));
        let expected = (whole && etag.len() == 32).then_some(etag.as_str());
        if let Err(why) = object(&path, size, expected) {
            damage.objects.push(format!("s3://{bucket}/{key}: {why}"));
        }
    }
    Ok(())
}

fn object(path: &Path, size: u64, md5: Option<&str>) -> Result<(), String> {
    let mut file = File::open(path).map_err(|error| format!("its file cannot be read: {error}"))?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    if length != size {
        return Err(format!("its file has {length} bytes, and should have {size}"));
    }
    let Some(expected) = md5 else { return Ok(()) };
    let mut digest = md5::Md5::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => digest.update(&buffer[..read]),
            Err(error) => return Err(format!("its file cannot be read: {error}")),
        }
    }
    match hex::encode(digest.finalize()) == expected {
        true => Ok(()),
        false => Err("its bytes are not those that were stored".into()),
    }
}
