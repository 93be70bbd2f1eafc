//! The store as its callers see it.

use super::*;
use crate::domain::time::{Clock, ManualClock, SystemClock, Timestamp};
use proptest::prelude::*;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

type Outcome<T = ()> = Result<T, StoreError>;

fn open(dir: &TempDir) -> Store {
    try_open(dir).unwrap()
}

fn try_open(dir: &TempDir) -> Result<Store, OpenError> {
    Store::open(&dir.path().join(".sagebrush"), Arc::new(SystemClock), Durability::Process)
}

fn row(kind: &str, name: &str, created: i64) -> Row {
    Row::new(kind, name, Timestamp::from_millis(created), json!({ "Name": name }))
}

fn insert(store: &Store, row: Row) -> Outcome {
    store.write_blocking(move |change| change.insert(row))
}

fn get(store: &Store, kind: &str, name: &str) -> Option<Row> {
    store.read(|snapshot| snapshot.get(kind, name)).unwrap()
}

#[test]
fn a_row_comes_back_whole_by_its_own_name_and_keeps_others_like_it_out() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut expected = row("model", "Churn-V2", 5);
    expected.body = json!({"ModelName": "Churn-V2", "Weight": 0.1, "Ünïcode": ["é", null]});
    expected.private = json!({"generation": 3});
    expected.parent = "group".into();
    expected.status = "InService".into();
    insert(&store, expected.clone()).unwrap();
    expected.revision = 1;
    assert_eq!(get(&store, "model", "Churn-V2").as_ref(), Some(&expected));
    for name in ["churn-v2", "CHURN-V2"] {
        assert_eq!(get(&store, "model", name), None);
        let any = store.read(|snapshot| snapshot.get_any_case("model", name)).unwrap();
        assert_eq!(any.as_ref(), Some(&expected));
        let deleted: Outcome<bool> =
            store.write_blocking(move |change| change.delete("model", name));
        assert!(!deleted.unwrap());
    }
    assert_eq!(get(&store, "endpoint", "Churn-V2"), None);
    let taken = insert(&store, row("model", "churn-v2", 9));
    assert!(matches!(taken, Err(StoreError::Exists { .. })), "{taken:?}");
}

#[test]
fn updates_stamp_the_time_and_deletions_take_the_tags_along() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000)));
    let path = dir.path().join(".sagebrush");
    let store = Store::open(&path, clock.clone(), Durability::Full).unwrap();
    insert(&store, row("endpoint", "Demo", 1_000)).unwrap();
    clock.advance(Duration::from_millis(500));
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/Demo";
    store
        .write_blocking(move |change| -> Outcome {
            let mut row = change.get("endpoint", "Demo")?.unwrap();
            row.status = "InService".into();
            row.body["Extra"] = json!(1);
            change.update(&row)?;
            change.tag(arn, &[("team".into(), "a".into()), ("env".into(), "b".into())])?;
            change.tag(arn, &[("env".into(), "c".into())])?;
            change.untag(arn, &["absent".into()])
        })
        .unwrap();
    let found = get(&store, "endpoint", "Demo").unwrap();
    assert_eq!((found.modified.as_millis(), found.created.as_millis()), (1_500, 1_000));
    assert_eq!((found.status.as_str(), found.body["Extra"].as_i64()), ("InService", Some(1)));
    let tags = || store.read::<_, StoreError>(|snapshot| snapshot.tags(arn)).unwrap();
    assert_eq!(tags(), [("env".into(), "c".into()), ("team".into(), "a".into())]);
    let deleted = store.write_blocking(|change| change.delete("endpoint", "Demo"));
    assert!(deleted.map_err(|error: StoreError| error).unwrap());
    assert_eq!(tags(), []);
    let gone = store.write_blocking(|change| change.delete("endpoint", "Demo"));
    assert!(!gone.map_err(|error: StoreError| error).unwrap());
    let missing = store.write_blocking(move |change| change.update(&found));
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
}

#[tokio::test]
async fn a_refused_change_leaves_nothing_behind_among_others_of_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut followed = store.subscribe();
    let writes = (0..400).map(|number| {
        let store = store.clone();
        async move {
            store
                .write(move |change| -> Result<(), StoreError> {
                    change.insert(row("model", &format!("m{number}"), number))?;
                    change.next("models")?;
                    match number % 4 {
                        0 => Err(StoreError::Closed),
                        1 if number % 3 == 0 => panic!("a bug in a handler"),
                        _ => Ok(()),
                    }
                })
                .await
        }
    });
    let outcomes = futures::future::join_all(writes).await;
    let mut kept = 0;
    for (number, outcome) in outcomes.iter().enumerate() {
        let there = get(&store, "model", &format!("m{number}")).is_some();
        assert_eq!(there, outcome.is_ok(), "{number}: {outcome:?}");
        kept += u64::from(there);
    }
    assert_eq!(kept, 400 - 100 - 33);
    store
        .read(|snapshot| -> Outcome {
            assert_eq!(snapshot.count("model")?, kept);
            assert_eq!(snapshot.revision()?, kept);
            Ok(())
        })
        .unwrap();
    let next = store.write(|change| change.next("models")).await;
    assert_eq!(next.map_err(|error: StoreError| error).unwrap(), kept + 1);
    for revision in 1..=kept {
        assert_eq!(followed.recv().await.unwrap().revision, revision);
    }
}

#[tokio::test]
async fn followers_see_what_the_table_of_events_tells() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut followed = store.subscribe();
    insert(&store, row("model", "a", 1)).unwrap();
    store
        .write(|change| -> Outcome {
            let mut row = change.get("model", "a")?.unwrap();
            row.status = "Ready".into();
            change.update(&row)?;
            change.delete("model", "a")?;
            Ok(())
        })
        .await
        .unwrap();
    let read = |since| {
        store.read::<_, StoreError>(|snapshot| snapshot.events(since, 100)).unwrap().unwrap()
    };
    let events = read(0);
    let changes: Vec<_> = events.iter().map(|event| event.change).collect();
    assert_eq!(changes, [Changed::Created, Changed::Updated, Changed::Deleted]);
    assert_eq!(events[2].status, "Ready");
    for event in &events {
        assert_eq!(*followed.recv().await.unwrap(), *event);
    }
    assert_eq!(read(2), events[2..]);
    assert_eq!(read(3), []);
}

#[tokio::test]
async fn a_reset_empties_all_and_no_follower_can_overlook_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for number in 0..5 {
        insert(&store, row("model", &format!("m{number}"), number)).unwrap();
    }
    let mut followed = store.subscribe();
    store.reset().await.unwrap();
    let told = followed.recv().await.unwrap();
    assert!(told.is_reset() && told.revision > 6, "{told:?}");
    store
        .read(|snapshot| -> Outcome {
            assert_eq!(snapshot.count("model")?, 0);
            assert_eq!(snapshot.events(5, 10)?, None, "a gap must force a new snapshot");
            assert_eq!(snapshot.events(told.revision, 10)?, Some(vec![]));
            assert_eq!(snapshot.events(told.revision + 1, 10)?, None, "the future");
            Ok(())
        })
        .unwrap();
    drop(store);
    let store = open(&dir);
    insert(&store, row("model", "m0", 0)).unwrap();
    assert_eq!(get(&store, "model", "m0").unwrap().revision, told.revision + 1);
}

#[test]
fn old_events_are_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let total = 70_000_u64;
    for _ in 0..70 {
        store
            .write_blocking(move |change| -> Outcome {
                for _ in 0..500 {
                    change.insert(row("model", "m", 0))?;
                    change.delete("model", "m")?;
                }
                Ok(())
            })
            .unwrap();
    }
    store
        .read(|snapshot| -> Outcome {
            assert_eq!(snapshot.revision()?, total);
            assert_eq!(snapshot.events(0, 1)?, None);
            let kept = snapshot.events(total - 65_536, 100_000)?.unwrap();
            assert_eq!(kept.len(), 65_536);
            Ok(())
        })
        .unwrap();
}

/// A reader that looks on keeps the log from being used again, so that it grows.
#[test]
fn the_write_ahead_log_is_cut_after_a_burst() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let log = dir.path().join(".sagebrush/region.db-wal");
    let size = || std::fs::metadata(&log).unwrap().len();
    store
        .read(|snapshot| {
            snapshot.revision()?;
            for number in 0..200 {
                let mut row = row("model", &format!("m{number}"), 1);
                row.body = json!({ "Text": "x".repeat(100_000) });
                insert(&store, row)?;
            }
            Outcome::Ok(())
        })
        .unwrap();
    assert!(size() > super::housekeeper::WAL_KEPT);
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while size() > super::housekeeper::WAL_KEPT {
        assert!(std::time::Instant::now() < patience, "the log stays at {} bytes", size());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(store.read(|snapshot| snapshot.count("model")).unwrap(), 200);
}

#[test]
fn the_time_of_changes_never_runs_backwards() {
    let dir = tempfile::tempdir().unwrap();
    struct Jumpy(std::sync::atomic::AtomicI64);
    impl Clock for Jumpy {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.fetch_sub(10, std::sync::atomic::Ordering::SeqCst))
        }

        fn steady(&self) -> Timestamp {
            self.now()
        }
    }
    let clock = Arc::new(Jumpy(1_000.into()));
    let store = Store::open(&dir.path().join("s"), clock, Durability::Process).unwrap();
    let now = || store.write_blocking::<_, StoreError>(|change| Ok(change.now())).unwrap();
    assert_eq!((now().as_millis(), now().as_millis()), (1_000, 1_000));
}

#[test]
fn a_newer_schema_is_refused_in_words_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir));
    let path = dir.path().join(".sagebrush/region.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    let error = try_open(&dir).err().unwrap();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("written by a newer Sagebrush"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_no_database_of_a_region_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir));
    let path = dir.path().join(".sagebrush/region.db");
    std::fs::remove_file(&path).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE notes (text)").unwrap();
    drop(connection);
    assert!(matches!(try_open(&dir).err().unwrap(), OpenError::Unsafe { .. }));
    std::fs::write(&path, "not a database, but long enough to be looked at as one".repeat(100))
        .unwrap();
    assert!(matches!(try_open(&dir).err().unwrap(), OpenError::Damaged { .. }));
}

#[test]
fn a_second_handle_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let clone = store.clone();
    drop(store);
    assert!(matches!(try_open(&dir).err().unwrap(), OpenError::Busy { .. }));
    drop(clone);
    try_open(&dir).unwrap();
}

#[test]
fn a_token_of_another_list_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for number in 0..3 {
        insert(&store, row("model", &format!("m{number}"), number)).unwrap();
    }
    let query = Query { kind: "model".into(), limit: 1, ..Query::default() };
    let list = |query: Query| store.read::<_, StoreError>(move |snapshot| snapshot.list(&query));
    let token = list(query.clone()).unwrap().next.unwrap().to_string();
    let after = Some(token.parse().unwrap());
    assert_eq!(list(Query { after: after.clone(), ..query.clone() }).unwrap().rows[0].name, "m1");
    let other = list(Query { after, ascending: true, ..query });
    assert!(matches!(other, Err(StoreError::Cursor(_))), "{other:?}");
}

#[derive(Clone, Debug)]
struct Case {
    rows: Vec<(String, String, String, i64)>,
    query: Query,
}

fn case() -> impl Strategy<Value = Case> {
    let row = ("[a-c]{1,3}", "(x|y)?", "(Up|Down)", 0..6_i64);
    let time = || proptest::option::weighted(0.2, (0..6_i64).prop_map(Timestamp::from_millis));
    let sort = prop_oneof![
        Just(Sort::Created),
        Just(Sort::Modified),
        Just(Sort::Name),
        Just(Sort::Status)
    ];
    let filters = (
        proptest::option::weighted(0.3, "(x|y)?"),
        proptest::option::weighted(0.3, "(Up|Down)"),
        proptest::option::weighted(0.3, "[a-cA-C]"),
        (time(), time(), time(), time()),
    );
    let page = (sort, any::<bool>(), 1..5_usize);
    (proptest::collection::vec(row, 0..30), filters, page).prop_map(|(rows, filters, page)| Case {
        rows,
        query: Query {
            kind: "model".into(),
            parent: filters.0,
            status: filters.1,
            name_contains: filters.2,
            created_after: filters.3.0,
            created_before: filters.3.1,
            modified_after: filters.3.2,
            modified_before: filters.3.3,
            sort: page.0,
            ascending: page.1,
            after: None,
            limit: page.2,
        },
    })
}

/// What the list must be: everything that matches, sorted, by hand.
fn expected(rows: &[(i64, Row)], query: &Query) -> Vec<String> {
    let mut matching: Vec<_> = rows
        .iter()
        .filter(|(_, row)| {
            query.parent.as_ref().is_none_or(|parent| *parent == row.parent)
                && query.status.as_ref().is_none_or(|status| *status == row.status)
                && query
                    .name_contains
                    .as_ref()
                    .is_none_or(|part| row.name.contains(&part.to_lowercase()))
                && query.created_after.is_none_or(|time| row.created > time)
                && query.created_before.is_none_or(|time| row.created < time)
                && query.modified_after.is_none_or(|time| row.modified > time)
                && query.modified_before.is_none_or(|time| row.modified < time)
        })
        .collect();
    matching.sort_by(|(id, row), (other_id, other)| {
        let order = match query.sort {
            Sort::Created => row.created.cmp(&other.created),
            Sort::Modified => row.modified.cmp(&other.modified),
            Sort::Name => row.name.cmp(&other.name),
            Sort::Status => {
                row.status.cmp(&other.status).then_with(|| row.created.cmp(&other.created))
            }
        };
        let order = order.then(id.cmp(other_id));
        if query.ascending { order } else { order.reverse() }
    });
    matching.into_iter().map(|(_, row)| row.name.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_put_together_are_the_whole_list_sorted(case in case()) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let mut rows: Vec<(i64, Row)> = Vec::new();
        for (name, parent, status, created) in case.rows {
            let mut row = row("model", &name, created);
            row.modified = Timestamp::from_millis((created * 7 + 3) % 6);
            row.parent = parent;
            row.status = status;
            if insert(&store, row.clone()).is_ok() {
                rows.push((rows.len() as i64, row));
            }
        }
        insert(&store, self::row("other", "aaa", 3)).unwrap();
        let mut query = case.query.clone();
        let mut names = Vec::new();
        loop {
            let page =
                store.read::<_, StoreError>(|snapshot| snapshot.list(&query)).unwrap();
            prop_assert!(page.rows.len() <= query.limit);
            names.extend(page.rows.into_iter().map(|row| row.name));
            let Some(next) = page.next else { break };
            query.after = Some(next.to_string().parse().unwrap());
        }
        prop_assert_eq!(names, expected(&rows, &case.query));
    }
}

#[test]
fn a_database_that_is_gone_beside_objects_is_no_new_region() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    futures::executor::block_on(async {
        store.objects().create_bucket("b").await.unwrap();
        store.objects().put_bytes("b", "k", b"precious", objects::About::default()).await.unwrap();
    });
    drop(store);
    let kept = dir.path().join(".sagebrush");
    let database = kept.join("region.db");
    let saved = std::fs::read(&database).unwrap();
    let files = || walk(&kept.join("objects"));
    assert_eq!(files(), 1);
    for empty in [false, true] {
        std::fs::remove_file(&database).unwrap();
        if empty {
            std::fs::write(&database, b"").unwrap();
        }
        for _ in 0..2 {
            let refused = try_open(&dir).map(drop).unwrap_err();
            assert!(matches!(refused, OpenError::Lost { files: 1, .. }), "{refused}");
            assert_eq!((files(), database.exists()), (1, empty));
        }
        std::fs::write(&database, b"").unwrap();
    }
    // Put back, it goes on.
    std::fs::write(&database, saved).unwrap();
    let store = open(&dir);
    assert_eq!(store.objects().read("b", "k").unwrap(), b"precious");
}

fn walk(path: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(path).unwrap().flatten();
    entries.map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 }).sum()
}

#[test]
fn objects_that_are_newer_than_the_database_stay() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join(".sagebrush");
    drop(open(&dir));
    let old = std::fs::read(kept.join("region.db")).unwrap();
    let store = open(&dir);
    futures::executor::block_on(async {
        store.objects().create_bucket("b").await.unwrap();
        store.objects().put_bytes("b", "k", b"precious", objects::About::default()).await.unwrap();
    });
    drop(store);
    // An older copy of the database is put back.
    std::fs::write(kept.join("region.db"), old).unwrap();
    for _ in 0..2 {
        let store = open(&dir);
        store.settle();
        futures::executor::block_on(async {
            store.objects().create_bucket("c").await.ok();
            store.objects().put_bytes("c", "k", b"new", objects::About::default()).await.unwrap();
        });
        assert_eq!(store.objects().read("c", "k").unwrap(), b"new");
    }
    let bytes: Vec<Vec<u8>> = files_below(&kept.join("objects-left"));
    assert!(bytes.contains(&b"precious".to_vec()));
}

fn files_below(path: &std::path::Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(path).unwrap().flatten().map(|entry| entry.path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => vec![std::fs::read(path).unwrap()],
        })
        .collect()
}

#[test]
fn a_damaged_database_is_refused_after_a_kill_and_told_by_a_check() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for number in 0..200 {
        insert(&store, row("model", &format!("m{number}"), 1)).unwrap();
    }
    drop(store);
    let kept = dir.path().join(".sagebrush");
    let database = kept.join("region.db");
    assert!(check(&kept).unwrap().is_none());
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[4096..middle] {
        *byte ^= 0x55;
    }
    std::fs::write(&database, bytes).unwrap();
    // As a killed process leaves it.
    std::fs::write(kept.join("region.db-wal"), [0; 64]).unwrap();
    let refused = try_open(&dir).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
    assert!(!check(&kept).unwrap().database.is_empty());
}

#[test]
fn damaged_objects_are_told_before_they_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    futures::executor::block_on(async {
        store.objects().create_bucket("b").await.unwrap();
        store.objects().put_bytes("b", "k", b"precious", objects::About::default()).await.unwrap();
    });
    let kept = dir.path().join(".sagebrush");
    let folder = std::fs::read_dir(kept.join("objects")).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, b"precioux").unwrap();
    let found = check(&kept).unwrap().objects;
    assert_eq!(found, ["s3://b/k: its bytes are not those that were stored"]);
    std::fs::write(&file, b"prec").unwrap();
    let found = check(&kept).unwrap().objects;
    assert_eq!(found, ["s3://b/k: its file has 4 bytes, and should have 8"]);
    let refused = store.objects().read("b", "k").unwrap_err().to_string();
    assert!(refused.contains("damaged"), "{refused}");
}

#[test]
fn a_full_disk_takes_deletions_and_says_why_it_takes_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    insert(&store, row("model", "a", 1)).unwrap();
    let reserve = dir.path().join(".sagebrush/reserve");
    assert!(reserve.exists());
    store.fill_disk(true);
    let refused = insert(&store, row("model", "b", 1)).unwrap_err();
    assert!(matches!(refused, StoreError::Full), "{refused}");
    assert!(refused.for_clients().unwrap().contains("disk is full"));
    assert!(!reserve.exists());
    assert_eq!(get(&store, "model", "b"), None);
    // What changes or takes away goes on, also in a group with what is refused.
    let mut changed = get(&store, "model", "a").unwrap();
    changed.status = "InService".into();
    store.write_blocking(move |change| change.update(&changed)).unwrap();
    let deleted: Outcome<bool> = store.write_blocking(|change| change.delete("model", "a"));
    assert!(deleted.unwrap());
    store.fill_disk(false);
    insert(&store, row("model", "b", 1)).unwrap();
    assert!(reserve.exists());
}
