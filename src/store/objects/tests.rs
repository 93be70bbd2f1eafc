//! Objects as their callers see them.

use super::*;
use crate::domain::time::SystemClock;
use crate::store::Durability;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use tempfile::TempDir;

fn open(dir: &TempDir) -> Store {
    open_as(dir, Durability::Process)
}

fn open_as(dir: &TempDir, durability: Durability) -> Store {
    Store::open(&dir.path().join(".sagebrush"), Arc::new(SystemClock), durability).unwrap()
}

async fn with_bucket(dir: &TempDir) -> (Store, Objects) {
    let store = open(dir);
    let objects = store.objects();
    objects.create_bucket("b").await.unwrap();
    (store, objects)
}

fn sealed(objects: &Objects, bytes: &[u8], algorithms: &[Algorithm]) -> Sealed {
    let mut draft = objects.draft(algorithms).unwrap();
    draft.write_all(bytes).unwrap();
    draft.seal().unwrap()
}

/// The files of objects on the disk, once the housekeeper is through.
fn files(dir: &TempDir) -> usize {
    fn count(path: &Path) -> usize {
        std::fs::read_dir(path)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() { count(&entry.path()) } else { 1 }
            })
            .sum()
    }
    count(&dir.path().join(".sagebrush/objects"))
}

#[tokio::test]
async fn any_key_holds_what_was_put_there() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, objects) = with_bucket(&dir).await;
    let long = "k".repeat(1_024);
    let name = format!("sagebrush-escaped-{}", std::process::id());
    let up = format!("../../{name}");
    let keys =
        [up.as_str(), "a", "a/b", "a/", "/", "//", ".", "..", "\u{1}\n", "ä/ö ü", "%2e%2e", &long];
    for key in keys {
        objects.put_bytes("b", key, key.as_bytes(), About::default()).await.unwrap();
    }
    for key in keys {
        assert_eq!(objects.read("b", key).unwrap(), key.as_bytes(), "{key:?}");
    }
    let mut sorted = keys.to_vec();
    sorted.sort_unstable_by_key(|key| key.as_bytes());
    let listing = objects.list("b", &List::default()).unwrap();
    let listed: Vec<_> = listing.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(listed, sorted);
    assert!(!dir.path().parent().unwrap().join(&name).exists());
}

#[tokio::test]
async fn what_is_known_of_an_object_comes_back_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_as(&dir, Durability::Full);
    let objects = store.objects();
    objects.create_bucket("b").await.unwrap();
    let about = About {
        content_type: Some("text/csv".into()),
        user: BTreeMap::from([("owner".into(), "ä b".into())]),
        ..About::default()
    };
    let put = objects.put_bytes("b", "k", b"hello", about.clone()).await.unwrap();
    assert_eq!(put.etag, "5d41402abc4b2a76b9719d911017c592");
    let head = objects.head("b", "k").unwrap();
    assert_eq!(head, put);
    assert_eq!((head.size, head.about.content_type.as_deref()), (5, Some("text/csv")));
    assert_eq!(head.about.user, about.user);
    let checksum = head.about.checksum.unwrap();
    assert_eq!(checksum.algorithm, Algorithm::Crc64Nvme);
    assert_eq!(checksum.value, Algorithm::Crc64Nvme.of(b"hello"));
    assert!(matches!(objects.head("b", "K"), Err(ObjectError::NoSuchKey(_))));
    assert!(matches!(objects.head("c", "k"), Err(ObjectError::NoSuchBucket(_))));
}

#[tokio::test]
async fn a_reader_keeps_its_bytes_while_the_object_is_replaced_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let (store, objects) = with_bucket(&dir).await;
    objects.put_bytes("b", "k", b"first", About::default()).await.unwrap();
    let (_, mut first) = objects.open("b", "k").unwrap();
    objects.put_bytes("b", "k", b"second", About::default()).await.unwrap();
    let (_, second) = objects.open("b", "k").unwrap();
    objects.delete("b", vec![Deletion::of("k"), Deletion::of("absent")]).await.unwrap();
    assert!(matches!(objects.head("b", "k"), Err(ObjectError::NoSuchKey(_))));
    let mut text = String::new();
    first.read_to_string(&mut text).unwrap();
    first.seek(SeekFrom::End(-2)).unwrap();
    first.read_to_string(&mut text).unwrap();
    second.range(1, 3).read_to_string(&mut text).unwrap();
    assert_eq!(text, "firststeco");
    drop((first, objects, store));
    assert_eq!(files(&dir), 0);
}

#[tokio::test]
async fn copies_share_their_bytes_until_the_last_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (store, objects) = with_bucket(&dir).await;
    objects.create_bucket("c").await.unwrap();
    objects.put_bytes("b", "k", b"shared", About::default()).await.unwrap();
    let about = About { content_type: Some("x/y".into()), ..About::default() };
    let always = || Condition::Always;
    let copy = objects.copy(("b", "k"), ("c", "l"), always(), |_| Ok(about)).await.unwrap();
    assert_eq!(copy.about.content_type.as_deref(), Some("x/y"));
    assert!(copy.about.checksum.is_some());
    let same = |object: &Object| Ok(object.about.clone());
    objects.copy(("b", "k"), ("b", "k"), always(), same).await.unwrap();
    let refused =
        objects.copy(("b", "k"), ("b", "m"), always(), |_| Err(ObjectError::Source("x"))).await;
    assert!(matches!(refused, Err(ObjectError::Source(_))));
    let onto = objects.copy(("b", "k"), ("c", "l"), Condition::Absent, same).await;
    assert!(matches!(onto, Err(ObjectError::Condition(Unmet::Absence))));
    assert_eq!(files(&dir), 1);
    objects.delete("b", vec![Deletion::of("k")]).await.unwrap();
    assert_eq!(objects.read("c", "l").unwrap(), b"shared");
    objects.delete("c", vec![Deletion::of("l")]).await.unwrap();
    drop((objects, store));
    assert_eq!(files(&dir), 0);
}

#[tokio::test]
async fn a_deletion_happens_only_when_its_condition_holds() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, objects) = with_bucket(&dir).await;
    let put = objects.put_bytes("b", "k", b"precious", About::default()).await.unwrap();
    let deletion = || Deletion::of("k");
    let day = std::time::Duration::from_secs(86_400);
    let wrong = [
        Deletion { etag: Some(ETag::Is("0".repeat(32))), ..deletion() },
        Deletion { size: Some(7), ..deletion() },
        Deletion { modified: Some(put.modified.plus(day)), ..deletion() },
        Deletion { key: "absent".into(), etag: Some(ETag::Any), ..Deletion::default() },
    ];
    let outcomes = objects.delete("b", wrong.to_vec()).await.unwrap();
    use ObjectError::{Condition, NoSuchKey};
    assert!(
        matches!(
            &outcomes[..],
            [
                Err(Condition(Unmet::ETag)),
                Err(Condition(Unmet::Size)),
                Err(Condition(Unmet::Modified)),
                Err(NoSuchKey(_))
            ]
        ),
        "{outcomes:?}"
    );
    assert_eq!(objects.read("b", "k").unwrap(), b"precious");
    let right = Deletion {
        etag: Some(ETag::Is(put.etag)),
        size: Some(8),
        modified: Some(put.modified),
        ..deletion()
    };
    assert!(objects.delete("b", vec![right]).await.unwrap()[0].is_ok());
    assert!(objects.head("b", "k").is_err());
}

#[tokio::test]
async fn what_never_became_an_object_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, objects) = with_bucket(&dir).await;
    drop(objects.draft(&[]).unwrap());
    drop(sealed(&objects, b"x", &[]));
    let put = |bucket: &'static str, condition| {
        let sealed = sealed(&objects, b"x", &[]);
        objects.put(bucket, "k", sealed, About::default(), condition)
    };
    assert!(put("absent", Condition::Always).await.is_err());
    let missing = put("b", Condition::Matches(ETag::Is("x".into()))).await;
    assert!(matches!(missing, Err(ObjectError::NoSuchKey(_))));
    assert_eq!(files(&dir), 0);
    let etag = put("b", Condition::Absent).await.unwrap().etag;
    assert!(matches!(put("b", Condition::Absent).await, Err(ObjectError::Condition(_))));
    let other = put("b", Condition::Matches(ETag::Is("other".into()))).await;
    assert!(matches!(other, Err(ObjectError::Condition(_))));
    assert_eq!(files(&dir), 1);
    put("b", Condition::Matches(ETag::Is(etag))).await.unwrap();
    put("b", Condition::Matches(ETag::Any)).await.unwrap();
}

#[tokio::test]
async fn files_left_behind_are_swept_and_those_in_use_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (store, objects) = with_bucket(&dir).await;
    objects.put_bytes("b", "kept", b"kept", About::default()).await.unwrap();
    let upload = objects.create_upload("b", "big", About::default(), None).await.unwrap();
    let part = sealed(&objects, b"part", &[]);
    objects.put_part(("b", "big", upload), 1, part, None).await.unwrap();
    // As if the process had died before the commit: the file is there, the row is not.
    std::mem::forget(sealed(&objects, b"cut off", &[]));
    drop((objects, store));
    assert_eq!(files(&dir), 3);
    let store = open(&dir);
    store.settle();
    assert_eq!(store.objects().read("b", "kept").unwrap(), b"kept");
    drop(store);
    assert_eq!(files(&dir), 2);
}

#[tokio::test]
async fn a_reset_takes_the_files_along() {
    let dir = tempfile::tempdir().unwrap();
    let (store, objects) = with_bucket(&dir).await;
    objects.put_bytes("b", "k", b"bytes", About::default()).await.unwrap();
    let upload = objects.create_upload("b", "big", About::default(), None).await.unwrap();
    let part = sealed(&objects, b"part", &[]);
    objects.put_part(("b", "big", upload), 1, part, None).await.unwrap();
    store.reset().await.unwrap();
    assert!(matches!(objects.bucket("b"), Err(ObjectError::NoSuchBucket(_))));
    objects.create_bucket("b").await.unwrap();
    assert_eq!(objects.list("b", &List::default()).unwrap(), Listing::default());
    drop((objects, store));
    assert_eq!(files(&dir), 0);
}

#[tokio::test]
async fn buckets_are_named_once_and_deleted_empty() {
    let dir = tempfile::tempdir().unwrap();
    let (store, objects) = with_bucket(&dir).await;
    objects.create_bucket("a").await.unwrap();
    assert!(matches!(objects.create_bucket("a").await, Err(ObjectError::BucketExists(_))));
    objects.put_bytes("a", "k", b"", About::default()).await.unwrap();
    assert!(matches!(objects.delete_bucket("a").await, Err(ObjectError::BucketNotEmpty(_))));
    let names = |after| -> Vec<_> {
        objects.buckets(after, 10).unwrap().into_iter().map(|bucket| bucket.name).collect()
    };
    assert_eq!(names(""), ["a", "b"]);
    assert_eq!(names("a"), ["b"]);
    objects.delete("a", vec![Deletion::of("k")]).await.unwrap();
    // What was never completed keeps no bucket.
    let open = objects.create_upload("a", "big", About::default(), None).await.unwrap();
    let part = sealed(&objects, b"part", &[]);
    objects.put_part(("a", "big", open), 1, part, None).await.unwrap();
    objects.delete_bucket("a").await.unwrap();
    assert!(matches!(objects.delete_bucket("a").await, Err(ObjectError::NoSuchBucket(_))));
    drop((objects, store));
    assert_eq!(files(&dir), 0);
}

#[tokio::test]
async fn parts_become_an_object_in_the_order_they_are_named() {
    const FIVE: usize = 5 * 1024 * 1024;
    let dir = tempfile::tempdir().unwrap();
    let (store, objects) = with_bucket(&dir).await;
    let checksum = Some((Algorithm::Crc32, ChecksumKind::FullObject));
    let id = objects.create_upload("b", "big", About::default(), checksum).await.unwrap();
    let upload = ("b", "big", id.to_string().parse().unwrap());
    let contents = [vec![1; FIVE], vec![2; FIVE + 1], vec![3; 10], vec![9; 9]];
    let mut named = Vec::new();
    for (number, content) in (1..).zip(&contents) {
        let sealed = sealed(&objects, content, &[Algorithm::Crc32]);
        let sum = sealed.checksum(Algorithm::Crc32).unwrap().to_owned();
        let checksum = Some((Algorithm::Crc32, sum));
        let part = objects.put_part(upload, number, sealed, checksum.clone()).await.unwrap();
        named.push(CompletedPart { number, etag: part.etag, checksum });
    }
    let again = sealed(&objects, &contents[2], &[Algorithm::Crc32]);
    let sum = named[2].checksum.clone();
    objects.put_part(upload, 3, again, sum).await.unwrap();
    let listed = objects.parts(upload, 1, 2).unwrap();
    assert_eq!(listed.iter().map(|part| part.number).collect::<Vec<_>>(), [2, 3]);
    let complete = |named: Vec<CompletedPart>, promised: Option<&str>| {
        let promised = promised.map(|sum| (Algorithm::Crc32, sum.to_owned()));
        let completion = Completion { parts: named, promised, ..Completion::default() };
        objects.complete_upload(upload, completion)
    };
    let backwards = complete(vec![named[1].clone(), named[0].clone()], None).await;
    assert!(matches!(backwards, Err(ObjectError::InvalidPartOrder)));
    let absent = CompletedPart { number: 7, ..named[0].clone() };
    assert!(matches!(complete(vec![absent], None).await, Err(ObjectError::InvalidPart(7))));
    let small = complete(vec![named[2].clone(), named[3].clone()], None).await;
    assert!(matches!(small, Err(ObjectError::PartTooSmall { number: 3, size: 10 })));
    let wrong = complete(named[..3].to_vec(), Some("AAAAAA==")).await;
    assert!(matches!(wrong, Err(ObjectError::ChecksumMismatch("CRC32"))));
    let whole = contents[..3].concat();
    let sum = Algorithm::Crc32.of(&whole);
    let done = complete(named[..3].to_vec(), Some(&sum)).await.unwrap();
    assert_eq!(complete(named[..3].to_vec(), None).await.unwrap(), done);
    let other = complete(named[..2].to_vec(), None).await;
    assert!(matches!(other, Err(ObjectError::NoSuchUpload)));
    let object = objects.head("b", "big").unwrap();
    assert_eq!((&object.etag, &object.about), (&done.etag, &done.about));
    assert!(object.etag.ends_with("-3"));
    assert_eq!(object.about.checksum.as_ref().unwrap().value, sum);
    assert_eq!(objects.read("b", "big").unwrap(), whole);
    assert_eq!(objects.part_sizes(&object).unwrap(), [FIVE as u64, FIVE as u64 + 1, 10]);
    let mut crossing = Vec::new();
    let (_, reader) = objects.open("b", "big").unwrap();
    reader.range(FIVE as u64 - 2, 5).read_to_end(&mut crossing).unwrap();
    assert_eq!(crossing, [1, 1, 2, 2, 2]);
    assert!(matches!(objects.parts(upload, 0, 9), Err(ObjectError::NoSuchUpload)));
    let same = |object: &Object| Ok(object.about.clone());
    objects.copy(("b", "big"), ("b", "copy"), Condition::Always, same).await.unwrap();
    objects.delete("b", vec![Deletion::of("big")]).await.unwrap();
    assert_eq!(objects.read("b", "copy").unwrap(), whole);
    objects.delete("b", vec![Deletion::of("copy")]).await.unwrap();
    drop(store);
    drop(objects);
    assert_eq!(files(&dir), 0);
}

#[tokio::test]
async fn an_aborted_upload_is_gone_with_its_parts() {
    let dir = tempfile::tempdir().unwrap();
    let (store, objects) = with_bucket(&dir).await;
    let id = objects.create_upload("b", "k", About::default(), None).await.unwrap();
    let later = objects.create_upload("b", "k", About::default(), None).await.unwrap();
    let part = sealed(&objects, b"part", &[]);
    objects.put_part(("b", "k", id), 1, part, None).await.unwrap();
    let ids = |after| -> Vec<_> {
        objects.uploads("b", "", after, 9).unwrap().into_iter().map(|upload| upload.id).collect()
    };
    assert_eq!(ids(None), [id, later]);
    assert_eq!(ids(Some(("k", Some(id)))), [later]);
    assert_eq!(ids(Some(("k", None))), []);
    objects.abort_upload("b", "k", id).await.unwrap();
    let again = objects.abort_upload("b", "k", id).await;
    assert!(matches!(again, Err(ObjectError::NoSuchUpload)));
    drop((objects, store));
    assert_eq!(files(&dir), 0);
}

#[tokio::test]
async fn streams_of_every_size_arrive_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, objects) = with_bucket(&dir).await;
    for size in [0, 1, 65_536, 65_537, 3_000_000] {
        let bytes: Vec<u8> = (0..size).map(|index: u32| (index % 251) as u8).collect();
        let chunks =
            bytes.chunks(10_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec().into()));
        let chunks: Vec<_> = chunks.collect();
        let draft = objects.draft(&[Algorithm::Sha256]).unwrap();
        let sealed = draft.fill(futures::stream::iter(chunks)).await.unwrap().seal().unwrap();
        let expected = Algorithm::Sha256.of(&bytes);
        assert_eq!(sealed.checksum(Algorithm::Sha256), Some(expected.as_str()));
        objects.put("b", "k", sealed, About::default(), Condition::Always).await.unwrap();
        let (_, reader) = objects.open("b", "k").unwrap();
        let read: Vec<_> = futures::TryStreamExt::try_collect(Box::pin(reader.into_stream()))
            .await
            .map(|chunks: Vec<bytes::Bytes>| chunks.concat())
            .unwrap();
        assert!(read == bytes, "{size}");
        objects.put_from("b", "l", &mut bytes.as_slice(), About::default()).unwrap();
        assert!(objects.read("b", "l").unwrap() == bytes, "{size}");
    }
}

/// What S3 lists, by hand: objects and common prefixes in one order, a limit over both.
fn naive(keys: &BTreeSet<String>, list: &List) -> Vec<String> {
    let mut entries = Vec::new();
    for key in keys {
        let Some(rest) = key.strip_prefix(&list.prefix) else { continue };
        if list.start_after.as_ref().is_some_and(|after| key <= after) {
            continue;
        }
        let rolled = list.delimiter.as_ref().and_then(|delimiter| {
            rest.find(delimiter.as_str())
                .map(|at| format!("{}{}{delimiter}*", list.prefix, &rest[..at]))
        });
        let entry = rolled.unwrap_or_else(|| key.clone());
        if entries.last() != Some(&entry) {
            entries.push(entry);
        }
    }
    entries
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn listings_agree_with_a_naive_model(
        keys in proptest::collection::btree_set("[ab/é\u{10ffff}]{1,5}", 0..25),
        prefix in "[ab/]{0,2}",
        delimiter in proptest::option::of("(/|b|a/)"),
        start_after in proptest::option::of("[ab/]{0,4}"),
        limit in 1..6_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir);
        let objects = store.objects();
        futures::executor::block_on(async {
            for bucket in ["a", "b", "c"] {
                objects.create_bucket(bucket).await.unwrap();
                let keys: Vec<&str> =
                    if bucket == "b" { keys.iter().map(String::as_str).collect() } else { vec!["a/b"] };
                for key in keys {
                    objects.put_bytes(bucket, key, b"", About::default()).await.unwrap();
                }
            }
        });
        let mut list = List { prefix, delimiter, start_after, from: None, limit };
        let expected = naive(&keys, &list);
        let mut entries = Vec::new();
        loop {
            let page = objects.list("b", &list).unwrap();
            let mut both: Vec<String> =
                page.objects.into_iter().map(|object| object.key).collect();
            both.extend(page.common_prefixes.into_iter().map(|prefix| prefix + "*"));
            both.sort();
            prop_assert!(both.len() <= limit);
            prop_assert!(page.next.is_none() || both.len() == limit);
            entries.extend(both);
            list.from = page.next;
            if list.from.is_none() {
                break;
            }
        }
        let mut expected = expected;
        expected.sort();
        entries.sort();
        prop_assert_eq!(entries, expected);
    }
}
