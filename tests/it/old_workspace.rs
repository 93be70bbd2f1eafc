//! A workspace that version 0.1.0 wrote opens in this version, says what it said, and goes on.

use crate::region::Region;
use bytes::Bytes;
use flate2::read::GzDecoder;
use sagebrush::client::{Client, Invocation};
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

const ROLE: &str = "arn:aws:iam::123456789012:role/MixedCase";

/// The fixture in a folder of its own, with what 0.1.0 answered.
fn unpacked() -> (tempfile::TempDir, Value) {
    let folder = tempfile::Builder::new().prefix("sagebrush-test-").tempdir().unwrap();
    let fixture =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/workspace-0.1.0.tar.gz");
    tar::Archive::new(GzDecoder::new(File::open(fixture).unwrap())).unpack(folder.path()).unwrap();
    let expected = std::fs::read(folder.path().join("expected.json")).unwrap();
    (folder, serde_json::from_slice(&expected).unwrap())
}

async fn call(client: &Client, service: &str, operation: &str, input: Value) -> Value {
    client
        .call(service, operation, &input)
        .await
        .unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
}

async fn sagemaker(client: &Client, operation: &str, input: Value) -> Value {
    call(client, "sagemaker", operation, input).await
}

async fn invoke(client: &Client) -> String {
    let mut tries = 0;
    loop {
        let invocation = Invocation {
            endpoint: "MyEndpoint".into(),
            variant: None,
            content_type: "text/csv".into(),
            accept: None,
            body: Bytes::from_static(b"1.2,0.3"),
        };
        match client.invoke(invocation).await {
            Ok(answer) => return String::from_utf8(answer.body.to_vec()).unwrap(),
            // Its instances start with the region.
            Err(error) if tries > 600 => panic!("{error}"),
            Err(_) => tries += 1,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_it_kept_is_there() {
    let (folder, expected) = unpacked();
    let region = Region::start_on(folder);
    let client = region.client();

    let job =
        sagemaker(&client, "DescribeTrainingJob", json!({"TrainingJobName": "Blue-Job"})).await;
    assert_eq!(job["TrainingJobStatus"], "Completed");
    assert_eq!(job["ModelArtifacts"]["S3ModelArtifacts"], expected["artifact"]);
    assert_eq!(job["HyperParameters"], expected["job"]["HyperParameters"]);
    assert_eq!(job["FinalMetricDataList"].as_array().map(Vec::len), {
        expected["job"]["FinalMetricDataList"].as_array().map(Vec::len)
    });
    let failed =
        sagemaker(&client, "DescribeTrainingJob", json!({"TrainingJobName": "failed-job"})).await;
    assert_eq!(failed["TrainingJobStatus"], "Failed");

    let model = sagemaker(&client, "DescribeModel", json!({"ModelName": "MyModel"})).await;
    assert_eq!(
        model["PrimaryContainer"]["ModelDataUrl"],
        expected["model"]["PrimaryContainer"]["ModelDataUrl"]
    );
    for (arn, key, value) in
        [(&model["ModelArn"], "K", "V"), (&job["TrainingJobArn"], "Project", "Blue-Job")]
    {
        let tags = sagemaker(&client, "ListTags", json!({"ResourceArn": arn})).await;
        assert_eq!(tags["Tags"], json!([{"Key": key, "Value": value}]), "{arn}");
    }

    let packages =
        sagemaker(&client, "ListModelPackages", json!({"ModelPackageGroupName": "MyGroup"})).await;
    let states = |list: &Value| -> Vec<Value> {
        list.as_array().unwrap().iter().map(|one| one["ModelApprovalStatus"].clone()).collect()
    };
    assert_eq!(states(&packages["ModelPackageSummaryList"]), states(&expected["packages"]));

    let objects = client.list_objects("kept", "").await.unwrap();
    let found: Vec<Value> = objects
        .iter()
        .map(|object| {
            json!([object.key, object.size, format!("\"{}\"", object.etag.trim_matches('"'))])
        })
        .collect();
    assert_eq!(json!(found), expected["objects"]);

    let lines = call(
        &client,
        "logs",
        "FilterLogEvents",
        json!({"logGroupName": "/aws/sagemaker/TrainingJobs"}),
    )
    .await;
    assert_eq!(
        lines["events"].as_array().unwrap().len(),
        expected["lines"].as_u64().unwrap() as usize
    );
    let own = call(&client, "logs", "FilterLogEvents", json!({"logGroupName": "/own/Group"})).await;
    assert_eq!(own["events"].as_array().unwrap().len(), 50);

    let role = call(&client, "iam", "GetRole", json!({"RoleName": "MixedCase"})).await;
    assert_eq!(role["Role"]["Arn"], ROLE);
}

/// Every resource of the fixture: how it is described, the member with its ARN, and what that ends in.
const ARNS: &[(&str, &str, &str, &str, &str)] = &[
    ("TrainingJob", "TrainingJobName", "Blue-Job", "TrainingJobArn", "training-job/Blue-Job"),
    ("TrainingJob", "TrainingJobName", "linear-job", "TrainingJobArn", "training-job/linear-job"),
    ("TrainingJob", "TrainingJobName", "failed-job", "TrainingJobArn", "training-job/failed-job"),
    ("Model", "ModelName", "MyModel", "ModelArn", "model/MyModel"),
    ("Model", "ModelName", "From-Package", "ModelArn", "model/From-Package"),
    (
        "ModelPackageGroup",
        "ModelPackageGroupName",
        "MyGroup",
        "ModelPackageGroupArn",
        "model-package-group/MyGroup",
    ),
    ("ModelPackage", "ModelPackageName", "MyGroup/1", "ModelPackageArn", "model-package/MyGroup/1"),
    ("ModelPackage", "ModelPackageName", "MyGroup/2", "ModelPackageArn", "model-package/MyGroup/2"),
    (
        "EndpointConfig",
        "EndpointConfigName",
        "MyConfig",
        "EndpointConfigArn",
        "endpoint-config/MyConfig",
    ),
    ("Endpoint", "EndpointName", "MyEndpoint", "EndpointArn", "endpoint/MyEndpoint"),
    ("Experiment", "ExperimentName", "MyExperiment", "ExperimentArn", "experiment/MyExperiment"),
    ("Trial", "TrialName", "MyTrial", "TrialArn", "experiment-trial/MyTrial"),
    (
        "TrialComponent",
        "TrialComponentName",
        "MyComponent",
        "TrialComponentArn",
        "experiment-trial-component/MyComponent",
    ),
    (
        "CodeRepository",
        "CodeRepositoryName",
        "MyRepo",
        "CodeRepositoryArn",
        "code-repository/MyRepo",
    ),
];

/// What 0.1.0 tagged.
const TAGS: &[(&str, &str, &str)] = &[
    ("training-job/Blue-Job", "Project", "Blue-Job"),
    ("training-job/linear-job", "Project", "linear-job"),
    ("training-job/failed-job", "Project", "failed-job"),
    ("model/MyModel", "K", "V"),
    ("model-package-group/MyGroup", "Owner", "X"),
    ("endpoint-config/MyConfig", "C", "1"),
    ("endpoint/MyEndpoint", "E", "1"),
];

#[tokio::test]
async fn arns_got_the_case_of_their_names() {
    let (folder, _) = unpacked();
    let region = Region::start_on(folder);
    let client = region.client();
    let place = "arn:aws:sagemaker:us-east-1:123456789012:";
    for (noun, member, name, arn, end) in ARNS {
        let operation = format!("Describe{noun}");
        let found = sagemaker(&client, &operation, json!({ *member: name })).await;
        assert_eq!(found[arn], format!("{place}{end}"));
        let lower = name.to_lowercase();
        if lower != *name {
            let other = client.call("sagemaker", &operation, &json!({ *member: lower })).await;
            assert!(other.is_err(), "{operation} {lower}: {other:?}");
        }
    }
    for (end, key, value) in TAGS {
        for arn in [format!("{place}{end}"), format!("{place}{}", end.to_lowercase())] {
            let tags = sagemaker(&client, "ListTags", json!({ "ResourceArn": arn })).await;
            assert_eq!(tags["Tags"], json!([{"Key": key, "Value": value}]), "{arn}");
        }
    }
    let model = sagemaker(&client, "DescribeModel", json!({"ModelName": "From-Package"})).await;
    assert_eq!(
        model["PrimaryContainer"]["ModelPackageName"],
        format!("{place}model-package/MyGroup/1")
    );
    // What 0.1.0 answered names them still.
    let group = json!({"ModelPackageGroupName": format!("{place}model-package-group/mygroup")});
    let packages = sagemaker(&client, "ListModelPackages", group).await;
    assert_eq!(packages["ModelPackageSummaryList"].as_array().unwrap().len(), 2);
    let trials = sagemaker(&client, "ListTrials", json!({"ExperimentName": "MyExperiment"})).await;
    assert_eq!(trials["TrialSummaries"][0]["TrialArn"], format!("{place}experiment-trial/MyTrial"));
    let tags = call(&client, "iam", "ListRoleTags", json!({"RoleName": "MixedCase"})).await;
    assert_eq!(tags["Tags"], json!([{"Key": "Team", "Value": "A"}]));
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/own/Group";
    let tags = call(&client, "logs", "ListTagsForResource", json!({ "resourceArn": arn })).await;
    assert_eq!(tags["tags"], json!({"T": "1"}));
}

#[tokio::test]
async fn its_database_is_kept_as_it_was() {
    let (folder, _) = unpacked();
    let region = Region::start_on(folder);
    let kept = region.folder().join(".sagebrush");
    let copies: Vec<_> = std::fs::read_dir(&kept)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().contains("region.db.before-"))
        .collect();
    assert_eq!(copies.len(), 1, "{copies:?}");
    let copy = rusqlite::Connection::open(&copies[0]).unwrap();
    let version: u32 = copy.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
    let arn: String = copy
        .query_row(
            "SELECT json_extract(body, '$.ModelArn') FROM resource WHERE name = 'MyModel'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(arn, "arn:aws:sagemaker:us-east-1:123456789012:model/mymodel");
}

#[tokio::test]
async fn its_endpoint_serves_and_work_goes_on() {
    let (folder, expected) = unpacked();
    let mut region = Region::start_on(folder);
    let client = region.client();
    assert_eq!(invoke(&client).await, expected["answer"].as_str().unwrap());

    sagemaker(
        &client,
        "UpdateEndpointWeightsAndCapacities",
        json!({"EndpointName": "MyEndpoint", "DesiredWeightsAndCapacities": [
            {"VariantName": "Green", "DesiredWeight": 5},
        ]}),
    )
    .await;
    let package = expected["packages"][1]["ModelPackageArn"].as_str().unwrap();
    sagemaker(
        &client,
        "UpdateModelPackage",
        json!({"ModelPackageArn": package, "ModelApprovalStatus": "Rejected"}),
    )
    .await;
    sagemaker(
        &client,
        "CreateTrainingJob",
        json!({
            "TrainingJobName": "Next-Job",
            "RoleArn": ROLE,
            "AlgorithmSpecification": expected["job"]["AlgorithmSpecification"].as_object().map(|one| json!({
                "TrainingImage": one["TrainingImage"], "TrainingInputMode": "File",
            })),
            "HyperParameters": {"objective": "binary:logistic", "num_round": "3"},
            "InputDataConfig": expected["job"]["InputDataConfig"],
            "OutputDataConfig": {"S3OutputPath": "s3://kept/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }),
    )
    .await;
    let mut job = Value::Null;
    for _ in 0..1200 {
        job =
            sagemaker(&client, "DescribeTrainingJob", json!({"TrainingJobName": "Next-Job"})).await;
        if job["TrainingJobStatus"] != "InProgress" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(job["TrainingJobStatus"], "Completed", "{job}");

    // A name differs from the old ones in case alone: still taken.
    let refused = client
        .call("sagemaker", "CreateModelPackageGroup", &json!({"ModelPackageGroupName": "mygroup"}))
        .await;
    assert!(refused.is_err(), "{refused:?}");

    region.kill();
    region.restart();
    let client = region.client();
    assert_eq!(invoke(&client).await, expected["answer"].as_str().unwrap());
    let listed = sagemaker(&client, "ListTrainingJobs", json!({})).await;
    assert_eq!(listed["TrainingJobSummaries"].as_array().unwrap().len(), 4);
}
