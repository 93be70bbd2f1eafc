//! The published tables and what outlives them: draws, recorders, requests in flight.

use super::recorder::Recorders;
use super::{EndpointTable, InstanceTarget, Routing, VariantStatistics, VariantTable};
use crate::domain::arn::Place;
use crate::domain::pick::Weights;
use crate::domain::seed::{Seed, unit};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// All endpoints that take invocations. Readers never wait; writers publish whole tables.
pub struct Plane {
    place: Place,
    seed: Seed,
    /// By lower-cased name.
    endpoints: ArcSwap<HashMap<Arc<str>, Arc<Endpoint>>>,
    /// Grows with every change; tells connection pools when to look for retired instances.
    generation: AtomicU64,
    /// Makes read-change-publish one step for writers.
    publishing: Mutex<()>,
}

impl Plane {
    pub fn new(place: Place, seed: u64) -> Self {
        Self {
            place,
            seed: Seed(seed),
            endpoints: ArcSwap::default(),
            generation: AtomicU64::new(0),
            publishing: Mutex::new(()),
        }
    }

    /// Puts `table` into force for every request that is routed from now on. What it no longer
    /// names is retired: those instances finish what they have in flight and get nothing new.
    /// Statistics and draws carry on by name, requests in flight by instance id.
    pub fn publish(&self, table: EndpointTable) -> Retired {
        self.replace(&table.name.to_lowercase(), |previous| {
            Some(Endpoint::new(table, previous, self.seed))
        })
    }

    /// Takes the endpoint out: requests find it no more, those in flight are finished.
    pub fn withdraw(&self, name: &str) -> Retired {
        self.replace(&name.to_lowercase(), |_| None)
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
        Retired { instances: retired }
    }

    /// The endpoint as published now, by its name in any case.
    pub fn endpoint(&self, name: &str) -> Option<Arc<Endpoint>> {
        let endpoints = self.endpoints.load();
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            endpoints.get(name.to_lowercase().as_str()).cloned()
        } else {
            endpoints.get(name).cloned()
        }
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

    fn instances(&self) -> impl Iterator<Item = &Arc<Instance>> {
        self.variants.iter().flat_map(|variant| &variant.instances)
    }

    fn with_tables(&self) -> impl Iterator<Item = (&VariantTable, &Variant)> {
        self.table.variants.iter().zip(&self.variants)
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
        match self.table.variants[variant].routing {
            Routing::Random => start,
            // Ties go to the first from where the draw points.
            Routing::LeastOutstanding => (0..count)
                .map(|step| (start + step) % count)
                .min_by_key(|index| instances[*index].in_flight())
                .unwrap_or(start),
        }
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
        self.each_variant(|name, recorders, share, in_flight, instances| {
            all.push(VariantStatistics { share, in_flight, instances, ..recorders.read(name) });
        });
        all
    }
}

/// A number that no other call of this process gets.
fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The live side of an [`InstanceTarget`].
pub(super) struct Instance {
    /// Unique in the process; keys connection pools.
    pub key: u64,
    pub target: InstanceTarget,
    in_flight: AtomicU64,
    retired: AtomicBool,
    drained: Notify,
}

impl Instance {
    fn new(target: InstanceTarget) -> Self {
        Self {
            key: unique(),
            target,
            in_flight: AtomicU64::new(0),
            retired: AtomicBool::new(false),
            drained: Notify::new(),
        }
    }

    fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// Books a request in, or `None` when the instance was retired meanwhile: the caller reads the
    /// table anew. Counting first and looking second, against a drain that retires first and looks
    /// at the count second, lets no request slip between.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Flight> {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let flight = Flight { instance: Arc::clone(self) };
        (!self.is_retired()).then_some(flight)
    }
}

/// A request in flight on an instance, until dropped.
pub(super) struct Flight {
    pub instance: Arc<Instance>,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let before = self.instance.in_flight.fetch_sub(1, Ordering::SeqCst);
        if before == 1 && self.instance.is_retired() {
            self.instance.drained.notify_waiters();
        }
    }
}

/// Instances that a publication took out of service.
pub struct Retired {
    instances: Vec<Arc<Instance>>,
}

impl Retired {
    /// The ids of the retired containers.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.instances.iter().map(|instance| instance.target.id.as_str())
    }

    /// How many requests the instance of that id still has in flight.
    pub fn in_flight(&self, id: &str) -> u64 {
        let own = self.instances.iter().filter(|instance| instance.target.id == id);
        own.map(|instance| instance.in_flight()).sum()
    }

    /// Returns when none of them has a request in flight any more; then they can be stopped.
    pub async fn drained(&self) {
        for instance in &self.instances {
            loop {
                let notified = instance.drained.notified();
                tokio::pin!(notified);
                // Listen before looking, or the last request's end could pass unheard.
                notified.as_mut().enable();
                if instance.in_flight() == 0 {
                    break;
                }
                notified.await;
            }
        }
    }
}
