//! A busy region as messages, made here: so many endpoints, rows that change, requests, log lines.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use sagebrush::domain::histogram;
use sagebrush::domain::kind;
use sagebrush::domain::seed::Seed;
use sagebrush::tui::msg::{Line, Link, LogLine, Logs, Msg};
use sagebrush::tui::row::Row;
use serde_json::{Value, json};

/// 2026-11-28 08:28:00 UTC, in milliseconds.
pub const START: i64 = 1_795_854_480_000;
pub const GROUP: &str = "/aws/sagemaker/Endpoints/live-00000";
/// Endpoints whose traffic one line tells of.
const HEARD: usize = 200;

pub fn name(index: usize) -> String {
    format!("live-{index:05}")
}

pub fn connected() -> Msg {
    let health = json!({"name": "sagebrush", "version": "0.1.0", "workspace": "bench", "pid": 4711,
        "account": "123456789012", "region": "us-east-1", "revision": 42, "uptime_seconds": 1.0});
    Msg::Link(Link::Connected {
        health,
        address: "http://127.0.0.1:7242".into(),
        started_here: true,
    })
}

/// An endpoint as Describe answers it; `turn` makes it another one each time.
pub fn endpoint(index: usize, turn: u64) -> Row {
    let name = name(index);
    let arn = format!("arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}");
    let status = if turn.is_multiple_of(2) { "InService" } else { "Updating" };
    let at = START as f64 / 1000.0 + turn as f64;
    let variant = |variant: &str, weight: f64| {
        json!({"VariantName": variant, "CurrentWeight": weight, "DesiredWeight": weight,
            "CurrentInstanceCount": 2, "DesiredInstanceCount": 2})
    };
    let share = f64::from((turn % 100) as u32);
    let body = json!({"EndpointName": name, "EndpointArn": arn, "EndpointConfigName": name,
        "EndpointStatus": status, "CreationTime": at, "LastModifiedTime": at,
        "ProductionVariants": [variant("blue", share), variant("green", 100.0 - share)]});
    Row {
        kind: kind::ENDPOINT.into(),
        name,
        arn,
        status: status.into(),
        created: START as f64 / 1000.0 - index as f64,
        modified: at,
        body,
        ..Row::default()
    }
}

pub fn snapshot(endpoints: usize) -> Msg {
    let mut lines = vec![Line::Snapshot { revision: 42, rows: endpoints as u64 }];
    lines.extend((0..endpoints).map(|index| Line::Row(endpoint(index, 0))));
    lines.push(Line::Ready(42));
    Msg::Region(lines)
}

/// Rows that changed, as the watch stream tells them.
pub fn changes(endpoints: usize, count: usize, turn: u64, at: i64) -> Msg {
    let seed = Seed(7242);
    let lines = (0..count as u64).map(|number| {
        let turn = turn * count as u64 + number;
        let index = (seed.bits(turn) % endpoints as u64) as usize;
        let (revision, at) = (43 + turn, at as f64 / 1000.0);
        Line::Changed { revision, at, created: false, row: endpoint(index, turn) }
    });
    Msg::Region(lines.collect())
}

/// A job that comes and goes.
pub fn job(turn: u64, at: i64) -> Msg {
    let seconds = at as f64 / 1000.0;
    let name = |turn: u64| format!("job-{turn}");
    let arn = format!("arn:aws:sagemaker:us-east-1:123456789012:training-job/job-{turn}");
    let body = json!({"TrainingJobName": name(turn), "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed", "TrainingJobArn": arn, "CreationTime": seconds});
    let row = Row {
        kind: kind::TRAINING_JOB.into(),
        name: name(turn),
        arn,
        status: "Completed".into(),
        created: seconds,
        modified: seconds,
        body,
        ..Row::default()
    };
    let mut lines = vec![Line::Changed { revision: turn, at: seconds, created: true, row }];
    if let Some(old) = turn.checked_sub(100) {
        let kind = kind::TRAINING_JOB.into();
        lines.push(Line::Deleted { revision: turn, at: seconds, kind, name: name(old) });
    }
    Msg::Region(lines)
}

/// Lines as containers print them, some with colours, some longer than a window is wide.
pub fn logs(count: usize, from: u64, at: i64) -> Msg {
    let line = |number: u64| {
        let message = match number % 7 {
            0 => format!("\u{1b}[32m200\u{1b}[0m POST /invocations {number} in 1.84 ms"),
            1 => format!("[{number}]#011train-logloss:0.36190#011validation-logloss:0.41530"),
            2 => format!("{number} {}", "a rather long line that has to be wrapped ".repeat(8)),
            3 => format!("request {number} 測定 ünïcödé ✔"),
            _ => format!("127.0.0.1 - - \"POST /invocations HTTP/1.1\" 200 18 request {number}"),
        };
        let stream = format!("blue/i-{:08x}", number % 16);
        LogLine { stream, position: number, timestamp: at, message }
    };
    let lines = (from..from + count as u64).map(line).collect();
    Msg::Logs(Logs { group: GROUP.into(), lines, missed: 0 })
}

/// The requests of an endpoint that only grow in number.
pub struct Requests {
    latency: Histogram<u64>,
    sent: u64,
}

impl Default for Requests {
    fn default() -> Self {
        Self { latency: histogram::empty(), sent: 0 }
    }
}

impl Requests {
    fn go(&mut self, count: u64) {
        for _ in 0..count {
            let unit = Seed(7).unit(self.sent);
            self.latency.saturating_record((900.0 / (1.001 - unit).sqrt()) as u64);
            self.sent += 1;
        }
    }

    /// A line of the endpoint's own stream, after so many more.
    pub fn live(&mut self, count: u64, at: i64) -> Msg {
        self.go(count);
        let mut encoded = Vec::new();
        V2Serializer::new().serialize(&self.latency, &mut encoded).expect("a histogram");
        let latency = json!({"count": self.latency.len(), "histogram": STANDARD.encode(&encoded)});
        let variant = |name: &str| {
            json!({"variant": name, "share": 0.5, "instances": 2, "in_flight": 3,
                "invocations": self.sent, "abandoned": 0, "errors_4xx": 0, "errors_5xx": 0,
                "model_latency": latency, "instances_detail": [instance(name, at)],
                "instances_ended": []})
        };
        let line = json!({"endpoint": name(0), "at": at as f64 / 1000.0, "status": "InService",
            "config": name(0), "failure_reason": null,
            "variants": [variant("blue"), variant("green")]});
        Msg::Endpoint { name: name(0), line }
    }

    /// A line of the whole region's stream.
    pub fn beat(&self, at: i64) -> Msg {
        let variant = |name: &str| {
            json!({"variant": name, "share": 0.5, "in_flight": 3, "invocations": self.sent,
                "errors_4xx": 0, "errors_5xx": 0})
        };
        let of = |index: usize| json!({"endpoint": name(index), "variants": [variant("blue"), variant("green")]});
        let endpoints: Vec<Value> = (0..HEARD).map(of).collect();
        Msg::Traffic(json!({"at": at as f64 / 1000.0, "endpoints": endpoints}))
    }
}

fn instance(variant: &str, at: i64) -> Value {
    let pings: Vec<Value> = (0..12)
        .map(|n| json!({"at": at as f64 / 1000.0 - f64::from(n), "outcome": "ok", "took_us": 300}))
        .collect();
    json!({"id": format!("i-{variant}"), "fleet": "current", "config": name(0),
        "state": "in service", "since": START as f64 / 1000.0, "pids": [4711],
        "address": "unix:/run/live.sock", "in_flight": 1, "restarts": 0, "pings": pings})
}
