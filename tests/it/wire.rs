//! The codecs against botocore's own: what it writes is read here, what is written here it reads.

use crate::python;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sagebrush::api::codec::{self, Head, Identified, Target};
use sagebrush::api::model::{self, Protocol};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

fn lines(what: &str) -> Vec<Value> {
    let output = python::succeed(python::script("wire.py").arg(what)).stdout;
    let text = String::from_utf8(output).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `2` and `2.0` are one number, and what is empty is absent.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), plain(value)))
            .filter(|(_, value)| *value != json!({}) && *value != json!([]))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        value => value.clone(),
    }
}

#[test]
fn what_botocore_writes_is_read() {
    let cases = lines("requests");
    assert!(cases.len() > 2_000, "{}", cases.len());
    for case in &cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let headers: HeaderMap = case["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| {
                let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
                (HeaderName::try_from(name).unwrap(), value)
            })
            .collect();
        let method: Method = text("method").parse().unwrap();
        let head = Head { method: &method, path: text("path"), query: "", headers: &headers };
        let body = STANDARD.decode(text("body")).unwrap();
        let Identified::Call(target) = codec::identify(&head, &body) else {
            panic!("not recognised: {case}")
        };
        let Target { service, operation, protocol } = target;
        assert_eq!((service.name, operation.name), (text("service"), text("operation")));
        let read = codec::decode_input(protocol, service, operation, &head, &body)
            .unwrap_or_else(|error| panic!("{error}: {case}"));
        let mut read = plain(&read);
        if protocol == Protocol::RestJson {
            // Its body is not part of these cases; an empty one is a blob of no bytes.
            assert!(read.as_object_mut().unwrap().remove("Body").is_none_or(|body| body == ""));
        }
        assert_eq!(read, plain(&case["document"]), "{case}");
    }
}

#[test]
fn what_is_written_botocore_reads() {
    const ID: &str = "0b3d7f0a-1111-4222-8333-123456789abc";
    let cases = lines("documents");
    assert!(cases.len() > 2_000, "{}", cases.len());
    let mut answers = String::new();
    for case in &cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let service = model::service(text("service")).unwrap();
        let operation = service.operation(text("operation")).unwrap();
        let protocol = match text("protocol") {
            "query" => Protocol::Query,
            "smithy-rpc-v2-cbor" => Protocol::Cbor,
            _ => Protocol::AwsJson11,
        };
        let document = case["document"].clone();
        let answer = codec::encode_output(protocol, service, operation, document, ID);
        let headers: serde_json::Map<String, Value> = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
            .collect();
        let mut case = case.clone();
        case["status"] = answer.status().as_u16().into();
        case["headers"] = headers.into();
        case["body"] = STANDARD.encode(answer.body()).into();
        writeln!(answers, "{case}").unwrap();
    }
    let mut compare = python::script("wire.py");
    compare.arg("compare").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut compare = compare.spawn().unwrap();
    let mut stdin = compare.stdin.take().unwrap();
    // It reads all before it prints anything; a pipe that breaks means that it has already failed.
    let _ = stdin.write_all(answers.as_bytes());
    drop(stdin);
    let output = compare.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), cases.len().to_string());
}
