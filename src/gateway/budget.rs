//! How many bytes of requests may be in memory at once, over all connections.
//!
//! One body is bounded, and so are connections; without this their product is what the machine
//! would have to have. A body waits for its room before it is read, so its sender waits too. A head
//! that has grown large cannot wait, for nobody has read it yet: it is refused.

use super::door::Words;
use crate::api::error::AwsError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room is given out in pieces of so many bytes.
const PIECE: usize = 1024;
/// Bodies up to this size come and go with their connection's buffer, and are not counted.
const FREE: usize = 16 * 1024;

/// The room of one gateway.
pub(super) struct Budget {
    room: Arc<Semaphore>,
    pieces: usize,
}

/// Room that is taken until this is dropped.
#[derive(Default)]
pub(super) struct Held(Option<OwnedSemaphorePermit>);

impl Budget {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        let pieces = (bytes / PIECE).max(1);
        Arc::new(Self { room: Arc::new(Semaphore::new(pieces)), pieces })
    }

    /// Waits for room. `None` when there was none for so long.
    pub(super) async fn take(&self, bytes: usize, patience: Duration) -> Option<Held> {
        if bytes <= FREE {
            return Some(Held::default());
        }
        let room = Arc::clone(&self.room).acquire_many_owned(self.pieces_of(bytes));
        tokio::time::timeout(patience, room).await.ok()?.ok().map(|permit| Held(Some(permit)))
    }

    /// One body alone may be larger than all of the room; then it has all of it.
    fn pieces_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(PIECE).min(self.pieces)).unwrap_or(u32::MAX)
    }

    /// Bytes taken now, and all that there are.
    pub(super) fn level(&self) -> (usize, usize) {
        let free = self.room.available_permits();
        ((self.pieces - free) * PIECE, self.pieces * PIECE)
    }
}

impl Held {
    /// Takes more beside what is held already, without waiting: who holds some and waits for more
    /// could wait for another that does the same.
    pub(super) fn grow(&mut self, budget: &Budget, bytes: usize) -> bool {
        let held = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) * PIECE;
        if bytes <= held.max(FREE) {
            return true;
        }
        // In steps, so that a body in small pieces does not ask for each of them.
        let Ok(more) = Arc::clone(&budget.room)
            .try_acquire_many_owned(budget.pieces_of((bytes - held).max(8 * FREE)))
        else {
            return false;
        };
        match &mut self.0 {
            Some(permit) => permit.merge(more),
            None => self.0 = Some(more),
        }
        true
    }
}

/// The refusal of a body for which there is no room, in words that SDKs take as "later".
pub(super) fn crowded(words: Words) -> AwsError {
    let code = match words {
        Words::S3 => "SlowDown",
        Words::Xml => "Throttling",
        Words::Json => "ThrottlingException",
    };
    AwsError::new(
        503,
        code,
        "The region has as many bytes of requests in memory as it may. Reduce your request rate, and \
         try again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bodies_wait_for_each_other_and_not_for_ever() {
        let budget = Budget::new(100 * 1024);
        let first = budget.take(80 * 1024, Duration::ZERO).await.unwrap();
        assert_eq!(budget.level(), (80 * 1024, 100 * 1024));
        assert!(budget.take(40 * 1024, Duration::from_millis(1)).await.is_none());
        assert!(budget.take(1_000, Duration::ZERO).await.is_some(), "small ones are free");
        let waiting = budget.take(40 * 1024, Duration::from_secs(60));
        tokio::pin!(waiting);
        tokio::select! {
            biased;
            _ = &mut waiting => panic!("there is no room"),
            () = std::future::ready(()) => {}
        }
        drop(first);
        assert!(waiting.await.is_some());
        assert_eq!(budget.level().0, 0);
        assert!(budget.take(usize::MAX, Duration::ZERO).await.is_some(), "one alone may have all");
    }

    #[test]
    fn a_body_of_unknown_length_grows_while_there_is_room() {
        let budget = Budget::new(300 * 1024);
        let (mut one, mut other) = (Held::default(), Held::default());
        assert!(one.grow(&budget, 10 * 1024) && budget.level().0 == 0);
        assert!(one.grow(&budget, 20 * 1024) && budget.level().0 == 128 * 1024);
        assert!(one.grow(&budget, 100 * 1024) && budget.level().0 == 128 * 1024);
        assert!(other.grow(&budget, 128 * 1024));
        assert!(!one.grow(&budget, 200 * 1024));
        drop(other);
        assert!(one.grow(&budget, 200 * 1024));
    }
}
