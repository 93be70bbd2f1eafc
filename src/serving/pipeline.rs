//! Several containers behind one address: an inference pipeline, or containers called by name.
//!
//! The data plane knows instances with one address each, and its path stays short that way. An
//! instance of several containers gets a small server of its own in between: a serial pipeline hands
//! each container's answer to the next one, direct invocation picks the container whose hostname the
//! caller named.

use crate::engine::Address;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;

const TARGET: HeaderName = HeaderName::from_static("x-amzn-sagemaker-target-container-hostname");
/// So much may pass from one container to the next.
const MAX_BODY: usize = super::MAX_BODY_BYTES as usize;

/// One container of an instance.
#[derive(Clone, Debug)]
pub struct Stage {
    pub hostname: String,
    pub address: Address,
}

/// How the containers of an instance work together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// Each one's answer is the next one's request.
    Serial,
    /// The caller names one.
    Direct,
}

/// The server in between. Dropping it closes its address.
pub struct Pipeline {
    address: Address,
    _folder: tempfile::TempDir,
    _server: JoinSet<()>,
}

struct Stages {
    execution: Execution,
    stages: Vec<Stage>,
}

type Answer = Response<Full<Bytes>>;

impl Pipeline {
    /// Listens on a socket of its own until dropped. Must be called inside a tokio runtime.
    pub fn start(execution: Execution, stages: Vec<Stage>) -> io::Result<Self> {
        // The socket's folder is this user's alone.
        let folder = tempfile::Builder::new().prefix("sbpipe-").tempdir()?;
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path)?;
        let stages = Arc::new(Stages { execution, stages });
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => {
                            connections.spawn(serve(stream, Arc::clone(&stages)));
                        }
                        // Out of descriptors: let some connections end first.
                        Err(_) => drop(connections.join_next().await),
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { address: Address::Unix(path), _folder: folder, _server: server })
    }

    pub fn address(&self) -> Address {
        self.address.clone()
    }
}

async fn serve(stream: UnixStream, stages: Arc<Stages>) {
    let service = service_fn(move |request| {
        let stages = Arc::clone(&stages);
        async move { Ok::<_, Infallible>(stages.answer(request).await) }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A caller that breaks off is the caller's affair.
    let _ = connection.await;
}

fn plain(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer
}

impl Stages {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
            return plain(StatusCode::BAD_REQUEST, "the request broke off or is too large".into());
        };
        let body = body.to_bytes();
        match self.execution {
            Execution::Serial => self.serial(&head.headers, body).await,
            Execution::Direct => self.direct(&head.headers, body).await,
        }
    }

    async fn direct(&self, headers: &HeaderMap, body: Bytes) -> Answer {
        let wanted = headers.get(&TARGET).and_then(|name| name.to_str().ok());
        let names: Vec<&str> = self.stages.iter().map(|stage| stage.hostname.as_str()).collect();
        let stage = self.stages.iter().find(|stage| Some(stage.hostname.as_str()) == wanted);
        match (stage, wanted) {
            (Some(stage), _) => pass(stage, headers, body).await.unwrap_or_else(|why| why),
            (None, Some(name)) => plain(
                StatusCode::BAD_REQUEST,
                format!("There is no container {name}; there are {}.", names.join(", ")),
            ),
            (None, None) => plain(
                StatusCode::BAD_REQUEST,
                format!("Name one of the containers {} as target.", names.join(", ")),
            ),
        }
    }

    async fn serial(&self, headers: &HeaderMap, mut body: Bytes) -> Answer {
        let mut headers = headers.clone();
        let accept = headers.remove(ACCEPT);
        let last = self.stages.len().saturating_sub(1);
        for (index, stage) in self.stages.iter().enumerate() {
            // What the caller accepts is the last container's to answer.
            if let Some(accept) = accept.clone().filter(|_| index == last) {
                headers.insert(ACCEPT, accept);
            }
            let answer = match pass(stage, &headers, body).await {
                Ok(answer) | Err(answer) => answer,
            };
            if index == last || !answer.status().is_success() {
                return answer;
            }
            let (head, content) = answer.into_parts();
            body = content.collect().await.map(Collected::to_bytes).unwrap_or_default();
            match head.headers.get(CONTENT_TYPE) {
                Some(content_type) => headers.insert(CONTENT_TYPE, content_type.clone()),
                None => headers.remove(CONTENT_TYPE),
            };
        }
        plain(StatusCode::INTERNAL_SERVER_ERROR, "the pipeline has no containers".into())
    }
}

/// One request to one container. `Err` is the answer to give when it cannot be had.
async fn pass(stage: &Stage, headers: &HeaderMap, body: Bytes) -> Result<Answer, Answer> {
    let broken = |why: String| {
        plain(StatusCode::BAD_GATEWAY, format!("container {}: {why}", stage.hostname))
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static("/invocations");
    for (name, value) in headers {
        if name == CONTENT_TYPE || name == ACCEPT || name.as_str().starts_with("x-amzn-") {
            request.headers_mut().append(name.clone(), value.clone());
        }
    }
    request.headers_mut().insert(HOST, HeaderValue::from_static("localhost:8080"));
    let answered = match &stage.address {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(|why| broken(why.to_string()))?;
            exchange(stream, request).await
        }
        Address::Tcp(address) => {
            let stream =
                TcpStream::connect(address).await.map_err(|why| broken(why.to_string()))?;
            exchange(stream, request).await
        }
    };
    answered.map_err(broken)
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let exchanged = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let (mut head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(|why| why.to_string())?;
        // The length is this answer's own from here on.
        head.headers.remove(http::header::TRANSFER_ENCODING);
        head.headers.remove(http::header::CONTENT_LENGTH);
        Ok(Response::from_parts(head, Full::new(body.to_bytes())))
    };
    tokio::pin!(exchanged);
    tokio::pin!(connection);
    tokio::select! {
        answer = &mut exchanged => answer,
        _ = &mut connection => exchanged.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A container that puts its own name around what it is sent.
    fn container(folder: &std::path::Path, name: &'static str, status: u16) -> Stage {
        let path = folder.join(name);
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service_fn(move |request: Request<Incoming>| async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let text = format!("{name}({})", String::from_utf8_lossy(&body));
                    let mut answer = plain(StatusCode::from_u16(status).unwrap(), text);
                    let kind = head.headers.get(ACCEPT).cloned();
                    let kind = kind.unwrap_or(HeaderValue::from_static("text/between"));
                    answer.headers_mut().insert(CONTENT_TYPE, kind);
                    Ok::<_, Infallible>(answer)
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Stage { hostname: name.to_owned(), address: Address::Unix(path) }
    }

    async fn ask(
        pipeline: &Pipeline,
        headers: &[(&'static str, &'static str)],
    ) -> (u16, String, String) {
        let stage = Stage { hostname: "pipeline".into(), address: pipeline.address() };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let answer = pass(&stage, &map, Bytes::from_static(b"x")).await.unwrap();
        let kind = answer.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned(), kind.unwrap_or_default())
    }

    #[tokio::test]
    async fn a_serial_pipeline_hands_on_and_stops_at_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name, status| container(folder.path(), name, status);
        let (a, b, sick) = (at("a", 200), at("b", 200), at("sick", 500));
        let well = Pipeline::start(Execution::Serial, vec![a.clone(), b.clone()]).unwrap();
        let answer = ask(&well, &[("accept", "text/last"), ("content-type", "text/csv")]).await;
        assert_eq!(answer, (200, "b(a(x))".into(), "text/last".into()));
        let ill = Pipeline::start(Execution::Serial, vec![a, sick, b]).unwrap();
        assert_eq!(ask(&ill, &[]).await.1, "sick(a(x))");
        assert_eq!(ask(&ill, &[]).await.0, 500);
    }

    #[tokio::test]
    async fn a_direct_call_names_its_container() {
        let folder = tempfile::tempdir().unwrap();
        let stages = vec![container(folder.path(), "a", 200), container(folder.path(), "b", 200)];
        let pipeline = Pipeline::start(Execution::Direct, stages).unwrap();
        let target = "x-amzn-sagemaker-target-container-hostname";
        assert_eq!(ask(&pipeline, &[(target, "b")]).await.1, "b(x)");
        assert_eq!(ask(&pipeline, &[(target, "c")]).await.0, 400);
        assert_eq!(ask(&pipeline, &[]).await.0, 400);
    }
}
