//! The HTTP server: who is let in, routing by service, request ids, S3, `/_sagebrush/`.
//!
//! Everything that reads or changes a region comes through here, the region's own front ends
//! included. One listening socket on loopback; one thread per core, each with a runtime of its own
//! that accepts from that socket, so that an invocation never changes threads.
//!
//! S3 (`s3/`) is handed requests that are let in already: path style, without signature, aws-chunked
//! undone, what stood behind the body in an extension ([`Trailers`]).

mod budget;
mod connection;
mod credentials;
mod document;
mod door;
mod engine;
mod feed;
mod fleet;
mod follow;
mod foreign;
mod framing;
mod gauges;
mod history;
mod internal;
mod limits;
mod lines;
mod live;
mod object;
mod operate;
mod path;
mod payload;
mod peer;
mod plan;
mod private_file;
pub mod proxy;
mod pulse;
mod refusal;
mod route;
mod runtime;
pub mod s3;
mod server;
mod socket;
mod telemetry;
mod training;
mod watch;

pub use credentials::{Credentials, CredentialsError};
pub use limits::Limits;
pub use payload::Trailers;
pub use private_file::PrivateFileError;

use crate::region::Region;
use budget::Budget;
use door::Door;
use internal::Internal;
use object::Objects;
use proxy::{Proxy, ProxyOptions};
use route::Router;
use server::Workers;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch as watch_channel;

/// Which port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortChoice {
    /// This one or none; 0 lets the system choose.
    Exactly(u16),
    /// This one, or the next that is free.
    From(u16),
}

/// The port that `sagebrush` listens on when none is asked for.
pub const DEFAULT_PORT: u16 = 7242;

impl Default for PortChoice {
    fn default() -> Self {
        Self::From(DEFAULT_PORT)
    }
}

/// What a gateway is started with.
pub struct GatewayOptions {
    pub region: Arc<Region>,
    pub port: PortChoice,
    /// The region's own key.
    pub credentials: Credentials,
    /// Further ports of 127.0.0.1, each of which has to be free.
    pub ports: Vec<u16>,
    /// The forward proxy; none when `None`.
    pub proxy: Option<ProxyOptions>,
    pub limits: Limits,
    /// The workspace's folder, as `health` shows it.
    pub workspace: PathBuf,
    /// Worker threads; as many as the machine has cores when `None`.
    pub workers: Option<usize>,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("port {port} of 127.0.0.1 is taken; stop what listens there, or choose another port")]
    Taken { port: u16 },
    #[error("no port of 127.0.0.1 from {first} to {last} is free")]
    NoneFree { first: u16, last: u16 },
    #[error("cannot listen on port {port} of 127.0.0.1: {source}")]
    Listen { port: u16, source: std::io::Error },
    #[error("cannot start a worker thread: {0}")]
    Worker(std::io::Error),
}

/// Starts gateways.
pub struct Gateway;

/// A gateway at work. Dropping it stops it without grace; [`Running::shutdown`] is the orderly way.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where the forward proxy listens.
    pub proxy: Option<SocketAddr>,
    /// The port that was asked for, when it was taken and another was chosen.
    pub taken: Option<u16>,
    stop_requested: watch_channel::Receiver<bool>,
    workers: Workers,
    proxying: Option<proxy::Listening>,
}

impl Gateway {
    /// Listens and serves until [`Running::shutdown`].
    ///
    /// Must be called inside a tokio runtime: what is not an invocation runs in its context.
    ///
    /// # Errors
    /// When the port is taken, or the system refuses a socket or a thread.
    pub fn start(options: GatewayOptions) -> Result<Running, StartError> {
        let GatewayOptions { region, port, credentials, ports, proxy, limits, workspace, workers } =
            options;
        let (listener, taken) = server::listen(port)?;
        let address =
            listener.local_addr().map_err(|source| StartError::Listen { port: 0, source })?;
        let mut listeners = vec![listener];
        for port in ports.iter().copied().filter(|port| *port != address.port()) {
            listeners.push(server::listen(PortChoice::Exactly(port))?.0);
        }
        let count = workers.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
        });
        let (stop, stop_requested) = watch_channel::channel(false);
        let workers = Workers::prepare();
        let budget = Budget::new(limits.memory);
        let internal = Internal::new(
            Arc::clone(&region),
            workspace,
            limits.clone(),
            (workers.gauges(), Arc::clone(&budget)),
            workers.closing(),
            stop,
        );
        let secret = proxy::Secret::of(&credentials.secret_key);
        let all_ports = std::iter::once(address.port()).chain(ports).collect();
        let router = Arc::new(Router {
            door: Door::new(credentials, all_ports),
            objects: Objects::new(s3::service(region.store(), region.place())),
            internal,
            limits: limits.clone(),
            budget,
            main: Handle::current(),
            region,
        });
        let proxying = proxy
            .map(|options| Proxy::of_region(options, Arc::clone(&router), secret, limits.clone()))
            .transpose()?;
        let proxy = proxying.as_ref().map(|listening| listening.address);
        let workers = workers.start(&listeners, router, limits, count)?;
        Ok(Running { address, proxy, taken, stop_requested, workers, proxying })
    }
}

impl Running {
    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Resolves when a client has asked the region to stop (`POST /_sagebrush/stop`). Whoever runs
    /// the gateway then shuts it down, and the region after it.
    pub async fn stop_requested(&self) {
        let mut requested = self.stop_requested.clone();
        if requested.wait_for(|stop| *stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Accepts no more, lets requests under way finish within [`Limits::grace`], closes the rest.
    /// Returns how many connections had to be cut.
    pub async fn shutdown(self) -> usize {
        if let Some(proxying) = self.proxying {
            let (cut, ()) = tokio::join!(self.workers.shutdown(), proxying.shutdown());
            return cut;
        }
        self.workers.shutdown().await
    }
}
