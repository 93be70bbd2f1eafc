//! One client of the proxy: a CONNECT and what goes through it, or plain requests.

use super::head::{self, Prefixed};
use super::refusal::Refusal;
use super::tunnel::pump;
use super::{Aws, Proxy, Way, upstream};
use crate::domain::host;
use crate::gateway::connection::{self, Peer};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How long a client may take from CONNECT to the end of the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(15);
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";
/// The first byte of a TLS handshake.
const TLS: u8 = 0x16;

type Client = Prefixed<TcpStream>;

impl Proxy {
    /// Serves a client until it is done, or `stop` turns true.
    pub(super) async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: Peer,
        mut stop: watch::Receiver<bool>,
    ) {
        let patience = if peer.own { self.limits.idle_time } else { self.limits.head_time };
        tokio::select! {
            readable = timeout(patience, stream.readable()) => {
                if !matches!(readable, Ok(Ok(()))) { return }
            }
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = self.begin(stream, peer, stop).await {
            tracing::debug!(%error, "a proxied connection broke off");
        }
    }

    async fn begin(
        self: Arc<Self>,
        mut stream: TcpStream,
        peer: Peer,
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let limits = &self.limits;
        let read = timeout(limits.head_time, head::read(&mut stream, limits.head_bytes)).await;
        let Some((mut buffer, length)) = read.map_err(io::Error::other)?? else { return Ok(()) };
        let request = match head::request(buffer.get(..length).unwrap_or_default()) {
            Ok(request) => request,
            Err(refusal) => return refuse(stream, &refusal).await,
        };
        if request.method != "CONNECT" {
            let client = Prefixed::new(buffer.freeze(), stream);
            let limits = self.limits.clone();
            connection::converse(client, peer, self, &limits, stop).await;
            return Ok(());
        }
        drop(buffer.split_to(length));
        let client = Prefixed::new(buffer.freeze(), stream);
        if let Err(refusal) = self.admit(peer, request.authorization.as_deref()) {
            return refuse(client, &refusal).await;
        }
        let Some((name, port)) = target(&request.target) else {
            let text = format!("{} is no host and port", request.target.escape_default());
            return refuse(client, &Refusal::new(400, text)).await;
        };
        match self.way(&name) {
            Ok(Way::Region) => match &self.aws {
                Aws::Here { .. } => self.answer(client, &name, stop).await,
                Aws::At(region) => {
                    let tunnel = upstream::by_region(*region, &self.secret, &name, port).await;
                    through(client, tunnel, stop).await
                }
            },
            Ok(Way::Elsewhere) => {
                let tunnel = self.upstream.tunnel(&name, port).await;
                through(client, tunnel, stop).await
            }
            Err(refusal) => refuse(client, &refusal).await,
        }
    }

    /// A client that believes to have reached `name` of AWS's.
    async fn answer(
        &self,
        mut client: Client,
        name: &str,
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let Aws::Here { authority, router } = &self.aws else { return Ok(()) };
        let config = match authority.speak_as(name) {
            Ok(config) => config,
            Err(error) => return refuse(client, &Refusal::new(502, error.to_string())).await,
        };
        client.write_all(ESTABLISHED).await?;
        // It has been let in, so all that comes on this connection is the user's own.
        let peer = Peer { own: true, proxied: true };
        let (router, limits) = (Arc::clone(router), &self.limits);
        let first = timeout(limits.idle_time, client.peek()).await.map_err(io::Error::other)??;
        match first {
            None => {}
            Some(TLS) => {
                let accept = TlsAcceptor::from(config).accept(client);
                let secure = timeout(HANDSHAKE, accept).await.map_err(io::Error::other)??;
                connection::converse(secure, peer, router, limits, stop).await;
            }
            Some(_) => connection::converse(client, peer, router, limits, stop).await,
        }
        Ok(())
    }
}

async fn through(
    mut client: Client,
    tunnel: Result<upstream::Tunnel, Refusal>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut host = match tunnel {
        Ok(host) => host,
        Err(refusal) => return refuse(client, &refusal).await,
    };
    client.write_all(ESTABLISHED).await?;
    tokio::select! {
        () = pump(&mut client, &mut host) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    Ok(())
}

async fn refuse(
    mut client: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    refusal: &Refusal,
) -> io::Result<()> {
    client.write_all(&refusal.bytes()).await?;
    connection::read_away(client).await;
    Ok(())
}

/// `host:port` of a CONNECT, the host normalized.
pub(super) fn target(text: &str) -> Option<(String, u16)> {
    let (_, port) = host::split_port(text);
    let port: u16 = port?.parse().ok().filter(|port| *port != 0)?;
    let name = host::normalized(text);
    let sound =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    (!name.is_empty() && name.len() <= 255 && name.chars().all(sound)).then_some((name, port))
}
