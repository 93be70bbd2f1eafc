//! Small bars for table cells and headers: a sparkline, a share asked for and seen, a part of a whole.

use crate::tui::format::percent;
use crate::tui::text::width;
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The last values of something, the newest at the right.
#[derive(Clone, Copy, Debug)]
pub struct Sparkline<'a> {
    /// What is no number was not measured.
    pub values: &'a [f64],
    /// What fills a cell; the greatest value shown when `None`.
    pub full: Option<f64>,
    /// Which of the theme's series it looks like.
    pub series: usize,
}

impl Sparkline<'_> {
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let shown = &self.values[self.values.len().saturating_sub(area.width as usize)..];
        let full = self.full.unwrap_or_else(|| shown.iter().copied().fold(0.0, f64::max));
        let levels = area.height as usize * 8;
        let start = area.right() - shown.len() as u16;
        for (value, x) in shown.iter().zip(start..) {
            let part = value / full;
            let level = if part.is_finite() { part.clamp(0.0, 1.0) * levels as f64 } else { 0.0 };
            // Little is not nothing.
            let level = (level.round() as usize).max(usize::from(*value > 0.0));
            draw_level(area, x, level, buffer, theme.series(self.series));
            if level == 0 {
                let symbol = if value.is_nan() { " " } else { "▁" };
                buffer[(x, area.bottom() - 1)].set_symbol(symbol).set_style(theme.faint);
            }
        }
    }
}

fn draw_level(area: Rect, x: u16, level: usize, buffer: &mut Buffer, style: Style) {
    const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    for row in 0..area.height {
        let fill = level.saturating_sub(row as usize * 8).min(8);
        if fill > 0 {
            buffer[(x, area.bottom() - 1 - row)].set_symbol(EIGHTHS[fill]).set_style(style);
        }
    }
}

/// A variant's share of the traffic: what is seen fills the bar, and where another share was asked
/// for, a diamond marks its end (`▰▰▰▱▱▱▱◇▱▱` has 30 % and should have 80 %).
#[derive(Clone, Copy, Debug)]
pub struct ShareBar {
    /// 0 to 1.
    pub observed: f64,
    pub asked: Option<f64>,
    pub series: usize,
}

impl ShareBar {
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        let cells = area.width as usize;
        let filled = filled(self.observed, cells);
        let asked = self.asked.map(|asked| self::filled(asked, cells));
        let mark = asked.filter(|asked| *asked != filled).map(|asked| asked.saturating_sub(1));
        if area.is_empty() {
            return;
        }
        for index in 0..cells {
            let (symbol, style) = match (index < filled, mark == Some(index)) {
                (true, true) => ("◆", theme.key),
                (false, true) => ("◇", theme.key),
                (true, false) => ("▰", theme.series(self.series)),
                (false, false) => ("▱", theme.faint),
            };
            buffer[(area.x + index as u16, area.y)].set_symbol(symbol).set_style(style);
        }
    }
}

/// Full only when all, empty only when nothing.
fn filled(share: f64, cells: usize) -> usize {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let near = (share * cells as f64).round() as usize;
    let least = usize::from(share > 0.0).min(cells);
    let most = if share < 1.0 && cells > 1 { cells - 1 } else { cells };
    near.clamp(least.min(most), most)
}

/// A part of a whole with its figure: `████▌     45 %`. With `strain`, what is nearly full is marked.
#[derive(Clone, Copy, Debug)]
pub struct PercentBar {
    /// 0 to 1; what is no number is shown as a dash.
    pub share: f64,
    /// Whether being full is bad (memory, disk): from 80 % on a warning, from 95 % worse.
    pub strain: bool,
}

impl PercentBar {
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        const EIGHTHS: [&str; 9] = [" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let share = if self.share.is_finite() { self.share.clamp(0.0, 1.0) } else { 0.0 };
        let (style, mark) = match share {
            share if self.strain && share >= 0.95 => (theme.bad, "✖ "),
            share if self.strain && share >= 0.8 => (theme.warn, "▲ "),
            _ => (theme.busy, ""),
        };
        let label = format!("{mark}{}", percent(self.share));
        // Room for the widest usual label, so that bars of one column are equally long.
        let reserved = if self.strain { 9 } else { 7 };
        let cells = (area.width as usize).saturating_sub(reserved.max(width(&label)) + 1);
        let eighths = (share * cells as f64 * 8.0).round() as usize;
        for index in 0..cells {
            let fill = eighths.saturating_sub(index * 8).min(8);
            let cell = &mut buffer[(area.x + index as u16, area.y)];
            match fill {
                0 => cell.set_symbol("·").set_style(theme.faint),
                fill => cell.set_symbol(EIGHTHS[fill]).set_style(style),
            };
        }
        let room = area.width as usize - cells;
        let label = crate::tui::text::pad_left(&label, room);
        buffer.set_stringn(area.x + cells as u16, area.y, label, room, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::THEMES;
    use crate::tui::widgets::testing;
    use proptest::prelude::*;

    fn row(columns: u16, draw: impl Fn(Rect, &mut Buffer, &Theme)) -> String {
        let area = Rect::new(0, 0, columns, 1);
        let mut buffer = Buffer::empty(area);
        draw(area, &mut buffer, &THEMES[0]);
        testing::text(&buffer)
    }

    fn share(observed: f64, asked: Option<f64>) -> String {
        row(10, |area, buffer, theme| {
            ShareBar { observed, asked, series: 0 }.draw(area, buffer, theme);
        })
    }

    #[test]
    fn shares_show_what_was_asked_where_it_differs() {
        assert_eq!(share(0.897, Some(0.9)), "▰▰▰▰▰▰▰▰▰▱\n");
        assert_eq!(share(0.3, Some(0.8)), "▰▰▰▱▱▱▱◇▱▱\n");
        assert_eq!(share(0.8, Some(0.3)), "▰▰◆▰▰▰▰▰▱▱\n");
        assert_eq!(share(0.001, None), "▰▱▱▱▱▱▱▱▱▱\n");
        assert_eq!(share(0.999, None), "▰▰▰▰▰▰▰▰▰▱\n");
        assert_eq!(share(1.0, Some(0.0)), "◆▰▰▰▰▰▰▰▰▰\n");
        assert_eq!(share(f64::NAN, None), "▱▱▱▱▱▱▱▱▱▱\n");
    }

    #[test]
    fn the_newest_value_is_at_the_right() {
        let values = [9.0, 0.0, 1.0, f64::NAN, 4.0, 8.0];
        let spark = |columns| {
            row(columns, |area, buffer, theme| {
                Sparkline { values: &values, full: None, series: 1 }.draw(area, buffer, theme);
            })
        };
        assert_eq!(spark(5), "▁▁ ▄█\n");
        assert_eq!(spark(8), "  █▁▁ ▄▇\n");
    }

    #[test]
    fn percentages_have_figures() {
        let bar = |share, strain| {
            row(20, |area, buffer, theme| PercentBar { share, strain }.draw(area, buffer, theme))
        };
        assert_eq!(bar(0.45, false), "█████▍······    45 %\n");
        assert_eq!(bar(0.97, true), "█████████▊    ✖ 97 %\n");
        assert_eq!(bar(f64::NAN, false), "············       —\n");
    }

    #[test]
    fn snapshots() {
        let values: Vec<f64> = (0..200).map(|n| f64::from(n % 37) * f64::from(n % 5)).collect();
        testing::snapshots("spark", |area, buffer, theme| {
            let part = |row: u16, rows: u16| {
                Rect { y: area.y + row.min(area.height), height: rows, ..area }.intersection(area)
            };
            Sparkline { values: &values, full: None, series: 0 }.draw(part(0, 1), buffer, theme);
            Sparkline { values: &values, full: Some(200.0), series: 1 }.draw(
                part(1, 2),
                buffer,
                theme,
            );
            ShareBar { observed: 0.42, asked: Some(0.5), series: 0 }.draw(
                part(3, 1),
                buffer,
                theme,
            );
            PercentBar { share: 0.42, strain: false }.draw(part(4, 1), buffer, theme);
            PercentBar { share: 0.83, strain: true }.draw(part(5, 1), buffer, theme);
        });
    }

    proptest! {
        #[test]
        fn never_panics(
            values in prop::collection::vec(any::<f64>(), 0..40), share: f64, asked: f64,
            columns in 0_u16..50, rows in 0_u16..4, full in prop::option::of(any::<f64>())
        ) {
            let area = Rect::new(0, 0, columns, rows);
            let mut buffer = Buffer::empty(area);
            let theme = &THEMES[0];
            Sparkline { values: &values, full, series: 9 }.draw(area, &mut buffer, theme);
            ShareBar { observed: share, asked: Some(asked), series: 2 }.draw(area, &mut buffer, theme);
            PercentBar { share, strain: true }.draw(area, &mut buffer, theme);
        }
    }
}
