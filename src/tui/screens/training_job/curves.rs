//! A job's metrics and what its containers use: what the region's live stream tells, kept as curves,
//! and which of them stand in one plot.

use crate::domain::time::Timestamp;
use crate::tui::format;
use crate::tui::text::{clean, fit, pad_left};
use crate::tui::theme::Theme;
use crate::tui::view::Scene;
use crate::tui::widgets::axis::Scale;
use crate::tui::widgets::canvas::Stroke;
use crate::tui::widgets::chart::{Across, Chart, Series};
use crate::tui::widgets::spark::Sparkline;
use crate::tui::widgets::trace::Trace;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::Value;

/// Points kept of each curve.
const POINTS: usize = 20_000;
/// Metrics kept; a log that names more of them names nonsense.
const METRICS: usize = 64;
/// Hosts whose use is kept.
const HOSTS: usize = 32;
/// Readings of a host's use that are kept.
const READINGS: usize = 600;
/// Rows that a plot needs.
const LEAST: u16 = 6;
/// Curves in one plot.
const TOGETHER: usize = 4;

struct Curve {
    name: String,
    by_step: Trace,
    by_time: Trace,
    /// Every point so far named its step, and they went forward.
    stepped: bool,
    last: f64,
}

struct Usage {
    host: String,
    cpu: Vec<f64>,
    memory: Vec<f64>,
    measured: String,
}

/// All that a job's stream has told.
#[derive(Default)]
pub struct Curves {
    metrics: Vec<Curve>,
    usage: Vec<Usage>,
    /// The greatest step that any metric has named.
    pub step: Option<u64>,
    /// Whether its history has come.
    pub known: bool,
    /// Whether the region said that nothing more will come.
    pub ended: bool,
    /// Readings that came faster than they could be read, and metrics beyond what is kept.
    pub dropped: u64,
    /// Which metric stands alone.
    alone: Option<usize>,
    pub logarithmic: bool,
    over_time: bool,
}

impl Curves {
    /// Takes in a line of the stream.
    pub fn take(&mut self, line: &Value) {
        let text = |member: &str| line.get(member).and_then(Value::as_str);
        let number = |member: &str| line.get(member).and_then(Value::as_f64);
        if let Some(history) = line.get("history") {
            self.history(history);
        } else if line.get("metrics").is_some() {
            self.history(line);
        } else if let Some(name) = text("metric") {
            let (at, value) = (number("at").unwrap_or(0.0), number("value").unwrap_or(f64::NAN));
            self.point(name, at, value, number("step"));
        } else if let Some(host) = text("usage") {
            let cpu = number("cpu_percent").unwrap_or(f64::NAN);
            let memory = number("memory_bytes").unwrap_or(f64::NAN);
            self.used(host, cpu, memory, text("measured").unwrap_or_default());
        } else if let Some(missed) = line.get("missed").and_then(Value::as_u64) {
            self.dropped += missed;
        } else if line.get("ended").is_some() {
            self.ended = true;
        }
    }

    /// The whole history takes the place of what was known: the stream began anew.
    fn history(&mut self, history: &Value) {
        self.known = true;
        let list = |member: &str| history.get(member).and_then(Value::as_array);
        let (metrics, usage) = (list("metrics"), list("usage"));
        for curve in &mut self.metrics {
            curve.clear();
        }
        self.usage.clear();
        self.step = None;
        for metric in metrics.into_iter().flatten() {
            let Some(name) = metric.get("metric").and_then(Value::as_str) else { continue };
            for point in metric.get("points").and_then(Value::as_array).into_iter().flatten() {
                let part = |index: usize| point.get(index).and_then(Value::as_f64);
                self.point(name, part(0).unwrap_or(0.0), part(1).unwrap_or(f64::NAN), part(2));
            }
        }
        for host in usage.into_iter().flatten() {
            let text = |member: &str| host.get(member).and_then(Value::as_str);
            for point in host.get("points").and_then(Value::as_array).into_iter().flatten() {
                let part = |index: usize| point.get(index).and_then(Value::as_f64);
                let (cpu, memory) = (part(1).unwrap_or(f64::NAN), part(3).unwrap_or(f64::NAN));
                self.used(
                    text("host").unwrap_or_default(),
                    cpu,
                    memory,
                    text("measured").unwrap_or_default(),
                );
            }
        }
    }

    fn point(&mut self, name: &str, at: f64, value: f64, step: Option<f64>) {
        let index = match self.metrics.iter().position(|curve| curve.name == name) {
            Some(index) => index,
            None if self.metrics.len() < METRICS => {
                self.metrics.push(Curve::new(name));
                self.metrics.len() - 1
            }
            None => {
                self.dropped += 1;
                return;
            }
        };
        self.metrics[index].push(at, value, step);
        if let Some(step) = step.filter(|step| *step >= 0.0) {
            self.step = Some(self.step.unwrap_or(0).max(step as u64));
        }
    }

    fn used(&mut self, host: &str, cpu: f64, memory: f64, measured: &str) {
        let index = self.usage.iter().position(|usage| usage.host == host);
        let usage = match index {
            Some(index) => &mut self.usage[index],
            None if self.usage.len() < HOSTS => {
                let (cpu, memory) = (Vec::new(), Vec::new());
                self.usage.push(Usage {
                    host: host.to_owned(),
                    cpu,
                    memory,
                    measured: measured.to_owned(),
                });
                let last = self.usage.len() - 1;
                &mut self.usage[last]
            }
            None => return,
        };
        if usage.cpu.len() >= READINGS {
            usage.cpu.drain(..READINGS / 2);
            usage.memory.drain(..READINGS / 2);
        }
        usage.cpu.push(cpu);
        usage.memory.push(memory);
    }

    /// The next metric alone, then all of them again.
    pub fn choose(&mut self, forward: bool) {
        let count = self.metrics.len();
        self.alone = match (self.alone, forward) {
            _ if count == 0 => None,
            (None, true) => Some(0),
            (None, false) => Some(count - 1),
            (Some(at), true) => Some(at + 1).filter(|at| *at < count),
            (Some(at), false) => at.checked_sub(1),
        };
    }

    pub fn toggle_across(&mut self) {
        self.over_time = !self.over_time;
    }

    /// What stands over the plots: which metrics, how they are scaled.
    pub fn heading(&self) -> String {
        let which = match self.alone.and_then(|at| self.metrics.get(at)) {
            Some(curve) => format!("{} of {}", clean(&curve.name), self.metrics.len()),
            None => "Metrics".to_owned(),
        };
        let scale = if self.logarithmic { " · log" } else { "" };
        let across = match self.metrics.first() {
            Some(_) if self.by_step() => " · by step",
            Some(_) => " · by time",
            None => "",
        };
        format!("{which}{scale}{across}")
    }

    fn by_step(&self) -> bool {
        !self.over_time && self.shown().all(|index| self.metrics[index].stepped)
    }

    fn shown(&self) -> impl Iterator<Item = usize> {
        let all = 0..self.metrics.len();
        let alone = self.alone.filter(|at| *at < self.metrics.len());
        all.filter(move |index| alone.is_none_or(|alone| alone == *index))
    }

    /// Which curves stand together: those of one measure (`train:error`, `validation:error`), and
    /// those whose values lie in about the same range.
    fn plots(&self) -> Vec<Vec<usize>> {
        let mut plots: Vec<Vec<usize>> = Vec::new();
        for index in self.shown() {
            let curve = &self.metrics[index];
            let fits = |plot: &Vec<usize>| {
                plot.len() < TOGETHER
                    && plot.iter().all(|other| curve.agrees(&self.metrics[*other]))
            };
            match plots.iter_mut().find(|plot| fits(plot)) {
                Some(plot) => plot.push(index),
                None => plots.push(vec![index]),
            }
        }
        plots
    }

    /// Draws as many plots as have room, and says how many have not.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>, empty: &str) {
        let theme = scene.theme;
        let plots = self.plots();
        if plots.is_empty() || area.is_empty() {
            let chart = Chart { empty, ..Chart::default() };
            return chart.draw(area, buffer, theme);
        }
        let room = usize::from((area.height / LEAST).max(1));
        let fit_all = plots.len() <= room;
        let shown = plots.len().min(room);
        let foot = u16::from(!fit_all && area.height > LEAST);
        let rows = (area.height - foot) / shown.max(1) as u16;
        let mut y = area.y;
        for (index, plot) in plots.iter().take(shown).enumerate() {
            let last = index + 1 == shown;
            let height = if last { area.bottom() - foot - y } else { rows };
            self.draw_plot(buffer, Rect { y, height, ..area }, plot, scene);
            y += height;
        }
        if foot > 0 {
            let hidden: usize = plots[shown..].iter().map(Vec::len).sum();
            let words = format!("and {hidden} more: m shows one after the other");
            let words = fit(&words, usize::from(area.width)).into_owned();
            buffer.set_string(area.x, area.bottom() - 1, words, theme.faint);
        }
    }

    fn draw_plot(&self, buffer: &mut Buffer, area: Rect, plot: &[usize], scene: &Scene<'_>) {
        let by_step = self.by_step();
        let series: Vec<Series<'_>> = plot
            .iter()
            .enumerate()
            .map(|(position, index)| {
                let curve = &self.metrics[*index];
                let trace = if by_step { &curve.by_step } else { &curve.by_time };
                Series { name: &curve.name, trace, series: position, stroke: Stroke::default() }
            })
            .collect();
        let across = if by_step { Across::Steps } else { Across::Clock(scene.zone.clone()) };
        let scale = if self.logarithmic { Scale::Logarithmic } else { Scale::Linear };
        let chart = Chart { series: &series, across, scale, ..Chart::default() };
        chart.draw(area, buffer, scene.theme);
    }

    /// Rows that the use of hosts takes.
    pub fn usage_rows(&self) -> u16 {
        u16::try_from(self.usage.len().min(3)).unwrap_or(0)
    }

    /// A row for each host: how much of a core, how much memory, lately.
    pub fn draw_usage(&self, buffer: &mut Buffer, area: Rect, theme: &Theme) {
        let area = area.intersection(buffer.area);
        for (usage, y) in self.usage.iter().zip(area.y..area.bottom()) {
            let row = Rect { y, height: 1, ..area };
            usage.draw(buffer, row, theme);
        }
    }

    /// What a host used at most, for the details.
    pub fn usage_lines(&self) -> Vec<(String, String)> {
        let peak = |values: &[f64]| values.iter().copied().fold(f64::NAN, f64::max);
        let line = |usage: &Usage| {
            let cpu = format::compact(peak(&usage.cpu));
            let memory = format::bytes(peak(&usage.memory).max(0.0) as u64);
            let how = if usage.measured.is_empty() { "" } else { ", " };
            let told = format!("at most {cpu} % of a core, {memory}{how}{}", usage.measured);
            (usage.host.clone(), told)
        };
        self.usage.iter().map(line).collect()
    }

    /// The last value of each metric.
    pub fn last_values(&self) -> impl Iterator<Item = (&str, f64)> {
        self.metrics.iter().map(|curve| (curve.name.as_str(), curve.last))
    }
}

impl Curve {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            by_step: Trace::new(POINTS),
            by_time: Trace::new(POINTS),
            stepped: true,
            last: f64::NAN,
        }
    }

    fn clear(&mut self) {
        *self = Self::new(&self.name);
    }

    fn push(&mut self, at: f64, value: f64, step: Option<f64>) {
        let millis = Timestamp::from_secs_f64(at).map_or(0, Timestamp::as_millis);
        self.by_time.push(millis as f64, value);
        match step {
            // A job that was restarted begins with its steps anew: only time goes on.
            Some(step) if self.by_step.last().is_none_or(|(last, _)| step >= last) => {
                self.by_step.push(step, value);
            }
            _ => self.stepped = false,
        }
        if value.is_finite() {
            self.last = value;
        }
    }

    fn measure(&self) -> &str {
        self.name.split_once(':').map_or(self.name.as_str(), |(_, measure)| measure)
    }

    fn extent(&self) -> Option<(f64, f64)> {
        self.by_time.extent(0..self.by_time.len())
    }

    /// Whether both can be read in one plot.
    fn agrees(&self, other: &Self) -> bool {
        if self.measure() == other.measure() {
            return true;
        }
        let (Some(a), Some(b)) = (self.extent(), other.extent()) else { return false };
        let size = |(low, high): (f64, f64)| low.abs().max(high.abs());
        let (larger, smaller) = (size(a).max(size(b)), size(a).min(size(b)));
        let overlap = a.1.min(b.1) - a.0.max(b.0);
        smaller * 4.0 >= larger && overlap > 0.0
    }
}

impl Usage {
    fn draw(&self, buffer: &mut Buffer, row: Rect, theme: &Theme) {
        let columns = usize::from(row.width);
        let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
        let cpu = format!("{} % cpu", format::compact(last(&self.cpu)));
        let memory = format::bytes(last(&self.memory).max(0.0) as u64);
        let name = fit(&clean(&self.host), 10).into_owned();
        let mut x = row.x;
        let put = |x: &mut u16, text: &str, style, buffer: &mut Buffer| {
            let room = row.right().saturating_sub(*x);
            *x = buffer.set_stringn(*x, row.y, text, usize::from(room), style).0;
        };
        put(&mut x, &name, theme.dim, buffer);
        // Two bars share what the words leave.
        let words = 10 + 2 + 12 + 2 + 10;
        let bar = (columns.saturating_sub(words) / 2).min(40) as u16;
        for (values, text, width, series) in
            [(&self.cpu, cpu, 12, 0), (&self.memory, memory, 10, 2)]
        {
            put(&mut x, " ", theme.text, buffer);
            let area = Rect { x, width: bar, ..row }.intersection(row);
            Sparkline { values, full: None, series }.draw(area, buffer, theme);
            x = x.saturating_add(area.width);
            put(&mut x, &pad_left(&text, width), theme.text, buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn point(name: &str, step: f64, value: f64) -> Value {
        json!({"metric": name, "value": value, "step": step, "at": 1.0 + step})
    }

    fn told(lines: &[Value]) -> Curves {
        let mut curves = Curves::default();
        lines.iter().for_each(|line| curves.take(line));
        curves
    }

    #[test]
    fn history_then_what_comes() {
        let history = json!({"job": "j", "metrics": [
            {"metric": "train:error", "seen": 2, "points": [[1.0, 0.5, 0], [2.0, 0.4, 1]]}],
            "usage": [{"host": "algo-1", "measured": "process 1", "points": [[1.0, 98.5, 1.0, 1e6]]}]});
        let mut curves =
            told(&[history.clone(), json!({"history": history}), point("train:error", 2.0, 0.3)]);
        assert_eq!(
            curves.metrics[0].by_step.len(),
            3,
            "a second history takes the first one's place"
        );
        assert_eq!((curves.step, curves.known, curves.ended), (Some(2), true, false));
        assert_eq!(curves.usage_lines()[0].1, "at most 98.5 % of a core, 977 KiB, process 1");
        curves.take(&json!({"missed": 3}));
        curves.take(&json!({"ended": "training job j is Completed"}));
        assert_eq!((curves.dropped, curves.ended), (3, true));
    }

    #[test]
    fn what_agrees_stands_together() {
        let curves = told(&[
            point("train:rmse", 0.0, 100.0),
            point("train:rmse", 1.0, 20.0),
            point("validation:rmse", 0.0, 900.0),
            point("train:auc", 0.0, 0.5),
            point("train:auc", 1.0, 0.9),
            point("train:f1", 0.0, 0.6),
            point("train:f1", 1.0, 0.8),
        ]);
        assert_eq!(curves.plots(), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn one_alone_and_all_again() {
        let mut curves = told(&[point("a", 0.0, 1.0), point("b", 0.0, 1.0)]);
        let mut seen = Vec::new();
        for forward in [true, true, true, false, false, false] {
            curves.choose(forward);
            seen.push(curves.alone);
        }
        assert_eq!(seen, [Some(0), Some(1), None, Some(1), Some(0), None]);
    }

    #[test]
    fn steps_that_start_anew_leave_time() {
        let curves = told(&[
            point("a", 5.0, 1.0),
            json!({"metric": "a", "value": 2.0, "step": 0, "at": 9.0}),
        ]);
        assert!(!curves.by_step());
        assert_eq!(curves.metrics[0].by_time.len(), 2);
    }

    #[test]
    fn nonsense_is_bounded() {
        let mut curves = Curves::default();
        for index in 0..METRICS + 5 {
            curves.take(&point(&format!("m{index}"), 0.0, f64::NAN));
        }
        assert_eq!((curves.metrics.len(), curves.dropped), (METRICS, 5));
    }
}
