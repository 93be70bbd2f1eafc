//! CreateModel and DescribeModel a second, from clients that replay signed bytes, against moto.
//!
//! The requests are signed before the clock starts, so that a client costs next to nothing. What
//! the region has acknowledged survives SIGKILL; with `durability = "full"` a power cut too, which
//! is measured apart. moto keeps its models in memory.

use super::server::Server;
use super::spread;
use sagebrush::api::signing::{self, Credentials, PayloadHash};
use sagebrush::domain::time::{Clock, SystemClock};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const CLIENTS: [usize; 2] = [16, 1];

/// How many requests a round replays: enough for half a second or so of each server.
const REQUESTS_HERE: usize = 8_000;
const REQUESTS_MOTO: usize = 400;

pub fn run() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let region = Server::start(&scratch.path().join("region"));
    let full = scratch.path().join("full");
    std::fs::create_dir_all(&full).expect("a folder");
    std::fs::write(full.join("workspace.toml"), "durability = \"full\"\n").expect("settings");
    let full = Server::start(&full);
    let moto = Moto::start();
    for operation in ["CreateModel", "DescribeModel"] {
        for clients in CLIENTS {
            let mut rates: [Vec<f64>; 3] = Default::default();
            for round in 0..ROUNDS {
                let batch = format!("{clients}-{round}");
                let ours = Target::region(&region);
                rates[0].push(ours.rate(operation, &batch, clients, REQUESTS_HERE));
                let synced = Target::region(&full);
                rates[1].push(synced.rate(operation, &batch, clients, REQUESTS_HERE / 4));
                rates[2].push(moto.target().rate(operation, &batch, clients, REQUESTS_MOTO));
            }
            let [ours, full, moto] = rates.map(|mut rates| spread(&mut rates));
            println!("{operation}, {clients} clients, a second:");
            println!("  sagebrush                     {}", ours.1);
            println!("  sagebrush, durability full    {}", full.1);
            println!("  moto                          {}", moto.1);
            let aim = if clients == 1 { 10 } else { 20 };
            println!(
                "  ratio to moto {:.1} (aim: {aim}), full {:.1}",
                ours.0 / moto.0,
                full.0 / moto.0
            );
        }
    }
}

/// A server that speaks awsJson, and the key that it takes.
struct Target {
    address: SocketAddr,
    credentials: Credentials,
}

impl Target {
    fn region(server: &Server) -> Self {
        Self { address: server.address, credentials: server.client.credentials().clone() }
    }

    /// Requests answered a second. Describes ask for what the same batch of CreateModel made.
    fn rate(&self, operation: &str, batch: &str, clients: usize, requests: usize) -> f64 {
        let signed: Vec<Vec<u8>> = (0..requests)
            .map(|index| self.signed(operation, &format!("bench-{batch}-{index}")))
            .collect();
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..clients {
                scope.spawn(|| {
                    let mut connection = Connection::new(self.address);
                    while let Some(request) = signed.get(next.fetch_add(1, Ordering::Relaxed)) {
                        connection.exchange(request);
                    }
                });
            }
        });
        requests as f64 / start.elapsed().as_secs_f64()
    }

    fn signed(&self, operation: &str, model: &str) -> Vec<u8> {
        let body = match operation {
            "CreateModel" => format!(
                r#"{{"ModelName":"{model}","ExecutionRoleArn":"arn:aws:iam::123456789012:role/Bench","PrimaryContainer":{{"Image":"683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1","ModelDataUrl":"s3://bench/model.tar.gz"}}}}"#
            ),
            _ => format!(r#"{{"ModelName":"{model}"}}"#),
        };
        let mut headers = http::HeaderMap::new();
        let mut insert = |name: &'static str, value: String| {
            headers.insert(name, value.parse().expect("a header value"));
        };
        insert("host", self.address.to_string());
        insert("content-type", "application/x-amz-json-1.1".into());
        insert("x-amz-target", format!("SageMaker.{operation}"));
        let hash = PayloadHash::Sha256(hex::encode(Sha256::digest(&body)));
        let now = SystemClock.now();
        let (key, method) = (&self.credentials, http::Method::POST);
        signing::sign(&method, "/", "", &mut headers, &hash, key, "us-east-1", "sagemaker", now);
        let mut bytes = b"POST / HTTP/1.1\r\n".to_vec();
        for (name, value) in &headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(format!("content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
        bytes
    }
}

/// A blocking connection that is made again when the server closes it, as moto's does.
struct Connection {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends and reads the whole answer, which must be a success.
    fn exchange(&mut self, request: &[u8]) {
        let mut stream = self.stream.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(self.address).expect("the server accepts");
            stream.set_nodelay(true).expect("no delay");
            BufReader::new(stream)
        });
        stream.get_mut().write_all(request).expect("the request is sent");
        let (mut line, mut length, mut close) = (String::new(), 0, false);
        stream.read_line(&mut line).expect("a status line");
        assert!(line.contains(" 200 "), "refused: {line}");
        close |= line.starts_with("HTTP/1.0");
        loop {
            line.clear();
            stream.read_line(&mut line).expect("a header");
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            close |= header == "connection: close";
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).expect("the body");
        if !close {
            self.stream = Some(stream);
        }
    }
}

/// moto's server, from a virtual environment made once under `target/`.
struct Moto {
    child: Child,
    address: SocketAddr,
}

impl Moto {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.expect("a free port").port();
        let child = Command::new(environment().join("bin/moto_server"))
            .args(["-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto's server starts");
        let moto = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        let limit = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(moto.address).is_err() {
            assert!(Instant::now() < limit, "moto's server does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        moto
    }

    fn target(&self) -> Target {
        let credentials = Credentials {
            access_key: "test".into(),
            secret_key: "test".into(),
            session_token: None,
        };
        Target { address: self.address, credentials }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn environment() -> PathBuf {
    if let Some(given) = std::env::var_os("SAGEBRUSH_BENCH_VENV") {
        return given.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("target/bench-venv");
    if !folder.join("bin/moto_server").exists() {
        let run = |command: &mut Command| {
            assert!(command.status().is_ok_and(|status| status.success()), "{command:?} failed");
        };
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "-q", "-r"])
            .arg(root.join("benches/requirements.txt")));
    }
    folder
}
