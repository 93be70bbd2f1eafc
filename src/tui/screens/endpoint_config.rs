//! Endpoint configurations, and which endpoints use them.

use crate::domain::kind;
use crate::tui::columns;
use crate::tui::row::Row;
use crate::tui::view::{Outbox, Place, Request, Scene, View};
use crate::tui::widgets::table::{Cell, Column, Table};
use ratatui::Frame;
use ratatui::layout::Rect;
use serde_json::Value;
use std::sync::Arc;

static COLUMNS: &[Column] = &[
    columns::NAME,
    Column::new("VARIANTS", 24, |row, scene| Cell::text(variants(row), scene.theme.text)).grow(2),
    Column::new("USED BY", 12, |row, scene| Cell::text(users(row, scene), scene.theme.dim))
        .grow(1)
        .rank(2)
        .volatile(),
    columns::CREATED,
];

/// `blue 9 ml.m5.large ×2, green 1 ml.m5.large`.
fn variants(row: &Row) -> String {
    let variant = |variant: &Value| {
        let text = |member: &str| variant.get(member).and_then(Value::as_str).unwrap_or_default();
        let number = |member: &str| variant.get(member).and_then(Value::as_f64);
        let weight = number("InitialVariantWeight").unwrap_or(1.0);
        let kind = match text("InstanceType") {
            "" => "serverless",
            kind => kind,
        };
        let count = match number("InitialInstanceCount") {
            Some(count) if count > 1.0 => format!(" ×{count}"),
            _ => String::new(),
        };
        format!("{} {weight} {kind}{count}", text("VariantName"))
    };
    row.list("ProductionVariants").iter().map(variant).collect::<Vec<_>>().join(", ")
}

fn users(row: &Row, scene: &Scene<'_>) -> String {
    let endpoints = scene.mirror.rows(kind::ENDPOINT);
    let mut users: Vec<&str> = endpoints
        .iter()
        .filter(|(_, endpoint)| endpoint.text("EndpointConfigName").eq_ignore_ascii_case(&row.name))
        .map(|(_, endpoint)| endpoint.name.as_str())
        .take(4)
        .collect();
    users.sort_unstable();
    if users.is_empty() { "-".into() } else { users.join(", ") }
}

pub struct List {
    table: Table,
}

impl Default for List {
    fn default() -> Self {
        let empty = "No endpoint configurations yet. A deployment makes them, or N creates one";
        Self { table: Table::new(COLUMNS).empty(empty) }
    }
}

impl View for List {
    fn name(&self) -> &'static str {
        "configurations"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::new("configurations"))
    }

    fn title(&self) -> String {
        "Configurations".into()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["table"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        self.table.draw(frame.buffer_mut(), area, scene);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.table.settle(scene.mirror.rows(kind::ENDPOINT_CONFIG), area, scene);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        if action == "drill-in" {
            out.requests.push(Request::Act("describe"));
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
