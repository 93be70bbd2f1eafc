//! The one table of what the region answers: `(service, operation)` to a handler and to what it is
//! worth. What stands in no row is not simulated, and says so when called.

use super::{Refusal, Region};
use super::{
    endpoint, endpoint_config, iam, logs, model, model_package, model_package_group, recorded, s3,
    search, sts, tag, training_job,
};
use crate::api::model::Structure;
use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// A call as the region sees it.
#[derive(Clone, Debug)]
pub struct Call {
    /// One of `api::model::SERVICES`.
    pub service: &'static str,
    /// An operation of that service's model.
    pub operation: &'static str,
    /// The document, checked against the operation's input shape.
    pub input: Value,
    pub caller: Caller,
    pub request_id: String,
}

/// Who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The access key that signed, or `None` for this machine's own user unsigned.
    pub access_key: Option<String>,
    /// Such as `arn:aws:sts::123456789012:assumed-role/Name/session`.
    pub arn: String,
}

/// What a handler answers: the output document, or why not.
pub type Answer = Result<Value, Refusal>;

type Handler = Box<dyn Fn(Arc<Region>, Call) -> BoxFuture<'static, Answer> + Send + Sync>;

/// What an operation's answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Behaviour {
    /// It does what AWS's does, its rules checked.
    Behaves,
    /// What was sent is kept and returned; nothing happens because of it.
    Recorded,
}

/// What becomes of the members of a request. Every member of the operation's input is in one of the
/// lists, which a test checks: nothing that a caller sends is dropped without a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// They have the effect that AWS gives them, or a wrong value of them is refused.
    pub honoured: &'static [&'static str],
    /// They are kept and returned, without an effect. The coverage note names them.
    pub recorded: &'static [&'static str],
    /// A request that holds one is refused by that member's name, before the handler sees it.
    pub refused: &'static [&'static str],
}

impl Members {
    /// The first member of a request that is refused; a null counts as absent.
    pub fn refused_in(&self, input: &Value) -> Option<&'static str> {
        let holds = |name: &&&str| input.get(**name).is_some_and(|value| !value.is_null());
        self.refused.iter().find(holds).copied()
    }

    /// Members of `structure` that are in no list or in two, and names in a list that it lacks.
    pub fn faults(&self, structure: &Structure) -> Vec<String> {
        let lists = [self.honoured, self.recorded, self.refused];
        let declared = lists.concat();
        let unknown = declared.iter().filter(|name| structure.member(name).is_none());
        let mut faults: Vec<_> = unknown.map(|name| format!("{name}: no such member")).collect();
        for member in &structure.members {
            match declared.iter().filter(|name| **name == member.name).count() {
                0 => faults.push(format!("{}: not declared", member.name)),
                1 => {}
                _ => faults.push(format!("{}: declared twice", member.name)),
            }
        }
        faults
    }
}

/// One row of the table.
pub struct Route {
    pub behaviour: Behaviour,
    /// What of it falls short of AWS, for people; empty when nothing known does.
    pub note: &'static str,
    /// `None` where nobody has said it yet.
    pub members: Option<Members>,
    handler: Handler,
}

impl Route {
    pub(super) fn handle(&self, region: Arc<Region>, call: Call) -> BoxFuture<'static, Answer> {
        (self.handler)(region, call)
    }
}

/// All rows. Families add theirs with [`Table::service`].
#[derive(Default)]
pub struct Table {
    rows: HashMap<&'static str, HashMap<&'static str, Route>>,
}

impl Table {
    pub fn route(&self, service: &str, operation: &str) -> Option<&Route> {
        self.rows.get(service)?.get(operation)
    }

    /// Starts adding rows of one service.
    pub fn service(&mut self, service: &'static str) -> Rows<'_> {
        Rows { rows: self.rows.entry(service).or_default(), last: "" }
    }
}

/// Rows of one service, being added.
pub struct Rows<'a> {
    rows: &'a mut HashMap<&'static str, Route>,
    last: &'static str,
}

impl Rows<'_> {
    /// Says of the row added last what becomes of its request's members.
    pub fn members(self, members: Members) -> Self {
        if let Some(route) = self.rows.get_mut(self.last) {
            route.members = Some(members);
        }
        self
    }

    /// An operation that does what AWS's does.
    pub fn behaves<F, R>(self, operation: &'static str, handler: F) -> Self
    where
        F: Fn(Arc<Region>, Call) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        self.add(operation, Behaviour::Behaves, "", handler)
    }

    /// One that behaves but for what `note` says.
    pub fn behaves_but<F, R>(self, operation: &'static str, note: &'static str, handler: F) -> Self
    where
        F: Fn(Arc<Region>, Call) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        self.add(operation, Behaviour::Behaves, note, handler)
    }

    /// One that never comes here: the gateway streams its body to the data plane or to S3. The row is
    /// for those who ask what behaves.
    pub fn forwarded(self, operation: &'static str, note: &'static str) -> Self {
        self.add(operation, Behaviour::Behaves, note, |_, call: Call| async move {
            Err(Refusal::Invalid(format!("{} is answered by the gateway.", call.operation)))
        })
    }

    /// One that keeps and returns what was sent.
    pub fn recorded<F, R>(self, operation: &'static str, handler: F) -> Self
    where
        F: Fn(Arc<Region>, Call) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        self.add(operation, Behaviour::Recorded, "", handler)
    }

    fn add<F, R>(
        mut self,
        operation: &'static str,
        behaviour: Behaviour,
        note: &'static str,
        handler: F,
    ) -> Self
    where
        F: Fn(Arc<Region>, Call) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        let handler: Handler = Box::new(move |region, call| Box::pin(handler(region, call)));
        let route = Route { behaviour, note, members: None, handler };
        let earlier = self.rows.insert(operation, route);
        self.last = operation;
        debug_assert!(earlier.is_none(), "{operation} has two handlers");
        self
    }
}

/// The table, built on first use.
pub fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| {
        let mut table = Table::default();
        tag::rows(&mut table);
        model::rows(&mut table);
        model_package_group::rows(&mut table);
        model_package::rows(&mut table);
        endpoint_config::rows(&mut table);
        endpoint::rows(&mut table);
        training_job::rows(&mut table);
        sts::rows(&mut table);
        iam::rows(&mut table);
        logs::rows(&mut table);
        recorded::rows(&mut table);
        s3::rows(&mut table);
        search::rows(&mut table);
        table
    });
    &TABLE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model;

    #[test]
    fn every_row_is_an_operation_of_a_service() {
        for (name, rows) in &table().rows {
            let service = model::service(name).unwrap();
            for operation in rows.keys() {
                assert!(service.operation(operation).is_some(), "{name} has no {operation}");
            }
        }
    }

    #[test]
    fn every_declared_row_says_what_becomes_of_each_member() {
        for (name, rows) in &table().rows {
            let service = model::service(name).unwrap();
            for (operation, route) in rows {
                let Some(members) = route.members else { continue };
                let input = service.input(service.operation(operation).unwrap());
                let faults = input.map(|input| members.faults(input)).unwrap_or_default();
                assert!(faults.is_empty(), "{name} {operation}: {faults:?}");
                for recorded in members.recorded {
                    let told = route.note.contains(recorded);
                    assert!(told, "{name} {operation}: the note does not name {recorded}");
                }
            }
        }
    }

    #[test]
    fn every_operation_of_s3_says_what_becomes_of_its_members() {
        assert!(table().rows["s3"].values().all(|route| route.members.is_some()));
        assert!(table().rows["s3"].len() > 20);
    }

    #[test]
    fn a_refused_member_is_found_unless_it_is_null() {
        let members = Members { honoured: &["A"], refused: &["B", "C"], ..Members::default() };
        let refused = |input| members.refused_in(&input);
        assert_eq!(refused(serde_json::json!({"A": 1, "C": {}})), Some("C"));
        assert_eq!(refused(serde_json::json!({"A": 1, "B": null})), None);
    }

    #[test]
    fn what_the_gateway_forwards_counts_as_behaving() {
        let worth =
            |operation| table().route("sagemaker-runtime", operation).map(|row| row.behaviour);
        assert_eq!(worth("InvokeEndpoint"), Some(Behaviour::Behaves));
        assert_eq!(worth("InvokeEndpointWithResponseStream"), Some(Behaviour::Behaves));
        assert_eq!(worth("InvokeEndpointAsync"), None);
    }

    #[test]
    fn what_is_not_in_the_table_is_not_simulated_and_says_so() {
        assert!(table().route("sagemaker", "CreatePipeline").is_none());
        let error = super::super::error::not_simulated("sagemaker", "CreatePipeline");
        assert_eq!((error.status, error.code.as_ref()), (400, "UnsupportedOperation"));
        assert!(error.message.starts_with("CreatePipeline of sagemaker is not simulated"));
    }
}
