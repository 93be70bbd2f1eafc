//! What a request is: the service is told by the credential's scope, `X-Amz-Target`, the Smithy CBOR
//! path, the query protocol's `Action` and `Version`, the runtime's paths, the host; what none of these
//! claim is S3's. And how errors are put to its client.

use super::door::Words;
use super::foreign::{Foreign, Form};
use super::{payload, refusal};
use crate::api::codec::{self, Head, Identified, Target};
use crate::api::error::AwsError;
use crate::api::model::{self, Protocol, SERVICES, Service};
use crate::api::signing;
use crate::domain::host;
use crate::serving::Body;
use http::Response;

/// What a request is, as far as its head tells.
#[derive(Debug)]
pub(super) enum Plan {
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
pub(super) enum Wire {
    Modelled(Protocol, &'static Service),
    Foreign(Form),
    S3,
    Plain,
}

/// A form that names no operation.
pub(super) fn no_form() -> AwsError {
    AwsError::new(
        400,
        "MissingAction",
        "The form names no Action and Version of a service that is here.",
    )
}

/// The service of a form whose body has not been read: what its signature is for, or its host.
fn form_service(head: &Head<'_>) -> &'static str {
    let scope = scope_service(head);
    let host = head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let label = host.and_then(|host| host.split('.').next());
    let version = head.query.split('&').find_map(|pair| pair.strip_prefix("Version="));
    let claimed = |service: &Service| {
        scope.as_deref() == Some(service.signing_name)
            || label == Some(service.endpoint_prefix)
            || version == Some(service.api_version)
    };
    let services = SERVICES.iter().filter_map(|name| model::service(name));
    services
        .filter(|service| service.protocols.contains(&Protocol::Query))
        .find(|service| claimed(service))
        .map_or("sts", |service| service.name)
}

impl Plan {
    pub(super) fn of(head: &Head<'_>) -> Self {
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

    pub(super) fn wire(&self, head: &Head<'_>) -> Wire {
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
            Self::Form | Self::Address => modelled(Protocol::Query, form_service(head)),
            Self::Foreign(foreign) => Wire::Foreign(foreign.form()),
        }
    }

    pub(super) fn words(&self) -> Words {
        match self {
            Self::S3 => Words::S3,
            Self::Form | Self::Address => Words::Xml,
            Self::Foreign(foreign) if foreign.form().is_xml() => Words::Xml,
            _ => Words::Json,
        }
    }
}

impl Wire {
    pub(super) fn error(
        self,
        error: &AwsError,
        resource: &str,
        request_id: &str,
    ) -> Response<Body> {
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
