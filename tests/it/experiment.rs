//! Instances stopped and killed under load, through the built binary: what is stopped in order fails
//! no request, what is killed fails those in flight at most, and either comes back.

use super::region::Region;
use bytes::Bytes;
use sagebrush::client::{CallError, Client, Invocation, Lines};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

const ROLE: &str = "arn:aws:iam::123456789012:role/SageMaker";
const IMAGE: &str = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1";
/// Nothing is decided by it.
const PATIENCE: Duration = Duration::from_secs(120);
const USERS: u64 = 6;

pub fn training(name: &str, rounds: u32) -> Value {
    json!({
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"objective": "binary:logistic", "num_round": rounds.to_string()},
        "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {
            "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train"}}}],
        "OutputDataConfig": {"S3OutputPath": "s3://data/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "RoleArn": ROLE,
    })
}

pub async fn rows(client: &Client) {
    client.create_bucket("data").await.unwrap();
    let rows: String =
        (0..200).map(|i| format!("{},{}.{},{}\n", i % 2, i % 2, i % 7, i % 5)).collect();
    client.put_object("data", "train/rows.csv", Bytes::from(rows)).await.unwrap();
}

/// Follows a stream until a line is as wanted.
pub async fn until(lines: &mut Lines, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let look = async {
        while let Some(line) = lines.next().await.unwrap() {
            if wanted(&line) {
                return line;
            }
            last = line;
        }
        panic!("the stream ended before {what}")
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(line) => line,
        Err(_) => panic!("in vain: {what}; last {last:#}"),
    }
}

/// A trained model, and endpoint configurations of it with one and with two instances.
async fn prepare(client: &Client) {
    rows(client).await;
    let mut job = {
        client.call("sagemaker", "CreateTrainingJob", &training("seed", 3)).await.unwrap();
        client.follow_training("seed").await.unwrap()
    };
    until(&mut job, "the training's end", |line| line.get("ended").is_some()).await;
    let model = json!({"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {
        "Image": IMAGE, "ModelDataUrl": "s3://data/out/seed/output/model.tar.gz"}});
    client.call("sagemaker", "CreateModel", &model).await.unwrap();
    for (name, count) in [("one", 1), ("two", 2)] {
        let config = json!({"EndpointConfigName": name, "ProductionVariants": [{
            "VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count}]});
        client.call("sagemaker", "CreateEndpointConfig", &config).await.unwrap();
    }
}

async fn endpoint(client: &Client, config: &str) -> Lines {
    let input = json!({"EndpointName": "e", "EndpointConfigName": config});
    client.call("sagemaker", "CreateEndpoint", &input).await.unwrap();
    client.follow_endpoint("e").await.unwrap()
}

fn detail(line: &Value) -> &[Value] {
    line["variants"][0]["instances_detail"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn serving(line: &Value) -> Vec<&str> {
    let serving = detail(line).iter().filter(|each| each["state"] == "in service");
    serving.map(|each| each["id"].as_str().unwrap()).collect()
}

/// Users that send one request after the other, each as soon as the last is answered.
struct Load {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    users: JoinSet<Vec<String>>,
}

impl Load {
    fn start(client: &Client) -> Self {
        let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut users = JoinSet::new();
        for _ in 0..USERS {
            let (client, over, answered) = (client.clone(), over.clone(), answered.clone());
            users.spawn(async move {
                let mut failures = Vec::new();
                while !over.load(Ordering::SeqCst) {
                    let invocation = Invocation {
                        endpoint: "e".into(),
                        variant: None,
                        content_type: "text/csv".into(),
                        accept: None,
                        body: Bytes::from_static(b"1.2,3\n"),
                    };
                    match client.invoke(invocation).await {
                        Ok(_) => drop(answered.fetch_add(1, Ordering::SeqCst)),
                        Err(error) => failures.push(error.to_string()),
                    }
                }
                failures
            });
        }
        Self { over, answered, users }
    }

    /// Waits until so many more requests have been answered.
    async fn go_on(&self, lines: &mut Lines, more: u64) -> Value {
        let wanted = self.answered.load(Ordering::SeqCst) + more;
        until(lines, "more answers", |_| self.answered.load(Ordering::SeqCst) >= wanted).await
    }

    /// What failed.
    async fn end(mut self) -> Vec<String> {
        self.over.store(true, Ordering::SeqCst);
        let mut failures = Vec::new();
        while let Some(user) = self.users.join_next().await {
            failures.extend(user.unwrap());
        }
        failures
    }
}

#[test]
fn a_stopped_instance_fails_no_request_and_comes_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let region = Region::start();
    runtime.block_on(async {
        let client = region.client();
        prepare(&client).await;
        for config in ["one", "two"] {
            let mut lines = endpoint(&client, config).await;
            let starting = until(&mut lines, "an instance", |line| !detail(line).is_empty()).await;
            assert_eq!(detail(&starting)[0]["fleet"], "current");
            let count = if config == "one" { 1 } else { 2 };
            let line = until(&mut lines, "service", |line| {
                line["status"] == "InService" && serving(line).len() == count
            })
            .await;
            let instance = &detail(&line)[0];
            assert_eq!((&instance["config"], &instance["restarts"]), (&json!(config), &json!(0)));
            assert_eq!(instance["pings"][0]["outcome"], "ok", "{instance:#}");
            assert!(instance["pids"][0].as_u64().unwrap() > 1, "{instance:#}");
            assert!(instance["address"].as_str().unwrap().starts_with("unix:/"), "{instance:#}");
            let load = Load::start(&client);
            load.go_on(&mut lines, 200).await;
            for round in 1..=3 {
                let before = until(&mut lines, "all", |line| serving(line).len() == count).await;
                let id = serving(&before)[0].to_owned();
                let did = client.stop_instance("e", &id, false).await.unwrap();
                assert_eq!(did["waits_for_replacement"], config == "one", "{did}");
                assert_eq!((&did["how"], &did["variant"]), (&json!("stop"), &json!("main")));
                let replacement = did["replacement"].as_str().unwrap().to_owned();
                let after = until(&mut lines, "the replacement", |line| {
                    let now = serving(line);
                    now.len() == count && now.contains(&&*replacement) && !now.contains(&&*id)
                })
                .await;
                let new = detail(&after).iter().find(|each| each["id"] == *replacement).unwrap();
                assert!(new["restarts"].as_u64().unwrap() >= 1, "{round}: {new:#}");
                let gone = until(&mut lines, "the end", |line| {
                    let ended = line["variants"][0]["instances_ended"].as_array().unwrap();
                    ended.iter().any(|each| each["id"] == *id)
                })
                .await;
                assert!(!detail(&gone).iter().any(|each| each["id"] == *id));
                load.go_on(&mut lines, 200).await;
            }
            let failures = load.end().await;
            assert!(failures.is_empty(), "{config}: {failures:#?}");
            client
                .call("sagemaker", "DeleteEndpoint", &json!({"EndpointName": "e"}))
                .await
                .unwrap();
            until(&mut lines, "the end", |line| line.get("ended").is_some()).await;
        }
    });
}

#[test]
fn a_killed_instance_fails_what_was_in_flight_at_most() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let region = Region::start();
    runtime.block_on(async {
        let client = region.client();
        prepare(&client).await;
        let mut lines = endpoint(&client, "two").await;
        until(&mut lines, "service", |line| serving(line).len() == 2).await;
        let load = Load::start(&client);
        load.go_on(&mut lines, 200).await;
        let kills = 4;
        for _ in 0..kills {
            let before = until(&mut lines, "both", |line| serving(line).len() == 2).await;
            let id = serving(&before)[0].to_owned();
            let did = client.stop_instance("e", &id, true).await.unwrap();
            assert_eq!(did["how"], "kill");
            let ended = until(&mut lines, "the end", |line| {
                let ended = line["variants"][0]["instances_ended"].as_array().unwrap();
                ended.iter().any(|each| each["id"] == *id)
            })
            .await;
            let ended = ended["variants"][0]["instances_ended"].as_array().unwrap();
            let gone = ended.iter().find(|each| each["id"] == *id).unwrap();
            assert!(gone["why"].as_str().unwrap().contains("signal 9"), "{gone:#}");
            load.go_on(&mut lines, 200).await;
        }
        until(&mut lines, "both again", |line| serving(line).len() == 2).await;
        let failures = load.end().await;
        println!("{} failures of {kills} kills: {failures:#?}", failures.len());
        assert!(failures.len() as u64 <= kills * USERS, "{failures:#?}");
    });
}

/// Counted, not timed: whatever went to the frozen one would never be answered.
#[test]
fn a_frozen_instance_gets_nothing_while_another_answers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let region = Region::start();
    runtime.block_on(async {
        let client = region.client();
        prepare(&client).await;
        let mut lines = endpoint(&client, "two").await;
        let line = until(&mut lines, "service", |line| serving(line).len() == 2).await;
        let frozen = detail(&line)[0].clone();
        let pid = i32::try_from(frozen["pids"][0].as_u64().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        let of =
            |line: &Value| detail(line).iter().find(|each| each["id"] == frozen["id"]).cloned();
        let overdue = until(&mut lines, "an overdue ping", |line| {
            of(line).is_some_and(|frozen| frozen["state"] == "unhealthy")
        })
        .await;
        assert_eq!(of(&overdue).unwrap()["in_flight"], 0);
        for _ in 0..200 {
            let invocation = Invocation {
                endpoint: "e".into(),
                variant: None,
                content_type: "text/csv".into(),
                accept: None,
                body: Bytes::from_static(b"1.2,3\n"),
            };
            client.invoke(invocation).await.unwrap();
        }
        let after =
            until(&mut lines, "all", |line| line["variants"][0]["invocations"] == 200).await;
        if let Some(frozen) = of(&after) {
            assert_eq!(frozen["in_flight"], 0, "{frozen:#}");
        }
        until(&mut lines, "a replacement", |line| serving(line).len() == 2 && of(line).is_none())
            .await;
    });
}

#[test]
fn what_cannot_be_stopped_is_said() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let region = Region::start();
    runtime.block_on(async {
        let client = region.client();
        let status = |answer: Result<Value, CallError>| match answer {
            Err(CallError::Aws(error)) => error.status,
            other => panic!("{other:?}"),
        };
        assert_eq!(status(client.stop_instance("e", "i-1", false).await), 404);
        assert_eq!(status(client.follow_endpoint("e").await.map(|_| Value::Null)), 404);
        prepare(&client).await;
        let mut lines = endpoint(&client, "one").await;
        let line = until(&mut lines, "service", |line| serving(line).len() == 1).await;
        let id = serving(&line)[0];
        assert_eq!(status(client.stop_instance("e", "i-1", true).await), 404);
        let wrong = format!("endpoints/e/instances/{id}/stop?how=gently");
        assert_eq!(status(client.internal_post(&wrong).await), 400);
        assert_eq!(status(client.internal(&format!("endpoints/e/instances/{id}/stop")).await), 405);
        // During a deployment instances are killed only, and a fleet that loses one rolls back.
        let canary = json!({"EndpointName": "e", "EndpointConfigName": "two",
            "DeploymentConfig": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {
                "Type": "CANARY", "WaitIntervalInSeconds": 3000,
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25}}}}});
        client.call("sagemaker", "UpdateEndpoint", &canary).await.unwrap();
        let line =
            until(&mut lines, "baking", |line| line["deployment"]["stage"] == "Baking").await;
        let deployment = &line["deployment"];
        assert_eq!(deployment["policy"], "BLUE_GREEN");
        assert_eq!(
            (&deployment["routing"], &deployment["traffic"]),
            (&json!("CANARY"), &json!(0.25))
        );
        assert_eq!((&deployment["shift"], &deployment["shifts"]), (&json!(1), &json!(2)));
        assert_eq!(deployment["old_config"], "one");
        assert_eq!(deployment["new_config"], "two");
        assert!(deployment["until"].as_f64().unwrap() > line["at"].as_f64().unwrap() + 2000.0);
        assert_eq!(line["variants"].as_array().unwrap().len(), 1, "a variant is told once");
        assert_eq!(line["variants"][0]["instances"], 3);
        let sides = |side: &str| -> Vec<String> {
            let own = detail(&line).iter().filter(|each| each["fleet"] == side);
            own.map(|each| each["id"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!((sides("old").len(), sides("new").len()), (1, 2));
        assert_eq!(status(client.stop_instance("e", &sides("old")[0], false).await), 409);
        client.stop_instance("e", &sides("new")[0], true).await.unwrap();
        let line = until(&mut lines, "the way back", |line| {
            line["last_deployment"]["stage"] == "RolledBack" && line["status"] == "InService"
        })
        .await;
        assert!(line.get("deployment").is_none());
        let reason = line["last_deployment"]["rollback_reason"].as_str().unwrap();
        assert!(reason.contains("signal 9"), "{reason}");
        assert_eq!(line["failure_reason"], *reason);
        assert_eq!(line["config"], "one");
        // The old fleet's own loss in mid-deployment is made good while the new one bakes.
        client.call("sagemaker", "UpdateEndpoint", &canary).await.unwrap();
        until(&mut lines, "baking", |line| line["deployment"]["stage"] == "Baking").await;
        client.stop_instance("e", id, true).await.unwrap();
        let line = until(&mut lines, "a successor in the table", |line| {
            line["variants"][0]["instances"] == 3
                && serving(line).len() == 3
                && !serving(line).contains(&id)
        })
        .await;
        assert_eq!(line["deployment"]["stage"], "Baking");
    });
}
