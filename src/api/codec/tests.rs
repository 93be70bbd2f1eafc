use super::*;
use crate::api::model::{self, Location};
use crate::api::sample::Chooser;
use crate::api::validation;
use proptest::prelude::*;
use serde_json::json;

pub(super) const ID: &str = "0b3d7f0a-1111-4222-8333-123456789abc";

pub(super) fn target(service: &str, operation: &str, protocol: Protocol) -> Target {
    let service = model::service(service).unwrap();
    Target { service, operation: service.operation(operation).unwrap(), protocol }
}

pub(super) fn head<'a>(method: &'a Method, target: &'a str, headers: &'a HeaderMap) -> Head<'a> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Head { method, path, query, headers }
}

/// What a server makes of what a client encoded.
fn receive(encoded: &Encoded) -> (Target, Value) {
    let head = head(&encoded.method, &encoded.target, &encoded.headers);
    let Identified::Call(target) = identify(&head, &encoded.body) else {
        panic!("not recognised: {encoded:?}")
    };
    let Target { service, operation, protocol } = target;
    (target, decode_input(protocol, service, operation, &head, &encoded.body).unwrap())
}

pub(super) fn send(target: Target, document: &Value) -> Encoded {
    encode_input(target.protocol, target.service, target.operation, document).unwrap()
}

pub(super) fn answer_of(target: Target, document: Value) -> Response<Bytes> {
    encode_output(target.protocol, target.service, target.operation, document, ID)
}

pub(super) fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

fn refuse(target: Target, error: &AwsError) -> Response<Bytes> {
    encode_error(target.protocol, target.service, error, ID)
}

pub(super) fn read_error(target: Target, response: &Response<Bytes>) -> AwsError {
    let Target { service, protocol, .. } = target;
    decode_error(protocol, service, response.status(), response.headers(), response.body())
}

#[test]
fn aws_json_goes_there_and_back() {
    let target = target("sagemaker", "CreateEndpoint", Protocol::AwsJson11);
    let input = json!({"EndpointName": "e", "EndpointConfigName": "c"});
    let encoded = send(target, &input);
    assert_eq!(encoded.headers["x-amz-target"], "SageMaker.CreateEndpoint");
    assert_eq!(encoded.headers["content-type"], "application/x-amz-json-1.1");
    let (found, document) = receive(&encoded);
    assert_eq!((found.operation.name, document), ("CreateEndpoint", input));

    let response = answer_of(target, json!({"EndpointArn": "arn", "Hidden": 1}));
    assert_eq!(response.headers()["x-amzn-requestid"], ID);
    assert_eq!(text(&response), r#"{"EndpointArn":"arn"}"#);
}

#[test]
fn an_empty_body_is_an_empty_document_and_a_broken_one_a_serialization_exception() {
    let Target { service, operation, protocol } =
        target("sagemaker", "ListModels", Protocol::AwsJson11);
    let headers = HeaderMap::new();
    let head = head(&Method::POST, "/", &headers);
    assert_eq!(decode_input(protocol, service, operation, &head, b"").unwrap(), json!({}));
    for body in [&b"{"[..], b"\xff", b"{\"a\":1}x", &[b'['; 1000]] {
        let error = decode_input(protocol, service, operation, &head, body).unwrap_err();
        assert_eq!((error.code.as_ref(), error.status), ("SerializationException", 400));
    }
    let document = decode_input(protocol, service, operation, &head, b"[]").unwrap();
    let error = validation::check(service, operation, &document).unwrap_err();
    assert_eq!(error.code, "SerializationException");
}

#[test]
fn unknown_operations_are_named() {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-target", HeaderValue::from_static("SageMaker.MakeCoffee"));
    let head = head(&Method::POST, "/", &headers);
    let Identified::Unknown { service, error, .. } = identify(&head, b"{}") else { panic!() };
    assert_eq!(service.name, "sagemaker");
    assert_eq!(error.code, "UnknownOperationException");
    assert!(error.message.contains("MakeCoffee"));

    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    headers.insert(CONTENT_TYPE, form);
    let head = Head { headers: &headers, ..head };
    let found = identify(&head, b"Action=MakeTea&Version=2011-06-15");
    let Identified::Unknown { service, error, protocol } = found else { panic!() };
    assert_eq!((service.name, protocol), ("sts", Protocol::Query));
    assert_eq!(error.code, "InvalidAction");
    assert!(matches!(identify(&head, b"Action=MakeTea&Version=1999-01-01"), Identified::Nothing));
}

#[test]
fn all_services_are_told_apart() {
    // What none of these claims is S3's.
    for name in model::SERVICES.iter().filter(|name| **name != "s3") {
        let service = model::service(name).unwrap();
        for protocol in &service.protocols {
            let operation = service.operations().next().unwrap();
            let found = send_with_labels(Target { service, operation, protocol: *protocol });
            assert_eq!((found.service.name, found.protocol), (*name, *protocol));
            assert_eq!(found.operation.name, operation.name);
        }
    }
}

fn send_with_labels(target: Target) -> Target {
    let structure = target.service.input(target.operation);
    let labels = structure.iter().flat_map(|s| &s.members).filter(|m| m.location == Location::Uri);
    let document: serde_json::Map<_, _> =
        labels.map(|member| (member.name.to_owned(), json!("x"))).collect();
    receive(&send(target, &document.into())).0
}

#[test]
fn rest_json_reads_the_path_headers_and_payload() {
    let target = target("sagemaker-runtime", "InvokeEndpoint", Protocol::RestJson);
    let input = json!({"EndpointName": "a b/c", "ContentType": "text/csv", "Accept": "text/csv",
        "TargetVariant": "blue", "Body": "MSwyCg=="});
    let encoded = send(target, &input);
    assert_eq!(encoded.target, "/endpoints/a%20b%2Fc/invocations");
    assert_eq!(encoded.headers["content-type"], "text/csv");
    assert_eq!(encoded.headers["x-amzn-sagemaker-target-variant"], "blue");
    assert_eq!(encoded.body, "1,2\n");
    assert_eq!(receive(&encoded).1, input);

    let head = head(&encoded.method, &encoded.target, &encoded.headers);
    let without = decode_input_head(target.service, target.operation, &head).unwrap();
    assert_eq!(without.get("Body"), None);
    assert_eq!(without["EndpointName"], "a b/c");

    let output = json!({"Body": "b2s=", "ContentType": "text/csv",
        "InvokedProductionVariant": "blue"});
    let response = answer_of(target, output.clone());
    assert_eq!(response.headers()["x-amzn-invoked-production-variant"], "blue");
    assert_eq!(response.body(), "ok");
    let read = decode_output(
        target.protocol,
        target.service,
        target.operation,
        response.status(),
        response.headers(),
        response.body(),
    );
    assert_eq!(read.unwrap(), output);
}

#[test]
fn rest_json_errors_stand_in_a_header_with_their_own_members() {
    let target = target("sagemaker-runtime", "InvokeEndpoint", Protocol::RestJson);
    let error = AwsError::new(424, "ModelError", "Received server error (500)")
        .with("OriginalStatusCode", 500)
        .with("OriginalMessage", "boom");
    let response = refuse(target, &error);
    assert_eq!(response.status(), 424);
    assert_eq!(response.headers()["x-amzn-errortype"], "ModelError");
    assert_eq!(
        text(&response),
        r#"{"Message":"Received server error (500)","OriginalMessage":"boom","OriginalStatusCode":500}"#
    );
    assert_eq!(read_error(target, &response), error);
}

#[test]
fn a_name_missing_from_a_path_is_refused_by_the_client() {
    let Target { service, operation, protocol } =
        target("sagemaker-runtime", "InvokeEndpoint", Protocol::RestJson);
    let error = encode_input(protocol, service, operation, &json!({})).unwrap_err();
    assert!(error.message.contains("EndpointName"), "{}", error.message);
}

#[test]
fn json_errors_spell_message_as_their_shape_does() {
    let target = target("sagemaker", "CreateEndpoint", Protocol::AwsJson11);
    let response = refuse(target, &AwsError::new(400, "ResourceInUse", "taken"));
    assert_eq!(text(&response), r#"{"Message":"taken","__type":"ResourceInUse"}"#);
    let response = refuse(target, &AwsError::validation("wrong"));
    assert_eq!(text(&response), r#"{"__type":"ValidationException","message":"wrong"}"#);
    assert!(response.headers().get("x-amzn-query-error").is_none());
    assert_eq!(read_error(target, &response), AwsError::validation("wrong"));
}

#[test]
fn tokens_are_made_where_none_are_given() {
    let Target { service, operation, .. } =
        target("sagemaker", "CreatePipeline", Protocol::AwsJson11);
    let mut document = json!({"PipelineName": "p"});
    add_tokens(service, operation, &mut document);
    assert_eq!(document["ClientRequestToken"].as_str().unwrap().len(), 36);
    let mut given = json!({"ClientRequestToken": "mine"});
    add_tokens(service, operation, &mut given);
    assert_eq!(given, json!({"ClientRequestToken": "mine"}));
}

#[test]
fn query_forms_nest() {
    let target = target("iam", "CreateRole", Protocol::Query);
    let input = json!({"RoleName": "r", "AssumeRolePolicyDocument": "{\"a\": \"b&c=d\"}",
        "MaxSessionDuration": 3600, "Tags": [{"Key": "k", "Value": "v 1"}]});
    let encoded = send(target, &input);
    let body = std::str::from_utf8(&encoded.body).unwrap();
    assert!(body.starts_with("Action=CreateRole&Version=2010-05-08&"), "{body}");
    assert!(body.contains("Tags.member.1.Key=k&Tags.member.1.Value=v%201"), "{body}");
    assert_eq!(receive(&encoded).1, input);
}

#[test]
fn query_lists_go_by_number_and_may_be_empty() {
    let Target { service, operation, protocol } = target("iam", "TagRole", Protocol::Query);
    let headers = HeaderMap::new();
    let head = head(&Method::POST, "/", &headers);
    let decode = |body: &str| decode_input(protocol, service, operation, &head, body.as_bytes());
    let body = "Tags.member.10.Key=c&Tags.member.2.Key=b&Tags.member.1.Key=a+a";
    let keys = json!({"Tags": [{"Key": "a a"}, {"Key": "b"}, {"Key": "c"}]});
    assert_eq!(decode(body).unwrap(), keys);
    assert_eq!(decode("Tags=").unwrap(), json!({"Tags": []}));
    assert_eq!(decode("Tags.member.x.Key=a").unwrap_err().code, "MalformedInput");
    assert_eq!(decode(&"a.".repeat(100_000)).unwrap_err().code, "MalformedInput");
    let Target { operation, .. } = target("iam", "CreateRole", Protocol::Query);
    let error = decode_input(protocol, service, operation, &head, b"MaxSessionDuration=soon");
    assert_eq!(error.unwrap_err().message, "For input string: \"soon\"");
}

#[test]
fn query_answers_are_wrapped_and_escaped() {
    let target = target("sts", "GetCallerIdentity", Protocol::Query);
    let response = answer_of(target, json!({"Account": "1<2", "Arn": "a&b\u{1}", "UserId": "u"}));
    assert_eq!(response.headers()["content-type"], "text/xml");
    assert_eq!(
        text(&response),
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetCallerIdentityResult><UserId>u</UserId><Account>1&lt;2</Account>\
             <Arn>a&amp;b\u{fffd}</Arn></GetCallerIdentityResult><ResponseMetadata>\
             <RequestId>{ID}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        )
    );
}

#[test]
fn query_errors_use_the_codes_of_the_wire() {
    let target = target("iam", "GetRole", Protocol::Query);
    let response = refuse(target, &AwsError::new(404, "NoSuchEntityException", "no <role>"));
    assert_eq!(response.status(), 404);
    assert!(text(&response).contains(
        "<Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no &lt;role&gt;</Message>"
    ));
    let read = read_error(target, &response);
    assert_eq!(read, AwsError::new(404, "NoSuchEntity", "no <role>"));
}

#[test]
fn cbor_carries_times_blobs_and_infinities() {
    let target = target("cloudwatch", "PutMetricData", Protocol::Cbor);
    let input = json!({"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": "Infinity",
        "Timestamp": 1_700_000_000.25, "StorageResolution": 1, "Values": [1.0, 2.5]}]});
    let encoded = send(target, &input);
    assert_eq!(encoded.target, "/service/GraniteServiceVersion20100801/operation/PutMetricData");
    let (found, document) = receive(&encoded);
    assert_eq!(found.protocol, Protocol::Cbor);
    assert_eq!(document, input);
}

#[test]
fn cbor_and_json_tell_clients_the_code_that_query_had() {
    for protocol in [Protocol::Cbor, Protocol::AwsJson10] {
        let target = target("cloudwatch", "GetDashboard", protocol);
        for code in ["ResourceNotFound", "DashboardNotFoundError"] {
            let response = refuse(target, &AwsError::new(404, code, "none"));
            let header = response.headers()["x-amzn-query-error"].to_str().unwrap();
            assert_eq!(header, "ResourceNotFound;Sender");
            assert_eq!(read_error(target, &response).code, "ResourceNotFound");
        }
    }
}

#[test]
fn odd_cbor_is_refused_not_believed() {
    let Target { service, operation, protocol } =
        target("cloudwatch", "PutMetricData", Protocol::Cbor);
    let headers = HeaderMap::new();
    let head = head(&Method::POST, "/", &headers);
    for body in [&[0xff][..], &[0x9f; 5000], &[0xa1, 0x01, 0x02], b"\xa1\x61a\xc5\x00", b"\xa0\xa0"]
    {
        let error = decode_input(protocol, service, operation, &head, body).unwrap_err();
        assert_eq!((error.code.as_ref(), error.status), ("SerializationException", 400));
    }
}

#[test]
fn an_answer_that_is_no_error_body_is_still_an_error() {
    for protocol in [Protocol::AwsJson11, Protocol::Query, Protocol::Cbor, Protocol::RestJson] {
        let target = target("sts", "GetCallerIdentity", protocol);
        let mut response = Response::new(Bytes::from_static(b"<html>bad gateway"));
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        let error = read_error(target, &response);
        assert_eq!((error.status, error.code.as_ref()), (502, "502"));
        assert_eq!(error.message, "Bad Gateway");
    }
}

/// Every operation of every service in every protocol that it speaks.
fn everything() -> Vec<Target> {
    let services = model::SERVICES.iter().map(|name| model::service(name).unwrap());
    services
        .flat_map(|service| {
            service.operations().flat_map(move |operation| {
                let protocols = service.protocols.iter();
                protocols.map(move |protocol| Target { service, operation, protocol: *protocol })
            })
        })
        .filter(|target| !matches!(target.protocol, Protocol::RestJson | Protocol::RestXml))
        .collect()
}

/// What a protocol cannot tell apart, made equal: query has no empty structure, map or list inside
/// a list, and XML no difference between an empty and a blank element.
fn forget(protocol: Protocol, value: Value) -> Value {
    if protocol != Protocol::Query {
        return value;
    }
    match value {
        Value::Object(object) => object
            .into_iter()
            .map(|(key, value)| (key, forget(protocol, value)))
            .filter(|(_, value)| !is_empty(value))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items
            .into_iter()
            .map(|item| forget(protocol, item))
            .filter(|item| !is_empty(item))
            .collect(),
        value => value,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.is_empty(),
        Value::Array(items) => items.is_empty(),
        // A map's entry whose value was such an object: the wire has its key alone.
        Value::Null => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn requests_survive_the_wire(seed: u64, at: prop::sample::Index) {
        let targets = everything();
        let target = *at.get(&targets);
        let Some(shape) = target.operation.input else { return Ok(()) };
        let document = Chooser::new(seed).document(target.service, shape, 5);
        let (found, read) = receive(&send(target, &document));
        prop_assert_eq!(found.operation.name, target.operation.name);
        prop_assert_eq!(forget(target.protocol, read), forget(target.protocol, document));
    }

    #[test]
    fn answers_survive_the_wire(seed: u64, at: prop::sample::Index) {
        let targets = everything();
        let target = *at.get(&targets);
        let Some(shape) = target.operation.output else { return Ok(()) };
        let document = Chooser::new(seed).document(target.service, shape, 5);
        let response = answer_of(target, document.clone());
        let Target { service, operation, protocol } = target;
        let read = decode_output(
            protocol, service, operation, response.status(), response.headers(), response.body(),
        );
        let read = read.unwrap();
        prop_assert_eq!(forget(protocol, read), forget(protocol, document));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(
        body in prop::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index
    ) {
        let targets = everything();
        let Target { service, operation, protocol } = *at.get(&targets);
        let headers = HeaderMap::new();
        let head = head(&Method::POST, "/", &headers);
        if let Ok(document) = decode_input(protocol, service, operation, &head, &body) {
            let _ = validation::check(service, operation, &document);
        }
        let _ = decode_output(protocol, service, operation, StatusCode::OK, &headers, &body);
        let _ = decode_error(protocol, service, StatusCode::OK, &headers, &body);
    }

    #[test]
    fn validation_never_panics_on_documents_of_the_right_types(
        seed: u64, at: prop::sample::Index
    ) {
        let targets = everything();
        let Target { service, operation, .. } = *at.get(&targets);
        let Some(shape) = operation.input else { return Ok(()) };
        let document = Chooser::new(seed).document(service, shape, 4);
        if let Err(error) = validation::check(service, operation, &document) {
            prop_assert_eq!(error.code.as_ref(), validation::failure_code(service));
        }
    }
}
