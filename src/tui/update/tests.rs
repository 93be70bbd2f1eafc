//! Whatever comes in whatever order: nothing panics, nothing grows without bound, nothing that steers
//! a terminal reaches a cell.

use super::gate::admit;
use super::*;
use crate::tui::frame;
use crate::tui::msg::Line;
use crate::tui::screens;
use crate::tui::state::Options;
use crate::tui::testing::storm::Storm;
use crate::tui::testing::{START, region};
use crate::tui::text;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use std::collections::HashSet;
use std::time::Instant;

/// A workbench in a storm.
struct Ship {
    seed: u64,
    state: State,
    storm: Storm,
    terminal: Terminal<TestBackend>,
    /// Tickets that effects have had.
    used: HashSet<Ticket>,
    messages: u64,
    last: Option<Msg>,
}

impl Drop for Ship {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let last = format!("{:?}", self.last);
            let last: String = last.chars().take(2000).collect();
            eprintln!("seed {}, message {}, the last one {last}", self.seed, self.messages);
        }
    }
}

fn terminal(size: Rect) -> Terminal<TestBackend> {
    Terminal::new(TestBackend::new(size.width, size.height)).unwrap()
}

impl Ship {
    fn new(seed: u64) -> Self {
        let options = Options {
            workspace: "iris\u{202e} 日本".into(),
            theme: &THEMES[(seed % THEMES.len() as u64) as usize],
            read_only: seed.is_multiple_of(5),
            demo: (seed.is_multiple_of(3)).then(|| "cancer".to_owned()),
            size: (120, 40),
            ..Options::default()
        };
        let state = State::new(options, START).unwrap();
        let terminal = terminal(state.window);
        let (used, storm) = (HashSet::new(), Storm::new(seed));
        Self { seed, state, storm, terminal, used, messages: 0, last: None }
    }

    /// The next messages, and a frame.
    fn sail(&mut self, messages: usize) {
        for _ in 0..messages {
            self.take();
        }
        let effects = settle(&mut self.state);
        self.done(&effects);
        let first = self.draw();
        assert_cells(&first);
        let again = settle(&mut self.state);
        assert!(again.is_empty(), "what has settled asks for nothing more: {again:?}");
        let second = self.draw();
        assert_eq!(first, second, "a frame is the same when it is drawn again");
        if self.messages.is_multiple_of(16) {
            self.draw_too_early();
        }
    }

    /// The terminal has changed its size, and no message has told of it yet.
    fn draw_too_early(&mut self) {
        let size = Rect::new(0, 0, self.storm.below(200) as u16, self.storm.below(60) as u16);
        self.terminal = terminal(size);
        let state = &self.state;
        self.terminal.draw(|frame| frame::draw(state, frame)).unwrap();
    }

    fn take(&mut self) {
        let stamped = self.storm.next();
        self.last = Some(stamped.msg.clone());
        self.messages += 1;
        let (now, tickets) = (self.state.now, self.state.tickets);
        let effects = update(&mut self.state, stamped);
        assert!(self.state.now >= now, "time goes on");
        assert!(self.state.tickets >= tickets, "tickets go on");
        self.done(&effects);
        self.assert_bounds();
    }

    /// What the driver would do: note whom to answer.
    fn done(&mut self, effects: &[Effect]) {
        for effect in effects {
            if self.state.read_only {
                assert!(!effect.changes(), "read-only, and yet {effect:?}");
            }
            let Some(ticket) = effect.ticket() else { continue };
            assert!(ticket <= self.state.tickets, "a ticket nobody gave out: {effect:?}");
            assert!(self.used.insert(ticket), "a ticket is used twice: {effect:?}");
            self.storm.asked.insert(ticket, effect.clone());
        }
    }

    fn assert_bounds(&mut self) {
        let state = &mut self.state;
        let bounds = [
            ("screens", state.screens.len(), 50),
            ("the way forward", state.forward.len(), 50),
            ("dialogs", state.layers.len(), 20),
            ("actions", state.actions.len(), 50),
            ("messages", state.messages.len(), 200),
            ("command lines", state.history.len(), 200),
            ("held messages", state.held(), HELD),
            ("keys of a sequence", state.pressed.len(), 4),
            ("notes", state.mirror.notes.len(), 500),
            ("filters", state.filters.len(), screens::SCREENS.len()),
            ("work", state.work.len(), self.storm.asked.len() + state.held()),
        ];
        for (what, found, most) in bounds {
            assert!(found <= most, "{what}: {found} of at most {most}");
        }
        assert!(!state.screens.is_empty(), "there is always a screen");
        assert!(state.ran.keys().all(|ticket| state.work.contains_key(ticket)));
        for screen in &mut state.screens {
            if let Some(table) = screen.table() {
                assert_eq!(table.row().is_none(), table.is_empty(), "the cursor is on a row");
            }
        }
    }

    fn draw(&mut self) -> Buffer {
        let window = self.state.window;
        if self.terminal.backend().buffer().area != window {
            self.terminal = terminal(window);
        }
        let state = &self.state;
        let drawn = self.terminal.draw(|frame| frame::draw(state, frame)).unwrap();
        assert_eq!(drawn.area, window);
        drawn.buffer.clone()
    }

    /// Everything is answered in the end.
    fn land(&mut self) {
        if self.state.is_frozen() {
            let effects = thaw(&mut self.state);
            self.done(&effects);
        }
        while let Some(ticket) = self.storm.asked.keys().next().copied() {
            let msg = self.storm.answer_to(ticket);
            let at = self.state.now;
            let effects = update(&mut self.state, Stamped { at, msg });
            self.done(&effects);
            // What an answer asks for may go on for ever; what it leaves behind may not.
            if self.used.len() > 1_000_000 {
                break;
            }
        }
        assert!(self.state.work.is_empty(), "work that was answered and is not over");
        assert!(self.state.ran.is_empty());
    }
}

/// No cell steers the terminal, hides or reorders its neighbours, or takes no place.
fn assert_cells(buffer: &Buffer) {
    for (index, cell) in buffer.content.iter().enumerate() {
        let symbol = cell.symbol();
        if symbol.len() == 1 && (' '..='~').contains(&char::from(symbol.as_bytes()[0])) {
            continue;
        }
        let (x, y) = buffer.pos_of(index);
        assert!(text::clean(symbol) == symbol, "at {x}, {y}: {symbol:?}");
        let columns = text::width(symbol);
        assert!((1..=2).contains(&columns), "at {x}, {y}: {symbol:?} takes {columns} columns");
        assert!(usize::from(x) + columns <= usize::from(buffer.area.width), "{symbol:?} at {x}");
    }
}

fn sail(seed: u64, messages: usize) {
    let mut ship = Ship::new(seed);
    let mut left = messages;
    while left > 0 {
        let now = (1 + ship.storm.below(9)).min(left);
        ship.sail(now);
        left -= now;
    }
    ship.land();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    })]

    /// The seed is not made smaller, only the number of messages: the same seed makes the same ones.
    #[test]
    fn no_storm_breaks_it(seed in any::<u64>().no_shrink(), messages in 1_usize..400) {
        sail(seed, messages);
    }
}

/// `SAGEBRUSH_STORM=<messages> SAGEBRUSH_STORM_SEED=<seed> cargo test --release --lib -- --ignored
/// --nocapture a_long_storm`
#[test]
#[ignore = "it takes many minutes"]
fn a_long_storm() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let all = number("SAGEBRUSH_STORM").unwrap_or(1_000_000);
    let begun = Instant::now();
    let mut seed = number("SAGEBRUSH_STORM_SEED").unwrap_or(7242);
    let (mut messages, mut frames, mut told) = (0, 0_u64, 0);
    println!("{all} messages from seed {seed}");
    while messages < all {
        let mut ship = Ship::new(seed);
        let until = (all - messages).min(20_000);
        while ship.messages < until {
            let now = 1 + ship.storm.below(30) as u64;
            ship.sail(now.min(until - ship.messages) as usize);
            frames += 1;
        }
        ship.land();
        messages += ship.messages;
        seed = seed.wrapping_add(1);
        if messages / 100_000 > told {
            told = messages / 100_000;
            let rate = messages as f64 / begun.elapsed().as_secs_f64();
            println!(
                "{messages} messages and {frames} frames in {:.0?}, {rate:.0}/s, {} KiB resident",
                begun.elapsed(),
                resident()
            );
        }
    }
}

/// KiB of memory that this process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn stamped(at: i64, msg: Msg) -> Stamped {
    Stamped { at, msg }
}

#[test]
fn a_region_read_anew_in_pieces_shows_what_came_with_the_last() {
    let mut state = State::new(Options { size: (120, 40), ..Options::default() }, START).unwrap();
    for msg in region() {
        update(&mut state, stamped(START, msg));
    }
    settle(&mut state);
    let shown = crate::tui::testing::text(&state);
    assert!(shown.contains("iris-live") && shown.contains("linear"), "{shown}");
    let row = crate::tui::testing::row(crate::domain::kind::ENDPOINT, "iris-live");
    let begin = vec![Line::Snapshot { revision: 90, rows: 1 }];
    update(&mut state, stamped(START, Msg::Region(begin)));
    settle(&mut state);
    let rest = vec![Line::Row(row), Line::Ready(90)];
    update(&mut state, stamped(START, Msg::Region(rest)));
    settle(&mut state);
    let shown = crate::tui::testing::text(&state);
    assert!(shown.contains("iris-live") && !shown.contains("linear"), "{shown}");
}

#[test]
fn the_overview_says_at_once_that_the_region_has_gone() {
    let mut state = State::new(Options { size: (120, 40), ..Options::default() }, START).unwrap();
    for msg in region() {
        update(&mut state, stamped(START, msg));
    }
    settle(&mut state);
    let why = "the stream has ended".to_owned();
    update(&mut state, stamped(START, Msg::Link(Link::Lost { why })));
    settle(&mut state);
    let shown = crate::tui::testing::text(&state);
    assert!(shown.contains("the region has gone"), "{shown}");
}

#[test]
fn a_freeze_holds_one_live_line_of_each_second() {
    let mut state = State::new(Options::default(), START).unwrap();
    state.frozen = Some(Vec::new());
    let endpoint = |name: &str| Msg::Endpoint { name: name.into(), line: serde_json::Value::Null };
    for at in 0..40 {
        for name in ["a", "b"] {
            update(&mut state, stamped(START + at * 100, endpoint(name)));
        }
        update(&mut state, stamped(START + at * 100, Msg::Dropped { what: "x".into(), count: 1 }));
    }
    assert_eq!(state.held(), 2 * 4 + 40);
    let last = state.frozen.iter().flatten().next_back().map(|stamped| stamped.at);
    assert_eq!(last, Some(START + 3900));
}

#[test]
fn dialogs_do_not_pile_up_and_the_way_out_stays_open() {
    use crossterm::event::{KeyCode, KeyModifiers};
    let mut state = State::new(Options::default(), START).unwrap();
    for msg in region() {
        update(&mut state, stamped(START, msg));
    }
    state.remember(Action { title: "a".into(), calls: Vec::new(), words: None });
    let mut press = |char, modifiers| {
        let key = KeyEvent::new(KeyCode::Char(char), modifiers);
        update(&mut state, stamped(START, Msg::Key(key)));
        (state.layers.len(), state.top().map(View::name))
    };
    for _ in 0..100 {
        press('C', KeyModifiers::NONE);
    }
    let (before, top) = press('C', KeyModifiers::NONE);
    assert_eq!((before < 20, top), (true, Some("code")));
    for _ in 0..3 {
        assert_eq!(press('c', KeyModifiers::CONTROL), (before + 1, Some("leave")));
    }
}

#[test]
fn a_paste_goes_to_the_filter_that_is_typed() {
    use crossterm::event::{KeyCode, KeyModifiers};
    let place = Place::new("endpoints");
    let mut state = State::new(Options { place, ..Options::default() }, START).unwrap();
    let key = KeyEvent::new(KeyCode::Char('/'), KeyModifiers::NONE);
    update(&mut state, stamped(START, Msg::Key(key)));
    update(&mut state, stamped(START, Msg::Paste("iris\nand more".into())));
    let table = state.screens.last_mut().and_then(|view| view.table()).unwrap();
    assert_eq!(table.filter_text(), "iris");
}

/// One of each effect that changes the region, and of each that does not.
fn effects() -> (Vec<Effect>, Vec<Effect>) {
    let ticket = 7;
    let text = || "x".to_owned();
    let call = |operation: &str| Effect::Call {
        ticket,
        service: "sagemaker".into(),
        operation: operation.into(),
        input: serde_json::json!({}),
    };
    let run = |line: &str| {
        let words = line.split_whitespace().map(str::to_owned).collect();
        Effect::Run { ticket, words }
    };
    let load = |users| {
        let (endpoint, rows) = (text(), text());
        Effect::Load { endpoint, rows, label: None, users, per_second: 1 }
    };
    let changing = vec![
        Effect::Quit { stop: true },
        call("DeleteEndpoint"),
        call("UpdateEndpointWeightsAndCapacities"),
        run("shift live 50/50"),
        run("call sagemaker CreateModel"),
        Effect::Post { ticket, path: "endpoints/live/instances/i-1/stop".into() },
        Effect::Invoke {
            ticket,
            endpoint: text(),
            variant: None,
            content_type: text(),
            accept: None,
            body: text(),
        },
        load(1),
    ];
    let reading = vec![
        Effect::Quit { stop: false },
        Effect::Copy(text()),
        call("DescribeEndpoint"),
        run("list endpoint"),
        Effect::Cancel(ticket),
        load(0),
        Effect::Objects { ticket, bucket: text(), prefix: text() },
        Effect::Preview { ticket, bucket: text(), key: text() },
        Effect::LogGroups { ticket },
        Effect::LogStreams { ticket, group: text() },
        Effect::Credentials,
        Effect::SearchLogs { ticket, group: text(), pattern: text() },
        Effect::Edit { ticket, suffix: text(), text: text() },
        Effect::Save { ticket, path: text(), text: text() },
        Effect::Follow(std::collections::BTreeSet::new()),
        Effect::Mouse(true),
        Effect::Trust,
        Effect::Start,
        Effect::Suspend,
        Effect::Redraw,
    ];
    (changing, reading)
}

#[test]
fn read_only_lets_no_effect_out_that_changes_the_region() {
    let (changing, reading) = effects();
    // Every kind of effect is among them.
    let kinds: HashSet<_> = changing.iter().chain(&reading).map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 22, "an effect is missing here");
    for read_only in [true, false] {
        let mut state = State::new(Options { read_only, ..Options::default() }, START).unwrap();
        for effect in &changing {
            state.leaving = false;
            let out = admit(&mut state, vec![effect.clone()]);
            assert_eq!(out.is_empty(), read_only, "{effect:?}");
            assert!(!(read_only && state.leaving), "{effect:?}");
        }
        assert_eq!(state.notice.is_some(), read_only);
        for effect in &reading {
            assert_eq!(
                admit(&mut state, vec![effect.clone()]).as_slice(),
                std::slice::from_ref(effect)
            );
        }
    }
}

#[test]
fn what_waits_for_a_refused_effect_waits_no_longer() {
    use crate::tui::testing::{feed, press};
    let place = Place::of("endpoint", "iris-live");
    let mut state = crate::tui::testing::with_region((120, 40), place);
    press(&mut state, "right");
    // Nothing but the gate stands between this action and the region.
    state.read_only = true;
    let effects = with_top(&mut state, |view, scene, out| {
        view.act("apply", scene, out);
    });
    assert!(matches!(effects.as_slice(), [Effect::Run { .. }]));
    assert!(crate::tui::testing::text(&state).contains("asking for the new split"));
    assert!(admit(&mut state, effects).is_empty());
    feed(&mut state, [Msg::Tick]);
    assert!(!crate::tui::testing::text(&state).contains("asking for the new split"));
}

#[test]
fn read_only_leaves_without_stopping_the_region() {
    use crate::tui::testing::{press, text};
    let mut state = crate::tui::testing::with_region((120, 40), Place::new("overview"));
    state.read_only = true;
    press(&mut state, "q");
    assert!(text(&state).contains("read-only"), "{}", text(&state));
    assert!(press(&mut state, "s").is_empty());
    assert!(!state.leaving && text(&state).contains("Read-only"));
    assert_eq!(press(&mut state, "k"), [Effect::Quit { stop: false }]);
    assert!(state.leaving);
}
