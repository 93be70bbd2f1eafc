//! The region's own life and its work folder, across crashes.
//!
//! `work/` holds a folder for each container. After a crash only those of unfinished training jobs
//! are still of use; the rest is swept before anything starts. A file that is renewed every few
//! seconds tells the next region until when this one lived, which decides how long an interrupted
//! attempt ran and what an endpoint is billed for.

use super::Region;
use super::training_job;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

const ALIVE: &str = "alive";
const BEFORE: &str = "alive.before";
/// How far the sign of life may lag behind.
const BEAT: Duration = Duration::from_secs(2);

/// When this region began, and until when the one before it lived; readings of the steady clock of
/// either. [`Life::began`] tells one life from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub before: Option<Timestamp>,
    pub began: Timestamp,
}

/// Reads what [`begin`] noted.
pub fn life(region: &Region) -> Life {
    let read = |file: &str| std::fs::read_to_string(region.dir().join(file)).unwrap_or_default();
    let number = |line: Option<&str>| line.and_then(|line| line.trim().parse().ok());
    let began =
        number(read(ALIVE).lines().next()).map_or_else(|| region.steady(), Timestamp::from_millis);
    // A region of version 0.1.0 left nothing but its file's time.
    let before = number(read(BEFORE).lines().nth(1))
        .map(Timestamp::from_millis)
        .or_else(|| time_of(&region.dir().join(BEFORE)));
    Life { before, began }
}

/// A sign of life: when it began, and that it still lived now.
fn sign(began: Timestamp, now: Timestamp) -> String {
    format!("{}\n{}\n", began.as_millis(), now.as_millis())
}

fn time_of(file: &Path) -> Option<Timestamp> {
    let modified = std::fs::metadata(file).and_then(|file| file.modified()).ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(Timestamp::from_millis)
}

/// Begins this region's life and sweeps what the former one left behind. Call it before anything
/// that starts containers.
pub fn begin(region: &Region) -> Result<(), StoreError> {
    let dir = region.dir();
    // Absent at the very first start.
    let _ = std::fs::rename(dir.join(ALIVE), dir.join(BEFORE));
    let now = region.steady();
    std::fs::write(dir.join(ALIVE), sign(now, now))?;
    let work = dir.join("work");
    std::fs::create_dir_all(&work)?;
    let wanted = training_job::work_folders(region)?;
    for entry in std::fs::read_dir(&work)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(|name| wanted.iter().any(|keep| keep == name)) {
            let path = entry.path();
            let removed = if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(&path)
            } else {
                std::fs::remove_file(&path)
            };
            if let Err(error) = removed {
                tracing::warn!(%error, path = %path.display(), "cannot sweep a work folder");
            }
        }
    }
    Ok(())
}

/// Shows that the region lives, until it stops.
pub async fn beat(region: Arc<Region>) {
    let mut stopping = region.stopping();
    let mut round = tokio::time::interval(BEAT);
    let began = life(&region).began;
    while !*stopping.borrow() {
        tokio::select! {
            _ = round.tick() => {}
            _ = stopping.changed() => {}
        }
        if let Err(error) = std::fs::write(region.dir().join(ALIVE), sign(began, region.steady())) {
            tracing::debug!(%error, "cannot renew the sign of life");
        }
    }
}
