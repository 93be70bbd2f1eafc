//! The thread that reads the terminal: keys, mouse, pastes, sizes.
//!
//! It sleeps until the terminal has something, so that an idle workbench is idle; it can be paused while
//! another program has the terminal, so that no key goes to the wrong one; and it hands events over a
//! bounded queue in which storms fold up instead of piling up.

mod queue;
mod source;

pub use queue::{CAPACITY, Counts};
pub use source::{Readiness, Source, TerminalSource, Waker};

use crossterm::event::Event;
use queue::Queue;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::Notify;

/// What the thread is asked to do, or does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Running,
    Paused,
    Ended,
}

struct State {
    wanted: Mode,
    /// What it does; `Ended` also when the terminal is gone.
    is: Mode,
    queue: Queue,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    arrived: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The input thread, and what it has read; ends with this.
pub struct Input {
    shared: Arc<Shared>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

/// How long a pause waits for the thread: it may be in the middle of a paste whose end does not come.
const PATIENCE: Duration = Duration::from_millis(500);

impl Input {
    /// Starts to read the terminal, which should be in raw mode.
    pub fn start() -> io::Result<Self> {
        let (source, waker) = TerminalSource::new()?;
        Self::start_with(source, waker)
    }

    pub fn start_with(source: impl Source + Send + 'static, waker: Waker) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                wanted: Mode::Running,
                is: Mode::Running,
                queue: Queue::default(),
            }),
            changed: Condvar::new(),
            arrived: Notify::new(),
        });
        let thread = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("input".into()).spawn(move || read(source, &shared))?
        };
        Ok(Self { shared, waker, thread: Some(thread) })
    }

    /// The next event, if one waits.
    pub fn try_next(&self) -> Option<Event> {
        self.shared.state().queue.pop()
    }

    /// The next event; `None` when the terminal is gone. May be given up at any time without loss.
    pub async fn next(&self) -> Option<Event> {
        loop {
            let arrived = self.shared.arrived.notified();
            {
                let mut state = self.shared.state();
                if let Some(event) = state.queue.pop() {
                    return Some(event);
                }
                if state.is == Mode::Ended {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// What was folded up and what was dropped so far.
    pub fn counts(&self) -> Counts {
        self.shared.state().queue.counts()
    }

    /// Stops reading until `resume`; true when the thread has let the terminal go.
    pub fn pause(&self) -> bool {
        self.ask(Mode::Paused)
    }

    pub fn resume(&self) {
        let mut state = self.shared.state();
        if state.wanted == Mode::Paused {
            state.wanted = Mode::Running;
            self.shared.changed.notify_all();
        }
    }

    /// Asks the thread, and waits for a while until it does so.
    fn ask(&self, mode: Mode) -> bool {
        let mut state = self.shared.state();
        if state.wanted != Mode::Ended {
            state.wanted = mode;
        }
        self.shared.changed.notify_all();
        self.waker.wake();
        let wait = |state: &mut State| state.is != mode && state.is != Mode::Ended;
        match self.shared.changed.wait_timeout_while(state, PATIENCE, wait) {
            Ok((_, waited)) => !waited.timed_out(),
            Err(_) => false,
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // A thread that does not end goes with the process.
        if self.ask(Mode::Ended)
            && let Some(thread) = self.thread.take()
        {
            thread.join().ok();
        }
    }
}

/// Says that the thread has ended, also when it panicked: nobody may wait for it in vain.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.state().is = Mode::Ended;
        self.0.changed.notify_all();
        // One waits at most; the permit stays for one who comes later.
        self.0.arrived.notify_one();
    }
}

fn read(mut source: impl Source, shared: &Shared) {
    let _ending = Ending(shared);
    while wanted(shared) == Mode::Running {
        match source.wait() {
            Ok(Readiness::Ready) => {}
            Ok(Readiness::Woken) => continue,
            Ok(Readiness::Gone) | Err(_) => return,
        }
        // As much as is there, but not for ever: a flood must not keep a pause waiting.
        for _ in 0..CAPACITY {
            match source.read() {
                Ok(Some(event)) => shared.state().queue.push(event),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        shared.arrived.notify_one();
    }
}

/// What is wanted now, after any pause is over.
fn wanted(shared: &Shared) -> Mode {
    let mut state = shared.state();
    while state.wanted == Mode::Paused {
        if state.is != Mode::Paused {
            state.is = Mode::Paused;
            shared.changed.notify_all();
        }
        state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    state.is = state.wanted;
    shared.changed.notify_all();
    state.wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyEvent};
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A terminal that has what the test sends it.
    struct Scripted {
        events: Receiver<Option<Event>>,
        next: Option<Event>,
    }

    impl Source for Scripted {
        fn wait(&mut self) -> io::Result<Readiness> {
            match self.events.recv() {
                Ok(Some(event)) => {
                    self.next = Some(event);
                    Ok(Readiness::Ready)
                }
                Ok(None) => Ok(Readiness::Woken),
                Err(_) => Ok(Readiness::Gone),
            }
        }

        fn read(&mut self) -> io::Result<Option<Event>> {
            Ok(self.next.take())
        }
    }

    fn scripted() -> (Input, Sender<Option<Event>>) {
        let (sender, events) = channel();
        let wake = sender.clone();
        let waker = Waker::new(move || {
            wake.send(None).ok();
        });
        (Input::start_with(Scripted { events, next: None }, waker).unwrap(), sender)
    }

    fn key(char: char) -> Event {
        Event::Key(KeyEvent::from(KeyCode::Char(char)))
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn events_arrive_in_order() {
        let (input, sender) = scripted();
        for char in "abc".chars() {
            sender.send(Some(key(char))).unwrap();
        }
        for char in "abc".chars() {
            assert_eq!(now(input.next()), Some(key(char)));
        }
        assert_eq!(input.try_next(), None);
    }

    #[test]
    fn while_paused_nothing_is_read() {
        let (input, sender) = scripted();
        assert!(input.pause());
        sender.send(Some(key('x'))).unwrap();
        assert_eq!(input.try_next(), None);
        // The thread stands still, so that the key is another program's to take.
        assert!(input.pause(), "pausing twice is no mistake");
        input.resume();
        assert_eq!(now(input.next()), Some(key('x')));
    }

    #[test]
    fn dropping_ends_the_thread_even_while_paused() {
        let (input, sender) = scripted();
        assert!(input.pause());
        drop(input);
        assert!(sender.send(Some(key('x'))).is_err(), "its source is gone, so the thread is");
    }

    #[test]
    fn a_terminal_that_is_gone_ends_the_events() {
        let (sender, events) = channel();
        let input = Input::start_with(Scripted { events, next: None }, Waker::new(|| {})).unwrap();
        sender.send(Some(key('l'))).unwrap();
        drop(sender);
        assert_eq!(now(input.next()), Some(key('l')));
        assert_eq!(now(input.next()), None);
        assert_eq!(now(input.next()), None, "and stays so");
    }
}
