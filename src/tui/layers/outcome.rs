//! What a command had to say, where that is more than a line: tables, answers, errors in full.

use crate::command::{Outcome as Said, Table, render};
use crate::tui::frame::{centred, dialog};
use crate::tui::text::{clean, width};
use crate::tui::view::{Outbox, Scene, View};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use serde_json::Value;

/// Lines kept of an outcome.
const MOST: usize = 10_000;

pub struct Outcome {
    title: String,
    lines: Vec<String>,
    failed: bool,
    down: u16,
    right: u16,
}

impl Outcome {
    /// `None` where the one line of the notice says it all.
    pub fn of(title: &str, value: &Value) -> Option<Self> {
        let said = read(value);
        let text = render::text(&said);
        if said.tables.is_empty() && text.lines().count() < 2 {
            return None;
        }
        Some(Self::new(title, &text, false))
    }

    pub fn failed(title: &str, message: &str) -> Self {
        Self::new(title, message, true)
    }

    fn new(title: &str, text: &str, failed: bool) -> Self {
        let lines = text.lines().take(MOST).map(|line| clean(line).into_owned()).collect();
        Self { title: title.to_owned(), lines, failed, down: 0, right: 0 }
    }

    fn longest(&self) -> u16 {
        let longest = self.lines.iter().map(|line| width(line)).max().unwrap_or(0);
        u16::try_from(longest).unwrap_or(u16::MAX)
    }
}

fn read(value: &Value) -> Said {
    let strings = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items.map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
    };
    let tables = value["tables"].as_array().into_iter().flatten().map(|table| Table {
        title: table["title"].as_str().unwrap_or_default().to_owned(),
        columns: strings(&table["columns"]),
        rows: table["rows"].as_array().into_iter().flatten().map(strings).collect(),
    });
    let summary = value["summary"].as_str().unwrap_or_default().to_owned();
    Said { summary, tables: tables.collect(), ..Said::default() }
}

impl View for Outcome {
    fn name(&self) -> &'static str {
        "outcome"
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["scroll"]
    }

    fn area(&self, window: Rect) -> Rect {
        let rows = u16::try_from(self.lines.len()).unwrap_or(u16::MAX).saturating_add(2);
        let columns = self.longest().max(50).saturating_add(2);
        centred(window, columns, rows.min(window.height.saturating_sub(2)))
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let inner =
            dialog(frame, area, &self.title, "hjkl scroll · y copy · esc close", scene.theme);
        let style = if self.failed { scene.theme.bad } else { scene.theme.text };
        let shown = self.lines.iter().skip(usize::from(self.down)).take(usize::from(inner.height));
        let lines: Vec<Line<'_>> = shown.map(|line| Line::styled(line.as_str(), style)).collect();
        frame.render_widget(Paragraph::new(lines).scroll((0, self.right)), inner);
    }

    fn settle(&mut self, area: Rect, _scene: &Scene<'_>, _out: &mut Outbox) {
        let rows = u16::try_from(self.lines.len()).unwrap_or(u16::MAX);
        self.down = self.down.min(rows.saturating_sub(area.height.saturating_sub(2)));
        self.right = self.right.min(self.longest().saturating_sub(area.width.saturating_sub(2)));
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "up" => self.down = self.down.saturating_sub(1),
            "down" => self.down = self.down.saturating_add(1),
            "left" => self.right = self.right.saturating_sub(4),
            "right" => self.right = self.right.saturating_add(4),
            "page-up" => self.down = self.down.saturating_sub(15),
            "page-down" => self.down = self.down.saturating_add(15),
            "top" => self.down = 0,
            "bottom" => self.down = u16::MAX,
            "copy-name" => out.effect(crate::tui::effect::Effect::Copy(self.lines.join("\n"))),
            "drill-in" | "quit" => out.close(),
            _ => return false,
        }
        true
    }
}
