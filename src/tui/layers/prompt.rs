//! One line asked for: a comment, a path, a name. What was typed goes to whoever asked.

use crate::tui::frame::{centred, dialog};
use crate::tui::text::{clean, fit, width};
use crate::tui::view::{Outbox, Scene, View};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

/// Characters that a prompt takes; more is no line that anybody types.
const LONGEST: usize = 4096;

/// What is done with the text.
type Then = Box<dyn FnOnce(&str, &mut Outbox) + Send>;

/// Says what is wrong with the text as it stands, if anything.
type Check = fn(&str) -> Result<(), String>;

/// `out.push(Prompt::new("Comment", |text, out| …).with("looks good"))`.
pub struct Prompt {
    title: String,
    hint: String,
    input: Input,
    /// What was typed before, the last first; Up and Down go through it.
    history: Vec<String>,
    recalled: Option<usize>,
    /// What was being typed before history was looked at.
    kept: String,
    /// What Tab completes to.
    choices: Vec<String>,
    check: Check,
    may_be_empty: bool,
    then: Option<Then>,
}

impl Prompt {
    /// Asks; `then` is called once with the trimmed text, or never when the prompt is left by Esc.
    pub fn new(
        title: impl Into<String>,
        then: impl FnOnce(&str, &mut Outbox) + Send + 'static,
    ) -> Self {
        Self {
            title: title.into(),
            hint: String::new(),
            input: Input::default(),
            history: Vec::new(),
            recalled: None,
            kept: String::new(),
            choices: Vec::new(),
            check: |_| Ok(()),
            may_be_empty: false,
            then: Some(Box::new(then)),
        }
    }

    /// Begins with a text in it, the cursor at its end.
    #[must_use]
    pub fn with(mut self, text: impl Into<String>) -> Self {
        self.input = Input::new(text.into());
        self
    }

    /// A line below the input that says what is wanted.
    #[must_use]
    pub fn hint(mut self, words: impl Into<String>) -> Self {
        self.hint = words.into();
        self
    }

    #[must_use]
    pub fn history(mut self, lines: Vec<String>) -> Self {
        self.history = lines;
        self
    }

    #[must_use]
    pub fn choices(mut self, choices: Vec<String>) -> Self {
        self.choices = choices;
        self
    }

    /// Refuses texts, with words that stand below them.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// Enter on nothing is an answer too.
    #[must_use]
    pub fn may_be_empty(mut self) -> Self {
        self.may_be_empty = true;
        self
    }

    fn text(&self) -> &str {
        self.input.value().trim()
    }

    fn problem(&self) -> Option<String> {
        if self.text().is_empty() { None } else { (self.check)(self.text()).err() }
    }

    /// The first choice that begins with what stands there and says more.
    fn completion(&self) -> Option<&str> {
        let typed = self.input.value();
        if typed.is_empty() || self.input.cursor() < typed.chars().count() {
            return None;
        }
        let found = self
            .choices
            .iter()
            .find(|choice| choice.len() > typed.len() && choice.starts_with(typed));
        found.map(String::as_str)
    }

    fn complete(&mut self) -> bool {
        let Some(whole) = self.completion().map(str::to_owned) else { return false };
        self.input = Input::new(whole);
        true
    }

    fn recall(&mut self, older: bool) {
        let next = match (self.recalled, older) {
            (None, true) => Some(0),
            (None, false) => return,
            (Some(at), true) => Some((at + 1).min(self.history.len().saturating_sub(1))),
            (Some(at), false) => at.checked_sub(1),
        };
        if self.recalled.is_none() {
            self.kept = self.input.value().to_owned();
        }
        let text = match next {
            Some(at) => match self.history.get(at) {
                Some(line) => line.clone(),
                None => return,
            },
            None => std::mem::take(&mut self.kept),
        };
        self.recalled = next;
        self.input = Input::new(text);
    }

    fn submit(&mut self, out: &mut Outbox) {
        let text = self.text().to_owned();
        if (text.is_empty() && !self.may_be_empty) || self.problem().is_some() {
            return;
        }
        // Closed first: what it does may put something else in its place.
        out.close();
        if let Some(then) = self.then.take() {
            then(&text, out);
        }
    }

    /// The visible part of the input around the cursor, and the cursor's place in it.
    fn line(&self, columns: usize, scene: &Scene<'_>) -> Line<'static> {
        let theme = scene.theme;
        let value = self.input.value();
        let cursor = self.input.cursor();
        let before: String = value.chars().take(cursor).collect();
        let mut rest = value.chars().skip(cursor);
        let under = rest.next().map_or(" ".to_owned(), String::from);
        let after: String = rest.collect();
        let (before, under, after) = (clean(&before), clean(&under), clean(&after));
        let mut start: &str = &before;
        while width(start) + width(&under) > columns {
            let Some(first) = start.chars().next() else { break };
            start = &start[first.len_utf8()..];
        }
        let room = columns.saturating_sub(width(start) + width(&under));
        let mut spans = vec![
            Span::styled(start.to_owned(), theme.text),
            Span::styled(under.into_owned(), theme.selected),
            Span::styled(fit(&after, room).into_owned(), theme.text),
        ];
        if let Some(whole) = self.completion() {
            let more = clean(&whole[value.len()..]).into_owned();
            spans.push(Span::styled(fit(&more, room).into_owned(), theme.faint));
        }
        Line::from(spans)
    }
}

impl View for Prompt {
    fn name(&self) -> &'static str {
        "prompt"
    }

    fn title(&self) -> String {
        self.title.clone()
    }

    fn area(&self, window: Rect) -> Rect {
        centred(window, 78, 4)
    }

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>) {
        let keys = match (self.choices.is_empty(), self.history.is_empty()) {
            (true, true) => "enter takes it · esc closes",
            (true, false) => "enter takes it · ↑ earlier · esc closes",
            (false, _) => "enter takes it · tab completes · esc closes",
        };
        let inner = dialog(frame, area, &self.title, keys, scene.theme);
        let note = match self.problem() {
            Some(problem) => Line::styled(format!("✖ {}", clean(&problem)), scene.theme.bad),
            None => Line::styled(clean(&self.hint).into_owned(), scene.theme.dim),
        };
        let line = self.line(usize::from(inner.width.saturating_sub(2)), scene);
        let mark = Span::styled("▸ ", scene.theme.key);
        let spans: Vec<Span<'_>> = std::iter::once(mark).chain(line.spans).collect();
        frame.render_widget(Paragraph::new(vec![Line::from(spans), note]), inner);
    }

    fn typing(&self) -> bool {
        true
    }

    fn typed(&mut self, key: KeyEvent, _scene: &Scene<'_>, out: &mut Outbox) -> bool {
        match key.code {
            KeyCode::Esc => out.close(),
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => out.close(),
            KeyCode::Enter => self.submit(out),
            KeyCode::Up => self.recall(true),
            KeyCode::Down => self.recall(false),
            KeyCode::Tab => {
                self.complete();
            }
            KeyCode::Right | KeyCode::End if self.complete() => {}
            KeyCode::Char(_) if self.input.value().len() >= LONGEST => {}
            _ => {
                self.recalled = None;
                self.input.handle_event(&Event::Key(key));
            }
        }
        true
    }

    fn pasted(&mut self, text: &str, _scene: &Scene<'_>, _out: &mut Outbox) {
        let line = text.lines().next().unwrap_or_default();
        let room = LONGEST.saturating_sub(self.input.value().len());
        for char in line.chars().take(room) {
            self.input.handle(tui_input::InputRequest::InsertChar(char));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::effect::Effect;
    use crate::tui::state::{Options, State};
    use crate::tui::view::Request;

    fn press(prompt: &mut Prompt, keys: &[KeyCode]) -> Outbox {
        let state = State::new(Options::default(), 0).unwrap();
        let mut out = Outbox::default();
        for key in keys {
            prompt.typed(KeyEvent::from(*key), &state.scene(), &mut out);
        }
        out
    }

    fn echo() -> Prompt {
        Prompt::new("Say", |text, out| out.effect(Effect::Copy(text.to_owned())))
    }

    fn letters(text: &str) -> Vec<KeyCode> {
        text.chars().map(KeyCode::Char).collect()
    }

    #[test]
    fn the_text_comes_back_once_and_trimmed() {
        let mut prompt = echo();
        let mut keys = letters(" two words ");
        keys.extend([KeyCode::Enter, KeyCode::Enter]);
        let out = press(&mut prompt, &keys);
        assert_eq!(out.effects, [Effect::Copy("two words".into())]);
        assert!(matches!(out.requests[0], Request::Close));
    }

    #[test]
    fn nothing_is_no_answer_unless_it_may_be() {
        assert!(press(&mut echo(), &[KeyCode::Enter]).effects.is_empty());
        let out = press(&mut echo().may_be_empty(), &[KeyCode::Enter]);
        assert_eq!(out.effects, [Effect::Copy(String::new())]);
    }

    #[test]
    fn history_gives_back_what_was_being_typed() {
        let mut prompt = echo().history(vec!["newer".into(), "older".into()]);
        press(&mut prompt, &letters("x"));
        press(&mut prompt, &[KeyCode::Up, KeyCode::Up, KeyCode::Up]);
        assert_eq!(prompt.text(), "older");
        press(&mut prompt, &[KeyCode::Down, KeyCode::Down]);
        assert_eq!(prompt.text(), "x");
    }

    #[test]
    fn tab_completes_and_a_check_refuses() {
        let check = |text: &str| match text.starts_with("iris") {
            true => Ok(()),
            false => Err("not of iris".to_owned()),
        };
        let mut prompt = echo().choices(vec!["iris/1".into(), "iris/2".into()]).check(check);
        press(&mut prompt, &letters("ir"));
        press(&mut prompt, &[KeyCode::Tab]);
        assert_eq!(prompt.text(), "iris/1");
        let mut wrong = echo().check(check);
        press(&mut wrong, &letters("wine"));
        assert!(press(&mut wrong, &[KeyCode::Enter]).effects.is_empty());
        assert_eq!(wrong.problem().as_deref(), Some("not of iris"));
    }
}
