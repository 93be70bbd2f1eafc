//! SageMaker's built-in XGBoost: histogram gradient-boosted trees of our own, which read and write the
//! model format of the XGBoost library.
//!
//! Features are cut into [`bins`] at their quantiles; a tree is grown ([`grow`]) by summing the
//! gradients ([`objective`], [`ranking`]) of a node's rows over the bins ([`histogram`]) and taking the
//! split that lowers the loss most ([`split`]); [`fit`] repeats that. Around this core, [`model`] is the
//! library's document, [`declared`], [`hyperparameters`] and [`constraints`] are the container's hyperparameters, and
//! [`train`] and [`serve`] are what the container does.

mod binary;
mod bins;
mod booster;
mod constraints;
mod declared;
mod fit;
mod grow;
mod histogram;
mod hyperparameters;
mod log;
mod median;
mod metric;
mod model;
mod objective;
mod pickle;
mod ranking;
mod serve;
mod split;
mod train;
mod tree;
mod ubjson;
mod version;

use super::{Algorithm, Failure, Predictor, TrainingInput};
use booster::Booster;
pub use declared::METRICS;
use std::io::Write;
use std::path::Path;
use version::Version;

/// The artifact's name in the model folder.
const MODEL_FILE: &str = "xgboost-model";

/// The algorithm, as one of the releases of its container.
pub struct Xgboost {
    version: Version,
}

impl Xgboost {
    pub fn of_image(image: &str) -> Self {
        Self { version: Version::of_image(image) }
    }
}

impl Algorithm for Xgboost {
    fn name(&self) -> &'static str {
        "xgboost"
    }

    fn train(&self, job: &TrainingInput, log: &mut dyn Write) -> Result<(), Failure> {
        train::train(self.version, job, log)
    }

    /// The container's user errors end a framework that reports them as the algorithm's.
    fn reason(&self, failure: &Failure) -> String {
        match failure {
            Failure::Client(text) => format!("AlgorithmError: framework error: UserError: {text}"),
            Failure::Algorithm(text) => {
                format!("AlgorithmError: framework error: AlgorithmError: {text}")
            }
            Failure::Internal(_) => failure.to_string(),
        }
    }

    fn load(&self, model_dir: &Path) -> Result<Box<dyn Predictor>, Failure> {
        Ok(Box::new(serve::load(self.version, model_dir)?))
    }
}
