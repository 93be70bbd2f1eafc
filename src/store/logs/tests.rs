//! Logs as their callers see them.

use super::*;
use crate::domain::time::ManualClock;
use crate::store::Durability;
use proptest::prelude::*;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

const GROUP: &str = "/aws/sagemaker/TrainingJobs";

fn open(dir: &TempDir) -> Store {
    open_at(dir, 1_000)
}

fn open_at(dir: &TempDir, now: i64) -> Store {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(now)));
    Store::open(&dir.path().join(".sagebrush"), clock, Durability::Process).unwrap()
}

fn event(timestamp: i64, message: &str) -> LogEvent {
    LogEvent { timestamp: Timestamp::from_millis(timestamp), message: message.to_owned() }
}

fn messages(slice: &Slice) -> Vec<&str> {
    slice.events.iter().map(|record| record.message.as_str()).collect()
}

async fn with_stream(store: &Store, stream: &str) -> LogWriter {
    let logs = store.logs();
    logs.ensure(GROUP, stream).await.unwrap();
    logs.writer(GROUP, stream).unwrap()
}

fn segment_files(dir: &TempDir) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for stream in fs::read_dir(dir.path().join(".sagebrush/logs")).unwrap() {
        let files = fs::read_dir(stream.unwrap().path()).unwrap();
        found.extend(files.map(|file| file.unwrap().path()));
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_stream_is_read_forwards_and_backwards_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let writer = with_stream(&store, "job/algo-1").await;
    for number in 0..2_000 {
        let position = writer.append(&[event(number, &format!("line {number}"))]).unwrap();
        assert_eq!(position, number as u64);
    }
    let read = |start| {
        let read = Read { start, limit: 250, ..Read::default() };
        store.logs().read(GROUP, "job/algo-1", &read).unwrap()
    };
    let (mut slice, mut lines) = (read(Start::Head), Vec::new());
    while !slice.events.is_empty() {
        assert_eq!(slice.backward, Place::of(&slice.events[0]));
        lines.extend(slice.events.iter().map(|record| record.position));
        let next = read(Start::At(slice.forward));
        assert!(read(Start::Before(next.backward)).events == slice.events);
        slice = next;
    }
    let end = Place { time: 1_999, position: 2_000 };
    assert_eq!((slice.forward, slice.backward), (end, end));
    assert!(lines.into_iter().eq(0..2_000));
    let mut slice = read(Start::Tail);
    let mut seen = 2_000;
    while !slice.events.is_empty() {
        assert_eq!(slice.events.last().unwrap().position + 1, seen);
        seen = slice.backward.position;
        slice = read(Start::Before(slice.backward));
    }
    assert_eq!(seen, 0);
    let (first, record) = (read(Start::Head), "line 7");
    assert_eq!(first.events[7].message, record);
    assert_eq!(first.events[7].ingested.as_millis(), 1_000);
}

#[tokio::test]
async fn pages_end_at_their_bytes_but_hold_one_event_at_least() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let writer = with_stream(&store, "s").await;
    writer.append(&[event(1, &"x".repeat(100)), event(2, "y"), event(3, "z")]).unwrap();
    let read = |start, bytes| {
        let read = Read { start, bytes, ..Read::default() };
        store.logs().read(GROUP, "s", &read).unwrap().events.len()
    };
    assert_eq!(read(Start::Head, 10), 1);
    assert_eq!(read(Start::Head, 126 + 27), 2);
    assert_eq!(read(Start::Tail, 60), 2);
}

#[tokio::test]
async fn events_come_back_after_a_restart_and_go_on_where_they_ended() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let writer = with_stream(&store, "s").await;
    writer.append(&[event(5, "one\nwith a break"), event(6, "zwei ü")]).unwrap();
    drop((writer, store));
    let store = open_at(&dir, 2_000);
    let logs = store.logs();
    let info = logs.streams(GROUP, &Streams::default()).unwrap().streams.remove(0);
    assert_eq!(info.last_event, Some(Timestamp::from_millis(6)));
    assert_eq!(info.last_ingestion, Some(Timestamp::from_millis(1_000)));
    assert_eq!(info.stored_bytes, 16 + 7 + 52);
    assert_eq!(logs.append(GROUP, "s", &[event(7, "three")]).unwrap(), 2);
    let slice = logs.read(GROUP, "s", &Read::default()).unwrap();
    assert_eq!(messages(&slice), ["one\nwith a break", "zwei ü", "three"]);
    assert_eq!(logs.group(GROUP).unwrap().stored_bytes, 16 + 7 + 5 + 78);
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_the_figures_counted_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let writer = with_stream(&store, "s").await;
    writer.append(&[event(5, "whole"), event(9, "torn")]).unwrap();
    drop((writer, store));
    // As a crash leaves it: the row still open, the last record cut short.
    let connection = rusqlite::Connection::open(dir.path().join(".sagebrush/region.db")).unwrap();
    connection.execute("UPDATE log_stream SET open = 1, last = -1, bytes = 7", []).unwrap();
    drop(connection);
    let files = segment_files(&dir);
    let length = fs::metadata(&files[0]).unwrap().len();
    OpenOptions::new().write(true).open(&files[0]).unwrap().set_len(length - 1).unwrap();
    let store = open(&dir);
    let logs = store.logs();
    let info = logs.streams(GROUP, &Streams::default()).unwrap().streams.remove(0);
    assert_eq!(info.last_event, Some(Timestamp::from_millis(5)));
    assert_eq!(info.stored_bytes, 5 + 26);
    assert_eq!(logs.append(GROUP, "s", &[event(6, "after")]).unwrap(), 1);
    let slice = logs.read(GROUP, "s", &Read::default()).unwrap();
    assert_eq!(messages(&slice), ["whole", "after"]);
}

#[tokio::test]
async fn damage_in_the_middle_hides_one_record_and_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let writer = with_stream(&store, "s").await;
    writer.append(&[event(5, "first"), event(9, "second"), event(9, "third")]).unwrap();
    drop((writer, store));
    let files = segment_files(&dir);
    let mut bytes = fs::read(&files[0]).unwrap();
    bytes[24 + 5 + 24] ^= 1;
    fs::write(&files[0], bytes).unwrap();
    let store = open(&dir);
    let slice = store.logs().read(GROUP, "s", &Read::default()).unwrap();
    assert_eq!(messages(&slice), ["first", "third"]);
    let (segments, found) = damage(&dir.path().join(".sagebrush/logs")).unwrap();
    assert_eq!((segments, found.len()), (1, 1));
    assert!(found[0].ends_with("1 damaged records are left out"), "{found:?}");
    // The positions of what follows stay as they were.
    assert_eq!(slice.events[1].position, 2);
    assert_eq!(store.logs().append(GROUP, "s", &[event(9, "fourth")]).unwrap(), 3);
}

#[tokio::test]
async fn full_segments_are_closed_with_an_index_and_expire_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let day = 86_400_000;
    let store = open_at(&dir, 40 * day);
    let writer = with_stream(&store, "s").await;
    let long = "x".repeat(1024 * 1024);
    for number in 0..20 {
        writer.append(&[event(number * day, &long)]).unwrap();
    }
    let names = || -> Vec<String> {
        let names = segment_files(&dir).into_iter();
        names.map(|path| path.extension().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(), ["idx", "log", "idx", "log", "log"]);
    drop((writer, store));
    let store = open_at(&dir, 40 * day);
    let logs = store.logs();
    let all = Read { start: Start::Head, bytes: u64::MAX, ..Read::default() };
    assert_eq!(logs.read(GROUP, "s", &all).unwrap().events.len(), 20);
    // A damaged index is no loss: the segment itself is read.
    let index = segment_files(&dir).remove(0);
    fs::write(index, "damage").unwrap();
    drop((logs, store));
    let store = open_at(&dir, 40 * day);
    let logs = store.logs();
    let at = Place { time: i64::MIN, position: 0 };
    let read = Read { start: Start::At(at), limit: 1, ..Read::default() };
    assert_eq!(logs.read(GROUP, "s", &read).unwrap().events[0].position, 0);
    logs.set_retention(GROUP, Some(30)).await.unwrap();
    assert_eq!(logs.group(GROUP).unwrap().retention, Some(30));
    let slice = logs.read(GROUP, "s", &all).unwrap();
    assert_eq!((slice.events[0].position, slice.events.len()), (8, 12));
    assert_eq!(logs.append(GROUP, "s", &[event(day, "on")]).unwrap(), 20);
    drop((logs, store));
    // Twelve days later the next segment is too old, which opening the store notices.
    let store = open_at(&dir, 47 * day);
    let slice = store.logs().read(GROUP, "s", &all).unwrap();
    // The late one has the earliest time and is in the segment that stays.
    let positions: Vec<u64> = slice.events.iter().map(|event| event.position).collect();
    assert_eq!(positions[..3], [20, 16, 17]);
}

#[tokio::test]
async fn times_narrow_what_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let writer = with_stream(&store, "s").await;
    for (number, time) in [10, 20, 15, 30, 40].into_iter().enumerate() {
        writer.append(&[event(time, &number.to_string())]).unwrap();
    }
    let read = |from: i64, until: i64, start| {
        let (from, until) = (Timestamp::from_millis(from), Timestamp::from_millis(until));
        let read = Read { start, from: Some(from), until: Some(until), ..Read::default() };
        let slice = store.logs().read(GROUP, "s", &read).unwrap();
        messages(&slice).join("")
    };
    // By time, not as they came in.
    assert_eq!(read(15, 40, Start::Head), "213");
    assert_eq!(read(15, 40, Start::Tail), "213");
    assert_eq!(read(15, 40, Start::Before(Place { time: 30, position: 3 })), "21");
    assert_eq!(read(15, 40, Start::At(Place { time: 20, position: 1 })), "13");
    assert_eq!(read(50, 60, Start::Tail), "");
}

#[tokio::test]
async fn groups_and_streams_are_listed_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let logs = store.logs();
    logs.create_group("b", GroupKept::default()).await.unwrap();
    assert!(matches!(
        logs.create_group("b", GroupKept::default()).await,
        Err(LogError::GroupExists(_))
    ));
    logs.create_group("a", GroupKept::default()).await.unwrap();
    logs.create_group("ab", GroupKept::default()).await.unwrap();
    let groups = |prefix, after| -> Vec<String> {
        let groups = logs.groups(prefix, after, 10).unwrap();
        groups.into_iter().map(|group| group.name).collect()
    };
    assert_eq!(groups("", None), ["a", "ab", "b"]);
    assert_eq!(groups("a", Some("a")), ["ab"]);
    assert!(matches!(logs.create_stream("c", "s").await, Err(LogError::NoSuchGroup(_))));
    for (name, time) in [("s1", 30), ("s2", 10), ("t", 20)] {
        logs.create_stream("b", name).await.unwrap();
        logs.append("b", name, &[event(time, "x")]).unwrap();
    }
    logs.create_stream("b", "empty").await.unwrap();
    assert!(matches!(logs.create_stream("b", "s1").await, Err(LogError::StreamExists(_))));
    let pages = |ask: Streams| -> String {
        let (mut ask, mut names) = (Streams { limit: 1, ..ask }, Vec::new());
        loop {
            let page = logs.streams("b", &ask).unwrap();
            names.extend(page.streams.into_iter().map(|stream| stream.name));
            ask.after = page.next;
            if ask.after.is_none() {
                return names.join(" ");
            }
        }
    };
    assert_eq!(pages(Streams::default()), "empty s1 s2 t");
    assert_eq!(
        pages(Streams { prefix: "s".into(), descending: true, ..Streams::default() }),
        "s2 s1"
    );
    let by_event =
        Streams { order: StreamOrder::LastEvent, descending: true, ..Streams::default() };
    assert_eq!(pages(by_event.clone()), "s1 t s2 empty");
    assert_eq!(pages(Streams { descending: false, ..by_event }), "empty s2 t s1");
    let foreign = Streams { after: Some("l:1:1".into()), ..Streams::default() };
    assert!(matches!(logs.streams("b", &foreign), Err(LogError::BadToken)));
    let writer = logs.writer("b", "t").unwrap();
    logs.delete_stream("b", "t").await.unwrap();
    assert!(matches!(writer.append(&[event(1, "x")]), Err(LogError::NoSuchStream(_))));
    assert!(matches!(logs.delete_stream("b", "t").await, Err(LogError::NoSuchStream(_))));
    logs.delete_group("b").await.unwrap();
    assert!(matches!(logs.read("b", "s1", &Read::default()), Err(LogError::NoSuchGroup(_))));
    assert_eq!(groups("", None), ["a", "ab"]);
    store.settle();
    assert_eq!(segment_files(&dir), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_reset_ends_streams_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let writer = with_stream(&store, "s").await;
    writer.append(&[event(1, "before")]).unwrap();
    store.reset().await.unwrap();
    assert!(matches!(writer.append(&[event(2, "x")]), Err(LogError::NoSuchStream(_))));
    let writer = with_stream(&store, "s").await;
    assert_eq!(writer.append(&[event(2, "after")]).unwrap(), 0);
    let slice = store.logs().read(GROUP, "s", &Read::default()).unwrap();
    assert_eq!(messages(&slice), ["after"]);
}

#[tokio::test]
async fn followers_get_batches_and_are_told_what_they_missed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut followed = store.logs().subscribe();
    let writer = with_stream(&store, "s").await;
    writer.append(&[event(1, "a"), event(2, "b")]).unwrap();
    let batch = followed.recv().await.unwrap();
    assert_eq!((batch.group.as_str(), batch.stream.as_str(), batch.position), (GROUP, "s", 0));
    assert_eq!(batch.events, [event(1, "a"), event(2, "b")]);
    for number in 0..FOLLOWED as i64 + 5 {
        writer.append(&[event(number, "c")]).unwrap();
    }
    let missed = followed.recv().await;
    assert_eq!(missed, Err(broadcast::error::RecvError::Lagged(5)));
}

#[tokio::test]
async fn many_appenders_keep_the_order_of_their_own_lines() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let writer = with_stream(&store, "s").await;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (writer, store) = (writer.clone(), &store);
            scope.spawn(move || {
                for number in 0..500 {
                    writer.append(&[event(1, &format!("{thread} {number:03}"))]).unwrap();
                    if number % 100 == 0 {
                        store.logs().streams(GROUP, &Streams::default()).unwrap();
                    }
                }
            });
        }
    });
    let slice = store.logs().read(GROUP, "s", &Read::default()).unwrap();
    assert_eq!(slice.events.len(), 2_000);
    for thread in 0..4 {
        let own: Vec<_> = messages(&slice)
            .into_iter()
            .filter(|message| message.starts_with(&thread.to_string()))
            .collect();
        assert!(own.is_sorted() && own.len() == 500);
    }
    let info = store.logs().streams(GROUP, &Streams::default()).unwrap().streams.remove(0);
    assert_eq!(info.stored_bytes, 2_000 * (5 + 26));
}

#[tokio::test]
async fn more_streams_than_are_kept_open_are_all_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let logs = store.logs();
    for number in 0..600 {
        let name = format!("s{number:03}");
        logs.ensure(GROUP, &name).await.unwrap();
        logs.append(GROUP, &name, &[event(number, "x")]).unwrap();
    }
    assert!(logs.open.all(None).len() < 300);
    let filtered = logs.filter(GROUP, &Filter::default(), |_| true).unwrap();
    assert!(filtered.events.iter().map(|found| found.record.timestamp.as_millis()).eq(0..600));
    for number in 0..600 {
        let name = format!("s{number:03}");
        assert_eq!(logs.append(GROUP, &name, &[event(number, "y")]).unwrap(), 1);
    }
    assert_eq!(logs.group(GROUP).unwrap().stored_bytes, 1_200 * 27);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the order in which events came, and whatever the pages' sizes, each is read once, in
    /// the order of time, forwards and backwards.
    #[test]
    fn a_stream_page_by_page_is_in_the_order_of_time(
        times in proptest::collection::vec(0..30_i64, 0..60),
        limit in 1..9_usize,
        bytes in 1..30_000_u64,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let logs = store.logs();
        futures::executor::block_on(logs.ensure(GROUP, "s")).unwrap();
        // Few events fill a block.
        let padding = "p".repeat(3_000);
        for time in &times {
            logs.append(GROUP, "s", &[event(*time, &padding)]).unwrap();
        }
        let mut expected: Vec<(i64, u64)> = times.iter().copied().zip(0..).collect();
        expected.sort_unstable();
        for forwards in [true, false] {
            let mut start = if forwards { Start::Head } else { Start::Tail };
            let mut found = Vec::new();
            loop {
                let read = Read { start, limit, bytes, ..Read::default() };
                let slice = logs.read(GROUP, "s", &read).unwrap();
                if slice.events.is_empty() {
                    break;
                }
                let keys = slice.events.iter().map(|one| (one.timestamp.as_millis(), one.position));
                if forwards {
                    found.extend(keys);
                    start = Start::At(slice.forward);
                } else {
                    found.splice(0..0, keys);
                    start = Start::Before(slice.backward);
                }
            }
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn a_search_page_by_page_finds_each_match_once_in_the_order_of_time(
        events in proptest::collection::vec((0..3_usize, 0..50_i64, any::<bool>()), 0..80),
        (from, until) in (proptest::option::of(0..50_i64), proptest::option::of(0..50_i64)),
        limit in 1..7_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let logs = store.logs();
        let names = ["a", "b:1", "c"];
        let mut expected = Vec::new();
        for name in names {
            futures::executor::block_on(logs.ensure(GROUP, name)).unwrap();
        }
        let padding = "p".repeat(3_000);
        for (number, (stream, time, wanted)) in events.iter().enumerate() {
            let message = format!("{} {number} {padding}", if *wanted { "yes" } else { "no" });
            let position = logs.append(GROUP, names[*stream], &[event(*time, &message)]).unwrap();
            let inside = from.is_none_or(|from| *time >= from)
                && until.is_none_or(|until| *time < until);
            if *wanted && inside {
                expected.push((*time, names[*stream], position));
            }
        }
        expected.sort_unstable();
        let mut filter = Filter {
            from: from.map(Timestamp::from_millis),
            until: until.map(Timestamp::from_millis),
            limit,
            ..Filter::default()
        };
        let mut found = Vec::new();
        loop {
            let page = logs.filter(GROUP, &filter, |text| text.starts_with("yes")).unwrap();
            prop_assert!(page.events.len() <= limit);
            found.extend(page.events.into_iter().map(|found| (found.stream, found.record.position)));
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(_, stream, position)| (stream.to_owned(), position))
            .collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_hand_wound_clock_stamps_what_is_ingested() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(5)));
    let store = Store::open(&dir.path().join("s"), clock.clone(), Durability::Full).unwrap();
    let logs = store.logs();
    futures::executor::block_on(logs.ensure(GROUP, "s")).unwrap();
    clock.advance(Duration::from_millis(2));
    logs.append(GROUP, "s", &[event(1, "x")]).unwrap();
    let slice = logs.read(GROUP, "s", &Read::default()).unwrap();
    assert_eq!(slice.events[0].ingested.as_millis(), 7);
}

#[test]
fn bytes_after_a_segment_do_not_come_back_as_events() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    futures::executor::block_on(store.logs().ensure(GROUP, "s")).unwrap();
    store.logs().append(GROUP, "s", &[event(1, "x")]).unwrap();
    drop(store);
    let path = segment_files(&dir).remove(0);
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(&[0xff; 100]).unwrap();
    drop(file);
    let store = open(&dir);
    let slice = store.logs().read(GROUP, "s", &Read::default()).unwrap();
    assert_eq!(messages(&slice), ["x"]);
    assert_eq!(store.logs().append(GROUP, "s", &[event(2, "y")]).unwrap(), 1);
}
