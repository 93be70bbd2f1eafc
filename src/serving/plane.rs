//! The published tables and what outlives them: draws, recorders, requests in flight.

use super::history::{Cursor, History, Mark, MarkedEvent, Recent};
use super::instance::{Instance, Retired, unique};
use super::recorder::Recorders;
use super::{EndpointTable, InstanceTarget, Routing, VariantStatistics, VariantTable};
use crate::domain::arn::Place;
use crate::domain::pick::Weights;
use crate::domain::seed::{Seed, unit};
use crate::domain::time::{Clock, SystemClock, Timestamp};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// By how many requests an instance may be ahead of twice the idlest one of its variant before it
/// is passed over, when instances are drawn at random.
const STUCK: u64 = 8;

/// All endpoints that take invocations. Readers never wait; writers publish whole tables.
pub struct Plane {
    place: Place,
    seed: Seed,
    /// By name.
    endpoints: ArcSwap<HashMap<Arc<str>, Arc<Endpoint>>>,
    /// Grows with every change; tells connection pools when to look for retired instances.
    generation: AtomicU64,
    /// Makes read-change-publish one step for writers.
    publishing: Mutex<()>,
    history: History,
    clock: Arc<dyn Clock>,
}

impl Plane {
    pub fn new(place: Place, seed: u64) -> Self {
        Self::with_clock(place, seed, Arc::new(SystemClock))
    }

    /// With the clock that stamps what happens to endpoints.
    pub fn with_clock(place: Place, seed: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            place,
            seed: Seed(seed),
            endpoints: ArcSwap::default(),
            generation: AtomicU64::new(0),
            publishing: Mutex::new(()),
            history: History::default(),
            clock,
        }
    }

    /// Puts `table` into force for every request that is routed from now on. What it no longer
    /// names is retired: those instances finish what they have in flight and get nothing new.
    /// Statistics and draws carry on by name, requests in flight by instance id.
    pub fn publish(&self, table: EndpointTable) -> Retired {
        let name = table.name.clone();
        self.replace(&name, |previous| Some(Endpoint::new(table, previous, self.seed)))
    }

    /// Takes the endpoint out: requests find it no more, those in flight are finished.
    pub fn withdraw(&self, name: &str) -> Retired {
        self.replace(name, |_| None)
    }

    fn replace(
        &self,
        key: &str,
        change: impl FnOnce(Option<&Endpoint>) -> Option<Endpoint>,
    ) -> Retired {
        let _one_at_a_time = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut endpoints = HashMap::clone(&self.endpoints.load());
        let previous = endpoints.remove(key);
        let next = change(previous.as_deref()).map(Arc::new);
        if let Some(next) = &next {
            self.mark_change(previous.as_deref(), next);
            endpoints.insert(key.into(), Arc::clone(next));
        }
        self.endpoints.store(Arc::new(endpoints));

        let kept: Vec<u64> = next.iter().flat_map(|next| next.instances()).map(|i| i.key).collect();
        let retired: Vec<Arc<Instance>> = previous
            .iter()
            .flat_map(|previous| previous.instances())
            .filter(|instance| !kept.contains(&instance.key))
            .map(Arc::clone)
            .collect();
        for instance in &retired {
            instance.retire();
        }
        self.generation.fetch_add(1, Ordering::Release);
        Retired::new(retired)
    }

    /// Notes what a publication changes: shares of the traffic, instances that come and go.
    fn mark_change(&self, previous: Option<&Endpoint>, next: &Endpoint) {
        let (flow, at) = (next.flow_id(), self.clock.now());
        let mark = |event| self.history.mark(Mark { flow, at, event });
        let shares = next.shares();
        if previous.is_none_or(|previous| previous.shares() != shares) {
            next.shift(at);
            mark(MarkedEvent::Weights(shares));
        }
        let ids = |endpoint: &Endpoint| -> HashMap<String, String> {
            let each = |(table, variant): (&VariantTable, &Variant)| {
                let named = |one: &Arc<Instance>| (one.target.id.clone(), table.name.clone());
                variant.instances.iter().map(named).collect::<Vec<_>>()
            };
            endpoint.with_tables().flat_map(each).collect()
        };
        let (before, after) = (previous.map(ids).unwrap_or_default(), ids(next));
        for (instance, variant) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
            let (variant, instance) = (variant.clone(), instance.clone());
            mark(MarkedEvent::OutOfService { variant, instance });
        }
        for (instance, variant) in after.into_iter().filter(|(id, _)| !before.contains_key(id)) {
            mark(MarkedEvent::InService { variant, instance });
        }
    }

    /// Says whether the instance's ping is overdue; nothing when it is not published.
    pub fn set_overdue(&self, name: &str, instance: &str, overdue: bool) {
        let Some(endpoint) = self.endpoint(name) else { return };
        for known in endpoint.instances().filter(|known| known.target.id == instance) {
            known.set_overdue(overdue);
        }
    }

    /// Notes what a published endpoint's deployment has come to.
    pub fn mark(&self, name: &str, event: MarkedEvent) {
        if let Some(endpoint) = self.endpoint(name) {
            self.history.mark(Mark { flow: endpoint.flow_id(), at: self.clock.now(), event });
        }
    }

    /// Writes down what has happened since the last call, as one second of the history. Called once
    /// a second; off the invocation path.
    pub fn sample(&self) {
        self.history.sample(self.published().values(), self.clock.now());
    }

    /// What has happened to one endpoint since the reader last read, at most five minutes ago.
    pub fn recent_of(&self, endpoint: &Endpoint, cursor: &mut Cursor) -> Recent {
        let own = endpoint.flow_id();
        self.history.read(cursor, |flow| flow == own)
    }

    /// What has happened in the whole plane since the reader last read, at most five minutes ago.
    pub fn recent(&self, cursor: &mut Cursor) -> Vec<(String, Recent)> {
        let published = self.published();
        let names: HashMap<u64, &str> =
            published.values().map(|each| (each.flow_id(), each.table.name.as_str())).collect();
        let all = self.history.read(cursor, |flow| names.contains_key(&flow));
        let mut by_flow: HashMap<u64, Recent> = HashMap::new();
        for sample in all.samples {
            by_flow.entry(sample.flow).or_default().samples.push(sample);
        }
        for mark in all.marks {
            by_flow.entry(mark.flow).or_default().marks.push(mark);
        }
        let named = |(flow, recent)| Some(((*names.get(&flow)?).to_owned(), recent));
        let mut recent: Vec<_> = by_flow.into_iter().filter_map(named).collect();
        recent.sort_by(|(a, _), (b, _)| a.cmp(b));
        recent
    }

    #[cfg(test)]
    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// Bytes that the history takes, and seconds that it had to drop before their time.
    pub fn history_weight(&self) -> (usize, u64) {
        self.history.weight()
    }

    /// The endpoint as published now.
    pub fn endpoint(&self, name: &str) -> Option<Arc<Endpoint>> {
        self.endpoints.load().get(name).cloned()
    }

    /// All endpoints as published now, by name.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        let mut all: Vec<_> = self.endpoints.load().values().cloned().collect();
        all.sort_by(|a, b| a.table.name.cmp(&b.table.name));
        all
    }

    /// What was measured so far, variant by variant; `None` when there is no such endpoint.
    pub fn statistics(&self, name: &str) -> Option<Vec<VariantStatistics>> {
        self.endpoint(name).map(|endpoint| endpoint.statistics())
    }

    /// All endpoints as published now, in no order and without a copy of them.
    pub(super) fn published(&self) -> Arc<HashMap<Arc<str>, Arc<Endpoint>>> {
        self.endpoints.load_full()
    }

    /// Whether nothing is in flight on the endpoint. An endpoint that is not published is idle.
    pub fn is_idle(&self, name: &str) -> bool {
        self.endpoint(name)
            .is_none_or(|endpoint| endpoint.instances().all(|instance| instance.in_flight() == 0))
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

/// A published endpoint: its table and the live state behind it.
pub struct Endpoint {
    pub(super) table: EndpointTable,
    weights: Weights,
    /// In the table's order.
    pub(super) variants: Vec<Variant>,
    flow: Arc<Flow>,
    /// Unique in the process: tells one publication from the next.
    pub(super) number: u64,
}

/// What carries on from table to table of one endpoint.
struct Flow {
    /// Unique in the process.
    id: u64,
    seed: Seed,
    /// Requests that were split by weight so far: the n-th request's variant depends on n alone.
    split: AtomicU64,
    /// Requests that named their variant so far.
    targeted: AtomicU64,
    shift: Mutex<Shift>,
}

/// The last change of the split.
#[derive(Clone, Default)]
struct Shift {
    at: Timestamp,
    /// By variant: how many invocations it had before.
    invocations: HashMap<String, u64>,
}

pub(super) struct Variant {
    pub recorders: Arc<Recorders>,
    pub instances: Vec<Arc<Instance>>,
}

impl Endpoint {
    fn new(table: EndpointTable, previous: Option<&Self>, seed: Seed) -> Self {
        let known: HashMap<&str, &Arc<Instance>> = previous
            .into_iter()
            .flat_map(Self::instances)
            .map(|instance| (instance.target.id.as_str(), instance))
            .collect();
        let instance = |target: &InstanceTarget| match known.get(target.id.as_str()) {
            Some(instance) if instance.target == *target => Arc::clone(instance),
            _ => Arc::new(Instance::new(target.clone())),
        };
        // By name, also within one table: while a deployment runs, a variant stands in it twice.
        let mut recorders: HashMap<&str, Arc<Recorders>> = HashMap::new();
        for (table, variant) in previous.iter().flat_map(|previous| previous.with_tables()) {
            recorders.insert(&table.name, Arc::clone(&variant.recorders));
        }
        let variants = table
            .variants
            .iter()
            .map(|variant| Variant {
                recorders: Arc::clone(recorders.entry(&variant.name).or_default()),
                instances: variant.instances.iter().map(instance).collect(),
            })
            .collect();
        let flow = previous.map_or_else(
            || {
                Arc::new(Flow {
                    id: unique(),
                    seed: seed.named(&table.name.to_lowercase()),
                    split: AtomicU64::new(0),
                    targeted: AtomicU64::new(0),
                    shift: Mutex::default(),
                })
            },
            |previous| Arc::clone(&previous.flow),
        );
        let weights = Weights::new(table.variants.iter().map(|variant| variant.weight));
        Self { table, weights, variants, flow, number: unique() }
    }

    pub fn table(&self) -> &EndpointTable {
        &self.table
    }

    /// The index of a variant by its exact name.
    pub(super) fn variant(&self, name: &str) -> Option<usize> {
        self.table.variants.iter().position(|variant| variant.name == name)
    }

    pub(super) fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.variants.iter().flat_map(|variant| &variant.instances)
    }

    pub(super) fn with_tables(&self) -> impl Iterator<Item = (&VariantTable, &Variant)> {
        self.table.variants.iter().zip(&self.variants)
    }

    /// Each variant's share of the traffic, once by name, in the table's order.
    fn shares(&self) -> Vec<(String, f64)> {
        let mut shares: Vec<(String, f64)> = Vec::new();
        for (index, table) in self.table.variants.iter().enumerate() {
            let share = self.weights.share(index);
            match shares.iter_mut().find(|(name, _)| *name == table.name) {
                // Sums of shares that were equal before differ in their last bits.
                Some((_, sum)) => *sum = ((*sum + share) * 1e9).round() / 1e9,
                None => shares.push((table.name.clone(), (share * 1e9).round() / 1e9)),
            }
        }
        shares
    }

    fn shift(&self, at: Timestamp) {
        let invocations = self
            .with_tables()
            .map(|(table, variant)| (table.name.clone(), variant.recorders.counts().invocations))
            .collect();
        *self.flow.shift.lock().unwrap_or_else(PoisonError::into_inner) = Shift { at, invocations };
    }

    fn last_shift(&self) -> Shift {
        self.flow.shift.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the traffic was last split in another way than before.
    pub fn weights_changed(&self) -> Timestamp {
        self.last_shift().at
    }

    /// The same for all publications of one endpoint, until it is withdrawn.
    pub(super) fn flow_id(&self) -> u64 {
        self.flow.id
    }

    /// How many requests the endpoint has taken so far, answered or not.
    pub(super) fn taken(&self) -> u64 {
        self.flow.split.load(Ordering::SeqCst) + self.flow.targeted.load(Ordering::SeqCst)
    }

    /// Requests in flight by instance id.
    pub fn loads(&self) -> HashMap<String, u64> {
        self.instances().map(|each| (each.target.id.clone(), each.in_flight())).collect()
    }

    /// Takes the next draw of the split; [`Endpoint::split`] says where it leads.
    pub(super) fn next_draw(&self) -> Seed {
        Seed(self.flow.seed.bits(self.flow.split.fetch_add(1, Ordering::Relaxed)))
    }

    /// A draw for a request that names its variant; it leaves the split's sequence alone.
    pub(super) fn targeted_draw(&self) -> Seed {
        let n = self.flow.targeted.fetch_add(1, Ordering::Relaxed);
        Seed(self.flow.seed.named("targeted").bits(n))
    }

    /// The variant that a draw falls to under the weights of this table.
    pub(super) fn split(&self, draw: Seed) -> Option<usize> {
        self.weights.pick(unit(draw.0))
    }

    /// The instance of the variant that its routing prefers now. 0 when it has none.
    pub(super) fn prefer(&self, variant: usize, draw: Seed) -> usize {
        let instances = &self.variants[variant].instances;
        let count = instances.len();
        if count < 2 {
            return 0;
        }
        let start = (draw.bits(1) % count as u64) as usize;
        let from_start = || (0..count).map(move |step| (start + step) % count);
        // Ties go to the first from where the draw points.
        let least = || {
            from_start()
                .min_by_key(|index| (instances[*index].is_overdue(), instances[*index].in_flight()))
                .unwrap_or(start)
        };
        match self.table.variants[variant].routing {
            Routing::LeastOutstanding => least(),
            Routing::Random => {
                let drawn =
                    from_start().find(|index| !instances[*index].is_overdue()).unwrap_or(start);
                // Chance makes no such queue: that instance has stopped answering.
                let other = least();
                let is_stuck = instances[drawn].in_flight()
                    > 2 * instances[other].in_flight() + STUCK
                    && !instances[other].is_overdue();
                if is_stuck { other } else { drawn }
            }
        }
    }

    /// The variant's instances in the order in which they are offered a request: `first`, then the
    /// others from there, those with an overdue ping last.
    pub(super) fn offers(
        &self,
        variant: usize,
        first: usize,
    ) -> impl Iterator<Item = &Arc<Instance>> {
        let instances = &self.variants[variant].instances;
        let count = instances.len();
        let others = move |overdue| {
            let others = (1..count).map(move |step| &instances[(first + step) % count]);
            others.filter(move |instance| instance.is_overdue() == overdue)
        };
        instances.get(first).into_iter().chain(others(false)).chain(others(true))
    }

    /// Calls `tell` for each variant with its share, its requests in flight and its instances, in
    /// the table's order. What stands in the table twice (the old fleet's and the new fleet's, while
    /// a deployment runs) is told once, as the sum.
    pub(super) fn each_variant(&self, mut tell: impl FnMut(&str, &Recorders, f64, u64, usize)) {
        let mut told: HashMap<&str, usize> = HashMap::new();
        let mut sums: Vec<(&str, &Recorders, f64, u64, usize)> = Vec::new();
        for (index, (table, variant)) in self.with_tables().enumerate() {
            let at = match told.entry(&table.name) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    sums.push((&table.name, &variant.recorders, 0.0, 0, 0));
                    *new.insert(sums.len() - 1)
                }
            };
            let (_, _, share, in_flight, instances) = &mut sums[at];
            *share += self.weights.share(index);
            *in_flight += variant.instances.iter().map(|each| each.in_flight()).sum::<u64>();
            *instances += variant.instances.len();
        }
        for (name, recorders, share, in_flight, instances) in sums {
            tell(name, recorders, share, in_flight, instances);
        }
    }

    pub fn statistics(&self) -> Vec<VariantStatistics> {
        let mut all = Vec::new();
        let shift = self.last_shift();
        self.each_variant(|name, recorders, share, in_flight, instances| {
            let before_shift = shift.invocations.get(name).copied().unwrap_or_default();
            let read = recorders.read(name);
            all.push(VariantStatistics { share, before_shift, in_flight, instances, ..read });
        });
        all
    }
}
