//! What has happened to endpoints, as the region's history tells: marks of shifts, instances and
//! deployments, and where traffic begins and ends, which the seconds tell that had requests.

use crate::tui::row::Key;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// Seconds without a request after which traffic has ended.
const REST: f64 = 5.0;
/// Seconds of history that the region keeps; where one begins with it, the beginning is not known.
const KEPT: f64 = 300.0;
/// Endpoints whose traffic is watched for its end.
const MOST: usize = 10_000;

/// Something that has happened to an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Epoch seconds.
    pub at: f64,
    pub what: Happening,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// Requests have begun to come.
    Begins,
    /// They come no more.
    Ends,
    /// Each variant's share from now on, 0 to 1.
    Weights(Vec<(String, f64)>),
    InService {
        variant: String,
        instance: String,
    },
    OutOfService {
        variant: String,
        instance: String,
    },
    Deployment {
        stage: String,
        config: String,
    },
}

/// A variant's requests of one second.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Second {
    /// Its end, in epoch seconds.
    pub(super) at: f64,
    pub(super) requests: u64,
    /// Microseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// What a line tells of an endpoint's past.
#[derive(Debug, Deserialize)]
pub(super) struct PastLine<'a> {
    pub(super) endpoint: &'a str,
    #[serde(borrow, default)]
    pub(super) variants: Vec<PastVariant<'a>>,
    #[serde(borrow, default)]
    pub(super) marks: Vec<MarkLine<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PastVariant<'a> {
    pub(super) variant: &'a str,
    #[serde(default)]
    pub(super) seconds: Vec<Second>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct MarkLine<'a> {
    at: f64,
    #[serde(borrow)]
    mark: &'a str,
    shares: BTreeMap<String, f64>,
    variant: String,
    instance: String,
    stage: String,
    new_config: String,
}

impl MarkLine<'_> {
    /// `None` for a mark of a later version.
    pub(super) fn read(&self) -> Option<Mark> {
        let (variant, instance) = (self.variant.clone(), self.instance.clone());
        let what = match self.mark {
            "weights" => Happening::Weights(self.shares.clone().into_iter().collect()),
            "in service" => Happening::InService { variant, instance },
            "out of service" => Happening::OutOfService { variant, instance },
            "deployment" => {
                let (stage, config) = (self.stage.clone(), self.new_config.clone());
                Happening::Deployment { stage, config }
            }
            _ => return None,
        };
        Some(Mark { at: self.at, what })
    }
}

/// Endpoints that have traffic now, with when their last requests ended.
#[derive(Debug, Default)]
pub(super) struct Flow {
    last: HashMap<Key, f64>,
}

impl Flow {
    /// Takes in the seconds of an endpoint that had requests; `now` is when they were told.
    pub(super) fn take(
        &mut self,
        key: &Key,
        past: &PastLine<'_>,
        now: f64,
        happened: &mut Vec<(Key, Mark)>,
    ) {
        let seconds = past.variants.iter().flat_map(|variant| &variant.seconds);
        let mut ends: Vec<f64> =
            seconds.filter(|second| second.requests > 0).map(|second| second.at).collect();
        ends.sort_by(f64::total_cmp);
        for at in ends {
            let mut tell =
                |at: f64, what: Happening| happened.push((Key::clone(key), Mark { at, what }));
            match self.last.get(key).copied() {
                Some(last) if at - last <= REST => {}
                Some(last) => {
                    tell(last, Happening::Ends);
                    tell(at, Happening::Begins);
                }
                // What began before the history does has no beginning here.
                None if now - at > KEPT - REST => {}
                None => tell(at, Happening::Begins),
            }
            let known = self.last.contains_key(key);
            if known || self.last.len() < MOST {
                let last = self.last.entry(Key::clone(key)).or_insert(at);
                *last = last.max(at);
            }
        }
    }

    pub(super) fn passes(&mut self, now: f64, happened: &mut Vec<(Key, Mark)>) {
        self.last.retain(|key, last| {
            let flows = now - *last <= REST;
            if !flows {
                happened.push((Key::clone(key), Mark { at: *last, what: Happening::Ends }));
            }
            flows
        });
    }

    pub(super) fn forget(&mut self, key: &Key) {
        self.last.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(flow: &mut Flow, now: f64, seconds: &[f64]) -> Vec<(f64, Happening)> {
        let seconds: Vec<_> = seconds.iter().map(|at| json!({"at": at, "requests": 3})).collect();
        let line = json!({"endpoint": "a", "variants": [{"variant": "v", "seconds": seconds}]});
        let mut happened = Vec::new();
        flow.take(&"a".into(), &PastLine::deserialize(&line).unwrap(), now, &mut happened);
        flow.passes(now, &mut happened);
        happened.into_iter().map(|(_, mark)| (mark.at, mark.what)).collect()
    }

    #[test]
    fn traffic_begins_and_ends_where_the_seconds_say_so() {
        let mut flow = Flow::default();
        let found = told(&mut flow, 1000.0, &[701.0, 702.0, 900.0, 901.0, 999.0]);
        let expected = [
            (702.0, Happening::Ends),
            (900.0, Happening::Begins),
            (901.0, Happening::Ends),
            (999.0, Happening::Begins),
        ];
        assert_eq!(found, expected, "where it began before the history, nobody knows");
        assert_eq!(told(&mut flow, 1001.0, &[1000.0]), []);
        assert_eq!(told(&mut flow, 1007.0, &[]), [(1000.0, Happening::Ends)]);
        assert_eq!(told(&mut flow, 1020.0, &[1019.0]), [(1019.0, Happening::Begins)]);
    }
}
