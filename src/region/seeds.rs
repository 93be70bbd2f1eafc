//! Takes files of the workspace's `buckets/` folder into S3: `buckets/NAME/path/file` becomes the
//! object `path/file` of the bucket NAME.
//!
//! This is how data that a program expects in somebody else's bucket comes into a region that reaches
//! nothing outside. It happens when the region starts, and when something asks for an object that is
//! missing. A file is taken in once, where no object has its key: what was done to the object since
//! then, its deletion too, stays. A file that was changed since is looked at once more.

use super::Region;
use crate::domain::kind;
use crate::engine::beneath::{Beneath, Relative};
use crate::store::objects::{About, Algorithm, Condition, ObjectError, Objects};
use crate::store::{Row, StoreError};
use serde_json::{Map, Value, json};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The most files that are looked at, and the most bytes that are taken in at a time.
const MOST_FILES: usize = 10_000;
const MOST_BYTES: u64 = 10 << 30;
/// The deepest folder that is entered.
const DEEPEST: usize = 32;
/// The row that remembers what was taken in.
const TAKEN: &str = "seeds";

/// A file that may become an object.
struct Seed {
    bucket: String,
    key: String,
    path: Relative,
    size: u64,
    /// Milliseconds since the epoch.
    modified: i64,
}

impl Seed {
    fn name(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }

    fn mark(&self) -> Value {
        json!([self.size, self.modified])
    }
}

/// Takes in what is new, of one bucket or of all; how many objects that made. What cannot be read is
/// left out and told in the log.
///
/// # Errors
/// Only the store's.
pub async fn take_in(region: &Arc<Region>, bucket: Option<&str>) -> Result<usize, StoreError> {
    let Some(folder) = region.options().seeds.clone() else { return Ok(0) };
    let (region, bucket) = (Arc::clone(region), bucket.map(str::to_owned));
    tokio::task::spawn_blocking(move || take(&region, &folder, bucket.as_deref()))
        .await
        .map_err(|error| StoreError::Io(io::Error::other(error)))?
}

fn take(region: &Region, folder: &Path, bucket: Option<&str>) -> Result<usize, StoreError> {
    let beneath = match Beneath::open(folder) {
        Ok(beneath) => beneath,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "the folder is not taken in");
            return Ok(0);
        }
    };
    let seeds = find(&beneath, bucket);
    let taken = region.store().read(|snapshot| snapshot.get(kind::LEDGER, TAKEN))?;
    let mut taken: Map<String, Value> =
        taken.and_then(|row| row.body.as_object().cloned()).unwrap_or_default();
    let objects = region.store().objects();
    let (mut count, mut bytes, mut changed) = (0, 0, false);
    for seed in seeds {
        if taken.get(&seed.name()) == Some(&seed.mark()) {
            continue;
        }
        bytes += seed.size;
        if bytes > MOST_BYTES {
            tracing::warn!(
                "more than {MOST_BYTES} bytes in buckets/: the rest waits for the next time"
            );
            break;
        }
        match put(&objects, &beneath, &seed) {
            Ok(new) => {
                count += usize::from(new);
                taken.insert(seed.name(), seed.mark());
                changed = true;
            }
            Err(ObjectError::Store(fault @ (StoreError::Closed | StoreError::Sqlite(_)))) => {
                return Err(fault);
            }
            Err(error) => {
                tracing::warn!(%error, file = %seed.path.as_path().display(), "not taken into S3");
            }
        }
    }
    if changed {
        remember(region, taken)?;
    }
    if count > 0 {
        tracing::info!(objects = count, "taken into S3 from {}", folder.display());
    }
    Ok(count)
}

fn remember(region: &Region, taken: Map<String, Value>) -> Result<(), StoreError> {
    region.store().write_blocking(move |change| {
        let body = Value::Object(taken);
        match change.get(kind::LEDGER, TAKEN)? {
            Some(mut row) => {
                row.body = body;
                change.update(&row)
            }
            None => change.insert(Row::new(kind::LEDGER, TAKEN, change.now(), body)),
        }
    })
}

/// Makes the object, unless there is one; whether it did.
fn put(objects: &Objects, beneath: &Beneath, seed: &Seed) -> Result<bool, ObjectError> {
    use futures::executor::block_on;
    match block_on(objects.create_bucket(&seed.bucket)) {
        Ok(()) | Err(ObjectError::BucketExists(_)) => {}
        Err(error) => return Err(error),
    }
    let mut draft = objects.draft(&[Algorithm::Crc64Nvme])?;
    io::copy(&mut beneath.read(&seed.path)?, &mut draft)?;
    let about = About { content_type: Some("binary/octet-stream".to_owned()), ..About::default() };
    let put = objects.put(&seed.bucket, &seed.key, draft.seal()?, about, Condition::Absent);
    match block_on(put) {
        Ok(_) => Ok(true),
        Err(ObjectError::Condition(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The files below the folder, in the order of their keys; links and hidden files are left out.
fn find(beneath: &Beneath, bucket: Option<&str>) -> Vec<Seed> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = match bucket {
        Some(bucket) => vec![PathBuf::from(bucket)],
        None => vec![PathBuf::new()],
    };
    while let Some(folder) = open.pop() {
        let Ok(path) = Relative::parse(&folder) else { continue };
        let entries = match beneath.entries(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "not taken into S3");
                continue;
            }
        };
        for (name, is_folder) in entries {
            let path = folder.join(&name);
            let depth = path.components().count();
            if name.starts_with('.') || depth > DEEPEST || (depth == 1 && !may_name_a_bucket(&name))
            {
                tracing::warn!(entry = %path.display(), "left out of S3");
            } else if is_folder {
                open.push(path);
            } else if let Some(seed) = seed(beneath, &path) {
                if found.len() == MOST_FILES {
                    tracing::warn!(
                        "more than {MOST_FILES} files in buckets/: the rest is left out"
                    );
                    return found;
                }
                found.push(seed);
            }
        }
    }
    found.sort_by_key(Seed::name);
    found
}

fn seed(beneath: &Beneath, path: &Path) -> Option<Seed> {
    let (bucket, key) = path.to_str()?.split_once('/')?;
    let relative = Relative::parse(path).ok()?;
    let facts = beneath.read(&relative).and_then(|file| file.metadata()).ok()?;
    let modified = facts.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Seed {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        path: relative,
        size: facts.len(),
        modified: i64::try_from(modified.as_millis()).ok()?,
    })
}

/// S3's rule for names of buckets, as far as a folder can break it.
fn may_name_a_bucket(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| plain(*byte) || matches!(byte, b'-' | b'.'))
        && bytes.first().is_some_and(|byte| plain(*byte))
        && bytes.last().is_some_and(|byte| plain(*byte))
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use super::*;
    use crate::store::objects::Deletion;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_become_objects_once() {
        let bench = Bench::new().await;
        let folder = bench.seeds();
        write(&folder, "sample-files/data/a.csv", "1");
        write(&folder, "sample-files/b.csv", "2");
        write(&folder, "No Bucket/c.csv", "3");
        write(&folder, "sample-files/.hidden", "4");
        write(&folder, "loose.csv", "5");
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.join("sample-files/link")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.join("linked")).unwrap();
        let bench = bench.restart().await;
        let objects = bench.region.store().objects();
        assert_eq!(objects.read("sample-files", "data/a.csv").unwrap(), b"1");
        assert_eq!(objects.buckets("", 10).unwrap().len(), 1);
        assert!(objects.head("sample-files", ".hidden").is_err());
        assert!(objects.head("sample-files", "link").is_err());
        // What was done since then stays.
        objects.delete("sample-files", vec![Deletion::of("b.csv")]).await.unwrap();
        write(&folder, "sample-files/new.csv", "6");
        assert_eq!(take_in(&bench.region, Some("sample-files")).await.unwrap(), 1);
        assert!(objects.head("sample-files", "b.csv").is_err());
        assert_eq!(take_in(&bench.region, None).await.unwrap(), 0);
    }

    #[test]
    fn folders_that_are_no_buckets() {
        for good in ["abc", "a.b-c", "sagemaker-sample-files", "123"] {
            assert!(may_name_a_bucket(good), "{good}");
        }
        for bad in ["ab", "Abc", "a_b", "-abc", "abc.", "a..b", "", &"a".repeat(64)] {
            assert!(!may_name_a_bucket(bad), "{bad}");
        }
    }
}
