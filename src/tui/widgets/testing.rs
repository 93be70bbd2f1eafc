//! What the tests of drawings share: every drawing at three sizes in two themes, as text and, at the
//! middle size, with its styles.

use crate::tui::text::width;
use crate::tui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const SIZES: [(u16, u16); 3] = [(24, 6), (60, 12), (120, 30)];

/// The characters of a buffer, without the spaces at the ends of lines.
pub(super) fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut line = String::new();
        let mut x = buffer.area.left();
        while x < buffer.area.right() {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += width(symbol).max(1) as u16;
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Compares a drawing with its snapshots.
pub(super) fn snapshots(name: &str, draw: impl Fn(Rect, &mut Buffer, &Theme)) {
    for theme in ["dark", "plain"] {
        let mut all = String::new();
        for (columns, rows) in SIZES {
            let area = Rect::new(0, 0, columns, rows);
            let mut buffer = Buffer::empty(area);
            draw(area, &mut buffer, Theme::named(theme).unwrap());
            all.push_str(&format!("{columns}×{rows}\n{}\n", text(&buffer)));
            if columns == 60 {
                insta::assert_debug_snapshot!(format!("{name}_{theme}_styled"), buffer);
            }
        }
        insta::assert_snapshot!(format!("{name}_{theme}"), all);
    }
}

/// Draws at awkward sizes, outside of the buffer too; it must not panic and must stay in its area.
pub(super) fn survives_any_size(draw: impl Fn(Rect, &mut Buffer, &Theme)) {
    let lengths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 21, 40, 100, 300];
    for columns in lengths {
        for rows in lengths.iter().copied().filter(|rows| *rows <= 100) {
            let frame = Rect::new(0, 0, columns + 2, rows + 2);
            let mut buffer = Buffer::empty(frame);
            let area = Rect::new(1, 1, columns, rows);
            for theme in ["dark", "plain"] {
                draw(area, &mut buffer, Theme::named(theme).unwrap());
            }
            for y in 0..frame.height {
                for x in 0..frame.width {
                    let inside = area.contains((x, y).into());
                    assert!(inside || buffer[(x, y)].symbol() == " ", "{columns}×{rows}: {x},{y}");
                }
            }
            let mut small = Buffer::empty(Rect::new(0, 0, columns / 2, rows / 2));
            draw(area, &mut small, Theme::named("dark").unwrap());
        }
    }
}
