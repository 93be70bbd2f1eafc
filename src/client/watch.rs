//! `/_sagebrush/`: the region's own questions and its streams of JSON lines.

use super::transport::{Outgoing, Payload};
use super::{CallError, Client};
use crate::api::error::AwsError;
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

/// The longest line that a stream may hold; a resource's document is far below it.
const LONGEST_LINE: usize = 16 * 1024 * 1024;

/// A stream of JSON lines.
pub struct Lines {
    client: Client,
    body: Incoming,
    buffer: BytesMut,
    /// So much of the buffer is known to hold no end of a line.
    searched: usize,
}

/// Changes of the region as they are committed.
pub struct Watch {
    lines: Lines,
}

impl Client {
    /// GETs below `/_sagebrush/`: `health`, `coverage`, `instances` ….
    pub async fn internal(&self, path: &str) -> Result<Value, CallError> {
        self.internal_call(Method::GET, path).await
    }

    /// POSTs below `/_sagebrush/`: `reset`, `stop`.
    pub async fn internal_post(&self, path: &str) -> Result<Value, CallError> {
        self.internal_call(Method::POST, path).await
    }

    async fn internal_call(&self, method: Method, path: &str) -> Result<Value, CallError> {
        let (parts, body) = self.exchange(outgoing(method, path)).await?.into_parts();
        let value: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if parts.status.is_success() {
            return Ok(value);
        }
        Err(refusal(parts.status.as_u16(), &value))
    }

    /// Opens a stream of JSON lines below `/_sagebrush/`.
    pub async fn lines(&self, path: &str) -> Result<Lines, CallError> {
        let (parts, body) = self.send(outgoing(Method::GET, path)).await?.into_parts();
        if parts.status.is_success() {
            return Ok(Lines { client: self.clone(), body, buffer: BytesMut::new(), searched: 0 });
        }
        let body =
            body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(refusal(parts.status.as_u16(), &serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// Changes from this moment on; what exists already is not told.
    pub async fn watch_from_now(&self) -> Result<Watch, CallError> {
        let health = self.internal("health").await?;
        let revision = health.get("revision").and_then(Value::as_u64).unwrap_or(0);
        Ok(Watch { lines: self.lines(&format!("watch?since={revision}")).await? })
    }
}

fn outgoing(method: Method, path: &str) -> Outgoing {
    Outgoing {
        method,
        target: format!("/_sagebrush/{path}"),
        headers: HeaderMap::new(),
        body: Payload::Bytes(Bytes::new()),
        service: "sagebrush",
    }
}

fn refusal(status: u16, value: &Value) -> CallError {
    let text = |member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
    let code = text("__type").or_else(|| text("code")).unwrap_or_else(|| "InternalFailure".into());
    let message = text("message").or_else(|| text("Message")).unwrap_or_default();
    CallError::Aws(AwsError::new(status, code, message))
}

impl Lines {
    /// The next line, or `None` when the region has ended the stream.
    pub async fn next(&mut self) -> Result<Option<Value>, CallError> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(end) = unsearched.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + end);
                self.searched = 0;
                self.buffer.advance(1);
                if line.is_empty() {
                    continue;
                }
                let value = serde_json::from_slice(&line)
                    .map_err(|error| CallError::Protocol(error.to_string()))?;
                return Ok(Some(value));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > LONGEST_LINE {
                return Err(CallError::Protocol("a line of the stream does not end".into()));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    let frame = frame.map_err(|error| self.client.unreachable(error))?;
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
            }
        }
    }
}

impl Watch {
    /// Waits until the resource changes, or until the stream has a gap and it may have changed.
    pub async fn changed(&mut self, kind: &str, name: &str) -> Result<(), CallError> {
        loop {
            let Some(line) = self.lines.next().await? else {
                return Err(CallError::Unreachable {
                    address: self.lines.client.address(),
                    source: std::io::Error::other("the region ended the watch stream"),
                });
            };
            let text = |member: &str| line.get(member).and_then(Value::as_str).unwrap_or_default();
            let same = text("kind") == kind && text("name").eq_ignore_ascii_case(name);
            if same || line.get("resync").is_some() {
                return Ok(());
            }
        }
    }
}
