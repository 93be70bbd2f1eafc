//! Which release of SageMaker's XGBoost container an image is. The release decides which hyperparameters and
//! metrics there are, what the log says, where training starts, and how much of a model predicts.

use super::objective::Kind;
use std::fmt;

/// A release by its tag: `1.7-1` is the first container of the library's version 1.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    library: (u16, u16),
    release: u16,
}

impl Version {
    /// The image `xgboost`, older than all of `sagemaker-xgboost`.
    pub const FIRST: Self = Self::new(0, 72, 0);
    pub const NEWEST: Self = Self::new(3, 0, 5);

    pub const fn new(major: u16, minor: u16, release: u16) -> Self {
        Self { library: (major, minor), release }
    }

    /// The release of `<repository>:<tag>`; the newest where the tag names none.
    pub fn of_image(image: &str) -> Self {
        let (repository, tag) = image.split_once(':').unwrap_or((image, ""));
        if repository == "xgboost" {
            return Self::FIRST;
        }
        Self::parse(tag).unwrap_or(Self::NEWEST)
    }

    /// `1.7-1`, also with what the SDK puts behind it (`1.0-1-cpu-py3`).
    fn parse(tag: &str) -> Option<Self> {
        let mut parts = tag.split('-');
        let (major, minor) = parts.next()?.split_once('.')?;
        let release = parts.next()?.parse().ok()?;
        Some(Self::new(major.parse().ok()?, minor.parse().ok()?, release))
    }

    /// The library's version, major and minor.
    pub fn library(self) -> (u16, u16) {
        self.library
    }

    /// Where training starts when `base_score` is not given: `None` to estimate it from the labels, as the
    /// library does from 2.0 on, and for one objective before.
    pub fn base_score(self, objective: Kind) -> Option<f32> {
        let estimates =
            self.library >= (2, 0) || (self.library >= (1, 7) && objective == Kind::AbsoluteError);
        (!estimates).then_some(0.5)
    }

    /// Whether the attribute `best_ntree_limit` of a saved model says how many trees predict. The library
    /// did not read it back before 1.4 and knows it no more from 2.0 on.
    pub fn heeds_best_ntree_limit(self) -> bool {
        ((1, 4)..(2, 0)).contains(&self.library)
    }

    /// The form that a library of this version reads and that is nearest to what is usual today.
    pub fn form(self) -> Form {
        match self.library {
            (0, _) => Form::Binary,
            (1, 0..6) => Form::Json,
            _ => Form::Ubjson,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.library;
        write!(f, "{major}.{minor}")?;
        if self.release > 0 { write!(f, "-{}", self.release) } else { Ok(()) }
    }
}

/// How a trained model is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Binary,
    Json,
    Ubjson,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("sagemaker-xgboost:1.7-1", "1.7-1")]
    #[case("sagemaker-xgboost:0.90-2", "0.90-2")]
    #[case("sagemaker-xgboost:0.90-1-cpu-py3", "0.90-1")]
    #[case("sagemaker-xgboost:latest", "3.0-5")]
    #[case("sagemaker-xgboost", "3.0-5")]
    #[case("", "3.0-5")]
    #[case("xgboost:1", "0.72")]
    #[case("xgboost:latest", "0.72")]
    #[case("sagemaker-xgboost:4.1-1", "4.1-1")]
    fn a_release_is_told_by_its_image(#[case] image: &str, #[case] release: &str) {
        assert_eq!(Version::of_image(image).to_string(), release);
    }

    #[test]
    fn releases_are_in_their_order() {
        let releases = ["0.90-1", "0.90-2", "1.0-1", "1.2-1", "1.2-2", "1.7-1", "3.0-5", "3.10-1"];
        let parsed: Vec<Version> =
            releases.iter().map(|tag| Version::parse(tag).unwrap()).collect();
        assert!(parsed.is_sorted() && parsed[0] > Version::FIRST);
    }

    #[test]
    fn the_librarys_changes_are_those_of_its_release() {
        let of = |tag: &str| Version::parse(tag).unwrap();
        assert_eq!(of("1.7-1").base_score(Kind::SquaredError), Some(0.5));
        assert_eq!(of("1.7-1").base_score(Kind::AbsoluteError), None);
        assert_eq!(of("3.0-5").base_score(Kind::SquaredError), None);
        let heeded = ["0.90-2", "1.3-1", "1.5-1", "1.7-1", "3.0-5"]
            .map(|tag| of(tag).heeds_best_ntree_limit());
        assert_eq!(heeded, [false, false, true, true, false]);
        let forms = ["0.90-2", "1.5-1", "1.7-1"].map(|tag| of(tag).form());
        assert_eq!(forms, [Form::Binary, Form::Json, Form::Ubjson]);
    }
}
