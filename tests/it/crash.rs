//! SIGKILL at fifty moments under load, each followed by a restart on the same workspace: what was
//! acknowledged is there, endpoints come back into service, jobs finish, no process is left.

use super::region::{Region, processes_of};
use bytes::Bytes;
use sagebrush::client::{CallError, Client, Invocation};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

const KILLS: u32 = 50;
const SEED: u64 = 7242;
const JOBS: u64 = 40;
const ROLE: &str = "arn:aws:iam::123456789012:role/SageMaker";
const IMAGE: &str = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";
/// For what must happen in the end; nothing is decided by it.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where the region is now, and what it has acknowledged so far.
#[derive(Default)]
struct Record {
    client: RwLock<Option<Client>>,
    models: Mutex<Vec<String>>,
    objects: Mutex<Vec<String>>,
    jobs: Mutex<Vec<String>>,
    /// The newest acknowledged tag of the first model.
    tag: AtomicU64,
    invocations: AtomicU64,
    over: AtomicBool,
}

impl Record {
    fn client(&self) -> Client {
        self.client.read().unwrap().clone().unwrap()
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// A refusal is a finding; a connection that broke is the point of the exercise.
fn acknowledged(answer: Result<Value, CallError>, what: &str) -> bool {
    match answer {
        Ok(_) => true,
        // Acknowledged to nobody, but done: the call before the kill.
        Err(CallError::Aws(error))
            if error.message.contains("already existing") || error.code == "ResourceInUse" =>
        {
            true
        }
        Err(CallError::Aws(error)) if error.status < 500 => panic!("{what}: {error}"),
        Err(_) => false,
    }
}

async fn models(record: Arc<Record>) {
    let mut number = 0;
    while !record.is_over() {
        let name = format!("model-{number}");
        let call = json!({"ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": {
            "Image": IMAGE, "ModelDataUrl": "s3://crash/out/seed/output/model.tar.gz"}});
        let client = record.client();
        if acknowledged(client.call("sagemaker", "CreateModel", &call).await, &name) {
            record.models.lock().unwrap().push(name.clone());
            let key = format!("objects/{number}");
            let put = client.put_object("crash", &key, Bytes::from(key.clone())).await;
            if put.is_ok() {
                record.objects.lock().unwrap().push(key);
            }
            number += 1;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn tags(record: Arc<Record>) {
    let arn = "arn:aws:sagemaker:us-east-1:123456789012:model/first";
    for number in 1.. {
        if record.is_over() {
            break;
        }
        let call = json!({"ResourceArn": arn, "Tags": [{"Key": "n", "Value": number.to_string()}]});
        if acknowledged(record.client().call("sagemaker", "AddTags", &call).await, "AddTags") {
            record.tag.store(number, Ordering::SeqCst);
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

fn training(name: &str) -> Value {
    json!({
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"objective": "binary:logistic", "num_round": "3"},
        "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://crash/train"}}}],
        "OutputDataConfig": {"S3OutputPath": "s3://crash/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "RoleArn": ROLE,
    })
}

async fn jobs(record: Arc<Record>) {
    let mut number = 0;
    while !record.is_over() && number < JOBS {
        let name = format!("job-{number}");
        let answer = record.client().call("sagemaker", "CreateTrainingJob", &training(&name)).await;
        if acknowledged(answer, &name) {
            record.jobs.lock().unwrap().push(name);
            number += 1;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn invocations(record: Arc<Record>) {
    while !record.is_over() {
        let invocation = Invocation {
            endpoint: "live".into(),
            variant: None,
            content_type: "text/csv".into(),
            accept: None,
            body: Bytes::from_static(b"1.2,3\n"),
        };
        if let Ok(answer) = record.client().invoke(invocation).await {
            let score: f64 = std::str::from_utf8(&answer.body).unwrap().trim().parse().unwrap();
            assert!((0.0..=1.0).contains(&score), "{score}");
            record.invocations.fetch_add(1, Ordering::SeqCst);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until `look` finds something.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn status(client: &Client, operation: &str, input: Value, member: &str) -> Option<String> {
    let answer = client.call("sagemaker", operation, &input).await.ok()?;
    answer[member].as_str().map(str::to_owned)
}

async fn trained(client: &Client, name: &str) {
    until(name, || async {
        let input = json!({"TrainingJobName": name});
        let now = status(client, "DescribeTrainingJob", input, "TrainingJobStatus").await?;
        assert!(!["Failed", "Stopped"].contains(&now.as_str()), "{name} is {now}");
        (now == "Completed").then_some(())
    })
    .await;
}

async fn serves(client: &Client) {
    until("the endpoint in service", || async {
        let input = json!({"EndpointName": "live"});
        let now = status(client, "DescribeEndpoint", input, "EndpointStatus").await?;
        assert!(["Creating", "InService", "Updating"].contains(&now.as_str()), "{now}");
        (now == "InService").then_some(())
    })
    .await;
    until("an answer", || async {
        let invocation = Invocation {
            endpoint: "live".into(),
            variant: None,
            content_type: "text/csv".into(),
            accept: None,
            body: Bytes::from_static(b"1.2,3\n"),
        };
        client.invoke(invocation).await.ok().map(|_| ())
    })
    .await;
}

async fn prepare(client: &Client) {
    client.create_bucket("crash").await.unwrap();
    let rows: String =
        (0..200).map(|i| format!("{},{}.{},{}\n", i % 2, i % 2, i % 7, i % 5)).collect();
    client.put_object("crash", "train/rows.csv", Bytes::from(rows)).await.unwrap();
    client.call("sagemaker", "CreateTrainingJob", &training("seed")).await.unwrap();
    trained(client, "seed").await;
    let model = json!({"ModelName": "first", "ExecutionRoleArn": ROLE, "PrimaryContainer": {
        "Image": IMAGE, "ModelDataUrl": "s3://crash/out/seed/output/model.tar.gz"}});
    client.call("sagemaker", "CreateModel", &model).await.unwrap();
    let config = json!({"EndpointConfigName": "first", "ProductionVariants": [{
        "VariantName": "main", "ModelName": "first", "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 2}]});
    client.call("sagemaker", "CreateEndpointConfig", &config).await.unwrap();
    let endpoint = json!({"EndpointName": "live", "EndpointConfigName": "first"});
    client.call("sagemaker", "CreateEndpoint", &endpoint).await.unwrap();
    serves(client).await;
}

/// What was acknowledged is there.
async fn check(client: &Client, record: &Record) {
    let models = record.models.lock().unwrap().clone();
    for name in &models {
        let input = json!({"ModelName": name});
        client.call("sagemaker", "DescribeModel", &input).await.unwrap();
    }
    let objects = record.objects.lock().unwrap().clone();
    for key in &objects {
        assert_eq!(client.get_object("crash", key).await.unwrap(), key.as_bytes());
    }
    let arn = json!({"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:model/first"});
    let tags = client.call("sagemaker", "ListTags", &arn).await.unwrap();
    let newest: u64 = tags["Tags"][0]["Value"].as_str().unwrap().parse().unwrap();
    assert!(newest >= record.tag.load(Ordering::SeqCst), "an acknowledged tag is lost");
    let jobs = record.jobs.lock().unwrap().clone();
    for name in &jobs {
        trained(client, name).await;
        let key = format!("out/{name}/output/model.tar.gz");
        assert!(!client.get_object("crash", &key).await.unwrap().is_empty());
    }
    serves(client).await;
    println!(
        "{KILLS} kills: {} models, {} objects, {} jobs, {} invocations",
        models.len(),
        objects.len(),
        jobs.len(),
        record.invocations.load(Ordering::SeqCst)
    );
    assert!(models.len() > 50 && !jobs.is_empty());
    assert!(record.invocations.load(Ordering::SeqCst) > 50);
}

#[test]
fn nothing_acknowledged_is_lost_and_everything_goes_on() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut region = Region::start();
    let record = Arc::new(Record::default());
    *record.client.write().unwrap() = Some(region.client());
    runtime.block_on(prepare(&record.client()));
    let work = [
        runtime.spawn(models(Arc::clone(&record))),
        runtime.spawn(tags(Arc::clone(&record))),
        runtime.spawn(jobs(Arc::clone(&record))),
        runtime.spawn(invocations(Arc::clone(&record))),
    ];
    let mut moments = fastrand::Rng::with_seed(SEED);
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(moments.u64(10..500)));
        region.kill();
        region.restart();
        *record.client.write().unwrap() = Some(region.client());
    }
    record.over.store(true, Ordering::SeqCst);
    for task in work {
        runtime.block_on(task).unwrap();
    }
    runtime.block_on(check(&record.client(), &record));
    let folder = region.folder().to_owned();
    let stopped = region.command(&["stop"]);
    assert!(stopped.status.success(), "{stopped:?}");
    let end = Instant::now() + PATIENCE;
    while !processes_of(&folder).is_empty() {
        assert!(Instant::now() < end, "left behind: {:?}", processes_of(&folder));
        std::thread::sleep(Duration::from_millis(20));
    }
}
