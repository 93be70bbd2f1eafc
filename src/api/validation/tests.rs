use super::*;
use crate::api::model;
use serde_json::json;

#[allow(clippy::needless_pass_by_value)] // `json!(…)` reads best where it is used.
fn failure(service: &str, operation: &str, input: Value) -> AwsError {
    let service = model::service(service).unwrap();
    check(service, service.operation(operation).unwrap(), &input).unwrap_err()
}

#[allow(clippy::needless_pass_by_value)]
fn message(operation: &str, input: Value) -> String {
    let error = failure("sagemaker", operation, input);
    assert_eq!((error.code.as_ref(), error.status), ("ValidationException", 400));
    error.message
}

fn variant() -> Value {
    json!({"VariantName": "a", "ModelName": "m", "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large"})
}

#[test]
fn a_good_request_passes() {
    let sagemaker = model::service("sagemaker").unwrap();
    let input = json!({"EndpointConfigName": "c", "ProductionVariants": [variant()],
        "Tags": [{"Key": "k", "Value": ""}], "Unheard": {"of": 1}});
    let operation = sagemaker.operation("CreateEndpointConfig").unwrap();
    assert_eq!(check(sagemaker, operation, &input), Ok(()));
}

#[test]
fn missing_members_are_all_counted() {
    assert_eq!(
        message("CreateEndpoint", json!({"EndpointName": null})),
        "2 validation errors detected: Value null at 'endpointName' failed to satisfy constraint: \
         Member must not be null; Value null at 'endpointConfigName' failed to satisfy constraint: \
         Member must not be null"
    );
}

#[test]
fn patterns_come_before_lengths() {
    assert_eq!(
        message("DeleteEndpoint", json!({"EndpointName": "-".repeat(64)})),
        format!(
            "2 validation errors detected: Value '{0}' at 'endpointName' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: \
             [a-zA-Z0-9](-*[a-zA-Z0-9]){{0,62}}; Value '{0}' at 'endpointName' failed to satisfy \
             constraint: Member must have length less than or equal to 63",
            "-".repeat(64)
        )
    );
}

#[test]
fn nested_paths_count_from_one() {
    let mut second = variant();
    second["InitialInstanceCount"] = json!(0);
    second["InstanceType"] = json!("toaster");
    let input =
        json!({"EndpointConfigName": "c", "ProductionVariants": [variant(), second], "Tags": []});
    let text = message("CreateEndpointConfig", input);
    assert!(
        text.contains(
            "Value '0' at 'productionVariants.2.member.initialInstanceCount' failed to satisfy \
             constraint: Member must have value greater than or equal to 1"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "Value 'toaster' at 'productionVariants.2.member.instanceType' failed to satisfy \
             constraint: Member must satisfy enum value set: [ml.t2.medium, "
        ),
        "{text}"
    );
    assert!(text.starts_with("2 validation errors detected: "), "{text}");
}

#[test]
fn lists_and_maps_of_scalars_are_told_whole() {
    let mut input = json!({"ModelName": "m",
        "VpcConfig": {"SecurityGroupIds": ["sg 1"], "Subnets": ["s"]}});
    assert_eq!(
        message("CreateModel", input.clone()),
        "1 validation error detected: Value '[sg 1]' at 'vpcConfig.securityGroupIds' failed to \
         satisfy constraint: Member must satisfy constraint: [Member must have length less than or \
         equal to 32, Member must have length greater than or equal to 0, Member must satisfy \
         regular expression pattern: [-0-9a-zA-Z]+]"
    );
    input["VpcConfig"]["SecurityGroupIds"] = json!([]);
    assert_eq!(
        message("CreateModel", input),
        "1 validation error detected: Value '[]' at 'vpcConfig.securityGroupIds' failed to satisfy \
         constraint: Member must have length greater than or equal to 1"
    );
    let input = json!({"ModelName": "m", "PrimaryContainer": {"Environment": {"9": "v"}}});
    let text = message("CreateModel", input);
    assert!(text.contains("Value '{9=v}' at 'primaryContainer.environment' "), "{text}");
    assert!(text.contains("Map keys must satisfy constraint: [Member must have length"), "{text}");
}

#[test]
fn an_empty_list_of_structures_is_too_short() {
    let input = json!({"EndpointConfigName": "c", "ProductionVariants": []});
    assert_eq!(
        message("CreateEndpointConfig", input),
        "1 validation error detected: Value '[]' at 'productionVariants' failed to satisfy \
         constraint: Member must have length greater than or equal to 1"
    );
}

#[test]
fn each_service_has_its_own_code() {
    let cases = [
        ("iam", "GetRole", "ValidationError"),
        ("sts", "AssumeRole", "ValidationError"),
        ("cloudformation", "CreateStack", "ValidationError"),
        ("cloudwatch", "GetMetricStatistics", "ValidationError"),
        ("logs", "CreateLogGroup", "InvalidParameterException"),
        ("ecr", "CreateRepository", "InvalidParameterException"),
        ("kms", "DescribeKey", "ValidationException"),
        ("cloudtrail", "CreateTrail", "ValidationException"),
        ("application-autoscaling", "DescribeScalableTargets", "ValidationException"),
        ("sagemaker-runtime", "InvokeEndpoint", "ValidationError"),
    ];
    for (service, operation, code) in cases {
        assert_eq!(failure(service, operation, json!({})).code, code, "{service}");
    }
}

#[test]
fn wrong_types_end_the_request_first() {
    let cases = [
        (json!({"EndpointName": 7}), "NUMBER_VALUE cannot be converted to String"),
        (json!({"EndpointName": 7.5}), "DECIMAL_VALUE cannot be converted to String"),
        (json!({"EndpointName": true}), "TRUE_VALUE cannot be converted to String"),
        (json!({"EndpointName": []}), "Unrecognized collection type class java.lang.String"),
        (json!({"EndpointName": {}}), "Start of structure or map found where not expected"),
        (json!({"Tags": "x"}), "Unexpected field type"),
        (json!({"Tags": {}}), "Start of structure or map found where not expected"),
        (json!({"Tags": [[]]}), "Start of list found where not expected"),
        (json!({"DeploymentConfig": 1}), "Unexpected field type"),
        (json!([]), "Start of list found where not expected"),
    ];
    for (input, text) in cases {
        let error = failure("sagemaker", "CreateEndpoint", input.clone());
        assert_eq!((error.code.as_ref(), error.status), ("SerializationException", 400));
        assert_eq!(error.message, text, "{input}");
    }
}

#[test]
fn secrets_are_not_repeated() {
    let input = json!({"KeyId": "k", "Plaintext": ""});
    let error = failure("kms", "Encrypt", input);
    assert_eq!(
        error.message,
        "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member \
         must have length greater than or equal to 1"
    );
}

#[test]
fn long_values_and_many_failures_stay_bounded() {
    let text = message("DeleteEndpoint", json!({"EndpointName": "é".repeat(100_000)}));
    assert!(text.len() < 8192, "{}", text.len());
    let tags: Vec<Value> = (0..50).map(|_| json!({"Key": "#".repeat(200), "Value": "#"})).collect();
    let text = message(
        "AddTags",
        json!({"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:model/m", "Tags": tags}),
    );
    assert!(text.len() < 32 * 1024);
    assert!(text.starts_with("150 validation errors detected: "), "{}", &text[..60]);
}

#[test]
fn numbers_too_large_for_their_type_are_told() {
    let input = json!({"MaxResults": 3_000_000_000_u64});
    let text = message("ListModels", input);
    assert!(
        text.contains("at 'maxResults'") && text.contains("less than or equal to 100"),
        "{text}"
    );
    let input = json!({"MaxResults": u64::MAX});
    assert!(message("ListModels", input).contains("less than or equal to 100"));
}

#[test]
fn a_streamed_payload_is_left_to_its_reader() {
    let runtime = model::service("sagemaker-runtime").unwrap();
    let operation = runtime.operation("InvokeEndpoint").unwrap();
    assert_eq!(check_head(runtime, operation, &json!({"EndpointName": "e"})), Ok(()));
    let error = check(runtime, operation, &json!({"EndpointName": "e"})).unwrap_err();
    assert!(error.message.contains("'body'"), "{}", error.message);
}

#[test]
fn no_number_lies_within_no_limits() {
    let weigh = |weight: Value| {
        json!({"EndpointName": "e", "DesiredWeightsAndCapacities":
            [{"VariantName": "v", "DesiredWeight": weight}]})
    };
    let sagemaker = model::service("sagemaker").unwrap();
    let operation = sagemaker.operation("UpdateEndpointWeightsAndCapacities").unwrap();
    assert_eq!(check(sagemaker, operation, &weigh(json!(0))), Ok(()));
    for weight in [json!(-0.5), json!("NaN"), json!("-Infinity")] {
        let text = message("UpdateEndpointWeightsAndCapacities", weigh(weight));
        assert!(
            text.contains("'desiredWeightsAndCapacities.1.member.desiredWeight'")
                && text.contains("Member must have value greater than or equal to 0"),
            "{text}"
        );
    }
}
