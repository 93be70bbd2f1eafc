//! The objects of a bucket, one level at a time, with a look into what they hold: text, tables,
//! JSON, the contents of archives, bytes.

use super::bucket::{copy, download, jobs_at, upload};
use crate::domain::kind;
use crate::tui::effect::Effect;
use crate::tui::format;
use crate::tui::keymap::Binding;
use crate::tui::mirror::{BUCKET, Rows};
use crate::tui::msg::{Answer, Ticket};
use crate::tui::row::Row;
use crate::tui::text::{clean, fit};
use crate::tui::view::{News, Outbox, Place, Scene, Tone, View};
use crate::tui::widgets::document::Document;
use crate::tui::widgets::table::{Cell, Column, Table};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders};
use serde_json::Value;
use std::fmt::Write;
use std::sync::Arc;

pub(super) static BINDINGS: &[Binding] = &[
    Binding::new("up-level", &["h", "left", "backspace"], "Up to where this lies").hint("up"),
    Binding::new("into", &["l", "right"], "Into the folder, or the preview of the object"),
    Binding::new("switch", &["tab"], "Between the list and the preview").hint("preview"),
    Binding::new("upload", &["u"], "Copy a file or folder here").hint("upload").changes(),
    Binding::new("download", &["w"], "Copy it, or all that are marked, to the disk")
        .hint("download"),
    Binding::new("copy-uri", &["U"], "Copy its S3 address").hint("copy address"),
    Binding::new("yaml", &["v"], "JSON as YAML, and back (preview)"),
    Binding::new("refresh", &["r"], "Read it anew"),
];

/// Columns from which list and preview stand side by side.
const WIDE: u16 = 110;

static COLUMNS: &[Column] = &[
    Column::new("NAME", 24, |row, scene| {
        let label = row.text("Label");
        let style = if row.kind == "folder" { scene.theme.title } else { scene.theme.accent };
        let text = if label.is_empty() { "(the empty name)" } else { label };
        // Folders stand before objects.
        let rank = if row.kind == "folder" { "0" } else { "1" };
        let mut cell = Cell::text(format!("{rank}{text}"), style);
        cell.text = text.to_owned().into();
        cell
    })
    .grow(1),
    Column::new("SIZE", 10, |row, scene| {
        let bytes = row.number("Size");
        let text = bytes.map_or_else(String::new, |bytes| format::bytes(bytes as u64));
        Cell::number(bytes, text, scene.theme.text)
    })
    .right(),
    Column::new("WRITTEN", 8, |row, scene| {
        let known = row.modified > 0.0;
        let text =
            if known { crate::tui::columns::age(row.modified, scene) } else { String::new() };
        Cell::number(known.then_some(-row.modified), text, scene.theme.dim)
    })
    .right()
    .rank(2)
    .volatile(),
];

pub struct Browser {
    bucket: String,
    prefix: String,
    table: Table,
    rows: Rows,
    /// The listing that is on its way.
    listing: Option<Ticket>,
    listed: bool,
    more: bool,
    problem: Option<String>,
    /// The bucket as it was when the listing was asked for.
    seen: Option<Arc<Row>>,
    /// Jobs that read or write here, and when that was looked up.
    jobs: Vec<String>,
    jobs_mark: Option<(u64, u64)>,
    preview: Option<Preview>,
    /// Whether the keys are the preview's.
    inside: bool,
}

/// Before the first listing has come.
fn waiting() -> Table {
    let mut table = Table::new(COLUMNS);
    table.loading = Some(true);
    table
}

struct Preview {
    key: String,
    ticket: Option<Ticket>,
    document: Document,
    said: String,
}

impl Browser {
    /// Of `bucket/prefix/`.
    pub fn new(subject: &str) -> Self {
        let (bucket, prefix) = subject.split_once('/').unwrap_or((subject, ""));
        Self {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            table: waiting(),
            rows: Rows::exact(),
            listing: None,
            listed: false,
            more: false,
            problem: None,
            seen: None,
            jobs: Vec::new(),
            jobs_mark: None,
            preview: None,
            inside: false,
        }
    }

    fn here(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }

    fn list(&mut self, out: &mut Outbox) {
        let ticket = out.ticket();
        self.listing = Some(ticket);
        let (bucket, prefix) = (self.bucket.clone(), self.prefix.clone());
        out.effect(Effect::Objects { ticket, bucket, prefix });
    }

    fn look(&mut self, out: &mut Outbox) {
        let Some(row) = self.table.row().filter(|row| row.kind == "object") else {
            self.preview = None;
            return;
        };
        let ticket = out.ticket();
        let (bucket, key) = (self.bucket.clone(), row.name.clone());
        self.preview = Some(Preview {
            key: key.clone(),
            ticket: Some(ticket),
            document: Document::text("Loading…"),
            said: String::new(),
        });
        out.effect(Effect::Preview { ticket, bucket, key });
    }

    fn drill(&mut self, out: &mut Outbox) {
        let Some(row) = self.table.row() else { return };
        if row.kind == "folder" {
            out.open(Place::of("bucket", format!("{}/{}", self.bucket, row.name)));
            return;
        }
        if self.preview.as_ref().is_none_or(|preview| preview.key != row.name) {
            self.look(out);
        }
        self.inside = true;
    }

    /// Where this level lies.
    fn parent(&self) -> Option<Place> {
        let above = self.prefix.trim_end_matches('/');
        if self.prefix.is_empty() {
            return Some(Place::new("buckets"));
        }
        let above = above.rsplit_once('/').map_or(String::new(), |(above, _)| format!("{above}/"));
        Some(Place::of("bucket", format!("{}/{above}", self.bucket)))
    }

    fn uris(&self) -> Vec<String> {
        let uri = |row: &Arc<Row>| format!("s3://{}/{}", self.bucket, row.name);
        self.table.subjects().iter().map(uri).collect()
    }

    fn listed(&mut self, answer: &Answer) {
        self.listing = None;
        match &answer.outcome {
            Ok(value) => {
                let rows = value.get("rows").cloned().unwrap_or_default();
                self.rows.replace(serde_json::from_value(rows).unwrap_or_default());
                self.more = value.get("more").and_then(Value::as_bool).unwrap_or(false);
                self.problem = None;
                self.listed = true;
                self.table.loading = Some(false);
                self.table.empty = "Nothing lies here. u uploads a file or a folder".into();
            }
            Err(failure) => {
                self.problem = Some(failure.message.clone());
                self.table.loading = Some(false);
                self.table.empty = "It could not be read; r tries again".into();
            }
        }
    }

    /// Keys of the preview while they are its own.
    fn act_inside(&mut self, action: &str, out: &mut Outbox) -> bool {
        let Some(preview) = &mut self.preview else { return false };
        let document = &mut preview.document;
        match action {
            "up" => document.scroll(-1),
            "down" => document.scroll(1),
            "page-up" | "half-page-up" => document.page(-1),
            "page-down" | "half-page-down" => document.page(1),
            "top" => document.home(),
            "bottom" => document.end(),
            "up-level" => document.pan(-8),
            "into" => document.pan(8),
            "drill-in" | "mark" => document.toggle_fold(),
            "yaml" => document.toggle_format(),
            "copy-name" => {
                let copied = document.copy();
                out.effect(Effect::Copy(copied));
                out.notice(Tone::Good, "Copied what is under the cursor");
            }
            "copy-json" => {
                let copied = document.copy_all();
                out.effect(Effect::Copy(copied));
                out.notice(Tone::Good, "Copied all that is shown");
            }
            "switch" | "back" => self.inside = false,
            _ => return false,
        }
        true
    }
}

impl Preview {
    fn take(&mut self, answer: &Answer) {
        self.ticket = None;
        match &answer.outcome {
            Ok(value) => {
                let size = value.get("size").and_then(Value::as_u64).unwrap_or(0);
                let more = value.get("more").and_then(Value::as_bool).unwrap_or(false);
                let (document, what) = document(&self.key, value);
                self.said = format!("{what} · {}", format::bytes(size));
                if more {
                    self.said.push_str(", of which the beginning is shown");
                }
                self.document = document;
            }
            Err(failure) => self.document = Document::text(failure.message.clone()),
        }
    }
}

/// The object as what its name and its content say it is.
fn document(key: &str, value: &Value) -> (Document, &'static str) {
    if let Some(entries) = value.get("entries").and_then(Value::as_array) {
        return (Document::csv(table_of(entries)), "archive");
    }
    if let Some(encoded) = value.get("base64").and_then(Value::as_str) {
        let bytes = STANDARD.decode(encoded).unwrap_or_default();
        return (Document::text(hex(&bytes)), "bytes");
    }
    let text = value.get("text").and_then(Value::as_str).unwrap_or_default();
    let ends = |end: &str| key.to_ascii_lowercase().ends_with(end);
    if ends(".json")
        && let Ok(parsed) = serde_json::from_str::<Value>(text)
    {
        return (Document::json(&parsed), "JSON");
    }
    if ends(".csv") || ends(".tsv") {
        return (Document::csv(text), "table");
    }
    (Document::text(text), if text.is_empty() { "empty" } else { "text" })
}

fn table_of(entries: &[Value]) -> String {
    let mut table = String::from("name,bytes,written\n");
    for entry in entries {
        let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
        let size = entry.get("size").and_then(Value::as_u64).unwrap_or(0);
        let written = entry.get("modified").and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(table, "\"{}\",{size},{written}", name.replace('"', "\"\""));
    }
    table
}

/// Sixteen bytes a line, as numbers and as far as they are characters.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 5);
    for (line, chunk) in bytes.chunks(16).enumerate() {
        let _ = write!(text, "{:08x}  ", line * 16);
        for at in 0..16 {
            let _ = match chunk.get(at) {
                Some(byte) => write!(text, "{byte:02x} "),
                None => write!(text, "   "),
            };
            if at == 7 {
                text.push(' ');
            }
        }
        text.push(' ');
        let shown = |byte: &u8| if matches!(byte, 0x20..=0x7e) { char::from(*byte) } else { '·' };
        text.extend(chunk.iter().map(shown));
        text.push('\n');
    }
    text
}

/// The list and the preview, side by side or one of them.
fn split(area: Rect, preview: bool, inside: bool) -> (Rect, Rect) {
    let none = Rect { width: 0, height: 0, ..area };
    match (preview, area.width >= WIDE, inside) {
        (false, ..) | (true, false, false) => (area, none),
        (true, false, true) => (none, area),
        (true, true, _) => {
            let left = Rect { width: area.width * 2 / 5, ..area };
            (left, Rect { x: left.right(), width: area.width - left.width, ..area })
        }
    }
}

impl View for Browser {
    fn name(&self) -> &'static str {
        "bucket"
    }

    fn place(&self) -> Option<Place> {
        Some(Place::of("bucket", format!("{}/{}", self.bucket, self.prefix)))
    }

    fn title(&self) -> String {
        format!("{}/{}", self.bucket, self.prefix)
    }

    fn shares(&self) -> &'static [&'static str] {
        &["table"]
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, out: &mut Outbox) {
        let now = scene.mirror.row(BUCKET, &self.bucket);
        // What changes in the bucket may change here.
        let changed = now.map(|row| &row.body) != self.seen.as_ref().map(|row| &row.body);
        let due = self.listing.is_none() && self.problem.is_none() && (!self.listed || changed);
        if due && scene.mirror.connected() {
            self.seen = now.cloned();
            self.list(out);
        }
        let mark = scene.mirror.rows(kind::TRAINING_JOB).mark();
        if self.jobs_mark.replace(mark) != Some(mark) {
            self.jobs = jobs_at(scene, &self.here());
        }
        let (left, right) = split(below(area), self.preview.is_some(), self.inside);
        self.table.settle(&self.rows, left, scene);
        if let Some(preview) = &mut self.preview {
            let inner = framed(right);
            preview.document.resize(inner.width, inner.height);
        }
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let body = below(area);
        let mut line = vec![Span::styled(format!("  {}", clean(&self.here())), theme.title)];
        if let Some(problem) = &self.problem {
            line.push(Span::styled(format!("  ✖ {}", clean(problem)), theme.bad));
        } else if self.more {
            line.push(Span::styled("  there is more: only the first are shown", theme.warn));
        } else {
            if !self.jobs.is_empty() {
                let said = format!("  read or written by {}", self.jobs.join(", "));
                line.push(Span::styled(clean(&said).into_owned(), theme.dim));
            }
        }
        frame.render_widget(Line::from(line), Rect { height: area.height.min(1), ..area });
        let (left, right) = split(body, self.preview.is_some(), self.inside);
        self.table.draw(frame.buffer_mut(), left, scene);
        let Some(preview) = self.preview.as_ref().filter(|_| !right.is_empty()) else { return };
        let style = if self.inside { theme.focus } else { theme.border };
        let name = preview.key.rsplit('/').next().unwrap_or(&preview.key);
        let room = usize::from(right.width).saturating_sub(4);
        let title = format!("{}  {}", clean(name), preview.said);
        let title = format!(" {} ", fit(&title, room));
        let block = Block::new()
            .borders(Borders::TOP | Borders::LEFT)
            .border_style(style)
            .title(Span::styled(title, theme.title));
        frame.render_widget(block, right);
        preview.document.draw(frame.buffer_mut(), framed(right), theme);
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        if self.inside && self.act_inside(action, out) {
            return true;
        }
        match action {
            "drill-in" | "into" => self.drill(out),
            "up-level" => {
                if let Some(place) = self.parent() {
                    out.open(place);
                }
            }
            "switch" if self.preview.is_some() => self.inside = true,
            "switch" => self.look(out),
            "back" if self.preview.is_some() => self.preview = None,
            "upload" => upload(self.here(), out),
            "download" => download(self.uris(), out),
            "copy-uri" => copy(&self.uris(), out),
            "refresh" => self.list(out),
            _ => return false,
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
        let (left, right) = split(below(area), self.preview.is_some(), self.inside);
        let at = Position::new(event.column, event.row);
        if right.contains(at) {
            let inner = framed(right);
            let Some(preview) = &mut self.preview else { return false };
            match event.kind {
                MouseEventKind::ScrollDown => preview.document.scroll(3),
                MouseEventKind::ScrollUp => preview.document.scroll(-3),
                MouseEventKind::Down(_) => {
                    self.inside = true;
                    preview.document.click(inner, at);
                }
                _ => return false,
            }
            return true;
        }
        if left.contains(at) && matches!(event.kind, MouseEventKind::Down(_)) {
            self.inside = false;
        }
        if self.table.mouse(event, left) {
            self.drill(out);
        }
        true
    }

    fn news(&mut self, news: News<'_>, _scene: &Scene<'_>, out: &mut Outbox) {
        let News::Answer(ticket, answer) = news else { return };
        if self.listing == Some(ticket) {
            self.listed(answer);
            return;
        }
        if let Some(preview) = self.preview.as_mut().filter(|one| one.ticket == Some(ticket)) {
            preview.take(answer);
            return;
        }
        // Commands upload and delete: what they did shows at once.
        let wrote = answer.calls.iter().any(|call| {
            call.service == "s3" && matches!(call.operation.as_str(), "PutObject" | "DeleteObject")
        });
        if wrote && self.listing.is_none() {
            self.list(out);
        }
    }

    fn subjects(&self) -> Vec<Arc<Row>> {
        self.table.subjects()
    }

    fn table(&mut self) -> Option<&mut Table> {
        (!self.inside).then_some(&mut self.table)
    }
}

/// Below the line that says where one is.
fn below(area: Rect) -> Rect {
    Rect { y: area.y + area.height.min(1), height: area.height.saturating_sub(1), ..area }
}

/// Within the preview's frame.
fn framed(area: Rect) -> Rect {
    Rect {
        x: area.x.saturating_add(area.width.min(1)),
        y: area.y.saturating_add(area.height.min(1)),
        width: area.width.saturating_sub(1),
        height: area.height.saturating_sub(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::msg::Msg;
    use crate::tui::state::State;
    use crate::tui::testing::{self, SIZES};
    use serde_json::json;

    fn answered(state: &mut State, ticket: Ticket, value: Value) -> Vec<Effect> {
        let answer = Answer { outcome: Ok(value), calls: Vec::new() };
        testing::feed(state, [Msg::Answer { ticket, answer }])
    }

    fn object(key: &str, size: u64) -> Value {
        json!({"kind": "object", "name": key, "parent": "iris", "modified": 1_795_854_400.0,
            "body": {"Bucket": "iris", "Key": key, "Label": key, "Size": size}})
    }

    /// A level with a folder, a table and a model.
    fn browsed(size: (u16, u16)) -> State {
        let mut state = testing::state(size, Place::of("bucket", "iris/"));
        let effects = testing::feed(&mut state, testing::region());
        let asked = |effect: &Effect| match effect {
            Effect::Objects { ticket, bucket, prefix } => {
                assert_eq!((bucket.as_str(), prefix.as_str()), ("iris", ""));
                Some(*ticket)
            }
            _ => None,
        };
        let ticket = effects.iter().find_map(asked).unwrap();
        let folder = json!({"kind": "folder", "name": "models/", "parent": "iris",
            "body": {"Bucket": "iris", "Prefix": "models/", "Label": "models/"}});
        let rows = json!([folder, object("test.csv", 810), object("train.csv", 1890)]);
        answered(&mut state, ticket, json!({"rows": rows, "more": false}));
        state
    }

    fn preview(state: &mut State, keys: &str, value: Value) {
        let effects = testing::press(state, keys);
        let ticket = effects
            .iter()
            .find_map(|effect| match effect {
                Effect::Preview { ticket, .. } => Some(*ticket),
                _ => None,
            })
            .unwrap();
        answered(state, ticket, value);
    }

    #[test]
    fn a_level_and_a_table_at_every_size() {
        for (columns, rows) in SIZES {
            let mut state = browsed((columns, rows));
            insta::assert_snapshot!(format!("level_{columns}x{rows}"), testing::text(&state));
            let text = "0,5.1,3.5,1.4,0.2\n1,7.0,3.2,4.7,1.4\n2,6.3,3.3,6.0,2.5\n";
            preview(&mut state, "j enter", json!({"text": text, "size": 810, "more": true}));
            insta::assert_snapshot!(format!("table_{columns}x{rows}"), testing::text(&state));
        }
    }

    #[test]
    fn bytes_and_archives_are_shown_for_what_they_are() {
        let mut state = browsed((120, 40));
        preview(&mut state, "j enter", json!({"base64": "AAH/QUJD", "size": 6, "more": false}));
        let shown = testing::text(&state);
        assert!(shown.contains("00000000  00 01 ff 41 42 43"), "{shown}");
        testing::press(&mut state, "esc esc");
        let entries =
            json!([{"name": "model.bin", "size": 1234, "modified": "2026-11-28T08:00:00Z"}]);
        preview(&mut state, "enter", json!({"entries": entries, "size": 900, "more": false}));
        assert!(testing::text(&state).contains("model.bin"));
    }

    #[test]
    fn keys_that_differ_in_case_alone_are_two_objects() {
        let mut state = testing::state((80, 24), Place::of("bucket", "iris/"));
        let effects = testing::feed(&mut state, testing::region());
        let ticket = effects.iter().find_map(|effect| match effect {
            Effect::Objects { ticket, .. } => Some(*ticket),
            _ => None,
        });
        let rows = json!([object("a.csv", 1), object("A.csv", 2)]);
        answered(&mut state, ticket.unwrap(), json!({"rows": rows, "more": false}));
        let shown = testing::text(&state);
        assert!(shown.contains("a.csv") && shown.contains("A.csv"), "{shown}");
    }

    #[test]
    fn enter_goes_deeper_and_h_comes_up_again() {
        let mut state = browsed((80, 24));
        testing::press(&mut state, "enter");
        let place = |state: &State| state.screen().and_then(View::place).unwrap();
        assert_eq!(place(&state), Place::of("bucket", "iris/models/"));
        testing::press(&mut state, "h");
        assert_eq!(place(&state), Place::of("bucket", "iris/"));
        testing::press(&mut state, "h");
        assert_eq!(place(&state), Place::new("buckets"));
    }

    #[test]
    fn deleting_names_what_goes_and_asks_first() {
        let mut state = browsed((80, 24));
        testing::press(&mut state, "j space space D");
        let shown = testing::text(&state);
        assert!(shown.contains("test.csv") && shown.contains("Delete these 2"), "{shown}");
        let effects = testing::press(&mut state, "y");
        let words = effects.iter().find_map(|effect| match effect {
            Effect::Run { words, .. } => Some(words.join(" ")),
            _ => None,
        });
        assert_eq!(words.unwrap(), "delete object s3://iris/test.csv s3://iris/train.csv");
    }
}
