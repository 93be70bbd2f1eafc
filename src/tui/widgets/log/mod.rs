//! The log pane: the newest lines of any number of streams, followed until one scrolls up.
//!
//! Pushing costs little more than keeping the text: colours are parsed, lines wrapped and matches
//! found only in what is drawn. Places are line numbers, which stay when older lines are dropped.
//! Filters and searches go through old lines a step at a time; call [`LogPane::work`] until it has
//! no more to do.

mod ansi;
mod draw;
mod ring;
mod scan;
mod selection;
#[cfg(test)]
mod tests;

pub use ring::{Entry, Limits};

use super::filter::Filter;
use crate::tui::text;
use draw::Page;
use jiff::tz::TimeZone;
use ring::{Line, Ring};
use scan::Scan;
use selection::Selection;
use unicode_segmentation::UnicodeSegmentation;

/// Beyond so many rows a step over wrapped lines counts lines, not rows.
const MEASURED: i64 = 5_000;

/// The state of a log pane.
#[derive(Debug)]
pub struct LogPane {
    ring: Ring,
    view: View,
    /// Lines from here on came while the reader looked elsewhere.
    unseen: u64,
    page: Page,
    wrap: bool,
    times: bool,
    names: bool,
    /// Columns that an unwrapped message is moved to the left.
    pan: usize,
    filter: Option<Scan>,
    search: Option<Scan>,
    /// The line that `n` came to last.
    hit: Option<u64>,
    /// A jump that waits for the search to find something.
    wanted: Option<Towards>,
    selection: Option<Selection>,
    zone: TimeZone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Follow,
    /// Some rows of this line are above the first row shown.
    At {
        line: u64,
        row: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Towards {
    Older,
    Newer,
    /// At or before this line, else after it.
    Near(u64),
}

/// A place among the shown lines: which of them, and how many of its rows are above.
type Place = (usize, usize);

impl Default for LogPane {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl LogPane {
    pub fn new(limits: Limits) -> Self {
        Self {
            ring: Ring::new(limits),
            view: View::Follow,
            unseen: 0,
            page: Page::default(),
            wrap: true,
            times: true,
            names: true,
            pan: 0,
            filter: None,
            search: None,
            hit: None,
            wanted: None,
            selection: None,
            zone: TimeZone::UTC,
        }
    }

    /// In which time zone it shows times, and how many lines it keeps.
    pub fn prefer(&mut self, zone: &TimeZone, lines: usize) {
        if self.zone != *zone {
            self.zone = zone.clone();
        }
        if self.ring.limit(Limits::lines(lines)) {
            self.forget_dropped();
        }
    }

    /// Adds lines; the oldest go when there are too many.
    pub fn push<'a>(&mut self, batch: impl IntoIterator<Item = &'a Entry>) {
        for entry in batch {
            let from = self.ring.end();
            self.ring.push(entry);
            for number in from..self.ring.end() {
                if let Some(filter) = &mut self.filter {
                    filter.pushed(number, &self.ring, None);
                }
                if let Some(search) = &mut self.search {
                    search.pushed(number, &self.ring, self.filter.as_ref().map(|f| &f.filter));
                }
            }
        }
        self.forget_dropped();
    }

    /// Nothing points at lines that are gone.
    fn forget_dropped(&mut self) {
        let first = self.ring.first();
        for scan in [&mut self.filter, &mut self.search].into_iter().flatten() {
            scan.forget(first);
        }
        self.hit = self.hit.filter(|hit| *hit >= first);
        if let Some(selection) = &mut self.selection {
            selection.anchor = selection.anchor.max(first);
            selection.cursor = selection.cursor.max(first);
        }
    }

    /// Forgets all lines.
    pub fn clear(&mut self) {
        self.ring.clear();
        self.push([]);
        self.selection = None;
        self.view = View::Follow;
    }

    /// Tells how large the pane will be drawn, which scrolling needs to know.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.page = Page::new(width, height);
    }

    /// Lines held, and lines that went for newer ones.
    pub fn counts(&self) -> (usize, u64) {
        (self.ring.len(), self.ring.dropped())
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.ring.bytes()
    }

    pub fn is_following(&self) -> bool {
        self.view == View::Follow
    }

    /// Lines that came since the reader scrolled up, as far as the filter shows them.
    pub fn unseen(&self) -> usize {
        if self.is_following() { 0 } else { self.len() - self.place_of(self.unseen) }
    }

    pub fn toggle_wrap(&mut self) {
        self.wrap = !self.wrap;
        self.pan = 0;
    }

    pub fn toggle_timestamps(&mut self) {
        self.times = !self.times;
    }

    pub fn toggle_names(&mut self) {
        self.names = !self.names;
    }

    /// Follows when it does not, and the other way round.
    pub fn toggle_follow(&mut self) {
        if self.is_following() {
            let top = self.top(self.page);
            self.pause(top);
        } else {
            self.end();
        }
    }
}

/// Moving about.
impl LogPane {
    /// Moves by rows; with a selection, moves its end by lines. Down to the last row follows again.
    pub fn scroll(&mut self, rows: i64) {
        if self.selection.is_some() {
            self.extend(rows);
            return;
        }
        let place = self.moved(self.top(self.page), rows);
        if place >= self.last_top(self.page) {
            self.view = View::Follow;
        } else {
            self.pause(place);
        }
    }

    pub fn page(&mut self, pages: i64) {
        let height = i64::try_from(self.page.body()).unwrap_or(1).max(1);
        self.scroll(pages.saturating_mul(height));
    }

    pub fn home(&mut self) {
        self.scroll(i64::MIN);
    }

    /// To the last line, which follows again.
    pub fn end(&mut self) {
        if self.selection.is_some() {
            self.extend(i64::MAX);
        } else {
            self.view = View::Follow;
        }
    }

    /// Moves unwrapped messages sideways.
    pub fn pan(&mut self, columns: i64) {
        if !self.wrap {
            let step = usize::try_from(columns.unsigned_abs()).unwrap_or(usize::MAX);
            self.pan = if columns < 0 {
                self.pan.saturating_sub(step)
            } else {
                self.pan.saturating_add(step).min(64 * 1024)
            };
        }
    }

    fn pause(&mut self, (index, row): Place) {
        let Some(line) = self.number(index) else { return };
        if self.is_following() {
            self.unseen = self.ring.end();
        }
        self.view = View::At { line, row };
    }

    fn moved(&self, (mut index, mut row): Place, rows: i64) -> Place {
        if !self.wrap || rows.unsigned_abs() > MEASURED.unsigned_abs() {
            let step = usize::try_from(rows.unsigned_abs()).unwrap_or(usize::MAX);
            let moved =
                if rows < 0 { index.saturating_sub(step) } else { index.saturating_add(step) };
            return (moved.min(self.len()), 0);
        }
        for _ in 0..rows.unsigned_abs() {
            if rows > 0 {
                row += 1;
                if row >= self.rows(index, self.page) {
                    (index, row) = (index + 1, 0);
                }
                if index >= self.len() {
                    break;
                }
            } else if row > 0 {
                row -= 1;
            } else if index > 0 {
                index -= 1;
                row = self.rows(index, self.page) - 1;
            } else {
                break;
            }
        }
        (index, row)
    }

    /// The first row shown.
    fn top(&self, page: Page) -> Place {
        let last = self.last_top(page);
        let View::At { line, row } = self.view else { return last };
        let index = self.place_of(line);
        let row = if self.number(index) == Some(line) {
            row.min(self.rows(index, page).saturating_sub(1))
        } else {
            0
        };
        (index, row).min(last)
    }

    /// The first row of the page that ends with the last line.
    fn last_top(&self, page: Page) -> Place {
        let mut left = page.body();
        let mut index = self.len();
        while index > 0 {
            let rows = self.rows(index - 1, page);
            index -= 1;
            if rows >= left {
                return (index, rows - left);
            }
            left -= rows;
        }
        (0, 0)
    }

    /// Rows that a shown line takes; at least one.
    fn rows(&self, index: usize, page: Page) -> usize {
        if !self.wrap {
            return 1;
        }
        let Some(line) = self.line(index) else { return 1 };
        let columns = self.columns(page).message;
        match ansi::ascii_width(&line.message) {
            Some(width) => width.div_ceil(columns).max(1),
            None => wrapped(&ansi::plain(&line.message), columns),
        }
    }
}

/// Rows of a text in lines of this many columns.
fn wrapped(plain: &str, columns: usize) -> usize {
    let (mut rows, mut column) = (1, 0);
    for grapheme in plain.graphemes(true) {
        let wide = text::width(&text::clean(grapheme));
        if column + wide > columns && column > 0 {
            rows += 1;
            column = 0;
        }
        column += wide;
    }
    rows
}

/// The lines that the filter shows.
impl LogPane {
    fn len(&self) -> usize {
        self.filter.as_ref().map_or(self.ring.len(), Scan::len)
    }

    fn number(&self, index: usize) -> Option<u64> {
        match &self.filter {
            Some(filter) => filter.get(index),
            None => (index < self.ring.len()).then(|| self.ring.first() + index as u64),
        }
    }

    fn line(&self, index: usize) -> Option<&Line> {
        self.number(index).and_then(|number| self.ring.get(number))
    }

    /// The place of the first shown line with this number or a greater one.
    fn place_of(&self, number: u64) -> usize {
        match &self.filter {
            Some(filter) => filter.before(number),
            None => {
                let before = number.saturating_sub(self.ring.first());
                usize::try_from(before).unwrap_or(usize::MAX).min(self.ring.len())
            }
        }
    }
}

/// Filter and search.
impl LogPane {
    /// Shows only lines that the filter keeps.
    pub fn set_filter(&mut self, filter: Option<Filter>) {
        let filter = filter.filter(|filter| !filter.is_empty());
        self.filter = filter.map(|filter| Scan::new(filter, &self.ring));
        if let Some(search) = self.search.take() {
            self.search = Some(Scan::new(search.filter, &self.ring));
        }
        self.work();
    }

    /// Lights up what is searched for and goes to the match nearest to what is shown, looking
    /// upwards first.
    pub fn set_search(&mut self, search: Option<Filter>) {
        let search = search.filter(|search| !search.is_empty());
        self.hit = None;
        self.wanted = search.is_some().then(|| {
            let bottom = self.moved(self.top(self.page), self.page.body() as i64 - 1).0;
            let last = self.len().saturating_sub(1);
            Towards::Near(self.number(bottom.min(last)).unwrap_or(0))
        });
        self.search = search.map(|search| Scan::new(search, &self.ring));
        self.work();
    }

    /// The next match below, then from the top again.
    pub fn next_hit(&mut self) {
        self.want(Towards::Newer);
    }

    /// The next match above, then from the bottom again.
    pub fn previous_hit(&mut self) {
        self.want(Towards::Older);
    }

    /// Which match one is at, counted from one, and how many are known.
    pub fn hits(&self) -> Option<(usize, usize)> {
        let search = self.search.as_ref()?;
        let at = self.hit.map_or(0, |hit| search.before(hit) + 1);
        Some((at, search.len()))
    }

    /// Looks through old lines for a millisecond; `true` while there is more to do. To be called
    /// at every tick.
    pub fn work(&mut self) -> bool {
        let mut left = false;
        if let Some(filter) = &mut self.filter {
            left = filter.step(&self.ring, None);
        }
        if let Some(search) = &mut self.search {
            left |= search.step(&self.ring, self.filter.as_ref().map(|f| &f.filter));
        }
        if let Some(wanted) = self.wanted {
            self.want(wanted);
        }
        left
    }

    fn want(&mut self, towards: Towards) {
        self.wanted = None;
        let Some(search) = &self.search else { return };
        let from = self.hit.unwrap_or_else(|| {
            let at =
                if towards == Towards::Older { self.bottom() + 1 } else { self.top(self.page).0 };
            self.number(at).unwrap_or(self.ring.end())
        });
        let complete = search.is_done(&self.ring);
        let found = match towards {
            Towards::Newer => {
                let after = search.before(from + u64::from(self.hit.is_some()));
                search.get(after).or_else(|| search.get(0).filter(|_| complete))
            }
            Towards::Older => match search.before(from).checked_sub(1) {
                Some(before) => search.get(before),
                None if complete => search.get(search.len().saturating_sub(1)),
                None => None,
            },
            Towards::Near(line) => {
                let before = search.before(line + 1).checked_sub(1).and_then(|at| search.get(at));
                before.or_else(|| search.get(0).filter(|_| complete))
            }
        };
        match found {
            Some(hit) => self.go_to(hit),
            None if !complete => self.wanted = Some(towards),
            None => {}
        }
    }

    /// Makes the first line of this time, or of the next there is, the current match, and says
    /// whether there is one.
    pub fn go_to_time(&mut self, at: i64) -> bool {
        let found = (self.ring.first()..self.ring.end())
            .find(|number| self.ring.get(*number).is_some_and(|line| line.at >= at));
        if let Some(number) = found {
            self.go_to(number);
        }
        found.is_some()
    }

    fn bottom(&self) -> usize {
        self.moved(self.top(self.page), self.page.body() as i64 - 1).0
    }

    /// Makes the line the current match and shows it.
    fn go_to(&mut self, number: u64) {
        self.hit = Some(number);
        self.show(number);
    }

    /// Scrolls to the line unless it is in sight, so that it stands in the middle.
    fn show(&mut self, number: u64) {
        let (index, _) = self.top(self.page);
        let place = self.place_of(number);
        if (index..=self.bottom()).contains(&place) && self.number(place) == Some(number) {
            let top_is_cut = place == index && self.top(self.page).1 > 0;
            if !top_is_cut {
                return;
            }
        }
        let middle = i64::try_from(self.page.body() / 2).unwrap_or(0);
        let top = self.moved((place, 0), -middle);
        self.pause(top);
        if top >= self.last_top(self.page) {
            self.view = View::Follow;
        }
    }
}
