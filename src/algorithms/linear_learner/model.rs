//! The model's file: our own, JSON, one for each instance that trained.
//!
//! The real algorithm's artifact is an MXNet module; this one is `model_algo-<n>.json`, which says so in
//! its `format`. It holds weights and biases for features as they come (scaling is folded in), so
//! that serving is one product. When the data was sharded over instances, each wrote the model of its
//! shard, and the model served is their mean, each counting as many times as it had rows.

use super::settings::PredictorType;
use crate::algorithms::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

pub const FORMAT: &str = "sagebrush-linear-learner-1";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearModel {
    pub format: String,
    pub predictor_type: PredictorType,
    /// The loss's name, which says what a score is: a probability, a margin or the label itself.
    pub loss: String,
    pub feature_dim: usize,
    /// One row of weights for each output: one, or as many as classes.
    pub weights: Vec<Vec<f64>>,
    pub biases: Vec<f64>,
    /// Scores from here on are class 1 (binary classifiers).
    pub threshold: f64,
    /// Rows it was trained on.
    pub rows: usize,
    pub host: String,
    /// The instances whose models make up the whole; one unless the data was sharded.
    pub hosts: Vec<String>,
    /// How the chosen one of the models was trained.
    pub hyperparameters: BTreeMap<String, serde_json::Value>,
}

impl LinearModel {
    pub fn save(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(format!("model_{}.json", self.host));
        serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|bytes| std::fs::write(&path, bytes))
            .map_err(|error| Failure::internal(format!("cannot write {}: {error}", path.display())))
    }

    pub fn load(folder: &Path) -> Result<Self, Failure> {
        let mut parts = Vec::new();
        let entries = std::fs::read_dir(folder)
            .map_err(|error| unreadable(&folder.display().to_string(), &error.to_string()))?;
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("model_") && name.ends_with(".json") {
                parts.push(Self::read(&entry.path(), &name)?);
            }
        }
        parts.sort_by(|one, other| one.host.cmp(&other.host));
        Self::combine(&parts, folder)
    }

    fn read(path: &Path, name: &str) -> Result<Self, Failure> {
        let bytes = std::fs::read(path).map_err(|error| unreadable(name, &error.to_string()))?;
        let model: Self =
            serde_json::from_slice(&bytes).map_err(|error| unreadable(name, &error.to_string()))?;
        let outputs = model.weights.len();
        let shaped = outputs > 0
            && model.feature_dim > 0
            && model.biases.len() == outputs
            && model.weights.iter().all(|row| row.len() == model.feature_dim)
            && (model.predictor_type == PredictorType::MulticlassClassifier) == (outputs > 1);
        if model.format != FORMAT {
            return Err(unreadable(name, &format!("its format is {:?}", model.format)));
        }
        if !shaped {
            return Err(unreadable(name, "its weights do not have the shape it states"));
        }
        Ok(model)
    }

    /// The mean of the shards' models.
    fn combine(parts: &[Self], folder: &Path) -> Result<Self, Failure> {
        let Some(mut whole) = parts.first().cloned() else {
            return Err(Failure::client(format!(
                "{} holds no model_<host>.json. Models trained by AWS's own container (MXNet) are not \
                 read here: train the model in this region.",
                folder.display()
            )));
        };
        if whole.hosts.len() == 1 && parts.len() == 1 {
            return Ok(whole);
        }
        let there: Vec<&str> = parts.iter().map(|part| part.host.as_str()).collect();
        let mut expected: Vec<&str> = whole.hosts.iter().map(String::as_str).collect();
        expected.sort_unstable();
        if there != expected {
            return Err(unreadable(
                "the artifact",
                &format!(
                    "it was trained on {} but holds the models of {}",
                    expected.join(", "),
                    there.join(", ")
                ),
            ));
        }
        let alike = |part: &Self| {
            part.feature_dim == whole.feature_dim
                && part.weights.len() == whole.weights.len()
                && part.loss == whole.loss
        };
        if !parts.iter().all(alike) {
            return Err(unreadable("the artifact", "its shards' models differ in shape or loss"));
        }
        let rows: f64 = parts.iter().map(|part| part.rows as f64).sum();
        let mean = |of: &dyn Fn(&Self) -> f64| -> f64 {
            parts.iter().map(|part| of(part) * part.rows as f64 / rows).sum()
        };
        for output in 0..whole.weights.len() {
            for feature in 0..whole.feature_dim {
                whole.weights[output][feature] = mean(&|part| part.weights[output][feature]);
            }
            whole.biases[output] = mean(&|part| part.biases[output]);
        }
        whole.threshold = mean(&|part| part.threshold);
        whole.rows = rows as usize;
        Ok(whole)
    }
}

fn unreadable(name: &str, why: &str) -> Failure {
    Failure::client(format!("{name} cannot be used as a linear-learner model: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(host: &str, hosts: &[&str], weight: f64, rows: usize) -> LinearModel {
        LinearModel {
            format: FORMAT.into(),
            predictor_type: PredictorType::Regressor,
            loss: "mse_objective".into(),
            feature_dim: 1,
            weights: vec![vec![weight]],
            biases: vec![weight / 3.0],
            threshold: 0.5,
            rows,
            host: host.into(),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            hyperparameters: BTreeMap::new(),
        }
    }

    #[test]
    fn a_model_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let written = model("algo-1", &["algo-1"], 0.1 + 0.2, 9);
        written.save(folder.path()).unwrap();
        assert_eq!(LinearModel::load(folder.path()), Ok(written));
    }

    #[test]
    fn shards_count_by_their_rows_and_none_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = ["algo-1", "algo-2"];
        model("algo-1", &hosts, 1.0, 30).save(folder.path()).unwrap();
        let missing = LinearModel::load(folder.path()).unwrap_err().to_string();
        assert!(missing.contains("algo-1, algo-2"), "{missing}");
        model("algo-2", &hosts, 5.0, 10).save(folder.path()).unwrap();
        assert_eq!(LinearModel::load(folder.path()).unwrap().weights, [[2.0]]);
    }

    #[test]
    fn what_is_no_model_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(LinearModel::load(folder.path()).unwrap_err().to_string().contains("MXNet"));
        let mut damaged = model("algo-1", &["algo-1"], 1.0, 1);
        damaged.biases.clear();
        damaged.save(folder.path()).unwrap();
        assert!(LinearModel::load(folder.path()).unwrap_err().to_string().contains("shape"));
    }
}
