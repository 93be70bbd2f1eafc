//! The region's S3, as far as containers need it.

use super::LayoutError;
use crate::domain::s3_uri::S3Uri;
use std::io::{self, Read, Write};

/// Where inputs come from and artifacts go. Keys are listed in S3's (UTF-8 binary) order.
pub trait Objects: Send + Sync + 'static {
    /// Every key of `bucket` that starts with `prefix`; `None` when the bucket does not exist.
    fn list(&self, bucket: &str, prefix: &str) -> io::Result<Option<Vec<ObjectEntry>>>;
    /// `None` when there is no such object or bucket.
    fn open(&self, bucket: &str, key: &str) -> io::Result<Option<Box<dyn Read + Send>>>;
    /// Stores what `write` writes as one object, whole or not at all.
    fn put(
        &self,
        bucket: &str,
        key: &str,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEntry {
    pub key: String,
    pub bytes: u64,
}

/// An object that has to be there.
pub(super) fn open(
    objects: &dyn Objects,
    uri: &S3Uri,
) -> Result<Box<dyn Read + Send>, LayoutError> {
    let found = objects.open(&uri.bucket, &uri.key).map_err(LayoutError::io(uri.to_string()))?;
    found.ok_or_else(|| nothing_at(uri))
}

/// AWS's words for a source without objects, and what to do about it here.
pub(super) fn nothing_at(uri: &S3Uri) -> LayoutError {
    LayoutError::Client(format!(
        "No S3 objects found under S3 URL \"{uri}\" given in input data source. Please ensure that \
         the bucket exists in the selected region and that objects exist under that S3 prefix. {}",
        uri.how_to_fill()
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    /// Buckets in memory.
    #[derive(Default)]
    pub(in super::super) struct Memory(pub Mutex<BTreeMap<(String, String), Vec<u8>>>);

    impl Memory {
        pub fn with(objects: &[(&str, &[u8])]) -> Self {
            let memory = Self::default();
            for (key, bytes) in objects {
                memory.set("b", key, bytes);
            }
            memory
        }

        pub fn set(&self, bucket: &str, key: &str, bytes: &[u8]) {
            let place = (bucket.to_owned(), key.to_owned());
            self.0.lock().unwrap().insert(place, bytes.to_vec());
        }

        pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
            self.0.lock().unwrap().get(&(bucket.to_owned(), key.to_owned())).cloned()
        }
    }

    impl Objects for Memory {
        fn list(&self, bucket: &str, prefix: &str) -> io::Result<Option<Vec<ObjectEntry>>> {
            let all = self.0.lock().unwrap();
            let in_bucket: Vec<_> = all.iter().filter(|((b, _), _)| b == bucket).collect();
            let matching = in_bucket
                .iter()
                .filter(|((_, key), _)| key.starts_with(prefix))
                .map(|((_, key), bytes)| ObjectEntry {
                    key: key.clone(),
                    bytes: bytes.len() as u64,
                })
                .collect();
            Ok((!in_bucket.is_empty()).then_some(matching))
        }

        fn open(&self, bucket: &str, key: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
            let bytes = self.get(bucket, key);
            Ok(bytes.map(|bytes| Box::new(io::Cursor::new(bytes)) as Box<dyn Read + Send>))
        }

        fn put(
            &self,
            bucket: &str,
            key: &str,
            write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
        ) -> io::Result<()> {
            let mut bytes = Vec::new();
            write(&mut bytes)?;
            self.set(bucket, key, &bytes);
            Ok(())
        }
    }
}
