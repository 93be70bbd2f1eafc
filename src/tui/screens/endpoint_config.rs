//! Endpoint configurations: variants and their models, and which endpoints use them.

use super::list::Listing;
use super::model::{draw_facts, walk};
use super::related::Related;
use crate::domain::kind;
use crate::tui::columns;
use crate::tui::mirror::lineage::{self, Fresh};
use crate::tui::row::Row;
use crate::tui::view::{Outbox, Place, Scene, View};
use crate::tui::widgets::table::{Cell, Column};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
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

pub static LIST: Listing = Listing::new(
    "configurations",
    "Configurations",
    kind::ENDPOINT_CONFIG,
    COLUMNS,
    "No endpoint configurations yet. A deployment makes them, or N creates one",
);

/// One configuration.
pub struct Detail {
    name: String,
    row: Option<Arc<Row>>,
    related: Related,
    fresh: Fresh,
}

impl Detail {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            row: None,
            related: Related::default(),
            fresh: Fresh::default(),
        }
    }

    /// A line for each variant, and for what the configuration asks for beside them.
    fn facts(row: &Row) -> Vec<(String, String)> {
        let production = row.list("ProductionVariants");
        let weight = |variant: &Value| {
            variant.get("InitialVariantWeight").and_then(Value::as_f64).unwrap_or(1.0)
        };
        let sum: f64 = production.iter().map(weight).sum();
        let mut facts = Vec::new();
        for (at, variant) in lineage::variants(row).enumerate() {
            let shadow = at >= production.len();
            let share = match (shadow, sum > 0.0) {
                (true, _) => "gets a copy".to_owned(),
                (false, true) => format!("{:.1} %", weight(variant) / sum * 100.0),
                (false, false) => "0 %".to_owned(),
            };
            let kind = match lineage::text(variant, "InstanceType") {
                "" => "serverless",
                kind => kind,
            };
            let count = variant.get("InitialInstanceCount").and_then(Value::as_u64).unwrap_or(1);
            let model = lineage::text(variant, "ModelName");
            let label = if shadow { "shadow" } else { "variant" };
            let name = lineage::text(variant, "VariantName");
            facts.push((
                format!("{label} {name}"),
                format!("{share:<12} {model}  on {kind} ×{count}  weight {}", weight(variant)),
            ));
        }
        for member in ["DataCaptureConfig", "AsyncInferenceConfig", "ExplainerConfig", "VpcConfig"]
        {
            if let Some(value) = row.body.get(member) {
                facts.push((member.to_owned(), value.to_string()));
            }
        }
        facts
    }
}

impl View for Detail {
    fn name(&self) -> &'static str {
        "configuration"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::of("configuration", &*self.name))
    }

    fn title(&self) -> String {
        self.name.clone()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["scroll"]
    }

    fn settle(&mut self, _area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.row = scene.mirror.row(kind::ENDPOINT_CONFIG, &self.name).cloned();
        if let Some(row) = &self.row
            && self.fresh.due(&self.name, scene.mirror, scene.now)
        {
            self.related.settle(row, scene.mirror);
        }
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let Some(row) = &self.row else {
            let words = "  There is no configuration of that name. Esc goes back";
            let line = Rect { height: area.height.min(1), ..area };
            frame.render_widget(Line::styled(words, scene.theme.dim), line);
            return;
        };
        let rest = draw_facts(frame, area, &Self::facts(row), scene);
        self.related.draw(frame.buffer_mut(), rest, scene);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        walk(&mut self.related, action, out)
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        self.row.iter().cloned().collect()
    }
}
