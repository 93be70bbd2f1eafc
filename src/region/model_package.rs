//! Model packages: models on their way from training to deployment, numbered within a group or
//! standing alone by name.
//!
//! A version's number belongs to it for good: the counter outlives deleted versions. A group made
//! anew under an old name counts afresh, since its counter is named after its birth too.

use super::dispatch::Table;
use super::family;
use super::{Answer, Call, Refusal, Region, View, error, listing, model_package_group, tag};
use crate::domain::kind;
use crate::domain::time::Timestamp;
use crate::store::{Change, Query, Row};
use serde_json::{Map, Value, json};
use std::sync::Arc;

mod artifacts;
mod update;

const LIST: &str = "ListModelPackages";
/// How many of a group's newest packages are searched for a call that is being repeated.
const REPEATS: usize = 20;

pub(super) fn rows(table: &mut Table) {
    table
        .service("sagemaker")
        .behaves_but(
            "CreateModelPackage",
            "ValidationSpecification is recorded: no validation job runs, so every package is Completed at once.",
            create,
        )
        .behaves("DescribeModelPackage", describe)
        .behaves_but(
            LIST,
            "Without SortOrder the newest comes first, which AWS's SDK relies on; AWS's reference says Ascending.",
            list,
        )
        .behaves("BatchDescribeModelPackage", batch_describe)
        .behaves("UpdateModelPackage", update::update)
        .behaves("DeleteModelPackage", delete);
}

fn arn_of(region: &Region, name: &str) -> String {
    region.place().sagemaker(kind::MODEL_PACKAGE, name)
}

/// AWS's words for a package that is not there; `name` as in `group/3`.
pub fn absent(region: &Region, name: &str) -> Refusal {
    Refusal::Invalid(format!("ModelPackage {} does not exist.", arn_of(region, name)))
}

/// Refuses a versioned package that nobody has approved.
///
/// # Errors
/// With the status that it has.
pub fn deployable(package: &Row) -> Result<(), Refusal> {
    match package.body.text("ModelApprovalStatus") {
        None | Some("Approved") => Ok(()),
        Some(status) => Err(Refusal::Invalid(format!(
            "Model package {} cannot be deployed: its ModelApprovalStatus is {status}; it must be Approved.",
            package.body.name("ModelPackageArn")
        ))),
    }
}

/// The containers that a package specifies: its own, or those of the additional specification of
/// that name.
///
/// # Errors
/// When there is no such specification.
pub fn containers<'a>(
    package: &'a Row,
    specification: Option<&str>,
) -> Result<&'a [Value], Refusal> {
    let body = &package.body;
    let found = match specification {
        None => body.part("InferenceSpecification"),
        Some(name) => body
            .list("AdditionalInferenceSpecifications")
            .iter()
            .find(|specification| specification.name("Name") == name),
    };
    let containers = found.map_or(&[][..], |found| found.list("Containers"));
    if containers.is_empty() {
        let which = specification.unwrap_or("of its own");
        return Err(Refusal::Invalid(format!(
            "Model package {} has no inference specification {which} to deploy.",
            body.name("ModelPackageArn")
        )));
    }
    Ok(containers)
}

async fn create(region: Arc<Region>, call: Call) -> Answer {
    let group = call.input.text("ModelPackageGroupName");
    let group = group
        .map(|text| family::name_or_arn(&region, kind::MODEL_PACKAGE_GROUP, text))
        .transpose()?;
    check(&call.input)?;
    let mut body = call.input;
    let tags = tag::taken_from(&mut body)?;
    let token = body.text("ClientToken").map(str::to_owned);
    family::drop_members(&mut body, &["ClientToken"]);
    complete(&mut body, group.is_some());
    let mut body = artifacts::identified(&region, body).await?;
    family::set(&mut body, "CreatedBy", family::user_context(&call.caller.arn));
    let place = Arc::clone(&region);
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let group = group.as_deref();
            if let Some(arn) = repeated(change, &body, group, token.as_deref())? {
                return Ok(json!({"ModelPackageArn": arn}));
            }
            let name = match group {
                Some(group) => versioned(&place, change, &mut body, group)?,
                None => body.name("ModelPackageName").to_owned(),
            };
            let arn = arn_of(&place, &name);
            let mut row = new_row(body, &name, &arn, change.now());
            row.parent = row.body.text("ModelPackageGroupName").unwrap_or_default().to_owned();
            row.private = json!({"ClientToken": token});
            change.insert(row).map_err(|fault| {
                error::taken(fault, || {
                    Refusal::Invalid(format!("Model Package already exists: {arn}"))
                })
            })?;
            tag::put(change, &arn, &tags)?;
            Ok(json!({"ModelPackageArn": arn}))
        })
        .await
}

/// The rules that the call's own members decide.
fn check(input: &Value) -> Result<(), Refusal> {
    let versioned = input.has("ModelPackageGroupName");
    match (input.has("ModelPackageName"), versioned) {
        (true, true) => {
            return Err(Refusal::invalid(
                "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one to use.",
            ));
        }
        (false, false) => return Err(Refusal::invalid("Missing ARN.")),
        _ => {}
    }
    if versioned && !input.list("Tags").is_empty() {
        return Err(Refusal::invalid(
            "Tags cannot be specified for a versioned model package: it uses the tags of its model package group.",
        ));
    }
    if versioned && input.flag("CertifyForMarketplace") {
        return Err(Refusal::invalid("CertifyForMarketplace does not apply to versioned models."));
    }
    if !versioned && input.has("ModelApprovalStatus") {
        return Err(Refusal::invalid("ModelApprovalStatus does not apply to unversioned models."));
    }
    let specified = ["InferenceSpecification", "SourceAlgorithmSpecification"];
    if !versioned && !specified.iter().any(|member| input.get(member).is_some()) {
        return Err(Refusal::invalid(
            "Specify InferenceSpecification or SourceAlgorithmSpecification.",
        ));
    }
    check_card(input)?;
    check_specifications(input.list("AdditionalInferenceSpecifications"))?;
    for specification in specifications(input) {
        check_containers(specification.list("Containers"))?;
    }
    Ok(())
}

fn specifications(input: &Value) -> impl Iterator<Item = &Value> {
    input
        .part("InferenceSpecification")
        .into_iter()
        .chain(input.list("AdditionalInferenceSpecifications"))
}

fn check_containers(containers: &[Value]) -> Result<(), Refusal> {
    for container in containers {
        if container.has("ModelDataUrl") && container.has("ModelDataSource") {
            return Err(Refusal::invalid(
                "ModelDataUrl and ModelDataSource cannot both be specified in a container definition.",
            ));
        }
        if !container.has("Image") && !container.has("ModelDataSource") {
            return Err(Refusal::invalid(
                "A container of an inference specification needs an Image.",
            ));
        }
    }
    Ok(())
}

/// At most fifteen, each with a name of its own.
fn check_specifications(all: &[Value]) -> Result<(), Refusal> {
    if all.len() > 15 {
        return Err(Refusal::Invalid(format!(
            "The total number of additional inference specifications cannot exceed 15; there would be {}.",
            all.len()
        )));
    }
    for (at, specification) in all.iter().enumerate() {
        let name = specification.name("Name");
        if all[..at].iter().any(|earlier| earlier.name("Name") == name) {
            return Err(Refusal::Invalid(format!(
                "Additional inference specification names must be unique; {name} is there twice."
            )));
        }
    }
    Ok(())
}

fn check_card(input: &Value) -> Result<(), Refusal> {
    let content = input.part("ModelCard").and_then(|card| card.text("ModelCardContent"));
    match content.map(serde_json::from_str::<Value>) {
        None | Some(Ok(Value::Object(_))) => Ok(()),
        Some(_) => Err(Refusal::invalid("ModelCardContent is not a JSON object.")),
    }
}

/// The defaults that AWS writes into a new package.
fn complete(body: &mut Value, versioned: bool) {
    if versioned {
        family::default(body, "ModelApprovalStatus", "PendingManualApproval");
    }
    if body.has("ModelCard")
        && let Some(card) = body.get_mut("ModelCard")
    {
        family::default(card, "ModelCardStatus", "Draft");
    }
    family::default(body, "CertifyForMarketplace", false);
    family::default(body, "SkipModelValidation", "None");
    family::set(body, "ModelPackageStatus", "Completed");
    family::set(
        body,
        "ModelPackageStatusDetails",
        json!({"ValidationStatuses": [], "ImageScanStatuses": []}),
    );
}

/// Takes the group's next number and writes what makes the package one of its versions.
fn versioned(
    region: &Region,
    change: &mut Change<'_>,
    body: &mut Value,
    group: &str,
) -> Result<String, Refusal> {
    let row = change
        .get(kind::MODEL_PACKAGE_GROUP, group)?
        .ok_or_else(|| model_package_group::absent(region, group))?;
    let born = row.created.as_millis();
    let counter = format!("{}/{}/{born}", kind::MODEL_PACKAGE, row.name.to_lowercase());
    let version = change.next(&counter)?;
    family::set(body, "ModelPackageGroupName", row.name.clone());
    family::set(body, "ModelPackageVersion", version);
    Ok(format!("{}/{version}", row.name))
}

fn new_row(mut body: Value, name: &str, arn: &str, now: Timestamp) -> Row {
    family::set(&mut body, "ModelPackageArn", arn);
    family::set(&mut body, "CreationTime", now.to_document());
    let mut row = Row::new(kind::MODEL_PACKAGE, name, now, body);
    row.status = "Completed".into();
    row
}

/// The ARN of the package that an earlier call with the same token made: an SDK repeats a call
/// whose answer it lost.
fn repeated(
    change: &Change<'_>,
    body: &Value,
    group: Option<&str>,
    token: Option<&str>,
) -> Result<Option<String>, Refusal> {
    let Some(token) = token else { return Ok(None) };
    let rows = match group {
        Some(group) => {
            let newest = Query {
                kind: kind::MODEL_PACKAGE.into(),
                parent: Some(group.to_owned()),
                limit: REPEATS,
                ..Query::default()
            };
            change.list(&newest)?.rows
        }
        None => {
            change.get(kind::MODEL_PACKAGE, body.name("ModelPackageName"))?.into_iter().collect()
        }
    };
    Ok(rows
        .iter()
        .find(|row| row.private.text("ClientToken") == Some(token))
        .map(|row| row.body.name("ModelPackageArn").to_owned()))
}

/// The row of a package by name, `group/version` or ARN.
fn find(region: &Region, text: &str) -> Result<Row, Refusal> {
    let name = family::name_or_arn(region, kind::MODEL_PACKAGE, text)?;
    region
        .store()
        .read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.get(kind::MODEL_PACKAGE, &name)?) })?
        .ok_or_else(|| absent(region, &name))
}

/// What Describe and Search show of a package.
pub(super) fn document(row: Row) -> Value {
    let mut body = summary(row);
    // Packages of earlier versions were kept without it.
    family::default(&mut body, "SkipModelValidation", "None");
    body
}

async fn describe(region: Arc<Region>, call: Call) -> Answer {
    let mut body = document(find(&region, call.input.name("ModelPackageName"))?);
    if call.input.text("IncludedData") == Some("MetadataOnly")
        && let Some(card) = body.get_mut("ModelCard").filter(|card| card.is_object())
    {
        family::drop_members(card, &["ModelCardContent"]);
    }
    Ok(body)
}

/// Which packages a list asks for: a group's own, or all of a type.
fn wanted(region: &Region, input: &Value) -> Result<Query, Refusal> {
    let Some(text) = input.text("ModelPackageGroupName") else {
        let mut query = listing::query(LIST, input, kind::MODEL_PACKAGE)?;
        if !matches!(input.text("ModelPackageType"), Some("Versioned" | "Both")) {
            query.parent = Some(String::new());
        }
        return Ok(query);
    };
    let group = family::name_or_arn(region, kind::MODEL_PACKAGE_GROUP, text)?;
    let row = region.store().read(|snapshot| -> Result<_, Refusal> {
        Ok(snapshot.get(kind::MODEL_PACKAGE_GROUP, &group)?)
    })?;
    let group = row.ok_or_else(|| model_package_group::absent(region, &group))?.name;
    // A group's packages share its name; their order is that of their versions, which are numbered
    // as they are made.
    let mut input = input.clone();
    family::drop_members(&mut input, &["SortBy"]);
    let query = listing::query(LIST, &input, kind::MODEL_PACKAGE)?;
    Ok(Query { parent: Some(group), ..query })
}

async fn list(region: Arc<Region>, call: Call) -> Answer {
    let input = &call.input;
    let query = wanted(&region, input)?;
    let kind = input.text("ModelPackageType");
    let approval = input.text("ModelApprovalStatus");
    let keep = |row: &Row| {
        (kind != Some("Versioned") || !row.parent.is_empty())
            && (kind != Some("Unversioned") || row.parent.is_empty())
            && (approval.is_none() || row.body.text("ModelApprovalStatus") == approval)
    };
    region.store().read(|snapshot| {
        listing::filtered(snapshot, &query, "ModelPackageSummaryList", keep, summary)
    })
}

/// A versioned package has no name: clients that find one ask for the package by it. Versions of
/// earlier releases were kept with their group's.
fn summary(row: Row) -> Value {
    let mut body = row.body;
    if !row.parent.is_empty() {
        family::drop_members(&mut body, &["ModelPackageName"]);
    }
    body
}

async fn batch_describe(region: Arc<Region>, call: Call) -> Answer {
    let (mut summaries, mut errors) = (Map::new(), Map::new());
    for arn in call.input.list("ModelPackageArnList").iter().filter_map(Value::as_str) {
        let found = find(&region, arn).and_then(|row| match row.parent.is_empty() {
            true => Err(Refusal::Invalid(format!("ModelPackage {arn} is not versioned."))),
            false => Ok(row),
        });
        match found {
            Ok(row) => {
                let mut body = summary(row);
                family::default(&mut body, "InferenceSpecification", json!({"Containers": []}));
                summaries.insert(arn.to_owned(), body);
            }
            Err(refusal @ Refusal::Store(_)) => return Err(refusal),
            Err(refusal) => {
                let error = refusal.to_aws("sagemaker");
                let entry = json!({"ErrorCode": error.code, "ErrorResponse": error.message});
                errors.insert(arn.to_owned(), entry);
            }
        }
    }
    let mut answer = json!({"ModelPackageSummaries": summaries});
    if !errors.is_empty() {
        family::set(&mut answer, "BatchDescribeModelPackageErrorMap", errors);
    }
    Ok(answer)
}

async fn delete(region: Arc<Region>, call: Call) -> Answer {
    let text = call.input.name("ModelPackageName");
    let name = family::name_or_arn(&region, kind::MODEL_PACKAGE, text)?;
    let (arn, missing) = (arn_of(&region, &name), absent(&region, &name));
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            if !change.delete(kind::MODEL_PACKAGE, &name)? {
                return Err(missing);
            }
            Ok(tag::forget(change, &arn)?)
        })
        .await?;
    Ok(family::nothing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn specification() -> Value {
        json!({"Containers": [{"Image": "i", "ModelDataUrl": "s3://b/k"}]})
    }

    #[rstest]
    #[case::both(json!({"ModelPackageName": "a", "ModelPackageGroupName": "g"}), "Both")]
    #[case::neither(json!({"InferenceSpecification": specification()}), "Missing ARN")]
    #[case::tags_of_a_version(
        json!({"ModelPackageGroupName": "g", "Tags": [{"Key": "a", "Value": "b"}]}), "Tags")]
    #[case::market_version(
        json!({"ModelPackageGroupName": "g", "CertifyForMarketplace": true}), "Marketplace")]
    #[case::approval_without_group(
        json!({"ModelPackageName": "a", "ModelApprovalStatus": "Approved"}), "unversioned")]
    #[case::nothing_to_run(json!({"ModelPackageName": "a"}), "InferenceSpecification")]
    #[case::card(
        json!({"ModelPackageGroupName": "g", "ModelCard": {"ModelCardContent": "no json"}}), "ModelCard")]
    #[case::twice_named(
        json!({"ModelPackageGroupName": "g",
               "AdditionalInferenceSpecifications": [{"Name": "n"}, {"Name": "n"}]}), "unique")]
    #[case::no_image(
        json!({"ModelPackageGroupName": "g",
               "InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://b/k"}]}}), "Image")]
    fn refused(#[case] input: Value, #[case] why: &str) {
        let refusal = check(&input).unwrap_err();
        assert!(refusal.to_string().contains(why), "{refusal}");
    }

    #[rstest]
    #[case(json!({"ModelApprovalStatus": "Approved"}), true)]
    #[case(json!({}), true)]
    #[case(json!({"ModelApprovalStatus": "Rejected"}), false)]
    #[case(json!({"ModelApprovalStatus": "PendingManualApproval"}), false)]
    fn only_what_is_approved_deploys(#[case] body: Value, #[case] deploys: bool) {
        let row = Row::new(kind::MODEL_PACKAGE, "g/1", Timestamp::default(), body);
        assert_eq!(deployable(&row).is_ok(), deploys);
    }

    #[test]
    fn a_named_specification_replaces_the_packages_own() {
        let body = json!({
            "InferenceSpecification": specification(),
            "AdditionalInferenceSpecifications": [
                {"Name": "other", "Containers": [{"Image": "o"}, {"Image": "p"}]},
            ],
        });
        let row = Row::new(kind::MODEL_PACKAGE, "g/1", Timestamp::default(), body);
        assert_eq!(containers(&row, None).unwrap().len(), 1);
        assert_eq!(containers(&row, Some("other")).unwrap().len(), 2);
        assert!(containers(&row, Some("missing")).is_err());
    }
}
