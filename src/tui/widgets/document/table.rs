//! Comma-separated values in aligned columns. Where rows begin is found once; cells are read when
//! they are drawn.

use super::spans::{Role, Span};
use crate::tui::text;
use std::ops::Range;

/// Rows at either end, and about as many between, that decide how wide columns are.
const MEASURED: usize = 500;
/// Columns of the screen that one column takes at most.
const WIDEST: usize = 40;
/// Columns of a table that are shown; further ones are said to be there.
const COLUMNS: usize = 1_000;

#[derive(Debug)]
pub(super) struct Table {
    text: String,
    delimiter: char,
    rows: Vec<Range<usize>>,
    widths: Vec<usize>,
    /// Whether the first row names the columns; SageMaker's training data has no such row.
    header: bool,
}

impl Table {
    pub(super) fn new(text: String) -> Self {
        let delimiter = delimiter(&text);
        let rows = rows(&text);
        let mut table = Self { text, delimiter, rows, widths: Vec::new(), header: false };
        table.header = table.rows.len() > 1 && {
            let first = table.cells(0);
            first.iter().all(|cell| cell.trim().parse::<f64>().is_err())
                && first.iter().any(|cell| !cell.trim().is_empty())
        };
        // The first, the last, and as many between: ids grow, and names with them.
        let all = table.rows.len();
        let spread = (0..all).step_by((all / MEASURED).max(1));
        let ends = (0..all.min(MEASURED)).chain(all.saturating_sub(MEASURED)..all);
        for row in ends.chain(spread) {
            for (at, cell) in table.cells(row).iter().enumerate() {
                let wide = text::width(&text::clean(cell)).min(WIDEST);
                match table.widths.get_mut(at) {
                    Some(width) => *width = wide.max(*width),
                    None => table.widths.push(wide.max(at.to_string().len())),
                }
            }
        }
        table
    }

    /// Rows below the header.
    pub(super) fn len(&self) -> usize {
        self.rows.len() - usize::from(self.header)
    }

    pub(super) fn columns(&self) -> usize {
        self.widths.len()
    }

    pub(super) fn has_header(&self) -> bool {
        self.header
    }

    /// The text of a row as it stands in the file.
    pub(super) fn raw(&self, row: usize) -> &str {
        let row = row + usize::from(self.header);
        self.rows.get(row).map_or("", |range| &self.text[range.clone()])
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The names of the columns, or their numbers from zero.
    pub(super) fn head(&self) -> Vec<Span> {
        let names: Vec<String> = if self.header {
            self.cells(0)
        } else {
            (0..self.widths.len()).map(|at| at.to_string()).collect()
        };
        let role = if self.header { Role::Member } else { Role::Comment };
        self.aligned(&names, |_| role, &self.right_aligned())
    }

    pub(super) fn spans(&self, row: usize) -> Vec<Span> {
        let cells = self.cells(row + usize::from(self.header));
        let role = |cell: &str| if is_number(cell) { Role::Number } else { Role::Text };
        let right: Vec<bool> = cells.iter().map(|cell| is_number(cell)).collect();
        self.aligned(&cells, role, &right)
    }

    /// Columns of numbers, judged by the first row below the header.
    fn right_aligned(&self) -> Vec<bool> {
        self.cells(usize::from(self.header)).iter().map(|cell| is_number(cell)).collect()
    }

    fn aligned(&self, cells: &[String], role: impl Fn(&str) -> Role, right: &[bool]) -> Vec<Span> {
        let mut spans = Vec::with_capacity(cells.len() * 2);
        for (at, cell) in cells.iter().enumerate() {
            let width = self.widths.get(at).copied().unwrap_or(WIDEST.min(8));
            let shown = text::clean(cell);
            let shown = if right.get(at).copied().unwrap_or(false) {
                text::pad_left(&shown, width)
            } else {
                text::pad(&shown, width)
            };
            spans.push(Span::new(shown, role(cell)));
            spans.push(Span::new("  ", Role::Faint));
        }
        spans
    }

    fn cells(&self, row: usize) -> Vec<String> {
        let Some(range) = self.rows.get(row) else { return Vec::new() };
        let mut cells = vec![String::new()];
        let mut quoted = false;
        let mut chars = self.text[range.clone()].chars().peekable();
        while let Some(char) = chars.next() {
            let Some(cell) = cells.last_mut() else { break };
            match char {
                '"' if quoted && chars.next_if_eq(&'"').is_some() => cell.push('"'),
                '"' if quoted => quoted = false,
                '"' if cell.is_empty() => quoted = true,
                char if char == self.delimiter && !quoted => {
                    if cells.len() >= COLUMNS {
                        break;
                    }
                    cells.push(String::new());
                }
                char => cell.push(char),
            }
        }
        cells
    }
}

fn is_number(cell: &str) -> bool {
    cell.trim().parse::<f64>().is_ok()
}

/// Comma, tab or semicolon: whichever the first line has most of.
fn delimiter(text: &str) -> char {
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: &char| first.matches(*delimiter).count();
    // The last of equals wins, so the comma stands last.
    [';', '\t', ','].into_iter().max_by_key(count).unwrap_or(',')
}

/// Where rows lie: a line end within quotes does not end one.
fn rows(text: &str) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut quoted = false;
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => {
                rows.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < text.len() {
        rows.push(start..text.len());
    }
    for row in &mut rows {
        if text[row.clone()].ends_with('\r') {
            row.end -= 1;
        }
    }
    rows
}
