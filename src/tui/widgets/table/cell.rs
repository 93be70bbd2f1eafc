//! What a column says of a row.

use crate::tui::row::Row;
use crate::tui::view::Scene;
use ratatui::style::Style;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A column of a table.
#[derive(Clone, Copy)]
pub struct Column {
    pub title: &'static str,
    /// Columns of the terminal it needs at least.
    pub least: u16,
    /// Its part of what is left over; 0 keeps it at `least`.
    pub grow: u16,
    /// Numbers stand at the right.
    pub right: bool,
    /// Left out first where the table is too narrow; 0 stays always.
    pub rank: u8,
    pub cell: fn(&Row, &Scene<'_>) -> Cell,
    /// Says something else without its row having changed: rates, ages.
    pub volatile: bool,
}

impl Column {
    pub const fn new(title: &'static str, least: u16, cell: fn(&Row, &Scene<'_>) -> Cell) -> Self {
        Self { title, least, grow: 0, right: false, rank: 0, cell, volatile: false }
    }

    #[must_use]
    pub const fn grow(self, grow: u16) -> Self {
        Self { grow, ..self }
    }

    #[must_use]
    pub const fn right(self) -> Self {
        Self { right: true, ..self }
    }

    #[must_use]
    pub const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    #[must_use]
    pub const fn volatile(self) -> Self {
        Self { volatile: true, ..self }
    }
}

/// A cell: what it shows, how, and what it is sorted by.
pub struct Cell {
    pub text: Cow<'static, str>,
    pub style: Style,
    pub order: Order,
}

impl Cell {
    /// Sorted by its text.
    pub fn text(text: impl Into<Cow<'static, str>>, style: Style) -> Self {
        let text = text.into();
        Self { order: Order::Text(text.to_lowercase()), text, style }
    }

    /// Sorted by a number; `None` comes last.
    pub fn number(number: Option<f64>, text: impl Into<Cow<'static, str>>, style: Style) -> Self {
        Self { text: text.into(), style, order: number.map_or(Order::None, Order::Number) }
    }
}

/// What rows are sorted by.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Number(f64),
    Text(String),
    /// By a group's name, and within it by a number: statuses, each the newest first.
    Group(String, f64),
    /// Nothing to go by: behind all others.
    None,
}

impl Order {
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Group(a, x), Self::Group(b, y)) => a.cmp(b).then(x.total_cmp(y)),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Group(..) => 2,
            Self::None => 3,
        }
    }
}
