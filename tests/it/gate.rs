//! A gateway over a real region in this process, and a client that sends raw bytes.

use sagebrush::domain::arn::Place;
use sagebrush::domain::instance::Catalog;
use sagebrush::domain::time::SystemClock;
use sagebrush::engine::{Container, ContainerSpec, Engine, EngineError};
use sagebrush::gateway::{Credentials, Gateway, GatewayOptions, Limits, PortChoice, Running};
use sagebrush::region::{HoldTimes, Region, RegionOptions};
use sagebrush::store::Durability;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// No test waits longer than this for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

struct NoEngine;

#[async_trait::async_trait]
impl Engine for NoEngine {
    fn name(&self) -> &'static str {
        "none"
    }

    async fn start(&self, _spec: ContainerSpec) -> Result<Arc<dyn Container>, EngineError> {
        Err(EngineError::Image("there are no containers in this test".into()))
    }
}

/// A gateway at work. Dropping it ends it and removes its folder.
pub struct Gate {
    running: Option<Running>,
    pub address: SocketAddr,
    pub credentials: Credentials,
    pub region: Arc<Region>,
    pub runtime: Runtime,
    _dir: TempDir,
}

impl Gate {
    pub fn start(limits: Limits) -> Self {
        Self::start_with(limits, Some(2))
    }

    pub fn start_with(limits: Limits, workers: Option<usize>) -> Self {
        let runtime = Runtime::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let credentials = Credentials::generate();
        let (region, running) = runtime.block_on(async {
            let region = Region::open(RegionOptions {
                dir: dir.path().join(".sagebrush"),
                place: Place::default(),
                clock: Arc::new(SystemClock),
                durability: Durability::Process,
                engine: Arc::new(NoEngine),
                instances: Catalog::builtin().clone(),
                seed: 1,
                pace: 1.0,
                iam: sagebrush::region::IamOptions::default(),
                hold: HoldTimes::default(),
                seeds: None,
            })
            .await
            .unwrap();
            let running = Gateway::start(GatewayOptions {
                region: Arc::clone(&region),
                port: PortChoice::Exactly(0),
                credentials: credentials.clone(),
                ports: Vec::new(),
                proxy: None,
                limits,
                workspace: dir.path().to_owned(),
                workers,
            })
            .unwrap();
            (region, running)
        });
        let address = running.address;
        Self { running: Some(running), address, credentials, region, runtime, _dir: dir }
    }

    pub fn connect(&self) -> Raw {
        Raw::connect(self.address)
    }

    /// One request on a connection of its own.
    pub fn send(&self, request: &str) -> Answer {
        let mut raw = self.connect();
        raw.write(request);
        raw.answer()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address))
    }

    pub fn post(&self, path: &str) -> Answer {
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n",
            self.address
        ))
    }

    /// A SageMaker call, unsigned.
    pub fn call(&self, operation: &str, input: &serde_json::Value) -> Answer {
        self.send(&self.call_text(operation, input))
    }

    pub fn call_text(&self, operation: &str, input: &serde_json::Value) -> String {
        let body = input.to_string();
        format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nX-Amz-Target: SageMaker.{operation}\r\n\
             Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
    }

    /// Whether some client has asked the region to stop.
    pub fn stop_was_requested(&self) -> bool {
        let Some(running) = &self.running else { return false };
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = running.stop_requested() => true,
                () = std::future::ready(()) => false,
            }
        })
    }

    pub fn stop_requested(&self) {
        let running = self.running.as_ref().unwrap();
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, running.stop_requested()).await })
            .expect("nobody asked the region to stop");
    }

    /// Begins a shutdown; the receiver tells how many connections were cut.
    pub fn begin_shutdown(&mut self) -> std::sync::mpsc::Receiver<usize> {
        let running = self.running.take().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        self.runtime.spawn(async move {
            let cut = running.shutdown().await;
            let _ = sender.send(cut);
        });
        receiver
    }
}

/// A client's socket.
pub struct Raw {
    pub stream: TcpStream,
    /// Read and not yet understood.
    left: Vec<u8>,
}

/// A parsed answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers.iter().find(named).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The error's code, whichever protocol it came in.
    pub fn code(&self) -> String {
        if let Some(code) = self.header("x-amzn-errortype") {
            return code.to_owned();
        }
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&self.body) {
            return value["__type"].as_str().unwrap_or_default().to_owned();
        }
        let text = String::from_utf8_lossy(&self.body).into_owned();
        let code = text.split("<Code>").nth(1).and_then(|rest| rest.split("</Code>").next());
        code.unwrap_or_default().to_owned()
    }
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, left: Vec::new() }
    }

    /// The same socket, to read while another thread writes.
    pub fn reader(&self) -> Self {
        Self { stream: self.stream.try_clone().unwrap(), left: Vec::new() }
    }

    pub fn write(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Writes as far as the other side lets it.
    pub fn try_write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub fn half_close(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.left.extend_from_slice(&buffer[..n]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("no answer within {PATIENCE:?}: {error}"),
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.left.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.left.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            if !self.more() {
                return None;
            }
        }
    }

    fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.left.len() < length {
            assert!(self.more(), "the answer broke off");
        }
        self.left.drain(..length).collect()
    }

    /// The next answer; interim ones are skipped.
    pub fn answer(&mut self) -> Answer {
        self.next_answer().expect("the connection was closed without an answer")
    }

    pub fn next_answer(&mut self) -> Option<Answer> {
        let (status, headers) = self.head()?;
        if status == 100 {
            return self.next_answer();
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if answer.header("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk() {
                answer.body.extend(chunk);
            }
        } else if let Some(length) = answer.header("content-length") {
            let length = length.parse().unwrap();
            answer.body = self.exactly(length);
        }
        Some(answer)
    }

    pub fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let status = self.line()?.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().expect("the head broke off");
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Some((status, headers))
    }

    /// The next chunk of a streamed answer; `None` at its end.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line()?, 16).unwrap();
        let data = self.exactly(size);
        assert_eq!(self.line().as_deref(), Some(""));
        (size > 0).then_some(data)
    }

    /// Waits until the other side has closed, whatever it still sends.
    pub fn wait_closed(&mut self) {
        while self.more() {}
    }

    /// Closed with nothing more to read.
    pub fn is_silent_end(&mut self) -> bool {
        self.wait_closed();
        self.left.is_empty()
    }
}
