//! `SimulatePrincipalPolicy` and `SimulateCustomPolicy`: what a role's stored policies would allow.

use super::access::{self, Held};
use super::{Answer, Call, Refusal, Region, Table, View, page_of};
use crate::domain::policy::{
    Context, Decision, Policy, Position, Request, Use, Verdict, check, decide, statement_spans,
};
use crate::store::Row;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn rows(table: &mut Table) {
    table
        .service("iam")
        .behaves_but(
            "SimulatePrincipalPolicy",
            "Roles alone. A role that the region does not have is allowed everything unless the workspace says iam = \"strict\". Of AWS's managed policies those that SageMaker roles usually have are known. ResourcePolicy, ResourceOwner, CallerArn and ResourceHandlingOption are refused.",
            of_principal,
        )
        .behaves_but(
            "SimulateCustomPolicy",
            "ResourcePolicy, ResourceOwner, CallerArn and ResourceHandlingOption are refused.",
            of_documents,
        );
}

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::Declared("InvalidInput", text.into())
}

/// What decides: the policies, and the boundary if there is one.
struct Subject {
    policies: Vec<Held>,
    boundary: Option<Vec<Policy>>,
    context: Context,
}

async fn of_principal(region: Arc<Region>, call: Call) -> Answer {
    refuse_unsupported(&call.input)?;
    let arn = call.input.name("PolicySourceArn");
    let Some(role) = find(&region, arn)? else {
        access::note_unknown(&region, arn);
        return everything_allowed(&call.input);
    };
    let mut subject = subject(&region, &role)?;
    subject.policies.extend(documents(&call.input, "PolicyInputList")?);
    answer(&region, &call.input, subject)
}

async fn of_documents(region: Arc<Region>, call: Call) -> Answer {
    refuse_unsupported(&call.input)?;
    let policies = documents(&call.input, "PolicyInputList")?;
    answer(&region, &call.input, Subject { policies, boundary: None, context: Context::default() })
}

fn refuse_unsupported(input: &Value) -> Result<(), Refusal> {
    let members = ["ResourcePolicy", "ResourceOwner", "CallerArn", "ResourceHandlingOption"];
    match members.into_iter().find(|member| input.has(member)) {
        Some(member) => Err(invalid(format!(
            "{member} is not simulated by Sagebrush: identity policies and permissions boundaries \
             are. Leave it out."
        ))),
        None => Ok(()),
    }
}

/// The role that an ARN names; `None` for one that is not here and counts as allowed everything.
fn find(region: &Region, arn: &str) -> Result<Option<Row>, Refusal> {
    let Some((_, path)) = access::role_path(arn) else {
        let unclear = || {
            invalid(format!(
                "Invalid Entity Arn: {arn} does not clearly define entity type and name."
            ))
        };
        let (kind, name) = [(":user/", "user"), (":group/", "group")]
            .into_iter()
            .find_map(|(mark, kind)| Some((kind, arn.split_once(mark)?.1)))
            .ok_or_else(unclear)?;
        let name = name.rsplit('/').next().unwrap_or(name);
        return Err(Refusal::Absent(format!("The {kind} with name {name} cannot be found.")));
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    match access::role(region, arn)? {
        None if region.options().iam.strict => Err(super::no_role(name)),
        found => Ok(found),
    }
}

fn subject(region: &Region, role: &Row) -> Result<Subject, Refusal> {
    let boundary =
        role.body.part("PermissionsBoundary").map(|it| it.name("PermissionsBoundaryArn"));
    let (policies, boundary) = region.store().read(|snapshot| -> Result<_, Refusal> {
        let policies = access::policies_of(region, snapshot, role)?;
        let boundary = match boundary {
            None => None,
            Some(arn) => {
                let held = access::managed_policy(region, snapshot, arn)?;
                Some(held.into_iter().map(|held| held.policy).collect())
            }
        };
        Ok((policies, boundary))
    })?;
    let context = Context::default()
        .with("aws:PrincipalArn", [role.body.name("Arn")])
        .with("aws:PrincipalAccount", [region.place().account.as_str()])
        .with("aws:PrincipalType", ["AssumedRole"])
        .with("aws:PrincipalIsAWSService", ["false"]);
    Ok(Subject { policies, boundary, context })
}

/// The policies that a call brings along.
fn documents(input: &Value, member: &str) -> Result<Vec<Held>, Refusal> {
    let mut held = Vec::new();
    for (document, number) in input.list(member).iter().filter_map(Value::as_str).zip(1..) {
        let id = format!("{member}.{number}");
        check(document, Use::Inline).map_err(|why| invalid(format!("{id}: {why}")))?;
        held.extend(Held::read(id, "none", document));
    }
    Ok(held)
}

fn resources(input: &Value) -> Vec<&str> {
    let named: Vec<&str> = input.list("ResourceArns").iter().filter_map(Value::as_str).collect();
    if named.is_empty() { vec!["*"] } else { named }
}

fn answer(region: &Region, input: &Value, mut subject: Subject) -> Answer {
    let boundary = documents(input, "PermissionsBoundaryPolicyInputList")?;
    if !boundary.is_empty() {
        subject.boundary = Some(boundary.into_iter().map(|held| held.policy).collect());
    }
    let now = region.now();
    subject.context.set("aws:CurrentTime", [now.to_rfc3339()]);
    subject.context.set("aws:EpochTime", [(now.as_millis() / 1000).to_string()]);
    for entry in input.list("ContextEntries") {
        let values = entry.list("ContextKeyValues").iter().filter_map(Value::as_str);
        subject.context.set(entry.name("ContextKeyName"), values);
    }
    let policies: Vec<Policy> = subject.policies.iter().map(|held| held.policy.clone()).collect();
    let spans: Vec<_> =
        subject.policies.iter().map(|held| statement_spans(&held.document)).collect();
    let mut results = Vec::new();
    for action in input.list("ActionNames").iter().filter_map(Value::as_str) {
        check_action(action)?;
        for resource in resources(input) {
            let request = Request { action, resource, context: &subject.context };
            let decision = decide(&policies, subject.boundary.as_deref(), &request);
            let matched: Vec<Value> = decision
                .matched
                .iter()
                .map(|matched| {
                    let held = &subject.policies[matched.policy];
                    let mut shown = json!({
                        "SourcePolicyId": held.id, "SourcePolicyType": held.kind,
                    });
                    if let Some(span) = spans[matched.policy].get(matched.statement) {
                        super::family::set(&mut shown, "StartPosition", position(span.start));
                        super::family::set(&mut shown, "EndPosition", position(span.end));
                    }
                    shown
                })
                .collect();
            results.push(result(action, resource, &decision, &matched));
        }
    }
    page_of(input, "EvaluationResults", &results)
}

fn check_action(action: &str) -> Result<(), Refusal> {
    match action.split_once(':') {
        Some((service, name)) if !service.is_empty() && !name.is_empty() => Ok(()),
        _ => Err(invalid(format!(
            "Invalid Action: {action}. An action has the form service:Operation."
        ))),
    }
}

fn position(position: Position) -> Value {
    json!({"Line": position.line, "Column": position.column})
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::ExplicitDeny => "explicitDeny",
        Verdict::ImplicitDeny => "implicitDeny",
    }
}

fn result(action: &str, resource: &str, decision: &Decision, matched: &[Value]) -> Value {
    let boundary =
        decision.boundary.map(|allowed| json!({"AllowedByPermissionsBoundary": allowed}));
    // Missing keys are told of the resource where one is named.
    let named = resource != "*";
    let missing = |here: bool| if here { decision.missing.clone() } else { Vec::new() };
    let mut shown = json!({
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": word(decision.verdict),
        "MatchedStatements": matched,
        "MissingContextValues": missing(!named),
        "PermissionsBoundaryDecisionDetail": boundary,
    });
    if named {
        let of_resource = json!([{
            "EvalResourceName": resource,
            "EvalResourceDecision": word(decision.verdict),
            "MatchedStatements": matched,
            "MissingContextValues": missing(true),
            "PermissionsBoundaryDecisionDetail": boundary,
        }]);
        super::family::set(&mut shown, "ResourceSpecificResults", of_resource);
    }
    shown
}

/// The answer for a role that is not here: nothing is known against it.
fn everything_allowed(input: &Value) -> Answer {
    let decision = Decision {
        verdict: Verdict::Allowed,
        matched: Vec::new(),
        missing: Vec::new(),
        boundary: None,
    };
    let mut results = Vec::new();
    for action in input.list("ActionNames").iter().filter_map(Value::as_str) {
        check_action(action)?;
        let all = resources(input).into_iter();
        results.extend(all.map(|resource| result(action, resource, &decision, &[])));
    }
    page_of(input, "EvaluationResults", &results)
}
