//! Lists of any family: filters, sorting, and pages that follow one another without gap or repeat.
//!
//! SageMaker's lists share their members' names, so one function reads them all. A NextToken is the
//! store's cursor in its text form; one that comes back with another question is refused, since
//! going on from there would skip or repeat rows.

use super::{Refusal, View};
use crate::store::{Cursor, Query, Row, Snapshot, Sort, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// How many rows a page holds when the caller does not say.
const DEFAULT_PAGE: usize = 10;
/// How many a page holds at most.
const LARGEST_PAGE: i64 = 100;

/// The store's question for a list operation's input over `kind`.
///
/// # Errors
/// When the NextToken is not one of this list's.
pub fn query(input: &Value, kind: &str) -> Result<Query, Refusal> {
    let sort = match input.text("SortBy") {
        Some("Name") => Sort::Name,
        Some("LastModifiedTime") => Sort::Modified,
        Some("Status") => Sort::Status,
        _ => Sort::Created,
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
        created_after: input.time("CreationTimeAfter"),
        created_before: input.time("CreationTimeBefore"),
        modified_after: input.time("LastModifiedTimeAfter"),
        modified_before: input.time("LastModifiedTimeBefore"),
        sort,
        ascending: input.text("SortOrder") == Some("Ascending"),
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
    use crate::domain::time::{ManualClock, Timestamp};
    use crate::store::{Change, Durability, Store};
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn what_the_caller_does_not_say_has_awss_defaults() {
        let query = query(&json!({}), "model").unwrap();
        assert_eq!((query.limit, query.ascending, query.sort), (10, false, Sort::Created));
        let all = json!({
            "MaxResults": 3, "SortBy": "Name", "SortOrder": "Ascending", "NameContains": "x",
            "StatusEquals": "Failed", "CreationTimeAfter": 1.5, "LastModifiedTimeBefore": 2,
        });
        let query = super::query(&all, "endpoint").unwrap();
        assert_eq!((query.limit, query.ascending, query.sort), (3, true, Sort::Name));
        assert_eq!(query.created_after, Some(Timestamp::from_millis(1500)));
        assert_eq!(query.modified_before, Some(Timestamp::from_millis(2000)));
        assert_eq!(query.status.as_deref(), Some("Failed"));
    }

    #[test]
    fn a_made_up_token_is_the_callers_fault() {
        let refusal = query(&json!({"NextToken": "made up"}), "model").unwrap_err();
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
            let asked = query(&input, "model").unwrap();
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
