//! What the tests of screens share: a workbench connected to a region that is not there, and rows as
//! a real region gives them.

use crate::tui::effect::Effect;
use crate::tui::msg::{Answer, Line, Link, LogLine, Logs, Msg, Stamped};
use crate::tui::row::Row;
use crate::tui::state::{Options, State};
use crate::tui::update::{settle, update};
use crate::tui::view::Place;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::{Value, json};

/// 2026-11-28 08:27:26 UTC, in milliseconds.
pub const NOW: i64 = 1_795_854_446_000;
/// The same, in seconds.
pub const THEN: f64 = 1_795_854_446.0;

pub const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

pub struct Bench {
    pub state: State,
    /// All that was asked for so far.
    pub effects: Vec<Effect>,
}

impl Bench {
    /// Connected, at that place, in a window of that size.
    pub fn at(place: Place, size: (u16, u16)) -> Self {
        let options = Options { workspace: "iris".into(), place, size, ..Options::default() };
        let state = State::new(options, NOW).unwrap();
        let mut bench = Self { state, effects: Vec::new() };
        let health = json!({"name": "sagebrush", "version": "0.1.0", "workspace": "/home/ada/iris",
            "pid": 4711, "account": "123456789012", "region": "us-east-1", "revision": 26,
            "uptime_seconds": 22.6});
        let address = "http://127.0.0.1:7242".to_owned();
        bench.send(Msg::Link(Link::Connected { health, address, started_here: false }));
        bench.send(Msg::Tick);
        bench.state.notice = None;
        bench
    }

    pub fn send(&mut self, msg: Msg) {
        self.send_at(NOW, msg);
    }

    pub fn send_at(&mut self, at: i64, msg: Msg) {
        let effects = update(&mut self.state, Stamped { at, msg });
        self.effects.extend(effects);
        let effects = settle(&mut self.state);
        self.effects.extend(effects);
    }

    /// The rows of a whole snapshot.
    pub fn rows(&mut self, rows: Vec<Row>) {
        let count = rows.len() as u64;
        let mut lines = vec![Line::Snapshot { revision: 26, rows: count }];
        lines.extend(rows.into_iter().map(Line::Row));
        lines.push(Line::Ready(26));
        self.send(Msg::Region(lines));
    }

    /// Keys as the keymap writes them, apart by spaces.
    pub fn keys(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            self.send(Msg::Key(key_event(key)));
        }
    }

    pub fn types(&mut self, text: &str) {
        for char in text.chars() {
            self.send(Msg::Key(KeyEvent::from(KeyCode::Char(char))));
        }
    }

    /// Answers the last effect of that kind with a document.
    pub fn answer(&mut self, ticket: u64, document: Value) {
        let answer = Answer { outcome: Ok(document), calls: Vec::new() };
        self.send(Msg::Answer { ticket, answer });
    }

    /// What stands in the window.
    pub fn text(&self) -> String {
        let window = self.state.window;
        let mut terminal = Terminal::new(TestBackend::new(window.width, window.height)).unwrap();
        terminal.draw(|frame| super::frame::draw(&self.state, frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let mut text = String::new();
        for y in 0..window.height {
            let mut line = String::new();
            let mut x = 0;
            while x < window.width {
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                x += crate::tui::text::width(symbol).max(1) as u16;
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

pub fn key_event(key: &str) -> KeyEvent {
    let chord: crate::tui::chord::Chord = key.parse().unwrap();
    KeyEvent::new(chord.code(), chord.modifiers())
}

/// A job as the region describes one that was made at [`THEN`] less 32 seconds.
pub fn job(name: &str, status: &str, secondary: &str) -> Row {
    let start = THEN - 32.0;
    let stages: &[(&str, f64, Option<f64>)] = match secondary {
        "Pending" => &[("Starting", 0.0, Some(0.02)), ("Pending", 0.02, None)],
        "Training" => &[
            ("Starting", 0.0, Some(1.0)),
            ("Downloading", 1.0, Some(1.12)),
            ("Training", 1.12, None),
        ],
        _ => &[
            ("Starting", 0.0, Some(1.0)),
            ("Downloading", 1.0, Some(1.12)),
            ("Training", 1.12, Some(30.0)),
            ("Uploading", 30.0, Some(30.4)),
        ],
    };
    let mut stages: Vec<Value> = stages
        .iter()
        .map(|(name, from, to)| {
            let mut stage = json!({"Status": name, "StartTime": start + from,
                "StatusMessage": "Training job waiting for capacity"});
            if let Some(to) = to {
                stage["EndTime"] = json!(start + to);
            }
            stage
        })
        .collect();
    let mut body = json!({
        "TrainingJobName": name,
        "TrainingJobArn": format!("arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}"),
        "TrainingJobStatus": status, "SecondaryStatus": secondary,
        "AlgorithmSpecification": {
            "TrainingImage":
                "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.0-5",
            "TrainingInputMode": "File"},
        "CreationTime": start, "LastModifiedTime": start + 30.4,
        "HyperParameters": {"num_class": "3", "num_round": "40", "objective": "multi:softprob"},
        "InputDataConfig": [channel("train", "train.csv"), channel("validation", "test.csv")],
        "OutputDataConfig": {"CompressionType": "GZIP", "S3OutputPath": "s3://iris/models"},
        "ResourceConfig":
            {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30},
        "RoleArn": "arn:aws:iam::123456789012:role/SagebrushExecutionRole",
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    });
    if secondary != "Pending" {
        body["TrainingStartTime"] = json!(start + 1.0);
    }
    if status != "InProgress" {
        stages.push(json!({"Status": status, "StartTime": start + 30.4, "EndTime": start + 30.4}));
        body["TrainingEndTime"] = json!(start + 30.4);
        body["BillableTimeInSeconds"] = json!(34);
        body["TrainingTimeInSeconds"] = json!(34);
    }
    match status {
        "Completed" => {
            body["ModelArtifacts"] =
                json!({"S3ModelArtifacts": format!("s3://iris/models/{name}/output/model.tar.gz")});
            body["FinalMetricDataList"] = json!([
                {"MetricName": "train:mlogloss", "Value": 0.0225, "Timestamp": start + 29.0},
                {"MetricName": "validation:mlogloss", "Value": 0.1812, "Timestamp": start + 29.0}]);
        }
        "Failed" => {
            body["FailureReason"] = json!(
                "ClientError: SoftmaxMultiClassObj: label must be in \
                [0, num_class), where num_class is 2. (a row has the label 2), exit code: 1"
            );
        }
        _ => {}
    }
    body["SecondaryStatusTransitions"] = json!(stages);
    Row {
        kind: "training-job".into(),
        name: name.into(),
        arn: body["TrainingJobArn"].as_str().unwrap().into(),
        status: status.into(),
        created: start,
        modified: start + 30.4,
        body,
        ..Row::default()
    }
}

fn channel(name: &str, key: &str) -> Value {
    json!({"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": {
        "S3DataType": "S3Prefix", "S3Uri": format!("s3://iris/{key}"),
        "S3DataDistributionType": "FullyReplicated"}}})
}

/// What `/_sagebrush/training-jobs/<name>/metrics` answers after so many rounds.
pub fn metrics(name: &str, rounds: u32) -> Value {
    let start = THEN - 30.0;
    let points = |floor: f64, ceiling: f64| -> Vec<Value> {
        (0..rounds)
            .map(|round| {
                let step = f64::from(round);
                json!([start + step * 0.7, floor + (ceiling - floor) * (-step / 8.0).exp(), round])
            })
            .collect()
    };
    let usage: Vec<Value> = (0..rounds)
        .map(|second| {
            let at = f64::from(second);
            let cpu = 90.0 + f64::from(second % 7);
            json!([start + at, cpu, at, 90_000_000.0 + at * 1_000_000.0])
        })
        .collect();
    json!({"job": name, "status": "InProgress", "at": THEN, "from": "memory",
        "metrics": [
            {"metric": "train:mlogloss", "seen": rounds, "points": points(0.0225, 1.05)},
            {"metric": "validation:mlogloss", "seen": rounds, "points": points(0.18, 1.07)},
            {"metric": "train:merror", "seen": rounds, "points": points(0.0, 0.04)}],
        "usage": [{"host": "algo-1", "measured": "process 4711 by /proc/4711/stat",
            "seen": rounds, "points": usage}]})
}

/// Lines of a job's log as the container writes them.
pub fn log(stream: &str, from: u64, rounds: u64) -> Vec<LogLine> {
    let line = |position: u64| {
        let message = match position {
            0 => "[2026-11-28:08:26:56:INFO] Sagebrush's own implementation of xgboost trains \
                  here (not AWS's container)"
                .to_owned(),
            1 => "\u{1b}[33m[2026-11-28:08:26:56:WARNING]\u{1b}[0m 1 row has no label".to_owned(),
            _ => format!(
                "[{}]#011train-mlogloss:0.{:05}#011validation-mlogloss:0.{:05}",
                position - 2,
                90_000 / (position - 1),
                99_000 / (position - 1)
            ),
        };
        let timestamp = NOW - 30_000 + (position as i64) * 700;
        LogLine { stream: stream.to_owned(), position, timestamp, message }
    };
    (from..from + rounds).map(line).collect()
}

pub fn logs(group: &str, lines: Vec<LogLine>) -> Msg {
    Msg::Logs(Logs { group: group.to_owned(), lines, missed: 0 })
}

/// Any key that a keyboard has, and those the workbench knows more often.
pub fn any_key() -> impl Strategy<Value = KeyEvent> {
    let named = prop::sample::select(vec![
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
        KeyCode::Delete,
    ]);
    let code = prop_oneof![3 => proptest::char::range('!', '~').prop_map(KeyCode::Char), 3 => named,
        1 => any::<char>().prop_map(KeyCode::Char)];
    let modifiers = prop::sample::select(vec![
        KeyModifiers::NONE,
        KeyModifiers::NONE,
        KeyModifiers::NONE,
        KeyModifiers::CONTROL,
        KeyModifiers::ALT,
    ]);
    (code, modifiers).prop_map(|(code, modifiers)| KeyEvent::new(code, modifiers))
}

/// Keys, mouse and sizes, in any order.
pub fn any_input() -> impl Strategy<Value = Msg> {
    use crossterm::event::{MouseButton, MouseEventKind};
    let kind = prop::sample::select(vec![
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::Up(MouseButton::Left),
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
    ]);
    let mouse = (kind, 0_u16..210, 0_u16..70).prop_map(|(kind, column, row)| {
        Msg::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
    });
    let size = prop_oneof![
        (0_u16..30, 0_u16..10),
        (60_u16..210, 16_u16..70),
        Just((80, 24)),
        Just((120, 40)),
        Just((200, 60))
    ];
    prop_oneof![
        8 => any_key().prop_map(Msg::Key),
        2 => mouse,
        1 => size.prop_map(|(columns, rows)| Msg::Resize(columns, rows)),
        1 => "\\PC{0,20}".prop_map(Msg::Paste),
        1 => Just(Msg::Tick),
    ]
}
