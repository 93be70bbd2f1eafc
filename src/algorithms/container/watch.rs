//! Ends the container when nobody reads its output any more, and lets requests finish at SIGTERM.
//!
//! A region that was killed cannot stop its containers. The kernel closes the other end of
//! their stdout, though, and that is an event one can wait for: no orphan outlives its region.

use super::say;
use crate::algorithms::Failure;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How long requests under way may take once the container is told to stop; SIGKILL comes after 30 s.
const DRAIN: Duration = Duration::from_secs(25);

/// Ends the process once stdout's reader is gone.
pub(super) fn stdout() -> Result<(), Failure> {
    spawn(|| {
        let stdout = std::io::stdout();
        wait(&mut [PollFd::new(&stdout.as_fd(), PollFlags::empty())]);
        orphaned();
    })
}

/// Ends the process once stdout's reader is gone, or at SIGTERM when the requests under way are answered.
pub(super) fn stdout_and_term(requests: Arc<Requests>) -> Result<(), Failure> {
    let (mut told, teller) = UnixStream::pair()
        .map_err(|error| Failure::internal(format!("cannot make a socket pair: {error}")))?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, teller)
        .map_err(|error| Failure::internal(format!("cannot listen for SIGTERM: {error}")))?;
    spawn(move || {
        let stdout = std::io::stdout();
        let (output, signal) = (stdout.as_fd(), told.as_fd());
        let mut events =
            [PollFd::new(&output, PollFlags::empty()), PollFd::new(&signal, PollFlags::IN)];
        wait(&mut events);
        if events[1].revents().is_empty() {
            orphaned();
        }
        let _ = told.read(&mut [0]);
        say("SIGTERM: the requests under way are answered, then this container ends");
        requests.drain(DRAIN);
        std::process::exit(0);
    })
}

fn spawn(body: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    std::thread::Builder::new()
        .name("watch".to_owned())
        .stack_size(128 << 10)
        .spawn(body)
        .map(drop)
        .map_err(|error| Failure::internal(format!("cannot start a thread: {error}")))
}

fn wait(events: &mut [PollFd<'_>]) {
    // A signal may interrupt the wait; anything else poll could say will not mend itself.
    while let Err(rustix::io::Errno::INTR) = poll(events, None) {}
}

fn orphaned() -> ! {
    std::process::exit(1)
}

/// The requests under way.
#[derive(Default)]
pub(super) struct Requests {
    under_way: AtomicUsize,
    draining: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Requests {
    pub(super) fn begin(&self) {
        self.under_way.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn end(&self) {
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if self.draining.load(Ordering::SeqCst) {
            let _held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.changed.notify_all();
        }
    }

    fn drain(&self, limit: Duration) {
        self.draining.store(true, Ordering::SeqCst);
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self
            .changed
            .wait_timeout_while(held, limit, |()| self.under_way.load(Ordering::SeqCst) > 0);
    }
}
