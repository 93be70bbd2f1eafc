//! A canvas of braille dots, two by four in a cell. A cell has one colour, that of the curve drawn
//! last through it; its dots are those of all.

use super::legend::colourless;
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// How a curve is stroked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stroke {
    #[default]
    Solid,
    Dashed,
    Dotted,
    Sparse,
}

impl Stroke {
    /// Without colours, curves are told apart by their strokes.
    pub(super) fn of(self, series: usize, theme: &Theme) -> Self {
        const ALL: [Stroke; 4] = [Stroke::Solid, Stroke::Dashed, Stroke::Dotted, Stroke::Sparse];
        if self == Self::Solid && colourless(theme) { ALL[series % ALL.len()] } else { self }
    }

    const fn inks(self, step: usize) -> bool {
        match self {
            Self::Solid => true,
            Self::Dashed => step % 7 < 4,
            Self::Dotted => step.is_multiple_of(2),
            Self::Sparse => step.is_multiple_of(4),
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Cell {
    dots: u8,
    series: u8,
}

/// The dots of one plot. (0, 0) is at the top left.
pub(super) struct Canvas {
    area: Rect,
    cells: Vec<Cell>,
}

impl Canvas {
    pub(super) fn new(area: Rect) -> Self {
        Self { area, cells: vec![Cell::default(); area.width as usize * area.height as usize] }
    }

    /// Dots across.
    pub(super) fn across(&self) -> usize {
        self.area.width as usize * 2
    }

    /// Dots down.
    pub(super) fn down(&self) -> usize {
        self.area.height as usize * 4
    }

    /// The column of dots for a place from 0 (left) to 1.
    pub(super) fn x(&self, place: f64) -> usize {
        (place * self.across().saturating_sub(1) as f64).round() as usize
    }

    /// The row of dots for a place from 0 (bottom) to 1.
    pub(super) fn y(&self, place: f64) -> usize {
        ((1.0 - place) * self.down().saturating_sub(1) as f64).round() as usize
    }

    pub(super) fn dot(&mut self, x: usize, y: usize, series: usize) {
        const BITS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
        if x >= self.across() || y >= self.down() {
            return;
        }
        let cell = &mut self.cells[y / 4 * self.area.width as usize + x / 2];
        cell.dots |= BITS[y % 4][x % 2];
        cell.series = (series % 251) as u8;
    }

    pub(super) fn vertical(&mut self, x: usize, from: usize, to: usize, series: usize) {
        for y in from.min(to)..=from.max(to).min(self.down()) {
            self.dot(x, y, series);
        }
    }

    /// A straight line between two dots (Bresenham's way, by the longer side).
    pub(super) fn line(
        &mut self,
        from: (usize, usize),
        to: (usize, usize),
        series: usize,
        stroke: Stroke,
    ) {
        let span = |a: usize, b: usize| b as f64 - a as f64;
        let (dx, dy) = (span(from.0, to.0), span(from.1, to.1));
        let steps = dx.abs().max(dy.abs()) as usize;
        for step in 0..=steps {
            let part = if steps == 0 { 0.0 } else { step as f64 / steps as f64 };
            let x = (from.0 as f64 + dx * part).round() as usize;
            let y = (from.1 as f64 + dy * part).round() as usize;
            // Counted along the plot and not along this piece, so that short pieces keep the rhythm.
            let along = if dx.abs() >= dy.abs() { x } else { y };
            if stroke.inks(along) {
                self.dot(x, y, series);
            }
        }
    }

    pub(super) fn draw(&self, buffer: &mut Buffer, theme: &Theme) {
        if self.area.width == 0 {
            return;
        }
        for (index, cell) in self.cells.iter().enumerate().filter(|(_, cell)| cell.dots != 0) {
            let column = (index % self.area.width as usize) as u16;
            let row = (index / self.area.width as usize) as u16;
            if let Some(target) = buffer.cell_mut((self.area.x + column, self.area.y + row)) {
                let braille = char::from_u32(0x2800 + u32::from(cell.dots)).unwrap_or('⣿');
                target.set_char(braille).set_style(theme.series(cell.series as usize));
            }
        }
    }
}
