//! What is drawn in one colour, joined to as few shapes as show the same.

use std::fmt::Write;

/// Lengths are in tenths of a pixel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ink {
    rects: Vec<Rect>,
    /// A quarter, a half, three quarters.
    shades: [Vec<Rect>; 3],
    /// Light and heavy: (y, from, to).
    horizontals: [Vec<(i32, i32, i32)>; 2],
    /// Light and heavy: (x, from, to).
    verticals: [Vec<(i32, i32, i32)>; 2],
    curves: String,
    dots: Vec<(i32, i32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rect {
    pub y: i32,
    pub height: i32,
    pub x: i32,
    pub width: i32,
}

impl Ink {
    pub(super) fn rect(&mut self, x: i32, y: i32, width: i32, height: i32) {
        self.rects.push(Rect { y, height, x, width });
    }

    /// `level` 0, 1 or 2: a quarter, a half or three quarters of the colour.
    pub(super) fn shade(&mut self, x: i32, y: i32, width: i32, height: i32, level: usize) {
        if let Some(shades) = self.shades.get_mut(level) {
            shades.push(Rect { y, height, x, width });
        }
    }

    pub(super) fn horizontal(&mut self, y: i32, from: i32, to: i32, heavy: bool) {
        self.horizontals[usize::from(heavy)].push((y, from, to));
    }

    pub(super) fn vertical(&mut self, x: i32, from: i32, to: i32, heavy: bool) {
        self.verticals[usize::from(heavy)].push((x, from, to));
    }

    /// A line from an edge, around a corner, to another edge.
    pub(super) fn curve(&mut self, from: (i32, i32), corner: (i32, i32), to: (i32, i32)) {
        const RADIUS: i32 = 45;
        let near = from.1 + (corner.1 - from.1).signum() * ((corner.1 - from.1).abs() - RADIUS);
        let far = corner.0 + (to.0 - corner.0).signum() * RADIUS.min((to.0 - corner.0).abs());
        write!(
            self.curves,
            "M{} {}V{}Q{} {} {} {}H{}",
            px(from.0),
            px(from.1),
            px(near),
            px(corner.0),
            px(corner.1),
            px(far),
            px(corner.1),
            px(to.0)
        )
        .ok();
    }

    /// A straight line at any angle.
    pub(super) fn slope(&mut self, from: (i32, i32), to: (i32, i32)) {
        write!(self.curves, "M{} {}L{} {}", px(from.0), px(from.1), px(to.0), px(to.1)).ok();
    }

    pub(super) fn dot(&mut self, x: i32, y: i32) {
        self.dots.push((x, y));
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The shapes as elements.
    pub(super) fn svg(&self, colour: &str) -> String {
        let mut svg = String::new();
        filled(&mut svg, colour, "", &self.rects);
        for (shades, opacity) in self.shades.iter().zip([".25", ".5", ".75"]) {
            filled(&mut svg, colour, &format!(" fill-opacity=\"{opacity}\""), shades);
        }
        for (heavy, width) in [(0, "1"), (1, "2.4")] {
            let mut path = String::new();
            for (y, from, to) in joined(&self.horizontals[heavy]) {
                write!(path, "M{} {}H{}", px(from), px(y), px(to)).ok();
            }
            for (x, from, to) in joined(&self.verticals[heavy]) {
                write!(path, "M{} {}V{}", px(x), px(from), px(to)).ok();
            }
            if heavy == 0 {
                path.push_str(&self.curves);
            }
            stroked(&mut svg, colour, width, "", &path);
        }
        let mut dots = self.dots.clone();
        dots.sort_unstable_by_key(|&(x, y)| (y, x));
        let mut path = String::new();
        for (x, y) in dots {
            write!(path, "M{} {}h.01", px(x), px(y)).ok();
        }
        stroked(&mut svg, colour, "2.6", " stroke-linecap=\"round\"", &path);
        svg
    }
}

fn filled(svg: &mut String, colour: &str, more: &str, rects: &[Rect]) {
    if rects.is_empty() {
        return;
    }
    let mut path = String::new();
    for Rect { x, y, width, height } in merged(rects) {
        let (wide, high) = (px(width), px(height));
        write!(path, "M{} {}h{wide}v{high}h-{wide}z", px(x), px(y)).ok();
    }
    writeln!(svg, "<path fill=\"{colour}\"{more} shape-rendering=\"crispEdges\" d=\"{path}\"/>")
        .ok();
}

fn stroked(svg: &mut String, colour: &str, width: &str, more: &str, path: &str) {
    if path.is_empty() {
        return;
    }
    writeln!(
        svg,
        "<path fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{more} d=\"{path}\"/>"
    )
    .ok();
}

/// Pieces of lines that touch, as one.
fn joined(pieces: &[(i32, i32, i32)]) -> Vec<(i32, i32, i32)> {
    let mut sorted = pieces.to_vec();
    sorted.sort_unstable();
    let mut lines: Vec<(i32, i32, i32)> = Vec::new();
    for (at, from, to) in sorted {
        match lines.last_mut() {
            Some(last) if last.0 == at && from <= last.2 => last.2 = last.2.max(to),
            _ => lines.push((at, from, to)),
        }
    }
    lines
}

/// Rectangles side by side as one, then those above one another.
pub(super) fn merged(rects: &[Rect]) -> Vec<Rect> {
    let mut sorted = rects.to_vec();
    sorted.sort_unstable();
    let mut rows: Vec<Rect> = Vec::new();
    for rect in sorted {
        match rows.last_mut() {
            Some(last)
                if (last.y, last.height) == (rect.y, rect.height)
                    && last.x + last.width == rect.x =>
            {
                last.width += rect.width;
            }
            _ => rows.push(rect),
        }
    }
    rows.sort_unstable_by_key(|rect| (rect.x, rect.width, rect.y));
    let mut whole: Vec<Rect> = Vec::new();
    for rect in rows {
        match whole.last_mut() {
            Some(last)
                if (last.x, last.width) == (rect.x, rect.width)
                    && last.y + last.height == rect.y =>
            {
                last.height += rect.height;
            }
            _ => whole.push(rect),
        }
    }
    whole.sort_unstable();
    whole
}

/// Tenths of a pixel as pixels.
pub(super) fn px(tenths: i32) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    let (whole, part) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
    match part {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_are_short() {
        assert_eq!([px(0), px(45), px(-15), px(160), px(-5)], ["0", "4.5", "-1.5", "16", "-0.5"]);
    }

    proptest! {
        #[test]
        fn merging_covers_the_same_and_nothing_twice(cells in proptest::collection::btree_set((0..8, 0..8), 0..40)) {
            let rects: Vec<Rect> =
                cells.iter().map(|&(x, y)| Rect { y, height: 1, x, width: 1 }).collect();
            let mut covered = BTreeSet::new();
            for rect in merged(&rects) {
                for y in rect.y..rect.y + rect.height {
                    for x in rect.x..rect.x + rect.width {
                        prop_assert!(covered.insert((x, y)), "covered twice");
                    }
                }
            }
            prop_assert_eq!(covered, cells);
        }
    }
}
