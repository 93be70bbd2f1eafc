//! A training job watched while it runs: its row, its curves, what its container uses.

use super::experiment::{rows, training, until};
use super::region::Region;
use serde_json::{Value, json};

const NAME: &str = "long";

fn points(history: &Value, metric: &str) -> Vec<Value> {
    let metrics = history["metrics"].as_array().unwrap();
    let curve = metrics.iter().find(|each| each["metric"] == metric);
    curve.map(|curve| curve["points"].as_array().unwrap().clone()).unwrap_or_default()
}

#[test]
fn curves_and_usage_come_while_it_runs_and_stay() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut region = Region::start();
    let before = runtime.block_on(async {
        let client = region.client();
        rows(&client).await;
        assert!(client.training_metrics(NAME).await.is_err());
        let mut watch = client.follow_region(None, true).await.unwrap();
        client.call("sagemaker", "CreateTrainingJob", &training(NAME, 20_000)).await.unwrap();
        let mut live = client.follow_training(NAME).await.unwrap();
        let first = live.next().await.unwrap().unwrap();
        assert_eq!(
            (&first["history"]["job"], &first["history"]["from"]),
            (&json!(NAME), &json!("memory"))
        );
        let usage = until(&mut live, "a reading that has one before it", |line| {
            line["usage"] == "algo-1" && line["cpu_percent"].as_f64().unwrap() > 0.0
        })
        .await;
        assert!(usage["memory_bytes"].as_u64().unwrap() > 1_000_000, "{usage}");
        assert!(usage["measured"].as_str().unwrap().contains("/proc/"), "{usage}");
        let metric = until(&mut live, "a metric", |line| line.get("metric").is_some()).await;
        assert_eq!(metric["metric"], "train:logloss", "{metric}");
        assert!(metric["step"].as_u64().is_some() && metric["at"].as_f64().is_some(), "{metric}");
        // The row is kept current meanwhile.
        let row = until(&mut watch, "the row with a metric", |line| {
            line["name"] == NAME && line["body"]["FinalMetricDataList"].is_array()
        })
        .await;
        assert_eq!(row["status"], "InProgress");
        assert_eq!(row["body"]["SecondaryStatus"], "Training");
        assert!(row["body"]["SecondaryStatusTransitions"].as_array().unwrap().len() >= 2);
        let history = client.training_metrics(NAME).await.unwrap();
        assert_eq!(history["status"], "InProgress");
        assert!(!points(&history, "train:logloss").is_empty());
        assert_eq!(history["usage"][0]["host"], "algo-1");
        let stop = json!({"TrainingJobName": NAME});
        client.call("sagemaker", "StopTrainingJob", &stop).await.unwrap();
        let end = until(&mut live, "the end", |line| line.get("ended").is_some()).await;
        assert_eq!(end["ended"], format!("training job {NAME} is Stopped"));
        assert_eq!(live.next().await.unwrap(), None);
        let history = client.training_metrics(NAME).await.unwrap();
        let curve = points(&history, "train:logloss");
        assert!(curve.len() > 1 && curve.len() <= 1000);
        curve
    });
    region.kill();
    region.restart();
    runtime.block_on(async {
        let client = region.client();
        let history = client.training_metrics(NAME).await.unwrap();
        assert_eq!(history["from"], "log");
        assert_eq!(points(&history, "train:logloss"), before);
        let mut live = client.follow_training(NAME).await.unwrap();
        let first = live.next().await.unwrap().unwrap();
        assert_eq!(points(&first["history"], "train:logloss"), before);
        assert!(live.next().await.unwrap().unwrap().get("ended").is_some());
    });
}
