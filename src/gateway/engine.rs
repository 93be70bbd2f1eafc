//! `GET /_sagebrush/engine`: what runs the containers, on what, within which bounds, and what was
//! dropped at them.
//!
//! ```text
//! {"engine":{"name":"process","limits":"limits: none; latency is not imitated"},
//!  "machine":{"cores":8,"memory_mib":15934},
//!  "admission":{"running":1,"waiting":2,"vcpus_taken":4.0,"vcpus":8.0,
//!    "memory_mib_taken":16384,"memory_mib":15934},
//!  "bounds":[{"what":"connections","now":3,"most":16384,"dropped":0,"dropped_what":"turned away"},
//!    {"what":"streams",…}, …],
//!  "work":{"changes_rendered":40,"pages_shared":10,"decoded_elsewhere":2},
//!  "uptime_seconds":12.5,
//!  "store":{"bytes":123456,"database_bytes":4096,"objects_bytes":100,"logs_bytes":10,
//!    "work_bytes":0,"durability":"process","revision":42},
//!  "seed":7242,"pace":1.0}
//! ```
//!
//! `admission` is the training jobs' queue before the machine: what they ask for by their instance
//! types, none of which is enforced unless `limits` says so. `now` and `most` are null where a bound
//! has no level that is counted. `work` counts since the start: changes rendered for watchers (once,
//! however many watch), pages of them handed out once more, large documents decoded off the workers. Sizes on disk are of the files as they are named, looked up when
//! asked for.

use super::gauges::Gauges;
use super::internal::Internal;
use crate::api::error::AwsError;
use crate::region::Region;
use crate::store::Durability;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Internal {
    pub(super) async fn engine(&self) -> Result<Value, AwsError> {
        let region = Arc::clone(&self.region);
        let disk = self.main.spawn_blocking(move || disk(&region)).await.unwrap_or_default();
        let options = self.region.options();
        let mut store = disk;
        store["durability"] = match options.durability {
            Durability::Process => "process".into(),
            Durability::Full => "full".into(),
        };
        store["revision"] = self.revision()?.into();
        let (machine, turns) = (self.region.machine(), self.region.turns());
        Ok(json!({
            "engine": {
                "name": options.engine.name(),
                "limits": options.engine.limits_in_force(),
            },
            "machine": { "cores": machine.vcpus, "memory_mib": machine.memory_mib },
            "admission": {
                "running": turns.running,
                "waiting": turns.waiting,
                "vcpus_taken": turns.taken.vcpus,
                "vcpus": turns.capacity.vcpus,
                "memory_mib_taken": turns.taken.memory_mib,
                "memory_mib": turns.capacity.memory_mib,
            },
            "bounds": self.bounds(),
            "work": {
                "changes_rendered": Gauges::read(&self.gauges.changes_rendered),
                "pages_shared": Gauges::read(&self.gauges.pages_shared),
                "decoded_elsewhere": Gauges::read(&self.gauges.decoded_elsewhere),
            },
            "uptime_seconds": self.started.elapsed().as_secs_f64(),
            "store": store,
            "seed": options.seed,
            "pace": options.pace,
        }))
    }

    fn bounds(&self) -> Vec<Value> {
        let gauges = &self.gauges;
        let row = |what: &str, now: Option<usize>, most: Option<usize>, dropped: u64, of: &str| json!({ "what": what, "now": now, "most": most, "dropped": dropped, "dropped_what": of });
        let (history, dropped) = self.region.plane().history_weight();
        let level = self.budget.level();
        let streams = self.limits.watchers - self.places.available_permits();
        vec![
            row(
                "connections",
                Some(gauges.open.load(Ordering::Relaxed)),
                Some(gauges.capacity.load(Ordering::Relaxed)),
                Gauges::read(&gauges.turned_away),
                "turned away",
            ),
            row(
                "bytes of requests in memory",
                Some(level.0),
                Some(level.1),
                Gauges::read(&gauges.crowded),
                "bodies refused",
            ),
            row(
                "streams",
                Some(streams),
                Some(self.limits.watchers),
                Gauges::read(&gauges.streams_refused),
                "refused",
            ),
            row(
                "watchers that fell behind",
                None,
                None,
                Gauges::read(&gauges.resyncs),
                "started anew from a snapshot",
            ),
            row(
                "bytes of the last five minutes",
                Some(history),
                Some(crate::serving::HISTORY_BYTES),
                dropped,
                "seconds dropped before their time",
            ),
            row(
                "batches of log lines for followers",
                None,
                None,
                Gauges::read(&gauges.batches_missed),
                "missed; they lie in the log group",
            ),
            row(
                "readings of training jobs for followers",
                None,
                None,
                Gauges::read(&gauges.readings_missed),
                "missed",
            ),
            row(
                "lines of containers",
                None,
                None,
                self.region.lost_lines(),
                "lost because the log could not be written",
            ),
        ]
    }
}

/// The workspace's files, by what they hold.
fn disk(region: &Region) -> Value {
    let dir = region.dir();
    let database: u64 = ["region.db", "region.db-wal", "region.db-shm"]
        .iter()
        .filter_map(|name| Some(std::fs::metadata(dir.join(name)).ok()?.len()))
        .sum();
    let [objects, logs, work] = ["objects", "logs", "work"].map(|name| size_of(&dir.join(name)));
    json!({
        "bytes": database + objects + logs + work,
        "database_bytes": database,
        "objects_bytes": objects,
        "logs_bytes": logs,
        "work_bytes": work,
    })
}

/// The files below a folder, links not followed.
fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size_of(&entry.path()),
            Ok(found) if found.is_file() => found.len(),
            _ => 0,
        })
        .sum()
}
