//! Connections to containers that are kept for the next request, a pool for each thread.
//!
//! A worker thread reuses its own connections and never asks another thread for one: no lock, and
//! no request that waits on a different core for its connection to be driven.

use super::body::Request;
use super::instance::Instance;
use crate::engine::Address;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UnixStream};

/// How many idle connections a thread keeps for each instance.
const MAX_IDLE: usize = 256;
/// Servers drop idle connections after a while; one dropped just as we write costs a request.
const MAX_IDLE_TIME: Duration = Duration::from_secs(4);

/// A connection to a container and whether it has carried a request before.
pub(super) struct Connection {
    pub sender: SendRequest<Request>,
    pub used: bool,
}

struct Idle {
    sender: SendRequest<Request>,
    since: Instant,
    instance: Arc<Instance>,
}

#[derive(Default)]
struct Pool {
    /// By [`Instance::key`].
    idle: HashMap<u64, Vec<Idle>>,
    /// The plane's generation when retired instances were last let go.
    generation: u64,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// An idle connection of this thread that is good to use, newest first, or a new one.
pub(super) async fn take(instance: &Arc<Instance>, generation: u64) -> io::Result<Connection> {
    while let Some(mut sender) = take_idle(instance, generation) {
        // Ready at once unless its last answer was not read to the end; an error means closed.
        if sender.is_ready() || sender.ready().await.is_ok() {
            return Ok(Connection { sender, used: true });
        }
    }
    connect(&instance.target.address).await
}

fn take_idle(instance: &Instance, generation: u64) -> Option<SendRequest<Request>> {
    POOL.with_borrow_mut(|pool| {
        if pool.generation != generation {
            pool.generation = generation;
            pool.idle
                .retain(|_, idle| idle.first().is_some_and(|idle| !idle.instance.is_retired()));
        }
        let idle = pool.idle.get_mut(&instance.key)?;
        while let Some(Idle { sender, since, .. }) = idle.pop() {
            if !sender.is_closed() && since.elapsed() < MAX_IDLE_TIME {
                return Some(sender);
            }
        }
        None
    })
}

/// A connection of its own, outside any pool.
pub(super) async fn connect(address: &Address) -> io::Result<Connection> {
    let sender = match address {
        Address::Unix(path) => handshake(UnixStream::connect(path).await?).await,
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            handshake(stream).await
        }
    };
    let sender = sender.map_err(io::Error::other)?;
    Ok(Connection { sender, used: false })
}

async fn handshake<S>(stream: S) -> hyper::Result<SendRequest<Request>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Driven on the runtime of the thread that uses it. How it ended is told through the sender.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

/// Keeps a connection whose answer has been read to the end.
pub(super) fn give_back(instance: &Arc<Instance>, sender: SendRequest<Request>) {
    if sender.is_closed() || instance.is_retired() {
        return;
    }
    POOL.with_borrow_mut(|pool| {
        let idle = pool.idle.entry(instance.key).or_default();
        if idle.len() < MAX_IDLE {
            idle.push(Idle { sender, since: Instant::now(), instance: Arc::clone(instance) });
        }
    });
}
