use super::*;
use crate::domain::histogram::empty;
use crate::domain::seed::Seed;
use crate::tui::theme::Theme;
use crate::tui::widgets::axis::Scale;
use crate::tui::widgets::testing;
use crate::tui::widgets::trace::Trace;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::Instant;

/// Latencies as a service has them: a hump with a long tail, in microseconds.
fn latencies(seed: u64, count: u64, typical: f64, spread: f64) -> Distribution {
    let mut histogram = empty();
    for n in 0..count {
        let unit = |k: u64| Seed(seed).unit(n * 3 + k).max(1e-12);
        let normal = (-2.0 * unit(0).ln()).sqrt() * (std::f64::consts::TAU * unit(1)).cos();
        let tail = if unit(2) < 0.02 { 3.0 } else { 1.0 };
        histogram.saturating_record((typical * tail * (spread * normal).exp()) as u64);
    }
    Distribution::from(&histogram)
}

fn two() -> [Distribution; 2] {
    [latencies(1, 9_000, 1_820.0, 0.45), latencies(2, 1_000, 1_110.0, 0.25)]
}

fn variants<'a>(latencies: &'a [Distribution], names: &[&'a str]) -> Vec<Variant<'a>> {
    let variant =
        |(name, latency): (&&'a str, &'a Distribution)| Variant { name, latency, shown: true };
    names.iter().zip(latencies).map(variant).collect()
}

#[test]
fn histograms_logarithmic() {
    let latencies = two();
    let variants = variants(&latencies, &["blue", "green"]);
    testing::snapshots("histograms_log", |area, buffer, theme| {
        Histograms { variants: &variants, scale: Scale::Logarithmic }.draw(area, buffer, theme);
    });
}

#[test]
fn histograms_linear_of_six() {
    let latencies: Vec<Distribution> =
        (0..6).map(|n| latencies(n, 2_000, 800.0 + 400.0 * n as f64, 0.2)).collect();
    let names = ["blue", "green", "red", "rosé", "日本", "last\u{1b}[31m"];
    let variants = variants(&latencies, &names);
    testing::snapshots("histograms_linear", |area, buffer, theme| {
        Histograms { variants: &variants, scale: Scale::Linear }.draw(area, buffer, theme);
    });
}

#[test]
fn nothing_measured_is_said() {
    let none = [Distribution::default()];
    let variants = variants(&none, &["blue"]);
    testing::snapshots("histograms_empty", |area, buffer, theme| {
        Histograms { variants: &variants, scale: Scale::Logarithmic }.draw(area, buffer, theme);
    });
}

#[test]
fn spectra() {
    let latencies = two();
    let variants = variants(&latencies, &["blue", "green"]);
    testing::snapshots("spectrum", |area, buffer, theme| {
        Spectrum { variants: &variants, scale: Scale::Logarithmic }.draw(area, buffer, theme);
    });
}

fn recent(typical: f64) -> [Trace; 2] {
    let mut traces = [Trace::new(1_000), Trace::new(1_000)];
    for n in (0..300).filter(|n| !(120..140).contains(n)) {
        let at = 1_795_867_000_000.0 + f64::from(n) * 1_000.0;
        let wave = 1.0 + 0.2 * (f64::from(n) / 20.0).sin();
        traces[0].push(at, typical * wave);
        traces[1].push(at, typical * wave * 3.5);
    }
    traces
}

#[test]
fn over_time() {
    let (blue, green) = (recent(1_820.0), recent(1_110.0));
    let recent = |name, traces: &'static [Trace; 2]| Recent {
        name,
        p50: &traces[0],
        p99: &traces[1],
        shown: true,
    };
    let (blue, green) = (Box::leak(Box::new(blue)), Box::leak(Box::new(green)));
    let variants = [recent("blue", blue), recent("green", green)];
    testing::snapshots("over_time", |area, buffer, theme| {
        let chart =
            OverTime { variants: &variants, scale: Scale::Linear, view: None, gap: Some(5e3) };
        chart.draw(area, buffer, theme);
    });
}

fn all_drawings(variants: &[Variant<'_>], area: Rect, buffer: &mut Buffer, theme: &Theme) {
    for scale in [Scale::Linear, Scale::Logarithmic] {
        Histograms { variants, scale }.draw(area, buffer, theme);
        Spectrum { variants, scale }.draw(area, buffer, theme);
    }
}

#[test]
fn any_size_will_do() {
    let latencies = two();
    let variants =
        variants(&latencies, &["blue", "a name that is long enough to be cut somewhere"]);
    testing::survives_any_size(|area, buffer, theme| all_drawings(&variants, area, buffer, theme));
}

#[test]
fn a_hidden_variant_leaves_the_others_their_marks() {
    let latencies = two();
    let mut variants = variants(&latencies, &["blue", "green"]);
    variants[0].shown = false;
    let area = Rect::new(0, 0, 60, 12);
    let mut buffer = Buffer::empty(area);
    let histograms = Histograms { variants: &variants, scale: Scale::Logarithmic };
    histograms.draw(area, &mut buffer, Theme::named("dark").unwrap());
    let text = testing::text(&buffer);
    assert!(text.contains("◆ green") && !text.contains("blue"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_values_will_do(
        values in prop::collection::vec(prop_oneof![0..4_u64, any::<u64>(), 900..1_100_u64], 0..40),
        columns in 0_u16..90, rows in 0_u16..30,
    ) {
        let mut histogram = empty();
        values.iter().for_each(|value| histogram.saturating_record(*value));
        let latencies = [Distribution::from(&histogram), Distribution::default()];
        let variants = variants(&latencies, &["blue", "green"]);
        let area = Rect::new(0, 0, columns, rows);
        let mut buffer = Buffer::empty(area);
        all_drawings(&variants, area, &mut buffer, Theme::named("dark").unwrap());
    }
}

/// Not a benchmark to compare with, but a look at the budget: `cargo test --release -- --ignored`.
#[test]
#[ignore = "measures time"]
fn time_of_a_frame() {
    let latencies: Vec<Distribution> =
        (0..6).map(|n| latencies(n, 300_000, 2_000.0 + 3_000.0 * n as f64, 0.8)).collect();
    let variants = variants(&latencies, &["a", "b", "c", "d", "e", "f"]);
    let area = Rect::new(0, 0, 200, 60);
    let mut buffer = Buffer::empty(area);
    let theme = Theme::named("dark").unwrap();
    let mut time = |name: &str, draw: &dyn Fn(&mut Buffer)| {
        let start = Instant::now();
        (0..200).for_each(|_| draw(&mut buffer));
        println!("{name}: {:?}", start.elapsed() / 200);
    };
    let histograms = Histograms { variants: &variants, scale: Scale::Logarithmic };
    let spectrum = Spectrum { variants: &variants, scale: Scale::Logarithmic };
    time("histograms", &|buffer| histograms.draw(area, buffer, theme));
    time("spectrum", &|buffer| spectrum.draw(area, buffer, theme));
    let start = Instant::now();
    let mut histogram = empty();
    (0..300_000_u64).for_each(|n| histogram.saturating_record(n * 7));
    let recorded = start.elapsed();
    (0..50).for_each(|_| drop(Distribution::from(&histogram)));
    println!("condense: {:?} each", (start.elapsed() - recorded) / 50);
}
