//! Groups and streams: their rows, and how these follow the files.

use super::stream::{Figures, Stream};
use super::{LogError, Logs};
use crate::domain::time::Timestamp;
use crate::store::housekeeper::Chore;
use crate::store::{Change, StoreError};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, params};
use std::fs;
use std::io;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub name: String,
    pub created: Timestamp,
    /// Days; events of a group without it are never removed.
    pub retention: Option<u32>,
    pub stored_bytes: u64,
    pub kept: GroupKept,
}

/// What a group keeps of its creation; nothing follows from it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKept {
    /// `STANDARD`, `INFREQUENT_ACCESS` or `DELIVERY`.
    pub class: String,
    /// The ARN of the key that would encrypt it.
    pub kms_key: Option<String>,
}

impl Default for GroupKept {
    fn default() -> Self {
        Self { class: "STANDARD".into(), kms_key: None }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    pub name: String,
    pub created: Timestamp,
    pub first_event: Option<Timestamp>,
    pub last_event: Option<Timestamp>,
    pub last_ingestion: Option<Timestamp>,
    pub stored_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamOrder {
    #[default]
    Name,
    LastEvent,
}

/// Which streams of a group to list. The default asks for the first 50 by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// Only with [`StreamOrder::Name`].
    pub prefix: String,
    pub order: StreamOrder,
    pub descending: bool,
    /// [`StreamPage::next`] of the page before.
    pub after: Option<String>,
    /// 0 means 50.
    pub limit: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamPage {
    pub streams: Vec<StreamInfo>,
    pub next: Option<String>,
}

/// What is needed of a stream's row to use it.
pub(super) struct Row {
    pub id: i64,
    pub open: bool,
    pub figures: Figures,
}

impl Logs {
    pub async fn create_group(&self, name: &str, kept: GroupKept) -> Result<(), LogError> {
        let name = name.to_owned();
        self.store
            .write(move |change| {
                if insert_group(change, &name, &kept)? {
                    Ok(())
                } else {
                    Err(LogError::GroupExists(name))
                }
            })
            .await
    }

    pub async fn create_stream(&self, group: &str, name: &str) -> Result<(), LogError> {
        let (group, name) = (group.to_owned(), name.to_owned());
        self.store
            .write(move |change| {
                let id = group_id(change.connection, &group)?;
                let inserted = insert_stream(change, id, &name)?;
                if inserted { Ok(()) } else { Err(LogError::StreamExists(name)) }
            })
            .await
    }

    /// Makes the group and the stream, whichever is not there yet.
    pub async fn ensure(&self, group: &str, name: &str) -> Result<(), LogError> {
        let (group, name) = (group.to_owned(), name.to_owned());
        self.store
            .write(move |change| {
                insert_group(change, &group, &GroupKept::default())?;
                let id = group_id(change.connection, &group)?;
                insert_stream(change, id, &name)?;
                Ok(())
            })
            .await
    }

    /// Sets or takes away the key that a group names.
    pub async fn set_kms_key(&self, group: &str, key: Option<&str>) -> Result<(), LogError> {
        let (name, key) = (group.to_owned(), key.map(str::to_owned));
        self.store
            .write(move |change| {
                let id = group_id(change.connection, &name)?;
                change.mark()?;
                change
                    .connection
                    .prepare_cached("UPDATE log_group SET kms_key = ?2 WHERE id = ?1")?
                    .execute(params![id, key])?;
                Ok(())
            })
            .await
    }

    /// Keeps a group's events for so many days; `None` removes none.
    pub async fn set_retention(&self, group: &str, days: Option<u32>) -> Result<(), LogError> {
        let name = group.to_owned();
        self.store
            .write(move |change| {
                let id = group_id(change.connection, &name)?;
                change.mark()?;
                change
                    .connection
                    .prepare_cached("UPDATE log_group SET retention = ?2 WHERE id = ?1")?
                    .execute(params![id, days])?;
                Ok::<_, LogError>(())
            })
            .await?;
        self.expire(Some(group))
    }

    /// Removes what is older than its group keeps it, in whole segments.
    pub fn expire(&self, group: Option<&str>) -> Result<(), LogError> {
        let kept: Vec<(String, i64)> = self.store.read(|snapshot| -> Result<_, LogError> {
            let mut statement = snapshot.connection.prepare_cached(
                "SELECT name, retention FROM log_group
                 WHERE retention IS NOT NULL AND (?1 IS NULL OR name = ?1)",
            )?;
            let kept = statement.query_map([group], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(kept.collect::<Result<_, _>>()?)
        })?;
        for (group, days) in kept {
            let cutoff = Timestamp::from_millis(self.clock.now().as_millis() - days * 86_400_000);
            for name in self.expiring(&group, cutoff)? {
                self.stream(&group, &name)?.expire(cutoff)?;
            }
        }
        Ok(())
    }

    /// Streams of a group that may hold events from before `cutoff`.
    fn expiring(&self, group: &str, cutoff: Timestamp) -> Result<Vec<String>, LogError> {
        self.store.read(|snapshot| {
            let mut statement = snapshot.connection.prepare_cached(
                "SELECT name FROM log_stream
                 WHERE parent = ?1 AND (open <> 0 OR first >= 0 AND first < ?2)",
            )?;
            let id = group_id(snapshot.connection, group)?;
            let names = statement.query_map(params![id, cutoff.as_millis()], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        })
    }

    pub async fn delete_group(&self, name: &str) -> Result<(), LogError> {
        let (here, name) = (self.clone(), name.to_owned());
        self.store
            .write(move |change| {
                let id = group_id(change.connection, &name)?;
                change.mark()?;
                let mut deleted = change
                    .connection
                    .prepare_cached("DELETE FROM log_stream WHERE parent = ?1 RETURNING id")?;
                let ids = deleted.query_map([id], |row| row.get(0))?;
                let ids = ids.collect::<Result<Vec<i64>, _>>()?;
                change
                    .connection
                    .prepare_cached("DELETE FROM log_group WHERE id = ?1")?
                    .execute([id])?;
                change.afterwards(move || here.discard(Some(&name), None, ids));
                Ok(())
            })
            .await
    }

    pub async fn delete_stream(&self, group: &str, name: &str) -> Result<(), LogError> {
        let (here, group, name) = (self.clone(), group.to_owned(), name.to_owned());
        self.store
            .write(move |change| {
                let parent = group_id(change.connection, &group)?;
                change.mark()?;
                let id: Option<i64> = change
                    .connection
                    .prepare_cached(
                        "DELETE FROM log_stream WHERE parent = ?1 AND name = ?2 RETURNING id",
                    )?
                    .query_row(params![parent, name], |row| row.get(0))
                    .optional()?;
                let Some(id) = id else { return Err(LogError::NoSuchStream(name)) };
                change.afterwards(move || here.discard(Some(&group), Some(&name), vec![id]));
                Ok(())
            })
            .await
    }

    pub fn group(&self, name: &str) -> Result<Group, LogError> {
        self.bring_rows_up_to_date(Some(name))?;
        let found = self.groups_where("log_group.name = ?1", vec![name.to_owned().into()], 1)?;
        found.into_iter().next().ok_or_else(|| LogError::NoSuchGroup(name.to_owned()))
    }

    /// At most `limit` groups whose names begin with `prefix`, after the name `after`, by name.
    pub fn groups(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Group>, LogError> {
        self.bring_rows_up_to_date(None)?;
        let values = vec![prefix.to_owned().into(), after.unwrap_or_default().to_owned().into()];
        self.groups_where(
            "log_group.name >= ?1 AND substr(log_group.name, 1, length(?1)) = ?1
                 AND log_group.name > ?2",
            values,
            limit,
        )
    }

    fn groups_where(
        &self,
        condition: &str,
        values: Vec<Sql>,
        limit: usize,
    ) -> Result<Vec<Group>, LogError> {
        self.store.read(|snapshot| {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut statement = snapshot.connection.prepare_cached(&format!(
                "SELECT name, created, retention,
                     (SELECT total(bytes) FROM log_stream WHERE parent = log_group.id),
                     class, kms_key
                 FROM log_group WHERE {condition} ORDER BY name LIMIT {limit}"
            ))?;
            let groups = statement.query_map(rusqlite::params_from_iter(values), |row| {
                Ok(Group {
                    name: row.get(0)?,
                    created: Timestamp::from_millis(row.get(1)?),
                    retention: row.get(2)?,
                    stored_bytes: row.get::<_, f64>(3)? as u64,
                    kept: GroupKept { class: row.get(4)?, kms_key: row.get(5)? },
                })
            })?;
            Ok(groups.collect::<Result<_, _>>()?)
        })
    }

    pub fn streams(&self, group: &str, ask: &Streams) -> Result<StreamPage, LogError> {
        self.bring_rows_up_to_date(Some(group))?;
        let limit = if ask.limit == 0 { 50 } else { ask.limit };
        let (order, beyond) = if ask.descending { ("DESC", '<') } else { ("ASC", '>') };
        let keys = match ask.order {
            StreamOrder::Name => vec!["name"],
            StreamOrder::LastEvent => vec!["last", "id"],
        };
        let (columns, by) = (keys.join(", "), keys.join(&format!(" {order}, ")));
        self.store.read(|snapshot| {
            let mut values: Vec<Sql> = vec![
                group_id(snapshot.connection, group)?.into(),
                ask.prefix.clone().into(),
                i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1).into(),
            ];
            let mut after = String::new();
            if let Some(token) = &ask.after {
                values.extend(position(ask.order, token)?);
                let marks = if keys.len() == 1 { "?4" } else { "?4, ?5" };
                after = format!("AND ({columns}) {beyond} ({marks})");
            }
            let mut statement = snapshot.connection.prepare_cached(&format!(
                "SELECT id, name, created, first, last, ingested, bytes FROM log_stream
                 WHERE parent = ?1 AND substr(name, 1, length(?2)) = ?2 {after}
                 ORDER BY {by} {order} LIMIT ?3"
            ))?;
            let mut rows = statement.query(rusqlite::params_from_iter(values))?;
            let (mut page, mut last) = (StreamPage::default(), None);
            while let Some(row) = rows.next()? {
                if page.streams.len() == limit {
                    page.next = last;
                    break;
                }
                let stream = stream_info(row)?;
                last = Some(match ask.order {
                    StreamOrder::Name => format!("n:{}", stream.name),
                    StreamOrder::LastEvent => {
                        format!("l:{}:{}", row.get::<_, i64>(4)?, row.get::<_, i64>(0)?)
                    }
                });
                page.streams.push(stream);
            }
            Ok(page)
        })
    }

    pub(super) fn stream_names(&self, group: &str, prefix: &str) -> Result<Vec<String>, LogError> {
        self.store.read(|snapshot| {
            let mut statement = snapshot.connection.prepare_cached(
                "SELECT name FROM log_stream
                 WHERE parent = ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY name",
            )?;
            let id = group_id(snapshot.connection, group)?;
            let names = statement.query_map(params![id, prefix], |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        })
    }

    pub(super) fn find(&self, group: &str, name: &str) -> Result<Row, LogError> {
        self.store.read(|snapshot| {
            let parent = group_id(snapshot.connection, group)?;
            let mut statement = snapshot.connection.prepare_cached(
                "SELECT id, open, first, last, ingested, bytes FROM log_stream
                 WHERE parent = ?1 AND name = ?2",
            )?;
            let found = statement.query_row(params![parent, name], |row| {
                let figures = Figures {
                    first: row.get(2)?,
                    last: row.get(3)?,
                    ingested: row.get(4)?,
                    bytes: row.get(5)?,
                };
                Ok(Row { id: row.get(0)?, open: row.get(1)?, figures })
            });
            found.optional()?.ok_or_else(|| LogError::NoSuchStream(name.to_owned()))
        })
    }

    /// Has the row say that its figures may lag. Only the writer thread sets and clears the mark,
    /// so that row and memory agree.
    pub(super) fn mark(&self, stream: &Arc<Stream>) -> Result<(), LogError> {
        let marked = Arc::clone(stream);
        let outcome = self.store.write_blocking(move |change| -> Result<(), LogError> {
            change.mark()?;
            change
                .connection
                .prepare_cached("UPDATE log_stream SET open = 1 WHERE id = ?1")?
                .execute([marked.id])?;
            marked.state().marked = true;
            Ok(())
        });
        if outcome.is_err() {
            stream.state().marked = false;
        }
        outcome
    }

    /// Writes what the files of streams hold to their rows.
    pub(super) fn bring_rows_up_to_date(&self, group: Option<&str>) -> Result<(), LogError> {
        for (group, name) in self.lagging(group)? {
            if self.open.find(&group, &name).is_none() {
                match self.load(&group, &name) {
                    // Deleted since.
                    Err(LogError::NoSuchGroup(_) | LogError::NoSuchStream(_)) => {}
                    found => drop(found?),
                }
            }
        }
        self.flush(group)
    }

    /// Writes what memory knows of the streams in use to their rows.
    pub(super) fn flush(&self, group: Option<&str>) -> Result<(), LogError> {
        let streams = self.open.all(group);
        if streams.iter().all(|stream| stream.try_state().is_none_or(|state| !state.dirty)) {
            return Ok(());
        }
        self.store.write_blocking(move |change| Ok(write_figures(change, &streams)?))
    }

    /// Streams whose rows may lag.
    fn lagging(&self, group: Option<&str>) -> Result<Vec<(String, String)>, LogError> {
        self.store.read(|snapshot| {
            let mut statement = snapshot.connection.prepare_cached(
                "SELECT log_group.name, log_stream.name
                 FROM log_group JOIN log_stream ON log_stream.parent = log_group.id
                 WHERE log_stream.open <> 0 AND (?1 IS NULL OR log_group.name = ?1)",
            )?;
            let found = statement.query_map([group], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// Removes every stream once `change`, which empties their table, is committed.
    pub(in crate::store) fn discard_all(&self, change: &mut Change<'_>) -> Result<(), StoreError> {
        let mut statement = change.connection.prepare_cached("SELECT id FROM log_stream")?;
        let ids = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
        let here = self.clone();
        change.afterwards(move || here.discard(None, None, ids));
        Ok(())
    }

    /// Removes what was deleted from memory and from the disk.
    pub(in crate::store) fn discard(
        &self,
        group: Option<&str>,
        stream: Option<&str>,
        ids: Vec<i64>,
    ) {
        self.open.end(group, stream);
        let root = self.open.root.clone();
        self.store.housekeeper().ask(Chore::Run(Box::new(move || {
            for id in ids {
                match fs::remove_dir_all(root.join(format!("{id:016x}"))) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        tracing::warn!(%error, "the files of a log stream were not removed");
                    }
                    _ => {}
                }
            }
        })));
    }
}

/// Writes what memory knows of streams. Whoever is just appending is left for the next time: a
/// slow log disk must not hold up the writer.
pub(in crate::store) fn write_figures(
    change: &mut Change<'_>,
    streams: &[Arc<Stream>],
) -> Result<(), StoreError> {
    change.mark()?;
    let mut update = change.connection.prepare_cached(
        "UPDATE log_stream SET first = ?2, last = ?3, ingested = ?4, bytes = ?5, open = 0
         WHERE id = ?1",
    )?;
    for stream in streams {
        let Some(mut state) = stream.try_state() else { continue };
        if !state.dirty && !state.marked {
            continue;
        }
        let Figures { first, last, ingested, bytes } = state.figures;
        update.execute(params![stream.id, first, last, ingested, bytes])?;
        (state.dirty, state.marked, state.file) = (false, false, None);
    }
    Ok(())
}

fn insert_group(change: &mut Change<'_>, name: &str, kept: &GroupKept) -> Result<bool, StoreError> {
    change.grow()?;
    let inserted = change
        .connection
        .prepare_cached(
            "INSERT INTO log_group (name, created, class, kms_key) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![name, change.now().as_millis(), kept.class, kept.kms_key])?;
    Ok(inserted > 0)
}

fn insert_stream(change: &mut Change<'_>, group: i64, name: &str) -> Result<bool, StoreError> {
    change.grow()?;
    let inserted = change
        .connection
        .prepare_cached(
            "INSERT INTO log_stream (parent, name, created) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![group, name, change.now().as_millis()])?;
    Ok(inserted > 0)
}

fn group_id(connection: &Connection, name: &str) -> Result<i64, LogError> {
    connection
        .prepare_cached("SELECT id FROM log_group WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?
        .ok_or_else(|| LogError::NoSuchGroup(name.to_owned()))
}

fn stream_info(row: &rusqlite::Row<'_>) -> Result<StreamInfo, LogError> {
    let time = |index| -> Result<Option<Timestamp>, LogError> {
        let millis: i64 = row.get(index)?;
        Ok((millis >= 0).then(|| Timestamp::from_millis(millis)))
    };
    Ok(StreamInfo {
        name: row.get(1)?,
        created: Timestamp::from_millis(row.get(2)?),
        first_event: time(3)?,
        last_event: time(4)?,
        last_ingestion: time(5)?,
        stored_bytes: row.get(6)?,
    })
}

/// The sort keys in a token of [`StreamPage::next`].
fn position(order: StreamOrder, token: &str) -> Result<Vec<Sql>, LogError> {
    let number = |text: &str| text.parse::<i64>().map_err(|_| LogError::BadToken);
    match (order, token.split_once(':').ok_or(LogError::BadToken)?) {
        (StreamOrder::Name, ("n", name)) => Ok(vec![name.to_owned().into()]),
        (StreamOrder::LastEvent, ("l", rest)) => {
            let (last, id) = rest.split_once(':').ok_or(LogError::BadToken)?;
            Ok(vec![number(last)?.into(), number(id)?.into()])
        }
        _ => Err(LogError::BadToken),
    }
}
