//! The bill: what `/_sagebrush/cost` answers.
//!
//! ```text
//! {"At":1767225600.1,"Currency":"USD","Basis":"…","Unknown":"…","Pace":1.0,
//!  "Total":{"known":"2.14","unpriced":0},            all that is below, so far
//!  "RunningPerHour":{"known":"0.61","unpriced":1},   what runs now would cost an hour
//!  "Running":3,                                      jobs and endpoints that have instances now
//!  "Prices":[{"Source":"…","Date":"2026-…"}],        where the prices come from
//!  "TrainingJobs":[{"Name":"j","Status":"InProgress","Total":{…},"RunningPerHour":{…},
//!    "Lines":[{"InstanceType":"ml.m5.large","InstanceSeconds":12.5,"Running":1,
//!      "CostInUSD":"0.0004","Price":{"PerHourInUSD":"0.115","Source":"…","Date":"…"}}]}, …],
//!  "Endpoints":[…the same…],
//!  "Deleted":[{…a line…,"Use":"hosting"}]}           of what is no longer there
//! ```
//!
//! Amounts are decimal texts, exact to the nano-dollar. `unpriced` counts lines that have no known
//! price and are left out of `known`; their `CostInUSD` and `Price` are null. With `lines=0` the
//! lists of jobs and endpoints are left out, which makes the answer small however many there are.
//!
//! Reading and parsing every row for it would take long in a full region, so a [`Book`] keeps what
//! each row says of time on instances, and reads again only those that an event has named since.

use super::billing::{DELETED, Ledger, Use, of_deleted};
use super::{Region, endpoint, training_job, work};
use crate::domain::instance::{Price, Source};
use crate::domain::kind;
use crate::domain::money::{Money, Total};
use crate::domain::time::Timestamp;
use crate::store::{Event, Query, Row, Snapshot, StoreError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Events read at once.
const EVENTS: usize = 4096;

/// What the bill needs of every row, as of a revision.
#[derive(Default)]
pub struct Book {
    /// `None`: nothing has been read yet.
    revision: Option<u64>,
    jobs: BTreeMap<String, Entry>,
    endpoints: BTreeMap<String, Entry>,
    deleted: Option<Row>,
}

struct Entry {
    name: String,
    status: String,
    ledger: Ledger,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Bill<'a> {
    at: f64,
    currency: &'static str,
    basis: &'static str,
    unknown: &'static str,
    pace: f64,
    total: Total,
    running_per_hour: Total,
    running: usize,
    prices: Vec<Origin<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    training_jobs: Option<Vec<Account<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<Vec<Account<'a>>>,
    deleted: Vec<Line<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Origin<'a> {
    source: &'a str,
    date: &'a str,
}

/// What one job or endpoint comes to.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Account<'a> {
    name: &'a str,
    status: &'a str,
    total: Total,
    running_per_hour: Total,
    lines: Vec<Line<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    instance_type: String,
    instance_seconds: f64,
    /// Instances that run now.
    running: u32,
    #[serde(rename = "CostInUSD")]
    cost: Option<Money>,
    price: Option<Priced<'a>>,
    #[serde(rename = "Use", skip_serializing_if = "Option::is_none")]
    used: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Priced<'a> {
    #[serde(rename = "PerHourInUSD")]
    per_hour: Money,
    #[serde(flatten)]
    origin: Origin<'a>,
}

impl<'a> Origin<'a> {
    fn of(source: &'a Arc<Source>) -> Self {
        Self { source: &source.what, date: &source.date }
    }
}

/// The bill as of now, as JSON; without the lists of jobs and endpoints unless `lines`. It may read
/// the store: call it where that is allowed to take a moment.
pub fn report(region: &Region, lines: bool) -> Result<Vec<u8>, StoreError> {
    let mut book = region.book.lock().unwrap_or_else(PoisonError::into_inner);
    book.catch_up(region)?;
    let mut clerk = Clerk {
        region,
        steady: region.steady(),
        total: Total::default(),
        hourly: Total::default(),
        running: 0,
        prices: BTreeSet::new(),
    };
    let jobs = clerk.accounts(&book.jobs, Use::Training, lines);
    let endpoints = clerk.accounts(&book.endpoints, Use::Hosting, lines);
    let deleted = clerk.deleted(book.deleted.as_ref());
    let bill = Bill {
        at: region.now().as_secs_f64(),
        currency: "USD",
        basis: "time that containers ran on this machine, at AWS's on-demand list prices for us-east-1",
        unknown: "lines without CostInUSD have no published price here and are in no total",
        pace: region.pace(),
        total: clerk.total,
        running_per_hour: clerk.hourly,
        running: clerk.running,
        prices: clerk.prices.into_iter().collect(),
        training_jobs: lines.then_some(jobs),
        endpoints: lines.then_some(endpoints),
        deleted,
    };
    Ok(serde_json::to_vec(&bill)?)
}

/// Adds up.
struct Clerk<'a> {
    region: &'a Region,
    /// Until when what still runs is counted.
    steady: Timestamp,
    total: Total,
    hourly: Total,
    running: usize,
    prices: BTreeSet<Origin<'a>>,
}

impl<'a> Clerk<'a> {
    fn accounts<'b>(
        &mut self,
        entries: &'b BTreeMap<String, Entry>,
        used: Use,
        keep: bool,
    ) -> Vec<Account<'b>>
    where
        'a: 'b,
    {
        let mut accounts = Vec::with_capacity(if keep { entries.len() } else { 0 });
        for entry in entries.values() {
            let account = self.account(entry, used);
            if keep {
                accounts.push(account);
            }
        }
        accounts
    }

    fn account<'b>(&mut self, entry: &'b Entry, used: Use) -> Account<'b>
    where
        'a: 'b,
    {
        let (mut total, mut hourly) = (Total::default(), Total::default());
        let running = entry.ledger.running();
        let lines: Vec<Line<'b>> = entry
            .ledger
            .total(self.steady)
            .into_iter()
            .filter(|(name, span)| !span.is_zero() || running.contains_key(name))
            .map(|(name, span)| {
                let count = running.get(&name).copied().unwrap_or_default();
                self.line(used, name, span, count, &mut total, &mut hourly)
            })
            .collect();
        self.running += usize::from(running.values().any(|count| *count > 0));
        Account { name: &entry.name, status: &entry.status, total, running_per_hour: hourly, lines }
    }

    /// One priced line, added to both its account's sums and the bill's.
    fn line(
        &mut self,
        used: Use,
        instance_type: String,
        span: Duration,
        running: u32,
        total: &mut Total,
        hourly: &mut Total,
    ) -> Line<'a> {
        let known = self.region.instances().get(&instance_type);
        let price: Option<&'a Price> = known.and_then(|known| used.price(known));
        let cost = price.map(|price| price.cost(span, 1));
        for sum in [total, &mut self.total] {
            sum.add(cost);
        }
        if running > 0 {
            let hour = price.map(|price| price.cost(Duration::from_secs(3600), running));
            for sum in [hourly, &mut self.hourly] {
                sum.add(hour);
            }
        }
        let price = price.map(|price| {
            let origin = Origin::of(&price.source);
            self.prices.insert(origin);
            Priced { per_hour: price.per_hour, origin }
        });
        let instance_seconds = span.as_secs_f64();
        Line { instance_type, instance_seconds, running, cost, price, used: None }
    }

    fn deleted(&mut self, row: Option<&Row>) -> Vec<Line<'a>> {
        let mut lines = Vec::new();
        for used in [Use::Training, Use::Hosting] {
            let spans = row.map(|row| of_deleted(row, used)).unwrap_or_default();
            for (instance_type, span) in spans {
                let (mut total, mut hourly) = (Total::default(), Total::default());
                let line = self.line(used, instance_type, span, 0, &mut total, &mut hourly);
                lines.push(Line { used: Some(used.name()), ..line });
            }
        }
        lines
    }
}

impl Book {
    /// Reads what has changed since the last time.
    fn catch_up(&mut self, region: &Region) -> Result<(), StoreError> {
        let life = work::life(region);
        region.store().read(|snapshot| {
            loop {
                let events = match self.revision {
                    Some(revision) => snapshot.events(revision, EVENTS)?,
                    None => None,
                };
                let Some(events) = events.filter(|all| !all.iter().any(Event::is_reset)) else {
                    return self.read_all(snapshot, life);
                };
                let Some(last) = events.last() else { return Ok(()) };
                self.revision = Some(last.revision);
                // A row that changed a hundred times is read once.
                let names: BTreeSet<(&str, &str)> =
                    events.iter().map(|one| (&*one.kind, &*one.name)).collect();
                for (kind, name) in names {
                    self.read_one(snapshot, kind, name, life)?;
                }
            }
        })
    }

    fn read_one(
        &mut self,
        snapshot: &Snapshot<'_>,
        kind: &str,
        name: &str,
        life: work::Life,
    ) -> Result<(), StoreError> {
        let entries = match kind {
            kind::TRAINING_JOB => &mut self.jobs,
            kind::ENDPOINT => &mut self.endpoints,
            kind::LEDGER => {
                self.deleted = snapshot.get(kind::LEDGER, DELETED)?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        match snapshot.get(kind, name)? {
            Some(row) => entries.insert(name.to_lowercase(), entry(row, life)),
            None => entries.remove(&name.to_lowercase()),
        };
        Ok(())
    }

    fn read_all(&mut self, snapshot: &Snapshot<'_>, life: work::Life) -> Result<(), StoreError> {
        *self = Self { revision: Some(snapshot.revision()?), ..Self::default() };
        self.deleted = snapshot.get(kind::LEDGER, DELETED)?;
        for kind in [kind::TRAINING_JOB, kind::ENDPOINT] {
            let mut query = Query { kind: kind.into(), limit: 1000, ..Query::default() };
            loop {
                let page = snapshot.list(&query)?;
                let entries =
                    if kind == kind::ENDPOINT { &mut self.endpoints } else { &mut self.jobs };
                for row in page.rows {
                    entries.insert(row.name.to_lowercase(), entry(row, life));
                }
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
        }
        Ok(())
    }
}

fn entry(row: Row, life: work::Life) -> Entry {
    let ledger = match row.kind.as_str() {
        kind::ENDPOINT => endpoint::ledger(&row, life),
        _ => training_job::ledger(&row),
    };
    Entry { name: row.name, status: row.status, ledger }
}
