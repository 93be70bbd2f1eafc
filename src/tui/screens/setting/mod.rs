//! Settings: what runs the region and within which bounds, how other programs reach it, what was
//! dropped, how the workbench looks and listens, and what of AWS is simulated.

mod sections;
#[cfg(test)]
mod tests;

use crate::tui::effect::{Effect, Want};
use crate::tui::keymap::Binding;
use crate::tui::text::{clean, fit, pad, width};
use crate::tui::theme::Theme;
use crate::tui::view::{Outbox, Place, Request, Scene, Tone, View};
use crate::tui::widgets::pane::{inside, pane};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use sections::{Entry, Role, SECTIONS};

pub static KEYS: &[Binding] = &[
    Binding::new("next-pane", &["tab"], "Into the section, or back to the list").hint("section"),
    Binding::new("previous-pane", &["shift-tab"], "The other way round"),
    Binding::new("copy-line", &["y"], "Copy the value under the cursor").hint("copy"),
    Binding::new("reveal", &["v"], "Show the secret key, or hide it").hint("show the secret"),
    Binding::new("copy-secret", &["K"], "Copy the secret key without showing it"),
];

/// Columns of the list of sections.
const LIST: u16 = 18;
/// Most columns of a name beside its value.
const NAME: usize = 26;

#[derive(Default)]
pub struct Settings {
    section: usize,
    /// Whether the keys move in the section.
    inside: bool,
    cursor: usize,
    offset: usize,
    height: usize,
    revealed: bool,
    asked: bool,
    entries: Vec<Entry>,
}

impl Settings {
    fn move_section(&mut self, by: isize) {
        let to = self.section.saturating_add_signed(by).min(SECTIONS.len() - 1);
        if to != self.section {
            (self.section, self.cursor, self.offset) = (to, 0, 0);
        }
    }

    /// The cursor rests on what has a value, not on headings and gaps; beyond the last of them it
    /// shows what else there is.
    fn move_cursor(&mut self, by: isize) {
        let last = self.entries.len().saturating_sub(1);
        let forward = by > 0;
        let wanted = self.cursor.saturating_add_signed(by).min(last);
        let rests = |at: &usize| self.entries.get(*at).is_some_and(Entry::rests);
        let found = if forward {
            let nearer = (self.cursor + 1..wanted).rev().find(rests);
            (wanted..=last).find(rests).or(nearer)
        } else {
            let nearer = (wanted + 1..self.cursor).find(rests);
            (0..=wanted).rev().find(rests).or(nearer)
        };
        match found {
            Some(to) => {
                self.cursor = to;
                self.keep_in_sight();
            }
            // Only headings there: scroll, so that they are seen.
            None => self.offset = if forward { self.most() } else { 0 },
        }
    }

    fn most(&self) -> usize {
        self.entries.len().saturating_sub(self.height.max(1))
    }

    fn keep_in_sight(&mut self) {
        let height = self.height.max(1);
        let first = (self.cursor + 1).saturating_sub(height);
        // A heading right above comes along.
        let above = self.cursor.saturating_sub(1);
        let above = if self.entries.get(above).is_some_and(|entry| !entry.rests()) && height > 1 {
            above
        } else {
            self.cursor
        };
        self.offset = self.offset.clamp(first, above.max(first)).min(self.most());
    }

    fn copy(&self, scene: &Scene<'_>, out: &mut Outbox) {
        match self.entries.get(self.cursor).and_then(|entry| entry.copy.clone()) {
            Some(_) if self.entries.get(self.cursor).is_some_and(|it| it.role == Role::Secret) => {
                copy_secret(scene, out);
            }
            Some(text) => {
                out.notice(Tone::Good, format!("Copied {}", fit(&text, 60)));
                out.effect(Effect::Copy(text));
            }
            None => out.notice(Tone::Info, "There is nothing to copy here"),
        }
    }

    fn choose(&mut self, out: &mut Outbox) {
        if !self.inside {
            self.inside = true;
            return;
        }
        match self.entries.get(self.cursor).map(|entry| &entry.role) {
            Some(Role::Theme(theme)) => out.requests.push(Request::Theme(theme)),
            Some(Role::Secret) => self.revealed = !self.revealed,
            _ => {}
        }
    }

    fn draw_list(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let inner = pane(buffer, area, "Settings", "", !self.inside, scene.theme);
        for (index, (section, y)) in SECTIONS.iter().zip(inner.y..inner.bottom()).enumerate() {
            let here = index == self.section;
            let mark = if here { "▌ " } else { "  " };
            let style = if here { scene.theme.accent } else { scene.theme.text };
            let text = pad(&format!("{mark}{}", section.name), usize::from(inner.width));
            buffer.set_stringn(inner.x, y, text, usize::from(inner.width), style);
            if here && !self.inside {
                buffer.set_style(Rect { y, height: 1, ..inner }, scene.theme.selected);
            }
        }
    }

    fn draw_entries(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let longest = self.entries.iter().filter(|entry| entry.rests());
        let longest = longest.map(|entry| width(&entry.name)).max().unwrap_or(0);
        let name = longest.min(NAME).min(usize::from(area.width) * 2 / 5);
        let shown = self.entries.iter().enumerate().skip(self.offset);
        for ((index, entry), y) in shown.zip(area.y..area.bottom()) {
            let row = Rect { y, height: 1, ..area };
            entry.draw(buffer, row, name, theme);
            if self.inside && index == self.cursor && entry.rests() {
                buffer.set_style(row, theme.selected);
                buffer.set_stringn(row.x, y, "▌", 1, theme.focus);
            }
        }
    }

    /// Which theme is under the cursor, to be shown before it is chosen.
    fn previewed(&self) -> Option<&'static Theme> {
        match self.entries.get(self.cursor)?.role {
            Role::Theme(theme) if self.inside => Some(theme),
            _ => None,
        }
    }
}

fn copy_secret(scene: &Scene<'_>, out: &mut Outbox) {
    match &scene.mirror.credentials {
        Some(known) => {
            out.notice(Tone::Good, "Copied the secret key");
            out.effect(Effect::Copy(known.secret.reveal().to_owned()));
        }
        None => out.notice(Tone::Info, "The region has not told its key yet"),
    }
}

impl Entry {
    fn draw(&self, buffer: &mut Buffer, row: Rect, name_room: usize, theme: &Theme) {
        let columns = usize::from(row.width);
        match &self.role {
            Role::Heading => {
                buffer.set_stringn(row.x, row.y, &self.name, columns, theme.title);
            }
            Role::Words => {
                let text = clean(&self.name);
                buffer.set_stringn(
                    row.x + 2.min(row.width),
                    row.y,
                    text,
                    columns.saturating_sub(2),
                    theme.dim,
                );
            }
            Role::Theme(other) => draw_theme(other, theme, buffer, row),
            _ => {
                let name = pad(&clean(&self.name), name_room);
                let x = row.x + 2.min(row.width);
                buffer.set_stringn(x, row.y, name, columns.saturating_sub(2), theme.dim);
                let x = x.saturating_add(name_room as u16 + 2);
                let room = usize::from(row.right().saturating_sub(x));
                let value = clean(&self.value);
                let style = self.tone.style(theme);
                buffer.set_stringn(x, row.y, fit(&value, room), room, style);
            }
        }
    }
}

/// Its name, its colours, what it is for.
fn draw_theme(other: &Theme, theme: &Theme, buffer: &mut Buffer, row: Rect) {
    let chosen = other.name == theme.name;
    let mut x = row.x + 2.min(row.width);
    let mut put = |text: &str, style: Style| {
        let room = usize::from(row.right().saturating_sub(x));
        x = buffer.set_stringn(x, row.y, fit(text, room), room, style).0;
    };
    put(if chosen { "● " } else { "○ " }, if chosen { theme.good } else { theme.dim });
    put(&pad(other.name, 14), if chosen { theme.accent } else { theme.text });
    for style in [other.good, other.busy, other.warn, other.bad] {
        put("██", style);
    }
    put(" ", theme.text);
    for style in other.series {
        put("━━", style);
    }
    put("  ", theme.text);
    put(other.about, theme.dim);
}

/// What a screen looks like in a theme.
fn draw_preview(theme: &Theme, buffer: &mut Buffer, area: Rect) {
    let area = area.intersection(buffer.area);
    if area.height < 3 || area.width < 20 {
        return;
    }
    buffer.set_style(area, theme.text);
    let rows: [(&str, &str, Style); 6] = [
        ("tumor-live", "✔ InService", theme.good),
        ("hpo-7", "◐ Training", theme.busy),
        ("tumors/2", "▲ PendingManualApproval", theme.warn),
        ("red", "✖ Failed", theme.bad),
        ("blue", "■ Stopped", theme.off),
        ("found text", "/tumor", theme.found),
    ];
    let title = format!(" {} ", theme.name);
    let inner = pane(buffer, area, title.trim(), "preview", true, theme);
    for (index, ((name, status, style), y)) in rows.iter().zip(inner.y..inner.bottom()).enumerate()
    {
        let columns = usize::from(inner.width);
        buffer.set_stringn(inner.x, y, " ".repeat(columns), columns, theme.text);
        let (x, _) = buffer.set_stringn(inner.x + 2, y, pad(name, 14), columns - 2, theme.accent);
        let (x, _) = buffer.set_stringn(
            x,
            y,
            pad(status, 25),
            usize::from(inner.right().saturating_sub(x)),
            *style,
        );
        let bars = "▁▂▄▆█▆▄▂▁";
        let room = usize::from(inner.right().saturating_sub(x));
        buffer.set_stringn(x, y, bars, room, theme.series(index));
        if index == 1 {
            buffer.set_style(Rect { y, height: 1, ..inner }, theme.selected);
        }
    }
}

/// The list of sections, and the section.
fn areas(area: Rect) -> (Rect, Rect) {
    let list = LIST.min(area.width / 3);
    let left = Rect { width: list, ..area };
    let gap = u16::from(area.width > list);
    let x = area.x + list + gap;
    (left, Rect { x, width: area.width.saturating_sub(list + gap), ..area })
}

impl View for Settings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::new("settings"))
    }

    fn title(&self) -> String {
        "Settings".into()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["scroll"]
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let buffer = frame.buffer_mut();
        let (left, right) = areas(area.intersection(buffer.area));
        self.draw_list(buffer, left, scene);
        let section = &SECTIONS[self.section.min(SECTIONS.len() - 1)];
        let more = self.most();
        let note = if more > 0 {
            let to = (self.offset + self.height).min(self.entries.len());
            format!("{}–{to} of {}", self.offset + 1, self.entries.len())
        } else {
            String::new()
        };
        let inner = pane(buffer, right, section.title, &note, self.inside, scene.theme);
        self.draw_entries(buffer, inner, scene);
        if let Some(theme) = self.previewed() {
            let below = u16::try_from(self.entries.len()).unwrap_or(u16::MAX).saturating_add(1);
            let height = inner.height.saturating_sub(below).min(8);
            let y = inner.bottom().saturating_sub(height).min(inner.y.saturating_add(below));
            let width = inner.width.min(76);
            draw_preview(theme, buffer, Rect { y, height, width, ..inner });
        }
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, out: &mut Outbox) {
        if scene.mirror.connected() && scene.mirror.credentials.is_none() {
            if !self.asked {
                self.asked = true;
                out.effect(Effect::Credentials);
            }
        } else {
            // Asked anew of another region, should there be one.
            self.asked = false;
        }
        let inner = inside(areas(area).1);
        self.height = usize::from(inner.height);
        let make = SECTIONS[self.section.min(SECTIONS.len() - 1)].entries;
        self.entries = make(scene, self.revealed, usize::from(inner.width));
        self.cursor = self.cursor.min(self.entries.len().saturating_sub(1));
        if self.entries.get(self.cursor).is_some_and(|entry| !entry.rests()) {
            let found = self.entries.iter().skip(self.cursor).position(Entry::rests);
            self.cursor += found.unwrap_or(0);
        }
        self.offset = self.offset.min(self.most());
    }

    fn wants(&self, _scene: &Scene<'_>) -> Vec<Want> {
        vec![Want::Engine]
    }

    fn act(&mut self, action: &str, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        let page = isize::try_from(self.height.max(2) - 1).unwrap_or(1);
        let by = match action {
            "up" => -1,
            "down" => 1,
            "page-up" => -page,
            "page-down" => page,
            "top" => isize::MIN / 2,
            "bottom" => isize::MAX / 2,
            "next-pane" | "previous-pane" => {
                self.inside = !self.inside;
                return true;
            }
            "left" => {
                self.inside = false;
                return true;
            }
            "right" => {
                self.inside = true;
                return true;
            }
            "back" if self.inside => {
                self.inside = false;
                return true;
            }
            "drill-in" => {
                self.choose(out);
                return true;
            }
            "copy-line" => {
                self.copy(scene, out);
                return true;
            }
            "reveal" => {
                self.revealed = !self.revealed;
                return true;
            }
            "copy-secret" => {
                copy_secret(scene, out);
                return true;
            }
            _ => return false,
        };
        if self.inside {
            self.move_cursor(by);
        } else {
            self.move_section(by);
        }
        true
    }

    fn mouse(
        &mut self,
        event: MouseEvent,
        area: Rect,
        _scene: &Scene<'_>,
        out: &mut Outbox,
    ) -> bool {
        let (left, right) = areas(area);
        let at = (event.column, event.row).into();
        match event.kind {
            MouseEventKind::ScrollUp => {
                self.offset = self.offset.saturating_sub(3);
            }
            MouseEventKind::ScrollDown => self.offset = (self.offset + 3).min(self.most()),
            MouseEventKind::Down(MouseButton::Left) if inside(left).contains(at) => {
                let index = usize::from(event.row - inside(left).y);
                if index < SECTIONS.len() {
                    (self.section, self.cursor, self.offset, self.inside) = (index, 0, 0, false);
                }
            }
            MouseEventKind::Down(MouseButton::Left) if inside(right).contains(at) => {
                let index = self.offset + usize::from(event.row - inside(right).y);
                let again = self.inside && index == self.cursor;
                self.inside = true;
                if self.entries.get(index).is_some_and(Entry::rests) {
                    self.cursor = index;
                }
                if again {
                    self.choose(out);
                }
            }
            _ => {}
        }
        true
    }
}
