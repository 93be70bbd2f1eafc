//! Two versions beside each other.

use super::comparison::{self, Comparison, Entry, Side};
use crate::domain::kind;
use crate::tui::keymap::Binding;
use crate::tui::layers::Deploy;
use crate::tui::mirror::lineage::Fresh;
use crate::tui::row::Row;
use crate::tui::status::labelled;
use crate::tui::text::{clean, pad};
use crate::tui::view::{Outbox, Place, Scene, View};
use crossterm::event::{MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use std::sync::Arc;

pub static BINDINGS: &[Binding] = &[
    Binding::new("left-side", &["h", "left"], "The left version: describe, approve, deploy it"),
    Binding::new("right-side", &["l", "right"], "The right version").hint("side"),
    Binding::new("only-differing", &["o"], "Only what differs, or all").hint("only differing"),
    Binding::new("swap", &["x"], "Swap the sides"),
    Binding::new("approve", &["A"], "Approve the chosen side, with a comment")
        .hint("approve")
        .changes(),
    Binding::new("reject", &["R"], "Reject the chosen side, with a comment")
        .hint("reject")
        .changes(),
    Binding::new("deploy", &["p"], "Put the chosen side behind an endpoint").changes(),
    Binding::new("deploy-both", &["P"], "Put both behind one endpoint, half and half")
        .hint("deploy both")
        .changes(),
];

/// Columns of the names at the left.
const NAMES: u16 = 34;
/// Rows above the entries: the sides' heads and the verdict.
const HEAD: u16 = 4;

pub struct Compare {
    left: String,
    right: String,
    packages: [Option<Arc<Row>>; 2],
    side: Side,
    only_differing: bool,
    found: Comparison,
    fresh: Fresh,
    top: usize,
    height: usize,
}

impl Compare {
    /// Of `group/1 group/2`.
    pub fn new(subject: &str) -> Self {
        let mut names = subject.split_whitespace();
        let mut next = || names.next().unwrap_or_default().to_owned();
        Self {
            left: next(),
            right: next(),
            packages: [None, None],
            side: Side::Right,
            only_differing: false,
            found: Comparison::default(),
            fresh: Fresh::default(),
            top: 0,
            height: 1,
        }
    }

    fn chosen(&self) -> Option<&Arc<Row>> {
        self.packages[usize::from(self.side == Side::Right)].as_ref()
    }

    /// Headings and entries that are shown.
    fn rows(&self) -> Vec<Shown<'_>> {
        let mut rows = Vec::new();
        for section in &self.found.sections {
            let kept: Vec<&Entry> = section
                .entries
                .iter()
                .filter(|entry| entry.differs || !self.only_differing)
                .collect();
            if !kept.is_empty() {
                if !rows.is_empty() {
                    rows.push(Shown::Nothing);
                }
                rows.push(Shown::Heading(section.title));
                rows.extend(kept.into_iter().map(Shown::Entry));
            }
        }
        rows
    }

    fn scroll(&mut self, by: i64) {
        let most = self.rows().len().saturating_sub(self.height);
        let step = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
        self.top = if by < 0 {
            self.top.saturating_sub(step)
        } else {
            self.top.saturating_add(step).min(most)
        };
    }

    fn judge(&self, verb: &'static str, out: &mut Outbox) {
        super::judge(verb, self.chosen().map(|row| row.name.clone()).into_iter().collect(), out);
    }

    fn head(&self, side: Side, scene: &Scene<'_>, columns: usize) -> [Span<'static>; 2] {
        let at = usize::from(side == Side::Right);
        let name = if at == 0 { &self.left } else { &self.right };
        let chosen = self.side == side;
        let mark = if chosen { "▸ " } else { "  " };
        let style = if chosen { scene.theme.focus } else { scene.theme.dim };
        let approval = match &self.packages[at] {
            Some(package) => labelled(package.text("ModelApprovalStatus")),
            None => "is not there".to_owned(),
        };
        [
            Span::styled(pad(&format!("{mark}{}", clean(name)), columns), style),
            Span::styled(pad(&format!("  {}", clean(&approval)), columns), scene.theme.dim),
        ]
    }

    fn line(&self, row: &Shown<'_>, widths: [usize; 3], scene: &Scene<'_>) -> Line<'static> {
        let theme = scene.theme;
        let [names, values, notes] = widths;
        match row {
            Shown::Nothing => Line::default(),
            Shown::Heading(title) => Line::styled(format!(" {title}"), theme.title),
            Shown::Entry(entry) => {
                let base = if entry.differs { theme.text } else { theme.dim };
                let value = |text: &str, side: Side| {
                    let better = entry.better == Some(side);
                    let mark = if better { "✔ " } else { "  " };
                    let style = if better { theme.good } else { base };
                    Span::styled(pad(&format!("{mark}{}", clean(text)), values), style)
                };
                let mark = if entry.differs { "≠" } else { " " };
                Line::from(vec![
                    Span::styled(format!("{mark} "), theme.warn),
                    Span::styled(pad(&clean(&entry.name), names - 2), base),
                    value(&entry.left, Side::Left),
                    value(&entry.right, Side::Right),
                    Span::styled(pad(&clean(&entry.note), notes), theme.dim),
                ])
            }
        }
    }
}

enum Shown<'a> {
    Nothing,
    Heading(&'static str),
    Entry(&'a Entry),
}

/// Columns of names, of each side's values, and of notes.
fn widths(area: Rect) -> [usize; 3] {
    let names = NAMES.min(area.width / 3).max(3);
    let rest = area.width.saturating_sub(names);
    let notes = rest / 3;
    let values = (rest - notes) / 2;
    [usize::from(names), usize::from(values), usize::from(notes)]
}

impl View for Compare {
    fn name(&self) -> &'static str {
        "compare"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::of("compare", format!("{} {}", self.left, self.right)))
    }

    fn title(&self) -> String {
        format!("{} beside {}", self.left, self.right)
    }

    fn shares(&self) -> &'static [&'static str] {
        &["scroll"]
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        let row = |name: &str| scene.mirror.row(kind::MODEL_PACKAGE, name).cloned();
        self.packages = [row(&self.left), row(&self.right)];
        let of = format!("{} {}", self.left, self.right);
        if self.fresh.due(&of, scene.mirror, scene.now) {
            self.found = match &self.packages {
                [Some(left), Some(right)] => comparison::compare(scene.mirror, left, right),
                _ => Comparison::default(),
            };
        }
        self.height = usize::from(area.height.saturating_sub(HEAD + 1)).max(1);
        self.scroll(0);
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let [names, values, notes] = widths(area);
        let lefts = self.head(Side::Left, scene, values);
        let rights = self.head(Side::Right, scene, values);
        let heads = lefts
            .into_iter()
            .zip(rights)
            .map(|(left, right)| Line::from(vec![Span::raw(" ".repeat(names)), left, right]));
        let heads = Paragraph::new(heads.collect::<Vec<_>>());
        frame.render_widget(heads, Rect { height: area.height.min(2), ..area });
        let body = Rect {
            y: area.y + area.height.min(HEAD + 1),
            height: area.height.saturating_sub(HEAD + 1),
            ..area
        };
        if self.packages.iter().any(Option::is_none) {
            let words = "  One of them is not there. Esc goes back";
            frame.render_widget(
                Line::styled(words, theme.dim),
                Rect { height: body.height.min(1), ..body },
            );
            return;
        }
        let verdict = Paragraph::new(format!("▲ {}", self.found.verdict))
            .style(theme.warn)
            .wrap(Wrap { trim: true });
        let at = Rect {
            x: area.x + area.width.min(2),
            y: area.y + area.height.min(2),
            width: area.width.saturating_sub(4),
            height: area.height.saturating_sub(2).min(2),
        };
        frame.render_widget(verdict, at);
        let rows = self.rows();
        let shown = rows.iter().skip(self.top).take(usize::from(body.height));
        let lines: Vec<Line<'_>> =
            shown.map(|row| self.line(row, [names, values, notes], scene)).collect();
        if lines.is_empty() {
            let words = "  They differ in nothing; o shows all";
            frame.render_widget(
                Line::styled(words, theme.dim),
                Rect { height: body.height.min(1), ..body },
            );
            return;
        }
        frame.render_widget(Paragraph::new(lines), body);
    }

    fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        let page = i64::try_from(self.height).unwrap_or(1);
        match action {
            "left-side" => self.side = Side::Left,
            "right-side" => self.side = Side::Right,
            "only-differing" => {
                self.only_differing = !self.only_differing;
                self.top = 0;
            }
            "swap" => {
                std::mem::swap(&mut self.left, &mut self.right);
                self.packages.swap(0, 1);
            }
            "approve" => self.judge("approve", out),
            "reject" => self.judge("reject", out),
            "deploy" => {
                let chosen: Vec<Arc<Row>> = self.chosen().cloned().into_iter().collect();
                out.push(Deploy::of(&chosen, scene.mirror));
            }
            "deploy-both" => {
                let both: Vec<Arc<Row>> = self.packages.iter().flatten().cloned().collect();
                out.push(Deploy::of(&both, scene.mirror));
            }
            "drill-in" => out.requests.push(crate::tui::view::Request::Act("describe")),
            "up" => self.scroll(-1),
            "down" => self.scroll(1),
            "page-up" => self.scroll(-page),
            "page-down" => self.scroll(page),
            "top" => self.top = 0,
            "bottom" => self.scroll(i64::MAX),
            _ => return false,
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
        let [names, values, _] = widths(area);
        let middle = usize::from(area.x) + names + values;
        match event.kind {
            MouseEventKind::ScrollDown => self.scroll(3),
            MouseEventKind::ScrollUp => self.scroll(-3),
            MouseEventKind::Down(_) => {
                self.side =
                    if usize::from(event.column) < middle { Side::Left } else { Side::Right };
            }
            _ => return false,
        }
        true
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        self.chosen().cloned().into_iter().collect()
    }
}
