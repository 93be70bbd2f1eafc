//! `check`: whether a script leaves behind what would go on costing money.

use super::outcome::{CommandError, Outcome};
use super::session::{Session, text};
use serde_json::{Value, json};

/// What costs while it is there: the list operation, its filter, its list and names.
const COSTLY: [(&str, &str, &str, &str, Option<&str>); 3] = [
    ("endpoint", "ListEndpoints", "Endpoints", "EndpointName", None),
    (
        "training job",
        "ListTrainingJobs",
        "TrainingJobSummaries",
        "TrainingJobName",
        Some("InProgress"),
    ),
    (
        "training job",
        "ListTrainingJobs",
        "TrainingJobSummaries",
        "TrainingJobName",
        Some("Stopping"),
    ),
];

pub async fn run(session: &mut Session) -> Result<Outcome, CommandError> {
    let mut left = Vec::new();
    for (noun, operation, list, name, status) in COSTLY {
        for one in all(session, operation, list, status).await? {
            left.push(format!("{noun} {}", text(&one, &format!("/{name}"))));
        }
    }
    match left.is_empty() {
        true => Ok(Outcome::said("nothing is left: no endpoint, no job under way")),
        false => Err(CommandError::Expectation {
            expected: "nothing left: no endpoint, no job under way".into(),
            found: format!("{}; `delete` and `stop` end them", left.join(", ")),
        }),
    }
}

/// All pages of a list.
async fn all(
    session: &mut Session,
    operation: &str,
    list: &str,
    status: Option<&str>,
) -> Result<Vec<Value>, CommandError> {
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({"MaxResults": 100});
        if let Some(status) = status {
            input["StatusEquals"] = json!(status);
        }
        if !token.is_null() {
            input["NextToken"] = token;
        }
        let mut page = session.call("sagemaker", operation, input).await?;
        if let Some(Value::Array(page)) = page.get_mut(list).map(Value::take) {
            found.extend(page);
        }
        token = page.get_mut("NextToken").map(Value::take).unwrap_or_default();
        if token.is_null() {
            return Ok(found);
        }
    }
}
