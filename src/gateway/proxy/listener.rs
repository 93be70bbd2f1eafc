//! The proxy's listening socket and the one thread that serves it.

use super::Proxy;
use super::refusal::Refusal;
use crate::gateway::connection::Peer;
use crate::gateway::{PortChoice, StartError, peer, server};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Connections at once, tunnels among them.
const CONNECTIONS: usize = 1024;
/// Of them, by clients that have not shown yet that they may use the proxy.
const STRANGERS: usize = 32;
/// Threads that resolve names of hosts that are not AWS's.
const RESOLVERS: usize = 8;

/// A proxy at work. Dropping it ends it and cuts its connections.
pub struct Listening {
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// Accepts no more and lets requests under way finish within the limits' grace.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It ends within the grace; nothing else is done meanwhile.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

pub(super) fn start(proxy: Arc<Proxy>, port: PortChoice) -> Result<Listening, StartError> {
    let (listener, _) = server::listen(port)?;
    let address = listener.local_addr().map_err(|source| StartError::Listen { port: 0, source })?;
    let (stop, stopped) = watch::channel(false);
    let thread = std::thread::Builder::new()
        .name("proxy".into())
        .spawn(move || run(proxy, listener, stopped))
        .map_err(StartError::Worker)?;
    Ok(Listening { address, stop, thread: Some(thread) })
}

fn run(proxy: Arc<Proxy>, listener: StdListener, stop: watch::Receiver<bool>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVERS)
        .build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(serve(proxy, listener, stop));
            // A name that is still being looked up holds nobody up.
            runtime.shutdown_background();
        }
        Err(error) => tracing::error!(%error, "the proxy has no runtime"),
    }
}

async fn serve(proxy: Arc<Proxy>, listener: StdListener, mut stop: watch::Receiver<bool>) {
    let listener =
        match listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "the proxy cannot accept");
                return;
            }
        };
    let places = Places {
        all: Arc::new(Semaphore::new(CONNECTIONS)),
        strangers: Arc::new(Semaphore::new(STRANGERS)),
    };
    let mut connections = JoinSet::new();
    let stopping = stop.clone();
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a proxied connection's task panicked");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => places.take(stream, &proxy, &stopping, &mut connections),
                Err(error) => {
                    tracing::warn!(%error, "the proxy cannot accept a connection for now");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(proxy.limits.grace, ended).await;
}

struct Places {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Places {
    fn take(
        &self,
        stream: TcpStream,
        proxy: &Arc<Proxy>,
        stop: &watch::Receiver<bool>,
        connections: &mut JoinSet<()>,
    ) {
        let peer = Peer { own: peer::is_own_users(&stream), proxied: true };
        let places = if peer.own { &self.all } else { &self.strangers };
        let Ok(place) = Arc::clone(places).try_acquire_owned() else {
            let full = Refusal::new(503, "The proxy serves as many connections as it may");
            // The socket is fresh: this little fits its buffer.
            let _ = stream.try_write(&full.bytes());
            return;
        };
        let _ = stream.set_nodelay(true);
        let (proxy, stop) = (Arc::clone(proxy), stop.clone());
        connections.spawn(async move {
            proxy.serve(stream, peer, stop).await;
            drop(place);
        });
    }
}
