//! Requests for services that are not simulated: refused by the service's own name, in a form that its
//! clients read.

use super::{payload, refusal};
use crate::api::codec::{self, Head};
use crate::api::directory::{self, Entry};
use crate::api::error::AwsError;
use crate::api::model::{self, Protocol, SERVICES};
use crate::serving::Body;
use http::Response;

/// A request for a service that has no model here.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    /// As the scope, the target or the path names it.
    pub(super) service: String,
    entry: Option<&'static Entry>,
    operation: Option<String>,
    form: Form,
}

/// How its clients read errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Cbor,
    /// Of the query protocol and of rest-xml.
    Xml,
    Ec2,
}

impl Foreign {
    /// `service` is what the request itself calls the service.
    pub(super) fn of(head: &Head<'_>, service: String, scope: Option<&str>) -> Self {
        let found = directory::find(head, scope);
        let entry = found
            .map(|(entry, _)| entry)
            .or_else(|| if scope.is_some() { None } else { directory::named(&service) });
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let target = header("x-amz-target").and_then(|target| target.rsplit_once('.'));
        let cbor = header("smithy-protocol").is_some();
        let operation = found
            .and_then(|(_, operation)| operation)
            .or_else(|| target.map(|(_, operation)| operation))
            .or_else(|| head.path.rsplit_once("/operation/").filter(|_| cbor).map(|(_, it)| it))
            .map(str::to_owned);
        let form = match entry.map(|entry| entry.protocol.as_str()) {
            _ if cbor => Form::Cbor,
            _ if target.is_some() => Form::Json,
            Some("ec2") => Form::Ec2,
            Some("query" | "rest-xml") => Form::Xml,
            // S3's relatives are told by their hosts.
            None if service.starts_with("s3") || super::plan::is_form(head) => Form::Xml,
            _ => Form::Json,
        };
        Self { service, entry, operation, form }
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    pub(super) fn error(&self) -> AwsError {
        let service = match self.entry {
            Some(entry) => format!("{} ({})", entry.name, entry.id),
            None => self.service.escape_default().to_string(),
        };
        let nothing = match &self.operation {
            Some(operation) => format!("{} did nothing", operation.escape_default()),
            None => "Nothing was done".to_owned(),
        };
        AwsError::new(
            400,
            "UnsupportedOperation",
            format!(
                "{service} is not simulated by Sagebrush. {nothing}. Sagebrush simulates {}.",
                SERVICES.join(", ")
            ),
        )
    }
}

impl Form {
    pub(super) fn is_xml(self) -> bool {
        matches!(self, Self::Xml | Self::Ec2)
    }

    pub(super) fn answer(self, error: &AwsError, request_id: &str) -> Response<Body> {
        let modelled = |protocol, name: &str| match model::service(name) {
            Some(service) => {
                codec::encode_error(protocol, service, error, request_id).map(payload::full)
            }
            None => refusal::plain(error),
        };
        match self {
            Self::Json => modelled(Protocol::AwsJson11, "sagemaker"),
            Self::Cbor => modelled(Protocol::Cbor, "cloudwatch"),
            Self::Xml => refusal::xml(error, request_id),
            Self::Ec2 => refusal::ec2(error, request_id),
        }
    }
}
