//! Gives every endpoint a task of its own and pokes it when its row changes.

use super::super::Region;
use super::actor::{Actor, variant_table};
use super::machine::Status;
use super::record::{self, Variant};
use crate::domain::kind;
use crate::serving::EndpointTable;
use crate::store::{Changed, Query, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

/// How often all rows are looked at, in case an event was missed.
const ROUND: Duration = Duration::from_secs(30);

/// What the endpoints' tasks share.
pub(super) struct Hall {
    pub region: Arc<Region>,
    /// How many instances may be starting at once; a start keeps about one core busy.
    pub slots: Arc<Semaphore>,
    /// By lower-cased name; the endpoints that have a task.
    pokes: Mutex<HashMap<String, Arc<Notify>>>,
    /// Endpoints whose task has just ended: one of that name may have been created meanwhile.
    left: Mutex<Vec<String>>,
}

/// An endpoint's place among the others; given up however its task ends.
pub(super) struct Seat {
    hall: Arc<Hall>,
    key: String,
}

impl Seat {
    pub fn hall(&self) -> &Hall {
        &self.hall
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.hall.pokes).remove(&self.key);
        lock(&self.hall.left).push(std::mem::take(&mut self.key));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Publishes every endpoint that serves by its row. Until its instances are there a request is
/// answered that it may come again (503); "not found" would be no answer to a name that the region
/// has acknowledged.
pub fn publish_known(region: &Region) -> Result<(), StoreError> {
    for name in names(region)? {
        let Some(record) = record::load(region, &name)? else { continue };
        let serves = matches!(
            record.status,
            Status::InService | Status::OutOfService | Status::Updating | Status::RollingBack
        );
        if let Some(fleet) = record.private.fleet.filter(|_| serves) {
            let starting =
                |variant: &Variant| variant_table(variant, variant.desired_weight, Vec::new());
            let variants = fleet.variants.iter().map(starting).collect();
            drop(region.plane().publish(EndpointTable { name: record.row.name, variants }));
        }
    }
    Ok(())
}

fn names(region: &Region) -> Result<Vec<String>, StoreError> {
    region.store().read(|snapshot| {
        let mut names = Vec::new();
        let mut query = Query { kind: kind::ENDPOINT.into(), limit: 1000, ..Query::default() };
        loop {
            let page = snapshot.list(&query)?;
            names.extend(page.rows.into_iter().map(|row| row.name));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(names),
            }
        }
    })
}

/// Keeps all endpoints as their rows ask for until the region stops.
pub async fn reconcile(region: Arc<Region>) {
    let mut events = region.store().subscribe();
    let mut stopping = region.stopping();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let hall = Arc::new(Hall {
        region,
        slots: Arc::new(Semaphore::new((2 * cores).max(4))),
        pokes: Mutex::default(),
        left: Mutex::default(),
    });
    let mut tasks = JoinSet::new();
    hall.adopt_all(&mut tasks);
    let mut round = tokio::time::interval_at(tokio::time::Instant::now() + ROUND, ROUND);
    while !*stopping.borrow() {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) if event.kind == kind::ENDPOINT => match event.change {
                    Changed::Created | Changed::Updated => hall.adopt(&event.name, &mut tasks),
                    Changed::Deleted => hall.poke(&event.name),
                },
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => hall.adopt_all(&mut tasks),
                Err(RecvError::Closed) => break,
            },
            Some(_) = tasks.join_next() => hall.adopt_left(&mut tasks),
            _ = round.tick() => hall.adopt_all(&mut tasks),
            _ = stopping.changed() => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

impl Hall {
    fn adopt_all(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        match names(&self.region) {
            Ok(names) => names.iter().for_each(|name| self.adopt(name, tasks)),
            Err(fault) => tracing::error!(%fault, "cannot read the endpoints"),
        }
    }

    /// Looks once more at endpoints whose task has ended.
    fn adopt_left(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        // Taken before the loop, which would hold the lock to its end: see `adopt`.
        let left = std::mem::take(&mut *lock(&self.left));
        for name in left {
            let row =
                self.region.store().read(|snapshot| snapshot.get_any_case(kind::ENDPOINT, &name));
            match row {
                Ok(Some(row)) => self.adopt(&row.name, tasks),
                Ok(None) => {}
                Err(fault) => tracing::error!(%fault, name, "cannot read an endpoint"),
            }
        }
    }

    /// Pokes the endpoint's task, or makes it one.
    fn adopt(self: &Arc<Self>, name: &str, tasks: &mut JoinSet<()>) {
        let key = name.to_lowercase();
        let mut pokes = lock(&self.pokes);
        if let Some(poke) = pokes.get(&key) {
            poke.notify_one();
            return;
        }
        let poke = Arc::new(Notify::new());
        pokes.insert(key.clone(), Arc::clone(&poke));
        // A runtime that shuts down drops the task at once, and its seat takes the lock.
        drop(pokes);
        let seat = Seat { hall: Arc::clone(self), key };
        tasks.spawn(Actor::new(seat, name.to_owned(), poke).run());
    }

    fn poke(&self, name: &str) {
        if let Some(poke) = lock(&self.pokes).get(&name.to_lowercase()) {
            poke.notify_one();
        }
    }
}
