//! What the gateway counts of itself: everything that is bounded, and what was turned away for it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Shared by the workers, the streams and whoever shows them.
#[derive(Default)]
pub(super) struct Gauges {
    /// Connections being served now.
    pub(super) open: AtomicUsize,
    /// How many there may be.
    pub(super) capacity: AtomicUsize,
    /// Connections that were turned away since the start because there were so many.
    pub(super) turned_away: AtomicU64,
    /// Bodies refused because there was no room for them in memory.
    pub(super) crowded: AtomicU64,
    /// Streams refused because there were so many.
    pub(super) streams_refused: AtomicU64,
    /// Batches of log lines that followers missed because they read too slowly.
    pub(super) batches_missed: AtomicU64,
    /// Readings of training jobs that followers missed.
    pub(super) readings_missed: AtomicU64,
    /// Changes that were rendered for watchers, however many watch.
    pub(super) changes_rendered: AtomicU64,
    /// Pages of changes that were handed to a watcher and had been rendered for another.
    pub(super) pages_shared: AtomicU64,
    /// Documents that were too large for a worker's thread and were decoded elsewhere.
    pub(super) decoded_elsewhere: AtomicU64,
    /// Times that a watcher had to start from a new snapshot.
    pub(super) resyncs: AtomicU64,
}

impl Gauges {
    pub(super) fn count(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
