//! The names of all AWS services: a request for one that has no model here is refused by that
//! service's own name and in a form that its clients can read.

use super::codec::Head;
use super::model::SERVICES;
use crate::domain::host;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// `assets/services.json`, made by `assets/services.py`.
#[derive(Deserialize)]
struct Facts {
    services: Vec<Entry>,
}

/// A service of AWS, as far as an error about it needs.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// As the SDKs name it: `bedrock-runtime`.
    pub id: String,
    /// As the credential scope names it: `bedrock`.
    pub signing: String,
    /// The first labels of its host, before the region: `bedrock-runtime`.
    host: String,
    /// `Amazon Bedrock Runtime`.
    pub name: String,
    /// As botocore spells it: `json`, `rest-json`, `query`, `ec2`, `rest-xml`, ….
    pub protocol: String,
    /// Method and path of each operation, of services that sign as one that has a model.
    #[serde(default)]
    operations: BTreeMap<String, String>,
}

static ALL: LazyLock<Vec<Entry>> = LazyLock::new(all);

#[expect(clippy::expect_used, reason = "an embedded file, read by every test of this module")]
fn all() -> Vec<Entry> {
    let text = include_str!("../../assets/services.json");
    let facts: Facts = serde_json::from_str(text).expect("services.json parses");
    facts.services
}

impl Entry {
    /// The operation that a request calls, by its method and path.
    fn operation(&self, head: &Head<'_>) -> Option<&str> {
        self.operations.iter().find_map(|(name, request)| {
            let (method, uri) = request.split_once(' ')?;
            let is_it =
                head.method.as_str() == method && super::codec::uri::matches(uri, head.path);
            is_it.then_some(name.as_str())
        })
    }
}

/// The service without a model that a request is for, and its operation where the request's path
/// names it: by the credential's scope, else by the host.
pub fn find(
    head: &Head<'_>,
    scope: Option<&str>,
) -> Option<(&'static Entry, Option<&'static str>)> {
    let foreign = ALL.iter().filter(|entry| !SERVICES.contains(&entry.id.as_str()));
    let host = head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = host.map(host::normalized).unwrap_or_default();
    let host = host::service(&host).filter(|_| !host::is_s3(&host));
    let has_host = |entry: &Entry| host == Some(entry.host.as_str());
    let Some(scope) = scope else {
        return foreign.into_iter().find(|entry| has_host(entry)).map(|entry| (entry, None));
    };
    let candidates: Vec<&'static Entry> = foreign.filter(|entry| entry.signing == scope).collect();
    let by_path = candidates.iter().find_map(|entry| Some((*entry, Some(entry.operation(head)?))));
    by_path.or_else(|| {
        // What signs as a service with a model is told from it by its paths alone.
        let mut named = candidates.iter().filter(|entry| entry.operations.is_empty());
        let by_host = candidates.iter().find(|entry| has_host(entry));
        let by_id = candidates.iter().find(|entry| entry.id == scope);
        by_host.or(by_id).or_else(|| named.next()).map(|entry| (*entry, None))
    })
}

/// A service by its id or its signing name.
pub fn named(name: &str) -> Option<&'static Entry> {
    let by_id = ALL.iter().find(|entry| entry.id == name);
    by_id.or_else(|| ALL.iter().find(|entry| entry.signing == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue, Method};
    use rstest::rstest;

    #[rstest]
    #[case("POST", "/", "", Some("athena"), Some(("athena", None)))]
    #[case("GET", "/2015-03-31/functions/", "", Some("lambda"), Some(("lambda", None)))]
    #[case("POST", "/model/x/invoke", "bedrock-runtime.us-east-1.amazonaws.com", Some("bedrock"),
        Some(("bedrock-runtime", None)))]
    #[case("PUT", "/FeatureGroup/g", "", Some("sagemaker"),
        Some(("sagemaker-featurestore-runtime", Some("PutRecord"))))]
    #[case("PUT", "/BatchPutMetrics", "", Some("sagemaker"),
        Some(("sagemaker-metrics", Some("BatchPutMetrics"))))]
    #[case("GET", "/nothing", "", Some("sagemaker"), None)]
    #[case("GET", "/", "", Some("mars"), None)]
    #[case("POST", "/", "athena.us-east-1.amazonaws.com", None, Some(("athena", None)))]
    #[case("GET", "/", "athena.s3.us-east-1.amazonaws.com", None, None)]
    #[case("GET", "/", "127.0.0.1:7242", None, None)]
    fn a_request_s_service_is_found(
        #[case] method: &str,
        #[case] path: &str,
        #[case] host: &str,
        #[case] scope: Option<&str>,
        #[case] found: Option<(&str, Option<&str>)>,
    ) {
        let mut headers = HeaderMap::new();
        if !host.is_empty() {
            headers.insert("host", HeaderValue::from_str(host).unwrap());
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let head = Head { method: &method, path, query: "", headers: &headers };
        let got = find(&head, scope).map(|(entry, operation)| (entry.id.as_str(), operation));
        assert_eq!(got, found);
    }

    #[test]
    fn every_modelled_service_is_in_the_directory() {
        for service in SERVICES {
            assert!(named(service).is_some(), "{service}");
        }
        assert_eq!(named("athena").unwrap().name, "Amazon Athena");
    }
}
