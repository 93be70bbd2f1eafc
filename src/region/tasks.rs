//! The region's long-running tasks, so that a reset or a shutdown ends every one of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long a task may take to leave in order before it is dropped.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Tasks {
    stop: watch::Sender<bool>,
    running: Mutex<JoinSet<()>>,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self { stop: watch::Sender::new(false), running: Mutex::new(JoinSet::new()) }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        while running.try_join_next().is_some() {}
        running.spawn(task);
    }

    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Tells every task to leave and waits until all have.
    pub(super) async fn stop(&self) {
        self.stop.send_replace(true);
        let leaving = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *running)
        };
        let mut leaving = leaving;
        let orderly = async { while leaving.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, orderly).await.is_err() {
            leaving.shutdown().await;
        }
    }

    /// Drops every task where it is, as the end of the process would.
    #[cfg(test)]
    pub(super) async fn abort(&self) {
        let mut running =
            std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        running.shutdown().await;
    }

    /// Lets tasks be spawned afresh after [`Tasks::stop`].
    pub(super) fn restart(&self) {
        self.stop.send_replace(false);
    }
}
