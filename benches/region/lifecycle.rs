//! CreateEndpoint to InService for a built-in, and CreateTrainingJob to Completed less the
//! algorithm's own time: what the region adds to the work.

use super::server::Server;
use super::spread;
use sagebrush::client::Client;
use sagebrush::domain::kind;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const ENDPOINTS: usize = 31;
const JOBS: usize = 15;
const ROLE: &str = "arn:aws:iam::123456789012:role/Bench";

pub fn run() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let server = Server::start(&scratch.path().join("region"));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    let own = algorithm_alone(scratch.path());
    runtime.block_on(async {
        let client = &server.client;
        let image =
            sagebrush::engine::image::uri("xgboost", client.region()).expect("the built-in");
        client.create_bucket("bench").await.expect("a bucket");
        client.put_object("bench", "train.csv", data().into()).await.expect("an object");
        let mut jobs = Vec::new();
        for index in 0..JOBS {
            jobs.push(training_job(client, &image, index).await);
        }
        let (took, spread_of_jobs) = spread(&mut jobs);
        println!("CreateTrainingJob to Completed, ms: {spread_of_jobs}");
        println!("  the algorithm alone, ms: {own:.2}");
        println!("  what the region adds, ms: {:.2} (aim: 50 or less)", took - own);
        let mut endpoints = Vec::new();
        prepare(client, &image).await;
        for index in 0..ENDPOINTS {
            endpoints.push(endpoint(client, index).await);
        }
        println!(
            "CreateEndpoint to InService, ms: {} (aim: 20 or less, hoped for 10)",
            spread(&mut endpoints).1
        );
    });
}

fn data() -> &'static [u8] {
    include_bytes!("../../workspaces/iris/data/train.csv")
}

fn settings() -> Value {
    json!({"objective": "multi:softprob", "num_class": "3", "num_round": "40"})
}

/// The same training by the container alone, in milliseconds: laid out by hand, started by hand.
fn algorithm_alone(scratch: &Path) -> f64 {
    let root = scratch.join("alone");
    let mut times = Vec::new();
    for _ in 0..JOBS {
        let opt = root.join("opt/ml");
        for folder in ["input/config", "input/data/train", "model", "output/data"] {
            std::fs::create_dir_all(opt.join(folder)).expect("a folder");
        }
        let config = opt.join("input/config");
        let write = |name: &str, value: Value| {
            std::fs::write(config.join(name), value.to_string()).expect("a configuration");
        };
        write("hyperparameters.json", settings());
        write(
            "inputdataconfig.json",
            json!({"train": {"ContentType": "text/csv", "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}}),
        );
        write(
            "resourceconfig.json",
            json!({"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}),
        );
        std::fs::write(opt.join("input/data/train/train.csv"), data()).expect("the data");
        let start = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_sagebrush"))
            .args(["container", "xgboost", "train", "--root"])
            .arg(&root)
            .stdout(Stdio::piped())
            .output()
            .expect("the container runs");
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
        times.push(start.elapsed().as_secs_f64() * 1000.0);
        std::fs::remove_dir_all(&root).expect("the root goes");
    }
    spread(&mut times).0
}

async fn training_job(client: &Client, image: &str, index: usize) -> f64 {
    let name = format!("bench-{index}");
    let input = json!({
        "TrainingJobName": name, "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "HyperParameters": settings(),
        "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bench/train.csv"}}}],
        "OutputDataConfig": {"S3OutputPath": "s3://bench/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600}
    });
    let describe = json!({"TrainingJobName": name});
    let start = Instant::now();
    let operations = ("CreateTrainingJob", "DescribeTrainingJob");
    let status = (kind::TRAINING_JOB, "TrainingJobStatus", "Completed");
    until(client, operations, &input, &describe, &name, status).await;
    start.elapsed().as_secs_f64() * 1000.0
}

async fn prepare(client: &Client, image: &str) {
    let input = json!({"ModelName": "bench", "ExecutionRoleArn": ROLE, "PrimaryContainer": {
        "Image": image, "ModelDataUrl": "s3://bench/models/bench-0/output/model.tar.gz"}});
    client.call("sagemaker", "CreateModel", &input).await.expect("a model");
    let input = json!({"EndpointConfigName": "bench", "ProductionVariants": [{
        "VariantName": "only", "ModelName": "bench", "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1}]});
    client.call("sagemaker", "CreateEndpointConfig", &input).await.expect("a configuration");
}

async fn endpoint(client: &Client, index: usize) -> f64 {
    let name = format!("bench-{index}");
    let input = json!({"EndpointName": name, "EndpointConfigName": "bench"});
    let describe = json!({"EndpointName": name});
    let start = Instant::now();
    let operations = ("CreateEndpoint", "DescribeEndpoint");
    let status = (kind::ENDPOINT, "EndpointStatus", "InService");
    until(client, operations, &input, &describe, &name, status).await;
    let took = start.elapsed().as_secs_f64() * 1000.0;
    client.call("sagemaker", "DeleteEndpoint", &describe).await.expect("the endpoint goes");
    took
}

/// Creates, and returns once Describe shows the status; asked again at each change.
async fn until(
    client: &Client,
    (create, describe): (&str, &str),
    input: &Value,
    name_input: &Value,
    name: &str,
    (kind, member, wanted): (&str, &str, &str),
) {
    let mut watch = client.watch_from_now().await.expect("a watch stream");
    client.call("sagemaker", create, input).await.expect("it is created");
    loop {
        let found = client.call("sagemaker", describe, name_input).await.expect("it is there");
        let status = found.get(member).and_then(Value::as_str).unwrap_or_default();
        if status == wanted {
            return;
        }
        assert_ne!(status, "Failed", "{found}");
        watch.changed(kind, name).await.expect("the watch stream goes on");
    }
}
