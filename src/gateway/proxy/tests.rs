use super::*;
use rstest::rstest;

fn proxy(offline: bool) -> Proxy {
    Proxy {
        aws: Aws::At("127.0.0.1:1".parse().unwrap()),
        upstream: Upstream::new(&Settings::default()),
        secret: Secret::of("key"),
        limits: Limits::default(),
        offline,
        refused: Mutex::default(),
    }
}

#[rstest]
#[case("sts.us-east-1.amazonaws.com", Some(Way::Region))]
#[case("bucket.s3.amazonaws.com", Some(Way::Region))]
#[case("bucket.s3.localhost.localstack.cloud", Some(Way::Region))]
#[case("169.254.169.254", None)]
#[case("[fd00:ec2::254]", None)]
#[case("localhost", Some(Way::Elsewhere))]
#[case("127.0.0.1", Some(Way::Elsewhere))]
fn hosts_have_the_same_way_offline(#[case] name: &str, #[case] expected: Option<Way>) {
    for offline in [false, true] {
        assert_eq!(proxy(offline).way(name).ok(), expected, "{name}");
    }
}

#[test]
fn offline_refuses_by_name_and_remembers() {
    assert_eq!(proxy(false).way("packages.example"), Ok(Way::Elsewhere));
    let proxy = proxy(true);
    let refusal = proxy.way("packages.example").unwrap_err();
    assert_eq!(refusal.message, "sagebrush exec --offline refuses packages.example");
    assert!(proxy.way("packages.example").is_err());
    assert!(proxy.way("169.254.169.254").is_err());
    assert_eq!(proxy.refused(), BTreeMap::from([("packages.example".to_owned(), 2)]));
    for index in 0..2 * REMEMBERED {
        assert!(proxy.way(&format!("{index}.example")).is_err());
    }
    assert_eq!(proxy.refused().len(), REMEMBERED);
}

#[rstest]
#[case("a.example:443", Some(("a.example", 443)))]
#[case("A.example.:443", Some(("a.example", 443)))]
#[case("[::1]:443", Some(("[::1]", 443)))]
#[case("a.example", None)]
#[case("a.example:0", None)]
#[case("a.example:99999", None)]
#[case(":443", None)]
#[case("a b:443", None)]
#[case("user@a:443", None)]
fn targets_are_hosts_with_ports(#[case] text: &str, #[case] expected: Option<(&str, u16)>) {
    let found = client::target(text);
    assert_eq!(found.as_ref().map(|(name, port)| (name.as_str(), *port)), expected);
}

#[test]
fn strangers_need_the_secret() {
    let proxy = proxy(false);
    let stranger = Peer { own: false, proxied: true };
    assert_eq!(proxy.admit(stranger, None).unwrap_err().status, 407);
    assert_eq!(proxy.admit(stranger, Some("Basic eA==")).unwrap_err().status, 407);
    assert!(proxy.admit(stranger, Some(&proxy.secret.header())).unwrap().own);
    assert!(proxy.admit(Peer { own: true, ..stranger }, None).unwrap().own);
}
