//! A service model: operations, shapes, limits, patterns, enums, error codes and the wire protocol,
//! read from `assets/api/<service>.json` on first use.
//!
//! The files are embedded, and what is parsed borrows from them: names, enums and patterns are slices
//! of the binary, shapes refer to each other by index. A parsed SageMaker (434 operations, 3,200
//! shapes) costs a few milliseconds and about a megabyte, and only for services that are called.

mod load;
mod pattern;

pub use pattern::Pattern;
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

/// The services that the region knows, by the name that a client's SDK gives them.
pub const SERVICES: &[&str] = &[
    "sagemaker",
    "sagemaker-runtime",
    "sts",
    "logs",
    "cloudwatch",
    "iam",
    "application-autoscaling",
    "ecr",
    "cloudformation",
    "kms",
    "cloudtrail",
    "s3",
];

macro_rules! embedded {
    ($($name:literal),+) => {
        [$(($name, include_str!(concat!("../../assets/api/", $name, ".json")))),+]
    };
}

static EMBEDDED: [(&str, &str); 12] = embedded!(
    "sagemaker",
    "sagemaker-runtime",
    "sts",
    "logs",
    "cloudwatch",
    "iam",
    "application-autoscaling",
    "ecr",
    "cloudformation",
    "kms",
    "cloudtrail",
    "s3"
);

/// The model of a service, parsed on first use; `None` when the region knows no such service.
pub fn service(name: &str) -> Option<&'static Service> {
    static PARSED: [OnceLock<Option<Service>>; 12] = [const { OnceLock::new() }; 12];
    let at = EMBEDDED.iter().position(|(known, _)| *known == name)?;
    PARSED[at]
        .get_or_init(|| {
            load::parse(EMBEDDED[at].1)
                .inspect_err(|error| tracing::error!("the model of {name} is damaged: {error}"))
                .ok()
        })
        .as_ref()
}

/// How a request and its answer are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    AwsJson10,
    AwsJson11,
    RestJson,
    RestXml,
    Query,
    /// `smithy-rpc-v2-cbor`.
    Cbor,
}

/// One AWS service.
pub struct Service {
    /// As the SDKs name it: `sagemaker-runtime`.
    pub name: &'static str,
    /// As the credential scope names it: `sagemaker`.
    pub signing_name: &'static str,
    /// The first label of its host: `runtime.sagemaker`.
    pub endpoint_prefix: &'static str,
    pub service_id: &'static str,
    pub api_version: &'static str,
    /// What stands before the dot of `X-Amz-Target`, and in the paths of CBOR.
    pub target_prefix: Option<&'static str>,
    pub xml_namespace: Option<&'static str>,
    /// All that the service speaks, its first choice first.
    pub protocols: Vec<Protocol>,
    /// Answers in JSON or CBOR also name the code that the query protocol would have (CloudWatch).
    pub query_compatible: bool,
    /// Where the facts come from: `botocore 1.44.8`.
    pub source: &'static str,
    operations: Vec<Operation>,
    shapes: Vec<Shape>,
    patterns: Vec<Pattern>,
    shape_ids: HashMap<&'static str, ShapeId>,
}

/// An operation and how it looks over HTTP.
#[derive(Debug)]
pub struct Operation {
    pub name: &'static str,
    pub input: Option<ShapeId>,
    pub output: Option<ShapeId>,
    /// The query protocol wraps the answer in this element.
    pub result_wrapper: Option<&'static str>,
    pub errors: Vec<ShapeId>,
    pub http: Http,
    /// Callable without a signature (`AssumeRoleWithSAML`).
    pub unsigned: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Http {
    pub method: &'static str,
    /// A template such as `/endpoints/{EndpointName}/invocations`.
    pub uri: &'static str,
    /// Of a successful answer.
    pub status: u16,
}

/// A shape of a service, by its place in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShapeId(pub(super) u32);

#[derive(Debug)]
pub struct Shape {
    pub name: &'static str,
    pub kind: Kind,
    /// Never shown in an error or a log.
    pub sensitive: bool,
    pub streaming: bool,
}

#[derive(Debug)]
pub enum Kind {
    Structure(Structure),
    List { member: Member, length: Length, flattened: bool },
    Map { key: Member, value: Member, length: Length, flattened: bool },
    String(Box<Text>),
    Integer { range: Range<i64> },
    Long { range: Range<i64> },
    Float { range: Range<f64> },
    Double { range: Range<f64> },
    Boolean,
    Timestamp { format: Option<TimestampFormat> },
    Blob { length: Length },
}

#[derive(Debug, Default)]
pub struct Structure {
    /// In the order of the model.
    pub members: Vec<Member>,
    /// The member that is the body, all by itself.
    pub payload: Option<&'static str>,
    /// Set for errors; see [`Service::error`].
    pub exception: bool,
    /// The code on the wire where it is not the shape's name.
    pub error_code: Option<&'static str>,
    pub error_status: Option<u16>,
    /// The service's fault rather than the caller's.
    pub fault: bool,
    /// Exactly one member is set.
    pub union: bool,
    /// A union whose members are sent as events.
    pub event_stream: bool,
}

/// A reference to a shape: a member of a structure, the elements of a list, a map's keys and values.
#[derive(Debug)]
pub struct Member {
    pub name: &'static str,
    pub shape: ShapeId,
    pub required: bool,
    pub flattened: bool,
    pub xml_attribute: bool,
    pub location: Location,
    /// The name on the wire where it is not `name`.
    pub location_name: Option<&'static str>,
    pub timestamp_format: Option<TimestampFormat>,
    pub event_payload: bool,
    pub sensitive: bool,
    /// A client that leaves it out has one made for it, so that a retry is not a second call.
    pub idempotency_token: bool,
}

impl Member {
    /// The name on the wire.
    pub fn wire_name(&self) -> &'static str {
        self.location_name.unwrap_or(self.name)
    }
}

/// Where a member travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Location {
    #[default]
    Body,
    Uri,
    Query,
    Header,
    /// All headers with a prefix.
    Headers,
    StatusCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    UnixSeconds,
    Iso8601,
    Rfc822,
}

/// Inclusive limits of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range<T> {
    pub min: Option<T>,
    pub max: Option<T>,
}

/// Inclusive limits of characters, bytes, elements or entries.
pub type Length = Range<u64>;

#[derive(Debug, Default)]
pub struct Text {
    pub length: Length,
    pub(super) pattern: Option<u32>,
    /// Empty when any value will do.
    pub values: Vec<&'static str>,
}

impl Service {
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        let at = self.operations.binary_search_by(|operation| operation.name.cmp(name)).ok()?;
        self.operations.get(at)
    }

    /// In the order of their names.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = &Operation> {
        self.operations.iter()
    }

    /// A shape by its name.
    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.shape_ids.get(name).map(|id| self.get(*id))
    }

    pub fn shape_id(&self, name: &str) -> Option<ShapeId> {
        self.shape_ids.get(name).copied()
    }

    /// A shape that this very model refers to. An id of another service names some other shape.
    pub fn get(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0 as usize]
    }

    pub fn shapes(&self) -> impl ExactSizeIterator<Item = &Shape> {
        self.shapes.iter()
    }

    /// The structure behind an operation's input, output or error.
    pub fn structure(&self, id: ShapeId) -> Option<&Structure> {
        self.get(id).structure()
    }

    /// The structure that an operation takes; an operation without one takes no members.
    pub fn input(&self, operation: &Operation) -> Option<&Structure> {
        operation.input.and_then(|id| self.structure(id))
    }

    pub fn output(&self, operation: &Operation) -> Option<&Structure> {
        operation.output.and_then(|id| self.structure(id))
    }

    pub fn pattern(&self, text: &Text) -> Option<&Pattern> {
        text.pattern.map(|at| &self.patterns[at as usize])
    }

    /// All patterns of the service, each once.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// The error shape with this code or name, so that its members and status can be looked up.
    pub fn error(&self, code: &str) -> Option<&Shape> {
        let named = self.shape(code).filter(|shape| shape.structure().is_some_and(|s| s.exception));
        named.or_else(|| {
            self.shapes
                .iter()
                .find(|shape| shape.structure().is_some_and(|s| s.error_code == Some(code)))
        })
    }

    pub fn speaks(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }
}

impl Shape {
    pub fn structure(&self) -> Option<&Structure> {
        match &self.kind {
            Kind::Structure(structure) => Some(structure),
            _ => None,
        }
    }
}

impl Structure {
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    pub fn payload_member(&self) -> Option<&Member> {
        self.payload.and_then(|name| self.member(name))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("operations", &self.operations.len())
            .field("shapes", &self.shapes.len())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Service {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_loads_and_says_where_its_facts_come_from() {
        for name in SERVICES {
            let service = service(name).unwrap_or_else(|| panic!("{name} does not load"));
            assert_eq!(service.name, *name);
            assert!(service.source.starts_with("botocore "), "{}", service.source);
            assert!(!service.protocols.is_empty());
            for operation in service.operations() {
                assert_eq!(service.operation(operation.name).unwrap().name, operation.name);
            }
        }
        assert_eq!(EMBEDDED.map(|(name, _)| name), *SERVICES);
        assert!(service("ec2").is_none());
    }

    #[test]
    fn sagemaker_has_its_434_operations() {
        let sagemaker = service("sagemaker").unwrap();
        assert_eq!(sagemaker.operations().len(), 434);
        assert_eq!(sagemaker.target_prefix, Some("SageMaker"));
        assert_eq!(sagemaker.protocols, [Protocol::AwsJson11]);
        let create = sagemaker.operation("CreateEndpoint").unwrap();
        let input = sagemaker.input(create).unwrap();
        assert!(input.member("EndpointName").unwrap().required);
        assert!(!input.member("Tags").unwrap().required);
    }

    #[test]
    fn the_runtime_says_where_members_travel() {
        let runtime = service("sagemaker-runtime").unwrap();
        let invoke = runtime.operation("InvokeEndpoint").unwrap();
        assert_eq!(invoke.http.uri, "/endpoints/{EndpointName}/invocations");
        let input = runtime.input(invoke).unwrap();
        assert_eq!(input.payload, Some("Body"));
        let content_type = input.member("ContentType").unwrap();
        assert_eq!(content_type.location, Location::Header);
        assert_eq!(content_type.wire_name(), "Content-Type");
        let error = runtime.error("ModelError").unwrap().structure().unwrap();
        assert_eq!(error.error_status, Some(424));
    }

    #[test]
    fn an_error_is_found_by_its_code_on_the_wire_too() {
        let iam = service("iam").unwrap();
        let by_code = iam.error("NoSuchEntity").unwrap();
        assert_eq!(by_code.name, "NoSuchEntityException");
        assert_eq!(by_code.structure().unwrap().error_status, Some(404));
        assert!(iam.error("NoSuchThing").is_none());
    }

    #[test]
    fn every_pattern_compiles() {
        for name in SERVICES {
            for pattern in service(name).unwrap().patterns() {
                if let Err(error) = pattern.matches("") {
                    panic!("{name}: {pattern:?}: {error}");
                }
            }
        }
    }

    /// The pattern of a string shape.
    fn matches(service_name: &str, shape: &str, value: &str) -> bool {
        let service = service(service_name).unwrap();
        let Kind::String(text) = &service.shape(shape).unwrap().kind else { panic!("{shape}") };
        service.pattern(text).unwrap().matches(value).unwrap()
    }

    #[test]
    fn patterns_match_whole_values_and_keep_their_lookarounds() {
        assert!(matches("sagemaker", "EndpointName", "demo-1"));
        assert!(!matches("sagemaker", "EndpointName", "demo-"));
        assert!(!matches("sagemaker", "EndpointName", "demo\n"));
        assert!(!matches("sagemaker", "EndpointName", "x demo"));
        assert!(matches("sagemaker", "NonEmptyString256", " a"));
        assert!(!matches("sagemaker", "NonEmptyString256", "  "));
        assert!(matches("sagemaker", "MetricsEndpointPath", "/a/b.c"));
        assert!(!matches("sagemaker", "MetricsEndpointPath", "/a/..b"));
        assert!(matches("sagemaker", "CfnTemplateName", &"a".repeat(32)));
        assert!(!matches("sagemaker", "CfnTemplateName", &"a".repeat(33)));
        assert!(matches("sagemaker", "ArnOrName", "a-b"));
        assert!(!matches("sagemaker", "ArnOrName", "a-"));
        assert!(matches("iam", "accountAliasType", "a-b-c"));
        assert!(!matches("iam", "accountAliasType", "a--b"));
        assert!(matches("sagemaker-runtime", "FilenameHeader", "a.b"));
        assert!(!matches("sagemaker-runtime", "FilenameHeader", "a.b.c"));
        assert!(!matches("sagemaker-runtime", "S3OutputPathExtensionHeader", "https:x"));
        assert!(matches("application-autoscaling", "ScheduledActionName", "my action"));
        assert!(!matches("application-autoscaling", "ScheduledActionName", "my:action"));
        assert!(!matches("application-autoscaling", "ScheduledActionName", "trailing "));
        assert!(matches("sagemaker", "ClusterPrivatePrimaryIp", "10.0.0.12"));
        assert!(!matches("sagemaker", "ClusterPrivatePrimaryIp", "10.0.0"));
    }

    #[test]
    fn java_classes_are_ascii_and_a_dot_stops_at_line_ends() {
        // `\d` of Java knows no Arabic digits, `\w` no umlauts.
        assert!(!matches("sagemaker", "RoleArn", "arn:aws:iam::١23456789012:role/x"));
        assert!(!matches("sts", "externalIdType", "über"));
        assert!(!matches(
            "sagemaker",
            "EndpointArn",
            "arn:aws:sagemaker:u:123456789012:endpoint/a\r"
        ));
        // Whole planes beyond the BMP, written as surrogate pairs.
        assert!(matches("application-autoscaling", "Expression", "🌵 metric"));
        assert!(matches("sagemaker", "TagKey", "größe/α:1"));
        assert!(!matches("sagemaker", "TagKey", "a#b"));
    }
}
