//! A policy that has been read: its statements with their actions, resources and conditions.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction` and their kin: what a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    pub patterns: Vec<String>,
    /// Everything but the patterns.
    pub inverted: bool,
}

/// Who a trust policy is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Principals {
    /// By type: `AWS`, `Service`, `Federated`, `CanonicalUser`; `*` for `"Principal": "*"`.
    pub by_type: BTreeMap<String, Vec<String>>,
    pub inverted: bool,
}

/// One operator of a `Condition` with the values it compares each key with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub operator: String,
    pub keys: Vec<(String, Vec<String>)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub sid: Option<String>,
    pub effect: Effect,
    pub(super) actions: Selector,
    /// `None` in a trust policy, which is about the role that has it.
    pub(super) resources: Option<Selector>,
    pub(super) principals: Option<Principals>,
    pub(super) conditions: Vec<Condition>,
}

/// The statements of a policy, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub statements: Vec<Statement>,
    /// Policy variables are replaced from this version on; earlier ones take `${…}` literally.
    pub variables: bool,
}

impl Policy {
    /// Reads a policy that [`super::check`] has accepted; `None` for what is no policy.
    pub fn read(document: &str) -> Option<Self> {
        let policy: Value = serde_json::from_str(document).ok()?;
        let statements = match policy.get("Statement")? {
            Value::Array(several) => several.as_slice(),
            one => std::slice::from_ref(one),
        };
        Some(Self {
            statements: statements.iter().map(Statement::read).collect::<Option<_>>()?,
            variables: policy.get("Version").and_then(Value::as_str) == Some("2012-10-17"),
        })
    }
}

impl Statement {
    fn read(statement: &Value) -> Option<Self> {
        let members = statement.as_object()?;
        let effect = members.get("Effect")?.as_str()?;
        Some(Self {
            sid: members.get("Sid").and_then(Value::as_str).map(str::to_owned),
            effect: if effect.eq_ignore_ascii_case("allow") { Effect::Allow } else { Effect::Deny },
            actions: selector(members, "Action", "NotAction")?,
            resources: selector(members, "Resource", "NotResource"),
            principals: principals(members),
            conditions: members.get("Condition").map(conditions).unwrap_or_default(),
        })
    }
}

fn selector(members: &Map<String, Value>, plain: &str, inverted: &str) -> Option<Selector> {
    let of = |member: &str, inverted| {
        members.get(member).map(|value| Selector { patterns: texts(value), inverted })
    };
    of(plain, false).or_else(|| of(inverted, true))
}

fn principals(members: &Map<String, Value>) -> Option<Principals> {
    let (value, inverted) = match members.get("Principal") {
        Some(value) => (value, false),
        None => (members.get("NotPrincipal")?, true),
    };
    let by_type = match value {
        Value::Object(types) => {
            types.iter().map(|(kind, values)| (kind.clone(), texts(values))).collect()
        }
        text => BTreeMap::from([("*".to_owned(), texts(text))]),
    };
    Some(Principals { by_type, inverted })
}

fn conditions(value: &Value) -> Vec<Condition> {
    let Some(operators) = value.as_object() else { return Vec::new() };
    let keys = |value: &Value| {
        let keys = value.as_object().into_iter().flatten();
        keys.map(|(key, values)| (key.clone(), texts(values))).collect()
    };
    operators
        .iter()
        .map(|(operator, value)| Condition { operator: operator.clone(), keys: keys(value) })
        .collect()
}

/// One text or several; numbers and booleans count as their text, as in conditions they may.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(several) => several.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Number(_) | Value::Bool(_) => vec![value.to_string()],
        Value::Null | Value::Object(_) => Vec::new(),
    }
}
