//! The registry: groups of model packages, with their latest version and their best.

use super::model_package::Versions;
use crate::domain::kind;
use crate::tui::columns;
use crate::tui::mirror::{Changes, Rows};
use crate::tui::row::Row;
use crate::tui::status::mood;
use crate::tui::view::{Outbox, Place, Scene, View};
use crate::tui::widgets::table::{Cell, Column, Table};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::sync::Arc;

static COLUMNS: &[Column] = &[
    columns::NAME,
    Column::new("VERSIONS", 10, |row, scene| count(row, "Versions", scene)).right(),
    Column::new("APPROVED", 10, |row, scene| count(row, "Approved", scene)).right().rank(3),
    Column::new("LATEST", 26, |row, scene| {
        let (latest, approval) = (row.number("Latest").unwrap_or(0.0), row.text("Approval"));
        let mood = mood(approval);
        let text = match latest {
            0.0 => "-".to_owned(),
            latest => format!("{latest}  {} {approval}", mood.mark()),
        };
        Cell::text(text, mood.style(scene.theme))
    }),
    Column::new("BEST", 18, |row, scene| {
        let best = match row.text("Best") {
            "" => "-",
            best => best,
        };
        Cell::text(best.to_owned(), scene.theme.text)
    })
    .grow(2)
    .rank(2),
    Column::new("UPDATED", 8, |row, scene| {
        let at = row.number("LatestCreated").filter(|at| *at > 0.0).unwrap_or(row.created);
        Cell::number(Some(-at), columns::age(at, scene), scene.theme.dim)
    })
    .right()
    .rank(4)
    .volatile(),
];

fn count(row: &Row, member: &str, scene: &Scene<'_>) -> Cell {
    let number = row.number(member).unwrap_or(0.0);
    Cell::number(Some(number), format!("{number}"), scene.theme.text)
}

pub struct List {
    table: Table,
    versions: Versions,
    /// Groups with what their versions make of them.
    rows: Rows,
    mark: Option<(u64, u64)>,
}

impl Default for List {
    fn default() -> Self {
        let empty = "No model package groups yet. `:register GROUP --from JOB` makes one with its first \
             version, or N creates one";
        Self {
            table: Table::new(COLUMNS).empty(empty),
            versions: Versions::default(),
            rows: Rows::default(),
            mark: None,
        }
    }
}

impl List {
    /// Brings the derived rows up to date, only where something changed.
    fn derive(&mut self, scene: &Scene<'_>) {
        let groups = scene.mirror.rows(kind::MODEL_PACKAGE_GROUP);
        let touched = self.versions.settle(scene.mirror);
        let changes = self.mark.map_or(Changes::Everything, |mark| groups.since(mark));
        self.mark = Some(groups.mark());
        let (Some(touched), Changes::Nothing | Changes::These(_)) = (touched, &changes) else {
            let all = groups.iter().map(|(_, row)| self.versions.summary(row, scene.mirror));
            self.rows.replace(all.collect());
            return;
        };
        let mut keys = touched;
        if let Changes::These(changed) = changes {
            keys.extend(changed.into_iter().cloned());
        }
        for key in keys {
            match groups.get(&key) {
                Some(row) => self.rows.put(self.versions.summary(row, scene.mirror)),
                None => {
                    self.rows.remove(&key);
                }
            }
        }
    }
}

impl View for List {
    fn name(&self) -> &'static str {
        "registry"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::new("registry"))
    }

    fn title(&self) -> String {
        "Registry".into()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["table"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        self.table.draw(frame.buffer_mut(), area, scene);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.derive(scene);
        self.table.settle(&self.rows, area, scene);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        if action == "drill-in" {
            if let Some(row) = self.table.row() {
                out.open(Place::of("group", &*row.name));
            }
            return true;
        }
        false
    }

    /// The rows of the mirror, without what is derived here.
    fn subjects(&self) -> Vec<Arc<Row>> {
        let plain = |row: Arc<Row>| {
            let mut row = Row::clone(&row);
            if let Some(body) = row.body.as_object_mut() {
                for member in
                    ["Versions", "Approved", "Latest", "Approval", "LatestCreated", "Best"]
                {
                    body.remove(member);
                }
            }
            Arc::new(row)
        };
        self.table.subjects().into_iter().map(plain).collect()
    }

    fn table(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }
}
