//! Whether a policy's document is one: the commonest mistakes that IAM refuses when a policy is
//! stored, in its words. Conditions and the form of ARNs are not looked at, and what a policy allows
//! is not evaluated.

use super::Refusal;
use serde_json::{Map, Value};

/// Who is concerned by the policy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// Whoever may assume the role: it names principals, and is itself about the role.
    Trust,
    /// The role or user that has it: it names resources.
    Identity,
}

/// A role's trust policy.
pub(super) fn check_trust(document: &str) -> Result<(), Refusal> {
    check(document, Of::Trust).map_err(malformed)
}

/// An inline or managed policy.
pub(super) fn check_identity(document: &str) -> Result<(), Refusal> {
    check(document, Of::Identity).map_err(malformed)
}

fn malformed(why: &str) -> Refusal {
    Refusal::Declared("MalformedPolicyDocument", why.into())
}

fn check(document: &str, of: Of) -> Result<(), &'static str> {
    const SYNTAX: &str = "Syntax errors in policy.";
    let Ok(Value::Object(policy)) = serde_json::from_str(document) else {
        return Err("This policy contains invalid Json");
    };
    let version = policy.get("Version").map(Value::as_str);
    if !matches!(version, None | Some(Some("2012-10-17" | "2008-10-17"))) {
        return Err(SYNTAX);
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => return Err(SYNTAX),
    };
    for statement in statements {
        let Value::Object(statement) = statement else { return Err(SYNTAX) };
        let effect = statement.get("Effect").and_then(Value::as_str);
        let known = statement.keys().all(|member| MEMBERS.contains(&member.as_str()));
        let both =
            |one: &str| statement.contains_key(one) && statement.contains_key(&format!("Not{one}"));
        let twice = ["Principal", "Action", "Resource"].into_iter().any(both);
        let texts = ["Action", "NotAction", "Resource", "NotResource"]
            .into_iter()
            .all(|member| listed(statement, member).iter().all(Value::is_string));
        if !matches!(effect, Some("Allow" | "Deny")) || !known || twice || !texts {
            return Err(SYNTAX);
        }
        match of {
            Of::Trust => trust(statement)?,
            Of::Identity => identity(statement)?,
        }
    }
    Ok(())
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

/// A member that may be one or a list of them.
fn listed<'a>(statement: &'a Map<String, Value>, member: &str) -> &'a [Value] {
    match statement.get(member) {
        Some(Value::Array(several)) => several,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

fn has(statement: &Map<String, Value>, either: [&str; 2]) -> bool {
    either.iter().any(|member| statement.contains_key(*member))
}

fn trust(statement: &Map<String, Value>) -> Result<(), &'static str> {
    if has(statement, ["Resource", "NotResource"]) {
        return Err("Has prohibited field Resource");
    }
    if !has(statement, ["Principal", "NotPrincipal"]) {
        return Err("Missing required field Principal");
    }
    if !has(statement, ["Action", "NotAction"]) {
        return Err("Missing required field Action");
    }
    let of_sts = |action: &Value| {
        let service = action.as_str().and_then(|action| action.split(':').next());
        service.is_some_and(|service| service.eq_ignore_ascii_case("sts"))
    };
    match listed(statement, "Action").iter().all(of_sts) {
        true => Ok(()),
        false => Err("AssumeRole policy may only specify STS AssumeRole actions."),
    }
}

fn identity(statement: &Map<String, Value>) -> Result<(), &'static str> {
    if has(statement, ["Principal", "NotPrincipal"]) {
        return Err("Policy document should not specify a principal.");
    }
    if !has(statement, ["Action", "NotAction"]) {
        return Err("Policy statement must contain actions.");
    }
    if !has(statement, ["Resource", "NotResource"]) {
        return Err("Policy statement must contain resources.");
    }
    let mut actions =
        ["Action", "NotAction"].into_iter().flat_map(|member| listed(statement, member));
    let named = |action: &Value| action.as_str().is_some_and(|one| one == "*" || one.contains(':'));
    match actions.all(named) {
        true => Ok(()),
        false => Err("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::not_json("{", Err("This policy contains invalid Json"))]
    #[case::no_object("[]", Err("This policy contains invalid Json"))]
    #[case::no_statement(r#"{"Version":"2012-10-17"}"#, Err("Syntax errors in policy."))]
    #[case::version(r#"{"Version":"2020-01-01","Statement":[]}"#, Err("Syntax errors in policy."))]
    #[case::none_yet(r#"{"Version":"2012-10-17","Statement":[]}"#, Ok(()))]
    #[case::effect(
        r#"{"Statement":{"Effect":"allow","Principal":"*","Action":"sts:AssumeRole"}}"#,
        Err("Syntax errors in policy.")
    )]
    #[case::one_statement(
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":["sts:AssumeRole","sts:TagSession"]}}"#,
        Ok(())
    )]
    #[case::resource(
        r#"{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}"#,
        Err("Has prohibited field Resource")
    )]
    #[case::principal(
        r#"{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole"}]}"#,
        Err("Missing required field Principal")
    )]
    #[case::action(
        r#"{"Statement":[{"Effect":"Allow","Principal":"*"}]}"#,
        Err("Missing required field Action")
    )]
    #[case::typo(
        r#"{"Statement":[{"Effect":"Allow","Principals":"*","Action":"sts:AssumeRole"}]}"#,
        Err("Syntax errors in policy.")
    )]
    #[case::both(
        r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","NotAction":"sts:*"}]}"#,
        Err("Syntax errors in policy.")
    )]
    #[case::no_text(
        r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":[7]}]}"#,
        Err("Syntax errors in policy.")
    )]
    #[case::of_another(
        r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}]}"#,
        Err("AssumeRole policy may only specify STS AssumeRole actions.")
    )]
    fn trust_policies(#[case] document: &str, #[case] verdict: Result<(), &'static str>) {
        assert_eq!(check(document, Of::Trust), verdict);
    }

    #[rstest]
    #[case::whole(r#"{"Statement":[{"Effect":"Deny","NotAction":"s3:*","Resource":"*"}]}"#, Ok(()))]
    #[case::resources(
        r#"{"Statement":[{"Effect":"Allow","Action":"s3:*"}]}"#,
        Err("Policy statement must contain resources.")
    )]
    #[case::vendor(
        r#"{"Statement":[{"Effect":"Allow","Action":"GetObject","Resource":"*"}]}"#,
        Err("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    )]
    #[case::everything(r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#, Ok(()))]
    #[case::actions(
        r#"{"Statement":[{"Effect":"Allow","Resource":"*"}]}"#,
        Err("Policy statement must contain actions.")
    )]
    #[case::principal(
        r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}"#,
        Err("Policy document should not specify a principal.")
    )]
    fn policies_of_identities(#[case] document: &str, #[case] verdict: Result<(), &'static str>) {
        assert_eq!(check(document, Of::Identity), verdict);
    }
}
