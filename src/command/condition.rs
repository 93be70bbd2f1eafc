//! `approve --if "accuracy >= 0.90 and rmse < 3"`: conditions over the figures of an evaluation.

use super::outcome::CommandError;
use std::collections::BTreeMap;

/// Comparisons that must all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Vec<Comparison>);

#[derive(Clone, Debug, PartialEq)]
struct Comparison {
    metric: String,
    operator: Operator,
    bound: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    AtLeast,
    AtMost,
    Above,
    Below,
    Equal,
    Unequal,
}

/// Longer spellings first, so that `>=` is not read as `>`.
const OPERATORS: [(&str, Operator); 7] = [
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    (">", Operator::Above),
    ("<", Operator::Below),
    ("=", Operator::Equal),
];

impl Operator {
    /// The first operator in the text, with what stands before and after it.
    pub fn find(text: &str) -> Option<(&str, Self, &str)> {
        let start = text.find(['<', '>', '=', '!'])?;
        let (left, rest) = text.split_at(start);
        let (spelling, operator) =
            OPERATORS.into_iter().find(|(spelling, _)| rest.starts_with(spelling))?;
        Some((left.trim(), operator, rest[spelling.len()..].trim()))
    }

    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::AtLeast => left >= right,
            Self::AtMost => left <= right,
            Self::Above => left > right,
            Self::Below => left < right,
            Self::Equal => left == right,
            Self::Unequal => left != right,
        }
    }

    pub fn spelling(self) -> &'static str {
        // The last: `=`, as the language's own examples have it.
        OPERATORS.into_iter().rfind(|(_, operator)| *operator == self).map_or("?", |(text, _)| text)
    }
}

impl Condition {
    pub fn parse(text: &str) -> Result<Self, CommandError> {
        let usage = || {
            CommandError::Usage(format!(
                "`{text}` is no condition; write a metric, a comparison and a number, such as \
                 \"accuracy >= 0.9 and log_loss < 0.5\""
            ))
        };
        let comparisons = text.split(" and ").map(|part| {
            let (metric, operator, bound) = Operator::find(part).ok_or_else(usage)?;
            if metric.is_empty() {
                return Err(usage());
            }
            let bound = number(bound).ok_or_else(usage)?;
            Ok(Comparison { metric: metric.to_owned(), operator, bound })
        });
        Ok(Self(comparisons.collect::<Result<_, _>>()?))
    }

    /// Whether all holds, and the figures that decided it; an error names a figure that is missing.
    pub fn judge(&self, figures: &BTreeMap<String, f64>) -> Result<(bool, String), String> {
        let mut holds = true;
        let mut because = Vec::new();
        for Comparison { metric, operator, bound } in &self.0 {
            let Some(found) = figures.get(metric) else {
                let known = figures.keys().cloned().collect::<Vec<_>>().join(", ");
                let known = if known.is_empty() { "none".to_owned() } else { known };
                return Err(format!("its evaluation has no {metric} (it has: {known})"));
            };
            let met = operator.holds(*found, *bound);
            holds &= met;
            let verdict = if met { "" } else { "not " };
            because
                .push(format!("{metric} {found:.4} is {verdict}{} {bound}", operator.spelling()));
        }
        Ok((holds, because.join(", ")))
    }
}

/// `0.9` or `90%`.
pub fn number(text: &str) -> Option<f64> {
    let (digits, scale) = text.strip_suffix('%').map_or((text, 1.0), |digits| (digits, 0.01));
    digits
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .map(|number| number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_judge_figures() {
        let figures = BTreeMap::from([("accuracy".to_owned(), 0.93), ("rmse".to_owned(), 2.0)]);
        let judge =
            |text: &str| Condition::parse(text).unwrap().judge(&figures).map(|(met, _)| met);
        assert_eq!(judge("accuracy >= 0.90"), Ok(true));
        assert_eq!(judge("accuracy>=94%"), Ok(false));
        assert_eq!(judge("accuracy > 0.9 and rmse < 2"), Ok(false));
        assert!(judge("f1 > 0").unwrap_err().contains("accuracy, rmse"));
        for bad in ["accuracy", ">= 1", "accuracy >= much", ""] {
            assert!(Condition::parse(bad).is_err(), "{bad}");
        }
    }
}
