//! What changed, in the order in which it was committed. Reconcilers and watchers live on these.

use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Changed {
    Created,
    Updated,
    Deleted,
}

/// One committed change of one row. `revision` grows by at least one from event to event and never
/// repeats, also over restarts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub revision: u64,
    pub at: Timestamp,
    pub kind: String,
    pub name: String,
    pub change: Changed,
    /// The row's status after the change.
    pub status: String,
}
