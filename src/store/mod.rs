//! SQLite behind one writer thread and a pool of readers; objects; log segments; telemetry.
//!
//! Every change of the region is one transaction that holds the rows and the events that tell of
//! them. The writer commits in groups: whoever waits while a commit is under way rides in the next
//! one, and nobody ever waits on a timer. A call returns only when its transaction is committed.

mod change;
mod error;
mod event;
mod row;

pub use change::{Change, Durability, Snapshot, Store};
pub use error::{OpenError, StoreError};
pub use event::{Changed, Event};
pub use row::{Cursor, Page, Query, Row, Sort};
