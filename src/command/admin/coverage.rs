//! `coverage`: which operations behave, which are recorded, which are not simulated.

use crate::api::model;
use crate::command::{CommandError, Outcome, Table};
use crate::region::{Behaviour, dispatch};
use serde_json::{Map, Value, json};

/// What an operation's answer is worth, in one word; `None` for an operation that the service has not.
pub fn word(service: &str, operation: &str) -> Option<&'static str> {
    let service = model::service(service)?;
    let operation = service.operation(operation)?;
    let route = dispatch::table().route(service.name, operation.name);
    Some(match route.map(|route| route.behaviour) {
        Some(Behaviour::Behaves) => "behaves",
        Some(Behaviour::Recorded) => "recorded",
        None => NOT_SIMULATED,
    })
}

/// The word for operations that the region does not answer.
pub const NOT_SIMULATED: &str = "not simulated";

/// A table of all services, or of one service's operations. Read from the tables that the region
/// itself answers from, so it needs none to run.
pub fn coverage(only: Option<&str>) -> Result<Outcome, CommandError> {
    if let Some(name) = only {
        return operations(name);
    }
    let mut table =
        Table::new("", &["service", "operations", "behave", "recorded", "not simulated"]);
    let mut values = Map::new();
    for name in model::SERVICES {
        let Some(service) = model::service(name) else { continue };
        let (mut behave, mut recorded, mut none) = (0, 0, 0);
        for operation in service.operations() {
            match dispatch::table().route(name, operation.name).map(|route| route.behaviour) {
                Some(Behaviour::Behaves) => behave += 1,
                Some(Behaviour::Recorded) => recorded += 1,
                None => none += 1,
            }
        }
        let counts = [behave + recorded + none, behave, recorded, none];
        table.push([(*name).to_owned()].into_iter().chain(counts.iter().map(ToString::to_string)));
        values.insert(
            (*name).to_owned(),
            json!({"Behaves": behave, "Recorded": recorded, "NotSimulated": none}),
        );
    }
    Ok(Outcome::default().with_table(table).with_value(values.into()))
}

fn operations(name: &str) -> Result<Outcome, CommandError> {
    let service = model::service(name).ok_or_else(|| {
        let services = model::SERVICES.join(", ");
        CommandError::Usage(format!("there is no service `{name}` here; there are {services}"))
    })?;
    let mut table = Table::new("", &["operation", "coverage", "note"]);
    let mut values = Map::new();
    for operation in service.operations() {
        let route = dispatch::table().route(service.name, operation.name);
        let coverage = word(service.name, operation.name).unwrap_or(NOT_SIMULATED);
        table.push([operation.name, coverage, route.map_or("", |route| route.note)]);
        values.insert(operation.name.to_owned(), Value::from(coverage));
    }
    Ok(Outcome::default().with_table(table).with_value(values.into()))
}
