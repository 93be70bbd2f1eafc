//! The models of a folder: the container's own artifact, or the several that cross-validation left.

use super::super::booster::{Booster, Forest};
use super::super::objective::Kind;
use super::super::version::Version;
use super::super::{MODEL_FILE, model, pickle};
use crate::algorithms::{Failure, Matrix};
use std::path::{Path, PathBuf};

/// Models that answer as one: their mean, or what most of them say.
pub struct Models {
    forests: Vec<Forest>,
    pub kind: Kind,
    pub groups: usize,
    pub features: usize,
    /// What there is to say of the files, one sentence each.
    pub notes: Vec<String>,
}

impl Models {
    pub fn load(version: Version, folder: &Path) -> Result<Self, Failure> {
        let (files, mut notes) = model_files(folder)?;
        let mut boosters: Vec<Booster> = Vec::new();
        for path in files {
            notes.push(format!("Loading the model from {}", place(&path)));
            let bytes = std::fs::read(&path).map_err(|error| {
                Failure::internal(format!("cannot read {}: {error}", path.display()))
            })?;
            boosters.push(read(version, &bytes).map_err(|failure| named(failure, &path))?);
        }
        Self::of(&boosters, notes)
    }

    pub fn of(boosters: &[Booster], notes: Vec<String>) -> Result<Self, Failure> {
        let first = boosters.first().ok_or_else(|| Failure::client("there is no model"))?;
        let (objective, features) = (first.objective, first.features);
        let alike = |other: &Booster| {
            other.objective.kind == objective.kind
                && other.objective.groups() == objective.groups()
                && other.features == features
        };
        if !boosters.iter().all(alike) {
            return Err(Failure::client(
                "the models of the archive differ in objective, classes or features, and cannot answer as one",
            ));
        }
        Ok(Self {
            kind: objective.kind,
            groups: objective.groups(),
            features,
            forests: boosters.iter().map(Booster::forest).collect(),
            notes,
        })
    }

    /// Values that one row's prediction has.
    pub fn outputs(&self) -> usize {
        self.forests.first().map_or(1, Forest::outputs)
    }

    pub fn predict(&self, rows: &Matrix) -> Vec<f32> {
        let mut all = self.forests.iter().map(|forest| forest.predict(rows));
        let mut predictions = all.next().unwrap_or_default();
        if self.forests.len() == 1 {
            return predictions;
        }
        let others: Vec<Vec<f32>> = all.collect();
        for (place, value) in predictions.iter_mut().enumerate() {
            let votes = std::iter::once(*value).chain(others.iter().map(|other| other[place]));
            *value = if matches!(self.kind, Kind::Softmax | Kind::Hinge) {
                most_frequent(votes.collect())
            } else {
                votes.sum::<f32>() / self.forests.len() as f32
            };
        }
        predictions
    }
}

/// The least of those values that occur most often.
fn most_frequent(mut votes: Vec<f32>) -> f32 {
    votes.sort_by(f32::total_cmp);
    let runs = votes.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0]));
    runs.rev().max_by_key(|(count, _)| *count).map_or(f32::NAN, |(_, value)| value)
}

/// Reads a model, with as many trees as a container of this version predicts with.
fn read(version: Version, bytes: &[u8]) -> Result<Booster, Failure> {
    let mut booster = model::read(bytes)?;
    // A pickle keeps what early stopping found at the booster itself, and every container asks for that.
    if version.heeds_best_ntree_limit() || pickle::is_pickle(bytes) {
        let limit = booster.attributes.get("best_ntree_limit");
        let limit = limit.and_then(|limit| limit.parse::<usize>().ok()).filter(|limit| *limit > 0);
        if let Some(trees) = limit.and_then(|limit| limit.checked_mul(booster.objective.groups())) {
            booster.trees.truncate(trees);
            booster.tree_groups.truncate(trees);
        }
    }
    Ok(booster)
}

/// A path as it is inside of the container.
fn place(path: &Path) -> String {
    let path = path.display().to_string();
    path[path.find("/opt/ml/").unwrap_or(0)..].to_owned()
}

fn named(failure: Failure, path: &Path) -> Failure {
    match failure {
        Failure::Client(text) => {
            Failure::Client(format!("Model {} cannot be loaded: {text}", place(path)))
        }
        other => other,
    }
}

/// The container's own artifact, or all files there are: several models answer as one. With what is to be said.
fn model_files(folder: &Path) -> Result<(Vec<PathBuf>, Vec<String>), Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Failure::client(format!("no model: cannot read {}: {error}", folder.display()))
    })?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .filter(|path| {
            path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."))
        })
        .collect();
    files.sort_unstable();
    let usual = folder.join(MODEL_FILE);
    if files.contains(&usual) {
        let notes = if files.len() > 1 {
            vec![format!("{MODEL_FILE} is served; the archive's other files are not read")]
        } else {
            Vec::new()
        };
        return Ok((vec![usual], notes));
    }
    if files.is_empty() {
        return Err(Failure::client(format!(
            "the model archive holds no file. It must hold the model as {MODEL_FILE}"
        )));
    }
    Ok((files, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::super::super::objective::Objective;
    use super::super::super::tree::Tree;
    use super::*;

    fn booster(kind: Kind, margins: &[f32]) -> Booster {
        let objective = Objective { num_class: 2, ..Objective::new(kind) };
        let mut booster = Booster::new(objective, 0.0, 2);
        for margin in margins {
            booster.tree_groups.push(booster.trees.len() % objective.groups());
            booster.trees.push(Tree::stump(*margin, 1.0));
        }
        booster
    }

    fn row() -> Matrix {
        Matrix::new(2, vec![0.0, 0.0]).unwrap()
    }

    #[test]
    fn the_model_is_found_by_its_name_or_is_all_files() {
        let folder = tempfile::tempdir().unwrap();
        let found = || model_files(folder.path()).map(|(files, _)| files);
        assert!(found().unwrap_err().to_string().contains("holds no file"));
        std::fs::write(folder.path().join("xgboost-model-0"), "").unwrap();
        std::fs::write(folder.path().join(".hidden"), "").unwrap();
        assert_eq!(found().unwrap(), [folder.path().join("xgboost-model-0")]);
        std::fs::write(folder.path().join("xgboost-model-1"), "").unwrap();
        assert_eq!(found().unwrap().len(), 2);
        std::fs::write(folder.path().join(MODEL_FILE), "").unwrap();
        assert_eq!(found().unwrap(), [folder.path().join(MODEL_FILE)]);
    }

    #[test]
    fn several_models_answer_with_their_mean_or_by_vote() {
        let of = |boosters: &[Booster]| Models::of(boosters, Vec::new()).unwrap().predict(&row());
        let squares = [1.0, 2.0, 6.0].map(|margin| booster(Kind::SquaredError, &[margin]));
        assert_eq!(of(&squares), [3.0]);
        let classes = [[0.0, 1.0], [0.0, 1.0], [9.0, 0.0]];
        let voters = classes.map(|margins| booster(Kind::Softmax, &margins));
        assert_eq!(of(&voters), [1.0]);
        assert_eq!(of(&voters[1..]), [0.0], "of equals the least");
        let differ = [booster(Kind::SquaredError, &[1.0]), booster(Kind::Gamma, &[1.0])];
        assert!(Models::of(&differ, Vec::new()).is_err());
    }

    #[test]
    fn what_early_stopping_found_counts_where_the_library_reads_it() {
        let mut written = booster(Kind::SquaredError, &[1.0, 2.0, 4.0]);
        written.attributes.insert("best_ntree_limit".to_owned(), "2".to_owned());
        let bytes = model::write(&written);
        for (tag, sum) in [("1.3-1", 7.0), ("1.7-1", 3.0), ("3.0-5", 7.0)] {
            let version = Version::of_image(&format!("sagemaker-xgboost:{tag}"));
            let models = Models::of(&[read(version, &bytes).unwrap()], Vec::new()).unwrap();
            assert_eq!(models.predict(&row()), [sum], "{tag}");
        }
    }
}
