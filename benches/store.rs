//! What the store does in a second, and what does not depend on how much it holds. Rounds are
//! interleaved; each figure is the median of its rounds, with the least and the greatest.
//!
//! `cargo bench --bench store`, or `-- --rows 100000` for a smaller large store.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where it fails"
)]

use sagebrush::domain::time::{SystemClock, Timestamp};
use sagebrush::store::logs::LogEvent;
use sagebrush::store::objects::About;
use sagebrush::store::{Durability, Query, Row, Sort, Store, StoreError};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(400);
const LARGE: usize = 1_000_000;

fn main() {
    let mut words = std::env::args().skip_while(|word| word != "--rows").skip(1);
    let rows = words.next().and_then(|rows| rows.parse().ok()).unwrap_or(LARGE);
    let dir = tempfile::tempdir().unwrap();
    writes(dir.path());
    let (small, large) = (dir.path().join("small"), dir.path().join("large"));
    fill(&small, 1_000);
    fill(&large, rows);
    pages(&small, &large, rows);
    opening(&large, rows);
    lines(&dir.path().join("lines"));
    objects(&dir.path().join("objects"));
}

fn open(dir: &Path, durability: Durability) -> Store {
    Store::open(dir, Arc::new(SystemClock), durability).unwrap()
}

/// A row as CreateModel writes it.
fn row(number: usize) -> Row {
    let name = format!("model-{number:07}");
    let body = json!({
        "ModelName": name,
        "ExecutionRoleArn": "arn:aws:iam::123456789012:role/service-role/SageMaker",
        "PrimaryContainer": {
            "Image": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "ModelDataUrl": "s3://bucket/output/job/output/model.tar.gz",
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        },
        "CreationTime": 1_700_000_000.0 + number as f64,
    });
    let created = Timestamp::from_millis(1_700_000_000_000 + number as i64);
    Row { status: "InService".into(), ..Row::new("model", &name, created, body) }
}

fn fill(dir: &Path, rows: usize) {
    let store = open(dir, Durability::Process);
    for start in (0..rows).step_by(10_000) {
        let end = rows.min(start + 10_000);
        store
            .write_blocking(move |change| -> Result<(), StoreError> {
                (start..end).try_for_each(|number| change.insert(row(number)))
            })
            .unwrap();
    }
}

/// Calls a second of clients that each wait for their answer.
fn clients(store: &Store, count: usize, next: &std::sync::atomic::AtomicUsize) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let start = Instant::now();
    let before = next.load(std::sync::atomic::Ordering::SeqCst);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            runtime.block_on(async {
                let client = || async {
                    while start.elapsed() < ROUND {
                        let number = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        let row = row(number);
                        let written: Result<(), StoreError> =
                            store.write(move |change| change.insert(row)).await;
                        written.unwrap();
                    }
                };
                futures::future::join_all((0..count).map(|_| client())).await;
            });
        });
    });
    let done = next.load(std::sync::atomic::Ordering::SeqCst) - before;
    done as f64 / start.elapsed().as_secs_f64()
}

fn writes(dir: &Path) {
    let cases = [
        ("process", Durability::Process, 1),
        ("process", Durability::Process, 16),
        ("full", Durability::Full, 1),
        ("full", Durability::Full, 16),
    ];
    let stores: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(index, (_, durability, _))| open(&dir.join(index.to_string()), *durability))
        .collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut figures = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (index, (_, _, count)) in cases.iter().enumerate() {
            figures[index].push(clients(&stores[index], *count, &next));
        }
    }
    for ((name, _, count), figures) in cases.iter().zip(figures) {
        show(&format!("writes a second, {count:2} clients, durability {name}"), figures, "");
    }
}

/// Microseconds that one question takes, the mean of many.
fn micros(times: u32, mut ask: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..times).for_each(|_| ask());
    start.elapsed().as_secs_f64() * 1e6 / f64::from(times)
}

fn pages(small: &Path, large: &Path, rows: usize) {
    let stores = [open(small, Durability::Process), open(large, Durability::Process)];
    let counts = [1_000, rows];
    let status = Some("InService".to_owned());
    let queries = [
        ("newest first", Query::default()),
        ("by name", Query { sort: Sort::Name, ascending: true, ..Query::default() }),
        ("by status", Query { sort: Sort::Status, ..Query::default() }),
        ("of a status, newest first", Query { status, ..Query::default() }),
    ];
    for (name, query) in queries {
        let query = Query { kind: "model".into(), limit: 10, ..query };
        let mut figures = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (store, figures) in stores.iter().zip(&mut figures) {
                figures.push(micros(2_000, || {
                    let page = store.read::<_, StoreError>(|snapshot| snapshot.list(&query));
                    assert_eq!(page.unwrap().rows.len(), 10);
                }));
            }
        }
        for (count, figures) in counts.iter().zip(figures) {
            show(&format!("first page of 10, {name}, among {count} rows"), figures, " µs");
        }
    }
    let points = (0..ROUNDS).map(|round| {
        let mut number = round;
        micros(10_000, || {
            number = (number + 7_919) % rows;
            let name = format!("model-{number:07}");
            let found = stores[1].read::<_, StoreError>(|snapshot| snapshot.get("model", &name));
            assert!(found.unwrap().is_some());
        })
    });
    show(&format!("a row by its name, among {rows}"), points.collect(), " µs");
}

fn opening(large: &Path, rows: usize) {
    let times = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        let store = open(large, Durability::Process);
        let found = store.read::<_, StoreError>(|snapshot| snapshot.get("model", "model-0000500"));
        let taken = start.elapsed();
        assert!(found.unwrap().is_some());
        taken.as_secs_f64() * 1e3
    });
    show(&format!("opening with {rows} rows, up to the first answer"), times.collect(), " ms");
}

fn lines(dir: &Path) {
    let store = open(dir, Durability::Process);
    let logs = store.logs();
    futures::executor::block_on(logs.ensure("group", "stream")).unwrap();
    let writer = logs.writer("group", "stream").unwrap();
    let message = "[12]#011train-rmse:0.48213#011validation-rmse:0.50132".to_owned();
    let event = LogEvent { timestamp: Timestamp::from_millis(1_700_000_000_000), message };
    let figures = (0..ROUNDS).map(|_| {
        1e6 / micros(20_000, || {
            writer.append(std::slice::from_ref(&event)).unwrap();
        })
    });
    show("log lines a second, one by one", figures.collect(), "");
}

fn objects(dir: &Path) {
    let store = open(dir, Durability::Process);
    let objects = store.objects();
    futures::executor::block_on(objects.create_bucket("bucket")).unwrap();
    let small = vec![7_u8; 4 * 1024];
    let mut number = 0;
    let figures = (0..ROUNDS).map(|_| {
        1e6 / micros(500, || {
            number += 1;
            let key = format!("key/{number}");
            objects.put_from("bucket", &key, &mut small.as_slice(), About::default()).unwrap();
        })
    });
    show("objects of 4 KiB put a second, one client", figures.collect(), "");
    let large = vec![7_u8; 64 * 1024 * 1024];
    let figures = (0..ROUNDS).map(|_| {
        64e6 / micros(1, || {
            objects.put_from("bucket", "large", &mut large.as_slice(), About::default()).unwrap();
        })
    });
    show("MiB a second into one object", figures.collect(), "");
}

fn show(what: &str, mut figures: Vec<f64>, unit: &str) {
    figures.sort_by(f64::total_cmp);
    let (least, median, most) =
        (figures[0], figures[figures.len() / 2], figures[figures.len() - 1]);
    println!("{what:64} {median:>10.1}{unit}  ({least:.1} to {most:.1})");
}
