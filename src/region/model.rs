//! Models: what serves predictions, as containers or as a package that names them.
//!
//! A package is resolved to its containers when the model is made, as AWS does it: deleting or
//! rejecting the package later does not change the models made from it.

use super::dispatch::Table;
use super::family::{self, Family};
use super::{Answer, Call, Refusal, Region, View, listing, model_package};
use crate::domain::kind;
use crate::store::{Change, Row};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

pub const FAMILY: Family =
    Family { kind: kind::MODEL, noun: "model", name: "ModelName", arn: "ModelArn" };

/// The most that all containers' environments may hold together.
const ENVIRONMENT_BYTES: usize = 32 * 1024;
/// The most that one key or value may hold.
const ENVIRONMENT_ENTRY_BYTES: usize = 1024;

pub(super) fn rows(table: &mut Table) {
    table
        .service("sagemaker")
        .behaves_but(
            "CreateModel",
            "The artifact and the image are looked for when the model is deployed. VpcConfig, ImageConfig, EnableNetworkIsolation, ContainerMetricsConfig, ModelAccessConfig and HubAccessConfig are recorded only. A container with Mode MultiModel is recorded; no endpoint serves it. A container with SAGEMAKER_PROGRAM in its Environment fails when it is deployed: built-in algorithms alone run.",
            create,
        )
        .behaves("DescribeModel", describe)
        .behaves("ListModels", list)
        .behaves("DeleteModel", delete);
}

/// The containers of a model as they are to be run: packages resolved, hostnames given.
/// Each has `Image`, and as sent `ModelDataUrl` or `ModelDataSource`, `Environment`, `Mode`,
/// `ContainerHostname`.
pub fn containers(model: &Row) -> &[Value] {
    model.private.list("Containers")
}

async fn create(region: Arc<Region>, mut call: Call) -> Answer {
    check(&call.input)?;
    family::default(&mut call.input, "EnableNetworkIsolation", false);
    each_container(&mut call.input, |container| {
        if !container.has("ModelPackageName") {
            family::default(container, "Mode", "SingleModel");
        }
    });
    let packages = package_names(&region, &call.input)?;
    let place = Arc::clone(&region);
    FAMILY
        .create(&region, call, move |change, row| {
            let resolved = resolve(&place, change, &row.body, &packages)?;
            row.private = json!({"Containers": resolved});
            Ok(())
        })
        .await
}

async fn describe(region: Arc<Region>, call: Call) -> Answer {
    Ok(FAMILY.find(&region, call.input.name("ModelName"))?.body)
}

async fn list(region: Arc<Region>, call: Call) -> Answer {
    let query = listing::query(call.operation, &call.input, kind::MODEL)?;
    region.store().read(|snapshot| listing::page(snapshot, &query, "Models"))
}

async fn delete(region: Arc<Region>, call: Call) -> Answer {
    FAMILY.delete(&region, call.input.name("ModelName")).await?;
    Ok(family::nothing())
}

fn definitions(input: &Value) -> Vec<&Value> {
    input.part("PrimaryContainer").into_iter().chain(input.list("Containers")).collect()
}

fn each_container(input: &mut Value, mut change: impl FnMut(&mut Value)) {
    if let Some(primary) = input.get_mut("PrimaryContainer").filter(|part| part.is_object()) {
        change(primary);
    }
    if let Some(several) = input.get_mut("Containers").and_then(Value::as_array_mut) {
        several.iter_mut().for_each(change);
    }
}

/// Refuses a model that no endpoint of this version can serve, before anything is made of it.
///
/// # Errors
/// When a container's Mode is MultiModel.
pub fn servable(model: &Row) -> Result<(), Refusal> {
    let multi =
        containers(model).iter().any(|container| container.text("Mode") == Some("MultiModel"));
    if multi {
        return Err(Refusal::Invalid(format!(
            "Model {} has a container whose Mode is MultiModel. Sagebrush does not serve \
             multi-model endpoints in this version: use one model per variant.",
            model.name
        )));
    }
    Ok(())
}

/// The rules that the call's own members decide.
fn check(input: &Value) -> Result<(), Refusal> {
    let several = input.list("Containers");
    match (input.has("PrimaryContainer"), several.is_empty()) {
        (true, false) => {
            return Err(Refusal::invalid(
                "Both PrimaryContainer and Containers were specified. Specify one of them.",
            ));
        }
        (false, true) => {
            return Err(Refusal::invalid(
                "No container was specified. Specify PrimaryContainer or Containers.",
            ));
        }
        _ => {}
    }
    if input.has("InferenceExecutionConfig") && several.is_empty() {
        return Err(Refusal::invalid(
            "InferenceExecutionConfig can be specified only with Containers.",
        ));
    }
    for container in definitions(input) {
        check_container(container)?;
    }
    check_hostnames(input)?;
    check_environment(input)
}

fn check_container(container: &Value) -> Result<(), Refusal> {
    let package = container.has("ModelPackageName");
    let own = ["Image", "ModelDataUrl", "ModelDataSource"]
        .iter()
        .any(|member| container.get(member).is_some_and(|value| !value.is_null()));
    if package == own || (!package && !container.has("Image")) {
        return Err(Refusal::invalid(
            "Specify one of either Image and Model Data URL or ModelPackageName in container definition.",
        ));
    }
    if container.has("ModelDataUrl") && container.has("ModelDataSource") {
        return Err(Refusal::invalid(
            "ModelDataUrl and ModelDataSource cannot both be specified in a container definition.",
        ));
    }
    if container.has("InferenceSpecificationName") && !package {
        return Err(Refusal::invalid(
            "InferenceSpecificationName can be specified only with ModelPackageName.",
        ));
    }
    if let Some(member) = unread(container) {
        return Err(Refusal::Invalid(format!(
            "{member} is not simulated by Sagebrush: the container would be started without those \
             files. Put all files into ModelDataUrl or ModelDataSource."
        )));
    }
    let multi = container.text("Mode") == Some("MultiModel");
    if container.has("MultiModelConfig") && !multi {
        return Err(Refusal::invalid(
            "MultiModelConfig can be specified only for a container whose Mode is MultiModel.",
        ));
    }
    if multi && !container.has("ModelDataUrl") {
        return Err(Refusal::invalid(
            "A container whose Mode is MultiModel needs a ModelDataUrl: the S3 prefix of its models.",
        ));
    }
    Ok(())
}

/// The member that names files which no container here would find.
fn unread(container: &Value) -> Option<&'static str> {
    let manifest = container
        .part("ModelDataSource")
        .and_then(|source| source.part("S3DataSource"))
        .is_some_and(|source| source.has("ManifestS3Uri"));
    if !container.list("AdditionalModelDataSources").is_empty() {
        Some("AdditionalModelDataSources")
    } else {
        manifest.then_some("ManifestS3Uri in ModelDataSource")
    }
}

fn check_hostnames(input: &Value) -> Result<(), Refusal> {
    let several = input.list("Containers");
    let named: Vec<&str> = several
        .iter()
        .filter_map(|container| container.text("ContainerHostname"))
        .filter(|name| !name.is_empty())
        .collect();
    if !named.is_empty() && named.len() < several.len() {
        return Err(Refusal::invalid(
            "If one container has a ContainerHostname, every container must have one.",
        ));
    }
    if named.iter().collect::<BTreeSet<_>>().len() < named.len() {
        return Err(Refusal::invalid("Each ContainerHostname must be unique within the model."));
    }
    let direct = input
        .part("InferenceExecutionConfig")
        .is_some_and(|config| config.text("Mode") == Some("Direct"));
    if direct && named.is_empty() {
        return Err(Refusal::invalid(
            "With InferenceExecutionConfig Mode Direct every container must have a ContainerHostname.",
        ));
    }
    Ok(())
}

fn check_environment(input: &Value) -> Result<(), Refusal> {
    let mut total = 0;
    for container in definitions(input) {
        let entries = container.part("Environment").and_then(Value::as_object);
        for (key, value) in entries.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            if key.len() > ENVIRONMENT_ENTRY_BYTES || value.len() > ENVIRONMENT_ENTRY_BYTES {
                return Err(Refusal::Invalid(format!(
                    "Environment variable {} is longer than {ENVIRONMENT_ENTRY_BYTES} bytes.",
                    key.chars().take(64).collect::<String>()
                )));
            }
            total += key.len() + value.len();
        }
    }
    if total > ENVIRONMENT_BYTES {
        return Err(Refusal::Invalid(format!(
            "The environments of all containers hold {total} bytes; the most is {ENVIRONMENT_BYTES}."
        )));
    }
    Ok(())
}

/// The row names of the packages that the containers name, in the containers' order.
fn package_names(region: &Region, input: &Value) -> Result<Vec<Option<String>>, Refusal> {
    definitions(input)
        .into_iter()
        .map(|container| {
            let text = container.text("ModelPackageName");
            text.map(|text| family::name_or_arn(region, kind::MODEL_PACKAGE, text)).transpose()
        })
        .collect()
}

/// What is to be run: each container as sent, or those of its package.
fn resolve(
    region: &Region,
    change: &Change<'_>,
    body: &Value,
    packages: &[Option<String>],
) -> Result<Vec<Value>, Refusal> {
    let mut resolved = Vec::new();
    for (container, package) in definitions(body).into_iter().zip(packages) {
        let Some(name) = package else {
            resolved.push(container.clone());
            continue;
        };
        let row = change
            .get(kind::MODEL_PACKAGE, name)?
            .ok_or_else(|| model_package::absent(region, name))?;
        model_package::deployable(&row)?;
        let specified = container.text("InferenceSpecificationName");
        for part in model_package::containers(&row, specified)? {
            resolved.push(overlay(part.clone(), container));
        }
    }
    for (at, container) in resolved.iter_mut().enumerate() {
        family::default(container, "Mode", "SingleModel");
        family::default(container, "ContainerHostname", format!("container-{}", at + 1));
    }
    Ok(resolved)
}

/// A package's container with what the model's own definition adds: its environment wins.
fn overlay(mut part: Value, container: &Value) -> Value {
    let added = container.part("Environment").and_then(Value::as_object).cloned();
    if let Some(added) = added {
        family::default(&mut part, "Environment", json!({}));
        if let Some(present) = part.get_mut("Environment").and_then(Value::as_object_mut) {
            present.extend(added);
        }
    }
    if let Some(host) = container.text("ContainerHostname").filter(|host| !host.is_empty()) {
        family::set(&mut part, "ContainerHostname", host);
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn image() -> Value {
        json!({"Image": "i", "ModelDataUrl": "s3://b/k"})
    }

    fn host(name: &str) -> Value {
        json!({"Image": "i", "ContainerHostname": name})
    }

    #[rstest]
    #[case::nothing(json!({}), "No container")]
    #[case::empty_list(json!({"Containers": []}), "No container")]
    #[case::both(json!({"PrimaryContainer": image(), "Containers": [image()]}), "Both")]
    #[case::package_and_image(
        json!({"PrimaryContainer": {"Image": "i", "ModelPackageName": "p"}}), "Specify one of either")]
    #[case::package_and_data(
        json!({"PrimaryContainer": {"ModelDataUrl": "s3://b/k", "ModelPackageName": "p"}}), "Specify one of either")]
    #[case::neither(json!({"PrimaryContainer": {"Environment": {}}}), "Specify one of either")]
    #[case::data_alone(json!({"PrimaryContainer": {"ModelDataUrl": "s3://b/k"}}), "Specify one of either")]
    #[case::two_sources(
        json!({"PrimaryContainer": {"Image": "i", "ModelDataUrl": "s3://b/k", "ModelDataSource": {}}}), "cannot both")]
    #[case::execution_of_one(
        json!({"PrimaryContainer": image(), "InferenceExecutionConfig": {"Mode": "Serial"}}), "only with Containers")]
    #[case::some_hosts(json!({"Containers": [host("a"), image()]}), "every container")]
    #[case::equal_hosts(json!({"Containers": [host("a"), host("a")]}), "unique")]
    #[case::direct_unnamed(
        json!({"Containers": [image()], "InferenceExecutionConfig": {"Mode": "Direct"}}), "Mode Direct")]
    #[case::specification_without_package(
        json!({"PrimaryContainer": {"Image": "i", "InferenceSpecificationName": "x"}}), "only with ModelPackageName")]
    #[case::multi_model_config(
        json!({"PrimaryContainer": {"Image": "i", "MultiModelConfig": {}}}), "MultiModelConfig")]
    #[case::multi_model_without_data(
        json!({"PrimaryContainer": {"Image": "i", "Mode": "MultiModel"}}), "S3 prefix")]
    #[case::additional_data(
        json!({"PrimaryContainer": {"Image": "i", "AdditionalModelDataSources": [{"ChannelName": "c"}]}}),
        "AdditionalModelDataSources")]
    #[case::manifest(
        json!({"PrimaryContainer": {"Image": "i", "ModelDataSource": {"S3DataSource": {"ManifestS3Uri": "s3://b/m"}}}}),
        "ManifestS3Uri")]
    #[case::long_variable(
        json!({"PrimaryContainer": {"Image": "i", "Environment": {"K": "v".repeat(1025)}}}), "1024 bytes")]
    fn refused(#[case] input: Value, #[case] why: &str) {
        let refusal = check(&input).unwrap_err();
        assert!(refusal.to_string().contains(why), "{refusal}");
    }

    #[test]
    fn environments_count_together() {
        let part = |count: usize| {
            let entries = (0..count).map(|at| (format!("{at:024}"), Value::from("v".repeat(1000))));
            json!({"Image": "i", "Environment": entries.collect::<serde_json::Map<_, _>>()})
        };
        assert!(check(&json!({"Containers": [part(16), part(16)]})).is_ok());
        assert!(check(&json!({"Containers": [part(16), part(17)]})).is_err());
    }

    #[test]
    fn a_package_keeps_its_own_and_takes_the_callers_environment() {
        let part = json!({"Image": "i", "Environment": {"A": "1", "B": "1"}});
        let container = json!({"ModelPackageName": "p", "Environment": {"B": "2", "C": "3"}});
        assert_eq!(
            overlay(part, &container),
            json!({"Image": "i", "Environment": {"A": "1", "B": "2", "C": "3"}})
        );
    }
}
