//! The percentile spectrum: how slow the slowest one in ten, in a hundred, in a thousand is. The x
//! axis is the usual 1/(1−q), so that each nine takes as much room as the one before.

use super::{Variant, entries, shown};
use crate::tui::theme::Theme;
use crate::tui::widgets::axis::{Axis, Scale, Unit, label_column, label_row};
use crate::tui::widgets::canvas::{Canvas, Stroke};
use crate::tui::widgets::chart::draw_empty;
use crate::tui::widgets::legend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Latency by percentile.
#[derive(Clone, Copy, Debug)]
pub struct Spectrum<'a> {
    pub variants: &'a [Variant<'a>],
    pub scale: Scale,
}

/// Nines shown at most: 99.9999 %.
const NINES: f64 = 6.0;

impl Spectrum<'_> {
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let variants = shown(self.variants);
        let most = variants.clone().map(|(_, variant)| nines(variant)).fold(0.0, f64::max);
        let ends = variants.clone().filter_map(|(_, variant)| {
            let last = 1.0 - 10_f64.powf(-nines(variant));
            Some((variant.latency.min()?, variant.latency.quantile(last)?))
        });
        let Some((low, high)) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
            return draw_empty(area, buffer, theme, "no invocation measured yet");
        };
        let low = if self.scale == Scale::Linear { 0.0 } else { low.max(1) as f64 };
        let legend = u16::from(area.height >= 4 && area.width >= 8);
        let labels = u16::from(area.height >= 3 && area.width >= 8);
        let rows = area.height - legend - labels;
        let most_ticks = (rows as usize / 2).clamp(2, 8);
        let down = Axis::new(low, high as f64, self.scale).rounded(most_ticks);
        let gutter = if area.width >= 20 && rows >= 2 { 8 } else { 0 };
        let plot = Rect::new(area.x + gutter, area.y + legend, area.width - gutter, rows);
        if gutter > 0 {
            let row = |value: f64| {
                ((1.0 - down.place(value)) * f64::from(rows.saturating_sub(1))).round() as u16
            };
            let ticks = down.ticks(most_ticks);
            let ticks: Vec<_> =
                ticks.iter().map(|tick| (row(*tick), Unit::Micros.format(*tick))).collect();
            let column = Rect::new(area.x, plot.y, gutter - 1, rows);
            label_column(buffer, column, &ticks, theme.dim);
        }
        let across = Axis::new(0.0, most.max(1.0), Scale::Linear);
        draw_rules(plot, labels, buffer, theme, &across);
        let mut canvas = Canvas::new(plot);
        let widest = canvas.across().saturating_sub(1).max(1) as f64;
        let quantile = |x: usize| 1.0 - 10_f64.powf(-across.value(x as f64 / widest));
        let quantiles: Vec<f64> = (0..canvas.across()).map(quantile).collect();
        for (series, variant) in variants {
            let last = canvas.x(across.place(nines(variant)));
            let told = &quantiles[..quantiles.len().min(last + 1)];
            draw_curve(&mut canvas, series, &variant.latency.quantile_each(told), &down, theme);
        }
        canvas.draw(buffer, theme);
        legend::draw(buffer, Rect { height: legend, ..area }, theme, &entries(self.variants));
    }
}

/// How many nines so many requests can tell: of a hundred, the slowest is the 99th percentile.
fn nines(variant: &Variant<'_>) -> f64 {
    (variant.latency.len().max(1) as f64).log10().clamp(0.5, NINES)
}

/// A curve with a value for each column of dots.
fn draw_curve(canvas: &mut Canvas, series: usize, values: &[u64], down: &Axis, theme: &Theme) {
    let stroke = Stroke::Solid.of(series, theme);
    let mut before = None;
    for (x, value) in values.iter().enumerate() {
        let here = (x, canvas.y(down.place(*value as f64)));
        canvas.line(before.unwrap_or(here), here, series, stroke);
        before = Some(here);
    }
}

/// Vertical rules and labels at the percentiles that people name.
fn draw_rules(plot: Rect, labels: u16, buffer: &mut Buffer, theme: &Theme, across: &Axis) {
    let named = [
        ("50", 0.5_f64),
        ("90", 0.1),
        ("99", 0.01),
        ("99.9", 0.001),
        ("99.99", 1e-4),
        ("99.999", 1e-5),
        ("99.9999", 1e-6),
    ];
    let within = named.iter().filter(|(_, rest)| -rest.log10() <= across.high + 1e-9);
    let ticks: Vec<(u16, String)> = within
        .map(|(name, rest)| {
            let place = across.place(-rest.log10());
            ((place * f64::from(plot.width.saturating_sub(1))).round() as u16, format!("{name} %"))
        })
        .collect();
    for (column, _) in &ticks {
        for row in plot.y..plot.bottom() {
            if let Some(cell) = buffer.cell_mut((plot.x + column, row)) {
                cell.set_symbol("┊").set_style(theme.faint);
            }
        }
    }
    let row = Rect::new(plot.x, plot.bottom(), plot.width, labels);
    if !row.is_empty() {
        label_row(buffer, row, &ticks, theme.dim);
    }
}
