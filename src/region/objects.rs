//! The region's S3 as containers need it: inputs read, artifacts written, on threads that may block.

use super::Region;
use crate::engine::opt_ml::{ObjectEntry, Objects};
use crate::store::objects::{
    About, Algorithm, Checksum, ChecksumKind, Condition, List, ObjectError,
    Objects as StoredObjects,
};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

/// This region's buckets.
pub fn of(region: &Region) -> Arc<dyn Objects> {
    Arc::new(Buckets(region.store().objects()))
}

struct Buckets(StoredObjects);

impl Objects for Buckets {
    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Option<Vec<ObjectEntry>>> {
        let mut entries = Vec::new();
        let mut question = List { prefix: prefix.to_owned(), ..List::default() };
        loop {
            let page = match self.0.list(bucket, &question) {
                Ok(page) => page,
                Err(ObjectError::NoSuchBucket(_)) => return Ok(None),
                Err(error) => return Err(io_error(error)),
            };
            let objects = page.objects.into_iter();
            entries.extend(objects.map(|each| ObjectEntry { key: each.key, bytes: each.size }));
            match page.next {
                Some(next) => question.from = Some(next),
                None => return Ok(Some(entries)),
            }
        }
    }

    fn open(&self, bucket: &str, key: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
        match self.0.open(bucket, key) {
            Ok((_, reader)) => Ok(Some(Box::new(reader))),
            Err(ObjectError::NoSuchBucket(_) | ObjectError::NoSuchKey(_)) => Ok(None),
            Err(error) => Err(io_error(error)),
        }
    }

    fn put(
        &self,
        bucket: &str,
        key: &str,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut draft = self.0.draft(&[Algorithm::Crc64Nvme])?;
        write(&mut draft)?;
        let sealed = draft.seal()?;
        let checksum = sealed.checksum(Algorithm::Crc64Nvme).map(|value| Checksum {
            algorithm: Algorithm::Crc64Nvme,
            kind: ChecksumKind::FullObject,
            value: value.to_owned(),
        });
        let about = About {
            content_type: Some("application/octet-stream".to_owned()),
            checksum,
            ..About::default()
        };
        let put = self.0.put(bucket, key, sealed, about, Condition::Always);
        futures::executor::block_on(put).map(|_| ()).map_err(io_error)
    }
}

/// What is not there is the caller's doing; the kind says so.
fn io_error(error: ObjectError) -> io::Error {
    match error {
        ObjectError::NoSuchBucket(_) => {
            io::Error::new(ErrorKind::NotFound, format!("NoSuchBucket: {error}"))
        }
        ObjectError::NoSuchKey(_) => {
            io::Error::new(ErrorKind::NotFound, format!("NoSuchKey: {error}"))
        }
        error => io::Error::other(error),
    }
}
