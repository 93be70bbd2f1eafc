//! Where the cockpit's panes stand: all of them where there is room, else the variants and one other.

use ratatui::layout::Rect;

/// A part of the screen that can have the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pane {
    #[default]
    Variants,
    Latency,
    Verdict,
    Fleet,
    Invoke,
}

impl Pane {
    pub(super) const ALL: [Self; 5] =
        [Self::Variants, Self::Latency, Self::Verdict, Self::Fleet, Self::Invoke];

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Variants => "Variants",
            Self::Latency => "Latency",
            Self::Verdict => "Verdict",
            Self::Fleet => "Fleet",
            Self::Invoke => "Invoke",
        }
    }

    pub(super) fn step(self, by: usize) -> Self {
        let at = Self::ALL.iter().position(|one| *one == self).unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

/// How many rows the parts above want.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    /// The lines at the top.
    pub summary: u16,
    /// Why it failed; 0 when it did not.
    pub failure: u16,
    pub variants: u16,
    /// The pane that is shown below the variants where there is room for one.
    pub below: Pane,
}

/// Where things stand. What has no room is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub summary: Rect,
    pub failure: Rect,
    /// Panes with their borders.
    pub panes: Vec<(Pane, Rect)>,
    /// Whether the last pane is one of several in the same place.
    pub tabbed: bool,
}

impl Layout {
    pub(super) fn of(area: Rect, wish: Wish) -> Self {
        let mut left = area;
        let mut take = |rows: u16| {
            let rows = rows.min(left.height);
            let part = Rect { height: rows, ..left };
            left = Rect { y: left.y + rows, height: left.height - rows, ..left };
            part
        };
        let summary = take(wish.summary);
        let failure = take(if wish.failure > 0 { wish.failure.min(area.height / 3) } else { 0 });
        let mut panes = vec![(Pane::Variants, take(wish.variants + 2))];
        let tabbed = area.width < 100 || left.height < 24;
        if tabbed {
            panes.push((wish.below, left));
            return Self { summary, failure, panes, tabbed };
        }
        // Charts gain most by height.
        let upper = left.height - (left.height * 9 / 20).min(18);
        let row = |y: u16, height: u16, part: u16| {
            let first = left.width * part / 20;
            let one = Rect { y, height, width: first, ..left };
            (one, Rect { x: left.x + first, width: left.width - first, ..one })
        };
        let (latency, verdict) = row(left.y, upper, 12);
        let (fleet, invoke) = row(left.y + upper, left.height - upper, 11);
        panes.extend([
            (Pane::Latency, latency),
            (Pane::Verdict, verdict),
            (Pane::Fleet, fleet),
            (Pane::Invoke, invoke),
        ]);
        Self { summary, failure, panes, tabbed }
    }

    /// A pane without its border; empty where it is not shown.
    pub(super) fn inner(&self, pane: Pane) -> Rect {
        let found = self.panes.iter().find(|(one, _)| *one == pane);
        found.map_or(Rect::default(), |(_, area)| area.inner(ratatui::layout::Margin::new(1, 1)))
    }

    /// The pane at a place of the window.
    pub(super) fn at(&self, column: u16, row: u16) -> Option<Pane> {
        let found = self.panes.iter().find(|(_, area)| area.contains((column, row).into()));
        found.map(|(pane, _)| *pane)
    }
}
