use super::*;
use crate::tui::msg::Msg;
use crate::tui::testing::Traffic as Requests;
use serde_json::json;

fn take(live: &mut Live, msg: &Msg) {
    match msg {
        Msg::Endpoint { name, line } => live.endpoint(name, line, None),
        Msg::Traffic(line) => live.traffic(line),
        _ => panic!("{msg:?}"),
    }
}

/// So many lines a tenth of a second apart.
fn run(live: &mut Live, requests: &mut Requests, lines: u32) {
    (0..lines).for_each(|_| take(live, &requests.live(0.1)));
}

fn near(a: f64, b: f64, by: f64) -> bool {
    (a - b).abs() <= by
}

#[test]
fn rates_shares_and_latencies_of_the_last_minute() {
    let (mut live, mut requests) = (Live::default(), Requests::iris());
    run(&mut live, &mut requests, 100);
    let now = requests.at;
    let watched = live.watched("IRIS-live").unwrap();
    let blue = watched.variant("blue").unwrap();
    assert!(near(blue.pace.rates(now).requests, 90.0, 0.5), "{:?}", blue.pace.rates(now));
    let observed = watched.observed(5.0).unwrap();
    assert!(near(observed[0], 0.9, 0.02), "{observed:?}");
    // All but the first line, whose time before is unknown.
    assert_eq!(blue.latency().len(), 99 * 9);
    assert!(near(blue.latency().quantile(0.5).unwrap() as f64, 1_820.0, 150.0));
    assert_eq!(blue.since_base().0.invocations, 900);
    assert!(near(blue.p50.last().unwrap().1, 1_820.0, 400.0));
    assert!(near(blue.rate.last().unwrap().1, 90.0, 1.0));
    assert!((9..=10).contains(&blue.seconds()), "{}", blue.seconds());
    assert!(near(live.rates("iris-live", (now * 1000.0) as i64).unwrap().requests, 100.0, 1.0));
}

#[test]
fn the_window_forgets_and_the_whole_does_not() {
    let (mut live, mut requests) = (Live::default(), Requests::iris());
    for _ in 0..400 {
        take(&mut live, &requests.live(1.0));
    }
    let blue = &live.watched("iris-live").unwrap().variants[0];
    assert!((59..=61).contains(&(blue.latency().len() / 90)), "{}", blue.latency().len());
    assert_eq!(blue.since_base().0.invocations, 400 * 90);
    assert!(blue.seconds() <= KEPT as usize);
    requests.arm("blue").rate = 0.0;
    for _ in 0..61 {
        take(&mut live, &requests.live(1.0));
    }
    let watched = live.watched("iris-live").unwrap();
    assert!(watched.variants[0].latency().is_empty());
    assert!(near(watched.observed(30.0).unwrap()[1], 1.0, 1e-9));
}

#[test]
fn a_region_that_began_again_shows_no_leap() {
    let (mut live, mut requests) = (Live::default(), Requests::iris());
    run(&mut live, &mut requests, 50);
    let mut again = Requests::iris();
    again.at = requests.at + 1.0;
    run(&mut live, &mut again, 20);
    let blue = &live.watched("iris-live").unwrap().variants[0];
    assert_eq!(blue.counters.invocations, 180);
    assert_eq!(blue.since_base().0.invocations, 180);
    assert!(blue.pace.rates(again.at).requests <= 91.0);
    assert!(blue.latency().len() <= 180);
}

#[test]
fn what_came_during_a_silence_belongs_to_no_second() {
    let (mut live, mut requests) = (Live::default(), Requests::iris());
    run(&mut live, &mut requests, 20);
    take(&mut live, &requests.live(30.0));
    run(&mut live, &mut requests, 20);
    let blue = &live.watched("iris-live").unwrap().variants[0];
    assert_eq!(blue.since_base().0.invocations, 90 * 34);
    assert!(blue.latency().len() <= 90 * 4 + 9, "{}", blue.latency().len());
    let fastest = (0..blue.rate.len()).filter_map(|n| blue.rate.point(n)).map(|(_, y)| y);
    assert!(fastest.fold(0.0, f64::max) < 100.0);
}

#[test]
fn a_verdict_counts_from_the_present_configuration() {
    let (mut live, mut requests) = (Live::default(), Requests::iris());
    run(&mut live, &mut requests, 30);
    requests.more = json!({"config": "iris-2"});
    run(&mut live, &mut requests, 10);
    let blue = &live.watched("iris-live").unwrap().variants[0];
    assert_eq!(blue.since_base().0.invocations, 9 * 9);
    assert_eq!(blue.since_base().1.len(), 9 * 9);
    // Watched for the first time after a deployment: what it left behind is not known.
    let (mut live, mut requests) = (Live::default(), Requests::iris());
    requests.more =
        json!({"last_deployment": {"stage": "Completed", "ended": 1.0, "routing": null}});
    run(&mut live, &mut requests, 10);
    assert_eq!(live.watched("iris-live").unwrap().variants[0].since_base().0.invocations, 81);
}

#[test]
fn unknown_members_are_passed_over_and_nonsense_is_counted() {
    let mut live = Live::default();
    live.endpoint("a", &json!({"endpoint": "a", "at": 5.0, "novelty": [1], "variants": [
        {"variant": "v", "invocations": 3, "colour": "blue", "model_latency": {"histogram": "~"}},
    ]}), None);
    let watched = live.watched("a").unwrap();
    assert_eq!(watched.variants[0].counters.invocations, 3);
    assert!(watched.variants[0].latency().is_empty());
    live.endpoint("a", &json!({"endpoint": 7}), None);
    live.traffic(&json!({"endpoints": "all"}));
    assert_eq!(live.unreadable, 2);
    live.endpoint("a", &json!({"ended": "endpoint a is gone"}), None);
    assert_eq!(live.watched("a").unwrap().ended.as_deref(), Some("endpoint a is gone"));
    live.endpoint("b", &json!({"heartbeat": true}), None);
    assert!(live.watched("b").is_none());
}

#[test]
fn deployments_and_instances_are_read_whole() {
    let (mut live, mut requests) = (Live::default(), Requests::iris());
    requests.more = json!({"deployment": {
        "policy": "BLUE_GREEN", "routing": "CANARY", "stage": "Baking", "since": 1.0, "until": 9.0,
        "began": 0.5, "ended": null, "traffic": 0.1, "shift": 1, "shifts": 2,
        "old_config": "iris-1", "new_config": "iris-2", "rollback_reason": null,
    }});
    take(&mut live, &requests.live(1.0));
    assert_eq!(live.unreadable, 0);
    let watched = live.watched("iris-live").unwrap();
    let deployment = watched.deployment.as_ref().unwrap();
    assert_eq!((deployment.stage.as_str(), deployment.until), ("Baking", Some(9.0)));
    assert_eq!(watched.variants[0].instances[0].pings.len(), 12);
}

#[test]
fn only_a_few_endpoints_are_kept_in_detail() {
    let mut live = Live::default();
    for name in ["a", "b", "c", "d", "a", "e"] {
        live.endpoint(name, &json!({"endpoint": name, "at": 1.0}), None);
    }
    assert!(live.watched("b").is_none());
    assert!(["a", "c", "d", "e"].iter().all(|name| live.watched(name).is_some()));
}

#[test]
fn what_came_while_nobody_listened_has_no_rate() {
    let mut live = Live::default();
    let traffic = |at: f64, whole: bool, sum: u64| {
        json!({"at": at, "whole": whole, "endpoints": [
            {"endpoint": "e", "variants": [{"variant": "v", "invocations": sum}]}]})
    };
    live.traffic(&traffic(0.0, true, 0));
    live.traffic(&traffic(1.0, false, 100));
    // Another screen was looked at for a minute.
    live.traffic(&traffic(61.0, true, 6_100));
    assert_eq!(live.rates("e", 61_000).unwrap().requests, 0.0);
    live.traffic(&traffic(62.0, false, 6_200));
    assert!(near(live.rates("e", 62_000).unwrap().requests, 100.0, 0.01));
    // The same of an endpoint's own stream.
    let line = |at: f64, sum: u64| json!({"endpoint": "e", "at": at, "variants": [{"variant": "v", "invocations": sum}]});
    for (at, sum) in [(70.0, 7_000), (71.0, 7_100), (131.0, 13_100)] {
        live.endpoint("e", &line(at, sum), None);
    }
    assert_eq!(live.rates("e", 131_000).unwrap().requests, 0.0);
}

#[test]
fn ten_thousand_endpoints_have_a_rate_each() {
    let mut live = Live::default();
    let line = |at: f64, sum: u64| {
        let endpoints: Vec<Value> = (0..10_000)
            .map(|n| {
                json!({"endpoint": format!("E-{n}"), "variants": [
                    {"variant": "v", "share": 1.0, "invocations": sum, "errors_5xx": sum / 10},
                ]})
            })
            .collect();
        json!({"at": at, "endpoints": endpoints})
    };
    for half in 0..8 {
        live.traffic(&line(f64::from(half) / 2.0, half as u64 * 5));
    }
    assert!(near(live.traffic.total(3.5).requests, 100_000.0, 1.0));
    let rates = live.rates("e-77", 3_500).unwrap();
    assert!(near(rates.requests, 10.0, 0.01), "{rates:?}");
    assert!(rates.errors() > 0.5);
    live.retain(|name| name == "e-77");
    assert!(live.rates("e-78", 3_500).is_none());
    assert!(live.rates("E-77", 3_500).is_some());
}

/// A second of the region's history.
fn second(requests: &mut Requests, seconds: f64) -> serde_json::Value {
    let Msg::Endpoint { line, .. } = requests.live(seconds) else { panic!() };
    line
}

#[test]
fn the_first_line_brings_the_minutes_before_anybody_looked() {
    let mut live = Live::default();
    let mut requests = Requests::iris();
    requests.at -= 200.0;
    let mut line = second(&mut requests, 200.0);
    let now = requests.at;
    let histogram = line["variants"][0]["model_latency"]["histogram"].clone();
    let past = |rate: u64| -> Vec<serde_json::Value> {
        // Traffic began 120 s ago; the split changed 30 s ago.
        (0..120)
            .map(|n| {
                json!({"at": now - f64::from(119 - n), "span": 1.0, "requests": rate,
                "errors_4xx": 0, "errors_5xx": 1, "histogram": histogram})
            })
            .collect()
    };
    line["history"] = json!({"variants": [{"variant": "blue", "seconds": past(90)},
        {"variant": "green", "seconds": past(10)}], "instances": [], "marks": []});
    line["weights_changed"] = json!(now - 30.0);
    line["variants"][0]["invocations_since_shift"] = json!(1_500);
    line["variants"][1]["invocations_since_shift"] = json!(1_500);
    live.endpoint("iris-live", &line, None);
    let watched = live.watched("iris-live").unwrap();
    let blue = watched.variant("blue").unwrap();
    assert!((59 * 90..=61 * 90).contains(&blue.lately(60.0).invocations));
    assert_eq!(blue.seconds(), 120);
    assert!(!blue.latency().is_empty());
    let (counters, latency) = blue.since_base();
    assert_eq!(counters.invocations, 30 * 90, "counted from the last change of the split");
    assert!(!latency.is_empty());
    assert!(near(blue.base_at().unwrap(), now - 30.0, 1e-6));
    assert_eq!(watched.observed(60.0), Some(vec![0.5, 0.5]), "of the present split alone");
    assert!(blue.rate.point(0).unwrap().1 < 1.0, "before that there was none");
    // Ten seconds on, a shift: shares and verdict begin again, the minutes stay.
    line["at"] = json!(now + 10.0);
    line["weights_changed"] = json!(now + 9.9);
    line["history"] = json!({"variants": [], "instances": [], "marks": []});
    line["variants"][0]["invocations_since_shift"] = json!(0);
    line["variants"][1]["invocations_since_shift"] = json!(3);
    for at in [10.0, 10.3] {
        line["at"] = json!(now + at);
        live.endpoint("iris-live", &line, None);
    }
    let watched = live.watched("iris-live").unwrap();
    assert_eq!(watched.observed(60.0), Some(vec![0.0, 1.0]));
    assert_eq!(watched.variant("blue").unwrap().since_base().0.invocations, 0);
}

#[test]
fn the_list_has_the_latency_of_the_last_second_and_of_no_older_one() {
    let mut live = Live::default();
    let line = |at: f64, seconds: serde_json::Value| {
        json!({"at": at, "whole": true,
            "endpoints": [{"endpoint": "A", "variants": [{"variant": "v", "invocations": 10}]}],
            "history": [{"endpoint": "A", "variants": [{"variant": "v", "seconds": seconds}],
                "marks": [{"at": at - 9.0, "mark": "weights", "shares": {"v": 1.0}}]}]})
    };
    let seconds = json!([{"at": 99.0, "span": 1.0, "requests": 5, "p50": 300, "p99": 900}]);
    live.traffic(&line(100.0, seconds));
    assert_eq!(live.unreadable, 0);
    assert_eq!(live.traffic.latency("a", 100.0), Some((300.0, 900.0)));
    assert_eq!(live.traffic.latency("a", 104.0), None, "it is no longer of the present");
    let happened: Vec<_> = live.traffic.happened().into_iter().map(|(_, mark)| mark).collect();
    assert_eq!(happened.len(), 2);
    assert!(happened.contains(&Mark { at: 99.0, what: Happening::Begins }));
}
