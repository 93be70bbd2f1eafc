//! What an attempt leaves: its artifacts carried to S3, its folders removed.

use super::super::objects;
use super::reconciler::Job;
use super::record::{Outcome, Record};
use super::spec::Spec;
use crate::domain::s3_uri::S3Uri;
use crate::engine::opt_ml::{self, LayoutError, Objects};
use std::path::{Path, PathBuf};

/// Carries model and output off. `Err` is the FailureReason.
pub(super) async fn upload(
    job: &Job,
    record: &Record,
    spec: &Spec,
    outcome: &Outcome,
) -> Result<(), String> {
    let objects = objects::of(job.region());
    let attempt = record.private.attempts;
    let roots: Vec<PathBuf> =
        (0..spec.instances()).map(|instance| job.root(attempt, instance)).collect();
    let base = format!("{}/{}/output", spec.output, spec.name);
    let compressed = spec.compressed;
    let uploaded = blocking(move || store_artifacts(&*objects, &roots, &base, compressed)).await;
    let error = match uploaded {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(error) => error,
    };
    if matches!(outcome, Outcome::Failed(_)) {
        tracing::warn!(%error, job = job.name, "cannot store a failed job's output");
    }
    Err(match error {
        LayoutError::Client(text) => format!("ClientError: Artifact upload failed:{text}"),
        LayoutError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            format!("ClientError: Artifact upload failed:{source}")
        }
        error => format!("InternalServerError: Artifact upload failed:{error}"),
    })
}

fn store_artifacts(
    objects: &dyn Objects,
    roots: &[PathBuf],
    base: &str,
    compressed: bool,
) -> Result<(), LayoutError> {
    let Some((leader, others)) = roots.split_first() else { return Ok(()) };
    for other in others {
        for part in ["opt/ml/model", "opt/ml/output/data"] {
            join_folders(&other.join(part), &leader.join(part))?;
        }
    }
    let model = leader.join("opt/ml/model");
    if has_entries(&model) {
        if compressed {
            opt_ml::store_model(objects, leader, &format!("{base}/model.tar.gz"))?;
        } else {
            store_files(objects, &model, &format!("{base}/model"))?;
        }
    }
    if compressed {
        opt_ml::store_output(objects, leader, &format!("{base}/output.tar.gz"))?;
        return Ok(());
    }
    store_files(objects, &leader.join("opt/ml/output/data"), &format!("{base}/data"))
}

fn has_entries(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> LayoutError {
    let path = path.to_owned();
    move |source| LayoutError::Io { path, source }
}

/// Moves what `from` has and `into` has not: of one name on several instances the first one's counts.
fn join_folders(from: &Path, into: &Path) -> Result<(), LayoutError> {
    let Ok(entries) = std::fs::read_dir(from) else { return Ok(()) };
    std::fs::create_dir_all(into).map_err(io(into))?;
    for entry in entries {
        let entry = entry.map_err(io(from))?;
        let target = into.join(entry.file_name());
        let kind = entry.file_type().map_err(io(from))?;
        match std::fs::symlink_metadata(&target) {
            Ok(present) if present.is_dir() && kind.is_dir() => {
                join_folders(&entry.path(), &target)?;
            }
            Ok(_) => {}
            Err(_) => std::fs::rename(entry.path(), &target).map_err(io(&target))?,
        }
    }
    Ok(())
}

/// Stores every regular file below `folder` as an object of its own below `uri`.
fn store_files(objects: &dyn Objects, folder: &Path, uri: &str) -> Result<(), LayoutError> {
    let S3Uri { bucket, key } = S3Uri::parse(uri)?;
    let mut open = vec![(folder.to_owned(), key)];
    while let Some((folder, prefix)) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let entry = entry.map_err(io(&folder))?;
            let kind = entry.file_type().map_err(io(&folder))?;
            let key = format!("{prefix}/{}", entry.file_name().to_string_lossy());
            if kind.is_dir() {
                open.push((entry.path(), key));
            } else if kind.is_file() {
                let path = entry.path();
                objects
                    .put(&bucket, &key, &mut |object| {
                        std::io::copy(&mut std::fs::File::open(&path)?, object).map(|_| ())
                    })
                    .map_err(io(&path))?;
            }
        }
    }
    Ok(())
}

/// Removes the folders of an attempt.
pub(super) async fn clear(job: &Job, attempt: u32, instances: u32) {
    let roots: Vec<PathBuf> = (0..instances).map(|instance| job.root(attempt, instance)).collect();
    let _ = blocking(move || {
        for root in roots {
            if let Err(error) = std::fs::remove_dir_all(&root)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(%error, root = %root.display(), "cannot remove a work folder");
            }
        }
    })
    .await;
}

/// Work that waits for files.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LayoutError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| LayoutError::Io {
        path: PathBuf::from("(a task of the region)"),
        source: std::io::Error::other(error),
    })
}
