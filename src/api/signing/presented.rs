//! A signature as a request presents it, and the check of it.

use super::canonical::{Canonical, Path};
use super::error::SignatureError;
use super::{
    ALGORITHM, CONTENT_SHA256, DATE, EMPTY_SHA256, PayloadHash, SECURITY_TOKEN, Scope, keyed,
    signing_key, stamp, string_to_sign,
};
use crate::api::codec::Head;
use crate::api::codec::uri::pairs;
use crate::domain::time::Timestamp;
use hmac::Mac;
use http::header::AUTHORIZATION;
use std::time::Duration;

/// How far a client's clock may be off.
const SKEW: Duration = Duration::from_secs(5 * 60);
/// S3 allows more.
pub(super) const SKEW_S3: Duration = Duration::from_secs(15 * 60);
const LONGEST_EXPIRY: u64 = 7 * 24 * 3600;

/// A signature, not yet believed.
#[derive(Clone, Debug)]
pub struct Presented {
    pub access_key: String,
    pub scope: Scope,
    pub session_token: Option<String>,
    /// In the query rather than in a header.
    pub presigned: bool,
    /// What `x-amz-content-sha256` says, where it is sent.
    pub payload: Option<PayloadHash>,
    /// Lower-case hex.
    pub signature: String,
    /// When the request says that it was signed.
    pub signed_at: Timestamp,
    signed_headers: Vec<String>,
    expires_in: Option<u64>,
}

/// What a request presents; `Ok(None)` when it is not signed at all.
pub fn presented(head: &Head<'_>) -> Result<Option<Presented>, SignatureError> {
    let presigned = pairs(head.query, false).any(|(key, _)| key == "X-Amz-Signature");
    match (head.headers.get(AUTHORIZATION), presigned) {
        (Some(_), true) => Err(incomplete(
            "Only one auth mechanism allowed: the request has an Authorization header and an X-Amz-Signature parameter",
        )),
        (Some(value), false) => {
            let text = value.to_str().map_err(|_| incomplete("Authorization is not ASCII"))?;
            in_header(head, text).map(Some)
        }
        (None, true) => in_query(head).map(Some),
        (None, false) => Ok(None),
    }
}

fn incomplete(text: impl Into<String>) -> SignatureError {
    SignatureError::Incomplete(text.into())
}

fn in_header(head: &Head<'_>, text: &str) -> Result<Presented, SignatureError> {
    let parameters = text
        .strip_prefix(ALGORITHM)
        .filter(|rest| rest.starts_with([' ', '\t']))
        .ok_or_else(|| {
            incomplete(format!(
                "Unsupported AWS 'algorithm': this service only supports {ALGORITHM}"
            ))
        })?;
    let part = |name: &str| {
        let found = parameters.split(',').find_map(|part| part.trim().strip_prefix(name));
        let found = found.and_then(|part| part.strip_prefix('=')).filter(|part| !part.is_empty());
        found
            .ok_or_else(|| incomplete(format!("Authorization header requires '{name}' parameter.")))
    };
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    let date = header(DATE)
        .and_then(parse_stamp)
        .or_else(|| header(http::header::DATE).and_then(parse_http_date))
        .ok_or_else(|| incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."))?;
    let payload = header(CONTENT_SHA256)
        .map(|text| {
            PayloadHash::parse(text)
                .ok_or_else(|| incomplete(format!("x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING- value or a valid sha256 value, not {text:?}")))
        })
        .transpose()?;
    let (access_key, scope) = credential(part("Credential")?)?;
    Ok(Presented {
        access_key,
        scope,
        session_token: header(SECURITY_TOKEN).map(str::to_owned),
        presigned: false,
        payload,
        signature: part("Signature")?.to_owned(),
        signed_at: date,
        signed_headers: header_names(part("SignedHeaders")?)?,
        expires_in: None,
    })
}

fn in_query(head: &Head<'_>) -> Result<Presented, SignatureError> {
    let part = |name: &str| {
        let mut found = pairs(head.query, false).filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value),
            (Some(_), Some(_)) => Err(incomplete(format!("{name} is given more than once"))),
            _ => Err(incomplete(format!("AWS query-string parameters must include '{name}'."))),
        }
    };
    if part("X-Amz-Algorithm")? != ALGORITHM {
        return Err(incomplete(format!("X-Amz-Algorithm only supports {ALGORITHM}")));
    }
    let date = part("X-Amz-Date")?;
    let expires_in = part("X-Amz-Expires")?.parse().ok();
    let expires_in = expires_in.filter(|seconds| (1..=LONGEST_EXPIRY).contains(seconds));
    let expires_in = expires_in.ok_or_else(|| {
        incomplete(format!("X-Amz-Expires must be a number between 1 and {LONGEST_EXPIRY} seconds"))
    })?;
    let (access_key, scope) = credential(&part("X-Amz-Credential")?)?;
    let payload = head.headers.get(CONTENT_SHA256).and_then(|value| value.to_str().ok());
    Ok(Presented {
        access_key,
        scope,
        session_token: part("X-Amz-Security-Token").ok(),
        presigned: true,
        payload: payload.and_then(PayloadHash::parse),
        signature: part("X-Amz-Signature")?,
        signed_at: parse_stamp(&date).ok_or_else(|| {
            incomplete("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        })?,
        signed_headers: header_names(&part("X-Amz-SignedHeaders")?)?,
        expires_in: Some(expires_in),
    })
}

/// `AKID/20260102/us-east-1/s3/aws4_request`; an access key has no slash, a region and service neither.
fn credential(text: &str) -> Result<(String, Scope), SignatureError> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts[..] {
        [key, date, region, service, "aws4_request"]
            if !key.is_empty() && date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) =>
        {
            let scope = Scope {
                date: date.to_owned(),
                region: region.to_owned(),
                service: service.to_owned(),
            };
            Ok((key.to_owned(), scope))
        }
        _ => Err(incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. \
             keyid/date/region/service/aws4_request, got {text:?}"
        ))),
    }
}

fn header_names(text: &str) -> Result<Vec<String>, SignatureError> {
    let names: Vec<String> = text.split(';').map(str::to_ascii_lowercase).collect();
    if names.iter().any(|name| name == "host") {
        Ok(names)
    } else {
        Err(incomplete("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."))
    }
}

fn parse_stamp(text: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let at = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Timestamp::from_millis(at.as_millisecond()))
}

impl Presented {
    /// Checks the signature and its time. `body_sha256` is the lower-case hex of the body's hash where
    /// the body has been read; without it the declared hash is taken, for the body's reader to check.
    pub fn verify(
        &self,
        head: &Head<'_>,
        secret_key: &str,
        session_token: Option<&str>,
        body_sha256: Option<&str>,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let s3 = self.scope.service == "s3";
        self.check_signed_headers(head)?;
        let declared = self.payload.as_ref().map(PayloadHash::as_str);
        let payload = match (declared, body_sha256) {
            (Some(declared), _) => declared,
            (None, Some(body)) => body,
            (None, None) if s3 && self.presigned => PayloadHash::Unsigned.as_str(),
            (None, None) => EMPTY_SHA256,
        };
        self.check_signature(head, secret_key, payload)?;
        self.check_time(now)?;
        if self.session_token.as_deref() != session_token {
            return Err(SignatureError::Token);
        }
        match (&self.payload, body_sha256) {
            (Some(PayloadHash::Sha256(declared)), Some(body)) if declared != body => {
                Err(SignatureError::Payload)
            }
            _ => Ok(()),
        }
    }

    /// What could change a request's meaning must be covered.
    fn check_signed_headers(&self, head: &Head<'_>) -> Result<(), SignatureError> {
        // The last is covered as the payload's hash itself.
        let free = ["x-amz-user-agent", "x-amz-content-sha256"];
        let bare: Vec<&str> = head
            .headers
            .keys()
            .map(http::HeaderName::as_str)
            .filter(|name| name.starts_with("x-amz-") && !free.contains(name))
            .filter(|name| !self.signed_headers.iter().any(|signed| signed == name))
            .collect();
        if bare.is_empty() { Ok(()) } else { Err(SignatureError::Unsigned(bare.join(", "))) }
    }

    fn check_signature(
        &self,
        head: &Head<'_>,
        secret_key: &str,
        payload: &str,
    ) -> Result<(), SignatureError> {
        let signature = hex::decode(&self.signature).map_err(|_| SignatureError::Mismatch)?;
        let key = signing_key(secret_key, &self.scope);
        let signed: Vec<&str> = self.signed_headers.iter().map(String::as_str).collect();
        let stamp = stamp(self.signed_at);
        let Head { method, path, query, headers } = *head;
        let canonical = Canonical { method, path, query, headers, presigned: self.presigned };
        let paths: &[Path] = match Path::of(&self.scope.service) {
            Path::AsSent => &[Path::AsSent, Path::Reencoded],
            _ => &[Path::Encoded],
        };
        let matches = paths.iter().any(|path| {
            let request = canonical.request(*path, &signed, payload);
            let to_sign = string_to_sign(&stamp, &self.scope, &request);
            // Compares in constant time.
            keyed(&key, to_sign.as_bytes()).verify_slice(&signature).is_ok()
        });
        if matches { Ok(()) } else { Err(SignatureError::Mismatch) }
    }

    /// Whether a presigned request still holds, whoever signed it.
    pub fn check_end(&self, now: Timestamp) -> Result<(), SignatureError> {
        let Some(seconds) = self.expires_in else { return Ok(()) };
        let end = self.signed_at.plus(Duration::from_secs(seconds));
        if now > end {
            return Err(SignatureError::Expired { seconds: Some(seconds), end, now });
        }
        Ok(())
    }

    fn check_time(&self, now: Timestamp) -> Result<(), SignatureError> {
        let (signed, at) = (stamp(self.signed_at), stamp(now));
        if !signed.starts_with(&self.scope.date) {
            return Err(SignatureError::Skewed(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{}' != '{signed}'.",
                self.scope.date
            )));
        }
        let (skew, minutes) = match self.scope.service.as_str() {
            "s3" => (SKEW_S3, 15),
            _ => (SKEW, 5),
        };
        if self.signed_at.since(now) > skew {
            let latest = stamp(now.plus(skew));
            return Err(SignatureError::Skewed(format!(
                "Signature not yet current: {signed} is still later than {latest} ({at} + \
                 {minutes} min.)"
            )));
        }
        let age = now.since(self.signed_at);
        match self.expires_in {
            Some(_) => self.check_end(now),
            None if age > skew => {
                let millis = i64::try_from(skew.as_millis()).unwrap_or(0);
                let earliest = stamp(Timestamp::from_millis(now.as_millis() - millis));
                Err(SignatureError::Skewed(format!(
                    "Signature expired: {signed} is now earlier than {earliest} ({at} - \
                     {minutes} min.)"
                )))
            }
            _ => Ok(()),
        }
    }
}
