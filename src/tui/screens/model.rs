//! Models: what they run, where their data lies, where they come from and who serves them.

use super::list::Listing;
use super::related::Related;
use crate::domain::kind;
use crate::tui::columns;
use crate::tui::keymap::Binding;
use crate::tui::layers::Deploy;
use crate::tui::mirror::lineage::{Fresh, containers as definitions, text};
use crate::tui::row::Row;
use crate::tui::text::{clean, fit, pad};
use crate::tui::view::{Outbox, Place, Request, Scene, View};
use crate::tui::widgets::table::{Cell, Column};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use serde_json::Value;
use std::sync::Arc;

pub(super) static BINDINGS: &[Binding] =
    &[Binding::new("deploy", &["p"], "Put it behind an endpoint").hint("deploy").changes()];

static COLUMNS: &[Column] = &[
    columns::NAME,
    Column::new("IMAGE OR PACKAGE", 16, |row, scene| {
        Cell::text(image(row).to_owned(), scene.theme.text)
    })
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
    // The registry's host says nothing that the repository does not, and an ARN's beginning nothing
    // at all.
    let last = |text: &'_ str| text.split_once('/').map_or(0, |(host, _)| host.len() + 1);
    image.or(package).map(|text| &text[last(text)..]).unwrap_or_default()
}

fn data(row: &Row) -> &str {
    first(row).and_then(|one| one.get("ModelDataUrl")).and_then(Value::as_str).unwrap_or_default()
}

fn containers(row: &Row) -> usize {
    usize::from(row.body.get("PrimaryContainer").is_some()) + row.list("Containers").len()
}

pub static LIST: Listing = Listing {
    act: |table, action, scene, out| {
        if action == "deploy" {
            out.push(Deploy::of(&table.subjects(), scene.mirror));
        }
        action == "deploy"
    },
    ..Listing::new(
        "models",
        "Models",
        kind::MODEL,
        COLUMNS,
        "No models yet. A deployment makes them, or N creates one",
    )
};

/// One model.
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

    /// What it runs, a line for each fact.
    fn facts(row: &Row) -> Vec<(String, String)> {
        let mut facts = vec![("role".to_owned(), row.text("ExecutionRoleArn").to_owned())];
        for (at, one) in definitions(row).into_iter().enumerate() {
            let title = match text(one, "ContainerHostname") {
                "" => format!("container {}", at + 1),
                name => format!("container {name}"),
            };
            let runs = match text(one, "Image") {
                "" => format!("package {}", text(one, "ModelPackageName")),
                image => image.to_owned(),
            };
            facts.push((title, runs));
            for (label, member) in [("  data", "ModelDataUrl"), ("  mode", "Mode")] {
                if !text(one, member).is_empty() {
                    facts.push((label.to_owned(), text(one, member).to_owned()));
                }
            }
            let environment = one.get("Environment").and_then(Value::as_object);
            for (name, value) in environment.into_iter().flatten() {
                let value = value.as_str().unwrap_or_default();
                facts.push(("  environment".to_owned(), format!("{name}={value}")));
            }
        }
        facts
    }
}

/// Facts above, relations below; the facts take what they need of at most half.
pub(super) fn draw_facts(
    frame: &mut Frame<'_>,
    area: Rect,
    facts: &[(String, String)],
    scene: &Scene<'_>,
) -> Rect {
    let height = u16::try_from(facts.len()).unwrap_or(u16::MAX).min(area.height / 2);
    let room = usize::from(area.width).saturating_sub(20);
    let lines: Vec<Line<'_>> = facts
        .iter()
        .take(usize::from(height))
        .map(|(label, value)| {
            let value = fit(&clean(value), room).into_owned();
            Line::from(vec![
                Span::styled(format!("  {}", pad(&clean(label), 17)), scene.theme.dim),
                Span::styled(value, scene.theme.text),
            ])
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), Rect { height, ..area });
    let used = (height + 1).min(area.height);
    Rect { y: area.y + used, height: area.height - used, ..area }
}

impl View for Detail {
    fn name(&self) -> &'static str {
        "model"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::of("model", &*self.name))
    }

    fn title(&self) -> String {
        self.name.clone()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["scroll"]
    }

    fn settle(&mut self, _area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.row = scene.mirror.row(kind::MODEL, &self.name).cloned();
        if let Some(row) = &self.row
            && self.fresh.due(&self.name, scene.mirror, scene.now)
        {
            self.related.settle(row, scene.mirror);
        }
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let Some(row) = &self.row else {
            let words = "  There is no model of that name. Esc goes back";
            frame.render_widget(
                Line::styled(words, scene.theme.dim),
                Rect { height: area.height.min(1), ..area },
            );
            return;
        };
        let rest = draw_facts(frame, area, &Self::facts(row), scene);
        self.related.draw(frame.buffer_mut(), rest, scene);
    }

    fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match action {
            "deploy" => out.push(Deploy::of(&self.subjects(), scene.mirror)),
            other => return walk(&mut self.related, other, out),
        }
        true
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        self.row.iter().cloned().collect()
    }
}

/// Moves among relations; Enter goes to one.
pub(super) fn walk(related: &mut Related, action: &str, out: &mut Outbox) -> bool {
    match action {
        "up" => related.step(-1),
        "down" => related.step(1),
        "page-up" | "top" => related.step(-1000),
        "page-down" | "bottom" => related.step(1000),
        "drill-in" => {
            let place = related.chosen().and_then(|row| super::place_of(row));
            out.requests.extend(place.map(Request::Open));
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use crate::tui::testing::{self, SIZES};
    use crate::tui::view::Place;

    #[test]
    fn a_model_and_a_configuration_at_every_size() {
        for (columns, rows) in SIZES {
            let size = (columns, rows);
            let mut state = testing::with_region(size, Place::of("model", "iris-live-blue"));
            insta::assert_snapshot!(format!("model_{columns}x{rows}"), testing::text(&state));
            testing::press(&mut state, "enter");
            insta::assert_snapshot!(
                format!("configuration_{columns}x{rows}"),
                testing::text(&state)
            );
        }
    }
}
