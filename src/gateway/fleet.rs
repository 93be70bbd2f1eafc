//! An endpoint's instances and its deployment as JSON, for those who watch it live.

use crate::domain::time::Timestamp;
use crate::engine::Address;
use crate::region::endpoint::{Deployment, DeploymentStage, Diary, Phase, Pinged, Shown};
use crate::serving::health::Ping;
use serde_json::{Value, json};
use std::collections::HashMap;

/// What an endpoint's board shows, with the requests in flight that the table counts.
pub(super) struct Fleet<'a> {
    pub(super) shown: &'a Shown,
    /// By instance id; those in the table.
    pub(super) loads: &'a HashMap<String, u64>,
}

impl Fleet<'_> {
    /// The instances of one variant: those that live, and the last ones that have ended.
    pub(super) fn instances(&self, variant: &str) -> (Vec<Value>, Vec<Value>) {
        let own = |diary: &&std::sync::Arc<Diary>| diary.variant == variant;
        let lines = |all: &[std::sync::Arc<Diary>]| {
            all.iter().filter(own).map(|diary| self.instance(diary)).collect()
        };
        (lines(&self.shown.instances), lines(&self.shown.ended))
    }

    /// The variants of instances that live, in the order in which they came.
    pub(super) fn variants(&self) -> Vec<&str> {
        let mut variants: Vec<&str> = Vec::new();
        for diary in self.shown.instances.iter().chain(&self.shown.ended) {
            if !variants.contains(&diary.variant.as_str()) {
                variants.push(&diary.variant);
            }
        }
        variants
    }

    fn instance(&self, diary: &Diary) -> Value {
        let page = diary.page();
        let in_flight = match self.loads.get(&diary.id) {
            Some(load) => *load,
            None => self.shown.left_in_flight(&diary.id),
        };
        let mut line = json!({
            "id": diary.id,
            "fleet": self.side(diary),
            "config": diary.config,
            "state": page.phase.name(),
            "since": seconds(page.since),
            "pids": page.pids,
            "address": page.address.as_ref().map(address),
            "in_flight": in_flight,
            "restarts": diary.restarts,
            "pings": page.pings.iter().map(ping).collect::<Vec<_>>(),
        });
        if page.phase == Phase::Ended {
            line["why"] = page.why.into();
        }
        line
    }

    /// Which fleet it belongs to: `current`, or `old` and `new` as a deployment has them.
    fn side(&self, diary: &Diary) -> &'static str {
        if let Some(deployment) = &self.shown.deployment {
            return if diary.fleet == deployment.fleet { "new" } else { "old" };
        }
        match &self.shown.last_deployment {
            Some(last) if last.stage == DeploymentStage::Completed && diary.fleet < last.fleet => {
                "old"
            }
            Some(last)
                if last.stage == DeploymentStage::RolledBack && diary.fleet == last.fleet =>
            {
                "new"
            }
            _ => "current",
        }
    }
}

pub(super) fn deployment(of: &Deployment) -> Value {
    let (policy, routing) = of.style.names();
    json!({
        "policy": policy,
        "routing": routing,
        "stage": of.stage.name(),
        "since": seconds(of.since),
        "until": of.until.map(seconds),
        "began": seconds(of.began),
        "ended": of.ended.map(seconds),
        "traffic": of.traffic,
        "shift": of.shifts.0,
        "shifts": of.shifts.1,
        "old_config": of.old_config,
        "new_config": of.new_config,
        "rollback_reason": of.reason,
    })
}

fn seconds(at: Timestamp) -> f64 {
    at.as_secs_f64()
}

fn address(of: &Address) -> String {
    match of {
        Address::Unix(path) => format!("unix:{}", path.display()),
        Address::Tcp(address) => address.to_string(),
    }
}

fn ping(of: &Pinged) -> Value {
    let took = u64::try_from(of.took.as_micros()).unwrap_or(u64::MAX);
    let mut line = json!({ "at": seconds(of.at), "took_us": took });
    match &of.outcome {
        Ping::Healthy => line["outcome"] = "ok".into(),
        Ping::Status(status) => {
            line["outcome"] = "status".into();
            line["status"] = (*status).into();
        }
        Ping::Silent => line["outcome"] = "silent".into(),
        Ping::Broken(why) => {
            line["outcome"] = "broken".into();
            line["why"] = why.as_str().into();
        }
    }
    line
}
