//! What all of this would cost at AWS: billable time and list prices, job by job and endpoint by
//! endpoint.
//!
//! Prices are the catalog's on-demand list prices for us-east-1, each with its source and date. What
//! has no known price is left out of a total, and the total says how much that is. Time is the time
//! that containers really ran here; it is not AWS's time for the same work.

use super::work::Life;
use super::{Region, View, training_job, work};
use crate::domain::instance::{InstanceType, Price};
use crate::domain::kind;
use crate::domain::money::Total;
use crate::domain::time::Timestamp;
use crate::store::{Change, Query, Row, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The one row that keeps the time of what was deleted.
const DELETED: &str = "deleted";

/// How long instances of each type ran. Open spans are settled now and then, so that a crash costs
/// no more than the time since.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Milliseconds by instance type, of instances together.
    settled: BTreeMap<String, u64>,
    /// What runs now, by instance type.
    running: BTreeMap<String, u32>,
    since: Option<Timestamp>,
}

impl Ledger {
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
        if let Some(since) = self.since.filter(|since| *since < life.began) {
            self.settle(life.before.map_or(since, |before| before.clamp(since, life.began)));
            self.since = Some(life.began);
        }
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
enum Use {
    Training,
    Hosting,
}

impl Use {
    fn price(self, instance_type: &InstanceType) -> Option<&Price> {
        match self {
            Self::Training => instance_type.training.as_ref(),
            Self::Hosting => instance_type.hosting.as_ref(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Hosting => "hosting",
        }
    }
}

/// One priced line of a bill.
fn line(region: &Region, used: Use, instance_type: &str, span: Duration, sum: &mut Total) -> Value {
    let price = region.instances().get(instance_type).and_then(|known| used.price(known));
    let cost = price.map(|price| price.cost(span, 1));
    sum.add(cost);
    let mut line = json!({
        "InstanceType": instance_type,
        "InstanceSeconds": span.as_secs_f64(),
        "CostInUSD": cost,
    });
    if let Some(price) = price {
        line["Price"] = json!({
            "PerHourInUSD": price.per_hour, "Source": price.source.what, "Date": price.source.date,
        });
    }
    line
}

/// The bill: what `/_sagebrush/cost` answers.
pub fn report(region: &Region) -> Result<Value, StoreError> {
    let (now, life) = (region.now(), work::life(region));
    let (jobs, endpoints, deleted) = region.store().read(|snapshot| {
        let all = |kind: &str| {
            let mut query = Query { kind: kind.into(), limit: 1000, ..Query::default() };
            let mut rows = Vec::new();
            loop {
                let page = snapshot.list(&query)?;
                rows.extend(page.rows);
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => return Ok::<_, StoreError>(rows),
                }
            }
        };
        Ok::<_, StoreError>((
            all(kind::TRAINING_JOB)?,
            all(kind::ENDPOINT)?,
            snapshot.get(kind::LEDGER, DELETED)?,
        ))
    })?;
    let mut sum = Total::default();
    let bill = |row: &Row, used: Use, spans: BTreeMap<String, Duration>, sum: &mut Total| {
        let mut own = Total::default();
        let lines: Vec<Value> = spans
            .iter()
            .map(|(instance_type, span)| line(region, used, instance_type, *span, &mut own))
            .collect();
        sum.known += own.known;
        sum.unpriced += own.unpriced;
        json!({"Name": row.name, "Status": row.status, "Lines": lines, "Total": own})
    };
    let jobs: Vec<Value> = jobs
        .iter()
        .map(|row| bill(row, Use::Training, training_job::instance_time(row, now), &mut sum))
        .collect();
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|row| {
            bill(row, Use::Hosting, super::endpoint::instance_time(row, life, now), &mut sum)
        })
        .collect();
    let deleted: Vec<Value> = [Use::Training, Use::Hosting]
        .into_iter()
        .flat_map(|used| {
            let spans = deleted.as_ref().map(|row| of_deleted(row, used)).unwrap_or_default();
            spans.into_iter().map(move |(instance_type, span)| (used, instance_type, span))
        })
        .map(|(used, instance_type, span)| {
            let mut line = line(region, used, &instance_type, span, &mut sum);
            line["Use"] = used.name().into();
            line
        })
        .collect();
    Ok(json!({
        "Basis": "time that containers ran on this machine, at AWS's on-demand list prices for us-east-1",
        "TrainingJobs": jobs,
        "Endpoints": endpoints,
        "Deleted": deleted,
        "Total": sum,
        "Unknown": "lines without CostInUSD have no published price here and are in no total",
        "Pace": region.pace(),
    }))
}

fn of_deleted(row: &Row, used: Use) -> BTreeMap<String, Duration> {
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
    let spans = training_job::instance_time(row, change.now());
    keep(change, Use::Training, spans)
}

/// Keeps the time of an endpoint that is being deleted.
pub(super) fn keep_hosting(
    change: &mut Change<'_>,
    row: &Row,
    life: Life,
) -> Result<(), StoreError> {
    let spans = super::endpoint::instance_time(row, life, change.now());
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
