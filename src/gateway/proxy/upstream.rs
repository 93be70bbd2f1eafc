//! The way out: hosts that are not AWS's are reached as the user reaches them, by the user's own
//! proxy where there is one.

use super::head::{self, Prefixed};
use super::{Refusal, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a connection outwards may take.
const CONNECT: Duration = Duration::from_secs(30);
/// The longest head of a proxy's answer.
const HEAD: usize = 16 * 1024;

/// The user's own proxy settings, as the environment had them: `https_proxy` and its kin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub http: String,
    pub https: String,
    pub all: String,
    pub no: String,
}

/// Set where a program's proxy is the region's own.
pub const MARK: &str = "SAGEBRUSH_PROXY";
/// Where the user's own settings are then kept: `SAGEBRUSH_UPSTREAM_HTTPS_PROXY` and its kin.
pub const KEPT: &str = "SAGEBRUSH_UPSTREAM_";

impl Settings {
    /// The user's own settings in an environment. One that `sagebrush exec` or `env` made has the
    /// region's proxy under the usual names and the user's own under others.
    pub fn inherited(get: impl Fn(&str) -> Option<String>) -> Self {
        let wired = get(MARK).is_some();
        let either = |name: &str| {
            let upper = name.to_ascii_uppercase();
            if wired {
                return get(&format!("{KEPT}{upper}")).unwrap_or_default();
            }
            let lower = get(name).filter(|value| !value.is_empty());
            lower.or_else(|| get(&upper)).unwrap_or_default()
        };
        Self {
            http: either("http_proxy"),
            https: either("https_proxy"),
            all: either("all_proxy"),
            no: either("no_proxy"),
        }
    }

    /// The settings under the names that a wired environment keeps them under.
    pub fn kept(&self) -> Vec<(String, String)> {
        let named = [
            ("HTTP_PROXY", &self.http),
            ("HTTPS_PROXY", &self.https),
            ("ALL_PROXY", &self.all),
            ("NO_PROXY", &self.no),
        ];
        let set = named.into_iter().filter(|(_, value)| !value.is_empty());
        set.map(|(name, value)| (format!("{KEPT}{name}"), value.clone())).collect()
    }

    fn matcher(&self) -> Matcher {
        let Self { http, https, all, no } = self.clone();
        Matcher::builder().http(http).https(https).all(all).no(no).build()
    }
}

/// A way through to a host, with what the host has said already.
pub(super) type Tunnel = Prefixed<TcpStream>;

/// A connection, and how a plain HTTP request is put on it.
pub(super) struct Opened {
    pub(super) stream: TcpStream,
    /// The next station is a proxy: it wants the whole address, and this, if anything, as
    /// `Proxy-Authorization`.
    pub(super) by_proxy: Option<Option<String>>,
}

/// Where hosts that are not AWS's are reached.
pub(super) struct Upstream {
    matcher: Matcher,
}

impl Upstream {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { matcher: settings.matcher() }
    }

    /// A connection to `host` for bytes that only pass by.
    pub(super) async fn tunnel(&self, host: &str, port: u16) -> Result<Tunnel, Refusal> {
        let Some(proxy) = self.proxy("https", host, port) else {
            return Ok(Prefixed::new(Bytes::new(), direct(host, port).await?));
        };
        let stream = dial(&proxy).await?;
        if is_socks(&proxy) {
            return Ok(Prefixed::new(Bytes::new(), socks(stream, &proxy, host, port).await?));
        }
        connect(stream, &authority(&proxy), authorization(&proxy).as_deref(), host, port).await
    }

    /// A connection for one plain request to `host`.
    pub(super) async fn plain(&self, host: &str, port: u16) -> Result<Opened, Refusal> {
        let Some(proxy) = self.proxy("http", host, port) else {
            return Ok(Opened { stream: direct(host, port).await?, by_proxy: None });
        };
        let stream = dial(&proxy).await?;
        if is_socks(&proxy) {
            return Ok(Opened { stream: socks(stream, &proxy, host, port).await?, by_proxy: None });
        }
        Ok(Opened { stream, by_proxy: Some(authorization(&proxy)) })
    }

    fn proxy(&self, scheme: &str, host: &str, port: u16) -> Option<Intercept> {
        let target = format!("{scheme}://{host}:{port}/").parse().ok()?;
        self.matcher.intercept(&target)
    }
}

/// A tunnel through the region's own proxy.
pub(super) async fn by_region(
    proxy: SocketAddr,
    secret: &Secret,
    host: &str,
    port: u16,
) -> Result<Tunnel, Refusal> {
    let stream = to_region(proxy).await?;
    connect(stream, "the region", Some(&secret.header()), host, port).await
}

/// A connection to the region's own proxy.
pub(super) async fn to_region(proxy: SocketAddr) -> Result<TcpStream, Refusal> {
    TcpStream::connect(proxy).await.map_err(|error| {
        Refusal::new(502, format!("The region's proxy at {proxy} does not answer: {error}"))
    })
}

async fn direct(host: &str, port: u16) -> Result<TcpStream, Refusal> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match timeout(CONNECT, TcpStream::connect((bare, port))).await {
        Ok(Ok(stream)) => {
            stream.set_nodelay(true).ok();
            Ok(stream)
        }
        Ok(Err(error)) => {
            Err(Refusal::new(502, format!("{host}:{port} cannot be reached: {error}")))
        }
        Err(_elapsed) => {
            Err(Refusal::new(504, format!("{host}:{port} does not answer within {CONNECT:?}")))
        }
    }
}

fn authority(proxy: &Intercept) -> String {
    proxy.uri().authority().map_or_else(String::new, ToString::to_string)
}

fn is_socks(proxy: &Intercept) -> bool {
    proxy.uri().scheme_str().is_some_and(|scheme| scheme.starts_with("socks5"))
}

fn authorization(proxy: &Intercept) -> Option<String> {
    proxy.basic_auth().and_then(|value| value.to_str().ok()).map(str::to_owned)
}

async fn dial(proxy: &Intercept) -> Result<TcpStream, Refusal> {
    let scheme = proxy.uri().scheme_str().unwrap_or("http");
    let usual = match scheme {
        "http" => 80,
        "socks5" | "socks5h" => 1080,
        other => {
            let text = format!("Your proxy is an {other} proxy; http and socks5 ones can be used");
            return Err(Refusal::new(502, text));
        }
    };
    let host = proxy.uri().host().unwrap_or_default();
    let failed = |refusal: Refusal| {
        Refusal::new(refusal.status, format!("Your own proxy: {}", refusal.message))
    };
    direct(host, proxy.uri().port_u16().unwrap_or(usual)).await.map_err(failed)
}

/// Asks a proxy for a tunnel. Its refusal is handed on.
async fn connect(
    mut stream: TcpStream,
    proxy: &str,
    authorization: Option<&str>,
    host: &str,
    port: u16,
) -> Result<Tunnel, Refusal> {
    let credentials =
        authorization.map_or_else(String::new, |value| format!("Proxy-Authorization: {value}\r\n"));
    let request =
        format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{credentials}\r\n");
    let asked = async {
        stream.write_all(request.as_bytes()).await?;
        let Some((mut buffer, length)) = head::read(&mut stream, HEAD).await? else {
            return Err(std::io::Error::other("it hung up"));
        };
        let (status, reason) = head::answer(&buffer.split_to(length))?;
        Ok((status, reason, buffer.freeze()))
    };
    match timeout(CONNECT, asked).await {
        // What follows the head is the host's first word.
        Ok(Ok((200..=299, _, first))) => Ok(Prefixed::new(first, stream)),
        Ok(Ok((status, reason, _))) => Err(Refusal::passed_on(status, reason)),
        Ok(Err(error)) => Err(Refusal::new(502, format!("The proxy {proxy} failed: {error}"))),
        Err(_elapsed) => {
            Err(Refusal::new(504, format!("The proxy {proxy} does not answer within {CONNECT:?}")))
        }
    }
}

/// SOCKS5 (RFC 1928), with a user name (RFC 1929) where the address has one; the proxy resolves.
async fn socks(
    mut stream: TcpStream,
    proxy: &Intercept,
    host: &str,
    port: u16,
) -> Result<TcpStream, Refusal> {
    let asked = async {
        let user = proxy.raw_auth();
        let method = if user.is_some() { 2 } else { 0 };
        stream.write_all(&[5, 1, method]).await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        if chosen != [5, method] {
            return Err(std::io::Error::other("it does not take these credentials"));
        }
        if let Some((name, password)) = user {
            let mut message = vec![1];
            for text in [name, password] {
                message.push(u8::try_from(text.len()).map_err(std::io::Error::other)?);
                message.extend_from_slice(text.as_bytes());
            }
            stream.write_all(&message).await?;
            stream.read_exact(&mut chosen).await?;
            if chosen[1] != 0 {
                return Err(std::io::Error::other("it refuses these credentials"));
            }
        }
        let mut message = vec![5, 1, 0, 3];
        message.push(u8::try_from(host.len()).map_err(std::io::Error::other)?);
        message.extend_from_slice(host.as_bytes());
        message.extend_from_slice(&port.to_be_bytes());
        stream.write_all(&message).await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        if answer[1] != 0 {
            return Err(std::io::Error::other(format!("it answers {}", answer[1])));
        }
        let rest = match answer[3] {
            1 => 4,
            3 => usize::from(stream.read_u8().await?),
            4 => 16,
            other => return Err(std::io::Error::other(format!("an address of kind {other}"))),
        };
        let mut bound = vec![0; rest + 2];
        stream.read_exact(&mut bound).await?;
        Ok(())
    };
    match timeout(CONNECT, asked).await {
        Ok(Ok(())) => Ok(stream),
        Ok(Err(error)) => {
            Err(Refusal::new(502, format!("Your own proxy, for {host}:{port}: {error}")))
        }
        Err(_elapsed) => Err(Refusal::new(504, format!("Your own proxy: no answer for {host}"))),
    }
}

/// `Basic` and what follows.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let known: HashMap<_, _> = pairs.iter().copied().collect();
        Settings::inherited(|name| known.get(name).map(|value| (*value).to_owned()))
    }

    fn way(settings: &Settings, scheme: &str, host: &str) -> Option<String> {
        Upstream::new(settings).proxy(scheme, host, 443).map(|proxy| proxy.uri().to_string())
    }

    #[test]
    fn the_users_own_proxy_is_kept_to() {
        let settings = settings(&[
            ("HTTPS_PROXY", "http://ada:secret@proxy.corp:3128"),
            ("http_proxy", "http://plain.corp:80"),
            ("NO_PROXY", ".corp,10.0.0.0/8"),
        ]);
        let https = way(&settings, "https", "packages.example").unwrap();
        assert!(https.starts_with("http://proxy.corp:3128"), "{https}");
        assert!(
            way(&settings, "http", "packages.example").unwrap().starts_with("http://plain.corp")
        );
        assert_eq!(way(&settings, "https", "git.corp"), None);
        assert_eq!(way(&settings, "https", "10.1.2.3"), None);
    }

    #[test]
    fn one_for_all_and_none() {
        let socks = settings(&[("ALL_PROXY", "socks5://localhost:1080")]);
        assert!(
            way(&socks, "https", "packages.example")
                .unwrap()
                .starts_with("socks5://localhost:1080")
        );
        assert_eq!(way(&settings(&[]), "https", "packages.example"), None);
    }

    #[test]
    fn the_users_own_settings_outlive_the_regions_proxy() {
        let users = settings(&[("https_proxy", "http://proxy.corp:3128"), ("NO_PROXY", ".corp")]);
        let kept = users.kept();
        let mut wired = vec![(MARK, "http://127.0.0.1:7342")];
        wired.push(("HTTPS_PROXY", "http://127.0.0.1:7342"));
        wired.extend(kept.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        assert_eq!(settings(&wired), users);
        assert_eq!(settings(&wired[..2]), Settings::default());
    }

    /// A proxy of the user's that reads what it is due and answers in turn.
    async fn proxied(
        scheme: &str,
        turns: Vec<(&'static [u8], &'static [u8])>,
    ) -> Result<String, Refusal> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = async move {
            let mut stream = listener.accept().await.unwrap().0;
            for (due, answer) in turns {
                let mut read = vec![0; due.len()];
                stream.read_exact(&mut read).await.unwrap();
                assert_eq!(read, due, "{}", String::from_utf8_lossy(&read));
                stream.write_all(answer).await.unwrap();
            }
        };
        let url = format!("{scheme}://ada:secret@{address}");
        let upstream = Upstream::new(&settings(&[("https_proxy", &url)]));
        let client = async {
            let mut text = String::new();
            upstream.tunnel("far.example", 22).await?.read_to_string(&mut text).await.unwrap();
            Ok(text)
        };
        tokio::join!(proxy, client).1
    }

    const ASKED: &[u8] = b"CONNECT far.example:22 HTTP/1.1\r\nHost: far.example:22\r\n\
                           Proxy-Authorization: Basic YWRhOnNlY3JldA==\r\n\r\n";

    #[tokio::test]
    async fn a_hosts_first_word_is_kept() {
        // A host that speaks first may be heard together with the proxy's own answer.
        let turns = vec![(ASKED, &b"HTTP/1.1 200 OK\r\nVia: x\r\n\r\nSSH-2.0"[..])];
        assert_eq!(proxied("http", turns).await.unwrap(), "SSH-2.0");
    }

    #[tokio::test]
    async fn a_proxys_refusal_is_handed_on() {
        let turns = vec![(ASKED, &b"HTTP/1.1 407 Who are you\r\n\r\n"[..])];
        assert_eq!(proxied("http", turns).await, Err(Refusal::new(407, "Who are you")));
        let turns = vec![(ASKED, &b"SSH-2.0\r\n\r\n"[..])];
        assert_eq!(proxied("http", turns).await.unwrap_err().status, 502);
        let tls = settings(&[("https_proxy", "https://127.0.0.1:1")]);
        let refusal = Upstream::new(&tls).tunnel("far.example", 22).await.err().unwrap();
        assert!(refusal.message.contains("https proxy"), "{}", refusal.message);
    }

    #[tokio::test]
    async fn socks_is_spoken() {
        let host = b"\x05\x01\x00\x03\x0bfar.example\x00\x16";
        let turns = vec![
            (&b"\x05\x01\x02"[..], &b"\x05\x02"[..]),
            (b"\x01\x03ada\x06secret", b"\x01\x00"),
            (host, b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x16hello"),
        ];
        assert_eq!(proxied("socks5h", turns.clone()).await.unwrap(), "hello");
        let refused =
            vec![turns[0], turns[1], (&host[..], &b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"[..])];
        let refusal = proxied("socks5", refused).await.unwrap_err();
        assert_eq!(refusal.status, 502);
        assert!(refusal.message.contains("far.example:22"), "{}", refusal.message);
    }
}
