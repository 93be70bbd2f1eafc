//! What jobs and endpoints cost, by name: the bill of `/_sagebrush/cost` where rows look for it.

use crate::domain::money::{Money, Total};
use crate::tui::row::{Key, key};
use serde_json::Value;
use std::collections::HashMap;

/// What one job or endpoint comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Account {
    /// What it costs an hour as it runs now.
    pub hourly: Total,
    /// What it has cost so far.
    pub total: Total,
}

#[derive(Debug, Default)]
pub struct Bill {
    endpoints: HashMap<Key, Account>,
    jobs: HashMap<Key, Account>,
}

impl Bill {
    /// Reads the lists that the document has; what it has not stays as it was.
    pub(super) fn read(&mut self, document: &Value) {
        if let Some(list) = document.get("Endpoints") {
            self.endpoints = accounts(list);
        }
        if let Some(list) = document.get("TrainingJobs") {
            self.jobs = accounts(list);
        }
    }

    /// By an endpoint's name in any case.
    pub fn endpoint(&self, name: &str) -> Option<Account> {
        self.endpoints.get(name).or_else(|| self.endpoints.get(&*key(name))).copied()
    }

    /// By a training job's name in any case.
    pub fn job(&self, name: &str) -> Option<Account> {
        self.jobs.get(name).or_else(|| self.jobs.get(&*key(name))).copied()
    }
}

fn accounts(list: &Value) -> HashMap<Key, Account> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|account| {
        let name = account.get("Name")?.as_str()?;
        let total = |member: &str| total(account.get(member));
        Some((key(name), Account { hourly: total("RunningPerHour"), total: total("Total") }))
    })
    .collect()
}

/// `{"known":"2.14","unpriced":0}`.
fn total(of: Option<&Value>) -> Total {
    let known = of.and_then(|of| of.get("known")).and_then(Value::as_str).and_then(Money::parse);
    let unpriced = of.and_then(|of| of.get("unpriced")).and_then(Value::as_u64).unwrap_or(0);
    Total {
        known: known.unwrap_or_default(),
        unpriced: u32::try_from(unpriced).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn accounts_are_found_by_name_in_any_case() {
        let mut bill = Bill::default();
        bill.read(&json!({"Endpoints": [
            {"Name": "Iris", "RunningPerHour": {"known": "0.23", "unpriced": 1}, "Total": {"known": "1.5"}},
            {"no": "name"},
        ], "TrainingJobs": null}));
        let account = bill.endpoint("IRIS").unwrap();
        assert_eq!(Some(account.hourly.known), Money::parse("0.23"));
        assert_eq!((account.hourly.unpriced, account.total.unpriced), (1, 0));
        assert!(bill.job("Iris").is_none());
    }
}
