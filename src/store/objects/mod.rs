//! Objects: immutable files named by id, made durable first, then committed by one row.
//!
//! A key is never part of a path, so any key that S3 allows is stored faithfully. A write is whole
//! or absent: the bytes go to a new file, and the object exists from the moment its row does. A
//! copy is a further reference to the same bytes, and what a multipart upload was completed from
//! stays as it was sent, extent after extent. Files that no row names are swept at the next open.

mod about;
mod blob;
mod bucket;
mod completion;
mod digest;
mod draft;
mod error;
mod files;
mod listing;
mod multipart;
mod object;
mod reader;
mod row;

pub use about::{About, Checksum, ChecksumKind, Encryption, Object};
pub use bucket::Bucket;
pub use completion::{Completed, CompletedPart, Completion};
pub use digest::Algorithm;
pub use draft::{Draft, Sealed};
pub use error::{ObjectError, Unmet};
pub use listing::{List, Listing, successor};
pub use multipart::{Part, Upload, UploadId};
pub use object::{Condition, Deletion, ETag};
pub use reader::Reader;

pub(super) use files::Files;
pub(super) use row::{count as count_rows, each_raw, get as get_row};

use super::Store;
use std::sync::Arc;

/// The region's buckets and objects. Reading answers on the calling thread; clones are cheap.
#[derive(Clone)]
pub struct Objects {
    store: Store,
    files: Arc<Files>,
}

impl Objects {
    pub(super) fn new(store: Store, files: Arc<Files>) -> Self {
        Self { store, files }
    }
}

#[cfg(test)]
mod tests;
