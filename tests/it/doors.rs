//! Who and what the gateway lets in, tried over real sockets.

use crate::gate::{Gate, PATIENCE, Raw};
use http::{HeaderMap, Method};
use rstest::rstest;
use sagebrush::api::signing::{Credentials, PayloadHash, presign, sha256_hex, sign};
use sagebrush::domain::time::{Clock, SystemClock, Timestamp};
use sagebrush::gateway::Limits;
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn gate() -> Gate {
    Gate::start(Limits::default())
}

#[test]
fn the_regions_own_user_is_let_in_unsigned() {
    let gate = gate();
    let health = gate.get("/_sagebrush/health");
    assert_eq!(health.status, 200);
    assert_eq!(health.json()["name"], "sagebrush");
    assert_eq!(health.json()["pid"], std::process::id());
    let models = gate.call("ListModels", &json!({}));
    assert_eq!((models.status, models.json()), (200, json!({"Models": []})));
    assert!(models.header("x-amzn-requestid").is_some());
}

#[rstest]
#[case("Host: evil.example")]
#[case("Host: evil.example:PORT")]
#[case("Host: localhost.evil.example:PORT")]
#[case("Host: localhost:1")]
#[case("Host: HERE\r\nOrigin: https://evil.example")]
#[case("Host: HERE\r\nOrigin: null")]
#[case("Host: HERE\r\nReferer: https://evil.example/page")]
#[case("Host: HERE\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: image")]
fn what_a_web_page_sends_is_refused(#[case] headers: &str) {
    let gate = gate();
    let headers = headers
        .replace("HERE", &gate.address.to_string())
        .replace("PORT", &gate.address.port().to_string());
    for target in
        ["/_sagebrush/health", "/bucket/key", "/?Action=GetCallerIdentity&Version=2011-06-15"]
    {
        let answer = gate.send(&format!("GET {target} HTTP/1.1\r\n{headers}\r\n\r\n"));
        assert_eq!(answer.status, 403, "{target}: {}", answer.text());
        assert!(answer.code().starts_with("AccessDenied"), "{target}: {}", answer.text());
    }
    let stop = gate
        .send(&format!("POST /_sagebrush/stop HTTP/1.1\r\n{headers}\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!(stop.status, 403);
    assert!(!gate.stop_was_requested());
}

#[test]
fn a_query_operation_in_an_address_is_refused() {
    let gate = gate();
    let answer = gate.get("/?Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!(answer.status, 405, "{}", answer.text());
    assert!(answer.text().contains("POST"), "{}", answer.text());
    assert_eq!(gate.get("/_sagebrush/stop").status, 405);
    assert_eq!(gate.get("/_sagebrush/reset").status, 405);
    assert!(!gate.stop_was_requested());
}

#[rstest]
#[case("CONNECT evil.example:443")]
#[case("TRACE /")]
#[case("OPTIONS /bucket")]
#[case("PROPFIND /bucket")]
fn other_methods_are_refused(#[case] line: &str) {
    let gate = gate();
    let answer = gate.send(&format!("{line} HTTP/1.1\r\nHost: {}\r\n\r\n", gate.address));
    assert_eq!(answer.status, 405, "{}", answer.text());
}

/// Each would, read another way, smuggle a second request past whoever reads it the first way.
#[rstest]
#[case::both(
    "POST / HTTP/1.1\r\nHost: HERE\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
)]
#[case::both_turned(
    "POST / HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n"
)]
#[case::two_lengths(
    "POST / HTTP/1.1\r\nHost: HERE\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n"
)]
#[case::two_equal_lengths(
    "POST / HTTP/1.1\r\nHost: HERE\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n"
)]
#[case::list_of_lengths("POST / HTTP/1.1\r\nHost: HERE\r\nContent-Length: 0, 0\r\n\r\n")]
#[case::signed_length("POST / HTTP/1.1\r\nHost: HERE\r\nContent-Length: +0\r\n\r\n")]
#[case::bare_lf("GET /_sagebrush/health HTTP/1.1\nHost: HERE\n\n")]
#[case::bare_lf_in_headers("GET /_sagebrush/health HTTP/1.1\r\nX: a\nHost: HERE\r\n\r\n")]
#[case::bare_cr("GET /_sagebrush/health HTTP/1.1\r\nX: a\rY: b\r\nHost: HERE\r\n\r\n")]
#[case::folded(
    "GET /_sagebrush/health HTTP/1.1\r\nX: a\r\n Content-Length: 5\r\nHost: HERE\r\n\r\n"
)]
#[case::space_before_colon("POST / HTTP/1.1\r\nHost: HERE\r\nContent-Length : 0\r\n\r\n")]
#[case::unknown_encoding("POST / HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: xchunked\r\n\r\n")]
#[case::encoding_twice(
    "POST / HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"
)]
#[case::encoding_in_http10(
    "POST / HTTP/1.0\r\nHost: HERE\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
)]
#[case::two_hosts("GET /_sagebrush/health HTTP/1.1\r\nHost: HERE\r\nHost: evil.example\r\n\r\n")]
#[case::no_host("GET /_sagebrush/health HTTP/1.1\r\nX: y\r\n\r\n")]
#[case::null("GET /_sagebrush/health HTTP/1.1\r\nHost: HERE\r\nX: a\0b\r\n\r\n")]
fn ambiguous_framing_is_refused(#[case] request: &str) {
    let gate = gate();
    let here = gate.address.to_string();
    let smuggled =
        format!("POST /_sagebrush/stop HTTP/1.1\r\nHost: {here}\r\nContent-Length: 0\r\n\r\n");
    // Behind a sound request on the same connection, and as the first.
    for sound in [0, 1, 3] {
        let mut raw = gate.connect();
        let health = format!("GET /_sagebrush/health HTTP/1.1\r\nHost: {here}\r\n\r\n");
        let text = health.repeat(sound) + &request.replace("HERE", &here) + &smuggled;
        raw.write(&text);
        for _ in 0..sound {
            assert_eq!(raw.answer().status, 200);
        }
        let answer = raw.answer();
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.code(), "MalformedRequest");
        assert!(raw.is_silent_end(), "nothing follows a refusal");
    }
    assert!(!gate.stop_was_requested());
}

#[test]
fn a_malformed_chunk_ends_the_connection() {
    let gate = gate();
    let mut raw = gate.connect();
    raw.write(&format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: SageMaker.ListModels\r\n\
         Content-Type: application/x-amz-json-1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}X",
        gate.address
    ));
    assert_eq!(raw.answer().status, 400);
    raw.wait_closed();
}

#[test]
fn oversized_heads_are_refused() {
    let gate = gate();
    for filler in [format!("X: {}\r\n", "a".repeat(70_000)), "X: a\r\n".repeat(200)] {
        let mut raw = gate.connect();
        raw.write(&format!("GET / HTTP/1.1\r\nHost: {}\r\n{filler}\r\n", gate.address));
        assert_eq!(raw.answer().status, 431);
        raw.wait_closed();
    }
}

#[rstest]
#[case("/", "X-Amz-Target: SageMaker.ListModels\r\nContent-Type: application/x-amz-json-1.1")]
#[case("/endpoints/none/invocations", "Content-Type: text/csv")]
#[case("/_sagebrush/reset", "X: y")]
fn oversized_bodies_are_refused_before_they_are_read(#[case] path: &str, #[case] headers: &str) {
    let gate = gate();
    let mut raw = gate.connect();
    raw.write(&format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\nContent-Length: 99999999999\r\n\r\n",
        gate.address
    ));
    let answer = raw.answer();
    assert!([413, 400].contains(&answer.status), "{}", answer.text());
}

#[rstest]
#[case("/", "X-Amz-Target: SageMaker.ListModels\r\nContent-Type: application/x-amz-json-1.1")]
#[case("/_sagebrush/reset", "X: y")]
fn endless_bodies_are_refused(#[case] path: &str, #[case] headers: &str) {
    let gate = gate();
    let mut raw = gate.connect();
    raw.write(&format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\nTransfer-Encoding: chunked\r\n\r\n",
        gate.address
    ));
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    // Endless: the refusal alone ends it. It may come while we are still writing.
    let mut reader = raw.reader();
    let writer = std::thread::spawn(move || while raw.try_write(chunk.as_bytes()) {});
    assert_eq!(reader.answer().status, 413);
    writer.join().unwrap();
}

#[test]
fn a_head_that_does_not_end_times_out() {
    let gate = Gate::start(Limits { head_time: Duration::from_millis(50), ..Limits::default() });
    let mut raw = gate.connect();
    raw.write("GET /_sagebrush/health HTTP/1.1\r\nHost: ");
    let answer = raw.answer();
    assert_eq!((answer.status, answer.code().as_str()), (408, "RequestTimeout"));
    raw.wait_closed();
}

#[test]
fn a_head_that_drips_times_out() {
    let gate = Gate::start(Limits { head_time: Duration::from_millis(200), ..Limits::default() });
    let raw = gate.connect();
    let mut reader = raw.reader();
    let mut writer = raw;
    let dripping = std::thread::spawn(move || {
        writer.write("GET /_sagebrush/health HTTP/1.1\r\n");
        while writer.try_write(b"X: y\r\n") {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert_eq!(reader.answer().status, 408);
    dripping.join().unwrap();
}

#[rstest]
#[case::standing_still(Limits { body_stall: Duration::from_millis(50), ..Limits::default() })]
#[case::too_long(Limits { body_time: Duration::from_millis(50), ..Limits::default() })]
fn a_body_that_does_not_come_times_out(#[case] limits: Limits) {
    let gate = Gate::start(limits);
    let mut raw = gate.connect();
    raw.write(&format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: SageMaker.ListModels\r\n\
         Content-Type: application/x-amz-json-1.1\r\nContent-Length: 100\r\n\r\n{{",
        gate.address
    ));
    let answer = raw.answer();
    assert_eq!((answer.status, answer.code().as_str()), (408, "RequestTimeout"));
    raw.wait_closed();
}

#[test]
fn idle_connections_are_closed() {
    let gate = Gate::start(Limits { idle_time: Duration::from_millis(50), ..Limits::default() });
    assert!(gate.connect().is_silent_end(), "before a first request");
    let mut raw = gate.connect();
    raw.write(&format!("GET /_sagebrush/health HTTP/1.1\r\nHost: {}\r\n\r\n", gate.address));
    assert_eq!(raw.answer().status, 200);
    assert!(raw.is_silent_end(), "after a request");
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let gate = gate();
    let mut raw = gate.connect();
    raw.write(&gate.call_text("ListModels", &json!({})));
    raw.half_close();
    assert_eq!(raw.answer().status, 200);
    assert!(raw.is_silent_end());

    let mut cut_short = gate.connect();
    cut_short.write(&format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: SageMaker.ListModels\r\n\
         Content-Length: 100\r\n\r\n{{",
        gate.address
    ));
    cut_short.half_close();
    let answer = cut_short.answer();
    assert_eq!((answer.status, answer.code().as_str()), (400, "IncompleteBody"));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let gate = gate();
    let mut raw = gate.connect();
    let mut text = String::new();
    for name in ["a", "b", "c"] {
        text += &gate.call_text("DescribeModel", &json!({ "ModelName": name }));
    }
    raw.write(&text);
    raw.half_close();
    for name in ["a", "b", "c"] {
        let answer = raw.answer();
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains(&format!("model/{name}")), "{}", answer.text());
    }
    assert!(raw.is_silent_end());
}

#[test]
fn chunked_bodies_are_read() {
    let gate = gate();
    let mut raw = gate.connect();
    raw.write(&format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: SageMaker.DescribeModel\r\n\
         Content-Type: application/x-amz-json-1.1\r\nTransfer-Encoding: chunked\r\n\
         Expect: 100-continue\r\n\r\n",
        gate.address
    ));
    assert_eq!(raw.head().unwrap().0, 100);
    raw.write("8\r\n{\"ModelN\r\n");
    raw.write("A\r\name\": \"me\"\r\n1\r\n}\r\n0\r\n\r\n");
    let answer = raw.answer();
    assert!(answer.text().contains("model/me"), "{}", answer.text());
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let gate = Gate::start(Limits { connections: 2, ..Limits::default() });
    let mut kept: Vec<Raw> = (0..2).map(|_| gate.connect()).collect();
    let health = format!("GET /_sagebrush/health HTTP/1.1\r\nHost: {}\r\n\r\n", gate.address);
    for raw in &mut kept {
        raw.write(&health);
        assert_eq!(raw.answer().status, 200);
    }
    let mut third = gate.connect();
    let answer = third.answer();
    assert_eq!((answer.status, answer.code().as_str()), (503, "ServiceUnavailable"));
    drop(third);
    // A place that is given up is given away.
    drop(kept.pop());
    loop {
        let mut raw = gate.connect();
        if !raw.try_write(health.as_bytes()) {
            continue;
        }
        match raw.next_answer() {
            Some(answer) if answer.status == 200 => break,
            _ => {}
        }
    }
}

/// Clients in a process of their own, since both ends of 10,000 connections would need more files
/// than one process may have.
const IDLERS: &str = r#"
import resource, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
port, count = int(sys.argv[1]), int(sys.argv[2])
kept = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
used = b"GET /_sagebrush/health HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % port
for idler in kept[::10]:
    idler.sendall(used)
    assert idler.recv(65536).startswith(b"HTTP/1.1 200"), "refused"
print("ready", flush=True)
sys.stdin.read()
"#;

#[test]
fn ten_thousand_idle_connections_are_survived() {
    let gate = gate();
    let count = 10_000;
    let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    if hard.is_some_and(|hard| hard < count + 1500) {
        println!("SKIPPED: a process may open no more than {hard:?} files here");
        return;
    }
    let mut idlers = Peer::python(IDLERS, &[&gate.address.port().to_string(), &count.to_string()]);
    assert_eq!(idlers.line(), "ready");
    assert_eq!(gate.call("ListModels", &json!({})).status, 200);
    assert_eq!(gate.get("/_sagebrush/health").status, 200);
    idlers.finish();
    assert_eq!(gate.get("/_sagebrush/health").status, 200);
}

#[test]
fn a_name_of_aws_needs_a_signature() {
    let gate = gate();
    for (line, host) in [
        ("GET /_sagebrush/cost", "attacker.example.amazonaws.com"),
        ("GET /bucket/key", "s3.us-east-1.amazonaws.com"),
        ("POST /", "sts.us-east-1.api.aws"),
    ] {
        let answer = gate.send(&format!(
            "{line} HTTP/1.1\r\nHost: {host}:{}\r\nContent-Length: 0\r\n\r\n",
            gate.address.port()
        ));
        assert_eq!(answer.status, 403, "{host}: {}", answer.text());
        assert!(answer.text().contains("sagebrush exec"), "{}", answer.text());
    }
    let presigned = presign(
        &Method::GET,
        "s3.us-east-1.amazonaws.com",
        "/no-such-bucket",
        "",
        60,
        &own_key(&gate),
        "us-east-1",
        "s3",
        now(),
    );
    let answer = gate.send(&format!(
        "GET /no-such-bucket?{} HTTP/1.1\r\nHost: s3.us-east-1.amazonaws.com\r\n\r\n",
        query_of(&presigned)
    ));
    assert_eq!(answer.status, 404, "{}", answer.text());
}

/// Waits until the gateway's `what` is at that level, for it learns of closed connections a little
/// later than the client.
fn until_bound(gate: &Gate, what: &str, level: u64) {
    loop {
        let engine = gate.get("/_sagebrush/engine").json();
        let bounds = engine["bounds"].as_array().unwrap();
        let bound = bounds.iter().find(|each| each["what"] == what).unwrap();
        if bound["now"] == level {
            return;
        }
    }
}

#[test]
fn bodies_share_one_bound_and_wait_for_it() {
    let gate = Gate::start(Limits {
        memory: 300 * 1024,
        memory_wait: Duration::from_millis(20),
        ..Limits::default()
    });
    let text =
        |bytes: usize| gate.call_text("ListModels", &json!({"NameContains": "x".repeat(bytes)}));
    let memory = "bytes of requests in memory";
    let large = text(200 * 1024);
    let mut first = gate.connect();
    first.write(&large[..large.len() - 1]);
    until_bound(&gate, memory, 201 * 1024);
    // No room for a second one, whether its length is known or not; room for what is small.
    let refused = gate.send(&large);
    assert_eq!((refused.status, refused.code().as_str()), (503, "ThrottlingException"));
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: SageMaker.ListModels\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        gate.address,
        150_000,
        " ".repeat(150_000)
    );
    let refused = gate.send(&chunked);
    assert_eq!((refused.status, refused.code().as_str()), (503, "ThrottlingException"));
    assert_eq!(gate.call("ListModels", &json!({})).status, 200);
    // Nor for a head that has grown large and does not end.
    let mut head = gate.connect();
    head.write(&format!("GET / HTTP/1.1\r\nHost: {}\r\nX: {}", gate.address, "x".repeat(60_000)));
    let refused = head.answer();
    assert_eq!((refused.status, refused.code().as_str()), (503, "ThrottlingException"));
    first.write(&large[large.len() - 1..]);
    assert_eq!(first.answer().code(), "ValidationException");
    until_bound(&gate, memory, 0);
    assert_eq!(gate.send(&large).code(), "ValidationException");
}

/// Takes as many connections as it gets, half of them with half a head, and says how many.
const CROWD: &str = r#"
import encodings.idna, os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
port, most = int(sys.argv[1]), int(sys.argv[2])
held, refused = [], 0
for number in range(most):
    client = socket.socket()
    client.connect(("127.0.0.1", port))
    if number % 2:
        client.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 1000)
    held.append(client)
for client in held:
    client.setblocking(False)
    try:
        refused += client.recv(65536).startswith(b"HTTP/1.1 503")
    except BlockingIOError:
        pass
    except ConnectionResetError:
        refused += 1
print(len(held) - refused, flush=True)
sys.stdin.read()
"#;

#[test]
fn another_user_has_a_small_share_of_the_connections() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can run a client as another user");
        return;
    }
    let limits = Limits { connections: 60, strangers: 5, ..Limits::default() };
    let gate = Gate::start(limits);
    let mut crowd = Peer::python(CROWD, &[&gate.address.port().to_string(), "50"]);
    let line = crowd.line();
    // The gateway may not have turned the last ones away yet when the crowd looks.
    assert!(line.parse::<u32>().unwrap() >= 5, "{line}");
    let turned_away = || {
        let engine = gate.get("/_sagebrush/engine").json();
        engine["bounds"][0]["dropped"].as_u64().unwrap()
    };
    while turned_away() < 45 {}
    assert_eq!(turned_away(), 45);
    // All the other places are the owner's.
    let mut own: Vec<Raw> = (0..50).map(|_| gate.connect()).collect();
    for raw in &mut own {
        raw.write(&format!("GET /_sagebrush/health HTTP/1.1\r\nHost: {}\r\n\r\n", gate.address));
        assert_eq!(raw.answer().status, 200);
    }
    crowd.finish();
}

/// Another user of this machine, with nothing but what every user has.
const STRANGER: &str = r#"
ask() {
    exec 3<>/dev/tcp/127.0.0.1/$PORT
    printf "$1" "localhost:$PORT" >&3
    tr '\r\n' '  ' <&3; echo
    exec 3>&-
}
LIST='X-Amz-Target: SageMaker.ListModels\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'
AUTH='Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000'
ask 'GET /_sagebrush/health HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n'
ask "POST / HTTP/1.1\r\nHost: %s\r\n$LIST"
ask 'GET /bucket HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n'
ask "POST / HTTP/1.1\r\nHost: %s\r\nX-Amz-Date: 20260101T000000Z\r\n$AUTH\r\n$LIST"
exec 3<>/dev/tcp/127.0.0.1/$PORT
printf '%s' "$SIGNED" >&3
tr '\r\n' '  ' <&3; echo
exec 3>&-
# A socket whose owner is gone looks like root's to whoever asks the kernel carelessly.
for _ in {1..200}; do
    exec 3<>/dev/tcp/127.0.0.1/$PORT
    printf 'POST /_sagebrush/stop HTTP/1.1\r\nHost: localhost:%s\r\nContent-Length: 0\r\n\r\n' $PORT >&3
    exec 3>&-
done
echo done
"#;

#[test]
fn another_local_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can run a client as another user");
        return;
    }
    let gate = gate();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", STRANGER]);
    command.env("PORT", gate.address.port().to_string());
    let signed = signed_list(&gate, &own_key(&gate), now(), "{}");
    command.env("SIGNED", signed.replacen("\r\n", "\r\nConnection: close\r\n", 1));
    let mut stranger = Peer::spawn(&mut command);
    for code in [
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "AccessDenied",
        "UnrecognizedClientException",
    ] {
        let answer = stranger.line();
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        assert!(answer.contains(code), "{code}: {answer}");
        assert!(answer.contains(".sagebrush/credentials"), "{answer}");
    }
    let signed = stranger.line();
    assert!(signed.starts_with("HTTP/1.1 200"), "{signed}");
    assert_eq!(stranger.line(), "done");
    stranger.finish();
    assert_eq!(gate.get("/_sagebrush/health").status, 200);
    assert!(!gate.stop_was_requested());
    assert_eq!(gate.post("/_sagebrush/stop").status, 200);
    gate.stop_requested();
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn own_key(gate: &Gate) -> Credentials {
    Credentials {
        access_key: gate.credentials.access_key.clone(),
        secret_key: gate.credentials.secret_key.clone(),
        session_token: None,
    }
}

/// ListModels, signed for the body `{}` and sent with `body`.
fn signed_list(gate: &Gate, key: &Credentials, at: Timestamp, body: &str) -> String {
    signed(gate, key, at, body, ("us-east-1", "sagemaker"))
}

fn signed(
    gate: &Gate,
    key: &Credentials,
    at: Timestamp,
    body: &str,
    (region, service): (&str, &str),
) -> String {
    let mut headers = HeaderMap::new();
    headers.insert("host", gate.address.to_string().parse().unwrap());
    headers.insert("x-amz-target", "SageMaker.ListModels".parse().unwrap());
    headers.insert("content-type", "application/x-amz-json-1.1".parse().unwrap());
    let payload = PayloadHash::Sha256(sha256_hex(b"{}"));
    sign(&Method::POST, "/", "", &mut headers, &payload, key, region, service, at);
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()))
        .collect();
    format!("POST / HTTP/1.1\r\n{lines}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn the_regions_own_key_is_always_verified() {
    let gate = gate();
    let key = own_key(&gate);
    let sound = gate.send(&signed_list(&gate, &key, now(), "{}"));
    assert_eq!(sound.status, 200, "{}", sound.text());

    let other_body = gate.send(&signed_list(&gate, &key, now(), "{ }"));
    assert_eq!((other_body.status, other_body.code().as_str()), (403, "InvalidSignatureException"));

    let wrong = Credentials { secret_key: "wrong".into(), ..key.clone() };
    let wrong = gate.send(&signed_list(&gate, &wrong, now(), "{}"));
    assert_eq!((wrong.status, wrong.code().as_str()), (403, "InvalidSignatureException"));

    let hour_ago = Timestamp::from_millis(now().as_millis() - 3_600_000);
    assert_eq!(gate.send(&signed_list(&gate, &key, hour_ago, "{}")).status, 403);

    // From the region's own user, keys that nobody gave out are as good as none.
    let dummy =
        Credentials { access_key: "test".into(), secret_key: "test".into(), session_token: None };
    assert_eq!(gate.send(&signed_list(&gate, &dummy, hour_ago, "{ }")).status, 200);
}

/// A signed request for one service of one region is good for no other.
#[rstest]
#[case("eu-west-1", "sagemaker", "Credential should be scoped to a valid region, not 'eu-west-1'.")]
#[case("us-east-1", "logs", "Credential should be scoped to correct service: 'sagemaker'.")]
fn a_signatures_scope_is_checked(
    #[case] region: &str,
    #[case] service: &str,
    #[case] expected: &str,
) {
    let gate = gate();
    let text = signed(&gate, &own_key(&gate), now(), "{}", (region, service));
    let answer = gate.send(&text);
    assert_eq!((answer.status, answer.code().as_str()), (403, "InvalidSignatureException"));
    assert!(answer.text().contains(expected), "{}", answer.text());
}

#[test]
fn a_form_is_refused_in_the_words_of_its_service() {
    let gate = gate();
    let send = |headers: &str, form: &str| {
        gate.send(&format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             {headers}Content-Length: {}\r\n\r\n{form}",
            gate.address,
            form.len()
        ))
    };
    let iam = "xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"";
    let missing = send("", "Action=GetRole&Version=2010-05-08&RoleName=nobody");
    assert!(missing.status == 404 && missing.text().contains(iam), "{}", missing.text());
    let empty = send("", "Action=GetRole&Version=2010-05-08");
    assert!(empty.status == 400 && empty.text().contains(iam), "{}", empty.text());
    // Before the body has been read, by what it is signed for: a page's request, and no form at all.
    let scope = "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/\
                 cloudformation/aws4_request, SignedHeaders=host, Signature=00\r\n\
                 X-Amz-Date: 20260101T000000Z\r\n";
    let cloudformation = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
    for headers in [format!("{scope}Origin: http://x\r\n"), scope.to_owned()] {
        let refused = send(&headers, "");
        assert!(refused.text().contains(cloudformation), "{}", refused.text());
    }
}

/// Heads and bodies in two packets, as Python's clients send them.
#[rstest]
#[case::small("POST /endpoints/none/invocations", "", 100, true)]
#[case::no_operation("POST /", "X-Amz-Target: SageMaker.Nonsense\r\n", 100_000, true)]
#[case::a_page("POST /", "X-Amz-Target: SageMaker.ListModels\r\nOrigin: http://x\r\n", 50, true)]
#[case::no_bucket("PUT /no-bucket/key", "", 1_000, true)]
#[case::large("POST /", "X-Amz-Target: SageMaker.Nonsense\r\n", 3_000_000, false)]
#[case::asks_first(
    "POST /",
    "X-Amz-Target: SageMaker.Nonsense\r\nExpect: 100-continue\r\n",
    9,
    false
)]
fn an_error_keeps_the_connection_or_says_that_it_does_not(
    #[case] line: &str,
    #[case] headers: &str,
    #[case] length: usize,
    #[case] goes_on: bool,
) {
    let gate = gate();
    let here = gate.address.to_string();
    let mut raw = gate.connect();
    raw.write(&format!(
        "{line} HTTP/1.1\r\nHost: {here}\r\n{headers}Content-Length: {length}\r\n\r\n"
    ));
    if goes_on {
        raw.write(&"x".repeat(length));
    }
    let answer = raw.answer();
    assert!(answer.status >= 400, "{}", answer.text());
    if goes_on {
        assert_eq!(answer.header("connection"), None);
        raw.write(&format!("GET /_sagebrush/health HTTP/1.1\r\nHost: {here}\r\n\r\n"));
        assert_eq!(raw.answer().status, 200);
    } else {
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(raw.is_silent_end());
    }
}

/// Whose worker has invocations to forward meanwhile.
#[test]
fn a_large_document_is_decoded_elsewhere() {
    let gate = gate();
    let elsewhere = || {
        let engine = gate.get("/_sagebrush/engine").json();
        engine["work"]["decoded_elsewhere"].as_u64().unwrap()
    };
    let call = |bytes: usize| {
        let text = "x".repeat(bytes);
        gate.call(
            "AddTags",
            &json!({"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m",
            "Tags": [{"Key": "k", "Value": text}]}),
        )
    };
    assert_eq!((call(100_000).code().as_str(), elsewhere()), ("ValidationException", 1));
    assert_eq!((call(100).status, elsewhere()), (400, 1));
    let padded = format!("{{}}{}", " ".repeat(70_000));
    let headers = "X-Amz-Target: SageMaker.ListModels\r\nContent-Type: application/x-amz-json-1.1";
    let sound = gate.send(&format!(
        "POST / HTTP/1.1\r\nHost: {}\r\n{headers}\r\nContent-Length: {}\r\n\r\n{padded}",
        gate.address,
        padded.len()
    ));
    assert_eq!((sound.status, elsewhere()), (200, 2), "{}", sound.text());
}

#[test]
fn a_presigned_request_is_verified_and_ends() {
    let gate = gate();
    let key = own_key(&gate);
    let host = gate.address.to_string();
    let ask = |query: &str| {
        gate.send(&format!("GET /no-such-bucket?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    };
    let presigned = |key: &Credentials, at: Timestamp| {
        let path = "/no-such-bucket";
        presign(&Method::GET, &host, path, "", 60, key, "us-east-1", "s3", at)
    };
    let sound = ask(query_of(&presigned(&key, now())));
    assert!(sound.status != 403, "{}", sound.text());
    let hour_ago = Timestamp::from_millis(now().as_millis() - 3_600_000);
    let expired = ask(query_of(&presigned(&key, hour_ago)));
    assert_eq!((expired.status, expired.code().as_str()), (403, "AccessDenied"));
    let wrong = Credentials { secret_key: "wrong".into(), ..key };
    let wrong = ask(query_of(&presigned(&wrong, now())));
    assert_eq!((wrong.status, wrong.code().as_str()), (403, "SignatureDoesNotMatch"));
}

/// The query of an address, or of what is a query alone.
fn query_of(presigned: &str) -> &str {
    presigned.split_once('?').map_or(presigned, |(_, query)| query)
}

#[test]
fn an_assumed_role_signs_with_what_it_was_given() {
    let gate = gate();
    let form = "Action=AssumeRole&Version=2011-06-15&RoleSessionName=me&\
                RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fexecution";
    let answer = gate.send(&format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        gate.address,
        form.len()
    ));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let member = |name: &str| {
        let text = answer.text();
        let rest = text.split(&format!("<{name}>")).nth(1).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    let session = Credentials {
        access_key: member("AccessKeyId"),
        secret_key: member("SecretAccessKey"),
        session_token: Some(member("SessionToken")),
    };
    let sound = gate.send(&signed_list(&gate, &session, now(), "{}"));
    assert_eq!(sound.status, 200, "{}", sound.text());
    let without_token = Credentials { session_token: None, ..session.clone() };
    assert_eq!(gate.send(&signed_list(&gate, &without_token, now(), "{}")).status, 403);
    let wrong = Credentials { secret_key: "wrong".into(), ..session };
    assert_eq!(gate.send(&signed_list(&gate, &wrong, now(), "{}")).status, 403);
}

#[test]
fn what_is_not_here_is_named() {
    let gate = gate();
    let dynamo = gate.send(&format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: 2\r\n\r\n{{}}",
        gate.address
    ));
    assert_eq!((dynamo.status, dynamo.code().as_str()), (400, "UnsupportedOperation"));
    assert!(dynamo.text().contains("dynamodb") && dynamo.text().contains("sagemaker-runtime"));
    let unknown = gate.call("FlyToTheMoon", &json!({}));
    assert_eq!(unknown.status, 400);
    assert!(unknown.text().contains("FlyToTheMoon"), "{}", unknown.text());
    let cluster = gate.call("ListClusters", &json!({}));
    assert!(cluster.header("x-amzn-requestid").is_some());
    let invalid = gate.call("CreateModel", &json!({ "ModelName": "no spaces", "Tags": 7 }));
    assert_eq!(invalid.status, 400);
    let gone = gate.send(&format!(
        "POST /endpoints/none/invocations HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\n\r\n1,2",
        gate.address
    ));
    assert_eq!((gone.status, gone.code().as_str()), (400, "ValidationError"));
    assert!(gone.text().contains("Endpoint none of account 123456789012 not found."));
    let metrics = gate.send(&format!(
        "POST /service/Nonsense/operation/ListMetrics HTTP/1.1\r\nHost: {}\r\n\
         smithy-protocol: rpc-v2-cbor\r\nContent-Length: 0\r\n\r\n",
        gate.address
    ));
    assert_eq!(metrics.status, 400);
    assert_eq!(metrics.header("smithy-protocol"), Some("rpc-v2-cbor"));
    // Its body is left out, whatever its length is said to be.
    let mut head = gate.connect();
    head.write(&format!("HEAD /nothing HTTP/1.1\r\nHost: {}\r\n\r\n", gate.address));
    head.half_close();
    assert!(head.head().unwrap().0 >= 400);
    assert!(head.is_silent_end());
}

#[test]
fn a_shutdown_lets_requests_under_way_finish() {
    let mut gate = gate();
    let mut idle = gate.connect();
    let mut used = gate.connect();
    used.write(&gate.call_text("ListModels", &json!({})));
    assert_eq!(used.answer().status, 200);
    let mut watcher = gate.connect();
    watcher.write(&format!("GET /_sagebrush/watch HTTP/1.1\r\nHost: {}\r\n\r\n", gate.address));
    assert_eq!(watcher.head().unwrap().0, 200);
    watcher.chunk().unwrap();
    let mut busy = gate.connect();
    busy.write(&format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: SageMaker.ListModels\r\n\
         Content-Type: application/x-amz-json-1.1\r\nContent-Length: 2\r\n\
         Expect: 100-continue\r\n\r\n",
        gate.address
    ));
    // Its handler waits for the body: the request is under way.
    assert_eq!(busy.head().unwrap().0, 100);

    let ended = gate.begin_shutdown();
    assert!(idle.is_silent_end());
    assert!(used.is_silent_end());
    watcher.wait_closed();
    assert!(ended.try_recv().is_err(), "a request is still under way");
    busy.write("{}");
    let answer = busy.answer();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(busy.is_silent_end());
    assert_eq!(ended.recv_timeout(PATIENCE).unwrap(), 0);
    assert!(std::net::TcpStream::connect(gate.address).is_err());
}

#[test]
fn a_shutdown_is_bounded() {
    let mut gate = Gate::start(Limits { grace: Duration::from_millis(50), ..Limits::default() });
    let mut busy = gate.connect();
    busy.write(&format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: SageMaker.ListModels\r\n\
         Content-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        gate.address
    ));
    assert_eq!(busy.head().unwrap().0, 100);
    let ended = gate.begin_shutdown();
    assert_eq!(ended.recv_timeout(PATIENCE).unwrap(), 1);
    busy.wait_closed();
}

/// A client in a process of its own that says line by line how far it is.
pub struct Peer {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Peer {
    fn python(script: &str, arguments: &[&str]) -> Self {
        Self::spawn(Command::new("python3").args(["-c", script]).args(arguments))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need python3, bash and setpriv");
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn finish(mut self) {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success(), "{rest}");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn dropping_a_gateway_frees_its_port() {
    let gate = gate();
    let address = gate.address;
    drop(gate);
    while std::net::TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
}

/// PUT of `hello` in two chunks with the trailer's checksum, as SDKs send it without TLS below.
fn chunked_put(gate: &Gate, key: &str, checksum: &str) -> crate::gate::Answer {
    let body = format!("3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n");
    gate.send(&format!(
        "PUT /demo/{key} HTTP/1.1\r\nHost: {}\r\nContent-Encoding: aws-chunked\r\n\
         x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n\
         x-amz-decoded-content-length: 5\r\nx-amz-trailer: x-amz-checksum-crc32\r\n\
         Content-Length: {}\r\n\r\n{body}",
        gate.address,
        body.len()
    ))
}

#[test]
fn objects_come_in_chunks_and_go_out_whole() {
    let gate = gate();
    let bucket = gate.send(&format!(
        "PUT /demo HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
        gate.address
    ));
    assert_eq!(bucket.status, 200, "{}", bucket.text());
    // CRC-32 of `hello` is 0x3610a686.
    let sound = chunked_put(&gate, "sound", "NhCmhg==");
    assert_eq!(sound.status, 200, "{}", sound.text());
    assert_eq!(gate.get("/demo/sound").text(), "hello");
    let damaged = chunked_put(&gate, "damaged", "AAAAAA==");
    assert_eq!((damaged.status, damaged.code().as_str()), (400, "BadDigest"), "{}", damaged.text());
    assert_eq!(gate.get("/demo/damaged").status, 404);
    // The bucket in the host, and an address that lets in whoever has it.
    let port = gate.address.port();
    let virtual_host =
        gate.send(&format!("GET /sound HTTP/1.1\r\nHost: demo.s3.localhost:{port}\r\n\r\n"));
    assert_eq!(virtual_host.text(), "hello");
    let host = gate.address.to_string();
    let (key, path) = (own_key(&gate), "/demo/sound");
    let presigned = presign(&Method::GET, &host, path, "", 60, &key, "us-east-1", "s3", now());
    assert_eq!(gate.get(&format!("{path}?{}", query_of(&presigned))).text(), "hello");
}

#[test]
fn an_object_whose_body_breaks_off_is_not_there() {
    let gate = gate();
    let bucket = gate.send(&format!(
        "PUT /demo HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
        gate.address
    ));
    assert_eq!(bucket.status, 200, "{}", bucket.text());
    let mut raw = gate.connect();
    raw.write(&format!(
        "PUT /demo/half HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\n\r\nhello",
        gate.address
    ));
    raw.half_close();
    assert_eq!(raw.answer().status, 400);
    assert_eq!(gate.get("/demo/half").status, 404);
}
