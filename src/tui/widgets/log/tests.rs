use super::*;
use crate::tui::theme::{THEMES, Theme};
use crate::tui::widgets::filter::Filter;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// 2026-11-28 07:45:00 UTC.
const START: i64 = 1_795_851_900_000;

fn entry(at: i64, stream: &str, message: &str) -> Entry {
    Entry { at: START + at, stream: stream.to_owned(), message: message.to_owned() }
}

fn numbered(count: i64) -> Vec<Entry> {
    (0..count).map(|at| entry(at * 250, "algo-1", &format!("line {at}"))).collect()
}

fn theme() -> &'static Theme {
    Theme::named("dark").unwrap()
}

fn drawn(pane: &LogPane, width: u16, height: u16) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    let area = buf.area;
    pane.draw(&mut buf, area, theme());
    buf
}

fn screen(pane: &LogPane, width: u16, height: u16) -> String {
    let buf = drawn(pane, width, height);
    let rows = buf.content.chunks(usize::from(width));
    let rows = rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>());
    rows.map(|row| row.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn filter(text: &str) -> Option<Filter> {
    Some(Filter::parse(text).unwrap())
}

fn finish(pane: &mut LogPane) {
    while pane.work() {}
}

fn training() -> LogPane {
    let mut pane = LogPane::default();
    pane.push(&[
        entry(0, "blue/algo-1", "\u{1b}[32mINFO\u{1b}[0m starting linear-learner on ml.m5.large"),
        entry(412, "blue/algo-1", "\u{1b}[33mWARN\u{1b}[0m 3 rows have no label and are left out"),
        entry(980, "green/algo-1", "[0]\ttrain-error:0.0421\tvalidation-error:0.0530"),
        entry(1_250, "green/algo-1", "\u{1b}[38;5;196mERROR\u{1b}[0m \u{1b}]0;owned\u{7}\u{1b}[2J titles and clears stay text"),
        entry(1_251, "green/algo-1", "日本語のログ: a long line with wide characters that has to go on over the edge of the pane, twice over if need be, as far as eighty columns go"),
        entry(2_000, "blue/algo-1", "#quality_metric: host=algo-1, validation objective <loss>=0.0713"),
    ]);
    pane
}

#[test]
fn panes_of_three_sizes() {
    for (width, height) in [(40, 10), (80, 24), (120, 40)] {
        let mut pane = training();
        pane.resize(width, height);
        insta::assert_snapshot!(format!("log_{width}x{height}"), screen(&pane, width, height));
    }
}

#[test]
fn colours_selection_and_matches_have_styles() {
    let mut pane = training();
    pane.resize(80, 10);
    pane.set_search(filter("error"));
    finish(&mut pane);
    pane.toggle_selection();
    pane.scroll(-1);
    insta::assert_debug_snapshot!(drawn(&pane, 80, 10));
}

#[test]
fn scrolling_up_pauses_and_the_end_follows_again() {
    let mut pane = LogPane::default();
    pane.push(&numbered(100));
    pane.resize(40, 10);
    assert!(pane.is_following());
    pane.scroll(-3);
    assert!(!pane.is_following());
    let before = screen(&pane, 40, 10);
    pane.push(&numbered(312));
    assert_eq!(pane.unseen(), 312);
    let after = screen(&pane, 40, 10);
    assert!(after.contains("▼ 312 new"), "{after}");
    assert_eq!(before.lines().next(), after.lines().next(), "nothing moves under the reader");
    pane.scroll(3);
    assert_eq!(pane.unseen(), 312);
    pane.page(1_000);
    assert!(pane.is_following() && pane.unseen() == 0);
    pane.home();
    assert!(screen(&pane, 40, 10).contains("line 0\n"));
    pane.end();
    assert!(pane.is_following());
}

#[test]
fn a_paused_reader_keeps_his_place_until_it_is_dropped() {
    let mut pane = LogPane::new(Limits { lines: 50, bytes: 1 << 20 });
    pane.push(&numbered(50));
    pane.resize(40, 5);
    pane.home();
    pane.push(&numbered(20));
    let shown = screen(&pane, 40, 5);
    assert!(shown.contains("line 20\n"), "{shown}");
    assert_eq!(pane.counts(), (50, 20));
    assert!(screen(&pane, 80, 5).contains("20 older dropped"));
}

#[test]
fn a_line_taller_than_the_pane_is_read_row_by_row() {
    let mut pane = LogPane::default();
    let long: String = (0..60).map(|at| format!("{at:04}")).collect();
    pane.push(&[entry(0, "s", "first"), entry(1, "s", &long)]);
    pane.toggle_timestamps();
    pane.toggle_names();
    pane.resize(21, 4);
    assert_eq!(screen(&pane, 21, 3).lines().nth(1).unwrap(), " 00550056005700580059");
    pane.scroll(-2);
    assert!(screen(&pane, 21, 4).starts_with(" 00350036"), "{}", screen(&pane, 21, 4));
    pane.home();
    assert!(screen(&pane, 21, 4).starts_with(" first"));
    pane.toggle_wrap();
    pane.pan(8);
    assert!(screen(&pane, 21, 4).contains("\n 00020003"), "{}", screen(&pane, 21, 4));
}

#[test]
fn searches_jump_to_the_nearest_match_and_round() {
    let mut pane = LogPane::default();
    pane.push(&numbered(30_000));
    pane.resize(80, 24);
    pane.set_search(filter("line 1.00$"));
    finish(&mut pane);
    let all: Vec<u64> = (0..10).map(|at| 1_000 + at * 100).filter(|at| at % 100 == 0).collect();
    assert_eq!(pane.hits(), Some((all.len(), all.len())));
    assert!(screen(&pane, 80, 24).contains("line 1900"));
    pane.next_hit();
    assert_eq!(pane.hits(), Some((1, 10)));
    assert!(screen(&pane, 80, 24).contains("▸"));
    pane.previous_hit();
    pane.previous_hit();
    assert_eq!(pane.hits(), Some((9, 10)));
    pane.set_search(filter("nowhere"));
    finish(&mut pane);
    assert!(screen(&pane, 80, 24).contains("/nowhere not found"));
    pane.next_hit();
    pane.set_search(None);
    assert_eq!(pane.hits(), None);
}

#[test]
fn a_search_over_many_lines_is_spread_over_calls() {
    let mut pane = LogPane::default();
    pane.push(&numbered(50_000));
    pane.set_search(filter("line 7$"));
    assert_eq!(pane.hits(), Some((0, 0)), "one step does not reach the oldest lines");
    assert!(screen(&pane, 80, 24).contains("so far"));
    finish(&mut pane);
    assert_eq!(pane.hits(), Some((1, 1)), "the jump waited for the match");
}

#[test]
fn a_filter_shows_old_and_new_lines_alike() {
    let mut pane = LogPane::default();
    pane.push(&numbered(200));
    pane.resize(80, 24);
    pane.set_filter(filter("line .*9$"));
    finish(&mut pane);
    pane.push(&[entry(0, "x", "line 1009"), entry(0, "x", "line 1000")]);
    let kept = pane.export_text();
    assert_eq!(kept.lines().count(), 21);
    assert!(kept.lines().all(|line| line.ends_with('9')));
    pane.set_search(filter("line 1"));
    finish(&mut pane);
    assert_eq!(pane.hits(), Some((12, 12)), "matches that are not shown do not count");
    pane.set_filter(None);
    finish(&mut pane);
    assert_eq!(pane.export_text().lines().count(), 202);
}

#[test]
fn what_is_searched_is_the_text_without_colours() {
    let mut pane = LogPane::default();
    pane.push(&[entry(0, "s", "er\u{1b}[31mror\u{1b}[0m")]);
    pane.set_search(filter("error"));
    finish(&mut pane);
    assert_eq!(pane.hits(), Some((1, 1)));
}

#[test]
fn selected_lines_are_copied_as_they_are_shown() {
    let mut pane = training();
    pane.resize(80, 24);
    pane.toggle_selection();
    pane.scroll(-2);
    let copied = pane.selected_text().unwrap();
    assert_eq!(copied.lines().count(), 3);
    assert!(
        copied.starts_with(
            "2026-11-28T07:45:01.250Z green/algo-1 ERROR ␛]0;owned␇␛[2J titles and clears"
        ),
        "{copied}"
    );
    pane.toggle_names();
    pane.toggle_timestamps();
    assert!(pane.selected_text().unwrap().starts_with("ERROR ␛]0"));
    pane.push(&numbered(100));
    assert_eq!(pane.selected_text().unwrap().lines().count(), 3, "new lines do not join");
    assert!(pane.clear_selection() && pane.selected_text().is_none());
}

#[test]
fn the_mouse_selects_by_dragging() {
    let mut pane = LogPane::default();
    pane.push(&numbered(5));
    pane.resize(60, 10);
    let area = Rect::new(2, 3, 60, 10);
    pane.click(area, Position::new(20, 4));
    pane.drag(area, Position::new(3, 6));
    let copied = pane.selected_text().unwrap();
    let copied: Vec<&str> = copied.lines().map(|line| &line[line.len() - 1..]).collect();
    assert_eq!(copied, ["1", "2", "3"]);
    pane.click(area, Position::new(20, 12));
    assert!(!pane.is_selecting(), "a click below the lines ends it");
}

#[derive(Clone, Debug)]
enum Act {
    Push(Vec<(String, String)>),
    Resize(u16, u16),
    Scroll(i64),
    Page(i64),
    Filter(String),
    Search(String),
    Toggle(u8),
    Click(u16, u16),
    Pan(i64),
    Hit(bool),
    Clear,
}

fn act() -> impl Strategy<Value = Act> {
    let message = "(\u{1b}\\[[0-9;]{0,6}[mJK]|[a-z ]|\\PC|\u{7}|\t|\n){0,40}";
    let line = ("[ab]{0,3}", message);
    let words = prop_oneof![Just(""), Just("a"), Just("!b"), Just("-f ab"), Just("[a-f]+")];
    prop_oneof![
        3 => proptest::collection::vec(line, 0..12).prop_map(Act::Push),
        1 => (0_u16..90, 0_u16..20).prop_map(|(w, h)| Act::Resize(w, h)),
        3 => prop_oneof![-9_i64..9, Just(i64::MAX), Just(i64::MIN)].prop_map(Act::Scroll),
        1 => (-3_i64..3).prop_map(Act::Page),
        1 => words.clone().prop_map(|word| Act::Filter(word.to_owned())),
        1 => words.prop_map(|word| Act::Search(word.to_owned())),
        3 => (0_u8..7).prop_map(Act::Toggle),
        1 => (0_u16..90, 0_u16..20).prop_map(|(x, y)| Act::Click(x, y)),
        1 => (-9_i64..99).prop_map(Act::Pan),
        1 => any::<bool>().prop_map(Act::Hit),
        1 => Just(Act::Clear),
    ]
}

fn apply(pane: &mut LogPane, act: Act, size: &mut (u16, u16)) {
    match act {
        Act::Push(lines) => {
            let lines: Vec<Entry> = lines.iter().map(|(s, m)| entry(0, s, m)).collect();
            pane.push(&lines);
        }
        Act::Resize(width, height) => {
            *size = (width, height);
            pane.resize(width, height);
        }
        Act::Scroll(rows) => pane.scroll(rows),
        Act::Page(pages) => pane.page(pages),
        Act::Filter(text) => pane.set_filter(filter(&text)),
        Act::Search(text) => pane.set_search(filter(&text)),
        Act::Toggle(0) => pane.toggle_wrap(),
        Act::Toggle(1) => pane.toggle_timestamps(),
        Act::Toggle(2) => pane.toggle_names(),
        Act::Toggle(3) => pane.toggle_follow(),
        Act::Toggle(4) => pane.home(),
        Act::Toggle(5) => pane.end(),
        Act::Toggle(_) => pane.toggle_selection(),
        Act::Click(x, y) => {
            let area = Rect::new(0, 0, size.0, size.1);
            pane.click(area, Position::new(x, y));
            pane.drag(area, Position::new(y, x));
        }
        Act::Pan(columns) => pane.pan(columns),
        Act::Hit(true) => pane.next_hit(),
        Act::Hit(false) => pane.previous_hit(),
        Act::Clear => pane.clear(),
    }
}

proptest! {
    #[test]
    fn no_sequence_of_acts_panics(acts in proptest::collection::vec(act(), 0..40), at in 0_usize..6) {
        let mut pane = LogPane::new(Limits { lines: 30, bytes: 4096 });
        let mut size = (80, 24);
        for act in acts {
            apply(&mut pane, act, &mut size);
            pane.work();
            prop_assert!(pane.counts().0 <= 30);
            let mut buf = Buffer::empty(Rect::new(0, 0, size.0, size.1));
            pane.draw(&mut buf, Rect::new(0, 0, 100, 50), &THEMES[at]);
            let steering = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(char::is_control);
            prop_assert!(!buf.content.iter().any(steering));
            pane.selected_text();
        }
    }

    #[test]
    fn rows_are_as_many_as_are_drawn(message in "([a-z]|日|e\u{301}|\t|🌵){0,60}", width in 4_u16..30) {
        let mut pane = LogPane::default();
        pane.push(&[entry(0, "s", &message)]);
        pane.toggle_timestamps();
        pane.toggle_names();
        pane.resize(width, 100);
        let shown = screen(&pane, width, 100);
        let used = shown.lines().take(99).filter(|line| !line.trim().is_empty()).count();
        prop_assert!(used <= pane.rows(0, Page::new(width, 100)));
    }
}
