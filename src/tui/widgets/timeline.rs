//! What happened one after the other: a job's statuses with their durations, and a deployment's two
//! fleets changing places.

use super::spark::ShareBar;
use crate::domain::time::Timestamp;
use crate::tui::format::{duration, percent};
use crate::tui::text::{clean, fit, pad, width};
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Completed,
    Failed,
    Stopped,
}

/// One status of a job.
#[derive(Clone, Copy, Debug)]
pub struct Stage<'a> {
    pub name: &'a str,
    pub started: Timestamp,
    /// `None` while it lasts.
    pub ended: Option<Timestamp>,
    /// Set for a status that is an end: a point without a duration.
    pub ending: Option<Ending>,
}

impl Stage<'_> {
    fn span(&self, now: Timestamp) -> Duration {
        let end = self.ended.unwrap_or(now);
        let millis = end.as_millis().saturating_sub(self.started.as_millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    fn running(&self) -> bool {
        self.ended.is_none() && self.ending.is_none()
    }

    /// How long it took or takes; nothing for an end.
    fn took(&self, now: Timestamp) -> String {
        if self.ending.is_some() { String::new() } else { duration(self.span(now)) }
    }

    fn look(&self, theme: &Theme) -> (&'static str, Style) {
        match self.ending {
            Some(Ending::Completed) => ("✔", theme.good),
            Some(Ending::Failed) => ("✖", theme.bad),
            Some(Ending::Stopped) => ("■", theme.off),
            None if self.running() => ("◐", theme.busy),
            None => ("┝", theme.dim),
        }
    }
}

/// Columns of the mark for what was left out at the left.
const CUT: u16 = 2;

/// A job's statuses from left to right: each at least as wide as its name, what is left over shared
/// by duration. In one row the names with their durations stand alone.
#[derive(Clone, Copy, Debug)]
pub struct Timeline<'a> {
    pub stages: &'a [Stage<'a>],
    pub now: Timestamp,
}

impl Timeline<'_> {
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        if area.height == 1 {
            return self.draw_line(area, buffer, theme);
        }
        let (from, widths) = self.widths(area.width);
        let mut x = area.x;
        if from > 0 {
            buffer.set_stringn(x, area.y, "…", area.width as usize, theme.faint);
            x += CUT.min(area.width);
        }
        for (stage, wide) in self.stages[from..].iter().zip(widths) {
            let (symbol, style) = stage.look(theme);
            let room = wide.saturating_sub(1) as usize;
            let bar = match (stage.ending, stage.running()) {
                (Some(_), _) => symbol.to_owned(),
                (None, true) if room > 0 => format!("┝{}▶", "━".repeat(room - 1)),
                (None, _) => format!("┝{}", "━".repeat(room)),
            };
            buffer.set_stringn(x, area.y, bar, wide as usize, style);
            let name = clean(stage.name);
            let name_style = if stage.running() { theme.accent } else { style };
            buffer.set_string(x, area.y + 1, fit(&name, room), name_style);
            if area.height >= 3 {
                let took = stage.took(self.now);
                buffer.set_string(x, area.y + 2, fit(&took, room), theme.dim);
            }
            x += wide;
        }
    }

    /// From which stage on there is room, and the columns of each. Where not all have room, the later
    /// ones matter more.
    fn widths(&self, columns: u16) -> (usize, Vec<u16>) {
        let columns = columns as usize;
        let wide =
            |stage: &Stage<'_>| width(&clean(stage.name)).max(width(&stage.took(self.now))) + 2;
        let least: Vec<usize> = self.stages.iter().map(wide).collect();
        let mut from = least.len();
        let mut needed = 0;
        while from > 0 {
            let cut = if from > 1 { CUT as usize } else { 0 };
            if needed + least[from - 1] + cut > columns {
                break;
            }
            from -= 1;
            needed += least[from];
        }
        if from == least.len() {
            // Not even the last one: it has what there is.
            let from = from.saturating_sub(1);
            let cut = if from > 0 { CUT as usize } else { 0 };
            return (from, vec![columns.saturating_sub(cut) as u16]);
        }
        let cut = if from > 0 { CUT as usize } else { 0 };
        let span = |stage: &Stage<'_>| match stage.ending {
            Some(_) => 0.0,
            None => stage.span(self.now).as_secs_f64(),
        };
        let spans: Vec<f64> = self.stages[from..].iter().map(span).collect();
        let all = spans.iter().sum::<f64>().max(1e-9);
        let spare = (columns - needed - cut) as f64;
        let share = |span: &f64| (spare * span / all).floor() as usize;
        let widths = least[from..].iter().zip(&spans);
        (from, widths.map(|(least, span)| (least + share(span)) as u16).collect())
    }

    fn draw_line(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let piece = |stage: &Stage<'_>| {
            let mark =
                if stage.ending.is_some() || stage.running() { stage.look(theme).0 } else { "" };
            [mark, &clean(stage.name), &stage.took(self.now)]
                .iter()
                .filter(|text| !text.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join(" ")
        };
        const BETWEEN: &str = " ▏";
        let pieces: Vec<String> = self.stages.iter().map(piece).collect();
        // As many of the last as fit.
        let mut used = 0;
        let mut from = pieces.len();
        for (index, piece) in pieces.iter().enumerate().rev() {
            let needed = width(piece) + if index + 1 < pieces.len() { 2 } else { 0 };
            let cut = if index > 0 { 3 } else { 0 };
            if used + needed + cut > area.width as usize && from < pieces.len() {
                break;
            }
            used += needed;
            from = index;
        }
        let mut x = area.x;
        let mut put = |text: &str, style: Style, buffer: &mut Buffer| {
            let room = area.right().saturating_sub(x) as usize;
            let text = fit(text, room);
            buffer.set_string(x, area.y, &text, style);
            x += width(&text) as u16;
        };
        if from > 0 {
            put("… ▏", theme.faint, buffer);
        }
        for (index, (stage, piece)) in self.stages.iter().zip(&pieces).enumerate().skip(from) {
            put(piece, stage.look(theme).1, buffer);
            if index + 1 < pieces.len() {
                put(BETWEEN, theme.faint, buffer);
            }
        }
    }
}

/// The instances behind one side of a deployment.
#[derive(Clone, Copy, Debug)]
pub struct Fleet<'a> {
    /// Its endpoint configuration.
    pub name: &'a str,
    /// Its share of the traffic, 0 to 1.
    pub share: f64,
    pub healthy: u32,
    pub wanted: u32,
}

/// An endpoint on its way from one fleet to the next.
#[derive(Clone, Copy, Debug)]
pub struct Deployment<'a> {
    pub old: Fleet<'a>,
    pub new: Fleet<'a>,
    /// What happens right now: "waiting for health", "shifting traffic", "rolling back".
    pub phase: &'a str,
    pub started: Timestamp,
    pub now: Timestamp,
}

impl Deployment<'_> {
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let row = |row: u16| Rect { y: area.y + row, height: 1, ..area };
        if area.height == 1 {
            let text = format!(
                "old {} ▶ new {}  {}",
                percent(self.old.share),
                percent(self.new.share),
                clean(self.phase)
            );
            buffer.set_string(area.x, area.y, fit(&text, area.width as usize), theme.busy);
            return;
        }
        draw_fleet(row(0), "old", &self.old, 0, buffer, theme);
        draw_fleet(row(1), "new", &self.new, 1, buffer, theme);
        if area.height >= 3 {
            let age = self.now.as_millis().saturating_sub(self.started.as_millis());
            let age = duration(Duration::from_millis(u64::try_from(age).unwrap_or(0)));
            let text = format!("◐ {}, {age}", clean(self.phase));
            buffer.set_string(area.x, area.y + 2, fit(&text, area.width as usize), theme.busy);
        }
    }
}

/// `new  tumor-live-2   ▰▰▰▰▰▱▱▱▱▱   50 %  ●●○ 2/3`, without the parts that find no room.
fn draw_fleet(
    row: Rect,
    side: &str,
    fleet: &Fleet<'_>,
    series: usize,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    const DOTS: u32 = 8;
    let healthy = fleet.healthy.min(fleet.wanted);
    let dots = if fleet.wanted <= DOTS && row.width >= 50 {
        "●".repeat(healthy as usize) + &"○".repeat((fleet.wanted - healthy) as usize) + " "
    } else {
        String::new()
    };
    let health = format!("{dots}{}/{}", fleet.healthy, fleet.wanted);
    let share = crate::tui::text::pad_left(&percent(fleet.share), 8);
    let columns = row.width as usize;
    let name_room = if columns >= 40 { (columns / 4).min(32) } else { 0 };
    let reserved_health = if row.width >= 50 { DOTS as usize + 8 } else { 8 };
    let bar = columns.saturating_sub(4 + name_room + 1 + 8 + 2 + reserved_health).min(60);
    let mut x = row.x;
    let mut put = |text: &str, style: Style, buffer: &mut Buffer| {
        let room = row.right().saturating_sub(x) as usize;
        let text = fit(text, room);
        buffer.set_string(x, row.y, &text, style);
        x += width(&text) as u16;
        x
    };
    put(&pad(side, 4), theme.dim, buffer);
    if name_room > 0 {
        put(&pad(&clean(fleet.name), name_room), theme.series(series), buffer);
        put(" ", theme.dim, buffer);
    }
    let x = put(&" ".repeat(bar), theme.dim, buffer);
    let area = Rect::new(x - bar as u16, row.y, bar as u16, 1);
    ShareBar { observed: fleet.share, asked: None, series }.draw(area, buffer, theme);
    put(&share, theme.text, buffer);
    put("  ", theme.dim, buffer);
    let style = if fleet.healthy < fleet.wanted { theme.busy } else { theme.good };
    put(&health, style, buffer);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::THEMES;
    use crate::tui::widgets::testing;
    use proptest::prelude::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn job(ended: bool) -> Vec<Stage<'static>> {
        let stage =
            |name, from, to| Stage { name, started: at(from), ended: Some(at(to)), ending: None };
        let mut stages = vec![
            stage("Starting", 0, 5),
            stage("Downloading", 5, 125),
            stage("Training", 125, 34_000),
        ];
        if ended {
            stages.push(stage("Uploading", 34_000, 34_400));
            let ending = Some(Ending::Completed);
            stages.push(Stage { name: "Completed", started: at(34_400), ended: None, ending });
        } else {
            stages[2].ended = None;
        }
        stages
    }

    fn line(stages: &[Stage<'_>], columns: u16) -> String {
        let area = Rect::new(0, 0, columns, 1);
        let mut buffer = Buffer::empty(area);
        Timeline { stages, now: at(62_000) }.draw(area, &mut buffer, &THEMES[0]);
        testing::text(&buffer)
    }

    #[test]
    fn one_row_keeps_the_end() {
        assert_eq!(
            line(&job(false), 60),
            "Starting 5 ms ▏Downloading 120 ms ▏◐ Training 1 m 02 s\n"
        );
        assert_eq!(line(&job(true), 44), "… ▏Uploading 400 ms ▏✔ Completed\n");
        assert_eq!(line(&job(true), 8), "… ▏✔ Co…\n");
        assert_eq!(line(&[], 8), "\n");
    }

    #[test]
    fn snapshots() {
        let (done, running) = (job(true), job(false));
        let fleet = |name, share, healthy| Fleet { name, share, healthy, wanted: 3 };
        testing::snapshots("timeline", |area, buffer, theme| {
            let part = |row: u16, rows: u16| {
                Rect { y: area.y + row.min(area.height), height: rows, ..area }.intersection(area)
            };
            Timeline { stages: &done, now: at(50_000) }.draw(part(0, 3), buffer, theme);
            Timeline { stages: &running, now: at(50_000) }.draw(part(4, 2), buffer, theme);
            Timeline { stages: &running, now: at(50_000) }.draw(part(7, 1), buffer, theme);
            let deployment = Deployment {
                old: fleet("tumor-live-1", 0.4, 3),
                new: fleet("tumor-live-2", 0.6, 2),
                phase: "shifting traffic",
                started: at(0),
                now: at(4_200),
            };
            deployment.draw(part(9, 3), buffer, theme);
        });
        testing::snapshots("deployment", |area, buffer, theme| {
            let deployment = Deployment {
                old: fleet("tumor-live-1", 0.999, 3),
                new: fleet("tumor-live-2", 0.001, 0),
                phase: "waiting for health",
                started: at(0),
                now: at(4_200),
            };
            deployment.draw(area, buffer, theme);
        });
    }

    proptest! {
        #[test]
        fn never_panics(
            stages in prop::collection::vec(
                (any::<String>(), any::<i64>(), prop::option::of(any::<i64>()), 0..4_u8), 0..12),
            now: i64, share: f64, healthy: u32, wanted: u32,
            columns in 0_u16..150, rows in 0_u16..5,
        ) {
            let stages: Vec<Stage<'_>> = stages
                .iter()
                .map(|(name, from, to, ending)| Stage {
                    name,
                    started: at(*from),
                    ended: to.map(at),
                    ending: match ending {
                        0 => Some(Ending::Completed),
                        1 => Some(Ending::Failed),
                        2 => Some(Ending::Stopped),
                        _ => None,
                    },
                })
                .collect();
            let area = Rect::new(0, 0, columns, rows);
            let mut buffer = Buffer::empty(area);
            Timeline { stages: &stages, now: at(now) }.draw(area, &mut buffer, &THEMES[0]);
            let name = stages.first().map_or("", |stage| stage.name);
            let fleet = Fleet { name, share, healthy, wanted };
            Deployment { old: fleet, new: fleet, phase: name, started: at(0), now: at(now) }
                .draw(area, &mut buffer, &THEMES[0]);
        }
    }
}
