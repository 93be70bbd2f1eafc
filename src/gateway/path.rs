//! The paths below `/_sagebrush/`.

use http::Method;
use percent_encoding::percent_decode_str;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Path {
    Health,
    Reset,
    Stop,
    Coverage,
    Cost,
    Engine,
    Instances,
    Watch,
    Logs,
    Live,
    EndpointLive(String),
    StopInstance { endpoint: String, instance: String },
    TrainingMetrics(String),
    TrainingLive(String),
}

impl Path {
    /// Takes a path apart whose `/_sagebrush/` is gone already.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').collect();
        if segments.iter().any(|segment| segment.is_empty()) {
            return None;
        }
        Some(match segments.as_slice() {
            ["health"] => Self::Health,
            ["reset"] => Self::Reset,
            ["stop"] => Self::Stop,
            ["coverage"] => Self::Coverage,
            ["cost"] => Self::Cost,
            ["engine"] => Self::Engine,
            ["instances"] => Self::Instances,
            ["watch"] => Self::Watch,
            ["logs"] => Self::Logs,
            ["live"] => Self::Live,
            ["endpoints", name, "live"] => Self::EndpointLive(decoded(name)),
            ["endpoints", name, "instances", id, "stop"] => {
                Self::StopInstance { endpoint: decoded(name), instance: decoded(id) }
            }
            ["training-jobs", name, "metrics"] => Self::TrainingMetrics(decoded(name)),
            ["training-jobs", name, "live"] => Self::TrainingLive(decoded(name)),
            _ => return None,
        })
    }

    /// The one method that it takes. Who takes GET takes HEAD too.
    pub(super) fn method(&self) -> Method {
        match self {
            Self::Reset | Self::Stop | Self::StopInstance { .. } => Method::POST,
            _ => Method::GET,
        }
    }

    /// Whether its answer goes on until either side ends it.
    pub(super) fn streams(&self) -> bool {
        matches!(
            self,
            Self::Watch | Self::Logs | Self::Live | Self::EndpointLive(_) | Self::TrainingLive(_)
        )
    }
}

pub(super) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(Path::parse("live"), Some(Path::Live));
        assert_eq!(Path::parse("endpoints/a%20b/live"), Some(Path::EndpointLive("a b".into())));
        let stop = Path::parse("endpoints/e/instances/i-1/stop").unwrap();
        assert_eq!(stop, Path::StopInstance { endpoint: "e".into(), instance: "i-1".into() });
        assert_eq!((stop.method(), stop.streams()), (Method::POST, false));
        for wrong in ["", "endpoints//live", "endpoints/e", "endpoints/a/b/live", "live/x", "LIVE"]
        {
            assert_eq!(Path::parse(wrong), None, "{wrong}");
        }
    }
}
