//! Which service, operation and protocol a request is of. Every protocol of AWS says it elsewhere.

use super::{Head, Identified, Target, query};
use crate::api::error::AwsError;
use crate::api::model::{self, Protocol, SERVICES, Service};

pub(super) fn identify(head: &Head<'_>, body: &[u8]) -> Identified {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(target) = header("x-amz-target") {
        return aws_json(target, header("content-type").unwrap_or_default());
    }
    if let Some(rest) = head.path.strip_prefix("/service/")
        && header("smithy-protocol") == Some("rpc-v2-cbor")
    {
        return cbor(rest);
    }
    if head.path == "/" && header("content-type").is_some_and(is_form) {
        return form(body, head.query);
    }
    rest(head)
}

fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The first service that satisfies a condition. Models are parsed in the order of how likely they
/// are, so that a SageMaker request parses no other.
fn find(is_it: impl Fn(&Service) -> bool) -> Option<&'static Service> {
    SERVICES.iter().filter_map(|name| model::service(name)).find(|service| is_it(service))
}

fn target(
    service: &'static Service,
    name: &str,
    protocol: Protocol,
    unknown: impl FnOnce() -> AwsError,
) -> Identified {
    match service.operation(name) {
        Some(operation) => Identified::Call(Target { service, operation, protocol }),
        None => Identified::Unknown { service, protocol, error: unknown() },
    }
}

fn aws_json(header: &str, content_type: &str) -> Identified {
    // CloudTrail's prefix has dots of its own.
    let Some((prefix, name)) = header.rsplit_once('.') else { return Identified::Nothing };
    let found = find(|service| {
        service.target_prefix == Some(prefix)
            && (service.speaks(Protocol::AwsJson10) || service.speaks(Protocol::AwsJson11))
    });
    let Some(service) = found else { return Identified::Nothing };
    let protocol = if content_type.starts_with("application/x-amz-json-1.0") {
        Protocol::AwsJson10
    } else {
        Protocol::AwsJson11
    };
    target(service, name, protocol, || unknown_operation(name))
}

/// `<service>/operation/<operation>`, below `/service/`.
fn cbor(rest: &str) -> Identified {
    let Some((prefix, name)) = rest.split_once("/operation/") else { return Identified::Nothing };
    let found =
        find(|service| service.target_prefix == Some(prefix) && service.speaks(Protocol::Cbor));
    let Some(service) = found else { return Identified::Nothing };
    target(service, name, Protocol::Cbor, || unknown_operation(name))
}

fn form(body: &[u8], query: &str) -> Identified {
    let action = query::parameter(body, "Action");
    let version = query::parameter(body, "Version");
    let action = action.or_else(|| query::parameter(query.as_bytes(), "Action"));
    let version = version.or_else(|| query::parameter(query.as_bytes(), "Version"));
    let (Some(action), Some(version)) = (action, version) else { return Identified::Nothing };
    let found = find(|service| service.api_version == version && service.speaks(Protocol::Query));
    let Some(service) = found else { return Identified::Nothing };
    target(service, &action, Protocol::Query, || {
        let message = format!("Could not find operation {action} for version {version}");
        AwsError::new(400, "InvalidAction", message)
    })
}

fn unknown_operation(name: &str) -> AwsError {
    let message = format!("The requested operation {name} is not recognized by the service.");
    AwsError::new(400, "UnknownOperationException", message)
}

fn rest(head: &Head<'_>) -> Identified {
    for service in ["sagemaker-runtime"].iter().filter_map(|name| model::service(name)) {
        for operation in service.operations() {
            if head.method == operation.http.method
                && super::uri::matches(operation.http.uri, head.path)
            {
                let protocol = Protocol::RestJson;
                return Identified::Call(Target { service, operation, protocol });
            }
        }
    }
    Identified::Nothing
}
