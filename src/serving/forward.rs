//! One invocation, from the caller's request to the container's answer.

use super::body::{Answer, Booking, Broken, Request, Upload};
use super::fault::{self, MAX_BODY_BYTES, Source};
use super::instance::Instance;
use super::plane::{Endpoint, Plane};
use super::pool::{self, Connection};
use super::recorder::Outcome;
use super::stream::{self, Parts};
use super::{Body, VariantTable};
use crate::api::error::AwsError;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, Uri};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A request of `InvokeEndpoint` or `InvokeEndpointWithResponseStream`, authenticated and parsed.
pub struct Invocation {
    pub endpoint: String,
    /// `X-Amzn-SageMaker-Target-Variant`: overrides the split.
    pub target_variant: Option<String>,
    /// The caller's headers. Those that SageMaker passes on are passed on, the rest is not.
    pub headers: HeaderMap,
    /// An exact `size_hint` is passed on as the Content-Length.
    pub body: Body,
    /// Frame the answer as an event stream.
    pub response_stream: bool,
    /// When the request's head had been read; OverheadLatency counts from here.
    pub received: Instant,
}

/// What of the caller's headers a container sees.
static TO_CONTAINER: [HeaderName; 9] = [
    CONTENT_TYPE,
    ACCEPT,
    HeaderName::from_static("x-amzn-sagemaker-custom-attributes"),
    HeaderName::from_static("x-amzn-sagemaker-inference-id"),
    HeaderName::from_static("x-amzn-sagemaker-target-model"),
    HeaderName::from_static("x-amzn-sagemaker-target-container-hostname"),
    HeaderName::from_static("x-amzn-sagemaker-enable-explanations"),
    HeaderName::from_static("x-amzn-sagemaker-session-id"),
    HeaderName::from_static("x-amzn-sagemaker-prefix-aware-id"),
];

/// What of the container's headers the caller sees.
static TO_CALLER: [HeaderName; 3] = [
    HeaderName::from_static("x-amzn-sagemaker-custom-attributes"),
    HeaderName::from_static("x-amzn-sagemaker-new-session-id"),
    HeaderName::from_static("x-amzn-sagemaker-closed-session-id"),
];

/// A streaming caller's `Accept` and a streamed answer's `Content-Type`, for the plain headers
/// speak of the event stream.
const STREAM_ACCEPT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-accept");
const STREAM_CONTENT_TYPE: HeaderName = HeaderName::from_static("x-amzn-sagemaker-content-type");
const INVOKED_VARIANT: HeaderName = HeaderName::from_static("x-amzn-invoked-production-variant");
const COMPONENT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-inference-component");

/// How much of a container's error text is read and passed on.
const MAX_ERROR_TEXT: usize = 64 * 1024;

/// Routes the invocation and streams request and answer. The answer's body holds the request in
/// flight until it is read to its end or dropped.
pub async fn forward(plane: &Plane, invocation: Invocation) -> Result<Response<Body>, AwsError> {
    let Invocation { endpoint: name, target_variant, headers, body, response_stream, received } =
        invocation;
    let announced = body.size_hint().lower();
    if announced > MAX_BODY_BYTES {
        return Err(fault::too_large(MAX_BODY_BYTES));
    }
    if headers.contains_key(COMPONENT) {
        return Err(fault::no_components(&name));
    }
    let mut upload = Arc::new(Upload::new());
    let mut again = false;
    let mut request = outgoing(&headers, response_stream, Request::new(body, Arc::clone(&upload)));
    let mut draw = None;
    loop {
        let endpoint =
            plane.endpoint(&name).ok_or_else(|| fault::no_endpoint(&name, plane.place()))?;
        let draw = *draw.get_or_insert_with(|| match target_variant {
            Some(_) => endpoint.targeted_draw(),
            None => endpoint.next_draw(),
        });
        let variant = match &target_variant {
            Some(variant) => endpoint
                .variant(variant)
                .ok_or_else(|| fault::no_variant(&endpoint.table.name, variant))?,
            None => endpoint.split(draw).ok_or_else(|| fault::no_weight(&endpoint.table.name))?,
        };
        let limit = endpoint.table.variants[variant].max_body_bytes;
        if announced > limit {
            return Err(fault::too_large(limit));
        }
        request.body_mut().limit_to(limit);
        let trip = Trip { plane, endpoint: &endpoint, variant, received, upload: &upload };
        let first = endpoint.prefer(variant, draw);
        match trip.send(request, first).await? {
            Sent::Answered(answered) => return trip.finish(*answered, response_stream).await,
            // The table was replaced under us: start over with the new one, and the same draw.
            Sent::Retired(unsent) => request = *unsent,
            // It left the table with our request; whoever is in the table now may have it, once.
            Sent::Lost(lost) => {
                match upload.whole().filter(|_| !again && lost.may_go_elsewhere()) {
                    Some(body) => {
                        lost.booking.cancel();
                        again = true;
                        upload = Arc::new(Upload::new());
                        let body = Request::new(body, Arc::clone(&upload));
                        request = outgoing(&headers, response_stream, body);
                    }
                    None => return Err(trip.lost(*lost)),
                }
            }
        }
    }
}

/// The request as the container gets it.
fn outgoing(headers: &HeaderMap, response_stream: bool, body: Request) -> http::Request<Request> {
    let mut request = http::Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static("/invocations");
    let out = request.headers_mut();
    out.insert(HOST, HeaderValue::from_static("localhost:8080"));
    for name in &TO_CONTAINER {
        if let Some(value) = headers.get(name) {
            out.insert(name, value.clone());
        }
    }
    if let Some(accept) = headers.get(STREAM_ACCEPT).filter(|_| response_stream) {
        out.insert(ACCEPT, accept.clone());
    }
    request
}

/// One attempt at an invocation under one table.
struct Trip<'a> {
    plane: &'a Plane,
    endpoint: &'a Endpoint,
    variant: usize,
    received: Instant,
    upload: &'a Arc<Upload>,
}

enum Sent {
    Answered(Box<Answered>),
    /// The instance was taken out of service before anything was sent.
    Retired(Box<http::Request<Request>>),
    Lost(Box<Lost>),
}

/// An exchange that broke before the container had answered.
struct Lost {
    error: hyper::Error,
    instance: Arc<Instance>,
    booking: Booking,
}

impl Lost {
    /// Whether the request may be sent to another instance: the container was being taken out, so
    /// that its end is the region's doing. One that dies in service is its endpoint's failure.
    fn may_go_elsewhere(&self) -> bool {
        self.instance.is_retired() && !self.error.is_user()
    }
}

struct Answered {
    response: Response<Incoming>,
    connection: Connection,
    booking: Booking,
    instance: Arc<Instance>,
    /// What is left of the container's time.
    patience: Duration,
}

/// How one instance took the request.
enum Taken {
    Answered(Box<Answered>),
    /// Nothing was sent; another instance may have it.
    Refused(Box<http::Request<Request>>),
    Lost(Box<Lost>),
}

impl Trip<'_> {
    fn table(&self) -> &VariantTable {
        &self.endpoint.table.variants[self.variant]
    }

    fn source<'a>(&'a self, instance: &'a Instance) -> Source<'a> {
        Source {
            endpoint: &self.endpoint.table.name,
            place: self.plane.place(),
            log_stream_arn: &instance.target.log_stream_arn,
        }
    }

    /// Tries the variant's instances in turn from the preferred one until one takes the request.
    async fn send(
        &self,
        mut request: http::Request<Request>,
        first: usize,
    ) -> Result<Sent, AwsError> {
        let variant = &self.endpoint.variants[self.variant];
        for instance in self.endpoint.offers(self.variant, first) {
            let Some(flight) = instance.enter() else {
                return Ok(Sent::Retired(Box::new(request)));
            };
            let booking = Booking::new(flight, Arc::clone(&variant.recorders), self.received);
            match self.hand_over(request, instance, booking).await? {
                Taken::Answered(answered) => return Ok(Sent::Answered(answered)),
                Taken::Refused(unsent) => request = *unsent,
                Taken::Lost(lost) => return Ok(Sent::Lost(lost)),
            }
        }
        let overhead_micros = u64::try_from(self.received.elapsed().as_micros()).unwrap_or(0);
        variant.recorders.record(Outcome { status: 0, model_micros: 0, overhead_micros });
        Err(fault::no_instance(&self.endpoint.table.name, &self.table().name))
    }

    /// Sends the request to one instance and waits for the head of its answer.
    async fn hand_over(
        &self,
        mut request: http::Request<Request>,
        instance: &Arc<Instance>,
        mut booking: Booking,
    ) -> Result<Taken, AwsError> {
        loop {
            let Ok(mut connection) = pool::take(instance, self.plane.generation()).await else {
                booking.cancel();
                return Ok(Taken::Refused(Box::new(request)));
            };
            let sent_at = Instant::now();
            let sending = connection.sender.try_send_request(request);
            let Some(answered) = self.in_time(sending).await else {
                booking.model = sent_at.elapsed();
                booking.settle(0);
                return Err(fault::timed_out(
                    &self.source(instance),
                    self.table().container_timeout,
                ));
            };
            let mut failed = match answered {
                Ok(response) => {
                    booking.model = sent_at.elapsed();
                    let patience = self.table().container_timeout.saturating_sub(booking.model);
                    let instance = Arc::clone(instance);
                    let answered = Answered { response, connection, booking, instance, patience };
                    return Ok(Taken::Answered(Box::new(answered)));
                }
                Err(failed) => failed,
            };
            // A request that hyper hands back never left, so sending it again is safe.
            match failed.take_message() {
                Some(unsent) if connection.used => request = unsent,
                Some(unsent) => {
                    booking.cancel();
                    return Ok(Taken::Refused(Box::new(unsent)));
                }
                None => {
                    booking.model = sent_at.elapsed();
                    let instance = Arc::clone(instance);
                    let lost = Lost { error: failed.into_error(), instance, booking };
                    return Ok(Taken::Lost(Box::new(lost)));
                }
            }
        }
    }

    /// Waits for the head of the answer as long as the container may take for it. `None`: too long.
    async fn in_time<T>(&self, sending: impl Future<Output = T>) -> Option<T> {
        let patience = self.table().container_timeout;
        let mut deadline = Instant::now() + patience;
        tokio::pin!(sending);
        loop {
            match tokio::time::timeout_at(deadline.into(), &mut sending).await {
                Ok(answered) => return Some(answered),
                Err(_) => {
                    deadline = self.upload.deadline(patience);
                    if deadline <= Instant::now() {
                        return None;
                    }
                }
            }
        }
    }

    /// The exchange broke before the container had answered.
    fn lost(&self, lost: Lost) -> AwsError {
        let Lost { error, instance, mut booking } = lost;
        if self.upload.is_too_large() {
            booking.cancel();
            return fault::too_large(self.table().max_body_bytes);
        }
        if error.is_user() {
            // The caller's body broke off; nobody is there to read this.
            return fault::incomplete();
        }
        booking.settle(0);
        fault::broke_off(&self.source(&instance))
    }

    /// Turns the container's answer into the caller's.
    async fn finish(
        &self,
        answered: Answered,
        response_stream: bool,
    ) -> Result<Response<Body>, AwsError> {
        let Answered { response, connection, booking, instance, mut patience } = answered;
        let source = self.source(&instance);
        let status = response.status();
        let headers = response.headers().clone();
        let streamed = response_stream && status.is_success();
        let limit = if streamed { u64::MAX } else { self.table().max_body_bytes };
        if streamed {
            patience = self.table().stream_timeout.saturating_sub(booking.model);
        }
        let size = response.body().size_hint().lower();
        let upload = Arc::clone(self.upload);
        let mut answer = Answer::new(response, booking, upload, connection.sender, patience, limit);
        if !status.is_success() {
            let message = error_text(&mut answer).await;
            answer.settle();
            return Err(fault::model_error(&source, status.as_u16(), message.as_deref()));
        }
        if size > limit {
            answer.refuse();
            return Err(fault::model_error(&source, 0, Some(&Broken::TooLarge(limit).to_string())));
        }
        let body = if response_stream {
            Parts::new(answer).boxed_unsync()
        } else {
            answer.map_err(Into::into).boxed_unsync()
        };
        let mut outgoing = Response::new(body);
        self.label(&headers, response_stream, outgoing.headers_mut());
        Ok(outgoing)
    }

    fn label(&self, headers: &HeaderMap, response_stream: bool, out: &mut HeaderMap) {
        for name in &TO_CALLER {
            if let Some(value) = headers.get(name) {
                out.insert(name, value.clone());
            }
        }
        if let Some(value) = headers.get(CONTENT_TYPE) {
            let name = if response_stream { STREAM_CONTENT_TYPE } else { CONTENT_TYPE };
            out.insert(name, value.clone());
        }
        if response_stream {
            out.insert(CONTENT_TYPE, HeaderValue::from_static(stream::CONTENT_TYPE));
        }
        if let Ok(variant) = HeaderValue::from_str(&self.table().name) {
            out.insert(INVOKED_VARIANT, variant);
        }
    }
}

/// The text of a container's error, as much as is passed on; `None` when it broke off.
async fn error_text(answer: &mut Answer) -> Option<String> {
    let mut text = Vec::new();
    while text.len() < MAX_ERROR_TEXT {
        match answer.frame().await {
            None => break,
            Some(Err(_)) => return None,
            Some(Ok(frame)) => {
                if let Some(chunk) = frame.data_ref() {
                    text.extend_from_slice(chunk);
                }
            }
        }
    }
    text.truncate(MAX_ERROR_TEXT);
    Some(String::from_utf8_lossy(&text).into_owned())
}
