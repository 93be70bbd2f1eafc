//! The reconciler against containers that are well, that end, that stay silent, that die later.

use super::super::HoldTimes;
use super::super::testing::Bench;
use crate::domain::kind::ENDPOINT;
use crate::domain::time::{ManualClock, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

async fn create(bench: &Bench, endpoint: &str, config: &str) {
    let input = json!({"EndpointName": endpoint, "EndpointConfigName": config});
    bench.call("CreateEndpoint", input).await.unwrap();
}

async fn update(bench: &Bench, config: &str, more: Value) -> Result<Value, String> {
    let mut input = json!({"EndpointName": "e", "EndpointConfigName": config});
    for (member, value) in more.as_object().unwrap() {
        input[member] = value.clone();
    }
    bench.call("UpdateEndpoint", input).await.map_err(|error| error.message)
}

fn instances(bench: &Bench, endpoint: &str) -> Vec<usize> {
    let endpoint = bench.region.plane().endpoint(endpoint).unwrap();
    endpoint.table().variants.iter().map(|variant| variant.instances.len()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn healthy_instances_are_in_service() {
    let bench = Bench::new().await;
    bench.config("well", "fake/healthy", json!({"InitialInstanceCount": 3})).await;
    create(&bench, "e", "well").await;
    let row = bench.until_status(ENDPOINT, "e", "InService").await;
    let variant = &row.body["ProductionVariants"][0];
    assert_eq!(variant["CurrentInstanceCount"], 3);
    assert_eq!(variant["CurrentWeight"], 1.0);
    assert!(variant.get("VariantStatus").is_none());
    assert!(row.body.get("PendingDeploymentSummary").is_none());
    assert_eq!(instances(&bench, "e"), [3]);
    let again = json!({"EndpointName": "e", "EndpointConfigName": "well"});
    let error = bench.call("CreateEndpoint", again).await.unwrap_err();
    assert_eq!(
        error.message,
        "Cannot create already existing endpoint \
         \"arn:aws:sagemaker:us-east-1:123456789012:endpoint/e\"."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_that_is_used_brings_its_own_model() {
    let bench = Bench::new().await;
    bench.config("well", "fake/healthy", json!({})).await;
    let pools = json!([
        {"InstanceType": "ml.c5.large", "Priority": 2},
        {"InstanceType": "ml.m5.large", "Priority": 1, "ModelNameOverride": "well"},
    ]);
    let pooled = json!({"InstanceType": null, "InstancePools": pools});
    bench.config("ends", "fake/exits", pooled).await;
    create(&bench, "e", "ends").await;
    let row = bench.until_status(ENDPOINT, "e", "InService").await;
    let image = &row.body["ProductionVariants"][0]["DeployedImages"][0]["SpecifiedImage"];
    assert_eq!(image, "fake/healthy");
}

/// A describing call comes back when the row has settled, however many steps that took.
#[tokio::test(flavor = "multi_thread")]
async fn a_describe_waits_for_its_endpoint_to_settle() {
    let hold = HoldTimes { endpoints: HoldTimes::LONGEST, ..HoldTimes::default() };
    let bench = Bench::holding(hold).await;
    bench.config("well", "fake/healthy", json!({"InitialInstanceCount": 2})).await;
    for name in ["a", "B", "c"] {
        create(&bench, name, "well").await;
        let seen = bench.call("DescribeEndpoint", json!({"EndpointName": name})).await.unwrap();
        assert_eq!(seen["EndpointStatus"], "InService");
    }
    bench.call("DeleteEndpoint", json!({"EndpointName": "a"})).await.unwrap();
    let gone = bench.call("DescribeEndpoint", json!({"EndpointName": "a"})).await.unwrap_err();
    assert!(gone.message.starts_with("Could not find endpoint"), "{}", gone.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_ends_fails_the_endpoint_with_its_last_words() {
    let bench = Bench::new().await;
    bench.config("ends", "fake/exits", json!({})).await;
    create(&bench, "e", "ends").await;
    let row = bench.until_status(ENDPOINT, "e", "Failed").await;
    let reason = row.body["FailureReason"].as_str().unwrap();
    assert!(reason.starts_with("The primary container for production variant main did not pass"));
    assert!(reason.contains("code 3") && reason.contains("no such model"), "{reason}");
    assert!(bench.region.plane().endpoint("e").is_none());
    bench.config("well", "fake/healthy", json!({})).await;
    let error = update(&bench, "well", json!({})).await.unwrap_err();
    assert!(error.contains("can only be deleted"), "{error}");
    bench.call("DeleteEndpoint", json!({"EndpointName": "e"})).await.unwrap();
    bench.until_gone(ENDPOINT, "e").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_run_says_so() {
    let bench = Bench::new().await;
    bench.config("foreign", "fake/foreign", json!({})).await;
    create(&bench, "e", "foreign").await;
    let row = bench.until_status(ENDPOINT, "e", "Failed").await;
    assert_eq!(row.body["FailureReason"], "fake/foreign does not run in this engine.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_container_is_called_out_and_fails_in_the_end() {
    let bench = Bench::new().await;
    let timeout = json!({"ContainerStartupHealthCheckTimeoutInSeconds": 6});
    bench.config("silent", "fake/silent", timeout).await;
    create(&bench, "e", "silent").await;
    let row = bench
        .until(ENDPOINT, "e", |row| {
            let status = &row.body["ProductionVariants"][0]["VariantStatus"][0];
            status["StatusMessage"].as_str().is_some_and(|said| said.contains("GET /ping for 5 s"))
        })
        .await;
    assert_eq!(row.status, "Creating");
    let error = bench.call("DeleteEndpoint", json!({"EndpointName": "e"})).await.unwrap_err();
    assert!(error.message.starts_with("Cannot update in-progress endpoint"), "{error}");
    let row = bench.until_status(ENDPOINT, "e", "Failed").await;
    let reason = row.body["FailureReason"].as_str().unwrap();
    assert!(reason.contains("did not pass the ping health check"), "{reason}");
    assert_eq!(bench.engine.running("fake/silent"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_dies_is_replaced() {
    let bench = Bench::new().await;
    bench.config("well", "fake/healthy", json!({"InitialInstanceCount": 2})).await;
    create(&bench, "e", "well").await;
    bench.until_status(ENDPOINT, "e", "InService").await;
    let before = bench.region.plane().endpoint("e").unwrap();
    assert_eq!(bench.engine.crash("fake/healthy"), 2);
    for _ in 0..1_000 {
        let now = bench.region.plane().endpoint("e").unwrap();
        let ids = |endpoint: &crate::serving::Endpoint| -> Vec<String> {
            endpoint.table().variants[0].instances.iter().map(|each| each.id.clone()).collect()
        };
        let (old, new) = (ids(&before), ids(&now));
        if new.len() == 2 && new.iter().all(|id| !old.contains(id)) {
            assert_eq!(bench.row(ENDPOINT, "e").unwrap().status, "InService");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the instances were not replaced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_fleet_takes_over_from_the_old() {
    let bench = Bench::new().await;
    bench.config("old", "fake/healthy", json!({"InitialInstanceCount": 2})).await;
    bench.config("new", "fake/newer", json!({"InitialVariantWeight": 0.5})).await;
    create(&bench, "e", "old").await;
    bench.until_status(ENDPOINT, "e", "InService").await;
    let canary = json!({"DeploymentConfig": {"BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "CANARY", "WaitIntervalInSeconds": 60,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 20}},
        "TerminationWaitInSeconds": 10}}});
    update(&bench, "new", canary.clone()).await.unwrap();
    let error = update(&bench, "new", json!({})).await.unwrap_err();
    assert!(error.starts_with("Cannot update in-progress endpoint"), "{error}");
    bench
        .until(ENDPOINT, "e", |row| {
            let summary = &row.body["PendingDeploymentSummary"]["ProductionVariants"][0];
            summary["VariantStatus"][0]["Status"] == "Baking"
        })
        .await;
    let row = bench.until_status(ENDPOINT, "e", "InService").await;
    assert_eq!(row.body["EndpointConfigName"], "new");
    assert_eq!(row.body["LastDeploymentConfig"], canary["DeploymentConfig"]);
    assert_eq!(row.body["ProductionVariants"][0]["CurrentWeight"], 0.5);
    assert!(row.body.get("FailureReason").is_none());
    assert_eq!(instances(&bench, "e"), [1]);
    assert_eq!(bench.engine.running("fake/newer"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_of_the_old_fleet_that_dies_meanwhile_is_replaced() {
    let bench = Bench::new().await;
    bench.config("old", "fake/healthy", json!({"InitialInstanceCount": 2})).await;
    bench.config("new", "fake/newer", json!({})).await;
    create(&bench, "e", "old").await;
    bench.until_status(ENDPOINT, "e", "InService").await;
    let serving = || -> Vec<Vec<String>> {
        let endpoint = bench.region.plane().endpoint("e").unwrap();
        let variants = endpoint.table().variants.iter();
        variants.map(|each| each.instances.iter().map(|each| each.id.clone()).collect()).collect()
    };
    let lost = serving().remove(0);
    // Longer than the test has patience, even at its pace: it ends in the midst of the bake.
    let slow = json!({"DeploymentConfig": {"BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "LINEAR", "WaitIntervalInSeconds": 3600,
            "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 10}}}}});
    update(&bench, "new", slow).await.unwrap();
    bench
        .until(ENDPOINT, "e", |row| {
            let summary = &row.body["PendingDeploymentSummary"]["ProductionVariants"][0];
            summary["VariantStatus"][0]["Status"] == "Baking"
        })
        .await;
    assert_eq!(bench.engine.crash("fake/healthy"), 2);
    loop {
        let now = serving();
        assert_eq!(now.len(), 2, "both fleets take requests");
        if now[0].len() == 2 && now[0].iter().all(|id| !lost.contains(id)) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    assert_eq!(bench.row(ENDPOINT, "e").unwrap().status, "Updating");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_new_fleet_fails_the_old_one_goes_on() {
    let bench = Bench::new().await;
    bench.config("old", "fake/healthy", json!({})).await;
    bench.config("bad", "fake/exits", json!({})).await;
    create(&bench, "e", "old").await;
    bench.until_status(ENDPOINT, "e", "InService").await;
    update(&bench, "bad", json!({})).await.unwrap();
    let row = bench
        .until(ENDPOINT, "e", |row| {
            row.status == "InService" && row.body["FailureReason"].is_string()
        })
        .await;
    assert_eq!(row.body["EndpointConfigName"], "old");
    assert!(row.body.get("PendingDeploymentSummary").is_none());
    assert_eq!(instances(&bench, "e"), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_and_counts_change_in_place() {
    let bench = Bench::new().await;
    bench.config("well", "fake/healthy", json!({})).await;
    create(&bench, "e", "well").await;
    bench.until_status(ENDPOINT, "e", "InService").await;
    for (count, weight) in [(3, 0.25), (1, 4.0)] {
        let wanted = json!({"EndpointName": "e", "DesiredWeightsAndCapacities": [
            {"VariantName": "main", "DesiredInstanceCount": count, "DesiredWeight": weight}]});
        bench.call("UpdateEndpointWeightsAndCapacities", wanted).await.unwrap();
        let row = bench.until_status(ENDPOINT, "e", "InService").await;
        let variant = &row.body["ProductionVariants"][0];
        assert_eq!(variant["CurrentInstanceCount"], count);
        assert_eq!(variant["CurrentWeight"], weight);
        let endpoint = bench.region.plane().endpoint("e").unwrap();
        assert_eq!(endpoint.table().variants[0].instances.len(), count as usize);
        assert_eq!(endpoint.table().variants[0].weight, weight);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_endpoint_leaves_nothing_but_its_configuration() {
    let bench = Bench::new().await;
    bench.config("well", "fake/healthy", json!({})).await;
    create(&bench, "e", "well").await;
    bench.until_status(ENDPOINT, "e", "InService").await;
    bench.call("DeleteEndpoint", json!({"EndpointName": "e"})).await.unwrap();
    bench.until_gone(ENDPOINT, "e").await;
    assert_eq!(bench.engine.running("fake/healthy"), 0);
    assert!(bench.region.plane().endpoint("e").is_none());
    assert!(
        bench.call("DescribeEndpointConfig", json!({"EndpointConfigName": "well"})).await.is_ok()
    );
    let error = bench.call("DescribeEndpoint", json!({"EndpointName": "e"})).await.unwrap_err();
    assert_eq!(error.code, "ValidationException");
    assert!(error.message.starts_with("Could not find endpoint \"arn:"), "{error}");
    create(&bench, "e", "well").await;
    bench.until_status(ENDPOINT, "e", "InService").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_come_back_without_a_call() {
    let bench = Bench::new().await;
    bench.config("well", "fake/healthy", json!({"InitialInstanceCount": 2})).await;
    create(&bench, "e", "well").await;
    bench.until_status(ENDPOINT, "e", "InService").await;
    let mut bench = bench.crash().await;
    for end in 0..2 {
        while bench.region.plane().endpoint("e").is_none_or(|endpoint| {
            endpoint.table().variants.first().is_none_or(|variant| variant.instances.len() < 2)
        }) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(bench.row(ENDPOINT, "e").unwrap().status, "InService");
        if end == 0 {
            bench = bench.restart().await;
        }
    }
}

/// Nothing else runs between the opening and the look: this runtime has one thread.
#[tokio::test]
async fn an_acknowledged_endpoint_is_published_before_the_region_is_open() {
    let bench = Bench::new().await;
    bench.config("well", "fake/healthy", json!({})).await;
    create(&bench, "E", "well").await;
    bench.until_status(ENDPOINT, "E", "InService").await;
    let bench = bench.crash().await;
    let endpoint = bench.region.plane().endpoint("E").unwrap();
    assert_eq!(endpoint.table().variants[0].name, "main");
    assert!(endpoint.table().variants[0].instances.is_empty());
    let invocation = crate::serving::Invocation {
        endpoint: "E".into(),
        target_variant: None,
        headers: http::HeaderMap::new(),
        body: http_body_util::BodyExt::boxed_unsync(http_body_util::BodyExt::map_err(
            http_body_util::Empty::new(),
            |never| match never {},
        )),
        response_stream: false,
        received: std::time::Instant::now(),
    };
    let error = crate::serving::forward(bench.region.plane(), invocation).await.unwrap_err();
    assert_eq!((error.status, error.code.as_ref()), (503, "ServiceUnavailable"));
}

/// A clock that is set, or a machine that slept, is no time on instances.
#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_clock_is_not_billed() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
    let bench = Bench::with_clock(clock.clone()).await;
    bench.config("well", "fake/healthy", json!({})).await;
    create(&bench, "e", "well").await;
    bench.until_status(ENDPOINT, "e", "InService").await;
    let billed = |bench: &Bench| {
        let bill = crate::region::bill::report(&bench.region, true).unwrap();
        let bill: Value = serde_json::from_slice(&bill).unwrap();
        bill["Endpoints"][0]["Lines"][0]["InstanceSeconds"].as_f64().unwrap()
    };
    clock.advance(Duration::from_secs(10));
    clock.jump(86_400_000);
    assert_eq!(billed(&bench), 10.0);
    clock.jump(-2 * 86_400_000);
    clock.advance(Duration::from_secs(5));
    assert_eq!(billed(&bench), 15.0);
    // Nor is one that happens while the region is down.
    let bench = bench.restart().await;
    clock.jump(86_400_000);
    let bench = bench.restart().await;
    bench.until_status(ENDPOINT, "e", "InService").await;
    assert_eq!(billed(&bench), 15.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_survives_the_region_s_end() {
    let bench = Bench::new().await;
    bench.config("old", "fake/healthy", json!({})).await;
    bench.config("new", "fake/newer", json!({})).await;
    create(&bench, "e", "old").await;
    bench.until_status(ENDPOINT, "e", "InService").await;
    let slow = json!({"DeploymentConfig": {"BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 600}}}});
    update(&bench, "new", slow).await.unwrap();
    let bench = bench.crash().await;
    let row = bench.until_status(ENDPOINT, "e", "InService").await;
    assert_eq!(row.body["EndpointConfigName"], "new");
}
