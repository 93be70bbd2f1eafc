//! The algorithms inside this binary, by name.

use super::Algorithm;
use super::linear_learner::LinearLearner;
use super::xgboost::Xgboost;

/// All of them, each as the release that an image's repository and tag name.
fn all(release: &str) -> [Box<dyn Algorithm>; 2] {
    [Box::new(LinearLearner), Box::new(Xgboost::of_image(release))]
}

/// The algorithm of this name, or `None` when it is not built in.
pub fn find(name: &str, release: &str) -> Option<Box<dyn Algorithm>> {
    all(release).into_iter().find(|algorithm| algorithm.name() == name)
}

/// The names of all built-in algorithms.
pub fn names() -> impl Iterator<Item = &'static str> {
    all("").into_iter().map(|algorithm| algorithm.name())
}
