//! Histograms of several variants in one plot, each scaled to its own number of requests: a variant
//! with a tenth of the traffic is as tall as one with all of it, so that shapes compare.
//!
//! In each column the taller bar stands behind, the shorter in front of it with the taller's colour
//! around its top: both outlines stay whole wherever they cross. Themes without colours fill each
//! variant with a texture of its own.

use super::{Variant, entries, shown};
use crate::domain::distribution::Distribution;
use crate::tui::format::{micros, percent};
use crate::tui::text::{clean, width};
use crate::tui::theme::Theme;
use crate::tui::widgets::axis::{Axis, Scale, label_row};
use crate::tui::widgets::chart::draw_empty;
use crate::tui::widgets::legend::{self, colourless};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Histograms laid over each other.
#[derive(Clone, Copy, Debug)]
pub struct Histograms<'a> {
    pub variants: &'a [Variant<'a>],
    pub scale: Scale,
}

/// The rows of the drawing, from the top.
struct Rows {
    legend: u16,
    plot: u16,
    /// One for each variant, from its median to its 99th percentile.
    spans: u16,
    rule: u16,
    labels: u16,
}

impl Rows {
    fn of(area: Rect, variants: u16) -> Self {
        let wide = area.width >= 8;
        let labels = u16::from(area.height >= 2 && wide);
        let legend = u16::from(area.height >= 4 && wide);
        let rule = u16::from(area.height >= 7 && wide);
        let left = area.height - labels - legend - rule;
        let spans = if left >= variants + 4 && wide { variants } else { 0 };
        Self { legend, plot: left - spans, spans, rule, labels }
    }
}

impl Histograms<'_> {
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let variants = shown(self.variants);
        let Some(axis) = self.axis() else {
            return draw_empty(area, buffer, theme, "no invocation measured yet");
        };
        let rows = Rows::of(area, variants.clone().count() as u16);
        let part = |before: u16, height: u16| Rect { y: area.y + before, height, ..area };
        let plot = part(rows.legend, rows.plot);
        let spans = part(rows.legend + rows.plot, rows.spans);
        let rule = part(rows.legend + rows.plot + rows.spans, rows.rule);
        let labels = part(area.height - rows.labels, rows.labels);
        legend::draw(buffer, part(0, rows.legend), theme, &entries(self.variants));
        self.bars(plot, buffer, theme, &axis);
        self.beyond(plot, buffer, theme, &axis);
        draw_spans(spans, buffer, theme, &axis, variants);
        draw_ruler(rule, labels, buffer, theme, &axis);
    }

    /// From the first thousandth to the last of any variant, on to round values. On a linear axis the
    /// last hundredth is left out, which would press all others against the left end.
    fn axis(&self) -> Option<Axis> {
        let last = if self.scale == Scale::Linear { 0.99 } else { 0.999 };
        let ends = shown(self.variants).filter_map(|(_, variant)| {
            Some((variant.latency.quantile(0.001)?, variant.latency.quantile(last)?))
        });
        let (low, high) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        // A value is shown as wide as its bucket, and a logarithmic axis has no zero.
        let (low, high) = (low.max(1) as f64 * 0.999, high as f64 + 1.0);
        let low = if self.scale == Scale::Linear { 0.0 } else { low };
        Some(Axis::new(low, high, self.scale).rounded(10))
    }

    fn bars(&self, plot: Rect, buffer: &mut Buffer, theme: &Theme, axis: &Axis) {
        let edge = |column: u16| axis.value(f64::from(column) / f64::from(plot.width));
        let edges: Vec<f64> = (0..=plot.width).map(edge).collect();
        let shares: Vec<(usize, Vec<f64>)> = shown(self.variants)
            .map(|(series, variant)| (series, column_shares(variant.latency, axis, &edges)))
            .collect();
        let tallest = shares.iter().flat_map(|(_, shares)| shares).fold(0.0_f64, |a, b| a.max(*b));
        // Names stand above the peaks where there is room for them.
        let named = plot.height >= 4 && plot.width >= 24;
        let full = f64::from(plot.height - u16::from(named && plot.height > 1)) * 8.0;
        let eighths = |share: f64| match (share / tallest * full).round() {
            // Few is not none.
            none if none < 1.0 && share / tallest * full > 0.1 => 1,
            some if some.is_finite() => some as usize,
            _ => 0,
        };
        for column in 0..plot.width {
            let mut bars: Vec<(usize, usize)> = shares
                .iter()
                .map(|(series, shares)| (eighths(shares[column as usize]), *series))
                .filter(|(height, _)| *height > 0)
                .collect();
            bars.sort_unstable_by(|a, b| b.cmp(a));
            draw_column(plot, column, &bars, buffer, theme);
        }
        if named {
            self.names(plot, buffer, theme, &shares, eighths);
        }
    }

    fn names(
        &self,
        plot: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
        shares: &[(usize, Vec<f64>)],
        eighths: impl Fn(f64) -> usize,
    ) {
        for (series, shares) in shares {
            let peak = shares.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let Some((column, share)) = peak else { continue };
            let name = format!("{} {}", legend::mark(*series), clean(self.variants[*series].name));
            let wide = width(&name);
            let height = eighths(*share).div_ceil(8) as u16;
            if wide + 2 > plot.width as usize || height >= plot.height {
                continue;
            }
            let row = plot.bottom() - 1 - height;
            let start = column.saturating_sub(wide / 2).min(plot.width as usize - wide) as u16;
            let places = (0..wide as u16).map(|offset| (plot.x + start + offset, row));
            if places.clone().all(|at| buffer.cell(at).is_some_and(|cell| cell.symbol() == " ")) {
                buffer.set_string(plot.x + start, row, &name, theme.series(*series));
            }
        }
    }

    /// How much of the slowest lies to the right of the plot.
    fn beyond(&self, plot: Rect, buffer: &mut Buffer, theme: &Theme, axis: &Axis) {
        let share = |variant: &Variant<'_>| 1.0 - variant.latency.share(0.0, axis.high);
        let most = shown(self.variants).map(|(_, variant)| share(variant)).fold(0.0, f64::max);
        let text = format!("{} slower ▸", percent(most));
        let wide = width(&text) as u16;
        if most > 0.000_05 && plot.height >= 3 && plot.width >= 40 {
            buffer.set_string(plot.right() - wide, plot.y, &text, theme.dim);
        }
    }
}

/// For each column the share of the values that lie in it. Few values over many columns would show
/// their own chance and not their shape, so columns are taken together by the Rice rule, 2·n^⅓ bars
/// over the bulk of the values; a column then has its part of the bar's share.
fn column_shares(latency: &Distribution, axis: &Axis, edges: &[f64]) -> Vec<f64> {
    let columns = edges.len().saturating_sub(1);
    let place = |quantile| {
        let value = latency.quantile(quantile).unwrap_or(0) as f64;
        axis.place(value) * columns as f64
    };
    let bars = 2.0 * (latency.len() as f64).cbrt();
    let together = ((place(0.99) - place(0.01)) / bars).round().clamp(1.0, 8.0) as usize;
    let below = latency.below_each(edges);
    let mut shares = Vec::with_capacity(columns);
    for start in (0..columns).step_by(together) {
        let end = (start + together).min(columns);
        let share = (below[end] - below[start]) / latency.len() as f64;
        shares.extend(std::iter::repeat_n(share / (end - start) as f64, end - start));
    }
    shares
}

/// One column of bars, the tallest first.
fn draw_column(
    plot: Rect,
    column: u16,
    bars: &[(usize, usize)],
    buffer: &mut Buffer,
    theme: &Theme,
) {
    const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const TEXTURES: [&str; 6] = ["█", "▒", "░", "▓", "╱", "╳"];
    let textured = colourless(theme);
    for row in 0..plot.height {
        let floor = row as usize * 8;
        // The shortest bar that reaches into this cell is in front; the next one shows around its top.
        let mut reaching = bars.iter().rev().filter(|(height, _)| *height > floor);
        let Some((height, series)) = reaching.next() else { break };
        let behind = reaching.next();
        let fill = (height - floor).min(8);
        let at = (plot.x + column, plot.bottom() - 1 - row);
        let Some(cell) = buffer.cell_mut(at) else { continue };
        let style = theme.series(*series);
        match behind {
            Some((_, other)) if fill < 8 && textured => {
                let front = if fill >= 4 { *series } else { *other };
                cell.set_symbol(TEXTURES[front % 6]).set_style(theme.series(front));
            }
            Some((_, other)) if fill < 8 => {
                cell.set_symbol(EIGHTHS[fill]).set_style(style);
                if let Some(color) = theme.series(*other).fg {
                    cell.set_bg(color);
                }
            }
            _ if fill == 8 && textured => {
                cell.set_symbol(TEXTURES[series % 6]).set_style(style);
            }
            _ => {
                cell.set_symbol(EIGHTHS[fill]).set_style(style);
            }
        }
    }
}

/// For each variant a row: its mark at the median, a line to the 99th percentile.
fn draw_spans<'a>(
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
    axis: &Axis,
    variants: impl Iterator<Item = (usize, &'a Variant<'a>)>,
) {
    let column = |value: u64| {
        (axis.place(value as f64) * f64::from(area.width.saturating_sub(1))).round() as u16
    };
    for ((series, variant), row) in variants.zip(area.y..area.bottom()) {
        let quantiles = (variant.latency.quantile(0.5), variant.latency.quantile(0.99));
        let (Some(median), Some(late)) = quantiles else { continue };
        let (from, to) = (column(median), column(late));
        let style = theme.series(series);
        for step in from..=to {
            let symbol = match step {
                step if step == from => legend::mark(series),
                step if step == to => "┤",
                _ => "─",
            };
            if let Some(cell) = buffer.cell_mut((area.x + step, row)) {
                cell.set_symbol(symbol).set_style(style);
            }
        }
        for (text, at) in [("p50", from.checked_sub(4)), ("p99", to.checked_add(2))] {
            if let Some(at) = at.filter(|at| at + 3 <= area.width) {
                buffer.set_string(area.x + at, row, text, theme.dim);
            }
        }
    }
}

fn draw_ruler(rule: Rect, labels: Rect, buffer: &mut Buffer, theme: &Theme, axis: &Axis) {
    let ticks = axis.ticks((labels.width as usize / 10).clamp(2, 14));
    let column =
        |value: f64| (axis.place(value) * f64::from(labels.width.saturating_sub(1))).round() as u16;
    if !rule.is_empty() {
        for x in rule.x..rule.right() {
            buffer[(x, rule.y)].set_symbol("─").set_style(theme.faint);
        }
        for tick in &ticks {
            if let Some(cell) = buffer.cell_mut((rule.x + column(*tick), rule.y)) {
                cell.set_symbol("┴");
            }
        }
    }
    if !labels.is_empty() {
        let texts: Vec<_> = ticks.iter().map(|tick| (column(*tick), micros(*tick))).collect();
        label_row(buffer, labels, &texts, theme.dim);
    }
}
