//! Where events come from: the terminal by way of crossterm, or a test's script.

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// What a wait has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// Somebody wants something of the thread.
    Woken,
    /// The terminal has hung up.
    Gone,
}

/// Something that events can be read from.
pub trait Source {
    /// Waits for as long as it takes.
    fn wait(&mut self) -> io::Result<Readiness>;
    /// An event, without waiting.
    fn read(&mut self) -> io::Result<Option<Event>>;
}

/// Ends a wait from another thread.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    pub fn wake(&self) {
        (self.0)();
    }
}

/// Standard input through crossterm.
///
/// The waiting is done here, as crossterm's own cannot be ended from outside, and when the terminal
/// hangs up while it waits it spins for ever.
pub struct TerminalSource {
    woken: UnixStream,
    /// The signal's handler writes here when the size changes.
    resized: UnixStream,
    resize: signal_hook::SigId,
    /// The last wait found bytes of which no event has come yet.
    partial: bool,
    /// Crossterm may have read more than it has handed out: the terminal does not tell of that.
    ahead: bool,
}

impl TerminalSource {
    pub fn new() -> io::Result<(Self, Waker)> {
        // Handlers run in the order in which they came: crossterm must know of a new size before
        // this side asks it.
        let ahead = event::poll(Duration::ZERO)?;
        let (woken, wake) = pair()?;
        let (resized, signal) = pair()?;
        let resize = signal_hook::low_level::pipe::register(signal_hook::consts::SIGWINCH, signal)?;
        let waker = Waker::new(move || {
            // A full pipe wakes as well as one more byte in it.
            (&wake).write_all(&[0]).ok();
        });
        Ok((Self { woken, resized, resize, partial: false, ahead }, waker))
    }
}

fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    write.set_nonblocking(true)?;
    Ok((read, write))
}

fn drain(mut stream: &UnixStream) {
    let mut bytes = [0; 64];
    while matches!(stream.read(&mut bytes), Ok(count) if count == bytes.len()) {}
}

impl Source for TerminalSource {
    fn wait(&mut self) -> io::Result<Readiness> {
        if std::mem::take(&mut self.ahead) {
            return Ok(Readiness::Ready);
        }
        let stdin = io::stdin();
        // Bytes that make no event yet leave the terminal readable to `poll` but not to crossterm,
        // which asks at edges: then a little patience instead of a spin.
        let partial = std::mem::take(&mut self.partial);
        let limit = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        let mut places = [
            PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.resized.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
        ];
        let asked = if partial { &mut places[..2] } else { &mut places[..] };
        match poll(asked, partial.then_some(&limit)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Readiness::Woken),
            Err(error) => return Err(error.into()),
        }
        let [woken, resized, input] = places.map(|place| place.revents());
        if woken.intersects(PollFlags::IN) {
            drain(&self.woken);
            return Ok(Readiness::Woken);
        }
        if resized.intersects(PollFlags::IN) {
            drain(&self.resized);
        }
        if input.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Ok(Readiness::Gone);
        }
        self.partial = input.intersects(PollFlags::IN);
        Ok(Readiness::Ready)
    }

    fn read(&mut self) -> io::Result<Option<Event>> {
        match event::poll(Duration::ZERO) {
            Ok(true) => {
                (self.partial, self.ahead) = (false, true);
                event::read().map(Some)
            }
            Ok(false) => {
                self.ahead = false;
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for TerminalSource {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.resize);
    }
}
