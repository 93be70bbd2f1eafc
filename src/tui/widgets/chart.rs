//! Curves over steps or time: training metrics, utilisation, request rates.

#[cfg(test)]
mod tests;

use super::axis::{Axis, Scale, Unit, label_column, label_row};
use super::canvas::{Canvas, Stroke};
use super::legend::{self, Entry};
use super::trace::Trace;
use crate::domain::time::Timestamp;
use crate::tui::format;
use crate::tui::text::width;
use crate::tui::theme::Theme;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::ops::Range;
use std::time::Duration;

/// One curve.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    pub name: &'a str,
    pub trace: &'a Trace,
    /// Which of the theme's series it looks like.
    pub series: usize,
    pub stroke: Stroke,
}

/// What x is.
#[derive(Clone, Debug)]
pub enum Across {
    /// Rounds, steps, epochs.
    Steps,
    /// Milliseconds since 1970, shown as time of day.
    Clock(TimeZone),
    /// Milliseconds since 1970, shown as the time before the right end.
    Ago,
}

/// Up to a handful of curves in one plot.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    pub series: &'a [Series<'a>],
    pub across: Across,
    /// From which x to which; all there is when `None`.
    pub view: Option<(f64, f64)>,
    pub unit: Unit,
    pub scale: Scale,
    /// Points further apart than this are not joined: something is missing between them.
    pub gap: Option<f64>,
    /// Whether the y axis begins at zero.
    pub from_zero: bool,
    /// What stands in the middle while there is nothing to draw.
    pub empty: &'a str,
}

impl Default for Chart<'_> {
    fn default() -> Self {
        Self {
            series: &[],
            across: Across::Steps,
            view: None,
            unit: Unit::Number,
            scale: Scale::Linear,
            gap: None,
            from_zero: false,
            empty: "no data yet",
        }
    }
}

impl Chart<'_> {
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        let Some(view) = self.visible() else { return draw_empty(area, buffer, theme, self.empty) };
        if area.is_empty() {
            return;
        }
        let shown: Vec<Range<usize>> =
            self.series.iter().map(|one| within(one.trace, view)).collect();
        let Some(down) = self.down_axis(&shown, area.height) else {
            return draw_empty(area, buffer, theme, self.empty);
        };
        let legend = u16::from(area.height >= 4 && area.width >= 8);
        let labels = u16::from(area.height >= 3 && area.width >= 8);
        let rows = area.height - legend - labels;
        let ticks = down.ticks((rows as usize / 2).clamp(2, 8));
        let plot_row = |value: f64| {
            ((1.0 - down.place(value)) * f64::from(rows.saturating_sub(1))).round() as u16
        };
        let left: Vec<(u16, String)> =
            ticks.iter().map(|tick| (plot_row(*tick), self.unit.format(*tick))).collect();
        let gutter = left.iter().map(|(_, label)| width(label)).max().unwrap_or(0) as u16 + 1;
        let gutter = if area.width >= gutter + 12 && rows >= 2 { gutter } else { 0 };
        let plot = Rect::new(area.x + gutter, area.y + legend, area.width - gutter, rows);
        if gutter > 0 {
            let column = Rect::new(area.x, plot.y, gutter - 1, rows);
            label_column(buffer, column, &left, theme.dim);
            for (row, _) in &left {
                let line = Rect::new(plot.x, plot.y + row, plot.width, 1).intersection(plot);
                (line.x..line.right()).for_each(|x| {
                    buffer[(x, line.y)].set_symbol("┈").set_style(theme.faint);
                });
            }
        }
        self.curves(plot, buffer, theme, view, &down, &shown);
        if legend > 0 {
            let row = Rect { height: 1, ..area };
            legend::draw(buffer, row, theme, &self.entries(&shown));
        }
        if labels > 0 {
            let row = Rect::new(plot.x, plot.bottom(), plot.width, 1);
            label_row(buffer, row, &self.across_labels(view, plot.width), theme.dim);
        }
    }

    /// From which x to which; `None` when there are no points.
    fn visible(&self) -> Option<(f64, f64)> {
        let spans = || self.series.iter().filter_map(|one| one.trace.span());
        let all = spans().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let (from, to) = self.view.unwrap_or(all);
        Some(if to > from { (from, to) } else { (from - 0.5, from + 0.5) })
    }

    fn down_axis(&self, shown: &[Range<usize>], rows: u16) -> Option<Axis> {
        let extents = self.series.iter().zip(shown);
        let extents = extents.filter_map(|(one, points)| one.trace.extent(points.clone()));
        let (low, high) = extents.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let low = match self.scale {
            Scale::Linear if self.from_zero => low.min(0.0),
            // What is not positive has no place; four decades show the rest.
            Scale::Logarithmic if low <= 0.0 => high / 1e4,
            _ => low,
        };
        Some(Axis::new(low, high, self.scale).rounded((rows as usize / 2).clamp(2, 8)))
    }

    fn curves(
        &self,
        plot: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
        view: (f64, f64),
        down: &Axis,
        shown: &[Range<usize>],
    ) {
        let across = Axis::new(view.0, view.1, Scale::Linear);
        let mut canvas = Canvas::new(plot);
        let mut ends = Vec::new();
        for (one, points) in self.series.iter().zip(shown) {
            let curve = Curve {
                trace: one.trace,
                series: one.series,
                stroke: one.stroke.of(one.series, theme),
                across: &across,
                down,
                gap: self.gap.unwrap_or(f64::INFINITY),
            };
            if points.len() > canvas.across() * 2 {
                curve.condensed(&mut canvas, points.clone());
            } else {
                curve.joined(&mut canvas, points.clone());
            }
            let last = points.end.checked_sub(1).and_then(|last| one.trace.point(last));
            if let Some((x, y)) = last.filter(|(_, y)| !y.is_nan() && !points.is_empty()) {
                ends.push((canvas.x(across.place(x)), canvas.y(down.place(y)), one.series));
            }
        }
        canvas.draw(buffer, theme);
        if plot.height < 3 {
            return;
        }
        for (x, y, series) in ends {
            let at = (plot.x + (x / 2) as u16, plot.y + (y / 4) as u16);
            if let Some(cell) = buffer.cell_mut(at) {
                cell.set_symbol(legend::mark(series)).set_style(theme.series(series));
            }
        }
    }

    fn entries(&self, shown: &[Range<usize>]) -> Vec<Entry<'_>> {
        let mut entries = Vec::with_capacity(self.series.len());
        for (one, points) in self.series.iter().zip(shown) {
            let mut details = Vec::new();
            let values = points.clone().rev().filter_map(|index| one.trace.point(index));
            let last = values.map(|(_, y)| y).find(|y| !y.is_nan());
            if let (Some(last), Some((low, high))) = (last, one.trace.extent(points.clone())) {
                details.push(self.unit.format(last));
                let (low, high) = (self.unit.format(low), self.unit.format(high));
                details.push(format!("min {low} max {high}"));
            }
            entries.push(Entry { series: one.series, name: one.name, details });
        }
        entries
    }

    fn across_labels(&self, (from, to): (f64, f64), columns: u16) -> Vec<(u16, String)> {
        let axis = Axis::new(from, to, Scale::Linear);
        let most = (columns as usize / 14).clamp(2, 10);
        let column = |x: f64| (axis.place(x) * f64::from(columns.saturating_sub(1))).round() as u16;
        match &self.across {
            Across::Steps => {
                let label = |tick: &f64| (column(*tick), format::compact(*tick));
                axis.ticks(most).iter().map(label).collect()
            }
            Across::Clock(zone) => {
                let label = |tick: f64| {
                    (column(tick), format::clock(Timestamp::from_millis(tick as i64), zone))
                };
                let step = time_step((to - from) / most as f64);
                every(step, from, to).map(label).collect()
            }
            Across::Ago => {
                let step = time_step((to - from) / most as f64);
                let label = |before: f64| {
                    let span = format::duration(Duration::from_millis(before as u64));
                    // The axis has round spans: `3 m` says all of `3 m 00 s`.
                    let span = span.trim_end_matches(" 00 s").trim_end_matches(" 00 m");
                    let text = if before <= 0.0 { "now".to_owned() } else { format!("-{span}") };
                    (column(to - before), text)
                };
                let mut labels: Vec<_> = every(step, 0.0, to - from).map(label).collect();
                labels.reverse();
                labels
            }
        }
    }
}

/// One curve on its way to the canvas.
struct Curve<'a> {
    trace: &'a Trace,
    series: usize,
    stroke: Stroke,
    across: &'a Axis,
    down: &'a Axis,
    gap: f64,
}

impl Curve<'_> {
    fn dot(&self, canvas: &Canvas, index: usize) -> Option<(usize, usize, f64)> {
        let (x, y) = self.trace.point(index).filter(|(_, y)| !y.is_nan())?;
        Some((canvas.x(self.across.place(x)), canvas.y(self.down.place(y)), x))
    }

    /// Each point, joined to the one before.
    fn joined(&self, canvas: &mut Canvas, points: Range<usize>) {
        let mut before: Option<(usize, usize, f64)> = None;
        for index in points {
            let here = self.dot(canvas, index);
            if let Some((x, y, at)) = here {
                match before.filter(|(_, _, left)| at - left <= self.gap) {
                    Some((from_x, from_y, _)) => {
                        canvas.line((from_x, from_y), (x, y), self.series, self.stroke);
                    }
                    None => canvas.dot(x, y, self.series),
                }
            }
            before = here;
        }
    }

    /// More points than dots: each column of dots shows the extent of its points.
    fn condensed(&self, canvas: &mut Canvas, points: Range<usize>) {
        let columns = canvas.across();
        let width = (self.across.high - self.across.low) / columns.saturating_sub(1).max(1) as f64;
        let (mut start, mut stride) = (points.start, 0);
        let mut before: Option<(usize, usize, f64)> = None;
        for column in 0..columns {
            let edge = self.across.low + (column as f64 + 0.5) * width;
            let end = if column + 1 == columns {
                points.end
            } else {
                self.trace.next_from(start, start + stride, edge)
            };
            let stretch = start..end.clamp(start, points.end);
            (start, stride) = (stretch.end, stretch.len());
            if stretch.is_empty() {
                continue;
            }
            if let Some((low, high)) = self.trace.rough_extent(stretch.clone()) {
                let (low, high) = (canvas.y(self.down.place(low)), canvas.y(self.down.place(high)));
                canvas.vertical(column, low, high, self.series);
            }
            let first = self.dot(canvas, stretch.start);
            if let (Some((from_x, from_y, left)), Some((_, y, at))) = (before, first)
                && at - left <= self.gap
            {
                canvas.line((from_x, from_y), (column, y), self.series, Stroke::Solid);
            }
            before = self.dot(canvas, stretch.end - 1).map(|(_, y, x)| (column, y, x));
        }
    }
}

fn within(trace: &Trace, (from, to): (f64, f64)) -> Range<usize> {
    // The right end belongs to the view.
    trace.between(from, to.next_up())
}

/// A round span of milliseconds at or above `step`.
fn time_step(step: f64) -> f64 {
    const SECONDS: [f64; 21] = [
        1.0,
        2.0,
        5.0,
        10.0,
        15.0,
        30.0,
        60.0,
        120.0,
        300.0,
        600.0,
        900.0,
        1_800.0,
        3_600.0,
        7_200.0,
        10_800.0,
        21_600.0,
        43_200.0,
        86_400.0,
        172_800.0,
        604_800.0,
        2_592_000.0,
    ];
    let rounds = SECONDS.iter().map(|seconds| seconds * 1e3);
    let longest = SECONDS[SECONDS.len() - 1] * 1e3;
    rounds
        .into_iter()
        .find(|round| *round >= step)
        .unwrap_or_else(|| (step / longest).ceil() * longest)
}

/// The multiples of `step` from `from` to `to`; a few dozen at most.
fn every(step: f64, from: f64, to: f64) -> impl Iterator<Item = f64> {
    let first = (from / step).ceil();
    (0..32).map(move |n| (first + f64::from(n)) * step).take_while(move |tick| *tick <= to)
}

/// Says in the middle that there is nothing.
pub(super) fn draw_empty(area: Rect, buffer: &mut Buffer, theme: &Theme, text: &str) {
    if area.is_empty() {
        return;
    }
    let text = crate::tui::text::fit(text, area.width as usize);
    let start = (area.width as usize - width(&text)) / 2;
    buffer.set_string(area.x + start as u16, area.y + area.height / 2, &text, theme.faint);
}
