//! Plain requests with a whole address, `GET http://host/…`: what a client sends to a proxy that it
//! does not need a tunnel from.

use super::refusal::Refusal;
use super::upstream::{self, Opened};
use super::{Aws, Proxy, Way};
use crate::domain::host;
use crate::gateway::connection::{Handler, Peer};
use crate::gateway::payload;
use crate::serving::Body;
use http::header::{
    CONNECTION, HOST, HeaderName, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// How long a host may take to begin its answer.
const ANSWER: Duration = Duration::from_secs(300);
/// Headers that are between two stations only.
const HOP: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

impl Handler for Proxy {
    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<Body> {
        match self.plain(request, peer).await {
            Ok(response) => response,
            Err(refusal) => refusal.response(),
        }
    }
}

impl Proxy {
    async fn plain(
        &self,
        mut request: Request<Incoming>,
        peer: Peer,
    ) -> Result<Response<Body>, Refusal> {
        let shown = request.headers_mut().remove(PROXY_AUTHORIZATION);
        let peer = self.admit(peer, shown.as_ref().and_then(|value| value.to_str().ok()))?;
        let uri = request.uri().clone();
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Refusal::new(
                400,
                "This is a forward proxy (HTTPS_PROXY), not the region's endpoint; `sagebrush \
                 status` tells that",
            ));
        };
        if *scheme != Scheme::HTTP {
            return Err(Refusal::new(501, format!("Ask for a tunnel (CONNECT) to {authority}")));
        }
        let name = host::normalized(authority.as_str());
        let port = authority.port_u16().unwrap_or(80);
        match (self.way(&name)?, &self.aws) {
            (Way::Region, Aws::Here { router, .. }) => {
                request.headers_mut().remove("proxy-connection");
                address_origin(&mut request, &uri)?;
                Ok(router.answer(request, peer).await)
            }
            (Way::Region, Aws::At(region)) => self.by_region(*region, request).await,
            (Way::Elsewhere, _) => {
                let opened = self.upstream.plain(&name, port).await?;
                exchange(opened, request).await
            }
        }
    }

    async fn by_region(
        &self,
        region: SocketAddr,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Refusal> {
        let stream = upstream::to_region(region).await?;
        exchange(Opened { stream, by_proxy: Some(Some(self.secret.header())) }, request).await
    }
}

/// As the host itself would get the request: the path alone, the host in its header.
fn address_origin<B>(request: &mut Request<B>, uri: &Uri) -> Result<(), Refusal> {
    let unreadable = |_| Refusal::new(400, "The address cannot be read");
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    *request.uri_mut() = path.parse().map_err(unreadable)?;
    if let Some(authority) = uri.authority() {
        let bare = authority.as_str().rsplit('@').next().unwrap_or_default();
        let host = HeaderValue::from_str(bare)
            .map_err(|_| Refusal::new(400, "The address cannot be read"))?;
        request.headers_mut().insert(HOST, host);
    }
    Ok(())
}

/// Sends the request on and hands the answer back as it comes.
async fn exchange(
    opened: Opened,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Refusal> {
    let uri = request.uri().clone();
    let named = uri.authority().map_or_else(String::new, ToString::to_string);
    let failed = |error: hyper::Error| Refusal::new(502, format!("{named} failed: {error}"));
    without_hops(request.headers_mut());
    *request.version_mut() = Version::HTTP_11;
    match opened.by_proxy {
        None => address_origin(&mut request, &uri)?,
        Some(authorization) => {
            let value = authorization.and_then(|value| HeaderValue::from_str(&value).ok());
            if let Some(value) = value {
                request.headers_mut().insert(PROXY_AUTHORIZATION, value);
            }
        }
    }
    let (mut sender, connection) = handshake(TokioIo::new(opened.stream)).await.map_err(&failed)?;
    // It ends with the answer, or when the client lets go of it.
    tokio::spawn(connection);
    let answer = timeout(ANSWER, sender.send_request(request)).await;
    let Ok(answer) = answer else {
        return Err(Refusal::new(504, format!("{named} does not answer within {ANSWER:?}")));
    };
    let mut answer = answer.map_err(&failed)?;
    without_hops(answer.headers_mut());
    Ok(answer.map(payload::stream))
}

/// Takes away what was said to this station alone.
fn without_hops(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in listed.iter().chain(&HOP) {
        headers.remove(name);
    }
}
