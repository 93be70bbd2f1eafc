//! How fast lost instances of a variant are replaced: at once the first time, then after rests that
//! grow, so that a container that dies as soon as it serves does not keep the machine busy.

use std::time::Duration;

/// An instance that served for so long did not die at once: the count begins at its loss.
const STEADY: Duration = Duration::from_secs(10);
/// The rest before the second replacement in a row; it doubles with each further one.
const FIRST_REST: Duration = Duration::from_millis(500);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Losses of one variant, one soon after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses(u32);

impl Losses {
    /// Counts the loss of an instance that had `served` for so long. Says how long to wait before
    /// its successor is started, if at all.
    pub fn rest_after(&mut self, served: Duration) -> Option<Duration> {
        if served >= STEADY {
            self.0 = 0;
        }
        self.0 = self.0.saturating_add(1);
        let doublings = self.0.checked_sub(2)?;
        Some(FIRST_REST.saturating_mul(1 << doublings.min(16)).min(LONGEST_REST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a container is started in that time when each lives so long.
    fn starts(within: Duration, life: Duration) -> usize {
        let (mut now, mut starts, mut losses) = (Duration::ZERO, 0, Losses::default());
        while now < within {
            starts += 1;
            now += life + losses.rest_after(life).unwrap_or_default();
        }
        starts
    }

    #[test]
    fn a_container_that_dies_at_once_is_started_ever_more_rarely() {
        assert_eq!(Losses::default().rest_after(Duration::ZERO), None, "the first at once");
        assert_eq!(starts(Duration::from_secs(12), Duration::from_millis(20)), 6);
        assert!(starts(Duration::from_secs(3_600), Duration::from_millis(20)) < 130);
    }

    #[test]
    fn one_that_has_served_is_replaced_at_once() {
        let mut losses = Losses::default();
        for _ in 0..5 {
            losses.rest_after(Duration::ZERO);
        }
        assert_eq!(losses.rest_after(STEADY), None);
        assert_eq!(losses.rest_after(Duration::ZERO), Some(FIRST_REST));
    }
}
