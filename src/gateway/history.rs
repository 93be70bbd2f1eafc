//! The data plane's history as JSON: what the live streams begin with, and go on with once a second.

use crate::serving::{Mark, MarkedEvent, Recent, Sample};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// One endpoint's history, by variant and by instance, with latencies as histograms.
pub(super) fn of_endpoint(recent: &Recent) -> Value {
    let (mut variants, mut instances): (Vec<Value>, Vec<Value>) = Default::default();
    for sample in &recent.samples {
        let second = with_histogram(sample);
        match &sample.instance {
            None => append(
                &mut variants,
                second,
                |track| track["variant"] == sample.variant,
                || json!({ "variant": sample.variant, "seconds": [] }),
            ),
            Some(id) => append(
                &mut instances,
                second,
                |track| track["id"] == *id,
                || json!({ "id": id, "variant": sample.variant, "seconds": [] }),
            ),
        }
    }
    json!({ "variants": variants, "instances": instances, "marks": marks(recent) })
}

/// The whole plane's, by endpoint and variant alone, with two percentiles for each second.
pub(super) fn of_plane(all: &[(String, Recent)]) -> Value {
    let endpoints = all.iter().map(|(endpoint, recent)| {
        let mut variants = Vec::new();
        for sample in recent.samples.iter().filter(|sample| sample.instance.is_none()) {
            let mut second = second(sample);
            second["p50"] = sample.p50.into();
            second["p99"] = sample.p99.into();
            append(
                &mut variants,
                second,
                |track| track["variant"] == sample.variant,
                || json!({ "variant": sample.variant, "seconds": [] }),
            );
        }
        json!({ "endpoint": endpoint, "variants": variants, "marks": marks(recent) })
    });
    endpoints.collect()
}

fn append(
    tracks: &mut Vec<Value>,
    second: Value,
    own: impl Fn(&Value) -> bool,
    new: impl FnOnce() -> Value,
) {
    let at = tracks.iter().position(own).unwrap_or_else(|| {
        tracks.push(new());
        tracks.len() - 1
    });
    if let Some(seconds) = tracks[at]["seconds"].as_array_mut() {
        seconds.push(second);
    }
}

fn second(of: &Sample) -> Value {
    json!({
        "at": of.at.as_secs_f64(),
        "span": (of.span.as_secs_f64() * 1000.0).round() / 1000.0,
        "requests": of.requests,
        "abandoned": of.abandoned,
        "errors_4xx": of.errors_4xx,
        "errors_5xx": of.errors_5xx,
    })
}

fn with_histogram(of: &Sample) -> Value {
    let mut line = second(of);
    line["histogram"] = STANDARD.encode(&of.latency).into();
    line
}

fn marks(recent: &Recent) -> Vec<Value> {
    recent.marks.iter().map(|each| mark(each)).collect()
}

fn mark(of: &Mark) -> Value {
    let mut line = match &of.event {
        MarkedEvent::Weights(shares) => {
            let shares = shares.iter().map(|(variant, share)| (variant.clone(), json!(share)));
            json!({ "mark": "weights", "shares": Value::Object(shares.collect::<Map<_, _>>()) })
        }
        MarkedEvent::InService { variant, instance } => {
            json!({ "mark": "in service", "variant": variant, "instance": instance })
        }
        MarkedEvent::OutOfService { variant, instance } => {
            json!({ "mark": "out of service", "variant": variant, "instance": instance })
        }
        MarkedEvent::Deployment { stage, traffic, old_config, new_config } => json!({
            "mark": "deployment",
            "stage": stage,
            "traffic": traffic,
            "old_config": old_config,
            "new_config": new_config,
        }),
    };
    line["at"] = of.at.as_secs_f64().into();
    line
}
