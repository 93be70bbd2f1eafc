//! Whether a document is a policy: what IAM refuses when one is stored, in its words and in its order.

use super::pattern::Pattern;
use super::{condition, resource};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// What a policy is for; each has its own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Who may assume a role: it names principals and is itself about the role.
    Trust,
    /// A policy inside a role.
    Inline,
    /// A policy with an ARN. Only the current version of the language is taken.
    Managed,
}

/// Why a document is no policy. The texts are IAM's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("This policy contains invalid Json")]
    Json,
    #[error("Syntax errors in policy.")]
    Syntax,
    #[error("Policy document must be version 2012-10-17 or greater.")]
    Version,
    #[error("The policy failed legacy parsing")]
    Legacy,
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    TwoOfOneId,
    #[error("Policy statement must contain actions.")]
    NoAction,
    #[error("Policy statement must contain resources.")]
    NoResource,
    #[error("Policy document should not specify a principal.")]
    Principal,
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    Prefix,
    #[error("Actions/Condition can contain only one colon.")]
    Colons,
    #[error("Vendor {0} is not valid")]
    Vendor(String),
    #[error("Resource {0} must be in ARN format or \"*\".")]
    NoArn(String),
    #[error("Resource vendor must be fully qualified and cannot contain regexes.")]
    NoVendor,
    #[error("Partition \"{partition}\" is not valid for resource \"{resource}\".")]
    Partition { partition: String, resource: String },
    #[error("IAM resource {0} cannot contain region information.")]
    IamRegion(String),
    #[error("Resource {0} can not contain region information.")]
    Region(String),
    #[error(
        "IAM resource path must either be \"*\" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/."
    )]
    IamPath,
    #[error("Has prohibited field Resource.")]
    TrustResource,
    #[error("Missing required field Principal")]
    NoPrincipal,
    #[error("Missing required field Action")]
    NoTrustAction,
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    NotSts,
    #[error("Invalid principal in policy: {0}")]
    InvalidPrincipal(String),
}

/// What a statement may say.
const MEMBERS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
/// What a trust policy can let somebody do.
const ASSUMING: [&str; 7] = [
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:tagsession",
    "sts:setsourceidentity",
    "sts:setcontext",
    "sts:getfederationtoken",
];

/// Whether `document` is a policy for this use.
///
/// # Errors
/// The first thing that IAM would complain of.
pub fn check(document: &str, policy_use: Use) -> Result<(), Malformed> {
    let policy: Value = serde_json::from_str(document).map_err(|_| Malformed::Json)?;
    let policy = policy.as_object().ok_or(Malformed::Syntax)?;
    let statements = structure(policy)?;
    let version = policy.get("Version").and_then(Value::as_str);
    if policy_use == Use::Managed && version != Some("2012-10-17") {
        return Err(Malformed::Version);
    }
    if statements.iter().any(breaks_legacy_parser) {
        return Err(Malformed::Legacy);
    }
    let mut ids = HashSet::new();
    let sids = statements.iter().filter_map(|one| one.get("Sid")?.as_str());
    if !sids.filter(|sid| !sid.is_empty()).all(|sid| ids.insert(sid)) {
        return Err(Malformed::TwoOfOneId);
    }
    match policy_use {
        Use::Trust => statements.iter().try_for_each(trust),
        Use::Inline | Use::Managed => identity(&statements),
    }
}

/// The statements, once the form of everything has been checked.
fn structure(policy: &Map<String, Value>) -> Result<Vec<Map<String, Value>>, Malformed> {
    let known = |member: &String| ["Version", "Id", "Statement"].contains(&member.as_str());
    let version = policy.get("Version").map(Value::as_str);
    let texts = |value: Option<&Value>| value.is_none_or(Value::is_string);
    if !policy.keys().all(known)
        || !matches!(version, None | Some(Some("2012-10-17" | "2008-10-17")))
        || !texts(policy.get("Id"))
    {
        return Err(Malformed::Syntax);
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(several)) if !several.is_empty() => several.clone(),
        Some(one @ Value::Object(_)) => vec![one.clone()],
        _ => return Err(Malformed::Syntax),
    };
    statements.into_iter().map(statement).collect()
}

fn statement(value: Value) -> Result<Map<String, Value>, Malformed> {
    let Value::Object(statement) = value else { return Err(Malformed::Syntax) };
    let effect = statement.get("Effect").and_then(Value::as_str).unwrap_or_default();
    let effect = ["allow", "deny"].contains(&effect.to_ascii_lowercase().as_str());
    let known = statement.keys().all(|member| MEMBERS.contains(&member.as_str()));
    let twice = ["Principal", "Action", "Resource"]
        .into_iter()
        .any(|one| statement.contains_key(one) && statement.contains_key(&format!("Not{one}")));
    let sid = statement.get("Sid").is_none_or(Value::is_string);
    let listed = ["Action", "NotAction", "Resource", "NotResource"]
        .into_iter()
        .all(|member| statement.get(member).is_none_or(is_text_or_texts));
    let principals = ["Principal", "NotPrincipal"]
        .into_iter()
        .all(|member| statement.get(member).is_none_or(is_principal));
    let conditions = statement.get("Condition").is_none_or(condition::is_well_formed);
    let well = effect && known && !twice && sid && listed && principals && conditions;
    if well { Ok(statement) } else { Err(Malformed::Syntax) }
}

fn is_text_or_texts(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        // IAM takes a null among texts, and passes over it.
        Value::Array(several) => several.iter().all(|one| one.is_string() || one.is_null()),
        _ => false,
    }
}

fn is_principal(value: &Value) -> bool {
    match value {
        Value::String(text) => text == "*",
        Value::Object(types) => types.iter().all(|(kind, values)| {
            ["AWS", "Service", "Federated", "CanonicalUser"].contains(&kind.as_str())
                && is_text_or_texts(values)
        }),
        _ => false,
    }
}

/// What IAM's older parser stumbles over, before the newer one looks at the rest.
fn breaks_legacy_parser(statement: &Map<String, Value>) -> bool {
    let effect = statement.get("Effect").and_then(Value::as_str);
    let mut resources = either(statement, "Resource").into_iter();
    !matches!(effect, Some("Allow" | "Deny"))
        || statement.get("Condition").is_some_and(condition::has_bad_date)
        || resources.any(resource::breaks_legacy_parser)
}

/// The texts of a member that may be one or several.
fn listed<'a>(statement: &'a Map<String, Value>, member: &str) -> Vec<&'a str> {
    match statement.get(member) {
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
        None => Vec::new(),
    }
}

fn either<'a>(statement: &'a Map<String, Value>, member: &str) -> Vec<&'a str> {
    let mut texts = listed(statement, member);
    texts.extend(listed(statement, &format!("Not{member}")));
    texts
}

/// The policies of roles: every statement names actions and resources, and no principals.
fn identity(statements: &[Map<String, Value>]) -> Result<(), Malformed> {
    let principals = |one: &Map<String, Value>| {
        one.contains_key("Principal") || one.contains_key("NotPrincipal")
    };
    if statements.iter().any(principals) {
        return Err(Malformed::Principal);
    }
    if statements.iter().any(|one| either(one, "Action").is_empty()) {
        return Err(Malformed::NoAction);
    }
    let actions =
        |one: &Map<String, Value>| either(one, "Action").into_iter().try_for_each(check_action);
    if let Some(one) = statements.iter().find(|one| either(one, "Resource").is_empty()) {
        // An action without a vendor is said first.
        return match actions(one) {
            Err(Malformed::Prefix) => Err(Malformed::Prefix),
            _ => Err(Malformed::NoResource),
        };
    }
    for one in statements {
        either(one, "Resource").into_iter().try_for_each(resource::check)?;
    }
    statements.iter().try_for_each(actions)
}

/// `vendor:Action`, or `*` for all.
fn check_action(action: &str) -> Result<(), Malformed> {
    if action == "*" {
        return Ok(());
    }
    let (vendor, name) = action.split_once(':').ok_or(Malformed::Prefix)?;
    if name.contains(':') {
        return Err(Malformed::Colons);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if vendor != "*" && (vendor.is_empty() || !vendor.chars().all(plain)) {
        return Err(Malformed::Vendor(vendor.to_owned()));
    }
    Ok(())
}

fn trust(statement: &Map<String, Value>) -> Result<(), Malformed> {
    let has = |member: &str| {
        statement.contains_key(member) || statement.contains_key(&format!("Not{member}"))
    };
    if has("Resource") {
        return Err(Malformed::TrustResource);
    }
    if !has("Principal") {
        return Err(Malformed::NoPrincipal);
    }
    if !has("Action") || either(statement, "Action").is_empty() {
        return Err(Malformed::NoTrustAction);
    }
    let assuming = |action: &str| {
        let action = action.to_ascii_lowercase();
        let fits = |known: &&str| Pattern::literal_wildcards(&action).fits(known);
        action.starts_with("sts:") && ASSUMING.iter().any(fits)
    };
    if !listed(statement, "Action").into_iter().all(assuming) {
        return Err(Malformed::NotSts);
    }
    let Some(types) = statement.get("Principal").and_then(Value::as_object) else { return Ok(()) };
    for (kind, values) in types {
        for value in super::statement::texts(values) {
            if !is_known_principal(kind, &value) {
                let kind = if kind == "Service" { "SERVICE" } else { kind };
                return Err(Malformed::InvalidPrincipal(format!("\"{kind}\":\"{value}\"")));
            }
        }
    }
    Ok(())
}

/// An account, an ARN or everybody; a service by its host name.
fn is_known_principal(kind: &str, value: &str) -> bool {
    match kind {
        "AWS" => {
            let account = value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit());
            value == "*"
                || account
                || (value.starts_with("arn:") && value.split(':').count() >= 6)
                // A principal that was deleted is shown by its id.
                || (value.len() >= 16 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        }
        "Service" => value.contains('.') && !value.contains(char::is_whitespace),
        _ => !value.is_empty(),
    }
}

#[cfg(test)]
#[path = "grammar_tests.rs"]
mod tests;
