//! A frame as a picture of a terminal window.
//!
//! Text is text, each run told its width so that any monospace font lands on the grid; everything that
//! draws lines, bars and curves is drawn as shapes (see `glyph`).

use super::glyph::{self, HEIGHT, WIDTH};
use super::ink::{Ink, Rect, merged, px};
use super::look::{Look, Paint, hex, mix};
use super::{columns, rows, symbol, visible};
use crate::tui::colour::Rgb;
use crate::tui::text;
use ratatui::buffer::Buffer;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Around the cells, in tenths of a pixel.
const PADDING: i32 = 120;
/// The window's bar above them.
const BAR: i32 = 320;
/// From a cell's top to the line that letters stand on.
const BASELINE: i32 = 120;

const FONTS: &str =
    "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";

/// Letters of one kind are written together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Letters {
    colour: Rgb,
    bold: bool,
    italic: bool,
}

/// One piece of text on the grid.
struct Run {
    letters: Letters,
    x: i32,
    y: i32,
    columns: usize,
    text: String,
}

/// Everything that the cells show, sorted by how it is drawn.
#[derive(Default)]
struct Drawing {
    backgrounds: BTreeMap<Rgb, Vec<Rect>>,
    inks: BTreeMap<Rgb, Ink>,
    texts: BTreeMap<Letters, String>,
    open: Option<Run>,
}

/// The frame in a window with that title.
pub fn svg(buffer: &Buffer, look: &Look, title: &str) -> String {
    let mut drawing = Drawing::default();
    for (y, row) in rows(buffer).enumerate() {
        for (x, cell) in visible(row) {
            let wide = columns(cell).min(row.len() - x);
            drawing.cell(
                grid(x, WIDTH),
                grid(y, HEIGHT),
                wide,
                &symbol(cell),
                look.paint(cell),
                look,
            );
        }
        drawing.close();
    }
    let width = grid(usize::from(buffer.area.width), WIDTH) + 2 * PADDING;
    let height = grid(usize::from(buffer.area.height), HEIGHT) + BAR + PADDING;
    let mut svg = window(width, height, look, title);
    drawing.write(&mut svg);
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn grid(count: usize, size: i32) -> i32 {
    i32::try_from(count).unwrap_or(0).saturating_mul(size)
}

/// The window around the cells; its last element is open, and takes them.
fn window(width: i32, height: i32, look: &Look, title: &str) -> String {
    let title = escape(&text::clean(title));
    let (wide, high) = (px(width), px(height));
    let background = hex(look.background);
    let bar = hex(mix(look.background, look.foreground, 10));
    let edge = hex(mix(look.background, look.foreground, 25));
    let faint = hex(mix(look.foreground, look.background, 35));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{high}\" \
         viewBox=\"0 0 {wide} {high}\" role=\"img\" font-family=\"{FONTS}\" font-size=\"13.29\">\n\
         <title>{title}</title>\n\
         <rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"{background}\" stroke=\"{edge}\"/>\n\
         <path fill=\"{bar}\" d=\"M1 24V8.5A7.5 7.5 0 0 1 8.5 1H{}a7.5 7.5 0 0 1 7.5 7.5V24z\"/>\n",
        px(width - 10),
        px(height - 10),
        px(width - 85),
    );
    for (place, colour) in [(160, "#e06c5f"), (320, "#e0b25b"), (480, "#8fc97f")] {
        writeln!(svg, "<circle cx=\"{}\" cy=\"12.5\" r=\"4.5\" fill=\"{colour}\"/>", px(place))
            .ok();
    }
    // A title that would run into the buttons is left to the element above.
    if grid(text::width(&title), WIDTH) + 1400 < width {
        writeln!(
            svg,
            "<text x=\"{}\" y=\"16.5\" text-anchor=\"middle\" font-size=\"12\" fill=\"{faint}\">{title}</text>",
            px(width / 2)
        )
        .ok();
    }
    writeln!(svg, "<g transform=\"translate({},{})\">", px(PADDING), px(BAR)).ok();
    svg
}

impl Drawing {
    fn cell(&mut self, x: i32, y: i32, wide: usize, symbol: &str, paint: Paint, look: &Look) {
        let width = grid(wide, WIDTH);
        if paint.background != look.background {
            let rect = Rect { y, height: HEIGHT, x, width };
            self.backgrounds.entry(paint.background).or_default().push(rect);
        }
        if paint.underlined || paint.crossed_out {
            let ink = self.inks.entry(paint.foreground).or_default();
            for (drawn, line) in [(paint.underlined, y + 145), (paint.crossed_out, y + 85)] {
                if drawn {
                    ink.horizontal(line, x, x + width, false);
                }
            }
        }
        if paint.hidden {
            return self.close();
        }
        let mut chars = symbol.chars();
        if let (Some(only), None) = (chars.next(), chars.next()) {
            let ink = self.inks.entry(paint.foreground).or_default();
            if glyph::draw(only, x, y, ink) {
                return self.close();
            }
        }
        let letters = Letters { colour: paint.foreground, bold: paint.bold, italic: paint.italic };
        self.letter(Run { letters, x, y, columns: wide, text: symbol.to_owned() });
    }

    /// Adds to the run that is open, or opens another. Only letters that every monospace font has
    /// share a run; of others none knows how wide they come out.
    fn letter(&mut self, next: Run) {
        if next.text == " " {
            match &mut self.open {
                // Two spaces end a run: readers of XML make one of them.
                Some(open) if open.letters == next.letters && !open.text.ends_with(' ') => {
                    open.text.push(' ');
                    open.columns += 1;
                }
                _ => self.close(),
            }
            return;
        }
        let common = next.columns == 1 && next.text.chars().all(|char| char < '\u{500}');
        if let Some(open) = &mut self.open
            && common
            && open.letters == next.letters
        {
            open.text.push_str(&next.text);
            open.columns += 1;
            return;
        }
        self.close();
        self.open = Some(next);
        if !common {
            self.close();
        }
    }

    fn close(&mut self) {
        let Some(mut run) = self.open.take() else { return };
        let trimmed = run.text.trim_end_matches(' ').len();
        run.columns -= run.text.len() - trimmed;
        run.text.truncate(trimmed);
        let texts = self.texts.entry(run.letters).or_default();
        write!(texts, "<text x=\"{}\" y=\"{}\"", px(run.x), px(run.y + BASELINE)).ok();
        let ascii = run.text.is_ascii();
        if run.columns > 1 || !ascii {
            write!(texts, " textLength=\"{}\"", px(grid(run.columns, WIDTH))).ok();
        }
        // A single character of another font is made as wide as its cell.
        if !ascii {
            texts.push_str(" lengthAdjust=\"spacingAndGlyphs\"");
        }
        writeln!(texts, ">{}</text>", escape(&run.text)).ok();
    }

    fn write(&self, svg: &mut String) {
        for (colour, rects) in &self.backgrounds {
            let mut ink = Ink::default();
            for rect in merged(rects) {
                ink.rect(rect.x, rect.y, rect.width, rect.height);
            }
            svg.push_str(&ink.svg(&hex(*colour)));
        }
        for (colour, ink) in &self.inks {
            svg.push_str(&ink.svg(&hex(*colour)));
        }
        for (letters, texts) in &self.texts {
            let weight = if letters.bold { " font-weight=\"700\"" } else { "" };
            let style = if letters.italic { " font-style=\"italic\"" } else { "" };
            let colour = hex(letters.colour);
            writeln!(svg, "<g fill=\"{colour}\"{weight}{style}>\n{texts}</g>").ok();
        }
    }
}

/// The text as XML takes it; characters that XML has no way to write are replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            char if char.is_control() => escaped.push('\u{fffd}'),
            char => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::render::tests::sample;
    use crate::tui::theme::{THEMES, Theme};
    use ratatui::layout::Rect as Area;
    use ratatui::style::{Color, Style};

    fn picture(name: &str) -> String {
        let theme = Theme::named(name).unwrap();
        svg(&sample(theme), &Look::of(theme), "sagebrush — iris")
    }

    #[test]
    fn a_picture_is_what_it_was() {
        insta::assert_snapshot!("dark", picture("dark"));
        insta::assert_snapshot!("light", picture("light"));
    }

    #[test]
    fn pictures_are_xml_and_small() {
        for theme in &THEMES {
            let picture = picture(theme.name);
            let mut reader = quick_xml::Reader::from_str(&picture);
            let mut depth = 0;
            loop {
                match reader.read_event().unwrap() {
                    quick_xml::events::Event::Start(_) => depth += 1,
                    quick_xml::events::Event::End(_) => depth -= 1,
                    quick_xml::events::Event::Eof => break,
                    _ => {}
                }
            }
            assert_eq!(depth, 0);
            assert!(picture.len() < 24_000, "{} bytes", picture.len());
        }
    }

    #[test]
    fn text_is_escaped_and_placed_on_the_grid() {
        let mut buffer = Buffer::empty(Area::new(0, 0, 24, 2));
        buffer.set_string(2, 1, "<a> & b  日本 ✔", Style::new());
        buffer.set_style(Area::new(0, 0, 10, 2), Style::new().bg(Color::Rgb(1, 2, 3)));
        let drawn = svg(&buffer, &Look::of(&THEMES[0]), "<title>\u{7}");
        assert!(
            drawn.contains("<text x=\"16\" y=\"28\" textLength=\"56\">&lt;a&gt; &amp; b</text>"),
            "{drawn}"
        );
        assert!(
            drawn.contains(
                "x=\"88\" y=\"28\" textLength=\"16\" lengthAdjust=\"spacingAndGlyphs\">日"
            )
        );
        assert!(drawn.contains("<title>&lt;title&gt;␇</title>"));
        assert!(
            drawn.contains("fill=\"#010203\" shape-rendering=\"crispEdges\" d=\"M0 0h80v32h-80z\"")
        );
    }
}

#[cfg(test)]
mod look_at_it {
    /// Writes the sample in each theme to a folder, for looking at.
    #[test]
    #[ignore = "writes files for people: SAGEBRUSH_PICTURES=DIR cargo test --lib look_at_it -- --ignored"]
    fn pictures() {
        let folder = std::path::PathBuf::from(std::env::var_os("SAGEBRUSH_PICTURES").unwrap());
        for theme in &crate::tui::theme::THEMES {
            let buffer = crate::tui::render::tests::sample(theme);
            let drawn = super::svg(&buffer, &super::Look::of(theme), "sagebrush — iris ▸ Overview");
            std::fs::write(folder.join(format!("{}.svg", theme.name)), drawn).unwrap();
        }
    }
}
