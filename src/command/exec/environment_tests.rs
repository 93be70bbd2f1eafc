use super::*;

fn inherited(pairs: &[(&str, &str)]) -> Inherited {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn wired(inherited: &Inherited, endpoint: Option<&str>) -> Changes {
    let bundles = Bundles {
        by_variable: [("AWS_CA_BUNDLE", PathBuf::from("/w/c.pem"))].into(),
        java: Some("/w/t.jks".into()),
    };
    changes(
        inherited,
        &Wiring {
            endpoint: endpoint.map(str::to_owned),
            proxy: "127.0.0.1:7342".parse().unwrap(),
            user_info: String::new(),
            access_key: "AKIAOURS",
            secret_key: "secret",
            region: "us-west-2",
            account: "123456789012",
            files: Files { bundles, config: "/w/config".into(), credentials: "/w/creds".into() },
            upstream: Settings::inherited(|name| inherited.get(name).cloned()),
            offline: false,
        },
    )
}

/// The environment that a program ends up with.
fn after(before: &Inherited, changes: &Changes) -> Inherited {
    let mut after = before.clone();
    after.retain(|name, _| !changes.removed.contains(name));
    after.extend(changes.set.iter().cloned());
    after
}

#[test]
fn a_hostile_environment_is_replaced() {
    let before = inherited(&[
        ("AWS_PROFILE", "production"),
        ("AWS_ACCESS_KEY_ID", "AKIAREAL"),
        ("AWS_SECRET_ACCESS_KEY", "real"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", "http://10.0.0.1"),
        ("AWS_ENDPOINT_URL_S3", "http://10.0.0.1"),
        ("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://10.0.0.1"),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.2/x"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "x"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/x"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_USE_FIPS_ENDPOINT", "true"),
        ("AWS_CONFIG_FILE", "/home/ada/config"),
        ("NO_PROXY", ".amazonaws.com"),
        ("https_proxy", "http://proxy.corp:3128"),
        ("AWS_CA_BUNDLE", "/corp.pem"),
    ]);
    let after = after(&before, &wired(&before, Some("http://127.0.0.1:7242")));
    for (name, value) in &after {
        let stays = name.starts_with("SAGEBRUSH_UPSTREAM_");
        assert!(stays || before.get(name) != Some(value), "{name}={value} is still there");
    }
    assert_eq!(after["AWS_ENDPOINT_URL"], "http://127.0.0.1:7242");
    assert_eq!(after["AWS_REGION"], "us-west-2");
    assert_eq!(after["HTTPS_PROXY"], "http://127.0.0.1:7342");
    assert_eq!(after["https_proxy"], after["HTTPS_PROXY"]);
    assert_eq!(after["SAGEBRUSH_UPSTREAM_HTTPS_PROXY"], "http://proxy.corp:3128");
    assert!(!after["NO_PROXY"].contains("amazonaws"));
}

#[test]
fn a_programs_own_settings_stay() {
    let before = inherited(&[("AWS_BUCKET", "mine"), ("AWS_PAGER", ""), ("PATH", "/bin")]);
    let after = after(&before, &wired(&before, None));
    for (name, value) in &before {
        assert_eq!(after.get(name), Some(value), "{name}");
    }
    assert!(!after.contains_key("AWS_ENDPOINT_URL"), "AWS's own names are asked for");
}

#[test]
fn wiring_twice_is_wiring_once() {
    let before = inherited(&[
        ("HTTPS_PROXY", "http://proxy.corp:3128"),
        ("JAVA_TOOL_OPTIONS", "-Xmx1g -Dname='a b'"),
    ]);
    let once = after(&before, &wired(&before, Some("http://127.0.0.1:7242")));
    assert_eq!(after(&once, &wired(&once, Some("http://127.0.0.1:7242"))), once);
    let java = &once["JAVA_TOOL_OPTIONS"];
    assert!(java.starts_with("-Xmx1g -Dname='a b' -Dhttp.proxyHost="), "{java}");
    assert!(java.contains("trustStore=/w/t.jks"), "{java}");
}
