//! The versions of a managed policy. One of them is the default: it is what the policy says.

use super::policy::{find_policy, no_policy};
use super::{
    Answer, Call, Refusal, Region, Table, View, encoded, family, malformed, page_of, quota,
};
use crate::domain::kind::POLICY;
use crate::domain::policy::{Use, check};
use crate::domain::time::Timestamp;
use crate::store::Row;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn rows(table: &mut Table) {
    table
        .service("iam")
        .behaves("GetPolicyVersion", get)
        .behaves("ListPolicyVersions", list)
        .behaves("CreatePolicyVersion", create)
        .behaves("DeletePolicyVersion", delete)
        .behaves("SetDefaultPolicyVersion", set_default);
}

#[derive(Clone, Debug, PartialEq)]
struct Version {
    number: u64,
    document: String,
    /// As documents carry times.
    created: Value,
}

impl Version {
    fn id(&self) -> String {
        format!("v{}", self.number)
    }

    /// As an answer shows it; lists leave the text out.
    fn shown(&self, default: &str, whole: bool) -> Value {
        let mut shown = json!({
            "VersionId": self.id(),
            "IsDefaultVersion": self.id() == default,
            "CreateDate": self.created,
        });
        if whole {
            family::set(&mut shown, "Document", encoded(&self.document));
        }
        shown
    }
}

/// What a new policy keeps.
pub(super) fn first(document: &str, now: Timestamp) -> Value {
    let version = Version { number: 1, document: document.to_owned(), created: now.to_document() };
    json!({"Versions": [stored(&version)], "Next": 2})
}

fn stored(version: &Version) -> Value {
    json!({"Number": version.number, "Document": version.document, "Created": version.created})
}

/// The versions, newest first. Policies written by 0.1.0 have one, and keep its text alone.
fn versions(row: &Row) -> Vec<Version> {
    let kept = row.private.get("Versions").and_then(Value::as_array);
    let mut versions: Vec<Version> = match kept {
        Some(kept) => kept.iter().filter_map(read).collect(),
        None => vec![Version {
            number: 1,
            document: row.private.name("Document").to_owned(),
            created: row.created.to_document(),
        }],
    };
    versions.sort_by_key(|version| std::cmp::Reverse(version.number));
    versions
}

fn read(kept: &Value) -> Option<Version> {
    Some(Version {
        number: kept.get("Number")?.as_u64()?,
        document: kept.get("Document")?.as_str()?.to_owned(),
        created: kept.get("Created")?.clone(),
    })
}

fn default_id(row: &Row) -> &str {
    row.body.text("DefaultVersionId").unwrap_or("v1")
}

/// The text of the default version.
pub(super) fn default_document(row: &Row) -> String {
    let default = default_id(row);
    let found = versions(row).into_iter().find(|version| version.id() == default);
    found.map(|version| version.document).unwrap_or_default()
}

/// How many versions a policy has.
pub(super) fn count(row: &Row) -> usize {
    versions(row).len()
}

fn no_version(arn: &str, version: &str) -> Refusal {
    Refusal::Absent(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

async fn get(region: Arc<Region>, call: Call) -> Answer {
    let row = find_policy(&region, call.input.name("PolicyArn"))?;
    let wanted = call.input.name("VersionId");
    let found = versions(&row).into_iter().find(|version| version.id() == wanted);
    let version = found.ok_or_else(|| no_version(&row.name, wanted))?;
    Ok(json!({"PolicyVersion": version.shown(default_id(&row), true)}))
}

async fn list(region: Arc<Region>, call: Call) -> Answer {
    let row = find_policy(&region, call.input.name("PolicyArn"))?;
    let shown: Vec<Value> =
        versions(&row).iter().map(|version| version.shown(default_id(&row), false)).collect();
    page_of(&call.input, "Versions", &shown)
}

/// Changes a policy's versions in one transaction.
async fn change(
    region: &Region,
    arn: &str,
    edit: impl FnOnce(&mut Row, Timestamp) -> Answer + Send + 'static,
) -> Answer {
    let arn = arn.to_owned();
    region
        .store()
        .write(move |change| -> Result<_, Refusal> {
            let mut row = change.get(POLICY, &arn)?.ok_or_else(|| no_policy(&arn))?;
            let now = change.now();
            let answer = edit(&mut row, now)?;
            family::set(&mut row.body, "UpdateDate", now.to_document());
            change.update(&row)?;
            Ok(answer)
        })
        .await
}

async fn create(region: Arc<Region>, call: Call) -> Answer {
    let document = call.input.name("PolicyDocument").to_owned();
    check(&document, Use::Managed).map_err(malformed)?;
    quota::check_managed(&document)?;
    let default = call.input.flag("SetAsDefault");
    change(&region, call.input.name("PolicyArn"), move |row, now| {
        let mut kept = versions(row);
        if kept.len() >= quota::VERSIONS {
            return Err(Refusal::Limit(format!(
                "A managed policy can have up to {} versions. Before you create a new version, you \
                 must delete an existing version.",
                quota::VERSIONS
            )));
        }
        let newest = kept.first().map_or(0, |version| version.number);
        // A number is never given out twice, also when its version is gone.
        let next = row.private.get("Next").and_then(Value::as_u64).unwrap_or(newest + 1);
        let version = Version { number: next, document, created: now.to_document() };
        if default {
            family::set(&mut row.body, "DefaultVersionId", version.id());
        }
        kept.push(version.clone());
        keep(row, &kept, next + 1);
        Ok(json!({"PolicyVersion": version.shown(default_id(row), false)}))
    })
    .await
}

fn keep(row: &mut Row, versions: &[Version], next: u64) {
    let versions: Vec<Value> = versions.iter().map(stored).collect();
    row.private = json!({"Versions": versions, "Next": next});
}

async fn delete(region: Arc<Region>, call: Call) -> Answer {
    let wanted = call.input.name("VersionId").to_owned();
    change(&region, call.input.name("PolicyArn"), move |row, _| {
        let mut kept = versions(row);
        if !kept.iter().any(|version| version.id() == wanted) {
            return Err(no_version(&row.name, &wanted));
        }
        if default_id(row) == wanted {
            return Err(Refusal::Conflict("Cannot delete the default version of a policy.".into()));
        }
        let newest = kept.first().map_or(0, |version| version.number);
        let next = row.private.get("Next").and_then(Value::as_u64).unwrap_or(newest + 1);
        kept.retain(|version| version.id() != wanted);
        keep(row, &kept, next);
        Ok(family::nothing())
    })
    .await
}

async fn set_default(region: Arc<Region>, call: Call) -> Answer {
    let wanted = call.input.name("VersionId").to_owned();
    change(&region, call.input.name("PolicyArn"), move |row, _| {
        if !versions(row).iter().any(|version| version.id() == wanted) {
            return Err(no_version(&row.name, &wanted));
        }
        family::set(&mut row.body, "DefaultVersionId", wanted);
        Ok(family::nothing())
    })
    .await
}
