//! S3 through HTTP requests, as the gateway hands them on.

use super::*;
use crate::domain::time::SystemClock;
use crate::gateway::Trailers;
use crate::store::Durability;
use crate::store::objects::Algorithm;
use http_body_util::Full;
use std::sync::Arc;
use tempfile::TempDir;

pub(super) struct Bench {
    _dir: TempDir,
    service: Service,
}

pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The text of the first element of a name.
    pub(super) fn element(&self, name: &str) -> &str {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let start = self.body.find(&open).unwrap_or_else(|| panic!("no {name}: {}", self.body));
        let rest = &self.body[start + open.len()..];
        &rest[..rest.find(&close).unwrap()]
    }

    #[track_caller]
    pub(super) fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.element("Code")), (status, code), "{}", self.body);
    }
}

fn bench(region: &str) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".sagebrush");
    let store = Store::open(&path, Arc::new(SystemClock), Durability::Process).unwrap();
    let place = Place { region: region.into(), ..Place::default() };
    Bench { _dir: dir, service: service(&store, &place) }
}

pub(super) async fn with_bucket() -> Bench {
    let bench = bench("us-east-1");
    assert_eq!(bench.call("PUT", "/bkt", &[], b"").await.status, 200);
    bench
}

impl Bench {
    pub(super) async fn call(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.call_with(method, target, headers, body, Trailers::default()).await
    }

    async fn call_with(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        trailers: Trailers,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(target).extension(trailers);
        if !body.is_empty() {
            request = request.header("content-length", body.len());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::copy_from_slice(body));
        let body = body.map_err(|never| match never {}).boxed_unsync();
        let (service, request) = (self.service.clone(), request.body(body).unwrap());
        // As on the gateway's threads: what answers has to be `Send`.
        let answer =
            tokio::spawn(async move { service.call(request, "request").await }).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}

#[tokio::test]
async fn an_object_comes_back_with_what_it_came_with() {
    let bench = with_bucket().await;
    let headers = [
        ("content-type", "text/csv; charset=utf-8"),
        ("cache-control", "no-cache"),
        ("content-encoding", "aws-chunked,gzip"),
        ("x-amz-meta-owner", "ops"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=x"),
    ];
    let put = bench.call("PUT", "/bkt/a%20b/%C3%A4?X-Amz-Signature=0", &headers, b"hello").await;
    assert_eq!(put.status, 200, "{}", put.body);
    assert_eq!(put.header("etag"), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let sum = Algorithm::Crc64Nvme.of(b"hello");
    assert_eq!(put.header("x-amz-checksum-crc64nvme"), Some(sum.as_str()));
    let enabled = [("x-amz-checksum-mode", "ENABLED")];
    for method in ["GET", "HEAD"] {
        let got = bench.call(method, "/bkt/a%20b/%C3%A4", &enabled, b"").await;
        assert_eq!(got.status, 200);
        assert_eq!(got.body, if method == "GET" { "hello" } else { "" });
        assert_eq!(got.header("content-type"), Some("text/csv; charset=utf-8"));
        assert_eq!(got.header("cache-control"), Some("no-cache"));
        assert_eq!(got.header("content-encoding"), Some("gzip"));
        assert_eq!(got.header("x-amz-meta-owner"), Some("ops"));
        assert_eq!(got.header("content-length"), Some("5"));
        assert_eq!(got.header("x-amz-checksum-crc64nvme"), Some(sum.as_str()));
        assert_eq!(got.header("x-amz-checksum-type"), Some("FULL_OBJECT"));
    }
}

#[tokio::test]
async fn a_presigned_address_of_the_second_version_is_served_until_it_ends() {
    let bench = with_bucket().await;
    let target = |end: &str| format!("/bkt/k?AWSAccessKeyId=AKIA&Signature=a%2Bb%3D&Expires={end}");
    assert_eq!(bench.call("PUT", &target("9999999999"), &[], b"x").await.status, 200);
    assert_eq!(bench.call("GET", &target("9999999999"), &[], b"").await.body, "x");
    bench.call("GET", &target("1"), &[], b"").await.is(403, "AccessDenied");
    bench.call("GET", &target("soon"), &[], b"").await.is(403, "AccessDenied");
}

#[tokio::test]
async fn ranges_are_answered_in_part_or_refused() {
    let bench = with_bucket().await;
    bench.call("PUT", "/bkt/k", &[], b"0123456789").await;
    for (range, body, shown) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let got = bench.call("GET", "/bkt/k", &[("range", range)], b"").await;
        assert_eq!((got.status, got.body.as_str()), (206, body), "{range}");
        assert_eq!(got.header("content-range"), Some(shown));
        assert_eq!(got.header("x-amz-checksum-crc64nvme"), None);
    }
    bench.call("GET", "/bkt/k", &[("range", "bytes=10-")], b"").await.is(416, "InvalidRange");
}

#[tokio::test]
async fn conditions_hold_or_are_refused() {
    let bench = with_bucket().await;
    let etag = bench.call("PUT", "/bkt/k", &[], b"x").await.header("etag").unwrap().to_owned();
    let get = |name, value| {
        let (bench, value) = (&bench, value);
        async move { bench.call("GET", "/bkt/k", &[(name, value)], b"").await.status }
    };
    assert_eq!(get("if-match", etag.as_str()).await, 200);
    assert_eq!(get("if-match", "\"other\"").await, 412);
    assert_eq!(get("if-none-match", etag.as_str()).await, 304);
    assert_eq!(get("if-none-match", "\"other\"").await, 200);
    assert_eq!(get("if-modified-since", "Sat, 01 Jan 2000 00:00:00 GMT").await, 200);
    assert_eq!(get("if-unmodified-since", "Sat, 01 Jan 2000 00:00:00 GMT").await, 412);
    let unchanged = bench.call("GET", "/bkt/k", &[("if-none-match", &etag)], b"").await;
    assert_eq!((unchanged.body.as_str(), unchanged.header("etag")), ("", Some(etag.as_str())));
    let put = |headers: &'static [(&str, &str)]| bench.call("PUT", "/bkt/k", headers, b"y");
    put(&[("if-none-match", "*")]).await.is(412, "PreconditionFailed");
    put(&[("if-match", "\"other\"")]).await.is(412, "PreconditionFailed");
    let absent = bench.call("PUT", "/bkt/l", &[("if-match", "\"other\"")], b"y").await;
    absent.is(404, "NoSuchKey");
    assert_eq!(bench.call("PUT", "/bkt/k", &[("if-match", &etag)], b"y").await.status, 200);
}

#[tokio::test]
async fn bytes_that_are_not_what_was_promised_are_refused_and_not_kept() {
    let bench = with_bucket().await;
    let wrong_sha = "0".repeat(64);
    let zeros = "AAAAAAAAAAAAAAAAAAAAAA==";
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[("content-md5", zeros)], "BadDigest"),
        (&[("content-md5", "short")], "InvalidDigest"),
        (&[("x-amz-checksum-crc32", "AAAAAA==")], "BadDigest"),
        (&[("x-amz-checksum-crc32", "nonsense")], "InvalidRequest"),
        (&[("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")], "BadDigest"),
        (
            &[("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-crc32c", "AAAAAA==")],
            "InvalidRequest",
        ),
        (&[("x-amz-content-sha256", &wrong_sha)], "XAmzContentSHA256Mismatch"),
        (&[("x-amz-trailer", "x-amz-checksum-crc32")], "MalformedTrailerError"),
    ];
    for (headers, code) in cases {
        bench.call("PUT", "/bkt/k", headers, b"hello").await.is(400, code);
        bench.call("GET", "/bkt/k", &[], b"").await.is(404, "NoSuchKey");
    }
    for algorithm in Algorithm::ALL {
        let (name, sum) = (checks::header(algorithm), algorithm.of(b"hello"));
        let put = bench.call("PUT", "/bkt/k", &[(&name, &sum)], b"hello").await;
        assert_eq!((put.status, put.header(&name)), (200, Some(sum.as_str())), "{}", put.body);
    }
    let sha = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"hello"));
    let put = bench.call("PUT", "/bkt/k", &[("x-amz-content-sha256", &sha)], b"hello").await;
    assert_eq!(put.status, 200);
}

#[tokio::test]
async fn a_checksum_behind_the_body_is_verified_too() {
    let bench = with_bucket().await;
    let put = |sum: String| {
        let trailers = Trailers::default();
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-checksum-crc32", sum.parse().unwrap());
        trailers.set(headers);
        let announced = [
            ("x-amz-trailer", "x-amz-checksum-crc32"),
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ];
        let bench = &bench;
        async move { bench.call_with("PUT", "/bkt/k", &announced, b"hello", trailers).await }
    };
    put("AAAAAA==".into()).await.is(400, "BadDigest");
    let sum = Algorithm::Crc32.of(b"hello");
    let kept = put(sum.clone()).await;
    assert_eq!((kept.status, kept.header("x-amz-checksum-crc32")), (200, Some(sum.as_str())));
}

#[tokio::test]
async fn buckets_follow_the_rules_of_their_region() {
    let bench = with_bucket().await;
    assert_eq!(bench.call("PUT", "/bkt", &[], b"").await.status, 200);
    for name in ["ab", "Bucket", "a_b", "192.168.0.1", "a..b", "-ab"] {
        bench.call("PUT", &format!("/{name}"), &[], b"").await.is(400, "InvalidBucketName");
    }
    let head = bench.call("HEAD", "/bkt", &[], b"").await;
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (200, Some("us-east-1")));
    assert_eq!(bench.call("HEAD", "/absent", &[], b"").await.status, 404);
    bench.call("GET", "/absent?list-type=2", &[], b"").await.is(404, "NoSuchBucket");
    let list = bench.call("GET", "/", &[], b"").await;
    assert_eq!(list.element("Name"), "bkt");
    bench.call("PUT", "/bkt/k", &[], b"x").await;
    bench.call("DELETE", "/bkt", &[], b"").await.is(409, "BucketNotEmpty");
    assert_eq!(bench.call("DELETE", "/bkt/k", &[], b"").await.status, 204);
    assert_eq!(bench.call("DELETE", "/bkt/k", &[], b"").await.status, 204);
    assert_eq!(bench.call("DELETE", "/bkt", &[], b"").await.status, 204);
    bench.call("DELETE", "/bkt", &[], b"").await.is(404, "NoSuchBucket");

    let bench = self::bench("eu-central-1");
    let create = |place: &str| {
        let body = format!(
            "<CreateBucketConfiguration><LocationConstraint>{place}</LocationConstraint>\
             </CreateBucketConfiguration>"
        );
        let bench = &bench;
        async move { bench.call("PUT", "/bkt", &[], body.as_bytes()).await }
    };
    create("eu-west-1").await.is(400, "IllegalLocationConstraintException");
    bench.call("PUT", "/bkt", &[], b"").await.is(400, "IllegalLocationConstraintException");
    assert_eq!(create("eu-central-1").await.status, 200);
    create("eu-central-1").await.is(409, "BucketAlreadyOwnedByYou");
    let location = bench.call("GET", "/bkt?location", &[], b"").await;
    assert!(location.body.contains(">eu-central-1<"), "{}", location.body);
}

#[tokio::test]
async fn listings_page_encode_and_roll_up() {
    let bench = with_bucket().await;
    for key in ["a", "b/1", "b/2", "c%01d", "e+f"] {
        bench.call("PUT", &format!("/bkt/{key}"), &[], b"x").await;
    }
    let list = |query: String| {
        let bench = &bench;
        async move { bench.call("GET", &format!("/bkt?list-type=2&{query}"), &[], b"").await }
    };
    let (mut token, mut seen) = (String::new(), String::new());
    for _ in 0..4 {
        let page = list(format!("max-keys=1&delimiter=/&encoding-type=url{token}")).await;
        assert_eq!(page.element("KeyCount"), "1");
        let is_common = page.body.contains("<CommonPrefixes>");
        let shown = if is_common { page.element("CommonPrefixes") } else { page.element("Key") };
        seen.push_str(shown.trim_start_matches("<Prefix>").trim_end_matches("</Prefix>"));
        seen.push(' ');
        match page.element("IsTruncated") {
            "true" => {
                let next = page.element("NextContinuationToken");
                token = format!("&continuation-token={next}");
            }
            _ => token.clear(),
        }
    }
    assert_eq!((seen.as_str(), token.as_str()), ("a b/ c%01d e%2Bf ", ""));
    let none = list("max-keys=0".into()).await;
    assert_eq!((none.element("KeyCount"), none.element("IsTruncated")), ("0", "false"));
    list("continuation-token=nonsense".into()).await.is(400, "InvalidArgument");
    let after = list("start-after=b/2&encoding-type=url".into()).await;
    assert_eq!((after.element("Key"), after.element("KeyCount")), ("c%01d", "2"));
    let first = bench.call("GET", "/bkt?delimiter=/&max-keys=2", &[], b"").await;
    assert_eq!(first.element("NextMarker"), "b/");
    let second = bench.call("GET", "/bkt?delimiter=/&marker=b/&encoding-type=url", &[], b"").await;
    assert_eq!(second.element("Key"), "c%01d");
    assert!(!second.body.contains("CommonPrefixes"));
}

#[tokio::test]
async fn copies_keep_or_replace_what_is_known() {
    let bench = with_bucket().await;
    bench.call("PUT", "/bkt/k", &[("x-amz-meta-a", "1"), ("content-type", "x/y")], b"hello").await;
    let from = ("x-amz-copy-source", "bkt/k");
    let copy = bench.call("PUT", "/bkt/l", &[from], b"").await;
    assert_eq!(copy.status, 200, "{}", copy.body);
    assert!(copy.element("ETag").contains("5d41402abc4b2a76b9719d911017c592"));
    let replace = [from, ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-b", "2")];
    bench.call("PUT", "/bkt/m", &replace, b"").await;
    let [kept, replaced] =
        [bench.call("GET", "/bkt/l", &[], b"").await, bench.call("GET", "/bkt/m", &[], b"").await];
    assert_eq!(
        (kept.header("x-amz-meta-a"), kept.header("content-type")),
        (Some("1"), Some("x/y"))
    );
    assert_eq!(
        (replaced.header("x-amz-meta-a"), replaced.header("x-amz-meta-b")),
        (None, Some("2"))
    );
    assert_eq!(replaced.body, "hello");
    bench.call("PUT", "/bkt/k", &[from], b"").await.is(400, "InvalidRequest");
    let absent = ("x-amz-copy-source", "bkt/absent");
    bench.call("PUT", "/bkt/l", &[absent], b"").await.is(404, "NoSuchKey");
    let unmatched = [from, ("x-amz-copy-source-if-match", "\"other\"")];
    bench.call("PUT", "/bkt/l", &unmatched, b"").await.is(412, "PreconditionFailed");
    let summed = [from, ("x-amz-checksum-algorithm", "SHA256")];
    let copy = bench.call("PUT", "/bkt/n", &summed, b"").await;
    assert_eq!(copy.element("ChecksumSHA256"), Algorithm::Sha256.of(b"hello"));
}

#[tokio::test]
async fn an_upload_in_parts_becomes_one_object() {
    let bench = with_bucket().await;
    let declare = [("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "FULL_OBJECT")];
    let created = bench.call("POST", "/bkt/big?uploads", &declare, b"").await;
    let id = created.element("UploadId").to_owned();
    let contents = [vec![b'a'; 5 * 1024 * 1024], b"tail".to_vec()];
    let mut parts = String::new();
    for (number, content) in (1..).zip(&contents) {
        let target = format!("/bkt/big?partNumber={number}&uploadId={id}");
        let sum = Algorithm::Crc32.of(content);
        let wrong = bench.call("PUT", &target, &[("x-amz-checksum-crc32", "AAAAAA==")], content);
        wrong.await.is(400, "BadDigest");
        let other = Algorithm::Sha1.of(content);
        let other = bench.call("PUT", &target, &[("x-amz-checksum-sha1", &other)], content).await;
        other.is(400, "InvalidRequest");
        let put = bench.call("PUT", &target, &[("x-amz-checksum-crc32", &sum)], content).await;
        let etag = put.header("etag").unwrap();
        parts.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>\
             <ChecksumCRC32>{sum}</ChecksumCRC32></Part>"
        ));
    }
    let listed = bench.call("GET", &format!("/bkt/big?uploadId={id}&max-parts=1"), &[], b"").await;
    assert_eq!(listed.element("NextPartNumberMarker"), "1");
    assert_eq!(listed.element("Size"), (5 * 1024 * 1024).to_string());
    let uploads = bench.call("GET", "/bkt?uploads", &[], b"").await;
    assert_eq!(uploads.element("UploadId"), id);
    let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let target = format!("/bkt/big?uploadId={id}");
    let whole = contents.concat();
    let sum = Algorithm::Crc32.of(&whole);
    let promise = |sum: &str| {
        let (bench, target, document, sum) = (&bench, &target, &document, sum.to_owned());
        async move {
            let headers =
                [("x-amz-checksum-crc32", sum.as_str()), ("x-amz-checksum-type", "FULL_OBJECT")];
            bench.call("POST", target, &headers, document.as_bytes()).await
        }
    };
    promise("AAAAAA==").await.is(400, "BadDigest");
    let completed = promise(&sum).await;
    assert_eq!(completed.status, 200, "{}", completed.body);
    assert!(completed.element("ETag").contains("-2"));
    assert_eq!(completed.element("ChecksumCRC32"), sum);
    assert!(bench.call("GET", "/bkt/big", &[], b"").await.body.as_bytes() == whole);
    let second = bench.call("GET", "/bkt/big?partNumber=2", &[], b"").await;
    assert_eq!((second.status, second.body.as_str()), (206, "tail"));
    assert_eq!(second.header("x-amz-mp-parts-count"), Some("2"));
    assert_eq!(promise(&sum).await.body, completed.body);
}

#[tokio::test]
async fn parts_can_be_copied_and_uploads_aborted() {
    let bench = with_bucket().await;
    bench.call("PUT", "/bkt/k", &[], b"0123456789").await;
    let id = bench.call("POST", "/bkt/l?uploads", &[], b"").await.element("UploadId").to_owned();
    let target = format!("/bkt/l?partNumber=1&uploadId={id}");
    let from = ("x-amz-copy-source", "bkt/k");
    let beyond =
        bench.call("PUT", &target, &[from, ("x-amz-copy-source-range", "bytes=2-99")], b"").await;
    beyond.is(400, "InvalidArgument");
    let copied =
        bench.call("PUT", &target, &[from, ("x-amz-copy-source-range", "bytes=2-4")], b"").await;
    let etag = copied.element("ETag").to_owned();
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>\
         </CompleteMultipartUpload>"
    );
    let done = bench.call("POST", &format!("/bkt/l?uploadId={id}"), &[], document.as_bytes()).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert_eq!(bench.call("GET", "/bkt/l", &[], b"").await.body, "234");
    let id = bench.call("POST", "/bkt/m?uploads", &[], b"").await.element("UploadId").to_owned();
    let target = format!("/bkt/m?uploadId={id}");
    assert_eq!(bench.call("DELETE", &target, &[], b"").await.status, 204);
    bench.call("DELETE", &target, &[], b"").await.is(404, "NoSuchUpload");
}

#[tokio::test]
async fn many_are_deleted_at_once_and_the_document_is_verified() {
    let bench = with_bucket().await;
    for key in ["a", "b"] {
        bench.call("PUT", &format!("/bkt/{key}"), &[], b"x").await;
    }
    let document =
        b"<Delete><Object><Key>a</Key></Object><Object><Key>none</Key></Object></Delete>";
    let wrong = [("x-amz-sdk-checksum-algorithm", "CRC32"), ("x-amz-checksum-crc32", "AAAAAA==")];
    bench.call("POST", "/bkt?delete", &wrong, document).await.is(400, "BadDigest");
    let sum = Algorithm::Crc32.of(document);
    let right = [("x-amz-sdk-checksum-algorithm", "CRC32"), ("x-amz-checksum-crc32", sum.as_str())];
    let deleted = bench.call("POST", "/bkt?delete", &right, document).await;
    assert_eq!(deleted.body.matches("<Deleted>").count(), 2, "{}", deleted.body);
    bench.call("GET", "/bkt/a", &[], b"").await.is(404, "NoSuchKey");
    assert_eq!(bench.call("GET", "/bkt/b", &[], b"").await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_says_so_by_name() {
    let bench = with_bucket().await;
    for (method, target, name) in [
        ("GET", "/bkt?versioning", "GetBucketVersioning"),
        ("GET", "/bkt?policy", "GetBucketPolicy"),
        ("PUT", "/bkt?versioning", "PutBucketVersioning"),
        ("PUT", "/bkt/?acl", "PutBucketAcl"),
        ("GET", "/bkt/k?retention", "GetObjectRetention"),
        ("GET", "/bkt?lifecycle", "GetBucketLifecycleConfiguration"),
        ("GET", "/?x-id=ListDirectoryBuckets", "ListDirectoryBuckets"),
    ] {
        let body: &[u8] = if method == "PUT" { b"<VersioningConfiguration/>" } else { b"" };
        let answer = bench.call(method, target, &[], body).await;
        answer.is(501, "NotImplemented");
        assert!(
            answer.element("Message").starts_with(&format!("{name} is not")),
            "{}",
            answer.body
        );
    }
    bench.call("POST", "/bkt/k", &[], b"").await.is(405, "MethodNotAllowed");
    // Half of what makes it a part of an upload does not make it an object.
    bench.call("PUT", "/bkt/k?partNumber=1", &[], b"x").await.is(400, "InvalidRequest");
    bench.call("GET", "/bkt/k", &[], b"").await.is(404, "NoSuchKey");
}

#[tokio::test]
async fn keys_are_kept_as_they_are() {
    let bench = with_bucket().await;
    let long = "k".repeat(1_024);
    for key in ["../../x", "a//b", "/lead", "%2e%2e", "a%2Fb", "a%00b", &long] {
        let target = format!("/bkt/{key}");
        let put = bench.call("PUT", &target, &[], key.as_bytes()).await;
        assert_eq!(put.status, 200, "{key}: {}", put.body);
        assert_eq!(bench.call("GET", &target, &[], b"").await.body, key, "{key}");
    }
    let long = format!("/bkt/{}", "k".repeat(1_025));
    bench.call("PUT", &long, &[], b"").await.is(400, "KeyTooLongError");
}
