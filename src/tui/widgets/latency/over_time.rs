//! Median and 99th percentile of each variant over the last minutes.

use crate::tui::theme::Theme;
use crate::tui::widgets::axis::{Scale, Unit};
use crate::tui::widgets::canvas::Stroke;
use crate::tui::widgets::chart::{Across, Chart, Series};
use crate::tui::widgets::trace::Trace;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// One variant's recent percentiles: x in milliseconds since 1970, y in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Recent<'a> {
    pub name: &'a str,
    pub p50: &'a Trace,
    pub p99: &'a Trace,
    pub shown: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct OverTime<'a> {
    pub variants: &'a [Recent<'a>],
    pub scale: Scale,
    /// From when to when, in milliseconds since 1970; all there is when `None`.
    pub view: Option<(f64, f64)>,
    /// Milliseconds without a point after which a curve breaks.
    pub gap: Option<f64>,
}

impl OverTime<'_> {
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let shown = || self.variants.iter().enumerate().filter(|(_, variant)| variant.shown);
        let names: Vec<[String; 2]> = shown()
            .map(|(_, variant)| ["p50", "p99"].map(|part| format!("{} {part}", variant.name)))
            .collect();
        let series: Vec<Series<'_>> = shown()
            .zip(&names)
            .flat_map(|((series, variant), [p50, p99])| {
                let one = |name, trace, stroke| Series { name, trace, series, stroke };
                [
                    one(p50.as_str(), variant.p50, Stroke::Solid),
                    one(p99.as_str(), variant.p99, Stroke::Dashed),
                ]
            })
            .collect();
        let chart = Chart {
            series: &series,
            across: Across::Ago,
            view: self.view,
            unit: Unit::Micros,
            scale: self.scale,
            gap: self.gap,
            from_zero: true,
            empty: "no invocation measured yet",
        };
        chart.draw(area, buffer, theme);
    }
}
