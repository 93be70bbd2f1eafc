//! `/_sagebrush/watch`: a snapshot and the deltas behind it always add up to the region's state.

use crate::gate::{Gate, Raw};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sagebrush::domain::kind;
use sagebrush::gateway::Limits;
use sagebrush::store::{Query, Row, StoreError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const KINDS: [&str; 3] = [kind::MODEL, kind::ENDPOINT, kind::TRAINING_JOB];

#[derive(Clone, Debug)]
enum Step {
    Put { kind: usize, name: u8, status: u8 },
    Delete { kind: usize, name: u8 },
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..6u8;
    prop_oneof![
        12 => (0..3usize, name.clone(), any::<u8>())
            .prop_map(|(kind, name, status)| Step::Put { kind, name, status }),
        4 => (0..3usize, name).prop_map(|(kind, name)| Step::Delete { kind, name }),
        1 => Just(Step::Reset),
    ]
}

fn apply(gate: &Gate, step: &Step) {
    let step = step.clone();
    let store = gate.region.store();
    let outcome: Result<(), StoreError> = gate.runtime.block_on(async {
        if matches!(step, Step::Reset) {
            return store.reset().await;
        }
        store
            .write(move |change| {
                match step {
                    Step::Put { kind, name, status } => {
                        let now = change.now();
                        // Upper case: rows are told apart by their lower-cased names.
                        let body = json!({ "Status": status });
                        let mut row = Row::new(KINDS[kind], &format!("Row-{name}"), now, body);
                        row.status = format!("S{status}");
                        if change.get(KINDS[kind], &row.name)?.is_some() {
                            change.update(&row)?;
                        } else {
                            change.insert(row)?;
                        }
                    }
                    Step::Delete { kind, name } => {
                        change.delete(KINDS[kind], &format!("row-{name}"))?;
                    }
                    Step::Reset => {}
                }
                Ok(())
            })
            .await
    });
    outcome.unwrap();
}

type State = BTreeMap<(String, String), (String, Value)>;

fn actual(gate: &Gate) -> State {
    let mut state = State::new();
    for kind in KINDS {
        let query = Query { kind: kind.into(), limit: 1000, ..Query::default() };
        let page = gate.region.store().read::<_, StoreError>(|store| store.list(&query)).unwrap();
        for row in page.rows {
            let key = (row.kind, row.name.to_lowercase());
            state.insert(key, (row.status, row.body));
        }
    }
    state
}

/// A watcher as a front end would write it. It looks at [`KINDS`] alone: a region has rows of its own.
struct Watcher {
    raw: Raw,
    text: Vec<u8>,
    state: State,
    revision: u64,
    resyncs: usize,
    /// Lines of changes.
    changes: u64,
}

impl Watcher {
    fn open(gate: &Gate, query: &str) -> Self {
        let mut raw = gate.connect();
        raw.write(&format!(
            "GET /_sagebrush/watch?bodies=1{query} HTTP/1.1\r\nHost: {}\r\n\r\n",
            gate.address
        ));
        assert_eq!(raw.head().unwrap().0, 200);
        Self { raw, text: Vec::new(), state: State::new(), revision: 0, resyncs: 0, changes: 0 }
    }

    fn line(&mut self) -> Value {
        loop {
            if let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                return serde_json::from_slice(&line).unwrap();
            }
            let chunk = self.raw.chunk().expect("the stream ended");
            self.text.extend(chunk);
        }
    }

    fn take(&mut self) {
        let line = self.line();
        if line.get("resync").is_some() {
            self.state.clear();
            self.resyncs += 1;
        } else if let Some(revision) = line["ready"].as_u64() {
            self.revision = revision;
        } else if let Some(kind) = line["kind"].as_str().filter(|kind| KINDS.contains(kind)) {
            let name = line["name"].as_str().unwrap().to_lowercase();
            let key = (kind.to_owned(), name);
            if line["change"] == "deleted" {
                self.state.remove(&key);
            } else {
                assert!(line["arn"].as_str().unwrap().starts_with("arn:aws:"), "{line}");
                let status = line["status"].as_str().unwrap().to_owned();
                self.state.insert(key, (status, line["body"].clone()));
            }
        }
        if line.get("change").is_some() {
            self.revision = line["revision"].as_u64().unwrap();
            self.changes += 1;
        }
    }

    fn catch_up(&mut self, revision: u64) {
        while self.revision < revision {
            self.take();
        }
    }
}

fn revision(gate: &Gate) -> u64 {
    gate.get("/_sagebrush/health").json()["revision"].as_u64().unwrap()
}

#[test]
fn a_snapshot_and_its_deltas_are_the_regions_state() {
    let gate = Gate::start(Limits::default());
    let mut runner =
        TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let strategy = (
        prop::collection::vec(step(), 0..40),
        prop::collection::vec(step(), 0..40),
        prop::collection::vec(step(), 0..40),
    );
    runner
        .run(&strategy, |(before, first, second)| {
            before.iter().for_each(|step| apply(&gate, step));
            let mut fresh = Watcher::open(&gate, "");
            // One that knows the state of now already, and goes away for a while.
            let since = revision(&gate);
            let known = actual(&gate);
            first.iter().for_each(|step| apply(&gate, step));
            let mut later = Watcher::open(&gate, &format!("&since={since}"));
            later.state = known;
            later.revision = since;
            second.iter().for_each(|step| apply(&gate, step));
            let last = revision(&gate);
            for watcher in [&mut fresh, &mut later] {
                watcher.catch_up(last);
                prop_assert_eq!(&watcher.state, &actual(&gate));
            }
            Ok(())
        })
        .unwrap();
}

fn work(gate: &Gate, what: &str) -> u64 {
    gate.get("/_sagebrush/engine").json()["work"][what].as_u64().unwrap()
}

#[test]
fn each_change_is_rendered_once_however_many_watch() {
    let gate = Gate::start(Limits::default());
    let mut watchers: Vec<Watcher> = (0..24).map(|_| Watcher::open(&gate, "")).collect();
    for watcher in &mut watchers {
        while watcher.revision == 0 {
            watcher.take();
        }
    }
    let rendered = work(&gate, "changes_rendered");
    for number in 0..200 {
        apply(&gate, &Step::Put { kind: 0, name: number % 50, status: number % 7 });
    }
    let last = revision(&gate);
    for watcher in &mut watchers {
        watcher.catch_up(last);
        assert_eq!((watcher.changes, &watcher.state), (200, &actual(&gate)));
    }
    assert_eq!(work(&gate, "changes_rendered") - rendered, 200);
    assert!(work(&gate, "pages_shared") > 0);
}

#[test]
fn a_revision_from_another_time_forces_a_resync() {
    let gate = Gate::start(Limits::default());
    apply(&gate, &Step::Put { kind: 0, name: 1, status: 7 });
    let mut watcher = Watcher::open(&gate, "&since=999999");
    watcher.catch_up(revision(&gate));
    assert_eq!((watcher.resyncs, watcher.state), (1, actual(&gate)));
    let answer = gate.get("/_sagebrush/watch?since=soon");
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn silence_is_broken_by_heartbeats() {
    let limits = Limits { heartbeat: Duration::from_millis(10), ..Limits::default() };
    let gate = Gate::start(limits);
    let mut watcher = Watcher::open(&gate, "");
    loop {
        if watcher.line().get("heartbeat").is_some() {
            break;
        }
    }
}

#[test]
fn there_are_only_so_many_streams() {
    let gate = Gate::start(Limits { watchers: 1, ..Limits::default() });
    let watcher = Watcher::open(&gate, "");
    let answer = gate.get("/_sagebrush/watch");
    assert_eq!((answer.status, answer.code().as_str()), (503, "ServiceUnavailable"));
    drop(watcher);
    // Freed once the gateway notices, which the next line that it writes makes it do.
    loop {
        apply(&gate, &Step::Put { kind: 0, name: 1, status: 7 });
        let mut raw = gate.connect();
        raw.write(&format!("GET /_sagebrush/watch HTTP/1.1\r\nHost: {}\r\n\r\n", gate.address));
        if raw.head().unwrap().0 == 200 {
            break;
        }
    }
}

#[test]
fn a_reset_empties_the_region_by_post_alone() {
    let gate = Gate::start(Limits::default());
    apply(&gate, &Step::Put { kind: 0, name: 1, status: 7 });
    assert_eq!(gate.get("/_sagebrush/reset").status, 405);
    assert_eq!(actual(&gate).len(), 1);
    assert_eq!(gate.post("/_sagebrush/reset").json()["reset"], true);
    assert!(actual(&gate).is_empty());
    assert_eq!(gate.get("/_sagebrush/nonsense").status, 404);
    let coverage = gate.get("/_sagebrush/coverage").json();
    assert_eq!(coverage["services"]["sagemaker"]["CreateModel"]["behaviour"], "behaves");
    let instances = gate.get("/_sagebrush/instances").json();
    assert!(instances["instances"].as_array().unwrap().len() > 100);
}

#[test]
fn log_lines_are_told_as_they_are_written() {
    use sagebrush::domain::time::Timestamp;
    use sagebrush::store::logs::LogEvent;
    let gate = Gate::start(Limits::default());
    let logs = gate.region.store().logs();
    let write = |stream: &str, messages: &[&str]| {
        let event = |message: &&str| LogEvent {
            timestamp: Timestamp::from_millis(1_000),
            message: (*message).to_owned(),
        };
        gate.runtime.block_on(logs.ensure("/group", stream)).unwrap();
        let events: Vec<LogEvent> = messages.iter().map(event).collect();
        logs.append("/group", stream, &events).unwrap();
    };
    write("a/1", &["old one", "old two"]);
    let mut raw = gate.connect();
    raw.write(&format!(
        "GET /_sagebrush/logs?group=/group&prefix=a/&filter=o&tail=1 HTTP/1.1\r\nHost: {}\r\n\r\n",
        gate.address
    ));
    assert_eq!(raw.head().unwrap().0, 200);
    let mut told =
        Watcher { raw, text: Vec::new(), state: State::new(), revision: 0, resyncs: 0, changes: 0 };
    assert_eq!(told.line()["message"], "old two");
    write("b/1", &["of another stream"]);
    write("a/2", &["not this: without the letter", "here", "now"]);
    let line = told.line();
    assert_eq!(line["message"], "not this: without the letter");
    let line = told.line();
    assert_eq!((&line["message"], &line["stream"]), (&json!("now"), &json!("a/2")));
    assert_eq!((&line["position"], &line["timestamp"]), (&json!(2), &json!(1_000)));
    assert_eq!(gate.get("/_sagebrush/logs").status, 400);
}

/// A front end that is started over a full region waits for this.
#[test]
fn ten_thousand_rows_are_told_quickly() {
    let gate = Gate::start(Limits::default());
    let outcome: Result<(), StoreError> = gate.runtime.block_on(async {
        let fill = |change: &mut sagebrush::store::Change<'_>| {
            for n in 0..10_000 {
                let now = change.now();
                let body = json!({ "ModelName": format!("m{n}"), "ExecutionRoleArn": "arn" });
                change.insert(Row::new(kind::MODEL, &format!("m{n}"), now, body))?;
            }
            Ok(())
        };
        gate.region.store().write(fill).await
    });
    outcome.unwrap();
    let begun = Instant::now();
    let mut raw = gate.connect();
    raw.write(&format!("GET /_sagebrush/watch HTTP/1.1\r\nHost: {}\r\n\r\n", gate.address));
    assert_eq!(raw.head().unwrap().0, 200);
    let mut text = Vec::new();
    while !text.windows(8).rev().take(200).any(|eight| eight == b"{\"ready\"") {
        text.extend(raw.chunk().unwrap());
    }
    let took = begun.elapsed();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains("\"kind\":\"model\"")).count(), 10_000);
    println!("10,000 rows, {} bytes, in {took:?}", text.len());
}
