//! An endpoint's row: the fleets it is made of, and the document that Describe shows of them.
//!
//! The fleet is a snapshot of configuration and models, taken when the deployment is asked for:
//! deleting either later takes nothing from an endpoint that runs. What Describe shows is rendered
//! from that snapshot at every change, so the two cannot disagree.

use super::super::billing::Ledger;
use super::super::work::{self, Life};
use super::super::{Refusal, Region, View, endpoint_config, model};
use super::machine::{Status, VariantStatus};
use crate::domain::kind;
use crate::domain::time::Timestamp;
use crate::engine::image;
use crate::store::{Change, Row, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a container may take to answer its first ping, unless the variant says otherwise.
const STARTUP: u64 = 8 * 60;
/// The same for a serverless one.
const SERVERLESS_STARTUP: u64 = 3 * 60;
/// How long a FailureReason may be.
const FAILURE_REASON_CHARS: usize = 1024;

/// What the region keeps of an endpoint and never shows as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Private {
    /// What serves.
    pub fleet: Option<Fleet>,
    /// What is to serve once it is healthy.
    pub pending: Option<Pending>,
    pub ledger: Ledger,
}

impl Private {
    /// What runs and is billed, by instance type. While a deployment is under way that is both fleets.
    fn running(&self, status: Status) -> BTreeMap<String, u32> {
        let mut running = BTreeMap::new();
        if !status.serves() {
            return running;
        }
        let pending = self.pending.as_ref().map(|pending| &pending.fleet);
        let variants = self.fleet.iter().chain(pending).flat_map(|fleet| &fleet.variants);
        for variant in variants.filter(|variant| variant.serverless.is_none()) {
            if variant.current_count > 0 {
                *running.entry(variant.instance_type.clone()).or_default() += variant.current_count;
            }
        }
        running
    }
}

/// A deployment under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    pub fleet: Fleet,
    /// The `DeploymentConfig` in force for it.
    pub policy: Option<Value>,
    pub began: Timestamp,
}

/// Instances of all variants that stem from one endpoint configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    /// The endpoint configuration's name.
    pub config: String,
    pub variants: Vec<Variant>,
    /// Members of Describe that the configuration decides (`DataCaptureConfig`, …).
    pub shown: BTreeMap<String, Value>,
}

/// A production variant: what it is, what is wanted of it, what there is of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    pub name: String,
    /// `ContainerDefinition`s, packages resolved.
    pub containers: Vec<Value>,
    /// Containers are invoked one at a time by hostname, not as a pipeline.
    pub direct: bool,
    /// Empty for a serverless variant.
    pub instance_type: String,
    pub desired_count: u32,
    pub current_count: u32,
    pub desired_weight: f64,
    pub current_weight: f64,
    pub least_outstanding: bool,
    pub startup_seconds: u64,
    pub serverless: Option<Value>,
    pub scaling: Option<Value>,
    pub routing: Option<Value>,
    pub resolved: Timestamp,
    pub status: Option<Stage>,
}

/// A `VariantStatus`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    pub status: String,
    pub message: Option<String>,
    pub since: Timestamp,
}

impl Variant {
    pub fn startup(&self) -> Duration {
        Duration::from_secs(self.startup_seconds)
    }

    pub fn enter(&mut self, status: VariantStatus, message: Option<String>, now: Timestamp) {
        let since = match &self.status {
            Some(stage) if stage.status == status.name() => stage.since,
            _ => now,
        };
        self.status = Some(Stage { status: status.name().to_owned(), message, since });
    }

    /// Everything that was wanted is there.
    pub fn settle(&mut self) {
        self.current_count = self.desired_count;
        self.current_weight = self.desired_weight;
        self.status = None;
    }

    fn document(&self, with_type: bool) -> Value {
        let images: Vec<Value> = self
            .containers
            .iter()
            .map(|container| {
                json!({
                    "SpecifiedImage": container.name("Image"),
                    "ResolvedImage": image::resolved(container.name("Image")),
                    "ResolutionTime": self.resolved.to_document(),
                })
            })
            .collect();
        let mut document = json!({
            "VariantName": self.name,
            "DeployedImages": images,
            "CurrentWeight": self.current_weight,
            "DesiredWeight": self.desired_weight,
        });
        if let Some(serverless) = &self.serverless {
            document["CurrentServerlessConfig"] = serverless.clone();
            document["DesiredServerlessConfig"] = serverless.clone();
        } else {
            document["CurrentInstanceCount"] = self.current_count.into();
            document["DesiredInstanceCount"] = self.desired_count.into();
            if with_type {
                document["InstanceType"] = self.instance_type.as_str().into();
            }
        }
        for (member, value) in
            [("ManagedInstanceScaling", &self.scaling), ("RoutingConfig", &self.routing)]
        {
            if let Some(value) = value {
                document[member] = value.clone();
            }
        }
        if let Some(stage) = &self.status {
            let mut entry = json!({"Status": stage.status, "StartTime": stage.since.to_document()});
            if let Some(message) = &stage.message {
                entry["StatusMessage"] = message.as_str().into();
            }
            document["VariantStatus"] = json!([entry]);
        }
        document
    }
}

impl Fleet {
    /// Instances of all variants.
    pub fn instances(&self) -> u32 {
        self.variants.iter().map(|variant| variant.desired_count).sum()
    }

    pub fn variant_mut(&mut self, name: &str) -> Option<&mut Variant> {
        self.variants.iter_mut().find(|variant| variant.name == name)
    }

    pub fn enter(&mut self, status: VariantStatus, message: Option<&str>, now: Timestamp) {
        for variant in &mut self.variants {
            variant.enter(status, message.map(str::to_owned), now);
        }
    }

    /// Keeps what the endpoint's present variants have (`RetainAllVariantProperties`), but for the
    /// properties that are named.
    pub fn retain(&mut self, present: &Self, excluded: &[&str]) {
        for variant in &mut self.variants {
            let Some(old) = present.variants.iter().find(|old| old.name == variant.name) else {
                continue;
            };
            if !excluded.contains(&"DesiredInstanceCount") && variant.serverless.is_none() {
                variant.desired_count = old.desired_count;
            }
            if !excluded.contains(&"DesiredWeight") {
                variant.desired_weight = old.desired_weight;
            }
        }
    }

    /// The fleet that an endpoint configuration describes.
    pub fn of_config(region: &Region, change: &Change<'_>, config: &str) -> Result<Self, Refusal> {
        let row = change
            .get(kind::ENDPOINT_CONFIG, config)?
            .ok_or_else(|| endpoint_config::FAMILY.absent(region, config))?;
        let now = change.now();
        let variants = row
            .body
            .list("ProductionVariants")
            .iter()
            .map(|document| variant_of(region, change, document, now))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { config: row.name, variants, shown: shown(&row.body) })
    }
}

/// Members of Describe that come from the configuration as they are.
fn shown(config: &Value) -> BTreeMap<String, Value> {
    let mut shown = BTreeMap::new();
    for member in
        ["AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig", "CrossRegionTrafficConfig"]
    {
        if let Some(value) = config.part(member) {
            shown.insert(member.to_owned(), value.clone());
        }
    }
    if let Some(capture) = config.part("DataCaptureConfig") {
        let mut summary = json!({
            "EnableCapture": capture.flag("EnableCapture"),
            // Nothing is captured here, and the status says so.
            "CaptureStatus": "Stopped",
            "CurrentSamplingPercentage": capture.integer("InitialSamplingPercentage").unwrap_or(0),
            "DestinationS3Uri": capture.name("DestinationS3Uri"),
        });
        summary["KmsKeyId"] = capture.name("KmsKeyId").into();
        shown.insert("DataCaptureConfig".to_owned(), summary);
    }
    let shadows = config.list("ShadowProductionVariants");
    if !shadows.is_empty() {
        let summaries: Vec<Value> = shadows
            .iter()
            .map(|shadow| {
                json!({
                    "VariantName": shadow.name("VariantName"),
                    "DesiredWeight": shadow.number("InitialVariantWeight").unwrap_or(1.0),
                    "CurrentWeight": 0.0,
                    "DesiredInstanceCount": shadow.integer("InitialInstanceCount").unwrap_or(1),
                    "CurrentInstanceCount": 0,
                })
            })
            .collect();
        shown.insert("ShadowProductionVariants".to_owned(), summaries.into());
    }
    shown
}

fn variant_of(
    region: &Region,
    change: &Change<'_>,
    document: &Value,
    now: Timestamp,
) -> Result<Variant, Refusal> {
    let name = document.name("VariantName");
    let pool = document.list("InstancePools").iter().min_by_key(|pool| pool.integer("Priority"));
    // The pool that is used may have a model of its own in the place of the variant's.
    let own = pool.and_then(|pool| pool.text("ModelNameOverride")).filter(|own| !own.is_empty());
    let model_name = own.unwrap_or_else(|| document.name("ModelName"));
    if model_name.is_empty() {
        return Err(Refusal::Invalid(format!(
            "Production variant {name} names no model: inference components are not simulated by \
             Sagebrush. Create the endpoint configuration with a ModelName."
        )));
    }
    let row = change
        .get(kind::MODEL, model_name)?
        .ok_or_else(|| model::FAMILY.absent(region, model_name))?;
    model::servable(&row)?;
    let serverless = document.part("ServerlessConfig").cloned();
    let scaling = document.part("ManagedInstanceScaling");
    let pool = pool.and_then(|pool| pool.text("InstanceType"));
    let count = document
        .integer("InitialInstanceCount")
        .or_else(|| scaling.and_then(|scaling| scaling.integer("MinInstanceCount")))
        .and_then(|count| u32::try_from(count).ok())
        .unwrap_or(1);
    let startup = document
        .integer("ContainerStartupHealthCheckTimeoutInSeconds")
        .and_then(|seconds| u64::try_from(seconds).ok());
    let routing = document.part("RoutingConfig");
    let execution = row.body.part("InferenceExecutionConfig");
    Ok(Variant {
        name: name.to_owned(),
        containers: model::containers(&row).to_vec(),
        direct: execution.is_some_and(|config| config.text("Mode") == Some("Direct")),
        instance_type: document.text("InstanceType").or(pool).unwrap_or_default().to_owned(),
        desired_count: if serverless.is_some() { 1 } else { count },
        current_count: 0,
        desired_weight: document.number("InitialVariantWeight").unwrap_or(1.0),
        current_weight: 0.0,
        least_outstanding: routing.and_then(|routing| routing.text("RoutingStrategy"))
            == Some("LEAST_OUTSTANDING_REQUESTS"),
        startup_seconds: startup.unwrap_or(if serverless.is_some() {
            SERVERLESS_STARTUP
        } else {
            STARTUP
        }),
        serverless,
        scaling: scaling.cloned(),
        routing: routing.cloned(),
        resolved: now,
        status: None,
    })
}

/// An endpoint's row, taken apart for a change.
#[derive(Clone, Debug)]
pub struct Record {
    pub row: Row,
    pub status: Status,
    pub private: Private,
    pub life: Life,
    /// For stamps.
    pub now: Timestamp,
    /// For spans.
    pub steady: Timestamp,
}

impl Record {
    pub fn of(row: Row, life: Life, now: Timestamp, steady: Timestamp) -> Option<Self> {
        let status = Status::parse(&row.status)?;
        let private = serde_json::from_value(row.private.clone()).unwrap_or_default();
        Some(Self { row, status, private, life, now, steady })
    }

    /// Goes to `to`; false, and nothing changed, when there is no way.
    #[must_use]
    pub fn enter(&mut self, to: Status) -> bool {
        let may = self.status == to || self.status.may_become(to);
        if may {
            self.status = to;
        }
        may
    }

    pub fn fails(&mut self, reason: Option<&str>) {
        let Some(body) = self.row.body.as_object_mut() else { return };
        match reason {
            Some(reason) => {
                let reason: String = reason.chars().take(FAILURE_REASON_CHARS).collect();
                body.insert("FailureReason".into(), reason.into());
            }
            None => {
                body.remove("FailureReason");
            }
        }
    }

    /// A deployment is through, by this policy.
    pub fn deployed(&mut self, policy: Option<Value>) {
        if let (Some(body), Some(policy)) = (self.row.body.as_object_mut(), policy) {
            body.insert("LastDeploymentConfig".into(), policy);
        }
    }

    /// The row with the document rendered anew.
    pub fn into_row(mut self) -> Result<Row, StoreError> {
        let now = self.now;
        let running = self.private.running(self.status);
        self.private.ledger.catch_up(self.life);
        self.private.ledger.run(running, self.steady);
        render(&mut self.row.body, self.status, &self.private, now);
        self.row.status = self.status.name().to_owned();
        self.row.private = serde_json::to_value(&self.private)?;
        Ok(self.row)
    }
}

/// Writes the members of `DescribeEndpoint` that change.
fn render(body: &mut Value, status: Status, private: &Private, now: Timestamp) {
    let Some(members) = body.as_object_mut() else { return };
    members.insert("EndpointStatus".into(), status.name().into());
    members.insert("LastModifiedTime".into(), now.to_document());
    let fleet = private.fleet.as_ref().or(private.pending.as_ref().map(|pending| &pending.fleet));
    if let Some(fleet) = fleet {
        members.insert("EndpointConfigName".into(), fleet.config.as_str().into());
        let variants = fleet.variants.iter().map(|variant| variant.document(false));
        members.insert("ProductionVariants".into(), variants.collect());
        for member in [
            "AsyncInferenceConfig",
            "ExplainerConfig",
            "MetricsConfig",
            "CrossRegionTrafficConfig",
            "DataCaptureConfig",
            "ShadowProductionVariants",
        ] {
            match fleet.shown.get(member) {
                Some(value) => members.insert(member.to_owned(), value.clone()),
                None => members.remove(member),
            };
        }
    }
    match &private.pending {
        Some(pending) if status.is_in_progress() => {
            let variants: Vec<Value> =
                pending.fleet.variants.iter().map(|variant| variant.document(true)).collect();
            let summary = json!({
                "EndpointConfigName": pending.fleet.config,
                "ProductionVariants": variants,
                "StartTime": pending.began.to_document(),
            });
            members.insert("PendingDeploymentSummary".into(), summary);
        }
        _ => {
            members.remove("PendingDeploymentSummary");
        }
    }
}

/// Reads an endpoint; `None` when there is none (any more).
pub fn load(region: &Region, name: &str) -> Result<Option<Record>, StoreError> {
    let row = region.store().read(|snapshot| snapshot.get(kind::ENDPOINT, name))?;
    Ok(row.and_then(|row| Record::of(row, work::life(region), region.now(), region.steady())))
}

/// Changes an endpoint in one transaction. `edit` answers whether to write what it did; `None`
/// means that the endpoint is gone.
pub async fn change(
    region: &Region,
    name: &str,
    edit: impl FnOnce(&mut Record) -> bool + Send + 'static,
) -> Result<Option<Record>, StoreError> {
    let (name, life, steady) = (name.to_owned(), work::life(region), region.steady());
    region
        .store()
        .write(move |change| {
            let Some(row) = change.get(kind::ENDPOINT, &name)? else { return Ok(None) };
            let Some(mut record) = Record::of(row, life, change.now(), steady) else {
                return Ok(None);
            };
            if edit(&mut record) {
                let row = record.clone().into_row()?;
                change.update(&row)?;
                record.row = row;
            }
            Ok(Some(record))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Life = Life { before: None, began: Timestamp::from_millis(0) };

    fn variant(name: &str, count: u32, weight: f64) -> Variant {
        Variant {
            name: name.to_owned(),
            containers: vec![json!({"Image": "i"})],
            direct: false,
            instance_type: "ml.m5.large".to_owned(),
            desired_count: count,
            current_count: 0,
            desired_weight: weight,
            current_weight: 0.0,
            least_outstanding: false,
            startup_seconds: STARTUP,
            serverless: None,
            scaling: None,
            routing: None,
            resolved: Timestamp::from_millis(0),
            status: None,
        }
    }

    fn fleet(variants: Vec<Variant>) -> Fleet {
        Fleet { config: "c".to_owned(), variants, shown: BTreeMap::new() }
    }

    fn record(status: Status, private: Private) -> Record {
        let now = Timestamp::from_millis(5_000);
        let row = Row::new(kind::ENDPOINT, "e", now, json!({"EndpointName": "e"}));
        Record { row, status, private, life: LIFE, now, steady: now }
    }

    #[test]
    fn a_deployment_under_way_is_shown_beside_what_serves() {
        let mut serving = fleet(vec![variant("a", 2, 1.0)]);
        serving.variants[0].settle();
        let mut next = fleet(vec![variant("a", 3, 0.5)]);
        next.config = "d".to_owned();
        next.enter(VariantStatus::Creating, Some("waiting"), Timestamp::from_millis(4_000));
        let pending = Pending { fleet: next, policy: None, began: Timestamp::from_millis(4_000) };
        let private =
            Private { fleet: Some(serving), pending: Some(pending), ledger: Ledger::default() };
        let body = record(Status::Updating, private).into_row().unwrap().body;
        assert_eq!(body["EndpointConfigName"], "c");
        assert_eq!(body["ProductionVariants"][0]["CurrentInstanceCount"], 2);
        let summary = &body["PendingDeploymentSummary"];
        assert_eq!(summary["EndpointConfigName"], "d");
        assert_eq!(summary["ProductionVariants"][0]["InstanceType"], "ml.m5.large");
        assert_eq!(
            summary["ProductionVariants"][0]["VariantStatus"],
            json!([{"Status": "Creating", "StatusMessage": "waiting", "StartTime": 4.0}])
        );
    }

    #[test]
    fn the_summary_goes_when_the_deployment_has_ended() {
        let mut serving = fleet(vec![variant("a", 1, 1.0)]);
        serving.variants[0].settle();
        let private = Private { fleet: Some(serving), ..Private::default() };
        let mut record = record(Status::InService, private);
        record.row.body["PendingDeploymentSummary"] = json!({});
        record.fails(Some(&"x".repeat(2_000)));
        let row = record.into_row().unwrap();
        assert!(row.body.get("PendingDeploymentSummary").is_none());
        assert_eq!(row.body["FailureReason"].as_str().unwrap().len(), 1024);
        assert_eq!(row.status, "InService");
        let mut again =
            Record::of(row, LIFE, Timestamp::from_millis(9_000), Timestamp::from_millis(9_000))
                .unwrap();
        again.fails(None);
        assert!(again.into_row().unwrap().body.get("FailureReason").is_none());
    }

    #[test]
    fn retained_properties_are_those_not_excluded() {
        let mut present = fleet(vec![variant("a", 4, 0.7)]);
        present.variants.push(variant("gone", 9, 9.0));
        let fresh = || fleet(vec![variant("a", 1, 1.0), variant("new", 2, 2.0)]);
        let mut all = fresh();
        all.retain(&present, &[]);
        assert_eq!((all.variants[0].desired_count, all.variants[0].desired_weight), (4, 0.7));
        assert_eq!((all.variants[1].desired_count, all.variants[1].desired_weight), (2, 2.0));
        let mut some = fresh();
        some.retain(&present, &["DesiredInstanceCount"]);
        assert_eq!((some.variants[0].desired_count, some.variants[0].desired_weight), (1, 0.7));
    }

    #[test]
    fn a_stage_keeps_its_beginning_while_its_message_changes() {
        let mut one = variant("a", 1, 1.0);
        one.enter(VariantStatus::Creating, None, Timestamp::from_millis(1));
        one.enter(VariantStatus::Creating, Some("still".into()), Timestamp::from_millis(7));
        assert_eq!(one.status.as_ref().unwrap().since, Timestamp::from_millis(1));
        one.enter(VariantStatus::Baking, None, Timestamp::from_millis(9));
        assert_eq!(one.status.as_ref().unwrap().since, Timestamp::from_millis(9));
    }
}
