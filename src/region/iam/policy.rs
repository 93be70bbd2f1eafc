//! The policies of roles, inline and attached, and the account's own managed policies.

use super::{
    Answer, Call, Refusal, Region, Table, View, change_role, encoded, error, family, find,
    malformed, managed, named_rows, page_of, quota, sts, version,
};
use crate::domain::kind::POLICY;
use crate::domain::policy::{Use, check};
use crate::store::{Query, Row};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn rows(table: &mut Table) {
    const KEPT: &str = "The policy is kept and returned. Simulations evaluate it; no call is refused because of it.";
    table
        .service("iam")
        .behaves_but("PutRolePolicy", KEPT, put_inline)
        .behaves("GetRolePolicy", get_inline)
        .behaves("ListRolePolicies", list_inline)
        .behaves("DeleteRolePolicy", delete_inline)
        .behaves_but(
            "AttachRolePolicy",
            "Simulations evaluate what is attached; no call is refused because of it. Every name under arn:aws:iam::aws:policy is taken for one of AWS's.",
            attach,
        )
        .behaves("DetachRolePolicy", detach)
        .behaves("ListAttachedRolePolicies", list_attached)
        .behaves_but("CreatePolicy", KEPT, create)
        .behaves_but("GetPolicy", "AWS's own policies are not kept here.", get)
        .behaves_but("ListPolicies", "AWS's own policies are not kept here.", list)
        .behaves("DeletePolicy", delete);
}

/// Refuses to delete a role that still has policies.
pub(super) fn refuse_while_held(role: &Row) -> Result<(), Refusal> {
    if !role.private.list("Attached").is_empty() {
        return Err(Refusal::Conflict(
            "Cannot delete entity, must detach all policies first.".into(),
        ));
    }
    if inline(role).is_some_and(|policies| !policies.is_empty()) {
        return Err(Refusal::Conflict("Cannot delete entity, must delete policies first.".into()));
    }
    Ok(())
}

pub(super) fn inline(role: &Row) -> Option<&Map<String, Value>> {
    role.private.part("Inline").and_then(Value::as_object)
}

/// The role's private members, made when there are none yet.
fn private(role: &mut Row) -> &mut Value {
    if !role.private.is_object() {
        role.private = json!({});
    }
    family::default(&mut role.private, "Inline", json!({}));
    family::default(&mut role.private, "Attached", json!([]));
    &mut role.private
}

fn no_inline(name: &str) -> Refusal {
    Refusal::Absent(format!("The role policy with name {name} cannot be found."))
}

async fn put_inline(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("PolicyName").to_owned();
    let document = call.input.name("PolicyDocument").to_owned();
    check(&document, Use::Inline).map_err(malformed)?;
    change_role(&region, call.input.name("RoleName"), move |_, role| {
        if let Some(inline) = private(role).get_mut("Inline") {
            family::set(inline, &name, document);
        }
        let all = inline(role).into_iter().flat_map(Map::values);
        quota::check_inline(&role.name, all.filter_map(Value::as_str))
    })
    .await?;
    Ok(family::nothing())
}

async fn get_inline(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("PolicyName");
    let role = find(&region, call.input.name("RoleName"))?;
    let document = inline(&role)
        .and_then(|policies| policies.get(name)?.as_str())
        .ok_or_else(|| no_inline(name))?;
    Ok(json!({"RoleName": role.name, "PolicyName": name, "PolicyDocument": encoded(document)}))
}

async fn list_inline(region: Arc<Region>, call: Call) -> Answer {
    let role = find(&region, call.input.name("RoleName"))?;
    let names: Vec<Value> =
        inline(&role).into_iter().flat_map(Map::keys).map(|name| json!(name)).collect();
    page_of(&call.input, "PolicyNames", &names)
}

async fn delete_inline(region: Arc<Region>, call: Call) -> Answer {
    let name = call.input.name("PolicyName").to_owned();
    change_role(&region, call.input.name("RoleName"), move |_, role| {
        let policies = private(role).get_mut("Inline").and_then(Value::as_object_mut);
        match policies.and_then(|policies| policies.remove(&name)) {
            Some(_) => Ok(()),
            None => Err(no_inline(&name)),
        }
    })
    .await?;
    Ok(family::nothing())
}

async fn attach(region: Arc<Region>, call: Call) -> Answer {
    let arn = call.input.name("PolicyArn").to_owned();
    let quotas = region.options().iam.quotas;
    change_role(&region, call.input.name("RoleName"), move |change, role| {
        if !managed::is_of_aws(&arn) && change.get(POLICY, &arn)?.is_none() {
            return Err(Refusal::Absent(format!(
                "Policy {arn} does not exist or is not attachable."
            )));
        }
        let attached = private(role).get_mut("Attached").and_then(Value::as_array_mut);
        let Some(attached) = attached else { return Ok(()) };
        if attached.contains(&json!(arn)) {
            return Ok(());
        }
        quotas.check_attached(attached.len() + 1)?;
        attached.push(json!(arn));
        Ok(())
    })
    .await?;
    Ok(family::nothing())
}

async fn detach(region: Arc<Region>, call: Call) -> Answer {
    let arn = call.input.name("PolicyArn").to_owned();
    change_role(&region, call.input.name("RoleName"), move |_, role| {
        let attached = private(role).get_mut("Attached").and_then(Value::as_array_mut);
        let at = attached.as_ref().and_then(|all| all.iter().position(|it| *it == json!(arn)));
        match (attached, at) {
            (Some(attached), Some(at)) => {
                attached.remove(at);
                Ok(())
            }
            _ => Err(Refusal::Absent(format!("Policy {arn} was not found."))),
        }
    })
    .await?;
    Ok(family::nothing())
}

async fn list_attached(region: Arc<Region>, call: Call) -> Answer {
    let role = find(&region, call.input.name("RoleName"))?;
    let prefix = call.input.text("PathPrefix").unwrap_or("/");
    let policies: Vec<Value> = role
        .private
        .list("Attached")
        .iter()
        .filter_map(Value::as_str)
        .filter_map(|arn| {
            let path = arn.split_once(":policy").map(|(_, path)| path)?;
            let name = path.rsplit('/').next()?;
            let wanted = path.starts_with(prefix);
            wanted.then(|| json!({"PolicyName": name, "PolicyArn": arn}))
        })
        .collect();
    page_of(&call.input, "AttachedPolicies", &policies)
}

async fn create(region: Arc<Region>, call: Call) -> Answer {
    let mut body = call.input;
    let document = body.name("PolicyDocument").to_owned();
    check(&document, Use::Managed).map_err(malformed)?;
    quota::check_managed(&document)?;
    let quotas = region.options().iam.quotas;
    let tags = super::tags_of(&body)?;
    family::drop_members(&mut body, &["PolicyDocument", "Tags"]);
    family::default(&mut body, "Path", "/");
    let name = body.name("PolicyName").to_owned();
    let arn = region.place().iam(&format!("policy{}{name}", body.name("Path")));
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let now = change.now();
            quotas.check_policies(super::count(change, POLICY)? + 1)?;
            for (member, value) in [
                ("Arn", json!(arn)),
                ("PolicyId", json!(sts::unique_id("ANPA", &arn))),
                ("DefaultVersionId", json!("v1")),
                ("AttachmentCount", json!(0)),
                ("PermissionsBoundaryUsageCount", json!(0)),
                ("IsAttachable", json!(true)),
                ("CreateDate", now.to_document()),
                ("UpdateDate", now.to_document()),
            ] {
                family::set(&mut body, member, value);
            }
            if !tags.is_empty() {
                family::set(&mut body, "Tags", super::tag::to_document(&tags));
            }
            let mut row = Row::new(POLICY, &arn, now, body.clone());
            row.private = version::first(&document, now);
            change.insert(row).map_err(|fault| {
                error::taken(fault, || {
                    Refusal::Taken(format!(
                        "A policy called {name} already exists. Duplicate names are not allowed."
                    ))
                })
            })?;
            Ok(json!({"Policy": body}))
        })
        .await
}

pub(super) fn no_policy(arn: &str) -> Refusal {
    Refusal::Absent(format!("Policy {arn} was not found."))
}

pub(super) fn find_policy(region: &Region, arn: &str) -> Result<Row, Refusal> {
    region
        .store()
        .read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.get(POLICY, arn)?) })?
        .ok_or_else(|| no_policy(arn))
}

/// The roles that have a policy attached.
fn holders(region: &Region, arn: &str) -> Result<usize, Refusal> {
    region.store().read(|snapshot| {
        let mut query =
            Query { kind: crate::domain::kind::ROLE.into(), limit: 1000, ..Query::default() };
        let mut count = 0;
        loop {
            let page = snapshot.list(&query)?;
            let holds = |row: &&Row| row.private.list("Attached").contains(&json!(arn));
            count += page.rows.iter().filter(holds).count();
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(count),
            }
        }
    })
}

async fn get(region: Arc<Region>, call: Call) -> Answer {
    let arn = call.input.name("PolicyArn");
    let mut body = find_policy(&region, arn)?.body;
    family::set(&mut body, "AttachmentCount", holders(&region, arn)?);
    Ok(json!({"Policy": body}))
}

async fn list(region: Arc<Region>, call: Call) -> Answer {
    let prefix = call.input.text("PathPrefix").unwrap_or("/");
    let attached = call.input.flag("OnlyAttached");
    let of_account = call.input.text("Scope") != Some("AWS");
    let keep = |row: &Row| {
        of_account
            && row.body.name("Path").starts_with(prefix)
            && (!attached || holders(&region, &row.name).is_ok_and(|count| count > 0))
    };
    named_rows(&region, &call.input, POLICY, "Policies", keep, |row| {
        let mut body = row.body;
        // A list leaves out what GetPolicy alone tells.
        family::drop_members(&mut body, &["Description", "Tags"]);
        if let Ok(count) = holders(&region, &row.name) {
            family::set(&mut body, "AttachmentCount", count);
        }
        body
    })
}

async fn delete(region: Arc<Region>, call: Call) -> Answer {
    let arn = call.input.name("PolicyArn").to_owned();
    if holders(&region, &arn)? > 0 {
        return Err(Refusal::Conflict("Cannot delete a policy attached to entities.".into()));
    }
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let row = change.get(POLICY, &arn)?.ok_or_else(|| no_policy(&arn))?;
            if version::count(&row) > 1 {
                return Err(Refusal::Conflict(
                    "This policy has more than one version. Before you delete a policy, you must \
                     delete the policy's versions. The default version is deleted with the policy."
                        .into(),
                ));
            }
            change.delete(POLICY, &arn)?;
            Ok(family::nothing())
        })
        .await
}
