//! What size costs: list pages, starting, idle memory.

use super::fill::fill;
use super::server::Server;
use super::spread;
use serde_json::json;
use std::time::Instant;

const ROUNDS: usize = 9;

/// ListModels' first page with a thousand models and with a million.
pub fn list() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let servers: Vec<(usize, Server)> = [1_000, 1_000_000]
        .into_iter()
        .map(|models| {
            let folder = scratch.path().join(models.to_string());
            fill(&folder, models);
            (models, Server::start(&folder))
        })
        .collect();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    let mut times = vec![Vec::new(); servers.len()];
    for _ in 0..ROUNDS {
        for ((_, server), times) in servers.iter().zip(&mut times) {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..200 {
                    let page = server.client.call("sagemaker", "ListModels", &json!({})).await;
                    let page = page.expect("a page");
                    assert_eq!(page["Models"].as_array().map(Vec::len), Some(10));
                }
                times.push(start.elapsed().as_secs_f64() * 1e6 / 200.0);
            });
        }
    }
    println!("ListModels' first page, µs:");
    let mut medians = Vec::new();
    for ((models, _), times) in servers.iter().zip(&mut times) {
        let (median, text) = spread(times);
        println!("  {models:>9} models  {text}");
        medians.push(median);
    }
    println!("  ratio {:.2} (aim: within 20 %)", medians[1] / medians[0]);
}

/// From the process's start to its first answer with 100,000 resources.
pub fn start() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = scratch.path().join("region");
    fill(&folder, 100_000);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let server = Server::start(&folder);
        let describe = json!({"ModelName": "model-0050000"});
        let answer = server.client.call("sagemaker", "DescribeModel", &describe);
        runtime.block_on(answer).expect("the first answer");
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let text = spread(&mut times).1;
    println!("start to first answer with 100,000 resources, ms: {text} (aim: 100 or less)");
}

/// Resident memory of a region that has nothing to do, after a call of each common kind.
pub fn memory() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let server = Server::start(&scratch.path().join("region"));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    runtime.block_on(async {
        for (service, operation) in [
            ("sagemaker", "ListModels"),
            ("sts", "GetCallerIdentity"),
            ("logs", "DescribeLogGroups"),
            ("iam", "ListRoles"),
        ] {
            server.client.call(service, operation, &json!({})).await.expect("an answer");
        }
        server.client.buckets().await.expect("buckets");
    });
    println!("idle memory, MiB: {:.1} (aim: 50 or less)", server.resident());
}
