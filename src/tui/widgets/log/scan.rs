//! Which lines a filter keeps: new ones are looked at as they come, old ones a budget at a time from
//! the newest backwards, so that typing into a search over a hundred thousand lines never waits.

use super::ansi;
use super::ring::Ring;
use crate::tui::widgets::filter::Filter;
use std::collections::VecDeque;

/// Lines and bytes looked at in one step, about a millisecond's work.
const LINES: usize = 4_000;
const BYTES: usize = 1 << 19;

#[derive(Debug)]
pub(super) struct Scan {
    pub(super) filter: Filter,
    /// Numbers of kept lines, ascending.
    found: VecDeque<u64>,
    /// Lines from here on are looked at.
    from: u64,
}

impl Scan {
    pub(super) fn new(filter: Filter, ring: &Ring) -> Self {
        Self { filter, found: VecDeque::new(), from: ring.end() }
    }

    /// Looks at a line that was just pushed.
    pub(super) fn pushed(&mut self, number: u64, ring: &Ring, also: Option<&Filter>) {
        if ring.get(number).is_some_and(|line| self.keeps(&line.message, also)) {
            self.found.push_back(number);
        }
    }

    fn keeps(&self, message: &str, also: Option<&Filter>) -> bool {
        let plain = ansi::plain(message);
        self.filter.keeps(&plain) && also.is_none_or(|also| also.keeps(&plain))
    }

    /// Looks at older lines; `true` while some are left.
    pub(super) fn step(&mut self, ring: &Ring, also: Option<&Filter>) -> bool {
        let mut bytes = 0;
        for _ in 0..LINES {
            if self.is_done(ring) {
                return false;
            }
            self.from -= 1;
            let Some(line) = ring.get(self.from) else { continue };
            if self.keeps(&line.message, also) {
                self.found.push_front(self.from);
            }
            bytes += line.message.len();
            if bytes >= BYTES {
                break;
            }
        }
        !self.is_done(ring)
    }

    pub(super) fn is_done(&self, ring: &Ring) -> bool {
        self.from <= ring.first()
    }

    /// Forgets lines that are gone.
    pub(super) fn forget(&mut self, first: u64) {
        while self.found.front().is_some_and(|number| *number < first) {
            self.found.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<u64> {
        self.found.get(index).copied()
    }

    /// How many kept lines have a smaller number.
    pub(super) fn before(&self, number: u64) -> usize {
        self.found.partition_point(|found| *found < number)
    }

    /// Percent of the lines looked at.
    pub(super) fn progress(&self, ring: &Ring) -> usize {
        let left = usize::try_from(self.from.saturating_sub(ring.first())).unwrap_or(0);
        100 - (left * 100).checked_div(ring.len()).unwrap_or(0).min(100)
    }
}
