//! Dollars without rounding: whole nano-dollars, so that sums of many small bills are exact.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::time::Duration;

const NANOS: i128 = 1_000_000_000;

/// US dollars, in nano-dollars. Holds ±170 million million million million dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i128);

impl Money {
    pub const ZERO: Self = Self(0);

    pub const fn from_nanos(nanos: i128) -> Self {
        Self(nanos)
    }

    pub const fn as_nanos(self) -> i128 {
        self.0
    }

    /// From a decimal such as `0.115`: at most nine places, no sign, no exponent.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 18 || fraction.len() > 9 {
            return None;
        }
        if !digits(whole) || !digits(fraction) || text.ends_with('.') {
            return None;
        }
        let nanos: i128 = format!("{fraction:0<9}").parse().ok()?;
        Some(Self(whole.parse::<i128>().ok()? * NANOS + nanos))
    }

    pub fn as_dollars(self) -> f64 {
        self.0 as f64 / NANOS as f64
    }

    /// What `span` costs at this price an hour, times `count`. Rounded up to the nano-dollar.
    #[must_use]
    pub fn per_hour_for(self, span: Duration, count: u32) -> Self {
        let millis = i128::try_from(span.as_millis()).unwrap_or(i128::MAX / NANOS);
        let product = self.0.saturating_mul(millis).saturating_mul(i128::from(count));
        Self((product + 3_599_999).div_euclid(3_600_000))
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

/// At least two places, no more than it takes: `0.115`, `3.00`, `0.0000319`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let fraction = format!("{:09}", nanos % NANOS.unsigned_abs());
        let places = fraction.trim_end_matches('0').len().max(2);
        write!(f, "{sign}{}.{}", nanos / NANOS.unsigned_abs(), &fraction[..places])
    }
}

impl Serialize for Money {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not an amount such as \"0.115\""))
        })
    }
}

/// A total of which some parts may have no known price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    pub known: Money,
    /// How many parts had no known price and are left out of `known`.
    pub unpriced: u32,
}

impl Total {
    pub fn add(&mut self, part: Option<Money>) {
        match part {
            Some(amount) => self.known += amount,
            None => self.unpriced += 1,
        }
    }
}

/// `$1.20`, or `$1.20 and 2 of unknown price`.
impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.known)?;
        match self.unpriced {
            0 => Ok(()),
            count => write!(f, " and {count} of unknown price"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_parse_exactly_or_not_at_all() {
        assert_eq!(Money::parse("0.115"), Some(Money::from_nanos(115_000_000)));
        assert_eq!(Money::parse("3"), Some(Money::from_nanos(3_000_000_000)));
        assert_eq!(Money::parse("0.000000001"), Some(Money::from_nanos(1)));
        for wrong in ["", ".", "1.", ".5", "-1", "1e3", "0.0000000001", "1,5", "½"] {
            assert_eq!(Money::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_hour_costs_the_hourly_price_and_a_second_its_share() {
        let price = Money::parse("0.115").unwrap();
        assert_eq!(price.per_hour_for(Duration::from_secs(3600), 1), price);
        assert_eq!(price.per_hour_for(Duration::from_secs(7200), 3).to_string(), "0.69");
        assert_eq!(price.per_hour_for(Duration::from_secs(1), 1).to_string(), "0.000031945");
        assert_eq!(price.per_hour_for(Duration::ZERO, 9), Money::ZERO);
    }

    #[test]
    fn a_total_says_what_it_leaves_out() {
        let mut total = Total::default();
        total.add(Money::parse("1.2"));
        assert_eq!(total.to_string(), "$1.20");
        total.add(None);
        assert_eq!(total.to_string(), "$1.20 and 1 of unknown price");
    }

    proptest! {
        #[test]
        fn text_and_back_is_the_same_amount(nanos in 0_i128..1_000_000_000_000_000_000) {
            let money = Money::from_nanos(nanos);
            prop_assert_eq!(Money::parse(&money.to_string()), Some(money));
        }

        #[test]
        fn parts_never_cost_less_than_the_whole(
            price in 1_i128..100_000_000_000,
            first in 0_u64..10_000_000,
            second in 0_u64..10_000_000,
        ) {
            let price = Money::from_nanos(price);
            let cost = |millis| price.per_hour_for(Duration::from_millis(millis), 1);
            let (parts, whole) = (cost(first) + cost(second), cost(first + second));
            prop_assert!(parts >= whole && parts.as_nanos() - whole.as_nanos() <= 1);
        }
    }
}
