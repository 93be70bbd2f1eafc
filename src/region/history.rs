//! Ends the seconds of the data plane's history.

use super::Region;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

const EVERY: Duration = Duration::from_secs(1);

/// Samples the plane once a second until the region stops.
pub async fn beat(region: Arc<Region>) {
    let mut stopping = region.stopping();
    let mut ticks = interval(EVERY);
    // After a standstill one long second, not many empty ones: each says how long it was.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !*stopping.borrow() {
        tokio::select! {
            _ = ticks.tick() => region.plane().sample(),
            _ = stopping.changed() => {}
        }
    }
}
