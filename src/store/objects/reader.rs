//! Reading an object's bytes: from any position on, across the extents of a multipart upload.

use super::blob::{Blob, Extent};
use super::files::Files;
use bytes::{Bytes, BytesMut};
use futures::Stream;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Up to this size a read happens where it is asked for; the system's cache mostly has it.
const INLINE: u64 = 64 * 1024;
/// How many bytes are read at a time, on a thread that may block.
const CHUNK: usize = 256 * 1024;

/// An object's bytes from a position to an end. While it lives its files do.
pub struct Reader {
    files: Arc<Files>,
    blob: Blob,
    extents: Vec<Extent>,
    /// Which extent is open.
    open: (usize, File),
    position: u64,
    end: u64,
}

impl Reader {
    pub(super) fn open(files: &Arc<Files>, blob: Blob, extents: Vec<Extent>) -> io::Result<Self> {
        files.pin(blob.id);
        let first = extents.first().map(|extent| files.open(extent.file));
        let opened = first.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
        // Before anything is answered: a file that is gone or short is damage, and said so.
        let opened = opened.and_then(|file| {
            files.check(&file, &extents)?;
            Ok(file)
        });
        match opened {
            Ok(file) => {
                let end = extents.iter().map(|extent| extent.size).sum();
                let files = Arc::clone(files);
                Ok(Self { files, blob, extents, open: (0, file), position: 0, end })
            }
            Err(error) => {
                files.unpin(blob.id);
                Err(error)
            }
        }
    }

    /// Narrows what is read to `length` bytes from `start` on, as far as there are any.
    #[must_use]
    pub fn range(mut self, start: u64, length: u64) -> Self {
        self.end = start.saturating_add(length).min(self.end);
        self.position = start.min(self.end);
        self
    }

    /// How many bytes are left to read.
    pub fn remaining(&self) -> u64 {
        self.end - self.position
    }

    /// The rest of the bytes, chunk after chunk.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static {
        futures::stream::try_unfold(self, |mut reader| async move {
            if reader.remaining() == 0 {
                return Ok(None);
            }
            if reader.remaining() <= INLINE {
                return Ok(Some((reader.chunk()?, reader)));
            }
            let read = tokio::task::spawn_blocking(move || {
                let chunk = reader.chunk()?;
                Ok((chunk, reader))
            });
            read.await.map_err(io::Error::other)?.map(Some)
        })
    }

    fn chunk(&mut self) -> io::Result<Bytes> {
        let length = usize::try_from(self.remaining()).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = BytesMut::zeroed(length);
        self.read_exact(&mut chunk)?;
        Ok(chunk.freeze())
    }

    /// The extent that holds the position, and where in it that is.
    fn locate(&self) -> Option<(usize, u64)> {
        let mut before = 0;
        for (index, extent) in self.extents.iter().enumerate() {
            if self.position < before + extent.size {
                return Some((index, self.position - before));
            }
            before += extent.size;
        }
        None
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.remaining() == 0 {
            return Ok(0);
        }
        let Some((index, offset)) = self.locate() else { return Ok(0) };
        if self.open.0 != index {
            self.open = (index, self.files.open(self.extents[index].file)?);
        }
        let left = (self.extents[index].size - offset).min(self.remaining());
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let file = &mut self.open.1;
        if file.stream_position()? != offset {
            file.seek(SeekFrom::Start(offset))?;
        }
        let read = file.read(&mut buffer[..length])?;
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "an object's file is shorter than its row says",
            ));
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.end.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let target = target.ok_or(io::ErrorKind::InvalidInput)?;
        self.position = target.min(self.end);
        Ok(self.position)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.files.unpin(self.blob.id);
    }
}
