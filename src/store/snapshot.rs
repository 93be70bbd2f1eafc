//! A consistent view for reading.

use super::{Event, Page, Query, RawRow, Row, StoreError, list, objects, resource};
use crate::domain::kind;
use rusqlite::Connection;

/// A consistent view for reading. Buckets are rows here too ([`kind::BUCKET`]), save
/// for lists with filters.
pub struct Snapshot<'a> {
    pub(super) connection: &'a Connection,
}

impl Snapshot<'_> {
    /// The row of exactly this name.
    pub fn get(&self, kind: &str, name: &str) -> Result<Option<Row>, StoreError> {
        match kind {
            kind::BUCKET => objects::get_row(self.connection, name),
            _ => resource::get(self.connection, kind, name),
        }
    }

    /// The row of this name in upper or lower case.
    pub fn get_any_case(&self, kind: &str, name: &str) -> Result<Option<Row>, StoreError> {
        match kind {
            kind::BUCKET => objects::get_row(self.connection, name),
            _ => resource::get_any_case(self.connection, kind, name),
        }
    }

    pub fn list(&self, query: &Query) -> Result<Page, StoreError> {
        list::list(self.connection, query)
    }

    /// Calls `tell` with up to `limit` rows of a kind behind the position `after` (empty at first),
    /// their documents unread, and returns the next position when there may be more rows. For those
    /// who pass on whole kinds: taking documents apart and putting them together is most of the work.
    pub fn each_raw(
        &self,
        kind: &str,
        after: &str,
        limit: usize,
        tell: impl FnMut(RawRow<'_>) -> Result<(), StoreError>,
    ) -> Result<Option<String>, StoreError> {
        match kind {
            kind::BUCKET => objects::each_raw(self.connection, after, limit, tell),
            _ => resource::each_raw(self.connection, kind, after, limit, tell),
        }
    }

    pub fn count(&self, kind: &str) -> Result<u64, StoreError> {
        match kind {
            kind::BUCKET => objects::count_rows(self.connection),
            _ => resource::count(self.connection, kind),
        }
    }

    /// The kinds that have rows, by name.
    pub fn kinds(&self) -> Result<Vec<String>, StoreError> {
        let mut kinds = resource::kinds(self.connection)?;
        if self.count(kind::BUCKET)? > 0 {
            kinds.push(kind::BUCKET.to_owned());
        }
        Ok(kinds)
    }

    pub fn tags(&self, arn: &str) -> Result<Vec<(String, String)>, StoreError> {
        resource::tags(self.connection, arn)
    }

    /// The revision of the newest event.
    pub fn revision(&self) -> Result<u64, StoreError> {
        Ok(resource::revisions(self.connection)?.1)
    }

    /// Events after `since`, oldest first; `None` when they are no longer all kept.
    pub fn events(&self, since: u64, limit: usize) -> Result<Option<Vec<Event>>, StoreError> {
        resource::events(self.connection, since, limit)
    }
}
