//! What a search across all groups found.

use super::{Subject, ask};
use crate::domain::time::Timestamp;
use crate::domain::words::counted;
use crate::tui::effect::Effect;
use crate::tui::format;
use crate::tui::mirror::Rows;
use crate::tui::msg::{Answer, Ticket};
use crate::tui::row::Row;
use crate::tui::view::{News, Outbox, Place, Scene, View};
use crate::tui::widgets::pane::{inside, pane};
use crate::tui::widgets::table::{Cell, Column, Order, Table};
use crossterm::event::MouseEvent;
use ratatui::Frame;
use ratatui::layout::Rect;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Groups that are searched; each costs calls of its own.
const GROUPS: usize = 64;
/// Events kept.
const FOUND: usize = 20_000;

static COLUMNS: &[Column] = &[
    Column::new("TIME", 19, |row, scene| {
        let at = Timestamp::from_millis((row.created * 1000.0) as i64);
        let text = format::date_and_time(at, scene.zone);
        let order = Order::Number(row.created);
        Cell { text: text.into(), style: scene.theme.dim, order }
    }),
    Column::new("GROUP", 16, |row, scene| {
        let name = row.parent.strip_prefix("/aws/sagemaker/").unwrap_or(&row.parent);
        Cell::text(name.to_owned(), scene.theme.text)
    })
    .rank(2),
    Column::new("STREAM", 14, |row, scene| {
        Cell::text(row.text("logStreamName").to_owned(), scene.theme.accent)
    })
    .grow(1)
    .rank(1),
    Column::new("MESSAGE", 20, |row, scene| {
        Cell::text(row.text("message").to_owned(), scene.theme.text)
    })
    .grow(4),
];

pub struct Search {
    words: String,
    table: Table,
    rows: Rows,
    /// The question which groups there are.
    listing: Option<Ticket>,
    /// Groups under way.
    asked: BTreeMap<Ticket, String>,
    searched: usize,
    /// Groups beyond those that are searched.
    left_out: usize,
    /// Events beyond those that are kept.
    dropped: usize,
    problem: Option<String>,
}

impl Search {
    pub fn new(words: &str) -> Self {
        Self {
            words: words.to_owned(),
            table: Table::new(COLUMNS).sorted_by(0, false),
            rows: Rows::default(),
            listing: None,
            asked: BTreeMap::new(),
            searched: 0,
            left_out: 0,
            dropped: 0,
            problem: None,
        }
        .searching()
    }

    fn searching(mut self) -> Self {
        self.table.loading = Some(true);
        self
    }

    /// All has been answered: says what came of it where there are no rows.
    fn conclude(&mut self) {
        self.table.loading = Some(false);
        self.table.empty = match (&self.problem, self.searched) {
            (Some(problem), _) => refused(problem, &self.words).into(),
            (None, 0) => "There are no log groups to search".into(),
            (None, _) => "Nothing found. ctrl-g searches for something else".into(),
        };
    }

    fn listed(&mut self, answer: &Answer, out: &mut Outbox) {
        let groups: Vec<Row> = match &answer.outcome {
            Ok(value) => serde_json::from_value(value.clone()).unwrap_or_default(),
            Err(failure) => {
                self.problem = Some(failure.message.clone());
                Vec::new()
            }
        };
        self.left_out = groups.len().saturating_sub(GROUPS);
        for group in groups.into_iter().take(GROUPS) {
            let (ticket, pattern) = (out.ticket(), self.words.clone());
            self.asked.insert(ticket, group.name.clone());
            out.effect(Effect::SearchLogs { ticket, group: group.name, pattern });
        }
        if self.asked.is_empty() {
            self.conclude();
        }
    }

    fn found(&mut self, group: &str, answer: &Answer) {
        self.searched += 1;
        match &answer.outcome {
            Ok(events) => {
                for (index, event) in events.as_array().into_iter().flatten().enumerate() {
                    if self.rows.len() >= FOUND {
                        self.dropped += 1;
                        continue;
                    }
                    self.rows.put(event_row(group, index, event));
                }
            }
            // A group that has gone meanwhile holds nothing.
            Err(failure) if failure.code == "ResourceNotFoundException" => {}
            Err(failure) => self.problem = Some(failure.message.clone()),
        }
        if self.asked.is_empty() {
            self.conclude();
        }
    }

    fn note(&self) -> String {
        let mut notes = Vec::new();
        if let Some(problem) = &self.problem {
            notes.push(format!("✖ {problem}"));
        }
        if !self.asked.is_empty() {
            let all = self.searched + self.asked.len();
            notes.push(format!("◐ {} of {}", self.searched, counted(all as u64, "group")));
        } else if self.searched > 0 {
            notes.push(format!("{} searched", counted(self.searched as u64, "group")));
        }
        if self.left_out > 0 {
            notes.push(format!("▲ {} left out", counted(self.left_out as u64, "group")));
        }
        if self.dropped > 0 {
            notes.push(format!("▲ {} not kept", counted(self.dropped as u64, "event")));
        }
        notes.join(" · ")
    }
}

/// The region's refusal, and how to say it: a term with characters beyond letters, digits and `_` needs
/// quotes in a filter pattern.
fn refused(problem: &str, words: &str) -> String {
    let plain = |char: char| char.is_alphanumeric() || char == '_' || char.is_whitespace();
    let hint = if words.contains('"') || words.chars().all(plain) {
        "ctrl-g changes the search".to_owned()
    } else {
        format!(
            "Terms with other characters than letters and digits need quotes: \"{words}\". ctrl-g changes the search"
        )
    };
    format!("The region refused the search. {problem}. {hint}")
}

fn event_row(group: &str, index: usize, event: &Value) -> Row {
    let at = event.get("timestamp").and_then(Value::as_f64).unwrap_or(0.0) / 1000.0;
    let id = event.get("eventId").and_then(Value::as_str).unwrap_or_default();
    let mut body = event.clone();
    if let Some(members) = body.as_object_mut() {
        members.insert("logGroupName".into(), json!(group));
    }
    Row {
        kind: "log-event".into(),
        name: format!("{group}/{id}#{index}"),
        parent: group.to_owned(),
        created: at,
        body,
        ..Row::default()
    }
}

impl View for Search {
    fn name(&self) -> &'static str {
        "log-search"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::of("log-search", &*self.words))
    }

    fn title(&self) -> String {
        format!("search: {}", self.words)
    }

    fn shares(&self) -> &'static [&'static str] {
        &["table"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let title = format!("Events with {}", self.words);
        let inner = pane(frame.buffer_mut(), area, &title, &self.note(), true, scene.theme);
        self.table.draw(frame.buffer_mut(), inner, scene);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, out: &mut Outbox) {
        if self.listing.is_none() && scene.mirror.connected() {
            let ticket = out.ticket();
            self.listing = Some(ticket);
            out.effect(Effect::LogGroups { ticket });
        }
        self.table.settle(&self.rows, inside(area), scene);
    }

    fn news(&mut self, news: News<'_>, _scene: &Scene<'_>, out: &mut Outbox) {
        let News::Answer(ticket, answer) = news else { return };
        if self.listing == Some(ticket) {
            self.listed(answer, out);
        } else if let Some(group) = self.asked.remove(&ticket) {
            self.found(&group, answer);
        }
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "drill-in" => {
                if let Some(row) = self.table.row() {
                    let subject = Subject {
                        group: row.parent.clone(),
                        stream: Some(row.text("logStreamName").to_owned()),
                        found: Some(((row.created * 1000.0).round() as i64, self.words.clone())),
                    };
                    out.open(subject.place());
                }
            }
            "search-all" => ask(&self.words, out),
            _ => return false,
        }
        true
    }

    fn mouse(
        &mut self,
        event: MouseEvent,
        area: Rect,
        scene: &Scene<'_>,
        out: &mut Outbox,
    ) -> bool {
        if self.table.mouse(event, inside(area)) {
            self.act("drill-in", scene, out);
        }
        true
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        self.table.subjects()
    }

    fn table(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }
}
