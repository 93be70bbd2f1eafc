//! S3's requests and documents, there and back.

use super::tests::{ID, answer_of, head, read_error, send, target, text};
use super::*;
use crate::api::model::{self, Location};
use crate::api::validation;
use proptest::prelude::*;
use serde_json::json;

/// A document with what the address and the choice of an operation of S3 need.
fn addressed(target: Target) -> Value {
    let structure = target.service.input(target.operation).unwrap();
    let required = structure.members.iter().filter(|member| member.required);
    let outside = required.filter(|member| member.location != Location::Body);
    let value = |member: &model::Member| match &target.service.get(member.shape).kind {
        model::Kind::Integer { .. } | model::Kind::Long { .. } => json!(1),
        model::Kind::Boolean => json!(true),
        model::Kind::List { .. } => json!(["x"]),
        _ => json!("a/ b+ä"),
    };
    let members = outside.map(|member| match member.name {
        "Bucket" => ("Bucket".to_owned(), json!("bucket")),
        name => (name.to_owned(), value(member)),
    });
    Value::Object(members.collect())
}

#[test]
fn every_operation_of_s3_is_known_by_its_request() {
    // Two operations on one address: the later one is meant.
    let twins = [
        ("GetBucketLifecycle", "GetBucketLifecycleConfiguration"),
        ("PutBucketLifecycle", "PutBucketLifecycleConfiguration"),
        ("GetBucketNotification", "GetBucketNotificationConfiguration"),
        ("PutBucketNotification", "PutBucketNotificationConfiguration"),
        // Told apart by the host alone.
        ("ListDirectoryBuckets", "ListBuckets"),
    ];
    let service = model::service("s3").unwrap();
    assert_eq!(service.operations().len(), 116);
    for operation in service.operations() {
        let target = Target { service, operation, protocol: Protocol::RestXml };
        let document = addressed(target);
        let encoded = send(target, &document);
        let head = head(&encoded.method, &encoded.target, &encoded.headers);
        let found = identify_rest(service, &head).unwrap_or_else(|| panic!("{}", operation.name));
        let twin = twins.iter().find(|(name, _)| *name == operation.name);
        assert_eq!(found.name, twin.map_or(operation.name, |(_, twin)| twin));
        if twin.is_none() {
            let read = decode_input_head(service, operation, &head).unwrap();
            assert_eq!(read, document, "{}", operation.name);
        }
    }
}

#[test]
fn documents_of_s3_go_there_and_back() {
    let delete = target("s3", "DeleteObjects", Protocol::RestXml);
    let input = json!({"Bucket": "b", "Delete": {
        "Objects": [{"Key": "a&<b>", "ETag": "\"x\"", "Size": 7}, {"Key": " "}], "Quiet": true,
    }});
    let encoded = send(delete, &input);
    let Target { service, operation, protocol } = delete;
    let read = |body: &[u8]| {
        let head = head(&encoded.method, &encoded.target, &encoded.headers);
        decode_input(protocol, service, operation, &head, body)
    };
    assert_eq!(read(&encoded.body).unwrap(), input);
    for wrong in [
        "<Delete><Object><Key>k</Key></Object>",
        "<Remove><Object><Key>k</Key></Object></Remove>",
        "<Delete><Object><Key>k</Key><Force>true</Force></Object></Delete>",
        "<Delete><Object><Key>k</Key><Key>l</Key></Object></Delete>",
        "<Delete><Object><Key><b>k</b></Key></Object></Delete>",
        "<Delete><Quiet>perhaps</Quiet></Delete>",
        "{}",
    ] {
        assert_eq!(read(wrong.as_bytes()).unwrap_err().code, "MalformedXML", "{wrong}");
    }

    let list = target("s3", "ListObjectsV2", Protocol::RestXml);
    let page = json!({"Name": "b", "Prefix": "", "IsTruncated": false, "KeyCount": 1,
        "Contents": [{"Key": "k\u{1}", "Size": 1, "LastModified": 0, "ETag": "\"e\""}]});
    let response = answer_of(list, page);
    assert_eq!(response.headers()["content-type"], "application/xml");
    assert_eq!(response.headers()["x-amz-request-id"], ID);
    assert!(
        text(&response)
            .contains("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">")
    );
    assert!(text(&response).contains("<Prefix></Prefix>"), "{}", text(&response));
    assert!(text(&response).contains("<Key>k&#x1;</Key>"), "{}", text(&response));
    assert!(text(&response).contains("1970-01-01T00:00:00"), "{}", text(&response));

    let get = target("s3", "GetObject", Protocol::RestXml);
    let object = json!({"ContentLength": 2, "ETag": "\"e\"", "LastModified": 0,
        "Metadata": {"a": "ä"}, "Body": "aGk="});
    let response = answer_of(get, object.clone());
    assert_eq!(response.headers()["last-modified"], "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(response.body(), "hi");
    let (service, operation) = (get.service, get.operation);
    let read = decode_output(
        protocol,
        service,
        operation,
        response.status(),
        response.headers(),
        response.body(),
    );
    assert_eq!(read.unwrap()["Metadata"], object["Metadata"]);

    let location = target("s3", "GetBucketLocation", Protocol::RestXml);
    let place = json!({"LocationConstraint": "eu-west-1"});
    let response = answer_of(location, place.clone());
    let (service, operation) = (location.service, location.operation);
    let read = decode_output(
        protocol,
        service,
        operation,
        response.status(),
        response.headers(),
        response.body(),
    );
    assert_eq!(read.unwrap(), place);

    let error = AwsError::new(404, "NoSuchKey", "<gone>").with("Key", "a&b");
    let response = encode_error_of(&error, "/b/a", ID);
    for part in ["<Key>a&amp;b</Key>", "<Resource>/b/a</Resource>", "<HostId>", ID] {
        assert!(text(&response).contains(part), "{part}: {}", text(&response));
    }
    let read = read_error(get, &response);
    assert_eq!(
        (read.status, read.code.as_ref(), read.message.as_str()),
        (404, "NoSuchKey", "<gone>")
    );
}

proptest! {
    #[test]
    fn no_bytes_make_s3_fail(
        body in prop::collection::vec(any::<u8>(), 0..200),
        query in "[a-z&=%+-]{0,40}",
        at: prop::sample::Index,
    ) {
        let service = model::service("s3").unwrap();
        let operations: Vec<_> = service.operations().collect();
        let operation = *at.get(&operations);
        let headers = HeaderMap::new();
        let head = Head { method: &Method::PUT, path: "/b/%ff", query: &query, headers: &headers };
        let _ = identify_rest(service, &head);
        if let Ok(document) = decode_input(Protocol::RestXml, service, operation, &head, &body) {
            let _ = validation::check(service, operation, &document);
        }
        let _ = decode_output(Protocol::RestXml, service, operation, StatusCode::OK, &headers, &body);
    }
}
