//! A single picture of a screen, of a workspace's region or of a recording.

use super::perform::Performer;
use super::{DriverError, WAITING, link};
use crate::command::workspace::Workspace;
use crate::domain::time::{Clock, SystemClock};
use crate::tui::chord::Chord;
use crate::tui::effect::{Effect, Want};
use crate::tui::frame;
use crate::tui::msg::{Link, Msg, Stamped, Ticket};
use crate::tui::recording::Player;
use crate::tui::state::{Options, State};
use crate::tui::theme::Theme;
use crate::tui::update::{settle, update};
use crate::tui::view::Place;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How long a picture of a living region looks at it at least: rates need two readings.
const LOOK: Duration = Duration::from_millis(1600);
/// How long it waits for what the screen has asked for; then it is drawn as far as it is known.
const PATIENCE: Duration = Duration::from_secs(10);

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

    /// Looks at the workspace's region until the screen has what it asks for; starts none, and changes
    /// nothing.
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
        let base = workspace.folder.clone();
        let performer = Performer::new(client, told.clone(), base);
        let look = tokio::spawn(link::look(workspace, known, told));
        let mut eyes = Eyes { performer, asked: HashSet::new(), heard: HashSet::new() };
        // What a screen asks before there is a region is refused.
        eyes.perform(settle(&mut state));
        eyes.wait(&mut state, &mut messages, Duration::ZERO).await?;
        let effects = self.prepare(&mut state, now());
        eyes.perform(effects);
        eyes.wait(&mut state, &mut messages, LOOK).await?;
        for chord in &self.keys {
            let msg = Msg::Key(chord.event());
            let mut effects = update(&mut state, Stamped { at: now(), msg });
            effects.extend(settle(&mut state));
            eyes.perform(effects);
            eyes.wait(&mut state, &mut messages, Duration::ZERO).await?;
        }
        if !self.keys.is_empty() {
            state.notice = None;
        }
        look.abort();
        Ok(state)
    }
}

/// Does what a screen asks for to be drawn, and knows what has not been answered.
struct Eyes {
    performer: Performer,
    asked: HashSet<Ticket>,
    /// Streams that have told something.
    heard: HashSet<&'static str>,
}

impl Eyes {
    /// Only what reads: a picture changes nothing.
    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects.into_iter().filter(|effect| !effect.changes()) {
            let ticket = effect.ticket();
            // What is the terminal's has no terminal here.
            if self.performer.perform(effect).is_none() {
                self.asked.extend(ticket);
            }
        }
    }

    /// Takes in messages for at least so long, and until all that was asked for is there.
    async fn wait(
        &mut self,
        state: &mut State,
        messages: &mut mpsc::Receiver<Msg>,
        least: Duration,
    ) -> Result<(), DriverError> {
        let begun = Instant::now();
        while begun.elapsed() < least || !self.has_all(state) {
            let left = match self.has_all(state) {
                true => least.saturating_sub(begun.elapsed()),
                false => PATIENCE.saturating_sub(begun.elapsed()),
            };
            let Ok(Some(msg)) = tokio::time::timeout(left, messages.recv()).await else { break };
            let failed = match &msg {
                Msg::Link(Link::Failed { why }) => Some(why.clone()),
                _ => None,
            };
            match &msg {
                Msg::Answer { ticket, .. } => drop(self.asked.remove(ticket)),
                Msg::Cost(_) => drop(self.heard.insert("cost")),
                Msg::Engine(_) => drop(self.heard.insert("engine")),
                Msg::Traffic(_) => drop(self.heard.insert("traffic")),
                Msg::Endpoint { .. } => drop(self.heard.insert("endpoint")),
                Msg::TrainingJob { .. } => drop(self.heard.insert("job")),
                _ => {}
            }
            let at = SystemClock.now().as_millis();
            let mut effects = update(state, Stamped { at, msg });
            if let Some(why) = failed {
                return Err(DriverError::Stop(why));
            }
            effects.extend(settle(state));
            self.perform(effects);
        }
        Ok(())
    }

    /// Whether the region's rows, all answers and a line of each stream have come. A log without lines
    /// tells nothing, so that nobody waits for one.
    fn has_all(&self, state: &State) -> bool {
        let heard = |want: &Want| match want {
            Want::Traffic => self.heard.contains("traffic"),
            Want::Cost | Want::CostLines => self.heard.contains("cost"),
            Want::Engine => self.heard.contains("engine"),
            Want::Endpoint(_) => self.heard.contains("endpoint"),
            Want::TrainingJob(_) => self.heard.contains("job"),
            Want::Logs { .. } => true,
        };
        state.mirror.ready && self.asked.is_empty() && state.following.iter().all(heard)
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
