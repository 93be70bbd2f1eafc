//! The latencies of the variants, in the picture that was chosen.

use super::variant::Board;
use crate::domain::distribution::Distribution;
use crate::tui::mirror::live::{self, KEPT};
use crate::tui::view::Scene;
use crate::tui::widgets::axis::Scale;
use crate::tui::widgets::latency::{self, Histograms, OverTime, Recent, Spectrum};
use crate::tui::widgets::trace::Trace;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Milliseconds without a point after which a curve breaks.
const BREAK: f64 = 3_000.0;
/// Of a curve at least so many milliseconds are shown.
const LEAST: f64 = 60_000.0;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Picture {
    #[default]
    Histogram,
    Percentiles,
    OverTime,
}

impl Picture {
    pub(super) const ALL: [Self; 3] = [Self::Histogram, Self::Percentiles, Self::OverTime];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Histogram => "histogram",
            Self::Percentiles => "percentiles",
            Self::OverTime => "over time",
        }
    }

    pub(super) fn next(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|one| *one == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// What is drawn, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub picture: Picture,
    pub scale: Scale,
    /// Only the selected variant.
    pub alone: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { picture: Picture::default(), scale: Scale::Logarithmic, alone: false }
    }
}

impl Look {
    /// `Latency, last 60 s, logarithmic`.
    pub(super) fn title(self) -> String {
        let span = match self.picture {
            Picture::OverTime => "last 5 min",
            _ => "last 60 s",
        };
        let scale = match self.scale {
            Scale::Linear => "linear",
            Scale::Logarithmic => "log",
        };
        format!("{}, {span}, {scale}", self.picture.name())
    }

    pub(super) fn draw(
        self,
        board: Board<'_>,
        frame: &mut Frame<'_>,
        area: Rect,
        scene: &Scene<'_>,
    ) {
        let shown = |index: usize| !self.alone || index == board.selected;
        if self.picture == Picture::OverTime {
            return self.over_time(board, &shown, area, frame, scene);
        }
        let drawn: Vec<latency::Variant<'_>> = board
            .variants
            .iter()
            .zip(board.latencies)
            .enumerate()
            .map(|(index, (one, latency))| latency::Variant {
                name: &one.name,
                latency,
                shown: shown(index),
            })
            .collect();
        let counted = |one: &live::Variant| one.counters.invocations > 0;
        let quiet = board.latencies.iter().all(Distribution::is_empty);
        if quiet && board.watched.is_some_and(|one| one.variants.iter().any(counted)) {
            let words = "no invocation in the last 60 s while this was watched";
            let middle = Rect { y: area.y + area.height / 2, height: 1, ..area }.intersection(area);
            let line = Line::styled(words, scene.theme.dim).centered();
            return frame.render_widget(line, middle);
        }
        let (variants, scale, buffer) = (drawn.as_slice(), self.scale, frame.buffer_mut());
        match self.picture {
            Picture::Percentiles => Spectrum { variants, scale }.draw(area, buffer, scene.theme),
            _ => Histograms { variants, scale }.draw(area, buffer, scene.theme),
        }
    }

    fn over_time(
        self,
        board: Board<'_>,
        shown: &dyn Fn(usize) -> bool,
        area: Rect,
        frame: &mut Frame<'_>,
        scene: &Scene<'_>,
    ) {
        let none = Trace::new(2);
        let drawn: Vec<Recent<'_>> = board
            .variants
            .iter()
            .enumerate()
            .map(|(index, one)| {
                let live = board.watched.and_then(|watched| watched.variant(&one.name));
                let (p50, p99) = live.map_or((&none, &none), |live| (&live.p50, &live.p99));
                Recent { name: &one.name, p50, p99, shown: shown(index) }
            })
            .collect();
        let began = drawn.iter().filter_map(|one| one.p50.span()).map(|(from, _)| from);
        let began = began.fold(f64::INFINITY, f64::min);
        let now = scene.now as f64;
        let from = began.max(now - KEPT * 1000.0).min(now - LEAST);
        let view = Some((from, now));
        let chart = OverTime { variants: &drawn, scale: self.scale, view, gap: Some(BREAK) };
        chart.draw(area, frame.buffer_mut(), scene.theme);
    }
}
