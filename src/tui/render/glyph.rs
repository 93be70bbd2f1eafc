//! Characters that pictures are made of, as shapes.
//!
//! Lines, blocks and Braille must meet at the edges of cells; what fonts make of them rarely does, and
//! no two browsers have the same font.

use super::ink::Ink;

/// A cell's size in tenths of a pixel: eighths of it are whole.
pub(super) const WIDTH: i32 = 80;
pub(super) const HEIGHT: i32 = 160;

/// The middle of a cell, half a pixel off so that a thin line fills one.
const MIDDLE: (i32, i32) = (45, 85);

/// Half of the distance between the two lines of a double one.
const APART: i32 = 15;

/// Half of a line's width: so far lines reach past the middle, or corners would have a notch.
const CORNER: i32 = 5;
const HEAVY_CORNER: i32 = 12;

/// Draws the character at that cell's corner; false when it is for a font.
pub(super) fn draw(char: char, x: i32, y: i32, ink: &mut Ink) -> bool {
    match char {
        '\u{2500}'..='\u{257f}' => line(char, x, y, ink),
        '\u{2580}'..='\u{259f}' => block(char, x, y, ink),
        '\u{2800}'..='\u{28ff}' => {
            braille(u32::from(char) - 0x2800, x, y, ink);
            true
        }
        '\u{1fb00}'..='\u{1fb3b}' => {
            sextant(u32::from(char) - 0x1fb00, x, y, ink);
            true
        }
        _ => false,
    }
}

/// Dots 1, 2, 3 and 7 down the left side, 4, 5, 6 and 8 down the right.
fn braille(bits: u32, x: i32, y: i32, ink: &mut Ink) {
    const PLACES: [(i32, i32); 8] =
        [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
    for (bit, (column, row)) in PLACES.into_iter().enumerate() {
        if bits >> bit & 1 == 1 {
            ink.dot(x + 20 + 40 * column, y + 20 + 40 * row);
        }
    }
}

/// Two columns by three rows; those that are blocks already (none, left, right, all) have no place
/// among them.
fn sextant(index: u32, x: i32, y: i32, ink: &mut Ink) {
    let mut bits = index + 1;
    bits += u32::from(bits >= 0b01_0101);
    bits += u32::from(bits >= 0b10_1010);
    const ROWS: [(i32, i32); 3] = [(0, 50), (50, 60), (110, 50)];
    for bit in 0..6 {
        if bits >> bit & 1 == 1 {
            let (top, height) = ROWS[bit / 2];
            let left = if bit % 2 == 0 { 0 } else { WIDTH / 2 };
            ink.rect(x + left, y + top, WIDTH / 2, height);
        }
    }
}

fn block(char: char, x: i32, y: i32, ink: &mut Ink) -> bool {
    let (wide, high) = (WIDTH / 8, HEIGHT / 8);
    let mut quadrants = |bits: u32| {
        for bit in 0..4 {
            if bits >> bit & 1 == 1 {
                let (column, row) = (bit % 2, bit / 2);
                ink.rect(x + column * WIDTH / 2, y + row * HEIGHT / 2, WIDTH / 2, HEIGHT / 2);
            }
        }
    };
    let code = u32::from(char) as i32;
    match char {
        '▀' => ink.rect(x, y, WIDTH, HEIGHT / 2),
        '▁'..='█' => {
            let eighths = code - 0x2580;
            ink.rect(x, y + HEIGHT - eighths * high, WIDTH, eighths * high);
        }
        '▉'..='▏' => ink.rect(x, y, (0x2590 - code) * wide, HEIGHT),
        '▐' => ink.rect(x + WIDTH / 2, y, WIDTH / 2, HEIGHT),
        '░' | '▒' | '▓' => ink.shade(x, y, WIDTH, HEIGHT, (code - 0x2590) as usize - 1),
        '▔' => ink.rect(x, y, WIDTH, high),
        '▕' => ink.rect(x + WIDTH - wide, y, wide, HEIGHT),
        // Bits: upper left, upper right, lower left, lower right.
        '▖' => quadrants(0b0100),
        '▗' => quadrants(0b1000),
        '▘' => quadrants(0b0001),
        '▙' => quadrants(0b1101),
        '▚' => quadrants(0b1001),
        '▛' => quadrants(0b0111),
        '▜' => quadrants(0b1011),
        '▝' => quadrants(0b0010),
        '▞' => quadrants(0b0110),
        '▟' => quadrants(0b1110),
        _ => return false,
    }
    true
}

/// How heavy the arms of U+2500 to U+257F are, two bits each for left, right, up and down: 0 none, 1
/// light, 2 heavy, 3 double. Made from the characters' names.
const ARMS: [u8; 128] = [
    0x05, 0x0a, 0x50, 0xa0, 0x05, 0x0a, 0x50, 0xa0, 0x05, 0x0a, 0x50, 0xa0, 0x44, 0x48, 0x84, 0x88,
    0x41, 0x42, 0x81, 0x82, 0x14, 0x18, 0x24, 0x28, 0x11, 0x12, 0x21, 0x22, 0x54, 0x58, 0x64, 0x94,
    0xa4, 0x68, 0x98, 0xa8, 0x51, 0x52, 0x61, 0x91, 0xa1, 0x62, 0x92, 0xa2, 0x45, 0x46, 0x49, 0x4a,
    0x85, 0x86, 0x89, 0x8a, 0x15, 0x16, 0x19, 0x1a, 0x25, 0x26, 0x29, 0x2a, 0x55, 0x56, 0x59, 0x5a,
    0x65, 0x95, 0xa5, 0x66, 0x69, 0x96, 0x99, 0x6a, 0x9a, 0xa6, 0xa9, 0xaa, 0x05, 0x0a, 0x50, 0xa0,
    0x0f, 0xf0, 0x4c, 0xc4, 0xcc, 0x43, 0xc1, 0xc3, 0x1c, 0x34, 0x3c, 0x13, 0x31, 0x33, 0x5c, 0xf4,
    0xfc, 0x53, 0xf1, 0xf3, 0x4f, 0xc5, 0xcf, 0x1f, 0x35, 0x3f, 0x5f, 0xf5, 0xff, 0x44, 0x41, 0x11,
    0x14, 0x00, 0x00, 0x00, 0x01, 0x10, 0x04, 0x40, 0x02, 0x20, 0x08, 0x80, 0x09, 0x90, 0x06, 0x60,
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    None,
    Light,
    Heavy,
    Double,
}

/// The arms of a line character.
struct Arms {
    left: Weight,
    right: Weight,
    up: Weight,
    down: Weight,
}

impl Arms {
    fn of(char: char) -> Self {
        let index = (u32::from(char) - 0x2500) as usize;
        let bits = ARMS.get(index).copied().unwrap_or(0);
        let weight = |shift: u8| match bits >> shift & 3 {
            0 => Weight::None,
            1 => Weight::Light,
            2 => Weight::Heavy,
            _ => Weight::Double,
        };
        Self { left: weight(0), right: weight(2), up: weight(4), down: weight(6) }
    }
}

fn line(char: char, x: i32, y: i32, ink: &mut Ink) -> bool {
    let (cx, cy) = (x + MIDDLE.0, y + MIDDLE.1);
    let (right, bottom) = (x + WIDTH, y + HEIGHT);
    match char {
        '╭' => ink.curve((cx, bottom), (cx, cy), (right, cy)),
        '╮' => ink.curve((cx, bottom), (cx, cy), (x, cy)),
        '╯' => ink.curve((cx, y), (cx, cy), (x, cy)),
        '╰' => ink.curve((cx, y), (cx, cy), (right, cy)),
        '╱' => ink.slope((x, bottom), (right, y)),
        '╲' => ink.slope((x, y), (right, bottom)),
        '╳' => {
            ink.slope((x, bottom), (right, y));
            ink.slope((x, y), (right, bottom));
        }
        '┄'..='┇' => dashes(char, 3, x, y, ink),
        '┈'..='┋' => dashes(char, 4, x, y, ink),
        '╌'..='╏' => dashes(char, 2, x, y, ink),
        _ => {
            let arms = Arms::of(char);
            horizontal(&arms, x, cy, ink);
            vertical(&arms, cx, y, ink);
        }
    }
    true
}

fn dashes(char: char, count: i32, x: i32, y: i32, ink: &mut Ink) {
    let arms = Arms::of(char);
    for dash in 0..count {
        // Six tenths line, four tenths gap.
        let part =
            |length: i32| (length * (dash * 10 + 2) / (count * 10), length * 6 / (count * 10));
        if arms.left == Weight::None {
            let (from, length) = part(HEIGHT);
            ink.vertical(x + MIDDLE.0, y + from, y + from + length, arms.up == Weight::Heavy);
        } else {
            let (from, length) = part(WIDTH);
            ink.horizontal(y + MIDDLE.1, x + from, x + from + length, arms.left == Weight::Heavy);
        }
    }
}

/// Where an arm begins, from the middle outwards, on the line at one side of it: `near` is the arm
/// across on that side, `far` the one on the other side, `on` the arm that goes on behind the middle.
fn begin(near: Weight, far: Weight, on: Weight) -> i32 {
    match (near, far) {
        (Weight::Double, _) => APART,
        (Weight::None, Weight::Double) if on == Weight::None => -APART,
        _ => 0,
    }
}

/// Where a single arm begins that meets a double line across.
fn begin_single(one: Weight, other: Weight, on: Weight) -> i32 {
    match (one == Weight::Double, other == Weight::Double) {
        (true, true) if on == Weight::None => APART,
        (false, false) | (true, true) => 0,
        // A corner: it reaches to the outer of the two lines.
        _ => -APART,
    }
}

fn horizontal(arms: &Arms, x: i32, cy: i32, ink: &mut Ink) {
    let cx = x + MIDDLE.0;
    let sides = [(arms.left, arms.right, -1, x), (arms.right, arms.left, 1, x + WIDTH)];
    for (arm, on, direction, end) in sides {
        match arm {
            Weight::None => {}
            Weight::Double => {
                for (offset, near, far) in
                    [(-APART, arms.up, arms.down), (APART, arms.down, arms.up)]
                {
                    let start = cx + direction * (begin(near, far, on) - CORNER);
                    ink.horizontal(cy + offset, start.min(end), start.max(end), false);
                }
            }
            single => {
                let heavy = single == Weight::Heavy;
                let corner = if heavy { HEAVY_CORNER } else { CORNER };
                let start = cx + direction * (begin_single(arms.up, arms.down, on) - corner);
                ink.horizontal(cy, start.min(end), start.max(end), heavy);
            }
        }
    }
}

fn vertical(arms: &Arms, cx: i32, y: i32, ink: &mut Ink) {
    let cy = y + MIDDLE.1;
    let sides = [(arms.up, arms.down, -1, y), (arms.down, arms.up, 1, y + HEIGHT)];
    for (arm, on, direction, end) in sides {
        match arm {
            Weight::None => {}
            Weight::Double => {
                for (offset, near, far) in
                    [(-APART, arms.left, arms.right), (APART, arms.right, arms.left)]
                {
                    let start = cy + direction * (begin(near, far, on) - CORNER);
                    ink.vertical(cx + offset, start.min(end), start.max(end), false);
                }
            }
            single => {
                let heavy = single == Weight::Heavy;
                let corner = if heavy { HEAVY_CORNER } else { CORNER };
                let start = cy + direction * (begin_single(arms.left, arms.right, on) - corner);
                ink.vertical(cx, start.min(end), start.max(end), heavy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_block_and_dot_pattern_is_drawn() {
        for code in (0x2500..=0x259f).chain(0x2801..=0x28ff).chain(0x1fb00..=0x1fb3b) {
            let char = char::from_u32(code).unwrap();
            let mut ink = Ink::default();
            assert!(draw(char, 0, 0, &mut ink), "{char}");
            assert!(!ink.is_empty(), "{char} left nothing");
        }
        assert!(!draw('x', 0, 0, &mut Ink::default()));
        let mut blank = Ink::default();
        assert!(draw('\u{2800}', 0, 0, &mut blank) && blank.is_empty());
    }

    #[test]
    fn neighbours_meet_at_their_edge() {
        let mut ink = Ink::default();
        for (column, char) in "├──┤".chars().enumerate() {
            draw(char, column as i32 * WIDTH, 0, &mut ink);
        }
        let drawn = ink.svg("#fff");
        assert!(drawn.contains("M4 8.5H29"), "one line through: {drawn}");
    }

    #[test]
    fn blocks_that_touch_are_one() {
        let mut ink = Ink::default();
        for row in 0..3 {
            for column in 0..5 {
                draw('█', column * WIDTH, row * HEIGHT, &mut ink);
            }
        }
        assert_eq!(
            ink.svg("#fff"),
            "<path fill=\"#fff\" shape-rendering=\"crispEdges\" d=\"M0 0h40v48h-40z\"/>\n"
        );
    }

    #[test]
    fn sextants_leave_out_the_halves() {
        let rects = |char| {
            let mut ink = Ink::default();
            draw(char, 0, 0, &mut ink);
            ink.svg("#fff").matches('z').count()
        };
        assert_eq!((rects('🬀'), rects('🬓'), rects('🬔'), rects('🬻')), (1, 1, 2, 2));
    }
}
