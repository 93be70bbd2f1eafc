//! What policies allow: IAM's evaluation logic for one account. An explicit deny decides, else an
//! allow, else nothing allows it. A permissions boundary must allow as well.

use super::condition;
use super::pattern::{Pattern, variables};
use super::statement::{Effect, Policy, Principals, Selector, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// The context keys of a request and their values. Keys are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    #[must_use]
    pub fn with(mut self, key: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.set(key, values);
        self
    }

    pub fn set(&mut self, key: &str, values: impl IntoIterator<Item = impl Into<String>>) {
        self.0.insert(key.to_lowercase(), values.into_iter().map(Into::into).collect());
    }

    pub fn values(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_lowercase()).map(Vec::as_slice)
    }
}

/// What somebody would do.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Such as `s3:GetObject`.
    pub action: &'a str,
    /// An ARN, or `*` when none is named.
    pub resource: &'a str,
    pub context: &'a Context,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    ExplicitDeny,
    ImplicitDeny,
}

/// A statement that decided: the policy's index among those given and its own within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched {
    pub policy: usize,
    pub statement: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    /// The denying statements if there are any, else the allowing ones.
    pub matched: Vec<Matched>,
    /// Context keys that the matching statements ask for and the request does not have, as written.
    pub missing: Vec<String>,
    /// Whether the permissions boundary allows it, where there is one.
    pub boundary: Option<bool>,
}

/// Decides a request by the policies of an identity and by its permissions boundary.
pub fn decide(policies: &[Policy], boundary: Option<&[Policy]>, request: &Request<'_>) -> Decision {
    let mut decision = by_identity(policies, request);
    if let Some(boundary) = boundary {
        let verdict = by_identity(boundary, request).verdict;
        decision.boundary = Some(verdict == Verdict::Allowed);
        if decision.verdict == Verdict::Allowed && verdict != Verdict::Allowed {
            decision.verdict = verdict;
            decision.matched.clear();
        }
    }
    decision
}

fn by_identity(policies: &[Policy], request: &Request<'_>) -> Decision {
    let (mut allowing, mut denying) = (Vec::new(), Vec::new());
    let mut missing = BTreeSet::new();
    for (policy, index) in policies.iter().zip(0..) {
        for (statement, at) in policy.statements.iter().zip(0..) {
            if !is_about(statement, policy.variables, request) {
                continue;
            }
            missing.extend(
                asked_for(statement, policy.variables)
                    .filter(|key| request.context.values(key).is_none()),
            );
            let met = statement
                .conditions
                .iter()
                .all(|one| condition::is_met(one, request.context, policy.variables));
            let matched = Matched { policy: index, statement: at };
            match (met, statement.effect) {
                (false, _) => {}
                (true, Effect::Allow) => allowing.push(matched),
                (true, Effect::Deny) => denying.push(matched),
            }
        }
    }
    let (verdict, matched) = match (denying.is_empty(), allowing.is_empty()) {
        (false, _) => (Verdict::ExplicitDeny, denying),
        (true, false) => (Verdict::Allowed, allowing),
        (true, true) => (Verdict::ImplicitDeny, Vec::new()),
    };
    let missing = missing.into_iter().map(str::to_owned).collect();
    Decision { verdict, matched, missing, boundary: None }
}

/// Whether action and resource are the statement's.
fn is_about(statement: &Statement, filled: bool, request: &Request<'_>) -> bool {
    // Actions are names without case.
    let action = request.action.to_lowercase();
    let of_action =
        |pattern: &String| Pattern::literal_wildcards(&pattern.to_lowercase()).fits(&action);
    let of_resource = |pattern: &String| {
        let pattern = match filled {
            true => Pattern::filled(pattern, request.context),
            false => Some(Pattern::literal_wildcards(pattern)),
        };
        pattern.is_some_and(|pattern| pattern.fits(request.resource))
    };
    selects(&statement.actions, of_action)
        && statement.resources.as_ref().is_none_or(|resources| selects(resources, of_resource))
}

fn selects(selector: &Selector, fits: impl Fn(&String) -> bool) -> bool {
    selector.patterns.iter().any(fits) != selector.inverted
}

fn asked_for(statement: &Statement, filled: bool) -> impl Iterator<Item = &str> {
    let conditions = statement.conditions.iter().flat_map(|one| &one.keys);
    let keys = conditions.clone().map(|(key, _)| key.as_str());
    let values = conditions.flat_map(|(_, values)| values).map(String::as_str);
    let resources = statement.resources.iter().flat_map(|one| &one.patterns).map(String::as_str);
    keys.chain(values.chain(resources).filter(move |_| filled).flat_map(variables))
}

impl Policy {
    /// Whether, as a trust policy, it lets this principal do this action: `kind` is `Service` or
    /// `AWS`, `id` a host name such as `sagemaker.amazonaws.com` or an ARN.
    pub fn trusts(&self, kind: &str, id: &str, action: &str, context: &Context) -> bool {
        let request = Request { action, resource: "*", context };
        let applies = |statement: &&Statement| {
            is_about(statement, self.variables, &request)
                && statement.principals.as_ref().is_some_and(|all| names(all, kind, id))
                && statement
                    .conditions
                    .iter()
                    .all(|one| condition::is_met(one, context, self.variables))
        };
        let of = |effect| self.statements.iter().filter(applies).any(|one| one.effect == effect);
        of(Effect::Allow) && !of(Effect::Deny)
    }
}

/// Whether a statement's principals include this one. An account, by its number or as `root`, means
/// everybody in it.
fn names(principals: &Principals, kind: &str, id: &str) -> bool {
    let account = |arn: &str| arn.split(':').nth(4).unwrap_or_default().to_owned();
    let is = |wanted: &String| {
        let root = wanted.ends_with(":root") && account(wanted) == account(id);
        wanted == "*" || wanted == id || (kind == "AWS" && (root || *wanted == account(id)))
    };
    let of = |kind: &str| principals.by_type.get(kind).into_iter().flatten().any(is);
    (of(kind) || of("*")) != principals.inverted
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
