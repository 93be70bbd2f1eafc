//! The beta-binomial mixture: how strongly counts of a yes-or-no observation speak against a rate.
//!
//! Under the true rate the likelihood ratio of "some other rate, drawn from a beta distribution"
//! to the rate itself is a nonnegative martingale that starts at one. By Ville's inequality it ever
//! reaches 1/α with a probability of at most α, however often one looks and whenever one stops.

/// The mixing beta distribution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixture {
    a: f64,
    b: f64,
}

/// How narrow the mixture around a known rate is: tightest after about a thousand observations.
const CONCENTRATION: f64 = 100.0;

impl Mixture {
    /// For a rate of which nothing is known beforehand, near zero or one as likely as in the middle.
    pub(super) const UNKNOWN: Self = Self { a: 0.5, b: 0.5 };

    /// For the indicator of a quantile, whose rate is known (0 < `rate` < 1).
    pub(super) fn around(rate: f64) -> Self {
        Self { a: CONCENTRATION * rate, b: CONCENTRATION * (1.0 - rate) }
    }

    /// The logarithm of the mixture's likelihood for `hits` among `all`.
    pub(super) fn evidence(self, hits: f64, all: f64) -> f64 {
        ln_beta(self.a + hits, self.b + (all - hits).max(0.0)) - ln_beta(self.a, self.b)
    }

    /// The logarithm of the martingale against `rate`; infinite for a rate that cannot be.
    pub(super) fn against(self, rate: f64, hits: f64, all: f64) -> f64 {
        self.evidence(hits, all) - ln_likelihood(rate, hits, all)
    }
}

pub(super) fn ln_likelihood(rate: f64, hits: f64, all: f64) -> f64 {
    times_ln(hits, rate) + times_ln((all - hits).max(0.0), 1.0 - rate)
}

/// `factor · ln(value)`, zero for no factor even at the logarithm's pole.
fn times_ln(factor: f64, value: f64) -> f64 {
    if factor <= 0.0 { 0.0 } else { factor * value.ln() }
}

fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The martingale's expectation after one more observation, with the true rate, is what it was.
    fn next_expected(mixture: Mixture, rate: f64, hits: f64, all: f64) -> f64 {
        let hit = mixture.against(rate, hits + 1.0, all + 1.0).exp();
        let miss = mixture.against(rate, hits, all + 1.0).exp();
        rate * hit + (1.0 - rate) * miss
    }

    proptest! {
        #[test]
        fn is_a_martingale_under_the_true_rate(
            rate in 0.001..0.999_f64, all in 0_u32..500, part in 0.0..=1.0_f64
        ) {
            let (all, hits) = (f64::from(all), (f64::from(all) * part).floor());
            for mixture in [Mixture::UNKNOWN, Mixture::around(rate)] {
                let now = mixture.against(rate, hits, all).exp();
                prop_assume!(now.is_finite() && now > 1e-200 && now < 1e200);
                let next = next_expected(mixture, rate, hits, all);
                prop_assert!((next / now - 1.0).abs() < 1e-8, "{now} {next}");
            }
        }
    }

    #[test]
    fn starts_at_one() {
        assert!(Mixture::UNKNOWN.against(0.3, 0.0, 0.0).abs() < 1e-12);
        assert!(Mixture::around(0.99).against(0.99, 0.0, 0.0).abs() < 1e-12);
    }

    #[test]
    fn a_rate_that_cannot_be_is_refuted_at_once() {
        assert!(Mixture::UNKNOWN.against(0.0, 1.0, 5.0).is_infinite());
        assert!(Mixture::UNKNOWN.against(0.0, 0.0, 5.0).is_finite());
    }
}
