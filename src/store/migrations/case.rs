//! Schema 3: ARNs keep the case of names, and a name in another case names nothing.
//!
//! Schema 2 wrote ARNs in lower case and found resources by their names in any case. So documents
//! hold ARNs, tags hold ARNs, and documents hold other resources' names, in a case that is not the
//! resource's own. All of them get that here.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use std::collections::BTreeMap;

/// Rows read at once.
const BATCH: usize = 500;
/// Maps whose values are the caller's own texts.
const FREE: &[&str] = &["HyperParameters", "Environment"];

/// Where documents name other resources: the document's kind, the way to the member (`*` is every
/// entry of a list), and the kind that is named.
const BODY: &[(&str, &[&str], &str)] = &[
    ("endpoint", &["EndpointConfigName"], "endpoint-config"),
    ("endpoint-config", &["ProductionVariants", "*", "ModelName"], "model"),
    ("endpoint-config", &["ShadowProductionVariants", "*", "ModelName"], "model"),
    (
        "endpoint-config",
        &["ProductionVariants", "*", "InstancePools", "*", "ModelNameOverride"],
        "model",
    ),
    ("model", &["PrimaryContainer", "ModelPackageName"], "model-package"),
    ("model", &["Containers", "*", "ModelPackageName"], "model-package"),
    ("experiment-trial", &["ExperimentName"], "experiment"),
];
/// As [`BODY`], in what the region keeps for itself.
const PRIVATE: &[(&str, &[&str], &str)] = &[
    ("endpoint", &["fleet", "config"], "endpoint-config"),
    ("endpoint", &["pending", "fleet", "config"], "endpoint-config"),
];

pub(super) fn restore(connection: &Connection) -> rusqlite::Result<()> {
    let mixed = "SELECT EXISTS (SELECT 1 FROM resource WHERE name <> lower)";
    if connection.query_row(mixed, [], |row| row.get(0))? {
        documents(connection)?;
    }
    tags(connection)
}

/// The name of a resource as its creator wrote it.
fn own_name(connection: &Connection, kind: &str, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT name FROM resource WHERE kind = ?1 AND lower = ?2")?
        .query_row(params![kind, name.to_lowercase()], |row| row.get(0))
        .optional()
}

fn documents(connection: &Connection) -> rusqlite::Result<()> {
    let mut after = 0_i64;
    loop {
        let rows = batch(connection, after)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in rows {
            let body = restored(connection, &row.kind, &row.body, BODY)?;
            let private = restored(connection, &row.kind, &row.private, PRIVATE)?;
            if body.is_some() || private.is_some() {
                connection
                    .prepare_cached("UPDATE resource SET body = ?2, private = ?3 WHERE id = ?1")?
                    .execute(params![row.id, body.or(row.body), private.or(row.private)])?;
            }
        }
    }
}

struct Stored {
    id: i64,
    kind: String,
    body: Option<String>,
    private: Option<String>,
}

fn batch(connection: &Connection, after: i64) -> rusqlite::Result<Vec<Stored>> {
    connection
        .prepare_cached(
            "SELECT id, kind, body, private FROM resource WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?
        .query_map(params![after, BATCH as i64], |row| {
            Ok(Stored {
                id: row.get(0)?,
                kind: row.get(1)?,
                body: row.get(2)?,
                private: row.get(3)?,
            })
        })?
        .collect()
}

/// The document with ARNs and references in their own case; `None` when it is so already, or does
/// not parse, which is for those to report who read it.
fn restored(
    connection: &Connection,
    kind: &str,
    text: &Option<String>,
    references: &[(&str, &[&str], &str)],
) -> rusqlite::Result<Option<String>> {
    let parsed = text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(mut document) = parsed else { return Ok(None) };
    let mut changed = arns(connection, &mut document)?;
    for (of, way, named) in references {
        if *of == kind {
            changed |= reference(connection, &mut document, way, named)?;
        }
    }
    Ok(changed.then(|| document.to_string()))
}

/// Gives every text of the document that is an ARN its own case; says whether any had another.
fn arns(connection: &Connection, value: &mut Value) -> rusqlite::Result<bool> {
    let mut changed = false;
    match value {
        Value::String(text) => {
            if let Some(own) = own_arn(connection, text)?
                && own != *text
            {
                *text = own;
                changed = true;
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                changed |= arns(connection, entry)?;
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                changed |= !FREE.contains(&name.as_str()) && arns(connection, member)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(changed)
}

/// The own ARN of the SageMaker resource that `text` names, if it is one that is there.
fn own_arn(connection: &Connection, text: &str) -> rusqlite::Result<Option<String>> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", _, "sagemaker", _, _, resource] = parts[..] else { return Ok(None) };
    let Some((kind, name)) = resource.split_once('/') else { return Ok(None) };
    let place = &text[..text.len() - resource.len()];
    let own = own_name(connection, kind, name)?;
    Ok(own.map(|own| format!("{place}{kind}/{own}")))
}

fn reference(
    connection: &Connection,
    value: &mut Value,
    way: &[&str],
    kind: &str,
) -> rusqlite::Result<bool> {
    let Some((step, rest)) = way.split_first() else {
        let Some(name) = value.as_str() else { return Ok(false) };
        let own = own_name(connection, kind, name)?.filter(|own| own != name);
        let changed = own.is_some();
        if let Some(own) = own {
            *value = own.into();
        }
        return Ok(changed);
    };
    let mut changed = false;
    if *step == "*" {
        for entry in value.as_array_mut().into_iter().flatten() {
            changed |= reference(connection, entry, rest, kind)?;
        }
    } else if let Some(member) = value.get_mut(step) {
        changed = reference(connection, member, rest, kind)?;
    }
    Ok(changed)
}

/// Writes the tags under the ARNs' own case. Log groups whose names differ in case alone had one set
/// of tags between them; each gets it.
fn tags(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE tag_cased (
             resource TEXT NOT NULL,
             arn      TEXT NOT NULL,
             key      TEXT NOT NULL,
             value    TEXT NOT NULL,
             PRIMARY KEY (resource, arn, key)
         ) STRICT, WITHOUT ROWID;",
    )?;
    let groups = log_groups(connection)?;
    let mut tagged = connection.prepare("SELECT DISTINCT resource, arn FROM tag")?;
    let mut found = tagged.query([])?;
    while let Some(row) = found.next()? {
        let (resource, arn): (String, String) = (row.get(0)?, row.get(1)?);
        for own in owners(connection, &groups, &resource, &arn)? {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO tag_cased
                     SELECT resource, ?3, key, value FROM tag WHERE resource = ?1 AND arn = ?2",
                )?
                .execute(params![resource, arn, own])?;
        }
    }
    drop(found);
    drop(tagged);
    connection.execute_batch("DROP TABLE tag; ALTER TABLE tag_cased RENAME TO tag;")
}

/// The names of log groups by their lower-case form.
fn log_groups(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    let mut groups = BTreeMap::<String, Vec<String>>::new();
    let mut names = connection.prepare("SELECT name FROM log_group")?;
    for name in names.query_map([], |row| row.get::<_, String>(0))? {
        let name = name?;
        groups.entry(name.to_lowercase()).or_default().push(name);
    }
    Ok(groups)
}

/// The ARNs whose tags are kept under `arn`, a lower-case one with the last part `resource`; itself
/// when nothing has it.
fn owners(
    connection: &Connection,
    groups: &BTreeMap<String, Vec<String>>,
    resource: &str,
    arn: &str,
) -> rusqlite::Result<Vec<String>> {
    if let Some(own) = own_arn(connection, arn)? {
        return Ok(vec![own]);
    }
    if let Some(group) = resource.strip_prefix("log-group:") {
        let names = groups.get(group).map(Vec::as_slice).unwrap_or_default();
        let place = arn.strip_suffix(group).unwrap_or(arn);
        let owners: Vec<String> = names.iter().map(|name| format!("{place}{name}")).collect();
        return Ok(if owners.is_empty() { vec![arn.to_owned()] } else { owners });
    }
    // A role by the last part of its path.
    let role = resource.strip_prefix("role/").and_then(|path| path.rsplit('/').next());
    let own = role
        .map(|role| {
            connection
                .prepare_cached(
                    "SELECT json_extract(body, '$.Arn') FROM resource
                     WHERE kind = 'role' AND lower = ?1 AND json_valid(body)",
                )?
                .query_row([role], |row| row.get::<_, Option<String>>(0))
                .optional()
        })
        .transpose()?
        .flatten()
        .flatten();
    Ok(vec![own.unwrap_or_else(|| arn.to_owned())])
}
