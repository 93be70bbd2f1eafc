//! The lines of `watch`: rows of a snapshot, and changes as they are told of.

use crate::domain::arn::Place;
use crate::store::{Changed, Event, RawRow, Row, Snapshot, StoreError};
use serde::Serialize;
use serde_json::{Value, json};

/// Rows read at once for a snapshot, and events for changes.
pub(super) const PAGE: usize = 1000;

/// A row as watchers see it.
#[derive(Serialize)]
struct RowLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Changed>,
    kind: &'a str,
    name: &'a str,
    #[serde(flatten)]
    row: Option<RowFacts<'a>>,
}

#[derive(Serialize)]
struct RowFacts<'a> {
    arn: String,
    parent: &'a str,
    status: &'a str,
    created: f64,
    modified: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a Value>,
}

/// What is left of a snapshot: the rows of `kinds`, in the first of them those behind `after`.
pub(super) struct Rows {
    pub(super) revision: u64,
    kinds: Vec<String>,
    after: String,
}

/// What follows a page of a snapshot.
pub(super) enum Next {
    Rows(Rows),
    /// The changes after the revision.
    Changes(u64),
}

/// A page of changes.
pub(super) struct Changes {
    /// The revision of the last one.
    pub(super) to: u64,
    /// Where each one's line ends, by its revision.
    pub(super) ends: Vec<(u64, usize)>,
    /// The page ends with a resync: what follows is a new snapshot.
    pub(super) resync: bool,
}

/// Lines being written.
pub(super) struct Lines<'a> {
    pub(super) place: &'a Place,
    pub(super) bodies: bool,
    pub(super) text: Vec<u8>,
}

impl Lines<'_> {
    /// The first page of a snapshot.
    pub(super) fn begin(&mut self, snapshot: &Snapshot<'_>) -> Result<Next, StoreError> {
        let revision = snapshot.revision()?;
        let kinds = snapshot.kinds()?;
        let counts: Result<Vec<u64>, _> = kinds.iter().map(|kind| snapshot.count(kind)).collect();
        let rows: u64 = counts?.iter().sum();
        self.put(&json!({ "snapshot": revision, "rows": rows }))?;
        self.rows(snapshot, Rows { revision, kinds, after: String::new() })
    }

    /// The next page of a snapshot.
    pub(super) fn rows(
        &mut self,
        snapshot: &Snapshot<'_>,
        Rows { revision, mut kinds, mut after }: Rows,
    ) -> Result<Next, StoreError> {
        let mut room = PAGE;
        while let Some(kind) = kinds.first().cloned() {
            if room == 0 {
                return Ok(Next::Rows(Rows { revision, kinds, after }));
            }
            // By name, which does not change: a row that is touched meanwhile keeps its place.
            let mut told = 0;
            let next = snapshot.each_raw(&kind, &after, room, |row| {
                told += 1;
                self.raw_row(&kind, &row)
            })?;
            room = room.saturating_sub(told);
            if next.is_none() {
                kinds.remove(0);
            }
            after = next.unwrap_or_default();
        }
        self.put(&json!({ "ready": revision }))?;
        Ok(Next::Changes(revision))
    }

    /// The changes after `since` that are there, at most a page of them.
    pub(super) fn changes(
        &mut self,
        snapshot: &Snapshot<'_>,
        since: u64,
    ) -> Result<Changes, StoreError> {
        let Some(events) = snapshot.events(since, PAGE)? else {
            self.resync("changes since then are no longer all kept")?;
            return Ok(Changes { to: since, ends: Vec::new(), resync: true });
        };
        let mut changes = Changes { to: since, ends: Vec::new(), resync: false };
        for event in &events {
            changes.to = event.revision;
            if event.is_reset() {
                self.resync("the region was reset")?;
                changes.resync = true;
            } else {
                // The row as it is now: if that is newer than the event, its own event follows.
                match snapshot.get(&event.kind, &event.name)? {
                    Some(row) if event.change != Changed::Deleted => self.row(&row, event)?,
                    _ => self.put(&RowLine::of(event, None))?,
                }
            }
            changes.ends.push((event.revision, self.text.len()));
            if changes.resync {
                break;
            }
        }
        Ok(changes)
    }

    fn resync(&mut self, why: &str) -> Result<(), StoreError> {
        self.put(&json!({ "resync": why }))
    }

    /// A row of the snapshot. Its document goes through as the text that it is.
    fn raw_row(&mut self, kind: &str, row: &RawRow<'_>) -> Result<(), StoreError> {
        // Few kinds bring ARNs of their own.
        let own = if row.body.contains("\"Arn\":") {
            serde_json::from_str::<Value>(row.body)?
                .get("Arn")
                .and_then(Value::as_str)
                .map(str::to_owned)
        } else {
            None
        };
        let line = RowLine {
            revision: Some(row.revision),
            at: None,
            change: None,
            kind,
            name: row.name,
            row: Some(RowFacts {
                arn: own.unwrap_or_else(|| self.place.sagemaker(kind, row.name)),
                parent: row.parent,
                status: row.status,
                created: row.created.as_secs_f64(),
                modified: row.modified.as_secs_f64(),
                body: None,
            }),
        };
        serde_json::to_writer(&mut self.text, &line)?;
        if self.bodies {
            self.text.pop();
            self.text.extend_from_slice(b",\"body\":");
            self.text.extend_from_slice(row.body.as_bytes());
            self.text.push(b'}');
        }
        self.text.push(b'\n');
        Ok(())
    }

    /// A row that an event tells of, as it is now.
    fn row(&mut self, row: &Row, event: &Event) -> Result<(), StoreError> {
        let arn = match row.body.get("Arn").and_then(Value::as_str) {
            Some(arn) => arn.to_owned(),
            None => self.place.sagemaker(&row.kind, &row.name),
        };
        let facts = RowFacts {
            arn,
            parent: &row.parent,
            status: &row.status,
            created: row.created.as_secs_f64(),
            modified: row.modified.as_secs_f64(),
            body: self.bodies.then_some(&row.body),
        };
        self.put(&RowLine { name: &row.name, ..RowLine::of(event, Some(facts)) })
    }

    fn put(&mut self, value: &impl Serialize) -> Result<(), StoreError> {
        serde_json::to_writer(&mut self.text, value)?;
        self.text.push(b'\n');
        Ok(())
    }
}

impl<'a> RowLine<'a> {
    fn of(event: &'a Event, row: Option<RowFacts<'a>>) -> Self {
        // A row that is gone already was changed before it went; watchers need not know.
        let change = if row.is_some() { event.change } else { Changed::Deleted };
        Self {
            revision: Some(event.revision),
            at: Some(event.at.as_secs_f64()),
            change: Some(change),
            kind: &event.kind,
            name: &event.name,
            row,
        }
    }
}
