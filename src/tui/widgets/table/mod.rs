//! A table of rows: sorted by any column, filtered, marked, with a cursor that stays on its row
//! whatever happens around it.
//!
//! It holds the order of its rows and mends it change by change: a change among ten thousand rows
//! costs two binary searches. Only what is visible is drawn.

mod cell;
mod draw;

pub use cell::{Cell, Column, Order};

use super::filter::Filter;
use crate::tui::mirror::{Changes, Rows};
use crate::tui::row::{Key, Row};
use crate::tui::view::Scene;
use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::Rect;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

/// Columns that change by themselves are sorted anew this often, in milliseconds.
const RESORT: i64 = 1000;

/// Characters of a filter; more is none that anybody types.
const LONGEST: usize = 4096;

struct Entry {
    order: Order,
    key: Key,
    row: Arc<Row>,
}

/// What a mouse click hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    Header(usize),
    Row(usize),
}

pub struct Table {
    columns: &'static [Column],
    sort: usize,
    ascending: bool,
    entries: Vec<Entry>,
    /// What each entry is sorted by, to find it again.
    known: HashMap<Key, Order>,
    /// Rows there are, filtered out ones included.
    total: usize,
    mark: Option<(u64, u64)>,
    sorted_at: i64,
    cursor: usize,
    at: Option<Key>,
    offset: usize,
    /// Columns that the cells seen so far need, column by column.
    needs: Vec<u16>,
    height: usize,
    marked: HashSet<Key>,
    filter: Option<Filter>,
    /// Being typed, or what is in force; kept with the view.
    input: Input,
    typing: bool,
    problem: Option<String>,
    /// Only rows of this parent.
    parent: Option<String>,
    /// What to say where there are no rows.
    pub empty: Cow<'static, str>,
    /// Whether the rows are still on their way, so that nobody knows yet that there are none; `None` of
    /// the region's own rows, of which the mirror knows it.
    pub loading: Option<bool>,
    arriving: bool,
}

impl Table {
    /// Sorted by the first column, ascending.
    pub fn new(columns: &'static [Column]) -> Self {
        Self {
            columns,
            sort: 0,
            ascending: true,
            entries: Vec::new(),
            known: HashMap::new(),
            total: 0,
            mark: None,
            sorted_at: 0,
            cursor: 0,
            at: None,
            offset: 0,
            needs: Vec::new(),
            height: 0,
            marked: HashSet::new(),
            filter: None,
            input: Input::default(),
            typing: false,
            problem: None,
            parent: None,
            empty: Cow::Borrowed("Nothing here yet"),
            loading: None,
            arriving: false,
        }
    }

    #[must_use]
    pub fn sorted_by(mut self, column: usize, ascending: bool) -> Self {
        self.sort = column.min(self.columns.len().saturating_sub(1));
        self.ascending = ascending;
        self
    }

    #[must_use]
    pub fn empty(mut self, words: &'static str) -> Self {
        self.empty = Cow::Borrowed(words);
        self
    }

    #[must_use]
    pub fn within(mut self, parent: impl Into<String>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// Takes in what changed among the rows. `area` is what `draw` will be given.
    pub fn settle(&mut self, rows: &Rows, area: Rect, scene: &Scene<'_>) {
        self.height = area.height.saturating_sub(2) as usize;
        self.arriving = self.loading.unwrap_or(!scene.mirror.ready);
        let changes = self.mark.map_or(Changes::Everything, |mark| rows.since(mark));
        self.mark = Some(rows.mark());
        let due = self.columns.get(self.sort).is_some_and(|column| column.volatile)
            && scene.now - self.sorted_at >= RESORT;
        match changes {
            _ if due => self.rebuild(rows, scene),
            Changes::Nothing => {}
            Changes::Everything => self.rebuild(rows, scene),
            Changes::These(keys) if keys.len() * 8 > rows.len() + 64 => self.rebuild(rows, scene),
            Changes::These(keys) => {
                for key in keys {
                    self.change(key, rows.get(key), scene);
                }
                self.total = self.count(rows);
            }
        }
        self.place_cursor();
        self.measure(scene);
    }

    fn count(&self, rows: &Rows) -> usize {
        match &self.parent {
            None => rows.len(),
            Some(parent) => {
                rows.iter().filter(|(_, row)| row.parent.eq_ignore_ascii_case(parent)).count()
            }
        }
    }

    fn rebuild(&mut self, rows: &Rows, scene: &Scene<'_>) {
        self.sorted_at = scene.now;
        self.entries.clear();
        self.known.clear();
        for (key, row) in rows.iter() {
            if self.takes(row, scene) {
                let order = self.order(row, scene);
                self.known.insert(Arc::clone(key), order.clone());
                self.entries.push(Entry { order, key: Arc::clone(key), row: Arc::clone(row) });
            }
        }
        let ascending = self.ascending;
        self.entries
            .sort_unstable_by(|a, b| compare(ascending, (&a.order, &a.key), (&b.order, &b.key)));
        self.total = self.count(rows);
        self.marked.retain(|key| rows.get(key).is_some());
    }

    fn change(&mut self, key: &Key, row: Option<&Arc<Row>>, scene: &Scene<'_>) {
        if let Some(order) = self.known.remove(key)
            && let Ok(at) = self.find(&order, key)
        {
            self.entries.remove(at);
        }
        match row {
            Some(row) if self.takes(row, scene) => {
                let order = self.order(row, scene);
                let at = self.find(&order, key).unwrap_or_else(|at| at);
                self.known.insert(Arc::clone(key), order.clone());
                let (key, row) = (Arc::clone(key), Arc::clone(row));
                self.entries.insert(at, Entry { order, key, row });
            }
            Some(_) => {}
            None => {
                self.marked.remove(key);
            }
        }
    }

    fn find(&self, order: &Order, key: &Key) -> Result<usize, usize> {
        let wanted = (order, key);
        self.entries
            .binary_search_by(|entry| compare(self.ascending, (&entry.order, &entry.key), wanted))
    }

    fn takes(&self, row: &Row, scene: &Scene<'_>) -> bool {
        if self.parent.as_ref().is_some_and(|parent| !row.parent.eq_ignore_ascii_case(parent)) {
            return false;
        }
        let Some(filter) = &self.filter else { return true };
        let mut cells = self.columns.iter().filter(|column| !column.volatile);
        // Each cell for itself: `$` is its end, and no match goes across two.
        if filter.is_inverse() {
            cells.all(|column| filter.keeps(&(column.cell)(row, scene).text))
        } else {
            cells.any(|column| filter.keeps(&(column.cell)(row, scene).text))
        }
    }

    fn order(&self, row: &Row, scene: &Scene<'_>) -> Order {
        self.columns.get(self.sort).map_or(Order::None, |column| (column.cell)(row, scene).order)
    }

    /// The cursor follows its row; when that is gone it stays where it was.
    fn place_cursor(&mut self) {
        let found = self.at.as_ref().and_then(|key| {
            let order = self.known.get(key)?;
            self.find(order, key).ok()
        });
        self.go(found.unwrap_or(self.cursor));
    }

    fn go(&mut self, to: usize) {
        self.cursor = to.min(self.entries.len().saturating_sub(1));
        self.at = self.entries.get(self.cursor).map(|entry| Arc::clone(&entry.key));
        let height = self.height.max(1);
        let most = self.entries.len().saturating_sub(height);
        self.offset =
            self.offset.clamp((self.cursor + 1).saturating_sub(height), self.cursor).min(most);
    }

    /// Puts the cursor on the row of that name, now or once it is there.
    pub fn select(&mut self, name: &str) {
        self.at = Some(crate::tui::row::key(name));
        self.place_cursor();
    }

    pub fn row(&self) -> Option<&Arc<Row>> {
        self.entries.get(self.cursor).map(|entry| &entry.row)
    }

    /// The marked rows, or the one under the cursor.
    pub fn subjects(&self) -> Vec<Arc<Row>> {
        let marked: Vec<_> = self.marked().collect();
        if marked.is_empty() { self.row().cloned().into_iter().collect() } else { marked }
    }

    /// The same as lines of tab-separated cells, for a spreadsheet.
    pub fn subjects_text(&self, scene: &Scene<'_>) -> String {
        let line = |row: &Row| {
            let cells = self.columns.iter().map(|column| (column.cell)(row, scene).text);
            cells.collect::<Vec<_>>().join("\t")
        };
        self.subjects().iter().map(|row| line(row)).collect::<Vec<_>>().join("\n")
    }

    fn marked(&self) -> impl Iterator<Item = Arc<Row>> {
        self.entries
            .iter()
            .filter(|entry| self.marked.contains(&entry.key))
            .map(|entry| Arc::clone(&entry.row))
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All rows in their order, filtered.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.entries.iter().map(|entry| &entry.row)
    }

    pub fn clear_marks(&mut self) {
        self.marked.clear();
    }

    /// The filter as it was typed; empty when there is none.
    pub fn filter_text(&self) -> &str {
        self.input.value()
    }

    pub fn set_filter(&mut self, text: &str) {
        self.input = Input::new(text.to_owned());
        self.apply_filter();
    }

    fn apply_filter(&mut self) {
        let text = self.input.value().trim();
        let parsed = if text.is_empty() { Ok(None) } else { Filter::parse(text).map(Some) };
        match parsed {
            Ok(filter) => {
                self.filter = filter;
                self.problem = None;
            }
            // The last one that could be read stays in force while one types.
            Err(problem) => self.problem = Some(problem),
        }
        self.mark = None;
    }

    /// Whether the filter is being typed.
    pub fn typing(&self) -> bool {
        self.typing
    }

    /// A key of the filter's line.
    pub fn typed(&mut self, key: KeyEvent) -> bool {
        match key.code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.set_filter("");
            }
            KeyCode::Up | KeyCode::Down => return false,
            KeyCode::Char(_) if key.modifiers.intersects(KeyModifiers::ALT) => return false,
            KeyCode::Char(_) if self.input.value().len() >= LONGEST => {}
            _ => {
                self.input.handle_event(&Event::Key(key));
                self.apply_filter();
            }
        }
        true
    }

    pub fn pasted(&mut self, text: &str) {
        let line = text.lines().next().unwrap_or_default();
        let text = format!("{}{line}", self.input.value());
        let text: String = text.chars().take(LONGEST).collect();
        self.set_filter(&text);
    }

    /// Acts on an action of the context `table`.
    pub fn act(&mut self, action: &str) -> bool {
        let page = self.height.max(2) - 1;
        match action {
            "up" => self.go(self.cursor.saturating_sub(1)),
            "down" => self.go(self.cursor + 1),
            "page-up" => self.go(self.cursor.saturating_sub(page)),
            "page-down" => self.go(self.cursor + page),
            "half-page-up" => self.go(self.cursor.saturating_sub(page / 2)),
            "half-page-down" => self.go(self.cursor + page / 2),
            "top" => self.go(0),
            "bottom" => self.go(usize::MAX),
            "filter" => self.typing = true,
            "mark" => {
                self.toggle_mark();
                self.go(self.cursor + 1);
            }
            "mark-all" => self.mark_all(),
            "sort-next" => self.sort_by((self.sort + 1) % self.columns.len().max(1), true),
            "sort-reverse" => self.sort_by(self.sort, !self.ascending),
            "clear" if !self.marked.is_empty() => self.marked.clear(),
            "clear" if !self.input.value().is_empty() => self.set_filter(""),
            _ => return false,
        }
        true
    }

    fn toggle_mark(&mut self) {
        if let Some(entry) = self.entries.get(self.cursor)
            && !self.marked.remove(&entry.key)
        {
            self.marked.insert(Arc::clone(&entry.key));
        }
    }

    fn mark_all(&mut self) {
        let all = self.entries.iter().all(|entry| self.marked.contains(&entry.key));
        if all {
            self.marked.clear();
        } else {
            self.marked.extend(self.entries.iter().map(|entry| Arc::clone(&entry.key)));
        }
    }

    fn sort_by(&mut self, column: usize, ascending: bool) {
        (self.sort, self.ascending) = (column, ascending);
        self.mark = None;
    }

    /// The mouse over `area`. True for a click on the row that was selected already: drill in.
    pub fn mouse(&mut self, event: MouseEvent, area: Rect) -> bool {
        match event.kind {
            MouseEventKind::ScrollDown => self.go(self.cursor + 3),
            MouseEventKind::ScrollUp => self.go(self.cursor.saturating_sub(3)),
            MouseEventKind::Down(MouseButton::Left) => {
                match self.hit(area, event.column, event.row) {
                    Some(Hit::Header(column)) => {
                        let ascending = column != self.sort || !self.ascending;
                        self.sort_by(column, ascending);
                    }
                    Some(Hit::Row(row)) => {
                        let again = row == self.cursor;
                        self.go(row);
                        return again;
                    }
                    None => {}
                }
            }
            _ => {}
        }
        false
    }

    /// What stands at that place of the window.
    pub fn hit(&self, area: Rect, column: u16, row: u16) -> Option<Hit> {
        if !area.contains((column, row).into()) {
            return None;
        }
        if row == area.y {
            let found = self
                .spans(area)
                .into_iter()
                .find(|(_, span)| (span.x..span.x.saturating_add(span.width)).contains(&column));
            return found.map(|(index, _)| Hit::Header(index));
        }
        let index = self.offset + usize::from(row - area.y) - 1;
        let inside = usize::from(row - area.y) <= self.height;
        (inside && index < self.entries.len()).then_some(Hit::Row(index))
    }
}

fn compare(ascending: bool, a: (&Order, &Key), b: (&Order, &Key)) -> Ordering {
    let by = match (a.0, b.0) {
        // What has no value stays at the end either way.
        (Order::None, _) | (_, Order::None) => a.0.compare(b.0),
        _ if ascending => a.0.compare(b.0),
        _ => b.0.compare(a.0),
    };
    by.then_with(|| a.1.cmp(b.1))
}

#[cfg(test)]
mod tests;
