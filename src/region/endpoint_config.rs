//! Endpoint configurations: which models are to serve, on what, and in which shares.

use super::dispatch::Table;
use super::family::{self, Family};
use super::{Answer, Call, Refusal, Region, View, listing, model};
use crate::domain::kind;
use crate::store::{Change, Row};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

pub const FAMILY: Family = Family {
    kind: kind::ENDPOINT_CONFIG,
    noun: "endpoint configuration",
    name: "EndpointConfigName",
    arn: "EndpointConfigArn",
};

/// How often utilisation may be published, in seconds.
const PUBLISH_FREQUENCIES: &[i64] = &[10, 30, 60, 120, 180, 240, 300];

pub(super) fn rows(table: &mut Table) {
    table
        .service("sagemaker")
        .behaves_but(
            "CreateEndpointConfig",
            "Recorded only: DataCaptureConfig, AsyncInferenceConfig, ExplainerConfig, ShadowProductionVariants, ServerlessConfig's limits, InstancePools, ManagedInstanceScaling, CoreDumpConfig, KmsKeyId, VpcConfig, EnableNetworkIsolation, MetricsConfig, CrossRegionTrafficConfig, VolumeSizeInGB.",
            create,
        )
        .behaves("DescribeEndpointConfig", describe)
        .behaves("ListEndpointConfigs", list)
        .behaves("DeleteEndpointConfig", delete);
}

async fn create(region: Arc<Region>, mut call: Call) -> Answer {
    check(&call.input)?;
    for member in ["ProductionVariants", "ShadowProductionVariants"] {
        let variants = call.input.get_mut(member).and_then(Value::as_array_mut);
        for variant in variants.into_iter().flatten() {
            family::default(variant, "InitialVariantWeight", 1.0);
        }
    }
    family::default(&mut call.input, "EnableNetworkIsolation", false);
    let place = Arc::clone(&region);
    FAMILY.create(&region, call, move |change, row| check_models(&place, change, &row.body)).await
}

async fn describe(region: Arc<Region>, call: Call) -> Answer {
    Ok(FAMILY.find(&region, call.input.name("EndpointConfigName"))?.body)
}

async fn list(region: Arc<Region>, call: Call) -> Answer {
    let query = listing::query(call.operation, &call.input, kind::ENDPOINT_CONFIG)?;
    region.store().read(|snapshot| listing::page(snapshot, &query, "EndpointConfigs"))
}

async fn delete(region: Arc<Region>, call: Call) -> Answer {
    FAMILY.delete(&region, call.input.name("EndpointConfigName")).await?;
    Ok(family::nothing())
}

fn variants(input: &Value) -> impl Iterator<Item = &Value> {
    input.list("ProductionVariants").iter().chain(input.list("ShadowProductionVariants"))
}

/// The rules that the call's own members decide.
fn check(input: &Value) -> Result<(), Refusal> {
    let mut names = BTreeSet::new();
    for variant in variants(input) {
        let name = variant.name("VariantName");
        if !names.insert(name) {
            return Err(Refusal::Invalid(format!(
                "Variant names must be unique within an endpoint configuration; {name} is there twice."
            )));
        }
        check_variant(input, variant)?;
    }
    let (production, shadow) =
        (input.list("ProductionVariants").len(), input.list("ShadowProductionVariants").len());
    if shadow > 1 || (shadow == 1 && production > 1) {
        return Err(Refusal::invalid(
            "With ShadowProductionVariants you can specify only one variant for ProductionVariants and one variant for ShadowProductionVariants.",
        ));
    }
    check_serverless_config(input)?;
    check_traffic(input)?;
    let frequency = input
        .part("MetricsConfig")
        .and_then(|config| config.integer("MetricPublishFrequencyInSeconds"));
    match frequency {
        Some(seconds) if !PUBLISH_FREQUENCIES.contains(&seconds) => Err(Refusal::Invalid(format!(
            "Invalid MetricPublishFrequencyInSeconds {seconds}: it must be one of 10, 30, 60, 120, 180, 240, 300."
        ))),
        _ => Ok(()),
    }
}

fn check_variant(input: &Value, variant: &Value) -> Result<(), Refusal> {
    let name = variant.name("VariantName");
    let wrong = |why: &str| Err(Refusal::Invalid(format!("Production variant {name}: {why}")));
    let pools = variant.list("InstancePools");
    let instances = variant.has("InstanceType") || !pools.is_empty();
    if variant.has("InstanceType") && !pools.is_empty() {
        return wrong("specify either InstanceType or InstancePools, not both.");
    }
    match (variant.has("ServerlessConfig"), instances) {
        (true, true) => return wrong("specify either ServerlessConfig or InstanceType, not both."),
        (false, false) => return wrong("specify InstanceType or ServerlessConfig."),
        _ => {}
    }
    if !variant.has("ModelName") && !input.has("ExecutionRoleArn") {
        return wrong(
            "specify ModelName, or the configuration's ExecutionRoleArn to host inference components.",
        );
    }
    if instances && !variant.has("InitialInstanceCount") && !scales_itself(variant) {
        return wrong("InitialInstanceCount is required with InstanceType.");
    }
    let priorities: BTreeSet<_> = pools.iter().map(|pool| pool.integer("Priority")).collect();
    if priorities.len() < pools.len() {
        return wrong("each instance pool must have a Priority of its own.");
    }
    if let Some(routing) = variant.part("RoutingConfig")
        && routing.has("PrefixAwareRoutingConfig")
        && routing.text("RoutingStrategy") != Some("PREFIX_AWARE")
    {
        return wrong("PrefixAwareRoutingConfig goes with RoutingStrategy PREFIX_AWARE alone.");
    }
    check_scaling(variant).or_else(wrong)?;
    check_serverless(variant).or_else(wrong)
}

fn scales_itself(variant: &Value) -> bool {
    variant
        .part("ManagedInstanceScaling")
        .is_some_and(|scaling| scaling.text("Status") == Some("ENABLED"))
}

fn check_scaling(variant: &Value) -> Result<(), &'static str> {
    let Some(scaling) = variant.part("ManagedInstanceScaling") else { return Ok(()) };
    match (scaling.integer("MinInstanceCount"), scaling.integer("MaxInstanceCount")) {
        (Some(least), Some(most)) if least > most => {
            Err("ManagedInstanceScaling MinInstanceCount must not exceed MaxInstanceCount.")
        }
        _ => Ok(()),
    }
}

fn check_serverless(variant: &Value) -> Result<(), &'static str> {
    let Some(serverless) = variant.part("ServerlessConfig") else { return Ok(()) };
    if serverless.integer("MemorySizeInMB").is_some_and(|size| size % 1024 != 0) {
        return Err("MemorySizeInMB must be one of 1024, 2048, 3072, 4096, 5120, 6144.");
    }
    if serverless.integer("ProvisionedConcurrency") > serverless.integer("MaxConcurrency") {
        return Err("ProvisionedConcurrency must be less than or equal to MaxConcurrency.");
    }
    let of_instances = [
        "InitialInstanceCount",
        "VolumeSizeInGB",
        "CoreDumpConfig",
        "AcceleratorType",
        "ManagedInstanceScaling",
        "RoutingConfig",
        "InferenceAmiVersion",
    ];
    if of_instances.iter().any(|member| variant.get(member).is_some_and(|value| !value.is_null())) {
        return Err("members that describe instances cannot go with ServerlessConfig.");
    }
    Ok(())
}

fn is_serverless(variant: &Value) -> bool {
    variant.has("ServerlessConfig")
}

/// What a serverless endpoint cannot have.
fn check_serverless_config(input: &Value) -> Result<(), Refusal> {
    if !variants(input).any(is_serverless) {
        return Ok(());
    }
    if variants(input).count() > 1 {
        return Err(Refusal::invalid(
            "Serverless endpoints do not support multiple production variants.",
        ));
    }
    for (member, there) in [
        ("DataCaptureConfig", input.has("DataCaptureConfig")),
        ("AsyncInferenceConfig", input.has("AsyncInferenceConfig")),
        ("ExplainerConfig", input.has("ExplainerConfig")),
        ("VpcConfig", input.has("VpcConfig")),
        ("EnableNetworkIsolation", input.flag("EnableNetworkIsolation")),
    ] {
        if there {
            return Err(Refusal::Invalid(format!("Serverless endpoints do not support {member}.")));
        }
    }
    Ok(())
}

fn check_traffic(input: &Value) -> Result<(), Refusal> {
    let kept_local = input.has("AsyncInferenceConfig") || variants(input).any(is_serverless);
    if input.has("CrossRegionTrafficConfig") && kept_local {
        return Err(Refusal::invalid(
            "CrossRegionTrafficConfig cannot be specified with serverless variants or with AsyncInferenceConfig.",
        ));
    }
    Ok(())
}

/// Every model that is named must exist, and a serverless one must be able to run so.
fn check_models(region: &Region, change: &Change<'_>, body: &Value) -> Result<(), Refusal> {
    for variant in variants(body) {
        let pools = variant.list("InstancePools").iter();
        let named = pools
            .filter_map(|pool| pool.text("ModelNameOverride"))
            .chain(variant.text("ModelName"))
            .filter(|name| !name.is_empty());
        for name in named {
            let row =
                change.get(kind::MODEL, name)?.ok_or_else(|| model::FAMILY.absent(region, name))?;
            if is_serverless(variant) {
                check_serverless_model(&row)?;
            }
            model::servable(&row)?;
        }
    }
    Ok(())
}

fn check_serverless_model(model: &Row) -> Result<(), Refusal> {
    let containers = model::containers(model);
    let why = if containers.len() > 1 {
        "inference pipelines"
    } else if containers.iter().any(|part| part.text("Mode") == Some("MultiModel")) {
        "multi-model containers"
    } else if containers.iter().any(|part| part.has("ModelDataSource")) {
        "models with containers that use ModelDataSource"
    } else if model.body.has("VpcConfig") {
        "models with a VpcConfig"
    } else if model.body.flag("EnableNetworkIsolation") {
        "models with network isolation"
    } else {
        return Ok(());
    };
    Err(Refusal::Invalid(format!("Serverless endpoints do not support {why}: {}.", model.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn variant(more: Value) -> Value {
        let mut variant = json!({
            "VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
        });
        overlay(&mut variant, more);
        variant
    }

    fn serverless(more: Value) -> Value {
        let config = json!({"MemorySizeInMB": 2048, "MaxConcurrency": 5});
        let mut variant = json!({"VariantName": "a", "ModelName": "m", "ServerlessConfig": config});
        overlay(&mut variant, more);
        variant
    }

    fn overlay(target: &mut Value, more: Value) {
        target.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }

    fn config(variants: Vec<Value>, more: Value) -> Value {
        let mut config = json!({"EndpointConfigName": "c", "ProductionVariants": variants});
        overlay(&mut config, more);
        config
    }

    #[rstest]
    #[case::twice(vec![variant(json!({})), variant(json!({}))], json!({}), "unique")]
    #[case::shadow_twice(vec![variant(json!({}))], json!({"ShadowProductionVariants": [variant(json!({}))]}), "unique")]
    #[case::no_kind(vec![json!({"VariantName": "a", "ModelName": "m"})], json!({}), "InstanceType or Serverless")]
    #[case::both_kinds(vec![serverless(json!({"InstanceType": "ml.m5.large"}))], json!({}), "not both")]
    #[case::no_count(vec![variant(json!({"InitialInstanceCount": null}))], json!({}), "InitialInstanceCount")]
    #[case::no_model(vec![variant(json!({"ModelName": null}))], json!({}), "ModelName")]
    #[case::pools_and_type(
        vec![variant(json!({"InstancePools": [{"InstanceType": "ml.m5.large", "Priority": 1}]}))], json!({}), "InstancePools")]
    #[case::memory(vec![serverless(json!({"ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 1}}))], json!({}), "MemorySizeInMB")]
    #[case::provisioned(
        vec![serverless(json!({"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1, "ProvisionedConcurrency": 2}}))],
        json!({}), "ProvisionedConcurrency")]
    #[case::serverless_count(vec![serverless(json!({"InitialInstanceCount": 1}))], json!({}), "instances")]
    #[case::serverless_twice(vec![serverless(json!({})), serverless(json!({"VariantName": "b"}))], json!({}), "multiple")]
    #[case::serverless_capture(vec![serverless(json!({}))], json!({"DataCaptureConfig": {}}), "DataCaptureConfig")]
    #[case::serverless_async(vec![serverless(json!({}))], json!({"AsyncInferenceConfig": {}}), "AsyncInferenceConfig")]
    #[case::frequency(vec![variant(json!({}))], json!({"MetricsConfig": {"MetricPublishFrequencyInSeconds": 45}}), "45")]
    #[case::cross_region(
        vec![variant(json!({}))], json!({"AsyncInferenceConfig": {}, "CrossRegionTrafficConfig": {}}), "CrossRegion")]
    #[case::scaling(
        vec![variant(json!({"ManagedInstanceScaling": {"MinInstanceCount": 3, "MaxInstanceCount": 2}}))], json!({}), "MinInstanceCount")]
    #[case::prefix(
        vec![variant(json!({"RoutingConfig": {"RoutingStrategy": "RANDOM", "PrefixAwareRoutingConfig": {}}}))], json!({}), "PREFIX_AWARE")]
    fn refused(#[case] variants: Vec<Value>, #[case] more: Value, #[case] why: &str) {
        let refusal = check(&config(variants, more)).unwrap_err();
        assert!(refusal.to_string().contains(why), "{refusal}");
    }

    #[test]
    fn one_shadow_beside_one_production_variant() {
        let shadow = |name: &str| variant(json!({"VariantName": name}));
        let with = |shadows: Vec<Value>| json!({"ShadowProductionVariants": shadows});
        assert!(check(&config(vec![variant(json!({}))], with(vec![shadow("s")]))).is_ok());
        assert!(
            check(&config(vec![variant(json!({}))], with(vec![shadow("s"), shadow("t")]))).is_err()
        );
        let two = vec![variant(json!({})), shadow("b")];
        assert!(check(&config(two, with(vec![shadow("s")]))).is_err());
    }

    #[test]
    fn weight_zero_and_serverless_alone_are_fine() {
        assert!(
            check(&config(vec![variant(json!({"InitialVariantWeight": 0.0}))], json!({}))).is_ok()
        );
        assert!(check(&config(vec![serverless(json!({}))], json!({}))).is_ok());
    }
}
