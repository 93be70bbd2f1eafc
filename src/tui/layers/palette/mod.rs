//! The palette: the whole command language, the screens and the present view's actions in one line
//! that completes as one types, the last used first.

mod complete;

use crate::command::words_change;
use crate::script::parse;
use crate::tui::frame::dialog;
use crate::tui::keymap::Binding;
use crate::tui::keys;
use crate::tui::screens::SCREENS;
use crate::tui::state::State;
use crate::tui::text::{clean, fit, pad, width};
use crate::tui::update::contexts;
use crate::tui::view::{Outbox, Place, Request, Scene, View};
use complete::{Candidate, Kind};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;
use unicode_segmentation::UnicodeSegmentation;

/// Characters of a line; more is no command that anybody reads.
const LONGEST: usize = 4096;

/// Candidates shown at once.
const SHOWN: usize = 12;

pub struct Palette {
    input: Input,
    history: Vec<String>,
    /// What the present view can do, by its keys.
    actions: Vec<(&'static str, &'static Binding)>,
    variables: BTreeMap<String, String>,
    candidates: Vec<Candidate>,
    /// `None` until one moves in the list: Enter then runs what was typed.
    chosen: Option<usize>,
    problem: Option<String>,
    /// What the word under the cursor means.
    hint: String,
}

impl Palette {
    pub fn new(state: &State) -> Self {
        let here = contexts(state);
        let actions = here
            .into_iter()
            .filter(|context| *context != keys::GO)
            .flat_map(|context| keys::table(context).iter().map(move |binding| (context, binding)))
            .collect();
        let mut palette = Self {
            input: Input::default(),
            history: state.history.iter().cloned().collect(),
            actions,
            variables: state.variables.clone(),
            candidates: Vec::new(),
            chosen: None,
            problem: None,
            hint: String::new(),
        };
        palette.complete(&state.scene());
        palette
    }

    /// Opens with the beginning of a command.
    #[must_use]
    pub fn with(mut self, line: &str, scene: &Scene<'_>) -> Self {
        self.input = Input::new(line.to_owned());
        self.complete(scene);
        self
    }

    fn complete(&mut self, scene: &Scene<'_>) {
        let asked = complete::Asked {
            line: self.input.value(),
            history: &self.history,
            actions: &self.actions,
        };
        let found = complete::complete(&asked, scene);
        (self.candidates, self.hint) = (found.candidates, found.hint);
        self.chosen = None;
        self.problem = None;
    }

    /// Takes the candidate into the line.
    fn take(&mut self, scene: &Scene<'_>) {
        let Some(candidate) = self.candidates.get(self.chosen.unwrap_or(0)) else { return };
        if let Some(line) = &candidate.line {
            self.input = Input::new(line.clone());
            self.complete(scene);
        }
    }

    fn enter(&mut self, scene: &Scene<'_>, out: &mut Outbox) {
        let typed = self.input.value().trim().to_owned();
        let chosen = match self.chosen {
            Some(at) => self.candidates.get(at),
            // Words that are no verb mean the best match.
            None if !complete::is_verb(&typed) => self.candidates.first(),
            None => None,
        };
        match chosen.map(|candidate| (&candidate.kind, candidate.line.clone())) {
            Some((Kind::Screen(name), _)) => {
                let place = Place::new(name);
                out.close();
                out.open(place);
            }
            Some((Kind::Action(action), _)) => {
                let action = *action;
                out.close();
                out.requests.push(Request::Act(action));
            }
            Some((Kind::History, Some(line))) => self.run(&line, scene, out),
            Some((_, Some(line))) if self.chosen.is_some() => {
                self.input = Input::new(line);
                self.complete(scene);
            }
            _ if typed.is_empty() => out.close(),
            _ => self.run(&typed, scene, out),
        }
    }

    fn run(&mut self, line: &str, scene: &Scene<'_>, out: &mut Outbox) {
        match complete::command(line, &self.variables) {
            Ok(command) => {
                if scene.read_only && words_change(&command.words) {
                    self.problem = Some("read-only: this would change the region".into());
                    return;
                }
                out.close();
                let ticket = out.run(command.words);
                let (line, capture) = (line.to_owned(), command.capture);
                out.requests.push(Request::Ran { line, ticket, capture });
            }
            Err(problem) => {
                self.input = Input::new(line.to_owned());
                self.problem = Some(problem);
            }
        }
    }

    fn go(&mut self, by: i64) {
        let count = self.candidates.len() as i64;
        if count == 0 {
            return;
        }
        let at = self.chosen.map_or(if by > 0 { -1 } else { count }, |at| at as i64);
        let to = at + by;
        self.chosen = (0..count).contains(&to).then_some(to as usize);
    }
}

/// The words of a line without running it, for those who check it.
pub(super) fn split(line: &str) -> Result<Vec<parse::Word>, String> {
    parse::split(line)
}

impl View for Palette {
    fn name(&self) -> &'static str {
        "palette"
    }

    fn title(&self) -> String {
        "Command".into()
    }

    fn area(&self, window: Rect) -> Rect {
        let rows = u16::try_from(self.candidates.len().min(SHOWN)).unwrap_or(0) + 4;
        let width = window.width.min(104);
        Rect {
            x: window.x + (window.width - width) / 2,
            y: window.y + 1.min(window.height),
            width,
            height: rows.min(window.height.saturating_sub(1)),
        }
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let theme = scene.theme;
        let hint = "tab completes · ↑↓ choose · enter runs · esc closes";
        let inner = dialog(frame, area, "Command", hint, theme);
        let row = |at: u16| Rect { y: inner.y + at, height: 1, ..inner };
        if inner.height == 0 {
            return;
        }
        frame.render_widget(self.line(scene, usize::from(inner.width)), row(0));
        let first = self.chosen.map_or(0, |at| (at + 1).saturating_sub(SHOWN));
        let room = usize::from(inner.height.saturating_sub(2)).min(SHOWN);
        for (line, (index, candidate)) in
            self.candidates.iter().enumerate().skip(first).take(room).enumerate()
        {
            let chosen = self.chosen == Some(index);
            let area = row(line as u16 + 1);
            frame.render_widget(candidate_line(candidate, area.width, chosen, scene), area);
            if chosen {
                frame.buffer_mut().set_style(area, theme.selected);
            }
        }
        if inner.height > 1 {
            let (text, style) = match &self.problem {
                Some(problem) => (problem.lines().next().unwrap_or_default(), theme.bad),
                None => (self.hint.as_str(), theme.dim),
            };
            let text = fit(&clean(text), usize::from(inner.width)).into_owned();
            frame.render_widget(Line::styled(text, style), row(inner.height - 1));
        }
    }

    fn typing(&self) -> bool {
        true
    }

    fn typed(&mut self, key: KeyEvent, scene: &Scene<'_>, out: &mut Outbox) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => out.close(),
            KeyCode::Char('c') if control => out.close(),
            KeyCode::Enter => self.enter(scene, out),
            KeyCode::Tab => self.take(scene),
            KeyCode::Up | KeyCode::BackTab => self.go(-1),
            KeyCode::Down => self.go(1),
            KeyCode::Char('p') if control => self.go(-1),
            KeyCode::Char('n') if control => self.go(1),
            KeyCode::Char(_) if !control && self.input.value().len() >= LONGEST => {}
            _ => {
                self.input.handle_event(&Event::Key(key));
                self.complete(scene);
            }
        }
        true
    }

    fn pasted(&mut self, text: &str, scene: &Scene<'_>, _out: &mut Outbox) {
        let line = text.lines().next().unwrap_or_default();
        let line = format!("{}{line}", self.input.value());
        self.input = Input::new(line.chars().take(LONGEST).collect());
        self.complete(scene);
    }
}

impl Palette {
    /// The line as typed, with its cursor, and the rest of the best candidate in grey.
    fn line(&self, scene: &Scene<'_>, room: usize) -> Line<'static> {
        let theme = scene.theme;
        let value = self.input.value();
        let at = value.char_indices().nth(self.input.cursor()).map_or(value.len(), |(at, _)| at);
        let (before, after) = value.split_at(at);
        let mut rest = after.chars();
        let under = rest.next().map_or_else(|| " ".to_owned(), String::from);
        // Of a long line the end is seen, where the cursor usually is.
        let before = clean(before);
        let shown = end_of(&before, room.saturating_sub(3)).to_owned();
        let ghost = self
            .candidates
            .first()
            .and_then(|candidate| candidate.line.as_deref())
            .and_then(|line| line.strip_prefix(value))
            .filter(|_| after.is_empty() && !value.is_empty())
            .unwrap_or_default();
        Line::from(vec![
            Span::styled(":", theme.key),
            Span::styled(shown, theme.accent),
            Span::styled(clean(&under).into_owned(), theme.selected),
            Span::styled(clean(rest.as_str()).into_owned(), theme.accent),
            Span::styled(clean(ghost.get(1..).unwrap_or_default()).into_owned(), theme.faint),
        ])
    }
}

/// As much of the text's end as fits into so many columns.
fn end_of(text: &str, columns: usize) -> &str {
    let (mut start, mut used) = (text.len(), 0);
    for (at, grapheme) in text.grapheme_indices(true).rev() {
        used += width(grapheme);
        if used > columns {
            break;
        }
        start = at;
    }
    &text[start..]
}

fn candidate_line(
    candidate: &Candidate,
    columns: u16,
    chosen: bool,
    scene: &Scene<'_>,
) -> Line<'static> {
    let theme = scene.theme;
    let columns = usize::from(columns);
    let mark = if chosen { "▌ " } else { "  " };
    let shown = 38.min(columns / 2);
    let (tag, style) = match candidate.kind {
        Kind::History => ("↺", theme.dim),
        Kind::Screen(_) => ("▸", theme.title),
        Kind::Action(_) => ("⌁", theme.key),
        Kind::Verb => (":", theme.accent),
        Kind::Option => ("-", theme.member),
        Kind::Value => ("=", theme.string),
    };
    let wide = if candidate.about.is_empty() { columns.saturating_sub(5) } else { shown };
    let about = fit(&clean(&candidate.about), columns.saturating_sub(wide + 6)).into_owned();
    Line::from(vec![
        Span::styled(mark, theme.focus),
        Span::styled(format!("{tag} "), style),
        Span::styled(pad(&clean(&candidate.show), wide), theme.text),
        Span::styled(format!(" {about}"), theme.dim),
    ])
}

/// The screens as candidates.
fn screens() -> impl Iterator<Item = (&'static str, &'static str)> {
    SCREENS
        .iter()
        .filter(|screen| !screen.keys.is_empty())
        .map(|screen| (screen.name, screen.about))
}
