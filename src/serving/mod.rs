//! The data plane: the variant table, the weighted pick, forwarding.
//!
//! An invocation never touches SQLite and takes no global lock: it reads an immutable table that
//! the region publishes, picks a variant and an instance, and streams bytes both ways. What it
//! measured goes into recorders that each worker thread writes for itself and readers merge.

mod body;
mod fault;
mod forward;
pub mod health;
mod history;
mod instance;
pub mod pipeline;
mod plane;
mod pool;
mod pulse;
mod recorder;
mod stream;
mod table;

pub use fault::{MAX_BODY_BYTES, MAX_SERVERLESS_BODY_BYTES};
pub use forward::{Invocation, forward};
pub use history::{BYTES as HISTORY_BYTES, Cursor, Mark, MarkedEvent, Recent, Sample};
pub use instance::Retired;
pub use plane::{Endpoint, Plane};
pub use pulse::{EndpointPulse, Pulse, VariantPulse};
pub use recorder::VariantStatistics;
pub use table::{EndpointTable, InstanceTarget, Routing, VariantTable};

/// Bodies on both sides of the plane: whatever streams, boxed once per request.
pub type Body = http_body_util::combinators::UnsyncBoxBody<bytes::Bytes, BodyError>;

/// Why a body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
