use super::*;
use rstest::rstest;

fn door() -> Door {
    let key = Credentials { access_key: "AKIASAGEBRUSHAAAAAAA".into(), secret_key: "s".into() };
    Door::new(key, vec![7242, 4566])
}

const PLAIN: Peer = Peer { own: false, proxied: false };

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect()
}

fn check(pairs: &[(&'static str, &str)]) -> Result<(), AwsError> {
    door().check_head(&Method::GET, &"/b/k".parse().unwrap(), &headers(pairs), PLAIN, Words::S3)
}

#[rstest]
#[case("localhost:7242")]
#[case("LOCALHOST:7242")]
#[case("127.0.0.1:7242")]
#[case("[::1]:7242")]
#[case("bucket.s3.localhost:7242")]
#[case("bucket.localhost.:7242")]
#[case("localhost:4566")]
#[case("bucket.s3.localhost.localstack.cloud:4566")]
#[case("s3.us-east-1.amazonaws.com")]
#[case("api.sagemaker.us-east-1.amazonaws.com:443")]
fn own_hosts_are_known(#[case] host: &str) {
    check(&[("host", host)]).unwrap();
}

#[rstest]
#[case("localhost")]
#[case("localhost:80")]
#[case("localhost:7243")]
#[case("localhost:7242x")]
#[case("localhost:+7242")]
#[case("localhost:07242")]
#[case("localhost:")]
#[case("localhost::7242")]
#[case(":7242")]
#[case("me@localhost:7242")]
#[case("evil.example:7242")]
#[case("localhost.evil.example:7242")]
#[case("127.0.0.1.nip.io:7242")]
#[case("127.0.0.2:7242")]
#[case(".localhost:7242")]
#[case("notlocalhost:7242")]
#[case("amazonaws.com.evil.example")]
#[case("evilamazonaws.com")]
#[case("[::2]:7242")]
#[case("")]
fn foreign_hosts_are_refused(#[case] host: &str) {
    let error = check(&[("host", host)]).unwrap_err();
    assert_eq!((error.status, error.code.as_ref()), (403, "AccessDenied"));
    assert!(error.message.contains("http://localhost:7242"), "{}", error.message);
}

#[test]
fn a_target_that_names_another_host_is_refused() {
    let uri = "http://evil.example:7242/".parse().unwrap();
    let headers = headers(&[("host", "localhost:7242")]);
    assert!(door().check_head(&Method::GET, &uri, &headers, PLAIN, Words::Json).is_err());
}

#[rstest]
#[case(&[("origin", "http://localhost:7242")])]
#[case(&[("origin", "null")])]
#[case(&[("referer", "https://evil.example/")])]
#[case(&[("sec-fetch-site", "cross-site")])]
#[case(&[("sec-fetch-site", "same-origin")])]
#[case(&[("sec-fetch-mode", "no-cors")])]
fn browsers_are_refused(#[case] hints: &[(&'static str, &str)]) {
    let mut all = vec![("host", "localhost:7242")];
    all.extend(hints);
    let error = check(&all).unwrap_err();
    assert!(error.message.contains("web page"), "{}", error.message);
}

#[test]
fn an_address_typed_by_the_user_is_let_in() {
    check(&[
        ("host", "localhost:7242"),
        ("sec-fetch-site", "none"),
        ("sec-fetch-mode", "navigate"),
    ])
    .unwrap();
}

#[rstest]
#[case(Method::CONNECT)]
#[case(Method::TRACE)]
#[case(Method::OPTIONS)]
#[case(Method::PATCH)]
fn other_methods_are_refused(#[case] method: Method) {
    let headers = headers(&[("host", "localhost:7242")]);
    let error =
        door().check_head(&method, &"/".parse().unwrap(), &headers, PLAIN, Words::S3).unwrap_err();
    assert_eq!(error.status, 405);
}

#[rstest]
#[case(Words::Json, "MissingAuthenticationTokenException")]
#[case(Words::Xml, "MissingAuthenticationToken")]
#[case(Words::S3, "AccessDenied")]
fn strangers_must_sign(#[case] words: Words, #[case] code: &str) {
    let (uri, headers) = ("/".parse::<Uri>().unwrap(), headers(&[("host", "localhost:7242")]));
    let head = Head { method: &Method::POST, path: uri.path(), query: "", headers: &headers };
    let error = door().admit(&head, Trust::Stranger, words, |_| Known::No).err().unwrap();
    assert_eq!((error.status, error.code.as_ref()), (403, code));
    assert!(error.message.contains(".sagebrush/credentials"), "{}", error.message);
    assert!(door().admit(&head, Trust::Owner, words, |_| Known::No).unwrap().access_key.is_none());
}

#[rstest]
#[case(true, false, "localhost:7242", Trust::Owner)]
#[case(true, false, "bucket.s3.localhost:7242", Trust::Owner)]
#[case(true, false, "sts.us-east-1.amazonaws.com", Trust::NamedAsAws)]
#[case(true, false, "attacker.example.amazonaws.com:7242", Trust::NamedAsAws)]
#[case(true, false, "sagemaker.us-east-1.api.aws", Trust::NamedAsAws)]
#[case(true, true, "sts.us-east-1.amazonaws.com", Trust::Owner)]
#[case(false, false, "localhost:7242", Trust::Stranger)]
#[case(false, true, "sts.us-east-1.amazonaws.com", Trust::Stranger)]
fn only_loopback_names_go_unsigned(
    #[case] own: bool,
    #[case] proxied: bool,
    #[case] host: &str,
    #[case] expected: Trust,
) {
    let trust = door().trust(&headers(&[("host", host)]), Peer { own, proxied });
    assert_eq!(trust, expected);
}
