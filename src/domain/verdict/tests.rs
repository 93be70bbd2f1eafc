use super::*;
use crate::domain::histogram::empty;
use crate::domain::seed::Seed;
use hdrhistogram::Histogram;

const NONE: Rate = Rate { hits: 0, all: 0 };

/// One observation of a latency: skewed as latencies are, a few dozen distinct values, `slower` by
/// a factor.
fn latency(unit: f64, slower: f64) -> u64 {
    (slower * (8.0 - 6.0 * (1.0 - unit).ln())).round() as u64
}

/// A pair of streams that grows by an observation at a time, 90 to 10.
struct Streams {
    seed: Seed,
    drawn: u64,
    histograms: [Histogram<u64>; 2],
    errors: [Rate; 2],
    slower: [f64; 2],
    failing: [f64; 2],
}

impl Streams {
    fn new(seed: u64, slower: [f64; 2], failing: [f64; 2]) -> Self {
        let histograms = [empty(), empty()];
        Self { seed: Seed(seed), drawn: 0, histograms, errors: [NONE; 2], slower, failing }
    }

    fn draw(&mut self) -> f64 {
        self.drawn += 1;
        self.seed.unit(self.drawn)
    }

    fn observe(&mut self, share: f64) {
        let arm = usize::from(self.draw() >= share);
        let unit = self.draw();
        self.histograms[arm].saturating_record(latency(unit, self.slower[arm]));
        let failed = self.draw() < self.failing[arm];
        self.errors[arm].all += 1;
        self.errors[arm].hits += u64::from(failed);
    }

    fn verdict(&self, rules: &Rules) -> Verdict {
        let latencies = self.histograms.each_ref().map(Distribution::from);
        let arm = |index: usize, name| Observed {
            name,
            latency: &latencies[index],
            errors: self.errors[index],
            accuracy: NONE,
        };
        compare(&arm(0, "blue"), &arm(1, "green"), rules, &[])
    }
}

fn differs(finding: Finding) -> bool {
    matches!(finding, Finding::Differs { .. })
}

/// What a test for one look at 95 % would say of the errors.
fn fixed_sample_alarm(errors: [Rate; 2]) -> bool {
    let [a, b] = errors;
    let (n, m) = (a.all as f64, b.all as f64);
    if a.all < 30 || b.all < 30 {
        return false;
    }
    let pooled = (a.hits + b.hits) as f64 / (n + m);
    let spread = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    (a.hits as f64 / n - b.hits as f64 / m).abs() > 1.96 * spread
}

/// Of `streams`, the share that ever alarms, per question, and that of a fixed-sample test.
fn false_alarms(streams: u64, length: u64, look: impl Fn(&Streams) -> [bool; 4]) -> [f64; 4] {
    let mut alarmed = [0_u64; 4];
    for seed in 0..streams {
        let mut pair = Streams::new(seed, [1.0, 1.0], [0.3, 0.3]);
        let mut ever = [false; 4];
        for _ in 0..length {
            pair.observe(0.7);
            for (ever, now) in ever.iter_mut().zip(look(&pair)) {
                *ever |= now;
            }
        }
        for (count, ever) in alarmed.iter_mut().zip(ever) {
            *count += u64::from(ever);
        }
    }
    alarmed.map(|count| count as f64 / streams as f64)
}

/// The threshold is set for α = 0.2 per question, so that a bound that is broken shows: over 80
/// streams looked at after each of 300 observations.
#[test]
fn equal_variants_alarm_no_more_often_than_promised_however_often_one_looks() {
    let alpha: f64 = 0.2;
    let threshold = (1.0 / alpha).ln();
    let rates = false_alarms(80, 300, |pair| {
        let [first, second] = pair.histograms.each_ref().map(Distribution::from);
        let apart = |rate| {
            let ratio = quantile::ratio(&first, &second, rate, threshold, 1.0);
            ratio.low > 1.0 || ratio.high < 1.0
        };
        let difference = proportion::difference(pair.errors[0], pair.errors[1], threshold, 1.0);
        let errors = difference.low > 0.0 || difference.high < 0.0;
        [apart(0.5), apart(0.99), errors, fixed_sample_alarm(pair.errors)]
    });
    let [p50, p99, errors, fixed] = rates;
    assert!(p50 <= alpha && p99 <= alpha && errors <= alpha, "{rates:?}");
    // The streams are no easy ones: the usual test at 5 % alarms in far more of them.
    assert!(fixed > 0.2, "{rates:?}");
    // And the bounds are not merely deaf.
    assert!(p50 + errors > 0.0, "{rates:?}");
}

#[test]
fn a_real_difference_is_found() {
    let mut found = [0; 3];
    for seed in 0..20 {
        let mut pair = Streams::new(seed, [1.0, 0.6], [0.02, 0.15]);
        (0..4_000).for_each(|_| pair.observe(0.5));
        let verdict = pair.verdict(&Rules::default());
        for (count, answer) in found.iter_mut().zip(&verdict.answers) {
            let better = match answer.question {
                Question::P50 | Question::P99 => Arm::Second,
                _ => Arm::First,
            };
            if let Finding::Differs { better: said, estimate, interval } = answer.finding {
                assert_eq!(said, better, "{answer:?}");
                assert!(interval.low <= estimate && estimate <= interval.high, "{answer:?}");
                *count += 1;
            }
        }
    }
    assert_eq!(found[0], 20, "{found:?}");
    assert!(found[1] >= 15, "{found:?}");
    assert_eq!(found[2], 20, "{found:?}");
}

#[test]
fn the_interval_holds_the_true_ratio() {
    let missed = (100..140).filter(|seed| {
        let mut pair = Streams::new(*seed, [10.0, 6.0], [0.1, 0.1]);
        (0..2_000).for_each(|_| pair.observe(0.8));
        let [first, second] = pair.histograms.each_ref().map(Distribution::from);
        let found = quantile::ratio(&first, &second, 0.5, 20_f64.ln(), 1.0);
        !(found.low <= 0.61 && found.high >= 0.59)
    });
    assert!(missed.count() <= 2);
}

#[test]
fn swapping_the_variants_swaps_the_winner() {
    let mut pair = Streams::new(3, [1.0, 0.5], [0.0, 0.2]);
    (0..3_000).for_each(|_| pair.observe(0.5));
    let mut swapped = Streams::new(3, [1.0, 1.0], [0.0, 0.0]);
    swapped.histograms = [pair.histograms[1].clone(), pair.histograms[0].clone()];
    swapped.errors = [pair.errors[1], pair.errors[0]];
    let rules = Rules::default();
    let (one, other) = (pair.verdict(&rules), swapped.verdict(&rules));
    for (a, b) in one.answers.iter().zip(&other.answers) {
        match (a.finding, b.finding) {
            (
                Finding::Differs { better: x, estimate: e, interval: i },
                Finding::Differs { better: y, estimate: f, interval: j },
            ) => {
                assert_eq!(x, y.other());
                assert!((e - f).abs() < 1e-9 && (i.low - j.low).abs() < 1e-6);
            }
            (a, b) => assert_eq!(a, b),
        }
    }
    assert!(differs(one.answers[0].finding) && differs(one.answers[2].finding));
}

#[test]
fn nothing_comes_of_nothing() {
    let none = Distribution::default();
    let arm = |name| Observed { name, latency: &none, errors: NONE, accuracy: NONE };
    let verdict = compare(&arm("blue"), &arm("green"), &Rules::default(), &[]);
    assert!(verdict.answers.iter().all(|answer| answer.finding == Finding::NoData));
    assert_eq!(verdict.also_differs(), None);
}

#[test]
fn a_forecast_is_roughly_kept() {
    let mut pair = Streams::new(8, [1.0, 0.85], [0.0, 0.0]);
    (0..120).for_each(|_| pair.observe(0.5));
    let rules = Rules::default();
    let Finding::TooFew { have, need_about: Some(need) } = pair.verdict(&rules).answers[0].finding
    else {
        panic!("{:?}", pair.verdict(&rules));
    };
    assert!(have < 80 && need > have);
    (0..6 * need).for_each(|_| pair.observe(0.5));
    assert!(differs(pair.verdict(&rules).answers[0].finding), "{:?}", pair.verdict(&rules));
}

#[test]
fn sentences_say_what_was_found() {
    let mut blue = empty();
    let mut green = empty();
    for n in 0..20_000_u64 {
        blue.record(1_200 + n % 1_300 + 40 * (n % 100)).unwrap();
        green.record(700 + n % 800 + 30 * (n % 100)).unwrap();
    }
    let (blue, green) = (Distribution::from(&blue), Distribution::from(&green));
    let verdict = compare(
        &Observed {
            name: "blue",
            latency: &blue,
            errors: Rate { hits: 3, all: 20_000 },
            accuracy: Rate { hits: 109, all: 114 },
        },
        &Observed {
            name: "green",
            latency: &green,
            errors: Rate { hits: 2, all: 20_000 },
            accuracy: Rate { hits: 111, all: 114 },
        },
        &Rules::default(),
        &["instance type", "model"],
    );
    let mut text: Vec<String> =
        verdict.answers.iter().map(|answer| answer.sentence.clone()).collect();
    text.extend(verdict.also_differs());
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn huge_counts_keep_their_precision() {
    let rate = |hits| Rate { hits, all: 4_000_000_000 };
    let found = proportion::difference(rate(40_000_000), rate(40_000_000), 4.4, 1.0);
    assert!(found.low < 0.0 && found.high > 0.0 && found.high < 1e-4, "{found:?}");
    let found = proportion::difference(rate(40_000_000), rate(44_000_000), 4.4, 1.0);
    assert!(found.low > 0.0009 && found.high < 0.0011, "{found:?}");
}

/// A hundred values that lie around a middle.
fn around(middle: u64, times: u64) -> Distribution {
    Distribution::of_buckets((0..100).map(|n| (middle + n, middle + n, times)))
}

#[test]
fn what_was_found_once_is_not_taken_back() {
    let rate = Rate::default();
    let look = |running: &mut Running, first: &Distribution, second: &Distribution| {
        let observed = |name, latency| Observed { name, latency, errors: rate, accuracy: rate };
        let verdict = running.compare(
            &observed("blue", first),
            &observed("green", second),
            &Rules::default(),
            &[],
        );
        verdict.answers[0].finding
    };
    let mut running = Running::default();
    let better = Finding::NoData;
    assert_eq!(look(&mut running, &around(0, 0), &around(0, 0)), better);
    let Finding::Differs { better, interval, .. } =
        look(&mut running, &around(1000, 50), &around(700, 50))
    else {
        panic!("5,000 requests each tell 30 % apart")
    };
    assert_eq!(better, Arm::Second);
    // Later both are the same: a single look would see too little to tell.
    let (first, second) = (around(1000, 1), around(990, 1));
    assert!(!matches!(look(&mut Running::default(), &first, &second), Finding::Differs { .. }));
    let Finding::Differs { better, estimate, interval: later } =
        look(&mut running, &first, &second)
    else {
        panic!("what was found is taken back")
    };
    assert_eq!(better, Arm::Second);
    assert!(later.low >= interval.low && later.high <= interval.high, "{interval:?} {later:?}");
    assert!((later.low..=later.high).contains(&estimate), "{estimate} {later:?}");
}
