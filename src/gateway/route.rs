//! From a request to what answers it ([`Plan`]), and from whatever happened to an answer.

use super::budget::Budget;
use super::connection::{Handler, Peer};
use super::document::{self, Document};
use super::door::{Door, Entry, Known, Secret, Wanted, Words};
use super::gauges::Gauges;
use super::internal::Internal;
use super::limits::Limits;
use super::object::Objects;
use super::payload::{Arriving, Intake};
use super::plan::Plan;
use super::{payload, refusal, runtime, telemetry};
use crate::api::codec::{self, Head, Target};
use crate::api::error::AwsError;
use crate::region::{Call, Caller, Region};
use crate::serving::Body;
use bytes::Bytes;
use futures::FutureExt;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::runtime::Handle;

/// Answers every request of one region.
pub(super) struct Router {
    pub(super) region: Arc<Region>,
    pub(super) door: Door,
    pub(super) limits: Limits,
    /// Room for requests in memory.
    pub(super) budget: Arc<Budget>,
    pub(super) internal: Internal,
    pub(super) objects: Objects,
    /// The runtime of whoever started the gateway: the control plane's tasks belong there and
    /// outlive the worker that took the call.
    pub(super) main: Handle,
}

/// One request on its way.
struct Incomer<'a> {
    parts: Parts,
    body: Arriving,
    entry: Entry,
    request_id: &'a str,
    received: Instant,
}

impl Handler for Router {
    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<Body> {
        let received = Instant::now();
        let request_id = refusal::request_id();
        let (parts, body) = request.into_parts();
        let (body, left) = Arriving::new(body);
        let awaits_leave = parts.headers.contains_key(http::header::EXPECT);
        let plan = Plan::of(&Head::of(&parts));
        let wire = plan.wire(&Head::of(&parts));
        let resource = parts.uri.path().to_owned();
        let about = format!("{} {resource}", parts.method);
        let work = self.serve(plan, parts, body, peer, &request_id, received);
        let mut response = guarded(work, &about, &request_id)
            .await
            .unwrap_or_else(|error| wire.error(&error, &resource, &request_id));
        // A client that sent no more than it said may go on; another is told that it may not.
        let gave_up = response.status() == http::StatusCode::REQUEST_TIMEOUT;
        if gave_up || !left.is_done(awaits_leave).await {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(http::header::CONNECTION, close);
        }
        let headers = response.headers_mut();
        // S3 has a header of its own for that, and clients read but one of them.
        if let Ok(id) = HeaderValue::from_str(&request_id)
            && !headers.contains_key("x-amz-request-id")
        {
            headers.entry("x-amzn-requestid").or_insert(id);
        }
        headers.entry(http::header::SERVER).or_insert(HeaderValue::from_static("Sagebrush"));
        response
    }

    fn budget(&self) -> Option<&Arc<Budget>> {
        Some(&self.budget)
    }
}

impl Router {
    async fn serve(
        &self,
        plan: Plan,
        parts: Parts,
        body: Arriving,
        peer: Peer,
        request_id: &str,
        received: Instant,
    ) -> Result<Response<Body>, AwsError> {
        let words = plan.words();
        self.door.check_head(&parts.method, &parts.uri, &parts.headers, peer, words)?;
        let trust = self.door.trust(&parts.headers, peer);
        let entry = self.door.admit(&Head::of(&parts), trust, words, |key| self.secret_of(key))?;
        let incomer = Incomer { parts, body, entry, request_id, received };
        match plan {
            Plan::Invoke(target) => self.invoke(target, incomer).await,
            Plan::Call(target) => self.call(Some(target), incomer).await,
            Plan::Form => self.call(None, incomer).await,
            Plan::Address => Err(AwsError::new(
                405,
                "MethodNotAllowed",
                "Query operations are taken by POST only, so that no link or image can call them.",
            )),
            Plan::S3 => self.object(incomer).await,
            Plan::Internal => self.internal(incomer).await,
            Plan::Unknown { error, .. } => Err(error),
            Plan::Foreign(foreign) => Err(foreign.error()),
        }
    }

    /// The secret of a key that the region's AssumeRole gave out.
    fn secret_of(&self, access_key: &str) -> Known {
        match self.region.session(access_key) {
            None => Known::No,
            Some(session) if session.expires <= self.region.now() => Known::Expired,
            Some(session) => Known::Yes(Secret {
                secret_key: session.credentials.secret_key.clone(),
                session_token: session.credentials.session_token.clone(),
            }),
        }
    }

    /// A call whose whole input is read, checked and handed to the region.
    async fn call(
        &self,
        target: Option<Target>,
        incomer: Incomer<'_>,
    ) -> Result<Response<Body>, AwsError> {
        let Incomer { parts, body, entry, request_id, .. } = incomer;
        let words = if target.is_some() { Words::Json } else { Words::Xml };
        let (limit, intake) = (self.limits.call_bytes, self.intake(words));
        let (body, _held) = payload::collect(&parts.headers, body, limit, intake).await?;
        let bytes = body.len();
        let document = self.document(target, parts, body, entry);
        let decode = move || document.decode();
        let decoded = match document::work_on(bytes, &self.main, self.gauges(), decode).await? {
            Ok(decoded) => decoded,
            Err(refused) => return in_words_of(refused.target, refused.error, request_id),
        };
        let target @ Target { service, operation, protocol } = decoded.target;
        let call = Call {
            service: service.name,
            operation: operation.name,
            input: decoded.input,
            caller: self.caller(&decoded.entry),
            request_id: request_id.to_owned(),
        };
        let region = &self.region;
        let answer = if bytes > document::LARGE {
            let region = Arc::clone(region);
            document::finished(self.main.spawn(async move { region.call(call).await }).await)?
        } else {
            InRuntime { handle: &self.main, future: pin!(region.call(call)) }.await
        };
        match answer {
            Ok(output) => {
                let answer = codec::encode_output(protocol, service, operation, output, request_id);
                Ok(answer.map(payload::full))
            }
            Err(error) => in_words_of(Some(target), error, request_id),
        }
    }

    fn document(
        &self,
        target: Option<Target>,
        parts: Parts,
        body: Bytes,
        entry: Entry,
    ) -> Document {
        let (region, now) = (self.region.place().region.clone(), self.region.now());
        Document { parts, body, entry, target, region, now }
    }

    fn intake(&self, words: Words) -> Intake<'_> {
        Intake { limits: &self.limits, budget: &self.budget, gauges: self.gauges(), words }
    }

    fn gauges(&self) -> &Gauges {
        &self.internal.gauges
    }

    /// An invocation. It stays on this thread from the head's last byte to the answer's.
    async fn invoke(
        &self,
        target: Target,
        incomer: Incomer<'_>,
    ) -> Result<Response<Body>, AwsError> {
        if !runtime::is_forwarded(target.operation.name) {
            return self.call(Some(target), incomer).await;
        }
        let Incomer { parts, body, entry, received, .. } = incomer;
        let (parts, body, _held) = if entry.is_signed() {
            // What a signature covers is not let through before it is checked.
            let limit = self.limits.invocation_bytes;
            let intake = self.intake(Words::Json);
            let (body, held) = payload::collect(&parts.headers, body, limit, intake).await?;
            let bytes = body.len();
            let document = self.document(Some(target), parts, body, entry);
            let prove = move || {
                let proven = document.prove(&Head::of(&document.parts), Some(target), Words::Json);
                proven.map(|()| (document.parts, document.body))
            };
            let (parts, body) =
                document::work_on(bytes, &self.main, self.gauges(), prove).await??;
            (parts, payload::full(body), Some(held))
        } else {
            (parts, payload::stream(body), None)
        };
        runtime::invoke(self.region.plane(), target, &parts, body, received).await
    }

    async fn object(&self, incomer: Incomer<'_>) -> Result<Response<Body>, AwsError> {
        let Incomer { parts, body, entry, request_id, .. } = incomer;
        self.prove(&entry, &Head::of(&parts), None, "s3", Words::S3)?;
        if telemetry::is_report(&parts) {
            return Ok(Response::new(payload::full(Bytes::new())));
        }
        let answer = self.objects.answer(parts, body, &entry, &self.limits, request_id);
        InRuntime { handle: &self.main, future: pin!(answer) }.await
    }

    async fn internal(&self, incomer: Incomer<'_>) -> Result<Response<Body>, AwsError> {
        let Incomer { parts, body, entry, .. } = incomer;
        // Nothing below `/_sagebrush/` takes a body; reading it lets the connection live on.
        let intake = self.intake(Words::Json);
        let (body, _held) = payload::collect(&parts.headers, body, 64 * 1024, intake).await?;
        self.prove(&entry, &Head::of(&parts), Some(&body), "sagebrush", Words::Json)?;
        let answer = self.internal.answer(&parts.method, &parts.uri);
        InRuntime { handle: &self.main, future: pin!(answer) }.await
    }

    /// Verifies what the door left open.
    fn prove(
        &self,
        entry: &Entry,
        head: &Head<'_>,
        body: Option<&Bytes>,
        service: &'static str,
        words: Words,
    ) -> Result<(), AwsError> {
        if !entry.is_signed() {
            return Ok(());
        }
        let hash = body.map(|body| payload::sha256_hex(body));
        let wanted = Wanted { service: Some(service), region: self.region.place().region.clone() };
        entry
            .prove(head, hash.as_deref(), &wanted, self.region.now())
            .map_err(|error| error.in_words_of(words.dialect()))
    }

    fn caller(&self, entry: &Entry) -> Caller {
        let session = entry.access_key.as_deref().and_then(|key| self.region.session(key));
        let arn = match session {
            Some(session) if entry.is_signed() => session.arn.clone(),
            _ => self.region.owner_arn(),
        };
        Caller { access_key: entry.access_key.clone(), arn }
    }
}

/// An error in the words of the service that was called, once that is known.
fn in_words_of(
    target: Option<Target>,
    error: AwsError,
    request_id: &str,
) -> Result<Response<Body>, AwsError> {
    let Some(Target { service, protocol, .. }) = target else { return Err(error) };
    Ok(codec::encode_error(protocol, service, &error, request_id).map(payload::full))
}

/// A handler that panics takes neither its connection nor its worker with it.
async fn guarded<T>(
    work: impl Future<Output = Result<T, AwsError>>,
    about: &str,
    request_id: &str,
) -> Result<T, AwsError> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => Err(panicked(&*panic, about, request_id)),
    }
}

fn panicked(panic: &(dyn Any + Send), about: &str, request_id: &str) -> AwsError {
    let what = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(request_id, about, what, "a request's handler panicked");
    AwsError::new(
        500,
        "InternalFailure",
        format!(
            "Sagebrush failed at this request, which is a fault of its own ({what}). Its log tells \
             more under request {request_id}."
        ),
    )
}

/// A future polled as if on another runtime: what it spawns and waits for lives there.
struct InRuntime<'a, F> {
    handle: &'a Handle,
    future: F,
}

impl<F: Future + Unpin> Future for InRuntime<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = self.handle.enter();
        Pin::new(&mut self.future).poll(cx)
    }
}

#[cfg(test)]
#[path = "route_tests.rs"]
mod tests;
