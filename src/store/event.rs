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

impl Changed {
    pub(super) const fn code(self) -> i64 {
        match self {
            Self::Created => 0,
            Self::Updated => 1,
            Self::Deleted => 2,
        }
    }

    pub(super) const fn from_code(code: i64) -> Self {
        match code {
            0 => Self::Created,
            1 => Self::Updated,
            _ => Self::Deleted,
        }
    }
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

impl Event {
    /// The kind of the one event that tells of [`super::Store::reset`]: everything is gone, and
    /// whoever follows has to start from a new snapshot.
    pub const REGION: &'static str = "region";

    pub fn is_reset(&self) -> bool {
        self.kind == Self::REGION && self.change == Changed::Deleted
    }
}
