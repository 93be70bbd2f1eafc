//! The table of variants: what is asked of them, what they do, and what somebody is about to ask.

use super::fleet;
use super::variant::{Board, Split, Variant, rounded};
use crate::domain::distribution::Distribution;
use crate::tui::format;
use crate::tui::mirror::live::{self, Counters};
use crate::tui::text::{clean, fit, pad, pad_left, width};
use crate::tui::view::Scene;
use crate::tui::widgets::legend;
use crate::tui::widgets::spark::ShareBar;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// What is drawn of the variants.
pub(super) struct Weights<'a> {
    pub board: Board<'a>,
    pub split: Option<&'a Split>,
    /// A split that was asked for and is on its way.
    pub applying: bool,
    /// Whether this pane has the keys.
    pub focused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Name,
    Model,
    Weight,
    Asked,
    Seen,
    Bar,
    Instances,
    On,
    Rate,
    P50,
    P90,
    P99,
    P999,
    Errors4,
    Errors5,
}

struct Column {
    part: Part,
    title: &'static str,
    least: u16,
    grow: u16,
    right: bool,
    /// What goes first where there is no room.
    rank: u8,
}

const fn column(part: Part, title: &'static str, least: u16, rank: u8) -> Column {
    Column { part, title, least, grow: 0, right: true, rank }
}

const COLUMNS: [Column; 15] = [
    Column { grow: 2, right: false, ..column(Part::Name, "variant", 9, 0) },
    Column { grow: 2, right: false, ..column(Part::Model, "model", 8, 6) },
    column(Part::Weight, "weight", 6, 9),
    column(Part::Asked, "asked", 7, 0),
    column(Part::Seen, "seen", 7, 0),
    Column { grow: 1, right: false, ..column(Part::Bar, "", 8, 5) },
    Column { right: false, ..column(Part::Instances, "fleet", 6, 2) },
    Column { right: false, ..column(Part::On, "on", 14, 8) },
    column(Part::Rate, "rate", 8, 0),
    column(Part::P50, "p50", 8, 0),
    column(Part::P90, "p90", 8, 10),
    column(Part::P99, "p99", 8, 0),
    column(Part::P999, "p99.9", 8, 7),
    column(Part::Errors4, "4xx", 5, 4),
    column(Part::Errors5, "5xx", 5, 1),
];

/// The columns that fit, each with its place.
fn places(area: Rect) -> Vec<(&'static Column, Rect)> {
    let mut shown: Vec<&'static Column> = COLUMNS.iter().collect();
    let need = |shown: &[&Column]| shown.iter().map(|one| one.least + 1).sum::<u16>();
    let room = area.width.saturating_sub(2);
    while need(&shown) > room + 1 {
        let last = shown.iter().map(|one| one.rank).max().unwrap_or(0);
        let Some(at) = shown.iter().rposition(|one| one.rank == last && last > 0) else { break };
        shown.remove(at);
    }
    let spare = (room + 1).saturating_sub(need(&shown));
    let parts: u16 = shown.iter().map(|one| one.grow).sum();
    let mut x = area.x.saturating_add(2);
    let mut places = Vec::new();
    for one in shown {
        let extra = (spare * one.grow).checked_div(parts).unwrap_or(0).min(14);
        let columns = (one.least + extra).min(area.right().saturating_sub(x));
        if columns == 0 {
            break;
        }
        places.push((one, Rect { x, y: area.y, width: columns, height: 1 }));
        x = x.saturating_add(columns + 1);
    }
    places
}

impl Weights<'_> {
    /// Rows it would like to have.
    pub(super) fn height(&self) -> u16 {
        2 + u16::try_from(self.board.variants.len().clamp(1, 8)).unwrap_or(8)
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let buffer = frame.buffer_mut();
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let theme = scene.theme;
        let places = places(area);
        for (one, place) in &places {
            let columns = usize::from(place.width);
            let title =
                if one.right { pad_left(one.title, columns) } else { pad(one.title, columns) };
            buffer.set_stringn(place.x, place.y, title, columns, theme.dim);
        }
        if self.board.variants.is_empty() {
            let words = "  Nothing is known of its variants yet";
            let y = (area.y + 1).min(area.bottom() - 1);
            buffer.set_stringn(area.x, y, words, usize::from(area.width), theme.dim);
        }
        let rows = usize::from(area.height.saturating_sub(2));
        let skip = (self.board.selected + 1).saturating_sub(rows);
        let observed = self.board.watched.and_then(|watched| watched.observed(live::WINDOW));
        for (line, index) in (skip..self.board.variants.len()).take(rows).enumerate() {
            let row = Rect { y: area.y + 1 + line as u16, height: 1, ..area };
            self.draw_row(buffer, row, &places, index, observed.as_deref(), scene);
        }
        let last = Rect { y: area.bottom() - 1, height: 1, ..area };
        if area.height > 1 {
            frame.render_widget(self.preview(usize::from(area.width), scene), last);
        }
    }

    fn draw_row(
        &self,
        buffer: &mut Buffer,
        row: Rect,
        places: &[(&'static Column, Rect)],
        index: usize,
        observed: Option<&[f64]>,
        scene: &Scene<'_>,
    ) {
        let theme = scene.theme;
        let variant = &self.board.variants[index];
        let live = self.board.watched.and_then(|watched| watched.variant(&variant.name));
        let seen = self.board.watched.zip(observed).and_then(|(watched, observed)| {
            let at = watched.variants.iter().position(|one| one.name == variant.name)?;
            observed.get(at).copied()
        });
        let facts = Facts {
            variant,
            live,
            seen,
            latency: self.board.latencies.get(index),
            lately: live.map(|live| live.lately(live::WINDOW)).unwrap_or_default(),
            next: self.split.and_then(|split| split.part(&variant.name)),
            index,
        };
        for (one, place) in places {
            let place = Rect { y: row.y, ..*place };
            if one.part == Part::Bar {
                let observed = seen.unwrap_or(f64::NAN);
                let asked = facts.next.map(|next| next / 100.0).or(Some(variant.asked));
                ShareBar { observed, asked, series: index }.draw(place, buffer, theme);
                continue;
            }
            if one.part == Part::Instances {
                let instances = live.map_or(&[][..], |live| live.instances.as_slice());
                let marks = fleet::marks(instances, usize::from(place.width), theme);
                if !marks.is_empty() {
                    buffer.set_line(place.x, place.y, &Line::from(marks), place.width);
                    continue;
                }
            }
            let (text, style) = facts.cell(one.part, scene);
            let columns = usize::from(place.width);
            let text = clean(&text);
            let text = if one.right { pad_left(&text, columns) } else { pad(&text, columns) };
            buffer.set_stringn(place.x, place.y, text, columns, style);
        }
        if index == self.board.selected {
            if self.focused {
                buffer.set_style(row, theme.selected);
            }
            buffer.set_stringn(
                row.x,
                row.y,
                "▌",
                1,
                if self.focused { theme.focus } else { theme.dim },
            );
        }
    }

    /// What is about to be asked, or how to ask.
    fn preview(&self, columns: usize, scene: &Scene<'_>) -> Line<'static> {
        let theme = scene.theme;
        let Some(split) = self.split else {
            if self.board.variants.len() < 2 {
                return Line::default();
            }
            let name =
                self.board.variants.get(self.board.selected).map_or("", |one| one.name.as_str());
            let text =
                format!("  ← → move the share of {}, a preview until a asks for it", clean(name));
            return Line::styled(fit(&text, columns).into_owned(), theme.dim);
        };
        if self.applying {
            return Line::styled("  ◐ asking for the new split…", theme.busy);
        }
        let mut spans = vec![Span::styled("  asked next:", theme.key)];
        let keys = "   a apply  u undo";
        let mut used = 13 + width(keys);
        for (name, part) in &split.parts {
            let index = super::variant::series(self.board.variants, name);
            let text = format!("  {} {} {} %", legend::mark(index), clean(name), rounded(*part));
            used += width(&text);
            if used > columns {
                spans.push(Span::styled(" …", theme.dim));
                break;
            }
            spans.push(Span::styled(text, theme.series(index)));
        }
        spans.push(Span::styled("   a", theme.key));
        spans.push(Span::styled(" apply  ", theme.dim));
        spans.push(Span::styled("u", theme.key));
        spans.push(Span::styled(" undo", theme.dim));
        Line::from(spans)
    }
}

/// One row's figures.
struct Facts<'a> {
    variant: &'a Variant,
    live: Option<&'a live::Variant>,
    seen: Option<f64>,
    latency: Option<&'a Distribution>,
    lately: Counters,
    next: Option<f64>,
    index: usize,
}

impl Facts<'_> {
    fn cell(&self, part: Part, scene: &Scene<'_>) -> (String, Style) {
        let theme = scene.theme;
        let variant = self.variant;
        let none = || ("-".to_owned(), theme.faint);
        let quantile = |part: f64, style: Style| {
            let value = self.latency.and_then(|latency| latency.quantile(part));
            value.map_or_else(none, |value| (format::micros(value as f64), style))
        };
        match part {
            Part::Name => {
                let text = format!("{} {}", legend::mark(self.index), variant.name);
                (text, theme.series(self.index))
            }
            Part::Model => (variant.what().to_owned(), theme.text),
            Part::Weight => {
                variant.weight.map_or_else(none, |weight| (format::compact(weight), theme.dim))
            }
            Part::Asked => match self.next {
                Some(next) => (format!("{} %", rounded(next)), theme.key),
                None if variant.weight.is_none() => none(),
                None => (format::percent(variant.asked), theme.text),
            },
            Part::Seen => self.seen.map_or_else(none, |seen| (format::percent(seen), theme.accent)),
            Part::Instances => match (variant.current, variant.desired) {
                (now, wanted) if now == wanted => (now.to_string(), theme.text),
                (now, wanted) => (format!("{now} of {wanted}"), theme.busy),
            },
            Part::On => (variant.on().to_owned(), theme.dim),
            Part::Rate => {
                let rates = self.live.map(|live| live.pace.rates(scene.now as f64 / 1000.0));
                rates.map_or_else(none, |rates| (format::rate(rates.requests), theme.accent))
            }
            Part::P50 => quantile(0.5, theme.text),
            Part::P90 => quantile(0.9, theme.dim),
            Part::P99 => quantile(0.99, theme.text),
            Part::P999 => quantile(0.999, theme.dim),
            Part::Errors4 => errors(self.lately.errors_4xx, self.live.is_some(), scene),
            Part::Errors5 => errors(self.lately.errors_5xx, self.live.is_some(), scene),
            Part::Bar => (String::new(), theme.text),
        }
    }
}

fn errors(count: u64, known: bool, scene: &Scene<'_>) -> (String, Style) {
    match count {
        _ if !known => ("-".to_owned(), scene.theme.faint),
        0 => ("0".to_owned(), scene.theme.dim),
        count => (format::compact(count as f64), scene.theme.bad),
    }
}
