//! Objects to files: File and FastFile channels, models as they are, checkpoints.

use super::channel::{Channel, Item};
use super::objects::{Objects, nothing_at, open};
use super::{Host, LayoutError};
use crate::domain::s3_uri::S3Uri;
use crate::engine::archive::{Caps, Tally};
use crate::engine::beneath::{Beneath, Relative};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

/// Copies the host's share of a channel to `input/data/<channel>`.
pub(super) fn channel(
    objects: &dyn Objects,
    ml: &Beneath,
    channel: &Channel,
    host: &Host,
    tally: &mut Tally,
    caps: Caps,
) -> Result<(), LayoutError> {
    let folder = format!("input/data/{}", channel.name);
    let path = relative(&folder, &folder)?;
    ml.create_dir(&path).map_err(LayoutError::io(folder.clone()))?;
    // A host's files have no order of their own; only the deal matters here.
    for item in channel.share(channel.items(objects)?, host, 0) {
        file(objects, ml, &folder, &item, tally, caps)?;
    }
    Ok(())
}

/// Copies every object below `prefix` into `folder`; how many there were.
pub(super) fn prefix(
    objects: &dyn Objects,
    ml: &Beneath,
    folder: &str,
    prefix: &S3Uri,
    tally: &mut Tally,
    caps: Caps,
) -> Result<usize, LayoutError> {
    // A prefix of files is a folder: `models/1` must not bring `models/10`.
    let below = prefix.below("");
    let listed = objects
        .list(&prefix.bucket, &below)
        .map_err(LayoutError::io(prefix.to_string()))?
        .ok_or_else(|| nothing_at(prefix))?;
    let mut count = 0;
    for entry in listed {
        if entry.key.ends_with('/') && entry.bytes == 0 {
            continue;
        }
        let item = Item {
            bucket: prefix.bucket.clone(),
            path: entry.key[below.len()..].trim_start_matches('/').to_owned(),
            key: entry.key,
            bytes: Some(entry.bytes),
        };
        file(objects, ml, folder, &item, tally, caps)?;
        count += 1;
    }
    Ok(count)
}

/// Copies one object to its path below `folder`.
pub(super) fn file(
    objects: &dyn Objects,
    ml: &Beneath,
    folder: &str,
    item: &Item,
    tally: &mut Tally,
    caps: Caps,
) -> Result<(), LayoutError> {
    let uri = S3Uri { bucket: item.bucket.clone(), key: item.key.clone() };
    if item.key.starts_with('/') || item.key.contains("//") {
        return Err(no_file(&uri.to_string(), "has an empty name in its path (`//`)"));
    }
    let name = relative(&item.path, &uri.to_string())?;
    if name.is_root() {
        return Err(no_file(&uri.to_string(), "has no name"));
    }
    let path = relative(&format!("{folder}/{}", item.path), &uri.to_string())?;
    let bytes = open(objects, &uri)?;
    let target = ml.create(&path, false).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory => no_file(
            &uri.to_string(),
            "lands where another object's file or folder is already (a name can be both in S3, \
             not in a folder)",
        ),
        _ => LayoutError::Io { path: path.as_path().into(), source: error },
    })?;
    let left = caps.bytes.saturating_sub(tally.bytes);
    let copied = copy(bytes.take(left.saturating_add(1)), target)
        .map_err(LayoutError::io(uri.to_string()))?;
    tally.add(copied, caps).map_err(LayoutError::archive(&uri.to_string()))
}

/// `io::copy` through a buffer that suits whole objects.
fn copy(mut from: impl Read, to: impl Write) -> io::Result<u64> {
    let mut to = BufWriter::with_capacity(256 * 1024, to);
    let copied = io::copy(&mut from, &mut to)?;
    to.flush()?;
    Ok(copied)
}

pub(super) fn relative(path: &str, named: &str) -> Result<Relative, LayoutError> {
    Relative::parse(Path::new(path)).map_err(|why| no_file(named, why))
}

fn no_file(uri: &str, why: &str) -> LayoutError {
    LayoutError::Client(format!(
        "Failed to download {uri}: as a file, it {why}. Rename the object, or read it in Pipe mode."
    ))
}

#[cfg(test)]
mod tests {
    use super::super::objects::tests::Memory;
    use super::*;
    use std::fs;

    fn download(keys: &[(&str, &[u8])], caps: Caps) -> (tempfile::TempDir, Result<Tally, String>) {
        let dir = tempfile::tempdir().unwrap();
        let ml = Beneath::open(dir.path()).unwrap();
        let mut tally = Tally::default();
        let uri = S3Uri::parse("s3://b/p").unwrap();
        let memory = Memory::with(keys);
        let result = prefix(&memory, &ml, "model", &uri, &mut tally, caps);
        (dir, result.map(|_| tally).map_err(|error| error.to_string()))
    }

    #[test]
    fn brings_a_folder_and_not_its_neighbour() {
        let (dir, tally) =
            download(&[("p/a", b"1"), ("p/b/c", b"22"), ("p2/x", b"3")], Caps::default());
        assert_eq!(tally.unwrap(), Tally { files: 2, bytes: 3 });
        assert_eq!(fs::read(dir.path().join("model/b/c")).unwrap(), b"22");
    }

    #[test]
    fn keys_that_are_no_files_are_refused_by_name() {
        for (keys, said) in [
            (&[("p/../../x", &b""[..])][..], "leads out"),
            (&[("p/a", b"1"), ("p/a/b", b"2")], "another object's file"),
            (&[("p/b//c", b"2")], "empty name"),
            (&[("p//a", b"2")], "empty name"),
        ] {
            let (dir, result) = download(keys, Caps::default());
            let error = result.unwrap_err();
            assert!(error.contains(said) && error.contains("s3://b/p/"), "{error}");
            assert!(!dir.path().parent().unwrap().join("x").exists());
        }
    }

    #[test]
    fn caps_hold_over_all_files() {
        let keys: [(&str, &[u8]); 2] = [("p/a", b"12345"), ("p/b", b"12345")];
        let (_dir, result) = download(&keys, Caps { bytes: 9, entries: 10 });
        assert!(result.unwrap_err().contains("more than 9 bytes"));
        let (_dir, result) = download(&keys, Caps { bytes: 90, entries: 1 });
        assert!(result.unwrap_err().contains("more than 1 entries"));
    }
}
