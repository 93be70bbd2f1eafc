//! What can be said of two variants of an endpoint that is watched. It is kept here, with the running
//! state of its tests, and not by a screen: what was once found stays found while one looks elsewhere.

use super::pace::Counters;
use super::watched::Watched;
use crate::domain::distribution::Distribution;
use crate::domain::verdict::{Observed, Rate, Rules, Running, Verdict};
use crate::tui::msg::Load;

/// Seconds between two verdicts; they are not for the blink of an eye.
const EVERY: f64 = 1.0;

/// The second variant against the first.
#[derive(Clone, Debug)]
pub struct Judged {
    pub names: [String; 2],
    pub requests: [u64; 2],
    pub verdict: Verdict,
    /// Epoch seconds from which on all is counted; `None` for the endpoint's beginning.
    pub since: Option<f64>,
    running: Running,
}

impl Watched {
    /// Compares every variant with the first one.
    pub(super) fn judge(&mut self, load: Option<&Load>) {
        if self.at - self.judged_at < EVERY && self.at >= self.judged_at {
            return;
        }
        self.judged_at = self.at;
        let before = std::mem::take(&mut self.judged);
        let Some((first, others)) = self.variants.split_first() else { return };
        let rules = Rules { comparisons: others.len().max(1) as u32, ..Rules::default() };
        let (base_counters, base_latency) = first.since_base();
        let judged = others.iter().map(|other| {
            let (counters, latency) = other.since_base();
            let names = [first.name.clone(), other.name.clone()];
            let since = [first.base_at(), other.base_at()].into_iter().flatten().reduce(f64::max);
            let same = |one: &&Judged| one.names == names && one.since == since;
            let mut running = before.iter().find(same).map(|one| one.running).unwrap_or_default();
            let verdict = running.compare(
                &observed(&first.name, &base_latency, base_counters, load),
                &observed(&other.name, &latency, counters, load),
                &rules,
                &[],
            );
            let requests = [base_counters.invocations, counters.invocations];
            Judged { names, requests, verdict, since, running }
        });
        self.judged = judged.collect();
    }
}

fn observed<'a>(
    name: &'a str,
    latency: &'a Distribution,
    counters: Counters,
    load: Option<&Load>,
) -> Observed<'a> {
    let errors = Rate { hits: counters.errors(), all: counters.invocations };
    Observed { name, latency, errors, accuracy: accuracy(load, name) }
}

/// Of the rows that the workbench's own traffic has checked.
fn accuracy(load: Option<&Load>, name: &str) -> Rate {
    let found = load.and_then(|load| load.correct.iter().find(|(variant, ..)| variant == name));
    found.map_or(Rate::default(), |(_, right, checked)| Rate { hits: *right, all: *checked })
}
