//! Databases as older versions wrote them, brought up to date.

use super::*;
use rusqlite::params;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

const ARN: &str = "arn:aws:sagemaker:us-east-1:123456789012:";

/// A database of schema 2 in a folder of its own.
fn old() -> (TempDir, PathBuf, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("region.db");
    let mut connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    apply(&mut connection, &MIGRATIONS[..2], 0).unwrap();
    (folder, path, connection)
}

fn version(connection: &Connection) -> u32 {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

fn insert(connection: &Connection, kind: &str, name: &str, body: Value, private: Value) {
    let private = (!private.is_null()).then(|| private.to_string());
    connection
        .execute(
            "INSERT INTO resource
                 (kind, lower, name, parent, status, created, modified, revision, private, body)
             VALUES (?1, ?2, ?3, '', '', 1, 1, 1, ?4, ?5)",
            params![kind, name.to_lowercase(), name, private, body.to_string()],
        )
        .unwrap();
}

fn tag(connection: &Connection, resource: &str, place: &str, key: &str) {
    let arn = format!("{place}{resource}");
    connection.execute("INSERT INTO tag VALUES (?1, ?2, ?3, 'v')", [resource, &arn, key]).unwrap();
}

fn documents(connection: &Connection, kind: &str, name: &str) -> (Value, Value) {
    let (body, private): (String, Option<String>) = connection
        .query_row(
            "SELECT body, private FROM resource WHERE kind = ?1 AND name = ?2",
            [kind, name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let private = private.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    (serde_json::from_str(&body).unwrap(), private)
}

fn tagged(connection: &Connection) -> Vec<(String, String)> {
    let mut all = connection.prepare("SELECT arn, key FROM tag ORDER BY arn, key").unwrap();
    let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn documents_get_the_own_case_of_what_they_name() {
    let (_folder, path, mut connection) = old();
    let model = json!({
        "ModelArn": format!("{ARN}model/my-model"),
        "PrimaryContainer": {
            "ModelPackageName": format!("{ARN}model-package/mygroup/1"),
            "Environment": {"OTHER": format!("{ARN}model/my-model")},
        },
    });
    let config = json!({
        "ProductionVariants": [{"ModelName": "MY-model", "VariantName": "a"}, {"ModelName": "gone"}],
    });
    let fleet = |name: &str| json!({"fleet": {"config": name}, "pending": null});
    insert(&connection, "model", "My-Model", model, Value::Null);
    insert(&connection, "model-package", "MyGroup/1", json!({"Weight": 0.1}), Value::Null);
    insert(&connection, "endpoint-config", "MyConfig", config, Value::Null);
    insert(
        &connection,
        "endpoint",
        "e",
        json!({"EndpointConfigName": "myconfig"}),
        fleet("myconfig"),
    );
    connection
        .execute("UPDATE resource SET body = 'damaged' WHERE kind = 'model-package'", [])
        .unwrap();

    migrate(&mut connection, &path).unwrap();

    let (model, _) = documents(&connection, "model", "My-Model");
    assert_eq!(model["ModelArn"], format!("{ARN}model/My-Model"));
    assert_eq!(
        model["PrimaryContainer"]["ModelPackageName"],
        format!("{ARN}model-package/MyGroup/1")
    );
    let free = &model["PrimaryContainer"]["Environment"]["OTHER"];
    assert_eq!(*free, format!("{ARN}model/my-model"));
    let (config, _) = documents(&connection, "endpoint-config", "MyConfig");
    assert_eq!(config["ProductionVariants"][0]["ModelName"], "My-Model");
    assert_eq!(config["ProductionVariants"][1]["ModelName"], "gone");
    let (endpoint, private) = documents(&connection, "endpoint", "e");
    assert_eq!(endpoint["EndpointConfigName"], "MyConfig");
    assert_eq!(private, fleet("MyConfig"));
    assert_eq!(version(&connection), known());
}

#[test]
fn tags_move_to_the_own_case_and_none_is_lost() {
    let (_folder, path, mut connection) = old();
    let role = json!({"Arn": "arn:aws:iam::123456789012:role/Team/MyRole"});
    insert(&connection, "model", "My-Model", json!({}), Value::Null);
    insert(&connection, "role", "MyRole", role, Value::Null);
    for group in ["/own/Group", "/own/group", "/other"] {
        connection
            .execute("INSERT INTO log_group (name, created) VALUES (?1, 1)", [group])
            .unwrap();
    }
    let (iam, logs) = ("arn:aws:iam::123456789012:", "arn:aws:logs:us-east-1:123456789012:");
    tag(&connection, "model/my-model", ARN, "a");
    tag(&connection, "model/my-model", ARN, "b");
    tag(&connection, "model/gone", ARN, "c");
    tag(&connection, "role/team/myrole", iam, "d");
    tag(&connection, "log-group:/own/group", logs, "e");
    tag(&connection, "log-group:/other", logs, "f");

    migrate(&mut connection, &path).unwrap();

    let expected = [
        (format!("{iam}role/Team/MyRole"), "d"),
        (format!("{logs}log-group:/other"), "f"),
        (format!("{logs}log-group:/own/Group"), "e"),
        (format!("{logs}log-group:/own/group"), "e"),
        (format!("{ARN}model/My-Model"), "a"),
        (format!("{ARN}model/My-Model"), "b"),
        (format!("{ARN}model/gone"), "c"),
    ];
    let found = tagged(&connection);
    let found: Vec<_> = found.iter().map(|(arn, key)| (arn.clone(), key.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_migration_that_fails_leaves_everything_as_it_was() {
    let (_folder, _path, mut connection) = old();
    insert(&connection, "model", "M", json!({"ModelArn": format!("{ARN}model/m")}), Value::Null);
    tag(&connection, "model/m", ARN, "a");
    let before = (documents(&connection, "model", "M"), tagged(&connection));
    let failing = [
        Migration::Sql(""),
        Migration::Sql(""),
        Migration::Code(case::restore),
        Migration::Sql("INSERT INTO no_such_table VALUES (1)"),
    ];
    assert!(apply(&mut connection, &failing, 2).is_err());
    assert_eq!((documents(&connection, "model", "M"), tagged(&connection)), before);
    assert_eq!(version(&connection), 2);
    apply(&mut connection, MIGRATIONS, 2).unwrap();
    assert_eq!(tagged(&connection), [(format!("{ARN}model/M"), "a".to_owned())]);
}

#[test]
fn a_copy_of_the_database_as_it_was_is_kept_and_no_second_one() {
    let (folder, path, mut connection) = old();
    insert(&connection, "model", "M", json!({"ModelArn": format!("{ARN}model/m")}), Value::Null);
    fs::write(folder.path().join("region.db.before-1"), "an older copy").unwrap();
    // What a copy that was interrupted left.
    fs::write(folder.path().join("region.db.copy"), "half").unwrap();

    migrate(&mut connection, &path).unwrap();

    let mut copies: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("before") || name.contains("copy"))
        .collect();
    copies.sort();
    assert_eq!(copies, [format!("region.db.before-{}", known())]);
    let copy = folder.path().join(&copies[0]);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let copy = Connection::open(copy).unwrap();
    assert_eq!(version(&copy), 2);
    inspect(&copy, &path).unwrap();
    assert_eq!(documents(&copy, "model", "M").0["ModelArn"], format!("{ARN}model/m"));
    // Nothing is left to do, and the copy stays.
    migrate(&mut connection, &path).unwrap();
    assert!(folder.path().join(&copies[0]).exists());
}

#[test]
fn without_a_copy_there_is_no_migration() {
    let (folder, path, mut connection) = old();
    let older = folder.path().join("region.db.before-1");
    fs::write(&older, "an older copy").unwrap();
    fs::create_dir(folder.path().join("region.db.copy")).unwrap();
    let refused = migrate(&mut connection, &path);
    assert!(matches!(refused, Err(OpenError::NotCopied { .. })), "{refused:?}");
    assert_eq!(version(&connection), 2);
    assert!(older.exists());
}

#[test]
fn a_new_database_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("region.db");
    let mut connection = Connection::open(&path).unwrap();
    migrate(&mut connection, &path).unwrap();
    assert_eq!(version(&connection), known());
    assert!(!folder.path().join(format!("region.db.before-{}", known())).exists());
}
