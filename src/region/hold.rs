//! Holds a Describe of a resource in transition until it has settled, for a moment.
//!
//! boto3's waiters look once and then sleep for 30 s (endpoints) or 120 s (training jobs): for what
//! takes milliseconds here, whether the first look comes a moment too early decides about half a
//! minute. So the answer waits, as long as the workspace says, for the row's own changes; it wakes
//! nobody else, takes no lock while it waits, and a settled resource is answered at once.

use super::{Refusal, Region};
use crate::domain::kind;
use crate::store::Row;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;

/// How many answers may be held at once; beyond that they are given at once.
const MOST: usize = 256;

/// How long answers are held, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldTimes {
    pub endpoints: Duration,
    pub jobs: Duration,
}

impl HoldTimes {
    /// The longest that a workspace may ask for: botocore gives up reading after 60 s.
    pub const LONGEST: Duration = Duration::from_secs(50);
}

impl Default for HoldTimes {
    /// Endpoints are held for 100 ms, ten times what one takes to come into service; jobs, which
    /// take as long as their training, are not.
    fn default() -> Self {
        Self { endpoints: Duration::from_millis(100), jobs: Duration::ZERO }
    }
}

/// A row: its kind and its lower-cased name.
type Key = (&'static str, String);

/// The answers that are held.
#[derive(Default)]
pub struct Holds(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// By row: what wakes its answers, and how many there are.
    rows: HashMap<Key, (Arc<Notify>, usize)>,
    count: usize,
}

impl Holds {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place among the held answers of a row; `None` when there are too many already.
    fn enter(&self, kind: &'static str, name: &str) -> Option<Place<'_>> {
        let mut held = self.lock();
        if held.count >= MOST {
            return None;
        }
        held.count += 1;
        let key = (kind, name.to_lowercase());
        let (notify, count) = held.rows.entry(key.clone()).or_default();
        *count += 1;
        let notify = Arc::clone(notify);
        Some(Place { holds: self, key, notify })
    }

    /// The row has changed: its held answers look again.
    fn wake(&self, kind: &str, name: &str) {
        let held = self.lock();
        if held.rows.is_empty() {
            return;
        }
        let Some(kind) = HELD.iter().find(|held| **held == kind) else { return };
        if let Some((notify, _)) = held.rows.get(&(*kind, name.to_lowercase())) {
            notify.notify_waiters();
        }
    }

    fn wake_all(&self) {
        self.lock().rows.values().for_each(|(notify, _)| notify.notify_waiters());
    }
}

/// The kinds whose answers may be held.
const HELD: &[&str] = &[kind::ENDPOINT, kind::TRAINING_JOB];

/// One held answer.
struct Place<'a> {
    holds: &'a Holds,
    key: Key,
    notify: Arc<Notify>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut held = self.holds.lock();
        held.count = held.count.saturating_sub(1);
        if let Some((_, count)) = held.rows.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.rows.remove(&self.key);
            }
        }
    }
}

/// The row that `look` finds, once it has settled or has been waited for long enough.
///
/// # Errors
/// Those of `look`: a resource that is deleted meanwhile is reported as absent.
pub async fn settled(
    region: &Region,
    kind: &'static str,
    longest: Duration,
    in_transition: impl Fn(&Row) -> bool,
    look: impl Fn() -> Result<Row, Refusal>,
) -> Result<Row, Refusal> {
    let row = look()?;
    if longest.is_zero() || !in_transition(&row) {
        return Ok(row);
    }
    let Some(place) = region.holds.enter(kind, &row.name) else { return Ok(row) };
    let mut stopping = region.stopping();
    let deadline = tokio::time::sleep(longest);
    tokio::pin!(deadline);
    loop {
        let changed = place.notify.notified();
        tokio::pin!(changed);
        // From here on no change is missed, so that this look is the newest.
        changed.as_mut().enable();
        let row = look()?;
        if !in_transition(&row) {
            return Ok(row);
        }
        tokio::select! {
            () = changed => {}
            () = &mut deadline => return look(),
            _ = stopping.wait_for(|stopping| *stopping) => return Ok(row),
        }
    }
}

/// Wakes held answers as their rows change, until the region stops.
pub async fn follow(region: Arc<Region>) {
    let mut events = region.store().subscribe();
    let mut stopping = region.stopping();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => region.holds.wake(&event.kind, &event.name),
                Err(RecvError::Lagged(_)) => region.holds.wake_all(),
                Err(RecvError::Closed) => return,
            },
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn a_change_wakes_its_own_row_alone() {
        let holds = Holds::default();
        let one = holds.enter(kind::ENDPOINT, "One").unwrap();
        let other = holds.enter(kind::ENDPOINT, "other").unwrap();
        let job = holds.enter(kind::TRAINING_JOB, "one").unwrap();
        let mut woken = Box::pin(one.notify.notified());
        let mut still = [Box::pin(other.notify.notified()), Box::pin(job.notify.notified())];
        woken.as_mut().enable();
        still.iter_mut().for_each(|each| {
            each.as_mut().enable();
        });
        holds.wake(kind::ENDPOINT, "one");
        holds.wake(kind::MODEL, "other");
        woken.await;
        assert!(still.iter_mut().all(|each| each.now_or_never().is_none()));
    }

    #[test]
    fn held_answers_are_bounded_and_leave_nothing_behind() {
        let holds = Holds::default();
        let places: Vec<_> = (0..MOST)
            .map(|at| holds.enter(kind::ENDPOINT, &format!("e{}", at % 7)).unwrap())
            .collect();
        assert!(holds.enter(kind::ENDPOINT, "one more").is_none());
        assert_eq!(holds.lock().rows.len(), 7);
        drop(places);
        assert!(holds.lock().rows.is_empty() && holds.lock().count == 0);
        assert!(holds.enter(kind::ENDPOINT, "one more").is_some());
    }
}
