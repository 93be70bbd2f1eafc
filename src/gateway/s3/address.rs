//! Where in S3 a request is addressed to: `/bucket` or `/bucket/key`, and which names buckets have.

use super::error::S3Result;
use crate::api::error::AwsError;
use percent_encoding::percent_decode_str;
use std::net::Ipv4Addr;

/// S3's limit of a key in UTF-8.
const KEY_MOST: usize = 1_024;

/// The path with which the model's templates are compared: a bucket's slash taken off, its encoding
/// and a key's length checked.
pub(super) fn path(path: &str) -> S3Result<&str> {
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| {
        AwsError::new(400, "InvalidURI", "Couldn't parse the specified URI.").with("URI", path)
    })?;
    let key = decoded.strip_prefix('/').and_then(|path| path.split_once('/')).map(|(_, key)| key);
    if let Some(key) = key.filter(|key| key.len() > KEY_MOST) {
        return Err(AwsError::new(400, "KeyTooLongError", "Your key is too long")
            .with("Size", key.len().to_string())
            .with("MaxSizeAllowed", KEY_MOST.to_string()));
    }
    let bucket = path.strip_suffix('/').filter(|bucket| bucket.rfind('/') == Some(0));
    Ok(bucket.filter(|bucket| bucket.len() > 1).unwrap_or(path))
}

/// Whether a bucket can have this name at all.
pub(super) fn may_be_bucket(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = |byte: Option<u8>| byte.is_some_and(plain);
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| plain(byte) || byte == b'-' || byte == b'.')
        && ends(name.bytes().next())
        && ends(name.bytes().next_back())
        && !name.contains("..")
        && name.parse::<Ipv4Addr>().is_err()
}

/// Whether AWS lets anybody create a bucket of this name: some beginnings and ends are its own.
pub(super) fn may_be_new_bucket(name: &str) -> bool {
    const STARTS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    may_be_bucket(name)
        && !STARTS.iter().any(|start| name.starts_with(start))
        && !ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_one_address_with_and_without_its_slash() {
        let paths = [("/", "/"), ("/b", "/b"), ("/b/", "/b"), ("/b/k", "/b/k"), ("/b//", "/b//")];
        for (sent, meant) in paths {
            assert_eq!(path(sent).unwrap(), meant);
        }
        assert_eq!(path("/b/%ff").unwrap_err().code, "InvalidURI");
        assert!(path(&format!("/b/{}", "k".repeat(1_024))).is_ok());
        assert_eq!(path(&format!("/b/{}", "k".repeat(1_025))).unwrap_err().code, "KeyTooLongError");
    }

    #[test]
    fn names_of_buckets() {
        for name in ["abc", "a.b-c", "123", &"a".repeat(63)] {
            assert!(may_be_new_bucket(name), "{name}");
        }
        for name in ["ab", "Abc", "a_b", "192.168.0.1", "a..b", "-ab", "ab-", &"a".repeat(64)] {
            assert!(!may_be_bucket(name), "{name}");
        }
        assert!(!may_be_new_bucket("xn--abc") && !may_be_new_bucket("a--x-s3"));
    }
}
