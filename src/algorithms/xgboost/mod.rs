//! SageMaker's built-in XGBoost: histogram gradient-boosted trees of our own, which read and write the
//! model format of the XGBoost library.
//!
//! Features are cut into [`bins`] at their quantiles; a tree is grown ([`grow`]) by summing the
//! gradients ([`objective`], [`ranking`]) of a node's rows over the bins ([`histogram`]) and taking the
//! split that lowers the loss most ([`split`]); [`fit`] repeats that. Around this core, [`model`] is the
//! library's document, [`declared`], [`hyperparameters`] and [`constraints`] are the container's hyperparameters, and
//! [`train`] and [`serve`] are what the container does.

mod bins;
mod booster;
mod constraints;
mod declared;
mod fit;
mod grow;
mod histogram;
mod hyperparameters;
mod median;
mod metric;
mod model;
mod objective;
mod ranking;
mod serve;
mod split;
mod train;
mod tree;
mod ubjson;

use super::{Algorithm, Failure, Predictor, TrainingInput};
use booster::Booster;
use std::io::Write;
use std::path::Path;

/// The artifact's name in the model folder.
const MODEL_FILE: &str = "xgboost-model";

/// The algorithm, as the registry of algorithms holds it.
pub struct Xgboost;

impl Algorithm for Xgboost {
    fn name(&self) -> &'static str {
        "xgboost"
    }

    fn train(&self, job: &TrainingInput, log: &mut dyn Write) -> Result<(), Failure> {
        train::train(job, log)
    }

    fn load(&self, model_dir: &Path) -> Result<Box<dyn Predictor>, Failure> {
        Ok(Box::new(serve::load(model_dir)?))
    }
}
