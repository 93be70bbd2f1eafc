//! Nothing that a caller sends is dropped without a word: every member of every operation that
//! behaves is refused, or has an effect that is looked for here.

use super::member_probes::{ADDRESS, Add, Expect, FUTURE, probes};
use super::tests::{Answer, Bench, with_bucket};
use crate::api::model::{self, Location};
use crate::region::dispatch::{self, Members};
use Add::{Body, Headers, Query};
use Expect::{Answers, Holds, Lacks, Refused, Then};

/// A region with two objects and an upload of one part.
async fn fixture() -> (Bench, String, String) {
    let bench = with_bucket().await;
    for key in ["k", "l", "up"] {
        bench.call("PUT", &format!("/bkt/{key}"), &[], b"0123456789").await;
    }
    let begun = bench.call("POST", "/bkt/up?uploads", &[], b"").await;
    let id = begun.element("UploadId").to_owned();
    let part = format!("/bkt/up?partNumber=1&uploadId={id}");
    let part = bench.call("PUT", &part, &[], b"0123456789").await;
    let etag = part.header("etag").unwrap().to_owned();
    (bench, id, etag)
}

/// A request of an operation that succeeds on the fixture: method, address, headers, body.
type Base = (&'static str, String, Vec<(&'static str, &'static str)>, String);

fn base(operation: &str, id: &str, etag: &str) -> Base {
    let plain = |method, target: &str| (method, target.to_owned(), Vec::new(), String::new());
    let upload = |method| (method, format!("/bkt/up?uploadId={id}"), Vec::new(), String::new());
    let part = format!("/bkt/up?partNumber=1&uploadId={id}");
    let source = ("x-amz-copy-source", "bkt/k");
    match operation {
        "CreateBucket" => plain("PUT", "/new-bucket"),
        "DeleteBucket" => plain("DELETE", "/bkt"),
        "HeadBucket" => plain("HEAD", "/bkt"),
        "GetBucketLocation" => plain("GET", "/bkt?location"),
        "ListBuckets" => plain("GET", "/"),
        "PutObject" => ("PUT", "/bkt/k".into(), Vec::new(), "0123456789".into()),
        "GetObject" => plain("GET", "/bkt/k"),
        "HeadObject" => plain("HEAD", "/bkt/k"),
        "CopyObject" => {
            let headers = vec![
                source,
                ("x-amz-metadata-directive", "REPLACE"),
                ("x-amz-tagging-directive", "REPLACE"),
            ];
            ("PUT", "/bkt/l".into(), headers, String::new())
        }
        "DeleteObject" => plain("DELETE", "/bkt/k"),
        "DeleteObjects" => {
            let body = "<Delete><Object><Key>k</Key></Object></Delete>";
            ("POST", "/bkt?delete".into(), Vec::new(), body.into())
        }
        "ListObjects" => plain("GET", "/bkt"),
        "ListObjectsV2" => plain("GET", "/bkt?list-type=2"),
        "CreateMultipartUpload" => plain("POST", "/bkt/new?uploads"),
        "UploadPart" => ("PUT", part, Vec::new(), "0123456789".into()),
        "UploadPartCopy" => ("PUT", part, vec![source], String::new()),
        "CompleteMultipartUpload" => {
            let (method, target, headers, _) = upload("POST");
            (method, target, headers, completion(etag))
        }
        "AbortMultipartUpload" => upload("DELETE"),
        "ListParts" => upload("GET"),
        "ListMultipartUploads" => plain("GET", "/bkt?uploads"),
        "GetObjectTagging" => plain("GET", "/bkt/k?tagging"),
        "PutObjectTagging" => {
            let body =
                "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
            ("PUT", "/bkt/k?tagging".into(), Vec::new(), body.into())
        }
        "DeleteObjectTagging" => plain("DELETE", "/bkt/k?tagging"),
        other => panic!("{other} has no request here: add one"),
    }
}

fn completion(etag: &str) -> String {
    format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>\
         </CompleteMultipartUpload>"
    )
}

async fn send(bench: &Bench, base: &Base, add: Option<&Add>) -> Answer {
    let (method, mut target, mut headers, mut body) = base.clone();
    match add {
        None => {}
        Some(Headers(more)) => {
            headers.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
            headers.extend(more.iter().copied());
        }
        Some(Query(more)) => {
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            let name = more.split('=').next().unwrap_or_default();
            let kept = query.split('&').filter(|pair| !pair.is_empty());
            let mut kept: Vec<_> =
                kept.filter(|pair| pair.split('=').next() != Some(name)).collect();
            kept.push(more);
            target = format!("{path}?{}", kept.join("&"));
        }
        Some(Body(other)) => body = (*other).to_owned(),
    }
    bench.call(method, &target, &headers, body.as_bytes()).await
}

/// The header of the object that an operation made, or began to.
async fn made(bench: &Bench, operation: &str, answer: &Answer) -> Answer {
    let key = match operation {
        "PutObject" => "k",
        "CopyObject" => "l",
        _ => {
            let id = answer.element("UploadId").to_owned();
            let part = format!("/bkt/new?partNumber=1&uploadId={id}");
            let part = bench.call("PUT", &part, &[], b"x").await;
            let document = completion(part.header("etag").unwrap());
            let target = format!("/bkt/new?uploadId={id}");
            let done = bench.call("POST", &target, &[], document.as_bytes()).await;
            assert_eq!(done.status, 200, "{}", done.body);
            "new"
        }
    };
    bench.call("HEAD", &format!("/bkt/{key}"), &[], b"").await
}

fn routes() -> Vec<(&'static str, Members)> {
    let service = model::service("s3").unwrap();
    let route = |name| dispatch::table().route("s3", name)?.members;
    service.operations().filter_map(|it| Some((it.name, route(it.name)?))).collect()
}

#[tokio::test]
async fn every_operation_succeeds_as_it_is_asked_here() {
    for (operation, _) in routes() {
        let (bench, id, etag) = fixture().await;
        if operation == "DeleteBucket" {
            for key in ["k", "l", "up"] {
                bench.call("DELETE", &format!("/bkt/{key}"), &[], b"").await;
            }
        }
        let answer = send(&bench, &base(operation, &id, &etag), None).await;
        assert!(answer.status < 300, "{operation}: {} {}", answer.status, answer.body);
    }
}

#[tokio::test]
async fn every_honoured_and_recorded_member_has_an_effect() {
    let probes = probes();
    for (operation, members) in routes() {
        for member in members.honoured.iter().chain(members.recorded) {
            if ADDRESS.contains(member) {
                continue;
            }
            let fitting = probes.iter().filter(|(operations, name, ..)| {
                name == member && (operations.is_empty() || operations.contains(&operation))
            });
            let mut tried = 0;
            for (_, _, add, expected) in fitting {
                // A document is no header.
                if matches!(add, Body(_)) != (is_document(operation, member)) {
                    continue;
                }
                tried += 1;
                let (bench, id, etag) = fixture().await;
                let base = base(operation, &id, &etag);
                let answer = send(&bench, &base, Some(add)).await;
                let what = format!("{operation} {member}: {} {}", answer.status, answer.body);
                match expected {
                    Refused(status, code) => {
                        assert_eq!(answer.status, *status, "{what}");
                        let bodiless = base.0 == "HEAD" || *status == 304;
                        assert!(bodiless || answer.element("Code") == *code, "{what}");
                    }
                    Answers(name, value) => assert_eq!(answer.header(name), Some(*value), "{what}"),
                    Then(name, value) => {
                        let object = made(&bench, operation, &answer).await;
                        assert_eq!(object.header(name), Some(*value), "{what}");
                    }
                    Holds(text) => {
                        assert!(answer.status < 300 && answer.body.contains(text), "{what}");
                    }
                    Lacks(text) => {
                        assert!(answer.status < 300 && !answer.body.contains(text), "{what}");
                    }
                }
            }
            assert!(tried > 0, "{operation}: nothing shows that {member} has an effect");
        }
    }
}

fn is_document(operation: &str, member: &str) -> bool {
    let service = model::service("s3").unwrap();
    let input = service.input(service.operation(operation).unwrap()).unwrap();
    input.member(member).unwrap().location == Location::Body
}

#[tokio::test]
async fn every_refused_member_is_refused_by_its_name_and_nothing_is_done() {
    let service = model::service("s3").unwrap();
    for (operation, members) in routes() {
        let input = service.input(service.operation(operation).unwrap()).unwrap();
        for member in members.refused {
            let (bench, id, etag) = fixture().await;
            let (method, target, mut headers, body) = base(operation, &id, &etag);
            let member = input.member(member).unwrap();
            let name = member.wire_name();
            let value = match &service.get(member.shape).kind {
                model::Kind::Boolean => "true",
                model::Kind::Integer { .. } | model::Kind::Long { .. } => "1",
                model::Kind::Timestamp { .. } => FUTURE,
                model::Kind::String(text) => text.values.first().copied().unwrap_or("x"),
                _ => panic!("{operation} {name}"),
            };
            assert_eq!(member.location, Location::Header, "{operation} {name}");
            let lower = name.to_ascii_lowercase();
            headers.push((lower.leak(), value));
            let answer = bench.call(method, &target, &headers, body.as_bytes()).await;
            let what = format!("{operation} {name}: {} {}", answer.status, answer.body);
            assert!(matches!(answer.status, 400 | 501), "{what}");
            assert!(method == "HEAD" || answer.body.contains(name), "{what}");
            for key in ["k", "l", "up"] {
                let kept = bench.call("GET", &format!("/bkt/{key}"), &[], b"").await;
                assert_eq!(kept.body, "0123456789", "{what}");
            }
            let uploads = bench.call("GET", "/bkt?uploads", &[], b"").await;
            assert_eq!(uploads.body.matches("<Upload>").count(), 1, "{what}");
        }
    }
}
