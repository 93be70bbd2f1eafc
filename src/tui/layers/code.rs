//! Show as code: a resource, or what was just done, as boto3, AWS CLI, CloudFormation and `.brush`.

use super::Prompt;
use crate::command::RecordedCall;
use crate::command::grammar::Language;
use crate::command::recreate::recreate;
use crate::command::show;
use crate::domain::kind;
use crate::domain::words::counted;
use crate::tui::effect::Effect;
use crate::tui::frame::dialog;
use crate::tui::keymap::Binding;
use crate::tui::mirror::Mirror;
use crate::tui::msg::{Answer, Ticket};
use crate::tui::row::Row;
use crate::tui::state::Action;
use crate::tui::text::{clean, fit};
use crate::tui::view::{News, Outbox, Scene, Tone, View};
use crate::tui::widgets::code;
use crossterm::event::{MouseEvent, MouseEventKind};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use std::sync::Arc;

pub(super) static KEYS: &[Binding] = &[
    Binding::new("next-tab", &["tab", "l", "right"], "The next language").hint("language"),
    Binding::new("previous-tab", &["shift-tab", "h", "left"], "The language before"),
    Binding::new("boto3", &["1"], "Python with boto3"),
    Binding::new("cli", &["2"], "The AWS CLI"),
    Binding::new("cfn", &["3"], "A CloudFormation template"),
    Binding::new("brush", &["4"], "Sagebrush's own commands"),
    Binding::new("copy-all", &["y"], "Copy all of it").hint("copy"),
    Binding::new("save", &["w"], "Write it to a file").hint("write"),
    Binding::new("whole", &["a"], "With all that it stands on, or by itself")
        .hint("with its needs"),
    Binding::new("pan-left", &["H"], "To the left in long lines"),
    Binding::new("pan-right", &["L"], "To the right in long lines"),
];

/// Tabs, with the end of a file's name in that language.
const TABS: [(Language, &str, &str, &str); 4] = [
    (Language::Boto3, "boto3", "boto3", "py"),
    (Language::Cli, "cli", "AWS CLI", "sh"),
    (Language::Cfn, "cfn", "CloudFormation", "json"),
    (Language::Brush, "brush", ".brush", "brush"),
];

enum Source {
    Rows(Vec<Arc<Row>>),
    Action { calls: Vec<RecordedCall>, words: Option<Vec<String>> },
}

pub struct Code {
    title: String,
    source: Source,
    tab: usize,
    /// A resource with what it stands on.
    whole: bool,
    text: String,
    lines: Vec<String>,
    /// What the text was made for: the tab and whether whole.
    made: Option<(usize, bool)>,
    top: usize,
    pan: u16,
    height: usize,
    saving: Option<Ticket>,
}

impl Code {
    pub fn of_action(action: &Action) -> Self {
        let (calls, words) = (action.calls.clone(), action.words.clone());
        Self::new(action.title.clone(), Source::Action { calls, words })
    }

    pub fn of_rows(rows: &[Arc<Row>]) -> Self {
        let title = match rows {
            [] => String::new(),
            [one] => one.name.clone(),
            [first, rest @ ..] => format!("{} and {} more", first.name, rest.len()),
        };
        Self::new(title, Source::Rows(rows.to_vec()))
    }

    fn new(title: String, source: Source) -> Self {
        Self {
            title,
            source,
            tab: 0,
            whole: false,
            text: String::new(),
            lines: Vec::new(),
            made: None,
            top: 0,
            pan: 0,
            height: 1,
            saving: None,
        }
    }

    fn make(&self, mirror: &Mirror) -> String {
        let (language, ..) = TABS[self.tab];
        match &self.source {
            Source::Action { words: Some(words), .. } if language == Language::Brush => {
                show::brush_line(words) + "\n"
            }
            Source::Action { calls, .. } => show::code(language, calls),
            Source::Rows(rows) => {
                let rows = if self.whole { with_needs(mirror, rows) } else { rows.clone() };
                of_rows(language, &rows, mirror)
            }
        }
    }

    fn show_tab(&mut self, tab: usize) {
        self.tab = tab % TABS.len();
        (self.top, self.pan) = (0, 0);
    }

    fn scroll(&mut self, rows: i64) {
        let step = usize::try_from(rows.unsigned_abs()).unwrap_or(usize::MAX);
        let most = self.lines.len().saturating_sub(self.height);
        self.top = if rows < 0 {
            self.top.saturating_sub(step)
        } else {
            self.top.saturating_add(step).min(most)
        };
    }

    fn save(&mut self, out: &mut Outbox) {
        let (.., end) = TABS[self.tab];
        let safe =
            |char: char| if char.is_alphanumeric() || "-_.".contains(char) { char } else { '-' };
        let stem: String = self.title.chars().take(40).map(safe).collect();
        let (ticket, text) = (out.ticket(), self.text.clone());
        self.saving = Some(ticket);
        let prompt = Prompt::new("Write the code to", move |path, out| {
            out.effect(Effect::Save { ticket, path: path.to_owned(), text });
        });
        let hint = "a path from the workspace's folder; what is there is written over";
        out.push(prompt.with(format!("{stem}.{end}")).hint(hint));
    }

    fn tabs(&self, scene: &Scene<'_>) -> Line<'static> {
        let mut spans = Vec::new();
        for (at, (_, _, label, _)) in TABS.iter().enumerate() {
            let chosen = at == self.tab;
            let style = if chosen { scene.theme.selected } else { scene.theme.dim };
            let mark = if chosen { "▸" } else { " " };
            spans.push(Span::styled(format!("{mark}{} {label} ", at + 1), style));
        }
        if matches!(self.source, Source::Rows(_)) {
            let words = if self.whole { "  with all it stands on (a)" } else { "  by itself (a)" };
            spans.push(Span::styled(words, scene.theme.faint));
        }
        Line::from(spans)
    }
}

fn of_rows(language: Language, rows: &[Arc<Row>], mirror: &Mirror) -> String {
    let region = mirror.health.get("region").and_then(serde_json::Value::as_str);
    let region = region.unwrap_or("us-east-1");
    let (mut calls, mut notes) = (Vec::new(), Vec::new());
    for row in rows {
        let made = recreate(&row.kind, &row.name, &row.body, region);
        let several = rows.len() > 1;
        notes.extend(made.notes.into_iter().map(|note| match several {
            true => format!("{}: {note}", clean(&row.name)),
            false => note,
        }));
        calls.extend(made.calls);
    }
    if calls.is_empty() {
        return "# Nothing that a call would create.\n".into();
    }
    show::noted(language, &calls, &notes)
}

/// The rows after all that they stand on, each once: role, models, configuration, endpoint. Packages
/// and jobs stay out: made again they would be others, with numbers and artifacts of their own.
fn with_needs(mirror: &Mirror, rows: &[Arc<Row>]) -> Vec<Arc<Row>> {
    let mut found: Vec<Arc<Row>> = Vec::new();
    for row in rows {
        collect(mirror, row, &mut found);
    }
    found
}

fn collect(mirror: &Mirror, row: &Arc<Row>, found: &mut Vec<Arc<Row>>) {
    if found.iter().any(|known| known.kind == row.kind && known.name == row.name) {
        return;
    }
    let role = match row.kind.as_str() {
        kind::MODEL => row.text("ExecutionRoleArn"),
        kind::TRAINING_JOB => row.text("RoleArn"),
        _ => "",
    };
    let role = role.rsplit('/').next().filter(|name| !name.is_empty());
    if let Some(role) = role.and_then(|name| mirror.row(kind::ROLE, name)) {
        collect(mirror, role, found);
    }
    let group = mirror.row(kind::MODEL_PACKAGE_GROUP, &row.parent);
    if let Some(group) = group.filter(|_| row.kind == kind::MODEL_PACKAGE) {
        collect(mirror, group, found);
    }
    for need in mirror.needs(row) {
        if matches!(need.kind.as_str(), kind::MODEL | kind::ENDPOINT_CONFIG) {
            collect(mirror, &need, found);
        }
    }
    found.push(Arc::clone(row));
}

impl View for Code {
    fn name(&self) -> &'static str {
        "code"
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn shares(&self) -> &'static [&'static str] {
        &["scroll"]
    }

    fn area(&self, window: Rect) -> Rect {
        Rect { y: window.y + 1, height: window.height.saturating_sub(2), ..window }
    }

    fn settle(&mut self, area: Rect, scene: &Scene<'_>, _out: &mut Outbox) {
        self.height = usize::from(area.height.saturating_sub(4)).max(1);
        if self.made != Some((self.tab, self.whole)) {
            self.text = self.make(scene.mirror);
            self.lines = self.text.lines().map(str::to_owned).collect();
            self.made = Some((self.tab, self.whole));
        }
        self.scroll(0);
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let title = format!("{} as code", fit(&clean(&self.title), 60));
        let hint = "tab language · y copy · w write · esc close";
        let inner = dialog(frame, area, &title, hint, scene.theme);
        let tabs = Rect { height: inner.height.min(1), ..inner };
        frame.render_widget(self.tabs(scene), tabs);
        let body = Rect {
            x: inner.x + inner.width.min(1),
            y: inner.y + inner.height.min(2),
            width: inner.width.saturating_sub(1),
            height: inner.height.saturating_sub(2),
        };
        let shown = self.lines.iter().skip(self.top).take(usize::from(body.height));
        let lines: Vec<Line<'_>> = shown.map(|line| code::line(line, scene.theme)).collect();
        frame.render_widget(Paragraph::new(lines).scroll((0, self.pan)), body);
        if self.lines.len() > usize::from(body.height) && inner.height > 1 {
            let last = (self.top + usize::from(body.height)).min(self.lines.len());
            let place = format!("{}–{last} of {} ", self.top + 1, self.lines.len());
            let line = Line::styled(place, scene.theme.faint).right_aligned();
            frame.render_widget(line, Rect { y: inner.y + 1, height: 1, ..inner });
        }
    }

    fn act(&mut self, action: &str, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        let page = i64::try_from(self.height).unwrap_or(1);
        match action {
            "next-tab" => self.show_tab(self.tab + 1),
            "previous-tab" => self.show_tab(self.tab + TABS.len() - 1),
            "copy-all" => {
                out.effect(Effect::Copy(self.text.clone()));
                let lines = counted(self.lines.len() as u64, "line");
                out.notice(Tone::Good, format!("Copied {lines} of {}", TABS[self.tab].2));
            }
            "save" => self.save(out),
            "whole" => {
                self.whole = !self.whole;
                self.top = 0;
            }
            "pan-left" | "left" => self.pan = self.pan.saturating_sub(8),
            "pan-right" | "right" => self.pan = self.pan.saturating_add(8).min(2048),
            "up" => self.scroll(-1),
            "down" => self.scroll(1),
            "page-up" => self.scroll(-page),
            "page-down" => self.scroll(page),
            "top" => self.top = 0,
            "bottom" => self.scroll(i64::MAX),
            tab => match TABS.iter().position(|(_, name, ..)| *name == tab) {
                Some(at) => self.show_tab(at),
                None => return false,
            },
        }
        true
    }

    fn mouse(
        &mut self,
        event: MouseEvent,
        _area: Rect,
        _scene: &Scene<'_>,
        _out: &mut Outbox,
    ) -> bool {
        match event.kind {
            MouseEventKind::ScrollDown => self.scroll(3),
            MouseEventKind::ScrollUp => self.scroll(-3),
            _ => return false,
        }
        true
    }

    fn news(&mut self, news: News<'_>, _scene: &Scene<'_>, out: &mut Outbox) {
        let News::Answer(ticket, answer) = news else { return };
        if self.saving == Some(ticket) {
            self.saving = None;
            told(answer, out);
        }
    }
}

/// What became of writing a file.
pub(super) fn told(answer: &Answer, out: &mut Outbox) {
    match &answer.outcome {
        Ok(value) => {
            let summary = value.get("summary").and_then(serde_json::Value::as_str);
            out.notice(Tone::Good, summary.unwrap_or("written"));
        }
        Err(failure) => out.notice(Tone::Bad, failure.message.clone()),
    }
}

#[cfg(test)]
mod tests {
    use crate::tui::effect::Effect;
    use crate::tui::testing::{self, SIZES};
    use crate::tui::view::Place;

    #[test]
    fn an_endpoint_s_code_at_every_size() {
        for (columns, rows) in SIZES {
            let mut state = testing::with_region((columns, rows), Place::new("endpoints"));
            testing::press(&mut state, "c");
            insta::assert_snapshot!(format!("boto3_{columns}x{rows}"), testing::text(&state));
            testing::press(&mut state, "tab a");
            insta::assert_snapshot!(format!("cli_whole_{columns}x{rows}"), testing::text(&state));
        }
    }

    #[test]
    fn y_copies_all_and_w_asks_for_a_file() {
        let mut state = testing::with_region((80, 24), Place::new("models"));
        let effects = testing::press(&mut state, "c 4 y");
        let copied = effects.iter().find_map(|effect| match effect {
            Effect::Copy(text) => Some(text.as_str()),
            _ => None,
        });
        let copied = copied.unwrap();
        assert!(copied.starts_with("call sagemaker CreateModel"), "{copied}");
        let effects = testing::press(&mut state, "w enter");
        let saved = effects.iter().any(
            |effect| matches!(effect, Effect::Save { path, .. } if path == "iris-live-blue.brush"),
        );
        assert!(saved, "{effects:?}");
    }
}
