//! Checkpoints: from S3 before an attempt starts, to S3 while it runs and when it has ended.

use super::objects::Objects;
use super::{LayoutError, download};
use crate::domain::s3_uri::S3Uri;
use crate::engine::archive::{Caps, Tally};
use crate::engine::beneath::Beneath;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where a container's path lies on this machine.
fn folder(root: &Path, local_path: &str) -> Result<(Beneath, String), LayoutError> {
    let container = Beneath::open(root).map_err(LayoutError::io(root))?;
    let path = local_path.trim_start_matches('/').to_owned();
    container
        .create_dir(&download::relative(&path, local_path)?)
        .map_err(LayoutError::io(local_path))?;
    Ok((container, path))
}

/// Brings the checkpoints below `uri` to the local path (`/opt/ml/checkpoints` by default). That
/// there are none yet is as good.
pub fn restore_checkpoints(
    objects: &dyn Objects,
    root: &Path,
    local_path: &str,
    uri: &str,
    caps: Caps,
) -> Result<Tally, LayoutError> {
    let (container, path) = folder(root, local_path)?;
    let mut tally = Tally::default();
    download::prefix(objects, &container, &path, &S3Uri::parse(uri)?, &mut tally, caps)?;
    Ok(tally)
}

/// Stores checkpoints that are new or changed since the last run of the same sync.
#[derive(Default)]
pub struct CheckpointSync {
    seen: HashMap<PathBuf, (SystemTime, u64)>,
}

impl CheckpointSync {
    /// Takes what is there now as stored already: call it after restoring.
    pub fn skip_present(&mut self, root: &Path, local_path: &str) -> Result<(), LayoutError> {
        let files = files(&root.join(local_path.trim_start_matches('/')))
            .map_err(LayoutError::io(local_path))?;
        self.seen.extend(files);
        Ok(())
    }

    pub fn run(
        &mut self,
        objects: &dyn Objects,
        root: &Path,
        local_path: &str,
        uri: &str,
    ) -> Result<Tally, LayoutError> {
        let target = S3Uri::parse(uri)?;
        let (container, path) = folder(root, local_path)?;
        let mut tally = Tally::default();
        for (name, state) in files(&root.join(&path)).map_err(LayoutError::io(local_path))? {
            if self.seen.get(&name) == Some(&state) {
                continue;
            }
            let Some(text) = name.to_str() else { continue };
            let file = container.read(&download::relative(&format!("{path}/{text}"), text)?);
            let mut file = match file {
                Ok(file) => file,
                // Containers rotate checkpoints; one that is gone needs no storing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(LayoutError::io(name)(error)),
            };
            objects
                .put(&target.bucket, &target.below(text), &mut |to| {
                    tally.bytes += io::copy(&mut file, to)?;
                    Ok(())
                })
                .map_err(LayoutError::io(uri))?;
            tally.files += 1;
            self.seen.insert(name, state);
        }
        Ok(tally)
    }
}

/// All regular files below `folder` by relative path, with what tells a change. Links are not
/// followed.
fn files(folder: &Path) -> io::Result<Vec<(PathBuf, (SystemTime, u64))>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inner))? {
            let entry = entry?;
            let path = inner.join(entry.file_name());
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(path),
                Ok(metadata) if metadata.is_file() => {
                    found.push((path, (metadata.modified()?, metadata.len())));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::objects::tests::Memory;
    use super::*;

    const LOCAL: &str = "/opt/ml/checkpoints";

    #[test]
    fn what_changes_is_stored_once_and_comes_back() {
        let root = tempfile::tempdir().unwrap();
        let local = root.path().join("opt/ml/checkpoints");
        fs::create_dir_all(local.join("epoch")).unwrap();
        fs::write(local.join("epoch/1"), b"one").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", local.join("link")).unwrap();
        let memory = Memory::default();
        memory.set("b", "other", b"");
        let mut sync = CheckpointSync::default();
        let mut run = |memory: &Memory| sync.run(memory, root.path(), LOCAL, "s3://b/c").unwrap();
        assert_eq!(run(&memory), Tally { files: 1, bytes: 3 });
        assert_eq!(run(&memory).files, 0);
        fs::write(local.join("epoch/1"), b"longer").unwrap();
        fs::write(local.join("2"), b"two").unwrap();
        assert_eq!(run(&memory).files, 2);
        assert_eq!(memory.get("b", "c/epoch/1").unwrap(), b"longer");
        assert_eq!(memory.get("b", "c/link"), None);

        let next = tempfile::tempdir().unwrap();
        let caps = Caps::default();
        restore_checkpoints(&memory, next.path(), LOCAL, "s3://b/c", caps).unwrap();
        assert_eq!(fs::read(next.path().join("opt/ml/checkpoints/2")).unwrap(), b"two");
        let mut sync = CheckpointSync::default();
        sync.skip_present(next.path(), LOCAL).unwrap();
        assert_eq!(sync.run(&memory, next.path(), LOCAL, "s3://b/c").unwrap().files, 0);
    }

    #[test]
    fn no_checkpoints_yet_is_no_failure_and_no_escape() {
        let memory = Memory::default();
        memory.set("b", "other", b"");
        let root = tempfile::tempdir().unwrap();
        let restored =
            restore_checkpoints(&memory, root.path(), LOCAL, "s3://b/c", Caps::default());
        assert_eq!(restored.unwrap(), Tally::default());
        let outside =
            restore_checkpoints(&memory, root.path(), "/../x", "s3://b/c", Caps::default());
        assert!(outside.is_err());
    }
}
