//! Usage reports of SageMaker's own SDK, which it sends to a bucket of AWS's after each call: they
//! are answered quietly and go nowhere.

use crate::domain::host;
use http::Method;
use http::header::HOST;
use http::request::Parts;

/// The buckets' names begin so, one for each region.
const BUCKET: &str = "sm-pysdk-t-";
const PATH: &str = "/telemetry";

/// Whether a request is such a report: all that it says stands in its address.
pub(super) fn is_report(parts: &Parts) -> bool {
    let named = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    matches!(parts.method, Method::GET | Method::HEAD)
        && parts.uri.path() == PATH
        && host::bucket(named).is_some_and(|bucket| bucket.starts_with(BUCKET))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_one(host: &str, path: &str) -> bool {
        let request = http::Request::get(path).header(HOST, host).body(()).unwrap();
        is_report(&request.into_parts().0)
    }

    #[test]
    fn reports_are_told_from_objects() {
        let host = "sm-pysdk-t-us-west-2.s3.us-west-2.amazonaws.com";
        assert!(is_one(host, "/telemetry?x-accountId=1&x-status=1"));
        assert!(!is_one(host, "/other"));
        assert!(!is_one("bucket.s3.us-west-2.amazonaws.com", "/telemetry"));
        assert!(!is_one("localhost:7242", "/sm-pysdk-t-us-west-2/telemetry"));
    }
}
