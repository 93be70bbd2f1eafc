//! A single picture of a screen, of a workspace's region or of a recording.

use super::follow::Follower;
use super::{DriverError, WAITING, link};
use crate::command::workspace::Workspace;
use crate::domain::time::{Clock, SystemClock};
use crate::tui::chord::Chord;
use crate::tui::effect::Effect;
use crate::tui::frame;
use crate::tui::msg::{Link, Msg, Stamped};
use crate::tui::recording::Player;
use crate::tui::state::{Options, State};
use crate::tui::theme::Theme;
use crate::tui::update::{settle, update};
use crate::tui::view::Place;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How long a picture of a living region looks at it: rates need two readings.
const LOOK: Duration = Duration::from_millis(1600);

/// What the picture shows.
pub struct Still {
    pub size: (u16, u16),
    /// The recording's, or the usual one, when left out.
    pub theme: Option<&'static Theme>,
    pub place: Option<Place>,
    /// Pressed before it is taken.
    pub keys: Vec<Chord>,
}

impl Still {
    pub fn of_recording(self, player: Player) -> State {
        let mut state = player.state;
        let at = state.now;
        self.prepare(&mut state, at);
        self.press(&mut state, at);
        state
    }

    fn prepare(&self, state: &mut State, at: i64) -> Vec<Effect> {
        if let Some(theme) = self.theme {
            state.theme = theme;
        }
        let msg = Msg::Resize(self.size.0, self.size.1);
        update(state, Stamped { at, msg });
        if let Some(place) = &self.place {
            state.open(place);
        }
        settle(state)
    }

    fn press(&self, state: &mut State, at: i64) {
        for chord in &self.keys {
            update(state, Stamped { at, msg: Msg::Key(chord.event()) });
            settle(state);
        }
        // What is said of keys pressed for the picture's sake would cover the hints.
        if !self.keys.is_empty() {
            state.notice = None;
        }
    }

    /// Looks at the workspace's region for a moment; starts none.
    pub async fn of_workspace(self, workspace: Workspace) -> Result<State, DriverError> {
        let clock = SystemClock;
        let now = || clock.now().as_millis();
        let options = Options {
            workspace: workspace.name(),
            size: self.size,
            theme: self.theme.unwrap_or(Options::default().theme),
            ..Options::default()
        };
        let mut state = State::new(options, now()).map_err(DriverError::Options)?;
        let (known, client) = watch::channel(None);
        let (told, mut messages) = mpsc::channel(WAITING);
        let mut follower = Follower::new(client, told.clone());
        let look = tokio::spawn(link::look(workspace, known, told));
        let mut follow = |effects: Vec<Effect>| {
            for effect in effects {
                if let Effect::Follow(wants) = effect {
                    follower.follow(&wants);
                }
            }
        };
        follow(self.prepare(&mut state, now()));
        let end = tokio::time::Instant::now() + LOOK;
        while let Ok(Some(msg)) = tokio::time::timeout_at(end, messages.recv()).await {
            let failed = match &msg {
                Msg::Link(Link::Failed { why }) => Some(why.clone()),
                _ => None,
            };
            update(&mut state, Stamped { at: now(), msg });
            if let Some(why) = failed {
                return Err(DriverError::Stop(why));
            }
            follow(settle(&mut state));
        }
        look.abort();
        self.press(&mut state, now());
        Ok(state)
    }
}

/// The state's window, drawn.
pub fn picture(state: &State) -> Buffer {
    let backend = TestBackend::new(state.window.width.max(1), state.window.height.max(1));
    // A backend in memory does not fail.
    let Ok(mut terminal) = Terminal::new(backend);
    let _ = terminal.draw(|window| frame::draw(state, window));
    terminal.backend().buffer().clone()
}
