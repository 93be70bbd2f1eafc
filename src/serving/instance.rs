//! The live side of a container that takes requests: how many it has in flight, whether it is on its
//! way out, and when it has finished what it had.

use super::InstanceTarget;
use super::recorder::Interval;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

/// A number that no other call of this process gets.
pub(super) fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The live side of an [`InstanceTarget`].
pub(super) struct Instance {
    /// Unique in the process; keys connection pools.
    pub key: u64,
    pub target: InstanceTarget,
    /// What the history takes once a second.
    pub interval: Interval,
    in_flight: AtomicU64,
    /// Its last ping was not answered in time: it gets requests only when every other is so too.
    overdue: AtomicBool,
    retired: AtomicBool,
    drained: Notify,
}

impl Instance {
    pub(super) fn new(target: InstanceTarget) -> Self {
        Self {
            key: unique(),
            target,
            interval: Interval::default(),
            in_flight: AtomicU64::new(0),
            overdue: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            drained: Notify::new(),
        }
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn is_overdue(&self) -> bool {
        self.overdue.load(Ordering::Relaxed)
    }

    pub(super) fn set_overdue(&self, overdue: bool) {
        self.overdue.store(overdue, Ordering::Relaxed);
    }

    pub(super) fn retire(&self) {
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
    pub(super) fn new(instances: Vec<Arc<Instance>>) -> Self {
        Self { instances }
    }

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
