//! What a client shows the proxy where the system does not tell whose a connection is.

use super::upstream;
use crate::gateway::peer;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const USER: &str = "sagebrush";

/// Derived from the region's key, so that whoever listens where the region did learns nothing that
/// signs.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The secret of the region whose secret key this is.
    pub fn of(secret_key: &str) -> Self {
        let mut password = String::new();
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret_key.as_bytes()) {
            mac.update(b"forward proxy");
            password = hex::encode(mac.finalize().into_bytes());
        }
        Self(password)
    }

    /// What goes before the proxy's address: `sagebrush:…@` where the system does not tell the
    /// user of a connection, else nothing.
    pub fn user_info(&self) -> String {
        if peer::tells_users() { String::new() } else { format!("{USER}:{}@", self.0) }
    }

    /// As `Proxy-Authorization` has it.
    pub(super) fn header(&self) -> String {
        upstream::basic(USER, &self.0)
    }

    pub(super) fn opens(&self, authorization: &str) -> bool {
        let own = self.header();
        // All of it is looked at, whatever is found.
        own.len() == authorization.len()
            && !self.0.is_empty()
            && own.bytes().zip(authorization.bytes()).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_for_its_own_only() {
        let secret = Secret::of("key");
        assert!(secret.opens(&secret.header()));
        for wrong in [Secret::of("other").header(), String::new(), "Basic".into()] {
            assert!(!secret.opens(&wrong), "{wrong}");
        }
        assert!(!secret.header().contains("key"));
    }
}
