//! Requests that an endpoint could have had: drawn latencies in real histograms, told as the region
//! tells them.

use crate::domain::histogram;
use crate::domain::seed::Seed;
use crate::tui::msg::Msg;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2Serializer};
use serde_json::{Value, json};

/// One variant and what it has answered so far.
pub(crate) struct Arm {
    pub(crate) name: &'static str,
    pub(crate) share: f64,
    /// Requests a second.
    pub(crate) rate: f64,
    /// Microseconds.
    pub(crate) median: f64,
    /// How far latencies spread: 0.5 makes the 99th percentile about three times the median.
    pub(crate) spread: f64,
    /// Of a thousand requests, how many fail with a 5xx.
    pub(crate) failing: u64,
    pub(crate) instances: Vec<Value>,
    pub(crate) invocations: u64,
    pub(crate) errors_5xx: u64,
    latency: Histogram<u64>,
}

/// An endpoint's traffic.
pub(crate) struct Traffic {
    pub(crate) endpoint: &'static str,
    /// Epoch seconds of the last line.
    pub(crate) at: f64,
    pub(crate) status: &'static str,
    pub(crate) arms: Vec<Arm>,
    /// Members that lines have beside the usual ones: `deployment`, `failure_reason`.
    pub(crate) more: Value,
}

impl Arm {
    pub(crate) fn new(name: &'static str, share: f64, rate: f64, median: f64) -> Self {
        Self {
            name,
            share,
            rate,
            median,
            spread: 0.45,
            failing: 0,
            instances: vec![instance(name, 0, "current", "in service")],
            invocations: 0,
            errors_5xx: 0,
            latency: histogram::empty(),
        }
    }

    fn answer(&mut self, requests: u64) {
        let seed = Seed(7242).named(self.name);
        for _ in 0..requests {
            let first = self.invocations * 12;
            // Twelve even draws make nearly a normal one.
            let normal: f64 = (first..first + 12).map(|n| seed.unit(n)).sum::<f64>() - 6.0;
            let micros = self.median * (self.spread * normal).exp();
            self.latency.saturating_record(micros as u64);
            self.invocations += 1;
            self.errors_5xx += u64::from(seed.bits(first) % 1000 < self.failing);
        }
    }

    fn line(&self) -> Value {
        let mut encoded = Vec::new();
        V2Serializer::new().serialize(&self.latency, &mut encoded).unwrap();
        let latency = json!({
            "count": self.latency.len(), "p50": self.latency.value_at_quantile(0.5),
            "histogram": STANDARD.encode(&encoded),
        });
        json!({
            "variant": self.name, "share": self.share, "instances": self.instances.len(),
            "in_flight": 2, "invocations": self.invocations, "abandoned": 0, "errors_4xx": 0,
            "errors_5xx": self.errors_5xx, "model_latency": latency, "overhead_latency": {},
            "instances_detail": self.instances, "instances_ended": [],
        })
    }

    fn beat(&self) -> Value {
        json!({
            "variant": self.name, "share": self.share, "in_flight": 2,
            "invocations": self.invocations, "errors_4xx": 0, "errors_5xx": self.errors_5xx,
        })
    }
}

/// An instance as live lines tell of it.
pub(crate) fn instance(variant: &str, number: u32, fleet: &str, state: &str) -> Value {
    let id = format!("i-{:08x}{number:x}", Seed(1).named(variant).bits(0) as u32);
    let at = |n: u32| 1_795_854_417.0 + f64::from(n);
    let pings: Vec<Value> = (0..12)
        .map(|n| match (state, n) {
            ("unhealthy", 10..) => json!({"at": at(n), "outcome": "silent", "took_us": 2_000_000}),
            _ => json!({"at": at(n), "outcome": "ok", "took_us": 280 + n * 7}),
        })
        .collect();
    json!({
        "id": id, "fleet": fleet, "config": "iris-live", "state": state, "since": 1_795_854_416.7,
        "pids": [4711 + number], "address": "unix:/run/iris-live.sock", "in_flight": 1,
        "restarts": 0, "pings": pings,
    })
}

impl Traffic {
    /// `iris-live` with blue and green at 90 to 10; green is the faster one.
    pub(crate) fn iris() -> Self {
        let arms =
            vec![Arm::new("blue", 0.9, 90.0, 1_820.0), Arm::new("green", 0.1, 10.0, 1_110.0)];
        let at = super::START as f64 / 1000.0;
        Self { endpoint: "iris-live", at, status: "InService", arms, more: json!({}) }
    }

    pub(crate) fn arm(&mut self, name: &str) -> &mut Arm {
        self.arms.iter_mut().find(|arm| arm.name == name).unwrap()
    }

    /// The requests of so many seconds, told in a line of the endpoint's stream.
    pub(crate) fn live(&mut self, seconds: f64) -> Msg {
        self.go(seconds);
        let mut line = json!({
            "endpoint": self.endpoint, "at": self.at, "status": self.status,
            "config": self.endpoint, "failure_reason": null,
            "variants": self.arms.iter().map(Arm::line).collect::<Vec<_>>(),
        });
        for (member, value) in self.more.as_object().into_iter().flatten() {
            line[member] = value.clone();
        }
        Msg::Endpoint { name: self.endpoint.to_owned(), line }
    }

    /// The same in a line of the whole region's stream.
    pub(crate) fn beat(&mut self, seconds: f64) -> Msg {
        self.go(seconds);
        let variants: Vec<Value> = self.arms.iter().map(Arm::beat).collect();
        Msg::Traffic(json!({
            "at": self.at, "endpoints": [{"endpoint": self.endpoint, "variants": variants}],
        }))
    }

    fn go(&mut self, seconds: f64) {
        self.at += seconds;
        for arm in &mut self.arms {
            arm.answer((arm.rate * seconds).round() as u64);
        }
    }
}
