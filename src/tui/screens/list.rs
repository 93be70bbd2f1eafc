//! A screen that is one table: the rows of a kind, as they are in the mirror. What differs from kind
//! to kind is a [`Listing`]; a screen that derives its rows or shows more than a table is a view of
//! its own.

use crate::tui::effect::Want;
use crate::tui::row::Row;
use crate::tui::view::{Outbox, Place, Scene, View};
use crate::tui::widgets::table::{Column, Table};
use ratatui::Frame;
use ratatui::layout::Rect;
use std::sync::Arc;

/// What a kind's table is.
pub struct Listing {
    /// The screen's name.
    pub name: &'static str,
    pub title: &'static str,
    pub kind: &'static str,
    pub columns: &'static [Column],
    /// The column that it is sorted by at first, and whether the least comes first.
    pub sorted: Option<(usize, bool)>,
    /// What it says when there is no row.
    pub empty: &'static str,
    /// What the columns need of the region beside the rows.
    pub wants: &'static [Want],
    /// The actions of its own; whether it was one of them. Drilling in is every list's.
    pub act: fn(&Table, &str, &Scene<'_>, &mut Outbox) -> bool,
}

impl Listing {
    /// A table by name, of which nothing but looking and drilling in can be asked.
    pub const fn new(
        name: &'static str,
        title: &'static str,
        kind: &'static str,
        columns: &'static [Column],
        empty: &'static str,
    ) -> Self {
        Self {
            name,
            title,
            kind,
            columns,
            sorted: None,
            empty,
            wants: &[],
            act: |_, _, _, _| false,
        }
    }
}

pub struct List {
    listing: &'static Listing,
    table: Table,
}

impl List {
    pub fn new(listing: &'static Listing) -> Self {
        let table = Table::new(listing.columns).empty(listing.empty);
        let table = match listing.sorted {
            Some((column, ascending)) => table.sorted_by(column, ascending),
            None => table,
        };
        Self { listing, table }
    }
}

impl View for List {
    fn name(&self) -> &'static str {
        self.listing.name
    }

    fn place(&self) -> Option<Place> {
        Some(Place::new(self.listing.name))
    }

    fn title(&self) -> String {
        self.listing.title.into()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["table"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        self.table.draw(frame.buffer_mut(), area, scene);
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.table.settle(scene.mirror.rows(self.listing.kind), area, scene);
    }

    fn wants(&self, _scene: &Scene<'_>) -> Vec<Want> {
        self.listing.wants.to_vec()
    }

    fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        if action != "drill-in" {
            return (self.listing.act)(&self.table, action, scene, out);
        }
        if let Some(place) = self.table.row().and_then(|row| super::place_of(row)) {
            out.open(place);
        }
        true
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        self.table.subjects()
    }

    fn table(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }
}
