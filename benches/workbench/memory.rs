//! An hour of a busy region as messages, as fast as they can be taken in: memory stays where it is.

use super::busy::{self, Requests};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use sagebrush::tui::frame;
use sagebrush::tui::msg::{Load, Msg, Stamped};
use sagebrush::tui::state::{Options, State};
use sagebrush::tui::update::{settle, update};
use sagebrush::tui::view::Place;
use std::time::Instant;

const ENDPOINTS: usize = 1_000;
const SECONDS: i64 = 3_600;
/// Until every buffer is full.
const WARM: i64 = 400;
/// A second: log lines, rows that change, lines of the live streams.
const LINES: usize = 2_000;
const CHANGED: usize = 50;
const LIVE: i64 = 10;

pub fn run() {
    let place = Place::of("logs", busy::GROUP);
    let options =
        Options { workspace: "bench".into(), size: (200, 60), place, ..Options::default() };
    let mut state = State::new(options, busy::START).expect("a state");
    state.open(&Place::of("endpoint", busy::name(0)));
    let mut terminal = Terminal::new(TestBackend::new(200, 60)).expect("a terminal");
    let mut requests = Requests::default();
    take(&mut state, busy::START, busy::connected());
    take(&mut state, busy::START, busy::snapshot(ENDPOINTS));
    let begun = Instant::now();
    let mut marks = Vec::new();
    for second in 0..WARM + SECONDS {
        if [0, SECONDS / 2].contains(&(second - WARM)) {
            marks.push(resident());
        }
        hear(&mut state, &mut requests, second);
        settle(&mut state);
        terminal.draw(|window| frame::draw(&state, window)).expect("a frame");
    }
    marks.push(resident());
    let [start, middle, end] = marks.as_slice() else { return };
    println!(
        "an hour of a busy region in {:.0} s, resident memory:",
        begun.elapsed().as_secs_f64()
    );
    println!("  start {start:.1} MiB  middle {middle:.1} MiB  end {end:.1} MiB (aim: flat)");
}

/// What comes in a second.
fn hear(state: &mut State, requests: &mut Requests, second: i64) {
    let at = busy::START + second * 1000;
    let turn = u64::try_from(second).unwrap_or(0);
    take(state, at, busy::changes(ENDPOINTS, CHANGED, turn, at));
    take(state, at, busy::job(turn, at));
    take(state, at, busy::logs(LINES, turn * LINES as u64, at));
    for tenth in 0..LIVE {
        let at = at + tenth * 100;
        take(state, at, requests.live(40, at));
        take(state, at, requests.beat(at));
    }
    let load = Load {
        endpoint: busy::name(0),
        running: true,
        requests: turn * 400,
        correct: vec![("blue".into(), 90, 100), ("green".into(), 95, 100)],
        ..Load::default()
    };
    take(state, at + 999, Msg::Load(load));
    take(state, at + 999, Msg::Tick);
}

fn take(state: &mut State, at: i64, msg: Msg) {
    update(state, Stamped { at, msg });
}

/// Of this process, in MiB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}
