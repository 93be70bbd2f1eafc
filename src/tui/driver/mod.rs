//! Runs the workbench: reads the terminal and the region, does what update asks for, draws.
//!
//! A frame is drawn when something changed, at most sixty times a second, and right away after a key.
//! Keys come on a channel of their own and go first, so that no flood of log lines delays them.

mod follow;
pub mod input;
mod link;
mod load;
mod logs;
mod object;
mod perform;
mod record;
pub mod replay;
pub mod still;
pub mod terminal;

use super::colour::Depth;
use super::effect::Effect;
use super::frame;
use super::msg::{Answer, Failure, Link, Msg, Stamped, Ticket};
use super::state::{Options, State};
use super::update::{settle, update};
use super::view::Tone;
use crate::command::admin;
use crate::command::trust::{self, Trust};
use crate::command::workspace::Workspace;
use crate::domain::time::{Clock, SystemClock};
use crossterm::event::Event;
use input::Input;
use perform::{Left, Performer};
use record::Recorder;
use serde_json::json;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use terminal::{Notice, Screen, ScreenError};
use tokio::sync::{Notify, mpsc, watch};

/// Messages of the region that wait to be taken in; more make their senders wait.
const WAITING: usize = 256;
/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(16);
/// Messages taken in before a frame.
const BURST: usize = 64;

/// What the workbench is started with.
pub struct Launch {
    pub workspace: Workspace,
    pub options: Options,
    pub depth: Depth,
    /// `$VISUAL`, `$EDITOR` or what the configuration names.
    pub editor: String,
    /// Keeps every message, for `sagebrush replay`.
    pub record: Option<PathBuf>,
}

/// Why the workbench did not run, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    #[error(transparent)]
    Screen(#[from] ScreenError),
    #[error("the terminal: {0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Options(String),
    #[error("{}: {source}", path.display())]
    Record { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Stop(String),
}

struct Driver {
    state: State,
    performer: Performer,
    screen: Screen,
    input: Option<Input>,
    recorder: Option<Recorder>,
    clock: SystemClock,
    editor: String,
    /// Where the link waits for the folder to be trusted.
    trusted: watch::Sender<bool>,
    /// Asks the link to start a region that has gone.
    start: Arc<Notify>,
    folder: PathBuf,
    told: mpsc::Sender<Msg>,
    dirty: bool,
    drawn: Instant,
    leave: Option<bool>,
    /// The exit code that a signal or a panic asks for.
    ended: Option<u8>,
    dropped: u64,
}

/// Runs until the user leaves; the answer is the exit code.
///
/// # Errors
/// The terminal cannot be used, or the options name a key that does not exist.
pub async fn run(launch: Launch) -> Result<u8, DriverError> {
    let clock = SystemClock;
    let now = clock.now().as_millis();
    let state = State::new(launch.options, now).map_err(DriverError::Options)?;
    let recorder = match &launch.record {
        Some(path) => Some(
            Recorder::create(path, &state, now)
                .map_err(|source| DriverError::Record { path: path.clone(), source })?,
        ),
        None => None,
    };
    let (known, client) = watch::channel(None);
    let (told, mut messages) = mpsc::channel(WAITING);
    let (noted, mut notices) = mpsc::channel(8);
    let folder = launch.workspace.folder.clone();
    let listener: terminal::Listener = Arc::new(move |notice| {
        let _ = noted.try_send(notice);
    });
    let title = format!("sagebrush · {}", launch.workspace.name());
    let screen = Screen::enter(terminal::Options {
        mouse: state.mouse,
        title,
        depth: launch.depth,
        reports: Some(launch.workspace.kept()),
        ..terminal::Options::new(listener)
    })?;
    let (trusted, may_start) = watch::channel(false);
    let start = Arc::new(Notify::new());
    let performer = Performer::new(client, told.clone(), folder.clone());
    let mut driver = Driver {
        state,
        performer,
        screen,
        input: None,
        recorder,
        clock,
        editor: launch.editor,
        trusted,
        start: Arc::clone(&start),
        folder,
        told: told.clone(),
        dirty: true,
        drawn: Instant::now(),
        leave: None,
        ended: None,
        dropped: 0,
    };
    driver.size()?;
    driver.draw()?;
    driver.input = Some(Input::start()?);
    driver.judge();
    let link = tokio::spawn(link::keep(launch.workspace.clone(), (may_start, start), known, told));
    let outcome = driver.turn(&mut messages, &mut notices).await;
    link.abort();
    let (stop, ended) = (driver.leave == Some(true), driver.ended);
    drop(driver);
    outcome?;
    if stop {
        admin::stop(&launch.workspace)
            .await
            .map_err(|error| DriverError::Stop(error.to_string()))?;
    }
    Ok(ended.unwrap_or(0))
}

impl Driver {
    /// A folder that is trusted, or has nothing in it that could run, opens; another one is shown.
    fn judge(&mut self) {
        let found = match Trust::of_user(&self.folder) {
            Ok(Trust::Trusted | Trust::Empty) => {
                self.trusted.send_replace(true);
                return;
            }
            Ok(Trust::New(found)) => {
                let lines = found.lines();
                lines.iter().map(|(what, names)| format!("{what}: {names}")).collect()
            }
            Err(error) => vec![error.to_string()],
        };
        let folder = self.folder.display().to_string();
        self.take(Msg::Link(Link::Untrusted { folder, found }));
    }

    async fn turn(
        &mut self,
        messages: &mut mpsc::Receiver<Msg>,
        notices: &mut mpsc::Receiver<Notice>,
    ) -> Result<(), DriverError> {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        while self.leave.is_none() && self.ended.is_none() {
            let due = self.drawn + FRAME;
            let Some(input) = &self.input else { return Ok(()) };
            tokio::select! {
                biased;
                event = input.next() => {
                    let Some(event) = event else { return Ok(()) };
                    self.typed(event);
                    while let Some(event) = self.input.as_ref().and_then(Input::try_next) {
                        self.typed(event);
                    }
                    // What one typed is seen at once.
                    self.draw()?;
                }
                Some(notice) = notices.recv() => self.noticed(&notice)?,
                () = tokio::time::sleep_until(due.into()), if self.dirty => self.draw()?,
                msg = messages.recv() => {
                    let Some(msg) = msg else { return Ok(()) };
                    self.take(msg);
                    for _ in 0..BURST {
                        let Ok(msg) = messages.try_recv() else { break };
                        self.take(msg);
                    }
                }
                _ = seconds.tick() => {
                    self.count_dropped();
                    self.take(Msg::Tick);
                }
            }
        }
        Ok(())
    }

    fn typed(&mut self, event: Event) {
        // What a terminal keeps of what stood in another size is anybody's guess.
        if matches!(event, Event::Resize(..))
            && let Err(error) = self.screen.redraw()
        {
            self.state.say(Tone::Bad, format!("The terminal: {error}"));
        }
        self.take(match event {
            Event::Key(key) => Msg::Key(key),
            Event::Mouse(mouse) => Msg::Mouse(mouse),
            Event::Paste(text) => Msg::Paste(text),
            Event::Resize(columns, rows) => Msg::Resize(columns, rows),
            Event::FocusGained => Msg::Focus(true),
            Event::FocusLost => Msg::Focus(false),
        });
    }

    fn noticed(&mut self, notice: &Notice) -> io::Result<()> {
        self.ended = notice.exit_code();
        if self.ended.is_none() {
            self.screen.redraw()?;
            self.size()?;
            self.dirty = true;
        }
        Ok(())
    }

    /// The window may have another size than the one that was assumed.
    fn size(&mut self) -> io::Result<()> {
        let (columns, rows) = self.screen.size()?;
        self.take(Msg::Resize(columns, rows));
        Ok(())
    }

    fn count_dropped(&mut self) {
        let dropped = self.input.as_ref().map_or(0, |input| input.counts().dropped);
        if dropped > self.dropped {
            let count = dropped - self.dropped;
            self.dropped = dropped;
            self.take(Msg::Dropped { what: "keys and clicks".into(), count });
        }
    }

    fn take(&mut self, msg: Msg) {
        let at = self.clock.now().as_millis();
        let stamped = Stamped { at, msg };
        self.record(&stamped);
        let effects = update(&mut self.state, stamped);
        self.perform(effects);
        self.dirty = true;
    }

    fn record(&mut self, stamped: &Stamped) {
        if let Some(recorder) = &mut self.recorder
            && let Err(error) = recorder.keep(stamped)
        {
            self.recorder = None;
            self.state.say(Tone::Bad, format!("The recording ended: {error}"));
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Some(left) = self.performer.perform(effect) else { continue };
            let outcome = match left {
                Left::Quit { stop } => {
                    self.leave = Some(stop);
                    Ok(())
                }
                Left::Redraw => self.screen.redraw(),
                Left::Mouse(on) => self.screen.set_mouse(on),
                Left::Suspend => self.suspend(),
                Left::Copy(text) => {
                    if let Err(error) = self.screen.copy(&text) {
                        self.state.say(Tone::Bad, error.to_string());
                    }
                    Ok(())
                }
                Left::Edit { ticket, suffix, text } => {
                    self.edit(ticket, &suffix, &text);
                    Ok(())
                }
                Left::Start => {
                    self.start.notify_one();
                    Ok(())
                }
                Left::Trust => {
                    match trust::trust(&self.folder) {
                        Ok(()) => drop(self.trusted.send_replace(true)),
                        Err(error) => self.state.say(Tone::Bad, error.to_string()),
                    }
                    Ok(())
                }
            };
            if let Err(error) = outcome {
                self.state.say(Tone::Bad, format!("The terminal: {error}"));
            }
        }
    }

    fn paused<T>(&mut self, work: impl FnOnce(&mut Screen) -> T) -> T {
        if let Some(input) = &self.input {
            input.pause();
        }
        let result = work(&mut self.screen);
        if let Some(input) = &self.input {
            input.resume();
        }
        result
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.paused(Screen::suspend)?;
        self.size()
    }

    fn edit(&mut self, ticket: Ticket, suffix: &str, text: &str) {
        let editor = self.editor.clone();
        let edited = self.paused(|screen| screen.edit(text, suffix, &editor));
        let outcome = match edited {
            Ok(edited) => Ok(json!({"text": edited.text, "changed": edited.text != text})),
            Err(error) => Err(Failure { code: "Editor".into(), message: error.to_string() }),
        };
        let msg = Msg::Answer { ticket, answer: Answer { outcome, calls: Vec::new() } };
        if self.told.try_send(msg).is_err() {
            self.state.say(Tone::Warn, "The editor's text could not be taken: try again");
        }
        if let Err(error) = self.size() {
            self.state.say(Tone::Bad, format!("The terminal: {error}"));
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        self.record(&Stamped { at: self.clock.now().as_millis(), msg: Msg::Frame });
        let effects = settle(&mut self.state);
        self.perform(effects);
        let state = &self.state;
        self.screen.draw(|window| frame::draw(state, window))?;
        self.drawn = Instant::now();
        self.dirty = false;
        Ok(())
    }
}
