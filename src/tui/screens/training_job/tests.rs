use crate::tui::effect::{Effect, Want};
use crate::tui::msg::{Line, Msg};
use crate::tui::testing::bench::{self as testing, Bench, SIZES};
use crate::tui::view::Place;
use proptest::prelude::*;
use serde_json::json;

fn jobs() -> Vec<crate::tui::row::Row> {
    let mut rows = vec![
        testing::job("green", "Completed", "Completed"),
        testing::job("hpo-7", "InProgress", "Training"),
        testing::job("hpo-8", "InProgress", "Pending"),
        testing::job("red", "Failed", "Failed"),
        testing::job("slow", "Stopped", "MaxRuntimeExceeded"),
    ];
    rows[0].created -= 600.0;
    rows[1].body["AlgorithmSpecification"]["TrainingImage"] =
        json!("123456789012.dkr.ecr.us-east-1.amazonaws.com/ours/churn:7");
    rows
}

fn list(size: (u16, u16)) -> Bench {
    let mut bench = Bench::at(Place::new("jobs"), size);
    bench.rows(jobs());
    bench
}

/// A job with its curves and its log.
fn one(name: &str, size: (u16, u16)) -> Bench {
    let mut bench = Bench::at(Place::of("job", name), size);
    bench.rows(jobs());
    let line = testing::metrics(name, 23);
    bench.send(Msg::TrainingJob { name: name.into(), line });
    let lines = testing::log(&format!("{name}/algo-1-1795854407"), 0, 25);
    bench.send(testing::logs(super::facts::LOG_GROUP, lines));
    bench
}

#[test]
fn the_list_at_three_sizes() {
    for (columns, rows) in SIZES {
        let bench = list((columns, rows));
        insta::assert_snapshot!(format!("jobs_{columns}x{rows}"), bench.text());
    }
}

#[test]
fn without_jobs_the_list_says_what_to_do() {
    let mut bench = Bench::at(Place::new("jobs"), (80, 24));
    bench.rows(Vec::new());
    assert!(bench.text().contains(":train NAME xgboost"), "{}", bench.text());
}

#[test]
fn a_running_job_at_three_sizes() {
    for (columns, rows) in SIZES {
        let bench = one("hpo-7", (columns, rows));
        insta::assert_snapshot!(format!("job_running_{columns}x{rows}"), bench.text());
    }
}

#[test]
fn ended_jobs_at_three_sizes() {
    for (columns, rows) in SIZES {
        for name in ["green", "red"] {
            let mut bench = one(name, (columns, rows));
            if columns == 80 {
                bench.keys("shift-tab");
            }
            insta::assert_snapshot!(format!("job_{name}_{columns}x{rows}"), bench.text());
        }
    }
}

#[test]
fn a_pane_can_stand_alone_and_metrics_one_by_one() {
    let mut bench = one("green", (120, 40));
    bench.keys("m L enter");
    let text = bench.text();
    assert!(text.contains("train:mlogloss of 3 · log · by step"), "{text}");
    assert!(!text.contains("Hyperparameters"), "{text}");
    bench.keys("esc m m m H");
    let text = bench.text();
    assert!(text.contains("Metrics · log · by time") && text.contains("Hyperparameters"));
}

#[test]
fn the_log_is_searched_beside_the_curves() {
    let mut bench = one("green", (120, 40));
    bench.keys("tab / ");
    bench.types("no label");
    bench.keys("enter");
    let text = bench.text();
    assert!(text.contains("/no label 1 of 1"), "{text}");
    bench.keys("x");
    assert!(bench.text().contains("green.log"), "{}", bench.text());
    bench.keys("enter");
    let saved = bench.effects.iter().any(|effect| {
        matches!(effect, Effect::Save { path, text, .. } if path == "green.log" && text.lines().count() == 25)
    });
    assert!(saved, "{:?}", bench.effects.last());
}

#[test]
fn stopping_asks_and_names_those_that_run() {
    let mut bench = list((120, 40));
    bench.keys("* X");
    let text = bench.text();
    assert!(text.contains("Stop these 2 training jobs?") && !text.contains("  red\n"), "{text}");
    bench.keys("y");
    let stopped: Vec<&str> = bench
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Call { operation, input, .. } if operation == "StopTrainingJob" => {
                input["TrainingJobName"].as_str()
            }
            _ => None,
        })
        .collect();
    assert_eq!(stopped, ["hpo-7", "hpo-8"]);
}

#[test]
fn commands_are_put_into_the_palette() {
    let mut bench = one("green", (200, 60));
    bench.keys("R");
    assert!(bench.text().contains(":register green --from green"), "{}", bench.text());
    bench.keys("esc E");
    assert!(bench.text().contains(":deploy green-live green=green --on ml.m5.large"));
    bench.keys("esc a home");
    assert!(bench.text().contains(":train green-2 xgboost --on ml.m5.large"), "{}", bench.text());
    let mut bench = one("red", (80, 24));
    bench.keys("R");
    assert!(bench.text().contains("There is no model yet"));
}

#[test]
fn the_models_size_is_asked_for_once() {
    let mut bench = one("green", (200, 60));
    let asked: Vec<u64> = bench
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Objects { ticket, bucket, prefix } => {
                assert_eq!((bucket.as_str(), prefix.as_str()), ("iris", "models/green/output/"));
                Some(*ticket)
            }
            _ => None,
        })
        .collect();
    assert_eq!(asked.len(), 1);
    let object = json!({"kind": "object", "name": "models/green/output/model.tar.gz",
        "body": {"Size": 2560}});
    bench.answer(asked[0], json!([object]));
    assert!(bench.text().contains("2.5 KiB"), "{}", bench.text());
}

#[test]
fn an_ended_job_is_not_followed_for_ever() {
    let mut bench = one("green", (80, 24));
    let follows = |bench: &Bench| {
        bench.effects.iter().rev().find_map(|effect| match effect {
            Effect::Follow(wants) => Some(wants.contains(&Want::TrainingJob("green".into()))),
            _ => None,
        })
    };
    assert_eq!(follows(&bench), Some(true));
    let line = json!({"ended": "training job green is Completed"});
    bench.send(Msg::TrainingJob { name: "green".into(), line });
    assert_eq!(follows(&bench), Some(false));
}

#[test]
fn a_deleted_job_can_still_be_read() {
    let mut bench = one("green", (120, 40));
    bench.send(Msg::Region(vec![Line::Deleted {
        revision: 30,
        at: testing::THEN,
        kind: "training-job".into(),
        name: "green".into(),
    }]));
    let text = bench.text();
    assert!(text.contains("Completed (deleted)") && text.contains("Hyperparameters"), "{text}");
    let mut bench = Bench::at(Place::of("job", "nobody"), (80, 24));
    bench.rows(jobs());
    assert!(bench.text().contains("There is no training job nobody"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_input_panics(
        inputs in prop::collection::vec(testing::any_input(), 0..60),
        from in prop::sample::select(vec!["", "green", "red", "hpo-7", "nobody"]),
    ) {
        let mut bench = if from.is_empty() { list((80, 24)) } else { one(from, (80, 24)) };
        for (index, input) in inputs.into_iter().enumerate() {
            bench.send(input);
            if index % 4 == 0 {
                bench.text();
            }
            if index % 9 == 0 {
                let name = bench.state.screen().unwrap().title();
                bench.send(Msg::TrainingJob { name, line: testing::metrics("x", 5) });
            }
        }
        bench.text();
    }
}
