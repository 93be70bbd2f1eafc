//! Signature Version 2, with which S3's older clients sign, and boto3 still presigns for some regions.
//! It covers the method, the resource, what names a sub-resource and the `x-amz-` headers; not the
//! body. Nothing signs with it here: it is checked so that it is not taken unchecked.

use super::SignatureError;
use super::presented::SKEW_S3;
use crate::api::codec::{Head, pairs};
use crate::domain::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::header::AUTHORIZATION;
use sha1::Sha1;
use std::collections::BTreeMap;
use std::time::Duration;

/// The parameters that are part of what a signature is for.
const COVERED: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// A signature of the second version, not yet believed.
#[derive(Clone, Debug)]
pub struct Second {
    pub access_key: String,
    /// Base64.
    signature: String,
    /// In the query: when it ends, in seconds since 1970.
    expires: Option<String>,
}

/// What a request presents, when it is signed in the second version.
pub fn second(head: &Head<'_>) -> Option<Second> {
    if let Some(value) = head.headers.get(AUTHORIZATION) {
        let (access_key, signature) = value.to_str().ok()?.strip_prefix("AWS ")?.split_once(':')?;
        let [access_key, signature] = [access_key, signature].map(|part| part.trim().to_owned());
        return Some(Second { access_key, signature, expires: None });
    }
    let part = |name: &str| pairs(head.query, false).find(|(key, _)| key == name).map(|it| it.1);
    Some(Second {
        access_key: part("AWSAccessKeyId")?,
        signature: part("Signature")?,
        expires: Some(part("Expires").unwrap_or_default()),
    })
}

/// The key that a request names, however broken its signature is otherwise.
pub fn named_key(head: &Head<'_>) -> Option<String> {
    let header = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let in_header = header.and_then(|text| {
        let fourth = text.split_once("Credential=").map(|(_, rest)| rest);
        fourth.or_else(|| text.strip_prefix("AWS "))
    });
    let in_query = || {
        let mut parameters = pairs(head.query, false);
        let named = |key: &str| matches!(key, "X-Amz-Credential" | "AWSAccessKeyId");
        parameters.find(|(key, _)| named(key)).map(|(_, value)| value)
    };
    let named = in_header.map(str::to_owned).or_else(in_query)?;
    Some(named.split(['/', ':', ',', ' ']).next().unwrap_or_default().to_owned())
}

impl Second {
    /// Checks the signature and its time. `bucket` is the one that stands in the host.
    pub fn verify(
        &self,
        head: &Head<'_>,
        bucket: Option<&str>,
        secret_key: &str,
        session_token: Option<&str>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let signature = STANDARD.decode(&self.signature).map_err(|_| SignatureError::Mismatch)?;
        let parameters: Vec<_> = pairs(head.query, false).collect();
        let headers = covered_headers(head, &parameters, self.expires.is_some());
        let hosted = bucket.map(|bucket| format!("/{bucket}{}", head.path));
        let matches = [Some(head.path), hosted.as_deref()].into_iter().flatten().any(|path| {
            let text = self.text(head, path, &headers, &parameters);
            let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(secret_key.as_bytes());
            // Compares in constant time.
            mac.is_ok_and(|mac| mac.chain_update(text).verify_slice(&signature).is_ok())
        });
        if !matches {
            return Err(SignatureError::Mismatch);
        }
        if headers.get("x-amz-security-token").map(String::as_str) != session_token {
            return Err(SignatureError::Token);
        }
        self.check_time(head, &headers, now)
    }

    fn text(
        &self,
        head: &Head<'_>,
        path: &str,
        headers: &BTreeMap<String, String>,
        parameters: &[(String, String)],
    ) -> String {
        let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
        let date = match &self.expires {
            Some(expires) => expires.clone(),
            None if headers.contains_key("x-amz-date") => String::new(),
            None => header("date"),
        };
        let mut text = format!(
            "{}\n{}\n{}\n{date}\n",
            head.method,
            header("content-md5"),
            header("content-type")
        );
        for (name, value) in headers.iter().filter(|(name, _)| name.starts_with("x-amz-")) {
            text.push_str(&format!("{name}:{value}\n"));
        }
        let mut covered: Vec<_> = parameters
            .iter()
            .filter(|(name, _)| COVERED.contains(&name.as_str()))
            .map(|(name, value)| match value.as_str() {
                "" => name.clone(),
                value => format!("{name}={value}"),
            })
            .collect();
        covered.sort();
        let mark = if covered.is_empty() { "" } else { "?" };
        text.push_str(&format!("{path}{mark}{}", covered.join("&")));
        text
    }

    fn check_time(
        &self,
        head: &Head<'_>,
        headers: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        if let Some(expires) = &self.expires {
            let seconds = expires.parse::<u64>().unwrap_or(0).min(1 << 40);
            let end = Timestamp::from_millis(0).plus(Duration::from_secs(seconds));
            let over = end < now;
            return if over {
                Err(SignatureError::Expired { seconds: None, end, now })
            } else {
                Ok(())
            };
        }
        let date = headers.get("x-amz-date").or_else(|| headers.get("date"));
        let signed = date.and_then(|date| super::presented::parse_http_date(date));
        let signed = signed.ok_or_else(|| {
            let what = "AWS authentication requires a valid Date or x-amz-date header";
            SignatureError::Incomplete(format!("{what}; {} has none", head.path))
        })?;
        if signed.since(now).max(now.since(signed)) > SKEW_S3 {
            return Err(SignatureError::Skewed("The Date header is too far from now.".into()));
        }
        Ok(())
    }
}

/// The headers that count, and where the signature is in the query those that were put there too.
fn covered_headers(
    head: &Head<'_>,
    parameters: &[(String, String)],
    in_query: bool,
) -> BTreeMap<String, String> {
    let counts = |name: &str| {
        name.starts_with("x-amz-") || matches!(name, "content-md5" | "content-type" | "date")
    };
    let mut covered = BTreeMap::new();
    if in_query {
        let moved = parameters.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        covered.extend(
            moved.filter(|(name, _)| counts(name)).map(|(name, value)| (name, value.clone())),
        );
    }
    for name in head.headers.keys().map(http::HeaderName::as_str).filter(|name| counts(name)) {
        let values = head.headers.get_all(name).iter();
        let values: Vec<_> =
            values.map(|it| String::from_utf8_lossy(it.as_bytes()).trim().to_owned()).collect();
        covered.insert(name.to_owned(), values.join(","));
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, Method};

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn head<'a>(path: &'a str, query: &'a str, headers: &'a HeaderMap) -> Head<'a> {
        Head { method: &Method::GET, path, query, headers }
    }

    /// The example of AWS's documentation.
    #[test]
    fn the_documented_signature_is_right_and_any_other_wrong() {
        let mut headers = HeaderMap::new();
        headers.insert("date", "Tue, 27 Mar 2007 19:36:42 +0000".parse().unwrap());
        let authorization = "AWS AKIAIOSFODNN7EXAMPLE:qgk2+6Sv9/oM7G3qLEjTH1a1l1g=";
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        let head = head("/photos/puppy.jpg", "", &headers);
        let presented = second(&head).unwrap();
        assert_eq!(presented.access_key, "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(named_key(&head).as_deref(), Some("AKIAIOSFODNN7EXAMPLE"));
        let signed = Timestamp::from_millis(1_175_024_202_000);
        let verify = |bucket, secret, now| presented.verify(&head, bucket, secret, None, now);
        assert_eq!(verify(Some("awsexamplebucket1"), SECRET, signed), Ok(()));
        assert_eq!(verify(None, SECRET, signed), Err(SignatureError::Mismatch));
        assert_eq!(
            verify(Some("awsexamplebucket1"), "other", signed),
            Err(SignatureError::Mismatch)
        );
        let later =
            verify(Some("awsexamplebucket1"), SECRET, signed.plus(Duration::from_secs(3_600)));
        assert!(matches!(later, Err(SignatureError::Skewed(_))), "{later:?}");
    }

    #[test]
    fn the_key_is_found_in_signatures_that_cannot_be_read() {
        let named = |query: &str, authorization: &str| {
            let mut headers = HeaderMap::new();
            if !authorization.is_empty() {
                headers.insert(AUTHORIZATION, authorization.parse().unwrap());
            }
            named_key(&head("/b/k", query, &headers))
        };
        assert_eq!(named("X-Amz-Credential=AKIA%2F2026", "").as_deref(), Some("AKIA"));
        assert_eq!(named("", "AWS4-HMAC-SHA256 Credential=AKIA/x, Sig").as_deref(), Some("AKIA"));
        assert_eq!(named("", "AWS AKIA").as_deref(), Some("AKIA"));
        assert_eq!(named("a=b", ""), None);
    }
}
