//! What a model package's later life may change: approval, descriptions, metadata, specifications.

use super::{Answer, Call, Refusal, Region, View, absent, check_card, check_containers};
use super::{artifacts, check_specifications, family, kind};
use crate::store::Row;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// How many metadata properties a package may have.
const PROPERTIES: usize = 50;

/// Members that replace what was there.
const REPLACED: &[&str] = &[
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelPackageRegistrationType",
    "InferenceSpecification",
    "SourceUri",
    "ModelLifeCycle",
];

pub(super) async fn update(region: Arc<Region>, call: Call) -> Answer {
    let arn = call.input.name("ModelPackageArn").to_owned();
    let name = family::name_or_arn(&region, kind::MODEL_PACKAGE, &arn)?;
    let missing = absent(&region, &name);
    let caller = call.caller.arn;
    let input = artifacts::identified(&region, call.input).await?;
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let mut row = change.get(kind::MODEL_PACKAGE, &name)?.ok_or(missing)?;
            apply(&mut row, &input)?;
            family::touched(&mut row.body, change.now());
            family::set(&mut row.body, "LastModifiedBy", family::user_context(&caller));
            change.update(&row)?;
            Ok(json!({"ModelPackageArn": row.body.name("ModelPackageArn")}))
        })
        .await
}

/// Changes the row as the call says, or refuses and leaves a row that is not to be used.
fn apply(row: &mut Row, input: &Value) -> Result<(), Refusal> {
    if row.parent.is_empty() && input.has("ModelApprovalStatus") {
        return Err(Refusal::invalid("ModelApprovalStatus does not apply to unversioned models."));
    }
    if let Some(specification) = input.part("InferenceSpecification") {
        check_containers(specification.list("Containers"))?;
    }
    for member in REPLACED {
        if let Some(value) = input.get(member).filter(|value| !value.is_null()) {
            family::set(&mut row.body, member, value.clone());
        }
    }
    properties(&mut row.body, input)?;
    specifications(&mut row.body, input)?;
    card(&mut row.body, input)
}

/// Removes the keys to remove, then adds or overwrites those given.
fn properties(body: &mut Value, input: &Value) -> Result<(), Refusal> {
    let removed = input.list("CustomerMetadataPropertiesToRemove");
    let added = input.part("CustomerMetadataProperties").and_then(Value::as_object);
    if removed.is_empty() && added.is_none() {
        return Ok(());
    }
    let present = body.part("CustomerMetadataProperties").and_then(Value::as_object);
    let mut properties: Map<String, Value> = present.cloned().unwrap_or_default();
    for key in removed.iter().filter_map(Value::as_str) {
        properties.remove(key);
    }
    properties.extend(added.cloned().unwrap_or_default());
    if properties.len() > PROPERTIES {
        return Err(Refusal::Invalid(format!(
            "The model package would have {} customer metadata properties; the most is {PROPERTIES}.",
            properties.len()
        )));
    }
    if properties.is_empty() {
        family::drop_members(body, &["CustomerMetadataProperties"]);
    } else {
        family::set(body, "CustomerMetadataProperties", properties);
    }
    Ok(())
}

fn specifications(body: &mut Value, input: &Value) -> Result<(), Refusal> {
    let added = input.list("AdditionalInferenceSpecificationsToAdd");
    if added.is_empty() {
        return Ok(());
    }
    for specification in added {
        check_containers(specification.list("Containers"))?;
    }
    let mut all = body.list("AdditionalInferenceSpecifications").to_vec();
    all.extend_from_slice(added);
    check_specifications(&all)?;
    family::set(body, "AdditionalInferenceSpecifications", all);
    Ok(())
}

/// A card's content and status change each on its own.
fn card(body: &mut Value, input: &Value) -> Result<(), Refusal> {
    check_card(input)?;
    let Some(changed) = input.part("ModelCard").and_then(Value::as_object) else { return Ok(()) };
    family::default(body, "ModelCard", json!({"ModelCardStatus": "Draft"}));
    if let Some(card) = body.get_mut("ModelCard").and_then(Value::as_object_mut) {
        card.extend(changed.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use proptest::prelude::*;

    fn package(body: Value) -> Row {
        let mut row = Row::new(kind::MODEL_PACKAGE, "g/1", Timestamp::default(), body);
        row.parent = "g".into();
        row
    }

    #[test]
    fn what_is_not_named_stays() {
        let mut row = package(json!({
            "ModelApprovalStatus": "PendingManualApproval", "SourceUri": "u", "Domain": "d",
        }));
        let input = json!({"ModelApprovalStatus": "Approved", "ApprovalDescription": "good"});
        apply(&mut row, &input).unwrap();
        assert_eq!(
            row.body,
            json!({"ModelApprovalStatus": "Approved", "ApprovalDescription": "good",
                   "SourceUri": "u", "Domain": "d"})
        );
    }

    #[test]
    fn additional_specifications_stay_within_fifteen_and_unique() {
        let named = |from: usize, to: usize| -> Vec<Value> {
            (from..to)
                .map(|at| json!({"Name": format!("s{at}"), "Containers": [{"Image": "i"}]}))
                .collect()
        };
        let mut row = package(json!({"AdditionalInferenceSpecifications": named(0, 14)}));
        let add = |specifications: Vec<Value>| json!({"AdditionalInferenceSpecificationsToAdd": specifications});
        assert!(apply(&mut row.clone(), &add(named(3, 4))).is_err());
        assert!(apply(&mut row.clone(), &add(named(14, 16))).is_err());
        apply(&mut row, &add(named(14, 15))).unwrap();
        assert_eq!(row.body.list("AdditionalInferenceSpecifications").len(), 15);
    }

    #[test]
    fn a_cards_status_changes_without_its_content() {
        let mut row =
            package(json!({"ModelCard": {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}}));
        apply(&mut row, &json!({"ModelCard": {"ModelCardStatus": "Approved"}})).unwrap();
        assert_eq!(
            row.body["ModelCard"],
            json!({"ModelCardContent": "{}", "ModelCardStatus": "Approved"})
        );
    }

    #[test]
    fn an_unversioned_package_has_nothing_to_approve() {
        let mut row = package(json!({}));
        row.parent = String::new();
        assert!(apply(&mut row, &json!({"ModelApprovalStatus": "Approved"})).is_err());
    }

    proptest! {
        #[test]
        fn properties_are_what_remained_plus_what_was_added(
            present in prop::collection::btree_map("[a-e]", "[0-9]", 0..5),
            removed in prop::collection::vec("[a-e]", 0..5),
            added in prop::collection::btree_map("[a-e]", "[0-9]", 0..5),
        ) {
            let mut row = package(json!({"CustomerMetadataProperties": present}));
            let mut input = json!({"CustomerMetadataPropertiesToRemove": removed});
            if !added.is_empty() {
                family::set(&mut input, "CustomerMetadataProperties", json!(added));
            }
            apply(&mut row, &input).unwrap();
            let mut expected = present.clone();
            expected.retain(|key, _| !removed.contains(key));
            expected.extend(added);
            let found = row.body.get("CustomerMetadataProperties").cloned().unwrap_or(json!({}));
            prop_assert_eq!(found, json!(expected));
        }
    }
}
