//! Models: what they run and where their data lies.

use crate::domain::kind;
use crate::tui::columns;
use crate::tui::row::Row;
use crate::tui::view::{Outbox, Place, Scene, View};
use crate::tui::widgets::table::{Cell, Column, Table};
use ratatui::Frame;
use ratatui::layout::Rect;
use serde_json::Value;
use std::sync::Arc;

static COLUMNS: &[Column] = &[
    columns::NAME,
    Column::new("IMAGE", 16, |row, scene| Cell::text(image(row).to_owned(), scene.theme.text))
        .grow(1),
    Column::new("DATA", 16, |row, scene| Cell::text(data(row).to_owned(), scene.theme.dim))
        .grow(2)
        .rank(2),
    Column::new("CONTAINERS", 10, |row, scene| {
        let count = containers(row);
        Cell::number(Some(count as f64), count.to_string(), scene.theme.dim)
    })
    .right()
    .rank(3),
    columns::CREATED,
];

/// The first container's definition.
fn first(row: &Row) -> Option<&Value> {
    row.body.get("PrimaryContainer").or_else(|| row.list("Containers").first())
}

fn image(row: &Row) -> &str {
    let image = first(row).and_then(|container| container.get("Image")).and_then(Value::as_str);
    let package = first(row).and_then(|one| one.get("ModelPackageName")).and_then(Value::as_str);
    // The registry's host says nothing that the repository does not.
    image
        .map(|image| image.split_once('/').map_or(image, |(_, name)| name))
        .or(package)
        .unwrap_or_default()
}

fn data(row: &Row) -> &str {
    first(row).and_then(|one| one.get("ModelDataUrl")).and_then(Value::as_str).unwrap_or_default()
}

fn containers(row: &Row) -> usize {
    usize::from(row.body.get("PrimaryContainer").is_some()) + row.list("Containers").len()
}

pub struct List {
    table: Table,
}

impl Default for List {
    fn default() -> Self {
        let empty = "No models yet. A deployment makes them, or N creates one";
        Self { table: Table::new(COLUMNS).empty(empty) }
    }
}

impl View for List {
    fn name(&self) -> &'static str {
        "models"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::new("models"))
    }

    fn title(&self) -> String {
        "Models".into()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["table"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        self.table.draw(frame.buffer_mut(), area, scene);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.table.settle(scene.mirror.rows(kind::MODEL), area, scene);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        if action == "drill-in" {
            out.requests.push(crate::tui::view::Request::Act("describe"));
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
