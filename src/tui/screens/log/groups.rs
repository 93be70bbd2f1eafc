//! The log groups, and the streams of the one under the cursor.

use super::{Subject, ask};
use crate::tui::columns;
use crate::tui::effect::Effect;
use crate::tui::format;
use crate::tui::mirror::Rows;
use crate::tui::msg::{Answer, Ticket};
use crate::tui::row::Row;
use crate::tui::view::{News, Outbox, Place, Scene, Tone, View};
use crate::tui::widgets::pane::{inside, pane};
use crate::tui::widgets::table::{Cell, Column, Table};
use crossterm::event::{MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::sync::Arc;

/// Groups and streams are asked for again after so many milliseconds.
const AGAIN: i64 = 5_000;
/// From this width on the streams stand beside the groups.
const BESIDE: u16 = 140;

const SIZE: Column = Column::new("SIZE", 9, |row, scene| {
    let bytes = row.number("storedBytes");
    let text = bytes.map(|bytes| format::bytes(bytes as u64)).unwrap_or_default();
    Cell::number(bytes, text, scene.theme.text)
})
.right()
.rank(1);

static GROUPS: &[Column] = &[
    Column::new("GROUP", 28, |row, scene| Cell::text(row.name.clone(), scene.theme.accent)).grow(1),
    Column::new("STREAMS", 8, |row, scene| {
        let streams = row.number("Streams");
        let more = row.body.get("StreamsMore").and_then(serde_json::Value::as_bool);
        let more = if more == Some(true) { "+" } else { "" };
        let text = streams.map(|streams| format!("{streams:.0}{more}")).unwrap_or_default();
        Cell::number(streams, text, scene.theme.text)
    })
    .right()
    .rank(2),
    SIZE,
    Column::new("LAST", 8, |row, scene| last(row, "LastEvent", scene)).right().volatile(),
    columns::CREATED,
];

static STREAMS: &[Column] = &[
    Column::new("LAST", 8, |row, scene| last(row, "lastEventTimestamp", scene)).right().volatile(),
    Column::new("STREAM", 28, |row, scene| Cell::text(row.name.clone(), scene.theme.text)).grow(1),
    SIZE,
    columns::CREATED,
];

/// How long ago the last event was.
fn last(row: &Row, member: &str, scene: &Scene<'_>) -> Cell {
    let seconds = row.number(member).map(|millis| millis / 1000.0);
    let text = seconds.map(|seconds| columns::age(seconds, scene)).unwrap_or_default();
    Cell::number(seconds.map(|seconds| -seconds), text, scene.theme.dim)
}

pub struct Groups {
    groups: Table,
    streams: Table,
    group_rows: Rows,
    stream_rows: Rows,
    /// Which group the streams are of.
    of: Option<String>,
    on_streams: bool,
    asked_groups: Option<(Ticket, i64)>,
    asked_streams: Option<(Ticket, i64)>,
    /// Why the last list could not be had.
    problem: Option<String>,
}

impl Default for Groups {
    fn default() -> Self {
        let empty = "No log groups yet. Training jobs and endpoints write to them";
        Self {
            groups: Table::new(GROUPS).empty(empty),
            streams: Table::new(STREAMS).sorted_by(0, true).empty("No streams"),
            group_rows: Rows::default(),
            stream_rows: Rows::default(),
            of: None,
            on_streams: false,
            asked_groups: None,
            asked_streams: None,
            problem: None,
        }
        .waiting()
    }
}

/// Both areas, with their rules.
fn areas(area: Rect) -> (Rect, Rect) {
    if area.width >= BESIDE {
        let left = area.width * 9 / 20;
        let right = Rect { x: area.x + left + 1, width: area.width - left - 1, ..area };
        return (Rect { width: left, ..area }, right);
    }
    let top = area.height / 2;
    (Rect { height: top, ..area }, Rect { y: area.y + top, height: area.height - top, ..area })
}

impl Groups {
    /// Nothing was told yet.
    fn waiting(mut self) -> Self {
        (self.groups.loading, self.streams.loading) = (Some(true), Some(true));
        self
    }

    fn ask(&mut self, scene: &Scene<'_>, out: &mut Outbox) {
        if !scene.mirror.connected() {
            return;
        }
        let due =
            |asked: Option<(Ticket, i64)>| asked.is_none_or(|(_, at)| scene.now - at >= AGAIN);
        if due(self.asked_groups) {
            let ticket = out.ticket();
            self.asked_groups = Some((ticket, scene.now));
            out.effect(Effect::LogGroups { ticket });
        }
        let at = self.groups.row().map(|row| row.name.clone());
        if at != self.of {
            self.of = at;
            self.stream_rows.clear();
            self.asked_streams = None;
            self.streams.loading = Some(self.of.is_some());
        }
        if let Some(group) = &self.of
            && due(self.asked_streams)
        {
            let (ticket, group) = (out.ticket(), group.clone());
            self.asked_streams = Some((ticket, scene.now));
            out.effect(Effect::LogStreams { ticket, group });
        }
    }

    fn answered(&mut self, ticket: Ticket, answer: &Answer) {
        let is = |asked: Option<(Ticket, i64)>| asked.is_some_and(|(own, _)| own == ticket);
        let groups = is(self.asked_groups);
        if !groups && !is(self.asked_streams) {
            return;
        }
        if groups {
            self.groups.loading = Some(false);
            if answer
                .outcome
                .as_ref()
                .is_ok_and(|value| value.as_array().is_some_and(Vec::is_empty))
            {
                // Without a group there are no streams to wait for.
                self.streams.loading = Some(false);
            }
        } else {
            self.streams.loading = Some(false);
        }
        match &answer.outcome {
            Ok(value) => {
                let rows: Vec<Row> = serde_json::from_value(value.clone()).unwrap_or_default();
                self.problem = None;
                let known = if groups { &mut self.group_rows } else { &mut self.stream_rows };
                mend(known, rows);
            }
            Err(failure) => self.problem = Some(failure.message.clone()),
        }
    }

    fn focused(&mut self) -> &mut Table {
        if self.on_streams { &mut self.streams } else { &mut self.groups }
    }
}

/// Takes the rows; only what differs counts as changed.
fn mend(known: &mut Rows, rows: Vec<Row>) {
    let mut gone: Vec<String> = known.iter().map(|(_, row)| row.name.clone()).collect();
    gone.sort_unstable();
    for row in rows {
        if let Ok(at) = gone.binary_search(&row.name) {
            gone.remove(at);
        }
        if known.get(&row.name).is_none_or(|before| **before != row) {
            known.put(row);
        }
    }
    for name in gone {
        known.remove(&name);
    }
}

impl View for Groups {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::new("logs"))
    }

    fn title(&self) -> String {
        "Logs".into()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["table"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let buffer = frame.buffer_mut();
        let (top, bottom) = areas(area.intersection(buffer.area));
        let note = self.problem.as_deref().unwrap_or_default();
        let inner = pane(buffer, top, "Groups", note, !self.on_streams, scene.theme);
        self.groups.draw(buffer, inner, scene);
        let title = match &self.of {
            Some(group) => format!("Streams of {group}"),
            None => "Streams".to_owned(),
        };
        let inner = pane(buffer, bottom, &title, "", self.on_streams, scene.theme);
        self.streams.draw(buffer, inner, scene);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, out: &mut Outbox) {
        let (top, bottom) = areas(area);
        self.groups.settle(&self.group_rows, inside(top), scene);
        self.ask(scene, out);
        self.streams.settle(&self.stream_rows, inside(bottom), scene);
    }

    fn news(&mut self, news: News<'_>, _scene: &Scene<'_>, _out: &mut Outbox) {
        if let News::Answer(ticket, answer) = news {
            self.answered(ticket, answer);
        }
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "drill-in" => {
                let Some(group) = self.groups.row().map(|row| row.name.clone()) else {
                    return true;
                };
                let stream = self.streams.row().map(|row| row.name.clone());
                let stream = stream.filter(|_| self.on_streams);
                out.open(Subject { group, stream, found: None }.place());
            }
            "next-pane" | "previous-pane" => self.on_streams = !self.on_streams,
            "search-all" => ask("", out),
            "refresh" => (self.asked_groups, self.asked_streams) = (None, None),
            "delete" => out.notice(Tone::Info, "Log groups go by `:call logs DeleteLogGroup`"),
            // What the streams' table is not asked, the screen is.
            "back" if self.on_streams && self.streams.filter_text().is_empty() => {
                self.on_streams = false;
            }
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
        let (top, bottom) = areas(area);
        let on_streams = bottom.contains((event.column, event.row).into());
        if matches!(event.kind, MouseEventKind::Down(_)) {
            self.on_streams = on_streams;
        }
        let (table, area) = if on_streams {
            (&mut self.streams, inside(bottom))
        } else {
            (&mut self.groups, inside(top))
        };
        if table.mouse(event, area) {
            self.act("drill-in", scene, out);
        }
        true
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        if self.on_streams { self.streams.subjects() } else { self.groups.subjects() }
    }

    fn table(&mut self) -> Option<&mut Table> {
        Some(self.focused())
    }
}
