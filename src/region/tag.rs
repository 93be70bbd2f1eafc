//! Tags, on every SageMaker family alike.

use super::{Answer, Call, Refusal, Region, View, dispatch::Table, family, listing};
use crate::domain::arn::Arn;
use crate::domain::kind;
use crate::store::{Change, Row, StoreError};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How many tags a resource may carry.
pub const LIMIT: usize = 50;

/// A key and its value.
pub type Tag = (String, String);

pub(super) fn rows(table: &mut Table) {
    table
        .service("sagemaker")
        .behaves("AddTags", add)
        .behaves("ListTags", list)
        .behaves("DeleteTags", delete);
}

/// The `Tags` of a call, by the rules that every service has.
///
/// # Errors
/// A key twice, a reserved key, or more than [`LIMIT`].
pub fn of_call(input: &Value) -> Result<Vec<Tag>, Refusal> {
    let tags: Vec<Tag> = input
        .list("Tags")
        .iter()
        .map(|tag| (tag.name("Key").to_owned(), tag.name("Value").to_owned()))
        .collect();
    let mut keys = BTreeSet::new();
    for (key, _) in &tags {
        reserved(key)?;
        if !keys.insert(key) {
            return Err(Refusal::Invalid(format!(
                "Duplicate tag key: {key}. Tag keys must be unique per resource."
            )));
        }
    }
    limit(tags.len())?;
    Ok(tags)
}

/// Takes `Tags` out of a Create call's document: they are kept beside the resource, not in it.
///
/// # Errors
/// As [`of_call`].
pub fn taken_from(input: &mut Value) -> Result<Vec<Tag>, Refusal> {
    let tags = of_call(input)?;
    if let Some(members) = input.as_object_mut() {
        members.remove("Tags");
    }
    Ok(tags)
}

fn reserved(key: &str) -> Result<(), Refusal> {
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err(Refusal::Invalid(format!(
            "Tag key {key} is reserved: keys starting with 'aws:' are for AWS's own use."
        )));
    }
    Ok(())
}

/// Refuses more than a resource may carry.
///
/// # Errors
/// When `count` is over [`LIMIT`].
pub fn limit(count: usize) -> Result<(), Refusal> {
    if count > LIMIT {
        return Err(Refusal::Invalid(format!(
            "The resource would have {count} tags; a resource can have at most {LIMIT}."
        )));
    }
    Ok(())
}

pub fn to_document(tags: &[Tag]) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// How many tags `present` has once `added` are there too.
pub fn count_with(present: &[Tag], added: &[Tag]) -> usize {
    let keys = |tags: &[Tag]| tags.iter().map(|(key, _)| key.clone()).collect::<BTreeSet<_>>();
    keys(present).union(&keys(added)).count()
}

/// Puts a new resource's tags beside it.
///
/// # Errors
/// Only the store's.
pub fn put(change: &mut Change<'_>, arn: &str, tags: &[Tag]) -> Result<(), StoreError> {
    if tags.is_empty() { Ok(()) } else { change.tag(arn, tags) }
}

/// Forgets the tags of a resource that is being deleted.
///
/// # Errors
/// Only the store's.
pub fn forget(change: &mut Change<'_>, arn: &str) -> Result<(), StoreError> {
    let keys: Vec<String> = change.tags(arn)?.into_iter().map(|(key, _)| key).collect();
    if keys.is_empty() { Ok(()) } else { change.untag(arn, &keys) }
}

/// A row that carries tags.
struct Target {
    kind: String,
    name: String,
    /// Its own ARN, by which its tags are kept.
    arn: String,
}

impl Target {
    /// The row that a SageMaker ARN names, in whatever case it is written.
    fn of(region: &Region, arn: &str) -> Result<Self, Refusal> {
        let absent = || Refusal::Invalid(format!("Could not find resource \"{arn}\"."));
        let parsed = Arn::parse(arn)
            .filter(|arn| arn.service == "sagemaker" && arn.is_in(region.place()))
            .ok_or_else(absent)?;
        let (kind, name) = parsed.kind_and_name().ok_or_else(absent)?;
        let kind = kind.to_lowercase();
        if !kind::is_sagemaker(&kind) {
            return Err(absent());
        }
        let name = family::own_name(region, &kind, name)?;
        let arn = region.place().sagemaker(&kind, &name);
        Ok(Self { kind, name, arn })
    }

    fn found(&self, row: Option<Row>) -> Result<Row, Refusal> {
        row.ok_or_else(|| Refusal::could_not_find(&self.kind.replace('-', " "), &self.arn))
    }
}

async fn add(region: Arc<Region>, call: Call) -> Answer {
    let target = Target::of(&region, call.input.name("ResourceArn"))?;
    let added = of_call(&call.input)?;
    let tags = region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            target.found(change.get(&target.kind, &target.name)?)?;
            limit(count_with(&change.tags(&target.arn)?, &added))?;
            change.tag(&target.arn, &added)?;
            Ok(change.tags(&target.arn)?)
        })
        .await?;
    Ok(json!({"Tags": to_document(&tags)}))
}

async fn list(region: Arc<Region>, call: Call) -> Answer {
    let target = Target::of(&region, call.input.name("ResourceArn"))?;
    let tags = region.store().read(|snapshot| -> Result<_, Refusal> {
        target.found(snapshot.get(&target.kind, &target.name)?)?;
        Ok(snapshot.tags(&target.arn)?)
    })?;
    let most = call.input.integer("MaxResults").and_then(|most| usize::try_from(most).ok());
    let (page, next) = listing::slice(&tags, call.input.text("NextToken"), most.unwrap_or(LIMIT))?;
    Ok(json!({"Tags": to_document(page), "NextToken": next}))
}

async fn delete(region: Arc<Region>, call: Call) -> Answer {
    let target = Target::of(&region, call.input.name("ResourceArn"))?;
    let keys: Vec<String> =
        call.input.list("TagKeys").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    for key in &keys {
        reserved(key)?;
    }
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            target.found(change.get(&target.kind, &target.name)?)?;
            Ok(change.untag(&target.arn, &keys)?)
        })
        .await?;
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn call(keys: &[&str]) -> Value {
        let tags: Vec<_> = keys.iter().map(|key| json!({"Key": key, "Value": "v"})).collect();
        json!({"ModelName": "m", "Tags": tags})
    }

    #[rstest]
    #[case::reserved(&["aws:owner"])]
    #[case::reserved_in_any_case(&["AWS:owner"])]
    #[case::twice(&["a", "b", "a"])]
    fn refused(#[case] keys: &[&str]) {
        assert!(matches!(of_call(&call(keys)), Err(Refusal::Invalid(_))));
    }

    #[test]
    fn fifty_is_the_most() {
        let keys: Vec<String> = (0..51).map(|at| format!("k{at}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert_eq!(of_call(&call(&keys[..50])).unwrap().len(), 50);
        assert!(of_call(&call(&keys)).is_err());
    }

    #[test]
    fn keys_differ_by_case_and_may_hold_aws_elsewhere() {
        assert_eq!(of_call(&call(&["a", "A", "aws", "my-aws:x", "é"])).unwrap().len(), 5);
    }

    #[test]
    fn overwriting_does_not_count_twice() {
        let tag = |key: &str| (key.to_owned(), String::new());
        assert_eq!(count_with(&[tag("a"), tag("b")], &[tag("b"), tag("c")]), 3);
    }

    #[test]
    fn tags_leave_the_document() {
        let mut input = call(&["a"]);
        assert_eq!(taken_from(&mut input).unwrap(), [("a".to_owned(), "v".to_owned())]);
        assert_eq!(input, json!({"ModelName": "m"}));
    }
}
