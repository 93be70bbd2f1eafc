//! What all of this would cost at AWS: time on instances, job by job and endpoint by endpoint.
//! [`super::bill`] puts list prices to it.
//!
//! Prices are the catalog's on-demand list prices for us-east-1, each with its source and date. What
//! has no known price is left out of a total, and the total says how much that is. Time is the time
//! that containers really ran here; it is not AWS's time for the same work.

use super::work::Life;
use super::{View, training_job};
use crate::domain::instance::{InstanceType, Price};
use crate::domain::kind;
use crate::domain::time::Timestamp;
use crate::store::{Change, Row, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The one row that keeps the time of what was deleted.
pub(super) const DELETED: &str = "deleted";

/// How long instances of each type ran. Open spans are settled now and then, so that a crash costs
/// no more than the time since.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Milliseconds by instance type, of instances together.
    settled: BTreeMap<String, u64>,
    /// What runs now, by instance type.
    running: BTreeMap<String, u32>,
    /// A reading of the steady clock of the life of the region that `life` names.
    since: Option<Timestamp>,
    /// When that life began; unknown in what version 0.1.0 wrote.
    life: Option<Timestamp>,
}

impl Ledger {
    /// Of what has run so long, and runs on.
    pub fn of(
        settled: BTreeMap<String, u64>,
        running: BTreeMap<String, u32>,
        since: Option<Timestamp>,
    ) -> Self {
        Self { settled, running, since, life: None }
    }

    /// What runs now, by instance type.
    pub fn running(&self) -> &BTreeMap<String, u32> {
        &self.running
    }

    /// From `now` on exactly these instances run.
    pub fn run(&mut self, running: BTreeMap<String, u32>, now: Timestamp) {
        self.settle(now);
        self.running = running;
        self.since = (!self.running.is_empty()).then_some(now);
    }

    /// Books what has run up to `now`.
    pub fn settle(&mut self, now: Timestamp) {
        let Some(since) = self.since else { return };
        let span = millis(now.since(since));
        for (instance_type, count) in &self.running {
            *self.settled.entry(instance_type.clone()).or_default() += span * u64::from(*count);
        }
        self.since = Some(now);
    }

    /// Leaves out the time between two lives of the region, in which nothing ran.
    pub fn catch_up(&mut self, life: Life) {
        let other = match self.life {
            Some(began) => began != life.began,
            None => self.since.is_some_and(|since| since < life.began),
        };
        if let Some(since) = self.since.filter(|_| other) {
            // Both are of the former life's clock, so that what was set in between counts for nothing.
            self.settle(life.before.map_or(since, |before| before.max(since)));
            self.since = Some(life.began);
        }
        self.life = Some(life.began);
    }

    /// Instance time by type, up to `now`.
    pub fn total(&self, now: Timestamp) -> BTreeMap<String, Duration> {
        let mut copy = self.clone();
        copy.settle(now);
        copy.settled
            .into_iter()
            .map(|(instance_type, millis)| (instance_type, Duration::from_millis(millis)))
            .collect()
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[derive(Clone, Copy)]
pub(super) enum Use {
    Training,
    Hosting,
}

impl Use {
    pub fn price(self, instance_type: &InstanceType) -> Option<&Price> {
        match self {
            Self::Training => instance_type.training.as_ref(),
            Self::Hosting => instance_type.hosting.as_ref(),
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Hosting => "hosting",
        }
    }
}

/// What has been kept of deleted rows.
pub(super) fn of_deleted(row: &Row, used: Use) -> BTreeMap<String, Duration> {
    let spans = row.body.part(used.name()).and_then(Value::as_object);
    spans
        .into_iter()
        .flatten()
        .map(|(instance_type, millis)| {
            (instance_type.clone(), Duration::from_millis(millis.as_u64().unwrap_or_default()))
        })
        .collect()
}

/// Keeps the time of a training job that is being deleted.
pub(super) fn keep_training(change: &mut Change<'_>, row: &Row) -> Result<(), StoreError> {
    // It has ended: nothing of it is still counting.
    let spans = training_job::instance_time(row, change.now());
    keep(change, Use::Training, spans)
}

/// Keeps the time of an endpoint that is being deleted.
pub(super) fn keep_hosting(
    change: &mut Change<'_>,
    row: &Row,
    life: Life,
    steady: Timestamp,
) -> Result<(), StoreError> {
    let spans = super::endpoint::instance_time(row, life, steady);
    keep(change, Use::Hosting, spans)
}

fn keep(
    change: &mut Change<'_>,
    used: Use,
    spans: BTreeMap<String, Duration>,
) -> Result<(), StoreError> {
    if spans.is_empty() {
        return Ok(());
    }
    let present = change.get(kind::LEDGER, DELETED)?;
    let is_new = present.is_none();
    let mut row =
        present.unwrap_or_else(|| Row::new(kind::LEDGER, DELETED, change.now(), json!({})));
    for (instance_type, span) in spans {
        let entry = &mut row.body[used.name()][&instance_type];
        *entry = (entry.as_u64().unwrap_or_default() + millis(span)).into();
    }
    if is_new { change.insert(row) } else { change.update(&row) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn running(pairs: &[(&str, u32)]) -> BTreeMap<String, u32> {
        pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn instances_are_billed_while_they_run() {
        let mut ledger = Ledger::default();
        ledger.run(running(&[("a", 2)]), at(1_000));
        ledger.run(running(&[("a", 1), ("b", 1)]), at(3_000));
        ledger.run(BTreeMap::new(), at(4_000));
        let total = ledger.total(at(99_000));
        assert_eq!(total["a"], Duration::from_secs(5));
        assert_eq!(total["b"], Duration::from_secs(1));
    }

    #[test]
    fn time_while_the_region_was_down_is_nobody_s() {
        let mut ledger = Ledger::default();
        ledger.run(running(&[("a", 1)]), at(0));
        ledger.settle(at(500));
        let life = Life { before: Some(at(1_000)), began: at(60_000) };
        ledger.catch_up(life);
        ledger.catch_up(life);
        assert_eq!(ledger.total(at(61_000))["a"], Duration::from_secs(2));
    }

    #[test]
    fn a_clock_that_is_set_between_two_lives_bills_nothing() {
        for began in [60_000, 86_400_000, 100] {
            let mut ledger = Ledger::default();
            ledger.catch_up(Life { before: None, began: at(50) });
            ledger.run(running(&[("a", 1)]), at(500));
            let life = Life { before: Some(at(1_500)), began: at(began) };
            ledger.catch_up(life);
            ledger.catch_up(life);
            assert_eq!(ledger.total(at(began + 1_000))["a"], Duration::from_secs(2), "{began}");
        }
    }

    proptest! {
        /// However often it is settled in between, the sum is the same.
        #[test]
        fn settling_changes_nothing(cuts in prop::collection::vec(0_i64..10_000, 0..20), count in 1_u32..9) {
            let mut ledger = Ledger::default();
            ledger.run(running(&[("a", count)]), at(0));
            let mut cuts = cuts;
            cuts.sort_unstable();
            for cut in cuts {
                ledger.settle(at(cut));
            }
            prop_assert_eq!(ledger.total(at(10_000))["a"], Duration::from_secs(10) * count);
        }
    }
}
