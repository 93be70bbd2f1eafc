//! `POST /_sagebrush/endpoints/<name>/instances/<id>/stop`: an operator's experiment with a running
//! endpoint.
//!
//! `how=stop`, the default, ends the instance in order: it leaves the routing table (at once when
//! another instance of its variant serves, else when its replacement does), finishes what it has in
//! flight and gets SIGTERM. No request fails. `how=kill` is a crash: SIGKILL at once; what it has in
//! flight fails, and whatever comes after goes to the variant's other instances. Either way the
//! endpoint starts a new instance in its place.
//!
//! ```text
//! {"endpoint":"demo","instance":"i-0f…","variant":"blue","how":"stop","in_flight":3,
//!  "replacement":"i-1a…","waits_for_replacement":true,"did":"…in a sentence…"}
//! ```
//!
//! The answer comes when the request is accepted; `endpoints/<name>/live` shows what becomes of it.
//! 404 without such an endpoint or instance, 409 while a change of the endpoint is under way (for
//! `stop` alone) or when the instance is on its way out already.

use super::internal::{Internal, Query, store_failed};
use crate::api::error::AwsError;
use crate::domain::kind;
use crate::domain::words::counted;
use crate::region::endpoint::{Asked, Denied, How};
use serde_json::{Value, json};

impl Internal {
    pub(super) async fn stop_instance(
        &self,
        endpoint: &str,
        instance: &str,
        query: &Query<'_>,
    ) -> Result<Value, AwsError> {
        let how = match query.get("how").as_deref() {
            None | Some("stop") => How::Stop,
            Some("kill") => How::Kill,
            Some(other) => {
                return Err(AwsError::validation(format!(
                    "how is stop or kill, not \"{}\".",
                    other.escape_default()
                )));
            }
        };
        let Some(board) = self.region.boards().get(endpoint) else {
            return Err(self.no_board(endpoint, instance)?);
        };
        let asked = board.ask(instance, how).await.map_err(|denied| refusal(&denied))?;
        Ok(json!({
            "endpoint": endpoint,
            "instance": instance,
            "variant": asked.variant,
            "how": match how { How::Stop => "stop", How::Kill => "kill" },
            "in_flight": asked.in_flight,
            "replacement": asked.replacement,
            "waits_for_replacement": asked.waits_for_replacement,
            "did": sentence(instance, how, &asked),
        }))
    }

    fn no_board(&self, endpoint: &str, instance: &str) -> Result<AwsError, AwsError> {
        let row = self.region.store().read(|snapshot| snapshot.get(kind::ENDPOINT, endpoint));
        Ok(match row.map_err(|fault| store_failed(&fault))? {
            Some(_) => refusal(&Denied::Absent(instance.to_owned())),
            None => AwsError::new(
                404,
                "ResourceNotFound",
                format!("There is no endpoint {}.", endpoint.escape_default()),
            ),
        })
    }
}

fn refusal(denied: &Denied) -> AwsError {
    let (status, code) = match denied {
        Denied::Absent(_) => (404, "ResourceNotFound"),
        Denied::Not(_) => (409, "Conflict"),
        Denied::Busy => (503, "ServiceUnavailable"),
    };
    AwsError::new(status, code, denied.to_string())
}

fn sentence(instance: &str, how: How, asked: &Asked) -> String {
    let variant = &asked.variant;
    let successor = match &asked.replacement {
        Some(id) => format!("{id} starts in its place"),
        None => "another one starts in its place".to_owned(),
    };
    match (how, asked.waits_for_replacement) {
        (How::Kill, _) => format!(
            "Killed {instance} of variant {variant} as a crash would, with {} in flight; \
             {successor}.",
            counted(asked.in_flight, "request")
        ),
        (How::Stop, true) => format!(
            "{instance} is the only one that serves variant {variant}: {successor} and takes over, \
             then it finishes its requests and is stopped."
        ),
        (How::Stop, false) => format!(
            "Took {instance} of variant {variant} out of service; it finishes {} in flight \
             and is stopped; {successor}.",
            counted(asked.in_flight, "request")
        ),
    }
}
