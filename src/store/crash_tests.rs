//! The process dies in the middle of writing: what was acknowledged is there, what was not is whole
//! or absent.

use super::logs::{LogEvent, Read as ReadLogs, Start};
use super::objects::About;
use super::*;
use crate::domain::time::{SystemClock, Timestamp};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const FOLDER: &str = "SAGEBRUSH_TEST_CRASH_FOLDER";

fn open(folder: &Path) -> Store {
    Store::open(folder, Arc::new(SystemClock), Durability::Process).unwrap()
}

/// What the process that dies does: it says on stdout what was acknowledged, line by line.
#[test]
#[ignore = "it is run by the test below, in a process of its own, until it is killed"]
fn write_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = open(Path::new(&folder));
    let round = store.write_blocking::<_, StoreError>(|change| change.next("rounds")).unwrap();
    let (objects, logs) = (store.objects(), store.logs());
    futures::executor::block_on(async {
        let _ = objects.create_bucket("bucket").await;
        logs.ensure("group", "stream").await.unwrap();
    });
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, objects, logs) = (store.clone(), objects.clone(), logs.clone());
            scope.spawn(move || {
                for number in 0.. {
                    let name = format!("{round}-{thread}-{number}");
                    step(&store, &objects, &logs, &name);
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "ack {name}").unwrap();
                }
            });
        }
    });
}

fn step(store: &Store, objects: &objects::Objects, logs: &logs::Logs, name: &str) {
    let row = Row::new("model", name, Timestamp::from_millis(1), json!({ "Name": name }));
    store
        .write_blocking(move |change| -> Result<(), StoreError> {
            let arn = format!("arn:aws:sagemaker:us-east-1:123456789012:model/{}", row.name);
            change.tag(&arn, &[("name".into(), row.name.clone())])?;
            change.insert(row)
        })
        .unwrap();
    objects.put_from("bucket", name, &mut name.as_bytes(), About::default()).unwrap();
    let event = LogEvent { timestamp: Timestamp::from_millis(1), message: name.to_owned() };
    logs.append("group", "stream", &[event]).unwrap();
}

#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(".sagebrush");
    let mut acknowledged = BTreeSet::new();
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["store::crash_tests::write_until_killed", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, &folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = 20 + round * 31;
        for (seen, line) in lines.map_while(Result::ok).enumerate() {
            acknowledged.extend(line.strip_prefix("ack ").map(str::to_owned));
            if seen == wanted {
                // What it has printed since is read too: that was acknowledged as well.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        check(&open(&folder), &acknowledged);
    }
    assert!(acknowledged.len() > 500, "{}", acknowledged.len());
}

fn check(store: &Store, acknowledged: &BTreeSet<String>) {
    let (objects, logs) = (store.objects(), store.logs());
    let read =
        ReadLogs { start: Start::Head, limit: usize::MAX, bytes: u64::MAX, ..ReadLogs::default() };
    let events = logs.read("group", "stream", &read).unwrap().events;
    let lines: BTreeSet<&str> = events.iter().map(|record| record.message.as_str()).collect();
    for name in acknowledged {
        let row =
            store.read(|snapshot| snapshot.get("model", name)).map_err(|error: StoreError| error);
        assert_eq!(row.unwrap().unwrap().body, json!({ "Name": name }));
        assert_eq!(objects.read("bucket", name).unwrap(), name.as_bytes());
        assert!(lines.contains(name.as_str()), "{name}");
    }
    store
        .read(|snapshot| -> Result<(), StoreError> {
            let check: String =
                snapshot.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
            assert_eq!(check, "ok");
            // Rows, events, tags and tallies went together or not at all.
            let counted: (u64, u64, u64) = snapshot.connection.query_row(
                "SELECT (SELECT count(*) FROM resource),
                     (SELECT count(*) FROM event WHERE kind = 'model'),
                     (SELECT count(*) FROM tag)",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?;
            let rows = snapshot.count("model")?;
            assert_eq!(counted, (rows, rows, rows));
            Ok(())
        })
        .unwrap();
    for object in objects.list("bucket", &objects::List::default()).unwrap().objects {
        assert_eq!(objects.read("bucket", &object.key).unwrap(), object.key.as_bytes());
    }
}
