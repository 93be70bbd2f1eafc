//! What `/_sagebrush/` tells of a region as a whole: traffic, cost, engine, buckets.

use crate::gate::{Gate, Raw};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use sagebrush::client::{Client, Lines};
use sagebrush::domain::kind;
use sagebrush::domain::time::Timestamp;
use sagebrush::engine::Address;
use sagebrush::gateway::Limits;
use sagebrush::serving::{
    EndpointTable, InstanceTarget, Invocation, Plane, Pulse, VariantTable, forward,
};
use sagebrush::store::objects::{About, Condition, Deletion, Object};
use sagebrush::store::{Change, Row, StoreError};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn client(gate: &Gate) -> Client {
    let credentials = sagebrush::api::signing::Credentials {
        access_key: gate.credentials.access_key.clone(),
        secret_key: gate.credentials.secret_key.clone(),
        session_token: None,
    };
    Client::new(gate.address, credentials, "us-east-1")
}

fn publish(plane: &Plane, name: &str, weights: &[f64]) {
    let variants = weights.iter().zip(["a", "b"]).map(|(weight, variant)| {
        let target = InstanceTarget {
            id: format!("{name}-{variant}"),
            address: Address::Unix("/nowhere".into()),
            log_stream_arn: String::new(),
        };
        VariantTable::new(variant, *weight, vec![target])
    });
    let variants = variants.collect();
    let _ = plane.publish(EndpointTable { name: name.into(), variants });
}

/// Nothing listens, so that it fails: an invocation and a 5xx.
async fn invoke(plane: &Plane, name: &str, variant: &str) {
    let invocation = Invocation {
        endpoint: name.into(),
        target_variant: Some(variant.into()),
        headers: http::HeaderMap::new(),
        body: Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync(),
        response_stream: false,
        received: Instant::now(),
    };
    assert!(forward(plane, invocation).await.is_err());
}

#[test]
fn traffic_is_told_of_those_that_have_some() {
    let limits = Limits { heartbeat: Duration::from_millis(10), ..Limits::default() };
    let gate = Gate::start(limits);
    let plane = gate.region.plane();
    publish(plane, "Busy", &[3.0, 1.0]);
    publish(plane, "idle", &[1.0]);
    gate.runtime.block_on(async {
        invoke(plane, "Busy", "a").await;
        let mut lines = client(&gate).follow_traffic().await.unwrap();
        let first = lines.next().await.unwrap().unwrap();
        let variant = |name: &str, share: f64, invocations: u64| {
            json!({"variant": name, "share": share, "in_flight": 0, "invocations": invocations,
                "errors_4xx": 0, "errors_5xx": invocations})
        };
        let busy = |a, b| {
            json!([{"endpoint": "Busy", "variants": [variant("a", 0.75, a), variant("b", 0.25, b)]}])
        };
        assert_eq!((&first["endpoints"], &first["whole"]), (&busy(1, 0), &true.into()));
        // Nothing has happened: nothing is said of it, but that a second has become history.
        let next = loop {
            let line = lines.next().await.unwrap().unwrap();
            if line["history"].is_null() {
                break line;
            }
            assert_eq!(line["endpoints"], json!([]));
        };
        assert_eq!(next, json!({"heartbeat": true}));
        invoke(plane, "Busy", "b").await;
        let told = news(&mut lines).await;
        assert_eq!((&told["endpoints"], &told["whole"]), (&busy(1, 1), &false.into()));
        publish(plane, "idle", &[1.0, 1.0]);
        let told = news(&mut lines).await;
        assert_eq!(told["endpoints"][0]["endpoint"], "idle");
        assert_eq!(told["endpoints"][0]["variants"][1]["share"], 0.5);
        // One that comes is told of, one that goes is not.
        let _ = plane.withdraw("idle");
        publish(plane, "new", &[1.0]);
        let told = news(&mut lines).await;
        assert_eq!(told["endpoints"].as_array().unwrap().len(), 1);
        assert_eq!(told["endpoints"][0]["endpoint"], "new");
    });
}

/// Who attaches later sees the seconds in which nobody looked.
#[test]
fn live_streams_begin_with_the_last_minutes() {
    let gate = Gate::start(Limits::default());
    fill(&gate, |change| change.insert(endpoint("demo", change.now(), "ml.m5.large", 0)));
    let plane = gate.region.plane();
    publish(plane, "demo", &[3.0, 1.0]);
    gate.runtime.block_on(async {
        invoke(plane, "demo", "b").await;
        plane.sample();
        let mut lines = client(&gate).follow_endpoint("demo").await.unwrap();
        let first = lines.next().await.unwrap().unwrap();
        let history = &first["history"];
        let second = &history["variants"][0]["seconds"][0];
        assert_eq!(
            (&history["variants"][0]["variant"], &second["requests"]),
            (&json!("b"), &json!(1))
        );
        assert_eq!((&second["errors_5xx"], second["histogram"].is_string()), (&json!(1), true));
        assert_eq!(history["marks"][0]["shares"], json!({"a": 0.75, "b": 0.25}));
        assert_eq!(history["marks"][0]["at"], first["weights_changed"]);
        assert_eq!(first["variants"][1]["invocations_since_shift"], 1);
        publish(plane, "demo", &[1.0, 1.0]);
        let marks = loop {
            let line = lines.next().await.unwrap().unwrap();
            if line["history"]["marks"].as_array().is_some_and(|marks| !marks.is_empty()) {
                assert_eq!(line["variants"][1]["invocations_since_shift"], 0);
                break line["history"]["marks"].clone();
            }
        };
        assert_eq!((&marks[0]["mark"], &marks[0]["shares"]["a"]), (&json!("weights"), &json!(0.5)));
        let whole = client(&gate).follow_traffic().await.unwrap().next().await.unwrap().unwrap();
        let variant = &whole["history"][0]["variants"][0];
        assert_eq!(
            (&variant["variant"], &variant["seconds"][0]["requests"]),
            (&json!("b"), &json!(1))
        );
        assert!(variant["seconds"][0]["p99"].is_u64());
    });
}

async fn news(lines: &mut Lines) -> Value {
    loop {
        let line = lines.next().await.unwrap().unwrap();
        if line["endpoints"].as_array().is_some_and(|told| !told.is_empty()) {
            return line;
        }
    }
}

#[test]
fn ten_thousand_endpoints_at_rest_cost_next_to_nothing() {
    let plane = Plane::new(Default::default(), 1);
    for number in 0..10_000 {
        publish(&plane, &format!("e{number}"), &[1.0]);
    }
    let mut pulse = Pulse::default();
    assert!(pulse.beat(&plane).is_empty());
    let begun = Instant::now();
    for _ in 0..100 {
        assert!(pulse.beat(&plane).is_empty());
    }
    println!(
        "a look at {} endpoints at rest: {:?}",
        plane.endpoints().len(),
        begun.elapsed() / 100
    );
    publish(&plane, "e1", &[1.0, 1.0]);
    assert_eq!(pulse.beat(&plane).len(), 1);
    assert!(pulse.beat(&plane).is_empty());
}

fn fill(
    gate: &Gate,
    make: impl FnOnce(&mut Change<'_>) -> Result<(), StoreError> + Send + 'static,
) {
    gate.runtime.block_on(gate.region.store().write(make)).unwrap();
}

/// An endpoint's row as the region writes it; nothing serves, for its status is Failed.
fn endpoint(name: &str, now: Timestamp, instance_type: &str, running: u32) -> Row {
    let body = json!({"EndpointName": name, "EndpointConfigName": "c"});
    let mut row = Row::new(kind::ENDPOINT, name, now, body);
    row.status = "Failed".into();
    row.private = json!({"fleet": null, "pending": null, "ledger": {
        "settled": {instance_type: 7_200_000}, "running": {instance_type: running},
        "since": (running > 0).then_some(now)}});
    row
}

#[test]
fn the_cost_says_what_runs_what_is_known_and_what_is_not() {
    let gate = Gate::start(Limits::default());
    fill(&gate, |change| {
        let now = change.now();
        change.insert(endpoint("known", now, "ml.m5.large", 2))?;
        change.insert(endpoint("unknown", now, "ml.dream.large", 1))?;
        change.insert(endpoint("rests", now, "ml.m5.large", 0))
    });
    let cost = gate.get("/_sagebrush/cost").json();
    let price = gate.region.instances().get("ml.m5.large").unwrap().hosting.as_ref().unwrap();
    let hour = |count: u32| price.cost(Duration::from_secs(3600), count).to_string();
    assert_eq!(cost["RunningPerHour"], json!({"known": hour(2), "unpriced": 1}));
    assert_eq!((&cost["Running"], &cost["Currency"]), (&json!(2), &json!("USD")));
    assert_eq!(cost["Total"]["unpriced"], 1);
    let of = |name: &str| {
        let all = cost["Endpoints"].as_array().unwrap();
        all.iter().find(|each| each["Name"] == name).unwrap().clone()
    };
    assert_eq!(of("rests")["Total"], json!({"known": hour(2), "unpriced": 0}));
    let line = &of("known")["Lines"][0];
    assert_eq!((&line["Running"], &line["Price"]["PerHourInUSD"]), (&json!(2), &json!(hour(1))));
    assert!(line["InstanceSeconds"].as_f64().unwrap() >= 7200.0);
    assert_eq!(of("unknown")["Lines"][0]["CostInUSD"], Value::Null);
    assert_eq!(cost["Prices"][0]["Date"], line["Price"]["Date"]);
    // Only what has changed is read again.
    fill(&gate, |change| {
        let now = change.now();
        change.update(&endpoint("known", now, "ml.m5.large", 0))?;
        change.delete(kind::ENDPOINT, "unknown")?;
        change.insert(endpoint("more", now, "ml.m5.large", 1))
    });
    let cost = gate.get("/_sagebrush/cost?lines=0").json();
    assert_eq!(cost["RunningPerHour"], json!({"known": hour(1), "unpriced": 0}));
    assert!(cost.get("Endpoints").is_none() && cost.get("TrainingJobs").is_none());
    gate.post("/_sagebrush/reset");
    let cost = gate.get("/_sagebrush/cost").json();
    assert_eq!((&cost["Total"]["known"], &cost["Endpoints"]), (&json!("0.00"), &json!([])));
}

#[test]
fn the_cost_of_ten_thousand_endpoints_is_told_quickly() {
    let gate = Gate::start(Limits::default());
    fill(&gate, |change| {
        let now = change.now();
        (0..10_000).try_for_each(|number| {
            change.insert(endpoint(&format!("e{number}"), now, "ml.m5.large", 1))
        })
    });
    for what in ["at first", "again", "once more"] {
        let begun = Instant::now();
        let answer = gate.get("/_sagebrush/cost");
        println!("cost {what}: {:?}, {} bytes", begun.elapsed(), answer.body.len());
        assert_eq!(answer.json()["Endpoints"].as_array().unwrap().len(), 10_000);
    }
    let begun = Instant::now();
    let answer = gate.get("/_sagebrush/cost?lines=0");
    println!("cost without lines: {:?}, {} bytes", begun.elapsed(), answer.body.len());
    assert_eq!(answer.json()["Running"], 10_000);
}

#[test]
fn the_engine_says_what_it_is() {
    let gate = Gate::start(Limits { watchers: 1, ..Limits::default() });
    let mut raw = gate.connect();
    raw.write(&format!("GET /_sagebrush/watch HTTP/1.1\r\nHost: {}\r\n\r\n", gate.address));
    assert_eq!(raw.head().unwrap().0, 200);
    assert_eq!(gate.get("/_sagebrush/live").status, 503);
    let engine = gate.get("/_sagebrush/engine").json();
    assert_eq!(engine["engine"]["name"], "none");
    assert!(engine["engine"]["limits"].as_str().unwrap().contains("none"));
    assert!(engine["machine"]["cores"].as_f64().unwrap() >= 1.0);
    assert!(engine["machine"]["memory_mib"].as_u64().unwrap() > 100);
    assert_eq!(
        (&engine["admission"]["running"], &engine["admission"]["waiting"]),
        (&json!(0), &json!(0))
    );
    let bound = |what: &str| {
        let all = engine["bounds"].as_array().unwrap();
        all.iter().find(|each| each["what"] == what).unwrap().clone()
    };
    assert_eq!(
        bound("streams"),
        json!({"what": "streams", "now": 1, "most": 1, "dropped": 1, "dropped_what": "refused"})
    );
    assert!(bound("connections")["now"].as_u64().unwrap() >= 2);
    assert!(engine["store"]["database_bytes"].as_u64().unwrap() > 0);
    assert_eq!(engine["store"]["durability"], "process");
    assert_eq!((&engine["seed"], &engine["pace"]), (&json!(1), &json!(1.0)));
}

/// Reads a watch stream's lines of buckets.
struct Buckets {
    lines: Lines,
}

impl Buckets {
    async fn next(&mut self) -> Value {
        loop {
            let line = self.lines.next().await.unwrap().expect("the stream ended");
            if line["kind"] == "bucket" {
                return line;
            }
        }
    }

    async fn until(&mut self, objects: u64, bytes: u64) -> (Value, usize) {
        for count in 1.. {
            let line = self.next().await;
            if line["body"]["Objects"] == objects && line["body"]["Bytes"] == bytes {
                return (line, count);
            }
        }
        unreachable!()
    }
}

#[test]
fn buckets_are_seen_to_appear_and_to_grow() {
    let gate = Gate::start(Limits::default());
    let client = client(&gate);
    let objects = gate.region.store().objects();
    gate.runtime.block_on(async {
        objects.create_bucket("first").await.unwrap();
        objects.put_bytes("first", "a", b"12345", About::default()).await.unwrap();
        let lines = client.follow_region(None, true).await.unwrap();
        let mut buckets = Buckets { lines };
        let (row, _) = buckets.until(1, 5).await;
        assert_eq!((&row["name"], &row["arn"]), (&json!("first"), &json!("arn:aws:s3:::first")));
        objects.create_bucket("second").await.unwrap();
        let line = loop {
            let line = buckets.next().await;
            if line["name"] == "second" {
                break line;
            }
        };
        assert_eq!((&line["change"], &line["body"]["Objects"]), (&json!("created"), &json!(0)));
        let begun = Instant::now();
        for number in 0..200 {
            let key = format!("k{number}");
            objects.put_bytes("second", &key, b"xy", About::default()).await.unwrap();
        }
        // An object that is replaced, and one that is copied.
        objects.put_bytes("second", "k0", b"four", About::default()).await.unwrap();
        let same = |object: &Object| Ok(object.about.clone());
        let copy = (("second", "k0"), ("second", "copy"));
        objects.copy(copy.0, copy.1, Condition::Always, same).await.unwrap();
        let (line, told) = buckets.until(201, 406).await;
        assert_eq!(line["change"], "updated");
        let most = begun.elapsed().as_millis() / 250 + 3;
        assert!(told as u128 <= most, "{told} lines of one bucket in {:?}", begun.elapsed());
        let revision = line["revision"].as_u64().unwrap();
        // Who went away for a while is told what has changed since.
        let keys: Vec<String> = (0..200).map(|number| format!("k{number}")).collect();
        objects.delete("second", keys.into_iter().map(Deletion::of).collect()).await.unwrap();
        objects.delete("second", vec![Deletion::of("copy")]).await.unwrap();
        objects.delete_bucket("second").await.unwrap();
        let lines = client.follow_region(Some(revision), true).await.unwrap();
        let mut later = Buckets { lines };
        let mut line = later.next().await;
        while line["change"] != "deleted" {
            line = later.next().await;
        }
        assert_eq!(line["name"], "second");
        assert!(line.get("body").is_none());
    });
    let snapshot = gate.connect();
    let kinds = kinds_of_a_snapshot(snapshot, &gate);
    assert_eq!(kinds.iter().filter(|kind| *kind == "bucket").count(), 1);
}

fn kinds_of_a_snapshot(mut raw: Raw, gate: &Gate) -> Vec<String> {
    raw.write(&format!("GET /_sagebrush/watch HTTP/1.1\r\nHost: {}\r\n\r\n", gate.address));
    assert_eq!(raw.head().unwrap().0, 200);
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("{\"ready\"") {
        text.extend(raw.chunk().unwrap());
    }
    let text = String::from_utf8(text).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter_map(|line| Some(line["kind"].as_str()?.to_owned())).collect()
}

/// A front end that is started over a full region waits for this.
#[test]
fn ten_thousand_rows_with_bodies_reach_our_client_quickly() {
    let gate = Gate::start(Limits::default());
    fill(&gate, |change| {
        let now = change.now();
        (0..10_000).try_for_each(|number| {
            let mut row = endpoint(&format!("e{number}"), now, "ml.m5.large", 0);
            row.body["ProductionVariants"] = json!([{"VariantName": "main", "CurrentWeight": 1.0,
                "DesiredWeight": 1.0, "CurrentInstanceCount": 1, "DesiredInstanceCount": 1,
                "DeployedImages": [{"SpecifiedImage": "image", "ResolvedImage": "image"}]}]);
            change.insert(row)
        })
    });
    let client = client(&gate);
    for _ in 0..5 {
        let begun = Instant::now();
        let rows = gate.runtime.block_on(async {
            let mut lines = client.follow_region(None, true).await.unwrap();
            let mut rows = 0;
            loop {
                let line = lines.next().await.unwrap().unwrap();
                rows += usize::from(line["kind"] == "endpoint");
                if line.get("ready").is_some() {
                    return rows;
                }
            }
        });
        println!("10,000 rows with bodies: {:?}", begun.elapsed());
        assert_eq!(rows, 10_000);
    }
}
