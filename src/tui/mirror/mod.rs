//! The region as the workbench knows it: a copy, kept current by the watch stream and the live
//! streams, that every screen reads and none changes.

mod attention;
mod bill;
pub mod lineage;
pub mod live;
mod note;
mod rows;

pub use attention::{Attention, Item, Severity, hourly};
pub use bill::{Account, Bill};
pub use live::Live;
pub use note::{Note, Notes};
pub use rows::{Changes, Rows};

use super::msg::{Credentials, Line, Link, Load, Msg};
use super::row::Row;
use crate::domain::kind;
use serde_json::Value;
use std::collections::BTreeMap;

/// Rows of kinds that nothing was heard of.
static NONE: std::sync::LazyLock<Rows> = std::sync::LazyLock::new(Rows::default);

pub use crate::domain::kind::BUCKET;

#[derive(Debug, Default)]
pub struct Mirror {
    kinds: BTreeMap<String, Rows>,
    /// The revision of the last line.
    pub revision: u64,
    /// Whether the snapshot is whole.
    pub ready: bool,
    pub link: Option<Link>,
    /// What `/_sagebrush/health` said at the last connection.
    pub health: Value,
    pub address: String,
    /// What has happened lately, newest last.
    pub notes: Notes,
    /// What `/_sagebrush/cost` said last.
    pub cost: Value,
    /// The same by name.
    pub bill: Bill,
    /// What `/_sagebrush/engine` said last.
    pub engine: Value,
    /// What moves: rates, latencies, instances.
    pub live: Live,
    /// Traffic that the workbench itself sends, by endpoint.
    pub loads: BTreeMap<String, Load>,
    /// What could not be kept, by what it was.
    pub dropped: BTreeMap<String, u64>,
    /// The region's key, once somebody has asked for it.
    pub credentials: Option<Credentials>,
    attention: Attention,
    /// Rows of a snapshot that is on its way; they replace the old ones once it is whole.
    arriving: Option<BTreeMap<String, Vec<Row>>>,
}

impl Mirror {
    pub fn rows(&self, kind: &str) -> &Rows {
        self.kinds.get(kind).unwrap_or(&NONE)
    }

    /// One row, by its name in any case.
    pub fn row(&self, kind: &str, name: &str) -> Option<&std::sync::Arc<Row>> {
        self.rows(kind).get(name)
    }

    pub fn connected(&self) -> bool {
        matches!(self.link, Some(Link::Connected { .. }))
    }

    /// How many things were dropped, of whatever kind.
    pub fn dropped(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Takes in what a message says of the region.
    pub fn take(&mut self, msg: &Msg) {
        match msg {
            Msg::Link(link) => self.link(link),
            Msg::Region(lines) => lines.iter().for_each(|line| self.line(line)),
            Msg::Traffic(line) => {
                self.attention.traffic(line);
                self.live.traffic(line);
                self.note_happened();
            }
            Msg::Credentials(credentials) => self.credentials = Some(credentials.clone()),
            Msg::Endpoint { name, line } => {
                self.live.endpoint(name, line, self.loads.get(&name.to_lowercase()));
            }
            Msg::Cost(cost) => self.cost(cost),
            Msg::Engine(engine) => self.engine = engine.clone(),
            Msg::Load(load) => self.load(load),
            Msg::Dropped { what, count } => *self.dropped.entry(what.clone()).or_default() += count,
            Msg::Logs(logs) if logs.missed > 0 => {
                *self.dropped.entry("log batches".into()).or_default() += logs.missed;
            }
            _ => {}
        }
    }

    /// Time passes: traffic that says nothing any more has ended.
    pub fn passes(&mut self, now: i64) {
        self.live.traffic.passes(now as f64 / 1000.0);
        self.note_happened();
    }

    /// Notes what the traffic stream has told since the last look: shifts, instances, deployments, and
    /// where traffic begins and ends.
    fn note_happened(&mut self) {
        for (endpoint, mark) in self.live.traffic.happened() {
            let row = self.row(kind::ENDPOINT, &endpoint);
            let name = row.map_or(&*endpoint, |row| &row.name).to_owned();
            self.notes.told(Note::of_mark(&name, &mark));
        }
    }

    /// What has ended keeps its figures: they are what was sent for.
    fn load(&mut self, load: &Load) {
        let known = self.loads.entry(load.endpoint.to_lowercase()).or_default();
        if load.running || load.requests > 0 {
            known.clone_from(load);
        } else {
            known.endpoint.clone_from(&load.endpoint);
            known.running = false;
            known.last_error.clone_from(&load.last_error);
        }
    }

    /// Totals come without the lists, which stay as they were.
    fn cost(&mut self, cost: &Value) {
        self.bill.read(cost);
        let before = std::mem::replace(&mut self.cost, cost.clone());
        for list in ["TrainingJobs", "Endpoints"] {
            if let Some(cost) = self.cost.as_object_mut()
                && let Some(lines) = before.get(list)
            {
                cost.entry(list).or_insert_with(|| lines.clone());
            }
        }
    }

    fn link(&mut self, link: &Link) {
        if let Link::Connected { health, address, .. } = link {
            self.health = health.clone();
            self.address = address.clone();
        }
        self.link = Some(link.clone());
    }

    fn line(&mut self, line: &Line) {
        match line {
            Line::Snapshot { revision, .. } => {
                // The first one is shown as it comes; a later one, with its revision, when it is whole.
                self.arriving = self.ready.then(BTreeMap::new);
                if !self.ready {
                    self.revision = *revision;
                    self.kinds.clear();
                    self.attention.forget();
                }
            }
            Line::Row(row) => match &mut self.arriving {
                Some(arriving) => arriving.entry(row.kind.clone()).or_default().push(row.clone()),
                None => {
                    // What there is has happened before anybody looked.
                    self.notes.told_before(row);
                    self.put(row.clone());
                }
            },
            Line::Ready(revision) => {
                self.revision = *revision;
                self.ready = true;
                if let Some(arriving) = self.arriving.take() {
                    self.replace(arriving);
                }
            }
            Line::Changed { revision, at, created, row } => {
                self.revision = *revision;
                let before = self.row(&row.kind, &row.name).cloned();
                self.notes.change(*at, *created, before.as_deref(), row);
                self.put(row.clone());
            }
            Line::Deleted { revision, at, kind, name } => {
                self.revision = *revision;
                if let Some(rows) = self.kinds.get_mut(kind)
                    && rows.remove(name).is_some()
                {
                    self.attention.gone(kind, name);
                    self.notes.deletion(*at, kind, name);
                }
                if kind == kind::ENDPOINT {
                    self.live.forget(name);
                }
            }
            Line::Resync(why) => self.notes.resync(why),
            Line::Heartbeat => {}
        }
    }

    fn put(&mut self, row: Row) {
        self.attention.row(&row);
        self.kinds.entry(row.kind.clone()).or_default().put(row);
    }

    fn replace(&mut self, mut arrived: BTreeMap<String, Vec<Row>>) {
        for (kind, rows) in &mut self.kinds {
            rows.replace(arrived.remove(kind).unwrap_or_default());
        }
        for (kind, rows) in arrived {
            self.kinds.entry(kind).or_default().replace(rows);
        }
        if let Some(endpoints) = self.kinds.get(kind::ENDPOINT) {
            self.live.retain(|name| endpoints.get(name).is_some());
        }
        self.attention.forget();
        for (_, row) in self.kinds.values().flat_map(Rows::iter) {
            self.attention.row(row);
        }
    }
}

/// What people call a kind.
pub fn noun(kind: &str) -> &str {
    match kind {
        kind::MODEL => "model",
        kind::MODEL_PACKAGE_GROUP => "group",
        kind::MODEL_PACKAGE => "package",
        kind::ENDPOINT_CONFIG => "configuration",
        kind::ENDPOINT => "endpoint",
        kind::TRAINING_JOB => "training job",
        other => other,
    }
}

#[cfg(test)]
mod tests;
