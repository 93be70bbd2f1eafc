//! What stands on the screen: views, what they see, and what they may ask for.
//!
//! A screen and a dialog are the same thing to the frame: a view with a name (its context in the
//! keymap), which draws itself, acts on the actions of its context, and asks for what it wants done.
//! Views never do anything themselves, and drawing changes nothing.

use super::effect::{Effect, Want};
use super::format;
use super::keymap::{Action, Keymap};
use super::mirror::Mirror;
use super::msg::{Answer, Logs, Ticket};
use super::row::Row;
use super::theme::Theme;
use super::widgets::table::Table;
use crate::domain::time::Timestamp;
use crossterm::event::{KeyEvent, MouseEvent};
use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::Rect;
use serde_json::Value;
use std::sync::Arc;

/// What a view may look at.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub mirror: &'a Mirror,
    pub theme: &'a Theme,
    pub keymap: &'a Keymap,
    /// Epoch milliseconds of the message that is handled.
    pub now: i64,
    pub read_only: bool,
    /// Whether the mouse is the workbench's, not the terminal's.
    pub mouse: bool,
    /// In which time zone times are shown.
    pub zone: &'a TimeZone,
    /// Lines kept of each log that is followed.
    pub log_lines: usize,
    /// The configuration file that was read, if any.
    pub config: Option<&'a str>,
    /// Whether there is a demo that the workspace can play.
    pub has_demo: bool,
}

impl Scene<'_> {
    /// The time of day, `12:04:31`, of epoch milliseconds.
    pub fn clock(&self, millis: i64) -> String {
        format::clock(Timestamp::from_millis(millis), self.zone)
    }
}

/// Where one is: a screen and, if it is about one thing, which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub screen: &'static str,
    pub subject: Option<String>,
}

impl Place {
    pub fn new(screen: &'static str) -> Self {
        Self { screen, subject: None }
    }

    pub fn of(screen: &'static str, subject: impl Into<String>) -> Self {
        Self { screen, subject: Some(subject.into()) }
    }
}

/// What news are about.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    Answer(Ticket, &'a Answer),
    Progress {
        ticket: Ticket,
        done: u64,
        total: u64,
        what: &'a str,
    },
    Said(Ticket, &'a str),
    Logs(&'a Logs),
    /// A line of an endpoint's live stream, which the mirror has taken in already.
    Endpoint(&'a str, &'a Value),
    TrainingJob(&'a str, &'a Value),
}

/// How loud a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Info,
    Good,
    Warn,
    Bad,
}

/// What a view asks for while it handles something.
#[derive(Default)]
pub struct Outbox {
    pub effects: Vec<Effect>,
    pub requests: Vec<Request>,
    tickets: Ticket,
}

/// What a view asks of the frame.
pub enum Request {
    Open(Place),
    /// Puts a view over the present one.
    Push(Box<dyn View>),
    /// Takes the topmost view away; on a screen, goes back.
    Close,
    Notice(Tone, String),
    /// Runs a common action as if its key had been pressed.
    Act(Action),
    /// A command line that was run: the palette offers it first next time, its outcome is shown, and
    /// what it made goes to the variable.
    Ran {
        line: String,
        ticket: Ticket,
        capture: Option<String>,
    },
    /// Opens the palette with that line in it, to be read, changed and run.
    Command(String),
    Theme(&'static Theme),
    /// Asks first, naming what will happen, then does it.
    Confirm {
        question: String,
        names: Vec<String>,
        then: Vec<Effect>,
    },
}

impl Outbox {
    /// Tickets go on from there.
    pub fn from(tickets: Ticket) -> Self {
        Self { tickets, ..Self::default() }
    }

    pub fn last_ticket(&self) -> Ticket {
        self.tickets
    }

    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        self.tickets
    }

    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub fn open(&mut self, place: Place) {
        self.requests.push(Request::Open(place));
    }

    pub fn push(&mut self, view: impl View + 'static) {
        self.requests.push(Request::Push(Box::new(view)));
    }

    pub fn close(&mut self) {
        self.requests.push(Request::Close);
    }

    pub fn notice(&mut self, tone: Tone, text: impl Into<String>) {
        self.requests.push(Request::Notice(tone, text.into()));
    }

    pub fn call(&mut self, operation: &str, input: Value) -> Ticket {
        let ticket = self.ticket();
        let (service, operation) = ("sagemaker".to_owned(), operation.to_owned());
        self.effect(Effect::Call { ticket, service, operation, input });
        ticket
    }

    /// Asks before doing something, naming what it will happen to.
    pub fn confirm(&mut self, question: impl Into<String>, names: Vec<String>, then: Vec<Effect>) {
        let question = question.into();
        self.requests.push(Request::Confirm { question, names, then });
    }

    /// A line of the command language, as its words.
    pub fn run<S: Into<String>>(&mut self, words: impl IntoIterator<Item = S>) -> Ticket {
        let ticket = self.ticket();
        let words = words.into_iter().map(Into::into).collect();
        self.effect(Effect::Run { ticket, words });
        ticket
    }
}

/// Something that stands on the screen.
pub trait View: Send {
    /// Its context in the keymap, and for a screen its name.
    fn name(&self) -> &'static str;

    /// Where this is, for breadcrumbs and history; dialogs have no place.
    fn place(&self) -> Option<Place> {
        None
    }

    /// The words of the breadcrumb, or a dialog's title.
    fn title(&self) -> String;

    fn draw(&self, frame: &mut Frame<'_>, area: Rect, scene: &Scene<'_>);

    /// Which part of the window a dialog wants; a screen has the whole body.
    fn area(&self, window: Rect) -> Rect {
        window
    }

    /// Acts on an action of its context or of the contexts it shares (`table`); false hands it on.
    fn act(&mut self, _action: Action, _scene: &Scene<'_>, _out: &mut Outbox) -> bool {
        false
    }

    /// Contexts beside its own whose keys it wants, such as `table`.
    fn shares(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether keys are text for it now. Esc, Enter and the like come to `typed` as well.
    fn typing(&self) -> bool {
        false
    }

    /// Whether it holds what somebody has typed and what closing would discard: Esc asks first.
    fn unsaved(&self) -> bool {
        false
    }

    /// A key while `typing`; false hands it to the keymap.
    fn typed(&mut self, _key: KeyEvent, _scene: &Scene<'_>, _out: &mut Outbox) -> bool {
        false
    }

    fn pasted(&mut self, _text: &str, _scene: &Scene<'_>, _out: &mut Outbox) {}

    /// A mouse event inside of `area`, which is what `draw` was given.
    fn mouse(
        &mut self,
        _event: MouseEvent,
        _area: Rect,
        _scene: &Scene<'_>,
        _out: &mut Outbox,
    ) -> bool {
        false
    }

    fn news(&mut self, _news: News<'_>, _scene: &Scene<'_>, _out: &mut Outbox) {}

    /// Brings what is derived from the mirror up to date; called before every frame, with the area that
    /// `draw` will be given.
    fn settle(&mut self, _area: Rect, _scene: &Scene<'_>, _out: &mut Outbox) {}

    /// The streams it needs as long as it stands there.
    fn wants(&self, _scene: &Scene<'_>) -> Vec<Want> {
        Vec::new()
    }

    /// What the common keys (describe, copy, code, delete) act on: marked rows, or the one under the
    /// cursor.
    fn subjects(&self) -> Vec<Arc<Row>> {
        Vec::new()
    }

    /// Its table, if it has one that the common keys move in, sort and filter.
    fn table(&mut self) -> Option<&mut Table> {
        None
    }
}
