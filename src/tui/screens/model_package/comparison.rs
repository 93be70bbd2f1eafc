//! Two versions beside each other: what differs, by how much, which is better, and how far a
//! difference can be told to one cause.

use super::facts::{self, Figure, Source};
use crate::tui::mirror::Mirror;
use crate::tui::mirror::lineage::text;
use crate::tui::row::Row;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A line of the comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) left: String,
    pub(super) right: String,
    /// The difference, or what to think of it.
    pub(super) note: String,
    pub(super) differs: bool,
    pub(super) better: Option<Side>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Entries under a heading.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Comparison {
    /// What to keep in mind, first of all: causes that are mixed.
    pub(super) verdict: String,
    pub(super) sections: Vec<Section>,
}

/// One side with the job behind it.
struct Version<'a> {
    package: &'a Row,
    job: Option<Arc<Row>>,
}

impl Version<'_> {
    fn job(&self) -> Option<&Row> {
        self.job.as_deref()
    }
}

pub(super) fn compare(mirror: &Mirror, left: &Row, right: &Row) -> Comparison {
    let version = |package| Version { package, job: mirror.job_behind(package) };
    let (left, right) = (version(left), version(right));
    let sections = vec![
        Section { title: "Metrics", entries: metrics(&left, &right) },
        Section { title: "Hyperparameters", entries: hyperparameters(&left, &right) },
        Section { title: "Data", entries: data(&left, &right) },
        Section { title: "Training", entries: training(&left, &right) },
        Section { title: "Lineage", entries: lineage(mirror, &left, &right) },
    ];
    let verdict = verdict(&left, &right, &sections);
    Comparison { verdict, sections }
}

fn entry(name: impl Into<String>, left: impl Into<String>, right: impl Into<String>) -> Entry {
    let (left, right) = (left.into(), right.into());
    let differs = left != right;
    Entry { name: name.into(), left, right, differs, ..Entry::default() }
}

fn metrics(left: &Version<'_>, right: &Version<'_>) -> Vec<Entry> {
    let of = |version: &Version<'_>| facts::figures(version.package, version.job());
    let (lefts, rights) = (of(left), of(right));
    let mut entries = Vec::new();
    for figure in &lefts {
        let twin = rights.iter().find(|other| same(figure, other));
        entries.push(metric(figure, twin, left, right));
    }
    for figure in rights.iter().filter(|figure| !lefts.iter().any(|other| same(figure, other))) {
        let name = format!("{} ({})", figure.name, figure.source.word());
        entries.push(Entry {
            note: "only the right one has it".into(),
            ..entry(name, "-", facts::shown(figure.value))
        });
    }
    let rows = |version: &Version<'_>| {
        facts::evaluated_rows(version.package).map_or_else(|| "-".into(), |rows| rows.to_string())
    };
    if rows(left) != "-" || rows(right) != "-" {
        entries.push(entry("rows evaluated", rows(left), rows(right)));
    }
    entries
}

fn same(a: &Figure, b: &Figure) -> bool {
    a.name == b.name && a.source == b.source
}

fn metric(
    figure: &Figure,
    twin: Option<&Figure>,
    left: &Version<'_>,
    right: &Version<'_>,
) -> Entry {
    let name = format!("{} ({})", figure.name, figure.source.word());
    let Some(twin) = twin else {
        let note = "only the left one has it".into();
        return Entry { note, ..entry(name, facts::shown(figure.value), "-") };
    };
    let mut entry = entry(name, facts::shown(figure.value), facts::shown(twin.value));
    let difference = twin.value - figure.value;
    entry.differs = difference != 0.0;
    if !entry.differs {
        return entry;
    }
    let sign = if difference > 0.0 { "+" } else { "−" };
    entry.note = format!("{sign}{}", facts::shown(difference.abs()));
    let other_data = figure.source == Source::Evaluation
        && facts::evaluated_on(left.package) != facts::evaluated_on(right.package);
    if other_data {
        entry.note.push_str(" measured on other data: not comparable");
        return entry;
    }
    if let Some(chance) = within_chance(figure, twin, left, right) {
        entry.note.push_str(&chance);
        return entry;
    }
    entry.better = facts::more_is_better(&figure.name)
        .map(|more| if (difference > 0.0) == more { Side::Right } else { Side::Left });
    entry
}

/// Whether two accuracies on so few rows may differ by chance: two proportions, at 95 %.
fn within_chance(
    figure: &Figure,
    twin: &Figure,
    left: &Version<'_>,
    right: &Version<'_>,
) -> Option<String> {
    if figure.name != "accuracy" || figure.source != Source::Evaluation {
        return None;
    }
    let rows =
        |version: &Version<'_>| facts::evaluated_rows(version.package).filter(|rows| *rows >= 1.0);
    let (left, right) = (rows(left)?, rows(right)?);
    let spread = |share: f64, rows: f64| (share * (1.0 - share)).max(0.0) / rows;
    let margin = 1.96 * libm::sqrt(spread(figure.value, left) + spread(twin.value, right));
    let few = left.min(right);
    (libm::fabs(twin.value - figure.value) <= margin)
        .then(|| format!(" ± {} on {few:.0} rows: may be chance", facts::shown(margin)))
}

fn hyperparameters(left: &Version<'_>, right: &Version<'_>) -> Vec<Entry> {
    paired(&facts::hyperparameters(left.job()), &facts::hyperparameters(right.job()))
}

/// Every name of either side, those that differ first.
fn paired(left: &BTreeMap<&str, &str>, right: &BTreeMap<&str, &str>) -> Vec<Entry> {
    let mut names: Vec<&str> = left.keys().chain(right.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let value = |side: &BTreeMap<&str, &str>, name: &str| {
        side.get(name).map_or_else(|| "-".to_owned(), |value| (*value).to_owned())
    };
    let mut entries: Vec<Entry> =
        names.iter().map(|name| entry(*name, value(left, name), value(right, name))).collect();
    entries.sort_by_key(|entry| !entry.differs);
    entries
}

fn data(left: &Version<'_>, right: &Version<'_>) -> Vec<Entry> {
    let mut entries = paired(&facts::channels(left.job()), &facts::channels(right.job()));
    for entry in &mut entries {
        entry.name.insert_str(0, "channel ");
    }
    let on = |version: &Version<'_>| facts::evaluated_on(version.package).to_owned();
    if !on(left).is_empty() || !on(right).is_empty() {
        entries.push(entry("evaluated on", on(left), on(right)));
    }
    entries
}

fn training(left: &Version<'_>, right: &Version<'_>) -> Vec<Entry> {
    let seconds = |version: &Version<'_>| {
        let seconds = version.job().and_then(|job| job.number("BillableTimeInSeconds"));
        seconds.map_or_else(String::new, |seconds| format!("{seconds} s billable"))
    };
    vec![
        entry("image", facts::image(left.package), facts::image(right.package)),
        entry("instances", facts::instances(left.job()), facts::instances(right.job())),
        entry("time", seconds(left), seconds(right)),
    ]
}

fn lineage(mirror: &Mirror, left: &Version<'_>, right: &Version<'_>) -> Vec<Entry> {
    let way = |version: &Version<'_>, kind: &str| {
        let rows = facts::lineage(mirror, version.package);
        let names =
            rows.iter().filter(|row| row.kind == kind).map(|row| match row.status.as_str() {
                "" => row.name.clone(),
                status => format!("{} {}", row.name, crate::tui::status::labelled(status)),
            });
        let names: Vec<String> = names.collect();
        if names.is_empty() { "-".to_owned() } else { names.join(", ") }
    };
    let mut entries: Vec<Entry> = [
        ("job", crate::domain::kind::TRAINING_JOB),
        ("models", crate::domain::kind::MODEL),
        ("configurations", crate::domain::kind::ENDPOINT_CONFIG),
        ("endpoints", crate::domain::kind::ENDPOINT),
    ]
    .into_iter()
    .map(|(name, kind)| entry(name, way(left, kind), way(right, kind)))
    .collect();
    let artifact = |version: &Version<'_>| {
        let containers = crate::tui::mirror::lineage::containers(version.package);
        containers.first().map_or_else(String::new, |one| text(one, "ModelDataUrl").to_owned())
    };
    entries.insert(1, entry("artifact", artifact(left), artifact(right)));
    entries
}

/// What else differs than the figures: each of it may be why they do.
fn verdict(left: &Version<'_>, right: &Version<'_>, sections: &[Section]) -> String {
    if left.job.is_none() || right.job.is_none() {
        return "How one of them was trained is not known here, so causes cannot be told.".into();
    }
    let differs = |title: &str, names: fn(&str) -> bool| {
        sections
            .iter()
            .filter(|section| section.title == title)
            .any(|section| section.entries.iter().any(|entry| entry.differs && names(&entry.name)))
    };
    let causes: Vec<(&str, &str)> = [
        ("the algorithm", "differs", differs("Training", |name| name == "image")),
        ("hyperparameters", "differ", differs("Hyperparameters", |_| true)),
        ("training data", "differs", differs("Data", |name| name.starts_with("channel"))),
        (
            "the data they were evaluated on",
            "differs",
            differs("Data", |name| name == "evaluated on"),
        ),
        ("instances", "differ", differs("Training", |name| name == "instances")),
    ]
    .into_iter()
    .filter_map(|(cause, verb, differs)| differs.then_some((cause, verb)))
    .collect();
    match causes.as_slice() {
        [] => "Nothing that is recorded differs: what does is chance, or data that changed under \
               the same address."
            .into(),
        [(one, verb)] => format!("Only {one} {verb}, as far as is recorded."),
        [most @ .., (last, _)] => format!(
            "They differ in {} and {last}, so no single one of these explains a difference.",
            most.iter().map(|(cause, _)| *cause).collect::<Vec<_>>().join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kind;
    use crate::tui::testing;
    use crate::tui::view::Place;
    use serde_json::json;

    fn packages() -> (crate::tui::state::State, Row, Row) {
        let state = testing::with_region((80, 24), Place::new("endpoints"));
        let row = |name| testing::row(kind::MODEL_PACKAGE, name);
        (state, row("iris/1"), row("iris/2"))
    }

    fn section<'a>(comparison: &'a Comparison, title: &str) -> &'a [Entry] {
        &comparison.sections.iter().find(|section| section.title == title).unwrap().entries
    }

    #[test]
    fn a_difference_on_few_rows_is_called_chance_and_mixed_causes_are_named() {
        let (state, left, right) = packages();
        let found = compare(&state.mirror, &left, &right);
        let accuracy = &section(&found, "Metrics")[0];
        assert!(accuracy.differs && accuracy.better.is_none(), "{accuracy:?}");
        assert!(accuracy.note.contains("may be chance"), "{}", accuracy.note);
        assert!(found.verdict.contains("the algorithm"), "{}", found.verdict);
        let settings = section(&found, "Hyperparameters");
        assert!(settings.is_sorted_by_key(|entry| !entry.differs));
    }

    #[test]
    fn on_many_rows_one_is_better_and_on_other_data_none() {
        let (state, mut left, mut right) = packages();
        for (row, accuracy) in [(&mut left, "0.91"), (&mut right, "0.97")] {
            row.body["CustomerMetadataProperties"]["evaluation.rows"] = json!("5000");
            row.body["CustomerMetadataProperties"]["evaluation.accuracy"] = json!(accuracy);
        }
        let found = compare(&state.mirror, &left, &right);
        assert_eq!(section(&found, "Metrics")[0].better, Some(Side::Right));
        let back = compare(&state.mirror, &right, &left);
        assert_eq!(section(&back, "Metrics")[0].better, Some(Side::Left));
        right.body["CustomerMetadataProperties"]["evaluation.data"] = json!("s3://other/x.csv");
        let found = compare(&state.mirror, &left, &right);
        let accuracy = &section(&found, "Metrics")[0];
        assert!(accuracy.better.is_none() && accuracy.note.contains("other data"));
    }

    #[test]
    fn a_version_beside_itself_differs_in_nothing() {
        let (state, left, _) = packages();
        let found = compare(&state.mirror, &left, &left);
        assert!(found.sections.iter().flat_map(|section| &section.entries).all(|one| !one.differs));
        assert!(found.verdict.starts_with("Nothing"));
    }
}
