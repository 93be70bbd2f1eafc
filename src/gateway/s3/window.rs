//! Which part of an object an answer holds: a range or a part.

use super::error::{S3Result, invalid_request};
use crate::api::error::AwsError;

/// Which bytes are sent, and what is told of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub start: u64,
    pub length: u64,
    /// `bytes 0-4/10`; `None` when it is the whole.
    pub range: Option<String>,
    pub parts: Option<u64>,
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// From here to there, inclusive, or to the end.
    From(u64, Option<u64>),
    /// The last bytes.
    Last(u64),
}

/// A single range of bytes. All else, malformed or of several, asks for the whole.
fn parse(text: &str) -> Option<Range> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first, last) {
        ("", last) => Some(Range::Last(number(last)?)),
        (first, "") => Some(Range::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Range::From(first, Some(last)))
        }
    }
}

impl Window {
    fn whole(size: u64) -> Self {
        Self { start: 0, length: size, range: None, parts: None }
    }

    fn part(start: u64, length: u64, size: u64) -> Self {
        let last = (start + length).saturating_sub(1);
        Self { start, length, range: Some(format!("bytes {start}-{last}/{size}")), parts: None }
    }

    pub fn of_range(range: Option<&str>, size: u64) -> S3Result<Self> {
        let Some((text, range)) = range.and_then(|text| Some((text, parse(text)?))) else {
            return Ok(Self::whole(size));
        };
        let unsatisfiable = || {
            AwsError::new(416, "InvalidRange", "The requested range is not satisfiable")
                .with("RangeRequested", text)
                .with("ActualObjectSize", size.to_string())
        };
        match range {
            Range::Last(0) => Err(unsatisfiable()),
            Range::Last(_) if size == 0 => Ok(Self::whole(0)),
            Range::Last(length) => {
                let length = length.min(size);
                Ok(Self::part(size - length, length, size))
            }
            Range::From(first, _) if first >= size => Err(unsatisfiable()),
            Range::From(first, last) => {
                let last = last.unwrap_or(u64::MAX).min(size - 1);
                Ok(Self::part(first, last - first + 1, size))
            }
        }
    }

    /// Part `number` of an object that was completed from `sizes`, or of one that came whole.
    pub fn of_part(number: i64, sizes: &[u64], size: u64) -> S3Result<Self> {
        let whole = [size];
        let parts = if sizes.is_empty() { &whole } else { sizes };
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let index = index.filter(|index| *index < parts.len()).ok_or_else(|| {
            AwsError::new(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
                .with("PartNumberRequested", number.to_string())
                .with("ActualPartCount", parts.len().to_string())
        })?;
        let count = (!sizes.is_empty()).then_some(sizes.len() as u64);
        let start = parts[..index].iter().sum();
        let window = if size == 0 { Self::whole(0) } else { Self::part(start, parts[index], size) };
        Ok(Self { parts: count, ..window })
    }
}

/// `bytes=first-last` of a copied part, the only form that it takes.
pub(super) fn of_copy(text: &str, size: u64) -> S3Result<(u64, u64)> {
    match parse(text) {
        Some(Range::From(first, Some(last))) if last < size => Ok((first, last - first + 1)),
        Some(Range::From(_, Some(_))) => Err(super::error::invalid_argument(format!(
            "Range specified is not valid for source object of size: {size}"
        ))),
        _ => Err(super::error::invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first \
             and last are the zero-based offsets of the first and last bytes to copy",
        )
        .with("ArgumentName", "x-amz-copy-source-range")
        .with("ArgumentValue", text)),
    }
}

pub(super) fn both() -> AwsError {
    invalid_request("Cannot specify both Range header and partNumber query parameter")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(text: &str, size: u64) -> Result<(u64, u64, bool), u16> {
        let window = Window::of_range(Some(text), size).map_err(|error| error.status)?;
        Ok((window.start, window.length, window.range.is_some()))
    }

    #[test]
    fn ranges_are_taken_as_laxly_as_s3_takes_them() {
        let all = Ok((0, 12, false));
        for lax in
            ["bytes=1-0", "bytes=15-1", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=-", ""]
        {
            assert_eq!(range(lax, 12), all, "{lax}");
        }
        assert_eq!(range("bytes=2-4", 12), Ok((2, 3, true)));
        assert_eq!(range("bytes=2-", 12), Ok((2, 10, true)));
        assert_eq!(range("bytes=2-99999999999999999999", 12), Ok((2, 10, true)));
        assert_eq!(range("bytes=-3", 12), Ok((9, 3, true)));
        assert_eq!(range("bytes=-99", 12), Ok((0, 12, true)));
        assert_eq!(range("bytes=-1", 0), Ok((0, 0, false)));
        for beyond in ["bytes=12-", "bytes=12-13", "bytes=-0"] {
            assert_eq!(range(beyond, 12), Err(416), "{beyond}");
        }
        assert_eq!(range("bytes=0-", 0), Err(416));
    }

    #[test]
    fn parts_are_numbered_from_one() {
        let part = |number| {
            let window = Window::of_part(number, &[5, 3], 8).map_err(|error| error.status)?;
            Ok::<_, u16>((window.start, window.length, window.parts))
        };
        assert_eq!(part(1), Ok((0, 5, Some(2))));
        assert_eq!(part(2), Ok((5, 3, Some(2))));
        assert_eq!((part(0), part(3), part(-1)), (Err(416), Err(416), Err(416)));
        assert_eq!(Window::of_part(1, &[], 8).unwrap().parts, None);
        assert_eq!(Window::of_part(1, &[], 0).unwrap(), Window::whole(0));
    }

    proptest! {
        #[test]
        fn no_window_leaves_the_object(text in "(bytes=)?[0-9]{0,21}-?[0-9]{0,21}", size: u64) {
            if let Ok(window) = Window::of_range(Some(&text), size) {
                prop_assert!(window.start.checked_add(window.length).is_some_and(|end| end <= size));
            }
        }
    }
}
