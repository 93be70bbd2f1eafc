//! A transaction under way on the writer thread.

use super::{Changed, Event, Page, Query, Row, StoreError, list, resource};
use crate::domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

/// Runs once the change is committed, before its caller knows, and never when it is not. It holds up
/// the writer, so it only hands on.
pub(super) type Afterwards = Box<dyn FnOnce() + Send>;

/// A transaction under way on the writer thread. Reads see what it has written so far.
pub struct Change<'a> {
    pub(super) connection: &'a Connection,
    now: Timestamp,
    /// The newest revision so far.
    pub(super) revision: u64,
    pub(super) events: Vec<Event>,
    pub(super) afterwards: Vec<Afterwards>,
    /// Others share the transaction, so a savepoint has to stand before the first write.
    shared: bool,
    /// The savepoint stands.
    pub(super) marked: bool,
    /// It adds something that a full disk has no room for.
    pub(super) grows: bool,
}

impl<'a> Change<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        now: Timestamp,
        revision: u64,
        shared: bool,
    ) -> Self {
        Self {
            connection,
            now,
            revision,
            events: Vec::new(),
            afterwards: Vec::new(),
            shared,
            marked: false,
            grows: false,
        }
    }

    /// The time of this change; the same for all that it writes, and never before that of an
    /// earlier change.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The row of exactly this name.
    pub fn get(&self, kind: &str, name: &str) -> Result<Option<Row>, StoreError> {
        resource::get(self.connection, kind, name)
    }

    /// The row of this name in upper or lower case.
    pub fn get_any_case(&self, kind: &str, name: &str) -> Result<Option<Row>, StoreError> {
        resource::get_any_case(self.connection, kind, name)
    }

    /// `StoreError::Exists` when the name is taken, in whatever case.
    pub fn insert(&mut self, row: Row) -> Result<(), StoreError> {
        self.grow()?;
        let inserted = self
            .connection
            .prepare_cached(
                "INSERT INTO resource
                     (kind, lower, name, parent, status, created, modified, revision, private, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                row.kind,
                row.name.to_lowercase(),
                row.name,
                row.parent,
                row.status,
                row.created.as_millis(),
                row.modified.as_millis(),
                self.revision + 1,
                document(&row.private)?,
                serde_json::to_string(&row.body)?,
            ])?;
        if inserted == 0 {
            return Err(StoreError::Exists { kind: row.kind, name: row.name });
        }
        self.connection
            .prepare_cached(
                "INSERT INTO tally VALUES (?1, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            )?
            .execute([&row.kind])?;
        self.tell(row.kind, row.name, Changed::Created, row.status)
    }

    /// Writes status, times, body, private and parent of a row that exists. The row's `modified`
    /// is set to `now()`.
    pub fn update(&mut self, row: &Row) -> Result<(), StoreError> {
        self.mark()?;
        let updated = self
            .connection
            .prepare_cached(
                "UPDATE resource SET parent = ?3, status = ?4, created = ?5, modified = ?6,
                     revision = ?7, private = ?8, body = ?9
                 WHERE kind = ?1 AND lower = ?2",
            )?
            .execute(params![
                row.kind,
                row.name.to_lowercase(),
                row.parent,
                row.status,
                row.created.as_millis(),
                self.now.as_millis(),
                self.revision + 1,
                document(&row.private)?,
                serde_json::to_string(&row.body)?,
            ])?;
        if updated == 0 {
            return Err(StoreError::Missing { kind: row.kind.clone(), name: row.name.clone() });
        }
        self.tell(row.kind.clone(), row.name.clone(), Changed::Updated, row.status.clone())
    }

    /// Deletes the row of exactly this name and its tags; false when there is none.
    pub fn delete(&mut self, kind: &str, name: &str) -> Result<bool, StoreError> {
        self.mark()?;
        let deleted = self
            .connection
            .prepare_cached(
                "DELETE FROM resource WHERE kind = ?1 AND lower = ?2 AND name = ?3 RETURNING status",
            )?
            .query_row(params![kind, name.to_lowercase(), name], |row| row.get(0))
            .optional()?;
        let Some(status): Option<String> = deleted else { return Ok(false) };
        self.connection
            .prepare_cached("UPDATE tally SET count = count - 1 WHERE kind = ?1")?
            .execute([kind])?;
        self.connection
            .prepare_cached("DELETE FROM tag WHERE resource = ?1")?
            .execute([format!("{kind}/{}", name.to_lowercase())])?;
        self.tell(kind.to_owned(), name.to_owned(), Changed::Deleted, status)?;
        Ok(true)
    }

    pub fn list(&self, query: &Query) -> Result<Page, StoreError> {
        list::list(self.connection, query)
    }

    /// The next number of a counter that never goes back: 1, 2, 3 …
    pub fn next(&mut self, counter: &str) -> Result<u64, StoreError> {
        self.mark()?;
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO counter VALUES (?1, 1)
             ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value",
        )?;
        Ok(statement.query_row([counter], |row| row.get(0))?)
    }

    pub fn tags(&self, arn: &str) -> Result<Vec<(String, String)>, StoreError> {
        resource::tags(self.connection, arn)
    }

    /// Adds or overwrites.
    pub fn tag(&mut self, arn: &str, tags: &[(String, String)]) -> Result<(), StoreError> {
        self.grow()?;
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO tag VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        let resource = resource::tagged(arn);
        for (key, value) in tags {
            statement.execute([&resource, arn, key, value])?;
        }
        Ok(())
    }

    pub fn untag(&mut self, arn: &str, keys: &[String]) -> Result<(), StoreError> {
        self.mark()?;
        let mut statement = self
            .connection
            .prepare_cached("DELETE FROM tag WHERE resource = ?1 AND arn = ?2 AND key = ?3")?;
        let resource = resource::tagged(arn);
        for key in keys {
            statement.execute([&resource, arn, key])?;
        }
        Ok(())
    }

    /// Stands before every write. A change that shares its transaction with others gets a savepoint
    /// with its first write, so that one which only looks and refuses costs none.
    pub(super) fn mark(&mut self) -> Result<(), StoreError> {
        if self.shared && !self.marked {
            self.connection.prepare_cached("SAVEPOINT change")?.execute([])?;
            self.marked = true;
        }
        Ok(())
    }

    /// [`Change::mark`] of a write that adds something: refused when the disk is full.
    pub(super) fn grow(&mut self) -> Result<(), StoreError> {
        self.grows = true;
        self.mark()
    }

    /// Has `then` run once this change is committed.
    pub(super) fn afterwards(&mut self, then: impl FnOnce() + Send + 'static) {
        self.afterwards.push(Box::new(then));
    }

    /// Writes the event of a row that was just written.
    pub(super) fn tell(
        &mut self,
        kind: String,
        name: String,
        change: Changed,
        status: String,
    ) -> Result<(), StoreError> {
        let event = Event { revision: self.revision + 1, at: self.now, kind, name, change, status };
        self.connection
            .prepare_cached("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                event.revision,
                event.at.as_millis(),
                event.kind,
                event.name,
                event.change.code(),
                event.status,
            ])?;
        self.revision = event.revision;
        self.events.push(event);
        Ok(())
    }

    /// Empties every table. Revisions go on growing, with a gap that no follower can overlook.
    pub(super) fn clear(&mut self) -> Result<(), StoreError> {
        self.mark()?;
        self.connection.execute_batch(
            "DELETE FROM resource; DELETE FROM tally; DELETE FROM event; DELETE FROM tag;
             DELETE FROM counter; DELETE FROM bucket; DELETE FROM blob; DELETE FROM extent;
             DELETE FROM object; DELETE FROM upload; DELETE FROM part; DELETE FROM completed;
             DELETE FROM log_group; DELETE FROM log_stream;",
        )?;
        self.revision += 1;
        self.tell(Event::REGION.to_owned(), String::new(), Changed::Deleted, String::new())
    }
}

/// The text of a document, none for null.
fn document(value: &Value) -> Result<Option<String>, serde_json::Error> {
    (!value.is_null()).then(|| serde_json::to_string(value)).transpose()
}
