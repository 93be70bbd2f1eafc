//! Tells those who follow the region how buckets fill, without a flood.

use super::Region;
use std::sync::Arc;
use std::time::Duration;

/// A bucket's growth is told so often at most.
const BEAT: Duration = Duration::from_millis(250);

/// Tells of buckets whose objects have changed, until the region stops.
pub async fn beat(region: Arc<Region>) {
    let objects = region.store().objects();
    let touched = objects.touched();
    let mut stopping = region.stopping();
    while !*stopping.borrow() {
        if let Err(fault) = objects.tell_changed().await {
            tracing::error!(%fault, "cannot tell how buckets have changed");
        }
        let next = async {
            tokio::time::sleep(BEAT).await;
            touched.notified().await;
        };
        tokio::select! {
            () = next => {}
            _ = stopping.changed() => {}
        }
    }
}
