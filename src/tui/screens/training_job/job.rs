//! One training job: where it stands, its curves, its log beside them, and all that went into it.

use super::curves::Curves;
use super::details::Details;
use super::{command, facts, stop};
use crate::domain::kind;
use crate::domain::money::Money;
use crate::domain::s3_uri::S3Uri;
use crate::domain::time::Timestamp;
use crate::tui::effect::{Effect, Want};
use crate::tui::format;
use crate::tui::msg::{Answer, Ticket};
use crate::tui::row::Row;
use crate::tui::screens::log::Reader;
use crate::tui::status::{Mood, mood};
use crate::tui::text::{clean, fit, width};
use crate::tui::view::{News, Outbox, Place, Scene, View};
use crate::tui::widgets::pane::{inside, pane};
use crate::tui::widgets::timeline::Timeline;
use crossterm::event::{KeyEvent, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Widget, Wrap};
use serde_json::Value;
use std::sync::Arc;

/// From this width on the details stand beside the curves and the log.
const BESIDE: u16 = 100;
/// Lines of the log asked for of those already there.
const TAIL: usize = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pane {
    Curves,
    Log,
    Details,
}

const PANES: [Pane; 3] = [Pane::Curves, Pane::Log, Pane::Details];

pub struct Job {
    name: String,
    /// As it was last seen; a deleted job can still be read.
    row: Option<Arc<Row>>,
    gone: bool,
    curves: Curves,
    reader: Reader,
    details: Details,
    focus: Pane,
    /// Whether the focused pane stands alone.
    zoomed: bool,
    /// Bytes of the model's archive.
    artifact: Option<u64>,
    asked: Option<Ticket>,
    /// What the details were last made of.
    seen: Option<(Arc<Row>, Rect, usize, Option<u64>)>,
    /// Lines of the job's stream taken in.
    told: usize,
}

impl Job {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            row: None,
            gone: false,
            curves: Curves::default(),
            reader: Reader::of_one(),
            details: Details::default(),
            focus: Pane::Curves,
            zoomed: false,
            artifact: None,
            asked: None,
            seen: None,
            told: 0,
        }
    }

    /// Streams of the log that are this job's.
    fn prefix(&self) -> String {
        format!("{}/", self.row.as_ref().map_or(self.name.as_str(), |row| &row.name))
    }

    fn head_rows(&self, area: Rect) -> u16 {
        let timeline = if area.height >= 30 { 3 } else { 2 };
        1 + timeline + self.reason_rows(area)
    }

    /// Rows that the reason of a failure takes, a free one below included.
    fn reason_rows(&self, area: Rect) -> u16 {
        let Some(reason) = self.reason() else { return 0 };
        let columns = usize::from(area.width.saturating_sub(4)).max(8);
        // Words are not cut, so that lines are not full.
        let rows = (width(&clean(reason)) * 10 / 9).div_ceil(columns).clamp(1, 4) as u16;
        rows.min(area.height / 4) + u16::from(area.height >= 20)
    }

    fn reason(&self) -> Option<&str> {
        self.row.as_ref().map(|row| row.text("FailureReason")).filter(|reason| !reason.is_empty())
    }

    /// The panes that have a place, with their rules.
    fn panes(&self, area: Rect) -> Vec<(Pane, Rect)> {
        let head = self.head_rows(area).min(area.height);
        let body = Rect { y: area.y + head, height: area.height - head, ..area };
        if self.zoomed || (area.width < BESIDE && self.focus == Pane::Details) {
            return vec![(self.focus, body)];
        }
        let beside = area.width >= BESIDE;
        let right = if beside { (area.width / 3).min(58) } else { 0 };
        let left = Rect { width: body.width - right - u16::from(beside), ..body };
        let usage = self.curves.usage_rows();
        let top = (body.height - usage.min(body.height)).div_ceil(2) + usage.min(body.height);
        let top = top.min(body.height);
        let mut panes = vec![
            (Pane::Curves, Rect { height: top, ..left }),
            (Pane::Log, Rect { y: left.y + top, height: left.height - top, ..left }),
        ];
        if beside {
            let x = body.right() - right;
            panes.push((Pane::Details, Rect { x, width: right, ..body }));
        }
        panes
    }

    fn step_focus(&mut self, forward: bool) {
        let at = PANES.iter().position(|pane| *pane == self.focus).unwrap_or(0);
        let step = if forward { 1 } else { PANES.len() - 1 };
        self.focus = PANES[(at + step) % PANES.len()];
    }

    fn draw_head(&self, row: &Row, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let line = Rect { height: 1, ..area };
        self.draw_state(row, buffer, line, scene);
        let stages = facts::stages(row);
        let rows = self.head_rows(area) - self.reason_rows(area) - 1;
        let timeline = Rect { y: area.y + 1, height: rows, ..area }.intersection(area);
        let timeline = inset(timeline);
        Timeline { stages: &stages, now: Timestamp::from_millis(scene.now) }
            .draw(timeline, buffer, theme);
        if let Some(reason) = self.reason() {
            let place = Rect {
                y: area.y + 1 + rows,
                height: self.reason_rows(area).saturating_sub(u16::from(area.height >= 20)),
                ..area
            };
            let place = inset(place.intersection(area));
            if !place.is_empty() {
                buffer.set_stringn(place.x, place.y, "✖ ", 2, theme.bad);
                let words = Rect { x: place.x + 2, width: place.width.saturating_sub(2), ..place };
                Paragraph::new(clean(reason).into_owned())
                    .style(theme.bad)
                    .wrap(Wrap { trim: true })
                    .render(words.intersection(buffer.area), buffer);
            }
        }
    }

    /// `◐ Training  xgboost on 1 × ml.m5.large  billed 31 s  $0.0010  round 12 of 40`.
    fn draw_state(&self, row: &Row, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let stage = facts::stage(row);
        let feeling = match (mood(&row.status), mood(stage)) {
            (Mood::Busy, Mood::None) => Mood::Busy,
            (Mood::Busy, stage) => stage,
            (ended, _) => ended,
        };
        let gone = if self.gone { " (deleted)" } else { "" };
        let mut parts: Vec<(String, Style)> = vec![
            (format!(" {} {stage}{gone}", feeling.mark()), feeling.style(theme)),
            (clean(&facts::algorithm(row)).into_owned(), theme.accent),
            (format!("on {}", facts::machines_line(row)), theme.dim),
            (format::duration(facts::elapsed(row, scene.now)), theme.text),
        ];
        let doing = matches!(row.text("SecondaryStatus"), "Pending" | "Interrupted" | "Restarting");
        match (self.progress(row), facts::is_over(row)) {
            (Some(progress), false) => parts.push((progress, theme.busy)),
            (None, false) if doing => {
                parts.push((clean(facts::message(row)).into_owned(), theme.dim));
            }
            _ => {}
        }
        if let Some(seconds) = facts::billable(row, scene.now) {
            if let Some(cost) = facts::cost(row, scene) {
                let priced = cost.known > Money::ZERO && area.width >= BESIDE;
                let basis = if priced { " at list price" } else { "" };
                parts.push((format!("{}{basis}", format::total(cost)), theme.accent));
            }
            parts.push((format!("billed {} s", format::count(seconds)), theme.dim));
        }
        let mut x = area.x;
        for (text, style) in parts {
            let room = usize::from(area.right().saturating_sub(x));
            // Halves of facts are worse than none.
            if width(&text) > room && x > area.x {
                break;
            }
            let text = fit(&text, room).into_owned();
            x = buffer.set_stringn(x, area.y, text, room, style).0.saturating_add(2);
        }
    }

    /// `round 12 of 40`, as far as its log and its hyperparameters tell.
    fn progress(&self, row: &Row) -> Option<String> {
        let step = self.curves.step?;
        Some(match facts::rounds(row) {
            // Rounds are counted from 0.
            Some(rounds) => format!("round {} of {rounds}", (step + 1).min(rounds)),
            None => format!("round {}", step + 1),
        })
    }

    fn draw_pane(&self, which: Pane, area: Rect, buffer: &mut Buffer, scene: &Scene<'_>) {
        let theme = scene.theme;
        let focused = self.focus == which;
        let title = match which {
            Pane::Curves => self.curves.heading(),
            Pane::Log => "Log".to_owned(),
            Pane::Details => "What went in, what came out".to_owned(),
        };
        let note = match which {
            Pane::Curves if self.curves.dropped > 0 => {
                format!("▲ {} readings dropped", self.curves.dropped)
            }
            Pane::Curves => String::new(),
            Pane::Log => self.reader.note(),
            Pane::Details => self.details.position().unwrap_or_default(),
        };
        let inner = pane(buffer, area, &title, &note, focused, theme);
        match which {
            Pane::Curves => {
                let usage = self.curves.usage_rows().min(inner.height / 3);
                let plots = Rect { height: inner.height - usage, ..inner };
                self.curves.draw(buffer, inset(plots), scene, self.why_no_curves());
                let rows = Rect { y: plots.bottom(), height: usage, ..inner };
                self.curves.draw_usage(buffer, inset(rows), theme);
            }
            Pane::Log => self.reader.draw(buffer, inner, theme),
            Pane::Details => self.details.draw(buffer, inset(inner), theme),
        }
    }

    fn why_no_curves(&self) -> &'static str {
        let over = self.row.as_ref().is_some_and(|row| facts::is_over(row));
        match (self.curves.known, over) {
            (false, _) => "asking for its metrics …",
            (true, true) => "its log held none of its metrics",
            (true, false) => "no metric yet: they come with its log",
        }
    }

    /// Where the model lies, as bucket, folder and key.
    fn model(row: &Row) -> Option<(String, String, String)> {
        let S3Uri { bucket, key } =
            S3Uri::parse(row.at("/ModelArtifacts/S3ModelArtifacts")).ok()?;
        let folder = key.rfind('/').map_or("", |slash| &key[..=slash]).to_owned();
        Some((bucket, folder, key))
    }

    fn ask_for_size(&mut self, row: &Row, out: &mut Outbox) {
        if row.status == "Completed"
            && self.asked.is_none()
            && let Some((bucket, folder, _)) = Self::model(row)
        {
            let ticket = out.ticket();
            self.asked = Some(ticket);
            out.effect(Effect::Objects { ticket, bucket, prefix: folder });
        }
    }

    fn sized(&mut self, answer: &Answer) {
        let Some(row) = &self.row else { return };
        let Some((_, _, key)) = Self::model(row) else { return };
        let Ok(Value::Array(objects)) = &answer.outcome else { return };
        let found = objects.iter().find(|object| object["name"] == key);
        self.artifact = found.and_then(|object| object["body"]["Size"].as_u64());
    }
}

/// A column free at both sides.
fn inset(area: Rect) -> Rect {
    Rect { x: area.x.saturating_add(1), width: area.width.saturating_sub(2), ..area }
}

impl View for Job {
    fn name(&self) -> &'static str {
        "job"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::of("job", &*self.name))
    }

    fn title(&self) -> String {
        self.name.clone()
    }

    fn shares(&self) -> &'static [&'static str] {
        if self.focus == Pane::Log { &["log", "scroll"] } else { &["scroll"] }
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let buffer = frame.buffer_mut();
        let area = area.intersection(buffer.area);
        let Some(row) = &self.row else {
            let words = if scene.mirror.ready {
                format!("There is no training job {}. Esc goes back", clean(&self.name))
            } else {
                "The region is being read …".to_owned()
            };
            return Line::styled(words, scene.theme.dim).render(inset(area), buffer);
        };
        self.draw_head(row, buffer, area, scene);
        for (which, area) in self.panes(area) {
            self.draw_pane(which, area, buffer, scene);
        }
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, out: &mut Outbox) {
        let now = scene.mirror.row(kind::TRAINING_JOB, &self.name);
        self.gone = now.is_none() && self.row.is_some() && scene.mirror.ready;
        if let Some(row) = now {
            self.row = Some(Arc::clone(row));
        }
        let Some(row) = self.row.clone() else { return };
        self.ask_for_size(&row, out);
        for (which, area) in self.panes(area) {
            let inner = inside(area);
            match which {
                Pane::Log => self.reader.settle(inner, scene),
                Pane::Details => {
                    let inner = inset(inner);
                    let same = self.seen.as_ref().is_some_and(|(seen, place, told, size)| {
                        Arc::ptr_eq(seen, &row)
                            && (*place, *told, *size) == (inner, self.told, self.artifact)
                    });
                    if !same {
                        self.details.settle(&row, &self.curves, self.artifact, inner);
                        self.seen = Some((Arc::clone(&row), inner, self.told, self.artifact));
                    }
                }
                Pane::Curves => {}
            }
        }
    }

    fn wants(&self, _scene: &Scene<'_>) -> Vec<Want> {
        let Some(row) = &self.row else { return Vec::new() };
        let group = facts::LOG_GROUP.to_owned();
        let logs = Want::Logs { group, prefix: self.prefix(), tail: TAIL };
        let mut wants = vec![Want::CostLines, logs];
        if !(self.gone || facts::is_over(row) && self.curves.known && self.curves.ended) {
            wants.push(Want::TrainingJob(row.name.clone()));
        }
        wants
    }

    fn news(&mut self, news: News<'_>, _scene: &Scene<'_>, _out: &mut Outbox) {
        match news {
            News::TrainingJob(name, line) if name.eq_ignore_ascii_case(&self.name) => {
                self.curves.take(line);
                self.told += 1;
            }
            News::Logs(logs) if logs.group == facts::LOG_GROUP => {
                let prefix = self.prefix();
                self.reader.push(logs, |stream| stream.starts_with(&prefix));
            }
            News::Answer(ticket, answer) if self.asked == Some(ticket) => self.sized(answer),
            _ => {}
        }
    }

    fn typing(&self) -> bool {
        self.focus == Pane::Log && self.reader.typing()
    }

    fn typed(&mut self, key: KeyEvent, _scene: &Scene<'_>, _out: &mut Outbox) -> bool {
        self.reader.typed(key)
    }

    fn pasted(&mut self, text: &str, _scene: &Scene<'_>, _out: &mut Outbox) {
        self.reader.pasted(text);
    }

    fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "next-pane" => self.step_focus(true),
            "previous-pane" => self.step_focus(false),
            "metric-next" => self.curves.choose(true),
            "metric-previous" => self.curves.choose(false),
            "log-scale" => self.curves.logarithmic = !self.curves.logarithmic,
            "across" => self.curves.toggle_across(),
            "drill-in" => self.zoomed = true,
            "back" if self.zoomed => self.zoomed = false,
            "stop" => stop(&self.subjects(), scene, out),
            "clone" => {
                if let Some(row) = &self.row {
                    command("clone", row, scene, out);
                }
            }
            "register" | "deploy" => {
                if let Some(row) = &self.row {
                    let action = if action == "deploy" { "deploy" } else { "register" };
                    command(action, row, scene, out);
                }
            }
            "left" if self.focus == Pane::Curves => self.curves.choose(false),
            "right" if self.focus == Pane::Curves => self.curves.choose(true),
            _ => {
                return match self.focus {
                    Pane::Curves => false,
                    Pane::Log => self.reader.act(action, &format!("{}.log", self.name), out),
                    Pane::Details => self.details.act(action),
                };
            }
        }
        true
    }

    fn mouse(
        &mut self,
        event: MouseEvent,
        area: Rect,
        _scene: &Scene<'_>,
        _out: &mut Outbox,
    ) -> bool {
        let at = (event.column, event.row).into();
        let Some((which, area)) = self.panes(area).into_iter().find(|(_, area)| area.contains(at))
        else {
            return false;
        };
        if matches!(event.kind, MouseEventKind::Down(_)) {
            self.focus = which;
        }
        match (which, event.kind) {
            (Pane::Log, _) => self.reader.mouse(event, inside(area)),
            (Pane::Details, MouseEventKind::ScrollUp) => self.details.act("up"),
            (Pane::Details, MouseEventKind::ScrollDown) => self.details.act("down"),
            _ => true,
        }
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        self.row.iter().cloned().collect()
    }
}
