use super::*;
use serde_json::json;

fn row(name: &str, status: &str) -> Row {
    Row { kind: "endpoint".into(), name: name.into(), status: status.into(), ..Row::default() }
}

fn changed(revision: u64, created: bool, row: Row) -> Line {
    Line::Changed { revision, at: revision as f64, created, row }
}

fn names(mirror: &Mirror) -> Vec<String> {
    mirror.rows("endpoint").sorted().iter().map(|row| row.name.clone()).collect()
}

#[test]
fn the_first_snapshot_shows_as_it_comes_and_later_ones_when_whole() {
    let mut mirror = Mirror::default();
    mirror.take(&Msg::Region(vec![
        Line::Snapshot { revision: 1, rows: 2 },
        Line::Row(row("B", "InService")),
    ]));
    assert_eq!(names(&mirror), ["B"]);
    mirror.take(&Msg::Region(vec![Line::Row(row("a", "InService")), Line::Ready(1)]));
    assert_eq!(names(&mirror), ["a", "B"]);
    mirror.take(&Msg::Region(vec![
        Line::Resync("a gap".into()),
        Line::Snapshot { revision: 9, rows: 1 },
        Line::Row(row("c", "Creating")),
    ]));
    assert_eq!(names(&mirror), ["a", "B"]);
    mirror.take(&Msg::Region(vec![Line::Ready(9)]));
    assert_eq!(names(&mirror), ["c"]);
    assert_eq!(mirror.revision, 9);
}

#[test]
fn changes_are_noted_once_for_what_they_changed() {
    let mut mirror = Mirror::default();
    mirror.take(&Msg::Region(vec![
        changed(1, true, row("a", "Creating")),
        changed(2, false, row("a", "Creating")),
        changed(3, false, row("a", "InService")),
        Line::Deleted { revision: 4, at: 4.0, kind: "endpoint".into(), name: "A".into() },
    ]));
    let texts: Vec<&str> = mirror.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(texts, ["endpoint a: Creating", "endpoint a: InService", "endpoint A: deleted"]);
    assert!(mirror.rows("endpoint").is_empty());
}

#[test]
fn changes_since_a_mark() {
    let mut rows = Rows::default();
    rows.put(row("a", ""));
    let mark = rows.mark();
    assert!(matches!(rows.since(mark), Changes::Nothing));
    rows.put(row("B", ""));
    rows.remove("A");
    match rows.since(mark) {
        Changes::These(keys) => assert_eq!(keys, [&"b".into(), &"a".into()]),
        _ => panic!("two changes are remembered"),
    }
    rows.replace(vec![row("c", "")]);
    assert!(matches!(rows.since(mark), Changes::Everything));
}

#[test]
fn a_bill_that_is_none_does_no_harm() {
    let mut mirror = Mirror::default();
    let lists = serde_json::json!({"Endpoints": [{"Name": "e"}], "TrainingJobs": []});
    mirror.take(&Msg::Cost(lists.clone()));
    mirror.take(&Msg::Cost(serde_json::json!({"At": 1.0})));
    assert_eq!(mirror.cost["Endpoints"], lists["Endpoints"]);
    mirror.take(&Msg::Cost(serde_json::json!("none")));
    assert_eq!(mirror.cost, "none");
}

fn told(mirror: &Mirror) -> Vec<String> {
    mirror.notes.iter().map(|note| note.text.clone()).collect()
}

#[test]
fn what_has_happened_is_there_when_a_workbench_opens_and_is_noted_once() {
    let mut mirror = Mirror::default();
    let mut endpoint = row("live", "InService");
    endpoint.modified = 50.0;
    let snapshot =
        vec![Line::Snapshot { revision: 1, rows: 1 }, Line::Row(endpoint), Line::Ready(1)];
    mirror.take(&Msg::Region(snapshot));
    assert_eq!(told(&mirror), ["endpoint live: InService"]);
    let line = |at: f64, whole: bool| {
        json!({"at": at, "whole": whole, "endpoints": [], "history": [{"endpoint": "live",
        "variants": [{"variant": "blue", "seconds": [{"at": 80.0, "requests": 4}]}],
        "marks": [
            {"at": 60.0, "mark": "weights", "shares": {"blue": 0.9, "green": 0.1}},
            {"at": 70.0, "mark": "out of service", "variant": "blue", "instance": "i-1"},
            {"at": 75.0, "mark": "in service", "variant": "blue", "instance": "i-2"},
            {"at": 78.0, "mark": "deployment", "stage": "Baking", "traffic": 0.1,
             "old_config": "a", "new_config": "b"},
            {"at": 79.0, "mark": "of a later version"},
        ]}]})
    };
    let expected = [
        "endpoint live: InService",
        "endpoint live: split blue 90, green 10",
        "endpoint live: blue loses i-1",
        "endpoint live: blue gains i-2",
        "endpoint live: deploys b: Baking",
        "endpoint live: traffic starts",
    ];
    mirror.take(&Msg::Traffic(line(82.0, true)));
    assert_eq!(told(&mirror), expected);
    // The stream is followed anew, and tells the same again.
    mirror.take(&Msg::Traffic(line(83.0, true)));
    assert_eq!(told(&mirror), expected);
    mirror.passes(90_000);
    assert_eq!(told(&mirror).last().map(String::as_str), Some("endpoint live: traffic ends"));
}
