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
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
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
    let _server = Server::start_detached(&folder);
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
    println!("key to frame at 200×60, ms (aim: p99 16 or less)");
    let quiet = |screen: &str| press(&home, &folder, screen, PRESSES);
    println!("  {}  cockpit, no load", quiet("endpoints").text());
    let load = Load::start(&folder);
    std::thread::sleep(Duration::from_secs(1));
    let ((sent, told), begun) = (load.counts.now(), Instant::now());
    let mut cockpit = quiet("endpoints");
    let mut log = quiet("logs");
    let seconds = begun.elapsed().as_secs_f64();
    println!("  {}  cockpit, under load", cockpit.text());
    println!("  {}  the flooded log, under load", log.text());
    let now = load.counts.now();
    println!(
        "  meanwhile {:.0} requests/s, {:.0} log lines/s",
        (now.0 - sent) as f64 / seconds,
        (now.1 - told) as f64 / seconds
    );
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

/// A program of its own, in a session of its own, that drives the endpoint and floods the log.
struct Load {
    child: Child,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    told: AtomicU64,
}

impl Counts {
    fn now(&self) -> (u64, u64) {
        (self.sent.load(Ordering::Relaxed), self.told.load(Ordering::Relaxed))
    }
}

impl Load {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new("setsid")
            .arg(std::env::current_exe().expect("this program"))
            .arg("load")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the load starts");
        let lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        let counts: Arc<Counts> = Arc::default();
        let kept = Arc::clone(&counts);
        let (begun, begins) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let (sent, told) = line.split_once(' ').expect("two counts");
                kept.sent.store(sent.parse().expect("a count"), Ordering::Relaxed);
                kept.told.store(told.parse().expect("a count"), Ordering::Relaxed);
                begun.send(()).ok();
            }
        });
        begins.recv().expect("the load runs");
        Self { child, counts }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What `workbench load FOLDER` does until it is killed: prints what it sent so far, ten times a second.
pub fn load(folder: &Path) {
    let client = super::server::client(folder);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    let counts: Arc<Counts> = Arc::default();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..USERS {
            tasks.spawn(user(client.clone(), Arc::clone(&counts)));
        }
        tasks.spawn(flood(client, Arc::clone(&counts)));
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                ended = tasks.join_next() => panic!("a part of the load ended: {ended:?}"),
                _ = ticks.tick() => {
                    let (sent, told) = counts.now();
                    println!("{sent} {told}");
                }
            }
        }
    });
}

async fn user(client: Client, counts: Arc<Counts>) {
    loop {
        let invocation = Invocation {
            endpoint: "live".into(),
            variant: None,
            content_type: "text/csv".into(),
            accept: None,
            body: Bytes::from_static(ROW.as_bytes()),
        };
        client.invoke(invocation).await.expect("an answer");
        counts.sent.fetch_add(1, Ordering::Relaxed);
    }
}

async fn flood(client: Client, counts: Arc<Counts>) {
    let group = json!({"logGroupName": GROUP});
    client.call("logs", "CreateLogGroup", &group).await.expect("a group");
    let stream = json!({"logGroupName": GROUP, "logStreamName": "flood"});
    client.call("logs", "CreateLogStream", &stream).await.expect("a stream");
    let mut turns = tokio::time::interval(Duration::from_secs_f64(1.0 / CALLS as f64));
    let mut number = 0_u64;
    loop {
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
        counts.told.fetch_add(LINES / CALLS, Ordering::Relaxed);
    }
}
