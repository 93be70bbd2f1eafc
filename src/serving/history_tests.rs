use super::*;
use crate::domain::arn::Place;
use crate::domain::time::ManualClock;
use crate::engine::Address;
use crate::serving::recorder::Outcome;
use crate::serving::{EndpointTable, InstanceTarget, Plane, VariantTable};
use hdrhistogram::serialization::Deserializer;

fn plane() -> (Plane, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000)));
    (Plane::with_clock(Place::default(), 1, clock.clone()), clock)
}

fn publish(plane: &Plane, weights: &[(&str, f64)]) -> Arc<Endpoint> {
    let variants = weights.iter().map(|(name, weight)| {
        let target = InstanceTarget {
            id: format!("i-{name}"),
            address: Address::Unix("/nowhere".into()),
            log_stream_arn: String::new(),
        };
        VariantTable::new(name, *weight, vec![target])
    });
    let _ = plane.publish(EndpointTable { name: "E".into(), variants: variants.collect() });
    plane.endpoint("E").unwrap()
}

/// An invocation of the variant's instance that ends at once.
fn invoke(endpoint: &Endpoint, variant: usize, status: u16, model_micros: u64) {
    endpoint.next_draw();
    let outcome = Outcome { status, model_micros, overhead_micros: 1 };
    endpoint.variants[variant].recorders.record(outcome);
    endpoint.variants[variant].instances[0].interval.record(outcome);
}

fn second(plane: &Plane, clock: &ManualClock) {
    clock.advance(Duration::from_secs(1));
    plane.sample();
}

#[test]
fn a_second_has_what_ended_in_it_by_variant_and_instance() {
    let (plane, clock) = plane();
    let endpoint = publish(&plane, &[("a", 1.0), ("b", 1.0)]);
    invoke(&endpoint, 0, 200, 1_000);
    invoke(&endpoint, 0, 500, 3_000);
    second(&plane, &clock);
    second(&plane, &clock);
    invoke(&endpoint, 1, 404, 5);
    second(&plane, &clock);
    let recent = plane.recent_of(&endpoint, &mut Cursor::default());
    let told: Vec<_> = recent
        .samples
        .iter()
        .map(|s| (s.at.as_millis(), s.instance.as_deref(), s.requests, s.errors_4xx, s.errors_5xx))
        .collect();
    // The second without requests is left out.
    assert_eq!(
        told,
        [
            (2_000, None, 2, 0, 1),
            (2_000, Some("i-a"), 2, 0, 1),
            (4_000, None, 1, 1, 0),
            (4_000, Some("i-b"), 1, 1, 0)
        ]
    );
    let mut bytes = &recent.samples[0].latency[..];
    let read: Histogram<u64> = Deserializer::new().deserialize(&mut bytes).unwrap();
    assert_eq!((read.len(), read.min(), read.max()), (2, 1_000, 3_007));
}

#[test]
fn a_reader_is_told_everything_once() {
    let (plane, clock) = plane();
    let endpoint = publish(&plane, &[("a", 1.0)]);
    let mut cursor = Cursor::default();
    for _ in 0..3 {
        invoke(&endpoint, 0, 200, 10);
        second(&plane, &clock);
        assert_eq!(plane.recent_of(&endpoint, &mut cursor).samples.len(), 2);
        assert!(plane.recent_of(&endpoint, &mut cursor).samples.is_empty());
    }
    assert_eq!(plane.recent_of(&endpoint, &mut Cursor::default()).samples.len(), 6);
    let whole = plane.recent(&mut Cursor::default());
    assert_eq!((whole.len(), whole[0].0.as_str(), whole[0].1.samples.len()), (1, "E", 6));
}

#[test]
fn five_minutes_are_kept() {
    let (plane, clock) = plane();
    let endpoint = publish(&plane, &[("a", 1.0)]);
    for _ in 0..SECONDS + 20 {
        invoke(&endpoint, 0, 200, 10);
        second(&plane, &clock);
    }
    let recent = plane.recent_of(&endpoint, &mut Cursor::default());
    assert_eq!(recent.samples.len(), 2 * SECONDS as usize);
    assert!(recent.marks.is_empty(), "marks age too");
    for _ in 0..SECONDS {
        second(&plane, &clock);
    }
    assert_eq!(plane.history_weight(), (0, 0));
}

#[test]
fn too_many_bytes_cost_the_oldest_seconds_and_are_counted() {
    let history = History::default();
    let mut kept = history.lock();
    for number in 1..=10 {
        kept.number = number;
        kept.keep(vec![Arc::new(Sample {
            flow: 1,
            at: Timestamp::default(),
            span: Duration::ZERO,
            variant: "a".into(),
            instance: None,
            requests: 1,
            abandoned: 0,
            errors_4xx: 0,
            errors_5xx: 0,
            p50: 0,
            p99: 0,
            latency: vec![0; BYTES / 4].into(),
        })]);
        kept.forget(Timestamp::default());
        assert!(kept.bytes <= BYTES);
    }
    assert_eq!((kept.seconds.len(), kept.dropped), (3, 7));
    assert_eq!(kept.seconds.back().unwrap().number, 10);
}

#[test]
fn a_request_that_ends_on_a_retired_instance_is_in_the_history() {
    let (plane, clock) = plane();
    let old = publish(&plane, &[("a", 1.0)]);
    old.next_draw();
    let flight = old.variants[0].instances[0].enter().unwrap();
    second(&plane, &clock);
    let target = InstanceTarget {
        id: "i-new".into(),
        address: Address::Unix("/nowhere".into()),
        log_stream_arn: String::new(),
    };
    let variants = vec![VariantTable::new("a", 1.0, vec![target])];
    let _ = plane.publish(EndpointTable { name: "E".into(), variants });
    second(&plane, &clock);
    second(&plane, &clock);
    let outcome = Outcome { status: 200, model_micros: 7, overhead_micros: 1 };
    old.variants[0].recorders.record(outcome);
    flight.instance.interval.record(outcome);
    drop(flight);
    second(&plane, &clock);
    let endpoint = plane.endpoint("E").unwrap();
    let recent = plane.recent_of(&endpoint, &mut Cursor::default());
    let told: Vec<_> = recent.samples.iter().map(|s| (s.instance.as_deref(), s.requests)).collect();
    assert_eq!(told, [(None, 1), (Some("i-a"), 1)]);
    assert!(history_is_free(&plane));
}

fn history_is_free(plane: &Plane) -> bool {
    plane.sample();
    plane.sample();
    plane.history().lock().tracked.is_empty()
}

#[test]
fn what_changes_the_traffic_leaves_marks_and_counts_from_there() {
    let (plane, clock) = plane();
    let first = publish(&plane, &[("a", 1.0)]);
    invoke(&first, 0, 200, 1);
    clock.advance(Duration::from_secs(5));
    let second = publish(&plane, &[("a", 3.0), ("b", 1.0)]);
    invoke(&second, 0, 200, 1);
    invoke(&second, 1, 200, 1);
    clock.advance(Duration::from_secs(5));
    // Other weights, the same shares: no shift.
    let third = publish(&plane, &[("a", 6.0), ("b", 2.0)]);
    assert_eq!(third.weights_changed(), Timestamp::from_millis(6_000));
    let since: Vec<u64> =
        third.statistics().iter().map(|of| of.invocations - of.before_shift).collect();
    assert_eq!(since, [1, 1]);
    let marks: Vec<_> = plane
        .recent_of(&third, &mut Cursor::default())
        .marks
        .iter()
        .map(|mark| (mark.at.as_millis(), mark.event.clone()))
        .collect();
    let weights = |shares: &[(&str, f64)]| {
        MarkedEvent::Weights(shares.iter().map(|(n, s)| ((*n).to_owned(), *s)).collect())
    };
    let into = |name: &str| MarkedEvent::InService {
        variant: name.to_owned(),
        instance: format!("i-{name}"),
    };
    assert_eq!(
        marks,
        [
            (1_000, weights(&[("a", 1.0)])),
            (1_000, into("a")),
            (6_000, weights(&[("a", 0.75), ("b", 0.25)])),
            (6_000, into("b")),
        ]
    );
}
