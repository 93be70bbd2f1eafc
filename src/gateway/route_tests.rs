use super::*;
use http::HeaderMap;
use rstest::rstest;

#[tokio::test]
async fn a_handler_that_panics_is_an_internal_failure() {
    let work = async { panic!("of all things") };
    let error = guarded::<()>(work, "POST /", "id-1").await.unwrap_err();
    assert_eq!((error.status, error.code.as_ref()), (500, "InternalFailure"));
    assert!(error.message.contains("of all things") && error.message.contains("id-1"));
}

fn scope(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={}",
        "0".repeat(64)
    )
}

#[rstest]
#[case("POST", "/", &[("x-amz-target", "SageMaker.ListModels")], "Call(sagemaker.ListModels)")]
#[case("POST", "/", &[("x-amz-target", "Logs_20140328.DescribeLogGroups")], "Call(logs.DescribeLogGroups)")]
#[case("POST", "/", &[("x-amz-target", "SageMaker.Nonsense")], "Unknown(sagemaker)")]
#[case("POST", "/", &[("x-amz-target", "DynamoDB_20120810.ListTables")], "Foreign(dynamodb)")]
#[case("POST", "/", &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")], "Form")]
#[case("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", &[], "Address")]
#[case("POST", "/endpoints/demo/invocations", &[], "Invoke(InvokeEndpoint)")]
#[case("POST", "/endpoints/demo/async-invocations", &[], "Invoke(InvokeEndpointAsync)")]
#[case("POST", "/endpoints/demo/invocations-response-stream", &[], "Invoke(InvokeEndpointWithResponseStream)")]
#[case("POST", "/service/GraniteServiceVersion20100801/operation/ListMetrics", &[("smithy-protocol", "rpc-v2-cbor")], "Call(cloudwatch.ListMetrics)")]
#[case("POST", "/service/Other/operation/X", &[("smithy-protocol", "rpc-v2-cbor")], "Foreign(/service/Other/operation/X)")]
#[case("GET", "/bucket/key", &[], "S3")]
#[case("GET", "/", &[], "S3")]
#[case("PUT", "/endpoints/x", &[], "S3")]
#[case("GET", "/_sagebrush/health", &[], "Internal")]
#[case("GET", "/_sagebrushes/x", &[], "S3")]
#[case("GET", "/b/k", &[("host", "s3.us-east-1.amazonaws.com")], "S3")]
#[case("GET", "/k", &[("host", "b.s3.dualstack.us-east-1.amazonaws.com")], "S3")]
#[case("GET", "/v20180820/jobs", &[("host", "1.s3-control.us-east-1.amazonaws.com")], "Foreign(s3-control)")]
#[case("GET", "/2013-04-01/hostedzone", &[("host", "route53.amazonaws.com")], "Foreign(route53)")]
#[case("POST", "/token", &[("host", "oidc.us-east-1.amazonaws.com")], "Foreign(oidc)")]
fn requests_find_their_service(
    #[case] method: &str,
    #[case] target: &str,
    #[case] pairs: &[(&'static str, &str)],
    #[case] expected: &str,
) {
    assert_eq!(planned(method, target, pairs), expected);
}

#[test]
fn a_signature_names_the_service() {
    let s3 = scope("s3");
    let date = ("x-amz-date", "20260101T000000Z");
    let pairs = [("authorization", s3.as_str()), date];
    assert_eq!(planned("POST", "/endpoints/x/invocations", &pairs), "S3");
    let sqs = scope("sqs");
    let pairs = [("authorization", sqs.as_str()), date];
    assert_eq!(planned("GET", "/queue", &pairs), "Foreign(sqs)");
}

fn planned(method: &str, target: &str, pairs: &[(&'static str, &str)]) -> String {
    let method: http::Method = method.parse().unwrap();
    let uri: http::Uri = target.parse().unwrap();
    let headers: HeaderMap = pairs
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let query = uri.query().unwrap_or_default();
    let head = Head { method: &method, path: uri.path(), query, headers: &headers };
    match Plan::of(&head) {
        Plan::Call(target) => {
            format!("Call({}.{})", target.service.name, target.operation.name)
        }
        Plan::Invoke(target) => format!("Invoke({})", target.operation.name),
        Plan::Unknown { service, .. } => format!("Unknown({})", service.name),
        Plan::Foreign(foreign) => format!("Foreign({})", foreign.service),
        Plan::Internal => "Internal".into(),
        Plan::Form => "Form".into(),
        Plan::Address => "Address".into(),
        Plan::S3 => "S3".into(),
    }
}
