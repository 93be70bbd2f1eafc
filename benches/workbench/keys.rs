//! From a key to what it shows, while somebody else drives an endpoint as fast as it goes and a log
//! floods.

use super::Times;
use super::server::Server;
use super::start::workspace;
use super::terminal::Screen;
use bytes::Bytes;
use sagebrush::client::{Client, Invocation};
use sagebrush::domain::time::{Clock, SystemClock};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SIZE: (u16, u16) = (200, 60);
const PRESSES: usize = 300;
const USERS: usize = 8;
/// Lines a second, and how many calls bring them.
const LINES: u64 = 20_000;
const CALLS: u64 = 20;
const GROUP: &str = "/bench/flood";
const ROW: &str = "17.99,10.38,122.8,1001,0.1184,0.2776,0.3001,0.1471,0.2419,0.07871,1.095,0.9053,8.589,\
                   153.4,0.006399,0.04904,0.05373,0.01587,0.03003,0.006193,25.38,17.33,184.6,2019,\
                   0.1622,0.6656,0.7119,0.2654,0.4601,0.1189";

pub fn run() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (home, folder) = workspace(scratch.path(), 0);
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/workspaces/cancer/data");
    let server = Server::start(&folder);
    for line in [
        "bucket create bench",
        &format!("upload {data}/ s3://bench/"),
        "train blue xgboost --input train=s3://bench/train.csv --set objective=binary:logistic --set num_round=20",
        "wait blue",
        "register tumors --from blue",
        "approve tumors/1",
        "deploy live blue=tumors/1",
        "wait live",
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_sagebrush"))
            .arg("--workspace")
            .arg(&folder)
            .args(line.split(' '))
            .stdout(Stdio::null())
            .status();
        assert!(run.is_ok_and(|status| status.success()), "`{line}` failed");
    }
    let (done, sent, told) = Default::default();
    let load = Load { done, sent, told, client: server.client.clone() };
    println!("key to frame at 200×60, ms (aim: p99 16 or less)");
    let quiet = |screen: &str| press(&home, &folder, screen, PRESSES);
    println!("  {}  cockpit, no load", quiet("endpoints").text());
    let driver = load.start();
    std::thread::sleep(Duration::from_secs(1));
    let (sent, told, begun) = (load.sent(), load.told(), Instant::now());
    let mut cockpit = quiet("endpoints");
    let mut log = quiet("logs");
    let seconds = begun.elapsed().as_secs_f64();
    println!("  {}  cockpit, under load", cockpit.text());
    println!("  {}  the flooded log, under load", log.text());
    println!(
        "  meanwhile {:.0} requests/s, {:.0} log lines/s",
        (load.sent() - sent) as f64 / seconds,
        (load.told() - told) as f64 / seconds
    );
    load.done.store(true, Ordering::Relaxed);
    driver.join().expect("the load ends");
}

/// Help opens and closes; each time it is waited for.
fn press(home: &Path, folder: &Path, screen: &str, times: usize) -> Times {
    let mut terminal = Screen::open(home, folder, &["--screen", screen], SIZE);
    match screen {
        "endpoints" => terminal.until("endpoint", |text| text.contains("InService")),
        _ => terminal.until("group", |text| text.contains(GROUP)),
    };
    // The last of the list, opened.
    terminal.press(b"G");
    terminal.listen(Duration::from_millis(200));
    terminal.press(b"\r");
    terminal.listen(Duration::from_secs(2));
    let mut found = Times::default();
    for turn in 0..times * 2 {
        let pressed = terminal.press(b"?");
        // The hints of the last row are the screen's, or the dialog's, which has none of `help`.
        let open = turn % 2 == 0;
        let shown = terminal.until_row(SIZE.1 - 1, |row| row.contains("? help") != open);
        found.add((shown - pressed).as_secs_f64() * 1000.0);
        terminal.listen(Duration::from_millis(35));
    }
    terminal.leave();
    found
}

/// What an outside program does to the region.
struct Load {
    done: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    told: Arc<AtomicU64>,
    client: Client,
}

impl Load {
    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    fn start(&self) -> std::thread::JoinHandle<()> {
        let (done, sent, told) =
            (Arc::clone(&self.done), Arc::clone(&self.sent), Arc::clone(&self.told));
        let client = self.client.clone();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
            runtime.block_on(async {
                let mut tasks = tokio::task::JoinSet::new();
                for _ in 0..USERS {
                    tasks.spawn(user(client.clone(), Arc::clone(&done), Arc::clone(&sent)));
                }
                tasks.spawn(flood(client, done, told));
                while tasks.join_next().await.is_some() {}
            });
        })
    }
}

async fn user(client: Client, done: Arc<AtomicBool>, sent: Arc<AtomicU64>) {
    while !done.load(Ordering::Relaxed) {
        let invocation = Invocation {
            endpoint: "live".into(),
            variant: None,
            content_type: "text/csv".into(),
            accept: None,
            body: Bytes::from_static(ROW.as_bytes()),
        };
        client.invoke(invocation).await.expect("an answer");
        sent.fetch_add(1, Ordering::Relaxed);
    }
}

async fn flood(client: Client, done: Arc<AtomicBool>, told: Arc<AtomicU64>) {
    let group = json!({"logGroupName": GROUP});
    client.call("logs", "CreateLogGroup", &group).await.expect("a group");
    let stream = json!({"logGroupName": GROUP, "logStreamName": "flood"});
    client.call("logs", "CreateLogStream", &stream).await.expect("a stream");
    let mut turns = tokio::time::interval(Duration::from_secs_f64(1.0 / CALLS as f64));
    let mut number = 0_u64;
    while !done.load(Ordering::Relaxed) {
        turns.tick().await;
        let now = SystemClock.now().as_millis();
        let events: Vec<Value> = (0..LINES / CALLS)
            .map(|at| {
                let text =
                    format!("127.0.0.1 - \"POST /invocations HTTP/1.1\" 200 18 {}", number + at);
                json!({"timestamp": now, "message": text})
            })
            .collect();
        number += LINES / CALLS;
        let input = json!({"logGroupName": GROUP, "logStreamName": "flood", "logEvents": events});
        client.call("logs", "PutLogEvents", &input).await.expect("lines are taken");
        told.fetch_add(LINES / CALLS, Ordering::Relaxed);
    }
}
