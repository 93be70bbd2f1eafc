//! Connections to the gateway, signed requests over them.

use super::CallError;
use crate::api::signing::{self, Credentials, PayloadHash};
use crate::domain::time::{Clock, SystemClock};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;

/// A body on its way out.
pub type Body = BoxBody<Bytes, std::io::Error>;

/// Idle connections kept for the next request.
const KEPT: usize = 64;

/// A handle on one region; clones share its connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    address: SocketAddr,
    credentials: Credentials,
    region: String,
    idle: Mutex<Vec<SendRequest<Body>>>,
}

/// What is signed and sent. The host header is the transport's own.
pub struct Outgoing {
    pub method: Method,
    /// Path and query, percent-encoded.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Payload,
    /// The service of the signature's scope.
    pub service: &'static str,
}

pub enum Payload {
    Bytes(Bytes),
    /// A stream of known length; its hash is not part of the signature.
    Stream(Body),
}

impl Client {
    pub fn new(address: SocketAddr, credentials: Credentials, region: &str) -> Self {
        let idle = Mutex::new(Vec::new());
        Self { inner: Arc::new(Inner { address, credentials, region: region.to_owned(), idle }) }
    }

    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    pub fn credentials(&self) -> &Credentials {
        &self.inner.credentials
    }

    /// The AWS region that requests are signed for.
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    /// Signs, sends and returns the answer's head with its body still to come.
    ///
    /// A pooled connection that the region has closed meanwhile costs one retry on a fresh one, and
    /// only where nothing of the request can have been acted on.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Response<Incoming>, CallError> {
        let (parts, body) = self.sign(outgoing)?;
        let mut retry = match &body {
            Payload::Bytes(bytes) => Some(bytes.clone()),
            Payload::Stream(_) => None,
        };
        let mut body = Some(match body {
            Payload::Bytes(bytes) => full(bytes),
            Payload::Stream(stream) => stream,
        });
        let mut pooled = self.pooled().filter(|_| retry.is_some());
        loop {
            let fresh = pooled.is_none();
            let mut connection = match pooled.take() {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let outgoing = body.take().unwrap_or_else(|| full(Bytes::new()));
            let request = Request::from_parts(parts.clone(), outgoing);
            match connection.try_send_request(request).await {
                Ok(response) => return Ok(self.keep(connection, response)),
                Err(mut failed) => {
                    let unsent = failed.take_message().is_some();
                    match retry.take().filter(|_| unsent && !fresh) {
                        Some(bytes) => body = Some(full(bytes)),
                        None => return Err(self.unreachable(failed.into_error())),
                    }
                }
            }
        }
    }

    /// Sends and reads the whole answer.
    pub async fn exchange(&self, outgoing: Outgoing) -> Result<Response<Bytes>, CallError> {
        let (parts, body) = self.send(outgoing).await?.into_parts();
        let body = body.collect().await.map_err(|error| self.unreachable(error))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    fn sign(&self, outgoing: Outgoing) -> Result<(http::request::Parts, Payload), CallError> {
        let Outgoing { method, target, mut headers, body, service } = outgoing;
        let inner = &self.inner;
        let host = HeaderValue::from_str(&inner.address.to_string())
            .map_err(|error| CallError::Protocol(error.to_string()))?;
        headers.insert(header::HOST, host);
        let hash = match &body {
            Payload::Bytes(bytes) => PayloadHash::Sha256(hex::encode(Sha256::digest(bytes))),
            Payload::Stream(_) => PayloadHash::Unsigned,
        };
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        signing::sign(
            &method,
            path,
            query,
            &mut headers,
            &hash,
            &inner.credentials,
            &inner.region,
            service,
            SystemClock.now(),
        );
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() =
            target.parse().map_err(|error| CallError::Protocol(format!("{target}: {error}")))?;
        *request.headers_mut() = headers;
        Ok((request.into_parts().0, body))
    }

    fn pooled(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.inner.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self) -> Result<SendRequest<Body>, CallError> {
        let address = self.inner.address;
        let stream = TcpStream::connect(address)
            .await
            .map_err(|source| CallError::Unreachable { address, source })?;
        stream.set_nodelay(true).ok();
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| self.unreachable(error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection to the region ended: {error}");
            }
        });
        Ok(sender)
    }

    /// Returns the connection to the pool once it can take another request; hyper says so only
    /// after the answer's body has been read.
    fn keep(
        &self,
        mut connection: SendRequest<Body>,
        response: Response<Incoming>,
    ) -> Response<Incoming> {
        let inner = Arc::clone(&self.inner);
        tokio::spawn(async move {
            if connection.ready().await.is_ok() {
                let mut idle = inner.idle.lock().unwrap_or_else(PoisonError::into_inner);
                if idle.len() < KEPT {
                    idle.push(connection);
                }
            }
        });
        response
    }

    pub(super) fn unreachable(&self, error: hyper::Error) -> CallError {
        CallError::Unreachable { address: self.inner.address, source: std::io::Error::other(error) }
    }
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}
