//! Enough of IAM for roles to exist: they are kept with their policies and tags as AWS keeps them, and
//! policies can be asked what they allow. Calls are not refused because of a policy.

pub(super) mod access;
mod managed;
mod policy;
mod quota;
mod simulate;
mod version;

pub use quota::Quotas;

use super::dispatch::Table;
use super::{Answer, Call, Refusal, Region, View, error, family, listing, sts, tag};
use crate::domain::arn::Place;
use crate::domain::kind;
use crate::domain::policy::{Malformed, Use, check};
use crate::domain::time::Timestamp;
use crate::store::{Change, Query, Row, Sort, StoreError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::sync::Arc;

/// How this workspace's IAM differs from AWS's defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IamOptions {
    /// Roles that the region does not know are refused, as AWS does.
    pub strict: bool,
    pub quotas: Quotas,
}

const SIGN_IN: &str =
    "MaxSigninSessionDuration is kept and returned: nobody signs in to a console here.";

/// What a page holds when the caller does not say.
const PAGE: usize = 100;

pub(super) fn rows(table: &mut Table) {
    table
        .service("iam")
        .behaves_but("CreateRole", SIGN_IN, create_role)
        .behaves("GetRole", get_role)
        .behaves("ListRoles", list_roles)
        .behaves_but("UpdateRole", SIGN_IN, update_role)
        .behaves("UpdateRoleDescription", update_description)
        .behaves_but(
            "UpdateAssumeRolePolicy",
            "The trust policy is kept and returned; it decides only where iam = \"strict\".",
            update_trust,
        )
        .behaves("DeleteRole", delete_role)
        .behaves("TagRole", tag_role)
        .behaves("UntagRole", untag_role)
        .behaves("ListRoleTags", list_tags);
    policy::rows(table);
    version::rows(table);
    simulate::rows(table);
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn malformed(why: Malformed) -> Refusal {
    Refusal::Declared("MalformedPolicyDocument", why.to_string())
}

/// Refuses a trust policy that IAM would not keep.
fn check_trust(region: &Region, document: &str) -> Result<(), Refusal> {
    check(document, Use::Trust).map_err(malformed)?;
    region.options().iam.quotas.check_trust(document)
}

/// Makes the role that the region's owner has a session of, in a region that has no role yet.
pub(super) fn ensure_owner_role(change: &mut Change<'_>, place: &Place) -> Result<(), StoreError> {
    let any = Query { kind: kind::ROLE.into(), limit: 1, ..Query::default() };
    if !change.list(&any)?.rows.is_empty() {
        return Ok(());
    }
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }],
    });
    let input = json!({
        "RoleName": sts::OWNER_ROLE,
        "AssumeRolePolicyDocument": trust.to_string(),
        "Description": "What this region's owner works as, and the execution role that SDKs find.",
    });
    let mut row = new_role(place, input, change.now());
    row.private = json!({"Attached": ["arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"]});
    change.insert(row)
}

fn no_role(name: &str) -> Refusal {
    Refusal::Absent(format!("The role with name {name} cannot be found."))
}

/// IAM does not tell names apart by case.
fn find(region: &Region, name: &str) -> Result<Row, Refusal> {
    region
        .store()
        .read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.get_any_case(kind::ROLE, name)?) })?
        .ok_or_else(|| no_role(name))
}

/// Changes a role in one transaction.
async fn change_role<T: Send + 'static>(
    region: &Region,
    name: &str,
    edit: impl FnOnce(&mut Change<'_>, &mut Row) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let name = name.to_owned();
    region
        .store()
        .write(move |change| -> Result<T, Refusal> {
            let mut row = change.get_any_case(kind::ROLE, &name)?.ok_or_else(|| no_role(&name))?;
            let outcome = edit(change, &mut row)?;
            change.update(&row)?;
            Ok(outcome)
        })
        .await
}

fn new_role(place: &Place, mut body: Value, now: Timestamp) -> Row {
    let name = body.name("RoleName").to_owned();
    family::default(&mut body, "Path", "/");
    family::default(&mut body, "MaxSessionDuration", 3600);
    if let Some(boundary) = body.text("PermissionsBoundary").map(str::to_owned) {
        let boundary = json!({
            "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary,
        });
        family::set(&mut body, "PermissionsBoundary", boundary);
    }
    let arn = place.iam(&format!("role{}{name}", body.name("Path")));
    family::set(&mut body, "Arn", arn);
    family::set(&mut body, "RoleId", sts::role_id(&place.account, &name));
    family::set(&mut body, "CreateDate", now.to_document());
    Row::new(kind::ROLE, &name, now, body)
}

/// IAM answers policies percent-encoded (RFC 3986).
fn encoded(document: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(document, KEPT).to_string()
}

/// A role as GetRole shows it.
fn shown(mut body: Value, tags: &[tag::Tag]) -> Value {
    let trust = encoded(body.name("AssumeRolePolicyDocument"));
    family::set(&mut body, "AssumeRolePolicyDocument", trust);
    if !tags.is_empty() {
        family::set(&mut body, "Tags", tag::to_document(tags));
    }
    body
}

/// The call's tags by IAM's rules: those of all services, but keys that differ in case alone are one.
fn tags_of(input: &Value) -> Result<Vec<tag::Tag>, Refusal> {
    let invalid = |text: String| Refusal::Declared("InvalidInput", text);
    let mut keys = std::collections::BTreeSet::new();
    let mut all = input.list("Tags").iter().map(|tag| tag.name("Key").to_lowercase());
    if !all.all(|key| keys.insert(key)) {
        return Err(invalid(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.".into(),
        ));
    }
    tag::of_call(input).map_err(|refusal| invalid(refusal.to_string()))
}

/// The keys among `present` that are one of `keys` in some case.
fn same_keys(present: &[tag::Tag], keys: &[String]) -> Vec<String> {
    let is = |key: &str| keys.iter().any(|one| one.to_lowercase() == key.to_lowercase());
    present.iter().map(|(key, _)| key.clone()).filter(|key| is(key)).collect()
}

async fn create_role(region: Arc<Region>, call: Call) -> Answer {
    let mut input = call.input;
    check_trust(&region, input.name("AssumeRolePolicyDocument"))?;
    let quotas = region.options().iam.quotas;
    let tags = tags_of(&input)?;
    family::drop_members(&mut input, &["Tags"]);
    let place = region.place().clone();
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            quotas.check_roles(count(change, kind::ROLE)? + 1)?;
            let row = new_role(&place, input, change.now());
            let (name, body) = (row.name.clone(), row.body.clone());
            change.insert(row).map_err(|fault| {
                error::taken(fault, || {
                    Refusal::Taken(format!("Role with name {name} already exists."))
                })
            })?;
            tag::put(change, body.name("Arn"), &tags)?;
            Ok(json!({"Role": shown(body, &tags)}))
        })
        .await
}

/// How many rows of a kind there are.
fn count(change: &Change<'_>, kind: &str) -> Result<usize, StoreError> {
    let mut query = Query { kind: kind.into(), limit: 1000, ..Query::default() };
    let mut count = 0;
    loop {
        let page = change.list(&query)?;
        count += page.rows.len();
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(count),
        }
    }
}

async fn get_role(region: Arc<Region>, call: Call) -> Answer {
    let row = find(&region, call.input.name("RoleName"))?;
    let tags = tags(&region, &row)?;
    let mut role = shown(row.body, &tags);
    family::default(&mut role, "RoleLastUsed", json!({}));
    Ok(json!({"Role": role}))
}

fn tags(region: &Region, role: &Row) -> Result<Vec<tag::Tag>, Refusal> {
    let arn = role.body.name("Arn");
    region.store().read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.tags(arn)?) })
}

async fn list_roles(region: Arc<Region>, call: Call) -> Answer {
    let prefix = call.input.text("PathPrefix").unwrap_or("/");
    let keep = |row: &Row| row.body.name("Path").starts_with(prefix);
    // A list leaves out what GetRole alone tells.
    let summary = |mut row: Row| {
        family::drop_members(&mut row.body, &["PermissionsBoundary", "RoleLastUsed", "Tags"]);
        shown(row.body, &[])
    };
    named_rows(&region, &call.input, kind::ROLE, "Roles", keep, summary)
}

/// A page of rows by name, as IAM pages: `IsTruncated` and `Marker`.
fn named_rows(
    region: &Region,
    input: &Value,
    kind: &str,
    member: &str,
    keep: impl Fn(&Row) -> bool,
    summary: impl Fn(Row) -> Value,
) -> Answer {
    let paging = json!({"NextToken": input.text("Marker")});
    let query = Query {
        sort: Sort::Name,
        ascending: true,
        limit: page_size(input),
        ..listing::query("", &paging, kind)?
    };
    let mut answer = region
        .store()
        .read(|snapshot| listing::filtered(snapshot, &query, member, keep, summary))?;
    let next = answer.as_object_mut().and_then(|members| members.remove("NextToken"));
    family::set(&mut answer, "IsTruncated", next.is_some());
    if let Some(next) = next {
        family::set(&mut answer, "Marker", next);
    }
    Ok(answer)
}

fn page_size(input: &Value) -> usize {
    let most = input.integer("MaxItems").and_then(|most| usize::try_from(most).ok());
    most.unwrap_or(PAGE).clamp(1, 1000)
}

/// A page of what a role holds: its policies, its tags.
fn page_of(input: &Value, member: &str, all: &[Value]) -> Answer {
    let (page, next) = listing::slice(all, input.text("Marker"), page_size(input))?;
    Ok(json!({(member): page, "IsTruncated": next.is_some(), "Marker": next}))
}

async fn update_role(region: Arc<Region>, call: Call) -> Answer {
    let input = call.input;
    let name = input.name("RoleName").to_owned();
    change_role(&region, &name, move |_, row| updated(&mut row.body, &input)).await?;
    Ok(family::nothing())
}

/// Writes what UpdateRole names; what it does not name stays.
fn updated(role: &mut Value, input: &Value) -> Result<(), Refusal> {
    let reset = input.flag("ResetMaxSigninSessionDuration");
    if reset && input.has("MaxSigninSessionDuration") {
        return Err(Refusal::Declared(
            "InvalidInput",
            "MaxSigninSessionDuration cannot be specified when ResetMaxSigninSessionDuration is true."
                .into(),
        ));
    }
    for member in ["Description", "MaxSessionDuration", "MaxSigninSessionDuration"] {
        if let Some(value) = input.get(member).filter(|value| !value.is_null()) {
            family::set(role, member, value.clone());
        }
    }
    if reset {
        family::drop_members(role, &["MaxSigninSessionDuration"]);
    }
    Ok(())
}

async fn update_description(region: Arc<Region>, call: Call) -> Answer {
    let description = call.input.name("Description").to_owned();
    let role = change_role(&region, call.input.name("RoleName"), move |_, row| {
        family::set(&mut row.body, "Description", description);
        Ok(shown(row.body.clone(), &[]))
    })
    .await?;
    Ok(json!({"Role": role}))
}

async fn update_trust(region: Arc<Region>, call: Call) -> Answer {
    let document = call.input.name("PolicyDocument").to_owned();
    check_trust(&region, &document)?;
    change_role(&region, call.input.name("RoleName"), move |_, row| {
        family::set(&mut row.body, "AssumeRolePolicyDocument", document);
        Ok(())
    })
    .await?;
    Ok(family::nothing())
}

async fn delete_role(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("RoleName").to_owned();
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let row = change.get_any_case(kind::ROLE, &name)?.ok_or_else(|| no_role(&name))?;
            policy::refuse_while_held(&row)?;
            tag::forget(change, row.body.name("Arn"))?;
            change.delete(kind::ROLE, &row.name)?;
            Ok(family::nothing())
        })
        .await
}

async fn tag_role(region: Arc<Region>, call: Call) -> Answer {
    let added = tags_of(&call.input)?;
    change_role(&region, call.input.name("RoleName"), move |change, row| {
        let arn = row.body.name("Arn").to_owned();
        let keys: Vec<String> = added.iter().map(|(key, _)| key.clone()).collect();
        // A key in another case is the same key: the new spelling takes its place.
        let same = same_keys(&change.tags(&arn)?, &keys);
        change.untag(&arn, &same)?;
        let count = tag::count_with(&change.tags(&arn)?, &added);
        if count > tag::LIMIT {
            return Err(Refusal::Limit(format!(
                "The number of tags has reached the maximum limit of {}.",
                tag::LIMIT
            )));
        }
        Ok(change.tag(&arn, &added)?)
    })
    .await?;
    Ok(family::nothing())
}

async fn untag_role(region: Arc<Region>, call: Call) -> Answer {
    let keys: Vec<String> =
        call.input.list("TagKeys").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    change_role(&region, call.input.name("RoleName"), move |change, row| {
        let arn = row.body.name("Arn").to_owned();
        let same = same_keys(&change.tags(&arn)?, &keys);
        Ok(change.untag(&arn, &same)?)
    })
    .await?;
    Ok(family::nothing())
}

async fn list_tags(region: Arc<Region>, call: Call) -> Answer {
    let row = find(&region, call.input.name("RoleName"))?;
    let tags = tag::to_document(&tags(&region, &row)?);
    page_of(&call.input, "Tags", tags.as_array().map_or(&[], Vec::as_slice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_role_has_what_aws_gives_it() {
        let input =
            json!({"RoleName": "Train", "Path": "/team/", "AssumeRolePolicyDocument": "{}"});
        let row = new_role(&Place::default(), input, Timestamp::from_millis(1500));
        assert_eq!(row.body.name("Arn"), "arn:aws:iam::123456789012:role/team/Train");
        assert_eq!(row.body.integer("MaxSessionDuration"), Some(3600));
        assert_eq!(row.body.number("CreateDate"), Some(1.5));
        let plain = json!({"RoleName": "Train", "AssumeRolePolicyDocument": "{}"});
        let row = new_role(&Place::default(), plain, Timestamp::default());
        assert_eq!(row.body.name("Arn"), "arn:aws:iam::123456789012:role/Train");
    }

    #[test]
    fn an_update_changes_what_it_names_and_a_reset_takes_away() {
        let mut role = json!({"Description": "d", "MaxSessionDuration": 3600});
        updated(&mut role, &json!({"MaxSigninSessionDuration": 7200})).unwrap();
        assert_eq!(
            role,
            json!({"Description": "d", "MaxSessionDuration": 3600, "MaxSigninSessionDuration": 7200})
        );
        let both = json!({"MaxSigninSessionDuration": 1, "ResetMaxSigninSessionDuration": true});
        assert!(updated(&mut role, &both).is_err());
        updated(&mut role, &json!({"ResetMaxSigninSessionDuration": true})).unwrap();
        assert_eq!(role, json!({"Description": "d", "MaxSessionDuration": 3600}));
    }

    #[test]
    fn policies_are_answered_percent_encoded() {
        assert_eq!(encoded(r#"{"a b":1}"#), "%7B%22a%20b%22%3A1%7D");
    }
}
