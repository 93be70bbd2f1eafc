//! The canonical request: the one text that client and server must agree on to the byte.

use crate::api::codec::uri::{UNRESERVED, pairs};
use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};

const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// How a service's path becomes canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// Dots resolved, double slashes removed, and encoded once more.
    Encoded,
    /// S3: a key may hold `//` and `..`, so the path stays as it was sent.
    AsSent,
    /// S3, for clients that leave characters bare which others encode.
    Reencoded,
}

impl Path {
    pub(super) fn of(service: &str) -> Self {
        if service == "s3" { Self::AsSent } else { Self::Encoded }
    }

    fn canonical(self, path: &str) -> String {
        let path = if path.is_empty() { "/" } else { path };
        match self {
            Self::AsSent => path.to_owned(),
            Self::Encoded => utf8_percent_encode(&without_dots(path), PATH).to_string(),
            Self::Reencoded => {
                let plain: Vec<u8> = percent_decode_str(path).collect();
                percent_encoding::percent_encode(&plain, PATH).to_string()
            }
        }
    }
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

pub(super) struct Canonical<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    /// The query holds the signature, which does not cover itself.
    pub(super) presigned: bool,
}

impl Canonical<'_> {
    pub(super) fn request(&self, path: Path, signed: &[&str], payload: &str) -> String {
        let mut out = String::with_capacity(512);
        out.push_str(self.method.as_str());
        out.push('\n');
        out.push_str(&path.canonical(self.path));
        out.push('\n');
        out.push_str(&self.query());
        out.push('\n');
        for name in signed {
            out.push_str(name);
            out.push(':');
            out.push_str(&self.header(name));
            out.push('\n');
        }
        out.push('\n');
        out.push_str(&signed.join(";"));
        out.push('\n');
        out.push_str(payload);
        out
    }

    fn query(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        let mut all: Vec<(String, String)> = pairs(self.query, false)
            .filter(|(key, _)| !(self.presigned && key == "X-Amz-Signature"))
            .map(|(key, value)| (encode(&key), encode(&value)))
            .collect();
        all.sort();
        let all: Vec<String> =
            all.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        all.join("&")
    }

    /// All values of a header, trimmed, with single spaces inside.
    fn header(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter().map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        });
        values.collect::<Vec<_>>().join(",")
    }
}
