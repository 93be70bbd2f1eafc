//! The forward proxy: how a program that knows nothing of Sagebrush reaches the region under AWS's
//! own names.
//!
//! SDKs build addresses such as `https://sts.us-east-1.amazonaws.com` themselves, whatever endpoint
//! they are given. A program that has this proxy and the certificate of the workspace's authority
//! finds the region there. Hosts of AWS's never leave the machine; other hosts pass through, by the
//! user's own proxy where there is one.
//!
//! It has a listener, a thread and a runtime apart from the gateway's workers: TLS never holds up
//! an invocation. TLS ends in hyper, and a request then goes the way of one to the plain port.
//!
//! `sagebrush exec` runs one of these in its own process, where the program's settings are (its
//! way out, `--offline`), and leads AWS's hosts to the region's.

pub mod authority;
mod client;
mod forward;
mod head;
mod listener;
mod refusal;
mod secret;
mod tunnel;
pub mod upstream;

pub use authority::{Authority, AuthorityError};
pub use listener::Listening;
pub use secret::Secret;
pub use upstream::Settings;

use super::connection::Peer;
use super::limits::Limits;
use super::route::Router;
use super::{PortChoice, StartError};
use crate::domain::host;
use refusal::Refusal;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use upstream::Upstream;

/// The port that a region's proxy listens on when none is asked for.
pub const DEFAULT_PORT: u16 = 7342;

/// Different hosts whose refusal is remembered.
const REMEMBERED: usize = 256;

/// What a region's proxy is started with.
pub struct ProxyOptions {
    pub port: PortChoice,
    pub authority: Authority,
    /// The way out for hosts that are not AWS's.
    pub upstream: Settings,
}

/// Where AWS's hosts are.
enum Aws {
    Here {
        authority: Box<Authority>,
        router: Arc<Router>,
    },
    /// Behind the region's own proxy, which takes them from there.
    At(SocketAddr),
}

/// A forward proxy.
pub struct Proxy {
    aws: Aws,
    upstream: Upstream,
    secret: Secret,
    limits: Limits,
    /// Refuses every host that is neither AWS's nor this machine.
    offline: bool,
    refused: Mutex<BTreeMap<String, u64>>,
}

/// Where a host is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Region,
    Elsewhere,
}

impl Proxy {
    /// The region's own.
    pub(super) fn of_region(
        options: ProxyOptions,
        router: Arc<Router>,
        secret: Secret,
        limits: Limits,
    ) -> Result<Listening, StartError> {
        let ProxyOptions { port, authority, upstream } = options;
        let proxy = Self {
            aws: Aws::Here { authority: Box::new(authority), router },
            upstream: Upstream::new(&upstream),
            secret,
            limits,
            offline: false,
            refused: Mutex::default(),
        };
        listener::start(Arc::new(proxy), port)
    }

    /// One for a program: AWS's hosts are behind `region`, the region's own proxy.
    ///
    /// # Errors
    /// The system refuses a socket or a thread.
    pub fn of_program(
        region: SocketAddr,
        secret: Secret,
        upstream: &Settings,
        offline: bool,
    ) -> Result<(Arc<Self>, Listening), StartError> {
        let proxy = Arc::new(Self {
            aws: Aws::At(region),
            upstream: Upstream::new(upstream),
            secret,
            limits: Limits::default(),
            offline,
            refused: Mutex::default(),
        });
        let listening = listener::start(Arc::clone(&proxy), PortChoice::Exactly(0))?;
        Ok((proxy, listening))
    }

    /// The hosts that were refused, and how often.
    pub fn refused(&self) -> BTreeMap<String, u64> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where a host is reached, or why it is not. `name` is normalized.
    fn way(&self, name: &str) -> Result<Way, Refusal> {
        if host::is_aws(name) {
            return Ok(Way::Region);
        }
        if host::is_metadata(name) {
            let text = format!(
                "Sagebrush refuses {name}: credentials come from the environment here, not from \
                 an instance or a container of AWS"
            );
            return Err(Refusal::new(403, text));
        }
        // The names below another emulator's need no resolver: they mean the region.
        if host::is_loopback(name) && !name.ends_with("localhost") && !is_address(name) {
            return Ok(Way::Region);
        }
        if self.offline && !host::is_loopback(name) {
            self.remember(name);
            return Err(Refusal::new(403, format!("sagebrush exec --offline refuses {name}")));
        }
        Ok(Way::Elsewhere)
    }

    fn remember(&self, name: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < REMEMBERED || refused.contains_key(name) {
            *refused.entry(name.to_owned()).or_default() += 1;
        }
    }

    /// Whether a client may use the proxy at all.
    fn admit(&self, peer: Peer, authorization: Option<&str>) -> Result<Peer, Refusal> {
        if peer.own || authorization.is_some_and(|value| self.secret.opens(value)) {
            // The secret is the region's user's: whoever has it is that user.
            return Ok(Peer { own: true, ..peer });
        }
        Err(Refusal::unauthorized())
    }
}

fn is_address(name: &str) -> bool {
    name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests;
