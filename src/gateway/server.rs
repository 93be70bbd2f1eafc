//! The listening socket and the threads that serve it.
//!
//! Each worker thread has a runtime of its own and accepts from the one shared socket, so a
//! connection stays on the thread that took it and whoever is less busy takes the next. There is
//! one socket and no SO_REUSEPORT: two workspaces must never share a port unawares.

use super::connection::{self, Handler, Peer};
use super::gauges::Gauges;
use super::limits::Limits;
use super::{PortChoice, StartError, peer, refusal};
use crate::api::error::AwsError;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Ports tried, beginning with the preferred one.
const PORTS: u16 = 100;
/// Descriptors kept for everything that is not a connection.
const RESERVED_FILES: u64 = 1024;
/// Connections over the limit that are being told so; beyond these they are closed without a word.
const TURNED_AWAY: usize = 64;

/// Listens on loopback. Says which port was taken when another had to be chosen.
pub(super) fn listen(choice: PortChoice) -> Result<(StdListener, Option<u16>), StartError> {
    match choice {
        PortChoice::Exactly(port) => match bind(port) {
            Ok(listener) => Ok((listener, None)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(StartError::Taken { port })
            }
            Err(source) => Err(StartError::Listen { port, source }),
        },
        PortChoice::From(first) => {
            let last = first.saturating_add(PORTS - 1);
            for port in first..=last {
                match bind(port) {
                    Ok(listener) => return Ok((listener, (port != first).then_some(first))),
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                    Err(source) => return Err(StartError::Listen { port, source }),
                }
            }
            Err(StartError::NoneFree { first, last })
        }
    }
}

/// A listening socket with a backlog for a burst of thousands, which std's is not.
fn bind(port: u16) -> io::Result<StdListener> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(16_384)?.into_std()
}

/// Lets the process have as many files as it may, and says how many that is.
pub(super) fn raise_open_files() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if limit.current != limit.maximum && setrlimit(Resource::Nofile, raised).is_err() {
            return limit.current;
        }
        limit.maximum
    }
    #[cfg(not(unix))]
    None
}

/// How the workers are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Serve,
    /// Requests under way finish.
    Gracefully,
    Now,
}

/// The worker threads.
pub(super) struct Workers {
    stop: watch::Sender<Stop>,
    /// What connections look at: true once no further request is taken.
    closing: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    gauges: Arc<Gauges>,
    /// Each worker says how many connections it had to cut.
    report: mpsc::UnboundedSender<usize>,
    ended: mpsc::UnboundedReceiver<usize>,
}

struct Shared<H> {
    handler: Arc<H>,
    limits: Limits,
    /// What connections get that are not the owner's.
    limits_of_strangers: Limits,
    capacity: usize,
    strangers: AtomicUsize,
    gauges: Arc<Gauges>,
    turned_away: AtomicUsize,
}

impl Workers {
    /// No threads yet: those whom they call may want to know when it ends.
    pub(super) fn prepare() -> Self {
        let (report, ended) = mpsc::unbounded_channel();
        let (stop, closing) = (watch::Sender::new(Stop::Serve), watch::Sender::new(false));
        let gauges = Arc::default();
        Self { stop, closing, threads: Vec::new(), gauges, report, ended }
    }

    pub(super) fn start<H: Handler>(
        mut self,
        listeners: &[StdListener],
        handler: Arc<H>,
        limits: Limits,
        count: usize,
    ) -> Result<Self, StartError> {
        let capacity = raise_open_files().map_or(limits.connections, |files| {
            limits
                .connections
                .min(usize::try_from(files - RESERVED_FILES.min(files / 2)).unwrap_or(1))
        });
        self.gauges.capacity.store(capacity, Ordering::Relaxed);
        let shared = Arc::new(Shared {
            handler,
            limits_of_strangers: limits.of_strangers(),
            limits,
            capacity,
            strangers: AtomicUsize::new(0),
            gauges: Arc::clone(&self.gauges),
            turned_away: AtomicUsize::new(0),
        });
        for index in 0..count.max(1) {
            let own: io::Result<Vec<_>> = listeners.iter().map(StdListener::try_clone).collect();
            let own = own.map_err(StartError::Worker)?;
            let worker = Worker {
                shared: Arc::clone(&shared),
                stop: self.stop.subscribe(),
                closing: self.closing.subscribe(),
                report: self.report.clone(),
            };
            let thread = std::thread::Builder::new()
                .name(format!("gateway-{index}"))
                .spawn(move || worker.run(own))
                .map_err(StartError::Worker)?;
            self.threads.push(thread);
        }
        Ok(self)
    }

    /// Requests under way finish within the limits' grace; returns how many connections were cut.
    pub(super) async fn shutdown(mut self) -> usize {
        self.stop.send_replace(Stop::Gracefully);
        self.closing.send_replace(true);
        let mut cut = 0;
        for _ in 0..self.threads.len() {
            cut += self.ended.recv().await.unwrap_or(0);
        }
        for thread in self.threads.drain(..) {
            // It has reported, so it is about to end.
            let _ = thread.join();
        }
        cut
    }

    pub(super) fn gauges(&self) -> Arc<Gauges> {
        Arc::clone(&self.gauges)
    }

    /// Turns true once no further request is taken; endless answers end on it.
    pub(super) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.closing.send_replace(true);
        self.stop.send_replace(Stop::Now);
    }
}

struct Worker<H> {
    shared: Arc<Shared<H>>,
    stop: watch::Receiver<Stop>,
    closing: watch::Receiver<bool>,
    report: mpsc::UnboundedSender<usize>,
}

impl<H: Handler> Worker<H> {
    fn run(self, listeners: Vec<StdListener>) {
        let report = self.report.clone();
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "a gateway worker has no runtime");
                let _ = report.send(0);
                return;
            }
        };
        let cut = runtime.block_on(self.serve(listeners));
        drop(runtime);
        let _ = report.send(cut);
    }

    async fn serve(self, listeners: Vec<StdListener>) -> usize {
        let adopt = |listener: StdListener| {
            listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener))
        };
        let listeners: Vec<TcpListener> =
            match listeners.into_iter().map(adopt).collect::<io::Result<_>>() {
                Ok(listeners) => listeners,
                Err(error) => {
                    tracing::error!(%error, "a gateway worker cannot accept");
                    return 0;
                }
            };
        let mut connections = JoinSet::new();
        let mut stop = self.stop.clone();
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop != Stop::Serve) => break,
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a connection's task panicked");
                    }
                }
                accepted = accept(&listeners) => match accepted {
                    Ok(stream) => self.take(stream, &mut connections),
                    Err(error) => self.accept_failed(&error).await,
                },
            }
        }
        drop(listeners);
        let grace = self.shared.limits.grace;
        tokio::select! {
            () = async { while connections.join_next().await.is_some() {} } => {}
            () = tokio::time::sleep(grace) => {}
            _ = stop.wait_for(|stop| *stop == Stop::Now) => {}
        }
        connections.len()
    }

    /// Whose connection it is decides over its place: others have a few of their own, and what they
    /// do with them is no loss to the owner.
    fn take(&self, stream: TcpStream, connections: &mut JoinSet<()>) {
        let shared = Arc::clone(&self.shared);
        let peer = Peer { own: peer::is_own_users(&stream), proxied: false };
        // Where the system does not tell, the owner's cannot be told apart either.
        let is_stranger = !peer.own && peer::tells_users();
        let most = shared.limits.strangers.min(shared.capacity);
        if is_stranger && shared.strangers.fetch_add(1, Ordering::Relaxed) >= most {
            shared.strangers.fetch_sub(1, Ordering::Relaxed);
            turn_away(stream, shared, refusal::full_of_strangers(most), connections);
            return;
        }
        if shared.gauges.open.fetch_add(1, Ordering::Relaxed) >= shared.capacity {
            shared.gauges.open.fetch_sub(1, Ordering::Relaxed);
            if is_stranger {
                shared.strangers.fetch_sub(1, Ordering::Relaxed);
            }
            let full = refusal::full(shared.capacity);
            turn_away(stream, shared, full, connections);
            return;
        }
        let closing = self.closing.clone();
        connections.spawn(async move {
            let _counted = Counted(&shared.gauges.open);
            let _stranger = is_stranger.then(|| Counted(&shared.strangers));
            let limits = if is_stranger { &shared.limits_of_strangers } else { &shared.limits };
            let handler = Arc::clone(&shared.handler);
            connection::serve(stream, peer, handler, limits, closing).await;
        });
    }

    /// Out of descriptors or memory: the connection stays in the backlog for a moment.
    async fn accept_failed(&self, error: &io::Error) {
        if !matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
        ) {
            tracing::warn!(%error, "cannot accept a connection for now");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The next connection of whichever socket has one.
async fn accept(listeners: &[TcpListener]) -> io::Result<TcpStream> {
    std::future::poll_fn(|cx| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted.map(|(stream, _)| stream));
            }
        }
        Poll::Pending
    })
    .await
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Says why, to the first of those who come at once, and closes.
fn turn_away<H: Handler>(
    stream: TcpStream,
    shared: Arc<Shared<H>>,
    why: AwsError,
    connections: &mut JoinSet<()>,
) {
    Gauges::count(&shared.gauges.turned_away, 1);
    if shared.turned_away.fetch_add(1, Ordering::Relaxed) >= TURNED_AWAY {
        shared.turned_away.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    connections.spawn(async move {
        let _counted = Counted(&shared.turned_away);
        // The socket is fresh: this little fits its buffer.
        let _ = stream.try_write(&refusal::raw(&why));
        connection::read_away(stream).await;
    });
}
