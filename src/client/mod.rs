//! A signed HTTP client of the region and its watch stream; what every front end holds.
//!
//! A front end is a client like boto3: it finds the region's address and key in the workspace,
//! signs what it sends and learns what happens from the watch stream. Nothing here reaches past
//! the gateway.

mod attach;
mod call;
mod invocation;
mod live;
mod object;
mod transport;
mod watch;

pub use attach::{Attached, attach};
pub use invocation::{Invocation, InvocationAnswer};
pub use object::{Level, Object, encode};
pub use transport::Client;
pub use watch::{Lines, Watch};

use crate::api::error::AwsError;
use std::net::SocketAddr;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The region refused, in AWS's words.
    #[error("{0}")]
    Aws(AwsError),
    #[error(
        "no region answers at {address} ({source}); `sagebrush status` tells which one runs, `sagebrush serve` starts one"
    )]
    Unreachable { address: SocketAddr, source: std::io::Error },
    /// The answer is not what the protocol promises.
    #[error("the answer cannot be read: {0}")]
    Protocol(String),
    /// A local file that was to be sent or written.
    #[error("{path}: {source}")]
    File { path: std::path::PathBuf, source: std::io::Error },
}

impl From<AwsError> for CallError {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}
