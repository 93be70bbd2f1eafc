//! A small region for the tests of screens, and hands and eyes to use them with.
//!
//! The rows are those that a real region told after `workspaces/iris/demo.brush`; the live lines are
//! made here, with real histograms of drawn latencies, so that a test can let any time pass. Nothing
//! reads a clock: the same test makes the same screens.

pub(crate) mod bench;
pub(crate) mod storm;
mod traffic;

pub(crate) use traffic::{Traffic, instance};

use super::effect::Effect;
use super::frame;
use super::msg::{Line, Link, Msg, Stamped};
use super::row::Row;
use super::state::{Options, State};
use super::text::width;
use super::theme::Theme;
use super::update::{settle, update};
use super::view::Place;
use crate::domain::kind::BUCKET;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use serde_json::{Value, json};

/// When tests begin, in epoch milliseconds: shortly after the rows were made.
pub(crate) const START: i64 = 1_795_854_480_000;

/// The sizes at which screens are looked at.
pub(crate) const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// A workbench at work, without a region.
pub(crate) fn state(size: (u16, u16), place: Place) -> State {
    themed(size, place, "dark")
}

pub(crate) fn themed(size: (u16, u16), place: Place, theme: &str) -> State {
    let theme = Theme::named(theme).unwrap();
    let options = Options { workspace: "iris".into(), size, place, theme, ..Options::default() };
    State::new(options, START).unwrap()
}

/// The same with the small region connected.
pub(crate) fn with_region(size: (u16, u16), place: Place) -> State {
    let mut state = state(size, place);
    feed(&mut state, region());
    state
}

/// All that the workbench hears when it connects to the small region.
pub(crate) fn region() -> Vec<Msg> {
    let buckets = [("iris", 4, 6_912), ("iris-captured", 0, 0)];
    let buckets = buckets.map(|(name, objects, size)| bucket(name, objects, size));
    let rows: Vec<Row> = rows().into_iter().chain(buckets).collect();
    let mut lines = vec![Line::Snapshot { revision: 42, rows: rows.len() as u64 }];
    lines.extend(rows.into_iter().map(Line::Row));
    lines.push(Line::Ready(42));
    vec![
        connected(),
        Msg::Region(lines),
        curve("blue", "train:objective_loss", &[0.91, 0.44, 0.27, 0.19, 0.16]),
        curve("green", "train:mlogloss", &[0.74, 0.41, 0.22, 0.09, 0.05, 0.03, 0.0225]),
        Msg::Cost(cost()),
        Msg::Engine(engine()),
    ]
}

pub(crate) fn connected() -> Msg {
    let health = json!({
        "name": "sagebrush", "version": "0.1.0", "workspace": "iris", "pid": 4711,
        "account": "123456789012", "region": "us-east-1", "revision": 42, "uptime_seconds": 34.0,
    });
    let address = "127.0.0.1:7242".to_owned();
    Msg::Link(Link::Connected { health, address, started_here: false })
}

/// The rows of the small region: a role, jobs `blue` and `green`, group `iris` with two versions,
/// two models, a configuration, and the endpoint `iris-live` at 90 to 10.
pub(crate) fn rows() -> Vec<Row> {
    let text = include_str!("region.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One of them.
pub(crate) fn row(kind: &str, name: &str) -> Row {
    rows().into_iter().find(|row| row.kind == kind && row.name == name).unwrap()
}

/// What the watch stream says of a row that has changed.
pub(crate) fn changed(row: Row) -> Msg {
    let (revision, at) = (43, START as f64 / 1000.0);
    Msg::Region(vec![Line::Changed { revision, at, created: false, row }])
}

pub(crate) fn bucket(name: &str, objects: u64, size: u64) -> Row {
    Row {
        kind: BUCKET.into(),
        name: name.into(),
        arn: format!("arn:aws:s3:::{name}"),
        created: 1_795_854_414.2,
        modified: 1_795_854_416.1,
        body: json!({"Name": name, "Objects": objects, "Bytes": size}),
        ..Row::default()
    }
}

/// A training job's curve, as its history is told.
fn curve(job: &str, metric: &str, values: &[f64]) -> Msg {
    let point = |(step, value): (usize, &f64)| json!([1_795_854_415.0 + step as f64, value, step]);
    let points: Vec<Value> = values.iter().enumerate().map(point).collect();
    let usage = json!({
        "host": "algo-1", "measured": "process 4711 by /proc/4711/stat", "seen": 2,
        "points": [[1_795_854_415.0, 98.7, 0.3, 41_943_040], [1_795_854_416.0, 91.2, 0.6, 52_428_800]],
    });
    let line = json!({
        "job": job, "status": "Completed", "at": 1_795_854_450.0, "from": "memory",
        "metrics": [{"metric": metric, "seen": values.len(), "points": points}], "usage": [usage],
    });
    Msg::TrainingJob { name: job.to_owned(), line }
}

fn cost() -> Value {
    let line = |seconds: f64, running: u32, cost: &str| {
        json!({
            "InstanceType": "ml.m5.large", "InstanceSeconds": seconds, "Running": running,
            "CostInUSD": cost, "Price": {"PerHourInUSD": "0.115", "Date": "2026-07-30",
                "Source": "AWS Price List API, usage type USE1-Host:ml.m5.large"},
        })
    };
    let account = |name: &str, status: &str, known: &str, hourly: &str, line: Value| {
        json!({
            "Name": name, "Status": status, "Total": {"known": known, "unpriced": 0},
            "RunningPerHour": {"known": hourly, "unpriced": 0}, "Lines": [line],
        })
    };
    json!({
        "At": 1_795_854_450.0, "Currency": "USD", "Pace": 1.0, "Deleted": [], "Running": 1,
        "Basis": "time that containers ran on this machine, at AWS's on-demand list prices for us-east-1",
        "Total": {"known": "0.002206245", "unpriced": 0},
        "RunningPerHour": {"known": "0.23", "unpriced": 0},
        "Prices": [{"Source": "AWS Price List API", "Date": "2026-07-30"}],
        "Endpoints": [
            account("iris-live", "InService", "0.002178612", "0.23", line(68.2, 2, "0.002178612")),
        ],
        "TrainingJobs": [
            account("blue", "Completed", "0.000012842", "0", line(0.402, 0, "0.000012842")),
            account("green", "Completed", "0.000014791", "0", line(0.463, 0, "0.000014791")),
        ],
    })
}

fn engine() -> Value {
    json!({
        "engine": {"name": "process", "limits": "limits: none; latency is not imitated"},
        "machine": {"cores": 8, "memory_mib": 15_934},
        "admission": {"running": 0, "waiting": 0, "vcpus_taken": 0.0, "vcpus": 8.0,
            "memory_mib_taken": 0, "memory_mib": 15_934},
        "bounds": [
            {"what": "connections", "now": 3, "most": 16_384, "dropped": 0,
                "dropped_what": "turned away"},
        ],
        "uptime_seconds": 34.0,
        "store": {"bytes": 123_456, "database_bytes": 98_304, "objects_bytes": 6_912,
            "logs_bytes": 18_240, "work_bytes": 0, "durability": "process", "revision": 42},
        "seed": 7242, "pace": 1.0,
    })
}

/// Takes in messages, all at the state's present moment.
pub(crate) fn feed(state: &mut State, msgs: impl IntoIterator<Item = Msg>) -> Vec<Effect> {
    let mut effects = Vec::new();
    for msg in msgs {
        let at = state.now;
        effects.extend(update(state, Stamped { at, msg }));
    }
    effects.extend(settle(state));
    effects
}

/// Lets time pass.
pub(crate) fn pass(state: &mut State, millis: i64) -> Vec<Effect> {
    state.now += millis;
    feed(state, [Msg::Tick])
}

/// Presses keys, written as bindings write them: `press(&mut state, "j enter ctrl-s")`. A word in
/// quotes is typed letter by letter.
pub(crate) fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys.split_whitespace() {
        match key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(word) => {
                for char in word.chars() {
                    effects.extend(feed(state, [Msg::Key(self::key(&char.to_string()))]));
                }
            }
            None => effects.extend(feed(state, [Msg::Key(self::key(key))])),
        }
    }
    effects
}

/// The event of a key as bindings write it.
pub(crate) fn key(text: &str) -> KeyEvent {
    let (mut rest, mut modifiers) = (text, KeyModifiers::NONE);
    let prefixes = [
        ("ctrl-", KeyModifiers::CONTROL),
        ("alt-", KeyModifiers::ALT),
        ("shift-", KeyModifiers::SHIFT),
    ];
    while let Some((prefix, modifier)) =
        prefixes.iter().find(|(prefix, _)| rest.len() > prefix.len() && rest.starts_with(prefix))
    {
        modifiers |= *modifier;
        rest = &rest[prefix.len()..];
    }
    let code = match rest {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "backspace" => KeyCode::Backspace,
        "delete" => KeyCode::Delete,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pageup" => KeyCode::PageUp,
        "pagedown" => KeyCode::PageDown,
        "space" => KeyCode::Char(' '),
        char => KeyCode::Char(char.chars().next().unwrap()),
    };
    KeyEvent::new(code, modifiers)
}

/// What is on the screen.
pub(crate) fn draw(state: &State) -> Buffer {
    let mut terminal =
        Terminal::new(TestBackend::new(state.window.width, state.window.height)).unwrap();
    terminal.draw(|frame| frame::draw(state, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// Its characters, without the spaces at the ends of lines.
pub(crate) fn text(state: &State) -> String {
    let buffer = draw(state);
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += width(symbol).max(1) as u16;
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Its characters and styles.
pub(crate) fn styled(state: &State) -> String {
    format!("{:?}", draw(state))
}
