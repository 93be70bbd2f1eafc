use super::*;
use crate::tui::effect::{Effect, Want};
use crate::tui::msg::Msg;
use crate::tui::row::Row;
use crate::tui::testing::bench::{self as testing, Bench, SIZES};
use proptest::prelude::*;
use serde_json::{Value, json};

const JOBS: &str = "/aws/sagemaker/TrainingJobs";

fn group(name: &str, bytes: u64, streams: u64, ago: i64) -> Value {
    let body = json!({"logGroupName": name, "storedBytes": bytes, "Streams": streams,
        "StreamsMore": streams == 50, "LastEvent": testing::NOW - ago * 1000});
    let created = testing::THEN - 3600.0;
    json!({"kind": "log-group", "name": name, "created": created, "body": body})
}

fn stream(name: &str, bytes: u64, ago: i64) -> Value {
    let body = json!({"logStreamName": name, "storedBytes": bytes,
        "lastEventTimestamp": testing::NOW - ago * 1000});
    json!({"kind": "log-stream", "name": name, "parent": JOBS, "created": testing::THEN - 99.0,
        "body": body})
}

fn groups() -> Value {
    json!([
        group(JOBS, 14_238, 3, 31),
        group("/aws/sagemaker/Endpoints/iris-live", 2_140_000, 50, 0),
        group("/mine/odd\u{1b}[2J", 0, 0, 4000)
    ])
}

fn streams() -> Value {
    json!([
        stream("green/algo-1-1795854407", 2685, 31),
        stream("blue/algo-1-1795854407", 11_057, 32),
        stream("bad/algo-1-1795854407", 496, 30)
    ])
}

/// Tickets of what was asked, the last first.
fn asked(bench: &Bench, pick: fn(&Effect) -> Option<u64>) -> Vec<u64> {
    bench.effects.iter().rev().filter_map(pick).collect()
}

fn of_groups(effect: &Effect) -> Option<u64> {
    if let Effect::LogGroups { ticket } = effect { Some(*ticket) } else { None }
}

fn of_streams(effect: &Effect) -> Option<u64> {
    if let Effect::LogStreams { ticket, .. } = effect { Some(*ticket) } else { None }
}

fn of_search(effect: &Effect) -> Option<u64> {
    if let Effect::SearchLogs { ticket, .. } = effect { Some(*ticket) } else { None }
}

fn listed(size: (u16, u16)) -> Bench {
    let mut bench = Bench::at(Place::new("logs"), size);
    bench.answer(asked(&bench, of_groups)[0], groups());
    bench.keys("down");
    bench.answer(asked(&bench, of_streams)[0], streams());
    bench
}

fn reading(size: (u16, u16)) -> Bench {
    let mut bench = Bench::at(Place::of("logs", JOBS), size);
    let mut lines = testing::log("green/algo-1-1795854407", 0, 30);
    lines.extend(testing::log("blue/algo-1-1795854407", 0, 12));
    bench.send(testing::logs(JOBS, lines));
    bench
}

#[test]
fn groups_and_streams_at_three_sizes() {
    for (columns, rows) in SIZES {
        let bench = listed((columns, rows));
        insta::assert_snapshot!(format!("logs_{columns}x{rows}"), bench.text());
    }
}

#[test]
fn a_group_at_three_sizes() {
    for (columns, rows) in SIZES {
        let mut bench = reading((columns, rows));
        bench.keys("/");
        bench.types("no label");
        bench.keys("enter");
        insta::assert_snapshot!(format!("log_{columns}x{rows}"), bench.text());
    }
}

#[test]
fn enter_opens_the_group_or_the_stream_that_has_the_keys() {
    let mut bench = listed((80, 24));
    bench.keys("enter");
    let place = bench.state.screen().unwrap().place().unwrap();
    assert_eq!(place, Place::of("logs", JOBS));
    bench.keys("esc tab enter");
    let place = bench.state.screen().unwrap().place().unwrap();
    assert_eq!(place, Place::of("logs", format!("{JOBS}:bad/algo-1-1795854407")));
    let follows = bench.effects.iter().rev().find_map(|effect| match effect {
        Effect::Follow(wants) => Some(wants.clone()),
        _ => None,
    });
    let want = Want::Logs {
        group: JOBS.into(),
        prefix: "bad/algo-1-1795854407".into(),
        tail: reader::TAIL,
    };
    assert!(follows.unwrap().contains(&want));
}

#[test]
fn a_search_goes_across_all_groups_and_opens_at_the_line() {
    let mut bench = listed((120, 40));
    bench.keys("ctrl-g");
    bench.types("label");
    bench.keys("enter");
    bench.answer(asked(&bench, of_groups)[0], groups());
    let tickets = asked(&bench, of_search);
    assert_eq!(tickets.len(), 3);
    assert!(bench.text().contains("0 of 3 groups"), "{}", bench.text());
    let event = |stream: &str, position: i64| {
        json!({"eventId": format!("e{position}"),
        "logStreamName": stream, "timestamp": testing::NOW - 30_000 + position * 700,
        "message": "1 row has no label", "ingestionTime": 0})
    };
    for ticket in tickets.iter().rev().skip(1) {
        bench.answer(*ticket, json!([]));
    }
    bench.answer(tickets[2], json!([event("green/algo-1-1795854407", 1), event("x", 9)]));
    for (columns, rows) in SIZES {
        bench.send(Msg::Resize(columns, rows));
        insta::assert_snapshot!(format!("log_search_{columns}x{rows}"), bench.text());
    }
    bench.send(Msg::Resize(80, 24));
    bench.keys("end enter");
    bench.send(testing::logs(JOBS, testing::log("green/algo-1-1795854407", 0, 200)));
    let text = bench.text();
    assert!(text.contains("▸08:26:56.700"), "{text}");
    assert!(!text.contains("looking for the line"), "{text}");
}

#[test]
fn places_are_written_and_read() {
    for (text, group, stream) in [
        ("/aws/x", "/aws/x", None),
        ("/aws/x:a/b-1", "/aws/x", Some("a/b-1")),
        ("g:s:17:what: this", "g", Some("s")),
    ] {
        let subject = Subject::parse(text);
        assert_eq!((subject.group.as_str(), subject.stream.as_deref()), (group, stream));
        assert_eq!(subject.place(), Place::of("logs", text));
    }
    assert_eq!(Subject::parse("g:s:17:what: this").found, Some((17, "what: this".to_owned())));
}

#[test]
fn rows_that_go_leave_and_others_stay() {
    let mut bench = listed((80, 24));
    assert!(bench.text().contains("Endpoints/iris-live"));
    bench.send_at(testing::NOW + 6_000, Msg::Tick);
    let again = asked(&bench, of_groups);
    assert_eq!(again.len(), 2, "asked anew after a while");
    bench.answer(again[0], json!([group(JOBS, 1, 1, 1)]));
    assert!(!bench.text().contains("Endpoints/iris-live"), "{}", bench.text());
    let rows: Vec<Row> = serde_json::from_value(groups()).unwrap();
    assert_eq!(rows.len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_input_panics(
        inputs in prop::collection::vec(testing::any_input(), 0..60),
        reads in any::<bool>(),
    ) {
        let mut bench = if reads { reading((80, 24)) } else { listed((80, 24)) };
        for (index, input) in inputs.into_iter().enumerate() {
            bench.send(input);
            if index % 4 == 0 {
                bench.text();
            }
            if index % 10 == 0 {
                let lines = testing::log("green/x", index as u64, 7);
                bench.send(testing::logs(JOBS, lines));
            }
        }
        bench.text();
    }
}

#[test]
fn before_an_answer_nothing_is_said_to_be_empty() {
    let mut bench = Bench::at(Place::new("logs"), (120, 40));
    let text = bench.text();
    assert!(text.contains("Loading…") && !text.contains("No log groups yet"), "{text}");
    bench.answer(asked(&bench, of_groups)[0], json!([]));
    let text = bench.text();
    assert!(text.contains("No log groups yet") && !text.contains("Loading…"), "{text}");
}

#[test]
fn a_refused_search_says_so_and_how_to_say_it() {
    let mut bench = listed((120, 40));
    bench.keys("ctrl-g");
    bench.types("logloss:0.1");
    bench.keys("enter");
    bench.answer(asked(&bench, of_groups)[0], groups());
    assert!(bench.text().contains("Loading…"), "{}", bench.text());
    for ticket in asked(&bench, of_search) {
        let failure = crate::tui::msg::Failure {
            code: "InvalidParameterException".into(),
            message: "InvalidParameterException: Invalid character(s) in term 'logloss:0.1'".into(),
        };
        let answer = crate::tui::msg::Answer { outcome: Err(failure), calls: Vec::new() };
        bench.send(Msg::Answer { ticket, answer });
    }
    let text = bench.text();
    assert!(text.contains("The region refused the search"), "{text}");
    assert!(text.contains("\"logloss:0.1\""), "{text}");
    assert!(!text.contains("Nothing found"), "{text}");
}
