//! Where containers' lines go: CloudWatch Logs streams, with the time at which each line came.

use super::Region;
use crate::domain::time::{Clock, Timestamp};
use crate::engine::Output;
use crate::store::logs::{LogEvent, LogWriter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

type Tap = Box<dyn Fn(&str, Timestamp) + Send + Sync>;

/// A container's log stream.
pub struct LogSink {
    clock: Arc<dyn Clock>,
    /// `None` when the stream could not be opened: the container runs all the same.
    stream: Option<LogWriter>,
    tap: Option<Tap>,
    lost: AtomicU64,
    /// Of the whole region.
    all_lost: Arc<AtomicU64>,
}

impl LogSink {
    /// The stream, made with its group when they are not there.
    pub async fn open(region: &Region, group: &str, stream: &str) -> Self {
        let logs = region.store().logs();
        let opened = match logs.ensure(group, stream).await {
            Ok(()) => logs.writer(group, stream),
            Err(fault) => Err(fault),
        };
        let stream = opened
            .inspect_err(|fault| tracing::error!(%fault, group, stream, "no log for a container"))
            .ok();
        Self {
            clock: Arc::clone(region.clock()),
            stream,
            tap: None,
            lost: AtomicU64::new(0),
            all_lost: Arc::clone(&region.lost_lines),
        }
    }

    /// Shows every line to `tap` too.
    #[must_use]
    pub fn tapped(mut self, tap: impl Fn(&str, Timestamp) + Send + Sync + 'static) -> Self {
        self.tap = Some(Box::new(tap));
        self
    }
}

impl Output for LogSink {
    fn line(&self, line: &str) {
        let timestamp = self.clock.now();
        if let Some(tap) = &self.tap {
            tap(line, timestamp);
        }
        let Some(stream) = &self.stream else { return };
        if let Err(fault) = stream.append(&[LogEvent { timestamp, message: line.to_owned() }]) {
            self.all_lost.fetch_add(1, Ordering::Relaxed);
            // Once is enough to say: a full disk fails every line.
            if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::error!(%fault, "a container's lines are being lost");
            }
        }
    }
}
