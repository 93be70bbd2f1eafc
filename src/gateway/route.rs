//! From a request to whoever answers it, and from whatever happened to an answer.
//!
//! The service is told by the credential's scope, `X-Amz-Target`, the Smithy CBOR path, the query
//! protocol's `Action` and `Version`, the runtime's paths, the host; what none of these claim is
//! S3's.

use super::connection::{Handler, Peer};
use super::door::{Door, Entry, Known, Secret, Words};
use super::foreign::{Foreign, Form};
use super::internal::Internal;
use super::limits::Limits;
use super::object::Objects;
use super::{payload, refusal, runtime, telemetry};
use crate::api::codec::{self, Head, Identified, Target};
use crate::api::error::AwsError;
use crate::api::model::{self, Protocol, SERVICES, Service};
use crate::api::{signing, validation};
use crate::domain::host;
use crate::region::{self, Call, Caller, Region};
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
    pub(super) internal: Internal,
    pub(super) objects: Objects,
    /// The runtime of whoever started the gateway: the control plane's tasks belong there and
    /// outlive the worker that took the call.
    pub(super) main: Handle,
}

/// What a request is, as far as its head tells.
#[derive(Debug)]
enum Plan {
    Internal,
    /// An operation of a modelled service whose body holds its input.
    Call(Target),
    /// `InvokeEndpoint` and its kin: the body is the container's.
    Invoke(Target),
    /// The query protocol: the operation stands in the body.
    Form,
    /// The query protocol in an address, as a link or an `<img>` could have it.
    Address,
    Unknown {
        service: &'static Service,
        protocol: Protocol,
        error: AwsError,
    },
    S3,
    /// Of a service that is not here.
    Foreign(Foreign),
}

/// How errors are put.
#[derive(Clone, Copy)]
enum Wire {
    Modelled(Protocol, &'static Service),
    Foreign(Form),
    S3,
    Plain,
}

/// One request on its way.
struct Incomer<'a> {
    parts: Parts,
    body: Incoming,
    entry: Entry,
    request_id: &'a str,
    received: Instant,
}

impl Handler for Router {
    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<Body> {
        let received = Instant::now();
        let request_id = refusal::request_id();
        let (parts, body) = request.into_parts();
        let plan = Plan::of(&Head::of(&parts));
        let wire = plan.wire();
        let resource = parts.uri.path().to_owned();
        let about = format!("{} {resource}", parts.method);
        let work = self.serve(plan, parts, body, peer, &request_id, received);
        let mut response = guarded(work, &about, &request_id)
            .await
            .unwrap_or_else(|error| wire.error(&error, &resource, &request_id));
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
}

impl Router {
    async fn serve(
        &self,
        plan: Plan,
        parts: Parts,
        body: Incoming,
        peer: Peer,
        request_id: &str,
        received: Instant,
    ) -> Result<Response<Body>, AwsError> {
        let words = plan.words();
        self.door.check_head(&parts.method, &parts.uri, &parts.headers, peer, words)?;
        let entry = self.door.admit(&Head::of(&parts), peer, words, |key| self.secret_of(key))?;
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
        let body =
            payload::collect(&parts.headers, body, self.limits.call_bytes, &self.limits).await?;
        let head = Head::of(&parts);
        let words = if target.is_some() { Words::Json } else { Words::Xml };
        self.prove(&entry, &head, Some(&body), words)?;
        let target = match target {
            Some(target) => target,
            None => form_target(&head, &body)?,
        };
        let Target { service, operation, protocol } = target;
        if !self.region.simulates(service.name, operation.name) {
            // Before its input is looked at: what is wrong with that helps nobody.
            return Err(region::error::not_simulated(service.name, operation.name));
        }
        let input = codec::decode_input(protocol, service, operation, &head, &body)?;
        validation::check(service, operation, &input)?;
        let call = Call {
            service: service.name,
            operation: operation.name,
            input,
            caller: self.caller(&entry),
            request_id: request_id.to_owned(),
        };
        let region = &self.region;
        let output = InRuntime { handle: &self.main, future: pin!(region.call(call)) }.await?;
        let answer = codec::encode_output(protocol, service, operation, output, request_id);
        Ok(answer.map(payload::full))
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
        let body = if entry.is_signed() {
            // What a signature covers is not let through before it is checked.
            let limit = self.limits.invocation_bytes;
            let body = payload::collect(&parts.headers, body, limit, &self.limits).await?;
            self.prove(&entry, &Head::of(&parts), Some(&body), Words::Json)?;
            payload::full(body)
        } else {
            payload::stream(body)
        };
        runtime::invoke(self.region.plane(), target, &parts, body, received).await
    }

    async fn object(&self, incomer: Incomer<'_>) -> Result<Response<Body>, AwsError> {
        let Incomer { parts, body, entry, request_id, .. } = incomer;
        self.prove(&entry, &Head::of(&parts), None, Words::S3)?;
        if telemetry::is_report(&parts) {
            return Ok(Response::new(payload::full(Bytes::new())));
        }
        let answer = self.objects.answer(parts, body, &entry, &self.limits, request_id);
        InRuntime { handle: &self.main, future: pin!(answer) }.await
    }

    async fn internal(&self, incomer: Incomer<'_>) -> Result<Response<Body>, AwsError> {
        let Incomer { parts, body, entry, .. } = incomer;
        // Nothing below `/_sagebrush/` takes a body; reading it lets the connection live on.
        let body = payload::collect(&parts.headers, body, 64 * 1024, &self.limits).await?;
        self.prove(&entry, &Head::of(&parts), Some(&body), Words::Json)?;
        let answer = self.internal.answer(&parts.method, &parts.uri);
        InRuntime { handle: &self.main, future: pin!(answer) }.await
    }

    /// Verifies what the door left open.
    fn prove(
        &self,
        entry: &Entry,
        head: &Head<'_>,
        body: Option<&Bytes>,
        words: Words,
    ) -> Result<(), AwsError> {
        if !entry.is_signed() {
            return Ok(());
        }
        let hash = body.map(|body| payload::sha256_hex(body));
        entry
            .prove(head, hash.as_deref(), self.region.now())
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

fn form_target(head: &Head<'_>, body: &[u8]) -> Result<Target, AwsError> {
    match codec::identify(head, body) {
        Identified::Call(target) => Ok(target),
        Identified::Unknown { error, .. } => Err(error),
        Identified::Nothing => Err(AwsError::new(
            400,
            "MissingAction",
            "The form names no Action and Version of a service that is here.",
        )),
    }
}

impl Plan {
    fn of(head: &Head<'_>) -> Self {
        if head.path == "/_sagebrush" || head.path.starts_with("/_sagebrush/") {
            return Self::Internal;
        }
        let scope = scope_service(head);
        // S3's relatives sign as S3 does and are told by their hosts.
        let elsewhere = other_than_s3(head);
        if let Some(service) = elsewhere.as_deref().filter(|host| host.starts_with("s3")) {
            return Self::Foreign(Foreign::of(head, service.to_owned(), None));
        }
        if matches!(scope.as_deref(), Some("s3" | "s3express")) {
            return Self::S3;
        }
        if head.path == "/" && query_action(head) && head.method != http::Method::POST {
            return Self::Address;
        }
        if head.path == "/" && is_form(head) {
            return match scope {
                Some(service) if !is_modelled(&service) => Self::foreign(head, &service),
                _ => Self::Form,
            };
        }
        match codec::identify(head, b"") {
            Identified::Call(target) if target.service.name == "sagemaker-runtime" => {
                return Self::Invoke(target);
            }
            Identified::Call(target) => return Self::Call(target),
            Identified::Unknown { service, protocol, error } => {
                return Self::Unknown { service, protocol, error };
            }
            Identified::Nothing => {}
        }
        if let Some(service) = scope {
            return Self::foreign(head, &service);
        }
        let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        let named = target
            .map(|target| target.split(['.', '_']).next().unwrap_or(target).to_lowercase())
            .or_else(|| head.headers.contains_key("smithy-protocol").then(|| head.path.to_owned()))
            // Neither signed nor otherwise of a service that is known: its host says whose it is.
            .or(elsewhere);
        match named {
            Some(service) => Self::Foreign(Foreign::of(head, service, None)),
            None => Self::S3,
        }
    }

    fn foreign(head: &Head<'_>, scope: &str) -> Self {
        Self::Foreign(Foreign::of(head, scope.to_owned(), Some(scope)))
    }

    fn wire(&self) -> Wire {
        let modelled = |protocol, name| {
            model::service(name).map_or(Wire::Plain, |service| Wire::Modelled(protocol, service))
        };
        match self {
            Self::Internal => Wire::Plain,
            Self::S3 => Wire::S3,
            Self::Call(target) | Self::Invoke(target) => {
                Wire::Modelled(target.protocol, target.service)
            }
            Self::Unknown { service, protocol, .. } => Wire::Modelled(*protocol, service),
            Self::Form | Self::Address => modelled(Protocol::Query, "sts"),
            Self::Foreign(foreign) => Wire::Foreign(foreign.form()),
        }
    }

    fn words(&self) -> Words {
        match self {
            Self::S3 => Words::S3,
            Self::Form | Self::Address => Words::Xml,
            Self::Foreign(foreign) if foreign.form().is_xml() => Words::Xml,
            _ => Words::Json,
        }
    }
}

impl Wire {
    fn error(self, error: &AwsError, resource: &str, request_id: &str) -> Response<Body> {
        match self {
            Self::Modelled(protocol, service) => {
                codec::encode_error(protocol, service, error, request_id).map(payload::full)
            }
            Self::Foreign(form) => form.answer(error, request_id),
            Self::S3 => codec::encode_error_of(error, resource, request_id).map(payload::full),
            Self::Plain => refusal::plain(error),
        }
    }
}

pub(super) fn is_form(head: &Head<'_>) -> bool {
    head.headers
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}

/// A query operation in the address, as an `<img>` could call it.
fn query_action(head: &Head<'_>) -> bool {
    head.query.split('&').any(|pair| pair.starts_with("Action="))
}

/// The service that the signature's scope names, whether or not the signature is any good.
fn scope_service(head: &Head<'_>) -> Option<String> {
    let presented = signing::presented(head).ok().flatten()?;
    Some(presented.scope.service)
}

/// The service that the host names, where it is one of AWS's hosts and not S3's.
fn other_than_s3(head: &Head<'_>) -> Option<String> {
    let named = head.headers.get(http::header::HOST)?.to_str().ok()?;
    let name = host::normalized(named);
    if host::is_s3(&name) { None } else { host::service(&name).map(str::to_owned) }
}

/// Whether requests signed for this service reach a model of ours.
fn is_modelled(signing_name: &str) -> bool {
    SERVICES
        .iter()
        .filter_map(|name| model::service(name))
        .any(|service| service.signing_name == signing_name)
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
