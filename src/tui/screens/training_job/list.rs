//! All training jobs, those under way first.

use super::{facts, stop};
use crate::domain::kind;
use crate::tui::columns;
use crate::tui::effect::Want;
use crate::tui::format;
use crate::tui::row::Row;
use crate::tui::screens::list::Listing;
use crate::tui::status::{Mood, mood};
use crate::tui::view::{Outbox, Scene};
use crate::tui::widgets::table::{Cell, Column, Table};

/// The column of statuses.
const BY_STATUS: usize = 2;

static COLUMNS: &[Column] = &[
    columns::NAME,
    Column::new("ALGORITHM", 14, |row, scene| {
        Cell::text(facts::algorithm(row).into_owned(), scene.theme.text)
    })
    .grow(1)
    .rank(3),
    Column::new("STATUS", 13, status),
    Column::new("RESULT", 20, |row, scene| {
        let style = match row.status.as_str() {
            "Failed" => scene.theme.bad,
            "Stopped" => scene.theme.dim,
            _ => scene.theme.text,
        };
        Cell::text(facts::result(row), style)
    })
    .grow(3)
    .rank(1),
    Column::new("TOOK", 9, |row, scene| {
        let took = facts::elapsed(row, scene.now);
        let style = if facts::is_over(row) { scene.theme.dim } else { scene.theme.busy };
        Cell::number(Some(took.as_secs_f64()), format::duration(took), style)
    })
    .right()
    .rank(2)
    .volatile(),
    Column::new("BILLED", 8, |row, scene| {
        let seconds = facts::billable(row, scene.now);
        let text =
            seconds.map_or("—".to_owned(), |seconds| format!("{} s", format::count(seconds)));
        Cell::number(seconds.map(|seconds| seconds as f64), text, scene.theme.dim)
    })
    .right()
    .rank(5)
    .volatile(),
    Column::new("COST", 8, |row, scene| {
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
    .rank(2)
    .volatile(),
    columns::CREATED,
];

/// The stage while it is under way, else how it ended.
fn status(row: &Row, scene: &Scene<'_>) -> Cell {
    let stage = if facts::is_over(row) { &row.status } else { facts::stage(row) };
    let mood = match mood(&row.status) {
        Mood::Busy => mood(stage),
        ended => ended,
    };
    let mood = if mood == Mood::None { Mood::Busy } else { mood };
    let text = format!("{} {stage}", mood.mark());
    Cell { text: text.into(), style: mood.style(scene.theme), order: columns::by_status(row) }
}

pub static LIST: Listing = Listing {
    sorted: Some((BY_STATUS, true)),
    wants: &[Want::CostLines],
    act,
    ..Listing::new(
        "jobs",
        "Jobs",
        kind::TRAINING_JOB,
        COLUMNS,
        "No training jobs yet. `:train NAME xgboost --input train=s3://…` starts one, N creates one \
         from a form",
    )
};

fn act(table: &Table, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
    match action {
        "stop" => stop(&table.subjects(), scene, out),
        "clone" | "register" | "deploy" => {
            if let Some(row) = table.row() {
                super::command(action, row, scene, out);
            }
        }
        _ => return false,
    }
    true
}
