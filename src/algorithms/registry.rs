//! The algorithms inside this binary, by name.

use super::Algorithm;

static ALGORITHMS: &[&dyn Algorithm] =
    &[&super::linear_learner::LinearLearner, &super::xgboost::Xgboost];

/// The algorithm of this name, or `None` when it is not built in.
pub fn find(name: &str) -> Option<&'static dyn Algorithm> {
    ALGORITHMS.iter().copied().find(|algorithm| algorithm.name() == name)
}

/// The names of all built-in algorithms.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALGORITHMS.iter().map(|algorithm| algorithm.name())
}
