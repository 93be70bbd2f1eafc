//! Update and draw of one frame at 200×60 while a large region changes and a log floods.

use super::Times;
use super::busy::{self, Requests};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use sagebrush::tui::frame;
use sagebrush::tui::msg::{Msg, Stamped};
use sagebrush::tui::state::{Options, State};
use sagebrush::tui::update::{settle, update};
use sagebrush::tui::view::Place;
use std::io;
use std::time::Instant;

const SIZE: (u16, u16) = (200, 60);
const ENDPOINTS: usize = 10_000;
const KEPT: usize = 100_000;
/// 20,000 lines a second at sixty frames.
const LINES: usize = 334;
/// Rows that change between two frames: 600 a second.
const CHANGED: usize = 10;
const FRAMES: u64 = 2_000;
const WARM: u64 = 60;

type Out = Terminal<CrosstermBackend<io::Sink>>;

pub fn run() {
    println!("update and draw of a frame at 200×60, ms (aim: p99 3 or less)");
    let list = Place::new("endpoints");
    let log = Place::of("logs", busy::GROUP);
    let cockpit = Place::of("endpoint", busy::name(0));
    scene("10,000 endpoints in the list, 600 rows a second change", list.clone(), "", true);
    scene("the same, filtered", list, "/ 7", true);
    scene("a log of 100,000 lines, 20,000 a second come", log.clone(), "", false);
    scene("the same, searched and scrolled up", log, "/ w r a p enter g", false);
    scene("the cockpit of one of 10,000", cockpit, "", true);
    scene("the overview of all", Place::new("overview"), "", true);
}

fn scene(what: &str, place: Place, keys: &str, moves: bool) {
    let options = Options { workspace: "bench".into(), size: SIZE, place, ..Options::default() };
    let mut state = State::new(options, busy::START).expect("a state");
    let backend = CrosstermBackend::new(io::sink());
    let area = Rect::new(0, 0, SIZE.0, SIZE.1);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut out = Terminal::with_options(backend, options).expect("a terminal");
    let mut requests = Requests::default();
    take(&mut state, busy::START, [busy::connected(), busy::snapshot(ENDPOINTS)]);
    take(&mut state, busy::START, [busy::logs(KEPT, 0, busy::START)]);
    frame_of(&mut state, &mut out);
    for key in keys.split_whitespace() {
        let code = match key {
            "enter" => KeyCode::Enter,
            key => key.chars().next().map_or(KeyCode::Null, KeyCode::Char),
        };
        take(&mut state, busy::START, [Msg::Key(KeyEvent::from(code))]);
        frame_of(&mut state, &mut out);
    }
    let mut times = Times::default();
    for turn in 0..FRAMES + WARM {
        let at = busy::START + turn as i64 * 16;
        let mut messages = vec![busy::changes(ENDPOINTS, CHANGED, turn, at)];
        messages.push(busy::logs(LINES, KEPT as u64 + turn * LINES as u64, at));
        if turn % 6 == 0 {
            messages.push(requests.beat(at));
            messages.push(requests.live(30, at));
        }
        if moves && turn % 4 == 0 {
            messages.push(Msg::Key(KeyEvent::from(KeyCode::Down)));
        }
        if turn % 60 == 0 {
            messages.push(Msg::Tick);
        }
        let start = Instant::now();
        take(&mut state, at, messages);
        frame_of(&mut state, &mut out);
        if turn >= WARM {
            times.add(start.elapsed().as_secs_f64() * 1000.0);
        }
    }
    println!("  {}  {what}", times.text());
}

fn take(state: &mut State, at: i64, messages: impl IntoIterator<Item = Msg>) {
    for msg in messages {
        update(state, Stamped { at, msg });
    }
}

fn frame_of(state: &mut State, out: &mut Out) {
    settle(state);
    out.draw(|window| frame::draw(state, window)).expect("a frame");
}
