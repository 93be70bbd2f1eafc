//! How traffic moves from an old fleet to a new one: a deployment policy, turned into steps.
//!
//! Pure: a plan is a list of steps that the reconciler walks. The old fleet serves until the new one
//! is healthy; then traffic moves in the fractions of the plan with a wait (the bake) after each, and
//! in the end the old fleet is drained and stopped. A rolling update works in batches of the new
//! fleet's own size and is a plan of the same kind: with each batch that is healthy, the batch's
//! share of the traffic moves over, and as much of the old fleet ends.

use super::super::view::View;
use serde_json::Value;
use std::time::Duration;

/// A share of traffic or of instances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    InstanceCount(u32),
    /// Of the whole, 1 to 100.
    CapacityPercent(u32),
}

impl Size {
    fn read(document: &Value) -> Option<Self> {
        let value = u32::try_from(document.integer("Value")?).ok()?;
        match document.name("Type") {
            "INSTANCE_COUNT" => Some(Self::InstanceCount(value)),
            "CAPACITY_PERCENT" => Some(Self::CapacityPercent(value)),
            _ => None,
        }
    }

    /// Instances of `total`, at least one, at most all.
    fn instances(self, total: u32) -> u32 {
        let count = match self {
            Self::InstanceCount(count) => count,
            Self::CapacityPercent(percent) => (total * percent).div_ceil(100),
        };
        count.clamp(1, total.max(1))
    }

    /// The fraction of `total` instances' traffic that this size stands for.
    fn fraction(self, total: u32) -> f64 {
        match self {
            Self::CapacityPercent(percent) => f64::from(percent) / 100.0,
            Self::InstanceCount(_) => f64::from(self.instances(total)) / f64::from(total.max(1)),
        }
        .clamp(0.0, 1.0)
    }
}

/// What AWS calls the way in which the traffic moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    AllAtOnce,
    Canary,
    Linear,
    /// The old fleet shrinks as the new one grows, instead of staying whole to the end.
    Rolling,
}

impl Style {
    /// The update policy, and the traffic routing that a blue/green one asks for.
    pub const fn names(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::AllAtOnce => ("BLUE_GREEN", Some("ALL_AT_ONCE")),
            Self::Canary => ("BLUE_GREEN", Some("CANARY")),
            Self::Linear => ("BLUE_GREEN", Some("LINEAR")),
            Self::Rolling => ("ROLLING", None),
        }
    }
}

/// What is done when, once the deployment has begun.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub style: Style,
    /// Fractions of the traffic on the new fleet, growing to 1.0, each held for `bake`.
    pub shifts: Vec<Shift>,
    /// How long the old fleet stays once it has no traffic any more.
    pub termination_wait: Duration,
    /// After this the deployment is given up and rolled back.
    pub timeout: Option<Duration>,
}

/// One step of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Share of the new fleet that has to be healthy before this step, 0 to 1.
    pub capacity: f64,
    /// Share of the traffic that goes to the new fleet from now on, 0 to 1.
    pub traffic: f64,
    /// How long to hold before the next step.
    pub bake: Duration,
}

/// A policy that contradicts itself; the text goes to the caller.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct BadPolicy(pub String);

fn bad(text: &str) -> BadPolicy {
    BadPolicy(text.to_owned())
}

impl Plan {
    /// Everything at once, nothing waited for.
    pub fn all_at_once() -> Self {
        Self {
            style: Style::AllAtOnce,
            shifts: vec![Shift { capacity: 1.0, traffic: 1.0, bake: Duration::ZERO }],
            termination_wait: Duration::ZERO,
            timeout: None,
        }
    }

    /// From a `DeploymentConfig`, for a new fleet of `instances` in all.
    pub fn read(config: Option<&Value>, instances: u32) -> Result<Self, BadPolicy> {
        let Some(config) = config else { return Ok(Self::all_at_once()) };
        match (config.part("BlueGreenUpdatePolicy"), config.part("RollingUpdatePolicy")) {
            (Some(_), Some(_)) => {
                Err(bad("Only one update policy can be specified in DeploymentConfig: \
                 BlueGreenUpdatePolicy or RollingUpdatePolicy."))
            }
            (Some(policy), None) => blue_green(policy, instances),
            (None, Some(policy)) => rolling(policy, instances),
            (None, None) => Ok(Self::all_at_once()),
        }
    }

    /// The waits shortened by `pace` (1.0 is AWS's own time, 60.0 makes a minute a second).
    #[must_use]
    pub fn paced(mut self, pace: f64) -> Self {
        let shorten = |span: Duration| span.div_f64(pace.max(1.0));
        for shift in &mut self.shifts {
            shift.bake = shorten(shift.bake);
        }
        self.termination_wait = shorten(self.termination_wait);
        self
    }

    fn waits(&self) -> Duration {
        self.shifts.iter().map(|shift| shift.bake).sum::<Duration>() + self.termination_wait
    }

    fn checked(self) -> Result<Self, BadPolicy> {
        if self.timeout.is_some_and(|timeout| timeout <= self.waits()) {
            return Err(bad(
                "MaximumExecutionTimeoutInSeconds must be larger than the total waiting time \
                 specified in TerminationWaitInSeconds and WaitIntervalInSeconds.",
            ));
        }
        Ok(self)
    }
}

fn seconds(document: &Value, member: &str) -> Option<Duration> {
    u64::try_from(document.integer(member)?).ok().map(Duration::from_secs)
}

fn blue_green(policy: &Value, instances: u32) -> Result<Plan, BadPolicy> {
    let none = Value::Null;
    let routing = policy.part("TrafficRoutingConfiguration").unwrap_or(&none);
    let wait = seconds(routing, "WaitIntervalInSeconds").unwrap_or_default();
    let step = |traffic| Shift { capacity: 1.0, traffic, bake: wait };
    let (canary, linear) = (routing.part("CanarySize"), routing.part("LinearStepSize"));
    let (style, shifts) = match routing.name("Type") {
        "CANARY" => {
            let size = canary.and_then(Size::read).ok_or_else(|| {
                bad("CanarySize must be specified when the traffic routing type is CANARY.")
            })?;
            let first = at_most_half(size, instances, "CanarySize")?;
            (Style::Canary, vec![step(first), step(1.0)])
        }
        "LINEAR" => {
            let size = linear.and_then(Size::read).ok_or_else(|| {
                bad("LinearStepSize must be specified when the traffic routing type is LINEAR.")
            })?;
            let size = at_most_half(size, instances, "LinearStepSize")?;
            (Style::Linear, linear_shifts(size, wait))
        }
        _ if canary.is_some() || linear.is_some() => {
            return Err(bad(
                "CanarySize and LinearStepSize cannot be specified when the traffic routing type \
                 is ALL_AT_ONCE.",
            ));
        }
        _ => (Style::AllAtOnce, vec![step(1.0)]),
    };
    Plan {
        style,
        shifts,
        termination_wait: seconds(policy, "TerminationWaitInSeconds").unwrap_or_default(),
        timeout: seconds(policy, "MaximumExecutionTimeoutInSeconds"),
    }
    .checked()
}

fn at_most_half(size: Size, instances: u32, member: &str) -> Result<f64, BadPolicy> {
    let fraction = size.fraction(instances);
    // A single instance cannot be halved by count; a share of its traffic can.
    let whole_instance = instances == 1 && matches!(size, Size::InstanceCount(_));
    if fraction <= 0.0 || (fraction > 0.5 && !whole_instance) {
        return Err(BadPolicy(format!(
            "{member} must be greater than 0 and less than or equal to 50% of the variant's total \
             instance count."
        )));
    }
    Ok(fraction)
}

/// Equal steps to the whole; the last one takes what is left.
fn linear_shifts(step: f64, wait: Duration) -> Vec<Shift> {
    let count = ((1.0 / step) - 1e-9).ceil().max(1.0) as u32;
    (1..=count)
        .map(|index| Shift {
            capacity: 1.0,
            traffic: if index == count { 1.0 } else { step * f64::from(index) },
            bake: wait,
        })
        .collect()
}

fn rolling(policy: &Value, instances: u32) -> Result<Plan, BadPolicy> {
    let size = policy
        .part("MaximumBatchSize")
        .and_then(Size::read)
        .ok_or_else(|| bad("MaximumBatchSize must be specified in RollingUpdatePolicy."))?;
    if let Size::CapacityPercent(percent) = size
        && !(5..=50).contains(&percent)
    {
        return Err(bad(
            "MaximumBatchSize must be between 5% to 50% of the variant's total instance count.",
        ));
    }
    let wait = seconds(policy, "WaitIntervalInSeconds").unwrap_or_default();
    let batch = size.instances(instances);
    let batches = instances.max(1).div_ceil(batch);
    let shifts = (1..=batches)
        .map(|index| {
            let share =
                f64::from((batch * index).min(instances.max(1))) / f64::from(instances.max(1));
            Shift { capacity: share, traffic: share, bake: wait }
        })
        .collect();
    Plan {
        style: Style::Rolling,
        shifts,
        termination_wait: Duration::ZERO,
        timeout: seconds(policy, "MaximumExecutionTimeoutInSeconds"),
    }
    .checked()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn traffic(plan: &Plan) -> Vec<f64> {
        plan.shifts.iter().map(|shift| (shift.traffic * 1000.0).round() / 1000.0).collect()
    }

    fn routed(routing: Value, instances: u32) -> Result<Plan, BadPolicy> {
        let config = json!({"BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 5}});
        Plan::read(Some(&config), instances)
    }

    #[test]
    fn without_a_policy_everything_moves_at_once() {
        assert_eq!(Plan::read(None, 3), Ok(Plan::all_at_once()));
        assert_eq!(Plan::read(Some(&json!({})), 3), Ok(Plan::all_at_once()));
    }

    #[test]
    fn a_canary_is_two_steps() {
        let plan = routed(
            json!({"Type": "CANARY", "WaitIntervalInSeconds": 60,
                   "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10}}),
            4,
        )
        .unwrap();
        assert_eq!((plan.style, traffic(&plan)), (Style::Canary, vec![0.1, 1.0]));
        assert_eq!(plan.shifts[0].bake, Duration::from_secs(60));
        assert_eq!(plan.termination_wait, Duration::from_secs(5));
    }

    #[test]
    fn linear_steps_grow_to_the_whole() {
        let linear = |size: Value, instances| {
            routed(
                json!({"Type": "LINEAR", "WaitIntervalInSeconds": 1, "LinearStepSize": size}),
                instances,
            )
        };
        let percent = |value: u32| json!({"Type": "CAPACITY_PERCENT", "Value": value});
        assert_eq!(traffic(&linear(percent(25), 2).unwrap()), [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(traffic(&linear(percent(30), 2).unwrap()), [0.3, 0.6, 0.9, 1.0]);
        let one = json!({"Type": "INSTANCE_COUNT", "Value": 1});
        assert_eq!(traffic(&linear(one, 3).unwrap()), [0.333, 0.667, 1.0]);
        assert!(linear(percent(51), 4).is_err());
    }

    #[test]
    fn a_rolling_update_goes_batch_by_batch() {
        let config = json!({"RollingUpdatePolicy": {
            "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
            "WaitIntervalInSeconds": 3}});
        let plan = Plan::read(Some(&config), 5).unwrap();
        assert_eq!(traffic(&plan), [0.6, 1.0]);
        assert_eq!(plan.shifts[0].capacity, plan.shifts[0].traffic);
    }

    #[test]
    fn policies_that_contradict_themselves_are_refused() {
        let wait_too_long = json!({"BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300},
            "TerminationWaitInSeconds": 300, "MaximumExecutionTimeoutInSeconds": 600}});
        assert!(Plan::read(Some(&wait_too_long), 1).is_err());
        assert!(routed(json!({"Type": "CANARY", "WaitIntervalInSeconds": 1}), 1).is_err());
        assert!(routed(json!({"Type": "LINEAR", "WaitIntervalInSeconds": 1}), 1).is_err());
        let both = json!({"BlueGreenUpdatePolicy": {}, "RollingUpdatePolicy": {}});
        assert!(Plan::read(Some(&both), 1).is_err());
    }

    #[test]
    fn pace_shortens_waits_and_nothing_else() {
        let plan = routed(
            json!({"Type": "CANARY", "WaitIntervalInSeconds": 600,
                   "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}),
            2,
        )
        .unwrap();
        let paced = plan.clone().paced(1000.0);
        assert_eq!(traffic(&paced), traffic(&plan));
        assert_eq!(paced.shifts[0].bake, Duration::from_millis(600));
        assert_eq!(paced.termination_wait, Duration::from_millis(5));
        assert_eq!(plan.clone().paced(0.1), plan, "pace only shortens");
    }

    proptest! {
        /// Whatever the policy: traffic only grows, ends at the whole, and never runs ahead of the
        /// instances that are there to take it.
        #[test]
        fn traffic_grows_to_the_whole(
            kind in 0_usize..4, count in any::<bool>(), value in 1_u32..100, instances in 1_u32..40,
        ) {
            let size = json!({"Type": if count {"INSTANCE_COUNT"} else {"CAPACITY_PERCENT"}, "Value": value});
            let config = match kind {
                0 => json!({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration":
                    {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}}),
                1 => json!({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration":
                    {"Type": "CANARY", "WaitIntervalInSeconds": 0, "CanarySize": size}}}),
                2 => json!({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration":
                    {"Type": "LINEAR", "WaitIntervalInSeconds": 0, "LinearStepSize": size}}}),
                _ => json!({"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 0}}),
            };
            if let Ok(plan) = Plan::read(Some(&config), instances) {
                let mut last = 0.0;
                for shift in &plan.shifts {
                    prop_assert!(shift.traffic > last - 1e-12 && shift.traffic <= 1.0);
                    prop_assert!(shift.capacity >= shift.traffic - 1e-12 && shift.capacity <= 1.0);
                    last = shift.traffic;
                }
                prop_assert_eq!(plan.shifts.last().unwrap().traffic, 1.0);
                prop_assert_eq!(plan.shifts.last().unwrap().capacity, 1.0);
            }
        }
    }
}
