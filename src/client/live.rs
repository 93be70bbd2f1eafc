//! What a front end follows and asks below `/_sagebrush/`, by name instead of by path. What each
//! answers is documented with the gateway's module that answers it.

use super::object::encode;
use super::{CallError, Client, Lines};
use serde_json::Value;

impl Client {
    /// The region's resources, then every change of them; with `since` the changes after that
    /// revision alone. With `bodies` each row carries what Describe answers.
    pub async fn follow_region(
        &self,
        since: Option<u64>,
        bodies: bool,
    ) -> Result<Lines, CallError> {
        let mut path = format!("watch?bodies={}", u8::from(bodies));
        if let Some(since) = since {
            path.push_str(&format!("&since={since}"));
        }
        self.lines(&path).await
    }

    /// Where in the region there is traffic, twice a second.
    pub async fn follow_traffic(&self) -> Result<Lines, CallError> {
        self.lines("live").await
    }

    /// An endpoint's variants, instances and deployment, ten times a second.
    pub async fn follow_endpoint(&self, name: &str) -> Result<Lines, CallError> {
        self.lines(&format!("endpoints/{}/live", encode(name))).await
    }

    /// A training job's metrics and what its containers use: all so far, then whatever comes.
    pub async fn follow_training(&self, job: &str) -> Result<Lines, CallError> {
        self.lines(&format!("training-jobs/{}/live", encode(job))).await
    }

    /// A training job's metrics and usage so far.
    pub async fn training_metrics(&self, job: &str) -> Result<Value, CallError> {
        self.internal(&format!("training-jobs/{}/metrics", encode(job))).await
    }

    /// Has an instance of an endpoint stopped in order, or killed as a crash would end it.
    pub async fn stop_instance(
        &self,
        endpoint: &str,
        instance: &str,
        kill: bool,
    ) -> Result<Value, CallError> {
        let how = if kill { "kill" } else { "stop" };
        let (endpoint, instance) = (encode(endpoint), encode(instance));
        self.internal_post(&format!("endpoints/{endpoint}/instances/{instance}/stop?how={how}"))
            .await
    }

    /// What runs the containers, on what, within which bounds.
    pub async fn engine(&self) -> Result<Value, CallError> {
        self.internal("engine").await
    }

    /// What all of this costs at AWS's list prices; `lines` adds the lists of jobs and endpoints.
    pub async fn cost(&self, lines: bool) -> Result<Value, CallError> {
        self.internal(&format!("cost?lines={}", u8::from(lines))).await
    }
}
