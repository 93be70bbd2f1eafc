use crate::tui::effect::Effect;
use crate::tui::testing::{self, SIZES};
use crate::tui::view::{Place, View};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;

fn run_of(effects: &[Effect]) -> Option<String> {
    effects.iter().find_map(|effect| match effect {
        Effect::Run { words, .. } => Some(words.join(" ")),
        _ => None,
    })
}

#[test]
fn the_registry_a_group_and_a_comparison_at_every_size() {
    for (columns, rows) in SIZES {
        let mut state = testing::with_region((columns, rows), Place::new("registry"));
        insta::assert_snapshot!(format!("registry_{columns}x{rows}"), testing::text(&state));
        testing::press(&mut state, "enter");
        insta::assert_snapshot!(format!("group_{columns}x{rows}"), testing::text(&state));
        testing::press(&mut state, "=");
        insta::assert_snapshot!(format!("compare_{columns}x{rows}"), testing::text(&state));
    }
}

#[test]
fn an_empty_registry_says_how_to_fill_it() {
    let state = testing::state((80, 24), Place::new("registry"));
    assert!(testing::text(&state).contains("register GROUP --from JOB"));
}

#[test]
fn approving_asks_for_a_comment_that_may_be_left_out() {
    let mut state = testing::with_region((80, 24), Place::of("group", "iris"));
    let effects = testing::press(&mut state, "R \"too\" space \"slow\" enter");
    assert_eq!(run_of(&effects).unwrap(), "reject iris/2 --comment too slow");
    let effects = testing::press(&mut state, "j A enter");
    assert_eq!(run_of(&effects).unwrap(), "approve iris/1");
    assert!(run_of(&testing::press(&mut state, "A esc")).is_none());
}

#[test]
fn two_marks_and_enter_compare_and_the_chosen_side_is_judged() {
    let mut state = testing::with_region((120, 40), Place::of("group", "iris"));
    testing::press(&mut state, "space space enter");
    let place = state.screen().and_then(View::place).unwrap();
    assert_eq!(place, Place::of("compare", "iris/1 iris/2"));
    let effects = testing::press(&mut state, "h A enter");
    assert_eq!(run_of(&effects).unwrap(), "approve iris/1");
    let effects = testing::press(&mut state, "x A enter");
    assert_eq!(run_of(&effects).unwrap(), "approve iris/2");
}

#[test]
fn describe_shows_what_is_under_the_cursor_as_the_region_has_it() {
    let mut state = testing::with_region((120, 40), Place::of("group", "iris"));
    // Version 2 is marked, the cursor goes on to version 1.
    testing::press(&mut state, "space d");
    let text = testing::text(&state);
    assert!(text.contains("package iris/1") && !text.contains("package iris/2"), "{text}");
    // What the registry's table derives is no part of a group.
    let mut state = testing::with_region((120, 40), Place::new("registry"));
    testing::press(&mut state, "d");
    let text = testing::text(&state);
    assert!(text.contains("ModelPackageGroupArn") && !text.contains("LatestCreated"), "{text}");
}

#[test]
fn nothing_is_approved_read_only() {
    let mut state = testing::with_region((80, 24), Place::of("group", "iris"));
    state.read_only = true;
    let effects = testing::press(&mut state, "A enter p ctrl-s");
    assert!(run_of(&effects).is_none(), "{effects:?}");
}

fn event() -> impl Strategy<Value = crate::tui::msg::Msg> {
    use crate::tui::msg::Msg;
    let code = prop_oneof![
        10 => prop::sample::select("hjklgGsS/*=ARpPoxNyYcCdDuUwrvaLHJ1234689?:[]q".chars().collect::<Vec<_>>())
            .prop_map(KeyCode::Char),
        2 => any::<char>().prop_map(KeyCode::Char),
        6 => prop::sample::select(vec![
            KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::BackTab, KeyCode::Up, KeyCode::Down,
            KeyCode::Left, KeyCode::Right, KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home,
            KeyCode::End, KeyCode::Backspace, KeyCode::Delete, KeyCode::Char(' '),
        ]),
    ];
    let modifiers = prop_oneof![
        6 => Just(KeyModifiers::NONE),
        1 => Just(KeyModifiers::CONTROL),
        1 => Just(KeyModifiers::SHIFT),
    ];
    let mouse = (0..5u8, 0..210u16, 0..70u16).prop_map(|(kind, column, row)| {
        let kind = match kind {
            0 | 1 => MouseEventKind::Down(MouseButton::Left),
            2 => MouseEventKind::ScrollDown,
            3 => MouseEventKind::ScrollUp,
            _ => MouseEventKind::Moved,
        };
        MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }
    });
    prop_oneof![
        12 => (code, modifiers).prop_map(|(code, modifiers)| Msg::Key(KeyEvent::new(code, modifiers))),
        2 => mouse.prop_map(Msg::Mouse),
        1 => "\\PC{0,20}".prop_map(Msg::Paste),
        1 => (0..220u16, 0..70u16).prop_map(|(columns, rows)| Msg::Resize(columns, rows)),
        1 => Just(testing::region().swap_remove(1)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn whatever_comes_nothing_panics(
        screen in prop::sample::select(vec![
            "registry", "group", "compare", "buckets", "bucket", "models", "model",
            "configurations", "configuration", "package",
        ]),
        events in prop::collection::vec(event(), 1..40),
    ) {
        let subject = match screen {
            "group" | "package" => Some("iris"),
            "compare" => Some("iris/1 iris/2"),
            "bucket" => Some("iris/models/"),
            "model" => Some("iris-live-blue"),
            "configuration" => Some("iris-live"),
            _ => None,
        };
        let place = Place { screen, subject: subject.map(str::to_owned) };
        let mut state = testing::with_region((80, 24), place);
        for event in events {
            testing::feed(&mut state, [event]);
            testing::draw(&state);
        }
    }
}
