//! Against AWS's own published examples; `tests/it/signing.rs` compares with botocore.

use super::chunked::{ChunkError, Decoder};
use super::*;
use crate::api::codec::Head;
use bytes::Bytes;
use proptest::prelude::*;
use std::time::Duration;

/// The key of AWS's documentation.
fn example() -> Credentials {
    Credentials {
        access_key: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        session_token: None,
    }
}

/// 2013-05-24T00:00:00Z, the day of AWS's documentation.
const MAY: Timestamp = Timestamp::from_millis(1_369_353_600_000);

struct Request {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
}

impl Request {
    fn head(&self) -> Head<'_> {
        let Self { method, path, query, headers } = self;
        Head { method, path, query, headers }
    }

    fn verify(&self, body: Option<&str>, now: Timestamp) -> Result<(), SignatureError> {
        let found = presented(&self.head())?.expect("a signature");
        found.verify(&self.head(), &example().secret_key, None, body, now)
    }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn signed(service: &str) -> Request {
    let mut headers =
        headers(&[("host", "localhost:7242"), ("x-amz-target", "SageMaker.ListModels")]);
    let payload = PayloadHash::Sha256(sha256_hex(b"{}"));
    let (method, path) = (Method::POST, "/".to_owned());
    sign(&method, &path, "", &mut headers, &payload, &example(), "us-east-1", service, MAY);
    Request { method, path, query: String::new(), headers }
}

fn minutes(count: u64) -> Timestamp {
    MAY.plus(Duration::from_secs(count * 60))
}

#[test]
fn aws_documented_get_object() {
    let mut headers =
        headers(&[("host", "examplebucket.s3.amazonaws.com"), ("range", "bytes=0-9")]);
    let payload = PayloadHash::Sha256(EMPTY_SHA256.into());
    sign(&Method::GET, "/test.txt", "", &mut headers, &payload, &example(), "us-east-1", "s3", MAY);
    assert_eq!(
        headers["authorization"],
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
         SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
         Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    );
}

#[test]
fn aws_documented_presigned_url() {
    let query = presign(
        &Method::GET,
        "examplebucket.s3.amazonaws.com",
        "/test.txt",
        "",
        86_400,
        &example(),
        "us-east-1",
        "s3",
        MAY,
    );
    assert!(
        query.ends_with(
            "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        ),
        "{query}"
    );
    let headers = headers(&[("host", "examplebucket.s3.amazonaws.com")]);
    let request = Request { method: Method::GET, path: "/test.txt".into(), query, headers };
    assert_eq!(request.verify(None, minutes(24 * 60)), Ok(()));
    let late = request.verify(None, minutes(24 * 60 + 1)).unwrap_err();
    assert!(matches!(late, SignatureError::Expired { seconds: Some(86_400), .. }), "{late:?}");
    let error = late.in_words_of(Dialect::S3);
    assert_eq!(
        (error.code.as_ref(), &error.members["X-Amz-Expires"]),
        ("AccessDenied", &"86400".into())
    );
    let head = Request { query: request.query.replace("86400", "604800"), ..request };
    assert_eq!(head.verify(None, MAY), Err(SignatureError::Mismatch));
}

#[test]
fn what_was_signed_is_believed_and_nothing_else() {
    let body = sha256_hex(b"{}");
    for service in ["sagemaker", "s3"] {
        let request = signed(service);
        assert_eq!(request.verify(Some(&body), MAY), Ok(()));
        let other_method = Request { method: Method::PUT, ..signed(service) };
        let other_path = Request { path: "/x".into(), ..signed(service) };
        let other_query = Request { query: "a=1".into(), ..signed(service) };
        let mut other_header = signed(service);
        other_header.headers.insert("x-amz-target", HeaderValue::from_static("SageMaker.Evil"));
        for changed in [other_method, other_path, other_query, other_header] {
            assert_eq!(changed.verify(Some(&body), MAY), Err(SignatureError::Mismatch));
        }
    }
    let other = sha256_hex(b"{ }");
    assert_eq!(signed("sagemaker").verify(Some(&other), MAY), Err(SignatureError::Mismatch));
    assert_eq!(signed("s3").verify(Some(&other), MAY), Err(SignatureError::Payload));
}

#[test]
fn headers_of_amazon_must_be_signed() {
    let mut request = signed("sagemaker");
    request.headers.insert("x-amz-acl", HeaderValue::from_static("public-read"));
    let error = request.verify(Some(&sha256_hex(b"{}")), MAY).unwrap_err();
    assert_eq!(error, SignatureError::Unsigned("x-amz-acl".into()));
}

#[test]
fn clocks_may_differ_by_five_minutes_and_for_s3_by_fifteen() {
    let body = sha256_hex(b"{}");
    assert_eq!(signed("sagemaker").verify(Some(&body), minutes(5)), Ok(()));
    let error = signed("sagemaker").verify(Some(&body), minutes(6)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Signature expired: 20130524T000000Z is now earlier than 20130524T000100Z \
         (20130524T000600Z - 5 min.)"
    );
    assert_eq!(error.in_words_of(Dialect::Json).code, "InvalidSignatureException");
    assert_eq!(error.in_words_of(Dialect::Query).code, "SignatureDoesNotMatch");
    assert_eq!(signed("s3").verify(Some(&body), minutes(15)), Ok(()));
    let error = signed("s3").verify(Some(&body), minutes(16)).unwrap_err();
    assert_eq!(error.in_words_of(Dialect::S3).code, "RequestTimeTooSkewed");
    let before = Timestamp::from_millis(MAY.as_millis() - 6 * 60_000);
    let error = signed("sagemaker").verify(Some(&body), before).unwrap_err();
    assert!(error.to_string().starts_with("Signature not yet current: "), "{error}");
}

#[test]
fn tokens_must_be_the_ones_that_were_given() {
    let mut credentials = example();
    credentials.session_token = Some("T".into());
    let mut headers = headers(&[("host", "h")]);
    let payload = PayloadHash::Sha256(EMPTY_SHA256.into());
    sign(&Method::GET, "/", "", &mut headers, &payload, &credentials, "us-east-1", "sts", MAY);
    let request = Request { method: Method::GET, path: "/".into(), query: String::new(), headers };
    let found = presented(&request.head()).unwrap().unwrap();
    let verify = |token| found.verify(&request.head(), &credentials.secret_key, token, None, MAY);
    assert_eq!(verify(Some("T")), Ok(()));
    assert_eq!(verify(Some("U")), Err(SignatureError::Token));
    assert_eq!(verify(None), Err(SignatureError::Token));
}

#[test]
fn half_a_signature_is_incomplete() {
    let refused = |authorization: &str| {
        let headers = headers(&[
            ("host", "h"),
            ("x-amz-date", "20130524T000000Z"),
            ("authorization", authorization),
        ]);
        let method = Method::POST;
        let head = Head { method: &method, path: "/", query: "", headers: &headers };
        presented(&head).unwrap_err().in_words_of(Dialect::Json)
    };
    let credential = "Credential=A/20130524/us-east-1/s3/aws4_request";
    for text in [
        "Basic abc".to_owned(),
        "AWS4-ECDSA-P256-SHA256 Credential=A/20130524/s3/aws4_request".to_owned(),
        format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host"),
        format!("AWS4-HMAC-SHA256 {credential}, Signature=ab"),
        format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=date, Signature=ab"),
        "AWS4-HMAC-SHA256 Credential=A/b/c, SignedHeaders=host, Signature=ab".to_owned(),
    ] {
        let error = refused(&text);
        assert_eq!((error.status, error.code.as_ref()), (400, "IncompleteSignatureException"));
    }
    let unsigned = headers(&[("host", "h")]);
    let method = Method::POST;
    let head = Head { method: &method, path: "/", query: "", headers: &unsigned };
    assert!(presented(&head).unwrap().is_none());
}

/// AWS's documented upload of 65 KiB and a little in chunks of 64 KiB.
fn documented(trailer: bool) -> (Presented, Vec<u8>) {
    let (payload, signature) = if trailer {
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        )
    } else {
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        )
    };
    let signatures = if trailer {
        [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ]
    } else {
        [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ]
    };
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders=host,Signature={signature}"
    );
    let headers = headers(&[
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-content-sha256", payload),
        ("authorization", &authorization),
    ]);
    let method = Method::PUT;
    let head = Head {
        method: &method,
        path: "/examplebucket/chunkObject.txt",
        query: "",
        headers: &headers,
    };
    let mut body = Vec::new();
    for (size, signature) in [65_536usize, 1024, 0].iter().zip(signatures) {
        body.extend(format!("{size:x};chunk-signature={signature}\r\n").bytes());
        body.extend(vec![b'a'; *size]);
        if *size > 0 || !trailer {
            body.extend(b"\r\n");
        }
    }
    if trailer {
        body.extend(b"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:");
        body.extend(b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n");
    }
    (presented(&head).unwrap().unwrap(), body)
}

type Trailers = Vec<(String, String)>;

fn decode(
    mut decoder: Decoder,
    body: &[u8],
    step: usize,
) -> Result<(Vec<u8>, Trailers), ChunkError> {
    let mut out = Vec::new();
    for part in body.chunks(step) {
        for bytes in decoder.push(Bytes::copy_from_slice(part))? {
            out.extend(bytes);
        }
    }
    Ok((out, decoder.finish()?))
}

#[test]
fn aws_documented_chunks() {
    for trailer in [false, true] {
        for step in [usize::MAX, 1000, 7, 1] {
            let (presented, body) = documented(trailer);
            let decoder = Decoder::of(&presented, &example().secret_key, Some(66_560)).unwrap();
            let (bytes, trailers) = decode(decoder, &body, step).unwrap();
            assert_eq!(bytes, vec![b'a'; 66_560]);
            let checksum = ("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned());
            assert_eq!(trailers, if trailer { vec![checksum] } else { vec![] });
        }
    }
}

#[test]
fn a_changed_byte_anywhere_is_noticed() {
    for trailer in [false, true] {
        let (presented, body) = documented(trailer);
        for at in [100, 40_000, 66_000, body.len() - 30, body.len() - 100] {
            let mut changed = body.clone();
            changed[at] ^= 1;
            let decoder = Decoder::of(&presented, &example().secret_key, Some(66_560)).unwrap();
            assert!(decode(decoder, &changed, 5000).is_err(), "{at}");
        }
        for cut in [1, 50, 90, 1500] {
            let decoder = Decoder::of(&presented, &example().secret_key, None).unwrap();
            let cut = &body[..body.len() - cut];
            assert!(decode(decoder, cut, 5000).is_err() || cut.ends_with(b"\r\n"));
        }
    }
}

#[test]
fn unsigned_chunks_carry_their_trailers() {
    let body = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
    let (bytes, trailers) = decode(Decoder::unsigned(Some(5)), body, 2).unwrap();
    assert_eq!(bytes, b"abcde");
    assert_eq!(trailers, [("x-amz-checksum-crc32".to_owned(), "AAAA".to_owned())]);
    assert_eq!(decode(Decoder::unsigned(None), b"0\r\n", 1).unwrap().0, b"");
}

#[test]
fn bodies_that_are_not_what_they_say_are_refused() {
    let refused = |body: &[u8], length| decode(Decoder::unsigned(length), body, 3).unwrap_err();
    assert_eq!(refused(b"3\r\nabc\r\n", None), ChunkError::Incomplete);
    assert_eq!(refused(b"", None), ChunkError::Incomplete);
    let short = ChunkError::Length { declared: 4, received: 3 };
    assert_eq!(refused(b"3\r\nabc\r\n0\r\n\r\n", Some(4)), short);
    let long = ChunkError::Length { declared: 2, received: 3 };
    assert_eq!(refused(b"3\r\nabc\r\n0\r\n\r\n", Some(2)), long);
    for body in [
        &b"3\r\nabcd\r\n0\r\n\r\n"[..],
        b"\r\n",
        b"+3\r\nabc\r\n",
        b"zz\r\n",
        b"ffffffffffffffffff\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\n\r\nmore",
        &[b'1'; 20_000],
    ] {
        assert!(matches!(refused(body, None), ChunkError::Malformed(_)), "{body:?}");
    }
    let (presented, _) = documented(false);
    let decoder = Decoder::of(&presented, &example().secret_key, None).unwrap();
    let error = decode(decoder, b"3\r\nabc\r\n0\r\n\r\n", 100).unwrap_err();
    assert!(matches!(error, ChunkError::Malformed(_)));
}

#[test]
fn secrets_are_not_in_debug_output() {
    assert!(!format!("{:?}", example()).contains("wJalr"));
}

proptest! {
    #[test]
    fn whatever_is_signed_verifies(
        path in "/[a-zA-Z0-9/._~%-]{0,40}", query in "[a-z0-9=&%._-]{0,40}",
        value in "[ -~]{0,30}", body in prop::collection::vec(any::<u8>(), 0..50),
        s3: bool
    ) {
        let service = if s3 { "s3" } else { "sagemaker" };
        let mut headers = headers(&[("host", "h"), ("x-amz-meta", &value)]);
        let hash = sha256_hex(&body);
        let payload = PayloadHash::Sha256(hash.clone());
        let method = Method::POST;
        sign(&method, &path, &query, &mut headers, &payload, &example(), "r", service, MAY);
        let request = Request { method, path, query, headers };
        prop_assert_eq!(request.verify(Some(&hash), MAY), Ok(()));
    }

    #[test]
    fn no_authorization_makes_it_panic(text in "\\PC{0,200}", query in "\\PC{0,200}") {
        let mut headers = headers(&[("host", "h"), ("x-amz-date", "20130524T000000Z")]);
        for text in [text.clone(), format!("AWS4-HMAC-SHA256 {text}")] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(AUTHORIZATION, value);
            }
            let method = Method::GET;
            let query = format!("X-Amz-Signature=a&{query}");
            for query in ["", &query] {
                let _ = presented(&Head { method: &method, path: "/", query, headers: &headers });
            }
        }
    }

    #[test]
    fn chunks_decode_the_same_however_they_arrive(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        step in 1usize..50
    ) {
        let mut body = Vec::new();
        for part in &parts {
            body.extend(format!("{:x}\r\n", part.len()).bytes());
            body.extend(part);
            body.extend(b"\r\n");
        }
        body.extend(b"0\r\n\r\n");
        let whole = parts.concat();
        let (bytes, _) = decode(Decoder::unsigned(Some(whole.len() as u64)), &body, step).unwrap();
        prop_assert_eq!(bytes, whole);
    }

    #[test]
    fn no_bytes_make_the_chunk_decoder_panic(
        body in prop::collection::vec(any::<u8>(), 0..300), step in 1usize..50
    ) {
        let _ = decode(Decoder::unsigned(None), &body, step);
    }
}
