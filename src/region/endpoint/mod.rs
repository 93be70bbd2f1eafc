//! Endpoints: what may be asked of them, and what brings them into service and keeps them there.
//!
//! The operations here write rows and nothing else. [`reconciler`] hears of each row; a task for
//! each endpoint ([`actor`]) starts and stops [`instance`]s until they are what the row asks for, and
//! publishes who takes requests.

mod actor;
mod board;
mod deployment;
mod diary;
mod instance;
mod losses;
pub mod machine;
mod operator;
mod reconciler;
#[cfg(test)]
#[path = "tests.rs"]
mod reconciling;
mod record;
mod rollout;

pub use board::{Asked, Board, Boards, Denied, Deployment, DeploymentStage, How, Shown};
pub use deployment::Style;
pub use diary::{Diary, Page, Phase, Pinged};
pub use reconciler::{publish_known, reconcile};

use super::dispatch::Table;
use super::family::{self, Family};
use super::work::Life;
use super::{Answer, Call, Refusal, Region, View, billing, hold, listing, work};
use crate::domain::kind;
use crate::domain::time::Timestamp;
use crate::store::{Change, Query, Row, StoreError};
use deployment::Plan;
use machine::{Status, VariantStatus};
use record::{Fleet, Pending, Private, Record};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub const FAMILY: Family =
    Family { kind: kind::ENDPOINT, noun: "endpoint", name: "EndpointName", arn: "EndpointArn" };

/// How many instances of one type the endpoints of a region may have together: each is a process
/// of this machine.
const MOST_INSTANCES: u32 = 64;

const NOT_DONE: &str = "Recorded only: alarms for automatic rollback (there is no CloudWatch alarm \
    to watch), shadow variants, data capture, managed instance scaling. A serverless variant is one \
    process that is always warm; its MaxConcurrency is not enforced. Of instance pools the first by \
    priority is used. Inference components and multi-model containers are refused.";

const INVOKED: &str = "TargetModel and InferenceComponentName are refused; EnableExplanations, \
    InferenceId and the session are handed to the container and do nothing else. No CloudWatch \
    metrics yet: figures stream from /_sagebrush/endpoints/NAME/live.";

pub(super) fn rows(table: &mut Table) {
    table
        .service("sagemaker")
        .behaves_but("CreateEndpoint", NOT_DONE, create)
        .behaves("DescribeEndpoint", describe)
        .behaves("ListEndpoints", list)
        .behaves_but("UpdateEndpoint", NOT_DONE, update)
        .behaves_but(
            "UpdateEndpointWeightsAndCapacities",
            "ServerlessUpdateConfig is recorded only.",
            update_weights,
        )
        .behaves("DeleteEndpoint", delete);
    table
        .service("sagemaker-runtime")
        .forwarded("InvokeEndpoint", INVOKED)
        .forwarded("InvokeEndpointWithResponseStream", INVOKED);
}

/// An endpoint's instance time, by instance type.
pub(super) fn instance_time(
    row: &Row,
    life: Life,
    steady: Timestamp,
) -> BTreeMap<String, Duration> {
    ledger(row, life).total(steady)
}

/// What an endpoint's row says of its time on instances.
pub(super) fn ledger(row: &Row, life: Life) -> billing::Ledger {
    let mut ledger = row
        .private
        .part("ledger")
        .and_then(|ledger| serde_json::from_value::<billing::Ledger>(ledger.clone()).ok())
        .unwrap_or_default();
    ledger.catch_up(life);
    ledger
}

async fn create(region: Arc<Region>, mut call: Call) -> Answer {
    let config = call.input.name("EndpointConfigName").to_owned();
    let policy = call.input.part("DeploymentConfig").cloned();
    family::drop_members(&mut call.input, &["DeploymentConfig"]);
    let (place, life, steady) = (Arc::clone(&region), work::life(&region), region.steady());
    FAMILY
        .create(&region, call, move |change, row| {
            let now = change.now();
            let mut fleet = Fleet::of_config(&place, change, &config)?;
            Plan::read(policy.as_ref(), fleet.instances())
                .map_err(|bad| Refusal::invalid(bad.to_string()))?;
            enough(change, &fleet, None)?;
            fleet.enter(VariantStatus::Creating, None, now);
            let pending = Pending { fleet, policy, began: now };
            let private = Private { pending: Some(pending), ..Private::default() };
            let (row_now, status) = (row.clone(), Status::Creating);
            let record = Record { row: row_now, status, private, life, now, steady };
            *row = record.into_row()?;
            Ok(())
        })
        .await
}

/// Refuses more instances than a region may have.
fn enough(change: &Change<'_>, fleet: &Fleet, but: Option<&str>) -> Result<(), Refusal> {
    let mut used = BTreeMap::<String, u32>::new();
    let mut query = Query { kind: kind::ENDPOINT.into(), limit: 1000, ..Query::default() };
    loop {
        let page = change.list(&query)?;
        for row in page.rows.iter().filter(|row| Some(row.name.as_str()) != but) {
            let private: Private =
                serde_json::from_value(row.private.clone()).map_err(StoreError::Document)?;
            if row.status != Status::Failed.name() {
                for fleet in private.fleet.iter().chain(private.pending.as_ref().map(|p| &p.fleet))
                {
                    add(&mut used, fleet);
                }
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let mut wanted = BTreeMap::new();
    add(&mut wanted, fleet);
    for (instance_type, count) in wanted {
        let now = used.get(&instance_type).copied().unwrap_or_default();
        if now.saturating_add(count) > MOST_INSTANCES {
            return Err(Refusal::Limit(format!(
                "The account-level service limit '{instance_type} for endpoint usage' is \
                 {MOST_INSTANCES} Instances, with current utilization of {now} Instances and a \
                 request delta of {count} Instances. Each instance is a process of this machine; \
                 delete endpoints or use fewer instances."
            )));
        }
    }
    Ok(())
}

fn add(sum: &mut BTreeMap<String, u32>, fleet: &Fleet) {
    for variant in &fleet.variants {
        let used = sum.entry(variant.instance_type.clone()).or_default();
        *used = used.saturating_add(variant.desired_count);
    }
}

async fn describe(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("EndpointName");
    let changing = |row: &Row| Status::parse(&row.status).is_some_and(Status::is_in_progress);
    let longest = region.options().hold.endpoints;
    let look = || FAMILY.find(&region, name);
    Ok(hold::settled(&region, kind::ENDPOINT, longest, changing, look).await?.body)
}

async fn list(region: Arc<Region>, call: Call) -> Answer {
    let query = listing::query(call.operation, &call.input, kind::ENDPOINT)?;
    region.store().read(|snapshot| listing::page(snapshot, &query, "Endpoints"))
}

/// Changes an endpoint that is there, in one transaction.
async fn change(
    region: &Arc<Region>,
    name: &str,
    edit: impl FnOnce(&Region, &mut Change<'_>, &mut Record) -> Result<(), Refusal> + Send + 'static,
) -> Result<(), Refusal> {
    let (place, life, name) = (Arc::clone(region), work::life(region), name.to_owned());
    let steady = region.steady();
    region
        .store()
        .write(move |change| {
            let absent = || FAMILY.absent(&place, &name);
            let row = change.get(kind::ENDPOINT, &name)?.ok_or_else(absent)?;
            let mut record = Record::of(row, life, change.now(), steady).ok_or_else(absent)?;
            edit(&place, change, &mut record)?;
            Ok(change.update(&record.into_row()?)?)
        })
        .await
}

/// Only an endpoint at rest and in service is updated.
fn may_update(region: &Region, record: &Record) -> Result<(), Refusal> {
    let arn = FAMILY.arn_of(region, &record.row.name);
    if record.status.is_in_progress() {
        return Err(Refusal::Invalid(format!("Cannot update in-progress endpoint \"{arn}\".")));
    }
    if !record.status.may_update() {
        return Err(Refusal::Invalid(format!(
            "Cannot update endpoint \"{arn}\" in status {}: it can only be deleted.",
            record.status.name()
        )));
    }
    Ok(())
}

async fn update(region: Arc<Region>, call: Call) -> Answer {
    let input = call.input;
    let name = input.name("EndpointName").to_owned();
    let arn = FAMILY.arn_of(&region, &name);
    if input.flag("RetainDeploymentConfig") && input.has("DeploymentConfig") {
        return Err(Refusal::invalid(
            "DeploymentConfig cannot be specified when RetainDeploymentConfig is true.",
        ));
    }
    if !input.list("ExcludeRetainedVariantProperties").is_empty()
        && !input.flag("RetainAllVariantProperties")
    {
        return Err(Refusal::invalid(
            "ExcludeRetainedVariantProperties can be specified only when \
             RetainAllVariantProperties is true.",
        ));
    }
    change(&region, &name, move |region, change, record| {
        may_update(region, record)?;
        let mut fleet = Fleet::of_config(region, change, input.name("EndpointConfigName"))?;
        if input.flag("RetainAllVariantProperties")
            && let Some(present) = &record.private.fleet
        {
            let excluded: Vec<&str> = input
                .list("ExcludeRetainedVariantProperties")
                .iter()
                .map(|property| property.name("VariantPropertyType"))
                .collect();
            fleet.retain(present, &excluded);
        }
        enough(change, &fleet, Some(&record.row.name))?;
        let policy = if input.flag("RetainDeploymentConfig") {
            record.row.body.part("LastDeploymentConfig").cloned()
        } else {
            input.part("DeploymentConfig").cloned()
        };
        Plan::read(policy.as_ref(), fleet.instances())
            .map_err(|bad| Refusal::invalid(bad.to_string()))?;
        fleet.enter(VariantStatus::Creating, None, record.now);
        record.private.pending = Some(Pending { fleet, policy, began: record.now });
        record.fails(None);
        begin_update(record)
    })
    .await?;
    Ok(json!({"EndpointArn": arn}))
}

fn begin_update(record: &mut Record) -> Result<(), Refusal> {
    if record.enter(Status::Updating) {
        return Ok(());
    }
    Err(Refusal::Invalid(format!("Cannot update an endpoint in status {}.", record.status.name())))
}

async fn update_weights(region: Arc<Region>, call: Call) -> Answer {
    let input = call.input;
    let name = input.name("EndpointName").to_owned();
    let arn = FAMILY.arn_of(&region, &name);
    change(&region, &name, move |region, change, record| {
        may_update(region, record)?;
        let now = record.now;
        let Some(fleet) = record.private.fleet.as_mut() else {
            return Err(FAMILY.absent(region, &record.row.name));
        };
        weigh(fleet, input.list("DesiredWeightsAndCapacities"), now)?;
        let fleet = fleet.clone();
        enough(change, &fleet, Some(&record.row.name))?;
        record.fails(None);
        begin_update(record)
    })
    .await?;
    Ok(json!({"EndpointArn": arn}))
}

/// Writes what is wanted into the fleet; what is not named stays as it is.
fn weigh(fleet: &mut Fleet, wanted: &[Value], now: Timestamp) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    let elastic = fleet.shown.contains_key("AsyncInferenceConfig");
    for entry in wanted {
        let name = entry.name("VariantName");
        if !seen.insert(name) {
            return Err(Refusal::Invalid(format!(
                "The variant name \"{name}\" was non-unique within the request."
            )));
        }
        let config = fleet.config.clone();
        let Some(variant) = fleet.variant_mut(name) else {
            return Err(Refusal::Invalid(format!(
                "The variant name(s) \"{name}\" is/are not present within endpoint configuration \
                 \"{config}\"."
            )));
        };
        if let Some(count) = entry.integer("DesiredInstanceCount") {
            if variant.serverless.is_some() {
                return Err(Refusal::Invalid(format!(
                    "DesiredInstanceCount cannot be specified for the serverless variant {name}."
                )));
            }
            let scales = variant.scaling.is_some() || elastic;
            if count < 1 && !scales {
                return Err(Refusal::Invalid(format!(
                    "DesiredInstanceCount of variant {name} must be at least 1."
                )));
            }
            variant.desired_count = u32::try_from(count).unwrap_or(u32::MAX);
        }
        if let Some(weight) = entry.number("DesiredWeight") {
            variant.desired_weight = weight;
        }
        if let (Some(update), Some(serverless)) =
            (entry.part("ServerlessUpdateConfig"), variant.serverless.as_mut())
        {
            for member in ["MaxConcurrency", "ProvisionedConcurrency"] {
                if let Some(value) = update.part(member) {
                    serverless[member] = value.clone();
                }
            }
        }
        if variant.desired_count != variant.current_count
            || variant.desired_weight != variant.current_weight
        {
            variant.enter(VariantStatus::Updating, None, now);
        }
    }
    Ok(())
}

async fn delete(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("EndpointName").to_owned();
    change(&region, &name, |region, _, record| {
        let arn = FAMILY.arn_of(region, &record.row.name);
        if !record.status.may_delete() || !record.enter(Status::Deleting) {
            return Err(Refusal::Invalid(format!("Cannot update in-progress endpoint \"{arn}\".")));
        }
        if let Some(fleet) = record.private.fleet.as_mut() {
            fleet.enter(VariantStatus::Deleting, None, record.now);
        }
        Ok(())
    })
    .await?;
    Ok(family::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet() -> Fleet {
        let variant = |name: &str| record::Variant {
            name: name.to_owned(),
            containers: Vec::new(),
            direct: false,
            instance_type: "ml.m5.large".to_owned(),
            desired_count: 1,
            current_count: 1,
            desired_weight: 1.0,
            current_weight: 1.0,
            least_outstanding: false,
            startup_seconds: 1,
            serverless: None,
            scaling: None,
            routing: None,
            resolved: Timestamp::from_millis(0),
            status: None,
        };
        Fleet {
            config: "c".to_owned(),
            variants: vec![variant("a"), variant("b")],
            shown: BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_not_named_stays() {
        let mut fleet = fleet();
        let wanted = [json!({"VariantName": "a", "DesiredWeight": 3.0})];
        weigh(&mut fleet, &wanted, Timestamp::from_millis(1)).unwrap();
        assert_eq!((fleet.variants[0].desired_weight, fleet.variants[0].desired_count), (3.0, 1));
        assert_eq!(fleet.variants[0].current_weight, 1.0);
        assert!(fleet.variants[0].status.is_some());
        assert!(fleet.variants[1].status.is_none());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (wanted, why) in [
            (json!([{"VariantName": "x"}]), "not present"),
            (json!([{"VariantName": "a"}, {"VariantName": "a"}]), "non-unique within the request"),
            (json!([{"VariantName": "a", "DesiredInstanceCount": 0}]), "at least 1"),
        ] {
            let refusal =
                weigh(&mut fleet(), wanted.as_array().unwrap(), Timestamp::from_millis(1))
                    .unwrap_err();
            assert!(refusal.to_string().contains(why), "{refusal}");
        }
    }
}
