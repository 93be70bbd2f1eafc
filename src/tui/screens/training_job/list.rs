//! All training jobs, those under way first.

use super::{facts, stop};
use crate::domain::kind;
use crate::tui::columns;
use crate::tui::effect::Want;
use crate::tui::format;
use crate::tui::row::Row;
use crate::tui::screens;
use crate::tui::status::{Mood, mood};
use crate::tui::view::{Outbox, Place, Scene, View};
use crate::tui::widgets::table::{Cell, Column, Order, Table};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::sync::Arc;

/// The column of statuses.
const BY_STATUS: usize = 2;

static COLUMNS: &[Column] = &[
    columns::NAME,
    Column::new("ALGORITHM", 14, |row, scene| {
        Cell::text(facts::algorithm(row).into_owned(), scene.theme.text)
    })
    .grow(1)
    .rank(2),
    Column::new("STATUS", 15, status),
    Column::new("RESULT", 22, |row, scene| {
        let failed = row.status == "Failed";
        let style = if failed { scene.theme.bad } else { scene.theme.text };
        Cell::text(facts::result(row), style)
    })
    .grow(3)
    .rank(1),
    Column::new("TOOK", 10, |row, scene| {
        let took = facts::elapsed(row, scene.now);
        let style = if facts::is_over(row) { scene.theme.dim } else { scene.theme.busy };
        Cell::number(Some(took.as_secs_f64()), format::duration(took), style)
    })
    .right()
    .rank(3)
    .volatile(),
    Column::new("BILLED", 8, |row, scene| {
        let seconds = facts::billable(row, scene.now);
        let text =
            seconds.map_or("—".to_owned(), |seconds| format!("{} s", format::count(seconds)));
        Cell::number(seconds.map(|seconds| seconds as f64), text, scene.theme.dim)
    })
    .right()
    .rank(4)
    .volatile(),
    Column::new("COST", 9, |row, scene| {
        let cost = facts::cost(row, scene);
        let number = cost.map(|cost| cost.known.as_dollars());
        let text = match cost {
            None => "—".to_owned(),
            Some(cost) if cost.unpriced > 0 => "unknown".to_owned(),
            Some(cost) => format::money(Some(cost.known)),
        };
        Cell::number(number, text, scene.theme.text)
    })
    .right()
    .rank(3)
    .volatile(),
    columns::CREATED,
];

/// Sorted by it, what is under way comes first, then what ended, each the newest first.
fn status(row: &Row, scene: &Scene<'_>) -> Cell {
    let stage = facts::stage(row);
    let mood = match mood(&row.status) {
        Mood::Busy => mood(stage),
        ended => ended,
    };
    let mood = if mood == Mood::None { Mood::Busy } else { mood };
    /// More seconds than any creation time has.
    const AGES: f64 = 1e11;
    let place = if facts::is_over(row) { AGES } else { 0.0 };
    let text = format!("{} {stage}", mood.mark());
    Cell {
        text: text.into(),
        style: mood.style(scene.theme),
        order: Order::Number(place - row.created),
    }
}

pub struct List {
    table: Table,
}

impl Default for List {
    fn default() -> Self {
        let empty = "No training jobs yet. `:train NAME xgboost --input train=s3://…` starts one, \
                     N creates one from a form";
        Self { table: Table::new(COLUMNS).sorted_by(BY_STATUS, true).empty(empty) }
    }
}

impl View for List {
    fn name(&self) -> &'static str {
        "jobs"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::new("jobs"))
    }

    fn title(&self) -> String {
        "Jobs".into()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["table"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        self.table.draw(frame.buffer_mut(), area, scene);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.table.settle(scene.mirror.rows(kind::TRAINING_JOB), area, scene);
    }

    fn wants(&self, _scene: &Scene<'_>) -> Vec<Want> {
        vec![Want::CostLines]
    }

    fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "drill-in" => {
                if let Some(place) = self.table.row().and_then(|row| screens::place_of(row)) {
                    out.open(place);
                }
            }
            "stop" => stop(&self.table.subjects(), out),
            "clone" | "register" | "deploy" => {
                if let Some(row) = self.table.row() {
                    super::command(action, row, scene, out);
                }
            }
            _ => return false,
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
