use super::*;
use crate::tui::msg::Msg;
use crate::tui::testing::{feed, pass, press, text, with_region};
use crate::tui::view::{Place, Tone};
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

const LONG: &str = "ValidationException: the region refused this for a reason that takes more than one \
                    line to say, and at whose end stands what to do about it: try again";

fn click(state: &mut State, column: u16, row: u16) -> Vec<crate::tui::effect::Effect> {
    let kind = MouseEventKind::Down(MouseButton::Left);
    let modifiers = KeyModifiers::NONE;
    feed(state, [Msg::Mouse(MouseEvent { kind, column, row, modifiers })])
}

#[test]
fn a_notice_is_read_whole_beside_the_key_bar_and_later_among_the_messages() {
    for size in [(80, 24), (120, 40)] {
        let mut state = with_region(size, Place::new("endpoints"));
        state.say(Tone::Bad, LONG);
        let shown = text(&state);
        assert!(shown.contains("try again"), "{shown}");
        assert!(shown.lines().last().unwrap().contains("command"), "the keys stay: {shown}");
        pass(&mut state, 20_000);
        assert!(!text(&state).contains("try again"));
        press(&mut state, "ctrl-e");
        assert!(text(&state).contains("try again"), "{}", text(&state));
        press(&mut state, "esc");
        assert!(!text(&state).contains("Messages"));
    }
}

#[test]
fn a_very_long_notice_says_where_the_rest_is() {
    let mut state = with_region((80, 24), Place::new("endpoints"));
    state.say(Tone::Bad, "word ".repeat(200));
    assert!(text(&state).contains("… ^e shows all of it"), "{}", text(&state));
}

#[test]
fn the_key_bar_and_the_breadcrumbs_take_clicks() {
    let mut state = with_region((120, 40), Place::of("endpoint", "iris-live"));
    let bar = text(&state).lines().last().unwrap().to_owned();
    let at = bar.chars().take_while(|char| *char != '?').count() as u16;
    click(&mut state, at, 39);
    assert!(text(&state).contains("Everywhere"), "{}", text(&state));
    press(&mut state, "esc");
    let header = text(&state).lines().next().unwrap().to_owned();
    let at = header.split("Endpoints").next().unwrap().chars().count() as u16;
    click(&mut state, at, 0);
    assert_eq!(
        state.screen().and_then(crate::tui::view::View::place),
        Some(Place::new("endpoints"))
    );
    let header = text(&state).lines().next().unwrap().to_owned();
    let at = header.split("iris").next().unwrap().chars().count() as u16;
    click(&mut state, at, 0);
    assert_eq!(
        state.screen().and_then(crate::tui::view::View::place),
        Some(Place::new("overview"))
    );
}
