//! Whether two variants differ, at whatever moment somebody looks.
//!
//! A person in front of live figures looks all the time and stops when something shows; a test made
//! for one look at a fixed number of requests then alarms falsely far more often than it says. These
//! findings hold at every look at once: over the whole life of an endpoint, the probability that any
//! of them ever claims a difference where there is none stays below [`Rules::alpha`].
//!
//! For that, what is given must be everything since a moment fixed beforehand (the variants' start,
//! say): a window that slides ("the last minute") forgets, and forgetting voids the promise. It also
//! takes the requests as independent of each other. A stall that hits many requests in a row counts
//! as many observations, so under heavy queueing the findings on latency are too sure of themselves.

mod mixture;
mod proportion;
mod quantile;
mod sentence;
#[cfg(test)]
mod tests;

use super::distribution::Distribution;

/// So many of `all` (errors among requests, right answers among rows).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    pub hits: u64,
    pub all: u64,
}

impl Rate {
    /// 0 to 1; `None` of nothing.
    pub fn share(self) -> Option<f64> {
        (self.all > 0).then(|| self.hits.min(self.all) as f64 / self.all as f64)
    }
}

/// What is known of one variant.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    pub name: &'a str,
    /// Latencies in microseconds.
    pub latency: &'a Distribution,
    /// Failed requests among all.
    pub errors: Rate,
    /// Right answers among *different* rows with a known label: a row asked a hundred times tells no
    /// more than once.
    pub accuracy: Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    P50,
    P99,
    Errors,
    Accuracy,
}

impl Question {
    pub const ALL: [Self; 4] = [Self::P50, Self::P99, Self::Errors, Self::Accuracy];
}

/// How sure to be, and which differences are worth more requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The probability of any false alarm, ever, over all questions and comparisons.
    pub alpha: f64,
    /// How many pairs of variants are compared at the same time.
    pub comparisons: u32,
    /// Relative differences of latency that matter.
    pub p50: f64,
    pub p99: f64,
    /// Differences of shares that matter (0.01 is one point).
    pub errors: f64,
    pub accuracy: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { alpha: 0.05, comparisons: 1, p50: 0.05, p99: 0.2, errors: 0.01, accuracy: 0.02 }
    }
}

/// From `low` to `high`, which may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    First,
    Second,
}

impl Arm {
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Finding {
    /// At least one of the two has nothing to compare.
    NoData,
    /// A difference that matters may be there or not.
    TooFew {
        /// What the variant with fewer has.
        have: u64,
        /// What it takes if all goes on as so far; `None` when far beyond what there is.
        need_about: Option<u64>,
    },
    /// Were there a difference, it would be at most `bound`, which does not matter.
    NoDifferenceSeen { bound: f64 },
    /// They differ. Relative changes of latency (−0.39 is 39 % less), differences of shares, both of
    /// the better one against the other.
    Differs { better: Arm, estimate: f64, interval: Interval },
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub question: Question,
    pub finding: Finding,
    /// What was observed of both: microseconds or shares.
    pub observed: [Option<f64>; 2],
    /// In plain words, with the names as they were given: clean them for a terminal.
    pub sentence: String,
}

/// All that can be said about a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub answers: Vec<Answer>,
    /// What else differs between the two, so that a difference need not come from the model.
    pub also_differs: Vec<String>,
}

impl Verdict {
    /// `also differs: instance type, model`; `None` when nothing else does.
    pub fn also_differs(&self) -> Option<String> {
        (!self.also_differs.is_empty())
            .then(|| format!("also differs: {}", self.also_differs.join(", ")))
    }
}

/// The running state of the tests of one pair: for each question what no look so far has refuted. Each
/// look's interval holds at the same time as all others (that is what a confidence sequence is), so
/// their intersection does too, and what one look has found no later one takes back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Running {
    left: [Option<Interval>; 4],
}

impl Running {
    /// Compares two variants, by all that was seen since the state began. `also_differs` names what
    /// else differs between them.
    pub fn compare(
        &mut self,
        first: &Observed<'_>,
        second: &Observed<'_>,
        rules: &Rules,
        also_differs: &[&str],
    ) -> Verdict {
        let mut left = self.left.iter_mut();
        let answers = Question::ALL.map(|question| {
            let mut none = None;
            let left = left.next().unwrap_or(&mut none);
            let (finding, observed) = answer(question, first, second, rules, left);
            let sentence = sentence::of(question, finding, observed, [first.name, second.name]);
            Answer { question, finding, observed, sentence }
        });
        Verdict {
            answers: answers.into(),
            also_differs: also_differs.iter().map(|&cause| cause.to_owned()).collect(),
        }
    }
}

/// Compares two variants at a single look.
pub fn compare(
    first: &Observed<'_>,
    second: &Observed<'_>,
    rules: &Rules,
    also_differs: &[&str],
) -> Verdict {
    Running::default().compare(first, second, rules, also_differs)
}

impl Interval {
    /// The number, or the end of the interval next to it.
    fn holding(self, number: f64) -> f64 {
        number.max(self.low).min(self.high)
    }

    /// What both leave. Where nothing is left, what is measured has changed meanwhile, and the earlier
    /// one stays.
    fn narrowed(self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        let both = Self { low: self.low.max(before.low), high: self.high.min(before.high) };
        if both.low <= both.high { both } else { before }
    }
}

fn answer(
    question: Question,
    first: &Observed<'_>,
    second: &Observed<'_>,
    rules: &Rules,
    left: &mut Option<Interval>,
) -> (Finding, [Option<f64>; 2]) {
    let both = [first, second];
    let threshold = rules.threshold();
    match question {
        Question::P50 | Question::P99 => {
            let (rate, margin) = match question {
                Question::P50 => (0.5, rules.p50),
                _ => (0.99, rules.p99),
            };
            let observed = both.map(|arm| arm.latency.quantile(rate).map(|value| value as f64));
            let have = first.latency.len().min(second.latency.len());
            let before = *left;
            let interval = |scale| {
                quantile::ratio(first.latency, second.latency, rate, threshold, scale)
                    .narrowed(before)
            };
            if have > 0 {
                *left = Some(interval(1.0));
            }
            let estimate = match observed {
                [Some(a), Some(b)] => b.max(1.0) / a.max(1.0),
                _ => 1.0,
            };
            (latency_finding(interval, estimate, margin, have), observed)
        }
        Question::Errors | Question::Accuracy => {
            let (rates, margin, sign) = match question {
                Question::Errors => (both.map(|arm| arm.errors), rules.errors, 1.0),
                _ => (both.map(|arm| arm.accuracy), rules.accuracy, -1.0),
            };
            let [a, b] = rates;
            let before = *left;
            let interval = |scale| proportion::difference(a, b, threshold, scale).narrowed(before);
            if a.all.min(b.all) > 0 {
                *left = Some(interval(1.0));
            }
            let observed = rates.map(Rate::share);
            let estimate = match observed {
                [Some(a), Some(b)] => b - a,
                _ => 0.0,
            };
            let have = a.all.min(b.all);
            (rate_finding(interval, estimate, sign, margin, have), observed)
        }
    }
}

impl Rules {
    /// The evidence at which a pair is refuted: Bonferroni over all that is asked, whether there is
    /// data for it yet or not, so that what arrives later was paid for from the start.
    fn threshold(&self) -> f64 {
        let asked = Question::ALL.len() as f64 * f64::from(self.comparisons.max(1));
        (asked / self.alpha.clamp(1e-9, 1.0)).ln()
    }
}

/// Ratios: below one, the second is better.
fn latency_finding(
    interval: impl Fn(f64) -> Interval,
    estimate: f64,
    margin: f64,
    have: u64,
) -> Finding {
    let now = interval(1.0);
    let bound = |found: Interval| (found.high - 1.0).max(1.0 / found.low - 1.0).max(0.0);
    if have == 0 {
        Finding::NoData
    } else if now.high < 1.0 {
        let interval = Interval { low: now.low - 1.0, high: now.high - 1.0 };
        let estimate = interval.holding(estimate - 1.0);
        Finding::Differs { better: Arm::Second, estimate, interval }
    } else if now.low > 1.0 {
        let interval = Interval { low: 1.0 / now.high - 1.0, high: 1.0 / now.low - 1.0 };
        let estimate = interval.holding(1.0 / estimate - 1.0);
        Finding::Differs { better: Arm::First, estimate, interval }
    } else if bound(now) <= margin {
        Finding::NoDifferenceSeen { bound: bound(now) }
    } else {
        let decided =
            |found: Interval| found.high < 1.0 || found.low > 1.0 || bound(found) <= margin;
        Finding::TooFew { have, need_about: forecast(have, |scale| decided(interval(scale))) }
    }
}

/// Differences: with `sign` 1 less is better, with -1 more is.
fn rate_finding(
    interval: impl Fn(f64) -> Interval,
    estimate: f64,
    sign: f64,
    margin: f64,
    have: u64,
) -> Finding {
    let now = interval(1.0);
    let bound = |found: Interval| found.high.max(-found.low).max(0.0);
    let apart = |found: Interval| found.high < 0.0 || found.low > 0.0;
    if have == 0 {
        Finding::NoData
    } else if apart(now) {
        let better = if (now.high < 0.0) == (sign > 0.0) { Arm::Second } else { Arm::First };
        let (estimate, interval) = match better {
            Arm::Second => (estimate, now),
            Arm::First => (-estimate, Interval { low: -now.high, high: -now.low }),
        };
        let estimate = interval.holding(estimate);
        Finding::Differs { better, estimate, interval }
    } else if bound(now) <= margin {
        Finding::NoDifferenceSeen { bound: bound(now) }
    } else {
        let decided = |found: Interval| apart(found) || bound(found) <= margin;
        Finding::TooFew { have, need_about: forecast(have, |scale| decided(interval(scale))) }
    }
}

/// How many it takes until `decided` says so, when all counts grow alike; to two digits.
fn forecast(have: u64, decided: impl Fn(f64) -> bool) -> Option<u64> {
    const STEP: f64 = 1.25;
    /// Beyond a few thousand times what there is, a forecast is a guess.
    const STEPS: i32 = 36;
    let mut scale = (1..=STEPS).map(|n| STEP.powi(n));
    let need = have as f64 * scale.find(|scale| decided(*scale))?;
    let unit = 10_f64.powf(need.log10().floor() - 1.0).max(1.0);
    Some(((need / unit).ceil() * unit) as u64)
}
