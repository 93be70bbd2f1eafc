use super::*;
use crate::command::demo;
use crate::tui::state::Options;
use crate::tui::testing;

fn tours() -> Vec<Tour> {
    demo::names().into_iter().map(|name| Tour::offered(Some(name))).collect()
}

#[test]
fn every_demo_workspace_has_a_tour_of_its_own() {
    assert!(tours().iter().zip(demo::names()).all(|(tour, name)| tour.demo() == Some(name)));
    assert!(Tour::offered(Some("other")).demo().is_none());
}

#[test]
fn every_line_is_a_command_and_no_placeholder_is_left() {
    let variables: BTreeMap<String, String> =
        ["n", "blue", "green", "folder"].map(|name| (name.to_owned(), "x".to_owned())).into();
    for (tour, step) in tours().iter().flat_map(|tour| STEPS.iter().map(move |step| (tour, step))) {
        assert!(!tour.fill(step.words).contains('{'), "{}", step.title);
        for deed in step.deeds {
            if let Deed::Line(line) | Deed::Keep(_, line) | Deed::Try(line) = deed {
                let line = tour.fill(line);
                assert!(!line.contains('{'), "{line}");
                let words: Vec<Option<String>> = parse::split(&line)
                    .unwrap()
                    .iter()
                    .map(|word| Some(word.expand(&variables).unwrap()))
                    .collect();
                crate::command::check_words(&words).unwrap();
            }
            if let Deed::Show(screen, _) = deed {
                assert!(screens::find(screen).is_some(), "there is no screen {screen}");
            }
        }
    }
}

/// The hyperparameters of a tour are those of the script beside its data.
#[test]
fn a_demo_trains_on_its_own_data() {
    for demo in steps::DEMOS {
        let (_guard, script) = demo::unpack(std::path::Path::new(demo.name)).unwrap().unwrap();
        let script = std::fs::read_to_string(script).unwrap();
        for placeholder in ["bucket", "group", "live"] {
            let word = demo.fill(&format!("{{{placeholder}}}"));
            assert!(script.contains(&word), "{}: {word}", demo.name);
        }
        for member in ["predictor_type=", "objective="] {
            let value = |text: &str| {
                let (_, rest) = text.split_once(member).unwrap();
                rest.split_whitespace().next().unwrap().to_owned()
            };
            let own = demo.fill("{blue} {green}");
            assert_eq!(value(&own), value(&script), "{}: {member}", demo.name);
        }
    }
}

fn playing() -> crate::tui::state::State {
    let options = Options {
        workspace: "iris".into(),
        size: (100, 30),
        demo: Some("iris".into()),
        ..Options::default()
    };
    let mut state = crate::tui::state::State::new(options, testing::START).unwrap();
    let empty = vec![
        crate::tui::msg::Line::Snapshot { revision: 1, rows: 0 },
        crate::tui::msg::Line::Ready(1),
    ];
    let region = crate::tui::msg::Msg::Region(empty);
    testing::feed(&mut state, [testing::connected(), region]);
    state
}

#[test]
fn a_failure_is_said_once_and_on_its_lines() {
    use crate::tui::msg::{Answer, Failure, Msg};
    let mut state = playing();
    assert!(testing::text(&state).contains("A demo, one minute"));
    assert!(!testing::text(&state).contains("^t end"), "it has not begun");
    let effects = testing::press(&mut state, ".");
    let Some(Effect::Run { ticket, words }) =
        effects.iter().find(|effect| matches!(effect, Effect::Run { .. }))
    else {
        panic!("{effects:?}")
    };
    assert_eq!(words, &["bucket", "create", "iris"]);
    let (mut ticket, failure) = (*ticket, |message: &str| {
        let failure = Failure { code: "Failed".into(), message: message.into() };
        Answer { outcome: Err(failure), calls: Vec::new() }
    });
    for message in ["it is there", "no room\nits log:\n  full"] {
        let msg = Msg::Answer { ticket, answer: failure(message) };
        testing::feed(&mut state, [msg]);
        ticket += 1;
    }
    let shown = testing::text(&state);
    assert!(shown.contains("no room its log: full"), "{shown}");
    assert_eq!(shown.matches("no room").count(), 1, "{shown}");
    assert!(!shown.contains('␊'), "{shown}");
}

#[test]
fn the_strip_is_seen_below_a_dialog() {
    let mut state = playing();
    testing::press(&mut state, "?");
    let shown = testing::text(&state);
    assert!(shown.contains("Keys") && shown.contains("A demo, one minute"), "{shown}");
    for (columns, rows) in testing::SIZES {
        testing::feed(&mut state, [crate::tui::msg::Msg::Resize(columns, rows)]);
        assert!(testing::text(&state).contains("A demo, one minute"), "{columns}×{rows}");
    }
}
