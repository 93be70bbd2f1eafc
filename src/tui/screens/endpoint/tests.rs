use crate::tui::effect::{Effect, Want};
use crate::tui::msg::{Answer, Failure, Load, Msg};
use crate::tui::state::State;
use crate::tui::testing::*;
use crate::tui::update::settle;
use crate::tui::view::Place;
use proptest::prelude::*;
use serde_json::{Value, json};

fn cockpit(size: (u16, u16)) -> State {
    with_region(size, Place::of("endpoint", "iris-live"))
}

/// The cockpit after so many seconds of traffic.
fn flying(size: (u16, u16), seconds: u32) -> (State, Traffic) {
    let (mut state, mut traffic) = (cockpit(size), Traffic::iris());
    fly(&mut state, &mut traffic, seconds);
    (state, traffic)
}

fn fly(state: &mut State, traffic: &mut Traffic, seconds: u32) {
    for _ in 0..seconds {
        pass(state, 1000);
        let line = traffic.live(1.0);
        feed(state, [line]);
    }
}

fn load(running: bool) -> Msg {
    Msg::Load(Load {
        endpoint: "iris-live".into(),
        running,
        requests: 12_345,
        errors: 0,
        correct: vec![("blue".into(), 44, 45), ("green".into(), 43, 45)],
        last_error: None,
    })
}

fn answer(state: &mut State, ticket: u64, outcome: Result<Value, Failure>) -> Vec<Effect> {
    feed(state, [Msg::Answer { ticket, answer: Answer { outcome, calls: Vec::new() } }])
}

#[test]
fn the_cockpit_at_every_size() {
    for size in SIZES {
        let (mut state, mut traffic) = (cockpit(size), Traffic::iris());
        feed(&mut state, [load(true)]);
        fly(&mut state, &mut traffic, 65);
        insta::assert_snapshot!(format!("cockpit_{}x{}", size.0, size.1), text(&state));
    }
}

#[test]
fn the_cockpit_in_colour() {
    let (state, _) = flying((120, 40), 20);
    insta::assert_snapshot!(styled(&state));
}

#[test]
fn every_pane_where_there_is_room_for_one() {
    let (mut state, mut traffic) = flying((80, 24), 65);
    feed(&mut state, [load(true), load(false)]);
    fly(&mut state, &mut traffic, 1);
    let mut all = String::new();
    for _ in 0..4 {
        press(&mut state, "tab");
        all.push_str(&text(&state));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_pictures_of_latency() {
    let (mut state, _) = flying((100, 36), 65);
    let mut all = String::new();
    for key in ["P", "O", "o", "H", "v"] {
        press(&mut state, key);
        all.push_str(&text(&state));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn it_follows_its_endpoint_and_the_list_follows_the_region() {
    let mut state = state((80, 24), Place::new("endpoints"));
    let follows = |effects: Vec<Effect>, wanted: Want| {
        effects
            .into_iter()
            .any(|effect| matches!(effect, Effect::Follow(wants) if wants.contains(&wanted)))
    };
    let mut first = settle(&mut state);
    first.extend(feed(&mut state, region()));
    assert!(follows(first, Want::Traffic));
    assert!(follows(press(&mut state, "enter"), Want::Endpoint("iris-live".into())));
    assert!(text(&state).contains("Endpoints ▸ iris-live"));
}

#[test]
fn shares_are_previewed_and_only_asked_for_by_a_key_of_their_own() {
    let (mut state, _) = flying((120, 40), 3);
    assert_eq!(press(&mut state, "left h l left"), []);
    assert!(text(&state).contains("asked next:  ● blue 80 %  ◆ green 20 %"), "{}", text(&state));
    press(&mut state, "u");
    assert!(!text(&state).contains("asked next"));
    press(&mut state, "= esc");
    assert!(!text(&state).contains("asked next"));
    press(&mut state, "j right right shift-left");
    let effects = press(&mut state, "a");
    let [Effect::Run { ticket, words }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(words.join(" "), "shift iris-live blue=81 green=19");
    assert_eq!(press(&mut state, "a left u"), [], "one at a time");
    let failure = Failure { code: "ValidationException".into(), message: "no".into() };
    answer(&mut state, *ticket, Err(failure));
    assert!(text(&state).contains("green 19 %"), "what was refused can be asked again");
    let effects = press(&mut state, "a");
    let [Effect::Run { ticket, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    answer(&mut state, *ticket, Ok(json!({"summary": "endpoint iris-live: InService"})));
    assert!(!text(&state).contains("asked next"));
}

#[test]
fn a_verdict_names_what_differs() {
    let (mut state, mut traffic) = flying((160, 50), 65);
    let screen = text(&state);
    assert!(screen.contains("green is faster: p50"), "{screen}");
    assert!(screen.contains("differs: model (iris/1, iris/2)"), "{screen}");
    assert!(screen.contains("accuracy: no data yet"), "{screen}");
    assert!(screen.contains("95 % confidence at every look"), "{screen}");
    assert!(!screen.contains("instance type"), "all types are the same cores: {screen}");
    feed(&mut state, [load(true)]);
    fly(&mut state, &mut traffic, 2);
    let screen = text(&state);
    assert!(screen.contains("accuracy: blue 97.8 %, green 95.6 %: too few rows"), "{screen}");
}

#[test]
fn an_instance_is_ended_once_it_was_seen_and_asked_for() {
    let (mut state, _) = flying((120, 40), 2);
    assert_eq!(press(&mut state, "x"), []);
    assert_eq!(press(&mut state, "j x"), []);
    assert!(text(&state).contains("Stop this instance?"));
    let effects = press(&mut state, "y");
    let [Effect::Post { ticket, path }] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(
        path.starts_with("endpoints/iris-live/instances/i-") && path.ends_with("/stop?how=stop")
    );
    answer(&mut state, *ticket, Ok(json!({"did": "Took i-1 of variant green out of service."})));
    assert!(text(&state).contains("Took i-1 of variant green"));
}

#[test]
fn a_payload_is_sent_and_its_answer_shown() {
    let (mut state, _) = flying((120, 40), 2);
    let effects = press(&mut state, "i");
    let [Effect::Preview { ticket, bucket, key }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((bucket.as_str(), key.as_str()), ("iris", "test.csv"));
    answer(
        &mut state,
        *ticket,
        Ok(json!({"text": "0,5.1,3.5,1.4,0.2\n", "size": 18, "more": false})),
    );
    press(&mut state, "5 ctrl-t ctrl-t");
    let effects = press(&mut state, "enter");
    let [Effect::Invoke { ticket, endpoint, variant, content_type, body, .. }] = effects.as_slice()
    else {
        panic!("{effects:?}")
    };
    assert_eq!((endpoint.as_str(), variant.as_deref()), ("iris-live", Some("green")));
    assert_eq!((content_type.as_str(), body.as_str()), ("text/csv", "5.1,3.5,1.4,0.25"));
    let reply = json!({"predictions": [{"score": [0.9821, 0.01, 0.0079], "predicted_label": 0}]});
    answer(
        &mut state,
        *ticket,
        Ok(json!({
            "variant": "green", "content_type": "application/json", "body": reply.to_string(),
            "micros": 1300, "bytes": 66,
        })),
    );
    insta::assert_snapshot!(text(&state));
    let effects = press(&mut state, "ctrl-s");
    let [Effect::Invoke { ticket, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let message = "Received client error (400) from green: 5 features expected".to_owned();
    answer(&mut state, *ticket, Err(Failure { code: "ModelError".into(), message }));
    assert!(text(&state).contains("✖ ModelError"), "{}", text(&state));
    assert!(text(&state).contains("2 of 2"));
    press(&mut state, "esc k");
    assert!(text(&state).contains("✔ 200 green"), "{}", text(&state));
}

#[test]
fn traffic_of_ones_own_begins_with_what_is_known_and_ends_by_the_same_key() {
    let (mut state, _) = flying((80, 24), 2);
    press(&mut state, "t");
    insta::assert_snapshot!(text(&state));
    let effects = press(&mut state, "tab tab backspace 0 enter");
    assert_eq!(effects, [], "no user is no traffic");
    let effects = press(&mut state, "backspace 8 enter");
    let sent = Effect::Load {
        endpoint: "iris-live".into(),
        rows: "s3://iris/test.csv".into(),
        label: Some(0),
        users: 8,
        per_second: 50,
    };
    assert_eq!(effects, [sent]);
    feed(&mut state, [load(true)]);
    let effects = press(&mut state, "t");
    assert!(matches!(effects.as_slice(), [Effect::Load { users: 0, .. }]), "{effects:?}");
    feed(&mut state, [Msg::Load(Load { endpoint: "iris-live".into(), ..Load::default() })]);
    assert!(text(&state).contains("ended"), "its figures stay: {}", text(&state));
}

#[test]
fn a_deployment_as_it_happens() {
    let mut all = String::new();
    for size in [(80, 24), (120, 40)] {
        let (mut state, mut traffic) = flying(size, 10);
        traffic.status = "Updating";
        for name in ["blue", "green"] {
            let arm = traffic.arm(name);
            arm.instances =
                vec![instance(name, 0, "old", "in service"), instance(name, 1, "new", "starting")];
        }
        let at = traffic.at;
        traffic.more = json!({"deployment": {
            "policy": "BLUE_GREEN", "routing": "CANARY", "stage": "Baking", "since": at, "until": at + 95.0,
            "began": at - 5.0, "ended": null, "traffic": 0.1, "shift": 1, "shifts": 2,
            "old_config": "iris-live", "new_config": "iris-live-2", "rollback_reason": null,
        }});
        let mut row = row("endpoint", "iris-live");
        row.status = "Updating".into();
        feed(&mut state, [changed(row)]);
        fly(&mut state, &mut traffic, 3);
        press(&mut state, "tab tab tab");
        all.push_str(&text(&state));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn failures_are_large_and_what_is_not_there_says_so() {
    let mut state = cockpit((80, 24));
    let mut row = row("endpoint", "iris-live");
    row.status = "Failed".into();
    row.body["FailureReason"] =
        "The primary container for production variant blue did not pass the \
        ping health check. Please check CloudWatch logs for this endpoint."
            .into();
    feed(&mut state, [changed(row)]);
    let mut all = text(&state);
    let mut state = with_region((80, 24), Place::of("endpoint", "nobody"));
    settle(&mut state);
    all.push_str(&text(&state));
    insta::assert_snapshot!(all);
}

#[test]
fn the_list_with_traffic() {
    let mut all = String::new();
    for size in SIZES {
        let mut state = with_region(size, Place::new("endpoints"));
        let mut traffic = Traffic::iris();
        traffic.arm("green").failing = 300;
        for _ in 0..10 {
            pass(&mut state, 500);
            let line = traffic.beat(0.5);
            feed(&mut state, [line]);
        }
        all.push_str(&text(&state));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn reading_only_nothing_is_sent() {
    let (mut state, _) = flying((80, 24), 2);
    state.read_only = true;
    for keys in ["left a", "t", "x x y", "i", "tab tab tab tab enter 7 enter"] {
        let effects = press(&mut state, keys);
        let harmless = |effect: &Effect| {
            matches!(effect, Effect::Preview { .. } | Effect::Copy(_) | Effect::Follow(_))
        };
        assert!(effects.iter().all(harmless), "{effects:?}");
        press(&mut state, "esc");
    }
}

const KEYS: &[&str] = &[
    "h",
    "j",
    "k",
    "l",
    "left",
    "right",
    "up",
    "down",
    "tab",
    "shift-tab",
    "shift-left",
    "=",
    "a",
    "u",
    "i",
    "t",
    "p",
    "H",
    "P",
    "O",
    "o",
    "v",
    "L",
    "x",
    "X",
    "enter",
    "esc",
    "ctrl-s",
    "ctrl-t",
    "ctrl-o",
    "ctrl-p",
    "ctrl-n",
    "ctrl-j",
    "backspace",
    "y",
    "d",
    "7",
    ",",
    "日",
    "pagedown",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_keys_at_any_size(
        columns in 1_u16..220, rows in 1_u16..70,
        keys in prop::collection::vec(0..KEYS.len(), 0..40), seconds in 0_u32..4,
    ) {
        let (mut state, mut traffic) = flying((columns, rows), seconds);
        for (index, key) in keys.into_iter().enumerate() {
            press(&mut state, KEYS[key]);
            if index % 7 == 3 {
                traffic.arm("blue").instances.clear();
                fly(&mut state, &mut traffic, 1);
            }
            if index % 5 == 0 {
                draw(&state);
            }
        }
        draw(&state);
    }
}
