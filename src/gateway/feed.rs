//! The region's changes as watchers are told of them, each rendered once for all.
//!
//! Hundreds may watch, and all want the same lines at about the same time. Who asks first for what
//! comes after a revision has it read and rendered; the others, who wait for that, take the same page.
//! The last pages are kept, by count and by bytes, for those that come a little later; who is further
//! behind reads for itself, a few at a time.

use super::gauges::Gauges;
use super::lines::{Changes, Lines, PAGE};
use crate::domain::arn::Place;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, Semaphore};

/// How many pages are kept, of either kind, and how many bytes they may have.
const PAGES: usize = 64;
const BYTES: usize = 4 * 1024 * 1024;
/// How many watchers may read for themselves at once: snapshots, and what is no longer kept here.
const READS: usize = 4;

/// What a watcher is handed.
pub(super) struct Handed {
    pub(super) text: Bytes,
    /// It is as far as this now.
    pub(super) to: u64,
    /// A new snapshot has to follow.
    pub(super) resync: bool,
}

pub(super) struct Feed {
    store: Store,
    place: Place,
    main: Handle,
    gauges: Arc<Gauges>,
    /// Without and with the rows' bodies.
    kept: [Mutex<Kept>; 2],
    reads: Semaphore,
}

#[derive(Default)]
struct Kept {
    /// Each begins where the one before it ends.
    pages: VecDeque<Page>,
    bytes: usize,
}

struct Page {
    from: u64,
    changes: Changes,
    text: Bytes,
}

impl Feed {
    pub(super) fn new(store: Store, place: Place, main: Handle, gauges: Arc<Gauges>) -> Self {
        let reads = Semaphore::new(READS);
        Self { store, place, main, gauges, kept: Default::default(), reads }
    }

    /// What has changed after `since`: `None` when nothing has.
    pub(super) async fn after(
        &self,
        since: u64,
        bodies: bool,
    ) -> Result<Option<Handed>, StoreError> {
        let mut kept = self.kept[usize::from(bodies)].lock().await;
        if let Some(handed) = kept.find(since) {
            Gauges::count(&self.gauges.pages_shared, 1);
            return Ok(Some(handed));
        }
        if kept.pages.front().is_some_and(|oldest| since < oldest.from) {
            drop(kept);
            let page = self.render(since, bodies).await?;
            return Ok(page.hand(since));
        }
        // From where the last page ends, so that every change is in one page; unless nobody has asked
        // for so long that much would be rendered for nobody.
        let head = kept.pages.back().map_or(since, |last| last.changes.to);
        if since - head > PAGE as u64 {
            kept.clear();
        }
        let page = self.render(if kept.pages.is_empty() { since } else { head }, bodies).await?;
        let handed = page.hand(since);
        if !page.changes.ends.is_empty() {
            kept.keep(page);
        }
        Ok(handed)
    }

    async fn render(&self, since: u64, bodies: bool) -> Result<Page, StoreError> {
        let gauges = Arc::clone(&self.gauges);
        self.read(bodies, move |lines, store| {
            let changes = store.read(|snapshot| lines.changes(snapshot, since))?;
            Gauges::count(&gauges.changes_rendered, changes.ends.len() as u64);
            let text = std::mem::take(&mut lines.text).into();
            Ok(Page { from: since, changes, text })
        })
        .await
    }

    /// Reads off the workers' threads, which have invocations to forward.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        bodies: bool,
        read: impl FnOnce(&mut Lines<'_>, &Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _turn = self.reads.acquire().await.map_err(|_| StoreError::Closed)?;
        let (store, place) = (self.store.clone(), self.place.clone());
        let work = move || {
            let mut lines = Lines { place: &place, bodies, text: Vec::new() };
            read(&mut lines, &store)
        };
        self.main.spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Page {
    /// The part of it that comes after `since`.
    fn hand(&self, since: u64) -> Option<Handed> {
        let Changes { to, ends, resync } = &self.changes;
        let told = ends.partition_point(|(revision, _)| *revision <= since);
        let begin = told.checked_sub(1).and_then(|last| ends.get(last)).map_or(0, |(_, end)| *end);
        let text = self.text.slice(begin.min(self.text.len())..);
        (!text.is_empty()).then_some(Handed { text, to: *to, resync: *resync })
    }
}

impl Kept {
    fn find(&self, since: u64) -> Option<Handed> {
        let at = self.pages.partition_point(|page| page.changes.to <= since);
        self.pages.get(at).filter(|page| page.from <= since)?.hand(since)
    }

    fn clear(&mut self) {
        self.pages.clear();
        self.bytes = 0;
    }

    fn keep(&mut self, page: Page) {
        self.bytes += page.text.len();
        self.pages.push_back(page);
        while self.pages.len() > PAGES || (self.bytes > BYTES && self.pages.len() > 1) {
            let oldest = self.pages.pop_front();
            self.bytes -= oldest.map_or(0, |page| page.text.len());
        }
    }
}
