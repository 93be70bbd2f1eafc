//! Drawing a form: names on the left, values beside them, what is wrong to the right, and below what
//! the field under the cursor takes.

use super::field::{Body, Field, Group, GroupKind};
use super::rows::{Part, Row, Stop};
use super::{Form, describe};
use crate::domain::words::counted;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::widgets::typing;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use tui_input::Input;

/// Choices that are listed at once.
const LISTED: u16 = 8;
/// Columns for a message beside a value, below which it is told in the help alone.
const MESSAGE: u16 = 16;

/// How a form's area is shared out.
#[derive(Clone, Copy)]
struct Layout {
    title: Rect,
    body: Rect,
    help: Rect,
    hints: Rect,
    /// Columns of names, marks and indentation included.
    names: u16,
}

impl Form {
    fn layout(&self, area: Rect, rows: &[Row]) -> Layout {
        let above = Self::above(area.height);
        let body_height = Self::body_height(area.height);
        let below = area.height - above - body_height;
        let hints = u16::from(below >= 3);
        let body = Rect { y: area.y + above, height: body_height, ..area };
        let longest =
            rows.iter().map(|row| row.indent() + self.label_width(row)).max().unwrap_or(0);
        let longest = u16::try_from(longest + 4).unwrap_or(u16::MAX);
        Layout {
            title: Rect { height: above, ..area },
            body,
            help: Rect { y: body.bottom(), height: below - hints, ..area },
            hints: Rect { y: area.bottom() - hints, height: hints, ..area },
            names: longest.clamp(12, 40).min(area.width * 2 / 5),
        }
    }

    const fn above(height: u16) -> u16 {
        if height >= 4 { 1 } else { 0 }
    }

    /// Rows for fields: the title takes one, help two and hints one, as far as there is room.
    pub(super) const fn body_height(height: u16) -> u16 {
        let below = match height {
            0..=4 => 0,
            5..=7 => 1,
            8..=11 => 2,
            _ => 3,
        };
        height - Self::above(height) - below
    }

    /// Draws the form without a border around it.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        buf.set_style(area, theme.text);
        let rows = self.rows();
        let layout = self.layout(area, &rows);
        self.draw_title(buf, layout.title, theme);
        let top = self.top_for(&rows, area.height);
        for (row, y) in rows.iter().skip(top).zip(layout.body.top()..layout.body.bottom()) {
            let line = Rect { y, height: 1, ..layout.body };
            self.draw_row(buf, row, line, layout.names, theme);
        }
        if rows.is_empty() && !layout.body.is_empty() {
            let told = "no members: ^S submits";
            let room = usize::from(area.width);
            buf.set_stringn(area.x, layout.body.y, told, room, theme.dim);
        }
        self.draw_help(buf, layout.help, theme);
        self.draw_hints(buf, layout.hints, theme);
        if let Some(list) = self.list_area(area) {
            self.draw_choices(buf, list, theme);
        }
    }

    fn draw_title(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        if area.is_empty() {
            return;
        }
        let width = usize::from(area.width);
        let (told, style) = match self.problems {
            0 => ("✔ complete".to_owned(), theme.good),
            left => (format!("{} left", counted(left as u64, "problem")), theme.warn),
        };
        let (x, _) = buf.set_stringn(area.x, area.y, self.operation.name, width, theme.title);
        let (x, _) = put(buf, x + 2, area, self.service.name, theme.dim);
        let at = area.right().saturating_sub(u16::try_from(text::width(&told)).unwrap_or(0));
        if at > x {
            put(buf, at, area, &told, style);
        }
    }

    fn draw_row(&self, buf: &mut Buffer, row: &Row, line: Rect, names: u16, theme: &Theme) {
        let Some(field) = self.root.at(&row.path) else { return };
        let here = row.has(&self.focus);
        if here {
            buf.set_style(line, theme.selected);
            put(buf, line.x, line, "▌", theme.key);
        }
        let indent = u16::try_from(row.indent()).unwrap_or(0);
        let name = Rect { width: names.saturating_sub(1), ..line };
        let x = line.x + 1 + indent;
        if row.adds {
            put(buf, x, line, &format!("+ add to {}", self.title_of(&row.path)), theme.dim);
            return;
        }
        let mark = match &field.body {
            Body::Group(group) if group.set && group.open => "▾",
            Body::Group(_) => "▸",
            _ => " ",
        };
        put(buf, x, name, mark, theme.dim);
        self.draw_name(
            buf,
            row,
            field,
            Rect { x: x + 2, width: name.right().saturating_sub(x + 2), ..name },
            theme,
        );
        let value = Rect { x: line.x + names, width: line.width.saturating_sub(names), ..line };
        if value.width > 0 {
            self.draw_value(buf, row, field, value, theme);
        }
    }

    fn draw_name(&self, buf: &mut Buffer, row: &Row, field: &Field, area: Rect, theme: &Theme) {
        if area.is_empty() {
            return;
        }
        if row.keyed {
            let typing = self.focus == Stop { path: row.path.clone(), part: Part::Key };
            let key = self.key_of(&row.path);
            match key.filter(|key| typing || !key.value().is_empty()) {
                Some(key) => drop(typing::draw(key, buf, area, theme.member, typing)),
                None => drop(put(buf, area.x, area, "key", theme.faint)),
            }
            return;
        }
        let mark = if field.required { "*" } else { "" };
        let room = usize::from(area.width) - mark.len();
        let label = text::fit(&self.label(row), room).into_owned();
        let style = if field.required { theme.accent } else { theme.text };
        let (x, _) = put(buf, area.x, area, &label, style);
        put(buf, x, area, mark, theme.warn);
    }

    fn draw_value(&self, buf: &mut Buffer, row: &Row, field: &Field, area: Rect, theme: &Theme) {
        let here = self.focus == Stop { path: row.path.clone(), part: Part::Value };
        let problem =
            field.problem.as_deref().filter(|_| field.touched || self.tried || !row.blank(field));
        let mut room = area;
        if let Some(problem) = problem {
            let message = area.width.saturating_sub(22).max(area.width / 2).min(60);
            if message >= MESSAGE {
                room.width -= message;
                let beside = Rect { x: room.right(), width: message, ..area };
                // The help says it in full.
                let told = problem.strip_prefix("Member must ").unwrap_or(problem);
                let told = format!("✖ {}", text::clean(told));
                let told = text::fit(&told, usize::from(message)).into_owned();
                put(buf, beside.x, beside, &told, theme.bad);
                room.width = room.width.saturating_sub(1);
            } else {
                room.width = room.width.saturating_sub(2);
                put(buf, area.right() - 1, area, "✖", theme.bad);
            }
        }
        match &field.body {
            Body::Text { input, blank } => {
                self.draw_text(buf, field, input, *blank, here, room, theme);
            }
            Body::Json(input) if input.value().is_empty() && !here => {
                put(buf, room.x, room, "JSON", theme.faint);
            }
            Body::Json(input) => drop(typing::draw(input, buf, room, theme.string, here)),
            Body::Switch(state) => {
                let (told, style) = match state {
                    None => ("○ not set", theme.faint),
                    Some(true) => ("● yes", theme.good),
                    Some(false) => ("○ no", theme.text),
                };
                put(buf, room.x, room, told, style);
            }
            Body::Group(group) if group.kind == GroupKind::Union && group.set => {
                let Some(chosen) = group.keys.first() else { return };
                if chosen.value().is_empty() && !here {
                    put(buf, room.x, room, "choose one", theme.faint);
                } else {
                    typing::draw(chosen, buf, room, theme.keyword, here);
                }
            }
            Body::Group(group) => {
                let (told, style) = summary(group, theme);
                put(buf, room.x, room, &told, style);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one cell with all that decides its look")]
    fn draw_text(
        &self,
        buf: &mut Buffer,
        field: &Field,
        input: &Input,
        blank: bool,
        here: bool,
        room: Rect,
        theme: &Theme,
    ) {
        let value = input.value();
        if value.is_empty() && (!here || blank) {
            let told = match field.shape {
                _ if blank => "\"\" (empty, but set)".to_owned(),
                Some(shape) if !field.required => describe::shape(self.service, shape),
                _ => "required".to_owned(),
            };
            let told = text::fit(&told, usize::from(room.width)).into_owned();
            put(buf, room.x, room, &told, theme.faint);
        } else if field.sensitive && !here {
            let hidden = "•".repeat(value.chars().count().min(usize::from(room.width)));
            put(buf, room.x, room, &hidden, theme.string);
        } else {
            let style = if self.is_number(field) { theme.number } else { theme.string };
            typing::draw(input, buf, room, style, here);
        }
    }

    fn draw_help(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        if area.is_empty() {
            return;
        }
        let width = usize::from(area.width);
        let problem = self.message.as_deref().map(|message| (message, theme.warn)).or_else(|| {
            let field = self
                .field()
                .filter(|field| self.focus.part != Part::Add && field.is_told(self.tried))?;
            field.problem.as_deref().map(|problem| (problem, theme.bad))
        });
        let fitted = |told: &str| text::fit(&text::clean(told), width).into_owned();
        let mut y = area.y;
        if area.height > 1 || problem.is_none() {
            buf.set_stringn(area.x, y, fitted(&self.help()), width, theme.dim);
            y += 1;
        }
        if let Some((told, style)) = problem
            && y < area.bottom()
        {
            buf.set_stringn(area.x, y, fitted(&format!("✖ {told}")), width, style);
        }
    }

    fn draw_hints(&self, buf: &mut Buffer, area: Rect, theme: &Theme) {
        if area.is_empty() {
            return;
        }
        let mut x = area.x;
        for (key, does) in self.hints() {
            let wide = u16::try_from(text::width(key) + text::width(does) + 3).unwrap_or(0);
            if x + wide > area.right() + 2 {
                break;
            }
            (x, _) = put(buf, x, area, key, theme.key);
            (x, _) = put(buf, x + 1, area, does, theme.dim);
            x += 2;
        }
    }
}

/// The list of choices.
impl Form {
    /// Where choices are listed: below the field, or above it where there is more room.
    fn list_area(&self, area: Rect) -> Option<Rect> {
        self.popup?;
        let rows = self.rows();
        let layout = self.layout(area, &rows);
        let top = self.top_for(&rows, area.height);
        let at = rows.iter().position(|row| row.has(&self.focus))?.checked_sub(top)?;
        let y = layout.body.y + u16::try_from(at).ok()?;
        let choices = self.choices();
        let longest = choices.iter().map(|choice| text::width(choice)).max().unwrap_or(0);
        let width = u16::try_from(longest + 3).unwrap_or(u16::MAX).clamp(12, 60);
        let x = (layout.body.x + layout.names).min(area.right().saturating_sub(width)).max(area.x);
        let height = u16::try_from(choices.len()).unwrap_or(u16::MAX).min(LISTED);
        let (below, above) = (area.bottom().saturating_sub(y + 1), y.saturating_sub(area.y));
        let (y, height) = if below >= height || below >= above {
            (y + 1, height.min(below))
        } else {
            (y - height.min(above), height.min(above))
        };
        let list = Rect { x, y, width, height }.intersection(area);
        (!list.is_empty()).then_some(list)
    }

    /// The first choice that is listed.
    fn first_choice(&self, height: u16) -> usize {
        let at = self.popup.and_then(|popup| popup.at).unwrap_or(0);
        (at + 1).saturating_sub(usize::from(height))
    }

    fn draw_choices(&self, buf: &mut Buffer, list: Rect, theme: &Theme) {
        let choices = self.choices();
        let first = self.first_choice(list.height);
        let highlighted = self.popup.and_then(|popup| popup.at);
        for (at, y) in (first..choices.len()).zip(list.top()..list.bottom()) {
            let line = Rect { y, height: 1, ..list };
            let chosen = highlighted == Some(at);
            let style = if chosen { theme.selected } else { theme.header };
            let mark = if chosen { "▸ " } else { "  " };
            let more = at + 1 < choices.len() && y + 1 == list.bottom();
            let shown = format!("{mark}{}", text::clean(choices[at]));
            let shown = text::pad(&shown, usize::from(list.width));
            buf.set_stringn(line.x, y, shown, usize::from(list.width), style);
            if more {
                buf.set_stringn(line.right() - 1, y, "↓", 1, style);
            }
        }
    }

    /// The choice that is drawn at this position.
    pub(super) fn choice_at(&self, area: Rect, at: Position) -> Option<String> {
        let list = self.list_area(area).filter(|list| list.contains(at))?;
        let index = self.first_choice(list.height) + usize::from(at.y - list.y);
        self.choices().get(index).map(|choice| (*choice).to_owned())
    }

    pub(super) fn stop_at(&self, area: Rect, at: Position) -> Option<Stop> {
        let rows = self.rows();
        let layout = self.layout(area, &rows);
        if !layout.body.contains(at) {
            return None;
        }
        let top = self.top_for(&rows, area.height);
        let row = rows.get(top + usize::from(at.y - layout.body.y))?;
        let mut stop = row.stop();
        if row.keyed && at.x < layout.body.x + layout.names {
            stop.part = Part::Key;
        }
        Some(stop)
    }
}

/// Names.
impl Form {
    fn label(&self, row: &Row) -> String {
        let Some(field) = self.root.at(&row.path) else { return String::new() };
        let parent =
            row.path.split_last().and_then(|(at, parent)| Some((at, self.root.at(parent)?)));
        match parent.and_then(|(at, parent)| Some((at, parent.group()?.kind))) {
            Some((at, GroupKind::List)) => format!("{}", at + 1),
            _ => text::clean(&field.name).into_owned(),
        }
    }

    fn label_width(&self, row: &Row) -> usize {
        if row.keyed {
            let key = self.key_of(&row.path).map_or(0, |key| text::width(key.value()));
            return key.clamp(8, 24);
        }
        if row.adds { 0 } else { text::width(&self.label(row)) }
    }

    fn key_of(&self, path: &[usize]) -> Option<&Input> {
        let (at, parent) = path.split_last()?;
        self.root.at(parent)?.group()?.keys.get(*at)
    }

    fn title_of(&self, path: &[usize]) -> String {
        self.root.at(path).map_or_else(String::new, |field| text::clean(&field.name).into_owned())
    }

    fn is_number(&self, field: &Field) -> bool {
        use crate::api::model::Kind;
        field.shape.is_some_and(|shape| {
            !matches!(self.service.get(shape).kind, Kind::String(_) | Kind::Blob { .. })
        })
    }
}

impl Row {
    fn indent(&self) -> usize {
        // Deeper than this nothing would be left for values.
        (self.path.len() + usize::from(self.adds)).saturating_sub(1).min(8) * 2
    }

    /// Whether nothing has been entered, so that to tell what is missing would be hasty.
    fn blank(&self, field: &Field) -> bool {
        match &field.body {
            Body::Text { input, .. } | Body::Json(input) => input.value().is_empty(),
            Body::Switch(state) => state.is_none(),
            Body::Group(group) => group.fields.is_empty(),
        }
    }
}

impl Field {
    fn is_told(&self, tried: bool) -> bool {
        let filled = match &self.body {
            Body::Text { input, .. } | Body::Json(input) => !input.value().is_empty(),
            Body::Switch(state) => state.is_some(),
            Body::Group(group) => !group.fields.is_empty(),
        };
        tried || self.touched || filled
    }
}

fn summary(group: &Group, theme: &Theme) -> (String, Style) {
    let count = group.fields.len();
    let of = |one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    match group.kind {
        _ if !group.set => ("not set".to_owned(), theme.faint),
        GroupKind::List => (of("item", "items"), theme.dim),
        GroupKind::Map => (of("entry", "entries"), theme.dim),
        _ => {
            let set = group.fields.iter().filter(|field| match &field.body {
                Body::Text { input, blank } => *blank || !input.value().is_empty(),
                Body::Json(input) => !input.value().is_empty(),
                Body::Switch(state) => state.is_some(),
                Body::Group(group) => group.set,
            });
            (format!("{} set", set.count()), theme.dim)
        }
    }
}

/// Writes within the area; returns where it ended.
fn put(buf: &mut Buffer, x: u16, area: Rect, shown: &str, style: Style) -> (u16, u16) {
    let room = area.right().saturating_sub(x);
    if room == 0 || area.height == 0 || x < area.x {
        return (x, area.y);
    }
    buf.set_stringn(x, area.y, shown, usize::from(room), style)
}
