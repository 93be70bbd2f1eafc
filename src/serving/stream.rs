//! InvokeEndpointWithResponseStream: the container's bytes as an event stream, as they come.

use super::BodyError;
use super::body::{Answer, Broken};
use crate::api::event_stream::encode;
use bytes::Bytes;
use http_body::{Body, Frame};
use serde_json::json;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pub(super) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// Each chunk becomes a `PayloadPart`; an answer that breaks off ends with an exception event.
pub(super) struct Parts {
    answer: Answer,
    ended: bool,
}

impl Parts {
    pub fn new(answer: Answer) -> Self {
        Self { answer, ended: false }
    }
}

fn part(chunk: &[u8]) -> Bytes {
    let headers = [
        (":event-type", "PayloadPart"),
        (":content-type", "application/octet-stream"),
        (":message-type", "event"),
    ];
    encode(&headers, chunk)
}

/// `ModelStreamError` with the documented error codes.
fn exception(broken: &Broken) -> Bytes {
    let code = match broken {
        Broken::TimedOut => "ModelInvocationTimeExceeded",
        Broken::TooLarge(_) | Broken::Connection(_) => "StreamBroken",
    };
    let headers = [
        (":exception-type", "ModelStreamError"),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    let document = json!({"Message": broken.to_string(), "ErrorCode": code});
    encode(&headers, document.to_string().as_bytes())
}

impl Body for Parts {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        while !self.ended {
            match ready!(Pin::new(&mut self.answer).poll_frame(context)) {
                None => self.ended = true,
                Some(Err(broken)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Ok(Frame::data(exception(&broken)))));
                }
                Some(Ok(frame)) => {
                    // Trailers have no place in an event stream, nor have empty chunks.
                    if let Some(chunk) = frame.data_ref().filter(|chunk| !chunk.is_empty()) {
                        return Poll::Ready(Some(Ok(Frame::data(part(chunk)))));
                    }
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.answer.is_end_stream()
    }
}
