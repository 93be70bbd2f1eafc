//! The one table of what the region answers: `(service, operation)` to a handler and to what it is
//! worth. What stands in no row is not simulated, and says so when called.

use super::{Refusal, Region};
use super::{
    endpoint, endpoint_config, iam, logs, model, model_package, model_package_group, recorded, sts,
    tag, training_job,
};
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

/// One row of the table.
pub struct Route {
    pub behaviour: Behaviour,
    /// What of it falls short of AWS, for people; empty when nothing known does.
    pub note: &'static str,
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
        Rows { rows: self.rows.entry(service).or_default() }
    }
}

/// Rows of one service, being added.
pub struct Rows<'a> {
    rows: &'a mut HashMap<&'static str, Route>,
}

impl Rows<'_> {
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

    /// One that never comes here: the gateway hands its body straight to the data plane. The row is
    /// for those who ask what behaves.
    pub fn forwarded(self, operation: &'static str, note: &'static str) -> Self {
        self.add(operation, Behaviour::Behaves, note, |_, call: Call| async move {
            Err(Refusal::Invalid(format!("{} goes to the data plane.", call.operation)))
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
        self,
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
        let earlier = self.rows.insert(operation, Route { behaviour, note, handler });
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
