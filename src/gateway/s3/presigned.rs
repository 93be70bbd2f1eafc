//! What a presigned address carries besides a signature, which was settled before: an end, and headers
//! that were put into the query.

use super::error::S3Result;
use crate::api::codec::Head;
use crate::api::codec::pairs;
use crate::api::error::AwsError;
use crate::api::signing::{self, Dialect, SignatureError};
use crate::domain::time::{Clock, SystemClock, Timestamp};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use std::time::Duration;

/// Refuses an address whose time is over, whoever made it, and turns `x-amz-*` parameters into the
/// headers that they stand for.
pub(super) fn read(method: &Method, uri: &Uri, headers: &mut HeaderMap) -> S3Result<()> {
    let query = uri.query().unwrap_or_default();
    let parameters: Vec<_> = pairs(query, true).collect();
    let has = |wanted: &str| parameters.iter().any(|(name, _)| name == wanted);
    let second = has("AWSAccessKeyId") && has("Signature") && has("Expires");
    if !second && !has("X-Amz-Signature") {
        return Ok(());
    }
    let now = SystemClock.now();
    if second {
        check_second(&parameters, now)?;
    } else {
        let head = Head { method, path: uri.path(), query, headers };
        if let Ok(Some(presented)) = signing::presented(&head) {
            presented.check_end(now).map_err(|error| error.in_words_of(Dialect::S3))?;
        }
    }
    for (name, value) in parameters {
        let name = name.to_ascii_lowercase();
        if !name.starts_with("x-amz-") || is_of_signature(&name) || headers.contains_key(&name) {
            continue;
        }
        let header = HeaderName::try_from(name.as_str()).ok();
        if let Some((name, value)) = header.zip(HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    Ok(())
}

fn is_of_signature(name: &str) -> bool {
    const OF_SIGNATURE: [&str; 7] = [
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-signedheaders",
        "x-amz-signature",
        "x-amz-security-token",
    ];
    OF_SIGNATURE.contains(&name)
}

/// The second version of the signature, which boto3 still makes for some addresses.
fn check_second(parameters: &[(String, String)], now: Timestamp) -> S3Result<()> {
    let end = parameters.iter().find(|(name, _)| name == "Expires");
    let end = end.and_then(|(_, text)| text.parse::<u64>().ok());
    let Some(end) = end else {
        return Err(AwsError::new(
            403,
            "AccessDenied",
            "Invalid date (should be seconds since epoch)",
        ));
    };
    let end = Timestamp::from_millis(0).plus(Duration::from_secs(end.min(1 << 40)));
    if end < now {
        let error = SignatureError::Expired { seconds: None, end, now };
        return Err(error.in_words_of(Dialect::S3));
    }
    Ok(())
}
