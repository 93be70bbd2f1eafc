//! Bytes on their way to becoming an object: a new file that nothing names yet.

use super::digest::{Algorithm, Running};
use super::files::{FileId, Files};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use md5::Digest as _;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

/// Below this, bytes are digested and written where they are; from here on, on a thread that may
/// block.
const INLINE: usize = 64 * 1024;
/// How many bytes are handed to that thread at a time, while the next ones arrive.
const BATCH: usize = 1024 * 1024;

/// A file being written. Dropped unsealed, it leaves nothing behind.
pub struct Draft {
    file: File,
    guard: Guard,
    size: u64,
    md5: md5::Md5,
    running: BTreeMap<Algorithm, Running>,
}

/// A file that is whole and durable, and what its bytes are. Until it becomes an object or a part,
/// dropping it removes it.
pub struct Sealed {
    pub(super) guard: Guard,
    pub size: u64,
    pub md5: [u8; 16],
    checksums: BTreeMap<Algorithm, String>,
}

/// Removes a file unless it became part of something.
pub(super) struct Guard {
    files: Arc<Files>,
    pub id: FileId,
    keep: bool,
}

impl Guard {
    pub fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.keep {
            self.files.remove(&[self.id]);
        }
    }
}

impl Draft {
    /// Digests are computed for `algorithms`, and MD5 always.
    pub(super) fn new(files: &Arc<Files>, algorithms: &[Algorithm]) -> io::Result<Self> {
        let (id, file) = files.create()?;
        let running = algorithms.iter().map(|algorithm| (*algorithm, Running::new(*algorithm)));
        Ok(Self {
            file,
            guard: Guard { files: Arc::clone(files), id, keep: false },
            size: 0,
            md5: md5::Md5::new(),
            running: running.collect(),
        })
    }

    /// How many bytes were written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Writes all that a stream brings. An `Err` of the stream ends it and comes back as it is.
    pub async fn fill<E>(
        mut self,
        mut stream: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Self, E>
    where
        E: From<io::Error>,
    {
        let mut batch = Vec::new();
        let mut waiting = 0;
        while let Some(bytes) = stream.next().await {
            let bytes = bytes?;
            waiting += bytes.len();
            batch.push(bytes);
            if waiting >= BATCH {
                waiting = 0;
                self = self.write_elsewhere(std::mem::take(&mut batch)).await?;
            }
        }
        if waiting > INLINE {
            return Ok(self.write_elsewhere(batch).await?);
        }
        for bytes in batch {
            self.write_all(&bytes)?;
        }
        Ok(self)
    }

    async fn write_elsewhere(mut self, batch: Vec<Bytes>) -> io::Result<Self> {
        let written = tokio::task::spawn_blocking(move || {
            batch.iter().try_for_each(|bytes| self.write_all(bytes)).map(|()| self)
        });
        written.await.map_err(io::Error::other)?
    }

    /// Makes the file durable and ends its digests.
    pub fn seal(self) -> io::Result<Sealed> {
        self.guard.files.make_durable(self.guard.id, &self.file)?;
        let finished =
            self.running.into_iter().map(|(algorithm, running)| (algorithm, running.finish()));
        Ok(Sealed {
            guard: self.guard,
            size: self.size,
            md5: self.md5.finalize().into(),
            checksums: finished.collect(),
        })
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        self.md5.update(bytes);
        for running in self.running.values_mut() {
            running.update(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sealed {
    /// The checksum in base64, when the draft was asked to compute it.
    pub fn checksum(&self, algorithm: Algorithm) -> Option<&str> {
        self.checksums.get(&algorithm).map(String::as_str)
    }
}
