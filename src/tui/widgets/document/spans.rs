//! Pieces of a row and how they are put on the screen.

use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::widgets::filter::Filter;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::borrow::Cow;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation;

/// What a piece is, for its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Text,
    Faint,
    Member,
    String,
    Number,
    Keyword,
    Comment,
}

/// A piece of a row, as it would be copied; it is cleaned when it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) text: Cow<'static, str>,
    role: Role,
}

impl Span {
    pub(super) fn new(text: impl Into<String>, role: Role) -> Self {
        Self { text: Cow::Owned(text.into()), role }
    }
}

impl Role {
    fn style(self, theme: &Theme) -> Style {
        match self {
            Self::Text => theme.text,
            Self::Faint => theme.dim,
            Self::Member => theme.member,
            Self::String => theme.string,
            Self::Number => theme.number,
            Self::Keyword => theme.keyword,
            Self::Comment => theme.comment,
        }
    }

    /// Whether a search looks at it.
    fn is_content(self) -> bool {
        !matches!(self, Self::Faint | Self::Comment)
    }
}

/// Draws the pieces on one row, without the first `pan` columns.
pub(super) fn draw(
    spans: &[Span],
    buf: &mut Buffer,
    row: Rect,
    pan: usize,
    search: Option<&Filter>,
    theme: &Theme,
) {
    let width = usize::from(row.width);
    let mut column = 0;
    for span in spans {
        let style = span.role.style(theme);
        let found = search.filter(|_| span.role.is_content());
        let found: Vec<Range<usize>> =
            found.and_then(|filter| filter.matches(&span.text)).unwrap_or_default();
        if found.is_empty() && span.text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            // What most rows are needs no look at graphemes.
            let from = pan.saturating_sub(column).min(span.text.len());
            let place = (column + from).saturating_sub(pan);
            if place < width {
                let end = span.text.len().min(from + width - place);
                let x = row.x + u16::try_from(place).unwrap_or(0);
                for (x, byte) in (x..).zip(span.text.as_bytes()[from..end].iter()) {
                    if let Some(cell) = buf.cell_mut((x, row.y)) {
                        cell.set_char(char::from(*byte)).set_style(style);
                    }
                }
            }
            column += span.text.len();
            continue;
        }
        for (at, grapheme) in span.text.grapheme_indices(true) {
            let shown = text::clean(grapheme);
            let wide = text::width(&shown);
            if column >= pan + width {
                return;
            }
            if column >= pan {
                let lit = found.iter().any(|range| range.contains(&at));
                let style = if lit { style.patch(theme.found) } else { style };
                let place = column - pan;
                let x = row.x + u16::try_from(place).unwrap_or(0);
                buf.set_stringn(x, row.y, &shown, width - place, style);
            }
            column += wide;
        }
    }
}
