//! tar.gz archives in and out: `model.tar.gz` and `output.tar.gz`.
//!
//! Archives come from whoever can write to a bucket, so nothing in one is believed: entries are
//! written beneath a directory handle, links are refused (AWS does not extract them either), modes
//! lose their special bits, and bytes and entries are capped. What we pack ourselves is deterministic: the same files give the
//! same bytes.

use super::beneath::{Beneath, Relative};
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::cell::Cell;
use std::fs;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::rc::Rc;
use tar::{EntryType, Header};

/// How much an archive or a set of channels may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    pub bytes: u64,
    pub entries: u64,
}

impl Default for Caps {
    fn default() -> Self {
        Self { bytes: 50 << 30, entries: 1_000_000 }
    }
}

/// What was written or packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub files: u64,
    pub bytes: u64,
}

impl Tally {
    /// Counts one more file, unless that is too much.
    pub(super) fn add(&mut self, bytes: u64, caps: Caps) -> Result<(), ArchiveError> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.files > caps.entries {
            return Err(ArchiveError::TooMuch { what: "entries", limit: caps.entries });
        }
        if self.bytes > caps.bytes {
            return Err(ArchiveError::TooMuch { what: "bytes", limit: caps.bytes });
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("it is not a readable tar.gz archive: {0}")]
    Read(io::Error),
    #[error("the entry {entry:?} {why}")]
    Refused { entry: String, why: String },
    #[error("it holds more than {limit} {what}")]
    TooMuch { what: &'static str, limit: u64 },
    #[error("{0}")]
    Write(#[from] io::Error),
}

/// What a tar's headers and long names may take between two entries. The tar reader keeps long
/// names in memory, so this bounds it.
const HEADER_BYTES: u64 = 1 << 20;

/// Unpacks a gzipped tar into the folder `into`, which must exist.
pub fn unpack(archive: impl Read, into: &Path, caps: Caps) -> Result<Tally, ArchiveError> {
    let beneath = Beneath::open(into)?;
    let allowance = Rc::new(Cell::new(HEADER_BYTES));
    let bytes = MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, archive));
    let bytes = Metered { bytes, allowance: Rc::clone(&allowance) };
    let mut archive = tar::Archive::new(bytes);
    let mut tally = Tally::default();
    for entry in archive.entries().map_err(ArchiveError::Read)? {
        let mut entry = entry.map_err(ArchiveError::Read)?;
        allowance.set(u64::MAX);
        tally.add(0, caps)?;
        place(&beneath, &mut entry, &mut tally, caps)?;
        // What of an entry was not wanted is passed over within its own size.
        io::copy(&mut entry, &mut io::sink()).map_err(ArchiveError::Read)?;
        allowance.set(HEADER_BYTES);
    }
    // Reading on to the end is what checks gzip's checksum.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(ArchiveError::Read)?;
    Ok(tally)
}

/// Writes one entry to where it belongs.
fn place(
    beneath: &Beneath,
    entry: &mut tar::Entry<'_, impl Read>,
    tally: &mut Tally,
    caps: Caps,
) -> Result<(), ArchiveError> {
    let named = entry.path().map_err(ArchiveError::Read)?.into_owned();
    let refused = |why: &str| {
        Err(ArchiveError::Refused { entry: named.display().to_string(), why: why.to_owned() })
    };
    let path = match Relative::parse(&named) {
        Ok(path) => path,
        Err(why) => return refused(why),
    };
    let kind = entry.header().entry_type();
    let put = match kind {
        EntryType::Directory => beneath.create_dir(&path),
        _ if path.is_root() => return refused("has no name"),
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
            match beneath.create(&path, executable) {
                Ok(file) => return copy(entry, file, tally, caps),
                Err(error) => Err(error),
            }
        }
        EntryType::Symlink | EntryType::Link => {
            return refused("is a link; an archive with links cannot be extracted");
        }
        _ => return refused("is neither a file nor a folder"),
    };
    put.or_else(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Err(error.into()),
        _ => refused(&format!("cannot be put in place: {error}")),
    })
}

fn copy(
    entry: &mut impl Read,
    mut file: fs::File,
    tally: &mut Tally,
    caps: Caps,
) -> Result<(), ArchiveError> {
    let left = caps.bytes - tally.bytes;
    let mut limited = Tracked { bytes: entry.take(left.saturating_add(1)), failed: false };
    let copied = io::copy(&mut limited, &mut file).map_err(|error| {
        if limited.failed { ArchiveError::Read(error) } else { ArchiveError::Write(error) }
    })?;
    tally.bytes += copied;
    if copied > left {
        return Err(ArchiveError::TooMuch { what: "bytes", limit: caps.bytes });
    }
    Ok(())
}

/// Tells a reader's failure from a writer's.
struct Tracked<R> {
    bytes: R,
    failed: bool,
}

impl<R: Read> Read for Tracked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer).inspect_err(|_| self.failed = true)
    }
}

/// Ends with an error once the allowance is used up.
struct Metered<R> {
    bytes: R,
    allowance: Rc<Cell<u64>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        let left = self.allowance.get();
        let Some(left) = left.checked_sub(count as u64) else {
            return Err(io::Error::other("its headers are larger than any real archive's"));
        };
        self.allowance.set(left);
        Ok(count)
    }
}

/// Packs what lies in the folder `from` as a gzipped tar: folders, regular files and links, in
/// order of their names, without owners and times. An absent folder packs as an empty one. Sockets,
/// devices and the like are passed over.
pub fn pack(from: &Path, archive: impl Write) -> Result<Tally, ArchiveError> {
    // Models barely shrink further at higher levels, and a job waits for this.
    let gzip = GzEncoder::new(BufWriter::with_capacity(64 * 1024, archive), Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let mut tally = Tally::default();
    match Beneath::open(from) {
        Ok(beneath) => pack_folder(&beneath, from, Path::new(""), &mut tar, &mut tally)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    tar.into_inner()?.finish()?.flush()?;
    Ok(tally)
}

fn pack_folder(
    beneath: &Beneath,
    root: &Path,
    folder: &Path,
    tar: &mut tar::Builder<impl Write>,
    tally: &mut Tally,
) -> Result<(), ArchiveError> {
    let mut entries = fs::read_dir(root.join(folder))?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = folder.join(entry.file_name());
        let metadata = entry.metadata()?;
        let mut header = Header::new_gnu();
        header.set_mtime(0);
        header.set_size(0);
        if metadata.is_dir() {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            tar.append_data(&mut header, path.join(""), io::empty())?;
            pack_folder(beneath, root, &path, tar, tally)?;
        } else if metadata.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            tar.append_link(&mut header, &path, fs::read_link(entry.path())?)?;
        } else if metadata.is_file() {
            let name = Relative::parse(&path).map_err(io::Error::other)?;
            let file = beneath.read(&name)?;
            let size = file.metadata()?.size();
            header.set_mode(if metadata.mode() & 0o100 == 0 { 0o644 } else { 0o755 });
            header.set_size(size);
            // Exactly what the header says, should the file still change.
            let mut bytes = file.take(size).chain(io::repeat(0)).take(size);
            tar.append_data(&mut header, &path, &mut bytes)?;
            tally.files += 1;
            tally.bytes += size;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A gzipped tar of hand-made entries: kind, name, link target, content. Names are written to
    /// the header as they are, for the tar crate itself would refuse the bad ones.
    fn archive(entries: &[(EntryType, &str, &str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (kind, name, target, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o4777);
            header.set_size(content.len() as u64);
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.as_mut_bytes()[157..157 + target.len()].copy_from_slice(target.as_bytes());
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    fn unpack_into_new(
        bytes: &[u8],
        caps: Caps,
    ) -> (tempfile::TempDir, Result<Tally, ArchiveError>) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("in")).unwrap();
        let result = unpack(bytes, &dir.path().join("in"), caps);
        (dir, result)
    }

    #[test]
    fn what_is_packed_comes_back_and_packs_the_same_again() {
        let from = tempfile::tempdir().unwrap();
        let long = "n".repeat(200);
        fs::create_dir_all(from.path().join("a/empty")).unwrap();
        fs::write(from.path().join("a/model"), b"weights").unwrap();
        fs::write(from.path().join(&long), vec![7; 100_000]).unwrap();
        fs::write(from.path().join("run"), b"#!/bin/sh").unwrap();
        fs::set_permissions(from.path().join("run"), fs::Permissions::from_mode(0o4711)).unwrap();
        let mut first = Vec::new();
        let packed = pack(from.path(), &mut first).unwrap();
        assert_eq!(packed, Tally { files: 3, bytes: 100_016 });

        let (dir, unpacked) = unpack_into_new(&first, Caps::default());
        assert_eq!(unpacked.unwrap().bytes, 100_016);
        let into = dir.path().join("in");
        assert_eq!(fs::read(into.join("a/model")).unwrap(), b"weights");
        assert!(into.join("a/empty").is_dir());
        assert_eq!(into.join("run").metadata().unwrap().mode() & 0o7777, 0o755);
        let mut second = Vec::new();
        pack(&into, &mut second).unwrap();
        assert_eq!(first, second);
    }

    #[test]
    fn an_absent_folder_packs_as_an_empty_archive() {
        let mut bytes = Vec::new();
        assert_eq!(pack(Path::new("/nonexistent/x"), &mut bytes).unwrap(), Tally::default());
        let (_, unpacked) = unpack_into_new(&bytes, Caps::default());
        assert_eq!(unpacked.unwrap(), Tally::default());
    }

    #[test]
    fn escapes_are_refused_and_leave_nothing_outside() {
        use EntryType::{Block, Char, Directory, Fifo, Link, Regular, Symlink};
        type Entry<'a> = (EntryType, &'a str, &'a str, &'a [u8]);
        let cases: [&[Entry<'_>]; 12] = [
            &[(Regular, "../evil", "", b"x")],
            &[(Regular, "/tmp/evil-of-sagebrush", "", b"x")],
            &[(Regular, "a/../../evil", "", b"x")],
            &[(Directory, "../evil", "", b"")],
            &[(Symlink, "l", "..", b""), (Regular, "l/evil", "", b"x")],
            &[(Symlink, "l", "/tmp", b"")],
            // Through a link that itself stays inside.
            &[(Directory, "d", "", b""), (Symlink, "l", "d", b""), (Regular, "l/x", "", b"x")],
            &[(Symlink, "p/q/r", "../..", b""), (Symlink, "evil", "p/q/r/../../..", b"")],
            &[(Link, "l", "../../etc/passwd", b"")],
            &[(Link, "l", "/etc/passwd", b"")],
            &[(Symlink, "s", "x", b""), (Regular, "s", "", b"written through")],
            &[(Fifo, "f", "", b""), (Char, "c", "", b""), (Block, "b", "", b"")],
        ];
        for entries in cases {
            let (dir, result) = unpack_into_new(&archive(entries), Caps::default());
            assert!(matches!(result, Err(ArchiveError::Refused { .. })), "{entries:?}: {result:?}");
            let beside: Vec<_> = fs::read_dir(dir.path()).unwrap().map(Result::unwrap).collect();
            assert_eq!(beside.len(), 1, "{entries:?}");
        }
        assert!(!Path::new("/tmp/evil-of-sagebrush").exists());
    }

    #[test]
    fn links_are_refused_by_name() {
        for kind in [EntryType::Link, EntryType::Symlink] {
            let file = (EntryType::Regular, "d/file", "", &b"x"[..]);
            let bytes = archive(&[file, (kind, "d/inner", "file", b"")]);
            let (_dir, result) = unpack_into_new(&bytes, Caps::default());
            let said = result.unwrap_err().to_string();
            assert!(said.contains("d/inner") && said.contains("cannot be extracted"), "{said}");
        }
    }

    #[test]
    fn special_bits_are_not_kept() {
        let bytes = archive(&[(EntryType::Regular, "d/file", "", b"x")]);
        let (dir, result) = unpack_into_new(&bytes, Caps::default());
        result.unwrap();
        let file = dir.path().join("in/d/file");
        assert_eq!(file.metadata().unwrap().mode() & 0o7000, 0);
    }

    #[test]
    fn bytes_and_entries_are_capped() {
        let zeros = vec![0; 1 << 20];
        let bomb = archive(&[(EntryType::Regular, "a", "", &zeros)]);
        let (dir, result) = unpack_into_new(&bomb, Caps { bytes: 1000, entries: 10 });
        assert!(matches!(result, Err(ArchiveError::TooMuch { what: "bytes", limit: 1000 })));
        assert!(dir.path().join("in/a").metadata().unwrap().len() <= 1001);

        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let many: Vec<_> =
            names.iter().map(|name| (EntryType::Regular, name.as_str(), "", &b""[..])).collect();
        let (_dir, result) = unpack_into_new(&archive(&many), Caps { bytes: 1000, entries: 10 });
        assert!(matches!(result, Err(ArchiveError::TooMuch { what: "entries", limit: 10 })));
    }

    #[test]
    fn a_long_name_cannot_fill_the_memory() {
        let name = vec![b'n'; 8 << 20];
        let bytes = archive(&[
            (EntryType::GNULongName, "././@LongLink", "", &name),
            (EntryType::Regular, "short", "", b"x"),
        ]);
        let (_dir, result) = unpack_into_new(&bytes, Caps::default());
        assert!(matches!(result, Err(ArchiveError::Read(_))), "{result:?}");
    }

    #[test]
    fn what_is_no_archive_is_said_so() {
        for bytes in [&b"plain text"[..], b"\x1f\x8b\x08\x00broken", b""] {
            let (_dir, result) = unpack_into_new(bytes, Caps::default());
            assert!(matches!(result, Err(ArchiveError::Read(_))), "{bytes:?}: {result:?}");
        }
        let whole = archive(&[(EntryType::Regular, "a", "", &[1; 5000])]);
        let (_dir, result) = unpack_into_new(&whole[..whole.len() - 12], Caps::default());
        assert!(matches!(result, Err(ArchiveError::Read(_))), "{result:?}");
    }
}
