//! Model package groups: the named series that versioned model packages belong to.

use super::dispatch::Table;
use super::family::{self, Family};
use super::{Answer, Call, Refusal, Region, View, error, listing, tag};
use crate::domain::kind;
use crate::store::{Query, Row};
use serde_json::{Value, json};
use std::sync::Arc;

pub const FAMILY: Family = Family {
    kind: kind::MODEL_PACKAGE_GROUP,
    noun: "model package group",
    name: "ModelPackageGroupName",
    arn: "ModelPackageGroupArn",
};

pub(super) fn rows(table: &mut Table) {
    table
        .service("sagemaker")
        .behaves("CreateModelPackageGroup", create)
        .behaves("DescribeModelPackageGroup", describe)
        .behaves("ListModelPackageGroups", list)
        .behaves("DeleteModelPackageGroup", delete)
        .behaves_but(
            "PutModelPackageGroupPolicy",
            "The policy is kept and returned; nobody is refused because of it.",
            put_policy,
        )
        .behaves("GetModelPackageGroupPolicy", get_policy)
        .behaves("DeleteModelPackageGroupPolicy", delete_policy);
}

pub fn absent(region: &Region, name: &str) -> Refusal {
    Refusal::Invalid(format!("ModelPackageGroup {} does not exist.", FAMILY.arn_of(region, name)))
}

async fn create(region: Arc<Region>, call: Call) -> Answer {
    let mut body = call.input;
    let tags = tag::taken_from(&mut body)?;
    let name = body.name("ModelPackageGroupName").to_owned();
    let arn = FAMILY.arn_of(&region, &name);
    family::set(&mut body, "CreatedBy", family::user_context(&call.caller.arn));
    family::set(&mut body, "ModelPackageGroupStatus", "Completed");
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let now = change.now();
            family::set(&mut body, "ModelPackageGroupArn", arn.clone());
            family::set(&mut body, "CreationTime", now.to_document());
            let mut row = Row::new(kind::MODEL_PACKAGE_GROUP, &name, now, body);
            row.status = "Completed".into();
            change.insert(row).map_err(|fault| {
                error::taken(fault, || {
                    Refusal::Invalid(format!("Model Package Group already exists: {arn}"))
                })
            })?;
            tag::put(change, &arn, &tags)?;
            Ok(json!({"ModelPackageGroupArn": arn}))
        })
        .await
}

/// The name in the call's `ModelPackageGroupName`, which may be an ARN.
fn named(region: &Region, input: &Value) -> Result<String, Refusal> {
    let text = input.name("ModelPackageGroupName");
    family::name_or_arn(region, kind::MODEL_PACKAGE_GROUP, text)
}

fn find(region: &Region, name: &str) -> Result<Row, Refusal> {
    region
        .store()
        .read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.get(FAMILY.kind, name)?) })?
        .ok_or_else(|| absent(region, name))
}

async fn describe(region: Arc<Region>, call: Call) -> Answer {
    Ok(find(&region, &named(&region, &call.input)?)?.body)
}

async fn list(region: Arc<Region>, call: Call) -> Answer {
    if call.input.text("CrossAccountFilterOption") == Some("CrossAccount") {
        // Nobody shares groups with the one account that there is.
        return Ok(json!({"ModelPackageGroupSummaryList": []}));
    }
    let query = listing::query(call.operation, &call.input, kind::MODEL_PACKAGE_GROUP)?;
    region.store().read(|snapshot| listing::page(snapshot, &query, "ModelPackageGroupSummaryList"))
}

async fn delete(region: Arc<Region>, call: Call) -> Answer {
    let name = named(&region, &call.input)?;
    let arn = FAMILY.arn_of(&region, &name);
    let missing = absent(&region, &name);
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let group = change.get(kind::MODEL_PACKAGE_GROUP, &name)?.ok_or(missing)?;
            let members = Query {
                kind: kind::MODEL_PACKAGE.into(),
                parent: Some(group.name),
                limit: 1,
                ..Query::default()
            };
            if !change.list(&members)?.rows.is_empty() {
                return Err(Refusal::Conflict(format!(
                    "Model Package Group {arn} cannot be deleted because it has model packages. Delete them first."
                )));
            }
            change.delete(kind::MODEL_PACKAGE_GROUP, &name)?;
            Ok(tag::forget(change, &arn)?)
        })
        .await?;
    Ok(family::nothing())
}

async fn put_policy(region: Arc<Region>, call: Call) -> Answer {
    let policy = call.input.name("ResourcePolicy").to_owned();
    if !serde_json::from_str::<Value>(&policy).is_ok_and(|policy| policy.is_object()) {
        return Err(Refusal::invalid("Invalid resource policy: it is not a JSON object."));
    }
    let name = named(&region, &call.input)?;
    write_policy(&region, name, move |private| {
        family::set(private, "ResourcePolicy", policy);
        Ok(())
    })
    .await
}

async fn delete_policy(region: Arc<Region>, call: Call) -> Answer {
    let name = named(&region, &call.input)?;
    let missing = no_policy(&region, &name);
    write_policy(&region, name, move |private| {
        if !private.has("ResourcePolicy") {
            return Err(missing);
        }
        family::drop_members(private, &["ResourcePolicy"]);
        Ok(())
    })
    .await?;
    Ok(family::nothing())
}

async fn write_policy(
    region: &Region,
    name: String,
    edit: impl FnOnce(&mut Value) -> Result<(), Refusal> + Send + 'static,
) -> Answer {
    let arn = FAMILY.arn_of(region, &name);
    let missing = absent(region, &name);
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let mut row = change.get(kind::MODEL_PACKAGE_GROUP, &name)?.ok_or(missing)?;
            if row.private.is_null() {
                row.private = json!({});
            }
            edit(&mut row.private)?;
            change.update(&row)?;
            Ok(json!({"ModelPackageGroupArn": arn}))
        })
        .await
}

async fn get_policy(region: Arc<Region>, call: Call) -> Answer {
    let name = named(&region, &call.input)?;
    let row = find(&region, &name)?;
    let policy = row.private.text("ResourcePolicy").ok_or_else(|| no_policy(&region, &name))?;
    Ok(json!({"ResourcePolicy": policy}))
}

fn no_policy(region: &Region, name: &str) -> Refusal {
    let arn = FAMILY.arn_of(region, name);
    Refusal::Invalid(format!("Cannot find resource policy for: {arn}"))
}
