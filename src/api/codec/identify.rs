//! Which service, operation and protocol a request is of. Every protocol of AWS says it elsewhere.

use super::{Head, Identified, Target, query};
use crate::api::error::AwsError;
use crate::api::model::{self, Location, Member, Operation, Protocol, SERVICES, Service};
use http::HeaderMap;
use std::collections::HashMap;
use std::sync::OnceLock;

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

/// One operation among those that share a method and an address.
struct Candidate {
    operation: &'static Operation,
    /// Parameters that stand in the template: `uploads`, `list-type=2`.
    literals: Vec<(&'static str, &'static str)>,
    /// Parameters and headers that a call cannot be without.
    query: Vec<&'static str>,
    headers: Vec<&'static str>,
}

impl Candidate {
    fn of(service: &'static Service, operation: &'static Operation) -> Self {
        let literals = operation.http.uri.split_once('?').map_or("", |(_, literals)| literals);
        let literals = literals.split('&').filter(|literal| !literal.is_empty());
        let required = |location| {
            let members = service.input(operation).map(|input| input.members.iter());
            let here = |member: &&Member| member.required && member.location == location;
            members.into_iter().flatten().filter(here).map(Member::wire_name).collect()
        };
        Self {
            operation,
            literals: literals.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect(),
            query: required(Location::Query),
            headers: required(Location::Header),
        }
    }

    /// How well a request fits: by how many marks, and whether none is missing. `None` when a
    /// literal of the template is missing, or all that would tell the operation from others.
    fn fit(&self, parameters: &[(String, String)], headers: &HeaderMap) -> Option<(usize, bool)> {
        let literal = |(name, value): &(&str, &str)| {
            let mut found = parameters.iter().filter(|(key, _)| key == name);
            found.any(|(_, text)| value.is_empty() || text == value)
        };
        if !self.literals.iter().all(literal) {
            return None;
        }
        let in_query = |name: &&&str| parameters.iter().any(|(key, _)| key == *name);
        let required = self.query.len() + self.headers.len();
        let found = self.query.iter().filter(in_query).count()
            + self.headers.iter().filter(|name| headers.contains_key(**name)).count();
        if self.literals.is_empty() && required > 0 && found == 0 {
            return None;
        }
        Some((self.literals.len() * 4 + found, found == required))
    }
}

/// Operations by the template of their path, in the order of their names.
type Addresses = HashMap<&'static str, Vec<Candidate>>;

fn addresses(service: &'static Service) -> Addresses {
    let mut addresses = Addresses::new();
    for operation in service.operations() {
        let path = operation.http.uri.split('?').next().unwrap_or_default();
        addresses.entry(path).or_default().push(Candidate::of(service, operation));
    }
    addresses
}

pub(super) fn rest_of(service: &'static Service, head: &Head<'_>) -> Option<&'static Operation> {
    static S3: OnceLock<Addresses> = OnceLock::new();
    let addresses = S3.get_or_init(|| addresses(service));
    let parameters: Vec<_> = super::uri::pairs(head.query, true).collect();
    // Where two operations share an address and all else, clients say which they mean.
    let named = parameters.iter().find(|(key, _)| key == "x-id").map(|(_, name)| name.as_str());
    let fixed = addresses.get(head.path);
    let by_path = || {
        let mut templates = addresses.iter();
        templates.find(|(template, _)| super::uri::matches(template, head.path)).map(|(_, all)| all)
    };
    let candidates = fixed.or_else(by_path)?;
    let fitting = candidates.iter().filter(|it| head.method == it.operation.http.method);
    let fitting = fitting.filter_map(|it| {
        let fit = it.fit(&parameters, head.headers)?;
        let is_named = named == Some(it.operation.name);
        // Of an operation and its successor, the successor.
        let newer = it.operation.name.ends_with("Configuration");
        Some(((fit, is_named, newer), it.operation))
    });
    // The first of the best.
    fitting.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, found)| found)
}
