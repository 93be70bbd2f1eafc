//! What needs somebody: failures with their reasons, packages that wait for an approval, endpoints
//! that cost money and serve nobody, what was dropped, a region that has gone.
//!
//! It is kept row by row, as the mirror is: a change costs a few look-ups in ordered maps, and reading
//! it costs what is read, however many rows there are.

use super::Mirror;
use crate::domain::instance::Catalog;
use crate::domain::kind;
use crate::domain::money::Money;
use crate::domain::time::Timestamp;
use crate::tui::format;
use crate::tui::msg::Link;
use crate::tui::row::{Key, Row, key};
use crate::tui::view::Place;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A failed job is of the past after so many milliseconds.
const JOB_MATTERS: i64 = 24 * 3_600_000;
/// An endpoint that has had no request for so many milliseconds is idle.
const IDLE: i64 = 30 * 60_000;
/// Idle endpoints whose price is looked up at a time.
const LOOKED_AT: usize = 500;

/// How much something matters; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Something is broken.
    Bad,
    /// Something is wasted, lost, or not as it was meant.
    Warn,
    /// Somebody is waited for.
    Ask,
}

/// One thing that needs attention.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub severity: Severity,
    /// `training job red`.
    pub what: String,
    pub why: String,
    /// Where one sees to it.
    pub place: Place,
    /// Since when, in epoch milliseconds; 0 when nobody knows.
    pub at: i64,
}

/// `(severity, newest first, kind, name)`.
type Rank = (Severity, Reverse<i64>, &'static str, Key);

#[derive(Debug, Default)]
pub struct Attention {
    /// What matters until it is mended.
    standing: BTreeMap<Rank, Item>,
    /// Failed jobs, which nobody can mend: they fade.
    jobs: BTreeMap<Rank, Item>,
    ranks: HashMap<(&'static str, Key), Rank>,
    /// Endpoints in service, by the time from which on nothing is known to have asked them.
    quiet: BTreeSet<(i64, Key)>,
    since: HashMap<Key, i64>,
    /// Requests so far, by endpoint, as the traffic stream tells them.
    asked: HashMap<Key, u64>,
    /// When the traffic stream began, in epoch milliseconds: before it nothing is known.
    heard: Option<i64>,
}

impl Attention {
    pub(super) fn forget(&mut self) {
        self.standing.clear();
        self.jobs.clear();
        self.ranks.clear();
        self.quiet.clear();
        self.since.clear();
    }

    pub(super) fn row(&mut self, row: &Row) {
        let Some(kind) = known(&row.kind) else { return };
        let key = key(&row.name);
        self.drop_item(kind, &key);
        if let Some((severity, why)) = judged(kind, row) {
            let at = millis(row.modified);
            let what = format!("{} {}", super::noun(kind), row.name);
            let screen = screen(kind);
            let place = Place::of(screen, &*row.name);
            let rank = (severity, Reverse(at), kind, key.clone());
            let item = Item { severity, what, why, place, at };
            let fades = kind == kind::TRAINING_JOB;
            let items = if fades { &mut self.jobs } else { &mut self.standing };
            items.insert(rank.clone(), item);
            self.ranks.insert((kind, key.clone()), rank);
        }
        if kind == kind::ENDPOINT {
            self.endpoint(row, key);
        }
    }

    pub(super) fn gone(&mut self, of: &str, name: &str) {
        let Some(kind) = known(of) else { return };
        let key = key(name);
        self.drop_item(kind, &key);
        if kind == kind::ENDPOINT {
            self.no_longer_quiet(&key);
            self.asked.remove(&key);
        }
    }

    fn drop_item(&mut self, kind: &'static str, key: &Key) {
        if let Some(rank) = self.ranks.remove(&(kind, Key::clone(key))) {
            self.standing.remove(&rank);
            self.jobs.remove(&rank);
        }
    }

    fn endpoint(&mut self, row: &Row, key: Key) {
        if row.status != "InService" {
            self.no_longer_quiet(&key);
        } else if !self.since.contains_key(&key) {
            // Asked before this stream began: when, nobody told.
            let asked = self.asked.get(&key).is_some_and(|asked| *asked > 0);
            let since = if asked { self.heard.unwrap_or(0) } else { millis(row.modified) };
            self.quiet_since(key, since);
        }
    }

    fn quiet_since(&mut self, key: Key, at: i64) {
        self.no_longer_quiet(&key);
        self.quiet.insert((at, Key::clone(&key)));
        self.since.insert(key, at);
    }

    fn no_longer_quiet(&mut self, key: &Key) {
        if let Some(at) = self.since.remove(key) {
            self.quiet.remove(&(at, Key::clone(key)));
        }
    }

    /// A line of `/_sagebrush/live`.
    pub(super) fn traffic(&mut self, line: &Value) {
        let Some(at) = line.get("at").and_then(Value::as_f64).map(millis) else { return };
        self.heard.get_or_insert(at);
        let endpoints = line.get("endpoints").and_then(Value::as_array);
        for endpoint in endpoints.into_iter().flatten() {
            let Some(name) = endpoint.get("endpoint").and_then(Value::as_str) else { continue };
            let variants = endpoint.get("variants").and_then(Value::as_array);
            let count = |variant: &Value| variant.get("invocations").and_then(Value::as_u64);
            let asked: u64 = variants.into_iter().flatten().filter_map(count).sum();
            let key = key(name);
            let before = self.asked.insert(Key::clone(&key), asked);
            if self.since.contains_key(&key) && before != Some(asked) && asked > 0 {
                self.quiet_since(key, at);
            }
        }
    }

    /// Endpoints that nobody has asked for long, the longest first.
    fn idle(&self, now: i64) -> impl Iterator<Item = (i64, &Key, bool)> {
        // Before the stream has told of traffic, silence says nothing.
        let until = if self.heard.is_some() { now - IDLE } else { i64::MIN };
        self.quiet
            .iter()
            .take_while(move |(since, _)| *since <= until)
            .map(|(since, key)| (*since, key, self.asked.get(key).is_some_and(|asked| *asked > 0)))
    }
}

impl Mirror {
    /// What needs attention now, the gravest first and of equals the newest, at most so many.
    pub fn attention(&self, now: i64, most: usize) -> Vec<Item> {
        let mut items: Vec<Item> = self.of_link().into_iter().collect();
        items.extend(self.attention.standing.values().take(most).cloned());
        let fresh = |item: &&Item| now - item.at < JOB_MATTERS;
        let bad = |severity| (severity, Reverse(i64::MAX), "", Key::from(""));
        for severity in [Severity::Bad, Severity::Warn] {
            // Of one severity the newest come first, so the first stale one ends it.
            let of_it = self.attention.jobs.range(bad(severity)..).map(|(_, item)| item);
            let of_it = of_it.take_while(|item| item.severity == severity);
            items.extend(of_it.take_while(fresh).take(most).cloned());
        }
        items.extend(
            self.attention
                .idle(now)
                .take(LOOKED_AT)
                .filter_map(|idle| self.of_idle(idle, now))
                .take(most),
        );
        items.extend(self.of_dropped());
        items.sort_by_key(|item| (item.severity, Reverse(item.at)));
        items.truncate(most);
        items
    }

    /// How many things need attention in all, and whether there may be more: prices of very many idle
    /// endpoints are not all looked up.
    pub fn attention_count(&self, now: i64) -> (usize, bool) {
        let fresh = |item: &&Item| now - item.at < JOB_MATTERS;
        let jobs = self.attention.jobs.values().filter(fresh).count();
        let idle = self.attention.idle(now).take(LOOKED_AT);
        let idle = idle.filter(|one| self.of_idle(*one, now).is_some()).count();
        let more = self.attention.idle(now).nth(LOOKED_AT).is_some();
        let others = usize::from(self.of_link().is_some()) + self.of_dropped().len();
        (self.attention.standing.len() + jobs + idle + others, more)
    }

    fn of_link(&self) -> Option<Item> {
        let (what, why) = match self.link.as_ref()? {
            Link::Lost { why } => ("the region has gone", why),
            Link::Failed { why } => ("no region", why),
            _ => return None,
        };
        let (severity, place) = (Severity::Bad, Place::new("settings"));
        Some(Item { severity, what: what.into(), why: why.clone(), place, at: i64::MAX })
    }

    /// Serverless endpoints, and instances without a known price, are not known to cost anything.
    fn of_idle(&self, (since, key, ever): (i64, &Key, bool), now: i64) -> Option<Item> {
        let row = self.row(kind::ENDPOINT, key)?;
        let hourly = hourly(self, row).filter(|hourly| *hourly > Money::ZERO)?;
        let span = Timestamp::from_millis(now).since(Timestamp::from_millis(since));
        let span = format::duration(span);
        let cost = format!("costs {}/h", format::money(Some(hourly)));
        let why = match ever {
            true => format!("no request for {span} or longer, {cost}"),
            false => format!("no request since it was put in service {span} ago, {cost}"),
        };
        let what = format!("endpoint {}", row.name);
        let place = Place::of("endpoint", &*row.name);
        Some(Item { severity: Severity::Warn, what, why, place, at: since })
    }

    /// What the workbench could not keep, and what the region turned away.
    fn of_dropped(&self) -> Vec<Item> {
        let here = self.dropped.iter().filter(|(_, count)| **count > 0).map(|(what, count)| {
            (format!("{what} dropped"), format!("{} here", format::count(*count)))
        });
        let bounds = self.engine.get("bounds").and_then(Value::as_array);
        let there = bounds.into_iter().flatten().filter_map(|bound| {
            let dropped =
                bound.get("dropped").and_then(Value::as_u64).filter(|count| *count > 0)?;
            let text = |member: &str| bound.get(member).and_then(Value::as_str);
            let how = text("dropped_what").unwrap_or("dropped");
            Some((text("what")?.to_owned(), format!("{} {how}", format::count(dropped))))
        });
        let item = |(what, why)| Item {
            severity: Severity::Warn,
            what,
            why,
            place: Place::new("settings"),
            at: 0,
        };
        here.chain(there).map(item).collect()
    }
}

/// What the endpoint's instances cost an hour, as far as prices are known.
pub fn hourly(mirror: &Mirror, endpoint: &Row) -> Option<Money> {
    let config = mirror.row(kind::ENDPOINT_CONFIG, endpoint.text("EndpointConfigName"))?;
    let variants = config.list("ProductionVariants").iter();
    let price = |variant: &Value| {
        let name = variant.get("InstanceType").and_then(Value::as_str)?;
        let price = Catalog::builtin().get(name)?.hosting.as_ref()?;
        let count = variant.get("InitialInstanceCount").and_then(Value::as_u64).unwrap_or(1);
        let count = i128::from(running(endpoint, variant).unwrap_or(count));
        Some(Money::from_nanos(price.per_hour.as_nanos().saturating_mul(count)))
    };
    let prices: Vec<Money> = variants.filter_map(price).collect();
    (!prices.is_empty()).then(|| prices.into_iter().sum())
}

/// How many instances the endpoint itself says that the variant has.
fn running(endpoint: &Row, variant: &Value) -> Option<u64> {
    let name = variant.get("VariantName")?;
    let own = endpoint.list("ProductionVariants").iter();
    own.filter(|own| own.get("VariantName") == Some(name))
        .find_map(|own| own.get("CurrentInstanceCount")?.as_u64())
}

/// What is wrong with a row, if anything.
fn judged(kind: &str, row: &Row) -> Option<(Severity, String)> {
    let reason = row.text("FailureReason");
    let told = |or: &str| if reason.is_empty() { or.to_owned() } else { reason.to_owned() };
    match (kind, row.status.as_str()) {
        (kind::MODEL_PACKAGE, "Failed") => Some((Severity::Bad, told("it could not be made"))),
        (kind::MODEL_PACKAGE, _) => (row.text("ModelApprovalStatus") == "PendingManualApproval")
            .then(|| (Severity::Ask, "waits for approval".to_owned())),
        (_, "Failed") => Some((Severity::Bad, told("it failed without a word"))),
        (kind::ENDPOINT, "UpdateRollbackFailed") => {
            Some((Severity::Bad, told("its update could not be rolled back")))
        }
        (kind::ENDPOINT, "OutOfService") => {
            Some((Severity::Bad, told("it takes no requests and cannot be updated")))
        }
        (kind::ENDPOINT, "RollingBack") => Some((Severity::Warn, told("its update is undone"))),
        (kind::ENDPOINT, "InService") if !reason.is_empty() => {
            Some((Severity::Warn, format!("its last update did not succeed: {reason}")))
        }
        (kind::TRAINING_JOB, "Stopped") if row.text("SecondaryStatus").starts_with("Max") => {
            Some((Severity::Warn, "stopped at its longest allowed time".to_owned()))
        }
        _ => None,
    }
}

/// The kinds that are looked at.
fn known(of: &str) -> Option<&'static str> {
    [kind::ENDPOINT, kind::TRAINING_JOB, kind::MODEL_PACKAGE].into_iter().find(|kind| *kind == of)
}

fn screen(kind: &str) -> &'static str {
    match kind {
        kind::ENDPOINT => "endpoint",
        kind::TRAINING_JOB => "job",
        _ => "package",
    }
}

fn millis(seconds: f64) -> i64 {
    Timestamp::from_secs_f64(seconds).map_or(0, Timestamp::as_millis)
}

#[cfg(test)]
mod tests;
