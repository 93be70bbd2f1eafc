//! Endpoints: the list, with what moves on each.

use crate::domain::kind;
use crate::tui::columns;
use crate::tui::effect::Want;
use crate::tui::format;
use crate::tui::row::Row;
use crate::tui::screens::list::Listing;
use crate::tui::view::Scene;
use crate::tui::widgets::table::{Cell, Column};
use serde_json::Value;

static COLUMNS: &[Column] = &[
    columns::NAME,
    columns::STATUS,
    Column::new("SPLIT", 22, |row, scene| Cell::text(split(row), scene.theme.text)).grow(1).rank(2),
    Column::new("RATE", 8, |row, scene| match scene.mirror.live.rates(&row.name, scene.now) {
        Some(rates) if rates.requests > 0.0 => {
            let text = format::rate(rates.requests);
            Cell::number(Some(-rates.requests), text, scene.theme.accent)
        }
        Some(_) => Cell::number(Some(0.0), "0/s", scene.theme.dim),
        None => Cell::number(None, "-", scene.theme.faint),
    })
    .right()
    .volatile(),
    Column::new("ERRORS", 7, |row, scene| match scene.mirror.live.rates(&row.name, scene.now) {
        Some(rates) if rates.errors() > 0.0 => {
            let part = rates.errors() / rates.requests.max(rates.errors());
            let text = format!("✖ {}", format::percent(part));
            Cell::number(Some(-part), text, scene.theme.bad)
        }
        Some(rates) if rates.requests > 0.0 => Cell::number(Some(0.0), "0", scene.theme.dim),
        _ => Cell::number(None, "-", scene.theme.faint),
    })
    .right()
    .rank(1)
    .volatile(),
    Column::new("P50", 8, |row, scene| latency(row, scene, |(p50, _)| p50))
        .right()
        .rank(4)
        .volatile(),
    Column::new("P99", 8, |row, scene| latency(row, scene, |(_, p99)| p99))
        .right()
        .rank(5)
        .volatile(),
    Column::new("INSTANCES", 9, |row, scene| {
        let (now, wanted) = instances(row);
        let text = if now == wanted { now.to_string() } else { format!("{now} of {wanted}") };
        let style = if now == wanted { scene.theme.text } else { scene.theme.busy };
        Cell::number(Some(-(now as f64)), text, style)
    })
    .right()
    .rank(3),
    Column::new("COST", 10, |row, scene| match scene.mirror.bill.endpoint(&row.name) {
        Some(account) => {
            let hourly = account.hourly.known.as_dollars();
            let unknown = if account.hourly.unpriced > 0 { "+?" } else { "" };
            let text = format!("{}{unknown}/h", format::money(Some(account.hourly.known)));
            Cell::number(Some(-hourly), text, scene.theme.dim)
        }
        None => Cell::number(None, "-", scene.theme.faint),
    })
    .right()
    .rank(6)
    .volatile(),
    Column::new("CONFIGURATION", 16, |row, scene| {
        Cell::text(row.text("EndpointConfigName").to_owned(), scene.theme.dim)
    })
    .grow(1)
    .rank(7),
    columns::MODIFIED,
];

/// Of the last second's requests, in microseconds; nothing where none came.
fn latency(row: &Row, scene: &Scene<'_>, of: fn((f64, f64)) -> f64) -> Cell {
    let now = scene.now as f64 / 1000.0;
    match scene.mirror.live.traffic.latency(&row.name, now).map(of) {
        Some(micros) => Cell::number(Some(micros), format::micros(micros), scene.theme.text),
        None => Cell::number(None, "–", scene.theme.faint),
    }
}

/// `▰▰▰▰▱ blue 90 green 10`, as a row says it.
fn split(row: &Row) -> String {
    let variants = row.list("ProductionVariants");
    let weight = |variant: &Value| variant.get("CurrentWeight").and_then(Value::as_f64);
    let sum: f64 = variants.iter().filter_map(weight).sum();
    let share = |variant: &Value| match weight(variant) {
        Some(weight) if sum > 0.0 => weight / sum,
        _ => 0.0,
    };
    let names = variants.iter().map(|variant| {
        let name = variant.get("VariantName").and_then(Value::as_str).unwrap_or_default();
        format!("{name} {}", (share(variant) * 100.0).round())
    });
    let names: Vec<String> = names.collect();
    match variants {
        [] => String::new(),
        [_] => names.concat(),
        // A bar of the first one's part tells more than a third name would.
        [first, ..] => format!("{} {}", bar(share(first)), names.join(" ")),
    }
}

/// `▰▰▰▰▱`.
fn bar(share: f64) -> String {
    const CELLS: usize = 5;
    let filled = (share * CELLS as f64).round() as usize;
    // Full only when all, empty only when nothing.
    let least = usize::from(share > 0.0);
    let most = if share < 1.0 { CELLS - 1 } else { CELLS };
    let filled = filled.clamp(least.min(most), most);
    "▰".repeat(filled) + &"▱".repeat(CELLS - filled)
}

/// Instances that serve, and those that are wanted.
fn instances(row: &Row) -> (u64, u64) {
    let sum = |member: &str| {
        let variants = row.list("ProductionVariants").iter();
        variants.filter_map(|variant| variant.get(member).and_then(Value::as_u64)).sum()
    };
    (sum("CurrentInstanceCount"), sum("DesiredInstanceCount"))
}

pub static LIST: Listing = Listing {
    wants: &[Want::Traffic, Want::CostLines],
    ..Listing::new(
        "endpoints",
        "Endpoints",
        kind::ENDPOINT,
        COLUMNS,
        "No endpoints yet. `:deploy NAME blue=PACKAGE --on ml.m5.large` makes one, or N creates one \
         from a form",
    )
};
