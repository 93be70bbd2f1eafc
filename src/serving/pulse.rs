//! What moves in the whole plane: the counters of every endpoint that something happened to since
//! the last look. Looking costs next to nothing for the thousands that rest.

use super::plane::{Endpoint, Plane};
use std::collections::HashMap;

/// An endpoint's counters, cumulative since it was first published.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointPulse {
    pub endpoint: String,
    pub variants: Vec<VariantPulse>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct VariantPulse {
    pub variant: String,
    pub share: f64,
    pub in_flight: u64,
    pub invocations: u64,
    pub errors_4xx: u64,
    pub errors_5xx: u64,
}

/// One observer's memory of what it has been told.
#[derive(Default)]
pub struct Pulse {
    /// By the endpoint's flow.
    seen: HashMap<u64, Seen>,
    rounds: u64,
}

struct Seen {
    number: u64,
    taken: u64,
    round: u64,
    /// Requests were in flight or had just come: their ends are still to be counted.
    warm: bool,
    told: Vec<VariantPulse>,
}

impl Pulse {
    /// What has changed since the last call, in the order of the endpoints' names. The first call
    /// tells of every endpoint that has ever taken a request; whom it leaves out has zeros.
    pub fn beat(&mut self, plane: &Plane) -> Vec<EndpointPulse> {
        self.rounds += 1;
        let published = plane.published();
        let mut told = Vec::new();
        for endpoint in published.values() {
            if self.has_news(endpoint) {
                let variants = self.look(endpoint);
                told.extend(variants.map(|variants| EndpointPulse {
                    endpoint: endpoint.table.name.clone(),
                    variants,
                }));
            }
        }
        if self.seen.len() > published.len() {
            let round = self.rounds;
            self.seen.retain(|_, seen| seen.round == round);
        }
        told.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        told
    }

    /// Whether anything can have changed; a few loads for an endpoint that rests.
    fn has_news(&mut self, endpoint: &Endpoint) -> bool {
        let (round, taken) = (self.rounds, endpoint.taken());
        let Some(seen) = self.seen.get_mut(&endpoint.flow_id()) else { return true };
        seen.round = round;
        seen.warm || seen.taken != taken || seen.number != endpoint.number
    }

    /// The endpoint's counters, when they are not those that were told.
    fn look(&mut self, endpoint: &Endpoint) -> Option<Vec<VariantPulse>> {
        let taken = endpoint.taken();
        let mut variants = Vec::new();
        // Requests in flight are read before the counters, and leave after they have been counted:
        // whoever finds none in flight has found all counted.
        endpoint.each_variant(|name, recorders, share, in_flight, _| {
            let counts = recorders.counts();
            variants.push(VariantPulse {
                variant: name.to_owned(),
                share,
                in_flight,
                invocations: counts.invocations,
                errors_4xx: counts.errors_4xx,
                errors_5xx: counts.errors_5xx,
            });
        });
        let in_flight = variants.iter().any(|variant| variant.in_flight > 0);
        let before = self.seen.get(&endpoint.flow_id());
        let warm = in_flight || before.is_some_and(|seen| seen.taken != taken);
        let is_news = match before {
            Some(seen) => seen.told != variants,
            // An endpoint that appears while one looks on is news, with or without requests.
            None => taken > 0 || self.rounds > 1,
        };
        let seen = Seen {
            number: endpoint.number,
            taken,
            round: self.rounds,
            warm,
            told: variants.clone(),
        };
        self.seen.insert(endpoint.flow_id(), seen);
        is_news.then_some(variants)
    }
}
