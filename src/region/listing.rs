//! Lists of any family: filters, sorting, and pages that follow one another without gap or repeat.
//!
//! SageMaker's lists share their members' names, so one function reads them all; in which order a
//! list comes, and whether its time filters include their bounds, is a row of [`LISTS`]. A NextToken
//! is the store's cursor in its text form; one that comes back with another question is refused,
//! since going on from there would skip or repeat rows.

use super::{Refusal, View};
use crate::domain::time::Timestamp;
use crate::store::{Cursor, Query, Row, Snapshot, Sort, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// How many rows a page holds when the caller does not say.
const DEFAULT_PAGE: usize = 10;
/// How many a page holds at most.
const LARGEST_PAGE: i64 = 100;

/// What a list operation's documentation says of it.
#[derive(Clone, Copy)]
struct List {
    operation: &'static str,
    /// Without SortBy.
    sort: Sort,
    /// Without SortOrder.
    ascending: bool,
    created: Bounds,
    modified: Bounds,
}

/// Which bounds of a pair of time filters (`…After`, `…Before`) belong to what is found.
#[derive(Clone, Copy)]
enum Bounds {
    Neither,
    After,
    Both,
}

/// What most of them say.
const USUAL: List = List {
    operation: "",
    sort: Sort::Created,
    ascending: false,
    created: Bounds::Neither,
    modified: Bounds::Neither,
};

/// The lists that differ from [`USUAL`].
///
/// ListTrainingJobs and ListModelPackages do not, although "The default is Ascending" is said of
/// their SortOrder: ListTrainingJobs' own text has its jobs "sorted according to the creation time,
/// from the most current to the oldest", and AWS's SDK takes ListModelPackages' first package for the
/// newest.
const LISTS: &[List] = &[
    List { operation: "ListModels", created: Bounds::After, ..USUAL },
    List { operation: "ListEndpointConfigs", created: Bounds::After, ..USUAL },
    List { operation: "ListEndpoints", created: Bounds::After, ..USUAL },
    List { operation: "ListModelPackageGroups", ascending: true, ..USUAL },
    List { operation: "ListCodeRepositories", sort: Sort::Name, ascending: true, ..USUAL },
    List { operation: "ListActions", created: Bounds::Both, ..USUAL },
    List { operation: "ListContexts", created: Bounds::Both, ..USUAL },
    List { operation: "ListStudioLifecycleConfigs", created: Bounds::Both, ..USUAL },
    List {
        operation: "ListAppImageConfigs",
        created: Bounds::Both,
        modified: Bounds::Both,
        ..USUAL
    },
];

impl Bounds {
    /// The last moment that is too early, when `after` was asked for.
    fn after(self, after: Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Self::Neither => after,
            Self::After | Self::Both => {
                after.map(|time| Timestamp::from_millis(time.as_millis().saturating_sub(1)))
            }
        }
    }

    /// The first moment that is too late, when `before` was asked for.
    fn before(self, before: Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Self::Neither | Self::After => before,
            Self::Both => {
                before.map(|time| Timestamp::from_millis(time.as_millis().saturating_add(1)))
            }
        }
    }
}

/// The store's question for the input of a list operation over `kind`.
///
/// # Errors
/// When the NextToken is not one of this list's.
pub fn query(operation: &str, input: &Value, kind: &str) -> Result<Query, Refusal> {
    let list = LISTS.iter().find(|list| list.operation == operation).copied().unwrap_or(USUAL);
    let sort = match input.text("SortBy") {
        Some("Name") => Sort::Name,
        Some("LastModifiedTime") => Sort::Modified,
        Some("Status") => Sort::Status,
        Some("CreationTime") => Sort::Created,
        _ => list.sort,
    };
    let limit = input.integer("MaxResults").map_or(DEFAULT_PAGE, |most| {
        usize::try_from(most.clamp(1, LARGEST_PAGE)).unwrap_or(DEFAULT_PAGE)
    });
    let mut query = Query {
        kind: kind.to_owned(),
        parent: None,
        status: input.text("StatusEquals").map(str::to_owned),
        name_contains: input
            .text("NameContains")
            .filter(|part| !part.is_empty())
            .map(str::to_owned),
        created_after: list.created.after(input.time("CreationTimeAfter")),
        created_before: list.created.before(input.time("CreationTimeBefore")),
        modified_after: list.modified.after(input.time("LastModifiedTimeAfter")),
        modified_before: list.modified.before(input.time("LastModifiedTimeBefore")),
        sort,
        ascending: input.text("SortOrder").map_or(list.ascending, |order| order == "Ascending"),
        after: None,
        limit,
    };
    if let Some(token) = input.text("NextToken").filter(|token| !token.is_empty()) {
        query.after = Some(token.parse::<Cursor>().map_err(StoreError::from)?);
    }
    Ok(query)
}

/// Runs `query` and answers `{member: [rows' documents], NextToken}`. Documents go out whole; the
/// output shape decides which of their members a summary has.
///
/// # Errors
/// Only the store's.
pub fn page(snapshot: &Snapshot<'_>, query: &Query, member: &str) -> Result<Value, Refusal> {
    filtered(snapshot, query, member, |_| true, |row| row.body)
}

/// As [`page`], of those rows alone that `keep` holds for, each as `summary` tells it.
///
/// # Errors
/// Only the store's.
pub fn filtered(
    snapshot: &Snapshot<'_>,
    query: &Query,
    member: &str,
    keep: impl Fn(&Row) -> bool,
    summary: impl Fn(Row) -> Value,
) -> Result<Value, Refusal> {
    let (rows, next) = collect(query, keep, |query| snapshot.list(query))?;
    let mut answer = Map::new();
    answer.insert(member.to_owned(), rows.into_iter().map(summary).collect());
    if let Some(next) = next {
        answer.insert("NextToken".to_owned(), next.to_string().into());
    }
    Ok(Value::Object(answer))
}

/// As many rows as the page holds. Each step asks for as many as are still missing, so that the
/// last step's end is the page's end.
fn collect(
    query: &Query,
    keep: impl Fn(&Row) -> bool,
    list: impl Fn(&Query) -> Result<crate::store::Page, StoreError>,
) -> Result<(Vec<Row>, Option<Cursor>), StoreError> {
    let mut rows = Vec::new();
    let mut step = query.clone();
    loop {
        step.limit = query.limit - rows.len();
        let page = list(&step)?;
        rows.extend(page.rows.into_iter().filter(&keep));
        match page.next {
            Some(next) if rows.len() < query.limit => step.after = Some(next),
            next => return Ok((rows, next)),
        }
    }
}

/// A page of things that are not rows of their own (tags, policies), by their position.
///
/// # Errors
/// When the token is not a position.
pub fn slice<'a, T>(
    all: &'a [T],
    token: Option<&str>,
    limit: usize,
) -> Result<(&'a [T], Option<String>), Refusal> {
    let start = match token.filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|text| String::from_utf8(text).ok())
            .and_then(|text| text.strip_prefix("at:")?.parse::<usize>().ok())
            .ok_or_else(|| Refusal::invalid("Invalid token: it was not issued for this list."))?,
    };
    let start = start.min(all.len());
    let end = start.saturating_add(limit).min(all.len());
    let next = (end < all.len()).then(|| URL_SAFE_NO_PAD.encode(format!("at:{end}")));
    Ok((&all[start..end], next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::ManualClock;
    use crate::store::{Change, Durability, Store};
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn every_list_that_differs_is_an_operation() {
        let service = crate::api::model::service("sagemaker").unwrap();
        for list in LISTS {
            assert!(service.operation(list.operation).is_some(), "{}", list.operation);
        }
    }

    #[test]
    fn a_bound_that_belongs_to_what_is_found_moves_by_a_millisecond() {
        let input = json!({"CreationTimeAfter": 1.5, "CreationTimeBefore": 2.5});
        let bounds = |operation| {
            let query = query(operation, &input, "kind").unwrap();
            [query.created_after, query.created_before].map(|time| time.unwrap().as_millis())
        };
        assert_eq!(bounds("ListTrainingJobs"), [1500, 2500]);
        assert_eq!(bounds("ListModels"), [1499, 2500]);
        assert_eq!(bounds("ListContexts"), [1499, 2501]);
    }

    #[test]
    fn what_the_caller_does_not_say_has_awss_defaults() {
        let groups = query("ListModelPackageGroups", &json!({}), "model-package-group").unwrap();
        assert_eq!((groups.ascending, groups.sort), (true, Sort::Created));
        let said = json!({"SortOrder": "Descending", "SortBy": "CreationTime"});
        let repositories = query("ListCodeRepositories", &said, "code-repository").unwrap();
        assert_eq!((repositories.ascending, repositories.sort), (false, Sort::Created));
        let query = query("ListTrainingJobs", &json!({}), "training-job").unwrap();
        assert_eq!((query.limit, query.ascending, query.sort), (10, false, Sort::Created));
        let all = json!({
            "MaxResults": 3, "SortBy": "Name", "SortOrder": "Ascending", "NameContains": "x",
            "StatusEquals": "Failed", "CreationTimeAfter": 1.5, "LastModifiedTimeBefore": 2,
        });
        let query = super::query("ListTrainingJobs", &all, "training-job").unwrap();
        assert_eq!((query.limit, query.ascending, query.sort), (3, true, Sort::Name));
        assert_eq!(query.created_after, Some(Timestamp::from_millis(1500)));
        assert_eq!(query.modified_before, Some(Timestamp::from_millis(2000)));
        assert_eq!(query.status.as_deref(), Some("Failed"));
    }

    #[test]
    fn a_made_up_token_is_the_callers_fault() {
        let refusal = query("ListModels", &json!({"NextToken": "made up"}), "model").unwrap_err();
        assert_eq!(refusal.to_aws("sagemaker").code, "ValidationException");
    }

    /// A store of rows `m0`, `m1`, … whose bodies are their numbers.
    fn store(count: i64) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1)));
        let store = Store::open(dir.path(), clock.clone(), Durability::Process).unwrap();
        let write = move |change: &mut Change<'_>| -> Result<(), StoreError> {
            let now = change.now();
            (0..count).try_for_each(|at| {
                change.insert(Row::new("model", &format!("m{at}"), now, json!(at)))
            })
        };
        store.write_blocking(write).unwrap();
        (dir, store)
    }

    fn all_pages(store: &Store, mut input: Value, keep: impl Fn(&Row) -> bool) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            let asked = query("ListModels", &input, "model").unwrap();
            let answer = store
                .read(|snapshot| filtered(snapshot, &asked, "Models", &keep, |row| row.body))
                .unwrap();
            let page = answer["Models"].as_array().unwrap();
            assert!(page.len() == asked.limit || answer.get("NextToken").is_none());
            seen.extend_from_slice(page);
            match answer.get("NextToken") {
                Some(token) => input["NextToken"] = token.clone(),
                None => return seen,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn pages_together_are_the_filtered_sorted_whole(
            count in 0_i64..60, limit in 1_usize..12, divisor in 1_i64..6, ascending: bool, by_name: bool,
        ) {
            let (_dir, store) = store(count);
            let order = if ascending { "Ascending" } else { "Descending" };
            let by = if by_name { "Name" } else { "CreationTime" };
            let input = json!({"MaxResults": limit, "SortOrder": order, "SortBy": by});
            let keep = |at: i64| at % divisor == 0;
            let seen = all_pages(&store, input, |row| keep(row.body.as_i64().unwrap()));
            let mut whole: Vec<i64> = (0..count).filter(|at| keep(*at)).collect();
            if by_name {
                whole.sort_by_key(|at| format!("m{at}"));
            }
            if !ascending {
                whole.reverse();
            }
            prop_assert_eq!(seen, whole.into_iter().map(|at| json!(at)).collect::<Vec<_>>());
        }

        #[test]
        fn slices_together_are_the_whole(all in prop::collection::vec(0_u8..9, 0..40), limit in 1_usize..9) {
            let (mut seen, mut token) = (Vec::new(), None::<String>);
            loop {
                let (part, next) = slice(&all, token.as_deref(), limit).unwrap();
                seen.extend_from_slice(part);
                match next { Some(next) => token = Some(next), None => break }
            }
            prop_assert_eq!(seen, all);
        }
    }
}
