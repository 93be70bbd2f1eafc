//! Which versions each group has, kept current change by change: a list of groups must not look at
//! ten thousand packages for every frame.

use super::facts;
use crate::domain::kind;
use crate::tui::mirror::{Changes, Mirror};
use crate::tui::row::{Key, Row, key};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Default)]
pub struct Versions {
    groups: HashMap<Key, BTreeMap<u64, Arc<Row>>>,
    mark: Option<(u64, u64)>,
}

impl Versions {
    /// Takes in what changed among the packages; the answer are the groups that it concerns, or `None`
    /// for all of them.
    pub fn settle(&mut self, mirror: &Mirror) -> Option<BTreeSet<Key>> {
        let rows = mirror.rows(kind::MODEL_PACKAGE);
        let changes = self.mark.map_or(Changes::Everything, |mark| rows.since(mark));
        self.mark = Some(rows.mark());
        match changes {
            Changes::Nothing => Some(BTreeSet::new()),
            Changes::These(keys) => {
                let mut touched = BTreeSet::new();
                for changed in keys {
                    let Some((group, number)) = changed.rsplit_once('/') else { continue };
                    let Ok(number) = number.parse() else { continue };
                    let group = key(group);
                    let versions = self.groups.entry(Arc::clone(&group)).or_default();
                    match rows.get(changed) {
                        Some(row) => versions.insert(number, Arc::clone(row)),
                        None => versions.remove(&number),
                    };
                    touched.insert(group);
                }
                Some(touched)
            }
            Changes::Everything => {
                self.groups.clear();
                for (_, row) in rows.iter().filter(|(_, row)| !row.parent.is_empty()) {
                    let versions = self.groups.entry(key(&row.parent)).or_default();
                    versions.insert(facts::version(row), Arc::clone(row));
                }
                None
            }
        }
    }

    /// A group's row with what its versions make of it: `Versions`, `Latest`, `Approval`, `Best`.
    pub fn summary(&self, group: &Row, mirror: &Mirror) -> Row {
        let mut row = group.clone();
        let Some(versions) = self.groups.get(&key(&group.name)) else {
            merge(&mut row, json!({"Versions": 0}));
            return row;
        };
        let latest = versions.values().next_back();
        let approved =
            versions.values().filter(|row| row.text("ModelApprovalStatus") == "Approved").count();
        merge(
            &mut row,
            json!({
                "Versions": versions.len(),
                "Approved": approved,
                "Latest": latest.map_or(0, |row| facts::version(row)),
                "Approval": latest.map_or("", |row| row.text("ModelApprovalStatus")),
                "LatestCreated": latest.map_or(0.0, |row| row.created),
                "Best": best(versions, mirror).unwrap_or_default(),
            }),
        );
        row
    }
}

fn merge(row: &mut Row, more: Value) {
    if !row.body.is_object() {
        row.body = json!({});
    }
    if let (Some(body), Value::Object(more)) = (row.body.as_object_mut(), more) {
        body.extend(more);
    }
}

/// The best of the figure that most versions have: `accuracy 0.9778 (1)`.
fn best(versions: &BTreeMap<u64, Arc<Row>>, mirror: &Mirror) -> Option<String> {
    let mut all: BTreeMap<String, Vec<(f64, u64)>> = BTreeMap::new();
    let mut first: Option<String> = None;
    for (number, row) in versions {
        let job = mirror.row(kind::TRAINING_JOB, facts::property(row, "training-job"));
        for figure in facts::figures(row, job.map(|job| &**job)) {
            if facts::more_is_better(&figure.name).is_some() {
                first.get_or_insert_with(|| figure.name.clone());
                all.entry(figure.name).or_default().push((figure.value, *number));
            }
        }
    }
    // The figure that people look at first, where several versions have it as often as any other.
    let most = all.values().map(Vec::len).max()?;
    let name = first.filter(|name| all.get(name).is_some_and(|values| values.len() == most));
    let name = name.or_else(|| {
        all.iter().find(|(_, values)| values.len() == most).map(|(name, _)| name.clone())
    })?;
    let more = facts::more_is_better(&name)?;
    let values = all.get(&name)?;
    let (value, number) = values.iter().copied().reduce(|best, other| {
        if (other.0 > best.0) == more && other.0 != best.0 { other } else { best }
    })?;
    Some(format!("{} {name} (version {number})", facts::shown(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::testing;
    use crate::tui::view::Place;

    #[test]
    fn a_change_concerns_its_group_alone() {
        let mut state = testing::with_region((80, 24), Place::new("endpoints"));
        let mut versions = Versions::default();
        assert_eq!(versions.settle(&state.mirror), None);
        let group = testing::row(kind::MODEL_PACKAGE_GROUP, "iris");
        let before = versions.summary(&group, &state.mirror);
        assert_eq!(before.body["Versions"], 2);
        assert_eq!(before.body["Latest"], 2);
        assert_eq!(before.body["Best"], "0.9778 accuracy (version 1)");
        assert_eq!(versions.settle(&state.mirror), Some(BTreeSet::new()));
        let mut third = testing::row(kind::MODEL_PACKAGE, "iris/2");
        third.name = "iris/3".into();
        third.body["ModelPackageVersion"] = json!(3);
        third.body["ModelApprovalStatus"] = json!("Rejected");
        testing::feed(&mut state, [testing::changed(third)]);
        assert_eq!(versions.settle(&state.mirror), Some(BTreeSet::from([key("iris")])));
        let after = versions.summary(&group, &state.mirror);
        assert_eq!(
            (&after.body["Versions"], &after.body["Approval"]),
            (&json!(3), &json!("Rejected"))
        );
    }
}
