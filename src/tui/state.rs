//! All that the workbench knows, and where one is in it.

use super::chord::Chord;
use super::effect::{Effect, Want};
use super::keymap::{Keymap, Keys};
use super::keys;
use super::mirror::Mirror;
use super::msg::{Stamped, Ticket};
use super::screens;
use super::theme::{THEMES, Theme};
use super::tour::Tour;
use super::view::{Place, Scene, Tone, View};
use super::widgets::log::Limits;
use crate::command::RecordedCall;
use jiff::tz::TimeZone;
use ratatui::layout::Rect;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// How long a notice stays, in milliseconds.
const NOTICE: i64 = 6000;
/// Notices that can still be read.
const MESSAGES: usize = 200;
/// Screens one can go back to.
const HISTORY: usize = 50;
/// Dialogs over each other; nobody finds the way back through more.
const LAYERS: usize = 12;
/// Actions whose code can still be shown.
const ACTIONS: usize = 50;

/// What somebody chose before it starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// The workspace's name, for the header.
    pub workspace: String,
    pub theme: &'static Theme,
    pub keys: BTreeMap<String, Vec<Keys>>,
    pub read_only: bool,
    pub mouse: bool,
    /// Columns and rows of the window.
    pub size: (u16, u16),
    /// The demo that is offered, if any.
    pub demo: Option<String>,
    /// Where to begin.
    pub place: Place,
    /// In which time zone times are shown.
    pub zone: TimeZone,
    /// Lines kept of each log that is followed.
    pub log_lines: usize,
    /// The configuration file that was read, if any.
    pub config: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workspace: "workspace".into(),
            theme: &THEMES[0],
            keys: BTreeMap::new(),
            read_only: false,
            mouse: true,
            size: (80, 24),
            demo: None,
            place: Place::new(screens::SCREENS[0].name),
            zone: TimeZone::UTC,
            log_lines: Limits::default().lines,
            config: None,
        }
    }
}

/// A line that tells what just happened.
#[derive(Clone, Debug)]
pub struct Notice {
    pub tone: Tone,
    pub text: String,
    pub until: i64,
}

/// A notice as it was given, to be read later.
#[derive(Clone, Debug)]
pub struct Message {
    /// Epoch milliseconds.
    pub at: i64,
    pub tone: Tone,
    pub text: String,
}

/// Something that was done, with the AWS calls it took.
#[derive(Clone, Debug)]
pub struct Action {
    /// The command line, or the call.
    pub title: String,
    pub calls: Vec<RecordedCall>,
    pub words: Option<Vec<String>>,
}

/// What is under way on somebody's behalf.
#[derive(Clone, Debug)]
pub struct Work {
    pub title: String,
    pub since: i64,
    pub done: u64,
    pub total: u64,
    pub what: String,
    pub words: Option<Vec<String>>,
}

pub struct State {
    pub mirror: Mirror,
    pub theme: &'static Theme,
    pub keymap: Keymap,
    pub now: i64,
    pub read_only: bool,
    pub mouse: bool,
    pub zone: TimeZone,
    pub log_lines: usize,
    pub config: Option<String>,
    pub workspace: String,
    pub window: Rect,
    /// The last is the present one; the others are the way back.
    pub(super) screens: Vec<Box<dyn View>>,
    pub(super) forward: Vec<Box<dyn View>>,
    /// Dialogs over the screen, the topmost last.
    pub(super) layers: Vec<Box<dyn View>>,
    pub notice: Option<Notice>,
    /// All notices of late, the newest last.
    pub messages: VecDeque<Message>,
    pub actions: VecDeque<Action>,
    pub work: BTreeMap<Ticket, Work>,
    /// Messages that wait while the screen is frozen.
    pub(super) frozen: Option<Vec<Stamped>>,
    /// Filters as they were typed, by screen.
    pub(super) filters: HashMap<&'static str, String>,
    pub(super) tickets: Ticket,
    /// Keys of a sequence that has begun.
    pub(super) pressed: Vec<Chord>,
    pub(super) following: BTreeSet<Want>,
    /// Lines of the palette under way, and the variable that takes what they make.
    pub(super) ran: BTreeMap<Ticket, Option<String>>,
    /// What `as $name` has kept.
    pub variables: BTreeMap<String, String>,
    /// Command lines, the last used first.
    pub history: VecDeque<String>,
    pub tour: Tour,
    /// Set once it is time to go.
    pub leaving: bool,
}

impl State {
    /// # Errors
    /// A key in the options that does not exist, in words.
    pub fn new(options: Options, now: i64) -> Result<Self, String> {
        let keymap = keys::keymap(&options.keys).map_err(|error| error.to_string())?;
        let mut state = Self {
            mirror: Mirror::default(),
            theme: options.theme,
            keymap,
            now,
            read_only: options.read_only,
            mouse: options.mouse,
            zone: options.zone,
            log_lines: options.log_lines,
            config: options.config,
            workspace: options.workspace,
            window: Rect::new(0, 0, options.size.0, options.size.1),
            screens: Vec::new(),
            forward: Vec::new(),
            layers: Vec::new(),
            notice: None,
            messages: VecDeque::new(),
            actions: VecDeque::new(),
            work: BTreeMap::new(),
            frozen: None,
            filters: HashMap::new(),
            tickets: 0,
            pressed: Vec::new(),
            following: BTreeSet::new(),
            ran: BTreeMap::new(),
            variables: BTreeMap::new(),
            history: VecDeque::new(),
            tour: Tour::offered(options.demo.as_deref()),
            leaving: false,
        };
        state.open(&options.place);
        Ok(state)
    }

    pub fn scene(&self) -> Scene<'_> {
        Scene {
            mirror: &self.mirror,
            theme: self.theme,
            keymap: &self.keymap,
            now: self.now,
            read_only: self.read_only,
            mouse: self.mouse,
            zone: &self.zone,
            log_lines: self.log_lines,
            config: self.config.as_deref(),
            has_demo: self.tour.demo().is_some(),
        }
    }

    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Messages that wait while it is frozen.
    pub fn held(&self) -> usize {
        self.frozen.as_ref().map_or(0, Vec::len)
    }

    /// What has the keys: the topmost dialog, else the screen.
    pub fn top(&self) -> Option<&dyn View> {
        self.layers.last().or(self.screens.last()).map(|view| &**view)
    }

    pub fn screen(&self) -> Option<&dyn View> {
        self.screens.last().map(|view| &**view)
    }

    /// Goes to a place; where one is already there, nothing happens but that dialogs close.
    pub fn open(&mut self, place: &Place) {
        self.layers.clear();
        if self.screen().and_then(View::place).as_ref() == Some(place) {
            return;
        }
        let Some(mut view) = screens::open(place) else {
            self.say(Tone::Bad, format!("There is no screen `{}`", place.screen));
            return;
        };
        let name = view.name();
        if let (Some(table), Some(filter)) = (view.table(), self.filters.get(name)) {
            table.set_filter(filter);
        }
        self.keep_filter();
        self.forward.clear();
        self.screens.push(view);
        if self.screens.len() > HISTORY {
            self.screens.remove(0);
        }
    }

    /// Puts a dialog over all else. The way out is never barred.
    pub(super) fn put_over(&mut self, view: Box<dyn View>) {
        let leaving = |view: &dyn View| view.name() == "leave";
        if leaving(&*view) && self.top().is_some_and(leaving) {
            return;
        }
        if self.layers.len() < LAYERS || leaving(&*view) {
            self.layers.push(view);
        } else {
            self.say(Tone::Warn, "Too many dialogs are open: Esc closes this one");
        }
    }

    pub(super) fn keep_filter(&mut self) {
        if let Some(view) = self.screens.last_mut() {
            let name = view.name();
            if let Some(table) = view.table() {
                self.filters.insert(name, table.filter_text().to_owned());
            }
        }
    }

    pub(super) fn back(&mut self) -> bool {
        if self.screens.len() < 2 {
            return false;
        }
        self.keep_filter();
        if let Some(view) = self.screens.pop() {
            self.forward.push(view);
        }
        true
    }

    pub(super) fn ahead(&mut self) -> bool {
        match self.forward.pop() {
            Some(view) => {
                self.screens.push(view);
                true
            }
            None => false,
        }
    }

    pub fn say(&mut self, tone: Tone, text: impl Into<String>) {
        // What went wrong stays longer than what went well.
        let stay = if tone == Tone::Bad { NOTICE * 2 } else { NOTICE };
        let text = text.into();
        if self.messages.len() >= MESSAGES {
            self.messages.pop_front();
        }
        self.messages.push_back(Message { at: self.now, tone, text: text.clone() });
        self.notice = Some(Notice { tone, text, until: self.now + stay });
    }

    pub(super) fn remember(&mut self, action: Action) {
        self.actions.push_back(action);
        if self.actions.len() > ACTIONS {
            self.actions.pop_front();
        }
    }

    /// Where dialogs are drawn: all of it, but for the tour's strip and the hints while it is shown.
    pub fn stage(&self) -> Rect {
        let strip = self.tour.height(self.window);
        let used = if strip > 0 { strip + 1 } else { 0 };
        Rect { height: self.window.height.saturating_sub(used), ..self.window }
    }

    /// Where the screen is drawn: all but the header, the tour's strip and the hints.
    pub fn body(&self) -> Rect {
        let strip = self.tour.height(self.window);
        let used = 2 + strip;
        Rect {
            y: self.window.y + 1,
            height: self.window.height.saturating_sub(used),
            ..self.window
        }
    }

    /// The words of the way here: workspace ▸ Endpoints ▸ iris-live.
    pub fn breadcrumbs(&self) -> Vec<String> {
        let mut crumbs = vec![self.workspace.clone()];
        if let Some(view) = self.screen() {
            if let Some(place) = view.place()
                && place.subject.is_some()
                && let Some(screen) = screens::find(place.screen)
            {
                crumbs.push(screen.parent.to_owned());
            }
            crumbs.push(view.title());
        }
        crumbs
    }

    pub(super) fn effects_of(&mut self, effects: &[Effect]) {
        for effect in effects {
            let (ticket, title, words) = match effect {
                Effect::Run { ticket, words } => (*ticket, words.join(" "), Some(words.clone())),
                Effect::Call { ticket, operation, .. } => (*ticket, operation.clone(), None),
                Effect::Post { ticket, path } => (*ticket, path.clone(), None),
                Effect::Invoke { ticket, endpoint, .. } => {
                    (*ticket, format!("InvokeEndpoint {endpoint}"), None)
                }
                Effect::Save { ticket, path, .. } => (*ticket, format!("write {path}"), None),
                _ => continue,
            };
            let (since, what) = (self.now, String::new());
            self.work.insert(ticket, Work { title, since, done: 0, total: 0, what, words });
        }
    }
}
