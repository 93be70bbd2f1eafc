//! `/_sagebrush/`: what AWS has no call for.
//!
//! Every path answers JSON (`application/json`) or, where it streams, JSON lines
//! (`application/x-ndjson`) until either side ends it; a stream that has nothing to say for
//! [`Limits::heartbeat`] says `{"heartbeat":…}`. Errors are `{"__type":code,"message":text}`. Who
//! may call is decided at the same door as for everything else; signatures are for the service
//! `sagebrush`.
//!
//! | path | answer |
//! |---|---|
//! | `GET health` | `{name, version, workspace, pid, account, region, revision, uptime_seconds}` |
//! | `POST reset` | empties the region, its containers too, then `{reset:true, revision}` |
//! | `POST stop` | `{stopping:true, pid}`; the region then shuts down in order |
//! | `GET coverage` | what each operation is worth, service by service |
//! | `GET cost` | what jobs and endpoints would have cost at AWS's list prices |
//! | `GET instances` | the instance types with sizes, list prices and their sources |
//! | `GET watch?since=R&bodies=1` | see [`super::watch`] |
//! | `GET endpoints/<name>/live` | see [`super::live`] |
//! | `GET logs?group=G&stream=S&prefix=P&filter=T&tail=N` | see [`super::follow`] |

use super::limits::Limits;
use super::{follow, live, payload, watch};
use crate::api::error::AwsError;
use crate::api::model::{self, SERVICES};
use crate::domain::instance::{Price, Source};
use crate::region::{Region, billing, dispatch};
use crate::serving::{Body, BodyError};
use bytes::Bytes;
use futures::Stream;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers `/_sagebrush/`.
pub(super) struct Internal {
    region: Arc<Region>,
    workspace: PathBuf,
    started: Instant,
    limits: Limits,
    main: Handle,
    /// Places of streams.
    places: Arc<Semaphore>,
    /// Turns true once no further request is taken: streams end.
    closing: tokio::sync::watch::Receiver<bool>,
    stop: tokio::sync::watch::Sender<bool>,
}

/// What a stream needs of the gateway.
pub(super) struct Tap {
    pub(super) region: Arc<Region>,
    pub(super) limits: Limits,
    pub(super) main: Handle,
    pub(super) closing: tokio::sync::watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl Internal {
    pub(super) fn new(
        region: Arc<Region>,
        workspace: PathBuf,
        limits: Limits,
        closing: tokio::sync::watch::Receiver<bool>,
        stop: tokio::sync::watch::Sender<bool>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(limits.watchers));
        let (started, main) = (Instant::now(), Handle::current());
        Self { region, workspace, started, limits, main, places, closing, stop }
    }

    pub(super) async fn answer(
        &self,
        method: &Method,
        uri: &Uri,
    ) -> Result<Response<Body>, AwsError> {
        let path = uri.path().trim_start_matches("/_sagebrush").trim_matches('/');
        let (needed, known) = match path {
            "reset" | "stop" => (Method::POST, true),
            "health" | "coverage" | "cost" | "instances" | "watch" | "logs" => (Method::GET, true),
            other => (Method::GET, live_endpoint(other).is_some()),
        };
        if !known {
            return Err(AwsError::new(
                404,
                "ResourceNotFound",
                format!("There is no /_sagebrush/{}.", path.escape_default()),
            ));
        }
        if *method != needed && !(needed == Method::GET && *method == Method::HEAD) {
            return Ok(wrong_method(path, &needed));
        }
        let query = Query(uri.query().unwrap_or_default());
        match path {
            "health" => self.health().map(|value| document(&value)),
            "reset" => self.reset().await,
            "stop" => {
                self.stop.send_replace(true);
                Ok(document(&json!({ "stopping": true, "pid": std::process::id() })))
            }
            "coverage" => Ok(document(&coverage())),
            "cost" => {
                let bill = billing::report(&self.region).map_err(|fault| store_failed(&fault))?;
                Ok(document(&bill))
            }
            "instances" => Ok(document(&self.instances())),
            _ if *method == Method::HEAD => Ok(lines(futures::stream::empty())),
            "watch" => Ok(lines(watch::stream(self.tap()?, &query)?)),
            "logs" => Ok(lines(follow::stream(self.tap()?, &query)?)),
            other => {
                let name = live_endpoint(other).unwrap_or_default();
                Ok(lines(live::stream(self.tap()?, name)?))
            }
        }
    }

    fn tap(&self) -> Result<Tap, AwsError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_full| {
            AwsError::new(
                503,
                "ServiceUnavailable",
                format!(
                    "{} streams are being followed, which is all there may be.",
                    self.limits.watchers
                ),
            )
        })?;
        Ok(Tap {
            region: Arc::clone(&self.region),
            limits: self.limits.clone(),
            main: self.main.clone(),
            closing: self.closing.clone(),
            _place: place,
        })
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method itself is not general enough over the snapshot's lifetime"
    )]
    fn revision(&self) -> Result<u64, AwsError> {
        self.region.store().read(|store| store.revision()).map_err(|fault| store_failed(&fault))
    }

    fn health(&self) -> Result<Value, AwsError> {
        let place = self.region.place();
        Ok(json!({
            "name": "sagebrush",
            "version": env!("CARGO_PKG_VERSION"),
            "workspace": self.workspace.display().to_string(),
            "pid": std::process::id(),
            "account": place.account,
            "region": place.region,
            "revision": self.revision()?,
            "uptime_seconds": self.started.elapsed().as_secs_f64(),
        }))
    }

    /// In a task of its own: a client that hangs up does not leave a region half emptied.
    async fn reset(&self) -> Result<Response<Body>, AwsError> {
        let region = Arc::clone(&self.region);
        let outcome = self.main.spawn(async move { region.reset().await }).await;
        match outcome {
            Ok(Ok(())) => Ok(document(&json!({ "reset": true, "revision": self.revision()? }))),
            Ok(Err(error)) => Err(AwsError::new(
                500,
                "InternalFailure",
                format!("The region could not be emptied: {error}"),
            )),
            Err(error) => Err(AwsError::new(
                500,
                "InternalFailure",
                format!("Emptying the region broke off: {error}"),
            )),
        }
    }

    fn instances(&self) -> Value {
        let source = |of: &Source| json!({ "what": of.what, "date": of.date });
        let price = |price: &Option<Price>| {
            price.as_ref().map(|price| {
                json!({ "usd_per_hour": price.per_hour.as_dollars(), "source": source(&price.source) })
            })
        };
        let types: Vec<Value> = self
            .region
            .instances()
            .iter()
            .map(|kind| {
                json!({
                    "name": kind.name,
                    "vcpus": kind.vcpus,
                    "memory_mib": kind.memory_mib,
                    "accelerators": kind.accelerators.as_ref().map(|accelerators| {
                        json!({ "count": accelerators.count, "model": accelerators.model })
                    }),
                    "source": source(&kind.source),
                    "hosting": price(&kind.hosting),
                    "training": price(&kind.training),
                })
            })
            .collect();
        json!({ "instances": types })
    }
}

/// Every operation that AWS has, and what calling it here is worth.
fn coverage() -> Value {
    let table = dispatch::table();
    let services = SERVICES.iter().filter_map(|name| model::service(name)).map(|service| {
        let operations = service.operations().map(|operation| {
            let worth = match table.route(service.name, operation.name) {
                Some(route) => json!({ "behaviour": route.behaviour, "note": route.note }),
                None => json!({ "behaviour": "not simulated", "note": "" }),
            };
            (operation.name.to_owned(), worth)
        });
        (service.name.to_owned(), Value::Object(operations.collect()))
    });
    json!({ "services": Value::Object(services.collect()) })
}

/// The name in `endpoints/<name>/live`.
fn live_endpoint(path: &str) -> Option<String> {
    let name = path.strip_prefix("endpoints/")?.strip_suffix("/live")?;
    (!name.is_empty() && !name.contains('/')).then(|| decoded(name))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A query string's parameters.
pub(super) struct Query<'a>(pub(super) &'a str);

impl Query<'_> {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.0.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key) == name).then(|| decoded(&value.replace('+', " ")))
        })
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !matches!(value.as_str(), "0" | "false"))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, AwsError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_not_a_number| {
            AwsError::validation(format!(
                "{name} has to be a whole number, which \"{}\" is not.",
                text.escape_default()
            ))
        })
    }
}

pub(super) fn store_failed(fault: &crate::store::StoreError) -> AwsError {
    tracing::error!(%fault, "the store failed a request of /_sagebrush/");
    AwsError::new(500, "InternalFailure", format!("The region's store failed: {fault}"))
}

fn wrong_method(path: &str, needed: &Method) -> Response<Body> {
    let error =
        AwsError::new(405, "MethodNotAllowed", format!("/_sagebrush/{path} takes {needed} only."));
    let mut response = super::refusal::plain(&error);
    if let Ok(allow) = HeaderValue::from_str(needed.as_str()) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

fn document(value: &Value) -> Response<Body> {
    typed("application/json", payload::full(value.to_string().into()))
}

fn lines(stream: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    use futures::StreamExt;
    let frames = stream.map(|bytes| Ok::<_, BodyError>(Frame::data(bytes)));
    typed("application/x-ndjson", StreamBody::new(frames).boxed_unsync())
}

fn typed(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One JSON line.
pub(super) fn line(value: &Value) -> Bytes {
    let mut text = value.to_string();
    text.push('\n');
    text.into()
}
