//! Runs the workbench: reads the terminal and the region, does what update asks for, draws.
//!
//! A frame is drawn when something changed, at most sixty times a second, and right away after a key.
//! Keys come on a channel of their own and go first, so that no flood of log lines delays them.

mod follow;
mod link;
mod load;
mod object;
mod perform;

use super::effect::Effect;
use super::frame;
use super::msg::{Msg, Stamped};
use super::state::{Options, State};
use super::update::{settle, update};
use crate::command::admin;
use crate::command::workspace::Workspace;
use crate::domain::time::{Clock, SystemClock};
use crossterm::event::Event;
use perform::{Left, Performer};
use ratatui::DefaultTerminal;
use std::io;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

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
}

struct Driver {
    state: State,
    performer: Performer,
    terminal: DefaultTerminal,
    clock: SystemClock,
    dirty: bool,
    drawn: Instant,
    leave: Option<bool>,
}

/// Runs until the user leaves.
///
/// # Errors
/// The terminal cannot be used, or the options name a key that does not exist.
pub async fn run(launch: Launch) -> io::Result<()> {
    let clock = SystemClock;
    let state = State::new(launch.options, clock.now().as_millis()).map_err(io::Error::other)?;
    let (known, client) = watch::channel(None);
    let (told, mut messages) = mpsc::channel(WAITING);
    let (typed, mut keys) = mpsc::channel(WAITING);
    let base = perform::base(&launch.workspace.folder);
    let performer = Performer::new(client, told.clone(), base);
    let terminal = ratatui::try_init()?;
    let mut driver = Driver {
        state,
        performer,
        terminal,
        clock,
        dirty: true,
        drawn: Instant::now(),
        leave: None,
    };
    driver.draw()?;
    std::thread::spawn(move || read(&typed));
    let link = tokio::spawn(link::keep(launch.workspace.clone(), known, told));
    let outcome = driver.turn(&mut keys, &mut messages).await;
    link.abort();
    ratatui::restore();
    outcome?;
    if driver.leave == Some(true) {
        admin::stop(&launch.workspace)
            .await
            .map_err(|error| io::Error::other(error.to_string()))?;
    }
    Ok(())
}

/// Reads the terminal until nobody listens.
fn read(typed: &mpsc::Sender<Msg>) {
    while let Ok(event) = crossterm::event::read() {
        let msg = match event {
            Event::Key(key) => Msg::Key(key),
            Event::Mouse(mouse) => Msg::Mouse(mouse),
            Event::Paste(text) => Msg::Paste(text),
            Event::Resize(columns, rows) => Msg::Resize(columns, rows),
            Event::FocusGained => Msg::Focus(true),
            Event::FocusLost => Msg::Focus(false),
        };
        if typed.blocking_send(msg).is_err() {
            return;
        }
    }
}

impl Driver {
    async fn turn(
        &mut self,
        keys: &mut mpsc::Receiver<Msg>,
        messages: &mut mpsc::Receiver<Msg>,
    ) -> io::Result<()> {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        while self.leave.is_none() {
            let due = self.drawn + FRAME;
            tokio::select! {
                biased;
                key = keys.recv() => {
                    let Some(key) = key else { return Ok(()) };
                    self.take(key);
                    while let Ok(key) = keys.try_recv() {
                        self.take(key);
                    }
                    // What one typed is seen at once.
                    self.draw()?;
                }
                () = tokio::time::sleep_until(due.into()), if self.dirty => self.draw()?,
                msg = messages.recv() => {
                    let Some(msg) = msg else { return Ok(()) };
                    self.take(msg);
                    for _ in 0..BURST {
                        let Ok(msg) = messages.try_recv() else { break };
                        self.take(msg);
                    }
                }
                _ = seconds.tick() => self.take(Msg::Tick),
            }
        }
        Ok(())
    }

    fn take(&mut self, msg: Msg) {
        let at = self.clock.now().as_millis();
        let effects = update(&mut self.state, Stamped { at, msg });
        self.perform(effects);
        self.dirty = true;
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match self.performer.perform(effect) {
                Some(Left::Quit { stop }) => self.leave = Some(stop),
                Some(Left::Redraw) => {
                    let _ = self.terminal.clear();
                }
                _ => {}
            }
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let effects = settle(&mut self.state);
        self.perform(effects);
        self.terminal.draw(|window| frame::draw(&self.state, window))?;
        self.drawn = Instant::now();
        self.dirty = false;
        Ok(())
    }
}
