//! A viewer for what the region answers and what its buckets hold: JSON documents as JSON or YAML
//! with folds, tables of comma-separated values, plain text. One cursor, one search, one way to copy.

mod scalar;
mod spans;
mod table;
#[cfg(test)]
mod tests;
mod tree;

pub use tree::Format;

use super::filter::Filter;
use crate::domain::words::counted;
use crate::tui::text;
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use serde_json::Value;
use spans::{Role, Span};
use std::ops::Range;
use table::Table;
use tree::Tree;

/// Bytes of text or table that are shown; more is cut off and said so.
const LARGEST: usize = 16 << 20;
/// Columns to the left of a row: the cursor's mark and the fold's.
const GUTTER: u16 = 2;

/// The state of a viewer.
#[derive(Debug)]
pub struct Document {
    body: Body,
    /// The row under the cursor.
    cursor: usize,
    top: usize,
    pan: usize,
    width: u16,
    height: u16,
    search: Option<Search>,
    note: Option<String>,
}

#[derive(Debug)]
enum Body {
    Tree(Box<Tree>),
    Table(Box<Table>),
    Text { text: String, lines: Vec<Range<usize>> },
}

#[derive(Debug)]
struct Search {
    filter: Filter,
    /// Nodes of a tree, rows of anything else, ascending.
    hits: Vec<usize>,
    /// The hit that one went to last.
    at: Option<usize>,
}

impl Document {
    /// A document, unfolded. Epoch seconds and all else are shown as they are.
    pub fn json(value: &Value) -> Self {
        Self::new(Body::Tree(Box::new(Tree::new(value, Format::Json))))
    }

    /// Text as it is.
    pub fn text(text: impl Into<String>) -> Self {
        let (text, note) = bounded(text.into());
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let end = start + line.trim_end_matches(['\n', '\r']).len();
            lines.push(start..end);
            start += line.len();
        }
        Self { note, ..Self::new(Body::Text { text, lines }) }
    }

    /// A table in comma-, tab- or semicolon-separated values. Its first row names the columns unless
    /// it holds a number.
    pub fn csv(text: impl Into<String>) -> Self {
        let (text, note) = bounded(text.into());
        Self { note, ..Self::new(Body::Table(Box::new(Table::new(text)))) }
    }

    fn new(body: Body) -> Self {
        Self { body, cursor: 0, top: 0, pan: 0, width: 80, height: 24, search: None, note: None }
    }

    /// Says something about the whole on the last row: `first 64 KiB of 3.2 GiB`.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Shows a newer value of the same document: folds, cursor and search stay. Of a viewer that
    /// shows something else nothing changes.
    pub fn update(&mut self, value: &Value) {
        if let Body::Tree(tree) = &mut self.body {
            tree.update(value);
            self.refresh();
        }
    }

    /// JSON or YAML; `None` for text and tables.
    pub fn format(&self) -> Option<Format> {
        match &self.body {
            Body::Tree(tree) => Some(tree.format()),
            _ => None,
        }
    }

    pub fn set_format(&mut self, format: Format) {
        if let Body::Tree(tree) = &mut self.body {
            let node = tree.node_at(self.cursor);
            tree.set_format(format);
            self.cursor = tree.row_of(node);
            self.follow_cursor();
        }
    }

    pub fn toggle_format(&mut self) {
        match self.format() {
            Some(Format::Json) => self.set_format(Format::Yaml),
            Some(Format::Yaml) => self.set_format(Format::Json),
            None => {}
        }
    }

    /// Rows as they are folded now.
    pub fn len(&self) -> usize {
        match &self.body {
            Body::Tree(tree) => tree.len(),
            Body::Table(table) => table.len(),
            Body::Text { lines, .. } => lines.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells how large the viewer will be drawn, which scrolling needs to know.
    pub fn resize(&mut self, width: u16, height: u16) {
        (self.width, self.height) = (width, height);
        self.follow_cursor();
    }

    fn refresh(&mut self) {
        self.cursor = self.cursor.min(self.len().saturating_sub(1));
        if let Some(search) = self.search.take() {
            let hits = self.find(&search.filter);
            let at = search.at.filter(|at| *at < hits.len());
            self.search = Some(Search { filter: search.filter, hits, at });
        }
        self.follow_cursor();
    }
}

fn bounded(mut text: String) -> (String, Option<String>) {
    if text.len() <= LARGEST {
        return (text, None);
    }
    let all = text.len();
    let end = (0..=LARGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    (text, Some(format!("first {end} of {all} bytes")))
}

/// Moving about.
impl Document {
    /// Moves the cursor by rows.
    pub fn scroll(&mut self, rows: i64) {
        let step = usize::try_from(rows.unsigned_abs()).unwrap_or(usize::MAX);
        let to = if rows < 0 {
            self.cursor.saturating_sub(step)
        } else {
            self.cursor.saturating_add(step)
        };
        self.cursor = to.min(self.len().saturating_sub(1));
        self.follow_cursor();
    }

    pub fn page(&mut self, pages: i64) {
        let rows = i64::try_from(self.body_rows(self.height)).unwrap_or(1).max(1);
        self.scroll(pages.saturating_mul(rows));
    }

    pub fn home(&mut self) {
        self.scroll(i64::MIN);
    }

    pub fn end(&mut self) {
        self.scroll(i64::MAX);
    }

    /// Moves sideways.
    pub fn pan(&mut self, columns: i64) {
        let step = usize::try_from(columns.unsigned_abs()).unwrap_or(usize::MAX);
        self.pan = if columns < 0 {
            self.pan.saturating_sub(step)
        } else {
            self.pan.saturating_add(step).min(LARGEST)
        };
    }

    /// Puts the cursor on the row drawn there; a click on a fold's mark folds or unfolds.
    pub fn click(&mut self, area: Rect, at: Position) {
        let body = self.body_area(area);
        if !body.contains(at) {
            return;
        }
        let row = self.top_for(body.height) + usize::from(at.y - body.y);
        if row < self.len() {
            self.cursor = row;
            let mark = at.x < body.x + GUTTER;
            if mark && matches!(&self.body, Body::Tree(tree) if tree.fold_mark(row).is_some()) {
                self.toggle_fold();
            }
            self.follow_cursor();
        }
    }

    fn follow_cursor(&mut self) {
        let rows = u16::try_from(self.body_rows(self.height)).unwrap_or(u16::MAX);
        self.top = self.top_for(rows);
    }

    /// The first row shown, so that the cursor is in sight.
    fn top_for(&self, height: u16) -> usize {
        let height = usize::from(height).max(1);
        let lowest = self.cursor.saturating_sub(height - 1);
        self.top.min(self.len().saturating_sub(height)).clamp(lowest, self.cursor)
    }

    fn body_rows(&self, height: u16) -> usize {
        let all = Rect { x: 0, y: 0, width: self.width, height };
        self.body_area(all).height.into()
    }

    /// Without the names of columns above and the state below.
    fn body_area(&self, area: Rect) -> Rect {
        let head = u16::from(matches!(self.body, Body::Table(_)) && area.height >= 2);
        let state = u16::from(area.height >= 3);
        Rect { y: area.y + head, height: area.height - head - state, ..area }
    }
}

/// Folding.
impl Document {
    /// Folds or unfolds what is under the cursor, or folds what that is in.
    pub fn toggle_fold(&mut self) {
        if let Body::Tree(tree) = &mut self.body {
            self.cursor = tree.toggle(self.cursor);
            self.follow_cursor();
        }
    }

    /// Folds all but the outermost value.
    pub fn fold_all(&mut self) {
        self.fold_with(Tree::fold_all);
    }

    pub fn unfold_all(&mut self) {
        self.fold_with(Tree::unfold_all);
    }

    fn fold_with(&mut self, fold: fn(&mut Tree)) {
        if let Body::Tree(tree) = &mut self.body {
            let node = tree.node_at(self.cursor);
            fold(tree);
            self.cursor = tree.row_of(node).min(tree.len().saturating_sub(1));
            self.follow_cursor();
        }
    }
}

/// Searching.
impl Document {
    /// Lights up what is found and goes to the first hit at or below the cursor.
    pub fn set_search(&mut self, search: Option<Filter>) {
        self.search = search.filter(|search| !search.is_empty()).map(|filter| {
            let hits = self.find(&filter);
            Search { filter, hits, at: None }
        });
        let here = self.here();
        if let Some(search) = &self.search
            && !search.hits.is_empty()
        {
            let at = search.hits.partition_point(|hit| *hit < here);
            self.go_to_hit(if at < search.hits.len() { at } else { 0 });
        }
    }

    /// The next hit below, then from the top again. Opens what hides it.
    pub fn next_hit(&mut self) {
        self.step_hit(|hits, here| hits.partition_point(|hit| *hit <= here) % hits.len());
    }

    /// The next hit above, then from the bottom again.
    pub fn previous_hit(&mut self) {
        self.step_hit(|hits, here| {
            let before = hits.partition_point(|hit| *hit < here);
            before.checked_sub(1).unwrap_or(hits.len() - 1)
        });
    }

    /// Which hit one is at, counted from one, and how many there are.
    pub fn hits(&self) -> Option<(usize, usize)> {
        let search = self.search.as_ref()?;
        Some((search.at.map_or(0, |at| at + 1), search.hits.len()))
    }

    fn step_hit(&mut self, step: impl Fn(&[usize], usize) -> usize) {
        let here = self.here();
        if let Some(search) = self.search.as_ref().filter(|search| !search.hits.is_empty()) {
            let at = step(&search.hits, here);
            self.go_to_hit(at);
        }
    }

    /// Where the cursor is, in the measure of hits.
    fn here(&self) -> usize {
        match &self.body {
            Body::Tree(tree) => tree.node_at(self.cursor),
            _ => self.cursor,
        }
    }

    fn go_to_hit(&mut self, at: usize) {
        let Some(search) = &mut self.search else { return };
        let Some(hit) = search.hits.get(at) else { return };
        search.at = Some(at);
        self.cursor = match &mut self.body {
            Body::Tree(tree) => tree.reveal(*hit),
            _ => *hit,
        };
        self.follow_cursor();
    }

    fn find(&self, filter: &Filter) -> Vec<usize> {
        let lit = |text: &str| filter.lights(text);
        match &self.body {
            Body::Tree(tree) => tree.find(lit),
            Body::Table(table) => (0..table.len()).filter(|row| lit(table.raw(*row))).collect(),
            Body::Text { text, lines } => {
                let found =
                    lines.iter().enumerate().filter(|(_, line)| lit(&text[(*line).clone()]));
                found.map(|(row, _)| row).collect()
            }
        }
    }
}

/// Copying.
impl Document {
    /// The JSON path of what is under the cursor; `None` for text and tables.
    pub fn path(&self) -> Option<String> {
        match &self.body {
            Body::Tree(tree) => Some(tree.path(tree.node_at(self.cursor))),
            _ => None,
        }
    }

    /// What is under the cursor: the whole subtree in the format shown, folds or not, a string
    /// without its quotes; of text and tables the line.
    pub fn copy(&self) -> String {
        match &self.body {
            Body::Tree(tree) => tree.text_of(tree.node_at(self.cursor)),
            Body::Table(table) => table.raw(self.cursor).to_owned(),
            Body::Text { text, lines } => lines
                .get(self.cursor)
                .map_or_else(String::new, |line| text[line.clone()].to_owned()),
        }
    }

    /// The whole document in the format shown.
    pub fn copy_all(&self) -> String {
        match &self.body {
            Body::Tree(tree) => tree.text_of(0),
            Body::Table(table) => table.text().to_owned(),
            Body::Text { text, .. } => text.clone(),
        }
    }
}

/// Drawing.
impl Document {
    /// Draws the viewer without a border around it.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        buf.set_style(area, theme.text);
        let body = self.body_area(area);
        if body.y > area.y
            && let Body::Table(table) = &self.body
        {
            let head = Rect { height: 1, ..area };
            buf.set_style(head, theme.header);
            self.draw_spans(&table.head(), buf, head, theme);
        }
        let top = self.top_for(body.height);
        for (row, y) in (top..self.len()).zip(body.top()..body.bottom()) {
            self.draw_row(buf, row, Rect { y, height: 1, ..body }, theme);
        }
        if self.is_empty() && !body.is_empty() {
            buf.set_stringn(body.x, body.y, "nothing in it", usize::from(body.width), theme.faint);
        }
        if body.bottom() < area.bottom() {
            self.draw_state(buf, Rect { y: body.bottom(), height: 1, ..area }, theme);
        }
    }

    fn draw_row(&self, buf: &mut Buffer, row: usize, area: Rect, theme: &Theme) {
        let limit = self.pan + usize::from(area.width) + 1;
        let (spans, mark) = match &self.body {
            Body::Tree(tree) => (tree.spans(row, limit), tree.fold_mark(row)),
            Body::Table(table) => (table.spans(row), None),
            Body::Text { text, lines } => {
                let line = lines.get(row).map_or("", |line| &text[line.clone()]);
                let end = line.char_indices().nth(limit).map_or(line.len(), |(at, _)| at);
                (vec![Span::new(&line[..end], Role::Text)], None)
            }
        };
        self.draw_spans(&spans, buf, area, theme);
        let here = row == self.cursor;
        if here {
            buf.set_style(area, theme.selected);
        }
        if area.width > GUTTER {
            if let Some(folded) = mark {
                let mark = if folded { "▸" } else { "▾" };
                buf.set_stringn(area.x + 1, area.y, mark, 1, theme.dim);
            }
            if here {
                buf.set_stringn(area.x, area.y, "▌", 1, theme.key);
            }
        }
    }

    fn draw_spans(&self, spans: &[Span], buf: &mut Buffer, area: Rect, theme: &Theme) {
        let gutter = if area.width > GUTTER { GUTTER } else { 0 };
        let row = Rect { x: area.x + gutter, width: area.width - gutter, ..area };
        let search = self.search.as_ref().map(|search| &search.filter);
        spans::draw(spans, buf, row, self.pan, search, theme);
    }

    fn draw_state(&self, buf: &mut Buffer, row: Rect, theme: &Theme) {
        let mut parts = Vec::new();
        match &self.body {
            Body::Tree(_) => parts.push((self.path().unwrap_or_default(), theme.accent)),
            Body::Table(table) => {
                let kind = if table.has_header() { "" } else { ", no names" };
                parts.push((
                    format!("{}{kind}", counted(table.columns() as u64, "column")),
                    theme.accent,
                ));
            }
            Body::Text { .. } => {}
        }
        let place = format!("{}/{}", (self.cursor + 1).min(self.len()), self.len());
        parts.push((place, theme.dim));
        if let (Some(search), Some((at, all))) = (&self.search, self.hits()) {
            let sought = search.filter.text();
            let told = match all {
                0 => format!("/{sought} not found"),
                _ => format!("/{sought} {at} of {all}"),
            };
            parts.push((told, theme.found));
        }
        parts.extend(self.note.clone().map(|note| (note, theme.warn)));
        let mut x = row.x;
        for (part, style) in parts {
            let room = usize::from(row.right().saturating_sub(x));
            let shown = text::fit(&text::clean(&part), room).into_owned();
            x = buf.set_stringn(x, row.y, shown, room, style).0.saturating_add(2).min(row.right());
        }
    }
}
