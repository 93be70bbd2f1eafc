use super::*;
use crate::tui::msg::{Credentials, Msg, Secret};
use crate::tui::testing::bench::{self as testing, Bench, SIZES};
use proptest::prelude::*;
use serde_json::json;

const SECRET: &str = "HEQRdoPwbRqPe83mEQmAMUwIG18KomW7";

fn bench(size: (u16, u16)) -> Bench {
    let mut bench = Bench::at(Place::new("settings"), size);
    assert!(bench.effects.contains(&Effect::Credentials));
    let bound = |what: &str, now: u64, most: u64, dropped: u64, how: &str| json!({"what": what, "now": now, "most": most, "dropped": dropped, "dropped_what": how});
    bench.send(Msg::Engine(json!({
        "engine": {"name": "process", "limits": "limits: none; latency is not imitated"},
        "machine": {"cores": 8, "memory_mib": 15934},
        "admission": {"running": 1, "waiting": 2, "vcpus_taken": 4.0, "vcpus": 8.0,
            "memory_mib_taken": 16384, "memory_mib": 15934},
        "bounds": [bound("connections", 3, 16384, 0, "turned away"),
            bound("streams", 4, 64, 2, "refused"),
            {"what": "lines of containers", "now": null, "most": null, "dropped": 0,
                "dropped_what": "lost because the log could not be written"}],
        "uptime_seconds": 3725.5,
        "store": {"bytes": 123_456, "database_bytes": 4096, "objects_bytes": 100,
            "logs_bytes": 10, "work_bytes": 0, "durability": "process", "revision": 42},
        "seed": 7242, "pace": 1.0})));
    let secret = Secret::new(SECRET);
    let access_key = "AKIASAGEBRUSHJVHUSIY".to_owned();
    bench.send(Msg::Credentials(Credentials { access_key, secret }));
    bench.send(Msg::Dropped { what: "lines of commands".into(), count: 1_234 });
    bench
}

#[test]
fn every_section_at_three_sizes() {
    for (columns, rows) in SIZES {
        let mut bench = bench((columns, rows));
        let mut all = String::new();
        for section in &SECTIONS {
            all.push_str(&bench.text());
            all.push('\n');
            assert!(bench.text().contains(section.title), "{}", bench.text());
            bench.keys("down");
        }
        insta::assert_snapshot!(format!("settings_{columns}x{rows}"), all);
    }
}

#[test]
fn the_secret_is_shown_only_when_asked_for() {
    let mut bench = bench((120, 40));
    bench.keys("down");
    assert!(bench.text().contains("AKIASAGEBRUSHJVHUSIY") && !bench.text().contains(SECRET));
    bench.keys("v");
    assert!(bench.text().contains(SECRET), "{}", bench.text());
    bench.keys("v");
    assert!(!bench.text().contains(SECRET));
    bench.keys("K");
    assert!(bench.effects.contains(&Effect::Copy(SECRET.into())));
    assert!(!bench.text().contains(SECRET));
}

#[test]
fn the_line_for_a_second_terminal_is_copied() {
    let mut bench = bench((80, 24));
    bench.keys("down tab y");
    let line = "eval \"$(sagebrush env -w /home/ada/iris)\"";
    assert!(bench.effects.contains(&Effect::Copy(line.into())), "{:?}", bench.effects.last());
    bench.keys("end y");
    assert!(
        bench.effects.contains(&Effect::Copy(SECRET.into())),
        "the dots are not what is copied"
    );
}

#[test]
fn a_theme_is_seen_before_it_is_taken() {
    let mut bench = bench((120, 40));
    bench.keys("down down down down tab down");
    assert_eq!(bench.state.theme.name, "dark");
    assert!(bench.text().contains("▌ light ─"), "{}", bench.text());
    insta::assert_snapshot!("settings_theme_preview", bench.text());
    bench.keys("enter");
    assert_eq!(bench.state.theme.name, "light");
}

#[test]
fn a_key_is_copied_as_its_line_of_configuration() {
    let mut bench = bench((120, 40));
    bench.keys("down down down down down tab y");
    let copied = bench.effects.iter().rev().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    assert_eq!(copied.as_deref(), Some("\"global.help\" = [\"?\", \"f1\"]"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_input_panics(inputs in prop::collection::vec(testing::any_input(), 0..60)) {
        let mut bench = bench((80, 24));
        for (index, input) in inputs.into_iter().enumerate() {
            bench.send(input);
            if index % 4 == 0 {
                bench.text();
            }
        }
        bench.text();
    }
}
