//! S3 addresses in documents: `s3://bucket/key`, and the `https://` forms that AWS's own pattern
//! (`(https|s3)://…`) takes in the same members.

use std::fmt;

/// A bucket and a key or prefix of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Uri {
    pub bucket: String,
    /// A key or a prefix; may be empty.
    pub key: String,
}

/// Not an S3 address; the text goes to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an S3 URI that this region can resolve; it has to be s3://bucket/key, \
     https://s3.REGION.amazonaws.com/bucket/key or https://bucket.s3.REGION.amazonaws.com/key"
)]
pub struct BadS3Uri(pub String);

impl S3Uri {
    /// # Errors
    /// When the text is neither of the two forms, or names no bucket.
    pub fn parse(uri: &str) -> Result<Self, BadS3Uri> {
        let parts = match uri.strip_prefix("s3://") {
            Some(rest) => Some(rest.split_once('/').unwrap_or((rest, "")))
                .map(|(bucket, key)| (bucket.to_owned(), key.to_owned())),
            None => uri.strip_prefix("https://").and_then(of_https),
        };
        parts
            .filter(|(bucket, _)| !bucket.is_empty())
            .map(|(bucket, key)| Self { bucket, key })
            .ok_or_else(|| BadS3Uri(uri.chars().take(1024).collect()))
    }

    /// What somebody can do who misses an object here, in a sentence or two.
    pub fn how_to_fill(&self) -> String {
        let Self { bucket, key } = self;
        format!(
            "This region holds only what was put into it: `sagebrush bucket create {bucket}` and \
             `sagebrush upload FILE s3://{bucket}/{key}` put it there, and so does a file at \
             buckets/{bucket}/{key} in the workspace folder."
        )
    }

    /// The key of what lies at `name` below this prefix.
    pub fn below(&self, name: &str) -> String {
        let slash = if self.key.is_empty() || self.key.ends_with('/') { "" } else { "/" };
        format!("{}{slash}{name}", self.key)
    }
}

impl fmt::Display for S3Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Bucket and key of what follows `https://`, in S3's path style or its virtual-hosted style.
fn of_https(rest: &str) -> Option<(String, String)> {
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // A query selects a version or carries a signature; neither is part of a key.
    if path.contains(['?', '#']) {
        return None;
    }
    let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?.into_owned();
    let host = host.to_ascii_lowercase();
    let name = host.strip_suffix(".amazonaws.com.cn").or(host.strip_suffix(".amazonaws.com"))?;
    if is_endpoint(name) {
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        return Some((bucket.to_owned(), key.to_owned()));
    }
    // A bucket's name may hold dots, and parts that look like S3's: the last one counts.
    let at =
        name.rmatch_indices(".s3").map(|(at, _)| at).find(|at| is_endpoint(&name[at + 1..]))?;
    Some((name[..at].to_owned(), path))
}

/// `s3`, `s3.us-east-1`, `s3-us-east-1`, `s3.dualstack.us-east-1`.
fn is_endpoint(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("s3") else { return false };
    let region = rest.strip_prefix(".dualstack").unwrap_or(rest);
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    rest.is_empty() || region.strip_prefix(['.', '-']).is_some_and(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("s3://b/a/key", "b", "a/key")]
    #[case("s3://b", "b", "")]
    #[case("s3://b/odd?key#x", "b", "odd?key#x")]
    #[case("https://s3.us-east-1.amazonaws.com/b/a/key", "b", "a/key")]
    #[case("https://s3-us-west-2.amazonaws.com/b/k", "b", "k")]
    #[case("https://s3.amazonaws.com/b/k", "b", "k")]
    #[case("https://s3.dualstack.eu-west-1.amazonaws.com/b/k", "b", "k")]
    #[case("https://s3.cn-north-1.amazonaws.com.cn/b/k", "b", "k")]
    #[case("https://b.s3.amazonaws.com/a/k", "b", "a/k")]
    #[case("https://b.s3.us-east-1.amazonaws.com/a/k", "b", "a/k")]
    #[case("https://my.s3.data.s3-us-west-2.amazonaws.com/k", "my.s3.data", "k")]
    #[case("https://b.s3.amazonaws.com/a%20b", "b", "a b")]
    fn both_forms_are_read(#[case] uri: &str, #[case] bucket: &str, #[case] key: &str) {
        assert_eq!(S3Uri::parse(uri), Ok(S3Uri { bucket: bucket.into(), key: key.into() }));
    }

    #[rstest]
    #[case("")]
    #[case("s3://")]
    #[case("s3:///key")]
    #[case("b/key")]
    #[case("http://s3.us-east-1.amazonaws.com/b/k")]
    #[case("https://b/key")]
    #[case("https://example.com/b/k")]
    #[case("https://s3.us-east-1.amazonaws.com")]
    #[case("https://s3.us-east-1.amazonaws.com.example.com/b/k")]
    #[case("https://s3.us-east-1.amazonaws.com/b/k?versionId=1")]
    #[case("https://sagemaker.us-east-1.amazonaws.com/b")]
    #[case("https://s3.us-east-1.amazonaws.com/b/%ff")]
    fn nothing_else_is(#[case] uri: &str) {
        assert!(S3Uri::parse(uri).is_err(), "{uri}");
    }

    #[test]
    fn names_below_a_prefix() {
        let below = |uri: &str| S3Uri::parse(uri).unwrap().below("x");
        assert_eq!((below("s3://b"), below("s3://b/p")), ("x".into(), "p/x".into()));
        assert_eq!(below("s3://b/p/"), "p/x");
    }
}
