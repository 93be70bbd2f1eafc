//! The URI templates of REST operations: `/endpoints/{EndpointName}/invocations`, where a label
//! ending in `+` takes the slashes too.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;

/// What RFC 3986 leaves alone, as AWS's clients do.
pub(in crate::api) const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const UNRESERVED_AND_SLASH: &AsciiSet = &UNRESERVED.remove(b'/');

/// The labels of a path, still percent-encoded; `None` when the path is of another template.
fn labels<'t, 'p>(template: &'t str, path: &'p str) -> Option<Vec<(&'t str, &'p str)>> {
    let template = template.split('?').next().unwrap_or_default();
    let mut found = Vec::new();
    let (mut template, mut path) = (template, path);
    loop {
        let Some(open) = template.find('{') else {
            return (template == path).then_some(found);
        };
        path = path.strip_prefix(&template[..open])?;
        let close = open + template[open..].find('}')?;
        let label = &template[open + 1..close];
        template = &template[close + 1..];
        let (label, end) = match label.strip_suffix('+') {
            Some(label) => (label, path.len().checked_sub(template.len())?),
            None => (label, path.find('/').unwrap_or(path.len())),
        };
        if end == 0 {
            return None;
        }
        found.push((label, path.get(..end)?));
        path = &path[end..];
    }
}

pub(in crate::api) fn matches(template: &str, path: &str) -> bool {
    labels(template, path).is_some()
}

/// The labels with their values decoded; `None` when the path is of another template or no UTF-8.
pub(super) fn decode<'t>(template: &'t str, path: &str) -> Option<Vec<(&'t str, String)>> {
    labels(template, path)?
        .into_iter()
        .map(|(label, raw)| {
            let text = percent_decode_str(raw).decode_utf8().ok()?;
            Some((label, text.into_owned()))
        })
        .collect()
}

/// The template with its labels filled in; `None` when one has no value or an empty one.
pub(super) fn encode(
    template: &str,
    mut value: impl FnMut(&str) -> Option<String>,
) -> Option<String> {
    let (mut out, mut rest) = (String::with_capacity(template.len() + 32), template);
    while let Some(open) = rest.find('{') {
        let close = open + rest[open..].find('}')?;
        out.push_str(&rest[..open]);
        let label = &rest[open + 1..close];
        let (name, set) = match label.strip_suffix('+') {
            Some(name) => (name, UNRESERVED_AND_SLASH),
            None => (label, UNRESERVED),
        };
        let text = value(name).filter(|text| !text.is_empty())?;
        out.extend(utf8_percent_encode(&text, set));
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    Some(out)
}

/// `a=1&b=` taken apart and decoded, with `+` as a space where a form says so. Broken escapes stay
/// as they are, as browsers and AWS's servers leave them.
pub fn pairs(text: &str, plus_is_space: bool) -> impl Iterator<Item = (String, String)> {
    let decode = move |part: &str| {
        let part = if plus_is_space { Cow::Owned(part.replace('+', " ")) } else { part.into() };
        percent_decode_str(&part).decode_utf8_lossy().into_owned()
    };
    text.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "/endpoints/{EndpointName}/invocations";

    #[test]
    fn labels_are_taken_and_given() {
        let found = decode(TEMPLATE, "/endpoints/a%20b/invocations").unwrap();
        assert_eq!(found, [("EndpointName", "a b".to_owned())]);
        assert_eq!(
            encode(TEMPLATE, |_| Some("a b/c".into())).unwrap(),
            "/endpoints/a%20b%2Fc/invocations"
        );
        assert_eq!(decode("/x/{Key+}", "/x/a/b").unwrap(), [("Key", "a/b".to_owned())]);
        assert_eq!(encode("/x/{Key+}", |_| Some("a/b c".into())).unwrap(), "/x/a/b%20c");
    }

    #[test]
    fn other_paths_are_other_operations() {
        for path in [
            "/endpoints/a/invocations/",
            "/endpoints//invocations",
            "/endpoints/a/b/invocations",
            "/endpoints/a/async-invocations",
            "/endpoints/a",
            "",
        ] {
            assert!(!matches(TEMPLATE, path), "{path}");
        }
        assert!(encode(TEMPLATE, |_| None).is_none());
        assert!(encode(TEMPLATE, |_| Some(String::new())).is_none());
    }
}
