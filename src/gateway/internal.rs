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
//! | `GET health` | `{name, version, workspace, pid, account, region, revision, uptime_seconds, pace}` |
//! | `POST reset` | empties the region, its containers too, then `{reset:true, revision}` |
//! | `POST stop` | `{stopping:true, pid}`; the region then shuts down in order |
//! | `GET coverage` | what each operation is worth, service by service |
//! | `GET engine` | see [`super::engine`] |
//! | `GET cost?lines=0` | what jobs and endpoints cost at AWS's list prices: see [`crate::region::bill`] |
//! | `GET instances` | the instance types with sizes, list prices and their sources |
//! | `GET watch?since=R&bodies=1` | see [`super::watch`] |
//! | `GET live` | see [`super::pulse`] |
//! | `GET endpoints/<name>/live` | see [`super::live`] |
//! | `POST endpoints/<name>/instances/<id>/stop?how=stop` | see [`super::operate`] |
//! | `GET training-jobs/<name>/metrics` | see [`super::training`] |
//! | `GET training-jobs/<name>/live` | see [`super::training`] |
//! | `GET logs?group=G&stream=S&prefix=P&filter=T&tail=N` | see [`super::follow`] |

use super::budget::Budget;
use super::feed::Feed;
use super::gauges::Gauges;
use super::limits::Limits;
use super::path::{Path, decoded};
use super::{follow, live, payload, pulse, training, watch};
use crate::api::error::AwsError;
use crate::api::model::{self, SERVICES};
use crate::domain::instance::{Price, Source};
use crate::region::{Region, bill, dispatch};
use crate::serving::{Body, BodyError};
use bytes::Bytes;
use futures::Stream;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Answers `/_sagebrush/`.
pub(super) struct Internal {
    pub(super) region: Arc<Region>,
    workspace: PathBuf,
    pub(super) started: Instant,
    pub(super) limits: Limits,
    pub(super) main: Handle,
    /// Places of streams.
    pub(super) places: Arc<Semaphore>,
    pub(super) gauges: Arc<Gauges>,
    pub(super) budget: Arc<Budget>,
    feed: Arc<Feed>,
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
    pub(super) gauges: Arc<Gauges>,
    pub(super) feed: Arc<Feed>,
    _place: OwnedSemaphorePermit,
}

impl Internal {
    pub(super) fn new(
        region: Arc<Region>,
        workspace: PathBuf,
        limits: Limits,
        (gauges, budget): (Arc<Gauges>, Arc<Budget>),
        closing: tokio::sync::watch::Receiver<bool>,
        stop: tokio::sync::watch::Sender<bool>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(limits.watchers));
        let (started, main) = (Instant::now(), Handle::current());
        let store = region.store().clone();
        let feed = Feed::new(store, region.place().clone(), main.clone(), Arc::clone(&gauges));
        let feed = Arc::new(feed);
        Self {
            region,
            workspace,
            started,
            limits,
            main,
            places,
            gauges,
            budget,
            feed,
            closing,
            stop,
        }
    }

    pub(super) async fn answer(
        &self,
        method: &Method,
        uri: &Uri,
    ) -> Result<Response<Body>, AwsError> {
        let text = uri.path().trim_start_matches("/_sagebrush").trim_matches('/');
        let Some(path) = Path::parse(text) else {
            return Err(AwsError::new(
                404,
                "ResourceNotFound",
                format!("There is no /_sagebrush/{}.", text.escape_default()),
            ));
        };
        let needed = path.method();
        let is_head = *method == Method::HEAD;
        if *method != needed && !(needed == Method::GET && is_head) {
            return Ok(wrong_method(text, &needed));
        }
        let query = Query(uri.query().unwrap_or_default());
        if path.streams() {
            if is_head {
                return Ok(lines(futures::stream::empty()));
            }
            return self.follow(path, &query).await;
        }
        match path {
            Path::Reset => self.reset().await,
            Path::Cost => self.cost(&query).await,
            Path::Stop => {
                self.stop.send_replace(true);
                Ok(document(&json!({ "stopping": true, "pid": std::process::id() })))
            }
            other => self.tell(other, &query).await.map(|value| document(&value)),
        }
    }

    /// The answers that are one document.
    async fn tell(&self, path: Path, query: &Query<'_>) -> Result<Value, AwsError> {
        match path {
            Path::Health => self.health(),
            Path::Coverage => Ok(coverage()),
            Path::Engine => self.engine().await,
            Path::StopInstance { endpoint, instance } => {
                self.stop_instance(&endpoint, &instance, query).await
            }
            Path::TrainingMetrics(job) => self.metrics(&job).await,
            _ => Ok(self.instances()),
        }
    }

    /// The answers that go on.
    async fn follow(&self, path: Path, query: &Query<'_>) -> Result<Response<Body>, AwsError> {
        Ok(match path {
            Path::Watch => lines(watch::stream(self.tap()?, query)?),
            Path::Logs => lines(follow::stream(self.tap()?, query)?),
            Path::EndpointLive(name) => lines(live::stream(self.tap()?, name).await?),
            Path::TrainingLive(job) => lines(training::stream(self.tap()?, job).await?),
            _ => lines(pulse::stream(self.tap()?)),
        })
    }

    fn tap(&self) -> Result<Tap, AwsError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_full| {
            Gauges::count(&self.gauges.streams_refused, 1);
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
            gauges: Arc::clone(&self.gauges),
            feed: Arc::clone(&self.feed),
            _place: place,
        })
    }

    /// Off the worker's thread: at first every row is read for it.
    async fn cost(&self, query: &Query<'_>) -> Result<Response<Body>, AwsError> {
        let region = Arc::clone(&self.region);
        let lines = query.get("lines").is_none_or(|value| value != "0");
        let bill = self.main.spawn_blocking(move || bill::report(&region, lines)).await;
        match bill {
            Ok(bill) => bill
                .map(|bill| typed("application/json", payload::full(bill.into())))
                .map_err(|fault| store_failed(&fault)),
            Err(error) => {
                let text = format!("Adding up the cost broke off: {error}");
                Err(AwsError::new(500, "InternalFailure", text))
            }
        }
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method itself is not general enough over the snapshot's lifetime"
    )]
    pub(super) fn revision(&self) -> Result<u64, AwsError> {
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
            "pace": self.region.pace(),
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
