//! Endpoints: the list.

use crate::domain::kind;
use crate::tui::columns;
use crate::tui::row::Row;
use crate::tui::screens;
use crate::tui::view::{Outbox, Place, Scene, View};
use crate::tui::widgets::table::{Cell, Column, Table};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::sync::Arc;

static COLUMNS: &[Column] = &[
    columns::NAME,
    columns::STATUS,
    Column::new("CONFIGURATION", 16, |row, scene| {
        Cell::text(row.text("EndpointConfigName").to_owned(), scene.theme.dim)
    })
    .grow(1)
    .rank(2),
    columns::MODIFIED,
    columns::CREATED,
];

pub struct List {
    table: Table,
}

impl Default for List {
    fn default() -> Self {
        let empty = "No endpoints yet. `:deploy` makes one, or N creates one from a form";
        Self { table: Table::new(COLUMNS).empty(empty) }
    }
}

impl View for List {
    fn name(&self) -> &'static str {
        "endpoints"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::new("endpoints"))
    }

    fn title(&self) -> String {
        "Endpoints".into()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["table"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        self.table.draw(frame.buffer_mut(), area, scene);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.table.settle(scene.mirror.rows(kind::ENDPOINT), area, scene);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        if action == "drill-in" {
            if let Some(place) = self.table.row().and_then(|row| screens::place_of(row)) {
                out.open(place);
            }
            return true;
        }
        false
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        self.table.subjects()
    }

    fn table(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }
}
