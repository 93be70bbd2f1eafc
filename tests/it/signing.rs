//! Sagebrush's signatures against botocore's own: each must accept what the other makes.

use crate::python;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sagebrush::api::codec::Head;
use sagebrush::api::signing::{
    Credentials, PayloadHash, SignatureError, presented, sha256_hex, sign,
};
use sagebrush::domain::time::Timestamp;
use serde_json::Value;

struct Case {
    name: String,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
    token: Option<String>,
    service: String,
}

impl Case {
    fn read(value: &Value) -> Self {
        let text = |name: &str| value[name].as_str().unwrap().to_owned();
        let headers = value["headers"].as_object().unwrap().iter().map(|(name, value)| {
            let name = HeaderName::try_from(name).unwrap();
            (name, HeaderValue::from_str(value.as_str().unwrap()).unwrap())
        });
        Self {
            name: text("name"),
            method: text("method").parse().unwrap(),
            path: text("path"),
            query: text("query"),
            headers: headers.collect(),
            body: STANDARD.decode(text("body")).unwrap(),
            token: value["token"].as_str().map(str::to_owned),
            service: text("service"),
        }
    }

    fn head(&self) -> Head<'_> {
        let Self { method, path, query, headers, .. } = self;
        Head { method, path, query, headers }
    }

    fn verify(&self, secret: &str, now: Timestamp) -> Result<(), SignatureError> {
        let presented =
            presented(&self.head())?.unwrap_or_else(|| panic!("{} is unsigned", self.name));
        assert_eq!(presented.scope.service, self.service);
        let hash = sha256_hex(&self.body);
        // A presigned request says nothing of its body.
        let body = (!presented.presigned).then_some(hash.as_str());
        presented.verify(&self.head(), secret, self.token.as_deref(), body, now)
    }
}

#[test]
fn botocores_signatures_are_accepted_and_ours_are_the_same() {
    let output = python::succeed(&mut python::script("signatures.py"));
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    let secret = made["secret_key"].as_str().unwrap();
    let now = Timestamp::from_millis(made["now"].as_i64().unwrap());
    let cases: Vec<Case> = made["cases"].as_array().unwrap().iter().map(Case::read).collect();
    assert!(cases.len() >= 14, "{}", cases.len());
    for case in &cases {
        assert_eq!(case.verify(secret, now), Ok(()), "{}", case.name);
        assert_eq!(
            case.verify("another secret", now),
            Err(SignatureError::Mismatch),
            "{}",
            case.name
        );
        if !case.query.contains("X-Amz-Signature") {
            signs_the_same(case, made["access_key"].as_str().unwrap(), secret, now);
        }
    }
}

/// Signed again from what was there before, the header must come out as botocore wrote it.
fn signs_the_same(case: &Case, access_key: &str, secret: &str, now: Timestamp) {
    let mut headers = case.headers.clone();
    let theirs = headers.remove("authorization").unwrap();
    headers.remove("content-length");
    let payload = match headers.get("x-amz-content-sha256").map(|value| value.to_str().unwrap()) {
        Some(text) => PayloadHash::parse(text).unwrap(),
        None => PayloadHash::Sha256(sha256_hex(&case.body)),
    };
    let credentials = Credentials {
        access_key: access_key.to_owned(),
        secret_key: secret.to_owned(),
        session_token: case.token.clone(),
    };
    let Case { method, path, query, service, .. } = case;
    sign(method, path, query, &mut headers, &payload, &credentials, "us-east-1", service, now);
    assert_eq!(headers["authorization"], theirs, "{}", case.name);
}
