//! Lists as walks along an index. Each order has its index, and a page begins where the last one
//! ended (by key, never by counting rows to skip), so that it costs the same however long the list.

use super::cursor::{BadCursor, Cursor, scope};
use super::resource;
use super::{Page, Query, Row, Sort, StoreError};
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use std::fmt::Write as _;

/// What [`Query::limit`] 0 means: the longest page that AWS gives.
const DEFAULT_LIMIT: usize = 100;

pub(super) fn list(connection: &Connection, query: &Query) -> Result<Page, StoreError> {
    let scope = scope(query);
    if query.after.as_ref().is_some_and(|cursor| cursor.scope != scope) {
        return Err(BadCursor.into());
    }
    let limit = if query.limit == 0 { DEFAULT_LIMIT } else { query.limit };
    let (sql, values) = statement(query, limit)?;
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut page = Page::default();
    let mut last = 0;
    while let Some(row) = found.next()? {
        if page.rows.len() == limit {
            page.next = page.rows.last().map(|row| cursor(query.sort, row, last, scope));
            break;
        }
        last = row.get(0)?;
        page.rows.push(resource::from_sql(&query.kind, row)?);
    }
    Ok(page)
}

/// The SQL depends on which members of the query are set, never on their values: the statements
/// stay few and are prepared once.
fn statement(query: &Query, limit: usize) -> Result<(String, Vec<Sql>), StoreError> {
    let mut sql = format!(
        "SELECT {} FROM resource INDEXED BY {} WHERE kind = ?",
        resource::COLUMNS,
        index(query)
    );
    let mut values: Vec<Sql> = vec![query.kind.clone().into()];
    let mut with = |condition: &str, value: Sql| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(parent) = &query.parent {
        let condition =
            if parent.is_empty() { "parent = ?" } else { "parent <> '' AND parent = ?" };
        with(condition, parent.clone().into());
    }
    if let Some(status) = &query.status {
        with("status = ?", status.clone().into());
    }
    if let Some(part) = &query.name_contains {
        with("instr(lower, ?) > 0", part.to_lowercase().into());
    }
    let times = [
        ("created > ?", query.created_after),
        ("created < ?", query.created_before),
        ("modified > ?", query.modified_after),
        ("modified < ?", query.modified_before),
    ];
    for (condition, time) in times {
        if let Some(time) = time {
            with(condition, time.as_millis().into());
        }
    }
    let keys = keys(query.sort);
    if let Some(cursor) = &query.after {
        let beyond = if query.ascending { '>' } else { '<' };
        let marks = vec!["?"; keys.len()].join(", ");
        let _ = write!(sql, " AND ({}) {beyond} ({marks})", keys.join(", "));
        values.extend(position(query.sort, cursor)?);
    }
    let direction = if query.ascending { "ASC" } else { "DESC" };
    let order: Vec<_> = keys.iter().map(|key| format!("{key} {direction}")).collect();
    let _ = write!(sql, " ORDER BY {} LIMIT ?", order.join(", "));
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1).into());
    Ok((sql, values))
}

fn index(query: &Query) -> &'static str {
    if query.parent.as_ref().is_some_and(|parent| !parent.is_empty()) {
        return "resource_by_parent";
    }
    match query.sort {
        Sort::Created if query.status.is_some() => "resource_by_status",
        Sort::Created => "resource_by_created",
        Sort::Modified => "resource_by_modified",
        Sort::Name => "resource_by_name",
        Sort::Status => "resource_by_status",
    }
}

const fn keys(sort: Sort) -> &'static [&'static str] {
    match sort {
        Sort::Created => &["created", "id"],
        Sort::Modified => &["modified", "id"],
        Sort::Name => &["lower"],
        Sort::Status => &["status", "created", "id"],
    }
}

fn cursor(sort: Sort, row: &Row, id: i64, scope: u32) -> Cursor {
    let key = match sort {
        Sort::Created => row.created.as_millis().to_string(),
        Sort::Modified => row.modified.as_millis().to_string(),
        Sort::Name => row.name.to_lowercase(),
        Sort::Status => format!("{} {}", row.created.as_millis(), row.status),
    };
    Cursor { key, id, scope }
}

/// The values of [`keys`] where the page before ended.
fn position(sort: Sort, cursor: &Cursor) -> Result<Vec<Sql>, BadCursor> {
    let millis = |text: &str| text.parse::<i64>().map_err(|_| BadCursor);
    Ok(match sort {
        Sort::Created | Sort::Modified => vec![millis(&cursor.key)?.into(), cursor.id.into()],
        Sort::Name => vec![cursor.key.clone().into()],
        Sort::Status => {
            let (created, status) = cursor.key.split_once(' ').ok_or(BadCursor)?;
            vec![status.to_owned().into(), millis(created)?.into(), cursor.id.into()]
        }
    })
}
