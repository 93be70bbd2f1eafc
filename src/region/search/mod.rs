//! Search: finding resources by any property of their documents.
//!
//! What can be searched is a table of kinds ([`SEARCHED`]); filters and sorting work on documents and
//! shapes alone ([`expression`], [`property`]), so a further kind is a further row. One pass reads
//! every row of the kind and keeps no more of them than the page holds.

mod expression;
mod page;
mod property;

use super::dispatch::Table;
use super::{Answer, Call, Refusal, Region, View, family, tag};
use crate::api::model::{self, Service, ShapeId};
use crate::domain::kind;
use crate::store::{Query, Row, Snapshot, Sort};
use expression::{Expression, Wrong};
use page::{Page, Position};
use property::Property;
use serde_json::{Value, json};
use std::sync::Arc;

/// How many results a page holds when the caller does not say.
const DEFAULT_PAGE: i64 = 10;
/// Rows read at a time.
const STEP: usize = 500;

/// A kind of resource that can be searched.
struct Searched {
    /// As `Resource` names it; also its shape and the member of a search record.
    resource: &'static str,
    kind: &'static str,
    /// The member with its ARN.
    arn: &'static str,
    document: fn(Row) -> Value,
}

const SEARCHED: &[Searched] = &[
    Searched {
        resource: "TrainingJob",
        kind: kind::TRAINING_JOB,
        arn: "TrainingJobArn",
        document: super::training_job::document,
    },
    Searched {
        resource: "ModelPackage",
        kind: kind::MODEL_PACKAGE,
        arn: "ModelPackageArn",
        document: super::model_package::document,
    },
    Searched {
        resource: "ModelPackageGroup",
        kind: kind::MODEL_PACKAGE_GROUP,
        arn: "ModelPackageGroupArn",
        document: |row| row.body,
    },
    Searched {
        resource: "Endpoint",
        kind: kind::ENDPOINT,
        arn: "EndpointArn",
        document: |row| row.body,
    },
];

/// Members that no search here honours yet.
const NOT_YET: &[&str] = &["VisibilityConditions"];
/// The same of a `SearchExpression`.
const NOT_YET_WITHIN: &[&str] = &["NestedFilters", "SubExpressions"];

pub(super) fn rows(table: &mut Table) {
    table.service("sagemaker").behaves_but(
        "Search",
        "Resource is TrainingJob, ModelPackage, ModelPackageGroup or Endpoint. NestedFilters, \
         SubExpressions, VisibilityConditions and CrossAccountFilterOption CrossAccount are refused. \
         A filter on a list holds when it holds for any element.",
        search,
    );
}

impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Self {
        Self::Invalid(wrong.to_string())
    }
}

async fn search(region: Arc<Region>, call: Call) -> Answer {
    let question = Question::read(&call.input)?;
    // A pass over all rows of a kind has no place on a thread that serves invocations.
    tokio::task::spawn_blocking(move || region.store().read(|snapshot| question.answer(snapshot)))
        .await
        .map_err(|error| Refusal::Fault(error.to_string()))?
}

/// A call of Search, read.
struct Question {
    searched: &'static Searched,
    expression: Expression,
    /// `None`: by the time of the last change.
    sort: Option<Property>,
    ascending: bool,
    limit: usize,
    /// Tells this question from others, whose tokens are not for this one.
    fingerprint: String,
    after: Option<Position>,
}

fn not_yet(what: &str) -> Refusal {
    Refusal::Declared(
        "UnsupportedOperation",
        format!(
            "{what} of Search is not simulated by Sagebrush. Nothing was done. `sagebrush coverage \
             sagemaker` says what Search does."
        ),
    )
}

impl Question {
    fn read(input: &Value) -> Result<Self, Refusal> {
        let resource = input.name("Resource");
        let searched = SEARCHED
            .iter()
            .find(|searched| searched.resource == resource)
            .ok_or_else(|| not_yet(&format!("Resource {resource}")))?;
        if let Some(member) = NOT_YET.iter().find(|member| input.get(member).is_some()) {
            return Err(not_yet(member));
        }
        if input.text("CrossAccountFilterOption") == Some("CrossAccount") {
            return Err(not_yet("CrossAccountFilterOption CrossAccount"));
        }
        let expression = input.part("SearchExpression");
        let within = |member: &&&str| expression.is_some_and(|it| it.get(member).is_some());
        if let Some(member) = NOT_YET_WITHIN.iter().find(within) {
            return Err(not_yet(member));
        }
        let (service, shape) = shape(searched)?;
        let expression = Expression::read(service, shape, expression)?;
        let sort = match input.text("SortBy") {
            None | Some("LastModifiedTime") => None,
            Some(name) => Some(
                Property::find(service, shape, name)
                    .ok_or_else(|| Refusal::Invalid(expression::unknown(service, shape, name)))?,
            ),
        };
        let fingerprint = page::fingerprint(input);
        let after = input
            .text("NextToken")
            .filter(|token| !token.is_empty())
            .map(|token| {
                Position::of_token(token, &fingerprint).ok_or_else(|| {
                    Refusal::invalid("Invalid NextToken: it was not issued for this search.")
                })
            })
            .transpose()?;
        let limit = input.integer("MaxResults").unwrap_or(DEFAULT_PAGE).clamp(1, 100);
        Ok(Self {
            searched,
            expression,
            sort,
            ascending: input.text("SortOrder") == Some("Ascending"),
            limit: usize::try_from(limit).unwrap_or(1),
            fingerprint,
            after,
        })
    }

    fn answer(&self, snapshot: &Snapshot<'_>) -> Answer {
        let mut page = Page::new(self.limit, self.ascending, self.after.clone());
        let mut query = Query {
            kind: self.searched.kind.to_owned(),
            sort: Sort::Name,
            ascending: true,
            limit: STEP,
            ..Query::default()
        };
        loop {
            let step = snapshot.list(&query)?;
            for row in step.rows {
                self.consider(snapshot, row, &mut page)?;
            }
            match step.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        let total = page.total();
        let (found, next) = page.cut();
        let mut records = Vec::with_capacity(found.len());
        for mut document in found {
            if !self.reads_tags() {
                self.tag(snapshot, &mut document)?;
            }
            records.push(json!({ (self.searched.resource): document }));
        }
        let mut answer = json!({
            "Results": records,
            "TotalHits": {"Value": total, "Relation": "EqualTo"},
        });
        if let Some(next) = next {
            family::set(&mut answer, "NextToken", next.token(&self.fingerprint));
        }
        Ok(answer)
    }

    fn consider(&self, snapshot: &Snapshot<'_>, row: Row, page: &mut Page) -> Result<(), Refusal> {
        let (name, modified) = (row.name.clone(), row.modified);
        let mut document = (self.searched.document)(row);
        if self.reads_tags() {
            self.tag(snapshot, &mut document)?;
        }
        if self.expression.matches(&document) {
            let key = match &self.sort {
                None => modified.to_document(),
                Some(property) => {
                    property.values(&document).first().map_or(Value::Null, |it| (*it).clone())
                }
            };
            page.take(Position { key, name }, document);
        }
        Ok(())
    }

    fn reads_tags(&self) -> bool {
        self.expression.reads_tags() || self.sort.as_ref().is_some_and(Property::is_tag)
    }

    fn tag(&self, snapshot: &Snapshot<'_>, document: &mut Value) -> Result<(), Refusal> {
        let tags = snapshot.tags(document.name(self.searched.arn))?;
        if !tags.is_empty() {
            family::set(document, "Tags", tag::to_document(&tags));
        }
        Ok(())
    }
}

/// The shape of a kind's documents in search records.
fn shape(searched: &Searched) -> Result<(&'static Service, ShapeId), Refusal> {
    let service = model::service("sagemaker");
    service
        .and_then(|service| Some((service, service.shape_id(searched.resource)?)))
        .ok_or_else(|| Refusal::Fault(format!("the model has no shape {}", searched.resource)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{ManualClock, Timestamp};
    use crate::store::{Change, Durability, Store, StoreError};
    use proptest::prelude::*;

    #[test]
    fn every_kind_has_its_shape_and_its_place_in_a_record() {
        for searched in SEARCHED {
            let (service, shape) = shape(searched).unwrap();
            let members = service.structure(shape).unwrap();
            assert!(members.member(searched.arn).is_some(), "{}", searched.resource);
            let record = service.shape("SearchRecord").unwrap().structure().unwrap();
            assert_eq!(record.member(searched.resource).unwrap().shape, shape);
        }
    }

    #[test]
    fn what_is_not_searched_yet_is_refused_by_name() {
        let cases = [
            (json!({"Resource": "Experiment"}), "Resource Experiment"),
            (json!({"Resource": "Endpoint", "VisibilityConditions": []}), "VisibilityConditions"),
            (
                json!({"Resource": "Endpoint", "CrossAccountFilterOption": "CrossAccount"}),
                "CrossAccount",
            ),
            (
                json!({"Resource": "Endpoint", "SearchExpression": {"SubExpressions": []}}),
                "SubExpressions",
            ),
            (
                json!({"Resource": "Endpoint", "SearchExpression": {"NestedFilters": []}}),
                "NestedFilters",
            ),
        ];
        for (input, what) in cases {
            let Err(refusal) = Question::read(&input) else { panic!("{input} is taken") };
            let error = refusal.to_aws("sagemaker");
            assert_eq!(error.code, "UnsupportedOperation");
            assert!(error.message.contains(what), "{}", error.message);
        }
    }

    #[test]
    fn a_token_of_another_search_is_refused() {
        let input = json!({"Resource": "Endpoint"});
        let other = Position { key: json!(1.0), name: "e".into() }.token("other");
        for token in [other.as_str(), "made up"] {
            let mut input = input.clone();
            input["NextToken"] = token.into();
            let Err(refusal) = Question::read(&input) else { panic!("{token} is taken") };
            assert!(refusal.to_string().contains("NextToken"), "{refusal}");
        }
    }

    /// Endpoints `e0`, `e1`, … whose weights repeat.
    fn store(count: u32) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1)));
        let store = Store::open(dir.path(), clock, Durability::Process).unwrap();
        let write = move |change: &mut Change<'_>| -> Result<(), StoreError> {
            let now = change.now();
            (0..count).try_for_each(|at| {
                let body = json!({
                    "EndpointName": format!("e{at}"), "EndpointArn": format!("arn:e{at}"),
                    "EndpointStatus": if at % 3 == 0 { "Failed" } else { "InService" },
                    "FailureReason": if at % 3 == 0 { json!(format!("r{}", at % 2)) } else { Value::Null },
                });
                change.insert(Row::new(kind::ENDPOINT, &format!("e{at}"), now, body))
            })
        };
        store.write_blocking(write).unwrap();
        (dir, store)
    }

    fn all_pages(store: &Store, mut input: Value) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let question = Question::read(&input).unwrap();
            let answer = store.read(|snapshot| question.answer(snapshot)).unwrap();
            let records = answer["Results"].as_array().unwrap();
            assert!(records.len() == question.limit || answer.get("NextToken").is_none());
            let name =
                |record: &Value| record["Endpoint"]["EndpointName"].as_str().unwrap().to_owned();
            seen.extend(records.iter().map(name));
            match answer.get("NextToken") {
                Some(token) => input["NextToken"] = token.clone(),
                None => {
                    assert_eq!(answer["TotalHits"]["Value"], seen.len());
                    return seen;
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn pages_together_are_the_sorted_whole(
            count in 0_u32..40, limit in 1_usize..9, ascending: bool, by in 0_usize..3, failed: bool,
        ) {
            let (_dir, store) = store(count);
            let by = ["LastModifiedTime", "FailureReason", "EndpointName"][by];
            let order = if ascending { "Ascending" } else { "Descending" };
            let mut input = json!({
                "Resource": "Endpoint", "MaxResults": limit, "SortBy": by, "SortOrder": order,
            });
            if failed {
                input["SearchExpression"] = json!({"Filters": [
                    {"Name": "EndpointStatus", "Operator": "Equals", "Value": "Failed"}]});
            }
            let seen = all_pages(&store, input);
            let mut sorted = seen.clone();
            sorted.sort();
            sorted.dedup();
            let wanted = (0..count).filter(|at| !failed || at % 3 == 0).count();
            prop_assert_eq!((sorted.len(), seen.len()), (wanted, wanted));
            if by == "EndpointName" {
                if !ascending {
                    sorted.reverse();
                }
                prop_assert_eq!(seen, sorted);
            }
        }
    }
}
