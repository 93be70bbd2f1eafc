//! What the proxy itself answers. Clients show the line that it begins with, so the words are there.

use crate::gateway::payload;
use crate::serving::Body;
use http::header::{CONTENT_TYPE, PROXY_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

/// The longest reason in an answer's first line.
const REASON: usize = 240;
const REALM: &str = "Basic realm=\"sagebrush\"";

/// A status and the words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// What the next proxy has answered.
    pub(super) fn passed_on(status: u16, reason: String) -> Self {
        // A status that no answer can have, or one that means success, is the proxy's failure.
        if (400..=599).contains(&status) {
            return Self::new(status, reason);
        }
        Self::new(502, format!("The next proxy answers {status} {reason}"))
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            407,
            "This proxy is for the region's own user; `sagebrush exec` and `sagebrush env` lead \
             there",
        )
    }

    /// The whole answer, for a connection that hyper does not serve.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let reason: String = self
            .message
            .chars()
            .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
            .take(REASON)
            .collect();
        let challenge = if self.status == 407 {
            format!("Proxy-Authenticate: {REALM}\r\n")
        } else {
            String::new()
        };
        format!(
            "HTTP/1.1 {} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
             {challenge}Connection: close\r\n\r\n{}\n",
            self.status,
            self.message.len() + 1,
            self.message,
        )
        .into_bytes()
    }

    pub(super) fn response(&self) -> Response<Body> {
        let mut response = Response::new(payload::full(format!("{}\n", self.message).into()));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        if self.status == 407 {
            headers.insert(PROXY_AUTHENTICATE, HeaderValue::from_static(REALM));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_on_the_first_line() {
        let text = String::from_utf8(Refusal::new(403, "no\r\nX: y").bytes()).unwrap();
        assert!(text.starts_with("HTTP/1.1 403 no??X: y\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nno\r\nX: y\n"), "{text}");
        let text = String::from_utf8(Refusal::unauthorized().bytes()).unwrap();
        assert!(text.contains("\r\nProxy-Authenticate: Basic"), "{text}");
    }

    #[test]
    fn what_the_next_proxy_says_is_handed_on() {
        let refusal = Refusal::passed_on(403, "Blocked by policy".into());
        assert_eq!(refusal, Refusal::new(403, "Blocked by policy"));
        assert_eq!(Refusal::passed_on(302, "Found".into()).status, 502);
    }
}
