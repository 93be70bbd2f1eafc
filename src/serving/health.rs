//! Health checks of containers: one `GET /ping` with its own deadline, and waiting for the first
//! good one.

use super::body::Request;
use super::pool;
use crate::engine::{Address, Exit};
use http::header::{HOST, HeaderValue};
use http_body_util::BodyExt;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, timeout, timeout_at};

/// What AWS gives one ping.
pub const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait before asking again after an answer that was not healthy: the first time, and
/// at most. A silent container is not asked again: the ping that waits is the one it will answer.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// How a ping ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ping {
    Healthy,
    /// It answered, with another status.
    Status(u16),
    /// Nothing answered in time.
    Silent,
    /// No connection, or it broke.
    Broken(String),
}

/// One `GET /ping` over a connection of its own.
pub async fn ping(address: &Address, within: Duration) -> Ping {
    timeout(within, ask(address)).await.unwrap_or(Ping::Silent)
}

async fn ask(address: &Address) -> Ping {
    let mut connection = match pool::connect(address).await {
        Ok(connection) => connection,
        Err(error) => return Ping::Broken(error.to_string()),
    };
    let mut request = http::Request::new(Request::empty());
    *request.uri_mut() = http::Uri::from_static("/ping");
    request.headers_mut().insert(HOST, HeaderValue::from_static("localhost:8080"));
    match connection.sender.send_request(request).await {
        Ok(response) if response.status() == http::StatusCode::OK => {
            // Read to the end, so that the container need not see a reset.
            let _ = response.into_body().collect().await;
            Ping::Healthy
        }
        Ok(response) => Ping::Status(response.status().as_u16()),
        Err(error) => Ping::Broken(error.to_string()),
    }
}

/// How waiting for health ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Startup {
    Healthy,
    /// The container ended before it was healthy.
    Exited(Exit),
    /// Time is up; the last ping's outcome says what it looked like.
    TimedOut(Ping),
}

/// Pings until the container answers 200, ends, or `deadline` has passed.
///
/// The listening socket is bound before a process container starts, so the first ping waits in its
/// backlog and is answered the moment that the container accepts; nothing polls with sleeps. A
/// first answer that took longer than [`PING_TIMEOUT`] may have waited for the start or for a slow
/// `/ping`; a second ping, with that limit, tells.
///
/// `heard` is told of every ping and how long it took. `silent` is called once when the container has not been healthy for `notice`.
pub async fn wait_until_healthy(
    address: &Address,
    mut exit: watch::Receiver<Option<Exit>>,
    deadline: Duration,
    notice: Duration,
    heard: impl FnMut(&Ping, Duration) + Send,
    silent: impl FnOnce() + Send,
) -> Startup {
    let mut last = Ping::Silent;
    let healthy = become_healthy(address, &mut last, heard);
    let ended = async {
        let ended = exit.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
        match ended {
            Some(exit) => exit,
            // Nobody watches the container any more; the deadline will tell.
            None => std::future::pending().await,
        }
    };
    let notice = async {
        sleep(notice).await;
        silent();
        std::future::pending::<()>().await;
    };
    let outcome = timeout(deadline, async {
        tokio::select! {
            biased;
            () = healthy => None,
            exit = ended => Some(exit),
            () = notice => None,
        }
    })
    .await;
    match outcome {
        Ok(None) => Startup::Healthy,
        Ok(Some(exit)) => Startup::Exited(exit),
        Err(_) => Startup::TimedOut(last),
    }
}

async fn become_healthy(
    address: &Address,
    last: &mut Ping,
    mut heard: impl FnMut(&Ping, Duration) + Send,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let asked = Instant::now();
        *last = Ping::Silent;
        let answer = ask(address).await;
        let took = asked.elapsed();
        let in_time = took < PING_TIMEOUT;
        heard(&answer, took);
        *last = answer;
        if *last == Ping::Healthy {
            if in_time {
                return;
            }
            let asked = Instant::now();
            let limit = (asked + PING_TIMEOUT).into();
            *last = timeout_at(limit, ask(address)).await.unwrap_or(Ping::Silent);
            heard(last, asked.elapsed());
            if *last == Ping::Healthy {
                return;
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
