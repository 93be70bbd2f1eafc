//! A statement's `Condition`: its form, and whether a request's context meets it.

use super::evaluate::Context;
use super::pattern::Pattern;
use super::statement::{Condition, texts};
use serde_json::Value;
use std::net::IpAddr;

/// How an operator compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Text,
    TextIgnoringCase,
    Like,
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Address,
    Arn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How many of a key's values must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    /// The key's only value; of several, any.
    One,
    All,
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// Whether the key is absent.
    Null,
    Compare {
        compare: Compare,
        negated: bool,
        if_exists: bool,
        quantifier: Quantifier,
    },
}

impl Operator {
    /// Reads an operator's name; `None` for one that IAM does not have.
    fn parse(name: &str) -> Option<Self> {
        if name == "Null" {
            return Some(Self::Null);
        }
        let (quantifier, rest) = match name.split_once(':') {
            None => (Quantifier::One, name),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(_) => return None,
        };
        let (rest, if_exists) = match rest.strip_suffix("IfExists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (compare, negated) = Self::compare(rest)?;
        Some(Self::Compare { compare, negated, if_exists, quantifier })
    }

    fn compare(name: &str) -> Option<(Compare, bool)> {
        let ordered = |rest: &str| {
            Some(match rest {
                "Equals" => (Order::Equal, false),
                "NotEquals" => (Order::Equal, true),
                "LessThan" => (Order::Less, false),
                "LessThanEquals" => (Order::LessOrEqual, false),
                "GreaterThan" => (Order::Greater, false),
                "GreaterThanEquals" => (Order::GreaterOrEqual, false),
                _ => return None,
            })
        };
        if let Some(rest) = name.strip_prefix("Numeric") {
            return ordered(rest).map(|(order, negated)| (Compare::Number(order), negated));
        }
        if let Some(rest) = name.strip_prefix("Date") {
            return ordered(rest).map(|(order, negated)| (Compare::Date(order), negated));
        }
        Some(match name {
            "StringEquals" => (Compare::Text, false),
            "StringNotEquals" => (Compare::Text, true),
            "StringEqualsIgnoreCase" => (Compare::TextIgnoringCase, false),
            "StringNotEqualsIgnoreCase" => (Compare::TextIgnoringCase, true),
            "StringLike" => (Compare::Like, false),
            "StringNotLike" => (Compare::Like, true),
            "Bool" => (Compare::Bool, false),
            "BinaryEquals" => (Compare::Binary, false),
            "IpAddress" => (Compare::Address, false),
            "NotIpAddress" => (Compare::Address, true),
            "ArnEquals" | "ArnLike" => (Compare::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Compare::Arn, true),
            _ => return None,
        })
    }
}

/// Whether it has the form of a condition: known operators over keys over values. An operator without
/// keys may have any name.
pub(super) fn is_well_formed(condition: &Value) -> bool {
    let Some(operators) = condition.as_object() else { return false };
    operators.iter().all(|(name, keys)| {
        let Some(keys) = keys.as_object() else { return false };
        (keys.is_empty() || Operator::parse(name).is_some()) && keys.values().all(is_value)
    })
}

fn is_value(value: &Value) -> bool {
    match value {
        Value::Array(several) => several.iter().all(|one| !one.is_array() && is_value(one)),
        Value::String(_) | Value::Number(_) | Value::Bool(_) => true,
        Value::Null | Value::Object(_) => false,
    }
}

/// Whether a date is compared with what is none.
pub(super) fn has_bad_date(condition: &Value) -> bool {
    let operators = condition.as_object().into_iter().flatten();
    operators
        .filter(|(name, _)| {
            matches!(
                Operator::parse(name),
                Some(Operator::Compare { compare: Compare::Date(_), .. })
            )
        })
        .filter_map(|(_, keys)| keys.as_object())
        .flat_map(|keys| keys.values())
        .flat_map(texts)
        .any(|text| !is_date(&text))
}

/// The forms of ISO 8601 that IAM takes: `2017`, `2017-07-01T00:00:00Z`, `2016-12-13T2:00+01:00`, and
/// epoch seconds.
fn is_date(text: &str) -> bool {
    const FORM: &str = r"(?i)^\d{1,9}(-(0?[1-9]|1[0-2])(-(0?[1-9]|[12]\d|3[01]))?)?(T((\d|[01]\d|2[0-4])(:[0-5]\d(:[0-5]\d(\.\d{1,9})?)?)?(Z|[+-]\d{2}(:?[0-5]\d)?)?)?)?$";
    static DATE: std::sync::LazyLock<Option<regex::Regex>> =
        std::sync::LazyLock::new(|| regex::Regex::new(FORM).ok());
    text.parse::<i64>().is_ok() || DATE.as_ref().is_some_and(|form| form.is_match(text))
}

/// Epoch milliseconds of a date; `None` for a form without a time zone that cannot be told.
fn instant(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        // Four digits are a year, more are epoch seconds.
        if text.trim_start_matches('-').len() > 4 {
            return seconds.checked_mul(1000);
        }
        return format!("{text}-01-01T00:00:00Z").parse::<jiff::Timestamp>().ok().map(millis);
    }
    let text = text.to_ascii_uppercase();
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(millis(at));
    }
    if let Ok(at) = text.parse::<jiff::civil::DateTime>() {
        return at.in_tz("UTC").ok().map(|at| millis(at.timestamp()));
    }
    let date = text.parse::<jiff::civil::Date>().ok()?;
    date.in_tz("UTC").ok().map(|at| millis(at.timestamp()))
}

fn millis(at: jiff::Timestamp) -> i64 {
    at.as_millisecond()
}

/// Whether the context meets all keys of one operator.
pub(super) fn is_met(condition: &Condition, context: &Context, variables: bool) -> bool {
    let Some(operator) = Operator::parse(&condition.operator) else {
        return condition.keys.is_empty();
    };
    condition.keys.iter().all(|(key, wanted)| {
        let values = context.values(key);
        match operator {
            Operator::Null => {
                let absent = values.is_none_or(<[String]>::is_empty);
                wanted.iter().any(|text| text.eq_ignore_ascii_case(&absent.to_string()))
            }
            Operator::Compare { compare, negated, if_exists, quantifier } => {
                let patterns: Vec<Pattern> = wanted
                    .iter()
                    .filter_map(|text| match variables {
                        true => Pattern::filled(text, context),
                        false => Some(Pattern::literal_wildcards(text)),
                    })
                    .collect();
                let fits = |value: &String| {
                    patterns.iter().any(|pattern| compares(compare, pattern, value)) != negated
                };
                match (values.unwrap_or_default(), quantifier) {
                    ([], Quantifier::All) => true,
                    ([], Quantifier::Any) => if_exists,
                    ([], Quantifier::One) => if_exists || negated,
                    (values, Quantifier::All) => values.iter().all(fits),
                    (values, Quantifier::Any) => values.iter().any(fits),
                    (values, Quantifier::One) if negated => values.iter().all(fits),
                    (values, Quantifier::One) => values.iter().any(fits),
                }
            }
        }
    })
}

fn compares(compare: Compare, pattern: &Pattern, value: &str) -> bool {
    let wanted = || pattern.text();
    match compare {
        Compare::Text | Compare::Binary => pattern.is(value),
        Compare::TextIgnoringCase => wanted().to_lowercase() == value.to_lowercase(),
        Compare::Like => pattern.fits(value),
        Compare::Bool => wanted().eq_ignore_ascii_case(value),
        Compare::Number(order) => match (value.parse::<f64>(), wanted().parse::<f64>()) {
            (Ok(value), Ok(wanted)) => ordered(order, value.partial_cmp(&wanted)),
            _ => false,
        },
        Compare::Date(order) => match (instant(value), instant(&wanted())) {
            (Some(value), Some(wanted)) => ordered(order, Some(value.cmp(&wanted))),
            _ => false,
        },
        Compare::Address => in_network(&wanted(), value),
        Compare::Arn => fits_arn(&wanted(), value),
    }
}

fn ordered(order: Order, found: Option<std::cmp::Ordering>) -> bool {
    let Some(found) = found else { return false };
    match order {
        Order::Equal => found.is_eq(),
        Order::Less => found.is_lt(),
        Order::LessOrEqual => found.is_le(),
        Order::Greater => found.is_gt(),
        Order::GreaterOrEqual => found.is_ge(),
    }
}

/// `203.0.113.0/24` and `2001:db8::/32`, or one address.
fn in_network(network: &str, address: &str) -> bool {
    let (base, length) = network.split_once('/').map_or((network, None), |(base, length)| {
        (base, Some(length.parse::<u32>().unwrap_or(u32::MAX)))
    });
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let (Ok(base), Ok(address)) = (base.parse::<IpAddr>(), address.parse::<IpAddr>()) else {
        return false;
    };
    let ((base, width), (address, of)) = (bits(base), bits(address));
    let length = length.unwrap_or(width);
    width == of && length <= width && {
        let shift = 128 - length;
        shift == 128 || base >> shift == address >> shift
    }
}

/// An ARN's six parts are compared one by one, so that a star stays within its part.
fn fits_arn(pattern: &str, arn: &str) -> bool {
    let (patterns, parts): (Vec<_>, Vec<_>) =
        (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    if patterns.len() != 6 || parts.len() != 6 {
        return pattern == "*";
    }
    let mut pairs = patterns.iter().zip(&parts);
    pairs.all(|(pattern, part)| Pattern::literal_wildcards(pattern).fits(part))
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
