//! SQLite behind one writer thread and a pool of readers; objects; log segments; telemetry.
//!
//! Every change of the region is one transaction that holds the rows and the events that tell of
//! them. The writer commits in groups: whoever waits while a commit is under way rides in the next
//! one, and nobody ever waits on a timer. A call returns only when its transaction is committed.

mod change;
mod check;
mod cursor;
mod error;
mod event;
mod folder;
mod handle;
mod housekeeper;
mod list;
pub mod logs;
mod migrations;
pub mod objects;
mod readers;
mod resource;
mod row;
mod snapshot;
mod space;
mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;

pub use change::Change;
pub use check::{Damage, everything as check};
pub use cursor::{BadCursor, Cursor};
pub use error::{OpenError, StoreError};
pub use event::{Changed, Event};
pub use handle::{Durability, Store};
pub use row::{Page, Query, RawRow, Row, Sort};
pub use snapshot::Snapshot;
