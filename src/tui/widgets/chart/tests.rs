use super::*;
use crate::tui::widgets::testing;
use proptest::prelude::*;
use std::time::Instant;

fn trace(points: impl IntoIterator<Item = (f64, f64)>) -> Trace {
    let mut trace = Trace::new(200_000);
    points.into_iter().for_each(|(x, y)| trace.push(x, y));
    trace
}

fn one<'a>(name: &'a str, trace: &'a Trace, series: usize) -> Series<'a> {
    Series { name, trace, series, stroke: Stroke::Solid }
}

fn metrics() -> [Trace; 2] {
    let curve = |floor: f64| {
        trace((0..200).map(move |n| {
            let n = f64::from(n);
            let y = floor + 0.6 * (-n / 25.0).exp() + 0.004 * (n * 1.7).sin();
            (n, if (90.0..110.0).contains(&n) && floor > 0.05 { f64::NAN } else { y })
        }))
    };
    [curve(0.01), curve(0.08)]
}

#[test]
fn training_metrics() {
    let [train, validation] = metrics();
    let series = [one("train:error", &train, 0), one("validation:error", &validation, 1)];
    testing::snapshots("metrics", |area, buffer, theme| {
        Chart { series: &series, ..Chart::default() }.draw(area, buffer, theme);
    });
    testing::snapshots("metrics_log", |area, buffer, theme| {
        let chart = Chart { series: &series, scale: Scale::Logarithmic, ..Chart::default() };
        chart.draw(area, buffer, theme);
    });
}

#[test]
fn request_rates_by_the_clock() {
    let start = 1_795_867_200_000.0;
    let rate = trace((0..100_000).map(|n| {
        let n = f64::from(n);
        (
            start + n * 10.0,
            1_800.0 + 300.0 * (n / 7_000.0).sin() + if n == 30_000.0 { 900.0 } else { 0.0 },
        )
    }));
    let series = [one("blue", &rate, 0)];
    testing::snapshots("rates", |area, buffer, theme| {
        let chart = Chart {
            series: &series,
            across: Across::Clock(TimeZone::UTC),
            unit: Unit::PerSecond,
            from_zero: true,
            ..Chart::default()
        };
        chart.draw(area, buffer, theme);
    });
}

#[test]
fn a_single_outlier_among_many_points_is_seen() {
    let flat = |outlier: i32| {
        trace((0..100_000).map(move |n| (f64::from(n), if n == outlier { 100.0 } else { 1.0 })))
    };
    let highest_inked = |outlier: i32| {
        let curve = flat(outlier);
        let series = [one("a", &curve, 0)];
        let area = Rect::new(0, 0, 80, 20);
        let mut buffer = Buffer::empty(area);
        let chart = Chart { series: &series, from_zero: true, ..Chart::default() };
        chart.draw(area, &mut buffer, Theme::named("dark").unwrap());
        let braille = |symbol: &str| symbol.chars().all(|c| ('\u{2801}'..='\u{28ff}').contains(&c));
        (1..19).find(|y| (0..80).any(|x| braille(buffer[(x, *y)].symbol())))
    };
    assert_eq!(highest_inked(54_321), Some(1));
    assert_eq!(highest_inked(-1), Some(1), "a flat curve fills the axis");
}

#[test]
fn gaps_stay_open() {
    let curve = trace((0..100).filter(|n| !(40..60).contains(n)).map(|n| (f64::from(n), 5.0)));
    let inked = |gap: Option<f64>| {
        let series = [one("a", &curve, 0)];
        let area = Rect::new(0, 0, 60, 10);
        let mut buffer = Buffer::empty(area);
        Chart { series: &series, gap, ..Chart::default() }.draw(
            area,
            &mut buffer,
            Theme::named("dark").unwrap(),
        );
        let braille = |symbol: &str| symbol.chars().all(|c| ('\u{2801}'..='\u{28ff}').contains(&c));
        (0..60).filter(|x| (1..9).any(|y| braille(buffer[(*x, y)].symbol()))).count()
    };
    assert!(inked(Some(2.0)) + 8 < inked(None));
}

#[test]
fn any_size_will_do() {
    let [train, validation] = metrics();
    let series = [one("train:error", &train, 0), one("validation:error", &validation, 7)];
    testing::survives_any_size(|area, buffer, theme| {
        Chart { series: &series, ..Chart::default() }.draw(area, buffer, theme);
        let across = Across::Ago;
        Chart { series: &series, across, unit: Unit::Bytes, ..Chart::default() }
            .draw(area, buffer, theme);
        Chart::default().draw(area, buffer, theme);
    });
}

proptest! {
    #[test]
    fn any_points_will_do(
        points in prop::collection::vec((any::<f64>(), any::<f64>()), 0..60),
        view in prop::option::of((any::<f64>(), any::<f64>())),
        logarithmic: bool, clock: bool, columns in 0_u16..80, rows in 0_u16..20,
    ) {
        let mut points = points;
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let curve = trace(points);
        let series = [one("a", &curve, 0)];
        let area = Rect::new(0, 0, columns, rows);
        let mut buffer = Buffer::empty(area);
        let chart = Chart {
            series: &series,
            view,
            across: if clock { Across::Clock(TimeZone::UTC) } else { Across::Ago },
            scale: if logarithmic { Scale::Logarithmic } else { Scale::Linear },
            ..Chart::default()
        };
        chart.draw(area, &mut buffer, Theme::named("dark").unwrap());
    }
}

#[test]
#[ignore = "measures time"]
fn time_of_a_frame() {
    let curves: Vec<Trace> = (0..6)
        .map(|k| {
            trace(
                (0..100_000)
                    .map(move |n| (f64::from(n), (f64::from(n) / 900.0).sin() + f64::from(k))),
            )
        })
        .collect();
    let series: Vec<Series<'_>> =
        curves.iter().enumerate().map(|(index, curve)| one("a", curve, index)).collect();
    let area = Rect::new(0, 0, 200, 60);
    let mut buffer = Buffer::empty(area);
    let start = Instant::now();
    for _ in 0..200 {
        Chart { series: &series, ..Chart::default() }.draw(
            area,
            &mut buffer,
            Theme::named("dark").unwrap(),
        );
    }
    println!("chart: {:?}", start.elapsed() / 200);
}
