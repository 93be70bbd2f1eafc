//! The data plane against small containers on Unix sockets: echoing, slow, failing, streaming,
//! closing in the middle, and going away.

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use sagebrush::api::error::AwsError;
use sagebrush::api::event_stream;
use sagebrush::domain::arn::Place;
use sagebrush::domain::pick::Weights;
use sagebrush::domain::seed::Seed;
use sagebrush::engine::{Address, Exit};
use sagebrush::serving::health::{Ping, Startup, ping, wait_until_healthy};
use sagebrush::serving::{
    Body, EndpointTable, InstanceTarget, Invocation, MAX_SERVERLESS_BODY_BYTES, Plane, Routing,
    VariantTable, forward,
};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

const LIMIT: usize = 6_291_456;

/// A container: listens until dropped.
struct Container {
    target: InstanceTarget,
    tasks: JoinHandle<()>,
}

impl Drop for Container {
    fn drop(&mut self) {
        self.tasks.abort();
    }
}

fn target(dir: &Path, id: &str) -> InstanceTarget {
    InstanceTarget {
        id: id.to_owned(),
        address: Address::Unix(dir.join(id)),
        log_stream_arn: format!("arn:log:{id}"),
    }
}

/// Each connection is handled by `handle`.
fn raw<F>(dir: &Path, id: &str, handle: impl Fn(UnixStream) -> F + Send + 'static) -> Container
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = UnixListener::bind(dir.join(id)).unwrap();
    let tasks = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(handle(stream));
        }
    });
    Container { target: target(dir, id), tasks }
}

/// Each request is answered by `answer`.
fn container<F>(
    dir: &Path,
    id: &str,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
) -> Container
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    raw(dir, id, move |stream| {
        let answer = answer.clone();
        async move {
            let service = hyper::service::service_fn(move |request| {
                let answering = answer(request);
                async move { Ok::<_, Infallible>(answering.await) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    })
}

fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body without a known length.
fn streamed(chunks: mpsc::Receiver<Bytes>) -> Body {
    let chunks = futures::stream::unfold(chunks, |mut chunks| async {
        chunks.recv().await.map(|chunk| (Ok(Frame::data(chunk)), chunks))
    });
    StreamBody::new(chunks).boxed_unsync()
}

/// Says its name and echoes the request's body.
fn echo(dir: &Path, id: &str) -> Container {
    let name = id.to_owned();
    container(dir, id, move |request| {
        let name = name.clone();
        async move {
            let sent = request.into_body().collect().await.unwrap().to_bytes();
            body([name.as_bytes(), b":", &sent].concat()).into_response()
        }
    })
}

trait IntoResponse {
    fn into_response(self) -> Response<Body>;
}

impl IntoResponse for Body {
    fn into_response(self) -> Response<Body> {
        Response::new(self)
    }
}

fn variant(name: &str, weight: f64, containers: &[&Container]) -> VariantTable {
    let instances = containers.iter().map(|container| container.target.clone()).collect();
    VariantTable::new(name, weight, instances)
}

fn plane(variants: Vec<VariantTable>) -> Plane {
    let plane = Plane::new(Place::default(), 42);
    let retired = plane.publish(EndpointTable { name: "demo".into(), variants });
    assert_eq!(retired.ids().count(), 0);
    plane
}

fn invocation(content: impl Into<Bytes>) -> Invocation {
    Invocation {
        endpoint: "demo".into(),
        target_variant: None,
        headers: http::HeaderMap::new(),
        body: body(content),
        response_stream: false,
        received: Instant::now(),
    }
}

async fn answer(plane: &Plane, invocation: Invocation) -> Result<(String, Bytes), AwsError> {
    let response = forward(plane, invocation).await?;
    let variant = response.headers()["x-amzn-invoked-production-variant"].to_str().unwrap();
    let variant = variant.to_owned();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Ok((variant, bytes))
}

fn dir() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("sv").tempdir_in("/tmp").unwrap()
}

#[tokio::test]
async fn passes_on_what_sagemaker_passes_on() {
    let dir = dir();
    let one = container(dir.path(), "one", |request| async move {
        assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/invocations"));
        let mut seen: Vec<String> = request.headers().keys().map(ToString::to_string).collect();
        seen.sort();
        let mut response = body(seen.join(" ")).into_response();
        for (name, value) in [
            ("content-type", "text/csv"),
            ("x-amzn-sagemaker-custom-attributes", "mine"),
            ("server", "secret"),
        ] {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    });
    let plane = plane(vec![variant("blue", 1.0, &[&one])]);
    let mut call = invocation("1,2");
    for name in [
        "content-type",
        "accept",
        "x-amzn-sagemaker-custom-attributes",
        "x-amzn-sagemaker-inference-id",
        "authorization",
        "cookie",
        "x-forwarded-for",
    ] {
        call.headers.insert(name, "x".parse().unwrap());
    }
    let response = forward(&plane, call).await.unwrap();
    let mut names: Vec<&str> = response.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["content-type", "x-amzn-invoked-production-variant", "x-amzn-sagemaker-custom-attributes"]
    );
    assert_eq!(response.headers()["x-amzn-invoked-production-variant"], "blue");
    let seen = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(
        seen,
        "accept content-length content-type host x-amzn-sagemaker-custom-attributes \
         x-amzn-sagemaker-inference-id"
    );
}

#[tokio::test]
async fn the_seed_decides_the_split_whatever_the_order() {
    let dir = dir();
    let (blue, green) = (echo(dir.path(), "b"), echo(dir.path(), "g"));
    let variants = || vec![variant("blue", 9.0, &[&blue]), variant("green", 1.0, &[&green])];
    let weights = Weights::new([9.0, 1.0]);
    let seed = Seed(42).named("demo");
    let expected: Vec<&str> =
        (0..500).map(|n| ["blue", "green"][weights.pick(seed.unit(n)).unwrap()]).collect();
    let sequential = plane(variants());
    for (n, expected) in expected.iter().enumerate() {
        let (variant, bytes) = answer(&sequential, invocation(n.to_string())).await.unwrap();
        assert_eq!(variant, *expected);
        assert_eq!(bytes, format!("{}:{n}", &variant[..1]));
    }
    // Many at once: who gets which differs, how many get which does not.
    let together = plane(variants());
    let calls = (0..500).map(|_| answer(&together, invocation("")));
    let answers: Vec<_> = futures::stream::iter(calls).buffer_unordered(32).collect().await;
    let greens = answers.iter().filter(|answer| answer.as_ref().unwrap().0 == "green").count();
    assert_eq!(greens, expected.iter().filter(|variant| **variant == "green").count());
    let statistics = together.statistics("demo").unwrap();
    assert_eq!(statistics[1].invocations, greens as u64);
    assert_eq!(statistics[0].invocations + statistics[1].invocations, 500);
    assert_eq!(statistics[0].model_latency.len(), statistics[0].invocations);
    assert!((statistics[0].share - 0.9).abs() < 1e-9);
}

#[tokio::test]
async fn a_named_variant_overrides_the_split_and_leaves_its_sequence_alone() {
    let dir = dir();
    let (blue, green) = (echo(dir.path(), "b"), echo(dir.path(), "g"));
    let variants = || vec![variant("blue", 1.0, &[&blue]), variant("green", 1.0, &[&green])];
    let (plain, mixed) = (plane(variants()), plane(variants()));
    for _ in 0..20 {
        let named = Invocation { target_variant: Some("green".into()), ..invocation("") };
        assert_eq!(answer(&mixed, named).await.unwrap().0, "green");
        let expected = answer(&plain, invocation("")).await.unwrap().0;
        assert_eq!(answer(&mixed, invocation("")).await.unwrap().0, expected);
    }
    let unknown = Invocation { target_variant: Some("red".into()), ..invocation("") };
    let error = answer(&mixed, unknown).await.unwrap_err();
    assert_eq!((error.status, &*error.code), (400, "ValidationError"));
    assert!(error.message.contains("red"), "{error}");
}

#[tokio::test]
async fn weights_of_zero_get_only_what_is_sent_to_them_by_name() {
    let dir = dir();
    let one = echo(dir.path(), "one");
    let plane = plane(vec![variant("blue", 0.0, &[&one])]);
    let error = answer(&plane, invocation("")).await.unwrap_err();
    assert_eq!(&*error.code, "ValidationError");
    let named = Invocation { target_variant: Some("blue".into()), ..invocation("") };
    assert_eq!(answer(&plane, named).await.unwrap().0, "blue");
}

#[tokio::test]
async fn names_are_found_as_they_are_written_and_others_are_not() {
    let dir = dir();
    let one = echo(dir.path(), "one");
    let plane = plane(vec![variant("blue", 1.0, &[&one])]);
    assert!(answer(&plane, invocation("")).await.is_ok());
    for name in ["other", "Demo", "DEMO"] {
        let call = Invocation { endpoint: name.into(), ..invocation("") };
        let error = answer(&plane, call).await.unwrap_err();
        assert_eq!((error.status, &*error.code), (400, "ValidationError"));
        assert_eq!(error.message, format!("Endpoint {name} of account 123456789012 not found."));
    }
    plane.withdraw("demo").drained().await;
    assert!(answer(&plane, invocation("")).await.is_err());
    assert!(plane.statistics("demo").is_none());
}

#[tokio::test]
async fn a_models_errors_are_told_in_awss_words() {
    let dir = dir();
    let one = container(dir.path(), "one", |request| async move {
        let sent = request.into_body().collect().await.unwrap().to_bytes();
        let status: u16 = std::str::from_utf8(&sent).unwrap().parse().unwrap();
        let mut response = body("no such feature").into_response();
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    });
    let plane = plane(vec![variant("blue", 1.0, &[&one])]);
    for (status, side) in
        [("400", "client"), ("415", "client"), ("500", "server"), ("302", "server")]
    {
        let error = answer(&plane, invocation(status)).await.unwrap_err();
        assert_eq!((error.status, &*error.code), (424, "ModelError"));
        assert_eq!(
            error.message,
            format!(
                "Received {side} error ({status}) from primary with message \"no such feature\". \
                 See https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1\
                 #logEventViewer:group=/aws/sagemaker/Endpoints/demo in account 123456789012 for \
                 more information."
            )
        );
        assert_eq!(error.members["OriginalStatusCode"], status.parse::<u16>().unwrap());
        assert_eq!(error.members["OriginalMessage"], "no such feature");
        assert_eq!(error.members["LogStreamArn"], "arn:log:one");
    }
    let statistics = &plane.statistics("demo").unwrap()[0];
    assert_eq!((statistics.errors_4xx, statistics.errors_5xx), (2, 1));
    assert_eq!((statistics.invocations, statistics.abandoned), (4, 0));
}

#[tokio::test]
async fn a_container_that_does_not_answer_in_time_is_a_model_error() {
    let dir = dir();
    let one = container(dir.path(), "one", |_| std::future::pending());
    let mut slow = variant("blue", 1.0, &[&one]);
    slow.container_timeout = Duration::from_millis(30);
    let plane = plane(vec![slow]);
    let error = answer(&plane, invocation("x")).await.unwrap_err();
    assert_eq!((error.status, &*error.code), (424, "ModelError"));
    assert!(
        error.message.starts_with(
            "Received server error (0) from primary with message \"Your invocation timed out while \
             waiting for a response from container primary."
        ),
        "{error}"
    );
    assert_eq!(error.members["OriginalStatusCode"], 0);
    assert_eq!(plane.statistics("demo").unwrap()[0].errors_5xx, 1);
    assert!(plane.is_idle("demo"));
}

#[tokio::test]
async fn a_slow_caller_does_not_use_up_the_containers_time() {
    let dir = dir();
    let one = echo(dir.path(), "one");
    let mut variant = variant("blue", 1.0, &[&one]);
    variant.container_timeout = Duration::from_millis(30);
    let plane = Arc::new(plane(vec![variant]));
    let (send, chunks) = mpsc::channel(1);
    let call = Invocation { body: streamed(chunks), ..invocation("") };
    let answering = tokio::spawn({
        let plane = Arc::clone(&plane);
        async move { answer(&plane, call).await }
    });
    // Longer than the container's time, which must not matter however long it is.
    tokio::time::sleep(Duration::from_millis(100)).await;
    send.send("late".into()).await.unwrap();
    drop(send);
    assert_eq!(answering.await.unwrap().unwrap().1, "one:late");
}

#[tokio::test]
async fn requests_are_limited_to_six_mebibytes() {
    let dir = dir();
    let one = container(dir.path(), "one", |request| async move {
        let length = request.into_body().collect().await.map_or(0, |b| b.to_bytes().len());
        body(length.to_string()).into_response()
    });
    let plane = plane(vec![variant("blue", 1.0, &[&one])]);
    let (_, length) = answer(&plane, invocation(vec![0; LIMIT])).await.unwrap();
    assert_eq!(length, LIMIT.to_string());
    let error = answer(&plane, invocation(vec![0; LIMIT + 1])).await.unwrap_err();
    assert_eq!(error.status, 413);
    // Of a length that nobody announced.
    for (extra, fits) in [(0, true), (1, false)] {
        let (send, chunks) = mpsc::channel(1);
        let sending = tokio::spawn(async move {
            for chunk in vec![0; LIMIT + extra].chunks(100_000) {
                if send.send(Bytes::copy_from_slice(chunk)).await.is_err() {
                    return;
                }
            }
        });
        let call = Invocation { body: streamed(chunks), ..invocation("") };
        let answered = answer(&plane, call).await;
        assert_eq!(answered.is_ok(), fits);
        assert!(fits || answered.unwrap_err().status == 413);
        sending.await.unwrap();
    }
    assert!(plane.is_idle("demo"));
}

#[tokio::test]
async fn a_variant_may_take_less() {
    let dir = dir();
    let one = container(dir.path(), "one", |request| async move {
        let length = request.into_body().collect().await.map_or(0, |b| b.to_bytes().len());
        body(vec![0; length]).into_response()
    });
    let mut serverless = variant("blue", 1.0, &[&one]);
    serverless.max_body_bytes = MAX_SERVERLESS_BODY_BYTES;
    let plane = plane(vec![serverless]);
    let most = usize::try_from(MAX_SERVERLESS_BODY_BYTES).unwrap();
    assert_eq!(most, 4 * 1024 * 1024);
    let (_, echoed) = answer(&plane, invocation(vec![0; most])).await.unwrap();
    assert_eq!(echoed.len(), most);
    let error = answer(&plane, invocation(vec![0; most + 1])).await.unwrap_err();
    assert_eq!(error.status, 413);
    assert!(error.message.contains("4194304"), "{}", error.message);
    let (send, chunks) = mpsc::channel(64);
    for _ in 0..most / 100_000 + 1 {
        send.try_send(Bytes::from(vec![0; 100_000])).unwrap();
    }
    drop(send);
    let call = Invocation { body: streamed(chunks), ..invocation("") };
    assert_eq!(answer(&plane, call).await.unwrap_err().status, 413);
}

#[tokio::test]
async fn answers_are_limited_too() {
    let dir = dir();
    let known =
        container(dir.path(), "known", |_| async { body(vec![0; LIMIT + 1]).into_response() });
    let unknown = container(dir.path(), "unknown", |_| async {
        let (send, chunks) = mpsc::channel(1);
        tokio::spawn(async move { while send.send(vec![0; 100_000].into()).await.is_ok() {} });
        streamed(chunks).into_response()
    });
    let plane = plane(vec![variant("known", 1.0, &[&known]), variant("unknown", 1.0, &[&unknown])]);
    let named = |name: &str| Invocation { target_variant: Some(name.into()), ..invocation("") };
    let error = forward(&plane, named("known")).await.unwrap_err();
    assert_eq!(&*error.code, "ModelError");
    let response = forward(&plane, named("unknown")).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
    for statistics in plane.statistics("demo").unwrap() {
        assert_eq!((statistics.errors_5xx, statistics.in_flight), (1, 0));
    }
}

#[tokio::test]
async fn bytes_are_passed_on_as_they_come() {
    let dir = dir();
    let (send, chunks) = mpsc::channel(1);
    let chunks = Arc::new(std::sync::Mutex::new(Some(chunks)));
    let one = container(dir.path(), "one", move |_| {
        let chunks = chunks.lock().unwrap().take().unwrap();
        async move { streamed(chunks).into_response() }
    });
    let plane = plane(vec![variant("blue", 1.0, &[&one])]);
    send.send("first".into()).await.unwrap();
    let mut answer = forward(&plane, invocation("")).await.unwrap().into_body();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "first");
    assert!(!plane.is_idle("demo"));
    send.send("second".into()).await.unwrap();
    assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), "second");
    drop(send);
    assert!(answer.frame().await.is_none());
    assert!(plane.is_idle("demo"));
}

/// Reads event-stream frames to the end.
async fn events(body: Body) -> Vec<event_stream::Message> {
    let bytes = body.collect().await.unwrap().to_bytes();
    let mut buffer = BytesMut::from(&bytes[..]);
    let mut events = Vec::new();
    while let Some(event) = event_stream::decode(&mut buffer).unwrap() {
        events.push(event);
    }
    assert!(buffer.is_empty());
    events
}

#[tokio::test]
async fn a_streamed_answer_is_an_event_stream() {
    let dir = dir();
    let whole = container(dir.path(), "whole", |request| async move {
        assert_eq!(request.headers()["accept"], "text/plain");
        let (send, chunks) = mpsc::channel(2);
        send.send("one".into()).await.unwrap();
        send.send("two".into()).await.unwrap();
        let mut response = streamed(chunks).into_response();
        response.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        response
    });
    let half = closing(dir.path(), "half", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    let plane = plane(vec![variant("whole", 1.0, &[&whole]), variant("half", 1.0, &[&half])]);
    let call = |name: &str| {
        let mut call = invocation("");
        call.response_stream = true;
        call.target_variant = Some(name.into());
        call.headers.insert("x-amzn-sagemaker-accept", "text/plain".parse().unwrap());
        call
    };
    let response = forward(&plane, call("whole")).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
    assert_eq!(response.headers()["x-amzn-sagemaker-content-type"], "text/plain");
    let parts = events(response.into_body()).await;
    let payload: Vec<u8> = parts.iter().flat_map(|part| part.payload.to_vec()).collect();
    assert_eq!(payload, b"onetwo");
    assert!(parts.iter().all(|part| part.header(":event-type") == Some("PayloadPart")));

    let response = forward(&plane, call("half")).await.unwrap();
    let parts = events(response.into_body()).await;
    let (last, before) = parts.split_last().unwrap();
    assert!(before.iter().all(|part| part.header(":event-type") == Some("PayloadPart")));
    assert_eq!(last.header(":message-type"), Some("exception"));
    assert_eq!(last.header(":exception-type"), Some("ModelStreamError"));
    let error: serde_json::Value = serde_json::from_slice(&last.payload).unwrap();
    assert_eq!(error["ErrorCode"], "StreamBroken");
}

#[tokio::test]
async fn a_slow_reader_holds_the_container_back() {
    let dir = dir();
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let (blocked, mut is_blocked) = watch::channel(false);
    let one = container(dir.path(), "one", move |_| {
        let (send, chunks) = mpsc::channel(1);
        let (counted, blocked) = (Arc::clone(&counted), blocked.clone());
        tokio::spawn(async move {
            loop {
                let chunk = Bytes::from(vec![0; 64 * 1024]);
                // Backpressure: a send that a quiet second does not complete.
                match tokio::time::timeout(Duration::from_secs(1), send.send(chunk)).await {
                    Ok(Ok(())) => counted.fetch_add(64 * 1024, Ordering::SeqCst),
                    _ => break,
                };
            }
            blocked.send_replace(true);
        });
        async move { streamed(chunks).into_response() }
    });
    let plane = plane(vec![variant("blue", 1.0, &[&one])]);
    let call = Invocation { response_stream: true, ..invocation("") };
    let response = forward(&plane, call).await.unwrap();
    is_blocked.wait_for(|blocked| *blocked).await.unwrap();
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < 4 << 20, "{sent} bytes left the container though nobody read");
    drop(response);
}

/// Answers a request's head with `head`, then closes.
fn closing(dir: &Path, id: &str, head: &'static str) -> Container {
    raw(dir, id, move |mut stream| async move {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(head.as_bytes()).await;
    })
}

#[tokio::test]
async fn a_container_that_closes_in_the_middle_is_at_fault() {
    let dir = dir();
    let mid_body = closing(dir.path(), "body", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    let mid_error =
        closing(dir.path(), "error", "HTTP/1.1 500 Oh\r\ncontent-length: 9\r\n\r\nhalf");
    let no_head = closing(dir.path(), "head", "");
    let plane = plane(vec![
        variant("body", 1.0, &[&mid_body]),
        variant("error", 1.0, &[&mid_error]),
        variant("head", 1.0, &[&no_head]),
    ]);
    let named = |name: &str| Invocation { target_variant: Some(name.into()), ..invocation("x") };
    let response = forward(&plane, named("body")).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
    let error = forward(&plane, named("error")).await.unwrap_err();
    assert!(
        error.message.starts_with(
            "Received server error (500) from primary and could not load the entire response body."
        ),
        "{error}"
    );
    let error = forward(&plane, named("head")).await.unwrap_err();
    assert_eq!((&*error.code, &error.members["OriginalStatusCode"]), ("ModelError", &0.into()));
    for statistics in plane.statistics("demo").unwrap() {
        assert_eq!((statistics.invocations, statistics.errors_5xx), (1, 1), "{statistics:?}");
    }
}

#[tokio::test]
async fn a_dead_instance_is_passed_over() {
    let dir = dir();
    let alive = echo(dir.path(), "alive");
    let dead = target(dir.path(), "dead");
    let both = vec![dead.clone(), alive.target.clone()];
    let plane = plane(vec![VariantTable::new("blue", 1.0, both)]);
    for n in 0..20 {
        let (_, bytes) = answer(&plane, invocation(n.to_string())).await.unwrap();
        assert_eq!(bytes, format!("alive:{n}"));
    }
    let only = VariantTable::new("blue", 1.0, vec![dead]);
    plane.publish(EndpointTable { name: "demo".into(), variants: vec![only] });
    let error = answer(&plane, invocation("")).await.unwrap_err();
    assert_eq!((error.status, &*error.code), (503, "ServiceUnavailable"));
    assert_eq!(plane.statistics("demo").unwrap()[0].errors_5xx, 1);
}

#[tokio::test]
async fn a_connection_that_the_container_closed_is_replaced() {
    let dir = dir();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let (closed, mut was_closed) = mpsc::channel(1);
    // Promises to keep the connection, and closes it.
    let one = raw(dir.path(), "one", move |mut stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        let closed = closed.clone();
        async move {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok";
            let _ = stream.write_all(head.as_bytes()).await;
            drop(stream);
            let _ = closed.send(()).await;
        }
    });
    let plane = plane(vec![variant("blue", 1.0, &[&one])]);
    for n in 1..=5 {
        assert_eq!(answer(&plane, invocation("x")).await.unwrap().1, "ok");
        was_closed.recv().await.unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), n);
    }
}

#[tokio::test]
async fn connections_are_reused() {
    let dir = dir();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let one = raw(dir.path(), "one", move |stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let service = hyper::service::service_fn(|_| async {
                Ok::<_, Infallible>(body("ok").into_response())
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    let plane = plane(vec![variant("blue", 1.0, &[&one])]);
    for _ in 0..50 {
        assert_eq!(answer(&plane, invocation("x")).await.unwrap().1, "ok");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_least_busy_instance_is_preferred_when_asked_for() {
    let dir = dir();
    let (enter, mut entered) = mpsc::channel::<oneshot::Sender<()>>(8);
    let holding = |id: &'static str| {
        let enter = enter.clone();
        container(dir.path(), id, move |_| {
            let enter = enter.clone();
            async move {
                let (release, released) = oneshot::channel();
                enter.send(release).await.unwrap();
                released.await.unwrap();
                body(id).into_response()
            }
        })
    };
    let (one, two, three) = (holding("1"), holding("2"), holding("3"));
    let mut busy = variant("blue", 1.0, &[&one, &two, &three]);
    busy.routing = Routing::LeastOutstanding;
    let plane = Arc::new(plane(vec![busy]));
    let mut answers = Vec::new();
    let mut releases = Vec::new();
    for _ in 0..3 {
        let plane = Arc::clone(&plane);
        answers.push(tokio::spawn(async move { answer(&plane, invocation("")).await }));
        releases.push(entered.recv().await.unwrap());
    }
    releases.into_iter().for_each(|release| release.send(()).unwrap());
    let mut served = Vec::new();
    for answer in answers {
        served.push(answer.await.unwrap().unwrap().1);
    }
    served.sort();
    assert_eq!(served, ["1", "2", "3"]);
}

#[tokio::test]
async fn the_old_fleet_finishes_what_it_has_in_flight() {
    let dir = dir();
    let (enter, mut entered) = mpsc::channel::<oneshot::Sender<()>>(1);
    let old = container(dir.path(), "old", move |_| {
        let enter = enter.clone();
        async move {
            let (release, released) = oneshot::channel();
            enter.send(release).await.unwrap();
            released.await.unwrap();
            body("old").into_response()
        }
    });
    let new = echo(dir.path(), "new");
    let plane = Arc::new(plane(vec![variant("blue", 1.0, &[&old])]));
    let slow = tokio::spawn({
        let plane = Arc::clone(&plane);
        async move { answer(&plane, invocation("")).await }
    });
    let release = entered.recv().await.unwrap();
    let variants = vec![variant("blue", 1.0, &[&new])];
    let retired = plane.publish(EndpointTable { name: "demo".into(), variants });
    assert_eq!(retired.ids().collect::<Vec<_>>(), ["old"]);
    assert_eq!(answer(&plane, invocation("x")).await.unwrap().1, "new:x");
    let drained = retired.drained();
    tokio::pin!(drained);
    assert!(futures::poll!(drained.as_mut()).is_pending());
    release.send(()).unwrap();
    drained.await;
    assert_eq!(slow.await.unwrap().unwrap().1, "old");
    // The figures go on by the variant's name.
    assert_eq!(plane.statistics("demo").unwrap()[0].invocations, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacing_fleets_under_load_loses_no_request() {
    let dir = dir();
    let first = echo(dir.path(), "c0");
    let plane = Arc::new(plane(vec![variant("blue", 1.0, &[&first])]));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (plane, stop) = (Arc::clone(&plane), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    answer(&plane, invocation("payload")).await.unwrap();
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut current = first;
    for n in 1..=40 {
        let next = echo(dir.path(), &format!("c{n}"));
        let variants = vec![variant("blue", 1.0, &[&next])];
        let retired = plane.publish(EndpointTable { name: "demo".into(), variants });
        retired.drained().await;
        // Its connections break with it, as when its process is stopped.
        let Address::Unix(path) = &current.target.address else { unreachable!() };
        std::fs::remove_file(path).unwrap();
        current = next;
    }
    stop.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    assert_eq!(plane.statistics("demo").unwrap()[0].invocations, answered);
    assert!(plane.is_idle("demo"));
}

#[tokio::test]
async fn a_caller_that_leaves_is_counted_as_gone() {
    let dir = dir();
    let (enter, mut entered) = mpsc::channel(1);
    let one = container(dir.path(), "one", move |_| {
        let enter = enter.clone();
        async move {
            enter.send(()).await.unwrap();
            std::future::pending().await
        }
    });
    let plane = Arc::new(plane(vec![variant("blue", 1.0, &[&one])]));
    let waiting = tokio::spawn({
        let plane = Arc::clone(&plane);
        async move { answer(&plane, invocation("")).await }
    });
    entered.recv().await.unwrap();
    assert!(!plane.is_idle("demo"));
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    let statistics = &plane.statistics("demo").unwrap()[0];
    assert_eq!((statistics.invocations, statistics.abandoned), (1, 1));
    assert_eq!((statistics.in_flight, statistics.model_latency.len()), (0, 0));
}

#[tokio::test]
async fn pings_tell_what_they_found() {
    let dir = dir();
    let status = |id: &'static str, status: u16| {
        container(dir.path(), id, move |request| async move {
            assert_eq!(request.uri().path(), "/ping");
            let mut response = body("").into_response();
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        })
    };
    let (good, bad) = (status("good", 200), status("bad", 503));
    let silent = container(dir.path(), "silent", |_| std::future::pending());
    let minute = Duration::from_secs(60);
    assert_eq!(ping(&good.target.address, minute).await, Ping::Healthy);
    assert_eq!(ping(&bad.target.address, minute).await, Ping::Status(503));
    assert_eq!(ping(&silent.target.address, Duration::from_millis(20)).await, Ping::Silent);
    let gone = target(dir.path(), "gone");
    assert!(matches!(ping(&gone.address, minute).await, Ping::Broken(_)));
}

#[tokio::test]
async fn waiting_for_health_ends_with_it_with_the_container_or_in_time() {
    let dir = dir();
    let (exit, exited) = watch::channel(None);
    let minute = Duration::from_secs(60);
    // Unwell at first.
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let starting = container(dir.path(), "starting", move |_| {
        let unwell = counted.fetch_add(1, Ordering::SeqCst) < 3;
        async move {
            let mut response = body("").into_response();
            if unwell {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            response
        }
    });
    let address = &starting.target.address;
    let startup =
        wait_until_healthy(address, exited.clone(), minute, minute, |_, _| (), || ()).await;
    assert_eq!(startup, Startup::Healthy);
    assert_eq!(tries.load(Ordering::SeqCst), 4);

    // A socket that listens while nobody accepts yet.
    let silent = target(dir.path(), "silent");
    let Address::Unix(path) = &silent.address else { unreachable!() };
    let _listener = UnixListener::bind(path).unwrap();
    let mut called_out = false;
    let instant = Duration::from_millis(5);
    let soon = Duration::from_millis(50);
    let startup = wait_until_healthy(
        &silent.address,
        exited.clone(),
        soon,
        instant,
        |_, _| (),
        || called_out = true,
    )
    .await;
    assert_eq!(startup, Startup::TimedOut(Ping::Silent));
    assert!(called_out);

    let end = Exit { code: Some(1), signal: None, last_words: vec!["no model".into()] };
    exit.send_replace(Some(end.clone()));
    let startup =
        wait_until_healthy(&silent.address, exited, minute, minute, |_, _| (), || ()).await;
    assert_eq!(startup, Startup::Exited(end));
}
