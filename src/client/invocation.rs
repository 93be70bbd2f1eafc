//! InvokeEndpoint, with the time it took.

use super::transport::{Outgoing, Payload};
use super::{CallError, Client};
use crate::api::codec;
use crate::api::model::{self, Protocol};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::time::{Duration, Instant};

const VARIANT: HeaderName = HeaderName::from_static("x-amzn-invoked-production-variant");
const TARGET: HeaderName = HeaderName::from_static("x-amzn-sagemaker-target-variant");
const ATTRIBUTES: HeaderName = HeaderName::from_static("x-amzn-sagemaker-custom-attributes");

/// One request to an endpoint.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub endpoint: String,
    /// Overrides the split.
    pub variant: Option<String>,
    pub content_type: String,
    pub accept: Option<String>,
    pub body: Bytes,
}

#[derive(Clone, Debug)]
pub struct InvocationAnswer {
    /// The variant that answered.
    pub variant: String,
    pub content_type: String,
    pub custom_attributes: Option<String>,
    pub body: Bytes,
    /// From the first byte sent to the last received.
    pub elapsed: Duration,
}

impl Client {
    pub async fn invoke(&self, invocation: Invocation) -> Result<InvocationAnswer, CallError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, value(&invocation.content_type)?);
        if let Some(accept) = &invocation.accept {
            headers.insert(header::ACCEPT, value(accept)?);
        }
        if let Some(variant) = &invocation.variant {
            headers.insert(TARGET, value(variant)?);
        }
        let target =
            format!("/endpoints/{}/invocations", super::object::encode(&invocation.endpoint));
        let outgoing = Outgoing {
            method: Method::POST,
            target,
            headers,
            body: Payload::Bytes(invocation.body),
            service: "sagemaker",
        };
        let start = Instant::now();
        let (parts, body) = self.exchange(outgoing).await?.into_parts();
        let elapsed = start.elapsed();
        if !parts.status.is_success() {
            let service = model::service("sagemaker-runtime")
                .ok_or_else(|| CallError::Protocol("the runtime's model is missing".into()))?;
            let (status, headers) = (parts.status, &parts.headers);
            let error = codec::decode_error(Protocol::RestJson, service, status, headers, &body);
            return Err(CallError::Aws(error));
        }
        let text = |name: &HeaderName| {
            parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        Ok(InvocationAnswer {
            variant: text(&VARIANT).unwrap_or_default(),
            content_type: text(&header::CONTENT_TYPE).unwrap_or_default(),
            custom_attributes: text(&ATTRIBUTES),
            body,
            elapsed,
        })
    }
}

fn value(text: &str) -> Result<HeaderValue, CallError> {
    HeaderValue::from_str(text).map_err(|_| {
        CallError::Protocol(format!("`{}` cannot stand in a header", text.escape_debug()))
    })
}
