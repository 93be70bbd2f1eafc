//! Axes: which value lies where, and the ticks that a person would have chosen.

use crate::tui::format;
use crate::tui::text::{fit, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    #[default]
    Linear,
    Logarithmic,
}

/// What numbers on an axis or in a legend are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    #[default]
    Number,
    /// Microseconds, shown as `µs`, `ms`, `s` or more.
    Micros,
    /// 0 to 1, shown in hundredths.
    Share,
    PerSecond,
    Bytes,
}

impl Unit {
    pub fn format(self, value: f64) -> String {
        match self {
            Self::Number => format::compact(value),
            Self::Micros => format::micros(value),
            Self::Share => format::percent(value),
            Self::PerSecond => format::rate(value),
            Self::Bytes => format::bytes(value.max(0.0) as u64),
        }
    }
}

/// A range of values laid along a length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    pub low: f64,
    pub high: f64,
    pub scale: Scale,
}

/// Nothing is drawn over more powers of ten than this.
const DECADES: i32 = 12;

impl Axis {
    /// Ends that cannot be (equal, not finite, or not positive on a logarithmic axis) are moved.
    pub fn new(low: f64, high: f64, scale: Scale) -> Self {
        let finite = |value: f64, instead| if value.is_finite() { value } else { instead };
        let (low, high) = (finite(low, 0.0), finite(high, 1.0));
        let (mut low, mut high) = (low.min(high), low.max(high));
        if scale == Scale::Logarithmic {
            high = if high > 0.0 { high } else { 1.0 };
            low = low.max(high / 10_f64.powi(DECADES));
            if high / low < 1.01 {
                (low, high) = (low / 2.0, high * 2.0);
            }
        } else if high - low <= high.abs().max(low.abs()) * 1e-9 {
            let margin = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            (low, high) = (low - margin, high + margin);
        }
        Self { low, high, scale }
    }

    /// The ends moved outwards to round values, so that the axis rests while the data moves.
    #[must_use]
    pub fn rounded(self, ticks: usize) -> Self {
        match self.scale {
            Scale::Linear => {
                let step = nice_step((self.high - self.low) / ticks.max(1) as f64);
                let low = (self.low / step + 1e-9).floor() * step;
                let high = (self.high / step - 1e-9).ceil() * step;
                Self::new(low, high, self.scale)
            }
            Scale::Logarithmic => {
                Self::new(one_two_five(self.low, false), one_two_five(self.high, true), self.scale)
            }
        }
    }

    /// Where along the axis a value lies: 0 at the low end, 1 at the high one, never beyond.
    pub fn place(&self, value: f64) -> f64 {
        let part = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic if value <= 0.0 => 0.0,
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) }
    }

    /// The value at a place from 0 to 1.
    pub fn value(&self, place: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.low + place * (self.high - self.low),
            Scale::Logarithmic => self.low * (self.high / self.low).powf(place),
        }
    }

    /// At most `most` round values within the ends, ascending.
    pub fn ticks(&self, most: usize) -> Vec<f64> {
        if most == 0 {
            return Vec::new();
        }
        let ticks = match self.scale {
            Scale::Linear => self.linear_ticks(most),
            Scale::Logarithmic => self.logarithmic_ticks(most),
        };
        if ticks.len() < 2 && self.scale == Scale::Logarithmic {
            return self.linear_ticks(most);
        }
        ticks
    }

    fn linear_ticks(&self, most: usize) -> Vec<f64> {
        let mut step = nice_step((self.high - self.low) / most as f64);
        loop {
            let first = (self.low / step - 1e-9).ceil();
            let last = (self.high / step + 1e-9).floor();
            let count = last - first + 1.0;
            if count <= most as f64 || !step.is_finite() {
                let count = count.clamp(0.0, most as f64) as usize;
                return (0..count).map(|n| tidy((first + n as f64) * step, step)).collect();
            }
            step = nice_step(step * 1.5);
        }
    }

    fn logarithmic_ticks(&self, most: usize) -> Vec<f64> {
        let (first, last) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let within =
            |value: &f64| *value >= self.low * 0.999_999 && *value <= self.high * 1.000_001;
        let candidates = |every: i32, parts: &[f64]| -> Vec<f64> {
            let decades = (first..=last).filter(|decade| decade.rem_euclid(every) == 0);
            let values =
                decades.flat_map(|decade| parts.iter().map(move |part| part * pow10(decade)));
            values.filter(within).collect()
        };
        let choices: [(i32, &[f64]); 5] =
            [(1, &[1.0, 2.0, 5.0]), (1, &[1.0, 3.0]), (1, &[1.0]), (2, &[1.0]), (4, &[1.0])];
        let mut choices = choices.iter().map(|(every, parts)| candidates(*every, parts));
        choices.find(|ticks| ticks.len() <= most).unwrap_or_default()
    }
}

/// Without `0.1 + 0.2`'s tail, and without `-0`.
fn tidy(value: f64, step: f64) -> f64 {
    if value.abs() < step * 1e-6 { 0.0 } else { value }
}

fn pow10(decade: i32) -> f64 {
    // Exact for the usual decades, which repeated multiplication is not.
    format!("1e{decade}").parse().unwrap_or(1.0)
}

/// The next of 1, 2, 5 × 10^n at or above `step`.
fn nice_step(step: f64) -> f64 {
    if !step.is_finite() || step <= 0.0 {
        return 1.0;
    }
    one_two_five(step, true)
}

/// The nearest of 1, 2, 5 × 10^n above or below.
fn one_two_five(value: f64, up: bool) -> f64 {
    let decade = value.log10().floor().clamp(-300.0, 300.0) as i32;
    let mut steps = (decade - 1..=decade + 1)
        .flat_map(|decade| [1.0, 2.0, 5.0].map(|part| part * pow10(decade)));
    if up {
        steps.find(|step| *step >= value * 0.999_999).unwrap_or(value)
    } else {
        steps.rfind(|step| *step <= value * 1.000_001).unwrap_or(value)
    }
}

/// Labels in a row, each under its column (from the left edge of `row`) and none over another; what
/// finds no room is left out.
pub(super) fn label_row(buffer: &mut Buffer, row: Rect, labels: &[(u16, String)], style: Style) {
    let mut free_from = 0_usize;
    for (column, label) in labels {
        let wide = width(label);
        if wide > row.width as usize {
            continue;
        }
        let start = (*column as usize).saturating_sub(wide / 2).min(row.width as usize - wide);
        if start < free_from {
            continue;
        }
        buffer.set_stringn(row.x + start as u16, row.y, label, row.width as usize, style);
        free_from = start + wide + 2;
    }
}

/// Labels to the left of a plot, right-aligned in `gutter`; each with the plot's row it belongs to.
pub(super) fn label_column(
    buffer: &mut Buffer,
    gutter: Rect,
    labels: &[(u16, String)],
    style: Style,
) {
    for (row, label) in labels {
        if *row < gutter.height {
            let label = fit(label, gutter.width as usize);
            let start = gutter.width as usize - width(&label);
            buffer.set_string(gutter.x + start as u16, gutter.y + row, &label, style);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scale() -> impl Strategy<Value = Scale> {
        prop_oneof![Just(Scale::Linear), Just(Scale::Logarithmic)]
    }

    #[test]
    fn ticks_are_round() {
        let axis = |low, high, scale| Axis::new(low, high, scale);
        assert_eq!(axis(0.0, 10.0, Scale::Linear).ticks(6), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(axis(1.0, 100.0, Scale::Logarithmic).ticks(4), [1.0, 10.0, 100.0]);
        assert_eq!(
            axis(400.0, 12_000.0, Scale::Logarithmic).ticks(9),
            [500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0]
        );
        let close = axis(1.1, 1.4, Scale::Logarithmic).ticks(4);
        assert!(close.len() >= 2, "{close:?}");
    }

    #[test]
    fn ends_that_cannot_be_are_moved() {
        for (low, high) in [(0.0, 0.0), (f64::NAN, f64::INFINITY), (5.0, 5.0), (-3.0, -3.0)] {
            for scale in [Scale::Linear, Scale::Logarithmic] {
                let axis = Axis::new(low, high, scale);
                assert!(axis.low < axis.high, "{axis:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn ticks_lie_within_and_are_few(
            low in -1e9..1e9_f64, span in 1e-6..1e9_f64, most in 0_usize..20, scale in scale()
        ) {
            let axis = Axis::new(low, low + span, scale);
            let ticks = axis.ticks(most);
            prop_assert!(ticks.len() <= most, "{ticks:?}");
            prop_assert!(ticks.is_sorted());
            let slack = (axis.high - axis.low) * 1e-6 + axis.high.abs() * 1e-6;
            for tick in ticks {
                prop_assert!(tick >= axis.low - slack && tick <= axis.high + slack);
            }
        }

        #[test]
        fn places_and_values_are_inverse(
            low in 1e-3..1e6_f64, factor in 1.1..1e6_f64, place in 0.0..=1.0_f64, scale in scale()
        ) {
            let axis = Axis::new(low, low * factor, scale);
            prop_assert!((axis.place(axis.value(place)) - place).abs() < 1e-6);
        }

        #[test]
        fn rounding_only_widens(low in 1e-3..1e6_f64, factor in 1.02..1e6_f64, scale in scale()) {
            let axis = Axis::new(low, low * factor, scale);
            let rounded = axis.rounded(5);
            prop_assert!(rounded.low <= axis.low * 1.000_01 && rounded.high >= axis.high * 0.999_99);
            prop_assert!(rounded.high <= axis.high * 5.1);
        }

        #[test]
        fn no_axis_panics(low: f64, high: f64, value: f64, most in 0_usize..300, scale in scale()) {
            let axis = Axis::new(low, high, scale).rounded(most);
            axis.ticks(most);
            prop_assert!((0.0..=1.0).contains(&axis.place(value)));
        }
    }
}
