//! The built-in algorithms that run inside built-in containers, as `train` and `serve`.
//!
//! An algorithm sees only `/opt/ml` below its root, its environment and its listening socket, as
//! it would in a container of its own; nothing here knows of the region. What differs between
//! algorithms (hyperparameters, the model's files, answers to an invocation) sits behind
//! [`Algorithm`] and [`Predictor`]; what all containers share sits in [`container`] and [`data`].

pub mod container;
pub mod data;
mod failure;
mod input;
pub mod linear_learner;
pub mod metrics;
mod registry;
pub mod xgboost;

pub use data::Matrix;
pub use failure::{Failure, Refusal};
pub use input::{Channel, Compression, InputMode, RecordWrapper, Resources, Stop, TrainingInput};
pub use registry::{find, names};

use std::io::Write;
use std::path::Path;

/// A built-in algorithm: it makes a model of data, and brings a model back to life.
pub trait Algorithm: Sync {
    /// The algorithm's repository name at AWS: `xgboost`, `linear-learner`.
    fn name(&self) -> &'static str;

    /// Trains on the job's channels and leaves the model in `job.model_dir`.
    ///
    /// The lines written to `log` are the container's output, and so CloudWatch's. Once
    /// [`Stop::requested`] tells of a stop, training ends soon, with the model so far saved and `Ok`.
    fn train(&self, job: &TrainingInput, log: &mut dyn Write) -> Result<(), Failure>;

    /// Why training failed, in the words of AWS's container.
    fn reason(&self, failure: &Failure) -> String {
        failure.to_string()
    }

    /// Loads what [`Algorithm::train`] left in `model_dir`.
    fn load(&self, model_dir: &Path) -> Result<Box<dyn Predictor>, Failure>;
}

/// A loaded model, called by many connections at once.
pub trait Predictor: Send + Sync {
    /// Answers one invocation: the body of the answer goes to `answer` (handed over empty, its
    /// capacity reused from the connection's last answer), its content type is returned.
    fn invoke(
        &self,
        invocation: &Invocation<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<&'static str, Refusal>;

    /// The algorithm's content types to send one at a time or in batches, which batch transform asks
    /// for at `/execution-parameters`.
    fn execution_parameters(&self) -> ExecutionParameters {
        ExecutionParameters::default()
    }
}

/// What a client sent to `/invocations`.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The whole `Content-Type`, as sent; `None` when the client named none. [`data::media_type`] strips its parameters.
    pub content_type: Option<&'a str>,
    /// The whole `Accept`, as sent; `None` when the client named none.
    pub accept: Option<&'a str>,
    pub body: &'a [u8],
}

/// The answer to `/execution-parameters`: how batch transform should send its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExecutionParameters {
    pub max_concurrent_transforms: usize,
    pub batch_strategy: &'static str,
    #[serde(rename = "MaxPayloadInMB")]
    pub max_payload_in_mb: usize,
}

impl Default for ExecutionParameters {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            max_concurrent_transforms: cores,
            batch_strategy: "MULTI_RECORD",
            max_payload_in_mb: 6,
        }
    }
}
