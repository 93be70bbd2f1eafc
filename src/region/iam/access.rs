//! What roles may do: the policies of a role read for evaluation, and whether a role that a call names
//! can be used at all.
//!
//! Unmodified programs name roles of other accounts. A role that the region does not know is therefore
//! taken as able to do everything, and noted once; a workspace with `iam = "strict"` refuses it as AWS
//! does.

use super::{Call, Refusal, Region, View, managed, policy, version};
use crate::domain::arn::Arn;
use crate::domain::kind::{self, POLICY};
use crate::domain::policy::{Context, Policy};
use crate::store::{Row, Snapshot};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Roles that have been looked at are remembered up to this many.
const REMEMBERED: usize = 4096;
const SAGEMAKER: &str = "sagemaker.amazonaws.com";

/// Who a role's use is refused to, and the roles that have been noted.
#[derive(Default)]
pub(in crate::region) struct Access {
    seen: Mutex<BTreeSet<String>>,
}

impl Access {
    /// Whether this is the first time that something is said of `subject`.
    pub(super) fn first(&self, subject: &str) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(subject) {
            return false;
        }
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(subject.to_owned())
    }
}

/// A policy of a role, with what names it in the answers of a simulation.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub id: String,
    /// As in `SourcePolicyType`.
    pub kind: &'static str,
    pub document: String,
    pub policy: Policy,
}

/// All policies of a role.
///
/// # Errors
/// Only the store's.
pub(super) fn policies_of(
    region: &Region,
    snapshot: &Snapshot<'_>,
    role: &Row,
) -> Result<Vec<Held>, Refusal> {
    let mut held = Vec::new();
    for (name, document) in policy::inline(role).into_iter().flatten() {
        let document = document.as_str().unwrap_or_default();
        let id = format!("role_{}_{name}", role.name);
        held.extend(Held::read(id, "role", document));
    }
    for arn in role.private.list("Attached").iter().filter_map(|arn| arn.as_str()) {
        held.extend(managed_policy(region, snapshot, arn)?);
    }
    Ok(held)
}

/// A managed policy by its ARN: the account's, or one of AWS's.
///
/// # Errors
/// Only the store's.
pub(super) fn managed_policy(
    region: &Region,
    snapshot: &Snapshot<'_>,
    arn: &str,
) -> Result<Option<Held>, Refusal> {
    let name = arn.rsplit('/').next().unwrap_or(arn).to_owned();
    if let Some(row) = snapshot.get(POLICY, arn)? {
        return Ok(Held::read(name, "user-managed", &version::default_document(&row)));
    }
    if let Some(document) = managed::document(arn) {
        return Ok(Held::read(name, "aws-managed", document));
    }
    if region.options().iam.strict {
        return Ok(None);
    }
    if region.access.first(arn) {
        tracing::warn!(
            policy = arn,
            "the region does not have this policy's text: it counts as allowing everything; \
             `iam = \"strict\"` in workspace.toml lets it allow nothing"
        );
    }
    const ALL: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    Ok(Held::read(name, "aws-managed", ALL))
}

impl Held {
    pub(super) fn read(id: String, kind: &'static str, document: &str) -> Option<Self> {
        let policy = Policy::read(document)?;
        Some(Self { id, kind, document: document.to_owned(), policy })
    }
}

/// The role that an ARN names, if it is this account's and the region has it.
///
/// # Errors
/// Only the store's.
pub(in crate::region) fn role(region: &Region, arn: &str) -> Result<Option<Row>, Refusal> {
    let Some((account, path)) = role_path(arn) else { return Ok(None) };
    if account != region.place().account {
        return Ok(None);
    }
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    region.store().read(|snapshot| -> Result<_, Refusal> { Ok(snapshot.get(kind::ROLE, &name)?) })
}

/// The account of a role's ARN and its path and name.
pub(super) fn role_path(arn: &str) -> Option<(String, String)> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "iam")?;
    let path = arn.resource.strip_prefix("role/").filter(|path| !path.ends_with('/'))?;
    Some((arn.account.clone(), path.to_owned()))
}

/// Notes once that a role is not here.
pub(super) fn note_unknown(region: &Region, arn: &str) {
    if region.access.first(arn) {
        tracing::warn!(
            role = arn,
            "the region does not have this role: it counts as allowed everything; \
             `iam = \"strict\"` in workspace.toml refuses it, as AWS does"
        );
    }
}

/// Whether SageMaker could work as the roles that a call hands to it.
///
/// # Errors
/// In a strict workspace, when a role is not there or does not trust SageMaker.
pub(in crate::region) fn check_passed_roles(region: &Region, call: &Call) -> Result<(), Refusal> {
    if call.service != "sagemaker" || !is_writing(call.operation) {
        return Ok(());
    }
    let members = ["RoleArn", "ExecutionRoleArn"];
    for arn in members.into_iter().filter_map(|member| call.input.text(member)) {
        let strict = region.options().iam.strict;
        if !strict && !region.access.first(&format!("passed {arn}")) {
            continue;
        }
        let row = role(region, arn)?;
        match row {
            None if !strict => note_unknown(region, arn),
            Some(row) if !strict || trusts(&row, "Service", SAGEMAKER) => {}
            _ => {
                return Err(Refusal::Invalid(format!(
                    "Could not assume role {arn}. Please ensure that the role exists and allows \
                     principal '{SAGEMAKER}' to assume the role."
                )));
            }
        }
    }
    Ok(())
}

fn is_writing(operation: &str) -> bool {
    operation.starts_with("Create") || operation.starts_with("Update")
}

/// Whether a role's trust policy lets this principal assume it.
pub(in crate::region) fn trusts(role: &Row, kind: &str, id: &str) -> bool {
    let document = role.body.name("AssumeRolePolicyDocument");
    let context = Context::default().with("aws:PrincipalArn", [id]);
    Policy::read(document).is_some_and(|policy| policy.trusts(kind, id, "sts:AssumeRole", &context))
}
