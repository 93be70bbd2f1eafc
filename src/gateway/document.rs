//! A call's document: its signature proven, decoded, checked against its shape.
//!
//! Large ones are worked on elsewhere than on the worker's thread, which has invocations to forward:
//! hashing, decoding and checking four megabytes takes tens of milliseconds.

use super::door::{Entry, Wanted, Words};
use super::gauges::Gauges;
use super::payload;
use crate::api::codec::{self, Head, Identified, Target};
use crate::api::error::AwsError;
use crate::api::validation;
use crate::domain::time::Timestamp;
use crate::region::{self, dispatch};
use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;
use tokio::runtime::Handle;

/// A body of more bytes is not worked on by a gateway's worker.
pub(super) const LARGE: usize = 64 * 1024;

/// A call's head and whole body.
pub(super) struct Document {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    pub(super) entry: Entry,
    /// The operation, where the head has told it.
    pub(super) target: Option<Target>,
    /// What its signature has to be for.
    pub(super) region: String,
    pub(super) now: Timestamp,
}

/// A call that may be made.
pub(super) struct Decoded {
    pub(super) target: Target,
    pub(super) input: Value,
    pub(super) entry: Entry,
}

/// Why it may not, and whose words that is to be said in, where that is known.
pub(super) struct Refused {
    pub(super) target: Option<Target>,
    pub(super) error: AwsError,
}

impl Document {
    pub(super) fn decode(self) -> Result<Decoded, Box<Refused>> {
        let head = Head::of(&self.parts);
        let words = if self.target.is_some() { Words::Json } else { Words::Xml };
        let refused = |target| move |error| Box::new(Refused { target, error });
        self.prove(&head, self.target, words).map_err(refused(self.target))?;
        let target = match self.target {
            Some(target) => target,
            None => self.form_target(&head, words)?,
        };
        let Target { service, operation, protocol } = target;
        if dispatch::table().route(service.name, operation.name).is_none() {
            // Before its input is looked at: what is wrong with that helps nobody.
            let error = region::error::not_simulated(service.name, operation.name);
            return Err(Box::new(Refused { target: Some(target), error }));
        }
        let input = codec::decode_input(protocol, service, operation, &head, &self.body)
            .and_then(|input| validation::check(service, operation, &input).map(|()| input))
            .map_err(refused(Some(target)))?;
        Ok(Decoded { target, input, entry: self.entry })
    }

    /// Verifies what the door left open.
    pub(super) fn prove(
        &self,
        head: &Head<'_>,
        target: Option<Target>,
        words: Words,
    ) -> Result<(), AwsError> {
        if !self.entry.is_signed() {
            return Ok(());
        }
        let service = target.map(|target| target.service.signing_name);
        let wanted = Wanted { service, region: self.region.clone() };
        self.entry
            .prove(head, Some(&payload::sha256_hex(&self.body)), &wanted, self.now)
            .map_err(|error| error.in_words_of(words.dialect()))
    }

    /// The operation that a form names.
    fn form_target(&self, head: &Head<'_>, words: Words) -> Result<Target, Box<Refused>> {
        let refused = |target, error| Box::new(Refused { target, error });
        match codec::identify(head, &self.body) {
            Identified::Call(target) => {
                self.prove(head, Some(target), words)
                    .map_err(|error| refused(Some(target), error))?;
                Ok(target)
            }
            Identified::Unknown { error, .. } => Err(refused(None, error)),
            Identified::Nothing => Err(refused(None, super::plan::no_form())),
        }
    }
}

/// Does the work here, or where threads may be kept busy when it is about many bytes.
pub(super) async fn work_on<T: Send + 'static>(
    bytes: usize,
    main: &Handle,
    gauges: &Gauges,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, AwsError> {
    if bytes <= LARGE {
        return Ok(work());
    }
    Gauges::count(&gauges.decoded_elsewhere, 1);
    finished(main.spawn_blocking(work).await)
}

/// What a task made. Its panic is its caller's, who answers for it.
pub(super) fn finished<T>(made: Result<T, tokio::task::JoinError>) -> Result<T, AwsError> {
    made.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_shut_down) => AwsError::new(
            503,
            "ServiceUnavailable",
            "The region is being stopped; try again when it runs.",
        ),
    })
}
