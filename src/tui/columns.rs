//! Columns that many tables have.

use super::row::Row;
use super::status::{Mood, mood};
use super::view::Scene;
use super::widgets::table::{Cell, Column, Order};
use crate::domain::time::Timestamp;

pub const NAME: Column =
    Column::new("NAME", 16, |row, scene| Cell::text(row.name.clone(), scene.theme.accent)).grow(2);

pub const STATUS: Column = Column::new("STATUS", 14, |row, scene| {
    let mood = mood(&row.status);
    let text = format!("{} {}", mood.mark(), row.status);
    Cell { text: text.into(), style: mood.style(scene.theme), order: by_status(row) }
});

/// Sorted by it, rows of one status stand together, each the newest first: what is under way, then
/// trouble, then what is well.
pub fn by_status(row: &Row) -> Order {
    let place = match mood(&row.status) {
        Mood::Busy => 0,
        Mood::Bad => 1,
        Mood::Warn => 2,
        Mood::Good => 3,
        Mood::Off => 4,
        Mood::None => 5,
    };
    Order::Group(format!("{place} {}", row.status), -row.created)
}

pub const CREATED: Column = Column::new("CREATED", 8, |row, scene| {
    Cell::number(Some(-row.created), age(row.created, scene), scene.theme.dim)
})
.right()
.rank(4)
.volatile();

pub const MODIFIED: Column = Column::new("MODIFIED", 8, |row, scene| {
    Cell::number(Some(-row.modified), age(row.modified, scene), scene.theme.dim)
})
.right()
.rank(3)
.volatile();

/// How long ago, in at most six characters.
pub fn age(seconds: f64, scene: &Scene<'_>) -> String {
    let Some(then) = Timestamp::from_secs_f64(seconds) else { return String::new() };
    let ago = Timestamp::from_millis(scene.now).since(then).as_secs();
    match ago {
        0..60 => format!("{ago} s"),
        60..3600 => format!("{} min", ago / 60),
        3600..172_800 => format!("{} h", ago / 3600),
        _ => format!("{} d", ago / 86_400),
    }
}

/// `sagemaker-xgboost` of an image's URI: without the registry's host, the tag or the digest.
pub fn image_name(uri: &str) -> &str {
    let name = uri.split_once('/').map_or(uri, |(_, name)| name);
    name.split([':', '@']).next().unwrap_or(name)
}
