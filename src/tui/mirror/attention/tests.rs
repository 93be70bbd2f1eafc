use super::*;
use crate::tui::msg::{Line, Msg};
use proptest::prelude::*;
use serde_json::json;

/// Seconds; the rows below are from around then.
const THEN: f64 = 1_795_854_407.0;
const NOW: i64 = 1_795_854_407_000;

fn row(kind: &str, name: &str, status: &str, body: Value) -> Row {
    let (kind, name, status) = (kind.to_owned(), name.to_owned(), status.to_owned());
    Row { kind, name, status, body, created: THEN, modified: THEN, ..Row::default() }
}

fn changed(row: Row) -> Msg {
    Msg::Region(vec![Line::Changed { revision: 1, at: THEN, created: true, row }])
}

fn mirror(rows: Vec<Row>) -> Mirror {
    let mut mirror = Mirror::default();
    rows.into_iter().for_each(|row| mirror.take(&changed(row)));
    mirror
}

fn seen(mirror: &Mirror, now: i64) -> Vec<String> {
    let line = |item: Item| format!("{:?} {}: {}", item.severity, item.what, item.why);
    mirror.attention(now, 50).into_iter().map(line).collect()
}

#[test]
fn what_is_broken_comes_before_what_waits() {
    let failed = json!({"FailureReason": "AlgorithmError: label column has 3 classes"});
    let mut mirror = mirror(vec![
        row(
            "model-package",
            "tumors/2",
            "Completed",
            json!({"ModelApprovalStatus": "PendingManualApproval"}),
        ),
        row("model-package", "tumors/1", "Completed", json!({"ModelApprovalStatus": "Approved"})),
        row("training-job", "red", "Failed", failed),
        row("training-job", "slow", "Stopped", json!({"SecondaryStatus": "MaxRuntimeExceeded"})),
        row("training-job", "mine", "Stopped", json!({"SecondaryStatus": "Stopped"})),
        row("endpoint", "live", "InService", json!({})),
    ]);
    assert_eq!(
        seen(&mirror, NOW),
        [
            "Bad training job red: AlgorithmError: label column has 3 classes",
            "Warn training job slow: stopped at its longest allowed time",
            "Ask package tumors/2: waits for approval",
        ]
    );
    let place = mirror.attention(NOW, 1)[0].place.clone();
    assert_eq!(place, Place::of("job", "red"));
    assert_eq!(seen(&mirror, NOW + JOB_MATTERS), ["Ask package tumors/2: waits for approval"]);
    mirror.take(&changed(row("model-package", "Tumors/2", "Completed", json!({}))));
    mirror.take(&Msg::Region(vec![Line::Deleted {
        revision: 2,
        at: THEN,
        kind: "training-job".into(),
        name: "RED".into(),
    }]));
    assert_eq!(seen(&mirror, NOW).len(), 1);
}

fn served(name: &str) -> Vec<Row> {
    let variant = json!({"VariantName": "a", "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 2});
    vec![
        row("endpoint-config", "c", "", json!({"ProductionVariants": [variant]})),
        row("endpoint", name, "InService", json!({"EndpointConfigName": "c"})),
    ]
}

fn traffic(seconds: f64, name: &str, invocations: u64) -> Msg {
    let variants = json!([{"variant": "a", "invocations": invocations}]);
    Msg::Traffic(
        json!({"at": THEN + seconds, "endpoints": [{"endpoint": name, "variants": variants}]}),
    )
}

#[test]
fn an_endpoint_that_nobody_asks_costs_money() {
    let mut mirror = mirror(served("nightly"));
    assert!(seen(&mirror, NOW + IDLE).is_empty(), "silence says nothing before the stream");
    mirror.take(&traffic(10.0, "other", 1));
    assert!(seen(&mirror, NOW + IDLE - 1).is_empty());
    assert_eq!(
        seen(&mirror, NOW + IDLE),
        [
            "Warn endpoint nightly: no request since it was put in service 30 m 00 s ago, costs $0.230/h"
        ]
    );
    mirror.take(&traffic(20.0, "Nightly", 5));
    assert!(seen(&mirror, NOW + IDLE).is_empty());
    mirror.take(&traffic(30.0, "Nightly", 5));
    assert_eq!(mirror.attention_count(NOW + 20_000 + IDLE), (1, false));
    let later = seen(&mirror, NOW + 20_000 + IDLE);
    assert_eq!(
        later,
        ["Warn endpoint nightly: no request for 30 m 00 s or longer, costs $0.230/h"]
    );
    mirror.take(&changed(row("endpoint", "nightly", "Deleting", json!({}))));
    assert!(seen(&mirror, NOW + 9 * IDLE).is_empty());
}

#[test]
fn a_lost_region_and_dropped_things_are_told() {
    let mut mirror = Mirror::default();
    mirror.take(&Msg::Link(Link::Lost { why: "it was stopped".into() }));
    mirror.take(&Msg::Dropped { what: "log batches".into(), count: 3 });
    let bound = json!({"what": "connections", "dropped": 2, "dropped_what": "turned away"});
    mirror.take(&Msg::Engine(json!({"bounds": [bound]})));
    assert_eq!(
        seen(&mirror, NOW),
        [
            "Bad the region has gone: it was stopped",
            "Warn log batches dropped: 3 here",
            "Warn connections: 2 turned away",
        ]
    );
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8, u8),
    Remove(u8, u8),
    Traffic(u8, u64),
    Resync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3_u8, 0..8_u8, 0..5_u8).prop_map(|(k, n, s)| Step::Put(k, n, s)),
        2 => (0..3_u8, 0..8_u8).prop_map(|(k, n)| Step::Remove(k, n)),
        2 => (0..8_u8, 0..4_u64).prop_map(|(n, i)| Step::Traffic(n, i)),
        1 => Just(Step::Resync),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Kept change by change, or read from the rows there are at the end: the same.
    #[test]
    fn mending_is_the_same_as_looking_anew(steps in steps()) {
        let kind = |kind: u8| ["endpoint", "training-job", "model-package"][kind as usize];
        let status = |status: u8| ["InService", "Failed", "Stopped", "InProgress", "OutOfService"][status as usize];
        let mut mirror = Mirror::default();
        for step in steps {
            match step {
                Step::Put(k, n, s) => {
                    let body = json!({"ModelApprovalStatus": if s % 2 == 0 { "PendingManualApproval" } else { "" }});
                    mirror.take(&changed(row(kind(k), &format!("N{n}"), status(s), body)));
                }
                Step::Remove(k, n) => mirror.take(&Msg::Region(vec![Line::Deleted {
                    revision: 1, at: THEN, kind: kind(k).into(), name: format!("n{n}"),
                }])),
                Step::Traffic(n, i) => mirror.take(&traffic(1.0, &format!("n{n}"), i)),
                Step::Resync => {
                    let rows: Vec<Row> = mirror.kinds.values().flat_map(crate::tui::mirror::Rows::iter)
                        .map(|(_, row)| (**row).clone()).collect();
                    let mut lines = vec![Line::Snapshot { revision: 9, rows: 0 }];
                    lines.extend(rows.into_iter().map(Line::Row));
                    lines.push(Line::Ready(9));
                    mirror.take(&Msg::Region(lines));
                }
            }
        }
        let mut anew = Attention::default();
        for (_, row) in mirror.kinds.values().flat_map(crate::tui::mirror::Rows::iter) {
            anew.row(row);
        }
        prop_assert_eq!(&mirror.attention.standing, &anew.standing);
        prop_assert_eq!(&mirror.attention.jobs, &anew.jobs);
        prop_assert_eq!(mirror.attention.quiet.len(), anew.quiet.len());
        prop_assert_eq!(mirror.attention.quiet.len(), mirror.attention.since.len());
        mirror.attention(NOW + 10 * IDLE, 5);
    }
}
