//! IAM's quotas. The defaults are AWS's; a workspace raises the adjustable ones as an account would.

use super::Refusal;
use serde::Deserialize;

/// The adjustable quotas, with AWS's defaults: `[quotas]` in `workspace.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Managed policies attached to a role. AWS raises it to 25 at most.
    pub policies_per_role: usize,
    /// Characters of a role's trust policy, white space left out. AWS raises it to 4,096 at most.
    pub trust_policy_length: usize,
    /// Roles of the account. AWS raises it to 5,000 at most.
    pub roles: usize,
    /// Managed policies of the account. AWS raises it to 5,000 at most.
    pub customer_managed_policies: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            policies_per_role: 10,
            trust_policy_length: 2048,
            roles: 1000,
            customer_managed_policies: 1500,
        }
    }
}

/// Characters of a managed policy; it cannot be raised.
const POLICY: usize = 6144;
/// Characters of all inline policies of a role together; it cannot be raised.
const INLINE: usize = 10_240;
/// Versions of a managed policy; it cannot be raised.
pub(super) const VERSIONS: usize = 5;

/// How long a document counts: IAM leaves white space out.
fn length(document: &str) -> usize {
    document.chars().filter(|one| !one.is_whitespace()).count()
}

fn exceeded(quota: &str, limit: usize) -> Refusal {
    Refusal::Limit(format!("Cannot exceed quota for {quota}: {limit}"))
}

impl Quotas {
    pub(super) fn check_attached(&self, count: usize) -> Result<(), Refusal> {
        within(count, self.policies_per_role, "PoliciesPerRole")
    }

    pub(super) fn check_trust(&self, document: &str) -> Result<(), Refusal> {
        within(length(document), self.trust_policy_length, "ACLSizePerRole")
    }

    pub(super) fn check_roles(&self, count: usize) -> Result<(), Refusal> {
        within(count, self.roles, "RolesPerAccount")
    }

    pub(super) fn check_policies(&self, count: usize) -> Result<(), Refusal> {
        within(count, self.customer_managed_policies, "PoliciesPerAccount")
    }
}

fn within(count: usize, limit: usize, quota: &str) -> Result<(), Refusal> {
    if count > limit { Err(exceeded(quota, limit)) } else { Ok(()) }
}

/// Refuses a managed policy that is too long.
pub(super) fn check_managed(document: &str) -> Result<(), Refusal> {
    within(length(document), POLICY, "PolicySize")
}

/// Refuses a role's inline policies that are too long together.
pub(super) fn check_inline<'a>(
    role: &str,
    documents: impl Iterator<Item = &'a str>,
) -> Result<(), Refusal> {
    match documents.map(length).sum::<usize>() > INLINE {
        true => Err(Refusal::Limit(format!(
            "Maximum policy size of {INLINE} bytes exceeded for role {role}"
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_does_not_count() {
        let document = "x ".repeat(POLICY);
        assert!(check_managed(&document).is_ok());
        assert!(check_managed(&format!("{document}x")).is_err());
        assert!(check_inline("r", ["x".repeat(INLINE).as_str()].into_iter()).is_ok());
        let two = ["x".repeat(INLINE), "x".into()];
        assert!(check_inline("r", two.iter().map(String::as_str)).is_err());
    }

    #[test]
    fn a_workspace_raises_what_it_names_alone() {
        let quotas: Quotas = toml::from_str("policies_per_role = 20").unwrap();
        assert_eq!(quotas, Quotas { policies_per_role: 20, ..Quotas::default() });
        let refused = quotas.check_attached(21).unwrap_err().to_string();
        assert_eq!(refused, "Cannot exceed quota for PoliciesPerRole: 20");
        assert!(toml::from_str::<Quotas>("policies = 20").is_err());
    }
}
