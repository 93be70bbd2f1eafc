//! Models on their way to disk: checkpoints now and then, and what comes out in the end.
//!
//! A checkpoint holds every tree so far: written each round, training would take time with the square
//! of the rounds. They are written by time, and only where the job asks for them.

use crate::algorithms::Failure;
use crate::algorithms::xgboost::fit::Settings;
use crate::algorithms::xgboost::log::Log;
use crate::algorithms::xgboost::{Booster, model};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What the container names a checkpoint, before the round's number.
const CHECKPOINT: &str = "xgboost-checkpoint";
/// Checkpoints that are kept.
const CHECKPOINTS: usize = 5;
/// The least time between two checkpoints.
const INTERVAL: Duration = Duration::from_secs(5);
/// The same in times of what the last one took: the larger a model, the rarer its checkpoints.
const SHARE: u32 = 20;

/// Writes models, and counts how often.
pub struct Keeper {
    interval: Duration,
    share: u32,
    /// When the next checkpoint is due.
    due: Instant,
    /// Models that were written, whatever for.
    pub written: usize,
}

impl Keeper {
    pub fn new() -> Self {
        Self::paced(INTERVAL, SHARE)
    }

    /// A keeper that lets at least `interval` pass after a checkpoint, and `share` times what it took.
    pub fn paced(interval: Duration, share: u32) -> Self {
        Self { interval, share, due: Instant::now() + interval, written: 0 }
    }

    /// Writes the model after `round` into the folder, when it is time or this was the last round.
    pub fn checkpoint(
        &mut self,
        folder: &Path,
        round: usize,
        booster: &Booster,
        is_last: bool,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        if !is_last && began < self.due {
            return Ok(());
        }
        std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        // The suffix keeps SageMaker from uploading what is not whole.
        let unfinished = folder.join(format!("{CHECKPOINT}.{round}.sagemaker-ignore"));
        let path = folder.join(format!("{CHECKPOINT}.{round}"));
        self.save(&unfinished, &model::write(booster))?;
        std::fs::rename(&unfinished, &path).map_err(|error| unwritten(&path, &error))?;
        let kept = checkpoints(folder);
        for (_, old) in kept.iter().take(kept.len().saturating_sub(CHECKPOINTS)) {
            // One too many does no harm.
            let _ = std::fs::remove_file(old);
        }
        self.due = Instant::now() + self.interval.max(began.elapsed() * self.share);
        Ok(())
    }

    pub fn save(&mut self, path: &Path, model: &[u8]) -> Result<(), Failure> {
        self.written += 1;
        std::fs::write(path, model).map_err(|error| unwritten(path, &error))
    }
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::internal(format!("cannot write {}: {error}", path.display()))
}

/// The latest checkpoint that an earlier attempt left and that goes with this job.
pub fn resume(
    folder: Option<&Path>,
    settings: &Settings,
    columns: usize,
    log: &mut Log<'_>,
) -> Result<Option<Booster>, Failure> {
    let Some(folder) = folder else { return Ok(None) };
    let mut found = checkpoints(folder);
    while let Some((round, path)) = found.pop() {
        let read = std::fs::read(&path).map_err(|error| error.to_string());
        let loaded =
            read.and_then(|bytes| model::read(&bytes).map_err(|failure| failure.to_string()));
        match loaded {
            Ok(booster) if booster.rounds() != round + 1 => {
                log.info(&format!("{} is passed over: it is of another round", path.display()))?;
            }
            Ok(booster)
                if booster.objective != settings.objective
                    || booster.features != columns
                    || booster.parallel_trees != settings.parallel_trees =>
            {
                return Err(Failure::client(format!(
                    "The checkpoint {} is of a model with objective {}, {} features and num_parallel_tree {}, \
                     this job's has {}, {columns} and {}. Use another checkpoint location.",
                    path.display(),
                    booster.objective.kind.name(),
                    booster.features,
                    booster.parallel_trees,
                    settings.objective.kind.name(),
                    settings.parallel_trees,
                )));
            }
            Ok(booster) => {
                log.info(&format!("Checkpoint loaded from {}", path.display()))?;
                log.info(&format!("Resuming from iteration {}", round + 1))?;
                return Ok(Some(booster));
            }
            Err(error) => log.info(&format!("{} is passed over: {error}", path.display()))?,
        }
    }
    Ok(None)
}

/// The checkpoints of a folder, by round.
pub fn checkpoints(folder: &Path) -> Vec<(usize, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let round = name.to_str()?.strip_prefix(CHECKPOINT)?.strip_prefix('.')?;
            Some((round.parse().ok()?, entry.path()))
        })
        .collect();
    found.sort_unstable();
    found
}
