//! Drawing a log pane: a mark, the time, the stream and the message of each line in sight, and a row
//! that says where one is.

use super::ring::Line;
use super::{LogPane, ansi};
use crate::domain::time::Timestamp;
use crate::domain::words;
use crate::tui::format;
use crate::tui::text;
use crate::tui::theme::Theme;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use std::iter::Peekable;
use std::ops::Range;
use std::slice;
use unicode_segmentation::UnicodeSegmentation;

/// `12:04:31.250` and a space.
const TIME: usize = 13;
/// A stream's name takes at most this, or a quarter of the width.
const NAME: usize = 28;
/// Below this many columns for the message, names go first, then times.
const NARROW: usize = 24;

/// The size of the whole pane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    width: usize,
    height: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { width: 80, height: 24 }
    }
}

impl Page {
    pub(super) fn new(width: u16, height: u16) -> Self {
        Self { width: width.into(), height: height.into() }
    }

    /// Rows of lines: the last row of a pane that is not tiny says where one is.
    pub(super) fn body(self) -> usize {
        if self.height >= 3 { self.height - 1 } else { self.height }
    }
}

/// How the columns are shared out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    mark: usize,
    time: usize,
    name: usize,
    pub(super) message: usize,
}

impl Columns {
    fn before(self) -> usize {
        self.mark + self.time + self.name
    }
}

/// What a message is drawn with.
struct Ink<'a> {
    theme: &'a Theme,
    found: Style,
    current: bool,
}

/// A line in sight.
struct Seen {
    index: usize,
    /// Its rows that are above the pane.
    skip: usize,
    y: u16,
    rows: u16,
}

/// A line on its rows.
struct Spot {
    area: Rect,
    columns: Columns,
    /// Rows of the line above the area.
    skip: usize,
}

impl LogPane {
    pub(super) fn columns(&self, page: Page) -> Columns {
        let mark = usize::from(page.width > 4);
        let mut columns = Columns { mark, time: 0, name: 0, message: 0 };
        columns.time = if self.times { TIME } else { 0 };
        if self.names && self.ring.name_width() > 0 {
            columns.name = self.ring.name_width().min(NAME).min(page.width / 4) + 1;
        }
        if columns.before() + NARROW > page.width {
            columns.name = 0;
        }
        if columns.before() + NARROW > page.width {
            columns.time = 0;
        }
        columns.message = page.width.saturating_sub(columns.before()).max(1);
        columns
    }

    /// Draws the pane without a border around it.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        buf.set_style(area, theme.text);
        let page = Page::new(area.width, area.height);
        let body = Rect { height: u16::try_from(page.body()).unwrap_or(area.height), ..area };
        if body.height < area.height {
            let row = Rect { y: body.bottom(), height: 1, ..area };
            self.draw_state(buf, row, theme);
        }
        let columns = self.columns(page);
        for Seen { index, skip, y, rows } in self.in_sight(body, page) {
            let (Some(number), Some(line)) = (self.number(index), self.line(index)) else { break };
            let spot = Spot { area: Rect { y, height: rows, ..body }, columns, skip };
            self.draw_line(buf, &spot, number, line, theme);
        }
        if self.len() == 0 && body.height > 0 {
            let told = self.nothing();
            buf.set_stringn(body.x, body.y, told, usize::from(body.width), theme.faint);
        }
    }

    fn in_sight(&self, body: Rect, page: Page) -> Vec<Seen> {
        let (mut index, mut skip) = self.top(page);
        let mut y = body.y;
        let mut lines = Vec::new();
        while y < body.bottom() && index < self.len() {
            let rows = self.rows(index, page) - skip;
            let rows = u16::try_from(rows).unwrap_or(u16::MAX).min(body.bottom() - y);
            lines.push(Seen { index, skip, y, rows });
            y += rows;
            (index, skip) = (index + 1, 0);
        }
        lines
    }

    pub(super) fn line_at(&self, area: Rect, at: Position) -> Option<u64> {
        let page = Page::new(area.width, area.height);
        let body = Rect { height: u16::try_from(page.body()).unwrap_or(area.height), ..area };
        if !body.contains(at) {
            return None;
        }
        let lines = self.in_sight(body, page);
        // Below the last line there is none.
        let seen = lines.into_iter().find(|seen| (seen.y..seen.y + seen.rows).contains(&at.y))?;
        self.number(seen.index)
    }

    fn nothing(&self) -> &'static str {
        match &self.filter {
            Some(filter) if !filter.is_done(&self.ring) => "looking …",
            Some(_) if self.ring.len() > 0 => "no line passes the filter",
            _ => "no lines yet",
        }
    }

    fn draw_line(&self, buf: &mut Buffer, spot: &Spot, number: u64, line: &Line, theme: &Theme) {
        let Spot { area, columns, skip } = *spot;
        let selected =
            self.selected().is_some_and(|(first, last)| (first..=last).contains(&number));
        let current = self.hit == Some(number);
        if skip == 0 {
            let mut x = usize::from(area.x) + columns.mark;
            if columns.time > 0 {
                put(buf, x, area.y, &clock(line.at, &self.zone), columns.time - 1, theme.dim);
                x += columns.time;
            }
            if columns.name > 0 {
                let name = text::fit(&line.stream.name, columns.name - 1);
                put(buf, x, area.y, &name, columns.name - 1, theme.series(line.stream.colour));
            }
        }
        self.draw_message(buf, spot, line, &Ink { theme, found: theme.found, current });
        if selected {
            buf.set_style(area, theme.selected);
        }
        if columns.mark > 0 && (selected || current) {
            let (mark, style) = if selected { ("▌", theme.key) } else { ("▸", theme.key) };
            for y in area.top()..area.bottom() {
                put(buf, usize::from(area.x), y, mark, 1, style);
            }
        }
    }

    fn draw_message(&self, buf: &mut Buffer, spot: &Spot, line: &Line, ink: &Ink<'_>) {
        let found = self.found_in(&ansi::plain(&line.message));
        let mut pen = Pen {
            spot,
            wrap: self.wrap,
            pan: if self.wrap { 0 } else { self.pan },
            found: found.iter().peekable(),
            row: 0,
            column: 0,
            offset: 0,
        };
        for run in ansi::runs(&line.message) {
            let style = run.look.style(ink.theme);
            let text = &line.message[run.range];
            let more = if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
                pen.ascii(buf, text, style, ink)
            } else {
                pen.graphemes(buf, text, style, ink)
            };
            if !more {
                return;
            }
        }
    }

    /// What the search lights up, or else the filter.
    fn found_in(&self, plain: &str) -> Vec<Range<usize>> {
        let scan = self.search.as_ref().or(self.filter.as_ref());
        scan.and_then(|scan| scan.filter.matches(plain)).unwrap_or_default()
    }

    fn draw_state(&self, buf: &mut Buffer, row: Rect, theme: &Theme) {
        let width = usize::from(row.width);
        let (told, style) = if self.is_following() {
            ("● following".to_owned(), theme.good)
        } else if self.unseen() > 0 {
            (format!("▼ {} new", grouped(self.unseen() as u64)), theme.warn)
        } else {
            ("■ paused".to_owned(), theme.dim)
        };
        let (x, _) = buf.set_stringn(row.x, row.y, &told, width, style);
        let mut x = usize::from(x) + 2;
        let right = usize::from(row.right());
        for (part, style) in self.parts(theme) {
            let used = text::width(&part);
            if x + used > right {
                break;
            }
            put(buf, x, row.y, &part, used, style);
            x += used + 2;
        }
    }

    /// What the last row tells beside following, the most important first.
    fn parts(&self, theme: &Theme) -> Vec<(String, Style)> {
        let mut parts = Vec::new();
        if let Some((first, last)) = self.selected() {
            let lines = self.place_of(last + 1) - self.place_of(first);
            parts.push((format!("{} selected", grouped(lines as u64)), theme.marked));
        }
        if let (Some(search), Some((at, all))) = (&self.search, self.hits()) {
            let text = text::clean(search.filter.text());
            let told = match (all, search.is_done(&self.ring)) {
                (0, true) => format!("/{text} not found"),
                (_, true) => format!("/{text} {} of {}", grouped(at as u64), grouped(all as u64)),
                (_, false) => {
                    format!(
                        "/{text} {} so far, {} %",
                        grouped(all as u64),
                        search.progress(&self.ring)
                    )
                }
            };
            parts.push((text::fit(&told, 40).into_owned(), theme.found));
        }
        if let Some(filter) = &self.filter {
            let text = text::clean(filter.filter.text());
            let more = if filter.is_done(&self.ring) { "" } else { "+" };
            let told = format!("only {text}: {}{more}", grouped(filter.len() as u64));
            parts.push((text::fit(&told, 40).into_owned(), theme.accent));
        }
        let lines = self.ring.len() as u64;
        parts.push((format!("{} {}", grouped(lines), words::noun(lines, "line")), theme.dim));
        if self.ring.dropped() > 0 {
            parts.push((format!("{} older dropped", grouped(self.ring.dropped())), theme.warn));
        }
        if !self.wrap && self.pan > 0 {
            parts.push((format!("◂ {}", words::counted(self.pan as u64, "column")), theme.dim));
        }
        parts
    }
}

/// Where a message is being written.
struct Pen<'a> {
    spot: &'a Spot,
    wrap: bool,
    pan: usize,
    found: Peekable<slice::Iter<'a, Range<usize>>>,
    row: usize,
    column: usize,
    /// Bytes of the plain text so far.
    offset: usize,
}

/// A cell for the next piece.
struct Place {
    x: usize,
    y: u16,
    /// Columns left on the row.
    room: usize,
    lit: bool,
}

impl Pen<'_> {
    /// Goes past a piece of text; `Err` when the rest is out of sight, `None` when only this piece is.
    fn step(&mut self, wide: usize, bytes: usize) -> Result<Option<Place>, ()> {
        let Spot { area, columns, skip } = *self.spot;
        if self.wrap && self.column + wide > columns.message && self.column > 0 {
            (self.row, self.column) = (self.row + 1, 0);
        }
        if self.row >= skip + usize::from(area.height)
            || (!self.wrap && self.column >= self.pan + columns.message)
        {
            return Err(());
        }
        let offset = self.offset;
        while self.found.next_if(|range| range.end <= offset).is_some() {}
        let lit = self.found.peek().is_some_and(|range| range.start <= offset);
        let place = self.column.checked_sub(self.pan).filter(|_| self.row >= skip);
        self.column += wide;
        self.offset += bytes;
        Ok(place.map(|place| Place {
            x: usize::from(area.x) + columns.before() + place,
            y: area.y + u16::try_from(self.row - skip).unwrap_or(0),
            room: columns.message.saturating_sub(place),
            lit,
        }))
    }

    /// Printable ASCII, a cell for each byte: what nearly all logs are, without a look at graphemes.
    fn ascii(&mut self, buf: &mut Buffer, text: &str, style: Style, ink: &Ink<'_>) -> bool {
        let lit = ink.lit(style);
        for byte in text.bytes() {
            let Ok(place) = self.step(1, 1) else { return false };
            if let Some(place) = place
                && let Ok(x) = u16::try_from(place.x)
                && let Some(cell) = buf.cell_mut(Position { x, y: place.y })
            {
                cell.set_char(char::from(byte)).set_style(if place.lit { lit } else { style });
            }
        }
        true
    }

    fn graphemes(&mut self, buf: &mut Buffer, text: &str, style: Style, ink: &Ink<'_>) -> bool {
        for grapheme in text.graphemes(true) {
            let shown = text::clean(grapheme);
            let Ok(place) = self.step(text::width(&shown), grapheme.len()) else { return false };
            if let Some(place) = place {
                let style = if place.lit { ink.lit(style) } else { style };
                put(buf, place.x, place.y, &shown, place.room, style);
            }
        }
        true
    }
}

impl Ink<'_> {
    fn lit(&self, style: Style) -> Style {
        let lit = style.patch(self.found);
        if self.current { lit.add_modifier(Modifier::BOLD | Modifier::UNDERLINED) } else { lit }
    }
}

fn put(buf: &mut Buffer, x: usize, y: u16, shown: &str, room: usize, style: Style) {
    if let Ok(x) = u16::try_from(x)
        && buf.area.contains(Position { x, y })
    {
        buf.set_stringn(x, y, shown, room, style);
    }
}

/// The time of day: `12:04:31.250`.
fn clock(at: i64, zone: &TimeZone) -> String {
    let second = format::clock(Timestamp::from_millis(at), zone);
    format!("{second}.{:03}", at.rem_euclid(1000))
}

/// `12,034`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
