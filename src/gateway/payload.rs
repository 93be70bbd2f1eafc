//! Bodies on their way in: bounded, in time, hashed where a signature covers them, aws-chunked
//! undone, trailers kept.

use http::HeaderMap;
use std::sync::{Arc, OnceLock};

/// What stood behind a request's body: HTTP trailers, or those of an aws-chunked body, such as
/// `x-amz-checksum-crc32`. The gateway puts one into the extensions of every request that it hands
/// to S3.
#[derive(Clone, Debug, Default)]
pub struct Trailers(Arc<OnceLock<HeaderMap>>);

impl Trailers {
    /// `None` until the body has been read to its end, and when there were none.
    pub fn get(&self) -> Option<&HeaderMap> {
        self.0.get()
    }

    pub(super) fn set(&self, trailers: HeaderMap) {
        let _ = self.0.set(trailers);
    }
}
