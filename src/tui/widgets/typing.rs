//! One line of text under the user's fingers: which keys edit it, and how it is drawn where it does
//! not fit. The filter and the form share it, so that typing feels the same everywhere.

use crate::tui::text;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use tui_input::{Input, InputRequest};
use unicode_segmentation::UnicodeSegmentation;

/// Characters that one line takes; what is typed or pasted beyond them is refused.
pub const LONGEST: usize = 64 * 1024;

/// Edits the line when the key is one that edits, as in a shell: Ctrl-A, Ctrl-E, Ctrl-W, Ctrl-U,
/// Ctrl-K, Alt-B and Alt-F too. Says whether it was.
pub fn edit(input: &mut Input, key: KeyEvent) -> bool {
    let Some(request) = request(key) else { return false };
    if matches!(request, InputRequest::InsertChar(_)) && input.value().len() >= LONGEST {
        return true;
    }
    input.handle(request);
    true
}

fn request(key: KeyEvent) -> Option<InputRequest> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    Some(match key.code {
        KeyCode::Left if control || alt => InputRequest::GoToPrevWord,
        KeyCode::Right if control || alt => InputRequest::GoToNextWord,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        KeyCode::Backspace if control || alt => InputRequest::DeletePrevWord,
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        KeyCode::Char('a') if control => InputRequest::GoToStart,
        KeyCode::Char('e') if control => InputRequest::GoToEnd,
        KeyCode::Char('h') if control => InputRequest::DeletePrevChar,
        KeyCode::Char('w') if control => InputRequest::DeletePrevWord,
        KeyCode::Char('u') if control => InputRequest::DeleteFromStart,
        KeyCode::Char('k') if control => InputRequest::DeleteTillEnd,
        KeyCode::Char('b') if alt => InputRequest::GoToPrevWord,
        KeyCode::Char('f') if alt => InputRequest::GoToNextWord,
        KeyCode::Char('d') if alt => InputRequest::DeleteNextWord,
        KeyCode::Char(char) if !control && !alt && !char.is_control() => {
            InputRequest::InsertChar(char)
        }
        _ => return None,
    })
}

/// Inserts what was pasted, up to [`LONGEST`]; line ends and other control characters are kept out.
pub fn paste(input: &mut Input, pasted: &str) {
    let room = LONGEST.saturating_sub(input.value().len());
    let typed: String = pasted.chars().filter(|char| !char.is_control()).take(room).collect();
    let value = input.value();
    let at = value.char_indices().nth(input.cursor()).map_or(value.len(), |(at, _)| at);
    let cursor = input.cursor() + typed.chars().count();
    let joined = format!("{}{typed}{}", &value[..at], &value[at..]);
    *input = Input::new(joined).with_cursor(cursor);
}

/// Draws the line on the first row of the area, moved so that the cursor is seen. Without `focused`
/// its beginning is shown and there is no cursor. Returns the columns used.
pub fn draw(input: &Input, buf: &mut Buffer, area: Rect, style: Style, focused: bool) -> u16 {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return 0;
    }
    let value = input.value();
    if !focused {
        // Nothing beyond the area can be seen, however long the value is.
        let shown: String = value.chars().take(usize::from(area.width) * 4).collect();
        let cut = text::fit(&text::clean(&shown), usize::from(area.width)).into_owned();
        return buf.set_stringn(area.x, area.y, cut, usize::from(area.width), style).0 - area.x;
    }
    let at = value.char_indices().nth(input.cursor()).map_or(value.len(), |(at, _)| at);
    let mut column = 0_usize;
    let mut cells: Vec<(usize, String, bool)> = Vec::new();
    let mut cursor = None;
    for (start, grapheme) in value.grapheme_indices(true) {
        let under = cursor.is_none() && at < start + grapheme.len();
        if under {
            cursor = Some(column);
        }
        let cleaned = text::clean(grapheme).into_owned();
        let wide = text::width(&cleaned);
        cells.push((column, cleaned, under));
        column += wide;
    }
    let width = usize::from(area.width);
    let cursor_at = cursor.unwrap_or(column);
    if cursor.is_none() {
        cells.push((column, " ".to_owned(), true));
    }
    let skip = (cursor_at + 1).saturating_sub(width);
    let mut used = 0;
    for (column, cell, under) in cells {
        let wide = text::width(&cell);
        if column < skip || column + wide - skip > width {
            continue;
        }
        let style = if under { style.add_modifier(Modifier::REVERSED) } else { style };
        let x = area.x + u16::try_from(column - skip).unwrap_or(0);
        buf.set_stringn(x, area.y, &cell, width, style);
        used = column + wide - skip;
    }
    u16::try_from(used).unwrap_or(area.width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn press(input: &mut Input, code: KeyCode, modifiers: KeyModifiers) -> bool {
        edit(input, KeyEvent::new(code, modifiers))
    }

    fn drawn(input: &Input, width: u16) -> String {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 1));
        let area = buf.area;
        draw(input, &mut buf, area, Style::new(), true);
        buf.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn shell_keys_edit() {
        let mut input = Input::new("deploy iris live".to_owned());
        assert!(press(&mut input, KeyCode::Char('w'), KeyModifiers::CONTROL));
        assert_eq!(input.value(), "deploy iris ");
        press(&mut input, KeyCode::Char('a'), KeyModifiers::CONTROL);
        press(&mut input, KeyCode::Char('x'), KeyModifiers::NONE);
        assert_eq!(input.value(), "xdeploy iris ");
        press(&mut input, KeyCode::Char('k'), KeyModifiers::CONTROL);
        assert_eq!(input.value(), "x");
        assert!(!press(&mut input, KeyCode::Tab, KeyModifiers::NONE));
        assert!(!press(&mut input, KeyCode::Char('s'), KeyModifiers::CONTROL));
    }

    #[test]
    fn a_paste_goes_in_at_the_cursor_without_line_ends() {
        let mut input = Input::new("ad".to_owned()).with_cursor(1);
        paste(&mut input, "b\nc\u{1b}");
        assert_eq!((input.value(), input.cursor()), ("abcd", 3));
    }

    #[test]
    fn the_cursor_stays_in_view() {
        assert_eq!(drawn(&Input::new("0123456789".to_owned()), 5), "6789 ");
        assert_eq!(drawn(&Input::new("0123456789".to_owned()).with_cursor(0), 5), "01234");
        assert_eq!(drawn(&Input::new("ab".to_owned()), 5), "ab   ");
    }

    proptest! {
        #[test]
        fn any_value_draws_at_any_width(value in any::<String>(), cursor in 0_usize..40, width in 0_u16..12) {
            drawn(&Input::new(value).with_cursor(cursor), width);
        }
    }
}
