//! An endpoint's instances and its deployment, as its live stream tells of them.

use serde::Deserialize;

/// A container that serves a variant, or did.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Instance {
    pub id: String,
    /// `current`, or `old` and `new` as a deployment has them.
    pub fleet: String,
    pub config: String,
    /// `starting`, `in service`, `unhealthy`, `stopping` or `ended`.
    pub state: String,
    /// Epoch seconds.
    pub since: f64,
    pub pids: Vec<u64>,
    pub in_flight: u64,
    /// How many before it stood in its place.
    pub restarts: u64,
    /// The last ones, newest last.
    pub pings: Vec<Ping>,
    /// Why it ended.
    pub why: Option<String>,
}

/// A health check.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Ping {
    /// Epoch seconds.
    pub at: f64,
    /// `ok`, `status`, `silent` or `broken`.
    pub outcome: String,
    pub status: Option<u64>,
    pub took_us: u64,
    pub why: Option<String>,
}

/// A change from one configuration to another.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Deployment {
    /// `BLUE_GREEN` or `ROLLING`.
    pub policy: Option<String>,
    pub routing: Option<String>,
    pub stage: String,
    /// Epoch seconds: of the stage, of its end where that is known, of the whole.
    pub since: f64,
    pub until: Option<f64>,
    pub began: f64,
    pub ended: Option<f64>,
    /// The new fleet's share of the traffic, 0 to 1.
    pub traffic: f64,
    pub shift: u64,
    pub shifts: u64,
    pub old_config: Option<String>,
    pub new_config: Option<String>,
    pub rollback_reason: Option<String>,
}
